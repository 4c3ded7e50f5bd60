//! `/analytics/…`: reports that are made, changed, described and run, at once or in the background; their types.
//!
//! A report is a row of `Report` that holds its metadata beside its fields. Running one asks this org's own queries.
//! Source: Salesforce, "Reports and Dashboards REST API Developer Guide".

mod cell;
mod columns;
mod export;
mod filters;
mod groups;
pub(crate) mod instances;
mod logic;
mod run;
mod shape;
mod totals;
mod workbook;

use serde_json::{Map, Value, json};

use crate::call::{Call, Reply};
use crate::failure::Failure;
use crate::id;
use crate::schema::Schema;
use crate::state::{State, Visit};
use crate::store::Row;
use crate::value::Source;

use columns::ReportType;
pub(crate) use export::{export, is_export};
use run::Plan;

/// Answers what comes after `/analytics/`: `names` in lower case but for ids, `raw` as written.
pub(crate) fn route(
    visit: &mut Visit<'_>,
    call: &Call,
    method: &str,
    names: &[&str],
    raw: &[String],
) -> Result<Reply, Failure> {
    let wants_table = call.header("accept").is_some_and(|accept| accept.contains("spreadsheetml"));
    if wants_table {
        let message = "Reports are not made into workbooks by this org: ask for application/json";
        return Err(Failure::request(406, "NOT_ACCEPTABLE", message));
    }
    match (method, names) {
        ("GET", ["reports"]) => Ok(Reply::json(200, Value::Array(listed(visit)))),
        ("POST", ["reports"]) => create(visit, call),
        ("POST", ["reports", "query"]) => query(visit, call),
        ("GET", ["reports", id, "describe"]) => {
            let (id, metadata) = known(visit, id)?;
            described(visit, &id, &metadata)
        }
        ("GET" | "POST", ["reports", id]) => {
            let (id, metadata) = known(visit, id)?;
            let metadata = overridden(visit, call, metadata)?;
            Ok(Reply::json(200, Value::Object(execute(visit, call, &id, &metadata)?)))
        }
        ("PATCH", ["reports", id]) => change(visit, call, id),
        ("DELETE", ["reports", id]) => {
            let (id, _) = known(visit, id)?;
            let author = visit.author(Source::Json);
            visit.state.store.delete(&author, "Report", &id)?;
            Ok(Reply::empty(204))
        }
        (_, ["reports", id, "instances", rest @ ..]) => instances::route(visit, call, method, id, rest),
        ("GET", ["report-types" | "reporttypes"]) => Ok(Reply::json(200, types(visit))),
        ("GET", ["report-types" | "reporttypes", _]) => {
            let name = raw.get(1).map_or("", String::as_str);
            let kind = ReportType::find(&visit.state.store.schema, name).ok_or_else(not_found)?;
            let metadata = shape::completed(&visit.state.store.schema, &kind, &Map::new());
            described(visit, "", &metadata)
        }
        (_, ["reports" | "report-types" | "reporttypes", ..]) => Err(Failure::method_not_allowed(method)),
        _ => Err(Failure::not_found()),
    }
}

/// The reports that an org begins with: one for each of some objects, of all its records.
pub(crate) fn seed(state: &mut State, owner: &str, now: &str) {
    for name in SEEDED {
        let Some(object) = state.store.schema.object(name).cloned() else { continue };
        let Some(id) = id::widen(&format!("00O00000000{}0", object.prefix)) else { continue };
        let kind = ReportType::of(&state.store.schema, &object);
        let title = format!("All {}", object.plural);
        let mut metadata = shape::completed(&state.store.schema, &kind, &Map::new());
        metadata.insert("id".into(), json!(id));
        metadata.insert("name".into(), json!(title));
        metadata.insert("developerName".into(), json!(developer_name(&title)));
        let mut row: Row = columns_of(&metadata);
        for (name, value) in
            [("Id", id.as_str()), ("OwnerId", owner), ("CreatedById", owner), ("LastModifiedById", owner)]
        {
            row.insert(name.into(), json!(value));
        }
        for name in ["CreatedDate", "LastModifiedDate", "SystemModstamp"] {
            row.insert(name.into(), json!(now));
        }
        state.store.restore("Report", &id, row);
    }
}

/// The query that a report's rows are found by, as text; nothing if there is no such report.
pub(crate) fn query_of(visit: &Visit<'_>, wanted: &str) -> Option<String> {
    let (_, metadata) = known(visit, wanted).ok()?;
    Plan::of(visit, &metadata).ok().map(|plan| plan.query.to_string())
}

/// The fields of a report's row that follow from its metadata, and the metadata itself.
fn columns_of(metadata: &Map<String, Value>) -> Row {
    let text = |name: &str| metadata.get(name).and_then(Value::as_str);
    let format = match text("reportFormat") {
        Some("SUMMARY") => "Summary",
        Some("MATRIX") => "Matrix",
        Some("MULTI_BLOCK") => "MultiBlock",
        Some(_) | None => "Tabular",
    };
    let fields = [
        ("Name", text("name").map(Value::from)),
        ("DeveloperName", text("developerName").map(Value::from)),
        ("Description", text("description").map(Value::from)),
        ("FolderName", Some(Value::from("Public Reports"))),
        ("Format", Some(Value::from(format))),
        (DEFINITION, Some(Value::Object(metadata.clone()))),
    ];
    fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// The id and the metadata of a report.
fn known(visit: &Visit<'_>, id: &str) -> Result<(String, Map<String, Value>), Failure> {
    let id = id::widen(id).ok_or_else(not_found)?;
    let row = visit.state.store.live("Report", &id).ok_or_else(not_found)?;
    match row.get(DEFINITION) {
        Some(Value::Object(metadata)) => Ok((id, metadata.clone())),
        _ => Err(not_found()),
    }
}

/// The type that metadata names.
fn type_of(schema: &Schema, metadata: &Map<String, Value>) -> Result<ReportType, Failure> {
    let name = match metadata.get("reportType") {
        Some(Value::Object(named)) => named.get("type").and_then(Value::as_str).unwrap_or(""),
        Some(Value::String(name)) => name,
        _ => return Err(refused("The metadata of a report names its reportType.")),
    };
    ReportType::find(schema, name)
        .ok_or_else(|| refused(format!("The report type {name} is not in this org.")))
}

/// `GET …/reports`: what the user touched last first, then the others.
fn listed(visit: &Visit<'_>) -> Vec<Value> {
    let store = &visit.state.store;
    let recent = visit.state.recent.iter().filter(|(object, _)| object == "Report").map(|(_, id)| id);
    let mut ids: Vec<&String> = recent.collect();
    let others: Vec<&String> =
        store.rows("Report").map(|(id, _)| id).filter(|id| !ids.contains(id)).collect();
    ids.extend(others);
    let rows = ids.into_iter().filter_map(|id| Some((id, store.live("Report", id)?)));
    let rows = rows.filter(|(_, row)| row.contains_key(DEFINITION)).take(LISTED_MAX);
    let entry = |(id, row): (&String, &Row)| {
        let at = visit.path(&format!("analytics/reports/{id}"));
        json!({
            "describeUrl": format!("{at}/describe"), "fieldsUrl": format!("{at}/fields"), "id": id,
            "instancesUrl": format!("{at}/instances"), "name": row.get("Name"), "url": at,
        })
    };
    rows.map(entry).collect()
}

fn types(visit: &Visit<'_>) -> Value {
    let types = ReportType::all(&visit.state.store.schema).map(|kind| {
        let name = kind.name();
        json!({
            "describeUrl": visit.path(&format!("analytics/report-types/{name}")), "isHidden": false,
            "label": kind.plural(), "supportsJoinedFormat": false, "type": name,
        })
    });
    let types: Vec<Value> = types.collect();
    json!([{"label": "Reports of this org", "reportTypes": types}])
}

/// Metadata as a request changes it; members that are not named stay.
fn overridden(
    visit: &Visit<'_>,
    call: &Call,
    mut metadata: Map<String, Value>,
) -> Result<Map<String, Value>, Failure> {
    if call.method == "GET" || call.body.iter().all(u8::is_ascii_whitespace) {
        return Ok(metadata);
    }
    let given = given(call)?;
    if given.contains_key("reportType") {
        let (old, new) =
            (type_of(&visit.state.store.schema, &metadata)?, type_of(&visit.state.store.schema, &given)?);
        if old.name() != new.name() {
            return Err(refused("The type of a report cannot be changed."));
        }
    }
    for (name, value) in given {
        let Some(known) = metadata.get_mut(&name) else {
            return Err(refused(format!("Unrecognized field \"{name}\" in reportMetadata.")));
        };
        if !matches!(name.as_str(), "id" | "reportType") {
            *known = value;
        }
    }
    Ok(metadata)
}

/// The `reportMetadata` of a request.
fn given(call: &Call) -> Result<Map<String, Value>, Failure> {
    match call.object()?.remove("reportMetadata") {
        Some(Value::Object(given)) => Ok(given),
        Some(_) | None => Err(refused("The request body needs reportMetadata.")),
    }
}

/// A run at once.
fn execute(
    visit: &mut Visit<'_>,
    call: &Call,
    id: &str,
    metadata: &Map<String, Value>,
) -> Result<Map<String, Value>, Failure> {
    let mut answer = answered(visit, metadata, wants_details(call, metadata))?;
    answer.insert("attributes".into(), attributes(visit, id, metadata));
    visit.touched("Report", id);
    let now = visit.now();
    visit.state.store.amend("Report", id, &[("LastRunDate", json!(now))]);
    Ok(answer)
}

/// Everything that a run answers but `attributes`.
fn answered(
    visit: &Visit<'_>,
    metadata: &Map<String, Value>,
    details: bool,
) -> Result<Map<String, Value>, Failure> {
    let plan = Plan::of(visit, metadata)?;
    let mut answer = run::run(visit, &plan, details)?;
    answer.insert("reportExtendedMetadata".into(), shape::extended(&plan));
    let mut metadata = metadata.clone();
    metadata.insert("hasDetailRows".into(), json!(details));
    answer.insert("reportMetadata".into(), Value::Object(metadata));
    Ok(answer)
}

/// Whether rows are asked for: by `includeDetails`, or by metadata that is posted.
fn wants_details(call: &Call, metadata: &Map<String, Value>) -> bool {
    match call.parameter("includeDetails") {
        Some(word) => word.eq_ignore_ascii_case("true"),
        None => {
            call.method == "POST"
                && !call.body.is_empty()
                && metadata.get("hasDetailRows") == Some(&json!(true))
        }
    }
}

/// `POST …/reports/query`: a run of a report that is not kept.
fn query(visit: &Visit<'_>, call: &Call) -> Result<Reply, Failure> {
    let given = given(call)?;
    let schema = &visit.state.store.schema;
    let metadata = shape::completed(schema, &type_of(schema, &given)?, &given);
    let mut answer = answered(visit, &metadata, metadata.get("hasDetailRows") == Some(&json!(true)))?;
    answer.insert("attributes".into(), attributes(visit, "", &metadata));
    Ok(Reply::json(200, Value::Object(answer)))
}

/// `POST …/reports`, with `cloneId` a copy of another.
fn create(visit: &mut Visit<'_>, call: &Call) -> Result<Reply, Failure> {
    let mut given = given(call)?;
    let schema = &visit.state.store.schema;
    let metadata = match call.parameter("cloneId") {
        Some(from) => {
            let (_, from) = known(visit, from)?;
            given.retain(|name, _| from.contains_key(name));
            let mut copy = from;
            copy.insert("developerName".into(), Value::Null);
            copy.extend(given);
            copy
        }
        None => shape::completed(schema, &type_of(schema, &given)?, &given),
    };
    keep(visit, None, metadata)
}

fn change(visit: &mut Visit<'_>, call: &Call, id: &str) -> Result<Reply, Failure> {
    let (id, metadata) = known(visit, id)?;
    let metadata = overridden(visit, call, metadata)?;
    keep(visit, Some(id), metadata)
}

/// Writes a report's row, if the report can be run, and describes it.
fn keep(
    visit: &mut Visit<'_>,
    id: Option<String>,
    mut metadata: Map<String, Value>,
) -> Result<Reply, Failure> {
    Plan::of(visit, &metadata)?;
    let name =
        metadata.get("name").and_then(Value::as_str).map(str::to_owned).filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| refused("A report needs a name."))?;
    if metadata.get("developerName").is_none_or(Value::is_null) {
        metadata.insert("developerName".into(), json!(developer_name(&name)));
    }
    let author = visit.author(Source::Json);
    let mut fields = Map::new();
    fields.insert("Name".into(), json!(name));
    let id = match id {
        Some(id) => {
            visit.state.store.update(&author, "Report", &id, &fields)?;
            id
        }
        None => visit.state.store.insert(&author, "Report", &fields)?,
    };
    metadata.insert("id".into(), json!(id));
    let row = columns_of(&metadata);
    let members: Vec<(&str, Value)> =
        row.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    visit.state.store.amend("Report", &id, &members);
    visit.touched("Report", &id);
    described(visit, &id, &metadata)
}

/// The answer of `describe`; a type alone has no id.
fn described(visit: &Visit<'_>, id: &str, metadata: &Map<String, Value>) -> Result<Reply, Failure> {
    let plan = Plan::of(visit, metadata)?;
    let mut body = json!({
        "attributes": attributes(visit, id, metadata),
        "reportExtendedMetadata": shape::extended(&plan),
        "reportMetadata": metadata,
        "reportTypeMetadata": shape::type_metadata(&visit.state.store.schema, &plan.kind),
    });
    if let (true, Some(members)) = (id.is_empty(), body.as_object_mut()) {
        members.remove("attributes");
    }
    Ok(Reply::json(200, body))
}

fn attributes(visit: &Visit<'_>, id: &str, metadata: &Map<String, Value>) -> Value {
    let at = visit.path(&format!("analytics/reports/{id}"));
    json!({
        "describeUrl": format!("{at}/describe"), "instancesUrl": format!("{at}/instances"), "reportId": id,
        "reportName": metadata.get("name"), "type": "Report",
    })
}

fn developer_name(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    name.chars().map(plain).collect()
}

fn refused(message: impl Into<String>) -> Failure {
    Failure::request(400, "BAD_REQUEST", message)
}

fn not_found() -> Failure {
    let message = "The data you’re trying to access is unavailable or does not exist";
    Failure::request(404, "NOT_FOUND", message)
}

/// Where a report's row holds its metadata: no field has such a name.
const DEFINITION: &str = "(definition)";
const LISTED_MAX: usize = 200;
const SEEDED: [&str; 6] = ["Account", "Case", "Contact", "Lead", "Opportunity", "ServiceAppointment"];
