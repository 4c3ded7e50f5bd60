//! What operators do beyond accounts and operators: each act is checked, previewed and asked before it is done.
//!
//! Made outside of the reception's lock, for some of it takes seconds; each has a connection to the index of its own.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gateway::PageAnswer;
use index::{Index, Place};
use miette::IntoDiagnostic as _;

use super::{
    answers::{Asked, elsewhere},
    reception::Present,
};
use crate::{config::Config, operators::Operators, printer::Printer};

pub(super) mod emergency;
mod looking;
mod policies;
mod quarantine;
mod records;

/// What acts are done with.
pub(crate) struct Desk {
    config: Config,
    operators: Operators,
    place: Place,
    printer: Printer,
    // Held by whoever verifies the ledgers.
    verifying: Mutex<()>,
    // Held by whoever replays: each reads all of a month.
    replaying: Mutex<()>,
    // Held by whoever has policies proven.
    proving: Mutex<()>,
}

/// A page that is made after the reception has let go of its lock.
pub(crate) type Work<'a> = Box<dyn FnOnce() -> PageAnswer + 'a>;

impl Desk {
    pub(crate) fn new(config: Config, place: Place, printer: Printer) -> Self {
        Self {
            operators: Operators::of(&config),
            config,
            place,
            printer,
            verifying: Mutex::new(()),
            replaying: Mutex::new(()),
            proving: Mutex::new(()),
        }
    }

    pub(crate) fn operators(&self) -> Operators {
        self.operators.clone()
    }

    /// Whether this is a page of the desk.
    pub(crate) fn has(path: &str) -> bool {
        ["/policies/", "/records/", "/boundaries/", "/ledgers/", "/quarantine/", "/emergency/"]
            .iter()
            .any(|desk| path.starts_with(desk))
    }

    /// The page.
    pub(crate) fn work(self: Arc<Self>, asked: Asked<'_>, present: Present) -> Work<'_> {
        Box::new(move || match asked.path() {
            path if path.starts_with("/policies/") => self.policies(&asked, &present),
            path if path.starts_with("/records/") => self.records(&asked, &present),
            path if path.starts_with("/quarantine/") => self.quarantine(&asked, &present),
            path if path.starts_with("/emergency/") => self.emergency(&asked, &present),
            "/ledgers/verify" => self.verify(&asked, &present),
            "/boundaries/change" => self.boundary_change(&asked, &present),
            _ => elsewhere("/"),
        })
    }

    /// The index, read and never written.
    fn index(&self) -> miette::Result<Index> {
        Index::open_with(&self.place, index::Patience::WORK).into_diagnostic()?.read_only().into_diagnostic()
    }

    /// Waits until nobody else replays.
    fn turn(&self) -> MutexGuard<'_, ()> {
        self.replaying.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until nobody else has policies proven, which takes some seconds at most.
    fn proof(&self) -> MutexGuard<'_, ()> {
        self.proving.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes down what somebody is about to do.
    ///
    /// Errors: a report, and it must not be done.
    fn note(
        &self,
        present: &Present,
        event: &'static str,
        subjects: Vec<String>,
        reason: &str,
    ) -> miette::Result<String> {
        self.operators.note(&present.by().act(event, subjects, reason))
    }
}

/// Why somebody does something: one line, of at most two hundred characters.
fn reason(text: &str) -> Option<String> {
    let line: String = text.trim().chars().filter(|one| !one.is_control()).take(200).collect();
    (!line.is_empty()).then_some(line)
}
