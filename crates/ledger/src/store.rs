//! What a ledger asks of a disk: a dozen small operations, with what each promises and what it does not.

use std::fmt;
use std::io;

/// Files in one folder that only one writer changes.
///
/// Two implementations: [`crate::Folder`], and the disk that fails on demand in `testkit`.
///
/// - Paths are relative, with `/` between, and made by this crate.
/// - `write`, `truncate`, `rename` and `remove_folder` promise nothing about a crash: what was not synced may
///   be there, be gone, or be there in part. An operation that returned an error may still have happened.
/// - `sync` promises that what was written to this file before it is on the disk; `sync_folder` promises it
///   of names (files created, renamed, removed) directly in this folder.
/// - After a failed `sync` nothing is known of what was written since the one before, and a later
///   `sync` that succeeds says nothing of it either (Linux drops the dirty pages): it must be written again.
/// - Retries are the caller's; no method retries. Calls come from one thread at a time; see [`Store::beside`].
pub trait Store: fmt::Debug + Send {
    /// Another way to the same folder, for a second thread; nothing where there is room for one only.
    ///
    /// The two never write the same file at a time.
    fn beside(&self) -> Option<Box<dyn Store>> {
        None
    }

    /// The bytes of a file.
    ///
    /// Errors: `NotFound`; `FileTooLarge` when there are more than `limit`.
    fn read(&self, path: &str, limit: usize) -> io::Result<Vec<u8>>;

    /// How many bytes a file has; `NotFound` when it is not there.
    fn length(&self, path: &str) -> io::Result<u64>;

    /// The names in a folder, in order; none when the folder is not there.
    ///
    /// Errors: `FileTooLarge` when there are more than `limit`.
    fn list(&self, folder: &str, limit: usize) -> io::Result<Vec<String>>;

    /// Writes bytes into a file from an offset; makes the file when it is not there, and its folders.
    fn write(&mut self, path: &str, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Cuts or extends a file to this length.
    fn truncate(&mut self, path: &str, length: u64) -> io::Result<()>;

    /// Makes what was written to a file durable.
    fn sync(&mut self, path: &str) -> io::Result<()>;

    /// Makes what was written to each of these files durable, in any order.
    ///
    /// A file system writes its own journal once for many files that are synced at the same time, so an
    /// implementation that can should.
    fn sync_all(&mut self, paths: &[String]) -> io::Result<()> {
        paths.iter().try_for_each(|path| self.sync(path))
    }

    /// Puts a file in the place of another, atomically.
    fn rename(&mut self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a folder and the files in it; a folder that is not there is fine.
    fn remove_folder(&mut self, path: &str) -> io::Result<()>;

    /// Makes the names in a folder durable; the ledger's own folder is the empty path.
    fn sync_folder(&mut self, path: &str) -> io::Result<()>;

    /// Forgets open files, so that nothing of a failed operation lingers in a handle.
    fn forget(&mut self);
}

/// Writes a whole file under a temporary name, syncs it and moves it into place.
///
/// The name is durable only after the folder is synced, which is left to the caller, who may have many files.
pub(crate) fn place(store: &mut dyn Store, path: &str, bytes: &[u8]) -> io::Result<()> {
    let temporary = stage(store, path, bytes)?;
    store.sync(&temporary)?;
    store.rename(&temporary, path)
}

/// Writes a whole file under a temporary name, which it returns; nothing is synced.
pub(crate) fn stage(store: &mut dyn Store, path: &str, bytes: &[u8]) -> io::Result<String> {
    let temporary = format!("{path}.new");
    // A leftover of a crash may be longer than what we write.
    match store.length(&temporary) {
        Ok(0) => {}
        Ok(_) => store.truncate(&temporary, 0)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    store.write(&temporary, 0, bytes)?;
    Ok(temporary)
}
