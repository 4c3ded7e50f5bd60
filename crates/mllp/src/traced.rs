//! The trace of a message, where one is recorded. HL7 v2 has no place for the trace that it belongs to: each begins its own.

use flow::Protocol;
use telemetry::Transaction;

use crate::server::Lane;

/// Begins the span of a message; nothing where traces are not recorded, or this one is not.
pub(crate) fn begin(lane: &Lane) -> Option<Transaction> {
    let recorder = lane.tracer.as_ref()?;
    let traced = recorder.begin(|| format!("message {}", lane.boundary.name), None)?;
    traced.crosses(&lane.boundary, &Protocol::Hl7v2);
    Some(traced)
}

/// The receiver has answered, or has not.
pub(crate) fn carried(traced: Option<&Transaction>, outcome: &'static str) {
    if let Some(traced) = traced {
        traced.onward_plain("apply", !matches!(outcome, "accepted" | "answered" | "sent"));
    }
}

/// It has ended.
pub(crate) fn told(traced: Option<Transaction>, outcome: &'static str) {
    let Some(traced) = traced else { return };
    traced.tell("eosin.outcome", outcome);
    if matches!(outcome, "failed" | "unavailable") {
        traced.failed();
    }
}
