//! `/query`, `/queryAll`, `/tooling/query`: SOQL over HTTP, page by page.

use serde_json::{Map, Value, json};

use crate::call::{Call, Reply};
use crate::failure::Failure;
use crate::soql::{self, columns, evaluate};
use crate::state::Visit;

/// Runs the query of the `q` parameter and gives its first page.
pub(crate) fn start(
    visit: &mut Visit<'_>,
    call: &Call,
    deleted: bool,
    tooling: bool,
) -> Result<Reply, Failure> {
    if call.parameter("explain").is_some() {
        return Err(Failure::request(
            400,
            "FUNCTIONALITY_NOT_ENABLED",
            "query plans are not part of this org",
        ));
    }
    let text = call
        .parameter("q")
        .ok_or_else(|| Failure::request(400, "MALFORMED_QUERY", "A query string has to be specified"))?;
    let query = parse(text)?;
    let missing_tooling = tooling && visit.state.store.schema.object(&query.from).is_none();
    if missing_tooling && TOOLING_OBJECTS.iter().any(|name| name.eq_ignore_ascii_case(&query.from)) {
        return Ok(Reply::json(
            200,
            dressed(json!({"totalSize": 0, "done": true, "records": []}), &query.from),
        ));
    }
    if call.parameter("columns").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return Ok(Reply::json(200, columns::describe(&visit.lens(deleted), &query)?));
    }
    let answer = evaluate::run(&visit.lens(deleted), &query)?;
    let size = page_size(visit, call);
    let records = answer.records;
    let mut body = Map::new();
    body.insert("totalSize".into(), json!(answer.total));
    if records.len() <= size {
        body.insert("done".into(), json!(true));
        body.insert("records".into(), Value::Array(records));
    } else {
        let id = visit.state.ticket("01g");
        let page: Vec<Value> = records.iter().take(size).cloned().collect();
        body.insert("done".into(), json!(false));
        body.insert("nextRecordsUrl".into(), json!(visit.path(&format!("query/{id}-{size}"))));
        body.insert("records".into(), Value::Array(page));
        visit.state.cursors.open(id, records);
    }
    let body = Value::Object(body);
    Ok(Reply::json(200, if tooling { dressed(body, &query.from) } else { body }))
}

/// Gives a later page: `locator` is `<cursor>-<rows already given>`.
pub(crate) fn more(visit: &Visit<'_>, locator: &str) -> Result<Reply, Failure> {
    let gone = || Failure::request(400, "INVALID_QUERY_LOCATOR", "invalid query locator");
    let (id, from) = locator.rsplit_once('-').ok_or_else(gone)?;
    let from: usize = from.parse().map_err(|_| gone())?;
    let records = visit.state.cursors.get(id).ok_or_else(gone)?;
    let rest = records.get(from..).filter(|rest| !rest.is_empty()).ok_or_else(gone)?;
    let size = visit.state.batch_rows;
    let page: Vec<Value> = rest.iter().take(size).cloned().collect();
    let mut body = Map::new();
    body.insert("totalSize".into(), json!(records.len()));
    body.insert("done".into(), json!(rest.len() <= size));
    if rest.len() > size {
        body.insert("nextRecordsUrl".into(), json!(visit.path(&format!("query/{id}-{}", from + size))));
    }
    body.insert("records".into(), Value::Array(page));
    Ok(Reply::json(200, Value::Object(body)))
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
