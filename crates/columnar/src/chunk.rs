//! Some rows of a file, column by column, and the records that they are.

use std::{
    borrow::Cow,
    fmt,
    sync::{Arc, OnceLock},
};

use carrier::{
    Readings, Unit,
    table::{hidden_label, take_label},
};
use mark::{Claim, Form, Place, Reading, Record, Unreadable, json::Json};
use parquet::{
    column::reader::ColumnReader,
    data_type::{ByteArray, FixedLenByteArray, Int96},
    errors::ParquetError,
};

use crate::{
    source::Column,
    spell::{Spelling, bytes, double, integer, old_moment, single},
};

/// The one label that is a checkbox, by its order in `carrier::table::COLUMNS`.
const CHECKBOX: usize = 0;

/// Some of a file's rows. Chunks can be worked on by several threads.
#[derive(Clone)]
pub struct Chunk {
    pub(crate) object: Arc<str>,
    pub(crate) columns: Arc<[Column]>,
    // One a column, each with as many places as there are rows by INVARIANT.
    pub(crate) cells: Vec<Cells>,
    pub(crate) rows: usize,
    pub(crate) first_row: usize,
    /// A row group of the file begins with it.
    pub(crate) begins_group: bool,
    pub(crate) row_bytes_max: usize,
    // Of each row whether it can be read, once that is known.
    pub(crate) readable: OnceLock<Vec<bool>>,
}

/// Debug shows sizes only.
impl fmt::Debug for Chunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Chunk(Parquet, {} rows of {} columns)", self.rows, self.cells.len())
    }
}

impl Chunk {
    /// The readings of this chunk, in the order of the file. `place.index` counts from the file's beginning.
    ///
    /// Shape:  one reading a row, of kind table; an absent value is no field.
    /// Errors: none; what cannot be read is itself a reading.
    /// Source: spec/carriers.md section 4.3.
    pub fn read(&self) -> Readings<'_> {
        let mut cursors: Vec<Cursor<'_>> = self.cells.iter().map(Cursor::of).collect();
        let records: Vec<Reading<'_>> = (0..self.rows)
            .map(|row| {
                let index = self.first_row + row;
                let place = Place { index, reference: format!("row {}", index + 1) };
                Reading { place, content: self.record(row, &mut cursors) }
            })
            .collect();
        self.readable.get_or_init(|| records.iter().map(|one| one.content.is_ok()).collect());
        Readings { unit: Unit::Whole, records }
    }

    /// Whether each row can be read.
    pub(crate) fn readable(&self) -> &[bool] {
        if self.readable.get().is_none() {
            drop(self.read());
        }
        self.readable.get().map_or(&[][..], Vec::as_slice)
    }

    fn record<'a>(&'a self, row: usize, cursors: &mut [Cursor<'a>]) -> Result<Record<'a>, Unreadable> {
        let mut record = Record {
            form: Form::Table,
            object: Cow::Borrowed(self.object.as_ref()),
            fields: Vec::with_capacity(cursors.len()),
            mark: None,
            claim: Claim::None,
        };
        let (mut problem, mut hidden, mut length) = (None, None, 0_usize);
        for (at, (column, cursor)) in self.columns.iter().zip(cursors).enumerate() {
            // Every cursor moves on, whatever is found: they go down the columns side by side.
            match cursor.next(row, column.spelling) {
                Found::Binary => {
                    problem = problem.or(Some(format!(
                        "holds binary in column {}, which no mark covers; take the column out, or write it as text",
                        at + 1
                    )));
                }
                Found::Absent | Found::Value(Json::Null) => {}
                Found::Value(value) if let Some(label) = column.label => {
                    let text = match value {
                        Json::Bool(ticked) => Cow::Borrowed(if ticked { "true" } else { "false" }),
                        Json::Text(text) => text,
                        // Some databases have no booleans; no other label is a number.
                        Json::Number(number) if label == CHECKBOX => {
                            Cow::Borrowed(if number > 0.0 { "true" } else { "false" })
                        }
                        Json::Number(_) | Json::Null | Json::Array(_) | Json::Object(_) => continue,
                    };
                    if let Err(reason) = take_label(label, text, &mut record) {
                        hidden = hidden.or(Some(reason));
                    }
                }
                Found::Value(value) => {
                    length += value.text().map_or(8, str::len);
                    let label = value.text().and_then(|text| hidden_label(&column.name, text));
                    hidden = hidden.or(label);
                    record.fields.push((Cow::Borrowed(column.name.as_str()), value));
                }
            }
        }
        if length > self.row_bytes_max {
            return Err(Unreadable::TooLong { limit: self.row_bytes_max });
        }
        match problem.map(Unreadable::Shape).or(hidden) {
            Some(reason) => Err(reason),
            None => Ok(record),
        }
    }
}

/// The cells of one column: which are there, and the values of those.
#[derive(Clone)]
pub(crate) struct Cells {
    /// Whether each is there; none where all must be.
    pub(crate) present: Option<Vec<i16>>,
    pub(crate) values: Values,
}

#[derive(Clone)]
pub(crate) enum Values {
    Boolean(Vec<bool>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Int96(Vec<Int96>),
    Float(Vec<f32>),
    Double(Vec<f64>),
    Bytes(Vec<ByteArray>),
    Fixed(Vec<FixedLenByteArray>),
}

impl Cells {
    /// Reads so many rows of a column.
    ///
    /// Errors: those of the library, also if there are fewer.
    pub(crate) fn read(
        reader: &mut ColumnReader,
        rows: usize,
        is_optional: bool,
    ) -> Result<Self, ParquetError> {
        let mut levels = Vec::new();
        macro_rules! read {
            ($reader:expr, $kind:path) => {{
                let mut values = Vec::new();
                let levels = is_optional.then_some(&mut levels);
                let (found, ..) = $reader.read_records(rows, levels, None, &mut values)?;
                (found, $kind(values))
            }};
        }
        let (found, values) = match reader {
            ColumnReader::BoolColumnReader(reader) => read!(reader, Values::Boolean),
            ColumnReader::Int32ColumnReader(reader) => read!(reader, Values::Int32),
            ColumnReader::Int64ColumnReader(reader) => read!(reader, Values::Int64),
            ColumnReader::Int96ColumnReader(reader) => read!(reader, Values::Int96),
            ColumnReader::FloatColumnReader(reader) => read!(reader, Values::Float),
            ColumnReader::DoubleColumnReader(reader) => read!(reader, Values::Double),
            ColumnReader::ByteArrayColumnReader(reader) => read!(reader, Values::Bytes),
            ColumnReader::FixedLenByteArrayColumnReader(reader) => read!(reader, Values::Fixed),
        };
        if found != rows {
            return Err(ParquetError::General("it has fewer rows than the file says".to_owned()));
        }
        // The library takes a level for what it is: one that a flat column cannot have would make it panic in writing.
        if levels.iter().any(|level| !matches!(level, 0 | 1)) {
            return Err(ParquetError::General("a column says of a cell what no flat column can".to_owned()));
        }
        Ok(Self { present: is_optional.then_some(levels), values })
    }
}

/// A walk down one column.
struct Cursor<'a> {
    cells: &'a Cells,
    // The value that comes next; absent ones have none.
    at: usize,
}

impl<'a> Cursor<'a> {
    fn of(cells: &'a Cells) -> Self {
        Self { cells, at: 0 }
    }

    /// What stands in the next row.
    fn next(&mut self, row: usize, spelling: Spelling) -> Found<'a> {
        if self.cells.present.as_ref().is_some_and(|present| present.get(row) != Some(&1)) {
            return Found::Absent;
        }
        let at = self.at;
        self.at += 1;
        let found = match &self.cells.values {
            Values::Boolean(values) => values.get(at).map(|value| Json::Bool(*value)),
            Values::Int32(values) => values.get(at).map(|value| integer(i64::from(*value), 32, spelling)),
            Values::Int64(values) => values.get(at).map(|value| integer(*value, 64, spelling)),
            Values::Int96(values) => values.get(at).map(old_moment),
            Values::Float(values) => values.get(at).map(|value| single(*value)),
            Values::Double(values) => values.get(at).map(|value| double(*value)),
            Values::Bytes(values) => values.get(at).and_then(|value| bytes(value.data(), spelling)),
            Values::Fixed(values) => values.get(at).and_then(|value| bytes(value.data(), spelling)),
        };
        found.map_or(Found::Binary, Found::Value)
    }
}

/// What stands in one cell.
enum Found<'a> {
    Absent,
    Value(Json<'a>),
    /// Bytes that are no text.
    Binary,
}
