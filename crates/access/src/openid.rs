//! Signing in with OpenID Connect: what is asked of a browser, and whether an ID token proves who came back.
//!
//! Pure: who fetches documents, keys and tokens is the binary's, moments and random bytes are handed in. Signatures are
//! checked with the keys' own library; which of them count, and what a token has to say, is here.
//! Source: OpenID Connect Core 1.0 sections 3.1.2, 3.1.3.7; RFC 7636; RFC 9207.

use std::collections::BTreeMap;

use data_encoding::BASE64URL_NOPAD;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{Name, Role, cipher};

mod keys;
#[cfg(test)]
mod tests;

pub use keys::{KeySet, KeySetError};

/// Bytes of an ID token at most.
pub const ID_TOKEN_BYTES_MAX: usize = 16 << 10;
/// Characters of a subject at most.
const SUBJECT_MAX: usize = 255;
/// Seconds that the clocks of two machines may differ.
const SKEW: u64 = 60;
/// Seconds between the making of a token and its arrival at most.
const AGE_MAX: u64 = 600;

/// What a provider says of itself.
///
/// Source: OpenID Connect Discovery 1.0 section 3.
#[derive(Clone, Debug, Deserialize)]
pub struct Metadata {
    issuer: String,
    /// Where a browser is sent.
    pub authorization_endpoint: String,
    /// Where a code is exchanged.
    pub token_endpoint: String,
    /// Where its keys are.
    pub jwks_uri: String,
    /// Where a browser is sent that signs out.
    #[serde(default)]
    pub end_session_endpoint: Option<String>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

impl Metadata {
    /// Reads the document that was found for an issuer.
    ///
    /// Errors: [`Refusal::Metadata`]: it is none, or it is another issuer's.
    pub fn read(document: &[u8], issuer: &str) -> Result<Self, Refusal> {
        let read: Self = serde_json::from_slice(document).map_err(|_| Refusal::Metadata)?;
        if read.issuer == issuer { Ok(read) } else { Err(Refusal::Metadata) }
    }

    /// Whether the secret goes into the form; else it goes into a header, which every provider has to take.
    pub fn takes_secret_in_form_only(&self) -> bool {
        self.token_endpoint_auth_methods_supported.as_ref().is_some_and(|methods| {
            let has = |word: &str| methods.iter().any(|method| method == word);
            has("client_secret_post") && !has("client_secret_basic")
        })
    }
}

/// What one browser was sent away with: it comes back with the state, and the token with the nonce.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Errand {
    state: String,
    nonce: String,
    verifier: String,
    begun: u64,
}

/// Seconds that somebody has to sign in at the provider.
const ERRAND_SECONDS: u64 = 10 * 60;

impl Errand {
    /// An errand of these random bytes, begun now.
    pub fn new(random: &[u8; 96], now: u64) -> Self {
        let part = |at: usize| BASE64URL_NOPAD.encode(random.get(at..at + 32).unwrap_or_default());
        Self { state: part(0), nonce: part(32), verifier: part(64), begun: now }
    }

    /// Whether it can be still come back from.
    pub fn is_open(&self, now: u64) -> bool {
        now.saturating_sub(self.begun) < ERRAND_SECONDS
    }

    /// What the browser asks of the provider.
    pub fn question(&self, client: &Client, callback: &str) -> Vec<(&'static str, String)> {
        let challenge = BASE64URL_NOPAD.encode(&cipher::sha256(self.verifier.as_bytes()));
        vec![
            ("response_type", "code".to_owned()),
            ("client_id", client.id.clone()),
            ("redirect_uri", callback.to_owned()),
            ("scope", client.scope.clone()),
            ("state", self.state.clone()),
            ("nonce", self.nonce.clone()),
            ("code_challenge", challenge),
            ("code_challenge_method", "S256".to_owned()),
        ]
    }

    /// What a code is exchanged with, beside the client's own secret.
    pub fn exchange(&self, code: &str, client: &Client, callback: &str) -> Vec<(&'static str, String)> {
        vec![
            ("grant_type", "authorization_code".to_owned()),
            ("code", code.to_owned()),
            ("redirect_uri", callback.to_owned()),
            ("client_id", client.id.clone()),
            ("code_verifier", self.verifier.clone()),
        ]
    }

    /// That a browser came back from this errand, from this provider and none other.
    ///
    /// Errors: [`Refusal::State`], [`Refusal::Issuer`].
    pub fn came_back(&self, state: &str, issuer: Option<&str>, metadata: &Metadata) -> Result<(), Refusal> {
        if !cipher::same(self.state.as_bytes(), state.as_bytes()) {
            return Err(Refusal::State);
        }
        match issuer {
            Some(issuer) if issuer != metadata.issuer => Err(Refusal::Issuer),
            None if metadata.authorization_response_iss_parameter_supported => Err(Refusal::Issuer),
            Some(_) | None => Ok(()),
        }
    }
}

/// What this console is to a provider, and how claims are understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// The provider, as it calls itself.
    pub issuer: String,
    /// What this console is called there.
    pub id: String,
    /// What is asked for.
    pub scope: String,
    /// The claim that is an operator's name.
    pub name_claim: String,
    /// The claim that has what roles are mapped from.
    pub role_claim: String,
    /// Each role with the values that give it, the first role first.
    pub roles: Vec<(Role, Vec<String>)>,
}

/// Who came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Who they are at the provider: its issuer and their subject there, which are never somebody else's.
    pub subject: String,
    /// Their name and role, by their claims; nothing where no claim gives them a role here.
    pub claimed: Option<(Name, Role)>,
}

/// Why a token, or whoever came back, is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The document is not that of the provider.
    #[error("the provider's document is not understood, or is another's")]
    Metadata,
    /// The browser brings another state than it was sent away with.
    #[error("the answer belongs to no sign-in that was begun in this browser")]
    State,
    /// Another issuer than the one that was asked.
    #[error("the answer is of another issuer")]
    Issuer,
    /// It is no token.
    #[error("the ID token cannot be read")]
    Shape,
    /// `none`, a symmetric algorithm, or one that is not known.
    #[error("the ID token is signed in a way that is not taken: RS256 and ES256 are")]
    Algorithm,
    /// No key of the provider is this one.
    #[error("no key of the provider is the one that the ID token names")]
    UnknownKey,
    /// The signature is not by its key.
    #[error("the signature of the ID token is not by the provider's key")]
    Signature,
    /// It is for another client.
    #[error("the ID token is for another client")]
    Audience,
    /// It has ended, was made too long ago, or is of the future.
    #[error("the ID token is not of now: are the clocks right?")]
    Time,
    /// It answers another question.
    #[error("the ID token answers another sign-in")]
    Nonce,
    /// It does not say who they are in a way that can be a name here.
    #[error("the claim that names an operator is missing, is not verified, or cannot be a name")]
    Name,
}

/// The header of a token.
#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    crit: Option<Value>,
}

impl Client {
    /// Who came back, by an ID token.
    ///
    /// Shape:  the token as the provider handed it over, its keys, the errand it answers, and now in seconds since 1970.
    /// Bounds: [`ID_TOKEN_BYTES_MAX`].
    /// Errors: [`Refusal`]; [`Refusal::UnknownKey`] alone is worth asking for the keys anew.
    /// Source: OpenID Connect Core 1.0 section 3.1.3.7.
    pub fn arrival(&self, token: &str, keys: &KeySet, errand: &Errand, now: u64) -> Result<Arrival, Refusal> {
        let claims = verified(token, keys)?;
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        if text("iss") != Some(&self.issuer) {
            return Err(Refusal::Issuer);
        }
        self.is_for_us(&claims)?;
        is_of_now(&claims, now)?;
        let nonce = text("nonce").unwrap_or_default();
        if !cipher::same(errand.nonce.as_bytes(), nonce.as_bytes()) {
            return Err(Refusal::Nonce);
        }
        let subject = text("sub").filter(|sub| (1..=SUBJECT_MAX).contains(&sub.chars().count()));
        let subject = subject.ok_or(Refusal::Name)?;
        let subject = format!("{} {subject}", self.issuer);
        // Before their name: that the provider takes somebody off is believed however they are called.
        let Some(role) = self.role(claims.get(&self.role_claim)) else {
            return Ok(Arrival { subject, claimed: None });
        };
        // An address that anybody can write into their profile names nobody. Some providers never say whether it was verified,
        // and whoever names one here trusts it; what is said and is not plainly `true` is not believed.
        let is_verified = claims.get("email_verified").is_none_or(|said| *said == Value::Bool(true));
        if self.name_claim == "email" && !is_verified {
            return Err(Refusal::Name);
        }
        let name = text(&self.name_claim).and_then(|name| name.parse().ok()).ok_or(Refusal::Name)?;
        Ok(Arrival { subject, claimed: Some((name, role)) })
    }

    fn is_for_us(&self, claims: &Map<String, Value>) -> Result<(), Refusal> {
        let audience: Vec<&str> = match claims.get("aud") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(all)) => {
                let all: Option<Vec<&str>> = all.iter().map(Value::as_str).collect();
                all.ok_or(Refusal::Audience)?
            }
            _ => return Err(Refusal::Audience),
        };
        let is_ours = audience.contains(&self.id.as_str());
        let is_authorized = match claims.get("azp") {
            Some(party) => party.as_str() == Some(&self.id),
            None => audience.len() == 1,
        };
        if is_ours && is_authorized { Ok(()) } else { Err(Refusal::Audience) }
    }

    /// The first role that one of the values of a claim gives.
    fn role(&self, claim: Option<&Value>) -> Option<Role> {
        let given: Vec<&str> = match claim? {
            Value::String(one) => vec![one],
            Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => return None,
        };
        let has_any = |values: &[String]| values.iter().any(|value| given.contains(&value.as_str()));
        self.roles.iter().find(|(_, values)| has_any(values)).map(|(role, _)| *role)
    }
}

/// The claims of a token whose signature is by one of the keys.
fn verified(token: &str, keys: &KeySet) -> Result<Map<String, Value>, Refusal> {
    if token.len() > ID_TOKEN_BYTES_MAX {
        return Err(Refusal::Shape);
    }
    let (signed, signature) = token.rsplit_once('.').ok_or(Refusal::Shape)?;
    let (header, claims) = signed.split_once('.').ok_or(Refusal::Shape)?;
    let bytes = |part: &str| BASE64URL_NOPAD.decode(part.as_bytes()).map_err(|_| Refusal::Shape);
    let header: Header = serde_json::from_slice(&bytes(header)?).map_err(|_| Refusal::Shape)?;
    // What has to be understood and is not makes the whole token something else.
    if header.crit.is_some() {
        return Err(Refusal::Shape);
    }
    keys.verify(&header.alg, header.kid.as_deref(), signed.as_bytes(), &bytes(signature)?)?;
    members(&bytes(claims)?).ok_or(Refusal::Shape)
}

/// The members of an object, each once: of two of a name another reader may believe the other.
fn members(bytes: &[u8]) -> Option<Map<String, Value>> {
    struct Once(Map<String, Value>);
    impl<'de> Deserialize<'de> for Once {
        fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
            struct Members;
            impl<'de> serde::de::Visitor<'de> for Members {
                type Value = Once;
                fn expecting(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    to.write_str("an object with each member once")
                }
                fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Once, A::Error> {
                    let mut found = Map::new();
                    while let Some((name, value)) = map.next_entry::<String, Value>()? {
                        if found.insert(name, value).is_some() {
                            return Err(serde::de::Error::custom("a member twice"));
                        }
                    }
                    Ok(Once(found))
                }
            }
            from.deserialize_map(Members)
        }
    }
    serde_json::from_slice::<Once>(bytes).ok().map(|once| once.0)
}

fn is_of_now(claims: &Map<String, Value>, now: u64) -> Result<(), Refusal> {
    // Some providers write fractions of a second.
    let seconds = |name: &str| match claims.get(name) {
        None => Ok(None),
        Some(value) => match value.as_u64() {
            Some(whole) => Ok(Some(whole)),
            None => whole_seconds(value.as_f64()).map(Some).ok_or(Refusal::Time),
        },
    };
    let (Some(ends), Some(made)) = (seconds("exp")?, seconds("iat")?) else { return Err(Refusal::Time) };
    let is_begun = seconds("nbf")?.is_none_or(|begins| begins <= now + SKEW);
    let is_fresh = made <= now + SKEW && now.saturating_sub(made) <= AGE_MAX;
    if now < ends.saturating_add(SKEW) && is_begun && is_fresh { Ok(()) } else { Err(Refusal::Time) }
}

/// Whole seconds of a number that is one.
fn whole_seconds(number: Option<f64>) -> Option<u64> {
    let number = number.filter(|number| (0.0..=4_102_444_800.0).contains(number))?;
    format!("{number:.0}").parse().ok()
}

/// The errands that browsers of one console are on, by the digest of their cookie.
#[derive(Debug, Default)]
pub struct Errands {
    // INVARIANT: at most ERRANDS_MAX. Each with the address that it was begun from.
    open: BTreeMap<[u8; 32], (Errand, String)>,
}

/// Browsers that are away at one time at most.
const ERRANDS_MAX: usize = 1_000;

impl Errands {
    /// Sends a browser away; an older errand of the same browser ends. Where a thousand are away, the oldest of the address
    /// that has sent away most ends: whoever begins many pushes out their own.
    pub fn begin(&mut self, browser: &str, address: &str, errand: Errand) {
        let browser = cipher::sha256(browser.as_bytes());
        self.open.retain(|key, (open, _)| *key != browser && open.is_open(errand.begun));
        if self.open.len() >= ERRANDS_MAX {
            let mut sent: BTreeMap<&str, usize> = BTreeMap::new();
            for (_, from) in self.open.values() {
                *sent.entry(from).or_default() += 1;
            }
            let oldest = self.open.iter().min_by_key(|(_, (open, from))| {
                let most = sent.get(from.as_str()).copied().unwrap_or_default();
                (std::cmp::Reverse(most), open.begun)
            });
            if let Some(key) = oldest.map(|(key, _)| *key) {
                self.open.remove(&key);
            }
        }
        self.open.insert(browser, (errand, address.to_owned()));
    }

    /// The errand that a browser is on; it is over with this, so that no answer counts twice.
    pub fn end(&mut self, browser: &str, now: u64) -> Option<Errand> {
        let (errand, _) = self.open.remove(&cipher::sha256(browser.as_bytes()))?;
        Some(errand).filter(|errand| errand.is_open(now))
    }
}
