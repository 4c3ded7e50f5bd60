//! `/sobjects/<object>/<id>/<relationship>`: the parent of a record, or its children.

use serde_json::{Value, json};

use crate::call::{Call, Reply};
use crate::failure::Failure;
use crate::rest::sobjects;
use crate::schema::{Kind, Object};
use crate::soql::{Comparison, Condition, Item, Literal, Operand, Query, evaluate};
use crate::state::{Cursor, Visit};

/// Answers a blob, a parent or children; `name` is as written.
pub(crate) fn answer(
    visit: &mut Visit<'_>,
    call: &Call,
    method: &str,
    object: &Object,
    (id, name): (&str, &str),
) -> Result<Reply, Failure> {
    if object.field(name).is_some_and(|field| field.kind == Kind::Base64) {
        return match method {
            "GET" => sobjects::blob(visit, object, id, name),
            _ => Err(Failure::method_not_allowed(method)),
        };
    }
    if let Some(reference) = object.parent(name) {
        let row = sobjects::find(visit, object, id)?;
        let parent = row.get(&reference.name).and_then(Value::as_str).map(str::to_owned);
        let parent = parent.ok_or_else(Failure::not_found)?;
        let kind = visit.state.store.schema.object_of_id(&parent).cloned().ok_or_else(Failure::not_found)?;
        return match method {
            "GET" => sobjects::get(visit, call, &kind, &parent),
            "PATCH" => sobjects::update(visit, call, &kind, &parent),
            "DELETE" => sobjects::delete(visit, &kind, &parent),
            _ => Err(Failure::method_not_allowed(method)),
        };
    }
    if method != "GET" {
        return Err(Failure::method_not_allowed(method));
    }
    children(visit, call, object, (id, name))
}

/// The children of a record, as a query gives them.
fn children(
    visit: &mut Visit<'_>,
    call: &Call,
    object: &Object,
    (id, name): (&str, &str),
) -> Result<Reply, Failure> {
    let named = |known: &str| known.eq_ignore_ascii_case(name);
    let child = object.children.iter().find(|child| child.name.as_deref().is_some_and(named)).cloned();
    let child = child.ok_or_else(Failure::not_found)?;
    let row = sobjects::find(visit, object, id)?;
    let id = row.get("Id").and_then(Value::as_str).unwrap_or("").to_owned();
    let value = |path: &str| Item::Value { operand: Operand::Field(path.trim().to_owned()), alias: None };
    let asked = call.parameter("fields").filter(|fields| !fields.is_empty());
    let other = visit.state.store.object(&child.object)?;
    let shown = other.fields.iter().filter(|field| field.kind != Kind::Base64);
    let select = match asked {
        Some(fields) => fields.split(',').map(value).collect(),
        None => shown.map(|field| value(&field.name)).collect(),
    };
    let pointing = Condition::Compare(Operand::Field(child.field), Comparison::Equal, Literal::Text(id));
    let query = Query { filter: Some(pointing), ..Query::all(select, child.object) };
    let lens = visit.lens(false);
    let found = evaluate::find(&lens, &query)?;
    let size = visit.state.batch_rows;
    let records = evaluate::page(&lens, &query, &found, 0, size)?;
    let mut body = json!({"totalSize": found.total(), "done": found.len() <= size});
    let ticket = visit.state.ticket("01g");
    if let Some(map) = body.as_object_mut() {
        if found.len() > size {
            map.insert("nextRecordsUrl".into(), json!(visit.path(&format!("query/{ticket}-{size}"))));
        }
        map.insert("records".into(), Value::Array(records));
    }
    if found.len() > size {
        visit.state.cursors.open(Cursor { id: ticket, query, found, deleted: false, size });
    }
    Ok(Reply::json(200, body))
}
