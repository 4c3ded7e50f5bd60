//! Formulas where reads are isolated: what they lead to is known before they are asked for, whoever asked for what before.

use gateway::{IsolatedReads, Reads};
use policy::{Environment, Mode};
use serde_json::{Value, json};
use testkit::upstream::{Received, Reply, Upstream};

use crate::{
    isolated::{VERSION, ask, query},
    scene::{self, Scene},
};

const SLIP: &str = "a02000000000001AAA";

/// Slips with a formula that shows what stands in a visit, which is of a hidden person. Visits may be closed to the user.
fn org(request: &Received, sees_visits: bool) -> Reply {
    let (path, asked) = request.target.split_once('?').unwrap_or((&request.target, ""));
    let body = String::from_utf8_lossy(&request.body);
    let asked = format!("{asked} {body}")
        .replace("%20", "+")
        .replace("%2E", ".")
        .replace("%3D", "=")
        .replace(' ', "+");
    let path = path.strip_prefix(VERSION).unwrap_or(path).to_ascii_lowercase();
    let field = |name: &str| json!({ "name": name, "referenceTo": [] });
    let way = |name: &str, to: &str| json!({ "name": format!("{name}__c"), "referenceTo": [to], "relationshipName": format!("{name}__r") });
    let formula = |name: &str, of: &str| json!({ "name": name, "calculated": true, "calculatedFormula": of, "referenceTo": [] });
    let described =
        |name: &str, fields: &[Value]| json!({ "name": name, "fields": fields, "childRelationships": [] });
    let row = || json!({ "attributes": { "type": "Slip__c", "url": format!("{VERSION}/sobjects/Slip__c/{SLIP}") }, "Id": SLIP, "Dx__c": "SECRET", "Twice__c": "SECRET", "Who__c": "SECRET" });
    let answer = match path.as_str() {
        "/sobjects" => json!({ "sobjects": [
            { "name": "Contact", "keyPrefix": "003" },
            { "name": "Visit__c", "keyPrefix": "a01" },
            { "name": "Slip__c", "keyPrefix": "a02" },
        ]}),
        "/sobjects/contact/describe" => described(
            "Contact",
            &["Id", "Eosin_Synthetic__c", "Eosin_Subject__c", "Eosin_Mark__c"].map(field),
        ),
        "/sobjects/visit__c/describe" if sees_visits => {
            described("Visit__c", &[field("Id"), field("Diagnosis__c"), way("Person", "Contact")])
        }
        "/sobjects/slip__c/describe" => described(
            "Slip__c",
            &[
                field("Id"),
                way("Visit", "Visit__c"),
                formula("Dx__c", "Visit__r.Diagnosis__c"),
                formula("Twice__c", "Dx__c & Dx__c"),
                formula("Who__c", "Visit__r.Person__r.LastName"),
            ],
        ),
        // Any condition leaves the row out, for its visit is of somebody hidden.
        "/query" | "/queryall" | "/tooling/query" | "/parameterizedsearch" | "/jobs/query" => {
            let hides = asked.contains("Eosin_") || asked.contains("__c+=+null");
            let rows: Vec<Value> = (!hides).then(row).into_iter().collect();
            json!({ "totalSize": rows.len(), "done": true, "records": rows, "searchRecords": rows })
        }
        path if path.contains(&SLIP.to_ascii_lowercase()) => row(),
        _ => return Reply::json(404, r#"[{"errorCode":"NOT_FOUND","message":"not there"}]"#),
    };
    Reply::json(200, &answer.to_string())
}

/// A gateway that nobody asked before.
fn fresh(sees_visits: bool) -> (Upstream, Scene) {
    let upstream = Upstream::start(move |request| org(request, sees_visits));
    let mut config = scene::config(&upstream.origin());
    let boundary = &mut config.boundaries[0];
    boundary.boundary.mode = Mode::Enforce;
    boundary.boundary.environment = Environment::Production;
    boundary.reads = Reads::Isolated(IsolatedReads {
        objects: ["Contact"].map(str::to_owned).to_vec(),
        ..IsolatedReads::standard()
    });
    (upstream, Scene::of(config))
}

#[test]
fn a_formula_hides_what_it_leads_to_before_anybody_asked_for_that() {
    let search = json!({ "q": "a", "sobjects": [{ "name": "Slip__c", "fields": ["Id"], "where": "Visit__r.Diagnosis__c LIKE 'S%'" }] });
    let search = search.to_string().replace("Visit__r", "Visit\\u005f_r");
    let tooling = query("SELECT Dx__c FROM Slip__c").replace("/query", "/tooling/query");
    let asks = [
        ("GET", query("SELECT Id, Dx__c FROM Slip__c"), String::new()),
        ("GET", query("SELECT Id, Twice__c FROM Slip__c"), String::new()),
        ("GET", query("SELECT Id, Who__c FROM Slip__c"), String::new()),
        ("GET", query("SELECT Id FROM Slip__c WHERE Dx__c LIKE 'S%25'"), String::new()),
        ("GET", query("SELECT FIELDS(ALL) FROM Slip__c LIMIT 9"), String::new()),
        ("GET", tooling, String::new()),
        ("GET", format!("{VERSION}/sobjects/Slip__c/{SLIP}"), String::new()),
        ("POST", format!("{VERSION}/parameterizedSearch"), search),
    ];
    for sees_visits in [true, false] {
        for (method, target, body) in &asks {
            let (_upstream, scene) = fresh(sees_visits);
            let shown = ask(&scene, method, target, body);
            assert!(!shown.text().contains("SECRET"), "{sees_visits} {target} {}", shown.text());
            if sees_visits {
                assert_eq!(shown.status, 200, "{target} {}", shown.text());
            }
        }
    }
}
