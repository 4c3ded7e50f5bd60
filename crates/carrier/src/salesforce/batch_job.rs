//! A Bulk API v1 job: its batches do not say what they hold, so it is learned when the job is made.

use mark::json::{self, Json};

use super::{
    door::{is_name, is_written},
    job::{JOB_BYTES_MAX, Operation, short_job_id},
    xml_row::BULK,
};
use crate::xml::{Element, Xml};

/// What a Bulk v1 job said when it was created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchJob {
    /// Its id, in the 15 character form that [`super::BulkV1::Batch`] has.
    pub id: String,
    /// The object of every row.
    pub object: String,
    /// What is done with the rows.
    pub operation: Operation,
    /// How a batch is written.
    pub format: BatchFormat,
}

/// How the batches of a Bulk v1 job are written, and the results too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchFormat {
    /// `CSV`.
    Csv,
    /// `XML`.
    Xml,
    /// `JSON`.
    Json,
    /// `ZIP_CSV`, `ZIP_XML`, `ZIP_JSON`: rows with files, which are not read here.
    Zip,
}

/// The job that this answer to `POST /services/async/…/job` tells of; `None` if it tells of none.
///
/// Shape:  `jobInfo` in XML or JSON -> id, object, operation and format.
/// Bounds: [`JOB_BYTES_MAX`].
/// Source: spec/carriers.md section 2.8.
pub fn batch_job_created(response: &[u8]) -> Option<BatchJob> {
    let info = info(response)?;
    let operation = match info.operation?.to_ascii_lowercase().as_str() {
        "insert" => Operation::Insert,
        "update" => Operation::Update,
        "upsert" => Operation::Upsert,
        "delete" | "harddelete" => Operation::Delete,
        "query" | "queryall" => Operation::Query,
        _ => return None,
    };
    // Without a word Salesforce takes XML.
    let format = match info.content_type.as_deref().unwrap_or("XML").to_ascii_uppercase().as_str() {
        "CSV" => BatchFormat::Csv,
        "XML" => BatchFormat::Xml,
        "JSON" => BatchFormat::Json,
        "ZIP_CSV" | "ZIP_XML" | "ZIP_JSON" => BatchFormat::Zip,
        _ => return None,
    };
    let id = info.id?;
    let plain = matches!(id.len(), 15 | 18) && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let object = info.object.filter(|object| match operation {
        Operation::Query => is_name(object),
        Operation::Insert | Operation::Update | Operation::Upsert | Operation::Delete => is_written(object),
    })?;
    plain.then(|| BatchJob { id: short_job_id(&id).to_owned(), object, operation, format })
}

/// What a `jobInfo` says; absent where it is none.
#[derive(Default)]
struct Info {
    id: Option<String>,
    object: Option<String>,
    operation: Option<String>,
    content_type: Option<String>,
}

fn info(text: &[u8]) -> Option<Info> {
    if text.len() > JOB_BYTES_MAX {
        return None;
    }
    if super::read::is_json(text) {
        let answer = json::parse(text).ok().filter(|answer| matches!(answer, Json::Object(_)))?;
        let said = |name: &str| answer.get(name).and_then(Json::text).map(str::to_owned);
        return Some(Info {
            id: said("id"),
            object: said("object"),
            operation: said("operation"),
            content_type: said("contentType"),
        });
    }
    let (mut xml, root) = Xml::open(text).ok()?;
    let element = xml.element(root).ok()?;
    xml.finish().ok()?;
    let twice = |child: &Element<'_>| {
        element.children.iter().filter(|other| other.name.local == child.name.local).count() > 1
    };
    if element.name.local != "jobInfo"
        || element.name.namespace != BULK
        || element.children.iter().any(|child| child.name.namespace != BULK || twice(child))
    {
        return None;
    }
    let said = |name: &str| {
        element.child(name).filter(|child| child.children.is_empty()).map(|child| child.text.to_string())
    };
    Some(Info {
        id: said("id"),
        object: said("object"),
        operation: said("operation"),
        content_type: said("contentType"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(answer: &str, want: Option<(&str, Operation, BatchFormat)>) {
        let job = batch_job_created(answer.as_bytes());
        let got = job.as_ref().map(|job| (job.object.as_str(), job.operation, job.format));
        assert_eq!(got, want, "{answer}");
        assert!(job.is_none_or(|job| job.id == "750000000000001"));
    }

    fn xml(inner: &str) -> String {
        format!(
            r#"<?xml version="1.0" encoding="UTF-8"?><jobInfo xmlns="{BULK}"><id>750000000000001AAA</id>{inner}</jobInfo>"#
        )
    }

    #[test]
    fn only_a_job_we_can_read_is_learned() {
        let said = |operation: &str, object: &str, format: &str| {
            xml(&format!(
                "<operation>{operation}</operation><object>{object}</object><contentType>{format}</contentType>"
            ))
        };
        check(&said("insert", "Contact", "CSV"), Some(("Contact", Operation::Insert, BatchFormat::Csv)));
        check(&said("hardDelete", "X__c", "XML"), Some(("X__c", Operation::Delete, BatchFormat::Xml)));
        check(&said("queryAll", "Contact", "JSON"), Some(("Contact", Operation::Query, BatchFormat::Json)));
        check(
            &said("insert", "Attachment", "ZIP_XML"),
            Some(("Attachment", Operation::Insert, BatchFormat::Zip)),
        );
        check(&said("insert", "Alarm__e", "CSV"), Some(("Alarm__e", Operation::Insert, BatchFormat::Csv)));
        check(&said("merge", "Contact", "CSV"), None);
        check(&said("insert", "Contact", "PARQUET"), None);
        check(
            &xml("<operation>insert</operation><object>Contact</object>"),
            Some(("Contact", Operation::Insert, BatchFormat::Xml)),
        );
        check(&xml("<operation>insert</operation><object>Contact</object><object>Lead</object>"), None);
        check(
            r#"{"id":"750000000000001AAA","operation":"upsert","object":"Contact","contentType":"JSON"}"#,
            Some(("Contact", Operation::Upsert, BatchFormat::Json)),
        );
        check("<error><exceptionCode>InvalidSessionId</exceptionCode></error>", None);
        check("[]", None);
        check("", None);
    }
}
