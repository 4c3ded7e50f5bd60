//! The keys of a provider, and which of them a token can be signed with.
//!
//! Source: RFC 7517, RFC 7518 sections 3.3, 3.4, 6.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use data_encoding::BASE64URL_NOPAD;
use serde::Deserialize;

use super::Refusal;

/// Keys of one provider at most.
const KEYS_MAX: usize = 64;

/// The keys of a provider that a token can be signed with.
#[derive(Clone, Debug, Default)]
pub struct KeySet(Vec<Key>);

#[derive(Clone, Debug)]
struct Key {
    id: Option<String>,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    /// RS256.
    Rsa { modulus: Vec<u8>, exponent: Vec<u8> },
    /// ES256: the point, uncompressed.
    P256(Vec<u8>),
}

/// Why a document is no set of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the provider's keys cannot be read, or none of them can be used: RS256 and ES256 are taken")]
pub struct KeySetError;

#[derive(Deserialize)]
struct Document {
    keys: Vec<Written>,
}

/// A key as it is written. Private parts, where somebody publishes them, are not looked at.
#[derive(Deserialize)]
struct Written {
    kty: String,
    #[serde(default, rename = "use")]
    purpose: Option<String>,
    #[serde(default)]
    key_ops: Option<Vec<String>>,
    #[serde(default)]
    alg: Option<String>,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    crv: Option<String>,
    #[serde(default)]
    n: Option<String>,
    #[serde(default)]
    e: Option<String>,
    #[serde(default)]
    x: Option<String>,
    #[serde(default)]
    y: Option<String>,
}

impl KeySet {
    /// Reads a set of keys; those that sign nothing, or in another way, are left out.
    ///
    /// Bounds: the first 64 keys.
    /// Errors: [`KeySetError`].
    pub fn read(document: &[u8]) -> Result<Self, KeySetError> {
        let document: Document = serde_json::from_slice(document).map_err(|_| KeySetError)?;
        let keys: Vec<Key> = document.keys.iter().take(KEYS_MAX).filter_map(Written::key).collect();
        if keys.is_empty() { Err(KeySetError) } else { Ok(Self(keys)) }
    }

    /// That one of the keys made a signature: the one that is named, or the only one of its kind where none is.
    ///
    /// Errors: [`Refusal::Algorithm`], [`Refusal::UnknownKey`], [`Refusal::Signature`].
    pub(super) fn verify(
        &self,
        algorithm: &str,
        id: Option<&str>,
        text: &[u8],
        signature: &[u8],
    ) -> Result<(), Refusal> {
        // What a key is for is the key's to say, never the token's: an RSA key checks no other algorithm.
        let is_kind = |key: &&Key| {
            matches!((algorithm, &key.kind), ("RS256", Kind::Rsa { .. }) | ("ES256", Kind::P256(_)))
        };
        if !matches!(algorithm, "RS256" | "ES256") {
            return Err(Refusal::Algorithm);
        }
        let mut found = self.0.iter().filter(is_kind);
        let key = match id {
            Some(id) => found.find(|key| key.id.as_deref() == Some(id)),
            None => found.next().filter(|_| found.next().is_none()),
        };
        let is_good = match &key.ok_or(Refusal::UnknownKey)?.kind {
            Kind::Rsa { modulus, exponent } => {
                let key = RsaPublicKeyComponents { n: modulus, e: exponent };
                key.verify(&RSA_PKCS1_2048_8192_SHA256, text, signature).is_ok()
            }
            Kind::P256(point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(text, signature).is_ok()
            }
        };
        if is_good { Ok(()) } else { Err(Refusal::Signature) }
    }
}

impl Written {
    fn key(&self) -> Option<Key> {
        let signs = self.purpose.as_deref().is_none_or(|purpose| purpose == "sig")
            && self.key_ops.as_ref().is_none_or(|all| all.iter().any(|one| one == "verify"));
        let is = |algorithm: &str| signs && self.alg.as_deref().is_none_or(|alg| alg == algorithm);
        let bytes = |part: &Option<String>| BASE64URL_NOPAD.decode(part.as_deref()?.as_bytes()).ok();
        let kind = match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", _) if is("RS256") => Kind::Rsa { modulus: bytes(&self.n)?, exponent: bytes(&self.e)? },
            ("EC", Some("P-256")) if is("ES256") => {
                let (x, y) = (bytes(&self.x)?, bytes(&self.y)?);
                if x.len() != 32 || y.len() != 32 {
                    return None;
                }
                Kind::P256([&[4], x.as_slice(), y.as_slice()].concat())
            }
            _ => return None,
        };
        Some(Key { id: self.kid.clone(), kind })
    }
}
