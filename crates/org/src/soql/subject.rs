//! What a condition, a column or a sort key is about: a field, a function of one, an aggregate.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use super::Operand;
use super::evaluate::{Lens, malformed};
use super::filter;
use super::path::Path;
use crate::datetime;
use crate::failure::Failure;
use crate::schema::{Field, Kind, Object};
use crate::store::Row;

/// What a condition or a sort key is about.
#[derive(Debug, Clone)]
pub(super) enum Subject {
    Path(Path),
    Part(Part, Path),
    Total(Total, Option<Path>),
}

/// A part of a date, or a value as it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Year,
    Month,
    Day,
    Hour,
    DayOnly,
    Shown,
}

/// An aggregate function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Total {
    Count,
    CountDistinct,
    Sum,
    Average,
    Least,
    Greatest,
}

impl Subject {
    pub(super) fn find(
        lens: &Lens<'_>,
        object: &Arc<Object>,
        alias: Option<&str>,
        operand: &Operand,
    ) -> Result<Self, Failure> {
        let path = |written: &str| Path::find(lens.store, object, alias, written);
        let (function, argument) = match operand {
            Operand::Field(written) => return path(written).map(Self::Path),
            Operand::Call { function, argument } => {
                (function.to_ascii_uppercase(), argument.as_deref().map(path).transpose()?)
            }
        };
        let total = match function.as_str() {
            "COUNT" => Some(Total::Count),
            "COUNT_DISTINCT" => Some(Total::CountDistinct),
            "SUM" => Some(Total::Sum),
            "AVG" => Some(Total::Average),
            "MIN" => Some(Total::Least),
            "MAX" => Some(Total::Greatest),
            _ => None,
        };
        if let Some(total) = total {
            if argument.is_none() && total != Total::Count {
                return Err(malformed("unexpected token: ')'"));
            }
            return Ok(Self::Total(total, argument));
        }
        let part = match function.as_str() {
            "CALENDAR_YEAR" | "FISCAL_YEAR" => Part::Year,
            "CALENDAR_MONTH" => Part::Month,
            "DAY_IN_MONTH" => Part::Day,
            "HOUR_IN_DAY" => Part::Hour,
            "DAY_ONLY" => Part::DayOnly,
            "TOLABEL" | "FORMAT" | "CONVERTTIMEZONE" | "CONVERTCURRENCY" => Part::Shown,
            _ => return Err(malformed(format!("Invalid function: {function}"))),
        };
        argument.map(|path| Self::Part(part, path)).ok_or_else(|| malformed("unexpected token: ')'"))
    }

    /// The field it is about.
    pub(super) fn field(&self) -> Option<&Field> {
        match self {
            Self::Path(path) | Self::Part(_, path) => Some(&path.field),
            Self::Total(_, path) => path.as_ref().map(|path| &path.field),
        }
    }

    /// Whether it is a field itself and not a function of one.
    pub(super) fn is_plain(&self) -> bool {
        matches!(self, Self::Path(_))
    }

    /// The kind of its values.
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Path(path) | Self::Part(Part::Shown, path) => path.field.kind,
            Self::Part(Part::DayOnly, _) => Kind::Date,
            Self::Part(..) | Self::Total(Total::Count | Total::CountDistinct, _) | Self::Total(_, None) => {
                Kind::Int
            }
            Self::Total(Total::Average, _) => Kind::Double,
            Self::Total(_, Some(path)) => path.field.kind,
        }
    }

    pub(super) fn of_row(&self, lens: &Lens<'_>, object: &Object, row: &Row) -> Value {
        match self {
            Self::Path(path) | Self::Part(Part::Shown, path) => {
                path.value(lens.store, object, row, lens.version)
            }
            Self::Part(part, path) => part.of(&path.value(lens.store, object, row, lens.version)),
            Self::Total(..) => Value::Null,
        }
    }

    pub(super) fn of_group(&self, lens: &Lens<'_>, object: &Object, rows: &[&Row]) -> Value {
        let Self::Total(total, path) = self else {
            return rows.first().map_or(Value::Null, |row| self.of_row(lens, object, row));
        };
        let Some(path) = path else { return json!(rows.len()) };
        let values: Vec<Value> = rows
            .iter()
            .map(|row| path.value(lens.store, object, row, lens.version))
            .filter(|value| !value.is_null())
            .collect();
        let sum = || values.iter().filter_map(Value::as_f64).sum::<f64>();
        let kind = path.field.kind;
        match total {
            Total::Count => json!(values.len()),
            Total::CountDistinct => {
                let distinct: BTreeSet<String> = values.iter().map(|v| filter::fold(kind, v)).collect();
                json!(distinct.len())
            }
            Total::Sum | Total::Average if values.is_empty() => Value::Null,
            Total::Sum => json!(sum()),
            Total::Average => {
                let count = u32::try_from(values.len()).unwrap_or(u32::MAX);
                json!(sum() / f64::from(count))
            }
            Total::Least => values.into_iter().min_by(order).unwrap_or(Value::Null),
            Total::Greatest => values.into_iter().max_by(order).unwrap_or(Value::Null),
        }
    }
}

impl Part {
    fn of(self, value: &Value) -> Value {
        let Some(ms) = value.as_str().and_then(datetime::read_date_time) else { return Value::Null };
        let (year, month, day) = datetime::civil_from_days(ms.div_euclid(datetime::DAY_MS));
        match self {
            Self::Year => json!(year),
            Self::Month => json!(month),
            Self::Day => json!(day),
            Self::Hour => json!(ms.rem_euclid(datetime::DAY_MS) / 3_600_000),
            Self::DayOnly => json!(datetime::spell_date(ms.div_euclid(datetime::DAY_MS))),
            Self::Shown => value.clone(),
        }
    }
}

/// The order of two values that are not null: text without case, numbers by size.
pub(super) fn order(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            a.as_f64().partial_cmp(&b.as_f64()).unwrap_or(Ordering::Equal)
        }
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::String(a), Value::String(b)) => {
            a.to_lowercase().cmp(&b.to_lowercase()).then_with(|| a.cmp(b))
        }
        _ => crate::value::spell(a).cmp(&crate::value::spell(b)),
    }
}
