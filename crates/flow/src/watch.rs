//! Somebody who is told of each step of a crossing when it has ended, as a trace is. Nothing of a record is told.

use std::{fmt, sync::Arc};

use policy::Decision;

/// Is told of steps. It may neither block nor decide.
pub trait Watch: Send + Sync {
    /// A step has ended.
    fn passed(&self, step: Step<'_>);
}

/// A step that has ended, and what may be told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// The first one begins.
    Begun,
    /// The records were read.
    Read,
    /// Each of them has a verdict.
    Judged {
        /// How many they are.
        records: u64,
    },
    /// Policies have decided.
    Decided {
        /// What is done.
        decision: Decision,
        /// The version of the policies.
        policies: &'a str,
    },
    /// The ruling is durable.
    Committed {
        /// The ledger.
        origin: &'a str,
        /// Its entry.
        index: u64,
    },
    /// The ledger cannot write.
    NotCommitted,
}

/// Who watches a crossing; mostly nobody.
#[derive(Clone, Default)]
pub struct Watched(Option<Arc<dyn Watch>>);

impl Watched {
    /// By this one.
    pub fn by(watch: Arc<dyn Watch>) -> Self {
        Self(Some(watch))
    }

    pub(crate) fn passed(&self, step: Step<'_>) {
        if let Some(watch) = &self.0 {
            watch.passed(step);
        }
    }
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Watched" } else { "Unwatched" })
    }
}
