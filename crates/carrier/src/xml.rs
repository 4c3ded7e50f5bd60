//! XML, read so that only one reading is possible: what two readers could see differently is refused.
//!
//! `quick-xml` finds where markup begins and ends; names, namespaces, attributes and references are decided here,
//! from the bytes themselves, so that every element knows its span and can be taken out or put back verbatim.
//! Source: XML 1.0 (fifth edition), Namespaces in XML 1.0; spec/carriers.md section 2.7.

use std::{borrow::Cow, ops::Range};

use mark::Unreadable;
use quick_xml::{Reader, events::Event};

/// A document being read, from its root inwards.
///
/// Bounds: the named constants of this file; memory for one element at a time.
/// Never:  expands an entity, fetches anything, or panics.
pub(crate) struct Xml<'a> {
    reader: Reader<&'a [u8]>,
    text: &'a str,
    /// Bytes in front of `text`: a byte-order mark.
    offset: usize,
    /// Prefixes in scope, with the depth that they were declared at.
    scopes: Vec<Scope<'a>>,
    depth: usize,
    /// Longest attribute value as it is written.
    attribute_bytes_max: usize,
}

#[derive(Clone, Copy, Debug)]
struct Scope<'a> {
    depth: usize,
    prefix: &'a str,
    namespace: &'a str,
}

/// A name with its namespace; empty where it has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Name<'a> {
    /// The namespace's URI.
    pub(crate) namespace: &'a str,
    /// The name without its prefix.
    pub(crate) local: &'a str,
}

/// An attribute that is no namespace declaration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attribute<'a> {
    /// Its name; without a prefix it has no namespace.
    pub(crate) name: Name<'a>,
    /// Its value, references resolved.
    pub(crate) value: Cow<'a, str>,
}

/// A start tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tag<'a> {
    /// The element's name.
    pub(crate) name: Name<'a>,
    /// Its attributes, in order.
    pub(crate) attributes: Vec<Attribute<'a>>,
    /// Where the tag begins.
    start: usize,
    /// Where the tag ends.
    end: usize,
    is_empty: bool,
}

/// A whole element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Element<'a> {
    /// The element's name.
    pub(crate) name: Name<'a>,
    /// Its attributes, in order.
    pub(crate) attributes: Vec<Attribute<'a>>,
    /// The elements within it; where there are any, there is no text.
    pub(crate) children: Vec<Self>,
    /// Its text, references resolved and line ends as LF.
    pub(crate) text: Cow<'a, str>,
    /// From its first byte to its last.
    pub(crate) span: Range<usize>,
    /// What stands between its tags.
    pub(crate) inside: Range<usize>,
}

/// Deepest nesting.
const DEPTH_MAX: usize = 64;
/// Most attributes of one element, declarations included.
const ATTRIBUTES_MAX: usize = 64;
/// Most prefixes in scope at one place.
const SCOPES_MAX: usize = 64;
/// Longest name, with its prefix.
const NAME_BYTES_MAX: usize = 255;
/// Longest attribute value as it is written.
const ATTRIBUTE_BYTES_MAX: usize = 8 * 1024;

/// The namespace of `xsi:nil` and `xsi:type`.
pub(crate) const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";
const XML: &str = "http://www.w3.org/XML/1998/namespace";
const XMLNS: &str = "http://www.w3.org/2000/xmlns/";

/// What comes next inside an element.
enum Piece<'a> {
    Open(Tag<'a>),
    /// The end tag, from its first byte to its last.
    Close(Range<usize>),
    Text(Cow<'a, str>),
    /// A CDATA section, or a comment between elements.
    CData(Cow<'a, str>),
    Comment,
    End,
}

impl<'a> Xml<'a> {
    /// Opens a document and reads its root's tag.
    ///
    /// Errors: another encoding than UTF-8, another version than 1.0, a document type, a processing instruction.
    pub(crate) fn open(body: &'a [u8]) -> Result<(Self, Tag<'a>), Unreadable> {
        Self::open_with(body, ATTRIBUTE_BYTES_MAX)
    }

    /// The same, for a format whose values stand in attributes.
    pub(crate) fn open_with(
        body: &'a [u8],
        attribute_bytes_max: usize,
    ) -> Result<(Self, Tag<'a>), Unreadable> {
        let inner = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
        let text = std::str::from_utf8(inner).map_err(|error| {
            Unreadable::Shape(format!("is not UTF-8 at byte {}; send UTF-8", error.valid_up_to()))
        })?;
        if let Some(odd) = text.chars().find(|letter| !is_xml_char(*letter)) {
            return Err(Unreadable::Shape(format!(
                "holds U+{:04X}, which XML does not allow",
                u32::from(odd)
            )));
        }
        if text.starts_with('\u{feff}') {
            return Err(refused("begins with two byte-order marks"));
        }
        let mut reader = Reader::from_reader(text.as_bytes());
        let config = reader.config_mut();
        config.check_comments = true;
        config.check_end_names = true;
        config.trim_markup_names_in_closing_tags = true;
        let offset = body.len() - inner.len();
        let mut xml = Self { reader, text, offset, scopes: Vec::new(), depth: 0, attribute_bytes_max };
        xml.declaration()?;
        match xml.piece_between()? {
            Piece::Open(tag) => Ok((xml, tag)),
            Piece::Close(_) | Piece::Text(_) | Piece::CData(_) | Piece::Comment | Piece::End => {
                Err(refused("has no element"))
            }
        }
    }

    /// The next element within the one that is open, or nothing at its end. Text between elements is refused.
    pub(crate) fn child(&mut self, of: &Tag<'a>) -> Result<Option<Tag<'a>>, Unreadable> {
        if of.is_empty {
            return Ok(None);
        }
        match self.piece_between()? {
            Piece::Open(tag) => Ok(Some(tag)),
            Piece::Close(_) => Ok(None),
            Piece::Text(_) | Piece::CData(_) | Piece::Comment | Piece::End => {
                Err(refused("ends within an element"))
            }
        }
    }

    /// Where what was read last ends.
    pub(crate) fn end_of_last(&self) -> usize {
        self.position().saturating_add(self.offset)
    }

    /// Reads what remains of the element that `tag` opened.
    pub(crate) fn element(&mut self, tag: Tag<'a>) -> Result<Element<'a>, Unreadable> {
        let Tag { name, attributes, start, end, is_empty } = tag;
        let mut element = Element {
            name,
            attributes,
            children: Vec::new(),
            text: Cow::Borrowed(""),
            span: start..end,
            inside: end..end,
        };
        if is_empty {
            return Ok(element);
        }
        let (mut texts, mut sections, mut comments) = (false, 0_usize, false);
        loop {
            match self.piece()? {
                Piece::Open(tag) => element.children.push(self.element(tag)?),
                Piece::Close(tag) => {
                    element.inside.end = tag.start;
                    element.span.end = tag.end;
                    break;
                }
                Piece::Text(text) => {
                    texts = true;
                    joined(&mut element.text, text);
                }
                Piece::CData(text) => {
                    sections += 1;
                    joined(&mut element.text, text);
                }
                Piece::Comment => comments = true,
                Piece::End => return Err(refused("ends within an element")),
            }
        }
        if sections > 0 && (texts || sections > 1 || comments || !element.children.is_empty()) {
            return Err(refused("has a CDATA section beside other content, which readers join differently"));
        }
        if !element.children.is_empty() {
            if !element.text.bytes().all(is_space) {
                return Err(refused("has text beside elements"));
            }
            element.text = Cow::Borrowed("");
        } else if comments && !element.text.is_empty() {
            return Err(refused("has a comment within a value, which readers join differently"));
        }
        Ok(element)
    }

    /// Passes over what remains of the element that `tag` opened, whatever stands in it. Returns its span.
    pub(crate) fn skip(&mut self, tag: &Tag<'a>) -> Result<Range<usize>, Unreadable> {
        let &Tag { start, end, is_empty, .. } = tag;
        let outside = self.depth.saturating_sub(1);
        if is_empty {
            return Ok(start..end);
        }
        loop {
            match self.piece()? {
                Piece::Close(tag) if self.depth == outside => return Ok(start..tag.end),
                Piece::End => return Err(refused("ends within an element")),
                Piece::Open(_) | Piece::Close(_) | Piece::Text(_) | Piece::CData(_) | Piece::Comment => {}
            }
        }
    }

    /// Checks that nothing follows the root.
    pub(crate) fn finish(mut self) -> Result<(), Unreadable> {
        match self.piece_between()? {
            Piece::End => Ok(()),
            Piece::Open(_) | Piece::Close(_) | Piece::Text(_) | Piece::CData(_) | Piece::Comment => {
                Err(refused("has more than one root element"))
            }
        }
    }

    /// The next piece that is neither white space nor a comment.
    fn piece_between(&mut self) -> Result<Piece<'a>, Unreadable> {
        loop {
            match self.piece()? {
                Piece::Comment => {}
                Piece::Text(text) if text.bytes().all(is_space) => {}
                Piece::Text(_) | Piece::CData(_) => return Err(refused("has text beside elements")),
                piece @ (Piece::Open(_) | Piece::Close(_) | Piece::End) => return Ok(piece),
            }
        }
    }

    fn piece(&mut self) -> Result<Piece<'a>, Unreadable> {
        let from = self.position();
        // The reader borrows from the same text: what it says is only which kind of piece this is.
        let kind = self.reader.read_event().map_err(|_| refused("is not well-formed XML"))?;
        let at = from..self.position();
        let text = self.text;
        let raw = text.get(at.clone()).unwrap_or_default();
        match kind {
            Event::Start(_) => self.opened(raw, &at, false).map(Piece::Open),
            Event::Empty(_) => self.opened(raw, &at, true).map(Piece::Open),
            Event::End(_) => {
                self.depth = self.depth.saturating_sub(1);
                let depth = self.depth;
                self.scopes.retain(|scope| scope.depth <= depth);
                Ok(Piece::Close(at.start + self.offset..at.end + self.offset))
            }
            Event::Text(_) => {
                if raw.contains("]]>") {
                    return Err(refused("is not well-formed XML"));
                }
                Ok(Piece::Text(lines(raw)))
            }
            Event::GeneralRef(_) => resolved(raw).map(|letter| Piece::Text(Cow::Owned(letter.to_string()))),
            Event::CData(_) => {
                let inner = raw.strip_prefix("<![CDATA[").and_then(|rest| rest.strip_suffix("]]>"));
                Ok(Piece::CData(lines(inner.ok_or_else(|| refused("is not well-formed XML"))?)))
            }
            Event::Comment(_) if raw.starts_with("<!-->") || raw.starts_with("<!--->") => {
                Err(refused("has a comment that readers end at different places"))
            }
            Event::Comment(_) => Ok(Piece::Comment),
            Event::Eof if self.depth == 0 => Ok(Piece::End),
            Event::Eof => Err(refused("ends within an element")),
            Event::DocType(_) => Err(refused("has a document type")),
            Event::Decl(_) => Err(refused("has an XML declaration that is not at its start")),
            Event::PI(_) => Err(refused("has a processing instruction")),
        }
    }

    fn position(&self) -> usize {
        usize::try_from(self.reader.buffer_position()).unwrap_or(usize::MAX)
    }

    /// The XML declaration, if the document begins with one.
    fn declaration(&mut self) -> Result<(), Unreadable> {
        let Some(rest) = self.text.strip_prefix("<?xml").filter(|rest| rest.starts_with(is_space_char))
        else {
            return Ok(());
        };
        let inner = rest.split_once("?>").ok_or_else(|| refused("is not well-formed XML"))?.0;
        self.reader.read_event().map_err(|_| refused("is not well-formed XML"))?;
        let said = written(inner, self.attribute_bytes_max)?;
        let said: Vec<(&str, &str)> = said.iter().map(|(name, value)| (*name, *value)).collect();
        let (version, rest) =
            said.split_first().ok_or_else(|| refused("has no version in its declaration"))?;
        if *version != ("version", "1.0") {
            return Err(refused("is not XML 1.0"));
        }
        let rest = match rest {
            [("encoding", name), rest @ ..] if name.eq_ignore_ascii_case("UTF-8") => rest,
            [("encoding", _), ..] => return Err(refused("declares another encoding than UTF-8; send UTF-8")),
            rest => rest,
        };
        match rest {
            [] | [("standalone", "yes" | "no")] => Ok(()),
            _ => Err(refused("has a declaration that is not XML's")),
        }
    }

    /// A start tag, its names resolved.
    fn opened(&mut self, raw: &'a str, at: &Range<usize>, is_empty: bool) -> Result<Tag<'a>, Unreadable> {
        let inner =
            raw.strip_prefix('<').and_then(|rest| rest.strip_suffix(if is_empty { "/>" } else { ">" }));
        let inner = inner.ok_or_else(|| refused("is not well-formed XML"))?;
        if self.depth >= DEPTH_MAX {
            return Err(Unreadable::Shape(format!("nests deeper than {DEPTH_MAX} elements")));
        }
        let depth = self.depth + 1;
        let end = inner.find(is_space_char).unwrap_or(inner.len());
        let (name, rest) = (inner.get(..end).unwrap_or_default(), inner.get(end..).unwrap_or_default());
        let written = written(rest, self.attribute_bytes_max)?;
        self.declare(&written, depth)?;
        let name = self.resolve(name, Unprefixed::Default)?;
        let mut attributes: Vec<Attribute<'a>> = Vec::new();
        for (raw_name, raw_value) in written.iter().filter(|(name, _)| declared(name).is_none()) {
            let name = self.resolve(raw_name, Unprefixed::None)?;
            if attributes.iter().any(|other| other.name == name) {
                return Err(refused("names an attribute twice"));
            }
            attributes.push(Attribute { name, value: value(raw_value)? });
        }
        if is_empty {
            self.scopes.retain(|scope| scope.depth < depth);
        } else {
            self.depth = depth;
        }
        Ok(Tag { name, attributes, start: at.start + self.offset, end: at.end + self.offset, is_empty })
    }

    /// Takes in the namespace declarations of one tag.
    fn declare(&mut self, written: &[(&'a str, &'a str)], depth: usize) -> Result<(), Unreadable> {
        for (name, namespace) in written {
            let Some(prefix) = declared(name) else { continue };
            let taken = self.scopes.iter().any(|scope| scope.depth == depth && scope.prefix == prefix);
            let reserved = matches!(prefix, "xml" | "xmlns") || matches!(*namespace, XML | XMLNS);
            if taken || reserved || namespace.contains('&') || (namespace.is_empty() && !prefix.is_empty()) {
                return Err(refused("declares a namespace that readers understand differently"));
            }
            if self.scopes.len() >= SCOPES_MAX {
                return Err(Unreadable::Shape(format!("has more than {SCOPES_MAX} namespaces in scope")));
            }
            self.scopes.push(Scope { depth, prefix, namespace });
        }
        Ok(())
    }

    fn resolve(&self, name: &'a str, unprefixed: Unprefixed) -> Result<Name<'a>, Unreadable> {
        let (prefix, local) = name.split_once(':').unwrap_or(("", name));
        let plain = |part: &str| {
            part.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
        };
        if name.len() > NAME_BYTES_MAX || !plain(local) || (name.contains(':') && !plain(prefix)) {
            return Err(refused("has a name that is not plain letters and digits"));
        }
        let namespace = match (prefix, unprefixed) {
            ("", Unprefixed::None) => "",
            ("", Unprefixed::Default) => self.bound("").unwrap_or_default(),
            ("xml", _) => XML,
            (prefix, _) => self.bound(prefix).ok_or_else(|| refused("has a prefix without a namespace"))?,
        };
        Ok(Name { namespace, local })
    }

    fn bound(&self, prefix: &str) -> Option<&'a str> {
        self.scopes.iter().rev().find(|scope| scope.prefix == prefix).map(|scope| scope.namespace)
    }

    /// What a qualified name in a value means, such as that of `xsi:type`, inside the element just opened.
    pub(crate) fn qualified(&self, of: &Tag<'a>, value: &str) -> Option<(String, String)> {
        // Of an empty element the declarations are out of scope again.
        if of.is_empty {
            return None;
        }
        let (prefix, local) = value.split_once(':').unwrap_or(("", value));
        let namespace = self.bound(prefix).or_else(|| prefix.is_empty().then_some(""))?;
        Some((namespace.to_owned(), local.to_owned()))
    }
}

/// What a name without a prefix belongs to.
#[derive(Clone, Copy)]
enum Unprefixed {
    /// The default namespace: elements.
    Default,
    /// None: attributes.
    None,
}

/// The outermost elements of these names in a document, at any depth and in any namespace, in order.
///
/// Shape:  `is_named` is asked of local names.
/// Errors: [`Unreadable`]: another reader could find others.
pub(crate) fn elements_named(
    body: &[u8],
    is_named: impl Fn(&str) -> bool,
) -> Result<Vec<Element<'_>>, Unreadable> {
    let (mut xml, root) = Xml::open(body)?;
    let root = xml.element(root)?;
    xml.finish()?;
    let (mut found, mut open) = (Vec::new(), vec![root]);
    while let Some(element) = open.pop() {
        if is_named(element.name.local) {
            found.push(element);
        } else {
            open.extend(element.children.into_iter().rev());
        }
    }
    Ok(found)
}

impl Element<'_> {
    /// The first element within it with this local name.
    pub(crate) fn child(&self, local: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name.local == local)
    }

    /// The value of an attribute.
    pub(crate) fn attribute(&self, namespace: &str, local: &str) -> Option<&str> {
        find(&self.attributes, namespace, local)
    }
}

impl Tag<'_> {
    /// Where the tag begins.
    pub(crate) fn start(&self) -> usize {
        self.start
    }

    /// The value of an attribute.
    pub(crate) fn attribute(&self, namespace: &str, local: &str) -> Option<&str> {
        find(&self.attributes, namespace, local)
    }
}

fn find<'t>(attributes: &'t [Attribute<'_>], namespace: &str, local: &str) -> Option<&'t str> {
    let wanted = Name { namespace, local };
    attributes.iter().find(|attribute| attribute.name == wanted).map(|attribute| attribute.value.as_ref())
}

/// `text` as it stands in XML, in an element or in an attribute.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\r' => out.push_str("&#13;"),
            letter if is_xml_char(letter) => out.push(letter),
            _ => out.push('\u{fffd}'),
        }
    }
    out
}

/// The attributes as they are written, without a look at what they mean.
fn written(mut rest: &str, bytes_max: usize) -> Result<Vec<(&str, &str)>, Unreadable> {
    let wrong = || refused("is not well-formed XML");
    let mut found = Vec::new();
    loop {
        let trimmed = rest.trim_start_matches(is_space_char);
        if trimmed.is_empty() {
            return Ok(found);
        }
        if trimmed.len() == rest.len() {
            return Err(wrong());
        }
        let (name, after) = trimmed.split_once('=').ok_or_else(wrong)?;
        let name = name.trim_end_matches(is_space_char);
        let after = after.trim_start_matches(is_space_char);
        let quote = after.chars().next().filter(|first| matches!(first, '"' | '\'')).ok_or_else(wrong)?;
        let (value, after) = after.get(1..).and_then(|after| after.split_once(quote)).ok_or_else(wrong)?;
        if name.is_empty() || value.contains('<') || found.iter().any(|(other, _)| *other == name) {
            return Err(wrong());
        }
        if value.len() > bytes_max || found.len() >= ATTRIBUTES_MAX {
            return Err(refused("has more attributes, or a longer one, than is read here"));
        }
        found.push((name, value));
        rest = after;
    }
}

/// The prefix that a name declares; empty for the default namespace.
fn declared(name: &str) -> Option<&str> {
    if name == "xmlns" { Some("") } else { name.strip_prefix("xmlns:") }
}

/// An attribute's value: references resolved, white space as spaces.
fn value(raw: &str) -> Result<Cow<'_, str>, Unreadable> {
    if !raw.contains(['&', '\t', '\n', '\r']) {
        return Ok(Cow::Borrowed(raw));
    }
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((before, reference)) = rest.split_once('&') {
        out.push_str(&lines(before).replace(['\t', '\n'], " "));
        let end = reference.find(';').ok_or_else(|| refused("is not well-formed XML"))?;
        out.push(named(reference.get(..end).unwrap_or_default())?);
        rest = reference.get(end + 1..).unwrap_or_default();
    }
    out.push_str(&lines(rest).replace(['\t', '\n'], " "));
    Ok(Cow::Owned(out))
}

/// The character of `&…;`.
fn resolved(raw: &str) -> Result<char, Unreadable> {
    let name = raw.strip_prefix('&').and_then(|rest| rest.strip_suffix(';'));
    named(name.ok_or_else(|| refused("is not well-formed XML"))?)
}

fn named(name: &str) -> Result<char, Unreadable> {
    match name {
        "amp" => return Ok('&'),
        "lt" => return Ok('<'),
        "gt" => return Ok('>'),
        "quot" => return Ok('"'),
        "apos" => return Ok('\''),
        _ => {}
    }
    let (digits, radix) = match name.strip_prefix("#x") {
        Some(digits) => (digits, 16),
        None => (name.strip_prefix('#').ok_or_else(|| refused("has an entity of its own"))?, 10),
    };
    let plain = (1..=8).contains(&digits.len()) && digits.chars().all(|digit| digit.is_digit(radix));
    let letter = plain.then(|| u32::from_str_radix(digits, radix).ok()).flatten().and_then(char::from_u32);
    letter
        .filter(|letter| is_xml_char(*letter))
        .ok_or_else(|| refused("refers to a character that XML has not"))
}

/// Text with its line ends as LF.
fn lines(raw: &str) -> Cow<'_, str> {
    if raw.contains('\r') {
        Cow::Owned(raw.replace("\r\n", "\n").replace('\r', "\n"))
    } else {
        Cow::Borrowed(raw)
    }
}

fn joined<'a>(to: &mut Cow<'a, str>, more: Cow<'a, str>) {
    if to.is_empty() {
        *to = more;
    } else {
        to.to_mut().push_str(&more);
    }
}

fn is_xml_char(letter: char) -> bool {
    matches!(letter, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

fn is_space_char(letter: char) -> bool {
    matches!(letter, ' ' | '\t' | '\n' | '\r')
}

fn refused(sentence: &str) -> Unreadable {
    Unreadable::Shape(sentence.to_owned())
}

#[cfg(test)]
mod tests;
