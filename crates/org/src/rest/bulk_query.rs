//! Bulk API 2.0 query: `/jobs/query`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::call::{Call, Reply};
use crate::failure::Failure;
use crate::rest::bulk_ingest::{Delimiter, table};
use crate::rest::query::parse;
use crate::soql::{Item, columns, evaluate};
use crate::state::{Visit, make_room};
use crate::value;

/// The query jobs of the org, newest last.
#[derive(Debug, Default)]
pub(crate) struct QueryJobs {
    jobs: BTreeMap<String, Job>,
}

impl QueryJobs {
    /// Forgets the oldest results until so many rows more fit.
    fn forget(&mut self, coming: usize) {
        let held = |jobs: &BTreeMap<String, Job>| jobs.values().map(|job| job.rows.len()).sum::<usize>();
        while !self.jobs.is_empty() && held(&self.jobs).saturating_add(coming) > ROWS_MAX {
            self.jobs.pop_first();
        }
    }
}

#[derive(Debug, Clone)]
struct Job {
    id: String,
    object: String,
    operation: String,
    delimiter: Delimiter,
    crlf: bool,
    state: &'static str,
    version: f64,
    user: String,
    created: String,
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

/// Answers what comes after `/jobs/query`.
pub(crate) fn route(
    visit: &mut Visit<'_>,
    call: &Call,
    method: &str,
    names: &[&str],
) -> Result<Reply, Failure> {
    let wide = |id: &str| crate::id::widen(id).unwrap_or_default();
    let known = |visit: &Visit<'_>, id: &str| {
        visit.state.queries.jobs.get(&wide(id)).cloned().ok_or_else(Failure::not_found)
    };
    match (method, names) {
        ("POST", []) => create(visit, call),
        ("GET", []) => {
            let records: Vec<Value> =
                visit.state.queries.jobs.values().rev().map(|job| job.body(job.state)).collect();
            Ok(Reply::json(200, json!({"done": true, "records": records, "nextRecordsUrl": null})))
        }
        ("GET", [id]) => {
            let job = known(visit, id)?;
            let mut body = job.body(job.state);
            if let Some(map) = body.as_object_mut() {
                map.insert("numberRecordsProcessed".into(), json!(job.rows.len()));
                map.insert("retries".into(), json!(0));
                map.insert("totalProcessingTime".into(), json!(0));
            }
            Ok(Reply::json(200, body))
        }
        ("PATCH", [id]) => {
            let mut job = known(visit, id)?;
            if call.object()?.get("state").and_then(Value::as_str) != Some("Aborted") {
                return Err(Failure::request(400, "INVALIDJOBSTATE", "a query job can only be aborted"));
            }
            job.state = "Aborted";
            let body = job.body(job.state);
            visit.state.queries.jobs.insert(job.id.clone(), job);
            Ok(Reply::json(200, body))
        }
        ("DELETE", [id]) => match visit.state.queries.jobs.remove(&wide(id)) {
            Some(_) => Ok(Reply::empty(204)),
            None => Err(Failure::not_found()),
        },
        ("GET", [id, "results"]) => results(visit, call, &known(visit, id)?),
        (_, [] | [_] | [_, "results"]) => Err(Failure::method_not_allowed(method)),
        _ => Err(Failure::not_found()),
    }
}

fn create(visit: &mut Visit<'_>, call: &Call) -> Result<Reply, Failure> {
    let body = call.object()?;
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    let operation = text("operation").unwrap_or("query").to_owned();
    if !matches!(operation.as_str(), "query" | "queryAll") {
        return Err(Failure::request(
            400,
            "INVALIDJOB",
            format!("InvalidJob : Invalid operation: {operation}"),
        ));
    }
    let query = parse(text("query").unwrap_or(""))?;
    let children = query.select.iter().any(|item| matches!(item, Item::Children(_) | Item::TypeOf { .. }));
    if children {
        return Err(Failure::request(400, "API_ERROR", "Nested queries are not supported in Bulk V2 Query"));
    }
    let lens = visit.lens(operation == "queryAll");
    let described = columns::describe(&lens, &query)?;
    if evaluate::is_aggregate(&query) {
        return Err(Failure::request(
            400,
            "API_ERROR",
            "Aggregate queries are not supported in Bulk V2 Query",
        ));
    }
    let found = evaluate::find(&lens, &query)?;
    let named = described.get("columnMetadata").and_then(Value::as_array).into_iter().flatten();
    let header: Vec<String> =
        named.filter_map(|column| Some(column.get("columnName")?.as_str()?.to_owned())).collect();
    let mut rows: Vec<Vec<String>> = Vec::with_capacity(found.len());
    while rows.len() < found.len() {
        let records = evaluate::page(&lens, &query, &found, rows.len(), CHUNK_ROWS)?;
        if records.is_empty() {
            break;
        }
        rows.extend(records.iter().map(|record| header.iter().map(|name| cell(record, name)).collect()));
    }
    let object = described.get("entityName").and_then(Value::as_str).unwrap_or("").to_owned();
    let job = Job {
        id: visit.state.ticket("750"),
        object,
        operation,
        delimiter: Delimiter::named(text("columnDelimiter"))?,
        crlf: text("lineEnding") == Some("CRLF"),
        state: "JobComplete",
        version: visit.api_version(),
        user: visit.user.clone(),
        created: visit.now(),
        header,
        rows,
    };
    let shown = job.body("UploadComplete");
    make_room(&mut visit.state.queries.jobs, JOBS_MAX);
    visit.state.queries.forget(job.rows.len());
    visit.state.queries.jobs.insert(job.id.clone(), job);
    Ok(Reply::json(200, shown))
}

/// One page of results: all of them, unless the client or the org's limits ask for less.
fn results(visit: &Visit<'_>, call: &Call, job: &Job) -> Result<Reply, Failure> {
    if job.state != "JobComplete" {
        return Err(Failure::request(400, "INVALIDJOBSTATE", "the job has no results"));
    }
    let bad = || Failure::request(400, "INVALIDQUERYLOCATOR", "the locator is not one of this job");
    let from = match call.parameter("locator").filter(|locator| !locator.is_empty() && *locator != "null") {
        None => 0,
        Some(locator) => locator.strip_prefix("MT").and_then(|at| at.parse().ok()).ok_or_else(bad)?,
    };
    let rest = job.rows.get(from..).ok_or_else(bad)?;
    let asked =
        call.parameter("maxRecords").and_then(|text| text.parse::<usize>().ok()).unwrap_or(usize::MAX);
    let size = asked.max(1).min(visit.state.limits.bulk_page_rows);
    let page = rest.get(..size).unwrap_or(rest);
    let locator =
        if rest.len() > page.len() { format!("MT{}", from + page.len()) } else { "null".to_owned() };
    let rows = std::iter::once(job.header.clone()).chain(page.iter().cloned());
    Ok(Reply::raw(200, "text/csv", table(job.delimiter, job.crlf, rows))
        .with("sforce-locator", locator)
        .with("sforce-numberofrecords", page.len().to_string()))
}

/// The cell of a column such as `Account.Name`.
fn cell(record: &Value, name: &str) -> String {
    let mut at = record;
    for step in name.split('.') {
        match at.get(step) {
            Some(next) => at = next,
            None => return String::new(),
        }
    }
    value::spell(at)
}

impl Job {
    fn body(&self, state: &str) -> Value {
        json!({
            "id": self.id,
            "operation": self.operation,
            "object": self.object,
            "createdById": self.user,
            "createdDate": self.created,
            "systemModstamp": self.created,
            "state": state,
            "concurrencyMode": "Parallel",
            "contentType": "CSV",
            "apiVersion": self.version,
            "jobType": "V2Query",
            "lineEnding": if self.crlf { "CRLF" } else { "LF" },
            "columnDelimiter": self.delimiter.name(),
        })
    }
}

const JOBS_MAX: usize = 50;
const ROWS_MAX: usize = 2_000_000;
const CHUNK_ROWS: usize = 2_000;
