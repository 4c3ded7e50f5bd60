//! The folder of known datasets while a gateway runs: what it learns is written there, what others write is taken up.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use flow::Flow;
use ledger::durable;
use mark::DatasetFile;
use miette::{IntoDiagnostic as _, WrapErr as _};

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
            outcome = outcome.and(self.write(&dataset));
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

    /// The name is the dataset's id, so two gateways that learn the same one write the same file.
    fn write(&mut self, dataset: &DatasetFile) -> miette::Result<()> {
        std::fs::create_dir_all(&self.path).into_diagnostic()?;
        let path = self.path.join(format!("{}.dataset.json", dataset.manifest.id()));
        durable::replace(&path, dataset.to_json().as_bytes()).into_diagnostic()?;
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
