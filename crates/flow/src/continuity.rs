//! When the ledger cannot write: nothing passes, except attested traffic where stopping it would harm care.
//!
//! What passes so is counted, and the gap is written to the ledger as soon as it can be.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use mark::Verdict;
use policy::{Continuity, Decision, Ruling};

/// Leave to pass unlogged. Only [`leave`] makes one, and only for attested records at a boundary of care.
#[derive(Debug)]
pub(crate) struct CareLeave {
    boundary: String,
}

/// Whether this ruling may be carried out without being in the ledger.
///
/// Shape:  a ruling -> leave, if the boundary's continuity is care, the policies let it pass, there is at least
///         one record and every record is attested.
pub(crate) fn leave(ruling: &Ruling, continuity: Continuity) -> Option<CareLeave> {
    let attested = ruling.verdicts().iter().all(|verdict| matches!(verdict, Verdict::Attested(_)))
        && !ruling.verdicts().is_empty();
    let passes = ruling.decision() == Decision::Pass;
    (continuity == Continuity::Care && attested && passes)
        .then(|| CareLeave { boundary: ruling.request().boundary.clone() })
}

/// What passed unlogged, by boundary, until it has been written down.
#[derive(Debug, Default)]
pub(crate) struct Gaps {
    open: Mutex<BTreeMap<String, Gap>>,
}

/// Requests that passed unlogged at one boundary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Gap {
    pub(crate) from: String,
    pub(crate) passed: u64,
}

impl Gaps {
    /// Counts one passage. Taking the leave by value makes it count once.
    pub(crate) fn count(&self, leave: CareLeave, at: &str) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let gap = open.entry(leave.boundary).or_insert_with(|| Gap { from: at.to_owned(), passed: 0 });
        gap.passed += 1;
    }

    /// Takes the open gaps, to be written down.
    pub(crate) fn take(&self) -> BTreeMap<String, Gap> {
        std::mem::take(&mut self.open.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts back gaps that could not be written.
    pub(crate) fn put_back(&self, gaps: BTreeMap<String, Gap>) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        for (boundary, gap) in gaps {
            let kept = open.entry(boundary).or_insert_with(|| Gap { from: gap.from.clone(), passed: 0 });
            kept.passed += gap.passed;
            kept.from = gap.from.min(std::mem::take(&mut kept.from));
        }
    }

    /// How many passages are not yet written down.
    pub(crate) fn open(&self) -> u64 {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).values().map(|gap| gap.passed).sum()
    }
}
