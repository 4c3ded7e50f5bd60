//! Sends traces to a collector, as the `OpenTelemetry` protocol has it over HTTP.

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

/// A collector of traces.
#[derive(Clone, Debug)]
pub struct TraceClient {
    upstream: Upstream,
    target: String,
    authorization: Option<HeaderValue>,
    patience: Duration,
}

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
        let upstream = Upstream::to(NAME, url, roots, timeouts)?;
        let target = url.path_and_query().map_or("/", |target| target.as_str()).to_owned();
        Ok(Self { upstream, target, authorization, patience: timeouts.upstream })
    }

    /// Sends an `ExportTraceServiceRequest`, once.
    ///
    /// Bounds: an answer of 64 KiB; the times to connect and to wait that the client was made with.
    /// Source: OTLP 1.x, "OTLP/HTTP Response": 429, 502, 503 and 504 may be sent again, and nothing else.
    pub async fn send(&self, traces: Vec<u8>) -> TracesSent {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        if let Some(authorization) = &self.authorization {
            headers.insert(header::AUTHORIZATION, authorization.clone());
        }
        let body = Body::from(Bytes::from(traces));
        let sent: Result<_, Problem> = self.upstream.send(Method::POST, &self.target, headers, body).await;
        let Ok(answer) = sent else { return TracesSent::Later };
        let status = answer.status().as_u16();
        let told = whole_answer(answer.into_body(), ANSWER_BYTES_MAX, self.patience).await;
        match status {
            200..=299 => TracesSent::Taken { rejected: told.map_or(0, |told| telemetry::rejected(&told)) },
            429 | 502 | 503 | 504 => TracesSent::Later,
            refused => TracesSent::Refused(refused),
        }
    }
}

const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// How errors name it where a boundary's name would stand.
const NAME: &str = "telemetry";
