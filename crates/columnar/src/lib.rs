//! Parquet files of records: rows in, readings out; and back, labels into columns.
//!
//! Alone with the Parquet library, so that nothing else waits for it to build. Parallel to `carrier::table`: start at
//! [`ParquetFile`], whose [`Chunk`]s are read, and written by a [`Writer`].
//! Read next: `spec/carriers.md` section 4.3, then the crate `carrier`.

mod chunk;
mod file;
mod pages;
mod source;
mod spell;
mod write;

pub use chunk::Chunk;
pub use file::{FOOTER_BYTES_MAX, OpenError, ParquetFile, ReadError, describes_others, is_parquet};
pub use pages::PAGE_BYTES_MAX;
pub use source::Source;
pub use write::{DATASET_KEY, GROUP_BYTES, WriteError, Writer};

use std::panic::{AssertUnwindSafe, catch_unwind};

use parquet::errors::ParquetError;

/// Runs the library on bytes that somebody else made. Where it panics, they are damaged.
fn guarded<T>(work: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, ParquetError> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(ParquetError::General("it is damaged in a way that has no name".to_owned())))
}
