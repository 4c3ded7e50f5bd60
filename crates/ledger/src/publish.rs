//! Publishing: from the journal into tiles, and the checkpoint last.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use crate::commit::{JOURNAL_BYTES_MAX, JournalPlace, Ledger, PUBLISH_BYTES, PUBLISH_ENTRIES, State};
use crate::layout::{CHECKPOINT, Tile, TileKind};
use crate::store::{Store, place, stage};

impl Ledger {
    /// Writes everything committed into tiles and moves the checkpoint: from then on readers see it.
    ///
    /// The order is the promise that `checkpoint` never names a tree whose tiles are not there. A crash or a
    /// failure anywhere leaves the old checkpoint or the new one, and the journal still holds the entries
    /// until the new one is durable; so this can simply be called again.
    ///
    /// Errors: [`PublishError`]: nothing is lost, commits go on until the journal is full; mend and try again.
    pub fn publish(&mut self) -> Result<(), PublishError> {
        // Two at a time could put an older checkpoint over a newer one.
        self.end_publishing();
        if self.state == State::Stopped {
            return Err(PublishError::Stopped);
        }
        if self.edge.size() == self.published {
            return Ok(());
        }
        let mut publication = self.publication();
        let outcome = publication.write_out(self.store.as_mut());
        self.take_in(publication, outcome)
    }

    /// As [`Ledger::publish`], on a thread of its own while commits go on, if the store can do that; it takes until
    /// [`Ledger::is_publishing`] says so, or one of the others is called.
    ///
    /// What is committed meanwhile stays in the journal, whose round goes on.
    pub fn publish_beside(&mut self) {
        if self.beside.is_some() || self.state == State::Stopped || self.edge.size() == self.published {
            return;
        }
        let Some(mut store) = self.store.beside() else {
            // A failure is kept in `unpublished_because`: the entries are safe where they are.
            self.publish().ok();
            return;
        };
        let mut publication = self.publication();
        let run = move || {
            let outcome = publication.write_out(store.as_mut());
            (publication, outcome)
        };
        match std::thread::Builder::new().name("publish".to_owned()).spawn(run) {
            Ok(thread) => self.beside = Some(thread),
            Err(_) => drop(self.publish()),
        }
    }

    /// Whether [`Ledger::publish_beside`] is at work; when it has just ended, what it did is taken in.
    pub fn is_publishing(&mut self) -> bool {
        if self.beside.as_ref().is_some_and(JoinHandle::is_finished) {
            self.end_publishing();
            if self.journal.offset >= JOURNAL_BYTES_LONG {
                // Little is left by now, and once that is published too the journal begins anew.
                self.publish().ok();
            }
        }
        self.beside.is_some()
    }

    /// Waits for what goes on beside.
    pub(crate) fn end_publishing(&mut self) {
        if let Some(thread) = self.beside.take() {
            match thread.join() {
                Ok((publication, outcome)) => drop(self.take_in(publication, outcome)),
                // The old checkpoint or the new one is there, and the journal has everything: as after a crash.
                Err(_) => self.state = State::Stopped,
            }
        }
    }

    /// Everything that is committed and not published, as of now.
    fn publication(&self) -> Publication {
        Publication {
            size: self.edge.size(),
            files: self.edge.files_since(self.published),
            checkpoint: Arc::clone(&self.checkpoint),
            durable_folders: self.durable_folders.clone(),
        }
    }

    /// Makes of what was written out what is published.
    fn take_in(
        &mut self,
        publication: Publication,
        outcome: Result<(), PublishError>,
    ) -> Result<(), PublishError> {
        let Publication { size, durable_folders, .. } = publication;
        self.durable_folders = durable_folders;
        self.journal.publish_at_bytes = self.journal.offset + PUBLISH_BYTES;
        match &outcome {
            Ok(()) => {
                self.unpublished_because = None;
                self.published = size;
                self.journal.publish_at_size = size + PUBLISH_ENTRIES;
                self.edge.forget_published(size);
            }
            Err(error) => {
                let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
                self.unpublished_because = Some(format!("{error}{}", cause.unwrap_or_default()));
                // Not at every commit from now on: a full disk does not mend in a millisecond.
                self.journal.publish_at_size = self.edge.size() + PUBLISH_ENTRIES;
            }
        }
        // Only where all of it is published the journal may be written over.
        if outcome.is_ok() && size == self.edge.size() {
            self.journal =
                JournalPlace { base: size, offset: 0, publish_at_bytes: PUBLISH_BYTES, ..self.journal };
        }
        outcome
    }
}

/// What a tree has that the published one had not, and the checkpoint that names it.
pub(crate) struct Publication {
    size: u64,
    files: Vec<(Tile, Arc<Vec<u8>>)>,
    checkpoint: Arc<str>,
    /// Folders whose names are durable.
    durable_folders: BTreeSet<String>,
}

impl Publication {
    fn write_out(&mut self, store: &mut dyn Store) -> Result<(), PublishError> {
        // 1. Tiles and bundles, each whole and durable before its name is. A crash here leaves files that no
        //    checkpoint names; the next attempt writes the same bytes again.
        let failed = |file: &str| {
            let file = file.to_owned();
            move |source| PublishError::Io { file, source }
        };
        let mut folders = BTreeSet::new();
        for some in self.files.chunks(FILES_AT_ONCE) {
            let mut staged = Vec::with_capacity(some.len());
            for (tile, bytes) in some {
                let path = tile.path();
                staged.push(stage(store, &path, bytes).map_err(failed(&path))?);
                let mut folder = path.as_str();
                // The folder itself always; those above only until their own names are known to be durable.
                while let Some((parent, _)) = folder.rsplit_once('/') {
                    folders.insert(parent.to_owned());
                    folder = parent;
                    if self.durable_folders.contains(folder) {
                        break;
                    }
                }
            }
            store.sync_all(&staged).map_err(failed("tile"))?;
            for ((tile, _), temporary) in some.iter().zip(&staged) {
                let path = tile.path();
                store.rename(temporary, &path).map_err(failed(&path))?;
            }
        }
        // 2. The names of those files.
        for folder in &folders {
            store.sync_folder(folder).map_err(failed(folder))?;
        }
        store.sync_folder("").map_err(failed("."))?;
        self.durable_folders.extend(folders);

        // 3. The checkpoint. A crash before the folder is synced leaves the old or the new one: both have
        //    their tiles, and the journal still has the difference.
        place(store, CHECKPOINT, self.checkpoint.as_bytes()).map_err(failed(CHECKPOINT))?;
        store.sync_folder("").map_err(failed("."))?;

        // 4. Only now what they replace may go.
        self.remove_partial_tiles(store);
        Ok(())
    }

    /// Partial tiles and bundles whose full one is published: the specification lets us delete them.
    fn remove_partial_tiles(&mut self, store: &mut dyn Store) {
        for tile in self.files.iter().map(|(tile, _)| *tile).filter(Tile::is_full) {
            // Space only: what cannot be removed is ignored by every reader.
            let folder = Tile { kind: tile.kind, ..tile }.partial_folder();
            if matches!(tile.kind, TileKind::Entries | TileKind::Hashes(_))
                && store.remove_folder(&folder).is_ok()
            {
                self.durable_folders.remove(&folder);
            }
        }
    }
}

/// A journal of this length begins anew when a publication beside it has ended: long before it is full.
const JOURNAL_BYTES_LONG: u64 = JOURNAL_BYTES_MAX / 2;

/// How many files are written, synced together and moved into place at a time; each is open meanwhile.
const FILES_AT_ONCE: usize = 128;

/// Why nothing new was published. Committed entries are safe in the journal.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The disk would not write one of the files.
    #[error(
        "cannot publish `{file}`: free disk space or check the disk; committed entries are safe in the journal"
    )]
    Io {
        /// The file or folder, relative to the ledger's folder.
        file: String,
        /// What the disk said.
        source: io::Error,
    },
    /// An earlier commit ended in `Unknown`.
    #[error("the ledger stopped after a failed sync: reopen it")]
    Stopped,
}
