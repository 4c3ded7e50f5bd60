//! Signatures on what goes out, and what those on what comes in prove.
//!
//! Source: spec/http.md section 7.

use std::fmt;

use flow::SignedClaim;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use signature::{
    Fields, Nonces, Request, Response, SigningKey,
    digest::{self, Checked},
    offered::{self, Signed},
    profile::{self, LABEL, Peers, Proof, Stamp, TAG, Window},
};

use crate::head::Head;

/// The keys for signatures, and how long they are good.
pub struct Signatures {
    /// What is sent on and answered is signed with this; without it nothing is.
    pub key: Option<SigningKey>,
    /// For how many seconds our signatures are good.
    pub valid_seconds: u32,
    /// Whose signatures prove a claim.
    pub peers: Peers,
    /// How old theirs may be.
    pub window: Window,
}

impl Signatures {
    /// Nothing is signed, and no signature is looked at.
    pub fn off() -> Self {
        let window = Window { age_seconds: VALID_SECONDS, skew_seconds: SKEW_SECONDS };
        Self { key: None, valid_seconds: VALID_SECONDS, peers: Peers::default(), window }
    }
}

/// Suggested: longer than a request waits on its way, shorter than anybody needs to make use of a copy.
pub const VALID_SECONDS: u32 = 60;

/// Suggested: clocks that are kept in step differ by less.
pub const SKEW_SECONDS: u32 = 5;

/// Proofs that are remembered: at the suggested times some 4,000 a second, in about 30 MB.
const NONCES_MAX: usize = 1 << 18;

/// Signs, and checks what others signed.
pub(crate) struct Signing {
    signatures: Signatures,
    nonces: Nonces,
}

/// Where a request is sent on to.
pub(crate) struct Onward<'a> {
    pub(crate) method: &'a Method,
    pub(crate) scheme: String,
    pub(crate) authority: String,
    pub(crate) target: &'a str,
}

impl Signing {
    /// What was signed before `now` could have been proven to whoever ran before us.
    pub(crate) fn new(signatures: Signatures, now: i64) -> Self {
        Self { signatures, nonces: Nonces::new(NONCES_MAX, now) }
    }

    fn is_off(&self) -> bool {
        self.signatures.key.is_none() && self.signatures.peers.is_empty()
    }

    /// What of a request its answer's signature will name, if answers are signed.
    pub(crate) fn asked(&self, head: &Head) -> Asked {
        let signs = self.signatures.key.is_some();
        Asked(signs.then(|| (head.method.clone(), head.origin.clone(), head.target.clone())))
    }

    /// What the signature of a request proves about its claim and its body, as it was received.
    pub(crate) fn claim(&self, signed: Option<&Request>, body: &[u8], now: i64) -> SignedClaim {
        let Some(request) = signed.filter(|_| !self.signatures.peers.is_empty()) else {
            return SignedClaim::None;
        };
        let Signatures { peers, window, .. } = &self.signatures;
        match profile::check(request, body, peers, *window, now, &self.nonces) {
            Proof::Absent => SignedClaim::None,
            Proof::Proven { log } => SignedClaim::Proven { log },
            Proof::OtherBody { log } => SignedClaim::OtherBody { log },
            Proof::Nothing(reason) => SignedClaim::Nothing(reason.as_str()),
        }
    }

    /// Signs a request that is sent on. Unsigned it stays without a key, without a place in the ledger, and where the
    /// client's own `Content-Digest` is of another body: we do not put our word for it.
    pub(crate) fn request(
        &self,
        headers: &mut HeaderMap,
        onward: Onward<'_>,
        body: Option<&[u8]>,
        place: Option<&str>,
        now: i64,
    ) {
        if self.is_off() {
            return;
        }
        let others = others(headers);
        let (Some(key), Some(nonce)) = (&self.signatures.key, place) else { return };
        if !digested(headers, body) {
            return;
        }
        let Onward { method, scheme, authority, target } = onward;
        let request = head(method, scheme, authority, target, headers);
        let label = label(&others);
        let stamp = Stamp { key, label: &label, now, valid_seconds: self.signatures.valid_seconds, nonce };
        match profile::sign_request(&request, &stamp) {
            Ok(signed) => put(headers, &signed),
            Err(error) => tracing::debug!(%error, "a request goes on unsigned"),
        }
    }

    /// Signs an answer; its body too, if that was held.
    pub(crate) fn answer(
        &self,
        headers: &mut HeaderMap,
        status: StatusCode,
        asked: &Asked,
        body: Option<&[u8]>,
        place: Option<&str>,
        now: i64,
    ) {
        if self.is_off() {
            return;
        }
        let others = others(headers);
        let (Some(key), Some(nonce), Some(asked)) = (&self.signatures.key, place, asked.request()) else {
            return;
        };
        if body.is_some() && !digested(headers, body) {
            return;
        }
        let response =
            Response { status: status.as_u16(), fields: fields(headers), trailers: Fields::default() };
        let label = label(&others);
        let stamp = Stamp { key, label: &label, now, valid_seconds: self.signatures.valid_seconds, nonce };
        match profile::sign_response(&response, &asked, body.is_some(), &stamp) {
            Ok(signed) => put(headers, &signed),
            Err(error) => tracing::debug!(%error, "an answer goes out unsigned"),
        }
    }
}

/// A head as signatures see it.
pub(crate) fn head(
    method: &Method,
    scheme: String,
    authority: String,
    target: &str,
    headers: &HeaderMap,
) -> Request {
    Request {
        method: method.as_str().to_owned(),
        scheme,
        authority,
        target: target.to_owned(),
        fields: fields(headers),
        trailers: Fields::default(),
    }
}

/// What a client asked for, as far as an answer's signature names it; made before the head is sent on.
pub(crate) struct Asked(Option<(Method, String, String)>);

impl Asked {
    fn request(&self) -> Option<Request> {
        let (method, origin, target) = self.0.as_ref()?;
        let (scheme, authority) = origin.split_once("://").unwrap_or_default();
        Some(head(method, scheme.to_owned(), authority.to_owned(), target, &HeaderMap::new()))
    }
}

fn fields(headers: &HeaderMap) -> Fields {
    headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect()
}

/// Sees to it that `Content-Digest` is of this body; `false` if somebody said that it is of another.
fn digested(headers: &mut HeaderMap, body: Option<&[u8]>) -> bool {
    let Some(body) = body else {
        return true;
    };
    let said = digest::check(headers.get_all(digest::HEADER).iter().map(HeaderValue::as_bytes), body);
    match said {
        Checked::Fits => true,
        Checked::Differs => false,
        Checked::Absent | Checked::Unknown | Checked::Malformed => {
            if let Ok(value) = HeaderValue::try_from(digest::header(body)) {
                headers.insert(HeaderName::from_static(digest::HEADER), value);
            }
            true
        }
    }
}

/// Takes signatures for our tag out, for what they cover is written anew, and gives the labels of those that stay.
///
/// Fields that cannot be read are taken out whole: they mean nothing, and nothing could be added to them.
fn others(headers: &mut HeaderMap) -> Vec<String> {
    if !headers.contains_key(offered::INPUT_HEADER) && !headers.contains_key(offered::SIGNATURE_HEADER) {
        return Vec::new();
    }
    let all = offered::offered(&fields(headers)).unwrap_or_default();
    headers.remove(offered::INPUT_HEADER);
    headers.remove(offered::SIGNATURE_HEADER);
    let stay = all.iter().filter(|offered| offered.parameters().tag.as_deref() != Some(TAG));
    stay.filter_map(|offered| {
        let (input, signature) = offered.members()?;
        put(headers, &Signed { input, signature });
        Some(offered.label().to_owned())
    })
    .collect()
}

/// A label that nobody else has.
fn label(others: &[String]) -> String {
    let mut label = LABEL.to_owned();
    while others.contains(&label) {
        label.push('-');
    }
    label
}

fn put(headers: &mut HeaderMap, signed: &Signed) {
    let values = (HeaderValue::from_str(&signed.input), HeaderValue::from_str(&signed.signature));
    if let (Ok(input), Ok(signature)) = values {
        headers.append(HeaderName::from_static(offered::INPUT_HEADER), input);
        headers.append(HeaderName::from_static(offered::SIGNATURE_HEADER), signature);
    }
}

/// Debug shows no key.
impl fmt::Debug for Signatures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signatures").field("signs", &self.key.is_some()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Signing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.signatures.fmt(f)
    }
}
