//! `eosin ledger show`: entries of one ledger or of many, in the order of time.

use std::{
    collections::{BTreeSet, VecDeque},
    path::PathBuf,
};

use jiff::Timestamp;
use ledger::{ENTRIES_READ_MAX, Reader};
use miette::{IntoDiagnostic as _, WrapErr as _, miette};
use serde_json::{Map, Value};

use super::{
    forks::{self, Fork},
    opened,
};
use crate::{
    config::Config,
    judge_command::plain,
    outcome::{Done, Outcome},
    printer::{Printer, Style},
    quarantine_command::telling,
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
/// Shape:  copies of one ledger that are two histories are said, and which copy each of their entries is of.
/// Bounds: the entries asked for and [`ENTRIES_READ_MAX`] of each ledger in memory.
/// Errors: a report: a ledger that cannot be read; a kind or boundary that there is not.
pub(super) fn show(
    folders: &[PathBuf],
    wanted: &Wanted,
    known: Option<&Config>,
    json: bool,
    printer: &Printer,
) -> Done {
    let mut seen = Seen::default();
    let forks = forks::found(folders, &[]);
    let found = last_of_all(folders, &forks, wanted, &mut seen)?;
    if found.is_empty() {
        seen.could_fit(wanted, known)?;
    }
    if found.is_empty() && !json {
        printer.line(
            "no entry fits; the last ones come within a second where a gateway runs, and with its next start where none does",
        );
    }
    for entry in &found {
        printer.line(&if json { entry.to_json() } else { entry.to_line(printer) });
    }
    Ok(if forks::told(&forks, json, printer) { Outcome::Findings } else { Outcome::Clean })
}

fn last_of_all(
    folders: &[PathBuf],
    forks: &[Fork],
    wanted: &Wanted,
    seen: &mut Seen,
) -> miette::Result<Vec<Shown>> {
    let mut found = Vec::new();
    for folder in folders {
        let entries = last_of(&opened(folder)?, wanted, seen).into_diagnostic().wrap_err_with(|| {
            format!("the ledger in {} is damaged; run `eosin ledger verify`", folder.display())
        })?;
        let copy = forks.iter().any(|fork| fork.has(folder)).then(|| folder.display().to_string());
        found.extend(entries.into_iter().map(|entry| Shown { copy: copy.clone(), ..entry }));
    }
    // Within a ledger its own order holds, also where a clock ran backwards: the key never falls, the sort is stable.
    found.sort_by_key(|one| one.not_before);
    let first = found.len().saturating_sub(wanted.last);
    Ok(found.split_off(first))
}

/// The last entries that fit, read from the end.
///
/// An entry is not before the one in front of it, whatever its clock said: [`Shown::not_before`]. To know that of the
/// first ones too, [`ENTRIES_READ_MAX`] entries more are looked at.
fn last_of(reader: &Reader, wanted: &Wanted, seen: &mut Seen) -> Result<VecDeque<Shown>, ledger::ReadError> {
    let mut found: VecDeque<Shown> = VecDeque::new();
    let mut end = reader.size();
    let mut is_enough = false;
    while end > 0 {
        let start = end.saturating_sub(ENTRIES_READ_MAX);
        let entries = match reader.entries(start..end) {
            // Nothing of these would be shown.
            Err(_) if is_enough => break,
            entries => entries?,
        };
        let mut latest = None;
        let mut read: Vec<Shown> = Vec::new();
        for (index, bytes) in (start..end).zip(&entries) {
            let shown = Shown::of(reader.origin(), index, bytes);
            latest = latest.max(shown.at);
            read.push(Shown { not_before: latest, ..shown });
        }
        for later in &mut found {
            later.not_before = later.not_before.max(latest);
        }
        if is_enough {
            break;
        }
        for shown in read.into_iter().rev() {
            seen.add(&shown);
            if wanted.fits(&shown) {
                found.push_front(shown);
                if found.len() == wanted.last {
                    is_enough = true;
                    break;
                }
            } else if let (Some(at), Some(since)) = (shown.at, wanted.since) {
                // Clocks run backwards by seconds, not by days.
                is_enough |= at.as_second() + CLOCK_SECONDS < since.as_second();
            }
        }
        end = start;
    }
    Ok(found)
}

/// The kinds and boundaries of the entries that were read.
#[derive(Default)]
struct Seen {
    kinds: BTreeSet<String>,
    boundaries: BTreeSet<String>,
}

impl Seen {
    fn add(&mut self, entry: &Shown) {
        let kept = |all: &mut BTreeSet<String>, word: &str| {
            if all.len() < SEEN_MAX && !all.contains(word) {
                all.insert(word.to_owned());
            }
        };
        kept(&mut self.kinds, entry.kind());
        if let Some(boundary) = entry.text("boundary") {
            kept(&mut self.boundaries, boundary);
        }
    }

    /// Whether an entry of the kind and the boundary could be, where none was found: otherwise a word is misspelt.
    fn could_fit(self, wanted: &Wanted, known: Option<&Config>) -> miette::Result<()> {
        let list = |words: BTreeSet<String>| {
            let words: Vec<String> =
                words.iter().map(|word| format!("`{}`", telling::printable(word))).collect();
            if words.is_empty() { "none".to_owned() } else { words.join(", ") }
        };
        // Those before it were not read.
        let since = if wanted.since.is_some() { " since then" } else { "" };
        if let Some(kind) = wanted.kind.as_deref()
            && !self.kinds.contains(kind)
            && !KINDS.contains(&kind)
        {
            let kinds = self.kinds.into_iter().chain(KINDS.map(str::to_owned)).collect();
            return Err(miette!(
                help = format!("there are {}", list(kinds)),
                "no entry{since} is of a kind `{kind}`"
            ));
        }
        if let Some(boundary) = wanted.boundary.as_deref()
            && !self.boundaries.contains(boundary)
        {
            let configured =
                known.map(|config| config.boundaries.iter().map(|one| one.boundary.name.clone()));
            let configured: Option<Vec<String>> = configured.map(Iterator::collect);
            let are_all_read = wanted.since.is_none() && self.boundaries.len() < SEEN_MAX;
            let and = match &configured {
                Some(names) if names.iter().any(|name| name == boundary) => return Ok(()),
                Some(_) => ", and none is configured",
                None if are_all_read => "",
                None => return Ok(()),
            };
            let names = self.boundaries.into_iter().chain(configured.unwrap_or_default()).collect();
            return Err(miette!(
                help = format!("there are {}", list(names)),
                "no entry{since} is about a boundary `{boundary}`{and}"
            ));
        }
        Ok(())
    }
}

/// So many of what an entry lists are named.
const NAMED_MAX: usize = 3;
/// So many words of others are listed at most.
const SEEN_MAX: usize = 100;

/// The kinds that are written here, without their versions.
const KINDS: [&str; 21] = [
    "announcement",
    "batch",
    "certificate",
    "certificate-refused",
    "clock-fault",
    "dataset-known",
    "delivery",
    "emergency",
    "emergency-in-force",
    "file-ruling",
    "gap",
    "operator",
    "policy-activation",
    "policy-in-force",
    "quarantine",
    "registry",
    "registry-accepted",
    "registry-lost",
    "ruling",
    "settlement",
    "subscription",
];

/// By how much an entry may be older than the one before it.
const CLOCK_SECONDS: i64 = 24 * 60 * 60;

/// An entry with its place.
struct Shown {
    /// The folder, where another one has another history of the same ledger.
    copy: Option<String>,
    origin: String,
    index: u64,
    at: Option<Timestamp>,
    /// The latest moment that this entry or one before it states.
    not_before: Option<Timestamp>,
    entry: Map<String, Value>,
}

impl Shown {
    fn of(origin: &str, index: u64, bytes: &[u8]) -> Self {
        // An entry of another writer may be anything: its place is shown all the same.
        let entry: Map<String, Value> = serde_json::from_slice(bytes).unwrap_or_default();
        let at = entry.get("at").and_then(Value::as_str).and_then(|at| at.parse().ok());
        Self { copy: None, origin: origin.to_owned(), index, at, not_before: at, entry }
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
        let mut told = serde_json::json!({
            "place": format!("{}#{}", self.origin, self.index),
            "entry": self.entry,
        });
        if let (Some(told), Some(copy)) = (told.as_object_mut(), &self.copy) {
            told.insert("folder".to_owned(), copy.as_str().into());
        }
        told.to_string()
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
        let copy = self.copy.as_ref().map(|copy| format!("  (in {copy})")).unwrap_or_default();
        format!("{at}  {}#{}  {kind} {}{copy}", self.origin, self.index, self.told())
    }

    /// What an entry says, for a person.
    fn told(&self) -> String {
        let mut words: Vec<String> = Vec::new();
        let texts =
            ["boundary", "decision", "action", "route", "event", "item", "dataset", "outcome", "client"];
        words.extend(texts.iter().filter_map(|member| self.text(member)).map(str::to_owned));
        // Who did it, with whom, to whom and to what: of operators, of versions of the policies, of emergencies.
        let said = |name: &str, member: &str| {
            let value = self.entry.get(member)?;
            let values: Vec<&str> = match value.as_array() {
                Some(values) => values.iter().filter_map(Value::as_str).collect(),
                None => vec![value.as_str()?],
            };
            let more = values.len().saturating_sub(NAMED_MAX);
            let named = values.into_iter().take(NAMED_MAX).collect::<Vec<_>>().join(", ");
            let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
            Some(format!("{name} {named}{rest}"))
        };
        let members = [
            ("of", "about"),
            ("role", "role"),
            ("to", "subjects"),
            ("version", "version"),
            ("where", "scope"),
            ("until", "until"),
            ("by", "by"),
            ("approved by", "approved"),
        ];
        words.extend(members.iter().filter_map(|(name, member)| said(name, member)));
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
        // One entry is one line.
        plain(&words.join("  "))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use ledger::Ledger;
    use mark::note::SignerKey;

    use super::*;

    /// A ledger with an entry at each of these seconds.
    fn ledger(home: &Path, name: &str, seconds: &[i64]) -> PathBuf {
        let folder = home.join(name);
        let mut ledger =
            Ledger::create(&folder, SignerKey::generate(&format!("{name}.example"), [7; 32]).unwrap())
                .unwrap();
        let entry = |second: &i64| {
            let at = Timestamp::from_second(*second).unwrap();
            format!(r#"{{"eosin":"ruling@1","at":"{at}","boundary":"feed"}}"#).into_bytes()
        };
        drop(ledger.commit(seconds.iter().map(entry).collect::<Vec<_>>(), Vec::clone).unwrap());
        ledger.publish().unwrap();
        folder
    }

    fn places(folders: &[PathBuf], last: usize) -> Vec<String> {
        let wanted = Wanted::new(None, None, None, last).unwrap();
        let found = last_of_all(folders, &[], &wanted, &mut Seen::default()).unwrap();
        let place = |one: &Shown| format!("{}{}", one.origin.trim_end_matches(".example"), one.index);
        found.iter().map(place).collect()
    }

    #[test]
    fn a_ledger_keeps_its_order_where_its_clock_went_back() {
        let home = tempfile::tempdir().unwrap();
        // The fourth and fifth entry of `a` state an hour before the third.
        let one = ledger(home.path(), "a", &[10_000, 10_010, 10_020, 6_420, 6_421, 10_040]);
        let two = ledger(home.path(), "b", &[9_000, 10_015, 10_030]);
        let both = [one.clone(), two];
        assert_eq!(places(std::slice::from_ref(&one), 100), ["a0", "a1", "a2", "a3", "a4", "a5"]);
        let all = ["b0", "a0", "a1", "b1", "a2", "a3", "a4", "b2", "a5"];
        for last in 1..=all.len() {
            assert_eq!(places(&both, last), all[all.len() - last..], "{last}");
        }
        // Far more than are read at a time.
        let mut long = vec![5_000; 3_000];
        long[1_900] = 8_000;
        let both = [ledger(home.path(), "c", &long), ledger(home.path(), "d", &[7_000])];
        assert_eq!(places(&both, 2), ["c2998", "c2999"]);
        assert_eq!(places(&both, 1_100)[0], "c1900");
        assert_eq!(places(&both, 1_101)[0], "d0");
    }

    #[test]
    fn a_line_says_who_did_what_to_whom() {
        for (entry, says) in [
            (
                r#"{"eosin":"operator@1","event":"disabled","by":"ada","about":"bel","reason":"left"}"#,
                "disabled  of bel  by ada",
            ),
            (
                r#"{"eosin":"operator@1","event":"record-flagged","by":"ada","subjects":["a\nb","c","d","e","f"]}"#,
                "record-flagged  to a\u{fffd}b, c, d and 2 more  by ada",
            ),
            (
                r#"{"eosin":"emergency@1","event":"activated","version":"stop@1","scope":"boundary=crm","by":"ada","approved":"bel"}"#,
                "activated  version stop@1  where boundary=crm  by ada  approved by bel",
            ),
            (r#"{"eosin":"ruling@1","boundary":"crm","decision":"pass","by":7}"#, "crm  pass"),
        ] {
            assert_eq!(Shown::of("log.example", 3, entry.as_bytes()).told(), says);
        }
    }

    #[test]
    fn a_misspelt_word_is_said_to_be_none() {
        let home = tempfile::tempdir().unwrap();
        let folders = [ledger(home.path(), "a", &[10_000, 500_000])];
        let late = Some("1970-01-06T00:00:00Z");
        for (kind, boundary, since, fitting, want) in [
            ("ruling", "feed", None, 2, ""),
            ("gap", "feed", None, 0, ""),
            ("rulings", "feed", None, 0, "no entry is of a kind `rulings`"),
            ("rulings", "feed", late, 0, "no entry since then is of a kind `rulings`"),
            ("ruling", "feeds", None, 0, "no entry is about a boundary `feeds`"),
            // There may be some before.
            ("ruling", "feeds", late, 0, ""),
        ] {
            let wanted = Wanted::new(Some(kind), Some(boundary), since, 5).unwrap();
            let mut seen = Seen::default();
            let found = last_of_all(&folders, &[], &wanted, &mut seen).unwrap();
            assert_eq!(found.len(), fitting, "{kind} {boundary}");
            let said = seen.could_fit(&wanted, None).err().map(|report| report.to_string());
            assert_eq!(said.unwrap_or_default(), want, "{kind} {boundary} {since:?}");
        }
    }
}
