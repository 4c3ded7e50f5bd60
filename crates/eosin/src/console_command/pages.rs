//! The pages over the index, kept up to date while they are looked at.

use std::time::{Duration, Instant};

use gateway::PageAnswer;
use index::{Index, StoreError};
use miette::{IntoDiagnostic as _, WrapErr as _};
use web::{Setting, Visitor};

use super::answers::{of, said};
use crate::{index_command::Known, wiring};

/// How long a page may be older than what the ledgers have published.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The index, as the pages look at it.
pub(crate) struct Pages {
    known: Known,
    index: Option<Index>,
    looked: Option<Instant>,
    behind: u64,
}

impl Pages {
    /// Errors: a report: the index cannot be used.
    pub(crate) fn new(known: Known) -> miette::Result<Self> {
        let index = Index::open(&known.place)
            .into_diagnostic()
            .wrap_err_with(|| format!("cannot use the index in {}", known.place))?;
        let mut pages = Self { known, index: Some(index), looked: None, behind: 0 };
        pages.look();
        Ok(pages)
    }

    /// Makes one page.
    pub(crate) fn page(&mut self, target: &str, visitor: Option<&Visitor<'_>>) -> PageAnswer {
        self.with(visitor, |setting, index| web::answer(target, setting, index))
    }

    /// Makes one page in another way.
    pub(crate) fn with(
        &mut self,
        visitor: Option<&Visitor<'_>>,
        make: impl FnOnce(&Setting<'_>, &mut Index) -> Result<web::Answer, StoreError>,
    ) -> PageAnswer {
        self.freshen();
        let (moment, day_ago) = (wiring::moment(), wiring::moment_days_ago(1));
        let setting = Setting { now: &moment, day_ago: &day_ago, behind: self.behind, visitor };
        let Some(index) = &mut self.index else { return away(&self.known.place.to_string()) };
        match make(&setting, index) {
            Ok(answer) => of(answer),
            Err(error) => {
                tracing::warn!("the index did not answer: {error}");
                // A connection that failed is not used again.
                self.index = None;
                away(&self.known.place.to_string())
            }
        }
    }

    /// Asks the index, read on as pages have it, and with how many entries it is behind; nothing where it is away.
    pub(crate) fn with_index<T>(&mut self, ask: impl FnOnce(&mut Index, u64) -> T) -> Option<T> {
        self.freshen();
        let behind = self.behind;
        self.index.as_mut().map(|index| ask(index, behind))
    }

    /// What was asked of the index failed: its connection is not used again.
    pub(crate) fn drop_index(&mut self) {
        self.index = None;
    }

    fn freshen(&mut self) {
        #[expect(clippy::disallowed_methods, reason = "this is the shell that tells how old a page may be")]
        let now = Instant::now();
        if self.looked.is_none_or(|looked| now.duration_since(looked) >= LOOK_EVERY) {
            self.looked = Some(now);
            self.look();
        }
        if self.index.is_none() {
            self.index = Index::open(&self.known.place).ok();
        }
    }

    /// Reads on what the ledgers have published, and how far the index is behind where that fails.
    fn look(&mut self) {
        let Some(index) = &mut self.index else { return };
        let mut behind = 0;
        for folder in &self.known.ledgers {
            let standing = match index.follow(folder, &mut |_| {}) {
                Ok(standing) => Ok(standing),
                Err(error) => {
                    tracing::warn!("the index was not read on: {error}");
                    index.standing(folder)
                }
            };
            behind += standing.map(|standing| standing.behind()).unwrap_or_default();
        }
        self.behind = behind;
    }
}

/// What is said while the database is away.
fn away(place: &str) -> PageAnswer {
    said(503, &format!("the index in {place} does not answer; it is asked again with the next page"))
}
