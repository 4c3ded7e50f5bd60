//! `/services/apexrest/…`: resources that the owner of the org declares, for bodies that are not records.

use serde_json::{Map, Value, json};

use super::run::exception;
use crate::LATEST;
use crate::call::{Call, Reply};
use crate::change::Change;
use crate::failure::Failure;
use crate::read;
use crate::state::Visit;
use crate::value::Source;

/// A REST resource as a class of Apex would make it: which members of a body become which fields of records.
///
/// `POST` creates; with a key, `PUT` creates or changes; `GET`, `PUT`, `PATCH` and `DELETE` of `<path>/<id>` read, change
/// and delete one.
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
    /// The methods that it answers, in capitals; none means all. Several resources may share a path.
    pub methods: Vec<String>,
    /// What it answers with.
    pub answer: ApexAnswer,
}

/// What a resource of Apex answers with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ApexAnswer {
    /// `{"ids": […]}` to a write; to a read, an object of the members that its fields say.
    #[default]
    Ids,
    /// The id of the record that was written, as a text.
    Id,
    /// The record, as the REST API would show it with the fields that are named.
    Record,
    /// Nothing: it answers, and does nothing with records.
    Nothing,
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
        let methods = &resource.methods;
        if !methods.is_empty() && !methods.contains(&call.method) {
            return None;
        }
        let after = asked.strip_prefix(&resource.path)?;
        let id = after.strip_prefix('/').or_else(|| after.is_empty().then_some(""))?;
        Some((resource.clone(), id.to_owned()))
    });
    let (resource, id) =
        found.ok_or_else(|| Failure::request(404, "NOT_FOUND", "Could not find a match for URL"))?;
    match (call.method.as_str(), id.as_str()) {
        _ if resource.answer == ApexAnswer::Nothing => Ok(Reply::empty(204)),
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
            if resource.answer == ApexAnswer::Record {
                return Ok(Reply::json(200, shown(visit, &resource, id)));
            }
            let mut body = json!({"id": row.get("Id")});
            for (pointer, field) in &resource.fields {
                put(&mut body, pointer, row.get(field).cloned().unwrap_or(Value::Null));
            }
            Ok(Reply::json(200, body))
        }
        ("PUT" | "PATCH", id) if !id.is_empty() => {
            let body = call.json()?;
            let record = body.pointer(&resource.records).ok_or_else(|| no_content(&resource))?;
            let given = members(&resource, record);
            let author = visit.author(Source::Json);
            let done = visit.state.store.attempt(|store| store.update(&author, &resource.object, id, &given));
            done.map_err(|failure| apex_error("update", 0, &failure))?;
            Ok(Reply::json(200, answered(visit, &resource, &[id.to_owned()])))
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
    let found = body.pointer(&resource.records).ok_or_else(|| no_content(resource))?;
    let one = std::slice::from_ref(found);
    let records = found.as_array().map_or(one, Vec::as_slice);
    if records.len() > visit.state.limits.collection_records {
        return Err(Failure::request(500, "APEX_ERROR", "System.LimitException: Too many DML rows"));
    }
    let object = visit.state.store.object(&resource.object)?;
    let author = visit.author(Source::Json);
    let written = visit.state.store.attempt(|store| {
        let each = records.iter().enumerate().map(|(row, record)| {
            let given = members(resource, record);
            let verb = if *change == Change::Insert { "insert" } else { "upsert" };
            let done = change.apply(store, &author, &object, given);
            done.map(|changed| changed.id).map_err(|failure| apex_error(verb, row, &failure))
        });
        each.collect::<Result<Vec<String>, Failure>>()
    })?;
    Ok(Reply::json(200, answered(visit, resource, &written)))
}

/// The fields that a record of a body gives.
fn members(resource: &ApexRest, record: &Value) -> Map<String, Value> {
    let given = resource.fields.iter();
    given.filter_map(|(pointer, field)| Some((field.clone(), record.pointer(pointer)?.clone()))).collect()
}

/// What a write is answered with.
fn answered(visit: &Visit<'_>, resource: &ApexRest, ids: &[String]) -> Value {
    let first = ids.first().cloned().unwrap_or_default();
    match resource.answer {
        ApexAnswer::Ids => json!({"ids": ids}),
        ApexAnswer::Id => Value::String(first),
        ApexAnswer::Record => shown(visit, resource, &first),
        ApexAnswer::Nothing => Value::Null,
    }
}

/// A record with its id and the fields of the resource.
fn shown(visit: &Visit<'_>, resource: &ApexRest, id: &str) -> Value {
    let store = &visit.state.store;
    let row = crate::id::widen(id).and_then(|id| store.live(&resource.object, &id));
    let (Some(row), Some(object)) = (row, store.schema.object(&resource.object)) else { return Value::Null };
    let mut record = Map::new();
    record.insert("attributes".into(), read::attributes(object, row, LATEST));
    let names = std::iter::once("Id").chain(resource.fields.iter().map(|(_, field)| field.as_str()));
    for field in names.filter_map(|name| object.field(name)) {
        // Apex leaves out what is empty.
        let shown = read::value(object, row, field, LATEST);
        if !shown.is_null() {
            record.insert(field.name.clone(), shown);
        }
    }
    Value::Object(record)
}

fn no_content(resource: &ApexRest) -> Failure {
    let message = format!("No content to map at {}", resource.records);
    Failure::request(400, "JSON_PARSER_ERROR", message)
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
