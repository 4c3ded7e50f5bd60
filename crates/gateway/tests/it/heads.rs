//! What becomes of header fields on their way.

use testkit::upstream::{Reply, Upstream};

use crate::scene::{ADA, CREATE, QUERY, Scene};

#[test]
fn fields_of_one_connection_go_no_further() {
    let upstream = Upstream::start(|_| {
        let fields = [
            ("Connection", "X-Private"),
            ("X-Private", "1"),
            ("Keep-Alive", "timeout=5"),
            ("Eosin-Provenance", "v=1, synthetic=0"),
            ("X-Public", "kept"),
        ];
        let headers = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Reply::Whole { status: 200, headers: headers.to_vec(), body: b"ok".to_vec() }
    });
    let scene = Scene::observing(&upstream);
    let fields = [
        ("Connection", "X-Secret, x-other"),
        ("X-Secret", "1"),
        ("X-Other", "1"),
        ("Proxy-Authorization", "Basic x"),
        ("TE", "trailers"),
        ("Eosin-Anything", "1"),
        ("Forwarded", "for=10.0.0.1"),
        ("X-Forwarded-For", "10.0.0.1"),
        ("X-Forwarded-Host", "evil.example"),
        ("X-Forwarded-Client-Cert", "any"),
        ("X-Real-IP", "10.0.0.1"),
        ("X-Kept", "yes"),
        ("Authorization", "Bearer token"),
    ];
    let answer = scene.ask("GET", QUERY, &fields, b"");
    assert_eq!((answer.status, answer.text().as_str()), (200, "ok"));
    assert_eq!(answer.header("x-public"), Some("kept"));
    for gone in ["x-private", "keep-alive", "eosin-provenance"] {
        assert_eq!(answer.header(gone), None, "{gone}");
    }
    let sent = &upstream.received()[0];
    assert_eq!(sent.target, QUERY);
    for (name, value) in [
        ("host", upstream.address().to_string().as_str()),
        ("x-kept", "yes"),
        ("authorization", "Bearer token"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-host", "gateway.example"),
        ("via", "1.1 eosin"),
    ] {
        assert_eq!(sent.header(name), Some(value), "{name}");
    }
    for gone in [
        "x-secret",
        "x-other",
        "proxy-authorization",
        "te",
        "x-real-ip",
        "x-forwarded-client-cert",
        "eosin-anything",
        "forwarded",
        "connection",
    ] {
        assert!(!sent.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(gone)), "{gone}");
    }
}

#[test]
fn a_claim_of_provenance_is_replaced_by_ours() {
    let upstream = Upstream::start(|_| Reply::json(201, "{}"));
    let scene = Scene::observing(&upstream);
    let claims = [("Eosin-Provenance", "v=1, attested=1"), ("content-type", "application/json")];
    let answer = scene.ask("POST", CREATE, &claims, ADA.as_bytes());
    assert_eq!(answer.status, 201);
    let sent = upstream.received()[0].clone();
    let ours = sent.header("eosin-provenance").unwrap();
    assert!(ours.contains("unproven=1") && !ours.contains("attested"), "{ours}");
    assert_eq!(answer.header("eosin-provenance"), Some(ours));
    let (_, entries) = scene.stop();
    assert!(entries[0].to_string().contains("contradicts"), "{}", entries[0]);
}

#[test]
fn a_head_past_the_limits_is_refused() {
    let upstream = Upstream::start(|_| Reply::json(200, "{}"));
    let scene = Scene::with(&upstream, |config| {
        config.limits.header_count = 20;
        config.limits.header_bytes = 9000;
    });
    let many = vec![("X-Field", "1"); 30];
    assert_eq!(scene.ask("GET", QUERY, &many, b"").status, 431);
    let long = "x".repeat(20_000);
    assert_eq!(scene.ask("GET", QUERY, &[("X-Field", &long)], b"").status, 431);
    assert_eq!(upstream.received(), []);
}
