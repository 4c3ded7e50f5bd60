//! One message, cut into segments and fields. The pieces together are the bytes as they were.

use std::borrow::Cow;

use mark::Unreadable;

use super::{characters::Part, separators::Separators, shape};

/// A message whose segments and characters can be told apart.
#[derive(Clone)]
pub(super) struct Message<'a> {
    pub(super) separators: Separators,
    // INVARIANT: the first is MSH; bodies and ends in order are the message.
    pub(super) segments: Vec<Segment<'a>>,
    characters: Characters,
}

/// One segment and the line ends after it, blank lines too.
#[derive(Clone, Copy)]
pub(super) struct Segment<'a> {
    pub(super) name: &'a [u8],
    pub(super) body: &'a [u8],
    pub(super) end: &'a [u8],
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Characters {
    Utf8,
    Iso8859(Part),
}

impl<'a> Message<'a> {
    /// Cuts a message.
    ///
    /// Errors: what two readers could cut differently: broken separators, a NUL byte, segments that end in more than one
    ///         way, a line that is no segment, a character set that is not read here.
    /// Source: spec/hl7v2.md sections 1 and 2.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, Unreadable> {
        let separators = Separators::of(bytes)?;
        if bytes.contains(&0) {
            return Err(shape("holds a NUL byte"));
        }
        let segments = segments(bytes, separators.field)?;
        let mut message = Self { separators, segments, characters: Characters::Utf8 };
        message.characters = characters(bytes, message.header(18), separators)?;
        Ok(message)
    }

    /// Field `number` of MSH, whose first field is the separator itself.
    pub(super) fn header(&self, number: usize) -> &'a [u8] {
        let Some(segment) = self.segments.first() else { return b"" };
        segment.fields(self.separators).nth(number.saturating_sub(1)).unwrap_or_default()
    }

    /// A field's characters.
    pub(super) fn text(&self, field: &'a [u8]) -> Result<Cow<'a, str>, Unreadable> {
        match self.characters {
            Characters::Utf8 => Ok(Cow::Borrowed(std::str::from_utf8(field).map_err(|_| not_utf8())?)),
            Characters::Iso8859(part) => {
                part.decode(field).ok_or_else(|| shape("holds a byte that its character set does not have"))
            }
        }
    }

    /// The line end that a new segment gets.
    pub(super) fn line_end(&self) -> &'a [u8] {
        let end = self.segments.first().map(|segment| segment.end).unwrap_or_default();
        match end {
            [b'\r', b'\n', ..] => b"\r\n",
            [b'\n', ..] => b"\n",
            _ => b"\r",
        }
    }
}

impl<'a> Segment<'a> {
    /// The name, then the fields from the first.
    pub(super) fn fields(&self, separators: Separators) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let field = separators.field;
        self.body.split(move |byte| *byte == field)
    }
}

/// A document of 16 MiB in lines of 80 characters has fewer.
const SEGMENTS_MAX: usize = 1 << 18;

fn segments(bytes: &[u8], field: u8) -> Result<Vec<Segment<'_>>, Unreadable> {
    let mut segments: Vec<Segment<'_>> = Vec::with_capacity(16);
    let mut ends = None;
    let mut rest = bytes;
    while !rest.is_empty() {
        let length = rest.iter().position(|byte| is_end(*byte)).unwrap_or(rest.len());
        let (body, after) = rest.split_at(length);
        let run = after.iter().position(|byte| !is_end(*byte)).unwrap_or(after.len());
        let (end, next) = after.split_at(run);
        let number = segments.len() + 1;
        let name = body.split(|byte| *byte == field).next().unwrap_or_default();
        if !is_name(name) {
            return Err(Unreadable::Shape(format!("has a line that is no segment, at segment {number}")));
        }
        if !next.is_empty() {
            let way = Ends::of(end);
            if way.is_none() || ends.is_some_and(|ends| Some(ends) != way) {
                return Err(Unreadable::Shape(format!(
                    "ends its segments in more than one way, at segment {number}; end each in a carriage return"
                )));
            }
            ends = way;
        }
        if number > SEGMENTS_MAX {
            return Err(shape("holds more than 262,144 segments"));
        }
        segments.push(Segment { name, body, end });
        rest = next;
    }
    Ok(segments)
}

fn is_end(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

fn is_name(name: &[u8]) -> bool {
    let [first, rest @ ..] = name else { return false };
    first.is_ascii_uppercase()
        && rest.len() == 2
        && rest.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

/// How segments end. One that ends otherwise could be text that holds a line end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ends {
    CarriageReturn,
    LineFeed,
    Both,
}

impl Ends {
    fn of(run: &[u8]) -> Option<Self> {
        if run.iter().all(|byte| *byte == b'\r') {
            return Some(Self::CarriageReturn);
        }
        if run.iter().all(|byte| *byte == b'\n') {
            return Some(Self::LineFeed);
        }
        run.chunks(2).all(|pair| pair == b"\r\n").then_some(Self::Both)
    }
}

fn characters(bytes: &[u8], named: &[u8], separators: Separators) -> Result<Characters, Unreadable> {
    let first = named.split(|byte| *byte == separators.repetition).next().unwrap_or_default();
    let first = first.trim_ascii();
    if let Some(part) = Part::named(first) {
        return Ok(Characters::Iso8859(part));
    }
    match first {
        b"ASCII" if !bytes.is_ascii() => Err(shape("says ASCII in MSH-18 and holds other bytes")),
        b"" | b"ASCII" | b"UNICODE UTF-8" | b"UTF-8" if std::str::from_utf8(bytes).is_ok() => {
            Ok(Characters::Utf8)
        }
        b"" | b"UNICODE UTF-8" | b"UTF-8" => Err(not_utf8()),
        _ => {
            Err(shape("names a character set in MSH-18 that is not read; send UTF-8, ASCII or 8859/1 to 15"))
        }
    }
}

fn not_utf8() -> Unreadable {
    shape("is not UTF-8; send UTF-8, or name the character set in MSH-18")
}
