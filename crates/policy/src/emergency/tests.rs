//! An emergency version narrows and never widens, within its scope; and what scopes hold.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::{
    Action, Boundary, Caller, Continuity, Counts, Environment, Finding, Mode, decide::Asking, decide::Scope,
};

fn boundary(name: &str, jurisdiction: &str) -> Boundary {
    Boundary {
        name: name.to_owned(),
        environment: Environment::Staging,
        jurisdiction: jurisdiction.to_owned(),
        mode: Mode::Enforce,
        continuity: Continuity::Strict,
        system_of_record: false,
    }
}

fn emergency(text: &str, scope: &str) -> Arc<Emergency> {
    Arc::new(Emergency {
        policies: Arc::new(Policies::parse("stop", text).unwrap()),
        scope: scope.parse().unwrap(),
        until: 0,
        activation: "log#1".to_owned(),
    })
}

const STOP: &str = r#"@id("none") @reason("an emergency") forbid (principal, action, resource) when { context.synthetic > 0 };
    @id("rest") @reason("yes") permit (principal, action, resource);"#;

fn finding(policies: &Policies, request: &Request<'_>, counts: &Counts) -> Outcome {
    Asking { policies, request, entities: std::cell::OnceCell::new() }.ask(counts, &BTreeSet::new())
}

#[test]
fn within_its_scope_it_stops_and_outside_the_version_before_decides() {
    let policies =
        Policies::default_set().unwrap().narrowed(vec![emergency(STOP, "boundary=feed,client=loader")]);
    let (feed, other) = (boundary("feed", ""), boundary("other", ""));
    let synthetic = Counts { records: 1, synthetic: 1, ..Counts::default() };
    for (client, boundary, stops) in
        [("loader", &feed, true), ("loader", &other, false), ("portal", &feed, false)]
    {
        let request =
            Request { client: Caller::Client(client), action: Action::Create, boundary, route: "create" };
        let said = finding(&policies, &request, &synthetic);
        assert_eq!(said.finding == Finding::Forbid, stops, "{client} {}", boundary.name);
        let ruling = crate::decide(&policies, &request, Scope::PerRecord, Vec::new());
        assert_eq!(ruling.version().contains("+stop@"), stops, "{}", ruling.version());
        if stops {
            assert_eq!(&*said.policies[0], "stop/none");
            assert_eq!(&*said.reason, "an emergency");
        }
    }
    assert!(policies.about(&["Contact"]).is_none(), "a scope without objects holds for all of them");
    let policies = Policies::default_set().unwrap().narrowed(vec![emergency(STOP, "object=Appointment")]);
    assert!(policies.about(&["Contact", "Appointment"]).is_none());
    let others = policies.about(&["Contact"]).unwrap();
    assert!(others.emergencies().is_empty() && others.standing() != policies.standing());
}

#[test]
fn a_scope_reads_back_and_doubt_is_inside() {
    let check = |scope: &str, name: &str, jurisdiction: &str, holds: bool| {
        let parsed: EmergencyScope = scope.parse().unwrap();
        assert_eq!(parsed.to_string(), scope);
        let boundary = boundary(name, jurisdiction);
        let request =
            Request { client: Caller::Client("c"), action: Action::Read, boundary: &boundary, route: "read" };
        assert_eq!(parsed.holds(&request), holds, "{scope} at {name} in {jurisdiction}");
    };
    check("all", "feed", "US-AL", true);
    check("boundary=feed", "feed", "", true);
    check("boundary=feed", "other", "", false);
    check("boundary=feed,boundary=other", "other", "", true);
    check("boundary=feed,client=x", "feed", "", false);
    check("jurisdiction=US", "feed", "US-AL", true);
    check("jurisdiction=US-AL", "feed", "US", true);
    check("jurisdiction=US-AL", "feed", "US-WA", false);
    check("jurisdiction=US-AL", "feed", "", true);
    check("client=c", "feed", "", true);
    check("client=::1,client=My Loader:2,client=python-requests/2.31.0", "feed", "", false);
    for wrong in [
        "",
        "feed",
        "boundary=",
        "object=a b",
        "boundary=a/b",
        "client= a",
        "client=a b ",
        "client=a=b",
        "client=\u{e4}",
        "colour=red",
        "all,client=x",
        "client=a,",
    ] {
        assert!(wrong.parse::<EmergencyScope>().is_err(), "{wrong}");
    }
    let scope: EmergencyScope = "object=ServiceAppointment".parse().unwrap();
    assert!(scope.holds_any(["Contact", "serviceappointment"]) && scope.holds_any([]));
    assert!(!scope.holds_any(["Contact"]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn whatever_its_text_says_it_opens_nothing(
        condition in prop::sample::select(vec!["true", "context.synthetic > 0", "context.unproven > 0",
            "resource.environment == Eosin::Environment::\"production\"", "context.records > 3"]),
        opens in any::<bool>(),
        environment in prop::sample::select(Environment::ALL.to_vec()),
        action in prop::sample::select(Action::ALL.to_vec()),
        synthetic in 0_u64..3, attested in 0_u64..3, unproven in 0_u64..3, forged in 0_u64..2,
    ) {
        let effect = if opens { "permit" } else { "forbid" };
        let text = format!("@id(\"a\") @reason(\"r\") {effect} (principal, action, resource) when {{ {condition} }};\
            @id(\"b\") @reason(\"r\") permit (principal, action, resource);");
        let before = Policies::default_set().unwrap();
        let after = before.narrowed(vec![emergency(&text, "all")]);
        let boundary = Boundary { environment, ..boundary("feed", "US") };
        let request = Request { client: Caller::Client("c"), action, boundary: &boundary, route: "" };
        let records = synthetic + attested + unproven + forged;
        let counts = Counts { records, synthetic, attested, unproven, forged, ..Counts::default() };
        let (was, is) = (finding(&before, &request, &counts), finding(&after, &request, &counts));
        prop_assert!(is.finding >= was.finding, "{:?} {:?}", was, is);
    }
}
