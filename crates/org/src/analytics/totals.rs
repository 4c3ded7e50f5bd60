//! Aggregates of a report: `RowCount`, `s!Opportunity.Amount`.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::columns::{Column, ReportType};
use super::{cell, refused};
use crate::failure::Failure;
use crate::schema::{Kind, Schema};

/// One total of a group.
#[derive(Debug)]
pub(super) struct Aggregate {
    pub(super) name: String,
    pub(super) column: Option<Column>,
    function: Function,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Function {
    Rows,
    Sum,
    Average,
    Least,
    Greatest,
    Unique,
}

impl Aggregate {
    /// Reads an aggregate by its name.
    pub(super) fn read(schema: &Schema, kind: &ReportType, name: &str) -> Result<Self, Failure> {
        if name == "RowCount" {
            return Ok(Self { name: name.to_owned(), column: None, function: Function::Rows });
        }
        let unknown = || refused(format!("The aggregate {name} is not one of the report type."));
        let (function, column) = name.split_once('!').ok_or_else(unknown)?;
        let function = match function {
            "s" => Function::Sum,
            "a" => Function::Average,
            "m" => Function::Least,
            "x" => Function::Greatest,
            "u" => Function::Unique,
            _ => return Err(unknown()),
        };
        let column = kind.column(schema, column)?;
        if function != Function::Unique && !column.field.kind.is_number() {
            return Err(refused(format!("The column {} has no numbers to sum up.", column.name)));
        }
        Ok(Self { name: name.to_owned(), column: Some(column), function })
    }

    /// How the total is called.
    pub(super) fn label(&self) -> String {
        let Some(column) = &self.column else { return "Record Count".into() };
        let word = match self.function {
            Function::Rows => "",
            Function::Sum => "Sum of ",
            Function::Average => "Average ",
            Function::Least => "Smallest ",
            Function::Greatest => "Largest ",
            Function::Unique => "Unique Count of ",
        };
        format!("{word}{}", column.field.label)
    }

    /// The type of the total.
    pub(super) fn data_type(&self) -> &'static str {
        match (&self.column, self.function) {
            (None, _) | (_, Function::Rows | Function::Unique) => "int",
            (Some(column), _) => column.field.kind.name(),
        }
    }

    /// The total of some rows, as an entry of a fact map.
    pub(super) fn of(&self, records: &[Value], rows: &[usize]) -> Value {
        let counted = matches!(self.function, Function::Rows | Function::Unique);
        let kind = self.column.as_ref().filter(|_| !counted).map_or(Kind::Int, |column| column.field.kind);
        let value = match self.number(records, rows) {
            Some(number) if counted || number.fract() == 0.0 => {
                format!("{number:.0}").parse::<i64>().map_or(Value::Null, Value::from)
            }
            Some(number) => json!(number),
            None => Value::Null,
        };
        json!({"label": cell::written(kind, &value), "value": value})
    }

    /// The total as a number; nothing of no values.
    pub(super) fn number(&self, records: &[Value], rows: &[usize]) -> Option<f64> {
        let count = |count: usize| u32::try_from(count).map_or(f64::MAX, f64::from);
        let Some(column) = &self.column else { return Some(count(rows.len())) };
        let found =
            rows.iter().filter_map(|at| records.get(*at)).map(|record| cell::at(record, &column.path));
        if self.function == Function::Unique {
            let values: BTreeSet<String> = found
                .filter(|value| !value.is_null())
                .map(|value| value.to_string().to_lowercase())
                .collect();
            return Some(count(values.len()));
        }
        let numbers: Vec<f64> = found.filter_map(Value::as_f64).collect();
        let sum: f64 = numbers.iter().sum();
        match self.function {
            Function::Rows | Function::Unique => None,
            Function::Sum => Some(sum),
            Function::Average => (!numbers.is_empty()).then(|| sum / count(numbers.len())),
            Function::Least => numbers.into_iter().reduce(f64::min),
            Function::Greatest => numbers.into_iter().reduce(f64::max),
        }
    }
}
