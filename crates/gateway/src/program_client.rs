//! Asks a console's control API on another machine, or on this one.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Uri, header};

use crate::{config::Timeouts, server::StartError, upstream::Upstream};

/// A control API, and the token that is shown to it.
#[derive(Clone, Debug)]
pub struct ProgramClient {
    upstream: Upstream,
    authorization: HeaderValue,
}

impl ProgramClient {
    /// A client of the console at this origin.
    ///
    /// Errors: as for an upstream of a boundary; see [`StartError`].
    pub fn new(origin: &Uri, authorization: HeaderValue, timeouts: &Timeouts) -> Result<Self, StartError> {
        let upstream = Upstream::to("the server", origin, &[], timeouts)?;
        Ok(Self { upstream, authorization })
    }

    /// Asks once: a status and a body; nothing where no whole answer came.
    ///
    /// Shape:  a path and query, and a body of JSON where something is posted.
    /// Bounds: an answer of 64 MiB; the usual times to connect and to wait.
    pub async fn ask(&self, target: &str, posted: Option<String>) -> Option<(u16, Bytes)> {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, self.authorization.clone());
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        let method = if posted.is_some() { Method::POST } else { Method::GET };
        if posted.is_some() {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        let body = posted.unwrap_or_default();
        let asked = self.upstream.ask(method, target, headers, body, ANSWER_BYTES_MAX).await;
        let (status, answer) = asked.ok()?;
        Some((status.as_u16(), answer?))
    }
}

const ANSWER_BYTES_MAX: usize = 64 << 20;
