//! A report's run: its rows by a query, grouped, totalled, and laid out as a fact map.

use serde_json::{Map, Value, json};

use super::columns::{Column, ReportType};
use super::groups::{self, Grouping, Node};
use super::totals::Aggregate;
use super::{cell, filters, refused};
use crate::failure::Failure;
use crate::soql::{Item, Operand, Order, Query, evaluate};
use crate::state::Visit;

/// What a report's metadata asks for, understood.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) kind: ReportType,
    pub(super) columns: Vec<Column>,
    pub(super) down: Vec<Grouping>,
    pub(super) across: Vec<Grouping>,
    pub(super) aggregates: Vec<Aggregate>,
    pub(super) query: Query,
}

impl Plan {
    /// Understands a report's whole metadata.
    ///
    /// Errors: what this org cannot run, and columns, filters and groupings that are not of the report's type.
    pub(super) fn of(visit: &Visit<'_>, metadata: &Map<String, Value>) -> Result<Self, Failure> {
        supported(metadata)?;
        let schema = &visit.state.store.schema;
        let kind = super::type_of(schema, metadata)?;
        let names = |key: &str| {
            let list = metadata.get(key).and_then(Value::as_array).into_iter().flatten();
            list.filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>()
        };
        let columns = names("detailColumns").into_iter().map(|name| kind.column(schema, &name));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        let format = metadata.get("reportFormat").and_then(Value::as_str).unwrap_or("TABULAR");
        let down = groups::read(schema, &kind, metadata.get("groupingsDown"))?;
        let across = groups::read(schema, &kind, metadata.get("groupingsAcross"))?;
        let fits = match format {
            "TABULAR" => down.is_empty() && across.is_empty(),
            "SUMMARY" => (1..=3).contains(&down.len()) && across.is_empty(),
            _ => (1..=2).contains(&down.len()) && (1..=2).contains(&across.len()),
        };
        if !fits {
            return Err(refused(format!(
                "The groupings are not those of a report whose format is {format}."
            )));
        }
        let aggregates = names("aggregates").into_iter().map(|name| Aggregate::read(schema, &kind, &name));
        let aggregates = aggregates.collect::<Result<Vec<_>, _>>()?;
        let filter = filters::condition(schema, &kind, metadata, &visit.user)?;
        let used = columns.iter().chain(down.iter().chain(&across).map(|grouping| &grouping.column));
        let used = used.chain(aggregates.iter().filter_map(|one| one.column.as_ref()));
        let mut query = Query::all(items(used), kind.object.name.clone());
        query.filter = filter;
        query.order = order(visit, &kind, metadata)?;
        query.limit = rows_wanted(metadata)?;
        Ok(Self { kind, columns, down, across, aggregates, query })
    }
}

/// The paths that a query is asked for, each once.
fn items<'c>(columns: impl Iterator<Item = &'c Column>) -> Vec<Item> {
    let mut paths = vec!["Id".to_owned()];
    for column in columns {
        let names = column.field.name_field.then(|| format!("{}Id", column.before));
        for path in [Some(column.path.clone()), names, column.shown_by.clone()].into_iter().flatten() {
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
    }
    paths.into_iter().map(|path| Item::Value { operand: Operand::Field(path), alias: None }).collect()
}

fn order(visit: &Visit<'_>, kind: &ReportType, metadata: &Map<String, Value>) -> Result<Vec<Order>, Failure> {
    let keys = metadata.get("sortBy").and_then(Value::as_array).into_iter().flatten();
    keys.map(|key| {
        let text = |name: &str| key.get(name).and_then(Value::as_str).unwrap_or("");
        let column = kind.column(&visit.state.store.schema, text("sortColumn"))?;
        let descending = text("sortOrder").eq_ignore_ascii_case("Desc");
        Ok(Order { by: Operand::Field(column.path), descending, nulls_last: None })
    })
    .collect()
}

/// The row limit of a tabular report.
fn rows_wanted(metadata: &Map<String, Value>) -> Result<Option<u64>, Failure> {
    let Some(top) = metadata.get("topRows").filter(|top| !top.is_null()) else { return Ok(None) };
    let limit = top.get("rowLimit").and_then(Value::as_u64);
    limit.map(Some).ok_or_else(|| refused("topRows needs a rowLimit."))
}

/// Refuses what a real org runs and this one does not.
fn supported(metadata: &Map<String, Value>) -> Result<(), Failure> {
    let format = metadata.get("reportFormat").and_then(Value::as_str).unwrap_or("TABULAR");
    if !matches!(format, "TABULAR" | "SUMMARY" | "MATRIX") {
        return Err(refused(format!("Reports of the format {format} are not run by this org.")));
    }
    for name in
        ["buckets", "crossFilters", "customDetailFormula", "customSummaryFormula", "historicalSnapshotDates"]
    {
        let given = metadata.get(name).is_some_and(|value| match value {
            Value::Array(all) => !all.is_empty(),
            Value::Object(all) => !all.is_empty(),
            Value::Null => false,
            Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
        });
        if given {
            return Err(refused(format!("Reports with {name} are not run by this org.")));
        }
    }
    Ok(())
}

/// Runs a report.
///
/// Shape:  the members of an answer but `attributes`, `reportMetadata` and `reportExtendedMetadata`.
/// Bounds: every row is counted; at most [`ROWS_MAX`] are shown, and [`GROUPS_MAX`] groups.
pub(super) fn run(visit: &Visit<'_>, plan: &Plan, details: bool) -> Result<Map<String, Value>, Failure> {
    let records = records(visit, plan, usize::MAX)?;
    let all: Vec<usize> = (0..records.len()).collect();
    let down = groups::tree(&plan.down, &records, &all, &plan.aggregates);
    let across = groups::tree(&plan.across, &records, &all, &plan.aggregates);
    let (down_all, across_all) = (groups::flat(&down, &all), groups::flat(&across, &all));
    if down_all.len().saturating_mul(across_all.len()) > GROUPS_MAX {
        return Err(refused(format!("A report shows at most {GROUPS_MAX} groups.")));
    }
    let mut facts = Map::new();
    let mut shown = 0;
    for left in &down_all {
        for top in &across_all {
            let rows = groups::common(&left.rows, &top.rows);
            let mut fact = Map::new();
            let totals = plan.aggregates.iter().map(|one| one.of(&records, &rows));
            fact.insert("aggregates".into(), Value::Array(totals.collect()));
            if details {
                let is_last = left.depth == plan.down.len() && top.depth == plan.across.len();
                let rows = if is_last { &rows[..] } else { &[] };
                let rows = rows.iter().take(ROWS_MAX.saturating_sub(shown)).filter_map(|at| records.get(*at));
                let rows: Vec<Value> = rows.map(|record| detail(plan, record)).collect();
                shown += rows.len();
                fact.insert("rows".into(), Value::Array(rows));
            }
            facts.insert(format!("{}!{}", left.key, top.key), Value::Object(fact));
        }
    }
    let members = json!({
        "allData": !details || records.len() <= ROWS_MAX,
        "factMap": facts,
        "groupingsAcross": {"groupings": shapes(&across)},
        "groupingsDown": {"groupings": shapes(&down)},
        "hasDetailRows": details,
    });
    let Value::Object(members) = members else { return Ok(Map::new()) };
    Ok(members)
}

/// The rows of a report as records of its query.
pub(super) fn records(visit: &Visit<'_>, plan: &Plan, most: usize) -> Result<Vec<Value>, Failure> {
    let lens = visit.lens(false);
    let found = evaluate::find(&lens, &plan.query)?;
    evaluate::page(&lens, &plan.query, &found, 0, most)
}

fn detail(plan: &Plan, record: &Value) -> Value {
    let cells: Vec<Value> = plan.columns.iter().map(|column| cell::cell(column, record)).collect();
    json!({"dataCells": cells})
}

fn shapes(nodes: &[Node]) -> Vec<Value> {
    let shape = |node: &Node| {
        json!({
            "groupings": shapes(&node.inner), "key": node.key, "label": node.label, "value": node.value,
        })
    };
    nodes.iter().map(shape).collect()
}

/// Rows that a run shows, as in Salesforce.
pub(super) const ROWS_MAX: usize = 2_000;
/// Places of a fact map.
const GROUPS_MAX: usize = 4_000;
