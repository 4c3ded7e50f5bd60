//! `where` and `orderBy` arguments as conditions and keys of a query.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::failure::Failure;
use crate::schema::{Kind, Object};
use crate::soql::{Comparison, Condition, Item, Literal, Membership, Operand, Order, Query};
use crate::store::Store;
use crate::value;

/// The condition that a `where` argument stands for; nothing when it asks for nothing.
pub(super) fn condition(
    store: &Store,
    object: &Arc<Object>,
    asked: &Value,
) -> Result<Option<Condition>, Failure> {
    read(store, object, "", asked, 0)
}

/// A query of some fields of an object.
pub(super) fn query(object: &str, paths: &[String], filter: Option<Condition>, order: Vec<Order>) -> Query {
    let item = |path: &String| Item::Value { operand: Operand::Field(path.clone()), alias: None };
    Query {
        select: paths.iter().map(item).collect(),
        from: object.to_owned(),
        alias: None,
        scope: None,
        filter,
        security: None,
        group: Vec::new(),
        having: None,
        order,
        limit: None,
        offset: None,
        purpose: None,
        all_rows: false,
    }
}

/// The keys that an `orderBy` argument stands for: one object, or a list of them.
pub(super) fn order(asked: &Value) -> Vec<Order> {
    let mut out = Vec::new();
    match asked {
        Value::Array(items) => items.iter().for_each(|item| out.extend(order(item))),
        Value::Object(members) => members.iter().for_each(|(name, inner)| keys(name, inner, &mut out)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    out.truncate(KEYS_MAX);
    out
}

fn keys(path: &str, asked: &Value, out: &mut Vec<Order>) {
    let Some(members) = asked.as_object() else { return };
    if let Some(direction) = members.get("order").and_then(Value::as_str) {
        out.push(Order {
            by: Operand::Field(path.to_owned()),
            descending: direction == "DESC",
            nulls_last: members.get("nulls").and_then(Value::as_str).map(|nulls| nulls == "LAST"),
        });
        return;
    }
    for (name, inner) in members {
        keys(&format!("{path}.{name}"), inner, out);
    }
}

fn read(
    store: &Store,
    object: &Arc<Object>,
    prefix: &str,
    asked: &Value,
    depth: usize,
) -> Result<Option<Condition>, Failure> {
    if depth > LEVELS_MAX {
        return Err(invalid("the where argument is nested too deep"));
    }
    let Some(members) = asked.as_object() else { return Ok(None) };
    let mut all = Vec::new();
    for (name, inner) in members {
        match (name.as_str(), inner) {
            ("and" | "or", Value::Array(items)) => {
                let parts = items.iter().map(|item| read(store, object, prefix, item, depth + 1));
                let parts: Vec<Condition> =
                    parts.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
                all.extend(joined(parts, if name == "or" { Condition::Or } else { Condition::And }));
            }
            ("not", inner) => {
                let inner = read(store, object, prefix, inner, depth + 1)?;
                all.extend(inner.map(|inner| Condition::Not(Box::new(inner))));
            }
            (name, Value::Object(tests)) => {
                let path = format!("{prefix}{name}");
                if let (None, Some(reference)) = (object.field(name), object.parent(name)) {
                    let target = reference.reference.iter().find_map(|target| store.schema.object(target));
                    let target = target.ok_or_else(|| Failure::no_such_column(name, &object.name))?;
                    all.extend(read(store, target, &format!("{path}."), inner, depth + 1)?);
                    continue;
                }
                let field = object.field(name).ok_or_else(|| Failure::no_such_column(name, &object.name))?;
                for (operator, wanted) in tests {
                    all.push(test(&path, field.kind, operator, wanted)?);
                }
            }
            _ => return Err(invalid(&format!("the where argument has no meaning for {name}"))),
        }
    }
    Ok(joined(all, Condition::And))
}

fn joined(mut parts: Vec<Condition>, with: fn(Vec<Condition>) -> Condition) -> Option<Condition> {
    match parts.len() {
        0 | 1 => parts.pop(),
        _ => Some(with(parts)),
    }
}

fn test(path: &str, kind: Kind, operator: &str, wanted: &Value) -> Result<Condition, Failure> {
    let operand = Operand::Field(path.to_owned());
    let comparison = match operator {
        "eq" => Some(Comparison::Equal),
        "ne" => Some(Comparison::NotEqual),
        "lt" => Some(Comparison::Less),
        "lte" => Some(Comparison::LessOrEqual),
        "gt" => Some(Comparison::Greater),
        "gte" => Some(Comparison::GreaterOrEqual),
        "like" => Some(Comparison::Like),
        _ => None,
    };
    if let Some(comparison) = comparison {
        return Ok(Condition::Compare(operand, comparison, literal(kind, wanted)?));
    }
    let membership = match operator {
        "in" => Membership::In,
        "nin" => Membership::NotIn,
        "includes" => Membership::Includes,
        "excludes" => Membership::Excludes,
        _ => return Err(invalid(&format!("there is no operator {operator}"))),
    };
    let items = wanted.as_array().ok_or_else(|| invalid(&format!("{operator} takes a list")))?;
    let literals = items.iter().map(|item| literal(kind, item)).collect::<Result<Vec<_>, _>>()?;
    if literals.is_empty() {
        return Err(invalid(&format!("{operator} takes a list that is not empty")));
    }
    Ok(Condition::Among(operand, membership, literals))
}

fn literal(kind: Kind, wanted: &Value) -> Result<Literal, Failure> {
    Ok(match wanted {
        Value::Null => Literal::Null,
        Value::Bool(yes) => Literal::Boolean(*yes),
        Value::Number(number) => Literal::Number(number.to_string()),
        Value::String(text) if kind == Kind::Date => Literal::Date(text.clone()),
        Value::String(text) if kind == Kind::DateTime => Literal::DateTime(text.clone()),
        Value::String(text) if kind.is_number() => Literal::Number(text.clone()),
        Value::String(text) => Literal::Text(text.clone()),
        Value::Object(moment) => return dated(kind, moment),
        Value::Array(_) => return Err(invalid("a list is not a value")),
    })
}

/// `{value: "…"}`, `{literal: LAST_WEEK}`, `{range: {last_n_days: 30}}`.
fn dated(kind: Kind, moment: &Map<String, Value>) -> Result<Literal, Failure> {
    if let Some(found) = moment.get("value") {
        return if found.is_object() { Err(invalid("a date is text")) } else { literal(kind, found) };
    }
    if let Some(name) = moment.get("literal").and_then(Value::as_str) {
        return Ok(Literal::Named(name.to_owned(), None));
    }
    let range = moment.get("range").and_then(Value::as_object).and_then(|range| range.iter().next());
    let (name, count) = range.ok_or_else(|| invalid("a date has a value, a literal or a range"))?;
    let count = value::spell(count).parse().map_err(|_| invalid("a range takes a number"))?;
    Ok(Literal::Named(name.to_ascii_uppercase(), Some(count)))
}

fn invalid(message: &str) -> Failure {
    Failure::request(400, "INVALID_INPUT", message)
}

const LEVELS_MAX: usize = 20;
const KEYS_MAX: usize = 32;
