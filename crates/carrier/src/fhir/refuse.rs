//! Refusals in FHIR's own shape: an `OperationOutcome`, and for a batch one in the place of each refused entry.

use std::fmt;

use mark::json::{self, Json};

use super::{
    CONTENT_TYPE, REFUSAL_SYSTEM,
    held::Files,
    raw::{self, RawObject, quote},
    read::{entries, is_batch},
};
use crate::{Answer, Refusal};

/// The answer to a request that is refused whole.
///
/// Refusals that say the same are said once, with how often; at most [`ISSUES_MAX`] are said.
///
/// Shape:  refusals, each with the index of its record -> 403 and an `OperationOutcome`.
/// Source: spec/http.md section 2.
pub fn refuse(refusals: &[(usize, Refusal)]) -> Answer {
    let mut distinct: Vec<(&Refusal, usize)> = Vec::new();
    for (_, refusal) in refusals {
        if let Some((_, count)) = distinct.iter_mut().find(|(said, _)| *said == refusal) {
            *count += 1;
        } else if distinct.len() < ISSUES_MAX {
            distinct.push((refusal, 1));
        }
    }
    let issues = distinct.iter().map(|(refusal, count)| issue(403, refusal, *count));
    answer(403, outcome_text(&issues.collect::<Vec<_>>()))
}

/// Most issues of one refusal: a client reads a few, and a log should not be flooded.
pub const ISSUES_MAX: usize = 20;

/// The answer to a request that was not even read: an unknown route (403), a body past its bound (413), a ledger
/// that cannot write (503).
pub fn outcome(status: u16, refusal: &Refusal) -> Answer {
    answer(status, outcome_text(&[issue(status, refusal, 1)]))
}

/// A batch without its refused entries, and what is needed to answer for them.
#[derive(Clone, PartialEq, Eq)]
pub struct Withheld {
    /// The Bundle to send on; nothing if every entry was refused.
    pub body: Option<Vec<u8>>,
    // One an entry of the client's Bundle.
    refused: Vec<Option<Refusal>>,
}

/// Debug shows counts only: the body can hold a person.
impl fmt::Debug for Withheld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.refused.iter().flatten().count();
        write!(f, "Withheld({count} of {} entries)", self.refused.len())
    }
}

/// Takes refused entries out of a batch. The others stay as they were written.
///
/// Shape:  a batch Bundle and refusals, each with the index of its record -> the Bundle without them.
/// Bounds: about four times the body in memory.
/// Errors: see [`MergeError`]; then refuse the request whole.
pub fn withhold(batch: &[u8], refusals: &[(usize, Refusal)]) -> Result<Withheld, MergeError> {
    let Ok(Json::Object(members)) = json::parse(batch) else { return Err(MergeError::NotABatch) };
    if !is_batch(&members) {
        return Err(MergeError::NotABatch);
    }
    let positions: Vec<usize> =
        entries(members, Files::Read).into_iter().map(|entry| entry.position).collect();
    let text = std::str::from_utf8(batch).map_err(|_| MergeError::NotABatch)?;
    let mut whole = RawObject::parse(text).ok_or(MergeError::NotABatch)?;
    let listed = raw::items(whole.get("entry").unwrap_or("[]")).ok_or(MergeError::NotABatch)?;
    let mut refused = vec![None; listed.len()];
    for (index, refusal) in refusals {
        let slot = positions.get(*index).and_then(|position| refused.get_mut(*position));
        *slot.ok_or(MergeError::NoSuchRecord)? = Some(refusal.clone());
    }
    let kept = listed.iter().zip(&refused).filter(|(_, refusal)| refusal.is_none());
    let kept: Vec<&str> = kept.map(|(entry, _)| *entry).collect();
    if kept.is_empty() {
        return Ok(Withheld { body: None, refused });
    }
    let kept = raw::array(&kept);
    whole.set("entry", kept);
    Ok(Withheld { body: Some(whole.to_text().into_bytes()), refused })
}

/// Puts the refusals back where their entries stood in the client's batch.
///
/// Shape:  the upstream's `batch-response`, or nothing if nothing was sent -> 200 and a `batch-response` with as
///         many entries as the client sent, in the client's order.
/// Bounds: about four times both bodies in memory.
/// Errors: see [`MergeError`]; then the upstream's answer is about the whole request, or is none to what was sent.
pub fn merge(withheld: &Withheld, upstream: Option<&[u8]>) -> Result<Answer, MergeError> {
    let nothing_sent = br#"{"resourceType":"Bundle","type":"batch-response"}"#.as_slice();
    let upstream = upstream.unwrap_or(nothing_sent);
    let response = json::parse(upstream).map_err(|_| MergeError::Response)?;
    if response.get("type").and_then(Json::text) != Some("batch-response") {
        return Err(MergeError::Response);
    }
    let text = std::str::from_utf8(upstream).map_err(|_| MergeError::Response)?;
    let mut whole = RawObject::parse(text).ok_or(MergeError::Response)?;
    let mut answers = raw::items(whole.get("entry").unwrap_or("[]")).ok_or(MergeError::Response)?.into_iter();
    let mut merged = Vec::with_capacity(withheld.refused.len());
    for refusal in &withheld.refused {
        merged.push(match refusal {
            None => answers.next().ok_or(MergeError::Response)?.to_owned(),
            Some(refusal) => {
                let outcome = outcome_text(&[issue(403, refusal, 1)]);
                format!(r#"{{"response":{{"status":"403 Forbidden","outcome":{outcome}}}}}"#)
            }
        });
    }
    if answers.next().is_some() {
        return Err(MergeError::Response);
    }
    let merged = raw::array(&merged);
    whole.set("entry", merged);
    Ok(answer(200, whole.to_text()))
}

/// Why a batch was not taken apart or put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// The body is not a batch Bundle.
    #[error("is not a FHIR batch; refuse it whole")]
    NotABatch,
    /// A refusal names a record that the batch does not hold.
    #[error("a refusal names a record that the batch does not hold")]
    NoSuchRecord,
    /// The upstream's answer is not a `batch-response` with one entry for each that was sent.
    #[error("the upstream's answer is not a batch-response to what was sent")]
    Response,
}

fn issue(status: u16, refusal: &Refusal, count: usize) -> String {
    let kind = match status {
        403 => "business-rule",
        413 => "too-long",
        503 => "transient",
        _ => "processing",
    };
    let text = if count > 1 { format!(r#","text":"{count} resources""#) } else { String::new() };
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

fn answer(status: u16, body: String) -> Answer {
    Answer { status, content_type: CONTENT_TYPE, body: body.into_bytes() }
}
