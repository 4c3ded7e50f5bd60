//! `eosin registry accept`: what there is of a registry that was lost is taken for all that there will be.

use miette::{IntoDiagnostic as _, WrapErr as _};
use registry::{Acceptance, Additions};

use super::Place;
use crate::{
    environment, keys,
    mark_command::logging,
    outcome::{Done, Outcome},
    printer::Printer,
    registered::LastLogged,
    wiring,
};

/// Logs who takes the registry as it is and why, and its snapshot behind it: from then on it is the one that is expected.
///
/// One that is gone is begun, empty. Nothing is logged where nothing is missing.
///
/// Errors: a report: the registry or the ledger cannot be written; nothing was accepted.
pub(super) fn accept(place: &Place, reason: &str, by: Option<&str>, printer: &Printer) -> Done {
    let key = keys::registry_key(&place.files.key)?;
    let mut ledger = logging::open(&place.config)?;
    let additions = Additions::begin(&place.files.folder, key.id())
        .into_diagnostic()
        .wrap_err("cannot use the registry")?;
    let snapshot = additions.commit().into_diagnostic().wrap_err("cannot use the registry")?;
    let last = LastLogged::find(&place.config, key.id())?;
    let Some(last) = last.filter(|last| last.is_after(Some(&snapshot))) else {
        printer.line(
            "Nothing is missing from the registry as far as the ledger knows: there is nothing to accept.",
        );
        return Ok(Outcome::Clean);
    };
    let by = environment::who(by);
    let acceptance = Acceptance { taken: snapshot, entry: last.entry, by: &by, reason };
    let moment = wiring::moment();
    let entries = vec![acceptance.entry_bytes(&moment), snapshot.entry_bytes(&moment)];
    let logged = ledger
        .commit(entries, Clone::clone)
        .into_diagnostic()
        .wrap_err("it was not logged, so nothing was accepted")?;
    if let Err(cause) = ledger.publish() {
        printer.note(&format!("The ledger holds what was done and could not publish it yet: {cause}"));
    }
    printer.line(&format!(
        "The registry is taken as it is, with {} entries; entry {} of the ledger logged {}. Who took it and why is in \
         entry {}.",
        snapshot.entries,
        last.entry,
        last.snapshot.entries,
        logged.first().map_or(0, ledger::Logged::index),
    ));
    printer.note("Records that were in it and are not now are not recognised without their marks.");
    Ok(Outcome::Clean)
}
