//! Whether the registry is the one that our own ledger knew last: one that is older, or gone, would know too little.

use std::path::Path;

use ledger::{ReadError, Reader};
use miette::{IntoDiagnostic as _, WrapErr as _, miette};
use recognise::KeyId;
use registry::{Loss, Registry, Snapshot};

use crate::config::{Config, RegistryFiles};

/// The last snapshot that a ledger has, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LastLogged {
    /// Its entry in the ledger.
    pub(crate) entry: u64,
    /// The snapshot.
    pub(crate) snapshot: Snapshot,
    /// Whether it was lost, and something was added to what is left since.
    pub(crate) is_lost: bool,
}

impl LastLogged {
    /// The last snapshot of a registry with this key in the configured ledger, if one was logged there.
    ///
    /// Who shares a registry and never wrote to it has none.
    ///
    /// Bounds: reads the ledger from its end, [`SEARCHED_ENTRIES`] at most.
    /// Errors: a report, if the ledger is there and cannot be read.
    pub(crate) fn find(config: &Config, key: KeyId) -> miette::Result<Option<Self>> {
        last_entry(&config.ledger.folder, |at, bytes| {
            let logged = Snapshot::parse_entry(bytes).ok().map(|(snapshot, _)| (at, snapshot, false));
            let lost = || Loss::parse_entry(bytes).ok().map(|(loss, _)| (loss.entry, loss.lost, true));
            let (entry, snapshot, is_lost) = logged.or_else(lost)?;
            (snapshot.key == key).then_some(Self { entry, snapshot, is_lost })
        })
    }

    /// Whether a snapshot came before this one, is another of the same generation, or holds less. None is before any.
    ///
    /// Of a registry that was lost only what holds the same is as good as it was.
    pub(crate) fn is_after(&self, snapshot: Option<&Snapshot>) -> bool {
        snapshot.is_none_or(|found| {
            if self.is_lost {
                !self.is_the_same(found)
            } else {
                found.is_behind(&self.snapshot) || found.entries < self.snapshot.entries
            }
        })
    }

    /// Whether a snapshot is of the same entries.
    pub(crate) fn is_the_same(&self, found: &Snapshot) -> bool {
        found.root == self.snapshot.root && found.entries == self.snapshot.entries
    }

    /// Refuses a registry that this snapshot came after, or that holds less.
    ///
    /// Errors: a report that says what to do.
    pub(crate) fn allows(&self, files: &RegistryFiles, found: Option<&Snapshot>) -> miette::Result<()> {
        if !self.is_after(found) {
            return Ok(());
        }
        let folder = files.folder.display();
        let (entry, last) = (self.entry, self.snapshot.generation);
        let what = match found {
            None => format!("the registry in {folder} is not there"),
            Some(found) if self.is_lost => {
                format!(
                    "the registry in {folder} was lost and is being made again, with {} entries now",
                    found.entries
                )
            }
            Some(found) if found.generation < last => {
                format!("the registry in {folder} is an older snapshot, of generation {}", found.generation)
            }
            Some(found) if found.entries < self.snapshot.entries => {
                format!("the registry in {folder} holds less than it did: {} entries", found.entries)
            }
            Some(_) => format!("the registry in {folder} is another one"),
        };
        Err(miette!(
            help = "mount or restore its folder; else `eosin registry add` every marked file again, in one go or several; \
                    where that cannot be, `eosin registry accept --reason` takes what there is, or begin a new registry \
                    with a new key",
            "{what}, and entry {entry} of the ledger logs generation {last} with {} entries: it would know too little",
            self.snapshot.entries
        ))
    }
}

/// Refuses a registry that is older than what our own ledger knew last, or gone.
pub(crate) fn check(
    config: &Config,
    files: &RegistryFiles,
    key: KeyId,
    found: Option<&Snapshot>,
) -> miette::Result<()> {
    LastLogged::find(config, key)?.map_or(Ok(()), |last| last.allows(files, found))
}

/// As [`check`], of the folder as it is now.
pub(crate) fn check_folder(config: &Config, files: &RegistryFiles, key: KeyId) -> miette::Result<()> {
    let opened = Registry::open(&files.folder)
        .into_diagnostic()
        .wrap_err_with(|| format!("cannot use the registry in {}", files.folder.display()))?;
    check(config, files, key, opened.map(|registry| registry.snapshot()).as_ref())
}

/// The last entry of a ledger with this snapshot; none where the ledger is not there.
pub(crate) fn entry_of(folder: &Path, wanted: &Snapshot) -> miette::Result<Option<u64>> {
    last_entry(folder, |at, bytes| {
        let (snapshot, _) = Snapshot::parse_entry(bytes).ok()?;
        (snapshot == *wanted).then_some(at)
    })
}

/// What is read of the last entry of a ledger of which anything is. A ledger that is not there has none.
fn last_entry<T>(folder: &Path, read: impl Fn(u64, &[u8]) -> Option<T>) -> miette::Result<Option<T>> {
    let reading = || format!("cannot read the ledger in {}", folder.display());
    let reader = match Reader::open(folder) {
        Err(ReadError::Missing { .. }) => return Ok(None),
        opened => opened.into_diagnostic().wrap_err_with(reading)?,
    };
    let mut end = reader.size();
    let last = end.saturating_sub(SEARCHED_ENTRIES);
    while end > last {
        let begin = (end.saturating_sub(1) / SEARCHED_AT_ONCE * SEARCHED_AT_ONCE).max(last);
        let entries = reader.entries(begin..end).into_diagnostic().wrap_err_with(reading)?;
        let found = (begin..end).rev().zip(entries.iter().rev()).find_map(|(at, entry)| read(at, entry));
        if found.is_some() {
            return Ok(found);
        }
        end = begin;
    }
    Ok(None)
}

const SEARCHED_ENTRIES: u64 = 1 << 20;
/// Those of one tile, which is read as a whole.
const SEARCHED_AT_ONCE: u64 = 256;
