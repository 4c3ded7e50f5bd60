//! Isolated writes that an org's duplicate rules refuse: which records are alike is told of those that may be seen.

use policy::Environment;
use serde_json::json;
use testkit::upstream::{Received, Reply, Upstream};

use crate::isolated::{VERSION, isolating_at};

const SEEN: &str = "003000000000001AAA";
const HIDDEN: &str = "003000000000002AAA";

/// An org with two contacts, each like anybody who is made.
fn org(request: &Received) -> Reply {
    let path = request.target.split('?').next().unwrap_or_default();
    let row = |id: &str, subject: Option<&str>| json!({ "attributes": { "type": "Contact", "url": format!("{VERSION}/sobjects/Contact/{id}") }, "Id": id, "Eosin_Synthetic__c": false, "Eosin_Subject__c": subject, "Eosin_Mark__c": null });
    if path.contains("/services/Soap") {
        let like = |id: &str, name: &str| {
            format!("<matchRecords><record><Id>{id}</Id><LastName>{name}</LastName></record></matchRecords>")
        };
        let body = format!(
            r#"<?xml version="1.0"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns="urn:partner.soap.sforce.com"><soapenv:Body><createResponse><result><errors><duplicateResult><matchResults>{}{}</matchResults></duplicateResult><message>like others</message><statusCode>DUPLICATES_DETECTED</statusCode></errors><success>false</success></result></createResponse></soapenv:Body></soapenv:Envelope>"#,
            like(SEEN, "Seen"),
            like(HIDDEN, "Hidden")
        );
        let headers = vec![("Content-Type".to_owned(), "text/xml".to_owned())];
        return Reply::Whole { status: 200, headers, body: body.into_bytes() };
    }
    let answer = if path.ends_with("/sobjects") {
        json!({ "sobjects": [{ "name": "Contact", "keyPrefix": "003" }] })
    } else {
        let records = [row(SEEN, Some("synthetic")), row(HIDDEN, Some("attested"))];
        json!({ "totalSize": 2, "done": true, "records": records })
    };
    Reply::json(200, &answer.to_string())
}

#[test]
fn a_record_that_a_duplicate_rule_finds_is_told_if_it_may_be_seen() {
    let upstream = Upstream::start(org);
    let scene = isolating_at(&upstream.origin(), Environment::Sandbox);
    let call = r#"<?xml version="1.0"?><e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns:u="urn:partner.soap.sforce.com" xmlns:o="urn:sobject.partner.soap.sforce.com"><e:Header><u:SessionHeader><u:sessionId>tok</u:sessionId></u:SessionHeader></e:Header><e:Body><u:create><u:sObjects><o:type>Contact</o:type><o:LastName>Zzyzx-7</o:LastName></u:sObjects></u:create></e:Body></e:Envelope>"#;
    let headers = [("Content-Type", "text/xml"), ("SOAPAction", "\"\"")];
    let told = scene.ask("POST", "/services/Soap/u/67.0", &headers, call.as_bytes());
    assert!(told.text().contains("DUPLICATES_DETECTED") && told.text().contains(SEEN), "{}", told.text());
    assert!(!told.text().contains("Hidden") && !told.text().contains(HIDDEN), "{}", told.text());
}
