//! `eosin policy replay`: what would have been otherwise, had these policies been in force.

use std::collections::BTreeMap;

use index::{Crossing, Since};
use jiff::{SignedDuration, Timestamp};
use miette::{IntoDiagnostic as _, miette};
use policy::{Change, Policies, Recorded, Replayed};

use crate::{
    index_command::{self, Where},
    outcome::{Done, Outcome},
    printer::{Printer, Style},
    wiring,
};

/// What is wanted of a replay.
pub(super) struct Wanted {
    since: String,
    examples: usize,
    all: bool,
}

impl Wanted {
    /// Errors: `since` is neither a time ago nor a moment.
    pub(super) fn new(since: &str, examples: usize, all: bool) -> miette::Result<Self> {
        Ok(Self { since: moment(since)?, examples: examples.min(EXAMPLES_MAX), all })
    }
}

const EXAMPLES_MAX: usize = 1_000;

/// A time ago, or a moment, as entries write moments.
pub(crate) fn moment(text: &str) -> miette::Result<String> {
    let not_a_time = || {
        miette!(
            help = "write `7d`, `12h`, `30m` or `2026-11-22T09:00:00Z`",
            "`{text}` is neither a time ago nor a moment"
        )
    };
    let ago = text.split_at_checked(text.len().saturating_sub(1)).and_then(|(number, unit)| {
        let number: i64 = number.parse().ok().filter(|number| (0..=1_000_000).contains(number))?;
        let minutes = match unit {
            "d" => 24 * 60,
            "h" => 60,
            "m" => 1,
            _ => return None,
        };
        Some(SignedDuration::from_mins(number * minutes))
    });
    let then: Timestamp = match ago {
        Some(ago) => wiring::clock()().checked_sub(ago).map_err(|_| not_a_time())?,
        None => text.parse().map_err(|_| not_a_time())?,
    };
    let utc = jiff::tz::Offset::UTC.to_datetime(then);
    Ok(format!("{}Z", utc.strftime("%Y-%m-%dT%H:%M:%S%.3f")))
}

/// Asks the policies about every recorded transaction, and tells what would change.
///
/// Bounds: a page of transactions in memory, and the answers to [`ANSWERS_MAX`] questions: the same ones come again.
pub(super) fn replay(policies: &Policies, wanted: &Wanted, at: &Where, printer: &Printer) -> Done {
    let mut index = index_command::up_to_date(at, printer)?;
    let mut since = Since::moment(&wanted.since);
    let mut answers = Answers { policies, known: BTreeMap::new() };
    let mut sums = Sums::default();
    loop {
        let page = index.crossings(&mut since).into_diagnostic()?;
        if page.is_empty() {
            break;
        }
        for crossing in &page {
            let replayed = answers.about(crossing, &mut index)?;
            sums.transactions += 1;
            match replayed {
                Replayed::Same => {}
                Replayed::Unknown => sums.unknown += 1,
                Replayed::Changed(change) => {
                    if wanted.all {
                        printer.line(&named(crossing, &change, at.json));
                    }
                    sums.add(crossing, change, wanted.examples);
                }
            }
        }
    }
    if at.json {
        printer.line(&sums.to_json(policies, wanted));
    } else {
        sums.print(policies, wanted, printer);
    }
    Ok(if sums.changed == 0 { Outcome::Clean } else { Outcome::Findings })
}

/// What the policies said to questions that came before.
struct Answers<'a> {
    policies: &'a Policies,
    known: BTreeMap<String, Replayed>,
}

/// Most answers that are kept: some tens of megabytes.
const ANSWERS_MAX: usize = 100_000;

impl Answers<'_> {
    fn about(&mut self, crossing: &Crossing, index: &mut index::Index) -> miette::Result<Replayed> {
        let Some(name) = &crossing.question else { return Ok(Replayed::Unknown) };
        if let Some(answer) = self.known.get(name) {
            return Ok(answer.clone());
        }
        let texts = index.questions(&crossing.origin, &[name]).into_diagnostic()?;
        let text = texts
            .get(name)
            .ok_or_else(|| miette!("the index has lost a question: run `eosin index rebuild`"))?;
        // What a later Eosin wrote may have words that this one does not know.
        let answer = serde_json::from_str::<Recorded>(text)
            .map_or(Replayed::Unknown, |recorded| recorded.put_to(self.policies));
        if self.known.len() >= ANSWERS_MAX {
            self.known.clear();
        }
        self.known.insert(name.clone(), answer.clone());
        Ok(answer)
    }
}

/// What changes, by boundary, client and kind of change.
#[derive(Default)]
struct Sums {
    transactions: u64,
    changed: u64,
    unknown: u64,
    groups: BTreeMap<(String, String, String), Group>,
}

#[derive(Default)]
struct Group {
    transactions: u64,
    records: u64,
    examples: Vec<String>,
}

/// Most boundaries, clients and kinds that are told apart; clients may call themselves anything.
const GROUPS_MAX: usize = 10_000;

impl Sums {
    fn add(&mut self, crossing: &Crossing, change: Change, examples: usize) {
        self.changed += 1;
        let mut key = (crossing.boundary.clone(), crossing.client.clone(), kind(&change));
        if self.groups.len() >= GROUPS_MAX && !self.groups.contains_key(&key) {
            "(other clients)".clone_into(&mut key.1);
        }
        let group = self.groups.entry(key).or_default();
        group.transactions += 1;
        group.records += change.records;
        if group.examples.len() < examples {
            group.examples.push(format!("{}#{}", crossing.origin, crossing.entry));
        }
    }

    fn print(&self, policies: &Policies, wanted: &Wanted, printer: &Printer) {
        let head = format!(
            "{} on {} transactions since {}: {} would change",
            policies.version(),
            self.transactions,
            wanted.since,
            self.changed
        );
        printer.line(&printer.paint(Style::Strong, &head));
        for ((boundary, client, kind), group) in &self.groups {
            printer.line(&format!(
                "  {boundary}, {client}: {kind}: {} transactions, {} records",
                group.transactions, group.records
            ));
            for example in &group.examples {
                printer.line(&format!("    {example}"));
            }
        }
        if self.unknown > 0 {
            printer.line(&format!(
                "  {} transactions cannot be replayed: what policies saw of them was not written down whole",
                self.unknown
            ));
        }
    }

    fn to_json(&self, policies: &Policies, wanted: &Wanted) -> String {
        let groups = self.groups.iter().map(|((boundary, client, kind), group)| {
            serde_json::json!({
                "boundary": boundary, "client": client, "change": kind, "transactions": group.transactions,
                "records": group.records, "examples": group.examples,
            })
        });
        serde_json::json!({
            "version": policies.version(),
            "since": wanted.since,
            "transactions": self.transactions,
            "changed": self.changed,
            "unknown": self.unknown,
            "groups": groups.collect::<Vec<_>>(),
        })
        .to_string()
    }
}

/// A change in words.
fn kind(change: &Change) -> String {
    if change.was != change.would {
        format!("{} to {}", change.was, change.would)
    } else if change.found != change.finds {
        format!("still {}, but {} to {}", change.was, change.found, change.finds)
    } else {
        format!("still {}, but not of every record", change.was)
    }
}

fn named(crossing: &Crossing, change: &Change, json: bool) -> String {
    let place = format!("{}#{}", crossing.origin, crossing.entry);
    if json {
        return serde_json::json!({
            "transaction": place, "boundary": crossing.boundary, "client": crossing.client, "at": crossing.at,
            "was": change.was.as_str(), "would": change.would.as_str(), "records": change.records,
        })
        .to_string();
    }
    format!("{place}  {}  {}, {}: {}", crossing.at, crossing.boundary, crossing.client, kind(change))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_ago_or_a_moment_is_read() {
        assert_eq!(moment("2026-11-22T09:00:00+01:00").unwrap(), "2026-11-22T08:00:00.000Z");
        let (day, minute) = (moment("1d").unwrap(), moment("5m").unwrap());
        assert!(day < minute && minute < moment("0m").unwrap(), "{day} {minute}");
        for text in ["", "d", "7", "7w", "-1d", "soon", "9999999999d"] {
            assert!(moment(text).is_err(), "{text}");
        }
    }
}
