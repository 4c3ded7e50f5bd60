//! Everything CI runs, in the order in which it is soonest wrong: seconds first, minutes later.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use xtask::failures::Failures;
use xtask::process::{cargo, watch};
use xtask::tally::Tally;
use xtask::tree;

use crate::{clients, leaks, leaks::Script, peers, say};

/// A step: what it is called, and what it runs.
struct Step {
    name: &'static str,
    run: fn(&Path, &mut Tally) -> Result<Late, String>,
}

/// Why what passed had failed before, if it had.
type Late = Option<String>;

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
    Step { name: "format", run: |root, _| format(root) },
    Step {
        name: "clippy",
        run: |root, _| plain(root, &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"], &[]),
    },
    Step { name: "all tests", run: tests },
    Step { name: "client stories", run: |root, tally| clients::run(root, &[], tally).map(|()| None) },
    Step { name: "leak channels", run: |root, tally| script(root, Script::Channels, &[], tally) },
    Step { name: "FHIR clients", run: |root, tally| script(root, Script::Fhir, &[], tally) },
    Step { name: "webhooks", run: |root, tally| script(root, Script::Webhooks, &[], tally) },
    Step { name: "subscriptions", run: |root, tally| script(root, Script::Subscriptions, &[], tally) },
    Step { name: "console", run: |root, tally| script(root, Script::Console, &[], tally) },
    Step { name: "control API", run: |root, tally| script(root, Script::Control, &[], tally) },
    Step { name: "bypass duel", run: |root, tally| script(root, Script::Bypass, &[], tally) },
    Step { name: "kill duel", run: |root, tally| script(root, Script::Kill, &[], tally) },
    Step {
        name: "kill duel, two gateways",
        run: |root, tally| script(root, Script::Kill, &["--gateways", "2"], tally),
    },
    Step {
        name: "kill duel, a feed of HL7 v2",
        run: |root, tally| script(root, Script::KillFeed, &[], tally),
    },
    Step { name: "sandbox refresh", run: |root, tally| script(root, Script::Refresh, &[], tally) },
    Step { name: "golden shapes", run: |root, tally| script(root, Script::Golden, &[], tally) },
    Step { name: "jsforce's own suite", run: |root, tally| script(root, Script::Suite, &[], tally) },
    Step { name: "incidents", run: |root, tally| script(root, Script::Incidents, &[], tally) },
    Step { name: "emergency under load", run: |root, tally| script(root, Script::Emergency, &[], tally) },
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
    let (before, failed) = match (step.run)(root, &mut counted) {
        Ok(late) => (late, None),
        Err(says) => (None, Some(says)),
    };
    if let Some(says) = &failed {
        say(&format!("{}: {}\n", step.name, says.lines().next().unwrap_or_default()));
        // What dies or does not build says nothing that could be counted, and is never a clean count.
        counted.failed = counted.failed.max(1);
    }
    Done { step, took: start.elapsed(), counted, failed, before }
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

/// All tests; those few that failed once more by themselves, which costs a minute where all of them cost ten.
fn tests(root: &Path, tally: &mut Tally) -> Result<Late, String> {
    let path = peers::path(root)?;
    let all = ["test", "--workspace", "--no-fail-fast"];
    let play = |words: &[&str], tally: &mut Tally, failures: &mut Failures| {
        let mut run = cargo_in(root, words, &[]);
        run.env("PATH", &path);
        let watched = watch(run, |line| {
            tally.see(line);
            failures.see(line);
        });
        watched.map_err(|failed| failed.to_string())
    };
    let mut failures = Failures::default();
    let Err(says) = play(&all, tally, &mut failures) else { return Ok(None) };
    let Some(names) = failures.few(tally.failed) else { return Err(says) };
    say(&format!("\n== all tests: {} of them once more\n", names.len()));
    let words: Vec<&str> =
        all.into_iter().chain(["--", "--exact"]).chain(names.iter().map(String::as_str)).collect();
    let mut again = Tally::default();
    play(&words, &mut again, &mut Failures::default())
        .map_err(|again| format!("{says}\n\nonce more: {again}"))?;
    if usize::try_from(again.passed).unwrap_or_default() < names.len() {
        return Err(format!("{says}\n\nonce more: not all of them were found"));
    }
    tally.failed -= u32::try_from(names.len()).unwrap_or(tally.failed).min(tally.failed);
    *tally = tally.and(again);
    Ok(Some(says))
}

/// The workspace, and what is fuzzed of it, which is no part of the workspace.
fn format(root: &Path) -> Result<Late, String> {
    plain(root, &["fmt", "--all", "--check"], &[])?;
    let all = tree::Tree::read(root).map_err(|error| error.to_string())?;
    let targets = all.files().map(|(path, _)| path).filter(|path| path.starts_with("fuzz/fuzz_targets/"));
    let mut rustfmt = Command::new("rustfmt");
    rustfmt.args(["--check", "--edition", "2024"]).args(targets).current_dir(root);
    watch(rustfmt, |_| {}).map_err(|failed| failed.to_string())?;
    Ok(None)
}

fn plain(root: &Path, args: &[&str], environment: &[(&str, &str)]) -> Result<Late, String> {
    watch(cargo_in(root, args, environment), |_| {}).map_err(|failed| failed.to_string())?;
    Ok(None)
}

fn script(root: &Path, script: Script, words: &[&str], tally: &mut Tally) -> Result<Late, String> {
    let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    leaks::run(root, script, &words, tally)?;
    Ok(None)
}

fn cargo_in(root: &Path, args: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(cargo());
    command.args(args).current_dir(root).envs(environment.iter().copied());
    command
}
