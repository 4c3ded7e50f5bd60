//! Files of records: what a file is, and its records a bounded chunk at a time.
//!
//! Opens nothing: it reads what the caller opened. Start at [`sniff()`], then [`Chunks`].
//! Source: spec/carriers.md section 4.

use std::{
    io::{self, BufRead, Read as _},
    sync::{Arc, OnceLock},
};

use mark::{BATCH_RECORDS_MAX, Place, Reading, Record, Unreadable};

use crate::{DatasetPointer, Labels, Limits, Readings, Unit, choice::Choice, fhir, hl7v2, salesforce};

mod below;
mod identity;
mod rows;
mod sniff;
mod split;

pub use identity::identity_columns;
pub use rows::{COLUMNS, hidden_label, label_cells, label_of, take_label};
pub use sniff::{HEAD_BYTES, is_lined, sniff};

use rows::{Header, Kind};
use split::{Cut, Flaw, Piece, Splitter};

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
    /// HL7 v2 messages, perhaps framed or in a batch.
    Hl7v2,
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
            Self::Hl7v2 => "HL7 v2",
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
    format: Arc<Format>,
    limits: Limits,
    splitter: Splitter,
    cutter: hl7v2::Cutter,
    header: Option<Arc<Header>>,
    records: usize,
    // Of a Salesforce table; files have commas.
    delimiter: u8,
    // Salesforce rows, one a line.
    is_lined: bool,
    // Of a Salesforce table that is on its way to an org.
    is_upload: bool,
    is_done: bool,
}

/// Bytes after which a chunk is not lengthened.
const CHUNK_BYTES: usize = 4 << 20;

impl<R: BufRead> Chunks<R> {
    /// The chunks of what `input` gives from its beginning.
    pub fn new(input: R, format: Format, limits: Limits) -> Self {
        let cut = match &format {
            Format::Table { delimiter, .. } => Cut::Rows { delimiter: *delimiter },
            Format::SalesforceCsv { .. } => Cut::StrictRows { delimiter: b',' },
            Format::FhirDocument | Format::FhirLines | Format::SalesforceJson { .. } | Format::Hl7v2 => {
                Cut::Lines
            }
        };
        let (format, splitter) = (Arc::new(format), Splitter::new(cut).of_file());
        Self {
            input,
            format,
            limits,
            splitter,
            cutter: hl7v2::Cutter::default(),
            header: None,
            records: 0,
            delimiter: b',',
            is_lined: false,
            is_upload: false,
            is_done: false,
        }
    }

    /// The chunks of the rows that a Bulk 2.0 job uploads: each is the record that the same row is in JSON.
    pub fn of_upload(input: R, job: &salesforce::Job, limits: Limits) -> Self {
        Self { is_upload: true, ..Self::of_rows(input, job, limits) }
    }

    /// The chunks of a file of rows that an org gives: read as any file of Salesforce's, with the job's delimiter.
    pub fn of_rows(input: R, job: &salesforce::Job, limits: Limits) -> Self {
        let format = Format::SalesforceCsv { object: job.object.clone() };
        let splitter = Splitter::new(Cut::StrictRows { delimiter: job.delimiter });
        Self { splitter, delimiter: job.delimiter, ..Self::new(input, format, limits) }
    }

    /// The next chunk, or nothing at the end. The first chunk is there even if it holds no record.
    ///
    /// Bounds: about `CHUNK_BYTES` and one record of `limits.body_bytes`.
    /// Errors: those of `input`. What cannot be read as a record is a reading.
    pub fn next_chunk(&mut self) -> io::Result<Option<Chunk>> {
        if self.is_done {
            return Ok(None);
        }
        if self.records == 0 && matches!(self.format.as_ref(), Format::SalesforceJson { .. }) {
            self.is_lined = is_lined(self.input.fill_buf()?);
        }
        match self.format.as_ref() {
            Format::FhirLines | Format::Table { .. } | Format::SalesforceCsv { .. } => self.split_chunk(),
            Format::SalesforceJson { .. } if self.is_lined => self.split_chunk(),
            Format::Hl7v2 => self.message_chunk(),
            Format::FhirDocument | Format::SalesforceJson { .. } => {
                self.is_done = true;
                let limit = u64::try_from(self.limits.body_bytes).unwrap_or(u64::MAX);
                let mut bytes = Vec::new();
                self.input.by_ref().take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
                Ok(Some(self.chunk(bytes, Vec::new(), true)))
            }
        }
    }

    /// How many lines below the rows were no records, once the end is reached: a report has some.
    pub fn below(&self) -> usize {
        self.splitter.below()
    }

    fn split_chunk(&mut self) -> io::Result<Option<Chunk>> {
        let is_first = self.records == 0 && self.header.is_none();
        if is_first && matches!(self.format.as_ref(), Format::Table { .. } | Format::SalesforceCsv { .. }) {
            let mut header = self.header()?;
            if !self.splitter.is_of_file() {
                header.is_called_by_fields();
            }
            // Nothing can be read under a header that cannot: it is the one reading of its table.
            self.is_done = header.columns.is_err();
            self.splitter.expect_rows(header.count());
            self.header = Some(Arc::new(header));
        }
        let (mut bytes, mut pieces) = (Vec::new(), Vec::new());
        while !self.is_done && pieces.len() < BATCH_RECORDS_MAX && bytes.len() < CHUNK_BYTES {
            match self.splitter.next(&mut self.input, &mut bytes, self.limits.body_bytes)? {
                Some(piece) => pieces.push(piece),
                None => self.is_done = true,
            }
        }
        if pieces.is_empty() && !is_first {
            return Ok(None);
        }
        Ok(Some(self.chunk(bytes, pieces, is_first)))
    }

    fn header(&mut self) -> io::Result<Header> {
        let mut bytes = Vec::new();
        // A quote after a byte-order mark begins a cell.
        if self.input.fill_buf()?.starts_with(rows::BYTE_ORDER_MARK) {
            self.input.consume(rows::BYTE_ORDER_MARK.len());
            bytes.extend_from_slice(rows::BYTE_ORDER_MARK);
        }
        // A line for spreadsheets names no columns; whoever read the table's beginning took what it says.
        if let Some((length, _)) =
            below::separator(self.input.fill_buf()?).filter(|_| self.splitter.is_of_file())
        {
            bytes.extend_from_slice(self.input.fill_buf()?.get(..length).unwrap_or_default());
            self.input.consume(length);
        }
        let opening = bytes.len();
        let limit = self.limits.body_bytes.min(rows::HEADER_BYTES_MAX);
        let first = self.splitter.next(&mut self.input, &mut bytes, limit)?;
        Ok(match self.format.as_ref() {
            Format::Table { delimiter, object } => {
                Header::parse(first.as_ref(), (bytes, opening), *delimiter, Kind::Plain, object)
            }
            Format::SalesforceCsv { object } => {
                let kind = if self.is_upload { Kind::Upload } else { Kind::Salesforce };
                Header::parse(first.as_ref(), (bytes, opening), self.delimiter, kind, object)
            }
            Format::FhirDocument | Format::FhirLines | Format::SalesforceJson { .. } | Format::Hl7v2 => {
                Header::parse(None, (bytes, opening), b',', Kind::Plain, "")
            }
        })
    }

    fn message_chunk(&mut self) -> io::Result<Option<Chunk>> {
        let (is_first, mut bytes) = (self.records == 0, Vec::new());
        let bounds = (BATCH_RECORDS_MAX, CHUNK_BYTES);
        self.cutter.next(&mut self.input, &mut bytes, self.limits.body_bytes, bounds)?;
        if bytes.is_empty() && !is_first {
            return Ok(None);
        }
        self.is_done = bytes.is_empty();
        let chunk = self.chunk(bytes, Vec::new(), is_first);
        self.records += hl7v2::count(&chunk.bytes, self.limits.body_bytes);
        Ok(Some(chunk))
    }

    fn chunk(&mut self, bytes: Vec<u8>, pieces: Vec<Piece>, is_first: bool) -> Chunk {
        let first_record = self.records;
        self.records += pieces.len();
        let (format, limits, header) = (Arc::clone(&self.format), self.limits, self.header.clone());
        let (is_lined, is_batch, readable) = (self.is_lined, self.cutter.is_batch(), OnceLock::new());
        Chunk { format, limits, header, bytes, pieces, first_record, is_first, is_lined, is_batch, readable }
    }
}

/// Some of a file's records, still as they were written. Chunks can be worked on by several threads.
#[derive(Clone)]
pub struct Chunk {
    format: Arc<Format>,
    limits: Limits,
    header: Option<Arc<Header>>,
    bytes: Vec<u8>,
    // One a record of a format that is split; empty for a format that is not.
    pieces: Vec<Piece>,
    first_record: usize,
    is_first: bool,
    // Salesforce rows, one a line.
    is_lined: bool,
    // Messages of a batch, whose trailer counts them.
    is_batch: bool,
    // Of each piece whether it can be read, once that is known.
    readable: OnceLock<Vec<bool>>,
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
        Readings { unit: Unit::Whole, records: self.readings().collect() }
    }

    /// As [`Self::read`], one after the other.
    ///
    /// Bounds: of lines and rows one reading, however many there are: what is looked at and let go stays in the
    ///         processor's cache. A document's readings are made together.
    pub fn readings(&self) -> impl Iterator<Item = Reading<'_>> {
        let split = self.is_split().then(|| self.split_readings());
        let whole = if split.is_some() { Vec::new() } else { self.whole_readings() };
        whole.into_iter().chain(split.into_iter().flatten())
    }

    fn whole_readings(&self) -> Vec<Reading<'_>> {
        match self.format.as_ref() {
            Format::FhirDocument if fhir::is_list(&self.bytes) => fhir::read_list(&self.bytes, &self.limits),
            Format::FhirDocument => fhir::read_to_mark(&self.bytes, &self.limits).records,
            Format::SalesforceJson { object } => {
                salesforce::read_file(&self.bytes, object.as_deref(), &self.limits).records
            }
            Format::Hl7v2 => hl7v2::readings(&self.bytes, self.first_record, &self.limits),
            Format::FhirLines | Format::SalesforceCsv { .. } | Format::Table { .. } => Vec::new(),
        }
    }

    /// The chunk's records with labels in them; the chunks of a file in order are the labelled file.
    ///
    /// A record without labels is left out. Everything else keeps its bytes.
    ///
    /// Shape:  one item for each reading, in order -> bytes to append to what came before.
    /// Errors: see [`PlaceError`]; nothing was written.
    pub fn place(&self, labels: &[Option<Labels>]) -> Result<Vec<u8>, PlaceError> {
        let choices: Vec<Choice<'_>> =
            labels.iter().map(|one| one.as_ref().map_or(Choice::Leave, Choice::Label)).collect();
        self.choose(&choices, true)
    }

    /// The records that are to be kept, byte for byte, readable or not; the chunks of a file in order are a file of
    /// the same format.
    ///
    /// A table begins with its header. A document (a Bundle, an array, a query's answer) is written again around what
    /// is kept, with its counts; it is empty if nothing is.
    ///
    /// Shape:  one item for each reading, in order -> bytes to append to what came before.
    /// Errors: see [`PlaceError`]; nothing was written.
    pub fn select(&self, keep: &[bool]) -> Result<Vec<u8>, PlaceError> {
        let choices: Vec<Choice<'_>> =
            keep.iter().map(|keep| if *keep { Choice::Keep } else { Choice::Leave }).collect();
        self.choose(&choices, false)
    }

    /// As [`Self::select`], for a file that is written in parts: the trailers of HL7 v2 batches count what is left.
    ///
    /// Shape:  all chunks of the file, in order, with the same `trailers`.
    /// Errors: see [`PlaceError`]; nothing was written, and the file cannot be gone on with.
    pub fn select_counting(
        &self,
        keep: &[bool],
        trailers: &mut hl7v2::Trailers,
    ) -> Result<Vec<u8>, PlaceError> {
        if *self.format != Format::Hl7v2 {
            return self.select(keep);
        }
        let choices: Vec<Choice<'_>> =
            keep.iter().map(|keep| if *keep { Choice::Keep } else { Choice::Leave }).collect();
        self.choose_messages(&choices, hl7v2::Envelopes::Lowered(trailers))
    }

    /// The first row of a table as it was written; nothing for what is no table.
    pub fn header(&self) -> Option<&[u8]> {
        self.header.as_deref().map(|header| header.bytes.as_slice())
    }

    /// Why the header of a table cannot be read: then no chunk holds its rows.
    pub fn header_fault(&self) -> Option<&Unreadable> {
        self.header.as_deref().and_then(|header| header.columns.as_ref().err())
    }

    /// The bytes of each record as they are written: a line or row without its line end, a message without its frame.
    ///
    /// Shape:  one item for each reading, in order; none for a document whose records do not stand apart, as those of an
    ///         array do, and where a record was over the bound its bytes are empty.
    pub fn record_bytes(&self) -> Option<Vec<&[u8]>> {
        let without_end = |bytes: &'_ [u8]| {
            let ends = bytes.iter().rev().take_while(|byte| matches!(byte, b'\n' | b'\r')).count();
            bytes.len() - ends
        };
        match self.format.as_ref() {
            Format::FhirDocument => None,
            Format::SalesforceJson { .. } => {
                let rows = salesforce::rows_of_array(&self.bytes, &self.limits)?;
                let rows: Vec<&[u8]> = rows.into_iter().filter_map(|range| self.bytes.get(range)).collect();
                // Rows within rows are records too.
                (rows.len() == self.read().records.len()).then_some(rows)
            }
            Format::Hl7v2 => Some(hl7v2::message_bytes(&self.bytes, self.limits.body_bytes)),
            Format::FhirLines | Format::SalesforceCsv { .. } | Format::Table { .. } => {
                if let Some(header) = self.header.as_deref().filter(|header| header.columns.is_err()) {
                    return Some(if self.is_first { vec![header.bytes.as_slice()] } else { Vec::new() });
                }
                let whole = self.pieces.iter().map(|piece| piece.bytes(&self.bytes));
                Some(whole.map(|bytes| bytes.get(..without_end(bytes)).unwrap_or_default()).collect())
            }
        }
    }

    fn choose(&self, choices: &[Choice<'_>], labelled: bool) -> Result<Vec<u8>, PlaceError> {
        match self.format.as_ref() {
            Format::SalesforceJson { .. } if self.is_lined => {
                self.choose_lines(choices, |line, labels| Ok(salesforce::place(line, labels)?))
            }
            Format::FhirDocument | Format::SalesforceJson { .. } => self.choose_in_document(choices),
            Format::FhirLines => {
                self.choose_lines(choices, |line, labels| Ok(fhir::place_known(line, labels)?))
            }
            Format::SalesforceCsv { .. } | Format::Table { .. } => {
                let header = self.header.as_ref().ok_or(PlaceError::Table)?;
                let mut out = Vec::with_capacity(self.bytes.len() * 2);
                if header.columns.is_err() {
                    return self.choose_header(choices, &header.bytes);
                }
                match (self.is_first, labelled) {
                    (true, true) => header.place(&mut out),
                    (true, false) => out.extend_from_slice(&header.bytes),
                    (false, _) => {}
                }
                self.choose_pieces(choices, &mut out, |row, labels, out| {
                    if matches!(labels.dataset, Some(DatasetPointer::SalesforceId(_))) {
                        return Err(PlaceError::Pointer);
                    }
                    header.place_row(row, labels, out);
                    Ok(())
                })?;
                Ok(out)
            }
            Format::Hl7v2 => {
                self.choose_messages(choices, hl7v2::Envelopes::Kept { is_batch: self.is_batch })
            }
        }
    }

    fn choose_lines(
        &self,
        choices: &[Choice<'_>],
        place: impl Fn(&[u8], &Labels) -> Result<Vec<u8>, PlaceError>,
    ) -> Result<Vec<u8>, PlaceError> {
        let mut out = Vec::with_capacity(self.bytes.len() * 2);
        self.choose_pieces(choices, &mut out, |line, labels, out| {
            out.extend_from_slice(&place(line.trim_ascii(), labels)?);
            out.push(b'\n');
            Ok(())
        })?;
        Ok(out)
    }

    /// Of a table whose header cannot be read, the header is all there is.
    fn choose_header(&self, choices: &[Choice<'_>], header: &[u8]) -> Result<Vec<u8>, PlaceError> {
        match choices {
            [] if !self.is_first => Ok(Vec::new()),
            [Choice::Leave] => Ok(Vec::new()),
            [Choice::Keep] if header.is_empty() => Err(PlaceError::NotKept { place: "header".to_owned() }),
            [Choice::Keep] => Ok(header.to_vec()),
            [Choice::Label(_)] => Err(self.unreadable(0)),
            _ => Err(PlaceError::Count { records: usize::from(self.is_first), labels: choices.len() }),
        }
    }

    fn choose_pieces(
        &self,
        choices: &[Choice<'_>],
        out: &mut Vec<u8>,
        place: impl Fn(&[u8], &Labels, &mut Vec<u8>) -> Result<(), PlaceError>,
    ) -> Result<(), PlaceError> {
        if choices.len() != self.pieces.len() {
            return Err(PlaceError::Count { records: self.pieces.len(), labels: choices.len() });
        }
        let labels_some = choices.iter().any(|choice| matches!(choice, Choice::Label(_)));
        if labels_some && self.readable.get().is_none() {
            self.split_readings().for_each(drop);
        }
        let readable = self.readable.get().map_or(&[][..], Vec::as_slice);
        for (at, (piece, choice)) in self.pieces.iter().zip(choices).enumerate() {
            match choice {
                Choice::Leave => {}
                Choice::Keep if piece.flaw == Some(Flaw::TooLong) => {
                    return Err(PlaceError::NotKept { place: self.place_of(at, piece).reference });
                }
                Choice::Keep => out.extend_from_slice(piece.bytes(&self.bytes)),
                Choice::Label(_) if readable.get(at) != Some(&true) => return Err(self.unreadable(at)),
                Choice::Label(labels) => place(piece.bytes(&self.bytes), labels, out)?,
            }
        }
        Ok(())
    }

    fn choose_in_document(&self, choices: &[Choice<'_>]) -> Result<Vec<u8>, PlaceError> {
        let readings = self.read().records;
        if readings.len() != choices.len() {
            return Err(PlaceError::Count { records: readings.len(), labels: choices.len() });
        }
        let labelled = choices.iter().zip(&readings).enumerate();
        let mut unreadable = labelled
            .filter(|(_, (choice, reading))| matches!(choice, Choice::Label(_)) && reading.content.is_err());
        if let Some((at, _)) = unreadable.next() {
            return Err(self.unreadable(at));
        }
        // What cannot be read as a whole, and a resource that is no Bundle, is one reading under another name.
        let is_one =
            |prefix: &str| matches!(readings.as_slice(), [only] if !only.place.reference.starts_with(prefix));
        let (is_whole, is_fhir) = match self.format.as_ref() {
            Format::FhirDocument => (is_one("entry["), true),
            Format::FhirLines
            | Format::SalesforceJson { .. }
            | Format::SalesforceCsv { .. }
            | Format::Table { .. }
            | Format::Hl7v2 => (is_one("record"), false),
        };
        match choices {
            [Choice::Leave] if is_whole => Ok(Vec::new()),
            [Choice::Keep] if is_whole && self.bytes.len() > self.limits.body_bytes => {
                Err(PlaceError::NotKept { place: "file".to_owned() })
            }
            [Choice::Keep] if is_whole => Ok(self.bytes.clone()),
            [Choice::Label(labels)] if is_whole && is_fhir => Ok(fhir::place(&self.bytes, labels)?),
            _ if is_fhir && fhir::is_list(&self.bytes) => Ok(fhir::choose_list(&self.bytes, choices)?),
            _ if is_fhir => Ok(fhir::choose_bundle(&self.bytes, choices, fhir::Files::Left)?),
            _ => Ok(salesforce::choose(&self.bytes, choices)?),
        }
    }

    fn choose_messages(
        &self,
        choices: &[Choice<'_>],
        envelopes: hl7v2::Envelopes<'_>,
    ) -> Result<Vec<u8>, PlaceError> {
        hl7v2::choose(&self.bytes, self.limits.body_bytes, envelopes, choices).map_err(|(at, error)| {
            let place = hl7v2::place_of(self.first_record + at).reference;
            match (error, choices.get(at)) {
                (hl7v2::PlaceError::Unreadable(_), Some(Choice::Keep)) => PlaceError::NotKept { place },
                (hl7v2::PlaceError::Unreadable(reason), _) => PlaceError::Unreadable { place, reason },
                (hl7v2::PlaceError::Count { records, labels }, _) => PlaceError::Count { records, labels },
                (other, _) => PlaceError::Hl7v2(other),
            }
        })
    }

    /// Why a record takes no labels.
    fn unreadable(&self, at: usize) -> PlaceError {
        match self.readings().nth(at) {
            Some(Reading { place, content: Err(reason) }) => {
                PlaceError::Unreadable { place: place.reference, reason }
            }
            _ => PlaceError::Table,
        }
    }

    /// Whether its records stand in pieces; the other formats are read as a whole.
    fn is_split(&self) -> bool {
        match self.format.as_ref() {
            Format::FhirLines | Format::SalesforceCsv { .. } | Format::Table { .. } => true,
            Format::SalesforceJson { .. } => self.is_lined,
            Format::FhirDocument | Format::Hl7v2 => false,
        }
    }

    fn split_readings(&self) -> impl Iterator<Item = Reading<'_>> {
        let unreadable = self.header.as_deref().and_then(|header| header.columns.as_ref().err());
        let of_header = unreadable.filter(|_| self.is_first).map(|reason| Reading {
            place: Place { index: 0, reference: "header".to_owned() },
            content: Err(reason.clone()),
        });
        let pieces = if unreadable.is_some() { &[][..] } else { &self.pieces };
        let mut readable = Vec::with_capacity(pieces.len());
        let of_pieces = pieces.iter().enumerate().map(move |(at, piece)| {
            let content = self.piece(piece);
            readable.push(content.is_ok());
            if readable.len() == pieces.len() {
                // Whoever labels the chunk asks again; the first answer is as good as the second.
                self.readable.get_or_init(|| std::mem::take(&mut readable));
            }
            Reading { place: self.place_of(at, piece), content }
        });
        of_header.into_iter().chain(of_pieces)
    }

    fn piece<'a>(&'a self, piece: &Piece) -> Result<Record<'a>, Unreadable> {
        let limit = self.limits.body_bytes;
        let line = || piece.bytes(&self.bytes).trim_ascii();
        match (self.format.as_ref(), self.header.as_deref()) {
            (Format::SalesforceCsv { object } | Format::Table { object, .. }, Some(header)) => {
                header.read(object, piece, &self.bytes, limit)
            }
            _ if piece.flaw.is_some() => Err(Unreadable::TooLong { limit }),
            (Format::SalesforceJson { object }, _) => {
                salesforce::read_line(line(), object.as_deref(), &self.limits)
            }
            _ => fhir::read_line(line(), &self.limits),
        }
    }

    fn place_of(&self, at: usize, piece: &Piece) -> Place {
        Place { index: self.first_record + at, reference: format!("line {}", piece.line) }
    }
}

/// Why records were not written.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// A record that cannot be read takes no labels; it can be left out.
    #[error("{place} {reason}")]
    Unreadable {
        /// Where it stands.
        place: String,
        /// Why it cannot be read.
        reason: Unreadable,
    },
    /// A record over the bound was stepped over, so its bytes are not there to be kept.
    #[error("{place} is over the bound, so it was not kept and cannot be written")]
    NotKept {
        /// Where it stands.
        place: String,
    },
    /// There are not as many labels or choices as records.
    #[error("holds {records} records, and labels were given for {labels}")]
    Count {
        /// Records in the chunk.
        records: usize,
        /// Labels or choices given.
        labels: usize,
    },
    /// A resource takes no labels.
    #[error(transparent)]
    Fhir(#[from] fhir::PlaceError),
    /// A Salesforce row takes no labels.
    #[error(transparent)]
    Salesforce(#[from] salesforce::PlaceError),
    /// A table's column for the dataset holds its id, not the id of a row of one org.
    #[error("the labels point at a dataset by its row, and a table points by the dataset's id")]
    Pointer,
    /// A message takes no labels.
    #[error(transparent)]
    Hl7v2(#[from] hl7v2::PlaceError),
    /// The rows take no labels.
    #[error("cannot be labelled: its rows do not fit its header")]
    Table,
}

#[cfg(test)]
mod tests;
