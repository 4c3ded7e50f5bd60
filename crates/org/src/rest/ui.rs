//! `/ui-api/…`: records, object information and lists in the form of the User Interface API.

mod info;
pub(crate) mod record;

use serde_json::{Map, Value, json};

use crate::call::{Call, Reply};
use crate::failure::Failure;
use crate::rest::{layouts, list_views};
use crate::schema::Object;
use crate::state::Visit;
use crate::store::events;
use crate::value::Source;
use record::Fields;

/// Answers what comes after `/ui-api`: `names` in lower case, `raw` as written.
pub(crate) fn route(
    visit: &mut Visit<'_>,
    call: &Call,
    method: &str,
    names: &[&str],
    raw: &[String],
) -> Result<Reply, Failure> {
    let raw = |at: usize| raw.get(at).map_or("", String::as_str);
    match (method, names) {
        ("POST", ["records"]) => create(visit, call),
        ("GET", ["records", "batch", _]) => {
            let fields = Fields::asked(call)?;
            let results: Vec<Value> =
                split(raw(2))?.map(|id| result(record::get(visit, id, &fields))).collect();
            let failed = results.iter().any(|one| one.get("statusCode") != Some(&json!(200)));
            Ok(Reply::json(200, json!({"hasErrors": failed, "results": results})))
        }
        ("GET", ["records", _]) => Ok(Reply::json(200, record::get(visit, raw(1), &Fields::asked(call)?)?)),
        ("PATCH", ["records", _]) => update(visit, call, raw(1)),
        ("DELETE", ["records", _]) => {
            let object = record::object_of(visit, raw(1))?;
            let author = visit.author(Source::Json);
            visit.state.store.attempt(|store| store.delete(&author, &object.name, raw(1)))?;
            Ok(Reply::empty(204))
        }
        ("GET", ["record-ui", _]) => record_ui(visit, call, raw(1)),
        ("GET", ["object-info"]) => Ok(Reply::json(200, info::directory(visit))),
        ("GET", ["object-info", "batch", _]) => {
            let infos = split(raw(2))?.map(|name| result(info::named(visit, name)));
            let results: Vec<Value> = infos.collect();
            Ok(Reply::json(200, json!({"results": results})))
        }
        ("GET", ["object-info", _]) => Ok(Reply::json(200, info::named(visit, raw(1))?)),
        ("GET", ["object-info", _, "picklist-values", _]) => info::picklists(visit, raw(1)),
        ("GET", ["object-info", _, "picklist-values", _, _]) => info::picklist(visit, raw(1), raw(4)),
        ("GET", ["mru-list-records" | "mru-list-ui", _]) => recent(visit, call, raw(1)),
        ("GET", ["related-list-records", _, _]) => related(visit, call, raw(1), raw(2)),
        ("GET", ["list-ui", _]) if crate::id::widen(raw(1)).is_none() => {
            let object = visit.state.store.object(raw(1))?;
            let lists = list_views::summaries(visit, &object);
            Ok(Reply::json(200, json!({"count": lists.len(), "lists": lists, "nextPageToken": null})))
        }
        ("GET", ["list-records", _]) => Ok(Reply::json(200, view(visit, call, raw(1), None)?.1)),
        ("GET", ["list-records", _, _]) => Ok(Reply::json(200, view(visit, call, raw(1), Some(raw(2)))?.1)),
        ("GET", ["list-ui", _] | ["list-ui", _, _]) => {
            let (info, records) = view(visit, call, raw(1), names.get(2).map(|_| raw(2)))?;
            Ok(Reply::json(200, json!({"eTag": record::tag(&records), "info": info, "records": records})))
        }
        (
            _,
            [
                "records"
                | "record-ui"
                | "object-info"
                | "mru-list-records"
                | "related-list-records"
                | "list-records"
                | "list-ui",
                ..,
            ],
        ) => Err(Failure::method_not_allowed(method)),
        _ => Err(Failure::not_found()),
    }
}

fn create(visit: &mut Visit<'_>, call: &Call) -> Result<Reply, Failure> {
    let body = call.object()?;
    let name = body.get("apiName").and_then(Value::as_str).unwrap_or("");
    let object = visit.state.store.object(name)?;
    let author = visit.author(Source::Json);
    let given = members(&body)?;
    match visit.state.store.attempt(|store| store.insert(&author, &object.name, &given)) {
        Ok(id) if events::is_event(&object) => Ok(Reply::json(201, json!({"id": id, "success": true}))),
        Ok(id) => {
            visit.touched(&object.name, &id);
            Ok(Reply::json(201, record::get(visit, &id, &Fields::all())?))
        }
        Err(failure) => Ok(refused(&object, &failure)),
    }
}

fn update(visit: &mut Visit<'_>, call: &Call, id: &str) -> Result<Reply, Failure> {
    let object = record::object_of(visit, id)?;
    let mut given = members(&call.object()?)?;
    given.retain(|name, _| !name.eq_ignore_ascii_case("Id"));
    let author = visit.author(Source::Json);
    match visit.state.store.attempt(|store| store.update(&author, &object.name, id, &given)) {
        Ok(()) => {
            visit.touched(&object.name, &crate::id::widen(id).unwrap_or_default());
            Ok(Reply::json(200, record::get(visit, id, &Fields::all())?))
        }
        Err(failure) => Ok(refused(&object, &failure)),
    }
}

/// The members under `fields`.
fn members(body: &Map<String, Value>) -> Result<Map<String, Value>, Failure> {
    let fields = body.get("fields").and_then(Value::as_object).cloned();
    fields.ok_or_else(|| Failure::bad_json("fields must be an object of field names and values"))
}

/// A refusal of a record, by field as a form would show it.
fn refused(object: &Object, failure: &Failure) -> Reply {
    let fields = failure.fields.clone().unwrap_or_default();
    let one = |field: Option<&str>| {
        let label = field.and_then(|name| object.field(name)).map(|field| field.label.clone());
        json!({
            "constituentField": null, "duplicateRecordError": null, "errorCode": failure.code,
            "field": field, "fieldLabel": label, "message": failure.message,
        })
    };
    let by_field: Map<String, Value> =
        fields.iter().map(|field| (field.clone(), json!([one(Some(field))]))).collect();
    let loose: Vec<Value> = if fields.is_empty() { vec![one(None)] } else { Vec::new() };
    let body = json!([{
        "message": "An error occurred while trying to update the record. Please try again.",
        "errorCode": failure.code,
        "statusCode": failure.status,
        "enhancedErrorType": "RecordError",
        "output": {"errors": loose, "fieldErrors": by_field},
    }]);
    Reply::json(failure.status, body)
}

/// One part of a batch.
fn result(found: Result<Value, Failure>) -> Value {
    match found {
        Ok(found) => json!({"result": found, "statusCode": 200}),
        Err(failure) => json!({"result": [failure.body()], "statusCode": failure.status}),
    }
}

fn record_ui(visit: &Visit<'_>, call: &Call, ids: &str) -> Result<Reply, Failure> {
    let fields = Fields::asked(call).unwrap_or_else(|_| Fields::all());
    let (mut records, mut infos, mut all) = (Map::new(), Map::new(), Map::new());
    for id in split(ids)? {
        let found = record::get(visit, id, &fields)?;
        let object = record::object_of(visit, id)?;
        records.insert(crate::id::widen(id).unwrap_or_default(), found);
        infos.insert(object.name.clone(), info::of(visit, &object));
        all.insert(object.name.clone(), json!({layouts::MASTER: {"Full": {"View": layouts::ui(&object)}}}));
    }
    let body = json!({
        "eTag": record::tag(&Value::Object(records.clone())),
        "layoutUserStates": {}, "layouts": all, "objectInfos": infos, "records": records,
    });
    Ok(Reply::json(200, body))
}

fn recent(visit: &Visit<'_>, call: &Call, name: &str) -> Result<Reply, Failure> {
    let object = visit.state.store.object(name)?;
    let size = page_size(call);
    let recent = visit.state.recent.iter().filter(|(kind, _)| *kind == object.name).map(|(_, id)| id);
    let live = recent.filter(|id| visit.state.store.live(&object.name, id).is_some()).take(size);
    let fields = Fields::asked(call).unwrap_or_else(|_| Fields::compact());
    let records = live.map(|id| record::get(visit, id, &fields)).collect::<Result<Vec<_>, _>>()?;
    Ok(Reply::json(200, list(call, &records)))
}

fn related(visit: &Visit<'_>, call: &Call, id: &str, name: &str) -> Result<Reply, Failure> {
    let object = record::object_of(visit, id)?;
    let id = crate::id::widen(id).unwrap_or_default();
    let store = &visit.state.store;
    store.live(&object.name, &id).ok_or_else(Failure::not_found)?;
    let child = object
        .children
        .iter()
        .find(|child| child.name.as_deref().is_some_and(|known| known.eq_ignore_ascii_case(name)));
    let child = child.ok_or_else(Failure::not_found)?;
    let fields = Fields::asked(call).unwrap_or_else(|_| Fields::compact());
    let pointing = store.rows(&child.object).filter(|(_, row)| {
        !crate::store::is_deleted(row) && row.get(&child.field).and_then(Value::as_str) == Some(&id)
    });
    let ids: Vec<&String> = pointing.map(|(id, _)| id).take(page_size(call)).collect();
    let records = ids.into_iter().map(|id| record::get(visit, id, &fields)).collect::<Result<Vec<_>, _>>()?;
    Ok(Reply::json(200, list(call, &records)))
}

/// What a list view is, and its rows.
fn view(visit: &Visit<'_>, call: &Call, of: &str, name: Option<&str>) -> Result<(Value, Value), Failure> {
    let (object, id) = list_views::named(visit, of, name).ok_or_else(Failure::not_found)?;
    let fields = Fields::asked(call).unwrap_or_else(|_| Fields::compact());
    let ids = list_views::rows(visit, &id)?;
    let shown = ids.iter().take(page_size(call)).map(|id| record::get(visit, id, &fields));
    let records = list(call, &shown.collect::<Result<Vec<_>, _>>()?);
    let info = json!({"listReference": {"id": id, "objectApiName": object, "type": "listView"}});
    Ok((info, records))
}

fn list(call: &Call, records: &[Value]) -> Value {
    json!({
        "count": records.len(), "currentPageToken": "0", "currentPageUrl": format!("/{}", call.segments.join("/")),
        "nextPageToken": null, "nextPageUrl": null, "previousPageToken": null, "previousPageUrl": null,
        "records": records,
    })
}

fn page_size(call: &Call) -> usize {
    call.parameter("pageSize").and_then(|text| text.parse::<usize>().ok()).unwrap_or(50).clamp(1, 2_000)
}

/// Parts of a path such as `001…,001…`, 200 at most.
fn split(text: &str) -> Result<impl Iterator<Item = &str>, Failure> {
    if text.split(',').count() > BATCH_MAX {
        return Err(Failure::exceeded(format!("a request may name at most {BATCH_MAX}")));
    }
    Ok(text.split(',').map(str::trim))
}

const BATCH_MAX: usize = 200;
