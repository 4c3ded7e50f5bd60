//! No crate of ours has the name of a crate from a registry: an import would not say which is meant.

use super::Finding;
use crate::tree::Tree;

/// No member's name is taken in the registry part of the lock file.
pub fn members(tree: &Tree) -> Vec<Finding> {
    let Some(lock) = tree.text("Cargo.lock") else {
        return vec![Finding::in_file(
            "Cargo.lock",
            "is missing; it is committed, so that every build is the same",
        )];
    };
    let ours = tree.crates();
    lock.split("[[package]]")
        .filter(|package| package.contains("\nsource = "))
        .filter_map(|package| {
            package.lines().find_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'))
        })
        .filter(|name| ours.contains(name))
        .map(|name| {
            Finding::in_file("Cargo.lock", format!("a registry's crate is called `{name}` too; rename ours"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_be_ours_or_theirs() {
        let ours = "[[package]]\nname = \"mark\"\nversion = \"0.1.0\"\n\n";
        let theirs = "[[package]]\nname = \"mark\"\nversion = \"2.0.0\"\nsource = \"registry+x\"\n";
        for (lock, found) in [(ours.to_owned(), 0), (ours.to_owned() + theirs, 1)] {
            let tree = Tree::of(&[("crates/mark/Cargo.toml", ""), ("Cargo.lock", &lock)]);
            assert_eq!(members(&tree).len(), found);
        }
    }
}
