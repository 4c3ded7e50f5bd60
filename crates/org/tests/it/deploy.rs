//! Packages arrive, over REST and over SOAP.

use std::io::{Cursor, Write};

use bytes::Bytes;
use data_encoding::BASE64;
use http::Request;
use http_body_util::Full;
use org::Effect;
use serde_json::{Value, json};

use crate::client::{Story, plain, start};

pub(crate) fn zip(files: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(content.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

pub(crate) async fn deploy(story: &Story, zip: &[u8], options: Value) -> Value {
    let mut body = b"--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"package.xml\"\r\nContent-Type: application/zip\r\n\r\n".to_vec();
    body.extend(zip);
    body.extend(b"\r\n--x\r\nContent-Disposition: form-data; name=\"entity_content\"\r\nContent-Type: application/json\r\n\r\n");
    body.extend(json!({"deployOptions": options}).to_string().into_bytes());
    body.extend(b"\r\n--x--\r\n");
    let made = story.typed("POST", "metadata/deployRequest", "multipart/form-data; boundary=x", body).await;
    assert_eq!(made.status, 201, "{made:?}");
    let id = made.json()["id"].as_str().unwrap().to_owned();
    story.get(&format!("metadata/deployRequest/{id}?includeDetails=true")).await.json()["deployResult"]
        .clone()
}

const PACKAGE: &str = "<Package><types><members>*</members><name>CustomObject</name></types></Package>";
const THING: &str = "<CustomObject><label>Thing</label><pluralLabel>Things</pluralLabel>\
    <nameField><label>No</label><type>AutoNumber</type><displayFormat>T-{0000}</displayFormat></nameField>\
    <fields><fullName>Key__c</fullName><label>Key</label><type>Text</type><length>40</length><externalId>true</externalId><unique>true</unique></fields>\
    </CustomObject>";
const CONTACT: &str = "<CustomObject>\
    <fields><fullName>Thing__c</fullName><label>Thing</label><type>Lookup</type><referenceTo>Thing__c</referenceTo><relationshipName>Owners</relationshipName></fields>\
    <fields><fullName>Flag__c</fullName><label>Flag</label><type>Checkbox</type><defaultValue>true</defaultValue></fields>\
    <listViews><fullName>Flagged</fullName><label>Flagged</label></listViews></CustomObject>";
const ACTIVITY: &str = "<CustomObject><fields><fullName>Flag__c</fullName><label>Flag</label><type>Checkbox</type></fields></CustomObject>";

#[tokio::test]
async fn deployed_fields_are_there_at_once() {
    let story = start(|_| ()).await;
    let files = [
        ("package.xml", PACKAGE),
        ("objects/Contact.object", CONTACT),
        ("objects/Thing__c.object", THING),
        ("objects/Activity.object", ACTIVITY),
        ("permissionsets/All.permissionset", "<PermissionSet><label>All</label></PermissionSet>"),
        ("classes/A.cls", "public class A {}"),
        ("classes/A.cls-meta.xml", "<ApexClass/>"),
        ("oddities/O.odd", "<Odd/>"),
    ];
    let result = deploy(&story, &zip(&files), json!({"singlePackage": true})).await;
    assert_eq!(
        (&result["status"], &result["success"], &result["numberComponentErrors"]),
        (&json!("Succeeded"), &json!(true), &json!(0))
    );
    let names: Vec<&str> = result["details"]["componentSuccesses"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["fullName"].as_str().unwrap())
        .collect();
    for name in [
        "Contact.Thing__c",
        "Contact.Flag__c",
        "Contact.Flagged",
        "Thing__c",
        "Thing__c.Key__c",
        "Activity.Flag__c",
        "All",
        "A",
        "O",
    ] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    let kept = story.org.deployed();
    assert_eq!(kept[&("PermissionSet".to_owned(), "All".to_owned())], Effect::Acted);
    assert_eq!(kept[&("CustomField".to_owned(), "Contact.Flag__c".to_owned())], Effect::Acted);
    story.call("POST", "sobjects/Thing__c", json!({"Key__c": "k"})).await;
    let made =
        story.call("POST", "sobjects/Contact", json!({"LastName": "L", "Thing__r": {"Key__c": "k"}})).await;
    assert_eq!(made.status, 201, "{made:?}");
    let row = story.query("SELECT Thing__r.Name, Flag__c FROM Contact").await;
    assert_eq!(
        (&row["records"][0]["Thing__r"]["Name"], &row["records"][0]["Flag__c"]),
        (&json!("T-0001"), &json!(true))
    );
    let children = story.query("SELECT Name, (SELECT LastName FROM Owners__r) FROM Thing__c").await;
    assert_eq!(children["records"][0]["Owners__r"]["totalSize"], 1);
    for object in ["Task", "Event"] {
        assert_eq!(story.get(&format!("query?q=SELECT+Flag__c+FROM+{object}")).await.status, 200);
    }
}

#[tokio::test]
async fn a_broken_file_takes_everything_back() {
    let story = start(|_| ()).await;
    let files = [
        ("package.xml", PACKAGE),
        ("objects/Thing__c.object", THING),
        ("permissionsets/All.permissionset", "<PermissionSet>\n<label>"),
    ];
    let result = deploy(&story, &zip(&files), json!({"rollbackOnError": true})).await;
    assert_eq!((&result["status"], &result["success"]), (&json!("Failed"), &json!(false)));
    let failure = &result["details"]["componentFailures"][0];
    assert_eq!(
        (&failure["fullName"], &failure["problemType"], &failure["lineNumber"]),
        (&json!("All"), &json!("Error"), &json!(2))
    );
    assert_eq!(story.get("sobjects/Thing__c/describe").await.status, 404);
    let partly = deploy(&story, &zip(&files), json!({"rollbackOnError": false})).await;
    assert_eq!(partly["status"], "SucceededPartial");
    assert_eq!(story.get("sobjects/Thing__c/describe").await.status, 200);
    let nothing = deploy(&story, b"not a zip", json!({})).await;
    assert_eq!(nothing["status"], "Failed");
}

#[tokio::test]
async fn a_check_changes_nothing() {
    let story = start(|_| ()).await;
    let files = [("pkg/package.xml", PACKAGE), ("pkg/objects/Thing__c.object", THING)];
    let result = deploy(&story, &zip(&files), json!({"checkOnly": true})).await;
    assert_eq!((&result["status"], &result["checkOnly"]), (&json!("Succeeded"), &json!(true)));
    assert_eq!(story.get("sobjects/Thing__c/describe").await.status, 404);
}

#[tokio::test]
async fn soap_deploys_too() {
    let story = start(|_| ()).await;
    let soap = |session: &str, body: String| {
        let envelope = format!(
            "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"><e:Header xmlns=\"http://soap.sforce.com/2006/04/metadata\">\
             <SessionHeader><sessionId>{session}</sessionId></SessionHeader></e:Header>\
             <e:Body xmlns=\"http://soap.sforce.com/2006/04/metadata\">{body}</e:Body></e:Envelope>"
        );
        let request = Request::post("/services/Soap/m/67.0")
            .header("content-type", "text/xml")
            .header("soapaction", "\"\"");
        request.body(Full::new(Bytes::from(envelope))).unwrap()
    };
    let files = [
        ("package.xml", PACKAGE),
        ("objects/Thing__c/Thing__c.object-meta.xml", "<CustomObject><label>T</label></CustomObject>"),
        (
            "objects/Thing__c/fields/F__c.field-meta.xml",
            "<CustomField><fullName>F__c</fullName><label>F</label><type>Date</type></CustomField>",
        ),
    ];
    let body = format!(
        "<deploy><ZipFile>{}</ZipFile><DeployOptions><rollbackOnError>true</rollbackOnError></DeployOptions></deploy>",
        BASE64.encode(&zip(&files))
    );
    let refused = plain(&story.org, soap("wrong", body.clone())).await;
    assert_eq!(refused.status, 500);
    assert!(refused.text().contains("INVALID_SESSION_ID"));
    let started = plain(&story.org, soap("tok", body)).await;
    let id = started.text().split("<id>").nth(1).unwrap().split('<').next().unwrap().to_owned();
    let status = format!(
        "<checkDeployStatus><asyncProcessId>{id}</asyncProcessId><includeDetails>true</includeDetails></checkDeployStatus>"
    );
    let done = plain(&story.org, soap("tok", status)).await;
    assert!(done.text().contains("<status>Succeeded</status>"), "{}", done.text());
    assert!(done.text().contains("<fullName>Thing__c.F__c</fullName>"), "{}", done.text());
    assert_eq!(story.get("query?q=SELECT+F__c+FROM+Thing__c").await.status, 200);
    let described = plain(
        &story.org,
        soap("tok", "<describeMetadata><asOfVersion>67.0</asOfVersion></describeMetadata>".into()),
    )
    .await;
    assert!(described.text().contains("<xmlName>CustomObject</xmlName>"));
}
