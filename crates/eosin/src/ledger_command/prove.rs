//! `eosin ledger prove`: an entry and its proof as two files that anybody can check offline.

use std::path::{Path, PathBuf};

use ledger::{ReadError, Reader, durable};
use mark::{merkle::leaf_hash, note::VerifierKey};
use miette::{IntoDiagnostic as _, WrapErr as _, miette};

use crate::{
    keys,
    outcome::{Done, Outcome},
    printer::{Printer, Style},
};

/// Writes the proof of entry `index`, and the entry's exact bytes beside it.
///
/// Errors: a report, and nothing was written: no such entry, a damaged ledger, a proof that does not hold.
pub(super) fn prove(
    index: u64,
    out: Option<&Path>,
    folder: &Path,
    vkey: Option<&Path>,
    json: bool,
    printer: &Printer,
) -> Done {
    let reader = Reader::open(folder)
        .into_diagnostic()
        .wrap_err_with(|| format!("there is no ledger that can be read in {}", folder.display()))?;
    let (entry, proof) = read(&reader, index, folder)?;
    let leaf = leaf_hash(&entry);
    let key = vkey.map(keys::verifier).transpose()?;
    if let Some(key) = &key {
        // What we hand out we check as its reader will.
        proof
            .verify(&leaf, std::slice::from_ref(key))
            .into_diagnostic()
            .wrap_err("the proof does not hold, so it was not written; run `eosin ledger verify`")?;
    }

    let proof_file =
        out.map_or_else(|| PathBuf::from(format!("entry-{index}.tlog-proof")), Path::to_path_buf);
    let entry_file = proof_file.with_extension("json");
    if entry_file == proof_file {
        return Err(miette!("the proof cannot be named {}: the entry goes there", proof_file.display()));
    }
    durable::replace(&entry_file, &entry).into_diagnostic()?;
    durable::replace(&proof_file, proof.to_string().as_bytes()).into_diagnostic()?;

    let told =
        Told { index, reader: &reader, entry_file, proof_file, key: key.as_ref(), vkey, leaf: leaf.to_hex() };
    if json {
        printer.line(&told.to_json());
    } else {
        told.print(printer);
    }
    Ok(Outcome::Clean)
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
    key: Option<&'p VerifierKey>,
    vkey: Option<&'p Path>,
    leaf: String,
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
            Some(key) => row("key", &key.to_string()),
            None => row(
                "key",
                "the log's own `*.vkey`: ask whoever keeps the ledger, not whoever sends the proof",
            ),
        }
        row("leaf", &format!("{}   SHA-256 of a zero byte and the entry", self.leaf));
        printer.line("");
        let vkey = self.vkey.map_or_else(|| "LOG.vkey".to_owned(), |path| path.display().to_string());
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
            "vkey": self.key.map(ToString::to_string),
        })
        .to_string()
    }
}
