//! Hostile ID tokens, and good ones: what each is answered.

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::KeySize,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair},
};
use serde_json::{Value, json};

use super::*;

const NOW: u64 = 1_800_000_000;
const ISSUER: &str = "https://login.example.org";

fn encoded(bytes: &[u8]) -> String {
    BASE64URL_NOPAD.encode(bytes)
}

/// A provider with an RSA key `r`, an elliptic one `e`, and one that signs nothing.
struct Provider {
    rsa: RsaKeyPair,
    elliptic: EcdsaKeyPair,
}

impl Provider {
    fn new() -> Self {
        let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let elliptic = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        Self { rsa, elliptic }
    }

    /// Between the heads of a DER sequence and integer, and the exponent 65537.
    fn modulus(&self) -> &[u8] {
        let der = self.rsa.public_key().as_ref();
        assert_eq!(der.len(), 270, "a key of 2048 bits");
        &der[9..265]
    }

    fn document(&self) -> Value {
        let (modulus, exponent) = (encoded(self.modulus()), encoded(&[1, 0, 1]));
        let point = self.elliptic.public_key().as_ref();
        json!({"keys": [
            {"kty": "RSA", "kid": "r", "use": "sig", "alg": "RS256", "n": modulus, "e": exponent},
            {"kty": "EC", "kid": "e", "crv": "P-256", "x": encoded(&point[1..33]), "y": encoded(&point[33..])},
            {"kty": "RSA", "kid": "seals", "use": "enc", "n": modulus, "e": exponent},
            {"kty": "oct", "kid": "o", "k": "c2VjcmV0"},
        ]})
    }

    fn keys(&self) -> KeySet {
        KeySet::read(self.document().to_string().as_bytes()).unwrap()
    }

    fn token(&self, header: &Value, claims: &str) -> String {
        let signed = format!("{}.{}", encoded(header.to_string().as_bytes()), encoded(claims.as_bytes()));
        let random = SystemRandom::new();
        let signature = match header["alg"].as_str() {
            Some("ES256") => self.elliptic.sign(&random, signed.as_bytes()).unwrap().as_ref().to_vec(),
            Some("none") => Vec::new(),
            Some("HS256") => {
                // What a library signs with that takes a public key for a secret.
                cipher::keyed(self.modulus(), signed.as_bytes()).to_vec()
            }
            _ => {
                let mut signature = vec![0; self.rsa.public_modulus_len()];
                self.rsa.sign(&RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut signature).unwrap();
                signature
            }
        };
        format!("{signed}.{}", encoded(&signature))
    }
}

fn client() -> Client {
    Client {
        issuer: ISSUER.to_owned(),
        id: "eosin".to_owned(),
        scope: "openid profile".to_owned(),
        name_claim: "email".to_owned(),
        role_claim: "groups".to_owned(),
        roles: vec![
            (Role::Admin, vec!["eosin-admins".to_owned()]),
            (Role::Auditor, vec!["audit".to_owned(), "revision".to_owned()]),
        ],
    }
}

fn errand() -> Errand {
    Errand::new(&std::array::from_fn(|at| u8::try_from(at).unwrap()), NOW)
}

fn claims() -> Value {
    json!({"iss": ISSUER, "sub": "7", "aud": "eosin", "exp": NOW + 300, "iat": NOW, "nonce": errand().nonce,
           "email": "Ada@example.org", "email_verified": true, "groups": ["staff", "revision"]})
}

/// The claims with some of them changed, or taken away where `null` is said.
fn with(changes: &Value) -> String {
    let mut claims = claims();
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        }
    }
    claims.to_string()
}

#[test]
fn each_claim_of_a_token_is_believed_only_as_it_has_to_be() {
    let provider = Provider::new();
    let keys = provider.keys();
    let subject = format!("{ISSUER} 7");
    let ada = |role| Some(("ada@example.org".parse().unwrap(), role));
    let good = Arrival { subject: subject.clone(), claimed: ada(Role::Auditor) };
    let admin = Arrival { subject: subject.clone(), claimed: ada(Role::Admin) };
    let off = Arrival { subject, claimed: None };
    for (changes, expected) in [
        (json!({}), Ok(good.clone())),
        (json!({"aud": ["eosin"]}), Ok(good.clone())),
        (json!({"aud": ["eosin", "other"], "azp": "eosin"}), Ok(good.clone())),
        (json!({"azp": "eosin"}), Ok(good.clone())),
        (json!({"groups": ["audit", "eosin-admins"]}), Ok(admin)),
        (json!({"groups": "audit"}), Ok(good.clone())),
        (json!({"email_verified": null}), Ok(good.clone())),
        (json!({"exp": NOW - 59, "iat": NOW - 300}), Ok(good.clone())),
        (json!({"iat": NOW + 60, "nbf": NOW + 60}), Ok(good.clone())),
        (json!({"iat": 1_799_999_999.7}), Ok(good)),
        (json!({"iss": "https://login.example.org/"}), Err(Refusal::Issuer)),
        (json!({"iss": "https://evil.example"}), Err(Refusal::Issuer)),
        (json!({"iss": null}), Err(Refusal::Issuer)),
        (json!({"aud": "other"}), Err(Refusal::Audience)),
        (json!({"aud": []}), Err(Refusal::Audience)),
        (json!({"aud": null}), Err(Refusal::Audience)),
        (json!({"aud": ["eosin", 7]}), Err(Refusal::Audience)),
        (json!({"aud": ["eosin", "other"]}), Err(Refusal::Audience)),
        (json!({"aud": ["eosin", "other"], "azp": "other"}), Err(Refusal::Audience)),
        (json!({"azp": "other"}), Err(Refusal::Audience)),
        (json!({"azp": 7}), Err(Refusal::Audience)),
        (json!({"exp": NOW - 60}), Err(Refusal::Time)),
        (json!({"exp": null}), Err(Refusal::Time)),
        (json!({"exp": "tomorrow"}), Err(Refusal::Time)),
        (json!({"exp": -1}), Err(Refusal::Time)),
        (json!({"iat": null}), Err(Refusal::Time)),
        (json!({"iat": NOW + 61}), Err(Refusal::Time)),
        (json!({"iat": NOW - 601}), Err(Refusal::Time)),
        (json!({"nbf": NOW + 61}), Err(Refusal::Time)),
        (json!({"nonce": "another"}), Err(Refusal::Nonce)),
        (json!({"nonce": null}), Err(Refusal::Nonce)),
        (json!({"nonce": ""}), Err(Refusal::Nonce)),
        (json!({"sub": null}), Err(Refusal::Name)),
        (json!({"sub": ""}), Err(Refusal::Name)),
        (json!({"sub": "x".repeat(256)}), Err(Refusal::Name)),
        (json!({"email": null}), Err(Refusal::Name)),
        (json!({"email": "Ada Lovelace <ada@example.org>"}), Err(Refusal::Name)),
        (json!({"email_verified": false}), Err(Refusal::Name)),
        (json!({"email_verified": "false"}), Err(Refusal::Name)),
        (json!({"email_verified": "true"}), Err(Refusal::Name)),
        (json!({"email_verified": 1}), Err(Refusal::Name)),
        (json!({"groups": ["staff"]}), Ok(off.clone())),
        (json!({"groups": null}), Ok(off.clone())),
        (json!({"groups": {"audit": true}}), Ok(off.clone())),
        (json!({"groups": [], "email": null}), Ok(off.clone())),
        (json!({"groups": [], "email_verified": false}), Ok(off)),
    ] {
        for header in [json!({"alg": "RS256", "kid": "r"}), json!({"alg": "ES256", "kid": "e"})] {
            let token = provider.token(&header, &with(&changes));
            assert_eq!(client().arrival(&token, &keys, &errand(), NOW), expected, "{changes} {header}");
        }
    }
}

#[test]
fn a_token_that_the_provider_did_not_sign_is_nobody() {
    let (provider, other) = (Provider::new(), Provider::new());
    let keys = provider.keys();
    let asked = |token: &str| client().arrival(token, &keys, &errand(), NOW).map(|_| ());
    let plain = claims().to_string();
    for (header, expected) in [
        (json!({"alg": "RS256", "kid": "r", "typ": "JWT"}), Ok(())),
        (json!({"alg": "RS256"}), Ok(())),
        (json!({"alg": "none"}), Err(Refusal::Algorithm)),
        (json!({"alg": "None", "kid": "r"}), Err(Refusal::Algorithm)),
        (json!({"alg": "HS256", "kid": "r"}), Err(Refusal::Algorithm)),
        (json!({"alg": "RS512", "kid": "r"}), Err(Refusal::Algorithm)),
        (json!({"alg": "ES256", "kid": "r"}), Err(Refusal::UnknownKey)),
        (json!({"alg": "RS256", "kid": "new"}), Err(Refusal::UnknownKey)),
        (json!({"alg": "RS256", "kid": "seals"}), Err(Refusal::UnknownKey)),
        (json!({"alg": "RS256", "kid": "r", "crit": ["b64"], "b64": false}), Err(Refusal::Shape)),
        (json!({"kid": "r"}), Err(Refusal::Shape)),
    ] {
        assert_eq!(asked(&provider.token(&header, &plain)), expected, "{header}");
    }
    for header in [json!({"alg": "RS256", "kid": "r"}), json!({"alg": "ES256", "kid": "e"})] {
        assert_eq!(asked(&other.token(&header, &plain)), Err(Refusal::Signature), "another's key, {header}");
        let token = provider.token(&header, &plain);
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let (head, _) = signed.split_once('.').unwrap();
        let raised = encoded(with(&json!({"groups": ["eosin-admins"]})).as_bytes());
        for (changed, expected) in [
            (format!("{head}.{raised}.{signature}"), Refusal::Signature),
            (format!("{signed}."), Refusal::Signature),
            (format!("{signed}.{}", encoded(&[0; 64])), Refusal::Signature),
            (format!("{signed}.{signature}="), Refusal::Shape),
            (signed.to_owned(), Refusal::Shape),
            (format!("{token}.{signature}"), Refusal::Signature),
            (String::new(), Refusal::Shape),
            (format!("{head}.{}.{signature}", "A".repeat(ID_TOKEN_BYTES_MAX)), Refusal::Shape),
        ] {
            assert_eq!(asked(&changed), Err(expected), "{changed}");
        }
    }
    // Two audiences of one name: another reader may believe the other.
    let twice = plain.replacen('{', "{\"aud\":\"other\",", 1);
    let header = json!({"alg": "RS256", "kid": "r"});
    assert_eq!(asked(&provider.token(&header, &twice)), Err(Refusal::Shape));
    assert_eq!(asked(&provider.token(&header, "[]")), Err(Refusal::Shape));
}

#[test]
fn keys_that_sign_nothing_or_are_weak_or_broken_check_nothing() {
    let weak = json!({"keys": [{"kty": "RSA", "kid": "r", "n": encoded(&[0xff; 64]), "e": "AQAB"}]});
    let keys = KeySet::read(weak.to_string().as_bytes()).unwrap();
    let token = Provider::new().token(&json!({"alg": "RS256", "kid": "r"}), &claims().to_string());
    assert_eq!(client().arrival(&token, &keys, &errand(), NOW), Err(Refusal::Signature), "512 bits");
    for document in [
        "",
        "[]",
        "{}",
        r#"{"keys":[]}"#,
        r#"{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}"#,
        r#"{"keys":[{"kty":"EC","crv":"P-256","x":"AAAA","y":"AAAA"}]}"#,
        r#"{"keys":[{"kty":"RSA","n":"not base64!","e":"AQAB"}]}"#,
    ] {
        assert!(KeySet::read(document.as_bytes()).is_err(), "{document}");
    }
    // Without a name in the token the provider must have one key of its kind.
    let provider = Provider::new();
    let mut document = provider.document();
    let mut second = document["keys"][0].clone();
    second["kid"] = "r2".into();
    document["keys"].as_array_mut().unwrap().push(second);
    let keys = KeySet::read(document.to_string().as_bytes()).unwrap();
    let token = provider.token(&json!({"alg": "RS256"}), &claims().to_string());
    assert_eq!(client().arrival(&token, &keys, &errand(), NOW), Err(Refusal::UnknownKey));
}

#[test]
fn a_browser_comes_back_once_from_its_own_errand_in_time() {
    let document = |more: &str| {
        let text = format!(
            r#"{{"issuer":"{ISSUER}","authorization_endpoint":"a","token_endpoint":"t","jwks_uri":"k"{more}}}"#
        );
        Metadata::read(text.as_bytes(), ISSUER)
    };
    let plain = document("").unwrap();
    let careful = document(r#","authorization_response_iss_parameter_supported":true"#).unwrap();
    let errand = errand();
    for (state, issuer, metadata, expected) in [
        (errand.state.as_str(), None, &plain, Ok(())),
        (&errand.state, Some(ISSUER), &plain, Ok(())),
        (&errand.state, Some("https://evil.example"), &plain, Err(Refusal::Issuer)),
        (&errand.state, None, &careful, Err(Refusal::Issuer)),
        ("another", Some(ISSUER), &careful, Err(Refusal::State)),
        ("", None, &plain, Err(Refusal::State)),
    ] {
        assert_eq!(errand.came_back(state, issuer, metadata), expected, "{state} {issuer:?}");
    }
    assert!(Metadata::read(b"{}", ISSUER).is_err());
    assert!(document(r#","issuer":"https://evil.example""#).is_err(), "twice");
    let mut errands = Errands::default();
    errands.begin("browser", "192.0.2.1", errand.clone());
    assert_eq!(errands.end("another", NOW), None);
    assert_eq!(errands.end("browser", NOW + ERRAND_SECONDS), None, "too late");
    errands.begin("browser", "192.0.2.1", errand.clone());
    assert_eq!(errands.end("browser", NOW), Some(errand.clone()));
    assert_eq!(errands.end("browser", NOW), None, "once");
    // Whoever begins many pushes out their own, and nobody else's.
    let early = Errand { begun: NOW - 1, ..errand.clone() };
    errands.begin("early", "192.0.2.1", early.clone());
    for number in 0..1_100_u32 {
        errands.begin(&number.to_string(), "203.0.113.9", errand.clone());
    }
    errands.begin("late", "192.0.2.2", errand.clone());
    assert_eq!(errands.open.len(), ERRANDS_MAX);
    assert_eq!(errands.end("early", NOW), Some(early));
    assert_eq!(errands.end("late", NOW), Some(errand.clone()));
    let question = errand.question(&client(), "https://console.example.org/back");
    let challenge = encoded(&cipher::sha256(errand.verifier.as_bytes()));
    assert!(question.contains(&("code_challenge", challenge)), "{question:?}");
    assert!(!format!("{question:?}").contains(&errand.verifier), "the verifier stays here");
}
