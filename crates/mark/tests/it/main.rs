//! The published vectors of marks: made again from their inputs, and judged from the file alone as others would.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test stops at the first surprise, and its files are ours"
)]

mod vectors;
