//! What tests share in which isolated rows are named by a value: accounts with keys, contacts that point at them, and SOAP.

use serde_json::{Value, json};

use crate::{
    isolated::{LocalOrg, Marks, VERSION, ask, query},
    scene::{Answer, Scene},
};

/// Accounts that a sandbox shows, and hidden ones, by these keys; `Once__c` is there once.
pub(crate) fn org_with(marks: &Marks, seen: &[&str], hidden: &[&str]) -> LocalOrg {
    let org = LocalOrg::with(marks, &[], |_| false);
    org.add_key("Account", "Key__c");
    org.add_unique_key("Account", "Once__c");
    org.add_number_key("Account", "No__c");
    for (at, key) in seen.iter().enumerate() {
        org.create("Account", &json!({ "Name": "Ward", "Key__c": key, "Once__c": format!("s{key}{at}") }));
    }
    for (at, key) in hidden.iter().enumerate() {
        let row = json!({ "Name": "Unseen", "Key__c": key, "Once__c": format!("h{key}{at}"), "Eosin_Subject__c": "attested" });
        org.create("Account", &row);
    }
    org
}

pub(crate) fn contact(scene: &Scene, account: &Value) -> Answer {
    let row = json!({ "LastName": "Zyzzx-Probe", "Account": account });
    ask(scene, "POST", &format!("{VERSION}/sobjects/Contact"), &row.to_string())
}

pub(crate) fn call(scene: &Scene, call: &str) -> Answer {
    let call = format!(
        r#"<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns:u="urn:partner.soap.sforce.com" xmlns:i="http://www.w3.org/2001/XMLSchema-instance"><e:Header><u:SessionHeader><u:sessionId>tok</u:sessionId></u:SessionHeader></e:Header><e:Body>{call}</e:Body></e:Envelope>"#
    );
    scene.ask("POST", "/services/Soap/u/67.0", &[("Content-Type", "text/xml")], call.as_bytes())
}

pub(crate) fn told(answer: &Answer) -> (u16, String) {
    (answer.status, answer.text())
}

/// The accounts that contacts are linked to, by their keys.
pub(crate) fn linked(org: &LocalOrg) -> Vec<String> {
    let mut target = Some(query("SELECT Account.Key__c FROM Contact WHERE AccountId != null"));
    let mut keys = Vec::new();
    while let Some(page) = target {
        let page: Value = serde_json::from_slice(&org.direct("GET", &page, "").body).unwrap();
        let rows = page["records"].as_array().unwrap().iter();
        keys.extend(rows.map(|row| row["Account"]["Key__c"].as_str().unwrap_or_default().to_owned()));
        target = page["nextRecordsUrl"].as_str().map(str::to_owned);
    }
    keys.sort();
    keys
}
