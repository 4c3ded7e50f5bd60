//! `eosin policy replay`: what would have been otherwise, had these policies been in force.

use std::{collections::BTreeMap, sync::Arc};

use index::{Crossing, Index, Since};
use jiff::{SignedDuration, Timestamp};
use miette::{IntoDiagnostic as _, miette};
use policy::{Change, Emergency, EmergencyScope, Otherwise, Policies, Recorded, Replayed};

use super::{
    policy_text,
    versions::{Versions, name_in},
};
use crate::{config::Config, emergency_command::entries::Entry, wiring};

/// What is wanted of a replay.
pub(crate) struct Wanted {
    pub(crate) since: String,
    examples: usize,
    pub(crate) all: bool,
    /// One boundary alone, and how it would be set.
    boundary: Option<(String, Otherwise)>,
}

impl Wanted {
    /// Errors: `since` is neither a time ago nor a moment.
    pub(crate) fn new(since: &str, examples: usize, all: bool) -> miette::Result<Self> {
        Ok(Self { since: moment(since)?, examples: examples.min(EXAMPLES_MAX), all, boundary: None })
    }

    /// The transactions of one boundary alone, as if it had been set otherwise.
    pub(crate) fn at(self, boundary: &str, otherwise: Otherwise) -> Self {
        Self { boundary: Some((boundary.to_owned(), otherwise)), ..self }
    }

    /// Whether this crossing is asked about.
    fn is_about(&self, crossing: &Crossing) -> bool {
        self.boundary.as_ref().is_none_or(|(name, _)| *name == crossing.boundary)
    }

    /// Asks the policies about one of them.
    fn ask(&self, recorded: &Recorded, policies: &Policies) -> Replayed {
        match &self.boundary {
            None => recorded.put_to(policies),
            Some((_, otherwise)) => recorded.as_if(otherwise, policies),
        }
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

/// Asks the policies about every recorded transaction that is wanted; `each` is told of every one that would change.
///
/// Shape:  the emergency versions that narrowed a ruling then narrow the policies too: `emergencies` has their texts.
/// Bounds: a page of transactions in memory, and the answers to [`ANSWERS_MAX`] questions: the same ones come again.
/// Errors: a report: the index does not answer.
pub(crate) fn run(
    policies: &Policies,
    emergencies: Emergencies,
    wanted: &Wanted,
    index: &mut Index,
    each: &mut dyn FnMut(&Crossing, &Change),
) -> miette::Result<Replay> {
    let mut since = Since::moment(&wanted.since);
    let mut answers =
        Answers { policies, emergencies, wanted, narrowed: BTreeMap::new(), known: BTreeMap::new() };
    let mut replay = Replay::new(policies.version(), &wanted.since);
    loop {
        let page = index.crossings(&mut since).into_diagnostic()?;
        if page.is_empty() {
            return Ok(replay);
        }
        for crossing in page.iter().filter(|crossing| wanted.is_about(crossing)) {
            let replayed = answers.about(crossing, index)?;
            replay.transactions += 1;
            match replayed {
                Replayed::Same => {}
                Replayed::Unknown => replay.unknown += 1,
                Replayed::Changed(change) => {
                    each(crossing, &change);
                    replay.add(crossing, &change, wanted.examples);
                }
            }
        }
    }
}

/// What the policies said to questions that came before.
struct Answers<'a> {
    policies: &'a Policies,
    emergencies: Emergencies,
    wanted: &'a Wanted,
    // By the emergency versions that narrow them; nothing where one of them is not at hand.
    narrowed: BTreeMap<String, Option<Policies>>,
    // By the question, and the emergency versions.
    known: BTreeMap<(String, String), Replayed>,
}

/// The texts of emergency versions that ruled once, by their versions.
#[derive(Default)]
pub(crate) struct Emergencies {
    versions: Option<Versions>,
    // Their digests, as the log of versions has them; nothing before anybody asks.
    prepared: Option<BTreeMap<String, String>>,
}

impl Emergencies {
    pub(crate) fn of(config: &Config) -> Self {
        Self { versions: Versions::of(&config.policy), prepared: None }
    }

    /// These policies, narrowed by these emergency versions wherever they rule; nothing where one cannot be read.
    fn narrow(&mut self, policies: &Policies, by: &str) -> Option<Policies> {
        let one = |version: &str| {
            let text = self.text(version)?;
            let policies = Arc::new(policy_text::parse(name_in(version), &text, version).ok()?);
            // A ruling names those alone in whose scope it was.
            let scope = EmergencyScope::default();
            Some(Arc::new(Emergency { policies, scope, until: i64::MAX, activation: version.to_owned() }))
        };
        let all: Option<Vec<Arc<Emergency>>> = by.split('+').map(one).collect();
        Some(policies.narrowed(all?))
    }

    fn text(&mut self, version: &str) -> Option<String> {
        let versions = self.versions.as_ref()?;
        let prepared = self.prepared.get_or_insert_with(|| {
            let entries = versions.logbook(0).map(|log| log.entries).unwrap_or_default();
            let read = entries.iter().filter_map(|(_, bytes)| Entry::read(bytes));
            read.map(|entry| (entry.version, entry.sha256)).collect()
        });
        versions.text(version, prepared.get(version)?).ok()
    }
}

/// Most answers that are kept: some tens of megabytes.
const ANSWERS_MAX: usize = 100_000;

impl Answers<'_> {
    fn about(&mut self, crossing: &Crossing, index: &mut Index) -> miette::Result<Replayed> {
        let Some(name) = &crossing.question else { return Ok(Replayed::Unknown) };
        let by = crossing.policy.split_once('+').map_or("", |(_, by)| by);
        let key = (name.clone(), by.to_owned());
        if let Some(answer) = self.known.get(&key) {
            return Ok(answer.clone());
        }
        let texts = index.questions(&crossing.origin, &[name]).into_diagnostic()?;
        let text = texts
            .get(name)
            .ok_or_else(|| miette!("the index has lost a question: run `eosin index rebuild`"))?;
        // What a later Eosin wrote may have words that this one does not know.
        if !by.is_empty() && !self.narrowed.contains_key(by) {
            let narrowed = self.emergencies.narrow(self.policies, by);
            self.narrowed.insert(by.to_owned(), narrowed);
        }
        let policies =
            if by.is_empty() { Some(self.policies) } else { self.narrowed.get(by).and_then(Option::as_ref) };
        let recorded = serde_json::from_str::<Recorded>(text).ok();
        let answer = recorded
            .zip(policies)
            .map_or(Replayed::Unknown, |(recorded, policies)| self.wanted.ask(&recorded, policies));
        if self.known.len() >= ANSWERS_MAX {
            self.known.clear();
        }
        self.known.insert(key, answer.clone());
        Ok(answer)
    }
}

/// What would have been otherwise, by boundary, client and kind of change.
pub(crate) struct Replay {
    /// The version that was asked.
    pub(crate) version: String,
    /// From when on.
    pub(crate) since: String,
    /// How many transactions were asked about.
    pub(crate) transactions: u64,
    /// How many of them would change.
    pub(crate) changed: u64,
    /// How many cannot be replayed: what policies saw of them was not written down whole, or, of a boundary set otherwise,
    /// it is not known where their datasets may be kept.
    pub(crate) unknown: u64,
    /// By boundary, client and change.
    pub(crate) groups: BTreeMap<(String, String, String), Group>,
}

/// Transactions of one boundary and client that would change alike.
#[derive(Default)]
pub(crate) struct Group {
    /// How many.
    pub(crate) transactions: u64,
    /// With how many records that change.
    pub(crate) records: u64,
    /// Some of them, as `origin#entry`.
    pub(crate) examples: Vec<String>,
}

/// Most boundaries, clients and kinds that are told apart; clients may call themselves anything.
const GROUPS_MAX: usize = 10_000;

impl Replay {
    fn new(version: &str, since: &str) -> Self {
        Self {
            version: version.to_owned(),
            since: since.to_owned(),
            transactions: 0,
            changed: 0,
            unknown: 0,
            groups: BTreeMap::new(),
        }
    }

    fn add(&mut self, crossing: &Crossing, change: &Change, examples: usize) {
        self.changed += 1;
        let mut key = (crossing.boundary.clone(), crossing.client.clone(), kind(change));
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

    /// The same, as programs read it.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        let groups = self.groups.iter().map(|((boundary, client, kind), group)| {
            serde_json::json!({
                "boundary": boundary, "client": client, "change": kind, "transactions": group.transactions,
                "records": group.records, "examples": group.examples,
            })
        });
        serde_json::json!({
            "version": self.version,
            "since": self.since,
            "transactions": self.transactions,
            "changed": self.changed,
            "unknown": self.unknown,
            "groups": groups.collect::<Vec<_>>(),
        })
    }
}

/// A change in words.
pub(crate) fn kind(change: &Change) -> String {
    if change.was != change.would {
        format!("{} to {}", change.was, change.would)
    } else if change.found != change.finds {
        format!("still {}, but {} to {}", change.was, change.found, change.finds)
    } else {
        format!("still {}, but not of every record", change.was)
    }
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
