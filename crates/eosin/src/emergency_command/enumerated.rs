//! What would be answered to each consumer, whatever came: every action on every kind of record at every boundary of the
//! configuration, by each client that is known and by any other, asked of both versions.

use std::collections::{BTreeMap, BTreeSet};

use policy::{Action, Boundary, Decision, Policies};

use crate::{
    policy_command::kinds::{KINDS, Kind, recorded},
    printer::{Printer, Style},
};

/// How a client is called of whom nobody has spoken.
const ANY_OTHER: &str = "any-other-client";

/// What differs, by boundary, client and change.
#[derive(Debug, Default)]
pub(super) struct Enumerated {
    asked: u64,
    by: BTreeMap<(String, String), BTreeMap<Change, BTreeSet<&'static str>>>,
}

/// How an answer about one kind of record changes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Change {
    kind: &'static str,
    was: Decision,
    is: Decision,
    policies: Vec<String>,
}

impl Enumerated {
    /// Asks both versions everything that boundaries, clients, actions and kinds of record tell apart.
    pub(super) fn of<'b>(
        boundaries: impl Iterator<Item = &'b Boundary>,
        clients: impl Fn(&str) -> BTreeSet<String>,
        before: &Policies,
        after: &Policies,
    ) -> Self {
        let mut all = Self::default();
        for boundary in boundaries {
            let any = all.changes(boundary, ANY_OTHER, before, after);
            for client in clients(&boundary.name) {
                let changes = all.changes(boundary, &client, before, after);
                // Who is treated as any other needs no lines of its own.
                if changes != any {
                    all.by.insert((boundary.name.clone(), client), changes);
                }
            }
            if !any.is_empty() {
                all.by.insert((boundary.name.clone(), "any other client".to_owned()), any);
            }
        }
        all
    }

    fn changes(
        &mut self,
        boundary: &Boundary,
        client: &str,
        before: &Policies,
        after: &Policies,
    ) -> BTreeMap<Change, BTreeSet<&'static str>> {
        let mut changes: BTreeMap<Change, BTreeSet<&'static str>> = BTreeMap::new();
        for kind in &KINDS {
            for action in Action::ALL {
                self.asked += 2;
                if let Some(change) = change(boundary, client, *action, kind, before, after) {
                    changes.entry(change).or_default().insert(action.as_str());
                }
            }
        }
        changes
    }

    pub(super) fn print(&self, printer: &Printer) {
        if self.by.is_empty() {
            printer.line("    no answer differs");
        }
        for ((boundary, client), changes) in &self.by {
            printer.line(&format!("    {boundary}, {client}"));
            if changes.is_empty() {
                printer.line("        as before, otherwise than for any other client");
            }
            for (Change { kind, was, is, policies }, actions) in changes {
                let actions: Vec<&str> = actions.iter().copied().collect();
                printer.line(&format!("      - {kind}: {was} ({})", actions.join(", ")));
                let is = format!("      + {kind}: {is} by {}", policies.join(", "));
                printer.line(&printer.paint(Style::Stop, &is));
            }
        }
        printer.line(&format!("    ({} questions)", self.asked));
    }

    pub(super) fn to_page(&self) -> Vec<web::ChangedAnswer> {
        let one = |((boundary, client), changes): (&(String, String), &BTreeMap<Change, BTreeSet<&str>>)| {
            let one = |(change, actions): (&Change, &BTreeSet<&str>)| web::ChangedAnswer {
                boundary: boundary.clone(),
                client: client.clone(),
                record: change.kind.to_owned(),
                actions: actions.iter().copied().collect::<Vec<_>>().join(", "),
                now: change.was.as_str().to_owned(),
                then: change.is.as_str().to_owned(),
                by: change.policies.join(", "),
            };
            changes.iter().map(one).collect::<Vec<_>>()
        };
        self.by.iter().flat_map(one).collect()
    }

    pub(super) fn to_json(&self) -> Vec<serde_json::Value> {
        let one = |((boundary, client), changes): (&(String, String), &BTreeMap<Change, BTreeSet<&str>>)| {
            let one = |(change, actions): (&Change, &BTreeSet<&str>)| {
                serde_json::json!({
                    "boundary": boundary, "client": client, "record": change.kind, "actions": actions,
                    "before": change.was.as_str(), "after": change.is.as_str(), "by": change.policies,
                })
            };
            changes.iter().map(one).collect::<Vec<_>>()
        };
        self.by.iter().flat_map(one).collect()
    }
}

fn change(
    boundary: &Boundary,
    client: &str,
    action: Action,
    kind: &Kind,
    before: &Policies,
    after: &Policies,
) -> Option<Change> {
    let asked = recorded(boundary, client, action, kind);
    let was = asked.answered_by(before).map_or(Decision::Block, |answer| answer.decision);
    let said = asked.answered_by(after);
    let is = said.as_ref().map_or(Decision::Block, |answer| answer.decision);
    let policies = said.into_iter().flat_map(|answer| answer.policies).collect();
    (was != is).then_some(Change { kind: kind.name, was, is, policies })
}
