//! Several records, several requests.

use org::CustomField;
use serde_json::{Value, json};

use crate::client::start;

fn account(name: &str) -> Value {
    json!({"attributes": {"type": "Account"}, "Name": name})
}

#[tokio::test]
async fn collections_take_all_or_what_they_can() {
    let story = start(|_| ()).await;
    let bad = json!({"attributes": {"type": "Account"}, "Nope": 1});
    let all = story
        .call("POST", "composite/sobjects/", json!({"allOrNone": true, "records": [account("A"), bad]}))
        .await
        .json();
    assert_eq!(all[0]["errors"][0]["statusCode"], "ALL_OR_NONE_OPERATION_ROLLED_BACK");
    assert_eq!(all[1]["errors"][0]["statusCode"], "INVALID_FIELD");
    assert_eq!(story.org.count("Account"), 0);
    let some = story.call("POST", "composite/sobjects", json!({"records": [account("A"), bad]})).await.json();
    assert_eq!((&some[0]["success"], &some[1]["success"]), (&json!(true), &json!(false)));
    let id = some[0]["id"].as_str().unwrap();
    let changed = json!({"records": [{"attributes": {"type": "Account"}, "id": id, "Name": "B"}, {"Id": id, "Site": "S"}]});
    assert_eq!(story.call("PATCH", "composite/sobjects", changed).await.json()[1]["success"], true);
    let got = story
        .call(
            "POST",
            "composite/sobjects/Account",
            json!({"ids": [id, "001000000000001AAA"], "fields": ["name", "Site"]}),
        )
        .await;
    assert_eq!(
        (&got.json()[0]["Name"], &got.json()[0]["Site"], &got.json()[1]),
        (&json!("B"), &json!("S"), &Value::Null)
    );
    let gone = story
        .call("DELETE", &format!("composite/sobjects?ids={id},001000000000001AAA&allOrNone=false"), "")
        .await
        .json();
    assert_eq!((&gone[0]["success"], &gone[1]["success"]), (&json!(true), &json!(false)));
    let many: Vec<Value> = (0..201).map(|_| account("A")).collect();
    let refused = story.call("POST", "composite/sobjects", json!({"records": many})).await;
    assert_eq!((refused.status, refused.code().as_str()), (400, "EXCEEDED_ID_LIMIT"));
}

#[tokio::test]
async fn collections_upsert_by_external_id() {
    let story = start(|_| ()).await;
    story.org.add_custom_field("Account", &CustomField::external_id("Ext__c")).unwrap();
    let record = |key: &str| json!({"attributes": {"type": "Account"}, "Name": "A", "Ext__c": key});
    let body = json!({"allOrNone": false, "records": [record("1"), record("1"), record("")]});
    let answer = story.call("PATCH", "composite/sobjects/account/ext__c", body).await.json();
    assert_eq!(
        (&answer[0]["created"], &answer[1]["created"], &answer[2]["created"]),
        (&json!(true), &json!(false), &json!(false))
    );
    assert_eq!(answer[2]["errors"][0]["statusCode"], "MISSING_ARGUMENT");
    assert_eq!(story.org.count("Account"), 1);
}

#[tokio::test]
async fn composite_requests_use_each_other_and_fall_together() {
    let story = start(|_| ()).await;
    let base = "/services/data/v67.0";
    let request = |last: &str| {
        json!({"allOrNone": true, "compositeRequest": [
            {"method": "POST", "url": format!("{base}/sobjects/Account"), "referenceId": "a", "body": {"Name": "A"}},
            {"method": "POST", "url": format!("{base}/sobjects/Contact"), "referenceId": "c", "body": {"LastName": last, "AccountId": "@{a.id}"}},
            {"method": "GET", "url": format!("{base}/query?q=SELECT+Name,AccountId+FROM+Contact+WHERE+AccountId='@{{a.id}}'"), "referenceId": "q"},
            {"method": "GET", "url": format!("{base}/sobjects/Account/@{{q.records[0].AccountId}}?fields=Name"), "referenceId": "r"},
        ]})
    };
    let done = story.call("POST", "composite/", request("C")).await.json();
    let parts = done["compositeResponse"].as_array().unwrap();
    let codes: Vec<_> = parts.iter().map(|part| part["httpStatusCode"].as_u64().unwrap()).collect();
    assert_eq!(codes, [201, 201, 200, 200]);
    assert_eq!(parts[3]["body"]["Name"], "A");
    assert!(
        parts[0]["httpHeaders"]["Location"]
            .as_str()
            .unwrap()
            .starts_with("/services/data/v67.0/sobjects/Account/001")
    );
    let failed = story.call("POST", "composite", request("")).await.json();
    assert_eq!(failed["compositeResponse"][0]["body"][0]["errorCode"], "PROCESSING_HALTED");
    assert_eq!(failed["compositeResponse"][1]["body"][0]["errorCode"], "REQUIRED_FIELD_MISSING");
    assert_eq!((story.org.count("Account"), story.org.count("Contact")), (1, 1));
    let many: Vec<Value> = (0..26)
        .map(|n| json!({"method": "GET", "url": format!("{base}/sobjects"), "referenceId": format!("r{n}")}))
        .collect();
    assert_eq!(story.call("POST", "composite", json!({"compositeRequest": many})).await.status, 400);
}

#[tokio::test]
async fn graphs_stand_or_fall_alone() {
    let story = start(|_| ()).await;
    let graph = |id: &str, name: &str| {
        json!({"graphId": id, "compositeRequest": [
            {"method": "POST", "url": "/services/data/v67.0/sobjects/Account", "referenceId": "a", "body": {"Name": "ok"}},
            {"method": "POST", "url": "/services/data/v67.0/sobjects/Account", "referenceId": "b", "body": {"Name": name}},
        ]})
    };
    let done = story
        .call("POST", "composite/graph", json!({"graphs": [graph("1", "x"), graph("2", "")]}))
        .await
        .json();
    assert_eq!(
        (&done["graphs"][0]["isSuccessful"], &done["graphs"][1]["isSuccessful"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(story.org.count("Account"), 2);
}

#[tokio::test]
async fn batches_go_on_unless_told_to_halt() {
    let story = start(|_| ()).await;
    let request = |halt: bool| {
        json!({"haltOnError": halt, "batchRequests": [
            {"method": "POST", "url": "v67.0/sobjects/Account", "richInput": {"Name": "A"}},
            {"method": "GET", "url": "v67.0/sobjects/Nope"},
            {"method": "GET", "url": "v67.0/limits"},
        ]})
    };
    let codes = |answer: Value| {
        let results = answer["results"].as_array().unwrap().clone();
        results.iter().map(|one| one["statusCode"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(codes(story.call("POST", "composite/batch", request(false)).await.json()), [201, 404, 200]);
    assert_eq!(codes(story.call("POST", "composite/batch", request(true)).await.json()), [201, 404, 412]);
}

#[tokio::test]
async fn trees_grow_whole() {
    let story = start(|_| ()).await;
    let tree = |last: &str| {
        json!({"records": [{"attributes": {"type": "Account", "referenceId": "a"}, "Name": "A", "Contacts": {"records": [
            {"attributes": {"type": "Contact", "referenceId": "c"}, "LastName": last},
        ]}}]})
    };
    let failed = story.call("POST", "composite/tree/Account", tree("")).await;
    assert_eq!((failed.status, &failed.json()["results"][0]["referenceId"]), (400, &json!("c")));
    assert_eq!(story.org.count("Account"), 0);
    let done = story.call("POST", "composite/tree/Account/", tree("C")).await;
    assert_eq!((done.status, done.json()["results"].as_array().unwrap().len()), (201, 2));
    let contact = &story.org.records("Contact")[0];
    assert_eq!(contact["AccountId"], story.org.records("Account")[0]["Id"]);
}
