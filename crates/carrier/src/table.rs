//! Files of records: what a file is, and its records a bounded chunk at a time.
//!
//! Opens nothing: it reads what the caller opened. Start at [`sniff()`], then [`Chunks`].
//! Source: spec/carriers.md section 4.

use std::{
    io::{self, BufRead, Read as _},
    sync::Arc,
};

use mark::{BATCH_RECORDS_MAX, Place, Reading, Unreadable};

use crate::{Labels, Limits, Readings, Unit, fhir, salesforce};

mod rows;
mod sniff;
mod split;

pub use rows::identity_columns;
pub use sniff::{HEAD_BYTES, sniff};

use rows::Header;
use split::{Piece, Splitter};

/// What a file holds, and how it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Format {
    /// One FHIR resource or Bundle.
    FhirDocument,
    /// FHIR resources, one a line.
    FhirLines,
    /// Salesforce rows as JSON: one, an array, or a query's answer.
    SalesforceJson {
        /// The object of rows that do not say it themselves.
        object: Option<String>,
    },
    /// Rows of a Salesforce object as CSV.
    SalesforceCsv {
        /// The object.
        object: String,
    },
    /// Rows of any other table.
    Table {
        /// The table's name, which stands for the object.
        object: String,
        /// What stands between cells.
        delimiter: u8,
    },
}

impl Format {
    /// What to call it when talking to a person.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::FhirDocument => "FHIR R4 JSON",
            Self::FhirLines => "FHIR R4 NDJSON",
            Self::SalesforceJson { .. } => "Salesforce JSON",
            Self::SalesforceCsv { .. } => "Salesforce CSV",
            Self::Table { .. } => "a table of text",
        }
    }
}

/// A file's records, a chunk at a time.
///
/// Lines and tables of any length are read in bounded memory: a chunk holds at most [`BATCH_RECORDS_MAX`] records,
/// which is what one batch of a dataset holds. The other formats are one chunk, within `limits`.
#[derive(Debug)]
pub struct Chunks<R> {
    input: R,
    format: Format,
    limits: Limits,
    splitter: Splitter,
    header: Option<Arc<Header>>,
    records: usize,
    is_done: bool,
}

/// Bytes after which a chunk is not lengthened.
const CHUNK_BYTES: usize = 4 << 20;

impl<R: BufRead> Chunks<R> {
    /// The chunks of what `input` gives from its beginning.
    pub fn new(input: R, format: Format, limits: Limits) -> Self {
        let delimiter = match &format {
            Format::Table { delimiter, .. } => Some(*delimiter),
            Format::FhirDocument
            | Format::FhirLines
            | Format::SalesforceJson { .. }
            | Format::SalesforceCsv { .. } => None,
        };
        let splitter = Splitter::new(delimiter);
        Self { input, format, limits, splitter, header: None, records: 0, is_done: false }
    }

    /// The next chunk, or nothing at the end. The first chunk is there even if it holds no record.
    ///
    /// Bounds: about `CHUNK_BYTES` and one record of `limits.body_bytes`.
    /// Errors: those of `input`. What cannot be read as a record is a reading.
    pub fn next_chunk(&mut self) -> io::Result<Option<Chunk>> {
        if self.is_done {
            return Ok(None);
        }
        match self.format {
            Format::FhirLines | Format::Table { .. } => self.split_chunk(),
            Format::FhirDocument | Format::SalesforceJson { .. } | Format::SalesforceCsv { .. } => {
                self.is_done = true;
                let limit = u64::try_from(self.limits.body_bytes).unwrap_or(u64::MAX);
                let mut bytes = Vec::new();
                self.input.by_ref().take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
                Ok(Some(self.chunk(bytes, Vec::new(), true)))
            }
        }
    }

    fn split_chunk(&mut self) -> io::Result<Option<Chunk>> {
        let is_first = self.records == 0 && self.header.is_none();
        if is_first && matches!(self.format, Format::Table { .. }) {
            let mut bytes = Vec::new();
            let first = self.splitter.next(&mut self.input, &mut bytes, self.limits.body_bytes)?;
            self.header = Some(Arc::new(Header::parse(first.as_ref(), &bytes, &self.format)));
        }
        let (mut bytes, mut pieces) = (Vec::new(), Vec::new());
        while pieces.len() < BATCH_RECORDS_MAX && bytes.len() < CHUNK_BYTES {
            let Some(piece) = self.splitter.next(&mut self.input, &mut bytes, self.limits.body_bytes)? else {
                self.is_done = true;
                break;
            };
            pieces.push(piece);
        }
        if pieces.is_empty() && !is_first {
            return Ok(None);
        }
        Ok(Some(self.chunk(bytes, pieces, is_first)))
    }

    fn chunk(&mut self, bytes: Vec<u8>, pieces: Vec<Piece>, is_first: bool) -> Chunk {
        let first_record = self.records;
        self.records += pieces.len();
        let (format, limits, header) = (self.format.clone(), self.limits, self.header.clone());
        Chunk { format, limits, header, bytes, pieces, first_record, is_first }
    }
}

/// Some of a file's records, still as they were written.
#[derive(Clone)]
pub struct Chunk {
    format: Format,
    limits: Limits,
    header: Option<Arc<Header>>,
    bytes: Vec<u8>,
    // One a record of a format that is split; empty for a format that is not.
    pieces: Vec<Piece>,
    first_record: usize,
    is_first: bool,
}

/// Debug shows sizes only.
impl std::fmt::Debug for Chunk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Chunk({}, {} bytes)", self.format.as_str(), self.bytes.len())
    }
}

impl Chunk {
    /// The readings of this chunk, in the order of the file. `place.index` counts from the file's beginning.
    ///
    /// Shape:  one reading a record; a table whose header cannot be read is one reading that says so.
    /// Errors: none; what cannot be read is itself a reading.
    pub fn read(&self) -> Readings<'_> {
        let records = match &self.format {
            Format::FhirDocument => fhir::read_document(&self.bytes, &self.limits).records,
            Format::SalesforceJson { object } => {
                salesforce::read_file(&self.bytes, object.as_deref(), &self.limits).records
            }
            Format::SalesforceCsv { object } => {
                salesforce::read_file(&self.bytes, Some(object), &self.limits).records
            }
            Format::FhirLines => self.lines(),
            Format::Table { .. } => self.rows(),
        };
        Readings { unit: Unit::Whole, records }
    }

    /// The chunk with labels in its records; the chunks of a file in order are the labelled file.
    ///
    /// Shape:  one set of labels for each reading, in order -> bytes to append to what came before.
    /// Errors: see [`PlaceError`]; nothing was written.
    pub fn place(&self, labels: &[Labels]) -> Result<Vec<u8>, PlaceError> {
        let readings = self.read().records;
        if let Some(Reading { place, content: Err(reason) }) =
            readings.iter().find(|one| one.content.is_err())
        {
            return Err(PlaceError::Unreadable { place: place.reference.clone(), reason: reason.clone() });
        }
        if readings.len() != labels.len() {
            return Err(PlaceError::Count { records: readings.len(), labels: labels.len() });
        }
        match &self.format {
            Format::FhirDocument => {
                let is_bundle = readings.first().is_none_or(|one| one.place.reference.starts_with("entry["));
                match labels {
                    [labels] if !is_bundle => Ok(fhir::place(&self.bytes, labels)?),
                    _ => Ok(fhir::place_bundle(&self.bytes, labels)?),
                }
            }
            Format::FhirLines => {
                let mut out = Vec::with_capacity(self.bytes.len() * 2);
                for (piece, labels) in self.pieces.iter().zip(labels) {
                    out.extend_from_slice(&fhir::place(piece.bytes(&self.bytes).trim_ascii(), labels)?);
                    out.push(b'\n');
                }
                Ok(out)
            }
            Format::SalesforceJson { .. } => Ok(salesforce::place_file(&self.bytes, labels.iter().cloned())?),
            Format::SalesforceCsv { .. } => {
                let mut out = Vec::with_capacity(self.bytes.len() * 2);
                salesforce::place_csv(self.bytes.as_slice(), &mut out, labels.iter().cloned())?;
                Ok(out)
            }
            Format::Table { delimiter, .. } => {
                let header = self.header.as_ref().ok_or(PlaceError::Table)?;
                header.place(&self.bytes, *delimiter, self.is_first, labels).ok_or(PlaceError::Table)
            }
        }
    }

    fn lines(&self) -> Vec<Reading<'_>> {
        let read = |(at, piece): (usize, &Piece)| {
            let content = if piece.is_too_long {
                Err(Unreadable::TooLong { limit: self.limits.body_bytes })
            } else {
                fhir::read_line(piece.bytes(&self.bytes).trim_ascii(), &self.limits)
            };
            Reading { place: self.place_of(at, piece), content }
        };
        self.pieces.iter().enumerate().map(read).collect()
    }

    fn rows(&self) -> Vec<Reading<'_>> {
        let Some(header) = &self.header else { return Vec::new() };
        match (header.as_ref(), &self.format) {
            (Header { columns: Err(reason), .. }, _) if self.is_first => {
                let place = Place { index: 0, reference: "header".to_owned() };
                vec![Reading { place, content: Err(reason.clone()) }]
            }
            (header, Format::Table { object, delimiter }) => {
                let read = header.read(object, *delimiter, &self.bytes, &self.pieces, self.limits.body_bytes);
                let place = |(at, content)| {
                    let piece = self.pieces.get(at)?;
                    Some(Reading { place: self.place_of(at, piece), content })
                };
                read.into_iter().enumerate().filter_map(place).collect()
            }
            _ => Vec::new(),
        }
    }

    fn place_of(&self, at: usize, piece: &Piece) -> Place {
        Place { index: self.first_record + at, reference: format!("line {}", piece.line) }
    }
}

/// Why a chunk was not labelled.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// A record that cannot be read is not labelled, and a file is labelled whole or not at all.
    #[error("{place} {reason}")]
    Unreadable {
        /// Where it stands.
        place: String,
        /// Why it cannot be read.
        reason: Unreadable,
    },
    /// There are not as many labels as records.
    #[error("holds {records} records, and labels were given for {labels}")]
    Count {
        /// Records in the chunk.
        records: usize,
        /// Labels given.
        labels: usize,
    },
    /// A resource takes no labels.
    #[error(transparent)]
    Fhir(#[from] fhir::PlaceError),
    /// A Salesforce row takes no labels.
    #[error(transparent)]
    Salesforce(#[from] salesforce::PlaceError),
    /// The rows take no labels.
    #[error("cannot be labelled: its rows do not fit its header")]
    Table,
}

#[cfg(test)]
mod tests;
