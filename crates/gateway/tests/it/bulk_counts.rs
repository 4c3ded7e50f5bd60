//! How many rows the results of a bulk query have: what is said of them is true of what is shown.

use flow::Protocol;
use serde_json::{Value, json};

use crate::{
    deliveries::{certifying, isolating, place, unchunked},
    fhir_isolated::value,
    isolated::{Kind, LocalOrg, Marks, VERSION, ask},
    scene::Answer,
};

/// Two people who are shown, and one whose labels somebody cleared and whose mark is left.
fn org() -> LocalOrg {
    let marks = Marks::new();
    let org = LocalOrg::with(&marks, &[Kind::Attested, Kind::Unproven], |_| false);
    let mut row: Value = serde_json::from_str(&marks.row(Kind::Synthetic, 1)).unwrap();
    let members = row.as_object_mut().unwrap();
    members.remove("Eosin_Dataset__r");
    (members["Eosin_Synthetic__c"], members["Eosin_Subject__c"]) = (json!(false), Value::Null);
    org.create("Contact", &row);
    org
}

const ASKED: &str = "SELECT Id, LastName, Eosin_Mark__c FROM Contact";

#[test]
fn who_is_not_told_learns_no_number_of_withheld_rows() {
    let org = org();
    for tells in [false, true] {
        let scene = certifying(isolating(&org.origin(), Protocol::Salesforce, tells));
        let asked = json!({ "operation": "query", "query": ASKED }).to_string();
        let job = value(&ask(&scene, "POST", &format!("{VERSION}/jobs/query"), &asked));
        let job = format!("{VERSION}/jobs/query/{}", job["id"].as_str().unwrap());
        while value(&ask(&scene, "GET", &job, ""))["state"] != "JobComplete" {}
        let results = ask(&scene, "GET", &format!("{job}/results"), "");
        let (file, is_whole) = unchunked(&results);
        assert!(is_whole);
        assert_eq!(String::from_utf8(file).unwrap().lines().count(), 3, "a header and two rows");
        assert_eq!(results.header("sforce-numberofrecords"), Some("2"), "{}", results.head);
        let manifest = value(&scene.ask("GET", &place(&results, "manifest"), &[], b""));
        assert_eq!(manifest["records"], 2, "{manifest}");
        let head = ask(&scene, "HEAD", &format!("{job}/results"), "");
        assert_eq!(head.header("sforce-numberofrecords"), None, "{}", head.head);
    }
}

#[test]
fn a_page_is_called_one_in_its_certificate() {
    let org = org();
    let scene = certifying(isolating(&org.origin(), Protocol::Salesforce, false));
    let asked = json!({ "operation": "query", "query": ASKED }).to_string();
    let job = value(&ask(&scene, "POST", &format!("{VERSION}/jobs/query"), &asked));
    let job = job["id"].as_str().unwrap();
    let results =
        |page: &str| ask(&scene, "GET", &format!("{VERSION}/jobs/query/{job}/results?maxRecords={page}"), "");
    let named =
        |answer: &Answer| value(&scene.ask("GET", &place(answer, "manifest"), &[], b""))["file"].clone();
    assert_eq!(named(&results("9")), format!("{job}.csv"));
    let first = results("1");
    assert_eq!(named(&first), format!("{job}-first-page.csv"));
    let locator = first.header("sforce-locator").unwrap().to_owned();
    let next = results(&format!("2&locator={locator}"));
    assert_eq!(named(&next), format!("{job}-page-from-{locator}.csv"));
}
