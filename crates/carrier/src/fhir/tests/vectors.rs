//! The published vectors, which anybody can run against anything.

use mark::FieldList;
use serde_json::Value;

use super::*;
use crate::Door;

const READINGS: &str = include_str!("../../../../../spec/vectors/fhir-readings.json");
const NEWER_READINGS: &str = include_str!("../../../../../spec/vectors/fhir-readings-2.json");
const NEWEST_READINGS: &str = include_str!("../../../../../spec/vectors/fhir-readings-3.json");
const XML: &str = include_str!("../../../../../spec/vectors/fhir-xml.json");
const DOORS: &str = include_str!("../../../../../spec/vectors/fhir-doors.json");
const EXPORT_ENDS: &str = include_str!("../../../../../spec/vectors/fhir-export-ends.json");
const DIGESTS: &str = include_str!("../../../../../spec/vectors/fhir-digests.json");
const PLACING: &str = include_str!("../../../../../spec/vectors/fhir-placing.json");

fn cases<'v>(vectors: &'v Value, name: &str) -> &'v [Value] {
    let cases = vectors[name].as_array().unwrap();
    assert!(!cases.is_empty());
    cases
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[test]
fn doors_are_as_published() {
    let older: Value = serde_json::from_str(READINGS).unwrap();
    let vectors: Value = serde_json::from_str(DOORS).unwrap();
    let ends: Value = serde_json::from_str(EXPORT_ENDS).unwrap();
    let newer = [cases(&ends, "doors"), cases(&vectors, "doors")].concat();
    let superseded = |case: &Value| newer.iter().any(|new| (&new[0], &new[1]) == (&case[0], &case[1]));
    for case in newer.iter().chain(cases(&older, "doors").iter().filter(|case| !superseded(case))) {
        let door = match route(text(&case[0]), text(&case[1]), None, text(&vectors["base"])) {
            Door::Open => "open",
            Door::Judged(_) => "judged",
            Door::Unknown => "unknown",
        };
        assert_eq!(door, text(&case[2]), "{case}");
    }
}

#[test]
fn readings_are_as_published() {
    let vectors: Value = serde_json::from_str(READINGS).unwrap();
    let newer: Value = serde_json::from_str(NEWER_READINGS).unwrap();
    let newest: Value = serde_json::from_str(NEWEST_READINGS).unwrap();
    let newer = [cases(&newest, "cases"), cases(&newer, "cases")].concat();
    let superseded = |case: &Value| newer.iter().any(|new| new["name"] == case["name"]);
    for case in newer.iter().chain(cases(&vectors, "cases").iter().filter(|case| !superseded(case))) {
        let door = route(text(&case["method"]), text(&case["target"]), None, text(&vectors["base"]));
        let Door::Judged(route) = door else { panic!("{case} is {door:?}") };
        let body = text(&case["body"]);
        let readings = read(&route, case["contentType"].as_str(), body.as_bytes(), &LIMITS);
        let unit = match readings.unit {
            Unit::Whole => "whole",
            Unit::PerRecord => "perRecord",
        };
        let record = |reading: &Reading<'_>| match &reading.content {
            Err(_) => serde_json::json!({ "unreadable": true }),
            Ok(record) => serde_json::json!({
                "object": record.object,
                "fields": names(record),
                "mark": record.mark,
                "claim": match record.claim {
                    Claim::None => "none",
                    Claim::Synthetic => "synthetic",
                    Claim::Attested => "attested",
                },
            }),
        };
        let records: Vec<Value> = readings.records.iter().map(record).collect();
        assert_eq!(
            (unit, Value::from(records)),
            (text(&case["unit"]), case["records"].clone()),
            "{}",
            case["name"]
        );
    }
}

#[test]
fn digests_are_as_published() {
    let vectors: Value = serde_json::from_str(DIGESTS).unwrap();
    let salt: mark::Salt = serde_json::from_value(vectors["salt"].clone()).unwrap();
    for group in cases(&vectors, "groups") {
        let lists = serde_json::json!({ "content": group["content"], "identity": group["identity"] });
        let list: FieldList = serde_json::from_value(lists).unwrap();
        for case in cases(group, "cases") {
            let readings = read_document(text(&case["resource"]).as_bytes(), &LIMITS);
            let record = only(&readings).as_ref().unwrap();
            let digests = list.digests(text(&group["object"]), record, salt);
            assert_eq!(digests.content.to_hex(), text(&case["content"]), "{case}");
            assert_eq!(digests.identity.to_hex(), text(&case["identity"]), "{case}");
        }
    }
}

#[test]
fn xml_and_json_have_the_digests_that_are_published() {
    let vectors: Value = serde_json::from_str(XML).unwrap();
    let salt: mark::Salt = serde_json::from_value(vectors["salt"].clone()).unwrap();
    for case in cases(&vectors, "cases") {
        let lists =
            serde_json::json!({ "content": case["contentFields"], "identity": case["identityFields"] });
        let list: FieldList = serde_json::from_value(lists).unwrap();
        for (media, name) in [(Media::Json, "json"), (Media::Xml, "xml")] {
            let readings = read_document_in(media, text(&case[name]).as_bytes(), &LIMITS);
            let digests = list.digests(text(&case["object"]), only(&readings).as_ref().unwrap(), salt);
            assert_eq!(digests.content.to_hex(), text(&case["content"]), "{case}");
            assert_eq!(digests.identity.to_hex(), text(&case["identity"]), "{case}");
        }
    }
}

#[test]
fn labels_are_placed_as_published() {
    let vectors: Value = serde_json::from_str(PLACING).unwrap();
    for case in cases(&vectors, "cases") {
        let said = |name: &str| text(&case["labels"][name]).to_owned();
        let labels = Labels {
            mark_text: said("markText"),
            mark_id: said("markId"),
            subject: said("subject").parse().unwrap(),
            authorship: said("authorship").parse().unwrap(),
            dataset: None,
        };
        let placed = place(case["resource"].to_string().as_bytes(), &labels).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&placed).unwrap(), case["placed"], "{}", case["name"]);
    }
}
