//! Scenes and laws of deciding, over everything that policies can tell apart.

use std::fmt::Write as _;

use expect_test::{expect, expect_file};
use mark::{Claim, Distrust, Forgery, Strength, Suspicion, Unreadable};
use proptest::prelude::*;

use super::*;
use crate::{Action, Boundary, Caller, Continuity, Decision, Environment, Mode};

const PERMIT_ALL: &str = r#"@id("all") @reason("everything") permit (principal, action, resource);"#;

fn boundary(environment: Environment, mode: Mode, continuity: Continuity) -> Boundary {
    Boundary {
        name: "feed".to_owned(),
        environment,
        jurisdiction: "US-AL".to_owned(),
        mode,
        continuity,
        system_of_record: false,
    }
}

fn request(action: Action, boundary: &Boundary) -> Request<'_> {
    Request { client: Caller::Client("nightly-sync"), action, boundary, route: "sobjects/Contact" }
}

fn case(name: VerdictName) -> Case {
    Case {
        name,
        modified: false,
        claimed: false,
        strongly_suspected: false,
        out_of_jurisdiction: false,
        purposes: BTreeSet::new(),
    }
}

/// Everything that policies can tell apart about one record, purposes aside.
fn every_case() -> Vec<Case> {
    let mut cases = Vec::new();
    for name in VerdictName::ALL {
        let proven = matches!(name, VerdictName::Synthetic | VerdictName::Attested | VerdictName::Mixed);
        for bits in 0..16 {
            let case = Case {
                modified: bits & 1 != 0,
                claimed: bits & 2 != 0,
                out_of_jurisdiction: bits & 4 != 0,
                strongly_suspected: bits & 8 != 0,
                ..case(name)
            };
            let possible = (proven || !case.modified && !case.out_of_jurisdiction)
                && (matches!(name, VerdictName::Unproven | VerdictName::Suspected) || !case.claimed)
                && (name == VerdictName::Suspected || !case.strongly_suspected);
            if possible {
                cases.push(case);
            }
        }
    }
    assert_eq!(cases.len(), 3 * 4 + 2 + 4 + 4);
    cases
}

fn ask(policies: &Policies, action: Action, boundary: &Boundary, counts: &Counts) -> Outcome {
    let request = request(action, boundary);
    let entities = policies.vocabulary().entities(boundary);
    Asking { policies, request: &request, entities: entities.into() }.ask(counts, &BTreeSet::new())
}

fn suspected(strength: Strength) -> Verdict {
    Verdict::Suspected(Suspicion {
        claim: Claim::None,
        strength,
        registered: Some(strength),
        decibits: 0,
        generator: None,
        signals: Vec::new(),
    })
}

/// Verdicts that need no proof, one of each.
fn without_proof() -> Vec<Verdict> {
    vec![
        Verdict::Unproven(Claim::None),
        Verdict::Unproven(Claim::Synthetic),
        Verdict::Unproven(Claim::Attested),
        suspected(Strength::Weak),
        suspected(Strength::Strong),
        Verdict::Forged(Forgery::Receipt),
        Verdict::Untrusted(Distrust::Dataset("abc".to_owned())),
        Verdict::Unreadable(Unreadable::TooLong { limit: 10 }),
    ]
}

#[test]
fn the_whole_default_policy_fits_four_tables() {
    let policies = Policies::default_set().unwrap();
    let rows: [(&str, Option<Case>); 15] = [
        ("no record", None),
        ("synthetic", Some(case(VerdictName::Synthetic))),
        ("synthetic, modified", Some(Case { modified: true, ..case(VerdictName::Synthetic) })),
        ("attested", Some(case(VerdictName::Attested))),
        ("attested, modified", Some(Case { modified: true, ..case(VerdictName::Attested) })),
        (
            "attested, out of jurisdiction",
            Some(Case { out_of_jurisdiction: true, ..case(VerdictName::Attested) }),
        ),
        ("mixed", Some(case(VerdictName::Mixed))),
        ("unproven", Some(case(VerdictName::Unproven))),
        ("unproven, calls itself a test", Some(Case { claimed: true, ..case(VerdictName::Unproven) })),
        ("suspected, weakly", Some(case(VerdictName::Suspected))),
        ("suspected, strongly", Some(Case { strongly_suspected: true, ..case(VerdictName::Suspected) })),
        ("untrusted", Some(case(VerdictName::Untrusted))),
        ("transplanted", Some(case(VerdictName::Transplanted))),
        ("forged", Some(case(VerdictName::Forged))),
        ("unreadable", Some(case(VerdictName::Unreadable))),
    ];
    let mut text = String::new();
    for environment in Environment::ALL {
        write!(text, "| {:<29} |", format!("**{environment}**")).unwrap();
        for action in Action::ALL {
            write!(text, " {action:<9} |").unwrap();
        }
        writeln!(text, "\n|{}|{}", "-".repeat(31), format!("{}|", "-".repeat(11)).repeat(6)).unwrap();
        for (name, case) in &rows {
            write!(text, "| {name:<29} |").unwrap();
            for action in Action::ALL {
                let counts = case.as_ref().map(Case::counts).unwrap_or_default();
                let [strict, care] = [Continuity::Strict, Continuity::Care].map(|continuity| {
                    let outcome =
                        ask(&policies, *action, &boundary(*environment, Mode::Enforce, continuity), &counts);
                    match outcome.finding {
                        Finding::Permit => "passes",
                        Finding::Forbid if outcome.policies.is_empty() => "closed",
                        Finding::Forbid => "forbidden",
                        Finding::Error => "error",
                    }
                });
                let cell = match (strict, care) {
                    (strict, care) if strict == care => strict,
                    ("forbidden", "passes") => "in care",
                    _ => "?",
                };
                write!(text, " {cell:<9} |").unwrap();
            }
            text.push('\n');
        }
        text.push('\n');
    }
    let text = text.trim_end().to_owned() + "\n";
    expect_file!["../../policies/default.table.md"].assert_eq(&text);
    let page = include_str!("../../../../docs/policy.md");
    assert!(page.contains(&text), "docs/policy.md does not show policies/default.table.md as it is now");
}

#[test]
fn nothing_that_is_not_about_a_person_ever_crosses_into_production() {
    let policies = Policies::default_set().unwrap();
    for continuity in Continuity::ALL {
        let boundary = boundary(Environment::Production, Mode::Enforce, *continuity);
        for case in every_case() {
            for action in Action::ALL {
                let decision = ask(&policies, *action, &boundary, &case.counts()).decision;
                let may_pass = match case.name {
                    VerdictName::Synthetic | VerdictName::Mixed => *action == Action::Delete,
                    VerdictName::Transplanted | VerdictName::Forged | VerdictName::Unreadable => {
                        *action == Action::Read && *continuity == Continuity::Care
                    }
                    VerdictName::Unproven | VerdictName::Suspected | VerdictName::Untrusted => {
                        matches!(action, Action::Read | Action::Delete)
                    }
                    VerdictName::Attested => {
                        !case.out_of_jurisdiction || matches!(action, Action::Read | Action::Delete)
                    }
                };
                let want = if may_pass { Decision::Pass } else { Decision::Block };
                assert_eq!(decision, want, "{action} {case:?} {continuity}");
            }
        }
    }
}

proptest! {
    #[test]
    fn no_company_carries_a_red_line_over(
        others in prop::collection::vec(0_usize..18, 0..6),
        bad in 0_usize..18,
        action in prop::sample::select(Action::ALL),
        environment in prop::sample::select(Environment::ALL),
    ) {
        thread_local!(static POLICIES: Policies = Policies::default_set().unwrap());
        POLICIES.with(|policies| {
            let cases = every_case();
            let boundary = boundary(environment, Mode::Enforce, Continuity::Strict);
            let alone = ask(policies, action, &boundary, &cases[bad].counts());
            if alone.finding == Finding::Forbid && !alone.policies.is_empty() {
                let mut counts = cases[bad].counts();
                for other in others { counts.add(&cases[other]); }
                assert_eq!(ask(policies, action, &boundary, &counts).decision, Decision::Block);
            }
        });
    }
}

#[test]
fn a_policy_that_fails_to_evaluate_refuses_everything_everywhere() {
    let broken = [
        // Passes the strict check, then overflows.
        Policies::parse(
            "p",
            &format!(
                "{PERMIT_ALL} @id(\"broken\") @reason(\"r\") forbid (principal, action, resource) \
            when {{ context.records - 9223372036854775807 - 9223372036854775807 > 0 }};"
            ),
        )
        .unwrap(),
        // Would be refused when read; shows that deciding does not lean on that check.
        Policies::unchecked(
            "p",
            &format!(
                "{PERMIT_ALL} @id(\"broken\") @reason(\"r\") forbid (principal, action, resource) \
            when {{ resource.owner == \"nobody\" }};"
            ),
        ),
        Policies::unchecked(
            "p",
            &format!(
                "{PERMIT_ALL} @id(\"broken\") @reason(\"r\") forbid (principal, action, resource) \
            when {{ context.records < \"ten\" }};"
            ),
        ),
        // Even where the broken one is itself a permit and another permit holds.
        Policies::unchecked(
            "p",
            &format!(
                "{PERMIT_ALL} @id(\"broken\") @reason(\"r\") permit (principal, action, resource) \
            when {{ context.nothing }};"
            ),
        ),
    ];
    for policies in &broken {
        for environment in Environment::ALL {
            for mode in Mode::ALL {
                for continuity in Continuity::ALL {
                    let boundary = boundary(*environment, *mode, *continuity);
                    for action in Action::ALL {
                        for scope in [Scope::PerRecord, Scope::Whole] {
                            for verdicts in
                                [Vec::new(), vec![Verdict::Unproven(Claim::None)], without_proof()]
                            {
                                let records = verdicts.len();
                                let ruling = decide(policies, &request(*action, &boundary), scope, verdicts);
                                assert_eq!(ruling.decision(), Decision::Block);
                                assert_eq!(ruling.blocked(), records);
                                assert_eq!(ruling.would_block(), 0);
                                assert_eq!(ruling.worst_finding(), Finding::Error);
                                assert_eq!(ruling.determining_policies(), BTreeSet::from(["broken"]));
                                assert!(!ruling.errors().is_empty());
                            }
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn without_the_broken_policy_the_same_scene_passes() {
    let policies = Policies::parse("p", PERMIT_ALL).unwrap();
    let boundary = boundary(Environment::Production, Mode::Enforce, Continuity::Strict);
    let ruling = decide(&policies, &request(Action::Create, &boundary), Scope::Whole, without_proof());
    assert_eq!((ruling.decision(), ruling.blocked()), (Decision::Pass, 0));
}

#[test]
fn a_question_that_cannot_be_put_refuses() {
    let policies = Policies::parse("p", PERMIT_ALL).unwrap();
    for mode in Mode::ALL {
        let boundary = boundary(Environment::Test, *mode, Continuity::Care);
        let request = request(Action::Read, &boundary);
        let no_entities =
            Asking { policies: &policies, request: &request, entities: Err("no boundary".to_owned()).into() };
        let outcome = no_entities.ask(&Counts::default(), &BTreeSet::new());
        assert_eq!((outcome.finding, outcome.decision), (Finding::Error, Decision::Block));
        assert_eq!(outcome.errors, ["no boundary"]);
        let too_many = Counts { records: u64::MAX, ..Counts::default() };
        let outcome = ask(&policies, Action::Read, &boundary, &too_many);
        assert_eq!((outcome.finding, outcome.decision), (Finding::Error, Decision::Block));
    }
}

#[test]
fn the_mode_decides_what_a_refusal_does() {
    let policies = Policies::default_set().unwrap();
    let check = |mode: Mode, decisions: &[Decision], blocked: usize, would_block: usize| {
        let boundary = boundary(Environment::Production, mode, Continuity::Strict);
        let verdicts = vec![Verdict::Unproven(Claim::None), Verdict::Forged(Forgery::Receipt)];
        let ruling = decide(&policies, &request(Action::Read, &boundary), Scope::PerRecord, verdicts);
        assert_eq!(ruling.decisions(), decisions, "{mode}");
        assert_eq!(ruling.decision(), *decisions.iter().max().unwrap());
        assert_eq!((ruling.blocked(), ruling.would_block()), (blocked, would_block), "{mode}");
        assert_eq!(ruling.finding(0), Some(Finding::Permit));
        assert_eq!(ruling.finding(1), Some(Finding::Forbid));
        assert_eq!(ruling.finding(2), None);
    };
    check(Mode::Observe, &[Decision::Pass, Decision::Pass], 0, 1);
    check(Mode::Warn, &[Decision::Pass, Decision::Warn], 0, 1);
    check(Mode::Enforce, &[Decision::Pass, Decision::Block], 1, 0);
}

#[test]
fn a_whole_request_shares_the_worst_decision() {
    let policies = Policies::default_set().unwrap();
    let check = |mode: Mode, decision: Decision, would_block: usize| {
        let boundary = boundary(Environment::Sandbox, mode, Continuity::Strict);
        let verdicts = vec![Verdict::Unproven(Claim::None), Verdict::Forged(Forgery::Receipt)];
        let ruling = decide(&policies, &request(Action::Create, &boundary), Scope::Whole, verdicts);
        assert_eq!(ruling.decisions(), [decision; 2]);
        assert_eq!(ruling.decision(), decision);
        assert_eq!(ruling.would_block(), would_block);
    };
    check(Mode::Observe, Decision::Pass, 2);
    check(Mode::Warn, Decision::Warn, 2);
    check(Mode::Enforce, Decision::Block, 0);
}

#[test]
fn a_permit_for_one_record_carries_no_other_in() {
    // In one sum, any permit would do: here the claimed record would have opened the door to the unproven one.
    let text = r#"@id("claimed") @reason("says so") permit (principal, action, resource) when { context.claimed > 0 };"#;
    let policies = Policies::parse("p", text).unwrap();
    let boundary = boundary(Environment::Test, Mode::Enforce, Continuity::Strict);
    let verdicts = vec![Verdict::Unproven(Claim::Synthetic), Verdict::Unproven(Claim::None)];
    let ruling = decide(&policies, &request(Action::Create, &boundary), Scope::Whole, verdicts);
    assert_eq!(ruling.decision(), Decision::Block);
    assert_eq!(ruling.decisions(), [Decision::Block; 2]);
}

#[test]
fn a_limit_on_the_whole_holds_though_each_record_is_fine() {
    let text = format!(
        "{PERMIT_ALL} @id(\"small\") @reason(\"at most two at once\") forbid (principal, action, resource) \
         when {{ context.records > 2 }};"
    );
    let policies = Policies::parse("p", &text).unwrap();
    let boundary = boundary(Environment::Test, Mode::Enforce, Continuity::Strict);
    let three = || vec![Verdict::Unproven(Claim::None); 3];
    let whole = decide(&policies, &request(Action::Create, &boundary), Scope::Whole, three());
    assert_eq!(whole.decisions(), [Decision::Block; 3]);
    expect![
        "unproven: it carries no mark; refused together with others: at most two at once (policy `small`)"
    ]
    .assert_eq(&whole.reason(0).unwrap());
    let each = decide(&policies, &request(Action::Create, &boundary), Scope::PerRecord, three());
    assert_eq!(each.decisions(), [Decision::Pass; 3]);
}

proptest! {
    #[test]
    fn records_that_come_in_parts_are_ruled_as_if_they_came_at_once(
        which in prop::collection::vec(0_usize..8, 0..12),
        cut in 0_usize..12,
        action in prop::sample::select(Action::ALL),
        environment in prop::sample::select(Environment::ALL),
        mode in prop::sample::select(Mode::ALL),
    ) {
        thread_local!(static POLICIES: Policies = Policies::default_set().unwrap());
        POLICIES.with(|policies| {
            let verdicts: Vec<Verdict> = which.iter().map(|at| without_proof()[*at].clone()).collect();
            let boundary = boundary(environment, mode, Continuity::Strict);
            let request = request(action, &boundary);
            let whole = decide(policies, &request, Scope::Whole, verdicts.clone());
            let (first, rest) = verdicts.split_at(cut.min(verdicts.len()));
            let mut gathering = Gathering::default();
            gathering.add(&request, first);
            gathering.add(&request, rest);
            let gathered = gathering.rule(policies, &request);
            assert_eq!(gathered.decision(), whole.decision());
            assert_eq!(gathered.counts(), whole.counts());
            assert_eq!(gathered.summary(), whole.summary());
            assert_eq!(gathered.determining_policies(), whole.determining_policies());
            assert_eq!(gathered.worst_finding(), whole.worst_finding());
        });
    }
}

#[test]
fn a_request_without_records_is_decided_once() {
    let policies = Policies::default_set().unwrap();
    let boundary = boundary(Environment::Production, Mode::Enforce, Continuity::Strict);
    for scope in [Scope::PerRecord, Scope::Whole] {
        let ruling = decide(&policies, &request(Action::Delete, &boundary), scope, Vec::new());
        assert_eq!(ruling.decision(), Decision::Pass);
        assert!(ruling.decisions().is_empty());
        expect!["passes: it carries no record (policy `nothing-carried`)"].assert_eq(&ruling.summary());
    }
    let nothing =
        Policies::parse("p", r#"@id("a") @reason("b") forbid (principal, action, resource);"#).unwrap();
    let ruling = decide(&nothing, &request(Action::Delete, &boundary), Scope::PerRecord, Vec::new());
    assert_eq!(ruling.decision(), Decision::Block);
    expect!["refused: b (policy `a`)"].assert_eq(&ruling.summary());
}

#[test]
fn a_hundred_thousand_records_cost_a_handful_of_evaluations() {
    let policies = Policies::default_set().unwrap();
    let boundary = boundary(Environment::Production, Mode::Enforce, Continuity::Strict);
    let kinds = without_proof();
    let verdicts: Vec<Verdict> = kinds.iter().cycle().take(100_000).cloned().collect();
    let ruling = decide(&policies, &request(Action::Read, &boundary), Scope::PerRecord, verdicts);
    // A claim to be attested is worth no more than none.
    assert_eq!(ruling.outcomes.len(), 7);
    assert_eq!(ruling.counts().records, 100_000);
    for (index, verdict) in ruling.verdicts().iter().enumerate() {
        let alone =
            decide(&policies, &request(Action::Read, &boundary), Scope::PerRecord, vec![verdict.clone()]);
        assert_eq!(alone.decisions(), &ruling.decisions()[index..=index]);
        if index == kinds.len() {
            break;
        }
    }
}

#[test]
fn every_ruling_says_what_it_is_and_who_decided() {
    let policies = Policies::default_set().unwrap();
    let boundary = boundary(Environment::Production, Mode::Enforce, Continuity::Strict);
    let ruling = decide(&policies, &request(Action::Deliver, &boundary), Scope::PerRecord, without_proof());
    let mut text = String::new();
    for index in 0..ruling.verdicts().len() {
        let policies: Vec<&str> = ruling.policies(index).collect();
        writeln!(text, "{}\n  {policies:?}", ruling.reason(index).unwrap()).unwrap();
    }
    writeln!(text, "{}", ruling.summary()).unwrap();
    let warned = Boundary { mode: Mode::Warn, ..boundary.clone() };
    let ruling_warned =
        decide(&policies, &request(Action::Deliver, &warned), Scope::PerRecord, without_proof());
    writeln!(text, "{}", ruling_warned.summary()).unwrap();
    expect![[r#"
        unproven: it carries no mark; refused: no policy permits this here (deliver in production)
          []
        unproven: it says it is synthetic and carries no mark; refused: a record that calls itself a test stays out of production (policy `no-declared-test-in-production`)
          ["no-declared-test-in-production"]
        unproven: it says it is attested and carries no mark; refused: no policy permits this here (deliver in production)
          []
        weakly suspected: the registry knows one of its identifying values; refused: no policy permits this here (deliver in production)
          []
        suspected: the registry knows two or more of its identifying values; refused: a record that is strongly suspected to be synthetic stays out of production until a person has looked at it (policy `no-suspected-in-production`)
          ["no-suspected-in-production"]
        forged: the receipt does not lead to the logged batch; refused: a damaged or invented mark goes nowhere until a person has looked at it (policy `no-false-mark`)
          ["no-false-mark"]
        untrusted: its dataset `abc` is not known here; give its manifest; refused: no policy permits this here (deliver in production)
          []
        unreadable: is longer than 10 bytes; refused: what cannot be read cannot be judged (policy `no-unreadable`)
          ["no-unreadable"]
        refused: no policy permits this here (deliver in production)
        passes, would be refused: no policy permits this here (deliver in production)
    "#]]
    .assert_eq(&text);
    assert_eq!(ruling.reason(8), None);
    assert_eq!(ruling.version(), policies.version());
    assert_eq!(ruling.request().caller, "client nightly-sync");
    assert_eq!(ruling.request().boundary, "feed");
    assert_eq!(ruling.request().environment, Environment::Production);
    expect![[r#"{"records":8,"synthetic":0,"attested":0,"mixed":0,"unproven":3,"suspected":2,"transplanted":0,"forged":1,"untrusted":1,"unreadable":1,"modified":0,"claimed":1,"stronglySuspected":1,"outOfJurisdiction":0}"#]].assert_eq(&serde_json::to_string(ruling.counts()).unwrap());
}

/// Evaluation recurses too, on whatever thread asks; there Cedar has a check, and answers with an error, which blocks.
/// So what a policy needs has to be there, whatever the stack of the worker that asks.
#[test]
fn the_deepest_policies_are_evaluated_on_a_workers_stack() {
    let chains = [
        "context.records - 1".to_owned() + &" + 1".repeat(900) + " > 0",
        "!!(".repeat(29) + "context.records > 0" + &")".repeat(29),
    ];
    let texts = chains.map(|chain| {
        format!("@id(\"deep\") @reason(\"r\") permit (principal, action, resource) when {{ {chain} }};")
    });
    for text in texts {
        let policies = Policies::parse("deep", &text).unwrap();
        let worker = std::thread::Builder::new().stack_size(2 << 20).spawn(move || {
            let boundary = boundary(Environment::Test, Mode::Enforce, Continuity::Strict);
            let verdicts = vec![Verdict::Unproven(Claim::None)];
            let ruling = decide(&policies, &request(Action::Create, &boundary), Scope::Whole, verdicts);
            format!("{} {:?}", ruling.decision(), ruling.errors())
        });
        assert_eq!(worker.unwrap().join().unwrap(), "pass {}");
    }
}

#[test]
fn an_event_that_cannot_be_sorted_is_refused_and_kept_whatever_policies_permit() {
    let policies = Policies::parse("all", PERMIT_ALL).unwrap();
    for (mode, want) in
        [(Mode::Observe, Decision::Pass), (Mode::Warn, Decision::Warn), (Mode::Enforce, Decision::Block)]
    {
        let boundary = boundary(Environment::Test, mode, Continuity::Strict);
        let request = request(Action::Deliver, &boundary);
        let verdicts = vec![Verdict::Unproven(Claim::None); 2];
        let ruling = decide_unsorted(&policies, &request, verdicts, "it names no class");
        assert_eq!((ruling.decision(), ruling.worst_finding()), (want, Finding::Forbid));
        assert_eq!(ruling.decisions(), [want, want]);
        assert_eq!(ruling.keeps(1), want == Decision::Block);
        assert!(ruling.summary().ends_with("it names no class (policy `no-unsorted-event`)"));
    }
}
