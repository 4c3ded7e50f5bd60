//! Query batches: SOQL in, rows in the job's format out.

use bytes::Bytes;
use serde_json::{Map, Value};

use super::batch::Batch;
use super::job::Job;
use super::shape::Format;
use crate::failure::Failure;
use crate::rest::bulk_ingest::{Delimiter, table};
use crate::rest::query::parse;
use crate::soap::record::{self, Dialect};
use crate::soql::{Item, columns, evaluate};
use crate::state::Visit;
use crate::value;

/// Runs the query of a batch. Chunked by primary key, the batch itself is not processed, and one follows a chunk.
pub(super) fn work(visit: &mut Visit<'_>, job: &Job, mut batch: Batch, deleted: bool) -> Vec<Batch> {
    let text = String::from_utf8_lossy(&batch.request).into_owned();
    let found = match find(visit, &text, &job.object, deleted) {
        Ok(found) => found,
        Err(failure) => {
            let message = failure.message.trim().replace('\n', " ");
            batch.fail(format!("InvalidBatch : Failed to process query: {}: {message}", failure.code));
            return vec![batch];
        }
    };
    let Some(chunk) = job.chunk else {
        finish(visit, job, &mut batch, &found.header, &found.records);
        return vec![batch];
    };
    batch.state = "NotProcessed";
    let request = batch.request.clone();
    let mut batches = vec![batch];
    let mut rest = found.records.as_slice();
    loop {
        let (now, later) = rest.split_at_checked(chunk).unwrap_or((rest, &[]));
        let mut batch = Batch::new(visit, request.clone());
        finish(visit, job, &mut batch, &found.header, now);
        batches.push(batch);
        rest = later;
        if rest.is_empty() {
            return batches;
        }
    }
}

/// What a query found: column names and records.
struct Found {
    header: Vec<String>,
    records: Vec<Value>,
}

fn find(visit: &Visit<'_>, text: &str, object: &str, deleted: bool) -> Result<Found, Failure> {
    let query = parse(text)?;
    let refused = |message: &str| Err(Failure::request(400, "FUNCTIONALITY_NOT_ENABLED", message));
    if !query.from.eq_ignore_ascii_case(object) {
        return Err(Failure::request(
            400,
            "INVALID_TYPE",
            format!("The query is of {} where the job is of {object}", query.from),
        ));
    }
    let nested = |item: &Item| matches!(item, Item::Children(_) | Item::TypeOf { .. });
    if query.select.iter().any(nested) {
        return refused("Foreign Key Relationships not supported in Bulk Query");
    }
    if evaluate::is_aggregate(&query) {
        return refused("Aggregate Relationships not supported in Bulk Query");
    }
    let lens = visit.lens(deleted);
    let described = columns::describe(&lens, &query)?;
    let named = described.get("columnMetadata").and_then(Value::as_array).into_iter().flatten();
    let header: Vec<String> =
        named.filter_map(|column| Some(column.get("columnName")?.as_str()?.to_owned())).collect();
    let found = evaluate::find(&lens, &query)?;
    let mut records = Vec::with_capacity(found.len());
    while records.len() < found.len() {
        let page = evaluate::page(&lens, &query, &found, records.len(), CHUNK_ROWS)?;
        if page.is_empty() {
            break;
        }
        records.extend(page);
    }
    Ok(Found { header, records })
}

/// Writes the rows down as the one result of a batch.
fn finish(visit: &mut Visit<'_>, job: &Job, batch: &mut Batch, header: &[String], records: &[Value]) {
    let body = match job.format {
        Format::Csv if records.is_empty() => b"Records not found for this query".to_vec(),
        Format::Csv => {
            let rows = records.iter().map(|record| header.iter().map(|name| cell(record, name)).collect());
            table(Delimiter(b','), false, std::iter::once(header.to_vec()).chain(rows))
        }
        Format::Json => Value::Array(records.to_vec()).to_string().into_bytes(),
        Format::Xml => printed(visit, records).into_bytes(),
    };
    let id = visit.state.ticket("752");
    batch.found.push((id, Bytes::from(body), records.len()));
    batch.state = "Completed";
}

fn printed(visit: &Visit<'_>, records: &[Value]) -> String {
    let mut out = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><queryResult xmlns=\"http://www.force.com/2009/06/asyncapi/dataload\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">",
    );
    for one in records.iter().filter_map(Value::as_object) {
        record::write(&mut out, &visit.state.store, "records", &Map::clone(one), Dialect::Bulk);
    }
    out + "</queryResult>"
}

/// The cell of a column such as `Account.Name`.
fn cell(record: &Value, name: &str) -> String {
    let found = name.split('.').try_fold(record, |at, step| at.get(step));
    // CSV results spell times as ISO 8601 with a `Z`.
    found.map(value::spell).map_or_else(String::new, |text| match text.strip_suffix("+0000") {
        Some(moment) if moment.len() == "2026-01-02T03:04:05.000".len() => format!("{moment}Z"),
        _ => text,
    })
}

const CHUNK_ROWS: usize = 2_000;
