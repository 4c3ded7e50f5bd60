//! `/analytics/reports`: one tabular report an object, of all its records.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::call::Reply;
use crate::failure::Failure;
use crate::schema::{Field, Kind, Object};
use crate::soql::{Item, Operand, Query, evaluate};
use crate::state::Visit;
use crate::value;

/// Answers what comes after `/analytics/reports`.
pub(crate) fn route(visit: &Visit<'_>, method: &str, names: &[&str]) -> Result<Reply, Failure> {
    match (method, names) {
        ("GET", []) => {
            let all = OBJECTS.iter().filter_map(|name| visit.state.store.schema.object(name));
            Ok(Reply::json(200, Value::Array(all.map(|object| listed(visit, object)).collect())))
        }
        ("GET", [id, "describe"]) => {
            let object = known(visit, id)?;
            let body = json!({
                "attributes": attributes(visit, &object),
                "reportExtendedMetadata": extended(&object),
                "reportMetadata": metadata(&object),
            });
            Ok(Reply::json(200, body))
        }
        ("GET" | "POST", [id]) => run(visit, &known(visit, id)?),
        (_, [] | [_] | [_, "describe"]) => Err(Failure::method_not_allowed(method)),
        _ => Err(Failure::not_found()),
    }
}

/// The object that a report is about.
fn known(visit: &Visit<'_>, id: &str) -> Result<Arc<Object>, Failure> {
    let wide = crate::id::widen(id);
    let found = OBJECTS
        .iter()
        .filter_map(|name| visit.state.store.schema.object(name))
        .find(|object| Some(report_id(object)) == wide);
    found.cloned().ok_or_else(|| {
        Failure::request(404, "NOT_FOUND", "The requested resource does not exist or is not available to you")
    })
}

fn run(visit: &Visit<'_>, object: &Arc<Object>) -> Result<Reply, Failure> {
    let columns: Vec<&Field> = columns(object).collect();
    let item = |field: &&Field| Item::Value { operand: Operand::Field(field.name.clone()), alias: None };
    let query = Query::all(columns.iter().map(item).collect(), object.name.clone());
    let lens = visit.lens(false);
    let found = evaluate::find(&lens, &query)?;
    let page = evaluate::page(&lens, &query, &found, 0, ROWS_MAX)?;
    let rows = page.iter().map(|record| {
        let cells = columns.iter().map(|field| {
            let found = record.get(&field.name).unwrap_or(&Value::Null);
            let label = if found.is_null() { "-".to_owned() } else { value::spell(found) };
            json!({"label": label, "value": found})
        });
        json!({"dataCells": cells.collect::<Vec<_>>()})
    });
    let count = found.total();
    Ok(Reply::json(
        200,
        json!({
            "allData": count <= ROWS_MAX,
            "attributes": attributes(visit, object),
            "factMap": {"T!T": {
                "aggregates": [{"label": count.to_string(), "value": count}],
                "rows": rows.collect::<Vec<_>>(),
            }},
            "groupingsAcross": {"groupings": []},
            "groupingsDown": {"groupings": []},
            "hasDetailRows": true,
            "reportExtendedMetadata": extended(object),
            "reportMetadata": metadata(object),
        }),
    ))
}

fn listed(visit: &Visit<'_>, object: &Object) -> Value {
    let id = report_id(object);
    let at = visit.path(&format!("analytics/reports/{id}"));
    json!({
        "describeUrl": format!("{at}/describe"), "fieldsUrl": null, "id": id, "instancesUrl": format!("{at}/instances"),
        "name": name(object), "url": at,
    })
}

fn attributes(visit: &Visit<'_>, object: &Object) -> Value {
    let id = report_id(object);
    let at = visit.path(&format!("analytics/reports/{id}"));
    json!({
        "describeUrl": format!("{at}/describe"), "instancesUrl": format!("{at}/instances"), "reportId": id,
        "reportName": name(object), "type": "Report",
    })
}

fn metadata(object: &Object) -> Value {
    let columns: Vec<String> = columns(object).map(|field| column(object, field)).collect();
    json!({
        "aggregates": ["RowCount"], "currency": null, "detailColumns": columns,
        "developerName": format!("All_{}", object.plural.replace(' ', "_")), "groupingsAcross": [], "groupingsDown": [],
        "hasDetailRows": true, "hasRecordCount": true, "historicalSnapshotDates": [], "id": report_id(object),
        "name": name(object), "reportBooleanFilter": null, "reportFilters": [], "reportFormat": "TABULAR",
        "reportType": {"label": object.plural, "type": format!("{}List", object.name)}, "scope": "organization",
        "showGrandTotal": true, "showSubtotals": true, "sortBy": [],
        "standardDateFilter": {"column": "CREATED_DATE", "durationValue": "CUSTOM", "endDate": null, "startDate": null},
    })
}

fn extended(object: &Object) -> Value {
    let columns = columns(object).map(|field| {
        let info = json!({"dataType": field.kind.name(), "label": field.label});
        (column(object, field), info)
    });
    json!({
        "aggregateColumnInfo": {"RowCount": {"dataType": "int", "label": "Record Count"}},
        "detailColumnInfo": columns.collect::<Map<String, Value>>(),
        "groupingColumnInfo": {},
    })
}

/// The columns of a report: the name, and the first fields that a table can show.
fn columns(object: &Object) -> impl Iterator<Item = &Field> {
    let plain = |field: &&Field| {
        !matches!(field.kind, Kind::Base64 | Kind::Address | Kind::Location | Kind::Id | Kind::Reference)
            && !field.name_field
            && field.name != "IsDeleted"
    };
    object.name_field().into_iter().chain(object.fields.iter().filter(plain).take(COLUMNS))
}

fn column(object: &Object, field: &Field) -> String {
    format!("{}.{}", object.name, field.name)
}

fn name(object: &Object) -> String {
    format!("All {}", object.plural)
}

fn report_id(object: &Object) -> String {
    crate::id::widen(&format!("00O00000000{}0", object.prefix)).unwrap_or_default()
}

const OBJECTS: [&str; 6] = ["Account", "Case", "Contact", "Lead", "Opportunity", "ServiceAppointment"];
const COLUMNS: usize = 12;
const ROWS_MAX: usize = 2_000;
