//! The folder of the one writer: its lock, and the steps after which a crash can come.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::additions::WriteError;
use crate::layout::LOCK;

/// A folder that nobody else writes to while this value lives.
#[derive(Debug)]
pub(crate) struct Folder {
    root: PathBuf,
    _lock: WriterLock,
    /// How many more steps work: a test's way to stop a writer anywhere.
    #[cfg(test)]
    pub(crate) steps_left: Option<usize>,
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
    /// Makes the folder if it is not there.
    ///
    /// Never: waits for another writer.
    pub(crate) fn lock(root: &Path) -> Result<Self, WriteError> {
        let failed = |step| move |source| WriteError::Io { step, path: root.to_owned(), source };
        if !std::fs::exists(root).map_err(failed("look for"))? {
            std::fs::create_dir_all(root).map_err(failed("make"))?;
            let parent = root.parent().filter(|parent| !parent.as_os_str().is_empty());
            sync_folder(parent.unwrap_or_else(|| Path::new("."))).map_err(failed("sync the folder of"))?;
        }
        let lock = OpenOptions::new().create(true).append(true).open(root.join(LOCK));
        let lock = lock.map_err(failed("open `lock` in"))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                root: root.to_owned(),
                _lock: WriterLock(lock),
                #[cfg(test)]
                steps_left: None,
            }),
            Err(TryLockError::WouldBlock) => Err(WriteError::Held { folder: root.to_owned() }),
            Err(TryLockError::Error(source)) => Err(failed("lock")(source)),
        }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn create(&mut self, name: &str) -> Result<File, WriteError> {
        self.step("make", name, |path| {
            OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)
        })
    }

    pub(crate) fn open(&mut self, name: &str) -> Result<File, WriteError> {
        self.step("open", name, |path| File::open(path))
    }

    pub(crate) fn sync(&mut self, name: &str, file: &File) -> Result<(), WriteError> {
        self.step("sync", name, |_| file.sync_all())
    }

    pub(crate) fn rename(&mut self, from: &str, to: &str) -> Result<(), WriteError> {
        let to = self.root.join(to);
        self.step("move into place", from, |path| std::fs::rename(path, to))
    }

    /// A file that is not there is fine.
    pub(crate) fn remove(&mut self, name: &str) -> Result<(), WriteError> {
        self.step("remove", name, |path| match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        })
    }

    pub(crate) fn sync_names(&mut self) -> Result<(), WriteError> {
        self.step("sync the folder", "", sync_folder)
    }

    /// The names of what is in the folder.
    pub(crate) fn names(&mut self) -> Result<Vec<String>, WriteError> {
        self.step("list", "", |path| {
            let names = std::fs::read_dir(path)?.map(|entry| Ok(entry?.file_name().into_string()));
            // A name that is not text is none of ours.
            let names: io::Result<Vec<_>> = names.collect();
            Ok(names?.into_iter().flatten().collect())
        })
    }

    /// Runs one step; its failure says which it was.
    pub(crate) fn step<T>(
        &mut self,
        step: &'static str,
        name: &str,
        act: impl FnOnce(&Path) -> io::Result<T>,
    ) -> Result<T, WriteError> {
        let path = if name.is_empty() { self.root.clone() } else { self.root.join(name) };
        #[cfg(test)]
        if let Some(left) = &mut self.steps_left {
            match left.checked_sub(1) {
                Some(fewer) => *left = fewer,
                None => return Err(WriteError::Io { step, path, source: io::Error::other("told to stop") }),
            }
        }
        act(&path).map_err(|source| WriteError::Io { step, path, source })
    }
}

fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_of_the_lock_keeps_nobody_out_once_its_writer_is_gone() {
        let place = tempfile::tempdir().unwrap();
        let file = OpenOptions::new().create(true).append(true).open(place.path().join(LOCK)).unwrap();
        file.try_lock().unwrap();
        // As a process that is being started holds it, until it runs its program.
        let _copy = file.try_clone().unwrap();
        let writer = WriterLock(file);
        assert!(matches!(Folder::lock(place.path()), Err(WriteError::Held { .. })));
        drop(writer);
        Folder::lock(place.path()).unwrap();
    }
}
