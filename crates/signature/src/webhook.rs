//! Signatures of webhooks as Standard Webhooks writes them: a message's name, its moment and its bytes, signed.
//!
//! Source: the Standard Webhooks specification 1.0.0, "Signature scheme"; spec/webhooks.md section 5.

use std::fmt;

use aws_lc_rs::{
    hmac,
    signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey},
};
use data_encoding::BASE64;

/// A key that webhooks are signed with.
///
/// Debug shows the scheme only.
pub struct WebhookKey(Material);

enum Material {
    /// `whsec_…`: consumer and sender have the same secret.
    Shared(Box<hmac::Key>),
    /// `whsk_…`: the consumer has the public half.
    Own(Ed25519KeyPair),
}

/// Why a text is no key for webhooks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebhookKeyError {
    /// Neither prefix.
    #[error("a webhook's key begins with `whsec_` (a shared secret) or `whsk_` (an Ed25519 private key)")]
    Prefix,
    /// What follows is not base64.
    #[error("what follows the key's prefix is not base64")]
    Base64,
    /// Too short to be a secret, or too long.
    #[error("a shared secret has 24 to 64 bytes: `whsec_$(openssl rand -base64 32)`")]
    Length,
    /// Not an Ed25519 key.
    #[error("an Ed25519 private key is 32 bytes, or 64 with the public half that belongs to it")]
    Ed25519,
}

impl WebhookKey {
    /// Reads a key.
    ///
    /// Shape:  `whsec_` and 24 to 64 bytes in base64, or `whsk_` and an Ed25519 seed, perhaps with its public half.
    /// Errors: see [`WebhookKeyError`]; never the text.
    pub fn parse(text: &str) -> Result<Self, WebhookKeyError> {
        let text = text.trim();
        let bytes = |rest: &str| BASE64.decode(rest.as_bytes()).map_err(|_| WebhookKeyError::Base64);
        if let Some(rest) = text.strip_prefix("whsec_") {
            let secret = bytes(rest)?;
            if !(24..=64).contains(&secret.len()) {
                return Err(WebhookKeyError::Length);
            }
            return Ok(Self(Material::Shared(Box::new(hmac::Key::new(hmac::HMAC_SHA256, &secret)))));
        }
        let rest = text.strip_prefix("whsk_").ok_or(WebhookKeyError::Prefix)?;
        let key = bytes(rest)?;
        let pair = match key.split_at_checked(32) {
            Some((seed, [])) => Ed25519KeyPair::from_seed_unchecked(seed),
            Some((seed, public)) => Ed25519KeyPair::from_seed_and_public_key(seed, public),
            None => return Err(WebhookKeyError::Ed25519),
        };
        pair.map(|pair| Self(Material::Own(pair))).map_err(|_| WebhookKeyError::Ed25519)
    }

    /// The public half as consumers are told it, `whpk_…`; a shared secret has none.
    pub fn public(&self) -> Option<String> {
        match &self.0 {
            Material::Shared(_) => None,
            Material::Own(pair) => Some(format!("whpk_{}", BASE64.encode(pair.public_key().as_ref()))),
        }
    }

    /// One signature: `v1,…` of a shared secret, `v1a,…` of an Ed25519 key.
    fn sign(&self, signed: &[u8]) -> String {
        match &self.0 {
            Material::Shared(key) => format!("v1,{}", BASE64.encode(hmac::sign(key, signed).as_ref())),
            Material::Own(pair) => format!("v1a,{}", BASE64.encode(pair.sign(signed).as_ref())),
        }
    }

    fn has_signed(&self, signed: &[u8], said: &str) -> bool {
        let decoded = |text: &str| BASE64.decode(text.as_bytes()).ok();
        match (&self.0, said.split_once(',')) {
            (Material::Shared(key), Some(("v1", text))) => {
                decoded(text).is_some_and(|tag| hmac::verify(key, signed, &tag).is_ok())
            }
            (Material::Own(pair), Some(("v1a", text))) => decoded(text).is_some_and(|signature| {
                UnparsedPublicKey::new(&ED25519, pair.public_key().as_ref())
                    .verify(signed, &signature)
                    .is_ok()
            }),
            _ => false,
        }
    }
}

/// The value of `webhook-signature`: one signature a key, so that a consumer with the old or the new one is content.
///
/// Shape:  the keys, `webhook-id`, `webhook-timestamp` in seconds since 1970, the body as sent.
/// Errors: `None` for a name with a full stop, which would let two messages have one signature, or without a key.
pub fn sign_webhook(keys: &[WebhookKey], id: &str, seconds: i64, body: &[u8]) -> Option<String> {
    if id.is_empty() || id.contains('.') || keys.is_empty() {
        return None;
    }
    let signed = signed(id, seconds, body);
    let all: Vec<String> = keys.iter().map(|key| key.sign(&signed)).collect();
    Some(all.join(" "))
}

/// Whether one of the keys made one of the signatures, and the moment is not further off than this.
///
/// Shape:  `webhook-id`, `webhook-timestamp` and `webhook-signature` as they came, the body, the time now.
/// Bounds: the first sixteen signatures of the field.
pub fn verify_webhook(
    keys: &[WebhookKey],
    heads: (&str, &str, &str),
    body: &[u8],
    now: i64,
    tolerance_seconds: u32,
) -> bool {
    let (id, timestamp, signatures) = heads;
    let Ok(seconds) = timestamp.parse::<i64>() else { return false };
    if seconds.to_string() != timestamp || now.abs_diff(seconds) > u64::from(tolerance_seconds) {
        return false;
    }
    let signed = signed(id, seconds, body);
    let said = || signatures.split(' ').take(SIGNATURES_MAX);
    keys.iter().any(|key| said().any(|said| key.has_signed(&signed, said)))
}

const SIGNATURES_MAX: usize = 16;

fn signed(id: &str, seconds: i64, body: &[u8]) -> Vec<u8> {
    [id.as_bytes(), b".", seconds.to_string().as_bytes(), b".", body].concat()
}

impl fmt::Debug for WebhookKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Material::Shared(_) => "WebhookKey(v1)",
            Material::Own(_) => "WebhookKey(v1a)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    fn key(text: &str) -> WebhookKey {
        WebhookKey::parse(text).unwrap()
    }

    /// The vector that the Standard Webhooks libraries test themselves with.
    #[test]
    fn the_published_vector_is_met() {
        let body = br#"{"test": 2432232314}"#;
        let signature =
            sign_webhook(&[key(SECRET)], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body).unwrap();
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn either_key_of_two_is_enough() {
        let own = format!("whsk_{}", BASE64.encode(&[7; 32]));
        let keys = [key(SECRET), key(&own)];
        let body = b"{}";
        let said = sign_webhook(&keys, "msg_1", 100, body).unwrap();
        let parts: Vec<&str> = said.split(' ').collect();
        assert!(parts[0].starts_with("v1,") && parts[1].starts_with("v1a,"), "{said}");
        for text in [SECRET, own.as_str()] {
            let one = [key(text)];
            assert!(verify_webhook(&one, ("msg_1", "100", &said), body, 160, 60));
            assert!(!verify_webhook(&one, ("msg_2", "100", &said), body, 100, 60));
            assert!(!verify_webhook(&one, ("msg_1", "100", &said), b"{ }", 100, 60));
            assert!(!verify_webhook(&one, ("msg_1", "100", &said), body, 161, 60));
            assert!(!verify_webhook(&one, ("msg_1", "0100", &said), body, 100, 60));
        }
        let other = [key(&format!("whsec_{}", BASE64.encode(&[8; 32])))];
        assert!(!verify_webhook(&other, ("msg_1", "100", &said), body, 100, 60));
        assert!(keys[1].public().unwrap().starts_with("whpk_") && keys[0].public().is_none());
    }

    #[test]
    fn a_text_that_is_no_key_says_what_one_is() {
        let fault = |text: &str| WebhookKey::parse(text).unwrap_err();
        assert_eq!(fault("secret"), WebhookKeyError::Prefix);
        assert_eq!(fault("whsec_%%"), WebhookKeyError::Base64);
        assert_eq!(fault("whsec_AAAA"), WebhookKeyError::Length);
        assert_eq!(fault("whsk_AAAA"), WebhookKeyError::Ed25519);
        let other = format!("whsk_{}", BASE64.encode(&[7; 64]));
        assert_eq!(fault(&other), WebhookKeyError::Ed25519);
        assert!(!format!("{:?}", key(SECRET)).contains("MfKQ"));
        assert_eq!(sign_webhook(&[key(SECRET)], "a.b", 1, b""), None);
        assert_eq!(sign_webhook(&[], "a", 1, b""), None);
    }
}
