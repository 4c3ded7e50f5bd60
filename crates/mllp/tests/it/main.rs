//! Stories of a sender, the shell and a receiver over loopback.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

mod crossing;
mod leaks;
mod peers;
mod scene;
mod several;
mod shared;
mod tls;
mod trouble;
