//! `eosin emergency preview`: what each client receives at each boundary, before and after.

use std::sync::Arc;

use policy::{Emergency, EmergencyScope};

use super::{
    Known,
    comparison::{Before, Comparison},
    entries, now,
    statement::Request,
};
use crate::{
    index_command::{self, Where},
    outcome::Done,
    printer::Printer,
};

const EXAMPLES_MAX: usize = 1_000;

/// Tells what would be received under an emergency version, beside what is under the policies in force.
pub(super) fn preview(
    name: &str,
    scope: &EmergencyScope,
    since: &str,
    examples: usize,
    at: &Where,
    printer: &Printer,
) -> Done {
    let known = Known::of(&at.config)?;
    let emergency = found(&known, name, scope, printer)?;
    known.warn_of(scope, printer);
    let mut index = index_command::up_to_date(at, index::Patience::COMMAND, printer)?;
    let how = (since, u64::MAX, examples.min(EXAMPLES_MAX));
    let compared = Comparison::by(&known, &emergency, Before::OtherVersions, Ok(&mut index), how)?;
    if at.json {
        printer.line(&compared.to_json().to_string());
    } else {
        compared.print(printer);
    }
    Ok(compared.outcome())
}

fn found(
    known: &Known,
    name: &str,
    scope: &EmergencyScope,
    printer: &Printer,
) -> miette::Result<Arc<Emergency>> {
    let book = known.book(printer)?;
    let (prepared, entry) = book.prepared(name)?;
    let request = Request {
        log: String::new(),
        prepared,
        version: entry.version.clone(),
        sha256: entry.sha256.clone(),
        scope: scope.clone(),
        asked: now(),
        until: now(),
        reason: String::new(),
    };
    entries::standing(&known.versions, "preview", &request)
}
