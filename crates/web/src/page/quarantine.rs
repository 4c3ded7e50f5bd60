//! What policy withheld, and what became of it.

use askama::Template;
use index::{Index, QUARANTINE_ENDED, StoreError};

use crate::{
    frame::{Answer, Frame, Setting, shown},
    rows::{Row, ask},
    target::link,
};

#[derive(Debug)]
struct Item {
    name: String,
    event: String,
    at: String,
    boundary: String,
    who: String,
    reason: String,
    waits: bool,
}

#[derive(Template)]
#[template(path = "quarantine.html")]
struct Page {
    frame: Frame,
    rows: Vec<Item>,
    /// Whether whoever looks signed in: the item has a page then.
    is_open: bool,
}

impl Item {
    fn place(&self) -> String {
        link("/quarantine/item", [("item", self.name.as_str())])
    }
}

/// The page.
pub(crate) fn page(setting: &Setting<'_>, index: &mut Index) -> Result<Answer, StoreError> {
    let sql = "SELECT item, event, at, boundary, who, reason FROM quarantine_items \
               ORDER BY at DESC, origin DESC, entry DESC LIMIT 200";
    let rows = ask(index, sql, &[])?.iter_mut().map(item).collect();
    Ok(Answer::page(&Page {
        frame: Frame::new("/quarantine", setting),
        rows,
        is_open: setting.visitor.is_some(),
    }))
}

fn item(row: &mut Row) -> Item {
    let (name, event) = (row.text(), row.text());
    Item {
        waits: !QUARANTINE_ENDED.contains(&event.as_str()),
        name,
        event,
        at: shown(&row.text()),
        boundary: row.text(),
        who: row.text(),
        reason: row.text(),
    }
}
