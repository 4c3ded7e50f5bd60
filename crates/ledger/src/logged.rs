//! The token that says an item is durable in the ledger.

use std::fmt;
use std::sync::Arc;

use mark::digest::Hash;

/// Proof that an item was written to the ledger and is durable: only a commit makes one.
///
/// What must not happen unrecorded asks for this type instead of the item.
///
/// Shape:  the item, its index in the log, the log's origin, the leaf hash of what was written for it.
/// Never:  shows the item in `Debug`.
///
/// A function that takes a `Logged` compiles:
///
/// ```
/// fn disclose(ruling: &ledger::Logged<String>) -> u64 {
///     ruling.index()
/// }
/// ```
///
/// Making one by hand does not:
///
/// ```compile_fail,E0451
/// fn forge(logged: ledger::Logged<String>, ruling: String) -> ledger::Logged<String> {
///     ledger::Logged { item: ruling, ..logged }
/// }
/// ```
#[must_use = "what was logged is acted upon, or its index is told to somebody"]
pub struct Logged<T> {
    item: T,
    place: Place,
}

impl<T> Logged<T> {
    /// What was logged.
    pub fn item(&self) -> &T {
        &self.item
    }

    /// What was logged, giving up the proof.
    pub fn into_item(self) -> T {
        self.item
    }

    /// The entry's place in the log, counted from 0.
    pub fn index(&self) -> u64 {
        self.place.index
    }

    /// The name of the log.
    pub fn origin(&self) -> &str {
        &self.place.origin
    }

    /// The hash of the entry as the log's tree holds it.
    pub fn leaf_hash(&self) -> &Hash {
        &self.place.leaf
    }

    pub(crate) fn new(item: T, place: Place) -> Self {
        Self { item, place }
    }
}

impl<T> fmt::Debug for Logged<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Logged({} at {}, {:?})", self.place.origin, self.place.index, self.place.leaf)
    }
}

/// Where a durable entry is.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) index: u64,
    pub(crate) origin: Arc<str>,
    pub(crate) leaf: Hash,
}
