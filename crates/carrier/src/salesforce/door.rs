//! Which requests write records, and how: known from method and target alone.

use std::fmt;

use super::{
    apex::{Doors, apex_map},
    api::{Api, api_door},
    batch::BulkV1,
    job::short_job_id,
    soap::Soap,
};
use crate::{Action, Door, route::Target};

/// A write that this carrier reads.
///
/// Debug shows the label only: an upsert's target holds an external id, and that can be a person's.
#[derive(Clone, PartialEq, Eq)]
pub enum Route {
    /// `POST /sobjects/X`.
    Create {
        /// The object.
        object: String,
    },
    /// `PATCH /sobjects/X/<id>`.
    Update {
        /// The object.
        object: String,
    },
    /// `PATCH /sobjects/X/<field>/<value>`, or without a value.
    Upsert {
        /// The object.
        object: String,
        /// The external id's field.
        field: String,
        /// The external id, unless the body has it.
        value: Option<String>,
    },
    /// `DELETE` of one record; has no records to read.
    Delete {
        /// The object.
        object: String,
    },
    /// `POST /composite/sobjects`.
    CreateMany,
    /// `PATCH /composite/sobjects`.
    UpdateMany,
    /// `PATCH /composite/sobjects/X/<field>`.
    UpsertMany {
        /// The object of every record.
        object: String,
    },
    /// `DELETE /composite/sobjects`; has no records to read.
    DeleteMany,
    /// `POST /composite`.
    Composite,
    /// `POST /composite/graph`.
    Graph,
    /// `POST /composite/batch`.
    Batch,
    /// `POST /composite/tree/X`.
    Tree {
        /// The object of the roots.
        object: String,
    },
    /// `POST /jobs/ingest`: no records to read, unless the upload rides in the same request.
    BulkJob,
    /// `PUT /jobs/ingest/<id>/batches`: rows of the job's object.
    BulkUpload {
        /// The job's id, in its 15 character form.
        job: String,
    },
    /// A batch of Bulk API v1; only its job tells, see [`super::route_by_job`].
    BulkV1(BulkV1),
    /// A SOAP call that writes or asks for rows; only the body tells, see [`super::route_by_body`].
    Soap(Soap),
    /// A write through another API than the sObject resources.
    Api(Api),
}

impl Route {
    /// What the request does. A composite is called by the most it could do: create.
    pub fn action(&self) -> Action {
        match self {
            Self::Create { object } if is_event(object) => Action::Deliver,
            Self::Api(Api::Apex(map)) => map.action(),
            Self::Api(api) => api.action(),
            Self::Create { .. }
            | Self::Upsert { .. }
            | Self::CreateMany
            | Self::UpsertMany { .. }
            | Self::Composite
            | Self::Graph
            | Self::Batch
            | Self::Tree { .. }
            | Self::BulkJob
            | Self::BulkUpload { .. } => Action::Create,
            Self::Update { .. } | Self::UpdateMany => Action::Update,
            Self::Delete { .. } | Self::DeleteMany => Action::Delete,
            Self::BulkV1(batch) => batch.action(),
            Self::Soap(soap) => soap.action(),
        }
    }

    /// The one object written to, if the target names it.
    pub fn object(&self) -> Option<&str> {
        match self {
            Self::Create { object }
            | Self::Update { object }
            | Self::Upsert { object, .. }
            | Self::Delete { object }
            | Self::UpsertMany { object }
            | Self::Tree { object } => Some(object),
            Self::BulkV1(batch) => batch.object(),
            Self::CreateMany
            | Self::UpdateMany
            | Self::DeleteMany
            | Self::Composite
            | Self::Graph
            | Self::Batch
            | Self::BulkJob
            | Self::BulkUpload { .. }
            | Self::Soap(_)
            | Self::Api(_) => None,
        }
    }

    /// The short name for logs and the ledger; never an id or a value.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Create { object } if is_event(object) => "platform event",
            Self::Create { .. } => "sobjects create",
            Self::Update { .. } => "sobjects update",
            Self::Upsert { .. } => "sobjects upsert",
            Self::Delete { .. } => "sobjects delete",
            Self::CreateMany => "collections create",
            Self::UpdateMany => "collections update",
            Self::UpsertMany { .. } => "collections upsert",
            Self::DeleteMany => "collections delete",
            Self::Composite => "composite",
            Self::Graph => "composite graph",
            Self::Batch => "composite batch",
            Self::Tree { .. } => "composite tree",
            Self::BulkJob => "bulk job",
            Self::BulkUpload { .. } => "bulk upload",
            Self::BulkV1(batch) => batch.label(),
            Self::Soap(soap) => soap.label(),
            Self::Api(api) => api.label(),
        }
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// What a request asks for.
///
/// `?_HttpMethod=` and `X-HTTP-Method-Override` are honoured as the stricter of both readings: a write is not opened
/// by an override that says GET, and a GET is not opened if an override says otherwise.
///
/// Shape:  method and target as sent, and the override header's value -> a door.
/// Bounds: see [`Target::parse`].
/// Never:  opens a write: what is not known as a read or a login is judged or unknown.
/// Source: spec/carriers.md section 2.1.
pub fn route(method: &str, target: &str, method_override: Option<&str>) -> Door<Route> {
    route_at(method, target, method_override, &Doors::default())
}

/// What a request asks for at a boundary that knows some Apex REST resources.
///
/// Shape:  as [`route`]; a write to a resource without a map is unknown.
/// Source: spec/carriers.md sections 2.1 and 2.12.
pub fn route_at(method: &str, target: &str, method_override: Option<&str>, doors: &Doors) -> Door<Route> {
    let Some(target) = Target::parse(target) else { return Door::Unknown };
    if is_strange(&target) {
        return Door::Unknown;
    }
    let mut overrides: Vec<String> = target
        .query("_HttpMethod")
        .chain(method_override)
        .map(|word| word.trim().to_ascii_uppercase())
        .collect();
    overrides.sort_unstable();
    overrides.dedup();
    let plain = door(method, &target, doors);
    let other = match overrides.as_slice() {
        [] => return plain,
        [other] => door(other, &target, doors),
        [_, _, ..] => return Door::Unknown,
    };
    match (plain, other) {
        (Door::Open, other) => other,
        // Where the plain method means nothing to Salesforce, only the override can mean something.
        (Door::Unknown | Door::Judged(_), Door::Judged(other)) if posts_a_change(method, &other) => {
            Door::Judged(other)
        }
        (Door::Judged(plain), Door::Judged(other)) if plain == other => Door::Judged(other),
        (Door::Judged(_) | Door::Unknown, _) => Door::Unknown,
    }
}

/// Whether `POST` with an override to PATCH or DELETE is how some clients send this.
fn posts_a_change(method: &str, route: &Route) -> bool {
    let changes = match route {
        Route::Update { .. }
        | Route::Upsert { .. }
        | Route::Delete { .. }
        | Route::UpdateMany
        | Route::UpsertMany { .. }
        | Route::Api(Api::UiUpdate { .. } | Api::UiDelete) => true,
        Route::Create { .. }
        | Route::CreateMany
        | Route::DeleteMany
        | Route::Composite
        | Route::Graph
        | Route::Batch
        | Route::Tree { .. }
        | Route::BulkJob
        | Route::BulkUpload { .. }
        | Route::BulkV1(_)
        | Route::Soap(_)
        | Route::Api(_) => false,
    };
    changes && method.eq_ignore_ascii_case("POST")
}

/// The target in the one spelling in which it is judged and sent on; `None` where it is sent as it came.
///
/// What leads to no service is not respelled: pages of other kinds may mean something by their slashes, and nothing
/// there is a write that is read here.
///
/// Source: spec/carriers.md section 2.1.
pub fn normal_target(target: &str) -> Option<String> {
    let target = Target::parse(target)?;
    let services = target.segments().iter().any(|segment| segment.eq_ignore_ascii_case("services"));
    (services && !is_strange(&target)).then(|| target.to_origin_form())
}

/// Whether some server could find another route in a target than is found here.
///
/// Below `services` a segment is plain: no escape that is left after decoding, no matrix parameter, no dot at its
/// end, nothing but ASCII letters, digits and harmless signs. Only the value of an external id may hold anything.
fn is_strange(target: &Target) -> bool {
    let segments = target.segments();
    let is_services = |segment: &String| segment.eq_ignore_ascii_case("services");
    // `services;x`, `services.`, `services%2Fdata`: another server's `services`.
    let hides_services = |segment: &String| {
        let mut words = segment.split(['/', '\\', ';']);
        !is_services(segment)
            && words
                .any(|word| word.trim_end_matches(['.', ' ']).trim_start().eq_ignore_ascii_case("services"))
    };
    if segments.iter().any(|segment| Target::is_decoded_twice(segment) || hides_services(segment)) {
        return true;
    }
    let Some(start) = segments.iter().position(is_services) else { return false };
    let below = segments.get(start + 1..).unwrap_or_default();
    let word =
        |at: usize, word: &str| below.get(at).is_some_and(|segment| segment.eq_ignore_ascii_case(word));
    let overridden = |name: &str| {
        let name = name.to_ascii_lowercase();
        Target::is_decoded_twice(&name) || (name.contains("_httpmethod") && name != "_httpmethod")
    };
    if target.has_parameters()
        || target.query_names().any(overridden)
        || target.query_values().any(|value| value.to_ascii_lowercase().contains(";_httpmethod"))
    {
        return true;
    }
    if word(0, "apexrest") {
        return false;
    }
    let is_value = |at: usize| at == 5 && word(0, "data") && word(2, "sobjects");
    let plain = |segment: &str| {
        !segment.ends_with('.')
            && segment
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.~$!'()*+,=:@{}[]".contains(&byte))
    };
    below.iter().enumerate().any(|(at, segment)| !is_value(at) && (is_services(segment) || !plain(segment)))
}

/// The door of one method on one target.
fn door(method: &str, target: &Target, doors: &Doors) -> Door<Route> {
    let lower: Vec<String> = target.segments().iter().map(|segment| segment.to_ascii_lowercase()).collect();
    let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
    let verb = method.to_ascii_uppercase();
    // A login host may put its own segments in front; what counts begins at `services`.
    let start = lower.iter().position(|segment| *segment == "services").unwrap_or(lower.len());
    let lower = lower.get(start..).unwrap_or_default();
    let exact = target.segments().get(start..).unwrap_or_default();
    match (verb.as_str(), lower) {
        // The one runs code that is in its query; a mutation could be in the query of the other.
        (_, ["services", "data", _, "tooling", "executeanonymous", ..])
        | ("GET" | "HEAD", ["services", "data", _, "graphql", ..]) => Door::Unknown,
        ("GET" | "HEAD" | "OPTIONS", _) | ("POST", ["services", "oauth2", ..]) => Door::Open,
        // The job's own description and state; the rows are in a batch, of which only the job tells what it is.
        ("POST", ["services", "async", version, "job"] | ["services", "async", version, "job", _])
            if is_version(version) =>
        {
            Door::Open
        }
        (verb, ["services", "data", version, rest @ ..]) if is_version(version) => {
            let exact = exact.get(3..).unwrap_or_default();
            match data_door(verb, rest, exact) {
                Door::Unknown => match api_door(verb, target, rest, exact) {
                    Door::Open => Door::Open,
                    Door::Judged(api) => Door::Judged(Route::Api(api)),
                    Door::Unknown => Door::Unknown,
                },
                known @ (Door::Open | Door::Judged(_)) => known,
            }
        }
        (verb, ["services", "apexrest", ..]) => {
            match apex_map(doors, verb, exact.get(2..).unwrap_or_default()) {
                Some(map) => Door::Judged(Route::Api(Api::Apex(map))),
                None => Door::Unknown,
            }
        }
        _ => Door::Unknown,
    }
}

/// The door of a target under `/services/data/vNN`, in lower case and as sent.
fn data_door(verb: &str, lower: &[&str], exact: &[String]) -> Door<Route> {
    let name = |at: usize| exact.get(at).cloned().unwrap_or_default();
    let judged = match (verb, lower) {
        ("POST", ["sobjects", object]) if is_written(object) => Route::Create { object: name(1) },
        ("PATCH", ["sobjects", object, id]) if is_written(object) && !is_resource(id) => {
            if is_id_shaped(id) || id.contains("@{") {
                Route::Update { object: name(1) }
            } else if is_name(id) {
                Route::Upsert { object: name(1), field: name(2), value: None }
            } else {
                return Door::Unknown;
            }
        }
        ("POST", ["sobjects", object, field]) if is_written(object) && is_field(field) => {
            Route::Upsert { object: name(1), field: name(2), value: None }
        }
        ("PATCH" | "POST" | "PUT", ["sobjects", object, field, _])
            if is_written(object) && is_field(field) =>
        {
            Route::Upsert { object: name(1), field: name(2), value: Some(name(3)) }
        }
        ("DELETE", ["sobjects", object, id] | ["sobjects", object, id, _])
            if is_written(object) && !is_resource(id) =>
        {
            Route::Delete { object: name(1) }
        }
        ("POST", ["composite"]) => Route::Composite,
        ("POST", ["composite", "graph"]) => Route::Graph,
        ("POST", ["composite", "batch"]) => Route::Batch,
        ("POST", ["composite", "tree", object]) if is_written(object) => Route::Tree { object: name(2) },
        ("POST", ["composite", "sobjects"]) => Route::CreateMany,
        ("PATCH", ["composite", "sobjects"]) => Route::UpdateMany,
        ("DELETE", ["composite", "sobjects"]) => Route::DeleteMany,
        // Ids and field names in a body, records back: a read.
        ("POST", ["composite", "sobjects", object]) if is_name(object) => return Door::Open,
        ("PATCH", ["composite", "sobjects", object, field]) if is_written(object) && is_field(field) => {
            Route::UpsertMany { object: name(2) }
        }
        ("POST", ["jobs", "ingest"]) => Route::BulkJob,
        ("PUT", ["jobs", "ingest", job, "batches"]) => match exact.get(2).filter(|_| is_id_shaped(job)) {
            Some(job) => Route::BulkUpload { job: short_job_id(job).to_owned() },
            None => return Door::Unknown,
        },
        ("PATCH" | "DELETE", ["jobs", "ingest", _])
        // Reports hold no records: they are made, changed, deleted and run.
        | ("POST" | "PATCH" | "DELETE", ["jobs", "query", ..] | ["analytics", "reports", ..])
        | ("POST", ["parameterizedsearch"])
        | ("PATCH", ["metadata", "deployrequest", _]) => return Door::Open,
        _ => return Door::Unknown,
    };
    Door::Judged(judged)
}

/// `v67.0`, `67.0`, `67`.
pub(super) fn is_version(word: &str) -> bool {
    let digits = word.strip_prefix('v').unwrap_or(word);
    let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
    let number = |text: &str, most: usize| {
        (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    number(whole, 3) && number(part, 1)
}

/// A plain API name, which cannot smuggle anything into a label or a place.
pub(crate) fn is_name(word: &str) -> bool {
    (1..=80).contains(&word.len())
        && word.starts_with(|first: char| first.is_ascii_alphabetic())
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// An object whose rows this carrier reads.
pub(super) fn is_written(object: &str) -> bool {
    is_name(object)
}

/// Whether an object is a platform event: a message, whose rows are handed on rather than kept.
pub fn is_event(object: &str) -> bool {
    object.len() > 3 && object.get(object.len() - 3..).is_some_and(|end| end.eq_ignore_ascii_case("__e"))
}

/// A field that can hold an external id: not an id (then what follows is a relationship) nor a resource.
fn is_field(word: &str) -> bool {
    is_name(word) && !is_id_shaped(word) && !is_resource(word)
}

/// Fifteen or eighteen letters and digits, with a digit among them.
pub(super) fn is_id_shaped(word: &str) -> bool {
    matches!(word.len(), 15 | 18)
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && word.bytes().any(|byte| byte.is_ascii_digit())
}

/// What stands under an object and is neither a record nor a field. In lower case.
pub(super) fn is_resource(word: &str) -> bool {
    const RESOURCES: [&str; 14] = [
        "approvallayouts",
        "compactlayouts",
        "defaultvalues",
        "deleted",
        "describe",
        "eventschema",
        "fieldsets",
        "fieldhistory",
        "layouts",
        "listviews",
        "namedlayouts",
        "quickactions",
        "relevantitems",
        "updated",
    ];
    RESOURCES.iter().any(|resource| word.eq_ignore_ascii_case(resource))
}

#[cfg(test)]
mod tests;
