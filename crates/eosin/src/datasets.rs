//! The folder of known datasets while a gateway runs: what it learns is written there, what others write is taken up.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use flow::Flow;
use ledger::durable;
use mark::{DATASET_FILE_BYTES_MAX, DatasetFile};
use miette::{IntoDiagnostic as _, WrapErr as _, miette};

use crate::{attesting::Published, config, turns::keep as keep_turning};

const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Keeps a folder and a flow in step until the task is aborted. What cannot be read or written is said once.
pub(crate) async fn keep(folder: PathBuf, published: Option<Published>, flow: Arc<Flow>) {
    let mut folder = Folder { path: folder, seen: BTreeMap::new(), published };
    // What was there at the start is known already.
    folder.seen = folder.stamps().unwrap_or_default();
    keep_turning(LOOK_EVERY, "datasets are not shared", (folder, flow), |(folder, flow)| folder.turn(flow))
        .await;
}

/// A dataset in the folder, as it is there now.
pub(crate) struct Put {
    path: PathBuf,
    /// How many batches its file has.
    pub(crate) batches: u64,
    /// How many of them it did not have before.
    pub(crate) added: u64,
}

/// Puts a dataset that is believed where gateways look, beside the batches of it that are there.
///
/// The name is the dataset's id, so two gateways that learn the same one write the same file.
///
/// Errors: a report: the folder cannot be written to, or the dataset is longer than a file of one may be.
pub(crate) fn put(folder: &Path, mut dataset: DatasetFile) -> miette::Result<Put> {
    std::fs::create_dir_all(folder).into_diagnostic()?;
    let path = folder.join(format!("{}.dataset.json", dataset.manifest.id()));
    // One that cannot be read is of no use to anybody, and is replaced.
    let there = config::dataset_file(&path).map(|there| there.receipts).unwrap_or_default();
    let mut known: BTreeSet<String> = there.iter().map(|receipt| receipt.entry.clone()).collect();
    let given = std::mem::replace(&mut dataset.receipts, there);
    let new: Vec<_> = given.into_iter().filter(|receipt| known.insert(receipt.entry.clone())).collect();
    let added = new.len() as u64;
    dataset.receipts.extend(new);
    let text = dataset.to_json();
    if text.len() > DATASET_FILE_BYTES_MAX {
        return Err(miette!("{} would be longer than {DATASET_FILE_BYTES_MAX} bytes", path.display()));
    }
    durable::replace(&path, text.as_bytes()).into_diagnostic()?;
    Ok(Put { path, batches: dataset.receipts.len() as u64, added })
}

struct Folder {
    path: PathBuf,
    /// The files that were looked at, as they were then.
    seen: BTreeMap<PathBuf, Stamp>,
    /// What makes files of what this gateway attests.
    published: Option<Published>,
}

/// When a file was last changed, and its length.
type Stamp = (Option<SystemTime>, u64);

impl Folder {
    fn turn(&mut self, flow: &Flow) -> miette::Result<()> {
        let mut outcome = Ok(());
        for dataset in flow.take_learned() {
            outcome = outcome.and(self.write(dataset));
        }
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
            outcome = outcome.and(taken);
            self.seen.insert(path, stamp);
        }
        outcome
    }

    fn write(&mut self, dataset: DatasetFile) -> miette::Result<()> {
        let path = put(&self.path, dataset)?.path;
        if let Some(stamp) = stamp(&path) {
            self.seen.insert(path, stamp);
        }
        Ok(())
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

    #[test]
    fn what_was_known_of_a_dataset_stays_when_more_of_it_is_put() {
        let folder = tempfile::tempdir().unwrap();
        for (entries, batches, added) in
            [(&["a", "b"][..], 2, 2), (&["b", "c", "c"], 3, 1), (&["a"], 3, 0), (&["d"], 4, 1)]
        {
            let kept = put(folder.path(), dataset(entries)).unwrap();
            assert_eq!((kept.batches, kept.added), (batches, added), "{entries:?}");
        }
        let files = config::dataset_files(folder.path()).unwrap();
        let [file] = files.as_slice() else { panic!("{files:?}") };
        let there = config::dataset_file(file).unwrap().receipts;
        assert_eq!(there.iter().map(|one| one.entry.as_str()).collect::<Vec<_>>(), ["a", "b", "c", "d"]);
        durable::replace(file, b"damaged").unwrap();
        assert_eq!(put(folder.path(), dataset(&["e"])).unwrap().batches, 1);
    }
}
