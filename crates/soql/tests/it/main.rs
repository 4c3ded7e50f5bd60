//! Stories of the crate: laws over random statements and tables, and statements of projects that are not ours.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a test stops at the first surprise"
)]

mod corpus;
mod interference;
mod making;
mod printing;
mod splices;
mod world;
