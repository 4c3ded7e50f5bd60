//! Two gateways in a row: what the first signs, the second believes; and nothing that was changed between them.

use gateway::Signatures;
use mark::Subject;
use policy::Mode;
use serde_json::Value;
use signature::{
    Fields, Message, Request, Response, SigningKey, VerifyingKey, digest, offered,
    profile::{self, Peers, Stamp},
};
use testkit::upstream::{Received, Reply, Upstream};

use crate::scene::{ADA, CREATE, EVE, Scene, config};

const JSON: (&str, &str) = ("Content-Type", "application/json");
const NOON: &str = "2026-11-21T12:00:00Z";
const FIRST: &str = "first.example/log";
const CREATED: &str = r#"{"id":"003000000000001AAA","success":true,"errors":[]}"#;

fn key() -> SigningKey {
    SigningKey::ed25519(&[5; 32]).unwrap()
}

fn public() -> VerifyingKey {
    VerifyingKey::from_jwk(&key().public_jwk().unwrap()).unwrap()
}

/// A gateway that signs, and only observes.
fn first(upstream: &Upstream) -> Scene {
    let signatures = Signatures { key: Some(key()), ..Signatures::off() };
    Scene::signing(config(&upstream.origin()), signatures, FIRST, NOON, |_| {})
}

/// A request that the first gateway signed with this claim: a record whose marks its registry knew, say.
fn claimed(claim: &str, body: &str) -> Received {
    let authority = "second.example".to_owned();
    let request = Request {
        method: "POST".to_owned(),
        scheme: "http".to_owned(),
        authority: authority.clone(),
        target: CREATE.to_owned(),
        fields: [
            ("content-digest", digest::header(body.as_bytes()).as_str()),
            ("content-type", "application/json"),
            ("eosin-provenance", claim),
        ]
        .into_iter()
        .collect(),
        trailers: Fields::default(),
    };
    let now = NOON.parse::<jiff::Timestamp>().unwrap().as_second();
    let key = key();
    let stamp = Stamp { key: &key, label: "a", now, valid_seconds: 60, nonce: claim };
    let signed = profile::sign_request(&request, &stamp).unwrap();
    let headers = vec![
        ("host".to_owned(), authority),
        ("content-type".to_owned(), "application/json".to_owned()),
        ("content-digest".to_owned(), digest::header(body.as_bytes())),
        ("eosin-provenance".to_owned(), claim.to_owned()),
        ("signature-input".to_owned(), signed.input),
        ("signature".to_owned(), signed.signature),
    ];
    Received {
        method: "POST".to_owned(),
        target: CREATE.to_owned(),
        headers,
        body: body.as_bytes().to_vec(),
        body_bytes: 0,
        trailers: Vec::new(),
        connection: 0,
    }
}

/// A gateway in front of production that knows the first, and lets it vouch for synthetic records if so told.
fn second(upstream: &Upstream, mode: Mode, now: &'static str, vouches: &[Subject]) -> Scene {
    let mut config = config(&upstream.origin());
    config.boundaries[0].boundary.mode = mode;
    let mut peers = Peers::default();
    peers.add(public(), FIRST).unwrap();
    let signatures = Signatures { peers, ..Signatures::off() };
    let log = mark::note::SignerKey::generate(FIRST, [9; 32]).unwrap();
    let vouches = vouches.iter().copied().collect();
    Scene::signing(config, signatures, "second.example/log", now, move |trust| {
        trust.trust(log.verifier().clone(), vouches);
    })
}

/// What the first gateway sends on for a body, to be sent to a second one.
fn sent_on(first: &Scene, upstream: &Upstream, body: &str) -> Received {
    let answer = first.ask("POST", CREATE, &[JSON], body.as_bytes());
    assert_eq!(answer.status, 201, "{}", answer.text());
    upstream.received().last().unwrap().clone()
}

/// Plays a request to a gateway as it was sent to `authority`.
fn play(second: &Scene, sent: &Received, leave_out: &[&str], body: &[u8]) -> u16 {
    let names = ["content-type", "content-digest", "eosin-provenance", "signature-input", "signature"];
    let fields: Vec<(&str, &str)> = names
        .into_iter()
        .filter(|name| !leave_out.contains(name))
        .map(|name| (name, sent.header(name).unwrap()))
        .collect();
    let mut bytes = crate::scene::request("POST", CREATE, &fields, body);
    let text = String::from_utf8(bytes).unwrap();
    bytes = text.replacen("gateway.example", sent.header("host").unwrap(), 1).into_bytes();
    second.exchange(&bytes).status
}

fn rulings(entries: &[Value]) -> Vec<&Value> {
    entries.iter().filter(|entry| entry["eosin"] == "ruling@1").collect()
}

#[test]
fn a_proven_claim_makes_a_record_suspected_and_never_attested() {
    let behind = Upstream::start(|_| Reply::json(201, CREATED));
    let claim = |counts: &str| format!(r#"v=1, {counts}, ruling="{FIRST}#7", ledger="{FIRST}""#);
    let both = [Subject::Synthetic, Subject::Attested];
    for (counts, vouches, suspected, proof) in [
        ("synthetic=1", &both[..], 1, "proven"),
        ("synthetic=1", &both[1..], 0, "proven"),
        ("synthetic=1, partial", &both, 0, "proven"),
        ("attested=1", &both, 0, "proven"),
        ("unproven=1", &both, 0, "proven"),
    ] {
        let second = second(&behind, Mode::Enforce, NOON, vouches);
        let sent = claimed(&claim(counts), ADA);
        assert_eq!(play(&second, &sent, &[], ADA.as_bytes()), 403, "{counts}");
        let (_, entries) = second.stop();
        let ruling = rulings(&entries)[0];
        assert_eq!(ruling["claim"], "proven", "{counts}");
        assert_eq!((&ruling["proof"], &ruling["peer"]), (&proof.into(), &FIRST.into()), "{counts}");
        assert_eq!(ruling["counts"]["suspected"].as_u64().unwrap_or_default(), suspected, "{counts}");
        assert_eq!(ruling["counts"]["attested"], 0, "{counts}");
    }
    assert_eq!(behind.received(), []);
    // A gateway speaks of its own rulings only, and what contradicts a mark that is proven here goes nowhere.
    let second = second(&behind, Mode::Enforce, NOON, &both);
    let marked = Scene::marked(&second.attested, 0, ADA);
    let other = claimed(r#"v=1, synthetic=1, ruling="x.example#7", ledger="x.example""#, ADA);
    assert_eq!(play(&second, &other, &[], ADA.as_bytes()), 403);
    assert_eq!(play(&second, &claimed(&claim("synthetic=1"), &marked), &[], marked.as_bytes()), 403);
    let (_, entries) = second.stop();
    let words: Vec<&Value> = rulings(&entries).iter().map(|ruling| &ruling["proof"]).collect();
    assert_eq!(words, ["other-log", "contradicted"]);
}

#[test]
fn what_was_changed_replayed_or_stripped_between_two_gateways_is_not_believed() {
    let upstream = Upstream::start(|_| Reply::json(201, CREATED));
    let first = first(&upstream);
    let sent = sent_on(&first, &upstream, &Scene::marked(&first.attested, 0, ADA));
    let behind = Upstream::start(|_| Reply::json(201, CREATED));
    let second = second(&behind, Mode::Observe, NOON, &[Subject::Attested]);
    // In this order: one that proves, the same again, a changed body, no signature, another key's, no claim at all.
    play(&second, &sent, &[], &sent.body);
    play(&second, &sent, &[], &sent.body);
    play(&second, &sent, &[], EVE.as_bytes());
    play(&second, &sent, &["signature-input", "signature"], &sent.body);
    play(&second, &sent, &["eosin-provenance"], &sent.body);
    play(&second, &sent, &["content-digest"], &sent.body);
    let (_, entries) = second.stop();
    let found: Vec<(&Value, &Value, u64)> = rulings(&entries)
        .iter()
        .map(|ruling| (&ruling["claim"], &ruling["proof"], ruling["counts"]["unreadable"].as_u64().unwrap()))
        .collect();
    let word = |text: &str| Value::from(text);
    let (agrees, none) = (word("agrees"), word("none"));
    let (proven, replayed, wrong) = (word("proven"), word("replayed"), word("signature-wrong"));
    let expected = [
        (&proven, &proven, 0),
        (&agrees, &replayed, 0),
        (&word("contradicts"), &word("other-body"), 1),
        (&agrees, &Value::Null, 0),
        (&none, &wrong, 0),
        (&agrees, &wrong, 0),
    ];
    assert_eq!(found, expected);
    assert_eq!(behind.received().len(), 6, "an observing boundary refuses nothing");

    // Where it is enforced, a body that was changed after it was signed goes nowhere.
    let enforcing = self::second(&behind, Mode::Enforce, NOON, &[]);
    assert_eq!(play(&enforcing, &sent, &[], EVE.as_bytes()), 403);
    assert_eq!(play(&enforcing, &sent, &[], &sent.body), 201, "the attested record itself passes");
}

#[test]
fn a_proof_that_is_too_old_or_of_a_stranger_proves_nothing() {
    let upstream = Upstream::start(|_| Reply::json(201, CREATED));
    let first = first(&upstream);
    let sent = sent_on(&first, &upstream, ADA);
    let behind = Upstream::start(|_| Reply::json(201, CREATED));
    for (now, peers, want) in [
        ("2026-11-21T12:01:06Z", true, "expired"),
        ("2026-11-21T11:59:54Z", true, "not-yet"),
        ("2026-11-21T12:00:01Z", true, "before-start"),
        (NOON, false, "key-unknown"),
    ] {
        let scene = if peers {
            second(&behind, Mode::Observe, now, &[])
        } else {
            let mut stranger = Peers::default();
            stranger.add(VerifyingKey::ed25519("other", [1; 32]), FIRST).unwrap();
            let signatures = Signatures { peers: stranger, ..Signatures::off() };
            Scene::signing(config(&behind.origin()), signatures, "second.example/log", now, |_| {})
        };
        play(&scene, &sent, &[], &sent.body);
        let (_, entries) = scene.stop();
        assert_eq!(rulings(&entries)[0]["proof"], want, "{now}");
    }
}

#[test]
fn an_answer_is_signed_and_a_refusal_with_its_body() {
    let upstream = Upstream::start(|_| Reply::Whole {
        status: 201,
        headers: vec![("X-SFDC-REQUEST-ID".to_owned(), "TID:17639210300000000d".to_owned())],
        body: CREATED.as_bytes().to_vec(),
    });
    let mut config = config(&upstream.origin());
    config.boundaries[0].boundary.mode = Mode::Enforce;
    let signatures = Signatures { key: Some(key()), ..Signatures::off() };
    let scene = Scene::signing(config, signatures, FIRST, NOON, |_| {});
    let asked = Request {
        method: "POST".to_owned(),
        scheme: "http".to_owned(),
        authority: "gateway.example".to_owned(),
        target: CREATE.to_owned(),
        ..Request::default()
    };
    let good = Scene::marked(&scene.attested, 0, ADA);
    for (body, status, covers_body) in [(good.as_str(), 201, false), (EVE, 403, true)] {
        let answer = scene.ask("POST", CREATE, &[JSON], body.as_bytes());
        assert_eq!(answer.status, status, "{}", answer.text());
        let fields: Fields = answer.head.lines().skip(1).filter_map(|line| line.split_once(": ")).collect();
        let response = Response { status, fields, trailers: Fields::default() };
        let offered = &offered::offered(&response.fields).unwrap()[0];
        offered.verify(Message::Response(&response, Some(&asked)), &public()).unwrap();
        let components = offered.components().unwrap();
        assert_eq!(components.iter().any(|part| part.is_plain(digest::HEADER)), covers_body);
        if covers_body {
            let said = digest::check(response.fields.lines(digest::HEADER), &answer.body);
            assert_eq!(said, digest::Checked::Fits);
        }
    }
    let sent = upstream.received()[0].clone();
    assert_eq!(sent.header("content-digest"), Some(digest::header(&sent.body).as_str()));
    let (_, entries) = scene.stop();
    let settled = entries.iter().find(|entry| entry["eosin"] == "settlement@1").unwrap();
    assert_eq!(settled["upstreamRequest"], "TID:17639210300000000d");
}
