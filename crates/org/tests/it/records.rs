//! One record at a time.

use org::{CustomField, CustomKind};
use serde_json::json;

use crate::client::start;

#[tokio::test]
async fn a_record_lives_and_dies() {
    let story = start(|_| ()).await;
    let made = story
        .call(
            "POST",
            "sobjects/contact/",
            json!({"LastName": " Doe ", "FirstName": "", "Email": "d@example.com"}),
        )
        .await;
    assert_eq!(made.status, 201);
    let id = made.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(made.header("location"), format!("/services/data/v67.0/sobjects/Contact/{id}"));
    assert_eq!(made.header("content-type"), "application/json;charset=UTF-8");
    assert!(made.header("sforce-limit-info").starts_with("api-usage=1/"));
    let short = id.get(..15).unwrap();
    let changed =
        story.call("PATCH", &format!("sobjects/Contact/{short}"), json!({"Phone": "1", "Email": null})).await;
    assert_eq!((changed.status, changed.body.len()), (204, 0));
    let read = story.get(&format!("sobjects/Contact/{id}?fields=lastname,Phone,Email")).await.json();
    assert_eq!(
        (&read["LastName"], &read["Phone"], &read["Email"]),
        (&json!("Doe"), &json!("1"), &json!(null))
    );
    let whole = story.get(&format!("sobjects/Contact/{id}/")).await.json();
    assert_eq!(
        (&whole["Name"], &whole["DoNotCall"], &whole["IsDeleted"]),
        (&json!("Doe"), &json!(false), &json!(false))
    );
    assert_eq!(story.org.records("Contact").len(), 1);
    assert_eq!(story.call("DELETE", &format!("sobjects/Contact/{id}"), "").await.status, 204);
    let gone = story.get(&format!("sobjects/Contact/{id}")).await;
    assert_eq!((gone.status, gone.code().as_str()), (404, "ENTITY_IS_DELETED"));
    assert_eq!(story.org.count("Contact"), 0);
}

#[tokio::test]
async fn upserts_create_change_and_choose() {
    let story = start(|_| ()).await;
    story.org.add_custom_field("Account", &CustomField::external_id("Ext__c")).unwrap();
    let path = "sobjects/Account/Ext__c/a%2Fb%20c";
    let created = story.call("PATCH", path, json!({"Name": "A"})).await;
    assert_eq!((created.status, &created.json()["created"]), (201, &json!(true)));
    let updated = story.call("PATCH", path, json!({"Name": "B"})).await;
    assert_eq!((updated.status, &updated.json()["created"]), (200, &json!(false)));
    assert_eq!(story.get(path).await.json()["Name"], "B");
    story.call("POST", "sobjects/Account", json!({"Name": "C", "Ext__c": "a/b c"})).await;
    let many = story.call("PATCH", path, json!({"Name": "D"})).await;
    assert_eq!((many.status, many.json().as_array().unwrap().len()), (300, 2));
    assert_eq!(story.call("PATCH", "sobjects/Account/Industry/x", json!({"Name": "D"})).await.status, 404);
    let named = story.call("PATCH", path, json!({"Name": "D", "Ext__c": "x"})).await;
    assert_eq!((named.status, named.code().as_str()), (400, "INVALID_FIELD"));
}

#[tokio::test]
async fn requests_that_make_no_sense_say_so() {
    let story = start(|config| config.limits.body_bytes = 1_000_000).await;
    let deep = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
    for (method, path, body, status, code) in [
        ("POST", "sobjects/Account", "{", 400, "JSON_PARSER_ERROR"),
        ("POST", "sobjects/Account", "", 400, "JSON_PARSER_ERROR"),
        ("POST", "sobjects/Account", "[]", 400, "JSON_PARSER_ERROR"),
        ("POST", "sobjects/Account", &deep, 400, "JSON_PARSER_ERROR"),
        ("POST", "sobjects/Account", "{\"Name\": {\"a\": 1}}", 400, "JSON_PARSER_ERROR"),
        ("POST", "sobjects/Nope", "{}", 404, "NOT_FOUND"),
        ("PUT", "sobjects/Account", "{}", 405, "METHOD_NOT_ALLOWED"),
        ("GET", "sobjects/Account/nope", "", 404, "NOT_FOUND"),
        ("GET", "sobjects/Account/001000000000001AAA", "", 404, "NOT_FOUND"),
        ("PATCH", "sobjects/Account/001000000000001AAA", "{}", 404, "INVALID_CROSS_REFERENCE_KEY"),
        ("PATCH", "sobjects/Account/nope", "{}", 400, "MALFORMED_ID"),
        ("DELETE", "sobjects/Account/003000000000001AAA", "", 400, "MALFORMED_ID"),
        ("GET", "nothing/here", "", 404, "NOT_FOUND"),
        ("GET", "sobjects/Account/describe/wishes", "", 404, "NOT_FOUND"),
        ("GET", "sobjects/Account/describe/namedLayouts/UserAlt", "", 404, "NOT_FOUND"),
    ] {
        let answer = story.call(method, path, body).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{method} {path} {body:.40}");
    }
    let xml = story.typed("POST", "sobjects/Account", "application/xml", b"<a/>".to_vec()).await;
    assert_eq!(xml.status, 415);
    let large =
        story.call("POST", "sobjects/Account", format!("{{\"Name\": \"{}\"}}", "x".repeat(1_000_001))).await;
    assert_eq!((large.status, large.code().as_str()), (413, "REQUEST_LIMIT_EXCEEDED"));
}

#[tokio::test]
async fn describe_lists_what_the_org_takes() {
    let story = start(|_| ()).await;
    story
        .org
        .add_custom_field("Contact", &CustomField::plain("Note__c", CustomKind::LongText(32_000)))
        .unwrap();
    story
        .org
        .add_custom_field("Contact", &CustomField::plain("Home__c", CustomKind::Lookup("Account".into())))
        .unwrap();
    assert!(story.org.add_custom_field("Nope", &CustomField::external_id("X__c")).is_err());
    let described = story.get("sobjects/Contact/describe").await.json();
    let fields = described["fields"].as_array().unwrap();
    let field = |name: &str| fields.iter().find(|field| field["name"] == name).unwrap();
    assert_eq!(field("Note__c")["length"], 32_000);
    assert_eq!(field("Home__c")["relationshipName"], "Home__r");
    assert_eq!(field("LastName")["nillable"], false);
    // As many members as a field of a real describe has.
    assert!(fields.iter().all(|field| field.as_object().unwrap().len() == 57));
    let all = story.get("sobjects").await.json();
    assert!(all["sobjects"].as_array().unwrap().iter().any(|object| object["name"] == "ServiceAppointment"));
    let summary = story.get("sobjects/Contact").await.json();
    assert_eq!(summary["objectDescribe"]["keyPrefix"], "003");
}

#[tokio::test]
async fn what_happened_can_be_asked() {
    let story = start(|_| ()).await;
    let made = story.call("POST", "sobjects/Account", json!({"Name": "Findable Hospital"})).await.json();
    let hit = story.get("search?q=FIND+%7Bfindable%7D+IN+ALL+FIELDS+RETURNING+Account(Id,Name)").await.json();
    assert_eq!(hit["searchRecords"][0]["Name"], "Findable Hospital");
    assert_eq!(story.get("search?q=FIND+%7Bzzyzx%7D").await.json(), json!({"searchRecords": []}));
    assert_eq!(story.get("search?q=wrong").await.code(), "MALFORMED_SEARCH");
    assert_eq!(
        story.get("limits/recordCount?sObjects=Account,Contact").await.json()["sObjects"][0],
        json!({"count": 1, "name": "Account"})
    );
    assert_eq!(story.get("recent?limit=1").await.json()[0]["Id"], made["id"]);
    let updated = story
        .get("sobjects/Account/updated?start=2020-01-01T00:00:00Z&end=2099-01-01T00:00:00Z")
        .await
        .json();
    assert_eq!(updated["ids"], json!([made["id"]]));
    let blob = story
        .call(
            "POST",
            "sobjects/Attachment",
            json!({"Name": "a.txt", "ParentId": made["id"], "Body": "aGVsbG8="}),
        )
        .await
        .json();
    let body = story.get(&format!("sobjects/Attachment/{}/Body", blob["id"].as_str().unwrap())).await;
    assert_eq!(body.text(), "hello");
}
