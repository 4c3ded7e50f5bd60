//! A slot made from a schedule that an algorithm or an AI made says so, and so does the appointment made from the slot.

use carrier::fhir;
use flow::Protocol;
use mark::Authorship;
use policy::{Environment, Mode};
use testkit::upstream::{Received, Reply, Upstream};

use crate::scene::{Scene, config};

const JSON: [(&str, &str); 2] = [("Content-Type", "application/fhir+json"), ("Authorization", "Bearer a")];
const SLOT: &str = r#"{"resourceType":"Slot","status":"free","schedule":{"reference":"Schedule/1"}}"#;

/// A server with a schedule that says an AI made it, one that says nothing, and a slot of each.
fn server(request: &Received) -> Reply {
    let labelled = |resource: &str, authorship| {
        let authored = fhir::Authored { authorship, mark_id: Some("abc".to_owned()) };
        let labelled = fhir::with_authorship(resource.as_bytes(), &[(None, authored)]).unwrap();
        Reply::json(200, std::str::from_utf8(&labelled).unwrap())
    };
    match (request.method.as_str(), request.target.as_str()) {
        ("GET", "/fhir/Schedule/1") => labelled(r#"{"resourceType":"Schedule","id":"1"}"#, Authorship::Ai),
        ("GET", "/fhir/Schedule/2") => Reply::json(200, r#"{"resourceType":"Schedule","id":"2"}"#),
        ("GET", "/fhir/Slot/1") => Reply::json(200, SLOT),
        ("GET", "/fhir/Slot/2") => labelled(r#"{"resourceType":"Slot","id":"2"}"#, Authorship::Algorithm),
        ("GET", _) => Reply::json(404, "{}"),
        _ => Reply::json(201, "{}"),
    }
}

fn check(body: &str, target: &str, want: Option<Authorship>) {
    let upstream = Upstream::start(server);
    let mut config = config(&upstream.origin());
    config.boundaries[0].protocol = Protocol::Fhir { base: "/fhir".to_owned() };
    config.boundaries[0].boundary.mode = Mode::Enforce;
    config.boundaries[0].boundary.environment = Environment::Staging;
    let scene = Scene::of(config);
    let answer = scene.ask("POST", target, &JSON, body.as_bytes());
    assert_eq!(answer.status, 201, "{body}: {}", answer.text());
    let received = upstream.received();
    let sent = &received.last().unwrap().body;
    match want {
        None => assert_eq!(sent, body.as_bytes(), "{body}"),
        Some(authorship) => {
            let found = fhir::labelled_authorship(sent).unwrap_or_else(|| panic!("{body} says nothing"));
            assert_eq!((found.authorship, found.mark_id.as_deref()), (authorship, Some("abc")), "{body}");
            let is_ai = authorship == Authorship::Ai;
            assert_eq!(std::str::from_utf8(sent).unwrap().contains("AIAST"), is_ai, "{body}");
        }
    }
    assert!(received.iter().all(|request| {
        request
            .headers
            .iter()
            .any(|(name, value)| name.eq_ignore_ascii_case("authorization") && value == "Bearer a")
    }));
}

#[test]
fn authorship_goes_from_schedule_to_slot_to_appointment() {
    check(SLOT, "/fhir/Slot", Some(Authorship::Ai));
    check(&SLOT.replace("Schedule/1", "Schedule/2"), "/fhir/Slot", None);
    check(&SLOT.replace("Schedule/1", "Schedule/9"), "/fhir/Slot", None);
    let appointment = |slot: &str| {
        format!(r#"{{"resourceType":"Appointment","status":"booked","slot":[{{"reference":"{slot}"}}]}}"#)
    };
    check(&appointment("Slot/1"), "/fhir/Appointment", Some(Authorship::Ai));
    check(&appointment("Slot/2"), "/fhir/Appointment", Some(Authorship::Algorithm));
    check(&appointment("Slot/9"), "/fhir/Appointment", None);
    check(r#"{"resourceType":"Observation","status":"final"}"#, "/fhir/Observation", None);
}

#[test]
fn in_a_bundle_a_schedule_beside_a_slot_is_asked() {
    let upstream = Upstream::start(server);
    let mut config = config(&upstream.origin());
    config.boundaries[0].protocol = Protocol::Fhir { base: "/fhir".to_owned() };
    config.boundaries[0].boundary.environment = Environment::Staging;
    let scene = Scene::of(config);
    let schedule = fhir::with_authorship(
        br#"{"resourceType":"Schedule"}"#,
        &[(None, fhir::Authored { authorship: Authorship::Algorithm, mark_id: None })],
    );
    let schedule = String::from_utf8(schedule.unwrap()).unwrap();
    let slot = SLOT.replace("Schedule/1", "urn:uuid:s");
    let bundle = format!(
        r#"{{"resourceType":"Bundle","type":"transaction","entry":[{{"fullUrl":"urn:uuid:s","resource":{schedule},"request":{{"method":"POST","url":"Schedule"}}}},{{"resource":{slot},"request":{{"method":"POST","url":"Slot"}}}}]}}"#
    );
    assert_eq!(scene.ask("POST", "/fhir", &JSON, bundle.as_bytes()).status, 201);
    let sent = upstream.received().last().unwrap().body.clone();
    let slot = fhir::resource_of_entry(&sent, 1).unwrap();
    assert_eq!(fhir::labelled_authorship(slot).map(|found| found.authorship), Some(Authorship::Algorithm));
}
