//! The other door: a provider that is away, is another's, answers wrongly or hands over a token that nobody signed. Local
//! accounts stay as they are. (Signing in at a real provider is in `tests/console`.)

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use data_encoding::BASE64URL_NOPAD;
use testkit::upstream::{Reply, Upstream};

use crate::{
    openid_scene::{configure, document, home, member},
    program::{eosin, said},
    signing_in::{Browser, PASSWORD, console, events},
};

/// What the provider is like.
#[derive(Default)]
struct Mood {
    issuer: Mutex<String>,
    token: Mutex<String>,
    is_away: AtomicBool,
}

fn provider(mood: &Arc<Mood>) -> Upstream {
    let mood = Arc::clone(mood);
    Upstream::start(move |asked| {
        if mood.is_away.load(Ordering::SeqCst) {
            return Reply::json(500, "{}");
        }
        let issuer = mood.issuer.lock().unwrap();
        match asked.target.as_str() {
            "/.well-known/openid-configuration" => {
                let mut body = document(asked);
                if !issuer.is_empty() {
                    body["issuer"] = issuer.as_str().into();
                }
                Reply::json(200, &body.to_string())
            }
            "/keys" => Reply::json(200, r#"{"keys":[{"kty":"RSA","kid":"r","n":"_w","e":"AQAB"}]}"#),
            _ => {
                Reply::json(200, &serde_json::json!({ "id_token": *mood.token.lock().unwrap() }).to_string())
            }
        }
    })
}

/// A configuration that names a provider, and what the provider is like.
fn home_of_a_provider() -> (tempfile::TempDir, Arc<Mood>, Upstream) {
    let (folder, mood) = (home(), Arc::new(Mood::default()));
    let upstream = provider(&mood);
    configure(folder.path(), &upstream.origin(), "");
    (folder, mood, upstream)
}

#[test]
fn a_provider_that_is_away_or_lies_lets_nobody_in_and_local_accounts_stay() {
    let (folder, mood, _upstream) = home_of_a_provider();
    let at = folder.path();
    mood.is_away.store(true, Ordering::SeqCst);
    let (server, address) = console(at);
    let mut browser = Browser::new(address);
    let (_, page) = browser.get("/sign-in");
    assert!(page.contains("Sign in with 127.0.0.1"), "{page}");
    let (status, page) = browser.get("/sign-in/openid");
    assert!(status == 503 && page.contains("does not answer as it should"), "{page}");
    assert_eq!(browser.sign_in("ada", PASSWORD).0, 303, "a local account");
    assert_eq!(browser.get("/").0, 200);
    server.stop();

    // Another console, which has not asked yet: the document is of another issuer.
    mood.is_away.store(false, Ordering::SeqCst);
    *mood.issuer.lock().unwrap() = "https://evil.example".to_owned();
    let (server, address) = console(at);
    assert_eq!(Browser::new(address).get("/sign-in/openid").0, 503);
    server.stop();
    assert_eq!(events(at), ["added", "signed-in"]);
}

/// A token that nobody signed.
fn unsigned(issuer: &str, alg: &str, nonce: &str) -> String {
    let claims = serde_json::json!({"iss": issuer, "aud": "eosin", "sub": "7", "exp": 4_000_000_000_u64,
        "iat": 1_800_000_000, "nonce": nonce, "email": "eve@example.org", "groups": ["audit"]});
    let part = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
    format!("{}.{}.{}", part(&format!("{{\"alg\":\"{alg}\"}}")), part(&claims.to_string()), part("signed"))
}

#[test]
fn whoever_comes_back_without_an_errand_or_with_a_token_that_nobody_signed_is_nobody() {
    let (folder, mood, upstream) = home_of_a_provider();
    let at = folder.path();
    let (server, address) = console(at);
    let mut browser = Browser::new(address);
    let (status, answer) = browser.get("/sign-in/openid");
    assert_eq!(status, 303, "{answer}");
    assert!(
        answer.contains(&format!("location: {}/authorize?tenant=7&response_type=code", upstream.origin())),
        "{answer}"
    );
    assert_eq!(member(&answer, "redirect_uri"), "http://127.0.0.1:8460/sign-in/openid/back");
    assert_eq!(member(&answer, "code_challenge_method"), "S256");
    let state = member(&answer, "state");
    let (_, again) = browser.get("/sign-in/openid");
    assert_ne!(member(&again, "state"), state, "each errand is another");
    assert_ne!(member(&again, "nonce"), member(&answer, "nonce"));

    let back = |browser: &mut Browser, query: &str| {
        let (status, page) = browser.get(&format!("/sign-in/openid/back?{query}"));
        assert!(browser.get("/datasets").0 == 303, "nobody is in: {query}");
        (status, page)
    };
    // A state from before, and then none at all: each errand is ended by whoever comes back.
    for (query, says) in [
        (format!("code=c&state={state}"), "belongs to no sign-in"),
        (format!("code=c&state={}", member(&again, "state")), "begun too long ago"),
        (String::new(), "begun too long ago"),
    ] {
        let (status, page) = back(&mut browser, &query);
        assert!(status == 422 && page.contains(says), "{query}: {page}");
    }
    for (alg, says) in [
        ("none", "signed in a way that is not taken"),
        ("HS256", "not taken"),
        ("RS256", "not by the provider"),
    ] {
        let (_, answer) = browser.get("/sign-in/openid");
        *mood.token.lock().unwrap() = unsigned(&upstream.origin(), alg, &member(&answer, "nonce"));
        let (status, page) = back(&mut browser, &format!("code=c&state={}", member(&answer, "state")));
        assert!(status == 422 && page.contains(says), "{alg}: {page}");
    }
    let (_, answer) = browser.get("/sign-in/openid");
    let (_, page) = back(&mut browser, &format!("error=access_denied&state={}", member(&answer, "state")));
    assert!(page.contains("let nobody in"), "{page}");
    let sent = upstream.received();
    let exchange = sent.iter().find(|asked| asked.target == "/token").unwrap();
    let form = String::from_utf8_lossy(&exchange.body).into_owned();
    assert!(form.contains("grant_type=authorization_code") && form.contains("code_verifier="), "{form}");
    // Who tried too often waits, here too.
    let waits = (0..20).any(|_| {
        let (_, answer) = browser.get("/sign-in/openid");
        if answer.contains("location") {
            back(&mut browser, &format!("code=c&state={}", member(&answer, "state")));
        }
        answer.contains("Too many tries")
    });
    assert!(waits);
    assert!(events(at).iter().all(|event| event != "signed-in"));
    let output = server.stop();
    assert!(!output.contains("eve@example.org"), "no claim is in the log: {output}");
}

#[test]
fn a_configuration_that_would_let_others_listen_or_nobody_in_is_refused() {
    let folder = home();
    for (issuer, more, says) in [
        ("http://login.example.org", "", "for this machine only"),
        ("login.example.org", "", "https://host/path"),
        ("https://login.example.org", "scope = \"profile\"", "without `openid`"),
        ("https://login.example.org", "name_claim = \"\"", "1 to 200 characters"),
        ("https://login.example.org", "password = \"x\"", "unknown field"),
    ] {
        configure(folder.path(), issuer, more);
        let output = eosin(folder.path(), &["config", "check"]);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_ne!(output.status.code(), Some(0), "{issuer} {more}");
        assert!(told.contains(says), "{issuer} {more}: {told}");
    }
    configure(folder.path(), "https://login.example.org", "");
    said(folder.path(), &["config", "check"], 0);
}
