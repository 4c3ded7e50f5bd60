//! Copies of one ledger that went on apart: each is whole by itself, and together they are two histories under one name.

use std::{
    ops::Range,
    path::{Path, PathBuf},
};

use ledger::Reader;
use mark::{
    checkpoint::Checkpoint,
    digest::Hash,
    merkle::{leaf_hash, verify_consistency},
    note::SignedNote,
};

use crate::printer::{Printer, Style};

/// Two folders of one ledger that are two histories.
pub(super) struct Fork {
    origin: String,
    folders: [PathBuf; 2],
}

impl Fork {
    /// Whether a folder is one of the two.
    pub(super) fn has(&self, folder: &Path) -> bool {
        self.folders.iter().any(|one| one == folder)
    }

    fn tell(&self, json: bool, printer: &Printer) {
        let Self { origin, folders: [one, other] } = self;
        if json {
            let folders = [one.display().to_string(), other.display().to_string()];
            printer.line(&serde_json::json!({ "fork": folders, "origin": origin }).to_string());
            return;
        }
        printer.line("");
        printer.line(&format!(
            "{}: {} and {} are both `{origin}`, and neither goes on from the other. Keep both, and ask who wrote which.",
            printer.paint(Style::Stop, "two histories"),
            one.display(),
            other.display()
        ));
    }
}

/// Every two of these folders that are two histories.
///
/// `committed` is what each has not published yet, where that was looked into: what was acknowledged counts, whether a reader
/// sees it or not.
pub(super) fn found(folders: &[PathBuf], committed: &[Committed]) -> Vec<Fork> {
    let open = |(at, folder): (usize, &PathBuf)| {
        let reader = Reader::open(folder).ok()?;
        let none = || Committed { from: reader.size(), leaves: Vec::new() };
        let committed = committed.get(at).cloned().unwrap_or_else(none);
        Some((folder.clone(), History { reader, committed }))
    };
    let histories: Vec<(PathBuf, History)> = folders.iter().enumerate().filter_map(open).collect();
    let mut forks = Vec::new();
    for (at, (one, history)) in histories.iter().enumerate() {
        for (other, beside) in histories.iter().skip(at + 1) {
            if !goes_on(&history.reader, &beside.reader) || !commits_on(history, beside) {
                let folders = [one.clone(), other.clone()];
                forks.push(Fork { origin: history.reader.origin().to_owned(), folders });
            }
        }
    }
    forks
}

/// Says of every two that they are two histories; whether any are.
pub(super) fn told(forks: &[Fork], json: bool, printer: &Printer) -> bool {
    for fork in forks {
        fork.tell(json, printer);
    }
    !forks.is_empty()
}

/// Whether one is what the other is, as far as it goes; so are ledgers of other names, and what cannot be read is said elsewhere.
pub(super) fn goes_on(one: &Reader, other: &Reader) -> bool {
    let (less, more) = if one.size() <= other.size() { (one, other) } else { (other, one) };
    let ends = root(less).zip(root(more)).zip(more.consistency(less.size(), more.size()).ok());
    let Some(((old, new), path)) = ends.filter(|_| one.origin() == other.origin() && less.size() > 0) else {
        return true;
    };
    verify_consistency(less.size(), &old, more.size(), &new, &path)
}

/// What a ledger had committed beyond its checkpoint when it was looked into.
#[derive(Clone, Debug)]
pub(super) struct Committed {
    /// The first entry of it: so many were published.
    pub(super) from: u64,
    /// The leaves.
    pub(super) leaves: Vec<Hash>,
}

/// A ledger as it was looked into.
struct History {
    reader: Reader,
    committed: Committed,
}

impl History {
    fn size(&self) -> u64 {
        self.committed.from + self.committed.leaves.len() as u64
    }

    /// The leaves of these entries, published then or not.
    fn leaves(&self, range: Range<u64>) -> Option<Vec<Hash>> {
        let Committed { from, leaves: committed } = &self.committed;
        let mut leaves = Vec::new();
        let mut next = range.start;
        let published = range.end.min(*from);
        while next < published {
            let entries = self.reader.entries(next..published).ok().filter(|entries| !entries.is_empty())?;
            next += entries.len() as u64;
            leaves.extend(entries.iter().map(|entry| leaf_hash(entry)));
        }
        let place = |index: u64| usize::try_from(index.saturating_sub(*from)).ok();
        leaves.extend(committed.get(place(next)?..place(range.end)?)?);
        Some(leaves)
    }
}

/// Whether one is what the other is in what not both have published, as far as both have it. [`goes_on`] is about the rest.
fn commits_on(one: &History, other: &History) -> bool {
    let range = one.committed.from.min(other.committed.from)..one.size().min(other.size());
    if one.reader.origin() != other.reader.origin() || range.is_empty() {
        return true;
    }
    // What moved while it was read is said beside this.
    let both = one.leaves(range.clone()).zip(other.leaves(range));
    both.is_none_or(|(one, other)| one == other)
}

/// The root that a ledger's checkpoint states; whether its key signed it is verified beside this.
fn root(reader: &Reader) -> Option<Hash> {
    let note = SignedNote::parse(&reader.checkpoint()).ok()?;
    Checkpoint::parse(note.unverified_text()).ok().map(|checkpoint| *checkpoint.root())
}
