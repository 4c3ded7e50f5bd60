//! Entries of Bundles at a FHIR boundary that hides, each judged by itself: what cannot be read is one record.

use policy::Environment;
use serde_json::Value;
use testkit::upstream::{Received, Reply, Upstream};

use crate::fhir_isolated::{hidden, production, scene, shown, value};

const JSON: (&str, &str) = ("Content-Type", "application/fhir+json");

/// A patient whose extensions are nested so deep that a page with it is deeper than what is read.
fn deep(id: &str) -> String {
    let (open, close) = (r#"{"extension":["#.repeat(30), "]}".repeat(30));
    shown(id).replacen('{', &format!(r#"{{"extension":[{open}{close}],"#), 1)
}

/// A patient with a number beyond those that all readers read alike.
fn unreadable(id: &str) -> String {
    shown(id).replacen('{', r#"{"multipleBirthInteger":12345678901234567890,"#, 1)
}

fn bundle(kind: &str, entries: &[String]) -> String {
    format!(r#"{{"resourceType":"Bundle","type":"{kind}","entry":[{}]}}"#, entries.join(","))
}

fn entry(resource: &str) -> String {
    format!(r#"{{"resource":{resource},"response":{{"status":"200"}}}}"#)
}

fn batch(requests: &[(&str, &str)]) -> String {
    let requests = requests
        .iter()
        .map(|(method, url)| format!(r#"{{"request":{{"method":"{method}","url":"{url}"}}}}"#))
        .collect::<Vec<_>>();
    bundle("batch", &requests)
}

fn ids(page: &Value) -> Vec<&str> {
    let entries = page["entry"].as_array().map_or(&[][..], Vec::as_slice);
    entries.iter().map(|entry| entry["resource"]["id"].as_str().unwrap()).collect()
}

fn answering(body: String) -> Upstream {
    Upstream::start(move |_: &Received| Reply::json(200, &body))
}

#[test]
fn one_resource_that_cannot_be_read_does_not_close_the_search_that_meets_it() {
    let entries =
        [shown("1"), unreadable("2"), deep("3"), hidden("4"), "[]".to_owned()].map(|one| entry(&one));
    let upstream = answering(bundle("searchset", &entries));
    let scene = production(&upstream);
    let page = scene.ask("GET", "/fhir/Patient?_total=accurate", &[], b"");
    assert_eq!(page.status, 200, "{}", page.text());
    assert_eq!((ids(&value(&page)), &value(&page)["total"]), (vec!["1", "3"], &2.into()));
    let counted = value(&scene.ask("GET", "/fhir/Patient?_summary=count", &[], b""));
    assert_eq!(counted["total"], 2);
}

#[test]
fn what_cannot_be_read_takes_nothing_hidden_past_in_the_answer_to_a_batch() {
    let found = bundle("searchset", &[entry(&hidden("4")), entry(&unreadable("5")), entry(&shown("6"))]);
    let nested =
        bundle("searchset", &[entry(&bundle("searchset", &[entry(&hidden("7")), entry(&shown("8"))]))]);
    let odd =
        r#"{"resourceType":"Bundle","type":"searchset","entry":[{"resource":4}],"entry":[]}"#.to_owned();
    let entries = [deep("1"), unreadable("2"), hidden("3"), found, nested, odd].map(|one| entry(&one));
    let upstream = Upstream::start(move |request: &Received| match request.method.as_str() {
        "POST" => Reply::json(200, &bundle("batch-response", &entries)),
        _ => Reply::json(404, r#"{"resourceType":"OperationOutcome","issue":[]}"#),
    });
    let scene = production(&upstream);
    let answer = scene.ask("POST", "/fhir", &[JSON], batch(&[("GET", "Patient/1")]).as_bytes());
    let told = value(&answer);
    assert_eq!(told["entry"].as_array().unwrap().len(), 6, "each has its place: {told}");
    assert_eq!(told["entry"][0]["resource"]["id"], "1");
    for gone in [1, 2, 5] {
        assert!(told["entry"][gone].get("resource").is_none(), "{told}");
    }
    assert_eq!(ids(&told["entry"][3]["resource"]), ["6"]);
    assert!(
        ids(&told["entry"][4]["resource"]).is_empty(),
        "a Bundle that was found is shown whole or not at all"
    );
    assert!(!answer.text().contains("HTEST"), "{}", answer.text());
}

#[test]
fn an_answer_to_a_write_that_cannot_be_read_is_not_shown() {
    for told in [
        r#"{"resourceType":"Bundle","type":"batch-response","entry":{}}"#,
        r#"{"resourceType":"OperationOutcome","id":"HTEST","resourceType":"Patient"}"#,
        r#"[{"resourceType":"Patient","id":"HTEST"}]"#,
    ] {
        let upstream = Upstream::start(move |_: &Received| Reply::json(200, told));
        let scene = scene(&upstream.origin(), Environment::Sandbox, |_| {});
        let answer = scene.ask("POST", "/fhir/Patient", &[JSON], shown("").as_bytes());
        assert_eq!(
            (answer.status, answer.text().contains("HTEST")),
            (502, false),
            "{told}: {}",
            answer.text()
        );
    }
}

#[test]
fn what_a_bundle_asks_and_is_not_known_is_refused() {
    let upstream = answering(bundle("batch-response", &[]));
    let scene = production(&upstream);
    for (method, url) in [
        ("POST", "Patient/_search"),
        ("POST", "_search"),
        ("POST", "Patient/1/Observation/_search"),
        ("POST", "Patient/$everything"),
        ("POST", "Patient/1/$everything"),
        ("DELETE", "http://server.example/fhir/Patient/2"),
        ("DELETE", "fhir/Patient/2"),
        ("get", "Patient/2"),
        ("delete", "Patient/2"),
    ] {
        let answer = scene.ask("POST", "/fhir", &[JSON], batch(&[(method, url)]).as_bytes());
        let told = value(&answer)["entry"][0]["response"]["status"].clone();
        let is_refused = answer.status == 403 || told.as_str().is_some_and(|told| told.starts_with("403"));
        assert!(is_refused, "{method} {url}: {}", answer.text());
        let sent = upstream.received();
        assert!(
            sent.iter().all(|one| !String::from_utf8_lossy(&one.body).contains(url)),
            "{method} {url} was sent"
        );
    }
    let known = scene.ask("POST", "/fhir", &[JSON], batch(&[("POST", "ValueSet/$expand")]).as_bytes());
    assert_eq!(known.status, 200, "{}", known.text());
}
