//! Sends audit events to a FHIR server that keeps them, one a request.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Uri, header};

use crate::{
    body::{Body, whole_answer},
    config::Timeouts,
    problem::Problem,
    server::StartError,
    upstream::Upstream,
};

/// A FHIR server that keeps audit events.
#[derive(Clone, Debug)]
pub struct AuditClient {
    upstream: Upstream,
    target: String,
    authorization: Option<HeaderValue>,
    patience: Duration,
}

/// What became of an event that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditSent {
    /// The server has it.
    Kept,
    /// The server would not have it, whenever it is sent; with this status.
    Refused(u16),
    /// It can be sent again: the server was away, busy, or wanted another credential.
    Later,
}

impl AuditClient {
    /// A client of the server whose audit events are made at this address, `…/AuditEvent`.
    ///
    /// Errors: as for an upstream of a boundary; see [`StartError`].
    pub fn new(
        url: &Uri,
        roots: &[String],
        authorization: Option<HeaderValue>,
        timeouts: &Timeouts,
    ) -> Result<Self, StartError> {
        let upstream = Upstream::to(NAME, url, roots, timeouts)?;
        let target = url.path_and_query().map_or("/", |target| target.as_str()).to_owned();
        Ok(Self { upstream, target, authorization, patience: timeouts.upstream })
    }

    /// Sends one event, once.
    ///
    /// Shape:  an `AuditEvent` as JSON text.
    /// Bounds: an answer of 64 KiB; the usual times to connect and to wait.
    pub async fn send(&self, event: &str) -> AuditSent {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(carrier::fhir::CONTENT_TYPE));
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/fhir+json"));
        // The event need not come back.
        headers.insert("prefer", HeaderValue::from_static("return=minimal"));
        if let Some(authorization) = &self.authorization {
            headers.insert(header::AUTHORIZATION, authorization.clone());
        }
        let body = Body::from(Bytes::from(event.to_owned()));
        let sent: Result<_, Problem> = self.upstream.send(Method::POST, &self.target, headers, body).await;
        let Ok(answer) = sent else { return AuditSent::Later };
        let status = answer.status();
        // Read to its end, so that the connection can be used again.
        drop(whole_answer(answer.into_body(), ANSWER_BYTES_MAX, self.patience).await);
        match status.as_u16() {
            200..=299 => AuditSent::Kept,
            401 | 403 | 408 | 425 | 429 => AuditSent::Later,
            refused @ 400..=499 => AuditSent::Refused(refused),
            _ => AuditSent::Later,
        }
    }
}

const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// How errors name it where a boundary's name would stand.
const NAME: &str = "audit_server";
