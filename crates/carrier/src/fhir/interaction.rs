//! Every interaction of FHIR R4, known from method and target alone, in one spelling.

use std::fmt;

use crate::route::Target;

/// What a request asks of a FHIR server.
///
/// Debug shows no id: a client may choose one that tells of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Interaction {
    /// `GET [base]/metadata`, and every read or preflight beside the base.
    Capabilities,
    /// `GET [base]/Type/id`.
    Read {
        /// The type.
        resource_type: String,
        /// The resource.
        id: LogicalId,
    },
    /// `GET [base]/Type/id/_history/version`.
    VersionRead {
        /// The type.
        resource_type: String,
        /// The resource.
        id: LogicalId,
        /// Its version.
        version: LogicalId,
    },
    /// `GET …/_history`.
    History(Scope),
    /// `GET [base]?…`, `GET [base]/Type?…`, a search in a compartment, and `POST …/_search`.
    Search {
        /// Where is searched.
        scope: Scope,
        /// Whether the parameters are a form in the body.
        posted: bool,
    },
    /// `POST [base]/Type`; `If-None-Exist` makes it conditional.
    Create {
        /// The type.
        resource_type: String,
    },
    /// `PUT [base]/Type/id`, and `PUT [base]/Type?…`.
    Update {
        /// The type.
        resource_type: String,
        /// The resource; nothing where a search finds it.
        id: Option<LogicalId>,
    },
    /// `PATCH [base]/Type/id`, and `PATCH [base]/Type?…`.
    Patch {
        /// The type.
        resource_type: String,
        /// The resource; nothing where a search finds it.
        id: Option<LogicalId>,
    },
    /// `DELETE [base]/Type/id`, and `DELETE [base]/Type?…`.
    Delete {
        /// The type.
        resource_type: String,
        /// The resource; nothing where a search finds what goes.
        id: Option<LogicalId>,
    },
    /// `DELETE` of the state of a bulk export, which ends it and takes its files away.
    ExportEnd,
    /// `POST [base]`: a transaction, a batch, or a message.
    Bundle,
    /// `…/$name`.
    Operation {
        /// Its name, without the `$`.
        name: String,
        /// What it is asked of.
        scope: Scope,
        /// Whether it is asked by `POST`.
        posted: bool,
        /// What is known of it.
        kind: OperationKind,
    },
}

/// What an interaction is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everything.
    System,
    /// All resources of a type.
    Type(String),
    /// One resource.
    Instance {
        /// The type.
        resource_type: String,
        /// The resource.
        id: LogicalId,
    },
    /// Resources of a type, or of all types for `*`, in the compartment of one resource.
    Compartment {
        /// The type of the one resource.
        resource_type: String,
        /// The one resource.
        id: LogicalId,
        /// The type of what is searched, or `*`.
        within: String,
    },
}

/// A logical id or a version: 1 to 64 letters, digits, `-` and `.`. Debug hides it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogicalId(String);

impl LogicalId {
    /// `text` as an id, if it can be one.
    pub fn parse(text: &str) -> Option<Self> {
        is_id(text).then(|| Self(text.to_owned()))
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for LogicalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LogicalId(hidden)")
    }
}

/// What is known of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperationKind {
    /// It changes nothing; what it answers shows resources.
    Reads,
    /// What it carries in its body is handed to the server.
    Carries,
    /// Nobody here knows what it does.
    Unknown,
}

/// Operations that change nothing.
const READING: [&str; 34] = [
    "care-gaps",
    "compare",
    "conforms",
    "csv",
    "data-requirements",
    "diff",
    "docref",
    "document",
    "evaluate-measure",
    "everything",
    "expand",
    "export",
    "fhirpath",
    "find-matches",
    "graph",
    "health-cards-issue",
    "implements",
    "lastn",
    "lookup",
    "match",
    "meta",
    "patient-export",
    "group-export",
    "questionnaire",
    "search",
    "snapshot",
    "stats",
    "subset",
    "subsumes",
    "summary",
    "translate",
    "validate-code",
    "versions",
    "view-definition-run",
];

/// Operations whose body is what they work on: `Parameters`, a Bundle or a resource. Those that begin with `submit`
/// are too.
const CARRYING: [&str; 7] =
    ["convert", "extract", "inquire", "populate", "process-message", "transform", "validate"];

/// Operations that may be asked by `GET`, although FHIR keeps `GET` for those that change nothing: some servers
/// carry out what they were asked for in any case.
const CHANGING_WORDS: [&str; 12] = [
    "apply",
    "closure",
    "delete",
    "expunge",
    "import",
    "merge",
    "meta-add",
    "meta-delete",
    "purge",
    "reindex",
    "resend",
    "submit",
];

/// The interaction that a request asks for.
///
/// Shape:  method; target as in the request line; the value of `X-HTTP-Method-Override` if the client sent one; the
///         path of the upstream's FHIR base, such as `/fhir`, empty for the root.
/// Bounds: [`crate::route::TARGET_BYTES_MAX`].
/// Errors: `None` is a request that R4 does not know, or that two servers could understand differently.
/// Source: FHIR R4 `http.html`, `operations.html`; spec/carriers.md section 3.1.
pub fn interaction(
    method: &str,
    target: &str,
    method_override: Option<&str>,
    base: &str,
) -> Option<Interaction> {
    let within = Target::parse(base)?;
    let target = Target::parse(target)?;
    // Some upstreams follow an override and some do not: only where both answers are reads is there one answer.
    let overrides = method_override.map(str::trim).into_iter().chain(target.query("_method"));
    for other in overrides.filter(|other| *other != method) {
        if !(is_read(method) && is_read(other)) {
            return None;
        }
    }
    let Some(path) = target.segments().strip_prefix(within.segments()) else {
        return is_read(method).then_some(Interaction::Capabilities);
    };
    if target.has_parameters() || path.iter().any(|segment| !is_plain(segment)) {
        // A read too: what another server takes for an operation is not a read.
        return None;
    }
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    match method {
        "GET" | "HEAD" => read(&path),
        "OPTIONS" => Some(Interaction::Capabilities),
        "POST" => posted(&path),
        "PUT" => named(&path).map(|(resource_type, id)| Interaction::Update { resource_type, id }),
        "PATCH" => named(&path).map(|(resource_type, id)| Interaction::Patch { resource_type, id }),
        "DELETE" if is_export_state(&path) => Some(Interaction::ExportEnd),
        "DELETE" => named(&path).map(|(resource_type, id)| Interaction::Delete { resource_type, id }),
        _ => None,
    }
}

/// The target in the one spelling in which it is judged and sent on; `None` where it does not stand below the base.
///
/// Shape:  decoded segments, one slash in front of each, escaped anew; the query as it came.
pub fn normal_target(target: &str, base: &str) -> Option<String> {
    let within = Target::parse(base)?;
    let target = Target::parse(target)?;
    target.segments().starts_with(within.segments()).then(|| target.to_origin_form())
}

/// The target without `_format`, which would have an answer in another format than its `Accept` asks for.
pub fn without_format(target: &str) -> String {
    let Some((path, query)) = target.split_once('?') else { return target.to_owned() };
    let is_format = |pair: &&str| {
        let parsed = Target::parse(&format!("/?{pair}"));
        parsed.is_some_and(|parsed| parsed.query_names().any(|name| name == "_format"))
    };
    let kept: Vec<&str> = query.split('&').filter(|pair| !is_format(pair)).collect();
    if kept.is_empty() { path.to_owned() } else { format!("{path}?{}", kept.join("&")) }
}

/// Whether this is where a known server tells how far an export is: the Bulk Data guide leaves the address to servers.
fn is_export_state(path: &[&str]) -> bool {
    // HAPI and those that follow it; Medplum; Azure; Oracle; the reference server of the Bulk Data guide.
    matches!(
        path,
        ["$export-poll-status"]
            | ["bulkdata" | "_operations", "export", _]
            | ["bulk-export", "jobs", _]
            | ["bulkstatus", _]
    )
}

fn read(path: &[&str]) -> Option<Interaction> {
    let id = |text: &str| LogicalId::parse(text);
    Some(match path {
        [] => Interaction::Search { scope: Scope::System, posted: false },
        ["metadata"] | [".well-known", ..] => Interaction::Capabilities,
        [.., operation] if operation.starts_with('$') => return operated(path, false),
        ["_history"] => Interaction::History(Scope::System),
        [name] if is_type_name(name) => {
            Interaction::Search { scope: Scope::Type((*name).to_owned()), posted: false }
        }
        [name, "_history"] if is_type_name(name) => Interaction::History(Scope::Type((*name).to_owned())),
        [name, one] if is_type_name(name) => {
            Interaction::Read { resource_type: (*name).to_owned(), id: id(one)? }
        }
        [name, one, "_history"] if is_type_name(name) => {
            Interaction::History(Scope::Instance { resource_type: (*name).to_owned(), id: id(one)? })
        }
        [name, one, "_history", version] if is_type_name(name) => Interaction::VersionRead {
            resource_type: (*name).to_owned(),
            id: id(one)?,
            version: id(version)?,
        },
        [..] => Interaction::Search { scope: compartment(path)?, posted: false },
    })
}

fn posted(path: &[&str]) -> Option<Interaction> {
    Some(match path {
        [] => Interaction::Bundle,
        ["_search"] => Interaction::Search { scope: Scope::System, posted: true },
        [.., operation] if operation.starts_with('$') => return operated(path, true),
        [name] if is_type_name(name) => Interaction::Create { resource_type: (*name).to_owned() },
        [name, "_search"] if is_type_name(name) => {
            Interaction::Search { scope: Scope::Type((*name).to_owned()), posted: true }
        }
        [within @ .., "_search"] => Interaction::Search { scope: compartment(within)?, posted: true },
        [..] => return None,
    })
}

fn compartment(path: &[&str]) -> Option<Scope> {
    let [name, id, within] = path else { return None };
    (is_type_name(name) && (*within == "*" || is_type_name(within))).then_some(())?;
    Some(Scope::Compartment {
        resource_type: (*name).to_owned(),
        id: LogicalId::parse(id)?,
        within: (*within).to_owned(),
    })
}

fn operated(path: &[&str], posted: bool) -> Option<Interaction> {
    let (operation, of) = path.split_last()?;
    let name = operation.strip_prefix('$').filter(|name| is_operation_name(name))?;
    let scope = match of {
        [] => Scope::System,
        [one] if is_type_name(one) => Scope::Type((*one).to_owned()),
        [one, id] if is_type_name(one) => {
            Scope::Instance { resource_type: (*one).to_owned(), id: LogicalId::parse(id)? }
        }
        _ => return None,
    };
    let kind = operation_kind(name);
    // By `GET` only what reads is known to read: FHIR forbids others, and some servers carry them out.
    let is_known = posted || (kind != OperationKind::Carries && !changes(name));
    let kind = if posted || kind == OperationKind::Reads { kind } else { OperationKind::Unknown };
    is_known.then(|| Interaction::Operation { name: name.to_owned(), scope, posted, kind })
}

/// What is known of an operation by its name. Names are compared exactly.
fn operation_kind(name: &str) -> OperationKind {
    if READING.contains(&name) {
        OperationKind::Reads
    } else if CARRYING.contains(&name) || name.starts_with("submit") {
        OperationKind::Carries
    } else {
        OperationKind::Unknown
    }
}

fn changes(name: &str) -> bool {
    CHANGING_WORDS.iter().any(|word| name.contains(word))
}

/// The type and the id of a write to one resource, or to what a search finds.
fn named(path: &[&str]) -> Option<(String, Option<LogicalId>)> {
    match path {
        [name] if is_type_name(name) => Some(((*name).to_owned(), None)),
        [name, id] if is_type_name(name) => Some(((*name).to_owned(), Some(LogicalId::parse(id)?))),
        _ => None,
    }
}

pub(super) fn is_read(method: &str) -> bool {
    ["GET", "HEAD", "OPTIONS"].contains(&method)
}

/// Whether a segment can be a word of FHIR's own grammar: anything else is read differently by different servers.
fn is_plain(segment: &str) -> bool {
    segment == "*" || segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._$".contains(&byte))
}

fn is_operation_name(word: &str) -> bool {
    (1..=64).contains(&word.len())
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

/// Whether a word can be the name of a resource type: at most 64 letters and digits after a capital.
pub(super) fn is_type_name(word: &str) -> bool {
    word.len() <= 64
        && word.starts_with(|first: char| first.is_ascii_uppercase())
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Whether a word can be a logical id. An operation's `$` and a history's `_` cannot begin one.
pub(super) fn is_id(word: &str) -> bool {
    (1..=64).contains(&word.len())
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(request: &str, want: Option<&str>) {
        let (method, target) = request.split_once(' ').unwrap();
        let got = interaction(method, target, None, "/fhir");
        let said = got.map(|got| format!("{got:?}"));
        match (said, want) {
            (None, None) => {}
            (Some(said), Some(want)) => assert!(said.starts_with(want), "{request}: {said}"),
            (said, _) => panic!("{request}: {said:?}"),
        }
    }

    #[test]
    fn every_interaction_of_r4_has_its_name() {
        for (request, want) in [
            ("GET /fhir/metadata", "Capabilities"),
            ("OPTIONS /fhir/Patient", "Capabilities"),
            ("GET /.well-known/smart-configuration", "Capabilities"),
            ("GET /fhir/.well-known/smart-configuration", "Capabilities"),
            ("GET /fhir/Patient/1", "Read"),
            ("HEAD //fhir//Patient/1?_format=xml", "Read"),
            ("GET /fhir/%50atient/1/_history/2", "VersionRead"),
            ("GET /fhir/Patient/1/_history", "History(Instance"),
            ("GET /fhir/Patient/_history", "History(Type"),
            ("GET /fhir/_history", "History(System"),
            ("GET /fhir?_type=Patient", "Search { scope: System, posted: false"),
            ("GET /fhir/Patient?name=a", "Search { scope: Type"),
            ("GET /fhir/Patient/1/Observation?code=a", "Search { scope: Compartment"),
            ("GET /fhir/Patient/1/*", "Search { scope: Compartment"),
            ("POST /fhir/_search", "Search { scope: System, posted: true"),
            ("POST /fhir/Patient/_search", "Search { scope: Type"),
            ("POST /fhir/Patient/1/Observation/_search", "Search { scope: Compartment"),
            ("POST /fhir/Patient", "Create"),
            ("PUT /fhir/Patient/1", "Update { resource_type: \"Patient\", id: Some"),
            ("PUT /fhir/Patient?identifier=a", "Update { resource_type: \"Patient\", id: None"),
            ("PATCH /fhir/Patient/1", "Patch"),
            ("PATCH /fhir/Patient?identifier=a", "Patch"),
            ("DELETE /fhir/Patient/1", "Delete"),
            ("DELETE /fhir/Patient?identifier=a", "Delete"),
            ("DELETE /fhir/$export-poll-status?_jobId=1", "ExportEnd"),
            ("DELETE /fhir/bulkdata/export/1", "ExportEnd"),
            ("POST /fhir", "Bundle"),
            ("GET /fhir/Patient/1/$everything", "Operation { name: \"everything\", scope: Instance"),
            ("POST /fhir/$export", "Operation { name: \"export\", scope: System, posted: true, kind: Reads"),
            ("POST /fhir/Patient/%24validate", "Operation { name: \"validate\", scope: Type"),
            ("POST /fhir/Claim/$submit", "Operation { name: \"submit\""),
        ] {
            check(request, Some(want));
        }
    }

    #[test]
    fn what_r4_does_not_know_has_none() {
        for request in [
            "GET /fhir/Patient;x=1/1",
            "GET /fhir/Patient/1%2F_history",
            "GET /fhir/Patient/%2524everything",
            "GET /fhir/patient/1",
            "GET /fhir/Patient/1/$expunge",
            "GET /fhir/Patient/1/$process-message",
            "GET /fhir/Patient/1/_history/2/3",
            "GET /fhir/Patient?_method=DELETE",
            "POST /fhir/Patient/1",
            "PUT /fhir",
            "DELETE /fhir",
            "DELETE /fhir/Patient/1/_history",
            "PATCH /fhir",
            "POST /Patient",
            "post /fhir/Patient",
            "TRACE /fhir",
        ] {
            check(request, None);
        }
    }

    #[test]
    fn ids_are_not_shown_and_targets_have_one_spelling() {
        let shown = format!("{:?}", interaction("GET", "/fhir/Patient/john-smith", None, "/fhir"));
        assert!(!shown.contains("john"), "{shown}");
        for (target, want) in
            [("/fhir", "/fhir"), ("/fhir?_format=xml", "/fhir"), ("/fhir?a=b&%5Fformat=xml&c", "/fhir?a=b&c")]
        {
            assert_eq!(without_format(target), want, "{target}");
        }
        for (target, want) in [
            ("//fhir//%50atient/./1/?_format=json", Some("/fhir/Patient/1?_format=json")),
            ("/fhir/Patient/%24validate", Some("/fhir/Patient/$validate")),
            ("/elsewhere/Patient", None),
        ] {
            assert_eq!(normal_target(target, "/fhir").as_deref(), want, "{target}");
        }
    }
}
