//! `eosin emergency preview`: what each client receives at each boundary, before and after, by what crossed lately.

use std::{collections::BTreeMap, sync::Arc};

use index::{Crossing, Since};
use miette::{IntoDiagnostic as _, miette};
use policy::{Decision, Emergency, EmergencyScope, Passing, Policies, Recorded};

use super::{
    Known,
    entries::{self},
    now,
    statement::Request,
};
use crate::{
    index_command::{self, Where},
    outcome::{Done, Outcome},
    policy_command::replay_since,
    printer::{Printer, Style},
};

const EXAMPLES_MAX: usize = 1_000;
/// Most answers that are kept: some tens of megabytes.
const ANSWERS_MAX: usize = 100_000;
/// Most boundaries and clients that are told apart; clients may call themselves anything.
const GROUPS_MAX: usize = 10_000;

/// Tells what would be received under an emergency version, beside what is under the policies in force.
pub(super) fn preview(
    name: &str,
    scope: &EmergencyScope,
    since: &str,
    examples: usize,
    at: &Where,
    printer: &Printer,
) -> Done {
    let known = Known::of(&at.config)?;
    let before = known.config.policies()?;
    let emergency = found(&known, name, scope, printer)?;
    let after = before.narrowed(vec![Arc::clone(&emergency)]);
    let since = replay_since(since)?;
    let mut index = index_command::up_to_date(at, printer)?;
    let mut answers = Answers { before: &before, after: &after, known: BTreeMap::new() };
    let mut sums = Sums::default();
    let mut from = Since::moment(&since);
    loop {
        let page = index.crossings(&mut from).into_diagnostic()?;
        if page.is_empty() {
            break;
        }
        for crossing in &page {
            match answers.about(crossing, &mut index)? {
                Some((was, is)) => sums.add(crossing, was, is, examples.min(EXAMPLES_MAX)),
                None => sums.unknown += 1,
            }
        }
    }
    let version = emergency.policies.version();
    if at.json {
        printer.line(&sums.to_json(version, scope, &since));
    } else {
        sums.print(version, scope, &since, printer);
    }
    Ok(if sums.changed() { Outcome::Findings } else { Outcome::Clean })
}

fn found(
    known: &Known,
    name: &str,
    scope: &EmergencyScope,
    printer: &Printer,
) -> miette::Result<Arc<Emergency>> {
    let book = known.book(printer)?;
    let (prepared, entry) = book.prepared(name)?;
    let request = Request {
        log: String::new(),
        prepared,
        version: entry.version.clone(),
        sha256: entry.sha256.clone(),
        scope: scope.clone(),
        asked: now(),
        until: now(),
        reason: String::new(),
    };
    entries::standing(&known.versions, "preview", &request)
}

/// What both say to questions that came before.
struct Answers<'a> {
    before: &'a Policies,
    after: &'a Policies,
    known: BTreeMap<String, Option<(Passing, Passing)>>,
}

impl Answers<'_> {
    fn about(
        &mut self,
        crossing: &Crossing,
        index: &mut index::Index,
    ) -> miette::Result<Option<(Passing, Passing)>> {
        let Some(name) = &crossing.question else { return Ok(None) };
        if let Some(answer) = self.known.get(name) {
            return Ok(*answer);
        }
        let texts = index.questions(&crossing.origin, &[name]).into_diagnostic()?;
        let text = texts
            .get(name)
            .ok_or_else(|| miette!("the index has lost a question: run `eosin index rebuild`"))?;
        let answer = serde_json::from_str::<Recorded>(text).ok().and_then(|recorded| {
            Some((recorded.passing_under(self.before)?, recorded.passing_under(self.after)?))
        });
        if self.known.len() >= ANSWERS_MAX {
            self.known.clear();
        }
        self.known.insert(name.clone(), answer);
        Ok(answer)
    }
}

/// What is received, by boundary and client.
#[derive(Default)]
struct Sums {
    unknown: u64,
    groups: BTreeMap<(String, String), Group>,
}

#[derive(Default)]
struct Group {
    transactions: u64,
    passing_before: u64,
    passing_after: u64,
    records: u64,
    records_before: u64,
    records_after: u64,
    examples: Vec<String>,
}

impl Sums {
    fn add(&mut self, crossing: &Crossing, was: Passing, is: Passing, examples: usize) {
        let mut key = (crossing.boundary.clone(), crossing.client.clone());
        if self.groups.len() >= GROUPS_MAX && !self.groups.contains_key(&key) {
            "(other clients)".clone_into(&mut key.1);
        }
        let passes = |passing: Passing| u64::from(passing.decision != Decision::Block);
        let group = self.groups.entry(key).or_default();
        group.transactions += 1;
        group.passing_before += passes(was);
        group.passing_after += passes(is);
        group.records += was.records;
        group.records_before += was.passing;
        group.records_after += is.passing;
        if was != is && group.examples.len() < examples {
            group.examples.push(format!("{}#{}", crossing.origin, crossing.entry));
        }
    }

    fn changed(&self) -> bool {
        let changed = |group: &Group| {
            (group.passing_before, group.records_before) != (group.passing_after, group.records_after)
        };
        self.groups.values().any(changed)
    }

    fn print(&self, version: &str, scope: &EmergencyScope, since: &str, printer: &Printer) {
        let head = format!("{version}, {scope}, put to what crossed since {since}:");
        printer.line(&printer.paint(Style::Strong, &head));
        if self.groups.is_empty() {
            printer.line("  nothing crossed");
        }
        for ((boundary, client), group) in &self.groups {
            printer.line(&format!(
                "  {boundary}, {client}: of {} transactions {} pass before, {} after; of {} records {} before, {} after",
                group.transactions,
                group.passing_before,
                group.passing_after,
                group.records,
                group.records_before,
                group.records_after
            ));
            for example in &group.examples {
                printer.line(&format!("    stopped: {example}"));
            }
        }
        if self.unknown > 0 {
            printer.line(&format!("  {} transactions cannot be asked about again", self.unknown));
        }
        if !scope.objects.is_empty() {
            printer.line("  of which objects records were is not written down: all count as in scope here");
        }
    }

    fn to_json(&self, version: &str, scope: &EmergencyScope, since: &str) -> String {
        let groups = self.groups.iter().map(|((boundary, client), group)| {
            serde_json::json!({
                "boundary": boundary, "client": client, "transactions": group.transactions,
                "passingBefore": group.passing_before, "passingAfter": group.passing_after,
                "records": group.records, "recordsBefore": group.records_before,
                "recordsAfter": group.records_after, "examples": group.examples,
            })
        });
        serde_json::json!({
            "version": version, "scope": scope.to_string(), "since": since, "unknown": self.unknown,
            "objectsKnown": scope.objects.is_empty(), "consumers": groups.collect::<Vec<_>>(),
        })
        .to_string()
    }
}
