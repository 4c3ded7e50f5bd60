//! Rows of a Bulk v1 query's results in JSON or XML, cut out as they come: the document is never held.
//!
//! Where a row begins and ends is all that is decided here; what is in it is read strictly, each row by itself.
//! Source: spec/deliveries.md section 8.

use std::{
    io::{self, BufRead},
    ops::Range,
};

use mark::{BATCH_RECORDS_MAX, Place, Reading, Record, Unreadable};

use super::{
    files::owned,
    read::read_line,
    record::shape,
    xml_row::{Dialect, row},
};
use crate::{Limits, xml::Xml};

/// How results are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResultsIn {
    /// An array of rows.
    Json,
    /// A `queryResult` with a `records` for each row.
    Xml,
}

/// The results are not what such results are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotResults {
    /// They are not an array of rows, or a list of `records`.
    #[error("the results are not rows in JSON or XML")]
    Shape,
    /// They end before their end.
    #[error("the results end before their end")]
    Truncated,
    /// A row is longer than is held.
    #[error("a row of the results is longer than is held")]
    TooLong,
}

impl From<NotResults> for io::Error {
    fn from(fault: NotResults) -> Self {
        Self::new(io::ErrorKind::InvalidData, fault)
    }
}

/// Results, some rows at a time.
///
/// Bounds: a chunk is about four mebibytes, or one row of `limits.body_bytes`.
#[derive(Debug)]
pub struct ResultRows<R> {
    input: R,
    form: ResultsIn,
    object: String,
    limits: Limits,
    /// What stands in front of the rows.
    opening: Option<Vec<u8>>,
    /// Of XML, the tag that the rows stand in.
    root: Vec<u8>,
    rows: usize,
    is_over: bool,
}

/// Some rows of results, as they were written.
pub struct RowChunk {
    form: ResultsIn,
    object: String,
    limits: Limits,
    root: Vec<u8>,
    opening: Vec<u8>,
    bytes: Vec<u8>,
    rows: Vec<Range<usize>>,
    first: usize,
    closing: &'static [u8],
}

const CHUNK_BYTES: usize = 4 << 20;
/// The longest tag that rows stand in.
const ROOT_BYTES_MAX: usize = 16 << 10;
const ROOT_END: &[u8] = b"</queryResult>";

impl<R: BufRead> ResultRows<R> {
    /// The rows of what `input` gives from its beginning: of this object where they do not say it themselves.
    pub fn new(input: R, form: ResultsIn, object: &str, limits: Limits) -> Self {
        let object = object.to_owned();
        Self { input, form, object, limits, opening: None, root: Vec::new(), rows: 0, is_over: false }
    }

    /// The next rows; nothing at the end. The first chunk is there even if it holds none.
    ///
    /// Errors: those of the input, and [`NotResults`] in an `io::Error`: then there is no next.
    pub fn next_chunk(&mut self) -> io::Result<Option<RowChunk>> {
        if self.is_over {
            return Ok(None);
        }
        let is_first = self.opening.is_none();
        if is_first {
            self.open()?;
        }
        let (mut bytes, mut rows) = (Vec::new(), Vec::new());
        while rows.len() < BATCH_RECORDS_MAX && bytes.len() < CHUNK_BYTES {
            let from = bytes.len();
            if !self.row(&mut bytes)? {
                self.is_over = true;
                break;
            }
            self.rows += 1;
            rows.push(from..bytes.len());
        }
        let opening = self.opening.as_ref().filter(|_| is_first).cloned().unwrap_or_default();
        let closing: &[u8] = match (self.is_over, self.form) {
            (false, _) => b"",
            (true, ResultsIn::Json) => b"]",
            (true, ResultsIn::Xml) => ROOT_END,
        };
        let (form, object, limits, root) = (self.form, self.object.clone(), self.limits, self.root.clone());
        let first = self.rows - rows.len();
        Ok(Some(RowChunk { form, object, limits, root, opening, bytes, rows, first, closing }))
    }

    /// Reads what stands in front of the rows.
    fn open(&mut self) -> io::Result<()> {
        let mut opening = Vec::new();
        match self.form {
            ResultsIn::Json => {
                self.expect(b'[')?;
                opening.push(b'[');
            }
            ResultsIn::Xml => {
                self.space()?;
                self.tag(&mut opening, ROOT_BYTES_MAX)?;
                let mut from = 0;
                if opening.starts_with(b"<?xml ") {
                    from = opening.len();
                    self.space()?;
                    self.tag(&mut opening, ROOT_BYTES_MAX)?;
                }
                self.root = opening.get(from..).unwrap_or_default().to_vec();
                if !is_tag(&self.root, b"queryResult") || self.root.ends_with(b"/>") {
                    return Err(NotResults::Shape.into());
                }
            }
        }
        self.opening = Some(opening);
        Ok(())
    }

    /// Appends the next row; whether there was one. At the end nothing may follow.
    fn row(&mut self, bytes: &mut Vec<u8>) -> io::Result<bool> {
        let limit = bytes.len().saturating_add(self.limits.body_bytes);
        let from = bytes.len();
        match (self.form, self.space()?) {
            (ResultsIn::Json, Some(b']')) => {
                self.input.consume(1);
                self.end().map(|()| false)
            }
            (ResultsIn::Json, Some(_)) => {
                if self.rows > 0 {
                    self.expect(b',')?;
                    self.space()?;
                }
                let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
                self.until(bytes, limit, |byte| {
                    match byte {
                        _ if escaped => escaped = false,
                        b'\\' if quoted => escaped = true,
                        b'"' => quoted = !quoted,
                        b'{' | b'[' if !quoted => depth += 1,
                        b'}' | b']' if !quoted => depth = depth.saturating_sub(1),
                        _ => {}
                    }
                    depth == 0
                })?;
                let is_object = bytes.get(from) == Some(&b'{') && bytes.len() > from + 1;
                if is_object { Ok(true) } else { Err(NotResults::Shape.into()) }
            }
            (ResultsIn::Xml, Some(b'<')) => {
                self.tag(bytes, limit)?;
                let tag = bytes.get(from..).unwrap_or_default();
                if tag == ROOT_END {
                    bytes.truncate(from);
                    return self.end().map(|()| false);
                }
                if !is_tag(tag, b"records") {
                    return Err(NotResults::Shape.into());
                }
                let mut depth = usize::from(!tag.ends_with(b"/>"));
                while depth > 0 {
                    self.until(bytes, limit, |byte| byte == b'<')?;
                    let at = bytes.len() - 1;
                    self.until(bytes, limit, tag_ends())?;
                    match bytes.get(at + 1) {
                        Some(b'/') => depth -= 1,
                        // Comments, sections and instructions could hide where a row ends.
                        Some(b'!' | b'?') | None => return Err(NotResults::Shape.into()),
                        Some(_) if bytes.ends_with(b"/>") => {}
                        Some(_) => depth += 1,
                    }
                }
                Ok(true)
            }
            (_, None) => Err(NotResults::Truncated.into()),
            (ResultsIn::Xml, Some(_)) => Err(NotResults::Shape.into()),
        }
    }

    /// Appends a tag that begins here.
    fn tag(&mut self, bytes: &mut Vec<u8>, limit: usize) -> io::Result<()> {
        let from = bytes.len();
        self.until(bytes, limit, tag_ends())?;
        if bytes.get(from) == Some(&b'<') { Ok(()) } else { Err(NotResults::Shape.into()) }
    }

    /// Appends all bytes up to one that ends what is read, and that one.
    fn until(
        &mut self,
        bytes: &mut Vec<u8>,
        limit: usize,
        mut ends: impl FnMut(u8) -> bool,
    ) -> io::Result<()> {
        loop {
            let ready = self.input.fill_buf()?;
            if ready.is_empty() {
                return Err(NotResults::Truncated.into());
            }
            let end = ready.iter().position(|byte| ends(*byte));
            let length = end.map_or(ready.len(), |end| end + 1);
            bytes.extend_from_slice(ready.get(..length).unwrap_or_default());
            self.input.consume(length);
            if bytes.len() > limit {
                return Err(NotResults::TooLong.into());
            }
            if end.is_some() {
                return Ok(());
            }
        }
    }

    /// Reads over white space; the byte behind it.
    fn space(&mut self) -> io::Result<Option<u8>> {
        loop {
            let ready = self.input.fill_buf()?;
            let length = ready.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).count();
            let behind = ready.get(length).copied();
            let is_over = ready.is_empty();
            self.input.consume(length);
            if behind.is_some() || is_over {
                return Ok(behind);
            }
        }
    }

    fn expect(&mut self, byte: u8) -> io::Result<()> {
        match self.space()? {
            Some(found) if found == byte => {
                self.input.consume(1);
                Ok(())
            }
            Some(_) => Err(NotResults::Shape.into()),
            None => Err(NotResults::Truncated.into()),
        }
    }

    fn end(&mut self) -> io::Result<()> {
        if self.space()?.is_none() { Ok(()) } else { Err(NotResults::Shape.into()) }
    }
}

/// Whether a byte ends the tag that is read.
fn tag_ends() -> impl FnMut(u8) -> bool {
    let mut quote = None;
    move |byte| {
        match (quote, byte) {
            (Some(open), byte) if byte == open => quote = None,
            (None, b'"' | b'\'') => quote = Some(byte),
            _ => {}
        }
        quote.is_none() && byte == b'>'
    }
}

/// Whether this is the start tag of an element of that name, without a prefix.
fn is_tag(tag: &[u8], name: &[u8]) -> bool {
    let behind = tag.strip_prefix(b"<").and_then(|tag| tag.strip_prefix(name)).and_then(<[u8]>::first);
    matches!(behind, Some(b'>' | b'/' | b' ' | b'\t' | b'\r' | b'\n'))
}

impl RowChunk {
    /// The readings of these rows, in their order.
    ///
    /// Errors: none; what cannot be read is itself a reading.
    pub fn read(&self) -> Vec<Reading<'_>> {
        let reading = |(at, range): (usize, &Range<usize>)| {
            let index = self.first + at;
            let bytes = self.bytes.get(range.clone()).unwrap_or_default();
            let content = match self.form {
                ResultsIn::Json => read_line(bytes, Some(&self.object), &self.limits),
                ResultsIn::Xml => self.read_xml(bytes),
            };
            Reading { place: Place { index, reference: format!("record[{index}]") }, content }
        };
        self.rows.iter().enumerate().map(reading).collect()
    }

    fn read_xml(&self, bytes: &[u8]) -> Result<Record<'static>, Unreadable> {
        let document = [self.root.as_slice(), bytes, ROOT_END].concat();
        let (mut xml, root) = Xml::open(&document)?;
        let tag = xml.child(&root)?.ok_or_else(|| shape("is not a row of results"))?;
        let element = xml.element(tag)?;
        Ok(owned(row(Dialect::Partner, None, element)?))
    }

    /// The rows as they are written.
    pub fn row_bytes(&self) -> Vec<&[u8]> {
        self.rows.iter().map(|range| self.bytes.get(range.clone()).unwrap_or_default()).collect()
    }

    /// The rows that are to be kept, byte for byte; the chunks of results in order are results.
    ///
    /// Shape:  one item for each reading; `has_rows` is what this gave for the chunk before, false at first.
    pub fn select(&self, keep: &[bool], has_rows: &mut bool) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.opening.len() + self.bytes.len() + self.rows.len() + 16);
        out.extend_from_slice(&self.opening);
        for (row, _) in self.row_bytes().iter().zip(keep).filter(|(_, keep)| **keep) {
            if *has_rows && self.form == ResultsIn::Json {
                out.push(b',');
            }
            *has_rows = true;
            out.extend_from_slice(row);
        }
        out.extend_from_slice(self.closing);
        out
    }
}

/// Debug shows sizes only.
impl std::fmt::Debug for RowChunk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RowChunk({} rows, {} bytes)", self.rows.len(), self.bytes.len())
    }
}

/// The rows of an array of rows that is held whole, as they are written; nothing for anything else.
pub(crate) fn rows_of_array(bytes: &[u8], limits: &Limits) -> Option<Vec<Range<usize>>> {
    let (mut rows, mut at) = (Vec::new(), 0);
    let mut chunks = ResultRows::new(bytes, ResultsIn::Json, "", *limits);
    while let Some(chunk) = chunks.next_chunk().ok()? {
        for row in chunk.row_bytes() {
            // Between rows is nothing but white space and a comma.
            at += bytes.get(at..)?.iter().position(|byte| *byte == b'{')?;
            rows.push(at..at + row.len());
            at += row.len();
        }
    }
    Some(rows)
}

#[cfg(test)]
mod tests;
