//! Isolated writes and reads by values that several rows may have: those that are hidden make no difference.

use policy::Environment;
use serde_json::{Value, json};
use testkit::upstream::{Reply, Upstream};

use crate::{
    isolated::{LocalOrg, Marks, VERSION, ask, isolating, isolating_at, query},
    isolated_values::{call, contact, linked, org_with, told},
    scene::Answer,
};

#[test]
fn a_reference_that_misstates_its_type_leads_nowhere() {
    let marks = Marks::new();
    let org = org_with(&marks, &["seen"], &["unseen"]);
    let scene = isolating(&org, Environment::Sandbox);
    for kind in ["Contact", "Nothing__c", "sObject"] {
        let one = |key: &str| contact(&scene, &json!({ "attributes": { "type": kind }, "Key__c": key }));
        let soap = |key: &str| {
            call(
                &scene,
                &format!(
                    "<u:create><u:sObjects><u:type>Contact</u:type><u:LastName>Zyzzx-Probe</u:LastName><u:Account><u:type>{kind}</u:type><u:Key__c>{key}</u:Key__c></u:Account></u:sObjects></u:create>"
                ),
            )
        };
        for way in [&one as &dyn Fn(&str) -> Answer, &soap] {
            let hidden = way("unseen");
            assert!(hidden.text().contains("EOSIN_READ_CLOSED"), "{kind} {}", hidden.text());
            assert_eq!(told(&hidden), told(&way("nobody")), "{kind}");
        }
    }
    // A row that does not say what it is, or says two things.
    let rows = [
        r"<u:sObjects><u:LastName>x</u:LastName><u:Account><u:Key__c>unseen</u:Key__c></u:Account></u:sObjects>",
        r#"<u:sObjects i:type="u:Contact"><u:type>Nothing__c</u:type><u:LastName>x</u:LastName><u:Account><u:Key__c>unseen</u:Key__c></u:Account></u:sObjects>"#,
    ];
    for row in rows {
        call(&scene, &format!("<u:create>{row}</u:create>"));
    }
    assert_eq!(linked(&org), Vec::<String>::new());
}

#[test]
fn the_row_that_others_are_merged_into_is_read_too() {
    let marks = Marks::new();
    let org = org_with(&marks, &["seen"], &["unseen"]);
    let scene = isolating(&org, Environment::Sandbox);
    let people: Vec<String> =
        (0..4).map(|at| org.create("Contact", &json!({ "LastName": format!("Zyzzx-{at}") }))).collect();
    let merge = |at: usize, key: &str| {
        call(
            &scene,
            &format!(
                "<u:merge><u:request><u:masterRecord><u:type>Contact</u:type><u:Id>{}</u:Id><u:Account><u:type>Account</u:type><u:Key__c>{key}</u:Key__c></u:Account></u:masterRecord><u:recordToMergeIds>{}</u:recordToMergeIds></u:request></u:merge>",
                people[at],
                people[at + 1],
            ),
        )
    };
    assert!(merge(0, "unseen").text().contains("EOSIN_READ_CLOSED"));
    assert_eq!(linked(&org), Vec::<String>::new());
    assert!(merge(2, "seen").text().contains("<success>true"));
    assert_eq!(linked(&org), ["seen"]);
}

#[test]
fn a_value_that_hidden_rows_have_too_leads_to_the_row_that_is_seen() {
    let marks = Marks::new();
    let org = org_with(&marks, &["both", "alone", "twice", "twice"], &["both", "unseen"]);
    let scene = isolating(&org, Environment::Sandbox);
    for key in ["both", "alone"] {
        let answer = contact(&scene, &json!({ "Key__c": key }));
        assert_eq!(answer.status, 201, "{key} {}", answer.text());
        let soap = call(
            &scene,
            &format!(
                "<u:create><u:sObjects><u:type>Contact</u:type><u:LastName>Zyzzx-Probe</u:LastName><o:Account xmlns:o='urn:sobject.partner.soap.sforce.com'><o:type>Account</o:type><o:Key__c>{key}</o:Key__c></o:Account></u:sObjects></u:create>"
            ),
        );
        assert!(soap.text().contains("<success>true"), "{key} {}", soap.text());
    }
    assert_eq!(linked(&org), ["alone", "alone", "both", "both"]);
    let seen = org.direct("GET", &query("SELECT AccountId FROM Contact WHERE Account.Name = 'Unseen'"), "");
    assert!(seen.text().contains("\"totalSize\":0"), "{}", seen.text());
    let closed = contact(&scene, &json!({ "Key__c": "unseen" }));
    for key in ["twice", "nobody"] {
        assert_eq!(told(&contact(&scene, &json!({ "Key__c": key }))), told(&closed), "{key}");
    }
    // Beside the id itself an org would take neither, and which of the two counts nobody here knows.
    let both = json!({ "LastName": "x", "AccountId": null, "Account": { "Key__c": "alone" } });
    let both = ask(&scene, "POST", &format!("{VERSION}/sobjects/Contact"), &both.to_string());
    assert_eq!(told(&both), told(&closed));
}

#[test]
fn what_the_same_request_makes_may_be_meant_where_a_value_is_there_once() {
    let marks = Marks::new();
    let org = org_with(&marks, &[], &["unseen"]);
    let scene = isolating(&org, Environment::Sandbox);
    let both = |field: &str, key: &str| {
        let part = |at: &str, object: &str, body: Value| json!({ "method": "POST", "url": format!("{VERSION}/sobjects/{object}"), "referenceId": at, "body": body });
        let parts = [
            part("a", "Account", json!({ "Name": "New", field: key })),
            part("b", "Contact", json!({ "LastName": "Zyzzx-Probe", "Account": { field: key } })),
        ];
        let body = json!({ "compositeRequest": parts }).to_string();
        ask(&scene, "POST", &format!("{VERSION}/composite"), &body)
    };
    let made = both("Once__c", "new");
    assert_eq!(made.text().matches("\"success\":true").count(), 2, "{}", made.text());
    assert!(both("Once__c", "hunseen0").text().contains("EOSIN_READ_CLOSED"));
    // Of a value that others may have, too, the org would say that there are several.
    let closed = both("Key__c", "unseen");
    assert!(closed.text().contains("EOSIN_READ_CLOSED"), "{}", closed.text());
    assert_eq!(told(&both("Key__c", "new")), told(&closed));
}

/// A hidden contact whose mark alone says what it is.
fn org_with_bare_row(marks: &Marks) -> (LocalOrg, String) {
    let org = org_with(marks, &[], &[]);
    org.add_key("Contact", "Key__c");
    let mut row: Value = serde_json::from_str(&marks.row(crate::isolated::Kind::Attested, 0)).unwrap();
    for gone in ["Eosin_Subject__c", "Eosin_Dataset__r"] {
        row.as_object_mut().unwrap().remove(gone);
    }
    row["Key__c"] = json!("bare");
    let bare = org.create("Contact", &row);
    (org, bare)
}

#[test]
fn a_row_whose_labels_went_is_not_pointed_at_either() {
    let marks = Marks::new();
    let (org, _) = org_with_bare_row(&marks);
    let scene = isolating(&org, Environment::Sandbox);
    let case = |key: &str| {
        let row = json!({ "Subject": "open", "Contact": { "Key__c": key } });
        ask(&scene, "POST", &format!("{VERSION}/sobjects/Case"), &row.to_string())
    };
    let hidden = case("bare");
    assert!(hidden.text().contains("EOSIN_READ_CLOSED"), "{}", hidden.text());
    assert_eq!(told(&hidden), told(&case("nobody")));
}

#[test]
fn a_row_whose_labels_went_is_not_taken_out_of_a_query() {
    let marks = Marks::new();
    let (org, bare) = org_with_bare_row(&marks);
    org.create("Contact", &json!({ "LastName": "Zyzzx-Seen", "Key__c": "seen" }));
    let scene = isolating(&org, Environment::Sandbox);
    let parts = |statement: &str, method: &str| {
        let found = query(statement);
        let row = json!({ "method": method, "url": format!("{VERSION}/sobjects/Contact/@{{a.records[0].Id}}"), "referenceId": "b", "body": { "Title": "taken" } });
        let parts = json!([{ "method": "GET", "url": found, "referenceId": "a" }, row]);
        ask(
            &scene,
            "POST",
            &format!("{VERSION}/composite"),
            &json!({ "compositeRequest": parts }).to_string(),
        )
    };
    let seen = parts("SELECT Id FROM Contact WHERE Key__c = 'seen'", "PATCH");
    assert!(seen.text().contains("204"), "{}", seen.text());
    for method in ["PATCH", "DELETE"] {
        let answer = parts("SELECT Id FROM Contact WHERE Key__c = 'bare'", method);
        assert_eq!(answer.status, 403, "{}", answer.text());
    }
    let left = org.direct("GET", &format!("{VERSION}/sobjects/Contact/{bare}?fields=Title"), "");
    assert!(left.status == 200 && !left.text().contains("taken"), "{}", left.text());
}

#[test]
fn a_number_is_one_however_it_is_written() {
    let marks = Marks::new();
    let org = org_with(&marks, &[], &[]);
    org.create("Account", &json!({ "Name": "Ward", "Key__c": "five", "No__c": 5 }));
    org.create("Account", &json!({ "Name": "Unseen", "No__c": 6, "Eosin_Subject__c": "attested" }));
    let scene = isolating(&org, Environment::Sandbox);
    for number in [json!(5), json!("5"), json!("5.0"), json!(" 5 ")] {
        let answer = contact(&scene, &json!({ "No__c": number }));
        assert_eq!(answer.status, 201, "{number} {}", answer.text());
    }
    let closed = contact(&scene, &json!({ "No__c": 6 }));
    for number in [json!("6"), json!(7), json!("five"), json!("5) OR (No__c = 6")] {
        assert_eq!(told(&contact(&scene, &json!({ "No__c": number }))), told(&closed), "{number}");
    }
    assert_eq!(linked(&org), ["five"; 4]);
    // Text is no number: `6` is not `6.0`.
    org.create("Account", &json!({ "Name": "Ward", "Key__c": "6.0" }));
    org.create("Account", &json!({ "Name": "Unseen", "Key__c": "6", "Eosin_Subject__c": "attested" }));
    let rows = ["6.0", "6"].map(
        |key| json!({ "attributes": { "type": "Contact" }, "LastName": "x", "Account": { "Key__c": key } }),
    );
    let rows = json!({ "records": rows }).to_string();
    let refused = ask(&scene, "POST", &format!("{VERSION}/composite/sobjects"), &rows);
    assert_eq!(told(&refused), told(&closed));
}

#[test]
fn a_field_that_came_since_names_rows_too() {
    let marks = Marks::new();
    let org = org_with(&marks, &["seen"], &["unseen"]);
    let scene = isolating(&org, Environment::Sandbox);
    assert_eq!(contact(&scene, &json!({ "Key__c": "seen" })).status, 201);
    org.add_key("Account", "New__c");
    org.create("Account", &json!({ "Name": "Ward", "New__c": "both", "Key__c": "new" }));
    let hidden = json!({ "Name": "Unseen", "New__c": "both", "Eosin_Subject__c": "attested" });
    org.create("Account", &hidden);
    assert_eq!(contact(&scene, &json!({ "New__c": "both" })).status, 201);
    assert_eq!(linked(&org), ["new", "seen"]);
    let named = ask(&scene, "GET", &format!("{VERSION}/sobjects/Account/New__c/both?fields=Name"), "");
    assert!(named.status == 200 && named.text().contains("Ward"), "{}", named.text());
}

#[test]
fn a_row_is_named_by_a_value_that_hidden_rows_have_too() {
    let marks = Marks::new();
    let org = org_with(&marks, &["both", "alone", "twice", "twice"], &["both", "unseen", "unseen", "twice"]);
    let scene = isolating(&org, Environment::Sandbox);
    let base = format!("{VERSION}/sobjects/Account/Key__c");
    for target in [base.clone(), format!("{VERSION}/tooling/sobjects/Account/Key__c")] {
        let get = |key: &str| ask(&scene, "GET", &format!("{target}/{key}?fields=Name,Key__c"), "");
        let (both, alone) = (get("both"), get("alone"));
        assert_eq!((both.status, alone.status), (200, 200), "{}", both.text());
        assert!(both.text().contains("Ward"), "{}", both.text());
        assert_eq!(told(&get("unseen")), told(&get("nobody")));
        assert_eq!(get("twice").status, 300);
    }
    let change = |key: &str| ask(&scene, "PATCH", &format!("{base}/{key}"), r#"{"Site":"changed"}"#);
    let (both, alone) = (change("both"), change("alone"));
    let shape = |answer: &Answer| {
        let mut body: Value = serde_json::from_slice(&answer.body).unwrap();
        body["id"] = Value::Null;
        (answer.status, body)
    };
    assert_eq!(shape(&both), shape(&alone));
    let several = change("twice");
    let listed: Vec<String> = serde_json::from_slice(&several.body).unwrap();
    assert_eq!((several.status, listed.len()), (300, 2), "{}", several.text());
    let within = json!({ "batchRequests": [{ "method": "PATCH", "url": format!("v67.0/sobjects/Account/Key__c/both"), "richInput": { "Site": "changed" } }] });
    let within = ask(&scene, "POST", &format!("{VERSION}/composite/batch"), &within.to_string());
    assert!(within.text().contains("\"statusCode\":200"), "{}", within.text());
    let gone = ask(&scene, "DELETE", &format!("{base}/both"), "");
    assert_eq!(gone.status, 204, "{}", gone.text());
    let left = org.direct("GET", &query("SELECT Name, Site FROM Account WHERE Key__c = 'both'"), "");
    assert!(left.text().contains("Unseen") && !left.text().contains("changed"), "{}", left.text());
    assert_eq!(left.text().matches("Key__c").count() + left.text().matches("\"Name\"").count(), 1);
}

#[test]
fn more_than_an_org_takes_is_not_looked_up() {
    let upstream = Upstream::start(|_| Reply::json(500, "[]"));
    let scene = isolating_at(&upstream.origin(), Environment::Sandbox);
    let rows: Vec<Value> = (0..201)
        .map(|at| json!({ "attributes": { "type": "Contact" }, "Key__c": format!("x{at}"), "ReportsTo": { "Key__c": format!("x{at}") } }))
        .collect();
    let many = json!({ "records": rows }).to_string();
    let parts: Vec<Value> = (0..26)
        .map(|at| json!({ "method": "PATCH", "url": format!("{VERSION}/sobjects/Contact/Ext__c/v{at}"), "referenceId": format!("r{at}"), "body": { "Title": "x" } }))
        .collect();
    let parts = json!({ "compositeRequest": parts }).to_string();
    for (target, body) in [("composite/sobjects", many), ("composite?x=/composite/graph", parts)] {
        let refused = ask(&scene, "POST", &format!("{VERSION}/{target}"), &body);
        assert_eq!((refused.status, upstream.received().len()), (400, 0), "{target} {}", refused.text());
    }
}
