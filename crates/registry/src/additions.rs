//! Adding to a registry: sorted runs of bounded size, merged with what was there into a new table.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use recognise::{Fingerprint, KeyId, PersonTag};

use crate::entry::{ENTRY_BYTES, Entry};
use crate::filter::Filter;
use crate::folder::Folder;
use crate::layout::{FILTER_PREFIX, RUN_PREFIX, TABLE};
use crate::snapshot::Snapshot;
use crate::table::{OpenError, ReadError, Scan, Table};
use crate::writer::{TableWriter, Unnamed};

/// Fingerprints to be added to the registry in a folder, and persons to be forgotten.
///
/// Nothing that others can see changes before [`Self::commit`]. Dropped without it, or killed, it leaves files
/// of no meaning that the next writer removes.
///
/// Bounds: [`BUFFER_ENTRIES`] in memory (64 MiB), 64 KiB for each run while merging, about 50 MiB to build the
///         filter, a third of a byte for each entry of the table; on disk 24 bytes for each entry added, and the
///         new table beside the old one.
/// Source: spec/registry.md section 5.
pub struct Additions {
    folder: Folder,
    key: KeyId,
    current: Option<Table>,
    buffer: Vec<Entry>,
    buffer_entries: usize,
    runs: Vec<String>,
    forgotten: BTreeSet<PersonTag>,
}

/// How many added entries are held in memory before they become a sorted run on disk: 64 MiB.
pub const BUFFER_ENTRIES: usize = (64 << 20) / ENTRY_BYTES;

/// Most runs of one commit: 716 million entries.
pub const RUNS_MAX: usize = 256;

/// Most tags that one commit forgets.
pub const FORGET_MAX: usize = 1 << 20;

impl Additions {
    /// Begins to add to the registry in this folder, which is made if it is not there.
    ///
    /// Errors: [`WriteError::Held`]: another writer is at it; [`WriteError::OtherKey`]: the registry's
    ///         fingerprints were made with another key; the others say what is wrong with the folder.
    /// Never:  waits for the other writer.
    pub fn begin(folder: &Path, key: KeyId) -> Result<Self, WriteError> {
        Self::begin_in(Folder::lock(folder)?, key)
    }

    fn begin_in(mut folder: Folder, key: KeyId) -> Result<Self, WriteError> {
        let current = Table::open(folder.root()).map_err(WriteError::Open)?;
        if let Some(table) = &current
            && table.header.snapshot.key != key
        {
            let (folder, has) = (folder.root().to_owned(), table.header.snapshot.key);
            return Err(WriteError::OtherKey { folder, has, asked: key });
        }
        let generation = current.as_ref().map(|table| table.header.snapshot.generation);
        remove_leftovers(&mut folder, generation)?;
        Ok(Self {
            folder,
            key,
            current,
            buffer: Vec::new(),
            buffer_entries: BUFFER_ENTRIES,
            runs: Vec::new(),
            forgotten: BTreeSet::new(),
        })
    }

    /// Adds one fingerprint of one record; again, it changes nothing.
    ///
    /// Errors: [`WriteError::Io`]: a run could not be written; [`WriteError::TooMany`]: commit, then begin again.
    pub fn add(&mut self, fingerprint: Fingerprint, tag: PersonTag) -> Result<(), WriteError> {
        if self.buffer.len() >= self.buffer_entries {
            self.spill()?;
        }
        if self.buffer.len() == self.buffer.capacity() {
            // Growing by itself, it would grow past its bound.
            let most = self.buffer_entries.saturating_sub(self.buffer.len());
            self.buffer.reserve_exact(self.buffer.len().max(GROW_ENTRIES).min(most));
        }
        self.buffer.push(Entry { fingerprint, tag });
        Ok(())
    }

    /// Removes every fingerprint of a record: those that are there and those being added.
    ///
    /// Errors: [`WriteError::TooMany`]: more than [`FORGET_MAX`]; commit, then begin again.
    pub fn forget(&mut self, tag: PersonTag) -> Result<(), WriteError> {
        if self.forgotten.len() >= FORGET_MAX && !self.forgotten.contains(&tag) {
            return Err(WriteError::TooMany);
        }
        self.forgotten.insert(tag);
        Ok(())
    }

    /// Makes the next snapshot the registry's current one, durably.
    ///
    /// If nothing changed, the current snapshot stays and is given back, generation and all.
    ///
    /// Errors: the old snapshot is still current, or the new one is (when only the last steps failed): begin
    ///         again, add the same and commit; that gives the same snapshot either way.
    pub fn commit(mut self) -> Result<Snapshot, WriteError> {
        sort(&mut self.buffer);
        if let Some(table) = &self.current
            && self.buffer.is_empty()
            && self.runs.is_empty()
            && self.forgotten.is_empty()
            && Filter::read(&self.folder.root().join(filter_name(table)), &table.check, &table.index)
                .is_some()
        {
            return Ok(table.header.snapshot);
        }
        let generation = self.current.as_ref().map_or(0, |table| table.header.snapshot.generation) + 1;
        let unnamed = self.merge(generation)?;
        let snapshot = unnamed.header.snapshot;
        if let Some(table) = &self.current
            && table.header.snapshot.root == snapshot.root
            && table.header.snapshot.entries == snapshot.entries
        {
            let (name, current) = (filter_name(table), table.header.snapshot);
            let check = table.check;
            let filter = self.folder.step("write", FILTER_NEW, |_| unnamed.filter_for(check))?;
            self.folder.sync(FILTER_NEW, &filter)?;
            self.folder.rename(FILTER_NEW, &name)?;
            self.folder.sync_names()?;
            remove_leftovers(&mut self.folder, Some(current.generation))?;
            return Ok(current);
        }
        let (table, filter) = self.folder.step("write", TABLE_NEW, |_| unnamed.name())?;
        self.folder.sync(FILTER_NEW, &filter)?;
        self.folder.sync(TABLE_NEW, &table)?;
        // The filter first: a reader that sees the new table finds its filter. A filter without its table is
        // of no meaning.
        self.folder.rename(FILTER_NEW, &format!("{FILTER_PREFIX}{generation}"))?;
        self.folder.rename(TABLE_NEW, TABLE)?;
        self.folder.sync_names()?;
        // The snapshot is current from here on; what is left of the old one is removed now or by the next writer.
        remove_leftovers(&mut self.folder, Some(generation)).unwrap_or_default();
        Ok(snapshot)
    }

    /// Sorts what is in memory and writes it as a run.
    fn spill(&mut self) -> Result<(), WriteError> {
        sort(&mut self.buffer);
        // Many of the same may have been added: then there is room again, and no run is needed.
        if self.buffer.len() <= self.buffer_entries / 2 {
            return Ok(());
        }
        if self.runs.len() >= RUNS_MAX {
            return Err(WriteError::TooMany);
        }
        let name = format!("{RUN_PREFIX}{}", self.runs.len());
        let file = self.folder.create(&name)?;
        let buffer = std::mem::take(&mut self.buffer);
        self.folder.step("write", &name, |_| {
            let mut run = BufWriter::with_capacity(RUN_BUFFER_BYTES, file);
            buffer.iter().try_for_each(|entry| run.write_all(&entry.to_bytes()))?;
            run.flush()
        })?;
        self.buffer = buffer;
        self.buffer.clear();
        self.runs.push(name);
        Ok(())
    }

    /// Writes everything that is not forgotten, in order and once each.
    fn merge(&mut self, generation: u64) -> Result<Unnamed, WriteError> {
        let (table, filter) = (self.folder.create(TABLE_NEW)?, self.folder.create(FILTER_NEW)?);
        let mut sources = vec![Source::Memory(std::mem::take(&mut self.buffer).into_iter())];
        for name in &self.runs {
            let run = self.folder.open(name)?;
            let path = self.folder.root().join(name);
            sources.push(Source::Run(BufReader::with_capacity(RUN_BUFFER_BYTES, run), path));
        }
        sources.extend(self.current.as_ref().map(|table| Source::Table(table.scan())));
        let path = self.folder.root().join(TABLE_NEW);
        let failed = |source| WriteError::Io { step: "write", path: path.clone(), source };
        let mut writer = TableWriter::begin(table, filter, generation).map_err(failed)?;
        let mut heads = BinaryHeap::with_capacity(sources.len());
        for (number, source) in sources.iter_mut().enumerate() {
            heads.extend(source.next()?.map(|entry| Reverse((entry, number))));
        }
        while let Some(Reverse((entry, number))) = heads.pop() {
            if !self.forgotten.contains(&entry.tag) {
                writer.push(entry).map_err(failed)?;
            }
            let next = sources.get_mut(number).map(Source::next).transpose()?.flatten();
            heads.extend(next.map(|entry| Reverse((entry, number))));
        }
        writer.finish(self.key).map_err(failed)
    }
}

impl fmt::Debug for Additions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Additions")
            .field("folder", &self.folder)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

/// Where entries come from, each in order.
enum Source<'a> {
    Memory(std::vec::IntoIter<Entry>),
    Run(BufReader<File>, PathBuf),
    Table(Scan<'a>),
}

impl Source<'_> {
    fn next(&mut self) -> Result<Option<Entry>, WriteError> {
        match self {
            Self::Memory(entries) => Ok(entries.next()),
            Self::Run(run, path) => {
                let mut bytes = [0; ENTRY_BYTES];
                match run.read_exact(&mut bytes) {
                    Ok(()) => Ok(Some(Entry::from_bytes(&bytes))),
                    Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
                    Err(source) => Err(WriteError::Io { step: "read", path: path.clone(), source }),
                }
            }
            Self::Table(scan) => scan.next().map_err(|error| WriteError::Open(OpenError::Read(error))),
        }
    }
}

fn sort(entries: &mut Vec<Entry>) {
    entries.sort_unstable();
    entries.dedup();
}

fn filter_name(table: &Table) -> String {
    format!("{FILTER_PREFIX}{}", table.header.snapshot.generation)
}

/// Removes runs, files on their way, and filters of other generations.
fn remove_leftovers(folder: &mut Folder, generation: Option<u64>) -> Result<(), WriteError> {
    let kept = generation.map(|generation| format!("{FILTER_PREFIX}{generation}"));
    for name in folder.names()? {
        let is_ours = name.starts_with(RUN_PREFIX)
            || name == TABLE_NEW
            || name == FILTER_NEW
            || (name.starts_with(FILTER_PREFIX) && Some(&name) != kept.as_ref());
        if is_ours {
            folder.remove(&name)?;
        }
    }
    Ok(())
}

const TABLE_NEW: &str = "table.new";
const FILTER_NEW: &str = "filter.new";
const RUN_BUFFER_BYTES: usize = 1 << 16;
const GROW_ENTRIES: usize = 1024;

/// Why a registry cannot be added to.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Another process, or another part of this one, is adding to it.
    #[error(
        "another writer is adding to the registry in `{}`: wait until it has ended, then begin again",
        folder.display()
    )]
    Held {
        /// The registry's folder.
        folder: PathBuf,
    },
    /// Its fingerprints were made with another key, and would never match.
    #[error(
        "the registry in `{}` was made with the key {has}, and this is the key {asked}: give the key it was made \
         with, or add every marked record to a new folder", folder.display()
    )]
    OtherKey {
        /// The registry's folder.
        folder: PathBuf,
        /// The key of the registry.
        has: KeyId,
        /// The key that was given.
        asked: KeyId,
    },
    /// What is there cannot be read.
    #[error(transparent)]
    Open(OpenError),
    /// The disk failed.
    #[error("cannot {step} `{}`: check that it is on a writable disk with room and belongs to this user", path.display())]
    Io {
        /// What was tried.
        step: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// One commit takes no more.
    #[error("one commit takes no more: commit what is there, then begin again")]
    TooMany,
}

impl From<ReadError> for WriteError {
    fn from(error: ReadError) -> Self {
        Self::Open(OpenError::Read(error))
    }
}

#[cfg(test)]
mod tests;
