//! How long a decision takes: one record, and collections whose records are of few or of many cases.
#![expect(clippy::disallowed_methods, clippy::print_stdout, reason = "a bench reads a clock and prints")]
#![expect(clippy::unwrap_used, reason = "a bench stops at the first surprise")]

use std::{hint::black_box, time::Instant};

use mark::{Claim, Distrust, Forgery, Verdict};
use policy::{Action, Boundary, Caller, Continuity, Environment, Mode, Policies, Request, Scope, decide};

fn main() {
    let policies = Policies::default_set().unwrap();
    let boundary = Boundary {
        name: "feed".to_owned(),
        environment: Environment::Production,
        jurisdiction: "US-AL".to_owned(),
        mode: Mode::Enforce,
        continuity: Continuity::Strict,
        system_of_record: false,
    };
    let request = Request {
        client: Caller::Client("nightly-sync"),
        action: Action::Create,
        boundary: &boundary,
        route: "sobjects/Contact",
    };
    let one = vec![Verdict::Unproven(Claim::None)];
    let kinds = [
        Verdict::Unproven(Claim::None),
        Verdict::Unproven(Claim::Synthetic),
        Verdict::Forged(Forgery::Receipt),
        Verdict::Untrusted(Distrust::Dataset("abc".to_owned())),
    ];
    let of =
        |kinds: &[Verdict], records: usize| kinds.iter().cycle().take(records).cloned().collect::<Vec<_>>();

    println!("{:<44} {:>12} {:>14}", "decide, 16 default policies", "decisions/s", "a decision");
    let measure = |name: &str, scope: Scope, verdicts: &[Verdict]| {
        let seconds = best_of_five(|| {
            black_box(decide(&policies, &request, scope, verdicts.to_vec()));
        });
        println!("{name:<44} {:>12.0} {:>11.1} µs", 1.0 / seconds, seconds * 1e6);
    };
    measure("1 record", Scope::PerRecord, &one);
    measure("1 record, whole", Scope::Whole, &one);
    measure("200 records of 1 case", Scope::PerRecord, &of(&one, 200));
    measure("200 records of 4 cases", Scope::PerRecord, &of(&kinds, 200));
    measure("200 records of 4 cases, whole", Scope::Whole, &of(&kinds, 200));
    measure("100,000 records of 4 cases", Scope::PerRecord, &of(&kinds, 100_000));
    let seconds = best_of_five(|| {
        black_box(Policies::default_set().unwrap());
    });
    println!(
        "{:<44} {:>12.0} {:>11.1} µs",
        "read and check the default policies",
        1.0 / seconds,
        seconds * 1e6
    );
}

/// Seconds one call takes: the best of five rounds of about a fifth of a second.
fn best_of_five(mut call: impl FnMut()) -> f64 {
    let mut best = f64::MAX;
    for _ in 0..5 {
        let start = Instant::now();
        let mut calls = 0_u32;
        while start.elapsed().as_millis() < 200 {
            call();
            calls += 1;
        }
        best = best.min(start.elapsed().as_secs_f64() / f64::from(calls));
    }
    best
}
