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
    if let Some(keeping) = flow.keeping() {
        quarantine_text(&mut out, keeping);
    }
    out
}

/// Name, kind, what it is, and a number a boundary.
type Gauge<'g> = (&'g str, &'g str, &'g str, Vec<(&'g String, u64)>);

/// The gauges of the quarantine, by boundary. The age of the oldest is the time now less its moment.
fn quarantine_text(out: &mut String, keeping: &flow::Keeping) {
    let (totals, not_kept) = (keeping.keeper().totals(), keeping.not_kept());
    let oldest = |moment: &Option<String>| moment.as_deref().and_then(flow::unix_seconds).unwrap_or(0);
    let gauges: [Gauge<'_>; 5] = [
        (
            "eosin_quarantine_items",
            "gauge",
            "Withheld requests that are kept.",
            totals.iter().map(|(boundary, total)| (boundary, total.items)).collect(),
        ),
        (
            "eosin_quarantine_uncertain_items",
            "gauge",
            "Those of them that may have been delivered already.",
            totals.iter().map(|(boundary, total)| (boundary, total.uncertain)).collect(),
        ),
        (
            "eosin_quarantine_bytes",
            "gauge",
            "Bytes of their bodies.",
            totals.iter().map(|(boundary, total)| (boundary, total.bytes)).collect(),
        ),
        (
            "eosin_quarantine_oldest_timestamp_seconds",
            "gauge",
            "When the oldest of them was received.",
            totals.iter().map(|(boundary, total)| (boundary, oldest(&total.oldest))).collect(),
        ),
        (
            "eosin_quarantine_not_kept_total",
            "counter",
            "Withheld requests that should have been kept and could not be.",
            not_kept.iter().map(|(boundary, count)| (boundary, *count)).collect(),
        ),
    ];
    for (name, kind, help, values) in gauges {
        let _written = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (boundary, value) in values {
            // A boundary's name is letters, digits, `-`, `_` and `.`: the configuration says so.
            let _written = writeln!(out, "{name}{{boundary=\"{boundary}\"}} {value}");
        }
    }
}
