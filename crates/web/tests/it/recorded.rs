//! Entries of a gateway's ledger, as the tests of what reads the index have them.
//!
//! The tests of `control` include this file by path: in `testkit` it would bring Cedar to tests that have no need of it.

use serde_json::{Value, json};

/// A crossing of this one record on a morning in November, ruled on in that minute.
pub(crate) fn ruling(
    minute: usize,
    boundary: &str,
    client: &str,
    reference: &str,
    verdict: &str,
    decision: &str,
) -> Value {
    let findings = match decision {
        "pass" => json!([]),
        _ => json!([{"decision": decision, "reference": reference, "verdict": verdict}]),
    };
    json!({
        "action": "create", "at": format!("2026-11-22T11:{minute:02}:00.000Z"), "boundary": boundary,
        "claim": "absent", "client": client, "counts": {"records": 1, verdict: 1}, "decision": decision,
        "environment": "production", "eosin": "ruling@1", "findings": findings, "findingsOmitted": 0, "mode": "enforce",
        "policies": ["no-synthetic-in-production"], "policy": "default@0123456789ab", "protocol": "salesforce",
        "route": "sobjects/Contact", "rows": "78".repeat(32), "wouldBlock": 0,
    })
}

/// A crossing of each of so many boundaries; that of the last of them is stopped.
pub(crate) fn of_boundaries(many: usize) -> Vec<Value> {
    let decision = |boundary| if boundary + 1 == many { "block" } else { "pass" };
    let crossing = |boundary| {
        ruling(1, &format!("feed-{boundary:03}"), "etl", "Contact/1", "synthetic", decision(boundary))
    };
    (0..many).map(crossing).collect()
}
