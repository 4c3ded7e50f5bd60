//! The pages over the index, kept up to date while they are looked at. Nothing else waits for them: the database that the index
//! is in may be locked, busy or away.

use std::{
    error::Error,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use gateway::PageAnswer;
use index::{FollowError, Index, Patience, StoreError};
use miette::{IntoDiagnostic as _, WrapErr as _};
use tokio::sync::{Semaphore, SemaphorePermit};
use web::{Setting, Visitor};

use super::answers::{of, said};
use crate::{index_command::Known, wiring};

/// How long a page may be older than what the ledgers have published.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// For how long an index that did not answer is not asked again: whoever comes meanwhile is told at once.
const AWAY: Duration = Duration::from_secs(5);
/// Who may wait for the index at one time: each holds one of the console's connections.
const WAITING_MAX: usize = 16;

/// The index, as the pages look at it.
pub(crate) struct Pages {
    known: Known,
    held: Mutex<Held>,
    seats: Semaphore,
}

/// What one page at a time has.
struct Held {
    index: Option<Index>,
    looked: Option<Instant>,
    failed: Option<Instant>,
    behind: u64,
    // Why it is not shown although it answers: it is of another history than a ledger.
    other: Option<String>,
}

impl Pages {
    /// Errors: a report: the index cannot be used.
    pub(crate) fn new(known: Known) -> miette::Result<Self> {
        let index = Index::open_with(&known.place, Patience::BESIDE)
            .into_diagnostic()
            .wrap_err_with(|| format!("cannot use the index in {}", known.place))?;
        let mut held = Held { index: Some(index), looked: None, failed: None, behind: 0, other: None };
        held.look(&known);
        Ok(Self { known, held: Mutex::new(held), seats: Semaphore::new(WAITING_MAX) })
    }

    /// Makes one page.
    pub(crate) fn page(&self, target: &str, visitor: Option<&Visitor<'_>>) -> PageAnswer {
        self.with(visitor, |setting, index| web::answer(target, setting, index))
    }

    /// Makes one page in another way.
    pub(crate) fn with(
        &self,
        visitor: Option<&Visitor<'_>>,
        make: impl FnOnce(&Setting<'_>, &mut Index) -> Result<web::Answer, StoreError>,
    ) -> PageAnswer {
        self.answered(visitor, make).unwrap_or_else(|| {
            let other = self.locked().other.clone();
            other.map_or_else(|| away(&self.known.place.to_string()), |other| said(503, &other))
        })
    }

    /// The same; nothing while the index does not answer.
    pub(crate) fn answered(
        &self,
        visitor: Option<&Visitor<'_>>,
        make: impl FnOnce(&Setting<'_>, &mut Index) -> Result<web::Answer, StoreError>,
    ) -> Option<PageAnswer> {
        let (_seat, mut held) = self.held()?;
        let (moment, day_ago) = (wiring::moment(), wiring::moment_days_ago(1));
        let setting = Setting { now: &moment, day_ago: &day_ago, behind: held.behind, visitor };
        let answer = make(&setting, held.index.as_mut()?);
        answer
            .map(of)
            .map_err(|error| {
                tracing::warn!("the index did not answer: {}", whole(&error));
                held.fail();
            })
            .ok()
    }

    /// Asks the index, read on as pages have it, and with how many entries it is behind; nothing where it is away.
    pub(crate) fn with_index<T>(&self, ask: impl FnOnce(&mut Index, u64) -> T) -> Option<T> {
        let (_seat, mut held) = self.held()?;
        let behind = held.behind;
        held.index.as_mut().map(|index| ask(index, behind))
    }

    /// What was asked of the index failed: its connection is not used again.
    pub(crate) fn drop_index(&self) {
        self.locked().fail();
    }

    /// The index, as fresh as a page has to be; nothing where too many wait for it.
    fn held(&self) -> Option<(SemaphorePermit<'_>, MutexGuard<'_, Held>)> {
        let seat = self.seats.try_acquire().ok()?;
        let mut held = self.locked();
        held.freshen(&self.known);
        Some((seat, held))
    }

    /// A page that panicked left the index as it was: it is a view.
    fn locked(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn freshen(&mut self, known: &Known) {
        let is_past = |at: Option<Instant>, pause| at.is_none_or(|at| now().duration_since(at) >= pause);
        if self.index.is_none() && is_past(self.failed, AWAY) {
            match Index::open_with(&known.place, Patience::BESIDE) {
                Ok(index) => self.index = Some(index),
                Err(error) => {
                    tracing::warn!("the index cannot be used: {}", whole(&error));
                    self.fail();
                }
            }
        }
        if is_past(self.looked, LOOK_EVERY) {
            self.looked = Some(now());
            self.look(known);
        }
    }

    /// A connection that failed is not used again.
    fn fail(&mut self) {
        (self.index, self.failed) = (None, Some(now()));
    }

    /// Reads on what the ledgers have published, and how far the index is behind where that fails.
    fn look(&mut self, known: &Known) {
        let mut behind = 0;
        for folder in &known.ledgers {
            let Some(index) = &mut self.index else { return };
            let standing = match index.follow(folder, &mut |_| {}) {
                Ok(standing) => Ok(standing),
                Err(error) => {
                    tracing::warn!("the index was not read on: {}", whole(&error));
                    index.standing(folder)
                }
            };
            match standing {
                Ok(standing) => behind += standing.behind(),
                Err(FollowError::Store(_)) => self.fail(),
                Err(FollowError::Other(error)) => {
                    self.fail();
                    self.other = Some(error.to_string());
                    return;
                }
                Err(FollowError::Ledger { .. }) => {}
            }
        }
        self.other = None;
        self.behind = behind;
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the shell that tells how old a page may be")]
fn now() -> Instant {
    Instant::now()
}

/// An error with its causes, in one line.
pub(crate) fn whole(error: &(dyn Error + 'static)) -> String {
    let mut told = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        told = format!("{told}: {error}");
        cause = error.source();
    }
    told.replace('\n', "; ")
}

/// What is said while the database is away.
fn away(place: &str) -> PageAnswer {
    said(503, &format!("the index in {place} does not answer; it is asked again with the next page"))
}
