//! One address that takes what we post, and what is shown to it: a FHIR server's audit events, a collector's traces.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};

use crate::{config::Timeouts, problem::Problem, server::StartError, upstream::Upstream};

/// Whoever takes it.
#[derive(Clone, Debug)]
pub(crate) struct Recipient {
    upstream: Upstream,
    target: String,
    authorization: Option<HeaderValue>,
}

/// Bytes of an answer at most: it says whether what was posted was taken, and little more.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

impl Recipient {
    /// Errors: as for an upstream of a boundary, which it is called `name` in; see [`StartError`].
    pub(crate) fn new(
        name: &str,
        url: &Uri,
        roots: &[String],
        authorization: Option<HeaderValue>,
        timeouts: &Timeouts,
    ) -> Result<Self, StartError> {
        let upstream = Upstream::to(name, url, roots, timeouts)?;
        let target = url.path_and_query().map_or("/", |target| target.as_str()).to_owned();
        Ok(Self { upstream, target, authorization })
    }

    /// Posts once; a status, and the answer where it came whole.
    ///
    /// Bounds: an answer of 64 KiB; the times to connect and to wait that it was made with.
    /// Errors: [`Problem`]: there was no answer.
    pub(crate) async fn post(
        &self,
        mut headers: HeaderMap,
        body: impl Into<Bytes>,
    ) -> Result<(StatusCode, Option<Bytes>), Problem> {
        if let Some(authorization) = &self.authorization {
            headers.insert(header::AUTHORIZATION, authorization.clone());
        }
        let asked = self.upstream.ask(Method::POST, &self.target, headers, body, ANSWER_BYTES_MAX);
        let (head, answer) = asked.await?;
        Ok((head.status, answer))
    }
}
