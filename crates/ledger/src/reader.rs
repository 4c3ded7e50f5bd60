//! Reading a published ledger: entries and proofs, while another process writes.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use mark::checkpoint::Checkpoint;
use mark::digest::Hash;
use mark::merkle::{consistency_ranges, inclusion_ranges};
use mark::note::{NOTE_BYTES_MAX, SignedNote};
use mark::tlog_proof::TlogProof;

use crate::folder::Folder;
use crate::layout::{CHECKPOINT, CHECKPOINT_BYTES_MAX, COSIGNED, TILE_WIDTH, Tile, unpack_bundle};
use crate::store::Store;
use crate::tiles::{ReadError, node_roots, read_bundle, read_hashes};

/// What is published in a ledger's folder, as of one checkpoint.
///
/// It needs no lock and no key: what is published never changes, and a proof is checked by whoever gets it.
/// What was committed in the last moment is not here before it is published. To trust the folder itself, run
/// [`crate::verify()`].
///
/// Bounds: a few tiles in memory.
/// Never:  writes.
#[derive(Debug)]
pub struct Reader {
    store: Folder,
    text: Arc<str>,
    note: SignedNote,
    checkpoint: Checkpoint,
}

impl Reader {
    /// Reads the checkpoint that is there now.
    ///
    /// Errors: [`ReadError::Missing`]: there is no ledger; [`ReadError::Damaged`]: the checkpoint is no
    ///         checkpoint.
    pub fn open(folder: &Path) -> Result<Self, ReadError> {
        let store = Folder::look(folder);
        let file = || CHECKPOINT.to_owned();
        let bytes = match store.read(CHECKPOINT, CHECKPOINT_BYTES_MAX) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(ReadError::Missing { file: file() });
            }
            Err(source) => return Err(ReadError::Io { file: file(), source }),
        };
        let damaged = |what| ReadError::Damaged { file: file(), what };
        let text = String::from_utf8(bytes).map_err(|_| damaged("it is not text"))?;
        let note = SignedNote::parse(&text).map_err(|_| damaged("it is not a signed note"))?;
        let checkpoint =
            Checkpoint::parse(note.unverified_text()).map_err(|_| damaged("it is not a checkpoint"))?;
        Ok(Self { store, text: Arc::from(text), note, checkpoint })
    }

    /// How many entries are published.
    pub fn size(&self) -> u64 {
        self.checkpoint.size()
    }

    /// The name of the log, as the checkpoint gives it.
    pub fn origin(&self) -> &str {
        self.checkpoint.origin()
    }

    /// The signed checkpoint, as it is on the disk.
    pub fn checkpoint(&self) -> Arc<str> {
        Arc::clone(&self.text)
    }

    /// Entries from the start of the range, in order.
    ///
    /// Shape:  a range of indexes -> the entries from its start; fewer when the bound is met.
    /// Bounds: [`ENTRIES_READ_MAX`] entries; ask again from where it stopped.
    /// Errors: [`ReadError`]: the range is not in the ledger, or a file is missing or damaged (each entry is
    ///         checked against its tile).
    pub fn entries(&self, range: Range<u64>) -> Result<Vec<Vec<u8>>, ReadError> {
        let size = self.size();
        if range.start > range.end || range.end > size {
            return Err(ReadError::OutOfRange { index: range.end.max(range.start), size });
        }
        let end = range.end.min(range.start.saturating_add(ENTRIES_READ_MAX));
        let mut entries = Vec::new();
        let mut next = range.start;
        while next < end {
            let number = next / TILE_WIDTH;
            let bundle = read_bundle(&self.store, number, size)?;
            let skip = usize::try_from(next % TILE_WIDTH).unwrap_or(usize::MAX);
            let stop = end.min((number + 1) * TILE_WIDTH);
            let count = usize::try_from(stop - next).unwrap_or(0);
            let found = unpack_bundle(&bundle).unwrap_or_default();
            entries.extend(found.into_iter().skip(skip).take(count).map(<[u8]>::to_vec));
            next = stop;
        }
        Ok(entries)
    }

    /// Proves that an entry is under this checkpoint.
    ///
    /// Shape:  index -> a proof; its text is a `.tlog-proof` file.
    /// Errors: [`ReadError`].
    pub fn prove(&self, index: u64) -> Result<TlogProof, ReadError> {
        let path = self.inclusion(index, self.size())?;
        Ok(TlogProof::new(index, path, self.note.clone()))
    }

    /// The inclusion path of an entry in the tree of an earlier size, or of this one.
    ///
    /// Errors: [`ReadError::OutOfRange`] when the index is not below the size, or the size not published.
    /// Source: RFC 9162 section 2.1.3.1.
    pub fn inclusion(&self, index: u64, size: u64) -> Result<Vec<Hash>, ReadError> {
        let out_of_range = ReadError::OutOfRange { index: index.max(size), size: self.size() };
        match inclusion_ranges(index, size) {
            Some(ranges) if size <= self.size() => self.roots(&ranges),
            _ => Err(out_of_range),
        }
    }

    /// The path that proves that the tree of `old` entries is a prefix of the tree of `new`.
    ///
    /// Errors: [`ReadError::OutOfRange`] when not `0 < old <= new <= size`.
    /// Source: RFC 9162 section 2.1.4.1.
    pub fn consistency(&self, old: u64, new: u64) -> Result<Vec<Hash>, ReadError> {
        match consistency_ranges(old, new) {
            Some(ranges) if new <= self.size() => self.roots(&ranges),
            _ => Err(ReadError::OutOfRange { index: old.max(new), size: self.size() }),
        }
    }

    /// What a witness is asked to cosign: this checkpoint, and the proof that it continues the tree of `old` entries.
    ///
    /// Shape:  the size that the witness cosigned last, 0 for never -> the body of an `add-checkpoint` request.
    /// Errors: [`ReadError::OutOfRange`] when the witness has seen more than is published here.
    /// Source: c2sp.org/tlog-witness, "add-checkpoint".
    pub fn submission(&self, old: u64) -> Result<String, ReadError> {
        let path = if old == 0 { Vec::new() } else { self.consistency(old, self.size())? };
        let mut body = format!("old {old}\n");
        for hash in path {
            body.push_str(&hash.to_base64());
            body.push('\n');
        }
        body.push('\n');
        body.push_str(&self.text);
        Ok(body)
    }

    /// The last checkpoint that enough witnesses have cosigned, as it is on the disk; nobody has checked its signatures.
    ///
    /// Errors: [`ReadError::Missing`]: none has been yet; [`ReadError::Damaged`]: not a checkpoint of this log, or of
    ///         more than is published.
    pub fn cosigned(&self) -> Result<SignedNote, ReadError> {
        let file = || COSIGNED.to_owned();
        let damaged = |what| ReadError::Damaged { file: file(), what };
        let bytes = match self.store.read(COSIGNED, NOTE_BYTES_MAX) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(ReadError::Missing { file: file() });
            }
            Err(source) => return Err(ReadError::Io { file: file(), source }),
        };
        let text = String::from_utf8(bytes).map_err(|_| damaged("it is not text"))?;
        let note = SignedNote::parse(&text).map_err(|_| damaged("it is not a signed note"))?;
        let checkpoint =
            Checkpoint::parse(note.unverified_text()).map_err(|_| damaged("it is not a checkpoint"))?;
        if checkpoint.origin() != self.origin() || checkpoint.size() > self.size() {
            return Err(damaged("it is not of what is published here"));
        }
        Ok(note)
    }

    /// Proves that an entry is under an earlier checkpoint of this log, such as one that was cosigned.
    ///
    /// Errors: [`ReadError::OutOfRange`] when the entry came after it.
    pub fn prove_under(&self, index: u64, checkpoint: &SignedNote) -> Result<TlogProof, ReadError> {
        let size = Checkpoint::parse(checkpoint.unverified_text()).map_or(0, |checkpoint| checkpoint.size());
        let path = self.inclusion(index, size)?;
        Ok(TlogProof::new(index, path, checkpoint.clone()))
    }

    fn roots(&self, ranges: &[Range<u64>]) -> Result<Vec<Hash>, ReadError> {
        let tile = |level, number| Tile::of_hashes(level, number, self.size());
        node_roots(ranges, &mut |level, number| read_hashes(&self.store, tile(level, number)))
    }
}

/// The most entries that one call returns.
pub const ENTRIES_READ_MAX: u64 = 1024;
