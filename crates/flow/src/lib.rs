//! The one path every record takes: read, judge, decide, commit, apply. Start at [`Flow::pass`].
//!
//! Never opens a socket or a file, and knows no HTTP library: a shell hands in a [`Crossing`] and carries out
//! the [`Passage`] it gets back.
//! Read next: `spec/http.md`, then the crate `gateway`, which is the shell for HTTP.

mod announcement;
mod archived;
mod attest;
mod audit;
mod authored;
mod batches;
mod clock;
mod closing;
mod continuity;
mod credentials;
mod crossing;
mod delivery;
mod effect;
mod emergency;
mod entry;
mod file;
mod jobs;
mod keep;
mod linked;
mod listed;
mod parts;
mod pass;
mod processing;
mod proof;
mod read;
mod reading;
mod recognition;
mod release;
mod resources;
mod settle;
mod unrecorded;
mod watch;
mod webhook;
mod world;

pub use announcement::Announcement;
pub use archived::carries_labels;
pub use attest::{Attester, AttesterError, Keep, Salts};
pub use audit::{Auditing, KeepEvent};
pub use batches::{
    BeginWithheld, EndWithheld, FindWithheld, KeepWithheld, OnShelf, Shelf, ShelfError, WithheldBatch,
};
pub use clock::{Clock, Moment, unix_seconds};
pub use closing::{Certifier, Closed, NotClosed, Withheld};
pub use crossing::{
    Claims, Crossing, Entrance, Protocol, SignedClaim, entrance, may_hide_method, normal_target,
};
pub use delivery::{DELIVERY_ID_CHARS, Delivered, FileDelivery, NotRecorded, Ruled};
pub use effect::{Applied, BLOCKED, Forward, Merge, Passage, Refused, Unavailable, apply, error_answer};
pub use entry::{Entry, EntryKind, FINDINGS_MAX, LostEvents};
pub use file::{FileRuling, FileTally, Split, SplitPart};
pub use keep::Keeping;
pub use linked::{Linked, LinkedRow};
pub use listed::Named;
pub use pass::REQUEST_ID_BYTES_MAX;
pub use reading::{Reader, Seen, Shown};
pub use recognition::{Known, RecognisedBy, Recognition};
pub use release::{Asked, Elsewhere, Leaving, Overrule, ReleaseError, with_session};
pub use resources::Looked;
pub use settle::{Outcome, Settlement};
pub use watch::{Step, Watch, Watched};
pub use webhook::{Arrived, Delivery, Extent, Part, Redelivery, Webhook};
pub use world::{Flow, Health, Setup};
