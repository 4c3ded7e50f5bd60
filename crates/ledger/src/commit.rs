//! The ledger's writer: a batch in, durable or not at all.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use mark::checkpoint::Checkpoint;
use mark::merkle::leaf_hash;
use mark::note::SignerKey;
use mark::tlog_proof::TlogProof;

use crate::edge::Edge;
use crate::folder::Folder;
use crate::journal::{MAGIC, Record};
use crate::layout::{CHECKPOINT, ENTRY_BYTES_MAX, JOURNAL, Tile};
use crate::logged::{Logged, Place};
use crate::publish::{Publication, PublishError};
use crate::recover::{self, CreateError, OpenError, Recovery};
use crate::store::Store;
use crate::tiles::{ReadError, node_roots, read_hashes};

/// An append-only log of opaque entries, and the right to write to it.
///
/// What is committed is first in the journal (one write, one sync, one acknowledgement) and later in tiles
/// (published). Dropping a ledger loses nothing: the journal is read again when it is opened.
///
/// Bounds: unpublished entries are held in memory, [`PUBLISH_BYTES`] of them unless publishing fails.
/// Never:  reads a clock, draws randomness, or knows what an entry says.
/// Source: spec/ledger.md.
pub struct Ledger {
    pub(crate) store: Box<dyn Store>,
    pub(crate) signer: SignerKey,
    pub(crate) origin: Arc<str>,
    /// INVARIANT: holds exactly the entries that are published or durable in the journal.
    pub(crate) edge: Edge,
    /// How many entries the checkpoint on the disk covers.
    pub(crate) published: u64,
    /// The signed checkpoint of `edge`.
    pub(crate) checkpoint: Arc<str>,
    pub(crate) journal: JournalPlace,
    pub(crate) state: State,
    /// Folders whose names this writer has made durable.
    pub(crate) durable_folders: BTreeSet<String>,
    /// What stands in the way of publishing, if the last attempt failed.
    pub(crate) unpublished_because: Option<String>,
    pub(crate) recovery: Recovery,
    /// What is being published while commits go on.
    pub(crate) beside: Option<JoinHandle<(Publication, Result<(), PublishError>)>>,
}

/// Where the next record goes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct JournalPlace {
    /// The published size when this round began.
    pub(crate) base: u64,
    /// Where the next record starts.
    pub(crate) offset: u64,
    /// How long the file is; what is past `offset` is zeros or an older round.
    pub(crate) allocated: u64,
    /// Publishing is tried again when the round is this long.
    pub(crate) publish_at_bytes: u64,
    /// Publishing is tried again when the log is this long.
    pub(crate) publish_at_size: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Open,
    /// A sync failed: what is on the disk is not known until recovery has looked.
    Stopped,
}

impl Ledger {
    /// Makes a new, empty ledger whose origin is the name of this key.
    ///
    /// Errors: [`CreateError::AlreadyThere`]: open it instead; the others say what is wrong with the folder.
    pub fn create(folder: &Path, signer: SignerKey) -> Result<Self, CreateError> {
        let store = Folder::lock(folder).map_err(CreateError::Lock)?;
        let ledger = Self::create_in(Box::new(store), signer)?;
        recover::sync_parent(folder)?;
        Ok(ledger)
    }

    /// Opens a ledger for writing; what a crash left in the journal is published first.
    ///
    /// [`Ledger::recovery`] tells what was found.
    ///
    /// Errors: [`OpenError`]: each says what to do.
    pub fn open(folder: &Path, signer: SignerKey) -> Result<Self, OpenError> {
        // Locking makes the folder, which a mistyped path must not.
        if matches!(std::fs::exists(folder.join(CHECKPOINT)), Ok(false)) {
            return Err(OpenError::NotALedger);
        }
        let store = Folder::lock(folder).map_err(OpenError::Lock)?;
        Self::open_in(Box::new(store), signer)
    }

    /// [`Ledger::create`] in any store.
    pub fn create_in(mut store: Box<dyn Store>, signer: SignerKey) -> Result<Self, CreateError> {
        recover::create(store.as_mut(), &signer)?;
        Self::open_in(store, signer).map_err(CreateError::Open)
    }

    /// [`Ledger::open`] in any store.
    pub fn open_in(store: Box<dyn Store>, signer: SignerKey) -> Result<Self, OpenError> {
        let origin = Arc::from(signer.name());
        let mut ledger = Self {
            store,
            signer,
            origin,
            edge: Edge::default(),
            published: 0,
            checkpoint: Arc::from(""),
            journal: JournalPlace::default(),
            state: State::Stopped,
            durable_folders: BTreeSet::new(),
            unpublished_because: None,
            recovery: Recovery::default(),
            beside: None,
        };
        ledger.reopen()?;
        Ok(ledger)
    }

    /// Writes a batch: after this returns, every entry is durable, in this order, with nothing in between.
    ///
    /// `encode` says how an item is written; the ledger does not look inside. Entries are for ever and for
    /// everybody with access to the log: no personal data belongs in them.
    ///
    /// Shape:  items -> the same items as [`Logged`], same order, indexes in sequence.
    /// Bounds: [`COMMIT_ENTRIES_MAX`] entries, [`COMMIT_BYTES_MAX`] bytes, each 1 to [`ENTRY_BYTES_MAX`].
    /// Errors: [`CommitError::Refused`]: nothing was written; mend the cause and try again.
    ///         [`CommitError::Unknown`]: the batch may or may not be durable; call [`Ledger::reopen`] and look.
    pub fn commit<T>(
        &mut self,
        batch: Vec<T>,
        encode: impl Fn(&T) -> Vec<u8>,
    ) -> Result<Vec<Logged<T>>, CommitError> {
        let entries: Vec<_> = batch.iter().map(encode).collect();
        let places = self.commit_entries(&entries)?;
        self.publish_if_due();
        Ok(batch.into_iter().zip(places).map(|(item, place)| Logged::new(item, place)).collect())
    }

    /// The one way into the log. The order of the steps is the design: see spec/ledger.md section 4.
    pub(crate) fn commit_entries(&mut self, entries: &[Vec<u8>]) -> Result<Vec<Place>, CommitError> {
        if self.state == State::Stopped {
            return Err(CommitError::Refused(Refusal::Stopped));
        }
        check_bounds(entries).map_err(CommitError::Refused)?;
        if entries.is_empty() {
            return Ok(Vec::new());
        }

        // A journal at its bound must be emptied first; the record below names the round it belongs to.
        let bytes: usize = entries.iter().map(|entry| entry.len() + 2).sum();
        if self.journal.offset + bytes as u64 + RECORD_OVERHEAD_BYTES_MAX > JOURNAL_BYTES_MAX {
            let full = |error: PublishError| Refusal::JournalFull { because: error.to_string() };
            self.publish().map_err(|error| CommitError::Refused(full(error)))?;
        }

        // The tree with these entries, on a copy: if the write fails, nothing has happened in memory either.
        let leaves: Vec<_> = entries.iter().map(|entry| leaf_hash(entry)).collect();
        let mut frontier = self.edge.frontier().clone();
        for leaf in &leaves {
            frontier.push(*leaf);
        }
        let signed = Checkpoint::new(&self.origin, frontier.size(), frontier.root())
            .ok()
            .and_then(|checkpoint| checkpoint.sign(&self.signer).ok())
            .ok_or(CommitError::Refused(Refusal::Unsigned))?
            .to_string();
        let first = self.edge.size();
        let record = Record::encode(self.journal.base, first, entries, &signed);

        // Room comes first, because a full disk must be found before anything of the record is written.
        self.make_room(&record).map_err(CommitError::Refused)?;
        let offset = self.journal.offset;
        if let Err(source) = self.store.write(JOURNAL, offset, &record) {
            return Err(self.retract(source));
        }
        if let Err(source) = self.store.sync(JOURNAL) {
            // Whether the record is on the disk is not known, and trying again would not tell.
            self.state = State::Stopped;
            return Err(CommitError::Unknown { source });
        }

        // Acknowledged: from here on a crash loses nothing of this batch, and nothing below can fail it.
        self.journal.offset += record.len() as u64;
        for (entry, leaf) in entries.iter().zip(&leaves) {
            self.edge.grow(entry, *leaf);
        }
        self.checkpoint = Arc::from(signed);
        let place = |(index, leaf)| Place { index, origin: Arc::clone(&self.origin), leaf };
        Ok((first..).zip(leaves).map(place).collect())
    }

    /// Publishes when enough is waiting.
    fn publish_if_due(&mut self) {
        if self.is_due() {
            // A failure is kept in `unpublished_because`: the entries are safe where they are.
            self.publish().ok();
        }
    }

    /// Whether enough is waiting to be published.
    pub(crate) fn is_due(&self) -> bool {
        let JournalPlace { offset, publish_at_bytes, publish_at_size, .. } = self.journal;
        offset >= publish_at_bytes || self.edge.size() >= publish_at_size
    }

    /// The signed checkpoint over everything that is committed.
    pub fn checkpoint(&self) -> Arc<str> {
        Arc::clone(&self.checkpoint)
    }

    /// How many entries are committed.
    pub fn size(&self) -> u64 {
        self.edge.size()
    }

    /// How many of them are published: in tiles, for readers.
    pub fn published(&self) -> u64 {
        self.published
    }

    /// What opening found in the journal.
    pub fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    /// Why the last attempt to publish failed, when it did: most often a full disk.
    pub fn unpublished_because(&self) -> Option<&str> {
        self.unpublished_because.as_deref()
    }

    /// The name of the log.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Proves that a committed entry is in the log, to anybody who has the log's public key.
    ///
    /// Shape:  index -> a proof against [`Ledger::checkpoint`]; its text is a `.tlog-proof` file.
    /// Errors: [`ReadError::OutOfRange`]; the others mean that a published tile was damaged.
    pub fn prove(&self, index: u64) -> Result<TlogProof, ReadError> {
        let size = self.edge.size();
        let ranges =
            mark::merkle::inclusion_ranges(index, size).ok_or(ReadError::OutOfRange { index, size })?;
        let path = node_roots(&ranges, &mut |level, number| match self.edge.hashes(level, number) {
            Some(hashes) => Ok(hashes.to_vec()),
            None => read_hashes(self.store.as_ref(), Tile::of_hashes(level, number, size)),
        })?;
        let checkpoint = mark::note::SignedNote::parse(&self.checkpoint).map_err(|_| ReadError::Damaged {
            file: CHECKPOINT.to_owned(),
            what: "it is not a signed note",
        })?;
        Ok(TlogProof::new(index, path, checkpoint))
    }

    /// Makes the journal long enough for a record; the disk's space is claimed by writing zeros.
    ///
    /// Overwriting claimed space also makes the sync cheaper: no file system bookkeeping rides along.
    fn make_room(&mut self, record: &[u8]) -> Result<(), Refusal> {
        let needed = self.journal.offset + record.len() as u64;
        if needed <= self.journal.allocated {
            return Ok(());
        }
        let doubled = (self.journal.allocated * 2).min(self.journal.allocated + JOURNAL_STEP_BYTES_MAX);
        let length = needed.max(doubled).next_multiple_of(JOURNAL_STEP_BYTES_MIN);
        let zeros = vec![0; usize::try_from(length - self.journal.allocated).unwrap_or(0)];
        match self.store.write(JOURNAL, self.journal.allocated, &zeros) {
            Ok(()) => {
                self.journal.allocated = length;
                Ok(())
            }
            Err(source) => {
                // Zeros past the end are harmless; giving them back is only kind to a full disk.
                self.store.truncate(JOURNAL, self.journal.allocated).ok();
                Err(Refusal::of(source))
            }
        }
    }

    /// After a failed write: makes sure that the record is not there, or admits not to know.
    fn retract(&mut self, source: io::Error) -> CommitError {
        let wiped = self.store.write(JOURNAL, self.journal.offset, &[0; MAGIC.len()]);
        if wiped.and_then(|()| self.store.sync(JOURNAL)).is_ok() {
            CommitError::Refused(Refusal::of(source))
        } else {
            self.state = State::Stopped;
            CommitError::Unknown { source }
        }
    }
}

impl Drop for Ledger {
    /// Waits for what is being published: the next writer must find this one gone.
    fn drop(&mut self) {
        self.end_publishing();
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (size, published) = (self.size(), self.published);
        write!(f, "Ledger({}, {size} entries, {published} published, {:?})", self.origin, self.state)
    }
}

/// Why a batch was not acknowledged: the variant is what the caller does next.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// Nothing was written, now or later: mend the cause and commit again.
    #[error("the ledger refused the batch, nothing was written")]
    Refused(#[source] Refusal),
    /// The batch may be durable or not: stop, reopen, and let recovery look.
    #[error(
        "the ledger cannot tell whether the batch is on the disk: reopen it and look before trying again"
    )]
    Unknown {
        /// What the disk said.
        source: io::Error,
    },
}

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// More entries than one commit takes.
    #[error("{count} entries are more than the {COMMIT_ENTRIES_MAX} of one commit: commit them in parts")]
    TooManyEntries {
        /// How many there were.
        count: usize,
    },
    /// More bytes than one commit takes.
    #[error("{bytes} bytes are more than the {COMMIT_BYTES_MAX} of one commit: commit them in parts")]
    TooManyBytes {
        /// How many there were.
        bytes: usize,
    },
    /// An entry without bytes.
    #[error("entry {position} of the batch is empty")]
    EmptyEntry {
        /// Which one, counted from 0.
        position: usize,
    },
    /// An entry that the format cannot hold.
    #[error(
        "entry {position} of the batch has {bytes} bytes, more than {ENTRY_BYTES_MAX}: log a digest of it instead"
    )]
    EntryTooLong {
        /// Which one, counted from 0.
        position: usize,
        /// How long it is.
        bytes: usize,
    },
    /// No space on the disk.
    #[error("the ledger's disk is full: free some space, then try again; nothing was lost")]
    DiskFull {
        /// What the disk said.
        source: io::Error,
    },
    /// Publishing fails, and the journal has reached its bound.
    #[error(
        "the journal has reached {JOURNAL_BYTES_MAX} bytes because publishing fails ({because}): mend that first"
    )]
    JournalFull {
        /// Why publishing fails.
        because: String,
    },
    /// The disk would not write, and the record was taken back.
    #[error("the ledger's disk refused a write: check the disk, then try again")]
    Write {
        /// What the disk said.
        source: io::Error,
    },
    /// The checkpoint could not be signed.
    #[error("the ledger's key could not sign a checkpoint: check the key")]
    Unsigned,
    /// An earlier commit ended in `Unknown`.
    #[error("the ledger stopped after a failed sync: reopen it")]
    Stopped,
}

impl Refusal {
    fn of(source: io::Error) -> Self {
        if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
            Self::DiskFull { source }
        } else {
            Self::Write { source }
        }
    }
}

fn check_bounds(entries: &[Vec<u8>]) -> Result<(), Refusal> {
    if entries.len() > COMMIT_ENTRIES_MAX {
        return Err(Refusal::TooManyEntries { count: entries.len() });
    }
    let mut total = 0;
    for (position, entry) in entries.iter().enumerate() {
        if entry.is_empty() {
            return Err(Refusal::EmptyEntry { position });
        }
        if entry.len() > ENTRY_BYTES_MAX {
            return Err(Refusal::EntryTooLong { position, bytes: entry.len() });
        }
        total += entry.len() + 2;
    }
    if total > COMMIT_BYTES_MAX {
        return Err(Refusal::TooManyBytes { bytes: total });
    }
    Ok(())
}

/// The most entries of one commit.
pub const COMMIT_ENTRIES_MAX: usize = 4096;
/// The most bytes of one commit, counting two for the length of each entry: 256 entries of any size fit.
pub const COMMIT_BYTES_MAX: usize = 256 * (ENTRY_BYTES_MAX + 2);
/// A commit publishes when this many entries are waiting.
pub const PUBLISH_ENTRIES: u64 = 16_384;
/// A commit publishes when the journal's round is this long.
pub const PUBLISH_BYTES: u64 = 8 << 20;
/// The longest journal; only reached when publishing fails.
pub const JOURNAL_BYTES_MAX: u64 = 32 << 20;
/// The longest journal that is read: past its bound by what the claiming of space may add.
pub(crate) const JOURNAL_READ_BYTES_MAX: usize = (32 << 20) + 2 * COMMIT_BYTES_MAX;

/// Header, checkpoint and seal of a record.
const RECORD_OVERHEAD_BYTES_MAX: u64 = 4096;
/// How long a new journal is, and the least it grows by.
pub(crate) const JOURNAL_STEP_BYTES_MIN: u64 = 64 << 10;
const JOURNAL_STEP_BYTES_MAX: u64 = 4 << 20;
