//! Care goes on: that an emergency version refuses nothing of attested people that the version before permits. Proved, as
//! the red line is, by asking about every request that both can tell apart.
//!
//! Policies see no object: what holds for every attested record holds for appointments, slots and schedules. A booking is
//! read, created or changed, alone or with others in one transaction; so it is asked about in several numbers, and once
//! without any record, as a search for free slots is.

use std::collections::BTreeSet;

use cedar_policy::Entities;

use super::{COST_MAX, Mentioned, PURPOSES_MAX, Spent, TooMany, cost_of};
use crate::{
    boundary::{Boundary, Continuity, Environment, Mode},
    counts::Counts,
    policies::{Policies, on_ample_stack},
    request::{Action, Caller},
};

/// What an analysis of care found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Care {
    /// Whatever the version before permits of attested people, the emergency version permits.
    Proven {
        /// How many requests were asked about.
        asked: u64,
    },
    /// It refuses this.
    Stopped(Box<Stopped>),
    /// The policies tell apart more than can be asked about, or calculate, so nothing is proven.
    TooMany,
}

/// A request of attested records that the version before permits and an emergency version refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// Who asks: the name of a client, or of a part of Eosin.
    pub caller: String,
    /// Whether it is a part of Eosin.
    pub is_system: bool,
    /// What for.
    pub action: Action,
    /// Where.
    pub boundary: Boundary,
    /// How many records, all of them attested; none where a request carries none.
    pub records: u64,
    /// How many of them were changed since they were sealed.
    pub modified: u64,
    /// How many may not be kept there.
    pub out_of_jurisdiction: u64,
    /// What their dataset was made for.
    pub purposes: BTreeSet<String>,
    /// The policies of the emergency version that refuse it; none where it permits nothing of the kind.
    pub policies: Vec<String>,
}

/// What is done with bookings.
const CARING: [Action; 3] = [Action::Read, Action::Create, Action::Update];
/// Most numbers that policies compare with.
const NUMBERS_MAX: usize = 24;

impl Policies {
    /// Proves that these policies, as an emergency version, refuse nothing of attested people that `before` permits: read,
    /// created or changed.
    ///
    /// Shape:  the version before -> proven, or a counterexample.
    /// Bounds: half a million questions, and fewer to many or long policies, as for the red line; past it nothing is proven.
    pub fn keeps_care_of(&self, before: &Self) -> Care {
        on_ample_stack(|| self.keeps_care_here(before))
    }

    fn keeps_care_here(&self, before: &Self) -> Care {
        let texts = || self.set.policies().chain(before.set.policies()).map(cedar_policy::Policy::to_json);
        let mut mentioned = Mentioned::default();
        for text in texts() {
            let Ok(json) = text else { return Care::TooMany };
            mentioned.add(&json);
        }
        // A number that is calculated is compared with others than stand in the text.
        if ["+", "-", "*", "neg"].iter().any(|word| mentioned.has(word)) {
            return Care::TooMany;
        }
        let cost = |policies: &Self| cost_of(policies.set.policies());
        let costs = (cost(self), cost(before));
        let mut analysis =
            Analysis { spent: Spent::within(COST_MAX), costs, mentioned, before, emergency: self };
        match analysis.run() {
            Ok(None) => Care::Proven { asked: analysis.spent.asked },
            Ok(Some(stopped)) => Care::Stopped(Box::new(stopped)),
            Err(TooMany) => Care::TooMany,
        }
    }
}

struct Analysis<'a> {
    spent: Spent,
    // Of the emergency version, and of the one before.
    costs: (u64, u64),
    mentioned: Mentioned,
    before: &'a Policies,
    emergency: &'a Policies,
}

impl Analysis<'_> {
    fn run(&mut self) -> Result<Option<Stopped>, TooMany> {
        let amounts = self.amounts()?;
        let jurisdictions = self.mentioned.jurisdictions().ok_or(TooMany)?;
        for kind in self.boundaries() {
            for name in self.mentioned.boundaries() {
                for jurisdiction in &jurisdictions {
                    let jurisdiction = jurisdiction.clone();
                    let boundary = Boundary { name: name.clone(), jurisdiction, ..kind.clone() };
                    if let Some(stopped) = self.at(&boundary, &amounts)? {
                        return Ok(Some(stopped));
                    }
                }
            }
        }
        Ok(None)
    }

    fn at(&mut self, boundary: &Boundary, amounts: &[Counts]) -> Result<Option<Stopped>, TooMany> {
        let entities = self.emergency.vocabulary.entities(boundary).map_err(|_| TooMany)?;
        let names = self.mentioned.purposes(&boundary.jurisdiction);
        if names.len() > PURPOSES_MAX {
            return Err(TooMany);
        }
        for is_system in [false, true] {
            for caller in self.mentioned.callers(is_system) {
                for bits in 0..1_u32 << names.len() {
                    let chosen = names.iter().enumerate().filter(|(place, _)| bits & (1 << place) != 0);
                    let purposes: BTreeSet<String> = chosen.map(|(_, name)| name.clone()).collect();
                    for action in CARING {
                        for counts in amounts {
                            let asked = Question { caller: &caller, is_system, action, boundary, counts };
                            if let Some(stopped) = self.put(&asked, &purposes, &entities)? {
                                return Ok(Some(stopped));
                            }
                        }
                    }
                }
            }
        }
        Ok(None)
    }

    /// Asks the emergency version, and where it refuses the version before as well.
    fn put(
        &mut self,
        asked: &Question<'_>,
        purposes: &BTreeSet<String>,
        entities: &Entities,
    ) -> Result<Option<Stopped>, TooMany> {
        let Question { caller, is_system, action, boundary, counts } = *asked;
        let who = if is_system { Caller::System(caller) } else { Caller::Client(caller) };
        let question = self.emergency.vocabulary.request(who, action, boundary, counts, purposes);
        let question = question.map_err(|_| TooMany)?;
        let mut ask =
            |policies: &Policies, cost: u64| self.spent.ask(cost).map(|()| policies.ask(&question, entities));
        let permits = |said: &cedar_policy::Response| {
            said.decision() == cedar_policy::Decision::Allow && said.diagnostics().errors().next().is_none()
        };
        let said = ask(self.emergency, self.costs.0)?;
        if permits(&said) || !permits(&ask(self.before, self.costs.1)?) {
            return Ok(None);
        }
        let told = self.emergency.in_order(said.diagnostics().reason());
        Ok(Some(Stopped {
            caller: caller.to_owned(),
            is_system,
            action,
            boundary: boundary.clone(),
            records: counts.records,
            modified: counts.modified,
            out_of_jurisdiction: counts.out_of_jurisdiction,
            purposes: purposes.clone(),
            policies: told.map(|told| told.id.to_string()).collect(),
        }))
    }

    /// Every boundary, names aside: what policies do not mention has one value.
    fn boundaries(&self) -> Vec<Boundary> {
        let one_or_all = |word: &str, all: usize| if self.mentioned.has(word) { all } else { 1 };
        let mut boundaries = Vec::new();
        for environment in Environment::ALL.iter().take(one_or_all("environment", 4)) {
            for continuity in Continuity::ALL.iter().take(one_or_all("continuity", 2)) {
                for mode in Mode::ALL.iter().rev().take(one_or_all("mode", 3)) {
                    for system_of_record in [false, true].into_iter().take(one_or_all("systemOfRecord", 2)) {
                        boundaries.push(Boundary {
                            name: String::new(),
                            environment: *environment,
                            jurisdiction: String::new(),
                            mode: *mode,
                            continuity: *continuity,
                            system_of_record,
                        });
                    }
                }
            }
        }
        boundaries
    }

    /// Requests of attested records only, in every number that policies can tell apart; and one without records.
    fn amounts(&self) -> Result<Vec<Counts>, TooMany> {
        let mut numbers = BTreeSet::from([0, 1, 2]);
        for number in self.mentioned.numbers() {
            numbers.extend([number.saturating_sub(1), number, number.saturating_add(1)]);
        }
        if numbers.len() > NUMBERS_MAX {
            return Err(TooMany);
        }
        let mut amounts = BTreeSet::new();
        for &records in &numbers {
            for modified in numbers.iter().copied().filter(|modified| *modified <= records) {
                for out_of_jurisdiction in numbers.iter().copied().filter(|out| *out <= records) {
                    amounts.insert(Counts {
                        records,
                        attested: records,
                        modified,
                        out_of_jurisdiction,
                        ..Counts::default()
                    });
                }
            }
        }
        Ok(amounts.into_iter().collect())
    }
}

#[derive(Clone, Copy)]
struct Question<'a> {
    caller: &'a str,
    is_system: bool,
    action: Action,
    boundary: &'a Boundary,
    counts: &'a Counts,
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERMIT: &str = r#"@id("all") @reason("yes") permit (principal, action, resource);"#;

    fn care(text: &str) -> Care {
        let emergency = Policies::parse("stop", &format!("{PERMIT}{text}")).unwrap();
        emergency.keeps_care_of(&Policies::default_set().unwrap())
    }

    #[test]
    fn what_stops_synthetic_keeps_care_and_is_proven_to() {
        let Care::Proven { asked } = care(
            r#"@id("stop") @reason("no") forbid (principal, action in Eosin::Action::"cross", resource)
               when { context.synthetic > 0 || context.mixed > 0 || context.unproven > 0 };"#,
        ) else {
            panic!("not proven")
        };
        assert!(asked <= 5_000, "{asked}");
    }

    #[test]
    fn every_way_to_stop_a_booking_is_found() {
        for (when, action) in [
            ("true", Action::Read),
            ("context.attested > 0 && action == Eosin::Action::\"update\"", Action::Update),
            ("context.modified > 0 && action == Eosin::Action::\"create\"", Action::Create),
            ("context.records > 41 && action == Eosin::Action::\"create\"", Action::Create),
            ("context.records == 0", Action::Read),
            ("principal == Eosin::Client::\"portal\"", Action::Read),
            ("context.modified == 1 && context.records == 7", Action::Read),
            (
                "resource.jurisdiction like \"US*\" && resource.continuity == Eosin::Continuity::\"care\"",
                Action::Read,
            ),
            ("context.purposes.contains(\"billing\") && resource == Eosin::Boundary::\"ehr\"", Action::Read),
        ] {
            let text = format!(
                "@id(\"stop\") @reason(\"no\") forbid (principal, action, resource) when {{ {when} }};"
            );
            let Care::Stopped(stopped) = care(&text) else { panic!("{when}") };
            assert_eq!(
                (stopped.action, stopped.policies.as_slice()),
                (action, &["stop".to_owned()][..]),
                "{when}"
            );
        }
    }

    #[test]
    fn what_the_version_before_refuses_need_not_be_permitted() {
        let text = r#"@id("stop") @reason("no") forbid (principal, action, resource)
            when { resource.environment == Eosin::Environment::"test" && context.attested > 0 };"#;
        assert!(matches!(care(text), Care::Proven { .. }));
        let text = r#"@id("only-unproven") @reason("yes") permit (principal, action, resource) when { context.unproven > 0 };"#;
        let emergency = Policies::parse("stop", text).unwrap();
        let Care::Stopped(stopped) = emergency.keeps_care_of(&Policies::default_set().unwrap()) else {
            panic!()
        };
        assert!(stopped.policies.is_empty(), "nobody permits it");
    }

    #[test]
    fn what_is_calculated_is_not_proven() {
        let text = r#"@id("stop") @reason("no") forbid (principal, action, resource)
            when { context.records * 2 > 83 };"#;
        assert_eq!(care(text), Care::TooMany);
    }
}
