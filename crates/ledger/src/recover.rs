//! Making and opening a ledger: what a crash left is found, checked, and brought in as a commit would.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use mark::checkpoint::{Checkpoint, OpenError as NotOpened};
use mark::digest::sha256;
use mark::merkle::leaf_hash;
use mark::note::{SignedNote, SignerKey, VerifierKey, VerifyError};

use crate::commit::{
    JOURNAL_READ_BYTES_MAX, JOURNAL_STEP_BYTES_MIN, JournalPlace, Ledger, PUBLISH_BYTES, PUBLISH_ENTRIES,
    State,
};
use crate::edge::Edge;
use crate::folder::LockError;
use crate::journal::{MAGIC, Tail, read_round};
use crate::layout::{CHECKPOINT, CHECKPOINT_BYTES_MAX, JOURNAL, JOURNAL_TORN, TILE_WIDTH, Tile, count_at};
use crate::publish::PublishError;
use crate::store::{Store, place};
use crate::tiles::{ReadError, read_bundle, read_hashes};

/// Puts the checkpoint of the empty log into an empty store.
pub(crate) fn create(store: &mut dyn Store, signer: &SignerKey) -> Result<(), CreateError> {
    match store.length(CHECKPOINT) {
        Ok(_) => return Err(CreateError::AlreadyThere),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(source) => return Err(CreateError::Io { source }),
    }
    // A ledger that ever committed has a record at the start of its journal, and it may be the only copy.
    match store.read(JOURNAL, JOURNAL_READ_BYTES_MAX) {
        Ok(journal) if journal.starts_with(MAGIC) => return Err(CreateError::JournalLeft),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(source) => return Err(CreateError::Io { source }),
    }
    let empty = Checkpoint::new(signer.name(), 0, sha256(&[])).ok();
    let note = empty.and_then(|checkpoint| checkpoint.sign(signer).ok()).ok_or(CreateError::Unsigned)?;
    let failed = |source| CreateError::Io { source };
    // The journal first, with its name made durable together with the checkpoint's: a commit syncs bytes, and
    // bytes under a name that a crash forgets are lost.
    let zeros = vec![0; usize::try_from(JOURNAL_STEP_BYTES_MIN).unwrap_or(0)];
    store.write(JOURNAL, 0, &zeros).map_err(failed)?;
    store.sync(JOURNAL).map_err(failed)?;
    store.sync_folder("").map_err(failed)?;
    place(store, CHECKPOINT, note.to_string().as_bytes()).map_err(failed)?;
    store.sync_folder("").map_err(failed)
}

/// Makes the name of the ledger's own folder durable.
pub(crate) fn sync_parent(folder: &Path) -> Result<(), CreateError> {
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let synced = std::fs::File::open(parent).and_then(|opened| opened.sync_all());
    synced.map_err(|source| CreateError::Io { source })
}

impl Ledger {
    /// Looks at the disk afresh: after [`crate::CommitError::Unknown`], or when first opened.
    ///
    /// What the journal holds is brought in by the same calls that commit and publish use, and published at
    /// once: after a failed sync the journal's bytes may be in memory only, so they are written anew.
    ///
    /// Errors: as [`Ledger::open`]; the ledger stays stopped and this can be called again.
    pub fn reopen(&mut self) -> Result<(), OpenError> {
        self.end_publishing();
        self.state = State::Stopped;
        self.store.forget();
        self.durable_folders.clear();
        let verifier = self.signer.verifier().clone();

        // The names that are seen may be in memory only, if a crash or a failed sync came between: what is
        // about to be believed is made durable first.
        self.store.sync_folder("").map_err(|source| OpenError::Io { file: ".".to_owned(), source })?;

        // 1. What is published.
        let (text, checkpoint) = read_checkpoint(self.store.as_ref(), &verifier)?;
        let published = checkpoint.size();
        let mut edge = read_edge(self.store.as_ref(), &checkpoint)?;

        // 2. What was committed since: every good record of the journal's round.
        let journal = self.read_journal()?;
        let round = read_round(&journal, published, &verifier);
        if let Tail::Damaged(offset) = round.tail {
            return Err(OpenError::JournalDamaged { offset: round.length, good: round.length + offset });
        }
        let mut latest = text;
        for record in &round.records {
            if record.base > published {
                return Err(OpenError::CheckpointTooOld { published, base: record.base });
            }
            if record.end() <= published {
                continue;
            }
            for (index, entry) in (record.first..).zip(&record.entries) {
                if index >= published {
                    edge.grow(entry, leaf_hash(entry));
                }
            }
            let signed = Checkpoint::open(record.checkpoint, std::slice::from_ref(&verifier));
            if !signed.is_ok_and(|signed| signed.size() == edge.size() && *signed.root() == edge.root()) {
                return Err(OpenError::JournalForeign { first: record.first });
            }
            record.checkpoint.clone_into(&mut latest);
        }
        let recovered = edge.size() - published;
        let (tail, torn_at) = (round.tail, round.length);
        drop(round);

        // 3. A record that was cut short was never acknowledged. It is kept aside for whoever investigates.
        let torn = match tail {
            Tail::Torn => Some(self.set_aside(&journal, torn_at)?),
            Tail::Clean | Tail::Damaged(_) => None,
        };

        // 4. From here on, as if it had just been committed.
        self.edge = edge;
        self.published = published;
        self.checkpoint = Arc::from(latest);
        self.journal = JournalPlace {
            base: published,
            offset: 0,
            allocated: journal.len() as u64,
            publish_at_bytes: PUBLISH_BYTES,
            publish_at_size: published + PUBLISH_ENTRIES,
        };
        self.recovery = Recovery { entries: recovered, torn_bytes: torn };
        self.state = State::Open;
        if let Err(error) = self.publish() {
            // Not open: the journal must not be written over before its entries are elsewhere.
            self.state = State::Stopped;
            return Err(OpenError::Publish(error));
        }
        Ok(())
    }

    fn read_journal(&self) -> Result<Vec<u8>, OpenError> {
        match self.store.read(JOURNAL, JOURNAL_READ_BYTES_MAX) {
            Ok(bytes) => Ok(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(OpenError::JournalMissing),
            Err(source) => Err(OpenError::Read(ReadError::Io { file: JOURNAL.to_owned(), source })),
        }
    }

    /// Copies the torn record to its own file, then wipes its header, so that it is found once only.
    fn set_aside(&mut self, journal: &[u8], at: usize) -> Result<usize, OpenError> {
        let rest = journal.get(at..).unwrap_or_default();
        let zeros = rest.iter().rev().take_while(|byte| **byte == 0).count();
        let torn = rest.get(..rest.len() - zeros).unwrap_or_default();
        let offset = at as u64;
        let kept = place(self.store.as_mut(), JOURNAL_TORN, torn)
            .and_then(|()| self.store.sync_folder(""))
            .and_then(|()| self.store.write(JOURNAL, offset, &[0; MAGIC.len()]))
            .and_then(|()| self.store.sync(JOURNAL));
        kept.map_err(|source| OpenError::Io { file: JOURNAL_TORN.to_owned(), source })?;
        Ok(torn.len())
    }
}

/// The checkpoint on the disk, if this key signed it.
fn read_checkpoint(store: &dyn Store, key: &VerifierKey) -> Result<(String, Checkpoint), OpenError> {
    let bytes = match store.read(CHECKPOINT, CHECKPOINT_BYTES_MAX) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(OpenError::NotALedger),
        Err(source) => return Err(OpenError::Read(ReadError::Io { file: CHECKPOINT.to_owned(), source })),
    };
    let damaged = |what| OpenError::Read(ReadError::Damaged { file: CHECKPOINT.to_owned(), what });
    let text = String::from_utf8(bytes).map_err(|_| damaged("it is not text"))?;
    match Checkpoint::open(&text, std::slice::from_ref(key)) {
        Ok(checkpoint) => Ok((text, checkpoint)),
        Err(NotOpened::Signature(VerifyError::Untrusted)) => Err(wrong_key(&text, key)),
        Err(NotOpened::Signature(VerifyError::Forged { .. })) => {
            Err(damaged("its signature does not fit its text"))
        }
        Err(NotOpened::Note(_) | NotOpened::Body(_)) => Err(damaged("it is not a signed checkpoint")),
    }
}

fn wrong_key(text: &str, key: &VerifierKey) -> OpenError {
    let note = SignedNote::parse(text);
    let signers = note.iter().flat_map(SignedNote::signatures);
    let signed_by: Vec<_> =
        signers.map(|signature| format!("{}+{}", signature.name(), signature.id())).collect();
    OpenError::WrongKey { given: format!("{}+{}", key.name(), key.id()), signed_by: signed_by.join(", ") }
}

/// The right edge of the published tree, checked against its checkpoint.
fn read_edge(store: &dyn Store, checkpoint: &Checkpoint) -> Result<Edge, OpenError> {
    let size = checkpoint.size();
    let mut levels = Vec::new();
    for level in (0..8).take_while(|level| count_at(*level, size) > 0) {
        let count = count_at(level, size);
        let hashes = if count.is_multiple_of(TILE_WIDTH) {
            Vec::new()
        } else {
            read_hashes(store, Tile::of_hashes(level, count / TILE_WIDTH, size)).map_err(OpenError::Read)?
        };
        levels.push(hashes);
    }
    let bundle = if size.is_multiple_of(TILE_WIDTH) {
        Vec::new()
    } else {
        read_bundle(store, size / TILE_WIDTH, size).map_err(OpenError::Read)?
    };
    Edge::from_tiles(size, levels, bundle)
        .filter(|edge| edge.root() == *checkpoint.root())
        .ok_or(OpenError::RootDiffers { size })
}

/// What opening a ledger found in its journal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Entries that were committed and not yet published.
    pub entries: u64,
    /// The length of a record that a crash cut short, now in `journal.torn`; it was never acknowledged.
    pub torn_bytes: Option<usize>,
}

impl fmt::Display for Recovery {
    /// One sentence for the log of the program.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.entries {
            0 => write!(f, "the ledger was closed in order")?,
            count => write!(f, "{count} committed entries were recovered from the journal and published")?,
        }
        if let Some(bytes) = self.torn_bytes {
            write!(
                f,
                "; a write of {bytes} bytes was cut short before it was acknowledged and is kept in `journal.torn`"
            )?;
        }
        Ok(())
    }
}

/// Why there is no new ledger.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// There is one already, and it was not touched.
    #[error("there is a ledger here already: open it, or choose another folder")]
    AlreadyThere,
    /// The checkpoint of an older ledger is gone, and its journal is not.
    #[error(
        "there is a journal with entries here and no `checkpoint`: restore the checkpoint from a backup, or choose \
         another folder"
    )]
    JournalLeft,
    /// Another writer, or a folder that cannot be used.
    #[error("the folder cannot be used for a ledger")]
    Lock(#[source] LockError),
    /// The disk would not write.
    #[error("cannot write the first checkpoint: check that the disk is writable and has space")]
    Io {
        /// What the disk said.
        source: io::Error,
    },
    /// The key cannot sign.
    #[error("the key could not sign the first checkpoint: check the key")]
    Unsigned,
    /// It was made and cannot be opened.
    #[error("the new ledger cannot be opened")]
    Open(#[source] OpenError),
}

/// Why a ledger cannot be written to.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// No checkpoint in the folder.
    #[error("there is no ledger here (no `checkpoint` file): check the path, or make one first")]
    NotALedger,
    /// Another writer, or a folder that cannot be used.
    #[error("the ledger cannot be locked for writing")]
    Lock(#[source] LockError),
    /// The ledger belongs to another key.
    #[error(
        "this ledger was signed by {signed_by}, and the key given is {given}: use the ledger's own key; a log \
         never changes hands"
    )]
    WrongKey {
        /// Name and id of the key given.
        given: String,
        /// Names and ids of those who signed.
        signed_by: String,
    },
    /// A published file is missing, damaged or unreadable.
    #[error("what is published cannot be read")]
    Read(#[source] ReadError),
    /// The last tiles are not those of the checkpoint.
    #[error(
        "the tiles at the end of the {size} published entries do not lead to the checkpoint's root: verify the \
         ledger to find the damaged file, and restore it from a backup"
    )]
    RootDiffers {
        /// The checkpoint's size.
        size: u64,
    },
    /// A record of the journal is damaged, and good ones follow: acknowledged entries would be lost.
    #[error(
        "the journal is damaged at byte {offset}, and a good record follows at byte {good}: this is not a crash but \
         a failing disk or a changed file; restore `journal` from a backup, do not delete it, it holds \
         acknowledged entries"
    )]
    JournalDamaged {
        /// Where the damage starts.
        offset: usize,
        /// Where the next good record starts.
        good: usize,
    },
    /// There is no journal, and every ledger has one.
    #[error(
        "`journal` is missing, and may have held acknowledged entries: restore it from a backup; only if this is \
         a copy of a ledger that was closed in order, make an empty file of that name"
    )]
    JournalMissing,
    /// A record of the journal does not belong to this tree.
    #[error(
        "the journal's record from entry {first} does not continue this log: `journal` and the tiles are of \
         different moments; restore the whole folder from one backup"
    )]
    JournalForeign {
        /// The record's first index.
        first: u64,
    },
    /// The journal continues a longer log.
    #[error(
        "the journal continues from entry {base}, and the checkpoint ends at {published}: an older checkpoint was \
         put back; restore the whole folder from one backup"
    )]
    CheckpointTooOld {
        /// The checkpoint's size.
        published: u64,
        /// Where the journal begins.
        base: u64,
    },
    /// What was recovered cannot be published; it is still in the journal.
    #[error("recovered entries cannot be published")]
    Publish(#[source] PublishError),
    /// The disk would not write.
    #[error("cannot write `{file}`: free disk space or check the disk")]
    Io {
        /// The file, relative to the ledger's folder.
        file: String,
        /// What the disk said.
        source: io::Error,
    },
}
