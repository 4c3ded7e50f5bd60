//! What a reader sees of a row: defaults, compound values, addresses of blobs.

use serde_json::{Map, Value, json};

use crate::schema::{Field, Kind, Object};
use crate::store::Row;

/// The value of one field, as REST gives it.
pub(crate) fn value(object: &Object, row: &Row, field: &Field, version: &str) -> Value {
    match (row.get(&field.name), field.kind) {
        (Some(_), Kind::Base64) => {
            let id = row.get("Id").and_then(Value::as_str).unwrap_or("");
            json!(format!("/services/data/{version}/sobjects/{}/{id}/{}", object.name, field.name))
        }
        (Some(value), _) => value.clone(),
        (None, Kind::Boolean) => Value::Bool(false),
        (None, Kind::Address) => compound(object, row, field, ADDRESS),
        (None, Kind::Location) => compound(object, row, field, LOCATION),
        (None, _) => Value::Null,
    }
}

/// A whole record: `attributes`, then every field in the order of the catalogue.
pub(crate) fn record(object: &Object, row: &Row, version: &str) -> Map<String, Value> {
    let mut record = Map::new();
    record.insert("attributes".into(), attributes(object, row, version));
    for field in &object.fields {
        record.insert(field.name.clone(), value(object, row, field, version));
    }
    record
}

/// Type and address of a record.
pub(crate) fn attributes(object: &Object, row: &Row, version: &str) -> Value {
    let id = row.get("Id").and_then(Value::as_str).unwrap_or("");
    json!({"type": object.name, "url": format!("/services/data/{version}/sobjects/{}/{id}", object.name)})
}

fn compound(object: &Object, row: &Row, field: &Field, parts: &[(&str, &str)]) -> Value {
    let mut out = Map::new();
    let mut any = false;
    for (name, ending) in parts {
        let part = object
            .fields
            .iter()
            .find(|part| part.compound.as_deref() == Some(&field.name) && part.name.ends_with(ending));
        let found = part.and_then(|part| row.get(&part.name)).cloned();
        any |= found.is_some();
        out.insert((*name).to_owned(), found.unwrap_or(Value::Null));
    }
    if any { Value::Object(out) } else { Value::Null }
}

const ADDRESS: &[(&str, &str)] = &[
    ("city", "City"),
    ("country", "Country"),
    ("geocodeAccuracy", "GeocodeAccuracy"),
    ("latitude", "Latitude"),
    ("longitude", "Longitude"),
    ("postalCode", "PostalCode"),
    ("state", "State"),
    ("street", "Street"),
];
const LOCATION: &[(&str, &str)] = &[("latitude", "Latitude"), ("longitude", "Longitude")];
