//! Stories of the index on both databases: live and rebuilt are the same, whatever came between.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise, and says what it skipped"
)]

mod asked;
mod day;
mod documented;
mod entries;
mod following;
mod plans;
mod recorded;
mod server;
mod stage;
