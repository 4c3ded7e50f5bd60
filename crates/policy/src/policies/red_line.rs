//! The red line: that policies let no record that is proven synthetic into production. Proved by asking about every
//! request that they can tell apart.
//!
//! It is enough to ask about one record at a time: each record is asked about on its own, whatever it comes with, and
//! being asked about together can only make it worse. Of one synthetic record there are few kinds. What is without end
//! is names: of clients, boundaries, places and purposes. But policies can only compare those with the names that stand
//! in their text, so one of each kind of name is enough (`names.rs`).

use std::collections::BTreeSet;

use cedar_policy::{Effect, Entities, Policy, PolicySet};
use mark::VerdictName;

use super::{Policies, on_ample_stack};
use crate::{
    boundary::{Boundary, Continuity, Environment, Mode},
    counts::Case,
    request::{Action, Caller},
};

mod care;
mod names;

pub use care::{Care, Stopped};
use names::{Dependence, Mentioned};

/// What an analysis of the red line found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RedLine {
    /// No request lets a synthetic record into production.
    Proven {
        /// How many requests were asked about.
        asked: u64,
    },
    /// This one does.
    Crossed(Box<Crossed>),
    /// The policies tell apart more than can be asked about, so nothing is proven.
    TooMany,
}

/// A request that lets a synthetic record into production.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crossed {
    /// Who asks: the name of a client, or of a part of Eosin.
    pub caller: String,
    /// Whether it is a part of Eosin.
    pub is_system: bool,
    /// What for.
    pub action: Action,
    /// Where.
    pub boundary: Boundary,
    /// Whether the record was changed since it was sealed.
    pub modified: bool,
    /// Whether its dataset may not be kept there.
    pub out_of_jurisdiction: bool,
    /// What its dataset was made for.
    pub purposes: BTreeSet<String>,
    /// The policies that permit it.
    pub policies: Vec<String>,
}

/// Most questions of one analysis, and what they may cost together: some seconds.
const QUESTIONS_MAX: u64 = 500_000;
const COST_MAX: u64 = 200_000_000;
/// What a question costs beside the policies that are asked: it is made, and they are gone through.
const QUESTION_COST: u64 = 200;
/// Most names of purposes that are combined with each other.
const PURPOSES_MAX: usize = 16;

/// The ways into production.
const CROSSING: [Action; 4] = [Action::Create, Action::Update, Action::Export, Action::Deliver];

impl Policies {
    /// Proves that no request lets a record that is proven synthetic into production, or gives one that does.
    ///
    /// It speaks of what policies say. A boundary that only observes or warns lets pass what they refuse, and a record
    /// that nobody has proven synthetic is not what this is about.
    ///
    /// Shape:  nothing -> proven, or a counterexample.
    /// Bounds: half a million questions, and fewer to many or long policies (what it costs is counted); past it nothing is proven.
    pub fn red_line(&self) -> RedLine {
        self.red_line_within(COST_MAX)
    }

    fn red_line_within(&self, cost_max: u64) -> RedLine {
        on_ample_stack(|| self.looked_into(cost_max))
    }

    fn looked_into(&self, cost_max: u64) -> RedLine {
        // What cannot be looked into cannot be proven anything of.
        if self.set.policies().any(|policy| policy.to_json().is_err()) {
            return RedLine::TooMany;
        }
        let mut analysis = Analysis {
            spent: Spent::within(cost_max),
            levels: self.levels(),
            cost: cost_of(self.set.policies()),
            mentioned: self.mentioned(),
            jurisdictions: None,
            policies: self,
        };
        match analysis.run() {
            Ok(None) => RedLine::Proven { asked: analysis.spent.asked },
            Ok(Some(crossed)) => RedLine::Crossed(Box::new(crossed)),
            Err(TooMany) => RedLine::TooMany,
        }
    }

    fn mentioned(&self) -> Mentioned {
        self.set.policies().filter_map(|policy| policy.to_json().ok()).fold(
            Mentioned::default(),
            |mut all, json| {
                all.add(&json);
                all
            },
        )
    }

    /// The forbids that need no more than so many names to be known: what they refuse needs no further asking.
    fn levels(&self) -> [(PolicySet, u64); 4] {
        let on = |known: Dependence| {
            let forbids = self.set.policies().filter(|policy| {
                policy.effect() == Effect::Forbid
                    && policy.to_json().is_ok_and(|json| Dependence::of(&json).is_within(known))
            });
            let forbids = PolicySet::from_policies(forbids.cloned()).unwrap_or_default();
            let cost = cost_of(forbids.policies());
            (forbids, cost)
        };
        let nothing = Dependence::default();
        let boundary = Dependence { boundary: true, ..nothing };
        let client = Dependence { client: true, ..boundary };
        [on(nothing), on(boundary), on(client), on(Dependence { jurisdiction: true, ..client })]
    }
}

struct TooMany;

/// What an analysis has asked so far, and may still cost.
#[derive(Debug)]
struct Spent {
    asked: u64,
    rest: u64,
}

impl Spent {
    fn within(cost_max: u64) -> Self {
        Self { asked: 0, rest: cost_max }
    }

    /// One more question, to policies that cost so much.
    fn ask(&mut self, cost: u64) -> Result<(), TooMany> {
        self.asked += 1;
        self.rest = self.rest.checked_sub(QUESTION_COST.saturating_add(cost)).ok_or(TooMany)?;
        if self.asked > QUESTIONS_MAX { Err(TooMany) } else { Ok(()) }
    }
}

/// What it costs to ask these policies: the parts that they have, as Cedar's JSON has them.
fn cost_of<'a>(policies: impl Iterator<Item = &'a Policy>) -> u64 {
    policies.filter_map(|policy| policy.to_json().ok()).map(|json| parts(&json)).sum()
}

fn parts(json: &serde_json::Value) -> u64 {
    use serde_json::Value;
    match json {
        Value::Array(values) => 1 + values.iter().map(parts).sum::<u64>(),
        Value::Object(members) => 1 + members.values().map(parts).sum::<u64>(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 1,
    }
}

struct Analysis<'a> {
    spent: Spent,
    levels: [(PolicySet, u64); 4],
    // Of all policies together.
    cost: u64,
    mentioned: Mentioned,
    // Told apart once, if anybody has to ask by them.
    jurisdictions: Option<Vec<String>>,
    policies: &'a Policies,
}

/// One request, as far as it is known.
#[derive(Clone, Debug)]
struct Asked {
    caller: String,
    is_system: bool,
    action: Action,
    boundary: Boundary,
    case: Case,
}

impl Asked {
    fn caller(&self) -> Caller<'_> {
        if self.is_system { Caller::System(&self.caller) } else { Caller::Client(&self.caller) }
    }
}

enum Said {
    Refused,
    Permitted(Vec<String>),
}

impl Analysis<'_> {
    fn run(&mut self) -> Result<Option<Crossed>, TooMany> {
        for asked in self.kinds() {
            if self.is_refused(0, &asked)? {
                continue;
            }
            for name in self.mentioned.boundaries() {
                let mut asked = asked.clone();
                asked.boundary.name = name;
                if !self.is_refused(1, &asked)?
                    && let Some(crossed) = self.with_client(&asked)?
                {
                    return Ok(Some(crossed));
                }
            }
        }
        Ok(None)
    }

    fn with_client(&mut self, asked: &Asked) -> Result<Option<Crossed>, TooMany> {
        for caller in self.mentioned.callers(asked.is_system) {
            let asked = Asked { caller, ..asked.clone() };
            if self.is_refused(2, &asked)? {
                continue;
            }
            for jurisdiction in self.jurisdictions()? {
                let mut asked = asked.clone();
                asked.boundary.jurisdiction = jurisdiction;
                if !self.is_refused(3, &asked)?
                    && let Some(crossed) = self.with_purposes(&asked)?
                {
                    return Ok(Some(crossed));
                }
            }
        }
        Ok(None)
    }

    fn jurisdictions(&mut self) -> Result<Vec<String>, TooMany> {
        let known = match self.jurisdictions.take() {
            Some(known) => known,
            None => self.mentioned.jurisdictions().ok_or(TooMany)?,
        };
        Ok(self.jurisdictions.insert(known).clone())
    }

    fn with_purposes(&mut self, asked: &Asked) -> Result<Option<Crossed>, TooMany> {
        let names = self.mentioned.purposes(&asked.boundary.jurisdiction);
        if names.len() > PURPOSES_MAX {
            return Err(TooMany);
        }
        let entities = self.policies.vocabulary.entities(&asked.boundary).ok();
        for bits in 0..1_u32 << names.len() {
            let has = |place: &usize| bits & (1 << place) != 0;
            let of = names.iter().enumerate().filter(|(place, _)| has(place)).map(|(_, name)| name.clone());
            let case = Case { purposes: of.collect(), ..asked.case.clone() };
            let asked = Asked { case, ..asked.clone() };
            if let Said::Permitted(policies) = self.ask(&asked, entities.as_ref())? {
                return Ok(Some(Crossed {
                    caller: asked.caller,
                    is_system: asked.is_system,
                    action: asked.action,
                    boundary: asked.boundary,
                    modified: asked.case.modified,
                    out_of_jurisdiction: asked.case.out_of_jurisdiction,
                    purposes: asked.case.purposes,
                    policies,
                }));
            }
        }
        Ok(None)
    }

    /// Whether a forbid that needs no more than what is known refuses it, whatever the rest is.
    fn is_refused(&mut self, level: usize, asked: &Asked) -> Result<bool, TooMany> {
        let Some((forbids, cost)) = self.levels.get(level).filter(|(forbids, _)| !forbids.is_empty()) else {
            return Ok(false);
        };
        self.spent.ask(*cost)?;
        let Some((question, entities)) = self.question(asked) else { return Ok(false) };
        let said = self.policies.ask_of(forbids, &question, &entities);
        Ok(said.diagnostics().reason().next().is_some() || said.diagnostics().errors().next().is_some())
    }

    fn ask(&mut self, asked: &Asked, entities: Option<&Entities>) -> Result<Said, TooMany> {
        self.spent.ask(self.cost)?;
        let question = self.policies.vocabulary.request(
            asked.caller(),
            asked.action,
            &asked.boundary,
            &asked.case.counts(),
            &asked.case.purposes,
        );
        let (Ok(question), Some(entities)) = (question, entities) else { return Ok(Said::Refused) };
        let said = self.policies.ask(&question, entities);
        let is_sound = said.diagnostics().errors().next().is_none();
        Ok(if is_sound && said.decision() == cedar_policy::Decision::Allow {
            let told = self.policies.in_order(said.diagnostics().reason());
            Said::Permitted(told.map(|told| told.id.to_string()).collect())
        } else {
            Said::Refused
        })
    }

    fn question(&self, asked: &Asked) -> Option<(cedar_policy::Request, Entities)> {
        let vocabulary = &self.policies.vocabulary;
        let counts = asked.case.counts();
        let purposes = &asked.case.purposes;
        let question =
            vocabulary.request(asked.caller(), asked.action, &asked.boundary, &counts, purposes).ok()?;
        Some((question, vocabulary.entities(&asked.boundary).ok()?))
    }

    /// Every request, names aside: what policies do not mention has one value.
    fn kinds(&self) -> Vec<Asked> {
        let one_or_all = |word: &str, all: usize| if self.mentioned.has(word) { all } else { 1 };
        let mut kinds = Vec::new();
        for action in CROSSING {
            for bits in 0..8_u8 {
                for continuity in Continuity::ALL.iter().take(one_or_all("continuity", 2)) {
                    for mode in Mode::ALL.iter().rev().take(one_or_all("mode", 3)) {
                        for system_of_record in
                            [false, true].into_iter().take(one_or_all("systemOfRecord", 2))
                        {
                            let boundary = Boundary {
                                name: self.mentioned.any_boundary(),
                                environment: Environment::Production,
                                jurisdiction: String::new(),
                                mode: *mode,
                                continuity: *continuity,
                                system_of_record,
                            };
                            kinds.push(kind(action, bits, boundary, &self.mentioned));
                        }
                    }
                }
            }
        }
        kinds
    }
}

fn kind(action: Action, bits: u8, boundary: Boundary, mentioned: &Mentioned) -> Asked {
    let is_system = bits & 4 != 0;
    let case = Case {
        name: VerdictName::Synthetic,
        modified: bits & 1 != 0,
        claimed: false,
        strongly_suspected: false,
        out_of_jurisdiction: bits & 2 != 0,
        purposes: BTreeSet::new(),
    };
    Asked { caller: mentioned.any_caller(is_system), is_system, action, boundary, case }
}

#[cfg(test)]
mod tests;
