//! References by id at a FHIR boundary that hides, before a server that refuses those that lead nowhere, as HAPI does.

use gateway::{IsolatedReads, References};
use policy::Environment;
use serde_json::{Value, json};
use testkit::upstream::{Received, Reply, Upstream};

use crate::{
    fhir_isolated::{scene, scene_reading, shown, value},
    scene::Answer,
};

const JSON: (&str, &str) = ("Content-Type", "application/fhir+json");
const XML: (&str, &str) = ("Content-Type", "application/fhir+xml");
const PATCH: (&str, &str) = ("Content-Type", "application/json-patch+json");

/// Observation 5 is shown, and refers to the hidden patient.
fn observed() -> Value {
    json!({"resourceType": "Observation", "id": "5", "meta": {"versionId": "1"}, "status": "final", "code": {"text": "pulse"},
           "note": [{"text": "Patient/2"}], "performer": [{"reference": "Patient/2"}]})
}

/// Patients 1 and 3 are shown, 2 is hidden, and so is what the server says points at practitioner 1.
fn server(request: &Received) -> Reply {
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    let path = path.trim_start_matches("/fhir").trim_start_matches('/');
    let said = |status: u16, text: &str| {
        let issue = json!([{"severity": "error", "code": "processing", "diagnostics": text}]);
        Reply::json(status, &json!({"resourceType": "OperationOutcome", "issue": issue}).to_string())
    };
    let attested = r#""meta":{"tag":[{"system":"https://eosin.example/fhir/subject","code":"attested"}]}"#;
    let person = |id: &str| format!(r#"{{"resourceType":"Patient","id":"{id}",{attested}}}"#);
    let patient = |id: &str| match id {
        "1" | "3" => Some(shown(id)),
        "2" => Some(person(id)),
        _ => None,
    };
    match (request.method.as_str(), path.split('/').collect::<Vec<_>>().as_slice()) {
        ("GET", ["Patient"]) => {
            let ids = query.split('&').find_map(|pair| pair.strip_prefix("_id=")).unwrap_or_default();
            let found = ids.split(',').filter_map(patient).map(|one| format!(r#"{{"resource":{one}}}"#));
            let entries: Vec<String> = found.collect();
            Reply::json(
                200,
                &format!(r#"{{"resourceType":"Bundle","type":"searchset","entry":[{}]}}"#, entries.join(",")),
            )
        }
        ("GET", ["Patient", id, ..]) => patient(id).map_or(said(404, path), |one| Reply::json(200, &one)),
        ("GET", ["Observation", "5"]) => Reply::json(200, &observed().to_string()),
        ("GET", ["Observation", "7"]) => Reply::json(200, &person("7").replace("Patient", "Observation")),
        ("GET", ["Practitioner", "1"]) => Reply::json(200, r#"{"resourceType":"Practitioner","id":"1"}"#),
        ("GET", _) => said(404, path),
        ("DELETE", _) => {
            said(409, "First reference found was resource Observation/7 in path Observation.subject")
        }
        ("POST", [""]) => {
            let outcome = json!({"resourceType": "OperationOutcome", "text": {"div": "Observation/7"}, "issue": [
                {"severity": "error", "code": "conflict", "diagnostics": "of Practitioner/1: Observation/7"}]});
            let entry = json!([{"response": {"status": "409", "outcome": outcome}}]);
            Reply::json(
                200,
                &json!({"resourceType": "Bundle", "type": "batch-response", "entry": entry}).to_string(),
            )
        }
        _ => Reply::json(201, &observed().to_string()),
    }
}

fn observation(reference: &str) -> Value {
    json!({"resourceType": "Observation", "status": "final", "code": {"text": "pulse"}, "subject": {"reference": reference}})
}

fn bundle(kind: &str, entries: &[(&str, &str, Value)]) -> String {
    let entry = |(method, url, resource): &(&str, &str, Value)| json!({"request": {"method": method, "url": url}, "resource": resource});
    let entries: Vec<Value> = entries.iter().map(entry).collect();
    json!({"resourceType": "Bundle", "type": kind, "entry": entries}).to_string()
}

/// A method, a target, a media type, and the body that refers to somebody.
type Ask<'a> = (&'a str, &'a str, (&'a str, &'a str), &'a dyn Fn(&str) -> String);

/// What was written at the server.
fn written(upstream: &Upstream) -> usize {
    upstream.received().iter().filter(|one| one.method != "GET").count()
}

fn plain(answer: &Answer, reference: &str) -> (u16, String) {
    (answer.status, answer.text().replace(reference, "WHO"))
}

#[test]
fn a_reference_to_the_hidden_is_refused_as_one_to_nobody() {
    let upstream = Upstream::start(server);
    let scene = scene(&upstream.origin(), Environment::Sandbox, |_| {});
    let origin = upstream.origin();
    let xml = |who: &str| {
        format!(
            r#"<Observation xmlns="http://hl7.org/fhir"><status value="final"/><code><text value="x"/></code><subject><reference value="{who}"/></subject></Observation>"#
        )
    };
    let one = |who: &str| observation(who).to_string();
    let within =
        |kind: &'static str| move |who: &str| bundle(kind, &[("POST", "Observation", observation(who))]);
    let (batch, transaction) = (within("batch"), within("transaction"));
    let patched =
        |who: &str| json!([{"op": "add", "path": "/subject", "value": {"reference": who}}]).to_string();
    let ways: [Ask<'_>; 6] = [
        ("POST", "/fhir/Observation", JSON, &one),
        ("POST", "/fhir/Observation", XML, &xml),
        ("PUT", "/fhir/Observation/5", JSON, &|who| {
            let mut changed = observed();
            changed["subject"] = json!({"reference": who});
            changed.to_string()
        }),
        ("PATCH", "/fhir/Observation/5", PATCH, &patched),
        ("POST", "/fhir", JSON, &batch),
        ("POST", "/fhir", JSON, &transaction),
    ];
    let absolute = format!("{origin}/fhir/Patient/");
    for (method, target, kind, body) in ways {
        for form in ["Patient/", absolute.as_str(), "http://gateway.example/fhir/Patient/"] {
            let ask = |id: &str| {
                let who = format!("{form}{id}");
                let answer = scene.ask(method, target, &[kind], body(&who).as_bytes());
                plain(&answer, &who)
            };
            let before = written(&upstream);
            // A resource keeps what it refers to, written as it is.
            if form != "Patient/" || method == "POST" {
                assert_eq!(ask("2"), ask("77"), "{method} {target} {form}");
                assert_eq!(ask("2").0, 400, "{method} {target} {form}");
            }
            assert_eq!(ask("77").0, 400, "{method} {target} {form}");
            assert_eq!(written(&upstream), before, "{method} {target} {form}");
            assert!(ask("1").0 < 300, "{method} {target} {form}: {:?}", ask("1"));
        }
    }
}

#[test]
fn what_a_resource_refers_to_already_stays_and_a_patch_moves_no_text_into_a_reference() {
    let upstream = Upstream::start(server);
    let scene = scene(&upstream.origin(), Environment::Sandbox, |_| {});
    let kept = scene.ask("PUT", "/fhir/Observation/5", &[JSON], observed().to_string().as_bytes());
    assert!(kept.status < 300, "{}", kept.text());
    let other = json!({"resourceType": "Observation", "id": "5", "note": [{"text": "Patient/77"}]});
    let copied = json!([{"op": "add", "path": "/subject", "value": {}},
                        {"op": "add", "path": "/note/0/text", "value": "Patient/7"},
                        {"op": "copy", "from": "/note/0/text", "path": "/subject/reference"}]);
    let answer = scene.ask("PATCH", "/fhir/Observation/5", &[PATCH], copied.to_string().as_bytes());
    assert_eq!(answer.status, 400, "{}", answer.text());
    let touched = json!([{"op": "replace", "path": "/status", "value": "amended"}]);
    let answer = scene.ask("PATCH", "/fhir/Observation/5", &[PATCH], touched.to_string().as_bytes());
    assert!(answer.status < 300, "{}", answer.text());
    assert!(scene.ask("PUT", "/fhir/Observation/5", &[JSON], other.to_string().as_bytes()).status < 300);
}

#[test]
fn a_transaction_refers_within_itself_and_to_other_servers() {
    let upstream = Upstream::start(server);
    let scene = scene(&upstream.origin(), Environment::Sandbox, |_| {});
    let who = json!({"resourceType": "Patient", "id": "1", "name": [{"family": "Bell"}]});
    for within in
        ["urn:uuid:0d2c7a0e-5f3f-4a5d-9f0b-3b1f2d6a7c11", "https://other.example/fhir/Patient/2", "#inner"]
    {
        let body = bundle(
            "transaction",
            &[("PUT", "Patient/1", who.clone()), ("POST", "Observation", observation(within))],
        );
        let answer = scene.ask("POST", "/fhir", &[JSON], body.as_bytes());
        assert!(answer.status < 300, "{within}: {}", answer.text());
    }
}

#[test]
fn a_server_that_takes_any_reference_is_asked_as_the_client_asks() {
    let upstream = Upstream::start(server);
    let reads = IsolatedReads { references: References::Dangling, ..IsolatedReads::standard() };
    let scene = scene_reading(&upstream.origin(), Environment::Sandbox, reads, |_| {});
    for who in ["Patient/2", "Patient/77"] {
        let answer = scene.ask("POST", "/fhir/Observation", &[JSON], observation(who).to_string().as_bytes());
        assert_eq!(answer.status, 201, "{}", answer.text());
    }
    let asked = upstream.received().iter().filter(|one| one.target.contains("/Patient/2")).count();
    assert_eq!(asked, 0, "nothing is looked up");
}

#[test]
fn what_points_at_a_resource_and_is_hidden_is_not_named_and_not_deleted_with_it() {
    let upstream = Upstream::start(server);
    let scene = scene(&upstream.origin(), Environment::Sandbox, |_| {});
    let blocked = scene.ask("DELETE", "/fhir/Practitioner/1", &[], b"");
    assert_eq!(blocked.status, 409);
    assert!(!blocked.text().contains("Observation"), "{}", blocked.text());
    assert_eq!(value(&blocked)["issue"][0]["code"], "processing");
    let entry = r#"{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"DELETE","url":"Practitioner/1"}}]}"#;
    let blocked = scene.ask("POST", "/fhir", &[JSON], entry.as_bytes());
    assert!(!blocked.text().contains("Observation"), "{}", blocked.text());
    let before = written(&upstream);
    for (target, headers) in [
        ("/fhir/Practitioner/1?_cascade=delete", &[][..]),
        ("/fhir/Practitioner/1?%5Fcascade=delete", &[]),
        ("/fhir/Practitioner/1?_expunge=true", &[]),
        ("/fhir/Practitioner/1", &[("X-Cascade", "delete")]),
    ] {
        assert_eq!(scene.ask("DELETE", target, headers, b"").status, 403, "{target}");
    }
    let cascade = entry.replace("Practitioner/1", "Practitioner/1?_cascade=delete");
    assert_eq!(scene.ask("POST", "/fhir", &[JSON], cascade.as_bytes()).status, 403);
    assert_eq!(written(&upstream), before);
}
