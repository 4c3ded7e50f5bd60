//! Resources as XML and as JSON: one record, whichever way they are written.
#![expect(clippy::format_push_string, reason = "a printer for tests reads better so")]

use std::path::Path;

use carrier::{
    Limits,
    fhir::{Media, read_document, read_document_in},
};
use mark::{canonical, json::Json};
use serde_json::{Map, Value};

use crate::sealing::fixture;

const LIMITS: Limits = Limits { body_bytes: 64 << 20, records: 100_000 };

/// The XML of a resource, by FHIR's own rules and without any knowledge of its types.
fn xml(resource: &Map<String, Value>, out: &mut String, namespace: &str) {
    let name = resource["resourceType"].as_str().unwrap();
    out.push_str(&format!("<{name}{namespace}>"));
    parts(resource, out, true);
    out.push_str(&format!("</{name}>"));
}

fn parts(members: &Map<String, Value>, out: &mut String, is_resource: bool) {
    let names =
        members.keys().filter(|name| *name != "resourceType").map(|name| name.trim_start_matches('_'));
    let mut done = Vec::new();
    for name in names {
        let is_attribute = !is_resource && (name == "id" || (name == "url" && is_extension(members)));
        if is_attribute || done.contains(&name) {
            continue;
        }
        done.push(name);
        let list = |value: Option<&Value>| match value {
            None => Vec::new(),
            Some(Value::Array(items)) => items.clone(),
            Some(one) => vec![one.clone()],
        };
        let values = list(members.get(name));
        let beside = list(members.get(&format!("_{name}")));
        for at in 0..values.len().max(beside.len()) {
            element(
                name,
                values.get(at).unwrap_or(&Value::Null),
                beside.get(at).unwrap_or(&Value::Null),
                out,
            );
        }
    }
}

/// An extension is what has a `url` and a value, or extensions within.
fn is_extension(members: &Map<String, Value>) -> bool {
    let known = |name: &String| {
        matches!(name.as_str(), "url" | "id" | "extension")
            || name.trim_start_matches('_').starts_with("value")
    };
    members.contains_key("url") && members.keys().all(known)
}

fn element(name: &str, value: &Value, beside: &Value, out: &mut String) {
    if name == "div" {
        out.push_str(value.as_str().unwrap());
        return;
    }
    out.push_str(&format!("<{name}"));
    let object = value.as_object().or(beside.as_object()).cloned().unwrap_or_default();
    if value.is_object() && object.contains_key("resourceType") {
        out.push('>');
        xml(&object, out, "");
        out.push_str(&format!("</{name}>"));
        return;
    }
    for attribute in ["id", "url"] {
        let is_there = attribute == "id" || (name.ends_with("xtension"));
        if let Some(text) = object.get(attribute).and_then(Value::as_str).filter(|_| is_there) {
            out.push_str(&format!(" {attribute}=\"{}\"", escaped(text)));
        }
    }
    match value {
        Value::String(text) => out.push_str(&format!(" value=\"{}\"", escaped(text))),
        Value::Null | Value::Object(_) | Value::Array(_) => {}
        Value::Bool(_) | Value::Number(_) => out.push_str(&format!(" value=\"{value}\"")),
    }
    out.push('>');
    parts(&object, out, false);
    out.push_str(&format!("</{name}>"));
}

fn escaped(text: &str) -> String {
    let plain = text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
    plain.replace('\n', "&#10;").replace('\r', "&#13;").replace('\t', "&#9;")
}

/// A value as a digest sees it: without nulls and what is empty.
fn kept(value: &Json<'_>) -> Option<Json<'static>> {
    match value {
        Json::Null => None,
        Json::Bool(_) | Json::Number(_) | Json::Text(_) => Some(owned(value)),
        Json::Array(items) => Some(Json::Array(items.iter().filter_map(kept).collect())).filter(is_full),
        Json::Object(members) => {
            let members =
                members.iter().filter_map(|(name, value)| Some((name.to_string().into(), kept(value)?)));
            Some(Json::Object(members.collect())).filter(is_full)
        }
    }
}

fn owned(value: &Json<'_>) -> Json<'static> {
    match value {
        Json::Text(text) => Json::Text(text.to_string().into()),
        Json::Number(number) => Json::Number(*number),
        Json::Bool(truth) => Json::Bool(*truth),
        Json::Null | Json::Array(_) | Json::Object(_) => Json::Null,
    }
}

fn is_full(value: &Json<'_>) -> bool {
    match value {
        Json::Array(items) => !items.is_empty(),
        Json::Object(members) => !members.is_empty(),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) => true,
    }
}

/// Reads a document both ways; how many records it has.
fn check(json: &str, name: &str) -> usize {
    let value: Value = serde_json::from_str(json).unwrap();
    let mut written = String::new();
    xml(value.as_object().unwrap(), &mut written, " xmlns=\"http://hl7.org/fhir\"");
    let one = read_document(json.as_bytes(), &LIMITS);
    let other = read_document_in(Media::Xml, written.as_bytes(), &LIMITS);
    assert_eq!(one.records.len(), other.records.len(), "{name}");
    for (one, other) in one.records.iter().zip(&other.records) {
        assert_eq!(one.place, other.place, "{name}");
        let (one, other) = (one.content.as_ref().unwrap(), other.content.as_ref());
        let other = other.unwrap_or_else(|reason| panic!("{name}: {} {reason}", one.object));
        assert_eq!((&one.object, &one.mark, one.claim), (&other.object, &other.mark, other.claim), "{name}");
        let fields = |record: &mark::Record<'_>| {
            canonical::to_vec(&kept(&Json::Object(record.fields.clone())).unwrap_or(Json::Null))
        };
        assert!(fields(one) == fields(other), "{name}: {} differs", one.object);
    }
    one.records.len()
}

#[test]
fn a_resource_is_one_record_in_json_and_in_xml() {
    let text = |name: &str| String::from_utf8(fixture(name)).unwrap();
    assert!(check(&text("fhir/transaction.json"), "transaction") > 0);
    for (number, line) in
        text("fhir/patients.ndjson").lines().chain(text("fhir/resources.ndjson").lines()).enumerate()
    {
        assert_eq!(check(line, &format!("line {number}")), 1);
    }
}

#[test]
fn bundles_of_a_generator_are_the_same_records_in_xml() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/synthea/fhir-r4-bundles");
    let folder = std::env::var_os("EOSIN_DATA")
        .map_or(folder, |data| Path::new(&data).join("synthea/fhir-r4-bundles"));
    let Ok(listed) = std::fs::read_dir(&folder) else {
        println!("skipped: no shared data");
        return;
    };
    let mut records = 0;
    for entry in listed.take(4) {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if let Some(file) = crate::hl7v2::unzipped(Path::new("synthea/fhir-r4-bundles"), &name) {
            records += check(std::str::from_utf8(&file).unwrap(), &name);
        }
    }
    println!("{records} records");
    assert!(records > 300, "{records}");
}
