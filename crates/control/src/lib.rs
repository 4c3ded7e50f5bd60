//! The control API: its routes, what is asked and answered in JSON, and the document of `OpenAPI` that is made of both.
//!
//! Pure but for asking the index: a request goes in, read and bounded; who listens, who may ask and who acts are the binary's.
//! Start at [`find`], which knows every route; then [`list`], which answers most of those that read; then [`document`].
//! Read next: `docs/control-api.md`, for who asks it, and `spec/openapi.json`.

mod answers;
mod cursor;
mod datasets;
mod document;
mod index_query;
mod list;
mod lists;
mod policies;
mod problem;
mod query;
mod route;
mod wishes;

pub use answers::{
    BoundaryDay, Decided, EmergencyAnnouncement, EmergencyPlaced, EmergencyState, EmergencyStatus,
    EmergencyVersion, EmergencyVersions, EmergencyWaiting, Ledger, LedgerCheck, Ledgers, Me, Posture, Proof,
    Quarantine, QuarantineItem, QuarantineKept,
};
pub use datasets::DatasetRegistered;
pub use document::document;
pub use index_query::{Cell, IndexAnswer, IndexQuery};
pub use list::{Fault, json, list, one, posture};
pub use lists::List;
pub use policies::{
    PolicyActivate, PolicyActivated, PolicyChecked, PolicyDifference, PolicyDiffering, PolicyHistory,
    PolicyInForce, PolicyReplay, PolicyReplayGroup, PolicyReplayed, PolicyRollback, PolicyText,
    PolicyVersion,
};
pub use problem::{MEDIA_TYPE, Problem};
pub use query::Query;
pub use route::{Call, Found, Missed, Route, find};
pub use wishes::{Note, Reject, Release, ReleaseClass, body};

/// Where every path of the API begins.
pub const BASE: &str = "/api/v1";
