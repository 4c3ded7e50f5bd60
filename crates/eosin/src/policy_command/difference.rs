//! `eosin policy diff`: which policies are new, gone or changed, and which answers differ.

use std::collections::BTreeSet;

use control::{PolicyDifference, PolicyDiffering};
use policy::{Action, Boundary, Continuity, Decision, Environment, Mode, Policies};

use super::kinds::{KINDS, recorded};
use crate::{
    outcome::Outcome,
    printer::{Printer, Style},
};

/// How policies differ from others.
pub(crate) struct Difference {
    /// The version as it was.
    pub(crate) old: String,
    /// The version as it would be.
    pub(crate) new: String,
    /// The policies that are not the same in both, by name.
    pub(crate) policies: Vec<Differing>,
    /// The answers that differ, for clients, boundaries and purposes that no policy names.
    pub(crate) answers: Vec<String>,
}

/// A policy that is not the same in both.
pub(crate) struct Differing {
    /// Its name.
    pub(crate) id: String,
    /// Its text as it was; nothing where it is new.
    pub(crate) before: Option<String>,
    /// Its text as it would be; nothing where it is gone.
    pub(crate) after: Option<String>,
}

impl Differing {
    /// `added`, `removed` or `changed`.
    pub(crate) fn sign(&self) -> &'static str {
        match (&self.before, &self.after) {
            (None, _) => "added",
            (Some(_), None) => "removed",
            (Some(_), Some(_)) => "changed",
        }
    }
}

impl Difference {
    /// How `new` differs from `old`.
    pub(crate) fn between(old: &Policies, new: &Policies) -> Self {
        let (before, after) = (old.texts(), new.texts());
        let ids: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        let both = ids.into_iter().map(|id| Differing {
            id: id.clone(),
            before: before.get(id).cloned(),
            after: after.get(id).cloned(),
        });
        Self {
            old: old.version().to_owned(),
            new: new.version().to_owned(),
            policies: both.filter(|one| one.before != one.after).collect(),
            answers: differing(old, new),
        }
    }

    /// The same, as commands and programs are told it.
    pub(crate) fn shown(self) -> PolicyDifference {
        let policies = self.policies.into_iter().map(|one| PolicyDiffering {
            sign: one.sign().to_owned(),
            id: one.id,
            before: one.before,
            after: one.after,
        });
        PolicyDifference { old: self.old, new: self.new, policies: policies.collect(), answers: self.answers }
    }
}

/// Tells it.
pub(crate) fn tell(difference: &PolicyDifference, json: bool, printer: &Printer) -> Outcome {
    let is_same = difference.policies.is_empty() && difference.answers.is_empty();
    let outcome = if is_same { Outcome::Clean } else { Outcome::Findings };
    if json {
        printer.line(&serde_json::json!(difference).to_string());
        return outcome;
    }
    printer.line(&printer.paint(Style::Strong, &format!("{} to {}", difference.old, difference.new)));
    for one in &difference.policies {
        printer.line(&format!("  {:<8} {}", one.sign, one.id));
        for (mark, text) in [("-", &one.before), ("+", &one.after)] {
            for line in text.iter().filter(|_| printer.verbosity() > 0).flat_map(|text| text.lines()) {
                printer.line(&format!("           {mark} {line}"));
            }
        }
    }
    if difference.answers.is_empty() {
        printer.line("no answer differs for clients, boundaries and purposes that no policy names");
    } else {
        printer.line("answers that differ, for clients, boundaries and purposes that no policy names:");
    }
    for answer in &difference.answers {
        printer.line(&format!("  {answer}"));
    }
    outcome
}

fn differing(old: &Policies, new: &Policies) -> Vec<String> {
    let mut answers = Vec::new();
    for environment in Environment::ALL {
        for kind in &KINDS {
            for action in Action::ALL {
                for continuity in Continuity::ALL {
                    let boundary = any_boundary(*environment, *continuity);
                    let asked = recorded(&boundary, "any-client", *action, kind);
                    let said = |policies: &Policies| {
                        asked.answered_by(policies).map_or(Decision::Block, |answer| answer.decision)
                    };
                    let (was, is) = (said(old), said(new));
                    if was != is {
                        answers.push(format!(
                            "{environment}, {continuity}: {action} of {}: {was} to {is}",
                            kind.name
                        ));
                    }
                }
            }
        }
    }
    answers
}

fn any_boundary(environment: Environment, continuity: Continuity) -> Boundary {
    Boundary {
        name: "any-boundary".to_owned(),
        environment,
        jurisdiction: String::new(),
        mode: Mode::Enforce,
        continuity,
        system_of_record: false,
    }
}
