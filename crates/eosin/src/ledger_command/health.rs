//! Every ledger of a configuration, checked whole: what the console shows when somebody says *verify now*.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use ledger::Reader;
use miette::miette;

use super::{
    Key, keys_or, quorum_or,
    witnesses::{Quorum, Standing},
};
use crate::{config::Config, keys, operators};

/// What was found of one ledger.
pub(crate) struct Health {
    /// Its name, or its folder where it states none.
    pub(crate) origin: String,
    /// How many entries it has published.
    pub(crate) size: u64,
    /// The root over them.
    pub(crate) root: String,
    /// How many files were recomputed.
    pub(crate) files: u64,
    /// What is wrong, if anything.
    pub(crate) problem: Option<String>,
    /// What witnesses say, where any are named.
    pub(crate) witnesses: Option<String>,
    /// Whether what they say is enough.
    pub(crate) is_witnessed: bool,
    /// How long it took.
    pub(crate) milliseconds: i64,
}

/// Checks every ledger that the configuration indexes: its own, those it names, and the logs of versions and operators.
///
/// Errors: a report: a key that the configuration names cannot be read.
pub(crate) fn health(config: &Config) -> miette::Result<Vec<Health>> {
    let mut known = keys_or(&[], Some(config))?;
    let logs = config.policy.log.iter().map(|log| log.vkey.clone());
    let operators = Some(config.operators.join(operators::VERIFIER)).filter(|file| file.exists());
    let files: Vec<PathBuf> = logs.chain(operators).collect();
    for file in files {
        known.push(Key { key: keys::verifier(&file)?, file });
    }
    let quorum = quorum_or(&[], None, Some(config))?;
    let nobody = Quorum { witnesses: Vec::new(), needed: 0 };
    let of = |folder: &PathBuf| {
        let is_own = *folder == config.ledger.folder;
        one(folder, &known, if is_own { &quorum } else { &nobody })
    };
    Ok(config.all_ledgers().iter().map(of).collect())
}

fn one(folder: &Path, known: &[Key], quorum: &Quorum) -> Health {
    let begun = Timestamp::now();
    let mut health = Health {
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
