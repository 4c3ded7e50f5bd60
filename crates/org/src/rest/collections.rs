//! `/composite/sobjects`: up to 200 records in one call.

use serde_json::{Map, Value, json};

use crate::call::{Call, Reply};
use crate::failure::Failure;
use crate::read;
use crate::state::Visit;
use crate::store::{Store, Upserted, upsert_field};
use crate::value::Source;

/// Answers what comes after `/composite/sobjects`.
pub(crate) fn route(
    visit: &mut Visit<'_>,
    call: &Call,
    method: &str,
    names: &[&str],
    raw: &[String],
) -> Result<Reply, Failure> {
    match (method, names) {
        ("POST", []) => write(visit, call, &Operation::Insert),
        ("PATCH", []) => write(visit, call, &Operation::Update),
        ("PATCH", [object, _]) => {
            let object = visit.state.store.schema.object(object).cloned().ok_or_else(Failure::not_found)?;
            let field = raw.get(1).map_or("", String::as_str);
            let field = upsert_field(&object, field)?.name.clone();
            write(visit, call, &Operation::Upsert(object.name.clone(), field))
        }
        ("DELETE", []) => delete(visit, call),
        ("POST" | "GET", [object]) => retrieve(visit, call, object),
        ("GET" | "POST" | "PATCH" | "DELETE", [] | [_] | [_, _]) => Err(Failure::method_not_allowed(method)),
        _ => Err(Failure::not_found()),
    }
}

/// What to do with each record.
enum Operation {
    Insert,
    Update,
    Upsert(String, String),
}

/// What became of one record.
struct Done {
    id: Option<String>,
    created: Option<bool>,
    failure: Option<Failure>,
}

fn write(visit: &mut Visit<'_>, call: &Call, operation: &Operation) -> Result<Reply, Failure> {
    let body = call.object()?;
    let all_or_none = body.get("allOrNone").and_then(Value::as_bool).unwrap_or(false);
    let records = body
        .get("records")
        .and_then(Value::as_array)
        .ok_or_else(|| Failure::request(400, "INVALID_INPUT", "records must be an array of records"))?;
    bound(records.len(), visit.state.limits.collection_records)?;
    let author = visit.author(Source::Json);
    let store = &mut visit.state.store;
    let mark = store.begin();
    let mut done: Vec<Done> = Vec::with_capacity(records.len());
    for record in records {
        let one = store.attempt(|store| apply(store, &author, operation, record));
        done.push(one.unwrap_or_else(|failure| Done {
            id: None,
            created: would_create(store, operation, record),
            failure: Some(failure),
        }));
    }
    let keep = !all_or_none || done.iter().all(|one| one.failure.is_none());
    store.end(mark, keep);
    if !keep {
        roll_back(&mut done);
    }
    Ok(Reply::json(200, Value::Array(done.iter().map(Done::body).collect())))
}

fn apply(
    store: &mut Store,
    author: &crate::store::Author,
    operation: &Operation,
    record: &Value,
) -> Result<Done, Failure> {
    let invalid = |message: &str| Failure::row("INVALID_INPUT", message, &[]);
    let Value::Object(record) = record else { return Err(invalid("each record must be an object")) };
    let typed =
        record.get("attributes").and_then(|attributes| attributes.get("type")).and_then(Value::as_str);
    let mut fields: Map<String, Value> = record.clone();
    match operation {
        Operation::Insert => {
            let object = typed.ok_or_else(|| invalid("each record must name its type in attributes"))?;
            let id = store.insert(author, object, &fields)?;
            Ok(Done { id: Some(id), created: None, failure: None })
        }
        Operation::Update => {
            let key = fields.keys().find(|key| key.eq_ignore_ascii_case("id")).cloned();
            let id = key.and_then(|key| fields.remove(&key)).and_then(|id| id.as_str().map(str::to_owned));
            let id = id.ok_or_else(|| {
                Failure::row("MISSING_ARGUMENT", "Id not specified in an update call", &["Id"])
            })?;
            let by_id = crate::id::widen(&id)
                .and_then(|id| store.schema.object_of_id(&id).map(|object| object.name.clone()));
            let object = typed
                .map(str::to_owned)
                .or(by_id)
                .ok_or_else(|| invalid("each record must name its type"))?;
            store.update(author, &object, &id, &fields)?;
            Ok(Done { id: crate::id::widen(&id), created: None, failure: None })
        }
        Operation::Upsert(object, field) => {
            if let Some(typed) = typed.filter(|typed| !typed.eq_ignore_ascii_case(object)) {
                return Err(invalid(&format!("record of type {typed} in an upsert of {object}")));
            }
            let name = fields.keys().find(|key| key.eq_ignore_ascii_case(field)).cloned();
            let value = name.and_then(|name| fields.remove(&name)).unwrap_or(Value::Null);
            let key = crate::value::spell(&value);
            if key.is_empty() && field == "Id" {
                let id = store.insert(author, object, &fields)?;
                return Ok(Done { id: Some(id), created: Some(true), failure: None });
            }
            if key.is_empty() {
                let message = format!("{field} not specified");
                return Err(Failure::row("MISSING_ARGUMENT", message, &[]));
            }
            match store.upsert(author, object, (field, &key), &fields)? {
                Upserted::Created(id) => Ok(Done { id: Some(id), created: Some(true), failure: None }),
                Upserted::Updated(id) => Ok(Done { id: Some(id), created: Some(false), failure: None }),
                Upserted::Many(ids) => {
                    let message =
                        format!("{field}: more than one record found for external id field: {ids:?}");
                    Err(Failure::row("DUPLICATE_EXTERNAL_ID", message, &[field]))
                }
            }
        }
    }
}

/// What `created` says of a record that an upsert refused: whether there was none to change.
fn would_create(store: &Store, operation: &Operation, record: &Value) -> Option<bool> {
    let Operation::Upsert(object, field) = operation else { return None };
    let object = store.schema.object(object)?;
    let field = object.field(field)?;
    let named = record.as_object()?.iter().find(|(name, _)| name.eq_ignore_ascii_case(&field.name));
    let key = named.map(|(_, value)| crate::value::spell(value)).unwrap_or_default();
    Some(!key.is_empty() && store.find(object, field, &key).is_empty())
}

fn delete(visit: &mut Visit<'_>, call: &Call) -> Result<Reply, Failure> {
    let ids: Vec<&str> =
        call.parameter("ids").unwrap_or("").split(',').map(str::trim).filter(|id| !id.is_empty()).collect();
    if ids.is_empty() {
        return Err(Failure::request(400, "INVALID_INPUT", "ids must name at least one record"));
    }
    bound(ids.len(), visit.state.limits.collection_records)?;
    let all_or_none = call.parameter("allOrNone").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let author = visit.author(Source::Json);
    let store = &mut visit.state.store;
    let mark = store.begin();
    let mut done = Vec::with_capacity(ids.len());
    for id in ids {
        let wide = crate::id::widen(id);
        let object =
            wide.as_deref().and_then(|id| store.schema.object_of_id(id)).map(|object| object.name.clone());
        let ended = match object {
            Some(object) => store.delete(&author, &object, id).map_err(|mut failure| {
                failure.status = 400;
                failure
            }),
            None => Err(Failure::row("MALFORMED_ID", format!("malformed id {id}"), &[])),
        };
        done.push(Done { id: wide.filter(|_| ended.is_ok()), created: None, failure: ended.err() });
    }
    let keep = !all_or_none || done.iter().all(|one| one.failure.is_none());
    store.end(mark, keep);
    if !keep {
        roll_back(&mut done);
    }
    Ok(Reply::json(200, Value::Array(done.iter().map(Done::body).collect())))
}

fn retrieve(visit: &Visit<'_>, call: &Call, object: &str) -> Result<Reply, Failure> {
    let store = &visit.state.store;
    let object = store.schema.object(object).cloned().ok_or_else(Failure::not_found)?;
    let (ids, fields): (Vec<String>, Vec<String>) = if call.method == "GET" {
        let list = |name: &str| {
            call.parameter(name).unwrap_or("").split(',').map(|part| part.trim().to_owned()).collect()
        };
        (list("ids"), list("fields"))
    } else {
        let body = call.object()?;
        let list = |name: &str| {
            let items = body.get(name).and_then(Value::as_array).into_iter().flatten();
            items.filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>()
        };
        (list("ids"), list("fields"))
    };
    bound(ids.len(), RETRIEVE_MAX)?;
    let mut wanted = Vec::new();
    for name in fields.iter().filter(|name| !name.is_empty()) {
        wanted.push(object.field(name).ok_or_else(|| Failure::no_such_column(name, &object.name))?);
    }
    let records = ids.iter().map(|id| {
        let Some(row) = crate::id::widen(id).and_then(|id| store.live(&object.name, &id)) else {
            return Value::Null;
        };
        let mut record = Map::new();
        record.insert("attributes".into(), read::attributes(&object, row, &visit.version));
        for field in &wanted {
            record.insert(field.name.clone(), read::value(&object, row, field, &visit.version));
        }
        if let Some(id) = row.get("Id") {
            record.insert("Id".into(), id.clone());
        }
        Value::Object(record)
    });
    Ok(Reply::json(200, Value::Array(records.collect())))
}

impl Done {
    fn body(&self) -> Value {
        let mut map = Map::new();
        if let Some(id) = &self.id {
            map.insert("id".into(), json!(id));
        }
        map.insert("success".into(), json!(self.failure.is_none()));
        map.insert("errors".into(), json!(self.failure.iter().map(Failure::row_body).collect::<Vec<_>>()));
        if let Some(created) = self.created {
            map.insert("created".into(), json!(created));
        }
        Value::Object(map)
    }
}

/// Marks what had succeeded as taken back.
fn roll_back(done: &mut [Done]) {
    for one in done.iter_mut().filter(|one| one.failure.is_none()) {
        one.id = None;
        one.failure = Some(Failure::row(
            "ALL_OR_NONE_OPERATION_ROLLED_BACK",
            "Record rolled back because not all records were valid and the request was using AllOrNone header",
            &[],
        ));
    }
}

fn bound(given: usize, max: usize) -> Result<(), Failure> {
    if given > max {
        let message = format!("record limit reached. cannot submit more than {max} records in this call");
        return Err(Failure::request(400, "EXCEEDED_ID_LIMIT", message));
    }
    Ok(())
}

const RETRIEVE_MAX: usize = 2_000;
