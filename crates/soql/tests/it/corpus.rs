//! Statements of projects that are not ours: a written excerpt always, what clients sent where the shared data is.
#![expect(clippy::print_stdout, reason = "a test says what it skips and how much it read")]

use std::{io::Read as _, path::Path};

use serde_json::Value;
use soql::{parse, parse_search, print};

const EXCERPT: &str = include_str!("../../../../fixtures/soql/statements.txt");

fn is_search(statement: &str) -> bool {
    statement.get(..4).is_some_and(|word| word.eq_ignore_ascii_case("FIND"))
}

fn check(statement: &str) {
    if is_search(statement) {
        let tree = parse_search(statement).unwrap_or_else(|error| panic!("{error}: {statement}"));
        assert_eq!(parse_search(&tree.to_string()).as_ref(), Ok(&tree), "{statement}");
        return;
    }
    let tree = parse(statement).unwrap_or_else(|error| panic!("{error}: {statement}"));
    assert_eq!(parse(&print(&tree)).as_ref(), Ok(&tree), "{statement}");
}

#[test]
fn statements_in_the_shapes_of_known_projects_are_read() {
    let (read, refused) = EXCERPT.split_once("\n--- refused\n").unwrap();
    for statement in read.lines().filter(|line| !line.is_empty()) {
        check(statement);
    }
    for statement in refused.lines().filter(|line| !line.is_empty()) {
        let failed =
            if is_search(statement) { parse_search(statement).is_err() } else { parse(statement).is_err() };
        assert!(failed, "{statement}");
    }
}

/// The statements in what clients sent, as they left the client.
fn captured() -> Option<Vec<String>> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let path = std::env::var_os("EOSIN_DATA").map_or(beside, Into::into).join("salesforce/wire.jsonl.gz");
    let Ok(file) = std::fs::File::open(path) else {
        println!("skipped: no shared data");
        return None;
    };
    let mut lines = String::new();
    flate2::read::MultiGzDecoder::new(file).take(256 << 20).read_to_string(&mut lines).unwrap();
    let mut statements = Vec::new();
    for line in lines.lines() {
        let exchange: Value = serde_json::from_str(line).unwrap();
        let target = exchange["p"].as_str().unwrap();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        if path.contains("/query") || path.contains("/search") {
            let wanted = query.split('&').filter_map(|pair| pair.strip_prefix("q="));
            statements.extend(wanted.map(decoded));
        }
        let body = exchange["b"].as_str().unwrap_or_default();
        if let Ok(Value::Object(job)) = serde_json::from_str(body) {
            statements.extend(job.get("query").and_then(Value::as_str).map(str::to_owned));
        }
    }
    Some(statements)
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let pair = [rest.next().unwrap(), rest.next().unwrap()];
                bytes.push(u8::from_str_radix(std::str::from_utf8(&pair).unwrap(), 16).unwrap());
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8(bytes).unwrap()
}

#[test]
fn every_statement_that_clients_sent_is_read() {
    let Some(statements) = captured() else { return };
    for statement in &statements {
        check(statement);
    }
    println!("{} of {} captured statements read", statements.len(), statements.len());
    assert!(statements.len() > 80, "{}", statements.len());
}
