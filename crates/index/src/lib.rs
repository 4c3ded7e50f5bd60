//! What ledgers say, as tables of SQL: SQLite in a file, or PostgreSQL by URL, with the same schema and statements.
//!
//! Never holds anything that is not in a ledger's entries, and so nothing of a record but its reference. It can be
//! deleted and made again at any time, with the same answers.
//! Start at [`Index`]; the tables are in `schema.rs`, what an entry becomes in `rows.rs`.
//! Read next: `docs/index.md`, for who asks it.

mod acts;
mod asking;
mod batch;
mod day;
mod deliveries;
mod emergencies;
mod follow;
mod growth;
mod postgres;
mod prove;
mod quarantined;
mod records;
mod replay;
mod rows;
mod rulings;
mod schema;
mod sqlite;
mod statement;
mod statistics;
mod store;
mod tls;
mod value;
mod words;

pub use asking::{AskError, Asked, Bounds};
pub use day::{BoundaryDay, Day};
pub use follow::{BehindError, FollowError, Index, OpenError, Standing, Sums};
pub use prove::{Found, ProveError, RowName};
pub use quarantined::QUARANTINE_ENDED;
pub use replay::{Crossing, Since};
pub use schema::{Column, DECISIONS, Kind, SCHEMA_VERSION, TABLES, Table, VERDICTS, VIEWS};
pub use statement::SQL_MAX;
pub use store::{Patience, Place, PlaceError, StoreError};
pub use value::{Answer, Value};
