//! Tidy and ci: whatever a compiler cannot check.
//!
//! Never imports anything of ours, nor anything at all: it must build first and fast on a bare machine.
//! Start at [`tidy::all`]; `main.rs` holds the commands.
//! Read next: `ARCHITECTURE.md`, whose table [`tidy::imports`] reads.

pub mod failures;
pub mod licences;
pub mod process;
pub mod salesforce;
pub mod tally;
pub mod telling;
pub mod tidy;
pub mod tree;
