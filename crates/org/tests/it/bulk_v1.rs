//! Bulk API v1.

use org::CustomField;
use serde_json::{Value, json};

use crate::client::{Answer, Story, start};

const XML: &str = "application/xml; charset=UTF-8";
const ASYNC: &str = "/services/async/62.0";

/// Orders a job in XML; gives its id.
async fn job(story: &Story, members: &str) -> String {
    let made = raw(story, "POST", "/job", XML, &format!("<jobInfo xmlns=\"x\">{members}</jobInfo>")).await;
    assert_eq!((made.status, made.header("content-type")), (201, "application/xml"), "{made:?}");
    between(made.text(), "id")
}

async fn raw(story: &Story, method: &str, path: &str, kind: &str, body: &str) -> Answer {
    let headers = [("x-sfdc-session", "tok"), ("content-type", kind)];
    story.raw(method, &format!("{ASYNC}{path}"), &headers, body.as_bytes().to_vec()).await
}

fn between(text: &str, name: &str) -> String {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let found = text.split_once(&open).and_then(|(_, rest)| rest.split_once(&close));
    found.unwrap_or_else(|| panic!("no {name} in {text}")).0.to_owned()
}

/// Sends a batch; gives its id and its state afterwards.
async fn batch(story: &Story, job: &str, kind: &str, body: &str) -> (String, String) {
    let sent = raw(story, "POST", &format!("/job/{job}/batch"), kind, body).await;
    assert_eq!(sent.status, 201, "{sent:?}");
    let id = if sent.header("content-type") == "application/json" {
        assert_eq!(sent.json()["state"], "Queued");
        sent.json()["id"].as_str().unwrap().to_owned()
    } else {
        assert_eq!(between(sent.text(), "state"), "Queued");
        between(sent.text(), "id")
    };
    let seen = raw(story, "GET", &format!("/job/{job}/batch/{id}"), "", "").await;
    (id, seen.text().to_owned())
}

async fn result(story: &Story, job: &str, batch: &str) -> Answer {
    raw(story, "GET", &format!("/job/{job}/batch/{batch}/result"), "", "").await
}

#[tokio::test]
async fn a_table_of_records_is_written_row_by_row() {
    let story = start(|_| ()).await;
    story.org.add_custom_field("Account", &CustomField::external_id("Ext__c")).unwrap();
    let id =
        job(&story, "<operation>insert</operation><object>account</object><contentType>CSV</contentType>")
            .await;
    let (first, seen) = batch(&story, &id, "text/csv", "Name,Ext__c\n\"A, B\",k1\n,k2\n").await;
    assert_eq!(between(&seen, "state"), "Completed");
    assert_eq!(
        (between(&seen, "numberRecordsProcessed"), between(&seen, "numberRecordsFailed")),
        ("2".into(), "1".into())
    );
    let rows = result(&story, &id, &first).await;
    assert_eq!(rows.header("content-type"), "text/csv");
    let lines: Vec<&str> = rows.text().lines().collect();
    assert_eq!(lines[0], "\"Id\",\"Success\",\"Created\",\"Error\"");
    assert!(lines[1].starts_with("\"001") && lines[1].ends_with("\",\"true\",\"true\",\"\""), "{lines:?}");
    assert_eq!(
        lines[2],
        "\"\",\"false\",\"false\",\"REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --\""
    );
    let request = raw(&story, "GET", &format!("/job/{id}/batch/{first}/request"), "", "").await;
    assert_eq!(request.text(), "Name,Ext__c\n\"A, B\",k1\n,k2\n");
    let (_, seen) = batch(&story, &id, "text/csv", "Name,Nope\nA,1\n").await;
    assert_eq!(between(&seen, "state"), "Failed");
    assert_eq!(between(&seen, "stateMessage"), "InvalidBatch : Field name not found : Nope");
    let closed =
        raw(&story, "POST", &format!("/job/{id}"), XML, "<jobInfo><state>Closed</state></jobInfo>").await;
    let text = closed.text();
    assert_eq!((between(text, "state"), between(text, "numberBatchesFailed")), ("Closed".into(), "1".into()));
    assert_eq!((between(text, "object"), between(text, "apiVersion")), ("Account".into(), "62.0".into()));
    let list = raw(&story, "GET", &format!("/job/{id}/batch"), "", "").await;
    assert_eq!(list.text().matches("<batchInfo>").count(), 2);

    let id = job(
        &story,
        "<operation>upsert</operation><object>Account</object><externalIdFieldName>ext__c</externalIdFieldName><contentType>CSV</contentType>",
    )
    .await;
    let (first, _) = batch(&story, &id, "text/csv", "Ext__c,Site\nk1,S\n").await;
    assert!(result(&story, &id, &first).await.text().ends_with("\",\"true\",\"false\",\"\"\n"));
    assert_eq!(story.org.records("Account")[0]["Site"], "S");
}

#[tokio::test]
async fn records_come_as_xml_and_json_too() {
    let story = start(|_| ()).await;
    story.org.add_custom_field("Account", &CustomField::external_id("Ext__c")).unwrap();
    story.call("POST", "sobjects/Account", json!({"Name": "A", "Ext__c": "k"})).await;
    let id = job(&story, "<operation>insert</operation><object>Contact</object>").await;
    let body = "<sObjects xmlns=\"x\" xmlns:xsi=\"y\"><sObject><LastName>Doe &amp; Co</LastName><Account><sObject>\
                <Ext__c>k</Ext__c></sObject></Account><Email xsi:nil=\"true\"/></sObject><sObject><Title>T</Title></sObject></sObjects>";
    let (first, _) = batch(&story, &id, "application/xml", body).await;
    let rows = result(&story, &id, &first).await;
    assert!(
        rows.text().contains(
            "<success>true</success><created>true</created></result><result><errors><fields>LastName</fields>"
        ),
        "{rows:?}"
    );
    let row = &story.org.records("Contact")[0];
    assert_eq!(
        (&row["LastName"], &row["AccountId"]),
        (&json!("Doe & Co"), &story.org.records("Account")[0]["Id"])
    );

    // As simple-salesforce orders it: JSON throughout, the mode as a number.
    let order =
        json!({"operation": "hardDelete", "object": "Contact", "concurrencyMode": 1, "contentType": "JSON"});
    let made = raw(&story, "POST", "/job", "application/json", &order.to_string()).await.json();
    assert_eq!((&made["concurrencyMode"], &made["apiVersion"]), (&json!("Serial"), &json!(62.0)));
    let id = made["id"].as_str().unwrap();
    let (first, _) =
        batch(&story, id, "application/json", &json!([{"Id": row["Id"]}, {"Id": "nope"}]).to_string()).await;
    let rows = result(&story, id, &first).await.json();
    assert_eq!(
        (&rows[0]["success"], &rows[1]["errors"][0]["statusCode"]),
        (&json!(true), &json!("MALFORMED_ID"))
    );
    let gone = story
        .get(&format!("queryAll?q=SELECT+Id+FROM+Contact+WHERE+Id='{}'", row["Id"].as_str().unwrap()))
        .await;
    assert_eq!(gone.json()["totalSize"], 0);
}

#[tokio::test]
async fn queries_give_result_ids_and_then_rows() {
    let story = start(|_| ()).await;
    for name in ["A", "B", "C"] {
        story.call("POST", "sobjects/Account", json!({"Name": name})).await;
    }
    let soql = "SELECT Id, Name, Owner.Name FROM Account ORDER BY Name";
    for (kind, content, near) in [
        ("CSV", "text/csv", "\"Id\",\"Name\",\"Owner.Name\"\n\"001"),
        ("JSON", "application/json", "\"Owner\":{\"attributes\":{\"type\":\"User\""),
        ("XML", "application/xml", "<records xsi:type=\"sObject\"><type>Account</type><Id>001"),
    ] {
        let id = job(
            &story,
            &format!("<operation>query</operation><object>Account</object><contentType>{kind}</contentType>"),
        )
        .await;
        let (first, _) = batch(&story, &id, content, soql).await;
        let list = result(&story, &id, &first).await;
        let found = if kind == "JSON" {
            list.json()[0].as_str().unwrap().to_owned()
        } else {
            between(list.text(), "result")
        };
        let rows = raw(&story, "GET", &format!("/job/{id}/batch/{first}/result/{found}"), "", "").await;
        assert_eq!(rows.header("content-type"), content);
        assert!(rows.text().contains(near), "{kind}: {rows:?}");
    }
    let id =
        job(&story, "<operation>query</operation><object>Account</object><contentType>CSV</contentType>")
            .await;
    let (none, _) = batch(&story, &id, "text/csv", "SELECT Id FROM Account WHERE Name = 'Z'").await;
    let found = between(result(&story, &id, &none).await.text(), "result");
    let rows = raw(&story, "GET", &format!("/job/{id}/batch/{none}/result/{found}"), "", "").await;
    assert_eq!(rows.text(), "Records not found for this query");
    for (soql, near) in [
        ("SELECT Nope FROM Account", "INVALID_FIELD"),
        ("SELECT COUNT(Id) FROM Account", "FUNCTIONALITY_NOT_ENABLED"),
        ("SELECT Id FROM Contact", "INVALID_TYPE"),
    ] {
        let (_, seen) = batch(&story, &id, "text/csv", soql).await;
        assert!(between(&seen, "stateMessage").contains(near), "{seen}");
    }
}

#[tokio::test]
async fn chunks_by_primary_key_leave_the_first_batch_alone() {
    let story = start(|_| ()).await;
    for name in ["A", "B", "C"] {
        story.call("POST", "sobjects/Account", json!({"Name": name})).await;
    }
    let headers = [
        ("x-sfdc-session", "tok"),
        ("content-type", XML),
        ("sforce-enable-pkchunking", "chunkSize=2; startRow=x"),
    ];
    let order = "<jobInfo><operation>query</operation><object>Account</object><contentType>CSV</contentType></jobInfo>";
    let made = story.raw("POST", &format!("{ASYNC}/job"), &headers, order.into()).await;
    let id = between(made.text(), "id");
    let (_, seen) = batch(&story, &id, "text/csv", "SELECT Name FROM Account").await;
    assert_eq!(between(&seen, "state"), "NotProcessed");
    let list = raw(&story, "GET", &format!("/job/{id}/batch"), "", "").await;
    let counts: Vec<&str> = list
        .text()
        .split("<numberRecordsProcessed>")
        .skip(1)
        .filter_map(|part| part.split('<').next())
        .collect();
    assert_eq!(counts, ["0", "2", "1"]);
}

#[tokio::test]
async fn refusals_are_in_bulks_own_words() {
    let story = start(|_| ()).await;
    let no_session =
        story.raw("GET", &format!("{ASYNC}/job/x"), &[("x-sfdc-session", "wrong")], Vec::new()).await;
    assert_eq!(
        (no_session.status, between(no_session.text(), "exceptionCode").as_str()),
        (400, "InvalidSessionId")
    );
    for (order, code) in [
        (json!({"object": "Nope", "operation": "insert"}), "InvalidJob"),
        (json!({"object": "Account", "operation": "wish"}), "InvalidJob"),
        (json!({"object": "Account", "operation": "upsert"}), "InvalidJob"),
        (json!({"object": "Account", "operation": "insert", "contentType": "ZIP_CSV"}), "FeatureNotEnabled"),
        (json!({"object": "Account", "operation": "insert", "contentType": "YAML"}), "InvalidJob"),
        (json!("text"), "InvalidJob"),
    ] {
        let refused = raw(&story, "POST", "/job", "application/json", &order.to_string()).await;
        assert_eq!((refused.status, refused.json()["exceptionCode"].as_str()), (400, Some(code)), "{order}");
    }
    let id =
        job(&story, "<operation>insert</operation><object>Account</object><contentType>CSV</contentType>")
            .await;
    for (method, path, kind, body, code) in [
        ("POST", "/job".to_owned(), XML, "<jobInfo>", "InvalidXML"),
        ("POST", "/job".to_owned(), XML, "<other/>", "InvalidXML"),
        ("GET", "/job/750000000000009".to_owned(), "", "", "InvalidJob"),
        ("GET", format!("/job/{id}/batch/751000000000009"), "", "", "InvalidBatch"),
        ("POST", format!("/job/{id}/batch"), "zip/csv", "x", "FeatureNotEnabled"),
        ("POST", format!("/job/{id}/batch"), "application/xml", "<a/>", "InvalidBatch"),
        ("POST", format!("/job/{id}/batch"), "text/csv", "", "InvalidBatch"),
        ("POST", format!("/job/{id}"), XML, "<jobInfo><state>Merry</state></jobInfo>", "InvalidJobState"),
        ("GET", "/jobs".to_owned(), "", "", "InvalidOperation"),
    ] {
        let refused = raw(&story, method, &path, kind, body).await;
        assert_eq!(
            (refused.status, between(refused.text(), "exceptionCode").as_str()),
            (400, code),
            "{path} {body}"
        );
    }
    for (body, near) in [("Name\n\"A\n", ""), ("Name\nA,B\n", "columns"), ("\n", "empty")] {
        let (batch, seen) = batch(&story, &id, "text/csv", body).await;
        if !near.is_empty() {
            assert!(between(&seen, "stateMessage").contains(near), "{seen}");
            assert_eq!(between(result(&story, &id, &batch).await.text(), "exceptionCode"), "InvalidBatch");
        }
    }
    raw(&story, "POST", &format!("/job/{id}"), XML, "<jobInfo><state>Aborted</state></jobInfo>").await;
    let late = raw(&story, "POST", &format!("/job/{id}/batch"), "text/csv", "Name\nA\n").await;
    assert_eq!(between(late.text(), "exceptionCode"), "InvalidJobState");
    assert_eq!(Value::from(story.org.count("Account")), json!(1));
}
