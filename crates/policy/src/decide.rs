//! The one question to the policies: may these records cross here? Whatever goes wrong, the answer is no.

use std::{
    cell::OnceCell,
    collections::{BTreeMap, BTreeSet},
};

use cedar_policy::{AuthorizationError, Entities};
use mark::{DatasetId, Integrity, Verdict, VerdictName};

use crate::{
    counts::{self, Case, Counts},
    memory::Question,
    policies::Policies,
    request::Request,
    ruling::{Finding, Outcome, Requested, Ruling},
    vocabulary::words,
};

/// What is refused when one record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// That record: each is decided alone, as in a Salesforce collection.
    PerRecord,
    /// Everything: one transaction, one message, one file.
    Whole,
}

words!(Scope, "scope", PerRecord => "record", Whole => "whole");

/// Rules on what a request carries.
///
/// Every record is asked about; records that policies cannot tell apart are asked about once and share the answer.
/// With [`Scope::Whole`] all records together are asked about as well, and the worst answer holds for all: so a
/// policy that permits one record of a transaction cannot carry another one in. A request without records is asked
/// about once.
///
/// Shape:  verdicts in any number -> a ruling with one decision each, same order.
/// Bounds: one evaluation of all policies for each distinct case that was not met before (tens of microseconds), else
///         one lookup; one lookup a record.
/// Errors: none; a policy that cannot be evaluated blocks, in every mode, and is named in the ruling.
/// Never:  does I/O, reads a clock, or shows policies anything of a record but its verdict and its dataset's labels.
pub fn decide(policies: &Policies, request: &Request<'_>, scope: Scope, verdicts: Vec<Verdict>) -> Ruling {
    decide_change(policies, request, scope, verdicts, 0)
}

/// Rules on a request that may also change what Eosin rests on: `weakened` counts how often.
///
/// Shape:  as [`decide`]; such a change is no record, and policies see it where they are asked about the whole.
pub fn decide_change(
    policies: &Policies,
    request: &Request<'_>,
    scope: Scope,
    verdicts: Vec<Verdict>,
    weakened: u64,
) -> Ruling {
    let asking = Asking { policies, request, entities: OnceCell::new() };
    let counts = Counts { weakened, ..Counts::default() };
    let mut cases = Cases { counts, ..Cases::default() };
    let jurisdiction = &request.boundary.jurisdiction;
    let outcome_of = verdicts.iter().map(|verdict| cases.add(verdict, jurisdiction)).collect::<Vec<_>>();
    let outcomes: Vec<Outcome> = cases.ask(&asking);
    let is_asked_together = scope == Scope::Whole || verdicts.is_empty() || weakened > 0;
    let together = is_asked_together.then(|| asking.ask(&cases.counts, &cases.purposes()));
    let worst = outcomes.iter().chain(&together).map(|outcome| outcome.decision).max();
    let decisions = outcome_of.iter().filter_map(|&index| match scope {
        Scope::PerRecord => outcomes.get(index).map(|outcome| outcome.decision),
        Scope::Whole => worst,
    });
    Ruling {
        version: policies.version_on(request),
        requested: Requested::of(request),
        counts: cases.counts,
        decisions: decisions.collect(),
        outcome_of,
        outcomes,
        together,
        verdicts,
        cases: cases.numbered(),
        scope,
        unsorted: false,
    }
}

/// Rules on an event that cannot be sorted, whatever policies say of its records: it does not say whose it is, or says
/// it of others than it carries.
///
/// Shape:  as [`decide`] with [`Scope::Whole`]; at least a refusal with this reason, which the boundary's mode weighs as
///         any other, and which is kept as if its policy said `@quarantine`.
/// Never:  makes anything better: what policies refuse, or cannot decide, stays so.
pub fn decide_unsorted(
    policies: &Policies,
    request: &Request<'_>,
    verdicts: Vec<Verdict>,
    reason: &str,
) -> Ruling {
    let mut ruling = decide(policies, request, Scope::Whole, verdicts);
    let refused = Outcome {
        finding: Finding::Forbid,
        decision: Finding::Forbid.under(request.boundary.mode),
        policies: vec![UNSORTED.into()],
        reason: reason.into(),
        errors: Vec::new(),
        keeps: true,
    };
    for outcome in ruling.outcomes.iter_mut().chain(&mut ruling.together) {
        match outcome.finding {
            Finding::Error => {}
            // What a policy refuses as well is refused by both, and this is the reason that comes first.
            Finding::Forbid => {
                outcome.policies.insert(0, UNSORTED.into());
                outcome.reason = reason.into();
                outcome.keeps = true;
            }
            Finding::Permit => *outcome = refused.clone(),
        }
    }
    let worst = ruling.decision();
    ruling.decisions.fill(worst);
    ruling.unsorted = true;
    ruling
}

/// The rule that no policy file holds: an event goes nowhere before it is known whose it is.
const UNSORTED: &str = "no-unsorted-event";

/// Rules on a whole request whose records come a part at a time, and are not kept: one of any size.
///
/// The same answer as [`decide`] with [`Scope::Whole`] on all of them, but that the ruling has counts and no verdicts:
/// what is said of a single record is for whoever adds them to note.
///
/// Bounds: memory grows with the cases that policies can tell apart, not with records.
#[derive(Debug, Default)]
pub struct Gathering {
    cases: Cases,
}

impl Gathering {
    /// Adds the verdicts on some records; `request` is the same each time.
    pub fn add(&mut self, request: &Request<'_>, verdicts: &[Verdict]) {
        for verdict in verdicts {
            self.cases.add(verdict, &request.boundary.jurisdiction);
        }
    }

    /// Rules on all that were added.
    pub fn rule(self, policies: &Policies, request: &Request<'_>) -> Ruling {
        let asking = Asking { policies, request, entities: OnceCell::new() };
        Ruling {
            version: policies.version_on(request),
            requested: Requested::of(request),
            outcomes: self.cases.ask(&asking),
            together: Some(asking.ask(&self.cases.counts, &self.cases.purposes())),
            counts: self.cases.counts,
            decisions: Vec::new(),
            outcome_of: Vec::new(),
            verdicts: Vec::new(),
            cases: self.cases.numbered(),
            scope: Scope::Whole,
            unsorted: false,
        }
    }
}

/// What policies can tell apart among records, and how many records there are of it.
#[derive(Debug, Default)]
struct Cases {
    met: Vec<Case>,
    // INVARIANT: one a case, as long as `met`: how many records are of it.
    numbers: Vec<u64>,
    by_case: BTreeMap<Case, usize>,
    by_key: BTreeMap<Key, usize>,
    counts: Counts,
}

impl Cases {
    /// Counts one record; the place of its case.
    fn add(&mut self, verdict: &Verdict, jurisdiction: &str) -> usize {
        let Self { met, numbers, by_case, by_key, counts } = self;
        let index = *by_key.entry(Key::of(verdict)).or_insert_with(|| {
            let case = Case::of(verdict, jurisdiction);
            *by_case.entry(case).or_insert_with_key(|case| {
                met.push(case.clone());
                numbers.push(0);
                met.len() - 1
            })
        });
        if let Some(case) = met.get(index) {
            counts.add(case);
        }
        if let Some(number) = numbers.get_mut(index) {
            *number += 1;
        }
        index
    }

    fn ask(&self, asking: &Asking<'_>) -> Vec<Outcome> {
        self.met.iter().map(|case| asking.ask(&case.counts(), &case.purposes)).collect()
    }

    /// The cases with how many records are of each.
    fn numbered(self) -> Vec<(Case, u64)> {
        self.met.into_iter().zip(self.numbers).collect()
    }

    fn purposes(&self) -> BTreeSet<String> {
        self.met.iter().flat_map(|case| case.purposes.iter().cloned()).collect()
    }
}

/// What tells cases apart at the cost of a comparison: two records of one key are of one case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    name: VerdictName,
    integrity: Option<Integrity>,
    claimed: bool,
    strongly_suspected: bool,
    dataset: Option<DatasetId>,
}

impl Key {
    fn of(verdict: &Verdict) -> Self {
        let proof = verdict.proof();
        Self {
            name: verdict.name(),
            integrity: proof.map(mark::Proof::integrity),
            claimed: counts::is_claimed(verdict),
            strongly_suspected: counts::is_strongly_suspected(verdict),
            dataset: proof.map(|proof| proof.dataset().id()),
        }
    }
}

/// One request, put to one set of policies.
pub(crate) struct Asking<'a> {
    pub(crate) policies: &'a Policies,
    pub(crate) request: &'a Request<'a>,
    // Built when the first question is new.
    pub(crate) entities: OnceCell<Result<Entities, String>>,
}

impl Asking<'_> {
    /// What the policies say, narrowed by the emergency versions in whose scope the request is.
    pub(crate) fn ask(&self, counts: &Counts, purposes: &BTreeSet<String>) -> Outcome {
        let own = self.ask_alone(counts, purposes);
        self.policies.emergencies_on(self.request).fold(own, |outcome, emergency| {
            let policies = &emergency.policies;
            let asking = Asking { policies, request: self.request, entities: OnceCell::new() };
            outcome.narrowed(policies, asking.ask_alone(counts, purposes))
        })
    }

    fn ask_alone(&self, counts: &Counts, purposes: &BTreeSet<String>) -> Outcome {
        let question = Question::of(self.request, counts, purposes);
        self.policies.memory().recall(question, || self.ask_cedar(counts, purposes))
    }

    fn ask_cedar(&self, counts: &Counts, purposes: &BTreeSet<String>) -> Outcome {
        let Request { client, action, boundary, .. } = *self.request;
        let question = self.policies.vocabulary().request(client, action, boundary, counts, purposes);
        let entities = self.entities.get_or_init(|| self.policies.vocabulary().entities(boundary));
        let (entities, question) = match (entities, question) {
            (Ok(entities), Ok(question)) => (entities, question),
            (Err(problem), _) => return self.broken(Vec::new(), vec![problem.clone()]),
            (_, Err(problem)) => return self.broken(Vec::new(), vec![problem]),
        };
        let answer = self.policies.ask(&question, entities);
        // Cedar's authorizer skips a policy that errs, so a broken forbid reads as absent. Here it blocks.
        let errors: Vec<&AuthorizationError> = answer.diagnostics().errors().collect();
        if !errors.is_empty() {
            let ids = errors.iter().map(|AuthorizationError::PolicyEvaluationError(error)| error.policy_id());
            let ids = self.policies.in_order(ids).map(|told| told.id.clone()).collect();
            return self.broken(ids, errors.iter().map(ToString::to_string).collect());
        }
        let finding = match answer.decision() {
            cedar_policy::Decision::Allow => Finding::Permit,
            cedar_policy::Decision::Deny => Finding::Forbid,
        };
        let told: Vec<_> = self.policies.in_order(answer.diagnostics().reason()).collect();
        let reason = told.first().map_or_else(
            || format!("no policy permits this here ({action} in {})", boundary.environment).into(),
            |told| told.reason.clone(),
        );
        Outcome {
            finding,
            decision: finding.under(boundary.mode),
            policies: told.iter().map(|told| told.id.clone()).collect(),
            reason,
            errors: Vec::new(),
            keeps: finding == Finding::Forbid && told.iter().any(|told| told.keeps),
        }
    }

    fn broken(&self, policies: Vec<std::sync::Arc<str>>, errors: Vec<String>) -> Outcome {
        Outcome {
            finding: Finding::Error,
            decision: Finding::Error.under(self.request.boundary.mode),
            policies,
            reason: "policy error: a policy could not be evaluated, so nothing passes; correct it".into(),
            errors,
            keeps: false,
        }
    }
}

#[cfg(test)]
mod tests;
