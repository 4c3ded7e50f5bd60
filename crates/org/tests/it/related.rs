//! Records reached through others, suggestions, reports.

use serde_json::json;

use crate::client::start;

#[tokio::test]
async fn parents_and_children_have_addresses() {
    let story = start(|_| ()).await;
    let account = story.call("POST", "sobjects/Account", json!({"Name": "A"})).await.json()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let order = json!({"LastName": "Doe", "AccountId": account});
    let contact =
        story.call("POST", "sobjects/Contact", order).await.json()["id"].as_str().unwrap().to_owned();
    let parent = story.get(&format!("sobjects/Contact/{contact}/Account?fields=Name")).await.json();
    assert_eq!((&parent["Name"], &parent["attributes"]["type"]), (&json!("A"), &json!("Account")));
    let children = story.get(&format!("sobjects/Account/{account}/Contacts?fields=LastName")).await.json();
    assert_eq!(
        (&children["totalSize"], &children["done"], &children["records"][0]["LastName"]),
        (&json!(1), &json!(true), &json!("Doe"))
    );
    assert_eq!(
        story.get(&format!("sobjects/Account/{account}/Contacts")).await.json()["records"][0]["Id"],
        contact.as_str()
    );
    assert_eq!(
        story
            .call("PATCH", &format!("sobjects/Contact/{contact}/Account"), json!({"Site": "S"}))
            .await
            .status,
        204
    );
    assert_eq!(story.org.records("Account")[0]["Site"], "S");
    for (method, path, status) in [
        ("GET", format!("sobjects/Contact/{contact}/ReportsTo"), 404),
        ("GET", format!("sobjects/Contact/{contact}/Nope"), 404),
        ("GET", "sobjects/Account/001000000000009/Contacts".to_owned(), 404),
        ("POST", format!("sobjects/Account/{account}/Contacts"), 405),
    ] {
        assert_eq!(story.call(method, &path, "").await.status, status, "{method} {path}");
    }
}

#[tokio::test]
async fn suggestions_and_reports_show_what_is_there() {
    let story = start(|_| ()).await;
    for name in ["Alpha One", "Alpha Two", "Beta"] {
        story.call("POST", "sobjects/Account", json!({"Name": name})).await;
    }
    let found = story.get("search/suggestions?q=alp&sobject=Account,Contact&limit=1").await.json();
    assert_eq!(
        (&found["autoSuggestResults"][0]["Name"], &found["hasMoreResults"]),
        (&json!("Alpha One"), &json!(true))
    );
    assert_eq!(
        story.get("search/suggestions?q=al&sobject=Account").await.json()["autoSuggestResults"],
        json!([])
    );
    let reports = story.get("analytics/reports").await.json();
    assert_eq!(reports[0]["name"], "All Accounts");
    let id = reports[0]["id"].as_str().unwrap();
    let run = story.get(&format!("analytics/reports/{id}?includeDetails=true")).await.json();
    assert_eq!(
        (
            &run["factMap"]["T!T"]["aggregates"][0]["value"],
            &run["factMap"]["T!T"]["rows"][2]["dataCells"][0]["label"]
        ),
        (&json!(3), &json!("Beta"))
    );
    assert_eq!(
        story.get(&format!("analytics/reports/{id}/describe")).await.json()["reportMetadata"]["reportFormat"],
        "TABULAR"
    );
    assert_eq!(story.get("analytics/reports/00O000000000009").await.status, 404);
}
