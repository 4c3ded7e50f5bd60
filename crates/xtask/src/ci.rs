//! Everything CI runs, in the order in which it is soonest wrong: seconds first, minutes later.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use xtask::process::{cargo, watch};
use xtask::tally::Tally;
use xtask::tree;

use crate::{clients, leaks, leaks::Script, peers, say};

/// A step: what it is called, and what it ran for.
struct Done {
    name: &'static str,
    took: Duration,
    failed: Option<String>,
}

/// Runs every step, also after a failure: a second run costs more than a longer report.
pub(crate) fn run() -> bool {
    let root = tree::root();
    let mut tally = Tally::default();
    let mut done = Vec::new();
    let mut step = |name, run: &mut dyn FnMut() -> Result<(), String>| {
        say(&format!("\n== {name}\n"));
        #[expect(clippy::disallowed_methods, reason = "this is the shell that tells how long a step took")]
        let start = Instant::now();
        let failed = run().err();
        if let Some(says) = &failed {
            say(&format!("{name}: {}\n", says.lines().next().unwrap_or_default()));
        }
        done.push(Done { name, took: start.elapsed(), failed });
    };

    step("format", &mut || plain(&root, &["fmt", "--all", "--check"], &[]));
    step("clippy", &mut || {
        plain(&root, &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"], &[])
    });
    step("all tests", &mut || {
        let before = tally;
        let mut run = cargo_in(&root, &["test", "--workspace", "--no-fail-fast"], &[]);
        run.env("PATH", peers::path(&root)?);
        let result = watch(run, |line| tally.see(line)).map_err(|failed| failed.to_string());
        // A test binary that dies, or does not build, says nothing that could be counted.
        if result.is_err() && tally.failed == before.failed {
            tally.failed += 1;
        }
        result
    });
    step("client stories", &mut || clients::run(&root, &[], &mut tally));
    step("leak channels", &mut || leaks::run(&root, Script::Channels, &[], &mut tally));
    step("FHIR clients", &mut || leaks::run(&root, Script::Fhir, &[], &mut tally));
    step("webhooks", &mut || leaks::run(&root, Script::Webhooks, &[], &mut tally));
    step("subscriptions", &mut || leaks::run(&root, Script::Subscriptions, &[], &mut tally));
    step("bypass duel", &mut || leaks::run(&root, Script::Bypass, &[], &mut tally));
    step("kill duel", &mut || leaks::run(&root, Script::Kill, &[], &mut tally));
    step("kill duel, two gateways", &mut || {
        leaks::run(&root, Script::Kill, &["--gateways".to_owned(), "2".to_owned()], &mut tally)
    });
    step("kill duel, a feed of HL7 v2", &mut || leaks::run(&root, Script::KillFeed, &[], &mut tally));
    step("sandbox refresh", &mut || leaks::run(&root, Script::Refresh, &[], &mut tally));
    step("golden shapes", &mut || leaks::run(&root, Script::Golden, &[], &mut tally));
    step("jsforce's own suite", &mut || leaks::run(&root, Script::Suite, &[], &mut tally));
    step("incidents", &mut || leaks::run(&root, Script::Incidents, &[], &mut tally));
    step("documents", &mut || {
        plain(&root, &["doc", "--workspace", "--no-deps"], &[("RUSTDOCFLAGS", "-D warnings")])
    });

    say("\n");
    for Done { name, took, failed } in &done {
        let word = if failed.is_none() { "ok" } else { "FAILED" };
        say(&format!("{word:>7}  {:>5} s  {name}\n", took.as_secs()));
    }
    // Said once more at the end, where it is looked for: a report of thousands of lines is read from its end.
    for (name, says) in done.iter().filter_map(|step| step.failed.as_ref().map(|says| (step.name, says))) {
        say(&format!("\n== why {name} failed\n\n{says}\n"));
    }
    let good = done.iter().all(|step| step.failed.is_none());
    if !good && tally.failed == 0 {
        // The closing line is what a machine reads: a failed step is never a clean count.
        tally.failed = 1;
    }
    say(&format!("\n{tally}\n"));
    good && tally.failed == 0 && tally.passed > 0
}

fn plain(root: &Path, args: &[&str], environment: &[(&str, &str)]) -> Result<(), String> {
    watch(cargo_in(root, args, environment), |_| {}).map_err(|failed| failed.to_string())
}

fn cargo_in(root: &Path, args: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(cargo());
    command.args(args).current_dir(root).envs(environment.iter().copied());
    command
}
