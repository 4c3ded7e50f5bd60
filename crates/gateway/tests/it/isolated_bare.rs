//! Isolated reads where the org has none of Eosin's fields, and what a client is told that asks what is no query.

use policy::Environment;
use serde_json::{Value, json};

use crate::{
    isolated::{Kind, LocalOrg, Marks, VERSION, ask, isolating, query},
    scene::Scene,
};

fn body(answer: &crate::scene::Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or_else(|_| panic!("{}", answer.text()))
}

#[test]
fn an_org_without_our_fields_is_read_as_it_is_until_it_has_them() {
    let org = LocalOrg::bare();
    let row = org.create("Contact", &json!({ "LastName": "Zyzzx-Example" }));
    let scene = isolating(&org, Environment::Production);
    let targets = [
        query("SELECT Id, LastName FROM Contact"),
        query("SELECT Id, Name FROM User WHERE Contact.Name = null"),
        query("SELECT count() FROM Contact"),
        format!("{VERSION}/sobjects/Contact/{row}"),
        format!("{VERSION}/limits/recordCount?sObjects=Contact"),
        format!("{VERSION}/recent"),
    ];
    for target in &targets {
        let (through, straight) = (ask(&scene, "GET", target, ""), org.direct("GET", target, ""));
        assert_eq!(through.status, 200, "{target}: {}", through.text());
        assert_eq!(body(&through), body(&straight), "{target}");
    }
    let deleted = ask(&scene, "DELETE", &format!("{VERSION}/sobjects/Contact/{row}"), "");
    assert_eq!(deleted.status, 204, "{}", deleted.text());
    // The package comes, and with it somebody who is hidden.
    org.add_our_fields();
    org.create("Contact", &json!({ "LastName": "Zyzzx-Hidden", "Eosin_Synthetic__c": true }));
    let asked = query("SELECT LastName FROM Contact");
    assert!(org.direct("GET", &asked, "").text().contains("Zyzzx-Hidden"));
    let hidden = ask(&scene, "GET", &asked, "");
    assert_eq!((hidden.status, body(&hidden)["totalSize"].as_u64()), (200, Some(0)), "{}", hidden.text());
}

#[test]
fn who_may_not_see_the_fields_is_not_believed_that_there_are_none() {
    let org = LocalOrg::bare();
    org.create("Contact", &json!({ "LastName": "Zyzzx-Example" }));
    let profile =
        body(&org.direct("GET", &query("SELECT Id FROM Profile WHERE Name != 'System Administrator'"), ""));
    let profile = profile["records"][0]["Id"].as_str().unwrap().to_owned();
    let admin = body(&org.direct("GET", &query("SELECT Id, ProfileId FROM User LIMIT 1"), ""));
    let admin = admin["records"][0]["Id"].as_str().unwrap().to_owned();
    let scene = isolating(&org, Environment::Production);
    let asked = query("SELECT LastName FROM Contact");
    assert_eq!(ask(&scene, "GET", &asked, "").status, 200);
    let changed = json!({ "ProfileId": profile }).to_string();
    let changed = org.direct("PATCH", &format!("{VERSION}/sobjects/User/{admin}"), &changed);
    assert_eq!(changed.status, 204, "{}", changed.text());
    let refused = ask(&scene, "GET", &asked, "");
    assert_eq!(refused.status, 403, "{}", refused.text());
    assert!(refused.text().contains("EOSIN_FIELDS_MISSING"), "{}", refused.text());
}

#[test]
fn data_sets_are_shown_to_who_may_see_the_synthetic() {
    let marks = Marks::new();
    let org = LocalOrg::with(&marks, &[], |_| false);
    let set = org.create("Eosin_Dataset__c", &json!({ "Name": "made", "Eosin_Dataset_Id__c": "set-1" }));
    let mut row: Value = serde_json::from_str(&marks.row(Kind::Synthetic, 0)).unwrap();
    row.as_object_mut().unwrap().remove("Eosin_Dataset__r");
    row["Eosin_Dataset__c"] = json!(set);
    org.create("Contact", &row);
    let asked =
        "SELECT Id, Eosin_Dataset__r.Name FROM Contact WHERE Eosin_Dataset__r.Eosin_Dataset_Id__c = 'set-1'";
    for (environment, want) in [(Environment::Sandbox, 1), (Environment::Production, 0)] {
        let scene = isolating(&org, environment);
        let rows = ask(&scene, "GET", &query(&asked.replace('=', "%3D")), "");
        assert_eq!(body(&rows)["totalSize"], want, "{}", rows.text());
        let by_id = ask(&scene, "GET", &format!("{VERSION}/sobjects/Eosin_Dataset__c/{set}"), "");
        assert_eq!(by_id.status, if want == 1 { 200 } else { 404 }, "{}", by_id.text());
    }
}

#[test]
fn a_row_that_is_shown_says_of_which_data_set_it_is() {
    let marks = Marks::new();
    let org = LocalOrg::with(&marks, &[], |_| false);
    for (at, kind) in [Kind::Attested, Kind::Synthetic, Kind::Unproven].into_iter().enumerate() {
        let name = format!("set-{at}");
        let set = org.create("Eosin_Dataset__c", &json!({ "Name": name, "Eosin_Dataset_Id__c": name }));
        let mut row: Value = serde_json::from_str(&marks.row(kind, at)).unwrap();
        row.as_object_mut().unwrap().remove("Eosin_Dataset__r");
        if kind != Kind::Unproven {
            row["Eosin_Dataset__c"] = json!(set);
        }
        org.create("Contact", &row);
    }
    let scene = isolating(&org, Environment::Production);
    // Exporting marks with their data sets is how they are judged elsewhere: nobody is lost by it, and nobody hidden told.
    for fields in [
        "Id,Eosin_Dataset__r.Name",
        "Id,Eosin_Dataset__r.Id,Eosin_Dataset__r.Name",
        "Id,Eosin_Mark__c,Eosin_Dataset__r.Name",
    ] {
        let rows =
            ask(&scene, "GET", &query(&format!("SELECT {fields} FROM Contact ORDER BY CreatedDate")), "");
        let rows = body(&rows);
        assert_eq!(rows["totalSize"], 2, "{rows}");
        let sets = ["/records/0", "/records/1"]
            .map(|row| rows.pointer(row).unwrap()["Eosin_Dataset__r"]["Name"].clone());
        assert!(sets.contains(&json!("set-0")) && sets.contains(&Value::Null), "{rows}");
    }
    let sets = body(&ask(&scene, "GET", &query("SELECT Id FROM Eosin_Dataset__c"), ""));
    assert_eq!(sets["totalSize"], 0, "data sets by themselves tell that there are such: {sets}");
    let hidden = "SELECT Id FROM Contact WHERE Eosin_Dataset__r.Name %3D 'set-1'";
    assert_eq!(body(&ask(&scene, "GET", &query(hidden), ""))["totalSize"], 0);
}

#[test]
fn an_upsert_changes_no_hidden_row() {
    let marks = Marks::new();
    let org = LocalOrg::with(&marks, &[Kind::Synthetic, Kind::Attested], |_| false);
    let scene = isolating(&org, Environment::Production);
    let changed = marks.row(Kind::Attested, 1).replace("Eosin_Dataset__r", "Eosin_Dataset__x");
    let mut changed: Value = serde_json::from_str(&changed).unwrap();
    changed.as_object_mut().unwrap().remove("Eosin_Dataset__x");
    let changed = changed.to_string();
    let of = |at: usize| format!("{VERSION}/sobjects/Contact/Ext__c/x{at}");
    let refused = ask(&scene, "PATCH", &of(0), &changed);
    assert_eq!(refused.status, 404, "{}", refused.text());
    let many = |at: usize| {
        let one = format!(r#"{{"method":"PATCH","url":"{}","referenceId":"a","body":{changed}}}"#, of(at));
        let asked = format!(r#"{{"compositeRequest":[{one}]}}"#);
        body(&ask(&scene, "POST", &format!("{VERSION}/composite"), &asked))
    };
    assert_eq!(many(0)["compositeResponse"][0]["httpStatusCode"], 404, "{}", many(0));
    assert_eq!(many(1)["compositeResponse"][0]["httpStatusCode"], 200, "{}", many(1));
    let kept = org.direct("GET", &of(0), "");
    assert_eq!(body(&kept)["FirstName"], "Ada", "{}", kept.text());
    assert!(ask(&scene, "PATCH", &of(1), &changed).status < 300);
}

#[test]
fn a_composite_takes_ids_of_its_own_rows_and_no_more() {
    let marks = Marks::new();
    let org = LocalOrg::with(&marks, &[Kind::Attested, Kind::Synthetic], |_| false);
    let scene = isolating(&org, Environment::Production);
    let composite = |first: &str, taken: &str| {
        let body = json!({ "compositeRequest": [
            { "method": "GET", "url": format!("{VERSION}/{first}"), "referenceId": "one" },
            { "method": "GET", "url": format!("{VERSION}/sobjects/Contact/{taken}?fields=Department"), "referenceId": "two" },
        ]});
        ask(&scene, "POST", &format!("{VERSION}/composite"), &body.to_string())
    };
    let of = |at: usize| format!("sobjects/Contact/{}", org.ids[at].as_deref().unwrap());
    let found = composite("query?q=SELECT+Id+FROM+Contact+ORDER+BY+Department", "@{one.records[0].Id}");
    assert_eq!(body(&found)["compositeResponse"][1]["body"]["Department"], "d0", "{}", found.text());
    let read = composite(&of(0), "@{one.Id}");
    assert_eq!(body(&read)["compositeResponse"][1]["body"]["Department"], "d0", "{}", read.text());
    // A raw `=` in the statement, and a reference that the org has to find in it.
    let by_query = |at: usize| {
        let asked = format!("{VERSION}/query?q=SELECT+Department+FROM+Contact+WHERE+Id='@{{one.Id}}'");
        let body = json!({ "compositeRequest": [
            { "method": "GET", "url": format!("{VERSION}/{}", of(at)), "referenceId": "one" },
            { "method": "GET", "url": asked, "referenceId": "two" },
        ]});
        ask(&scene, "POST", &format!("{VERSION}/composite"), &body.to_string())
    };
    let queried = by_query(0);
    let two = &body(&queried)["compositeResponse"][1]["body"]["records"][0]["Department"];
    assert_eq!(two, "d0", "{}", queried.text());
    assert!(!by_query(1).text().contains("d1"));
    let hidden = composite(&of(1), "@{one.Id}");
    assert!(!hidden.text().contains("d1"), "{}", hidden.text());
    for at in [0, 1] {
        let refused = composite(&of(at), "@{one.ReportsToId}");
        assert_eq!(
            (refused.status, body(&refused)[0]["errorCode"].as_str()),
            (403, Some("EOSIN_READ_CLOSED"))
        );
    }
}

/// What is said of a statement: status and code.
fn check(scene: &Scene, statement: &str, code: &str) {
    let answer = ask(scene, "GET", &query(statement), "");
    assert_eq!(answer.status, 400, "{statement}: {}", answer.text());
    assert_eq!(body(&answer)[0]["errorCode"], code, "{statement}: {}", answer.text());
    assert!(!answer.text().contains("Zyzzx"), "{}", answer.text());
}

#[test]
fn what_is_no_query_is_malformed_and_what_is_not_read_is_said_to_be() {
    let marks = Marks::new();
    let org = LocalOrg::with(&marks, &[], |_| false);
    let scene = isolating(&org, Environment::Production);
    check(&scene, "SELECT FROM Contact", "MALFORMED_QUERY");
    check(&scene, "SELECT Id FROM Contact WHERE LastName = 'Zyzzx", "MALFORMED_QUERY");
    check(&scene, "SELECT Id FROM Contact LIMIT many", "MALFORMED_QUERY");
    check(&scene, "SELECT Id FROM Contact WHERE", "MALFORMED_QUERY");
    check(&scene, "SELECT Id FROM Contact WITH Zyzzx_CATEGORY Zyzzx_x", "EOSIN_QUERY_NOT_ISOLATED");
    let envelope = |statement: &str| {
        format!(
            r#"<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns:u="urn:partner.soap.sforce.com"><e:Header><u:SessionHeader><u:sessionId>tok</u:sessionId></u:SessionHeader></e:Header><e:Body><u:query><u:queryString>{statement}</u:queryString></u:query></e:Body></e:Envelope>"#
        )
    };
    let headers = [("Content-Type", "text/xml"), ("SOAPAction", "\"\"")];
    let malformed = envelope("SELECT FROM Contact");
    let answer = scene.ask("POST", "/services/Soap/u/67.0", &headers, malformed.as_bytes());
    assert_eq!((answer.status, answer.header("content-type")), (500, Some("text/xml;charset=UTF-8")));
    assert!(
        answer.text().contains("<sf:exceptionCode>MALFORMED_QUERY</sf:exceptionCode>"),
        "{}",
        answer.text()
    );
    let session = envelope("SELECT Id FROM Contact").replace(">tok<", ">gone<");
    let answer = scene.ask("POST", "/services/Soap/u/67.0", &headers, session.as_bytes());
    assert!(
        answer.text().contains("Fault>") && answer.text().contains("INVALID_SESSION_ID"),
        "{}",
        answer.text()
    );
}
