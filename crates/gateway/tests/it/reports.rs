//! Reports at a boundary that isolates reads: they are run with filters, so that nothing hidden is counted.

use policy::Environment;
use serde_json::{Value, json};

use crate::isolated::{Kind, LocalOrg, Marks, VERSION, ask, isolating};
use crate::scene::{Answer, Scene};

/// The report of all contacts that every local org begins with.
const CONTACTS: &str = "00O000000000030";

pub(crate) type Asked = (&'static str, String, String);

/// What a client asks of reports: totals, groups, rows, filters that look for what is hidden.
pub(crate) fn asks() -> Vec<Asked> {
    let contacts = format!("{VERSION}/analytics/reports/{CONTACTS}");
    let filter = |column: &str, operator: &str, value: &str| json!({"column": column, "operator": operator, "value": value});
    let columns = json!(["Contact.LastName", "Contact.Department", "Account.Name"]);
    let grouped = |names: &[&str]| -> Value {
        names.iter().map(|name| json!({"name": name, "sortOrder": "Asc"})).collect()
    };
    let labels = ["Contact.Eosin_Synthetic__c", "Contact.Eosin_Subject__c"];
    let bodies = [
        json!({"detailColumns": columns, "sortBy": [{"sortColumn": "Contact.Department", "sortOrder": "Desc"}]}),
        json!({"detailColumns": ["Contact.Department"], "topRows": {"rowLimit": 1, "direction": "Asc"}}),
        json!({"reportFormat": "SUMMARY", "groupingsDown": grouped(&["Contact.LastName", "Contact.Department"]),
            "aggregates": ["RowCount", "u!Contact.Department", "u!Account.Name"], "detailColumns": columns}),
        json!({"reportFormat": "SUMMARY", "groupingsDown": grouped(&labels), "aggregates": ["RowCount"], "detailColumns": columns}),
        json!({"reportFormat": "MATRIX", "groupingsDown": grouped(&["Account.Name"]), "groupingsAcross": grouped(&["Contact.LastName"]),
            "aggregates": ["RowCount"], "detailColumns": columns}),
        json!({"detailColumns": columns, "reportFilters": [filter(labels[0], "equals", "True"), filter(labels[1], "equals", "attested")],
            "reportBooleanFilter": "1 OR 2 "}),
        json!({"detailColumns": columns, "reportFilters": [filter("Contact.Department", "equals", "d0"), filter("Contact.Department", "equals", "d1")],
            "reportBooleanFilter": "NOT (1 OR 2)"}),
        json!({"reportFilters": [filter("Contact.Department", "contains", "d")], "reportBooleanFilter": "1) OR (1"}),
        json!({"reportFilters": [filter("Contact.Department", "contains", "d")], "reportBooleanFilter": "1 OR 2"}),
        json!({"detailColumns": columns, "crossFilters": [{"relatedEntity": "Case"}]}),
        json!({"reportFormat": "MULTI_BLOCK"}),
        json!({"detailColumns": columns, "scope": "user"}),
        json!({"unknown": 1}),
    ];
    let mut asks: Vec<Asked> = vec![
        ("GET", contacts.clone(), String::new()),
        ("HEAD", contacts.clone(), String::new()),
        ("GET", format!("{contacts}/describe"), String::new()),
        ("GET", format!("{VERSION}/analytics/reports"), String::new()),
        ("GET", format!("{VERSION}/analytics/reports/00O000000000999"), String::new()),
        ("GET", format!("{VERSION}/analytics/dashboards"), String::new()),
        ("POST", format!("{contacts}?_HttpMethod=GET"), String::new()),
        ("GET", format!("{VERSION}/query?explain={CONTACTS}"), String::new()),
    ];
    for body in bodies {
        let body = json!({"reportMetadata": body});
        for target in
            [format!("{contacts}?includeDetails=true"), contacts.clone(), format!("{contacts}/instances")]
        {
            asks.push(("POST", target, body.to_string()));
        }
    }
    let unkept = json!({"reportMetadata": {"reportType": {"type": "ContactList"}, "detailColumns": columns, "hasDetailRows": true}});
    asks.push(("POST", format!("{VERSION}/analytics/reports/query"), unkept.to_string()));
    let inner =
        json!({"batchRequests": [{"method": "GET", "url": format!("v67.0/analytics/reports/{CONTACTS}")}]});
    asks.push(("POST", format!("{VERSION}/composite/batch"), inner.to_string()));
    asks
}

fn value(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or_else(|_| panic!("{}", answer.text()))
}

fn rows(answer: &Value) -> usize {
    answer["factMap"]["T!T"]["rows"].as_array().map_or(0, Vec::len)
}

const ROWS: [Kind; 4] = [Kind::Attested, Kind::Synthetic, Kind::Unproven, Kind::Synthetic];

fn run(scene: &Scene, body: &Value) -> Value {
    let target = format!("{VERSION}/analytics/reports/{CONTACTS}?includeDetails=true");
    let answer = ask(scene, "POST", &target, &json!({"reportMetadata": body}).to_string());
    assert_eq!(answer.status, 200, "{}", answer.text());
    value(&answer)
}

#[test]
fn a_report_counts_what_its_client_may_see_and_says_nothing_of_our_filters() {
    let org = LocalOrg::with(&Marks::new(), &ROWS, |_| false);
    for (environment, want) in
        [(Environment::Production, 2), (Environment::Sandbox, 3), (Environment::Staging, 4)]
    {
        let scene = isolating(&org, environment);
        let filters = json!([{"column": "Contact.Department", "operator": "contains", "value": "d"}]);
        let ran = run(&scene, &json!({"detailColumns": ["Contact.LastName"], "reportFilters": filters}));
        assert_eq!(ran["factMap"]["T!T"]["aggregates"][0]["value"], want, "{environment}");
        assert_eq!(rows(&ran), want);
        assert_eq!(ran["reportMetadata"]["reportFilters"], filters);
        assert_eq!(ran["reportMetadata"]["reportBooleanFilter"], Value::Null);
        let plain = ask(&scene, "GET", &format!("{VERSION}/analytics/reports/{CONTACTS}"), "");
        assert_eq!(value(&plain)["factMap"]["T!T"]["aggregates"][0]["value"], want);
        assert_eq!(value(&plain)["factMap"]["T!T"]["rows"], Value::Null);
        let (_, entries) = scene.stop();
        let reads = entries.iter().filter(|entry| entry["action"] == "read").count();
        assert_eq!(reads, if environment == Environment::Staging { 0 } else { 2 });
    }
}

#[test]
fn a_run_in_the_background_is_shown_by_any_gateway_that_would_have_asked_for_it() {
    let org = LocalOrg::with(&Marks::new(), &ROWS, |_| false);
    let at = format!("{VERSION}/analytics/reports/{CONTACTS}/instances");
    let begin = |scene: &Scene| -> String {
        let begun = value(&ask(scene, "POST", &format!("{at}?includeDetails=true"), ""));
        format!("{at}/{}", begun["id"].as_str().unwrap())
    };
    let (one, other) = (isolating(&org, Environment::Production), isolating(&org, Environment::Production));
    let (sandbox, staging) = (isolating(&org, Environment::Sandbox), isolating(&org, Environment::Staging));
    let of_production = begin(&one);
    for scene in [&one, &other] {
        let result = value(&ask(scene, "GET", &of_production, ""));
        assert_eq!(result["factMap"]["T!T"]["aggregates"][0]["value"], 2);
        assert_eq!(result["reportMetadata"]["reportFilters"], json!([]));
    }
    for (scene, target) in
        [(&one, begin(&sandbox)), (&one, begin(&staging)), (&sandbox, of_production.clone())]
    {
        let refused = ask(scene, "GET", &target, "");
        assert_eq!(refused.status, 403, "{}", refused.text());
        assert!(refused.text().contains("run it again here"), "{}", refused.text());
    }
    let behind: Value = serde_json::from_slice(&org.direct("POST", &at, "").body).unwrap();
    let behind = format!("{at}/{}", behind["id"].as_str().unwrap());
    assert_eq!(ask(&one, "GET", &behind, "").status, 403);
    assert_eq!(value(&ask(&staging, "GET", &behind, ""))["factMap"]["T!T"]["aggregates"][0]["value"], 4);
    assert_eq!(ask(&one, "DELETE", &of_production, "").status, 204);
}

#[test]
fn a_row_whose_mark_says_more_than_its_labels_is_taken_out() {
    let marks = Marks::new();
    let org = LocalOrg::with(&marks, &[Kind::Attested], |_| false);
    let mut row: Value = serde_json::from_str(&marks.row(Kind::Synthetic, 0)).unwrap();
    let members = row.as_object_mut().unwrap();
    members.remove("Eosin_Dataset__r");
    members.insert("Eosin_Synthetic__c".into(), json!(false));
    members.insert("Eosin_Subject__c".into(), Value::Null);
    org.create("Contact", &row);
    let scene = isolating(&org, Environment::Production);
    assert_eq!(rows(&run(&scene, &json!({"detailColumns": ["Contact.LastName"]}))), 1);
    let grouped =
        json!({"reportFormat": "SUMMARY", "groupingsDown": [{"name": "Contact.Id"}], "detailColumns": []});
    let target = format!("{VERSION}/analytics/reports/{CONTACTS}");
    let refused = ask(&scene, "POST", &target, &json!({"reportMetadata": grouped}).to_string());
    assert!(refused.text().contains("group of this report"), "{}", refused.text());
}

#[test]
fn what_cannot_be_filtered_is_refused_with_its_reason() {
    let org = LocalOrg::with(&Marks::new(), &ROWS, |_| false);
    org.add_lookup("Account", "PrimaryContact__c", "Case");
    let scene = isolating(&org, Environment::Production);
    let contacts = format!("{VERSION}/analytics/reports/{CONTACTS}?includeDetails=true");
    for (metadata, want) in [
        (json!({"reportFormat": "MULTI_BLOCK"}), "joined ones"),
        (json!({"historicalSnapshotDates": ["TODAY"]}), "historical trends"),
        (json!({"crossFilters": [{"relatedEntity": "Case"}]}), "cross filters"),
        (
            json!({"reportFilters": [{"column": "Contact.LastName", "operator": "equals", "value": "x", "filterType": "fieldToField"}]}),
            "fields with fields",
        ),
        (json!({"detailColumns": ["Contact.AccountId"]}), ""),
        (json!({"detailColumns": ["Contact.ReportsToId"]}), "lookup to records"),
        (
            json!({"reportFilters": [{"column": "REPORTS_TO_ID", "operator": "contains", "value": "x"}]}),
            "lookup to records",
        ),
        (json!({"detailColumns": ["Account.PrimaryContact__c"]}), "lookup to records"),
        (
            json!({"reportFilters": [{"column": "account.primarycontact__C", "operator": "contains", "value": "x"}]}),
            "lookup to records",
        ),
    ] {
        let answer = ask(&scene, "POST", &contacts, &json!({"reportMetadata": metadata}).to_string());
        assert!(answer.text().contains(want), "{}", answer.text());
        assert_eq!(answer.status, if want.is_empty() { 200 } else { 403 }, "{}", answer.text());
    }
    // An opportunity has no fields of ours, and leads to an account that has.
    let opportunities = format!("{VERSION}/analytics/reports/00O000000000060");
    assert_eq!(ask(&scene, "GET", &opportunities, "").status, 403);
    let workbook = [
        ("Authorization", "Bearer tok"),
        ("Accept", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ];
    let refused = scene.ask("GET", &contacts, &workbook, b"");
    assert!(refused.text().contains("workbook"), "{}", refused.text());
    let form = [("Authorization", "Bearer tok"), ("Content-Type", "application/x-www-form-urlencoded")];
    assert_eq!(scene.ask("POST", &contacts, &form, b"_HttpMethod=GET").status, 403);
}

#[test]
fn an_org_without_our_fields_runs_its_reports_as_they_are() {
    let org = LocalOrg::bare();
    org.create("Contact", &json!({"LastName": "Doe"}));
    let scene = isolating(&org, Environment::Production);
    assert_eq!(run(&scene, &json!({}))["factMap"]["T!T"]["aggregates"][0]["value"], 1);
}
