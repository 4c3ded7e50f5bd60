//! The tree is what its documents say it is.
//!
//! Each check is a function from the checkout to findings; `tests/it/main.rs` runs them with every `cargo test`.

use std::fmt;
use std::path::Path;

use crate::tree::Tree;
use crate::{licences, salesforce};

pub mod changelog;
pub mod imports;
pub mod links;
pub mod lockfile;
pub mod shape;
pub mod vectors;
pub mod words;

/// Something in the tree that is not as it should be, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The file, from the root of the checkout.
    pub path: String,
    /// The line, from 1, where there is one.
    pub line: Option<usize>,
    /// What is wrong and what to do.
    pub says: String,
}

impl Finding {
    /// A finding about a whole file.
    pub fn in_file(path: &str, says: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line: None, says: says.into() }
    }

    /// A finding at a line, counted from 0 as `enumerate` does.
    pub fn at(path: &str, index: usize, says: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line: Some(index + 1), says: says.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(to, "{}:{line}: {}", self.path, self.says),
            None => write!(to, "{}: {}", self.path, self.says),
        }
    }
}

/// Every check on the checkout at `root`.
///
/// Errors: none; what cannot be read or run is itself a finding.
pub fn all(root: &Path) -> Vec<Finding> {
    let tree = match Tree::read(root) {
        Ok(tree) => tree,
        Err(error) => return vec![Finding::in_file(".", format!("the checkout cannot be read: {error}"))],
    };
    let mut findings = Vec::new();
    for check in ON_TREE {
        findings.extend(check(&tree));
    }
    for check in ON_ROOT {
        findings.extend(check(root, &tree));
    }
    findings.sort();
    findings
}

/// Checks that need only the files.
const ON_TREE: &[fn(&Tree) -> Vec<Finding>] = &[
    shape::openings,
    shape::module_names,
    shape::features,
    shape::sizes,
    words::banned,
    words::glosses,
    links::relative,
    changelog::shape,
    lockfile::members,
    imports::manifests,
];

/// Checks that also ask git or cargo.
const ON_ROOT: &[fn(&Path, &Tree) -> Vec<Finding>] =
    &[vectors::unedited, imports::linked, licences::permissive, licences::fresh, package];

/// The Salesforce package is what its table says.
pub fn package(_root: &Path, tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let expected = salesforce::files();
    for (path, text) in &expected {
        if tree.text(path) != Some(text) {
            findings.push(Finding::in_file(path, "differs from its table; run `cargo xtask salesforce`"));
        }
    }
    for (path, _) in tree.files().filter(|(path, _)| path.starts_with(salesforce::FOLDER)) {
        if path.ends_with(".field-meta.xml") && !expected.contains_key(path) {
            findings.push(Finding::in_file(
                path,
                "is in no table; add it to crates/xtask/src/salesforce.rs or remove it",
            ));
        }
    }
    findings
}
