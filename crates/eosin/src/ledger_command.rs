//! `eosin ledger`: check ledgers whole, list what is in them, or take a proof out for somebody who does not trust us.

use std::path::{Path, PathBuf};

use ledger::{ReadError, Reader};
use mark::note::VerifierKey;
use miette::{IntoDiagnostic as _, WrapErr as _, miette};

use crate::{
    arguments::LedgerCommand,
    config::Config,
    keys, operators,
    outcome::{Done, Outcome},
    printer::Printer,
};

mod forks;
pub(crate) mod health;
mod prove;
mod show;
mod verify;
mod witnesses;

use witnesses::Quorum;

/// Runs one of the ledger's commands.
pub(crate) fn ledger(command: &LedgerCommand, printer: &Printer) -> Done {
    match command {
        LedgerCommand::Verify { folders, vkey, witness, quorum, config, json } => {
            let needs_config = folders.is_empty() || vkey.is_empty();
            let known = if needs_config || config.exists() { Some(Config::load(config)?) } else { None };
            let folders = folders_or(folders, known.as_ref());
            let keys = keys_or(vkey, known.as_ref())?;
            let quorum = quorum_or(witness, *quorum, known.as_ref())?;
            // The witnesses of a configuration are those of its own ledger.
            let own = known.as_ref().filter(|_| witness.is_empty());
            let own = own.map(|config| keys::verifier(&config.ledger.vkey)).transpose()?;
            let none = Quorum { witnesses: Vec::new(), needed: 0 };
            let (mut outcome, mut committed) = (Outcome::Clean, Vec::new());
            for (at, folder) in folders.iter().enumerate() {
                if at > 0 && !json {
                    printer.line("");
                }
                let is_own = |own: &VerifierKey| {
                    Reader::open(folder).is_ok_and(|reader| reader.origin() == own.name())
                };
                let quorum = if own.as_ref().is_none_or(is_own) { &quorum } else { &none };
                let (found, leaves) = verify::verify(folder, &keys, quorum, *json, printer)?;
                if found != Outcome::Clean {
                    outcome = Outcome::Findings;
                }
                committed.push(leaves);
            }
            let forks = forks::found(&folders, &committed);
            if forks::told(&forks, *json, printer) { Ok(Outcome::Findings) } else { Ok(outcome) }
        }
        LedgerCommand::Show { folders, kind, boundary, since, last, config, json } => {
            // Ledgers of elsewhere are listed whatever this machine's configuration is, and know other boundaries.
            let known = if folders.is_empty() { Some(Config::load(config)?) } else { None };
            let folders = folders_or(folders, known.as_ref());
            let wanted = show::Wanted::new(kind.as_deref(), boundary.as_deref(), since.as_deref(), *last)?;
            show::show(&folders, &wanted, known.as_ref(), *json, printer)
        }
        LedgerCommand::Prove { place, out, folder, config, json } => {
            // Without a configuration there is no key to check the proof with: its reader has one.
            let needs_config = folder.is_empty();
            let known = if needs_config || config.exists() { Some(Config::load(config)?) } else { None };
            let folders = folders_or(folder, known.as_ref());
            let keys = keys_or(&[], known.as_ref())?;
            let quorum = quorum_or(&[], None, known.as_ref())?;
            let keys = prove::Keys { logs: &keys, quorum: &quorum };
            prove::prove(place, out.as_deref(), &folders, &keys, *json, printer)
        }
    }
}

/// Writes the proof of the entry at `origin#index` in one of these folders, as `eosin ledger prove` does.
pub(crate) fn prove_entry(
    place: &str,
    out: Option<&Path>,
    folders: &[PathBuf],
    config: &Path,
    json: bool,
    printer: &Printer,
) -> Done {
    let known = if config.exists() { Some(Config::load(config)?) } else { None };
    let keys = known.as_ref().map(keys_of).transpose()?.unwrap_or_default();
    let quorum = quorum_or(&[], None, known.as_ref())?;
    prove::prove(place, out, folders, &prove::Keys { logs: &keys, quorum: &quorum }, json, printer)
}

/// The files with the keys of a configuration's ledgers: its own, those it trusts, that of versions and that of operators.
pub(crate) fn key_files(config: &Config) -> Vec<PathBuf> {
    let trusted = config.trust.iter().map(|trust| trust.vkey.clone());
    let versions = config.policy.log.iter().map(|log| log.vkey.clone());
    let operators = Some(config.operators.join(operators::VERIFIER)).filter(|file| file.exists());
    std::iter::once(config.ledger.vkey.clone()).chain(trusted).chain(versions).chain(operators).collect()
}

/// Those keys.
///
/// Errors: a report: one of the files cannot be read.
fn keys_of(config: &Config) -> miette::Result<Vec<Key>> {
    key_files(config).into_iter().map(Key::read).collect()
}

/// The bytes of the entry at `origin#index` in one of these folders.
pub(crate) fn entry(place: &str, folders: &[PathBuf]) -> miette::Result<Vec<u8>> {
    prove::entry(place, folders)
}

/// The ledger in a folder, to be read.
fn opened(folder: &Path) -> miette::Result<Reader> {
    match Reader::open(folder) {
        Err(ReadError::Missing { file }) => Err(absent(folder, &file)),
        opened => opened
            .into_diagnostic()
            .wrap_err_with(|| format!("the ledger in {} cannot be read", folder.display())),
    }
}

/// What is said of a folder without a ledger.
fn absent(folder: &Path, file: &str) -> miette::Report {
    miette!(
        help = "give the folder of a ledger; `eosin init` makes one",
        "there is no ledger in {}: it has no `{file}`",
        folder.display()
    )
}

fn folders_or(folders: &[PathBuf], known: Option<&Config>) -> Vec<PathBuf> {
    match known {
        Some(config) if folders.is_empty() => vec![config.ledger.folder.clone()],
        _ => folders.to_vec(),
    }
}

/// A verifier key and the file it came from.
struct Key {
    file: PathBuf,
    key: VerifierKey,
}

impl Key {
    fn read(file: PathBuf) -> miette::Result<Self> {
        Ok(Self { key: keys::verifier(&file)?, file })
    }
}

/// The keys given, or those of the configuration: its own log's, and the logs that it trusts.
fn keys_or(files: &[PathBuf], known: Option<&Config>) -> miette::Result<Vec<Key>> {
    let own = known.filter(|_| files.is_empty()).map(|config| {
        std::iter::once(config.ledger.vkey.clone()).chain(config.trust.iter().map(|trust| trust.vkey.clone()))
    });
    let files = files.iter().cloned().chain(own.into_iter().flatten());
    files.map(Key::read).collect()
}

/// The witnesses given, or those of the configuration, and how many of them have to have cosigned.
fn quorum_or(files: &[PathBuf], count: Option<usize>, known: Option<&Config>) -> miette::Result<Quorum> {
    let of_config = known.filter(|_| files.is_empty()).map(|config| &config.ledger);
    let theirs = of_config.into_iter().flat_map(|ledger| ledger.witnesses.iter().map(|(_, file)| file));
    let witnesses = keys::witnesses(files.iter().chain(theirs))?;
    let usual = of_config.map_or(witnesses.len(), |ledger| ledger.quorum.min(witnesses.len()));
    let needed = count.unwrap_or(usual);
    if needed > witnesses.len() {
        return Err(miette!(
            help = "name each with `--witness FILE`, or in `[[ledger.witness]]`",
            "a quorum of {needed} cannot be had of {} witnesses",
            witnesses.len()
        ));
    }
    Ok(Quorum { witnesses, needed })
}

/// The key of the log of this name.
///
/// Errors: a report that says whose keys there are.
fn key_of<'k>(origin: &str, folder: &Path, keys: &'k [Key]) -> miette::Result<&'k Key> {
    keys.iter().find(|key| key.key.name() == origin).ok_or_else(|| {
        let names: Vec<&str> = keys.iter().map(|key| key.key.name()).collect();
        miette!(
            help = "give the key of this log with `--vkey FILE`; if one of these should be its key, somebody has put \
                    another log's checkpoint here",
            "the ledger in {} calls itself `{origin}`, and the keys at hand are of {}",
            folder.display(),
            if names.is_empty() { "none".to_owned() } else { format!("`{}`", names.join("`, `")) }
        )
    })
}
