//! XML as a small tree, for SOAP envelopes and metadata files.

use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesRef, BytesStart, Event};
use serde::{Deserialize, Serialize};

/// An element: local name, attributes, text directly inside, elements inside.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Element {
    pub(crate) name: String,
    /// Local names and values, in order; declarations of namespaces left out.
    pub(crate) attributes: Vec<(String, String)>,
    pub(crate) text: String,
    pub(crate) children: Vec<Self>,
}

/// Why text is not XML, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct XmlError {
    pub(crate) message: String,
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// Reads a document into its root element.
///
/// Bounds: 64 levels, 200,000 elements; no document type, so no entities of its own.
pub(crate) fn read(text: &str) -> Result<Element, XmlError> {
    let text = text.trim_start_matches('\u{feff}');
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Element> = vec![Element::default()];
    let mut count = 0usize;
    loop {
        let event = reader.read_event();
        let at = usize::try_from(reader.buffer_position()).unwrap_or(text.len());
        let fail = |message: String| Err(locate(text, at, message));
        match event {
            Err(error) => {
                let at = usize::try_from(reader.error_position()).unwrap_or(at);
                return Err(locate(text, at, error.to_string()));
            }
            Ok(Event::Start(start)) => {
                count += 1;
                if open.len() > LEVELS_MAX || count > ELEMENTS_MAX {
                    return fail("the document is too deep or too large".into());
                }
                match attributes(&start) {
                    Ok(attributes) => {
                        let name = start.local_name().as_ref().to_owned();
                        open.push(Element { name, attributes, ..Element::default() });
                    }
                    Err(message) => return fail(message),
                }
            }
            Ok(Event::Empty(start)) => {
                count += 1;
                if count > ELEMENTS_MAX {
                    return fail("the document is too large".into());
                }
                let name = start.local_name().as_ref().to_owned();
                let attributes = match attributes(&start) {
                    Ok(attributes) => attributes,
                    Err(message) => return fail(message),
                };
                if let Some(parent) = open.last_mut() {
                    parent.children.push(Element { name, attributes, ..Element::default() });
                }
            }
            Ok(Event::End(_)) => {
                let Some(done) = open.pop() else { return fail("an element ends that never began".into()) };
                match open.last_mut() {
                    Some(parent) => parent.children.push(done),
                    None => return fail("an element ends that never began".into()),
                }
            }
            Ok(Event::Text(part)) => push(&mut open, &part.xml10_content()),
            Ok(Event::CData(part)) => push(&mut open, &part.xml10_content()),
            Ok(Event::GeneralRef(reference)) => {
                let known = entity(&reference);
                match known {
                    Some(text) => push(&mut open, &text),
                    None => return fail("an entity that is not known".into()),
                }
            }
            Ok(Event::DocType(_)) => return fail("document types are not read".into()),
            Ok(Event::Decl(_) | Event::PI(_) | Event::Comment(_)) => {}
            Ok(Event::Eof) => {
                let Some(root) = open.pop().filter(|_| open.is_empty()) else {
                    return fail("the document ends inside an element".into());
                };
                return match root.children.into_iter().next() {
                    Some(first) => Ok(first),
                    None => fail("the document holds no element".into()),
                };
            }
        }
    }
}

impl Element {
    /// The first child of this name.
    pub(crate) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The trimmed text of the first child of this name, unless empty.
    pub(crate) fn text_of(&self, name: &str) -> Option<&str> {
        self.child(name).map(|child| child.text.trim()).filter(|text| !text.is_empty())
    }

    /// The value of an attribute, by its local name.
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whether it says `xsi:nil="true"`.
    pub(crate) fn is_nil(&self) -> bool {
        matches!(self.attribute("nil"), Some("true" | "1"))
    }

    /// All children of this name.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The first element of this name anywhere inside.
    pub(crate) fn find(&self, name: &str) -> Option<&Self> {
        self.children.iter().find_map(|child| if child.name == name { Some(child) } else { child.find(name) })
    }
}

/// Text with the five characters replaced that XML gives a meaning.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&apos;")
}

/// Writes an element with nothing but text.
pub(crate) fn text(out: &mut String, name: &str, content: &str) {
    open(out, name);
    out.push_str(&escape(content));
    close(out, name);
}

/// Writes an element that says it is nil.
pub(crate) fn nil(out: &mut String, name: &str) {
    for part in ["<", name, " xsi:nil=\"true\"/>"] {
        out.push_str(part);
    }
}

/// Writes a start tag.
pub(crate) fn open(out: &mut String, name: &str) {
    for part in ["<", name, ">"] {
        out.push_str(part);
    }
}

/// Writes a start tag with a type.
pub(crate) fn open_typed(out: &mut String, name: &str, kind: &str) {
    for part in ["<", name, " xsi:type=\"", &escape(kind), "\">"] {
        out.push_str(part);
    }
}

/// Writes an end tag.
pub(crate) fn close(out: &mut String, name: &str) {
    for part in ["</", name, ">"] {
        out.push_str(part);
    }
}

/// The attributes of a tag; those that declare namespaces are left out.
fn attributes(start: &BytesStart<'_>) -> Result<Vec<(String, String)>, String> {
    let mut found = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| error.to_string())?;
        let name: &str = attribute.key.as_ref();
        if name == "xmlns" || name.starts_with("xmlns:") || found.len() >= ATTRIBUTES_MAX {
            continue;
        }
        let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|error| error.to_string())?;
        found.push((attribute.key.local_name().as_ref().to_owned(), value.into_owned()));
    }
    Ok(found)
}

/// What a reference such as `&amp;` or `&#10;` stands for.
fn entity(reference: &BytesRef<'_>) -> Option<String> {
    if let Ok(Some(c)) = reference.resolve_char_ref() {
        return Some(c.to_string());
    }
    let known = [("amp", "&"), ("lt", "<"), ("gt", ">"), ("quot", "\""), ("apos", "'")];
    known.iter().find(|(name, _)| **name == **reference).map(|(_, text)| (*text).to_owned())
}

fn push(open: &mut [Element], text: &str) {
    if let Some(current) = open.last_mut() {
        current.text.push_str(text);
    }
}

fn locate(text: &str, at: usize, message: String) -> XmlError {
    let before = text.as_bytes().get(..at.min(text.len())).unwrap_or(b"");
    let line = before.split(|byte| *byte == b'\n').count();
    let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
    XmlError { message, line, column }
}

const ATTRIBUTES_MAX: usize = 16;
const LEVELS_MAX: usize = 64;
const ELEMENTS_MAX: usize = 200_000;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn documents_become_trees_or_say_where_they_break() {
        let root = read(
            "<?xml version=\"1.0\"?><a:r xmlns:a='x'><b>1 &amp; &#50;</b><b/><c><![CDATA[<d>]]></c></a:r>",
        )
        .unwrap();
        assert_eq!(root.name, "r");
        assert_eq!(root.text_of("b"), Some("1 & 2"));
        assert_eq!(root.all("b").count(), 2);
        assert_eq!(root.text_of("c"), Some("<d>"));
        for bad in ["", "<a>", "<a></b>", "<a>&nope;</a>", "<!DOCTYPE a><a/>", "plain", "<a b></a>"] {
            assert!(read(bad).is_err(), "{bad}");
        }
        assert_eq!(read("<a>\n  <b></c>\n</a>").unwrap_err().line, 2);
        assert!(read(&"<a>".repeat(100)).is_err());
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in "[<>/a&;!\\[\\] =\"'-]{0,60}") {
            drop(read(&text));
        }
    }
}
