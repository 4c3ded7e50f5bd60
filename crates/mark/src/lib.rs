//! The one idea: a mark is a receipt, and the verdict on it.
//!
//! Never does I/O, reads a clock, draws randomness, spawns, or fails on bad input: bad input is a verdict.
//! Start at [`seal()`] and [`judge()`]; both speak of [`Record`], [`Manifest`] and [`Mark`].
//! Read next: `spec/mark.md`, then the crate `carrier`, which makes records from bytes.

pub mod canonical;
pub mod checkpoint;
pub mod cosignature;
pub mod digest;
pub mod dsse;
pub mod json;
pub mod merkle;
pub mod note;
pub mod tlog_proof;

mod dataset;
mod field;
mod judge;
mod manifest;
mod receipt;
mod record;
mod seal;
mod subject;
mod survey;
mod suspicion;
mod trust;

pub use dataset::{BatchEntry, BatchReceipt, DATASET_FILE_BYTES_MAX, DatasetFile, DatasetFileError};
pub use field::{Digests, FIELDS_MAX, Field, FieldList, Kind};
pub use judge::{Distrust, Forgery, Integrity, Proof, Transplant, Verdict, VerdictName, judge, judge_shown};
pub use manifest::{DatasetId, MANIFEST_BYTES_MAX, Manifest, ManifestError, Method, Source};
pub use receipt::{Mark, MarkError, MarkId, PARENTS_MAX, PATH_MAX, Salt, TEXT_MAX};
pub use record::{Claim, Form, Place, Reading, Record, Unreadable};
pub use seal::{BATCH_RECORDS_MAX, Draft, SealError, SealedBatch, Sealer, seal};
pub use subject::{Authorship, Subject, UnknownWord};
pub use survey::Survey;
pub use suspicion::{SIGNALS_MAX, Signal, Strength, Suspicion};
pub use trust::{AdmitError, Dataset, TrustStore};
