//! The fingerprints of every marked record: an exact table on disk, a filter in memory, a root for the ledger.
//!
//! Holds no value of any record, only keyed fingerprints. Never draws randomness or reads a clock.
//! Read next: `spec/registry.md`, then the crate `flow`, which asks it about records without a mark.
