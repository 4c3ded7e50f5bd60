//! The HTTP header `Eosin-Provenance`: how many records of each verdict, and where the ruling stands.
//!
//! Towards us it is a claim, never proof: the gateway takes off what it cannot verify and states what it found.
//! Source: spec/http.md section 1.

use std::{collections::BTreeMap, convert::Infallible, fmt};

use mark::VerdictName;
use sfv::{
    BareItem, DictSerializer, Dictionary, Integer, Item, Key, KeyRef, ListEntry, Parser, RefBareItem,
    StringRef,
    visitor::{DictionaryVisitor, EntryVisitor},
};

/// The header's name, in the spelling that HTTP/2 needs too.
pub const HEADER: &str = "eosin-provenance";

/// Longest value that is read, over all its lines, in bytes.
pub const VALUE_BYTES_MAX: usize = 2048;

/// Largest count that a structured field's integer holds: 15 digits.
pub const COUNT_MAX: u64 = 999_999_999_999_999;

/// The version of the header that this release writes and reads.
pub const VERSION: u64 = 1;

/// What one message says of the records it carries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provenance {
    /// Records by verdict. A verdict that is not named was not counted, which is not the same as zero.
    pub counts: BTreeMap<VerdictName, u64>,
    /// The ledger entry of the ruling on this message.
    pub ruling: Option<RulingReference>,
    /// Origin of the ledger of whoever wrote the header.
    pub ledger: Option<String>,
    /// Whether some of the counted records were withheld and are not in this body.
    pub is_partial: bool,
}

/// One entry of one ledger.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RulingReference {
    /// The ledger's origin, as its checkpoints name it.
    pub origin: String,
    /// The entry's zero-based index.
    pub index: u64,
}

/// What was heard: the header's last word on everything, and whether it said something else before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// What holds: the last value of each key.
    pub provenance: Provenance,
    /// A key was given twice with different values. Somebody added to a header that was there: do not trust it.
    pub contradicts_itself: bool,
}

impl Provenance {
    /// The header's value.
    ///
    /// Counts over [`COUNT_MAX`] are written as [`COUNT_MAX`].
    ///
    /// Shape:  `v=1, synthetic=2, unproven=0, ruling="eosin.example/a#7", ledger="eosin.example/a"`.
    /// Source: RFC 9651 section 3.2; an origin beyond ASCII is written as a Display String.
    pub fn to_header(&self) -> String {
        let mut out = DictSerializer::new();
        write_count(&mut out, "v", VERSION);
        for (name, count) in &self.counts {
            write_count(&mut out, name.as_str(), *count);
        }
        if let Some(ruling) = &self.ruling {
            write_text(&mut out, "ruling", &ruling.to_string());
        }
        if let Some(origin) = &self.ledger {
            write_text(&mut out, "ledger", origin);
        }
        if let (true, Ok(key)) = (self.is_partial, KeyRef::from_str("partial")) {
            out.bare_item(key, true);
        }
        out.finish().unwrap_or_default()
    }

    /// Reads the header's lines.
    ///
    /// Shape:  the field lines in the order of the message -> their combined meaning; unknown keys are ignored.
    /// Bounds: [`VALUE_BYTES_MAX`].
    /// Errors: see [`ProvenanceError`]; treat the message as one without the header.
    /// Never:  proves anything.
    /// Source: RFC 9651 section 4.2.2; spec/http.md section 1.
    pub fn parse(lines: &[&str]) -> Result<Heard, ProvenanceError> {
        if lines.iter().map(|line| line.len()).sum::<usize>() > VALUE_BYTES_MAX {
            return Err(ProvenanceError::TooLong);
        }
        let said: Vec<&str> = lines.iter().map(|line| line.trim()).filter(|line| !line.is_empty()).collect();
        let combined = said.join(", ");
        let noting = Noting::default();
        let Noting { last, earlier } = Parser::new(&combined)
            .parse_dictionary_with_visitor(noting)
            .map_err(|_| ProvenanceError::Malformed)?;
        let contradicts_itself =
            earlier.iter().any(|(key, value)| is_known(key.as_str()) && last.get(key) != Some(value));
        let version = last.get("v").ok_or(ProvenanceError::Version)?;
        if count(version) != Some(VERSION) {
            return Err(ProvenanceError::Version);
        }
        let mut provenance = Self::default();
        for name in VerdictName::ALL {
            if let Some(value) = last.get(name.as_str()) {
                let count = count(value).ok_or(ProvenanceError::Value { key: name.as_str() })?;
                provenance.counts.insert(name, count);
            }
        }
        if let Some(value) = last.get("ruling") {
            let reference = text(value).and_then(RulingReference::parse);
            provenance.ruling = Some(reference.ok_or(ProvenanceError::Value { key: "ruling" })?);
        }
        if let Some(value) = last.get("ledger") {
            let origin = text(value).filter(|origin| is_origin(origin));
            provenance.ledger = Some(origin.ok_or(ProvenanceError::Value { key: "ledger" })?.to_owned());
        }
        if let Some(value) = last.get("partial") {
            let ListEntry::Item(Item { bare_item: BareItem::Boolean(is_partial), .. }) = value else {
                return Err(ProvenanceError::Value { key: "partial" });
            };
            provenance.is_partial = *is_partial;
        }
        Ok(Heard { provenance, contradicts_itself })
    }
}

/// Why the header's lines mean nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProvenanceError {
    /// It is longer than the bound.
    #[error("`Eosin-Provenance` is longer than {VALUE_BYTES_MAX} bytes")]
    TooLong,
    /// It is not a structured field dictionary.
    #[error("`Eosin-Provenance` is not an RFC 9651 dictionary")]
    Malformed,
    /// It has no version, or one that this release does not know.
    #[error("`Eosin-Provenance` has no `v={VERSION}`")]
    Version,
    /// A known key has a value of another type or out of range.
    #[error("`Eosin-Provenance` has a `{key}` that cannot be read")]
    Value {
        /// The key, one of our own.
        key: &'static str,
    },
}

impl RulingReference {
    /// Reads `<origin>#<index>`; the index is decimal without leading zeros.
    pub fn parse(text: &str) -> Option<Self> {
        let (origin, digits) = text.rsplit_once('#')?;
        let index: u64 = digits.parse().ok()?;
        let written = index.to_string() == digits && is_origin(origin);
        written.then(|| Self { origin: origin.to_owned(), index })
    }
}

impl fmt::Display for RulingReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.origin, self.index)
    }
}

/// What a checkpoint takes for an origin.
fn is_origin(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(char::is_control)
}

fn is_known(key: &str) -> bool {
    ["v", "ruling", "ledger", "partial"].contains(&key)
        || VerdictName::ALL.iter().any(|name| name.as_str() == key)
}

fn count(value: &ListEntry) -> Option<u64> {
    match value {
        ListEntry::Item(Item { bare_item: BareItem::Integer(integer), .. }) => u64::try_from(*integer).ok(),
        ListEntry::Item(_) | ListEntry::InnerList(_) => None,
    }
}

fn text(value: &ListEntry) -> Option<&str> {
    match value {
        ListEntry::Item(Item { bare_item: BareItem::String(text), .. }) => Some(text.as_str()),
        ListEntry::Item(Item { bare_item: BareItem::DisplayString(text), .. }) => Some(text),
        ListEntry::Item(_) | ListEntry::InnerList(_) => None,
    }
}

fn write_count(out: &mut DictSerializer<String>, key: &str, count: u64) {
    let integer = Integer::try_from(count.min(COUNT_MAX));
    if let (Ok(key), Ok(integer)) = (KeyRef::from_str(key), integer) {
        out.bare_item(key, integer);
    }
}

fn write_text(out: &mut DictSerializer<String>, key: &str, text: &str) {
    let Ok(key) = KeyRef::from_str(key) else { return };
    match StringRef::from_str(text) {
        Ok(text) => out.bare_item(key, text),
        Err(_) => out.bare_item(key, RefBareItem::DisplayString(text)),
    };
}

/// A dictionary that remembers what a repeated key said before.
#[derive(Default)]
struct Noting {
    last: Dictionary,
    earlier: Vec<(Key, ListEntry)>,
}

impl<'de> DictionaryVisitor<'de> for Noting {
    type Out = Self;
    type Error = Infallible;

    fn entry(&mut self, key: &'de KeyRef) -> Result<impl EntryVisitor<'de>, Infallible> {
        if let Some(value) = self.last.get(key) {
            self.earlier.push((key.to_owned(), value.clone()));
        }
        DictionaryVisitor::entry(&mut self.last, key)
    }

    fn finish(self) -> Result<Self, Infallible> {
        Ok(self)
    }
}

#[cfg(test)]
mod tests;
