//! Records by what they are of, where they came from and how old they are; and the files that were delivered.

use serde_json::{Value, json};
use web::{Selection, Setting};

use crate::{SETTING, filled, index_of, links, page, server::Server};

const OBJECTS: [&str; 3] = ["Contact", "Patient", "Appointment"];
const DATASETS: [(&str, &str, &[&str]); 3] = [
    ("surge-drill", "Synthea", &["staging-testing", "training"]),
    ("portal-demo", "Snowfakery", &["training"]),
    ("plain", "Faker", &[]),
];

/// So many that a condition on anything else chooses more groups than are asked for together.
const BOUNDARIES: [&str; 6] = ["crm", "feed", "portal", "lab", "ehr", "vault"];

/// What a record is, of the number that it has.
struct Made {
    number: usize,
    verdict: &'static str,
    decision: &'static str,
    boundary: &'static str,
    object: &'static str,
    dataset: usize,
}

fn made(number: usize) -> Made {
    Made {
        number,
        verdict: if number.is_multiple_of(5) { "transplanted" } else { "synthetic" },
        decision: if number.is_multiple_of(3) { "warn" } else { "block" },
        boundary: BOUNDARIES[number % 13 % 6],
        object: OBJECTS[number % 7 % 3],
        dataset: number % 11 % 3,
    }
}

impl Made {
    fn reference(&self) -> String {
        format!("{}/{:05}", self.object, self.number)
    }

    fn entry(&self) -> Value {
        let (dataset, generator, purposes) = DATASETS[self.dataset];
        json!({
            "action": "create", "at": format!("2026-11-{:02}T{:02}:00:00.000Z", 1 + self.number / 24, self.number % 24),
            "boundary": self.boundary, "claim": "absent", "client": "etl", "counts": {"records": 1, self.verdict: 1},
            "datasets": {dataset: {"generator": generator, "purposes": purposes}}, "decision": self.decision,
            "environment": "production", "eosin": "ruling@1", "findings": [{"dataset": dataset,
            "decision": self.decision, "object": self.object, "reference": self.reference(), "verdict": self.verdict}],
            "findingsOmitted": 0, "mode": "enforce", "policies": [], "policy": "default@0123456789ab",
            "protocol": "fhir", "route": "create", "rows": "78".repeat(32), "wouldBlock": 0,
        })
    }
}

/// The references of a file, in its order.
fn saved(query: &str, index: &mut index::Index) -> Vec<String> {
    let file = page(&format!("/records.csv?{query}"), index);
    assert_eq!(file.status, 200, "{query}: {}", file.body);
    file.body.lines().skip(1).map(|line| line.split('"').nth(1).unwrap().to_owned()).collect()
}

/// The references of a list, page after page.
fn listed(query: &str, index: &mut index::Index) -> Vec<String> {
    let mut all = Vec::new();
    let mut next = Some(format!("/records?{query}"));
    while let Some(target) = next {
        let body = page(&target, index).body;
        let rows = body.split("data-name=\"Reference\"").skip(1);
        all.extend(rows.map(|row| row.split("<code>").nth(1).unwrap().split('<').next().unwrap().to_owned()));
        next = links(&body).into_iter().find(|link| link.contains("before="));
    }
    all
}

/// What a filter is called, and which records it is true of.
type Condition = (&'static str, fn(&Made) -> bool);

const CONDITIONS: [Condition; 13] = [
    ("", |_| true),
    ("object=Patient", |made| made.object == "Patient"),
    ("dataset=portal-demo", |made| made.dataset == 1),
    ("purpose=training", |made| made.dataset < 2),
    ("purpose=staging-testing", |made| made.dataset == 0),
    ("purpose=train", |_| false),
    ("purpose=%25", |_| false),
    ("generator=Faker", |made| made.dataset == 2),
    ("verdict=transplanted", |made| made.verdict == "transplanted"),
    ("decision=warn", |made| made.decision == "warn"),
    ("boundary=crm", |made| made.boundary == "crm"),
    ("since=2026-11-05T06", |made| made.number >= 4 * 24 + 6),
    ("until=2026-11-10", |made| made.number < 9 * 24),
];

#[test]
fn whichever_conditions_come_together_what_fits_is_listed_newest_first() {
    let many = 600;
    // Entries are not in the order of their moments: what takes long to judge is written behind what began later.
    let entries: Vec<Value> = (0..many).map(|number| made(number * 7 % many).entry()).collect();
    let (_folder, mut index) = index_of(&entries);
    every_pair(many, &mut index);
    let Some(server) = Server::start() else {
        println!("skipped: no PostgreSQL is installed, only SQLite is tried");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    every_pair(many, &mut filled(&server.place(), folder.path(), &entries));
}

fn every_pair(many: usize, index: &mut index::Index) {
    for (at, (one, is_one)) in CONDITIONS.iter().enumerate() {
        for (other, is_other) in CONDITIONS.iter().skip(at) {
            let query = format!("{one}&{other}");
            let fits = |made: &Made| is_one(made) && is_other(made);
            let expected: Vec<String> =
                (0..many).rev().map(made).filter(fits).map(|made| made.reference()).collect();
            assert_eq!(saved(&query, index), expected, "{query}");
            assert_eq!(listed(&query, index), expected, "{query}");
        }
    }
    let selection = Selection::fitting("generator=Faker&object=Patient", index).unwrap();
    let mut expected = saved("generator=Faker&object=Patient", index);
    expected.sort();
    assert_eq!((selection.references, selection.is_cut), (expected, false));
}

#[test]
fn a_selection_of_too_many_is_cut_and_each_record_is_in_it_once() {
    let twice = |number: usize| made(number % 1_200).entry();
    let entries: Vec<Value> = (0..2_400).map(twice).collect();
    let (_folder, mut index) = index_of(&entries);
    let selection = Selection::fitting("verdict=synthetic", &mut index).unwrap();
    assert_eq!((selection.references.len(), selection.is_cut), (960, false), "a fifth is not synthetic");
    let selection = Selection::fitting("", &mut index).unwrap();
    assert_eq!((selection.references.len(), selection.is_cut), (1_000, true));
}

#[test]
fn the_form_offers_what_is_known_and_an_age_is_counted_from_now() {
    let entries: Vec<Value> = (0..300).map(|number| made(number).entry()).collect();
    let (_folder, mut index) = index_of(&entries);
    let body = page("/records", &mut index).body;
    for said in ["Synthea", "training", "staging-testing", "Appointment", "surge-drill", "of 300 that fit"] {
        assert!(body.contains(said), "{said}");
    }
    let setting = Setting { now: "2026-11-13T12:00:00Z", ..SETTING };
    let week = web::answer("/records?age=up+to+7+days&object=Patient", &setting, &mut index).unwrap().body;
    assert!(week.contains("value=\"2026-11-06T12:00:00Z\""), "{week}");
    let file = links(&week).into_iter().find(|link| link.starts_with("/records.csv")).unwrap();
    assert!(file.contains("since=2026-11-06T12%3A00%3A00Z") && !file.contains("age="), "{file}");
    assert!(page("/records?age=young", &mut index).body.contains("role=\"alert\""));
}

fn delivery(minute: usize, subjects: &str) -> Value {
    json!({"at": format!("2026-11-22T11:{minute:02}:30.000Z"), "boundary": "crm", "bytes": 12_345_678, "client": "etl",
           "eosin": "delivery@1", "policy": "default@0123456789ab", "read": 9, "route": "bulk results",
           "shown": {"attested": 5, "synthetic": 1, "unproven": 0}, "subjects": subjects,
           "withheld": {"attested": 0, "synthetic": 3, "unproven": 0}})
}

/// A piece of a file, in which a record was shown or withheld.
fn piece(minute: usize, decision: &str) -> Value {
    let mut piece = made(2).entry();
    piece["at"] = json!(format!("2026-11-22T11:{minute:02}:00.000Z"));
    piece["boundary"] = json!("crm");
    piece["action"] = json!("read");
    piece["route"] = json!("bulk results");
    piece["findings"][0]["decision"] = json!(decision);
    piece["decision"] = json!(decision);
    piece
}

#[test]
fn a_delivery_is_listed_with_its_certificate_and_is_a_place_that_a_record_came_to() {
    let certificate = json!({"at": "2026-11-22T11:03:31.000Z", "boundary": "crm", "contentRoot": "34".repeat(32), "counts": {},
        "eosin": "certificate@1", "judgedAgainst": {"logs": [], "policy": "default@0123456789ab"}, "records": 6,
        "rule": "usual", "subjects": "56".repeat(32), "suspected": {"strong": 0, "weak": 0}});
    let entries = [
        piece(1, "block"),
        piece(2, "warn"),
        delivery(3, &"56".repeat(32)),
        certificate,
        delivery(4, &"57".repeat(32)),
    ];
    let (_folder, mut index) = index_of(&entries);
    let list = page("/deliveries", &mut index).body;
    for said in ["bulk results", "12 MB", "5 attested", "1 synthetic", "eosin prove \"one.example/log#3\""] {
        assert!(list.contains(said), "{said}: {list}");
    }
    assert!(!list.contains("0 unproven"), "{list}");
    let rows = |query: &str, index: &mut index::Index| {
        page(&format!("/deliveries?{query}"), index).body.matches("data-name=\"Client\"").count()
    };
    for (query, many) in [
        ("", 2),
        ("certificate=issued", 1),
        ("certificate=none", 1),
        ("client=etl&boundary=crm", 2),
        ("client=nobody", 0),
        ("since=2026-11-22T11:04", 1),
        ("certificate=maybe", 0),
    ] {
        assert_eq!(rows(query, &mut index), many, "{query}");
    }
    assert!(page("/deliveries?certificate=maybe", &mut index).body.contains("role=\"alert\""));
    for target in [
        format!("/blast?reference={}", made(2).reference()),
        format!("/blast?ledger=x&dataset={}", DATASETS[made(2).dataset].0),
    ] {
        let blast = page(&target, &mut index).body;
        assert!(blast.contains("1 × shown, probably in a file"), "{target}: {blast}");
        assert!(blast.contains("the delivery of entry 2"), "{target}: {blast}");
        assert!(blast.contains("1 × stopped"), "{target}: {blast}");
    }
}
