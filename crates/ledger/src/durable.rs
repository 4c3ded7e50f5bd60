//! Files that are there after a crash: whole, or as they were before.
//!
//! For configuration, keys and published state. `sync_all` on the file, then on its folder: without the
//! second the name may be lost although the bytes are safe.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Puts these bytes in the place of a file, atomically and durably.
///
/// A reader sees the old bytes or the new, never a part; after a crash the same holds. The new bytes pass
/// through `<name>.new` beside the file, so two writers of one file must keep apart themselves.
///
/// Errors: [`DurableError`] names step and file; the old file is still there, or the new one is (when only
///         the last step, syncing the folder, failed).
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), DurableError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let temporary = path.with_file_name(name);
    let at = |step| {
        let path = temporary.clone();
        move |source| DurableError { step, path, source }
    };
    let mut file = File::create(&temporary).map_err(at("make"))?;
    file.write_all(bytes).map_err(at("write"))?;
    file.sync_all().map_err(at("sync"))?;
    std::fs::rename(&temporary, path).map_err(at("move into place"))?;
    sync_folder_of(path)
}

/// Puts these bytes in the place of a file that only its owner can read, as [`replace`] does.
///
/// Errors: as [`replace`].
/// Never:  lets others read, even for a moment.
pub fn replace_private(path: &Path, bytes: &[u8]) -> Result<(), DurableError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let temporary = path.with_file_name(name);
    // What a crash left behind was never in place.
    drop(std::fs::remove_file(&temporary));
    create_private(&temporary, bytes)?;
    std::fs::rename(&temporary, path).map_err(|source| DurableError {
        step: "move into place",
        path: temporary,
        source,
    })?;
    sync_folder_of(path)
}

/// Makes a new file that only its owner can read, durably.
///
/// Errors: [`DurableError::is_already_there`]: the file exists and was not touched; choose another name, or
///         move the old key away first.
/// Never:  overwrites, or lets others read even for a moment.
pub fn create_private(path: &Path, bytes: &[u8]) -> Result<(), DurableError> {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    made(path, &mut options, bytes)
}

/// Makes a new file, durably.
///
/// Errors: [`DurableError::is_already_there`]: the file exists and was not touched; choose another name.
/// Never:  overwrites.
pub fn create(path: &Path, bytes: &[u8]) -> Result<(), DurableError> {
    made(path, &mut OpenOptions::new(), bytes)
}

fn made(path: &Path, options: &mut OpenOptions, bytes: &[u8]) -> Result<(), DurableError> {
    let at = |step| move |source| DurableError { step, path: path.to_owned(), source };
    options.write(true).create_new(true);
    let mut file = options.open(path).map_err(at("make"))?;
    file.write_all(bytes).map_err(at("write"))?;
    file.sync_all().map_err(at("sync"))?;
    sync_folder_of(path)
}

fn sync_folder_of(path: &Path) -> Result<(), DurableError> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let at = |source| DurableError { step: "sync the folder", path: folder.to_owned(), source };
    File::open(folder).and_then(|opened| opened.sync_all()).map_err(at)
}

/// Which step failed, on which file.
#[derive(Debug, thiserror::Error)]
#[error("cannot {step} `{}`", path.display())]
pub struct DurableError {
    step: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl DurableError {
    /// Whether the file was there before and is untouched.
    pub fn is_already_there(&self) -> bool {
        self.step == "make" && self.source.kind() == io::ErrorKind::AlreadyExists
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn replacing_leaves_the_new_bytes_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        for bytes in [&b"first and longer"[..], b"second"] {
            replace(&path, bytes).unwrap();
            assert_eq!(io::read_to_string(File::open(&path).unwrap()).unwrap().as_bytes(), bytes);
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        let error = replace(&folder.path().join("absent/state"), b"x").unwrap_err();
        assert!(error.to_string().starts_with("cannot make `"), "{error}");
    }

    #[test]
    fn a_private_file_is_private_and_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.key");
        create_private(&path, b"secret").unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let error = create_private(&path, b"other").unwrap_err();
        assert!(error.is_already_there(), "{error}");
        assert_eq!(io::read_to_string(File::open(&path).unwrap()).unwrap(), "secret");
    }
}
