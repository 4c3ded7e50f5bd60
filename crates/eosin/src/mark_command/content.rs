//! Some of a file's records, as text or as columns, and what is written of them.

use std::{fs::File, io::Read as _, path::Path, sync::Arc};

use carrier::{Labels, table};
use columnar::{ParquetFile, Source};
use mark::Reading;

use crate::input::{LIMITS, reading::readings};

/// Some of a file's records.
#[derive(Debug)]
pub(super) enum Content {
    /// Of a file of text.
    Text(table::Chunk),
    /// Of a Parquet file, with what is needed to write another like it.
    Rows(columnar::Chunk, Arc<Source>),
}

/// What is written of them.
#[derive(Debug)]
pub(super) enum Written {
    /// Bytes to append, of the marked records and of the rejected ones.
    Text { marked: Vec<u8>, rejected: Vec<u8> },
    /// Rows: those with labels are marked, the others rejected.
    Rows { chunk: columnar::Chunk, source: Arc<Source>, labels: Vec<Option<Labels>> },
}

impl Content {
    /// The records, of text one after the other.
    pub(super) fn readings(&self) -> impl Iterator<Item = Reading<'_>> {
        match self {
            Self::Text(chunk) => readings(Some(chunk), None),
            Self::Rows(chunk, _) => readings(None, Some(chunk)),
        }
    }

    /// The records with their labels; `rejects` is whether those without any are written too, elsewhere.
    ///
    /// Errors: those of the chunk.
    pub(super) fn place(
        self,
        labels: Vec<Option<Labels>>,
        rejects: bool,
    ) -> Result<Written, table::PlaceError> {
        match self {
            Self::Text(chunk) => {
                let marked = chunk.place(&labels)?;
                let rejected = if rejects {
                    let unfit: Vec<bool> = labels.iter().map(Option::is_none).collect();
                    chunk.select(&unfit)?
                } else {
                    Vec::new()
                };
                Ok(Written::Text { marked, rejected })
            }
            Self::Rows(chunk, source) => Ok(Written::Rows { chunk, source, labels }),
        }
    }
}

/// Whether a file is Parquet, by its first bytes.
pub(super) fn is_parquet(path: &Path) -> bool {
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| file.take(4).read_to_end(&mut head));
    read.is_ok() && columnar::is_parquet(&head)
}

/// Opens a Parquet file; its rows are of `object`, or of what the file is called.
///
/// Errors: a sentence.
pub(super) fn open_parquet(path: &Path, object: Option<&str>) -> Result<(ParquetFile, String), String> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let object = object.unwrap_or(&stem).to_owned();
    let file = File::open(path).map_err(|error| error.to_string())?;
    let opened = ParquetFile::open(file, &object, LIMITS).map_err(|error| error.to_string())?;
    Ok((opened, object))
}
