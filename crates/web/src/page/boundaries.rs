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
}

/// The page.
pub(crate) fn page(setting: &Setting<'_>, index: &mut Index) -> Result<Answer, StoreError> {
    let sql = "SELECT origin, boundary, environment, mode, protocol, transactions, blocked, would_block, last_at \
               FROM boundaries ORDER BY boundary, origin LIMIT 500";
    let rows = ask(index, sql, &[])?.iter_mut().map(boundary).collect();
    Ok(Answer::page(&Page { frame: Frame::new("/boundaries", setting), rows }))
}

fn boundary(row: &mut Row) -> Boundary {
    let (ledger, name) = (row.text(), row.text());
    Boundary {
        place: link("/transactions", [("boundary", name.as_str())]),
        name,
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
