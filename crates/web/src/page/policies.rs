//! Versions of policies: which ruled on how much, and who changed them.

use askama::Template;
use index::{Index, StoreError};

use crate::{
    frame::{Answer, Frame, Setting, shown},
    rows::{Row, ask},
};

#[derive(Debug)]
struct Version {
    name: String,
    ledger: String,
    transactions: i64,
    blocked: i64,
    first: String,
    last: String,
}

#[derive(Debug)]
struct Change {
    at: String,
    event: String,
    version: String,
    previous: String,
    who: String,
    reason: String,
}

#[derive(Template)]
#[template(path = "policies.html")]
struct Page {
    frame: Frame,
    versions: Vec<Version>,
    changes: Vec<Change>,
}

/// The page.
pub(crate) fn page(setting: &Setting<'_>, index: &mut Index) -> Result<Answer, StoreError> {
    let sql = "SELECT version, origin, transactions, blocked, first_at, last_at FROM policies \
               ORDER BY last_at DESC, origin, version LIMIT 200";
    let versions = ask(index, sql, &[])?.iter_mut().map(version).collect();
    let sql = "SELECT at, event, version, previous, who, reason FROM policy_changes \
               ORDER BY at DESC, origin DESC, entry DESC LIMIT 200";
    let changes = ask(index, sql, &[])?.iter_mut().map(change).collect();
    Ok(Answer::page(&Page { frame: Frame::new("/policies", setting), versions, changes }))
}

fn version(row: &mut Row) -> Version {
    Version {
        name: row.text(),
        ledger: row.text(),
        transactions: row.number(),
        blocked: row.number(),
        first: shown(&row.text()),
        last: shown(&row.text()),
    }
}

fn change(row: &mut Row) -> Change {
    Change {
        at: shown(&row.text()),
        event: row.text(),
        version: row.text(),
        previous: row.text(),
        who: row.text(),
        reason: row.text(),
    }
}
