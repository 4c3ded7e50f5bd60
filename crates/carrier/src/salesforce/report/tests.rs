//! Scenes of reports: what is asked, and metadata with further filters.

use proptest::prelude::*;

use super::*;

fn described() -> Value {
    let column =
        |entity: &str| json!({"entityColumnName": entity, "isLookup": entity.ends_with("AccountId")});
    let names = [
        "Contact.LastName",
        "Contact.AccountId",
        "Contact.Id",
        "Contact.Eosin_Synthetic__c",
        "Contact.Eosin_Subject__c",
    ];
    let own: Map<String, Value> = names.into_iter().map(|name| (name.to_owned(), column(name))).collect();
    let other = json!({"ACCOUNT_NAME": column("Account.Name"), "Account.Eosin_Synthetic__c": column("Account.Eosin_Synthetic__c"),
        "Account.Eosin_Subject__c": column("Account.Eosin_Subject__c")});
    json!({
        "reportMetadata": {"reportType": {"type": "ContactList"}},
        "reportTypeMetadata": {"categories": [{"columns": own}, {"columns": other}]},
    })
}

fn hides(ticked: bool, subjects: &[&'static str], unmarked: bool) -> ReportHides {
    let (synthetic, subject) = ("Eosin_Synthetic__c".to_owned(), "Eosin_Subject__c".to_owned());
    ReportHides { synthetic, subject, ticked, subjects: subjects.to_vec(), unmarked }
}

fn conditions(hides: &ReportHides) -> ReportConditions {
    let kind = ReportType::read(&described()).unwrap();
    let mut conditions = ReportConditions::default();
    for before in kind.joins().keys() {
        assert!(conditions.add(&kind, before, hides));
    }
    conditions
}

fn metadata(value: &Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

#[test]
fn a_run_is_known_by_its_target() {
    let base = "/services/data/v67.0/analytics/reports";
    let (report, run) = ("00O000000000001AAA", "0LG000000000001AAA");
    let path = format!("{base}/{report}");
    for (method, target, want) in [
        ("GET", path.clone(), Some(ReportAsk::Run { report: path.clone() })),
        ("POST", format!("{path}?includeDetails=true"), Some(ReportAsk::Run { report: path.clone() })),
        ("POST", format!("{base}/query"), Some(ReportAsk::Unkept { reports: base.to_owned() })),
        ("POST", format!("{path}/instances"), Some(ReportAsk::Begin { report: path.clone() })),
        ("GET", format!("{path}/instances/{run}"), Some(ReportAsk::Result { report: path.clone() })),
        ("GET", format!("{path}/instances"), None),
        ("GET", format!("{path}/describe"), None),
        ("PATCH", path.clone(), None),
        ("GET", "/services/data/v67.0/analytics/dashboards/01Z000000000001AAA".to_owned(), None),
    ] {
        assert_eq!(report_ask(method, &target), want, "{method} {target}");
    }
}

#[test]
fn filters_are_numbered_behind_the_reports_own() {
    let own = json!({"reportFilters": [{"column": "a", "operator": "equals", "value": "x"}, {"column": "b", "operator": "equals", "value": "y"}],
        "reportBooleanFilter": "1 or 2"});
    let production = conditions(&hides(true, &["synthetic", "mixed"], false));
    let isolated = report_isolated(&metadata(&own), &production).unwrap();
    assert_eq!(isolated["reportBooleanFilter"], "(3 AND 4 AND 5 AND 6) AND (1 OR 2)");
    assert_eq!(
        isolated["reportFilters"][2],
        json!({"column": "Account.Eosin_Synthetic__c", "operator": "notEqual", "value": "True"})
    );
    let sandbox = conditions(&hides(false, &["attested"], true));
    let isolated = report_isolated(&Map::new(), &sandbox).unwrap();
    assert_eq!(isolated["reportBooleanFilter"], "(1 AND (2 OR 3) AND 4 AND (5 OR 6 OR 7))");
}

#[test]
fn logic_that_closes_our_parentheses_is_refused() {
    let conditions = conditions(&hides(true, &[], false));
    for logic in ["1) OR (1", "1 OR", "1 2", "3", "(1", "1)", "x", "1 OR 1)) OR ((1"] {
        let own = json!({"reportFilters": [{"column": "a", "operator": "equals", "value": "x"}], "reportBooleanFilter": logic});
        assert_eq!(report_isolated(&metadata(&own), &conditions), Err(ReportClosed::Logic), "{logic}");
    }
}

#[test]
fn a_run_that_was_not_filtered_is_told() {
    let conditions = conditions(&hides(true, &["synthetic"], false));
    let filter = json!({"column": "a", "operator": "equals", "value": "x"});
    let isolated = report_isolated(&metadata(&json!({"reportFilters": [filter]})), &conditions).unwrap();
    assert!(report_own(&isolated, &conditions).is_some());
    let ours = isolated["reportFilters"].as_array().unwrap().len();
    for logic in [
        "1 OR (2 AND 3 AND 4 AND 5)",
        "(2 AND 3 AND 4) AND (1)",
        "(2 AND 3 AND 4 AND 5) OR (1)",
        "(2 AND 3 AND 4 AND 5)",
        "(2 AND 3 AND 4 AND 5) AND (1) OR (1)",
    ] {
        let mut other = isolated.clone();
        other.insert("reportBooleanFilter".into(), json!(logic));
        assert_eq!(report_own(&other, &conditions), None, "{logic}");
    }
    for at in 1..ours {
        let mut other = isolated.clone();
        other["reportFilters"][at]["value"] = json!("something else");
        assert_eq!(report_own(&other, &conditions), None);
    }
    assert_eq!(
        report_own(&metadata(&json!({"reportFilters": [], "reportBooleanFilter": null})), &conditions),
        None
    );
}

#[test]
fn what_no_filter_reaches_is_refused() {
    let kept = metadata(&json!({"reportType": {"type": "ContactList"}, "reportFormat": "TABULAR"}));
    for (given, want) in [
        (json!({"reportFormat": "MULTI_BLOCK"}), ReportClosed::Format),
        (json!({"reportFormat": "SOMETHING"}), ReportClosed::Format),
        (json!({"historicalSnapshotDates": ["TODAY"]}), ReportClosed::Historical),
        (json!({"crossFilters": [{"relatedEntity": "Case"}]}), ReportClosed::Cross),
        (json!({"reportfilters": []}), ReportClosed::Member),
        (json!({"reportType": {"type": "AccountList"}}), ReportClosed::Type),
        (json!({"reportFilters": [{"column": "a", "filterType": "fieldToField"}]}), ReportClosed::Fields),
    ] {
        assert_eq!(report_metadata(&kept, &metadata(&given)), Err(want));
    }
    assert!(report_metadata(&kept, &metadata(&json!({"aggregates": ["RowCount"]}))).is_ok());
}

#[test]
fn columns_say_what_a_row_joins() {
    let kind = ReportType::read(&described()).unwrap();
    let joins: Vec<_> = kind.joins().into_iter().collect();
    assert_eq!(joins, [("Account.".into(), "Account".into()), ("Contact.".into(), "Contact".into())]);
    let used = kind.lookups(&metadata(&json!({"detailColumns": ["Contact.AccountId"]})));
    assert_eq!((used.len(), used[0].field.as_str()), (1, "AccountId"));
    for (name, count) in [("contact.accountid", 1), ("ACCOUNT_ID", 1), ("Contact.LastName", 0)] {
        assert_eq!(
            kind.lookups(&metadata(&json!({"reportFilters": [{"column": name}]}))).len(),
            count,
            "{name}"
        );
    }
    let mut unnamed = described();
    unnamed["reportTypeMetadata"]["categories"][0]["columns"] = json!({"LAST_NAME": {"label": "Last Name"}});
    assert_eq!(ReportType::read(&unnamed).unwrap_err(), ReportClosed::Unnamed);
}

proptest! {
    #[test]
    fn what_is_added_comes_off_again(count in 0_usize..6, logic in "[0-9ANDORT() ]{0,40}", ticked: bool, unmarked: bool) {
        let conditions = conditions(&hides(ticked, &["attested"], unmarked));
        let filters: Vec<Value> = (0..count).map(|at| json!({"column": format!("c{at}"), "operator": "equals", "value": ""})).collect();
        let own = metadata(&json!({"reportFilters": filters, "reportBooleanFilter": logic}));
        if let Ok(isolated) = report_isolated(&own, &conditions) {
            let back = report_own(&isolated, &conditions).unwrap();
            prop_assert_eq!(&back["reportFilters"], &own["reportFilters"]);
            prop_assert_eq!(report_isolated(&back, &conditions).unwrap(), isolated);
        }
    }
}
