//! `eosin ledger prove`: an entry and its proof as two files that anybody can check offline.

use std::path::{Path, PathBuf};

use ledger::{ReadError, Reader, durable};
use mark::merkle::leaf_hash;
use miette::{IntoDiagnostic as _, WrapErr as _, miette};

use super::{
    Key, forks, opened,
    witnesses::{Quorum, Standing},
};
use crate::{
    outcome::{Done, Outcome},
    printer::{Printer, Style},
};

/// The keys at hand.
pub(super) struct Keys<'k> {
    pub(super) logs: &'k [Key],
    pub(super) quorum: &'k Quorum,
}

/// Writes the proof of an entry, and the entry's exact bytes beside it.
///
/// Where enough witnesses have cosigned a checkpoint that covers the entry, the proof is under that one.
///
/// Errors: a report, and nothing was written: no such entry, a damaged ledger, a proof that does not hold.
pub(super) fn prove(
    place: &str,
    out: Option<&Path>,
    folders: &[PathBuf],
    keys: &Keys<'_>,
    json: bool,
    printer: &Printer,
) -> Done {
    let (folder, reader, index) = find(place, folders)?;
    let (entry, mut proof) = read(&reader, index, &folder)?;
    let leaf = leaf_hash(&entry);
    let key = keys.logs.iter().find(|key| key.key.name() == reader.origin());
    let standing = key.and_then(|key| Standing::of(&folder, &key.key, keys.quorum));
    let cosigned = standing.filter(|standing| standing.problem.is_none() && standing.size > index);
    if cosigned.is_some() {
        proof = reader.cosigned().and_then(|note| reader.prove_under(index, &note)).into_diagnostic()?;
    }
    if let Some(key) = key {
        // What we hand out we check as its reader will.
        proof
            .verify(&leaf, std::slice::from_ref(&key.key))
            .into_diagnostic()
            .wrap_err("the proof does not hold, so it was not written; run `eosin ledger verify`")?;
    }

    let (proof_file, entry_file) = names(out, reader.origin(), index)?;
    durable::create(&entry_file, &entry).into_diagnostic()?;
    durable::create(&proof_file, proof.to_string().as_bytes()).into_diagnostic()?;

    let leaf = leaf.to_hex();
    let told = Told { index, reader: &reader, entry_file, proof_file, key, leaf, cosigned };
    if json {
        printer.line(&told.to_json());
    } else {
        told.print(printer);
    }
    Ok(Outcome::Clean)
}

/// What the proof and the entry's file are called: new names both.
///
/// Errors: a report: they are one name, or one of them is there already.
fn names(out: Option<&Path>, origin: &str, index: u64) -> miette::Result<(PathBuf, PathBuf)> {
    // Of several ledgers each has an entry of this number.
    let plain = |letter: char| if letter.is_ascii_alphanumeric() || letter == '.' { letter } else { '-' };
    let own = || {
        let origin: String = origin.chars().map(plain).take(ORIGIN_LETTERS_MAX).collect();
        PathBuf::from(format!("{origin}-entry-{index}.tlog-proof"))
    };
    let proof = out.map_or_else(own, Path::to_path_buf);
    let entry = proof.with_extension("json");
    if entry == proof {
        return Err(miette!("the proof cannot be named {}: the entry goes there", proof.display()));
    }
    let taken = [&proof, &entry].into_iter().find(|file| file.symlink_metadata().is_ok()).cloned();
    match taken {
        Some(taken) => Err(miette!(
            help = "name a new file with `--out FILE.tlog-proof`; the entry goes beside it, as `FILE.json`",
            "{} is there already, and nothing was written",
            taken.display()
        )),
        None => Ok((proof, entry)),
    }
}

/// As much of a log's name is in the name of a file.
const ORIGIN_LETTERS_MAX: usize = 120;

/// The bytes of an entry.
pub(super) fn entry(place: &str, folders: &[PathBuf]) -> miette::Result<Vec<u8>> {
    let (folder, reader, index) = find(place, folders)?;
    read(&reader, index, &folder).map(|(entry, _)| entry)
}

/// Which ledger and which entry a place means.
fn find(place: &str, folders: &[PathBuf]) -> miette::Result<(PathBuf, Reader, u64)> {
    let (origin, number) = match place.rsplit_once('#') {
        Some((origin, number)) => (Some(origin), number),
        None => (None, place),
    };
    let index = number.parse().map_err(|_| {
        miette!("`{place}` is no place: give a number, or `origin#number` as rulings are named")
    })?;
    let mut names = Vec::new();
    let mut found: Option<(PathBuf, Reader)> = None;
    for folder in folders {
        let reader = opened(folder)?;
        if origin.is_none_or(|origin| origin == reader.origin()) {
            if origin.is_none() && folders.len() > 1 {
                return Err(miette!("of several ledgers, say which: `origin#{number}`"));
            }
            if let Some((other, before)) = &found {
                if !forks::goes_on(before, &reader) {
                    return Err(miette!(
                        help = "name the folder that is meant with `--folder` alone, and keep both",
                        "{} and {} are two histories of `{}`",
                        other.display(),
                        folder.display(),
                        reader.origin()
                    ));
                }
                if before.size() > index {
                    continue;
                }
            }
            found = Some((folder.clone(), reader));
            continue;
        }
        names.push(format!("`{}`", reader.origin()));
    }
    if let Some((folder, reader)) = found {
        return Ok((folder, reader, index));
    }
    Err(miette!(
        help = "give the folder of that ledger with `--folder`",
        "none of the ledgers here is `{}`: they are {}",
        origin.unwrap_or_default(),
        names.join(", ")
    ))
}

fn read(
    reader: &Reader,
    index: u64,
    folder: &Path,
) -> miette::Result<(Vec<u8>, mark::tlog_proof::TlogProof)> {
    let past_the_end = |size: u64| {
        let last = size.checked_sub(1).map_or_else(
            || "it has no entries yet".to_owned(),
            |last| format!("its published entries are 0 to {last}"),
        );
        miette!(
            help = "what a running gateway has committed in the last moments is not published yet; try again",
            "there is no entry {index} in the ledger in {}: {last}",
            folder.display()
        )
    };
    let found = reader.entries(index..index.saturating_add(1)).and_then(|mut entries| {
        let entry = entries.pop().ok_or(ReadError::OutOfRange { index, size: reader.size() })?;
        Ok((entry, reader.prove(index)?))
    });
    match found {
        Ok(found) => Ok(found),
        Err(ReadError::OutOfRange { size, .. }) => Err(past_the_end(size)),
        Err(error) => {
            Err(error).into_diagnostic().wrap_err("the ledger is damaged; run `eosin ledger verify`")
        }
    }
}

struct Told<'p> {
    index: u64,
    reader: &'p Reader,
    entry_file: PathBuf,
    proof_file: PathBuf,
    key: Option<&'p Key>,
    leaf: String,
    cosigned: Option<Standing>,
}

impl Told<'_> {
    fn print(&self, printer: &Printer) {
        let row = |name: &str, value: &str| printer.line(&format!("{name:<10}{value}"));
        let (entry, proof) = (self.entry_file.display(), self.proof_file.display());
        printer.line(&printer.paint(
            Style::Strong,
            &format!("Entry {} of {} in `{}`", self.index, self.reader.size(), self.reader.origin()),
        ));
        row("entry", &format!("{entry}   its exact bytes"));
        row("proof", &format!("{proof}   inclusion path and signed checkpoint, c2sp.org/tlog-proof@v1"));
        match self.key {
            Some(key) => row("key", &key.key.to_string()),
            None => row(
                "key",
                "the log's own `*.vkey`: ask whoever keeps the ledger, not whoever sends the proof",
            ),
        }
        if let Some(cosigned) = &self.cosigned {
            row("witnesses", &cosigned.sentence());
        }
        row("leaf", &format!("{}   SHA-256 of a zero byte and the entry", self.leaf));
        printer.line("");
        let vkey = self.key.map_or_else(|| "LOG.vkey".to_owned(), |key| key.file.display().to_string());
        printer.line("Check it without Eosin:");
        printer.line(&format!("  python3 tests/verifier/verify.py proof {vkey} {proof} {entry}"));
        printer.line(&format!("  (printf '\\0'; cat {entry}) | sha256sum    # the leaf hash"));
        printer
            .line("Any tool that reads C2SP tlog-proof files needs the same three: key, leaf hash, proof.");
    }

    fn to_json(&self) -> String {
        serde_json::json!({
            "index": self.index,
            "size": self.reader.size(),
            "origin": self.reader.origin(),
            "entry": self.entry_file.display().to_string(),
            "proof": self.proof_file.display().to_string(),
            "leaf": self.leaf,
            "vkey": self.key.map(|key| key.key.to_string()),
            "witnesses": self.cosigned,
        })
        .to_string()
    }
}
