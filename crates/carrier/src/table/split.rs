//! A stream cut into lines or CSV rows, each within a bound.

use std::io::{self, BufRead, ErrorKind};
use std::ops::Range;

/// Cuts a stream into records: lines, or rows whose quoted cells may hold line ends.
#[derive(Debug)]
pub(super) struct Splitter {
    // Between cells; none where a record is a line.
    delimiter: Option<u8>,
    state: State,
    // The line that comes next, from 1.
    line: usize,
}

/// Where one record stands in a chunk's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    range: Range<usize>,
    /// The line that it begins on, from 1.
    pub(super) line: usize,
    /// Its bytes were over the bound and are not kept.
    pub(super) is_too_long: bool,
}

impl Piece {
    pub(super) fn bytes<'b>(&self, chunk: &'b [u8]) -> &'b [u8] {
        chunk.get(self.range.clone()).unwrap_or_default()
    }
}

/// What the next byte of a row means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    CellStart,
    Cell,
    Quoted,
    QuoteInQuoted,
}

impl Splitter {
    pub(super) fn new(delimiter: Option<u8>) -> Self {
        Self { delimiter, state: State::CellStart, line: 1 }
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
        loop {
            let (start, line) = (out.len(), self.line);
            let (mut length, mut is_too_long, mut is_over) = (0_usize, false, false);
            while !is_over {
                let buffer = match input.fill_buf() {
                    Ok(buffer) => buffer,
                    Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                    Err(error) => return Err(error),
                };
                if buffer.is_empty() {
                    break;
                }
                let mut used = 0;
                for byte in buffer {
                    used += 1;
                    self.line += usize::from(*byte == b'\n');
                    if self.ends(*byte) {
                        is_over = true;
                        break;
                    }
                }
                length += used;
                if length > limit {
                    is_too_long = true;
                    out.truncate(start);
                } else {
                    out.extend_from_slice(buffer.get(..used).unwrap_or_default());
                }
                input.consume(used);
            }
            let is_blank =
                !is_too_long && out.get(start..).unwrap_or_default().iter().all(|byte| self.is_blank(*byte));
            if length == 0 {
                return Ok(None);
            }
            if is_blank {
                out.truncate(start);
                continue;
            }
            return Ok(Some(Piece { range: start..out.len(), line, is_too_long }));
        }
    }

    /// Whether a record of nothing else is none: white space on a line, line ends in a table.
    fn is_blank(&self, byte: u8) -> bool {
        match self.delimiter {
            None => byte.is_ascii_whitespace(),
            Some(_) => matches!(byte, b'\n' | b'\r'),
        }
    }

    /// Takes one byte; whether the record ends with it.
    ///
    /// Quotes mean something only where a cell begins with one, as in the crate that reads the cells: a law in
    /// `rows` holds the two to the same cuts.
    fn ends(&mut self, byte: u8) -> bool {
        let Some(delimiter) = self.delimiter else { return byte == b'\n' };
        let (state, ends) = match (self.state, byte) {
            (State::CellStart | State::Cell | State::QuoteInQuoted, b'\n' | b'\r') => {
                (State::CellStart, true)
            }
            (State::Quoted, b'"') => (State::QuoteInQuoted, false),
            (State::CellStart | State::QuoteInQuoted, b'"') | (State::Quoted, _) => (State::Quoted, false),
            (State::CellStart | State::Cell | State::QuoteInQuoted, byte) if byte == delimiter => {
                (State::CellStart, false)
            }
            (State::CellStart | State::Cell | State::QuoteInQuoted, _) => (State::Cell, false),
        };
        self.state = state;
        ends
    }
}
