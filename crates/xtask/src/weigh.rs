//! A weigh-in, not a gate: what the tree has grown to, and where.

use std::collections::BTreeSet;
use std::path::Path;

use xtask::process::{cargo, output};
use xtask::tidy::shape::is_source;
use xtask::tree::{self, Tree, read_text};

use crate::say;

const SHOWN: usize = 10;

/// Prints lockfile size, crates linked by each of ours, the longest files, and the slowest units if they were timed.
pub(crate) fn print() -> Result<bool, String> {
    let root = tree::root();
    let tree = Tree::read(&root).map_err(|error| error.to_string())?;
    let locked = tree.text("Cargo.lock").map_or(0, |lock| lock.matches("[[package]]").count());
    say(&format!("{locked} packages in Cargo.lock\n\ncrates linked\n"));
    for krate in tree.crates() {
        say(&format!("{:>7}  {krate}\n", linked(&root, krate)?));
    }
    let mut longest: Vec<_> = tree
        .texts()
        .filter(|(path, _)| is_source(path))
        .map(|(path, text)| (text.lines().count(), path))
        .collect();
    longest.sort_unstable_by(|a, b| b.cmp(a));
    let total: usize = longest.iter().map(|(lines, _)| lines).sum();
    say(&format!("\n{total} lines in {} source files; the longest\n", longest.len()));
    for (lines, path) in longest.iter().take(SHOWN) {
        say(&format!("{lines:>7}  {path}\n"));
    }
    let timings = root.join("target/cargo-timings/cargo-timing.html");
    match read_text(&timings) {
        Ok(Some(page)) => {
            say("\nslowest units of the last timed build, seconds\n");
            for (seconds, unit) in slowest(&page).iter().take(SHOWN) {
                say(&format!("{seconds:>7}  {unit}\n"));
            }
        }
        _ => say("\nno timings; `cargo build --timings` makes them\n"),
    }
    Ok(true)
}

fn linked(root: &Path, krate: &str) -> Result<usize, String> {
    let args = ["tree", "-e", "normal", "--prefix", "none", "--format", "{p}", "-p", krate];
    let out = output(root, &cargo(), &args).map_err(|failed| failed.to_string())?;
    let packages: BTreeSet<&str> = out.lines().map(|line| line.trim_end_matches(" (*)")).collect();
    Ok(packages.len().saturating_sub(1))
}

/// Seconds and name of each unit in cargo's timing page, slowest first.
fn slowest(page: &str) -> Vec<(String, String)> {
    let value = |unit: &str, key: &str| {
        let (_, rest) = unit.split_once(&format!("\"{key}\":"))?;
        Some(rest.trim_start().trim_start_matches('"').split(['"', ',', '\n', '}']).next()?.to_owned())
    };
    let mut units: Vec<(f64, String)> = page
        .split('{')
        .filter_map(|unit| Some((value(unit, "duration")?.parse().ok()?, value(unit, "name")?)))
        .collect();
    units.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    units.into_iter().map(|(seconds, name)| (format!("{seconds:.1}"), name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_read_from_the_page_of_cargo() {
        let page = "const UNIT_DATA = [\n  {\n    \"i\": 0,\n    \"name\": \"serde\",\n    \"version\": \"1\",\n    \"duration\": 2.51\n  },\n  {\n    \"name\": \"hyper\",\n    \"duration\": 10.0\n  }\n];";
        assert_eq!(slowest(page), [("10.0".into(), "hyper".into()), ("2.5".into(), "serde".into())]);
    }
}
