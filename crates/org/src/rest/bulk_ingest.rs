//! Bulk API 2.0 ingest: `/jobs/ingest`.
//!
//! A job is worked off whole when its upload is declared complete; the answer to that request still says
//! `UploadComplete`, as the real one does, and the next look at the job says how it ended.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::call::{Call, Reply};
use crate::failure::Failure;
use crate::multipart;
use crate::schema::Object;
use crate::state::{Visit, make_room};
use crate::store::{Author, Store, Upserted};
use crate::value::Source;

/// The ingest jobs of the org, newest last.
#[derive(Debug, Default)]
pub(crate) struct IngestJobs {
    jobs: BTreeMap<String, Job>,
}

impl IngestJobs {
    fn get(&self, id: &str) -> Result<&Job, Failure> {
        crate::id::widen(id).and_then(|id| self.jobs.get(&id)).ok_or_else(Failure::not_found)
    }
}

#[derive(Debug, Clone)]
struct Job {
    id: String,
    object: String,
    operation: Operation,
    external: Option<String>,
    delimiter: Delimiter,
    crlf: bool,
    state: &'static str,
    error: Option<String>,
    version: f64,
    path: String,
    user: String,
    created: String,
    data: Bytes,
    header: Vec<String>,
    succeeded: Vec<(String, bool, Vec<String>)>,
    failed: Vec<(String, String, Vec<String>)>,
    unprocessed: Vec<Vec<String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Insert,
    Update,
    Upsert,
    Delete,
    HardDelete,
}

/// The character between columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Delimiter(pub(crate) u8);

/// Answers what comes after `/jobs/ingest`.
pub(crate) fn route(
    visit: &mut Visit<'_>,
    call: &Call,
    method: &str,
    names: &[&str],
) -> Result<Reply, Failure> {
    match (method, names) {
        ("POST", []) => create(visit, call),
        ("GET", []) => {
            let records: Vec<Value> = visit.state.ingest.jobs.values().rev().map(Job::body).collect();
            Ok(Reply::json(200, json!({"done": true, "records": records, "nextRecordsUrl": null})))
        }
        ("PUT", [id, "batches"]) => upload(visit, call, id),
        ("PATCH", [id]) => change(visit, call, id),
        ("GET", [id]) => Ok(Reply::json(200, visit.state.ingest.get(id)?.details())),
        ("DELETE", [id]) => {
            let job = visit.state.ingest.get(id)?;
            if matches!(job.state, "UploadComplete" | "InProgress") {
                return Err(invalid_state("only jobs that are open or ended can be deleted"));
            }
            let id = job.id.clone();
            visit.state.ingest.jobs.remove(&id);
            Ok(Reply::empty(204))
        }
        ("GET", [id, "successfulresults"]) => Ok(visit.state.ingest.get(id)?.successful()),
        ("GET", [id, "failedresults"]) => Ok(visit.state.ingest.get(id)?.failures()),
        ("GET", [id, "unprocessedrecords"]) => Ok(visit.state.ingest.get(id)?.unprocessed()),
        (_, [] | [_] | [_, _]) => Err(Failure::method_not_allowed(method)),
        _ => Err(Failure::not_found()),
    }
}

fn create(visit: &mut Visit<'_>, call: &Call) -> Result<Reply, Failure> {
    let (body, data) = match call.header("content-type").and_then(multipart::boundary) {
        Some(boundary) => {
            let parts = multipart::parts(&call.body, &boundary).map_err(Failure::bad_json)?;
            let named = |name: &str| parts.iter().find(|part| part.name == name);
            let job = named("job").ok_or_else(|| Failure::bad_json("the part named job is missing"))?;
            let inner = Call { body: job.content.clone(), headers: Vec::new(), ..call.clone() };
            (inner.object()?, named("content").map(|part| part.content.clone()))
        }
        None => (call.object()?, None),
    };
    let mut job = ordered(visit, &body)?;
    if let Some(data) = data {
        job.data = data;
        job.state = "UploadComplete";
    }
    let shown = job.body();
    if job.state == "UploadComplete" {
        work(visit, &mut job);
    }
    make_room(&mut visit.state.ingest.jobs, JOBS_MAX);
    visit.state.ingest.jobs.insert(job.id.clone(), job);
    Ok(Reply::json(200, shown))
}

/// The job that a request orders, still open.
fn ordered(visit: &mut Visit<'_>, body: &Map<String, Value>) -> Result<Job, Failure> {
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    let invalid = |message: String| Failure::request(400, "INVALIDJOB", message);
    let object = text("object").ok_or_else(|| invalid("InvalidJob : No object specified.".into()))?;
    let known = visit.state.store.schema.object(&object).cloned();
    let object = known.ok_or_else(|| invalid(format!("InvalidJob : Unable to find object: {object}")))?;
    let operation = match text("operation").as_deref() {
        Some("insert") => Operation::Insert,
        Some("update") => Operation::Update,
        Some("upsert") => Operation::Upsert,
        Some("delete") => Operation::Delete,
        Some("hardDelete") => Operation::HardDelete,
        other => return Err(invalid(format!("InvalidJob : Invalid operation: {}", other.unwrap_or("none")))),
    };
    let external = text("externalIdFieldName");
    let external = if operation == Operation::Upsert { Some(key_of(&object, external)?) } else { external };
    if let Some(kind) = text("contentType").filter(|kind| kind != "CSV") {
        return Err(invalid(format!("InvalidJob : contentType {kind} is not supported, use CSV")));
    }
    let crlf = match text("lineEnding").as_deref() {
        None | Some("LF") => false,
        Some("CRLF") => true,
        Some(other) => return Err(invalid(format!("InvalidJob : lineEnding {other} is not LF or CRLF"))),
    };
    let id = visit.state.ticket("750");
    let number = visit.version.trim_start_matches(['v', 'V']).to_owned();
    Ok(Job {
        path: format!("services/data/v{number}/jobs/ingest/{id}/batches"),
        id,
        object: object.name.clone(),
        operation,
        external,
        delimiter: Delimiter::named(text("columnDelimiter").as_deref())?,
        crlf,
        state: "Open",
        error: None,
        version: visit.api_version(),
        user: visit.user.clone(),
        created: visit.now(),
        data: Bytes::new(),
        header: Vec::new(),
        succeeded: Vec::new(),
        failed: Vec::new(),
        unprocessed: Vec::new(),
    })
}

/// The field that an upsert goes by.
fn key_of(object: &Object, name: Option<String>) -> Result<String, Failure> {
    let invalid = |message: String| Failure::request(400, "INVALIDJOB", message);
    let name =
        name.ok_or_else(|| invalid("InvalidJob : External ID was blank for upsert operation.".into()))?;
    let field = object.field(&name).filter(|field| field.finds_rows());
    field.map(|field| field.name.clone()).ok_or_else(|| {
        invalid(format!(
            "InvalidJob : Field name provided, {name} does not match an External ID for {}",
            object.name
        ))
    })
}

fn upload(visit: &mut Visit<'_>, call: &Call, id: &str) -> Result<Reply, Failure> {
    let job = visit.state.ingest.get(id)?;
    if job.state != "Open" || !job.data.is_empty() {
        return Err(invalid_state(
            "Found multiple contents for job: please 'Close' / 'Abort' / 'Delete' the current Job then create a new Job and make sure you only do 'PUT' once on a given Job.",
        ));
    }
    let id = job.id.clone();
    let kind = call.header("content-type").unwrap_or("").to_ascii_lowercase();
    if !kind.starts_with("text/csv") {
        return Err(Failure::request(415, "UNSUPPORTED_MEDIA_TYPE", "job data must be text/csv"));
    }
    let held: usize = visit.state.ingest.jobs.values().map(|job| job.data.len()).sum();
    if held.saturating_add(call.body.len()) > visit.state.limits.upload_bytes {
        let message = "open jobs hold as much data as the org takes; complete or abort one first";
        return Err(Failure::request(400, "EXCEEDED_QUOTA", message));
    }
    if let Some(job) = visit.state.ingest.jobs.get_mut(&id) {
        job.data = call.body.clone();
    }
    Ok(Reply::empty(201))
}

fn change(visit: &mut Visit<'_>, call: &Call, id: &str) -> Result<Reply, Failure> {
    let body = call.object()?;
    let wanted = body.get("state").and_then(Value::as_str).unwrap_or("");
    let mut job = visit.state.ingest.get(id)?.clone();
    match (wanted, job.state) {
        ("UploadComplete", "Open") => {
            job.state = "UploadComplete";
            let shown = job.body();
            work(visit, &mut job);
            visit.state.ingest.jobs.insert(job.id.clone(), job);
            Ok(Reply::json(200, shown))
        }
        ("Aborted", "Open" | "UploadComplete" | "InProgress") => {
            job.state = "Aborted";
            job.data = Bytes::new();
            let shown = job.body();
            visit.state.ingest.jobs.insert(job.id.clone(), job);
            Ok(Reply::json(200, shown))
        }
        ("UploadComplete" | "Aborted", now) => {
            Err(invalid_state(&format!("Job state transition from {now} to {wanted} not allowed")))
        }
        _ => Err(Failure::request(400, "INVALIDJOBSTATE", format!("Invalid job state: {wanted}"))),
    }
}

/// Works a job off: reads its rows, writes each on its own.
fn work(visit: &mut Visit<'_>, job: &mut Job) {
    let rows = match job.read() {
        Ok(rows) => rows,
        Err(message) => {
            (job.state, job.error) = ("Failed", Some(message));
            return;
        }
    };
    let Ok(object) = visit.state.store.object(&job.object) else { return };
    if let Some(unknown) = job.header.iter().find(|name| !is_column(&visit.state.store, &object, job, name)) {
        (job.state, job.error) = ("Failed", Some(format!("InvalidBatch : Field name not found : {unknown}")));
        job.unprocessed = rows;
        return;
    }
    let author = visit.author(Source::Csv);
    for cells in rows {
        let ended = visit.state.store.attempt(|store| job.row(store, &author, &object, &cells));
        match ended {
            Ok((id, created)) => job.succeeded.push((id, created, cells)),
            Err(failure) => {
                let at = job.header.iter().position(|name| name.eq_ignore_ascii_case("Id"));
                let id = at.and_then(|at| cells.get(at)).cloned().unwrap_or_default();
                job.failed.push((id, failure.cell(), cells));
            }
        }
    }
    job.state = "JobComplete";
    job.data = Bytes::new();
}

fn is_column(store: &Store, object: &Object, job: &Job, name: &str) -> bool {
    if name.starts_with("sf__") {
        return false;
    }
    let Some((parent, key)) = name.split_once('.') else { return object.field(name).is_some() };
    // `Relationship.Key`, or `Object:Relationship.Key` when several objects may be meant.
    let parent = parent.split_once(':').map_or(parent, |(_, parent)| parent);
    job.operation != Operation::Delete
        && object.parent(parent).is_some_and(|field| {
            field
                .reference
                .iter()
                .filter_map(|target| store.schema.object(target))
                .any(|target| target.field(key).is_some_and(crate::schema::Field::finds_rows))
        })
}

impl Job {
    /// The rows of the upload; the error is the job's.
    fn read(&mut self) -> Result<Vec<Vec<String>>, String> {
        let data = self.data.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.data);
        if std::str::from_utf8(data).is_err() {
            return Err("InvalidBatch : job data is not UTF-8".into());
        }
        let first = data.iter().position(|byte| *byte == b'\n');
        let has_cr = first.and_then(|at| at.checked_sub(1)).and_then(|at| data.get(at)) == Some(&b'\r');
        if first.is_some() && has_cr != self.crlf {
            let now = if self.crlf { "CRLF" } else { "LF" };
            return Err(format!(
                "ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is {now}"
            ));
        }
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(self.delimiter.0)
            .from_reader(data);
        let mut rows = Vec::new();
        for (at, record) in reader.records().enumerate() {
            let record = record.map_err(|error| format!("InvalidBatch : {error}"))?;
            let cells: Vec<String> = record.iter().map(str::to_owned).collect();
            if at == 0 {
                self.header = cells.iter().map(|name| name.trim().to_owned()).collect();
            } else if cells.len() == self.header.len() {
                rows.push(cells);
            } else {
                let (found, wanted) = (cells.len(), self.header.len());
                return Err(format!(
                    "InvalidBatch : row {at} has {found} columns where the header has {wanted}"
                ));
            }
        }
        // A job without data completes, and did nothing.
        Ok(rows)
    }

    fn row(
        &self,
        store: &mut Store,
        author: &Author,
        object: &Object,
        cells: &[String],
    ) -> Result<(String, bool), Failure> {
        let mut fields = Map::new();
        let mut id = None;
        let mut key = None;
        for (name, cell) in self.header.iter().zip(cells) {
            // An empty cell says nothing; `#N/A` says null.
            if cell.is_empty() {
                continue;
            }
            let value = if cell == "#N/A" { Value::Null } else { Value::String(cell.clone()) };
            if let Some(text) = value.as_str().filter(|text| text.chars().count() > CELL_MAX) {
                let message = format!(
                    "{name}: data value too large: {} characters (max length={CELL_MAX})",
                    text.chars().count()
                );
                return Err(Failure::row("STRING_TOO_LONG", message, &[name]));
            }
            if self.external.as_deref().is_some_and(|external| external.eq_ignore_ascii_case(name)) {
                key = Some(cell.clone());
            } else if name.eq_ignore_ascii_case("Id") {
                id = Some(cell.clone());
            } else if let Some((parent, inner)) = name.split_once('.') {
                let parent = parent.split_once(':').map_or(parent, |(_, parent)| parent);
                let nested = if value.is_null() { Value::Null } else { json!({inner: value}) };
                match (nested.is_null(), object.parent(parent)) {
                    (true, Some(field)) => fields.insert(field.name.clone(), Value::Null),
                    _ => fields.insert(parent.to_owned(), nested),
                };
            } else {
                fields.insert(name.clone(), value);
            }
        }
        let missing = || Failure::row("MISSING_ARGUMENT", "Id not specified", &["Id"]);
        match self.operation {
            Operation::Insert if id.is_some() => Err(Failure::row(
                "INVALID_FIELD_FOR_INSERT_UPDATE",
                "cannot specify Id in an insert call",
                &["Id"],
            )),
            Operation::Insert => Ok((store.insert(author, &object.name, &fields)?, true)),
            Operation::Update => {
                let id = id.ok_or_else(missing)?;
                store.update(author, &object.name, &id, &fields)?;
                Ok((crate::id::widen(&id).unwrap_or(id), false))
            }
            Operation::Delete | Operation::HardDelete => {
                let id = id.ok_or_else(missing)?;
                store.delete(author, &object.name, &id)?;
                if self.operation == Operation::HardDelete {
                    store.purge(&object.name, &id);
                }
                Ok((crate::id::widen(&id).unwrap_or(id), false))
            }
            Operation::Upsert => self.upsert(store, author, object, key, &fields),
        }
    }

    fn upsert(
        &self,
        store: &mut Store,
        author: &Author,
        object: &Object,
        key: Option<String>,
        fields: &Map<String, Value>,
    ) -> Result<(String, bool), Failure> {
        let external = self.external.as_deref().unwrap_or("Id");
        let Some(key) = key else {
            if external == "Id" {
                return Ok((store.insert(author, &object.name, fields)?, true));
            }
            return Err(Failure::row("MISSING_ARGUMENT", format!("{external} not specified"), &[]));
        };
        match store.upsert(author, &object.name, (external, &key), fields)? {
            Upserted::Created(id) => Ok((id, true)),
            Upserted::Updated(id) => Ok((id, false)),
            Upserted::Many(ids) => {
                let message =
                    format!("{external}: more than one record found for external id field: {ids:?}");
                Err(Failure::row("DUPLICATE_EXTERNAL_ID", message, &[external]))
            }
        }
    }

    fn body(&self) -> Value {
        let mut body = json!({
            "id": self.id,
            "operation": self.operation.name(),
            "object": self.object,
            "createdById": self.user,
            "createdDate": self.created,
            "systemModstamp": self.created,
            "state": self.state,
            "concurrencyMode": "Parallel",
            "contentType": "CSV",
            "apiVersion": self.version,
            "contentUrl": self.path,
            "lineEnding": if self.crlf { "CRLF" } else { "LF" },
            "columnDelimiter": self.delimiter.name(),
        });
        if let (Some(map), Some(external)) = (body.as_object_mut(), &self.external) {
            map.insert("externalIdFieldName".into(), json!(external));
        }
        body
    }

    fn details(&self) -> Value {
        let mut body = self.body();
        if let Some(map) = body.as_object_mut() {
            let processed = self.succeeded.len() + self.failed.len();
            for (name, value) in [
                ("jobType", json!("V2Ingest")),
                ("numberRecordsProcessed", json!(processed)),
                ("numberRecordsFailed", json!(self.failed.len())),
                ("retries", json!(0)),
                ("totalProcessingTime", json!(0)),
                ("apiActiveProcessingTime", json!(0)),
                ("apexProcessingTime", json!(0)),
            ] {
                map.insert(name.into(), value);
            }
            if let Some(error) = &self.error {
                map.insert("errorMessage".into(), json!(error));
            }
        }
        body
    }

    fn successful(&self) -> Reply {
        let rows = self.succeeded.iter().map(|(id, created, cells)| {
            [id.clone(), created.to_string()].into_iter().chain(cells.iter().cloned()).collect::<Vec<_>>()
        });
        self.results(&["sf__Id", "sf__Created"], rows)
    }

    fn failures(&self) -> Reply {
        let rows = self.failed.iter().map(|(id, error, cells)| {
            [id.clone(), error.clone()].into_iter().chain(cells.iter().cloned()).collect::<Vec<_>>()
        });
        self.results(&["sf__Id", "sf__Error"], rows)
    }

    fn unprocessed(&self) -> Reply {
        self.results(&[], self.unprocessed.iter().cloned())
    }

    fn results(&self, first: &[&str], rows: impl Iterator<Item = Vec<String>>) -> Reply {
        let header = first.iter().map(|name| (*name).to_owned()).chain(self.header.iter().cloned()).collect();
        let all = std::iter::once(header).chain(rows);
        Reply::raw(200, "text/csv", table(self.delimiter, self.crlf, all))
    }
}

impl Operation {
    fn name(self) -> &'static str {
        match self {
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Upsert => "upsert",
            Self::Delete => "delete",
            Self::HardDelete => "hardDelete",
        }
    }
}

impl Delimiter {
    pub(super) fn named(name: Option<&str>) -> Result<Self, Failure> {
        let Some(name) = name else { return Ok(Self(b',')) };
        DELIMITERS.iter().find(|(known, _)| *known == name).map(|(_, byte)| Self(*byte)).ok_or_else(|| {
            Failure::request(400, "INVALIDJOB", format!("InvalidJob : columnDelimiter {name} is not known"))
        })
    }

    pub(super) fn name(self) -> &'static str {
        DELIMITERS.iter().find(|(_, byte)| *byte == self.0).map_or("COMMA", |(name, _)| name)
    }
}

/// Rows as CSV, every cell in quotes as Salesforce writes them.
pub(crate) fn table(delimiter: Delimiter, crlf: bool, rows: impl Iterator<Item = Vec<String>>) -> Vec<u8> {
    let ending = if crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') };
    let mut writer = csv::WriterBuilder::new()
        .delimiter(delimiter.0)
        .terminator(ending)
        .quote_style(csv::QuoteStyle::Always)
        .flexible(true)
        .from_writer(Vec::new());
    for row in rows {
        // INVARIANT: a Vec takes every write.
        if writer.write_record(&row).is_err() {
            break;
        }
    }
    writer.into_inner().unwrap_or_default()
}

fn invalid_state(message: &str) -> Failure {
    Failure::request(400, "INVALIDJOBSTATE", message)
}

const DELIMITERS: [(&str, u8); 6] = [
    ("COMMA", b','),
    ("TAB", b'\t'),
    ("SEMICOLON", b';'),
    ("PIPE", b'|'),
    ("CARET", b'^'),
    ("BACKQUOTE", b'`'),
];
const JOBS_MAX: usize = 200;
const CELL_MAX: usize = 32_000;
