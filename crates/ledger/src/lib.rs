//! An append-only, tamper-evident log of opaque entries: a C2SP tiled log on a folder.
//!
//! Never knows what an entry says, reads a clock, draws randomness or needs a runtime.
//! Start at [`Ledger`] to write, [`Appender`] to write from many threads, [`Reader`] and [`verify()`] to read.
//! Read next: `spec/ledger.md`, then `commit.rs`, where the order of the steps is the design.

pub mod durable;

mod appender;
mod commit;
mod edge;
mod folder;
mod journal;
mod layout;
mod logged;
mod pending;
mod publish;
mod queue;
mod reader;
mod recover;
mod store;
mod tiles;
mod verify;
mod witness;

pub use appender::{Appender, AppenderConfig, AskError, Busy, Closed, GROUP_ENTRIES_MAX, Health, State};
pub use commit::{
    COMMIT_BYTES_MAX, COMMIT_ENTRIES_MAX, CommitError, JOURNAL_BYTES_MAX, Ledger, PUBLISH_BYTES,
    PUBLISH_ENTRIES, Refusal,
};
pub use folder::{Folder, LockError};
pub use layout::{COSIGNED, ENTRY_BYTES_MAX, TILE_WIDTH, unpack_bundle};
pub use logged::Logged;
pub use pending::{AppendError, Pending};
pub use publish::PublishError;
pub use reader::{ENTRIES_READ_MAX, Reader};
pub use recover::{CreateError, OpenError, Recovery};
pub use store::Store;
pub use tiles::ReadError;
pub use verify::{JournalReport, Problem, VerifyReport, verify, verify_store};
pub use witness::{
    Declined, REQUEST_BYTES_MAX as WITNESS_REQUEST_BYTES_MAX, Witness, WitnessError, origin_hash,
};
