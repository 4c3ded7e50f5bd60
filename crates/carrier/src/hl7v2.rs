//! HL7 v2: where a mark rides in a message, and messages out of a stream.
//!
//! The mark is the segment [`MARK_SEGMENT`] after MSH; labels that other systems understand stand in MSH-8, MSH-11 and
//! PID-3. Start at [`read()`] for bytes that hold messages, [`read_message`] for one; [`place()`] goes the other way.
//! Source: spec/hl7v2.md.

mod acknowledge;
mod answer;
mod characters;
mod encapsulated;
mod envelope;
mod identity;
mod message;
mod place;
mod read;
mod separators;
mod split;
mod trailers;
mod value;

pub use acknowledge::{Acknowledgement, Refusing, acknowledge};
pub use answer::{Answer, Awaited};
pub use envelope::{Asks, Condition, Envelope, Processing, processing};
pub use identity::identity_fields;
pub(crate) use place::choose;
pub use place::{PlaceError, place, place_message, strip_message};
pub(crate) use read::{count, message_bytes, place_of, readings};
pub use read::{read, read_frame, read_message};
pub(crate) use split::{Cutter, begins};
pub(crate) use trailers::Envelopes;
pub use trailers::Trailers;

/// The segment that carries a mark.
pub const MARK_SEGMENT: &str = "ZEO";
/// What MSH-8 of a synthetic message begins with; the mark's short name follows.
pub const SECURITY_PREFIX: &str = "EOSIN1:";
/// Namespace of the assigning authority that brands a synthetic person in PID-3.
pub const BRAND_NAMESPACE: &str = "EOSIN";
/// Universal id, of type URI, of that authority.
pub const BRAND_AUTHORITY: &str = "https://eosin.example/synthetic-patient";

/// The field that lists the names of the segments in their order.
const ORDER_FIELD: &str = "segments";

fn shape(sentence: &str) -> mark::Unreadable {
    mark::Unreadable::Shape(sentence.to_owned())
}

#[cfg(test)]
mod tests;
