//! A body that is read in parts is ruled on as if it had been held: same passage, same entry.

use std::io;

use flow::{Crossing, Passage};
use mark::Unreadable;
use policy::{Continuity, Environment, Mode};
use serde_json::Value;

use crate::world::{ADA, EVE, World, boundary, post, wait};

const JOB: &str =
    r#"{"id":"7505000000000EAAAQ","operation":"insert","object":"Contact","columnDelimiter":"SEMICOLON"}"#;
const UPLOAD: &str = "/services/data/v67.0/jobs/ingest/7505000000000EAAAQ/batches";

fn upload(environment: Environment, mode: Mode, body: &str) -> Crossing {
    let boundary = boundary(environment, mode, Continuity::Strict);
    Crossing {
        method: "PUT".to_owned(),
        content_type: Some("text/csv".to_owned()),
        ..post(&boundary, UPLOAD, body)
    }
}

/// A table of these rows of JSON, each field a column.
fn table(rows: &[String]) -> String {
    let rows: Vec<serde_json::Map<String, Value>> =
        rows.iter().map(|row| serde_json::from_str(row).unwrap()).collect();
    let mut names: Vec<&String> = rows.iter().flat_map(|row| row.keys()).collect();
    names.sort();
    names.dedup();
    names.retain(|name| !name.ends_with("__r"));
    let header: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
    let mut out = header.join(";") + "\n";
    for row in &rows {
        let cells = names.iter().map(|name| match row.get(*name) {
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => String::new(),
        });
        out += &(cells.collect::<Vec<_>>().join(";") + "\n");
    }
    out
}

/// What became of it, and what the ledger says, but for its moment.
fn told(world: &World, passage: &Passage) -> (String, Value) {
    let said = match passage {
        Passage::Forward(forward) => {
            assert!(forward.body.is_none() && forward.merge.is_none());
            format!("forward {:?}", forward.warning.as_ref().map(|_| "warned"))
        }
        Passage::Refuse(refused) => format!("refuse {}", refused.answer.status),
        Passage::Unavailable(_) => "unavailable".to_owned(),
    };
    let mut entry = world.entries().pop().unwrap();
    entry.as_object_mut().unwrap().remove("at");
    // A table that is read in parts says more closely where it cannot be read: in its header.
    if entry["findings"][0]["reference"] == "header" || entry["findings"][0]["reference"] == "body" {
        entry.as_object_mut().unwrap().retain(|name, _| name != "findings" && name != "rows");
    }
    (said, entry)
}

#[test]
fn parts_and_the_whole_are_ruled_alike() {
    let world = World::new();
    let synthetic = World::marked(&world.synthetic, 0, ADA);
    let attested = World::marked(&world.attested, 1, EVE);
    let bare = ADA.to_owned();
    // Several chunks of it.
    let many: Vec<String> = std::iter::repeat_n(r#"{"LastName":"Bell"}"#.to_owned(), 9_000).collect();
    let tables = [
        table(std::slice::from_ref(&attested)),
        table(std::slice::from_ref(&synthetic)),
        table(&[attested.clone(), bare.clone(), synthetic.clone()]),
        table(&vec![bare; 120]),
        table(&vec![attested; 60]),
        "LastName\n".to_owned(),
        "LastName;LASTNAME\na;b\n".to_owned(),
        "LastName;FirstName\na\nb;c\n\"open;x\n".to_owned(),
        table(&many),
    ];
    world.flow.observe_job("crm", JOB.as_bytes());
    for environment in [Environment::Production, Environment::Test] {
        for mode in Mode::ALL {
            for body in &tables {
                let held = world.pass(upload(environment, *mode, body));
                let held = told(&world, &held);
                let crossing = Crossing {
                    body: Err(Unreadable::TooLong { limit: 1 }),
                    ..upload(environment, *mode, body)
                };
                assert!(world.flow.reads_in_parts(&crossing));
                let parts = wait(world.flow.pass_in_parts(crossing, body.as_bytes())).unwrap();
                assert_eq!(told(&world, &parts), held, "{environment} {mode} {}", body.len());
            }
        }
    }
}

#[test]
fn only_an_upload_to_a_job_that_was_seen_is_read_in_parts() {
    let world = World::new();
    let crossing = upload(Environment::Test, Mode::Enforce, "LastName\na\n");
    assert!(!world.flow.reads_in_parts(&crossing));
    world.flow.observe_job("crm", JOB.replace("insert", "delete").as_bytes());
    assert!(!world.flow.reads_in_parts(&crossing));
    world.flow.observe_job("crm", JOB.as_bytes());
    assert!(world.flow.reads_in_parts(&crossing));
    assert!(!world.flow.reads_in_parts(&post(
        &crossing.boundary,
        "/services/data/v67.0/sobjects/Contact",
        "{}"
    )));
}

#[test]
fn a_job_of_one_boundary_is_none_of_anothers() {
    let world = World::new();
    let synthetic = table(&[World::marked(&world.synthetic, 0, ADA)]);
    let crossing = upload(Environment::Production, Mode::Enforce, &synthetic);
    world.flow.observe_job(&crossing.boundary.name, JOB.as_bytes());
    // An org behind another boundary gave the same id.
    world.flow.observe_job("other", JOB.replace("insert", "delete").as_bytes());
    assert!(world.flow.unknown_job(&crossing.boundary.name, "PUT", UPLOAD).is_none());
    assert!(world.flow.unknown_job("third", "PUT", UPLOAD).is_some());
    let passage = world.pass(crossing);
    assert!(told(&world, &passage).0.starts_with("refuse"), "{passage:?}");
}

#[test]
fn a_body_that_cannot_be_read_back_is_not_ruled_on() {
    struct Broken;
    impl io::Read for Broken {
        fn read(&mut self, _into: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the disk"))
        }
    }
    let world = World::new();
    world.flow.observe_job("crm", JOB.as_bytes());
    let crossing = upload(Environment::Test, Mode::Enforce, "");
    let before = world.entries().len();
    let body = io::BufReader::new(Broken);
    assert!(wait(world.flow.pass_in_parts(crossing, body)).is_err());
    assert_eq!(world.entries().len(), before);
}
