//! A FHIR server behind a boundary that hides: each resource is judged by itself, and what is hidden is not there.

use carrier::{Labels, Limits, fhir};
use flow::Protocol;
use gateway::{IsolatedReads, Reads, Signatures};
use policy::{Environment, Mode};
use serde_json::{Value, json};
use testkit::{
    sealed,
    upstream::{Received, Reply, Upstream},
};

use crate::scene::{Answer, Scene, config};

const TEST_DATA: &str =
    r#""meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActReason","code":"HTEST"}]}"#;
const LIMITS: Limits = Limits { body_bytes: 1 << 20, records: 100 };

pub(crate) fn scene(
    origin: &str,
    environment: Environment,
    tweak: impl FnOnce(&mut mark::TrustStore),
) -> Scene {
    scene_reading(origin, environment, IsolatedReads::standard(), tweak)
}

pub(crate) fn scene_reading(
    origin: &str,
    environment: Environment,
    reads: IsolatedReads,
    tweak: impl FnOnce(&mut mark::TrustStore),
) -> Scene {
    let mut config = config(origin);
    let boundary = &mut config.boundaries[0];
    boundary.protocol = Protocol::Fhir { base: "/fhir".to_owned() };
    boundary.boundary.mode = Mode::Enforce;
    boundary.boundary.environment = environment;
    boundary.reads = Reads::Isolated(reads);
    let now = "2026-11-21T12:00:00Z";
    Scene::signing(config, Signatures::off(), "gateway.example/log", now, tweak)
}

pub(crate) fn production(upstream: &Upstream) -> Scene {
    scene(&upstream.origin(), Environment::Production, |_| {})
}

pub(crate) fn value(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or_else(|_| panic!("{}", answer.text()))
}

pub(crate) fn hidden(id: &str) -> String {
    format!(r#"{{"resourceType":"Patient","id":"{id}",{TEST_DATA},"name":[{{"family":"Zzyzx"}}]}}"#)
}

pub(crate) fn shown(id: &str) -> String {
    format!(r#"{{"resourceType":"Patient","id":"{id}","name":[{{"family":"Bell"}}]}}"#)
}

/// A server with patients 1 to 6, of whom the even ones are hidden; it gives them two at a time.
fn server(request: &Received) -> Reply {
    let target = request.target.as_str();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let one = |id: u32| if id.is_multiple_of(2) { hidden(&id.to_string()) } else { shown(&id.to_string()) };
    if let Some(id) = path.strip_prefix("/fhir/Patient/").filter(|id| *id != "_search") {
        return match id.parse() {
            Ok(id @ 1..=6) => Reply::json(200, &one(id)),
            _ => Reply::json(
                404,
                &format!(
                    r#"{{"resourceType":"OperationOutcome","issue":[{{"diagnostics":"no Patient/{id}"}}]}}"#
                ),
            ),
        };
    }
    let from: u32 = query.split("from=").nth(1).and_then(|from| from.parse().ok()).unwrap_or(1);
    let entries: Vec<String> = (from..from + 2)
        .map(|id| {
            format!(r#"{{"fullUrl":"http://{}/fhir/Patient/{id}","resource":{}}}"#, host(request), one(id))
        })
        .collect();
    let next =
        format!(r#","link":[{{"relation":"next","url":"http://elsewhere/fhir/Patient?from={}"}}]"#, from + 2);
    Reply::json(
        200,
        &format!(
            r#"{{"resourceType":"Bundle","type":"searchset","total":6,"entry":[{}]{}}}"#,
            entries.join(","),
            if from < 5 { next.as_str() } else { "" }
        ),
    )
}

fn host(request: &Received) -> String {
    let host = request.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("host"));
    host.map(|(_, value)| value.clone()).unwrap_or_default()
}

fn ids(bundle: &Value) -> Vec<String> {
    let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
    entries.iter().map(|entry| entry["resource"]["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_hidden_resource_is_answered_as_an_absent_one() {
    let upstream = Upstream::start(server);
    let scene = production(&upstream);
    let shown = scene.ask("GET", "/fhir/Patient/1", &[], b"");
    assert_eq!((shown.status, &value(&shown)["name"][0]["family"]), (200, &"Bell".into()));
    let absent = scene.ask("GET", "/fhir/Patient/77", &[], b"");
    let hidden = scene.ask("GET", "/fhir/Patient/2", &[], b"");
    assert_eq!((hidden.status, absent.status), (404, 404));
    assert_eq!(hidden.text().replace("Patient/2", ""), absent.text().replace("Patient/77", ""));
    let head = scene.ask("HEAD", "/fhir/Patient/2", &[], b"");
    assert_eq!(head.status, 404);
    let (_, entries) = scene.stop();
    assert_eq!(entries.iter().filter(|entry| entry["action"] == "read").count(), 4);
}

#[test]
fn a_search_counts_and_pages_as_if_the_hidden_were_not_there() {
    let upstream = Upstream::start(server);
    let scene = production(&upstream);
    let all = value(&scene.ask("GET", "/fhir/Patient?_count=2&_total=accurate", &[], b""));
    assert_eq!((ids(&all), &all["total"]), (vec!["1".to_owned(), "3".to_owned()], &3.into()));
    assert!(all["entry"][0]["fullUrl"].as_str().unwrap().starts_with("http://gateway.example/fhir/"));
    let next = all["link"][1]["url"].as_str().unwrap();
    assert_eq!(all["link"][1]["relation"], "next");
    let next = next.strip_prefix("http://gateway.example").unwrap();
    let rest = value(&scene.ask("GET", next, &[], b""));
    assert_eq!((ids(&rest), rest["link"][1].is_null()), (vec!["5".to_owned()], true));
    let stolen = scene.ask("GET", next, &[("Authorization", "Bearer other")], b"");
    assert_eq!(stolen.status, 400, "nobody goes on with the search of another");

    let count = value(&scene.ask("GET", "/fhir/Patient?_summary=count", &[], b""));
    assert_eq!(count["total"], 3);
    assert!(count.get("entry").is_none());
    let second = value(&scene.ask("GET", "/fhir/Patient?_count=1&_offset=1", &[], b""));
    assert_eq!(ids(&second), ["3"]);
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let posted = value(&scene.ask("POST", "/fhir/Patient/_search", &form, b"_summary=count&name=e"));
    assert_eq!(posted["total"], 3);
    let sent = upstream.received();
    assert_eq!(sent.last().unwrap().target, "/fhir/Patient?from=5");
    assert!(sent.iter().any(|one| one.method == "POST" && one.body.starts_with(b"name=e&_count=")));
}

#[test]
fn a_search_is_as_strict_as_the_client_asks() {
    let prefers = |request: &Received| {
        let mut all = request.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("prefer"));
        all.next().map(|(_, value)| value.clone())
    };
    let upstream = Upstream::start(move |request: &Received| match prefers(request).as_deref() {
        Some("handling=strict") if request.target.contains("nosuch") => {
            Reply::json(400, r#"{"resourceType":"OperationOutcome","issue":[]}"#)
        }
        _ => server(request),
    });
    let scene = production(&upstream);
    let search = "/fhir/Patient?nosuch=1";
    for (prefer, want) in [
        ("handling=strict", 400),
        ("return=minimal, Handling = \"strict\"; foo=1", 400),
        ("handling=lenient", 200),
        ("return=representation", 200),
        ("handling=strictly", 200),
    ] {
        assert_eq!(scene.ask("GET", search, &[("Prefer", prefer)], b"").status, want, "{prefer}");
    }
    let form = [("Content-Type", "application/x-www-form-urlencoded"), ("Prefer", "handling=strict")];
    assert_eq!(
        scene.ask("POST", "/fhir/Patient/_search", &form, b"nosuch=1").status,
        200,
        "it is in the body"
    );
    let sent: Vec<_> = upstream.received().iter().filter_map(prefers).collect();
    assert_eq!(sent, ["handling=strict", "handling=strict", "handling=lenient", "handling=strict"]);
}

#[test]
fn a_server_that_gives_empty_pages_for_ever_is_left() {
    let upstream = Upstream::start(|request: &Received| {
        let page =
            request.target.split("page=").nth(1).and_then(|page| page.parse::<u32>().ok()).unwrap_or(0);
        let host = request.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("host")).unwrap();
        let next = format!("http://{}/fhir/Patient?page={}", host.1, page + 1);
        Reply::json(
            200,
            &json!({"resourceType": "Bundle", "type": "searchset", "link": [{"relation": "next", "url": next}]})
                .to_string(),
        )
    });
    let scene = production(&upstream);
    let answer = scene.ask("GET", "/fhir/Patient", &[], b"");
    assert_eq!(answer.status, 403, "{}", answer.text());
    assert_eq!(upstream.received().len(), 101);
}

#[test]
fn whoever_has_any_version_has_this_one() {
    let upstream = Upstream::start(|request: &Received| {
        let mut reply = server(request);
        if let Reply::Whole { status: 200, headers, .. } = &mut reply {
            headers.push(("ETag".to_owned(), "W/\"3\"".to_owned()));
        }
        reply
    });
    let scene = production(&upstream);
    for (has, want) in
        [("*", [304, 404, 404]), ("W/\"1\", W/\"3\"", [304, 404, 404]), ("W/\"2\"", [200, 404, 404])]
    {
        let asked = ["1", "2", "77"].map(|id| {
            scene.ask("GET", &format!("/fhir/Patient/{id}"), &[("If-None-Match", has)], b"").status
        });
        assert_eq!(asked, want, "{has}");
    }
}

#[test]
fn whoever_reads_xml_is_shown_the_same() {
    let upstream = Upstream::start(server);
    let scene = production(&upstream);
    let accept = [("Accept", "application/fhir+xml")];
    let one = scene.ask("GET", "/fhir/Patient/1", &accept, b"");
    assert_eq!((one.status, one.header("content-type")), (200, Some("application/fhir+xml; charset=utf-8")));
    let patient = r#"<id value="1"/><name><family value="Bell"/></name></Patient>"#;
    assert!(one.text().ends_with(patient), "{}", one.text());
    assert!(one.header("eosin-provenance").is_some());

    let (hidden, absent) = (
        scene.ask("GET", "/fhir/Patient/2?_format=xml", &[], b""),
        scene.ask("GET", "/fhir/Patient/77", &accept, b""),
    );
    assert_eq!((hidden.status, absent.status), (404, 404));
    assert!(hidden.text().contains("<OperationOutcome"), "{}", hidden.text());
    assert_eq!(hidden.text().replace("Patient/2", ""), absent.text().replace("Patient/77", ""));

    let all =
        scene.ask("GET", "/fhir/Patient?_total=accurate&_count=2&_format=application/fhir%2Bxml", &[], b"");
    let text = all.text();
    assert_eq!(
        (text.matches("<Patient>").count(), text.contains(r#"<total value="3"/>"#)),
        (2, true),
        "{text}"
    );
    assert!(text.contains(r#"<relation value="next"/>"#) && !text.contains("Zzyzx"), "{text}");
    let closed = scene.ask("GET", "/fhir/Patient?_filter=name%20eq%20x", &accept, b"");
    assert_eq!(closed.status, 403);
    assert!(closed.text().contains(r#"<code value="EOSIN_READ_CLOSED"/>"#), "{}", closed.text());
    let head = scene.ask("HEAD", "/fhir/Patient/1", &accept, b"");
    assert_eq!(
        (head.status, head.header("content-type")),
        (200, Some("application/fhir+xml; charset=utf-8"))
    );
    assert!(upstream.received().iter().all(|one| !one.target.contains("_format")));
}

#[test]
fn what_cannot_be_isolated_is_refused_with_an_outcome() {
    let upstream = Upstream::start(server);
    let scene = production(&upstream);
    for target in [
        "/fhir/Patient?_has:Observation:patient:code=1",
        "/fhir/Observation?subject:Patient.name=Zzyzx",
        "/fhir/Patient?_getpages=1",
        "/fhir/Patient/_history",
        "/fhir/Observation/$lastn",
        "/fhir/$graphql?query={}",
        "/fhir/Patient?_eosin_page=9",
    ] {
        let answer = scene.ask("GET", target, &[], b"");
        assert!(matches!(answer.status, 400 | 403), "{target}: {}", answer.status);
        let outcome = value(&answer);
        let issue = &outcome["issue"][0];
        assert_eq!(outcome["resourceType"], "OperationOutcome");
        assert_eq!(issue["details"]["coding"][0]["system"], fhir::REFUSAL_SYSTEM);
        assert_eq!(issue["diagnostics"], issue["details"]["text"]);
    }
    assert_eq!(upstream.received(), []);
    assert_eq!(scene.ask("GET", "/fhir/metadata", &[], b"").status, 200);
}

#[test]
fn labels_that_a_server_dropped_are_put_back_and_no_others() {
    let bare = r#"{"resourceType":"Patient","id":"1","name":[{"family":"Zzyzx"}],"multipleBirthInteger":1}"#;
    let readings = fhir::read_document(bare.as_bytes(), &LIMITS);
    let sealed = sealed::synthetic(&[readings.records[0].content.clone().unwrap()]);
    let placed = fhir::place(bare.as_bytes(), &Labels::of(&sealed.marks[0])).unwrap();
    let mut stripped: Value = serde_json::from_slice(&placed).unwrap();
    stripped["meta"] = json!({"versionId": "3"});
    stripped["identifier"] = Value::Null;
    let stripped = stripped.to_string();
    let upstream = Upstream::start(move |request| {
        Reply::json(
            200,
            if request.target.ends_with('1') {
                &stripped
            } else {
                r#"{"resourceType":"Patient","id":"2","name":[{"family":"Bell"}]}"#
            },
        )
    });
    let scene = scene(&upstream.origin(), Environment::Staging, |trust| {
        trust.admit(&sealed.dataset).unwrap();
    });
    let labelled = value(&scene.ask("GET", "/fhir/Patient/1", &[], b""));
    assert_eq!(labelled["meta"]["security"][0]["code"], "HTEST", "{labelled}");
    assert_eq!(labelled["meta"]["versionId"], "3");
    assert_eq!(labelled["identifier"][0]["system"], fhir::BRAND_SYSTEM);
    let unproven = scene.ask("GET", "/fhir/Patient/2", &[], b"");
    assert!(!unproven.text().contains("meta"), "{}", unproven.text());
}
