//! The ledger's part: every batch committed, then proved under the last checkpoint.

use ledger::{COMMIT_ENTRIES_MAX, CommitError, Ledger};
use mark::{BatchEntry, BatchReceipt};
use miette::{IntoDiagnostic as _, WrapErr as _, miette};

use crate::{config::Config, keys};

/// What the ledger did.
#[derive(Debug)]
pub(super) struct LoggedBatches {
    /// One a batch, in order.
    pub(super) receipts: Vec<BatchReceipt>,
    /// Place of the first batch.
    pub(super) first: u64,
    /// Place of the last.
    pub(super) last: u64,
}

/// Opens the ledger to write to it.
pub(crate) fn open(config: &Config) -> miette::Result<Ledger> {
    let signer = keys::signer(&config.ledger.signer)?;
    Ledger::open(&config.ledger.folder, signer)
        .into_diagnostic()
        .wrap_err_with(|| format!("cannot write to the ledger in {}", config.ledger.folder.display()))
}

/// Commits every batch, then takes the receipts, all under the last checkpoint.
pub(super) fn log(ledger: &mut Ledger, entries: &[BatchEntry]) -> miette::Result<LoggedBatches> {
    let mut logged = Vec::with_capacity(entries.len());
    for part in entries.chunks(COMMIT_ENTRIES_MAX) {
        let done = ledger.commit(part.to_vec(), BatchEntry::to_bytes).map_err(|error| {
            let help = match &error {
                CommitError::Refused(_) => "nothing of it is in the ledger; mend the cause and mark again",
                CommitError::Unknown { .. } => {
                    "check the disk, run `eosin ledger verify`, then mark again: batches without a dataset do no harm"
                }
            };
            Err::<(), _>(error)
                .into_diagnostic()
                .wrap_err_with(|| format!("the dataset was not logged, so OUT was not written; {help}"))
                .err()
                .unwrap_or_else(|| miette!("the dataset was not logged"))
        })?;
        logged.extend(done);
    }
    // What cannot be published now is in the journal, and provable all the same: the caller publishes again.
    drop(ledger.publish());
    let mut receipts = Vec::with_capacity(logged.len());
    for entry in &logged {
        let proof = ledger
            .prove(entry.index())
            .into_diagnostic()
            .wrap_err("the ledger cannot prove what it has just logged; run `eosin ledger verify`")?;
        let text = String::from_utf8(entry.item().to_bytes()).into_diagnostic()?;
        receipts.push(BatchReceipt { entry: text, proof: proof.to_string() });
    }
    let place = |entry: Option<&ledger::Logged<BatchEntry>>| entry.map_or(0, ledger::Logged::index);
    Ok(LoggedBatches { first: place(logged.first()), last: place(logged.last()), receipts })
}
