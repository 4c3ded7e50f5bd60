//! Reads around one FHIR resource that could be hidden, and exports that name one: each is as if there were none.

use carrier::fhir;
use gateway::{IsolatedReads, References};
use mark::Authorship;
use policy::Environment;
use serde_json::Value;
use testkit::upstream::{Received, Reply, Upstream};

use crate::fhir_isolated::{hidden, production, scene_reading, shown, value};

const TEST_DATA: &str =
    r#""meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActReason","code":"HTEST"}]}"#;

fn outcome(status: u16, sentence: &str) -> Reply {
    Reply::json(
        status,
        &format!(r#"{{"resourceType":"OperationOutcome","issue":[{{"diagnostics":"{sentence}"}}]}}"#),
    )
}

fn history(entries: &[String], next: &str) -> Reply {
    let entries: Vec<String> = entries.iter().map(|one| format!(r#"{{"resource":{one}}}"#)).collect();
    let link = if next.is_empty() {
        String::new()
    } else {
        format!(r#","link":[{{"relation":"next","url":"http://elsewhere{next}"}}]"#)
    };
    let entry = entries.join(",");
    Reply::json(200, &format!(r#"{{"resourceType":"Bundle","type":"history","entry":[{entry}]{link}}}"#))
}

/// A file of settings, or one with a hidden patient.
fn binary(request: &Received, id: &str) -> Reply {
    let held = if id == "1" { r#"{"kind":"settings"}"#.to_owned() } else { hidden("7") };
    let accepts = request.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("accept"));
    if !accepts.is_some_and(|(_, value)| value.contains("fhir")) {
        return Reply::json(200, &held);
    }
    let (kind, data) = ("application/json", data_encoding::BASE64.encode(held.as_bytes()));
    let resource =
        format!(r#"{{"resourceType":"Binary","id":"{id}","contentType":"{kind}","data":"{data}"}}"#);
    Reply::json(200, &resource)
}

/// A server where 1 is shown and 2 is hidden, of patients and of groups; 4 and a Binary were deleted and had been hidden, and
/// of 5 and 6 it gives the same page of versions for ever.
fn server(request: &Received) -> Reply {
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    let words: Vec<&str> = path.trim_start_matches('/').split('/').skip(1).collect();
    let is_there = |id: &str| matches!(id, "1" | "2");
    match words.as_slice() {
        ["Group", id] if is_there(id) => {
            let meta = if *id == "2" { format!(",{TEST_DATA}") } else { String::new() };
            Reply::json(200, &format!(r#"{{"resourceType":"Group","id":"{id}"{meta}}}"#))
        }
        ["metadata"] => {
            let host = request.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("host"));
            let url = format!("http://{}/fhir", host.map_or("", |(_, value)| value));
            Reply::json(200, &format!(r#"{{"implementation":{{"url":"{url}"}}}}"#))
        }
        ["Binary", id @ ("1" | "2")] => binary(request, id),
        ["Patient", "1"] => Reply::json(200, &shown("1")),
        ["Patient", "2"] => Reply::json(200, &hidden("2")),
        ["Patient" | "Binary", "4" | "5" | "6"] => outcome(410, "gone"),
        ["Patient", "4", "_history"] if query.is_empty() => {
            history(&[shown("4")], "/fhir/Patient/4/_history?p=2")
        }
        ["Patient", "4", "_history"] => history(&[hidden("4")], ""),
        ["Patient", "5", "_history"] => history(&[shown("5")], "/fhir/Patient/5/_history?p=2"),
        ["Patient", "6", "_history"] => Reply::json(
            200,
            &format!(
                r#"{{"resourceType":"Bundle","type":"history","total":3,"entry":[{{"resource":{}}}]}}"#,
                shown("6")
            ),
        ),
        ["Binary", "4", "_history"] => {
            let binary =
                format!(r#"{{"resourceType":"Binary","id":"4",{TEST_DATA},"contentType":"image/png"}}"#);
            history(&[binary], "")
        }
        ["Patient", _, "_history" | "$everything"] if query.contains("bogus") => {
            outcome(400, &format!("cannot read the query of {path}"))
        }
        ["Patient", id, "_history"] if is_there(id) => {
            let version = |name: &str| shown(id).replace("Bell", name);
            history(&[version("third"), version("second"), version("first")], "")
        }
        ["Patient", id, "_history"] if query.contains("_since") => {
            assert!(!is_there(id));
            history(&[], "")
        }
        ["Patient"] if query.contains("_elements") => history(&[shown("1").replace("Bell", "third")], ""),
        ["Group", id, "$export"] if is_there(id) => Reply::json(202, ""),
        ["Patient", "$export"] => {
            let named = query.split("patient=").nth(1).map(|one| one.trim_start_matches("Patient/"));
            match named.filter(|id| !is_there(id)) {
                Some(id) => outcome(400, &format!("unknown patient reference {id}")),
                None => Reply::json(202, ""),
            }
        }
        ["bulkdata", "export", _] | ["$export-poll-status"] => outcome(202, "ended"),
        _ => outcome(404, &format!("no {path}")),
    }
}

/// Asks the same of a hidden one and of one that is not there: the answers differ in the id alone.
fn check(upstream: &Upstream, target: &str, hidden: &str) {
    let scene = production(upstream);
    let other = if hidden.len() > 1 { "other" } else { "9" };
    let ask = |id: &str| scene.ask("GET", &target.replace("{}", id), &[], b"");
    let (hidden_one, absent) = (ask(hidden), ask(other));
    assert_eq!(hidden_one.status, absent.status, "{target}: {}", hidden_one.text());
    let strip = |text: String, id: &str| text.replace(&target.replace("{}", id), "").replace(id, "");
    assert_eq!(strip(hidden_one.text(), hidden), strip(absent.text(), other), "{target}");
}

#[test]
fn what_is_around_a_hidden_one_is_what_is_around_none() {
    let upstream = Upstream::start(server);
    for target in [
        "/fhir/Patient/{}/_history",
        "/fhir/Patient/{}/_history?_since=2020-01-01T00:00:00Z",
        "/fhir/Patient/{}/_history?_since=bogus",
        "/fhir/Patient/{}/$everything?_type=bogus",
        "/fhir/Patient/{}/Observation",
    ] {
        check(&upstream, target, "2");
    }
}

#[test]
fn what_was_hidden_and_is_deleted_was_never_there() {
    let upstream = Upstream::start(server);
    check(&upstream, "/fhir/Patient/{}", "4");
    check(&upstream, "/fhir/Binary/{}", "4");
    // Which versions there were besides is not told, so there may have been a hidden one.
    for endless in ["5", "6"] {
        check(&upstream, "/fhir/Patient/{}", endless);
        let asked = format!("/fhir/Patient/{endless}/_history");
        let asked = upstream.received().iter().filter(|one| one.target.starts_with(&asked)).count();
        assert_eq!(asked, 2);
    }
}

#[test]
fn a_part_of_a_history_shows_each_version_as_it_was() {
    let upstream = Upstream::start(server);
    let scene = production(&upstream);
    let found = value(&scene.ask("GET", "/fhir/Patient/1/_history?_elements=name", &[], b""));
    let names: Vec<&Value> = (0..3).map(|at| &found["entry"][at]["resource"]["name"][0]["family"]).collect();
    assert_eq!(names, ["third", "second", "first"], "{found}");
}

#[test]
fn an_export_names_nobody_hidden_and_whole_resources_only() {
    let upstream = Upstream::start(server);
    check(&upstream, "/fhir/Group/{}/$export", "2");
    check(&upstream, "/fhir/Patient/$export?patient=Patient/{}", "2");
    let scene = production(&upstream);
    for open in ["/fhir/Group/1/$export", "/fhir/Patient/$export?_type=Patient&patient=Patient/1"] {
        assert_eq!(scene.ask("GET", open, &[], b"").status, 202, "{open}");
        assert_eq!(upstream.received().last().unwrap().target, open);
    }
    let before = upstream.received().len();
    for closed in ["/fhir/Patient/$export?_elements=birthDate", "/fhir/$export?_summary=true"] {
        let answer = scene.ask("GET", closed, &[], b"");
        assert_eq!((answer.status, answer.text().contains("EOSIN_READ_CLOSED")), (403, true), "{closed}");
    }
    let body = br#"{"resourceType":"Parameters","parameter":[{"name":"patient","valueReference":{"reference":"Patient/1"}}]}"#;
    let posted =
        scene.ask("POST", "/fhir/Patient/$export", &[("Content-Type", "application/fhir+json")], body);
    assert_eq!((posted.status, posted.text().contains("ask for this by GET")), (403, true));
    assert_eq!(upstream.received().len(), before, "nothing of it was sent");
}

#[test]
fn an_export_is_ended_where_its_state_is() {
    let upstream = Upstream::start(server);
    let scene = production(&upstream);
    for (state, status) in [
        ("/fhir/bulkdata/export/7", 202),
        ("/fhir/$export-poll-status?_jobId=7", 202),
        // It carries nobody; what it would carry nobody reads.
        ("/fhir/bulkdata", 403),
    ] {
        let before = upstream.received().len();
        assert_eq!(scene.ask("DELETE", state, &[], b"").status, status, "{state}");
        let sent: Vec<(String, String)> = upstream.received()[before..]
            .iter()
            .map(|one| (one.method.clone(), one.target.clone()))
            .collect();
        let want = (status == 202).then(|| ("DELETE".to_owned(), state.to_owned()));
        assert_eq!(sent, Vec::from_iter(want));
    }
    let body = hidden("2");
    let carried = scene.ask(
        "DELETE",
        "/fhir/bulkdata/export/7",
        &[("Content-Type", "application/fhir+json")],
        body.as_bytes(),
    );
    assert_eq!(carried.status, 403, "{}", carried.text());
}

#[test]
fn nobody_can_be_what_stands_for_a_hidden_one() {
    // A server where every id that is asked for exists but the client's own.
    let upstream = Upstream::start(|request: &Received| match request.target.as_str() {
        "/fhir/Patient/2" => Reply::json(200, &hidden("2")),
        _ => Reply::json(200, &shown("taken")),
    });
    let scene = production(&upstream);
    let bundle = br#"{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"GET","url":"Patient/2"}}]}"#;
    for (method, target, body) in
        [("GET", "/fhir/Patient/2", &b""[..]), ("DELETE", "/fhir/Patient/2", b""), ("POST", "/fhir", bundle)]
    {
        let answer = scene.ask(method, target, &[("Content-Type", "application/fhir+json")], body);
        assert_eq!(answer.status, 502, "{method} {target}: {}", answer.text());
    }
    assert!(upstream.received().iter().all(|one| one.method == "GET"));
}

#[test]
fn a_hidden_schedule_gives_a_slot_nothing() {
    let upstream = Upstream::start(|request: &Received| {
        let attested =
            format!(r#","meta":{{"tag":[{{"system":"{}","code":"attested"}}]}}"#, fhir::SUBJECT_SYSTEM);
        let schedule = |meta: &str| format!(r#"{{"resourceType":"Schedule","id":"1"{meta}}}"#);
        let authored = fhir::Authored { authorship: Authorship::Ai, mark_id: None };
        let labelled = |text: String| {
            let labelled = fhir::with_authorship(text.as_bytes(), &[(None, authored.clone())]).unwrap();
            Reply::json(200, std::str::from_utf8(&labelled).unwrap())
        };
        match request.target.as_str() {
            "/fhir/Schedule/1" => labelled(schedule("")),
            "/fhir/Schedule/2" => labelled(schedule(&attested)),
            _ => Reply::json(201, "{}"),
        }
    });
    // The server takes a reference that leads nowhere.
    let reads = IsolatedReads { references: References::Dangling, ..IsolatedReads::standard() };
    let scene = scene_reading(&upstream.origin(), Environment::Sandbox, reads, |_| {});
    let slot = r#"{"resourceType":"Slot","status":"free","schedule":{"reference":"Schedule/1"}}"#;
    for (body, want) in [(slot.to_owned(), true), (slot.replace("Schedule/1", "Schedule/2"), false)] {
        let answer =
            scene.ask("POST", "/fhir/Slot", &[("Content-Type", "application/fhir+json")], body.as_bytes());
        assert_eq!(answer.status, 201, "{}", answer.text());
        let sent = upstream.received().last().unwrap().body.clone();
        assert_eq!(fhir::labelled_authorship(&sent).is_some(), want, "{body}");
    }
}

#[test]
fn a_binary_of_json_is_given_if_it_holds_nobody_hidden() {
    let upstream = Upstream::start(server);
    let scene = production(&upstream);
    for accept in ["*/*", "application/json", "application/fhir+json"] {
        let ask = |target: &str| scene.ask("GET", target, &[("Accept", accept)], b"");
        let (settings, patient) = (ask("/fhir/Binary/1"), ask("/fhir/Binary/2"));
        assert_eq!((settings.status, patient.status), (200, 404), "{accept}: {}", settings.text());
        assert_eq!(settings.text().contains("settings"), accept == "*/*");
        assert!(!patient.text().contains("Zzyzx"));
    }
}

#[test]
fn a_server_is_where_the_client_asked_it() {
    let upstream = Upstream::start(server);
    let scene = production(&upstream);
    let said = value(&scene.ask("GET", "/fhir/metadata", &[], b""));
    assert_eq!(said["implementation"]["url"], "http://gateway.example/fhir");
}
