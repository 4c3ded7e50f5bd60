//! Refusals in FHIR's own shape: an `OperationOutcome`, and for a batch one in the place of each refused entry.

use std::collections::BTreeMap;

use mark::json::{self, Json};

use super::{
    CONTENT_TYPE, REFUSAL_SYSTEM, Route,
    raw::{self, RawObject, quote},
    read::{entries, is_batch},
};
use crate::{Answer, Refusal};

/// The answer to a request that is refused whole.
///
/// Refusals that say the same are said once, and at most [`ISSUES_MAX`] are said.
///
/// Shape:  the route, how many records were read, refusals by the index of their record -> 403 and an
///         `OperationOutcome`; for a Bundle each issue says how many of its resources it is about.
/// Source: spec/http.md section 2.
pub fn refuse(route: &Route, records: usize, refusals: &BTreeMap<usize, Refusal>) -> Answer {
    let mut distinct: Vec<(&Refusal, usize)> = Vec::new();
    for refusal in refusals.values() {
        if let Some((_, count)) = distinct.iter_mut().find(|(said, _)| *said == refusal) {
            *count += 1;
        } else if distinct.len() < ISSUES_MAX {
            distinct.push((refusal, 1));
        }
    }
    let text = |count: usize| match route {
        Route::Bundle => Some(format!("{count} of {records} resources")),
        Route::Create { .. } | Route::Update { .. } | Route::Delete => None,
    };
    let issues = distinct.iter().map(|(refusal, count)| issue(403, refusal, text(*count).as_deref()));
    answer(403, &issues.collect::<Vec<_>>())
}

/// Most issues of one refusal: a client reads a few, and a log should not be flooded.
pub const ISSUES_MAX: usize = 20;

/// The answer to a request that was not even read: an unknown route (403), a body past its bound (413), a ledger
/// that cannot write (503).
pub fn outcome(status: u16, refusal: &Refusal) -> Answer {
    answer(status, &[issue(status, refusal, None)])
}

/// Takes refused entries out of a batch. The others stay as they were written.
///
/// Shape:  a batch Bundle and refusals by the index of their record -> the Bundle without them; nothing if no entry
///         is left or it is not a batch that can be taken apart: then refuse it whole.
/// Bounds: about four times the body in memory.
pub fn withhold(route: &Route, batch: &[u8], refusals: &BTreeMap<usize, Refusal>) -> Option<Vec<u8>> {
    let refused = by_entry(route, batch, refusals)?;
    let mut whole = RawObject::parse(std::str::from_utf8(batch).ok()?)?;
    let listed = raw::items(whole.get("entry")?)?;
    let kept: Vec<&str> = listed
        .iter()
        .zip(&refused)
        .filter(|(_, refusal)| refusal.is_none())
        .map(|(entry, _)| *entry)
        .collect();
    if kept.is_empty() {
        return None;
    }
    let kept = raw::array(&kept);
    whole.set("entry", kept);
    Some(whole.to_text().into_bytes())
}

/// Puts refusals back where their entries stood in the client's batch.
///
/// Shape:  the client's batch, the upstream's `batch-response` to what [`withhold`] left of it, the same refusals
///         -> a `batch-response` with as many entries as the client sent, in the client's order; nothing if the
///         upstream's answer is not one, such as an error about the whole request, which then stands as it is.
/// Bounds: about four times both bodies in memory.
pub fn merge(
    route: &Route,
    batch: &[u8],
    upstream: &[u8],
    refusals: &BTreeMap<usize, Refusal>,
) -> Option<Vec<u8>> {
    let refused = by_entry(route, batch, refusals)?;
    if json::parse(upstream).ok()?.get("type").and_then(Json::text) != Some("batch-response") {
        return None;
    }
    let mut whole = RawObject::parse(std::str::from_utf8(upstream).ok()?)?;
    let mut answers = raw::items(whole.get("entry").unwrap_or("[]"))?.into_iter();
    let mut merged = Vec::with_capacity(refused.len());
    for refusal in refused {
        merged.push(match refusal {
            None => answers.next()?.to_owned(),
            Some(refusal) => {
                let outcome = outcome_text(&[issue(403, refusal, None)]);
                format!(r#"{{"response":{{"status":"403 Forbidden","outcome":{outcome}}}}}"#)
            }
        });
    }
    if answers.next().is_some() {
        return None;
    }
    let merged = raw::array(&merged);
    whole.set("entry", merged);
    Some(whole.to_text().into_bytes())
}

/// For each entry of a batch, the refusal of its record; nothing if this is no batch or a record is not in it.
fn by_entry<'r>(
    route: &Route,
    batch: &[u8],
    refusals: &'r BTreeMap<usize, Refusal>,
) -> Option<Vec<Option<&'r Refusal>>> {
    let Json::Object(members) = json::parse(batch).ok()? else { return None };
    if *route != Route::Bundle || !is_batch(&members) {
        return None;
    }
    let listed = members.iter().find(|(name, _)| name == "entry").map_or(0, |(_, value)| value.items().len());
    let positions: Vec<usize> = entries(members).into_iter().map(|entry| entry.position).collect();
    let mut refused = vec![None; listed];
    for (index, refusal) in refusals {
        *refused.get_mut(*positions.get(*index)?)? = Some(refusal);
    }
    Some(refused)
}

fn issue(status: u16, refusal: &Refusal, text: Option<&str>) -> String {
    let kind = match status {
        403 => "business-rule",
        413 => "too-long",
        503 => "transient",
        _ => "processing",
    };
    let text = text.map(|text| format!(r#","text":{}"#, quote(text))).unwrap_or_default();
    format!(
        concat!(
            r#"{{"severity":"error","code":"{}","#,
            r#""details":{{"coding":[{{"system":"{}","code":{}}}]{}}},"diagnostics":{}}}"#
        ),
        kind,
        REFUSAL_SYSTEM,
        quote(&refusal.code),
        text,
        quote(&refusal.message),
    )
}

fn outcome_text(issues: &[String]) -> String {
    // An OperationOutcome has at least one issue; a refusal that names no record still says so.
    let bare = [format!(r#"{{"severity":"error","code":"business-rule","diagnostics":{}}}"#, quote(BARE))];
    let issues = if issues.is_empty() { &bare } else { issues };
    format!(r#"{{"resourceType":"OperationOutcome","issue":{}}}"#, raw::array(issues))
}

const BARE: &str = "refused by the policies of this boundary";

fn answer(status: u16, issues: &[String]) -> Answer {
    Answer { status, content_type: CONTENT_TYPE, body: outcome_text(issues).into_bytes() }
}
