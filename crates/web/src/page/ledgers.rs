//! The ledgers behind all of it: how long they are, what went wrong beside them, and how to check them.

use askama::Template;
use index::{Index, StoreError};

use crate::{
    frame::{Answer, Frame, Setting, shown},
    rows::{Row, ask},
};

#[derive(Debug)]
struct Ledger {
    origin: String,
    entries: i64,
    last: String,
}

#[derive(Debug)]
struct Incident {
    at: String,
    kind: String,
    boundary: String,
    amount: i64,
    detail: String,
    ledger: String,
    entry: i64,
}

#[derive(Template)]
#[template(path = "ledgers.html")]
struct Page {
    frame: Frame,
    rows: Vec<Ledger>,
    incidents: Vec<Incident>,
}

/// The page.
pub(crate) fn page(setting: &Setting<'_>, index: &mut Index) -> Result<Answer, StoreError> {
    let sql = "SELECT origin, entries, last_at FROM ledgers ORDER BY origin LIMIT 500";
    let rows = ask(index, sql, &[])?.iter_mut().map(ledger).collect();
    let sql = "SELECT at, kind, boundary, amount, detail, origin, entry FROM incidents \
               ORDER BY at DESC, origin DESC, entry DESC LIMIT 200";
    let incidents = ask(index, sql, &[])?.iter_mut().map(incident).collect();
    Ok(Answer::page(&Page { frame: Frame::new("/ledgers", setting), rows, incidents }))
}

fn ledger(row: &mut Row) -> Ledger {
    Ledger { origin: row.text(), entries: row.number(), last: shown(&row.text()) }
}

fn incident(row: &mut Row) -> Incident {
    Incident {
        at: shown(&row.text()),
        kind: row.text(),
        boundary: row.text(),
        amount: row.number(),
        detail: row.text(),
        ledger: row.text(),
        entry: row.number(),
    }
}
