//! Isolated reads that are asked for otherwise than usual: by another method's name, in another form.

use policy::Environment;
use serde_json::{Value, json};
use testkit::upstream::{Received, Reply, Upstream};

use crate::{
    isolated::{BEARER, Kind, LocalOrg, Marks, VERSION, ask, isolating, isolating_at, query},
    scene::{Answer, Scene},
};

/// Three rows: one of each kind.
const ROWS: [Kind; 3] = [Kind::Attested, Kind::Synthetic, Kind::Unproven];

fn refused(answer: &Answer, target: &str) {
    assert_eq!(answer.status, 403, "{target} {}", answer.text());
    assert!(answer.text().contains("EOSIN_READ_CLOSED"), "{target} {}", answer.text());
}

#[test]
fn a_read_that_calls_its_method_something_else_is_refused() {
    let marks = Marks::new();
    let org = LocalOrg::with(&marks, &ROWS, |_| false);
    let scene = isolating(&org, Environment::Production);
    let targets = [
        query("SELECT LastName, COUNT(Id) n FROM Contact GROUP BY LastName"),
        query("SELECT count() FROM Contact"),
        format!("{VERSION}/limits/recordCount?sObjects=Contact"),
        format!("{VERSION}/tooling/query?q=SELECT+count()+FROM+Contact"),
    ];
    for other in ["HEAD", "OPTIONS", "head"] {
        let asked = |scene: &Scene, target: &str, header: &str| {
            scene.ask("GET", target, &[BEARER[0], (header, other)], b"")
        };
        for target in &targets {
            refused(&asked(&scene, target, "X-HTTP-Method-Override"), target);
            refused(&asked(&scene, target, "X-HTTP-Method"), target);
            refused(&ask(&scene, "GET", &format!("{target}&_HttpMethod={other}"), ""), target);
            let url = format!("{target}&_HttpMethod={other}");
            let part = json!({ "method": "GET", "url": url, "referenceId": "a" });
            let within = json!({ "compositeRequest": [part] }).to_string();
            refused(&ask(&scene, "POST", &format!("{VERSION}/composite"), &within), target);
        }
    }
    // The same method twice is one.
    let twice = scene.ask("GET", &targets[1], &[BEARER[0], ("X-HTTP-Method-Override", "get")], b"");
    assert!(twice.text().contains("\"totalSize\":2"), "{}", twice.text());
}

#[test]
fn a_read_by_a_value_within_another_request_is_as_one_alone() {
    let marks = Marks::new();
    let org = LocalOrg::with(&marks, &ROWS, |_| false);
    let scene = isolating(&org, Environment::Production);
    let asked = |value: &str| {
        let part = json!({ "method": "GET", "url": format!("{VERSION}/sobjects/Contact/Ext__c/{value}"), "referenceId": "a" });
        let composite = json!({ "compositeRequest": [part] }).to_string();
        let composite = ask(&scene, "POST", &format!("{VERSION}/composite"), &composite);
        let part = json!({ "method": "GET", "url": format!("v67.0/sobjects/Contact/Ext__c/{value}") });
        let batch = json!({ "batchRequests": [part] }).to_string();
        let batch = ask(&scene, "POST", &format!("{VERSION}/composite/batch"), &batch);
        let told = |answer: &Answer, at: &str| -> Value {
            let whole: Value = serde_json::from_slice(&answer.body).unwrap();
            whole.pointer(at).cloned().unwrap_or_else(|| panic!("{whole}"))
        };
        (
            told(&composite, "/compositeResponse/0/httpStatusCode"),
            told(&composite, "/compositeResponse/0/body"),
            told(&batch, "/results/0/statusCode"),
            told(&batch, "/results/0/result"),
        )
    };
    let (hidden, absent) = (asked("x1"), asked("nobody"));
    assert_eq!((hidden.0, hidden.2), (json!(404), json!(404)), "{} {}", hidden.1, hidden.3);
    assert_eq!((absent.0, absent.2), (json!(404), json!(404)));
    assert_eq!(asked("x0").1["Department"], "d0");
}

#[test]
fn the_tooling_api_shows_nobody_who_is_hidden() {
    let marks = Marks::new();
    let org = LocalOrg::with(&marks, &ROWS, |_| false);
    org.add_lookup("Lead", "Person__c", "Contact");
    let hidden = org.ids[1].clone().unwrap();
    for (at, id) in org.ids.iter().enumerate() {
        org.create("Lead", &json!({ "LastName": format!("lead{at}"), "Company": "C", "Person__c": id }));
    }
    let scene = isolating(&org, Environment::Production);
    let row = ask(&scene, "GET", &format!("{VERSION}/tooling/sobjects/Contact/{hidden}"), "");
    assert!(row.status == 404 && !row.text().contains("Zyzzx"), "{}", row.text());
    let tooling = |statement: &str| {
        let target = format!("{VERSION}/tooling/query?q={}", statement.replace(' ', "+"));
        ask(&scene, "GET", &target, "").text()
    };
    let leads = tooling("SELECT LastName FROM Lead");
    assert!(leads.contains("lead0") && !leads.contains("lead1"), "{leads}");
    let groups = tooling("SELECT Person__r.Department, COUNT(Id) n FROM Lead GROUP BY Person__r.Department");
    assert!(groups.contains("d0") && !groups.contains("d1"), "{groups}");
    let classes = tooling("SELECT Id, Name, CreatedBy.Name FROM ApexClass");
    assert!(classes.contains("\"totalSize\":0") || classes.contains("records"), "{classes}");
    let further = ask(&scene, "GET", &format!("{VERSION}/tooling/query/01g000000000001AAA-2000"), "");
    assert!(further.text().contains("EOSIN_QUERY_UNKNOWN"), "{}", further.text());
}

#[test]
fn a_list_is_neither_filtered_nor_sorted_by_a_clients_own_words() {
    let marks = Marks::new();
    let org = LocalOrg::with(&marks, &ROWS, |_| false);
    let scene = isolating(&org, Environment::Production);
    let list = format!("{VERSION}/ui-api/list-records/Contact/AllContacts?fields=Contact.LastName");
    let suggestions = format!("{VERSION}/search/suggestions?q=Zyz&sobject=Contact");
    let words = format!("{VERSION}/parameterizedSearch?q=Zyzzx&sobject=Contact");
    let filter = "ReportsTo.LastName+LIKE+'H%25'";
    for target in [
        format!("{list}&where=%7BReportsTo:%7BLastName:%7Blike:%22H%25%22%7D%7D%7D"),
        format!("{list}&sortBy=ReportsTo.LastName"),
        format!("{list}&searchTerm=Zyz"),
        format!("{VERSION}/ui-api/mru-list-records/Contact?sortBy=ReportsTo.LastName"),
        format!("{suggestions}&where={filter}"),
        format!("{suggestions}&Contact.Where={filter}"),
        format!("{words}&Contact.where={filter}"),
        format!("{words}&Contact.orderBy=LastName"),
    ] {
        refused(&ask(&scene, "GET", &target, ""), &target);
    }
    for target in
        [list, format!("{suggestions}&limit=5&Contact.fields=Department"), format!("{words}&fields=Id")]
    {
        let shown = ask(&scene, "GET", &target, "");
        assert!(!shown.text().contains("EOSIN_READ_CLOSED"), "{target} {}", shown.text());
    }
}

const SEEN: &str = "003000000000001AAA";
const SLIP: &str = "a05000000000001AAA";

/// A server that answers in XML who asks for it, has files, forms and rows that others are told by.
fn server(request: &Received) -> Reply {
    let (path, asked) = request.target.split_once('?').unwrap_or((&request.target, ""));
    let path = path.strip_prefix(VERSION).unwrap_or(path).to_ascii_lowercase();
    let wants =
        |(name, value): &(String, String)| name.eq_ignore_ascii_case("accept") && value.contains("xml");
    let field = |name: &str| json!({ "name": name, "referenceTo": [] });
    let way = |name: &str, to: &str| json!({ "name": format!("{name}__c"), "referenceTo": [to], "relationshipName": format!("{name}__r") });
    let derived = |name: &str, formula: Value| json!({ "name": name, "calculated": true, "calculatedFormula": formula });
    let described =
        |name: &str, fields: &[Value]| json!({ "name": name, "fields": fields, "childRelationships": [] });
    let row = |name: &str, id: &str| json!({ "attributes": { "type": name, "url": format!("{VERSION}/sobjects/{name}/{id}") }, "Id": id });
    let raw = |kind: &str, body: &str| Reply::Whole {
        status: 200,
        headers: vec![("Content-Type".to_owned(), kind.to_owned())],
        body: body.as_bytes().to_vec(),
    };
    if request.headers.iter().any(wants) || path.ends_with("/always") {
        return raw("application/xml", "<Contact><LastName>Hidden</LastName></Contact>");
    }
    let own = ["Id", "Eosin_Synthetic__c", "Eosin_Subject__c", "Eosin_Mark__c"].map(field);
    let answer = match path.as_str() {
        "/sobjects" => json!({ "sobjects": [
            { "name": "Contact", "keyPrefix": "003" }, { "name": "Slip__c", "keyPrefix": "a05" },
            { "name": "Visit__c", "keyPrefix": "a01" }, { "name": "Attachment", "keyPrefix": "00P" },
        ]}),
        "/sobjects/contact/describe" => described("Contact", &own),
        "/sobjects/attachment/describe" => described("Attachment", &[field("Id")]),
        "/sobjects/visit__c/describe" => described("Visit__c", &[field("Id"), way("Person", "Contact")]),
        "/sobjects/slip__c/describe" => described(
            "Slip__c",
            &[
                field("Id"),
                field("Note__c"),
                way("Visit", "Visit__c"),
                derived("Who__c", json!("Visit__r.Person__r.LastName")),
                derived("Count__c", Value::Null),
            ],
        ),
        "/query" | "/queryall" => {
            let rows = if asked.contains("003000000000001") { vec![row("Contact", SEEN)] } else { vec![] };
            json!({ "totalSize": rows.len(), "done": true, "records": rows })
        }
        path if path.ends_with("/body") => return raw("text/xml", "<file/>"),
        path if path.contains("/record-defaults/") => {
            let fields = json!({ "LastName": { "value": "Seen", "displayValue": null } });
            json!({ "layout": {}, "record": { "apiName": "Contact", "id": null, "fields": fields } })
        }
        path if path.contains("/slip__c/") => {
            let mut row = row("Slip__c", SLIP);
            (row["Who__c"], row["Count__c"], row["Note__c"]) = (json!("Hidden"), json!(7), json!("kept"));
            row
        }
        _ => row("Contact", SEEN),
    };
    Reply::json(200, &answer.to_string())
}

#[test]
fn an_answer_is_asked_for_in_a_form_that_is_read() {
    let upstream = Upstream::start(server);
    let scene = isolating_at(&upstream.origin(), Environment::Production);
    let asked = |target: &str, accept: &str| {
        scene.ask("GET", &format!("{VERSION}/{target}"), &[BEARER[0], ("Accept", accept)], b"")
    };
    let way = format!("sobjects/Contact/{SEEN}/ReportsTo");
    for accept in ["application/xml, application/json;q=0.5", "Application/XML", "application/json, text/xml"]
    {
        let shown = asked(&way, accept);
        assert!(shown.status == 200 && !shown.text().contains("Hidden"), "{accept} {}", shown.text());
    }
    let xml = asked(&format!("sobjects/Contact/{SEEN}/always"), "*/*");
    assert!(xml.status == 502 && !xml.text().contains("Hidden"), "{}", xml.text());
    refused(&asked(&format!("{way}.xml"), "*/*"), &way);
    refused(&ask(&scene, "DELETE", &format!("{VERSION}/sobjects/Contact/{SEEN}.json"), ""), "delete");
    let part = json!({ "method": "GET", "url": format!("{VERSION}/{way}"), "referenceId": "a" });
    let composite = json!({ "compositeRequest": [part] }).to_string();
    let headers = [BEARER[0], ("Content-Type", "application/json"), ("Accept", "text/xml")];
    let composite = scene.ask("POST", &format!("{VERSION}/composite"), &headers, composite.as_bytes());
    assert!(!composite.text().contains("Hidden"), "{}", composite.text());
    let file = asked("sobjects/Attachment/00P000000000001AAA/Body", "application/xml");
    assert_eq!((file.status, file.text().as_str()), (200, "<file/>"));
}

#[test]
fn a_form_for_a_copy_shows_the_row_that_is_copied() {
    let upstream = Upstream::start(server);
    let scene = isolating_at(&upstream.origin(), Environment::Production);
    let form = ask(&scene, "GET", &format!("{VERSION}/ui-api/record-defaults/clone/{SEEN}"), "");
    assert!(form.text().contains("Seen"), "{}", form.text());
}

#[test]
fn a_row_without_labels_of_its_own_tells_nothing_of_other_rows() {
    let upstream = Upstream::start(server);
    let scene = isolating_at(&upstream.origin(), Environment::Production);
    let slip = ask(&scene, "GET", &format!("{VERSION}/sobjects/Slip__c/{SLIP}"), "");
    let slip: Value = serde_json::from_slice(&slip.body).unwrap_or_else(|_| panic!("{}", slip.text()));
    assert_eq!((&slip["Who__c"], &slip["Count__c"]), (&Value::Null, &Value::Null), "{slip}");
    assert_eq!(slip["Note__c"], "kept");
}

#[test]
fn what_an_org_says_of_a_column_reaches_who_misspelt_it() {
    let marks = Marks::new();
    let org = LocalOrg::with(&marks, &ROWS, |_| false);
    let scene = isolating(&org, Environment::Sandbox);
    let statement = query("SELECT Eosin_Markk__c FROM Contact");
    let row = json!({ "LastName": "Zzyzx-8", "Eosin_Foo__c": 1 }).to_string();
    for (method, target, body) in
        [("GET", statement, ""), ("POST", format!("{VERSION}/sobjects/Contact"), row.as_str())]
    {
        let told = ask(&scene, method, &target, body);
        assert_eq!(told.status, 400, "{}", told.text());
        assert!(told.text().contains("No such column"), "{}", told.text());
        assert_eq!(told.text(), org.direct(method, &target, body).text());
    }
}
