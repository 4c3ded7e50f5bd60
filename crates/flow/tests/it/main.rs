//! Stories of the path: what happens to a request, and what the ledger says of it.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

mod attesting;
mod doors;
mod emergency;
mod keeping;
mod ledger_trouble;
mod parts;
mod recognising;
mod rulings;
mod watching;
mod world;
