//! Which fields a mark covers, and the form of their values that survives what servers do to them.
//!
//! Start at [`FieldList::digests`]; `spec/mark.md` section 3 has the rules as a table.

use std::borrow::Cow;

use jiff::{Timestamp, civil};
use serde::{Deserialize, Serialize};

use crate::{
    canonical,
    digest::{Hash, sha256},
    json::Json,
    receipt::Salt,
    record::{Form, Record},
};

mod names;

use names::Names;

/// The covered fields of one object, and which of them say who the record is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct FieldList {
    // INVARIANT: sorted by UTF-16 order of name, names distinct even without ASCII case, at most FIELDS_MAX.
    fields: Vec<Field>,
    // INVARIANT: made from `fields`.
    names: Names,
}

/// One covered field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name, in the spelling of the object's description.
    pub name: String,
    /// How its values are normalised.
    pub kind: Kind,
    /// Whether it says who the record is about.
    pub identity: bool,
}

/// How a field's values are normalised before they are digested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Text: line ends become LF, outer white space goes, empty is absent.
    Text,
    /// A number, from JSON or from text.
    Number,
    /// `true` or absent: servers fill a missing checkbox with `false`.
    Boolean,
    /// A calendar date.
    Date,
    /// A moment, to the second, in UTC.
    DateTime,
    /// A Salesforce id: the first 15 characters.
    Id,
    /// A FHIR element: JSON without nulls, empty parts and `Reference.reference`.
    Element,
}

/// Most fields one object may cover.
pub const FIELDS_MAX: usize = 1024;

impl FieldList {
    /// The list of these fields.
    ///
    /// Errors: a sentence, if a name is empty, there twice (ASCII case ignored), or there are over [`FIELDS_MAX`].
    pub fn new(mut fields: Vec<Field>) -> Result<Self, String> {
        if fields.len() > FIELDS_MAX {
            return Err(format!("covers {} fields; at most {FIELDS_MAX}", fields.len()));
        }
        fields.sort_by(|one, other| canonical::utf16_order(&one.name, &other.name));
        let mut named: Vec<String> = fields.iter().map(|field| field.name.to_ascii_lowercase()).collect();
        named.sort();
        if let Some((name, _)) = named.iter().zip(named.iter().skip(1)).find(|(one, other)| one == other) {
            return Err(format!("covers `{name}` twice"));
        }
        if named.first().is_some_and(String::is_empty) {
            return Err("covers a field without a name".to_owned());
        }
        Ok(Self { names: Names::of(&fields), fields })
    }

    /// The covered fields, in canonical order.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// The content digest and the identity digest of `record` under `salt`.
    ///
    /// A record in which every identity field is absent has its whole content for identity: then any change
    /// makes a mark a transplanted one, which is the careful answer.
    ///
    /// Shape:  SHA-256 of the 16 salt bytes and the RFC 8785 object `{digest, fields, object}`.
    /// Bounds: linear in the record; scratch memory of about twice its covered text.
    /// Source: spec/mark.md sections 2 and 3.
    pub fn digests(&self, object: &str, record: &Record<'_>, salt: Salt) -> Digests {
        // Each digest is over one buffer that begins with the salt: hashing it is one call.
        let begin = |head: &[u8], capacity| {
            let mut out = Vec::with_capacity(capacity);
            out.extend_from_slice(&salt.0);
            out.extend_from_slice(head);
            out
        };
        let mut content = begin(CONTENT_HEAD, 1024);
        let mut identity = begin(IDENTITY_HEAD, 256);
        let (first_in_content, first_in_identity) = (content.len(), identity.len());
        let slots = self.slots(record);
        for ((field, quoted), value) in self.fields.iter().zip(&self.names.quoted).zip(slots) {
            let Some(value) = value else { continue };
            let before = content.len();
            if before > first_in_content {
                content.push(b',');
            }
            let start = content.len();
            content.extend_from_slice(quoted);
            let end_of_name = content.len();
            spell(field.kind, value, &mut content);
            if content.len() == end_of_name {
                content.truncate(before);
            } else if field.identity {
                if identity.len() > first_in_identity {
                    identity.push(b',');
                }
                identity.extend_from_slice(content.get(start..).unwrap_or_default());
            }
        }
        if identity.len() == first_in_identity {
            identity.extend_from_slice(content.get(first_in_content..).unwrap_or_default());
        }
        let end = |mut out: Vec<u8>| {
            out.extend_from_slice(b"},\"object\":");
            canonical::write_text(object, &mut out);
            out.push(b'}');
            sha256(&[&out])
        };
        Digests { content: end(content), identity: end(identity) }
    }

    /// For each covered field, the record's value.
    fn slots<'r, 'a>(&self, record: &'r Record<'a>) -> Vec<Option<&'r Json<'a>>> {
        let mut slots = vec![None; self.fields.len()];
        // Readers keep the order of the writer: the field after the last one found is tried first.
        let mut guess = 0;
        for (name, value) in &record.fields {
            let Some(at) = self.position(record.form, name, guess) else { continue };
            guess = at + 1;
            if let Some(slot) = slots.get_mut(at) {
                *slot = Some(value);
            }
        }
        slots
    }

    fn position(&self, form: Form, name: &str, guess: usize) -> Option<usize> {
        if self.fields.get(guess).is_some_and(|field| field.name == name) {
            return Some(guess);
        }
        self.names.position(&self.fields, form, name)
    }
}

const CONTENT_HEAD: &[u8] = b"{\"digest\":\"content\",\"fields\":{";
const IDENTITY_HEAD: &[u8] = b"{\"digest\":\"identity\",\"fields\":{";

/// The two digests of one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digests {
    /// Over every covered field.
    pub content: Hash,
    /// Over the fields that say who the record is about.
    pub identity: Hash,
}

/// Appends the canonical JSON of one value, or nothing if it counts as absent.
fn spell(kind: Kind, value: &Json<'_>, out: &mut Vec<u8>) {
    let text = match (kind, value) {
        (Kind::Element, _) => {
            write_element(value, out);
            return;
        }
        (_, Json::Null) => return,
        (_, Json::Array(_) | Json::Object(_)) => {
            canonical::write(value, out);
            return;
        }
        (Kind::Number, Json::Number(number)) => {
            canonical::write_number(*number, out);
            return;
        }
        (_, Json::Bool(value)) => Cow::Borrowed(if *value { "true" } else { "false" }),
        (_, Json::Number(number)) => Cow::Owned(ryu_js::Buffer::new().format(*number).to_owned()),
        (_, Json::Text(text)) => Cow::Borrowed(text.as_ref()),
    };
    let text = text.trim();
    if text.is_empty() {
        return;
    }
    match kind {
        Kind::Number => match text.parse::<f64>() {
            Ok(number) if number.is_finite() => canonical::write_number(number, out),
            Ok(_) | Err(_) => write_text(text, out),
        },
        Kind::Boolean => {
            if text.eq_ignore_ascii_case("true") || text == "1" {
                out.extend_from_slice(b"true");
            } else if !(text.eq_ignore_ascii_case("false") || text == "0") {
                write_text(text, out);
            }
        }
        Kind::Date => match date(text) {
            Some(date) => write_text(&date.to_string(), out),
            None => write_text(text, out),
        },
        Kind::DateTime => match moment(text) {
            Some(moment) => write_text(&moment, out),
            None => write_text(text, out),
        },
        Kind::Id => write_text(short_id(text), out),
        Kind::Text | Kind::Element => write_text(text, out),
    }
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    if text.contains('\r') {
        canonical::write_text(&text.replace("\r\n", "\n").replace('\r', "\n"), out);
    } else {
        canonical::write_text(text, out);
    }
}

fn short_id(text: &str) -> &str {
    let whole = text.len() == 18 && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if whole { text.get(..15).unwrap_or(text) } else { text }
}

/// The calendar date of `2026-01-02` or of a moment, in UTC.
pub(crate) fn date(text: &str) -> Option<civil::Date> {
    if text.len() == 10 { text.parse().ok() } else { timestamp(text).map(|moment| utc(moment).date()) }
}

/// `2026-01-02T03:04:05Z` for any RFC 3339 or ISO 8601 moment; without an offset it is UTC.
pub(crate) fn moment(text: &str) -> Option<String> {
    let whole = utc(timestamp(text)?);
    let Ok(year @ 0..=9999) = u16::try_from(whole.year()) else {
        return Some(format!("{}Z", whole.strftime("%Y-%m-%dT%H:%M:%S")));
    };
    // By hand, for it is done for every moment of every record.
    let mut written = String::with_capacity(20);
    let mut two = |number: u16, after: Option<char>| {
        for digit in [number / 10 % 10, number % 10] {
            written.extend(char::from_digit(u32::from(digit), 10));
        }
        written.extend(after);
    };
    two(year / 100, None);
    two(year % 100, Some('-'));
    for (number, after) in [
        (whole.month(), '-'),
        (whole.day(), 'T'),
        (whole.hour(), ':'),
        (whole.minute(), ':'),
        (whole.second(), 'Z'),
    ] {
        two(u16::try_from(number).unwrap_or(0), Some(after));
    }
    Some(written)
}

fn timestamp(text: &str) -> Option<Timestamp> {
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Some(moment);
    }
    let local: civil::DateTime = text.parse().ok()?;
    jiff::tz::Offset::UTC.to_timestamp(local).ok()
}

fn utc(moment: Timestamp) -> civil::DateTime {
    jiff::tz::Offset::UTC.to_datetime(moment)
}

/// Writes a FHIR element without what servers add, drop or rewrite. Returns whether anything was left.
fn write_element(value: &Json<'_>, out: &mut Vec<u8>) -> bool {
    match value {
        Json::Null => false,
        Json::Bool(_) | Json::Number(_) | Json::Text(_) => {
            canonical::write(value, out);
            true
        }
        Json::Array(items) => {
            let start = out.len();
            out.push(b'[');
            for item in items {
                let before = out.len();
                if before > start + 1 {
                    out.push(b',');
                }
                if !write_element(item, out) {
                    out.truncate(before);
                }
            }
            close(start, b']', out)
        }
        Json::Object(members) => {
            let start = out.len();
            out.push(b'{');
            canonical::in_order(members, |(name, value)| {
                if name == "reference" && matches!(value, Json::Text(_)) {
                    return;
                }
                let before = out.len();
                if before > start + 1 {
                    out.push(b',');
                }
                canonical::write_text(name, out);
                out.push(b':');
                if !write_element(value, out) {
                    out.truncate(before);
                }
            });
            close(start, b'}', out)
        }
    }
}

fn close(start: usize, bracket: u8, out: &mut Vec<u8>) -> bool {
    if out.len() == start + 1 {
        out.truncate(start);
        return false;
    }
    out.push(bracket);
    true
}

impl Kind {
    /// Every kind, in the order of the specification.
    pub const ALL: [Self; 7] =
        [Self::Text, Self::Number, Self::Boolean, Self::Date, Self::DateTime, Self::Id, Self::Element];

    /// The word used in a manifest.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Date => "date",
            Self::DateTime => "dateTime",
            Self::Id => "id",
            Self::Element => "element",
        }
    }
}

/// How a manifest writes a list: `{"content": ["Birthdate:date", "Email"], "identity": ["Email"]}`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    content: Vec<String>,
    identity: Vec<String>,
}

impl From<FieldList> for Written {
    fn from(list: FieldList) -> Self {
        let content = list.fields.iter().map(|field| match field.kind {
            Kind::Text => field.name.clone(),
            Kind::Number | Kind::Boolean | Kind::Date | Kind::DateTime | Kind::Id | Kind::Element => {
                format!("{}:{}", field.name, field.kind.as_str())
            }
        });
        let identity = list.fields.iter().filter(|field| field.identity).map(|field| field.name.clone());
        Self { content: content.collect(), identity: identity.collect() }
    }
}

impl TryFrom<Written> for FieldList {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let mut fields = Vec::with_capacity(written.content.len());
        for entry in &written.content {
            let (name, kind) = match entry.rsplit_once(':') {
                None => (entry.as_str(), Kind::Text),
                Some((name, word)) => {
                    let kind = Kind::ALL.into_iter().find(|kind| kind.as_str() == word);
                    (name, kind.ok_or_else(|| format!("`{word}` is not a kind of field"))?)
                }
            };
            fields.push(Field {
                name: name.to_owned(),
                kind,
                identity: written.identity.iter().any(|id| id == name),
            });
        }
        if let Some(stray) = written.identity.iter().find(|id| !fields.iter().any(|field| field.name == **id))
        {
            return Err(format!("identity field `{stray}` is not a covered field"));
        }
        Self::new(fields)
    }
}

#[cfg(test)]
mod tests;
