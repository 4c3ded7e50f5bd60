//! The steps that `flow` takes, told to a trace as they end.

use std::sync::{Arc, Mutex, PoisonError};

use flow::{Protocol, Step, Watch, Watched};
use policy::{Boundary, Decision};

use crate::transaction::Transaction;

impl Transaction {
    /// Tells where it crosses, and what is spoken there.
    pub fn crosses(&self, boundary: &Boundary, protocol: &Protocol) {
        self.tell("eosin.boundary", boundary.name.as_str());
        self.tell("eosin.environment", boundary.environment.as_str());
        self.tell("eosin.mode", boundary.mode.as_str());
        self.tell("eosin.protocol", protocol.as_str());
    }

    /// Tells this transaction of the steps of a crossing: read, judge, decide and commit, with what policies decided and where
    /// the ledger has it.
    pub fn watched(&self) -> Watched {
        Watched::by(Arc::new(Steps { traced: self.clone(), worst: Mutex::new(None) }))
    }
}

struct Steps {
    traced: Transaction,
    /// Of a message of many events each may be decided otherwise.
    worst: Mutex<Option<Decision>>,
}

impl Watch for Steps {
    fn passed(&self, step: Step<'_>) {
        match step {
            Step::Begun => self.traced.mark(),
            Step::Read => self.traced.step("read"),
            Step::Judged { records } => {
                self.traced.step("judge");
                self.traced.tell("eosin.records", records);
            }
            Step::Decided { decision, policies } => {
                self.traced.step("decide");
                let mut worst = self.worst.lock().unwrap_or_else(PoisonError::into_inner);
                let decision = worst.map_or(decision, |before| before.max(decision));
                *worst = Some(decision);
                self.traced.tell("eosin.decision", decision.as_str());
                self.traced.tell("eosin.policy", policies);
            }
            Step::Committed { origin, index } => {
                self.traced.step("commit");
                self.traced.tell("eosin.ledger", origin);
                self.traced.tell("eosin.ledger.index", index);
            }
            Step::NotCommitted => self.traced.failed_step("commit"),
        }
    }
}
