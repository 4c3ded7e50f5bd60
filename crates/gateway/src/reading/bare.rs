//! An org without any of Eosin's fields: no row of it can carry a mark, so none is hidden.
//!
//! That a user does not see the fields says nothing, for they may be kept from that user alone. So the org is asked as one
//! asks about its set-up, and only a user who may see the set-up is believed. It is asked anew each time: the fields may
//! come a moment later.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use carrier::salesforce::{self, Look};
use flow::Reader;
use http::Response;
use hyper::body::Incoming;
use mark::VerdictName;
use serde_json::Value;

use super::{Turned, org::Org, recorded};
use crate::{
    body::{Body, Trailers},
    head::Head,
    problem::Problem,
    request::cleaned,
    server::Lane,
};

/// Whether a read was turned away for what an org without our fields does not have.
pub(super) fn is_about_fields(turned: &Turned) -> bool {
    matches!(turned, Turned::Problem(Problem::FieldsMissing | Problem::QueryUnknown))
}

/// Whether the org has no field of ours, nor had a moment ago, and nothing is hidden that has no mark.
///
/// Shape:  two questions with the client's own credentials; false where one of them is not answered plainly.
pub(super) async fn is_bare(org: &Org<'_>) -> bool {
    let bare =
        !org.reader.hidden.hides(VerdictName::Unproven) && sees_set_up(org).await && has_none(org).await;
    org.isolation.seems_bare.store(bare, Ordering::Relaxed);
    bare
}

/// The same, where it was so when the org was last asked; no question where it was not.
pub(super) async fn is_still_bare(org: &Org<'_>) -> bool {
    org.isolation.seems_bare.load(Ordering::Relaxed) && is_bare(org).await
}

async fn sees_set_up(org: &Org<'_>) -> bool {
    let statement = "SELECT PermissionsViewSetup FROM UserPermissionAccess";
    let answer = answered(org, &salesforce::query_target(&org.version, "query", statement)).await;
    let may = answer.as_ref().and_then(|answer| answer.pointer("/records/0/PermissionsViewSetup"));
    may.and_then(Value::as_bool).unwrap_or(false)
}

async fn has_none(org: &Org<'_>) -> bool {
    let statement =
        "SELECT Id FROM CustomField WHERE DeveloperName IN ('Eosin_Synthetic','Eosin_Subject','Eosin_Mark')";
    let answer = answered(org, &salesforce::query_target(&org.version, "tooling/query", statement)).await;
    let size = answer.as_ref().and_then(|answer| answer.get("totalSize").or_else(|| answer.get("size")));
    size.and_then(Value::as_u64) == Some(0)
}

async fn answered(org: &Org<'_>, target: &str) -> Option<Value> {
    let (_, answer) = org.get(target).await.ok().filter(|(status, _)| status.is_success())?;
    serde_json::from_slice(&answer).ok()
}

/// Asks what the client asked, and shows what is answered.
pub(super) async fn ask(
    lane: &Lane,
    reader: &Reader,
    look: &Look,
    head: Head,
    body: Bytes,
) -> Result<Response<Body>, Turned> {
    let addresses = lane.addresses(&head);
    let sent = lane.upstream.send(head.method, &head.target, head.headers, Body::from(body)).await;
    let mut answer: Response<Incoming> = cleaned(sent?, &addresses)?;
    recorded(lane, reader, look, Vec::new(), answer.headers_mut()).await?;
    Ok(answer.map(|body| Body::relay(body, lane.timeouts.upstream, Trailers::Keep)))
}
