//! The steps in the life of kept requests.

use serde::Deserialize;

use crate::{
    batch::Batch,
    rows::{At, incident, parse},
    schema::Name,
    value::Value,
};

/// The events after which nothing of an item is kept. After every other one it waits for somebody, whatever the event says:
/// that a release was refused, or that content was shown, changes nothing, and a release may have been cut short.
pub const QUARANTINE_ENDED: [&str; 4] = ["released", "rejected", "expired", "not-kept"];

/// Adds the row of a `quarantine@1` entry.
pub(crate) fn step(at: At<'_>, bytes: &[u8], batch: &mut Batch) -> Option<()> {
    let step: Step = parse(bytes)?;
    let row = at.row([
        Value::text(&step.at),
        Value::text(&step.item),
        Value::text(&step.event),
        Value::text(&step.boundary),
        Value::text(&step.ruling),
        Value::maybe(step.by.as_deref()),
        Value::maybe(step.reason.as_deref()),
        Value::maybe(step.decision.as_deref()),
        Value::maybe(step.policy.as_deref()),
        Value::maybe(step.outcome.as_deref()),
        step.status.map_or(Value::Null, Value::count),
        Value::Integer(step.overruled.into()),
    ]);
    batch.add(Name::Quarantine, row);
    if step.overruled {
        let what = format!("item {} was released although policies refused it", step.item);
        incident(at, Some(&step.at), "overruled", Some(&step.boundary), 1, Some(&what), batch);
    }
    Some(())
}

#[derive(Deserialize)]
struct Step {
    at: String,
    boundary: String,
    by: Option<String>,
    decision: Option<String>,
    event: String,
    item: String,
    outcome: Option<String>,
    #[serde(default)]
    overruled: bool,
    policy: Option<String>,
    reason: Option<String>,
    ruling: String,
    status: Option<u64>,
}
