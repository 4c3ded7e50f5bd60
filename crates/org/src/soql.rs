//! SOQL: the text of a query, its parts, and its answer over the store.
//!
//! `parse` is total and pure; `Query` prints as text that parses to the same query.

pub(crate) mod columns;
mod dates;
pub(crate) mod evaluate;
mod filter;
mod lexer;
mod parser;
mod path;
mod print;
mod subject;

pub use parser::{ParseError, parse};

/// A parsed query. Names are as written: any case, not yet checked against the schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// What to give back, in order.
    pub select: Vec<Item>,
    /// Object name, or child relationship name in a sub-select.
    pub from: String,
    /// Alias of the object.
    pub alias: Option<String>,
    /// `USING SCOPE` name; kept, without effect.
    pub scope: Option<String>,
    /// `WHERE`.
    pub filter: Option<Condition>,
    /// `WITH` mode; kept, without effect, for one user sees everything here.
    pub security: Option<String>,
    /// `GROUP BY`.
    pub group: Vec<Operand>,
    /// `HAVING`.
    pub having: Option<Condition>,
    /// `ORDER BY`.
    pub order: Vec<Order>,
    /// `LIMIT`.
    pub limit: Option<u64>,
    /// `OFFSET`.
    pub offset: Option<u64>,
    /// `FOR VIEW`, which notes what is seen, or `FOR REFERENCE` and `FOR UPDATE`, kept without effect.
    pub purpose: Option<String>,
    /// `ALL ROWS`: deleted rows too.
    pub all_rows: bool,
}

impl Query {
    /// Every row of an object, as its owner sees it: without a filter, an order or a bound.
    pub fn all(select: Vec<Item>, from: String) -> Self {
        Self {
            select,
            from,
            alias: None,
            scope: None,
            filter: None,
            security: None,
            group: Vec::new(),
            having: None,
            order: Vec::new(),
            limit: None,
            offset: None,
            purpose: None,
            all_rows: false,
        }
    }
}

/// One element of the select list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A field or a function of one.
    Value {
        /// What to compute.
        operand: Operand,
        /// The name to give it, if not its own.
        alias: Option<String>,
    },
    /// `FIELDS(ALL)`, `FIELDS(STANDARD)` or `FIELDS(CUSTOM)`.
    Fields(FieldSet),
    /// A sub-select over a child relationship.
    Children(Box<Query>),
    /// `TYPEOF field WHEN Type THEN fields … ELSE fields END`.
    TypeOf {
        /// The polymorphic relationship.
        relationship: String,
        /// Object name and fields to give for it.
        whens: Vec<(String, Vec<String>)>,
        /// Fields for any other object.
        otherwise: Vec<String>,
    },
}

/// Which fields `FIELDS()` stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldSet {
    /// Every field.
    All,
    /// Fields of the catalogue.
    Standard,
    /// Fields added to the org.
    Custom,
}

/// A field path, or a function of at most one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operand {
    /// `Name`, `Account.Name`.
    Field(String),
    /// `COUNT()`, `MAX(Amount)`, `CALENDAR_YEAR(CreatedDate)`.
    Call {
        /// Function name as written.
        function: String,
        /// Its argument, if any.
        argument: Option<String>,
    },
}

/// A condition of `WHERE` or `HAVING`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// `a = 1`, `a LIKE 'x%'`.
    Compare(Operand, Comparison, Literal),
    /// `a IN (…)`, `a NOT IN (…)`, `a INCLUDES (…)`, `a EXCLUDES (…)`.
    Among(Operand, Membership, Vec<Literal>),
    /// `a IN (SELECT b FROM c)` and its negation.
    AmongRows(Operand, Membership, Box<Query>),
    /// All of at least two.
    And(Vec<Self>),
    /// Any of at least two.
    Or(Vec<Self>),
    /// Not.
    Not(Box<Self>),
}

/// A comparison operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `!=` or `<>`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `LIKE`
    Like,
}

/// A set operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Membership {
    /// `IN`
    In,
    /// `NOT IN`
    NotIn,
    /// `INCLUDES`
    Includes,
    /// `EXCLUDES`
    Excludes,
}

/// A value in a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Literal {
    /// `null`
    Null,
    /// `true`, `false`
    Boolean(bool),
    /// A number as written.
    Number(String),
    /// Text without its quotes; `\%` and `\_` keep their backslash for `LIKE`.
    Text(String),
    /// `2026-01-02`
    Date(String),
    /// `2026-01-02T03:04:05Z`
    DateTime(String),
    /// `TODAY`, `LAST_N_DAYS:30`.
    Named(String, Option<u32>),
}

/// One key of `ORDER BY`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// What to sort by.
    pub by: Operand,
    /// `DESC`.
    pub descending: bool,
    /// `NULLS FIRST` or `NULLS LAST`, if said.
    pub nulls_last: Option<bool>,
}
