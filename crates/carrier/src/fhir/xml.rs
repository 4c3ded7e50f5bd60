//! FHIR's XML, read as the JSON of the same resource: one record, whichever way a server writes it.

use std::borrow::Cow;

use mark::{
    Unreadable,
    json::{self, Json, Members},
};

use super::elements::{self, Content, Element, Type};
use crate::xml::{Attribute, Name, Tag, XSI, Xml};

/// The namespace of FHIR's elements.
const FHIR: &str = "http://hl7.org/fhir";
/// The namespace of narratives.
const XHTML: &str = "http://www.w3.org/1999/xhtml";

/// The members of the JSON object that says what this document says.
///
/// Shape:  one resource of R4 in XML 1.0 -> the members of its JSON form; narratives as they are written.
/// Bounds: those of [`Xml`]; a value is as long as the body; [`json::DEPTH_MAX`] levels of the JSON form.
/// Errors: what R4 does not have at its place, and what two readers could read differently.
/// Never:  expands an entity, or fetches anything.
/// Source: FHIR R4 `xml.html`, `json.html`; spec/carriers.md section 3.6.
pub(super) fn parse(body: &[u8]) -> Result<Members<'_>, Unreadable> {
    let (xml, root) = Xml::open_with(body, body.len())?;
    let mut reader = Reader { xml, body };
    if root.attributes.iter().any(|attribute| !is_schema_location(attribute)) {
        return Err(shape("has an attribute that FHIR does not know"));
    }
    let members = reader.resource(&root, 1)?;
    reader.xml.finish()?;
    Ok(members)
}

struct Reader<'a> {
    xml: Xml<'a>,
    body: &'a [u8],
}

/// An element whose parts are being read: members of an object, and the list that is not at its end.
struct Building<'a> {
    members: Members<'a>,
    open: Option<Repeated<'a>>,
}

struct Repeated<'a> {
    name: &'a str,
    is_list: bool,
    values: Vec<Json<'a>>,
    /// What else the values of a primitive say of themselves; in step with `values`.
    beside: Vec<Json<'a>>,
}

impl<'a> Reader<'a> {
    /// The members of the resource that `tag` opened.
    fn resource(&mut self, tag: &Tag<'a>, depth: u32) -> Result<Members<'a>, Unreadable> {
        let Name { namespace, local } = tag.name;
        let of = elements::of_resource(local).filter(|_| namespace == FHIR);
        let of = of.ok_or_else(|| shape("is not a resource of FHIR R4"))?;
        let mut building = Building { members: Vec::new(), open: None };
        building.members.push((Cow::Borrowed("resourceType"), Json::Text(Cow::Borrowed(local))));
        self.parts(tag, of, building, depth)
    }

    /// Reads the elements within `tag` into an object.
    fn parts(
        &mut self,
        tag: &Tag<'a>,
        of: &'static Type,
        mut building: Building<'a>,
        depth: u32,
    ) -> Result<Members<'a>, Unreadable> {
        if depth > json::DEPTH_MAX {
            return Err(Unreadable::Shape(format!("nests deeper than {} levels", json::DEPTH_MAX)));
        }
        while let Some(child) = self.xml.child(tag)? {
            let Name { namespace, local } = child.name;
            let element =
                of.element(local).ok_or_else(|| shape("has an element that R4 does not know there"))?;
            let wanted = if element.content == Content::Narrative { XHTML } else { FHIR };
            if namespace != wanted {
                return Err(shape("has an element of another namespace than FHIR's"));
            }
            // An array is one more level.
            let depth = depth + 1 + u32::from(element.is_list);
            let (value, beside) = self.value(&child, element, depth)?;
            building.take(local, element.is_list, value, beside)?;
        }
        building.close();
        Ok(building.members)
    }

    /// The value of one element, and what it says beside its value.
    fn value(
        &mut self,
        tag: &Tag<'a>,
        element: Element,
        depth: u32,
    ) -> Result<(Json<'a>, Json<'a>), Unreadable> {
        match element.content {
            Content::Text | Content::Boolean | Content::Number => self.primitive(tag, element.content, depth),
            Content::Narrative => Ok((self.narrative(tag)?, Json::Null)),
            Content::Resource => {
                if !tag.attributes.is_empty() {
                    return Err(shape("has an attribute that FHIR does not know"));
                }
                let inner =
                    self.xml.child(tag)?.ok_or_else(|| shape("holds no resource where one belongs"))?;
                if !inner.attributes.is_empty() {
                    return Err(shape("has an attribute that FHIR does not know"));
                }
                let members = self.resource(&inner, depth)?;
                if self.xml.child(tag)?.is_some() {
                    return Err(shape("holds two resources where one belongs"));
                }
                Ok((Json::Object(members), Json::Null))
            }
            Content::Of(name) => {
                let of = elements::of_type(name).ok_or_else(|| shape("has an element of an unknown type"))?;
                let mut members = Vec::new();
                for attribute in &tag.attributes {
                    let is_known = match attribute.name.local {
                        "id" => true,
                        "url" => name == "Extension",
                        _ => false,
                    };
                    if !is_known || !attribute.name.namespace.is_empty() {
                        return Err(shape("has an attribute that FHIR does not know"));
                    }
                    let value = Json::Text(attribute.value.clone());
                    members.push((Cow::Borrowed(attribute.name.local), value));
                }
                let members = self.parts(tag, of, Building { members, open: None }, depth)?;
                Ok((Json::Object(members), Json::Null))
            }
        }
    }

    /// A value in an attribute, with its id and its extensions beside it.
    fn primitive(
        &mut self,
        tag: &Tag<'a>,
        content: Content,
        depth: u32,
    ) -> Result<(Json<'a>, Json<'a>), Unreadable> {
        let (mut value, mut beside) = (Json::Null, Vec::new());
        for attribute in &tag.attributes {
            match (attribute.name.namespace, attribute.name.local) {
                ("", "value") => value = simple(content, &attribute.value)?,
                ("", "id") => beside.push((Cow::Borrowed("id"), Json::Text(attribute.value.clone()))),
                _ => return Err(shape("has an attribute that FHIR does not know")),
            }
        }
        let of = elements::of_type("Element").ok_or_else(|| shape("has an element of an unknown type"))?;
        let members = self.parts(tag, of, Building { members: beside, open: None }, depth)?;
        if members.is_empty() {
            if value == Json::Null {
                return Err(shape("has an element without a value"));
            }
            return Ok((value, Json::Null));
        }
        Ok((value, Json::Object(members)))
    }

    /// A narrative, as its bytes are.
    fn narrative(&mut self, tag: &Tag<'a>) -> Result<Json<'a>, Unreadable> {
        let span = self.xml.skip(tag)?;
        let text = self.body.get(span).and_then(|bytes| std::str::from_utf8(bytes).ok());
        let text = text.ok_or_else(|| shape("is not well-formed XML"))?;
        if text.contains('\r') {
            return Ok(Json::Text(Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n"))));
        }
        Ok(Json::Text(Cow::Borrowed(text)))
    }
}

impl<'a> Building<'a> {
    fn take(
        &mut self,
        name: &'a str,
        is_list: bool,
        value: Json<'a>,
        beside: Json<'a>,
    ) -> Result<(), Unreadable> {
        match &mut self.open {
            Some(open) if open.name == name => {
                if !is_list {
                    return Err(shape("has an element twice that may be there once"));
                }
                open.values.push(value);
                open.beside.push(beside);
                return Ok(());
            }
            Some(_) | None => {}
        }
        self.close();
        if self.members.iter().any(|(member, _)| member == name || member.strip_prefix('_') == Some(name)) {
            return Err(shape("has elements of one name at different places"));
        }
        self.open = Some(Repeated { name, is_list, values: vec![value], beside: vec![beside] });
        Ok(())
    }

    /// Ends the list that is open.
    fn close(&mut self) {
        let Some(Repeated { name, is_list, values, beside }) = self.open.take() else { return };
        let mut put = |name: Cow<'a, str>, mut list: Vec<Json<'a>>| {
            if list.iter().all(|item| *item == Json::Null) {
                return;
            }
            let value = if is_list { Json::Array(list) } else { list.pop().unwrap_or(Json::Null) };
            self.members.push((name, value));
        };
        put(Cow::Borrowed(name), values);
        put(Cow::Owned(format!("_{name}")), beside);
    }
}

/// A primitive value as JSON writes it.
fn simple<'a>(content: Content, text: &Cow<'a, str>) -> Result<Json<'a>, Unreadable> {
    match (content, text.as_ref()) {
        (Content::Boolean, "true") => Ok(Json::Bool(true)),
        (Content::Boolean, "false") => Ok(Json::Bool(false)),
        (Content::Boolean, _) => Err(shape("has a boolean that is neither true nor false")),
        (Content::Number, number) => {
            let is_plain = number.starts_with(|first: char| first.is_ascii_digit() || first == '-')
                && number.ends_with(|last: char| last.is_ascii_digit());
            match json::parse(number.as_bytes()) {
                Ok(Json::Number(number)) if is_plain => Ok(Json::Number(number)),
                Err(reason @ json::JsonError::NumberTooLarge { .. }) => Err(reason.into()),
                Ok(_) | Err(_) => Err(shape("has a number that is not written as one")),
            }
        }
        (Content::Text | Content::Narrative | Content::Resource | Content::Of(_), _) => {
            Ok(Json::Text(text.clone()))
        }
    }
}

/// Where a schema is found says nothing about the resource.
fn is_schema_location(attribute: &Attribute<'_>) -> bool {
    attribute.name == Name { namespace: XSI, local: "schemaLocation" }
}

fn shape(sentence: &str) -> Unreadable {
    Unreadable::Shape(sentence.to_owned())
}
