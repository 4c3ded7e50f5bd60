//! Structured fields (RFC 9651): lines joined, read strictly, and written again in the one canonical way.

use std::convert::Infallible;

use sfv::{
    DictSerializer, Dictionary, Item, ItemSerializer, Key, KeyRef, List, ListEntry, ListSerializer, Parser,
    visitor::{DictionaryVisitor, EntryVisitor},
};

/// The type that a field's specification gives it. What is not here has no known type and cannot be covered with `sf`.
const TYPES: &[(&str, Type)] = &[
    ("accept", Type::List),
    ("accept-ch", Type::List),
    ("accept-encoding", Type::List),
    ("accept-signature", Type::Dictionary),
    ("ai-disclosure", Type::Dictionary),
    ("cache-control", Type::Dictionary),
    ("cache-status", Type::List),
    ("client-cert", Type::Item),
    ("client-cert-chain", Type::List),
    ("content-digest", Type::Dictionary),
    ("content-type", Type::Item),
    ("deprecation", Type::Item),
    ("eosin-provenance", Type::Dictionary),
    ("priority", Type::Dictionary),
    ("proxy-status", Type::List),
    ("repr-digest", Type::Dictionary),
    ("signature", Type::Dictionary),
    ("signature-input", Type::Dictionary),
    ("want-content-digest", Type::Dictionary),
    ("want-repr-digest", Type::Dictionary),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    Dictionary,
    Item,
    List,
}

/// A field's value, written again by its type; nothing if the type is not known or the value is not of it.
pub(crate) fn canonical(name: &str, value: &str) -> Option<String> {
    let (_, kind) = TYPES.iter().find(|(known, _)| *known == name)?;
    match kind {
        Type::Dictionary => {
            let read: Dictionary = Parser::new(value).parse().ok()?;
            let mut out = DictSerializer::new();
            out.members(&read);
            // An empty dictionary is written as nothing.
            Some(out.finish().unwrap_or_default())
        }
        Type::List => {
            let read: List = Parser::new(value).parse().ok()?;
            let mut out = ListSerializer::new();
            out.members(&read);
            Some(out.finish().unwrap_or_default())
        }
        Type::Item => {
            let read: Item = Parser::new(value).parse().ok()?;
            Some(item(&read))
        }
    }
}

/// An item as it is written.
pub(crate) fn item(item: &Item) -> String {
    ItemSerializer::new().bare_item(&item.bare_item).parameters(&item.params).finish()
}

/// One member of a dictionary field: its value with its parameters.
pub(crate) fn member(value: &str, key: &str) -> Option<String> {
    let read: Dictionary = Parser::new(value).parse().ok()?;
    read.get(key).and_then(entry)
}

/// An item or an inner list as a list would hold it: the one place where `true` is written out.
pub(crate) fn entry(entry: &ListEntry) -> Option<String> {
    let mut out = ListSerializer::new();
    out.members([entry]);
    out.finish()
}

/// Reads the lines of a dictionary field as one dictionary in which no key stands twice.
///
/// RFC 9651 lets the last value of a key hold. Where a signature is asked for, a key that was said twice is somebody
/// speaking over somebody else.
pub(crate) fn dictionary_once(lines: &[&[u8]], limit: usize) -> Option<Dictionary> {
    if lines.iter().map(|line| line.len()).sum::<usize>() > limit {
        return None;
    }
    let mut said = Vec::with_capacity(lines.len());
    for line in lines {
        let line = std::str::from_utf8(line).ok()?.trim_matches([' ', '\t']);
        if !line.is_empty() {
            said.push(line);
        }
    }
    let Once { members, twice } =
        Parser::new(&said.join(", ")).parse_dictionary_with_visitor(Once::default()).ok()?;
    (!twice).then_some(members)
}

#[derive(Default)]
struct Once {
    members: Dictionary,
    twice: bool,
}

impl<'de> DictionaryVisitor<'de> for Once {
    type Out = Self;
    type Error = Infallible;

    fn entry(&mut self, key: &'de KeyRef) -> Result<impl EntryVisitor<'de>, Infallible> {
        self.twice |= self.members.contains_key(key);
        DictionaryVisitor::entry(&mut self.members, key)
    }

    fn finish(self) -> Result<Self, Infallible> {
        Ok(self)
    }
}

/// A key of ours, which is known to be one.
pub(crate) fn key(text: &str) -> Option<Key> {
    KeyRef::from_str(text).ok().map(ToOwned::to_owned)
}
