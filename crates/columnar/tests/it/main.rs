//! Stories of Parquet files: read, marked, and read by others.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod beside;
mod damaged;
mod making;
mod pyarrow;
mod rows;
mod sealing;
