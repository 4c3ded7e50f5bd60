//! A running gateway takes up what the log of versions puts in force, between two requests.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use flow::Flow;
use jiff::Timestamp;
use policy::{Emergency, Policies};

use super::versions::Versions;
use crate::{
    config::Config,
    emergency_command::{
        entries::{self, Book},
        statement::Signers,
    },
    turns,
};

/// How often a gateway looks: the log's checkpoint is a small file.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// What a gateway has taken up so far.
pub(crate) struct TakingUp {
    versions: Option<Versions>,
    signers: Signers,
    seen: u64,
    // The entry that put the version in force which was taken up.
    place: String,
    book: Book,
    emergencies: BTreeMap<String, Arc<Emergency>>,
    // What was prepared, read and proven before anybody is in a hurry: by its version and the digest of its text.
    ready: BTreeMap<(String, String), Arc<Policies>>,
}

/// Most prepared versions that are held ready.
const READY_MAX: usize = 8;

impl TakingUp {
    /// Nothing yet: the first look says in the ledger which version the gateway began with.
    ///
    /// Errors: a report: a signer's key cannot be read.
    pub(crate) fn new(config: &Config) -> miette::Result<Self> {
        Ok(Self {
            versions: Versions::of(&config.policy),
            signers: Signers::of(config)?,
            seen: 0,
            place: String::new(),
            book: Book::default(),
            emergencies: BTreeMap::new(),
            ready: BTreeMap::new(),
        })
    }

    /// The first look, before the first request: an emergency does not end because a gateway starts.
    ///
    /// Errors: a report: what is in force cannot be read, and guessing would let synthetic through.
    pub(crate) fn begin(&mut self, flow: &Flow) -> miette::Result<()> {
        self.turn(flow)
    }

    /// Looks until the task is aborted. What cannot be taken up is said once, and what was in force stays.
    pub(crate) async fn keep(self, flow: Arc<Flow>) {
        if self.versions.is_some() {
            let wrong = "the policies in force stay as they are";
            turns::keep(LOOK_EVERY, wrong, (self, flow), |(taking_up, flow)| taking_up.turn(flow)).await;
        }
    }

    fn turn(&mut self, flow: &Flow) -> miette::Result<()> {
        // What has ended by the clock, or holds again, is written down without waiting for a request.
        flow.emergencies();
        if self.misses_one(flow) {
            self.narrow(flow)?;
        }
        let Some(versions) = &self.versions else { return Ok(()) };
        let size = versions.size()?;
        if size == self.seen {
            return Ok(());
        }
        if size < self.seen {
            return Err(miette::miette!(
                "the log of policy versions has {size} entries and had {}: an older copy was put back",
                self.seen
            ));
        }
        if let Some(current) = versions.current()?.filter(|current| current.place != self.place) {
            flow.activate_logged(current.policies()?, &current.place);
            tracing::info!(version = current.change.version, "policies taken up");
            self.place.clone_from(&current.place);
        }
        let log = versions.logbook(self.book.read)?;
        for doubt in self.book.read_on(&log, &self.signers) {
            tracing::error!("an emergency version is not obeyed: {doubt}");
        }
        self.narrow(flow)?;
        self.make_ready();
        self.seen = self.book.read.max(size.min(log.size));
        Ok(())
    }

    /// Reads and proves what was prepared, so that putting it in force is a matter of two signatures.
    fn make_ready(&mut self) {
        let Some(versions) = &self.versions else { return };
        let mut ready = BTreeMap::new();
        for entry in self.book.ready().into_iter().take(READY_MAX) {
            let named = (entry.version.clone(), entry.sha256.clone());
            let known = self.ready.get(&named).map(Arc::clone);
            match known.map_or_else(|| entries::sound(versions, &entry.version, &entry.sha256), Ok) {
                Ok(policies) => drop(ready.insert(named, policies)),
                Err(report) => tracing::error!("an emergency version is not ready: {report:#}"),
            }
        }
        self.ready = ready;
    }

    /// Whether something is in force that the path was not told of: it was left out while the clock ran ahead.
    fn misses_one(&self, flow: &Flow) -> bool {
        self.book.in_force(moment(flow)).any(|(place, _)| !self.emergencies.contains_key(&place))
    }

    /// Puts in force what two people have, and ends what one has stood down.
    fn narrow(&mut self, flow: &Flow) -> miette::Result<()> {
        let Some(versions) = &self.versions else { return Ok(()) };
        let now = moment(flow);
        let mut standing = BTreeMap::new();
        let mut wrong = None;
        for (place, one) in self.book.in_force(now) {
            let known = self.emergencies.get(&place).map(Arc::clone);
            let made = || match self.ready.get(&(one.request.version.clone(), one.request.sha256.clone())) {
                Some(policies) => Ok(entries::holding(Arc::clone(policies), &place, &one.request)),
                None => entries::standing(versions, &place, &one.request),
            };
            match known.map_or_else(made, Ok) {
                Ok(emergency) => drop(standing.insert(place, emergency)),
                // The others are obeyed all the same.
                Err(report) => wrong = Some(report),
            }
        }
        let all: Vec<Arc<Emergency>> = standing.values().cloned().collect();
        flow.narrow(&all);
        for place in standing.keys().filter(|place| !self.emergencies.contains_key(*place)) {
            tracing::warn!(activation = place, "an emergency version is in force");
        }
        self.emergencies = standing;
        wrong.map_or(Ok(()), Err)
    }
}

/// The moment that it is for this path.
fn moment(flow: &Flow) -> Timestamp {
    Timestamp::from_second(flow.seconds()).unwrap_or(Timestamp::MAX)
}
