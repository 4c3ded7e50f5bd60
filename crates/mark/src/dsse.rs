//! Signed envelopes: any bytes, their type, and Ed25519 signatures over both.
//!
//! Source: DSSE 1.0.2, `protocol.md` and `envelope.md` of secure-systems-lab/dsse. The keys are those of signed notes.

use data_encoding::{BASE64, BASE64URL};
use serde::Deserialize;

use crate::{
    canonical, json,
    note::{SignerKey, VerifierKey},
};

/// An envelope as it was read: nothing in it is believed before [`Envelope::verify`].
///
/// Shape:  JSON with `payload` and `sig` in base64, `payloadType`, and one or more signatures.
/// Bounds: [`ENVELOPE_BYTES_MAX`] bytes, [`ENVELOPE_SIGNATURES_MAX`] signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    payload_type: String,
    payload: Vec<u8>,
    signatures: Vec<EnvelopeSignature>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct EnvelopeSignature {
    // A hint for finding the key. Nobody signs it, and nothing is decided by it.
    key_hint: Option<String>,
    bytes: Vec<u8>,
}

impl Envelope {
    /// Signs these bytes as this type.
    ///
    /// Never: changes the bytes: what is signed is what is read.
    pub fn sign(payload_type: &str, payload: Vec<u8>, signer: &SignerKey) -> Self {
        let bytes = signer.sign_message(&pre_authentication_encoding(payload_type, &payload));
        let key_hint = Some(key_hint(signer.verifier()));
        let signatures = vec![EnvelopeSignature { key_hint, bytes }];
        Self { payload_type: payload_type.to_owned(), payload, signatures }
    }

    /// Reads an envelope without checking who signed it.
    ///
    /// Shape:  standard or URL-safe base64, as the specification asks; members it does not name are ignored.
    /// Errors: [`EnvelopeError`] says what is wrong; the file is of no use.
    pub fn parse(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        if bytes.len() > ENVELOPE_BYTES_MAX {
            return Err(EnvelopeError::TooLong);
        }
        // First the strict reading: no member twice.
        json::parse(bytes).map_err(EnvelopeError::Json)?;
        let written: Written = serde_json::from_slice(bytes).map_err(|_| EnvelopeError::Shape)?;
        if written.signatures.is_empty() || written.signatures.len() > ENVELOPE_SIGNATURES_MAX {
            return Err(EnvelopeError::Signatures);
        }
        let signatures = written.signatures.into_iter().map(|signature| {
            let bytes = decode(&signature.sig).ok_or(EnvelopeError::Base64)?;
            Ok(EnvelopeSignature { key_hint: signature.keyid, bytes })
        });
        Ok(Self {
            payload_type: written.payload_type,
            payload: decode(&written.payload).ok_or(EnvelopeError::Base64)?,
            signatures: signatures.collect::<Result<_, _>>()?,
        })
    }

    /// The payload, if it has this type and one of these keys signed it, and the key that did.
    ///
    /// Each signature is tried with each key: the hint is not asked.
    ///
    /// Errors: [`SignatureError`]; the payload is not to be believed.
    /// Source: DSSE protocol, "Verification".
    pub fn verify<'a>(
        &'a self,
        payload_type: &str,
        trusted: &'a [VerifierKey],
    ) -> Result<(&'a [u8], &'a VerifierKey), SignatureError> {
        if self.payload_type != payload_type {
            return Err(SignatureError::Type);
        }
        let message = pre_authentication_encoding(&self.payload_type, &self.payload);
        let has_signed = |key: &&VerifierKey| {
            self.signatures.iter().any(|signature| key.has_signed(&message, &signature.bytes))
        };
        let key = trusted.iter().find(has_signed).ok_or(SignatureError::Untrusted)?;
        Ok((&self.payload, key))
    }

    /// What the payload is said to be, which nobody has vouched for.
    pub fn payload_type(&self) -> &str {
        &self.payload_type
    }

    /// The payload, which nobody has vouched for.
    pub fn unverified_payload(&self) -> &[u8] {
        &self.payload
    }

    /// Whose key the first signature hints at, as `name+hash`; nobody signs the hint.
    pub fn unverified_key_hint(&self) -> Option<&str> {
        self.signatures.first()?.key_hint.as_deref()
    }

    /// The envelope in its one spelling: RFC 8785 JSON with standard base64.
    pub fn to_json(&self) -> Vec<u8> {
        let text = |text: &str| json::Json::Text(text.to_owned().into());
        let signatures = self.signatures.iter().map(|signature| {
            let mut members: json::Members<'_> = vec![("sig".into(), text(&BASE64.encode(&signature.bytes)))];
            members.extend(signature.key_hint.as_deref().map(|hint| ("keyid".into(), text(hint))));
            json::Json::Object(members)
        });
        canonical::to_vec(&json::Json::Object(vec![
            ("payload".into(), text(&BASE64.encode(&self.payload))),
            ("payloadType".into(), text(&self.payload_type)),
            ("signatures".into(), json::Json::Array(signatures.collect())),
        ]))
    }
}

/// The bytes that are signed: type and payload, each behind its length.
///
/// Source: DSSE protocol, "Signature Definition".
pub fn pre_authentication_encoding(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

/// How a key is hinted at: the beginning of its vkey, `name+hash`.
pub fn key_hint(key: &VerifierKey) -> String {
    format!("{}+{}", key.name(), key.id())
}

/// Why a text is not an envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Past [`ENVELOPE_BYTES_MAX`].
    #[error("is longer than {ENVELOPE_BYTES_MAX} bytes")]
    TooLong,
    /// Not one JSON text.
    #[error("{0}")]
    Json(json::JsonError),
    /// Another shape than an envelope's.
    #[error("is not a DSSE envelope: it has not `payload`, `payloadType` and `signatures`")]
    Shape,
    /// No signature, or too many.
    #[error("has no signature, or more than {ENVELOPE_SIGNATURES_MAX}")]
    Signatures,
    /// Payload or signature is not base64.
    #[error("has a payload or a signature that is not base64")]
    Base64,
}

/// Why an envelope proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// Its payload is of another type.
    #[error("holds something of another type")]
    Type,
    /// No trusted key signed it as it is.
    #[error("was not signed, as it is, by a key that is trusted here")]
    Untrusted,
}

/// The longest envelope that is read, in bytes.
pub const ENVELOPE_BYTES_MAX: usize = 64 << 20;
/// The most signatures that are read.
pub const ENVELOPE_SIGNATURES_MAX: usize = 16;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    payload: String,
    payload_type: String,
    signatures: Vec<WrittenSignature>,
}

#[derive(Deserialize)]
struct WrittenSignature {
    #[serde(default)]
    keyid: Option<String>,
    sig: String,
}

/// Either alphabet, padded, one spelling: pieces joined or loose bits are refused.
fn decode(text: &str) -> Option<Vec<u8>> {
    let standard = text.replace('-', "+").replace('_', "/");
    if standard != text && BASE64URL.decode(text.as_bytes()).is_err() {
        return None;
    }
    crate::digest::decode_base64(&standard)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TYPE: &str = "application/vnd.in-toto+json";

    fn signer() -> SignerKey {
        SignerKey::generate("log.example", [3; 32]).unwrap()
    }

    #[test]
    fn the_bytes_signed_are_those_of_the_specification() {
        assert_eq!(pre_authentication_encoding(TYPE, b"{}"), b"DSSEv1 28 application/vnd.in-toto+json 2 {}");
        // The vector in protocol.md.
        assert_eq!(
            pre_authentication_encoding("http://example.com/HelloWorld", b"hello world"),
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
        assert_eq!(pre_authentication_encoding("é", b""), "DSSEv1 2 é 0 ".as_bytes(), "lengths are bytes");
    }

    #[test]
    fn what_was_signed_is_read_again_by_its_key_alone() {
        let envelope = Envelope::sign(TYPE, b"{\"a\":1}".to_vec(), &signer());
        let again = Envelope::parse(&envelope.to_json()).unwrap();
        assert_eq!(again, envelope);
        let (mine, other) = (signer(), SignerKey::generate("log.example", [4; 32]).unwrap());
        let both = [other.verifier().clone(), mine.verifier().clone()];
        assert_eq!(again.verify(TYPE, &both), Ok((&b"{\"a\":1}"[..], mine.verifier())));
        assert_eq!(again.verify(TYPE, &both[..1]), Err(SignatureError::Untrusted));
        assert_eq!(again.verify("text/plain", &both), Err(SignatureError::Type));
        assert!(again.unverified_key_hint().unwrap().starts_with("log.example+"));
    }

    #[test]
    fn envelopes_of_others_are_read_and_texts_that_are_none_are_not() {
        let check = |text: &str, want: Result<(), EnvelopeError>| {
            assert_eq!(Envelope::parse(text.as_bytes()).map(|_| ()), want, "{text}");
        };
        check(r#"{"payload":"e30=","payloadType":"t","signatures":[{"sig":"-_8="}],"more":1}"#, Ok(()));
        check(r#"{"payload":"e30=","payloadType":"t","signatures":[{"keyid":"","sig":"+/8="}]}"#, Ok(()));
        let fault = |error| Err(error);
        check(r#"{"payload":"e30=","payloadType":"t","signatures":[]}"#, fault(EnvelopeError::Signatures));
        check(
            r#"{"payload":"e30=","payloadType":"t","signatures":[{"sig":"-/8="}]}"#,
            fault(EnvelopeError::Base64),
        );
        check(
            r#"{"payload":"e3","payloadType":"t","signatures":[{"sig":""}]}"#,
            fault(EnvelopeError::Base64),
        );
        check(r#"{"payload":"e30="}"#, fault(EnvelopeError::Shape));
        assert!(matches!(Envelope::parse(b"{"), Err(EnvelopeError::Json(_))));
        let twice = r#"{"payload":"e30=","payload":"e30=","payloadType":"t","signatures":[{"sig":""}]}"#;
        assert!(matches!(Envelope::parse(twice.as_bytes()), Err(EnvelopeError::Json(_))));
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            drop(Envelope::parse(&bytes));
        }

        #[test]
        fn any_payload_comes_back(payload in proptest::collection::vec(any::<u8>(), 0..200)) {
            let envelope = Envelope::sign(TYPE, payload, &signer());
            prop_assert_eq!(Envelope::parse(&envelope.to_json()), Ok(envelope));
        }
    }
}
