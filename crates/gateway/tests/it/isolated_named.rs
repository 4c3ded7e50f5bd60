//! Isolated writes that name a row otherwise than by its id: what is hidden is not there for them either.

use carrier::salesforce::RecordId;
use policy::Environment;
use serde_json::{Value, json};
use testkit::upstream::{Reply, Upstream};

use crate::{
    isolated::{Kind, LocalOrg, Marks, VERSION, ask, isolating, isolating_at, query},
    isolated_values::{call, contact, linked, org_with, told},
    scene::Answer,
};

/// One contact of each kind, and an exam of each, which is hidden with whom it is of.
fn org_with_exams(marks: &Marks) -> (LocalOrg, Vec<String>) {
    let org = LocalOrg::with(marks, &[Kind::Attested, Kind::Synthetic], |_| false);
    org.add_object("Exam__c");
    org.add_lookup("Exam__c", "Person__c", "Contact");
    for key in ["Ext__c", "Exam__c"] {
        org.add_key("Exam__c", key);
    }
    let exams = org.ids.iter().enumerate().map(|(at, id)| {
        let row = json!({ "Person__c": id, "Ext__c": format!("e{at}"), "Exam__c": format!("f{at}") });
        org.create("Exam__c", &row)
    });
    let exams = exams.collect();
    (org, exams)
}

#[test]
fn a_row_named_by_a_value_is_as_absent_as_one_that_nobody_has() {
    let marks = Marks::new();
    let (org, exams) = org_with_exams(&marks);
    let scene = isolating(&org, Environment::Production);
    let base = format!("{VERSION}/sobjects");
    let there = |target: &str| org.direct("GET", &format!("{base}/{target}"), "").status;
    for (way, hidden) in [
        ("Contact/Ext__c/x1", format!("Contact/{}", org.ids[1].clone().unwrap())),
        ("Exam__c/Ext__c/e1", format!("Exam__c/{}", exams[1])),
        // The field is called as the object is.
        ("Exam__c/Exam__c/f1", format!("Exam__c/{}", exams[1])),
    ] {
        let gone = ask(&scene, "DELETE", &format!("{base}/{way}"), "");
        assert_eq!((gone.status, there(&hidden)), (404, 200), "{way} {}", gone.text());
        let nobody = ask(&scene, "DELETE", &format!("{base}/{way}9"), "");
        assert_eq!(told(&gone), told(&nobody), "{way}");
        let within = json!({ "compositeRequest": [
            { "method": "DELETE", "url": format!("{base}/{way}"), "referenceId": "a" },
        ]});
        let gone = ask(&scene, "POST", &format!("{VERSION}/composite"), &within.to_string());
        assert!(gone.text().contains("404") && there(&hidden) == 200, "{way} {}", gone.text());
    }
    // A boundary of a sandbox lets unproven rows be written; there it is the attested who are hidden.
    let sandbox = isolating(&org, Environment::Sandbox);
    for way in ["Exam__c/Ext__c/e0", "Exam__c/Exam__c/f0"] {
        let changed = ask(&sandbox, "PATCH", &format!("{base}/{way}"), r#"{"Name":"changed"}"#);
        let row = org.direct("GET", &format!("{base}/Exam__c/{}?fields=Name", exams[0]), "");
        assert!(!row.text().contains("changed"), "{way} {:?} {}", told(&changed), row.text());
    }
    let changed = ask(&sandbox, "PATCH", &format!("{base}/Exam__c/Ext__c/e1"), r#"{"Name":"changed"}"#);
    assert!(changed.status < 300, "{:?}", told(&changed));
    let shown = ask(&sandbox, "DELETE", &format!("{base}/Exam__c/Ext__c/e1"), "");
    assert_eq!((shown.status, there(&format!("Exam__c/{}", exams[1]))), (204, 404), "{}", shown.text());
}

#[test]
fn a_composite_that_an_org_does_not_take_is_not_looked_up() {
    let upstream = Upstream::start(|_| Reply::json(500, "[]"));
    let scene = isolating_at(&upstream.origin(), Environment::Sandbox);
    let parts: Vec<Value> = (0..26)
        .map(|at| {
            json!({ "method": "PATCH", "url": format!("{VERSION}/sobjects/Contact/Ext__c/v{at}"), "referenceId": format!("r{at}"), "body": { "Department": "x" } })
        })
        .collect();
    let body = json!({ "compositeRequest": parts }).to_string();
    let refused = ask(&scene, "POST", &format!("{VERSION}/composite"), &body);
    assert_eq!((refused.status, upstream.received().len()), (400, 0), "{}", refused.text());
}

#[test]
fn what_a_row_points_at_is_not_removed_where_it_is_hidden() {
    let marks = Marks::new();
    let org = LocalOrg::with(&marks, &[Kind::Attested, Kind::Synthetic], |_| false);
    let hidden = org.ids[1].clone().unwrap();
    let case = org.create("Case", &json!({ "Subject": "open", "ContactId": hidden }));
    let scene = isolating(&org, Environment::Production);
    let target = format!("{VERSION}/sobjects/Case/{case}/Contact");
    let gone = ask(&scene, "DELETE", &target, "");
    let left = org.direct("GET", &format!("{VERSION}/sobjects/Contact/{hidden}"), "");
    assert_eq!((gone.status, left.status), (404, 200), "{}", gone.text());
    let alone = org.create("Case", &json!({ "Subject": "open" }));
    let none = ask(&scene, "DELETE", &format!("{VERSION}/sobjects/Case/{alone}/Contact"), "");
    assert_eq!(told(&gone), told(&none));
}

#[test]
fn what_a_row_points_at_is_not_there_within_a_composite_either() {
    let marks = Marks::new();
    let org = LocalOrg::with(&marks, &[Kind::Attested, Kind::Synthetic], |_| false);
    let case =
        |contact: Option<&String>| org.create("Case", &json!({ "Subject": "open", "ContactId": contact }));
    let cases = [case(org.ids[0].as_ref()), case(org.ids[1].as_ref()), case(None)];
    let scene = isolating(&org, Environment::Production);
    let within = |case: &str| {
        let url = format!("{VERSION}/sobjects/Case/{case}/Contact");
        let parts = json!({ "compositeRequest": [{ "method": "GET", "url": url, "referenceId": "a" }] });
        let composite = ask(&scene, "POST", &format!("{VERSION}/composite"), &parts.to_string());
        let parts = json!({ "batchRequests": [{ "method": "GET", "url": url }] });
        let batch = ask(&scene, "POST", &format!("{VERSION}/composite/batch"), &parts.to_string());
        [told(&composite), told(&batch)]
    };
    let [seen, hidden, none] = cases.each_ref().map(|case| within(case));
    assert_eq!(hidden, none);
    assert!(seen.iter().all(|(status, text)| *status == 200 && text.contains("LastName")), "{seen:?}");
    // A list of rows is no row.
    let account = org.direct(
        "GET",
        &format!("{VERSION}/sobjects/Contact/{}?fields=AccountId", org.ids[0].clone().unwrap()),
        "",
    );
    let account: Value = serde_json::from_slice(&account.body).unwrap();
    let url = format!("{VERSION}/sobjects/Account/{}/Contacts", account["AccountId"].as_str().unwrap());
    let parts = json!({ "batchRequests": [{ "method": "GET", "url": url }] });
    let listed = ask(&scene, "POST", &format!("{VERSION}/composite/batch"), &parts.to_string());
    assert!(listed.text().contains("\"totalSize\":1"), "{}", listed.text());
}

#[test]
fn a_reference_by_a_value_leads_to_a_row_that_may_be_seen_or_nowhere() {
    let marks = Marks::new();
    let org = org_with(&marks, &["seen"], &["hidden"]);
    let scene = isolating(&org, Environment::Sandbox);
    let one = |key: &str| contact(&scene, &json!({ "Key__c": key }));
    let many = |key: &str| {
        let row = json!({ "attributes": { "type": "Contact" }, "LastName": "Zyzzx-Probe", "Account": { "Key__c": key } });
        let rows = json!({ "records": [row] }).to_string();
        ask(&scene, "POST", &format!("{VERSION}/composite/sobjects"), &rows)
    };
    let soap = |key: &str| {
        let account = format!("<u:Account><u:type>Account</u:type><u:Key__c>{key}</u:Key__c></u:Account>");
        call(
            &scene,
            &format!(
                "<u:create><u:sObjects><u:type>Contact</u:type><u:LastName>Zyzzx-Probe</u:LastName>{account}</u:sObjects></u:create>"
            ),
        )
    };
    let ways: [&dyn Fn(&str) -> Answer; 3] = [&one, &many, &soap];
    for way in ways {
        let (hidden, nobody) = (way("hidden"), way("nobody"));
        assert!(hidden.text().contains("EOSIN_READ_CLOSED"), "{}", hidden.text());
        assert_eq!(told(&hidden), told(&nobody));
        let seen = way("SEEN");
        assert!(seen.status < 300 && !seen.text().contains("EOSIN"), "{}", seen.text());
    }
    assert_eq!(linked(&org), ["seen"; 3]);
}

#[test]
fn an_id_is_found_in_the_parts_of_a_form_and_beside_white_space() {
    let marks = Marks::new();
    let org = org_with(&marks, &["seen"], &["hidden"]);
    let found = org.direct("GET", &query("SELECT Id FROM Account WHERE Key__c = 'hidden'"), "");
    let found: Value = serde_json::from_slice(&found.body).unwrap();
    let hidden = found["records"][0]["Id"].as_str().unwrap().to_owned();
    let scene = isolating(&org, Environment::Sandbox);
    let nobody = RecordId::parse(&hidden).unwrap().absent(7).long();
    let form = |parent: &str| {
        let body = format!(
            "--edge\r\nContent-Disposition: form-data; name=\"entity_attachment\"\r\nContent-Type: application/json\r\n\r\n{{\"Name\":\"a.txt\",\"ParentId\":\"{parent}\"}}\r\n--edge\r\nContent-Disposition: form-data; name=\"Body\"; filename=\"a.txt\"\r\nContent-Type: text/plain\r\n\r\nhello\r\n--edge--\r\n"
        );
        let kind = ("Content-Type", "multipart/form-data; boundary=edge");
        let bearer = ("Authorization", "Bearer tok");
        scene.ask("POST", &format!("{VERSION}/sobjects/Attachment"), &[bearer, kind], body.as_bytes())
    };
    let plain = |account: &str| {
        let row = json!({ "LastName": "Zyzzx-Probe", "AccountId": format!("{account} ") });
        ask(&scene, "POST", &format!("{VERSION}/sobjects/Contact"), &row.to_string())
    };
    let ways: [&dyn Fn(&str) -> Answer; 2] = [&form, &plain];
    for way in ways {
        let (there, absent) = (way(&hidden), way(&nobody));
        assert!(there.status >= 400, "{}", there.text());
        let as_absent = (there.status, there.text().replace(&hidden, &nobody));
        assert_eq!(as_absent, told(&absent), "{hidden}");
    }
}
