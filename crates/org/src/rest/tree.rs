//! `/composite/tree/X`: records with their children, all or none.

use serde_json::{Map, Value, json};

use crate::call::{Call, Reply};
use crate::failure::Failure;
use crate::state::Visit;
use crate::store::{Author, Store};
use crate::value::Source;

/// `POST …/composite/tree/X`: up to 200 records, five levels deep.
pub(crate) fn create(visit: &mut Visit<'_>, call: &Call, object: &str) -> Result<Reply, Failure> {
    let object = visit.state.store.schema.object(object).cloned().ok_or_else(Failure::not_found)?;
    let body = call.object()?;
    let records = body.get("records").and_then(Value::as_array);
    let records = records
        .ok_or_else(|| Failure::request(400, "INVALID_INPUT", "records must be an array of records"))?;
    let author = visit.author(Source::Json);
    let mut growth =
        Growth { author, done: Vec::new(), errors: Vec::new(), max: visit.state.limits.collection_records };
    let store = &mut visit.state.store;
    let mark = store.begin();
    let ended = grow(store, &mut growth, &object.name, records, None, 1);
    let keep = ended.is_ok() && growth.errors.is_empty();
    store.end(mark, keep);
    ended?;
    if !keep {
        return Ok(Reply::json(400, json!({"hasErrors": true, "results": growth.errors})));
    }
    let results: Vec<Value> =
        growth.done.iter().map(|(reference, id)| json!({"referenceId": reference, "id": id})).collect();
    Ok(Reply::json(201, json!({"hasErrors": false, "results": results})))
}

/// What has grown so far.
struct Growth {
    author: Author,
    done: Vec<(String, String)>,
    errors: Vec<Value>,
    max: usize,
}

fn grow(
    store: &mut Store,
    growth: &mut Growth,
    object: &str,
    records: &[Value],
    parent: Option<(&str, &str)>,
    depth: u32,
) -> Result<(), Failure> {
    if depth > DEPTH_MAX {
        return Err(Failure::request(400, "INVALID_INPUT", "a tree may be at most five levels deep"));
    }
    let known = store.object(object)?;
    for record in records {
        if growth.done.len() + growth.errors.len() >= growth.max {
            return Err(Failure::exceeded(format!("a tree may hold at most {} records", growth.max)));
        }
        let Value::Object(record) = record else {
            return Err(Failure::request(400, "INVALID_INPUT", "each record must be an object"));
        };
        let attributes = record.get("attributes");
        let reference = attributes.and_then(|a| a.get("referenceId")).and_then(Value::as_str).unwrap_or("");
        if reference.is_empty() || growth.done.iter().any(|(known, _)| known == reference) {
            return Err(Failure::request(400, "INVALID_INPUT", "each record needs a referenceId of its own"));
        }
        let mut fields = Map::new();
        let mut children = Vec::new();
        for (name, value) in record {
            match value.get("records").and_then(Value::as_array) {
                Some(list) if value.is_object() => children.push((name, list)),
                _ => {
                    fields.insert(name.clone(), value.clone());
                }
            }
        }
        if let Some((field, id)) = parent {
            fields.insert(field.to_owned(), json!(id));
        }
        match store.insert(&growth.author, &known.name, &fields) {
            Err(failure) => {
                growth.errors.push(json!({"referenceId": reference, "errors": [failure.row_body()]}));
            }
            Ok(id) => {
                growth.done.push((reference.to_owned(), id.clone()));
                for (name, list) in children {
                    let found = known.children.iter().find(|child| {
                        child.name.as_deref().is_some_and(|known| known.eq_ignore_ascii_case(name))
                    });
                    let child = found.ok_or_else(|| Failure::no_such_column(name, &known.name))?;
                    grow(store, growth, &child.object, list, Some((&child.field, &id)), depth + 1)?;
                }
            }
        }
    }
    Ok(())
}

const DEPTH_MAX: u32 = 5;
