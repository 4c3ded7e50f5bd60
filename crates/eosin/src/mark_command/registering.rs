//! The registry's part: keyed fingerprints of every synthetic record, and the snapshot that holds them, logged.

use std::sync::Arc;

use ledger::Ledger;
use mark::{Record, Subject};
use miette::{IntoDiagnostic as _, WrapErr as _};
use recognise::{Person, PersonTag, RegistryKey, fingerprints};
use registry::{Additions, Snapshot};

use super::{
    columns::Columns,
    sealing::{Found, moment},
};
use crate::{config::Config, keys, registered};

/// Who makes the fingerprints of records.
#[derive(Debug)]
pub(crate) struct Fingerprinter {
    key: RegistryKey,
    columns: Columns,
}

impl Fingerprinter {
    /// Adds the fingerprints of the person that a record is about; none where it is about none.
    pub(crate) fn add(&self, record: &Record<'_>, tag: PersonTag, found: &mut Vec<Found>) {
        let person = match self.columns.map(&record.object) {
            Some(map) => Person::with(record, map),
            None => Person::of(record),
        };
        let made = person.map(|person| fingerprints(&person, &self.key)).unwrap_or_default();
        found.extend(made.into_iter().map(|(_, fingerprint)| (fingerprint, tag)));
    }
}

/// A registry that is being added to.
#[derive(Debug)]
pub(crate) struct Registering {
    additions: Additions,
    fingerprinter: Arc<Fingerprinter>,
    added: u64,
}

/// A registry that was added to.
#[derive(Debug)]
pub(crate) struct Registered {
    /// How many fingerprints were given to it; some may have been there.
    pub(crate) added: u64,
    /// What it holds now.
    pub(crate) snapshot: Snapshot,
}

impl Registering {
    /// Begins, if the configuration has a registry and it is synthetic records that are marked.
    ///
    /// An attested person in the registry would be suspected wherever a mark is missing.
    ///
    /// Errors: a report: no key, another writer, another key than the registry's, or a registry that is older than our
    ///         own ledger knows it: added to, it would look like the latest.
    pub(crate) fn begin(
        subject: Subject,
        config: &Config,
        columns: &Columns,
    ) -> miette::Result<Option<Self>> {
        let registers = subject == Subject::Synthetic;
        let Some(files) = config.registry.as_ref().filter(|_| registers) else { return Ok(None) };
        let key = keys::registry_key(&files.key)?;
        registered::check_folder(config, files, key.id())?;
        let additions = Additions::begin(&files.folder, key.id())
            .into_diagnostic()
            .wrap_err("cannot add to the registry")?;
        let fingerprinter = Arc::new(Fingerprinter { key, columns: columns.clone() });
        Ok(Some(Self { additions, fingerprinter, added: 0 }))
    }

    /// Who makes the fingerprints.
    pub(crate) fn fingerprinter(&self) -> Arc<Fingerprinter> {
        Arc::clone(&self.fingerprinter)
    }

    /// Takes fingerprints.
    pub(crate) fn add(&mut self, found: Vec<Found>) -> miette::Result<()> {
        self.added += found.len() as u64;
        found
            .into_iter()
            .try_for_each(|(fingerprint, tag)| self.additions.add(fingerprint, tag))
            .into_diagnostic()
            .wrap_err("cannot add to the registry")
    }

    /// Makes what was added durable; nothing where nothing was.
    pub(crate) fn commit(self) -> miette::Result<Option<Registered>> {
        if self.added == 0 {
            return Ok(None);
        }
        let snapshot = self.additions.commit().into_diagnostic().wrap_err(
            "the registry was not added to, so OUT was not written; mend the cause and mark again",
        )?;
        Ok(Some(Registered { added: self.added, snapshot }))
    }
}

impl Registered {
    /// Logs the snapshot; its place in the ledger.
    pub(crate) fn log(&self, ledger: &mut Ledger) -> miette::Result<u64> {
        log_snapshot(&self.snapshot, ledger)
    }
}

/// Logs a snapshot; its place in the ledger.
pub(crate) fn log_snapshot(snapshot: &Snapshot, ledger: &mut Ledger) -> miette::Result<u64> {
    let entry = snapshot.entry_bytes(&moment());
    let logged = ledger.commit(vec![entry], Clone::clone).into_diagnostic().wrap_err(
        "the registry's snapshot was not logged; mark again, or `eosin registry add` the marked file",
    )?;
    Ok(logged.first().map_or(0, ledger::Logged::index))
}
