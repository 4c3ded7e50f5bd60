//! Reports: made, changed, run with filters, groups and totals, in the background, and saved as a file.

use serde_json::{Value, json};

use crate::client::{Story, start};

/// Four opportunities of two accounts, and a lead.
async fn staged() -> Story {
    let story = start(|_| ()).await;
    let mut accounts = Vec::new();
    for name in ["Acme", "Birch, Inc."] {
        accounts
            .push(story.call("POST", "sobjects/Account", json!({"Name": name})).await.json()["id"].clone());
    }
    for (name, account, amount, stage) in [
        ("One", 0, json!(100), "Prospecting"),
        ("Two", 0, json!(300), "Closed Won"),
        ("Three", 1, json!(50), "Prospecting"),
        ("Four", 1, Value::Null, "Prospecting"),
    ] {
        let row = json!({"Name": name, "AccountId": accounts[account], "Amount": amount, "StageName": stage,
            "CloseDate": "2026-03-31"});
        assert_eq!(story.call("POST", "sobjects/Opportunity", row).await.status, 201);
    }
    story.call("POST", "sobjects/Lead", json!({"LastName": "Doe", "Company": "Example, Inc."})).await;
    story
}

async fn made(story: &Story, metadata: Value) -> String {
    let answer = story.call("POST", "analytics/reports", json!({"reportMetadata": metadata})).await;
    assert_eq!(answer.status, 200, "{}", answer.json());
    answer.json()["reportMetadata"]["id"].as_str().unwrap().to_owned()
}

fn by_stage() -> Value {
    json!({
        "name": "Pipeline", "reportType": {"type": "OpportunityList"}, "reportFormat": "SUMMARY",
        "detailColumns": ["Opportunity.Name", "Opportunity.Amount", "Account.Name"],
        "groupingsDown": [
            {"name": "Opportunity.StageName", "sortOrder": "Asc", "dateGranularity": "None"},
            {"name": "Account.Name", "sortOrder": "Asc", "dateGranularity": "None"},
        ],
        "aggregates": ["s!Opportunity.Amount", "a!Opportunity.Amount", "m!Opportunity.Amount", "x!Opportunity.Amount",
            "u!Account.Name", "RowCount"],
    })
}

#[tokio::test]
async fn a_summary_has_groups_totals_and_rows() {
    let story = staged().await;
    let id = made(&story, by_stage()).await;
    let run = story.get(&format!("analytics/reports/{id}?includeDetails=true")).await.json();
    let groups = &run["groupingsDown"]["groupings"];
    assert_eq!((&groups[0]["label"], &groups[1]["label"]), (&json!("Closed Won"), &json!("Prospecting")));
    assert_eq!(
        (&groups[1]["groupings"][1]["key"], &groups[1]["groupings"][1]["label"]),
        (&json!("1_1"), &json!("Birch, Inc."))
    );
    let totals = |key: &str| -> Vec<Value> {
        run["factMap"][key]["aggregates"].as_array().unwrap().iter().map(|one| one["value"].clone()).collect()
    };
    assert_eq!(totals("T!T"), [json!(450), json!(150), json!(50), json!(300), json!(2), json!(4)]);
    assert_eq!(totals("1!T"), [json!(150), json!(75), json!(50), json!(100), json!(2), json!(3)]);
    assert_eq!(totals("1_1!T"), [json!(50), json!(50), json!(50), json!(50), json!(1), json!(2)]);
    assert_eq!(run["factMap"]["T!T"]["aggregates"][0]["label"], "$450.00");
    assert_eq!(run["factMap"]["1!T"]["rows"], json!([]));
    let cells = &run["factMap"]["1_1!T"]["rows"][0]["dataCells"];
    assert_eq!(
        (&cells[0]["label"], &cells[1]),
        (&json!("Three"), &json!({"label": "$50.00", "value": {"amount": 50.0, "currency": null}}))
    );
    assert!(cells[0]["value"].as_str().unwrap().starts_with("006"));
    assert!(cells[2]["value"].as_str().unwrap().starts_with("001"));
    let summary = story.get(&format!("analytics/reports/{id}")).await.json();
    assert_eq!(
        (&summary["hasDetailRows"], &summary["factMap"]["1_1!T"]["rows"]),
        (&json!(false), &Value::Null)
    );
    let matrix = json!({"reportMetadata": {"reportFormat": "MATRIX", "aggregates": ["RowCount"],
        "groupingsDown": [{"name": "Opportunity.StageName"}], "groupingsAcross": [{"name": "Opportunity.CloseDate", "dateGranularity": "Quarter"}]}});
    let run = story.call("POST", &format!("analytics/reports/{id}"), matrix).await.json();
    assert_eq!(run["groupingsAcross"]["groupings"][0]["label"], "Q1 CY2026");
    assert_eq!(run["factMap"]["1!0"]["aggregates"][0]["value"], 3);
    assert_eq!(run["factMap"]["T!0"]["aggregates"][0]["value"], 4);
}

#[tokio::test]
async fn filters_take_rows_by_their_logic() {
    let story = staged().await;
    let id = made(&story, json!({"name": "All", "reportType": {"type": "OpportunityList"}})).await;
    let filter = |column: &str, operator: &str, value: &str| json!({"column": column, "operator": operator, "value": value});
    let cases = [
        (vec![filter("Opportunity.Amount", "greaterOrEqual", "100")], None, 2),
        (vec![filter("Account.Name", "equals", "\"Birch, Inc.\"")], None, 2),
        (vec![filter("Account.Name", "contains", "birch,acm")], None, 4),
        (vec![filter("Opportunity.Amount", "equals", "")], None, 1),
        (vec![filter("STAGE_NAME", "notEqual", "Closed Won")], None, 3),
        (vec![filter("Opportunity.CloseDate", "lessThan", "3/31/2026")], None, 0),
        (vec![filter("Opportunity.CreatedDate", "equals", "TODAY")], None, 4),
        (vec![filter("Opportunity.IsDeleted", "equals", "False")], None, 4),
        (
            vec![
                filter("Opportunity.StageName", "equals", "Prospecting"),
                filter("Opportunity.Amount", "lessThan", "60"),
                filter("Opportunity.Name", "startsWith", "fo"),
            ],
            Some("1 AND (2 OR 3)"),
            2,
        ),
    ];
    for (filters, logic, want) in cases {
        let body = json!({"reportMetadata": {"reportFilters": filters, "reportBooleanFilter": logic}});
        let run = story.call("POST", &format!("analytics/reports/{id}"), body.clone()).await.json();
        assert_eq!(run["factMap"]["T!T"]["aggregates"][0]["value"], want, "{body}");
    }
    for (metadata, status) in [
        (json!({"reportFilters": [filter("Opportunity.Nope", "equals", "1")]}), 400),
        (json!({"reportFilters": [filter("Opportunity.Amount", "contains", "1")]}), 400),
        (json!({"reportFilters": [filter("Opportunity.Amount", "equals", "much")]}), 400),
        (json!({"reportBooleanFilter": "1"}), 400),
        (json!({"reportFormat": "MULTI_BLOCK"}), 400),
        (json!({"crossFilters": [{"relatedEntity": "Task"}]}), 400),
        (json!({"nope": 1}), 400),
    ] {
        let answer =
            story.call("POST", &format!("analytics/reports/{id}"), json!({"reportMetadata": metadata})).await;
        assert_eq!((answer.status, &answer.json()[0]["errorCode"]), (status, &json!("BAD_REQUEST")));
    }
}

#[tokio::test]
async fn reports_are_kept_listed_cloned_changed_and_deleted() {
    let story = staged().await;
    let id = made(&story, by_stage()).await;
    let found =
        story.query("SELECT Id, Name, DeveloperName, Format FROM Report WHERE Name = 'Pipeline'").await;
    let row = &found["records"][0];
    assert_eq!(
        (&row["Id"], &row["DeveloperName"], &row["Format"]),
        (&json!(id), &json!("Pipeline"), &json!("Summary"))
    );
    assert_eq!(story.get("analytics/reports").await.json()[0]["name"], "Pipeline");
    let clone = story
        .call("POST", &format!("analytics/reports?cloneId={id}"), json!({"reportMetadata": {"name": "Copy"}}))
        .await
        .json();
    let copy = clone["reportMetadata"]["id"].as_str().unwrap();
    assert_ne!(copy, id);
    assert_eq!(clone["reportMetadata"]["groupingsDown"], by_stage()["groupingsDown"]);
    let change = json!({"reportMetadata": {"name": "Changed", "aggregates": ["RowCount"]}});
    assert_eq!(story.call("PATCH", &format!("analytics/reports/{copy}"), change).await.status, 200);
    let described = story.get(&format!("analytics/reports/{copy}/describe")).await.json();
    assert_eq!(described["reportMetadata"]["name"], "Changed");
    let column = &described["reportTypeMetadata"]["categories"][0]["columns"]["Opportunity.Amount"];
    assert_eq!(
        (&column["entityColumnName"], &column["dataType"]),
        (&json!("Opportunity.Amount"), &json!("currency"))
    );
    assert_eq!(story.call("DELETE", &format!("analytics/reports/{copy}"), "").await.status, 204);
    let gone = story.get(&format!("analytics/reports/{copy}/describe")).await;
    assert_eq!((gone.status, &gone.json()[0]["errorCode"]), (404, &json!("NOT_FOUND")));
    let types = story.get("analytics/report-types").await.json();
    assert!(types[0]["reportTypes"].as_array().unwrap().iter().any(|kind| kind["type"] == "LeadList"));
    assert!(story.get("analytics/report-types/LeadList").await.json()["reportTypeMetadata"].is_object());
    let ran = json!({"reportMetadata": {"reportType": {"type": "LeadList"}, "hasDetailRows": true}});
    let ran = story.call("POST", "analytics/reports/query", ran).await.json();
    assert_eq!(ran["factMap"]["T!T"]["rows"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_run_in_the_background_is_fetched_later() {
    let story = staged().await;
    let id = made(&story, by_stage()).await;
    let at = format!("analytics/reports/{id}/instances");
    let begun = story.call("POST", &format!("{at}?includeDetails=true"), "").await.json();
    assert_eq!(begun["status"], "New");
    let instance = begun["id"].as_str().unwrap();
    assert_eq!(story.get(&at).await.json()[0]["status"], "Success");
    let result = story.get(&format!("{at}/{instance}")).await.json();
    assert_eq!(
        (&result["attributes"]["type"], &result["attributes"]["id"]),
        (&json!("ReportInstance"), &json!(instance))
    );
    assert_eq!(result["factMap"]["T!T"]["aggregates"][5]["value"], 4);
    assert_eq!(story.call("DELETE", &format!("{at}/{instance}"), "").await.status, 204);
    assert_eq!(story.get(&format!("{at}/{instance}")).await.status, 404);
}

#[tokio::test]
async fn a_report_is_saved_as_a_file() {
    let story = staged().await;
    let id = made(&story, by_stage()).await;
    let file = story
        .raw(
            "GET",
            &format!("/{id}?export=1&enc=UTF-8&xf=csv"),
            &[("cookie", "lang=en; sid=tok")],
            Vec::new(),
        )
        .await;
    assert_eq!(file.status, 200);
    let text = String::from_utf8(file.body.to_vec()).unwrap();
    let lines: Vec<&str> = text.split("\r\n").collect();
    assert_eq!(lines[0], "\"Stage Name\",\"Account: Name\",\"Name\",\"Amount\",\"Account: Name\"");
    assert!(lines[3].contains("\"Birch, Inc.\",\"Three\",\"50.0\""), "{}", lines[3]);
    assert_eq!((lines[5], lines[6], lines[7]), ("", "", "\"Pipeline\""));
    assert!(lines[8].contains("All rights reserved."));
    assert_eq!(lines[11], "\"Local Org\"");

    let path = format!("/{id}?export=1&enc=UTF-8&xf=xlsx");
    let file = story.raw("GET", &path, &[("cookie", "sid=tok")], Vec::new()).await;
    let mut workbook = zip::ZipArchive::new(std::io::Cursor::new(file.body.to_vec())).unwrap();
    let mut part = |name: &str| std::io::read_to_string(workbook.by_name(name).unwrap()).unwrap();
    let (strings, sheet) = (part("xl/sharedStrings.xml"), part("xl/worksheets/sheet1.xml"));
    let strings: Vec<&str> = strings.split("</t></si>").filter_map(|text| text.rsplit('>').next()).collect();
    let cell = |name: &str| {
        let shared = sheet.split(&format!("<c r=\"{name}\" t=\"s\"><v>")).nth(1).unwrap();
        strings[shared.split('<').next().unwrap().parse::<usize>().unwrap()]
    };
    assert_eq!(["A1", "B4", "D4", "A7"].map(cell), ["Stage Name", "Birch, Inc.", "50.0", "Pipeline"]);
    assert!(file.status == 200 && cell("A11") == "Local Org", "{sheet}");
}
