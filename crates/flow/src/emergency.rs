//! Emergency versions in force: taken up by whoever follows the log of versions, ended here by the clock.

use std::sync::{Arc, PoisonError, atomic::Ordering};

use mark::Reading;
use policy::{Emergency, Policies};

use crate::{entry::Entry, listed::is_plain, world::Flow};

/// While nothing expires.
pub(crate) const NEVER: i64 = i64::MAX;

impl Flow {
    /// Puts exactly these emergency versions in force for crossings that begin after this, and says in the ledger which
    /// ones began and ended.
    ///
    /// Shape:  every emergency version that should be in force; one whose time is over is left out.
    /// Never:  lets one hold longer than it says, whoever calls this or does not: the clock is asked at every crossing.
    pub fn narrow(&self, emergencies: &[Arc<Emergency>]) {
        let now = self.clock.seconds();
        let wanted: Vec<_> = emergencies.iter().filter(|one| now < one.until).cloned().collect();
        let mut slot = self.policies.write().unwrap_or_else(PoisonError::into_inner);
        let before = slot.emergencies().to_vec();
        let is_in = |all: &[Arc<Emergency>], one: &Emergency| {
            all.iter().any(|other| other.activation == one.activation)
        };
        let begun: Vec<_> = wanted.iter().filter(|one| !is_in(&before, one)).cloned().collect();
        let ended: Vec<_> = before.iter().filter(|one| !is_in(&wanted, one)).cloned().collect();
        if begun.is_empty() && ended.is_empty() {
            return;
        }
        *slot = Arc::new(slot.narrowed(wanted));
        let next = slot.emergencies().iter().map(|one| one.until).min().unwrap_or(NEVER);
        self.expires_at.store(next, Ordering::Release);
        drop(slot);
        for one in ended {
            let how = if now < one.until { "stood-down" } else { "expired" };
            self.note(Entry::emergency(how, &one, &self.clock.now()));
        }
        for one in begun {
            self.note(Entry::emergency("in-force", &one, &self.clock.now()));
        }
    }

    /// The emergency versions in force now.
    pub fn emergencies(&self) -> Vec<Arc<Emergency>> {
        self.policies().emergencies().to_vec()
    }

    /// The policies in force at this moment.
    pub(crate) fn policies(&self) -> Arc<Policies> {
        let until = self.expires_at.load(Ordering::Acquire);
        if until != NEVER && self.clock.seconds() >= until {
            let all = {
                let slot = self.policies.read().unwrap_or_else(PoisonError::into_inner);
                slot.emergencies().to_vec()
            };
            self.narrow(&all);
        }
        Arc::clone(&self.policies.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The policies in force on these records: without the emergency versions that speak of other objects.
    ///
    /// A record that could not be read may be of any object.
    pub(crate) fn policies_on(&self, readings: &[Reading<'_>]) -> Arc<Policies> {
        let policies = self.policies();
        if policies.emergencies().is_empty() {
            return policies;
        }
        objects_of(readings).and_then(|objects| policies.about(&objects)).unwrap_or(policies)
    }
}

/// The objects that records are of, in order, each once; none where one of them cannot be told, or they are many.
///
/// Bounds: [`OBJECTS_MAX`] names of at most 64 letters, digits and `_`: what objects and resource types are called.
pub(crate) fn objects(readings: &[Reading<'_>]) -> Vec<String> {
    objects_of(readings).map_or_else(Vec::new, named)
}

/// The object of each record; nothing where one of them could not be read, for it may be of any.
fn objects_of<'r>(readings: &'r [Reading<'_>]) -> Option<Vec<&'r str>> {
    let object = |reading: &'r Reading<'_>| Some(reading.content.as_ref().ok()?.object.as_ref());
    readings.iter().map(object).collect()
}

/// Objects by their names, as [`objects`] gives them.
pub(crate) fn named<'o>(objects: impl IntoIterator<Item = &'o str>) -> Vec<String> {
    let mut found: Vec<&str> = Vec::new();
    for object in objects {
        if found.contains(&object) {
            continue;
        }
        if found.len() >= OBJECTS_MAX || !is_plain(object) {
            return Vec::new();
        }
        found.push(object);
    }
    found.sort_unstable();
    found.into_iter().map(str::to_owned).collect()
}

const OBJECTS_MAX: usize = 8;
