//! What was announced to one consumer and what waits: a small file each, in a folder that replicas share. Whoever has the
//! folder's lock writes; anybody may read.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions, TryLockError},
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use ledger::durable;
use mark::digest::{Hash, sha256};
use miette::{IntoDiagnostic as _, WrapErr as _};
use serde::{Deserialize, Serialize};

use crate::keys;

/// One announcement to one consumer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Note {
    /// The entry that it is about: `origin#index`.
    pub(crate) about: String,
    /// How often it was sent.
    pub(crate) attempts: u32,
    /// When it is sent again, in seconds since 1970.
    pub(crate) due: i64,
    /// What is sent, the same bytes each time.
    pub(crate) event: String,
    /// Its name.
    pub(crate) id: String,
    /// Whether what became of it is in the ledger.
    pub(crate) is_recorded: bool,
    /// What it says.
    pub(crate) kind: String,
    /// What became of it, once that is known.
    pub(crate) settled: Option<Settled>,
    /// The status of the last answer, if there was one.
    pub(crate) status: Option<u16>,
    /// The version.
    pub(crate) version: String,
}

/// What became of an announcement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Settled {
    /// When, in seconds since 1970.
    pub(crate) at: i64,
    /// Whether the consumer has it; else it was given up.
    pub(crate) is_delivered: bool,
}

impl Note {
    /// The name of its file: in the order of the log. Where another history had an announcement of that name, its own id is in it.
    fn file(&self, is_taken: impl FnOnce(&str) -> bool) -> String {
        let index = self.about.rsplit_once('#').and_then(|(_, index)| index.parse().ok()).unwrap_or(0_u64);
        let word = self.kind.rsplit('.').next().unwrap_or_default();
        let file = format!("{index:012}-{word}.json");
        if is_taken(&file) { format!("{index:012}-{word}-{}.json", self.id) } else { file }
    }

    /// Whether it says the same; ids were made otherwise once.
    fn says(&self, other: &Self) -> bool {
        self.id == other.id || self.event.replace(&self.id, &other.id) == other.event
    }
}

/// How far the log was read, and until when it was looked for what expired.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Progress {
    // In seconds since 1970.
    ended: i64,
    // The entries that were read, each as the log's tree has it, in hexadecimal.
    #[serde(default)]
    leaves: Vec<String>,
    // How many: all that was written down once.
    read: u64,
}

/// The notes of one consumer, while this process may write them.
#[derive(Debug)]
pub(super) struct Notes {
    folder: PathBuf,
    progress: Progress,
    all: BTreeMap<String, Note>,
    lock: File,
}

const LOCK: &str = "lock";
const PROGRESS: &str = "progress.json";
/// Most announcements that are kept once they are settled.
const SETTLED_MAX: usize = 500;
/// Most files that are read of a folder.
const FILES_MAX: usize = 10_000;
/// Of the longest log of versions that is read.
const PROGRESS_BYTES_MAX: u64 = 8 << 20;

impl Drop for Notes {
    fn drop(&mut self) {
        // At once, for another process to go on; what cannot be unlocked is unlocked by closing.
        let _unlocked = self.lock.unlock();
    }
}

/// Makes the folder.
///
/// Errors: a report: it cannot be made or written.
pub(super) fn prepare(folder: &Path) -> miette::Result<()> {
    lock_file(folder).map(drop)
}

fn lock_file(folder: &Path) -> miette::Result<File> {
    fs::create_dir_all(folder)
        .and_then(|()| OpenOptions::new().create(true).append(true).open(folder.join(LOCK)))
        .into_diagnostic()
        .wrap_err_with(|| format!("cannot write in {}", folder.display()))
}

impl Notes {
    /// The notes, if no other process has them. Where there are none yet, what the log says so far is not announced: `log` has
    /// its entries, and is asked only where it is not written down which ones were read.
    pub(super) fn take(
        folder: &Path,
        log: impl FnOnce() -> miette::Result<Vec<Hash>>,
        now: Timestamp,
    ) -> miette::Result<Option<Self>> {
        let lock = lock_file(folder)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error).into_diagnostic(),
        }
        let path = folder.join(PROGRESS);
        let is_new = !path.exists();
        let mut progress: Progress = if is_new {
            Progress { ended: now.as_second(), leaves: Vec::new(), read: u64::MAX }
        } else {
            let text = keys::file(&path, PROGRESS_BYTES_MAX)?;
            serde_json::from_str(&text)
                .into_diagnostic()
                .wrap_err_with(|| format!("{} cannot be read", path.display()))?
        };
        let (read, known) = (usize::try_from(progress.read).unwrap_or(usize::MAX), progress.leaves.len());
        if known < read {
            progress.leaves.extend(log()?.iter().take(read).skip(known).map(Hash::to_hex));
            progress.read = u64::try_from(progress.leaves.len()).unwrap_or(u64::MAX);
        }
        let taken =
            Self { folder: folder.to_owned(), progress, all: look(folder).into_iter().collect(), lock };
        if is_new {
            taken.keep_progress()?;
        }
        Ok(Some(taken))
    }

    /// The entries of the log that were read.
    pub(super) fn read(&self) -> Vec<Hash> {
        // What is none is another entry than any: it is read again, and what was said of it is not said twice.
        self.progress.leaves.iter().map(|leaf| Hash::from_hex(leaf).unwrap_or_else(|| sha256(&[]))).collect()
    }

    /// Until when it was looked for what expired.
    pub(super) fn ended(&self) -> Timestamp {
        Timestamp::from_second(self.progress.ended).unwrap_or(Timestamp::MAX)
    }

    /// Adds what is to be said, once.
    pub(super) fn add(&mut self, note: &Note) -> miette::Result<()> {
        if self.all.values().any(|known| known.says(note)) { Ok(()) } else { self.keep(note) }
    }

    /// So much of the log was read, and what it says is kept.
    pub(super) fn has_read(&mut self, read: &[Hash]) -> miette::Result<()> {
        self.progress.leaves = read.iter().map(Hash::to_hex).collect();
        self.progress.read = u64::try_from(read.len()).unwrap_or(u64::MAX);
        self.keep_progress()
    }

    /// What expired until then is kept.
    pub(super) fn has_ended(&mut self, ended: Timestamp) -> miette::Result<()> {
        self.progress.ended = self.progress.ended.max(ended.as_second());
        self.keep_progress()
    }

    fn keep_progress(&self) -> miette::Result<()> {
        let text = serde_json::to_vec(&self.progress).into_diagnostic()?;
        durable::replace(&self.folder.join(PROGRESS), &text).into_diagnostic()
    }

    /// Keeps what became of one, durably; the oldest that are long settled go.
    pub(super) fn keep(&mut self, note: &Note) -> miette::Result<()> {
        let text = serde_json::to_vec(note).into_diagnostic()?;
        let kept = self.all.iter().find(|(_, known)| known.id == note.id).map(|(file, _)| file.clone());
        let file = kept.unwrap_or_else(|| note.file(|file| self.all.contains_key(file)));
        durable::replace(&self.folder.join(&file), &text).into_diagnostic()?;
        self.all.insert(file, note.clone());
        if note.is_recorded {
            let settled: Vec<String> =
                self.all.iter().filter(|(_, note)| note.is_recorded).map(|(file, _)| file.clone()).collect();
            for file in settled.iter().take(settled.len().saturating_sub(SETTLED_MAX)) {
                self.all.remove(file);
                drop(fs::remove_file(self.folder.join(file)));
            }
        }
        Ok(())
    }

    pub(super) fn get(&self, file: &str) -> Option<&Note> {
        self.all.get(file)
    }

    /// What has to be sent or recorded now, the oldest first.
    pub(super) fn due(&self, now: Timestamp) -> Vec<String> {
        let is_due = |note: &Note| match note.settled {
            Some(_) => !note.is_recorded,
            None => note.due <= now.as_second(),
        };
        self.all.iter().filter(|(_, note)| is_due(note)).map(|(file, _)| file.clone()).collect()
    }

    /// Whatever waits is due now.
    pub(super) fn all_due(&mut self) {
        for note in self.all.values_mut().filter(|note| note.settled.is_none()) {
            note.due = 0;
        }
    }
}

/// What is in a folder, in the order of the log, by its file; what cannot be read is left out.
pub(super) fn look(folder: &Path) -> Vec<(String, Note)> {
    let Ok(listing) = fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<PathBuf> = listing
        .take(FILES_MAX)
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    let read = |path: &PathBuf| {
        let name = path.file_name()?.to_str()?.to_owned();
        Some((name, serde_json::from_str(&keys::small_file(path).ok()?).ok()?))
    };
    files.iter().filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(index: u64) -> Note {
        Note {
            about: format!("log#{index}"),
            attempts: 0,
            due: 0,
            event: format!(r#"{{"id":"id-{index}","about":"log#{index}"}}"#),
            id: format!("id-{index}"),
            is_recorded: false,
            kind: "eosin.emergency.in-force".to_owned(),
            settled: None,
            status: None,
            version: "stop@0".to_owned(),
        }
    }

    #[test]
    fn one_process_has_them_and_the_next_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("ops");
        let now = Timestamp::from_second(1_000).unwrap();
        let log = |size: u8| (0..size).map(|index| sha256(&[&[index]])).collect::<Vec<_>>();
        let mut first = Notes::take(&at, || Ok(log(7)), now).unwrap().unwrap();
        assert!(Notes::take(&at, || Ok(log(9)), now).unwrap().is_none(), "the first one has them");
        assert_eq!((first.read(), first.ended()), (log(7), now), "what was before is not announced");
        first.add(&note(7)).unwrap();
        first.add(&Note { attempts: 3, ..note(8) }).unwrap();
        first.add(&note(8)).unwrap();
        first.keep(&Note { due: 1_060, ..note(7) }).unwrap();
        first.has_read(&log(9)).unwrap();
        drop(first);
        let mut next = Notes::take(&at, || panic!("it is known"), now).unwrap().unwrap();
        assert_eq!(next.read(), log(9), "what came meanwhile is announced");
        assert_eq!(next.due(now), ["000000000008-in-force.json"]);
        assert_eq!(next.get("000000000008-in-force.json").unwrap().attempts, 3, "it was there already");
        next.all_due();
        assert_eq!(next.due(now).len(), 2);
        let settled = Some(Settled { at: 1_000, is_delivered: true });
        next.keep(&Note { settled: settled.clone(), ..note(7) }).unwrap();
        assert_eq!(next.due(now).len(), 2, "it is not recorded yet");
        next.keep(&Note { settled, is_recorded: true, ..note(7) }).unwrap();
        assert_eq!(next.due(now).len(), 1);
        let seen: Vec<String> = look(&at).into_iter().map(|(_, note)| note.id).collect();
        assert_eq!(seen, ["id-7", "id-8"]);
        // Of another history at the same place, and the same thing under a name of before.
        let other = Note { id: "x".to_owned(), event: r#"{"id":"x","to":1}"#.to_owned(), ..note(7) };
        next.add(&other).unwrap();
        next.add(&Note { id: "y".to_owned(), event: r#"{"id":"y","to":1}"#.to_owned(), ..note(7) }).unwrap();
        let files: Vec<String> = look(&at).into_iter().map(|(file, _)| file).collect();
        let ours =
            ["000000000007-in-force-x.json", "000000000007-in-force.json", "000000000008-in-force.json"];
        assert_eq!(files, ours);
    }

    #[test]
    fn notes_of_before_go_on_with_the_entries_that_the_log_has_now() {
        let log = |size: u8| (0..size).map(|index| sha256(&[&[index]])).collect::<Vec<_>>();
        for (has, wanted) in [(5, 3), (2, 2)] {
            let folder = tempfile::tempdir().unwrap();
            durable::replace(&folder.path().join(PROGRESS), br#"{"ended":1000,"read":3}"#).unwrap();
            let now = Timestamp::from_second(2_000).unwrap();
            let taken = Notes::take(folder.path(), || Ok(log(has)), now).unwrap().unwrap();
            assert_eq!(taken.read(), log(wanted), "of {has}");
        }
    }
}
