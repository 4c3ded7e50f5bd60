//! Scripts that play a binary against the world: leak channels, duels, shapes, a suite, incidents. Builds it, hands over to
//! Python, counts what is said.

use std::path::Path;
use std::process::Command;

use xtask::process::watch;
use xtask::tally::Tally;
use xtask::tree;

use crate::{clients, say};

/// A script of `tests/leaks`, `tests/clients` or `tests/incidents`, and what it is called in a report.
#[derive(Clone, Copy)]
pub(crate) enum Script {
    /// The table of channels.
    Channels,
    /// Tricks at doors.
    Bypass,
    /// A gateway that is killed under load.
    Kill,
    /// A feed of HL7 v2 whose gateway is killed under load.
    KillFeed,
    /// What a sandbox refresh carries, with and without a gateway.
    Refresh,
    /// The answers of the local org beside those that were recorded from real ones.
    Golden,
    /// jsforce's own tests, straight to the org and through the gateway.
    Suite,
    /// Events from senders and to consumers that we did not write.
    Webhooks,
    /// The Pub/Sub API with clients that we did not write, and a subscriber that is killed.
    Subscriptions,
    /// The console in Chromium.
    Console,
    /// The control API with Schemathesis.
    Control,
    /// FHIR clients and Bundles in front of a FHIR server that is not ours.
    Fhir,
    /// The founding incidents, with and without Eosin.
    Incidents,
    /// An emergency version that is put in force under a load of bookings.
    Emergency,
    /// Every parser with bytes that a fuzzer makes.
    Fuzz,
}

impl Script {
    fn path(self) -> &'static str {
        match self {
            Self::Channels => "tests/leaks/run.py",
            Self::Bypass => "tests/leaks/duel.py",
            Self::Kill => "tests/leaks/kill.py",
            Self::KillFeed => "tests/leaks/kill_feed.py",
            Self::Refresh => "tests/leaks/refresh.py",
            Self::Golden => "tests/clients/golden_shapes.py",
            Self::Suite => "tests/clients/jsforce_suite.py",
            Self::Webhooks => "tests/webhooks/all.py",
            Self::Subscriptions => "tests/subscriptions/all.py",
            Self::Console => "tests/console/run.py",
            Self::Control => "tests/control/all.py",
            Self::Fhir => "tests/fhir/stories.py",
            Self::Incidents => "tests/incidents/run.py",
            Self::Emergency => "tests/emergency/run.py",
            Self::Fuzz => "tests/fuzz/run.py",
        }
    }
}

/// `cargo xtask leaks|bypass|kill|incidents [argument …]`: one script and its count.
pub(crate) fn alone(script: Script, arguments: &[String]) -> bool {
    let mut tally = Tally::default();
    let result = run(&tree::root(), script, arguments, &mut tally);
    if let Err(says) = &result {
        say(&format!("{says}\n"));
    }
    result.is_ok() && tally.failed == 0
}

/// Runs a script and counts what passed.
///
/// Errors: the binary cannot be built, or a scene failed.
pub(crate) fn run(
    root: &Path,
    script: Script,
    arguments: &[String],
    tally: &mut Tally,
) -> Result<(), String> {
    let installs = [
        Script::Channels,
        Script::Console,
        Script::Control,
        Script::Fhir,
        Script::Golden,
        Script::Suite,
        Script::Webhooks,
        Script::Subscriptions,
    ];
    if installs.iter().any(|one| one.path() == script.path()) {
        clients::provide()?;
    }
    let mut python = Command::new("python3");
    python.args(["-u", script.path()]).current_dir(root);
    // A fuzzer builds its own programs.
    if !matches!(script, Script::Fuzz) {
        python.arg("--eosin").arg(clients::built(root)?);
    }
    python.args(arguments);
    watch(python, |line| tally.see(line)).map_err(|failed| failed.to_string())
}
