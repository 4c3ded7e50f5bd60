//! A stream cut into lines or rows of cells, each within a bound.

use std::io::{self, BufRead, ErrorKind, Read};
use std::ops::Range;

use memchr::{memchr, memchr_iter, memchr3};

use super::below::{BELOW_BYTES_MAX, could_be_below, is_empty_row, lines_below};

/// What a stream is cut into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// Lines, ended by LF.
    Lines,
    /// Rows as in RFC 4180, ended by LF, CRLF or CR; a quote within a cell that does not begin with one is text.
    Rows {
        /// Between cells.
        delimiter: u8,
    },
    /// Rows as Salesforce reads them, ended by LF or CRLF. After what is not such a row, the next line begins another.
    StrictRows {
        /// Between cells.
        delimiter: u8,
    },
}

/// Cuts a stream into records.
#[derive(Debug)]
pub(super) struct Splitter {
    cut: Cut,
    state: State,
    // The line that comes next, from 1.
    line: usize,
    // Where the last quote opened a cell, from the beginning of the record.
    quote: usize,
    // Lines after a quote that nothing closed, and how much of them was cut.
    again: (Vec<u8>, usize),
    // Whether it is a file that a person saved: rows without anything in them are none, and lines may stand below the rows.
    is_file: bool,
    // Of such a one, whether its header was cut, and how many columns it has.
    columns: Option<usize>,
    // Whether the last record was none: what comes behind it was looked at then.
    was_blank: bool,
    // What comes next and was looked at, and how much of it was cut.
    ahead: (Vec<u8>, usize),
    // How many lines stand below the rows; then there is no next.
    below: Option<usize>,
}

/// What comes next in a stream.
enum Next {
    Record(Piece),
    /// A record that is none.
    Blank,
    End,
}

/// Where one record stands in a chunk's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    range: Range<usize>,
    /// The line that it begins on, from 1.
    pub(super) line: usize,
    /// What is wrong with it as a whole.
    pub(super) flaw: Option<Flaw>,
}

/// What is wrong with a record before its cells are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    /// Its bytes were over the bound and are not kept.
    TooLong,
    /// A quote is never closed; the record ends with its line.
    Unclosed,
}

impl Piece {
    pub(super) fn bytes<'b>(&self, chunk: &'b [u8]) -> &'b [u8] {
        chunk.get(self.range.clone()).unwrap_or_default()
    }
}

/// What the next byte of a record means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    CellStart,
    Cell,
    Quoted,
    QuoteInQuoted,
    /// After a CR outside quotes: an LF belongs to the same line end.
    Returned,
    /// In a row that cannot be read: up to its line's end.
    Broken,
}

impl Splitter {
    pub(super) fn new(cut: Cut) -> Self {
        Self {
            cut,
            state: State::CellStart,
            line: 1,
            quote: 0,
            again: (Vec::new(), 0),
            is_file: false,
            columns: None,
            was_blank: false,
            ahead: (Vec::new(), 0),
            below: None,
        }
    }

    /// As a file that a person saved.
    pub(super) fn of_file(self) -> Self {
        Self { is_file: true, ..self }
    }

    /// Whether it is such a one.
    pub(super) fn is_of_file(&self) -> bool {
        self.is_file
    }

    /// That the header was cut, with so many columns: rows come.
    pub(super) fn expect_rows(&mut self, columns: usize) {
        self.columns = self.is_file.then_some(columns);
    }

    /// How many lines below the rows were no records, once the end is reached.
    pub(super) fn below(&self) -> usize {
        self.below.unwrap_or_default()
    }

    /// Appends the next record that is not blank to `out`, with its line end; nothing at the end of the stream.
    ///
    /// Bounds: `limit` bytes a record; a longer one is stepped over, and its bytes are not kept.
    pub(super) fn next(
        &mut self,
        input: &mut impl BufRead,
        out: &mut Vec<u8>,
        limit: usize,
    ) -> io::Result<Option<Piece>> {
        let (again, at) = std::mem::take(&mut self.again);
        if at < again.len() {
            // What is read again was the end of the stream.
            let mut rest = again.get(at..).unwrap_or_default();
            let piece = loop {
                match self.one(&mut rest, out, limit)? {
                    Next::Record(piece) => break Some(piece),
                    Next::Blank => {}
                    Next::End => break None,
                }
            };
            if self.again.0.is_empty() {
                let at = again.len() - rest.len();
                self.again = (again, at);
            }
            return Ok(piece);
        }
        while self.below.is_none() {
            let (ahead, at) = std::mem::take(&mut self.ahead);
            let (next, held) = {
                let mut input = Ahead { held: ahead.get(at..).unwrap_or_default(), input: &mut *input };
                (self.one(&mut input, out, limit)?, input.held.len())
            };
            let at = ahead.len() - held;
            self.ahead = (ahead, at);
            let is_blank = matches!(next, Next::Blank);
            if is_blank && !std::mem::replace(&mut self.was_blank, is_blank) {
                self.look_ahead(input)?;
            }
            self.was_blank = is_blank;
            match next {
                Next::Record(piece) => return Ok(Some(piece)),
                Next::Blank => {}
                Next::End => break,
            }
        }
        Ok(None)
    }

    /// Behind an empty line, looks whether only lines come that are no records.
    ///
    /// Bounds: [`BELOW_BYTES_MAX`], and nothing where the first line that is known already is a row.
    fn look_ahead(&mut self, input: &mut impl BufRead) -> io::Result<()> {
        let (Cut::Rows { delimiter } | Cut::StrictRows { delimiter }) = self.cut else { return Ok(()) };
        if self.columns.is_none_or(|columns| columns < 2) {
            return Ok(());
        }
        let (held, at) = std::mem::take(&mut self.ahead);
        let known = held.get(at..).unwrap_or_default();
        if !could_be_below(known, delimiter) {
            self.ahead = (held, at);
            return Ok(());
        }
        let mut ahead = known.to_vec();
        let more = u64::try_from(BELOW_BYTES_MAX.saturating_sub(ahead.len())).unwrap_or(u64::MAX);
        input.by_ref().take(more.saturating_add(1)).read_to_end(&mut ahead)?;
        self.below = (ahead.len() <= BELOW_BYTES_MAX).then(|| lines_below(&ahead, delimiter)).flatten();
        self.ahead = (ahead, 0);
        Ok(())
    }

    fn one(&mut self, input: &mut impl BufRead, out: &mut Vec<u8>, limit: usize) -> io::Result<Next> {
        let (start, line) = (out.len(), self.line);
        let (mut length, mut is_too_long, mut is_over) = (0_usize, false, false);
        self.state = State::CellStart;
        while !is_over {
            let buffer = match input.fill_buf() {
                Ok(buffer) => buffer,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if buffer.is_empty() {
                break;
            }
            let used;
            (used, is_over) = self.scan(buffer, length);
            length += used;
            if length > limit {
                is_too_long = true;
                out.truncate(start);
            } else {
                out.extend_from_slice(buffer.get(..used).unwrap_or_default());
            }
            input.consume(used);
        }
        if length == 0 {
            return Ok(Next::End);
        }
        if is_too_long {
            return Ok(Next::Record(Piece { range: start..start, line, flaw: Some(Flaw::TooLong) }));
        }
        if self.is_blank(out.get(start..).unwrap_or_default()) {
            out.truncate(start);
            return Ok(Next::Blank);
        }
        let is_unclosed = !is_over && self.state == State::Quoted;
        if is_unclosed {
            self.read_again(out, start, line);
        }
        let flaw = is_unclosed.then_some(Flaw::Unclosed);
        Ok(Next::Record(Piece { range: start..out.len(), line, flaw }))
    }

    /// Keeps what comes after the line of a quote that is never closed, to be cut again.
    fn read_again(&mut self, out: &mut Vec<u8>, start: usize, line: usize) {
        let from = start + self.quote;
        let Some(end) = memchr(b'\n', out.get(from..).unwrap_or_default()).map(|at| from + at + 1) else {
            return;
        };
        self.again = (out.split_off(end), 0);
        self.line = line + lines(out.get(start..).unwrap_or_default());
    }

    /// Whether a record of these bytes is none: white space on a line, line ends in a table, empty cells too in one that a person saved.
    fn is_blank(&self, record: &[u8]) -> bool {
        match self.cut {
            Cut::Lines => record.iter().all(u8::is_ascii_whitespace),
            Cut::Rows { delimiter } if self.columns.is_some() => is_empty_row(record, delimiter),
            Cut::Rows { .. } => record.iter().all(|byte| matches!(byte, b'\n' | b'\r')),
            Cut::StrictRows { .. } => matches!(record, b"\n" | b"\r\n"),
        }
    }

    /// Takes bytes up to the record's end; how many, and whether it ends with them.
    ///
    /// Quotes mean something only where a cell begins with one, as in the crate `csv`: a law holds the two to the
    /// same cuts. `before` is how much of the record was taken already.
    fn scan(&mut self, buffer: &[u8], before: usize) -> (usize, bool) {
        let (delimiter, strict) = match self.cut {
            Cut::Lines => return self.line_rest(buffer, 0),
            Cut::Rows { delimiter } => (delimiter, false),
            Cut::StrictRows { delimiter } => (delimiter, true),
        };
        let mut at = 0;
        while let Some(byte) = buffer.get(at).copied() {
            match self.state {
                State::CellStart if byte == b'"' => {
                    (self.state, self.quote) = (State::Quoted, before + at);
                    at += 1;
                }
                State::CellStart | State::Cell => {
                    match self.unquoted(buffer, at, delimiter, before, strict) {
                        (next, false) => at = next,
                        (next, true) => return (next, true),
                    }
                }
                State::Quoted => {
                    let rest = buffer.get(at..).unwrap_or_default();
                    let Some(quote) = memchr(b'"', rest) else {
                        self.line += lines(rest);
                        return (buffer.len(), false);
                    };
                    self.line += lines(rest.get(..quote).unwrap_or_default());
                    self.state = State::QuoteInQuoted;
                    at += quote + 1;
                }
                State::QuoteInQuoted => {
                    self.state = match byte {
                        b'"' => State::Quoted,
                        b'\r' => State::Returned,
                        b'\n' => State::Cell,
                        _ if byte == delimiter => State::CellStart,
                        _ if strict => State::Broken,
                        _ => State::Cell,
                    };
                    // A line end is looked at again as one; a byte of a broken row could be one too.
                    at += usize::from(byte != b'\n');
                }
                State::Returned if byte == b'\n' => {
                    self.line += 1;
                    return (at + 1, true);
                }
                State::Returned if strict => self.state = State::Broken,
                State::Returned => return (at, true),
                State::Broken => return self.line_rest(buffer, at),
            }
        }
        (at, false)
    }

    /// Takes bytes outside quotes: up to the row's end, or to something that changes the state.
    fn unquoted(
        &mut self,
        buffer: &[u8],
        from: usize,
        delimiter: u8,
        before: usize,
        strict: bool,
    ) -> (usize, bool) {
        let mut at = from;
        loop {
            let rest = buffer.get(at..).unwrap_or_default();
            let previous = |at: usize| at.checked_sub(1).and_then(|at| buffer.get(at)).copied();
            let Some(found) = memchr3(b'"', b'\n', b'\r', rest).map(|found| at + found) else {
                let ends_cell = buffer.last() == Some(&delimiter) && buffer.len() > from;
                self.state = if ends_cell { State::CellStart } else { State::Cell };
                return (buffer.len(), false);
            };
            match buffer.get(found) {
                Some(b'\n') => {
                    self.line += 1;
                    return (found + 1, true);
                }
                Some(b'\r') => {
                    self.state = State::Returned;
                    return (found + 1, false);
                }
                // Found where the call began, the quote stands within a cell: `scan` takes one that opens it.
                _ if found > from && previous(found) == Some(delimiter) => {
                    (self.state, self.quote) = (State::Quoted, before + found);
                    return (found + 1, false);
                }
                _ if strict => {
                    self.state = State::Broken;
                    return (found + 1, false);
                }
                _ => at = found + 1,
            }
        }
    }

    fn line_rest(&mut self, buffer: &[u8], from: usize) -> (usize, bool) {
        match memchr(b'\n', buffer.get(from..).unwrap_or_default()) {
            Some(at) => {
                self.line += 1;
                (from + at + 1, true)
            }
            None => (buffer.len(), false),
        }
    }
}

/// What was looked at, and then the rest.
struct Ahead<'a, R> {
    held: &'a [u8],
    input: &'a mut R,
}

impl<R: BufRead> Read for Ahead<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.held.is_empty() { self.input.read(buffer) } else { self.held.read(buffer) }
    }
}

impl<R: BufRead> BufRead for Ahead<'_, R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.held.is_empty() { self.input.fill_buf() } else { Ok(self.held) }
    }

    fn consume(&mut self, amount: usize) {
        match self.held.get(amount..) {
            Some(rest) if !self.held.is_empty() => self.held = rest,
            _ => self.input.consume(amount),
        }
    }
}

fn lines(bytes: &[u8]) -> usize {
    memchr_iter(b'\n', bytes).count()
}

/// The cells of one row without its line end, as they are written, with their quotes.
#[derive(Clone, Debug)]
pub(super) struct Cells<'a> {
    rest: Option<&'a str>,
    delimiter: u8,
}

impl<'a> Cells<'a> {
    pub(super) fn of(row: &'a str, delimiter: u8) -> Self {
        Self { rest: Some(row), delimiter }
    }
}

impl<'a> Iterator for Cells<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let rest = self.rest?;
        let bytes = rest.as_bytes();
        let quoted = if bytes.first() == Some(&b'"') { after_quotes(bytes) } else { 0 };
        let end = memchr(self.delimiter, bytes.get(quoted..).unwrap_or_default()).map(|at| quoted + at);
        self.rest = end.and_then(|end| rest.get(end + 1..));
        end.map_or(Some(rest), |end| rest.get(..end))
    }
}

/// Where the quoted part at the beginning of a cell is over.
pub(super) fn after_quotes(cell: &[u8]) -> usize {
    let mut at = 1;
    while let Some(quote) = memchr(b'"', cell.get(at..).unwrap_or_default()) {
        at += quote + 1;
        if cell.get(at) != Some(&b'"') {
            return at;
        }
        at += 1;
    }
    cell.len()
}

/// A row without its line end.
pub(super) fn without_line_end(row: &[u8]) -> &[u8] {
    let row = row.strip_suffix(b"\n").unwrap_or(row);
    row.strip_suffix(b"\r").unwrap_or(row)
}

/// Whether a cell with this text has to be quoted.
pub(super) fn needs_quotes(text: &str, delimiter: u8) -> bool {
    memchr3(b'"', b'\n', b'\r', text.as_bytes()).is_some() || memchr(delimiter, text.as_bytes()).is_some()
}
