//! The five steps, in order, once for every request that is judged.

use std::sync::{Arc, PoisonError};

use carrier::{
    Door, Refusal, Unit, ai_disclosure,
    provenance::Provenance,
    salesforce::{self, BatchRead, BulkV1, JobOfUpload, batch_read},
};
use ledger::{AppendError, Logged};
use mark::{Verdict, judge};
use policy::{Request, Ruling, Scope, decide_change};

use crate::{
    batches::{ShelfError, WithheldBatch},
    clock::Moment,
    continuity,
    crossing::Crossing,
    effect::{self, Applied, Forward, Merge, Passage, Unavailable, apply, error_at},
    emergency::objects,
    entry::{Entry, Facts},
    keep::Shape,
    listed::Named,
    proof,
    read::{self, Read},
    settle::{Outcome, Settlement},
    watch::Step,
    world::Flow,
};

impl Flow {
    /// Takes one request the whole way. Nothing is done that is not in the ledger first.
    ///
    /// Shape:  a crossing -> what the shell does next; the ruling is durable before this returns.
    /// Bounds: [`carrier::Limits`] on the body and its records; waits for one group commit.
    /// Errors: none; a ledger that cannot write is [`Passage::Unavailable`].
    /// Never:  passes on what could not be read, where the boundary enforces.
    /// Source: spec/http.md section 3.
    pub async fn pass(&self, crossing: Crossing) -> Passage {
        let Some(body) = self.attested(&crossing).await else { return self.pass_as_it_is(crossing).await };
        match self.pass_as_it_is(Crossing { body: Ok(body.clone()), ..crossing }).await {
            Passage::Forward(forward) => {
                Passage::Forward(Forward { body: Some(forward.body.unwrap_or(body)), ..forward })
            }
            turned @ (Passage::Refuse(_) | Passage::Unavailable(_)) => turned,
        }
    }

    async fn pass_as_it_is(&self, crossing: Crossing) -> Passage {
        let moment = self.clock.now();
        crossing.watched.passed(Step::Begun);
        let doors = self.doors.get(&crossing.boundary.name).cloned().unwrap_or_default();
        let Read { route, mut readings, datasets, action, label, weakens } =
            read::read(&crossing, &self.jobs, &doors, &self.limits);
        let total = readings.records.len();
        self.learn(&datasets, &crossing, &moment, &mut readings);
        crossing.watched.passed(Step::Read);
        let recognition = self.recognition();
        let verdicts: Vec<Verdict> = {
            let trust = self.trust();
            let verdict = |reading| recognition.verdict(judge(reading, &trust), reading, None);
            readings.records.iter().map(verdict).collect()
        };
        crossing.watched.passed(Step::Judged { records: verdicts.len() as u64 });
        let request = Request {
            client: crossing.client.as_str().into(),
            action: asked(action),
            boundary: &crossing.boundary,
            route: &label,
        };
        let (verdicts, proof) = proof::weigh(&crossing, verdicts, &self.trust());
        let weakened = u64::try_from(weakens.len()).unwrap_or(u64::MAX);
        let policies = self.policies_on(&readings.records);
        let ruling = decide_change(&policies, &request, scope(readings.unit), verdicts, weakened);
        watch_decided(&crossing, &ruling);

        let claim = Claimed::weigh(&crossing.provenance, &ruling);
        let disclosure = ai_disclosure::parse(&crossing.claims.ai_disclosure);
        let objects = objects(&readings.records);
        let (positions, references): (Vec<usize>, Vec<Named>) =
            readings.records.into_iter().map(|reading| (reading.place.index, Named::taken(reading))).unzip();
        let shape = Shape { route: route.as_ref(), unit: readings.unit, positions: &positions, total };
        let plan = self.plan(&ruling, &crossing, &shape);
        let facts = Facts {
            action: action.as_str(),
            route: &label,
            claim: if proof.is_proven() { "proven" } else { claim.word() },
            proof: &proof,
            ai_disclosure: disclosure.map(ai_disclosure::Mode::as_str),
            objects: &objects,
            references: &references,
            weakens: &weakens,
            recognised_by: (ruling.counts().suspected > 0).then(|| recognition.recognised_by()),
            kept: plan.for_entry(),
            told: None,
        };
        let entry = Entry::ruling(&ruling, &crossing, &facts, &moment);
        let leave = continuity::leave(&ruling, crossing.boundary.continuity);
        let unplaced = effect::provenance(&ruling, None);

        match self.commit_watched(ruling, entry, &moment, &crossing).await {
            Ok(logged) => {
                let kept = self.keep(plan, &logged, &crossing, &label, &moment).await;
                let disbelieved = !proof.is_proven() && claim.is_disbelieved();
                let read = Applied { route, unit: readings.unit, positions, disbelieved, kept, weakens };
                apply(&logged, &crossing, read)
            }
            Err(reason) => self.without_ledger(&crossing, leave, &unplaced, &reason, &moment),
        }
    }

    /// As [`Flow::commit`], and whoever watches the crossing is told.
    pub(crate) async fn commit_watched(
        &self,
        ruling: Ruling,
        entry: Entry,
        moment: &Moment,
        crossing: &Crossing,
    ) -> Result<Logged<Ruling>, Unwritten> {
        let committed = self.commit(ruling, entry, moment).await;
        crossing.watched.passed(match &committed {
            Ok(logged) => Step::Committed { origin: logged.origin(), index: logged.index() },
            Err(_) => Step::NotCommitted,
        });
        committed
    }

    /// Makes a ruling durable. Gaps and clock faults that wait to be written down go first.
    pub(crate) async fn commit(
        &self,
        ruling: Ruling,
        entry: Entry,
        moment: &Moment,
    ) -> Result<Logged<Ruling>, Unwritten> {
        if moment.behind_seconds > CLOCK_TOLERANCE_SECONDS {
            self.note(Entry::clock_fault(moment));
        }
        let pending = self.appender.append(ruling, entry.bytes).map_err(|_| Unwritten::Busy)?;
        let logged = pending.await.map_err(Unwritten::Failed)?;
        self.close_gaps(moment);
        Ok(logged)
    }

    /// Settles what became of a forwarded request. Returns at once; the entry rides in the next batch.
    pub fn settle(&self, settlement: Settlement, outcome: Outcome) {
        self.settle_as(settlement, outcome, None);
    }

    /// As [`Flow::settle`], with the name by which the upstream's own log knows the request, if it said one.
    ///
    /// Bounds: a name of 1 to [`REQUEST_ID_BYTES_MAX`] letters, digits and `-_.:`; any other is left out.
    pub fn settle_as(&self, settlement: Settlement, outcome: Outcome, upstream_request: Option<&str>) {
        let moment = self.clock.now();
        let named = upstream_request.filter(|id| is_request_id(id));
        // What happened has happened: that it rides along costs no sync of its own.
        let entry = Entry::settlement(settlement.ruling, outcome, named, &moment);
        let _full = self.appender.note(entry.bytes).is_err();
    }

    /// Seconds since 1970 by the clock that entries are written with.
    pub fn seconds(&self) -> i64 {
        self.clock.seconds()
    }

    /// Looks at an upstream's answer for what later requests need: the object of a Bulk job just made, which
    /// is known at this boundary alone: another org may give the same id.
    ///
    /// Bounds: the shell hands in bodies of answers to job creations only, at most 64 KiB.
    pub fn observe_job(&self, boundary: &str, body: &[u8]) {
        if let Some(job) = salesforce::job_created(body) {
            self.jobs.learn(boundary, job);
        }
    }

    /// The same for a job of Bulk API v1.
    ///
    /// Bounds: the shell hands in bodies of answers to job creations only, at most 64 KiB.
    pub fn observe_batch_job(&self, boundary: &str, body: &[u8]) {
        if let Some(job) = salesforce::batch_job_created(body) {
            self.jobs.learn_batch_job(boundary, job);
        }
    }

    /// The Bulk v1 job that a request adds a query to, if it adds one: the target and the job tell.
    pub fn query_batch(
        &self,
        boundary: &str,
        method: &str,
        target: &str,
        method_override: Option<&str>,
    ) -> Option<String> {
        let job = |id: &str| self.jobs.batch_job(boundary, id);
        match salesforce::route_by_job(method, target, method_override, job) {
            Door::Judged(salesforce::Route::BulkV1(BulkV1::Query(job))) => Some(job.id),
            Door::Judged(_) | Door::Open | Door::Unknown => None,
        }
    }

    /// The Bulk job of this upload, if nobody at this boundary has seen it being made: the shell asks the upstream, and shows what it
    /// answers to [`Flow::observe_job`] or [`Flow::observe_batch_job`].
    pub fn unknown_job(&self, boundary: &str, method: &str, target: &str) -> Option<JobOfUpload> {
        let job = salesforce::job_of_upload(method, target)?;
        let is_known = if job.is_batch_job {
            self.jobs.batch_job(boundary, &job.id).is_some()
        } else {
            self.jobs.get(boundary, &job.id).is_some()
        };
        (!is_known).then_some(job)
    }

    /// The upstream's answer with what was withheld put back into it; see [`Merge::apply`].
    ///
    /// Of a batch of which rows were withheld the id is remembered, so that its results can be made whole later.
    ///
    /// Errors: [`ShelfError`]: lines may be missing that nobody can put back.
    pub fn merged(
        &self,
        merge: &Merge,
        boundary: &str,
        upstream: &[u8],
    ) -> Result<Option<Vec<u8>>, ShelfError> {
        if let Some((job, batch, withheld)) = merge.batch(upstream) {
            let rows = Arc::new(withheld);
            self.batches.learn(boundary, job.clone(), batch.clone(), Arc::clone(&rows));
            if let (Some(place), Some(begun)) = (&self.shelf, merge.begun().get()) {
                // Before the client has its answer: it may ask another gateway for the results at once.
                (place.keep)(&WithheldBatch { boundary: boundary.to_owned(), job, batch, rows }, begun);
            }
        }
        if merge.is_in_doubt(upstream) {
            return Err(ShelfError);
        }
        Ok(merge.apply(upstream))
    }

    /// What to put back into the answer to a read that streams through: the results of a Bulk v1 batch that lost rows.
    ///
    /// Shape:  nothing for almost every request.
    /// Errors: [`ShelfError`]: another gateway may have withheld rows, and a list without them would give ids to the wrong people.
    pub fn remembered(
        &self,
        boundary: &str,
        method: &str,
        target: &str,
    ) -> Result<Option<Merge>, ShelfError> {
        if self.batches.is_empty() && self.shelf.is_none() {
            return Ok(None);
        }
        let Some(read) = batch_read(method, target) else { return Ok(None) };
        let open = self.look_on_shelf(boundary, &read)?;
        let is_result = matches!(read, BatchRead::Result { .. });
        let doubt = (is_result && !open.is_empty()).then(|| Merge::into_doubt(open));
        Ok(self.known_of(boundary, read).or(doubt))
    }

    /// Tells other gateways what is withheld from a batch, before the rest of it is sent on: whatever happens then, nobody takes its
    /// results for whole.
    ///
    /// Errors: [`ShelfError`]: they cannot be told, so that it must not be sent.
    pub fn tell_withheld(&self, merge: &Merge, boundary: &str) -> Result<(), ShelfError> {
        if let (Some(place), Some(rows), Some(job)) = (&self.shelf, merge.of_batch(), merge.job()) {
            let name = (place.begin)(boundary, job, &rows)?;
            let _first = merge.begun().set(name);
        }
        Ok(())
    }

    /// The org took no such batch: nobody needs to know what was withheld.
    pub fn not_taken(&self, merge: &Merge, boundary: &str) {
        if let (Some(place), Some(name), Some(job)) = (&self.shelf, merge.begun().get(), merge.job()) {
            (place.end)(boundary, job, name);
        }
    }

    /// What is known here of the batches that a read is about.
    fn known_of(&self, boundary: &str, read: BatchRead) -> Option<Merge> {
        match read {
            BatchRead::Result { batch, .. } => {
                self.batches.of_batch(boundary, &batch).map(Merge::into_results)
            }
            BatchRead::Batch { batch, .. } => {
                let withheld = self.batches.of_batch(boundary, &batch)?;
                Some(Merge::into_counts([(batch, withheld.len())].into()))
            }
            BatchRead::Batches { job } | BatchRead::Job { job } => {
                let mut counts = self.batches.of_job(boundary, &job);
                counts.insert(job, counts.values().sum());
                (counts.len() > 1).then(|| Merge::into_counts(counts))
            }
        }
    }

    /// Learns what other gateways withheld from the batches that this read is about; what was withheld from batches of the job of
    /// which nobody knows which they are.
    fn look_on_shelf(
        &self,
        boundary: &str,
        read: &BatchRead,
    ) -> Result<Vec<Arc<salesforce::WithheldRows>>, ShelfError> {
        let Some(place) = &self.shelf else { return Ok(Vec::new()) };
        let found = match read {
            BatchRead::Result { batch, .. } | BatchRead::Batch { batch, .. }
                if self.batches.of_batch(boundary, batch).is_some() =>
            {
                return Ok(Vec::new());
            }
            BatchRead::Result { job, batch } | BatchRead::Batch { job, batch } => {
                (place.find)(boundary, job, Some(batch))
            }
            BatchRead::Batches { job } | BatchRead::Job { job } => (place.find)(boundary, job, None),
        };
        let found = found?;
        for WithheldBatch { boundary, job, batch, rows } in found.batches {
            self.batches.learn(&boundary, job, batch, rows);
        }
        Ok(found.open)
    }

    /// Appends an entry whose place nobody waits for.
    pub(crate) fn note(&self, entry: Entry) -> bool {
        self.appender.append((), entry.bytes).is_ok()
    }

    fn close_gaps(&self, moment: &Moment) {
        let mut gaps = self.gaps.take();
        gaps.retain(|boundary, gap| !self.note(Entry::gap(boundary, gap.passed, &gap.from, moment)));
        self.gaps.put_back(gaps);
    }

    /// Takes in datasets that announce themselves, and drops their rows from what is judged.
    fn learn(
        &self,
        datasets: &[mark::DatasetFile],
        crossing: &Crossing,
        moment: &Moment,
        readings: &mut carrier::Readings<'_>,
    ) {
        for dataset in datasets {
            let id = dataset.manifest.id();
            if self.trust().knows(id) {
                continue;
            }
            if let Ok(batches) = self.admit(dataset) {
                self.remember(dataset);
                self.note(Entry::dataset(&crossing.boundary.name, &id.to_string(), batches, moment));
            }
        }
        if !datasets.is_empty() {
            let trust = self.trust.read().unwrap_or_else(PoisonError::into_inner);
            read::without_known_datasets(readings, |file| trust.knows(file.manifest.id()));
        }
    }

    /// What happens when a ruling could not be made durable.
    pub(crate) fn without_ledger(
        &self,
        crossing: &Crossing,
        leave: Option<continuity::CareLeave>,
        provenance: &Provenance,
        reason: &Unwritten,
        moment: &Moment,
    ) -> Passage {
        if let Some(leave) = leave {
            self.gaps.count(leave, &moment.at);
            let provenance = provenance.to_header();
            return Passage::Forward(Forward {
                body: None,
                sent_provenance: provenance.clone(),
                provenance,
                ruling: None,
                ai_disclosure: None,
                warning: None,
                merge: None,
                settlement: None,
            });
        }
        let refusal = Refusal {
            code: "EOSIN_UNAVAILABLE".to_owned(),
            message: format!(
                "Eosin cannot record its ruling and so nothing was done: {reason}. Try again later."
            ),
        };
        let answer = error_at(crossing, 503, &refusal);
        Passage::Unavailable(Unavailable { answer, retry_after_seconds: RETRY_AFTER_SECONDS })
    }
}

/// Tells whoever watches what was decided.
pub(crate) fn watch_decided(crossing: &Crossing, ruling: &Ruling) {
    let step = Step::Decided { decision: ruling.decision(), policies: ruling.version() };
    crossing.watched.passed(step);
}

/// Longest name that an upstream's log gives a request.
pub const REQUEST_ID_BYTES_MAX: usize = 64;

fn is_request_id(id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    (1..=REQUEST_ID_BYTES_MAX).contains(&id.len()) && id.bytes().all(plain)
}

/// A clock may be this far behind the last entry before it is written down as a fault.
const CLOCK_TOLERANCE_SECONDS: u64 = 2;

pub(crate) const RETRY_AFTER_SECONDS: u32 = 5;

/// Why a ruling is not in the ledger.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unwritten {
    #[error("the ledger has more waiting than it can take")]
    Busy,
    #[error("the ledger cannot write")]
    Failed(AppendError),
}

/// What an inbound header claimed, weighed against what was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claimed {
    Nothing,
    Agrees,
    Contradicts,
    Malformed,
}

impl Claimed {
    pub(crate) fn weigh(lines: &[String], ruling: &Ruling) -> Self {
        if lines.is_empty() {
            return Self::Nothing;
        }
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        match Provenance::parse(&lines) {
            Err(_) => Self::Malformed,
            Ok(heard) if heard.contradicts_itself => Self::Contradicts,
            Ok(heard) => {
                let agrees =
                    heard.provenance.counts.iter().all(|(name, count)| ruling.counts().of(*name) == *count);
                if agrees { Self::Agrees } else { Self::Contradicts }
            }
        }
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Nothing => "none",
            Self::Agrees => "agrees",
            Self::Contradicts => "contradicts",
            Self::Malformed => "malformed",
        }
    }

    pub(crate) fn is_disbelieved(self) -> bool {
        match self {
            Self::Nothing | Self::Agrees => false,
            Self::Contradicts | Self::Malformed => true,
        }
    }
}

fn scope(unit: Unit) -> Scope {
    match unit {
        Unit::PerRecord => Scope::PerRecord,
        Unit::Whole => Scope::Whole,
    }
}

pub(crate) fn asked(action: carrier::Action) -> policy::Action {
    match action {
        carrier::Action::Create => policy::Action::Create,
        carrier::Action::Update => policy::Action::Update,
        carrier::Action::Delete => policy::Action::Delete,
        carrier::Action::Read => policy::Action::Read,
        carrier::Action::Export => policy::Action::Export,
        carrier::Action::Deliver => policy::Action::Deliver,
    }
}
