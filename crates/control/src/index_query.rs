//! The index asked in SQL: what is asked and answered, within which bounds, and the route.

use std::time::Duration;

use access::Action;
use index::{Asked, Bounds, SQL_MAX, Value};
use schemars::{JsonSchema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use crate::{
    route::{Call, Route, read},
    wishes::{Checked, whole},
};

/// Rows of an answer, unless said otherwise, and at most.
const ROWS: u32 = 1_000;
const ROWS_MAX: u32 = 10_000;
/// Bytes of an answer at most, and how long the database may take.
const BYTES_MAX: usize = 4 * 1024 * 1024;
const TIME_MAX: Duration = Duration::from_secs(10);

/// One question in SQL.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IndexQuery {
    /// One `SELECT`, or `WITH` and a `SELECT`, of the tables in docs/index.md. Its columns are texts and whole numbers.
    #[schemars(length(min = 1, max = SQL_MAX), example = EXAMPLE)]
    pub sql: String,
    /// Most rows of the answer.
    #[serde(default = "rows", deserialize_with = "whole")]
    #[schemars(range(min = 1, max = ROWS_MAX))]
    pub limit: u32,
}

const EXAMPLE: &str = "SELECT boundary, transactions, blocked FROM boundaries ORDER BY blocked DESC";

fn rows() -> u32 {
    ROWS
}

impl Checked for IndexQuery {
    fn check(&self) -> Result<(), &'static str> {
        if !(1..=SQL_MAX).contains(&self.sql.chars().count()) {
            return Err("`sql` has 1 to 8192 characters");
        }
        if !(1..=ROWS_MAX).contains(&self.limit) {
            return Err("`limit` is a whole number from 1 to 10000");
        }
        Ok(())
    }
}

impl IndexQuery {
    /// What its answer may take.
    pub fn bounds(&self) -> Bounds {
        Bounds { rows: self.limit, bytes: BYTES_MAX, time: TIME_MAX }
    }
}

/// The rows that fit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IndexAnswer {
    /// The names of the columns.
    pub columns: Vec<String>,
    /// The rows, each as wide as there are columns: at most as many as were asked for, and 4 MiB.
    pub rows: Vec<Vec<Option<Cell>>>,
    /// Whether rows were left out.
    pub cut: bool,
    /// Entries that are published and not yet in the index.
    pub behind: u64,
}

/// One value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Cell {
    /// A count, an entry's number, or yes (1) and no (0).
    Integer(i64),
    /// A word, a name, a moment.
    Text(String),
}

impl IndexAnswer {
    /// What the index answered.
    pub fn new(asked: Asked, behind: u64) -> Self {
        let cell = |value| match value {
            Value::Null => None,
            Value::Integer(integer) => Some(Cell::Integer(integer)),
            Value::Text(text) => Some(Cell::Text(text)),
        };
        let rows = asked.answer.rows.into_iter().map(|row| row.into_iter().map(cell).collect());
        Self { columns: asked.answer.columns, rows: rows.collect(), cut: asked.is_cut, behind }
    }

    /// The same, as the index has it.
    pub fn into_answer(self) -> index::Answer {
        let value = |cell| match cell {
            None => Value::Null,
            Some(Cell::Integer(integer)) => Value::Integer(integer),
            Some(Cell::Text(text)) => Value::Text(text),
        };
        let rows = self.rows.into_iter().map(|row| row.into_iter().map(value).collect());
        index::Answer { columns: self.columns, rows: rows.collect() }
    }
}

pub(crate) fn route() -> Route {
    Route {
        method: "POST",
        body: Some(SchemaGenerator::subschema_for::<IndexQuery>),
        answer: Some(SchemaGenerator::subschema_for::<IndexAnswer>),
        ..read(
            Call::IndexQuery,
            "/query",
            "queryIndex",
            "index",
            Some(Action::QueryIndex),
            "Ask the index in SQL. Nothing is changed; the answer has ten seconds, and two are looked for at a time.",
        )
    }
}
