//! The ruling: the verdicts, what the policies said of each, what is done about it, and who decided.

use std::{collections::BTreeSet, fmt, sync::Arc};

use mark::Verdict;

use crate::{
    boundary::{Boundary, Continuity, Environment, Mode},
    counts::{Case, Counts},
    decide::Scope,
    request::{Action, Caller, Request},
    vocabulary::words,
};

/// The verdicts on what a request carries, and the decision on them. Only [`crate::decide()`] can make one.
///
/// It does not come back from storage either: it is not `Deserialize`; what was stored is evidence, not a ruling.
///
/// ```
/// fn may_pass(ruling: &policy::Ruling) -> bool { ruling.decision() != policy::Decision::Block }
/// ```
/// ```compile_fail
/// fn forge(ruling: policy::Ruling) -> policy::Ruling {
///     policy::Ruling { decisions: vec![policy::Decision::Pass], ..ruling }
/// }
/// ```
/// ```compile_fail
/// fn revive(text: &str) -> policy::Ruling { serde_json::from_str(text).unwrap() }
/// ```
#[derive(Clone, Debug)]
pub struct Ruling {
    pub(crate) version: Arc<str>,
    pub(crate) requested: Requested,
    pub(crate) verdicts: Vec<Verdict>,
    pub(crate) counts: Counts,
    // INVARIANT: one a record, as long as `verdicts`.
    pub(crate) decisions: Vec<Decision>,
    // INVARIANT: one a record, each a place in `outcomes`.
    pub(crate) outcome_of: Vec<usize>,
    pub(crate) outcomes: Vec<Outcome>,
    // What the policies said of all records together, or of a request that carries none.
    pub(crate) together: Option<Outcome>,
    // INVARIANT: one an outcome, in the same order: what policies could tell apart, and how many records are of it.
    pub(crate) cases: Vec<(Case, u64)>,
    pub(crate) scope: Scope,
    // Whether `decide_unsorted` made it: refused whatever policies say.
    pub(crate) unsorted: bool,
}

impl Ruling {
    /// What is done, one a record, in the order of the verdicts.
    pub fn decisions(&self) -> &[Decision] {
        &self.decisions
    }

    /// The worst decision: of any record, and of all together. For a request without records, the decision on it.
    pub fn decision(&self) -> Decision {
        self.worst().map_or(Decision::Block, |outcome| outcome.decision)
    }

    /// What the policies said of record `index`, whatever the boundary's mode makes of it.
    pub fn finding(&self, index: usize) -> Option<Finding> {
        self.outcome(index).map(|outcome| outcome.finding)
    }

    /// The worst that the policies said.
    pub fn worst_finding(&self) -> Finding {
        self.all().map(|outcome| outcome.finding).max().unwrap_or(Finding::Error)
    }

    /// The verdicts, in the order given.
    pub fn verdicts(&self) -> &[Verdict] {
        &self.verdicts
    }

    /// How many records of each verdict.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// How many records are blocked.
    pub fn blocked(&self) -> usize {
        self.decisions.iter().filter(|decision| **decision == Decision::Block).count()
    }

    /// Whether record `index` is blocked by a policy that says `@quarantine`: it is kept where the boundary keeps any.
    ///
    /// A request that passes whole or not at all is kept whole if one of its records is, or if they are together.
    pub fn keeps(&self, index: usize) -> bool {
        let blocked = self.decisions.get(index) == Some(&Decision::Block);
        let kept = |outcome: &Outcome| outcome.keeps && outcome.decision == Decision::Block;
        let own = self.outcome(index).is_some_and(kept);
        blocked && (own || (self.together.is_some() && self.all().any(kept)))
    }

    /// Whether anything is blocked by a policy that says `@quarantine`.
    pub fn keeps_any(&self) -> bool {
        self.all().any(|outcome| outcome.keeps && outcome.decision == Decision::Block)
    }

    /// How many records pass only because the boundary does not enforce yet.
    pub fn would_block(&self) -> usize {
        let together = self.together.as_ref().map_or(Finding::Permit, |outcome| outcome.finding);
        let whole = self.together.is_some() && self.worst_finding() != Finding::Permit;
        (0..self.decisions.len())
            .filter(|&index| {
                let refused = whole || self.finding(index).unwrap_or(together) != Finding::Permit;
                refused && self.decisions.get(index).is_some_and(|decision| *decision != Decision::Block)
            })
            .count()
    }

    /// The policies that decided on record `index`, in the order of their text; none if nothing permitted it.
    pub fn policies(&self, index: usize) -> impl Iterator<Item = &str> {
        self.outcome(index).into_iter().flat_map(|outcome| outcome.policies.iter().map(|id| &**id))
    }

    /// Every policy that took part in the overall decision.
    pub fn determining_policies(&self) -> BTreeSet<&str> {
        let decision = self.decision();
        let deciding = self.all().filter(|outcome| outcome.decision == decision);
        deciding.flat_map(|outcome| outcome.policies.iter().map(|id| &**id)).collect()
    }

    /// The version of the policies that decided: their name and a digest of their text.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// What was asked.
    pub fn request(&self) -> &Requested {
        &self.requested
    }

    /// What went wrong while policies were evaluated. Each such problem blocks.
    pub fn errors(&self) -> BTreeSet<&str> {
        self.all().flat_map(|outcome| outcome.errors.iter().map(String::as_str)).collect()
    }

    /// One sentence for a person about record `index`: what it was found to be, what is done, and why.
    pub fn reason(&self, index: usize) -> Option<String> {
        let verdict = self.verdicts.get(index)?;
        let own = self.outcome(index)?;
        let done = *self.decisions.get(index)?;
        if own.finding == Finding::Permit
            && self.together.is_some()
            && self.worst_finding() != Finding::Permit
        {
            let worst = self.worst()?;
            return Some(format!("{verdict}; {} together with others: {worst}", spoken(worst.finding, done)));
        }
        Some(format!("{verdict}; {}: {own}", spoken(own.finding, done)))
    }

    /// One sentence for a person about the request as a whole: what is done and why.
    pub fn summary(&self) -> String {
        self.worst().map_or_else(
            || "refused: nothing was decided".to_owned(),
            |worst| format!("{}: {worst}", spoken(worst.finding, worst.decision)),
        )
    }

    fn outcome(&self, index: usize) -> Option<&Outcome> {
        self.outcome_of.get(index).and_then(|&outcome| self.outcomes.get(outcome))
    }

    /// Every outcome, single records' first.
    fn all(&self) -> impl Iterator<Item = &Outcome> {
        self.outcomes.iter().chain(&self.together)
    }

    /// The first of the worst outcomes: it names the reason.
    fn worst(&self) -> Option<&Outcome> {
        self.all().reduce(|worst, other| {
            if (other.decision, other.finding) > (worst.decision, worst.finding) { other } else { worst }
        })
    }
}

fn spoken(finding: Finding, decision: Decision) -> &'static str {
    match (decision, finding) {
        (Decision::Block, _) => "refused",
        (Decision::Warn | Decision::Pass, Finding::Permit) => "passes",
        (Decision::Warn | Decision::Pass, Finding::Forbid | Finding::Error) => "passes, would be refused",
    }
}

/// What is done about a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Decision {
    /// It passes.
    Pass,
    /// It passes, and somebody is told.
    Warn,
    /// It does not pass.
    Block,
}

/// What the policies said, before the boundary's mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Finding {
    /// Some policy permits it and none forbids it.
    Permit,
    /// Some policy forbids it, or none permits it.
    Forbid,
    /// Some policy could not be evaluated, so nobody knows.
    Error,
}

words!(Decision, "decision", Pass => "pass", Warn => "warn", Block => "block");
words!(Finding, "finding", Permit => "permit", Forbid => "forbid", Error => "error");

impl Finding {
    /// What is done in this mode. An error blocks in every mode: it says that the policies are broken, not that
    /// they refuse, and an organisation that only observes would otherwise learn of it on the day it enforces.
    pub(crate) fn under(self, mode: Mode) -> Decision {
        match (self, mode) {
            (Self::Permit, Mode::Observe | Mode::Warn | Mode::Enforce) | (Self::Forbid, Mode::Observe) => {
                Decision::Pass
            }
            (Self::Forbid, Mode::Warn) => Decision::Warn,
            (Self::Forbid, Mode::Enforce) | (Self::Error, Mode::Observe | Mode::Warn | Mode::Enforce) => {
                Decision::Block
            }
        }
    }
}

/// What the policies said of records of one case, or of all together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) finding: Finding,
    pub(crate) decision: Decision,
    pub(crate) policies: Vec<Arc<str>>,
    pub(crate) reason: Arc<str>,
    pub(crate) errors: Vec<String>,
    pub(crate) keeps: bool,
}

/// Why, and by which policy: the rest of a sentence.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)?;
        match self.policies.first() {
            Some(policy) => write!(f, " (policy `{policy}`)"),
            None => Ok(()),
        }
    }
}

/// What was asked: the request's names and labels, kept with the ruling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requested {
    /// Who asked: `client nightly-sync`, `system scan`.
    pub caller: String,
    /// What for.
    pub action: Action,
    /// The boundary's name; the rest of it as it was configured at that moment.
    pub boundary: String,
    /// What is behind it.
    pub environment: Environment,
    /// Where that is.
    pub jurisdiction: String,
    /// What a refusal does there.
    pub mode: Mode,
    /// What must not happen to care there.
    pub continuity: Continuity,
    /// Whether it vouches for the people in it.
    pub system_of_record: bool,
    /// The route's label.
    pub route: String,
}

impl Requested {
    pub(crate) fn of(request: &Request<'_>) -> Self {
        let caller = match request.client {
            Caller::Client(name) => format!("client {name}"),
            Caller::System(name) => format!("system {name}"),
        };
        let Boundary { name, environment, jurisdiction, mode, continuity, system_of_record } =
            request.boundary;
        Self {
            caller,
            action: request.action,
            boundary: name.clone(),
            environment: *environment,
            jurisdiction: jurisdiction.clone(),
            mode: *mode,
            continuity: *continuity,
            system_of_record: *system_of_record,
            route: request.route.to_owned(),
        }
    }
}
