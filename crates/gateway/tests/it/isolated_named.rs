//! Isolated writes that name a row otherwise than by its id: what is hidden is not there for them either.

use policy::Environment;
use serde_json::json;

use crate::{
    isolated::{Kind, LocalOrg, Marks, VERSION, ask, isolating},
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

fn told(answer: &Answer) -> (u16, String) {
    (answer.status, answer.text())
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
}
