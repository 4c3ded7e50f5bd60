//! Publishing: from the journal into tiles, and the checkpoint last.

use std::collections::BTreeSet;
use std::io;

use crate::commit::{JournalPlace, Ledger, PUBLISH_BYTES, PUBLISH_ENTRIES, State};
use crate::layout::{CHECKPOINT, Tile, TileKind};
use crate::store::{place, stage};

impl Ledger {
    /// Writes everything committed into tiles and moves the checkpoint: from then on readers see it.
    ///
    /// The order is the promise that `checkpoint` never names a tree whose tiles are not there. A crash or a
    /// failure anywhere leaves the old checkpoint or the new one, and the journal still holds the entries
    /// until the new one is durable; so this can simply be called again.
    ///
    /// Errors: [`PublishError`]: nothing is lost, commits go on until the journal is full; mend and try again.
    pub fn publish(&mut self) -> Result<(), PublishError> {
        if self.state == State::Stopped {
            return Err(PublishError::Stopped);
        }
        let outcome = self.publish_steps();
        match &outcome {
            Ok(()) => {
                self.unpublished_because = None;
            }
            Err(error) => {
                let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
                self.unpublished_because = Some(format!("{error}{}", cause.unwrap_or_default()));
                // Not at every commit from now on: a full disk does not mend in a millisecond.
                self.journal.publish_at_size = self.edge.size() + PUBLISH_ENTRIES;
                self.journal.publish_at_bytes = self.journal.offset + PUBLISH_BYTES;
            }
        }
        outcome
    }

    fn publish_steps(&mut self) -> Result<(), PublishError> {
        let size = self.edge.size();
        if size == self.published {
            return Ok(());
        }
        // 1. Tiles and bundles, each whole and durable before its name is. A crash here leaves files that no
        //    checkpoint names; the next attempt writes the same bytes again.
        let failed = |file: &str| {
            let file = file.to_owned();
            move |source| PublishError::Io { file, source }
        };
        let files = self.edge.files_since(self.published);
        let mut folders = BTreeSet::new();
        for some in files.chunks(FILES_AT_ONCE) {
            let mut staged = Vec::with_capacity(some.len());
            for (tile, bytes) in some {
                let path = tile.path();
                staged.push(stage(self.store.as_mut(), &path, bytes).map_err(failed(&path))?);
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
            self.store.sync_all(&staged).map_err(failed("tile"))?;
            for ((tile, _), temporary) in some.iter().zip(&staged) {
                let path = tile.path();
                self.store.rename(temporary, &path).map_err(failed(&path))?;
            }
        }
        // 2. The names of those files.
        for folder in &folders {
            self.store.sync_folder(folder).map_err(failed(folder))?;
        }
        self.store.sync_folder("").map_err(failed("."))?;
        self.durable_folders.extend(folders);

        // 3. The checkpoint. A crash before the folder is synced leaves the old or the new one: both have
        //    their tiles, and the journal still has the difference.
        place(self.store.as_mut(), CHECKPOINT, self.checkpoint.as_bytes()).map_err(failed(CHECKPOINT))?;
        self.store.sync_folder("").map_err(failed("."))?;

        // 4. Only now the journal may be written over, and the full tiles forgotten.
        self.published = size;
        self.journal = JournalPlace {
            base: size,
            offset: 0,
            allocated: self.journal.allocated,
            publish_at_bytes: PUBLISH_BYTES,
            publish_at_size: size + PUBLISH_ENTRIES,
        };
        self.edge.forget_published();
        self.remove_partial_tiles(files.iter().map(|(tile, _)| *tile));
        Ok(())
    }

    /// Partial tiles and bundles whose full one is published: the specification lets us delete them.
    fn remove_partial_tiles(&mut self, published: impl Iterator<Item = Tile>) {
        for tile in published.filter(Tile::is_full) {
            // Space only: what cannot be removed is ignored by every reader.
            let folder = Tile { kind: tile.kind, ..tile }.partial_folder();
            if matches!(tile.kind, TileKind::Entries | TileKind::Hashes(_))
                && self.store.remove_folder(&folder).is_ok()
            {
                self.durable_folders.remove(&folder);
            }
        }
    }
}

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
