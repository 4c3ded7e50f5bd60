//! Records as XML: what REST gives as JSON, in the elements of SOAP and of Bulk results.

use serde_json::{Map, Value};

use crate::schema::Kind;
use crate::store::Store;
use crate::value;
use crate::xml::{close, nil, open_typed, text};

/// Whose elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// `sf:` elements, the type an element, `Id` always there.
    Partner,
    /// `sf:` elements, the type an attribute.
    Enterprise,
    /// No prefix: results of a Bulk query in XML.
    Bulk,
}

/// Writes a record, as a query or a retrieval gave it, as an element of this name.
pub(crate) fn write(out: &mut String, store: &Store, name: &str, record: &Map<String, Value>, to: Dialect) {
    let kind = kind_of(record);
    match to {
        Dialect::Partner => {
            open_typed(out, name, "sf:sObject");
            text(out, "sf:type", kind);
            // The partner schema declares `Id` itself; a selected one follows as a member like any other.
            match record.get("Id").and_then(Value::as_str) {
                Some(id) => text(out, "sf:Id", id),
                None => nil(out, "sf:Id"),
            }
        }
        Dialect::Enterprise => open_typed(out, name, &format!("sf:{kind}")),
        Dialect::Bulk => {
            open_typed(out, name, "sObject");
            text(out, "type", kind);
        }
    }
    for (member, value) in record.iter().filter(|(member, _)| *member != "attributes") {
        write_member(out, store, kind, (member, value), to);
    }
    close(out, name);
}

fn write_member(out: &mut String, store: &Store, object: &str, (name, found): (&str, &Value), to: Dialect) {
    let prefix = if to == Dialect::Bulk { "" } else { "sf:" };
    let element = format!("{prefix}{name}");
    match found {
        Value::Null => {
            // The enterprise schema makes every member optional, and leaves out what is null.
            if to != Dialect::Enterprise {
                nil(out, &element);
            }
        }
        Value::Object(inner) if inner.contains_key("records") => {
            let records = inner.get("records").and_then(Value::as_array);
            open_typed(out, &element, "QueryResult");
            text(out, "done", "true");
            nil(out, "queryLocator");
            for record in records.into_iter().flatten().filter_map(Value::as_object) {
                write(out, store, "records", record, to);
            }
            text(out, "size", &records.map_or(0, Vec::len).to_string());
            close(out, &element);
        }
        Value::Object(inner) if inner.contains_key("attributes") => write(out, store, &element, inner, to),
        Value::Object(inner) => {
            open_typed(out, &element, if inner.contains_key("city") { "address" } else { "location" });
            for (part, value) in inner.iter().filter(|(_, value)| !value.is_null()) {
                text(out, &format!("{prefix}{part}"), &value::spell(value));
            }
            close(out, &element);
        }
        Value::Array(_) | Value::String(_) | Value::Bool(_) | Value::Number(_) => {
            text(out, &element, &blob(store, object, name, found).unwrap_or_else(|| spelled(found)));
        }
    }
}

/// The content of a blob, whose value is an address everywhere else.
fn blob(store: &Store, object: &str, name: &str, found: &Value) -> Option<String> {
    let field = store.schema.object(object)?.field(name).filter(|field| field.kind == Kind::Base64)?;
    let id = found.as_str()?.rsplit('/').nth(1)?;
    Some(store.row(&store.schema.object(object)?.name, id)?.get(&field.name)?.as_str()?.to_owned())
}

/// A value as XML Schema spells it: times end in `Z`.
fn spelled(found: &Value) -> String {
    let text = value::spell(found);
    match text.strip_suffix("+0000") {
        Some(moment) if moment.len() == "2026-01-02T03:04:05.000".len() => format!("{moment}Z"),
        _ => text,
    }
}

fn kind_of(record: &Map<String, Value>) -> &str {
    record.get("attributes").and_then(|found| found.get("type")).and_then(Value::as_str).unwrap_or("")
}
