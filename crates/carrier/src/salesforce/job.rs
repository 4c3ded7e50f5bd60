//! A Bulk 2.0 ingest job: its upload does not say what it holds, so it is learned when the job is made.

use mark::json::{self, Json};

use super::door::is_written;

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

fn described(job: &Json<'_>, id: &str) -> Option<Job> {
    let text = |name: &str| job.get(name).and_then(Json::text);
    let operation = match text("operation")?.to_ascii_lowercase().as_str() {
        "insert" => Operation::Insert,
        "update" => Operation::Update,
        "upsert" => Operation::Upsert,
        "delete" | "harddelete" => Operation::Delete,
        _ => return None,
    };
    let delimiter = match text("columnDelimiter").unwrap_or("COMMA").to_ascii_uppercase().as_str() {
        "COMMA" => b',',
        "SEMICOLON" => b';',
        "TAB" => b'\t',
        "PIPE" => b'|',
        "CARET" => b'^',
        "BACKQUOTE" => b'`',
        _ => return None,
    };
    let object = text("object").filter(|object| is_written(object))?;
    Some(Job { id: id.to_owned(), object: object.to_owned(), operation, delimiter })
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
