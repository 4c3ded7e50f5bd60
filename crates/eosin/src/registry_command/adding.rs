//! `eosin registry add` and `forget`: the records of marked files, each proved first.

use std::path::{Path, PathBuf};

use ledger::Ledger;
use mark::{Reading, TrustStore, Verdict, judge};
use miette::{IntoDiagnostic as _, WrapErr as _, miette};
use recognise::{PersonTag, fingerprints};
use registry::{Additions, Loss, Registry};

use super::{Place, Rows};
use crate::{
    config, input, keys,
    mark_command::{logging, registering::log_snapshot},
    outcome::{Done, Outcome},
    printer::{Printer, plural},
    registered::LastLogged,
    wiring,
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
/// proved is counted, and the exit code is then 1. It is 2 where the registry was lost and is not the same again.
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
    let held = Registry::open(&place.files.folder).into_diagnostic()?.map(|held| held.snapshot());
    let before = held.map_or(0, |held| held.entries);
    let last = LastLogged::find(&place.config, key.id())?;
    let behind = last.filter(|last| last.is_after(held.as_ref()));
    // Adding is how a lost registry is made again; nothing else is done to it until then.
    if let Some(behind) = behind.filter(|_| change == Change::Forget) {
        behind.allows(&place.files, held.as_ref())?;
    }
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
    if let Some(behind) = behind.filter(|behind| !behind.is_lost) {
        log_loss(&behind, &mut ledger)?;
    }
    let snapshot = additions.commit().into_diagnostic().wrap_err("cannot change the registry")?;
    let lacking = behind.filter(|last| !last.is_the_same(&snapshot));
    let place = match (lacking, last.filter(|last| last.snapshot == snapshot)) {
        (Some(_), _) => "not logged".to_owned(),
        (None, Some(last)) => format!("logged in entry {}", last.entry),
        (None, None) => format!("logged in entry {}", log_snapshot(&snapshot, &mut ledger)?),
    };
    if let Err(cause) = ledger.publish() {
        printer.note(&format!("The ledger holds what was done and could not publish it yet: {cause}"));
    }
    let what = done.told(change, snapshot.entries.saturating_sub(before));
    printer.line(&format!("{what}; the registry has {} entries, {place}.", snapshot.entries));
    tell_unproved(&done, printer);
    if let Some(last) = lacking {
        tell_lacking(&last, snapshot.entries, printer);
        return Ok(Outcome::CouldNotTell);
    }
    Ok(if done.unproved == 0 { Outcome::Clean } else { Outcome::Findings })
}

fn tell_unproved(done: &Counts, printer: &Printer) {
    if done.unproved > 0 {
        printer.note(&format!(
            "{} no mark that is proved to be of synthetic data: passed over.",
            plural(done.unproved, "record has", "records have")
        ));
    }
}

fn tell_lacking(last: &LastLogged, entries: u64, printer: &Printer) {
    let logged = last.snapshot.entries;
    printer.note(&format!(
        "It is not what it was: entry {} of the ledger logs {logged} entries, and {}. Until it is the same, nothing is \
         judged or certified by it. Add every other file that was marked; if some are gone, or others were added to it \
         since, `eosin registry accept --reason` takes what there is.",
        last.entry,
        if entries < logged { "some are missing" } else { "these are not the same" },
    ));
}

/// Logs that what the ledger knew last is not there, before anything is added to what is.
fn log_loss(last: &LastLogged, ledger: &mut Ledger) -> miette::Result<()> {
    let loss = Loss { lost: last.snapshot, entry: last.entry };
    let logged = ledger.commit(vec![loss.entry_bytes(&wiring::moment())], Clone::clone);
    logged.into_diagnostic().wrap_err("that the registry was lost was not logged, so it was not added to")?;
    Ok(())
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
