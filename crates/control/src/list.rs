//! What the index is asked for a list, a transaction and the posture, and what is answered.

use index::{Index, Kind, StoreError, Value};
use serde_json::{Map, json};

use crate::{
    answers::{BoundaryDay, Posture},
    cursor,
    lists::{LISTS, List, Test, camel},
    problem::Problem,
    query::Query,
};

/// Rows of a page, unless said, and at most.
pub(crate) const LIMIT: usize = 50;
pub(crate) const LIMIT_MAX: usize = 500;
/// Characters of a condition at most.
pub(crate) const TEXT_MAX: usize = 200;

/// Why there is no answer.
#[derive(Debug)]
pub enum Fault {
    /// The question is at fault.
    Problem(Problem),
    /// The index cannot be asked.
    Store(StoreError),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Problem> for Fault {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

/// A page of a list.
///
/// Shape:  `{"items": […], "next": "…" or null, "behind": 0}`.
/// Bounds: 500 rows.
/// Errors: [`Fault`].
pub fn list(
    list: &'static List,
    query: &Query,
    behind: u64,
    index: &mut Index,
) -> Result<serde_json::Value, Fault> {
    let limit = limit(query)?;
    let (mut conditions, mut values) = conditions(list, query)?;
    if let Some(after) = query.get("after") {
        let key = cursor::key(list, after)
            .ok_or_else(|| Problem::new(404, "there is no such page: begin without `after`"))?;
        let columns: Vec<&str> = list.order.iter().map(|(column, _)| *column).collect();
        let places: Vec<String> = (1..=key.len()).map(|at| format!("${}", values.len() + at)).collect();
        conditions.push(format!("({}) < ({})", columns.join(", "), places.join(", ")));
        values.extend(key);
    }
    let order: Vec<String> = list.order.iter().map(|(column, _)| format!("{column} DESC")).collect();
    let sql = format!("{} ORDER BY {} LIMIT {}", select(list, &conditions), order.join(", "), limit + 1);
    let mut rows = index.query(&sql, &values)?.rows;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|row| cursor::after(list, &key_of(list, row)));
    let items: Vec<serde_json::Value> = rows.iter().map(|row| item(list, row)).collect();
    Ok(json!({ "items": items, "next": next, "behind": behind }))
}

/// One transaction, by its ledger and entry.
///
/// Errors: [`Fault`]: there is none, or the index cannot be asked.
pub fn one(ledger: &str, entry: i64, index: &mut Index) -> Result<serde_json::Value, Fault> {
    let absent = || Problem::new(404, "there is no such transaction; if it is new, ask again in a moment");
    let transactions = LISTS.first().ok_or_else(absent)?;
    let conditions = ["t.origin = $1".to_owned(), "t.entry = $2".to_owned()];
    let values = [Value::text(ledger), Value::Integer(entry)];
    let rows = index.query(&select(transactions, &conditions), &values)?.rows;
    let mut found = rows.first().map(|row| item(transactions, row)).ok_or_else(absent)?;
    let sql = "SELECT policy_id FROM ruling_policies WHERE origin = $1 AND entry = $2 ORDER BY policy_id";
    let policies: Vec<String> =
        index.query(sql, &values)?.rows.iter().flatten().map(ToString::to_string).collect();
    if let Some(members) = found.as_object_mut() {
        members.insert("policies".to_owned(), json!(policies));
    }
    Ok(found)
}

/// The last day in one look: by whole hours, as the index adds them up, for whoever asks holds up everybody else.
///
/// Shape:  the moment a day ago; `since` of the answer is the beginning of its hour.
/// Errors: [`Fault::Store`].
pub fn posture(day_ago: &str, behind: u64, index: &mut Index) -> Result<Posture, Fault> {
    let day = index.day(day_ago)?;
    let boundaries = day.boundaries.into_iter().map(|of| BoundaryDay {
        boundary: of.boundary,
        environment: of.environment,
        mode: of.mode,
        transactions: of.transactions,
        blocked: of.blocked,
        records: of.records,
        synthetic: of.synthetic,
        unproven: of.unproven,
    });
    Ok(Posture {
        since: day.since,
        transactions: day.transactions,
        blocked: day.blocked,
        quarantined: day.waiting,
        incidents: day.incidents.values().sum(),
        without_end: day.without_end,
        entries: day.entries,
        behind,
        boundaries: boundaries.collect(),
    })
}

fn select(list: &List, conditions: &[String]) -> String {
    let columns: Vec<String> = list.columns().map(|(of, column)| format!("{of}.{}", column.name)).collect();
    let conditions =
        if conditions.is_empty() { String::new() } else { format!(" WHERE {}", conditions.join(" AND ")) };
    format!("SELECT {} FROM {}{conditions}", columns.join(", "), list.from)
}

/// A row as JSON. Where it is of one entry, `place` names it.
fn item(list: &List, row: &[Value]) -> serde_json::Value {
    let mut members = Map::new();
    for ((_, column), value) in list.columns().zip(row) {
        members.insert(camel(column.name), json(value));
    }
    if let (Some(serde_json::Value::String(origin)), Some(serde_json::Value::Number(entry))) =
        (members.get("origin"), members.get("entry"))
    {
        let place = format!("{origin}#{entry}");
        members.insert("place".to_owned(), place.into());
    }
    serde_json::Value::Object(members)
}

fn key_of(list: &List, row: &[Value]) -> Vec<Value> {
    let find = |wanted: &str| {
        let mut columns = list.columns().zip(row);
        columns.find(|((of, column), _)| {
            wanted.strip_prefix(of).is_some_and(|rest| rest.strip_prefix('.') == Some(column.name))
        })
    };
    list.order.iter().filter_map(|(by, _)| find(by).map(|(_, value)| value.clone())).collect()
}

/// A value of the index as JSON.
pub fn json(value: &Value) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Integer(integer) => (*integer).into(),
        Value::Text(text) => text.as_str().into(),
    }
}

/// What a column holds, as a schema.
pub(crate) fn schema(kind: Kind) -> serde_json::Value {
    match kind {
        Kind::Text => json!({ "type": "string" }),
        Kind::MaybeText => json!({ "type": ["string", "null"] }),
        Kind::Integer => json!({ "type": "integer" }),
        Kind::MaybeInteger => json!({ "type": ["integer", "null"] }),
    }
}

fn limit(query: &Query) -> Result<usize, Problem> {
    let Some(text) = query.get("limit") else { return Ok(LIMIT) };
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let read = text.parse().ok().filter(|limit| plain && (1..=LIMIT_MAX).contains(limit));
    read.ok_or_else(|| Problem::new(400, &format!("`limit` is a whole number from 1 to {LIMIT_MAX}")))
}

/// The conditions of a query as SQL, and their values in order.
fn conditions(list: &List, query: &Query) -> Result<(Vec<String>, Vec<Value>), Problem> {
    let (mut texts, mut values) = (Vec::new(), Vec::new());
    for condition in list.conditions {
        let Some(value) = query.get(condition.name) else { continue };
        let fault = |says: &str| Err(Problem::new(400, &format!("`{}` {says}", condition.name)));
        if value.is_empty() || value.chars().count() > TEXT_MAX {
            return fault("has 1 to 200 characters");
        }
        let (column, sign) = match condition.sql {
            Test::Is(column) => (column, "="),
            Test::OneOf(column, words) if words.contains(&value) => (column, "="),
            Test::From(column) if is_moment(value) => (column, ">="),
            Test::Before(column) if is_moment(value) => (column, "<"),
            Test::Counts(words) => match words.iter().find(|word| **word == value) {
                Some(word) => {
                    texts.push(format!("t.{word} > 0"));
                    continue;
                }
                None => return fault(&format!("is one of `{}`", words.join("`, `"))),
            },
            Test::OneOf(_, words) => return fault(&format!("is one of `{}`", words.join("`, `"))),
            Test::From(_) | Test::Before(_) => {
                return fault("is a moment in UTC, 2026-01-31T08:00:00Z, or a day, 2026-01-31");
            }
        };
        // Without its zone a whole second, or a day, sorts before every moment of it.
        let is_moment = matches!(condition.sql, Test::From(_) | Test::Before(_));
        values.push(Value::text(if is_moment { value.trim_end_matches('Z') } else { value }));
        texts.push(format!("{column} {sign} ${}", values.len()));
    }
    Ok((texts, values))
}

/// What [`is_moment`] takes, as a pattern.
pub(crate) const MOMENT: &str = "^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{1,9})?Z)?$";

/// Whether a text is a day, or a moment in UTC.
fn is_moment(text: &str) -> bool {
    let shaped = |text: &str, shape: &str| {
        text.len() == shape.len()
            && text.bytes().zip(shape.bytes()).all(|(is, wanted)| match wanted {
                b'd' => is.is_ascii_digit(),
                wanted => is == wanted,
            })
    };
    let Some((day, clock)) = text.split_once('T') else { return shaped(text, "dddd-dd-dd") };
    let Some(clock) = clock.strip_suffix('Z') else { return false };
    let (seconds, part) = clock.split_once('.').unwrap_or((clock, "0"));
    let is_part = (1..=9).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    shaped(day, "dddd-dd-dd") && shaped(seconds, "dd:dd:dd") && is_part
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_day_or_has_its_zone() {
        for good in ["2026-11-22", "2026-11-22T08:00:00Z", "2026-11-22T08:00:00.123456789Z"] {
            assert!(is_moment(good), "{good}");
        }
        for bad in [
            "",
            "2026",
            "2026-11",
            "2026-11-22T08",
            "2026-11-22T08:00:00",
            "2026-11-22T08:00:00.Z",
            "2026-11-22T08:00:00+01:00",
            "2026-11-22T08:00:00.1234567890Z",
            "２026-11-22",
            "2026-11-22\n",
        ] {
            assert!(!is_moment(bad), "{bad}");
        }
    }
}
