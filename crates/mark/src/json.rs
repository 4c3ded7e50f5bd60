//! A strict JSON reading: no duplicate members, no number that two readers could read differently.
//!
//! `serde_json` does the parsing; this module keeps what a judge needs and refuses what is ambiguous.

use std::{borrow::Cow, cell::Cell, fmt};

use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};

/// One JSON value, borrowing unescaped text from its source.
///
/// Debug shows shape only, never content: content can be a person.
#[derive(Clone, PartialEq)]
pub enum Json<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number as IEEE 754 double, finite; integers are within ±(2^53 - 1).
    Number(f64),
    /// A string, unescaped.
    Text(Cow<'a, str>),
    /// An array, in order.
    Array(Vec<Self>),
    /// Members in source order; names are distinct by INVARIANT.
    Object(Members<'a>),
}

/// The members of one JSON object, in source order, names distinct.
pub type Members<'a> = Vec<(Cow<'a, str>, Json<'a>)>;

/// Reads one JSON text whole.
///
/// Shape:  UTF-8 bytes without byte-order mark -> one value; white space around it is allowed.
/// Bounds: nesting of 64; the caller bounds the bytes; [`VALUES_MIN`] values, or one for eight bytes if those are more. Memory is
///         at most about 16 times the input, or 120 MB where that is more.
/// Errors: see [`JsonError`]; positions are given, content never is.
/// Source: RFC 8259, RFC 7493 (I-JSON) sections 2.1 to 2.3.
pub fn parse(bytes: &[u8]) -> Result<Json<'_>, JsonError> {
    let text = match bytes {
        [0xEF, 0xBB, 0xBF, ..] => return Err(JsonError::ByteOrderMark),
        [0xFE, 0xFF, ..] | [0xFF, 0xFE, ..] => return Err(JsonError::NotUtf8 { at: 0 }),
        _ => std::str::from_utf8(bytes).map_err(|error| JsonError::NotUtf8 { at: error.valid_up_to() })?,
    };
    let mut reader = serde_json::Deserializer::from_str(text);
    let room = Cell::new(VALUES_MIN.max(bytes.len() / 8));
    let value =
        Seed { depth: DEPTH_MAX, room: &room }.deserialize(&mut reader).map_err(|error| refine(&error))?;
    reader.end().map_err(|error| refine(&error))?;
    Ok(value)
}

/// Deepest nesting that is read: FHIR and Salesforce stay under 20.
pub const DEPTH_MAX: u32 = 64;

/// So many values are read of any text, however short. FHIR and Salesforce have one for twenty bytes or more; a text of brackets
/// alone has one for each, which take many times its length in memory.
pub const VALUES_MIN: usize = 1 << 20;

/// Largest integer magnitude that every JSON reader reads alike: 2^53 - 1.
pub const INTEGER_MAX: u64 = 9_007_199_254_740_991;

/// Why a text is not one unambiguous JSON value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// It begins with a UTF-8 byte-order mark, which readers treat differently.
    #[error("begins with a byte-order mark; send UTF-8 without one")]
    ByteOrderMark,
    /// It is not UTF-8.
    #[error("is not UTF-8 at byte {at}; send UTF-8")]
    NotUtf8 {
        /// First bad byte, zero-based.
        at: usize,
    },
    /// Two members of one object have the same name.
    #[error("names a member twice, at line {line} column {column}")]
    DuplicateMember {
        /// One-based line.
        line: usize,
        /// One-based column.
        column: usize,
    },
    /// A number is beyond what all readers agree on.
    #[error(
        "holds a number beyond ±(2^53-1) or a double's range, at line {line} column {column}; send it as a string"
    )]
    NumberTooLarge {
        /// One-based line.
        line: usize,
        /// One-based column.
        column: usize,
    },
    /// It is nested deeper than [`DEPTH_MAX`].
    #[error("is nested deeper than {DEPTH_MAX}, at line {line} column {column}")]
    TooDeep {
        /// One-based line.
        line: usize,
        /// One-based column.
        column: usize,
    },
    /// It has more values than a text of its length may have.
    #[error("holds more values than are read of a text so short, at line {line} column {column}; split it")]
    TooManyValues {
        /// One-based line.
        line: usize,
        /// One-based column.
        column: usize,
    },
    /// It stops before its end.
    #[error("ends early, at line {line} column {column}")]
    Truncated {
        /// One-based line.
        line: usize,
        /// One-based column.
        column: usize,
    },
    /// It is not JSON.
    #[error("is not JSON, at line {line} column {column}")]
    Malformed {
        /// One-based line.
        line: usize,
        /// One-based column.
        column: usize,
    },
}

// serde_json carries our own findings as message text; these sentences come back out of it.
const DUPLICATE: &str = "eosin: duplicate member";
const NUMBER: &str = "eosin: number too large";
const DEPTH: &str = "eosin: too deep";
const VALUES: &str = "eosin: too many values";

fn refine(error: &serde_json::Error) -> JsonError {
    let (line, column) = (error.line(), error.column());
    let text = error.to_string();
    if text.starts_with(DUPLICATE) {
        JsonError::DuplicateMember { line, column }
    } else if text.starts_with(NUMBER) || text.starts_with("number out of range") {
        JsonError::NumberTooLarge { line, column }
    } else if text.starts_with(DEPTH) || text.starts_with("recursion limit") {
        JsonError::TooDeep { line, column }
    } else if text.starts_with(VALUES) {
        JsonError::TooManyValues { line, column }
    } else if error.is_eof() {
        JsonError::Truncated { line, column }
    } else {
        JsonError::Malformed { line, column }
    }
}

impl<'a> Json<'a> {
    /// The member called `name`, if this is an object that has it. Exact case.
    pub fn get(&self, name: &str) -> Option<&Self> {
        self.members().iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// The members, or none if this is not an object.
    pub fn members(&self) -> &[(Cow<'a, str>, Self)] {
        match self {
            Self::Object(members) => members,
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) | Self::Array(_) => &[],
        }
    }

    /// The items, or none if this is not an array.
    pub fn items(&self) -> &[Self] {
        match self {
            Self::Array(items) => items,
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) | Self::Object(_) => &[],
        }
    }

    /// The text, if this is a string.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Array(_) | Self::Object(_) => None,
        }
    }
}

impl fmt::Debug for Json<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(_) => f.write_str("boolean"),
            Self::Number(_) => f.write_str("number"),
            Self::Text(text) => write!(f, "text({} bytes)", text.len()),
            Self::Array(items) => write!(f, "array({} items)", items.len()),
            Self::Object(members) => write!(f, "object({} members)", members.len()),
        }
    }
}

/// Reads one value.
#[derive(Clone, Copy)]
struct Seed<'r> {
    // How many arrays and objects it may hold within each other.
    depth: u32,
    // How many values there may still be in the whole text.
    room: &'r Cell<usize>,
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Json<'de>;

    fn deserialize<D: de::Deserializer<'de>>(self, reader: D) -> Result<Json<'de>, D::Error> {
        let left = self.room.get().checked_sub(1).ok_or_else(|| de::Error::custom(VALUES))?;
        self.room.set(left);
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Json<'de>, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Json<'de>, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Json<'de>, E> {
        if value > INTEGER_MAX {
            return Err(E::custom(NUMBER));
        }
        #[expect(clippy::cast_precision_loss, reason = "exact: the value is at most 2^53 - 1")]
        Ok(Json::Number(value as f64))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Json<'de>, E> {
        if value.unsigned_abs() > INTEGER_MAX {
            return Err(E::custom(NUMBER));
        }
        #[expect(clippy::cast_precision_loss, reason = "exact: the magnitude is at most 2^53 - 1")]
        Ok(Json::Number(value as f64))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Json<'de>, E> {
        if value.is_finite() { Ok(Json::Number(value)) } else { Err(E::custom(NUMBER)) }
    }

    fn visit_borrowed_str<E: de::Error>(self, value: &'de str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Json<'de>, A::Error> {
        let depth = self.depth.checked_sub(1).ok_or_else(|| de::Error::custom(DEPTH))?;
        let mut items = Vec::new();
        while let Some(item) = access.next_element_seed(Self { depth, ..self })? {
            // Most have one; the first would reserve four places.
            if items.is_empty() {
                items.reserve_exact(1);
            }
            items.push(item);
        }
        Ok(Json::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Json<'de>, A::Error> {
        let depth = self.depth.checked_sub(1).ok_or_else(|| de::Error::custom(DEPTH))?;
        let mut members: Members<'de> = Vec::new();
        while let Some(name) = access.next_key_seed(Name)? {
            let member = (name, access.next_value_seed(Self { depth, ..self })?);
            if members.is_empty() {
                members.reserve_exact(2);
            }
            members.push(member);
        }
        if has_duplicate(&members) {
            return Err(de::Error::custom(DUPLICATE));
        }
        Ok(Json::Object(members))
    }
}

// Below this many members comparing all pairs is quicker than sorting.
const PAIRWISE_MAX: usize = 12;

fn has_duplicate(members: &Members<'_>) -> bool {
    if members.len() <= PAIRWISE_MAX {
        let mut rest = members.as_slice();
        while let Some(((name, _), after)) = rest.split_first() {
            if after.iter().any(|(other, _)| other == name) {
                return true;
            }
            rest = after;
        }
        return false;
    }
    if members.len() <= HASHED_MAX {
        return has_duplicate_hashed(members);
    }
    let mut names: Vec<&str> = members.iter().map(|(name, _)| name.as_ref()).collect();
    names.sort_unstable();
    names.iter().zip(names.iter().skip(1)).any(|(one, other)| one == other)
}

// Up to this many members a table on the stack is at most half full, and all in one chain is still cheap.
const HASHED_MAX: usize = 64;

fn has_duplicate_hashed(members: &Members<'_>) -> bool {
    let mut table: [Option<&str>; HASHED_MAX * 2] = [None; HASHED_MAX * 2];
    for (name, _) in members {
        // Length, first and last byte tell most names apart; what they do not, the comparison does.
        let bytes = name.as_bytes();
        let middle = bytes.get(bytes.len() / 2).copied().unwrap_or(0);
        let (first, last) = (bytes.first().copied().unwrap_or(0), bytes.last().copied().unwrap_or(0));
        let mut at =
            bytes.len() * 7 + usize::from(first) * 31 + usize::from(middle) * 17 + usize::from(last) * 13;
        loop {
            at %= table.len();
            match table.get_mut(at) {
                Some(Some(other)) if *other == name => return true,
                Some(Some(_)) => at += 1,
                Some(slot) => {
                    *slot = Some(name);
                    break;
                }
                None => return false,
            }
        }
    }
    false
}

struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: de::Deserializer<'de>>(self, reader: D) -> Result<Cow<'de, str>, D::Error> {
        reader.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member name")
    }

    fn visit_borrowed_str<E: de::Error>(self, value: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(value))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(value.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], want: Option<JsonError>) {
        assert_eq!(parse(bytes).err(), want, "{}", String::from_utf8_lossy(bytes));
    }

    #[test]
    fn only_unambiguous_text_is_read() {
        let at = |column| (1, column);
        let deep = [b"[".repeat(65), b"]".repeat(65)].concat();
        let (line, column) = at(7);
        check(br#"{"a":1,"b":[true,null,"x\u00e9"]}"#, None);
        check(b" 1 ", None);
        check(br#"{"a":1,"a":2}"#, Some(JsonError::DuplicateMember { line: 1, column: 13 }));
        check(br#"{"a":1,"\u0061":2}"#, Some(JsonError::DuplicateMember { line: 1, column: 18 }));
        check(b"\xEF\xBB\xBF{}", Some(JsonError::ByteOrderMark));
        check(b"\xFF\xFE{\0}\0", Some(JsonError::NotUtf8 { at: 0 }));
        check(b"{\"a\":\"\xC3\"}", Some(JsonError::NotUtf8 { at: 6 }));
        check(b"9007199254740991", None);
        assert!(matches!(parse(b"9007199254740992"), Err(JsonError::NumberTooLarge { .. })));
        assert!(matches!(parse(b"-9007199254740992"), Err(JsonError::NumberTooLarge { .. })));
        assert!(matches!(parse(b"1e400"), Err(JsonError::NumberTooLarge { .. })));
        assert!(matches!(parse(&deep), Err(JsonError::TooDeep { .. })));
        assert!(matches!(parse(br#""\ud800""#), Err(JsonError::Malformed { .. })));
        assert!(matches!(parse(b"NaN"), Err(JsonError::Malformed { .. })));
        assert!(matches!(parse(b"{} {}"), Err(JsonError::Malformed { .. })));
        check(br#"{"a":1"#, Some(JsonError::Truncated { line, column: column - 1 }));
        check(b"", Some(JsonError::Truncated { line: 1, column: 0 }));
    }

    #[test]
    fn a_text_has_no_more_values_than_its_length_allows() {
        // The list is a value too.
        let list = |count: usize, value: &str| {
            let mut text = b"[".to_vec();
            for _ in 1..count {
                text.extend_from_slice(value.as_bytes());
                text.push(b',');
            }
            text.extend_from_slice(value.as_bytes());
            text.push(b']');
            text
        };
        assert!(parse(&list(VALUES_MIN - 1, "0")).is_ok());
        assert!(matches!(parse(&list(VALUES_MIN, "0")), Err(JsonError::TooManyValues { .. })));
        assert!(matches!(parse(&list(VALUES_MIN / 4, "[[[[]]]]")), Err(JsonError::TooManyValues { .. })));
        assert!(parse(&list(VALUES_MIN, "12345678")).is_ok(), "a long one has more");
    }

    #[test]
    fn a_duplicate_among_many_members_is_found() {
        for count in [11, 12, 13, 40, 63, 64, 65, 300] {
            let many: Vec<String> = (0..count).map(|n| format!("\"m{n}m\":0")).collect();
            for twice in [0, count / 2, count - 1] {
                let text = format!("{{{},\"m{twice}m\":1}}", many.join(","));
                assert!(
                    matches!(parse(text.as_bytes()), Err(JsonError::DuplicateMember { .. })),
                    "{twice} of {count}"
                );
            }
            assert!(parse(format!("{{{}}}", many.join(",")).as_bytes()).is_ok(), "{count}");
        }
    }

    #[test]
    fn debug_shows_no_content() {
        let value = parse(br#"{"name":"Zzyzx"}"#).unwrap();
        assert!(!format!("{value:?} {:?}", value.get("name")).contains("Zzyzx"));
    }
}
