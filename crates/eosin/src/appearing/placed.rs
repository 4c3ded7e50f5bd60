//! What one run gives its names: all of it stays or none, whatever interrupts it.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::{
        ffi::{OsStrExt as _, OsStringExt as _},
        fs::MetadataExt as _,
    },
    path::{Path, PathBuf},
};

use miette::{IntoDiagnostic as _, WrapErr as _};

use super::{OURS, Unfinished, remove, written};

/// How long a list of names may be: far more than a run gives.
const LIST_BYTES_MAX: u64 = 1 << 20;

/// What was given its name before the last one has its own.
///
/// A list of it lies in the folder where the last one is made: a run that is interrupted before its last name is told from one
/// that was done, and the next one takes away what it put.
#[derive(Debug)]
pub(crate) struct Placed {
    list: PathBuf,
    done: Vec<PathBuf>,
}

impl Placed {
    /// Nothing yet; `last` will be the last.
    pub(crate) fn before(last: &Unfinished) -> Self {
        Self { list: last.folder.join(OURS), done: Vec::new() }
    }

    /// Puts bytes in a place, as [`super::put`].
    pub(crate) fn put(&mut self, place: &Path, bytes: &[u8]) -> miette::Result<()> {
        self.finish(written(place, bytes)?)
    }

    /// Gives something its name, as [`Unfinished::finish`].
    pub(crate) fn finish(&mut self, begun: Unfinished) -> miette::Result<()> {
        let place = begun.place.clone();
        self.remember(&begun)
            .into_diagnostic()
            .wrap_err_with(|| format!("cannot write {}", self.list.display()))?;
        begun.finish()?;
        self.done.push(place);
        Ok(())
    }

    /// Takes away what was put so far, and nothing else.
    pub(crate) fn undo(self) {
        self.done.iter().for_each(|place| remove(place));
    }

    /// On disk before the name is given, for afterwards may be too late.
    fn remember(&self, begun: &Unfinished) -> io::Result<()> {
        let mut line = Which::of(&begun.path())?.to_string().into_bytes();
        line.extend([b" ", std::path::absolute(&begun.place)?.as_os_str().as_bytes(), b"\0"].concat());
        let mut list = OpenOptions::new().append(true).open(&self.list)?;
        list.write_all(&line)?;
        list.sync_all()
    }
}

/// Which file or folder it is, under whatever name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Which {
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
}

impl Which {
    fn of(path: &Path) -> io::Result<Self> {
        let about = fs::symlink_metadata(path)?;
        Ok(Self { inode: about.ino(), bytes: about.len(), modified: (about.mtime(), about.mtime_nsec()) })
    }
}

impl std::fmt::Display for Which {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(to, "{} {} {} {}", self.inode, self.bytes, self.modified.0, self.modified.1)
    }
}

/// Takes away what an interrupted run put whose last name was to be made in this folder.
///
/// Never: takes away what is not the very file or folder that the run put, unchanged.
pub(super) fn take_back(folder: &Path) {
    let list = folder.join(OURS);
    let mut text = Vec::new();
    let read = File::open(list).and_then(|list| list.take(LIST_BYTES_MAX).read_to_end(&mut text));
    if read.is_err() {
        return;
    }
    // The last line has no end where its run was interrupted in it, and then its name was not given either.
    let (whole, _) = text.split_at(text.iter().rposition(|byte| *byte == 0).unwrap_or_default());
    for line in whole.split(|byte| *byte == 0) {
        let fields: Vec<&[u8]> = line.splitn(5, |byte| *byte == b' ').collect();
        let Some((place, which)) = fields.split_last() else { continue };
        let place = PathBuf::from(std::ffi::OsString::from_vec(place.to_vec()));
        if Which::of(&place).is_ok_and(|found| found.to_string().as_bytes() == which.join(&b' ')) {
            remove(&place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::appearing::{make_free, put};

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|one| one.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// The last of a run that puts a file, a file that is changed afterwards, and a folder.
    fn begun(folder: &Path) -> (Unfinished, Placed) {
        let last = Unfinished::begin(&folder.join("out")).unwrap();
        File::create_new(last.path()).unwrap();
        let mut placed = Placed::before(&last);
        placed.put(&folder.join("a file"), b"ours").unwrap();
        placed.put(&folder.join("changed"), b"ours").unwrap();
        let tree = Unfinished::begin(&folder.join("tree")).unwrap();
        fs::create_dir(tree.path()).unwrap();
        placed.finish(tree).unwrap();
        (last, placed)
    }

    #[test]
    fn what_is_undone_was_put_by_this_run() {
        let folder = tempfile::tempdir().unwrap();
        let (last, mut placed) = begun(folder.path());
        put(&folder.path().join("theirs"), b"theirs").unwrap();
        assert!(placed.put(&folder.path().join("theirs"), b"ours").is_err());
        placed.undo();
        drop(last);
        assert_eq!(names(folder.path()), ["theirs"]);
    }

    #[test]
    fn what_a_killed_run_put_is_taken_away_by_the_next_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        // Killed: nothing is dropped.
        std::mem::forget(begun(folder.path()));
        ledger::durable::replace(&at("changed"), b"by somebody").unwrap();
        let places = ["out", "a file", "tree"].map(at);
        make_free(&places, Path::new("in")).unwrap();
        assert_eq!(names(folder.path()), ["changed", "out.new"]);
        // A second time there is nothing to take.
        make_free(&places, Path::new("in")).unwrap();
        let refused = make_free(&["out", "changed"].map(at), Path::new("in")).unwrap_err();
        assert!(refused.to_string().contains("nothing is overwritten"), "{refused}");
    }

    #[test]
    fn what_a_run_put_that_gave_its_last_name_stays() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let (last, placed) = begun(folder.path());
        std::mem::forget(placed);
        // Killed behind its last rename.
        fs::rename(last.path(), at("out")).unwrap();
        std::mem::forget(last);
        make_free(&["out", "a file"].map(at), Path::new("in")).unwrap_err();
        assert_eq!(names(folder.path()), ["a file", "changed", "out", "out.new", "tree"]);
    }

    #[test]
    fn a_list_that_is_garbage_takes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        put(&at("theirs"), b"theirs").unwrap();
        let path = at("theirs").display().to_string();
        let which = Which::of(&at("theirs")).unwrap();
        for list in [
            String::new(),
            "\0\0 \0".to_owned(),
            format!("{path}\0"),
            format!("1 2 3 4 {path}\0"),
            // Cut short in its line.
            format!("{which} {path}"),
        ] {
            fs::create_dir_all(at("out.new")).unwrap();
            ledger::durable::replace(&at("out.new").join(OURS), list.as_bytes()).unwrap();
            make_free(&[at("out")], Path::new("in")).unwrap();
            assert!(at("theirs").exists(), "{list:?}");
        }
        let list = format!("{which} {path}\0");
        ledger::durable::replace(&at("out.new").join(OURS), list.as_bytes()).unwrap();
        make_free(&[at("out")], Path::new("in")).unwrap();
        assert!(!at("theirs").exists());
    }
}
