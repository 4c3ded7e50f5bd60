//! Cedar: verdicts and a request in, a ruling out.
//!
//! Never does I/O, reads a clock, or lets something pass because a policy could not be evaluated.
//! Start at [`decide()`]; the policies themselves are in `policies/default.cedar`, written to be read.
//! Read next: `docs/policy.md`, then the crate `flow`, which commits a ruling before it acts on it.

mod asked;
mod boundary;
mod counts;
mod decide;
mod emergency;
mod hidden;
mod memory;
mod otherwise;
mod policies;
mod request;
mod ruling;
mod vocabulary;

pub use asked::{Answered, Asked, AskedCase, CASES_MAX, Change, Passing, Recorded, Replayed};
pub use boundary::{Boundary, Continuity, Environment, Mode};
pub use counts::{Counts, Marks};
pub use decide::{Gathering, Scope, decide, decide_change, decide_unsorted};
pub use emergency::{EMERGENCIES_MAX, Emergency, EmergencyScope, SCOPE_NAMES_MAX, ScopeError};
pub use hidden::{Hidden, hidden};
pub use otherwise::Otherwise;
pub use policies::red_line::{Care, Crossed, RedLine, Stopped};
pub use policies::{POLICIES_MAX, POLICY_BYTES_MAX, Policies, PolicyError, Problem};
pub use request::{Action, Caller, Request};
pub use ruling::{Decision, Finding, Requested, Ruling};
pub use vocabulary::UnknownWord;
