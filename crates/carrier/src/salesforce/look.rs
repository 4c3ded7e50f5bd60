//! Which requests show records, and how: known from method and target alone.

use std::fmt;

use crate::{Door, route::Target};

use super::{
    door::{is_id_shaped, is_name, is_resource, is_version, route},
    id::RecordId,
    report_file::is_report_file,
};

/// What a request shows, where reads are isolated.
///
/// Debug shows the label only: a target can hold an external id, and that can be a person's.
#[derive(Clone, PartialEq, Eq)]
pub enum Look {
    /// Nothing of anybody: descriptions, limits, versions, logins, the state of a job.
    Nothing,
    /// Rows of a SOQL query: `/query`, `/queryAll`.
    Query,
    /// Rows of a query of the Tooling API, which knows no people.
    ToolingQuery,
    /// A further page of a query that was asked before.
    FurtherPage,
    /// Rows that a SOSL search finds: `/search`.
    Search,
    /// Rows that words find: `/parameterizedSearch`.
    SearchByWords,
    /// One row, or what hangs on it, by its id or by the ids in the request.
    Record,
    /// One row by a field's value.
    RecordBy {
        /// The object.
        object: String,
        /// The field.
        field: String,
        /// The value.
        value: String,
    },
    /// Rows by their ids: `/composite/sobjects/X`.
    Retrieve,
    /// Rows that were looked at last, which are told by their ids.
    Recent,
    /// The ids of rows that changed or went: `/updated`, `/deleted`.
    Changes,
    /// How many rows there are: `/limits/recordCount`.
    Totals,
    /// Bulk rows that the client sent, given back to it, and what became of them.
    SentRows,
    /// The rows of a list view: `/sobjects/X/listviews/<id>/results`.
    ListView,
    /// Rows of a list of the UI API, a page at a time: `/ui-api/related-list-records`, `list-records`, `list-ui`.
    Related,
    /// Rows whose name holds what was typed so far: `/search/suggestions`.
    Suggestions,
    /// The rows that a GraphQL document asks for.
    GraphQl,
    /// A Bulk 2.0 query: the query is in the body.
    BulkQuery,
    /// The rows of a Bulk query, 2.0 or v1.
    BulkResults,
    /// A run of a report, or what one found.
    Report,
    /// A report saved as a file: `/<report id>?export=1`.
    ReportFile,
    /// A zip of tables of the org: `/servlet/servlet.OrgExport`.
    DataExport,
    /// A request of many, or a write: what it names and what it answers can be records.
    Mixed,
    /// What cannot be read here, for this reason.
    Closed(&'static str),
}

impl Look {
    /// The short name for logs and the ledger; never an id or a value.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Nothing => "nothing shown",
            Self::Query => "query",
            Self::ToolingQuery => "tooling query",
            Self::FurtherPage => "query page",
            Self::Search => "search",
            Self::SearchByWords => "parameterized search",
            Self::Record => "sobjects read",
            Self::RecordBy { .. } => "sobjects read by field",
            Self::Retrieve => "collections read",
            Self::Recent => "recent",
            Self::Changes => "changes",
            Self::Totals => "record counts",
            Self::SentRows => "sent rows",
            Self::ListView => "list view",
            Self::Related => "related list",
            Self::Suggestions => "search suggestions",
            Self::GraphQl => "graphql query",
            Self::BulkQuery => "bulk query",
            Self::BulkResults => "bulk results",
            Self::Report => "report",
            Self::ReportFile => "report file",
            Self::DataExport => "data export",
            Self::Mixed => "answer",
            Self::Closed(_) => "closed read",
        }
    }
}

impl fmt::Debug for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

const COMPUTED: &str = "what it shows is computed in the org and cannot be filtered";
const UNREAD: &str = "its answer cannot be read here";
const UNKNOWN: &str = "nobody here knows what it shows";

/// Whether a target is that of GraphQL documents.
pub fn is_graphql(target: &str) -> bool {
    let Some(target) = Target::parse(target) else { return false };
    let segments: Vec<String> =
        target.segments().iter().map(|segment| segment.to_ascii_lowercase()).collect();
    let start = segments.iter().position(|segment| segment == "services").unwrap_or(segments.len());
    let below: Vec<&str> = segments.iter().skip(start).map(String::as_str).collect();
    matches!(below.as_slice(), ["services", "data", version, "graphql"] if is_version(version))
}

/// What a request shows.
///
/// Shape:  method and target as sent, and whether an override says another method -> a look. A write is
///         [`Look::Mixed`]: its own door says whether it is judged.
/// Bounds: see [`Target::parse`].
/// Never:  opens what is not known: that is [`Look::Closed`].
/// Source: spec/carriers.md section 2.9.
pub fn look(method: &str, written: &str, method_override: Option<&str>) -> Look {
    let Some(target) = Target::parse(written) else { return Look::Closed(UNKNOWN) };
    let verb = method.to_ascii_uppercase();
    let overrides: Vec<String> = target
        .query("_HttpMethod")
        .chain(method_override)
        .map(|word| word.trim().to_ascii_uppercase())
        .filter(|word| *word != verb)
        .collect();
    let lower: Vec<String> = target.segments().iter().map(|segment| segment.to_ascii_lowercase()).collect();
    let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
    let start = lower.iter().position(|segment| *segment == "services").unwrap_or(lower.len());
    let (before, after) = lower.split_at_checked(start).unwrap_or_default();
    let exact = target.segments().get(start..).unwrap_or_default();
    if !overrides.is_empty() {
        // Which of two methods a report is asked with, nobody here knows.
        let is_analytics =
            matches!(after, ["services", "data", _, "analytics", ..]) || is_report_file(&target);
        let methods = std::iter::once(&verb).chain(&overrides);
        let is_write = writes(method, written, method_override, methods);
        return if is_write && !is_analytics { Look::Mixed } else { Look::Closed(UNKNOWN) };
    }
    match (verb.as_str(), after) {
        ("OPTIONS", _) | (_, ["services", "oauth2", ..] | ["services", "data"]) => Look::Nothing,
        // An identity, and a login host's own pages; what else has no `services` shows pages of the org.
        (_, []) => match before {
            [] | ["id", ..] => Look::Nothing,
            _ if verb == "GET" && is_report_file(&target) => Look::ReportFile,
            ["servlet", "servlet.orgexport"] if matches!(verb.as_str(), "GET" | "HEAD") => Look::DataExport,
            _ => Look::Closed(UNREAD),
        },
        (_, ["services", "data", _, rest @ ..]) if names_form(rest) => Look::Closed(UNREAD),
        (verb, ["services", "data", version, rest @ ..]) if is_version(version) => {
            below_version(verb, rest, exact.get(3..).unwrap_or_default())
        }
        ("GET" | "HEAD" | "POST", ["services", "async", _, rest @ ..]) => bulk_v1(&verb, rest),
        ("GET" | "HEAD", _) => Look::Closed(UNREAD),
        _ => Look::Mixed,
    }
}

/// Whether a target says in which form it would be answered (`ReportsTo.xml`): what stands in front of it would be read
/// otherwise here than there. An external id may end like that.
fn names_form(lower: &[&str]) -> bool {
    let is_value = |at: usize| match lower {
        ["sobjects", _, field, ..] => at == 3 && !is_id_shaped(field),
        _ => false,
    };
    let is_named =
        |segment: &str| segment.rsplit_once('.').is_some_and(|(_, ending)| matches!(ending, "xml" | "json"));
    lower.iter().enumerate().any(|(at, segment)| !is_value(at) && is_named(segment))
}

/// Whether a target below a version of REST, whose answers are JSON but for files.
pub fn is_rest(target: &str) -> bool {
    words_below_services(target).first().is_some_and(|first| first == "data")
}

/// Whether what a target names is a file in a field of a row: bytes of its own form, and no row.
pub fn is_file(target: &str) -> bool {
    let segments = words_below_services(target);
    let names: Vec<&str> = segments.iter().map(String::as_str).collect();
    let (["data", _, "sobjects", row @ ..] | ["data", _, "tooling", "sobjects", row @ ..]) = names.as_slice()
    else {
        return false;
    };
    match row {
        [_, id, "richtextimagefields", _, _] => is_id_shaped(id),
        [_, _, file] | [_, _, _, file] => FILES.contains(file),
        _ => false,
    }
}

/// The fields that hold files. None of them is a relationship's name. In lower case.
const FILES: [&str; 8] =
    ["body", "binary", "content", "contentdata", "digitalsignature", "document", "logfile", "versiondata"];

/// The segments of a target behind `services`, as they are written: before it a login host may have some of its own.
pub(super) fn below_services(target: &str) -> Vec<String> {
    let Some(target) = Target::parse(target) else { return Vec::new() };
    let segments = target.segments().iter();
    segments.skip_while(|segment| !segment.eq_ignore_ascii_case("services")).skip(1).cloned().collect()
}

/// The same in lower case.
pub(super) fn words_below_services(target: &str) -> Vec<String> {
    below_services(target).iter().map(|segment| segment.to_ascii_lowercase()).collect()
}

/// Whether a target is that of a list of the UI API.
pub fn is_ui_list(target: &str) -> bool {
    let segments = words_below_services(target);
    matches!(segments.get(2..4), Some([api, list]) if api == "ui-api" && list.contains("list"))
}

/// Whether an answer holds what a form for a new row is filled with: a row without an id of its own, of what the ids in
/// the target lead to.
pub fn fills_form(target: &str) -> bool {
    let segments = words_below_services(target);
    let names: Vec<&str> = segments.iter().map(String::as_str).collect();
    matches!(names.as_slice(), ["data", _, "ui-api", "record-defaults", ..])
}

/// Whether what has several methods is a write by each of them, or is judged as one. What could be read otherwise shows
/// what nobody isolates.
fn writes<'m>(
    method: &str,
    target: &str,
    method_override: Option<&str>,
    mut methods: impl Iterator<Item = &'m String>,
) -> bool {
    let could_read = |method: &String| {
        matches!(method.as_str(), "GET" | "HEAD" | "OPTIONS") || route(method, target, None) == Door::Open
    };
    matches!(route(method, target, method_override), Door::Judged(_)) || !methods.any(could_read)
}

/// What the file of a data export is called, as its target says.
pub fn export_name(target: &str) -> Option<&str> {
    let (_, query) = target.split_once('?')?;
    query.split('&').find_map(|pair| pair.strip_prefix("fileName="))
}

/// Whether what a target shows holds the org's words about bulk rows that failed; they may name other rows.
pub fn tells_failures(target: &str) -> bool {
    let Some(target) = Target::parse(target) else { return false };
    let is = |word: &str| target.segments().last().is_some_and(|last| last.eq_ignore_ascii_case(word));
    is("failedResults") || is("result")
}

/// The state of a Bulk v1 job, and what became of the rows that were sent; a query's rows have one more segment.
fn bulk_v1(verb: &str, lower: &[&str]) -> Look {
    match (verb, lower) {
        // Its job says whether it is a query or rows.
        ("POST", ["job", _, "batch"]) => Look::Mixed,
        ("POST", _) | (_, ["job", _] | ["job", _, "batch"] | ["job", _, "batch", _]) => Look::Nothing,
        (_, ["job", _, "batch", _, "request" | "result"]) => Look::SentRows,
        (_, ["job", _, "batch", _, "result", _]) => Look::BulkResults,
        _ => Look::Closed(UNREAD),
    }
}

fn below_version(verb: &str, lower: &[&str], exact: &[String]) -> Look {
    let name = |at: usize| exact.get(at).cloned().unwrap_or_default();
    match (verb, lower) {
        ("GET" | "HEAD", lower) => read(lower, name),
        ("POST", ["query" | "queryall"]) => Look::Query,
        ("POST", ["search"]) => Look::Search,
        ("POST", ["parameterizedsearch"]) => Look::SearchByWords,
        ("POST", ["composite", "sobjects", object]) if is_name(object) => Look::Retrieve,
        ("POST", ["jobs", "query"]) => Look::BulkQuery,
        ("POST", ["jobs", "ingest"]) | ("PUT", ["jobs", "ingest", _, "batches"]) => Look::Mixed,
        ("PATCH" | "DELETE", ["jobs", "query", _])
        | ("DELETE", ["query", _])
        | ("POST" | "PATCH" | "DELETE" | "PUT", ["jobs", "ingest", ..])
        | ("POST" | "PATCH", ["metadata", "deployrequest", ..]) => Look::Nothing,
        ("POST" | "PATCH" | "DELETE", ["analytics", "reports", rest @ ..]) => report(verb, rest),
        // What is listed by a body could be chosen by what is hidden.
        (
            "POST",
            [
                "ui-api",
                "list-records" | "list-ui" | "related-list-records" | "mru-list-records" | "mru-list-ui",
                ..,
            ],
        )
        | ("POST" | "PATCH" | "PUT" | "DELETE", ["analytics", ..])
        | ("POST" | "PATCH", ["wave" | "chatter" | "connect", ..]) => Look::Closed(COMPUTED),
        _ => Look::Mixed,
    }
}

/// What a `GET` below a version shows.
fn read(lower: &[&str], name: impl Fn(usize) -> String) -> Look {
    match lower {
        ["query" | "queryall"] => Look::Query,
        ["query" | "queryall", _] | ["tooling", "query" | "queryall", _] => Look::FurtherPage,
        ["search"] => Look::Search,
        ["parameterizedsearch"] => Look::SearchByWords,
        ["recent", ..] | ["ui-api", "mru-list-records" | "mru-list-ui", _] => Look::Recent,
        ["ui-api", "related-list-records" | "list-records" | "list-ui", _, _]
        | ["ui-api", "list-records", _] => Look::Related,
        // By an id it is a view with its rows, by an object's name the views that there are.
        ["ui-api", "list-ui", view] if is_id_shaped(view) => Look::Related,
        ["ui-api", "list-ui", _] | ["ui-api", "list-info", ..] => Look::Nothing,
        ["search", "suggestions"] => Look::Suggestions,
        ["limits", "recordcount"] => Look::Totals,
        ["tooling", "query" | "queryall"] => Look::ToolingQuery,
        ["tooling", "executeanonymous" | "search" | "runtestssynchronous", ..] => Look::Closed(UNKNOWN),
        // Logs and heaps of code that ran hold what it read.
        ["tooling", "sobjects", "apexexecutionoverlayresult", id, ..] if !is_resource(id) => {
            Look::Closed(COMPUTED)
        }
        ["sobjects", "apexlog", _, "body", ..] | ["tooling", "sobjects", "apexlog", _, "body", ..] => {
            Look::Closed(COMPUTED)
        }
        ["tooling", "sobjects", object, rest @ ..] if is_name(object) => {
            below_object(rest, |at| name(at + 1))
        }
        // Formulas of a quick action's own fill it, of whatever they lead to; relevant items are told by ids alone.
        ["quickactions", _, "defaultvalues", _, ..]
        | ["sobjects", _, "quickactions", _, "defaultvalues", _, ..]
        | ["sobjects", "relevantitems", ..]
        | ["sobjects", _, "relevantitems", ..] => Look::Closed(COMPUTED),
        ["sobjects", object, rest @ ..] if is_name(object) => below_object(rest, name),
        ["composite", "sobjects", object] if is_name(object) => Look::Retrieve,
        ["jobs", "query", _, "results" | "resultpages", ..] => Look::BulkResults,
        ["jobs", "ingest", _, "successfulresults" | "failedresults" | "unprocessedrecords"] => Look::SentRows,
        ["ui-api", "records" | "record-ui" | "record-defaults", ..] => Look::Record,
        ["analytics", "reports", rest @ ..] => report("GET", rest),
        lower if describes(lower) => Look::Nothing,
        ["search" | "ui-api" | "analytics" | "wave" | "chatter" | "connect" | "graphql", ..] => {
            Look::Closed(COMPUTED)
        }
        _ => Look::Closed(UNKNOWN),
    }
}

/// What a request shows of reports: they are listed and described, changed, and run.
fn report(verb: &str, rest: &[&str]) -> Look {
    match (verb, rest) {
        ("GET" | "POST", [])
        | ("GET", [_, "describe" | "instances"])
        | ("PATCH" | "DELETE", [_])
        | ("DELETE", [_, "instances", _]) => Look::Nothing,
        ("POST", ["query"] | [_, "instances"]) | ("GET", [_, "instances", _]) | ("GET" | "POST", [_]) => {
            Look::Report
        }
        _ => Look::Closed(COMPUTED),
    }
}

/// Whether what is below a version describes the org, or a job, and shows no row.
fn describes(lower: &[&str]) -> bool {
    match lower {
        []
        | ["sobjects" | "composite" | "ui-api"]
        | ["search", "layout" | "scopeorder"]
        | ["analytics", "report-types" | "reporttypes", ..]
        | ["ui-api", "object-info" | "layout" | "apps" | "nav-items" | "themes", ..] => true,
        [first, ..] => DESCRIBING.contains(first),
    }
}

const DESCRIBING: [&str; 13] = [
    "limits",
    "tabs",
    "theme",
    "appmenu",
    "jobs",
    "tooling",
    "metadata",
    "actions",
    "quickactions",
    "licensing",
    "compactlayouts",
    "support",
    "eventschema",
];

/// What a `GET` below an object shows.
fn below_object(rest: &[&str], name: impl Fn(usize) -> String) -> Look {
    match rest {
        // With a description come the rows that were looked at last.
        [] => Look::Recent,
        ["updated" | "deleted"] => Look::Changes,
        ["listviews", _, "results"] => Look::ListView,
        [word, ..] if is_resource(word) => Look::Nothing,
        [id, ..] if is_id_shaped(id) && RecordId::parse(&name(2)).is_some() => Look::Record,
        [field, _, ..] if is_name(field) => {
            Look::RecordBy { object: name(1), field: name(2), value: name(3) }
        }
        _ => Look::Record,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_a_row_is_no_relationship() {
        let check = |rest: &str, want: bool| {
            assert_eq!(is_file(&format!("/services/data/v67.0/{rest}")), want, "{rest}");
        };
        check("sobjects/Attachment/00P000000000001AAA/Body", true);
        check("sobjects/ContentVersion/068000000000001AAA/VersionData?x", true);
        check("sobjects/EventLogFile/0AT000000000001AAA/logfile", true);
        check("sobjects/Contact/003000000000001AAA/richTextImageFields/Note__c/0EM000000000001AAA", true);
        check("sobjects/Contact/003000000000001AAA/ReportsTo", false);
        check("sobjects/Contact/003000000000001AAA", false);
        check("composite/sobjects/Contact", false);
        assert!(is_rest("/x/services/data/v67.0/query") && !is_rest("/services/Soap/u/67.0"));
    }

    fn check(request: &str, want: &str) {
        let (method, target) = request.split_once(' ').unwrap();
        assert_eq!(look(method, target, None).label(), want, "{request}");
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "a table of scenes")]
    fn every_way_to_look_is_known_or_closed() {
        let rows = [
            ("GET /", "nothing shown"),
            ("GET /id/00D/005", "nothing shown"),
            ("GET /lightning/r/Contact/003000000000001AAA/view", "closed read"),
            ("GET /003000000000001", "closed read"),
            ("GET /services/data", "nothing shown"),
            ("POST /services/oauth2/token", "nothing shown"),
            ("GET /services/data/v67.0", "nothing shown"),
            ("GET /services/data/v67.0/sobjects", "nothing shown"),
            ("GET /services/data/v67.0/sobjects/Contact", "recent"),
            ("GET /services/data/v67.0/sobjects/Contact/describe", "nothing shown"),
            (
                "GET /services/data/v67.0/sobjects/Contact/describe/layouts/012000000000000AAA",
                "nothing shown",
            ),
            ("GET /services/data/v67.0/sobjects/Contact/003000000000001AAA", "sobjects read"),
            ("GET //services/Data/v67.0/SObjects/contact/003000000000001AAA/", "sobjects read"),
            ("HEAD /services/data/v67.0/sobjects/Contact/003000000000001", "sobjects read"),
            ("GET /services/data/v67.0/sobjects/Contact/003000000000001AAA/Account", "sobjects read"),
            ("GET /services/data/v67.0/sobjects/Attachment/00P000000000001AAA/Body", "sobjects read"),
            ("GET /services/data/v67.0/sobjects/Contact/Ext__c/a%2Fb", "sobjects read by field"),
            ("GET /services/data/v67.0/sobjects/Contact/updated/?start=x&end=y", "changes"),
            ("GET /services/data/v67.0/sobjects/relevantItems", "closed read"),
            ("GET /services/data/v67.0/sobjects/Contact/relevantItems", "closed read"),
            ("GET /services/data/v67.0/sobjects/Contact/deleted?start=x", "changes"),
            ("GET /services/data/v67.0/sobjects/Contact/listviews", "nothing shown"),
            (
                "GET /services/data/v67.0/sobjects/Contact/listviews/00B000000000001AAA/describe",
                "nothing shown",
            ),
            ("GET /services/data/v67.0/sobjects/Contact/listviews/00B000000000001AAA/results", "list view"),
            ("GET /services/data/v67.0/query?q=SELECT+Id+FROM+Contact", "query"),
            ("GET /services/data/v67.0/queryAll/?q=x", "query"),
            ("POST /services/data/v67.0/query", "query"),
            ("GET /services/data/v67.0/query/01g000000000001AAA-2000", "query page"),
            ("GET /services/data/v67.0/tooling/query?q=x", "tooling query"),
            ("GET /services/data/v67.0/tooling/query/01g000000000001AAA-2000", "query page"),
            ("GET /services/data/v67.0/tooling/sobjects", "nothing shown"),
            ("GET /services/data/v67.0/tooling/sobjects/ApexClass", "recent"),
            ("GET /services/data/v67.0/tooling/sobjects/ApexClass/describe", "nothing shown"),
            ("GET /services/data/v67.0/tooling/sobjects/ApexClass/01p000000000001AAA", "sobjects read"),
            ("GET /services/data/v67.0/tooling/sobjects/ApexLog/07L000000000001AAA", "sobjects read"),
            ("GET /services/data/v67.0/tooling/sobjects/ApexLog/07L000000000001AAA/Body", "closed read"),
            ("GET /services/data/v67.0/sobjects/ApexLog/07L000000000001AAA/Body", "closed read"),
            (
                "GET /services/data/v67.0/tooling/sobjects/ApexExecutionOverlayResult/0fL000000000001AAA",
                "closed read",
            ),
            ("GET /services/data/v67.0/ui-api/record-defaults/clone/003000000000001AAA", "sobjects read"),
            ("GET /services/data/v67.0/ui-api/record-defaults/create/Contact", "sobjects read"),
            ("GET /services/data/v67.0/quickActions/NewCase/defaultValues", "nothing shown"),
            ("GET /services/data/v67.0/quickActions/NewCase/defaultValues/003000000000001AAA", "closed read"),
            (
                "GET /services/data/v67.0/sobjects/Contact/quickActions/NewCase/defaultValues/003000000000001AAA",
                "closed read",
            ),
            ("POST /services/data/v67.0/ui-api/list-records/Contact/AllContacts", "closed read"),
            ("GET /services/data/v57.0/sobjects/Contact/003000000000001AAA/ReportsTo.xml", "closed read"),
            ("GET /services/data/v57.0/sobjects/Contact/003000000000001AAA.XML", "closed read"),
            ("DELETE /services/data/v57.0/sobjects/Contact/003000000000001AAA.json", "closed read"),
            ("GET /services/data/v57.0/query.xml?q=SELECT+Id+FROM+Contact", "closed read"),
            ("GET /services/data/v57.0/sobjects/Contact/Ext__c/a.xml", "sobjects read by field"),
            ("GET /services/data/v67.0/tooling/executeAnonymous?x", "closed read"),
            ("GET /services/data/v67.0/search?q=FIND", "search"),
            ("GET /services/data/v67.0/search/suggestions?q=a", "search suggestions"),
            ("GET /services/data/v67.0/search/suggestSearchQueries?q=a", "closed read"),
            (
                "GET /services/data/v67.0/ui-api/related-list-records/001000000000001AAA/Contacts",
                "related list",
            ),
            ("GET /services/data/v67.0/ui-api/list-ui/00B000000000001AAA", "related list"),
            ("GET /services/data/v67.0/ui-api/list-ui/Contact/AllContacts", "related list"),
            ("GET /services/data/v67.0/ui-api/list-ui/Contact", "nothing shown"),
            ("GET /services/data/v67.0/ui-api/list-info/Contact/AllContacts", "nothing shown"),
            ("GET /services/data/v67.0/ui-api/list-records/00B000000000001AAA", "related list"),
            ("GET /services/data/v67.0/ui-api/list-records/Contact/AllContacts", "related list"),
            ("GET /services/data/v67.0/ui-api/list-other/Contact", "closed read"),
            ("GET /services/data/v67.0/parameterizedSearch?q=a", "parameterized search"),
            ("GET /services/data/v67.0/recent", "recent"),
            ("GET /services/data/v67.0/limits", "nothing shown"),
            ("GET /services/data/v67.0/limits/recordCount?sObjects=Contact", "record counts"),
            ("GET /services/data/v67.0/composite/sobjects/Contact?ids=a", "collections read"),
            ("POST /services/data/v67.0/composite/sobjects/Contact", "collections read"),
            ("POST /services/data/v67.0/jobs/query", "bulk query"),
            ("GET /services/data/v67.0/jobs/query/750000000000001AAA", "nothing shown"),
            ("GET /services/data/v67.0/jobs/query/750000000000001AAA/results", "bulk results"),
            ("GET /services/data/v67.0/ui-api/records/003000000000001AAA", "sobjects read"),
            ("GET /services/data/v67.0/ui-api/object-info/Contact", "nothing shown"),
            ("GET /services/data/v67.0/ui-api/mru-list-records/Contact", "recent"),
            ("GET /services/data/v67.0/analytics/reports/00O000000000001AAA", "report"),
            ("POST /services/data/v67.0/analytics/reports/00O000000000001AAA", "report"),
            ("POST /services/data/v67.0/analytics/reports/00O000000000001AAA?_HttpMethod=GET", "closed read"),
            ("GET /services/data/v67.0/analytics/reports", "nothing shown"),
            ("POST /services/data/v67.0/analytics/reports?cloneId=00O000000000001AAA", "nothing shown"),
            ("GET /services/data/v67.0/analytics/reports/00O000000000001AAA/describe", "nothing shown"),
            ("POST /services/data/v67.0/analytics/reports/query", "report"),
            ("POST /services/data/v67.0/analytics/reports/00O000000000001AAA/instances", "report"),
            (
                "GET /services/data/v67.0/analytics/reports/00O000000000001AAA/instances/0LG000000000001AAA",
                "report",
            ),
            ("GET /services/data/v67.0/analytics/reports/00O000000000001AAA/fields", "closed read"),
            ("GET /services/data/v67.0/analytics/dashboards/01Z000000000001AAA", "closed read"),
            ("PUT /services/data/v67.0/analytics/dashboards/01Z000000000001AAA", "closed read"),
            ("GET /services/data/v67.0/anything/new", "closed read"),
            ("GET /services/apexrest/anything", "closed read"),
            ("POST /services/data/v67.0/graphql", "answer"),
            ("GET /services/async/60.0/job/750000000000001AAA/batch/751000000000001AAA/result", "sent rows"),
            (
                "GET /services/async/60.0/job/750000000000001AAA/batch/751000000000001AAA/result/752x",
                "bulk results",
            ),
            ("GET /services/async/60.0/job/750000000000001AAA/batch/751000000000001AAA/other", "closed read"),
            ("POST /services/async/60.0/job/750000000000001AAA/batch", "answer"),
            ("POST /services/async/60.0/job", "nothing shown"),
            ("GET /services/async/60.0/job/750000000000001AAA/batch/751000000000001AAA/request", "sent rows"),
            ("POST /services/data/v67.0/jobs/ingest", "answer"),
            ("PUT /services/data/v67.0/jobs/ingest/750000000000001AAA/batches", "answer"),
            ("PATCH /services/data/v67.0/jobs/ingest/750000000000001AAA", "nothing shown"),
            ("GET /services/data/v67.0/jobs/ingest/750000000000001AAA/failedResults", "sent rows"),
            ("POST /services/data/v67.0/composite", "answer"),
            ("PATCH /services/data/v67.0/sobjects/Contact/003000000000001AAA", "answer"),
            ("GET /services/data/v67.0/query?q=x&_HttpMethod=POST", "closed read"),
            ("GET /services/data/v67.0/query?q=x&_HttpMethod=HEAD", "closed read"),
            ("GET /services/data/v67.0/query?q=x&_HttpMethod=OPTIONS", "closed read"),
            ("OPTIONS /services/data/v67.0/query?q=x&_httpmethod=get", "closed read"),
            ("GET /services/data/v67.0/query?q=x&_HttpMethod=GET", "query"),
            ("POST /services/data/v67.0/parameterizedSearch?_HttpMethod=GET", "closed read"),
            ("POST /services/data/v67.0/jobs/query?_HttpMethod=DELETE", "closed read"),
            ("GET /services/data/v67.0/limits/recordCount?_HttpMethod=HEAD", "closed read"),
            (
                "GET /services/data/v67.0/jobs/query/750000000000001AAA/results?_HttpMethod=POST",
                "closed read",
            ),
            ("POST /services/data/v67.0/sobjects/Contact/003000000000001AAA?_HttpMethod=PATCH", "answer"),
            ("GET /services/data/v67.0/sobjects/Contact/003000000000001AAA?_HttpMethod=PATCH", "answer"),
            ("POST /services/apexrest/anything?_HttpMethod=PUT", "answer"),
            ("GET /a#b", "closed read"),
        ];
        for (request, want) in rows {
            check(request, want);
        }
    }
}
