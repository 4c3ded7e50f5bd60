//! The records of a request's body, and of what an org gave back.

use std::borrow::Cow;

use mark::{
    Place, Reading, Record, Unreadable,
    json::{self, Json, Members},
};

use super::{
    apex::read_apex,
    api::Api,
    batch, bulk,
    door::{Route, is_event, is_name},
    field::{Own, is_dataset_relationship, is_uncovered},
    files::without_labelled,
    graphql,
    job::{Job, Operation, job_asked_for},
    place::is_own_column,
    plan::{has_records, plan, plan_parts, unreadable},
    record::{object_of, record, shape},
    soap_rows,
};
use crate::{
    Action, Limits, Readings, Unit,
    misplaced::{MISPLACED, is_mark_text},
    multipart::{Media, Part, parts},
    route::pairs,
};

/// Reads the records of a judged request.
///
/// A removal has no records, and a bulk job's rows are read with the job that they belong to; without it they are
/// unreadable, for nobody knows what they are.
///
/// Shape:  the body, decoded -> one reading a record, in the body's order; children of a tree after their parent.
/// Bounds: `limits`; past them the whole body is one unreadable record.
/// Errors: none; what cannot be read is a reading, and never a reason to let the rest pass unread.
/// Source: spec/carriers.md sections 2.1 to 2.4.
pub fn read<'a>(route: &Route, job: Option<&Job>, body: &'a [u8], limits: &Limits) -> Readings<'a> {
    if let Route::BulkV1(rows) = route {
        return batch::read(rows, body, limits);
    }
    if let Route::Soap(call) = route {
        return soap_rows::read(*call, body, limits);
    }
    if let Route::Api(Api::Apex(map)) = route {
        return Readings { unit: Unit::Whole, records: read_apex(map, body, limits) };
    }
    let Route::BulkUpload { job: id } = route else {
        let plan = plan(route, body, limits);
        return Readings { unit: plan.unit, records: plan.readings };
    };
    let records = match job.filter(|job| job.id == *id) {
        None => vec![unreadable("body", shape("belongs to a job that was not made through here"))],
        Some(Job { operation: Operation::Delete | Operation::Query, .. }) => Vec::new(),
        Some(job) => bulk::rows(&job.object, job.delimiter, body, limits),
    };
    Readings { unit: Unit::Whole, records }
}

/// Reads the records of a judged request whose media type is known.
///
/// Shape:  as [`read`]; a multipart body is a row or a collection with its files, or a bulk job with its rows.
/// Bounds: `limits`.
/// Errors: none, as in [`read`]; a form, or another character set than UTF-8, is one unreadable record.
/// Source: spec/carriers.md section 2.14.
pub fn read_typed<'a>(
    route: &Route,
    job: Option<&Job>,
    content_type: Option<&str>,
    body: &'a [u8],
    limits: &Limits,
) -> Readings<'a> {
    let records = match Media::of(content_type) {
        // A removal's body says nothing.
        Ok(Media::Text) => return read(route, job, body, limits),
        Ok(Media::Form) if body.is_empty() => return read(route, job, body, limits),
        Ok(Media::Form) => Err(shape("is a form, which no record comes in")),
        Ok(Media::Multipart { .. }) if body.len() > limits.body_bytes => {
            Err(Unreadable::TooLong { limit: limits.body_bytes })
        }
        // Its zip is no record; what it would change is read elsewhere.
        Ok(Media::Multipart { .. }) if matches!(route, Route::Api(Api::Deploy)) => Ok(Vec::new()),
        Ok(Media::Multipart { boundary }) => {
            parts(&boundary, body).and_then(|parts| in_parts(route, &parts, limits))
        }
        Err(reason) => Err(reason),
    };
    let records = records.unwrap_or_else(|reason| vec![unreadable("body", reason)]);
    Readings { unit: Unit::Whole, records }
}

fn in_parts<'a>(route: &Route, parts: &[Part<'a>], limits: &Limits) -> Result<Vec<Reading<'a>>, Unreadable> {
    match (route, parts) {
        (
            Route::Create { .. }
            | Route::Update { .. }
            | Route::Upsert { value: None, .. }
            | Route::CreateMany
            | Route::UpdateMany,
            _,
        ) => plan_parts(route, parts, limits),
        (Route::BulkJob, [asked, rows]) if asked.name == "job" && rows.name == "content" => {
            let job = job_asked_for(&json::parse(asked.content)?);
            match job.ok_or_else(|| shape("asks for a job that is not read here"))? {
                Job { operation: Operation::Delete, .. } => Ok(Vec::new()),
                job => Ok(bulk::rows(&job.object, job.delimiter, rows.content, limits)),
            }
        }
        _ => Err(shape("has parts that are not read here")),
    }
}

/// Whether a form says in its body which method is meant: a request that looks like a read could then be none.
///
/// Source: spec/carriers.md section 2.1.
pub fn form_overrides(content_type: Option<&str>, body: &[u8]) -> bool {
    match Media::of(content_type) {
        Ok(Media::Text) => false,
        Ok(Media::Form) => {
            let fields = std::str::from_utf8(body).ok().and_then(pairs);
            // What cannot be read as a form could be read as one by somebody else.
            fields.is_none_or(|fields| {
                fields.iter().any(|(name, value)| {
                    let said = |text: &str| text.to_ascii_lowercase().contains("_httpmethod");
                    said(name) || said(value)
                })
            })
        }
        Ok(Media::Multipart { boundary }) => parts(&boundary, body)
            .map_or(true, |parts| parts.iter().any(|part| part.name.eq_ignore_ascii_case("_HttpMethod"))),
        Err(_) => true,
    }
}

/// Whether a request to this target could say in its body which method is meant. Logins are forms and mean what they are.
pub fn may_hide_method(target: &str, content_type: Option<&str>) -> bool {
    let lower = target.to_ascii_lowercase();
    let path = lower.split('?').next().unwrap_or_default();
    let is_text = matches!(Media::of(content_type), Ok(Media::Text));
    !is_text && !path.contains("/services/oauth2/")
}

/// What a request does, once its body is known: a query reads, and events are handed on.
///
/// Shape:  a route, its body, and what was read of it -> the action that policies are asked about.
pub fn action(route: &Route, body: &[u8], readings: &Readings<'_>) -> Action {
    if matches!(route, Route::Api(Api::GraphQl)) {
        let asked = json::parse(body).ok().and_then(|body| graphql::asked(body).ok());
        return asked.map_or_else(|| route.action(), |asked| asked.action);
    }
    let is_event =
        |reading: &Reading<'_>| reading.content.as_ref().is_ok_and(|record| is_event(&record.object));
    let delivers = !readings.records.is_empty() && readings.records.iter().all(is_event);
    if delivers { Action::Deliver } else { route.action() }
}

/// Reads a file of records that came out of an org, or is meant to go into one.
///
/// Shape:  JSON: one row, an array of rows, a query's answer or a collection's body, objects from `attributes.type`
///         or else `object`; anything that does not begin as JSON: CSV with commas, rows of `object`. Rows within
///         rows, as a query with a subquery gives them, follow the row they are in.
/// Bounds: `limits`.
/// Errors: none, as in [`read`].
pub fn read_file<'a>(bytes: &'a [u8], object: Option<&str>, limits: &Limits) -> Readings<'a> {
    let whole = |reason| vec![unreadable("file", reason)];
    let records = if bytes.len() > limits.body_bytes {
        whole(Unreadable::TooLong { limit: limits.body_bytes })
    } else if is_json(bytes) {
        let mut rows = Rows { object, limits, readings: Vec::new() };
        match json::parse(bytes).map_err(Unreadable::Json).and_then(|value| rows.top(value)) {
            Ok(()) => rows.readings,
            Err(reason) => whole(reason),
        }
    } else {
        match object.filter(|object| is_name(object)) {
            Some(object) => bulk::rows(object, b',', bytes, limits),
            None => whole(shape("is a table without the name of its object; give one, such as `Contact`")),
        }
    };
    Readings { unit: Unit::Whole, records }
}

/// Reads one row of JSON that stands in a line of its own.
///
/// Errors: why it is no record; rows within a row need a file that is one document.
pub(crate) fn read_line<'a>(
    line: &'a [u8],
    object: Option<&str>,
    limits: &Limits,
) -> Result<Record<'a>, Unreadable> {
    if line.first() != Some(&b'{') {
        return Err(shape("is not an object"));
    }
    let mut records = read_file(line, object, limits).records;
    match (records.pop(), records.is_empty()) {
        (Some(only), true) => only.content,
        _ => Err(shape("is not one record: rows within a row are read in a JSON array only")),
    }
}

/// Whether the first byte that is not white space opens an object or an array, or a byte-order mark hides one.
pub(super) fn is_json(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    matches!(bytes.iter().find(|byte| !byte.is_ascii_whitespace()), Some(b'{' | b'['))
}

struct Rows<'a, 'l> {
    object: Option<&'l str>,
    limits: &'l Limits,
    readings: Vec<Reading<'a>>,
}

impl<'a> Rows<'a, '_> {
    fn top(&mut self, value: Json<'a>) -> Result<(), Unreadable> {
        match value {
            Json::Array(items) => self.all(items, "records"),
            value @ Json::Object(_) if has_records(&value) => self.all(list(value)?, "records"),
            value @ Json::Object(_) => self.row(value, "record"),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) => {
                Err(shape("is neither a record nor a list of records"))
            }
        }
    }

    fn all(&mut self, items: Vec<Json<'a>>, place: &str) -> Result<(), Unreadable> {
        items.into_iter().enumerate().try_for_each(|(at, item)| self.row(item, &format!("{place}[{at}]")))
    }

    fn row(&mut self, row: Json<'a>, place: &str) -> Result<(), Unreadable> {
        if self.readings.len() >= self.limits.records {
            return Err(Unreadable::TooMany { limit: self.limits.records });
        }
        let index = self.readings.len();
        let at = Place { index, reference: place.chars().take(200).collect() };
        let Json::Object(members) = row else {
            self.readings.push(Reading { place: at, content: Err(shape("is not an object")) });
            return Ok(());
        };
        let (within, own): (Members<'a>, Members<'a>) =
            members.into_iter().partition(|(name, value)| holds_rows(name, value));
        let object = match (object_of(&own), self.object) {
            (Ok(found), _) => Ok(found),
            (Err(_), Some(given)) => Ok(given.to_owned().into()),
            (Err(reason), None) => Err(reason),
        };
        let content = unread(&own).map_or(object, Err).and_then(|object| record(object, own));
        let content = content.and_then(|record| without_labelled(record, self.limits));
        self.readings.push(Reading { place: at, content });
        for (name, value) in within {
            let name = if is_name(&name) { name.as_ref() } else { "children" };
            if has_records(&value) {
                self.all(list(value)?, &format!("{place}.{name}.records"))?;
            } else {
                self.row(value, &format!("{place}.{name}"))?;
            }
        }
        Ok(())
    }
}

/// Whether a member of a row is rows of their own: those that point at it, or the one that it points at.
///
/// A row that is pointed at says its object and something of it, or carries a label. What only names one by its id or an
/// external id is none.
pub(super) fn holds_rows(name: &str, value: &Json<'_>) -> bool {
    if name == "attributes" || is_own_column(name) {
        return false;
    }
    let is_row = |members: &Members<'_>| {
        let there = || members.iter().filter(|(_, value)| !matches!(value, Json::Null)).map(|(name, _)| name);
        let says_content = there().any(|name| !is_uncovered(name));
        (says_content && there().any(|name| name == "attributes"))
            || there().any(|name| Own::of(name).is_some_and(Own::tells))
    };
    has_records(value)
        || matches!(value, Json::Object(members) if is_row(members) && !is_of_the_org(name, members))
}

/// Whether a value only says who in the org keeps a row, or how the org sorts it: nobody's record, and no generator's.
///
/// Shape:  a relationship that every object has, its type as the org says it, plain values, no label.
fn is_of_the_org(relationship: &str, members: &Members<'_>) -> bool {
    let types: &[&str] = match relationship {
        "Owner" => &["User", "Group", "Queue", "Name"],
        "CreatedBy" | "LastModifiedBy" | "Manager" => &["User", "Name"],
        "RecordType" => &["RecordType"],
        "Profile" => &["Profile"],
        "UserRole" => &["UserRole"],
        _ => return false,
    };
    let attributes = members.iter().find(|(name, _)| name == "attributes").map(|(_, value)| value);
    let said = attributes.and_then(|attributes| attributes.get("type")).and_then(Json::text);
    said.is_some_and(|said| types.contains(&said))
        && members.iter().all(|(name, value)| match value {
            Json::Object(inner) if name == "attributes" => names_row(relationship, inner),
            Json::Object(inner) => is_of_the_org(name, inner),
            Json::Text(text) => !is_mark_text(text) && Own::of(name).is_none(),
            Json::Null | Json::Bool(_) | Json::Number(_) => Own::of(name).is_none(),
            Json::Array(_) => false,
        })
}

/// The rows of a list, as the answer to a query has it.
///
/// Errors: something else than a count or an address stands beside them, which could be rows too.
fn list(value: Json<'_>) -> Result<Vec<Json<'_>>, Unreadable> {
    let Json::Object(members) = value else { return Err(shape("is not a list of records")) };
    let mut rows = Vec::new();
    for (name, value) in members {
        let is_read = match value {
            Json::Array(items) if name == "records" => {
                rows = items;
                true
            }
            Json::Text(_) => BESIDE_RECORDS.contains(&name.as_ref()),
            Json::Bool(_) | Json::Number(_) => Own::in_table(&name).is_none(),
            Json::Null => true,
            Json::Object(_) | Json::Array(_) => false,
        };
        if !is_read {
            return Err(shape("has something beside `records` that is not read; give each list by itself"));
        }
    }
    Ok(rows)
}

/// Texts beside the rows of an answer.
const BESIDE_RECORDS: [&str; 3] = ["nextRecordsUrl", "queryLocator", "entityTypeName"];

/// Why a row is none, for what it holds beside its fields.
///
/// A value in braces is a way to another row or an address, and holds plain values alone; a list holds no objects.
fn unread(row: &Members<'_>) -> Option<Unreadable> {
    let is_dataset = row.iter().any(|(name, value)| {
        name == "attributes" && value.get("type").and_then(Json::text).is_some_and(is_dataset_object)
    });
    // A wrapper that nobody here knows: what is in it would be nobody's.
    let is_wrapped = |(name, value): &(Cow<'_, str>, Json<'_>)| {
        name != "attributes" && !is_own_column(name) && matches!(value, Json::Object(_))
    };
    if !row.is_empty() && row.iter().all(is_wrapped) {
        return Some(shape(UNREAD));
    }
    row.iter().find_map(|(name, value)| match value {
        _ if name == "resourceType" => Some(shape("is a FHIR resource, not a row of Salesforce")),
        Json::Text(text) if !is_dataset && is_mark_text(text) && Own::of(name) != Some(Own::Mark) => {
            Some(shape(MISPLACED))
        }
        Json::Object(members) if is_of_the_org(name, members) => None,
        Json::Object(members) if Own::of(name).is_none() => {
            let hides = |(inner, value): &(Cow<'_, str>, Json<'_>)| match value {
                Json::Object(members) => inner != "attributes" || !names_row(name, members),
                Json::Array(_) => true,
                Json::Null => false,
                Json::Text(text) if is_mark_text(text) => true,
                Json::Text(_) | Json::Bool(_) | Json::Number(_) => Own::of(inner).is_some_and(Own::tells),
            };
            members.iter().any(hides).then(|| shape(UNREAD))
        }
        Json::Array(items) => {
            let is_plain = |item: &Json<'_>| match item {
                Json::Text(text) => is_dataset || !is_mark_text(text),
                Json::Null | Json::Bool(_) | Json::Number(_) => true,
                Json::Object(_) | Json::Array(_) => false,
            };
            (!items.iter().all(is_plain)).then(|| shape(UNREAD))
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) | Json::Object(_) => None,
    })
}

const UNREAD: &str = "holds something that could be other records and is not read; give those by themselves";

/// Whether attributes only name the row that a relationship points at, which is a dataset's where that is one's name.
fn names_row(relationship: &str, attributes: &Members<'_>) -> bool {
    let says = attributes.iter().find(|(name, _)| name == "type").and_then(|(_, value)| value.text());
    let is_plain = attributes.iter().all(|(_, value)| !matches!(value, Json::Object(_) | Json::Array(_)));
    is_plain && (!is_dataset_relationship(relationship) || says.is_some_and(is_dataset_object))
}

fn is_dataset_object(object: &str) -> bool {
    Own::of(object) == Some(Own::Dataset)
}

#[cfg(test)]
mod tests;
