//! Where marks ride in a format: bytes in, readings out; and back, labels into bytes.
//!
//! Never does I/O, reads a clock, or believes what it reads: a mark is text until `mark::judge` has seen it.
//! Start at [`salesforce`]: `route`, `read`, then what a refusal looks like; the other formats follow it.
//! Read next: `spec/carriers.md`, then the crate `flow`, which calls this one.
//!
//! To add a format:
//! 1. a section in `spec/carriers.md`: where the mark rides, what is covered, what is refused;
//! 2. `route`: method and target in, a [`Door`] out, normalised once, unknown writes unknown;
//! 3. `read`: any bytes in, [`Readings`] out, never an error;
//! 4. `place`: labels into a record, its other bytes verbatim, and the law that `read` finds them;
//! 5. `refuse`, `withhold`, `merge` if a request can carry many records; vectors and a fuzz target.

pub mod ai_disclosure;
pub mod archive;
pub mod delivered;
pub mod fhir;
pub mod hl7v2;
pub mod multipart;
pub mod problem;
pub mod provenance;
pub mod route;
pub mod salesforce;
pub mod table;
pub mod webhook;

mod base64;
mod choice;
mod exchange;
mod misplaced;
mod span;
mod xml;

pub use exchange::{Action, Answer, DatasetPointer, Door, Labels, Limits, Readings, Refusal, Unit};
