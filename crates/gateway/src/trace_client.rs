//! Sends traces to a collector, as the `OpenTelemetry` protocol has it over HTTP.

use http::{HeaderMap, HeaderValue, Uri, header};

use crate::{config::Timeouts, recipient::Recipient, server::StartError};

/// A collector of traces.
#[derive(Clone, Debug)]
pub struct TraceClient(Recipient);

/// What became of traces that were sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TracesSent {
    /// The collector has them, but for so many spans.
    Taken {
        /// Spans that it did not take.
        rejected: u64,
    },
    /// The collector would not have them, whenever they are sent; with this status.
    Refused(u16),
    /// They can be sent again: the collector was away or busy.
    Later,
}

impl TraceClient {
    /// A client of the collector whose traces are taken at this address, `…/v1/traces`.
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

    /// Sends an `ExportTraceServiceRequest`, once.
    ///
    /// Bounds: an answer of 64 KiB; the times to connect and to wait that the client was made with.
    /// Source: OTLP 1.x, "OTLP/HTTP Response": 429, 502, 503 and 504 may be sent again, and nothing else.
    pub async fn send(&self, traces: Vec<u8>) -> TracesSent {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        let Ok((status, told)) = self.0.post(headers, traces).await else { return TracesSent::Later };
        match status.as_u16() {
            200..=299 => TracesSent::Taken { rejected: told.map_or(0, |told| telemetry::rejected(&told)) },
            429 | 502 | 503 | 504 => TracesSent::Later,
            refused => TracesSent::Refused(refused),
        }
    }
}

/// How errors name it where a boundary's name would stand.
const NAME: &str = "telemetry";
