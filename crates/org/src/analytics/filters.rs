//! Report filters as conditions of a query.

use serde_json::{Map, Value};

use super::columns::{Column, ReportType};
use super::{logic, refused};
use crate::datetime::{self, DAY_MS};
use crate::failure::Failure;
use crate::id;
use crate::schema::{Kind, Schema};
use crate::soql::{Comparison, Condition, Literal, Membership, Operand};

/// Everything that a report's metadata says of the rows that it takes.
pub(super) fn condition(
    schema: &Schema,
    kind: &ReportType,
    metadata: &Map<String, Value>,
    user: &str,
) -> Result<Option<Condition>, Failure> {
    let filters = metadata.get("reportFilters").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if filters.len() > FILTERS_MAX {
        return Err(refused(format!("A report has at most {FILTERS_MAX} filters.")));
    }
    let filters = filters.iter().map(|filter| one(schema, kind, filter)).collect::<Result<_, _>>()?;
    let joined = logic::join(metadata.get("reportBooleanFilter").and_then(Value::as_str), filters)?;
    let dates = dates(schema, kind, metadata.get("standardDateFilter"))?;
    let scope = scope(kind, metadata.get("scope").and_then(Value::as_str), user)?;
    Ok(logic::all([joined, dates, scope].into_iter().flatten().collect()))
}

fn one(schema: &Schema, kind: &ReportType, filter: &Value) -> Result<Condition, Failure> {
    let text = |name: &str| filter.get(name).and_then(Value::as_str);
    if text("filterType").is_some_and(|kind| kind != "fieldValue") {
        return Err(refused("Field-to-field filters are not part of this org."));
    }
    let (Some(name), Some(operator)) = (text("column"), text("operator")) else {
        return Err(refused("A report filter needs a column and an operator."));
    };
    let column = kind.column(schema, name)?;
    let values = values(text("value").unwrap_or(""));
    let any = |make: &dyn Fn(&str) -> Result<Condition, Failure>| {
        let mut all = values.iter().map(|value| make(value)).collect::<Result<Vec<_>, _>>()?;
        Ok::<_, Failure>(if all.len() > 1 {
            Condition::Or(all)
        } else {
            all.pop().unwrap_or(Condition::Or(Vec::new()))
        })
    };
    let not = |condition| Condition::Not(Box::new(condition));
    match operator {
        "equals" => any(&|value| equals(&column, value)),
        "notEqual" => any(&|value| equals(&column, value)).map(not),
        "lessThan" => any(&|value| compared(&column, Comparison::Less, value)),
        "greaterThan" => any(&|value| compared(&column, Comparison::Greater, value)),
        "lessOrEqual" => any(&|value| compared(&column, Comparison::LessOrEqual, value)),
        "greaterOrEqual" => any(&|value| compared(&column, Comparison::GreaterOrEqual, value)),
        "contains" => any(&|value| like(&column, &format!("%{}%", escaped(value)))),
        "notContain" => any(&|value| like(&column, &format!("%{}%", escaped(value)))).map(not),
        "startsWith" => any(&|value| like(&column, &format!("{}%", escaped(value)))),
        "includes" | "excludes" if column.field.kind == Kind::MultiPicklist => {
            let membership = if operator == "includes" { Membership::Includes } else { Membership::Excludes };
            let list = values.into_iter().map(Literal::Text).collect();
            Ok(Condition::Among(Operand::Field(column.path), membership, list))
        }
        _ => Err(refused(format!("The operator {operator} is not one of column {name}."))),
    }
}

/// The values of a filter: separated by commas, those with a comma in quotes; an empty one is the empty value.
fn values(text: &str) -> Vec<String> {
    let mut values = vec![String::new()];
    let mut quoted = false;
    for c in text.chars() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => values.push(String::new()),
            _ => {
                if let Some(last) = values.last_mut() {
                    last.push(c);
                }
            }
        }
    }
    let mut values: Vec<String> = values.into_iter().map(|value| value.trim().to_owned()).collect();
    if values.iter().any(|value| !value.is_empty()) {
        values.retain(|value| !value.is_empty());
    } else {
        values.truncate(1);
    }
    values
}

fn equals(column: &Column, value: &str) -> Result<Condition, Failure> {
    if value.is_empty() && column.field.kind != Kind::Boolean {
        return Ok(Condition::Compare(Operand::Field(column.path.clone()), Comparison::Equal, Literal::Null));
    }
    compared(column, Comparison::Equal, value)
}

fn compared(column: &Column, comparison: Comparison, value: &str) -> Result<Condition, Failure> {
    let compare = |literal| Condition::Compare(Operand::Field(column.path.clone()), comparison, literal);
    let wrong = || refused(format!("The value of the filter on {} is not one of its type.", column.name));
    let kind = column.field.kind;
    if kind.is_number() {
        let number = value.trim_start_matches(['$', '€']).trim_end_matches('%');
        number.parse::<f64>().ok().filter(|number| number.is_finite()).ok_or_else(wrong)?;
        return Ok(compare(Literal::Number(number.to_owned())));
    }
    if matches!(kind, Kind::Date | Kind::DateTime) {
        return dated(column, comparison, value).ok_or_else(wrong);
    }
    if kind == Kind::Boolean {
        return match value.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" => Ok(compare(Literal::Boolean(true))),
            "false" | "0" | "no" | "" => Ok(compare(Literal::Boolean(false))),
            _ => Err(wrong()),
        };
    }
    if matches!(kind, Kind::Id | Kind::Reference) {
        return match (id::widen(value), &column.shown_by) {
            (Some(id), _) => Ok(compare(Literal::Text(id))),
            // A lookup is compared by the name that it shows.
            (None, Some(name)) => {
                let literal = Literal::Text(value.to_owned());
                Ok(Condition::Compare(Operand::Field(name.clone()), comparison, literal))
            }
            (None, None) => Err(wrong()),
        };
    }
    Ok(compare(Literal::Text(value.to_owned())))
}

fn like(column: &Column, pattern: &str) -> Result<Condition, Failure> {
    let path = match (column.field.kind, &column.shown_by) {
        (Kind::Reference, Some(name)) => name,
        (kind, _) if kind.is_text() => &column.path,
        _ => {
            return Err(refused(format!(
                "Column {} cannot be searched for parts of its values.",
                column.name
            )));
        }
    };
    let literal = Literal::Text(pattern.to_owned());
    Ok(Condition::Compare(Operand::Field(path.clone()), Comparison::Like, literal))
}

fn escaped(value: &str) -> String {
    value.replace('%', "\\%").replace('_', "\\_")
}

/// A comparison with a day, a moment, or days by name.
fn dated(column: &Column, comparison: Comparison, value: &str) -> Option<Condition> {
    let compare =
        |comparison, literal| Condition::Compare(Operand::Field(column.path.clone()), comparison, literal);
    if let Some(named) = named(value) {
        return Some(compare(comparison, named));
    }
    let is_moment = column.field.kind == Kind::DateTime;
    if is_moment && value.len() > 10 {
        datetime::read_date_time(value)?;
        return Some(compare(comparison, Literal::DateTime(value.to_owned())));
    }
    let day = datetime::read_date(value).or_else(|| american(value))?;
    if !is_moment {
        return Some(compare(comparison, Literal::Date(datetime::spell_date(day))));
    }
    let at = |day: i64| Literal::DateTime(datetime::spell_date_time(day * DAY_MS));
    Some(match comparison {
        Comparison::Less => compare(Comparison::Less, at(day)),
        Comparison::GreaterOrEqual => compare(Comparison::GreaterOrEqual, at(day)),
        Comparison::LessOrEqual => compare(Comparison::Less, at(day + 1)),
        Comparison::Greater => compare(Comparison::GreaterOrEqual, at(day + 1)),
        Comparison::Equal | Comparison::NotEqual | Comparison::Like => Condition::And(vec![
            compare(Comparison::GreaterOrEqual, at(day)),
            compare(Comparison::Less, at(day + 1)),
        ]),
    })
}

/// `TODAY`, `LAST_N_DAYS:30`.
fn named(value: &str) -> Option<Literal> {
    let upper = value.trim().to_ascii_uppercase().replace(' ', "_");
    let (name, count) = match upper.split_once(':') {
        Some((name, count)) => (name.to_owned(), Some(count.parse().ok()?)),
        None => (upper, None),
    };
    let is_name = name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_name.then_some(Literal::Named(name, count))
}

/// `1/31/2026`.
fn american(value: &str) -> Option<i64> {
    let mut parts = value.split('/');
    let (month, day, year) = (parts.next()?, parts.next()?, parts.next()?);
    datetime::read_date(&format!("{year}-{month:0>2}-{day:0>2}"))
}

/// The standard date filter: from a day to a day, or days by name.
fn dates(schema: &Schema, kind: &ReportType, filter: Option<&Value>) -> Result<Option<Condition>, Failure> {
    let Some(filter) = filter.filter(|filter| !filter.is_null()) else { return Ok(None) };
    let text = |name: &str| filter.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let (from, until) = (text("startDate"), text("endDate"));
    let duration = text("durationValue").unwrap_or("CUSTOM");
    if duration == "CUSTOM" && from.is_none() && until.is_none() {
        return Ok(None);
    }
    let column = kind.column(schema, text("column").unwrap_or("CREATED_DATE"))?;
    let wrong = || refused(format!("The dates of the standard date filter cannot be read: {duration}"));
    if duration != "CUSTOM" {
        return dated(&column, Comparison::Equal, duration).ok_or_else(wrong).map(Some);
    }
    let bound = |day: Option<&str>, comparison| {
        day.map(|day| dated(&column, comparison, day).ok_or_else(wrong)).transpose()
    };
    let bounds = [bound(from, Comparison::GreaterOrEqual)?, bound(until, Comparison::LessOrEqual)?];
    Ok(logic::all(bounds.into_iter().flatten().collect()))
}

/// Whose records: everybody's, or the user's own.
fn scope(kind: &ReportType, scope: Option<&str>, user: &str) -> Result<Option<Condition>, Failure> {
    match scope {
        None | Some("organization") => Ok(None),
        Some("user") if kind.object.field("OwnerId").is_some() => {
            let owner = Operand::Field("OwnerId".into());
            Ok(Some(Condition::Compare(owner, Comparison::Equal, Literal::Text(user.to_owned()))))
        }
        Some(other) => {
            Err(refused(format!("The scope {other} is not one of the report type {}.", kind.name())))
        }
    }
}

/// Filters of one report, as in Salesforce.
const FILTERS_MAX: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_told_apart_by_commas_outside_quotes() {
        assert_eq!(values("a, b"), ["a", "b"]);
        assert_eq!(values("\"a, b\",c"), ["a, b", "c"]);
        assert_eq!(values(",Inc."), ["Inc."]);
        assert_eq!(values(""), [""]);
        assert_eq!(values(","), [""]);
    }
}
