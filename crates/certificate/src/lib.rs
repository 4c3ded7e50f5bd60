//! What a certificate is: a signed statement that files held nothing synthetic, as far as could be told. Pure.
//!
//! Never reads a file, a clock or a ledger: whoever certifies hands in what was judged, and whoever verifies the bytes.
//! Start at [`Statement`] to write one, [`examine()`] to read one. Read next: `spec/certificate.md`.

mod content;
mod examine;
mod sentences;
mod statement;

pub use content::{bytes_leaf, leaf};
pub use examine::{Part, Parts, State, examine};
pub use sentences::says;
pub use statement::{
    FileRead, JudgedAgainst, LEAVES_OF_BYTES, PAYLOAD_TYPE, Predicate, Receipt, RecogniserUsed, RegistryUsed,
    Rule, Statement, Subject, SubjectDigest, Suspected, canonical_of, is_of, subjects_commitment,
};
