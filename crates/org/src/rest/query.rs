//! `/query`, `/queryAll`, `/tooling/query`: SOQL over HTTP, page by page.

use serde_json::{Map, Value, json};

use crate::call::{Call, Reply};
use crate::failure::Failure;
use crate::rest::{plan, set_up};
use crate::soql::{self, columns, evaluate};
use crate::state::{Cursor, Visit};

/// Runs the query of the `q` parameter and gives its first page.
pub(crate) fn start(
    visit: &mut Visit<'_>,
    call: &Call,
    deleted: bool,
    tooling: bool,
) -> Result<Reply, Failure> {
    if let Some(what) = call.parameter("explain") {
        return plan::explain(visit, what);
    }
    let text = call
        .parameter("q")
        .ok_or_else(|| Failure::request(400, "MALFORMED_QUERY", "A query string has to be specified"))?;
    let query = parse(text)?;
    if let Some(answer) = set_up::answer(visit, &query, tooling) {
        let answer = answer?;
        return Ok(Reply::json(200, if tooling { dressed(answer, &query.from) } else { answer }));
    }
    let missing_tooling = tooling && visit.state.store.schema.object(&query.from).is_none();
    if missing_tooling && query.from.eq_ignore_ascii_case(TRACKING) {
        // What the CLI asks before it makes a sandbox: no source is tracked here.
        let row = json!({"attributes": {"type": TRACKING}, "IsSourceTrackingSandboxesEnabled": false});
        return Ok(Reply::json(
            200,
            dressed(json!({"totalSize": 1, "done": true, "records": [row]}), TRACKING),
        ));
    }
    if missing_tooling && TOOLING_OBJECTS.iter().any(|name| name.eq_ignore_ascii_case(&query.from)) {
        return Ok(Reply::json(
            200,
            dressed(json!({"totalSize": 0, "done": true, "records": []}), &query.from),
        ));
    }
    if call.parameter("columns").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return Ok(Reply::json(200, columns::describe(&visit.lens(deleted), &query)?));
    }
    let found = evaluate::find(&visit.lens(deleted), &query)
        .map_err(|failure| pointed(failure, text, &query.from))?;
    if query.purpose.as_deref().is_some_and(|purpose| purpose.eq_ignore_ascii_case("VIEW")) {
        viewed(visit, &query.from, &found);
    }
    let size = page_size(visit, call);
    let name = query.from.clone();
    let cursor = Cursor { id: visit.state.ticket("01g"), query, found, deleted, size };
    let body = page(visit, &cursor, 0)?;
    if cursor.found.len() > size {
        visit.state.cursors.open(cursor);
    }
    Ok(Reply::json(200, if tooling { dressed(body, &name) } else { body }))
}

/// `FOR VIEW`: the user is about to see these records, the first of them last.
fn viewed(visit: &mut Visit<'_>, object: &str, found: &evaluate::Found) {
    let evaluate::Found::Rows(ids) = found else { return };
    let Some(name) = visit.state.store.schema.object(object).map(|object| object.name.clone()) else {
        return;
    };
    for id in ids.iter().take(VIEWED_MAX).rev() {
        visit.touched(&name, id);
    }
}

/// Gives a later page: `locator` is `<cursor>-<rows already given>`.
pub(crate) fn more(visit: &Visit<'_>, locator: &str) -> Result<Reply, Failure> {
    let gone = || Failure::request(400, "INVALID_QUERY_LOCATOR", "invalid query locator");
    let (id, from) = locator.rsplit_once('-').ok_or_else(gone)?;
    let from: usize = from.parse().map_err(|_| gone())?;
    let cursor = visit.state.cursors.get(id).filter(|cursor| from < cursor.found.len()).ok_or_else(gone)?;
    Ok(Reply::json(200, page(visit, cursor, from)?))
}

/// The records from one place on, and where to ask for those after them.
fn page(visit: &Visit<'_>, cursor: &Cursor, from: usize) -> Result<Value, Failure> {
    let Cursor { id, query, found, deleted, size } = cursor;
    let records = evaluate::page(&visit.lens(*deleted), query, found, from, *size)?;
    let next = from + size;
    let mut body = Map::new();
    body.insert("totalSize".into(), json!(found.total()));
    body.insert("done".into(), json!(next >= found.len()));
    if next < found.len() {
        body.insert("nextRecordsUrl".into(), json!(visit.path(&format!("query/{id}-{next}"))));
    }
    body.insert("records".into(), Value::Array(records));
    Ok(Value::Object(body))
}

/// Forgets a cursor.
pub(crate) fn close(visit: &mut Visit<'_>, locator: &str) -> Reply {
    visit.state.cursors.close(locator.split('-').next().unwrap_or(""));
    Reply::empty(204)
}

/// Parses SOQL, or says where it stops being SOQL, as Salesforce does.
pub(crate) fn parse(text: &str) -> Result<soql::Query, Failure> {
    soql::parse(text).map_err(|error| {
        let line = text.lines().nth(error.row - 1).unwrap_or("");
        let start = error.column.saturating_sub(30);
        let near: String = line.chars().skip(start).take(50).collect();
        let pointer = " ".repeat(error.column.saturating_sub(1 + start));
        let message = format!(
            "\n{near}\n{pointer}^\nERROR at Row:{}:Column:{}\n{}",
            error.row, error.column, error.message
        );
        Failure::request(400, "MALFORMED_QUERY", message)
    })
}

/// An object that is not there, with the place in the query that names it.
fn pointed(failure: Failure, text: &str, from: &str) -> Failure {
    let lowered = text.to_ascii_lowercase();
    let place = lowered.find(&format!("from {}", from.to_ascii_lowercase())).map(|at| at + "from ".len());
    let (Some(at), "INVALID_TYPE") = (place, failure.code) else { return failure };
    let before = text.get(..at).unwrap_or("");
    let (row, column) =
        (before.matches('\n').count() + 1, before.rsplit('\n').next().unwrap_or("").chars().count());
    let line = text.lines().nth(row - 1).unwrap_or("");
    let start = column.saturating_sub(30);
    let near: String = line.chars().skip(start).take(50).collect();
    let pointer = " ".repeat(column.saturating_sub(start));
    let message = format!(
        "\n{near}\n{pointer}^\nERROR at Row:{row}:Column:{}\n{} Please reference your WSDL or the describe call for the appropriate names.",
        column + 1,
        failure.message
    );
    Failure { message, ..failure }
}

/// Rows a page: the org's own size, or less if the client asks so.
fn page_size(visit: &Visit<'_>, call: &Call) -> usize {
    let asked = call.header("sforce-query-options").and_then(|text| {
        text.split(',')
            .find_map(|option| option.trim().strip_prefix("batchSize=")?.trim().parse::<usize>().ok())
    });
    asked.map_or(visit.state.batch_rows, |size| size.max(1).min(visit.state.batch_rows))
}

/// The members that the Tooling API adds.
fn dressed(body: Value, object: &str) -> Value {
    let Value::Object(mut map) = body else { return body };
    map.insert(
        "size".into(),
        map.get("records").and_then(Value::as_array).map_or(json!(0), |r| json!(r.len())),
    );
    map.insert("queryLocator".into(), Value::Null);
    map.insert("entityTypeName".into(), json!(object));
    Value::Object(map)
}

/// How many records of one answer are noted as seen.
const VIEWED_MAX: usize = 200;

/// The setting that says whether sandboxes track changes of source.
const TRACKING: &str = "SourceTrackingSettings";

/// Objects of the Tooling API that clients ask about and that have no rows here.
const TOOLING_OBJECTS: [&str; 10] = [
    "SandboxProcess",
    "SandboxInfo",
    "ApexClass",
    "ApexTrigger",
    "SourceMember",
    "InstalledSubscriberPackage",
    "Package2",
    "Package2Version",
    "ApexCodeCoverage",
    "MetadataComponentDependency",
];
