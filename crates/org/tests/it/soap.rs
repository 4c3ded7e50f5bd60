//! SOAP, partner and enterprise.

use org::CustomField;
use serde_json::json;

use crate::client::{Answer, Story, start};

/// Sends one operation with the session and these other headers.
async fn call(story: &Story, door: &str, header: &str, body: &str) -> Answer {
    let text = format!(
        "<?xml version=\"1.0\"?><e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
         xmlns:u=\"urn:x\"><e:Header><u:SessionHeader><u:sessionId>tok</u:sessionId></u:SessionHeader>{header}</e:Header><e:Body>{body}</e:Body></e:Envelope>"
    );
    let headers = [("content-type", "text/xml; charset=UTF-8"), ("soapaction", "\"\"")];
    story
        .raw("POST", &format!("/services/Soap/{door}/62.0/00D000000000001"), &headers, text.into_bytes())
        .await
}

async fn ask(story: &Story, body: &str) -> String {
    let answer = call(story, "u", "", body).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "text/xml;charset=UTF-8"), "{answer:?}");
    answer.text().to_owned()
}

fn between(text: &str, name: &str) -> String {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let found = text.split_once(&open).and_then(|(_, rest)| rest.split_once(&close));
    found.unwrap_or_else(|| panic!("no {name} in {text}")).0.to_owned()
}

#[tokio::test]
async fn records_live_and_die_through_the_partner_door() {
    let story = start(|_| ()).await;
    story.org.add_custom_field("Account", &CustomField::external_id("Ext__c")).unwrap();
    let made = ask(
        &story,
        "<create><sObjects><type>Account</type><Name>A &amp; B</Name><Ext__c>k</Ext__c></sObjects><sObjects><type>Contact</type><Title>T</Title></sObjects></create>",
    )
    .await;
    let id = between(&made, "id");
    assert!(made.contains("</id><success>true</success></result><result><errors><fields>LastName</fields><message>Required fields are missing: [LastName]</message><statusCode>REQUIRED_FIELD_MISSING</statusCode></errors><id xsi:nil=\"true\"/><success>false</success>"), "{made}");
    assert!(made.contains("<LimitInfoHeader><limitInfo><current>1</current>"));
    let upserted = ask(
        &story,
        "<upsert><externalIDFieldName>Ext__c</externalIDFieldName><sObjects><type>Account</type><Ext__c>k</Ext__c><Site>S</Site></sObjects></upsert>",
    )
    .await;
    assert_eq!((between(&upserted, "created"), between(&upserted, "id")), ("false".into(), id.clone()));
    let linked = ask(
        &story,
        "<create><sObjects><type>Contact</type><LastName>Doe</LastName><Account><type>Account</type><Ext__c>k</Ext__c></Account></sObjects></create>",
    )
    .await;
    let contact = between(&linked, "id");
    ask(&story, &format!("<update><sObjects><type>Account</type><Id>{id}</Id><fieldsToNull>Site</fieldsToNull></sObjects></update>")).await;
    let found = ask(
        &story,
        "<query><queryString>SELECT Id, Site, Name, (SELECT LastName, Account.Name FROM Contacts) FROM Account</queryString></query>",
    )
    .await;
    assert!(
        found.contains(&format!(
            "<done>true</done><queryLocator xsi:nil=\"true\"/><records xsi:type=\"sf:sObject\"><sf:type>Account</sf:type><sf:Id>{id}</sf:Id><sf:Id>{id}</sf:Id>\
             <sf:Site xsi:nil=\"true\"/><sf:Name>A &amp; B</sf:Name><sf:Contacts xsi:type=\"QueryResult\">"
        )),
        "{found}"
    );
    assert!(found.contains("<sf:Account xsi:type=\"sf:sObject\"><sf:type>Account</sf:type><sf:Id xsi:nil=\"true\"/><sf:Name>A &amp; B</sf:Name>"));
    let got = ask(&story, &format!("<retrieve><fieldList>Name</fieldList><sObjectType>Account</sObjectType><ids>{id}</ids><ids>001000000000009</ids></retrieve>")).await;
    assert!(got.contains("<sf:Name>A &amp; B</sf:Name></result><result xsi:nil=\"true\"/>"), "{got}");
    let gone = ask(&story, &format!("<delete><ids>{contact}</ids><ids>nope</ids></delete>")).await;
    assert!(gone.contains("<statusCode>MALFORMED_ID</statusCode>"), "{gone}");
    assert_eq!(story.org.count("Contact"), 0);
    ask(&story, &format!("<undelete><ids>{contact}</ids></undelete>")).await;
    assert_eq!(story.org.count("Contact"), 1);
    let not_there = ask(&story, &format!("<emptyRecycleBin><ids>{contact}</ids></emptyRecycleBin>")).await;
    assert!(not_there.contains("<success>false</success>"));
}

#[tokio::test]
async fn headers_are_honoured() {
    let story = start(|_| ()).await;
    let both = "<create><sObjects><type>Account</type><Name>A</Name></sObjects><sObjects><type>Account</type></sObjects></create>";
    let all = "<u:AllOrNoneHeader><u:allOrNone>true</u:allOrNone></u:AllOrNoneHeader><u:AssignmentRuleHeader><u:useDefaultRule>true</u:useDefaultRule></u:AssignmentRuleHeader>";
    let refused = call(&story, "u", all, both).await;
    assert!(refused.text().contains("ALL_OR_NONE_OPERATION_ROLLED_BACK"), "{refused:?}");
    assert_eq!(story.org.count("Account"), 0);
    for name in ["A", "B", "C"] {
        ask(
            &story,
            &format!("<create><sObjects><type>Account</type><Name>{name}</Name></sObjects></create>"),
        )
        .await;
    }
    let options = "<u:QueryOptions><u:batchSize>2</u:batchSize></u:QueryOptions>";
    let first =
        call(&story, "u", options, "<query><queryString>SELECT Name FROM Account</queryString></query>")
            .await;
    assert!(first.text().contains("<done>false</done>") && first.text().contains("<size>3</size>"));
    let locator = between(first.text(), "queryLocator");
    let second = ask(&story, &format!("<queryMore><queryLocator>{locator}</queryLocator></queryMore>")).await;
    assert!(second.contains("<done>true</done>") && second.contains("<sf:Name>C</sf:Name>"), "{second}");
}

#[tokio::test]
async fn the_enterprise_door_types_its_records() {
    let story = start(|_| ()).await;
    let body = "<create><sObjects xsi:type=\"u:Contact\"><LastName>Doe</LastName></sObjects></create>";
    assert!(call(&story, "c", "", body).await.text().contains("xmlns=\"urn:enterprise.soap.sforce.com\""));
    let found = call(
        &story,
        "c",
        "",
        "<query><queryString>SELECT LastName, Email FROM Contact</queryString></query>",
    )
    .await;
    let expected = "<records xsi:type=\"sf:Contact\"><sf:LastName>Doe</sf:LastName></records><size>1</size>";
    assert!(found.text().contains(expected), "{found:?}");
}

#[tokio::test]
async fn losers_of_a_merge_leave_their_children_to_the_master() {
    let story = start(|_| ()).await;
    let mut ids = Vec::new();
    for name in ["Master", "Loser"] {
        ids.push(
            story.call("POST", "sobjects/Account", json!({"Name": name})).await.json()["id"]
                .as_str()
                .unwrap()
                .to_owned(),
        );
    }
    story.call("POST", "sobjects/Contact", json!({"LastName": "Doe", "AccountId": ids[1]})).await;
    let body = format!(
        "<merge><request><masterRecord><type>Account</type><Id>{}</Id><Site>S</Site></masterRecord><recordToMergeIds>{}</recordToMergeIds></request></merge>",
        ids[0], ids[1]
    );
    let merged = ask(&story, &body).await;
    assert_eq!(
        (between(&merged, "mergedRecordIds"), between(&merged, "success")),
        (ids[1].clone(), "true".into())
    );
    assert_eq!(story.org.records("Contact")[0]["AccountId"], ids[0].as_str());
    assert_eq!((story.org.count("Account"), &story.org.records("Account")[0]["Site"]), (1, &json!("S")));
}

#[tokio::test]
async fn the_rest_of_the_calls_answer() {
    let story = start(|_| ()).await;
    let id = story.call("POST", "sobjects/Account", json!({"Name": "Searched"})).await.json()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let days = "<startDate>2020-01-01T00:00:00Z</startDate><endDate>2100-01-01T00:00:00Z</endDate>";
    for (body, near) in [
        ("<describeSObject><sObjectType>Contact</sObjectType></describeSObject>".to_owned(), "<keyPrefix>003</keyPrefix>"),
        ("<describeSObjects><sObjectType>Contact</sObjectType><sObjectType>Lead</sObjectType></describeSObjects>".to_owned(), "<keyPrefix>00Q</keyPrefix>"),
        ("<describeGlobal/>".to_owned(), "<maxBatchSize>200</maxBatchSize><sobjects><activateable>"),
        ("<getUserInfo/>".to_owned(), "<userName>admin@org.example</userName>"),
        ("<getServerTimestamp/>".to_owned(), "<timestamp>2"),
        (format!("<getUpdated><sObjectType>Account</sObjectType>{days}</getUpdated>"), &id),
        (format!("<getDeleted><sObjectType>Account</sObjectType>{days}</getDeleted>"), "<latestDateCovered>2100-01-01T00:00:00.000Z<"),
        ("<search><searchString>FIND {Searched} RETURNING Account(Name)</searchString></search>".to_owned(), "<sf:Name>Searched</sf:Name></record>"),
    ] {
        let answer = ask(&story, &body).await;
        assert!(answer.contains(near), "{body}: {answer}");
    }
}

#[tokio::test]
async fn faults_say_what_the_platform_says() {
    let story = start(|_| ()).await;
    for (body, code, kind) in [
        (
            "<query><queryString>SELECT FROM</queryString></query>",
            "sf:MALFORMED_QUERY",
            "sf:MalformedQueryFault",
        ),
        (
            "<query><queryString>SELECT Nope FROM Account</queryString></query>",
            "sf:INVALID_FIELD",
            "sf:InvalidFieldFault",
        ),
        (
            "<query><queryString>SELECT Id FROM Nope</queryString></query>",
            "sf:INVALID_TYPE",
            "sf:InvalidSObjectFault",
        ),
        (
            "<queryMore><queryLocator>x</queryLocator></queryMore>",
            "sf:INVALID_QUERY_LOCATOR",
            "sf:InvalidQueryLocatorFault",
        ),
        (
            "<create><sObjects><type>Nope</type></sObjects></create>",
            "sf:INVALID_TYPE",
            "sf:InvalidSObjectFault",
        ),
        (
            "<create><sObjects><type>Account</type><Nope>x</Nope></sObjects></create>",
            "sf:INVALID_FIELD",
            "sf:InvalidFieldFault",
        ),
        ("<wish/>", "soapenv:Client", ""),
    ] {
        let fault = call(&story, "u", "", body).await;
        assert_eq!((fault.status, between(fault.text(), "faultcode").as_str()), (500, code), "{fault:?}");
        assert!(fault.text().contains(kind));
    }
    let row = call(&story, "u", "", "<query><queryString>SELECT FROM</queryString></query>").await;
    assert_eq!(between(row.text(), "sf:row"), "1");
    for (path, text, code) in [
        ("/services/Soap/u/62.0", "<e><Body><query/></Body></e>", "sf:INVALID_SESSION_ID"),
        (
            "/services/Soap/u/62.0",
            "<e><Body><login><username>x</username></login></Body></e>",
            "sf:INVALID_LOGIN",
        ),
        ("/services/Soap/u/62.0", "not xml", "soapenv:Client"),
        (
            "/services/Soap/u/62.0",
            "<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>",
            "soapenv:Client",
        ),
    ] {
        let fault = story.raw("POST", path, &[("content-type", "text/xml")], text.into()).await;
        assert_eq!((fault.status, between(fault.text(), "faultcode").as_str()), (500, code), "{fault:?}");
    }
    ask(&story, "<logout/>").await;
    assert_eq!(call(&story, "u", "", "<getUserInfo/>").await.status, 500);
}
