//! What a report shows of a value: the value itself, and how it is written for people.

use serde_json::{Value, json};

use super::columns::Column;
use crate::datetime::{self, DAY_MS};
use crate::schema::Kind;
use crate::value;

/// The value at the end of a path in a record of a query's answer.
pub(super) fn at<'a>(record: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(record, |inner, name| inner.get(name).unwrap_or(&Value::Null))
}

/// A cell of a detail row.
///
/// Shape:  a record's name and a lookup have the record's id as value and its name as label.
pub(super) fn cell(column: &Column, record: &Value) -> Value {
    let found = at(record, &column.path);
    let label = label(column, record);
    let value = if found.is_null() {
        Value::Null
    } else if column.field.kind == Kind::Currency {
        json!({"amount": found, "currency": null})
    } else if column.field.name_field {
        at(record, &format!("{}Id", column.before)).clone()
    } else {
        found.clone()
    };
    json!({"label": label, "value": value})
}

/// How a value is written for people.
pub(super) fn label(column: &Column, record: &Value) -> String {
    let found = at(record, &column.path);
    if let (Some(name), false) = (&column.shown_by, found.is_null())
        && let Some(name) = at(record, name).as_str()
    {
        return name.to_owned();
    }
    written(column.field.kind, found)
}

/// A value of a kind, written for people; `-` for nothing.
pub(super) fn written(kind: Kind, found: &Value) -> String {
    match (kind, found) {
        (_, Value::Null) => "-".to_owned(),
        (Kind::Currency, Value::Number(number)) => format!("${}", grouped(number.as_f64().unwrap_or(0.0), 2)),
        (Kind::Percent, Value::Number(number)) => format!("{}%", plain(number.as_f64().unwrap_or(0.0))),
        (Kind::Double | Kind::Int, Value::Number(number)) => plain(number.as_f64().unwrap_or(0.0)),
        (Kind::Date, Value::String(text)) => datetime::read_date(text).map_or_else(|| text.clone(), american),
        (Kind::DateTime, Value::String(text)) => {
            let moment = datetime::read_date_time(text);
            moment.map_or_else(
                || text.clone(),
                |ms| {
                    let minutes = ms.rem_euclid(DAY_MS) / 60_000;
                    let (hour, minute) = (minutes / 60, minutes % 60);
                    let half = if hour < 12 { "AM" } else { "PM" };
                    format!("{} {}:{minute:02} {half}", american(ms.div_euclid(DAY_MS)), (hour + 11) % 12 + 1)
                },
            )
        }
        _ => value::spell(found),
    }
}

/// `1/31/2026`.
pub(super) fn american(day: i64) -> String {
    let (year, month, day) = datetime::civil_from_days(day);
    format!("{month}/{day}/{year}")
}

/// A number as whole as it is, its thousands apart.
fn plain(number: f64) -> String {
    if number.fract() == 0.0 { grouped(number, 0) } else { grouped(number, 2) }
}

fn grouped(number: f64, places: usize) -> String {
    let text = format!("{:.places$}", number.abs());
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let mut out = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    let sign = if number < 0.0 { "-" } else { "" };
    if fraction.is_empty() { format!("{sign}{out}") } else { format!("{sign}{out}.{fraction}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_for_people() {
        let cases = [
            (Kind::Currency, json!(1234.5), "$1,234.50"),
            (Kind::Currency, json!(1_000_000), "$1,000,000.00"),
            (Kind::Percent, json!(10), "10%"),
            (Kind::Double, json!(-1234.25), "-1,234.25"),
            (Kind::Date, json!("2026-01-31"), "1/31/2026"),
            (Kind::DateTime, json!("2026-01-31T00:05:00.000+0000"), "1/31/2026 12:05 AM"),
            (Kind::DateTime, json!("2026-01-31T13:05:00.000+0000"), "1/31/2026 1:05 PM"),
            (Kind::Boolean, json!(true), "true"),
            (Kind::String, Value::Null, "-"),
        ];
        for (kind, value, want) in cases {
            assert_eq!(written(kind, &value), want);
        }
    }
}
