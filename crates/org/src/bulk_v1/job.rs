//! Jobs: how they are ordered, closed and aborted.

use serde_json::Value;

use super::batch::Batch;
use super::shape::{self, Format};
use super::{Operation, Refusal};
use crate::call::{Call, Reply};
use crate::state::Visit;
use crate::{value, xml};

/// A job: one object, one operation, batches of records.
#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) id: String,
    pub(super) object: String,
    pub(super) operation: Operation,
    pub(super) format: Format,
    pub(super) concurrency: &'static str,
    pub(super) state: &'static str,
    /// `67.0`
    pub(super) version: String,
    pub(super) user: String,
    pub(super) created: String,
    pub(super) modified: String,
    /// Rows a batch, where the client asked for chunks by primary key.
    pub(super) chunk: Option<usize>,
    // INVARIANT: at most `BATCHES_MAX`.
    pub(super) batches: Vec<Batch>,
}

impl Job {
    pub(super) fn batch(&self, given: &str) -> Result<&Batch, Refusal> {
        let id = crate::id::widen(given);
        self.batches
            .iter()
            .find(|batch| Some(&batch.id) == id.as_ref())
            .ok_or_else(|| Refusal::new("InvalidBatch", format!("Unable to find batch for id: {given}")))
    }

    /// The field that an upsert goes by.
    pub(super) fn external(&self) -> Option<&str> {
        match &self.operation {
            Operation::Change(crate::change::Change::Upsert(field)) => Some(field),
            Operation::Change(_) | Operation::Query(_) => None,
        }
    }
}

/// The job that a request orders, open.
pub(super) fn ordered(visit: &mut Visit<'_>, call: &Call) -> Result<Job, Refusal> {
    let order = Order::read(call)?;
    let invalid = |message: String| Refusal::new("InvalidJob", message);
    let name = order.text("object").ok_or_else(|| invalid("No object specified".into()))?;
    let object = visit.state.store.schema.object(&name).cloned();
    let object = object.ok_or_else(|| invalid(format!("Unable to find object: {name}")))?;
    let wanted = order.text("operation").ok_or_else(|| invalid("No operation specified".into()))?;
    let mut external = order.text("externalIdFieldName");
    if wanted == "upsert" {
        let given = external.ok_or_else(|| invalid("External ID was blank for upsert operation".into()))?;
        let field = object.field(&given).filter(|field| field.finds_rows()).ok_or_else(|| {
            invalid(format!("Field name provided, {given} does not match an External ID for {}", object.name))
        })?;
        external = Some(field.name.clone());
    }
    let operation = Operation::named(&wanted, external)
        .ok_or_else(|| invalid(format!("Unsupported operation: {wanted}")))?;
    let format = match order.text("contentType").as_deref() {
        None | Some("XML") => Format::Xml,
        Some("CSV") => Format::Csv,
        Some("JSON") => Format::Json,
        Some(zip) if zip.starts_with("ZIP_") => {
            return Err(Refusal::new(
                "FeatureNotEnabled",
                format!("Content type {zip} is not part of this org"),
            ));
        }
        Some(other) => return Err(invalid(format!("Unsupported content type: {other}"))),
    };
    // Clients write the numbers of the enumeration too.
    let concurrency = match order.text("concurrencyMode").as_deref() {
        Some("Serial" | "1") => "Serial",
        _ => "Parallel",
    };
    Ok(Job {
        id: visit.state.ticket("750"),
        object: object.name.clone(),
        operation,
        format,
        concurrency,
        state: "Open",
        version: visit.version.trim_start_matches('v').to_owned(),
        user: visit.user.clone(),
        created: shape::moment(&visit.now()),
        modified: shape::moment(&visit.now()),
        chunk: call.header("sforce-enable-pkchunking").and_then(chunk),
        batches: Vec::new(),
    })
}

/// Closes or aborts a job.
pub(super) fn change(visit: &mut Visit<'_>, call: &Call, id: &str) -> Result<Reply, Refusal> {
    let wanted = Order::read(call)?.text("state").unwrap_or_default();
    let now = shape::moment(&visit.now());
    let Some(job) = visit.state.bulk_v1.jobs.get_mut(id) else {
        return Err(Refusal::new("InvalidJob", format!("Unable to find job for id: {id}")));
    };
    job.state = match (job.state, wanted.as_str()) {
        ("Open" | "Closed", "Closed") => "Closed",
        ("Open" | "Closed" | "Aborted", "Aborted") => "Aborted",
        (now, "Closed" | "Open") => {
            let message = format!("Job is in state {now} and cannot become {wanted}");
            return Err(Refusal::new("InvalidJobState", message));
        }
        _ => return Err(Refusal::new("InvalidJobState", format!("Invalid job state: {wanted}"))),
    };
    job.modified = now;
    Ok(shape::job(job, Format::of_request(call), 200))
}

/// The members of a `jobInfo`, however it was written.
struct Order(Vec<(String, String)>);

impl Order {
    fn read(call: &Call) -> Result<Self, Refusal> {
        if Format::of_request(call) == Some(Format::Json) {
            let wrong = || Refusal::new("InvalidJob", "Unable to parse Job");
            let body: Value = serde_json::from_slice(&call.body).map_err(|_| wrong())?;
            let members = body.as_object().ok_or_else(wrong)?.iter();
            return Ok(Self(members.map(|(name, value)| (name.clone(), value::spell(value))).collect()));
        }
        let text = std::str::from_utf8(&call.body).unwrap_or("");
        let root = xml::read(text).map_err(|error| Refusal::new("InvalidXML", error.message))?;
        if root.name != "jobInfo" {
            return Err(Refusal::new("InvalidXML", format!("Expected jobInfo but found {}", root.name)));
        }
        let members = root.children.into_iter().map(|child| (child.name, child.text.trim().to_owned()));
        Ok(Self(members.collect()))
    }

    fn text(&self, name: &str) -> Option<String> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.clone()).filter(|value| !value.is_empty())
    }
}

/// `true`, or `chunkSize=N; parent=…; startRow=…`.
fn chunk(header: &str) -> Option<usize> {
    if header.trim().eq_ignore_ascii_case("false") {
        return None;
    }
    let size = header.split(';').find_map(|part| {
        let (name, size) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case("chunkSize").then(|| size.trim().parse().ok())?
    });
    Some(size.unwrap_or(CHUNK_ROWS).clamp(1, CHUNK_ROWS_MAX))
}

const CHUNK_ROWS: usize = 100_000;
const CHUNK_ROWS_MAX: usize = 250_000;
