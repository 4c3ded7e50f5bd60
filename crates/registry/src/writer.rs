//! Writes a table and its filter side by side, from entries that come in order.

use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};

use mark::digest::{Hash, sha256};
use recognise::KeyId;

use crate::entry::Entry;
use crate::filter::{FilterBuilder, FilterWriter, PART_BLOCKS};
use crate::layout::{BLOCK_BYTES, BLOCK_ENTRIES, ENTRIES_MAX, TableHeader, finish_block};
use crate::snapshot::Snapshot;
use crate::tree::TreeBuilder;

/// A table on its way.
///
/// Bounds: a third of a byte for each entry, and what [`FilterBuilder`] takes for one part.
pub(crate) struct TableWriter {
    table: BufWriter<File>,
    filter: FilterWriter,
    generation: u64,
    entries: u64,
    blocks: u64,
    /// The entries of the block that is not full yet.
    payload: Vec<u8>,
    index: Vec<u8>,
    tree: TreeBuilder,
    part: FilterBuilder,
    last: Option<Entry>,
}

/// A table whose blocks are written and whose header is not.
pub(crate) struct Unnamed {
    table: File,
    filter: FilterWriter,
    pub(crate) header: TableHeader,
}

impl TableWriter {
    pub(crate) fn begin(table: File, filter: File, generation: u64) -> io::Result<Self> {
        let mut table = BufWriter::with_capacity(WRITE_BYTES, table);
        table.write_all(&[0; BLOCK_BYTES])?;
        Ok(Self {
            table,
            filter: FilterWriter::begin(filter)?,
            generation,
            entries: 0,
            blocks: 0,
            payload: Vec::with_capacity(BLOCK_BYTES),
            index: Vec::new(),
            tree: TreeBuilder::default(),
            part: FilterBuilder::default(),
            last: None,
        })
    }

    /// Adds the next entry; one that was just added is left out.
    pub(crate) fn push(&mut self, entry: Entry) -> io::Result<()> {
        match self.last {
            Some(last) if last == entry => return Ok(()),
            Some(last) if last > entry => {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "entries do not come in order"));
            }
            Some(_) | None => self.last = Some(entry),
        }
        if self.entries == ENTRIES_MAX {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "a registry holds no more entries"));
        }
        let bytes = entry.to_bytes();
        if self.payload.is_empty() {
            self.index.extend(bytes);
        }
        self.payload.extend(bytes);
        self.tree.push(entry.leaf());
        self.part.push(entry);
        self.entries += 1;
        if self.entries.is_multiple_of(BLOCK_ENTRIES as u64) {
            self.block()?;
        }
        Ok(())
    }

    fn block(&mut self) -> io::Result<()> {
        finish_block(self.generation, self.blocks, &mut self.payload);
        self.table.write_all(&self.payload)?;
        self.payload.clear();
        self.blocks += 1;
        if self.blocks.is_multiple_of(PART_BLOCKS) {
            self.part()?;
        }
        Ok(())
    }

    fn part(&mut self) -> io::Result<()> {
        let fuse = self.part.finish_part()?;
        self.filter.part(&fuse)
    }

    /// Writes what is behind the blocks.
    pub(crate) fn finish(mut self, key: KeyId) -> io::Result<Unnamed> {
        if !self.payload.is_empty() {
            self.block()?;
        }
        if !self.blocks.is_multiple_of(PART_BLOCKS) {
            self.part()?;
        }
        let (root, levels) = self.tree.finish();
        self.table.write_all(&self.index)?;
        for hash in levels.iter().flatten() {
            self.table.write_all(hash.as_bytes())?;
        }
        let snapshot = Snapshot { root, entries: self.entries, key, generation: self.generation };
        let header = TableHeader { snapshot, index: sha256(&[&self.index]) };
        let table = self.table.into_inner().map_err(io::IntoInnerError::into_error)?;
        Ok(Unnamed { table, filter: self.filter, header })
    }
}

impl Unnamed {
    /// Writes both headers: table and filter are whole, and want syncing.
    pub(crate) fn name(mut self) -> io::Result<(File, File)> {
        let (bytes, check) = self.header.to_bytes();
        self.table.seek(SeekFrom::Start(0))?;
        self.table.write_all(&bytes)?;
        Ok((self.table, self.filter.finish(check)?))
    }

    /// Writes the header of the filter alone, as that of a table that is there already.
    pub(crate) fn filter_for(self, check: Hash) -> io::Result<File> {
        self.filter.finish(check)
    }
}

const WRITE_BYTES: usize = 1 << 18;
