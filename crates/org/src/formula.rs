//! Formulas of validation rules: the part of the language that rules about records need.
//!
//! Fields of the record, text, numbers, TRUE, FALSE and NULL; comparison, `&&`, `||`, `!`, `&`, `+ - * /`; and the functions
//! AND, OR, NOT, IF, ISBLANK, ISNULL, ISPICKVAL, TEXT, VALUE, LEN, REGEX (anchored patterns of classes and counts),
//! CONTAINS, BEGINS, LEFT, RIGHT, UPPER, LOWER, TRIM, ISNEW, ISCHANGED, PRIORVALUE, TODAY, BLANKVALUE.
//! What is not known is an error when it is deployed.

mod evaluate;
mod parser;
mod pattern;

pub(crate) use evaluate::{Facts, holds};
pub(crate) use parser::parse;

use crate::schema::Object;

/// A formula, read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Formula {
    Text(String),
    Number(f64),
    Truth(bool),
    Null,
    Field(String),
    Call(String, Vec<Self>),
}

/// A rule of an object that records must not break.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    /// Is true of records that are refused.
    pub(crate) condition: Formula,
    pub(crate) message: String,
    pub(crate) field: Option<String>,
}

/// Checks that a formula names only fields that the object has; gives what is wrong.
pub(crate) fn check(formula: &Formula, object: &Object) -> Result<(), String> {
    match formula {
        Formula::Field(name) if object.field(name).is_none() => {
            Err(format!("Field {name} does not exist. Check spelling."))
        }
        Formula::Call(_, parts) => parts.iter().try_for_each(|part| check(part, object)),
        Formula::Field(_) | Formula::Text(_) | Formula::Number(_) | Formula::Truth(_) | Formula::Null => {
            Ok(())
        }
    }
}
