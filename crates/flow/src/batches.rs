//! Bulk v1 batches that went on without some of their rows: a client asks for their results later, and counts lines.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use carrier::salesforce::WithheldRows;

/// The batches that rows were withheld from, oldest forgotten first.
///
/// Bounds: [`BATCHES_MAX`] batches, [`ROWS_MAX`] withheld rows over all of them; the last one is always kept.
#[derive(Debug, Default)]
pub(crate) struct Batches {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// By boundary and batch: two orgs may give the same id.
    by_place: BTreeMap<(String, String), Batch>,
    order: VecDeque<(String, String)>,
    rows: usize,
}

/// A batch that went on without some of its rows.
#[derive(Clone, Debug)]
pub struct WithheldBatch {
    /// The boundary that it crossed.
    pub boundary: String,
    /// Its job's id, in 15 characters.
    pub job: String,
    /// Its id, in 15 characters.
    pub batch: String,
    /// The rows that were withheld.
    pub rows: Arc<WithheldRows>,
}

/// Where gateways tell each other what they withheld from batches: a client may ask any of them for the results.
///
/// Shape:  what is withheld is put there before the rest is sent on. Until the org has told the batch's id, and for ever where
///         nobody hears that any more, it is of one of the job's batches that nobody knows.
pub struct Shelf {
    /// Puts there what is withheld from a batch of this boundary and job, durably; the name under which it is there.
    pub begin: BeginWithheld,
    /// Says whose it is that was put there under this name.
    pub keep: KeepWithheld,
    /// Takes away what was put there under this name, by boundary and job: there is no such batch.
    pub end: EndWithheld,
    /// What is there of a job, or of one of its batches: by boundary, job, and batch.
    pub find: FindWithheld,
}

/// What is on a [`Shelf`] of a job, or of one of its batches.
#[derive(Debug, Default)]
pub struct OnShelf {
    /// Batches that rows were withheld from.
    pub batches: Vec<WithheldBatch>,
    /// What was withheld from batches of the job of which nobody knows which they are; none where the batch that was asked
    /// about is there.
    pub open: Vec<Arc<WithheldRows>>,
}

/// What other gateways withheld cannot be written down, or be read: there may be some.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what was withheld from batches cannot be written or read where gateways share it")]
pub struct ShelfError;

/// Puts rows on a [`Shelf`].
pub type BeginWithheld = Box<dyn Fn(&str, &str, &WithheldRows) -> Result<String, ShelfError> + Send + Sync>;
/// Names a batch on a [`Shelf`].
pub type KeepWithheld = Box<dyn Fn(&WithheldBatch, &str) + Send + Sync>;
/// Takes rows from a [`Shelf`].
pub type EndWithheld = Box<dyn Fn(&str, &str, &str) + Send + Sync>;
/// Finds batches on a [`Shelf`].
pub type FindWithheld = Box<dyn Fn(&str, &str, Option<&str>) -> Result<OnShelf, ShelfError> + Send + Sync>;

impl fmt::Debug for Shelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shelf")
    }
}

#[derive(Clone, Debug)]
struct Batch {
    job: String,
    withheld: Arc<WithheldRows>,
}

/// How many batches are remembered: two thirds of what an org allows in a day.
const BATCHES_MAX: usize = 10_000;
/// How many withheld rows are remembered, about 16 bytes each.
const ROWS_MAX: usize = 2_000_000;

impl Batches {
    pub(crate) fn learn(&self, boundary: &str, job: String, batch: String, withheld: Arc<WithheldRows>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let place = (boundary.to_owned(), batch);
        known.rows += withheld.len();
        match known.by_place.insert(place.clone(), Batch { job, withheld }) {
            Some(before) => known.rows -= before.withheld.len(),
            None => known.order.push_back(place),
        }
        while known.order.len() > 1 && (known.order.len() > BATCHES_MAX || known.rows > ROWS_MAX) {
            let Some(oldest) = known.order.pop_front() else { return };
            if let Some(gone) = known.by_place.remove(&oldest) {
                known.rows -= gone.withheld.len();
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).order.is_empty()
    }

    /// What was withheld from a batch.
    pub(crate) fn of_batch(&self, boundary: &str, batch: &str) -> Option<Arc<WithheldRows>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let batch = known.by_place.get(&(boundary.to_owned(), batch.to_owned()))?;
        Some(Arc::clone(&batch.withheld))
    }

    /// How many rows were withheld from each batch of a job.
    pub(crate) fn of_job(&self, boundary: &str, job: &str) -> BTreeMap<String, usize> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let here = known.by_place.iter().filter(|((place, _), batch)| place == boundary && batch.job == job);
        here.map(|((_, id), batch)| (id.clone(), batch.withheld.len())).collect()
    }
}

#[cfg(test)]
mod tests {
    use carrier::{Door, Refusal, salesforce};

    use super::*;

    /// So many refused rows of a batch that has one more.
    fn withheld(count: usize) -> Arc<WithheldRows> {
        let made =
            br#"{"id":"750000000000001AAA","operation":"insert","object":"Contact","contentType":"CSV"}"#;
        let job = salesforce::batch_job_created(made).unwrap();
        let target = "/services/async/67.0/job/750000000000001AAA/batch";
        let Door::Judged(route) = salesforce::route_by_job("POST", target, None, |_| Some(job)) else {
            panic!("a batch")
        };
        let body = format!("LastName\n{}", "x\n".repeat(count + 1));
        let refusal = Refusal { code: "EOSIN_BLOCKED".to_owned(), message: "no".to_owned() };
        let refusals = (0..count).map(|at| (at, refusal.clone())).collect();
        Arc::new(WithheldRows::of(&route, body.as_bytes(), &refusals).unwrap())
    }

    #[test]
    fn batches_are_found_by_boundary_and_id_and_the_oldest_is_forgotten() {
        let batches = Batches::default();
        assert!(batches.is_empty());
        let one = withheld(1);
        batches.learn("crm", "job1".to_owned(), "a".to_owned(), Arc::clone(&one));
        batches.learn("crm", "job1".to_owned(), "b".to_owned(), withheld(3));
        batches.learn("ehr", "job1".to_owned(), "b".to_owned(), Arc::clone(&one));
        assert_eq!(batches.of_batch("crm", "b").map(|rows| rows.len()), Some(3));
        assert_eq!(batches.of_batch("ehr", "a"), None);
        let counted: Vec<(String, usize)> = batches.of_job("crm", "job1").into_iter().collect();
        assert_eq!(counted, [("a".to_owned(), 1), ("b".to_owned(), 3)]);
        // Learned again, it counts once and keeps its turn.
        batches.learn("crm", "job1".to_owned(), "a".to_owned(), one);
        for number in 0..BATCHES_MAX {
            batches.learn("crm", "job2".to_owned(), number.to_string(), withheld(1));
        }
        assert_eq!(batches.of_batch("crm", "a"), None);
        assert_eq!(batches.of_batch("crm", "b"), None);
        assert_eq!(batches.of_batch("crm", "0").map(|rows| rows.len()), Some(1));
        let known = batches.known.lock().unwrap();
        assert_eq!(
            (known.order.len(), known.by_place.len(), known.rows),
            (BATCHES_MAX, BATCHES_MAX, BATCHES_MAX)
        );
    }
}
