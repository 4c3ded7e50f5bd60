//! The questions a client asks a Salesforce org: read, printed, and rewritten so that hidden rows cannot be told.
//! SOQL and SOSL; GraphQL where it asks for records.
//!
//! Never does I/O, and never shows a value of a statement: not in errors, not in `Debug`.
//! Start at [`isolate()`]; it speaks of [`Hidden`] (which rows) and [`Schema`] (what is known of the org).
//! What cannot be isolated is an error in plain words, and must then be refused.
//! Read next: `spec/queries.md`, the law it keeps; `spec/carriers.md` section 2.2, the fields by which rows are told.

mod formula;
mod graphql;
mod hidden;
mod isolate;
mod parse;
mod print;
mod query;
mod schema;
mod search;
mod span;
mod standard;
mod token;

pub use graphql::{graphql_objects, graphql_writes, isolate_graphql};
pub use hidden::{Class, Hidden, LookupIds, Marks, NotANamespace};
pub use isolate::{
    Added, CannotIsolate, Isolated, IsolatedParameters, Rows, Seen, bound_ids, isolate, isolate_looked,
    isolate_parameters, isolate_search, links_question,
};
pub use parse::{
    DEPTH_MAX, Expected, PATH_NAMES_MAX, ParseError, SUBQUERIES_MAX, parse, parse_condition, parse_order,
    parse_search,
};
pub use print::print;
pub use query::{
    Argument, Condition, Direction, Expression, From, Item, Literal, LiteralKind, Membership, Name, Nulls,
    Operator, Order, Path, Purpose, Query, TypeOf, Update, With,
};
pub use schema::{Bearing, DESCRIPTION_BYTES_MAX, LearnError, Lookup, Schema, Summaries, Unknown};
pub use search::{FoundObject, Search, SearchWith, Term};
pub use span::Span;
pub use token::TEXT_CHARACTERS_MAX;
