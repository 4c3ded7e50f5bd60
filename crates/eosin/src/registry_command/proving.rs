//! `eosin registry prove`: for the fingerprints of a record, proof that they are in a logged snapshot, or that they
//! are not.

use std::path::Path;

use ledger::{Reader, durable};
use miette::{IntoDiagnostic as _, WrapErr as _, miette};
use recognise::{Fingerprint, fingerprints};
use registry::{Membership, Registry};
use serde_json::{Value, json};

use super::{Place, Rows};
use crate::{
    input, keys,
    outcome::{Done, Outcome},
    printer::{Printer, Style},
    registered,
};

/// Writes one JSON file: the snapshot as logged, the ledger's proof of it, and one proof for each fingerprint of the
/// records in `record`. Exits 1 if any of them is registered.
///
/// The record comes from a file or from standard input: a person's values have no place in a command line, which
/// other users and a shell's history see.
///
/// Errors: a report: nothing in the record says who it is about; the snapshot is not logged.
pub(super) fn prove(place: &Place, record: &Path, rows: &Rows<'_>, out: &Path, printer: &Printer) -> Done {
    let key = keys::registry_key(&place.files.key)?;
    let registry = place.open()?;
    let snapshot = registry.snapshot();
    registered::check(&place.config, &place.files, key.id(), Some(&snapshot))?;
    let entry = place.logged_at(&snapshot)?.ok_or_else(|| {
        miette!(
            help = "the next `eosin mark` or `eosin registry add` logs it",
            "the registry's snapshot is not in the ledger, so nothing can be proved to a stranger"
        )
    })?;
    let reader = Reader::open(&place.config.ledger.folder).into_diagnostic()?;
    let logged = reader.entries(entry..entry + 1).into_diagnostic()?.pop().unwrap_or_default();
    let receipt = reader.prove(entry).into_diagnostic()?;

    let mut proofs: Vec<Value> = Vec::new();
    let (mut present, mut records) = (0_usize, 0_usize);
    let mut input = input::open(record, rows.object)?;
    while let Some(chunk) = input.next_chunk().into_diagnostic().wrap_err("cannot read the record")? {
        for reading in chunk.readings() {
            let content = reading
                .content
                .as_ref()
                .map_err(|reason| miette!("{}, {}: {reason}", record.display(), reading.place.reference))?;
            let person = rows.columns.person(content);
            let found = person.map(|person| fingerprints(&person, &key)).unwrap_or_default();
            records += usize::from(!found.is_empty());
            for (kind, fingerprint) in found {
                let (is_present, proof) = proof_of(&registry, fingerprint)?;
                present += usize::from(is_present);
                proofs.push(json!({
                    "place": reading.place.reference,
                    "kind": kind.as_str(),
                    "fingerprint": format!("{fingerprint:?}"),
                    "present": is_present,
                    "proof": proof,
                }));
            }
            if proofs.len() > PROOFS_MAX {
                return Err(miette!("give fewer records: one run proves at most {PROOFS_MAX} fingerprints"));
            }
        }
    }
    rows.columns.all_met()?;
    if proofs.is_empty() {
        return Err(miette!(
            help = "a name alone is not enough; give a birth date, an e-mail address, a phone, an identifier or a street",
            "nothing in {} says whom it is about",
            record.display()
        ));
    }
    let absent = proofs.len() - present;
    let whole = json!({
        "eosin": "registry-proofs@1",
        "entry": String::from_utf8(logged).into_diagnostic()?,
        "receipt": receipt.to_string(),
        "proofs": proofs,
    });
    let mut bytes = serde_json::to_vec_pretty(&whole).into_diagnostic()?;
    bytes.push(b'\n');
    durable::replace(out, &bytes).into_diagnostic()?;
    let row = |name: &str, value: String| printer.line(&format!("  {name:<10}{value}"));
    printer.line(
        &printer.paint(Style::Strong, &format!("Proofs of {records} records written to {}", out.display())),
    );
    row("present", format!("{present} fingerprints"));
    row("absent", format!("{absent} fingerprints"));
    row(
        "snapshot",
        format!("{} entries, root {}, entry {entry} of the ledger", snapshot.entries, snapshot.root),
    );
    Ok(if present == 0 { Outcome::Clean } else { Outcome::Findings })
}

/// Whether a fingerprint is in the registry's snapshot, with the proof of it.
fn proof_of(registry: &Registry, fingerprint: Fingerprint) -> miette::Result<(bool, Value)> {
    let snapshot = registry.snapshot();
    let proof = registry.prove(fingerprint).into_diagnostic().wrap_err("the registry cannot prove it")?;
    // What we hand out we check as its reader will.
    let membership = proof
        .verify(&snapshot.root, snapshot.entries, fingerprint)
        .into_diagnostic()
        .wrap_err("the proof does not hold, so it was not written; run `eosin registry verify`")?;
    Ok((membership != Membership::Absent, serde_json::from_slice(&proof.to_json()).into_diagnostic()?))
}

const PROOFS_MAX: usize = 10_000;
