//! Bulk rows that a client sent, given back with the ids that it sent, and what became of them.

use bytes::Bytes;
use carrier::salesforce;
use http::{Response, header};

use super::Turned;
use crate::{
    body::{Body, Trailers, collect},
    coding::{coding, decode},
    head::{Head, forget_coded_body},
    problem::Problem,
    request::cleaned,
    server::Lane,
};

/// Answers with rows that were sent in bulk: they show nothing that the client did not send. Nor do the words about those
/// that failed name a row that it did not.
///
/// Bounds: a longer answer than is held streams as the org gave it, with an absent id where a hidden one was sent.
pub(super) async fn sent(lane: &Lane, mut head: Head) -> Result<Response<Body>, Turned> {
    let isolation = lane.isolation.as_ref().ok_or(Problem::Internal)?;
    for name in [header::ACCEPT_ENCODING, header::RANGE, header::IF_NONE_MATCH, header::IF_MODIFIED_SINCE] {
        head.headers.remove(name);
    }
    let addresses = lane.addresses(&head);
    let remembered = lane.flow.remembered(&lane.boundary.name, head.method.as_str(), &head.target);
    let tells_failures = salesforce::tells_failures(&head.target);
    let sent = lane.upstream.send(head.method, &head.target, head.headers, Body::from(Bytes::new())).await;
    let (mut parts, incoming) = cleaned(sent?, &addresses)?.into_parts();
    let collected = collect(incoming, lane.limits.body_bytes, &lane.held, lane.timeouts.upstream)
        .await
        .map_err(|_| Problem::ShownUnreadable)?;
    if let Some(rest) = collected.rest {
        if remembered.is_some() {
            return Err(Problem::AnswerUnreadable.into());
        }
        let body = Body::relay(rest, lane.timeouts.upstream, Trailers::Keep).after(collected.received);
        return Ok(Response::from_parts(parts, body));
    }
    let text = decode(coding(&parts.headers), &collected.received, &lane.limits)
        .map_err(|_| Problem::ShownUnreadable)?;
    let merged = remembered.and_then(|merge| lane.flow.merged(&merge, &lane.boundary.name, &text));
    let own =
        salesforce::reworded(merged.as_deref().unwrap_or(&text), |id| isolation.stands_for(id)).or(merged);
    let records = lane.flow.limits().records;
    let untold = if tells_failures && parts.status.is_success() {
        salesforce::untold_failures(own.as_deref().unwrap_or(&text), records)
    } else {
        None
    };
    let Some(changed) = untold.or(own) else {
        return Ok(Response::from_parts(parts, Body::from(collected.received)));
    };
    forget_coded_body(&mut parts.headers);
    Ok(Response::from_parts(parts, Body::from(Bytes::from(changed))))
}
