//! What an entry becomes: its rows, by its kind. An entry that is not understood is an incident, never left out.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{acts, batch::Batch, deliveries, emergencies, quarantined, rulings, schema::Name, value::Value};

/// Where an entry stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct At<'a> {
    pub(crate) origin: &'a str,
    pub(crate) entry: u64,
}

impl At<'_> {
    /// The first two columns of most tables.
    pub(crate) fn place(&self) -> [Value; 2] {
        [Value::text(self.origin), Value::count(self.entry)]
    }

    /// A row that begins with this place.
    pub(crate) fn row(&self, columns: impl IntoIterator<Item = Value>) -> Vec<Value> {
        self.place().into_iter().chain(columns).collect()
    }
}

/// Adds the rows of an entry.
///
/// Shape:  the entry's place and bytes -> its moment, if it states one.
/// Never:  fails: what cannot be read as its kind says, or is of no known kind, becomes a row of `incidents`.
pub(crate) fn add(at: At<'_>, bytes: &[u8], batch: &mut Batch) -> Option<String> {
    let Ok(head) = serde_json::from_slice::<Head>(bytes) else {
        incident(at, None, "unread", None, 0, Some("it is not JSON of ours"), batch);
        return None;
    };
    let understood = match head.eosin.as_str() {
        "ruling@1" => rulings::ruling(at, bytes, batch),
        "file-ruling@1" => rulings::file_ruling(at, bytes, batch),
        "settlement@1" => parse(bytes).map(|entry: Settlement| entry.add(at, batch)),
        "batch@1" => parse(bytes).map(|entry: SealedBatch| entry.add(at, batch)),
        "dataset-known@1" => parse(bytes).map(|entry: Sighting| entry.add(at, batch)),
        "quarantine@1" => quarantined::step(at, bytes, batch),
        "certificate@1" => parse(bytes).map(|entry: Certificate| entry.add(at, "issued", batch)),
        "certificate-refused@1" => parse(bytes).map(|entry: Certificate| entry.add(at, "refused", batch)),
        "delivery@1" => deliveries::add(at, bytes, batch),
        "operator@1" => acts::add(at, bytes, batch),
        "registry@1" => parse(bytes).map(|entry: Snapshot| entry.add(at, batch)),
        "registry-lost@1" => parse(bytes).map(|entry: RegistryLoss| entry.add(at, "registry-lost", batch)),
        "registry-accepted@1" => {
            parse(bytes).map(|entry: RegistryLoss| entry.add(at, "registry-accepted", batch))
        }
        "policy-activation@1" | "policy-in-force@1" => {
            parse(bytes).map(|entry: PolicyChange| entry.add(at, batch))
        }
        "emergency@1" | "emergency-in-force@1" => emergencies::add(at, bytes, batch),
        "announcement@1" => emergencies::announcement(at, bytes, batch),
        "subscription@1" => parse(bytes).map(|entry: EventsGone| {
            let what = format!(
                "subscription {} to {}: it went on with `{}`",
                entry.subscription, entry.topic, entry.then
            );
            incident(at, Some(&entry.at), "events-gone", Some(&entry.boundary), 0, Some(&what), batch);
        }),
        "gap@1" => parse(bytes).map(|entry: Gap| {
            let since = format!("attested requests passed unlogged since {}", entry.from);
            incident(at, Some(&entry.at), "gap", Some(&entry.boundary), entry.passed, Some(&since), batch);
        }),
        "clock-fault@1" => parse(bytes).map(|entry: ClockFault| {
            let what = Some("seconds that the clock was behind the last entry");
            incident(at, Some(&entry.at), "clock-fault", None, entry.behind_seconds, what, batch);
        }),
        _ => None,
    };
    if understood.is_none() {
        let kind: String = head.eosin.chars().take(60).collect();
        let kind = format!("of the kind `{kind}`, which this index does not read");
        incident(at, head.at.as_deref(), "unread", None, 0, Some(&kind), batch);
    }
    head.at
}

/// Adds a row of `incidents`.
pub(crate) fn incident(
    at: At<'_>,
    moment: Option<&str>,
    kind: &str,
    boundary: Option<&str>,
    amount: u64,
    detail: Option<&str>,
    batch: &mut Batch,
) {
    let row = at.row([
        Value::maybe(moment),
        Value::text(kind),
        Value::maybe(boundary),
        Value::count(amount),
        Value::maybe(detail),
    ]);
    batch.add(Name::Incidents, row);
}

/// Reads an entry as its kind says.
pub(crate) fn parse<'b, T: Deserialize<'b>>(bytes: &'b [u8]) -> Option<T> {
    serde_json::from_slice(bytes).ok()
}

#[derive(Deserialize)]
struct Head {
    #[serde(default)]
    eosin: String,
    at: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Settlement {
    at: String,
    outcome: String,
    ruling: u64,
    status: Option<u64>,
    upstream_request: Option<String>,
}

impl Settlement {
    fn add(&self, at: At<'_>, batch: &mut Batch) {
        let row = at.row([
            Value::text(&self.at),
            Value::count(self.ruling),
            Value::text(&self.outcome),
            self.status.map_or(Value::Null, Value::count),
            Value::maybe(self.upstream_request.as_deref()),
        ]);
        batch.add(Name::Settlements, row);
    }
}

#[derive(Deserialize)]
struct SealedBatch {
    at: String,
    batch: u64,
    dataset: String,
    manifest: String,
    root: String,
    size: u64,
    subjects: BTreeMap<String, u64>,
}

impl SealedBatch {
    fn add(&self, at: At<'_>, batch: &mut Batch) {
        let [origin, entry] = at.place();
        let of = |subject: &str| Value::count(self.subjects.get(subject).copied().unwrap_or(0));
        let counts = [Value::count(self.size), of("synthetic"), of("attested"), of("mixed")];
        let said = [
            Value::text(&self.at),
            Value::text(&self.dataset),
            Value::count(self.batch),
            Value::text(&self.root),
            Value::text(&self.manifest),
        ];
        batch.add(Name::Batches, at.row(said.into_iter().chain(counts.clone())));
        let mut row = vec![
            origin,
            Value::text(&self.dataset),
            entry.clone(),
            Value::text(&self.at),
            entry,
            Value::text(&self.at),
            Value::text(&self.manifest),
            Value::Integer(1),
        ];
        row.extend(counts);
        batch.add(Name::Datasets, row);
    }
}

#[derive(Deserialize)]
struct Sighting {
    at: String,
    batches: u64,
    boundary: String,
    dataset: String,
}

impl Sighting {
    fn add(&self, at: At<'_>, batch: &mut Batch) {
        let row = at.row([
            Value::text(&self.at),
            Value::text(&self.boundary),
            Value::text(&self.dataset),
            Value::count(self.batches),
        ]);
        batch.add(Name::DatasetSightings, row);
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Certificate {
    at: String,
    boundary: Option<String>,
    content_root: Option<String>,
    judged_against: JudgedAgainst,
    records: u64,
    rule: String,
    subjects: String,
}

#[derive(Deserialize)]
struct JudgedAgainst {
    policy: Option<String>,
}

impl Certificate {
    fn add(&self, at: At<'_>, outcome: &str, batch: &mut Batch) {
        let row = at.row([
            Value::text(&self.at),
            Value::text(outcome),
            Value::maybe(self.boundary.as_deref()),
            Value::text(&self.rule),
            Value::count(self.records),
            Value::maybe(self.judged_against.policy.as_deref()),
            Value::text(&self.subjects),
            Value::maybe(self.content_root.as_deref()),
        ]);
        batch.add(Name::Certificates, row);
    }
}

#[derive(Deserialize)]
struct Snapshot {
    at: String,
    entries: u64,
    generation: u64,
    key: String,
    root: String,
}

impl Snapshot {
    fn add(&self, at: At<'_>, batch: &mut Batch) {
        let row = at.row([
            Value::text(&self.at),
            Value::count(self.generation),
            Value::count(self.entries),
            Value::text(&self.key),
            Value::text(&self.root),
        ]);
        batch.add(Name::RegistrySnapshots, row);
    }
}

#[derive(Deserialize)]
struct RegistryLoss {
    at: String,
    by: Option<String>,
    entries: u64,
    entry: u64,
    reason: Option<String>,
}

impl RegistryLoss {
    fn add(&self, at: At<'_>, kind: &str, batch: &mut Batch) {
        let entry = self.entry;
        let what = match (&self.by, &self.reason) {
            (Some(by), Some(reason)) => {
                format!("{by} took what there is in place of entry {entry}: {reason}")
            }
            _ => format!("what entry {entry} logs is not there, and something was added to what is"),
        };
        incident(at, Some(&self.at), kind, None, self.entries, Some(&what), batch);
    }
}

#[derive(Deserialize)]
struct PolicyChange {
    activation: Option<String>,
    at: String,
    by: Option<String>,
    event: String,
    previous: Option<String>,
    reason: Option<String>,
    sha256: Option<String>,
    version: String,
}

impl PolicyChange {
    fn add(&self, at: At<'_>, batch: &mut Batch) {
        let row = at.row([
            Value::text(&self.at),
            Value::text(&self.event),
            Value::text(&self.version),
            Value::maybe(self.previous.as_deref()),
            Value::maybe(self.sha256.as_deref()),
            Value::maybe(self.by.as_deref()),
            Value::maybe(self.reason.as_deref()),
            Value::maybe(self.activation.as_deref()),
        ]);
        batch.add(Name::PolicyChanges, row);
    }
}

#[derive(Deserialize)]
struct EventsGone {
    at: String,
    boundary: String,
    subscription: String,
    then: String,
    topic: String,
}

#[derive(Deserialize)]
struct Gap {
    at: String,
    boundary: String,
    from: String,
    passed: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClockFault {
    at: String,
    behind_seconds: u64,
}
