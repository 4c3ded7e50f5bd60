//! Batches: records in CSV, XML or JSON, and what became of each.

use std::collections::BTreeSet;

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::job::Job;
use super::shape::{self, Format};
use super::{Operation, Refusal, query};
use crate::call::{Call, Reply};
use crate::change::{Change, Changed};
use crate::failure::Failure;
use crate::schema::Object;
use crate::state::Visit;
use crate::store::Store;
use crate::value::Source;
use crate::xml::{self, Element};

/// A batch of a job.
#[derive(Debug, Clone)]
pub(super) struct Batch {
    pub(super) id: String,
    pub(super) state: &'static str,
    pub(super) message: Option<String>,
    pub(super) created: String,
    pub(super) request: Bytes,
    /// What became of each record, in order.
    pub(super) outcomes: Vec<Result<Changed, Failure>>,
    /// Rows that a query found: result id, body, how many.
    pub(super) found: Vec<(String, Bytes, usize)>,
}

impl Batch {
    pub(super) fn new(visit: &mut Visit<'_>, request: Bytes) -> Self {
        Self {
            id: visit.state.ticket("751"),
            state: "Queued",
            message: None,
            created: shape::moment(&visit.now()),
            request,
            outcomes: Vec::new(),
            found: Vec::new(),
        }
    }

    pub(super) fn fail(&mut self, message: String) {
        (self.state, self.message) = ("Failed", Some(message));
    }

    pub(super) fn processed(&self) -> usize {
        self.outcomes.len() + self.found.iter().map(|(_, _, rows)| rows).sum::<usize>()
    }

    pub(super) fn failed(&self) -> usize {
        self.outcomes.iter().filter(|outcome| outcome.is_err()).count()
    }

    pub(super) fn result(&self, given: &str) -> Option<&Bytes> {
        let id = crate::id::widen(given)?;
        self.found.iter().find(|(known, ..)| *known == id).map(|(_, body, _)| body)
    }
}

/// `POST …/batch`: takes a batch and works it off.
///
/// Bounds: 10 MB and 10,000 records a batch; all batches together, the upload bound of the org.
pub(super) fn add(visit: &mut Visit<'_>, call: &Call, id: &str) -> Result<Reply, Refusal> {
    let job = visit.job(id)?;
    if job.state != "Open" {
        return Err(Refusal::new("InvalidJobState", format!("Job is not open: {}", job.state)));
    }
    if call.body.is_empty() {
        return Err(Refusal::new("InvalidBatch", "The batch is empty"));
    }
    if call.body.len() > BYTES_MAX {
        return Err(Refusal::new("ClientInputError", format!("Request content exceeds {BYTES_MAX} bytes")));
    }
    let given = call.header("content-type").unwrap_or("").to_ascii_lowercase();
    if given.starts_with("zip/") || given.starts_with("application/zip") {
        return Err(Refusal::new("FeatureNotEnabled", "Zip batches are not part of this org"));
    }
    let fits = given.is_empty() || job.format.takes(&given) || matches!(job.operation, Operation::Query(_));
    if !fits {
        let message = format!("Content type {given} does not match the job's {}", job.format.name());
        return Err(Refusal::new("InvalidBatch", message));
    }
    if job.batches.len() >= BATCHES_MAX {
        return Err(Refusal::new("ExceededQuota", "The job has too many batches"));
    }
    make_room(visit, id, call.body.len());
    let Some(mut job) = visit.state.bulk_v1.jobs.remove(id) else { return Err(gone(id)) };
    let mut batch = Batch::new(visit, call.body.clone());
    let reply = shape::batch(&job, &batch, 201);
    match job.operation.clone() {
        Operation::Change(change) => {
            work(visit, &job, &change, &mut batch);
            job.batches.push(batch);
        }
        Operation::Query(deleted) => {
            let batches = query::work(visit, &job, batch, deleted);
            job.batches.extend(batches);
        }
    }
    job.modified = shape::moment(&visit.now());
    visit.state.bulk_v1.jobs.insert(id.to_owned(), job);
    Ok(reply)
}

/// Forgets the oldest jobs until so many bytes more fit.
fn make_room(visit: &mut Visit<'_>, keep: &str, coming: usize) {
    let limit = visit.state.limits.upload_bytes;
    let jobs = &mut visit.state.bulk_v1.jobs;
    let held = |job: &Job| {
        let batches = job.batches.iter();
        batches
            .map(|batch| {
                batch.request.len() + batch.found.iter().map(|(_, body, _)| body.len()).sum::<usize>()
            })
            .sum::<usize>()
    };
    while jobs.values().map(held).sum::<usize>().saturating_add(coming) > limit {
        let Some(oldest) = jobs.keys().find(|id| *id != keep).cloned() else { return };
        jobs.remove(&oldest);
    }
}

fn gone(id: &str) -> Refusal {
    Refusal::new("InvalidJob", format!("Unable to find job for id: {id}"))
}

/// Writes each record on its own.
fn work(visit: &mut Visit<'_>, job: &Job, change: &Change, batch: &mut Batch) {
    let Ok(object) = visit.state.store.object(&job.object) else { return };
    let (names, records) = match read(&batch.request, job.format) {
        Ok(read) => read,
        Err(message) => return batch.fail(format!("InvalidBatch : {message}")),
    };
    if records.len() > RECORDS_MAX {
        return batch.fail(format!("InvalidBatch : Records exceed the maximum of {RECORDS_MAX} a batch"));
    }
    if let Some(name) = names.iter().find(|name| !is_member(&visit.state.store, &object, name)) {
        return batch.fail(format!("InvalidBatch : Field name not found : {name}"));
    }
    let author = visit.author(if job.format == Format::Json { Source::Json } else { Source::Csv });
    for record in records {
        batch.outcomes.push(change.apply(&mut visit.state.store, &author, &object, record));
    }
    batch.state = "Completed";
}

/// Whether a record may have a member of this name: a field, or a parent named by its external id.
fn is_member(store: &Store, object: &Object, name: &str) -> bool {
    name == "attributes"
        || object.field(name).is_some()
        || object
            .parent(name)
            .is_some_and(|field| field.reference.iter().any(|target| store.schema.object(target).is_some()))
}

/// The names of members, and the records.
type Records = (BTreeSet<String>, Vec<Map<String, Value>>);

/// Reads the records of a batch; the error says what cannot be read.
fn read(data: &[u8], format: Format) -> Result<Records, String> {
    let text = std::str::from_utf8(data).map_err(|_| "The batch is not UTF-8".to_owned())?;
    let records: Vec<Map<String, Value>> = match format {
        Format::Csv => return read_csv(text.trim_start_matches('\u{feff}')),
        Format::Xml => {
            let root = xml::read(text).map_err(|error| format!("Unable to parse XML: {}", error.message))?;
            if root.name != "sObjects" {
                return Err(format!("Expected sObjects but found {}", root.name));
            }
            root.all("sObject").map(record).collect()
        }
        // serde_json refuses documents nested more than 128 deep.
        Format::Json => {
            serde_json::from_str(text).map_err(|error| format!("Unable to parse JSON: {error}"))?
        }
    };
    Ok((records.iter().flat_map(Map::keys).cloned().collect(), records))
}

/// The record of an `sObject` element: nil means null, nothing means nothing.
fn record(element: &Element) -> Map<String, Value> {
    let mut out = Map::new();
    for member in &element.children {
        let value = match member.child("sObject") {
            Some(parent) => Value::Object(record(parent)),
            None if member.is_nil() => Value::Null,
            None => Value::String(member.text.clone()),
        };
        if value.as_str() != Some("") && !matches!(member.name.as_str(), "type") {
            out.insert(member.name.clone(), value);
        }
    }
    out
}

/// The records of a table: an empty cell says nothing, `#N/A` says null, `Parent.Key` names a parent.
fn read_csv(text: &str) -> Result<Records, String> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    let mut header: Vec<String> = Vec::new();
    let mut records = Vec::new();
    for (at, cells) in reader.records().enumerate() {
        let cells = cells.map_err(|error| format!("Failed to parse CSV: {error}"))?;
        if at == 0 {
            header = cells.iter().map(|name| name.trim().to_owned()).collect();
            continue;
        }
        if cells.len() > header.len() {
            let (found, wanted) = (cells.len(), header.len());
            return Err(format!("Record {at} has {found} columns where the header has {wanted}"));
        }
        let mut record = Map::new();
        for (name, cell) in header.iter().zip(cells.iter()) {
            let value = match cell {
                "" => continue,
                "#N/A" => Value::Null,
                text => Value::String(text.to_owned()),
            };
            let Some((_, key)) = name.split_once('.') else {
                record.insert(name.clone(), value);
                continue;
            };
            let nested = if value.is_null() { Value::Null } else { json!({key: value}) };
            record.insert(parent(name).to_owned(), nested);
        }
        records.push(record);
    }
    if header.is_empty() {
        return Err("The 'CSV' content is empty".into());
    }
    Ok((header.iter().map(|name| parent(name).to_owned()).collect(), records))
}

/// The member that a column names: `Account` of `Account.Key` and of `Account:Account.Key`.
fn parent(column: &str) -> &str {
    let Some((parent, _)) = column.split_once('.') else { return column };
    parent.split_once(':').map_or(parent, |(_, parent)| parent)
}

const BYTES_MAX: usize = 10 << 20;
const RECORDS_MAX: usize = 10_000;
const BATCHES_MAX: usize = 5_000;
