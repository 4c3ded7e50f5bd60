//! An answer that is on its way: for a thread that waits, or a future that is polled.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::commit::Refusal;
use crate::logged::{Logged, Place};

/// An item that waits to be durable.
///
/// Await it, or block on [`Pending::wait`]. Dropping it does not take the entry back.
///
/// Shape:  -> [`Logged`] once the commit that holds the entry is on the disk, never before.
/// Errors: [`AppendError`], which says what the caller does next.
#[must_use = "nothing is durable before this has answered"]
pub struct Pending<T> {
    /// INVARIANT: there until the answer is taken.
    item: Option<T>,
    slot: Arc<Slot<Place>>,
}

impl<T> Pending<T> {
    /// Waits for the answer.
    ///
    /// Never: returns before the disk has answered; do not call it on an async worker, await instead.
    pub fn wait(self) -> Result<Logged<T>, AppendError> {
        let place = self.slot.wait()?;
        self.item.map(|item| Logged::new(item, place)).ok_or(AppendError::Closed)
    }

    pub(crate) fn new(item: T, slot: Arc<Slot<Place>>) -> Self {
        Self { item: Some(item), slot }
    }
}

/// Nothing in it is ever pinned.
impl<T> Unpin for Pending<T> {}

impl<T> Future for Pending<T> {
    type Output = Result<Logged<T>, AppendError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.slot.poll(context.waker()) {
            None => Poll::Pending,
            Some(answer) => {
                let item = self.item.take().ok_or(AppendError::Closed);
                Poll::Ready(answer.and_then(|place| Ok(Logged::new(item?, place))))
            }
        }
    }
}

impl<T> fmt::Debug for Pending<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pending")
    }
}

/// Why an item is not known to be durable.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AppendError {
    /// Nothing was written, now or later: mend the cause and append again.
    #[error("the ledger refused the entry, nothing was written")]
    Refused(#[source] Arc<Refusal>),
    /// The entry may be durable or not: the ledger reopens by itself; look before appending it again.
    #[error("the ledger cannot tell whether the entry is on the disk ({because}): look before trying again")]
    Unknown {
        /// What the disk said.
        because: Arc<str>,
    },
    /// The ledger is being reopened after a failure. Nothing was written: answer 503 and try again later.
    #[error("the ledger cannot write at the moment ({because}): try again later; nothing was written")]
    Unavailable {
        /// Why it cannot.
        because: Arc<str>,
    },
    /// The appender was closed. Nothing was written.
    #[error("the ledger was closed, nothing was written")]
    Closed,
}

/// Where an answer is left for whoever waits for it.
pub(crate) struct Slot<A> {
    state: Mutex<SlotState<A>>,
    answered: Condvar,
}

enum SlotState<A> {
    Waiting(Option<Waker>),
    Answered(Result<A, AppendError>),
    Taken,
}

impl<A> Slot<A> {
    pub(crate) fn waiting() -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(SlotState::Waiting(None)), answered: Condvar::new() })
    }

    pub(crate) fn answered(answer: Result<A, AppendError>) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(SlotState::Answered(answer)), answered: Condvar::new() })
    }

    fn wait(&self) -> Result<A, AppendError> {
        let waiting = |state: &mut SlotState<A>| matches!(state, SlotState::Waiting(_));
        let state = self.answered.wait_while(self.lock(), waiting);
        take(&mut state.unwrap_or_else(PoisonError::into_inner)).unwrap_or(Err(AppendError::Closed))
    }

    fn poll(&self, waker: &Waker) -> Option<Result<A, AppendError>> {
        let mut state = self.lock();
        if let SlotState::Waiting(waiting) = &mut *state {
            match waiting {
                Some(known) => known.clone_from(waker),
                None => *waiting = Some(waker.clone()),
            }
            return None;
        }
        take(&mut state)
    }

    fn answer(&self, answer: Result<A, AppendError>) {
        let mut state = self.lock();
        // Only the first answer counts.
        if let SlotState::Waiting(waker) = &mut *state {
            let waker = waker.take();
            *state = SlotState::Answered(answer);
            drop(state);
            self.answered.notify_one();
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, SlotState<A>> {
        // A poisoned slot is as good as another: each change of it is one assignment.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn take<A>(state: &mut SlotState<A>) -> Option<Result<A, AppendError>> {
    match std::mem::replace(state, SlotState::Taken) {
        SlotState::Answered(answer) => Some(answer),
        SlotState::Taken => Some(Err(AppendError::Closed)),
        waiting @ SlotState::Waiting(_) => {
            *state = waiting;
            None
        }
    }
}

/// The duty to answer: whoever drops it without an answer has answered that nobody knows.
pub(crate) struct Answer<A>(Arc<Slot<A>>);

impl<A> Answer<A> {
    pub(crate) fn to(slot: &Arc<Slot<A>>) -> Self {
        Self(Arc::clone(slot))
    }

    pub(crate) fn give(self, answer: Result<A, AppendError>) {
        self.0.answer(answer);
    }
}

impl<A> Drop for Answer<A> {
    fn drop(&mut self) {
        self.0.answer(Err(AppendError::Unknown { because: Arc::from("the ledger's thread ended") }));
    }
}

/// Waits for an answer that is not about an item.
pub(crate) fn wait_for<A>(slot: &Slot<A>) -> Result<A, AppendError> {
    slot.wait()
}
