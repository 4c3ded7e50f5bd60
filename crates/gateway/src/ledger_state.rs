//! What operators are told about the path behind the gateway: is the ledger writing, is anything unlogged.

use std::fmt::Write as _;

use flow::Flow;
use http::StatusCode;
use ledger::State;

/// Ready while the ledger writes: until then nothing but care passes.
pub(crate) fn ready(flow: &Flow) -> (StatusCode, String) {
    let said = match flow.appender().health().state {
        State::Writing => return (StatusCode::OK, "ready\n".to_owned()),
        State::Unavailable { because } => {
            format!("the ledger cannot write and is being reopened: {because}\n")
        }
        State::Closed => "the ledger is closed; start the gateway again\n".to_owned(),
    };
    (StatusCode::SERVICE_UNAVAILABLE, said)
}

/// The gauges of the ledger and the clock, as `/metrics` shows them.
pub(crate) fn metrics_text(flow: &Flow) -> String {
    let health = flow.health();
    let ledger = flow.appender().health();
    let mut out = String::new();
    let gauges = [
        (
            "eosin_ledger_writing",
            "1 while the ledger takes entries.",
            u64::from(ledger.state == State::Writing),
        ),
        ("eosin_ledger_entries", "Entries committed.", ledger.size),
        ("eosin_ledger_published_entries", "Entries that readers of the ledger see.", ledger.published),
        (
            "eosin_ledger_queued_entries",
            "Entries that wait for the next commit.",
            u64::try_from(ledger.queued).unwrap_or(u64::MAX),
        ),
        (
            "eosin_unlogged_care_passages",
            "Attested requests that passed while the ledger could not write and are not yet written down.",
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
