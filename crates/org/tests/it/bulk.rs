//! Bulk API 2.0.

use org::CustomField;
use serde_json::{Value, json};

use crate::client::{Story, start};

/// Runs an ingest job to its end; gives the job.
async fn ingest(story: &Story, order: Value, data: &str) -> Value {
    let job = story.call("POST", "jobs/ingest/", order).await;
    assert_eq!((job.status, job.json()["state"].as_str()), (200, Some("Open")), "{job:?}");
    let id = job.json()["id"].as_str().unwrap().to_owned();
    let put = story
        .typed("PUT", &format!("jobs/ingest/{id}/batches"), "text/csv; charset=UTF-8", data.into())
        .await;
    assert_eq!((put.status, put.body.len()), (201, 0));
    let closed = story.call("PATCH", &format!("jobs/ingest/{id}"), json!({"state": "UploadComplete"})).await;
    assert_eq!(closed.json()["state"], "UploadComplete");
    story.get(&format!("jobs/ingest/{id}")).await.json()
}

async fn results(story: &Story, job: &Value, which: &str) -> String {
    let id = job["id"].as_str().unwrap();
    story.get(&format!("jobs/ingest/{id}/{which}")).await.text().to_owned()
}

#[tokio::test]
async fn rows_are_created_changed_and_deleted() {
    let story = start(|_| ()).await;
    story.org.add_custom_field("Account", &CustomField::external_id("Ext__c")).unwrap();
    let job = ingest(
        &story,
        json!({"object": "Account", "operation": "insert"}),
        "Name,Ext__c,Site\n\"A, B\",k1,S\n,k2,\n",
    )
    .await;
    assert_eq!(
        (&job["state"], &job["numberRecordsProcessed"], &job["numberRecordsFailed"]),
        (&json!("JobComplete"), &json!(2), &json!(1))
    );
    let good = results(&story, &job, "successfulResults").await;
    assert!(good.starts_with("\"sf__Id\",\"sf__Created\",\"Name\",\"Ext__c\",\"Site\"\n\"001"), "{good}");
    assert!(good.contains("\"true\",\"A, B\",\"k1\",\"S\"\n"));
    let bad = results(&story, &job, "failedResults").await;
    assert!(
        bad.contains(
            "\"REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --\",\"\",\"k2\",\"\""
        ),
        "{bad}"
    );
    assert_eq!(results(&story, &job, "unprocessedrecords").await, "\"Name\",\"Ext__c\",\"Site\"\n");
    assert_eq!(results(&story, &job, "unprocessedRecords").await, "\"Name\",\"Ext__c\",\"Site\"\n");

    let order = json!({"object": "Account", "operation": "upsert", "externalIdFieldName": "Ext__c", "columnDelimiter": "TAB", "lineEnding": "CRLF"});
    let job = ingest(&story, order, "Ext__c\tName\tSite\r\nk1\t\t#N/A\r\nk3\tC\t\r\n").await;
    assert_eq!(job["numberRecordsFailed"], 0);
    assert!(
        results(&story, &job, "successfulResults").await.contains("\t\"false\"\t\"k1\"\t\"\"\t\"#N/A\"\r\n")
    );
    let first = &story.org.records("Account")[0];
    assert_eq!((&first["Name"], &first["Site"]), (&json!("A, B"), &Value::Null));

    let job = ingest(
        &story,
        json!({"object": "Contact", "operation": "insert"}),
        "LastName,Account.Ext__c\nDoe,k3\nRoe,none\n",
    )
    .await;
    assert_eq!(job["numberRecordsFailed"], 1);
    assert_eq!(story.org.records("Contact")[0]["AccountId"], story.org.records("Account")[1]["Id"]);

    let id = first["Id"].as_str().unwrap();
    let job =
        ingest(&story, json!({"object": "Account", "operation": "delete"}), &format!("Id\n{id}\nnope\n"))
            .await;
    assert_eq!(job["numberRecordsFailed"], 1);
    assert!(results(&story, &job, "failedResults").await.contains("MALFORMED_ID"));
    assert_eq!(story.org.count("Account"), 1);

    let left = story.org.records("Account")[0]["Id"].as_str().unwrap().to_owned();
    let order = json!({"object": "Account", "operation": "hardDelete"});
    ingest(&story, order, &format!("Id\n{left}\n")).await;
    let seen = story.get("queryAll?q=SELECT+Id+FROM+Account").await.json();
    assert_eq!(seen["totalSize"], 1, "only the one in the recycle bin");
}

#[tokio::test]
async fn data_that_cannot_be_read_fails_the_job() {
    let story = start(|_| ()).await;
    for (data, near) in [
        ("Name,Nope\nA,1\n", "Field name not found : Nope"),
        ("Name\r\nA\r\n", "LineEnding is invalid"),
        ("Name,Site\nA\n", "row 1 has 1 columns"),
    ] {
        let job = ingest(&story, json!({"object": "Account", "operation": "insert"}), data).await;
        assert_eq!(job["state"], "Failed", "{data:?}");
        assert!(job["errorMessage"].as_str().unwrap().contains(near), "{job}");
    }
    let job = ingest(&story, json!({"object": "Account", "operation": "insert"}), "").await;
    assert_eq!((&job["state"], &job["numberRecordsProcessed"]), (&json!("JobComplete"), &json!(0)));
    let job = ingest(&story, json!({"object": "Account", "operation": "insert"}), "\u{feff}Name\nA\n").await;
    assert_eq!(job["state"], "JobComplete");
    assert_eq!(story.org.count("Account"), 1);
}

#[tokio::test]
async fn jobs_go_only_where_they_may() {
    let story = start(|_| ()).await;
    for order in [
        json!({"object": "Nope", "operation": "insert"}),
        json!({"object": "Account", "operation": "wish"}),
        json!({"object": "Account", "operation": "upsert"}),
        json!({"object": "Account", "operation": "upsert", "externalIdFieldName": "Industry"}),
        json!({"object": "Account", "operation": "insert", "columnDelimiter": "COLON"}),
        json!({"operation": "insert"}),
    ] {
        assert_eq!(story.call("POST", "jobs/ingest", &order).await.status, 400, "{order}");
    }
    let job =
        story.call("POST", "jobs/ingest", json!({"object": "Account", "operation": "insert"})).await.json();
    let path = format!("jobs/ingest/{}", job["id"].as_str().unwrap());
    let json_data = story.typed("PUT", &format!("{path}/batches"), "application/json", b"{}".to_vec()).await;
    assert_eq!(json_data.status, 415);
    let aborted = story.call("PATCH", &path, json!({"state": "Aborted"})).await.json();
    assert_eq!(aborted["state"], "Aborted");
    let late = story.call("PATCH", &path, json!({"state": "UploadComplete"})).await;
    assert_eq!((late.status, late.code().as_str()), (400, "INVALIDJOBSTATE"));
    let late = story.typed("PUT", &format!("{path}/batches"), "text/csv", b"Name\nA\n".to_vec()).await;
    assert_eq!(late.status, 400);
    assert_eq!(story.call("DELETE", &path, "").await.status, 204);
    assert_eq!(story.get(&path).await.status, 404);
    assert_eq!(story.get("jobs/ingest").await.json()["done"], true);
}

#[tokio::test]
async fn query_results_come_in_pages_that_end_with_null() {
    let story = start(|_| ()).await;
    let data = "N0\nN1\nN2\nN3\nN4\n";
    ingest(&story, json!({"object": "Account", "operation": "insert"}), &format!("Name\n{data}")).await;
    let job = story
        .call(
            "POST",
            "jobs/query",
            json!({"operation": "query", "query": "SELECT name, owner.name FROM account ORDER BY Name"}),
        )
        .await
        .json();
    assert_eq!((&job["state"], &job["object"]), (&json!("UploadComplete"), &json!("Account")));
    let path = format!("jobs/query/{}", job["id"].as_str().unwrap());
    let short = path.get(..path.len() - 3).unwrap();
    assert_eq!(story.get(short).await.json()["state"], "JobComplete");
    let whole = story.get(&format!("{path}/results")).await;
    assert_eq!((whole.header("sforce-locator"), whole.header("sforce-numberofrecords")), ("null", "5"));
    let (mut locator, mut rows, mut pages) = (String::new(), Vec::new(), 0);
    while locator != "null" {
        let page = story.get(&format!("{path}/results?maxRecords=2&locator={locator}")).await;
        let mut lines = page.text().lines();
        assert_eq!(lines.next(), Some("\"Name\",\"Owner.Name\""));
        rows.extend(lines.map(str::to_owned));
        locator = page.header("sforce-locator").to_owned();
        pages += 1;
    }
    assert_eq!((rows.len(), pages, rows[4].as_str()), (5, 3, "\"N4\",\"Local Admin\""));
    assert_eq!(story.get(&format!("{path}/results?locator=wrong")).await.status, 400);
    assert_eq!(
        story.call("POST", "jobs/query", json!({"query": "SELECT COUNT(Id) FROM Account"})).await.status,
        400
    );
    assert_eq!(story.call("POST", "jobs/query", json!({"query": "SELECT"})).await.code(), "MALFORMED_QUERY");
}
