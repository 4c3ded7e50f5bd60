//! A policy text: anything is taken in or refused in words, and what was taken in can be asked.
#![no_main]

use mark::{Claim, Verdict};
use policy::{
    Action, Boundary, Caller, Continuity, Decision, Environment, Mode, Policies, Request, Scope, decide,
};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let Ok(policies) = Policies::parse("fuzzed", text) else { return };
    let boundary = Boundary {
        name: "feed".to_owned(),
        environment: Environment::Production,
        jurisdiction: "AT".to_owned(),
        mode: Mode::Observe,
        continuity: Continuity::Strict,
        system_of_record: false,
    };
    let request =
        Request { client: Caller::Client("c"), action: Action::Create, boundary: &boundary, route: "r" };
    let ruling = decide(&policies, &request, Scope::Whole, vec![Verdict::Unproven(Claim::None)]);
    // Where a boundary only observes, nothing blocks but an error.
    assert_eq!(ruling.decision() == Decision::Block, !ruling.errors().is_empty());
});
