//! A registry that is open: which persons do these fingerprints point to.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use mark::Strength;
use recognise::{Fingerprint, FingerprintKind, PersonTag};

use crate::entry::Entry;
use crate::filter::Filter;
use crate::layout::FILTER_PREFIX;
use crate::presence::{PROOF_LEAVES_MAX, Presence};
use crate::snapshot::Snapshot;
use crate::table::{OpenError, ReadError, Table, current_check};

/// One snapshot of a registry, open for asking.
///
/// It stays the snapshot that it is while a writer replaces the files: see [`Self::refreshed`].
///
/// Bounds: about 1.3 bytes of memory for each entry: filter 1.13, index 0.14.
/// Never:  writes, or holds a value of any record.
/// Source: spec/registry.md.
pub struct Registry {
    folder: PathBuf,
    table: Table,
    filter: Filter,
}

/// What fingerprints of one record point to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// Strong when two or more different kinds point to the same registered record.
    pub strength: Strength,
    /// If strong, the kinds that point to the record to which most do; if weak, every kind that points to any.
    /// In the order of [`FingerprintKind::ALL`], each once.
    pub kinds: Vec<FingerprintKind>,
}

/// Most tags that are read for one fingerprint: a household shares an address, a hospital a telephone number.
pub const TAGS_MAX: usize = 64;

/// Most looks of one call for a single tag under fingerprints that have more than [`TAGS_MAX`].
const SHARED_LOOKS_MAX: usize = 256;

/// How often a reader begins again because a writer was faster.
const OPEN_ATTEMPTS: usize = 3;

impl Registry {
    /// Opens the current snapshot; `None` when the folder has none.
    ///
    /// Checked here: header, lengths, index and filter. Each block is checked whenever it is read, and
    /// everything by [`Self::verify`]. A filter that is missing or damaged is made again in memory, which
    /// reads the whole table.
    ///
    /// Errors: [`OpenError`]: each says what to do.
    /// Never:  writes.
    pub fn open(folder: &Path) -> Result<Option<Self>, OpenError> {
        for attempt in 1.. {
            let Some(table) = Table::open(folder)? else { return Ok(None) };
            let name = format!("{FILTER_PREFIX}{}", table.header.snapshot.generation);
            if let Some(filter) = Filter::read(&folder.join(name), &table.check, &table.index) {
                return Ok(Some(Self { folder: folder.to_owned(), table, filter }));
            }
            // A writer that is done removes the older filter: then there is a newer table to open.
            if attempt >= OPEN_ATTEMPTS || current_check(folder)? == Some(table.check) {
                let filter = table.filter().map_err(OpenError::Read)?;
                return Ok(Some(Self { folder: folder.to_owned(), table, filter }));
            }
        }
        Ok(None)
    }

    /// What this is a snapshot of: root, count, key and generation.
    pub fn snapshot(&self) -> Snapshot {
        self.table.header.snapshot
    }

    /// Memory that the filter and the index take, in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.filter.bytes() + self.table.index.len() * size_of::<Entry>()
    }

    /// Whether any entry may have this fingerprint, from memory alone: of a thousand absent ones, about
    /// four are not told to be absent.
    pub fn may_hold(&self, fingerprint: Fingerprint) -> bool {
        self.filter.may_hold(fingerprint)
    }

    /// The registered records that these fingerprints of one record point to.
    ///
    /// Bounds: for each fingerprint that the filter lets through, one read of 4 KiB, seldom two; for one that
    ///         more than [`TAGS_MAX`] records share, up to 256 more in all. Past that a match can be told
    ///         weaker than it is, never stronger.
    /// Errors: [`FindError`]: the answer is not known.
    pub fn find(&self, asked: &[(FingerprintKind, Fingerprint)]) -> Result<Option<Match>, FindError> {
        let mut persons: BTreeMap<PersonTag, BTreeSet<FingerprintKind>> = BTreeMap::new();
        let mut shared = Vec::new();
        for (kind, fingerprint) in asked {
            if !self.filter.may_hold(*fingerprint) {
                continue;
            }
            let tags = self.table.tags(*fingerprint, TAGS_MAX)?;
            for tag in tags.found {
                persons.entry(tag).or_default().insert(*kind);
            }
            if tags.more {
                shared.push((*kind, *fingerprint));
            }
        }
        self.look_past_the_first(&shared, &mut persons)?;
        let Some(best) = persons.values().max_by_key(|kinds| kinds.len()) else { return Ok(None) };
        if best.len() >= 2 {
            return Ok(Some(Match { strength: Strength::Strong, kinds: best.iter().copied().collect() }));
        }
        let all: BTreeSet<_> = persons.values().flatten().copied().collect();
        Ok(Some(Match { strength: Strength::Weak, kinds: all.into_iter().collect() }))
    }

    /// Of a fingerprint with too many tags to read, asks for those that other kinds have found.
    fn look_past_the_first(
        &self,
        shared: &[(FingerprintKind, Fingerprint)],
        persons: &mut BTreeMap<PersonTag, BTreeSet<FingerprintKind>>,
    ) -> Result<(), FindError> {
        let mut looks = 0;
        // Records that something rarer points to come first: they are few, and the likelier ones.
        let shared_kinds: BTreeSet<_> = shared.iter().map(|(kind, _)| *kind).collect();
        for rare in [true, false] {
            for (tag, kinds) in persons.iter_mut().filter(|(_, kinds)| kinds.is_subset(&shared_kinds) != rare)
            {
                for (kind, fingerprint) in shared {
                    if looks < SHARED_LOOKS_MAX && !kinds.contains(kind) {
                        looks += 1;
                        if self.table.holds(Entry { fingerprint: *fingerprint, tag: *tag })? {
                            kinds.insert(*kind);
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Proof that this fingerprint is in the snapshot, or that it is not, for a stranger to check.
    ///
    /// Bounds: at most [`PROOF_LEAVES_MAX`] leaves; a few reads for each 256 of the tree, whatever its size.
    /// Errors: [`FindError`]: the table is damaged or cannot be read; no proof is given that does not verify.
    pub fn prove(&self, fingerprint: Fingerprint) -> Result<Presence, FindError> {
        let first = Entry { fingerprint, tag: PersonTag([0; 8]) };
        let rank = self.table.rank(first)?;
        let most = u64::try_from(PROOF_LEAVES_MAX).unwrap_or(u64::MAX);
        let mut leaves = self.table.entries(rank, rank.saturating_add(most))?;
        leaves.retain(|entry| entry.fingerprint == fingerprint);
        let mut from = rank;
        if leaves.is_empty() {
            from = rank.saturating_sub(1);
            leaves = self.table.entries(from, rank.saturating_add(1))?;
        }
        Presence::make(&self.table, fingerprint, from, &leaves)
    }

    /// Reads everything and computes everything again: each block, the order, the root, the stored tree, the
    /// index, and that the filter knows every fingerprint.
    ///
    /// Bounds: one pass over the table; a third of a byte of memory for each entry.
    /// Errors: [`FindError::Damaged`]: the file is not what was written; the rest as when finding.
    pub fn verify(&self) -> Result<Snapshot, FindError> {
        crate::verify::verify(&self.table, &self.filter)
    }

    /// Whether the folder still has this snapshot.
    ///
    /// Bounds: one read of 4 KiB.
    /// Errors: [`OpenError`]: the table that is there now cannot be read.
    pub fn is_current(&self) -> Result<bool, OpenError> {
        Ok(current_check(&self.folder)? == Some(self.table.check))
    }

    /// The snapshot that has replaced this one; `None` while this one is current.
    ///
    /// Errors: [`OpenError::Gone`]: the folder has none any more. This one can be asked on.
    pub fn refreshed(&self) -> Result<Option<Self>, OpenError> {
        if self.is_current()? {
            return Ok(None);
        }
        let opened = Self::open(&self.folder)?;
        opened.map(Some).ok_or_else(|| OpenError::Gone { folder: self.folder.clone() })
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("folder", &self.folder)
            .field("snapshot", &self.snapshot())
            .finish_non_exhaustive()
    }
}

/// Why a registry cannot answer.
pub type FindError = ReadError;
