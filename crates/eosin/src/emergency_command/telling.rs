//! `eosin emergency status` and `list`.

use control::{
    EmergencyAnnouncement, EmergencyState, EmergencyStatus, EmergencyVersion, EmergencyVersions,
    EmergencyWaiting,
};
use miette::IntoDiagnostic as _;

use super::{Known, now, shown};
use crate::{
    announcing::{self, Note},
    judge_command::plain,
    outcome::{Done, Outcome},
    printer::{Printer, Style},
};

/// What is in force, and what waits, as anybody is told it; `fault` says what they are told of a text that is damaged.
pub(crate) fn standing(
    known: &Known,
    fault: impl Fn(&miette::Report) -> String,
    printer: &Printer,
) -> miette::Result<EmergencyStatus> {
    let book = known.book(printer)?;
    let now = now();
    let in_force = book.in_force(now).map(|(place, one)| EmergencyState {
        version: one.entry.version.clone(),
        activation: place,
        since: one.entry.at.clone(),
        scope: one.request.scope.to_string(),
        until: one.request.until.to_string(),
        by: one.entry.by.clone(),
        approved: one.entry.approved.clone(),
        reason: one.request.reason.clone(),
    });
    let waiting = book.waiting(now).map(|(_, entry, request)| EmergencyWaiting {
        version: entry.version.clone(),
        scope: request.scope.to_string(),
        until: request.until.to_string(),
        by: entry.by.clone(),
        asked: request.asked.to_string(),
        lapses: request.lapses().to_string(),
        reason: request.reason.clone(),
        note: entry.note.clone().unwrap_or_default(),
    });
    // A text that is damaged keeps nobody from knowing what is in force on top of it.
    let (normal, fault) = match known.normal() {
        Ok(normal) => (normal, None),
        Err(report) => {
            let newest = known.versions.newest(1)?.into_iter().next();
            (newest.map(|(_, change)| change.version).unwrap_or_default(), Some(fault(&report)))
        }
    };
    Ok(EmergencyStatus {
        normal,
        fault,
        in_force: in_force.collect(),
        waiting: waiting.collect(),
        announcements: announcing::newest(&known.config).iter().flat_map(announced).collect(),
    })
}

/// Announcements to one consumer, as anybody is told of them.
fn announced((consumer, notes): &(String, Vec<Note>)) -> Vec<EmergencyAnnouncement> {
    let one = |note: &Note| EmergencyAnnouncement {
        id: note.id.clone(),
        kind: note.kind.clone(),
        version: note.version.clone(),
        about: note.about.clone(),
        to: consumer.clone(),
        attempts: note.attempts,
        status: note.status,
        delivered: note.settled.as_ref().map(|settled| settled.is_delivered),
        at: note.settled.as_ref().map(|settled| second(settled.at).to_string()),
        due: second(note.due).to_string(),
    };
    notes.iter().map(one).collect()
}

fn second(second: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_second(second).unwrap_or(jiff::Timestamp::MAX)
}

/// Tells it.
pub(crate) fn status(status: &EmergencyStatus, json: bool, printer: &Printer) -> Done {
    if json {
        printer.line(&serde_json::to_string(status).into_diagnostic()?);
    } else {
        let normal = if status.normal.is_empty() { "cannot be told" } else { &status.normal };
        printer.line(&format!("normal: {}", plain(normal)));
        // With `--server` these are the words of another machine.
        let tell = |style: Style, word: &str, text: &str| {
            printer.line(&format!("{}: {}", printer.paint(style, word), plain(text)));
        };
        if let Some(fault) = &status.fault {
            tell(Style::Stop, "damaged", fault);
        }
        if status.in_force.is_empty() {
            tell(Style::Good, "calm", "no emergency version is in force");
        }
        for one in &status.in_force {
            let EmergencyState { version, scope, by, reason, activation, .. } = one;
            let (until, approved) = (moment(&one.until), one.approved.as_deref().unwrap_or_default());
            let told = format!(
                "{version}, {scope}, until {until}; asked for by {by}, approved by {approved}: {reason} ({activation})"
            );
            tell(Style::Stop, "in force", &told);
        }
        for one in &status.waiting {
            let EmergencyWaiting { version, scope, by, reason, .. } = one;
            let (until, lapses) = (moment(&one.until), moment(&one.lapses));
            let told =
                format!("{version}, {scope}, until {until}; asked for by {by}: {reason}; lapses {lapses}");
            tell(Style::Strong, "waiting", &told);
        }
        for one in &status.announcements {
            printer.line(&told(one, printer));
        }
    }
    Ok(match (&status.fault, status.in_force.is_empty()) {
        (_, false) => Outcome::Findings,
        (Some(_), true) => Outcome::CouldNotTell,
        (None, true) => Outcome::Clean,
    })
}

/// What became of an announcement, in a line.
fn told(one: &EmergencyAnnouncement, printer: &Printer) -> String {
    let EmergencyAnnouncement { to, kind, version, attempts, .. } = one;
    let status = one.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
    let at = moment(one.at.as_deref().unwrap_or_default());
    let said = match one.delivered {
        Some(true) => {
            let done = printer.paint(Style::Good, "announced");
            let told = format!("to {to}: {kind}, {version}, {at} ({attempts} attempts)");
            return format!("{done} {}", plain(&told));
        }
        Some(false) => format!("given up {at} after {attempts} attempts"),
        None if *attempts == 0 => "not sent yet: does a gateway with this `[[announce]]` run?".to_owned(),
        None => format!("{attempts} attempts, the next one {}", moment(&one.due)),
    };
    let not = printer.paint(Style::Stop, "not announced");
    format!("{not} {}", plain(&format!("to {to}: {kind}, {version}; {said}; last {status}")))
}

/// A moment of an answer, as a person reads it.
fn moment(text: &str) -> String {
    text.parse().map_or_else(|_| text.to_owned(), shown)
}

/// What was prepared, as anybody is told it, the newest first.
pub(crate) fn prepared(known: &Known, printer: &Printer) -> miette::Result<EmergencyVersions> {
    let book = known.book(printer)?;
    let versions = book.prepared.iter().rev().map(|(index, entry)| EmergencyVersion {
        version: entry.version.clone(),
        entry: *index,
        at: entry.at.clone(),
        by: entry.by.clone(),
        cases: entry.cases,
        against: entry.against.clone(),
        reason: entry.reason.clone(),
        sha256: entry.sha256.clone(),
    });
    Ok(EmergencyVersions { log: book.origin().to_owned(), versions: versions.collect() })
}

/// Tells it.
pub(crate) fn list(prepared: &EmergencyVersions, json: bool, printer: &Printer) -> Done {
    if prepared.versions.is_empty() && !json {
        printer.line("nothing was prepared yet: docs/emergency.md says how");
    }
    for one in &prepared.versions {
        if json {
            printer.line(&serde_json::to_string(one).into_diagnostic()?);
            continue;
        }
        let told = format!(
            "{}  {}  by {}: {} ({} cases, care proven against {}, entry {})",
            one.version,
            one.at,
            one.by,
            one.reason,
            one.cases.unwrap_or(0),
            one.against.as_deref().unwrap_or_default(),
            one.entry
        );
        printer.line(&plain(&told));
    }
    Ok(Outcome::Clean)
}
