//! A file like another, with labels in columns of their own, or with fewer rows.

use std::{io::Write, sync::Arc};

use carrier::{
    DatasetPointer, Labels,
    table::{COLUMNS, label_cells},
};
use parquet::{
    basic::{LogicalType, Repetition, Type as Physical},
    column::writer::ColumnWriter,
    data_type::ByteArray,
    errors::ParquetError,
    file::{
        metadata::KeyValue,
        properties::{EnabledStatistics, WriterProperties},
        writer::SerializedFileWriter,
    },
    schema::types::{ColumnPath, Type, TypePtr},
};

use crate::{
    chunk::{Cells, Chunk, Values},
    source::{Column, Source},
};

/// The key in the file's own metadata that names the dataset of its marks.
pub const DATASET_KEY: &str = "eosin:dataset";

/// Values of about so many bytes are held before a row group is written: a longer one is cut.
pub const GROUP_BYTES: usize = 64 << 20;

/// Most rows that are held before a row group is written.
const GROUP_ROWS: usize = 1 << 20;

/// Where the mark's text stands among [`COLUMNS`], and the checkbox.
const SYNTHETIC: usize = 0;

/// A file on its way.
///
/// Columns, their order, types and codecs, row groups and metadata are those of the source; values keep their bits.
pub struct Writer<W: Write + Send> {
    file: SerializedFileWriter<W>,
    // For each column of the source whether it is written: with labels, our old ones are not.
    kept: Vec<bool>,
    is_labelled: bool,
    group: Vec<Cells>,
    rows: usize,
    bytes: usize,
}

impl<W: Write + Send> std::fmt::Debug for Writer<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Writer(Parquet, {} rows held)", self.rows)
    }
}

impl<W: Write + Send> Writer<W> {
    /// Begins a file like `source`. With the id of a dataset it has the six columns that labels go into, at its end,
    /// and takes [`Writer::place`]; without, it takes [`Writer::select`].
    ///
    /// Errors: see [`WriteError`].
    pub fn begin(out: W, source: &Source, dataset: Option<&str>) -> Result<Self, WriteError> {
        let kept: Vec<bool> =
            source.columns.iter().map(|column| dataset.is_none() || column.label.is_none()).collect();
        let columns =
            || source.columns.iter().zip(&kept).filter(|(_, kept)| **kept).map(|(column, _)| column);
        let mut fields: Vec<TypePtr> = columns().map(|column| Arc::clone(&column.kind)).collect();
        let mut metadata = source.metadata.clone();
        let mut properties = WriterProperties::builder()
            .set_created_by(concat!("eosin ", env!("CARGO_PKG_VERSION")).to_owned());
        for column in columns() {
            let path = ColumnPath::new(vec![column.name.clone()]);
            properties = properties.set_column_compression(path, column.compression);
        }
        let mut group: Vec<Cells> = columns().map(Cells::none).collect();
        if let Some(dataset) = dataset {
            let codec =
                source.columns.first().map_or(parquet::basic::Compression::SNAPPY, |one| one.compression);
            for (at, name) in COLUMNS.into_iter().enumerate() {
                fields.push(Arc::new(label_type(at, name)?));
                group.push(Cells::label(at));
                let path = || ColumnPath::new(vec![name.to_owned()]);
                properties = properties
                    .set_column_compression(path(), codec)
                    .set_column_statistics_enabled(path(), EnabledStatistics::None);
            }
            // Every mark is another: a dictionary of them would be the column twice.
            let mark = ColumnPath::new(vec![COLUMNS.last().copied().unwrap_or_default().to_owned()]);
            properties = properties.set_column_dictionary_enabled(mark, false);
            // Arrow's copy of the schema does not know our columns; readers make another from Parquet's own.
            metadata.retain(|entry| entry.key != DATASET_KEY && entry.key != ARROW_KEY);
            metadata.push(KeyValue::new(DATASET_KEY.to_owned(), dataset.to_owned()));
        }
        let properties =
            properties.set_key_value_metadata(Some(metadata).filter(|all| !all.is_empty())).build();
        let schema = Type::group_type_builder(&source.name).with_fields(fields).build()?;
        let file = SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties))?;
        Ok(Self { file, kept, is_labelled: dataset.is_some(), group, rows: 0, bytes: 0 })
    }

    /// Writes the rows that have labels, with them; the others are left out.
    ///
    /// Shape:  one item for each reading of the chunk, in order.
    /// Errors: see [`WriteError`]; what is written by then is to be thrown away.
    pub fn place(&mut self, chunk: &Chunk, labels: &[Option<Labels>]) -> Result<(), WriteError> {
        if !self.is_labelled {
            return Err(WriteError::NoColumns);
        }
        let readable = chunk.readable();
        let unreadable =
            labels.iter().zip(readable).position(|(labels, readable)| labels.is_some() && !readable);
        if let Some(at) = unreadable {
            return Err(WriteError::Unreadable { row: chunk.first_row + at + 1 });
        }
        let by_row = |labels: &Labels| matches!(labels.dataset, Some(DatasetPointer::SalesforceId(_)));
        if labels.iter().flatten().any(by_row) {
            return Err(WriteError::Pointer);
        }
        let keep: Vec<bool> = labels.iter().map(Option::is_some).collect();
        self.take(chunk, &keep, labels)
    }

    /// Writes the chosen rows, readable or not.
    ///
    /// Shape:  one item for each reading of the chunk, in order.
    /// Errors: see [`WriteError`]; what is written by then is to be thrown away.
    pub fn select(&mut self, chunk: &Chunk, keep: &[bool]) -> Result<(), WriteError> {
        if self.is_labelled {
            return Err(WriteError::NoLabels);
        }
        self.take(chunk, keep, &[])
    }

    fn take(&mut self, chunk: &Chunk, keep: &[bool], labels: &[Option<Labels>]) -> Result<(), WriteError> {
        if keep.len() != chunk.rows {
            return Err(WriteError::Count { rows: chunk.rows, given: keep.len() });
        }
        if chunk.begins_group || self.bytes > GROUP_BYTES || self.rows > GROUP_ROWS {
            self.flush()?;
        }
        let sources = chunk.cells.iter().zip(&self.kept).filter(|(_, kept)| **kept).map(|(cells, _)| cells);
        for (held, source) in self.group.iter_mut().zip(sources) {
            self.bytes += held.take(source, keep);
        }
        let first = self.group.len().saturating_sub(if self.is_labelled { COLUMNS.len() } else { 0 });
        for labels in labels.iter().flatten() {
            let values = label_cells(labels);
            for (held, value) in self.group.iter_mut().skip(first).zip(values) {
                self.bytes += held.write(value);
            }
        }
        self.rows += keep.iter().filter(|keep| **keep).count();
        Ok(())
    }

    /// Writes what is held as one row group.
    fn flush(&mut self) -> Result<(), WriteError> {
        if self.rows == 0 {
            return Ok(());
        }
        let mut group = self.file.next_row_group()?;
        for held in &mut self.group {
            let Some(mut column) = group.next_column()? else {
                return Err(WriteError::Parquet(ParquetError::General("it has no such column".to_owned())));
            };
            crate::guarded(|| held.flush(column.untyped()))?;
            column.close()?;
        }
        group.close()?;
        (self.rows, self.bytes) = (0, 0);
        Ok(())
    }

    /// Ends the file, and gives back where it was written to.
    ///
    /// Errors: see [`WriteError`].
    pub fn finish(mut self) -> Result<W, WriteError> {
        self.flush()?;
        Ok(self.file.into_inner()?)
    }
}

/// Where Arrow keeps its own copy of a file's schema.
const ARROW_KEY: &str = "ARROW:schema";

fn label_type(at: usize, name: &str) -> Result<Type, ParquetError> {
    let physical = if at == SYNTHETIC { Physical::BOOLEAN } else { Physical::BYTE_ARRAY };
    let logical = (at != SYNTHETIC).then_some(LogicalType::String);
    Type::primitive_type_builder(name, physical)
        .with_repetition(Repetition::OPTIONAL)
        .with_logical_type(logical)
        .build()
}

/// Runs one expression for the values of any type.
macro_rules! each {
    ($values:expr, $bound:ident => $body:expr) => {
        match $values {
            Values::Boolean($bound) => $body,
            Values::Int32($bound) => $body,
            Values::Int64($bound) => $body,
            Values::Int96($bound) => $body,
            Values::Float($bound) => $body,
            Values::Double($bound) => $body,
            Values::Bytes($bound) => $body,
            Values::Fixed($bound) => $body,
        }
    };
}

impl Cells {
    /// No cells of this column.
    fn none(column: &Column) -> Self {
        let values = match column.kind.get_physical_type() {
            Physical::BOOLEAN => Values::Boolean(Vec::new()),
            Physical::INT32 => Values::Int32(Vec::new()),
            Physical::INT64 => Values::Int64(Vec::new()),
            Physical::INT96 => Values::Int96(Vec::new()),
            Physical::FLOAT => Values::Float(Vec::new()),
            Physical::DOUBLE => Values::Double(Vec::new()),
            Physical::BYTE_ARRAY => Values::Bytes(Vec::new()),
            Physical::FIXED_LEN_BYTE_ARRAY => Values::Fixed(Vec::new()),
        };
        Self { present: column.is_optional.then(Vec::new), values }
    }

    /// No cells of one of our columns.
    fn label(at: usize) -> Self {
        let values = if at == SYNTHETIC { Values::Boolean(Vec::new()) } else { Values::Bytes(Vec::new()) };
        Self { present: Some(Vec::new()), values }
    }

    /// Appends the chosen cells of another; how many bytes they take.
    fn take(&mut self, source: &Self, keep: &[bool]) -> usize {
        let is_there =
            |row: usize| source.present.as_ref().is_none_or(|present| present.get(row) == Some(&1));
        if let (Some(held), Some(present)) = (&mut self.present, &source.present) {
            held.extend(present.iter().zip(keep).filter(|(_, keep)| **keep).map(|(level, _)| *level));
        }
        // Which of the values that are there are chosen.
        let chosen = keep.iter().enumerate().filter(|(row, _)| is_there(*row)).map(|(_, keep)| *keep);
        macro_rules! copy {
            ($held:expr, $values:expr, $size:expr) => {{
                let before = $held.len();
                $held.extend(
                    $values.iter().zip(chosen).filter(|(_, keep)| *keep).map(|(value, _)| value.clone()),
                );
                $held.iter().skip(before).map($size).sum::<usize>()
            }};
        }
        match (&mut self.values, &source.values) {
            (Values::Boolean(held), Values::Boolean(values)) => copy!(held, values, |_| 1),
            (Values::Int32(held), Values::Int32(values)) => copy!(held, values, |_| 4),
            (Values::Int64(held), Values::Int64(values)) => copy!(held, values, |_| 8),
            (Values::Int96(held), Values::Int96(values)) => copy!(held, values, |_| 12),
            (Values::Float(held), Values::Float(values)) => copy!(held, values, |_| 4),
            (Values::Double(held), Values::Double(values)) => copy!(held, values, |_| 8),
            (Values::Bytes(held), Values::Bytes(values)) => copy!(held, values, |value| value.len() + 40),
            (Values::Fixed(held), Values::Fixed(values)) => copy!(held, values, |value| value.len() + 40),
            // By INVARIANT on `cells` a column has one type; nothing of another could be written.
            _ => 0,
        }
    }

    /// Appends one label; how many bytes it takes.
    fn write(&mut self, value: &str) -> usize {
        let is_there = !value.is_empty();
        if let Some(present) = &mut self.present {
            present.push(i16::from(is_there));
        }
        match &mut self.values {
            Values::Boolean(values) if is_there => values.push(value == "true"),
            Values::Bytes(values) if is_there => values.push(ByteArray::from(value)),
            Values::Boolean(_)
            | Values::Bytes(_)
            | Values::Int32(_)
            | Values::Int64(_)
            | Values::Int96(_)
            | Values::Float(_)
            | Values::Double(_)
            | Values::Fixed(_) => {}
        }
        value.len() + 40
    }

    /// Gives every cell to the library, and holds none.
    fn flush(&mut self, writer: &mut ColumnWriter<'_>) -> Result<(), ParquetError> {
        let levels = self.present.as_deref();
        match (writer, &self.values) {
            (ColumnWriter::BoolColumnWriter(writer), Values::Boolean(values)) => {
                writer.write_batch(values, levels, None)?
            }
            (ColumnWriter::Int32ColumnWriter(writer), Values::Int32(values)) => {
                writer.write_batch(values, levels, None)?
            }
            (ColumnWriter::Int64ColumnWriter(writer), Values::Int64(values)) => {
                writer.write_batch(values, levels, None)?
            }
            (ColumnWriter::Int96ColumnWriter(writer), Values::Int96(values)) => {
                writer.write_batch(values, levels, None)?
            }
            (ColumnWriter::FloatColumnWriter(writer), Values::Float(values)) => {
                writer.write_batch(values, levels, None)?
            }
            (ColumnWriter::DoubleColumnWriter(writer), Values::Double(values)) => {
                writer.write_batch(values, levels, None)?
            }
            (ColumnWriter::ByteArrayColumnWriter(writer), Values::Bytes(values)) => {
                writer.write_batch(values, levels, None)?
            }
            (ColumnWriter::FixedLenByteArrayColumnWriter(writer), Values::Fixed(values)) => {
                writer.write_batch(values, levels, None)?
            }
            _ => return Err(ParquetError::General("a column has values of another type".to_owned())),
        };
        each!(&mut self.values, values => values.clear());
        if let Some(present) = &mut self.present {
            present.clear();
        }
        Ok(())
    }
}

/// Why rows were not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// There are not as many labels or choices as rows.
    #[error("holds {rows} rows, and labels were given for {given}")]
    Count {
        /// Rows of the chunk.
        rows: usize,
        /// Labels or choices given.
        given: usize,
    },
    /// A row that cannot be read takes no labels; it can be left out.
    #[error("row {row} cannot be read, so it takes no labels")]
    Unreadable {
        /// From 1, in the file.
        row: usize,
    },
    /// The file was begun without columns for labels.
    #[error("has no columns for labels; begin it with its dataset")]
    NoColumns,
    /// The file was begun with columns for labels.
    #[error("has columns for labels; begin it without a dataset")]
    NoLabels,
    /// A column for the dataset holds its id, not the id of a row of one org.
    #[error("the labels point at a dataset by its row, and a table points by the dataset's id")]
    Pointer,
    /// The file could not be written.
    #[error("cannot be written")]
    Parquet(#[from] ParquetError),
}
