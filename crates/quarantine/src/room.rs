//! How much is kept at most. What does not fit is refused before anything is promised.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::item::Kept;

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Most items whose content is kept.
    pub items_max: u64,
    /// Most bytes of their bodies together.
    pub bytes_max: u64,
}

impl Bounds {
    /// What suits a gateway: ten thousand items, one gibibyte.
    pub const SUGGESTED: Self = Self { items_max: 10_000, bytes_max: 1 << 30 };
}

/// What is kept now and what is promised, shared by the store and those who ask it.
#[derive(Debug)]
pub struct Room {
    bounds: Bounds,
    used: Mutex<Used>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Used {
    items: u64,
    bytes: u64,
}

impl Room {
    pub(crate) fn new(bounds: Bounds) -> Arc<Self> {
        Arc::new(Self { bounds, used: Mutex::default() })
    }

    /// Sets room apart for one item, until it is kept or the reservation is dropped.
    ///
    /// Errors: [`Full`]; nothing is set apart.
    pub fn reserve(self: &Arc<Self>, bytes: u64) -> Result<Reservation, Full> {
        let mut used = self.lock();
        if used.items >= self.bounds.items_max {
            return Err(Full::Items { items_max: self.bounds.items_max });
        }
        if used.bytes.saturating_add(bytes) > self.bounds.bytes_max {
            return Err(Full::Bytes { bytes_max: self.bounds.bytes_max });
        }
        used.items += 1;
        used.bytes += bytes;
        drop(used);
        Ok(Reservation { room: Arc::clone(self), bytes, is_kept: false })
    }

    /// Counts what was found on opening, whatever the bounds say now.
    pub(crate) fn found(&self, bytes: u64) {
        let mut used = self.lock();
        used.items += 1;
        used.bytes = used.bytes.saturating_add(bytes);
    }

    /// Gives back what an item took.
    pub(crate) fn free(&self, bytes: u64) {
        let mut used = self.lock();
        used.items = used.items.saturating_sub(1);
        used.bytes = used.bytes.saturating_sub(bytes);
    }

    fn lock(&self) -> MutexGuard<'_, Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Room that is set apart for one item.
#[derive(Debug)]
#[must_use = "dropping it gives the room back"]
pub struct Reservation {
    room: Arc<Room>,
    bytes: u64,
    is_kept: bool,
}

impl Reservation {
    /// How many bytes were set apart.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn keep(mut self) {
        self.is_kept = true;
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if !self.is_kept {
            self.room.free(self.bytes);
        }
    }
}

/// Why there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    /// There are as many items as may be.
    #[error("the quarantine is full: {items_max} items wait; release or reject some")]
    Items {
        /// The bound.
        items_max: u64,
    },
    /// There are as many bytes as may be.
    #[error("the quarantine is full: {bytes_max} bytes are its bound; release or reject some items")]
    Bytes {
        /// The bound.
        bytes_max: u64,
    },
}

/// What is kept for one boundary.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Total {
    /// Items whose content is kept.
    pub items: u64,
    /// Bytes of their bodies.
    pub bytes: u64,
    /// Those of them that may have been delivered already.
    pub uncertain: u64,
    /// When the oldest was received.
    pub oldest: Option<String>,
}

impl Total {
    pub(crate) fn of<'a>(all: impl Iterator<Item = &'a Kept>) -> BTreeMap<String, Self> {
        let mut totals: BTreeMap<String, Self> = BTreeMap::new();
        for kept in all.filter(|kept| kept.state.has_content()) {
            let total = totals.entry(kept.item.boundary.clone()).or_default();
            total.items += 1;
            total.bytes = total.bytes.saturating_add(kept.item.bytes);
            total.uncertain += u64::from(kept.state == crate::State::Uncertain);
            if total.oldest.as_ref().is_none_or(|oldest| kept.item.received < *oldest) {
                total.oldest = Some(kept.item.received.clone());
            }
        }
        totals
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_promised_counts_until_it_is_dropped() {
        let room = Room::new(Bounds { items_max: 2, bytes_max: 10 });
        let one = room.reserve(6).unwrap();
        assert_eq!(room.reserve(5).unwrap_err(), Full::Bytes { bytes_max: 10 });
        let two = room.reserve(4).unwrap();
        assert_eq!(room.reserve(0).unwrap_err(), Full::Items { items_max: 2 });
        drop(one);
        two.keep();
        assert_eq!(room.reserve(7).unwrap_err(), Full::Bytes { bytes_max: 10 });
        drop(room.reserve(6).unwrap());
        room.free(4);
        drop(room.reserve(10).unwrap());
    }
}
