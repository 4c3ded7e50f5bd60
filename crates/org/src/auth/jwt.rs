//! JWT bearer assertions: lenient claims, strict signature.
//!
//! Clients disagree about claims (`exp` as text, in milliseconds; `aud` as this or that address), so only
//! issuer, subject and a generous expiry are read. The RS256 signature is checked when the client has a
//! certificate or public key configured; a client without one is believed, and its configuration says so.

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use serde_json::Value;

use super::Refusal;

/// What an assertion claims.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Claims {
    pub(crate) issuer: String,
    pub(crate) subject: String,
}

/// Reads the claims of an assertion that has not expired.
pub(crate) fn claims(assertion: &str, now_ms: i64) -> Result<Claims, Refusal> {
    let mut parts = assertion.split('.');
    let (Some(header), Some(claims), Some(_), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(INVALID);
    };
    let algorithm = json(header)?.get("alg").and_then(Value::as_str).unwrap_or("").to_owned();
    if algorithm != "RS256" {
        return Err(Refusal("invalid_grant", "the assertion must be signed with RS256"));
    }
    let claims = json(claims)?;
    let text = |name: &str| {
        claims.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let expiry = match claims.get("exp") {
        Some(Value::Number(number)) => number.as_f64(),
        Some(Value::String(text)) => text.parse().ok(),
        _ => None,
    };
    let expiry = expiry.ok_or(INVALID)?;
    // Above this, it can only be milliseconds.
    let expiry_ms = if expiry > 1e11 { expiry } else { expiry * 1000.0 };
    let now = std::time::Duration::from_millis(u64::try_from(now_ms).unwrap_or(0)).as_secs_f64() * 1000.0;
    if expiry_ms < now {
        return Err(Refusal("invalid_grant", "assertion expired"));
    }
    Ok(Claims {
        issuer: text("iss").ok_or(INVALID)?,
        subject: text("sub").or_else(|| text("prn")).ok_or(INVALID)?,
    })
}

/// Checks the signature against a certificate or public key in PEM; without one, believes.
pub(crate) fn verify(assertion: &str, pem: Option<&str>) -> Result<(), Refusal> {
    let Some(pem) = pem else { return Ok(()) };
    let (signed, signature) = assertion.rsplit_once('.').ok_or(INVALID)?;
    let signature =
        BASE64URL_NOPAD.decode(signature.trim_end_matches('=').as_bytes()).map_err(|_| INVALID)?;
    let key = public_key(pem).ok_or(Refusal("invalid_client", "the client's certificate cannot be read"))?;
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key);
    key.verify(signed.as_bytes(), &signature).map_err(|_| Refusal("invalid_grant", "invalid assertion"))
}

fn json(part: &str) -> Result<Value, Refusal> {
    let bytes = BASE64URL_NOPAD.decode(part.trim_end_matches('=').as_bytes()).map_err(|_| INVALID)?;
    serde_json::from_slice(&bytes).map_err(|_| INVALID)
}

/// The subject public key of a PEM certificate, or of a PEM public key itself, as DER.
fn public_key(pem: &str) -> Option<Vec<u8>> {
    let certificate = pem.contains("BEGIN CERTIFICATE");
    let body: String = pem.lines().map(str::trim).filter(|line| !line.starts_with("-----")).collect();
    let der = BASE64.decode(body.as_bytes()).ok()?;
    if !certificate {
        return Some(der);
    }
    // Certificate ::= SEQUENCE { tbs SEQUENCE { [0] version, serial, algorithm, issuer, validity, subject, key … } … }
    let (_, outer, _) = element(&der)?;
    let (_, mut rest, _) = element(outer)?;
    if rest.first() == Some(&0xa0) {
        rest = element(rest)?.2;
    }
    for _ in 0..5 {
        rest = element(rest)?.2;
    }
    let (whole, _, _) = element(rest)?;
    Some(whole.to_vec())
}

/// One DER element: whole, content, what follows.
fn element(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let first = usize::from(*bytes.get(1)?);
    let (start, length) = if first < 0x80 {
        (2, first)
    } else {
        let count = first & 0x7f;
        let digits = bytes.get(2..2 + count).filter(|_| (1..=4).contains(&count))?;
        (2 + count, digits.iter().fold(0usize, |sum, digit| sum << 8 | usize::from(*digit)))
    };
    let end = start.checked_add(length)?;
    Some((bytes.get(..end)?, bytes.get(start..end)?, bytes.get(end..)?))
}

const INVALID: Refusal = Refusal("invalid_grant", "invalid assertion");

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn assertion(claims: &Value) -> String {
        let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
        format!("{}.{}.AA", part(&json!({"alg": "RS256"})), part(claims))
    }

    #[test]
    fn claims_are_read_as_clients_write_them() {
        let now = 1_800_000_000_000;
        let table = [
            (json!({"iss": "c", "sub": "u", "exp": "1800000060"}), true),
            (json!({"iss": "c", "prn": "u", "exp": 1_800_000_060_000i64}), true),
            (json!({"iss": "c", "sub": "u", "exp": 1_800_000_060.5}), true),
            (json!({"iss": "c", "sub": "u", "exp": 1_799_999_999}), false),
            (json!({"iss": "c", "sub": "u"}), false),
            (json!({"sub": "u", "exp": 1_800_000_060}), false),
        ];
        for (given, accepted) in table {
            assert_eq!(claims(&assertion(&given), now).is_ok(), accepted, "{given}");
        }
        assert!(claims("a.b", now).is_err());
    }

    #[test]
    fn a_certificate_that_is_none_refuses() {
        assert!(
            verify("a.b.c", Some("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----")).is_err()
        );
        assert!(verify("a.b.c", None).is_ok());
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in "[A-Za-z0-9_.-]{0,60}", der in proptest::collection::vec(any::<u8>(), 0..60)) {
            drop(claims(&text, 0));
            let pem = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----", BASE64.encode(&der));
            prop_assert!(verify(&text, Some(&pem)).is_err());
        }
    }
}
