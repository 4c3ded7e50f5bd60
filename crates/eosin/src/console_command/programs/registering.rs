//! A dataset that a program hands in: believed as a gateway would believe it, written down, and put where gateways look.

use control::{DatasetRegistered, Problem};
use mark::{AdmitError, DatasetFile};

use super::{Programs, Told, reading};
use crate::{console_command::reception::Present, datasets, judge_command::plain};

/// Characters of what is said of a file that is not believed.
const SAID_MAX: usize = 400;

impl Programs {
    /// Has a dataset known.
    pub(super) fn registered(&self, present: &Present, bytes: &[u8]) -> Told {
        let says = "this configuration names no `folder` in `[datasets]`: there is nowhere to put it";
        let folder = self.config.datasets.as_deref().ok_or_else(|| Problem::new(404, says))?;
        let fault = |status, why: String| {
            Problem::new(status, &plain(&why).chars().take(SAID_MAX).collect::<String>())
        };
        let dataset = DatasetFile::parse(bytes)
            .map_err(|error| fault(422, format!("this is no dataset file: {error}")))?;
        if dataset.receipts.is_empty() {
            return Err(Problem::new(422, "the dataset has no receipt: nothing proves that it was sealed"));
        }
        let mut trust =
            self.config.trusted_logs().map_err(|report| reading::away("the keys of logs", &report))?;
        trust.admit(&dataset).map_err(|error| match error {
            AdmitError::UntrustedLog { .. } => fault(409, error.to_string()),
            _ => fault(422, format!("the dataset is not believed: {error}")),
        })?;
        let id = dataset.manifest.id().to_string();
        self.note(present, "dataset-register", id.clone(), "")?;
        let kept = datasets::put(folder, &dataset, &mut |there| trust.admit(there).is_ok())
            .map_err(|report| reading::away("the folder of datasets", &report))?;
        tracing::info!(dataset = id, batches = kept.batches, "a dataset was registered");
        Ok(reading::value(&DatasetRegistered { dataset: id, batches: kept.batches, added: kept.added }))
    }
}
