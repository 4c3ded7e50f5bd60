//! Every boundary: where it stands, what it lets through, and what it would stop.

use askama::Template;
use index::{Index, StoreError};

use super::boundary_change::{BoundarySetting, ConfiguredBoundary};
use crate::{
    frame::{Answer, Frame, Setting, shown_briefly},
    rows::{Row, ask},
    target::link,
};

#[derive(Debug)]
struct Boundary {
    name: String,
    place: String,
    /// How it is configured, and where it is previewed how it would be otherwise.
    configured: Option<(BoundarySetting, String)>,
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
    /// Whether there is a configuration that more can be told of.
    is_configured: bool,
    uncrossed: Vec<(ConfiguredBoundary, String)>,
}

/// The page; `configured` are the boundaries of this configuration, of which more can be told.
///
/// Errors: [`StoreError`]: the index could not be asked.
pub fn boundaries(
    setting: &Setting<'_>,
    index: &mut Index,
    configured: &[ConfiguredBoundary],
) -> Result<Answer, StoreError> {
    let sql = "SELECT origin, boundary, environment, mode, protocol, transactions, blocked, would_block, last_at \
               FROM boundaries ORDER BY boundary, origin LIMIT 500";
    let mut rows: Vec<Boundary> = ask(index, sql, &[])?.iter_mut().map(boundary).collect();
    let mut uncrossed = Vec::new();
    for one in configured {
        let place = link("/boundaries/change", [("name", one.name.as_str())]);
        let mut crossed = rows.iter_mut().filter(|row| row.name == one.name).peekable();
        if crossed.peek().is_none() {
            uncrossed.push((one.clone(), place));
            continue;
        }
        for row in crossed {
            row.configured = Some((one.setting.clone(), place.clone()));
        }
    }
    let frame = Frame::new("/boundaries", setting);
    let answer = Answer::page(&Page { frame, rows, is_configured: !configured.is_empty(), uncrossed });
    super::emergency::told(answer, setting, index)
}

fn boundary(row: &mut Row) -> Boundary {
    let (ledger, name) = (row.text(), row.text());
    Boundary {
        place: link("/transactions", [("boundary", name.as_str())]),
        name,
        configured: None,
        ledger,
        environment: row.text(),
        mode: row.text(),
        protocol: row.maybe().unwrap_or_else(|| "files".to_owned()),
        transactions: row.number(),
        blocked: row.number(),
        would_block: row.number(),
        last: shown_briefly(&row.text()),
    }
}
