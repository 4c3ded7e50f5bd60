//! A resource in JSON, written as FHIR's XML: what a client that takes nothing else is shown of what was judged.

use std::fmt::Write as _;

use mark::json::DEPTH_MAX;

use super::{
    elements::{self, Content, Element, Type},
    raw::{RawObject, items},
    xml,
};
use crate::xml::{Xml, escaped};

/// What is said in the media types of FHIR's XML.
pub const XML_CONTENT_TYPE: &str = "application/fhir+xml; charset=utf-8";

/// Why a resource has no form in XML. Holds no content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("has no form in FHIR's XML: {0}")]
pub struct NotInXml(&'static str);

/// The XML form of a resource of R4.
///
/// Decimals keep their spelling, elements come in R4's order, and a narrative is copied as it is. What servers add to `meta` beyond
/// R4 is left out: XML has no place for it.
///
/// Shape:  one resource as JSON text -> a document of XML 1.0 that [`read`](super::read()) reads as the same record.
/// Bounds: the caller bounds the text; [`DEPTH_MAX`] levels; the answer is read once more, so it is well-formed or it is none.
/// Errors: an element that R4 does not have, or of another shape; a narrative that is not well-formed.
/// Source: FHIR R4 `xml.html`, `json.html`.
pub fn in_xml(text: &str) -> Result<String, NotInXml> {
    let mut out = String::with_capacity(text.len() + text.len() / 2);
    out.push_str(r#"<?xml version="1.0" encoding="UTF-8"?>"#);
    resource(text, true, DEPTH_MAX, &mut out)?;
    match xml::parse(out.as_bytes()) {
        Ok(_) => Ok(out),
        Err(_) => Err(SHAPE),
    }
}

fn resource(text: &str, is_root: bool, depth: u32, out: &mut String) -> Result<(), NotInXml> {
    let depth = depth.checked_sub(1).ok_or(DEEP)?;
    let object = RawObject::parse(text).ok_or(NotInXml("a resource is not an object"))?;
    let name = object.get("resourceType").and_then(unquoted).ok_or(NotInXml("a resource has no type"))?;
    let of = elements::of_resource(&name).ok_or(NotInXml("its type is not one of R4"))?;
    let namespace = if is_root { r#" xmlns="http://hl7.org/fhir""# } else { "" };
    write(out, format_args!("<{name}{namespace}>"));
    parts(&object, of, Loose::No, depth, out)?;
    write(out, format_args!("</{name}>"));
    Ok(())
}

/// Whether elements that R4 does not know are passed over.
#[derive(Clone, Copy, PartialEq)]
enum Loose {
    Yes,
    No,
}

/// The elements of an object, in R4's order.
fn parts(
    object: &RawObject<'_>,
    of: &'static Type,
    loose: Loose,
    depth: u32,
    out: &mut String,
) -> Result<(), NotInXml> {
    let mut found: Vec<(usize, &str, Element)> = Vec::new();
    for name in object.names() {
        let name = name.strip_prefix('_').unwrap_or(name);
        if (name == "resourceType" && of.is_resource()) || of.is_attribute(name) {
            continue;
        }
        match of.element(name) {
            Some(element) => found.push((of.place(name), name, element)),
            None if loose == Loose::Yes => {}
            None => return Err(NotInXml("it has an element that R4 does not know there")),
        }
    }
    found.sort_by(|(one, this, _), (two, that, _)| one.cmp(two).then(this.cmp(that)));
    found.dedup_by(|one, two| one.1 == two.1);
    for (_, name, element) in found {
        let beside = format!("_{name}");
        let (value, beside) = (object.get(name), object.get(&beside));
        if element.is_list {
            let list = |text: Option<&str>| -> Result<Vec<String>, NotInXml> {
                let Some(text) = text else { return Ok(Vec::new()) };
                let items = items(text).ok_or(NotInXml("a list is not an array"))?;
                Ok(items.into_iter().map(str::to_owned).collect())
            };
            let (values, besides) = (list(value)?, list(beside)?);
            for at in 0..values.len().max(besides.len()) {
                let there = |list: &[String]| list.get(at).filter(|text| *text != "null").cloned();
                one(name, element, there(&values).as_deref(), there(&besides).as_deref(), depth, out)?;
            }
        } else {
            one(name, element, value, beside, depth, out)?;
        }
    }
    Ok(())
}

/// One element.
fn one(
    name: &str,
    element: Element,
    value: Option<&str>,
    beside: Option<&str>,
    depth: u32,
    out: &mut String,
) -> Result<(), NotInXml> {
    let depth = depth.checked_sub(1).ok_or(DEEP)?;
    if value.is_none() && beside.is_none() {
        return Ok(());
    }
    match element.content {
        Content::Text | Content::Boolean | Content::Number => {
            write(out, format_args!("<{name}"));
            let object = beside.map(|text| RawObject::parse(text).ok_or(SHAPE)).transpose()?;
            attribute("id", object.as_ref().and_then(|object| object.get("id")), out)?;
            attribute("value", value, out)?;
            let of = elements::of_type("Element").ok_or(SHAPE)?;
            ended(name, object.as_ref(), of, Loose::No, depth, out)
        }
        Content::Narrative => {
            let text = value.and_then(unquoted).ok_or(SHAPE)?;
            out.push_str(narrative(&text)?);
            Ok(())
        }
        Content::Resource => {
            write(out, format_args!("<{name}>"));
            resource(value.ok_or(SHAPE)?, false, depth, out)?;
            write(out, format_args!("</{name}>"));
            Ok(())
        }
        Content::Of(of) => {
            let object = value.and_then(RawObject::parse).ok_or(SHAPE)?;
            write(out, format_args!("<{name}"));
            attribute("id", object.get("id"), out)?;
            if of == "Extension" {
                attribute("url", object.get("url"), out)?;
            }
            let loose = if of == "Meta" { Loose::Yes } else { Loose::No };
            ended(name, Some(&object), elements::of_type(of).ok_or(SHAPE)?, loose, depth, out)
        }
    }
}

/// The rest of an element whose tag is open: what is in it, and its end.
fn ended(
    name: &str,
    object: Option<&RawObject<'_>>,
    of: &'static Type,
    loose: Loose,
    depth: u32,
    out: &mut String,
) -> Result<(), NotInXml> {
    let begin = out.len();
    out.push('>');
    if let Some(object) = object {
        parts(object, of, loose, depth, out)?;
    }
    if out.len() == begin + 1 {
        out.truncate(begin);
        out.push_str("/>");
    } else {
        write(out, format_args!("</{name}>"));
    }
    Ok(())
}

/// A narrative that is one element and nothing else: what it says beyond that would be said of the resource.
fn narrative(text: &str) -> Result<&str, NotInXml> {
    let text = text.trim();
    let read = || {
        let (mut xml, root) = Xml::open_with(text.as_bytes(), text.len()).ok()?;
        let span = xml.skip(&root).ok()?;
        xml.finish().ok()?;
        // A declaration, or a comment beside it, belongs to no narrative.
        (span == (0..text.len()) && root.name.local == "div").then_some(text)
    };
    read().ok_or(NotInXml("its narrative is not one well-formed `div`"))
}

fn attribute(name: &str, value: Option<&str>, out: &mut String) -> Result<(), NotInXml> {
    let Some(value) = value else { return Ok(()) };
    let is_text = value.starts_with('"');
    if !is_text && value.starts_with(['{', '[']) {
        return Err(SHAPE);
    }
    let text = if is_text { unquoted(value).ok_or(SHAPE)? } else { value.to_owned() };
    // A reader of XML makes spaces of line ends in an attribute, unless they are written like this.
    let text = escaped(&text).replace('\n', "&#10;").replace('\t', "&#9;");
    write(out, format_args!(" {name}=\"{text}\""));
    Ok(())
}

fn unquoted(text: &str) -> Option<String> {
    serde_json::from_str(text).ok()
}

fn write(out: &mut String, text: std::fmt::Arguments<'_>) {
    // A string takes whatever is written to it.
    let _taken = out.write_fmt(text);
}

const SHAPE: NotInXml = NotInXml("an element is not of the shape that R4 gives it");
const DEEP: NotInXml = NotInXml("it nests too deep");
