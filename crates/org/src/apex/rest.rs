//! `/services/apexrest/…`: resources that the owner of the org declares, for bodies that are not records.

use serde_json::{Map, Value, json};

use super::run::exception;
use crate::call::{Call, Reply};
use crate::change::Change;
use crate::failure::Failure;
use crate::state::Visit;
use crate::value::Source;

/// A REST resource as a class of Apex would make it: which members of a body become which fields of records.
///
/// `POST` creates; with a key, `PUT` creates or changes; `GET` and `DELETE` of `<path>/<id>` read and delete one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApexRest {
    /// Path after `/services/apexrest/`, without a slash at either end.
    pub path: String,
    /// The object whose records it writes.
    pub object: String,
    /// JSON pointer to the record or list of records in the body; empty for the body itself.
    pub records: String,
    /// JSON pointer within a record, and the field that it becomes.
    pub fields: Vec<(String, String)>,
    /// The field that `PUT` finds records by, if it does.
    pub key: Option<String>,
}

/// Answers what comes after `/services/apexrest/`.
pub(crate) fn answer(visit: &mut Visit<'_>, call: &Call, rest: &[String]) -> Reply {
    visit.state.requests += 1;
    match route(visit, call, rest) {
        Ok(reply) => reply,
        Err(failure) => Reply::failure(&failure),
    }
}

fn route(visit: &mut Visit<'_>, call: &Call, rest: &[String]) -> Result<Reply, Failure> {
    let asked = rest.join("/");
    let found = visit.state.apex_rest.iter().find_map(|resource| {
        let after = asked.strip_prefix(&resource.path)?;
        let id = after.strip_prefix('/').or_else(|| after.is_empty().then_some(""))?;
        Some((resource.clone(), id.to_owned()))
    });
    let (resource, id) =
        found.ok_or_else(|| Failure::request(404, "NOT_FOUND", "Could not find a match for URL"))?;
    match (call.method.as_str(), id.as_str()) {
        ("POST", "") => write(visit, call, &resource, &Change::Insert),
        ("PUT", "") if resource.key.is_some() => {
            let change = Change::Upsert(resource.key.clone().unwrap_or_default());
            write(visit, call, &resource, &change)
        }
        ("GET", id) if !id.is_empty() => {
            let store = &visit.state.store;
            let row = crate::id::widen(id).and_then(|id| store.live(&resource.object, &id));
            let row = row.ok_or_else(|| {
                let message = "System.QueryException: List has no rows for assignment to SObject";
                Failure::request(500, "APEX_ERROR", message)
            })?;
            let mut body = json!({"id": row.get("Id")});
            for (pointer, field) in &resource.fields {
                put(&mut body, pointer, row.get(field).cloned().unwrap_or(Value::Null));
            }
            Ok(Reply::json(200, body))
        }
        ("DELETE", id) if !id.is_empty() => {
            let author = visit.author(Source::Json);
            let done = visit.state.store.attempt(|store| store.delete(&author, &resource.object, id));
            done.map_err(|failure| apex_error("delete", 0, &failure))?;
            Ok(Reply::empty(204))
        }
        (method, _) => {
            let message = format!("HTTP Method '{method}' not allowed. Allowed are POST");
            Err(Failure::request(405, "METHOD_NOT_ALLOWED", message))
        }
    }
}

/// Writes the records of a body, all or none.
fn write(visit: &mut Visit<'_>, call: &Call, resource: &ApexRest, change: &Change) -> Result<Reply, Failure> {
    let body = call.json()?;
    let missing = || {
        let message = format!("No content to map at {}", resource.records);
        Failure::request(400, "JSON_PARSER_ERROR", message)
    };
    let found = body.pointer(&resource.records).ok_or_else(missing)?;
    let one = std::slice::from_ref(found);
    let records = found.as_array().map_or(one, Vec::as_slice);
    if records.len() > visit.state.limits.collection_records {
        return Err(Failure::request(500, "APEX_ERROR", "System.LimitException: Too many DML rows"));
    }
    let object = visit.state.store.object(&resource.object)?;
    let author = visit.author(Source::Json);
    let written = visit.state.store.attempt(|store| {
        let each = records.iter().enumerate().map(|(row, record)| {
            let members = resource
                .fields
                .iter()
                .filter_map(|(pointer, field)| Some((field.clone(), record.pointer(pointer)?.clone())));
            let given: Map<String, Value> = members.collect();
            let verb = if *change == Change::Insert { "insert" } else { "upsert" };
            let done = change.apply(store, &author, &object, given);
            done.map(|changed| changed.id).map_err(|failure| apex_error(verb, row, &failure))
        });
        each.collect::<Result<Vec<String>, Failure>>()
    })?;
    Ok(Reply::json(200, json!({"ids": written})))
}

/// What a class that does not catch its exceptions answers.
fn apex_error(verb: &str, row: usize, failure: &Failure) -> Failure {
    let message = format!("{}\n\nClass.RestResource: line 1, column 1", exception(verb, row, failure));
    Failure::request(500, "APEX_ERROR", message)
}

/// Puts a value where a pointer such as `/name/family` says.
fn put(body: &mut Value, pointer: &str, found: Value) {
    let mut at = body;
    for step in pointer.split('/').skip(1) {
        if !at.is_object() {
            *at = json!({});
        }
        let Some(members) = at.as_object_mut() else { return };
        at = members.entry(step.to_owned()).or_insert(Value::Null);
    }
    *at = found;
}
