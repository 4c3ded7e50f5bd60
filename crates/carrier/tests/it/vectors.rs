//! The published vectors, run.

use std::collections::{BTreeMap, BTreeSet};

use carrier::{Door, Limits, Refusal, Unit, salesforce};
use mark::{Claim, Reading};
use serde_json::{Map, Value, json};

use crate::sealing::fixture;

const LIMITS: Limits = Limits { body_bytes: 1_000_000, records: 1_000 };

/// The cases of a vector file. A member that we do not look at would be a promise that nobody keeps.
fn cases(name: &str, known: &[&str]) -> Vec<Map<String, Value>> {
    let file: Value = serde_json::from_slice(&fixture(&format!("../spec/vectors/{name}"))).unwrap();
    let cases: Vec<Map<String, Value>> = serde_json::from_value(file["cases"].clone()).unwrap();
    assert!(!cases.is_empty());
    for case in &cases {
        assert!(case.keys().all(|key| known.contains(&key.as_str())), "{case:?}");
    }
    cases
}

fn text<'c>(case: &'c Map<String, Value>, name: &str) -> &'c str {
    case.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn door(case: &Map<String, Value>) -> Door<salesforce::Route> {
    salesforce::route(
        text(case, "method"),
        text(case, "target"),
        case.get("override").and_then(Value::as_str),
    )
}

fn judged(case: &Map<String, Value>) -> salesforce::Route {
    match door(case) {
        Door::Judged(route) => route,
        Door::Open | Door::Unknown => panic!("{case:?}"),
    }
}

#[test]
fn salesforce_doors() {
    let known = ["method", "target", "override", "route", "object"];
    let newer = cases("salesforce-doors-2.json", &known);
    let key = |case: &Map<String, Value>| {
        (text(case, "method").to_owned(), text(case, "target").to_owned(), case.get("override").cloned())
    };
    let superseded: Vec<_> = newer.iter().map(key).collect();
    let mut all = cases("salesforce-doors.json", &known);
    all.retain(|case| !superseded.contains(&key(case)));
    for case in newer.into_iter().chain(all) {
        let (route, object) = match door(&case) {
            Door::Open => ("open", None),
            Door::Unknown => ("unknown", None),
            Door::Judged(ref route) => (route.label(), route.object().map(str::to_owned)),
        };
        assert_eq!(route, text(&case, "route"), "{case:?}");
        assert_eq!(object.as_deref(), case.get("object").and_then(Value::as_str), "{case:?}");
    }
}

/// A reading in the words of the vectors.
fn shown(reading: &Reading<'_>) -> Value {
    let place = &reading.place.reference;
    let Ok(record) = &reading.content else { return json!({ "place": place, "unreadable": true }) };
    let value = |value: &mark::json::Json<'_>| -> Value {
        serde_json::from_slice(&mark::canonical::to_vec(value)).unwrap()
    };
    let fields: Map<String, Value> =
        record.fields.iter().map(|(name, field)| (name.to_string(), value(field))).collect();
    let mut shown = json!({ "place": place, "object": record.object, "fields": fields });
    if let Some(mark) = &record.mark {
        shown["mark"] = json!(mark);
    }
    match record.claim {
        Claim::None => {}
        Claim::Synthetic => shown["claim"] = json!("synthetic"),
        Claim::Attested => shown["claim"] = json!("attested"),
    }
    shown
}

#[test]
fn salesforce_records() {
    for case in cases("salesforce-records.json", &["method", "target", "body", "job", "unit", "records"]) {
        let job = case.get("job").map(|job| salesforce::job_created(job.to_string().as_bytes()).unwrap());
        let readings =
            salesforce::read(&judged(&case), job.as_ref(), text(&case, "body").as_bytes(), &LIMITS);
        let unit = match readings.unit {
            Unit::Whole => "whole",
            Unit::PerRecord => "perRecord",
        };
        let records: Vec<Value> = readings.records.iter().map(shown).collect();
        assert_eq!(Value::from(records), case["records"], "{}", text(&case, "body"));
        assert_eq!(unit, text(&case, "unit"), "{}", text(&case, "body"));
    }
}

#[test]
fn salesforce_refusals() {
    let known =
        ["method", "target", "body", "refused", "falls", "sent", "upstream", "merged", "status", "answer"];
    for case in cases("salesforce-refusals.json", &known) {
        let (route, body) = (judged(&case), text(&case, "body").as_bytes());
        let positions = |name: &str| -> BTreeSet<usize> {
            case.get(name).map(|list| serde_json::from_value(list.clone()).unwrap()).unwrap_or_default()
        };
        let no = Refusal { code: "EOSIN_BLOCKED".to_owned(), message: "no".to_owned() };
        let refused: BTreeMap<usize, Refusal> =
            positions("refused").into_iter().map(|position| (position, no.clone())).collect();
        let all = salesforce::complete(&route, body, &refused);
        let want: BTreeSet<usize> = positions("refused").union(&positions("falls")).copied().collect();
        assert_eq!(all.keys().copied().collect::<BTreeSet<_>>(), want, "{case:?}");
        let sent = salesforce::withhold(&route, body, &all);
        assert_eq!(
            sent.as_deref().map(String::from_utf8_lossy).as_deref(),
            case["sent"].as_str(),
            "{case:?}"
        );
        if case.contains_key("upstream") {
            let merged = salesforce::merge(&route, body, text(&case, "upstream").as_bytes(), &all).unwrap();
            assert_eq!(serde_json::from_slice::<Value>(&merged).unwrap(), case["merged"]);
        }
        if case.contains_key("answer") {
            let answer = salesforce::refuse(&route, body, &all);
            assert_eq!(json!(answer.status), case["status"]);
            assert_eq!(serde_json::from_slice::<Value>(&answer.body).unwrap(), case["answer"]);
        }
    }
}
