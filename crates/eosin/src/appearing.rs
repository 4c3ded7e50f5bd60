//! What appears whole or not at all: made in a folder of ours, `NAME.new` beside its place, and moved there at the end.
//!
//! Nothing that was there before is written to, replaced or removed, but what an interrupted run of ours left behind.

mod placed;

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use miette::{IntoDiagnostic as _, WrapErr as _, miette};

pub(crate) use placed::Placed;

/// A file or a folder that has not its name yet; without [`Unfinished::finish`] it goes away.
#[derive(Debug)]
pub(crate) struct Unfinished {
    place: PathBuf,
    folder: PathBuf,
}

/// In a folder on its way, so that an interrupted run is told from somebody's folder; it holds the names that were given
/// before this one.
pub(crate) const OURS: &str = ".eosin-mark";

impl Unfinished {
    /// Begins what will stand at `place`: nothing is made yet at [`Unfinished::path`].
    ///
    /// Errors: a report, also where somebody else's file or folder stands in the way.
    pub(crate) fn begin(place: &Path) -> miette::Result<Self> {
        let folder = folder_for(place);
        let shown = folder.display().to_string();
        let cannot = || format!("cannot write {shown}");
        if is_left_behind(&folder)? {
            fs::remove_dir_all(&folder).into_diagnostic().wrap_err_with(cannot)?;
        }
        fs::DirBuilder::new().mode(0o700).create(&folder).into_diagnostic().wrap_err_with(cannot)?;
        let begun = Self { place: place.to_owned(), folder };
        File::create_new(begun.folder.join(OURS)).into_diagnostic().wrap_err_with(cannot)?;
        Ok(begun)
    }

    /// Where it is made: its own name, in a folder that only its owner can read.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.join(self.place.file_name().unwrap_or_default())
    }

    /// Where it will stand.
    pub(crate) fn place(&self) -> &Path {
        &self.place
    }

    /// Gives it its name.
    ///
    /// Errors: a report; then it is not there.
    /// Never:  replaces what is there.
    pub(crate) fn finish(self) -> miette::Result<()> {
        is_absent(&self.place)?;
        let moved = || format!("cannot move {} into place", self.path().display());
        fs::rename(self.path(), &self.place).into_diagnostic().wrap_err_with(moved)?;
        let (place, above) = (self.place.clone(), folder_of(&self.place).to_owned());
        drop(self);
        let synced = File::open(&above).and_then(|folder| folder.sync_all());
        if synced.is_err() {
            remove(&place);
        }
        synced.into_diagnostic().wrap_err_with(|| format!("cannot sync {}", above.display()))
    }
}

/// What cannot be removed is said by whoever could not go on.
fn remove(place: &Path) {
    drop(if place.is_dir() { fs::remove_dir_all(place) } else { fs::remove_file(place) });
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // It was never seen under its name; what cannot be removed does no harm.
        drop(fs::remove_dir_all(&self.folder));
    }
}

/// Puts bytes in a place, all of them or none.
///
/// Never: replaces what is there.
pub(crate) fn put(place: &Path, bytes: &[u8]) -> miette::Result<()> {
    written(place, bytes)?.finish()
}

/// Bytes on their way to a place.
fn written(place: &Path, bytes: &[u8]) -> miette::Result<Unfinished> {
    let begun = Unfinished::begin(place)?;
    let write = || -> io::Result<()> {
        let mut file = File::create_new(begun.path())?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().into_diagnostic().wrap_err_with(|| format!("cannot write {}", place.display()))?;
    Ok(begun)
}

/// Takes from a file or a folder the rights that what it was made from does not give.
///
/// Where the source cannot be asked, as standard input, everything stays.
pub(crate) fn no_wider_than(path: &Path, source: &Path) -> io::Result<()> {
    let Ok(about) = fs::metadata(source) else { return Ok(()) };
    let found = fs::metadata(path)?.permissions();
    let given = about.permissions().mode();
    // A group that is not the source's has no more than everybody, as where a folder hands down its own.
    let of_group = if fs::metadata(path)?.gid() == about.gid() { given } else { (given & 0o007) << 3 };
    // Its owner can go on with it.
    let of_owner = given | if about.is_dir() { 0o700 } else { 0o600 };
    let mode = found.mode() & (!0o777 | of_owner & 0o700 | of_group & 0o070 | given & 0o007);
    if mode == found.mode() { Ok(()) } else { fs::set_permissions(path, fs::Permissions::from_mode(mode)) }
}

/// Sees that all these places are free, and the folders in which what will stand there is made; and each is another, and
/// another than `from`, which is read. What an interrupted run put is taken away.
///
/// Errors: a report that names the place.
pub(crate) fn make_free(places: &[PathBuf], from: &Path) -> miette::Result<()> {
    let mut needed = BTreeMap::new();
    if let Some(dash) = places.iter().find(|place| place.file_name().is_some_and(|name| name == "-")) {
        return Err(miette!(
            help = "name a file: what is written appears whole or not at all, which a pipe cannot do",
            "{} is no place",
            dash.display()
        ));
    }
    for place in places {
        for path in [place.clone(), folder_for(place)] {
            if let Some(other) = needed.insert(resolved(&path), path.clone()) {
                return Err(miette!(
                    help = "give them other names",
                    "{} and {} are one place, and a place is needed for each",
                    other.display(),
                    path.display()
                ));
            }
        }
    }
    let from = fs::canonicalize(from).unwrap_or_else(|_| resolved(from));
    if let Some((_, path)) = needed.iter().find(|(place, _)| from.starts_with(place)) {
        return Err(miette!(
            help = "name another place",
            "{} is what is read, or holds it, and would be needed for what is written",
            path.display()
        ));
    }
    // All are looked at before anything of that run is taken away.
    let left: Vec<bool> =
        places.iter().map(|place| is_left_behind(&folder_for(place))).collect::<miette::Result<_>>()?;
    for (place, _) in places.iter().zip(left).filter(|(_, is_left)| *is_left) {
        if is_absent(place).is_ok() {
            placed::take_back(&folder_for(place));
        }
    }
    places.iter().try_for_each(|place| is_absent(place))
}

fn is_absent(place: &Path) -> miette::Result<()> {
    if fs::symlink_metadata(place).is_err() {
        return Ok(());
    }
    Err(miette!(
        help = "name another place, or move this one away",
        "{} is there already, and nothing is overwritten",
        place.display()
    ))
}

/// Whether an interrupted run of ours left this folder. An empty one, which is nobody's loss, is taken away; anything else that is
/// there is refused.
fn is_left_behind(folder: &Path) -> miette::Result<bool> {
    let is_ours = |path: &Path| fs::symlink_metadata(path.join(OURS)).is_ok_and(|about| about.is_file());
    match fs::symlink_metadata(folder) {
        Err(_) => Ok(false),
        Ok(about) if about.is_dir() && is_ours(folder) => Ok(true),
        // A run that was killed just before it wrote what makes it ours, or just after it took that away.
        Ok(about) if about.is_dir() && fs::remove_dir(folder).is_ok() => Ok(false),
        Ok(_) => Err(miette!(
            help = "move it away",
            "{} is needed for a while and is there already",
            folder.display()
        )),
    }
}

/// The folder in which what will stand at `place` is made.
fn folder_for(place: &Path) -> PathBuf {
    let mut name = place.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    place.with_file_name(name)
}

fn folder_of(place: &Path) -> &Path {
    place.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}

/// The one spelling of a place that may not be there.
fn resolved(place: &Path) -> PathBuf {
    let folder = folder_of(place);
    let folder = fs::canonicalize(folder).or_else(|_| std::path::absolute(folder));
    folder.unwrap_or_default().join(place.file_name().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(path: &Path) -> String {
        io::read_to_string(File::open(path).unwrap()).unwrap()
    }

    #[test]
    fn nobody_gets_more_than_the_source_gives() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        for (of_source, of_made, is_of_its_group, want) in [
            (0o600, 0o644, true, 0o600),
            (0o640, 0o666, true, 0o640),
            (0o444, 0o644, true, 0o644),
            (0o640, 0o666, false, 0o600),
            (0o664, 0o666, false, 0o644),
        ] {
            for (name, mode) in [("source", of_source), ("made", of_made)] {
                ledger::durable::replace(&at(name), b"").unwrap();
                fs::set_permissions(at(name), fs::Permissions::from_mode(mode)).unwrap();
            }
            let group = fs::metadata(at("source")).unwrap().gid();
            let given = std::os::unix::fs::chown(at("made"), None, Some(group + u32::from(!is_of_its_group)));
            if given.is_err() {
                // Only root gives a file to any group.
                continue;
            }
            no_wider_than(&at("made"), &at("source")).unwrap();
            assert_eq!(mode(&at("made")), want, "{of_source:o} {of_made:o} {is_of_its_group}");
            fs::remove_file(at("made")).unwrap();
        }
    }

    #[test]
    fn what_is_finished_has_its_name_and_the_rest_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("a.csv");
        drop(Unfinished::begin(&place).unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        put(&place, b"whole").unwrap();
        assert_eq!(text(&place), "whole");
        assert!(put(&place, b"other").unwrap_err().to_string().contains("nothing is overwritten"));
        assert_eq!(text(&place), "whole");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_somebody_else_put_in_the_way_stays() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        ledger::durable::replace(&at("a.new"), b"theirs").unwrap();
        std::os::unix::fs::symlink(at("a.new"), at("b.new")).unwrap();
        fs::create_dir(at("c.new")).unwrap();
        ledger::durable::replace(&at("c.new/theirs"), b"theirs").unwrap();
        for name in ["a", "b", "c"] {
            let refused = put(&at(name), b"ours").unwrap_err().to_string();
            assert!(refused.contains("is there already"), "{refused}");
            assert!(make_free(&[at(name)], Path::new("in")).is_err());
            assert!(!at(name).exists());
        }
        assert_eq!(text(&at("a.new")), "theirs");
        // An empty folder is nobody's loss: a run that was killed between two steps leaves one.
        fs::create_dir(at("d.new")).unwrap();
        make_free(&[at("d")], Path::new("in")).unwrap();
        fs::create_dir(at("d.new")).unwrap();
        put(&at("d"), b"ours").unwrap();
        assert!(!at("d.new").exists());
        // What an interrupted run left is ours.
        ledger::durable::replace(&at("c.new").join(OURS), b"").unwrap();
        put(&at("c"), b"ours").unwrap();
        assert!(!at("c.new").exists());
    }

    #[test]
    fn each_place_is_another_however_it_is_spelt() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("d")).unwrap();
        let at = |name: &str| folder.path().join(name);
        for (places, from, is_fine) in [
            (["a", "b"], "in", true),
            (["a", "d/../a"], "in", false),
            (["a.new", "a"], "in", false),
            (["a", "a.new"], "in", false),
            (["a", "b"], "b", false),
            (["a", "b"], "a.new", false),
            (["a", "b"], "d/../b.new", false),
        ] {
            let done = make_free(&places.map(at), &at(from));
            assert_eq!(done.is_ok(), is_fine, "{places:?} {from}");
        }
        assert!(make_free(&[PathBuf::from("-")], &at("in")).unwrap_err().to_string().contains("no place"));
        fs::create_dir(at("a.new")).unwrap();
        for name in [OURS, "in"] {
            ledger::durable::replace(&at("a.new").join(name), b"").unwrap();
        }
        let refused = make_free(&[at("a")], &at("a.new/in")).unwrap_err();
        assert!(refused.to_string().contains("holds it"), "{refused}");
    }
}
