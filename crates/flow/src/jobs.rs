//! Bulk jobs under way: their upload does not say its object, so the answer that made the job must be remembered.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, PoisonError},
};

use carrier::salesforce::{BatchJob, Job};

/// The jobs seen being made, by the boundary that saw it, for two orgs may give the same id; oldest forgotten first.
#[derive(Debug, Default)]
pub(crate) struct Jobs {
    /// Of Bulk 2.0.
    ingest: Mutex<Known<Job>>,
    /// Of Bulk API v1.
    batch: Mutex<Known<BatchJob>>,
}

#[derive(Debug)]
struct Known<J> {
    jobs: BTreeMap<(String, String), J>,
    order: VecDeque<(String, String)>,
}

impl<J> Default for Known<J> {
    fn default() -> Self {
        Self { jobs: BTreeMap::new(), order: VecDeque::new() }
    }
}

/// How many jobs are remembered; an org allows 100,000 a day, and one is uploaded soon after it is made.
const JOBS_MAX: usize = 10_000;

impl<J: Clone> Known<J> {
    fn learn(&mut self, boundary: &str, id: String, job: J) {
        let place = (boundary.to_owned(), id);
        if self.jobs.insert(place.clone(), job).is_none() {
            self.order.push_back(place);
        }
        while self.order.len() > JOBS_MAX {
            if let Some(oldest) = self.order.pop_front() {
                self.jobs.remove(&oldest);
            }
        }
    }

    fn get(&self, boundary: &str, id: &str) -> Option<J> {
        self.jobs.get(&(boundary.to_owned(), id.to_owned())).cloned()
    }
}

impl Jobs {
    pub(crate) fn learn(&self, boundary: &str, job: Job) {
        self.ingest.lock().unwrap_or_else(PoisonError::into_inner).learn(boundary, job.id.clone(), job);
    }

    pub(crate) fn get(&self, boundary: &str, id: &str) -> Option<Job> {
        self.ingest.lock().unwrap_or_else(PoisonError::into_inner).get(boundary, id)
    }

    pub(crate) fn learn_batch_job(&self, boundary: &str, job: BatchJob) {
        self.batch.lock().unwrap_or_else(PoisonError::into_inner).learn(boundary, job.id.clone(), job);
    }

    pub(crate) fn batch_job(&self, boundary: &str, id: &str) -> Option<BatchJob> {
        self.batch.lock().unwrap_or_else(PoisonError::into_inner).get(boundary, id)
    }
}
