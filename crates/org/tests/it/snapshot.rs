//! An org that is stopped and started again.

use org::{Config, CustomField, Org, SnapshotError, StartError};
use serde_json::json;

use crate::client::start;

#[tokio::test]
async fn a_reloaded_org_gives_the_same_answers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("org.json");
    let story = start(|config| config.snapshot = Some(path.clone())).await;
    story.org.add_custom_object("Thing__c", "Thing").unwrap();
    story.org.add_custom_field("Account", &CustomField::external_id("Ext__c")).unwrap();
    story.call("POST", "sobjects/Account", json!({"Name": "A", "Ext__c": "k", "AnnualRevenue": 1.5})).await;
    let thing = story.call("POST", "sobjects/Thing__c", json!({"Name": "T"})).await.json();
    story.call("DELETE", &format!("sobjects/Thing__c/{}", thing["id"].as_str().unwrap()), "").await;
    story.call("POST", "sobjects/Case", json!({"Subject": "S"})).await;
    let questions = [
        "sobjects/Account/Ext__c/k",
        "sobjects/Account/describe",
        "sobjects/Thing__c/describe",
        "queryAll?q=SELECT+FIELDS(ALL)+FROM+Thing__c+LIMIT+10",
        "query?q=SELECT+CaseNumber,CreatedDate+FROM+Case",
    ];
    let mut before = Vec::new();
    for question in questions {
        // Describes name the address that they were asked at, which is another after a restart.
        let base = story.org.http_url().unwrap();
        before.push(story.get(question).await.text().replace(&base, "base"));
    }
    story.org.stop().await.unwrap();
    let again = start(|config| config.snapshot = Some(path.clone())).await;
    for (question, before) in questions.iter().zip(before) {
        let base = again.org.http_url().unwrap();
        let same = again.get(question).await.text().replace(&base, "base") == before;
        assert!(same, "{question}");
    }
    again.call("POST", "sobjects/Case", json!({"Subject": "S"})).await;
    assert_eq!(again.org.records("Case")[1]["CaseNumber"], "00000002");
    let changed = again.call("PATCH", "sobjects/Account/Ext__c/k", json!({"Name": "B"})).await;
    assert_eq!(changed.status, 200);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn a_file_that_is_no_snapshot_stops_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("org.json");
    tokio::fs::write(&path, "{\"version\": 1").await.unwrap();
    let config = Config { snapshot: Some(path.clone()), ..Config::default() };
    let refused = Org::start(config).await.unwrap_err();
    assert!(matches!(refused, StartError::Snapshot(SnapshotError::Unreadable { .. })), "{refused}");
    assert_eq!(tokio::fs::read_to_string(&path).await.unwrap(), "{\"version\": 1");
    let nowhere = Config { listen_http: None, listen_https: None, ..Config::default() };
    assert!(matches!(Org::start(nowhere).await.unwrap_err(), StartError::NoAddress));
}
