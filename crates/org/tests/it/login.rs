//! Coming in: every grant, SOAP, and what is refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use bytes::Bytes;
use data_encoding::{BASE64, BASE64URL_NOPAD};
use http::Request;
use http_body_util::Full;
use serde_json::{Value, json};

use crate::client::{Answer, Story, encode, plain, start};

async fn token(story: &Story, form: &str, basic: Option<&str>) -> Answer {
    let mut request = Request::post("/d.salesforce.com/services/oauth2/token")
        .header("host", "gate.example:8443")
        .header("content-type", "application/x-www-form-urlencoded");
    if let Some(basic) = basic {
        request = request.header("authorization", format!("Basic {}", BASE64.encode(basic.as_bytes())));
    }
    plain(&story.org, request.body(Full::new(Bytes::from(form.to_owned()))).unwrap()).await
}

/// Whether an access token opens the org.
async fn opens(story: &Story, token: &str) -> u16 {
    let request =
        Request::get("/services/data/v67.0/limits/").header("authorization", format!("Bearer {token}"));
    plain(&story.org, request.body(Full::new(Bytes::new())).unwrap()).await.status
}

#[tokio::test]
async fn every_grant_gives_a_session_that_leads_back_to_where_it_was_asked() {
    let story = start(|_| ()).await;
    let client = "client_id=local-client&client_secret=local-secret";
    let user = "username=admin%40org.example&password=local-password";
    for (form, basic) in [
        (format!("grant_type=password&{client}&{user}"), None),
        (format!("grant_type=password&{client}&{user}token"), None),
        (format!("grant_type=client_credentials&{client}"), None),
        ("grant_type=client_credentials".to_owned(), Some("local-client:local-secret")),
        ("grant_type=refresh_token&client_id=local-client&refresh_token=local-refresh".to_owned(), None),
    ] {
        let answer = token(&story, &form, basic).await;
        assert_eq!(answer.status, 200, "{form}: {answer:?}");
        let body = answer.json();
        assert_eq!(body["instance_url"], "http://gate.example:8443");
        assert!(body["id"].as_str().unwrap().starts_with("http://gate.example:8443/id/00D"));
        assert_eq!(body.get("refresh_token"), None);
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, b"local-secret");
        let signed = format!("{}{}", body["id"].as_str().unwrap(), body["issued_at"].as_str().unwrap());
        let expected = BASE64.encode(aws_lc_rs::hmac::sign(&key, signed.as_bytes()).as_ref());
        assert_eq!(body["signature"], expected);
        assert_eq!(opens(&story, body["access_token"].as_str().unwrap()).await, 200, "{form}");
    }
}

#[tokio::test]
async fn wrong_credentials_are_refused_as_oauth_says() {
    let story = start(|_| ()).await;
    let client = "client_id=local-client&client_secret=local-secret";
    for (form, error) in [
        (
            format!("grant_type=password&{client}&username=admin%40org.example&password=wrong"),
            "invalid_grant",
        ),
        (format!("grant_type=password&{client}&username=nobody&password=local-password"), "invalid_grant"),
        ("grant_type=client_credentials&client_id=local-client&client_secret=wrong".into(), "invalid_client"),
        ("grant_type=client_credentials&client_id=nobody&client_secret=x".into(), "invalid_client_id"),
        (format!("grant_type=refresh_token&{client}&refresh_token=wrong"), "invalid_grant"),
        (format!("grant_type=wish&{client}"), "unsupported_grant_type"),
        (
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=a.b.c".into(),
            "invalid_grant",
        ),
        (String::new(), "invalid_request"),
    ] {
        let answer = token(&story, &form, None).await;
        assert_eq!((answer.status, answer.json()["error"].as_str()), (400, Some(error)), "{form}");
    }
}

#[tokio::test]
async fn a_jwt_needs_the_key_its_client_has_a_certificate_for() {
    let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let der: aws_lc_rs::encoding::PublicKeyX509Der<'_> = key.public_key().as_der().unwrap();
    let pem =
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", BASE64.encode(der.as_ref()));
    let story = start(|config| config.credentials.clients[0].certificate_pem = Some(pem)).await;
    let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    // As the Salesforce CLI writes them: milliseconds, and the address as audience.
    let claims = json!({"iss": "local-client", "sub": "admin@org.example", "aud": "http://x/", "exp": 4_102_444_800_000i64});
    let signed = format!("{}.{}", part(&json!({"alg": "RS256"})), part(&claims));
    let sign = |key: &KeyPair| {
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
        format!("{signed}.{}", BASE64URL_NOPAD.encode(&signature))
    };
    let other = KeyPair::generate(KeySize::Rsa2048).unwrap();
    for (assertion, status) in [(sign(&key), 200), (sign(&other), 400), (format!("{signed}."), 400)] {
        let grant = encode("urn:ietf:params:oauth:grant-type:jwt-bearer");
        let answer = token(&story, &format!("grant_type={grant}&assertion={assertion}"), None).await;
        assert_eq!(answer.status, status, "{answer:?}");
    }
}

#[tokio::test]
async fn soap_logs_in_and_faults() {
    let story = start(|_| ()).await;
    for (password, status, near) in [
        ("local-passwordtoken", 200, "<sessionId>00D"),
        ("wrong", 500, "<sf:exceptionCode>INVALID_LOGIN</sf:exceptionCode>"),
    ] {
        let envelope = format!(
            "<?xml version=\"1.0\"?><e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"><e:Body>\
             <n:login xmlns:n=\"urn:partner.soap.sforce.com\"><n:username>admin@org.example</n:username>\
             <n:password>{password}</n:password></n:login></e:Body></e:Envelope>"
        );
        let request = Request::post("/services/Soap/u/59.0")
            .header("content-type", "text/xml")
            .header("soapaction", "login");
        let answer = plain(&story.org, request.body(Full::new(Bytes::from(envelope))).unwrap()).await;
        assert_eq!(answer.status, status);
        assert!(answer.text().contains(near), "{}", answer.text());
    }
}

/// A clock that a test turns.
#[derive(Debug, Default)]
struct Hands(AtomicI64);

impl org::Clock for Hands {
    fn now_ms(&self) -> i64 {
        1_800_000_000_000 + self.0.load(Ordering::Relaxed)
    }
}

#[tokio::test]
async fn an_unused_session_expires_and_a_used_one_lives_on() {
    let hands = Arc::new(Hands::default());
    let clock = Arc::clone(&hands);
    let story = start(|config| {
        config.clock = clock;
        config.session_seconds = 60;
    })
    .await;
    let form = "grant_type=client_credentials&client_id=local-client&client_secret=local-secret";
    let session = token(&story, form, None).await.json()["access_token"].as_str().unwrap().to_owned();
    for (seconds, status) in [(50, 200), (100, 200), (170, 401), (100, 401)] {
        hands.0.store(seconds * 1_000, Ordering::Relaxed);
        assert_eq!(opens(&story, &session).await, status, "after {seconds} s");
    }
}

#[tokio::test]
async fn a_session_ends() {
    let mut story = start(|_| ()).await;
    assert_eq!(story.get("limits").await.status, 200);
    let info = Request::get("/services/oauth2/userinfo").header("authorization", "Bearer tok");
    let info = plain(&story.org, info.body(Full::new(Bytes::new())).unwrap()).await.json();
    assert_eq!(info["preferred_username"], "admin@org.example");
    let revoke = Request::post("/services/oauth2/revoke").body(Full::new(Bytes::from("token=tok"))).unwrap();
    assert_eq!(plain(&story.org, revoke).await.status, 200);
    let refused = story.get("limits").await;
    assert_eq!((refused.status, refused.code().as_str()), (401, "INVALID_SESSION_ID"));
    story.token = String::new();
    assert_eq!(story.get("sobjects").await.status, 401);
}
