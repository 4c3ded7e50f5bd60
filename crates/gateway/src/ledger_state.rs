//! What operators are told about the path behind the gateway: is the ledger writing, is anything unlogged.

use std::fmt::Write as _;

use flow::Flow;
use http::StatusCode;

/// Ready while nothing passed unlogged.
pub(crate) fn ready(flow: &Flow) -> (StatusCode, String) {
    let health = flow.health();
    if health.unlogged_care_passages > 0 {
        let text = format!(
            "the ledger cannot write; {} attested requests passed unlogged\n",
            health.unlogged_care_passages
        );
        return (StatusCode::SERVICE_UNAVAILABLE, text);
    }
    (StatusCode::OK, "ready\n".to_owned())
}

pub(crate) fn metrics_text(flow: &Flow) -> String {
    let health = flow.health();
    let mut out = String::new();
    let gauges = [
        (
            "eosin_unlogged_care_passages",
            "Attested requests that passed while the ledger could not write.",
            health.unlogged_care_passages,
        ),
        (
            "eosin_clock_behind_seconds",
            "How far the clock is behind the ledger's last entry.",
            health.clock_behind_seconds,
        ),
    ];
    for (name, help, value) in gauges {
        let _written = writeln!(out, "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}");
    }
    out
}
