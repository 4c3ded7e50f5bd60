//! Rows of a table of text: a header, cells by name, and the columns that a mark rides in.

use std::borrow::Cow;

use mark::{Claim, FIELDS_MAX, Form, Record, Unreadable, json::Json};

use super::below::Heading;
use super::split::{Cells, Flaw, Piece, after_quotes, needs_quotes, without_line_end};
use crate::{DatasetPointer, Labels, Limits, misplaced, salesforce};

/// The columns that labels are written into, in the order in which they are added.
pub const COLUMNS: [&str; 6] = [SYNTHETIC, SUBJECT, AUTHORSHIP, DATASET, MARK_ID, MARK];
const SYNTHETIC: &str = "eosin_synthetic";
const SUBJECT: &str = "eosin_subject";
const AUTHORSHIP: &str = "eosin_authorship";
const DATASET: &str = "eosin_dataset";
const MARK_ID: &str = "eosin_mark_id";
const MARK: &str = "eosin_mark";

/// A table's first row.
#[derive(Debug)]
pub(super) struct Header {
    /// Its columns, or why the table cannot be read.
    pub(super) columns: Result<Columns, Unreadable>,
    /// As it was written, with what stands before it and its line end.
    pub(super) bytes: Vec<u8>,
    // How much stands before it: a byte-order mark, a line for spreadsheets.
    opening: usize,
    delimiter: u8,
    kind: Kind,
}

/// Whose rules a table follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Salesforce's: section 2.4.
    Salesforce,
    /// Salesforce's, on its way to an org.
    Upload,
    /// Any other: section 4.2.
    Plain,
}

/// The columns of a table that can be read.
#[derive(Debug)]
pub(super) struct Columns {
    // Distinct and not empty.
    names: Vec<String>,
    // What a Salesforce table's cells are to a record.
    salesforce: Option<salesforce::Columns>,
    // For each column what becomes of its cell when labels are placed.
    roles: Vec<Role>,
    // The labels that no column holds yet, by their order.
    added: Vec<usize>,
    // Columns that are called as the package's fields are in a report.
    headings: Vec<(String, Heading)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// It stays.
    Other,
    /// It gets this label, by its order.
    Label(usize),
    /// It goes: this label stands elsewhere.
    Old(usize),
    /// It goes: behind the last column that has a name, as spreadsheets save them, and nothing stands in it.
    Unnamed,
}

/// Most bytes of a header: that is 1,024 columns with names of 1,000 letters.
pub(super) const HEADER_BYTES_MAX: usize = 1 << 20;

/// What may stand before a header.
pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

impl Header {
    /// Reads the first row, and skips what stands before it: so many of its bytes.
    ///
    /// `object` is what the rows of a Salesforce table are.
    pub(super) fn parse(
        first: Option<&Piece>,
        (bytes, opening): (Vec<u8>, usize),
        delimiter: u8,
        kind: Kind,
        object: &str,
    ) -> Self {
        let text = without_line_end(bytes.get(opening..).unwrap_or_default());
        let columns = match first {
            None => Err(shape("has no header")),
            Some(Piece { flaw: Some(Flaw::TooLong), .. }) => Err(shape(
                "has a header that is too long; see whether its first line is one, or split the table",
            )),
            Some(Piece { flaw: Some(Flaw::Unclosed), .. }) => {
                Err(shape("has a header with a quote that is never closed"))
            }
            Some(_) => text_of(text).and_then(|text| match kind {
                Kind::Plain => Columns::plain(text, delimiter),
                Kind::Salesforce | Kind::Upload => Columns::salesforce(object, text, delimiter),
            }),
        };
        Self { columns, bytes, opening, delimiter, kind }
    }

    /// That its columns are called by the fields of an org, whatever else they could be.
    pub(super) fn is_called_by_fields(&mut self) {
        if let Ok(columns) = &mut self.columns {
            columns.headings.clear();
        }
    }

    /// How many columns there are that have a name.
    pub(super) fn count(&self) -> usize {
        self.columns
            .as_ref()
            .map_or(0, |columns| columns.roles.iter().filter(|role| **role != Role::Unnamed).count())
    }

    /// The record of one row, or why there is none.
    pub(super) fn read<'a>(
        &'a self,
        object: &'a str,
        piece: &Piece,
        chunk: &'a [u8],
        limit: usize,
    ) -> Result<Record<'a>, Unreadable> {
        let Ok(columns) = &self.columns else {
            return Err(shape("stands under a header that cannot be read"));
        };
        match piece.flaw {
            Some(Flaw::TooLong) => return Err(Unreadable::TooLong { limit }),
            Some(Flaw::Unclosed) => return Err(shape("has a quote that is never closed")),
            None => {}
        }
        let row = piece.bytes(chunk);
        let record = match self.kind {
            kind @ (Kind::Salesforce | Kind::Upload) => match &columns.salesforce {
                Some(columns) => {
                    salesforce::row(columns, self.delimiter, text_of(row)?, kind == Kind::Upload)
                }
                None => Err(shape("stands in a table of another kind")),
            },
            Kind::Plain => {
                record(object, columns, Cells::of(text_of(without_line_end(row))?, self.delimiter))
            }
        };
        let limits = Limits { body_bytes: limit, records: Limits::RECORDS };
        let record = record.map(|record| columns.headed(record, self.kind));
        record.and_then(|record| salesforce::without_labelled(record, &limits))
    }

    /// Appends the header with the columns that labels are placed into.
    pub(super) fn place(&self, out: &mut Vec<u8>) {
        let names = match self.kind {
            Kind::Plain => COLUMNS,
            Kind::Salesforce | Kind::Upload => salesforce::COLUMNS,
        };
        self.relabel(self.bytes.get(self.opening..).unwrap_or_default(), &names, out);
    }

    /// Appends a row that can be read, with labels in it.
    pub(super) fn place_row(&self, row: &[u8], labels: &Labels, out: &mut Vec<u8>) {
        self.relabel(row, &label_cells(labels), out);
    }

    /// Appends a row: what is not ours byte for byte, its line end too, and the six values.
    fn relabel(&self, row: &[u8], values: &[&str; 6], out: &mut Vec<u8>) {
        let Ok(Columns { roles, added, .. }) = &self.columns else { return };
        let content = without_line_end(row);
        // A first cell may be empty: what was written so far does not say whether there was one.
        let mut is_first = true;
        let mut cell = |text: &[u8], is_written: bool| {
            if !std::mem::replace(&mut is_first, false) {
                out.push(self.delimiter);
            }
            match std::str::from_utf8(text) {
                Ok(value) if !is_written && needs_quotes(value, self.delimiter) => {
                    out.extend_from_slice(format!("\"{}\"", value.replace('"', "\"\"")).as_bytes());
                }
                _ => out.extend_from_slice(text),
            }
        };
        let value = |at: usize| values.get(at).copied().unwrap_or_default().as_bytes();
        if roles.iter().all(|role| *role == Role::Other) {
            cell(content, true);
        } else {
            let text = std::str::from_utf8(content).unwrap_or_default();
            for (text, role) in Cells::of(text, self.delimiter).zip(roles) {
                match role {
                    Role::Other => cell(text.as_bytes(), true),
                    Role::Label(at) => cell(value(*at), false),
                    Role::Old(_) | Role::Unnamed => {}
                }
            }
        }
        for at in added {
            cell(value(*at), false);
        }
        let end = row.get(content.len()..).unwrap_or_default();
        out.extend_from_slice(if end.is_empty() { b"\n" } else { end });
    }
}

impl Columns {
    fn plain(header: &str, delimiter: u8) -> Result<Self, Unreadable> {
        let names: Vec<String> =
            Cells::of(header, delimiter).map(|cell| unquoted(cell).trim().to_owned()).collect();
        if let Some(fault) = unlike_a_header(&names) {
            return Err(shape(fault));
        }
        let width = names.iter().rposition(|name| !name.is_empty()).map_or(0, |last| last + 1);
        let called = names.get(..width).unwrap_or_default();
        if called.is_empty() || called.iter().any(String::is_empty) {
            return Err(shape("has a column without a name; give it one"));
        }
        let mut sorted: Vec<&str> = called.iter().map(String::as_str).collect();
        sorted.sort_unstable();
        if sorted.iter().zip(sorted.iter().skip(1)).any(|(one, other)| one == other) {
            return Err(shape("names a column twice"));
        }
        let role = |name: &String| match COLUMNS.iter().position(|column| column == name) {
            _ if name.is_empty() => Role::Unnamed,
            Some(at) => Role::Label(at),
            None => label_of(name).map_or(Role::Other, Role::Old),
        };
        let roles: Vec<Role> = names.iter().map(role).collect();
        let added = (0..COLUMNS.len()).filter(|at| !roles.contains(&Role::Label(*at))).collect();
        Self { headings: headings(&names), names, salesforce: None, roles, added }.bounded()
    }

    fn salesforce(object: &str, header: &str, delimiter: u8) -> Result<Self, Unreadable> {
        let names = salesforce::header(header, delimiter)?;
        let columns = salesforce::Columns::new(object, &names);
        let role = |name: &String| label_of(name).map_or(Role::Other, Role::Old);
        let roles = names.iter().map(role).collect();
        let added = (0..COLUMNS.len()).collect();
        Self { headings: headings(&names), names, salesforce: Some(columns), roles, added }.bounded()
    }

    /// The record, with what columns say of it that are called as the package's fields are in a report.
    ///
    /// They are content all the same: in other tables they are called so too.
    fn headed<'a>(&self, record: Record<'a>, kind: Kind) -> Record<'a> {
        let says = |(name, heading): &(String, Heading)| {
            let cell = record.fields.iter().find(|(field, _)| field == name)?.1.text()?;
            Some(match (heading, kind) {
                (Heading::Synthetic, _) => salesforce::is_ticked(cell),
                (Heading::Subject, Kind::Plain) => salesforce::says_synthetic(cell),
                (Heading::Subject, Kind::Salesforce | Kind::Upload) => {
                    salesforce::says_subject_in_words(cell)
                }
            })
        };
        if self.headings.iter().any(|heading| says(heading) == Some(true)) {
            return Record { claim: Claim::Synthetic, ..record };
        }
        record
    }

    fn bounded(self) -> Result<Self, Unreadable> {
        let count = self.roles.iter().filter(|role| **role == Role::Other).count();
        if count > FIELDS_MAX {
            return Err(Unreadable::Shape(format!(
                "has {count} columns, and a mark covers at most {FIELDS_MAX}; split the table"
            )));
        }
        Ok(self)
    }
}

fn headings(names: &[String]) -> Vec<(String, Heading)> {
    names.iter().filter_map(|name| Some((name.clone(), Heading::of(name)?))).collect()
}

/// Why a first row names no columns, whatever stands below it.
fn unlike_a_header(names: &[String]) -> Option<&'static str> {
    if names.iter().any(|name| misplaced::is_mark_text(name)) {
        return Some("has a row where its header should be; give it one");
    }
    let [name] = names else { return None };
    name.contains([',', ';', '\t', '|', '^', '~']).then_some(ONE_COLUMN)
}

/// Whether the one cell of a row is a row of cells by itself, to a reader that does not take our delimiter.
///
/// Text has a semicolon now and then, and within quotes anything.
fn holds_columns(cell: &str) -> bool {
    let count = |other: u8| cell.bytes().filter(|byte| *byte == other).count();
    !cell.starts_with('"') && (count(b'\t') > 0 || b";|^".iter().any(|other| count(*other) > 1))
}

const ONE_COLUMN: &str = "has one column that looks like several; give the table with its header in the first line, and with commas, \
     semicolons, tabs or | between its cells";

fn record<'a>(object: &'a str, columns: &'a Columns, cells: Cells<'a>) -> Result<Record<'a>, Unreadable> {
    let mut record = Record {
        form: Form::Table,
        object: Cow::Borrowed(object),
        fields: Vec::with_capacity(columns.names.len()),
        mark: None,
        claim: Claim::None,
    };
    let mut names = columns.names.iter().zip(&columns.roles);
    let mut count = 0;
    for cell in cells {
        count += 1;
        let Some((name, role)) = names.next() else { continue };
        if cell.is_empty() {
            continue;
        }
        let value = unquoted(cell);
        match role {
            Role::Other if value.is_empty() => {}
            Role::Other => {
                if let Some(reason) = salesforce::hidden_label(name, &value) {
                    return Err(reason);
                }
                if columns.names.len() == 1 && holds_columns(cell) {
                    return Err(shape(ONE_COLUMN));
                }
                record.fields.push((Cow::Borrowed(name.as_str()), Json::Text(value)));
            }
            Role::Label(at) | Role::Old(at) => take_label(*at, value, &mut record)?,
            Role::Unnamed if value.trim().is_empty() => {}
            Role::Unnamed => return Err(shape("has a cell under a column without a name; give it one")),
        }
    }
    if count != columns.names.len() {
        return Err(salesforce::other_cells(count, columns.names.len()));
    }
    Ok(record)
}

/// Which of [`COLUMNS`] a column of a table is, in any spelling of them or of Salesforce's fields.
///
/// `eosin_mark`, `EOSIN_MARK`, `Eosin_Mark__c`, `acme__Eosin_Mark__c`, `Eosin Mark`.
pub fn label_of(name: &str) -> Option<usize> {
    salesforce::label_of_column(name)
}

/// Takes what a column of ours says into its record: the mark, or a claim.
///
/// Shape:  which of [`COLUMNS`] it is, and a cell's text that is not empty.
/// Errors: two marks that differ; a mark's text in another column than the mark's.
pub fn take_label<'a>(label: usize, value: Cow<'a, str>, record: &mut Record<'a>) -> Result<(), Unreadable> {
    let word = value.trim();
    match (COLUMNS.get(label).copied().unwrap_or_default(), word) {
        (MARK, "") => {}
        (MARK, _) if record.mark.as_ref().is_some_and(|mark| *mark != value) => {
            return Err(shape("carries two marks"));
        }
        (MARK, _) => record.mark = Some(value),
        _ if misplaced::is_mark_text(word) => return Err(shape(misplaced::MISPLACED)),
        (SYNTHETIC, _) if salesforce::is_ticked(word) => record.claim = Claim::Synthetic,
        (SUBJECT, _) if salesforce::says_synthetic(word) => record.claim = Claim::Synthetic,
        (SUBJECT, _) if salesforce::says_attested(word) && record.claim == Claim::None => {
            record.claim = Claim::Attested;
        }
        _ => {}
    }
    Ok(())
}

/// Why a row with this cell in a column that is not ours is no record: it holds a label that nobody would see.
pub fn hidden_label(column: &str, cell: &str) -> Option<Unreadable> {
    salesforce::hidden_label(column, cell)
}

/// What a cell says, without its quotes.
pub(super) fn unquoted(cell: &str) -> Cow<'_, str> {
    if !cell.starts_with('"') {
        return Cow::Borrowed(cell);
    }
    let end = after_quotes(cell.as_bytes());
    let inside = cell.get(1..end.saturating_sub(1)).unwrap_or_default();
    let after = cell.get(end..).unwrap_or_default();
    if after.is_empty() && !inside.contains('"') {
        return Cow::Borrowed(inside);
    }
    Cow::Owned(inside.replace("\"\"", "\"") + after)
}

/// What [`COLUMNS`] hold, in their order.
pub fn label_cells(labels: &Labels) -> [&str; 6] {
    let dataset = match &labels.dataset {
        Some(DatasetPointer::DatasetId(id) | DatasetPointer::SalesforceId(id)) => id,
        None => "",
    };
    [
        if labels.subject == mark::Subject::Synthetic { "true" } else { "false" },
        labels.subject.as_str(),
        labels.authorship.as_str(),
        dataset,
        &labels.mark_id,
        &labels.mark_text,
    ]
}

/// Text, or a sentence that says what it probably is.
fn text_of(bytes: &[u8]) -> Result<&str, Unreadable> {
    std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        // Bytes that Windows-1252 does not have.
        let windows = !bytes.iter().any(|byte| matches!(byte, 0 | 0x81 | 0x8D | 0x8F | 0x90 | 0x9D));
        Unreadable::Shape(format!(
            "is not UTF-8 at byte {at}; {}save it as UTF-8",
            if windows { "it looks like Windows-1252; " } else { "" }
        ))
    })
}

fn shape(sentence: &str) -> Unreadable {
    Unreadable::Shape(sentence.to_owned())
}
