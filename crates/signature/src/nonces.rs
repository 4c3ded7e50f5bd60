//! What was proven once is not proven again: the nonces of a window, within a bound.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use aws_lc_rs::digest::{Context, SHA256};

/// The nonces that were accepted and could still be played again.
///
/// Shape:  values only; the caller brings the time.
/// Bounds: as many as it was made for, some 100 bytes each. Full, it says no: forgetting would let a replay in.
pub struct Nonces {
    room: usize,
    /// What was made before this moment may have been accepted by whoever ran before us.
    since: i64,
    // Locked for a look-up only: bodies are digested and signatures checked beside each other.
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    ends: BTreeMap<Id, i64>,
    by_end: BTreeSet<(i64, Id)>,
}

type Id = [u8; 16];

/// What became of a nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    New,
    Again,
    Full,
}

impl Nonces {
    /// Room for so many, beginning at this moment in seconds since 1970.
    pub fn new(room: usize, since: i64) -> Self {
        Self { room, since, known: Mutex::default() }
    }

    /// Whether something made at this moment can be told from a replay.
    pub(crate) fn covers(&self, created: i64) -> bool {
        created >= self.since
    }

    /// Takes a nonce that is good until `end`.
    pub(crate) fn take(&self, key: &str, nonce: &str, end: i64, now: i64) -> Taken {
        let id = id(key, nonce);
        let mut known = self.known();
        while let Some(&(earliest, over)) = known.by_end.first() {
            if earliest >= now {
                break;
            }
            known.by_end.remove(&(earliest, over));
            known.ends.remove(&over);
        }
        if known.ends.contains_key(&id) {
            return Taken::Again;
        }
        if known.ends.len() >= self.room {
            return Taken::Full;
        }
        known.ends.insert(id, end);
        known.by_end.insert((end, id));
        Taken::New
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // A poisoned lock still holds nonces.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn id(key: &str, nonce: &str) -> Id {
    let mut context = Context::new(&SHA256);
    context.update(key.as_bytes());
    // No key id holds a line break.
    context.update(b"\n");
    context.update(nonce.as_bytes());
    let mut id = Id::default();
    for (to, from) in id.iter_mut().zip(context.finish().as_ref()) {
        *to = *from;
    }
    id
}

impl fmt::Debug for Nonces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Nonces({} of {})", self.known().ends.len(), self.room)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_is_good_once_and_forgotten_when_it_is_over() {
        let nonces = Nonces::new(2, 100);
        assert!(nonces.covers(100) && !nonces.covers(99));
        for (key, nonce, end, now, want) in [
            ("a", "1", 110, 100, Taken::New),
            ("a", "1", 110, 101, Taken::Again),
            ("b", "1", 120, 101, Taken::New),
            ("c", "1", 120, 101, Taken::Full),
            ("a", "1", 110, 110, Taken::Again),
            ("c", "1", 120, 111, Taken::New),
            ("b", "1", 120, 120, Taken::Again),
            ("d", "1", 200, 121, Taken::New),
        ] {
            assert_eq!(nonces.take(key, nonce, end, now), want, "{key} {nonce} at {now}");
        }
        let known = nonces.known();
        assert_eq!(known.ends.len(), known.by_end.len());
    }
}
