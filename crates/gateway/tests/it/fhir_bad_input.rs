//! Bad input at a FHIR boundary: clear answers, nothing that reaches the server, bounded memory.

use std::io::{Read as _, Write as _};

use gateway::Limits;
use policy::{Environment, Mode};
use testkit::upstream::{Reply, Upstream};

use crate::{
    fhir_isolated::{production, scene, shown},
    scene::{Answer, Scene, request},
};

const TWO_GIGABYTES: u64 = 2 << 30;
/// What 2 GB may cost, beside what other tests of this process hold meanwhile.
const GROWTH_MAX: usize = 384 << 20;

fn resident_bytes() -> usize {
    let mut text = String::new();
    std::fs::File::open("/proc/self/statm").unwrap().take(200).read_to_string(&mut text).unwrap();
    text.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

#[test]
fn a_binary_of_two_gigabytes_is_refused_in_bounded_memory() {
    let upstream = Upstream::start(|_| Reply::json(201, "{}"));
    let scene = production(&upstream);
    let before = resident_bytes();
    let mut stream = scene.connect();
    let head = format!(
        "PUT /fhir/Binary/1 HTTP/1.1\r\nHost: gateway.example\r\nConnection: close\r\nContent-Type: application/pdf\r\nContent-Length: {TWO_GIGABYTES}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let (piece, mut sent, mut most) = (vec![b'x'; 1 << 20], 0, before);
    // The gateway answers when it has read what it holds, and hangs up: the rest is never sent.
    while sent < TWO_GIGABYTES && stream.write_all(&piece).is_ok() {
        sent += 1 << 20;
        most = most.max(resident_bytes());
    }
    assert!(sent < TWO_GIGABYTES, "all of it was taken");
    assert!(most - before < GROWTH_MAX, "grew by {} bytes", most - before);
    assert_eq!(upstream.received(), []);
    let (_, entries) = scene.stop();
    assert_eq!(entries.iter().filter(|entry| entry["counts"]["unreadable"] == 1).count(), 1, "{entries:?}");
}

#[test]
fn an_answer_of_two_gigabytes_is_not_shown_in_bounded_memory() {
    let upstream = Upstream::start(|_| Reply::Stream { bytes: TWO_GIGABYTES });
    let scene = production(&upstream);
    let before = resident_bytes();
    let answer = scene.ask("GET", "/fhir/Binary/1", &[], b"");
    let grown = resident_bytes().saturating_sub(before);
    assert_eq!(answer.status, 403, "{}", answer.text());
    assert!(answer.text().contains("EOSIN_ANSWER_TOO_LARGE"), "{}", answer.text());
    assert!(grown < GROWTH_MAX, "grew by {grown} bytes");
}

/// What an enforcing boundary of a test environment says; everything that can be read would pass there.
fn said(kind: &str, body: &str) -> Answer {
    let upstream = Upstream::start(|_| Reply::json(200, "{}"));
    let scene: Scene = scene(&upstream.origin(), Environment::Test, |_| {});
    let answer = scene.ask("POST", "/fhir", &[("Content-Type", kind)], body.as_bytes());
    let passed = upstream.received().iter().any(|one| one.method == "POST");
    assert_eq!(passed, answer.status == 200, "{}", answer.text());
    answer
}

#[test]
fn what_two_servers_could_read_differently_passes_nobody() {
    let json = "application/fhir+json";
    let patient = shown("1");
    let bundle =
        |entries: &str| format!(r#"{{"resourceType":"Bundle","type":"transaction","entry":[{entries}]}}"#);
    let entry = |resource: &str| {
        format!(r#"{{"resource":{resource},"request":{{"method":"POST","url":"Patient"}}}}"#)
    };
    let nested = (0..40).fold(patient.clone(), |inner, _| {
        format!(r#"{{"resourceType":"Bundle","type":"collection","entry":[{{"resource":{inner}}}]}}"#)
    });
    for (kind, body, status) in [
        (json, bundle(&entry(&patient)), 200),
        // An entity could hold anything, or a billion of it.
        ("application/fhir+xml", r#"<!DOCTYPE Bundle [<!ENTITY a SYSTEM "file:///etc/passwd">]><Bundle xmlns="http://hl7.org/fhir"><type value="&a;"/></Bundle>"#.to_owned(), 403),
        ("application/fhir+xml", r#"<!DOCTYPE B [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]><Bundle xmlns="http://hl7.org/fhir"><type value="&b;"/></Bundle>"#.to_owned(), 403),
        (json, bundle(&entry(&patient)).replacen("\"type\"", "\"type\":\"batch\",\"type\"", 1), 403),
        (json, bundle(&entry(&nested)), 403),
        (json, bundle(&entry(&patient)).replace("]}", "]"), 403),
        (json, format!("\u{feff}{}", bundle(&entry(&patient))), 403),
        ("text/turtle", "<a> <b> <c> .".to_owned(), 403),
    ] {
        let answer = said(kind, &body);
        assert_eq!(answer.status, status, "{}: {}", body.chars().take(120).collect::<String>(), answer.text());
        assert!(!answer.text().contains("Bell"), "{}", answer.text());
    }
}

#[test]
fn references_in_a_circle_end() {
    let one = |id: &str, other: &str| {
        format!(
            r#"{{"fullUrl":"urn:uuid:{id}","resource":{{"resourceType":"Appointment","status":"booked","participant":[],"slot":[{{"reference":"urn:uuid:{other}"}}],"basedOn":[{{"reference":"urn:uuid:{id}"}}]}},"request":{{"method":"POST","url":"Appointment"}}}}"#
        )
    };
    let bundle = format!(
        r#"{{"resourceType":"Bundle","type":"transaction","entry":[{},{}]}}"#,
        one("a", "b"),
        one("b", "a")
    );
    assert_eq!(said("application/fhir+json", &bundle).status, 200);
}

#[test]
fn fifty_thousand_entries_have_an_answer_in_bounded_memory() {
    let entry = format!(r#"{{"resource":{},"request":{{"method":"POST","url":"Patient"}}}}"#, shown("1"));
    let body = format!(
        r#"{{"resourceType":"Bundle","type":"transaction","entry":[{}]}}"#,
        vec![entry.as_str(); 50_000].join(",")
    );
    let upstream = Upstream::start(|_| Reply::json(200, "{}"));
    let mut config = crate::scene::config(&upstream.origin());
    config.boundaries[0].protocol = flow::Protocol::Fhir { base: "/fhir".to_owned() };
    config.boundaries[0].boundary.mode = Mode::Enforce;
    config.boundaries[0].boundary.environment = Environment::Test;
    config.limits = Limits::SUGGESTED;
    let scene = Scene::of(config);
    let before = resident_bytes();
    let json = [("Content-Type", "application/fhir+json")];
    let answer = scene.exchange(&request("POST", "/fhir", &json, body.as_bytes()));
    let grown = resident_bytes().saturating_sub(before);
    assert!(matches!(answer.status, 200 | 403), "{}", answer.text());
    assert!(grown < GROWTH_MAX + 40 * body.len(), "grew by {grown} bytes for {}", body.len());
    let (_, entries) = scene.stop();
    assert_eq!(entries.iter().filter(|entry| entry["eosin"] == "ruling@1").count(), 1);
}
