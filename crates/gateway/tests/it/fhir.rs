//! The same shell in front of a FHIR server: its clients read outcomes.

use flow::Protocol;
use policy::Mode;
use testkit::upstream::{Reply, Upstream};

use crate::scene::{Answer, Scene, config};

const JSON: [(&str, &str); 1] = [("Content-Type", "application/fhir+json")];
const PATIENT: &str = r#"{"resourceType":"Patient","name":[{"family":"Zzyzx"}]}"#;

fn feed(origin: &str) -> Scene {
    let mut config = config(origin);
    config.boundaries[0].protocol = Protocol::Fhir { base: "/fhir".to_owned() };
    config.boundaries[0].boundary.mode = Mode::Enforce;
    Scene::of(config)
}

fn outcome(answer: &Answer) -> serde_json::Value {
    assert_eq!(answer.header("content-type"), Some("application/fhir+json; charset=utf-8"));
    let outcome: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(outcome["resourceType"], "OperationOutcome");
    outcome
}

#[test]
fn refusals_and_failures_are_outcomes() {
    let upstream = Upstream::start(|_| Reply::Close);
    let scene = feed(&upstream.origin());
    let refused = scene.ask("POST", "/fhir/Patient", &JSON, PATIENT.as_bytes());
    assert_eq!(refused.status, 403, "{}", refused.text());
    assert_eq!(outcome(&refused)["issue"][0]["severity"], "error");
    assert!(!refused.text().contains("Zzyzx"), "{}", refused.text());

    let broken = scene.ask("GET", "/fhir/Patient/1", &[], b"");
    assert_eq!((broken.status, &outcome(&broken)["issue"][0]["code"]), (502, &"transient".into()));
    let wrong = scene.ask("TRACE", "/fhir/Patient/1", &[], b"");
    assert_eq!((wrong.status, &outcome(&wrong)["issue"][0]["code"]), (405, &"not-supported".into()));
    assert_eq!(upstream.received().len(), 1);
}

#[test]
fn a_search_by_post_streams() {
    let upstream = Upstream::start(|request| {
        assert_eq!(request.body, b"name=Zzyzx");
        Reply::json(200, "{}")
    });
    let scene = feed(&upstream.origin());
    let fields = [("Content-Type", "application/x-www-form-urlencoded")];
    assert_eq!(scene.ask("POST", "/fhir/Patient/_search", &fields, b"name=Zzyzx").status, 200);
    let (_, entries) = scene.stop();
    assert_eq!(entries.len(), 0, "nothing is ruled on");
}
