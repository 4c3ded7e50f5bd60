//! Bulk jobs under way: their upload does not say its object, so the answer that made the job must be remembered.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, PoisonError},
};

use carrier::salesforce::Job;

/// The jobs seen being made, oldest forgotten first.
#[derive(Debug, Default)]
pub(crate) struct Jobs {
    known: Mutex<(BTreeMap<String, Job>, VecDeque<String>)>,
}

/// How many jobs are remembered; an org allows 100,000 a day, and one is uploaded soon after it is made.
const JOBS_MAX: usize = 10_000;

impl Jobs {
    pub(crate) fn learn(&self, job: Job) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (jobs, order) = &mut *known;
        if jobs.insert(job.id.clone(), job.clone()).is_none() {
            order.push_back(job.id);
        }
        while order.len() > JOBS_MAX {
            if let Some(oldest) = order.pop_front() {
                jobs.remove(&oldest);
            }
        }
    }

    pub(crate) fn get(&self, id: &str) -> Option<Job> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).0.get(id).cloned()
    }
}
