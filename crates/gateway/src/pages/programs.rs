//! What programs ask on the listener of the pages: the control API, health and metrics.

use std::{fmt, net::IpAddr, sync::Arc};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use tokio::{task::spawn_blocking, time::timeout};

use super::{Door, FORM_TIMEOUT};
use crate::side::Peer;

/// Bytes of a body at most; the maker says what it makes of longer ones.
pub const PROGRAM_BODY_BYTES_MAX: usize = 1 << 20;

/// What a program asks for.
#[derive(Clone)]
pub struct ProgramRequest {
    /// The method.
    pub method: Method,
    /// The path and the query.
    pub target: String,
    /// Its media type, if it says one.
    pub media_type: Option<String>,
    /// The body; nothing where it is longer than [`PROGRAM_BODY_BYTES_MAX`], or did not come in time.
    pub body: Option<Bytes>,
    /// What `If-Match` says.
    pub if_match: Option<String>,
    /// What `If-None-Match` says.
    pub if_none_match: Option<String>,
    /// What the cookie of the pages holds.
    pub cookie: Option<String>,
    /// The token of an `Authorization: Bearer`.
    pub bearer: Option<String>,
    /// What `X-Eosin-Word` says.
    pub word: Option<String>,
    /// Whether a browser could have sent it from another site.
    pub is_from_elsewhere: bool,
    /// Who asks, as far as the network says.
    pub address: IpAddr,
    /// The span that it comes from, if it names one.
    pub traced_by: Option<telemetry::Context>,
}

impl fmt::Debug for ProgramRequest {
    /// Without what only its receiver may know: tokens, cookies, bodies.
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("ProgramRequest").field("method", &self.method).finish_non_exhaustive()
    }
}

/// What is answered where an answer could not be made.
const FAULT: &str = r#"{"detail":"ask again; the console's log says why","status":500,"title":"It did not work","type":"about:blank"}"#;

/// What a program is answered.
#[derive(Clone, Debug)]
pub struct ProgramAnswer {
    /// The status of HTTP.
    pub status: u16,
    /// The media type.
    pub media_type: &'static str,
    /// The body.
    pub body: String,
    /// Further headers.
    pub headers: Vec<(HeaderName, String)>,
}

/// Makes the answer to a program's request; it may block.
pub type MakeProgramAnswer = Arc<dyn Fn(&ProgramRequest) -> ProgramAnswer + Send + Sync>;

/// Whether programs ask for this, and no browser.
pub(super) fn is_for_programs(path: &str) -> bool {
    matches!(path, "/healthz" | "/readyz" | "/metrics" | "/api") || path.starts_with("/api/")
}

impl Door {
    pub(super) async fn answer_program(
        &self,
        request: Request<Incoming>,
        make: MakeProgramAnswer,
    ) -> Response<Full<Bytes>> {
        let is_head = request.method() == Method::HEAD;
        let asked = self.read_program(request).await;
        let ended = spawn_blocking(move || make(&asked)).await;
        let answer = ended.unwrap_or_else(|_| ProgramAnswer {
            status: 500,
            media_type: "application/problem+json",
            body: FAULT.to_owned(),
            headers: Vec::new(),
        });
        let length = HeaderValue::from(answer.body.len());
        let mut response = Response::new(Full::from(if is_head { String::new() } else { answer.body }));
        *response.status_mut() =
            StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let is_empty = response.status() == StatusCode::NOT_MODIFIED;
        let headers = response.headers_mut();
        if !is_empty {
            headers.insert(header::CONTENT_LENGTH, length);
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(answer.media_type));
        }
        for (name, value) in [
            (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
            (header::CACHE_CONTROL, "private, no-cache"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        self.secure(headers);
        for (name, value) in answer.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
        response
    }

    async fn read_program(&self, request: Request<Incoming>) -> ProgramRequest {
        let (head, body) = request.into_parts();
        let text = |name: &str| {
            let mut values = head.headers.get_all(name).iter();
            // What is said twice is not said.
            let (Some(value), None) = (values.next(), values.next()) else { return None };
            value.to_str().ok().map(str::to_owned)
        };
        // The lines of a list add up; what is no text fits no tag, and so nothing is done for it.
        let list = |name: &str| {
            let lines: Vec<_> = head
                .headers
                .get_all(name)
                .iter()
                .map(|value| String::from_utf8_lossy(value.as_bytes()))
                .collect();
            (!lines.is_empty()).then(|| lines.join(", "))
        };
        let bearer = text("authorization").and_then(|value| {
            let (scheme, token) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
        });
        let collected = timeout(FORM_TIMEOUT, Limited::new(body, PROGRAM_BODY_BYTES_MAX).collect()).await;
        let body = match collected {
            Ok(Ok(body)) => Some(body.to_bytes()),
            Ok(Err(_)) | Err(_) => None,
        };
        ProgramRequest {
            method: head.method.clone(),
            target: head.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned(),
            media_type: text("content-type"),
            body,
            if_match: list("if-match"),
            if_none_match: list("if-none-match"),
            cookie: self.cookie(&head.headers).map(str::to_owned),
            bearer,
            word: text("x-eosin-word"),
            is_from_elsewhere: !self.is_from_here(&head.headers),
            address: self.asker(&head.headers, head.extensions.get::<Peer>().copied()),
            traced_by: crate::traced::before(&head.headers),
        }
    }
}
