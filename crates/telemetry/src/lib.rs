//! Traces of transactions: one span each with its steps below it, as `OpenTelemetry` has them. Pure; never holds content.
//!
//! A shell begins a [`Transaction`] with what `traceparent` says, tells it the steps as they end, and drops it; whoever sends
//! traces takes them from the [`Tracer`], and [`encode`] writes what a collector reads. Nothing waits for anybody: what does
//! not fit is left out and counted.
//! Read next: `docs/telemetry.md`.

mod context;
mod otlp;
mod steps;
mod tracer;
mod transaction;

pub use context::{Context, TRACEPARENT, TRACESTATE};
pub use otlp::{Service, encode, rejected};
pub use tracer::{Clock, Counted, Setup, TRANSACTIONS_MAX, Tracer};
pub use transaction::{Finished, STEPS_MAX, Transaction, Value};
