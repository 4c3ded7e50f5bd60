//! Stories of recognising: whole files of generators, and the same people in other formats.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    reason = "a test stops at the first surprise"
)]

mod identity;
mod recognisers;
mod rows;
