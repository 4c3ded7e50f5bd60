//! `eosin policy diff`: which policies are new, gone or changed, and which answers differ.

use std::collections::BTreeSet;

use policy::{
    Action, Asked, AskedCase, Continuity, Decision, Environment, Finding, Mode, Policies, Recorded, Scope,
};

use crate::{
    outcome::Outcome,
    printer::{Printer, Style},
};

/// Tells how `new` differs from `old`.
pub(super) fn tell(old: &Policies, new: &Policies, printer: &Printer) -> Outcome {
    printer.line(&printer.paint(Style::Strong, &format!("{} to {}", old.version(), new.version())));
    let (before, after) = (old.texts(), new.texts());
    let ids: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let mut is_other = false;
    for id in ids {
        let sign = match (before.get(id), after.get(id)) {
            (Some(before), Some(after)) if before == after => continue,
            (Some(_), Some(_)) => "changed",
            (None, _) => "added",
            (_, None) => "removed",
        };
        is_other = true;
        printer.line(&format!("  {sign:<8} {id}"));
        for (mark, text) in [("-", before.get(id)), ("+", after.get(id))] {
            for line in text.filter(|_| printer.verbosity() > 0).into_iter().flat_map(|text| text.lines()) {
                printer.line(&format!("           {mark} {line}"));
            }
        }
    }
    let answers = differing(old, new);
    if answers.is_empty() {
        printer.line("no answer differs for clients, boundaries and purposes that no policy names");
    } else {
        printer.line("answers that differ, for clients, boundaries and purposes that no policy names:");
    }
    for answer in &answers {
        printer.line(&format!("  {answer}"));
    }
    if is_other || !answers.is_empty() { Outcome::Findings } else { Outcome::Clean }
}

/// One of each kind of record: what it is called, its verdict, and what else policies may know of it.
const KINDS: [(&str, &str, &[&str]); 15] = [
    ("no record", "", &[]),
    ("synthetic", "synthetic", &[]),
    ("synthetic, modified", "synthetic", &["modified"]),
    ("attested", "attested", &[]),
    ("attested, modified", "attested", &["modified"]),
    ("attested, out of jurisdiction", "attested", &["out"]),
    ("mixed", "mixed", &[]),
    ("unproven", "unproven", &[]),
    ("unproven, calls itself a test", "unproven", &["claimed"]),
    ("suspected, weakly", "suspected", &[]),
    ("suspected, strongly", "suspected", &["strongly"]),
    ("untrusted", "untrusted", &[]),
    ("transplanted", "transplanted", &[]),
    ("forged", "forged", &[]),
    ("unreadable", "unreadable", &[]),
];

fn differing(old: &Policies, new: &Policies) -> Vec<String> {
    let mut answers = Vec::new();
    for environment in Environment::ALL {
        for (kind, verdict, facts) in KINDS {
            for action in Action::ALL {
                for continuity in Continuity::ALL {
                    let asked = recorded(*environment, *action, *continuity, verdict, facts);
                    let said = |policies: &Policies| {
                        asked.answered_by(policies).map_or(Decision::Block, |answer| answer.decision)
                    };
                    let (was, is) = (said(old), said(new));
                    if was != is {
                        answers
                            .push(format!("{environment}, {continuity}: {action} of {kind}: {was} to {is}"));
                    }
                }
            }
        }
    }
    answers
}

fn recorded(
    environment: Environment,
    action: Action,
    continuity: Continuity,
    verdict: &str,
    facts: &[&str],
) -> Recorded {
    let case = AskedCase {
        claimed: facts.contains(&"claimed"),
        finding: Finding::Permit,
        modified: facts.contains(&"modified"),
        out_of_jurisdiction: facts.contains(&"out"),
        purposes: BTreeSet::new(),
        records: 1,
        strongly_suspected: facts.contains(&"strongly"),
        verdict: verdict.to_owned(),
    };
    let is_empty = verdict.is_empty();
    Recorded {
        action,
        asked: Asked {
            cases: if is_empty { Vec::new() } else { vec![case] },
            continuity,
            jurisdiction: String::new(),
            more: false,
            scope: Scope::PerRecord,
            system_of_record: false,
            together: is_empty.then_some(Finding::Permit),
            unsorted: false,
            weakened: 0,
        },
        boundary: "any-boundary".to_owned(),
        client: "any-client".to_owned(),
        environment,
        mode: Mode::Enforce,
    }
}
