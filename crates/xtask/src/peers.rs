//! Libraries that are not ours, which tests ask about what we wrote: installed once into a Python of their own.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use xtask::process::watch;
use xtask::tree::{read_text, write_text};

use crate::clients;

/// What is installed, by name and pinned version.
const REQUIREMENTS: &str = "tests/peers.txt";
/// Where, in the checkout.
const FOLDER: &str = ".cache/peers";

/// A `PATH` on which `python3` has the peers.
///
/// Errors: a sentence, if they cannot be installed.
pub(crate) fn path(root: &Path) -> Result<OsString, String> {
    let folder = root.join(FOLDER);
    let text = |path: &Path| read_text(path).map_err(|error| error.to_string());
    let wanted = text(&root.join(REQUIREMENTS))?.ok_or_else(|| format!("there is no {REQUIREMENTS}"))?;
    let stamp = folder.join("installed");
    if stamp.exists() && text(&stamp)?.is_some_and(|installed| installed == wanted) {
        return joined(&folder.join("bin"));
    }
    clients::provide()?;
    let run = |program: &Path, args: &[&str]| {
        let mut command = Command::new(program);
        command.args(args).current_dir(root);
        watch(command, |_| {}).map_err(|failed| failed.to_string())
    };
    run(Path::new("python3"), &["-m", "venv", "--clear", FOLDER])?;
    let pip = ["-m", "pip", "install", "--quiet", "--no-input", "-r", REQUIREMENTS];
    run(&folder.join("bin/python3"), &pip)?;
    write_text(&stamp, &wanted).map_err(|error| error.to_string())?;
    joined(&folder.join("bin"))
}

fn joined(first: &Path) -> Result<OsString, String> {
    let others = env::var_os("PATH").unwrap_or_default();
    let all: Vec<PathBuf> = std::iter::once(first.to_owned()).chain(env::split_paths(&others)).collect();
    env::join_paths(all).map_err(|error| error.to_string())
}
