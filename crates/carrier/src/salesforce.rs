//! Salesforce: the REST routes that write, the records in their bodies, and answers in its own shape.

mod door;
mod job;

pub use door::{Route, route};
pub use job::{JOB_BYTES_MAX, Job, Operation, job_created};
