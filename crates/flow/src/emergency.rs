//! Emergency versions in force: taken up by whoever follows the log of versions, ended here by the clock.

use std::sync::{
    Arc, Mutex, PoisonError, RwLockWriteGuard,
    atomic::{AtomicI64, Ordering},
};

use mark::Reading;
use policy::{Emergency, Policies};

use crate::{entry::Entry, listed::is_plain, world::Flow};

/// The emergency versions that should be in force, each until its time is over, and for how long the clock changes nothing.
#[derive(Debug)]
pub(crate) struct Standing {
    given: Mutex<Vec<Arc<Emergency>>>,
    // Before this moment one holds again that has ended: a clock that ran ahead has come right.
    since: AtomicI64,
    // From this moment on one holds no more.
    until: AtomicI64,
}

impl Default for Standing {
    fn default() -> Self {
        Self { given: Mutex::default(), since: AtomicI64::new(i64::MIN), until: AtomicI64::new(i64::MAX) }
    }
}

impl Standing {
    /// Whether those that hold at this moment are the ones that held when they were last told apart.
    fn is_as_it_was(&self, now: impl FnOnce() -> i64) -> bool {
        let bounds = (self.since.load(Ordering::Acquire), self.until.load(Ordering::Acquire));
        bounds == (i64::MIN, i64::MAX) || (bounds.0..bounds.1).contains(&now())
    }
}

impl Flow {
    /// Puts exactly these emergency versions in force for crossings that begin after this, and says in the ledger which
    /// ones began and ended.
    ///
    /// Shape:  every emergency version that should be in force; one whose time is over is left out, as long as it is.
    /// Never:  lets one hold longer than it says, or shorter, whoever calls this or does not: the clock is asked at every crossing.
    pub fn narrow(&self, emergencies: &[Arc<Emergency>]) {
        let slot = self.policies.write().unwrap_or_else(PoisonError::into_inner);
        *self.standing.given.lock().unwrap_or_else(PoisonError::into_inner) = emergencies.to_vec();
        self.hold(slot);
    }

    /// Makes those hold whose time is not over, of what was given.
    fn hold(&self, mut slot: RwLockWriteGuard<'_, Arc<Policies>>) {
        let now = self.clock.seconds();
        let given = self.standing.given.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let over = given.iter().map(|one| one.until).filter(|until| *until <= now).max();
        let next = given.iter().map(|one| one.until).filter(|until| now < *until).min();
        self.standing.since.store(over.unwrap_or(i64::MIN), Ordering::Release);
        self.standing.until.store(next.unwrap_or(i64::MAX), Ordering::Release);
        let wanted: Vec<_> = given.into_iter().filter(|one| now < one.until).collect();
        let before = slot.emergencies().to_vec();
        let is_in = |all: &[Arc<Emergency>], one: &Emergency| {
            // Of one place in two histories of a log there may be two.
            all.iter().any(|other| {
                other.activation == one.activation
                    && other.until == one.until
                    && other.scope == one.scope
                    && other.policies.version() == one.policies.version()
            })
        };
        let begun: Vec<_> = wanted.iter().filter(|one| !is_in(&before, one)).cloned().collect();
        let ended: Vec<_> = before.iter().filter(|one| !is_in(&wanted, one)).cloned().collect();
        if begun.is_empty() && ended.is_empty() {
            return;
        }
        *slot = Arc::new(slot.narrowed(wanted));
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
        if !self.standing.is_as_it_was(|| self.clock.seconds()) {
            self.hold(self.policies.write().unwrap_or_else(PoisonError::into_inner));
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
