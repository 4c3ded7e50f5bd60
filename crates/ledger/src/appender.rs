//! Many threads, one writer: entries are gathered while the disk syncs, and committed together.

use std::fmt;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use mark::tlog_proof::TlogProof;

use crate::commit::{CommitError, Ledger, Refusal};
use crate::layout::ENTRY_BYTES_MAX;
use crate::logged::Place;
use crate::pending::{Answer, AppendError, Pending, Slot, wait_for};
use crate::publish::PublishError;
use crate::queue::{Call, Question, Queue, Turn, Waiting};
use crate::recover::OpenError;
use crate::tiles::ReadError;

/// A ledger on a thread of its own, shared by all who append.
///
/// The thread takes what waits, at most [`GROUP_ENTRIES_MAX`] entries, commits once and answers each. After a
/// failure whose outcome is unknown it reopens the ledger by itself and says `Unavailable` meanwhile.
///
/// Bounds: the queue of [`AppenderConfig`]; past it, [`Busy`].
/// Never:  acknowledges before the disk has; needs an async runtime.
pub struct Appender {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<Ledger>>>,
}

impl Appender {
    /// Starts the thread.
    ///
    /// Errors: the system gives no thread; the ledger is dropped, which loses nothing.
    pub fn start(ledger: Ledger, config: AppenderConfig) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            config,
            queue: Mutex::new(Queue::of(&ledger, config.queue_entries_max)),
            changed: Condvar::new(),
        });
        let for_thread = Arc::clone(&shared);
        let thread =
            std::thread::Builder::new().name("ledger".to_owned()).spawn(move || for_thread.run(ledger))?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }

    /// Puts an entry in the queue; the item comes back as [`crate::Logged`] when the entry is durable.
    ///
    /// Shape:  the item and the bytes that are written for it -> an answer to wait for.
    /// Errors: [`Busy`]: the queue is full; answer 503 with `Retry-After`.
    pub fn append<T>(&self, item: T, bytes: Vec<u8>) -> Result<Pending<T>, Busy> {
        let at_once = |error| Ok(Slot::answered(Err(error)));
        // One bad entry must not refuse the whole group it would ride in.
        let slot = if bytes.is_empty() {
            at_once(AppendError::Refused(Arc::new(Refusal::EmptyEntry { position: 0 })))
        } else if bytes.len() > ENTRY_BYTES_MAX {
            at_once(AppendError::Refused(Arc::new(Refusal::EntryTooLong { position: 0, bytes: bytes.len() })))
        } else {
            self.enqueue(bytes)
        }?;
        Ok(Pending::new(item, slot))
    }

    /// Puts an entry in the queue whose place nobody waits for: it rides in the next commit that somebody does wait for,
    /// or in one of its own after [`AppenderConfig::note_after`].
    ///
    /// Shape:  entries keep their order, awaited or not.
    /// Errors: [`Busy`], as [`Appender::append`]. An entry that cannot be written is not reported: see [`Health`].
    pub fn note(&self, bytes: Vec<u8>) -> Result<(), Busy> {
        if bytes.is_empty() || bytes.len() > ENTRY_BYTES_MAX {
            return Ok(());
        }
        let mut queue = self.shared.lock();
        if queue.closed_to_all().is_some() {
            return Ok(());
        }
        queue.push(bytes, None)?;
        self.shared.call(queue);
        Ok(())
    }

    /// Proves that a committed entry is in the log.
    ///
    /// Errors: [`AskError`].
    /// Never:  returns before the commit at hand; do not call it on an async worker.
    pub fn prove(&self, index: u64) -> Result<TlogProof, AskError> {
        self.ask(|answer| Question::Prove { index, answer })?.map_err(AskError::Read)
    }

    /// Publishes what is committed, so that readers of the folder see it now and not a second later.
    ///
    /// Errors: [`AskError`].
    pub fn publish(&self) -> Result<(), AskError> {
        self.ask(|answer| Question::Publish { answer })?.map_err(AskError::Publish)
    }

    /// The signed checkpoint over everything that was acknowledged so far, and perhaps a little more.
    pub fn checkpoint(&self) -> Arc<str> {
        Arc::clone(&self.shared.lock().checkpoint)
    }

    /// How the ledger is.
    pub fn health(&self) -> Health {
        let queue = self.shared.lock();
        Health { queued: queue.len(), ..queue.health.clone() }
    }

    /// Commits what waits, publishes, ends the thread and gives the ledger back.
    ///
    /// Errors: [`Closed`]: it was closed before, or its thread panicked; open the ledger again.
    pub fn close(&self) -> Result<Ledger, Closed> {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take().ok_or(Closed)?;
        self.shared.lock().closing = true;
        self.shared.changed.notify_all();
        thread.join().map_err(|_| Closed)
    }

    fn enqueue(&self, bytes: Vec<u8>) -> Result<Arc<Slot<Place>>, Busy> {
        let mut queue = self.shared.lock();
        if let Some(error) = queue.closed_to_all() {
            return Ok(Slot::answered(Err(error)));
        }
        let slot = Slot::waiting();
        queue.push(bytes, Some(Answer::to(&slot)))?;
        self.shared.call(queue);
        Ok(slot)
    }

    fn ask<A>(&self, question: impl FnOnce(Answer<A>) -> Question) -> Result<A, AskError> {
        let slot = Slot::waiting();
        let mut queue = self.shared.lock();
        if let Some(error) = queue.closed_to_all() {
            return Err(AskError::of(error));
        }
        if queue.questions.len() >= self.shared.config.queue_entries_max {
            return Err(AskError::Busy);
        }
        queue.questions.push_back(question(Answer::to(&slot)));
        self.shared.call(queue);
        wait_for(&slot).map_err(AskError::of)
    }
}

impl Drop for Appender {
    /// Closes, if nobody has: what waits is committed and published.
    fn drop(&mut self) {
        drop(self.close());
    }
}

impl fmt::Debug for Appender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Appender({:?})", self.health())
    }
}

/// How an appender behaves under load, at rest and after a failure.
#[derive(Debug, Clone, Copy)]
pub struct AppenderConfig {
    /// How many entries may wait; more is [`Busy`]. Each holds its bytes in memory, at most 64 KiB.
    pub queue_entries_max: usize,
    /// After a group in which several were awaited, the next is gathered for so long: a sync costs the same for many.
    pub gather: Duration,
    /// The longest that an entry of [`Appender::note`] waits for one to ride with.
    pub note_after: Duration,
    /// After so long without a new entry, what is committed is published.
    pub publish_idle: Duration,
    /// How long after a failure the ledger is first reopened; each failed attempt doubles the wait.
    pub reopen_first: Duration,
    /// The longest wait between two attempts.
    pub reopen_max: Duration,
}

impl AppenderConfig {
    /// What suits a gateway: 4,096 waiting entries, gathered for a millisecond, published after a second of rest.
    pub const fn standard() -> Self {
        Self {
            queue_entries_max: 4096,
            gather: Duration::from_millis(1),
            note_after: Duration::from_millis(10),
            publish_idle: Duration::from_secs(1),
            reopen_first: Duration::from_millis(100),
            reopen_max: Duration::from_secs(10),
        }
    }
}

/// How the ledger is, for a health page and for the answer to a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Whether entries are taken.
    pub state: State,
    /// How many entries are committed.
    pub size: u64,
    /// How many of them readers of the folder see.
    pub published: u64,
    /// How many group commits this appender has made; entries over commits is the size of a group.
    pub commits: u64,
    /// How many entries wait for the next commit.
    pub queued: usize,
    /// Why publishing fails, if it does: commits go on until the journal is full.
    pub unpublished_because: Option<String>,
}

/// Whether entries are taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Yes.
    Writing,
    /// Not now: the ledger is being reopened after a failure.
    Unavailable {
        /// What failed last.
        because: Arc<str>,
    },
    /// Never again.
    Closed,
}

/// The queue is full: wait for the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the ledger's queue is full: try again in a moment")]
pub struct Busy;

/// The appender was closed before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the ledger was closed already: open it again")]
pub struct Closed;

/// Why a question to the ledger has no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Too many questions wait.
    #[error("too many questions wait for the ledger: try again in a moment")]
    Busy,
    /// The ledger is being reopened, or was closed.
    #[error("the ledger cannot answer")]
    Unavailable(#[source] AppendError),
    /// There is no such entry, or a file is damaged.
    #[error("the ledger has no proof")]
    Read(#[source] ReadError),
    /// Publishing failed.
    #[error("the ledger could not publish")]
    Publish(#[source] PublishError),
}

impl AskError {
    fn of(error: AppendError) -> Self {
        Self::Unavailable(error)
    }
}

/// The most entries that one commit takes from the queue: past this, hashing costs more than the sync.
pub const GROUP_ENTRIES_MAX: usize = 256;

/// So many awaited entries in a group show that many write at once, and that gathering the next group pays.
const GATHERED_MIN: usize = 4;

struct Shared {
    config: AppenderConfig,
    queue: Mutex<Queue>,
    /// Something was queued, or `closing` was set.
    changed: Condvar,
}

impl Shared {
    /// The thread: turn after turn until it is closed and nothing waits.
    fn run(&self, mut ledger: Ledger) -> Ledger {
        // However this ends, nobody waits for ever: the guard answers what is left.
        let _guard = CloseOnExit(self);
        let mut awaited = 0;
        loop {
            let turn = self.next_turn(awaited, ledger.size() != ledger.published());
            awaited = turn.awaited;
            let rests = turn.entries.is_empty() && turn.questions.is_empty();
            let outcome = self.commit(&mut ledger, turn.entries);
            for question in turn.questions {
                answer(&mut ledger, question);
            }
            if rests {
                // A failure shows in `health`; the next rest tries again.
                ledger.publish().ok();
            }
            self.show(&ledger);
            if let Err(because) = outcome {
                self.reopen(&mut ledger, because);
            }
            if turn.closing && rests {
                return ledger;
            }
        }
    }

    /// Waits for work; a turn without any means that it is time to publish.
    ///
    /// `awaited` is how many entries of the last group somebody waited for. Many wait again soon: they are let come, for
    /// another sync would cost as much for one of them as for all.
    fn next_turn(&self, awaited: usize, unpublished: bool) -> Turn {
        let config = &self.config;
        let mut queue = self.lock();
        if awaited >= GATHERED_MIN {
            queue = self.sleep(queue, Call::Crowd, Some(config.gather));
        }
        // Notes are looked at when the time is over, so that none of them wakes this thread.
        queue = self.sleep(queue, Call::Awaited, Some(config.note_after));
        if queue.len() == 0 {
            queue = self.sleep(queue, Call::Anything, unpublished.then_some(config.publish_idle));
            if queue.len() != 0 {
                queue = self.sleep(queue, Call::Awaited, Some(config.note_after));
            }
        }
        queue.turn()
    }

    /// Sleeps until it is called, at most for so long.
    fn sleep<'q>(
        &'q self,
        mut queue: MutexGuard<'q, Queue>,
        call: Call,
        most: Option<Duration>,
    ) -> MutexGuard<'q, Queue> {
        queue.call = call;
        let asleep = |queue: &mut Queue| !queue.is_called();
        match most {
            Some(most) => {
                let waited = self.changed.wait_timeout_while(queue, most, asleep);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
            None => self.changed.wait_while(queue, asleep).unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// Wakes the thread, if it sleeps for what is there now.
    fn call(&self, queue: MutexGuard<'_, Queue>) {
        let is_called = queue.is_called();
        drop(queue);
        if is_called {
            self.changed.notify_one();
        }
    }

    /// Commits one group and answers each entry; the error is why the ledger must be reopened.
    fn commit(&self, ledger: &mut Ledger, group: Vec<Waiting>) -> Result<(), Arc<str>> {
        let (entries, answers): (Vec<_>, Vec<_>) = group.into_iter().unzip();
        let waiting = |answers: Vec<Option<Answer<Place>>>| answers.into_iter().flatten();
        match ledger.commit_entries(&entries) {
            Ok(places) => {
                // Shown first: who has an answer finds the entry under the checkpoint.
                if !answers.is_empty() {
                    self.lock().health.commits += 1;
                }
                self.show(ledger);
                for (answer, place) in answers.into_iter().zip(places) {
                    if let Some(answer) = answer {
                        answer.give(Ok(place));
                    }
                }
                if !ledger.is_publishing() && ledger.is_due() {
                    ledger.publish_beside();
                }
                Ok(())
            }
            Err(CommitError::Refused(Refusal::Stopped)) => {
                let because: Arc<str> = Arc::from("an earlier sync failed");
                for answer in waiting(answers) {
                    answer.give(Err(AppendError::Unavailable { because: Arc::clone(&because) }));
                }
                Err(because)
            }
            Err(CommitError::Refused(refusal)) => {
                let refusal = Arc::new(refusal);
                for answer in waiting(answers) {
                    answer.give(Err(AppendError::Refused(Arc::clone(&refusal))));
                }
                Ok(())
            }
            Err(CommitError::Unknown { source }) => {
                let because: Arc<str> = Arc::from(source.to_string());
                // Unavailable before the first answer: who was told `Unknown` must not be queued again.
                self.lock().health.state = State::Unavailable { because: Arc::clone(&because) };
                for answer in waiting(answers) {
                    answer.give(Err(AppendError::Unknown { because: Arc::clone(&because) }));
                }
                Err(because)
            }
        }
    }

    /// Tries to reopen, waiting longer each time, until it works or the appender is closed.
    fn reopen(&self, ledger: &mut Ledger, because: Arc<str>) {
        let mut because = because;
        let mut wait = self.config.reopen_first;
        loop {
            let mut queue = self.lock();
            queue.health.state = State::Unavailable { because: Arc::clone(&because) };
            let (entries, questions) = queue.empty();
            drop(queue);
            for answer in entries.into_iter().filter_map(|(_, answer)| answer) {
                answer.give(Err(AppendError::Unavailable { because: Arc::clone(&because) }));
            }
            for question in questions {
                let error = AppendError::Unavailable { because: Arc::clone(&because) };
                match question {
                    Question::Prove { answer, .. } => answer.give(Err(error)),
                    Question::Publish { answer } => answer.give(Err(error)),
                }
            }
            let waited = self.changed.wait_timeout_while(self.lock(), wait, |queue| !queue.closing);
            if waited.unwrap_or_else(PoisonError::into_inner).0.closing {
                return;
            }
            match ledger.reopen() {
                Ok(()) => {
                    self.lock().health.state = State::Writing;
                    self.show(ledger);
                    return;
                }
                Err(error) => because = Arc::from(reason(&error)),
            }
            wait = (wait * 2).min(self.config.reopen_max);
        }
    }

    /// Copies what others may ask without a turn.
    fn show(&self, ledger: &Ledger) {
        let mut queue = self.lock();
        queue.health.size = ledger.size();
        queue.health.published = ledger.published();
        queue.health.unpublished_because = ledger.unpublished_because().map(str::to_owned);
        queue.checkpoint = ledger.checkpoint();
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // Each holder leaves the queue whole at every step, so a panic elsewhere does not spoil it.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn answer(ledger: &mut Ledger, question: Question) {
    match question {
        Question::Prove { index, answer } => answer.give(Ok(ledger.prove(index))),
        Question::Publish { answer } => answer.give(Ok(ledger.publish())),
    }
}

fn reason(error: &OpenError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// Marks the appender closed when the thread ends, by return or by panic.
struct CloseOnExit<'a>(&'a Shared);

impl Drop for CloseOnExit<'_> {
    fn drop(&mut self) {
        let mut queue = self.0.lock();
        queue.health.state = State::Closed;
        let left = queue.empty();
        // Dropping the duties answers them, and must not happen under the lock.
        drop(queue);
        drop(left);
    }
}
