//! What is written down of a ruling is enough to say what other policies would have ruled.

use std::cell::Cell;

use policy::{
    Action, Boundary, Continuity, Decision, Environment, Finding, Mode, Otherwise, Policies, Recorded,
    Replayed, Request, Ruling, Scope, decide_change, decide_unsorted,
};
use proptest::prelude::*;

use crate::sealed::{every_verdict, synthetic_kept_in};

/// Policies that differ in everything that they may look at.
fn sets() -> Vec<Policies> {
    let all = r#"@id("all") @reason("everything") permit (principal, action, resource);"#;
    let own = [
        String::new(),
        r#"@id("a") @reason("few at once") forbid (principal, action, resource) when { context.records > 2 };"#
            .to_owned(),
        r#"@id("a") @reason("unchanged") forbid (principal, action, resource) when { context.modified > 0 };"#
            .to_owned(),
        r#"@id("a") @reason("by purpose") forbid (principal, action, resource)
           when { context.purposes.contains("staging-testing") && context.synthetic > 0 };"#
            .to_owned(),
        r#"@id("a") @reason("by place") forbid (principal == Eosin::Client::"sync", action, resource)
           when { resource.jurisdiction == "US" && context.weakened == 0 && context.claimed == 0 };"#
            .to_owned(),
        r#"@id("a") @reason("in care") forbid (principal, action == Eosin::Action::"read", resource)
           unless { resource.continuity == Eosin::Continuity::"care" || resource.systemOfRecord };"#
            .to_owned(),
        r#"@id("a") @reason("kept elsewhere") forbid (principal, action, resource)
           when { context.outOfJurisdiction > 0 };"#
            .to_owned(),
        r#"@id("a") @reason("two kept elsewhere") forbid (principal, action, resource)
           when { context.outOfJurisdiction == 2 };"#
            .to_owned(),
        r#"@id("a") @reason("too many to count") forbid (principal, action, resource)
           when { context.forged * 9223372036854775807 > 1 && context.forged > 1 };"#
            .to_owned(),
    ];
    let own = own.iter().map(|more| Policies::parse("own", &format!("{all}\n{more}")).unwrap());
    own.chain([Policies::default_set().unwrap()]).collect()
}

fn recorded(ruling: &Ruling, client: &str, boundary: &Boundary, action: Action) -> Recorded {
    let written = serde_json::to_string(&ruling.asked()).unwrap();
    Recorded {
        action,
        asked: serde_json::from_str(&written).unwrap(),
        boundary: boundary.name.clone(),
        client: client.to_owned(),
        environment: boundary.environment,
        mode: boundary.mode,
    }
}

/// What a replay of `was` under the policies that made `is` has to say.
fn check(was: &Ruling, is: &Ruling, scope: Scope, replayed: &Replayed) {
    if was.asked() == is.asked() {
        assert_eq!(*replayed, Replayed::Same);
        assert_eq!(was.decisions(), is.decisions());
        return;
    }
    let Replayed::Changed(change) = replayed else { panic!("{:?} is {replayed:?}", was.asked()) };
    assert_eq!((change.was, change.would), (was.decision(), is.decision()));
    assert_eq!((change.found, change.finds), (was.worst_finding(), is.worst_finding()));
    if scope == Scope::PerRecord {
        let differs = |index: &usize| was.finding(*index) != is.finding(*index);
        let differing = (0..was.verdicts().len()).filter(differs).count();
        assert_eq!(change.records, differing as u64);
    }
}

#[test]
fn a_replay_says_what_the_other_policies_would_have_ruled() {
    let sets = sets();
    let mut verdicts = every_verdict();
    verdicts.extend([synthetic_kept_in(&["AT"]), synthetic_kept_in(&["US"])]);
    let pick = proptest::sample::select(verdicts);
    let strategy = (
        proptest::collection::vec(pick, 0..5),
        (0..sets.len(), 0..sets.len()),
        (0..Action::ALL.len(), 0..Environment::ALL.len(), 0..Mode::ALL.len()),
        (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>()),
        0..3_u64,
    );
    proptest!(ProptestConfig::with_cases(100), |((verdicts, (one, other), (action, environment, mode), flags, weakened) in strategy)| {
        let (whole, care, of_record, unsorted) = flags;
        let boundary = Boundary {
            name: "feed".to_owned(),
            environment: Environment::ALL[environment],
            jurisdiction: if care { "US" } else { "US-AL" }.to_owned(),
            mode: Mode::ALL[mode],
            continuity: if care { Continuity::Care } else { Continuity::Strict },
            system_of_record: of_record,
        };
        let (scope, action) = (if whole { Scope::Whole } else { Scope::PerRecord }, Action::ALL[action]);
        let request = Request { client: "sync".into(), action, boundary: &boundary, route: "x" };
        let rule = |policies: &Policies| {
            if unsorted {
                decide_unsorted(policies, &request, verdicts.clone(), "nobody knows whose it is")
            } else {
                decide_change(policies, &request, scope, verdicts.clone(), weakened)
            }
        };
        let (was, is) = (rule(&sets[one]), rule(&sets[other]));
        let replayed = recorded(&was, "sync", &boundary, action).put_to(&sets[other]);
        check(&was, &is, if unsorted { Scope::Whole } else { scope }, &replayed);
        prop_assert_eq!(recorded(&was, "sync", &boundary, action).put_to(&sets[one]), Replayed::Same);
    });
}

#[test]
fn a_boundary_that_is_set_otherwise_is_told_as_the_policies_then_rule() {
    let sets = sets();
    let (austria, states) = (synthetic_kept_in(&["AT"]), synthetic_kept_in(&["US"]));
    let mut verdicts = every_verdict();
    verdicts.push(austria.clone());
    let pick = proptest::sample::select(verdicts);
    let setting = || {
        (
            0..Mode::ALL.len(),
            0..Continuity::ALL.len(),
            proptest::sample::select(vec!["", "US", "US-AL", "AT"]),
        )
    };
    let strategy = (
        proptest::collection::vec(pick, 1..5),
        0..sets.len(),
        setting(),
        setting(),
        (any::<[bool; 3]>(), 0..Action::ALL.len()),
    );
    let counted = [const { Cell::new(0) }; 3];
    let count = |which: usize| counted[which].set(counted[which].get() + 1);
    proptest!(ProptestConfig::with_cases(500), |((verdicts, set, one, other, ([whole, unsorted, more], action)) in strategy)| {
        let at = |(mode, continuity, jurisdiction): (usize, usize, &str)| Boundary {
            name: "feed".to_owned(),
            environment: Environment::Sandbox,
            jurisdiction: jurisdiction.to_owned(),
            mode: Mode::ALL[mode],
            continuity: Continuity::ALL[continuity],
            system_of_record: false,
        };
        let (here, there) = (at(one), at(other));
        let (scope, policies) = (if whole { Scope::Whole } else { Scope::PerRecord }, &sets[set]);
        let rule = |boundary: &Boundary| {
            let request = Request { client: "sync".into(), action: Action::ALL[action], boundary, route: "x" };
            if unsorted {
                decide_unsorted(policies, &request, verdicts.clone(), "nobody knows whose it is")
            } else {
                decide_change(policies, &request, scope, verdicts.clone(), 0)
            }
        };
        let (was, is) = (rule(&here), rule(&there));
        // Datasets that are known now; with another of the same purposes that may be kept elsewhere it is not always told.
        let others = more.then_some(&states);
        let known = verdicts.iter().chain(others).filter_map(|verdict| Some(verdict.proof()?.dataset().manifest()));
        let otherwise = Otherwise::new(there.mode, there.continuity, &there.jurisdiction, known);
        let recorded = recorded(&was, "sync", &here, Action::ALL[action]);
        match recorded.as_if(&otherwise, policies) {
            Replayed::Unknown => {
                prop_assert_ne!(&here.jurisdiction, &there.jurisdiction);
                count(2);
            }
            Replayed::Same => {
                prop_assert_eq!(was.decisions(), is.decisions());
                prop_assert_eq!(was.worst_finding(), is.worst_finding());
                count(0);
            }
            Replayed::Changed(change) => {
                prop_assert_eq!((change.was, change.would), (was.decision(), is.decision()));
                prop_assert_eq!((change.found, change.finds), (was.worst_finding(), is.worst_finding()));
                count(1);
            }
        }
    });
    let [same, changed, unknown] = counted.map(|count| count.get());
    assert!(
        same > 30 && changed > 30 && unknown > 3,
        "{same} the same, {changed} changed, {unknown} unknown"
    );
}

#[test]
fn policies_that_count_are_not_guessed_at_where_datasets_may_be_kept_in_different_places() {
    let (austria, anywhere) = (synthetic_kept_in(&["AT"]), synthetic_kept_in(&[]));
    let text = r#"@id("all") @reason("everything") permit (principal, action, resource);
                  @id("two") @reason("two") forbid (principal, action, resource) when { context.outOfJurisdiction == 2 };"#;
    let policies = Policies::parse("counting", text).unwrap();
    let boundary = Boundary {
        name: "feed".to_owned(),
        environment: Environment::Sandbox,
        jurisdiction: "AT".to_owned(),
        mode: Mode::Enforce,
        continuity: Continuity::Strict,
        system_of_record: false,
    };
    let request = Request { client: "sync".into(), action: Action::Deliver, boundary: &boundary, route: "x" };
    // In the United States two of three would be out of their jurisdiction: of one or of three nothing would be said.
    let verdicts = vec![austria.clone(), austria, anywhere];
    let known = verdicts.iter().filter_map(|verdict| Some(verdict.proof()?.dataset().manifest()));
    let otherwise = Otherwise::new(boundary.mode, boundary.continuity, "US", known);
    let ruling = decide_change(&policies, &request, Scope::Whole, verdicts.clone(), 0);
    assert_eq!(ruling.decision(), Decision::Pass);
    let recorded = recorded(&ruling, "sync", &boundary, Action::Deliver);
    assert_eq!(recorded.as_if(&otherwise, &policies), Replayed::Unknown);
}

#[test]
fn what_was_not_written_down_whole_is_not_guessed() {
    let boundary = Boundary {
        name: "feed".to_owned(),
        environment: Environment::Production,
        jurisdiction: String::new(),
        mode: Mode::Enforce,
        continuity: Continuity::Strict,
        system_of_record: false,
    };
    let request = Request { client: "sync".into(), action: Action::Deliver, boundary: &boundary, route: "x" };
    let default = Policies::default_set().unwrap();
    let ruling = decide_change(&default, &request, Scope::Whole, every_verdict(), 0);
    let mut recorded = recorded(&ruling, "sync", &boundary, Action::Deliver);
    recorded.asked.more = true;
    assert_eq!(recorded.put_to(&default), Replayed::Unknown);
    recorded.asked.more = false;
    recorded.asked.cases[0].verdict = "of a later version".to_owned();
    assert_eq!(recorded.put_to(&default), Replayed::Unknown);
    assert_eq!((ruling.decision(), ruling.worst_finding()), (Decision::Block, Finding::Forbid));
}
