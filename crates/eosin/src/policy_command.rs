//! `eosin policy`: versions of the policies, checked, compared, tested, replayed, and put in force.

use std::path::Path;

use miette::miette;
use policy::{Crossed, Policies, RedLine};

use crate::{
    config::{Config, PolicyLog},
    environment, keys,
    outcome::{Done, Outcome},
    printer::{Printer, Style},
};

mod arguments;
pub(crate) mod cases;
mod difference;
pub(crate) mod policy_text;
mod replay;
mod taking_up;
pub(crate) mod versions;

pub(crate) use arguments::{PolicyCommand, Who};
pub(crate) use replay::moment as replay_since;
pub(crate) use taking_up::TakingUp;
use versions::{Versions, Wish};

/// Runs one of the commands about policies.
pub(crate) fn policy(command: &PolicyCommand, printer: &Printer) -> Done {
    match command {
        PolicyCommand::Check { file, config, json } => {
            Ok(check(&named(file.as_deref(), config)?, *json, printer))
        }
        PolicyCommand::Diff { new, old, config } => {
            Ok(difference::tell(&named(old.as_deref(), config)?, &policy_text::policies(new)?, printer))
        }
        PolicyCommand::Test { cases, policy, config } => {
            cases::test(cases, &named(policy.as_deref(), config)?, printer)
        }
        PolicyCommand::Replay { file, since, examples, all, at } => {
            let wanted = replay::Wanted::new(since, *examples, *all)?;
            replay::replay(&policy_text::policies(file)?, &wanted, at, printer)
        }
        PolicyCommand::Activate { file, who } => {
            let text = keys::small_file(file)?;
            let name = policy_text::name_of(file);
            let policies = policy_text::parse(&name, &text, &file.display().to_string())?;
            activate(&policies, &text, "activate", who, printer)
        }
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

fn log_of(config: &Path) -> miette::Result<PolicyLog> {
    Config::load(config)?.policy.log.ok_or_else(|| {
        miette!(
            help =
                "set `folder`, `vkey` and `signer` in `[policy]` (docs/policy.md); `eosin init` writes them",
            "this configuration takes its policies from a file: there are no versions to put in force"
        )
    })
}

fn check(policies: &Policies, json: bool, printer: &Printer) -> Outcome {
    let line = policies.red_line();
    if json {
        let told = serde_json::json!({
            "version": policies.version(),
            "policies": policies.ids().collect::<Vec<_>>(),
            "redLine": match &line {
                RedLine::Proven { .. } => "proven",
                RedLine::Crossed(_) => "crossed",
                RedLine::TooMany => "unknown",
            },
            "asked": match &line {
                RedLine::Proven { asked } => Some(*asked),
                RedLine::Crossed(_) | RedLine::TooMany => None,
            },
            "counterexample": match &line {
                RedLine::Crossed(crossed) => Some(crossed_json(crossed)),
                RedLine::Proven { .. } | RedLine::TooMany => None,
            },
        });
        printer.line(&told.to_string());
    } else {
        let count = policies.ids().count();
        let version = printer.paint(Style::Strong, policies.version());
        printer.line(&format!("{version}: {count} policies, every word of them is in the schema"));
        printer.line(&told_red_line(&line, printer));
    }
    match line {
        RedLine::Proven { .. } => Outcome::Clean,
        RedLine::Crossed(_) => Outcome::Findings,
        RedLine::TooMany => Outcome::CouldNotTell,
    }
}

/// What the analysis says, for a person.
pub(crate) fn told_red_line(line: &RedLine, printer: &Printer) -> String {
    match line {
        RedLine::Proven { asked } => format!(
            "{}: no request lets a record that is proven synthetic into production ({asked} questions)",
            printer.paint(Style::Good, "proven")
        ),
        RedLine::Crossed(crossed) => {
            let way = printer.paint(Style::Stop, "a way into production");
            format!("{way}: this request carries a synthetic record and is permitted\n{}", told(crossed))
        }
        RedLine::TooMany => {
            "not proven: these policies tell apart more names than can be asked about; use fewer \
                             purposes or patterns in the policies that speak of synthetic records"
                .to_owned()
        }
    }
}

fn told(crossed: &Crossed) -> String {
    let what = if crossed.is_system { "a part of Eosin" } else { "client" };
    let mut record = vec!["synthetic"];
    if crossed.modified {
        record.push("modified");
    }
    if crossed.out_of_jurisdiction {
        record.push("out of jurisdiction");
    }
    let purposes: Vec<&str> = crossed.purposes.iter().map(String::as_str).collect();
    let or_none = |text: String| if text.is_empty() { "none".to_owned() } else { text };
    let boundary = &crossed.boundary;
    [
        ("asks", format!("{what} `{}`", crossed.caller)),
        ("to", crossed.action.to_string()),
        (
            "at",
            format!(
                "boundary `{}`, production, continuity {}, mode {}{}",
                boundary.name,
                boundary.continuity,
                boundary.mode,
                if boundary.system_of_record { ", a system of record" } else { "" }
            ),
        ),
        ("in", or_none(boundary.jurisdiction.clone())),
        ("a record", record.join(", ")),
        ("made for", or_none(purposes.join(", "))),
        ("by", crossed.policies.join(", ")),
    ]
    .map(|(name, value)| format!("  {name:<10}{value}"))
    .join("\n")
}

fn crossed_json(crossed: &Crossed) -> serde_json::Value {
    serde_json::json!({
        "action": crossed.action.as_str(),
        "boundary": crossed.boundary.name,
        "caller": crossed.caller,
        "continuity": crossed.boundary.continuity.as_str(),
        "isSystem": crossed.is_system,
        "jurisdiction": crossed.boundary.jurisdiction,
        "mode": crossed.boundary.mode.as_str(),
        "modified": crossed.modified,
        "outOfJurisdiction": crossed.out_of_jurisdiction,
        "policies": crossed.policies,
        "purposes": crossed.purposes,
        "systemOfRecord": crossed.boundary.system_of_record,
    })
}

/// Puts policies in force, unless they let synthetic into production.
fn activate(policies: &Policies, text: &str, event: &'static str, who: &Who, printer: &Printer) -> Done {
    let log = log_of(&who.config)?;
    let line = policies.red_line();
    let RedLine::Proven { .. } = line else {
        printer.note(&told_red_line(&line, printer));
        printer.note(&format!("{} was not activated: what was in force stays in force", policies.version()));
        return Ok(Outcome::Findings);
    };
    let by = environment::who(who.by.as_deref());
    let wish = Wish { event, by: &by, reason: &who.reason, expect: who.expect.as_deref() };
    let place = Versions::new(&log).activate(policies, text, &wish)?;
    let version = policies.version();
    if who.json {
        printer.line(&serde_json::json!({ "version": version, "activation": place }).to_string());
    } else {
        let told = printer.paint(Style::Good, "in force");
        printer.line(&format!(
            "{told}: {version}, entry {place}; gateways that share the folder take it up at once"
        ));
    }
    Ok(Outcome::Clean)
}

fn rollback(version: Option<&str>, who: &Who, printer: &Printer) -> Done {
    let versions = Versions::new(&log_of(&who.config)?);
    let history = versions.history()?;
    let current = history.first().map(|(_, change)| change.version.clone());
    let wanted = match version {
        Some(version) => Some(version.to_owned()),
        None => history.first().and_then(|(_, change)| change.previous.clone()),
    };
    let Some(wanted) = wanted.filter(|wanted| Some(wanted) != current.as_ref()) else {
        return Err(miette!(
            "there is no version before the one in force: name one that `eosin policy history` lists"
        ));
    };
    let known = history.iter().find(|(_, change)| change.version == wanted);
    let Some((_, change)) = known else {
        return Err(miette!("`{wanted}` was never in force; `eosin policy history` lists what was"));
    };
    let text = versions.text(&wanted, &change.sha256)?;
    let name = versions::name_in(&wanted);
    activate(&policy_text::parse(name, &text, &wanted)?, &text, "rollback", who, printer)
}

fn history(config: &Path, json: bool, printer: &Printer) -> Done {
    let history = Versions::new(&log_of(config)?).history()?;
    if history.is_empty() && !json {
        printer.line("nothing was activated yet: what `file` says is in force, or the shipped policies");
    }
    for (at, (place, change)) in history.iter().enumerate() {
        if json {
            let mut told = serde_json::to_value(change).unwrap_or_default();
            if let Some(members) = told.as_object_mut() {
                members.insert("place".to_owned(), place.as_str().into());
            }
            printer.line(&told.to_string());
            continue;
        }
        let state = if at == 0 { printer.paint(Style::Good, "in force ") } else { "         ".to_owned() };
        printer.line(&format!(
            "{state} {}  {:<9} {}  by {}: {}  ({place})",
            change.at, change.event, change.version, change.by, change.reason
        ));
    }
    Ok(Outcome::Clean)
}
