//! Bulk jobs under way: their upload does not say its object, so the answer that made the job must be remembered.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, PoisonError},
};

use carrier::salesforce::{BatchJob, Job};

/// The jobs seen being made, oldest forgotten first.
#[derive(Debug, Default)]
pub(crate) struct Jobs {
    /// Of Bulk 2.0.
    ingest: Mutex<Known<Job>>,
    /// Of Bulk API v1.
    batch: Mutex<Known<BatchJob>>,
}

#[derive(Debug)]
struct Known<J> {
    jobs: BTreeMap<String, J>,
    order: VecDeque<String>,
}

impl<J> Default for Known<J> {
    fn default() -> Self {
        Self { jobs: BTreeMap::new(), order: VecDeque::new() }
    }
}

/// How many jobs are remembered; an org allows 100,000 a day, and one is uploaded soon after it is made.
const JOBS_MAX: usize = 10_000;

impl<J> Known<J> {
    fn learn(&mut self, id: String, job: J) {
        if self.jobs.insert(id.clone(), job).is_none() {
            self.order.push_back(id);
        }
        while self.order.len() > JOBS_MAX {
            if let Some(oldest) = self.order.pop_front() {
                self.jobs.remove(&oldest);
            }
        }
    }
}

impl Jobs {
    pub(crate) fn learn(&self, job: Job) {
        self.ingest.lock().unwrap_or_else(PoisonError::into_inner).learn(job.id.clone(), job);
    }

    pub(crate) fn get(&self, id: &str) -> Option<Job> {
        self.ingest.lock().unwrap_or_else(PoisonError::into_inner).jobs.get(id).cloned()
    }

    pub(crate) fn learn_batch_job(&self, job: BatchJob) {
        self.batch.lock().unwrap_or_else(PoisonError::into_inner).learn(job.id.clone(), job);
    }

    pub(crate) fn batch_job(&self, id: &str) -> Option<BatchJob> {
        self.batch.lock().unwrap_or_else(PoisonError::into_inner).jobs.get(id).cloned()
    }
}
