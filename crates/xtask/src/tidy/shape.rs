//! Files: how they open, what they are called, how long they are.

use super::Finding;
use crate::tree::{Tree, is_kind};

/// Names of drawers: they say nothing of what is inside, so everything ends there.
const DRAWERS: &[&str] =
    &["common", "helper", "helpers", "manager", "misc", "service", "types", "util", "utils"];

/// Longest source file in lines; past it there are two ideas in one file.
const SOURCE_LINES_MAX: usize = 700;

/// Longest tracked file in bytes; a reviewer reads what is below it.
const FILE_BYTES_MAX: u64 = 64 << 10;

/// Where longer files belong, and why.
const LONG_FILES: &[(&str, &str)] = &[
    ("crates/carrier/src/fhir/elements.txt", "the elements of every type of FHIR R4, a fact a word"),
    ("Cargo.lock", "written by cargo"),
    ("fixtures/", "data, with its source beside it"),
    ("spec/openapi.json", "made of the code, for whoever makes a client of it"),
    ("spec/vectors/", "data that others run against us"),
    ("tests/clients/package-lock.json", "written by npm"),
    ("tests/clients/suite/package-lock.json", "written by npm"),
    ("crates/org/catalogue", "the standard objects, as data"),
];

/// Every Rust file opens with `//!` and says what it is.
pub fn openings(tree: &Tree) -> Vec<Finding> {
    let opens = |text: &str| {
        text.lines().next().is_some_and(|line| line.strip_prefix("//! ").is_some_and(|says| !says.is_empty()))
    };
    rust(tree)
        .filter(|(_, text)| !opens(text))
        .map(|(path, _)| Finding::in_file(path, "does not say what it is; open it with `//! …`"))
        .collect()
}

/// No module is a drawer, and no module is called `mod.rs`.
pub fn module_names(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, _) in tree.files().filter(|(path, _)| path.starts_with("crates/")) {
        if path.ends_with("/mod.rs") {
            findings
                .push(Finding::in_file(path, "name the file after the module and put it beside the folder"));
        }
        let parts = path.split('/').map(|part| part.strip_suffix(".rs").unwrap_or(part));
        for part in parts.filter(|part| DRAWERS.contains(part)) {
            findings.push(Finding::in_file(
                path,
                format!("`{part}` does not say what is inside; name it for what it holds"),
            ));
        }
    }
    findings
}

/// Only the binary has cargo features: elsewhere they would change behaviour by who else is built.
pub fn features(tree: &Tree) -> Vec<Finding> {
    let needles = [concat!("cfg(", "feature"), concat!("cfg_attr(", "feature"), concat!("cfg!(", "feature")];
    let mut findings = Vec::new();
    for (path, text) in rust(tree).filter(|(path, _)| !path.starts_with("crates/eosin/")) {
        for (index, line) in text.lines().enumerate() {
            if needles.iter().any(|needle| line.contains(needle)) {
                findings.push(Finding::at(
                    path,
                    index,
                    "features belong to crates/eosin alone; pass a value instead",
                ));
            }
        }
    }
    findings
}

/// No source file over 700 lines, no tracked file over 64 KiB outside the listed places.
pub fn sizes(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, entry) in tree.files() {
        let listed = LONG_FILES.iter().any(|(place, _why)| path.starts_with(place));
        if entry.bytes > FILE_BYTES_MAX && !listed {
            let says = format!(
                "has {} KiB; shorten it, or list its place and reason in tidy/shape.rs",
                entry.bytes >> 10
            );
            findings.push(Finding::in_file(path, says));
        }
        let lines = entry.text.as_ref().map_or(0, |text| text.lines().count());
        if is_source(path) && lines > SOURCE_LINES_MAX {
            findings.push(Finding::in_file(
                path,
                format!("has {lines} lines; find its second idea and give it a file"),
            ));
        }
    }
    findings
}

/// Whether the file is written by people in a language.
pub fn is_source(path: &str) -> bool {
    ["rs", "py", "mjs", "js", "sh", "css", "html"].iter().any(|kind| is_kind(path, kind))
}

fn rust(tree: &Tree) -> impl Iterator<Item = (&str, &str)> {
    tree.texts().filter(|(path, _)| is_kind(path, "rs"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(of: fn(&Tree) -> Vec<Finding>, path: &str, text: &str, found: usize) {
        let findings = of(&Tree::of(&[(path, text)]));
        assert_eq!(findings.len(), found, "{path}: {findings:?}");
    }

    #[test]
    fn a_file_must_say_what_it_is() {
        check(openings, "crates/mark/src/a.rs", "//! What it is.\n", 0);
        check(openings, "crates/mark/src/a.rs", "//!\n//! late\n", 1);
        check(openings, "crates/mark/src/a.rs", "use std::fmt;\n", 1);
        check(openings, "crates/mark/src/a.rs", "", 1);
        check(openings, "tests/clients/a.py", "", 0);
    }

    #[test]
    fn drawers_are_refused_as_files_and_as_folders() {
        check(module_names, "crates/mark/src/utils.rs", "", 1);
        check(module_names, "crates/mark/src/common/tree.rs", "", 1);
        check(module_names, "crates/mark/src/merkle/mod.rs", "", 1);
        check(module_names, "crates/mark/src/merkle.rs", "", 0);
        check(module_names, "crates/org/src/service_appointment.rs", "", 0);
    }

    #[test]
    fn features_are_the_binarys_alone() {
        let line = concat!("#[cfg(", "feature = \"serve\")]\n");
        check(features, "crates/eosin/src/main.rs", line, 0);
        check(features, "crates/flow/src/lib.rs", line, 1);
        check(features, "crates/flow/src/lib.rs", "#[cfg(test)]\n", 0);
    }

    #[test]
    fn long_files_need_a_place_and_long_sources_have_none() {
        let long = "x".repeat(70 << 10);
        check(sizes, "docs/a.txt", &long, 1);
        check(sizes, "fixtures/fhir/a.json", &long, 0);
        let many = "//\n".repeat(701);
        check(sizes, "crates/mark/src/a.rs", &many, 1);
        check(sizes, "fixtures/a.csv", &many, 0);
    }
}
