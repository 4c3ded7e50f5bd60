//! The red line: that policies let no record that is proven synthetic into production. Proved by asking about every
//! request that they can tell apart.
//!
//! It is enough to ask about one record at a time: each record is asked about on its own, whatever it comes with, and
//! being asked about together can only make it worse. Of one synthetic record there are few kinds. What is without end
//! is names: of clients, boundaries, places and purposes. But policies can only compare those with the names that stand
//! in their text, so one of each kind of name is enough (`names.rs`).

use std::collections::BTreeSet;

use cedar_policy::{Effect, Entities, PolicySet};
use mark::VerdictName;

use super::Policies;
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

/// Most questions of one analysis: some seconds.
const QUESTIONS_MAX: u64 = 500_000;
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
    /// Bounds: half a million questions; past it nothing is proven.
    pub fn red_line(&self) -> RedLine {
        // What cannot be looked into cannot be proven anything of.
        if self.set.policies().any(|policy| policy.to_json().is_err()) {
            return RedLine::TooMany;
        }
        let mut analysis =
            Analysis { asked: 0, levels: self.levels(), mentioned: self.mentioned(), policies: self };
        match analysis.run() {
            Ok(None) => RedLine::Proven { asked: analysis.asked },
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
    fn levels(&self) -> [PolicySet; 4] {
        let on = |known: Dependence| {
            let forbids = self.set.policies().filter(|policy| {
                policy.effect() == Effect::Forbid
                    && policy.to_json().is_ok_and(|json| Dependence::of(&json).is_within(known))
            });
            PolicySet::from_policies(forbids.cloned()).unwrap_or_default()
        };
        let nothing = Dependence::default();
        let boundary = Dependence { boundary: true, ..nothing };
        let client = Dependence { client: true, ..boundary };
        [on(nothing), on(boundary), on(client), on(Dependence { jurisdiction: true, ..client })]
    }
}

struct TooMany;

struct Analysis<'a> {
    asked: u64,
    levels: [PolicySet; 4],
    mentioned: Mentioned,
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
            for jurisdiction in self.mentioned.jurisdictions().ok_or(TooMany)? {
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
            if let Said::Permitted(policies) = self.ask(&self.policies.set, &asked, entities.as_ref())? {
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
        let Some(forbids) = self.levels.get(level).filter(|forbids| !forbids.is_empty()).cloned() else {
            return Ok(false);
        };
        self.count()?;
        let Some((question, entities)) = self.question(asked) else { return Ok(false) };
        let said = self.policies.ask_of(&forbids, &question, &entities);
        Ok(said.diagnostics().reason().next().is_some() || said.diagnostics().errors().next().is_some())
    }

    fn ask(&mut self, set: &PolicySet, asked: &Asked, entities: Option<&Entities>) -> Result<Said, TooMany> {
        self.count()?;
        let question = self.policies.vocabulary.request(
            asked.caller(),
            asked.action,
            &asked.boundary,
            &asked.case.counts(),
            &asked.case.purposes,
        );
        let (Ok(question), Some(entities)) = (question, entities) else { return Ok(Said::Refused) };
        let said = self.policies.ask_of(set, &question, entities);
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

    fn count(&mut self) -> Result<(), TooMany> {
        self.asked += 1;
        if self.asked > QUESTIONS_MAX { Err(TooMany) } else { Ok(()) }
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
