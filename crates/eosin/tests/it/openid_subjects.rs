//! Who somebody is, of whom a provider vouches: their subject there, whatever they are called.

use std::{
    path::Path,
    sync::{Arc, Mutex},
};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};
use testkit::upstream::{Reply, Upstream};

use crate::{
    openid_scene::{configure, document, home, member},
    program::{http, said},
    signing_in::{self, Browser, console, events},
};

/// A provider that signs what it is told to.
struct Provider {
    upstream: Upstream,
    claims: Arc<Mutex<Value>>,
    key: Arc<Mutex<EcdsaKeyPair>>,
}

impl Provider {
    fn start() -> Self {
        let key = Arc::new(Mutex::new(new_key()));
        let signs = Arc::clone(&key);
        let claims = Arc::new(Mutex::new(Value::Null));
        let told = Arc::clone(&claims);
        let encoded = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
        let upstream = Upstream::start(move |asked| {
            let key = signs.lock().unwrap();
            let body = match asked.target.as_str() {
                "/.well-known/openid-configuration" => document(asked),
                "/keys" => {
                    let point = key.public_key().as_ref();
                    json!({"keys": [{"kty": "EC", "crv": "P-256", "x": encoded(&point[1..33]), "y": encoded(&point[33..])}]})
                }
                _ => {
                    let claims = told.lock().unwrap().to_string();
                    let signed = format!("{}.{}", encoded(br#"{"alg":"ES256"}"#), encoded(claims.as_bytes()));
                    let signature = key.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
                    json!({"id_token": format!("{signed}.{}", encoded(signature.as_ref()))})
                }
            };
            Reply::json(200, &body.to_string())
        });
        Self { upstream, claims, key }
    }

    fn home(&self) -> tempfile::TempDir {
        let folder = home();
        configure(folder.path(), &self.upstream.origin(), "");
        folder
    }

    /// Away to the provider and back, as whom it says.
    fn sign_in(&self, browser: &mut Browser, claims: &Value) -> (u16, String) {
        let (_, answer) = browser.get("/sign-in/openid");
        let now = jiff::Timestamp::now().as_second();
        let mut all = json!({"iss": self.upstream.origin(), "aud": "eosin", "exp": now + 300, "iat": now,
                             "nonce": member(&answer, "nonce")});
        all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
        *self.claims.lock().unwrap() = all;
        browser.get(&format!("/sign-in/openid/back?code=c&state={}", member(&answer, "state")))
    }
}

fn new_key() -> EcdsaKeyPair {
    EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap()
}

fn lin(email: &str, groups: &[&str]) -> Value {
    json!({"sub": "u-1", "email": email, "groups": groups})
}

/// Name, role and state of each.
fn operators(home: &Path) -> Vec<String> {
    let listed = said(home, &["operator", "list", "--json"], 0);
    let rows = listed.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let word = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    rows.map(|row| ["operator", "role", "state"].map(|name| word(&row, name)).join(" ")).collect()
}

#[test]
fn whoever_is_kept_out_does_not_come_back_under_another_name() {
    let provider = Provider::start();
    let folder = provider.home();
    let at = folder.path();
    let (server, address) = console(at);
    let mut browser = Browser::new(address);
    let (status, answer) = provider.sign_in(&mut browser, &lin("lin@example.org", &["audit"]));
    assert_eq!(status, 303, "{answer}");
    assert!(browser.get("/").1.contains("lin@example.org"));

    // Called otherwise, and given more: the same operator.
    let mut other = Browser::new(address);
    assert_eq!(provider.sign_in(&mut other, &lin("li@example.org", &["rule"])).0, 303);
    assert!(other.get("/operators").1.contains("lin@example.org"));
    let expected = ["ada admin active", "lin@example.org admin active"];
    assert_eq!(operators(at), expected);
    // Their first name, given to somebody else there.
    let mo = json!({"sub": "u-2", "email": "lin@example.org", "groups": ["audit"]});
    let (status, page) = provider.sign_in(&mut Browser::new(address), &mo);
    assert!(status == 422 && page.contains("somebody else here"), "{page}");

    said(at, &["operator", "disable", "lin@example.org"], 0);
    for email in ["lin@example.org", "li@example.org", "lin.other@example.org"] {
        let mut again = Browser::new(address);
        let (status, page) = provider.sign_in(&mut again, &lin(email, &["audit"]));
        assert!(status == 422 && page.contains("not open"), "{email}: {page}");
        assert_eq!(again.get("/").0, 303, "{email}");
    }
    assert_eq!(operators(at), ["ada admin active", "lin@example.org admin disabled"]);
    let mut expected = vec!["added", "added", "signed-in", "role", "signed-in", "refused", "disabled"];
    expected.extend(["refused"; 3]);
    assert_eq!(events(at), expected);
    server.stop();
}

#[test]
fn what_the_provider_takes_back_is_gone_at_the_next_sign_in_and_comes_back_with_it() {
    let provider = Provider::start();
    let folder = provider.home();
    let at = folder.path();
    // The only admin here is the provider's.
    let (server, address) = console(at);
    let mut browser = Browser::new(address);
    assert_eq!(provider.sign_in(&mut browser, &lin("lin@example.org", &["rule"])).0, 303);
    said(at, &["operator", "disable", "ada"], 0);
    let made = said(at, &["token", "make", "lin@example.org", "--scope", "see-records", "--json"], 0);
    let made: Value = serde_json::from_str(&made).unwrap();
    let bearer = format!("Bearer {}", made["token"].as_str().unwrap());
    let token = || http(address, "GET", "/api/v1/me", &[("authorization", &bearer)], b"").0;
    assert_eq!((browser.get("/operators").0, token()), (200, 200));

    // No role, and no name either.
    let nothing = json!({"sub": "u-1", "groups": []});
    // However often: they are known, and guess at nothing; others come from the same address.
    for _ in 0..7 {
        let (status, page) = provider.sign_in(&mut Browser::new(address), &nothing);
        assert!(status == 422 && page.contains("have no role here"), "{page}");
        assert_eq!((browser.get("/operators").0, token()), (303, 401));
    }
    assert_eq!(operators(at), ["ada admin disabled", "lin@example.org admin no role at the provider"]);
    // Somebody who was never here is nobody still.
    let mo = json!({"sub": "u-2", "email": "mo@example.org", "groups": []});
    assert_eq!(provider.sign_in(&mut Browser::new(address), &mo).0, 422);

    // Less than before.
    assert_eq!(provider.sign_in(&mut browser, &lin("lin@example.org", &["audit"])).0, 303);
    assert_eq!((browser.get("/").0, token()), (200, 200));
    assert!(!browser.get("/operator?name=ada").1.contains("Let them sign in"));
    assert_eq!(operators(at), ["ada admin disabled", "lin@example.org auditor active"]);
    let mut expected = vec!["added", "added", "signed-in", "disabled", "token-made", "taken-off"];
    expected.extend(["refused"; 8]);
    expected.extend(["role", "put-back", "signed-in"]);
    assert_eq!(events(at), expected);
    server.stop();
}

#[test]
fn a_key_that_is_another_under_the_same_name_is_taken_up() {
    let provider = Provider::start();
    let folder = provider.home();
    let at = folder.path();
    let (server, address) = console(at);
    let begun = jiff::Timestamp::now();
    let claims = lin("lin@example.org", &["audit"]);
    assert_eq!(provider.sign_in(&mut Browser::new(address), &claims).0, 303);
    *provider.key.lock().unwrap() = new_key();
    // Keys are asked for anew every two seconds at most: so long somebody else comes in.
    while jiff::Timestamp::now().as_second() - begun.as_second() < 4 {
        assert_eq!(Browser::new(address).sign_in("ada", signing_in::PASSWORD).0, 303);
    }
    assert_eq!(provider.sign_in(&mut Browser::new(address), &claims).0, 303);
    server.stop();
}
