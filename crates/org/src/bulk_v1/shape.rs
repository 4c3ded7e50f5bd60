//! What Bulk v1 answers, in XML and in JSON.

use serde_json::{Value, json};

use super::batch::Batch;
use super::job::Job;
use super::{Operation, Refusal};
use crate::call::{Call, Reply};
use crate::change::Changed;
use crate::failure::Failure;
use crate::rest::bulk_ingest::{Delimiter, table};
use crate::value;
use crate::xml::{escape, text};

/// The format of a job's records, or of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Xml,
    Csv,
    Json,
}

impl Format {
    /// The format that the request's content type names, if it is one that an answer can have.
    pub(super) fn of_request(call: &Call) -> Option<Self> {
        let kind = call.header("content-type")?.to_ascii_lowercase();
        if kind.starts_with("application/json") {
            Some(Self::Json)
        } else if kind.contains("xml") {
            Some(Self::Xml)
        } else {
            None
        }
    }

    pub(super) fn takes(self, kind: &str) -> bool {
        match self {
            Self::Csv => kind.starts_with("text/csv"),
            Self::Json => kind.starts_with("application/json"),
            Self::Xml => kind.starts_with("application/xml") || kind.starts_with("text/xml"),
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Xml => "XML",
            Self::Csv => "CSV",
            Self::Json => "JSON",
        }
    }

    /// Exactly this, without a charset: clients compare it as text.
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Xml => "application/xml",
            Self::Csv => "text/csv",
            Self::Json => "application/json",
        }
    }
}

/// A `jobInfo`, in the format of the request or else of the job.
pub(super) fn job(job: &Job, asked: Option<Format>, status: u16) -> Reply {
    let json = asked.unwrap_or(job.format) == Format::Json;
    document("jobInfo", &members_of_job(job), json, status)
}

/// A `batchInfo`, in the format of the job.
pub(super) fn batch(job: &Job, batch: &Batch, status: u16) -> Reply {
    document("batchInfo", &members_of_batch(job, batch), job.format == Format::Json, status)
}

/// A `batchInfoList`.
pub(super) fn batches(job: &Job) -> Reply {
    let all = job.batches.iter().map(|batch| members_of_batch(job, batch));
    if job.format == Format::Json {
        let list: Vec<Value> = all.map(|members| object(&members)).collect();
        return raw_json(200, &json!({"batchInfo": list}));
    }
    let mut inner = String::new();
    for members in all {
        inner += "\n <batchInfo>";
        inner += &elements(&members, "\n  ");
        inner += "\n </batchInfo>";
    }
    let body = if inner.is_empty() {
        format!("{DECLARATION}<batchInfoList\n   xmlns=\"{NAMESPACE}\" />")
    } else {
        format!("{DECLARATION}<batchInfoList\n   xmlns=\"{NAMESPACE}\">{inner}\n</batchInfoList>")
    };
    Reply::raw(200, Format::Xml.content_type(), body)
}

/// What became of each record of a batch, or the ids of a query's results.
pub(super) fn results(job: &Job, batch: &Batch) -> Result<Reply, Refusal> {
    if batch.state != "Completed" {
        return Err(Refusal::new("InvalidBatch", "Batch not completed"));
    }
    if matches!(job.operation, Operation::Query(_)) {
        let ids: Vec<&str> = batch.found.iter().map(|(id, ..)| id.as_str()).collect();
        if job.format == Format::Json {
            return Ok(raw_json(200, &json!(ids)));
        }
        let mut list = String::new();
        for id in ids {
            text(&mut list, "result", id);
        }
        let body = format!("<result-list xmlns=\"{NAMESPACE}\">{list}</result-list>");
        return Ok(Reply::raw(200, Format::Xml.content_type(), body));
    }
    Ok(match job.format {
        Format::Csv => {
            let header = ["Id", "Success", "Created", "Error"].map(str::to_owned).to_vec();
            let rows = batch.outcomes.iter().map(|outcome| match outcome {
                Ok(Changed { id, created }) => {
                    vec![id.clone(), "true".into(), created.to_string(), String::new()]
                }
                Err(failure) => vec![String::new(), "false".into(), "false".into(), failure.cell()],
            });
            let rows = std::iter::once(header).chain(rows);
            Reply::raw(200, Format::Csv.content_type(), table(Delimiter(b','), false, rows))
        }
        Format::Json => raw_json(200, &Value::Array(batch.outcomes.iter().map(outcome_json).collect())),
        Format::Xml => {
            let mut list = String::new();
            for outcome in &batch.outcomes {
                outcome_xml(&mut list, outcome);
            }
            let body = format!("{DECLARATION}<results xmlns=\"{NAMESPACE}\">{list}</results>");
            Reply::raw(200, Format::Xml.content_type(), body)
        }
    })
}

/// A refusal: HTTP 400, code and message.
pub(super) fn refusal(refusal: &Refusal, format: Format) -> Reply {
    let Refusal { code, message } = refusal;
    if format == Format::Json {
        return raw_json(400, &json!({"exceptionCode": code, "exceptionMessage": message}));
    }
    let body = format!(
        "{DECLARATION}<error\n   xmlns=\"{NAMESPACE}\">\n <exceptionCode>{code}</exceptionCode>\n \
         <exceptionMessage>{}</exceptionMessage>\n</error>",
        escape(message)
    );
    Reply::raw(400, Format::Xml.content_type(), body)
}

/// A moment as Bulk v1 spells it.
pub(super) fn moment(rest: &str) -> String {
    rest.strip_suffix("+0000").map_or_else(|| rest.to_owned(), |moment| format!("{moment}Z"))
}

fn outcome_json(outcome: &Result<Changed, Failure>) -> Value {
    match outcome {
        Ok(Changed { id, created }) => json!({"success": true, "created": created, "id": id, "errors": []}),
        Err(failure) => {
            let mut error = failure.row_body();
            if let Some(map) = error.as_object_mut() {
                map.insert("extendedErrorDetails".into(), Value::Null);
            }
            json!({"success": false, "created": false, "id": null, "errors": [error]})
        }
    }
}

fn outcome_xml(out: &mut String, outcome: &Result<Changed, Failure>) {
    out.push_str("<result>");
    match outcome {
        Ok(Changed { id, created }) => {
            text(out, "id", id);
            text(out, "success", "true");
            text(out, "created", &created.to_string());
        }
        Err(failure) => {
            out.push_str("<errors>");
            for field in failure.fields.iter().flatten() {
                text(out, "fields", field);
            }
            text(out, "message", &failure.message);
            text(out, "statusCode", failure.code);
            out.push_str("</errors><success>false</success><created>false</created>");
        }
    }
    out.push_str("</result>");
}

type Members = Vec<(&'static str, Value)>;

fn members_of_job(job: &Job) -> Members {
    let in_state = |state: &str| job.batches.iter().filter(|batch| batch.state == state).count();
    let sum = |count: fn(&Batch) -> usize| job.batches.iter().map(count).sum::<usize>();
    let mut members = vec![
        ("id", json!(job.id)),
        ("operation", json!(job.operation.name())),
        ("object", json!(job.object)),
        ("createdById", json!(job.user)),
        ("createdDate", json!(job.created)),
        ("systemModstamp", json!(job.modified)),
        ("state", json!(job.state)),
    ];
    if let Some(external) = job.external() {
        members.push(("externalIdFieldName", json!(external)));
    }
    members.extend([
        ("concurrencyMode", json!(job.concurrency)),
        ("contentType", json!(job.format.name())),
        ("numberBatchesQueued", json!(0)),
        ("numberBatchesInProgress", json!(0)),
        ("numberBatchesCompleted", json!(in_state("Completed"))),
        ("numberBatchesFailed", json!(in_state("Failed"))),
        ("numberBatchesTotal", json!(job.batches.len())),
        ("numberRecordsProcessed", json!(sum(Batch::processed))),
        ("numberRetries", json!(0)),
        ("apiVersion", json!(job.version.parse::<f64>().unwrap_or(0.0))),
        ("numberRecordsFailed", json!(sum(Batch::failed))),
        ("totalProcessingTime", json!(0)),
        ("apiActiveProcessingTime", json!(0)),
        ("apexProcessingTime", json!(0)),
    ]);
    members
}

fn members_of_batch(job: &Job, batch: &Batch) -> Members {
    let mut members = vec![("id", json!(batch.id)), ("jobId", json!(job.id)), ("state", json!(batch.state))];
    if let Some(message) = &batch.message {
        members.push(("stateMessage", json!(message)));
    }
    members.extend([
        ("createdDate", json!(batch.created)),
        ("systemModstamp", json!(batch.created)),
        ("numberRecordsProcessed", json!(batch.processed())),
        ("numberRecordsFailed", json!(batch.failed())),
        ("totalProcessingTime", json!(0)),
        ("apiActiveProcessingTime", json!(0)),
        ("apexProcessingTime", json!(0)),
    ]);
    members
}

fn document(name: &str, members: &Members, as_json: bool, status: u16) -> Reply {
    if as_json {
        return raw_json(status, &object(members));
    }
    let inner = elements(members, "\n ");
    let body = format!("{DECLARATION}<{name}\n   xmlns=\"{NAMESPACE}\">{inner}\n</{name}>");
    Reply::raw(status, Format::Xml.content_type(), body)
}

fn object(members: &Members) -> Value {
    Value::Object(members.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
}

fn elements(members: &Members, indent: &str) -> String {
    let spelled = members
        .iter()
        .map(|(name, found)| format!("{indent}<{name}>{}</{name}>", escape(&value::spell(found))));
    spelled.collect()
}

fn raw_json(status: u16, body: &Value) -> Reply {
    Reply::raw(status, Format::Json.content_type(), body.to_string())
}

const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>";
const NAMESPACE: &str = "http://www.force.com/2009/06/asyncapi/dataload";
