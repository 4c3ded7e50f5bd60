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

/// What a control API answered.
#[derive(Clone, Debug)]
pub struct ProgramReply {
    /// The status.
    pub status: u16,
    /// What names this state of what was asked for, where the answer says it.
    pub tag: Option<HeaderValue>,
    /// The body.
    pub body: Bytes,
}

impl ProgramClient {
    /// A client of the console at this origin.
    ///
    /// Errors: as for an upstream of a boundary; see [`StartError`].
    pub fn new(origin: &Uri, authorization: HeaderValue, timeouts: &Timeouts) -> Result<Self, StartError> {
        let upstream = Upstream::to("the server", origin, &[], timeouts)?;
        Ok(Self { upstream, authorization })
    }

    /// Asks once; nothing where no whole answer came.
    ///
    /// Shape:  a path and query, a body of JSON where something is posted, and the tag of what it comes on top of.
    /// Bounds: an answer of 64 MiB; the usual times to connect and to wait.
    pub async fn ask(
        &self,
        target: &str,
        posted: Option<String>,
        seen: Option<HeaderValue>,
    ) -> Option<ProgramReply> {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, self.authorization.clone());
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        let method = if posted.is_some() { Method::POST } else { Method::GET };
        if posted.is_some() {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        headers.extend(seen.map(|seen| (header::IF_MATCH, seen)));
        let body = posted.unwrap_or_default();
        let asked = self.upstream.ask(method, target, headers, body, ANSWER_BYTES_MAX).await;
        let (head, answer) = asked.ok()?;
        let tag = head.headers.get(header::ETAG).cloned();
        Some(ProgramReply { status: head.status.as_u16(), tag, body: answer? })
    }
}

const ANSWER_BYTES_MAX: usize = 64 << 20;
