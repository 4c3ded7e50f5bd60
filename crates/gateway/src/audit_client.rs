//! Sends audit events to a FHIR server that keeps them, one a request.

use http::{HeaderMap, HeaderValue, Uri, header};

use crate::{config::Timeouts, recipient::Recipient, server::StartError};

/// A FHIR server that keeps audit events.
#[derive(Clone, Debug)]
pub struct AuditClient(Recipient);

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
        Recipient::new(NAME, url, roots, authorization, timeouts).map(Self)
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
        let Ok((status, _)) = self.0.post(headers, event.to_owned()).await else { return AuditSent::Later };
        match status.as_u16() {
            200..=299 => AuditSent::Kept,
            401 | 403 | 408 | 425 | 429 => AuditSent::Later,
            refused @ 400..=499 => AuditSent::Refused(refused),
            _ => AuditSent::Later,
        }
    }
}

/// How errors name it where a boundary's name would stand.
const NAME: &str = "audit_server";
