//! What each consumer received lately, and would have received under an emergency version: by boundary, client and object,
//! of what the index has.

use std::collections::{BTreeMap, BTreeSet};

use index::{Crossing, Index, Since};
use miette::{IntoDiagnostic as _, miette};
use policy::{Decision, Passing, Policies, Recorded};

use crate::printer::{Printer, Style};

/// Most answers that are kept: some tens of megabytes.
const ANSWERS_MAX: usize = 100_000;
/// Most boundaries, clients and objects that are told apart; clients may call themselves anything.
const GROUPS_MAX: usize = 10_000;
/// Most clients of one boundary that are asked about by name.
const CLIENTS_MAX: usize = 20;

/// What was received, before and after.
#[derive(Debug, Default)]
pub(super) struct Crossed {
    unknown: u64,
    read: u64,
    is_cut: bool,
    groups: BTreeMap<(String, String, String), Group>,
}

#[derive(Debug, Default)]
struct Group {
    transactions: u64,
    passing_before: u64,
    passing_after: u64,
    records: u64,
    records_before: u64,
    records_after: u64,
    examples: Vec<String>,
}

impl Group {
    fn is_changed(&self) -> bool {
        (self.passing_before, self.records_before) != (self.passing_after, self.records_after)
    }
}

impl Crossed {
    /// Asks both versions about what crossed since a moment.
    ///
    /// Bounds: so many crossings, a page of them in memory, and the answers to [`ANSWERS_MAX`] questions.
    pub(super) fn of(
        index: &mut Index,
        (before, after): (&Policies, &Policies),
        since: &str,
        most: u64,
        examples: usize,
    ) -> miette::Result<Self> {
        let mut answers = Answers { before, after, known: BTreeMap::new() };
        let mut crossed = Self::default();
        let mut from = Since::moment(since);
        loop {
            let page = index.crossings(&mut from).into_diagnostic()?;
            if page.is_empty() {
                return Ok(crossed);
            }
            for crossing in &page {
                if crossed.read >= most {
                    crossed.is_cut = true;
                    return Ok(crossed);
                }
                crossed.read += 1;
                match answers.about(crossing, index)? {
                    Some((was, is)) => crossed.add(crossing, was, is, examples),
                    None => crossed.unknown += 1,
                }
            }
        }
    }

    fn add(&mut self, crossing: &Crossing, was: Passing, is: Passing, examples: usize) {
        let objects = crossing.objects.clone().unwrap_or_default();
        let mut key = (crossing.boundary.clone(), crossing.client.clone(), objects);
        if self.groups.len() >= GROUPS_MAX && !self.groups.contains_key(&key) {
            "(other clients)".clone_into(&mut key.1);
            key.2.clear();
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

    /// Whether anything that crossed would be received otherwise.
    pub(super) fn is_changed(&self) -> bool {
        self.groups.values().any(Group::is_changed)
    }

    /// Who asked at a boundary, by name and at most so many.
    pub(super) fn clients(&self, boundary: &str) -> BTreeSet<&str> {
        let here = self.groups.keys().filter(|(at, _, _)| at == boundary);
        let clients: BTreeSet<&str> = here.map(|(_, client, _)| client.as_str()).collect();
        clients.into_iter().take(CLIENTS_MAX).collect()
    }

    /// A line for each consumer whose share stays, two for each whose does not.
    pub(super) fn print(&self, printer: &Printer) {
        if self.groups.is_empty() {
            printer.line("    nothing crossed");
        }
        for ((boundary, client, objects), group) in &self.groups {
            let objects = if objects.is_empty() { "any object" } else { objects };
            let share = |transactions: u64, records: u64| {
                format!(
                    "{boundary}, {client}, {objects}: {transactions} of {} transactions, {records} of {} records",
                    group.transactions, group.records
                )
            };
            let was = share(group.passing_before, group.records_before);
            if !group.is_changed() {
                printer.line(&format!("      {was}"));
                continue;
            }
            printer.line(&format!("    - {was}"));
            let is = format!("    + {}", share(group.passing_after, group.records_after));
            printer.line(&printer.paint(Style::Stop, &is));
            for example in &group.examples {
                printer.line(&format!("        stopped: {example}"));
            }
        }
        if self.unknown > 0 {
            printer.line(&format!("    {} transactions cannot be asked about again", self.unknown));
        }
        if self.is_cut {
            printer
                .line(&format!("    only the first {} transactions since then were asked about", self.read));
        }
    }

    /// The consumers, for a page: those whose share changes first.
    pub(super) fn to_page(&self) -> Vec<web::Consumer> {
        let one = |((boundary, client, objects), group): (&(String, String, String), &Group)| web::Consumer {
            boundary: boundary.clone(),
            client: client.clone(),
            objects: if objects.is_empty() { "any object".to_owned() } else { objects.clone() },
            transactions: group.transactions,
            records: group.records,
            now: (group.passing_before, group.records_before),
            then: (group.passing_after, group.records_after),
            examples: group.examples.clone(),
        };
        let mut all: Vec<web::Consumer> = self.groups.iter().map(one).collect();
        all.sort_by_key(|one| one.now == one.then);
        all
    }

    /// The consumers, for a program.
    pub(super) fn to_json(&self) -> Vec<serde_json::Value> {
        let one = |((boundary, client, objects), group): (&(String, String, String), &Group)| {
            serde_json::json!({
                "boundary": boundary, "client": client, "objects": objects,
                "transactions": group.transactions,
                "passingBefore": group.passing_before, "passingAfter": group.passing_after,
                "records": group.records, "recordsBefore": group.records_before,
                "recordsAfter": group.records_after, "examples": group.examples,
            })
        };
        self.groups.iter().map(one).collect()
    }

    /// How many transactions could not be asked about, and whether some were left out.
    pub(super) fn left_out(&self) -> (u64, bool) {
        (self.unknown, self.is_cut)
    }
}

/// What both say; nothing of what cannot be asked about again.
type Both = Option<(Passing, Passing)>;

/// What both say to questions that came before.
struct Answers<'a> {
    before: &'a Policies,
    after: &'a Policies,
    known: BTreeMap<(String, Option<String>), Both>,
}

impl Answers<'_> {
    fn about(&mut self, crossing: &Crossing, index: &mut Index) -> miette::Result<Both> {
        let Some(name) = &crossing.question else { return Ok(None) };
        let key = (name.clone(), crossing.objects.clone());
        if let Some(answer) = self.known.get(&key) {
            return Ok(*answer);
        }
        let texts = index.questions(&crossing.origin, &[name]).into_diagnostic()?;
        let text = texts
            .get(name)
            .ok_or_else(|| miette!("the index has lost a question: run `eosin index rebuild`"))?;
        let answer =
            serde_json::from_str::<Recorded>(text).ok().and_then(|recorded| self.ask(&recorded, crossing));
        if self.known.len() >= ANSWERS_MAX {
            self.known.clear();
        }
        self.known.insert(key, answer);
        Ok(answer)
    }

    fn ask(&self, recorded: &Recorded, crossing: &Crossing) -> Both {
        // Of what is not written down nobody can say that it is outside.
        let objects: Option<Vec<&str>> = crossing.objects.as_deref().map(|text| text.split(',').collect());
        let passing = |policies: &Policies| {
            let narrower = objects.as_ref().and_then(|objects| policies.about(objects));
            recorded.passing_under(narrower.as_deref().unwrap_or(policies))
        };
        Some((passing(self.before)?, passing(self.after)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_clients_are_named_however_many_objects_each_asked_for() {
        let mut crossed = Crossed::default();
        let mut ask = |client: &str, objects: &str| {
            let key = ("crm".to_owned(), client.to_owned(), objects.to_owned());
            crossed.groups.insert(key, Group::default());
        };
        (0..30).for_each(|number| ask("busy", &format!("Object{number:02}")));
        (10..40).for_each(|number| ask(&format!("client-{number}"), "Contact"));
        let clients = crossed.clients("crm");
        assert_eq!((clients.len(), clients.last()), (CLIENTS_MAX, Some(&"client-28")));
        assert!(crossed.clients("feed").is_empty());
    }
}
