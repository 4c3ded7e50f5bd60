//! A disk that fails on demand: in memory, with what was synced kept apart from what was only written.
//!
//! The ledger's own tests include this file by path, so it speaks of nothing but [`ledger::Store`].

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ledger::Store;

/// A [`Store`] in memory. Clones are the same disk: give one to the ledger and keep one to break it.
#[derive(Debug, Clone, Default)]
pub struct FailingDisk(Arc<Mutex<Disk>>);

/// What happens to the one operation that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Failure {
    /// It did not happen. A lost sync also loses what it should have kept: the next sync does not help.
    Lost,
    /// It happened, and an error came back all the same.
    Kept,
    /// Half of a write happened. For other operations the same as `Lost`.
    Torn,
}

/// What a crash leaves of what was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crash {
    /// Nothing: only what was synced is there.
    Strict,
    /// Everything: the system had written it back in time.
    Lenient,
    /// All names, and the first half of each unsynced write.
    Torn,
}

impl FailingDisk {
    /// Lets the operation with this number fail, counted from the first one ever.
    pub fn fail_at(&self, operation: usize, failure: Failure) {
        self.disk().failing = Some((operation, failure));
    }

    /// Lets the power go at the operation with this number: it is half done if it is a write and `half` is set,
    /// nothing after it happens, and [`Self::crash`] says what is left.
    pub fn cut_power_at(&self, operation: usize, half: bool) {
        self.disk().cut = Some((operation, half));
    }

    /// From now on, every operation that changes anything fails and does nothing, until [`Self::mend`].
    pub fn break_down(&self) {
        self.disk().broken = true;
    }

    /// From now on, nothing can grow, until [`Self::mend`].
    pub fn fill_up(&self) {
        self.disk().full = true;
    }

    /// From now on, or no longer: files that are not there cannot be made.
    pub fn refuse_new_files(&self, refuse: bool) {
        self.disk().no_new_files = refuse;
    }

    /// The disk works again.
    pub fn mend(&self) {
        let mut disk = self.disk();
        (disk.broken, disk.full, disk.failing, disk.cut) = (false, false, None, None);
    }

    /// The power goes: what is there now is what the crash leaves.
    pub fn crash(&self, crash: Crash) {
        self.disk().crash(crash);
        self.mend();
    }

    /// Another disk with the same content.
    #[must_use]
    pub fn copy(&self) -> Self {
        Self(Arc::new(Mutex::new(self.disk().clone())))
    }

    /// What was done so far, one line an operation, such as `sync journal`.
    pub fn operations(&self) -> Vec<String> {
        self.disk().operations.clone()
    }

    /// The names of all files.
    pub fn names(&self) -> Vec<String> {
        let disk = self.disk();
        let files = disk.visible.iter().filter(|(_, node)| matches!(node, Node::File(_)));
        files.map(|(name, _)| name.clone()).collect()
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for FailingDisk {
    fn read(&self, path: &str, limit: usize) -> io::Result<Vec<u8>> {
        let disk = self.disk();
        let file = disk.file(path)?;
        if file.visible.len() > limit {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        Ok(file.visible.clone())
    }

    fn length(&self, path: &str) -> io::Result<u64> {
        Ok(self.disk().file(path)?.visible.len() as u64)
    }

    fn list(&self, folder: &str, limit: usize) -> io::Result<Vec<String>> {
        let within = format!("{folder}/");
        let disk = self.disk();
        let names = disk.visible.keys().filter_map(|name| name.strip_prefix(&within)?.split('/').next());
        let names: std::collections::BTreeSet<String> = names.map(str::to_owned).collect();
        if names.len() > limit {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        Ok(names.into_iter().collect())
    }

    fn write(&mut self, path: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        let mut disk = self.disk();
        if disk.no_new_files && disk.file(path).is_err() {
            return Err(io::Error::from(io::ErrorKind::PermissionDenied));
        }
        let grows = disk.file(path).map_or(0, |file| file.visible.len()) < offset + bytes.len();
        if disk.full && grows {
            disk.operations.push(format!("write {path}"));
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        let half = bytes.split_at(bytes.len() / 2).0;
        disk.operate("write", path, |disk, part| {
            disk.write(path, offset, if part == Part::Half { half } else { bytes });
        })
    }

    fn truncate(&mut self, path: &str, length: u64) -> io::Result<()> {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        self.disk().operate("truncate", path, |disk, _| disk.truncate(path, length))
    }

    fn sync(&mut self, path: &str) -> io::Result<()> {
        self.disk().operate("sync", path, |disk, part| disk.sync(path, part))
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.disk().operate("rename", from, |disk, _| {
            if let Some(node) = disk.visible.remove(from) {
                disk.visible.insert(to.to_owned(), node);
            }
        })
    }

    fn remove_folder(&mut self, path: &str) -> io::Result<()> {
        let within = format!("{path}/");
        self.disk().operate("remove", path, |disk, _| {
            disk.visible.retain(|name, _| name != path && !name.starts_with(&within));
        })
    }

    fn sync_folder(&mut self, path: &str) -> io::Result<()> {
        let shown = if path.is_empty() { "." } else { path };
        self.disk().operate("sync folder", shown, |disk, _| disk.sync_folder(path))
    }

    fn forget(&mut self) {}
}

#[derive(Debug, Default, Clone)]
struct Disk {
    files: BTreeMap<usize, File>,
    /// Names as the running system sees them.
    visible: BTreeMap<String, Node>,
    /// Names as they are after a strict crash.
    durable: BTreeMap<String, Node>,
    operations: Vec<String>,
    failing: Option<(usize, Failure)>,
    cut: Option<(usize, bool)>,
    broken: bool,
    full: bool,
    no_new_files: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Node {
    Folder,
    File(usize),
}

#[derive(Debug, Default, Clone)]
struct File {
    visible: Vec<u8>,
    durable: Vec<u8>,
    /// What a sync would bring to the disk.
    dirty: Vec<Range<usize>>,
}

/// How much of an operation is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Whole,
    Half,
    /// Only for a sync: the system forgets that anything was to be written.
    Forgotten,
}

impl Disk {
    /// Counts an operation, and does it unless it is the one that fails.
    fn operate(&mut self, verb: &str, path: &str, act: impl FnOnce(&mut Self, Part)) -> io::Result<()> {
        let number = self.operations.len();
        self.operations.push(format!("{verb} {path}"));
        let error = || io::Error::other(format!("the disk was told to fail to {verb} {path}"));
        if let Some((cut, half)) = self.cut
            && number >= cut
        {
            if number == cut && half && verb == "write" {
                act(self, Part::Half);
            }
            return Err(error());
        }
        if self.broken {
            return Err(error());
        }
        match self.failing.filter(|(failing, _)| *failing == number) {
            None => {
                act(self, Part::Whole);
                Ok(())
            }
            Some((_, failure)) => {
                match (failure, verb) {
                    (Failure::Kept, _) => act(self, Part::Whole),
                    (Failure::Torn, "write") => act(self, Part::Half),
                    (Failure::Lost | Failure::Torn, "sync") => act(self, Part::Forgotten),
                    (Failure::Lost | Failure::Torn, _) => {}
                }
                Err(error())
            }
        }
    }

    fn file(&self, path: &str) -> io::Result<&File> {
        match self.visible.get(path) {
            Some(Node::File(id)) => self.files.get(id),
            Some(Node::Folder) | None => None,
        }
        .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }

    fn file_mut(&mut self, path: &str) -> Option<&mut File> {
        let id = match self.visible.get(path) {
            Some(Node::File(id)) => *id,
            Some(Node::Folder) | None => {
                let mut folder = path;
                while let Some((parent, _)) = folder.rsplit_once('/') {
                    self.visible.insert(parent.to_owned(), Node::Folder);
                    folder = parent;
                }
                let id = self.files.len();
                self.files.insert(id, File::default());
                self.visible.insert(path.to_owned(), Node::File(id));
                id
            }
        };
        self.files.get_mut(&id)
    }

    fn write(&mut self, path: &str, offset: usize, bytes: &[u8]) {
        if let Some(file) = self.file_mut(path) {
            let end = offset + bytes.len();
            put(&mut file.visible, offset, bytes);
            file.dirty.push(offset..end);
        }
    }

    fn truncate(&mut self, path: &str, length: usize) {
        if let Some(file) = self.file_mut(path) {
            // Taken as durable at once: the ledger only truncates what it is about to write over.
            file.visible.resize(length, 0);
            file.durable.truncate(length);
            file.dirty.retain(|range| range.end <= length);
        }
    }

    fn sync(&mut self, path: &str, part: Part) {
        if let Some(file) = self.file_mut(path) {
            let dirty = std::mem::take(&mut file.dirty);
            if part != Part::Forgotten {
                for range in dirty {
                    let bytes = file.visible.get(range.clone()).unwrap_or_default();
                    put(&mut file.durable, range.start, bytes);
                }
            }
        }
    }

    fn sync_folder(&mut self, folder: &str) {
        let is_inside = |name: &str| name.rsplit_once('/').map_or("", |(parent, _)| parent) == folder;
        self.durable.retain(|name, _| !is_inside(name));
        let inside = self.visible.iter().filter(|(name, _)| is_inside(name));
        self.durable.extend(inside.map(|(name, node)| (name.clone(), *node)));
    }

    fn crash(&mut self, crash: Crash) {
        for file in self.files.values_mut() {
            let dirty = std::mem::take(&mut file.dirty);
            for range in dirty {
                let keep = match crash {
                    Crash::Strict => continue,
                    Crash::Lenient => range.end,
                    Crash::Torn => range.start + range.len() / 2,
                };
                let bytes = file.visible.get(range.start..keep).unwrap_or_default();
                put(&mut file.durable, range.start, bytes);
            }
            file.visible.clone_from(&file.durable);
        }
        if crash == Crash::Strict {
            let durable = self.durable.clone();
            // A file whose folder's own name was lost is lost with it.
            let is_reachable = |name: &str| {
                let mut folder = name;
                while let Some((parent, _)) = folder.rsplit_once('/') {
                    if durable.get(parent) != Some(&Node::Folder) {
                        return false;
                    }
                    folder = parent;
                }
                true
            };
            self.visible =
                durable.iter().filter(|(name, _)| is_reachable(name)).map(|(n, f)| (n.clone(), *f)).collect();
        }
        self.durable.clone_from(&self.visible);
    }
}

/// Writes bytes at an offset; a hole reads as zeros, as on a real disk.
fn put(target: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if target.len() < end {
        target.resize(end, 0);
    }
    if let Some(place) = target.get_mut(offset..end) {
        place.copy_from_slice(bytes);
    }
}
