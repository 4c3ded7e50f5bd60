//! Copies of one ledger that went on apart: each is whole by itself, and together they are two histories under one name.

use std::path::{Path, PathBuf};

use ledger::Reader;
use mark::{checkpoint::Checkpoint, digest::Hash, merkle::verify_consistency, note::SignedNote};

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
pub(super) fn found(folders: &[PathBuf]) -> Vec<Fork> {
    let open = |folder: &PathBuf| Reader::open(folder).ok().map(|reader| (folder.clone(), reader));
    let readers: Vec<(PathBuf, Reader)> = folders.iter().filter_map(open).collect();
    let mut forks = Vec::new();
    for (at, (one, reader)) in readers.iter().enumerate() {
        let others = readers.iter().skip(at + 1).filter(|(_, beside)| !goes_on(reader, beside));
        forks.extend(others.map(|(other, _)| Fork {
            origin: reader.origin().to_owned(),
            folders: [one.clone(), other.clone()],
        }));
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

/// The root that a ledger's checkpoint states; whether its key signed it is verified beside this.
fn root(reader: &Reader) -> Option<Hash> {
    let note = SignedNote::parse(&reader.checkpoint()).ok()?;
    Checkpoint::parse(note.unverified_text()).ok().map(|checkpoint| *checkpoint.root())
}
