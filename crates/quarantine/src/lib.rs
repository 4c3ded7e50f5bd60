//! What policy withheld, kept encrypted under a key per item until somebody releases or rejects it.
//!
//! Never sends anything, knows a protocol, reads a clock or draws randomness; never keeps a client's credentials.
//! Start at [`Quarantine`] for the store, [`Keeper`] for the thread that shares it among many.
//! Read next: `spec/quarantine.md`, then the crate `flow`, which decides what is kept and what a release is.

mod cipher;
mod files;
mod item;
mod keeper;
mod life;
mod room;
mod store;

pub use cipher::{KeyEncryptionKey, NotOpened};
pub use files::{SealedFile, StateFile, WITHHELD_HEAD_BYTES_MAX};
pub use item::{Item, ItemId, Kept, State, Withheld};
pub use keeper::{Answer, Keeper, Stopped};
pub use life::{Again, Ended, Sending, StepError};
pub use room::{Bounds, Full, Reservation, Room, Total};
pub use store::{Contents, Fresh, HoldError, OpenError, Quarantine, Random, Recovery, look};
