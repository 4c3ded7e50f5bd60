//! What the API says of a report beside its rows: metadata, extended metadata, the metadata of its type.

use serde_json::{Map, Value, json};

use super::columns::{Column, ReportType};
use super::run::Plan;
use crate::schema::{Kind, Schema};

/// Metadata that says everything: what is given, and how the rest is by itself.
pub(super) fn completed(
    schema: &Schema,
    kind: &ReportType,
    given: &Map<String, Value>,
) -> Map<String, Value> {
    let columns: Vec<String> = kind.first_columns(schema).into_iter().map(|column| column.name).collect();
    let format = if given.get("groupingsAcross").and_then(Value::as_array).is_some_and(|all| !all.is_empty())
    {
        "MATRIX"
    } else if given.get("groupingsDown").and_then(Value::as_array).is_some_and(|all| !all.is_empty()) {
        "SUMMARY"
    } else {
        "TABULAR"
    };
    let whole = json!({
        "aggregates": ["RowCount"], "buckets": [], "chart": null, "crossFilters": [], "currency": null,
        "customDetailFormula": {}, "customSummaryFormula": {}, "dashboardSetting": null, "description": null,
        "detailColumns": columns, "developerName": null, "division": null, "folderId": null, "groupingsAcross": [],
        "groupingsDown": [], "hasDetailRows": true, "hasRecordCount": true, "historicalSnapshotDates": [], "id": null,
        "name": null, "presentationOptions": {"hasStackedSummaries": true}, "reportBooleanFilter": null,
        "reportFilters": [], "reportFormat": format,
        "reportType": {"label": kind.plural(), "type": kind.name()}, "scope": "organization", "showGrandTotal": true,
        "showSubtotals": true, "sortBy": [],
        "standardDateFilter": {"column": "CREATED_DATE", "durationValue": "CUSTOM", "endDate": null, "startDate": null},
        "standardFilters": null, "supportsRoleHierarchy": false, "topRows": null, "userOrHierarchyFilterId": null,
    });
    let Value::Object(mut whole) = whole else { return Map::new() };
    for (name, value) in given {
        if let Some(known) = whole.get_mut(name)
            && name != "reportType"
        {
            known.clone_from(value);
        }
    }
    whole
}

/// `reportExtendedMetadata`: what the columns, totals and groups of a run are.
pub(super) fn extended(plan: &Plan) -> Value {
    let totals = plan.aggregates.iter().map(|one| {
        let info = json!({
            "acrossGroupingContext": null, "dataType": one.data_type(), "downGroupingContext": null,
            "label": one.label(),
        });
        (one.name.clone(), info)
    });
    let details = plan.columns.iter().map(|column| (column.name.clone(), detail(column)));
    let groupings =
        plan.down.iter().enumerate().chain(plan.across.iter().enumerate()).map(|(level, grouping)| {
            let column = &grouping.column;
            let info = json!({"dataType": data_type(column), "groupingLevel": level, "label": label(column)});
            (column.name.clone(), info)
        });
    json!({
        "aggregateColumnInfo": totals.collect::<Map<String, Value>>(),
        "detailColumnInfo": details.collect::<Map<String, Value>>(),
        "groupingColumnInfo": groupings.collect::<Map<String, Value>>(),
    })
}

/// `reportTypeMetadata`: every column of the type, and how each may be filtered.
pub(super) fn type_metadata(schema: &Schema, kind: &ReportType) -> Value {
    let categories = kind.columns(schema).into_iter().map(|(label, columns)| {
        let columns = columns.iter().map(|column| (column.name.clone(), described(column)));
        json!({"columns": columns.collect::<Map<String, Value>>(), "label": format!("{label} Information")})
    });
    let operators = OPERATORS.iter().map(|(kind, names)| {
        let names = names.iter().filter_map(|name| LABELS.iter().find(|(known, _)| known == name));
        let names = names.map(|(name, label)| json!({"label": label, "name": name}));
        ((*kind).to_owned(), Value::Array(names.collect()))
    });
    let granularities = ["None", "Day", "Week", "Month", "Quarter", "Year"];
    let granularities = granularities.map(|name| json!({"label": name, "name": name}));
    let scope = |value: &str, label: String| json!({"allowsDivision": false, "label": label, "value": value});
    json!({
        "categories": categories.collect::<Vec<_>>(),
        "dataTypeFilterOperatorMap": operators.collect::<Map<String, Value>>(),
        "dateGranularityInfos": granularities,
        "divisionInfo": null,
        "scopeInfo": {
            "defaultValue": "organization",
            "values": [
                scope("user", format!("My {}", kind.plural())),
                scope("organization", format!("All {}", kind.plural())),
            ],
        },
        "standardDateFilterDurationGroups": [{
            "label": "Custom",
            "standardDateFilterDurations": [{"endDate": null, "label": "Custom", "startDate": null, "value": "CUSTOM"}],
        }],
        "standardFilterInfos": {},
        "supportsJoinedFormat": false,
    })
}

fn detail(column: &Column) -> Value {
    json!({
        "dataType": data_type(column), "entityColumnName": entity_column(column), "filterValues": values(column),
        "filterable": column.field.filterable(), "isLookup": is_lookup(column), "label": label(column),
        "uniqueCountable": true,
    })
}

fn described(column: &Column) -> Value {
    let kind = column.field.kind;
    let length = if kind.is_text() { json!(column.field.length) } else { Value::Null };
    json!({
        "allowedInCustomDetailFormula": kind.is_number() || kind.is_text(),
        "bucketable": kind.is_number() || kind.is_text(),
        "dataType": data_type(column), "entityColumnName": entity_column(column), "fieldToFieldFilterable": false,
        "filterValues": values(column), "filterable": column.field.filterable(), "isCustom": column.field.custom,
        "isLookup": is_lookup(column), "label": label(column), "maxLength": length, "uniqueCountable": true,
    })
}

fn entity_column(column: &Column) -> String {
    format!("{}.{}", column.entity, column.field.name)
}

fn is_lookup(column: &Column) -> bool {
    column.field.kind == Kind::Reference
}

fn data_type(column: &Column) -> &'static str {
    column.field.kind.name()
}

/// What stands over a column: with the name of its object, if it is not the report's own.
pub(super) fn label(column: &Column) -> String {
    if column.before.is_empty() || column.field.label.starts_with(&column.entity) {
        column.field.label.clone()
    } else {
        format!("{}: {}", column.entity, column.field.label)
    }
}

fn values(column: &Column) -> Vec<Value> {
    if column.field.kind == Kind::Boolean {
        return vec![json!({"label": "True", "name": "1"}), json!({"label": "False", "name": "0"})];
    }
    column.field.values.iter().map(|value| json!({"label": value, "name": value})).collect()
}

const TEXT: &[&str] = &[
    "equals",
    "notEqual",
    "lessThan",
    "greaterThan",
    "lessOrEqual",
    "greaterOrEqual",
    "contains",
    "notContain",
    "startsWith",
];
const NUMBER: &[&str] = &["equals", "notEqual", "lessThan", "greaterThan", "lessOrEqual", "greaterOrEqual"];

/// The operators of each type of column.
const OPERATORS: [(&str, &[&str]); 19] = [
    ("boolean", &["equals", "notEqual"]),
    ("combobox", TEXT),
    ("currency", NUMBER),
    ("date", NUMBER),
    ("datetime", NUMBER),
    ("double", NUMBER),
    ("email", TEXT),
    ("encryptedstring", TEXT),
    ("id", &["equals", "notEqual"]),
    ("int", NUMBER),
    ("multipicklist", &["equals", "notEqual", "includes", "excludes"]),
    ("percent", NUMBER),
    ("phone", TEXT),
    ("picklist", TEXT),
    ("reference", &["equals", "notEqual", "contains", "notContain", "startsWith"]),
    ("string", TEXT),
    ("textarea", TEXT),
    ("time", NUMBER),
    ("url", TEXT),
];

const LABELS: [(&str, &str); 11] = [
    ("equals", "equals"),
    ("notEqual", "not equal to"),
    ("lessThan", "less than"),
    ("greaterThan", "greater than"),
    ("lessOrEqual", "less or equal"),
    ("greaterOrEqual", "greater or equal"),
    ("contains", "contains"),
    ("notContain", "does not contain"),
    ("startsWith", "starts with"),
    ("includes", "includes"),
    ("excludes", "excludes"),
];
