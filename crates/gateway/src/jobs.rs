//! Bulk jobs: those that nobody here saw being made are asked for, and who sent rows to which is remembered.

use bytes::Bytes;
use carrier::salesforce;
use flow::Reader;
use http::{HeaderValue, Method, StatusCode, header};
use policy::Hidden;

use crate::{
    body::{Body, collect},
    coding::{coding, decode},
    head::{Head, who_asks},
    isolation::BulkQuery,
    request::content_type,
    server::Lane,
};

/// Learns what an upload's job holds, if nobody here knows it. An org that does not say leaves the upload unreadable.
///
/// Bounds: one request, an answer of [`salesforce::JOB_BYTES_MAX`].
pub(crate) async fn learn(lane: &Lane, head: &Head) {
    if lane.protocol != flow::Protocol::Salesforce || head.method_override.is_some() {
        return;
    }
    let Some(job) = lane.flow.unknown_job(&lane.boundary.name, head.method.as_str(), &head.target) else {
        return;
    };
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
    let bound = salesforce::JOB_BYTES_MAX;
    let Ok(collected) = collect(body, bound, &lane.held, lane.timeouts.upstream).await else { return };
    let told = decode(coding(&parts.headers), &collected.received, &lane.limits);
    if let Some(told) = told.ok().filter(|_| collected.rest.is_none()) {
        if job.is_batch_job {
            lane.flow.observe_batch_job(&lane.boundary.name, &told);
        } else {
            lane.flow.observe_job(&lane.boundary.name, &told);
        }
    }
}

/// Rows on their way to a Bulk 2.0 job, from somebody from whom something is hidden: nobody else is shown them again.
#[derive(Debug)]
pub(crate) enum Rows {
    /// None.
    No,
    /// An upload to this job.
    To(String, Hidden),
    /// They come with their job, of which only the answer has the id.
    WithJob(Hidden),
}

/// The rows that a request carries to a job.
pub(crate) fn rows(reader: Option<&Reader>, head: &Head) -> Rows {
    let Some(reader) = reader else { return Rows::No };
    let (method, target) = (head.method.as_str(), &head.target);
    if let Some(job) = salesforce::job_of_upload(method, target).filter(|job| !job.is_batch_job) {
        return Rows::To(job.id, reader.hidden);
    }
    // A job without its rows is still anybody's.
    let is_form = content_type(head).is_some_and(|kind| kind.to_ascii_lowercase().starts_with("multipart/"));
    let is_job = salesforce::is_bulk_rows(method, target) && !salesforce::is_batch(method, target);
    if is_form && is_job { Rows::WithJob(reader.hidden) } else { Rows::No }
}

impl Rows {
    /// Remembers an upload that the org took.
    pub(crate) fn remember(&self, lane: &Lane, status: StatusCode) {
        if let (Self::To(job, hidden), Some(isolation), true) = (self, &lane.isolation, status.is_success()) {
            isolation.keep_sent(job, *hidden);
        }
    }

    /// Remembers a job that the org made of a request with its rows.
    pub(crate) fn remember_job(&self, lane: &Lane, answer: &[u8]) {
        if let (Self::WithJob(hidden), Some(isolation)) = (self, &lane.isolation)
            && let Some(job) = salesforce::job_created(answer)
        {
            isolation.keep_sent(&job.id, *hidden);
        }
    }
}

/// A Bulk v1 job that is to be queried in chunks: the org makes batches of its own of the one that it is given, and says
/// their ids to nobody.
#[derive(Debug)]
pub(crate) struct Chunks(Option<Hidden>);

/// Whether a request makes a job that is queried in chunks, and for whom.
pub(crate) fn chunks(lane: &Lane, head: &Head) -> Chunks {
    let asked = head.headers.get("sforce-enable-pkchunking").and_then(|value| value.to_str().ok());
    let is_asked = asked.is_some_and(|value| !value.trim().eq_ignore_ascii_case("false"));
    Chunks(lane.reader(&head.client).filter(|_| is_asked).map(|reader| reader.hidden))
}

impl Chunks {
    /// Remembers the job: whatever is asked in it, is asked here.
    pub(crate) fn remember(&self, lane: &Lane, answer: &[u8]) {
        if let (Some(hidden), Some(isolation)) = (self.0, &lane.isolation)
            && let Some(job) = salesforce::batch_job_created(answer)
        {
            isolation.keep_job(&job.id, BulkQuery { hidden, rows: None });
        }
    }
}
