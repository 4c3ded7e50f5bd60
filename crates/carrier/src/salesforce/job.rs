//! A Bulk 2.0 ingest job: its upload does not say what it holds, so it is learned when the job is made.

use mark::json::{self, Json};

use super::door::is_written;
use crate::route::Target;

/// What a Bulk 2.0 ingest job said when it was created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its id, in the 15 character form that [`super::Route::BulkUpload`] has.
    pub id: String,
    /// The object of every row.
    pub object: String,
    /// What is done with the rows.
    pub operation: Operation,
    /// The byte between cells.
    pub delimiter: u8,
}

impl Job {
    /// A job that nobody made: rows of a file that are read as a job's upload is.
    pub fn of_rows(object: String, delimiter: u8) -> Self {
        Self { id: String::new(), object, operation: Operation::Insert, delimiter }
    }
}

/// What a Bulk job does with its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// New rows.
    Insert,
    /// Changes to rows.
    Update,
    /// Both, by an external id.
    Upsert,
    /// Removal; the rows hold ids only.
    Delete,
    /// A question; only jobs of Bulk API v1 are asked that way.
    Query,
}

/// Largest answer to a job's creation that is read, in bytes; they are about 500.
pub const JOB_BYTES_MAX: usize = 65_536;

/// The job that this answer to `POST /jobs/ingest` tells of; `None` if it tells of none.
///
/// The gateway keeps a bounded map of them; an upload to a job that is not in it is unreadable.
///
/// Shape:  the response's JSON -> id, object, operation and delimiter.
/// Bounds: [`JOB_BYTES_MAX`].
/// Source: spec/carriers.md section 2.4.
pub fn job_created(response: &[u8]) -> Option<Job> {
    if response.len() > JOB_BYTES_MAX {
        return None;
    }
    let answer = json::parse(response).ok()?;
    let id = answer.get("id").and_then(Json::text)?;
    let plain = matches!(id.len(), 15 | 18) && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    plain.then(|| described(&answer, short_job_id(id)))?
}

/// The job that a request to make one describes, when its rows are in the same request.
pub(super) fn job_asked_for(request: &Json<'_>) -> Option<Job> {
    let kind = request.get("contentType").map_or(Some("CSV"), Json::text)?;
    described(request, "").filter(|_| kind.eq_ignore_ascii_case("CSV"))
}

/// The byte that a `columnDelimiter` names.
pub fn delimiter_named(name: &str) -> Option<u8> {
    match name.to_ascii_uppercase().as_str() {
        "COMMA" => Some(b','),
        "SEMICOLON" => Some(b';'),
        "TAB" => Some(b'\t'),
        "PIPE" => Some(b'|'),
        "CARET" => Some(b'^'),
        "BACKQUOTE" => Some(b'`'),
        _ => None,
    }
}

fn described(job: &Json<'_>, id: &str) -> Option<Job> {
    let text = |name: &str| job.get(name).and_then(Json::text);
    let operation = match text("operation")?.to_ascii_lowercase().as_str() {
        "insert" => Operation::Insert,
        "update" => Operation::Update,
        "upsert" => Operation::Upsert,
        "delete" | "harddelete" => Operation::Delete,
        _ => return None,
    };
    let delimiter = delimiter_named(text("columnDelimiter").unwrap_or("COMMA"))?;
    let object = text("object").filter(|object| is_written(object))?;
    Some(Job { id: id.to_owned(), object: object.to_owned(), operation, delimiter })
}

/// The job that an upload belongs to, and where the org tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobOfUpload {
    /// Its id, in the 15 character form.
    pub id: String,
    /// What to `GET`.
    pub target: String,
    /// Whether it is a job of Bulk API v1.
    pub is_batch_job: bool,
}

/// Which job this request uploads rows to; `None` for every other request.
///
/// Another gateway may have seen the job being made, or this one before it was started again: the org knows.
///
/// Source: spec/carriers.md sections 2.4 and 2.8.
pub fn job_of_upload(method: &str, target: &str) -> Option<JobOfUpload> {
    let target = Target::parse(target)?;
    let segments: Vec<String> = target
        .segments()
        .iter()
        .skip_while(|segment| !segment.eq_ignore_ascii_case("services"))
        .cloned()
        .collect();
    let lower: Vec<String> = segments.iter().map(|segment| segment.to_ascii_lowercase()).collect();
    let words: Vec<&str> = lower.iter().map(String::as_str).collect();
    let (id, is_batch_job) = match (method.to_ascii_uppercase().as_str(), words.as_slice()) {
        ("PUT", ["services", "data", _, "jobs", "ingest", _, "batches"]) => (segments.get(5)?, false),
        ("POST", ["services", "async", _, "job", _, "batch"]) => (segments.get(4)?, true),
        _ => return None,
    };
    let is_plain = |segment: &String| {
        !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.')
    };
    if !matches!(id.len(), 15 | 18) || !segments.iter().all(is_plain) {
        return None;
    }
    let (_, path) = segments.split_last()?;
    Some(JobOfUpload {
        id: short_job_id(id).to_owned(),
        target: format!("/{}", path.join("/")),
        is_batch_job,
    })
}

/// The first 15 characters of an id: the rest is a checksum.
pub(super) fn short_job_id(id: &str) -> &str {
    id.get(..15).unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(response: &str, want: Option<(&str, Operation, u8)>) {
        let job = job_created(response.as_bytes());
        assert_eq!(
            job.as_ref().map(|job| (job.object.as_str(), job.operation, job.delimiter)),
            want,
            "{response}"
        );
        assert!(job.is_none_or(|job| job.id.len() == 15));
    }

    #[test]
    fn an_upload_says_where_its_job_is_told_of() {
        for (method, target, want) in [
            (
                "PUT",
                "/services/data/v67.0/jobs/ingest/7505000000000EAAAQ/batches/",
                Some(("/services/data/v67.0/jobs/ingest/7505000000000EAAAQ", false)),
            ),
            (
                "put",
                "/Services//data/v67.0/jobs/ingest/7505000000000EA/%62atches?x=1",
                Some(("/Services/data/v67.0/jobs/ingest/7505000000000EA", false)),
            ),
            (
                "POST",
                "/services/async/67.0/job/7505000000000EAAAQ/batch",
                Some(("/services/async/67.0/job/7505000000000EAAAQ", true)),
            ),
            ("GET", "/services/data/v67.0/jobs/ingest/7505000000000EAAAQ/batches", None),
            ("PUT", "/services/data/v67.0/jobs/ingest/..%2f..%2fsobjects/batches", None),
            ("PUT", "/services/data/v67.0/jobs/ingest/750/batches", None),
            ("POST", "/services/data/v67.0/jobs/ingest", None),
        ] {
            let told = job_of_upload(method, target);
            assert_eq!(told.as_ref().map(|job| (job.target.as_str(), job.is_batch_job)), want, "{target}");
            assert!(told.is_none_or(|job| job.id == "7505000000000EA"));
        }
    }

    #[test]
    fn only_a_job_we_can_read_is_learned() {
        let id = r#""id":"7505000000000EAAAQ""#;
        check(
            &format!(r#"{{{id},"operation":"insert","object":"Contact","columnDelimiter":"COMMA"}}"#),
            Some(("Contact", Operation::Insert, b',')),
        );
        check(
            &format!(r#"{{{id},"operation":"hardDelete","object":"X__c"}}"#),
            Some(("X__c", Operation::Delete, b',')),
        );
        check(
            &format!(r#"{{{id},"operation":"upsert","object":"X","columnDelimiter":"BACKQUOTE"}}"#),
            Some(("X", Operation::Upsert, b'`')),
        );
        check(&format!(r#"{{{id},"operation":"insert","object":"X","columnDelimiter":"DOT"}}"#), None);
        check(&format!(r#"{{{id},"operation":"query","object":"X"}}"#), None);
        check(&format!(r#"{{{id},"operation":"insert","object":"../X"}}"#), None);
        check(r#"{"id":"750","operation":"insert","object":"X"}"#, None);
        check(r#"[{"errorCode":"INVALID_SESSION_ID","message":"x"}]"#, None);
        check("", None);
    }
}
