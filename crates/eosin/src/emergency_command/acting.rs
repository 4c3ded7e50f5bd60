//! `eosin emergency activate`, `approve` and `stand-down`: people sign, the log takes it, gateways obey.

use std::path::Path;

use jiff::SignedDuration;
use miette::{IntoDiagnostic as _, miette};
use policy::{EMERGENCIES_MAX, EmergencyScope};

use super::{
    Known,
    arguments::At,
    entries::{self, Book, Entry, Event},
    now, preparing, shown,
    statement::{self, LAPSE, Operators, Request, SHORTEST, StandDown, told},
};
use crate::{
    keys,
    outcome::{Done, Outcome},
    policy_command::versions::Logbook,
    printer::{Printer, Style},
};

/// What the first person asks for.
pub(super) struct Wish<'a> {
    pub(super) name: &'a str,
    pub(super) scope: &'a EmergencyScope,
    pub(super) length: SignedDuration,
    pub(super) reason: String,
}

/// Signs a request as the first person.
pub(super) fn ask(wish: &Wish<'_>, key: &Path, at: &At, printer: &Printer) -> Done {
    let known = Known::of(&at.config)?;
    let signer = keys::signer(key)?;
    let by = known.operators.name_of(&signer)?.to_owned();
    if wish.length < SHORTEST || wish.length > known.operators.longest() {
        return Err(miette!(
            "it can be put in force for at least a minute and at most {}",
            told(known.operators.longest())
        ));
    }
    let book = known.book(printer)?;
    let (prepared, entry) = book.prepared(wish.name)?;
    if !still_sound(&known, prepared, entry, wish, printer)? {
        return Ok(Outcome::Findings);
    }
    let asked = now();
    let until = asked.checked_add(wish.length).into_diagnostic()?;
    let mut place = String::new();
    let mut request = None;
    let added = known.versions.add(|log| {
        let one = Request {
            log: log.origin.clone(),
            prepared,
            version: entry.version.clone(),
            sha256: entry.sha256.clone(),
            scope: wish.scope.clone(),
            asked,
            until,
            reason: wish.reason.clone(),
        };
        let note = statement::sign(&one.text(), &signer)?;
        let bytes = bytes(&Entry::of(Event::Asked, &by, &one, &note));
        request = Some(one);
        bytes
    })?;
    place.push_str(&added);
    if at.json {
        let told = serde_json::json!({
            "version": entry.version, "asked": place, "by": by, "scope": wish.scope.to_string(),
            "until": until.to_string(), "lapses": asked.checked_add(LAPSE).into_diagnostic()?.to_string(),
        });
        printer.line(&told.to_string());
    } else {
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

/// Whether a prepared version still keeps care, as the policies are now.
fn still_sound(
    known: &Known,
    prepared: u64,
    entry: &Entry,
    wish: &Wish<'_>,
    printer: &Printer,
) -> miette::Result<bool> {
    let request = Request {
        log: String::new(),
        prepared,
        version: entry.version.clone(),
        sha256: entry.sha256.clone(),
        scope: wish.scope.clone(),
        asked: now(),
        until: now(),
        reason: String::new(),
    };
    let emergency = entries::standing(&known.versions, "", &request)?;
    let before = known.config.policies()?;
    if entry.against.as_deref() == Some(before.version()) {
        return Ok(true);
    }
    let sound = preparing::is_sound(&emergency.policies, &before, printer);
    if !sound {
        printer.note(&format!(
            "{} was prepared against {}; prepare it again for {}",
            entry.version,
            entry.against.as_deref().unwrap_or_default(),
            before.version()
        ));
    }
    Ok(sound)
}

/// Signs what another person asked for: it is in force.
pub(super) fn approve(name: &str, key: &Path, at: &At, printer: &Printer) -> Done {
    let known = Known::of(&at.config)?;
    let signer = keys::signer(key)?;
    let by = known.operators.name_of(&signer)?.to_owned();
    let mut approved = None;
    let place = known.versions.add(|log| {
        let (book, _) = Book::of(log, &known.operators);
        let (asked, request) = waiting(&book, name)?;
        if asked.by == by {
            return Err(miette!(
                help = "another person, with another key, has to approve it",
                "`{by}` asked for it: the same person cannot approve"
            ));
        }
        if book.in_force(now()).count() >= EMERGENCIES_MAX {
            return Err(miette!("{EMERGENCIES_MAX} emergency versions are in force: stand one down first"));
        }
        let note = statement::cosign(asked.note.as_deref().unwrap_or_default(), &signer)?;
        let entry =
            Entry { approved: Some(by.clone()), ..Entry::of(Event::Activated, &asked.by, &request, &note) };
        // As every gateway will: nothing is written that they would not obey.
        known.operators.approved(&note, &log.origin, &entry.at)?;
        entries::standing(&known.versions, "", &request)?;
        let bytes = bytes(&entry);
        approved = Some((entry, request));
        bytes
    })?;
    let Some((entry, request)) = approved else { return Ok(Outcome::CouldNotTell) };
    if at.json {
        let told = serde_json::json!({
            "version": entry.version, "activation": place, "by": entry.by, "approved": by,
            "scope": request.scope.to_string(), "until": request.until.to_string(),
        });
        printer.line(&told.to_string());
    } else {
        printer.line(&format!(
            "{}: {}, {}, until {}; entry {place}, asked for by {}, approved by {by}",
            printer.paint(Style::Stop, "in force"),
            entry.version,
            request.scope,
            shown(request.until),
            entry.by
        ));
        printer.line("gateways that share the folder take it up at once; it ends by itself");
    }
    Ok(Outcome::Clean)
}

/// The request of this name that waits.
fn waiting(book: &Book, name: &str) -> miette::Result<(Entry, Request)> {
    let of_name = |(entry, _): &&(Entry, Request)| entry.name() == name || entry.version == name;
    book.waiting(now()).find(of_name).cloned().ok_or_else(|| {
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
    let by = known.operators.name_of(&signer)?.to_owned();
    let mut ended = String::new();
    let place = known.versions.add(|log| {
        let (activation, entry) = in_force(log, &known.operators, name)?;
        let said = StandDown {
            log: log.origin.clone(),
            activation: activation.clone(),
            at: now(),
            reason: reason.to_owned(),
        };
        let note = statement::sign(&said.text(), &signer)?;
        ended.clone_from(&entry.version);
        bytes(&Entry {
            activation: Some(activation),
            note: Some(note),
            ..Entry::new(Event::StoodDown, &by, &entry.version, &entry.sha256, reason)
        })
    })?;
    let normal = known.config.policies()?;
    if at.json {
        let told =
            serde_json::json!({ "version": ended, "stoodDown": place, "by": by, "normal": normal.version() });
        printer.line(&told.to_string());
    } else {
        let done = printer.paint(Style::Good, "stood down");
        printer.line(&format!("{done}: {ended}, entry {place}, by {by}; {} holds", normal.version()));
    }
    Ok(Outcome::Clean)
}

/// What is in force under this name, or at this place.
fn in_force(log: &Logbook, operators: &Operators, name: &str) -> miette::Result<(String, Entry)> {
    let (book, _) = Book::of(log, operators);
    let is = |(place, one): &(String, &entries::Activated)| {
        place == name || one.entry.name() == name || one.entry.version == name
    };
    let mut found: Vec<_> = book.in_force(now()).filter(is).collect();
    match (found.pop(), found.pop()) {
        (Some((place, one)), None) => Ok((place, one.entry.clone())),
        (Some((last, _)), Some((first, _))) => Err(miette!(
            help = "say which entry, as in `eosin emergency stand-down {last} …`",
            "`{name}` is in force more than once: {first}, {last}"
        )),
        (None, _) => Err(miette!("`{name}` is not in force; `eosin emergency status` says what is")),
    }
}

/// An entry's bytes.
pub(super) fn bytes(entry: &Entry) -> miette::Result<Vec<u8>> {
    serde_json::to_vec(entry).into_diagnostic()
}
