//! What was proven once is not proven again: the nonces of a window, within a bound.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
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
    known: BTreeMap<Id, i64>,
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
        Self { room, since, known: BTreeMap::new(), by_end: BTreeSet::new() }
    }

    /// Whether something made at this moment can be told from a replay.
    pub(crate) fn covers(&self, created: i64) -> bool {
        created >= self.since
    }

    /// Takes a nonce that is good until `end`.
    pub(crate) fn take(&mut self, key: &str, nonce: &str, end: i64, now: i64) -> Taken {
        while let Some(&(earliest, id)) = self.by_end.first() {
            if earliest >= now {
                break;
            }
            self.by_end.remove(&(earliest, id));
            self.known.remove(&id);
        }
        let id = id(key, nonce);
        if self.known.contains_key(&id) {
            return Taken::Again;
        }
        if self.known.len() >= self.room {
            return Taken::Full;
        }
        self.known.insert(id, end);
        self.by_end.insert((end, id));
        Taken::New
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
        write!(f, "Nonces({} of {})", self.known.len(), self.room)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_is_good_once_and_forgotten_when_it_is_over() {
        let mut nonces = Nonces::new(2, 100);
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
        assert_eq!(nonces.known.len(), nonces.by_end.len());
    }
}
