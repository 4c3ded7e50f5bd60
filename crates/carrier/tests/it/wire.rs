//! Requests that real clients sent to Bulk API v1 and SOAP, as they were captured: none of them is a stranger to us.

use std::{collections::BTreeMap, path::Path};

use carrier::{Door, Limits, salesforce};
use salesforce::{BatchJob, BulkV1, Route};
use serde_json::Value;

use crate::hl7v2::unzipped;

const LIMITS: Limits = Limits { body_bytes: 8 << 20, records: 10_000 };

/// Bodies are captured up to here.
const CUT_BYTES: usize = 6000;

/// What a captured request is to us, and how many of its records cannot be read.
fn seen(request: &Value, jobs: &BTreeMap<String, BatchJob>) -> (String, usize) {
    let text = |name: &str| request[name].as_str().unwrap_or_default();
    let (method, target, body) = (text("m"), text("p"), text("b").as_bytes());
    let media =
        request["h"].as_object().unwrap().iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    assert_eq!(salesforce::unreadable_type(media.and_then(|(_, value)| value.as_str())), None, "{target}");
    let route = match salesforce::route(method, target, None) {
        Door::Open => return ("open".to_owned(), 0),
        Door::Unknown => match salesforce::route_by_job(method, target, None, |id| jobs.get(id).cloned()) {
            Door::Judged(route) => route,
            Door::Open | Door::Unknown => match salesforce::route_by_body(method, target, body) {
                Door::Open => return ("open by its body".to_owned(), 0),
                Door::Unknown => return ("unknown".to_owned(), 0),
                Door::Judged(route) => route,
            },
        },
        Door::Judged(route) => route,
    };
    // A batch whose job was made before the capture began.
    if let Route::BulkV1(BulkV1::Batch { .. }) = route {
        return ("batch of a job from before".to_owned(), 0);
    }
    let records = salesforce::read(&route, None, body, &LIMITS).records;
    (route.label().to_owned(), records.iter().filter(|record| record.content.is_err()).count())
}

#[test]
fn what_clients_really_send_has_a_door() {
    let Some(lines) = unzipped(Path::new("salesforce"), "wire.jsonl.gz") else { return };
    let mut jobs = BTreeMap::new();
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    for line in String::from_utf8(lines).unwrap().lines() {
        let request: Value = serde_json::from_str(line).unwrap();
        let target = request["p"].as_str().unwrap().to_ascii_lowercase();
        if !target.contains("/services/async/") && !target.contains("/services/soap/") {
            continue;
        }
        let (what, unreadable) = seen(&request, &jobs);
        // The capture cuts off long bodies, and with them their last row.
        let cut = usize::from(request["b"].as_str().is_some_and(|body| body.len() >= CUT_BYTES));
        assert!(unreadable <= cut, "{what} {target}");
        *found.entry(what).or_default() += 1;
        let answer = request["rb"].as_str().unwrap_or_default();
        if let Some(job) = salesforce::batch_job_created(answer.as_bytes()) {
            jobs.insert(job.id.clone(), job);
        }
    }
    println!("captured: {found:?}");
    for known in ["bulk v1 rows", "bulk v1 query", "open by its body"] {
        assert!(found.contains_key(known), "{known} is not in {found:?}");
    }
    // Anonymous Apex may write anything: the one call here that nobody can read.
    let unknown = found.get("unknown").copied().unwrap_or_default();
    assert!(unknown <= 5, "{found:?}");
}
