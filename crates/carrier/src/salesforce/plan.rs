//! What one request body holds: its parts in order, the records of each part, and which part needs which.
//!
//! Reading, refusing, withholding and merging all go by the same plan, so they count alike.

use std::{borrow::Cow, collections::BTreeSet, ops::Range};

use mark::{
    Place, Reading, Unreadable,
    json::{self, Json, Members},
};

use super::{
    api::Api,
    door::{Route, is_name, route},
    files::{file_field, held_in},
    graphql,
    record::{names_twice, object_of, record, shape},
    references, ui,
};
use crate::{Door, Limits, Unit, multipart::Part as BodyPart};

/// A body, taken apart.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    /// How a refusal may be applied.
    pub(super) unit: Unit,
    /// Every record, in order of reading.
    pub(super) readings: Vec<Reading<'a>>,
    /// `referenceId` of a record of a tree, where it has one; as long as `readings`.
    pub(super) references: Vec<Option<String>>,
    /// The graphs; for every other route one group.
    pub(super) groups: Vec<Vec<Part>>,
}

/// One element of the request's array: a record of a collection, a subrequest, a root of a tree.
#[derive(Debug, Default)]
pub(super) struct Part {
    /// Its records' positions in the plan.
    pub(super) records: Range<usize>,
    /// Its `referenceId`.
    pub(super) reference: Option<String>,
    /// The `referenceId`s that its texts name as `@{…}`.
    pub(super) mentions: BTreeSet<String>,
}

/// Takes a JSON body apart. What cannot be taken apart is a plan of one unreadable record and no groups.
pub(super) fn plan<'a>(route: &Route, body: &'a [u8], limits: &Limits) -> Plan<'a> {
    let mut planner = Planner { limits: *limits, readings: Vec::new(), references: Vec::new(), full: false };
    let outcome = if body.len() > limits.body_bytes {
        Err(Unreadable::TooLong { limit: limits.body_bytes })
    } else {
        planner.body(route, body)
    };
    let full = planner.full.then_some(Unreadable::TooMany { limit: limits.records });
    match (outcome, full) {
        (Ok((unit, groups)), None) => {
            Plan { unit, readings: planner.readings, references: planner.references, groups }
        }
        (Err(reason), _) | (Ok(_), Some(reason)) => Plan {
            unit: Unit::Whole,
            readings: vec![unreadable("body", reason)],
            references: vec![None],
            groups: Vec::new(),
        },
    }
}

/// The reading of a place that could not be read, as the first of its body.
pub(super) fn unreadable<'a>(reference: &str, reason: Unreadable) -> Reading<'a> {
    Reading { place: Place { index: 0, reference: reference.to_owned() }, content: Err(reason) }
}

type Planned = Result<(Unit, Vec<Vec<Part>>), Unreadable>;

/// Collects records while a body is walked.
struct Planner<'a> {
    limits: Limits,
    readings: Vec<Reading<'a>>,
    references: Vec<Option<String>>,
    full: bool,
}

impl<'a> Planner<'a> {
    fn body(&mut self, route: &Route, body: &'a [u8]) -> Planned {
        if has_no_rows(route) {
            return Ok((Unit::Whole, Vec::new()));
        }
        let body = json::parse(body)?;
        match route {
            Route::Create { .. } | Route::Update { .. } | Route::Upsert { .. } => {
                let part = self.part(|planner| planner.single(route, body, "body"));
                Ok((Unit::Whole, vec![vec![part]]))
            }
            Route::CreateMany | Route::UpdateMany | Route::UpsertMany { .. } => {
                let mut envelope = envelope(body)?;
                let unit = if is_set(&envelope, "allOrNone") { Unit::Whole } else { Unit::PerRecord };
                let records = array(&mut envelope, "records")?;
                Ok((unit, vec![self.many(route, records, "")]))
            }
            Route::Tree { object } => {
                let records = array(&mut envelope(body)?, "records")?;
                let place = |at: usize| format!("records[{at}]");
                let roots = records
                    .into_iter()
                    .enumerate()
                    .map(|(at, root)| self.part(|planner| planner.branch(Some(object), root, &place(at))));
                Ok((Unit::Whole, vec![roots.collect()]))
            }
            Route::Composite => {
                let mut envelope = envelope(body)?;
                let unit = if is_set(&envelope, "allOrNone") { Unit::Whole } else { Unit::PerRecord };
                let requests = array(&mut envelope, "compositeRequest")?;
                Ok((unit, vec![self.subrequests(requests, "compositeRequest", "body")]))
            }
            Route::Batch => {
                let mut envelope = envelope(body)?;
                let unit = if is_set(&envelope, "haltOnError") { Unit::Whole } else { Unit::PerRecord };
                let requests = array(&mut envelope, "batchRequests")?;
                Ok((unit, vec![self.subrequests(requests, "batchRequests", "richInput")]))
            }
            Route::Graph => {
                let graphs = array(&mut envelope(body)?, "graphs")?.into_iter().enumerate();
                Ok((
                    Unit::PerRecord,
                    graphs.map(|(at, graph)| self.graph(graph, &format!("graphs[{at}]"))).collect(),
                ))
            }
            Route::BulkJob => envelope(body).map(|_| (Unit::Whole, Vec::new())),
            Route::Api(api) => self.api(api, body),
            Route::Delete { .. }
            | Route::DeleteMany
            | Route::BulkUpload { .. }
            | Route::BulkV1(_)
            | Route::Soap(_) => Ok((Unit::Whole, Vec::new())),
        }
    }

    /// The rows of another API; each is a part, and all fall together.
    fn api(&mut self, api: &Api, body: Json<'a>) -> Planned {
        let rows: Vec<ui::Row<'a>> = match api {
            Api::UiCreate => vec![("body".to_owned(), ui::created(body))],
            Api::UiUpdate { prefix } => vec![("body".to_owned(), ui::updated(body, prefix))],
            Api::UiBatch => ui::batch(body)?,
            Api::GraphQl => {
                let rows = graphql::asked(body)?.rows.into_iter().enumerate();
                let row = |(at, row): (usize, graphql::Row)| {
                    let content = row.content.map(|(object, fields)| (Cow::Owned(object), fields));
                    (format!("mutation[{at}]"), content)
                };
                rows.map(row).collect()
            }
            Api::UiDelete | Api::Apex(_) | Api::Deploy | Api::Tooling { .. } => Vec::new(),
        };
        let parts = rows.into_iter().map(|(place, row)| {
            self.part(|planner| match row {
                Ok((object, fields)) => planner.row(&place, None, Ok(object), fields, None),
                Err(reason) => planner.push(&place, None, Err(reason)),
            })
        });
        Ok((Unit::Whole, vec![parts.collect()]))
    }

    /// Adds a row and, after it, the records in the file that it holds.
    fn row(
        &mut self,
        place: &str,
        reference: Option<String>,
        object: Result<Cow<'a, str>, Unreadable>,
        members: Members<'a>,
        file_name: Option<&str>,
    ) {
        let held = match &object {
            Ok(object) => held_in(object, &members, file_name, &self.limits),
            Err(_) => Vec::new(),
        };
        self.push(place, reference, object.and_then(|object| record(object, members)));
        for (at, content) in held.into_iter().enumerate() {
            // Nobody would count alike when the body is read again without bounds.
            self.full |= matches!(content, Err(Unreadable::TooMany { .. }));
            let place = if place == "body" { String::new() } else { format!("{place} ") };
            self.push(&format!("{place}file record {at}"), None, content);
        }
    }

    /// The part whose records `read` adds.
    fn part(&mut self, read: impl FnOnce(&mut Self)) -> Part {
        let start = self.readings.len();
        read(self);
        Part { records: start..self.readings.len(), reference: None, mentions: BTreeSet::new() }
    }

    fn push(
        &mut self,
        place: &str,
        reference: Option<String>,
        content: Result<mark::Record<'a>, Unreadable>,
    ) {
        if self.readings.len() >= self.limits.records {
            self.full = true;
            return;
        }
        let mut text = format!("{place}{}", named(reference.as_deref()));
        // Names in a place are ASCII, so that any cut is a character's border.
        text.truncate(PLACE_BYTES_MAX);
        let place = Place { index: self.readings.len(), reference: text };
        self.readings.push(Reading { place, content });
        self.references.push(reference);
    }

    /// The record of a request about one row.
    fn single(&mut self, route: &Route, body: Json<'a>, place: &str) {
        let (object, key) = match route {
            Route::Create { object } | Route::Update { object } => (object, None),
            Route::Upsert { object, field, value } => (object, value.as_ref().map(|value| (field, value))),
            Route::Delete { .. }
            | Route::CreateMany
            | Route::UpdateMany
            | Route::UpsertMany { .. }
            | Route::DeleteMany
            | Route::Composite
            | Route::Graph
            | Route::Batch
            | Route::Tree { .. }
            | Route::BulkJob
            | Route::BulkUpload { .. }
            | Route::BulkV1(_)
            | Route::Soap(_)
            | Route::Api(_) => return,
        };
        let refused = match body {
            Json::Object(mut members) if same_object(&members, object) => {
                // The external id that an upsert names in its target is a field of the row like any other.
                if let Some((field, value)) = key
                    && !members.iter().any(|(name, _)| name.eq_ignore_ascii_case(field))
                {
                    members.push((Cow::Owned(field.clone()), Json::Text(Cow::Owned(value.clone()))));
                }
                return self.row(place, None, Ok(Cow::Owned(object.clone())), members, None);
            }
            Json::Object(_) => shape("names another object than its target"),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) | Json::Array(_) => {
                shape("is not an object")
            }
        };
        self.push(place, None, Err(refused));
    }

    /// The records of a collection, one part each.
    fn many(&mut self, route: &Route, records: Vec<Json<'a>>, prefix: &str) -> Vec<Part> {
        let parts = records.into_iter().enumerate().map(|(at, item)| {
            let place = format!("{prefix}records[{at}]");
            self.part(|planner| match item {
                Json::Object(members) => {
                    let object = object_of(&members).and_then(|object| match route.object() {
                        Some(wanted) if !wanted.eq_ignore_ascii_case(&object) => {
                            Err(shape("names another object than its target"))
                        }
                        Some(_) | None => Ok(object),
                    });
                    planner.row(&place, None, object, members, None);
                }
                Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) | Json::Array(_) => {
                    planner.push(&place, None, Err(shape("is not an object")));
                }
            })
        });
        parts.collect()
    }

    /// A record of a tree and, after it, its children.
    fn branch(&mut self, object: Option<&str>, branch: Json<'a>, place: &str) {
        let Json::Object(members) = branch else {
            self.push(place, None, Err(shape("is not an object")));
            return;
        };
        let reference = members.iter().find(|(name, _)| name == "attributes").and_then(|(_, attributes)| {
            attributes.get("referenceId").and_then(Json::text).map(str::to_owned)
        });
        let found = object_of(&members).and_then(|found| match object {
            Some(wanted) if !wanted.eq_ignore_ascii_case(&found) => {
                Err(shape("names another object than its target"))
            }
            _ => Ok(found),
        });
        let (children, own): (Members<'a>, Members<'a>) =
            members.into_iter().partition(|(name, value)| name != "attributes" && has_records(value));
        self.row(place, reference, found, own, None);
        for (name, children) in children {
            let name = if is_name(&name) { name } else { Cow::Borrowed("children") };
            let Json::Object(mut children) = children else { continue };
            for (at, child) in array(&mut children, "records").unwrap_or_default().into_iter().enumerate() {
                self.branch(None, child, &format!("{place}.{name}.records[{at}]"));
            }
        }
    }

    fn graph(&mut self, graph: Json<'a>, place: &str) -> Vec<Part> {
        match envelope(graph).and_then(|mut graph| array(&mut graph, "compositeRequest")) {
            Ok(requests) => self.subrequests(requests, &format!("{place}.compositeRequest"), "body"),
            Err(reason) => vec![self.part(|planner| planner.push(place, None, Err(reason)))],
        }
    }

    fn subrequests(&mut self, requests: Vec<Json<'a>>, place: &str, body: &str) -> Vec<Part> {
        let parts = requests.into_iter().enumerate().map(|(at, request)| {
            let mut mentions = BTreeSet::new();
            collect_mentions(&request, &mut mentions);
            let reference = request.get("referenceId").and_then(Json::text).map(str::to_owned);
            let place = format!("{place}[{at}]{}", named(reference.as_deref()));
            let part = self.part(|planner| {
                if let Err(reason) = planner.subrequest(request, &place, body) {
                    planner.push(&place, None, Err(reason));
                }
            });
            Part { reference, mentions, ..part }
        });
        parts.collect()
    }

    /// Adds the records of one subrequest; what is no write has none.
    fn subrequest(&mut self, request: Json<'a>, place: &str, body: &str) -> Result<(), Unreadable> {
        let mut request = envelope(request)?;
        let Some(Json::Text(method)) = take(&mut request, "method") else {
            return Err(shape("has no method"));
        };
        let Some(Json::Text(url)) = take(&mut request, "url") else { return Err(shape("has no url")) };
        let headers = take(&mut request, "httpHeaders").unwrap_or(Json::Null);
        let method_override = headers
            .members()
            .iter()
            .find(|(name, _)| OVERRIDES.iter().any(|header| name.eq_ignore_ascii_case(header)))
            .map(|(_, value)| value.text().unwrap_or("unknown"));
        let content = take(&mut request, body).unwrap_or(Json::Null);
        // Only composites put answers into later requests; a batch does not.
        let takes = body == "body" && references::takes_more_than_ids(&content);
        match route(&method, &target_of(&url), method_override) {
            Door::Open
            | Door::Judged(Route::Delete { .. } | Route::DeleteMany | Route::Api(Api::UiDelete)) => Ok(()),
            Door::Unknown => Err(shape("is a write that is not read here")),
            Door::Judged(_) if takes => {
                Err(shape("takes more than ids out of other answers, so what arrives cannot be read"))
            }
            Door::Judged(inner @ (Route::Create { .. } | Route::Update { .. } | Route::Upsert { .. })) => {
                self.single(&inner, content, place);
                Ok(())
            }
            Door::Judged(inner @ (Route::CreateMany | Route::UpdateMany | Route::UpsertMany { .. })) => {
                let records = array(&mut envelope(content)?, "records")?;
                self.many(&inner, records, &format!("{place}."));
                Ok(())
            }
            Door::Judged(Route::Api(Api::UiCreate)) => {
                let (object, fields) = ui::created(content)?;
                self.row(place, None, Ok(object), fields, None);
                Ok(())
            }
            Door::Judged(Route::Api(Api::UiUpdate { prefix })) => {
                let (object, fields) = ui::updated(content, &prefix)?;
                self.row(place, None, Ok(object), fields, None);
                Ok(())
            }
            Door::Judged(
                Route::Composite
                | Route::Graph
                | Route::Batch
                | Route::Tree { .. }
                | Route::BulkJob
                | Route::BulkUpload { .. }
                | Route::BulkV1(_)
                | Route::Soap(_)
                | Route::Api(_),
            ) => Err(shape("is a request of many within a request of many")),
        }
    }
}

/// Header fields that some server takes for the method.
const OVERRIDES: [&str; 3] = ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"];

/// Whether a route's body has no rows of its own: there is none, or another reader has it.
fn has_no_rows(route: &Route) -> bool {
    matches!(
        route,
        Route::Delete { .. }
            | Route::DeleteMany
            | Route::Api(Api::UiDelete | Api::Apex(_) | Api::Deploy | Api::Tooling { .. })
    )
}

/// The records of a row, or of a collection, whose files are parts of a multipart body.
///
/// Shape:  a row: a part named `entity_…` and one named as the object's file field; a collection: a part `collection`
///         and one for each `attributes.binaryPartName`; in any order, for the CLI puts its file first. A file counts
///         as its field of the row, in base64.
/// Errors: why the body as a whole cannot be read: a part that is not asked for could be asked for by another reader.
/// Source: spec/carriers.md section 2.14.
pub(super) fn plan_parts<'a>(
    route: &Route,
    parts: &[BodyPart<'a>],
    limits: &Limits,
) -> Result<Vec<Reading<'a>>, Unreadable> {
    let mut planner = Planner { limits: *limits, readings: Vec::new(), references: Vec::new(), full: false };
    let is_rows = |part: &&BodyPart<'a>| match route.object() {
        Some(_) => part.name.starts_with("entity_"),
        None => part.name == "collection",
    };
    let (rows, files): (Vec<&BodyPart<'a>>, Vec<&BodyPart<'a>>) = parts.iter().partition(is_rows);
    let [rows] = rows.as_slice() else {
        return Err(match route.object() {
            Some(_) => shape("does not have its row in one part `entity_…`"),
            None => shape("does not have its records in one part `collection`"),
        });
    };
    let text = json::parse(rows.content)?;
    if let Some(object) = route.object() {
        let Json::Object(mut members) = text else {
            return Err(shape("has a part `entity_…` that is no row"));
        };
        let file_name = match files.as_slice() {
            [] => None,
            [file] if file_field(object).is_some_and(|field| field.eq_ignore_ascii_case(file.name)) => {
                attach(&mut members, file.name, file)?;
                file.file_name
            }
            _ => return Err(shape("has a part that is not the file of its row")),
        };
        if !same_object(&members, object) {
            return Err(shape("names another object than its target"));
        }
        planner.row("body", None, Ok(Cow::Owned(object.to_owned())), members, file_name);
    } else {
        let mut asked = BTreeSet::new();
        for (at, item) in array(&mut envelope(text)?, "records")?.into_iter().enumerate() {
            let Json::Object(mut members) = item else { return Err(shape("has a record that is no object")) };
            let object = object_of(&members)?;
            let attributes = members.iter().find(|(name, _)| name == "attributes").map(|(_, value)| value);
            let said = |name| attributes.and_then(|attributes| attributes.get(name)).and_then(Json::text);
            let wanted = said("binaryPartName").map(str::to_owned);
            let field = said("binaryPartNameAlias").map(str::to_owned);
            let mut file_name = None;
            if let Some(wanted) = wanted {
                let file = files.iter().find(|file| file.name == wanted);
                let field = field.filter(|field| {
                    file_field(&object).is_some_and(|known| known.eq_ignore_ascii_case(field))
                });
                let (Some(file), Some(field), true) = (file, field, asked.insert(wanted)) else {
                    return Err(shape("has a record whose file is not there, or is not one of its own"));
                };
                attach(&mut members, &field, file)?;
                file_name = file.file_name;
            }
            planner.row(&format!("records[{at}]"), None, Ok(object), members, file_name);
        }
        if asked.len() != files.len() {
            return Err(shape("has a part that no record asks for"));
        }
    }
    if planner.full { Err(Unreadable::TooMany { limit: limits.records }) } else { Ok(planner.readings) }
}

/// Puts a file into its row.
fn attach<'a>(row: &mut Members<'a>, field: &str, file: &BodyPart<'a>) -> Result<(), Unreadable> {
    if row.iter().any(|(name, _)| name.eq_ignore_ascii_case(field)) {
        return Err(shape("has its file twice"));
    }
    let encoded = data_encoding::BASE64.encode(file.content);
    row.push((Cow::Owned(field.to_owned()), Json::Text(Cow::Owned(encoded))));
    Ok(())
}

const PLACE_BYTES_MAX: usize = 200;

/// ` (refContact)`, if the reference can stand in a log.
fn named(reference: Option<&str>) -> String {
    reference.filter(|reference| is_plain(reference)).map(|plain| format!(" ({plain})")).unwrap_or_default()
}

/// A reference that can stand in a log: it says nothing about anybody.
fn is_plain(reference: &str) -> bool {
    (1..=40).contains(&reference.len())
        && reference.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Batches leave out `/services/data`.
fn target_of(url: &str) -> Cow<'_, str> {
    let relative = url.strip_prefix('/').unwrap_or(url);
    let versioned =
        relative.strip_prefix(['v', 'V']).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    if versioned { Cow::Owned(format!("/services/data/{relative}")) } else { Cow::Borrowed(url) }
}

pub(super) fn envelope(body: Json<'_>) -> Result<Members<'_>, Unreadable> {
    let Json::Object(members) = body else { return Err(shape("is not an object")) };
    if names_twice(members.iter().map(|(name, _)| name.as_ref())) {
        return Err(shape("names a member twice, if upper and lower case are one"));
    }
    Ok(members)
}

pub(super) fn take<'a>(members: &mut Members<'a>, name: &str) -> Option<Json<'a>> {
    let at = members.iter().position(|(key, _)| key == name)?;
    Some(members.swap_remove(at).1)
}

pub(super) fn array<'a>(members: &mut Members<'a>, name: &str) -> Result<Vec<Json<'a>>, Unreadable> {
    match take(members, name) {
        Some(Json::Array(items)) => Ok(items),
        _ => Err(Unreadable::Shape(format!("has no array `{name}`"))),
    }
}

/// Whether a flag is anything but absent, null or false: what is not understood is the stricter.
fn is_set(members: &Members<'_>, name: &str) -> bool {
    let flag = members.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value);
    !matches!(flag, None | Some(Json::Null | Json::Bool(false)))
}

pub(super) fn same_object(members: &Members<'_>, object: &str) -> bool {
    let attributes = members.iter().find(|(name, _)| name == "attributes").map(|(_, value)| value);
    attributes
        .and_then(|attributes| attributes.get("type"))
        .is_none_or(|named| named.text().is_some_and(|named| named.eq_ignore_ascii_case(object)))
}

/// Whether a member of a row holds rows: children in a tree, or in the answer to a query.
pub(super) fn has_records(value: &Json<'_>) -> bool {
    value.get("records").is_some_and(|records| matches!(records, Json::Array(_)))
}

fn collect_mentions(value: &Json<'_>, into: &mut BTreeSet<String>) {
    match value {
        Json::Text(text) => {
            for after in text.split("@{").skip(1) {
                let end = after.find(['.', '[', '}']).unwrap_or(after.len());
                into.insert(after.get(..end).unwrap_or_default().trim().to_owned());
            }
        }
        Json::Array(items) => items.iter().for_each(|item| collect_mentions(item, into)),
        Json::Object(members) => members.iter().for_each(|(_, value)| collect_mentions(value, into)),
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}
