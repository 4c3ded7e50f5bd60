//! A report that is saved as a file: rows under the labels of its columns, and lines below them that say who made it when.
//!
//! A row says whose it is only by the ids in it, so the file is cut into rows and cells, and which rows stay is somebody
//! else's answer. What stands below the rows is let through only as far as it cannot count them.
//! Source: Salesforce Help, "Export a Report"; spec/deliveries.md section 9.

use std::{
    borrow::Cow,
    io::{self, BufRead},
    ops::Range,
};

use serde_json::Value;

use super::report::ReportClosed;
use crate::{Limits, route::Target};

/// What a file of a report is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportFileAsk {
    /// The report's id.
    pub report: String,
    /// In which form.
    pub form: ReportForm,
    /// What the org is asked for: the same rows, with commas.
    pub target: String,
    /// Whether it gives values for the report's own filters, which only the file takes and no run does.
    pub has_values: bool,
}

/// How a report's file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportForm {
    /// Cells in commas: `xf=csv`.
    Csv,
    /// A table that spreadsheets open: `xf=xls`.
    Sheet,
    /// A workbook: `xf=xlsx`. What is made of its rows here are the lines of its sheet, for [`super::ReportWriter`].
    Workbook,
}

/// How rows leave that came as cells in commas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportLeaving {
    /// In which form.
    pub form: ReportForm,
    /// How many columns leave, from the first on; those behind them are there for their ids alone. Nothing means all.
    pub columns: Option<usize>,
}

impl ReportLeaving {
    /// As it came.
    pub const WHOLE: Self = Self { form: ReportForm::Csv, columns: None };
}

/// Whether a target asks for a report's file: `/<report id>?export=1`.
pub(super) fn is_report_file(target: &Target) -> bool {
    let [report] = target.segments() else { return false };
    report.starts_with("00O")
        && matches!(report.len(), 15 | 18)
        && report.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && target.query("export").next().is_some()
}

/// What a target asks of a report's file.
///
/// Errors: a form of the file, or a parameter, that nobody here reads, in a sentence.
pub fn report_file_ask(target: &str) -> Result<ReportFileAsk, &'static str> {
    let parsed = Target::parse(target).filter(is_report_file).ok_or(UNKNOWN)?;
    let query = target.split_once('?').map(|(_, query)| query).unwrap_or_default();
    let mut has_values = false;
    for name in query.split('&').map(|pair| pair.split('=').next().unwrap_or_default()) {
        // `pv0` and so on are the values of the report's own filters.
        let is_value = name.strip_prefix("pv").is_some_and(|at| at.bytes().all(|byte| byte.is_ascii_digit()));
        if !is_value && !PARAMETERS.contains(&name) {
            return Err(UNKNOWN);
        }
        has_values |= is_value;
    }
    let says = |name: &str, want: &str| {
        let mut said = parsed.query(name);
        said.next().is_some_and(|value| value.eq_ignore_ascii_case(want)) && said.next().is_none()
    };
    let forms = [("csv", ReportForm::Csv), ("xls", ReportForm::Sheet), ("xlsx", ReportForm::Workbook)];
    let form = forms.into_iter().find(|(name, _)| says("xf", name)).filter(|_| says("enc", "UTF-8"));
    let (_, form) = form.ok_or(FORM)?;
    let report = parsed.segments().first().cloned().unwrap_or_default();
    let as_csv = |pair| if form != ReportForm::Csv && is_named(pair, "xf") { "xf=csv" } else { pair };
    let path = target.split('?').next().unwrap_or(target);
    let query: Vec<&str> = query.split('&').map(as_csv).collect();
    Ok(ReportFileAsk { report, form, target: format!("{path}?{}", query.join("&")), has_values })
}

fn is_named(pair: &str, name: &str) -> bool {
    pair.split('=').next() == Some(name)
}

const PARAMETERS: [&str; 5] = ["export", "enc", "xf", "isdtp", ""];
const UNKNOWN: &str = "reads are isolated here, and a report's file is asked for with `export`, `enc`, `xf`, `isdtp` and `pv0` to `pvN` alone";
const FORM: &str = "reads are isolated here, and a report's file is given with `xf=csv`, `xf=xls` or `xf=xlsx`, and `enc=UTF-8`, alone";

/// The columns of a report, as its description names and labels them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportColumns {
    columns: Vec<(String, String)>,
}

impl ReportColumns {
    /// Reads the answer of a report's `describe`.
    pub fn read(described: &Value) -> Result<Self, ReportClosed> {
        let infos = ["groupingColumnInfo", "detailColumnInfo"].map(|name| {
            described.pointer(&format!("/reportExtendedMetadata/{name}")).and_then(Value::as_object)
        });
        if infos.iter().all(Option::is_none) {
            return Err(ReportClosed::Unreadable);
        }
        let mut columns = Vec::new();
        for (name, info) in infos.into_iter().flatten().flatten() {
            let label = info.get("label").and_then(Value::as_str).ok_or(ReportClosed::Unreadable)?;
            columns.push((name.clone(), label.to_owned()));
        }
        Ok(Self { columns })
    }

    /// Whether the report has this column.
    pub fn has(&self, column: &str) -> bool {
        self.columns.iter().any(|(name, _)| name == column)
    }

    /// Where these columns stand under a file's header.
    ///
    /// Shape:  nothing where the header has a label that is none of the report's, or one of `wanted` does not stand there
    ///         exactly once. Where amounts have currencies, a column `X Currency` stands beside `X`.
    pub fn places(&self, header: &[String], wanted: &[String]) -> Option<Vec<usize>> {
        let is_known = |label: &str| {
            let plain = label.strip_suffix(" Currency").unwrap_or(label);
            self.columns.iter().any(|(_, known)| known == label || known == plain)
        };
        if !header.iter().all(|label| is_known(label)) {
            return None;
        }
        let place = |column: &String| {
            let (_, label) = self.columns.iter().find(|(name, _)| name == column)?;
            let alike = self.columns.iter().filter(|(name, other)| name != column && other == label);
            let mut places = header.iter().enumerate().filter(|(_, other)| *other == label);
            let (at, _) = places.next()?;
            (alike.count() == 0 && places.next().is_none()).then_some(at)
        };
        wanted.iter().map(place).collect()
    }
}

/// The file is not what a report's file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotReport {
    /// Its rows are not cells in commas under one header.
    #[error("the file is not a table of rows under a header")]
    Shape,
    /// A row, or what stands below the rows, is longer than is held.
    #[error("a row of the file, or what stands below them, is longer than is held")]
    TooLong,
}

impl From<NotReport> for io::Error {
    fn from(fault: NotReport) -> Self {
        Self::new(io::ErrorKind::InvalidData, fault)
    }
}

/// The labels at the head of a file of which this is the beginning; nothing as long as their line has no end.
///
/// Bounds: 64 KiB.
pub fn report_labels(beginning: &[u8]) -> Result<Option<Vec<String>>, NotReport> {
    let Some(line) = line_of(beginning) else {
        return if beginning.len() > HEAD_BYTES_MAX { Err(NotReport::TooLong) } else { Ok(None) };
    };
    let line = beginning.get(..line).unwrap_or_default();
    let line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
    labels(line).map(Some)
}

/// The longest header.
const HEAD_BYTES_MAX: usize = 64 << 10;

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// A report's file, some rows at a time.
///
/// Bounds: a chunk is `ROWS_MAX` rows and half a mebibyte, or one row of `limits.body_bytes`.
#[derive(Debug)]
pub struct ReportRows<R> {
    input: R,
    limits: Limits,
    width: usize,
    is_over: bool,
}

/// Rows of a chunk: as many as one query looks up.
const ROWS_MAX: usize = 400;
const CHUNK_BYTES: usize = 512 << 10;
/// What stands below the rows: a name, who made it and when, and whose it is.
const FOOTER_BYTES_MAX: usize = 16 << 10;
/// With the empty one that ends the rows.
pub(super) const FOOTER_LINES_MAX: usize = 16;

/// Some rows of a report's file, as they were written.
pub struct ReportChunk {
    opening: Vec<u8>,
    bytes: Vec<u8>,
    rows: Vec<Row>,
    footer: Vec<u8>,
    is_last: bool,
    /// What a row may be that is written anew, as what is read.
    row_bytes_max: usize,
}

#[derive(Debug)]
struct Row {
    range: Range<usize>,
    cells: Vec<Range<usize>>,
}

impl<R: BufRead> ReportRows<R> {
    /// The rows of what `input` gives from its beginning.
    pub fn new(input: R, limits: Limits) -> Self {
        Self { input, limits, width: 0, is_over: false }
    }

    /// The next rows; nothing at the end. The first chunk is there even if it holds none.
    ///
    /// Errors: those of the input, and [`NotReport`] in an `io::Error`: then there is no next.
    pub fn next_chunk(&mut self) -> io::Result<Option<ReportChunk>> {
        if self.is_over {
            return Ok(None);
        }
        let mut chunk = ReportChunk {
            opening: Vec::new(),
            bytes: Vec::new(),
            rows: Vec::new(),
            footer: Vec::new(),
            is_last: false,
            row_bytes_max: self.limits.body_bytes,
        };
        if self.width == 0 {
            self.line(&mut chunk.opening, HEAD_BYTES_MAX)?;
            let head = chunk.opening.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&chunk.opening);
            self.width = cells(without_end(head)).ok_or(NotReport::Shape)?.len();
        }
        while chunk.rows.len() < ROWS_MAX && chunk.bytes.len() < CHUNK_BYTES {
            let from = chunk.bytes.len();
            self.line(&mut chunk.bytes, from.saturating_add(self.limits.body_bytes))?;
            let row = chunk.bytes.get(from..).unwrap_or_default();
            let row = without_end(row);
            if row.is_empty() {
                chunk.footer = chunk.bytes.split_off(from);
                self.is_over = true;
                chunk.is_last = true;
                self.footer(&mut chunk.footer)?;
                break;
            }
            let range = from..from + row.len();
            let cells = cells(row).filter(|cells| cells.len() == self.width).ok_or(NotReport::Shape)?;
            chunk.rows.push(Row { range, cells });
        }
        Ok(Some(chunk))
    }

    /// Appends a row with its end; nothing at the end of the input.
    fn line(&mut self, bytes: &mut Vec<u8>, limit: usize) -> io::Result<()> {
        let mut is_quoted = false;
        loop {
            let ready = self.input.fill_buf()?;
            if ready.is_empty() {
                return if is_quoted { Err(NotReport::Shape.into()) } else { Ok(()) };
            }
            let end = ready.iter().position(|byte| {
                is_quoted ^= *byte == b'"';
                *byte == b'\n' && !is_quoted
            });
            let length = end.map_or(ready.len(), |end| end + 1);
            bytes.extend_from_slice(ready.get(..length).unwrap_or_default());
            self.input.consume(length);
            if bytes.len() > limit {
                return Err(NotReport::TooLong.into());
            }
            if end.is_some() {
                return Ok(());
            }
        }
    }

    /// Appends all that stands below the rows.
    fn footer(&mut self, bytes: &mut Vec<u8>) -> io::Result<()> {
        loop {
            let ready = self.input.fill_buf()?;
            if ready.is_empty() {
                return Ok(());
            }
            let length = ready.len();
            bytes.extend_from_slice(ready);
            self.input.consume(length);
            if bytes.len() > FOOTER_BYTES_MAX {
                return Err(NotReport::TooLong.into());
            }
        }
    }
}

impl ReportChunk {
    /// Whether nothing of the file comes behind it.
    pub(super) fn is_last(&self) -> bool {
        self.is_last
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no row in it.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// A row as it is written, without its line end.
    pub fn row(&self, at: usize) -> &[u8] {
        self.rows.get(at).and_then(|row| self.bytes.get(row.range.clone())).unwrap_or_default()
    }

    /// What stands in a cell of a row, without its quotes. Doubled quotes in it stay doubled.
    pub fn cell(&self, at: usize, column: usize) -> &[u8] {
        let (row, cells) = (self.row(at), self.rows.get(at).map(|row| row.cells.as_slice()));
        let range = cells.and_then(|cells| cells.get(column)).cloned();
        range.and_then(|range| row.get(range)).unwrap_or_default()
    }

    /// A row as it leaves, without its line end.
    ///
    /// Errors: where it has to be written anew, [`NotReport::Shape`]: text that is not UTF-8; [`NotReport::TooLong`]: more than
    ///         `limits.body_bytes` as it is written.
    pub fn leaving(&self, at: usize, leaving: ReportLeaving) -> Result<Cow<'_, [u8]>, NotReport> {
        let (row, cells) = (self.row(at), self.rows.get(at).map(|row| row.cells.as_slice()));
        self.written(row, cells.unwrap_or_default(), leaving)
    }

    /// The rows that are to be kept; the chunks of a file in order are a file. Those that leave whole keep their bytes.
    ///
    /// Of what stands below the rows each line keeps its place. What could count them is left empty: a line with a digit
    /// that is neither the report's name nor one that Salesforce writes below every report.
    ///
    /// Shape:  one item for each row, and what [`ReportChunk::leaving`] gave of it; `name` is the report's.
    ///         In a sheet or a workbook a line below the rows that cannot be cut into cells is left out.
    /// Errors: [`NotReport::TooLong`]: more below the rows than any report has, as it is written too, or labels that are too
    ///         long; [`NotReport::Shape`]: those are no text, or there are not as many items as rows.
    pub(super) fn select(
        &self,
        keep: &[bool],
        written: &[Cow<'_, [u8]>],
        name: &str,
        leaving: ReportLeaving,
    ) -> Result<Vec<u8>, NotReport> {
        // Fewer would end the file early, and nobody would know.
        if keep.len() != self.rows.len() || written.len() != self.rows.len() {
            return Err(NotReport::Shape);
        }
        let mut out = Vec::with_capacity(self.bytes.len());
        self.write_opening(&mut out, leaving)?;
        let rows = self.rows.iter().zip(written).zip(keep).enumerate();
        for (at, ((row, written), _)) in rows.filter(|(_, (_, keep))| **keep) {
            out.extend_from_slice(written);
            if leaving.form.table().is_some() {
                out.push(b'\n');
            } else {
                let end = self.rows.get(at + 1).map_or(self.bytes.len(), |next| next.range.start);
                out.extend_from_slice(self.bytes.get(row.range.end..end).unwrap_or_default());
            }
        }
        let lines: Vec<&[u8]> = self.footer.split_inclusive(|byte| *byte == b'\n').collect();
        if lines.len() > FOOTER_LINES_MAX {
            return Err(NotReport::TooLong);
        }
        let below = lines.into_iter().map(|line| (without_end(line), line));
        match leaving.form.table() {
            None => {
                let begins = out.len();
                for (text, line) in below {
                    if counts_nothing(text, name) {
                        out.extend_from_slice(line);
                    } else {
                        out.extend_from_slice(b"\"\"");
                        out.extend_from_slice(line.get(text.len()..).unwrap_or_default());
                    }
                }
                // An emptied line of one letter is longer than it was, and nobody reads more than this again.
                if out.len() - begins > FOOTER_BYTES_MAX {
                    return Err(NotReport::TooLong);
                }
            }
            Some(table) if self.is_last => {
                out.extend_from_slice(table.rows_end.as_bytes());
                let below = below.filter(|(text, _)| !text.is_empty() && counts_nothing(text, name));
                // What has quotes in other places than around cells is no reason to take back the rows.
                for text in below.filter_map(|(text, _)| unquoted(text).ok()) {
                    (table.write_below)(&mut out, &text)?;
                }
                out.extend_from_slice(table.closing.as_bytes());
            }
            Some(_) => {}
        }
        Ok(out)
    }

    /// Appends what stands in front of the rows, if this is the first chunk.
    fn write_opening(&self, out: &mut Vec<u8>, leaving: ReportLeaving) -> Result<(), NotReport> {
        if self.opening.is_empty() || leaving == ReportLeaving::WHOLE {
            out.extend_from_slice(&self.opening);
            return Ok(());
        }
        let head = self.opening.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&self.opening);
        let line = without_end(head);
        let cells = cells(line).ok_or(NotReport::Shape)?;
        if let Some(table) = leaving.form.table() {
            let mut labels = labels(line)?;
            labels.truncate(leaving.columns.unwrap_or(labels.len()));
            out.extend_from_slice(table.opening.as_bytes());
            out.extend_from_slice(&(table.labels)(&labels, self.row_bytes_max)?);
            out.push(b'\n');
            return Ok(());
        }
        let mark = self.opening.len() - head.len();
        out.extend_from_slice(self.opening.get(..mark).unwrap_or_default());
        out.extend_from_slice(&self.written(line, &cells, leaving)?);
        out.extend_from_slice(head.get(line.len()..).unwrap_or_default());
        Ok(())
    }

    /// A row with these cells as it leaves.
    fn written<'r>(
        &self,
        row: &'r [u8],
        cells: &[Range<usize>],
        leaving: ReportLeaving,
    ) -> Result<Cow<'r, [u8]>, NotReport> {
        let columns = leaving.columns.unwrap_or(cells.len());
        match leaving.form.table() {
            Some(table) => {
                let texts = cells.iter().take(columns).map(|cell| text_of(row, cell));
                let texts = texts.collect::<Result<Vec<_>, _>>()?;
                Ok(Cow::Owned((table.row)(&texts, self.row_bytes_max)?))
            }
            None if columns >= cells.len() => Ok(Cow::Borrowed(row)),
            None => {
                let end = columns.checked_sub(1).and_then(|last| cells.get(last)).map_or(0, |cell| cell.end);
                let end = end + usize::from(row.get(end) == Some(&b'"'));
                Ok(Cow::Borrowed(row.get(..end).unwrap_or_default()))
            }
        }
    }
}

/// What stands in a cell, its doubled quotes single.
fn text_of(row: &[u8], cell: &Range<usize>) -> Result<String, NotReport> {
    let text = row.get(cell.clone()).and_then(|cell| std::str::from_utf8(cell).ok());
    text.map(|text| text.replace("\"\"", "\"")).ok_or(NotReport::Shape)
}

/// A line of one cell without its quotes.
fn unquoted(line: &[u8]) -> Result<String, NotReport> {
    let cells = cells(line).ok_or(NotReport::Shape)?;
    let texts: Result<Vec<String>, _> = cells.iter().map(|cell| text_of(line, cell)).collect();
    Ok(texts?.join(" "))
}

/// Debug shows sizes only.
impl std::fmt::Debug for ReportChunk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ReportChunk({} rows, {} bytes)", self.rows.len(), self.bytes.len())
    }
}

/// Whether a line below the rows cannot say how many there were.
fn counts_nothing(line: &[u8], name: &str) -> bool {
    let Ok(text) = std::str::from_utf8(line) else { return false };
    let cell = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    let cell = cell.replace("\"\"", "\"");
    if !cell.contains(char::is_numeric) || cell == name {
        return true;
    }
    if let Some(years) = cell.strip_prefix("Copyright (c) 2000-").and_then(|rest| rest.strip_suffix(RIGHTS)) {
        return years.len() == 4 && years.bytes().all(|byte| byte.is_ascii_digit());
    }
    // Who, and when: the first number after the name is the moment's.
    cell.strip_prefix("Generated By:")
        .is_some_and(|made| is_moment(made.trim_start_matches(|c: char| !c.is_numeric())))
}

const RIGHTS: &str = " salesforce.com, inc. All rights reserved.";

/// Whether a text is a day and a time as people write them, and nothing else.
fn is_moment(text: &str) -> bool {
    let numbers = text.split(|c: char| !c.is_ascii_digit()).filter(|number| !number.is_empty());
    let between = text.chars().filter(|c| !c.is_ascii_digit());
    (5..=6).contains(&numbers.count())
        && between.into_iter().all(|c| " /.-:,APMapm\u{202f}\u{a0}".contains(c))
        && text.len() <= MOMENT_BYTES_MAX
}

const MOMENT_BYTES_MAX: usize = 32;

fn labels(line: &[u8]) -> Result<Vec<String>, NotReport> {
    cells(line).ok_or(NotReport::Shape)?.iter().map(|cell| text_of(line, cell)).collect()
}

/// How long the first row is without its end, if its end is there.
fn line_of(bytes: &[u8]) -> Option<usize> {
    let mut is_quoted = false;
    let end = bytes.iter().position(|byte| {
        is_quoted ^= *byte == b'"';
        *byte == b'\n' && !is_quoted
    })?;
    Some(without_end(bytes.get(..end).unwrap_or_default()).len())
}

fn without_end(row: &[u8]) -> &[u8] {
    let row = row.strip_suffix(b"\n").unwrap_or(row);
    row.strip_suffix(b"\r").unwrap_or(row)
}

/// Where the cells of a row stand, without their quotes; nothing where quotes stand otherwise than around cells.
fn cells(row: &[u8]) -> Option<Vec<Range<usize>>> {
    let (mut cells, mut at) = (Vec::new(), 0);
    loop {
        if row.get(at) == Some(&b'"') {
            let from = at + 1;
            at = from;
            loop {
                at += row.get(at..)?.iter().position(|byte| *byte == b'"')?;
                if row.get(at + 1) != Some(&b'"') {
                    break;
                }
                at += 2;
            }
            cells.push(from..at);
            at += 1;
        } else {
            let rest = row.get(at..)?;
            let length = rest.iter().position(|byte| *byte == b',').unwrap_or(rest.len());
            if rest.get(..length)?.contains(&b'"') {
                return None;
            }
            cells.push(at..at + length);
            at += length;
        }
        match row.get(at) {
            Some(b',') => at += 1,
            Some(_) => return None,
            None => return Some(cells),
        }
    }
}

#[cfg(test)]
mod tests;
