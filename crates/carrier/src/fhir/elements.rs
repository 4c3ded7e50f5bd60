//! Which elements R4's types have, and how each is written in JSON: what XML does not say by itself.
//!
//! `elements.txt` holds the facts of HL7's `fhir.schema.json` for R4 (CC0), a type a line: `*` is a list, `!` a
//! boolean, `#` a number, `<` a narrative, `@` a resource, `:Type` another type (`:_Part` one of this resource's own),
//! `?` the begin of a choice; anything else is text. `=` stands before the name of a resource. A type's elements are in the
//! order that XML wants them in.

use std::{collections::BTreeMap, sync::LazyLock};

const TABLE: &str = include_str!("elements.txt");

/// The elements of one type.
#[derive(Debug, Default)]
pub(super) struct Type {
    is_resource: bool,
    elements: BTreeMap<&'static str, Element>,
    /// The begins of elements whose name ends in their type.
    choices: Vec<&'static str>,
    /// Elements and begins of choices, in the order of R4.
    order: Vec<&'static str>,
}

/// How an element is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) content: Content,
    pub(super) is_list: bool,
}

/// What an element holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Text,
    Boolean,
    Number,
    Narrative,
    Resource,
    /// Elements of this type.
    Of(&'static str),
}

static TYPES: LazyLock<BTreeMap<&'static str, Type>> = LazyLock::new(|| TABLE.lines().map(line).collect());

/// The type of this name.
pub(super) fn of_type(name: &str) -> Option<&'static Type> {
    TYPES.get(name)
}

/// The names of the elements that records of a resource type may have, as a list that covers all of them.
///
/// Shape:  the name of a resource type of R4 -> its own elements, each form of a choice by itself, with the companions
///         that say more of a primitive; nothing for a name that is none.
pub fn resource_elements(resource_type: &str) -> Option<Vec<String>> {
    let of = of_resource(resource_type)?;
    let mut names = of.names();
    for common in ["contained", "extension", "modifierExtension"] {
        names.push(common.to_owned());
    }
    Some(names)
}

/// The resource type of this name.
pub(super) fn of_resource(name: &str) -> Option<&'static Type> {
    of_type(name).filter(|found| found.is_resource)
}

impl Type {
    /// The element of this name, as it is in every type or in this one.
    pub(super) fn element(&self, name: &str) -> Option<Element> {
        let list = |content| Some(Element { content, is_list: true });
        let one = |content| Some(Element { content, is_list: false });
        match name {
            "extension" | "modifierExtension" => return list(Content::Of("Extension")),
            "contained" if self.is_resource => return list(Content::Resource),
            "meta" if self.is_resource => return one(Content::Of("Meta")),
            "text" if self.is_resource => return one(Content::Of("Narrative")),
            "id" | "implicitRules" | "language" if self.is_resource => return one(Content::Text),
            _ => {}
        }
        self.elements.get(name).copied().or_else(|| self.choice(name))
    }

    /// Whether this is a resource.
    pub(super) fn is_resource(&self) -> bool {
        self.is_resource
    }

    /// Whether XML writes this member as an attribute.
    pub(super) fn is_attribute(&self, name: &str) -> bool {
        !self.is_resource && (name == "id" || (name == "url" && self.order == ["url", "value"]))
    }

    /// Where an element stands among those of its type in XML.
    pub(super) fn place(&self, name: &str) -> usize {
        const FIRST: [&str; 8] = [
            "id",
            "meta",
            "implicitRules",
            "language",
            "text",
            "contained",
            "extension",
            "modifierExtension",
        ];
        let is_common = |name: &str| self.is_resource || matches!(name, "extension" | "modifierExtension");
        if let Some(place) = FIRST.iter().position(|first| *first == name && is_common(name)) {
            return place;
        }
        let own = self.order.iter().position(|one| *one == name).or_else(|| {
            let begins = |one: &&str| self.choices.contains(one) && name.starts_with(*one);
            self.order.iter().position(begins)
        });
        FIRST.len() + own.unwrap_or(self.order.len())
    }

    /// The names of the elements that this type has of its own, each form of a choice by itself.
    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.elements.keys().map(|name| (*name).to_owned()).collect();
        let is_simple = |element: &Element| match element.content {
            Content::Text | Content::Boolean | Content::Number => true,
            Content::Narrative | Content::Resource | Content::Of(_) => false,
        };
        let simple = self.elements.iter().filter(|(_, element)| is_simple(element));
        names.extend(simple.map(|(name, _)| format!("_{name}")));
        for begin in &self.choices {
            let types = TYPES.iter().filter(|(name, of)| !of.is_resource && !name.contains('_'));
            names.extend(types.map(|(name, _)| format!("{begin}{name}")));
            names.extend(PRIMITIVES.iter().map(|(name, _)| format!("{begin}{name}")));
        }
        names
    }

    fn choice(&self, name: &str) -> Option<Element> {
        self.choices.iter().find_map(|begin| {
            let suffix = name.strip_prefix(begin)?;
            let primitive = PRIMITIVES.iter().find(|(name, _)| *name == suffix).map(|(_, content)| *content);
            let content = primitive.or_else(|| {
                let (name, of) = TYPES.get_key_value(suffix)?;
                (!of.is_resource && !name.contains('_')).then_some(Content::Of(name))
            });
            Some(Element { content: content?, is_list: false })
        })
    }
}

/// The primitive types that a choice may have, as its name ends in them.
const PRIMITIVES: [(&str, Content); 19] = [
    ("Base64Binary", Content::Text),
    ("Boolean", Content::Boolean),
    ("Canonical", Content::Text),
    ("Code", Content::Text),
    ("Date", Content::Text),
    ("DateTime", Content::Text),
    ("Decimal", Content::Number),
    ("Id", Content::Text),
    ("Instant", Content::Text),
    ("Integer", Content::Number),
    ("Markdown", Content::Text),
    ("Oid", Content::Text),
    ("PositiveInt", Content::Number),
    ("String", Content::Text),
    ("Time", Content::Text),
    ("UnsignedInt", Content::Number),
    ("Uri", Content::Text),
    ("Url", Content::Text),
    ("Uuid", Content::Text),
];

fn line(line: &'static str) -> (&'static str, Type) {
    let mut words = line.split(' ');
    let head = words.next().unwrap_or_default();
    let name = head.strip_prefix('=').unwrap_or(head);
    let mut found = Type { is_resource: head.starts_with('='), ..Type::default() };
    let root = name.split('_').next().unwrap_or(name);
    for word in words {
        if let Some(begin) = word.strip_suffix('?') {
            found.choices.push(begin);
            found.order.push(begin);
            continue;
        }
        let end = word.find(|letter: char| !letter.is_ascii_alphanumeric()).unwrap_or(word.len());
        let (element, kind) = word.split_at(end);
        let (is_list, kind) = kind.strip_prefix('*').map_or((false, kind), |kind| (true, kind));
        let content = match kind {
            "!" => Content::Boolean,
            "#" => Content::Number,
            "<" => Content::Narrative,
            "@" => Content::Resource,
            _ => kind.strip_prefix(':').map_or(Content::Text, |of| Content::Of(whole(root, of))),
        };
        found.elements.insert(element, Element { content, is_list });
        found.order.push(element);
    }
    (name, found)
}

/// `_Part` is a type of the resource `root`; it is found by its own line.
fn whole(root: &str, of: &'static str) -> &'static str {
    if !of.starts_with('_') {
        return of;
    }
    let named = |line: &&str| {
        let name = line.split(' ').next().unwrap_or_default().trim_start_matches('=');
        name.strip_prefix(root).is_some_and(|rest| rest == of)
    };
    let found = TABLE.lines().find(named).and_then(|line| line.split(' ').next());
    found.map_or(of, |name| name.trim_start_matches('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_that_is_named_is_there() {
        for (name, found) in TYPES.iter() {
            for (element, Element { content, .. }) in &found.elements {
                if let Content::Of(of) = content {
                    assert!(TYPES.contains_key(of), "{name}.{element}: {of}");
                }
            }
        }
        assert_eq!(TYPES.len(), 659);
    }

    #[test]
    fn an_element_is_written_as_its_type_says() {
        let check = |of: &str, name: &str, want: Option<(Content, bool)>| {
            let found = of_type(of).unwrap().element(name);
            assert_eq!(found.map(|found| (found.content, found.is_list)), want, "{of}.{name}");
        };
        check("Patient", "name", Some((Content::Of("HumanName"), true)));
        check("Patient", "active", Some((Content::Boolean, false)));
        check("Patient", "multipleBirthInteger", Some((Content::Number, false)));
        check("Patient", "birthDate", Some((Content::Text, false)));
        check("Patient", "contained", Some((Content::Resource, true)));
        check("Patient", "contact", Some((Content::Of("Patient_Contact"), true)));
        check("HumanName", "given", Some((Content::Text, true)));
        check("HumanName", "text", Some((Content::Text, false)));
        check("Narrative", "div", Some((Content::Narrative, false)));
        check("Extension", "valueQuantity", Some((Content::Of("Quantity"), false)));
        check("Extension", "valuePatient", None);
        check("Patient", "nickname", None);
        check("Bundle_Entry", "resource", Some((Content::Resource, false)));
        assert!(of_resource("HumanName").is_none() && of_resource("Patient").is_some());
        assert!(of_type("Patient").unwrap().names().contains(&"deceasedBoolean".to_owned()));
    }
}
