//! Files and events: blobs in forms, documents that come into being, events that are published.

use org::{CustomField, CustomKind};
use serde_json::json;

use crate::client::{Answer, Story, start};

async fn form(story: &Story, method: &str, path: &str, parts: &[(&str, &str, &[u8])]) -> Answer {
    let mut body = Vec::new();
    for (name, kind, content) in parts {
        body.extend(format!("--b0\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"x\"\r\nContent-Type: {kind}\r\n\r\n").bytes());
        body.extend(*content);
        body.extend(b"\r\n");
    }
    body.extend(b"--b0--\r\n");
    story.typed(method, path, "multipart/form-data; boundary=\"b0\"", body).await
}

#[tokio::test]
async fn a_version_brings_its_document_and_links_into_being() {
    let story = start(|_| ()).await;
    let contact =
        story.call("POST", "sobjects/Contact", json!({"LastName": "Doe"})).await.json()["id"].clone();
    let order = json!({"PathOnClient": "a/scan.PDF", "FirstPublishLocationId": contact}).to_string();
    let parts: [(&str, &str, &[u8]); 2] = [
        ("entity_content", "application/json", order.as_bytes()),
        ("VersionData", "application/octet-stream", b"\x00\xffbytes"),
    ];
    let made = form(&story, "POST", "sobjects/ContentVersion", &parts).await;
    assert_eq!(made.status, 201, "{made:?}");
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let read = story.get(&format!("sobjects/ContentVersion/{id}/VersionData")).await;
    assert_eq!(&read.body[..], b"\x00\xffbytes");
    let version = &story.org.records("ContentVersion")[0];
    for (name, value) in [
        ("Title", json!("scan")),
        ("FileExtension", json!("pdf")),
        ("FileType", json!("PDF")),
        ("ContentSize", json!(7)),
        ("IsLatest", json!(true)),
        ("VersionNumber", json!("1")),
    ] {
        assert_eq!(version[name], value, "{name}");
    }
    let links = story
        .query(&format!(
            "SELECT ContentDocument.Title, ShareType FROM ContentDocumentLink WHERE LinkedEntityId = {}",
            contact.to_string().replace('"', "'")
        ))
        .await;
    assert_eq!(
        (&links["totalSize"], &links["records"][0]["ContentDocument"]["Title"]),
        (&json!(1), &json!("scan"))
    );
    let children =
        story.query("SELECT Id, (SELECT ContentDocumentId FROM ContentDocumentLinks) FROM Contact").await;
    assert_eq!(children["records"][0]["ContentDocumentLinks"]["totalSize"], 1);

    let document = version["ContentDocumentId"].as_str().unwrap();
    let next = json!({"PathOnClient": "scan.txt", "VersionData": "aGk=", "ContentDocumentId": document});
    assert_eq!(story.call("POST", "sobjects/ContentVersion", next).await.status, 201);
    let latest =
        story.query("SELECT VersionNumber, ContentSize FROM ContentVersion WHERE IsLatest = true").await;
    assert_eq!((&latest["totalSize"], &latest["records"][0]["VersionNumber"]), (&json!(1), &json!("2")));
    assert_eq!(story.org.count("ContentDocument"), 1);
    assert_eq!(story.call("DELETE", &format!("sobjects/ContentDocument/{document}"), "").await.status, 204);
    assert_eq!((story.org.count("ContentVersion"), story.org.count("ContentDocumentLink")), (0, 0));
}

#[tokio::test]
async fn attachments_come_as_json_or_as_a_form() {
    let story = start(|_| ()).await;
    let account = story.call("POST", "sobjects/Account", json!({"Name": "A"})).await.json()["id"].clone();
    let plain = json!({"Name": "n.txt", "ParentId": account, "Body": "aGkh"});
    let id = story.call("POST", "sobjects/Attachment", plain).await.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(story.org.records("Attachment")[0]["BodyLength"], 3);
    let parts: [(&str, &str, &[u8]); 2] = [
        ("entity_attachment", "application/json; charset=utf-8", b"{\"Name\":\"m.txt\"}"),
        ("Body", "text/plain", b"hello"),
    ];
    assert_eq!(form(&story, "PATCH", &format!("sobjects/Attachment/{id}"), &parts).await.status, 204);
    assert_eq!(story.get(&format!("sobjects/Attachment/{id}/Body")).await.text(), "hello");
    assert_eq!(story.org.records("Attachment")[0]["BodyLength"], 5);
    for parts in [
        vec![("Body", "text/plain", &b"x"[..])],
        vec![("entity", "application/json", &b"{}"[..]), ("Name", "text/plain", b"x")],
        vec![("entity", "application/json", &b"{"[..])],
    ] {
        assert_eq!(form(&story, "POST", "sobjects/Attachment", &parts).await.status, 400);
    }
}

#[tokio::test]
async fn events_are_enqueued_and_not_stored_as_records() {
    let story = start(|_| ()).await;
    story.org.add_custom_object("Visit__e", "Visit").unwrap();
    story.org.add_custom_field("Visit__e", &CustomField::plain("Patient__c", CustomKind::Text(80))).unwrap();
    let made = story.call("POST", "sobjects/Visit__e", json!({"Patient__c": "P"})).await;
    assert_eq!((made.status, &made.json()["errors"][0]["statusCode"]), (201, &json!("OPERATION_ENQUEUED")));
    let many = json!({"records": [{"attributes": {"type": "Visit__e"}, "Patient__c": "Q"}]});
    assert_eq!(story.call("POST", "composite/sobjects", many).await.json()[0]["success"], true);
    assert_eq!(story.call("POST", "sobjects/Visit__e", json!({"Nope": 1})).await.code(), "INVALID_FIELD");
    let events = story.org.events("visit__e");
    assert_eq!(
        (events.len(), &events[1]["Patient__c"], &events[1]["ReplayId"]),
        (2, &json!("Q"), &json!("2"))
    );
    assert_eq!(story.org.count("Visit__e"), 0);
}
