//! The org's own record of requests: `EventLogFile` rows whose `LogFile` is a CSV, as monitoring tools fetch them.
//!
//! A composite request is one line, as in a real org: what is inside it is not seen. Lines are gathered by hour and type
//! whenever somebody asks for event log files.

use std::collections::{BTreeMap, VecDeque};

use data_encoding::BASE64;
use serde_json::json;

use crate::call::{Call, Reply};
use crate::datetime;
use crate::state::State;
use crate::store::Author;
use crate::value::Source;

/// The requests that the org remembers.
#[derive(Debug, Default)]
pub(crate) struct EventLog {
    // INVARIANT: at most `LINES_MAX`; the oldest goes first.
    lines: VecDeque<Line>,
    answered: u64,
}

#[derive(Debug)]
struct Line {
    kind: &'static str,
    at_ms: i64,
    /// Cells after `EVENT_TYPE`, in the order of `COLUMNS`.
    cells: Vec<String>,
}

impl EventLog {
    /// The id of a request: the client's own if it is of a form that Salesforce takes, else a new one.
    pub(crate) fn request_id(&mut self, call: &Call) -> String {
        self.answered += 1;
        let given = call.header("x-sfdc-request-id").unwrap_or("");
        let plain = given.chars().all(|c| c.is_ascii_alphanumeric());
        let trace = given.len() == 32 && given.chars().all(|c| c.is_ascii_hexdigit());
        if trace || given.len() == 22 && plain {
            return given.to_owned();
        }
        format!("4{:021}", self.answered)
    }

    /// Notes an answered request.
    pub(crate) fn note(
        &mut self,
        call: &Call,
        reply: &Reply,
        (id, user, organization): (&str, &str, &str),
        at_ms: i64,
    ) {
        let Some(kind) = kind(call) else { return };
        let path = format!("/{}", call.segments.join("/"));
        let version = call.segments.get(2).map_or("", |version| version.trim_start_matches('v'));
        let entity =
            call.segments.iter().skip_while(|segment| !segment.eq_ignore_ascii_case("sobjects")).nth(1);
        let header = |name: &str| call.header(name).unwrap_or("").to_owned();
        let derived: String = datetime::spell_date_time(at_ms).replace("+0000", "Z");
        let stamp: String = derived.chars().filter(char::is_ascii_digit).collect();
        let stamp = format!("{}.{}", stamp.get(..14).unwrap_or(""), stamp.get(14..).unwrap_or(""));
        let cells = vec![
            stamp,
            id.to_owned(),
            organization.get(..15).unwrap_or(organization).to_owned(),
            user.get(..15).unwrap_or(user).to_owned(),
            path,
            call.method.clone(),
            reply.status.to_string(),
            if reply.status < 400 { "S" } else { "F" }.to_owned(),
            version.to_owned(),
            entity.cloned().unwrap_or_default(),
            header("user-agent"),
            header("sforce-call-options"),
            call.body.len().to_string(),
            derived,
            user.to_owned(),
        ];
        if self.lines.len() >= LINES_MAX {
            self.lines.pop_front();
        }
        self.lines.push_back(Line { kind, at_ms, cells });
    }
}

/// Writes what has been noted into `EventLogFile` rows: one for each hour and type, replaced as it grows.
pub(crate) fn gather(state: &mut State, now_ms: i64) {
    let mut files: BTreeMap<(i64, &'static str), csv::Writer<Vec<u8>>> = BTreeMap::new();
    for line in &state.events.lines {
        let writer = files.entry((line.at_ms.div_euclid(HOUR_MS), line.kind)).or_insert_with(|| {
            let mut writer =
                csv::WriterBuilder::new().quote_style(csv::QuoteStyle::Always).from_writer(Vec::new());
            // Writing to memory does not fail.
            writer.write_record(std::iter::once("EVENT_TYPE").chain(COLUMNS)).unwrap_or_default();
            writer
        });
        writer
            .write_record(std::iter::once(line.kind).chain(line.cells.iter().map(String::as_str)))
            .unwrap_or_default();
    }
    let user = state.store.rows("User").next().map(|(id, _)| id.clone()).unwrap_or_default();
    let author = Author { user, now_ms, source: Source::Json };
    for ((hour, kind), writer) in files {
        let text = writer.into_inner().unwrap_or_default();
        let date = datetime::spell_date_time(hour * HOUR_MS);
        let types = vec!["String"; COLUMNS.len() + 1].join(",");
        let members = [
            ("EventType", json!(kind)),
            ("Interval", json!("Hourly")),
            ("Sequence", json!(1)),
            ("ApiVersion", json!(68.0)),
            ("LogDate", json!(date)),
            ("LogFileContentType", json!("text/csv")),
            ("LogFileFieldNames", json!(format!("EVENT_TYPE,{}", COLUMNS.join(",")))),
            ("LogFileFieldTypes", json!(types)),
            ("LogFileLength", json!(text.len())),
            ("LogFile", json!(BASE64.encode(&text))),
        ];
        let same = |row: &crate::store::Row| {
            row.get("EventType") == Some(&json!(kind)) && row.get("LogDate") == Some(&json!(date))
        };
        let known = state.store.rows("EventLogFile").find(|(_, row)| same(row)).map(|(id, _)| id.clone());
        match known {
            Some(id) => state.store.amend("EventLogFile", &id, &members),
            None => {
                state.store.record(&author, "EventLogFile", &members);
            }
        }
    }
}

/// The type of event that a request is; discovery without a session is none.
fn kind(call: &Call) -> Option<&'static str> {
    let part =
        |at: usize| call.segments.get(at).map(|segment| segment.to_ascii_lowercase()).unwrap_or_default();
    match (part(0).as_str(), part(1).as_str(), part(2).as_str()) {
        ("services", "async", _) => Some("BulkApi"),
        ("services", "apexrest", _) => Some("ApexRestApi"),
        ("services", "oauth2", "token") => Some("Login"),
        ("services", "soap", "m") => Some("MetadataApiOperation"),
        ("services", "soap", _) => Some("API"),
        ("services", "data", "") => None,
        ("services", "data", _) if part(3) == "jobs" => Some("BulkApi2"),
        ("services", "data", _) => Some("RestApi"),
        _ => None,
    }
}

const COLUMNS: [&str; 15] = [
    "TIMESTAMP",
    "REQUEST_ID",
    "ORGANIZATION_ID",
    "USER_ID",
    "URI",
    "METHOD",
    "STATUS_CODE",
    "REQUEST_STATUS",
    "API_VERSION",
    "ENTITY_NAME",
    "USER_AGENT",
    "CLIENT_NAME",
    "REQUEST_SIZE",
    "TIMESTAMP_DERIVED",
    "USER_ID_DERIVED",
];
const HOUR_MS: i64 = 3_600_000;
const LINES_MAX: usize = 100_000;
