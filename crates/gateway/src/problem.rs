//! What the gateway itself refuses or fails at, in the error shape that the upstream's clients know.

use std::fmt;

use carrier::{Answer, Refusal, fhir, salesforce};
use flow::Protocol;
use http::{HeaderValue, Request, Response, StatusCode, header};
use serde_json::json;

use crate::{body::Body, fhir_form::Form, head::Head};

/// Something that went wrong in the shell, outside any ruling. Holds no content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// The head is not one that can be passed on safely.
    Request(&'static str),
    /// Both `Content-Length` and `Transfer-Encoding`; the connection ends.
    TwoFramings,
    /// CONNECT or TRACE.
    Method,
    /// More header fields, or longer ones, than the limits allow.
    HeadTooLarge,
    /// The client's body broke off or was too slow.
    BodyBroken,
    /// Too many judged bodies are held at once.
    Busy,
    /// A long body cannot be kept on disk until it is ruled on.
    NoRoom,
    /// What is withheld from a batch cannot be kept where other gateways find it.
    NotKept,
    /// No connection to the upstream could be made.
    UpstreamRefused,
    /// The upstream took too long.
    UpstreamSlow,
    /// The upstream broke off, or answered with something that is not HTTP.
    UpstreamBroken,
    /// The upstream acted, but its answer could not be read to the end.
    AnswerUnreadable,
    /// The answer is longer than what can be read before it is shown.
    AnswerTooLarge,
    /// An answer that has to be read before it is shown, and cannot be.
    ShownUnreadable,
    /// A read whose answer cannot be isolated.
    ReadClosed,
    /// A read that cannot be isolated, and what to ask instead.
    Closed(&'static str),
    /// What may be shown has no form in XML, and the client takes nothing else.
    NoXml,
    /// A query page whose query is not known here.
    QueryUnknown,
    /// Eosin's fields cannot be seen where they are needed.
    FieldsMissing,
    /// The resource has another version than the client has seen.
    Outdated,
    /// A contract version that nobody here knows.
    VersionUnknown,
    /// A contract version that has ended.
    VersionEnded,
    /// A part of the gateway stopped; a bug.
    Internal,
}

impl Problem {
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::Request(_)
            | Self::TwoFramings
            | Self::BodyBroken
            | Self::QueryUnknown
            | Self::VersionUnknown => StatusCode::BAD_REQUEST,
            Self::VersionEnded => StatusCode::GONE,
            Self::Outdated => StatusCode::PRECONDITION_FAILED,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::HeadTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::AnswerTooLarge | Self::ReadClosed | Self::Closed(_) | Self::FieldsMissing => {
                StatusCode::FORBIDDEN
            }
            Self::NoXml => StatusCode::NOT_ACCEPTABLE,
            Self::Busy | Self::NoRoom | Self::NotKept => StatusCode::SERVICE_UNAVAILABLE,
            Self::UpstreamRefused | Self::UpstreamBroken | Self::AnswerUnreadable | Self::ShownUnreadable => {
                StatusCode::BAD_GATEWAY
            }
            Self::UpstreamSlow => StatusCode::GATEWAY_TIMEOUT,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The word in answers, logs and settlements.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Request(_) | Self::TwoFramings => "EOSIN_BAD_REQUEST",
            Self::Method => "EOSIN_METHOD_NOT_ALLOWED",
            Self::HeadTooLarge => "EOSIN_HEADER_TOO_LARGE",
            Self::BodyBroken => "EOSIN_BODY_INCOMPLETE",
            Self::Busy => "EOSIN_BUSY",
            Self::NoRoom => "EOSIN_NO_ROOM",
            Self::NotKept => "EOSIN_NOT_KEPT",
            Self::UpstreamRefused => "EOSIN_UPSTREAM_UNREACHABLE",
            Self::UpstreamSlow => "EOSIN_UPSTREAM_TIMEOUT",
            Self::UpstreamBroken => "EOSIN_UPSTREAM_BROKEN",
            Self::AnswerTooLarge => "EOSIN_ANSWER_TOO_LARGE",
            Self::AnswerUnreadable | Self::ShownUnreadable => "EOSIN_ANSWER_UNREADABLE",
            Self::ReadClosed | Self::Closed(_) => "EOSIN_READ_CLOSED",
            Self::NoXml => "EOSIN_NOT_ACCEPTABLE",
            Self::QueryUnknown => "EOSIN_QUERY_UNKNOWN",
            Self::FieldsMissing => "EOSIN_FIELDS_MISSING",
            Self::Outdated => "EOSIN_PRECONDITION_FAILED",
            Self::VersionUnknown => "EOSIN_VERSION_UNKNOWN",
            Self::VersionEnded => "EOSIN_VERSION_ENDED",
            Self::Internal => "EOSIN_INTERNAL",
        }
    }

    pub(crate) fn message(self) -> &'static str {
        match self {
            Self::Request(said) | Self::Closed(said) => said,
            Self::NoXml => "the answer holds what FHIR R4 has no XML for; accept `application/fhir+json`",
            Self::TwoFramings => "the request has both `Content-Length` and `Transfer-Encoding`; send one",
            Self::Method => "the gateway does not pass this method on",
            Self::HeadTooLarge => "the request has more or longer header fields than the gateway allows",
            Self::BodyBroken => "the request's body did not arrive whole; nothing was sent on; send it again",
            Self::Busy => "the gateway holds as many bodies as it may; send the request again in a moment",
            Self::NoRoom => {
                "the gateway cannot keep so long a body until it is ruled on; nothing was sent on; send it in parts"
            }
            Self::NotKept => {
                "the gateway cannot write down which rows it withholds, and results would be of the wrong rows; nothing was sent on; try again"
            }
            Self::UpstreamRefused => {
                "the system behind the gateway cannot be reached; nothing was sent to it"
            }
            Self::UpstreamSlow => {
                "the system behind the gateway did not answer in time; what it did with the request is not known"
            }
            Self::UpstreamBroken => {
                "the system behind the gateway broke off; what it did with the request is not known"
            }
            Self::AnswerUnreadable => {
                "the system behind the gateway acted on the request, but its answer could not be read"
            }
            Self::AnswerTooLarge => {
                "reads are isolated here, and the answer is longer than the gateway may hold; ask for less"
            }
            Self::ShownUnreadable => "reads are isolated here, and the answer could not be read",
            Self::ReadClosed => {
                "reads are isolated here, and what this shows cannot be filtered; docs/reads.md says what can be asked instead"
            }
            Self::Outdated => {
                "the resource has another version than `If-Match` says; nothing was changed; read it again"
            }
            Self::QueryUnknown => "reads are isolated here, and this query was not asked here; ask it again",
            Self::FieldsMissing => {
                "reads are isolated here, and this user or org does not show Eosin's fields; deploy the package, grant its permission set, or name the objects that have them"
            }
            Self::VersionUnknown => {
                "the gateway does not know this `Eosin-Version`; nothing was sent on; name `2026-11-22` or `2026-09-01`, or none"
            }
            Self::VersionEnded => {
                "this `Eosin-Version` has ended; nothing was sent on; name `2026-11-22`, and see docs/versions.md for what changes"
            }
            Self::Internal => "the gateway failed; what became of the request is in its ledger",
        }
    }
}

/// Seconds after which a busy gateway is worth another try.
const BUSY_RETRY_SECONDS: &str = "1";

/// What a request asked for, as far as the shape of an error depends on it. Debug shows nothing of it.
#[derive(Clone)]
pub(crate) struct Spoken {
    target: String,
    content_type: Option<String>,
    form: Form,
}

impl Spoken {
    pub(crate) fn of<B>(request: &Request<B>) -> Self {
        let content_type = request.headers().get(header::CONTENT_TYPE);
        let whole = request.uri().path_and_query().map_or("", |whole| whole.as_str());
        Self {
            target: request.uri().path().to_owned(),
            form: Form::of(request.headers(), whole),
            content_type: content_type.and_then(|value| Some(value.to_str().ok()?.to_owned())),
        }
    }
}

impl Spoken {
    pub(crate) fn in_head(head: &Head) -> Self {
        let content_type = head.headers.get(header::CONTENT_TYPE);
        Self {
            target: head.target.split('?').next().unwrap_or_default().to_owned(),
            form: Form::of(&head.headers, &head.target),
            content_type: content_type.and_then(|value| Some(value.to_str().ok()?.to_owned())),
        }
    }

    /// An error in the shape of the Salesforce API that was spoken.
    pub(crate) fn error(&self, status: u16, code: &str, message: &str) -> Answer {
        let refusal = Refusal { code: code.to_owned(), message: message.to_owned() };
        salesforce::problem_at(&self.target, self.content_type.as_deref(), status, &refusal)
    }

    /// Whether errors are told here as the REST API tells them.
    pub(crate) fn is_rest(&self) -> bool {
        self.error(400, "", "").content_type.contains("json") && !self.target.contains("/async/")
    }
}

impl fmt::Debug for Spoken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Spoken")
    }
}

/// Answers with a problem in the shape of the protocol, and of the API within it that was spoken.
pub(crate) fn respond(protocol: &Protocol, spoken: &Spoken, problem: Problem) -> Response<Body> {
    let status = problem.status().as_u16();
    let answer = match protocol {
        Protocol::Salesforce => spoken.error(status, problem.code(), problem.message()),
        Protocol::Fhir { .. } => Answer {
            status,
            content_type: "application/fhir+json; charset=utf-8",
            body: outcome(problem).to_string().into_bytes(),
        },
        // Not spoken over HTTP.
        Protocol::Hl7v2 => Answer {
            status,
            content_type: "application/problem+json",
            body: json!({ "title": problem.message(), "code": problem.code() }).to_string().into_bytes(),
        },
        Protocol::Webhook => carrier::problem::problem(
            status,
            "Not taken by Eosin",
            &Refusal { code: problem.code().into(), message: problem.message().into() },
        ),
    };
    let mut response = respond_made(answer);
    if matches!(protocol, Protocol::Fhir { .. }) {
        response = spoken.form.of_outcome(response);
    }
    if problem == Problem::TwoFramings {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    if matches!(problem, Problem::Busy | Problem::NoRoom | Problem::NotKept) {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static(BUSY_RETRY_SECONDS));
    }
    response
}

/// Answers with what `flow` made.
pub(crate) fn respond_made(answer: Answer) -> Response<Body> {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
    response
}

/// Source: FHIR R4, `OperationOutcome` and the value set issue-type.
fn outcome(problem: Problem) -> serde_json::Value {
    let kind = match problem {
        Problem::Request(_) | Problem::TwoFramings | Problem::BodyBroken => "invalid",
        Problem::Method
        | Problem::Closed(_)
        | Problem::NoXml
        | Problem::VersionUnknown
        | Problem::VersionEnded => "not-supported",
        Problem::HeadTooLarge => "too-long",
        Problem::Busy | Problem::NoRoom | Problem::NotKept => "throttled",
        Problem::Outdated => "conflict",
        Problem::UpstreamSlow => "timeout",
        Problem::UpstreamRefused | Problem::UpstreamBroken | Problem::AnswerUnreadable => "transient",
        Problem::AnswerTooLarge
        | Problem::ShownUnreadable
        | Problem::ReadClosed
        | Problem::QueryUnknown
        | Problem::FieldsMissing => "processing",
        Problem::Internal => "exception",
    };
    json!({
        "resourceType": "OperationOutcome",
        "issue": [{
            "severity": "error",
            "code": kind,
            "details": {
                "coding": [{ "system": fhir::REFUSAL_SYSTEM, "code": problem.code() }],
                "text": problem.message(),
            },
            "diagnostics": problem.message(),
        }],
    })
}
