//! Scenes and laws of refusing some or all records of a request.

use proptest::prelude::*;

use super::*;
use crate::{
    Door, Limits,
    salesforce::{complete, read, refuse, route},
};

const LIMITS: Limits = Limits { body_bytes: 100_000, records: 1_000 };

fn judged(method: &str, target: &str) -> Route {
    match route(method, &format!("/services/data/v67.0{target}"), None) {
        Door::Judged(route) => route,
        door @ (Door::Open | Door::Unknown) => panic!("{target} is {door:?}"),
    }
}

fn refusals(positions: &[usize]) -> BTreeMap<usize, Refusal> {
    let no = Refusal { code: "EOSIN_BLOCKED".to_owned(), message: "no".to_owned() };
    positions.iter().map(|position| (*position, no.clone())).collect()
}

fn text(bytes: Option<Vec<u8>>) -> String {
    bytes.map_or("none".to_owned(), |bytes| String::from_utf8(bytes).unwrap())
}

const NO_RECORD: &str = r#"{"success":false,"errors":[{"statusCode":"EOSIN_BLOCKED","message":"no","fields":["Eosin_Mark__c"]}]}"#;
const NO_REQUEST: &str = r#"[{"message":"no","errorCode":"EOSIN_BLOCKED","fields":["Eosin_Mark__c"]}]"#;

fn contact(n: usize) -> String {
    format!(r#"{{ "attributes":{{"type":"Contact"}},"LastName" : "L{n}", "N__c":1.50}}"#)
}

#[test]
fn a_collection_goes_on_without_its_refused_records() {
    let create = judged("POST", "/composite/sobjects");
    let body =
        format!(r#"{{"records" : [ {}, {} ,{} ],"allOrNone":false}}"#, contact(0), contact(1), contact(2));
    let no = refusals(&[1]);
    assert_eq!(
        text(withhold(&create, body.as_bytes(), &no)),
        format!(r#"{{"records" : [{},{}],"allOrNone":false}}"#, contact(0), contact(2))
    );
    let upstream = r#"[{"id":"003A","success":true,"errors":[]}, {"id":"003B","success":true,"errors":[]}]"#;
    assert_eq!(
        text(merge(&create, body.as_bytes(), upstream.as_bytes(), &no)),
        format!(
            r#"[{{"id":"003A","success":true,"errors":[]}},{NO_RECORD},{{"id":"003B","success":true,"errors":[]}}]"#
        )
    );
    let error = r#"[{"errorCode":"X","message":"x"},{"errorCode":"X","message":"x"}]"#;
    assert_eq!(text(merge(&create, body.as_bytes(), error.as_bytes(), &no)), "none");
    assert_eq!(text(merge(&create, body.as_bytes(), br#"[{"success":true}]"#, &no)), "none");
    assert_eq!(text(merge(&create, body.as_bytes(), b"<html>", &no)), "none");
    assert_eq!(text(withhold(&create, body.as_bytes(), &refusals(&[0, 1, 2]))), "none");
    assert_eq!(text(withhold(&create, body.as_bytes(), &refusals(&[]))), body);
}

#[test]
fn all_or_none_is_refused_whole() {
    let create = judged("POST", "/composite/sobjects");
    let body = format!(r#"{{"allOrNone":true,"records":[{},{}]}}"#, contact(0), contact(1));
    assert_eq!(text(withhold(&create, body.as_bytes(), &refusals(&[1]))), "none");
    let answer = refuse(&create, body.as_bytes(), &refusals(&[1]));
    let answers: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(answers[0]["errors"][0]["statusCode"], "ALL_OR_NONE_OPERATION_ROLLED_BACK");
    assert_eq!(answers[1]["errors"][0]["statusCode"], "EOSIN_BLOCKED");
    assert_eq!(complete(&create, body.as_bytes(), &refusals(&[1])).len(), 2);
}

fn composite(all_or_none: bool) -> String {
    let sub = |reference: &str, method: &str, url: &str, body: &str| {
        format!(
            r#"{{"method":"{method}","url":"/services/data/v67.0{url}","referenceId":"{reference}"{body}}}"#
        )
    };
    let requests = [
        sub("acc", "POST", "/sobjects/Account", r#","body":{"Name":"C"}"#),
        sub("ada", "POST", "/sobjects/Contact", r#","body":{"LastName":"B","AccountId":"@{acc.id}"}"#),
        sub("case", "POST", "/sobjects/Case", r#","body":{"ContactId":"@{ada.id}"}"#),
        sub("look", "GET", "/sobjects/Contact/@{ada.id}", ""),
        sub("other", "POST", "/sobjects/Lead", r#","body":{"LastName":"L","Company":"C"}"#),
    ];
    format!(r#"{{"allOrNone":{all_or_none},"compositeRequest":[{}]}}"#, requests.join(","))
}

#[test]
fn what_refers_to_a_refused_subrequest_falls_with_it() {
    let route = judged("POST", "/composite");
    let body = composite(false);
    let no = refusals(&[1]);
    let all = complete(&route, body.as_bytes(), &no);
    let codes: Vec<_> = all.iter().map(|(at, refusal)| (*at, refusal.code.as_str())).collect();
    assert_eq!(codes, [(1, "EOSIN_BLOCKED"), (2, "PROCESSING_HALTED")]);
    for no in [no, all] {
        let sent: Value = serde_json::from_slice(&withhold(&route, body.as_bytes(), &no).unwrap()).unwrap();
        let names: Vec<_> =
            sent["compositeRequest"].as_array().unwrap().iter().map(|one| &one["referenceId"]).collect();
        assert_eq!(names, ["acc", "other"]);
        let upstream =
            r#"{"compositeResponse":[{"referenceId":"acc","body":{"n":1.50}},{"referenceId":"other"}]}"#;
        let merged = merge(&route, body.as_bytes(), upstream.as_bytes(), &no).unwrap();
        assert!(String::from_utf8_lossy(&merged).contains(r#"{"referenceId":"acc","body":{"n":1.50}}"#));
        let merged: Value = serde_json::from_slice(&merged).unwrap();
        let merged = merged["compositeResponse"].as_array().unwrap();
        let names: Vec<_> = merged.iter().map(|one| one["referenceId"].as_str().unwrap()).collect();
        assert_eq!(names, ["acc", "ada", "case", "look", "other"]);
        assert_eq!(merged[1]["body"].to_string(), NO_REQUEST);
        assert_eq!(merged[1]["httpStatusCode"], 403);
        assert_eq!(merged[3]["httpStatusCode"], 400);
        assert_eq!(merged[3]["body"][0]["errorCode"], "PROCESSING_HALTED");
    }
}

#[test]
fn a_composite_of_all_or_none_is_halted() {
    let route = judged("POST", "/composite");
    let body = composite(true);
    assert_eq!(text(withhold(&route, body.as_bytes(), &refusals(&[3]))), "none");
    let answer: Value =
        serde_json::from_slice(&refuse(&route, body.as_bytes(), &refusals(&[3])).body).unwrap();
    let statuses: Vec<_> =
        answer["compositeResponse"].as_array().unwrap().iter().map(|one| &one["httpStatusCode"]).collect();
    assert_eq!(statuses, [400, 400, 400, 400, 403]);
}

#[test]
fn a_graph_falls_as_one_and_alone() {
    let route = judged("POST", "/composite/graph");
    let graph = |id: &str| {
        format!(
            r#"{{"graphId":"{id}","compositeRequest":[
            {{"method":"POST","url":"/services/data/v67.0/sobjects/Account","referenceId":"a","body":{{"Name":"C"}}}},
            {{"method":"POST","url":"/services/data/v67.0/sobjects/Contact","referenceId":"b","body":{{"LastName":"C"}}}}]}}"#
        )
    };
    let body = format!(r#"{{"graphs":[{},{}]}}"#, graph("1"), graph("2"));
    let no = refusals(&[1]);
    assert_eq!(complete(&route, body.as_bytes(), &no).keys().collect::<Vec<_>>(), [&0, &1]);
    assert_eq!(text(withhold(&route, body.as_bytes(), &no)), format!(r#"{{"graphs":[{}]}}"#, graph("2")));
    let upstream = r#"{"graphs":[{"graphId":"2","graphResponse":{},"isSuccessful":true}]}"#;
    let merged: Value =
        serde_json::from_slice(&merge(&route, body.as_bytes(), upstream.as_bytes(), &no).unwrap()).unwrap();
    assert_eq!(merged["graphs"][0]["graphId"], "1");
    assert_eq!(merged["graphs"][0]["isSuccessful"], false);
    assert_eq!(merged["graphs"][0]["graphResponse"]["compositeResponse"][0]["httpStatusCode"], 400);
    assert_eq!(merged["graphs"][0]["graphResponse"]["compositeResponse"][1]["httpStatusCode"], 403);
    assert_eq!(merged["graphs"][1]["isSuccessful"], true);
}

#[test]
fn a_batch_goes_on_unless_it_halts() {
    let route = judged("POST", "/composite/batch");
    let one = |n: u8| {
        format!(
            r#"{{"method":"PATCH","url":"v67.0/sobjects/Contact/00300000000000{n}","richInput":{{"Phone":"1"}}}}"#
        )
    };
    let body = format!(r#"{{"batchRequests":[{},{}]}}"#, one(1), one(2));
    let no = refusals(&[0]);
    assert_eq!(text(withhold(&route, body.as_bytes(), &no)), format!(r#"{{"batchRequests":[{}]}}"#, one(2)));
    let upstream = br#"{"hasErrors" : false,"results":[{"statusCode":204,"result":null}]}"#;
    assert_eq!(
        text(merge(&route, body.as_bytes(), upstream, &no)),
        format!(
            r#"{{"hasErrors" : true,"results":[{{"statusCode":403,"result":{NO_REQUEST}}},{{"statusCode":204,"result":null}}]}}"#
        )
    );
    let body = body.replacen('{', r#"{"haltOnError":true,"#, 1);
    assert_eq!(text(withhold(&route, body.as_bytes(), &no)), "none");
    let answer: Value = serde_json::from_slice(&refuse(&route, body.as_bytes(), &no).body).unwrap();
    assert_eq!(answer["results"][1]["statusCode"], 412);
}

#[test]
fn a_tree_names_the_records_that_it_was_refused_for() {
    let route = judged("POST", "/composite/tree/Account");
    let body = r#"{"records":[{"attributes":{"type":"Account","referenceId":"r1"},"Name":"C","Contacts":{"records":[
        {"attributes":{"type":"Contact","referenceId":"r2"},"LastName":"B"}]}}]}"#;
    let all = complete(&route, body.as_bytes(), &refusals(&[1]));
    assert_eq!(all.len(), 2);
    let answer = refuse(&route, body.as_bytes(), &all);
    assert_eq!(answer.status, 400);
    assert_eq!(
        text(Some(answer.body)),
        r#"{"hasErrors":true,"results":[{"referenceId":"r2","errors":[{"statusCode":"EOSIN_BLOCKED","message":"no","fields":["Eosin_Mark__c"]}]}]}"#
    );
}

#[test]
fn one_row_an_upload_and_the_unreadable_are_one_error() {
    for (route, body) in [
        (judged("POST", "/sobjects/Contact"), r#"{"LastName":"B"}"#),
        (judged("PUT", "/jobs/ingest/750000000000001/batches"), "LastName\nB\n"),
        (judged("DELETE", "/sobjects/Contact/003000000000001"), ""),
        (judged("POST", "/composite"), "{"),
        (judged("POST", "/composite/sobjects"), r#"{"records":1}"#),
    ] {
        let answer = refuse(&route, body.as_bytes(), &refusals(&[0]));
        assert_eq!((answer.status, text(Some(answer.body)).as_str()), (403, NO_REQUEST), "{route:?}");
        assert_eq!(text(withhold(&route, body.as_bytes(), &refusals(&[0]))), "none", "{route:?}");
    }
}

proptest! {
    /// However many are refused, and whatever the upstream says of the rest, every record has its answer, in order.
    #[test]
    fn every_record_has_its_answer(refused in proptest::collection::vec(any::<bool>(), 1..30)) {
        let create = judged("POST", "/composite/sobjects");
        let records: Vec<String> = (0..refused.len()).map(contact).collect();
        let body = format!(r#"{{"records":[{}]}}"#, records.join(" , "));
        let positions: Vec<usize> = (0..refused.len()).filter(|at| refused[*at]).collect();
        let no = refusals(&positions);
        let answered = match withhold(&create, body.as_bytes(), &no) {
            None => refuse(&create, body.as_bytes(), &no).body,
            Some(sent) => {
                let readings = read(&create, None, &sent, &LIMITS).records;
                let names = readings.iter().map(|reading| {
                    let fields = &reading.content.as_ref().unwrap().fields;
                    fields[0].1.text().unwrap().to_owned()
                });
                let upstream: Vec<String> = names.map(|name| format!(r#"{{"success":true,"id":"{name}"}}"#)).collect();
                merge(&create, body.as_bytes(), format!("[{}]", upstream.join(",")).as_bytes(), &no).unwrap()
            }
        };
        let answered: Vec<Value> = serde_json::from_slice(&answered).unwrap();
        prop_assert_eq!(answered.len(), refused.len());
        for (at, (answer, refused)) in answered.iter().zip(&refused).enumerate() {
            let want = if *refused { Value::Null } else { Value::String(format!("L{at}")) };
            prop_assert_eq!(&answer["id"], &want);
        }
    }

    #[test]
    fn any_bytes_can_be_refused(
        body in "\\PC{0,60}|\\{\"(records|compositeRequest|graphs|batchRequests)\":[\\[\\]{}:,\"a0]{0,20}\\}",
        upstream in "\\PC{0,40}|\\[[{}\"a:,]{0,12}\\]",
        positions in proptest::collection::vec(0_usize..5, 0..4),
    ) {
        let no = refusals(&positions);
        for (method, target) in [("POST", "/composite/sobjects"), ("POST", "/composite"), ("POST", "/composite/graph"), ("POST", "/composite/batch"), ("POST", "/composite/tree/Account")] {
            let route = judged(method, target);
            let _ = (withhold(&route, body.as_bytes(), &no), merge(&route, body.as_bytes(), upstream.as_bytes(), &no));
            let answer = refuse(&route, body.as_bytes(), &complete(&route, body.as_bytes(), &no));
            prop_assert!(serde_json::from_slice::<Value>(&answer.body).is_ok());
        }
    }
}
