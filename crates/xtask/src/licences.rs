//! What we link: only permissive licences, one cryptography provider, and a page that lists it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use crate::process::{self, Failed};
use crate::tidy::Finding;
use crate::tree::Tree;

/// The page that `cargo xtask licences` writes.
pub const PAGE: &str = "docs/licences.md";

/// The page is about this target; others link a few crates more or fewer.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Licences that let anybody use, change and pass on the binary.
const PERMISSIVE: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "BSD-1-Clause",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "OpenSSL",
    "Unicode-3.0",
    "Unicode-DFS-2016",
    "Unlicense",
    "Zlib",
];

/// One linked package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Package {
    name: String,
    version: String,
    licence: String,
}

/// Every package of the graph may be passed on, and none is a second cryptography provider.
pub fn permissive(root: &Path, _tree: &Tree) -> Vec<Finding> {
    let packages = match graph(root, &["--workspace", "-e", "normal,build,dev"]) {
        Ok(packages) => packages,
        Err(failed) => return vec![Finding::in_file("Cargo.lock", failed.to_string())],
    };
    packages.iter().filter_map(refusal).collect()
}

fn refusal(package: &Package) -> Option<Finding> {
    let Package { name, version, licence } = package;
    if name == "ring" {
        return Some(Finding::in_file(
            "Cargo.lock",
            "links `ring`; aws-lc-rs is our one provider (cargo tree -i ring)",
        ));
    }
    if allows(licence) {
        return None;
    }
    let says = format!(
        "`{name} {version}` is under `{licence}`; replace it, or show that the licence is permissive and list it"
    );
    Some(Finding::in_file("Cargo.lock", says))
}

/// The page is what `cargo xtask licences` would write now.
pub fn fresh(root: &Path, tree: &Tree) -> Vec<Finding> {
    match page(root) {
        Ok(page) if tree.text(PAGE) == Some(&page) => Vec::new(),
        Ok(_) => vec![Finding::in_file(PAGE, "is not what we link; run `cargo xtask licences`")],
        Err(failed) => vec![Finding::in_file(PAGE, failed.to_string())],
    }
}

/// The page: every package that the binary links, with its licence.
///
/// Errors: cargo cannot tell the graph.
pub fn page(root: &Path) -> Result<String, Failed> {
    let linked = graph(root, &["-p", "eosin", "-e", "normal"])?;
    let mut page = String::from(
        "# Licences\n\n\
         Written by `cargo xtask licences`; a test keeps it fresh.\n\
         Eosin is under Apache-2.0. Its binary links these packages (on Linux, x86-64), all under permissive licences.\n\n\
         | package | version | licence |\n|---|---|---|\n",
    );
    for Package { name, version, licence } in &linked {
        // Writing to a String cannot fail.
        let _written = writeln!(page, "| {name} | {version} | {} |", licence.replace('|', "or"));
    }
    Ok(page)
}

/// The packages that a registry gave, by what `cargo tree` says.
fn graph(root: &Path, of: &[&str]) -> Result<BTreeSet<Package>, Failed> {
    let args = [&["tree", "--prefix", "none", "--target", TARGET, "--format", "{p}\t{l}"], of].concat();
    let out = process::output(root, &process::cargo(), &args)?;
    Ok(out.lines().filter_map(package).collect())
}

/// `name v1.2.3 (proc-macro)\tMIT` or, for ours, `name v0.1.0 (/path)\tApache-2.0`.
fn package(line: &str) -> Option<Package> {
    let (what, licence) = line.split_once('\t')?;
    let mut words = what.split(' ');
    let (name, version) = (words.next()?, words.next()?.strip_prefix('v')?);
    let ours = words.any(|word| word.starts_with("(/") || word.contains(":\\"));
    let licence = licence.trim().trim_end_matches(" (*)");
    (!ours).then(|| Package {
        name: name.to_owned(),
        version: version.to_owned(),
        licence: licence.to_owned(),
    })
}

/// Whether an SPDX expression leaves us a permissive choice. `/` is the older spelling of `OR`.
fn allows(expression: &str) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    either(&mut rest) && rest.is_empty()
}

fn either(rest: &mut &[&str]) -> bool {
    let mut allowed = both(rest);
    while next_is(rest, "OR") {
        allowed |= both(rest);
    }
    allowed
}

fn both(rest: &mut &[&str]) -> bool {
    let mut allowed = one(rest);
    while next_is(rest, "AND") {
        allowed &= one(rest);
    }
    allowed
}

fn one(rest: &mut &[&str]) -> bool {
    if next_is(rest, "(") {
        let allowed = either(rest);
        return next_is(rest, ")") && allowed;
    }
    let Some((name, after)) = rest.split_first() else { return false };
    *rest = after;
    if next_is(rest, "WITH") {
        // An exception only adds permissions.
        *rest = rest.get(1..).unwrap_or_default();
    }
    PERMISSIVE.contains(name)
}

fn next_is(rest: &mut &[&str], word: &str) -> bool {
    let Some((first, after)) = rest.split_first() else { return false };
    let found = *first == word;
    if found {
        *rest = after;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_leaves_a_choice_or_does_not() {
        for (expression, allowed) in [
            ("MIT", true),
            ("MIT OR Apache-2.0", true),
            ("MIT/Apache-2.0", true),
            ("Apache-2.0 WITH LLVM-exception OR GPL-3.0", true),
            ("ISC AND (Apache-2.0 OR ISC)", true),
            ("(MIT OR GPL-2.0) AND Unicode-3.0", true),
            ("MIT AND GPL-3.0", false),
            ("GPL-3.0-only", false),
            ("(MIT", false),
            ("MIT Apache-2.0", false),
            ("", false),
        ] {
            assert_eq!(allows(expression), allowed, "{expression}");
        }
    }

    #[test]
    fn a_line_of_cargo_tree_is_a_package_unless_it_is_ours() {
        let name = |line: &str| package(line).map(|package| (package.name, package.version, package.licence));
        let serde = ("serde".to_owned(), "1.0.2".to_owned(), "MIT OR Apache-2.0".to_owned());
        assert_eq!(name("serde v1.0.2\tMIT OR Apache-2.0"), Some(serde.clone()));
        assert_eq!(name("serde v1.0.2 (proc-macro)\tMIT OR Apache-2.0 (*)"), Some(serde));
        assert_eq!(name("mark v0.1.0 (/home/x/crates/mark)\tApache-2.0"), None);
    }

    #[test]
    fn a_second_provider_and_an_unknown_licence_are_refused() {
        let of = |name: &str, licence: &str| Package {
            name: name.into(),
            version: "1.0.0".into(),
            licence: licence.into(),
        };
        assert!(refusal(&of("ring", "ISC")).is_some());
        assert!(refusal(&of("other", "AGPL-3.0")).is_some());
        assert!(refusal(&of("other", "MIT")).is_none());
    }
}
