//! Who a record is about, as keyed fingerprints; and which generator probably made it, in bits.
//!
//! What this crate finds is suspicion with a strength, never proof: proof is `mark::judge`.
//! Never does I/O, reads a clock or draws randomness.
//! Start at [`Person::of`], then [`fingerprints`]. Read next: `spec/identity.md`, then the crate `registry`.

mod batch;
mod fingerprint;
mod normalise;
mod person;
mod recogniser;
mod signal;
mod weights;

pub use batch::{Batch, DOMAINS_MAX, FAMILIES_MAX, Habit, Habits, KINDS_MAX, Share};
pub use fingerprint::{
    FINGERPRINTS_MAX, Fingerprint, FingerprintKind, KeyId, PersonTag, REGISTRY_KEY_BYTES_MIN, RegistryKey,
    fingerprints,
};
pub use person::{Address, ColumnMap, Identifier, Name, Person, Role, UnknownRole, VALUE_BYTES_MAX};
pub use recogniser::{EVIDENCE_SIGNALS_MAX, Evidence, Recogniser, SUSPECTED_FROM_DECIBITS};
