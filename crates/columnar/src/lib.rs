//! Parquet files of records: rows in, readings out; and back, labels into columns.
//!
//! Alone with the Parquet library, so that nothing else waits for it to build.
//! Read next: `spec/carriers.md`, then the crate `carrier`.
