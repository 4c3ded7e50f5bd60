//! What stands around the records: list views, tabs, query plans, quick actions, approvals, code that is kept.

use serde_json::{Value, json};

use crate::client::{encode, start};
use crate::deploy::{deploy, zip};

#[tokio::test]
async fn resources_answer_in_their_shape() {
    let story = start(|_| ()).await;
    story.call("POST", "sobjects/Account", json!({"Name": "Ada Clinic"})).await;
    let views = story.get("sobjects/Account/listviews").await.json();
    assert_eq!(views["listviews"][0]["developerName"], "AllAccounts");
    let id = views["listviews"][0]["id"].as_str().unwrap();
    let table = [
        (format!("sobjects/Account/listviews/{id}"), "/label", json!("All Accounts")),
        (format!("sobjects/Account/listviews/{id}/describe"), "/columns/0/fieldNameOrPath", json!("Name")),
        (
            format!("sobjects/Account/listviews/{id}/results"),
            "/records/0/columns/0/value",
            json!("Ada Clinic"),
        ),
        (format!("query?explain={id}"), "/plans/0/cardinality", json!(1)),
        (
            format!("query?explain={}", encode("SELECT Id FROM Account WHERE Name = 'x'")),
            "/plans/0/cardinality",
            json!(0),
        ),
        ("theme".into(), "/themeItems/0/name", json!("Account")),
        ("tabs".into(), "/0/sobjectName", json!("Account")),
        ("quickActions/LogACall/describe".into(), "/targetSobjectType", json!("Task")),
        ("quickActions/LogACall/defaultValues".into(), "/WhatId", Value::Null),
        ("process/rules".into(), "/rules", json!({})),
        ("tooling/sobjects/DebugLevel/describe".into(), "/keyPrefix", json!("7dl")),
    ];
    for (path, pointer, expected) in table {
        let answer = story.get(&path).await;
        assert_eq!((answer.status, answer.json().pointer(pointer)), (200, Some(&expected)), "{path}");
    }
    for (method, path, status) in [
        ("GET", "sobjects/Account/listviews/00B000000000000", 404),
        ("GET", "sobjects/Contact/listviews/nothing", 404),
        ("GET", "quickActions/Nope", 404),
        ("DELETE", "quickActions/LogACall", 405),
        ("GET", "process/nope", 404),
        ("GET", "query?explain=SELECT", 400),
    ] {
        assert_eq!(story.call(method, path, "").await.status, status, "{method} {path}");
    }
}

#[tokio::test]
async fn a_quick_action_makes_its_record() {
    let story = start(|_| ()).await;
    let made = story.call("POST", "sobjects/Account", json!({"Name": "A"})).await.json();
    let body = json!({"contextId": made["id"], "record": {"Description": "about it"}});
    let done = story.call("POST", "quickActions/LogACall", &body).await;
    assert_eq!((done.status, &done.json()["contextId"]), (201, &made["id"]));
    let found = story.query("SELECT Subject, Description, WhatId, Status FROM Task").await;
    assert_eq!(found["records"][0]["WhatId"], made["id"]);
    assert_eq!(found["records"][0]["Status"], "Completed");
    let refused = story.call("POST", "quickActions/LogACall", json!({"contextId": "nobody"})).await;
    assert_eq!((refused.status, refused.code().as_str()), (400, "INVALID_ID_FIELD"));
}

#[tokio::test]
async fn what_is_seen_is_recent() {
    let story = start(|_| ()).await;
    for name in ["A", "B", "C"] {
        story.call("POST", "sobjects/Account", json!({"Name": name})).await;
    }
    story.query("SELECT Id FROM Account ORDER BY Name LIMIT 1 FOR VIEW").await;
    assert_eq!(story.get("recent?limit=1").await.json()[0]["Name"], "A");
}

const APPROVAL: &str = "<ApprovalProcess><active>true</active><label>Two steps</label>\
    <approvalStep><assignedApprover><approver><name>CreatedBy</name><type>relatedUserField</type></approver></assignedApprover></approvalStep>\
    <approvalStep><assignedApprover><approver><name>Owner</name><type>relatedUserField</type></approver></assignedApprover></approvalStep>\
    </ApprovalProcess>";

#[tokio::test]
async fn an_approval_goes_from_step_to_step() {
    let story = start(|_| ()).await;
    let files = [
        ("package.xml", "<Package/>"),
        ("approvalProcesses/Account.Two.approvalProcess", APPROVAL),
        ("classes/A.cls", "public class A {}"),
    ];
    deploy(&story, &zip(&files), json!({})).await;
    assert_eq!(story.query("SELECT Body FROM ApexClass").await["records"][0]["Body"], "public class A {}");
    let account = story.call("POST", "sobjects/Account", json!({"Name": "A"})).await.json();
    let ask = async |action: &str, id: &Value| {
        let body = json!({"requests": [{"actionType": action, "contextId": id}]});
        story.call("POST", "process/approvals", body).await.json()[0].clone()
    };
    let first = ask("Submit", &account["id"]).await;
    assert_eq!((&first["instanceStatus"], &first["entityId"]), (&json!("Pending"), &account["id"]));
    assert_eq!(ask("Submit", &account["id"]).await["errors"][0]["statusCode"], "ALREADY_IN_PROCESS");
    let second = ask("Approve", &first["newWorkitemIds"][0]).await;
    assert_eq!(second["instanceStatus"], "Pending");
    assert_eq!(ask("Approve", &first["newWorkitemIds"][0]).await["success"], false);
    let last = ask("Reject", &second["newWorkitemIds"][0]).await;
    assert_eq!((&last["instanceStatus"], &last["actorIds"]), (&json!("Rejected"), &Value::Null));
}
