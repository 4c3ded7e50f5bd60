//! A request on its way over a boundary, and what its method and target alone say about it.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use carrier::{Action, Door, fhir, salesforce};

use crate::watch::Watched;

/// One request as the shell received it, its body decoded.
///
/// Debug shows boundary and sizes only.
#[derive(Clone)]
pub struct Crossing {
    /// The boundary it crosses.
    pub boundary: Arc<policy::Boundary>,
    /// The language spoken there.
    pub protocol: Protocol,
    /// The client as it names itself, at most 64 plain characters; a claim, good for reports only.
    pub client: String,
    /// The HTTP method.
    pub method: String,
    /// Path and query as sent.
    pub target: String,
    /// The value of a method override header, if there was one.
    pub method_override: Option<String>,
    /// The content type, if there was one.
    pub content_type: Option<String>,
    /// The values of inbound `Eosin-Provenance` headers, which the shell has taken out of the request.
    pub provenance: Vec<String>,
    /// What else the request says of itself, and what of it the shell has found to be signed.
    pub claims: Claims,
    /// The body, decoded, or why there is none to judge.
    pub body: Result<Bytes, mark::Unreadable>,
    /// Who is told of its steps.
    pub watched: Watched,
}

/// What a request says of itself beside `Eosin-Provenance`. Nothing of it decides by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// The dated contract version that the client is pinned to, where it is one.
    pub contract: Option<&'static str>,
    /// What a signature over the claim of provenance proves.
    pub signed: SignedClaim,
    /// The values of inbound `AI-Disclosure` headers.
    pub ai_disclosure: Vec<String>,
}

/// What a signature over an inbound `Eosin-Provenance` proves. The shell has verified it, for it had the whole head.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SignedClaim {
    /// There is none: a claim is a claim.
    #[default]
    None,
    /// A gateway that is known signed the claim over this very body, for this request, and it is not a replay.
    Proven {
        /// The log whose rulings this gateway may speak of.
        log: String,
    },
    /// A gateway that is known signed this request over another body.
    OtherBody {
        /// The log whose rulings this gateway may speak of.
        log: String,
    },
    /// There is a signature that proves nothing, and why, in one word of the shell.
    Nothing(&'static str),
}

/// The language spoken at a boundary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Salesforce's REST APIs.
    Salesforce,
    /// FHIR R4 below a base path, such as `/fhir`; empty for the root.
    Fhir {
        /// The path below which FHIR is served, without a slash at its end.
        base: String,
    },
    /// HL7 v2: the body is what stands in one frame, the target what it is, as [`carrier::hl7v2::Envelope::label`] says.
    Hl7v2,
    /// Events that a system posts to its subscribers; see [`crate::Webhook`].
    Webhook,
}

impl Protocol {
    /// The word used in the ledger and in metrics.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Salesforce => "salesforce",
            Self::Fhir { .. } => "fhir",
            Self::Hl7v2 => "hl7v2",
            Self::Webhook => "webhook",
        }
    }
}

/// What a request is, before its body is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entrance {
    /// Nothing to judge: it may stream through.
    Open,
    /// A write that is judged.
    Judged,
    /// A write that nobody here can read: refused where the boundary enforces.
    Unknown,
}

/// Says what a request is from its method and target alone.
///
/// Never: looks at a body; what only a body can tell is [`Entrance::Judged`].
/// Source: spec/carriers.md.
pub fn entrance(protocol: &Protocol, method: &str, target: &str, method_override: Option<&str>) -> Entrance {
    match Route::find(protocol, method, target, method_override, &salesforce::Doors::default()) {
        Door::Open => Entrance::Open,
        Door::Judged(_) => Entrance::Judged,
        Door::Unknown => Entrance::Unknown,
    }
}

/// The target in the one spelling in which it is judged and sent on; `None` where it is sent as it came.
///
/// Source: spec/carriers.md section 2.1.
pub fn normal_target(protocol: &Protocol, target: &str) -> Option<String> {
    match protocol {
        Protocol::Salesforce => salesforce::normal_target(target),
        Protocol::Fhir { base } => fhir::normal_target(target, base),
        Protocol::Hl7v2 | Protocol::Webhook => None,
    }
}

/// Whether a request that looks like a read could say in a form's body that it is something else.
///
/// Such a request has to be read before it is let through, although nothing in it is a record.
pub fn may_hide_method(protocol: &Protocol, target: &str, content_type: Option<&str>) -> bool {
    match protocol {
        Protocol::Salesforce => salesforce::may_hide_method(target, content_type),
        Protocol::Fhir { .. } | Protocol::Hl7v2 | Protocol::Webhook => false,
    }
}

/// A judged route of any protocol.
#[derive(Clone, Debug)]
pub(crate) enum Route {
    Salesforce(salesforce::Route),
    Fhir(fhir::Route),
    /// A frame of HL7 v2, by what it holds.
    Hl7v2(String),
}

impl Route {
    pub(crate) fn find(
        protocol: &Protocol,
        method: &str,
        target: &str,
        method_override: Option<&str>,
        doors: &salesforce::Doors,
    ) -> Door<Self> {
        match protocol {
            Protocol::Salesforce => {
                wrap(salesforce::route_at(method, target, method_override, doors), Self::Salesforce)
            }
            Protocol::Fhir { base } => wrap(fhir::route(method, target, method_override, base), Self::Fhir),
            Protocol::Hl7v2 => Door::Judged(Self::Hl7v2(target.to_owned())),
            // Events go by `Flow::sort`; what comes here otherwise is nothing that anybody reads.
            Protocol::Webhook => Door::Unknown,
        }
    }

    pub(crate) fn action(&self) -> Action {
        match self {
            Self::Salesforce(route) => route.action(),
            Self::Fhir(route) => route.action(),
            Self::Hl7v2(_) => Action::Deliver,
        }
    }

    /// A short name for the ledger and for logs; holds no id and no value.
    pub(crate) fn label(&self) -> String {
        match self {
            Self::Salesforce(route) => route.label().to_string(),
            Self::Fhir(route) => route.label().to_string(),
            Self::Hl7v2(label) => label.clone(),
        }
    }
}

fn wrap<R>(door: Door<R>, route: impl FnOnce(R) -> Route) -> Door<Route> {
    match door {
        Door::Open => Door::Open,
        Door::Judged(inner) => Door::Judged(route(inner)),
        Door::Unknown => Door::Unknown,
    }
}

impl fmt::Debug for Crossing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crossing")
            .field("boundary", &self.boundary.name)
            .field("protocol", &self.protocol)
            .field("method", &self.method)
            .field("body_bytes", &self.body.as_ref().map(Bytes::len))
            .finish_non_exhaustive()
    }
}
