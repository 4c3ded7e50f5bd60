//! Every boundary: where it stands, what it lets through, and what it would stop.

use askama::Template;
use index::{Index, StoreError};

use crate::{
    frame::{Answer, Frame, Setting, shown},
    rows::{Row, ask},
    target::link,
};

#[derive(Debug)]
struct Boundary {
    name: String,
    place: String,
    /// Where another mode of it is previewed.
    other: Option<String>,
    ledger: String,
    environment: String,
    mode: String,
    protocol: String,
    transactions: i64,
    blocked: i64,
    would_block: i64,
    last: String,
}

#[derive(Template)]
#[template(path = "boundaries.html")]
struct Page {
    frame: Frame,
    rows: Vec<Boundary>,
    uncrossed: Vec<String>,
}

/// The page; `configured` are the boundaries of this configuration, whose modes can be previewed.
///
/// Errors: [`StoreError`]: the index could not be asked.
pub fn boundaries(
    setting: &Setting<'_>,
    index: &mut Index,
    configured: &[String],
) -> Result<Answer, StoreError> {
    let sql = "SELECT origin, boundary, environment, mode, protocol, transactions, blocked, would_block, last_at \
               FROM boundaries ORDER BY boundary, origin LIMIT 500";
    let mut rows: Vec<Boundary> = ask(index, sql, &[])?.iter_mut().map(boundary).collect();
    for row in rows.iter_mut().filter(|row| configured.contains(&row.name)) {
        row.other = Some(link("/boundaries/mode", [("name", row.name.as_str())]));
    }
    let is_crossed = |name: &&String| rows.iter().any(|row| row.name == **name);
    let uncrossed = configured.iter().filter(|name| !is_crossed(name)).cloned().collect();
    let answer = Answer::page(&Page { frame: Frame::new("/boundaries", setting), rows, uncrossed });
    super::emergency::told(answer, setting, index)
}

fn boundary(row: &mut Row) -> Boundary {
    let (ledger, name) = (row.text(), row.text());
    Boundary {
        place: link("/transactions", [("boundary", name.as_str())]),
        name,
        other: None,
        ledger,
        environment: row.text(),
        mode: row.text(),
        protocol: row.maybe().unwrap_or_else(|| "files".to_owned()),
        transactions: row.number(),
        blocked: row.number(),
        would_block: row.number(),
        last: shown(&row.text()),
    }
}
