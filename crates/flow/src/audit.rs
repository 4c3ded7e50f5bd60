//! Audit events of what crossed, handed to whoever keeps them.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Mutex, PoisonError},
};

use crate::world::Flow;

/// Where the audit events of one boundary go.
pub struct Auditing {
    observer: String,
    keep: KeepEvent,
    /// What waits to be sent on, where somebody sends.
    waiting: Option<Mutex<Waiting>>,
}

/// Audit events that wait to be sent on, oldest first.
#[derive(Debug, Default)]
struct Waiting {
    events: VecDeque<String>,
    bytes: usize,
    left_out: u64,
}

/// How many bytes of events wait to be sent on: some twenty thousand events.
const WAITING_BYTES_MAX: usize = 64 << 20;

/// Takes one audit event, as JSON on one line.
pub type KeepEvent = Box<dyn Fn(&str) + Send + Sync>;

impl Auditing {
    /// Hands events to `keep`; they say that they were seen by `observer`.
    pub fn new(observer: &str, keep: KeepEvent) -> Self {
        Self { observer: observer.to_owned(), keep, waiting: None }
    }

    /// The same, and events wait to be taken by whoever sends them on.
    ///
    /// Bounds: 64 MiB wait; what comes then is with whoever keeps them alone, and counted.
    #[must_use]
    pub fn sent_on(self) -> Self {
        Self { waiting: Some(Mutex::default()), ..self }
    }
}

impl fmt::Debug for Auditing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Auditing({})", self.observer)
    }
}

impl Flow {
    /// The same path, with audit events of what crosses this boundary.
    #[must_use]
    pub fn with_auditing(mut self, boundary: &str, auditing: Auditing) -> Self {
        self.auditing.insert(boundary.to_owned(), auditing);
        self
    }

    /// Whether anybody keeps audit events of this boundary.
    pub fn audits(&self, boundary: &str) -> bool {
        self.auditing.contains_key(boundary)
    }

    /// Hands over an audit event, made from the moment and the observer's name, if anybody keeps them.
    pub fn audit(&self, boundary: &str, event: impl FnOnce(&str, &str) -> Option<String>) {
        let Some(auditing) = self.auditing.get(boundary) else { return };
        if let Some(event) = event(&self.clock.now().at, &auditing.observer) {
            (auditing.keep)(&event);
            if let Some(waiting) = &auditing.waiting {
                waiting.lock().unwrap_or_else(PoisonError::into_inner).add(event);
            }
        }
    }

    /// Takes events that wait to be sent on, at most so many, and how many found no room since this was last asked.
    pub fn take_events(&self, boundary: &str, most: usize) -> (Vec<String>, u64) {
        let waiting = self.auditing.get(boundary).and_then(|auditing| auditing.waiting.as_ref());
        let Some(waiting) = waiting else { return (Vec::new(), 0) };
        let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let count = waiting.events.len().min(most);
        let taken: Vec<String> = waiting.events.drain(..count).collect();
        waiting.bytes -= taken.iter().map(String::len).sum::<usize>();
        (taken, std::mem::take(&mut waiting.left_out))
    }
}

impl Waiting {
    fn add(&mut self, event: String) {
        if self.bytes + event.len() > WAITING_BYTES_MAX {
            self.left_out += 1;
            return;
        }
        self.bytes += event.len();
        self.events.push_back(event);
    }
}
