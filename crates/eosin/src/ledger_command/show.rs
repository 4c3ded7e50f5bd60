//! `eosin ledger show`: entries of one ledger or of many, in the order of time.

use std::{collections::VecDeque, path::PathBuf};

use jiff::Timestamp;
use ledger::{ENTRIES_READ_MAX, Reader};
use miette::{IntoDiagnostic as _, WrapErr as _, miette};
use serde_json::{Map, Value};

use crate::{
    outcome::{Done, Outcome},
    printer::{Printer, Style},
};

/// Which entries are listed.
pub(super) struct Wanted {
    kind: Option<String>,
    boundary: Option<String>,
    since: Option<Timestamp>,
    last: usize,
}

impl Wanted {
    /// Errors: the moment is none, or the count is not between 1 and [`LAST_MAX`].
    pub(super) fn new(
        kind: Option<&str>,
        boundary: Option<&str>,
        since: Option<&str>,
        last: usize,
    ) -> miette::Result<Self> {
        if last == 0 || last > LAST_MAX {
            return Err(miette!("`--last` is between 1 and {LAST_MAX}"));
        }
        let since = since
            .map(|text| {
                text.parse().map_err(|_| {
                    miette!(
                        help = "write it as `2026-11-22T09:00:00Z`",
                        "`{text}` is no moment in a known time zone"
                    )
                })
            })
            .transpose()?;
        Ok(Self { kind: kind.map(str::to_owned), boundary: boundary.map(str::to_owned), since, last })
    }

    fn fits(&self, entry: &Shown) -> bool {
        let is = |wanted: &Option<String>, found: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| found == Some(wanted))
        };
        is(&self.kind, Some(entry.kind()))
            && is(&self.boundary, entry.text("boundary"))
            && self.since.is_none_or(|since| entry.at.is_some_and(|at| at >= since))
    }
}

/// So many entries are held in memory at most, for each ledger.
const LAST_MAX: usize = 100_000;

/// Lists the last entries that fit, over all ledgers.
///
/// Bounds: the entries asked for and one tile's worth of each ledger in memory.
/// Errors: a report: a ledger that cannot be read.
pub(super) fn show(folders: &[PathBuf], wanted: &Wanted, json: bool, printer: &Printer) -> Done {
    let mut found = Vec::new();
    for folder in folders {
        let reader = Reader::open(folder)
            .into_diagnostic()
            .wrap_err_with(|| format!("there is no ledger that can be read in {}", folder.display()))?;
        let entries = last_of(&reader, wanted).into_diagnostic().wrap_err_with(|| {
            format!("the ledger in {} is damaged; run `eosin ledger verify`", folder.display())
        })?;
        found.extend(entries);
    }
    // Within a ledger its own order holds, also where a clock ran backwards: the sort is stable.
    found.sort_by_key(|one| one.at);
    let first = found.len().saturating_sub(wanted.last);
    let found = found.split_off(first);
    if found.is_empty() && !json {
        printer.line(
            "no entry fits; what a running gateway has committed in the last moments comes in a second",
        );
    }
    for entry in &found {
        printer.line(&if json { entry.to_json() } else { entry.to_line(printer) });
    }
    Ok(Outcome::Clean)
}

/// The last entries that fit, read from the end.
fn last_of(reader: &Reader, wanted: &Wanted) -> Result<VecDeque<Shown>, ledger::ReadError> {
    let mut found = VecDeque::new();
    let mut end = reader.size();
    while end > 0 && found.len() < wanted.last {
        let start = end.saturating_sub(ENTRIES_READ_MAX);
        let entries = reader.entries(start..end)?;
        let mut is_past = false;
        for (index, bytes) in (start..end).rev().zip(entries.into_iter().rev()) {
            let shown = Shown::of(reader.origin(), index, &bytes);
            if wanted.fits(&shown) {
                found.push_front(shown);
                if found.len() == wanted.last {
                    break;
                }
            } else if let (Some(at), Some(since)) = (shown.at, wanted.since) {
                // Clocks run backwards by seconds, not by days.
                is_past |= at.as_second() + CLOCK_SECONDS < since.as_second();
            }
        }
        if is_past {
            break;
        }
        end = start;
    }
    Ok(found)
}

/// By how much an entry may be older than the one before it.
const CLOCK_SECONDS: i64 = 24 * 60 * 60;

/// An entry with its place.
struct Shown {
    origin: String,
    index: u64,
    at: Option<Timestamp>,
    entry: Map<String, Value>,
}

impl Shown {
    fn of(origin: &str, index: u64, bytes: &[u8]) -> Self {
        // An entry of another writer may be anything: its place is shown all the same.
        let entry: Map<String, Value> = serde_json::from_slice(bytes).unwrap_or_default();
        let at = entry.get("at").and_then(Value::as_str).and_then(|at| at.parse().ok());
        Self { origin: origin.to_owned(), index, at, entry }
    }

    /// The kind without its version.
    fn kind(&self) -> &str {
        let word = self.text("eosin").unwrap_or("other");
        word.split_once('@').map_or(word, |(kind, _)| kind)
    }

    fn text(&self, member: &str) -> Option<&str> {
        self.entry.get(member)?.as_str()
    }

    fn to_json(&self) -> String {
        serde_json::json!({
            "place": format!("{}#{}", self.origin, self.index),
            "entry": self.entry,
        })
        .to_string()
    }

    fn to_line(&self, printer: &Printer) -> String {
        let at = self
            .at
            .map_or_else(|| "no moment".to_owned(), |at| at.strftime("%Y-%m-%d %H:%M:%S%.3fZ").to_string());
        let decision = self.text("decision").unwrap_or_default();
        let style = match decision {
            "pass" => Style::Good,
            "" => Style::Strong,
            _ => Style::Stop,
        };
        let kind = printer.paint(style, &format!("{:<13}", self.kind()));
        format!("{at}  {}#{}  {kind} {}", self.origin, self.index, self.told())
    }

    /// What an entry says, for a person.
    fn told(&self) -> String {
        let mut words: Vec<String> = Vec::new();
        let texts =
            ["boundary", "decision", "action", "route", "event", "item", "dataset", "outcome", "client"];
        words.extend(texts.iter().filter_map(|member| self.text(member)).map(str::to_owned));
        if let Some(Value::Object(counts)) = self.entry.get("counts") {
            let some = counts.iter().filter_map(|(verdict, count)| {
                count.as_u64().filter(|count| *count > 0).map(|count| format!("{verdict} {count}"))
            });
            let some: Vec<String> = some.collect();
            if !some.is_empty() {
                words.push(format!("[{}]", some.join(", ")));
            }
        }
        for member in ["status", "ruling"] {
            match self.entry.get(member) {
                Some(Value::Number(number)) => words.push(format!("{member} {number}")),
                Some(Value::String(text)) => words.push(format!("{member} {text}")),
                _ => {}
            }
        }
        words.retain(|word| !word.is_empty());
        words.join("  ")
    }
}
