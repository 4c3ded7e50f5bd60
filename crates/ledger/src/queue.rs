//! What waits for the ledger's thread, and what of it wakes the thread.

use std::collections::VecDeque;
use std::sync::Arc;

use mark::tlog_proof::TlogProof;

use crate::appender::{Busy, GROUP_ENTRIES_MAX, Health, State};
use crate::commit::Ledger;
use crate::logged::Place;
use crate::pending::{Answer, AppendError};
use crate::publish::PublishError;
use crate::tiles::ReadError;

/// What the thread and those who ask it share, under one lock.
pub(crate) struct Queue {
    pub(crate) health: Health,
    pub(crate) checkpoint: Arc<str>,
    pub(crate) questions: VecDeque<Question>,
    pub(crate) closing: bool,
    /// What the thread sleeps for.
    pub(crate) call: Call,
    entries: VecDeque<Waiting>,
    /// How many of the entries have an answer to give.
    awaited: usize,
    entries_max: usize,
}

/// An entry, and the duty to answer whoever waits for it.
pub(crate) type Waiting = (Vec<u8>, Option<Answer<Place>>);

pub(crate) enum Question {
    Prove { index: u64, answer: Answer<Result<TlogProof, ReadError>> },
    Publish { answer: Answer<Result<(), PublishError>> },
}

/// What wakes the thread. A question, the end and a crowd always do, unless it works: it looks before it sleeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    /// It works.
    Nothing,
    /// Only those.
    Crowd,
    /// An entry that somebody waits for.
    Awaited,
    /// Any entry.
    Anything,
}

/// What the thread does next.
pub(crate) struct Turn {
    pub(crate) entries: Vec<Waiting>,
    /// How many of them somebody waits for.
    pub(crate) awaited: usize,
    pub(crate) questions: VecDeque<Question>,
    pub(crate) closing: bool,
}

impl Queue {
    pub(crate) fn of(ledger: &Ledger, entries_max: usize) -> Self {
        let health = Health {
            state: State::Writing,
            size: ledger.size(),
            published: ledger.published(),
            commits: 0,
            queued: 0,
            unpublished_because: None,
        };
        Self {
            health,
            checkpoint: ledger.checkpoint(),
            questions: VecDeque::new(),
            closing: false,
            call: Call::Nothing,
            entries: VecDeque::new(),
            awaited: 0,
            entries_max,
        }
    }

    /// How many entries wait.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Errors: [`Busy`] when it is full.
    pub(crate) fn push(&mut self, bytes: Vec<u8>, answer: Option<Answer<Place>>) -> Result<(), Busy> {
        if self.entries.len() >= self.entries_max {
            return Err(Busy);
        }
        self.awaited += usize::from(answer.is_some());
        self.entries.push_back((bytes, answer));
        Ok(())
    }

    pub(crate) fn is_called(&self) -> bool {
        let crowd = self.entries_max.min(GROUP_ENTRIES_MAX);
        let urgent = self.closing || !self.questions.is_empty() || self.entries.len() >= crowd;
        match self.call {
            Call::Nothing => false,
            Call::Crowd => urgent,
            Call::Awaited => urgent || self.awaited > 0,
            Call::Anything => urgent || !self.entries.is_empty(),
        }
    }

    /// Takes one group and all questions; the thread works from here on.
    pub(crate) fn turn(&mut self) -> Turn {
        self.call = Call::Nothing;
        let count = self.entries.len().min(GROUP_ENTRIES_MAX);
        let entries: Vec<Waiting> = self.entries.drain(..count).collect();
        let awaited = entries.iter().filter(|(_, answer)| answer.is_some()).count();
        self.awaited -= awaited;
        Turn { entries, awaited, questions: std::mem::take(&mut self.questions), closing: self.closing }
    }

    /// Takes everything.
    pub(crate) fn empty(&mut self) -> (VecDeque<Waiting>, VecDeque<Question>) {
        self.awaited = 0;
        (std::mem::take(&mut self.entries), std::mem::take(&mut self.questions))
    }

    pub(crate) fn closed_to_all(&self) -> Option<AppendError> {
        match &self.health.state {
            _ if self.closing => Some(AppendError::Closed),
            State::Writing => None,
            State::Unavailable { because } => Some(AppendError::Unavailable { because: Arc::clone(because) }),
            State::Closed => Some(AppendError::Closed),
        }
    }
}
