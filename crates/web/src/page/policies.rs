//! Versions of policies: which was put in force when, by whom and why, and which ruled on how much.

use access::Action;
use askama::Template;
use index::{Index, StoreError};

use crate::{
    Told,
    frame::{Answer, Frame, Setting, shown},
    rows::{Row, ask},
    target::link,
};

pub(crate) mod candidate;
pub(crate) mod compare;

/// What the log of versions says, where this console knows one.
#[derive(Clone, Debug, Default)]
pub struct VersionLog {
    /// What was put in force, the newest first.
    pub activations: Vec<Activation>,
}

/// One version that was put in force.
#[derive(Clone, Debug)]
pub struct Activation {
    /// Which.
    pub version: String,
    /// What it replaced.
    pub previous: Option<String>,
    /// When, as entries write it.
    pub at: String,
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
    /// `activate` or `rollback`.
    pub event: String,
    /// The entry that says so.
    pub place: String,
}

impl Activation {
    fn moment(&self) -> String {
        shown(&self.at)
    }

    fn changes(&self) -> Option<String> {
        let previous = self.previous.as_deref()?;
        Some(link("/policies/compare", [("old", previous), ("new", self.version.as_str())]))
    }

    fn text(&self) -> String {
        link("/policies/candidate", [("from", self.version.as_str())])
    }

    fn rollback(&self) -> String {
        link("/policies/rollback", [("version", self.version.as_str())])
    }
}

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
struct Page<'a> {
    frame: Frame,
    told: Told<'a>,
    log: Option<&'a VersionLog>,
    may_change: bool,
    versions: Vec<Version>,
    changes: Vec<Change>,
}

impl Page<'_> {
    /// What is in force, by the log.
    fn in_force(&self) -> Option<&Activation> {
        self.log.and_then(|log| log.activations.first())
    }
}

/// The page.
///
/// Errors: [`StoreError`]: the index could not be asked.
pub fn policies(
    setting: &Setting<'_>,
    index: &mut Index,
    log: Option<&VersionLog>,
    told: Told<'_>,
) -> Result<Answer, StoreError> {
    let sql = "SELECT version, origin, transactions, blocked, first_at, last_at FROM policies \
               ORDER BY last_at DESC, origin, version LIMIT 200";
    let versions = ask(index, sql, &[])?.iter_mut().map(version).collect();
    let sql = "SELECT at, event, version, previous, who, reason FROM policy_changes \
               ORDER BY at DESC, origin DESC, entry DESC LIMIT 200";
    let changes = ask(index, sql, &[])?.iter_mut().map(change).collect();
    let may_change = setting.may(Action::ChangePolicies);
    let frame = Frame::new("/policies", setting);
    let answer = Answer::page(&Page { frame, told, log, may_change, versions, changes }).with(told);
    super::emergency::told(answer, setting, index)
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
