//! Change events and platform events through the Salesforce Pub/Sub API: subscribed to, resumed, read, handed over.
//!
//! Never judges anything and never decides what an event is worth: whoever takes it does. gRPC and Avro stay here.
//! Start at [`follow()`]; `avro.rs` is what reads a stranger's bytes.
//! Read next: `spec/webhooks.md` section 7, then `gateway`, whose intake takes what this hands over.

mod avro;
mod bookmark;
mod event;
mod follow;
mod message;
mod org;
mod reach;
mod stream;

pub use avro::{AvroError, SCHEMA_BYTES_MAX, Schema, VALUES_MAX};
pub use event::{Event, RECORD};
pub use follow::{Begin, FollowError, Following, Gone, TOGETHER_MAX, Taken, Taker, Told, follow};
pub use org::{Login, OrgError};
pub use reach::ReachError;
pub use stream::{CallError, FETCH_MAX, frames};
