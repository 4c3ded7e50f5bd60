//! Salesforce: the REST routes that write, the records in their bodies, and answers in its own shape.
//!
//! Start at [`route`] and [`read`]; a request goes `route` → `read` → judged elsewhere → sent on, or [`read`]'s
//! records refused. Source: spec/carriers.md section 2.

mod bulk;
mod door;
mod field;
mod job;
mod plan;
mod read;
mod record;

pub use door::{Route, route};
pub use field::{DATASET_OBJECT, identity_fields};
pub use job::{JOB_BYTES_MAX, Job, Operation, job_created};
pub use read::{read, read_file};
