//! Bulk jobs that another gateway saw being made, or this one before it was started again: the org is asked.

use bytes::Bytes;
use http::{HeaderValue, Method, header};

use crate::{
    body::{Body, collect},
    coding::{coding, decode},
    head::{Head, who_asks},
    server::Lane,
};

/// Learns what an upload's job holds, if nobody here knows it. An org that does not say leaves the upload unreadable.
///
/// Bounds: one request, an answer of [`carrier::salesforce::JOB_BYTES_MAX`].
pub(crate) async fn learn(lane: &Lane, head: &Head) {
    if lane.protocol != flow::Protocol::Salesforce || head.method_override.is_some() {
        return;
    }
    let Some(job) = lane.flow.unknown_job(head.method.as_str(), &head.target) else { return };
    let mut headers = who_asks(&head.headers);
    if !job.is_batch_job {
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    }
    let Ok(answer) = lane.upstream.send(Method::GET, &job.target, headers, Body::from(Bytes::new())).await
    else {
        return;
    };
    if !answer.status().is_success() {
        return;
    }
    let (parts, body) = answer.into_parts();
    let bound = carrier::salesforce::JOB_BYTES_MAX;
    let Ok(collected) = collect(body, bound, &lane.held, lane.timeouts.upstream).await else { return };
    let told = decode(coding(&parts.headers), &collected.received, &lane.limits);
    if let Some(told) = told.ok().filter(|_| collected.rest.is_none()) {
        if job.is_batch_job {
            lane.flow.observe_batch_job(&told);
        } else {
            lane.flow.observe_job(&told);
        }
    }
}
