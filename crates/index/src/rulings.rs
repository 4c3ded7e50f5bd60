//! Rulings on crossings and on files: what was decided, on which records, and what policies were asked.

use std::collections::{BTreeMap, BTreeSet};

use mark::digest::sha256;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    batch::Batch,
    records::{Described, Finding, Met},
    rows::{At, parse},
    schema::{Name, VERDICTS},
    value::Value,
};

/// Adds the rows of a `ruling@1` entry.
pub(crate) fn ruling(at: At<'_>, bytes: &[u8], batch: &mut Batch) -> Option<()> {
    let ruling: Ruling<'_> = parse(bytes)?;
    let question = ruling.question(at, batch);
    ruling.add(at, "request", question, batch);
    Some(())
}

/// Adds the rows of a `file-ruling@1` entry.
pub(crate) fn file_ruling(at: At<'_>, bytes: &[u8], batch: &mut Batch) -> Option<()> {
    let ruling: Ruling<'_> = parse(bytes)?;
    ruling.add(at, "file", None, batch);
    Some(())
}

/// What both kinds of entry say; a file has no client, protocol or route.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Ruling<'a> {
    action: String,
    ai_disclosure: Option<String>,
    #[serde(borrow)]
    asked: Option<&'a RawValue>,
    at: String,
    boundary: String,
    claim: Option<String>,
    client: Option<String>,
    contract: Option<String>,
    counts: Counts,
    #[serde(default)]
    datasets: BTreeMap<String, Described>,
    decision: String,
    environment: String,
    findings: Vec<Finding>,
    findings_omitted: u64,
    mode: String,
    #[serde(default)]
    objects: Vec<String>,
    peer: Option<String>,
    policies: BTreeSet<String>,
    policy: String,
    proof: Option<String>,
    protocol: Option<String>,
    #[serde(default)]
    quarantine: Kept,
    recogniser: Option<String>,
    registry: Option<String>,
    route: Option<String>,
    rows: String,
    would_block: u64,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kept {
    item: Option<String>,
    not_kept: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Counts {
    records: u64,
    synthetic: u64,
    attested: u64,
    mixed: u64,
    unproven: u64,
    suspected: u64,
    transplanted: u64,
    forged: u64,
    untrusted: u64,
    unreadable: u64,
    modified: u64,
    claimed: u64,
    strongly_suspected: u64,
    out_of_jurisdiction: u64,
    weakened: u64,
}

/// The length of an hour as moments begin: `2026-01-31T08`.
pub(crate) const HOUR: usize = 13;
/// The first of [`Counts::values`]: how many records, and of each verdict.
const VERDICTS_AND_RECORDS: usize = 1 + VERDICTS.len();

impl Counts {
    fn values(&self) -> [Value; 15] {
        [
            self.records,
            self.synthetic,
            self.attested,
            self.mixed,
            self.unproven,
            self.suspected,
            self.transplanted,
            self.forged,
            self.untrusted,
            self.unreadable,
            self.modified,
            self.claimed,
            self.strongly_suspected,
            self.out_of_jurisdiction,
            self.weakened,
        ]
        .map(Value::count)
    }
}

/// What was asked of the policies, whole: what a replay asks others.
#[derive(Serialize)]
struct Question<'a> {
    action: &'a str,
    asked: &'a RawValue,
    boundary: &'a str,
    client: &'a str,
    environment: &'a str,
    mode: &'a str,
}

impl Ruling<'_> {
    /// The name of the question, which is a digest of it: the same question comes again and again, and is kept once.
    fn question(&self, at: At<'_>, batch: &mut Batch) -> Option<String> {
        let question = Question {
            action: &self.action,
            asked: self.asked?,
            boundary: &self.boundary,
            client: self.client.as_deref()?,
            environment: &self.environment,
            mode: &self.mode,
        };
        let text = serde_json::to_string(&question).ok()?;
        let name: String = sha256(&[text.as_bytes()]).to_hex().chars().take(32).collect();
        let [origin, entry] = at.place();
        batch.add(Name::Questions, vec![origin, Value::text(&name), entry, Value::text(&text)]);
        Some(name)
    }

    fn add(&self, at: At<'_>, kind: &str, question: Option<String>, batch: &mut Batch) {
        let maybe = |text: &Option<String>| Value::maybe(text.as_deref());
        let mut row = at.row([
            Value::text(&self.at),
            Value::text(kind),
            Value::text(&self.boundary),
            Value::text(&self.environment),
            Value::text(&self.mode),
            maybe(&self.client),
            maybe(&self.peer),
            maybe(&self.protocol),
            maybe(&self.route),
            Value::text(&self.action),
            Value::text(&self.decision),
            Value::text(&self.policy),
            maybe(&self.claim),
            maybe(&self.proof),
            maybe(&self.ai_disclosure),
        ]);
        row.extend(self.counts.values());
        row.extend([
            Value::count(self.would_block),
            Value::count(self.findings_omitted),
            maybe(&self.quarantine.item),
            maybe(&self.quarantine.not_kept),
            maybe(&self.recogniser),
            maybe(&self.registry),
            Value::text(&self.rows),
            question.map_or(Value::Null, Value::Text),
            if self.objects.is_empty() { Value::Null } else { Value::Text(self.objects.join(",")) },
            maybe(&self.contract),
        ]);
        batch.add(Name::Rulings, row);
        for id in &self.policies {
            batch.add(Name::RulingPolicies, at.row([Value::text(id)]));
        }
        for (position, finding) in (0..).zip(&self.findings) {
            let described = finding.dataset.as_ref().and_then(|dataset| self.datasets.get(dataset));
            // Entries of before findings said so: where all records of a change are of one object, each of them is.
            let object = match (&finding.object, self.objects.as_slice()) {
                (None, [only]) => Some(only.as_str()),
                (object, _) => object.as_deref(),
            };
            let met = Met { at: &self.at, boundary: &self.boundary, object, described };
            finding.add(at, position, &met, batch);
        }
        self.add_sums(at, batch);
    }

    /// What is added up over transactions: boundaries, clients, policies.
    fn add_sums(&self, at: At<'_>, batch: &mut Batch) {
        let [origin, entry] = at.place();
        let moment = Value::text(&self.at);
        let seen = || [entry.clone(), moment.clone(), entry.clone(), moment.clone()];
        let blocked = Value::Integer((self.decision == "block").into());
        let (one, records) = (Value::Integer(1), Value::count(self.counts.records));
        let mut row = vec![origin.clone(), Value::text(&self.boundary)];
        row.extend(seen());
        row.extend([
            Value::text(&self.environment),
            Value::text(&self.mode),
            Value::maybe(self.protocol.as_deref()),
            one.clone(),
            blocked.clone(),
            records.clone(),
            Value::count(self.would_block),
        ]);
        batch.add(Name::Boundaries, row);
        let hour = self.at.get(..HOUR).unwrap_or(&self.at);
        let mut row = vec![origin.clone(), Value::text(&self.boundary), Value::text(hour)];
        row.extend([
            entry.clone(),
            entry.clone(),
            Value::text(&self.environment),
            one.clone(),
            blocked.clone(),
        ]);
        row.extend(self.counts.values().into_iter().take(VERDICTS_AND_RECORDS));
        batch.add(Name::Hours, row);
        if let Some(client) = &self.client {
            let mut row = vec![origin.clone(), Value::text(client)];
            row.extend(seen());
            row.extend([one.clone(), blocked.clone(), records]);
            batch.add(Name::Clients, row);
        }
        let mut row = vec![origin, Value::text(&self.policy)];
        row.extend(seen());
        row.extend([one, blocked]);
        batch.add(Name::Policies, row);
    }
}
