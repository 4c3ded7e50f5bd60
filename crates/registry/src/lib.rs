//! The fingerprints of every synthetic record that was marked: an exact table on disk, a filter in memory, a root for the ledger.
//!
//! Holds no value of any record, only keyed fingerprints. Never draws randomness or reads a clock.
//! Start at [`Registry`] to ask and at [`Additions`] to write.
//! Read next: `spec/registry.md`, then the crate `flow`, which asks it about records without a mark.

mod additions;
mod entry;
mod filter;
mod folder;
mod layout;
mod loss;
mod presence;
mod registry;
mod snapshot;
mod table;
mod tree;
mod verify;
mod writer;

pub use additions::{Additions, BUFFER_ENTRIES, FORGET_MAX, RUNS_MAX, WriteError};
pub use layout::{BLOCK_BYTES, BLOCK_ENTRIES, ENTRIES_MAX, HeaderError, TableHeader};
pub use loss::{Acceptance, Loss};
pub use presence::{Membership, PROOF_BYTES_MAX, PROOF_LEAVES_MAX, Presence, PresenceError};
pub use registry::{FindError, Match, Registry, TAGS_MAX};
pub use snapshot::{Snapshot, SnapshotError};
pub use table::{OpenError, ReadError};
