//! The log of versions while it is followed: what is new in it, and whether it is still the log that was read before.
//!
//! A size says neither: an older copy of the folder that is put back grows again, with other entries.

use std::sync::Arc;

use mark::{
    digest::Hash,
    merkle::{leaf_hash, root},
};
use miette::miette;

use super::versions::{Logbook, Versions};

/// What was read of a log, entry by entry.
///
/// Bounds: 32 bytes an entry, twice.
#[derive(Default)]
pub(crate) struct Following {
    // The checkpoint that was looked at last, to the letter: while it stands nothing is read again.
    looked: Option<Arc<str>>,
    // The entries that the folder had then.
    leaves: Vec<Hash>,
    // The entries of the history that holds: the longest, until the folder has entries that are not in it.
    held: Vec<Hash>,
}

/// What a look has found.
pub(crate) struct Looked {
    /// Entries that come after those of the look before; all of them where `is_whole`.
    pub(crate) log: Logbook,
    /// Whether what was read before is void.
    pub(crate) is_whole: bool,
    /// How the log stands to what was read before.
    pub(crate) course: Course,
}

/// How a log stands to what was read of it before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Course {
    /// It is the same log, as far as it went or further.
    On {
        /// How many entries it had.
        had: usize,
    },
    /// It ends earlier and has nothing new: an older copy was put back.
    Older {
        /// How many entries it has.
        has: usize,
        /// How many it had.
        had: usize,
    },
    /// From an entry on it says something else, under the same key: an older copy was put back, and somebody went on from there.
    Other {
        /// From which entry on.
        from: usize,
    },
}

impl Course {
    /// The first entry that was not in the log before; as many as there are where none is new.
    pub(crate) fn first_new(self) -> usize {
        match self {
            Self::On { had } => had,
            Self::Older { has, .. } => has,
            Self::Other { from } => from,
        }
    }
}

impl Following {
    /// Of a log that had these entries when it was looked at before.
    pub(crate) fn after(held: Vec<Hash>) -> Self {
        Self { held, ..Self::default() }
    }

    /// The entries of the history that holds.
    pub(crate) fn held(&self) -> &[Hash] {
        &self.held
    }

    /// What is new; nothing where the checkpoint is as it was.
    ///
    /// Errors: a report: the log cannot be read, or is not what its key signed; the next look sees the same again.
    pub(crate) fn look(&mut self, versions: &Versions) -> miette::Result<Option<Looked>> {
        let now = versions.checkpoint()?;
        if self.looked.as_ref() == Some(&now) {
            return Ok(None);
        }
        let known = u64::try_from(self.leaves.len()).unwrap_or(u64::MAX);
        let mut log = versions.logbook(known)?;
        let mut leaves = self.leaves.clone();
        leaves.extend(leaves_of(&log));
        let is_whole = !is_of(&log, &leaves);
        if is_whole {
            log = versions.logbook(0)?;
            leaves = leaves_of(&log).collect();
            if !is_of(&log, &leaves) {
                return Err(miette!("the log of policy versions has too many entries to be read"));
            }
        }
        let course = course(&self.held, &leaves);
        if !matches!(course, Course::Older { .. }) {
            self.held.clone_from(&leaves);
        }
        self.leaves = leaves;
        self.looked = Some(Arc::clone(&log.checkpoint));
        Ok(Some(Looked { log, is_whole, course }))
    }
}

/// All entries that a log has now.
///
/// Errors: as [`Following::look`].
pub(crate) fn leaves(versions: &Versions) -> miette::Result<Vec<Hash>> {
    Ok(leaves_of(&versions.logbook(0)?).collect())
}

fn leaves_of(log: &Logbook) -> impl Iterator<Item = Hash> {
    log.entries.iter().map(|(_, bytes)| leaf_hash(bytes))
}

/// Whether these are all the entries that the log's key has signed.
fn is_of(log: &Logbook, leaves: &[Hash]) -> bool {
    u64::try_from(leaves.len()) == Ok(log.size) && log.root.is_none_or(|signed| signed == root(leaves))
}

fn course(held: &[Hash], now: &[Hash]) -> Course {
    let from = held.iter().zip(now).take_while(|(one, other)| one == other).count();
    if from == held.len() {
        Course::On { had: held.len() }
    } else if from == now.len() {
        Course::Older { has: from, had: held.len() }
    } else {
        Course::Other { from }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_told_from_an_older_copy_and_from_another_of_the_same_size() {
        let of = |words: &[&str]| words.iter().map(|word| leaf_hash(word.as_bytes())).collect::<Vec<_>>();
        let scenes: [(&[&str], &[&str], Course); 6] = [
            (&[], &["a"], Course::On { had: 0 }),
            (&["a", "b"], &["a", "b"], Course::On { had: 2 }),
            (&["a", "b"], &["a", "b", "c"], Course::On { had: 2 }),
            (&["a", "b"], &["a"], Course::Older { has: 1, had: 2 }),
            (&["a", "b"], &["a", "x"], Course::Other { from: 1 }),
            (&["a", "b", "c"], &["x"], Course::Other { from: 0 }),
        ];
        for (held, now, wanted) in scenes {
            assert_eq!(course(&of(held), &of(now)), wanted, "{held:?} {now:?}");
        }
    }
}
