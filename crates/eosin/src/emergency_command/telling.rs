//! `eosin emergency status` and `list`.

use super::{Known, now, shown, statement::LAPSE};
use crate::{
    outcome::{Done, Outcome},
    printer::{Printer, Style},
};

/// What is in force, and what waits.
pub(super) fn status(known: &Known, json: bool, printer: &Printer) -> Done {
    let book = known.book(printer)?;
    let now = now();
    let normal = known.config.policies()?;
    let in_force: Vec<_> = book.in_force(now).collect();
    let waiting: Vec<_> = book.waiting(now).collect();
    if json {
        let told = in_force.iter().map(|(place, one)| {
            serde_json::json!({
                "version": one.entry.version, "activation": place, "since": one.entry.at,
                "scope": one.request.scope.to_string(), "until": one.request.until.to_string(),
                "by": one.entry.by, "approved": one.entry.approved, "reason": one.request.reason,
            })
        });
        let asked = waiting.iter().map(|(entry, request)| {
            serde_json::json!({
                "version": entry.version, "scope": request.scope.to_string(), "until": request.until.to_string(),
                "by": entry.by, "asked": request.asked.to_string(), "reason": request.reason,
            })
        });
        let told = serde_json::json!({
            "normal": normal.version(), "inForce": told.collect::<Vec<_>>(), "waiting": asked.collect::<Vec<_>>(),
        });
        printer.line(&told.to_string());
    } else {
        printer.line(&format!("normal: {}", normal.version()));
        if in_force.is_empty() {
            printer
                .line(&format!("{}: no emergency version is in force", printer.paint(Style::Good, "calm")));
        }
        for (place, one) in &in_force {
            printer.line(&format!(
                "{}: {}, {}, until {}; asked for by {}, approved by {}: {} ({place})",
                printer.paint(Style::Stop, "in force"),
                one.entry.version,
                one.request.scope,
                shown(one.request.until),
                one.entry.by,
                one.entry.approved.as_deref().unwrap_or_default(),
                one.request.reason
            ));
        }
        for (entry, request) in &waiting {
            let lapses = request.asked.checked_add(LAPSE).unwrap_or(request.asked);
            printer.line(&format!(
                "{}: {}, {}, until {}; asked for by {}: {}; lapses {}",
                printer.paint(Style::Strong, "waiting"),
                entry.version,
                request.scope,
                shown(request.until),
                entry.by,
                request.reason,
                shown(lapses)
            ));
        }
    }
    Ok(if in_force.is_empty() { Outcome::Clean } else { Outcome::Findings })
}

/// What was prepared, the newest first.
pub(super) fn list(known: &Known, json: bool, printer: &Printer) -> Done {
    let book = known.book(printer)?;
    if book.prepared.is_empty() && !json {
        printer.line("nothing was prepared yet: docs/emergency.md says how");
    }
    for (index, entry) in book.prepared.iter().rev() {
        if json {
            let told = serde_json::json!({
                "version": entry.version, "entry": index, "at": entry.at, "by": entry.by, "cases": entry.cases,
                "against": entry.against, "reason": entry.reason, "sha256": entry.sha256,
            });
            printer.line(&told.to_string());
            continue;
        }
        printer.line(&format!(
            "{}  {}  by {}: {} ({} cases, care proven against {}, entry {index})",
            entry.version,
            entry.at,
            entry.by,
            entry.reason,
            entry.cases.unwrap_or(0),
            entry.against.as_deref().unwrap_or_default()
        ));
    }
    Ok(Outcome::Clean)
}
