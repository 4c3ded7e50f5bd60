//! What a provider of OpenID Connect says, of any bytes: it is read or refused, and nobody arrives whose token it did not sign, or
//! signed for somebody else, for another sign-in or another moment, or whose address it calls unverified.
#![no_main]

use std::sync::LazyLock;

use access::{
    Role,
    openid::{Client, Errand, KeySet, Metadata},
};
use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};

const ISSUER: &str = "https://login.example.org";
const NOW: u64 = 1_800_000_000;
/// By how much a clock may be wrong, and one for fractions, which are rounded.
const LEEWAY_SECONDS: f64 = 61.0;
/// How old a token may be, and one for fractions.
const AGE_SECONDS: f64 = 601.0;

static PROVIDER: LazyLock<(EcdsaKeyPair, KeySet)> = LazyLock::new(|| {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
    let point = pair.public_key().as_ref();
    let [x, y] = [&point[1..33], &point[33..]].map(|half| BASE64URL_NOPAD.encode(half));
    let document = format!(r#"{{"keys":[{{"kty":"EC","kid":"e","crv":"P-256","x":"{x}","y":"{y}"}}]}}"#);
    let keys = KeySet::read(document.as_bytes()).expect("a set of one key");
    (pair, keys)
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let (_, keys) = &*PROVIDER;
    let client = client();
    let errand = Errand::new(&[7; 96], NOW);
    if let Ok(metadata) = Metadata::read(bytes, ISSUER) {
        let _ = (metadata.takes_secret_in_form_only(), errand.came_back("", None, &metadata));
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        assert!(client.arrival(text, keys, &errand, NOW).is_err(), "the provider signed nothing");
        // Keys and a token of one stranger, a line each.
        if let Some((document, token)) = text.split_once('\n')
            && let Ok(strange) = KeySet::read(document.as_bytes())
        {
            let _ = client.arrival(token, &strange, &errand, NOW);
        }
    }
    arrives(bytes, &client, &errand);
    // Claims that are good, but for what the bytes say of some of them.
    if let Ok(Value::Object(others)) = serde_json::from_slice(bytes) {
        let nonce = nonce(&client, &errand);
        let good = json!({"iss": ISSUER, "sub": "7", "aud": "eosin", "exp": NOW + 300, "iat": NOW, "nonce": nonce,
                          "email": "ada@example.org", "groups": "audit"});
        let Value::Object(mut claims) = good else { unreachable!("an object") };
        claims.extend(others);
        arrives(Value::Object(claims).to_string().as_bytes(), &client, &errand);
    }
});

/// Comes back with these claims, signed by the provider.
fn arrives(claims: &[u8], client: &Client, errand: &Errand) {
    let (pair, keys) = &*PROVIDER;
    let header = BASE64URL_NOPAD.encode(br#"{"alg":"ES256","kid":"e"}"#);
    let signed = format!("{header}.{}", BASE64URL_NOPAD.encode(claims));
    let signature = pair.sign(&SystemRandom::new(), signed.as_bytes()).expect("a signature");
    let token = format!("{signed}.{}", BASE64URL_NOPAD.encode(signature.as_ref()));
    let Ok(arrival) = client.arrival(&token, keys, errand, NOW) else { return };
    let claims: Value = serde_json::from_slice(claims).expect("claims are JSON");
    let said = |name: &str| claims[name].as_str();
    assert_eq!((said("iss"), said("nonce")), (Some(ISSUER), Some(nonce(client, errand).as_str())));
    let has = |claim: &Value, word: &str| {
        claim.as_str() == Some(word)
            || claim.as_array().is_some_and(|all| all.iter().any(|one| one.as_str() == Some(word)))
    };
    assert!(has(&claims["aud"], &client.id), "it is for us");
    let is_alone = claims["aud"].as_array().is_none_or(|all| all.len() == 1);
    let is_authorized = claims.get("azp").map_or(is_alone, |party| party.as_str() == Some(&client.id));
    assert!(is_authorized, "it was asked for by us");
    let (now, at) = (NOW as f64, |name: &str| claims.get(name).map(Value::as_f64));
    assert!(at("exp").flatten().is_some_and(|ends| ends + LEEWAY_SECONDS > now), "it has not ended");
    let is_fresh = |made: f64| (now - AGE_SECONDS..now + LEEWAY_SECONDS).contains(&made);
    assert!(at("iat").flatten().is_some_and(is_fresh), "it was made just now");
    let is_begun = |begins: Option<f64>| begins.is_some_and(|begins| begins < now + LEEWAY_SECONDS);
    assert!(at("nbf").is_none_or(is_begun), "it has begun");
    assert_eq!(Some(arrival.subject), said("sub").map(|sub| format!("{ISSUER} {sub}")));
    let groups = &claims["groups"];
    let Some((name, role)) = arrival.claimed else {
        assert!(!has(groups, "admins") && !has(groups, "audit"), "they have no role");
        return;
    };
    assert!(claims.get("email_verified").is_none_or(|said| *said == json!(true)), "the address is theirs");
    assert_eq!(Some(name.as_str()), said("email").map(|name| name.trim().to_ascii_lowercase()).as_deref());
    assert_eq!(role == Role::Admin, has(groups, "admins"));
    assert!(has(groups, "admins") || has(groups, "audit"), "a claim gave the role");
}

fn nonce(client: &Client, errand: &Errand) -> String {
    let question = errand.question(client, "https://console.example/back");
    question.into_iter().find(|(name, _)| *name == "nonce").expect("it is asked with one").1
}

fn client() -> Client {
    Client {
        issuer: ISSUER.to_owned(),
        id: "eosin".to_owned(),
        scope: "openid".to_owned(),
        name_claim: "email".to_owned(),
        role_claim: "groups".to_owned(),
        roles: vec![(Role::Admin, vec!["admins".to_owned()]), (Role::Auditor, vec!["audit".to_owned()])],
    }
}
