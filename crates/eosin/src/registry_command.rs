//! `eosin registry`: what the registry holds, whether it is whole, and proofs of what is in it and what is not.
//!
//! Values of records are read from files or standard input and never named: what is printed are counts, kinds and
//! fingerprints under the organisation's key.

use std::path::Path;

use miette::{IntoDiagnostic as _, WrapErr as _, miette};
use registry::{Registry, Snapshot};

use crate::{
    column_maps::ColumnMaps,
    config::{Config, RegistryFiles},
    keys,
    outcome::{Done, Outcome},
    printer::{Printer, Style},
    registered::{self, LastLogged, entry_of},
};

mod accepting;
mod adding;
mod arguments;
mod proving;

use arguments::MarkedFiles;
pub(crate) use arguments::RegistryCommand;

/// Does what is asked of the registry of a configuration.
///
/// Errors: a report, exit code 2: no registry in the configuration, none that can be read, another writer.
pub(crate) fn registry(command: &RegistryCommand, printer: &Printer) -> Done {
    match command {
        RegistryCommand::Status { config, json } => status(&Place::of(config)?, *json, printer),
        RegistryCommand::Verify { config, json } => verify(&Place::of(config)?, *json, printer),
        RegistryCommand::Prove { record, object, map, out, config } => {
            let rows = Rows { object: object.as_deref(), columns: ColumnMaps::asked(map.as_deref())? };
            proving::prove(&Place::of(config)?, record, &rows, out, printer)
        }
        RegistryCommand::Add { marked: MarkedFiles { files, datasets, object }, map, config } => {
            let rows = Rows { object: object.as_deref(), columns: ColumnMaps::asked(map.as_deref())? };
            adding::change(&Place::of(config)?, adding::Change::Add, files, datasets, &rows, printer)
        }
        RegistryCommand::Accept { reason, by, config } => {
            accepting::accept(&Place::of(config)?, reason, by.as_deref(), printer)
        }
        RegistryCommand::Forget { marked: MarkedFiles { files, datasets, object }, config } => {
            let rows = Rows { object: object.as_deref(), columns: ColumnMaps::default() };
            adding::change(&Place::of(config)?, adding::Change::Forget, files, datasets, &rows, printer)
        }
    }
}

/// What the rows of tables are, as far as the command line says.
struct Rows<'a> {
    object: Option<&'a str>,
    columns: ColumnMaps,
}

/// A configuration and the registry that it names.
struct Place {
    config: Config,
    files: RegistryFiles,
}

impl Place {
    fn of(config: &Path) -> miette::Result<Self> {
        let config = Config::load(config)?;
        let files = config.registry.clone().ok_or_else(|| {
            miette!(
                help = "add `[registry]` with `folder` and `key` to it; docs/config.md says how",
                "{} has no registry",
                config.file.display()
            )
        })?;
        Ok(Self { config, files })
    }

    /// The registry as it is now.
    fn open(&self) -> miette::Result<Registry> {
        let opened = Registry::open(&self.files.folder)
            .into_diagnostic()
            .wrap_err_with(|| format!("cannot read the registry in {}", self.files.folder.display()))?;
        if opened.is_none() {
            let key = keys::registry_key(&self.files.key)?.id();
            registered::check(&self.config, &self.files, key, None)?;
        }
        opened.ok_or_else(|| {
            miette!(
                help = "`eosin mark` adds what it marks; `eosin registry add` adds what was marked before",
                "the registry in {} is empty",
                self.files.folder.display()
            )
        })
    }

    /// Where in the ledger a snapshot is logged; the latest place, if there are several.
    fn logged_at(&self, snapshot: &Snapshot) -> miette::Result<Option<u64>> {
        entry_of(&self.config.ledger.folder, snapshot)
    }

    /// What the ledger says of a snapshot.
    fn logged(&self, snapshot: &Snapshot) -> miette::Result<InLedger> {
        let last = LastLogged::find(&self.config, snapshot.key)?;
        let at = match last.filter(|last| last.snapshot == *snapshot) {
            Some(last) => Some(last.entry),
            None => self.logged_at(snapshot)?,
        };
        Ok(InLedger { at, after: last.filter(|last| last.is_after(Some(snapshot))) })
    }
}

/// What the ledger says of a snapshot.
struct InLedger {
    at: Option<u64>,
    /// The one that was logged after it, if it is not the last.
    after: Option<LastLogged>,
}

impl InLedger {
    fn outcome(&self) -> Outcome {
        if self.at.is_some() && self.after.is_none() { Outcome::Clean } else { Outcome::Findings }
    }
}

fn status(place: &Place, json: bool, printer: &Printer) -> Done {
    let registry = place.open()?;
    let snapshot = registry.snapshot();
    let logged = place.logged(&snapshot)?;
    tell(place, &snapshot, &logged, json, printer);
    Ok(logged.outcome())
}

fn verify(place: &Place, json: bool, printer: &Printer) -> Done {
    let registry = place.open()?;
    let snapshot = registry.verify().into_diagnostic().wrap_err(
        "the registry is not what was written; restore its folder from a backup, or add every file again",
    )?;
    let logged = place.logged(&snapshot)?;
    tell(place, &snapshot, &logged, json, printer);
    if !json {
        printer.line("");
        printer.line(&match &logged {
            InLedger { after: Some(_), .. } => printer.paint(
                Style::Stop,
                "The registry is whole, and it is not the last that was logged: restore that one, or add every marked \
                 file again, or `eosin registry accept` this one.",
            ),
            InLedger { at: Some(_), .. } => printer.paint(
                Style::Good,
                "Every entry was read and the root computed again: it is the logged one.",
            ),
            InLedger { at: None, .. } => {
                printer.paint(Style::Stop, "The registry is whole, and its root is not in the ledger.")
            }
        });
    }
    Ok(logged.outcome())
}

fn tell(place: &Place, snapshot: &Snapshot, logged: &InLedger, json: bool, printer: &Printer) {
    if json {
        let told = serde_json::json!({
            "folder": place.files.folder.display().to_string(),
            "entries": snapshot.entries,
            "generation": snapshot.generation,
            "key": snapshot.key.to_string(),
            "root": snapshot.root.to_hex(),
            "logged": logged.at,
            "last": logged.after.map(|last| {
                serde_json::json!({
                    "entry": last.entry,
                    "generation": last.snapshot.generation,
                    "entries": last.snapshot.entries,
                    "lost": last.is_lost,
                })
            }),
        });
        printer.line(&told.to_string());
        return;
    }
    let row = |name: &str, value: &str| printer.line(&format!("  {name:<12}{value}"));
    printer.line(&printer.paint(Style::Strong, &format!("The registry in {}", place.files.folder.display())));
    row("entries", &snapshot.entries.to_string());
    row("generation", &snapshot.generation.to_string());
    row("key", &snapshot.key.to_string());
    row("root", &snapshot.root.to_hex());
    match logged.at {
        Some(entry) => row("logged", &format!("in entry {entry} of the ledger")),
        None if logged.after.is_some() => row("logged", "no"),
        None => row("logged", "not yet; the next `eosin mark` or `eosin registry add` logs it"),
    }
    if let Some(last) = logged.after {
        let (entry, generation, entries) = (last.entry, last.snapshot.generation, last.snapshot.entries);
        let what = if last.is_lost {
            "lost and being made again"
        } else if snapshot.generation < generation {
            "an older snapshot"
        } else if snapshot.entries < entries {
            "it holds less"
        } else {
            "another snapshot"
        };
        row(
            "but",
            &format!(
                "{what}: entry {entry} of the ledger logs generation {generation} with {entries} entries"
            ),
        );
    }
}
