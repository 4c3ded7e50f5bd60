//! Bulk API v1: batches of rows in CSV, XML or JSON, read and refused row by row.

use std::{collections::BTreeMap, ops::Range};

use mark::{
    Place, Reading, Unreadable,
    json::{self, Json},
};
use serde_json::json;

use super::{
    batch_job::{BatchFormat, BatchJob},
    bulk,
    door::{Route, is_id_shaped, is_version},
    job::{Operation, short_job_id},
    plan::{same_object, unreadable},
    record::{record, shape},
    span::{self, Edit, array_of, edited},
    xml_row::{BULK, Dialect, row},
};
use crate::{
    Action, Answer, Door, Limits, Readings, Refusal, Unit,
    route::Target,
    xml::{Xml, escaped},
};

/// A write by Bulk API v1, below `/services/async/vv.v`.
///
/// What a batch is, only its job knows: see [`route_by_job`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BulkV1 {
    /// `POST /job/<id>/batch` of a job that is not known: nobody can say what its body is.
    Batch {
        /// The job's id, in its 15 character form.
        job: String,
    },
    /// A batch of rows.
    Rows(BatchJob),
    /// A batch that is a query: its body is SOQL. It has no records to write.
    Query(BatchJob),
}

impl BulkV1 {
    /// The same request once it is known which job it belongs to.
    fn of_job(self, known: impl FnOnce(&str) -> Option<BatchJob>) -> Self {
        let Self::Batch { job } = self else { return self };
        match known(&job) {
            None => Self::Batch { job },
            Some(known) if known.operation == Operation::Query => Self::Query(known),
            Some(known) => Self::Rows(known),
        }
    }

    pub(super) fn action(&self) -> Action {
        match self {
            Self::Batch { .. } => Action::Create,
            Self::Query(_) => Action::Export,
            Self::Rows(job) => match job.operation {
                Operation::Insert | Operation::Upsert => Action::Create,
                Operation::Update => Action::Update,
                Operation::Delete => Action::Delete,
                Operation::Query => Action::Export,
            },
        }
    }

    pub(super) fn object(&self) -> Option<&str> {
        match self {
            Self::Batch { .. } => None,
            Self::Rows(job) | Self::Query(job) => Some(&job.object),
        }
    }

    pub(super) fn label(&self) -> &'static str {
        match self {
            Self::Batch { .. } => "bulk v1 batch",
            Self::Rows(_) => "bulk v1 rows",
            Self::Query(_) => "bulk v1 query",
        }
    }
}

/// What a request is that [`super::route`] called unknown, as far as jobs tell.
///
/// Shape:  method, target and override as sent; a look-up of jobs by their id in 15 characters -> [`Door::Judged`] for
///         `POST /services/async/vv.v/job/<id>/batch`, also of a job that is not known; else [`Door::Unknown`].
/// Never:  sees a batch where there is an override of any kind.
/// Source: spec/carriers.md section 2.8.
pub fn route_by_job(
    method: &str,
    target: &str,
    method_override: Option<&str>,
    known: impl FnOnce(&str) -> Option<BatchJob>,
) -> Door<Route> {
    let Some(target) = Target::parse(target).filter(|_| method.eq_ignore_ascii_case("POST")) else {
        return Door::Unknown;
    };
    if method_override.is_some() || target.query("_HttpMethod").next().is_some() {
        return Door::Unknown;
    }
    let is = |word: &str, wanted: &str| word.eq_ignore_ascii_case(wanted);
    let start = target.segments().iter().position(|segment| is(segment, "services"));
    match start.and_then(|start| target.segments().get(start..)).unwrap_or_default() {
        [_, api, version, jobs, job, batch]
            if is(api, "async")
                && is_version(&version.to_ascii_lowercase())
                && is(jobs, "job")
                && is_id_shaped(job)
                && is(batch, "batch") =>
        {
            let batch = BulkV1::Batch { job: short_job_id(job).to_owned() };
            Door::Judged(Route::BulkV1(batch.of_job(known)))
        }
        _ => Door::Unknown,
    }
}

/// Whether a request is a batch of a Bulk v1 job, rows or a query.
pub fn is_batch(method: &str, target: &str) -> bool {
    matches!(route_by_job(method, target, None, |_| None), Door::Judged(_))
}

/// Whether a request carries bulk rows, or may: a batch, an upload, a job that could have its rows with it.
pub fn is_bulk_rows(method: &str, target: &str) -> bool {
    let route = super::route(method, target, None);
    is_batch(method, target) || matches!(route, Door::Judged(Route::BulkUpload { .. } | Route::BulkJob))
}

/// Why a body of this media type is not read, whatever its bytes: an encoding that is not UTF-8, an archive, parts.
///
/// Shape:  the value of `Content-Type`, if there is one; without one the bytes decide.
pub fn unreadable_type(content_type: Option<&str>) -> Option<Unreadable> {
    let mut parts = content_type?.split(';').map(str::trim);
    let media = parts.next().unwrap_or_default().to_ascii_lowercase();
    if media.starts_with("zip/") || media.starts_with("multipart/") || media.ends_with("zip") {
        return Some(shape("is an archive or has parts, which are not read here; send the rows without it"));
    }
    let is_foreign = |parameter: &str| {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let value = value.trim().trim_matches('"');
        name.trim().eq_ignore_ascii_case("charset")
            && !["utf-8", "utf8"].iter().any(|utf8| value.eq_ignore_ascii_case(utf8))
    };
    parts.any(is_foreign).then(|| shape("is sent in another encoding than UTF-8; send UTF-8"))
}

/// Reads the rows of a batch.
pub(super) fn read<'a>(route: &BulkV1, body: &'a [u8], limits: &Limits) -> Readings<'a> {
    let (unit, records) = match route {
        BulkV1::Batch { .. } => {
            (Unit::Whole, vec![unreadable("body", shape("belongs to a job that was not made through here"))])
        }
        BulkV1::Query(_) => (Unit::Whole, Vec::new()),
        BulkV1::Rows(job) => match rows(job, body, limits) {
            Ok(Rows { list, unit }) => (unit, list.into_iter().map(|row| row.reading).collect()),
            Err(reason) => (Unit::Whole, vec![unreadable("body", reason)]),
        },
    };
    Readings { unit, records }
}

/// A row of a batch, and where it stands.
struct Row<'a> {
    reading: Reading<'a>,
    at: Range<usize>,
}

/// The rows of a batch, and whether they can be taken out one by one.
struct Rows<'a> {
    list: Vec<Row<'a>>,
    unit: Unit,
}

fn rows<'a>(job: &BatchJob, body: &'a [u8], limits: &Limits) -> Result<Rows<'a>, Unreadable> {
    if body.len() > limits.body_bytes {
        return Err(Unreadable::TooLong { limit: limits.body_bytes });
    }
    if body.starts_with(b"PK\x03\x04") || job.format == BatchFormat::Zip {
        return Err(shape("is a zip archive, which is not read here; send the rows without it"));
    }
    let Rows { list, unit } = rows_of(job, body, limits)?;
    if job.operation == Operation::Delete {
        // What is only removed is no record, but another reader must not find other rows in it.
        let broken = list.into_iter().find_map(|row| row.reading.content.err());
        return broken.map_or(Ok(Rows { list: Vec::new(), unit: Unit::Whole }), Err);
    }
    Ok(Rows { list, unit })
}

fn rows_of<'a>(job: &BatchJob, body: &'a [u8], limits: &Limits) -> Result<Rows<'a>, Unreadable> {
    let list = match job.format {
        BatchFormat::Csv => {
            let placed = bulk::rows_at(&job.object, b',', body, limits)?;
            let unit = if placed.is_broken { Unit::Whole } else { Unit::PerRecord };
            let list = placed.rows.into_iter().map(|(reading, at)| Row { reading, at }).collect();
            return Ok(Rows { list, unit });
        }
        BatchFormat::Json => in_json(job, body, limits)?,
        BatchFormat::Xml | BatchFormat::Zip => in_xml(job, body, limits)?,
    };
    Ok(Rows { list, unit: Unit::PerRecord })
}

fn in_json<'a>(job: &BatchJob, body: &'a [u8], limits: &Limits) -> Result<Vec<Row<'a>>, Unreadable> {
    let Json::Array(items) = json::parse(body)? else { return Err(shape("is not a list of rows")) };
    if items.len() > limits.records {
        return Err(Unreadable::TooMany { limit: limits.records });
    }
    let places = span::whole(body).and_then(|whole| span::items(body, &whole)).unwrap_or_default();
    let rows = items.into_iter().zip(places).enumerate().map(|(index, (item, at))| {
        let content = match item {
            Json::Object(members) if same_object(&members, &job.object) => {
                record(job.object.clone().into(), members)
            }
            Json::Object(_) => Err(shape("names another object than its job")),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) | Json::Array(_) => {
                Err(shape("is not an object"))
            }
        };
        let place = Place { index, reference: format!("records[{index}]") };
        Row { reading: Reading { place, content }, at }
    });
    Ok(rows.collect())
}

fn in_xml<'a>(job: &BatchJob, body: &'a [u8], limits: &Limits) -> Result<Vec<Row<'a>>, Unreadable> {
    let (mut xml, root) = Xml::open(body)?;
    if root.name.local != "sObjects" || root.name.namespace != BULK {
        return Err(shape("is not a list of rows: its root is not Bulk API's `sObjects`"));
    }
    let mut rows = Vec::new();
    while let Some(tag) = xml.child(&root)? {
        if tag.name.local != "sObject" || tag.name.namespace != BULK {
            return Err(shape("has something else than an `sObject` among its rows"));
        }
        let index = rows.len();
        if index >= limits.records {
            return Err(Unreadable::TooMany { limit: limits.records });
        }
        let element = xml.element(tag)?;
        let at = element.span.clone();
        let content = row(Dialect::Bulk, Some(&job.object), element);
        let place = Place { index, reference: format!("sObject[{index}]") };
        rows.push(Row { reading: Reading { place, content }, at });
    }
    xml.finish()?;
    Ok(rows)
}

/// How many rows a batch has; it was read within limits before.
pub(super) fn count(route: &BulkV1, body: &[u8]) -> Option<usize> {
    let BulkV1::Rows(job) = route else { return None };
    rows(job, body, &super::fate::UNBOUNDED).ok().map(|rows| rows.list.len())
}

/// The batch without its refused rows; nothing where none is left, or none may be taken out.
pub(super) fn withhold(route: &BulkV1, body: &[u8], refusals: &BTreeMap<usize, Refusal>) -> Option<Vec<u8>> {
    let BulkV1::Rows(job) = route else { return None };
    let Rows { list: rows, unit } = rows(job, body, &super::fate::UNBOUNDED).ok()?;
    let keep = |index: usize| !refusals.contains_key(&index);
    if unit == Unit::Whole || !(0..rows.len()).any(keep) {
        return None;
    }
    let spans: Vec<Range<usize>> = rows.into_iter().map(|row| row.at).collect();
    Some(match job.format {
        BatchFormat::Json => {
            edited(body, vec![Edit { at: span::whole(body)?, with: array_of(body, &spans, keep) }])
        }
        BatchFormat::Csv | BatchFormat::Xml | BatchFormat::Zip => {
            let gone = spans.into_iter().enumerate().filter(|(index, _)| !keep(*index));
            edited(body, gone.map(|(_, at)| Edit { at, with: Vec::new() }).collect())
        }
    })
}

/// The answer to a batch of which nothing is sent on, in the shape that its job has.
pub(super) fn refuse(route: &BulkV1, refusal: &Refusal) -> Answer {
    match route {
        BulkV1::Rows(BatchJob { format: BatchFormat::Json, .. }) => in_json_error(403, refusal),
        BulkV1::Batch { .. } | BulkV1::Rows(_) | BulkV1::Query(_) => error(403, refusal),
    }
}

/// Whether a target belongs to Bulk API v1, whose session has a header of its own.
pub fn is_bulk_v1(target: &str) -> bool {
    Target::parse(target).is_some_and(|target| is_endpoint(&target))
}

/// Whether a target belongs to Bulk API v1, whose errors are XML.
pub(super) fn is_endpoint(target: &Target) -> bool {
    let mut segments =
        target.segments().iter().skip_while(|segment| !segment.eq_ignore_ascii_case("services"));
    segments.nth(1).is_some_and(|segment| segment.eq_ignore_ascii_case("async"))
}

/// An error as Bulk v1 tells it.
///
/// Source: the shape that salesforce-bulk, `CumulusCI` and jsforce print; spec/carriers.md section 2.8.
pub(super) fn error(status: u16, refusal: &Refusal) -> Answer {
    let body = format!(
        r#"<?xml version="1.0" encoding="UTF-8"?><error xmlns="{BULK}"><exceptionCode>{}</exceptionCode><exceptionMessage>{}</exceptionMessage></error>"#,
        escaped(&refusal.code),
        escaped(&refusal.message),
    );
    Answer { status, content_type: "application/xml;charset=UTF-8", body: body.into_bytes() }
}

pub(super) fn in_json_error(status: u16, refusal: &Refusal) -> Answer {
    let body = json!({ "exceptionCode": refusal.code, "exceptionMessage": refusal.message });
    super::answer::answer(status, &body)
}

#[cfg(test)]
mod tests;
