//! What the org notes about its requests and its setup.

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use serde_json::json;

use crate::client::{plain, start};
use crate::deploy::{deploy, zip};

#[tokio::test]
async fn requests_are_in_the_event_log_under_their_id() {
    let story = start(|_| ()).await;
    let given = "0123456789abcdef0123456789abcdef";
    for (id, kept) in [(given, true), ("1234567890123456789012", true), ("short", false), ("", false)] {
        let request = Request::builder()
            .uri("/services/data/v67.0/sobjects/Contact/003000000000000")
            .header("authorization", "Bearer tok")
            .header("x-sfdc-request-id", id);
        let answer = plain(&story.org, request.body(Full::new(Bytes::new())).unwrap()).await;
        assert_eq!((answer.status, answer.header("x-sfdc-request-id") == id), (404, kept), "{id}");
        assert!(answer.header("x-sfdc-request-id").len() >= 22);
    }
    let body = json!({"compositeRequest": [{"method": "GET", "url": "/services/data/v67.0/limits", "referenceId": "a"}]});
    story.call("POST", "composite", body).await;
    let found = story
        .query("SELECT Id, LogFileLength, LogFileFieldNames FROM EventLogFile WHERE EventType = 'RestApi'")
        .await;
    assert_eq!(found["totalSize"], 1);
    let id = found["records"][0]["Id"].as_str().unwrap().to_owned();
    let file = story.get(&format!("sobjects/EventLogFile/{id}/LogFile")).await;
    let lines: Vec<&str> = file.text().lines().collect();
    assert!(lines[0].replace('"', "") == found["records"][0]["LogFileFieldNames"], "{}", lines[0]);
    let line = lines.iter().find(|line| line.contains(given)).unwrap();
    assert!(
        line.starts_with("\"RestApi\"") && line.contains("\"404\",\"F\"") && line.contains("\"Contact\""),
        "{line}"
    );
    // What a composite request holds is not seen.
    assert!(file.text().contains("/composite") && !file.text().contains("/limits"));
    let again = story.query("SELECT COUNT() FROM EventLogFile WHERE EventType = 'RestApi'").await;
    assert_eq!(again["totalSize"], 1);
}

#[tokio::test]
async fn changes_of_the_setup_are_in_the_audit_trail() {
    let story = start(|_| ()).await;
    let set = "<PermissionSet><label>Reader</label></PermissionSet>";
    let files = [("package.xml", "<Package/>"), ("permissionsets/Reader.permissionset", set)];
    deploy(&story, &zip(&files), json!({})).await;
    let id = |found: serde_json::Value| found["records"][0]["Id"].clone();
    let set = id(story.query("SELECT Id FROM PermissionSet").await);
    let user = id(story.query("SELECT Id FROM User WHERE Username = 'reader@org.example'").await);
    let body = json!({"AssigneeId": user, "PermissionSetId": set});
    let made = story.call("POST", "sobjects/PermissionSetAssignment", body).await.json();
    let path = format!("sobjects/PermissionSetAssignment/{}", made["id"].as_str().unwrap());
    assert_eq!(story.call("DELETE", &path, "").await.status, 204);
    let trail = story.query("SELECT Action, Display FROM SetupAuditTrail ORDER BY Id").await;
    let actions: Vec<&str> =
        trail["records"].as_array().unwrap().iter().map(|row| row["Action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["PermSetCreate", "PermSetAssign", "PermSetUnassign"]);
}
