//! The state of a job of Bulk v1, without how many rows its query found: some of them may be withheld from its results.

use bytes::Bytes;
use carrier::salesforce;
use http::{Method, Response, header};

use crate::{
    body::{Body, Trailers},
    head::{Head, forget_coded_body},
    problem::Problem,
    request::cleaned,
    server::Lane,
    whole::whole,
};

/// Whether the answer could tell how many rows were withheld: it is asked for a job or its batches, by one who is not told.
pub(crate) fn counts(lane: &Lane, head: &Head) -> bool {
    let hides = lane.isolation.as_ref().is_some_and(|isolation| !isolation.reads.tells_withheld);
    hides && head.method == Method::GET && salesforce::is_job_state(&head.target)
}

/// Asks for the state, and takes the numbers out.
pub(crate) async fn job_state(lane: &Lane, mut head: Head) -> Result<Response<Body>, Problem> {
    for name in [header::ACCEPT_ENCODING, header::RANGE, header::IF_NONE_MATCH, header::IF_MODIFIED_SINCE] {
        head.headers.remove(name);
    }
    let addresses = lane.addresses(&head);
    let sent = lane.upstream.send(head.method, &head.target, head.headers, Body::from(Bytes::new())).await?;
    let (mut parts, incoming) = cleaned(sent, &addresses)?.into_parts();
    if !parts.status.is_success() {
        return Ok(Response::from_parts(
            parts,
            Body::relay(incoming, lane.timeouts.upstream, Trailers::Keep),
        ));
    }
    let text = whole(lane, &parts.headers, incoming).await?;
    forget_coded_body(&mut parts.headers);
    let is_batch = |id: &str| lane.isolation.as_ref().is_some_and(|isolation| isolation.job(id).is_some());
    let left = salesforce::without_processed(&text, is_batch);
    Ok(Response::from_parts(parts, Body::from(left.map_or(text, Bytes::from))))
}
