//! What `eosin run` would take up, tried without starting or making anything.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Read as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use index::Place;
use miette::miette;

use crate::{config::Config, keys, wiring};

/// Takes up all that can be without starting.
///
/// Shape:  what goes on working and should not stay, a sentence each.
/// Errors: a report: `run` would refuse it.
pub(super) fn tried(config: &Config) -> miette::Result<Vec<String>> {
    fit_together(config)?;
    keys::witnesses(config.ledger.witnesses.iter().map(|(_, vkey)| vkey))?;
    if let Some(files) = &config.witness {
        keys::witness_signer(&files.key)?;
        files.logs.iter().try_for_each(|log| keys::verifier(log).map(drop))?;
    }
    if let Some(files) = &config.quarantine {
        keys::quarantine_key(&files.key)?;
    }
    config.links.as_deref().map(keys::link_key).transpose()?;
    wiring::crossings(config, None)?;
    wiring::feeds(config, None)?;
    let authority = &config.authority;
    // One that is not there yet is made by the first start; one of which half is there is refused.
    let is_there = authority.certificate.exists() || authority.key.exists();
    if is_there && config.boundaries.iter().any(|boundary| boundary.tls) {
        wiring::identity(authority)?;
    }
    are_apart(config)?;
    is_a_database(config)?;
    Ok(private_keys(config).into_iter().filter_map(read_by_others).collect())
}

/// Private keys and the public ones beside them.
fn fit_together(config: &Config) -> miette::Result<()> {
    let own = (&config.ledger.signer, &config.ledger.vkey);
    let policy = config.policy.log.as_ref().and_then(|log| Some((log.signer.as_ref()?, &log.vkey)));
    for (signer, vkey) in [Some(own), policy].into_iter().flatten() {
        // A policy log is signed on one machine, and its key is on that one alone.
        if signer.exists() && *keys::signer(signer)?.verifier() != keys::verifier(vkey)? {
            return Err(miette!("{} is not the public key of {}", vkey.display(), signer.display()));
        }
    }
    Ok(())
}

/// Every folder is a folder, or not there yet, and each has one use.
fn are_apart(config: &Config) -> miette::Result<()> {
    let mut named: BTreeMap<PathBuf, &str> = BTreeMap::new();
    let limits = &config.limits;
    let folders: [(&str, Option<&PathBuf>); 9] = [
        ("the ledger", Some(&config.ledger.folder)),
        ("versions of the policies", config.policy.log.as_ref().map(|log| &log.folder)),
        ("datasets", config.datasets.as_ref()),
        ("the registry", config.registry.as_ref().map(|files| &files.folder)),
        ("the quarantine", config.quarantine.as_ref().map(|files| &files.folder)),
        ("the witness", config.witness.as_ref().map(|files| &files.folder)),
        ("operators", Some(&config.operators)),
        ("long uploads (`limits.spool_folder`)", Some(&limits.spool_folder)),
        ("deliveries (`limits.deliveries_folder`)", Some(&limits.deliveries_folder)),
    ];
    for (what, folder) in folders {
        let Some(folder) = folder else { continue };
        let nearest = folder.ancestors().find(|path| path.symlink_metadata().is_ok());
        if let Some(file) = nearest.filter(|path| !path.is_dir() && !path.as_os_str().is_empty()) {
            return Err(miette!("{}, for {what}, is not a folder", file.display()));
        }
        let resolved = fs::canonicalize(folder).or_else(|_| std::path::absolute(folder));
        if let Some(other) = named.insert(resolved.unwrap_or_else(|_| folder.clone()), what) {
            return Err(miette!(
                help = "give each a folder of its own",
                "{} is named for {other}, and for {what}",
                folder.display()
            ));
        }
    }
    Ok(())
}

/// The index's file, if it is in one: a database of SQLite, or not there yet.
fn is_a_database(config: &Config) -> miette::Result<()> {
    let Some(Place::File(file)) = config.index.as_ref().map(|files| &files.place) else { return Ok(()) };
    let mut head = Vec::new();
    let read = match File::open(file) {
        Ok(opened) => opened.take(16).read_to_end(&mut head).map(drop),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => Err(error),
    };
    if read.is_ok() && (head.is_empty() || head == b"SQLite format 3\0") {
        return Ok(());
    }
    Err(miette!(
        help = "name a file that is not there yet in `[index]`",
        "{} is no database of an index",
        file.display()
    ))
}

fn private_keys(config: &Config) -> Vec<&Path> {
    let files = [
        Some(&config.ledger.signer),
        config.policy.log.as_ref().and_then(|log| log.signer.as_ref()),
        config.links.as_ref(),
        config.registry.as_ref().map(|files| &files.key),
        config.quarantine.as_ref().map(|files| &files.key),
        config.signatures.as_ref().and_then(|files| files.key.as_ref()),
        config.witness.as_ref().map(|files| &files.key),
        Some(&config.authority.key),
        config.openid.as_ref().and_then(|provider| provider.secret.as_ref()),
    ];
    files.into_iter().flatten().map(PathBuf::as_path).collect()
}

/// That others than its owner can read a key.
fn read_by_others(key: &Path) -> Option<String> {
    let mode = fs::metadata(key).ok()?.permissions().mode() & 0o777;
    let sentence =
        || format!("{} can be read by others (mode {mode:o}): `chmod 600` makes it private", key.display());
    (mode & 0o077 != 0).then(sentence)
}
