//! `/sobjects/…`: one record at a time.

use serde_json::{Map, Value, json};

use crate::call::{Call, Reply};
use crate::datetime;
use crate::describe;
use crate::failure::Failure;
use crate::multipart;
use crate::read;
use crate::rest::{layouts, limits, list_views, quick_actions, related};
use crate::schema::{Kind, Object};
use crate::state::Visit;
use crate::store::{Row, Upserted, events, is_deleted, upsert_field};
use crate::value::Source;

/// Answers what comes after `/sobjects/`: `names` in lower case, `raw` as written.
pub(crate) fn route(
    visit: &mut Visit<'_>,
    call: &Call,
    method: &str,
    names: &[&str],
    raw: &[String],
) -> Result<Reply, Failure> {
    let object = names.first().and_then(|name| visit.state.store.schema.object(name)).cloned();
    let object = object.ok_or_else(Failure::not_found)?;
    let all = raw;
    let raw = |at: usize| raw.get(at).map_or("", String::as_str);
    match (method, names) {
        ("GET", [_]) => {
            let recent = limits::recent_items(visit, Some(&object.name), 200);
            let body =
                json!({"objectDescribe": describe::summary(&object, &visit.version), "recentItems": recent});
            Ok(Reply::json(200, body))
        }
        ("POST", [_] | [_, "id"]) => create(visit, call, &object),
        ("GET", [_, "describe"]) => {
            let body = describe::with_pages(&object, &visit.version, &visit.base);
            Ok(unless_known(visit, call, body))
        }
        ("GET", [_, "updated" | "deleted"]) => {
            let moment = |name: &str| call.parameter(name).unwrap_or("");
            let between = (moment("start"), moment("end"));
            let found = changed(visit, &object, between, names.get(1) == Some(&"deleted"))?;
            Ok(Reply::json(200, found))
        }
        ("GET", [_, "listviews", rest @ ..]) => list_views::route(visit, call, &object, rest),
        ("GET" | "POST", [_, "quickactions", ..]) => {
            let rest = (names.get(2..).unwrap_or(&[]), all.get(2..).unwrap_or(&[]));
            quick_actions::route(visit, call, method, rest, Some(&object))
        }
        ("GET", [_, _]) => get(visit, call, &object, raw(1)),
        ("PATCH", [_, _]) => update(visit, call, &object, raw(1)),
        ("DELETE", [_, _]) => delete(visit, &object, raw(1)),
        (_, [_, id, _]) if object.field(id).is_none() && crate::id::widen(id).is_some() => {
            related::answer(visit, call, method, &object, (raw(1), raw(2)))
        }
        ("GET", [_, "describe", rest @ ..]) => layouts::route(visit, &object, rest),
        ("GET", [_, _, _]) => {
            let id = by_external_id(visit, &object, raw(1), raw(2))?;
            get(visit, call, &object, &id)
        }
        ("PATCH", [_, _, _]) => upsert(visit, call, &object, raw(1), raw(2)),
        ("DELETE", [_, _, _]) => {
            let id = by_external_id(visit, &object, raw(1), raw(2))?;
            delete(visit, &object, &id)
        }
        (_, [_] | [_, _]) => Err(Failure::method_not_allowed(method)),
        _ => Err(Failure::not_found()),
    }
}

/// A description, or nothing where the client says that it has the one that is still right.
///
/// It changes only with the schema, so its tag is a digest of itself, and its date that of the last deployment.
pub(crate) fn unless_known(visit: &Visit<'_>, call: &Call, body: Value) -> Reply {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, body.to_string().as_bytes());
    let short = digest.as_ref().get(..4).unwrap_or_default();
    let tag = format!("\"{}\"", data_encoding::HEXLOWER.encode(short));
    let changed_ms = visit.state.schema_ms;
    let same = call.header("if-none-match").is_some_and(|known| known.contains(&tag));
    let since = call.header("if-modified-since").and_then(datetime::read_http_date);
    let known = same || since.is_some_and(|since_ms| since_ms / 1_000 >= changed_ms / 1_000);
    let reply = if known { Reply::empty(304) } else { Reply::json(200, body) };
    reply.with("etag", tag).with("last-modified", datetime::spell_http_date(changed_ms))
}

fn create(visit: &mut Visit<'_>, call: &Call, object: &Object) -> Result<Reply, Failure> {
    let given = given(call, object)?;
    let author = visit.author(Source::Json);
    let id = visit.state.store.attempt(|store| store.insert(&author, &object.name, &given))?;
    if events::is_event(object) {
        let replay = visit.state.store.events(&object.name).last().and_then(|event| event.get("EventUuid"));
        let enqueued = json!({"statusCode": "OPERATION_ENQUEUED", "message": replay, "fields": []});
        return Ok(Reply::json(201, json!({"id": id, "success": true, "errors": [enqueued]})));
    }
    visit.touched(&object.name, &id);
    audit(visit, object, &id, Change::Created);
    let location = visit.path(&format!("sobjects/{}/{id}", object.name));
    Ok(Reply::json(201, json!({"id": id, "success": true, "errors": []})).with("location", location))
}

/// The members that a request brings: JSON, or a form of one JSON part and one part a blob.
fn given(call: &Call, object: &Object) -> Result<Map<String, Value>, Failure> {
    let Some(boundary) = call.header("content-type").and_then(multipart::boundary) else {
        return call.object();
    };
    let parts = multipart::parts(&call.body, &boundary).map_err(Failure::bad_json)?;
    let is_json = |part: &&multipart::Part| part.kind.starts_with("application/json");
    let first =
        parts.iter().find(is_json).or_else(|| parts.iter().find(|part| part.name.starts_with("entity_")));
    let first = first.ok_or_else(|| {
        Failure::request(
            400,
            "INVALID_MULTIPART_REQUEST",
            "the form has no part of content type application/json",
        )
    })?;
    let inner = Call { body: first.content.clone(), headers: Vec::new(), ..call.clone() };
    let mut given = inner.object()?;
    for part in parts.iter().filter(|part| part.name != first.name) {
        let field = object.field(&part.name).filter(|field| field.kind == Kind::Base64).ok_or_else(|| {
            let message = format!("the part {} is not a binary field of {}", part.name, object.name);
            Failure::request(400, "INVALID_MULTIPART_REQUEST", message)
        })?;
        given.insert(field.name.clone(), Value::String(data_encoding::BASE64.encode(&part.content)));
    }
    Ok(given)
}

/// Notes a change of users or of what they may, which is a change of the setup.
fn audit(visit: &mut Visit<'_>, object: &Object, id: &str, change: Change) {
    let (action, said) = match (object.name.as_str(), change) {
        ("PermissionSetAssignment", Change::Created) => ("PermSetAssign", "Assigned a permission set"),
        ("PermissionSetAssignment", Change::Deleted) => ("PermSetUnassign", "Took a permission set away"),
        ("PermissionSet" | "ObjectPermissions" | "FieldPermissions", _) => {
            ("PermSetChanged", "Changed a permission set")
        }
        ("User", Change::Created) => ("createduser", "Created a user"),
        ("User", _) => ("changedUser", "Changed a user"),
        ("UserRole", _) => ("roleChanged", "Changed a role"),
        _ => return,
    };
    visit.audit(action, "Manage Users", &format!("{said}: {id}"));
}

#[derive(Debug, Clone, Copy)]
enum Change {
    Created,
    Changed,
    Deleted,
}

pub(crate) fn get(visit: &Visit<'_>, call: &Call, object: &Object, id: &str) -> Result<Reply, Failure> {
    let row = find(visit, object, id)?;
    let Some(fields) = call.parameter("fields").filter(|fields| !fields.is_empty()) else {
        return Ok(Reply::json(200, Value::Object(read::record(object, row, &visit.version))));
    };
    let mut record = Map::new();
    record.insert("attributes".into(), read::attributes(object, row, &visit.version));
    for name in fields.split(',').map(str::trim) {
        let field = object.field(name).ok_or_else(|| Failure::no_such_column(name, &object.name))?;
        record.insert(field.name.clone(), read::value(object, row, field, &visit.version));
    }
    if let Some(id) = row.get("Id") {
        record.insert("Id".into(), id.clone());
    }
    Ok(Reply::json(200, Value::Object(record)))
}

pub(crate) fn update(
    visit: &mut Visit<'_>,
    call: &Call,
    object: &Object,
    id: &str,
) -> Result<Reply, Failure> {
    let given = given(call, object)?;
    let author = visit.author(Source::Json);
    visit.state.store.attempt(|store| store.update(&author, &object.name, id, &given))?;
    visit.touched(&object.name, &crate::id::widen(id).unwrap_or_default());
    audit(visit, object, id, Change::Changed);
    Ok(Reply::empty(204))
}

pub(crate) fn delete(visit: &mut Visit<'_>, object: &Object, id: &str) -> Result<Reply, Failure> {
    let author = visit.author(Source::Json);
    visit.state.store.attempt(|store| store.delete(&author, &object.name, id))?;
    audit(visit, object, id, Change::Deleted);
    Ok(Reply::empty(204))
}

fn upsert(
    visit: &mut Visit<'_>,
    call: &Call,
    object: &Object,
    field: &str,
    value: &str,
) -> Result<Reply, Failure> {
    let given = call.object()?;
    if given.keys().any(|name| name.eq_ignore_ascii_case(field) && !name.eq_ignore_ascii_case("Id")) {
        let message = format!("The {field} field should not be specified in the sobject data.");
        return Err(Failure::request(400, "INVALID_FIELD", message));
    }
    let author = visit.author(Source::Json);
    let done =
        visit.state.store.attempt(|store| store.upsert(&author, &object.name, (field, value), &given))?;
    let (status, id, created) = match done {
        Upserted::Created(id) => (201, id, true),
        Upserted::Updated(id) => (200, id, false),
        Upserted::Many(ids) => {
            let urls = ids.iter().map(|id| json!(visit.path(&format!("sobjects/{}/{id}", object.name))));
            return Ok(Reply::json(300, Value::Array(urls.collect())));
        }
    };
    visit.touched(&object.name, &id);
    let location = visit.path(&format!("sobjects/{}/{id}", object.name));
    let reply = Reply::json(status, json!({"id": id, "success": true, "errors": [], "created": created}));
    Ok(if created { reply.with("location", location) } else { reply })
}

/// The record an external id names; several are an answer of their own.
fn by_external_id(visit: &Visit<'_>, object: &Object, field: &str, value: &str) -> Result<String, Failure> {
    let store = &visit.state.store;
    let field = upsert_field(object, field)?;
    match store.find(object, field, value).as_slice() {
        [] => Err(Failure::not_found()),
        [one] => Ok(one.clone()),
        _ => Err(Failure::request(300, "MULTIPLE_CHOICES", "more than one record has this external id")),
    }
}

pub(crate) fn find<'a>(visit: &'a Visit<'_>, object: &Object, given: &str) -> Result<&'a Row, Failure> {
    let malformed = || {
        let message = format!("Provided external ID field does not exist or is not accessible: {given}");
        Failure::request(404, "NOT_FOUND", message)
    };
    let id = crate::id::widen(given).ok_or_else(malformed)?;
    match visit.state.store.row(&object.name, &id) {
        None => Err(Failure::not_found()),
        Some(row) if is_deleted(row) => Err(Failure::missing_row("ENTITY_IS_DELETED", "entity is deleted")),
        Some(row) => Ok(row),
    }
}

pub(crate) fn blob(visit: &Visit<'_>, object: &Object, id: &str, field: &str) -> Result<Reply, Failure> {
    let row = find(visit, object, id)?;
    let field =
        object.field(field).filter(|field| field.kind == Kind::Base64).ok_or_else(Failure::not_found)?;
    let text = row.get(&field.name).and_then(Value::as_str).unwrap_or("");
    let bytes = data_encoding::BASE64.decode(text.as_bytes()).unwrap_or_default();
    Ok(Reply::raw(200, "application/octet-stream", bytes))
}

/// `…/updated` and `…/deleted`: which records changed between two moments.
pub(crate) fn changed(
    visit: &Visit<'_>,
    object: &Object,
    (start, end): (&str, &str),
    deleted: bool,
) -> Result<Value, Failure> {
    let moment = |name: &str, text: &str| {
        datetime::read_date_time(text).map(datetime::spell_date_time).ok_or_else(|| {
            Failure::request(400, "INVALID_FIELD", format!("{name} must be an ISO 8601 date-time"))
        })
    };
    let (start, end) = (moment("start", start)?, moment("end", end)?);
    let hits = visit.state.store.rows(&object.name).filter(|(_, row)| is_deleted(row) == deleted).filter_map(
        |(id, row)| {
            let when = row.get("SystemModstamp")?.as_str()?;
            (when >= start.as_str() && when <= end.as_str()).then(|| (id.clone(), when.to_owned()))
        },
    );
    Ok(if deleted {
        let records: Vec<Value> = hits.map(|(id, when)| json!({"id": id, "deletedDate": when})).collect();
        json!({"deletedRecords": records, "earliestDateAvailable": start, "latestDateCovered": end})
    } else {
        json!({"ids": hits.map(|(id, _)| id).collect::<Vec<_>>(), "latestDateCovered": end})
    })
}
