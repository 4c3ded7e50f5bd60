//! What a gateway signs and believes: windows, peers, nonces, and every way to be refused.

use super::*;
use crate::{Fields, new_private_jwk};

const BODY: &[u8] = br#"{"LastName":"Zzyzx"}"#;
const NOW: i64 = 1_795_000_000;
const WINDOW: Window = Window { age_seconds: 60, skew_seconds: 5 };

fn key() -> SigningKey {
    SigningKey::from_jwk(&new_private_jwk(&[3; 32]).unwrap()).unwrap()
}

fn peers() -> Peers {
    let mut peers = Peers::default();
    peers.add(VerifyingKey::from_jwk(&key().public_jwk().unwrap()).unwrap(), "a.example/log").unwrap();
    peers
}

fn request() -> Request {
    Request {
        method: "POST".to_owned(),
        scheme: "https".to_owned(),
        authority: "b.example".to_owned(),
        target: "/services/data/v67.0/sobjects/Contact".to_owned(),
        fields: [
            ("content-digest", digest::header(BODY).as_str()),
            ("content-type", "application/json"),
            ("eosin-provenance", r#"v=1, synthetic=1, ruling="a.example/log#7", ledger="a.example/log""#),
        ]
        .into_iter()
        .collect(),
        trailers: Fields::default(),
    }
}

fn stamped(mut request: Request, key: &SigningKey) -> Request {
    let stamp = Stamp { key, label: LABEL, now: NOW, valid_seconds: 60, nonce: "a.example/log#7" };
    let signed = sign_request(&request, &stamp).unwrap();
    request.fields.push(offered::INPUT_HEADER, signed.input);
    request.fields.push(offered::SIGNATURE_HEADER, signed.signature);
    request
}

fn checked(request: &Request, body: &[u8], now: i64) -> Proof {
    check(request, body, &peers(), WINDOW, now, &Nonces::new(10, NOW))
}

#[test]
fn a_proof_is_for_one_request_one_body_and_a_minute() {
    let proven = Proof::Proven { log: "a.example/log".to_owned() };
    let good = stamped(request(), &key());
    assert_eq!(checked(&good, BODY, NOW), proven);
    assert_eq!(checked(&good, BODY, NOW + 65), proven);
    assert_eq!(checked(&good, BODY, NOW - 5), proven);
    assert_eq!(checked(&good, BODY, NOW + 66), Proof::Nothing(Reason::Expired));
    assert_eq!(checked(&good, BODY, NOW - 6), Proof::Nothing(Reason::NotYet));
    assert_eq!(checked(&good, b"{}", NOW), Proof::OtherBody { log: "a.example/log".to_owned() });
    assert_eq!(checked(&request(), BODY, NOW), Proof::Absent);

    let wrong = |change: fn(&mut Request)| {
        let mut changed = good.clone();
        change(&mut changed);
        assert_eq!(checked(&changed, BODY, NOW), Proof::Nothing(Reason::SignatureWrong));
    };
    wrong(|request| "PATCH".clone_into(&mut request.method));
    wrong(|request| "c.example".clone_into(&mut request.authority));
    wrong(|request| request.target.push('x'));
    wrong(|request| request.target.push_str("?a"));
    wrong(|request| request.fields.push("eosin-provenance", "attested=1"));
    wrong(|request| request.fields.push("content-type", "text/csv"));
    wrong(|request| request.fields.push("content-digest", "sha-512=:AA==:"));

    let mut uncovered = good.clone();
    uncovered.fields.push("x-http-method-override", "PATCH");
    assert_eq!(checked(&uncovered, BODY, NOW), Proof::Nothing(Reason::NotCovered));
    let stranger = stamped(request(), &SigningKey::ed25519(&[4; 32]).unwrap());
    assert_eq!(checked(&stranger, BODY, NOW), Proof::Nothing(Reason::KeyUnknown));
    let mut twice = stamped(good.clone(), &key());
    assert_eq!(checked(&twice, BODY, NOW), Proof::Nothing(Reason::Malformed));
    twice.fields = [(offered::INPUT_HEADER, "a=();tag=\"other\""), (offered::SIGNATURE_HEADER, "a=:AA==:")]
        .into_iter()
        .collect();
    assert_eq!(checked(&twice, BODY, NOW), Proof::Absent, "a signature for something else is not looked at");
}

#[test]
fn a_signature_that_covers_too_little_proves_nothing() {
    let all =
        ["@method", "@authority", "@path", "@query", "content-digest", "content-type", "eosin-provenance"];
    let parameters =
        Stamp { key: &key(), label: LABEL, now: NOW, valid_seconds: 60, nonce: "n" }.parameters();
    let check = |names: &[&str], parameters: &Parameters, want: Option<Reason>| {
        let mut request = request();
        let components: Vec<_> = names.iter().map(|name| Component::plain(name).unwrap()).collect();
        let signed = sign("x", &components, parameters, Message::Request(&request), &key()).unwrap();
        request.fields.push(offered::INPUT_HEADER, signed.input);
        request.fields.push(offered::SIGNATURE_HEADER, signed.signature);
        let want = want.map_or(Proof::Proven { log: "a.example/log".to_owned() }, Proof::Nothing);
        assert_eq!(checked(&request, BODY, NOW), want, "{names:?} {parameters:?}");
    };
    check(&all, &parameters, None);
    check(
        &["@target-uri", "@method", "content-digest", "content-type", "eosin-provenance"],
        &parameters,
        None,
    );
    for missing in all {
        let fewer: Vec<&str> = all.into_iter().filter(|name| *name != missing).collect();
        check(&fewer, &parameters, Some(Reason::NotCovered));
    }
    for change in [
        |parameters: &mut Parameters| parameters.created = None,
        |parameters: &mut Parameters| parameters.expires = None,
        |parameters: &mut Parameters| parameters.nonce = None,
        |parameters: &mut Parameters| parameters.nonce = Some("n".repeat(NONCE_BYTES_MAX + 1)),
        |parameters: &mut Parameters| parameters.keyid = None,
    ] {
        let mut parameters = parameters.clone();
        change(&mut parameters);
        check(&all, &parameters, Some(Reason::NotCovered));
    }
    let other = Parameters { alg: Some("hmac-sha256".to_owned()), ..parameters.clone() };
    check(&all, &other, Some(Reason::SignatureWrong));
    let long = Parameters { expires: Some(NOW + 1_000_000), created: Some(NOW - 66), ..parameters };
    check(&all, &long, Some(Reason::Expired));
}

#[test]
fn a_proof_is_taken_once_and_never_from_before_the_start() {
    let (good, peers) = (stamped(request(), &key()), peers());
    let nonces = Nonces::new(10, NOW);
    // A changed body proves nothing and uses nothing up.
    let other = Proof::OtherBody { log: "a.example/log".to_owned() };
    assert_eq!(check(&good, b"", &peers, WINDOW, NOW, &nonces), other);
    let proven = Proof::Proven { log: "a.example/log".to_owned() };
    assert_eq!(check(&good, BODY, &peers, WINDOW, NOW, &nonces), proven);
    let again = Proof::Nothing(Reason::Replayed);
    assert_eq!(check(&good, BODY, &peers, WINDOW, NOW + 1, &nonces), again);
    let later = Nonces::new(10, NOW + 1);
    let before = Proof::Nothing(Reason::BeforeStart);
    assert_eq!(check(&good, BODY, &peers, WINDOW, NOW + 2, &later), before);
    let crowded = Proof::Nothing(Reason::Crowded);
    assert_eq!(check(&good, BODY, &peers, WINDOW, NOW, &Nonces::new(0, NOW)), crowded);
}

#[test]
fn an_answer_is_bound_to_its_request_and_to_its_body_if_that_was_held() {
    let request = request();
    let mut response = Response { status: 201, fields: request.fields.clone(), trailers: Fields::default() };
    let key = key();
    let stamp = Stamp { key: &key, label: LABEL, now: NOW, valid_seconds: 60, nonce: "n" };
    let held = sign_response(&response, &request, true, &stamp).unwrap();
    assert!(held.input.starts_with(concat!(
        r#"eosin=("@status" "content-digest" "eosin-provenance" "content-type" "@method";req "@authority";req "#,
        r#""@path";req "@query";req);created=1795000000;expires=1795000060;keyid=""#
    )));
    let streamed = sign_response(&response, &request, false, &stamp).unwrap();
    assert!(!streamed.input.contains("content-digest"));
    response.fields.push(offered::INPUT_HEADER, held.input);
    response.fields.push(offered::SIGNATURE_HEADER, held.signature);
    let offered = &offered::offered(&response.fields).unwrap()[0];
    let public = VerifyingKey::from_jwk(&key.public_jwk().unwrap()).unwrap();
    assert_eq!(offered.verify(Message::Response(&response, Some(&request)), &public), Ok(()));
    let other = Request { target: "/other".to_owned(), ..request };
    assert!(offered.verify(Message::Response(&response, Some(&other)), &public).is_err());
}

#[test]
fn a_key_never_shows_its_secret_by_accident() {
    let jwk = new_private_jwk(&[3; 32]).unwrap();
    let secret = data_encoding::BASE64URL_NOPAD.encode(&[3; 32]);
    assert!(jwk.contains(&secret));
    assert!(!format!("{:?}", key()).contains(&secret));
    assert!(!key().public_jwk().unwrap().contains(&secret));
    // RFC 8037, appendix A.3: the thumbprint of its example key.
    let example = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    let public = VerifyingKey::from_jwk(example).unwrap();
    assert_eq!(public.id(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    for (text, want) in [
        ("{", crate::KeyError::Json),
        (r#"{"kty":"RSA","crv":"","x":"AA"}"#, crate::KeyError::Material),
        (
            r#"{"kty":"OKP","crv":"X25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
            crate::KeyError::Kind,
        ),
        (example, crate::KeyError::Public),
    ] {
        assert_eq!(SigningKey::from_jwk(text).map(drop), Err(want), "{text}");
    }
}

/// `spec/vectors/signed-header.json`: anybody's gateway has to come to the same answers.
#[test]
fn the_published_vectors_have_the_answers_they_name() {
    let file: serde_json::Value =
        serde_json::from_str(include_str!("../../../../spec/vectors/signed-header.json")).unwrap();
    let mut peers = Peers::default();
    for key in file["keys"].as_array().unwrap() {
        peers.add(VerifyingKey::from_jwk(&key.to_string()).unwrap(), file["log"].as_str().unwrap()).unwrap();
    }
    let vectors = file["vectors"].as_array().unwrap();
    assert_eq!(vectors.len(), 12);
    for vector in vectors {
        let sent = &vector["request"];
        let text = |name: &str| sent[name].as_str().unwrap().to_owned();
        let lines = sent["fields"].as_array().unwrap().iter();
        let request = Request {
            method: text("method"),
            scheme: text("scheme"),
            authority: text("authority"),
            target: text("target"),
            fields: lines.map(|line| (line[0].as_str().unwrap(), line[1].as_str().unwrap())).collect(),
            trailers: Fields::default(),
        };
        let (now, body) = (vector["now"].as_i64().unwrap(), vector["body"].as_str().unwrap());
        let proof = check(&request, body.as_bytes(), &peers, WINDOW, now, &Nonces::new(1, 0));
        let word = match proof {
            Proof::Absent => "absent",
            Proof::Proven { .. } => "proven",
            Proof::OtherBody { .. } => "other-body",
            Proof::Nothing(reason) => reason.as_str(),
        };
        assert_eq!(word, vector["proof"], "{}", vector["name"]);
    }
}
