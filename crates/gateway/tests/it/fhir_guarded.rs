//! Writes and exports at a FHIR boundary that hides: what they name, find or carry away and is hidden is not there.

use carrier::{Labels, Limits, fhir};
use policy::Environment;
use serde_json::Value;
use testkit::{
    sealed,
    upstream::{Received, Reply, Upstream},
};

use crate::{
    fhir_isolated::{hidden, production, scene, shown, value},
    scene::Answer,
};

const LIMITS: Limits = Limits { body_bytes: 1 << 20, records: 100 };
const JSON: (&str, &str) = ("Content-Type", "application/fhir+json");

/// Patients 1 and 3 are shown, 2 is hidden; searches by identifier find the one of that number.
fn server(request: &Received) -> Reply {
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    let one = |id: &str| if id == "2" { hidden(id) } else { shown(id) };
    let ndjson = |text: String| Reply::Whole {
        status: 200,
        headers: vec![("Content-Type".to_owned(), "application/fhir+ndjson".to_owned())],
        body: text.into_bytes(),
    };
    match (request.method.as_str(), path) {
        ("POST", "/fhir") => {
            let asked: Value = serde_json::from_slice(&request.body).unwrap();
            let asked: Vec<String> = asked["entry"]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| one["request"]["url"].to_string())
                .collect();
            Reply::json(
                200,
                &format!(
                    r#"{{"resourceType":"Bundle","type":"batch-response","entry":[{{"response":{{"status":"404","outcome":{{"resourceType":"OperationOutcome","issue":[{{"diagnostics":{}}}]}}}}}}]}}"#,
                    asked[0]
                ),
            )
        }
        ("GET", "/fhir/Patient") => {
            let found =
                query.split("identifier=").nth(1).map(|rest| rest.split('&').next().unwrap().to_owned());
            let entries: Vec<String> =
                found.iter().map(|id| format!(r#"{{"resource":{}}}"#, one(id))).collect();
            Reply::json(
                200,
                &format!(
                    r#"{{"resourceType":"Bundle","type":"searchset","total":{},"entry":[{}]}}"#,
                    entries.len(),
                    entries.join(",")
                ),
            )
        }
        ("GET", "/fhir/files/1.ndjson") => {
            ndjson(format!("{}\n{}\nnot a line\n\n{}", shown("1"), hidden("2"), shown("3")))
        }
        ("GET", "/fhir/status/1") => Reply::json(
            200,
            &format!(
                r#"{{"output":[{{"type":"Patient","url":"http://{}/fhir/files/1.ndjson","count":3}}],"deleted":[{{"url":"x"}}]}}"#,
                host(request)
            ),
        ),
        ("GET", path) => match path.rsplit('/').next() {
            Some(id @ ("1" | "2" | "3")) => Reply::json(200, &one(id)),
            _ => Reply::json(404, r#"{"resourceType":"OperationOutcome","issue":[]}"#),
        },
        ("DELETE", _) => Reply::json(
            404,
            &format!(r#"{{"resourceType":"OperationOutcome","issue":[{{"diagnostics":"no {path}"}}]}}"#),
        ),
        _ => Reply::json(201, &shown("9")),
    }
}

fn host(request: &Received) -> &str {
    request.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("host")).map_or("", |(_, value)| value)
}

fn outcome(answer: &Answer) -> String {
    value(answer)["issue"][0].to_string()
}

#[test]
fn a_write_finds_nothing_that_is_hidden() {
    let upstream = Upstream::start(server);
    let scene = production(&upstream);
    let deleted = scene.ask("DELETE", "/fhir/Patient/2", &[], b"");
    assert_eq!(
        (deleted.status, outcome(&deleted).contains("no /fhir/Patient/2\"")),
        (404, true),
        "{}",
        deleted.text()
    );
    let sent = upstream.received();
    assert!(
        sent.iter().filter(|one| one.method == "DELETE").all(|one| one.target.len() > 20),
        "another id was sent"
    );
    scene.ask("DELETE", "/fhir/Patient?identifier=2", &[], b"");
    scene.ask("DELETE", "/fhir/Patient?identifier=3", &[], b"");
    let targets: Vec<String> =
        upstream.received().into_iter().filter(|one| one.method == "DELETE").map(|one| one.target).collect();
    assert!(targets[1].starts_with("/fhir/Patient?identifier=2&_id="), "{targets:?}");
    assert_eq!(targets[2], "/fhir/Patient?identifier=3", "what finds nobody hidden is sent as it came");
    let patched =
        scene.ask("PATCH", "/fhir/Patient/2", &[("Content-Type", "application/json-patch+json")], b"[]");
    assert_eq!(patched.status, 404, "{}", patched.text());
}

#[test]
fn a_batch_asks_for_nothing_that_is_hidden() {
    let upstream = Upstream::start(server);
    let scene = production(&upstream);
    let batch = |url: &str| {
        format!(
            r#"{{"resourceType":"Bundle","type":"batch","entry":[{{"request":{{"method":"GET","url":"{url}"}}}}]}}"#
        )
    };
    let answer = scene.ask("POST", "/fhir", &[JSON], batch("Patient/2").as_bytes());
    let said = value(&answer)["entry"][0]["response"]["outcome"]["issue"][0]["diagnostics"].clone();
    assert_eq!(said, "Patient/2", "the id is put back: {}", answer.text());
    scene.ask("POST", "/fhir", &[JSON], batch("Patient?identifier=2").as_bytes());
    let sent = upstream.received();
    let bodies: Vec<String> = sent
        .iter()
        .filter(|one| one.method == "POST")
        .map(|one| String::from_utf8_lossy(&one.body).into_owned())
        .collect();
    assert!(!bodies[0].contains("Patient/2\""), "{}", bodies[0]);
    assert!(bodies[1].contains("Patient?identifier=2&_id="), "{}", bodies[1]);
    for refused in ["Patient/$everything", "Patient/_history", "Patient?_has:Observation:subject:code=1"] {
        assert_eq!(scene.ask("POST", "/fhir", &[JSON], batch(refused).as_bytes()).status, 403, "{refused}");
    }
}

#[test]
fn exported_files_are_filtered_as_they_stream_and_nothing_counts_them() {
    let upstream = Upstream::start(server);
    let scene = production(&upstream);
    let file = scene.ask("GET", "/fhir/files/1.ndjson", &[], b"");
    let text = file.text();
    assert!(text.contains(&shown("1")) && text.contains(&shown("3")), "{text}");
    assert!(!text.contains("Zzyzx") && !text.contains("not a line"), "{text}");
    let manifest = value(&scene.ask("GET", "/fhir/status/1", &[], b""));
    assert_eq!(manifest["output"][0]["url"], "http://gateway.example/fhir/files/1.ndjson");
    assert!(!manifest.to_string().contains("count"), "{manifest}");
    assert_eq!(scene.ask("GET", "/fhir/other/1", &[], b"").status, 403, "a resource at a path of its own");
}

#[test]
fn a_subscription_is_refused_where_something_is_hidden() {
    let upstream = Upstream::start(server);
    // A sandbox takes what has no mark: only this rule refuses.
    let scene = scene(&upstream.origin(), Environment::Sandbox, |_| {});
    for (method, target, body) in [
        ("POST", "/fhir/Subscription", r#"{"resourceType":"Subscription","criteria":"Patient"}"#),
        ("PUT", "/fhir/Subscription/1", r#"{"resourceType":"Subscription","id":"1"}"#),
        (
            "POST",
            "/fhir",
            r#"{"resourceType":"Bundle","type":"batch","entry":[{"resource":{"resourceType":"Subscription"},"request":{"method":"POST","url":"Subscription"}}]}"#,
        ),
    ] {
        let answer = scene.ask(method, target, &[JSON], body.as_bytes());
        assert_eq!(answer.status, 403, "{method} {target}");
        assert!(answer.text().contains("subscription"), "{}", answer.text());
    }
    assert!(
        upstream.received().iter().all(|one| !String::from_utf8_lossy(&one.body).contains("Subscription"))
    );
}

#[test]
fn a_subscription_is_made_where_its_notifications_are_judged() {
    let upstream = Upstream::start(|request| {
        if request.method == "GET" && request.target.starts_with("/fhir/Subscription/9") {
            return Reply::json(
                200,
                r#"{"resourceType":"Subscription","id":"9","meta":{"versionId":"1"},"status":"active"}"#,
            );
        }
        server(request)
    });
    let mut config = crate::scene::config(&upstream.origin());
    let boundary = &mut config.boundaries[0];
    boundary.protocol = flow::Protocol::Fhir { base: "/fhir".to_owned() };
    boundary.boundary.mode = policy::Mode::Enforce;
    boundary.boundary.environment = Environment::Sandbox;
    boundary.reads = gateway::Reads::Isolated(gateway::IsolatedReads {
        subscription_endpoints: vec!["https://hooks.example/fhir".to_owned()],
        client_ids: true,
        ..gateway::IsolatedReads::standard()
    });
    let signatures = gateway::Signatures::off();
    let scene = crate::scene::Scene::signing(
        config,
        signatures,
        "gateway.example/log",
        "2026-11-21T12:00:00Z",
        |_| {},
    );
    let one = |endpoint: &str| {
        format!(
            r#"{{"resourceType":"Subscription","status":"requested","reason":"r","criteria":"Patient","channel":{{"type":"rest-hook","endpoint":"{endpoint}","payload":"application/fhir+json"}}}}"#
        )
    };
    let batch = |resource: &str| {
        format!(
            r#"{{"resourceType":"Bundle","type":"batch","entry":[{{"resource":{resource},"request":{{"method":"POST","url":"Subscription"}}}}]}}"#
        )
    };
    let (good, bad) = (one("https://hooks.example/fhir/a"), one("https://consumer.example/a"));
    for (target, body, want) in [
        ("POST /fhir/Subscription", good.clone(), true),
        ("PUT /fhir/Subscription/9", good.replacen('{', r#"{"id":"9","#, 1), true),
        ("POST /fhir", batch(&good), true),
        ("POST /fhir/Subscription", bad.clone(), false),
        ("POST /fhir", batch(&bad), false),
        ("POST /fhir/Subscription", r#"<Subscription xmlns="http://hl7.org/fhir"/>"#.to_owned(), false),
        (
            "PATCH /fhir/Subscription/9",
            r#"[{"op":"replace","path":"/channel/endpoint","value":"https://a.example"}]"#.to_owned(),
            false,
        ),
    ] {
        let (method, target) = target.split_once(' ').unwrap();
        let kind = match body.as_bytes().first() {
            Some(b'<') => "application/fhir+xml",
            Some(b'[') => "application/json-patch+json",
            _ => "application/fhir+json",
        };
        let before = upstream.received().len();
        let answer = scene.ask(method, target, &[("Content-Type", kind)], body.as_bytes());
        let is_made = answer.status < 300;
        assert_eq!(
            (is_made, answer.status == 403),
            (want, !want),
            "{method} {target} {body}: {}",
            answer.text()
        );
        let sent = upstream.received().split_off(before);
        let is_sent = sent.iter().any(|one| one.method == method && !one.body.is_empty());
        assert_eq!(is_sent, want, "{method} {target}");
    }
}

/// Whether there is a resource with an id that the client cannot see, no answer tells.
#[test]
fn an_id_of_the_clients_choice_is_refused_whether_a_hidden_resource_has_it_or_nobody() {
    for client_ids in [false, true] {
        let upstream = Upstream::start(server);
        let bare: Vec<String> = ["2", "7", "1"].map(shown).to_vec();
        let records: Vec<_> = bare
            .iter()
            .map(|text| fhir::read_document(text.as_bytes(), &LIMITS).records.remove(0).content.unwrap())
            .collect();
        let sealed = sealed::attested(&records);
        let marked: Vec<String> = bare
            .iter()
            .zip(&sealed.marks)
            .map(|(text, mark)| {
                String::from_utf8(fhir::place(text.as_bytes(), &Labels::of(mark)).unwrap()).unwrap()
            })
            .collect();
        let mut config = crate::scene::config(&upstream.origin());
        let boundary = &mut config.boundaries[0];
        boundary.protocol = flow::Protocol::Fhir { base: "/fhir".to_owned() };
        boundary.boundary.mode = policy::Mode::Enforce;
        boundary.boundary.environment = Environment::Production;
        boundary.reads = gateway::Reads::Isolated(gateway::IsolatedReads {
            client_ids,
            ..gateway::IsolatedReads::standard()
        });
        let trusting = |trust: &mut mark::TrustStore| assert_eq!(trust.admit(&sealed.dataset), Ok(1));
        let now = "2026-11-21T12:00:00Z";
        let signatures = gateway::Signatures::off();
        let scene = crate::scene::Scene::signing(config, signatures, "gateway.example/log", now, trusting);
        let batch = |id: &str, resource: &str| {
            format!(
                r#"{{"resourceType":"Bundle","type":"batch","entry":[{{"resource":{resource},"request":{{"method":"PUT","url":"Patient/{id}"}}}}]}}"#
            )
        };
        let told = |method: &str, target: &str, body: &str, id: &str| {
            let answer = scene.ask(method, target, &[JSON], body.as_bytes());
            (answer.status, answer.text().replace(&format!("/{id}"), "/ID"))
        };
        let put = |at: usize, id: &str| {
            [
                told("PUT", &format!("/fhir/Patient/{id}"), &marked[at], id),
                told("PUT", "/fhir/Patient?identifier=", &marked[at], id),
                told("POST", "/fhir", &batch(id, &marked[at]), id),
                told("POST", "/fhir/Patient", &marked[at], id),
                told(
                    "POST",
                    "/fhir",
                    &batch(id, &marked[at])
                        .replace(&format!("PUT\",\"url\":\"Patient/{id}"), "POST\",\"url\":\"Patient"),
                    id,
                ),
            ]
        };
        let (hidden, absent, seen) = (put(0, "2"), put(1, "7"), put(2, "1"));
        assert_eq!(hidden[0].0, 403, "{hidden:?}");
        assert!(seen.iter().all(|(status, _)| *status < 300), "{seen:?}");
        assert_eq!(hidden == absent, !client_ids, "{hidden:?}\n{absent:?}");
        let written =
            upstream.received().into_iter().filter(|one| one.method == "PUT" && one.target.contains("/2"));
        assert_eq!(written.count(), 0, "nothing is written by the id of a hidden resource");
    }
}

/// What a server sends to a subscriber is a write of one resource: a boundary in front of the subscriber judges it.
#[test]
fn notifications_are_judged_on_their_way_to_the_subscriber() {
    let bare = shown("1");
    let readings = fhir::read_document(bare.as_bytes(), &LIMITS).records;
    let sealed = sealed::attested(&[readings[0].content.clone().unwrap()]);
    let attested = fhir::place(bare.as_bytes(), &Labels::of(&sealed.marks[0])).unwrap();
    let consumer = Upstream::start(|_| Reply::json(200, "{}"));
    let mut config = crate::scene::config(&consumer.origin());
    let boundary = &mut config.boundaries[0];
    boundary.protocol = flow::Protocol::Fhir { base: "/hooks".to_owned() };
    boundary.boundary.mode = policy::Mode::Enforce;
    boundary.boundary.environment = Environment::Production;
    let now = "2026-11-21T12:00:00Z";
    let trusting = |trust: &mut mark::TrustStore| assert_eq!(trust.admit(&sealed.dataset), Ok(1));
    let scene = crate::scene::Scene::signing(
        config,
        gateway::Signatures::off(),
        "gateway.example/log",
        now,
        trusting,
    );
    // As R4 writes it, and as servers do that post to the endpoint itself.
    for (method, target) in [("PUT", "/hooks/Patient/1"), ("POST", "/hooks")] {
        let passed = scene.ask(method, target, &[JSON], &attested);
        assert_eq!(passed.status, 200, "{method} {target}: {}", passed.text());
        assert_eq!(consumer.received().last().unwrap().body, attested);
        let before = consumer.received().len();
        let refused = scene.ask(method, target, &[JSON], hidden("1").as_bytes());
        assert_eq!(refused.status, 403, "{method} {target}: {}", refused.text());
        assert_eq!(consumer.received().len(), before);
    }
}
