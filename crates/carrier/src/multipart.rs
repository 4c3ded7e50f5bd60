//! `multipart/form-data`, read strictly: a body that two servers could cut differently is unreadable.
//!
//! Media types are read here too, for a boundary and a character set stand in them.

use std::{collections::BTreeSet, ops::Range};

use mark::Unreadable;
use memchr::memmem;

/// What a body is, by its `Content-Type`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Media {
    /// One text, in UTF-8: JSON, CSV, or nothing was said.
    Text,
    /// The fields of a form.
    Form,
    /// Parts between lines with this boundary.
    Multipart {
        /// The boundary, without the hyphens in front.
        boundary: String,
    },
}

/// One part of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    /// The name of the form's field.
    pub name: &'a str,
    /// The name of the file, if the part is one.
    pub file_name: Option<&'a str>,
    /// Its content, as it stands.
    pub content: &'a [u8],
    /// Where that stands in the body.
    pub at: Range<usize>,
}

/// Most parts of one body: a collection of 200 records and their files.
pub const PARTS_MAX: usize = 500;
/// Most bytes of one part's header.
const HEADER_BYTES_MAX: usize = 8192;

impl Media {
    /// Reads a media type.
    ///
    /// Shape:  the value of `Content-Type` -> what the body is; without one, text.
    /// Errors: a sentence: a parameter given twice, a character set other than UTF-8, a boundary that is none, a
    ///         multipart type other than `form-data`.
    /// Source: RFC 9110 section 8.3.1, RFC 2046 section 5.1.1.
    pub fn of(content_type: Option<&str>) -> Result<Self, Unreadable> {
        let Some(text) = content_type else { return Ok(Self::Text) };
        let (kind, parameters) = parameters(text).ok_or_else(|| shape("has a media type that is none"))?;
        let kind = kind.to_ascii_lowercase();
        let value = |name: &str| parameters.iter().find(|(key, _)| key == name).map(|(_, value)| *value);
        if let Some(charset) = value("charset") {
            // A server that believes another character set reads another text.
            if !["utf-8", "utf8", "us-ascii"].iter().any(|known| charset.eq_ignore_ascii_case(known)) {
                return Err(shape("has another character set than UTF-8"));
            }
        }
        match kind.as_str() {
            "application/x-www-form-urlencoded" => Ok(Self::Form),
            "multipart/form-data" => match value("boundary").filter(|boundary| is_boundary(boundary)) {
                Some(boundary) => Ok(Self::Multipart { boundary: boundary.to_owned() }),
                None => Err(shape("is multipart without a boundary that can be one")),
            },
            other if other.starts_with("multipart/") => {
                Err(shape("is multipart of another kind than form-data"))
            }
            _ => Ok(Self::Text),
        }
    }
}

/// The parts of a body.
///
/// Shape:  begins with `--boundary`, lines end in CRLF, ends with `--boundary--` and perhaps one CRLF; each part has
///         one `Content-Disposition: form-data` with a name of its own.
/// Bounds: [`PARTS_MAX`]; 8 KiB of header a part; the caller bounds the body. Nothing is copied.
/// Errors: a sentence, wherever a more lenient reader could find other parts: text before the first or after the last
///         boundary, the boundary within a part, line feeds alone, folded or unknown header fields, names given twice
///         or escaped, a part that is multipart itself, a transfer encoding other than `binary`.
/// Source: RFC 2046 section 5.1, RFC 7578 section 4; spec/carriers.md section 2.14.
pub fn parts<'a>(boundary: &str, body: &'a [u8]) -> Result<Vec<Part<'a>>, Unreadable> {
    let marker = format!("--{boundary}");
    let marker = marker.as_bytes();
    let mut starts = memmem::find_iter(body, marker);
    if starts.next() != Some(0) {
        return Err(shape("does not begin with its boundary"));
    }
    let mut parts = Vec::new();
    let mut names = BTreeSet::new();
    let mut at = marker.len();
    loop {
        let rest = body.get(at..).unwrap_or_default();
        if rest == b"--" || rest == b"--\r\n" {
            return if parts.is_empty() { Err(shape("is multipart without a part")) } else { Ok(parts) };
        }
        let Some(rest) = rest.strip_prefix(b"\r\n") else {
            return Err(shape("has something else behind a boundary than a line end"));
        };
        let Some(next) = starts.next() else { return Err(shape("has no closing boundary")) };
        let start = at + 2;
        // The line end in front of a boundary belongs to the boundary.
        let within = next.checked_sub(start + 2).and_then(|length| rest.get(..length));
        let (Some(within), Some(b"\r\n")) = (within, body.get(next.wrapping_sub(2)..next)) else {
            return Err(shape("holds its boundary where no line begins"));
        };
        if parts.len() >= PARTS_MAX {
            return Err(Unreadable::TooMany { limit: PARTS_MAX });
        }
        let mut part = part(within)?;
        part.at = next - 2 - part.content.len()..next - 2;
        if !names.insert(part.name) {
            return Err(shape("has two parts of one name"));
        }
        parts.push(part);
        at = next + marker.len();
    }
}

fn part(within: &[u8]) -> Result<Part<'_>, Unreadable> {
    let head = within.get(..within.len().min(HEADER_BYTES_MAX)).unwrap_or_default();
    let Some(end) = memmem::find(head, b"\r\n\r\n") else {
        return Err(shape("has a part whose header does not end"));
    };
    let content = within.get(end + 4..).unwrap_or_default();
    let header = within.get(..end).and_then(|header| std::str::from_utf8(header).ok());
    let header = header.ok_or_else(|| shape("has a part whose header is not UTF-8"))?;
    let mut fields: Vec<(String, &str)> = Vec::new();
    for line in header.split("\r\n") {
        let field = line.split_once(':').filter(|(name, _)| is_token(name));
        let Some((name, value)) = field.filter(|_| !line.contains(['\r', '\n', '\0'])) else {
            return Err(shape("has a part with a header field that is none"));
        };
        let name = name.to_ascii_lowercase();
        if fields.iter().any(|(key, _)| *key == name) {
            return Err(shape("has a part that names a header field twice"));
        }
        fields.push((name, value.trim_matches([' ', '\t'])));
    }
    let mut disposition = None;
    for (name, value) in fields {
        match name.as_str() {
            "content-disposition" => disposition = Some(value),
            "content-type" => match Media::of(Some(value))? {
                Media::Text => {}
                Media::Form | Media::Multipart { .. } => {
                    return Err(shape("has a part that holds parts or a form itself"));
                }
            },
            "content-transfer-encoding" if value.eq_ignore_ascii_case("binary") => {}
            "content-transfer-encoding" => {
                return Err(shape("has a part with a transfer encoding; send it binary"));
            }
            // It says nothing that the boundary does not say; a reader that believes it would cut elsewhere.
            "content-length" if value.parse() == Ok(content.len()) => {}
            _ => return Err(shape("has a part with a header field that is not read here")),
        }
    }
    let (name, file_name) = disposition.and_then(names).ok_or_else(|| shape("has a part without a name"))?;
    Ok(Part { name, file_name, content, at: 0..0 })
}

/// The names in a `Content-Disposition`.
fn names(value: &str) -> Option<(&str, Option<&str>)> {
    let (kind, parameters) = parameters(value)?;
    if !kind.eq_ignore_ascii_case("form-data") {
        return None;
    }
    let (mut name, mut file_name) = (None, None);
    for (key, value) in parameters {
        match key.as_str() {
            "name" => name = Some(value),
            "filename" => file_name = Some(value),
            // `filename*` would be a second name.
            _ => return None,
        }
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let name = name.filter(|name| !name.is_empty() && name.chars().all(plain))?;
    Some((name, file_name))
}

/// A value and its parameters; `None` if one is given twice, is escaped, or is not of the form `name=value`.
fn parameters(text: &str) -> Option<(&str, Vec<(String, &str)>)> {
    let (value, mut rest) = text.split_once(';').unwrap_or((text, ""));
    let mut found: Vec<(String, &str)> = Vec::new();
    loop {
        rest = rest.trim_start_matches([' ', '\t', ';']);
        if rest.is_empty() {
            return Some((value.trim_matches([' ', '\t']), found));
        }
        let (name, after) = rest.split_once('=')?;
        let name = name.to_ascii_lowercase();
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => after.split_at(after.find([';', ' ', '\t']).unwrap_or(after.len())),
        };
        let after = after.trim_start_matches([' ', '\t']);
        let clean = !value.contains(['\\', '"']) && !value.chars().any(char::is_control);
        let ends = after.is_empty() || after.starts_with(';');
        if !is_token(name.trim_end_matches('*'))
            || !clean
            || !ends
            || found.iter().any(|(key, _)| *key == name)
        {
            return None;
        }
        found.push((name, value));
        rest = after;
    }
}

fn is_token(word: &str) -> bool {
    !word.is_empty()
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'+-.^_`|~".contains(&byte))
}

/// Source: RFC 2046 section 5.1.1.
fn is_boundary(text: &str) -> bool {
    (1..=70).contains(&text.len())
        && !text.ends_with(' ')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&byte))
}

fn shape(sentence: &str) -> Unreadable {
    Unreadable::Shape(sentence.to_owned())
}

#[cfg(test)]
mod tests;
