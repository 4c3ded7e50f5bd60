//! A ledger's folder on a real disk, and the lock that keeps it to one writer.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::layout::LOCK;
use crate::store::Store;

/// A folder as a [`Store`].
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
    /// Files being written: the journal stays here, others until they are moved into place.
    open: BTreeMap<String, File>,
    /// A reader has none.
    lock: Option<Arc<WriterLock>>,
}

/// The lock of the one writer; whoever drops it lets the next one in, at once.
#[derive(Debug)]
struct WriterLock(File);

impl Drop for WriterLock {
    fn drop(&mut self) {
        // Closing is not enough: a process that is just being started holds a copy of every open file for a moment, and
        // with it the lock. What cannot be unlocked is unlocked by closing.
        let _unlocked = self.0.unlock();
    }
}

impl Folder {
    /// The folder for the one writer; it is made if it is not there.
    ///
    /// Errors: [`LockError::Held`]: somebody else writes here; [`LockError::Io`]: the folder cannot be used.
    /// Never:  waits for the other writer.
    pub fn lock(root: &Path) -> Result<Self, LockError> {
        let failed = |step| move |source| LockError::Io { step, folder: root.to_owned(), source };
        std::fs::create_dir_all(root).map_err(failed("make"))?;
        let path = root.join(LOCK);
        let lock =
            OpenOptions::new().create(true).append(true).open(path).map_err(failed("open `lock` in"))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                root: root.to_owned(),
                open: BTreeMap::new(),
                lock: Some(Arc::new(WriterLock(lock))),
            }),
            Err(TryLockError::WouldBlock) => Err(LockError::Held { folder: root.to_owned() }),
            Err(TryLockError::Error(source)) => Err(failed("lock")(source)),
        }
    }

    /// The folder for a reader, which needs no lock: what is published never changes.
    ///
    /// Never: writes; the writing methods fail.
    pub fn look(root: &Path) -> Self {
        Self { root: root.to_owned(), open: BTreeMap::new(), lock: None }
    }

    fn opened(&mut self, path: &str) -> io::Result<&mut File> {
        if self.lock.is_none() {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                "this folder was opened for reading",
            ));
        }
        // Looked up twice because a map entry would need the name owned on every write.
        if !self.open.contains_key(path) {
            let place = self.root.join(path);
            if let Some(folder) = place.parent() {
                std::fs::create_dir_all(folder)?;
            }
            let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(place)?;
            self.open.insert(path.to_owned(), file);
        }
        self.open.get_mut(path).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }
}

impl Store for Folder {
    fn beside(&self) -> Option<Box<dyn Store>> {
        Some(Box::new(Self { root: self.root.clone(), open: BTreeMap::new(), lock: self.lock.clone() }))
    }

    fn read(&self, path: &str, limit: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let bound = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        File::open(self.root.join(path))?.take(bound).read_to_end(&mut bytes)?;
        if bytes.len() > limit {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        Ok(bytes)
    }

    fn length(&self, path: &str) -> io::Result<u64> {
        Ok(std::fs::metadata(self.root.join(path))?.len())
    }

    fn list(&self, folder: &str, limit: usize) -> io::Result<Vec<String>> {
        let entries = match std::fs::read_dir(self.root.join(folder)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut names = Vec::new();
        for entry in entries {
            if names.len() >= limit {
                return Err(io::Error::from(io::ErrorKind::FileTooLarge));
            }
            // A name that is not text is none of ours.
            names.extend(entry?.file_name().into_string().ok());
        }
        names.sort();
        Ok(names)
    }

    fn write(&mut self, path: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let file = self.opened(path)?;
        file.seek(SeekFrom::Start(offset))?;
        file.write_all(bytes)
    }

    fn truncate(&mut self, path: &str, length: u64) -> io::Result<()> {
        self.opened(path)?.set_len(length)
    }

    fn sync(&mut self, path: &str) -> io::Result<()> {
        self.opened(path)?.sync_data()
    }

    fn sync_all(&mut self, paths: &[String]) -> io::Result<()> {
        for path in paths {
            self.opened(path)?;
        }
        let files: Vec<&File> = paths.iter().filter_map(|path| self.open.get(path)).collect();
        let share = files.len().div_ceil(SYNC_THREADS_MAX).max(1);
        std::thread::scope(|scope| {
            let sync = |share: &[&File]| share.iter().try_for_each(|file| file.sync_data());
            let threads: Vec<_> = files.chunks(share).map(|share| scope.spawn(move || sync(share))).collect();
            threads.into_iter().try_for_each(|thread| {
                thread.join().unwrap_or_else(|_| Err(io::Error::other("a thread that syncs has panicked")))
            })
        })
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.open.remove(from);
        self.open.remove(to);
        std::fs::rename(self.root.join(from), self.root.join(to))
    }

    fn remove_folder(&mut self, path: &str) -> io::Result<()> {
        match std::fs::remove_dir_all(self.root.join(path)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn sync_folder(&mut self, path: &str) -> io::Result<()> {
        File::open(self.root.join(path))?.sync_all()
    }

    fn forget(&mut self) {
        self.open.clear();
    }
}

/// They wait for the disk, not for each other.
const SYNC_THREADS_MAX: usize = 16;

/// Why a folder cannot be written to.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process, or another part of this one, has the ledger open for writing.
    #[error(
        "another process writes in `{}`: stop it first, or give this one a folder of its own (every writer has \
         its own)", folder.display()
    )]
    Held {
        /// The ledger's folder.
        folder: PathBuf,
    },
    /// The folder itself cannot be used.
    #[error("cannot {step} `{}`: check that it exists on a writable disk and belongs to this user", folder.display())]
    Io {
        /// What was tried.
        step: &'static str,
        /// The ledger's folder.
        folder: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_of_the_lock_keeps_nobody_out_once_its_writer_is_gone() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::lock(place.path()).unwrap();
        // As a process that is being started holds it, until it runs its program.
        let _copy = folder.lock.as_ref().unwrap().0.try_clone().unwrap();
        assert!(matches!(Folder::lock(place.path()), Err(LockError::Held { .. })));
        drop(folder);
        Folder::lock(place.path()).unwrap();
    }
}
