//! The bytes of a table: where everything is, the header, and a block with its check.
//!
//! Source: spec/registry.md sections 2 and 3.

use std::io;

use mark::digest::{Hash, sha256};
use recognise::KeyId;

use crate::entry::{ENTRY_BYTES, Entry, entries_in};
use crate::snapshot::Snapshot;

/// Length of a header and of a block.
pub const BLOCK_BYTES: usize = 4096;

/// How many entries a full block holds; the 16 bytes after them are its check.
pub const BLOCK_ENTRIES: usize = 170;

/// Most entries of one registry: four thousand million, about 100 GB.
pub const ENTRIES_MAX: u64 = 1 << 32;

/// The file that is the registry.
pub(crate) const TABLE: &str = "table";
/// What the names of filters begin with; the generation follows.
pub(crate) const FILTER_PREFIX: &str = "filter-";
/// What the names of sorted runs begin with.
pub(crate) const RUN_PREFIX: &str = "run-";
/// The file that its one writer locks.
pub(crate) const LOCK: &str = "lock";

pub(crate) const PAYLOAD_BYTES: usize = BLOCK_ENTRIES * ENTRY_BYTES;
const CHECK_BYTES: usize = BLOCK_BYTES - PAYLOAD_BYTES;
const HEADED_BYTES: usize = BLOCK_BYTES - 32;
const MAGIC: [u8; 8] = *b"EOSINREG";
const VERSION: u64 = 1;
const BLOCK_LABEL: &[u8] = b"eosin registry block\0";

/// What the first 4 KiB of a table say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableHeader {
    /// What the table holds.
    pub snapshot: Snapshot,
    /// SHA-256 of the index: the first entry of every block, one after the other.
    pub index: Hash,
}

impl TableHeader {
    /// The header's bytes, and the SHA-256 that ends them: the table's name for its filter.
    pub(crate) fn to_bytes(self) -> (Vec<u8>, Hash) {
        let mut bytes = Vec::with_capacity(BLOCK_BYTES);
        bytes.extend(MAGIC);
        bytes.extend(VERSION.to_be_bytes());
        bytes.extend(self.snapshot.key.0);
        bytes.extend(self.snapshot.generation.to_be_bytes());
        bytes.extend(self.snapshot.entries.to_be_bytes());
        bytes.extend(self.snapshot.root.as_bytes());
        bytes.extend(self.index.as_bytes());
        bytes.resize(HEADED_BYTES, 0);
        let check = sha256(&[&bytes]);
        bytes.extend(check.as_bytes());
        (bytes, check)
    }

    /// Reads a header of exactly [`BLOCK_BYTES`].
    ///
    /// Errors: [`HeaderError`]: a table of another version, or no intact header.
    pub fn parse(bytes: &[u8]) -> Result<(Self, Hash), HeaderError> {
        let damaged = HeaderError::Damaged;
        let mut fields = Fields(bytes);
        let magic: [u8; 8] = fields.take().ok_or(damaged("it is shorter than a header"))?;
        if magic != MAGIC {
            return Err(damaged("it does not begin as a table does"));
        }
        let version = fields.number().ok_or(damaged("it is shorter than a header"))?;
        if version != VERSION {
            return Err(HeaderError::OtherVersion(version));
        }
        let header = fields.header().ok_or(damaged("it is shorter than a header"))?;
        // Written again and compared: the check, the zeros and the length in one go.
        let (written, check) = header.to_bytes();
        if written != bytes {
            return Err(damaged("its header does not match its check"));
        }
        let snapshot = header.snapshot;
        if snapshot.entries > ENTRIES_MAX || snapshot.generation == 0 {
            return Err(damaged("its header has an impossible count or generation"));
        }
        Ok((header, check))
    }
}

/// Why bytes are not the header of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderError {
    /// Its version is none that this code reads.
    OtherVersion(u64),
    /// It is not intact.
    Damaged(&'static str),
}

/// Where the parts of a table with this many entries are. Only for at most [`ENTRIES_MAX`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Places {
    pub(crate) entries: u64,
}

impl Places {
    pub(crate) fn blocks(self) -> u64 {
        self.entries.div_ceil(BLOCK_ENTRIES as u64)
    }

    /// How many of a block's places are taken.
    pub(crate) fn entries_in_block(self, number: u64) -> usize {
        let rest = self.entries.saturating_sub(number * BLOCK_ENTRIES as u64);
        usize::try_from(rest).unwrap_or(usize::MAX).min(BLOCK_ENTRIES)
    }

    pub(crate) fn index(self) -> u64 {
        block_place(self.blocks())
    }

    pub(crate) fn index_bytes(self) -> u64 {
        self.blocks() * ENTRY_BYTES as u64
    }

    /// How many subtree roots of 256 to the power of `level` leaves are stored.
    pub(crate) fn tree_hashes(self, level: u32) -> u64 {
        self.entries.checked_shr(8 * level).unwrap_or(0)
    }

    pub(crate) fn tree_level(self, level: u32) -> u64 {
        let before: u64 = (1..level).map(|below| self.tree_hashes(below)).sum();
        self.index() + self.index_bytes() + 32 * before
    }

    pub(crate) fn file_bytes(self) -> u64 {
        self.tree_level(TREE_LEVELS + 1)
    }
}

/// Where a block begins: the first one after the header.
pub(crate) fn block_place(number: u64) -> u64 {
    (number + 1) * BLOCK_BYTES as u64
}

/// Subtree roots are stored at heights 8, 16, 24 and 32.
pub(crate) const TREE_LEVELS: u32 = 4;

/// The first 16 bytes of what binds a block to its table and its place.
fn block_check(generation: u64, number: u64, payload: &[u8]) -> [u8; CHECK_BYTES] {
    let digest = sha256(&[BLOCK_LABEL, &generation.to_be_bytes(), &number.to_be_bytes(), payload]);
    let mut check = [0; CHECK_BYTES];
    check.iter_mut().zip(digest.as_bytes()).for_each(|(to, from)| *to = *from);
    check
}

/// Fills a block's payload up with zeros and puts its check behind it.
pub(crate) fn finish_block(generation: u64, number: u64, payload: &mut Vec<u8>) {
    payload.resize(PAYLOAD_BYTES, 0);
    payload.extend(block_check(generation, number, payload));
}

/// A block whose check has been checked.
#[derive(Debug)]
pub(crate) struct Block {
    bytes: [u8; BLOCK_BYTES],
    entries: usize,
}

impl Block {
    /// `None` when the check does not fit the bytes, the table or the place.
    pub(crate) fn read(
        header: &TableHeader,
        number: u64,
        read: impl FnOnce(&mut [u8], u64) -> io::Result<()>,
    ) -> io::Result<Option<Self>> {
        let entries = Places { entries: header.snapshot.entries }.entries_in_block(number);
        let mut block = Self { bytes: [0; BLOCK_BYTES], entries };
        read(&mut block.bytes, block_place(number))?;
        let parts = block.bytes.split_at_checked(PAYLOAD_BYTES);
        let is_whole = parts.is_some_and(|(payload, check)| {
            block_check(header.snapshot.generation, number, payload) == check
        });
        Ok(is_whole.then_some(block))
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = Entry> + '_ {
        entries_in(&self.bytes).take(self.entries)
    }
}

/// Big-endian fields, one after the other.
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl Fields<'_> {
    pub(crate) fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*field)
    }

    pub(crate) fn number(&mut self) -> Option<u64> {
        self.take().map(u64::from_be_bytes)
    }

    pub(crate) fn hash(&mut self) -> Option<Hash> {
        self.take().map(Hash::from_bytes)
    }

    fn header(&mut self) -> Option<TableHeader> {
        let (key, generation, entries) = (KeyId(self.take()?), self.number()?, self.number()?);
        let snapshot = Snapshot { root: self.hash()?, entries, key, generation };
        Some(TableHeader { snapshot, index: self.hash()? })
    }
}
