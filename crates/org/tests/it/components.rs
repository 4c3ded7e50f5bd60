//! Components of metadata one by one, and leads that become people.

use serde_json::json;

use crate::client::{Answer, Story, start};

async fn metadata(story: &Story, inner: &str) -> Answer {
    let envelope = format!(
        "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
         xmlns=\"http://soap.sforce.com/2006/04/metadata\"><e:Header><SessionHeader><sessionId>tok</sessionId></SessionHeader>\
         </e:Header><e:Body>{inner}</e:Body></e:Envelope>"
    );
    let headers = [("content-type", "text/xml"), ("soapaction", "\"\"")];
    story.raw("POST", "/services/Soap/m/45.0", &headers, envelope.into_bytes()).await
}

fn object(name: &str, label: &str) -> String {
    format!(
        "<metadata xsi:type=\"CustomObject\"><fullName>{name}</fullName><label>{label}</label><pluralLabel>{label}s</pluralLabel>\
         <description>a &lt; b</description><nameField><type>Text</type><label>Thing Name</label></nameField>\
         <deploymentStatus>Deployed</deploymentStatus><sharingModel>ReadWrite</sharingModel></metadata>"
    )
}

#[tokio::test]
async fn components_are_made_read_changed_renamed_and_deleted() {
    let story = start(|_| ()).await;
    let field = "<metadata xsi:type=\"CustomField\"><fullName>Thing__c.Size__c</fullName><label>Size</label><type>Text</type><length>20</length></metadata>";
    let read = "<readMetadata><type>CustomObject</type><fullNames>Thing__c</fullNames><fullNames>Nope__c</fullNames></readMetadata>";
    for (asked, holds) in [
        (
            format!("<createMetadata>{}</createMetadata>", object("Thing__c", "Thing")),
            "<fullName>Thing__c</fullName><success>true</success>",
        ),
        (
            format!("<createMetadata>{}</createMetadata>", object("Thing__c", "Thing")),
            "<statusCode>DUPLICATE_DEVELOPER_NAME</statusCode>",
        ),
        (
            format!("<createMetadata>{field}</createMetadata>"),
            "<fullName>Thing__c.Size__c</fullName><success>true</success>",
        ),
        (
            format!("<updateMetadata>{}</updateMetadata>", object("Nope__c", "Nope")),
            "<statusCode>INVALID_CROSS_REFERENCE_KEY</statusCode>",
        ),
        (
            format!("<upsertMetadata>{}</upsertMetadata>", object("Thing__c", "Item")),
            "<created>false</created><fullName>Thing__c</fullName><success>true",
        ),
        (
            read.to_owned(),
            "<fields><fullName>Size__c</fullName><label>Size</label><length>20</length><type>Text</type></fields><label>Item</label>",
        ),
        (read.to_owned(), "<description>a &lt; b</description>"),
        (read.to_owned(), "<records xsi:nil=\"true\"/>"),
        (
            "<listMetadata><queries><type>CustomField</type></queries></listMetadata>".to_owned(),
            "<fullName>Thing__c.Size__c</fullName>",
        ),
        (
            "<readMetadata><type>CustomField</type><fullNames>Lead.Status</fullNames></readMetadata>"
                .to_owned(),
            "<fullName>Closed - Converted</fullName><default>false</default><converted>true</converted>",
        ),
    ] {
        let answer = metadata(&story, &asked).await;
        assert!(answer.status == 200 && answer.text().contains(holds), "{asked}\n{answer:?}");
    }
    let row = story.call("POST", "sobjects/Thing__c", json!({"Name": "x", "Size__c": "big"})).await.json();
    let rename = "<renameMetadata><type>CustomObject</type><oldFullName>Thing__c</oldFullName><newFullName>Item__c</newFullName></renameMetadata>";
    assert!(metadata(&story, rename).await.text().contains("<success>true</success>"));
    let kept = story.query("SELECT Id, Size__c FROM Item__c").await;
    assert_eq!((&kept["records"][0]["Id"], &kept["records"][0]["Size__c"]), (&row["id"], &json!("big")));
    let delete = |kind: &str, name: &str| {
        format!("<deleteMetadata><type>{kind}</type><fullNames>{name}</fullNames></deleteMetadata>")
    };
    for (kind, name, success) in [
        ("CustomField", "Item__c.Size__c", true),
        ("CustomField", "Item__c.Size__c", false),
        ("CustomObject", "Account", false),
        ("CustomObject", "Item__c", true),
    ] {
        let answer = metadata(&story, &delete(kind, name)).await;
        assert!(answer.text().contains(&format!("<success>{success}</success>")), "{name}: {answer:?}");
    }
    assert_eq!(story.get("sobjects/Item__c/describe").await.status, 404);
}

#[tokio::test]
async fn a_lead_becomes_an_account_a_contact_and_an_opportunity_once() {
    let story = start(|_| ()).await;
    let lead = json!({"FirstName": "Jo", "LastName": "Doe", "Company": "House", "Email": "jo@example.org"});
    let lead = story.call("POST", "sobjects/Lead", lead).await.json()["id"].as_str().unwrap().to_owned();
    let convert = async |lead: &str| {
        let envelope = format!(
            "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns=\"urn:partner.soap.sforce.com\"><e:Header><SessionHeader>\
             <sessionId>tok</sessionId></SessionHeader></e:Header><e:Body><convertLead><leadConverts><leadId>{lead}</leadId>\
             <convertedStatus>Closed - Converted</convertedStatus></leadConverts></convertLead></e:Body></e:Envelope>"
        );
        let headers = [("content-type", "text/xml"), ("soapaction", "\"\"")];
        story.raw("POST", "/services/Soap/u/65.0", &headers, envelope.into_bytes()).await
    };
    assert!(convert(&lead).await.text().contains("<success>true</success>"));
    assert!(convert(&lead).await.text().contains("CANNOT_UPDATE_CONVERTED_LEAD"));
    let row = story.get(&format!("sobjects/Lead/{lead}")).await.json();
    let contact = &story.org.records("Contact")[0];
    assert_eq!((&row["ConvertedContactId"], &row["IsConverted"]), (&contact["Id"], &json!(true)));
    assert_eq!(
        (&contact["Email"], &contact["AccountId"]),
        (&json!("jo@example.org"), &story.org.records("Account")[0]["Id"])
    );
    assert_eq!(story.org.records("Opportunity")[0]["Name"], "House");
}
