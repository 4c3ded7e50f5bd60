//! The records of a request's body, and of what an org gave back.

use mark::{
    Place, Reading, Record, Unreadable,
    json::{self, Json, Members},
};

use super::{
    apex::read_apex,
    api::Api,
    batch, bulk,
    door::{Route, is_event, is_name},
    graphql,
    job::{Job, Operation, job_asked_for},
    plan::{has_records, plan, plan_parts, unreadable},
    record::{object_of, record, shape},
    soap_rows,
};
use crate::{
    Action, Limits, Readings, Unit,
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
            Json::Object(mut members) => {
                let at = members
                    .iter()
                    .position(|(name, value)| name == "records" && matches!(value, Json::Array(_)));
                match at.map(|at| members.swap_remove(at).1) {
                    Some(Json::Array(items)) => self.all(items, "records"),
                    _ => self.row(Json::Object(members), "record"),
                }
            }
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
        let (children, own): (Members<'a>, Members<'a>) =
            members.into_iter().partition(|(name, value)| name != "attributes" && has_records(value));
        let object = match (object_of(&own), self.object) {
            (Ok(found), _) => Ok(found),
            (Err(_), Some(given)) => Ok(given.to_owned().into()),
            (Err(reason), None) => Err(reason),
        };
        self.readings.push(Reading { place: at, content: object.and_then(|object| record(object, own)) });
        for (name, children) in children {
            let name = if is_name(&name) { name.as_ref() } else { "children" };
            let Json::Object(children) = children else { continue };
            for (key, value) in children {
                if let (true, Json::Array(items)) = (key == "records", value) {
                    self.all(items, &format!("{place}.{name}.records"))?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
