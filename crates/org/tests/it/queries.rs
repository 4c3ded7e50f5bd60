//! SOQL over HTTP.

use serde_json::json;

use crate::client::{Story, encode, start};

async fn with_accounts(count: usize) -> Story {
    let story = start(|config| config.query_batch_rows = 3).await;
    let records: Vec<_> =
        (0..count).map(|n| json!({"attributes": {"type": "Account"}, "Name": format!("A{n}")})).collect();
    let made = story.call("POST", "composite/sobjects", json!({"allOrNone": true, "records": records})).await;
    assert_eq!(made.status, 200);
    story
}

#[tokio::test]
async fn pages_hold_every_row_once() {
    let story = with_accounts(8).await;
    let mut page = story.query("select name from account order by name").await;
    let mut names = Vec::new();
    let mut pages = 0;
    loop {
        pages += 1;
        names.extend(
            page["records"].as_array().unwrap().iter().map(|row| row["Name"].as_str().unwrap().to_owned()),
        );
        assert_eq!(page["totalSize"], 8);
        let Some(next) = page["nextRecordsUrl"].as_str() else { break };
        assert_eq!(page["done"], false);
        page = story.get(next.strip_prefix("/services/data/v67.0/").unwrap()).await.json();
    }
    assert_eq!((page["done"].as_bool(), pages), (Some(true), 3));
    assert_eq!(names, ["A0", "A1", "A2", "A3", "A4", "A5", "A6", "A7"]);
    let found = encode("SELECT Id FROM Account");
    let request = http::Request::get(format!("/services/data/v67.0/query?q={found}"))
        .header("authorization", "Bearer tok")
        .header("sforce-query-options", "batchSize=2");
    let small =
        crate::client::plain(&story.org, request.body(http_body_util::Full::default()).unwrap()).await.json();
    assert_eq!(small["records"].as_array().unwrap().len(), 2);
    let next = story
        .get(small["nextRecordsUrl"].as_str().unwrap().strip_prefix("/services/data/v67.0/").unwrap())
        .await;
    assert_eq!(next.json()["records"].as_array().unwrap().len(), 2);
    let gone = story.get("query/01gEy0000000009IAA-3").await;
    assert_eq!((gone.status, gone.code().as_str()), (400, "INVALID_QUERY_LOCATOR"));
}

#[tokio::test]
async fn the_bin_is_seen_by_query_all_only() {
    let story = with_accounts(2).await;
    let id =
        story.query("SELECT Id FROM Account LIMIT 1").await["records"][0]["Id"].as_str().unwrap().to_owned();
    story.call("DELETE", &format!("sobjects/Account/{id}"), "").await;
    assert_eq!(story.query("SELECT COUNT() FROM Account").await["totalSize"], 1);
    let all = story
        .get(&format!("queryAll/?q={}", encode("SELECT Id FROM Account WHERE IsDeleted = true")))
        .await
        .json();
    assert_eq!(all["records"][0]["Id"], id.as_str());
}

#[tokio::test]
async fn shapes_that_tools_ask_for() {
    let story = with_accounts(1).await;
    let columns = story
        .get(&format!(
            "query?columns=true&q={}",
            encode("SELECT id, Owner.Name, COUNT(Id) n FROM Account GROUP BY Id")
        ))
        .await
        .json();
    assert_eq!(columns["columnMetadata"][1]["columnName"], "Owner.Name");
    assert_eq!(
        (&columns["entityName"], &columns["keyPrefix"], &columns["groupBy"]),
        (&json!("Account"), &json!("001"), &json!(true))
    );
    let tooling =
        story.get(&format!("tooling/query?q={}", encode("SELECT Id FROM SandboxProcess"))).await.json();
    assert_eq!(
        (&tooling["size"], &tooling["done"], &tooling["entityTypeName"]),
        (&json!(0), &json!(true), &json!("SandboxProcess"))
    );
    let unknown = story.get(&format!("query?q={}", encode("SELECT Id FROM ScratchOrgInfo"))).await;
    assert_eq!((unknown.status, unknown.code().as_str()), (400, "INVALID_TYPE"));
    let org = story
        .query("SELECT Name, InstanceName, IsSandbox, TrialExpirationDate, NamespacePrefix FROM Organization")
        .await;
    assert_eq!(org["records"][0]["InstanceName"], "LOCAL");
    let wrong = story.get(&format!("query?q={}", encode("SELECT Id FORM Account"))).await;
    assert_eq!((wrong.status, wrong.code().as_str()), (400, "MALFORMED_QUERY"));
    assert!(wrong.json()[0]["message"].as_str().unwrap().contains("ERROR at Row:1:Column:"));
}
