//! Patches of FHIR resources: what they make is judged, and the version that was judged is the one that is changed.

use flow::Protocol;
use policy::{Environment, Mode};
use testkit::upstream::{Received, Reply, Upstream};

use crate::scene::{Scene, config};

const POINTED: [(&str, &str); 1] = [("Content-Type", "application/json-patch+json")];
const PATIENT: &str =
    r#"{"resourceType":"Patient","id":"7","meta":{"versionId":"3"},"name":[{"family":"Zzyzx"}]}"#;
const RENAME: &str = r#"[{"op":"replace","path":"/name/0/family","value":"Other"}]"#;

/// A server with one patient.
fn server(request: &Received) -> Reply {
    match (request.method.as_str(), request.target.as_str()) {
        ("GET", "/fhir/Patient/7") | ("PATCH", _) => Reply::json(200, PATIENT),
        _ => Reply::json(404, r#"{"resourceType":"OperationOutcome"}"#),
    }
}

fn before(upstream: &Upstream, environment: Environment) -> Scene {
    let mut config = config(&upstream.origin());
    config.boundaries[0].protocol = Protocol::Fhir { base: "/fhir".to_owned() };
    config.boundaries[0].boundary.mode = Mode::Enforce;
    config.boundaries[0].boundary.environment = environment;
    Scene::of(config)
}

#[test]
fn what_a_patch_makes_is_judged_and_its_version_is_held_fast() {
    let upstream = Upstream::start(server);
    let scene = before(&upstream, Environment::Staging);
    let headers = [POINTED[0], ("Authorization", "Bearer a")];
    let passed = scene.ask("PATCH", "//fhir/%50atient/7?_pretty=true", &headers, RENAME.as_bytes());
    assert_eq!(passed.status, 200, "{}", passed.text());
    let received = upstream.received();
    let header = |at: usize, name: &str| {
        let found = received[at].headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.clone())
    };
    assert_eq!((received[0].method.as_str(), received[0].target.as_str()), ("GET", "/fhir/Patient/7"));
    assert_eq!(header(0, "authorization").as_deref(), Some("Bearer a"));
    assert_eq!(header(0, "content-type"), None);
    assert_eq!((received[1].method.as_str(), received[1].body.as_slice()), ("PATCH", RENAME.as_bytes()));
    assert_eq!(header(1, "if-match").as_deref(), Some("W/\"3\""));
    assert_eq!(header(1, "content-type").as_deref(), Some("application/json-patch+json"));
    let (_, entries) = scene.stop();
    assert_eq!(entries[0]["route"], "patch");
    assert_eq!(entries[0]["counts"]["unproven"], 1, "{}", entries[0]);
}

#[test]
fn whatever_versions_a_client_allows_the_one_that_was_judged_is_patched() {
    for (lines, want) in [
        (&["*"][..], Some("W/\"3\"")),
        (&["\"3\""], Some("W/\"3\"")),
        (&["W/\"2\"", "W/\"3\""], Some("W/\"3\"")),
        (&["W/\"2\", W/\"3\"", "W/\"4\""], Some("W/\"3\"")),
        // One that is not yet there could be by the time the patch arrives.
        (&["W/\"4\""], None),
        (&["W/\"2\"", "W/\"4\""], None),
    ] {
        let upstream = Upstream::start(server);
        let scene = before(&upstream, Environment::Staging);
        let mut headers = POINTED.to_vec();
        headers.extend(lines.iter().map(|line| ("If-Match", *line)));
        let answer = scene.ask("PATCH", "/fhir/Patient/7", &headers, RENAME.as_bytes());
        let received = upstream.received();
        let Some(want) = want else {
            assert!(answer.status == 412 && received.len() == 1, "{lines:?}: {}", answer.text());
            continue;
        };
        assert_eq!(answer.status, 200, "{}", answer.text());
        let sent = received[1].headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("if-match"));
        assert_eq!(sent.map(|(_, value)| value.as_str()).collect::<Vec<_>>(), [want], "{lines:?}");
    }
}

#[test]
fn a_patch_that_makes_what_may_not_cross_is_refused_and_one_of_nothing_is_answered_by_the_server() {
    let upstream = Upstream::start(server);
    let scene = before(&upstream, Environment::Production);
    let refused = scene.ask("PATCH", "/fhir/Patient/7", &POINTED, RENAME.as_bytes());
    assert_eq!(refused.status, 403, "{}", refused.text());
    assert!(!refused.text().contains("Zzyzx") && !refused.text().contains("Other"), "{}", refused.text());
    for (target, media, want) in [
        ("/fhir/Patient/8", "application/json-patch+json", 404),
        ("/fhir/Patient?identifier=a", "application/json-patch+json", 403),
        ("/fhir/Patient/7", "application/merge-patch+json", 403),
        ("/fhir/Patient/7", "application/fhir+json; eosin=patched", 403),
    ] {
        let answer = scene.ask("PATCH", target, &[("Content-Type", media)], RENAME.as_bytes());
        assert_eq!(answer.status, want, "{target} {media}: {}", answer.text());
    }
    assert!(upstream.received().iter().all(|request| request.method == "GET"));
}
