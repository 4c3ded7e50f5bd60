//! A row in XML, as Bulk API v1 and SOAP have it: elements in, the same record out as of JSON or CSV.

use std::borrow::Cow;

use mark::{
    Record, Unreadable,
    json::{Json, Members},
};

use super::{
    door::is_name,
    record::{names_twice, record, shape},
};
use crate::xml::{Element, Name, XSI};

/// Who wrote the row, and so where its object's name is and what its elements may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// A batch of a Bulk v1 job: the job has the object.
    Bulk,
    /// SOAP with the partner's description: the first element is `type`.
    Partner,
    /// SOAP with an org's own description: `xsi:type` of the row.
    Enterprise,
}

/// The namespace of everything in Bulk API v1.
pub(super) const BULK: &str = "http://www.force.com/2009/06/asyncapi/dataload";

/// Where a field may be from: no other namespace means a field to Salesforce.
const NAMESPACES: [&str; 7] = [
    "",
    BULK,
    "urn:partner.soap.sforce.com",
    "urn:sobject.partner.soap.sforce.com",
    // What jsforce writes, and Salesforce takes.
    "sobject.partner.soap.sforce.com",
    "urn:enterprise.soap.sforce.com",
    "urn:sobject.enterprise.soap.sforce.com",
];

/// Whether a name can be one that Salesforce reads.
pub(super) fn is_known(name: &Name<'_>) -> bool {
    NAMESPACES.contains(&name.namespace)
}

/// The record of one row's element.
///
/// `object` is the job's or that of `xsi:type`; with [`Dialect::Partner`] the row names its own.
///
/// Shape:  an element's text is text, `xsi:nil` is null, an empty element is absent, elements within an element are a
///         way to another row.
/// Errors: what a JSON row is refused for, and what only XML can say in two ways: unknown namespaces and attributes,
///         `xsi:nil` beside content, rows within the row.
/// Source: spec/carriers.md section 2.7.
pub(crate) fn row<'a>(
    dialect: Dialect,
    object: Option<&str>,
    element: Element<'a>,
) -> Result<Record<'a>, Unreadable> {
    if element.children.is_empty() && !element.text.is_empty() {
        return Err(shape("has text where its fields should be"));
    }
    for attribute in &element.attributes {
        if attribute.name != (Name { namespace: XSI, local: "type" }) {
            return Err(shape("has an attribute that is not read here"));
        }
    }
    let mut fields = element.children.into_iter();
    let object: Cow<'a, str> = match (dialect, object) {
        (Dialect::Partner, _) => Cow::Owned(named_type(fields.next())?),
        (Dialect::Bulk | Dialect::Enterprise, Some(object)) => Cow::Owned(object.to_owned()),
        (Dialect::Bulk | Dialect::Enterprise, None) => return Err(shape("does not say its object")),
    };
    let mut members: Members<'a> = Vec::with_capacity(fields.len());
    let mut empty: Vec<Cow<'a, str>> = Vec::new();
    for field in fields {
        let (name, value) = member(dialect, field)?;
        if let (None, Json::Text(named)) = (&name, &value) {
            // `fieldsToNull`: the value is the field's name.
            members.push((named.clone(), Json::Null));
            continue;
        }
        let Some(name) = name else { return Err(shape("has a list of fields that is not plain names")) };
        // Answers to queries name `Id` twice, and clients send rows back as they came.
        let again = name == "Id" && members.iter().any(|(other, said)| *other == "Id" && *said == value);
        if value == Json::Text(Cow::Borrowed("")) {
            empty.push(name);
        } else if !again {
            members.push((name, value));
        }
    }
    // An empty element is absent, but not where there is another of its name: which of them holds?
    let names = members.iter().map(|(name, _)| name).chain(&empty);
    if !empty.is_empty() && names_twice(names.map(AsRef::as_ref)) {
        return Err(shape("names a field twice, if upper and lower case are one"));
    }
    if dialect == Dialect::Partner && members.iter().any(|(name, _)| name == "type") {
        return Err(shape("names its object twice"));
    }
    record(object, members)
}

/// The object that a partner's row names first.
fn named_type(first: Option<Element<'_>>) -> Result<String, Unreadable> {
    let first = first.filter(|first| first.name.local == "type" && is_known(&first.name));
    let plain = first.filter(|first| first.children.is_empty() && only_xsi_type(first));
    let object = plain.map(|first| first.text.into_owned()).filter(|object| is_name(object));
    object.ok_or_else(|| shape("does not name its object in a `type` in front of its fields"))
}

/// One field: its name, or none if the value is a name in `fieldsToNull`, and its value.
fn member(dialect: Dialect, field: Element<'_>) -> Result<(Option<Cow<'_, str>>, Json<'_>), Unreadable> {
    let name = field.name;
    if !is_known(&name) {
        return Err(shape("has a field in a namespace that is not Salesforce's"));
    }
    if !is_name(name.local) {
        return Err(shape("has a field whose name is none"));
    }
    let is_nil = nil(&field)?;
    if is_nil && !(field.children.is_empty() && field.text.is_empty()) {
        return Err(shape("has a field that is both nil and not"));
    }
    if dialect != Dialect::Bulk && name.local == "fieldsToNull" {
        let listed = !is_nil && field.children.is_empty() && is_name(&field.text);
        let value = Json::Text(field.text);
        return if listed {
            Ok((None, value))
        } else {
            Err(shape("has a list of fields that is not plain names"))
        };
    }
    let value = if is_nil {
        Json::Null
    } else if field.children.is_empty() {
        Json::Text(field.text)
    } else {
        if holds_rows(&field) {
            return Err(shape("holds rows within a row, which are not read here"));
        }
        Json::Object(Vec::new())
    };
    Ok((Some(Cow::Borrowed(name.local)), value))
}

/// Whether the field says that it is null.
fn nil(field: &Element<'_>) -> Result<bool, Unreadable> {
    let mut is_nil = false;
    for attribute in &field.attributes {
        match (attribute.name.namespace, attribute.name.local) {
            (XSI, "type") => {}
            (XSI, "nil") => {
                is_nil = match attribute.value.as_ref() {
                    "true" | "1" => true,
                    "false" | "0" => false,
                    _ => return Err(shape("has a field that is neither nil nor not")),
                }
            }
            _ => return Err(shape("has a field with an attribute that is not read here")),
        }
    }
    Ok(is_nil)
}

fn only_xsi_type(element: &Element<'_>) -> bool {
    element.attributes.iter().all(|attribute| attribute.name == (Name { namespace: XSI, local: "type" }))
}

/// Whether there is an answer to a query in it: rows of their own, of which the org might make something.
fn holds_rows(field: &Element<'_>) -> bool {
    let is_rows = |child: &Element<'_>| {
        child.name.local.eq_ignore_ascii_case("records") || child.name.local.eq_ignore_ascii_case("sObjects")
    };
    field.children.iter().any(|child| is_rows(child) || holds_rows(child))
}
