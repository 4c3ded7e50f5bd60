//! The MLLP shell around `flow`: frames of HL7 v2 in, frames of HL7 v2 on, the receiver's own answer back.
//!
//! Never decides anything, sends nothing on that `flow` has not ruled on, and acknowledges nothing by itself: its own
//! answers only ever say no.
//! Start at `message.rs`, the life of one message; [`Mllp::start`] opens the listeners.
//! Read next: `flow`, which does the work, and `spec/mllp.md`, which says what senders and receivers may rely on.

mod config;
mod connection;
mod courier;
mod framer;
mod message;
mod metrics;
mod receiver;
mod server;
mod tls;
mod traced;
mod wire;

pub use config::{BoundaryConfig, Config, Limits, Receiver, Timeouts, TlsIdentity};
pub use courier::{Courier, Delivered};
pub use framer::{Fault, Found, Framer};
pub use server::{Mllp, Running, StartError, Stopped};
