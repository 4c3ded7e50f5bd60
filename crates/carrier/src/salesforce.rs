//! Salesforce: the REST routes that write, the records in their bodies, and answers in its own shape.
//!
//! Start at [`route`] and [`read()`]; a request goes `route` → `read` → judged elsewhere → sent on, or [`read()`]'s
//! records refused. Source: spec/carriers.md section 2.

mod answer;
mod bulk;
mod choose;
mod columns;
mod door;
mod fate;
mod field;
mod job;
mod place;
mod plan;
mod read;
mod record;
mod soap;
mod withhold;

use crate::span;

pub use answer::{refuse, refuse_request};
pub(crate) use bulk::{header, row};
pub(crate) use choose::choose;
pub(crate) use columns::Columns;
pub use door::{Route, route};
pub use fate::complete;
pub use field::{DATASET_OBJECT, identity_fields};
pub use job::{JOB_BYTES_MAX, Job, Operation, job_created};
pub(crate) use place::{COLUMNS, is_own_column};
pub use place::{PlaceError, place, place_csv, place_file};
pub(crate) use read::read_line;
pub use read::{read, read_file};
pub use soap::{route_by_body, soap_is_login};
pub use withhold::{merge, withhold};
