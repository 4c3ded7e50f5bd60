//! `eosin ledger`: check a ledger whole, or take a proof out of it for somebody who does not trust us.

use std::path::{Path, PathBuf};

use crate::{arguments::LedgerCommand, config::Config, outcome::Done, printer::Printer};

mod prove;
mod verify;

/// Runs one of the ledger's commands.
pub(crate) fn ledger(command: &LedgerCommand, printer: &Printer) -> Done {
    match command {
        LedgerCommand::Verify { folder, vkey, config, json } => {
            let (folder, vkey) = if let (Some(folder), Some(vkey)) = (folder, vkey) {
                (folder.clone(), vkey.clone())
            } else {
                let known = Config::load(config)?.ledger;
                (folder.clone().unwrap_or(known.folder), vkey.clone().unwrap_or(known.vkey))
            };
            verify::verify(&folder, &vkey, *json, printer)
        }
        LedgerCommand::Prove { index, out, folder, config, json } => {
            let (folder, vkey) = match folder {
                // Without a configuration there is no key to check the proof with: its reader has one.
                Some(folder) if !config.exists() => (folder.clone(), None),
                Some(folder) => (folder.clone(), key_of(folder, &Config::load(config)?)),
                None => {
                    let known = Config::load(config)?.ledger;
                    (known.folder, Some(known.vkey))
                }
            };
            prove::prove(*index, out.as_deref(), &folder, vkey.as_deref(), *json, printer)
        }
    }
}

/// The configuration's key, if it is the key of the ledger in this folder.
fn key_of(folder: &Path, config: &Config) -> Option<PathBuf> {
    let same = std::path::absolute(folder).is_ok_and(|folder| folder == config.ledger.folder);
    same.then(|| config.ledger.vkey.clone())
}
