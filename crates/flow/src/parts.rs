//! A request whose body is longer than is held: its records a part at a time, and one ruling on all of them.

use std::io::{self, BufRead};

use carrier::{Unit, ai_disclosure, salesforce, table::Chunks};
use mark::{
    Reading, Verdict,
    digest::Hash,
    judge,
    merkle::{self, Frontier},
};
use policy::{Decision, Finding, Gathering, Request, Ruling};

use crate::{
    continuity,
    crossing::{Crossing, Route},
    effect::{self, Applied, Passage, apply},
    emergency,
    entry::{Entry, FINDINGS_MAX, Facts, Told, row_text},
    keep::Plan,
    listed::{Listing, Named},
    pass::{Claimed, asked, watch_decided},
    proof,
    watch::Step,
    world::Flow,
};

impl Flow {
    /// Whether the body of this crossing can be read in parts: a table that a job uploads whose creation was seen.
    pub fn reads_in_parts(&self, crossing: &Crossing) -> bool {
        self.upload(crossing).is_some()
    }

    fn upload(&self, crossing: &Crossing) -> Option<(Route, salesforce::Job)> {
        let door = Route::find(
            &crossing.protocol,
            &crossing.method,
            &crossing.target,
            crossing.method_override.as_deref(),
            &salesforce::Doors::default(),
        );
        let carrier::Door::Judged(Route::Salesforce(route)) = door else { return None };
        let salesforce::Route::BulkUpload { job } = &route else { return None };
        let rows = |job: &salesforce::Job| {
            // Events are delivered, not created; none of them is so long.
            job.operation != salesforce::Operation::Delete && !salesforce::is_event(&job.object)
        };
        let job = self.jobs.get(&crossing.boundary.name, job).filter(rows)?;
        Some((Route::Salesforce(route), job))
    }

    /// Takes a request the whole way whose body is read in parts: the same five steps as [`Flow::pass`].
    ///
    /// Its records go through whole or not at all. The ruling is the one that `pass` would have made of all of them,
    /// and so is its entry.
    ///
    /// Shape:  a crossing that [`Flow::reads_in_parts`], and its body, which the shell sends on after a forward.
    /// Bounds: about 4 MiB and one record of `limits.body_bytes`, however long the body is.
    /// Errors: those of `body`; then nothing was ruled.
    pub async fn pass_in_parts(&self, crossing: Crossing, body: impl BufRead + Send) -> io::Result<Passage> {
        let moment = self.clock.now();
        let Some((route, job)) = self.upload(&crossing) else { return Ok(self.pass(crossing).await) };
        let (label, action) = (route.label(), route.action());
        let request = Request {
            client: crossing.client.as_str().into(),
            action: asked(action),
            boundary: &crossing.boundary,
            route: &label,
        };
        let policies = self.policies();
        crossing.watched.passed(Step::Begun);
        let Gathered { gathering, rows } = self.gather(&job, body, &request)?;
        crossing.watched.passed(Step::Judged { records: rows.all });
        let ruling = gathering.rule(&policies, &request);
        watch_decided(&crossing, &ruling);
        let claim = Claimed::weigh(&crossing.provenance, &ruling);
        let disclosure = ai_disclosure::parse(&crossing.claims.ai_disclosure);
        let plan = self.plan_long(&ruling, &crossing);
        let recognition = self.recognition();
        // What cannot be read could be of any object.
        let can_tell = rows.all > 0 && ruling.counts().unreadable == 0;
        let objects = if can_tell { emergency::named([&*job.object]) } else { Vec::new() };
        let facts = Facts {
            objects: &objects,
            action: action.as_str(),
            route: &label,
            claim: claim.word(),
            // A signature covers a body that is held; this one was not.
            proof: &proof::Weighed::default(),
            ai_disclosure: disclosure.map(ai_disclosure::Mode::as_str),
            references: &[],
            recognised_by: (ruling.counts().suspected > 0).then(|| recognition.recognised_by()),
            kept: plan.for_entry(),
            weakens: &[],
            told: Some(rows.told(&ruling)),
        };
        let entry = Entry::ruling(&ruling, &crossing, &facts, &moment);
        let leave = continuity::leave(&ruling, crossing.boundary.continuity);
        let unplaced = effect::provenance(&ruling, None);
        Ok(match self.commit_watched(ruling, entry, &moment, &crossing).await {
            Ok(logged) => {
                let kept = self.keep(plan, &logged, &crossing, &label, &moment).await;
                let (positions, weakens, disbelieved) = (Vec::new(), Vec::new(), claim.is_disbelieved());
                let read =
                    Applied { route: Some(route), unit: Unit::Whole, positions, disbelieved, kept, weakens };
                apply(&logged, &crossing, read)
            }
            Err(reason) => self.without_ledger(&crossing, leave, &unplaced, &reason, &moment),
        })
    }

    /// What is longer than is held is longer than the quarantine keeps; where it should, that is said.
    fn plan_long(&self, ruling: &Ruling, crossing: &Crossing) -> Plan {
        let should = ruling.keeps_any()
            && self.keeping().is_some_and(|keeping| keeping.keeps_for(&crossing.boundary.name));
        if should { Plan::Cannot("it is longer than a body that is held".to_owned()) } else { Plan::Nothing }
    }

    /// Reads and judges every part.
    fn gather(
        &self,
        job: &salesforce::Job,
        body: impl BufRead,
        request: &Request<'_>,
    ) -> io::Result<Gathered> {
        let (trust, recognition) = (self.trust(), self.recognition());
        let mut chunks = Chunks::of_upload(body, job, self.limits);
        let mut all = Gathered::default();
        while let Some(chunk) = chunks.next_chunk()? {
            let verdicts = chunk.readings().map(|reading| {
                let verdict = recognition.verdict(judge(&reading, &trust), &reading, None);
                all.rows.add(&reading, &verdict);
                verdict
            });
            let verdicts: Vec<Verdict> = verdicts.collect();
            all.gathering.add(request, &verdicts);
        }
        Ok(all)
    }
}

/// What is known after the last part.
#[derive(Default)]
struct Gathered {
    gathering: Gathering,
    rows: Rows,
}

/// What the entry will say of single records. Whether they pass is known at the end only, so each way is kept.
#[derive(Default)]
struct Rows {
    // The rows' root, for each decision that all of them may share.
    roots: [Frontier; 3],
    // The first records that are worth listing if all pass, and the first records at all.
    unproven: Listing,
    first: Listing,
    unproven_all: u64,
    all: u64,
}

const DECISIONS: [Decision; 3] = [Decision::Pass, Decision::Warn, Decision::Block];

impl Rows {
    /// Adds a row. An upload has many, and few are listed: only those are named.
    fn add(&mut self, reading: &Reading<'_>, verdict: &Verdict) {
        let (reference, name) = (&reading.place.reference, verdict.name());
        for (root, decision) in self.roots.iter_mut().zip(DECISIONS) {
            root.push(merkle::leaf_hash(row_text(reference, name, decision).as_bytes()));
        }
        self.all += 1;
        if self.first.len() < FINDINGS_MAX {
            self.first.add(&Named::of(reading), verdict, Decision::Pass);
        }
        if verdict.proof().is_none() {
            self.unproven_all += 1;
            if self.unproven.len() < FINDINGS_MAX {
                self.unproven.add(&Named::of(reading), verdict, Decision::Pass);
            }
        }
    }

    /// What is true of the rows under this ruling.
    fn told(self, ruling: &Ruling) -> Told {
        let decision = ruling.decision();
        let roots = self.roots.iter().zip(DECISIONS);
        let root = roots.filter(|(_, one)| *one == decision).map(|(root, _)| root.root()).next();
        let (listed, worth_listing) = if decision == Decision::Pass {
            (self.unproven, self.unproven_all)
        } else {
            (self.first, self.all)
        };
        let refused = ruling.worst_finding() != Finding::Permit && decision != Decision::Block;
        Told {
            rows: root.unwrap_or_else(|| merkle::root(&[]) as Hash),
            omitted: worth_listing - listed.len() as u64,
            listing: listed.decided(decision),
            would_block: if refused { self.all } else { 0 },
        }
    }
}
