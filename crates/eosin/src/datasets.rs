//! The folder of known datasets while a gateway runs: what it learns is written there, what others write is taken up.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{ErrorKind, Read as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use flow::Flow;
use ledger::durable;
use mark::{BatchReceipt, DATASET_FILE_BYTES_MAX, DatasetFile};
use miette::{IntoDiagnostic as _, WrapErr as _, miette};

use crate::{attesting::Published, config, turns::keep as keep_turning};

const LOOK_EVERY: Duration = Duration::from_secs(1);
const NOT_SHARED: &str = "datasets are not shared";

/// Keeps a folder and a flow in step until the task is aborted. What cannot be read or written is said once.
pub(crate) async fn keep(folder: PathBuf, published: Option<Published>, flow: Arc<Flow>) {
    let mut folder = Folder { path: folder, seen: BTreeMap::new(), published, pause: None };
    // What was there at the start is known already.
    folder.seen = folder.stamps().unwrap_or_default();
    keep_turning(LOOK_EVERY, NOT_SHARED, (folder, flow), |(folder, flow)| folder.turn(flow)).await;
}

/// Writes down what was learned since the last turn; what cannot be written is tried again at the next.
///
/// Errors: a report: some of it could not be written.
pub(crate) fn write_learned(folder: &Path, flow: &Flow) -> miette::Result<()> {
    let mut outcome = Ok(());
    for dataset in flow.take_learned() {
        let written = put(folder, &dataset, &mut |there| flow.admit(there).is_ok());
        if written.is_err() && !flow.remember(&dataset) {
            tracing::warn!("{NOT_SHARED}: too many wait to be written; one has to be sent again");
        }
        outcome = outcome.and(written.map(drop));
    }
    outcome
}

/// A dataset in the folder, as one of its files now has it.
#[derive(Debug)]
pub(crate) struct Put {
    /// How many batches that file has.
    pub(crate) batches: u64,
    /// How many of them it did not have before.
    pub(crate) added: u64,
}

/// Files of one dataset at most.
const FILES_MAX: usize = 16;
/// Held by whoever writes into the folder: consoles and gateways add to the same files.
const LOCK: &str = ".datasets.lock";

/// Puts a dataset that is believed where gateways look, beside the batches of it that are there.
///
/// The name is the dataset's id, so two gateways that learn the same one write the same file. A file is believed whole or
/// not at all: what is there and is not believed by `believe`, or is full, stays as it is, and the dataset gets a file more.
///
/// Bounds: [`FILES_MAX`] files of a dataset, each of [`DATASET_FILE_BYTES_MAX`].
/// Errors: a report: the folder cannot be read or written to, or all files of the dataset are full or not believed.
pub(crate) fn put(
    folder: &Path,
    dataset: &DatasetFile,
    believe: &mut dyn FnMut(&DatasetFile) -> bool,
) -> miette::Result<Put> {
    std::fs::create_dir_all(folder).into_diagnostic()?;
    let lock = std::fs::OpenOptions::new().create(true).append(true).open(folder.join(LOCK));
    let lock = lock.into_diagnostic().wrap_err("the lock of the folder of datasets")?;
    lock.lock().into_diagnostic()?;
    let id = dataset.manifest.id();
    for number in 1..=FILES_MAX {
        let more = if number == 1 { String::new() } else { format!("-{number}") };
        let path = folder.join(format!("{id}{more}.dataset.json"));
        let Some(there) = receipts_in(&path, believe)? else { continue };
        let mut known: BTreeSet<String> = there.iter().map(|receipt| receipt.entry.clone()).collect();
        let new = dataset.receipts.iter().filter(|receipt| known.insert(receipt.entry.clone()));
        let new: Vec<_> = new.cloned().collect();
        let added = new.len() as u64;
        let whole = DatasetFile {
            manifest: dataset.manifest.clone(),
            receipts: there.into_iter().chain(new).collect(),
        };
        let text = whole.to_json();
        if text.len() > DATASET_FILE_BYTES_MAX {
            continue;
        }
        if added > 0 {
            durable::replace(&path, text.as_bytes()).into_diagnostic()?;
        }
        return Ok(Put { batches: whole.receipts.len() as u64, added });
    }
    Err(miette!(
        help = "look into them with `eosin config check`, and take away what nobody needs",
        "the {FILES_MAX} files of dataset {id} in {} are full or not believed",
        folder.display()
    ))
}

/// The receipts that a file has; none where there is no file; nothing where it is not believed, or is no dataset file as
/// this version reads them: a later one may.
///
/// Errors: a report: it is there and cannot be read.
fn receipts_in(
    path: &Path,
    believe: &mut dyn FnMut(&DatasetFile) -> bool,
) -> miette::Result<Option<Vec<BatchReceipt>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Some(Vec::new())),
        Err(error) => return Err(error).into_diagnostic(),
    };
    let mut bytes = Vec::new();
    file.take(DATASET_FILE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).into_diagnostic()?;
    let there = DatasetFile::parse(&bytes).ok().filter(|there| believe(there));
    Ok(there.map(|there| there.receipts))
}

struct Folder {
    path: PathBuf,
    /// The files that were looked at, as they were then.
    seen: BTreeMap<PathBuf, Stamp>,
    /// What makes files of what this gateway attests.
    published: Option<Published>,
    /// Since something could not be written.
    pause: Option<Pause>,
}

/// Before what could not be written is tried again: it may be long, and all of it is verified for it.
#[derive(Clone, Debug)]
struct Pause {
    says: String,
    /// Turns until then, and how many there were at first.
    left: u32,
    length: u32,
}

/// Turns of the longest pause: about a minute.
const PAUSE_MAX: u32 = 60;

/// When a file was last changed, and its length.
type Stamp = (Option<SystemTime>, u64);

impl Folder {
    fn turn(&mut self, flow: &Flow) -> miette::Result<()> {
        // Not taken for seen: another may write into the same file before it is looked at below.
        let mut outcome = self.write(flow);
        match self.published.as_mut().map_or(Ok(Vec::new()), Published::turn) {
            // What it attested it knows.
            Ok(written) => {
                let stamps = written.into_iter().filter_map(|path| stamp(&path).map(|stamp| (path, stamp)));
                self.seen.extend(stamps);
            }
            Err(report) => outcome = outcome.and(Err(report)),
        }
        let stamps = self.stamps()?;
        self.seen.retain(|path, _| stamps.contains_key(path));
        for (path, stamp) in stamps {
            if self.seen.get(&path) == Some(&stamp) {
                continue;
            }
            let taken = config::dataset_file(&path).and_then(|dataset| {
                flow.admit(&dataset)
                    .map(drop)
                    .into_diagnostic()
                    .wrap_err_with(|| format!("{} is not believed", path.display()))
            });
            // Said of each file, once: it is not looked at again before it changes.
            if let Err(report) = taken {
                tracing::warn!("{NOT_SHARED}: {report:#}");
            }
            self.seen.insert(path, stamp);
        }
        outcome
    }

    /// Writes what was learned, unless that failed a short while ago.
    fn write(&mut self, flow: &Flow) -> miette::Result<()> {
        if let Some(pause) = &mut self.pause
            && pause.left > 0
        {
            pause.left -= 1;
            return Err(miette!("{}", pause.says));
        }
        let length = self.pause.take().map_or(1, |pause| (pause.length * 2).min(PAUSE_MAX));
        write_learned(&self.path, flow).map_err(|report| {
            let says = format!("{report:#}");
            self.pause = Some(Pause { says: says.clone(), left: length, length });
            miette!("{says}")
        })
    }

    fn stamps(&self) -> miette::Result<BTreeMap<PathBuf, Stamp>> {
        let files = config::dataset_files(&self.path)?;
        Ok(files.into_iter().filter_map(|path| stamp(&path).map(|stamp| (path, stamp))).collect())
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let known = std::fs::metadata(path).ok()?;
    Some((known.modified().ok(), known.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dataset(entries: &[&str]) -> DatasetFile {
        let receipts: Vec<_> =
            entries.iter().map(|entry| serde_json::json!({ "entry": entry, "proof": "p" })).collect();
        let manifest = serde_json::json!({
            "name": "elsewhere", "source": {"kind": "generator", "name": "story"}, "subject": "synthetic",
            "authorship": "algorithm", "method": "rule-based", "salt": "AaXI-qqD9xcI3Pd2DefVCw",
            "objects": {"p": {"content": ["LastName"], "identity": ["LastName"]}},
        });
        let file = serde_json::json!({ "eosin": "dataset@1", "manifest": manifest, "receipts": receipts });
        DatasetFile::parse(file.to_string().as_bytes()).unwrap()
    }

    fn entries(file: &Path) -> Vec<String> {
        config::dataset_file(file).unwrap().receipts.into_iter().map(|one| one.entry).collect()
    }

    #[test]
    fn what_was_known_of_a_dataset_stays_when_more_of_it_is_put() {
        let folder = tempfile::tempdir().unwrap();
        for (entries, batches, added) in
            [(&["a", "b"][..], 2, 2), (&["b", "c", "c"], 3, 1), (&["a"], 3, 0), (&["d"], 4, 1)]
        {
            let kept = put(folder.path(), &dataset(entries), &mut |_| true).unwrap();
            assert_eq!((kept.batches, kept.added), (batches, added), "{entries:?}");
        }
        let files = config::dataset_files(folder.path()).unwrap();
        let [file] = files.as_slice() else { panic!("{files:?}") };
        assert_eq!(entries(file), ["a", "b", "c", "d"]);
        for other in [&b"damaged"[..], b"\xff", br#"{"eosin":"dataset@2"}"#] {
            durable::replace(file, other).unwrap();
            put(folder.path(), &dataset(&["e"]), &mut |_| true).unwrap();
            assert_eq!(std::fs::metadata(file).unwrap().len(), other.len() as u64);
        }
        assert_eq!(config::dataset_files(folder.path()).unwrap().len(), 2);
    }

    #[test]
    fn what_is_not_believed_stays_and_spoils_nothing_new() {
        let folder = tempfile::tempdir().unwrap();
        put(folder.path(), &dataset(&["stale"]), &mut |_| true).unwrap();
        let mut believe = |there: &DatasetFile| there.receipts.iter().all(|one| one.entry != "stale");
        for (entries, batches, added) in [(&["stale", "a"][..], 2, 2), (&["b"], 1, 1), (&["b", "c"], 2, 1)] {
            let kept = put(folder.path(), &dataset(entries), &mut believe).unwrap();
            assert_eq!((kept.batches, kept.added), (batches, added), "{entries:?}");
        }
        let files = config::dataset_files(folder.path()).unwrap();
        let found: Vec<Vec<String>> = files.iter().map(|file| entries(file)).collect();
        assert_eq!(found, [vec!["stale", "a"], vec!["b", "c"], vec!["stale"]]);
    }

    #[test]
    fn what_cannot_be_read_is_not_written_over_and_full_files_are_said() {
        let folder = tempfile::tempdir().unwrap();
        let id = dataset(&["a"]).manifest.id();
        let place = folder.path().join(format!("{id}.dataset.json"));
        std::fs::create_dir(&place).unwrap();
        assert!(put(folder.path(), &dataset(&["a"]), &mut |_| true).is_err());
        assert!(place.is_dir());
        std::fs::remove_dir(&place).unwrap();
        for _ in 0..FILES_MAX {
            put(folder.path(), &dataset(&["a"]), &mut |_| false).unwrap();
        }
        let report = put(folder.path(), &dataset(&["a"]), &mut |_| false).unwrap_err();
        assert!(report.to_string().contains("full or not believed"), "{report}");
    }

    #[test]
    fn many_who_add_at_once_lose_nothing() {
        let folder = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for who in 0..4 {
                let at = folder.path();
                scope.spawn(move || {
                    for number in 0..12 {
                        put(at, &dataset(&[&format!("{who}-{number}")]), &mut |_| true).unwrap();
                    }
                });
            }
        });
        let files = config::dataset_files(folder.path()).unwrap();
        let [file] = files.as_slice() else { panic!("{files:?}") };
        assert_eq!(entries(file).len(), 48);
    }
}
