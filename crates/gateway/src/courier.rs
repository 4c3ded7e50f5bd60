//! Delivers what left the quarantine: one request to what is behind a boundary, once, with nothing of a client's own.

use bytes::Bytes;
use flow::{Leaving, Outcome, with_session};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use crate::{
    config::{BoundaryConfig, Timeouts},
    head::{PROVENANCE, via},
    problem::Problem,
    server::StartError,
    upstream::Upstream,
};

/// A way to what is behind one boundary, for releases from the quarantine.
#[derive(Clone, Debug)]
pub struct Courier {
    upstream: Upstream,
}

/// How a delivery went.
#[derive(Debug)]
pub struct Delivered {
    /// What the ledger and the store are told.
    pub outcome: Outcome,
    /// The answer's body, up to [`ANSWER_BYTES_MAX`]; longer ones and those that broke off are absent.
    pub answer: Option<Bytes>,
}

/// The credentials of a release cannot stand in a header field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the token cannot stand in a header field: it has a line break or another control character")]
pub struct BadToken;

/// Longest answer that is looked at.
pub const ANSWER_BYTES_MAX: usize = 8 << 20;

impl Courier {
    /// A courier with connections of its own.
    ///
    /// Errors: as for a gateway's start; see [`StartError`].
    pub fn new(boundary: &BoundaryConfig, timeouts: &Timeouts) -> Result<Self, StartError> {
        Ok(Self { upstream: Upstream::new(boundary, timeouts)? })
    }

    /// Whether a token can be sent; to be asked before anything is written down.
    ///
    /// Errors: [`BadToken`].
    pub fn accepts(token: &str) -> Result<(), BadToken> {
        authorization(token).map(|_| ())
    }

    /// Sends an item, once.
    ///
    /// Its original order rides in `Eosin-Original-Sequence` and `Eosin-Original-Received`; `Idempotency-Key` is its
    /// name, the same at every attempt.
    ///
    /// Bounds: `timeouts.connect` to connect, `timeouts.upstream` without progress.
    /// Errors: none; what went wrong is an outcome.
    /// Source: spec/quarantine.md section 7.
    pub async fn deliver(&self, leaving: &Leaving, token: Option<&str>) -> Delivered {
        let not_sent = Delivered { outcome: Outcome::NotSent, answer: None };
        let item = &leaving.sending.item;
        let Ok(method) = Method::from_bytes(item.method.as_bytes()) else { return not_sent };
        let withheld = with_session(leaving.sending.withheld.clone(), token.unwrap_or_default());
        let Some(headers) = headers(leaving, token) else { return not_sent };
        let asked = self.upstream.ask(method, &withheld.target, headers, withheld.body, ANSWER_BYTES_MAX);
        let (head, answer) = match asked.await {
            Ok(answered) => answered,
            Err(Problem::UpstreamRefused) => return not_sent,
            Err(_) => return Delivered { outcome: Outcome::Unknown, answer: None },
        };
        let outcome = Outcome::Answered(head.status.as_u16());
        match answer {
            Some(received) => Delivered { outcome, answer: Some(received) },
            // A success whose body was cut off may hold failures: nobody can tell.
            None => match outcome {
                Outcome::Answered(200..=299) => Delivered { outcome: Outcome::Unknown, answer: None },
                Outcome::Answered(_) | Outcome::NotSent | Outcome::Unknown => {
                    Delivered { outcome, answer: None }
                }
            },
        }
    }
}

/// Everything a delivery says of itself; nothing of what the client's own request said but its content type.
fn headers(leaving: &Leaving, token: Option<&str>) -> Option<HeaderMap> {
    let item = &leaving.sending.item;
    let withheld = &leaving.sending.withheld;
    let mut headers = HeaderMap::new();
    let mut add = |name: HeaderName, value: &str| {
        HeaderValue::from_str(value).ok().map(|value| headers.insert(name, value)).is_some()
    };
    let all = [
        (HeaderName::from_static("eosin-original-sequence"), item.sequence.to_string()),
        (HeaderName::from_static("eosin-original-received"), item.received.clone()),
        (HeaderName::from_static("eosin-quarantine-item"), item.id.to_string()),
        (HeaderName::from_static("idempotency-key"), format!("\"{}\"", item.id)),
        (PROVENANCE, leaving.provenance.clone()),
    ];
    let mut done = all.into_iter().all(|(name, value)| add(name, &value));
    if let Some(kind) = &withheld.content_type {
        done &= add(header::CONTENT_TYPE, kind);
    }
    if let Some(method) = &withheld.method_override {
        done &= add(HeaderName::from_static("x-http-method-override"), method);
    }
    if let Some(token) = token {
        headers.insert(header::AUTHORIZATION, authorization(token).ok()?);
    }
    via(&mut headers);
    done.then_some(headers)
}

/// A bare token is a bearer's; with a scheme in front it is sent as it is.
fn authorization(token: &str) -> Result<HeaderValue, BadToken> {
    let text = if token.contains(' ') { token.to_owned() } else { format!("Bearer {token}") };
    let mut value = HeaderValue::try_from(text).map_err(|_| BadToken)?;
    value.set_sensitive(true);
    Ok(value)
}
