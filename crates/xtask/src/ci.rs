//! Everything CI runs, in the order in which it is soonest wrong: seconds first, minutes later.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use xtask::process::{cargo, watch};
use xtask::tally::Tally;
use xtask::tree;

use crate::{clients, leaks, leaks::Script, peers, say};

/// A step: what it is called, and what it runs.
struct Step {
    name: &'static str,
    run: fn(&Path, &mut Tally) -> Result<(), String>,
}

/// How one went.
struct Done {
    step: &'static Step,
    took: Duration,
    counted: Tally,
    failed: Option<String>,
    /// Why it failed before it was tried once more.
    before: Option<String>,
}

const STEPS: &[Step] = &[
    Step { name: "format", run: |root, _| plain(root, &["fmt", "--all", "--check"], &[]) },
    Step {
        name: "clippy",
        run: |root, _| plain(root, &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"], &[]),
    },
    Step { name: "all tests", run: tests },
    Step { name: "client stories", run: |root, tally| clients::run(root, &[], tally) },
    Step { name: "leak channels", run: |root, tally| leaks::run(root, Script::Channels, &[], tally) },
    Step { name: "FHIR clients", run: |root, tally| leaks::run(root, Script::Fhir, &[], tally) },
    Step { name: "webhooks", run: |root, tally| leaks::run(root, Script::Webhooks, &[], tally) },
    Step { name: "subscriptions", run: |root, tally| leaks::run(root, Script::Subscriptions, &[], tally) },
    Step { name: "console", run: |root, tally| leaks::run(root, Script::Console, &[], tally) },
    Step { name: "bypass duel", run: |root, tally| leaks::run(root, Script::Bypass, &[], tally) },
    Step { name: "kill duel", run: |root, tally| leaks::run(root, Script::Kill, &[], tally) },
    Step {
        name: "kill duel, two gateways",
        run: |root, tally| leaks::run(root, Script::Kill, &["--gateways".to_owned(), "2".to_owned()], tally),
    },
    Step {
        name: "kill duel, a feed of HL7 v2",
        run: |root, tally| leaks::run(root, Script::KillFeed, &[], tally),
    },
    Step { name: "sandbox refresh", run: |root, tally| leaks::run(root, Script::Refresh, &[], tally) },
    Step { name: "golden shapes", run: |root, tally| leaks::run(root, Script::Golden, &[], tally) },
    Step { name: "jsforce's own suite", run: |root, tally| leaks::run(root, Script::Suite, &[], tally) },
    Step { name: "incidents", run: |root, tally| leaks::run(root, Script::Incidents, &[], tally) },
    Step { name: "emergency under load", run: |root, tally| leaks::run(root, Script::Emergency, &[], tally) },
    Step {
        name: "documents",
        run: |root, _| plain(root, &["doc", "--workspace", "--no-deps"], &[("RUSTDOCFLAGS", "-D warnings")]),
    },
];

/// How long a run may have taken, with what a step took before, for the step to be tried once more.
const LATEST: Duration = Duration::from_mins(55);

/// Runs every step, also after a failure: a second run costs more than a longer report.
///
/// A step that failed is tried once more at the end, while there is time: it plays with servers, sockets and packages of
/// others on a machine that others use. What passes only then is said so, with why it failed before.
pub(crate) fn run() -> bool {
    let root = tree::root();
    #[expect(clippy::disallowed_methods, reason = "this is the shell that tells how long it all took")]
    let start = Instant::now();
    let mut done: Vec<Done> = STEPS.iter().map(|step| play(step, &root)).collect();
    for one in &mut done {
        if one.failed.is_none() || start.elapsed() + one.took > LATEST {
            continue;
        }
        say(&format!("\n== {}, once more\n", one.step.name));
        let again = play(one.step, &root);
        *one = Done { before: one.failed.take(), took: one.took + again.took, ..again };
    }
    tell(&done)
}

/// One step, and how it went.
fn play(step: &'static Step, root: &Path) -> Done {
    say(&format!("\n== {}\n", step.name));
    let mut counted = Tally::default();
    #[expect(clippy::disallowed_methods, reason = "this is the shell that tells how long a step took")]
    let start = Instant::now();
    let failed = (step.run)(root, &mut counted).err();
    if let Some(says) = &failed {
        say(&format!("{}: {}\n", step.name, says.lines().next().unwrap_or_default()));
        // What dies or does not build says nothing that could be counted, and is never a clean count.
        counted.failed = counted.failed.max(1);
    }
    Done { step, took: start.elapsed(), counted, failed, before: None }
}

/// Says how it all went, and ends with the count.
fn tell(done: &[Done]) -> bool {
    say("\n");
    for Done { step, took, failed, before, .. } in done {
        let word = match (failed, before) {
            (None, None) => "ok",
            (None, Some(_)) => "ok, late",
            (Some(_), _) => "FAILED",
        };
        say(&format!("{word:>8}  {:>5} s  {}\n", took.as_secs(), step.name));
    }
    // Said once more at the end, where it is looked for: a report of thousands of lines is read from its end.
    for Done { step, failed, before, .. } in done {
        if let Some(says) = before {
            say(&format!("\n== why {} was tried once more\n\n{says}\n", step.name));
        }
        if let Some(says) = failed {
            say(&format!("\n== why {} failed\n\n{says}\n", step.name));
        }
    }
    let tally = done.iter().fold(Tally::default(), |sum, one| sum.and(one.counted));
    say(&format!("\n{tally}\n"));
    tally.failed == 0 && tally.passed > 0
}

fn tests(root: &Path, tally: &mut Tally) -> Result<(), String> {
    let mut run = cargo_in(root, &["test", "--workspace", "--no-fail-fast"], &[]);
    run.env("PATH", peers::path(root)?);
    watch(run, |line| tally.see(line)).map_err(|failed| failed.to_string())
}

fn plain(root: &Path, args: &[&str], environment: &[(&str, &str)]) -> Result<(), String> {
    watch(cargo_in(root, args, environment), |_| {}).map_err(|failed| failed.to_string())
}

fn cargo_in(root: &Path, args: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(cargo());
    command.args(args).current_dir(root).envs(environment.iter().copied());
    command
}
