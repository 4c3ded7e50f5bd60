//! Groupings of a report: by a column's values, or by a stretch of time.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::columns::{Column, ReportType};
use super::totals::Aggregate;
use super::{cell, refused};
use crate::datetime::{self, DAY_MS};
use crate::failure::Failure;
use crate::schema::{Kind, Schema};

/// One level of grouping.
#[derive(Debug)]
pub(super) struct Grouping {
    pub(super) column: Column,
    granularity: Granularity,
    descending: bool,
    /// The total that groups are sorted by, instead of their values.
    sorted_by: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Granularity {
    Value,
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

/// One group, with the groups in it.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) key: String,
    pub(super) label: String,
    pub(super) value: Value,
    pub(super) inner: Vec<Self>,
    rows: Vec<usize>,
}

/// A group or the whole, with its place in a fact map.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) key: String,
    pub(super) depth: usize,
    pub(super) rows: Vec<usize>,
}

/// Reads `groupingsDown` or `groupingsAcross`.
pub(super) fn read(
    schema: &Schema,
    kind: &ReportType,
    groupings: Option<&Value>,
) -> Result<Vec<Grouping>, Failure> {
    let all = groupings.and_then(Value::as_array).into_iter().flatten();
    all.map(|grouping| {
        let text = |name: &str| grouping.get(name).and_then(Value::as_str);
        let name = text("name").ok_or_else(|| refused("A grouping needs a name."))?;
        let column = kind.column(schema, name)?;
        let is_dated = matches!(column.field.kind, Kind::Date | Kind::DateTime);
        let granularity = match text("dateGranularity").unwrap_or("None").to_ascii_lowercase().as_str() {
            "none" | "day" if is_dated => Granularity::Day,
            "none" => Granularity::Value,
            "week" if is_dated => Granularity::Week,
            "month" if is_dated => Granularity::Month,
            "quarter" if is_dated => Granularity::Quarter,
            "year" if is_dated => Granularity::Year,
            other => {
                return Err(refused(format!("The date granularity {other} is not one of column {name}.")));
            }
        };
        let descending = text("sortOrder").is_some_and(|order| order.eq_ignore_ascii_case("Desc"));
        Ok(Grouping { column, granularity, descending, sorted_by: text("sortAggregate").map(str::to_owned) })
    })
    .collect()
}

/// The groups of some rows, level by level.
pub(super) fn tree(
    levels: &[Grouping],
    records: &[Value],
    rows: &[usize],
    aggregates: &[Aggregate],
) -> Vec<Node> {
    under(levels, records, rows, aggregates, "")
}

fn under(
    levels: &[Grouping],
    records: &[Value],
    rows: &[usize],
    aggregates: &[Aggregate],
    before: &str,
) -> Vec<Node> {
    let Some((level, deeper)) = levels.split_first() else { return Vec::new() };
    let mut groups: Vec<(Value, String, Vec<usize>)> = Vec::new();
    let mut places: std::collections::BTreeMap<String, usize> = std::collections::BTreeMap::new();
    for at in rows {
        let Some(record) = records.get(*at) else { continue };
        let (value, label) = level.of(record);
        let place = *places.entry(value.to_string().to_lowercase()).or_insert_with(|| {
            groups.push((value, label, Vec::new()));
            groups.len() - 1
        });
        if let Some((_, _, rows)) = groups.get_mut(place) {
            rows.push(*at);
        }
    }
    let total = level.sorted_by.as_ref().and_then(|name| aggregates.iter().find(|one| one.name == *name));
    groups.sort_by(|a, b| {
        let by = |group: &(Value, String, Vec<usize>)| match total {
            Some(total) => total.number(records, &group.2).map_or(Value::Null, |number| json!(number)),
            None if level.column.shown_by.is_some() && !group.0.is_null() => json!(group.1),
            None => group.0.clone(),
        };
        let found = order(&by(a), &by(b));
        if level.descending { found.reverse() } else { found }
    });
    let node = |(at, (value, label, rows)): (usize, (Value, String, Vec<usize>))| {
        let key = if before.is_empty() { at.to_string() } else { format!("{before}_{at}") };
        Node { inner: under(deeper, records, &rows, aggregates, &key), key, label, value, rows }
    };
    groups.into_iter().enumerate().map(node).collect()
}

/// The whole and every group in a tree, with what each is called in a fact map.
pub(super) fn flat(tree: &[Node], all: &[usize]) -> Vec<Place> {
    let mut places = vec![Place { key: "T".into(), depth: 0, rows: all.to_vec() }];
    walk(tree, 1, &mut places);
    places
}

fn walk(nodes: &[Node], depth: usize, places: &mut Vec<Place>) {
    for node in nodes {
        places.push(Place { key: node.key.clone(), depth, rows: node.rows.clone() });
        walk(&node.inner, depth + 1, places);
    }
}

/// The rows that are in both.
pub(super) fn common(a: &[usize], b: &[usize]) -> Vec<usize> {
    let known: BTreeSet<&usize> = b.iter().collect();
    a.iter().filter(|row| known.contains(row)).copied().collect()
}

impl Grouping {
    /// The value and the label of the group that a record belongs to.
    fn of(&self, record: &Value) -> (Value, String) {
        let found = cell::at(record, &self.column.path);
        let day = found.as_str().filter(|_| self.granularity != Granularity::Value);
        let Some(day) = day.and_then(datetime::read_date_time).map(|ms| ms.div_euclid(DAY_MS)) else {
            let value = if found.is_null() || !self.column.field.name_field {
                found.clone()
            } else {
                cell::at(record, &format!("{}Id", self.column.before)).clone()
            };
            return (value, cell::label(&self.column, record));
        };
        let (year, month, _) = datetime::civil_from_days(day);
        let first = |month| datetime::days_from_civil(year, month, 1);
        let (start, label) = match self.granularity {
            Granularity::Value | Granularity::Day => (day, cell::american(day)),
            Granularity::Week => {
                // 1970-01-01 was a Thursday; weeks begin on Sunday.
                let start = day - (day + 4).rem_euclid(7);
                (start, format!("{} - {}", cell::american(start), cell::american(start + 6)))
            }
            Granularity::Month => {
                let name =
                    usize::try_from(month - 1).ok().and_then(|at| MONTHS.get(at)).copied().unwrap_or("");
                (first(month), format!("{name} {year}"))
            }
            Granularity::Quarter => {
                let quarter = (month - 1) / 3;
                (first(quarter * 3 + 1), format!("Q{} CY{year}", quarter + 1))
            }
            Granularity::Year => (first(1), format!("CY{year}")),
        };
        (json!(datetime::spell_date(start)), label)
    }
}

/// The order of groups: nothing first, numbers by size, text without case.
fn order(a: &Value, b: &Value) -> Ordering {
    if let (Some(a), Some(b)) = (a.as_f64(), b.as_f64()) {
        return a.partial_cmp(&b).unwrap_or(Ordering::Equal);
    }
    let text = |value: &Value| crate::value::spell(value).to_lowercase();
    text(a).cmp(&text(b))
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
