//! The User Interface API, and layouts.

use serde_json::json;

use crate::client::start;

#[tokio::test]
async fn records_come_with_how_to_show_them() {
    let story = start(|_| ()).await;
    let made = story
        .call(
            "POST",
            "ui-api/records",
            json!({"apiName": "Account", "fields": {"Name": "A", "AnnualRevenue": 5}}),
        )
        .await;
    assert_eq!(
        (made.status, &made.json()["fields"]["Name"]),
        (201, &json!({"displayValue": null, "value": "A"})),
        "{made:?}"
    );
    assert_eq!(made.json()["fields"]["AnnualRevenue"], json!({"displayValue": "5.0", "value": 5.0}));
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let read = story.get(&format!("ui-api/records/{id}?fields=Account.Name,Account.Owner.Name&optionalFields=Account.Nope,Account.Site")).await.json();
    assert_eq!(read["fields"]["Owner"]["displayValue"], "Local Admin");
    assert_eq!(read["fields"]["Owner"]["value"]["apiName"], "User");
    assert_eq!((read["fields"].get("Nope"), &read["fields"]["Site"]["value"]), (None, &json!(null)));
    for member in [
        "apiName",
        "childRelationships",
        "eTag",
        "fields",
        "id",
        "lastModifiedById",
        "lastModifiedDate",
        "recordTypeId",
        "recordTypeInfo",
        "systemModstamp",
        "weakEtag",
    ] {
        assert!(read.get(member).is_some(), "{member}");
    }
    let changed =
        story.call("PATCH", &format!("ui-api/records/{id}"), json!({"fields": {"Site": "S"}})).await;
    assert_eq!((changed.status, &changed.json()["fields"]["Site"]["value"]), (200, &json!("S")));
    let batch =
        story.get(&format!("ui-api/records/batch/{id},001000000000009?fields=Account.Name")).await.json();
    assert_eq!(
        (&batch["hasErrors"], &batch["results"][0]["statusCode"], &batch["results"][1]["statusCode"]),
        (&json!(true), &json!(200), &json!(404))
    );
    let whole = story.get(&format!("ui-api/record-ui/{id}?layoutTypes=Full&modes=View")).await.json();
    assert_eq!(whole["records"][&id]["fields"]["Name"]["value"], "A");
    assert_eq!(whole["layouts"]["Account"]["012000000000000AAA"]["Full"]["View"]["objectApiName"], "Account");
    let recent = story.get("ui-api/mru-list-records/Account").await.json();
    assert_eq!((&recent["count"], &recent["records"][0]["id"]), (&json!(1), &json!(id)));
    story.call("POST", "sobjects/Contact", json!({"LastName": "Doe", "AccountId": id})).await;
    let related =
        story.get(&format!("ui-api/related-list-records/{id}/Contacts?fields=Contact.LastName")).await.json();
    assert_eq!(related["records"][0]["fields"]["LastName"]["value"], "Doe");
    assert_eq!(story.call("DELETE", &format!("ui-api/records/{id}"), "").await.status, 204);
    assert_eq!(story.get(&format!("ui-api/records/{id}?layoutTypes=Full")).await.status, 404);
}

#[tokio::test]
async fn refusals_name_the_field() {
    let story = start(|_| ()).await;
    let refused =
        story.call("POST", "ui-api/records", json!({"apiName": "Account", "fields": {"Site": "S"}})).await;
    assert_eq!((refused.status, refused.code().as_str()), (400, "REQUIRED_FIELD_MISSING"));
    assert_eq!(
        refused.json()[0]["output"]["fieldErrors"]["Name"][0]["fieldLabel"],
        "Account Name".replace("Account ", "")
    );
    for (method, path, body, status) in [
        ("POST", "ui-api/records", json!({"apiName": "Nope", "fields": {}}), 400),
        ("POST", "ui-api/records", json!({"apiName": "Account"}), 400),
        ("PATCH", "ui-api/records/001000000000009", json!({"fields": {}}), 404),
        ("GET", "ui-api/records/001000000000009", json!(""), 400),
        ("GET", "ui-api/records/nope?fields=Account.Name", json!(""), 400),
        ("GET", "ui-api/object-info/Nope", json!(""), 400),
        ("PUT", "ui-api/records", json!({}), 405),
        ("GET", "ui-api/nothing", json!(""), 404),
    ] {
        assert_eq!(story.call(method, path, body).await.status, status, "{method} {path}");
    }
}

#[tokio::test]
async fn objects_and_their_layouts_are_told() {
    let story = start(|_| ()).await;
    let info = story.get("ui-api/object-info/contact").await.json();
    assert_eq!(
        (&info["apiName"], &info["fields"]["AccountId"]["referenceToInfos"][0]["apiName"]),
        (&json!("Contact"), &json!("Account"))
    );
    assert_eq!(info["nameFields"][0], "Name");
    assert_eq!(story.get("ui-api/object-info").await.json()["objects"]["Contact"]["keyPrefix"], "003");
    let picked =
        story.get("ui-api/object-info/Account/picklist-values/012000000000000AAA/AccountSource").await.json();
    assert_eq!(picked["values"][0]["value"], "Web");
    for (path, member) in [
        ("layouts", "recordTypeMappings"),
        ("layouts/012000000000000AAA", "detailLayoutSections"),
        ("compactLayouts", "compactLayouts"),
        ("approvalLayouts", "approvalLayouts"),
    ] {
        let found = story.get(&format!("sobjects/Account/describe/{path}")).await;
        assert!(found.status == 200 && found.json().get(member).is_some(), "{path}: {found:?}");
    }
    assert_eq!(story.get("sobjects/Account/describe/nothing").await.status, 404);
    assert_eq!(story.get("sobjects/User/describe/namedLayouts/UserAlt").await.status, 200);
}
