//! Audit events of what crossed, handed to whoever keeps them.

use std::fmt;

use crate::world::Flow;

/// Where the audit events of one boundary go.
pub struct Auditing {
    observer: String,
    keep: KeepEvent,
}

/// Takes one audit event, as JSON on one line.
pub type KeepEvent = Box<dyn Fn(&str) + Send + Sync>;

impl Auditing {
    /// Hands events to `keep`; they say that they were seen by `observer`.
    pub fn new(observer: &str, keep: KeepEvent) -> Self {
        Self { observer: observer.to_owned(), keep }
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
        }
    }
}
