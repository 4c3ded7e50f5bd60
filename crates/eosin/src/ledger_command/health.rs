//! Every ledger of a configuration, checked whole: what the console shows when somebody says *verify now*.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use ledger::Reader;
use miette::miette;
use web::LedgerHealth;

use super::{
    Key, keys_of, quorum_or,
    witnesses::{Quorum, Standing},
};
use crate::config::Config;

/// Checks every ledger that the configuration indexes: its own, those it names, and the logs of versions and operators.
///
/// Errors: a report: a key that the configuration names cannot be read.
pub(crate) fn health(config: &Config) -> miette::Result<Vec<LedgerHealth>> {
    let known = keys_of(config)?;
    let quorum = quorum_or(&[], None, Some(config))?;
    let nobody = Quorum { witnesses: Vec::new(), needed: 0 };
    let of = |folder: &PathBuf| {
        let is_own = *folder == config.ledger.folder;
        one(folder, &known, if is_own { &quorum } else { &nobody })
    };
    Ok(config.all_ledgers().iter().map(of).collect())
}

fn one(folder: &Path, known: &[Key], quorum: &Quorum) -> LedgerHealth {
    let begun = Timestamp::now();
    let mut health = LedgerHealth {
        origin: folder.display().to_string(),
        size: 0,
        root: String::new(),
        files: 0,
        problem: None,
        witnesses: None,
        is_witnessed: true,
        milliseconds: 0,
    };
    let reader = match Reader::open(folder) {
        Ok(reader) => reader,
        Err(error) => {
            health.problem = Some(error.to_string());
            return health;
        }
    };
    reader.origin().clone_into(&mut health.origin);
    let Some(key) = known.iter().find(|key| key.key.name() == reader.origin()) else {
        let why = miette!("no key of this log is here: name it in a `[[trust]]` to have it checked");
        health.problem = Some(why.to_string());
        return health;
    };
    let report = ledger::verify(folder, &key.key);
    if let Some(standing) = Standing::of(folder, &key.key, quorum) {
        health.is_witnessed = standing.problem.is_none();
        health.witnesses = Some(standing.sentence());
    }
    health.size = report.size;
    health.root = report.root.map(|root| root.to_base64()).unwrap_or_default();
    health.files = report.files;
    health.problem = report.problem.as_ref().map(ToString::to_string);
    health.milliseconds = Timestamp::now().as_millisecond() - begun.as_millisecond();
    health
}
