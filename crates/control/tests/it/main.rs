//! The lists over a ledger that has something of everything, and the document beside the one that is published.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

#[path = "../../../web/tests/it/recorded.rs"]
mod recorded;

use control::{Call, Fault, Found, find};
use index::{Index, Place};
use ledger::Ledger;
use mark::note::SignerKey;
use proptest::prelude::*;
use serde_json::{Value, json};

const ORIGIN: &str = "one.example/log";

/// An index of a ledger with these entries.
fn index_of(entries: &[Value]) -> (tempfile::TempDir, Index) {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("ledger");
    std::fs::create_dir(&log).unwrap();
    let mut ledger = Ledger::create(&log, SignerKey::generate(ORIGIN, [7; 32]).unwrap()).unwrap();
    ledger.commit(entries.to_vec(), |entry| entry.to_string().into_bytes()).unwrap();
    ledger.publish().unwrap();
    let mut index = Index::open(&Place::File(folder.path().join("index.sqlite"))).unwrap();
    index.follow(&log, &mut |_| {}).unwrap();
    (folder, index)
}

fn ruling(minute: usize, client: &str, verdict: &str, decision: &str) -> Value {
    recorded::ruling(minute, "feed", client, &format!("Contact/{minute:015}"), verdict, decision)
}

fn something() -> Vec<Value> {
    let at = "2026-11-22T11:59:00.000Z";
    let mut all: Vec<Value> = (0..9).map(|minute| ruling(minute, "etl", "synthetic", "block")).collect();
    all.push(ruling(20, "portal", "attested", "pass"));
    all.push(json!({"at": at, "eosin": "settlement@1", "outcome": "answered", "ruling": 9, "status": 201}));
    all.push(json!({"at": at, "batch": 0, "dataset": "surge-drill", "eosin": "batch@1", "manifest": "ef".repeat(32),
               "root": "12".repeat(32), "size": 40, "subjects": {"attested": 0, "mixed": 0, "synthetic": 40}}));
    all.push(
        json!({"at": at, "boundary": "feed", "eosin": "quarantine@1", "event": "kept", "item": "abcdefgh",
               "ruling": "one.example/log#2", "sequence": 1}),
    );
    all.push(json!({"at": at, "boundary": "feed", "eosin": "gap@1", "from": at, "passed": 3}));
    all
}

fn asked(target: &str) -> Found {
    find("GET", &format!("/api/v1/{target}")).unwrap()
}

fn page(target: &str, index: &mut Index) -> Result<Value, u16> {
    let found = asked(target);
    let Call::List(list) = found.route.call else { return Err(0) };
    control::list(list, &found.query, 0, index).map_err(|fault| match fault {
        Fault::Problem(problem) => problem.status,
        Fault::Store(error) => panic!("{error}"),
    })
}

#[test]
fn pages_of_any_length_are_the_same_list_and_each_row_is_in_it_once() {
    let (_folder, mut index) = index_of(&something());
    for (name, many) in
        [("transactions", 10), ("records", 9), ("boundaries", 1), ("datasets", 1), ("incidents", 1)]
    {
        let whole = page(name, &mut index).unwrap();
        assert_eq!(whole["items"].as_array().unwrap().len(), many, "{name}");
        assert_eq!(whole["next"], Value::Null, "{name}");
        for limit in 1..=4 {
            let (mut items, mut after) = (Vec::new(), None::<String>);
            loop {
                let on = after.map_or(String::new(), |after| format!("&after={after}"));
                let part = page(&format!("{name}?limit={limit}{on}"), &mut index).unwrap();
                let rows = part["items"].as_array().unwrap();
                assert!(rows.len() <= limit && !rows.is_empty(), "{name}");
                items.extend(rows.iter().cloned());
                after = part["next"].as_str().map(str::to_owned);
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(Value::Array(items), whole["items"], "{name} by {limit}");
        }
    }
}

#[test]
fn conditions_leave_what_they_say() {
    let mut entries = something();
    for finding in entries.iter_mut().take(3).map(|entry| &mut entry["findings"][0]) {
        finding["object"] = json!("Contact");
        finding["dataset"] = json!("surge-drill");
    }
    for entry in entries.iter_mut().take(2) {
        entry["datasets"] = json!({"surge-drill": {"generator": "Synthea", "purposes": ["training"]}});
    }
    let (_folder, mut index) = index_of(&entries);
    for (target, many) in [
        ("transactions?client=portal", 1),
        ("transactions?decision=block", 9),
        ("transactions?verdict=synthetic&since=2026-11-22T11:05:00Z", 4),
        ("transactions?until=2026-11-22T11:05:00Z", 5),
        ("transactions?until=2026-11-22", 0),
        ("transactions?boundary=none&client=etl", 0),
        ("records?reference=Contact%2F000000000000003", 1),
        ("records?verdict=attested", 0),
        ("records?object=Contact", 3),
        ("records?dataset=surge-drill&since=2026-11-22T11:01:00Z", 2),
        ("records?generator=Synthea&until=2026-11-22T11:01:00Z", 1),
        ("records?object=Patient", 0),
        ("batches?dataset=surge-drill", 1),
        ("quarantine-events?item=abcdefgh", 1),
    ] {
        assert_eq!(page(target, &mut index).unwrap()["items"].as_array().unwrap().len(), many, "{target}");
    }
    for (target, status) in [
        ("transactions?verdict=pass", 400),
        ("transactions?since=yesterday", 400),
        ("transactions?limit=0", 400),
        ("transactions?limit=501", 400),
        ("transactions?client=", 400),
        ("transactions?after=x", 404),
    ] {
        assert_eq!(page(target, &mut index), Err(status), "{target}");
    }
    let other = page("records?limit=1", &mut index).unwrap()["next"].as_str().unwrap().to_owned();
    assert_eq!(
        page(&format!("transactions?after={other}"), &mut index),
        Err(404),
        "a cursor of another list"
    );
}

#[test]
fn a_transaction_and_the_posture_say_what_the_ledger_does() {
    let (_folder, mut index) = index_of(&something());
    let one = control::one(ORIGIN, 9, &mut index).unwrap();
    assert_eq!(one["place"], "one.example/log#9");
    assert_eq!(
        (&one["outcome"], &one["status"], &one["settledEntry"]),
        (&json!("answered"), &json!(201), &json!(10))
    );
    assert_eq!(one["policies"], json!(["no-synthetic-in-production"]));
    assert!(
        matches!(control::one(ORIGIN, 11, &mut index), Err(Fault::Problem(problem)) if problem.status == 404)
    );
    let posture = control::posture("2026-11-22T11:05:00.000Z", 2, &mut index).unwrap();
    assert_eq!(posture.since, "2026-11-22T11:00:00Z", "whole hours");
    assert_eq!((posture.transactions, posture.blocked, posture.incidents), (10, 9, 1));
    assert_eq!((posture.entries, posture.behind, posture.quarantined), (14, 2, 1));
    let day = &posture.boundaries[0];
    assert_eq!((day.environment.as_str(), day.mode.as_str()), ("production", "enforce"));
    assert_eq!((day.transactions, day.blocked, day.records, day.synthetic, day.unproven), (10, 9, 10, 9, 0));
    let posture = control::posture("2026-11-22T12:00:00.000Z", 0, &mut index).unwrap();
    assert_eq!((posture.transactions, posture.blocked, posture.incidents), (0, 0, 0));
    assert!(posture.boundaries.is_empty());
}

#[test]
fn an_item_waits_until_it_is_over_whatever_was_last_said_of_it() {
    for (event, waiting) in [
        ("waiting", 1),
        ("given-up", 1),
        ("release-refused", 1),
        ("content-shown", 1),
        ("release", 1),
        ("uncertain", 1),
        ("held", 1),
        ("released", 0),
        ("rejected", 0),
        ("expired", 0),
        ("not-kept", 0),
    ] {
        let mut entries = something();
        entries.push(
            json!({"at": "2026-11-22T11:59:30.000Z", "boundary": "feed", "eosin": "quarantine@1", "event": event,
                   "item": "abcdefgh", "ruling": "one.example/log#2"}),
        );
        let (_folder, mut index) = index_of(&entries);
        let posture = control::posture("2026-11-22T11:00:00.000Z", 0, &mut index).unwrap();
        assert_eq!(posture.quarantined, waiting, "{event}");
    }
}

#[test]
fn the_mode_and_environment_of_a_boundary_are_those_of_the_ledger_it_crossed_last() {
    for (earlier, later) in [("observe", "enforce"), ("enforce", "observe")] {
        // By the alphabet the one is the last of its kind where the other is the first.
        let environment = |mode: &str| if mode == "observe" { "production" } else { "staging" };
        let in_mode = |minute, mode: &str| {
            let mut entry = ruling(minute, "etl", "synthetic", "pass");
            entry["mode"] = mode.into();
            entry["environment"] = environment(mode).into();
            entry
        };
        let (folder, mut index) = index_of(&[in_mode(5, earlier)]);
        let log = folder.path().join("later");
        std::fs::create_dir(&log).unwrap();
        let mut ledger =
            Ledger::create(&log, SignerKey::generate("later.example/log", [8; 32]).unwrap()).unwrap();
        ledger.commit(vec![in_mode(6, later)], |entry| entry.to_string().into_bytes()).unwrap();
        ledger.publish().unwrap();
        index.follow(&log, &mut |_| {}).unwrap();
        let posture = control::posture("2026-11-22T11:00:00.000Z", 0, &mut index).unwrap();
        let [day] = posture.boundaries.as_slice() else { panic!("{:?}", posture.boundaries) };
        assert_eq!((day.mode.as_str(), day.transactions), (later, 2));
        assert_eq!(day.environment, environment(later));
    }
}

#[test]
fn the_sums_of_the_posture_are_of_every_boundary_also_of_those_that_are_not_listed() {
    let (_folder, mut index) = index_of(&recorded::of_boundaries(201));
    let posture = control::posture("2026-11-22T11:00:00.000Z", 0, &mut index).unwrap();
    assert_eq!((posture.boundaries.len(), posture.transactions, posture.blocked), (200, 201, 1));
}

#[test]
fn rows_are_as_the_document_describes_them() {
    let (_folder, mut index) = index_of(&something());
    let document = control::document();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let schema = &methods["get"]["responses"]["200"]["content"]["application/json"]["schema"];
        let Some(row) = schema["properties"]["items"]["items"]["$ref"].as_str() else { continue };
        let Some(described) = document.pointer(row.trim_start_matches('#')) else { continue };
        let name = path.strip_prefix("/api/v1/").unwrap();
        let Ok(answer) = page(name, &mut index) else { continue };
        for item in answer["items"].as_array().unwrap() {
            let members: Vec<&String> = item.as_object().unwrap().keys().collect();
            let expected: Vec<&str> =
                described["required"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
            assert_eq!(members, expected, "{name}");
            for (member, value) in item.as_object().unwrap() {
                let kinds = described["properties"][member]["type"].to_string();
                let kind = match value {
                    Value::Null => "null",
                    Value::Number(_) => "integer",
                    Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => "string",
                };
                assert!(
                    kinds.contains(&format!("\"{kind}\"")),
                    "{name}: {member} is {value}, and not {kinds}"
                );
            }
        }
    }
}

#[test]
fn the_published_document_is_the_one_that_the_code_makes() {
    let made = serde_json::to_string_pretty(&control::document()).unwrap() + "\n";
    expect_test::expect_file!["../../../../spec/openapi.json"].assert_eq(&made);
}

proptest! {
    #[test]
    fn no_target_breaks_a_list(
        target in "/api/v1/[a-z-]{0,12}(/[ -~]{0,8}){0,2}(\\?[ -~]{0,40})?",
        method in "GET|POST|PUT|X",
    ) {
        // Whatever it is, it is found or a problem is said.
        drop(find(&method, &target));
    }
}
