//! What a gateway signs, and what it asks of another's signature before it believes that a claim is proven.
//!
//! Source: spec/http.md section 7.

use std::{collections::BTreeMap, fmt};

use crate::{
    component::Component,
    digest::{self, Checked},
    key::{SigningKey, VerifyingKey},
    message::{Message, Request, Response},
    nonces::{Nonces, Taken},
    offered::{self, Offered, Parameters, SignError, Signed, sign},
};

/// What our signatures are for, and the only tag that is looked at.
pub const TAG: &str = "eosin-provenance";

/// The label of our signatures where no other signature has it.
pub const LABEL: &str = "eosin";

/// Longest nonce that is taken, in bytes.
pub const NONCE_BYTES_MAX: usize = 256;

/// Derived components that every signature of a request covers.
const OF_REQUEST: [&str; 4] = ["@method", "@authority", "@path", "@query"];

/// The claim itself.
const CLAIM: &str = "eosin-provenance";

/// Fields that say how a body is to be read: covered wherever they stand.
const OF_BODY: [&str; 5] =
    ["content-encoding", "content-type", "x-http-method", "x-http-method-override", "x-method-override"];

/// When and with what a message is signed.
#[derive(Clone, Copy, Debug)]
pub struct Stamp<'a> {
    /// The key.
    pub key: &'a SigningKey,
    /// The label: [`LABEL`], or another if a signature of somebody else has it.
    pub label: &'a str,
    /// The current time, in seconds since 1970.
    pub now: i64,
    /// For how long the signature is good.
    pub valid_seconds: u32,
    /// A text that this key signs once: the place of the ruling.
    pub nonce: &'a str,
}

/// Signs a request that is sent on: what it claims, how it is to be read, where it goes, and its body by its digest.
///
/// Errors: see [`SignError`]; it has a value that cannot be signed.
pub fn sign_request(request: &Request, stamp: &Stamp<'_>) -> Result<Signed, SignError> {
    let fields = [digest::HEADER, CLAIM].into_iter().chain(OF_BODY).filter(|name| request.fields.has(name));
    let components: Result<Vec<_>, _> = OF_REQUEST.into_iter().chain(fields).map(Component::plain).collect();
    sign(stamp.label, &components?, &stamp.parameters(), Message::Request(request), stamp.key)
}

/// Signs an answer: what it claims, its status, the request it is to, and its body if that was held.
///
/// Shape:  `covers_body` says that `Content-Digest` is ours, over the bytes that follow; without it the signature says
///         nothing of them.
/// Errors: see [`SignError`]; it has a value that cannot be signed.
pub fn sign_response(
    response: &Response,
    request: &Request,
    covers_body: bool,
    stamp: &Stamp<'_>,
) -> Result<Signed, SignError> {
    let fields = [digest::HEADER, CLAIM, "ai-disclosure", "content-encoding", "content-type"];
    let fields = fields
        .into_iter()
        .filter(|name| response.fields.has(name) && (covers_body || *name != digest::HEADER));
    let own = ["@status"].into_iter().chain(fields).map(Component::plain);
    let components: Result<Vec<_>, _> = own.chain(OF_REQUEST.map(Component::of_request)).collect();
    let message = Message::Response(response, Some(request));
    sign(stamp.label, &components?, &stamp.parameters(), message, stamp.key)
}

impl Stamp<'_> {
    fn parameters(&self) -> Parameters {
        Parameters {
            created: Some(self.now),
            expires: Some(self.now.saturating_add(i64::from(self.valid_seconds))),
            keyid: Some(self.key.id().to_owned()),
            nonce: Some(self.nonce.to_owned()),
            alg: Some(self.key.algorithm().as_str().to_owned()),
            tag: Some(TAG.to_owned()),
        }
    }
}

/// The gateways whose signatures are looked at: for each key, the log whose rulings it may speak of.
#[derive(Clone, Debug, Default)]
pub struct Peers(BTreeMap<String, Peer>);

#[derive(Clone, Debug)]
struct Peer {
    key: VerifyingKey,
    log: String,
}

impl Peers {
    /// Takes in a gateway; one key id belongs to one gateway.
    ///
    /// Errors: the id, if it is taken.
    pub fn add(&mut self, key: VerifyingKey, log: &str) -> Result<(), SameKey> {
        let id = key.id().to_owned();
        if self.0.contains_key(&id) {
            return Err(SameKey { id });
        }
        self.0.insert(id, Peer { key, log: log.to_owned() });
        Ok(())
    }

    /// Whether nobody is known: nothing can be proven then.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Two gateways have one key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("two peers have the key id `{id}`; each gateway has a key of its own")]
pub struct SameKey {
    /// The id.
    pub id: String,
}

/// How old a signature may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Seconds from `created` on, whatever `expires` says.
    pub age_seconds: u32,
    /// Seconds by which two gateways' clocks may differ.
    pub skew_seconds: u32,
}

/// What a request's signature proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// There is no signature for our tag: a claim is a claim.
    Absent,
    /// A known gateway signed this claim over this body, for this request, now.
    Proven {
        /// The log whose rulings it may speak of.
        log: String,
    },
    /// A known gateway signed this request over another body: somebody changed it since.
    OtherBody {
        /// The log whose rulings it may speak of.
        log: String,
    },
    /// There is one that proves nothing.
    Nothing(Reason),
}

/// Why a signature proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// The fields are not signatures, or more than one has our tag.
    Malformed,
    /// No peer has this key.
    KeyUnknown,
    /// It does not cover all that it has to.
    NotCovered,
    /// It is not this key's over this message.
    SignatureWrong,
    /// It is over, or older than is taken.
    Expired,
    /// It was made later than now: a clock is wrong.
    NotYet,
    /// It was proven before.
    Replayed,
    /// It was made before this gateway began to remember what was proven.
    BeforeStart,
    /// More proofs are under way than can be remembered.
    Crowded,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 9] = [
        Self::Malformed,
        Self::KeyUnknown,
        Self::NotCovered,
        Self::SignatureWrong,
        Self::Expired,
        Self::NotYet,
        Self::Replayed,
        Self::BeforeStart,
        Self::Crowded,
    ];

    /// The word used in the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::KeyUnknown => "key-unknown",
            Self::NotCovered => "not-covered",
            Self::SignatureWrong => "signature-wrong",
            Self::Expired => "expired",
            Self::NotYet => "not-yet",
            Self::Replayed => "replayed",
            Self::BeforeStart => "before-start",
            Self::Crowded => "crowded",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Says what the signature of a request proves about its claim and its body.
///
/// Shape:  the head as it was received, the body as it was received, before any coding is undone.
/// Bounds: one signature check and a digest of the body; see [`offered`].
/// Errors: none; whatever is wrong proves nothing.
/// Never:  takes a proof twice.
pub fn check(
    request: &Request,
    body: &[u8],
    peers: &Peers,
    window: Window,
    now: i64,
    nonces: &Nonces,
) -> Proof {
    if !request.fields.has(offered::INPUT_HEADER) {
        return Proof::Absent;
    }
    let Ok(all) = offered::offered(&request.fields) else { return Proof::Nothing(Reason::Malformed) };
    let mut ours = all.iter().filter(|offered| offered.parameters().tag.as_deref() == Some(TAG));
    let offered = match (ours.next(), ours.next()) {
        (None, _) => return Proof::Absent,
        (Some(offered), None) => offered,
        (Some(_), Some(_)) => return Proof::Nothing(Reason::Malformed),
    };
    examine(offered, request, body, peers, window, now, nonces).unwrap_or_else(Proof::Nothing)
}

fn examine(
    offered: &Offered,
    request: &Request,
    body: &[u8],
    peers: &Peers,
    window: Window,
    now: i64,
    nonces: &Nonces,
) -> Result<Proof, Reason> {
    let parameters = offered.parameters();
    let (Some(keyid), Some(nonce), Some(created), Some(expires)) =
        (&parameters.keyid, &parameters.nonce, parameters.created, parameters.expires)
    else {
        return Err(Reason::NotCovered);
    };
    let peer = peers.0.get(keyid).ok_or(Reason::KeyUnknown)?;
    if nonce.is_empty() || nonce.len() > NONCE_BYTES_MAX || !covers_enough(offered, request) {
        return Err(Reason::NotCovered);
    }
    let skew = i64::from(window.skew_seconds);
    let end = expires.min(created.saturating_add(i64::from(window.age_seconds))).saturating_add(skew);
    if created > now.saturating_add(skew) {
        return Err(Reason::NotYet);
    }
    if now > end {
        return Err(Reason::Expired);
    }
    offered.verify(Message::Request(request), &peer.key).map_err(|_| Reason::SignatureWrong)?;
    if !nonces.covers(created) {
        return Err(Reason::BeforeStart);
    }
    match digest::check(request.fields.lines(digest::HEADER), body) {
        Checked::Fits => {}
        Checked::Differs => return Ok(Proof::OtherBody { log: peer.log.clone() }),
        Checked::Absent | Checked::Unknown | Checked::Malformed => return Err(Reason::NotCovered),
    }
    match nonces.take(keyid, nonce, end, now) {
        Taken::New => Ok(Proof::Proven { log: peer.log.clone() }),
        Taken::Again => Err(Reason::Replayed),
        Taken::Full => Err(Reason::Crowded),
    }
}

/// Whether a signature covers the claim, the body, where they go and all that says how to read them.
fn covers_enough(offered: &Offered, request: &Request) -> bool {
    let Ok(components) = offered.components() else { return false };
    let covers = |name: &str| components.iter().any(|component| component.is_plain(name));
    let goes = covers("@target-uri")
        || (covers("@authority") && (covers("@request-target") || (covers("@path") && covers("@query"))));
    covers("@method")
        && goes
        && covers(digest::HEADER)
        && covers(CLAIM)
        && OF_BODY.iter().all(|name| covers(name) || !request.fields.has(name))
}

#[cfg(test)]
mod tests;
