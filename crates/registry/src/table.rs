//! A table that is open: its header and index in memory, its blocks read when they are asked for.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use mark::digest::{Hash, sha256};
use recognise::{Fingerprint, PersonTag};

use crate::entry::{ENTRY_BYTES, Entry, entries_in};
use crate::filter::{Filter, FilterBuilder, PART_BLOCKS};
use crate::layout::{BLOCK_BYTES, BLOCK_ENTRIES, Block, HeaderError, Places, TABLE, TableHeader};
use crate::tree::TILE_WIDTH;

pub(crate) struct Table {
    path: PathBuf,
    file: File,
    pub(crate) header: TableHeader,
    /// The SHA-256 that ends the header.
    pub(crate) check: Hash,
    /// The first entry of every block.
    ///
    /// INVARIANT: ascending, one for each block.
    pub(crate) index: Vec<Entry>,
}

impl Table {
    /// The table of a folder; `None` when there is none.
    ///
    /// Never: reads the blocks; each is checked when it is read.
    pub(crate) fn open(folder: &Path) -> Result<Option<Self>, OpenError> {
        let path = folder.join(TABLE);
        let failed = |source| OpenError::Read(ReadError::Io { path: path.clone(), source });
        let damaged = |what| OpenError::Read(ReadError::Damaged { path: path.clone(), what });
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let (header, check) = read_header(&file, &path)?;
        let places = Places { entries: header.snapshot.entries };
        if file.metadata().map_err(failed)?.len() != places.file_bytes() {
            return Err(damaged("it is not as long as its header says"));
        }
        // Piece by piece, and no further than the entries ascend: a wrong length costs little memory.
        let (mut index, mut bytes) = (Vec::new(), Vec::new());
        let mut at = places.index();
        let end = at + places.index_bytes();
        while at < end {
            let mut piece = Vec::new();
            let length = (end - at).min(INDEX_PIECE_BYTES);
            let mut from = At { file: &file, offset: at }.take(length);
            from.read_to_end(&mut piece).map_err(failed)?;
            for entry in entries_in(&piece) {
                if index.last().is_some_and(|last| *last >= entry) {
                    return Err(damaged("its index is not in order"));
                }
                index.push(entry);
            }
            bytes.append(&mut piece);
            at += length;
        }
        if sha256(&[&bytes]) != header.index || u64::try_from(index.len()) != Ok(places.blocks()) {
            return Err(damaged("its index does not match its check"));
        }
        Ok(Some(Self { path, file, header, check, index }))
    }

    pub(crate) fn places(&self) -> Places {
        Places { entries: self.header.snapshot.entries }
    }

    /// One positioned read, and the block's check.
    pub(crate) fn block(&self, number: u64) -> Result<Block, ReadError> {
        let block = Block::read(&self.header, number, |bytes, at| self.file.read_exact_at(bytes, at));
        let block = block.map_err(|error| self.failed(error))?;
        let block = block.ok_or_else(|| self.damaged("a block does not match its check"))?;
        let indexed = usize::try_from(number).ok().and_then(|number| self.index.get(number)).copied();
        if block.entries().next() != indexed {
            return Err(self.damaged("a block does not begin as the index says"));
        }
        Ok(block)
    }

    /// The block where the first entry at or after this one is, or just before it.
    fn block_of(&self, entry: Entry) -> u64 {
        let after = self.index.partition_point(|first| *first <= entry);
        u64::try_from(after.saturating_sub(1)).unwrap_or(u64::MAX)
    }

    /// How many entries come before this one would.
    pub(crate) fn rank(&self, entry: Entry) -> Result<u64, ReadError> {
        if self.index.is_empty() {
            return Ok(0);
        }
        let number = self.block_of(entry);
        let before = self.block(number)?.entries().take_while(|other| *other < entry).count();
        Ok(number * BLOCK_ENTRIES as u64 + u64::try_from(before).unwrap_or(u64::MAX))
    }

    /// Whether exactly this entry is there.
    pub(crate) fn holds(&self, entry: Entry) -> Result<bool, ReadError> {
        if self.index.is_empty() {
            return Ok(false);
        }
        Ok(self.block(self.block_of(entry))?.entries().any(|other| other == entry))
    }

    /// The first `most` tags of this fingerprint, and whether there are more.
    pub(crate) fn tags(&self, fingerprint: Fingerprint, most: usize) -> Result<Tags, ReadError> {
        let mut tags = Tags::default();
        if self.index.is_empty() {
            return Ok(tags);
        }
        let mut number = self.block_of(Entry { fingerprint, tag: PersonTag([0; 8]) });
        loop {
            for entry in self.block(number)?.entries().skip_while(|entry| entry.fingerprint < fingerprint) {
                if entry.fingerprint != fingerprint {
                    return Ok(tags);
                }
                if tags.found.len() == most {
                    tags.more = true;
                    return Ok(tags);
                }
                tags.found.push(entry.tag);
            }
            number += 1;
            let next = usize::try_from(number).ok().and_then(|number| self.index.get(number));
            if next.is_none_or(|next| next.fingerprint != fingerprint) {
                return Ok(tags);
            }
        }
    }

    /// The entries in this range, which a proof needs whole tiles of.
    pub(crate) fn entries(&self, from: u64, to: u64) -> Result<Vec<Entry>, ReadError> {
        let mut entries = Vec::new();
        let (mut at, to) = (from, to.min(self.places().entries));
        while at < to {
            let (number, skipped) = (at / BLOCK_ENTRIES as u64, at % BLOCK_ENTRIES as u64);
            let block = self.block(number)?;
            let skipped = usize::try_from(skipped).unwrap_or(usize::MAX);
            let wanted = usize::try_from(to - at).unwrap_or(usize::MAX);
            let before = entries.len();
            entries.extend(block.entries().skip(skipped).take(wanted));
            at += u64::try_from(entries.len() - before).unwrap_or(u64::MAX);
        }
        Ok(entries)
    }

    /// The hashes of a tile of the tree.
    pub(crate) fn tile(&self, level: u32, number: u64) -> Result<Vec<Hash>, ReadError> {
        let first = number * TILE_WIDTH;
        if level == 0 {
            return Ok(self.entries(first, first + TILE_WIDTH)?.into_iter().map(Entry::leaf).collect());
        }
        let places = self.places();
        let width = places.tree_hashes(level).saturating_sub(first).min(TILE_WIDTH);
        let mut bytes = vec![0; usize::try_from(32 * width).unwrap_or(0)];
        let offset = places.tree_level(level) + 32 * first;
        self.file.read_exact_at(&mut bytes, offset).map_err(|error| self.failed(error))?;
        Ok(bytes.as_chunks::<32>().0.iter().map(|hash| Hash::from_bytes(*hash)).collect())
    }

    /// All entries in order, each block and the order checked.
    pub(crate) fn scan(&self) -> Scan<'_> {
        Scan { table: self, next_block: 0, entries: Vec::new().into_iter(), last: None }
    }

    /// Makes the filter again from the blocks.
    pub(crate) fn filter(&self) -> Result<Filter, ReadError> {
        let (mut builder, mut fuses) = (FilterBuilder::default(), Vec::new());
        for number in 0..self.places().blocks() {
            self.block(number)?.entries().for_each(|entry| builder.push(entry));
            if (number + 1).is_multiple_of(PART_BLOCKS) || number + 1 == self.places().blocks() {
                fuses.push(builder.finish_part().map_err(|error| self.failed(error))?);
            }
        }
        Filter::from_parts(fuses, &self.index).ok_or_else(|| self.damaged("its index is too short"))
    }

    pub(crate) fn failed(&self, source: io::Error) -> ReadError {
        ReadError::Io { path: self.path.clone(), source }
    }

    pub(crate) fn damaged(&self, what: &'static str) -> ReadError {
        ReadError::Damaged { path: self.path.clone(), what }
    }
}

const INDEX_PIECE_BYTES: u64 = 24 << 14;

/// The check in the header of a folder's table now; `None` when there is no table.
pub(crate) fn current_check(folder: &Path) -> Result<Option<Hash>, OpenError> {
    let path = folder.join(TABLE);
    match File::open(&path) {
        Ok(file) => Ok(Some(read_header(&file, &path)?.1)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(OpenError::Read(ReadError::Io { path, source })),
    }
}

fn read_header(file: &File, path: &Path) -> Result<(TableHeader, Hash), OpenError> {
    let path = || path.to_owned();
    let mut bytes = Vec::new();
    let read = At { file, offset: 0 }.take(BLOCK_BYTES as u64).read_to_end(&mut bytes);
    read.map_err(|source| OpenError::Read(ReadError::Io { path: path(), source }))?;
    TableHeader::parse(&bytes).map_err(|error| match error {
        HeaderError::OtherVersion(version) => OpenError::OtherVersion { path: path(), version },
        HeaderError::Damaged(what) => OpenError::Read(ReadError::Damaged { path: path(), what }),
    })
}

/// Reads on from an offset without moving the file's own position, which other threads share.
struct At<'a> {
    file: &'a File,
    offset: u64,
}

impl Read for At<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.offset)?;
        self.offset += u64::try_from(read).unwrap_or(u64::MAX);
        Ok(read)
    }
}

/// The tags found for one fingerprint.
#[derive(Debug, Default)]
pub(crate) struct Tags {
    pub(crate) found: Vec<PersonTag>,
    pub(crate) more: bool,
}

/// A walk over all entries.
pub(crate) struct Scan<'a> {
    table: &'a Table,
    next_block: u64,
    entries: std::vec::IntoIter<Entry>,
    last: Option<Entry>,
}

impl Scan<'_> {
    pub(crate) fn next(&mut self) -> Result<Option<Entry>, ReadError> {
        let entry = match self.entries.next() {
            Some(entry) => entry,
            None if self.next_block < self.table.places().blocks() => {
                let block: Vec<Entry> = self.table.block(self.next_block)?.entries().collect();
                self.next_block += 1;
                self.entries = block.into_iter();
                match self.entries.next() {
                    Some(entry) => entry,
                    None => return Ok(None),
                }
            }
            None => return Ok(None),
        };
        if self.last.is_some_and(|last| last >= entry) {
            return Err(self.table.damaged("its entries are not in order"));
        }
        self.last = Some(entry);
        Ok(Some(entry))
    }
}

const _: () = assert!(INDEX_PIECE_BYTES.is_multiple_of(ENTRY_BYTES as u64));

/// Why a registry cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It cannot be read, or is damaged.
    #[error(transparent)]
    Read(ReadError),
    /// It was written by a version of which this one knows nothing.
    #[error(
        "`{}` is a registry of version {version}, which this program cannot read: use the program that wrote it",
        path.display()
    )]
    OtherVersion {
        /// The table.
        path: PathBuf,
        /// Its version.
        version: u64,
    },
    /// A registry that was open has no table any more.
    #[error("`{}` is gone though it was open before: put the registry's folder back", folder.display())]
    Gone {
        /// The registry's folder.
        folder: PathBuf,
    },
}

/// Why something in a registry cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The disk failed.
    #[error("cannot read `{}`: check the disk and that the file belongs to this user", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// A file is not what was written.
    #[error(
        "`{}` is damaged ({what}): restore the registry's folder from a backup, or add every marked record to a \
         new one", path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        what: &'static str,
    },
}
