//! `/sobjects/X/listviews`: every object has a list of all its records and one of those seen last.

use serde_json::{Value, json};

use crate::call::{Call, Reply};
use crate::failure::Failure;
use crate::id;
use crate::read;
use crate::rest::query::parse;
use crate::schema::Object;
use crate::soql::evaluate;
use crate::state::Visit;

/// Answers what comes after `/sobjects/X/listviews`.
pub(crate) fn route(
    visit: &Visit<'_>,
    call: &Call,
    object: &Object,
    names: &[&str],
) -> Result<Reply, Failure> {
    if names.is_empty() {
        let all = ALL.map(|kind| listed(visit, object, kind));
        return Ok(Reply::json(
            200,
            json!({
                "done": true, "listviews": all, "nextRecordsUrl": null, "size": all.len(), "sobjectType": object.name,
            }),
        ));
    }
    let wanted = names.first().and_then(|name| id::widen(name)).ok_or_else(Failure::not_found)?;
    let kind = ALL.into_iter().find(|kind| view_id(visit, object, *kind) == wanted);
    let kind = kind.ok_or_else(Failure::not_found)?;
    match names.get(1) {
        None => Ok(Reply::json(200, listed(visit, object, kind))),
        Some(&"describe") => Ok(Reply::json(200, described(visit, object, kind))),
        Some(&"results") => results(visit, call, object, kind),
        Some(_) => Err(Failure::not_found()),
    }
}

/// The query of the list view with this id.
pub(crate) fn query_of(visit: &Visit<'_>, wanted: &str) -> Option<String> {
    let objects = visit.state.store.schema.objects();
    let mut views = objects.flat_map(|object| ALL.map(|kind| (object, kind)));
    let (object, kind) = views.find(|(object, kind)| view_id(visit, object, *kind) == wanted)?;
    Some(text(object, kind))
}

/// The object and the id of the list view with this id, or of this object and name.
pub(crate) fn named(visit: &Visit<'_>, of: &str, name: Option<&str>) -> Option<(String, String)> {
    let objects = visit.state.store.schema.objects();
    let mut views = objects.flat_map(|object| ALL.map(|kind| (object, kind, view_id(visit, object, kind))));
    let wanted = id::widen(of);
    let (object, _, id) = views.find(|(object, kind, id)| match name {
        Some(name) => {
            object.name.eq_ignore_ascii_case(of) && names(object, *kind).0.eq_ignore_ascii_case(name)
        }
        None => wanted.as_ref() == Some(id),
    })?;
    Some((object.name.clone(), id))
}

/// The views of an object as the UI API describes each.
pub(crate) fn summaries(visit: &Visit<'_>, object: &Object) -> Vec<Value> {
    ALL.map(|kind| {
        let (name, label) = names(object, kind);
        json!({
            "apiName": name, "id": view_id(visit, object, kind), "label": label,
            "listUiUrl": visit.path(&format!("ui-api/list-ui/{}", view_id(visit, object, kind))),
        })
    })
    .to_vec()
}

/// The ids of the rows of a view.
pub(crate) fn rows(visit: &Visit<'_>, view: &str) -> Result<Vec<String>, Failure> {
    let text = query_of(visit, view).ok_or_else(Failure::not_found)?;
    match evaluate::find(&visit.lens(false), &parse(&text)?)? {
        evaluate::Found::Rows(ids) => Ok(ids),
        evaluate::Found::Count(_) | evaluate::Found::Groups(_) => Err(Failure::not_found()),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum View {
    All,
    Recent,
}

const ALL: [View; 2] = [View::All, View::Recent];

/// Views have no rows of their own: their ids follow from the place of their object.
fn view_id(visit: &Visit<'_>, object: &Object, kind: View) -> String {
    let place = visit.state.store.schema.objects().position(|known| known.name == object.name).unwrap_or(0);
    id::make("00B", u64::try_from(place * 2).unwrap_or(0) + 1 + u64::from(kind == View::Recent))
}

fn names(object: &Object, kind: View) -> (String, String) {
    let plural: String = object.plural.split(' ').collect();
    match kind {
        View::All => (format!("All{plural}"), format!("All {}", object.plural)),
        View::Recent => (format!("RecentlyViewed{plural}"), format!("Recently Viewed {}", object.plural)),
    }
}

fn text(object: &Object, kind: View) -> String {
    let name = object.name_field().map_or("Id", |field| &field.name);
    let select = if name == "Id" { "Id".to_owned() } else { format!("{name}, Id") };
    match kind {
        View::All => format!("SELECT {select} FROM {} ORDER BY {name} ASC NULLS FIRST, Id ASC", object.name),
        View::Recent => {
            format!("SELECT {select} FROM {} ORDER BY SystemModstamp DESC LIMIT 200", object.name)
        }
    }
}

fn listed(visit: &Visit<'_>, object: &Object, kind: View) -> Value {
    let id = view_id(visit, object, kind);
    let (name, label) = names(object, kind);
    let at = visit.path(&format!("sobjects/{}/listviews/{id}", object.name));
    json!({
        "describeUrl": format!("{at}/describe"), "developerName": name, "id": id, "label": label,
        "resultsUrl": format!("{at}/results"), "soqlCompatible": true, "url": at,
    })
}

fn columns(object: &Object) -> Vec<Value> {
    let fields = object.name_field().into_iter().chain(object.field("Id"));
    let column = |at: usize, name: &str, label: &str, kind: &str, hidden: bool| {
        let sort = if at == 0 { (json!("ascending"), json!(0)) } else { (Value::Null, Value::Null) };
        json!({
            "ascendingLabel": "A-Z", "descendingLabel": "Z-A", "fieldNameOrPath": name, "hidden": hidden, "label": label,
            "searchable": !hidden, "selectListItem": name, "sortDirection": sort.0, "sortIndex": sort.1, "sortable": !hidden,
            "type": kind,
        })
    };
    fields
        .enumerate()
        .map(|(at, field)| column(at, &field.name, &field.label, field.kind.name(), field.name == "Id"))
        .collect()
}

fn described(visit: &Visit<'_>, object: &Object, kind: View) -> Value {
    let order = object.name_field().map_or("Id", |field| &field.name);
    json!({
        "columns": columns(object),
        "id": view_id(visit, object, kind),
        "orderBy": [{"fieldNameOrPath": order, "nullsPosition": "first", "sortDirection": "ascending"}],
        "query": text(object, kind),
        "relatedEntityId": null,
        "scope": if kind == View::All { "everything" } else { "mru" },
        "scopeEntityId": null,
        "sobjectType": object.name,
        "whereCondition": {"conditions": [], "conjunction": "and"},
    })
}

fn results(visit: &Visit<'_>, call: &Call, object: &Object, kind: View) -> Result<Reply, Failure> {
    let number = |name: &str| call.parameter(name).and_then(|text| text.parse::<usize>().ok());
    let (limit, offset) = (number("limit").unwrap_or(25).min(2_000), number("offset").unwrap_or(0));
    let lens = visit.lens(false);
    let found = evaluate::find(&lens, &parse(&text(object, kind))?)?;
    let evaluate::Found::Rows(ids) = found else { return Err(Failure::not_found()) };
    let shown = ids.iter().skip(offset).take(limit).filter_map(|id| {
        let row = visit.state.store.live(&object.name, id)?;
        let cells = columns(object).into_iter().map(|column| {
            let name = column.get("fieldNameOrPath").and_then(Value::as_str).unwrap_or("");
            let value = object.field(name).map(|field| read::value(object, row, field, &visit.version));
            json!({"fieldNameOrPath": name, "value": value})
        });
        Some(json!({"columns": cells.collect::<Vec<_>>()}))
    });
    let shown: Vec<Value> = shown.collect();
    let (name, label) = names(object, kind);
    Ok(Reply::json(
        200,
        json!({
            "columns": columns(object), "developerName": name, "done": offset + shown.len() >= ids.len(),
            "id": view_id(visit, object, kind), "label": label, "size": shown.len(), "records": shown,
        }),
    ))
}
