//! A file's rows, a chunk at a time, in memory that the file does not choose.

use std::{
    fs::File,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use carrier::Limits;
use mark::{BATCH_RECORDS_MAX, FIELDS_MAX};
use parquet::{
    column::reader::ColumnReader,
    errors::ParquetError,
    file::{
        metadata::{ParquetMetaDataReader, RowGroupMetaData},
        reader::{ChunkReader, FileReader, SerializedFileReader},
    },
};

use crate::{
    chunk::{Cells, Chunk},
    guarded, pages,
    source::Source,
};

/// Whether a file says of itself that it is Parquet, encrypted or not, by its first bytes.
pub fn is_parquet(head: &[u8]) -> bool {
    head.starts_with(PLAIN) || head.starts_with(ENCRYPTED)
}

/// Whether a Parquet file holds no rows of its own: it describes those of files beside it, as Spark writes `_metadata` and
/// `_common_metadata`.
///
/// Bounds: [`FOOTER_BYTES_MAX`] are read. What cannot be read describes nothing.
pub fn describes_others(file: &File) -> bool {
    let read = || {
        let footer = footer(file).ok()?;
        guarded(|| ParquetMetaDataReader::decode_metadata(&footer)).ok()
    };
    let Some(metadata) = read() else { return false };
    let mut columns = metadata.row_groups().iter().flat_map(RowGroupMetaData::columns);
    columns.all(|column| column.file_path().is_some())
}

const PLAIN: &[u8] = b"PAR1";
const ENCRYPTED: &[u8] = b"PARE";

/// Most bytes of a footer: a thousand columns in a hundred row groups take about forty megabytes.
pub const FOOTER_BYTES_MAX: u64 = 64 << 20;

/// About so many bytes of values are read into one chunk, if its rows are as long as the row group's are on average.
const CHUNK_BYTES: u64 = 8 << 20;

/// An opened Parquet file of records.
pub struct ParquetFile {
    reader: Box<dyn FileReader>,
    pages: Box<dyn pages::Bounded>,
    object: Arc<str>,
    source: Source,
    limits: Limits,
    // The row group that comes next, and the open one's columns.
    group: usize,
    open: Vec<ColumnReader>,
    remaining: usize,
    rows_at_once: usize,
    rows: usize,
    is_begun: bool,
}

impl std::fmt::Debug for ParquetFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ParquetFile({}, row {})", self.object, self.rows)
    }
}

impl ParquetFile {
    /// Opens a file whose rows are about `object`.
    ///
    /// Bounds: [`FOOTER_BYTES_MAX`] of footer, [`FIELDS_MAX`] columns; `limits.body_bytes` for the text of one row.
    /// Errors: see [`OpenError`].
    pub fn open(file: File, object: &str, limits: Limits) -> Result<Self, OpenError> {
        Self::of(Arc::new(file), object, limits)
    }

    /// The same for a file that is in memory.
    ///
    /// Errors: see [`OpenError`].
    pub fn in_memory(bytes: Vec<u8>, object: &str, limits: Limits) -> Result<Self, OpenError> {
        Self::of(Arc::new(Bytes::from(bytes)), object, limits)
    }

    fn of<R: ChunkReader + 'static>(input: Arc<R>, object: &str, limits: Limits) -> Result<Self, OpenError> {
        let footer = footer(input.as_ref())?;
        // The schema first: it is small, and says whether the rest is worth its memory.
        let schema = guarded(|| ParquetMetaDataReader::decode_schema(&footer)).map_err(OpenError::footer)?;
        Source::check(&schema)?;
        let shared = pages::Shared(Arc::clone(&input));
        let reader = guarded(|| SerializedFileReader::new(shared)).map_err(OpenError::footer)?;
        let source = Source::of(reader.metadata());
        Ok(Self {
            reader: Box::new(reader),
            pages: Box::new(pages::Shared(input)),
            object: Arc::from(object),
            source,
            limits,
            group: 0,
            open: Vec::new(),
            remaining: 0,
            rows_at_once: BATCH_RECORDS_MAX,
            rows: 0,
            is_begun: false,
        })
    }

    /// What the file is made of.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// How many rows its footer says it has.
    pub fn rows(&self) -> u64 {
        u64::try_from(self.reader.metadata().file_metadata().num_rows()).unwrap_or(0)
    }

    /// The next chunk, or nothing at the end. The first chunk is there even if it holds no row.
    ///
    /// Bounds: [`BATCH_RECORDS_MAX`] rows, and no rows of two row groups; a page is at most
    ///         [`pages::PAGE_BYTES_MAX`], a column at once one page and its dictionary.
    /// Errors: see [`ReadError`]; the rest of the file is not read.
    pub fn next_chunk(&mut self) -> Result<Option<Chunk>, ReadError> {
        let mut begins_group = false;
        while self.remaining == 0 {
            if self.group >= self.reader.num_row_groups() {
                let is_empty = !self.is_begun;
                self.is_begun = true;
                return Ok(is_empty.then(|| self.chunk(Vec::new(), 0, false)));
            }
            self.open_group()?;
            begins_group = true;
        }
        let rows = self.remaining.min(self.rows_at_once);
        let mut cells = Vec::with_capacity(self.open.len());
        for (column, reader) in self.source.columns.iter().zip(&mut self.open) {
            let read = guarded(|| Cells::read(reader, rows, column.is_optional));
            cells.push(read.map_err(|source| damaged(self.group, &column.name, source))?);
        }
        self.remaining -= rows;
        let chunk = self.chunk(cells, rows, begins_group);
        self.rows += rows;
        self.is_begun = true;
        Ok(Some(chunk))
    }

    fn open_group(&mut self) -> Result<(), ReadError> {
        let at = self.group;
        self.group += 1;
        let number = self.group;
        let whole = |source| ReadError::Group { group: number, source };
        let group = guarded(|| self.reader.get_row_group(at)).map_err(whole)?;
        let rows = group.metadata().num_rows();
        self.remaining = usize::try_from(rows)
            .map_err(|_| whole(ParquetError::General("it has less than no rows".to_owned())))?;
        let bytes = u64::try_from(group.metadata().total_byte_size()).unwrap_or(0);
        let a_row = bytes / u64::try_from(rows).unwrap_or(1).max(1);
        let at_once = usize::try_from(CHUNK_BYTES / a_row.max(1)).unwrap_or(BATCH_RECORDS_MAX);
        self.rows_at_once = at_once.clamp(1, BATCH_RECORDS_MAX);
        self.open.clear();
        if self.remaining == 0 {
            return Ok(());
        }
        let mut open = Vec::with_capacity(self.source.columns.len());
        for (position, column) in self.source.columns.iter().enumerate() {
            let opened = guarded(|| {
                let described = group.metadata().columns().get(position);
                let described = described
                    .ok_or_else(|| ParquetError::General("it is not in the row group".to_owned()))?;
                self.pages.check(described)?;
                group.get_column_reader(position)
            });
            open.push(opened.map_err(|source| damaged(number, &column.name, source))?);
        }
        self.open = open;
        Ok(())
    }

    fn chunk(&self, cells: Vec<Cells>, rows: usize, begins_group: bool) -> Chunk {
        Chunk {
            object: Arc::clone(&self.object),
            columns: Arc::clone(&self.source.columns),
            cells,
            rows,
            first_row: self.rows,
            begins_group,
            row_bytes_max: self.limits.body_bytes,
            readable: OnceLock::new(),
        }
    }
}

fn damaged(group: usize, column: &str, source: ParquetError) -> ReadError {
    ReadError::Column { group, column: column.to_owned(), source }
}

/// The footer's bytes, after its length was looked at.
fn footer(input: &impl ChunkReader) -> Result<Bytes, OpenError> {
    let length = input.len();
    let bytes = |start: u64, length: u64| {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        input.get_bytes(start, length).map_err(OpenError::footer)
    };
    let head = if length < 4 { Bytes::new() } else { bytes(0, 4)? };
    if head == ENCRYPTED {
        return Err(OpenError::Encrypted);
    }
    if head != PLAIN {
        return Err(OpenError::NotParquet);
    }
    if length < 12 {
        return Err(OpenError::Truncated);
    }
    let tail = bytes(length - 8, 8)?;
    let (size, magic) = tail.split_at_checked(4).ok_or(OpenError::Truncated)?;
    if magic == ENCRYPTED {
        return Err(OpenError::Encrypted);
    }
    let size = u64::from(u32::from_le_bytes(<[u8; 4]>::try_from(size).map_err(|_| OpenError::Truncated)?));
    if magic != PLAIN || size > length - 12 {
        return Err(OpenError::Truncated);
    }
    if size > FOOTER_BYTES_MAX {
        return Err(OpenError::FooterTooLong { bytes: size });
    }
    bytes(length - 8 - size, size)
}

/// Why a file was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It does not begin as Parquet does.
    #[error("is not a Parquet file; give one, or a CSV with a header")]
    NotParquet,
    /// It does not end as Parquet does.
    #[error("is cut short or was never finished: its footer is not at its end; get it again, whole")]
    Truncated,
    /// Its footer is encrypted.
    #[error("is encrypted; decrypt it first")]
    Encrypted,
    /// Its footer is over the bound.
    #[error(
        "has a footer of {bytes} bytes, more than {FOOTER_BYTES_MAX}: too many columns or row groups; split it"
    )]
    FooterTooLong {
        /// What it says of itself.
        bytes: u64,
    },
    /// Its footer cannot be read.
    #[error("has a footer that cannot be read; get the file again")]
    Footer {
        /// What the library says.
        #[source]
        source: ParquetError,
    },
    /// It has no columns.
    #[error("has no columns")]
    NoColumns,
    /// It has more columns than a mark covers.
    #[error("has {columns} columns, and a mark covers at most {FIELDS_MAX}; split the table")]
    TooManyColumns {
        /// Those that are not ours.
        columns: usize,
    },
    /// Two columns have one name.
    #[error("names a column twice; rename one")]
    SameName,
    /// A column has no name.
    #[error("has no name for its column {column}; give it one")]
    NoName {
        /// From 1.
        column: usize,
    },
    /// A column holds lists, maps or groups.
    #[error("has the nested column `{column}`; flatten it, or write it as JSON text")]
    Nested {
        /// Its name.
        column: String,
    },
}

impl OpenError {
    fn footer(source: ParquetError) -> Self {
        Self::Footer { source }
    }
}

/// Why a file was not read to its end.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A row group cannot be read.
    #[error("row group {group} cannot be read; get the file again")]
    Group {
        /// From 1.
        group: usize,
        /// What the library says.
        #[source]
        source: ParquetError,
    },
    /// A column of a row group cannot be read.
    #[error(
        "row group {group}, column `{column}` cannot be read; get the file again, or write it again without it"
    )]
    Column {
        /// From 1.
        group: usize,
        /// The column's name.
        column: String,
        /// What the library says.
        #[source]
        source: ParquetError,
    },
}
