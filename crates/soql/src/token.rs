//! Text into tokens. ASCII white space only, no comments: what two readers could cut differently is refused.

use crate::{
    parse::{Expected, ParseError},
    span::Span,
};

/// A statement is refused above this many characters, as Salesforce refuses it.
pub const TEXT_CHARACTERS_MAX: usize = 100_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Letters, digits and underscores, beginning with a letter or an underscore.
    Word,
    /// In single quotes, as written.
    Text,
    /// Digits with sign, fraction or exponent.
    Number,
    /// `USD500`.
    Currency,
    Date,
    DateTime,
    Time,
    /// One of `( ) , . : { } [ ]`.
    Punctuation(u8),
    /// One of `= != <> < > <= >=`.
    Comparison,
    End,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) span: Span,
}

/// Cuts the whole text; the last token is the end.
///
/// Errors: a character that begins no token, text that is not closed, a comment.
pub(crate) fn cut(text: &str) -> Result<Vec<Token>, ParseError> {
    let bytes = text.as_bytes();
    // A character has at most four bytes: counting is for the few that are near the limit.
    if bytes.len() > TEXT_CHARACTERS_MAX && text.chars().count() > TEXT_CHARACTERS_MAX {
        return Err(ParseError::TooLong);
    }
    let mut tokens = Vec::with_capacity(bytes.len() / 5 + 2);
    let mut at = 0;
    while let Some(byte) = bytes.get(at).copied() {
        if matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
            at += 1;
            continue;
        }
        let (kind, end) = one(bytes, at, byte)?;
        tokens.push(Token { kind, span: Span::new(at, end) });
        at = end;
    }
    tokens.push(Token { kind: Kind::End, span: Span::new(at, at) });
    Ok(tokens)
}

fn one(bytes: &[u8], at: usize, byte: u8) -> Result<(Kind, usize), ParseError> {
    let next = bytes.get(at + 1).copied().unwrap_or(0);
    Ok(match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'_' => word(bytes, at),
        b'\'' => (Kind::Text, quoted(bytes, at)?),
        b'0'..=b'9' => numeral(bytes, at)?,
        b'+' | b'-' | b'.' if next.is_ascii_digit() || (byte != b'.' && next == b'.') => {
            (Kind::Number, number(bytes, at)?)
        }
        b'(' | b')' | b',' | b'.' | b':' | b'{' | b'}' | b'[' | b']' => (Kind::Punctuation(byte), at + 1),
        b'!' | b'<' | b'>' if next == b'=' || (byte == b'<' && next == b'>') => (Kind::Comparison, at + 2),
        b'=' | b'<' | b'>' => (Kind::Comparison, at + 1),
        b'/' if next == b'*' || next == b'/' => return Err(ParseError::Comment { position: at }),
        b'-' if next == b'-' => return Err(ParseError::Comment { position: at }),
        _ => return Err(ParseError::Expected { position: at, expected: Expected::Token }),
    })
}

fn word(bytes: &[u8], at: usize) -> (Kind, usize) {
    let end = run(bytes, at, |byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let word = bytes.get(at..end).unwrap_or_default();
    // A currency code and an amount: `USD500`, `EUR1.25`.
    let (code, amount) = word.split_at(word.len().min(3));
    let currency = code.iter().all(u8::is_ascii_alphabetic)
        && !amount.is_empty()
        && amount.iter().all(u8::is_ascii_digit);
    if !currency {
        return (Kind::Word, end);
    }
    match bytes.get(end) {
        Some(b'.') if bytes.get(end + 1).is_some_and(u8::is_ascii_digit) => {
            (Kind::Currency, run(bytes, end + 1, |byte| byte.is_ascii_digit()))
        }
        _ => (Kind::Currency, end),
    }
}

fn quoted(bytes: &[u8], at: usize) -> Result<usize, ParseError> {
    let mut here = at + 1;
    loop {
        match bytes.get(here) {
            None => return Err(ParseError::Expected { position: at, expected: Expected::ClosedText }),
            Some(b'\'') => return Ok(here + 1),
            Some(b'\\') => {
                here = escape(bytes, here)?;
            }
            Some(_) => here += 1,
        }
    }
}

/// The escapes of the reference; any other is refused, because readers differ on what it means.
fn escape(bytes: &[u8], at: usize) -> Result<usize, ParseError> {
    match bytes.get(at + 1) {
        Some(
            b'n' | b'N' | b'r' | b'R' | b't' | b'T' | b'b' | b'B' | b'f' | b'F' | b'"' | b'\'' | b'\\' | b'_'
            | b'%',
        ) => Ok(at + 2),
        // Not a quote and not a backslash: a reader that undoes these first would see the text end elsewhere.
        Some(b'u')
            if bytes.get(at + 2..at + 6).is_some_and(|four| {
                four.iter().all(u8::is_ascii_hexdigit)
                    && !four.eq_ignore_ascii_case(b"0027")
                    && !four.eq_ignore_ascii_case(b"005c")
            }) =>
        {
            Ok(at + 6)
        }
        _ => Err(ParseError::Expected { position: at, expected: Expected::Escape }),
    }
}

/// A number, a date, a date with a time, or a time: all begin with a digit.
fn numeral(bytes: &[u8], at: usize) -> Result<(Kind, usize), ParseError> {
    if shape(bytes, at, b"0000-00-00") {
        let day = at + 10;
        if !matches!(bytes.get(day), Some(b'T' | b't')) {
            return Ok((Kind::Date, ends(bytes, day)?));
        }
        return Ok((Kind::DateTime, time(bytes, day + 1)?));
    }
    if shape(bytes, at, b"00:00:00") {
        return Ok((Kind::Time, time(bytes, at)?));
    }
    Ok((Kind::Number, number(bytes, at)?))
}

fn time(bytes: &[u8], at: usize) -> Result<usize, ParseError> {
    if !shape(bytes, at, b"00:00:00") {
        return Err(ParseError::Expected { position: at, expected: Expected::Time });
    }
    let mut end = at + 8;
    if bytes.get(end) == Some(&b'.') {
        end = run(bytes, end + 1, |byte| byte.is_ascii_digit());
    }
    let zone = match bytes.get(end) {
        Some(b'Z' | b'z') => end + 1,
        Some(b'+' | b'-') if shape(bytes, end + 1, b"00:00") => end + 6,
        Some(b'+' | b'-') if shape(bytes, end + 1, b"0000") => end + 5,
        _ => return Err(ParseError::Expected { position: end, expected: Expected::Zone }),
    };
    ends(bytes, zone)
}

fn number(bytes: &[u8], at: usize) -> Result<usize, ParseError> {
    let signed = at + usize::from(matches!(bytes.get(at), Some(b'+' | b'-')));
    let mut end = run(bytes, signed, |byte| byte.is_ascii_digit());
    if bytes.get(end) == Some(&b'.') {
        end = run(bytes, end + 1, |byte| byte.is_ascii_digit());
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let exponent = end + 1 + usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        if bytes.get(exponent).is_some_and(u8::is_ascii_digit) {
            end = run(bytes, exponent, |byte| byte.is_ascii_digit());
        }
    }
    ends(bytes, end)
}

/// A literal ends where no letter or digit follows: `12abc` is neither a number nor a name.
fn ends(bytes: &[u8], end: usize) -> Result<usize, ParseError> {
    match bytes.get(end) {
        Some(byte) if byte.is_ascii_alphanumeric() || *byte == b'_' || !byte.is_ascii() => {
            Err(ParseError::Expected { position: end, expected: Expected::EndOfLiteral })
        }
        _ => Ok(end),
    }
}

fn shape(bytes: &[u8], at: usize, pattern: &[u8]) -> bool {
    bytes.get(at..at + pattern.len()).is_some_and(|found| {
        found.iter().zip(pattern).all(
            |(byte, wanted)| {
                if *wanted == b'0' { byte.is_ascii_digit() } else { byte == wanted }
            },
        )
    })
}

fn run(bytes: &[u8], at: usize, wanted: impl Fn(u8) -> bool) -> usize {
    at + bytes.get(at..).unwrap_or_default().iter().take_while(|byte| wanted(**byte)).count()
}
