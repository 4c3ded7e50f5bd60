//! What crosses a FHIR boundary leaves an audit event, whatever became of it, and none holds what a record says.

use std::sync::{Arc, Mutex};

use flow::{Auditing, Protocol};
use gateway::Signatures;
use policy::{Environment, Mode};
use serde_json::Value;
use testkit::upstream::{Received, Reply, Upstream};

use crate::scene::{NAME, Scene, config};

const JSON: [(&str, &str); 2] = [("Content-Type", "application/fhir+json"), ("X-Request-Id", "r-1")];
const PATIENT: &str = r#"{"resourceType":"Patient","name":[{"family":"Zzyzx"}]}"#;

fn server(request: &Received) -> Reply {
    if request.method != "POST" {
        return Reply::json(200, PATIENT);
    }
    let headers = vec![
        ("Content-Type".to_owned(), "application/fhir+json".to_owned()),
        ("Location".to_owned(), "Patient/7/_history/1".to_owned()),
    ];
    Reply::Whole { status: 201, headers, body: PATIENT.as_bytes().to_vec() }
}

/// A boundary in front of `environment`, and the events that were kept.
fn audited(upstream: &Upstream, environment: Environment) -> (Scene, Arc<Mutex<Vec<Value>>>) {
    let mut config = config(&upstream.origin());
    config.boundaries[0].protocol = Protocol::Fhir { base: "/fhir".to_owned() };
    config.boundaries[0].boundary.mode = Mode::Enforce;
    config.boundaries[0].boundary.environment = environment;
    let kept = Arc::new(Mutex::new(Vec::new()));
    let keeping = Arc::clone(&kept);
    let auditing = Auditing::new(
        "gateway.example/log",
        Box::new(move |event| keeping.lock().unwrap().push(serde_json::from_str(event).unwrap())),
    );
    let clock: flow::Clock = Box::new(|| "2026-11-21T12:00:00Z".parse().unwrap());
    let log = "gateway.example/log";
    let more = |flow: flow::Flow, _: &std::path::Path| flow.with_auditing(NAME, auditing);
    (Scene::made(config, Signatures::off(), log, clock, |_| {}, more), kept)
}

/// Profile, action and outcome of each event.
fn shown(kept: &Mutex<Vec<Value>>) -> Vec<String> {
    let kept = kept.lock().unwrap();
    let text =
        |value: &Value| value.as_str().unwrap_or_default().rsplit('.').next().unwrap_or_default().to_owned();
    let shown = kept.iter().map(|event| {
        assert!(!event.to_string().contains("Zzyzx"), "{event}");
        let [profile, action, outcome] = [&event["meta"]["profile"][0], &event["action"], &event["outcome"]];
        format!("{} {} {}", text(profile), text(action), text(outcome))
    });
    shown.collect()
}

#[test]
fn every_interaction_leaves_an_event() {
    let upstream = Upstream::start(server);
    let (scene, kept) = audited(&upstream, Environment::Staging);
    let transaction = format!(
        r#"{{"resourceType":"Bundle","type":"transaction","entry":[{{"resource":{PATIENT},"request":{{"method":"PUT","url":"Patient/8"}}}},{{"request":{{"method":"DELETE","url":"Patient/9"}}}}]}}"#
    );
    for (method, target, body) in [
        ("POST", "/fhir/Patient", PATIENT),
        ("GET", "/fhir/Patient/7", ""),
        ("GET", "/fhir/Patient?family=Zzyzx", ""),
        ("POST", "/fhir", transaction.as_str()),
        ("GET", "/fhir/metadata", ""),
    ] {
        let answer = scene.ask(method, target, &JSON, body.as_bytes());
        assert!(answer.status < 300, "{target}: {}", answer.text());
    }
    // A client may have its answer a moment before the event is written; the gateway stops when all is done.
    drop(scene.stop());
    let want =
        ["PatientCreate C 0", "PatientRead R 0", "Query E 0", "PatientUpdate U 0", "PatientDelete D 0"];
    assert_eq!(shown(&kept), want);
    let create = kept.lock().unwrap()[0].clone();
    let said = create["entity"].to_string();
    assert!(said.contains("Patient/7") && said.contains("r-1"), "{said}");
    assert!(said.contains("gateway.example/log#0"), "{said}");
    assert_eq!(create["recorded"], "2026-11-21T12:00:00.000Z");
}

#[test]
fn what_was_refused_leaves_an_event_too() {
    let upstream = Upstream::start(server);
    let (scene, kept) = audited(&upstream, Environment::Production);
    assert_eq!(scene.ask("PUT", "/fhir/Patient/7", &JSON, PATIENT.as_bytes()).status, 403);
    drop(scene.stop());
    assert_eq!(shown(&kept), ["PatientUpdate U 4"]);
    assert_eq!(kept.lock().unwrap()[0]["outcomeDesc"], "answered 403");
}
