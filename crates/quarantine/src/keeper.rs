//! Many threads, one store: a thread of its own, for a sync to disk has no place on a runtime's worker.

use std::{
    collections::BTreeMap,
    fmt,
    future::Future,
    io,
    pin::Pin,
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        mpsc::{SyncSender, TrySendError, sync_channel},
    },
    task::{Context, Poll, Waker},
    thread::JoinHandle,
};

use crate::{
    item::ItemId,
    room::{Full, Reservation, Room, Total},
    store::{HoldError, Quarantine, Random},
};

/// A quarantine on a thread of its own.
///
/// Bounds: 64 questions wait; the next is [`Stopped::Busy`].
pub struct Keeper {
    sender: Mutex<Option<SyncSender<Task>>>,
    thread: Mutex<Option<JoinHandle<Quarantine>>>,
    room: Arc<Room>,
    random: Random,
    totals: Arc<Mutex<BTreeMap<String, Total>>>,
}

type Task = Box<dyn FnOnce(&mut Quarantine) + Send>;

impl Keeper {
    /// Starts the thread.
    ///
    /// Errors: the system gives no thread.
    pub fn start(mut store: Quarantine, random: Random) -> io::Result<Self> {
        let (sender, receiver) = sync_channel::<Task>(WAITING_MAX);
        let room = store.room();
        let totals = Arc::new(Mutex::new(store.totals()));
        let shown = Arc::clone(&totals);
        let thread = std::thread::Builder::new().name("quarantine".to_owned()).spawn(move || {
            while let Ok(task) = receiver.recv() {
                task(&mut store);
                *shown.lock().unwrap_or_else(PoisonError::into_inner) = store.totals();
            }
            store
        })?;
        let (sender, thread) = (Mutex::new(Some(sender)), Mutex::new(Some(thread)));
        Ok(Self { sender, thread, room, random, totals })
    }

    /// Sets room apart, before a ruling promises to keep anything.
    ///
    /// Errors: [`Full`].
    pub fn reserve(&self, bytes: u64) -> Result<Reservation, Full> {
        self.room.reserve(bytes)
    }

    /// A name for an item.
    ///
    /// Errors: [`HoldError::NoRandom`].
    pub fn new_id(&self) -> Result<ItemId, HoldError> {
        Quarantine::new_id(&self.random)
    }

    /// Lets the thread do something with the store.
    ///
    /// Errors: [`Stopped`]; it is not done then.
    pub fn ask<A: Send + 'static>(
        &self,
        act: impl FnOnce(&mut Quarantine) -> A + Send + 'static,
    ) -> Result<Answer<A>, Stopped> {
        let slot = Arc::new(Slot { told: Mutex::new(Told::Waiting(None)), changed: Condvar::new() });
        let giver = Giver(Arc::clone(&slot));
        let task: Task = Box::new(move |store| giver.give(act(store)));
        let sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match sender.ok_or(Stopped::Closed)?.try_send(task) {
            Ok(()) => Ok(Answer(slot)),
            Err(TrySendError::Full(_)) => Err(Stopped::Busy),
            Err(TrySendError::Disconnected(_)) => Err(Stopped::Closed),
        }
    }

    /// What is kept, by boundary, as of the last thing done.
    pub fn totals(&self) -> BTreeMap<String, Total> {
        self.totals.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Does what waits, ends the thread and gives the store back; nothing if that happened before.
    pub fn close(&self) -> Option<Quarantine> {
        drop(self.sender.lock().unwrap_or_else(PoisonError::into_inner).take());
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        thread.join().ok()
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.close());
    }
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keeper({:?})", self.room)
    }
}

/// Questions that wait at most; each can hold a body in memory.
pub(crate) const WAITING_MAX: usize = 64;

/// Why the store was not asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Stopped {
    /// Too much waits for the disk.
    #[error("too much waits for the quarantine's disk: try again in a moment")]
    Busy,
    /// It was closed.
    #[error("the quarantine is closed")]
    Closed,
}

/// What the thread will say; to be awaited, or waited for.
#[must_use = "the answer says whether it was done"]
pub struct Answer<A>(Arc<Slot<A>>);

impl<A> Answer<A> {
    /// Waits on this thread.
    ///
    /// Errors: [`Stopped::Closed`]: the thread ended without an answer.
    pub fn wait(self) -> Result<A, Stopped> {
        let told = self.0.told.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.0.changed.wait_while(told, |told| matches!(told, Told::Waiting(_)));
        let mut told = waited.unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *told, Told::Gone) {
            Told::Given(answer) => Ok(answer),
            Told::Waiting(_) | Told::Gone => Err(Stopped::Closed),
        }
    }
}

impl<A> Future for Answer<A> {
    type Output = Result<A, Stopped>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut told = self.0.told.lock().unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *told, Told::Gone) {
            Told::Given(answer) => Poll::Ready(Ok(answer)),
            Told::Gone => Poll::Ready(Err(Stopped::Closed)),
            Told::Waiting(_) => {
                *told = Told::Waiting(Some(context.waker().clone()));
                Poll::Pending
            }
        }
    }
}

impl<A> fmt::Debug for Answer<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answer")
    }
}

struct Slot<A> {
    told: Mutex<Told<A>>,
    changed: Condvar,
}

enum Told<A> {
    Waiting(Option<Waker>),
    Given(A),
    Gone,
}

/// The thread's end of an answer: dropped without giving, nobody waits for ever.
struct Giver<A>(Arc<Slot<A>>);

impl<A> Giver<A> {
    fn give(self, answer: A) {
        self.tell(Told::Given(answer));
    }

    fn tell(&self, new: Told<A>) {
        let mut told = self.0.told.lock().unwrap_or_else(PoisonError::into_inner);
        let Told::Waiting(waker) = &mut *told else { return };
        let waker = waker.take();
        *told = new;
        drop(told);
        self.0.changed.notify_all();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<A> Drop for Giver<A> {
    fn drop(&mut self) {
        self.tell(Told::Gone);
    }
}
