//! Rows of a table of text: a header, cells by name, and the columns that a mark rides in.

use std::borrow::Cow;

use mark::{Claim, Form, Record, Unreadable, json::Json};

use super::{Format, split::Piece};
use crate::{DatasetPointer, Labels};

/// The columns that labels are written into, in the order in which they are added.
const COLUMNS: [&str; 6] = [SYNTHETIC, SUBJECT, AUTHORSHIP, DATASET, MARK_ID, MARK];
const SYNTHETIC: &str = "eosin_synthetic";
const SUBJECT: &str = "eosin_subject";
const AUTHORSHIP: &str = "eosin_authorship";
const DATASET: &str = "eosin_dataset";
const MARK_ID: &str = "eosin_mark_id";
const MARK: &str = "eosin_mark";

/// The columns of a table that say who a row is about, out of those that are present.
///
/// Names and birth dates in the spellings that exports use. None means that the whole row identifies.
///
/// Shape:  table and column names -> some of these names.
/// Source: spec/carriers.md section 4.
pub fn identity_columns(_table: &str, present: &[&str]) -> Vec<String> {
    let plain = |name: &str| {
        name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
    };
    present
        .iter()
        .filter(|name| IDENTIFYING.contains(&plain(name).as_str()))
        .map(|name| (*name).to_owned())
        .collect()
}

/// Without punctuation and case.
const IDENTIFYING: [&str; 16] = [
    "birthdate",
    "birthday",
    "dateofbirth",
    "dob",
    "family",
    "familyname",
    "first",
    "firstname",
    "fullname",
    "given",
    "givenname",
    "last",
    "lastname",
    "middlename",
    "name",
    "surname",
];

/// A table's first row.
#[derive(Debug)]
pub(super) struct Header {
    /// Column names, distinct and not empty, or why there are none.
    pub(super) columns: Result<Vec<String>, Unreadable>,
}

impl Header {
    /// Reads the first row; a UTF-8 byte-order mark before it is skipped.
    pub(super) fn parse(first: Option<&Piece>, bytes: &[u8], format: &Format) -> Self {
        let delimiter = match format {
            Format::Table { delimiter, .. } => *delimiter,
            Format::FhirDocument
            | Format::FhirLines
            | Format::SalesforceJson { .. }
            | Format::SalesforceCsv { .. } => b',',
        };
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        let columns = match first {
            None => Err(shape("has no header")),
            Some(piece) if piece.is_too_long => Err(shape("has a header that is too long")),
            Some(_) => match cells_of(bytes, delimiter).into_iter().next() {
                Some(Ok(cells)) => named(cells),
                Some(Err(reason)) => Err(reason),
                None => Err(shape("has no header")),
            },
        };
        Self { columns }
    }

    /// For each piece its record, or why there is none. `bytes` holds the pieces that are not too long.
    pub(super) fn read<'a>(
        &self,
        object: &str,
        delimiter: u8,
        bytes: &[u8],
        pieces: &[Piece],
        limit: usize,
    ) -> Vec<Result<Record<'a>, Unreadable>> {
        let Ok(columns) = &self.columns else { return Vec::new() };
        let mut rows = cells_of(bytes, delimiter).into_iter();
        let read = |piece: &Piece| {
            if piece.is_too_long {
                return Err(Unreadable::TooLong { limit });
            }
            let cells = rows.next().ok_or_else(|| shape("cannot be told from its neighbours"))??;
            record(object, columns, cells)
        };
        pieces.iter().map(read).collect()
    }

    /// The rows with labels in them, after the header if they are the first; nothing if they do not fit.
    pub(super) fn place(
        &self,
        bytes: &[u8],
        delimiter: u8,
        is_first: bool,
        labels: &[Labels],
    ) -> Option<Vec<u8>> {
        let columns = self.columns.as_ref().ok()?;
        let mut wanted = columns.clone();
        wanted.extend(
            COLUMNS
                .iter()
                .filter(|name| !columns.iter().any(|column| column == *name))
                .map(|&name| name.to_owned()),
        );
        let mut writer =
            csv::WriterBuilder::new().delimiter(delimiter).from_writer(Vec::with_capacity(bytes.len() * 2));
        if is_first {
            writer.write_record(&wanted).ok()?;
        }
        let rows = cells_of(bytes, delimiter);
        if rows.len() != labels.len() {
            return None;
        }
        for (cells, labels) in rows.into_iter().zip(labels) {
            let mut cells = cells.ok()?.into_iter();
            let row = wanted.iter().map(|name| {
                let old = cells.next();
                label(name, labels).unwrap_or_else(|| old.unwrap_or_default())
            });
            writer.write_record(row.collect::<Vec<_>>()).ok()?;
        }
        writer.into_inner().ok()
    }
}

/// The cells of every row that is not blank.
fn cells_of(bytes: &[u8], delimiter: u8) -> Vec<Result<Vec<String>, Unreadable>> {
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(bytes);
    let cells = |row: csv::Result<csv::ByteRecord>| {
        let row = row.map_err(|_| shape("is not a row of cells"))?;
        let text = |cell: &[u8]| {
            String::from_utf8(cell.to_vec()).map_err(|_| shape("is not UTF-8; save it as UTF-8"))
        };
        row.iter().map(text).collect::<Result<Vec<_>, _>>()
    };
    reader.byte_records().map(cells).collect()
}

fn named(cells: Vec<String>) -> Result<Vec<String>, Unreadable> {
    let columns: Vec<String> = cells.into_iter().map(|name| name.trim().to_owned()).collect();
    if columns.iter().any(String::is_empty) {
        return Err(shape("has a column without a name; give it one"));
    }
    let mut sorted: Vec<&str> = columns.iter().map(String::as_str).collect();
    sorted.sort_unstable();
    if sorted.iter().zip(sorted.iter().skip(1)).any(|(one, other)| one == other) {
        return Err(shape("names a column twice"));
    }
    Ok(columns)
}

fn record<'a>(object: &str, columns: &[String], cells: Vec<String>) -> Result<Record<'a>, Unreadable> {
    if cells.len() != columns.len() {
        return Err(Unreadable::Shape(format!("has {} cells under {} columns", cells.len(), columns.len())));
    }
    let (mut fields, mut mark, mut claim) = (Vec::with_capacity(cells.len()), None, Claim::None);
    for (name, cell) in columns.iter().zip(cells) {
        match name.as_str() {
            MARK => mark = Some(Cow::Owned(cell)),
            SYNTHETIC if cell.trim().eq_ignore_ascii_case("true") || cell.trim() == "1" => {
                claim = Claim::Synthetic;
            }
            SUBJECT => match (cell.trim(), claim) {
                ("synthetic" | "mixed", _) => claim = Claim::Synthetic,
                ("attested", Claim::None) => claim = Claim::Attested,
                _ => {}
            },
            SYNTHETIC | AUTHORSHIP | DATASET | MARK_ID => {}
            _ if cell.is_empty() => {}
            _ => fields.push((Cow::Owned(name.clone()), Json::Text(Cow::Owned(cell)))),
        }
    }
    let mark = mark.filter(|text: &Cow<'_, str>| !text.trim().is_empty());
    Ok(Record { form: Form::Table, object: Cow::Owned(object.to_owned()), fields, mark, claim })
}

/// What a label's column holds; nothing for any other column.
fn label(column: &str, labels: &Labels) -> Option<String> {
    match column {
        SYNTHETIC => Some((labels.subject == mark::Subject::Synthetic).to_string()),
        SUBJECT => Some(labels.subject.to_string()),
        AUTHORSHIP => Some(labels.authorship.to_string()),
        DATASET => Some(match &labels.dataset {
            Some(DatasetPointer::DatasetId(id) | DatasetPointer::SalesforceId(id)) => id.clone(),
            None => String::new(),
        }),
        MARK_ID => Some(labels.mark_id.clone()),
        MARK => Some(labels.mark_text.clone()),
        _ => None,
    }
}

fn shape(sentence: &str) -> Unreadable {
    Unreadable::Shape(sentence.to_owned())
}
