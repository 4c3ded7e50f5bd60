//! Stories with genuine marks: sealed, logged, judged, and then decided.
#![expect(
    clippy::unwrap_used,
    clippy::needless_raw_string_hashes,
    clippy::panic,
    reason = "a test stops at the first surprise; expect-test writes the hashes"
)]

mod replaying;
mod sealed;

use expect_test::expect;
use mark::Verdict;
use policy::{
    Action, Boundary, Caller, Continuity, Decision, Environment, Finding, Mode, Policies, Request, Ruling,
    Scope, decide,
};
use proptest::prelude::*;
use sealed::{CANARY, every_verdict};

fn boundary(environment: Environment, jurisdiction: &str) -> Boundary {
    Boundary {
        name: "feed".to_owned(),
        environment,
        jurisdiction: jurisdiction.to_owned(),
        mode: Mode::Enforce,
        continuity: Continuity::Strict,
        system_of_record: false,
    }
}

fn rule(
    policies: &Policies,
    action: Action,
    boundary: &Boundary,
    scope: Scope,
    verdicts: Vec<Verdict>,
) -> Ruling {
    let request = Request { client: Caller::Client("nightly-sync"), action, boundary, route: "Contact" };
    decide(policies, &request, scope, verdicts)
}

#[test]
fn each_record_meets_the_boundary_as_the_tables_say() {
    let policies = Policies::default_set().unwrap();
    let told = |environment| {
        let boundary = boundary(environment, "US-AL");
        let ruling = rule(&policies, Action::Create, &boundary, Scope::PerRecord, every_verdict());
        let rows = (0..ruling.verdicts().len())
            .map(|row| format!("{:<5} {}\n", ruling.decisions()[row].as_str(), ruling.reason(row).unwrap()));
        rows.collect::<Vec<_>>().concat()
    };
    expect![[r#"
        block synthetic, intact; refused: synthetic records stay out of production (policy `no-synthetic-in-production`)
        block synthetic, modified since it was sealed; refused: synthetic records stay out of production (policy `no-synthetic-in-production`)
        pass  attested, intact; passes: a system of record vouches for the person (policy `attested-in-production-and-staging`)
        pass  attested, modified since it was sealed; passes: a system of record vouches for the person (policy `attested-in-production-and-staging`)
        block mixed, intact; refused: records derived from both synthetic and attested ones stay out of production (policy `no-mixed-in-production`)
        block unproven: it carries no mark; refused: no policy permits this here (create in production)
        block unproven: it says it is synthetic and carries no mark; refused: a record that calls itself a test stays out of production (policy `no-declared-test-in-production`)
        block transplanted: the mark was made for another record; refused: a mark that was made for another record goes nowhere until a person has looked at it (policy `no-moved-mark`)
        block forged: the receipt does not lead to the logged batch; refused: a damaged or invented mark goes nowhere until a person has looked at it (policy `no-false-mark`)
        block untrusted: its dataset `bgbxexa4wmig5ijpracpha5u2m` is not known here; give its manifest; refused: no policy permits this here (create in production)
        block unreadable: is longer than 9 bytes; refused: what cannot be read cannot be judged (policy `no-unreadable`)
    "#]].assert_eq(&told(Environment::Production));
    expect![[r#"
        pass  synthetic, intact; passes: synthetic records belong outside production (policy `synthetic-outside-production`)
        pass  synthetic, modified since it was sealed; passes: synthetic records belong outside production (policy `synthetic-outside-production`)
        block attested, intact; refused: no policy permits this here (create in sandbox)
        block attested, modified since it was sealed; refused: no policy permits this here (create in sandbox)
        block mixed, intact; refused: no policy permits this here (create in sandbox)
        pass  unproven: it carries no mark; passes: outside production a record needs no mark (policy `unproven-outside-production`)
        pass  unproven: it says it is synthetic and carries no mark; passes: outside production a record needs no mark (policy `unproven-outside-production`)
        block transplanted: the mark was made for another record; refused: a mark that was made for another record goes nowhere until a person has looked at it (policy `no-moved-mark`)
        block forged: the receipt does not lead to the logged batch; refused: a damaged or invented mark goes nowhere until a person has looked at it (policy `no-false-mark`)
        pass  untrusted: its dataset `bgbxexa4wmig5ijpracpha5u2m` is not known here; give its manifest; passes: outside production a mark that is not trusted counts as none (policy `untrusted-outside-production`)
        block unreadable: is longer than 9 bytes; refused: what cannot be read cannot be judged (policy `no-unreadable`)
    "#]].assert_eq(&told(Environment::Sandbox));
}

#[test]
fn a_dataset_stays_where_its_manifest_says() {
    let policies = Policies::default_set().unwrap();
    let check = |jurisdiction: &str, action: Action, want: Decision| {
        let boundary = boundary(Environment::Test, jurisdiction);
        let verdicts = vec![sealed::synthetic_kept_in(&["AT", "US"])];
        let ruling = rule(&policies, action, &boundary, Scope::Whole, verdicts);
        assert_eq!(ruling.decision(), want, "{jurisdiction} {action}");
        assert_eq!(ruling.counts().out_of_jurisdiction, u64::from(!jurisdiction.starts_with("US")));
    };
    check("US", Action::Create, Decision::Pass);
    check("US-AL", Action::Deliver, Decision::Pass);
    check("DE", Action::Create, Decision::Block);
    check("", Action::Export, Decision::Block);
    check("DE", Action::Delete, Decision::Pass);
}

#[test]
fn a_policy_can_go_by_purpose_and_by_the_state_of_all_marks() {
    let text = r#"
        @id("all") @reason("everything") permit (principal, action, resource);
        @id("purpose") @reason("not for training") forbid (principal, action, resource)
        when { context.purposes.contains("staging-testing") && context.marks == Eosin::Marks::"intact" };"#;
    let policies = Policies::parse("site", text).unwrap();
    let boundary = boundary(Environment::Test, "AT");
    let check = |verdicts: Vec<Verdict>, scope: Scope, want: Finding| {
        assert_eq!(rule(&policies, Action::Create, &boundary, scope, verdicts).worst_finding(), want);
    };
    let [intact, modified] = [every_verdict().swap_remove(0), every_verdict().swap_remove(1)];
    check(vec![intact.clone()], Scope::PerRecord, Finding::Forbid);
    check(vec![modified.clone()], Scope::PerRecord, Finding::Permit);
    check(vec![modified, intact], Scope::Whole, Finding::Forbid);
}

#[test]
fn a_broken_forbid_lets_nothing_pass_with_genuine_marks_too() {
    let text = r#"
        @id("all") @reason("everything") permit (principal, action, resource);
        @id("broken") @reason("r") forbid (principal, action, resource)
        when { context.records - 9223372036854775807 - 9223372036854775807 > 0 };"#;
    let policies = Policies::parse("site", text).unwrap();
    for environment in Environment::ALL {
        for mode in Mode::ALL {
            let boundary = Boundary { mode: *mode, ..boundary(*environment, "AT") };
            for scope in [Scope::PerRecord, Scope::Whole] {
                let ruling = rule(&policies, Action::Read, &boundary, scope, every_verdict());
                assert_eq!(ruling.blocked(), every_verdict().len());
                assert!(ruling.summary().contains("`broken`"), "{}", ruling.summary());
            }
        }
    }
}

#[test]
fn no_word_of_a_record_is_in_a_ruling() {
    let policies = Policies::default_set().unwrap();
    for environment in Environment::ALL {
        let boundary = boundary(*environment, "AT");
        let ruling = rule(&policies, Action::Create, &boundary, Scope::Whole, every_verdict());
        let reasons: Vec<_> = (0..ruling.verdicts().len()).map(|row| ruling.reason(row)).collect();
        let all = format!("{ruling:?} {reasons:?} {} {:?}", ruling.summary(), ruling.errors());
        assert!(!all.contains(CANARY), "{all}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// With the default policies a transaction passes exactly if each of its records would.
    #[test]
    fn company_changes_nothing_under_the_default_policies(
        picked in prop::collection::vec(0_usize..11, 1..8),
        action in prop::sample::select(Action::ALL),
        environment in prop::sample::select(Environment::ALL),
    ) {
        thread_local!(static KNOWN: (Policies, Vec<Verdict>) = (Policies::default_set().unwrap(), every_verdict()));
        KNOWN.with(|(policies, every)| {
            let boundary = boundary(environment, "AT");
            let verdicts: Vec<Verdict> = picked.iter().map(|&pick| every[pick % every.len()].clone()).collect();
            let alone: Vec<Decision> = verdicts
                .iter()
                .map(|verdict| {
                    rule(policies, action, &boundary, Scope::Whole, vec![verdict.clone()]).decision()
                })
                .collect();
            let each = rule(policies, action, &boundary, Scope::PerRecord, verdicts.clone());
            assert_eq!(each.decisions(), alone);
            let whole = rule(policies, action, &boundary, Scope::Whole, verdicts);
            assert_eq!(Some(&whole.decision()), alone.iter().max());
            let counts = whole.counts();
            let sum: u64 = mark::VerdictName::ALL.into_iter().map(|name| counts.of(name)).sum();
            assert_eq!(sum, counts.records);
        });
    }
}
