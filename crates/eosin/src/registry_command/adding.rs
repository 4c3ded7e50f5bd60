//! `eosin registry add` and `forget`: the records of marked files, each proved first.

use std::path::{Path, PathBuf};

use mark::{Reading, TrustStore, Verdict, judge};
use miette::{IntoDiagnostic as _, WrapErr as _, miette};
use recognise::{PersonTag, fingerprints};
use registry::{Additions, Registry};

use super::{Place, Rows};
use crate::{
    config, input, keys,
    mark_command::{logging, registering::log_snapshot},
    outcome::{Done, Outcome},
    printer::{Printer, plural},
    registered::{self, LastLogged},
};

/// What is done with the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// Their fingerprints are added.
    Add,
    /// Every fingerprint of theirs is removed.
    Forget,
}

/// What happened to the records of the files.
#[derive(Debug, Default)]
struct Counts {
    records: u64,
    fingerprints: u64,
    unproved: u64,
}

impl Counts {
    /// What was done, where so many entries of the registry are new.
    fn told(&self, change: Change, new: u64) -> String {
        let fingerprints = plural(self.fingerprints, "fingerprint", "fingerprints");
        let records = plural(self.records, "record", "records");
        match change {
            Change::Forget => format!("{records} forgotten"),
            Change::Add if new < self.fingerprints => {
                format!("{fingerprints} of {records} given, {new} of them new")
            }
            Change::Add => format!("{fingerprints} of {records} added"),
        }
    }
}

/// Adds the records of marked files to the registry, or removes them, and logs the new snapshot.
///
/// Only a record whose mark is proved counts: anything else could poison the registry with people. What is not
/// proved is counted, and the exit code is then 1.
///
/// Errors: a report: a file or a dataset that cannot be read; nothing of the registry was changed.
pub(super) fn change(
    place: &Place,
    change: Change,
    files: &[PathBuf],
    datasets: &[PathBuf],
    rows: &Rows<'_>,
    printer: &Printer,
) -> Done {
    let key = keys::registry_key(&place.files.key)?;
    let (mut trust, doubts) = place.config.trust_store()?;
    for doubt in &doubts {
        printer.note(doubt);
    }
    let beside = files.iter().map(|file| input::dataset_beside(file)).filter(|beside| beside.exists());
    for dataset in datasets.iter().cloned().chain(beside) {
        trust
            .admit(&config::dataset_file(&dataset)?)
            .into_diagnostic()
            .wrap_err_with(|| format!("{} is not believed", dataset.display()))?;
    }
    let mut ledger = logging::open(&place.config)?;
    if let Err(behind) = registered::check_folder(&place.config, &place.files, key.id()) {
        // Adding is how a lost registry is made again.
        if change == Change::Forget {
            return Err(behind);
        }
        printer.note(&format!("{behind}. Only what is added now, and what is in it, is known."));
    }
    let before =
        Registry::open(&place.files.folder).into_diagnostic()?.map_or(0, |held| held.snapshot().entries);
    let mut additions = Additions::begin(&place.files.folder, key.id())
        .into_diagnostic()
        .wrap_err("cannot change the registry")?;
    let mut done = Counts::default();
    for file in files {
        read(file, rows.object, &trust, |reading, tag| {
            let Some(tag) = tag else {
                done.unproved += 1;
                return Ok(());
            };
            done.records += 1;
            if change == Change::Forget {
                return additions.forget(tag).into_diagnostic();
            }
            let person = reading.content.as_ref().ok().and_then(|record| rows.columns.person(record));
            for (_, fingerprint) in person.map(|person| fingerprints(&person, &key)).unwrap_or_default() {
                additions.add(fingerprint, tag).into_diagnostic()?;
                done.fingerprints += 1;
            }
            Ok(())
        })?;
    }
    rows.columns.all_met()?;
    let snapshot = additions.commit().into_diagnostic().wrap_err("cannot change the registry")?;
    let known = LastLogged::find(&place.config, key.id())?.filter(|last| last.snapshot == snapshot);
    let entry = match known {
        Some(last) => last.entry,
        None => log_snapshot(&snapshot, &mut ledger)?,
    };
    if let Err(cause) = ledger.publish() {
        printer.note(&format!("The ledger holds the snapshot and could not publish it yet: {cause}"));
    }
    let what = done.told(change, snapshot.entries.saturating_sub(before));
    printer.line(&format!("{what}; the registry has {} entries, logged in entry {entry}.", snapshot.entries));
    if done.unproved > 0 {
        printer.note(&format!(
            "{} no mark that is proved to be of synthetic data: passed over.",
            plural(done.unproved, "record has", "records have")
        ));
    }
    Ok(if done.unproved == 0 { Outcome::Clean } else { Outcome::Findings })
}

/// Gives every record of a file with the tag of its mark, if that is proved.
fn read(
    file: &Path,
    said: Option<&str>,
    trust: &TrustStore,
    mut give: impl FnMut(&Reading<'_>, Option<PersonTag>) -> miette::Result<()>,
) -> miette::Result<()> {
    // A table does not say what its rows are; the dataset of one object that lies beside it does.
    let beside = input::dataset_beside(file);
    let dataset = beside.exists().then(|| config::dataset_file(&beside)).transpose()?;
    let mut objects = dataset.into_iter().flat_map(|dataset| dataset.manifest.objects.into_keys());
    let object = objects.next().filter(|_| objects.next().is_none());
    let mut input = input::open(file, said.or(object.as_deref()))?;
    let mut records = 0_u64;
    while let Some(chunk) = input
        .next_chunk()
        .into_diagnostic()
        .wrap_err_with(|| format!("cannot read {} to its end", file.display()))?
    {
        for reading in chunk.readings() {
            let verdict = judge(&reading, trust);
            let tag = if let Verdict::Synthetic(proof) = &verdict {
                Some(PersonTag::of(proof.mark()))
            } else {
                None
            };
            give(&reading, tag)?;
            records += 1;
        }
    }
    if records == 0 { Err(miette!("there are no records in {}", file.display())) } else { Ok(()) }
}
