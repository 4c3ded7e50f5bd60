//! `eosin policy`: versions of the policies, checked, compared, tested, replayed, and put in force.

use std::path::Path;

use control::{PolicyActivated, PolicyVersion};
use miette::miette;
use policy::{Policies, RedLine};

use crate::{
    config::Config,
    environment,
    judge_command::plain,
    outcome::{Done, Outcome},
    printer::{Printer, Style},
    question,
};

pub(crate) mod acting;
mod arguments;
pub(crate) mod cases;
pub(crate) mod checking;
pub(crate) mod difference;
pub(crate) mod following;
pub(crate) mod kinds;
pub(crate) mod policy_text;
pub(crate) mod replay;
mod replay_telling;
mod taking_up;
pub(crate) mod versions;

pub(crate) use arguments::{PolicyCommand, Who};
pub(crate) use checking::told_red_line;
pub(crate) use replay::moment as replay_since;
pub(crate) use taking_up::{TakingUp, WHEN_OBEYED};

use acting::{Acted, Candidate};
use checking::Checked;
use difference::Difference;
use versions::{Change, Meanwhile, Versions, Wish, name_in};

/// Runs one of the commands about policies.
pub(crate) fn policy(command: &PolicyCommand, printer: &Printer) -> Done {
    match command {
        PolicyCommand::Check { file, config, json } => {
            Ok(check(&named(file.as_deref(), config)?, *json, printer))
        }
        PolicyCommand::Diff { new, old, config, json } => {
            let old = named(old.as_deref(), config)?;
            let difference = Difference::between(&old, &policy_text::policies(new)?);
            Ok(difference::tell(&difference.shown(), *json, printer))
        }
        PolicyCommand::Test { cases, policy, config } => {
            cases::test(cases, &named(policy.as_deref(), config)?, printer)
        }
        PolicyCommand::Replay { file, since, examples, all, at } => {
            let wanted = replay::Wanted::new(since, *examples, *all)?;
            replay_telling::replay(&policy_text::policies(file)?, &wanted, at, printer)
        }
        PolicyCommand::Activate { file, who } => activate(file, who, printer),
        PolicyCommand::Rollback { wanted, who } => rollback(wanted.as_deref(), who, printer),
        PolicyCommand::History { config, json } => history(config, *json, printer),
    }
}

/// The policies in this file, or those in force.
fn named(file: Option<&Path>, config: &Path) -> miette::Result<Policies> {
    match file {
        Some(file) => policy_text::policies(file),
        None => Config::load(config)?.policies(),
    }
}

/// The versions of a configuration.
///
/// Errors: a report: it takes its policies from a file.
pub(crate) fn versions_of(config: &Config) -> miette::Result<Versions> {
    Versions::of(&config.policy).ok_or_else(|| {
        miette!(
            help =
                "set `folder`, `vkey` and `signer` in `[policy]` (docs/policy.md); `eosin init` writes them",
            "this configuration takes its policies from a file: there are no versions to put in force"
        )
    })
}

fn check(policies: &Policies, json: bool, printer: &Printer) -> Outcome {
    let checked = Checked::of(policies);
    if json {
        printer.line(&checked.to_json().to_string());
    } else {
        let count = checked.policies.len();
        let version = printer.paint(Style::Strong, &checked.version);
        printer.line(&format!("{version}: {count} policies, every word of them is in the schema"));
        printer.line(&told_red_line(&checked.line, printer));
    }
    match checked.line {
        RedLine::Proven { .. } => Outcome::Clean,
        RedLine::Crossed(_) => Outcome::Findings,
        RedLine::TooMany => Outcome::CouldNotTell,
    }
}

fn activate(file: &Path, who: &Who, printer: &Printer) -> Done {
    let candidate = Candidate::of(file)?;
    let versions = versions_of(&Config::load(&who.config)?)?;
    // Where nobody is asked, nobody has looked: only `--expect` says what is to be replaced.
    let seen = if who.is_asked(printer) { Some(newest(&versions.newest(1)?)) } else { None };
    put_in_force(&versions, &candidate, "activate", seen.as_deref(), who, printer)
}

/// The version in force; empty where none was activated yet.
fn newest(history: &[(String, Change)]) -> String {
    history.first().map(|(_, change)| change.version.clone()).unwrap_or_default()
}

/// Puts policies in force, and says so: on top of what was seen to hold, and of nothing that came while somebody typed.
fn put_in_force(
    versions: &Versions,
    candidate: &Candidate,
    event: &'static str,
    seen: Option<&str>,
    who: &Who,
    printer: &Printer,
) -> Done {
    if let Some(seen) = seen {
        Meanwhile::unless(seen, who.expect.as_deref())?;
    }
    let by = environment::who(who.by.as_deref());
    let version = candidate.policies.version();
    let holds = seen.filter(|version| !version.is_empty());
    if let Some(report) = versions.not_compared(version) {
        printer.note(&format!("{version} could not be compared with what is in force: {report:#}"));
    }
    if who.is_asked(printer) && !is_meant(version, holds, "for all gateways that share the folder", printer)?
    {
        return Ok(Outcome::Findings);
    }
    let wish = Wish { event, by: &by, reason: &who.reason, expect: seen.or(who.expect.as_deref()) };
    Ok(match acting::activate(versions, candidate, &wish)? {
        Acted::Refused(line) => tell_refused(version, &line, printer),
        Acted::InForce { version, place } => {
            tell_activated(&PolicyActivated { version, activation: place }, who.json, printer)
        }
    })
}

/// Whether whoever sits at a terminal means it, having seen what holds.
pub(crate) fn is_meant(
    version: &str,
    holds: Option<&str>,
    place: &str,
    printer: &Printer,
) -> miette::Result<bool> {
    let holds = holds.map_or_else(
        || "Nothing was activated yet: `file`, or the shipped policies, are in force".to_owned(),
        |holds| format!("{holds} is in force"),
    );
    let name = name_in(version);
    let question = format!("{holds}. Type `{name}` to put {version} in its place, {place}:");
    let is_meant = question::is_meant(&question, name, printer)?;
    if !is_meant {
        printer.note("nothing was activated");
    }
    Ok(is_meant)
}

/// Tells that a version is in force.
pub(crate) fn tell_activated(activated: &PolicyActivated, json: bool, printer: &Printer) -> Outcome {
    if json {
        printer.line(&serde_json::json!(activated).to_string());
    } else {
        let PolicyActivated { version, activation } = activated;
        let told = printer.paint(Style::Good, "in force");
        printer.line(&format!("{told}: {version}, entry {activation}"));
        printer.line(WHEN_OBEYED);
    }
    Outcome::Clean
}

/// Tells why a version was not put in force.
pub(crate) fn tell_refused(version: &str, line: &RedLine, printer: &Printer) -> Outcome {
    printer.note(&told_red_line(line, printer));
    printer.note(&format!("{version} was not activated: what was in force stays in force"));
    Outcome::Findings
}

fn rollback(version: Option<&str>, who: &Who, printer: &Printer) -> Done {
    let versions = versions_of(&Config::load(&who.config)?)?;
    let history = versions.history()?;
    let candidate = acting::before(&versions, &history, version)?;
    let seen = newest(&history);
    put_in_force(&versions, &candidate, "rollback", Some(&seen), who, printer)
}

fn history(config: &Path, json: bool, printer: &Printer) -> Done {
    let history = versions_of(&Config::load(config)?)?.history()?;
    let history: Vec<PolicyVersion> = history.into_iter().map(shown).collect();
    Ok(tell_history(&history, json, printer))
}

/// An entry of the log with its place, as commands and programs are told it.
pub(crate) fn shown((place, change): (String, Change)) -> PolicyVersion {
    let Change { at, by, event, previous, reason, sha256, version, .. } = change;
    PolicyVersion { at, by, event, previous, reason, sha256, version, place }
}

/// What was in force, entry by entry with its place.
pub(crate) fn tell_history(history: &[PolicyVersion], json: bool, printer: &Printer) -> Outcome {
    if history.is_empty() && !json {
        printer.line("nothing was activated yet: what `file` says is in force, or the shipped policies");
    }
    for (number, one) in history.iter().enumerate() {
        if json {
            printer.line(&serde_json::json!(one).to_string());
            continue;
        }
        let PolicyVersion { at, by, event, reason, version, place, .. } = one;
        let state =
            if number == 0 { printer.paint(Style::Good, "in force ") } else { "         ".to_owned() };
        // What others wrote makes no second line.
        let said = plain(&format!("{at}  {event:<9} {version}  by {by}: {reason}  ({place})"));
        printer.line(&format!("{state} {said}"));
    }
    Outcome::Clean
}
