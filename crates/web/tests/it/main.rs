//! The pages over a ledger that has something of everything, and over one that has nothing.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::path::Path;

use index::{Index, Place};
use ledger::Ledger;
use mark::note::SignerKey;
use proptest::prelude::*;
use serde_json::{Value, json};
use web::{Answer, Kind, Setting};

mod acting;
mod filters;
mod recorded;
#[expect(dead_code, reason = "stories of the index stop and start it")]
#[path = "../../../index/tests/it/server.rs"]
mod server;

const PAGES: [&str; 11] = [
    "/",
    "/transactions",
    "/records",
    "/datasets",
    "/deliveries",
    "/boundaries",
    "/policies",
    "/emergency",
    "/quarantine",
    "/ledgers",
    "/nothing-of-this-name",
];
const ORIGIN: &str = "one.example/log";
const SETTING: Setting<'_> =
    Setting { now: "2026-11-22T12:00:00Z", day_ago: "2026-11-21T12:00:00Z", behind: 0, visitor: None };

/// An index of a ledger with these entries.
fn index_of(entries: &[Value]) -> (tempfile::TempDir, Index) {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::File(folder.path().join("index.sqlite"));
    let index = filled(&place, folder.path(), entries);
    (folder, index)
}

/// The same in another database; the ledger is made in a folder.
fn filled(place: &Place, folder: &Path, entries: &[Value]) -> Index {
    let log = folder.join("ledger");
    std::fs::create_dir(&log).unwrap();
    let mut ledger = Ledger::create(&log, SignerKey::generate(ORIGIN, [7; 32]).unwrap()).unwrap();
    if !entries.is_empty() {
        ledger.commit(entries.to_vec(), |entry| entry.to_string().into_bytes()).unwrap();
    }
    ledger.publish().unwrap();
    let mut index = Index::open(place).unwrap();
    index.follow(&log, &mut |_| {}).unwrap();
    index
}

fn ruling(minute: usize, client: &str, verdict: &str, decision: &str) -> Value {
    recorded::ruling(minute, "production & feed", client, "Contact/003000000000001", verdict, decision)
}

fn something() -> Vec<Value> {
    let at = "2026-11-22T11:59:00.000Z";
    vec![
        ruling(1, "etl", "attested", "pass"),
        json!({"at": at, "eosin": "settlement@1", "outcome": "answered", "ruling": 0, "status": 201}),
        ruling(2, "<script>alert(1)</script>", "synthetic", "block"),
        ruling(3, "etl", "transplanted", "block"),
        ruling(4, "portal", "unproven", "pass"),
        json!({"at": at, "eosin": "settlement@1", "outcome": "unknown", "ruling": 4}),
        json!({"at": at, "boundary": "production & feed", "eosin": "quarantine@1", "event": "kept", "item": "abcdefgh",
               "ruling": "one.example/log#2", "sequence": 1}),
        json!({"at": at, "batch": 0, "dataset": "surge-drill", "eosin": "batch@1", "manifest": "ef".repeat(32),
               "root": "12".repeat(32), "size": 40, "subjects": {"attested": 0, "mixed": 0, "synthetic": 40}}),
        json!({"at": at, "batches": 1, "boundary": "sandbox", "dataset": "surge-drill", "eosin": "dataset-known@1"}),
        json!({"at": at, "boundary": "production & feed", "eosin": "gap@1", "from": at, "passed": 3}),
    ]
}

fn page(target: &str, index: &mut Index) -> Answer {
    web::answer(target, &SETTING, index).unwrap()
}

/// The targets that a page links to.
fn links(body: &str) -> Vec<String> {
    let ends = body.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    ends.map(|link| link.replace("&#38;", "&").replace("&amp;", "&")).collect()
}

#[test]
fn every_page_of_an_empty_index_says_what_to_do() {
    let (_folder, mut index) = index_of(&[]);
    for target in PAGES {
        let answer = page(target, &mut index);
        let expected = if target.starts_with("/nothing") { 404 } else { 200 };
        assert_eq!(answer.status, expected, "{target}");
        assert!(answer.body.contains("<main"), "{target}");
        if expected == 200 && target != "/ledgers" {
            assert!(answer.body.contains("class=\"empty\""), "{target} teaches nothing");
        }
    }
}

#[test]
fn every_link_of_every_page_leads_to_a_page_of_ours() {
    let (_folder, mut index) = index_of(&something());
    let mut waiting: Vec<String> = PAGES.iter().take(10).map(|target| (*target).to_owned()).collect();
    let mut seen = std::collections::BTreeSet::new();
    while let Some(target) = waiting.pop() {
        if !seen.insert(target.clone()) {
            continue;
        }
        let answer = page(&target, &mut index);
        assert_eq!(answer.status, 200, "{target}");
        if answer.kind == Kind::Page {
            let script = r#"<script src="/live.js" defer></script>"#;
            let without = answer.body.replacen(script, "", usize::from(target.starts_with("/transactions")));
            assert!(!without.contains("<script"), "{target} has a script");
            for link in links(&answer.body) {
                let is_of_page = link == "#main" || link.starts_with("#place-");
                assert!(link.starts_with('/') || is_of_page, "{target} leads away, to {link}");
                waiting.extend(link.starts_with('/').then_some(link));
            }
        }
    }
    assert!(seen.len() > 20, "{seen:?}");
    assert!(seen.iter().any(|target| target.starts_with("/record?")), "{seen:?}");
    assert!(seen.iter().any(|target| target.starts_with("/dataset?")), "{seen:?}");
}

#[test]
fn today_says_what_needs_a_person() {
    let (_folder, mut index) = index_of(&something());
    let body = page("/", &mut index).body;
    for said in [
        "One transplanted mark.",
        "One crossing has no known end.",
        "One item waits.",
        "1 × gap.",
        "production &#38; feed",
    ] {
        assert!(body.contains(said), "{said} in {body}");
    }
    let (_folder, mut index) = index_of(&[ruling(1, "etl", "attested", "pass")]);
    assert!(page("/", &mut index).body.contains("Nothing. No forged"));
}

#[test]
fn the_figures_of_today_are_of_every_boundary_also_of_those_that_are_not_listed() {
    let (_folder, mut index) = index_of(&recorded::of_boundaries(201));
    let body = page("/", &mut index).body;
    let figures: Vec<&str> = body.split("<b>").skip(1).filter_map(|rest| rest.split('<').next()).collect();
    assert_eq!(figures, ["201", "1", "201", "0", "0", "201"]);
    assert_eq!(body.matches("data-name=\"Environment\"").count(), 200, "boundaries of the table");
}

#[test]
fn an_item_waits_until_it_is_over_whatever_was_last_said_of_it() {
    for (events, waits) in [
        (&["kept"][..], true),
        (&["waiting", "given-up"], true),
        (&["kept", "release-refused"], true),
        (&["kept", "content-shown"], true),
        (&["kept", "release"], true),
        (&["kept", "release", "uncertain"], true),
        (&["kept", "release", "held"], true),
        (&["kept", "release", "released"], false),
        (&["kept", "rejected"], false),
        (&["kept", "expired"], false),
        (&["not-kept"], false),
    ] {
        let step = |event: &&str| {
            json!({"at": "2026-11-22T11:59:00.000Z", "boundary": "feed", "eosin": "quarantine@1", "event": event,
                   "item": "abcdefgh", "ruling": "one.example/log#2"})
        };
        let mut entries = vec![ruling(1, "etl", "synthetic", "block")];
        entries.extend(events.iter().map(step));
        let (_folder, mut index) = index_of(&entries);
        assert_eq!(page("/", &mut index).body.contains("One item waits."), waits, "{events:?}");
        let next = page("/quarantine", &mut index).body.contains("eosin quarantine show abcdefgh");
        assert_eq!(next, waits, "{events:?}");
    }
}

#[test]
fn a_transaction_is_told_in_its_six_steps_with_its_proof() {
    let (_folder, mut index) = index_of(&something());
    let body = page("/transaction?ledger=one.example/log&entry=2", &mut index).body;
    for said in ["Read", "Judge", "Decide", "Commit", "Apply", "Settle"] {
        assert!(body.contains(&format!("<h2>{said}</h2>")), "{said}");
    }
    assert!(body.contains("Nothing was sent on."));
    assert!(body.contains("no-synthetic-in-production"));
    assert!(body.contains("eosin prove \"one.example/log#2\""));
    assert!(body.contains("&#60;script&#62;"), "what a client calls itself is shown as text");
    assert_eq!(page("/transaction?ledger=one.example/log&entry=1", &mut index).status, 404, "a settlement");
    assert_eq!(page("/transaction?ledger=one.example/log", &mut index).status, 404);
}

#[test]
fn a_filter_shows_what_fits_and_goes_on_where_it_stopped() {
    let many: Vec<Value> = (0..60).map(|minute| ruling(minute, "etl", "unproven", "pass")).collect();
    let mut entries = something();
    entries.extend(many);
    let (_folder, mut index) = index_of(&entries);
    let rows = |body: &str| body.matches("data-name=\"Decision\"").count();
    let first = page("/transactions?client=etl", &mut index).body;
    assert_eq!(rows(&first), 50);
    let older = links(&first).into_iter().find(|link| link.contains("before=")).unwrap();
    let second = page(&older, &mut index).body;
    assert_eq!(rows(&second), 12, "62 in all");
    assert!(!second.contains("rel=\"next\""));
    assert_eq!(rows(&page("/transactions?verdict=synthetic", &mut index).body), 1);
    assert_eq!(rows(&page("/transactions?since=2026-11-22T11:59", &mut index).body), 1);
    assert!(page("/transactions?since=yesterday", &mut index).body.contains("role=\"alert\""));
    assert!(page("/transactions?verdict=red", &mut index).body.contains("role=\"alert\""));
    assert!(page("/transactions?client=nobody", &mut index).body.contains("No transaction fits"));
}

#[test]
fn records_are_a_file_too() {
    let (_folder, mut index) = index_of(&something());
    let file = page("/records.csv?verdict=synthetic", &mut index);
    assert_eq!(file.kind, Kind::Csv);
    let lines: Vec<&str> = file.body.lines().collect();
    assert_eq!(lines.len(), 2, "{}", file.body);
    assert!(lines[1].starts_with("\"Contact/003000000000001\",\"synthetic\",\"block\""), "{}", lines[1]);
    let record = page("/record?reference=Contact/003000000000001", &mut index).body;
    assert!(record.contains("It crossed nowhere."), "{record}");
}

#[test]
fn a_page_that_is_behind_says_by_how_much() {
    let (_folder, mut index) = index_of(&something());
    let setting = Setting { behind: 7, ..SETTING };
    assert!(web::answer("/", &setting, &mut index).unwrap().body.contains("7 entries"));
    assert!(!page("/", &mut index).body.contains("This page is behind"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is asked, there is an answer, and the index is not told anything that it does not understand.
    #[test]
    fn any_target_is_answered(
        path in prop_oneof![
            Just("/transactions"), Just("/records"), Just("/records.csv"), Just("/record"), Just("/transaction"),
            Just("/dataset"), Just("/datasets"), Just("/deliveries"), Just("/blast"), Just("/")
        ],
        names in prop::collection::vec(
            (prop_oneof![Just("before"), Just("since"), Just("client"), Just("verdict"), Just("entry"), Just("ledger"),
                         Just("skip"), Just("reference"), Just("dataset"), Just("purpose"), Just("age"), Just("object")], ".{0,20}"), 0..6),
    ) {
        let (_folder, mut index) = index_of(&something());
        let query: Vec<String> = names.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let answer = web::answer(&format!("{path}?{}", query.join("&")), &SETTING, &mut index).unwrap();
        prop_assert!(matches!(answer.status, 200 | 400 | 404), "{}", answer.status);
    }
}

#[test]
fn an_emergency_version_in_force_is_on_every_page_until_it_ends() {
    let event = |event: &str, at: &str, more: Value| {
        let mut entry = json!({"at": at, "by": "ada", "eosin": "emergency@1", "event": event, "reason": "CASE-7",
                               "sha256": "cd".repeat(32), "version": "stop@0123456789ab"});
        entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        entry
    };
    let in_force = |until: &str| {
        let more =
            json!({"approved": "<b>bel</b>", "note": "signed", "scope": "boundary=ehr", "until": until});
        event("activated", "2026-11-22T11:00:00Z", more)
    };
    let said = "An emergency version is in force.";
    let (_folder, mut index) = index_of(&[in_force("2026-11-22T13:00:00.5Z")]);
    for target in PAGES {
        let answer = page(target, &mut index);
        assert!(answer.body.contains(said), "{target}");
        assert!(answer.body.contains("until 2026-11-22 13:00:00 UTC"), "{target}");
        assert!(!answer.body.contains("<b>"), "{target}");
    }
    let (_folder, mut index) = index_of(&[in_force("2026-11-22T11:59:59Z")]);
    assert!(!page("/", &mut index).body.contains(said), "it is over");
    let more = json!({"activation": "one.example/log#0", "note": "signed"});
    let down = event("stood-down", "2026-11-22T11:30:00Z", more);
    let (_folder, mut index) = index_of(&[in_force("2026-11-22T13:00:00Z"), down]);
    assert!(!page("/", &mut index).body.contains(said), "it was stood down");
    assert!(page("/emergency", &mut index).body.contains("stood-down"));
}
