//! What the log of versions says of emergency versions: prepared, asked for, put in force, stood down.
//!
//! Source: spec/policies.md section 5.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::Timestamp;
use mark::{digest::Hash, merkle::leaf_hash};
use miette::miette;
use policy::{Emergency, Policies, RedLine};
use serde::{Deserialize, Serialize};

use super::statement::{Request, Signers};
use crate::{
    policy_command::{
        policy_text,
        versions::{Logbook, Versions, name_in},
    },
    wiring,
};

const KIND: &str = "emergency@1";

/// One entry about an emergency version.
///
/// Shape:  JSON with sorted members; `note` is the signed note where people signed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// What is stood down: `origin#index`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) activation: Option<String>,
    /// The version that care was proven against.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) against: Option<String>,
    /// Who approved it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) approved: Option<String>,
    pub(crate) at: String,
    pub(crate) by: String,
    /// How many cases were put to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cases: Option<usize>,
    pub(super) eosin: String,
    pub(crate) event: Event,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<String>,
    pub(crate) reason: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) scope: Option<String>,
    pub(crate) sha256: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) until: Option<String>,
    pub(crate) version: String,
}

/// What happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Event {
    /// It was checked, and is there to be put in force.
    #[default]
    Prepared,
    /// One person asked for it.
    Asked,
    /// A second person approved: it is in force.
    Activated,
    /// Somebody ended it.
    StoodDown,
}

impl Entry {
    /// Reads an entry of the log, if it is about an emergency version.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice::<Self>(bytes).ok().filter(|entry| entry.eosin == KIND)
    }

    /// An entry of now.
    pub(crate) fn new(event: Event, by: &str, version: &str, sha256: &str, reason: &str) -> Self {
        Self {
            at: wiring::moment(),
            by: by.to_owned(),
            eosin: KIND.to_owned(),
            event,
            reason: reason.to_owned(),
            sha256: sha256.to_owned(),
            version: version.to_owned(),
            ..Self::default()
        }
    }

    /// An entry about what was asked for.
    pub(crate) fn of(event: Event, by: &str, request: &Request, note: &str) -> Self {
        Self {
            note: Some(note.to_owned()),
            scope: Some(request.scope.to_string()),
            until: Some(request.until.to_string()),
            ..Self::new(event, by, &request.version, &request.sha256, &request.reason)
        }
    }

    /// The name of the version.
    pub(crate) fn name(&self) -> &str {
        name_in(&self.version)
    }
}

/// What the log says so far, each signature checked.
#[derive(Debug, Default)]
pub(crate) struct Book {
    origin: String,
    /// What was prepared, by its place.
    pub(crate) prepared: BTreeMap<u64, Entry>,
    /// What was asked for and not yet approved, by its place.
    pub(crate) asked: BTreeMap<u64, (Entry, Request)>,
    /// What was put in force, by its place.
    pub(crate) activated: BTreeMap<u64, Activated>,
    /// What each entry that ended something ended, by its place.
    ends: BTreeMap<u64, u64>,
    // Requests that were approved: no two signatures count twice.
    used: BTreeSet<String>,
}

/// What was put in force.
#[derive(Clone, Debug)]
pub(crate) struct Activated {
    pub(crate) entry: Entry,
    /// What the log has of the entry: another history has another one at its place.
    pub(crate) leaf: Hash,
    pub(crate) request: Request,
    /// Who stood it down, and why.
    pub(crate) stood_down: Option<Entry>,
}

/// An entry that is not believed.
pub(crate) struct Doubt {
    /// Where.
    pub(crate) index: u64,
    /// Which, and why.
    pub(crate) says: String,
}

impl Activated {
    pub(crate) fn is_in_force(&self, now: Timestamp) -> bool {
        self.stood_down.is_none() && now < self.request.until
    }

    /// Whether it ended by itself after one moment and until another.
    pub(crate) fn has_ended(&self, after: Timestamp, now: Timestamp) -> bool {
        self.stood_down.is_none() && after < self.request.until && self.request.until <= now
    }
}

impl Book {
    /// The name of the log.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// The index of an entry of this log: `origin#index`.
    pub(crate) fn index_of(&self, place: &str) -> Option<u64> {
        let (origin, index) = place.rsplit_once('#')?;
        index.parse().ok().filter(|_| origin == self.origin)
    }

    /// What the entry at a place ended.
    pub(crate) fn ended_by(&self, index: u64) -> Option<&Activated> {
        self.ends.get(&index).and_then(|activated| self.activated.get(activated))
    }

    /// Everything that the log says.
    pub(crate) fn of(log: &Logbook, signers: &Signers) -> (Self, Vec<String>) {
        let mut book = Self::default();
        let doubts = book.read_on(log, signers);
        (book, doubts.into_iter().map(|doubt| doubt.says).collect())
    }

    /// Reads entries on, and says which of them are not believed: those change nothing.
    pub(crate) fn read_on(&mut self, log: &Logbook, signers: &Signers) -> Vec<Doubt> {
        self.origin.clone_from(&log.origin);
        let mut doubts = Vec::new();
        for (index, bytes) in &log.entries {
            let Some(entry) = Entry::read(bytes) else { continue };
            if let Err(report) = self.add(*index, (entry, leaf_hash(bytes)), signers) {
                let says = format!("entry {}#{index} is not believed: {report:#}", self.origin);
                doubts.push(Doubt { index: *index, says });
            }
        }
        doubts
    }

    fn add(&mut self, index: u64, (entry, leaf): (Entry, Hash), signers: &Signers) -> miette::Result<()> {
        let note = || entry.note.as_deref().ok_or_else(|| miette!("it has no signatures"));
        match entry.event {
            Event::Prepared => {
                self.prepared.insert(index, entry);
            }
            Event::Asked => {
                let (request, _) = signers.request(note()?, &self.origin)?;
                self.agrees(&entry, &request)?;
                self.asked.insert(index, (entry, request));
            }
            Event::Activated => {
                let (request, _, _) = signers.approved(note()?, &self.origin, &entry.at)?;
                self.agrees(&entry, &request)?;
                self.used.insert(request.text());
                self.asked.retain(|_, (_, asked)| *asked != request);
                self.activated.insert(index, Activated { entry, leaf, request, stood_down: None });
            }
            Event::StoodDown => {
                let (said, _) = signers.stood_down(note()?, &self.origin)?;
                let place = said.activation.rsplit_once('#').and_then(|(_, index)| index.parse().ok());
                let activated = place.and_then(|place: u64| Some((place, self.activated.get_mut(&place)?)));
                let (place, activated) = activated.ok_or_else(|| miette!("it ends what was not in force"))?;
                activated.stood_down.get_or_insert(entry);
                self.ends.insert(index, place);
            }
        }
        Ok(())
    }

    /// That a request speaks of a version that was prepared, and an entry of the request.
    pub(super) fn agrees(&self, entry: &Entry, request: &Request) -> miette::Result<()> {
        let prepared = self.prepared.get(&request.prepared);
        let is_prepared =
            prepared.is_some_and(|one| one.sha256 == request.sha256 && one.version == request.version);
        if !is_prepared {
            return Err(miette!("{} was not prepared", request.version));
        }
        // Its signatures are known to whoever reads the log: they count once.
        if self.used.contains(&request.text()) {
            return Err(miette!("the same request was approved before"));
        }
        let (scope, until) = (Some(request.scope.to_string()), Some(request.until.to_string()));
        if (&entry.version, &entry.sha256, &entry.scope, &entry.until)
            != (&request.version, &request.sha256, &scope, &until)
        {
            return Err(miette!("the entry says otherwise than what was signed"));
        }
        Ok(())
    }

    /// The newest prepared version of this name.
    pub(crate) fn prepared(&self, name: &str) -> miette::Result<(u64, &Entry)> {
        let of_name = |(_, entry): &(&u64, &Entry)| entry.name() == name || entry.version == name;
        let found = self.prepared.iter().rev().find(of_name);
        found.map(|(index, entry)| (*index, entry)).ok_or_else(|| {
            miette!(
                help = "`eosin emergency list` has those that were; `eosin emergency prepare` adds one",
                "no emergency version called `{name}` was prepared"
            )
        })
    }

    /// The versions that are ready to be put in force: the newest of each name, the newest first.
    pub(crate) fn ready(&self) -> Vec<&Entry> {
        let mut names = BTreeSet::new();
        self.prepared.values().rev().filter(|entry| names.insert(entry.name())).collect()
    }

    /// What waits for a second person, with the index of its entry, the newest first.
    pub(crate) fn waiting(&self, now: Timestamp) -> impl Iterator<Item = (u64, &Entry, &Request)> {
        let all = self.asked.iter().rev().map(|(index, (entry, request))| (*index, entry, request));
        all.filter(move |(_, _, request)| now <= request.lapses() && now < request.until)
    }

    /// What ended by itself after one moment and until another, with its place.
    pub(crate) fn ended(
        &self,
        after: Timestamp,
        now: Timestamp,
    ) -> impl Iterator<Item = (String, &Activated)> {
        let has = move |(_, one): &(&u64, &Activated)| one.has_ended(after, now);
        self.activated.iter().filter(has).map(|(index, one)| (format!("{}#{index}", self.origin), one))
    }

    /// What is in force, with its place, in the order of activation.
    pub(crate) fn in_force(&self, now: Timestamp) -> impl Iterator<Item = (String, &Activated)> {
        let all = self.activated.iter().filter(move |(_, one)| one.is_in_force(now));
        all.map(|(index, one)| (format!("{}#{index}", self.origin), one))
    }

    /// What was ever put in force, with its place.
    pub(crate) fn into_activated(self) -> impl Iterator<Item = (String, Activated)> {
        let origin = self.origin;
        self.activated.into_iter().map(move |(index, one)| (format!("{origin}#{index}"), one))
    }

    /// Whether this very request was approved, whatever became of it.
    pub(crate) fn has_activated(&self, request: &Request) -> bool {
        self.used.contains(&request.text())
    }

    /// What the entry at this place put in force, if it still is.
    pub(crate) fn in_force_at(&self, place: &str, now: Timestamp) -> Option<&Activated> {
        self.in_force(now).find(|(at, _)| at == place).map(|(_, one)| one)
    }
}

/// The policies of a version that was prepared.
///
/// Errors: a report: its text is not there, was changed, or lets synthetic into production.
pub(crate) fn sound(versions: &Versions, version: &str, sha256: &str) -> miette::Result<Arc<Policies>> {
    let text = versions.text(version, sha256)?;
    let policies = policy_text::parse(name_in(version), &text, version)?;
    if policies.version() != version {
        return Err(miette!("version {version} reads as {}", policies.version()));
    }
    let RedLine::Proven { .. } = policies.red_line() else {
        return Err(miette!("{version} is not proven to keep synthetic out of production"));
    };
    Ok(Arc::new(policies))
}

/// An emergency version as it holds.
///
/// Errors: as [`sound`].
pub(crate) fn standing(
    versions: &Versions,
    place: &str,
    request: &Request,
) -> miette::Result<Arc<Emergency>> {
    Ok(holding(sound(versions, &request.version, &request.sha256)?, place, request))
}

/// An emergency version whose policies are at hand.
pub(crate) fn holding(policies: Arc<Policies>, place: &str, request: &Request) -> Arc<Emergency> {
    let scope = request.scope.clone();
    Arc::new(Emergency { policies, scope, until: request.until.as_second(), activation: place.to_owned() })
}
