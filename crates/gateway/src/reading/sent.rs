//! Bulk rows that a client sent, given back with the ids that it sent, and what became of them.

use bytes::Bytes;
use carrier::salesforce::{self, Look};
use flow::Reader;
use http::{Response, header};

use super::{LookedUp, Turned, bare, org::Org, recorded};
use crate::{
    body::{Body, Trailers, collect},
    coding::{coding, decode},
    head::{Head, forget_coded_body},
    problem::Problem,
    request::cleaned,
    server::Lane,
};

/// Answers with rows that were sent in bulk through here: they show nothing that was not judged on its way in. Nor do the words
/// about those that failed name a row that was not sent.
///
/// Rows of any other job are given if each is a record that may be shown: such a job went another way to the org.
///
/// Bounds: a longer answer than is held streams as the org gave it, with an absent id where a hidden one was sent.
pub(super) async fn sent(lane: &Lane, reader: &Reader, mut head: Head) -> Result<Response<Body>, Turned> {
    let isolation = lane.isolation.as_ref().ok_or(Problem::Internal)?;
    for name in [header::ACCEPT_ENCODING, header::RANGE, header::IF_NONE_MATCH, header::IF_MODIFIED_SINCE] {
        head.headers.remove(name);
    }
    let of_rows = salesforce::sent_rows(&head.target).and_then(|id| isolation.sent(&id));
    // Of a query's batch it is the names of its results.
    let hidden = of_rows.or_else(|| isolation.job_asked(&head.target).map(|query| query.hidden));
    let org = Org::new(lane, reader, &head)?;
    // Of a batch that rows were withheld from, here or at another gateway, it is ids and errors alone.
    let remembered = lane.flow.remembered(&lane.boundary.name, head.method.as_str(), &head.target);
    let remembered = remembered.map_err(|_| Problem::ShownUnreadable)?;
    let is_ours = remembered.as_ref().is_some_and(flow::Merge::is_known);
    let is_known = hidden == Some(reader.hidden) || is_ours || bare::is_bare(&org).await;
    let addresses = lane.addresses(&head);
    let tells_failures = salesforce::tells_failures(&head.target);
    let sent = lane.upstream.send(head.method, &head.target, head.headers, Body::from(Bytes::new())).await;
    let (mut parts, incoming) = cleaned(sent?, &addresses)?.into_parts();
    let collected = collect(incoming, lane.limits.body_bytes, &lane.held, lane.timeouts.upstream)
        .await
        .map_err(|_| Problem::ShownUnreadable)?;
    if let Some(rest) = collected.rest {
        if !is_known {
            return Err(Problem::Closed(NOT_SENT_HERE).into());
        }
        if remembered.is_some() {
            return Err(Problem::AnswerUnreadable.into());
        }
        let body = Body::relay(rest, lane.timeouts.upstream, Trailers::Keep).after(collected.received);
        return Ok(Response::from_parts(parts, body));
    }
    let text = decode(coding(&parts.headers), &collected.received, &lane.limits)
        .map_err(|_| Problem::ShownUnreadable)?;
    if !is_known && parts.status.is_success() {
        let looked = shown(&org, &text).await?;
        recorded(lane, reader, &Look::SentRows, looked.seen, &mut parts.headers).await?;
    }
    let merged = remembered.map(|merge| lane.flow.merged(&merge, &lane.boundary.name, &text)).transpose();
    let merged = merged.map_err(|_| Problem::ShownUnreadable)?.flatten();
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

/// Looks up the records that results are of.
///
/// Errors: one of them is hidden, or a row is of none.
async fn shown(org: &Org<'_>, results: &[u8]) -> Result<LookedUp, Turned> {
    let records = org.lane.flow.limits().records;
    let ids = salesforce::result_ids(results, records).ok_or(Problem::Closed(NOT_SENT_HERE))?;
    let mut looked = LookedUp::default();
    org.look_up(&ids, &mut looked).await?;
    if !ids.is_subset(&looked.shown) {
        return Err(Problem::Closed(NOT_SENT_HERE).into());
    }
    Ok(looked)
}

const NOT_SENT_HERE: &str = "reads are isolated here, and these rows were not sent here, or not by somebody who sees the same; ask where they were sent, or query the records";
