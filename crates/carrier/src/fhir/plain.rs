//! The fast road for a line of NDJSON: a resource that provably carries neither mark nor claim is told without reading it.
//!
//! Says yes only where [`super::read_delivered`] would give one record without a mark and without a claim. Whatever is
//! unusual (an escape that could spell a letter, an exponent, many members) is no answer, and the line is read whole.

use memchr::memmem;

use crate::{Limits, misplaced::begins_mark_text};

use super::interaction::is_type_name;

/// The resource type of a line that holds one resource without a mark, without a claim and without files; nothing where
/// that is not certain.
///
/// Every place where a mark or a claim can stand names `eosin` or the code `HTEST`. A line that holds neither, and no
/// escape that could spell them, has none of those; what is left to know is that it can be read at all.
///
/// Shape:  one line, trimmed -> a name that [`super::read_delivered`] finds too, as the object of its only reading.
/// Bounds: one pass; at most 64 members an object and 32 levels, past which there is no answer.
/// Never:  allocates more than the names of one line's members take.
/// Source: spec/carriers.md section 3; RFC 8259.
pub fn plain_type<'a>(line: &'a [u8], limits: &Limits) -> Option<&'a str> {
    if line.len() > limits.body_bytes || limits.records == 0 {
        return None;
    }
    let text = std::str::from_utf8(line).ok()?;
    if memmem::find(line, b"eosin").is_some() || memmem::find(line, b"HTEST").is_some() {
        return None;
    }
    // A text that holds a mark in capitals makes the line unreadable.
    if begins_mark_text(line) {
        return None;
    }
    let range = Scan { bytes: line, names: Vec::with_capacity(64) }.resource()?;
    let name = text.get(range)?;
    (is_type_name(name) && !matches!(name, "Bundle" | "Parameters" | "Binary")).then_some(name)
}

/// Levels of nesting; FHIR stays under 20.
const DEPTH_MAX: usize = 32;
/// Members of one object; FHIR's largest resources have some fifty.
const MEMBERS_MAX: usize = 64;

/// Digits behind a point; nobody writes as many.
const FRACTION_DIGITS_MAX: usize = 64;

/// One pass over a line.
struct Scan<'a> {
    bytes: &'a [u8],
    /// The names of all objects that are open, those of the innermost last.
    names: Vec<Name>,
}

/// A member's name: where it stands, and what tells most names apart at once.
#[derive(Clone, Copy)]
struct Name {
    from: usize,
    to: usize,
    tag: u32,
}

/// What is open.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    /// An object; where its names begin.
    Object(usize),
    Array,
}

impl Scan<'_> {
    /// Where the resource type stands.
    fn resource(&mut self) -> Option<std::ops::Range<usize>> {
        let mut open = [Open::Array; DEPTH_MAX];
        let mut depth = 0_usize;
        let mut found = None;
        let mut at = 0;
        if self.byte(at)? != b'{' {
            return None;
        }
        // Each turn reads one value, and all that ends behind it.
        loop {
            at = self.space(at);
            match self.byte(at)? {
                b'{' => {
                    *open.get_mut(depth)? = Open::Object(self.names.len());
                    depth += 1;
                    at = self.space(at + 1);
                    if self.byte(at)? != b'}' {
                        at = self.member(at, depth, self.names.len(), &mut found)?;
                        continue;
                    }
                }
                b'[' => {
                    *open.get_mut(depth)? = Open::Array;
                    depth += 1;
                    at = self.space(at + 1);
                    if self.byte(at)? != b']' {
                        continue;
                    }
                }
                b'"' => at = self.string(at + 1)? + 1,
                b't' => at = self.word(at, b"true")?,
                b'f' => at = self.word(at, b"false")?,
                b'n' => at = self.word(at, b"null")?,
                _ => at = self.number(at)?,
            }
            loop {
                at = self.space(at);
                let innermost = *open.get(depth.checked_sub(1)?)?;
                match (self.byte(at)?, innermost) {
                    (b',', Open::Array) => {
                        at += 1;
                        break;
                    }
                    (b',', Open::Object(first)) => {
                        at = self.space(at + 1);
                        at = self.member(at, depth, first, &mut found)?;
                        break;
                    }
                    (b']', Open::Array) => depth -= 1,
                    (b'}', Open::Object(first)) => {
                        self.names.truncate(first);
                        depth -= 1;
                    }
                    _ => return None,
                }
                at += 1;
                if depth == 0 {
                    return found.filter(|_| at == self.bytes.len());
                }
            }
        }
    }

    /// Reads a member's name and the colon; where its value begins.
    fn member(
        &mut self,
        at: usize,
        depth: usize,
        first: usize,
        found: &mut Option<std::ops::Range<usize>>,
    ) -> Option<usize> {
        if self.byte(at)? != b'"' {
            return None;
        }
        let (from, to) = (at + 1, self.string(at + 1)?);
        let name = self.bytes.get(from..to)?;
        // A name with an escape could be another's.
        if memchr::memchr(b'\\', name).is_some() {
            return None;
        }
        let byte = |at: usize| u32::from(name.get(at).copied().unwrap_or(0));
        let length = u32::try_from(name.len()).unwrap_or(u32::MAX);
        let last = name.len().saturating_sub(1);
        let tag = (length << 24) | (byte(0) << 16) | (byte(last / 2) << 8) | byte(last);
        let others = self.names.get(first..)?;
        let same = |other: &Name| other.tag == tag && self.bytes.get(other.from..other.to) == Some(name);
        if others.len() >= MEMBERS_MAX || others.iter().any(same) {
            return None;
        }
        self.names.push(Name { from, to, tag });
        let colon = self.space(to + 1);
        if self.byte(colon)? != b':' {
            return None;
        }
        let value = self.space(colon + 1);
        match name {
            // A file in base64 is looked into.
            b"data" => None,
            b"resourceType" if depth == 1 => {
                if self.byte(value)? != b'"' {
                    return None;
                }
                *found = Some(value + 1..self.string(value + 1)?);
                Some(value)
            }
            _ => Some(value),
        }
    }

    /// The end of a string that begins here: its closing quote.
    fn string(&self, mut at: usize) -> Option<usize> {
        loop {
            while let Some(eight) = self.bytes.get(at..at + 8) {
                let special = special(u64::from_le_bytes(eight.try_into().ok()?));
                if special != 0 {
                    at += (special.trailing_zeros() / 8) as usize;
                    break;
                }
                at += 8;
            }
            match self.byte(at)? {
                b'"' => return Some(at),
                // What these spell is in no mark and no claim. A slash and a number could be.
                b'\\' => match self.byte(at + 1)? {
                    b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't' => at += 2,
                    _ => return None,
                },
                0..0x20 => return None,
                _ => at += 1,
            }
        }
    }

    fn word(&self, at: usize, word: &[u8]) -> Option<usize> {
        (self.bytes.get(at..at + word.len())? == word).then_some(at + word.len())
    }

    /// A number that the whole reading takes: at most fifteen digits before the point, and no exponent.
    ///
    /// However many digits stand behind the point, it is a finite double there: Synthea writes sixteen and more.
    fn number(&self, at: usize) -> Option<usize> {
        let from = at + usize::from(self.byte(at)? == b'-');
        let digits = |from: usize| {
            let rest = self.bytes.get(from..).unwrap_or_default();
            rest.iter().take_while(|byte| byte.is_ascii_digit()).count()
        };
        let whole = digits(from);
        let is_whole = (1..=15).contains(&whole) && (whole == 1 || self.byte(from)? != b'0');
        if !is_whole {
            return None;
        }
        let end = from + whole;
        if self.byte(end)? != b'.' {
            return (!matches!(self.byte(end)?, b'e' | b'E')).then_some(end);
        }
        let part = digits(end + 1);
        let end = end + 1 + part;
        ((1..=FRACTION_DIGITS_MAX).contains(&part) && !matches!(self.byte(end)?, b'e' | b'E')).then_some(end)
    }

    fn space(&self, mut at: usize) -> usize {
        while matches!(self.bytes.get(at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            at += 1;
        }
        at
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }
}

/// A high bit in each of eight bytes that ends a run of plain text: a quote, a backslash, a control. Those above the
/// lowest may be wrong.
fn special(eight: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let zero = |word: u64| word.wrapping_sub(ONES) & !word & HIGH;
    let control = eight.wrapping_sub(ONES * 0x20) & !eight & HIGH;
    zero(eight ^ (ONES * 0x22)) | zero(eight ^ (ONES * 0x5C)) | control
}

#[cfg(test)]
mod tests;
