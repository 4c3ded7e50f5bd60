//! Everything the org remembers, and the visit of one request to it.

use std::collections::BTreeMap;

use crate::analytics::instances;
use crate::auth::Access;
use crate::deploy::Deployments;
use crate::event_log::EventLog;
use crate::rest::bulk_ingest::IngestJobs;
use crate::rest::bulk_query::QueryJobs;
use crate::sandbox::host::Open;
use crate::sandbox::process::Wish;
use crate::schema::Schema;
use crate::soql::Query;
use crate::soql::evaluate::{Found, Lens};
use crate::store::{Author, Store};
use crate::value::Source;
use crate::viewer::Viewer;
use crate::{ApexRest, Limits, bulk_v1, datetime, id};

/// The org.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) store: Store,
    pub(crate) access: Access,
    pub(crate) apex_rest: Vec<ApexRest>,
    pub(crate) bulk_v1: bulk_v1::Jobs,
    pub(crate) ingest: IngestJobs,
    pub(crate) queries: QueryJobs,
    pub(crate) cursors: Cursors,
    pub(crate) report_runs: instances::Runs,
    pub(crate) deployments: Deployments,
    /// Records that single requests touched last, newest first: object and id.
    pub(crate) recent: Vec<(String, String)>,
    pub(crate) requests: u64,
    pub(crate) events: EventLog,
    /// When objects and fields changed last, in milliseconds since 1970.
    pub(crate) schema_ms: i64,
    pub(crate) batch_rows: usize,
    pub(crate) limits: Limits,
    /// Open sandboxes, by name in lower case.
    pub(crate) sandboxes: BTreeMap<String, Open>,
    /// What requests have asked for about sandboxes.
    pub(crate) wishes: Vec<Wish>,
    /// Objects of each template, by the id of its `PartitionLevelScheme`.
    pub(crate) sandbox_templates: BTreeMap<String, Vec<String>>,
    serial: u64,
}

/// One request on its way through the org.
#[derive(Debug)]
pub(crate) struct Visit<'a> {
    pub(crate) state: &'a mut State,
    pub(crate) user: String,
    pub(crate) now_ms: i64,
    /// `v67.0`, as the client wrote it.
    pub(crate) version: String,
    /// Scheme and host as the client sees them.
    pub(crate) base: String,
}

/// Query answers that are given out page by page.
#[derive(Debug, Default)]
pub(crate) struct Cursors {
    // INVARIANT: at most `CURSORS_MAX`, and `ROWS_MAX` rows together; the oldest goes first.
    open: Vec<Cursor>,
}

/// One query answer: what it found is shown when its page is asked for.
#[derive(Debug)]
pub(crate) struct Cursor {
    pub(crate) id: String,
    pub(crate) query: Query,
    pub(crate) found: Found,
    pub(crate) deleted: bool,
    /// Rows a page.
    pub(crate) size: usize,
}

impl State {
    pub(crate) fn new(access: Access, batch_rows: usize, limits: Limits) -> Self {
        Self {
            store: Store::new(Schema::shipped(), limits.rows),
            access,
            apex_rest: Vec::new(),
            bulk_v1: bulk_v1::Jobs::default(),
            ingest: IngestJobs::default(),
            queries: QueryJobs::default(),
            cursors: Cursors::default(),
            report_runs: instances::Runs::new(),
            deployments: Deployments::default(),
            recent: Vec::new(),
            requests: 0,
            events: EventLog::default(),
            schema_ms: 0,
            batch_rows,
            limits,
            sandboxes: BTreeMap::new(),
            wishes: Vec::new(),
            sandbox_templates: BTreeMap::new(),
            serial: 0,
        }
    }

    /// A new id for something that is not a record: a job, a cursor, a deployment.
    pub(crate) fn ticket(&mut self, prefix: &str) -> String {
        self.serial += 1;
        id::make(prefix, self.serial)
    }
}

impl Visit<'_> {
    /// Goes on as the visiting user sees the org; false if the user may not come in any more.
    pub(crate) fn enters(&mut self) -> bool {
        let state = &mut *self.state;
        let row = state.store.live("User", &self.user);
        if row.and_then(|row| row.get("IsActive")) == Some(&serde_json::Value::Bool(false)) {
            return false;
        }
        let viewer = Viewer::of(&state.store, &state.deployments, &self.user);
        state.store.look_as(viewer);
        true
    }

    /// Notes a change of the setup in `SetupAuditTrail`.
    pub(crate) fn audit(&mut self, action: &str, section: &str, display: &str) {
        let author = self.author(Source::Json);
        let display: String = display.chars().take(255).collect();
        let members = [("Action", action.into()), ("Section", section.into()), ("Display", display.into())];
        self.state.store.record(&author, "SetupAuditTrail", &members);
    }

    pub(crate) fn author(&self, source: Source) -> Author {
        Author { user: self.user.clone(), now_ms: self.now_ms, source }
    }

    pub(crate) fn lens(&self, deleted: bool) -> Lens<'_> {
        Lens { store: &self.state.store, now_ms: self.now_ms, version: &self.version, deleted }
    }

    /// The path of a resource under this request's version.
    pub(crate) fn path(&self, rest: &str) -> String {
        format!("/services/data/{}/{rest}", self.version)
    }

    pub(crate) fn now(&self) -> String {
        datetime::spell_date_time(self.now_ms)
    }

    /// The version as a number: `67.0`.
    pub(crate) fn api_version(&self) -> f64 {
        self.version.trim_start_matches(['v', 'V']).parse().unwrap_or(0.0)
    }

    pub(crate) fn touched(&mut self, object: &str, id: &str) {
        let pair = (object.to_owned(), id.to_owned());
        self.state.recent.retain(|known| *known != pair);
        self.state.recent.insert(0, pair);
        self.state.recent.truncate(RECENT_MAX);
    }
}

impl Cursors {
    pub(crate) fn open(&mut self, cursor: Cursor) {
        self.open.push(cursor);
        let rows = |open: &[Cursor]| open.iter().map(|cursor| cursor.found.len()).sum::<usize>();
        while self.open.len() > 1 && (self.open.len() > CURSORS_MAX || rows(&self.open) > ROWS_MAX) {
            self.open.remove(0);
        }
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Cursor> {
        self.open.iter().find(|cursor| cursor.id == id)
    }

    pub(crate) fn close(&mut self, id: &str) {
        self.open.retain(|cursor| cursor.id != id);
    }
}

/// A map that forgets its oldest key when full; keys are tickets, which sort by age.
pub(crate) fn make_room<T>(map: &mut BTreeMap<String, T>, max: usize) {
    while map.len() >= max {
        map.pop_first();
    }
}

const CURSORS_MAX: usize = 20;
const ROWS_MAX: usize = 2_000_000;
const RECENT_MAX: usize = 200;
