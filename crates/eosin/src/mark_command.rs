//! `eosin mark`: seals the records of a file as one dataset, logs it, and writes the marked file.
//!
//! The file is read twice, a chunk at a time: first to see which fields there are, then to seal. The ledger comes
//! before the result: what is written under OUT was logged, and OUT is there whole or not at all.

use std::path::Path;

use ledger::{COMMIT_ENTRIES_MAX, CommitError, Ledger};
use mark::{BatchEntry, BatchReceipt, DatasetFile, MANIFEST_BYTES_MAX};
use miette::{IntoDiagnostic as _, WrapErr as _, miette};

use crate::{
    arguments::MarkArguments,
    config::Config,
    input::{self, STANDARD_INPUT},
    keys,
    outcome::{Done, Outcome},
    printer::Printer,
};

mod plan;
mod progress;
mod sealing;
mod summary;
mod survey;
mod writing;

use plan::Plan;
use summary::Summary;
use writing::Writing;

/// Marks a file.
///
/// Errors: a report, exit code 2, and neither OUT nor its dataset file is there.
pub(crate) fn mark(arguments: &MarkArguments, printer: &Printer) -> Done {
    let out_dataset = input::dataset_beside(&arguments.out);
    may_write(&arguments.input, &arguments.out, &out_dataset)?;
    let config = Config::load(&arguments.config)?;
    let plan = Plan::of(arguments, &config)?;

    let surveyed = survey::survey(arguments, plan.subject, printer)?;
    let manifest = plan.manifest(surveyed.objects, keys::salt()?);
    let length = manifest.to_canonical().len();
    if length > MANIFEST_BYTES_MAX {
        return Err(miette!(
            help = "mark objects in files of their own",
            "the manifest would have {length} bytes, more than {MANIFEST_BYTES_MAX}: too many fields"
        ));
    }

    // The ledger is opened before sealing: that somebody else is writing to it is known early.
    let signer = keys::signer(&config.ledger.signer)?;
    let mut ledger = Ledger::open(&config.ledger.folder, signer)
        .into_diagnostic()
        .wrap_err_with(|| format!("cannot write to the ledger in {}", config.ledger.folder.display()))?;
    let mut out = Writing::begin(&arguments.out)?;
    let sealed = sealing::seal_file(arguments, &manifest, surveyed.records, &mut out, printer)?;
    out.sync()?;

    let logged = log(&mut ledger, &sealed)?;
    let file = DatasetFile { manifest, receipts: logged.receipts };
    let placed = ledger::durable::replace(&out_dataset, file.to_json().as_bytes())
        .into_diagnostic()
        .and_then(|()| out.finish())
        .wrap_err_with(|| {
            format!(
                "the dataset is logged at {} to {} of `{}`, but {} is not there; mend the cause and mark again",
                logged.first,
                logged.last,
                ledger.origin(),
                arguments.out.display()
            )
        });
    if placed.is_err() {
        // A dataset file without its records would only confuse.
        drop(std::fs::remove_file(&out_dataset));
    }
    placed?;
    let summary = Summary {
        manifest: &file.manifest,
        records: &surveyed.by_object,
        assumed: surveyed.assumed.as_deref(),
        batches: sealed.len(),
        origin: ledger.origin(),
        first: logged.first,
        last: logged.last,
        out: &arguments.out,
        out_dataset: &out_dataset,
        config: &config,
        config_as_given: &arguments.config,
    };
    if arguments.json {
        printer.line(&summary.to_json());
    } else {
        summary.print(printer);
    }
    if let Some(cause) = logged.unpublished_because {
        printer.note(&format!("The ledger holds the dataset and could not publish it yet: {cause}"));
    }
    Ok(Outcome::Clean)
}

/// Whether the result has a place: nothing is overwritten, least of all what is read.
fn may_write(from: &Path, out: &Path, out_dataset: &Path) -> miette::Result<()> {
    if from == Path::new(STANDARD_INPUT) {
        return Err(miette!("IN is read twice, so it cannot be standard input; save it to a file first"));
    }
    let real = |path: &Path| std::fs::canonicalize(path).ok();
    if real(from).is_some() && real(from) == real(out) {
        return Err(miette!(help = "name another file with `--out`", "OUT is IN: {}", out.display()));
    }
    for path in [out, out_dataset] {
        if path.exists() {
            return Err(miette!(
                help = "name another file with `--out`, or move this one away",
                "{} is there already, and nothing is overwritten",
                path.display()
            ));
        }
    }
    Ok(())
}

struct LoggedBatches {
    receipts: Vec<BatchReceipt>,
    first: u64,
    last: u64,
    unpublished_because: Option<String>,
}

/// Commits every batch, then takes the receipts, all under the last checkpoint.
fn log(ledger: &mut Ledger, entries: &[BatchEntry]) -> miette::Result<LoggedBatches> {
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
    // What cannot be published now is in the journal, and provable all the same.
    let unpublished_because = ledger.publish().err().map(|error| error.to_string());
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
    Ok(LoggedBatches {
        first: place(logged.first()),
        last: place(logged.last()),
        receipts,
        unpublished_because,
    })
}

/// What to call a file in a command that a person copies.
fn shown(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte));
    if plain { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn nothing_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let from = folder.path().join("in.csv");
        let (out, out_dataset) = (folder.path().join("out.csv"), folder.path().join("out.csv.dataset.json"));
        ledger::durable::replace(&from, b"a,b\n1,2\n").unwrap();
        assert!(may_write(&from, &out, &out_dataset).is_ok());
        let same = folder.path().join("./in.csv");
        assert!(may_write(&from, &same, &out_dataset).unwrap_err().to_string().starts_with("OUT is IN"));
        ledger::durable::replace(&out_dataset, b"x").unwrap();
        assert!(
            may_write(&from, &out, &out_dataset).unwrap_err().to_string().contains("nothing is overwritten")
        );
        let standard_input = PathBuf::from(STANDARD_INPUT);
        assert!(may_write(&standard_input, &out, &out).unwrap_err().to_string().contains("read twice"));
    }

    #[test]
    fn a_shown_path_can_be_pasted() {
        assert_eq!(shown(Path::new("a/b-c.csv")), "a/b-c.csv");
        assert_eq!(shown(Path::new("it's here.csv")), r"'it'\''s here.csv'");
    }
}
