//! Bulk API v1: `/services/async/NN.0/job`, in XML, CSV and JSON.
//!
//! A batch is worked off when it arrives; the answer to that request still says `Queued`, as the real one does.
//! Source: Salesforce, "Bulk API Developer Guide"; recordings of `CumulusCI` for the order of members.

mod batch;
mod job;
mod query;
mod shape;

use std::collections::BTreeMap;

use crate::auth;
use crate::call::{Call, Reply};
use crate::change::Change;
use crate::state::{Visit, make_room};
use batch::Batch;
use job::Job;
use shape::Format;

/// The jobs of the org, newest last.
#[derive(Debug, Default)]
pub(crate) struct Jobs {
    // INVARIANT: at most `JOBS_MAX`.
    jobs: BTreeMap<String, Job>,
}

/// What a job does with each of its records.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Operation {
    Change(Change),
    /// A query; whether it sees the recycle bin.
    Query(bool),
}

/// A refusal in Bulk's own words: HTTP 400 with code and message.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Refusal {
    code: &'static str,
    message: String,
}

impl Refusal {
    fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// Answers what comes after `/services/async/`: `names` in lower case, the version first.
pub(crate) fn answer(visit: &mut Visit<'_>, call: &Call, names: &[&str]) -> Reply {
    let format = Format::of_request(call);
    match route(visit, call, names) {
        Ok(reply) => reply,
        Err(refusal) => shape::refusal(&refusal, format.unwrap_or(Format::Xml)),
    }
}

fn route(visit: &mut Visit<'_>, call: &Call, names: &[&str]) -> Result<Reply, Refusal> {
    enter(visit, call)?;
    let bad_url =
        || Refusal::new("InvalidUrl", "Destination URL not reset. The URL returned from login must be set");
    let (number, rest) = names.split_first().ok_or_else(bad_url)?;
    let known = number.strip_suffix(".0").unwrap_or(number).parse::<u32>().ok();
    let number = known
        .filter(|number| VERSIONS.contains(number))
        .ok_or_else(|| Refusal::new("InvalidVersion", format!("Api version not supported: {number}")))?;
    visit.version = format!("v{number}.0");
    visit.state.requests += 1;
    // Ids keep their case in the address as written.
    let raw = |at: usize| call.segments.get(at + 3).map_or("", String::as_str);
    match (call.method.as_str(), rest) {
        ("POST", ["job"]) => {
            let job = job::ordered(visit, call)?;
            let reply = shape::job(&job, Format::of_request(call), 201);
            make_room(&mut visit.state.bulk_v1.jobs, JOBS_MAX);
            visit.state.bulk_v1.jobs.insert(job.id.clone(), job);
            Ok(reply)
        }
        ("POST", ["job", _]) => {
            let id = known_job(visit, raw(1))?;
            job::change(visit, call, &id)
        }
        ("GET", ["job", _]) => {
            let id = known_job(visit, raw(1))?;
            Ok(shape::job(visit.job(&id)?, Format::of_request(call), 200))
        }
        ("POST", ["job", _, "batch"]) => {
            let id = known_job(visit, raw(1))?;
            batch::add(visit, call, &id)
        }
        ("GET", ["job", _, "batch"]) => {
            let id = known_job(visit, raw(1))?;
            Ok(shape::batches(visit.job(&id)?))
        }
        ("GET", ["job", _, "batch", _, rest @ ..]) => {
            let id = known_job(visit, raw(1))?;
            let job = visit.job(&id)?;
            let batch = job.batch(raw(3))?;
            look(job, batch, rest, raw(5))
        }
        ("POST", ["job", _, "spec"]) => {
            Err(Refusal::new("FeatureNotEnabled", "Transformation specs are not part of this org"))
        }
        (_, ["job", ..]) => {
            Err(Refusal::new("ClientInputError", format!("HTTP Method '{}' not allowed", call.method)))
        }
        _ => Err(Refusal::new("InvalidOperation", format!("Unknown resource: {}", rest.join("/")))),
    }
}

/// `…/batch/<id>`, `…/request`, `…/result`, `…/result/<id>`.
fn look(job: &Job, batch: &Batch, rest: &[&str], result: &str) -> Result<Reply, Refusal> {
    match rest {
        [] => Ok(shape::batch(job, batch, 200)),
        ["request"] => Ok(Reply::raw(200, job.format.content_type(), batch.request.to_vec())),
        ["result"] => shape::results(job, batch),
        ["result", _] => batch
            .result(result)
            .map(|body| Reply::raw(200, job.format.content_type(), body.to_vec()))
            .ok_or_else(|| Refusal::new("InvalidBatch", format!("Unable to find result for: {result}"))),
        _ => Err(Refusal::new("InvalidOperation", format!("Unknown resource: {}", rest.join("/")))),
    }
}

/// Lets a request in if it brings a session, in the header that Bulk has for it.
fn enter(visit: &mut Visit<'_>, call: &Call) -> Result<(), Refusal> {
    let invalid = || Refusal::new("InvalidSessionId", "Invalid session id");
    let token = auth::bearer(call)
        .ok_or_else(|| Refusal::new("InvalidSessionId", "Unable to find session id in request"))?;
    visit.user = visit.state.access.session(&token, visit.now_ms).ok_or_else(invalid)?;
    if visit.enters() { Ok(()) } else { Err(invalid()) }
}

fn known_job(visit: &Visit<'_>, given: &str) -> Result<String, Refusal> {
    let id = crate::id::widen(given).filter(|id| visit.state.bulk_v1.jobs.contains_key(id));
    id.ok_or_else(|| Refusal::new("InvalidJob", format!("Unable to find job for id: {given}")))
}

impl Visit<'_> {
    fn job(&self, id: &str) -> Result<&Job, Refusal> {
        let missing = || Refusal::new("InvalidJob", format!("Unable to find job for id: {id}"));
        self.state.bulk_v1.jobs.get(id).ok_or_else(missing)
    }
}

impl Operation {
    fn named(name: &str, external: Option<String>) -> Option<Self> {
        Some(match name {
            "insert" => Self::Change(Change::Insert),
            "update" => Self::Change(Change::Update),
            "upsert" => Self::Change(Change::Upsert(external?)),
            "delete" => Self::Change(Change::Delete),
            "hardDelete" => Self::Change(Change::HardDelete),
            "query" => Self::Query(false),
            "queryAll" => Self::Query(true),
            _ => return None,
        })
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Change(Change::Insert) => "insert",
            Self::Change(Change::Update) => "update",
            Self::Change(Change::Upsert(_)) => "upsert",
            Self::Change(Change::Delete) => "delete",
            Self::Change(Change::HardDelete) => "hardDelete",
            Self::Change(Change::Undelete) => "undelete",
            Self::Query(false) => "query",
            Self::Query(true) => "queryAll",
        }
    }
}

const JOBS_MAX: usize = 200;
/// Bulk v1 answers older versions than the rest: clients that still use it are old.
const VERSIONS: std::ops::RangeInclusive<u32> = 20..=68;
