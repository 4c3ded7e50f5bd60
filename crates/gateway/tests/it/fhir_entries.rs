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

/// Patient 2 is hidden in production, and 3 is shown. What the server is not asked for in the right way it refuses.
fn guarded_server(request: &Received) -> Reply {
    let refused = |status: u16| Reply::json(status, r#"{"resourceType":"OperationOutcome","issue":[]}"#);
    let header = |wanted: &str| {
        let found = request.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.map_or("", |(_, value)| value.as_str())
    };
    if request.method == "GET" && header("authorization") == "Bearer writes" {
        return refused(403);
    }
    let form = String::from_utf8_lossy(&request.body).into_owned();
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    match (request.method.as_str(), path) {
        ("GET", _) if request.target.len() > 8000 => refused(414),
        ("GET", "/fhir/Patient") if query.contains("nosuch") => refused(400),
        ("GET" | "POST", "/fhir/Patient" | "/fhir/Patient/_search")
            if query.contains("name=Zzyzx") || (path.ends_with("_search") && form.contains("name=Zzyzx")) =>
        {
            Reply::json(200, &bundle("searchset", &[entry(&hidden("2"))]))
        }
        ("GET", "/fhir/Patient/2") => Reply::json(200, &hidden("2")),
        ("GET", "/fhir/Patient/3") => Reply::json(200, &shown("3")),
        ("GET", "/fhir/Patient/4") => refused(410),
        ("GET", _) => refused(404),
        ("DELETE", _) => Reply::json(200, ""),
        ("POST", "/fhir") => Reply::json(200, &bundle("batch-response", &[])),
        _ => Reply::json(201, &shown("9")),
    }
}

/// The writes that reached the server.
fn written(upstream: &Upstream) -> Vec<Received> {
    let reads = |one: &Received| one.method == "GET" || one.target.ends_with("_search");
    upstream.received().into_iter().filter(|one| !reads(one)).collect()
}

#[test]
fn nothing_is_done_with_what_could_not_be_looked_up() {
    let upstream = Upstream::start(guarded_server);
    let scene = production(&upstream);
    let writer = ("Authorization", "Bearer writes");
    for (method, target, body, status) in [
        ("DELETE", "/fhir/Patient/2", String::new(), 403),
        ("DELETE", "/fhir/Patient/77", String::new(), 403),
        ("DELETE", "/fhir/Patient?name=Zzyzx", String::new(), 403),
        ("POST", "/fhir", batch(&[("DELETE", "Patient/2")]), 403),
        ("POST", "/fhir", batch(&[("GET", "Patient?name=Zzyzx&_summary=count")]), 403),
    ] {
        let answer = scene.ask(method, target, &[JSON, writer], body.as_bytes());
        assert_eq!(answer.status, status, "{method} {target} {body}: {}", answer.text());
    }
    let answer = scene.ask("DELETE", "/fhir/Patient?name=Zzyzx&nosuch=1", &[], b"");
    assert_eq!(answer.status, 400, "the server's own words: {}", answer.text());
    assert_eq!(written(&upstream).len(), 0, "nothing was sent");
    let answer = scene.ask("GET", "/fhir/Patient/4", &[], b"");
    assert_eq!(answer.status, 404, "one was deleted whose versions nobody can look at: {}", answer.text());
}

#[test]
fn a_search_that_is_too_long_for_an_address_is_asked_in_a_form() {
    let upstream = Upstream::start(guarded_server);
    let scene = production(&upstream);
    let url = format!("Patient?name=Zzyzx,{}", "x".repeat(20_000));
    scene.ask("POST", "/fhir", &[JSON], batch(&[("DELETE", &url), ("GET", &url)]).as_bytes());
    let sent = written(&upstream);
    let body: Value = serde_json::from_slice(&sent[0].body).unwrap();
    for entry in body["entry"].as_array().unwrap() {
        let url = entry["request"]["url"].as_str().unwrap();
        assert!(url.contains("_id=") && url.len() < 21_000, "only what is shown: {url:.60}");
    }
}

#[test]
fn what_is_made_has_no_id_of_the_clients() {
    let upstream = Upstream::start(guarded_server);
    let scene = scene(&upstream.origin(), Environment::Sandbox, |_| {});
    scene.ask("POST", "/fhir/Patient", &[JSON], shown("2").as_bytes());
    let one = format!(
        r#"{{"fullUrl":"urn:uuid:1","resource":{},"request":{{"method":"POST","url":"Patient"}}}}"#,
        shown("2")
    );
    scene.ask("POST", "/fhir", &[JSON], bundle("transaction", &[one]).as_bytes());
    let sent = written(&upstream);
    assert_eq!(sent.len(), 2);
    for one in &sent {
        let body: Value = serde_json::from_slice(&one.body).unwrap();
        let made = if body["resourceType"] == "Bundle" { &body["entry"][0]["resource"] } else { &body };
        assert_eq!((made.get("id"), &made["name"][0]["family"]), (None, &"Bell".into()), "{body}");
    }
    let xml = r#"<Patient xmlns="http://hl7.org/fhir"><id value="2"/><active value="true"/></Patient>"#;
    let kind = ("Content-Type", "application/fhir+xml");
    let answer = scene.ask("POST", "/fhir/Patient", &[kind], xml.as_bytes());
    assert_eq!(answer.status, 403, "{}", answer.text());
    let bare = xml.replace(r#"<id value="2"/>"#, "");
    assert_eq!(scene.ask("POST", "/fhir/Patient", &[kind], bare.as_bytes()).status, 201);
}

#[test]
fn what_is_included_in_a_batch_is_judged_whole_and_leaves_with_what_brought_it() {
    let by = |id: &str, of: &str| {
        let resource = format!(r#"{{"resourceType":"{of}","id":"{id}"}}"#);
        format!(r#"{{"resource":{resource},"search":{{"mode":"include"}}}}"#)
    };
    let led = |patient: String, to: &str| {
        let leading = format!(r#"{{"generalPractitioner":[{{"reference":"Practitioner/{to}"}}],"#);
        entry(&patient.replacen('{', &leading, 1))
    };
    let entries =
        [led(shown("1"), "a"), led(hidden("2"), "b"), by("a", "Practitioner"), by("b", "Practitioner")];
    let page = bundle("searchset", &entries);
    let upstream = Upstream::start(move |request: &Received| match request.method.as_str() {
        "POST" => Reply::json(200, &bundle("batch-response", &[entry(&page)])),
        _ => Reply::json(200, &bundle("searchset", &[])),
    });
    let scene = production(&upstream);
    let ask = |url: &str| scene.ask("POST", "/fhir", &[JSON], batch(&[("GET", url)]).as_bytes());
    let told = value(&ask("Patient?_include=Patient:general-practitioner"));
    assert_eq!(ids(&told["entry"][0]["resource"]), ["1", "a"], "{told}");
    for part in ["_summary=true", "_elements=subject"] {
        let answer = ask(&format!("Patient?_include=Patient:general-practitioner&{part}"));
        assert_eq!(answer.status, 403, "{part}: {}", answer.text());
    }
    assert_eq!(ask("Patient?_include=Patient:general-practitioner&_summary=count").status, 200);
    assert_eq!(ask("Patient?_elements=name").status, 200);
}
