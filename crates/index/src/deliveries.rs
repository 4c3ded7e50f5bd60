//! Files that were delivered to their end: to whom, how much of what was shown, and how much withheld.
//!
//! Source: spec/deliveries.md section 3.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{
    batch::Batch,
    rows::{At, parse},
    schema::Name,
    value::Value,
};

/// Adds the row of a `delivery@1` entry, and one for each verdict that some of its records have.
pub(crate) fn add(at: At<'_>, bytes: &[u8], batch: &mut Batch) -> Option<()> {
    let delivery: Delivery = parse(bytes)?;
    let total = |counts: &BTreeMap<String, u64>| {
        Value::count(counts.values().fold(0, |sum: u64, count| sum.saturating_add(*count)))
    };
    let row = at.row([
        Value::text(&delivery.at),
        Value::text(&delivery.boundary),
        Value::text(&delivery.client),
        Value::text(&delivery.route),
        Value::text(&delivery.policy),
        Value::count(delivery.bytes),
        total(&delivery.shown),
        Value::count(delivery.read),
        total(&delivery.withheld),
        Value::text(&delivery.subjects),
    ]);
    batch.add(Name::Deliveries, row);
    let mut verdicts: BTreeMap<&str, [u64; 2]> = BTreeMap::new();
    for (verdict, count) in &delivery.shown {
        verdicts.entry(verdict).or_default()[0] = *count;
    }
    for (verdict, count) in &delivery.withheld {
        verdicts.entry(verdict).or_default()[1] = *count;
    }
    for (verdict, [shown, withheld]) in verdicts {
        if shown > 0 || withheld > 0 {
            let row = at.row([Value::text(verdict), Value::count(shown), Value::count(withheld)]);
            batch.add(Name::DeliveredRecords, row);
        }
    }
    Some(())
}

#[derive(Deserialize)]
struct Delivery {
    at: String,
    boundary: String,
    bytes: u64,
    client: String,
    policy: String,
    read: u64,
    route: String,
    shown: BTreeMap<String, u64>,
    subjects: String,
    withheld: BTreeMap<String, u64>,
}
