//! What records are judged by: the logs of a configuration and of the command line, and the datasets they know.

use std::{
    collections::BTreeSet,
    convert::Infallible,
    path::{Path, PathBuf},
    str::FromStr,
};

use mark::{AdmitError, Subject, TrustStore};
use miette::miette;

use crate::{
    config::{self, Config},
    judge_command::plain,
    keys,
};

/// A key on the command line, and for whom its log may vouch.
///
/// `FILE` alone is trusted for synthetic records only: a generator's key must not be able to attest anybody.
/// `attested=FILE` or `synthetic,attested=FILE` says otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TrustedKey {
    /// The file with the verifier key.
    vkey: PathBuf,
    /// Whom its log may vouch for.
    vouches: BTreeSet<Subject>,
}

impl FromStr for TrustedKey {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let named = text.split_once('=').and_then(|(words, file)| {
            let vouches: Result<BTreeSet<Subject>, _> = words.split(',').map(str::parse).collect();
            Some(Self { vkey: file.into(), vouches: vouches.ok()? })
        });
        // A file's name may hold an equals sign.
        Ok(named.unwrap_or_else(|| Self { vkey: text.into(), vouches: BTreeSet::from([Subject::Synthetic]) }))
    }
}

/// Everything that is trusted, and what is to be told about what was not taken in.
///
/// Logs first, then datasets: a dataset is believed only through its log.
///
/// Errors: a report for a key or dataset file that was named and cannot be read, or was changed. Of a file in the folder of the
/// configuration that is noted.
pub(crate) fn gather(
    config: Option<&Config>,
    trusted: &[TrustedKey],
    datasets: &[PathBuf],
) -> miette::Result<(TrustStore, Vec<String>)> {
    let mut trust = config.map(Config::trusted_logs).transpose()?.unwrap_or_default();
    let mut notes = Vec::new();
    for TrustedKey { vkey, vouches } in trusted {
        let key = keys::verifier(vkey)?;
        if trust.key_of(key.name()).is_some_and(|known| *known != key) {
            return Err(miette!(
                help = "leave one of them out: which log is meant cannot be known",
                "{} has another key for `{}` than the one that is trusted already",
                vkey.display(),
                plain(key.name())
            ));
        }
        let known: BTreeSet<Subject> = trust
            .logs()
            .filter(|(name, _)| *name == key.name())
            .flat_map(|(_, vouches)| vouches.clone())
            .collect();
        // The same log named twice may vouch for both.
        trust.trust(key, known.union(vouches).copied().collect());
    }
    if let Some(folder) = config.and_then(|config| config.datasets.as_deref()) {
        // As at a gateway: one bad file of a folder that many write to stops nobody. Its records prove nothing then.
        for file in config::dataset_files(folder)? {
            if let Err(report) = admit(&mut trust, &file, &mut notes) {
                notes.push(plain(&report.to_string()));
            }
        }
    }
    for file in datasets {
        admit(&mut trust, file, &mut notes)?;
    }
    Ok((trust, notes))
}

/// Takes in one dataset. That its log is not trusted is said with its records; that it was changed is an error.
fn admit(trust: &mut TrustStore, file: &Path, notes: &mut Vec<String>) -> miette::Result<()> {
    match trust.admit(&config::dataset_file(file)?) {
        Ok(_) => Ok(()),
        Err(error @ AdmitError::UntrustedLog { .. }) => {
            notes.push(plain(&format!("{}: {error}", file.display())));
            Ok(())
        }
        Err(error) => Err(miette!(
            help = "get the dataset file again from whoever sealed it, or leave it out",
            "the dataset in {} cannot be believed: {}",
            file.display(),
            plain(&error.to_string())
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_vouches_for_synthetic_records_unless_told_otherwise() {
        let check = |text: &str, file: &str, subjects: &[Subject]| {
            let Ok(key) = text.parse::<TrustedKey>();
            assert_eq!(
                key,
                TrustedKey { vkey: file.into(), vouches: subjects.iter().copied().collect() },
                "{text}"
            );
        };
        check("log.vkey", "log.vkey", &[Subject::Synthetic]);
        check("attested=ehr.vkey", "ehr.vkey", &[Subject::Attested]);
        check("synthetic,attested=a=b.vkey", "a=b.vkey", &[Subject::Synthetic, Subject::Attested]);
        check("run=7/log.vkey", "run=7/log.vkey", &[Subject::Synthetic]);
    }
}
