//! The red line of policies that hold it, and of policies that do not in one way each; and a law against guessing.

use proptest::prelude::*;

use super::*;
use crate::{Counts, Finding, Request, decide::Asking};

const RED: &str = r#"@id("red") @reason("no") forbid (principal, action, resource)
    when { resource.environment == Eosin::Environment::"production" && context.synthetic > 0 }"#;
const PERMIT: &str = r#"@id("all") @reason("yes") permit (principal, action, resource);"#;

fn policies(text: &str) -> Policies {
    Policies::parse("own", text).unwrap()
}

/// What the policies say of a record of this kind.
fn said(policies: &Policies, asked: &Asked) -> Finding {
    let request =
        Request { client: asked.caller(), action: asked.action, boundary: &asked.boundary, route: "" };
    let asking = Asking { policies, request: &request, entities: std::cell::OnceCell::new() };
    asking.ask(&asked.case.counts(), &asked.case.purposes).finding
}

/// A counterexample has to be one: the policies are asked about it.
fn crossed(policies: &Policies) -> Option<Crossed> {
    match policies.red_line() {
        RedLine::Proven { .. } => None,
        RedLine::TooMany => panic!("too many"),
        RedLine::Crossed(crossed) => {
            let case = Case {
                name: VerdictName::Synthetic,
                modified: crossed.modified,
                claimed: false,
                strongly_suspected: false,
                out_of_jurisdiction: crossed.out_of_jurisdiction,
                purposes: crossed.purposes.clone(),
            };
            let Crossed { caller, is_system, action, boundary, .. } = (*crossed).clone();
            let asked = Asked { caller, is_system, action, boundary, case };
            assert_eq!(said(policies, &asked), Finding::Permit, "{crossed:?}");
            assert_eq!(asked.boundary.environment, Environment::Production);
            Some(*crossed)
        }
    }
}

#[test]
fn the_default_policies_hold_it_at_the_cost_of_a_few_questions() {
    let RedLine::Proven { asked } = Policies::default_set().unwrap().red_line() else { panic!("not proven") };
    assert!(asked <= 100, "{asked}");
}

#[test]
fn every_way_to_open_it_is_found() {
    for (except, has) in [
        ("", false),
        (r#"unless { resource == Eosin::Boundary::"training" }"#, true),
        (r#"unless { principal == Eosin::Client::"loader" }"#, true),
        (r#"unless { principal is Eosin::System && action == Eosin::Action::"export" }"#, true),
        (r#"unless { context.purposes.contains("drill") && !context.purposes.contains("billing") }"#, true),
        (r#"unless { resource.jurisdiction like "US-*" && resource.jurisdiction != "US-AL" }"#, true),
        (r#"unless { resource.jurisdiction like "*-A*" && !(resource.jurisdiction like "US*") }"#, true),
        ("unless { context.purposes.contains(resource.jurisdiction) }", true),
        (r#"unless { context.modified > 0 && resource.continuity == Eosin::Continuity::"care" }"#, true),
        (r#"unless { resource.mode == Eosin::Mode::"warn" && resource.systemOfRecord }"#, true),
        (r#"unless { context.outOfJurisdiction > 0 && context.marks == Eosin::Marks::"modified" }"#, true),
        // Deleting puts right what is there; more than one record is never asked about alone.
        (r#"unless { action == Eosin::Action::"delete" }"#, false),
        (r#"unless { action == Eosin::Action::"read" }"#, false),
        ("unless { context.synthetic > 1 }", false),
        ("unless { context.attested > 0 }", false),
        (r#"unless { resource.jurisdiction like "US*" && resource.jurisdiction like "AT*" }"#, false),
    ] {
        let policies = policies(&format!("{RED}\n{except};\n{PERMIT}"));
        assert_eq!(crossed(&policies).is_some(), has, "{except}: {:?}", policies.red_line());
    }
}

#[test]
fn what_nobody_permits_is_closed_without_a_forbid() {
    let closed =
        r#"@id("people") @reason("yes") permit (principal, action, resource) when { context.attested > 0 };"#;
    assert_eq!(crossed(&policies(closed)), None);
    let crossed = crossed(&policies(PERMIT)).unwrap();
    assert_eq!(crossed.policies, ["all"]);
}

#[test]
fn what_is_too_much_to_ask_is_not_called_proven() {
    let purposes: Vec<String> =
        (0..20).map(|number| format!(r#"context.purposes.contains("p{number}")"#)).collect();
    let text = format!("{RED} unless {{ {} }};\n{PERMIT}", purposes.join(" && "));
    assert_eq!(policies(&text).red_line(), RedLine::TooMany);
}

#[test]
fn policies_that_cost_too_much_to_ask_are_not_called_proven_and_overflow_no_stack() {
    let own = |count: usize, head: &str, when: &str| {
        let permit = |number: usize| {
            let head = head.replace('@', &number.to_string());
            format!(r#"@id("p{number}{}") @reason("r") permit ({head}) when {{ {when} }};"#, head.len())
        };
        (0..count).map(permit).collect::<String>()
    };
    let any = "principal, action, resource";
    let named = r#"principal == Eosin::Client::"c@", action, resource == Eosin::Boundary::"b@""#;
    let places = |count: usize| {
        let one = |number: usize| format!(r#"resource.jurisdiction == "{number}""#);
        let all: Vec<String> = (0..count).map(one).collect();
        let some = |names: &[String]| format!("context.attested > 0 && ({})", names.join(" || "));
        let text = |(number, names)| own(1, any, &some(names)).replace("p0", &format!("j{number}-"));
        all.chunks(100).enumerate().map(text).collect::<String>()
    };
    let long = vec!["context.synthetic == 7"; 150].join(" || ");
    for (what, text, expected) in [
        ("a few of each", own(20, named, "context.attested > 0"), true),
        ("many, so many questions to each", own(60, named, "context.attested > 0"), false),
        ("long ones", own(30, any, &long) + &own(20, named, "context.attested > 0"), false),
        ("names of places", places(50), true),
    ] {
        let line = policies(&text).red_line_within(8_000_000);
        assert_eq!(matches!(line, RedLine::Proven { .. }), expected, "{what}: {line:?}");
        assert!(expected || line == RedLine::TooMany, "{what}: {line:?}");
    }
}

/// A condition that a policy may set, of few parts.
fn condition() -> impl Strategy<Value = String> {
    let atom = proptest::sample::select(vec![
        r#"resource == Eosin::Boundary::"lab""#,
        r#"principal == Eosin::Client::"loader""#,
        "principal is Eosin::Client",
        r#"resource.jurisdiction == "US""#,
        r#"resource.jurisdiction like "U*""#,
        r#"resource.jurisdiction like "*-A*""#,
        r#"context.purposes.contains("drill")"#,
        "context.purposes.contains(resource.jurisdiction)",
        "context.modified > 0",
        "context.records == context.synthetic",
        r#"resource.continuity == Eosin::Continuity::"care""#,
        r#"action == Eosin::Action::"export""#,
    ]);
    let signed = (atom, any::<bool>())
        .prop_map(|(atom, is)| if is { format!("({atom})") } else { format!("!({atom})") });
    proptest::collection::vec(signed, 1..4).prop_map(|parts| parts.join(" && "))
}

/// A request that nobody chose with care.
fn request() -> impl Strategy<Value = Asked> {
    let name = |names: &'static [&'static str]| proptest::sample::select(names.to_vec());
    let purposes = proptest::collection::btree_set("drill|billing|US|US-AL|x", 0..4);
    (
        (name(&["loader", "sync", "any-client"]), any::<bool>(), 0..CROSSING.len()),
        (name(&["lab", "feed"]), name(&["", "US", "US-AL", "UK", "AT-A1", "x"]), any::<bool>()),
        (any::<bool>(), any::<bool>(), purposes),
    )
        .prop_map(
            |((caller, is_system, action), (boundary, jurisdiction, care), (modified, out, purposes))| {
                Asked {
                    caller: caller.to_owned(),
                    is_system,
                    action: CROSSING[action],
                    boundary: Boundary {
                        name: boundary.to_owned(),
                        environment: Environment::Production,
                        jurisdiction: jurisdiction.to_owned(),
                        mode: Mode::Enforce,
                        continuity: if care { Continuity::Care } else { Continuity::Strict },
                        system_of_record: false,
                    },
                    case: Case {
                        name: VerdictName::Synthetic,
                        modified,
                        claimed: false,
                        strongly_suspected: false,
                        out_of_jurisdiction: out,
                        purposes,
                    },
                }
            },
        )
}

#[test]
fn what_is_called_proven_no_request_contradicts() {
    let mut proven = 0;
    let strategy = (condition(), condition(), proptest::collection::vec(request(), 30));
    let config = ProptestConfig { cases: 10, failure_persistence: None, ..ProptestConfig::default() };
    let runner = &mut proptest::test_runner::TestRunner::new(config);
    runner
        .run(&strategy, |(except, when, requests)| {
            let text = format!(
                "{RED} unless {{ {except} }};\n@id(\"p\") @reason(\"yes\") permit (principal, action, resource) when {{ {when} }};"
            );
            // Some conditions can never hold, and are no policy.
            let Ok(policies) = Policies::parse("own", &text) else { return Ok(()) };
            if crossed(&policies).is_none() {
                for asked in &requests {
                    prop_assert_ne!(said(&policies, asked), Finding::Permit, "{}", text);
                }
            }
            Ok(())
        })
        .unwrap();
    // A law that never met a proof would prove nothing.
    for number in 0..3 {
        let text = format!("{RED} unless {{ context.synthetic > {} }};\n{PERMIT}", number + 1);
        proven += u32::from(crossed(&policies(&text)).is_none());
    }
    assert_eq!((proven, Counts::default().records), (3, 0));
}
