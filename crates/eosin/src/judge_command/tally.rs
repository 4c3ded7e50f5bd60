//! Counts by verdict, and the sentence that says what they mean.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use mark::{Distrust, Integrity, Strength, Verdict, VerdictName};

use super::FailOn;
use crate::printer::plural;

/// How many records got which verdict.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    counts: BTreeMap<VerdictName, Count>,
    distrusted: BTreeSet<String>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    all: u64,
    modified: u64,
    strong: u64,
}

/// Most reasons for distrust that are kept for a hint.
const HINTS_MAX: usize = 8;

impl Tally {
    /// Counts one verdict.
    pub(super) fn add(&mut self, verdict: &Verdict) {
        let count = self.counts.entry(verdict.name()).or_default();
        count.all += 1;
        count.modified +=
            u64::from(verdict.proof().is_some_and(|proof| proof.integrity() == Integrity::Modified));
        count.strong +=
            u64::from(matches!(verdict, Verdict::Suspected(found) if found.strength == Strength::Strong));
        if let Verdict::Untrusted(distrust) = verdict
            && self.distrusted.len() < HINTS_MAX
        {
            self.distrusted.insert(hint(distrust));
        }
    }

    /// Adds the counts of other records.
    pub(super) fn merge(&mut self, other: &Self) {
        for (name, more) in &other.counts {
            let count = self.counts.entry(*name).or_default();
            count.all += more.all;
            count.modified += more.modified;
            count.strong += more.strong;
        }
        let room = HINTS_MAX.saturating_sub(self.distrusted.len());
        self.distrusted.extend(other.distrusted.iter().take(room).cloned());
    }

    /// How many records were judged.
    pub(super) fn total(&self) -> u64 {
        self.counts.values().map(|count| count.all).sum()
    }

    /// How many got this verdict.
    pub(super) fn count(&self, name: VerdictName) -> u64 {
        self.counts.get(&name).map_or(0, |count| count.all)
    }

    /// How many of those had changed since they were sealed.
    pub(super) fn modified(&self, name: VerdictName) -> u64 {
        self.counts.get(&name).map_or(0, |count| count.modified)
    }

    /// How many carry no mark.
    pub(super) fn without_mark(&self) -> u64 {
        self.count(VerdictName::Unproven) + self.count(VerdictName::Suspected)
    }

    /// How many are worth a finding: all but attested ones as they were sealed.
    pub(super) fn findings(&self) -> u64 {
        self.total() - self.count(VerdictName::Attested) + self.modified(VerdictName::Attested)
    }

    /// How many are suspected on independent grounds, or above the threshold.
    pub(super) fn strongly_suspected(&self) -> u64 {
        self.counts.get(&VerdictName::Suspected).map_or(0, |count| count.strong)
    }

    /// Whether nothing speaks against these records: at this level, or by the strict measure if there is none.
    pub(super) fn passes(&self, level: Option<FailOn>) -> bool {
        match level {
            None => self.is_clean(),
            Some(level) => {
                let mut names = VerdictName::ALL.into_iter().filter(|name| level.counts(*name));
                names.all(|name| self.count(name) == 0)
            }
        }
    }

    /// Whether every record is attested and as it was sealed.
    pub(super) fn is_clean(&self) -> bool {
        self.count(VerdictName::Attested) == self.total() && self.modified(VerdictName::Attested) == 0
    }

    /// What would make distrusted records trusted, if they should be.
    pub(super) fn hints(&self) -> impl Iterator<Item = &str> {
        self.distrusted.iter().map(String::as_str)
    }

    /// What it all means, in a sentence or two for a person.
    pub(super) fn meaning(&self) -> String {
        let total = self.total();
        let of = |name| self.count(name);
        let (synthetic, attested) = (of(VerdictName::Synthetic), of(VerdictName::Attested));
        let broken = of(VerdictName::Transplanted) + of(VerdictName::Forged);
        let unknown = of(VerdictName::Unproven) + of(VerdictName::Untrusted) + of(VerdictName::Unreadable);
        let modified = VerdictName::ALL.into_iter().map(|name| self.modified(name)).sum::<u64>();
        if total == 0 {
            return "Nothing was judged.".to_owned();
        }
        let mut said = if attested == total {
            format!("{} attested: nothing synthetic is among them.", all(total))
        } else if synthetic == total {
            format!("{} proven synthetic: about nobody.", all(total))
        } else {
            let parts = [
                (synthetic, "proven synthetic"),
                (of(VerdictName::Mixed), "derived from synthetic and attested ones"),
                (attested, "attested"),
                (of(VerdictName::Suspected), "suspected to be synthetic, without proof"),
                (
                    unknown,
                    of_one(
                        unknown,
                        "without proof, which says nothing about whom it is about",
                        "without proof, which says nothing about whom they are about",
                    ),
                ),
                (broken, of_one(broken, "with a mark that is not its own", "with a mark that is not theirs")),
            ];
            let parts = parts.iter().filter(|(count, _)| *count > 0);
            let parts: Vec<String> = parts.map(|(count, what)| format!("{count} {what}")).collect();
            format!("Of {}: {}.", plural(total, "record", "records"), parts.join("; "))
        };
        if modified > 0 {
            let changed = plural(modified, "record has", "records have");
            // Writing to a string cannot fail.
            write!(said, " {changed} changed since sealing.").ok();
        }
        if broken > 0 {
            said.push_str(" Look at transplanted and forged ones first: a mark in the wrong place can hide a person from care.");
        }
        said
    }
}

fn of_one<'w>(count: u64, one: &'w str, several: &'w str) -> &'w str {
    if count == 1 { one } else { several }
}

fn hint(distrust: &Distrust) -> String {
    match distrust {
        Distrust::Log(log) => {
            format!("`{log}` is not trusted here: if it should be, give its key with `--trust FILE`")
        }
        Distrust::Dataset(id) => format!(
            "dataset {id} is not known here, or its log is not: give its file with `--dataset FILE`, and \
             `--config FILE` or `--trust FILE` for the log's key"
        ),
        Distrust::Subject(subject) => format!(
            "a log is not trusted to vouch for {subject} records: if it should be, give its key with \
             `--trust {subject}=FILE`"
        ),
    }
}

fn all(total: u64) -> String {
    if total == 1 { "The one record is".to_owned() } else { format!("All {total} records are") }
}
