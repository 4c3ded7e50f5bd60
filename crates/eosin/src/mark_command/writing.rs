//! A file that appears whole or not at all, written piece by piece.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use miette::{IntoDiagnostic as _, WrapErr as _};

/// A file on its way: in `NAME.new` beside its place until [`Writing::finish`].
#[derive(Debug)]
pub(super) struct Writing {
    file: File,
    place: PathBuf,
    temporary: PathBuf,
    is_finished: bool,
}

impl Writing {
    /// Begins a file that will stand at `place`.
    pub(super) fn begin(place: &Path) -> miette::Result<Self> {
        let mut name = place.file_name().unwrap_or_default().to_owned();
        name.push(".new");
        let temporary = place.with_file_name(name);
        let file = File::create(&temporary)
            .into_diagnostic()
            .wrap_err_with(|| format!("cannot write {}", temporary.display()))?;
        Ok(Self { file, place: place.to_owned(), temporary, is_finished: false })
    }

    /// Appends bytes.
    pub(super) fn write(&mut self, bytes: &[u8]) -> miette::Result<()> {
        let written = self.file.write_all(bytes);
        self.failed_at("write", written)
    }

    /// Makes what was written durable, still beside its place.
    pub(super) fn sync(&mut self) -> miette::Result<()> {
        let synced = self.file.sync_all();
        self.failed_at("sync", synced)
    }

    /// Puts the file in its place.
    pub(super) fn finish(mut self) -> miette::Result<()> {
        let renamed = fs::rename(&self.temporary, &self.place);
        self.failed_at("move into place", renamed)?;
        self.is_finished = true;
        let folder = match self.place.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        // The bytes are there whatever this says; only the name could be lost with the power.
        let synced = File::open(folder).and_then(|folder| folder.sync_all());
        self.failed_at("sync the folder of", synced)
    }

    fn failed_at(&self, step: &str, done: io::Result<()>) -> miette::Result<()> {
        done.into_diagnostic().wrap_err_with(|| format!("cannot {step} {}", self.temporary.display()))
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        if !self.is_finished {
            // It was never seen under its name; what cannot be removed does no harm.
            drop(fs::remove_file(&self.temporary));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_there_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("out.csv");
        let mut writing = Writing::begin(&place).unwrap();
        writing.write(b"half").unwrap();
        assert!(!place.exists());
        drop(writing);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);

        let mut writing = Writing::begin(&place).unwrap();
        writing.write(b"whole").unwrap();
        writing.sync().unwrap();
        writing.finish().unwrap();
        assert_eq!(io::read_to_string(File::open(&place).unwrap()).unwrap(), "whole");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
