//! `eosin emergency prepare`: what is checked before an emergency, so that in one nothing is left to check.

use std::{path::Path, sync::Arc};

use mark::digest::sha256;
use policy::{Care, Emergency, EmergencyScope, Policies, RedLine, Stopped};

use super::{
    Known,
    arguments::At,
    comparison::Comparison,
    entries::{Entry, Event},
};
use crate::{
    keys,
    outcome::{Done, Outcome},
    policy_command::{cases, policy_text, told_red_line},
    printer::{Printer, Style},
};

/// Checks a version, and records that it was prepared.
pub(super) fn prepare(file: &Path, cases: &Path, reason: &str, by: &str, at: &At, printer: &Printer) -> Done {
    let known = Known::of(&at.config)?;
    let text = keys::small_file(file)?;
    let policies = policy_text::parse(&policy_text::name_of(file), &text, &file.display().to_string())?;
    let version = policies.version().to_owned();
    let not_prepared = || printer.note(&format!("{version} was not prepared"));
    let before = known.config.policies()?;
    if !is_sound(&policies, &before, printer) {
        not_prepared();
        return Ok(Outcome::Findings);
    }
    let everywhere = everywhere(policies);
    let after = before.narrowed(vec![Arc::clone(&everywhere)]);
    let (all, failed) = cases::put(cases, &after, at.json, printer)?;
    if failed > 0 {
        not_prepared();
        return Ok(Outcome::Findings);
    }
    let compared = Comparison::at_once(&known, &everywhere, printer)?;
    known.versions.keep_text(&version, &text)?;
    let sha256 = sha256(&[text.as_bytes()]).to_hex();
    let entry = Entry {
        against: Some(before.version().to_owned()),
        cases: Some(all),
        ..Entry::new(Event::Prepared, by, &version, &sha256, reason)
    };
    let place = known.versions.add(|_| super::acting::bytes(&entry))?;
    if at.json {
        let told = serde_json::json!({
            "version": version, "prepared": place, "against": before.version(), "cases": all,
            "beforeAfter": compared.to_json(),
        });
        printer.line(&told.to_string());
    } else {
        compared.print(printer);
        let done = printer.paint(Style::Good, "prepared");
        printer.line(&format!("{done}: {version}, entry {place}; two people can put it in force"));
    }
    Ok(Outcome::Clean)
}

/// An emergency version as if it were in force everywhere.
fn everywhere(policies: Policies) -> Arc<Emergency> {
    Arc::new(Emergency {
        policies: Arc::new(policies),
        scope: EmergencyScope::default(),
        until: i64::MAX,
        activation: "prepared".to_owned(),
    })
}

/// Whether it keeps the red line and the care of attested people; why not is said.
pub(super) fn is_sound(policies: &Policies, before: &Policies, printer: &Printer) -> bool {
    let line = policies.red_line();
    if !matches!(line, RedLine::Proven { .. }) {
        printer.note(&told_red_line(&line, printer));
        return false;
    }
    match policies.keeps_care_of(before) {
        Care::Proven { asked } => {
            printer.note(&format!(
                "{}: whatever {} permits of attested people, it permits ({asked} questions)",
                printer.paint(Style::Good, "proven"),
                before.version()
            ));
            true
        }
        Care::Stopped(stopped) => {
            printer.note(&stops(&stopped, before));
            false
        }
        Care::TooMany => {
            printer.note(TOO_MANY);
            false
        }
    }
}

/// Why policies would stop care that others permit; nothing where it is proven that they do not.
pub(crate) fn stops_care(policies: &Policies, before: &Policies) -> Option<String> {
    match policies.keeps_care_of(before) {
        Care::Proven { .. } => None,
        Care::Stopped(stopped) => Some(stops(&stopped, before)),
        Care::TooMany => Some(TOO_MANY.to_owned()),
    }
}

const TOO_MANY: &str = "not proven that care goes on: these policies calculate, or tell apart more names and numbers than can be asked \
     about; compare with plain numbers, and use fewer purposes and patterns";

fn stops(stopped: &Stopped, before: &Policies) -> String {
    format!(
        "it would stop care: {} permits this request of attested records, and it does not\n{}",
        before.version(),
        told(stopped)
    )
}

fn told(stopped: &Stopped) -> String {
    let or_none = |text: String| if text.is_empty() { "none".to_owned() } else { text };
    let what = if stopped.is_system { "a part of Eosin" } else { "client" };
    let purposes: Vec<&str> = stopped.purposes.iter().map(String::as_str).collect();
    let boundary = &stopped.boundary;
    let by = if stopped.policies.is_empty() {
        "no policy of it permits this".to_owned()
    } else {
        stopped.policies.join(", ")
    };
    [
        ("asks", format!("{what} `{}`", stopped.caller)),
        ("to", stopped.action.to_string()),
        (
            "at",
            format!(
                "boundary `{}`, {}, continuity {}, mode {}{}",
                or_none(boundary.name.clone()),
                boundary.environment,
                boundary.continuity,
                boundary.mode,
                if boundary.system_of_record { ", a system of record" } else { "" }
            ),
        ),
        ("in", or_none(boundary.jurisdiction.clone())),
        (
            "attested",
            format!(
                "{} records, {} of them modified, {} out of jurisdiction",
                stopped.records, stopped.modified, stopped.out_of_jurisdiction
            ),
        ),
        ("made for", or_none(purposes.join(", "))),
        ("stopped by", by),
    ]
    .map(|(name, value)| format!("  {name:<12}{value}"))
    .join("\n")
}
