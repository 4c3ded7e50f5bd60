//! What policies were asked about a crossing and what they said, written down so that others can be asked the same.
//!
//! A ruling's entry holds it; it has the counts and labels that policies saw, and nothing of a record. It is evidence,
//! not a ruling: nothing can be let through with it.

use std::{cell::OnceCell, collections::BTreeSet};

use mark::VerdictName;
use serde::{Deserialize, Serialize};

use crate::{
    boundary::{Boundary, Continuity, Environment, Mode},
    counts::{Case, Counts},
    decide::{Asking, Scope},
    policies::Policies,
    request::{Action, Caller, Request},
    ruling::{Decision, Finding, Outcome, Ruling},
};

/// What policies were asked about one crossing, and what they said of each case.
///
/// Shape:  JSON with sorted members: the `asked` member of a `ruling@1` entry.
/// Bounds: [`CASES_MAX`] cases and 4 KiB of purposes; past that `more` says that some are left out, and it cannot be
///         asked again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Asked {
    /// What policies could tell apart among the records.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cases: Vec<AskedCase>,
    /// What must not happen to care at the boundary.
    pub continuity: Continuity,
    /// Where the boundary is.
    pub jurisdiction: String,
    /// Whether cases were left out.
    #[serde(default, skip_serializing_if = "is_not")]
    pub more: bool,
    /// What is refused when one record is.
    pub scope: Scope,
    /// Whether the boundary vouches for the people in it.
    #[serde(default, skip_serializing_if = "is_not")]
    pub system_of_record: bool,
    /// What they said of everything together, where that was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub together: Option<Finding>,
    /// Whether it could not be sorted, and so was refused whatever policies say.
    #[serde(default, skip_serializing_if = "is_not")]
    pub unsorted: bool,
    /// How many changes of metadata would take away from what Eosin rests on.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub weakened: u64,
}

/// Records that policies could not tell apart, and what they said of one.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own that policies may ask for")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AskedCase {
    /// Calling themselves synthetic or a test.
    #[serde(default, skip_serializing_if = "is_not")]
    pub claimed: bool,
    /// What the policies said.
    pub finding: Finding,
    /// Changed since they were sealed.
    #[serde(default, skip_serializing_if = "is_not")]
    pub modified: bool,
    /// Of a dataset that may not be kept where the boundary is.
    #[serde(default, skip_serializing_if = "is_not")]
    pub out_of_jurisdiction: bool,
    /// What their dataset was made for.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub purposes: BTreeSet<String>,
    /// How many they are.
    pub records: u64,
    /// Suspected on independent grounds, or above the threshold.
    #[serde(default, skip_serializing_if = "is_not")]
    pub strongly_suspected: bool,
    /// Their verdict.
    pub verdict: String,
}

/// Most cases that are written down.
pub const CASES_MAX: usize = 24;
const PURPOSES_BYTES_MAX: usize = 4 << 10;

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
fn is_not(said: &bool) -> bool {
    !said
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Ruling {
    /// What the policies were asked, and what they said, for the ledger.
    pub fn asked(&self) -> Asked {
        let purposes: usize =
            self.cases.iter().flat_map(|(case, _)| case.purposes.iter().map(String::len)).sum();
        let more = self.cases.len() > CASES_MAX || purposes > PURPOSES_BYTES_MAX;
        let told = self.cases.iter().zip(&self.outcomes).filter(|_| !more);
        let said = self.request();
        Asked {
            cases: told.map(|((case, records), outcome)| case.told(*records, outcome.finding)).collect(),
            continuity: said.continuity,
            jurisdiction: said.jurisdiction.clone(),
            more,
            scope: self.scope,
            system_of_record: said.system_of_record,
            together: self.together.as_ref().map(|outcome| outcome.finding),
            unsorted: self.unsorted,
            weakened: self.counts.weakened,
        }
    }
}

impl Case {
    fn told(&self, records: u64, finding: Finding) -> AskedCase {
        AskedCase {
            claimed: self.claimed,
            finding,
            modified: self.modified,
            out_of_jurisdiction: self.out_of_jurisdiction,
            purposes: self.purposes.clone(),
            records,
            strongly_suspected: self.strongly_suspected,
            verdict: self.name.as_str().to_owned(),
        }
    }
}

impl AskedCase {
    fn case(&self) -> Option<Case> {
        Some(Case {
            name: VerdictName::ALL.into_iter().find(|name| name.as_str() == self.verdict)?,
            modified: self.modified,
            claimed: self.claimed,
            strongly_suspected: self.strongly_suspected,
            out_of_jurisdiction: self.out_of_jurisdiction,
            purposes: self.purposes.clone(),
        })
    }
}

/// A crossing as its ruling's entry tells it: who asked for what where, and what policies were asked.
///
/// Shape:  JSON; [`Recorded::put_to`] asks other policies the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// What for.
    pub action: Action,
    /// What policies were asked.
    pub asked: Asked,
    /// The boundary's name.
    pub boundary: String,
    /// The client's name.
    pub client: String,
    /// What is behind the boundary.
    pub environment: Environment,
    /// What a refusal does there.
    pub mode: Mode,
}

/// What other policies would have said of a recorded crossing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replayed {
    /// The same of every record, and of all together.
    Same,
    /// Something else.
    Changed(Change),
    /// Not everything that policies saw was written down, or, where its boundary is set otherwise, nobody knows where its
    /// datasets may be kept.
    Unknown,
}

/// What policies say of a crossing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The version that answers, with the emergency versions that narrow it.
    pub version: String,
    /// What is done.
    pub decision: Decision,
    /// The policies that decided.
    pub policies: BTreeSet<String>,
    /// Why, in a sentence.
    pub reason: String,
}

/// What policies let pass of a recorded crossing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Passing {
    /// What is done about the request, by its worst record.
    pub decision: Decision,
    /// How many records it carried.
    pub records: u64,
    /// How many of them pass.
    pub passing: u64,
}

/// How a crossing would have ended under other policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// What was decided.
    pub was: Decision,
    /// What would be.
    pub would: Decision,
    /// The worst that policies said, whatever the boundary's mode made of it.
    pub found: Finding,
    /// The worst that the others say.
    pub finds: Finding,
    /// How many of its records would be decided otherwise, or were found otherwise where nothing is enforced.
    pub records: u64,
}

impl Recorded {
    /// Asks other policies what was asked then.
    ///
    /// Shape:  policies -> whether anything would have been otherwise.
    /// Bounds: one question a case; answers are remembered as those of [`crate::decide()`] are.
    /// Never:  lets anything through: what it gives is for reading.
    pub fn put_to(&self, policies: &Policies) -> Replayed {
        let Some(is) = self.findings(policies) else { return Replayed::Unknown };
        let was = Findings {
            cases: self.asked.cases.iter().map(|case| case.finding).collect(),
            together: self.asked.together,
        };
        self.compare(&was, &is, self.mode)
    }

    /// What policies find of it; nothing if not everything that they saw was written down.
    pub(crate) fn findings(&self, policies: &Policies) -> Option<Findings> {
        let (outcomes, together) = self.ask_all(policies)?;
        let said = |outcome: &Outcome| {
            if self.asked.unsorted { outcome.finding.max(Finding::Forbid) } else { outcome.finding }
        };
        Some(Findings { cases: outcomes.iter().map(said).collect(), together: together.as_ref().map(said) })
    }

    /// What was found in the mode that it was in, beside what would be found in this one.
    pub(crate) fn compare(&self, was: &Findings, is: &Findings, mode: Mode) -> Replayed {
        let before = |finding: Finding| (finding, finding.under(self.mode));
        let after = |finding: Finding| (finding, finding.under(mode));
        let differs = |(was, is): (&Finding, &Finding)| before(*was) != after(*is);
        let together = was.together.iter().zip(&is.together);
        if !was.cases.iter().zip(&is.cases).chain(together).any(differs) {
            return Replayed::Same;
        }
        let ((found, was_done), (finds, would)) = (before(was.worst()), after(is.worst()));
        let changed = self.asked.cases.iter().zip(was.cases.iter().zip(&is.cases));
        let changed = changed.filter(|(_, pair)| match self.asked.scope {
            Scope::PerRecord => differs(*pair),
            Scope::Whole => (found, was_done) != (finds, would),
        });
        let records = changed.map(|(case, _)| case.records).sum();
        Replayed::Changed(Change { was: was_done, would, found, finds, records })
    }

    /// What policies say of it, whatever was said then; nothing if not everything that they saw was written down.
    pub fn answered_by(&self, policies: &Policies) -> Option<Answered> {
        let (outcomes, together) = self.ask_all(policies)?;
        let worst = outcomes.iter().chain(&together).max_by_key(|outcome| outcome.finding)?;
        let deciding = outcomes.iter().chain(&together).filter(|outcome| outcome.finding == worst.finding);
        let version = self.put_as(|request| policies.version_on(request)).to_string();
        Some(Answered {
            version,
            decision: worst.finding.under(self.mode),
            policies: deciding.flat_map(|outcome| outcome.policies.iter().map(ToString::to_string)).collect(),
            reason: worst.reason.to_string(),
        })
    }

    /// How many of its records policies let pass, whatever was decided then; nothing if not everything that they saw was
    /// written down.
    pub fn passing_under(&self, policies: &Policies) -> Option<Passing> {
        let is = self.findings(policies)?;
        let under = |finding: &Finding| finding.under(self.mode);
        let decision = is.cases.iter().chain(&is.together).map(under).max()?;
        let passes = |finding: &Finding| match self.asked.scope {
            Scope::PerRecord => under(finding) != Decision::Block,
            Scope::Whole => decision != Decision::Block,
        };
        let cases = || self.asked.cases.iter().zip(&is.cases);
        let passing = cases().filter(|(_, finding)| passes(finding)).map(|(case, _)| case.records).sum();
        Some(Passing { decision, records: cases().map(|(case, _)| case.records).sum(), passing })
    }

    fn ask_all(&self, policies: &Policies) -> Option<(Vec<Outcome>, Option<Outcome>)> {
        let cases: Option<Vec<Case>> = self.asked.cases.iter().map(AskedCase::case).collect();
        let cases = cases.filter(|_| !self.asked.more)?;
        Some(self.put_as(|request| self.ask_as(request, &cases, policies)))
    }

    /// The request that it was.
    fn put_as<T>(&self, put: impl FnOnce(&Request<'_>) -> T) -> T {
        let boundary = Boundary {
            name: self.boundary.clone(),
            environment: self.environment,
            jurisdiction: self.asked.jurisdiction.clone(),
            mode: self.mode,
            continuity: self.asked.continuity,
            system_of_record: self.asked.system_of_record,
        };
        let client = Caller::Client(&self.client);
        put(&Request { client, action: self.action, boundary: &boundary, route: "" })
    }

    fn ask_as(
        &self,
        request: &Request<'_>,
        cases: &[Case],
        policies: &Policies,
    ) -> (Vec<Outcome>, Option<Outcome>) {
        let asking = Asking { policies, request, entities: OnceCell::new() };
        let outcomes = cases.iter().map(|case| asking.ask(&case.counts(), &case.purposes)).collect();
        let together = self.asked.together.map(|_| {
            let mut counts = Counts { weakened: self.asked.weakened, ..Counts::default() };
            for (case, told) in cases.iter().zip(&self.asked.cases) {
                counts.add_times(case, told.records);
            }
            let purposes: BTreeSet<String> =
                cases.iter().flat_map(|case| case.purposes.iter().cloned()).collect();
            asking.ask(&counts, &purposes)
        });
        (outcomes, together)
    }
}

/// What policies find of the cases of a crossing, and of all of them together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Findings {
    cases: Vec<Finding>,
    together: Option<Finding>,
}

impl Findings {
    /// The worst of them; an error where nothing was asked.
    fn worst(&self) -> Finding {
        self.cases.iter().copied().chain(self.together).max().unwrap_or(Finding::Error)
    }
}
