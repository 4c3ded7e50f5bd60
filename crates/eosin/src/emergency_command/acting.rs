//! `eosin emergency activate`, `approve` and `stand-down`: people sign, the log takes it, gateways obey.

use std::{path::Path, sync::Arc};

use miette::{IntoDiagnostic as _, miette};
use policy::Emergency;

use super::{
    Known,
    arguments::At,
    comparison::Comparison,
    entries::{self, Book, Entry},
    now,
    paper::Wish,
    placing::{self, Placed},
    shown,
    statement::{self, LAPSE, Request, StandDown, told},
};
use crate::{
    keys,
    outcome::{Done, Outcome},
    policy_command::WHEN_OBEYED,
    printer::{Printer, Style},
    question,
};

/// Signs a request as the first person.
pub(super) fn ask(wish: &Wish<'_>, key: &Path, at: &At, printer: &Printer) -> Done {
    let known = Known::of(&at.config)?;
    let signer = keys::signer(key)?;
    let by = known.signers.name_of(&signer)?.to_owned();
    let book = known.book(printer)?;
    let request = known.drafted(&book, wish)?;
    known.warn_of(&request.scope, printer);
    let (_, entry) = book.prepared(wish.name)?;
    let emergency = entries::standing(&known.versions, "", &request)?;
    if !still_sound(&known, entry, &emergency, printer)? {
        return Ok(Outcome::Findings);
    }
    let compared = Comparison::at_once(&known, &emergency, printer)?;
    let (lapses, until) = (request.lapses(), request.until);
    let note = statement::sign(&request.text(), &signer)?;
    let Placed { place, .. } = placing::request(&known, &note, printer)?;
    if at.json {
        let told = serde_json::json!({
            "version": entry.version, "asked": place, "by": by, "scope": wish.scope.to_string(),
            "until": until.to_string(), "lapses": lapses.to_string(),
            "beforeAfter": compared.to_json(),
        });
        printer.line(&told.to_string());
    } else {
        compared.print(printer);
        printer.line(&format!(
            "{}: {}, {}, until {}; entry {place}",
            printer.paint(Style::Strong, "asked for"),
            entry.version,
            wish.scope,
            shown(until)
        ));
        printer.line(&format!(
            "not in force yet: within {} another person runs `eosin emergency approve {} --key FILE`",
            told(LAPSE),
            entry.name()
        ));
    }
    Ok(Outcome::Clean)
}

/// Whether an emergency version keeps care, as the policies are now; why not is said.
fn still_sound(
    known: &Known,
    entry: &Entry,
    emergency: &Emergency,
    printer: &Printer,
) -> miette::Result<bool> {
    let why = known.normally()?.is_stopped_by(entry, emergency, printer);
    Ok(why.is_none_or(|why| {
        printer.note(&why);
        false
    }))
}

/// Says what would be received if this were asked for.
pub(super) fn show_wish(wish: &Wish<'_>, at: &At, printer: &Printer) -> Done {
    let known = Known::of(&at.config)?;
    let request = known.drafted(&known.book(printer)?, wish)?;
    known.warn_of(&request.scope, printer);
    show(&known, &entries::standing(&known.versions, "", &request)?, at, printer)
}

/// Says what would be received if what waits were approved.
pub(super) fn show_asked(name: &str, at: &At, printer: &Printer) -> Done {
    let known = Known::of(&at.config)?;
    let (_, request) = waiting(&known.book(printer)?, name)?;
    known.warn_of(&request.scope, printer);
    show(&known, &entries::standing(&known.versions, "", &request)?, at, printer)
}

fn show(known: &Known, emergency: &Arc<Emergency>, at: &At, printer: &Printer) -> Done {
    let compared = Comparison::at_once(known, emergency, printer)?;
    if at.json {
        printer.line(&compared.to_json().to_string());
    } else {
        compared.print(printer);
    }
    Ok(compared.outcome())
}

/// Shows the second person what they are asked to sign, and asks in a terminal; nothing if it is not to be.
fn seen(
    known: &Known,
    (name, by): (&str, &str),
    yes: bool,
    at: &At,
    printer: &Printer,
) -> miette::Result<Option<(Entry, Request, Comparison)>> {
    let book = known.book(printer)?;
    let (asked, request) = waiting(&book, name)?;
    if asked.by == by {
        return Err(miette!(
            help = "another person, with another key, has to approve it",
            "`{by}` asked for it: the same person cannot approve"
        ));
    }
    known.warn_of(&request.scope, printer);
    let emergency = entries::standing(&known.versions, "", &request)?;
    let prepared = book.prepared.get(&request.prepared).unwrap_or(&asked);
    if !still_sound(known, prepared, &emergency, printer)? {
        return Ok(None);
    }
    let compared = Comparison::at_once(known, &emergency, printer)?;
    if !at.json {
        compared.print(printer);
    }
    let question = format!(
        "{} asks for {}, {}, until {}: {}. Type its name to approve:",
        asked.by,
        request.version,
        request.scope,
        shown(request.until),
        request.reason
    );
    if !yes && !at.json && !question::is_meant(&question, asked.name(), printer)? {
        printer.note("nothing was approved");
        return Ok(None);
    }
    Ok(Some((asked, request, compared)))
}

/// Signs what another person asked for: it is in force.
///
/// What each consumer receives before and after is shown first; a terminal asks.
pub(super) fn approve(name: &str, key: &Path, yes: bool, at: &At, printer: &Printer) -> Done {
    let known = Known::of(&at.config)?;
    let signer = keys::signer(key)?;
    let by = known.signers.name_of(&signer)?.to_owned();
    let Some((asked, request, compared)) = seen(&known, (name, &by), yes, at, printer)? else {
        return Ok(Outcome::Findings);
    };
    let note = statement::cosign(asked.note.as_deref().unwrap_or_default(), &signer)?;
    let Placed { place, .. } = placing::approval(&known, &note, Some(compared.before()), printer)?;
    if at.json {
        let told = serde_json::json!({
            "version": asked.version, "activation": place, "by": asked.by, "approved": by,
            "scope": request.scope.to_string(), "until": request.until.to_string(),
            "beforeAfter": compared.to_json(),
        });
        printer.line(&told.to_string());
    } else {
        printer.line(&format!(
            "{}: {}, {}, until {}; entry {place}, asked for by {}, approved by {by}",
            printer.paint(Style::Stop, "in force"),
            asked.version,
            request.scope,
            shown(request.until),
            asked.by
        ));
        printer.line(&format!("It ends by itself. {WHEN_OBEYED}"));
    }
    Ok(Outcome::Clean)
}

/// The request of this name that waits.
fn waiting(book: &Book, name: &str) -> miette::Result<(Entry, Request)> {
    let of_name = |(_, entry, _): &(u64, &Entry, &Request)| entry.name() == name || entry.version == name;
    let found = book.waiting(now()).find(of_name);
    found.map(|(_, entry, request)| (entry.clone(), request.clone())).ok_or_else(|| {
        miette!(
            help = "`eosin emergency activate` asks; a request waits for 15 minutes",
            "nobody has asked for `{name}` lately, or it was approved already"
        )
    })
}

/// Ends an emergency version.
pub(super) fn stand_down(name: &str, key: &Path, reason: &str, at: &At, printer: &Printer) -> Done {
    let known = Known::of(&at.config)?;
    let signer = keys::signer(key)?;
    let by = known.signers.name_of(&signer)?.to_owned();
    let book = known.book(printer)?;
    let (activation, _) = in_force(&book, name)?;
    let said = StandDown { log: known.origin()?, activation, at: now(), reason: reason.to_owned() };
    let note = statement::sign(&said.text(), &signer)?;
    let Placed { place, version: ended, .. } = placing::stand_down(&known, &note)?;
    // It has ended, whatever can be said of what holds now.
    let normal = known.normal();
    if let Err(report) = &normal {
        printer.note(&format!("which version is normal cannot be told: {report:#}"));
    }
    let normal = normal.ok();
    let still = known.book(printer)?;
    let still: Vec<String> =
        still.in_force(now()).map(|(place, one)| format!("{} ({place})", one.entry.version)).collect();
    if at.json {
        let told = serde_json::json!({
            "version": ended, "stoodDown": place, "by": by, "normal": normal, "stillInForce": still,
        });
        printer.line(&told.to_string());
    } else {
        let done = printer.paint(Style::Good, "stood down");
        let holds = normal.map(|version| format!("; {version} holds")).unwrap_or_default();
        let holds = match still.as_slice() {
            [] => holds,
            still => format!("{holds}; still in force: {}", still.join(", ")),
        };
        printer.line(&format!("{done}: {ended}, entry {place}, by {by}{holds}"));
        printer.line(WHEN_OBEYED);
    }
    Ok(Outcome::Clean)
}

/// What is in force under this name, or at this place.
fn in_force(book: &Book, name: &str) -> miette::Result<(String, Entry)> {
    let is = |(place, one): &(String, &entries::Activated)| {
        place == name || one.entry.name() == name || one.entry.version == name
    };
    let found: Vec<_> = book.in_force(now()).filter(is).collect();
    match found.as_slice() {
        [] => Err(miette!("`{name}` is not in force; `eosin emergency status` says what is")),
        [(place, one)] => Ok((place.clone(), one.entry.clone())),
        [.., (last, _)] => {
            let places: Vec<&str> = found.iter().map(|(place, _)| place.as_str()).collect();
            Err(miette!(
                help = format!("say which entry, as in `eosin emergency stand-down {last} …`"),
                "`{name}` is in force more than once: {}",
                places.join(", ")
            ))
        }
    }
}

/// An entry's bytes.
pub(super) fn bytes(entry: &Entry) -> miette::Result<Vec<u8>> {
    serde_json::to_vec(entry).into_diagnostic()
}
