//! One transaction: the six steps as they happened, the policies that decided, and how to prove it.

use askama::Template;
use index::{Index, StoreError, Value};

use super::{
    absent,
    transactions::{COLUMNS, Transaction},
};
use crate::{
    frame::{Answer, Frame, Setting, shown},
    rows::{Row, ask},
    target::{Target, link},
};

/// A record that is worth a look.
#[derive(Debug)]
pub(crate) struct Finding {
    pub(crate) reference: String,
    pub(crate) verdict: String,
    pub(crate) decision: String,
    pub(crate) place: String,
}

/// What the entry says beside [`Transaction`].
#[derive(Debug)]
struct Told {
    environment: String,
    mode: String,
    protocol: String,
    action: String,
    policy: String,
    claim: String,
    proof: Option<String>,
    records: i64,
    omitted: i64,
    item: Option<String>,
    recogniser: Option<String>,
    registry: Option<String>,
    record_root: String,
    settled: Option<String>,
    upstream_request: Option<String>,
}

/// The columns of [`Told`], in its order.
const TOLD: &str = "t.environment, t.mode, t.protocol, t.action, t.policy, t.claim, t.proof, t.records, \
     t.findings_omitted, t.quarantine_item, t.recogniser, t.registry, t.record_root, t.settled_at, t.upstream_request";

impl Told {
    fn of(row: &mut Row) -> Self {
        Self {
            environment: row.text(),
            mode: row.text(),
            protocol: row.text(),
            action: row.text(),
            policy: row.text(),
            claim: row.text(),
            proof: row.maybe(),
            records: row.number(),
            omitted: row.number(),
            item: row.maybe(),
            recogniser: row.maybe(),
            registry: row.maybe(),
            record_root: row.text(),
            settled: row.maybe().map(|moment| shown(&moment)),
            upstream_request: row.maybe(),
        }
    }
}

#[derive(Template)]
#[template(path = "transaction.html")]
struct Page {
    frame: Frame,
    row: Transaction,
    told: Told,
    policies: Vec<String>,
    findings: Vec<Finding>,
}

impl Page {
    /// What the decision means.
    fn decided(&self) -> &'static str {
        match self.row.decision.as_str() {
            "pass" => "Everything of it may cross.",
            "warn" => "It may cross, and somebody is told.",
            _ => "It may not cross.",
        }
    }

    /// What was done then.
    fn applied(&self) -> &'static str {
        match (self.row.decision.as_str(), self.told.item.is_some()) {
            ("block", true) => "Nothing was sent on. It is kept, encrypted, in the quarantine.",
            ("block", false) => "Nothing was sent on.",
            _ => "It was sent on, as it was ruled on.",
        }
    }
}

/// The page.
pub(crate) fn page(target: &Target, setting: &Setting<'_>, index: &mut Index) -> Result<Answer, StoreError> {
    let (Some(origin), Some(entry)) = (target.get("ledger"), target.entry("entry")) else {
        return Ok(absent::page(setting, "A transaction is named by a ledger and an entry."));
    };
    let place = [Value::text(origin), Value::Integer(entry)];
    let sql = format!("SELECT {COLUMNS}, {TOLD} FROM transactions t WHERE t.origin = $1 AND t.entry = $2");
    let Some(mut row) = ask(index, &sql, &place)?.into_iter().next() else {
        return Ok(absent::page(setting, "This entry is no transaction, or the index does not have it yet."));
    };
    let (row, told) = (Transaction::of(&mut row), Told::of(&mut row));
    let policies =
        "SELECT policy_id FROM ruling_policies WHERE origin = $1 AND entry = $2 ORDER BY policy_id";
    let policies = ask(index, policies, &place)?.iter_mut().map(Row::text).collect();
    let findings = "SELECT reference, verdict, decision FROM record_verdicts \
                    WHERE origin = $1 AND entry = $2 ORDER BY position LIMIT 200";
    let findings = ask(index, findings, &place)?.iter_mut().map(finding).collect();
    let frame = Frame::new("/transactions", setting);
    Ok(Answer::page(&Page { frame, row, told, policies, findings }))
}

fn finding(row: &mut Row) -> Finding {
    let reference = row.text();
    let place = link("/record", [("reference", reference.as_str())]);
    Finding { reference, verdict: row.text(), decision: row.text(), place }
}
