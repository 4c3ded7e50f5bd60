//! Rows of a Salesforce CSV: what a Bulk 2.0 job uploads, and what an export gives.
//!
//! Its own scanner rather than the `csv` crate: cells borrow from the body, and what two readers could split
//! differently is refused instead of guessed. `place` writes with that crate, and a law lets the two agree.

use std::{borrow::Cow, ops::Range};

use memchr::{memchr, memchr2};

use mark::{Place, Reading, Record, Unreadable, json::Json};

use super::{
    columns::Columns,
    field::{Own, is_dataset_relationship},
    plan::unreadable,
    record::{OF_ANOTHER_ROW, labels, names_twice, other_cells, record, shape},
};
use crate::{
    Limits,
    misplaced::{MISPLACED, is_mark_text},
};

/// The rows of a CSV with a header, as records of one object.
///
/// Shape:  UTF-8, a byte-order mark at its start is skipped; lines end in LF or CRLF; an empty cell is absent,
///         `#N/A` is null; columns with a dot are ways to other rows and are skipped. One reading a row.
/// Bounds: `limits`; past them the whole is one unreadable record.
/// Source: spec/carriers.md section 2.4.
pub(super) fn rows<'a>(object: &str, delimiter: u8, body: &'a [u8], limits: &Limits) -> Vec<Reading<'a>> {
    try_rows(object, delimiter, body, limits).unwrap_or_else(|reason| vec![unreadable("body", reason)])
}

fn try_rows<'a>(
    object: &str,
    delimiter: u8,
    body: &'a [u8],
    limits: &Limits,
) -> Result<Vec<Reading<'a>>, Unreadable> {
    Ok(rows_at(object, delimiter, body, limits)?.rows.into_iter().map(|(reading, _)| reading).collect())
}

/// The rows of a table, and where they stand.
pub(super) struct Placed<'a> {
    /// Each row, and its bytes with its line end.
    pub(super) rows: Vec<(Reading<'a>, Range<usize>)>,
    /// Whether a row's quotes leave open where it ends; then no row can be taken out without guessing.
    pub(super) is_broken: bool,
}

/// The rows of a CSV with a header, each with its place among the bytes.
///
/// Errors: why the whole cannot be read.
pub(super) fn rows_at<'a>(
    object: &str,
    delimiter: u8,
    body: &'a [u8],
    limits: &Limits,
) -> Result<Placed<'a>, Unreadable> {
    if body.len() > limits.body_bytes {
        return Err(Unreadable::TooLong { limit: limits.body_bytes });
    }
    let inner = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let offset = body.len() - inner.len();
    let text = std::str::from_utf8(inner).map_err(|error| {
        Unreadable::Shape(format!("is not UTF-8 at byte {}; send UTF-8", error.valid_up_to()))
    })?;
    let mut scanner = Scanner { text, at: 0, line: 1, delimiter };
    let mut placed = Placed { rows: Vec::new(), is_broken: false };
    let header = match scanner.next() {
        None => return Ok(placed),
        Some(row) => columns(row)?,
    };
    for row in scanner {
        if placed.rows.len() >= limits.records {
            return Err(Unreadable::TooMany { limit: limits.records });
        }
        placed.is_broken |= row.cells.is_err();
        let at = row.at.start + offset..row.at.end + offset;
        let place = Place { index: placed.rows.len(), reference: format!("line {}", row.line) };
        let content = content(Cow::Owned(object.to_owned()), header.iter().cloned(), row);
        placed.rows.push((Reading { place, content }, at));
    }
    Ok(placed)
}

/// The cells of one row, and its bytes with its line end.
pub(super) type Cells<'a> = (Vec<Cow<'a, str>>, Range<usize>);

/// The cells of a table, its header too, each row with its bytes; nothing if a row is broken.
pub(super) fn cells_at(text: &str) -> Option<Vec<Cells<'_>>> {
    let scanner = Scanner { text, at: 0, line: 1, delimiter: b',' };
    scanner.map(|row| Some((row.cells.ok()?, row.at))).collect()
}

/// The column names of a table's first row, which may have its line end.
///
/// Errors: why the whole table cannot be read.
pub(crate) fn header(row: &str, delimiter: u8) -> Result<Vec<String>, Unreadable> {
    let mut scanner = Scanner { text: row, at: 0, line: 1, delimiter };
    let row = scanner.next().ok_or_else(|| shape("has no header"))?;
    Ok(columns(row)?.into_iter().map(Cow::into_owned).collect())
}

/// The record of one row, which may have its line end, under these columns.
///
/// Errors: why it is none; in a file also a label that nobody would see.
pub(crate) fn row<'a>(
    columns: &'a Columns,
    delimiter: u8,
    row: &'a str,
    is_sent: bool,
) -> Result<Record<'a>, Unreadable> {
    let mut scanner = Scanner { text: row, at: 0, line: 1, delimiter };
    let row = scanner.next().ok_or_else(|| shape("has no cells"))?;
    let cells = row.cells.map_err(Unreadable::Shape)?;
    // What is sent to an org is there what it says; a row in JSON, in a table and in XML is one record.
    let hidden = if is_sent { None } else { columns.hidden_label(&cells) };
    hidden.map_or_else(|| columns.record(cells), Err)
}

fn columns(row: Row<'_>) -> Result<Vec<Cow<'_, str>>, Unreadable> {
    let cells = row.cells.map_err(|reason| Unreadable::Shape(format!("has a header that {reason}")))?;
    let header: Vec<Cow<'_, str>> = cells.into_iter().map(trimmed).collect();
    if header.iter().any(|name| name.contains('\0')) {
        return Err(shape("has a byte that is zero in its header, as text in UTF-16 has; send UTF-8"));
    }
    if names_twice(header.iter().map(AsRef::as_ref)) {
        return Err(shape("names a column twice, if upper and lower case are one"));
    }
    if header.iter().any(|name| name.is_empty()) {
        return Err(shape("has a column without a name"));
    }
    Ok(header)
}

fn content<'a>(
    object: Cow<'a, str>,
    names: impl ExactSizeIterator<Item = Cow<'a, str>>,
    row: Row<'a>,
) -> Result<Record<'a>, Unreadable> {
    let cells = row.cells.map_err(Unreadable::Shape)?;
    if cells.len() != names.len() {
        return Err(other_cells(cells.len(), names.len()));
    }
    let members = names.zip(cells).filter(|(name, cell)| !cell.is_empty() && !leads_away(name));
    let members = members.map(|(name, cell)| {
        let value = if cell == "#N/A" { Json::Null } else { Json::Text(cell) };
        (name, value)
    });
    record(object, members.collect())
}

/// What is wrong with a cell, whatever else stands in its row: a mark's text anywhere but in its own place, and what a
/// row says of another row.
pub(crate) fn hidden_label(column: &str, cell: &str) -> Option<Unreadable> {
    if column.contains('.') && Own::of_another_row(column).is_some_and(|own| labels(own, cell)) {
        return Some(shape(OF_ANOTHER_ROW));
    }
    (is_mark_text(cell) && Own::of(column) != Some(Own::Mark)).then(|| shape(MISPLACED))
}

/// Whether a column is a field of another row: `Account.Ext__c`, `Owner:User.Name`.
pub(super) fn leads_away(name: &str) -> bool {
    name.contains('.') || is_dataset_relationship(name)
}

fn trimmed(name: Cow<'_, str>) -> Cow<'_, str> {
    match name {
        Cow::Borrowed(name) => Cow::Borrowed(name.trim()),
        Cow::Owned(name) => Cow::Owned(name.trim().to_owned()),
    }
}

/// One line of cells, which may span lines of text.
struct Row<'a> {
    /// The line it starts on, from 1.
    line: usize,
    /// Its bytes, with its line end.
    at: Range<usize>,
    cells: Result<Vec<Cow<'a, str>>, String>,
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    line: usize,
    delimiter: u8,
}

impl<'a> Iterator for Scanner<'a> {
    type Item = Row<'a>;

    /// The next row that is not empty. After a broken one, the next line.
    fn next(&mut self) -> Option<Row<'a>> {
        while self.line_end() {}
        if self.at >= self.text.len() {
            return None;
        }
        let (line, start) = (self.line, self.at);
        let mut cells = Vec::new();
        loop {
            match self.cell() {
                Ok(cell) => cells.push(cell),
                Err(reason) => {
                    self.skip_line();
                    return Some(Row { line, at: start..self.at, cells: Err(reason.to_owned()) });
                }
            }
            if self.peek() == Some(self.delimiter) {
                self.at += 1;
            } else if self.line_end() || self.at >= self.text.len() {
                return Some(Row { line, at: start..self.at, cells: Ok(cells) });
            } else {
                self.skip_line();
                let cells = Err("has text after a closing quote".to_owned());
                return Some(Row { line, at: start..self.at, cells });
            }
        }
    }
}

impl<'a> Scanner<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Steps over LF or CRLF, if one is here.
    fn line_end(&mut self) -> bool {
        let rest = self.rest();
        let length = if rest.starts_with("\r\n") { 2 } else { usize::from(rest.starts_with('\n')) };
        self.at += length;
        self.line += usize::from(length > 0);
        length > 0
    }

    fn skip_line(&mut self) {
        self.at += self.rest().find('\n').unwrap_or(self.rest().len());
        self.line_end();
    }

    fn cell(&mut self) -> Result<Cow<'a, str>, &'static str> {
        if self.peek() == Some(b'"') {
            return self.quoted();
        }
        let rest = self.rest();
        let end = memchr2(self.delimiter, b'\n', rest.as_bytes()).unwrap_or(rest.len());
        let mut cell = rest.get(..end).unwrap_or_default();
        if rest.get(end..).is_some_and(|after| after.starts_with('\n')) {
            cell = cell.strip_suffix('\r').unwrap_or(cell);
        }
        if memchr2(b'"', b'\r', cell.as_bytes()).is_none() {
            self.at += cell.len();
            return Ok(Cow::Borrowed(cell));
        }
        if cell.contains('"') {
            return Err("has a quote within a cell that does not begin with one");
        }
        Err("has a carriage return that ends no line")
    }

    fn quoted(&mut self) -> Result<Cow<'a, str>, &'static str> {
        let start = self.at + 1;
        let mut at = start;
        let mut doubled = false;
        loop {
            let rest = self.text.get(at..).unwrap_or_default();
            let Some(quote) = memchr(b'"', rest.as_bytes()) else {
                return Err("has a quote that is never closed");
            };
            at += quote;
            if self.text.as_bytes().get(at + 1) != Some(&b'"') {
                break;
            }
            doubled = true;
            at += 2;
        }
        let cell = self.text.get(start..at).unwrap_or_default();
        self.line += cell.bytes().filter(|byte| *byte == b'\n').count();
        self.at = at + 1;
        Ok(if doubled { Cow::Owned(cell.replace("\"\"", "\"")) } else { Cow::Borrowed(cell) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { body_bytes: 10_000, records: 4 };

    /// Each row as its place and fields, or the sentence that refuses it.
    fn shown(delimiter: u8, body: &[u8]) -> Vec<String> {
        let rows = rows("Contact", delimiter, body, &LIMITS);
        rows.iter()
            .map(|reading| match &reading.content {
                Ok(record) => {
                    let fields = record.fields.iter().map(|(name, value)| {
                        value.text().map_or(format!("{name}:{value:?}"), |text| format!("{name}={text}"))
                    });
                    format!("{}: {}", reading.place.reference, fields.collect::<Vec<_>>().join("|"))
                }
                Err(reason) => format!("{}: {reason}", reading.place.reference),
            })
            .collect()
    }

    fn check(body: &str, want: &[&str]) {
        assert_eq!(shown(b',', body.as_bytes()), want, "{body:?}");
    }

    #[test]
    fn rows_are_records() {
        check("", &[]);
        check("LastName\n", &[]);
        check("LastName,Phone\nBell,1\n", &["line 2: LastName=Bell|Phone=1"]);
        check(
            "\u{feff}LastName,Phone\r\nBell,1\r\n\r\nOde,",
            &["line 2: LastName=Bell|Phone=1", "line 4: LastName=Ode"],
        );
        check(
            "LastName,Phone\n\"Be\"\"ll\n2\",#N/A\nOde,2",
            &["line 2: LastName=Be\"ll\n2|Phone:null", "line 4: LastName=Ode|Phone=2"],
        );
        check("\"Last\"\"Name\"\nx", &["line 2: Last\"Name=x"]);
        check("LastName,Account.Ext__c,Id\nBell,a,003", &["line 2: LastName=Bell"]);
        check("LastName,Eosin_Dataset__r.Eosin_Dataset_Id__c\nBell,d", &["line 2: LastName=Bell"]);
    }

    #[test]
    fn other_delimiters_split_too() {
        assert_eq!(shown(b'\t', b"A\tB\n1,2\t3"), ["line 2: A=1,2|B=3"]);
        assert_eq!(shown(b'^', b"A^B\n1^\"2^3\""), ["line 2: A=1|B=2^3"]);
    }

    #[test]
    fn a_broken_row_names_its_line() {
        check(
            "A,B\n1\n2,3",
            &[
                "line 2: has 1 cells under 2 columns; cut off lines that are no rows, such as a total or a note below them",
                "line 3: A=2|B=3",
            ],
        );
        check("A,B\n1,2,3", &["line 2: has 3 cells under 2 columns"]);
        check(
            "A,B\n1,a\"b\n2,3",
            &["line 2: has a quote within a cell that does not begin with one", "line 3: A=2|B=3"],
        );
        check("A,B\n1,\"a\"b\n", &["line 2: has text after a closing quote"]);
        check("A,B\n1,\"a", &["line 2: has a quote that is never closed"]);
        check("A,B\n1,a\rb\n", &["line 2: has a carriage return that ends no line"]);
    }

    #[test]
    fn a_header_with_two_readings_refuses_all() {
        check("LastName,lastname\na,b", &["body: names a column twice, if upper and lower case are one"]);
        check("A,\n1,2", &["body: has a column without a name"]);
        check("A\"\n1", &["body: has a header that has a quote within a cell that does not begin with one"]);
        check("A\n1\n2\n3\n4\n5", &["body: holds more than 4 records"]);
        assert_eq!(shown(b',', b"\xFF\xFEA\0"), ["body: is not UTF-8 at byte 0; send UTF-8"]);
        assert_eq!(shown(b',', &[b'a'; 10_001]), ["body: is longer than 10000 bytes"]);
    }
}
