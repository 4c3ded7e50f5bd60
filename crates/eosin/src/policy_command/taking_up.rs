//! A running gateway takes up what the log of versions puts in force, between two requests.
//!
//! Each part by itself: whatever else cannot be read, an emergency version that can be is obeyed.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use flow::Flow;
use jiff::Timestamp;
use policy::{Emergency, Policies};

use super::{
    following::Course,
    versions::{Change, Versions},
};
use crate::{
    config::Config,
    emergency_command::{
        believed::{Believed, Heard},
        entries::{self, Activated, Doubt},
        statement::Signers,
    },
    turns, wiring,
};

/// How often a gateway looks: the log's checkpoint is a small file.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// When what was put in force holds, for whoever put it there: nobody waits for gateways, and one that lags is known to itself alone.
pub(crate) const WHEN_OBEYED: &str = "Running gateways that share the folder look several times a second. One whose folder lags or does \
                                      not answer goes on as before, and says so in its log and in `eosin_policies_behind_seconds`.";

/// What a gateway has taken up so far.
pub(crate) struct TakingUp {
    versions: Option<Versions>,
    believed: Believed,
    // The entry that put the version in force which was taken up, and what it says.
    taken: Option<(String, Change)>,
    // Whether the log may have another one.
    is_version_due: bool,
    // What the log has lost of what this gateway holds.
    lost: Option<String>,
    emergencies: BTreeMap<Named, Arc<Emergency>>,
    // What was prepared, read and proven before anybody is in a hurry: by its version and the digest of its text.
    ready: BTreeMap<(String, String), Arc<Policies>>,
    // When everything that the log says was last obeyed, in seconds since 1970.
    obeyed: Arc<AtomicU64>,
}

/// An activation: its place, and what was signed. A place alone is not enough: another history has other entries.
type Named = (String, String);

/// Most prepared versions that are held ready.
const READY_MAX: usize = 8;

impl TakingUp {
    /// Nothing yet: the first look says in the ledger which version the gateway began with.
    ///
    /// Errors: a report: a signer's key cannot be read.
    pub(crate) fn new(config: &Config) -> miette::Result<Self> {
        Ok(Self {
            versions: Versions::of(&config.policy),
            believed: Believed::new(Signers::of(config)?, Vec::new()),
            taken: None,
            is_version_due: true,
            lost: None,
            emergencies: BTreeMap::new(),
            ready: BTreeMap::new(),
            obeyed: Arc::new(AtomicU64::new(wiring::posix_seconds())),
        })
    }

    /// The first look, before the first request: an emergency does not end because a gateway starts.
    ///
    /// Errors: a report: what is in force cannot be read, and guessing would let synthetic through.
    pub(crate) fn begin(&mut self, flow: &Flow) -> miette::Result<()> {
        self.turn(flow)
    }

    /// How long ago everything that the log of versions says was last obeyed, for whoever watches the gateways.
    pub(crate) fn metrics(&self) -> impl Fn() -> String + Send + Sync + 'static {
        let obeyed = self.versions.as_ref().map(|_| Arc::clone(&self.obeyed));
        move || {
            let Some(obeyed) = &obeyed else { return String::new() };
            let seconds = wiring::posix_seconds().saturating_sub(obeyed.load(Ordering::Relaxed));
            format!(
                "# HELP eosin_policies_behind_seconds How long ago all that the log of policy versions says was last obeyed.\n\
                 # TYPE eosin_policies_behind_seconds gauge\neosin_policies_behind_seconds {seconds}\n"
            )
        }
    }

    /// Looks until the task is aborted. What cannot be taken up is said, and what was in force stays.
    pub(crate) async fn keep(self, flow: Arc<Flow>) {
        if self.versions.is_some() {
            let wrong = "the policies in force stay as they are";
            turns::keep(LOOK_EVERY, wrong, (self, flow), |(taking_up, flow)| taking_up.turn(flow)).await;
        }
    }

    fn turn(&mut self, flow: &Flow) -> miette::Result<()> {
        // What has ended by the clock, or holds again, is written down without waiting for a request.
        flow.emergencies();
        let looked = self.look();
        let is_new = matches!(looked, Ok(true));
        // None of these waits for another one to succeed; an emergency comes first.
        let narrowed = if is_new || self.misses_one(flow) { self.narrow(flow) } else { Ok(()) };
        let version = self.take_version(flow);
        let wrong: Vec<String> = [looked.map(drop), narrowed, version]
            .into_iter()
            .filter_map(|done| Some(format!("{:#}", done.err()?)))
            .chain(self.lost.clone())
            .chain(self.kept_on(flow))
            .collect();
        if wrong.is_empty() {
            self.obeyed.store(wiring::posix_seconds(), Ordering::Relaxed);
        }
        if is_new {
            self.make_ready();
        }
        if wrong.is_empty() { Ok(()) } else { Err(miette::miette!("{}", wrong.join("; "))) }
    }

    /// Reads what the log says now. Whether there was anything new.
    fn look(&mut self) -> miette::Result<bool> {
        let Some(versions) = &self.versions else { return Ok(false) };
        let Some(Heard { looked, doubts }) = self.believed.look(versions)? else { return Ok(false) };
        self.lost = match looked.course {
            Course::Older { has, had } => Some(format!(
                "the log of policy versions has {has} entries and had {had}: an older copy was put back; the version that \
                 was in force here stays so until the folder is whole again, or something is added to it"
            )),
            Course::On { .. } | Course::Other { .. } => None,
        };
        if let Course::Other { from } = looked.course {
            tracing::error!(
                "the log of policy versions has another history from entry {from} on: an older copy was put back, and went \
                 on; what it says now is taken up"
            );
        }
        // Of an older copy the emergency versions alone: those that it has in force are told to be, by whoever reads it.
        self.is_version_due = !matches!(looked.course, Course::Older { .. });
        for Doubt { says, .. } in doubts {
            tracing::error!("an emergency version is not obeyed: {says}");
        }
        Ok(true)
    }

    /// Takes up the version that the log has last.
    fn take_version(&mut self, flow: &Flow) -> miette::Result<()> {
        let Some(versions) = self.versions.as_ref().filter(|_| self.is_version_due) else { return Ok(()) };
        if versions.size()? > 0
            && let Some(current) = versions.current()?
        {
            let taken = (current.place.clone(), current.change.clone());
            if self.taken.as_ref() != Some(&taken) {
                flow.activate_logged(current.policies()?, &current.place);
                tracing::info!(version = current.change.version, "policies taken up");
                self.taken = Some(taken);
            }
        }
        self.is_version_due = false;
        Ok(())
    }

    /// What is said of emergency versions that this gateway holds and the log does not have.
    fn kept_on(&self, flow: &Flow) -> Option<String> {
        let held = self.believed.kept_in_force(moment(flow));
        let held: Vec<String> = held
            .map(|(place, one)| format!("{} ({place}) until {}", one.request.version, one.request.until))
            .collect();
        (!held.is_empty()).then(|| {
            format!(
                "two people put in force what the log does not have any more, and it holds here to its end, or until this \
                 gateway is started again: {}",
                held.join(", ")
            )
        })
    }

    /// Reads and proves what was prepared, so that putting it in force is a matter of two signatures.
    fn make_ready(&mut self) {
        let Some(versions) = &self.versions else { return };
        let mut ready = BTreeMap::new();
        for entry in self.believed.ready().into_iter().take(READY_MAX) {
            let named = (entry.version.clone(), entry.sha256.clone());
            let known = self.ready.get(&named).map(Arc::clone);
            match known.map_or_else(|| entries::sound(versions, &entry.version, &entry.sha256), Ok) {
                Ok(policies) => drop(ready.insert(named, policies)),
                Err(report) => tracing::error!("an emergency version is not ready: {report:#}"),
            }
        }
        self.ready = ready;
    }

    /// Whether something is in force that the path was not told of: it was left out while the clock ran ahead, or could not
    /// be read.
    fn misses_one(&self, flow: &Flow) -> bool {
        self.believed
            .in_force(moment(flow))
            .any(|(place, one)| !self.emergencies.contains_key(&named(&place, one)))
    }

    /// Puts in force what two people have, and ends what one has stood down.
    fn narrow(&mut self, flow: &Flow) -> miette::Result<()> {
        let Some(versions) = &self.versions else { return Ok(()) };
        let now = moment(flow);
        let mut standing = BTreeMap::new();
        let mut wrong = Vec::new();
        for (place, one) in self.believed.in_force(now) {
            let named = named(&place, one);
            let known = self.emergencies.get(&named).map(Arc::clone);
            let made = || match self.ready.get(&(one.request.version.clone(), one.request.sha256.clone())) {
                Some(policies) => Ok(entries::holding(Arc::clone(policies), &place, &one.request)),
                None => entries::standing(versions, &place, &one.request),
            };
            match known.map_or_else(made, Ok) {
                Ok(emergency) => drop(standing.insert(named, emergency)),
                // The others are obeyed all the same.
                Err(report) => wrong.push(format!("{report:#}")),
            }
        }
        let all: Vec<Arc<Emergency>> = standing.values().cloned().collect();
        flow.narrow(&all);
        for (place, _) in standing.keys().filter(|named| !self.emergencies.contains_key(*named)) {
            tracing::warn!(activation = place, "an emergency version is in force");
        }
        self.emergencies = standing;
        if wrong.is_empty() { Ok(()) } else { Err(miette::miette!("{}", wrong.join("; "))) }
    }
}

fn named(place: &str, one: &Activated) -> Named {
    (place.to_owned(), one.request.text())
}

/// The moment that it is for this path.
fn moment(flow: &Flow) -> Timestamp {
    Timestamp::from_second(flow.seconds()).unwrap_or(Timestamp::MAX)
}
