//! Stories with clients that we did not write: installs what they need, builds the binary, hands over to Python.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use xtask::process::{cargo, watch};
use xtask::tally::Tally;
use xtask::tree;

use crate::say;

/// The harness: starts servers and clients, compares transcripts, prints one closing line.
const HARNESS: &str = "tests/clients/run.py";

/// What the stories need from the system: how to see that it is there, and the Debian packages that bring it.
const SYSTEM: &[(&[&str], &[&str])] = &[
    (&["python3", "-c", "import venv, ensurepip"], &["python3", "python3-venv"]),
    (&["npm", "--version"], &["nodejs", "npm"]),
    // For the story of the console.
    (&["chromium", "--version"], &["chromium"]),
];

/// `cargo xtask clients [client …]`: the stories and their count.
pub(crate) fn alone(only: &[String]) -> bool {
    let mut tally = Tally::default();
    let result = run(&tree::root(), only, &mut tally);
    if let Err(says) = &result {
        say(&format!("{says}\n"));
    }
    result.is_ok() && tally.failed == 0
}

/// Runs the stories and counts them.
///
/// Errors: something cannot be installed or built, or a story failed.
pub(crate) fn run(root: &Path, only: &[String], tally: &mut Tally) -> Result<(), String> {
    provide()?;
    let binary = built(root)?;
    let mut stories = Command::new("python3");
    stories.arg("-u").arg(HARNESS).arg("--eosin").arg(binary).args(only).current_dir(root);
    watch(stories, |line| tally.see(line)).map_err(|failed| failed.to_string())
}

/// Builds the binary; where it is.
pub(crate) fn built(root: &Path) -> Result<PathBuf, String> {
    let mut build = Command::new(cargo());
    build.args(["build", "-p", "eosin"]).current_dir(root);
    watch(build, |_| {}).map_err(|failed| failed.to_string())?;
    Ok(binary(root))
}

/// Installs what is missing, where there is apt and we may use it.
pub(crate) fn provide() -> Result<(), String> {
    let missing: Vec<&str> = SYSTEM
        .iter()
        .filter(|(probe, _)| !answers(probe))
        .flat_map(|(_, packages)| packages.iter().copied())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    say(&format!("installing {}\n", missing.join(", ")));
    let install = [&["install", "-y", "-q", "--no-install-recommends"], missing.as_slice()].concat();
    for args in [["update", "-q"].as_slice(), &install] {
        let mut apt = Command::new("apt-get");
        apt.args(args).env("DEBIAN_FRONTEND", "noninteractive");
        watch(apt, |_| {}).map_err(|failed| {
            format!("the client stories need {}; install them ({failed})", missing.join(", "))
        })?;
    }
    Ok(())
}

fn answers(probe: &[&str]) -> bool {
    let Some((program, args)) = probe.split_first() else { return false };
    Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn binary(root: &Path) -> PathBuf {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |folder| root.join(folder));
    target.join("debug/eosin")
}
