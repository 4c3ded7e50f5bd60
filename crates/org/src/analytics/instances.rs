//! `/analytics/reports/<id>/instances`: runs in the background, whose results are fetched later.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{answered, known, not_found, overridden, wants_details};
use crate::call::{Call, Reply};
use crate::failure::Failure;
use crate::id;
use crate::state::{Visit, make_room};

/// One run: done at once, told as if it took a while.
#[derive(Debug)]
pub(crate) struct Run {
    report: String,
    name: Value,
    owner: String,
    requested: String,
    details: bool,
    result: Result<Map<String, Value>, String>,
}

/// The newest runs, by their ids.
pub(crate) type Runs = BTreeMap<String, Run>;

/// Answers what comes after `/instances`.
pub(super) fn route(
    visit: &mut Visit<'_>,
    call: &Call,
    method: &str,
    report: &str,
    names: &[&str],
) -> Result<Reply, Failure> {
    let (report, metadata) = known(visit, report)?;
    match (method, names) {
        ("GET", []) => {
            let own = visit.state.report_runs.iter().rev();
            let own = own.filter(|(_, run)| run.report == report && run.owner == visit.user);
            let listed = own.map(|(id, run)| entry(visit, id, run, false));
            Ok(Reply::json(200, Value::Array(listed.collect())))
        }
        ("POST", []) => {
            let metadata = overridden(visit, call, metadata)?;
            let details = wants_details(call, &metadata);
            let name = metadata.get("name").cloned().unwrap_or_default();
            let result = answered(visit, &metadata, details).map_err(|failure| failure.message);
            let (owner, requested) = (visit.user.clone(), visit.now());
            let run = Run { report, name, owner, requested, details, result };
            let id = visit.state.ticket("0LG");
            let told = entry(visit, &id, &run, true);
            make_room(&mut visit.state.report_runs, RUNS_MAX);
            visit.state.report_runs.insert(id, run);
            Ok(Reply::json(200, told))
        }
        ("GET", [wanted]) => {
            let (id, run) = own(visit, &report, wanted)?;
            Ok(Reply::json(200, retrieved(id, run)))
        }
        ("DELETE", [wanted]) => {
            let id = own(visit, &report, wanted)?.0.clone();
            visit.state.report_runs.remove(&id);
            Ok(Reply::empty(204))
        }
        _ => Err(Failure::method_not_allowed(method)),
    }
}

/// A run of the user's own.
fn own<'v>(visit: &'v Visit<'_>, report: &str, wanted: &str) -> Result<(&'v String, &'v Run), Failure> {
    let wanted = id::widen(wanted).ok_or_else(not_found)?;
    let found = visit.state.report_runs.get_key_value(&wanted);
    found.filter(|(_, run)| run.report == report && run.owner == visit.user).ok_or_else(not_found)
}

fn entry(visit: &Visit<'_>, id: &str, run: &Run, is_new: bool) -> Value {
    let done = (!is_new).then_some(&run.requested);
    json!({
        "completionDate": done, "hasDetailRows": run.details, "id": id, "ownerId": run.owner,
        "queryable": false, "requestDate": run.requested, "status": if is_new { "New" } else { status(run) },
        "url": visit.path(&format!("analytics/reports/{}/instances/{id}", run.report)),
    })
}

fn retrieved(id: &str, run: &Run) -> Value {
    let mut attributes = json!({
        "completionDate": run.requested, "id": id, "ownerId": run.owner, "queryable": false, "reportId": run.report,
        "reportName": run.name, "requestDate": run.requested, "status": status(run), "type": "ReportInstance",
    });
    match &run.result {
        Ok(result) => {
            let mut answer = Map::new();
            answer.insert("attributes".into(), attributes);
            answer.extend(result.clone());
            Value::Object(answer)
        }
        Err(message) => {
            if let Some(members) = attributes.as_object_mut() {
                members.insert("errorMessage".into(), json!(message));
            }
            json!({"attributes": attributes})
        }
    }
}

fn status(run: &Run) -> &'static str {
    if run.result.is_ok() { "Success" } else { "Error" }
}

const RUNS_MAX: usize = 200;
