//! Crates import what the table in ARCHITECTURE.md allows, and link nothing that it says they never do.

use std::collections::BTreeMap;
use std::path::Path;

use super::Finding;
use crate::process;
use crate::tree::Tree;

const PAGE: &str = "ARCHITECTURE.md";

/// What one crate may and may never do.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// Crates of ours that its code may name.
    pub may_import: Vec<String>,
    /// Crates that nothing it links may bring.
    pub never_links: Vec<String>,
}

/// The table under `| crate | may import | never links |`.
pub fn table(tree: &Tree) -> BTreeMap<String, Row> {
    let text = tree.text(PAGE).unwrap_or_default();
    let rows = text.lines().skip_while(|line| !line.starts_with("| crate |")).skip(2);
    rows.take_while(|line| line.starts_with('|')).filter_map(row).collect()
}

fn row(line: &str) -> Option<(String, Row)> {
    let mut cells = line.trim().trim_matches('|').split('|').map(str::trim);
    let words = |cell: &str| cell.split(", ").filter(|word| !word.is_empty()).map(str::to_owned).collect();
    let name = cells.next().filter(|name| !name.is_empty())?;
    Some((name.to_owned(), Row { may_import: words(cells.next()?), never_links: words(cells.next()?) }))
}

/// Each manifest against "may import", and a row for every crate.
pub fn manifests(tree: &Tree) -> Vec<Finding> {
    let table = table(tree);
    let mut findings = Vec::new();
    for krate in tree.crates() {
        let path = format!("crates/{krate}/Cargo.toml");
        let Some(row) = table.get(krate) else {
            findings.push(Finding::in_file(PAGE, format!("`{krate}` has no row in the table of imports")));
            continue;
        };
        let manifest = tree.text(&path).unwrap_or_default();
        for name in dependencies(manifest).filter(|name| table.contains_key(*name)) {
            if !row.may_import.iter().any(|allowed| allowed == name) {
                findings.push(Finding::in_file(&path, format!("`{krate}` imports `{name}`; {PAGE} says no")));
            }
        }
    }
    for krate in table.keys().filter(|krate| !tree.has(&format!("crates/{krate}"))) {
        findings
            .push(Finding::in_file(PAGE, format!("the table of imports has `{krate}`, which is not there")));
    }
    findings
}

/// `cargo tree` of each crate against "never links".
pub fn linked(root: &Path, tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (krate, row) in table(tree).iter().filter(|(_, row)| !row.never_links.is_empty()) {
        match links(root, krate) {
            Ok(links) => {
                for name in row.never_links.iter().filter(|name| links.contains(name)) {
                    let says = format!(
                        "`{krate}` links `{name}`; {PAGE} says never (cargo tree -p {krate} -e normal -i {name})"
                    );
                    findings.push(Finding::in_file(&format!("crates/{krate}/Cargo.toml"), says));
                }
            }
            Err(failed) => findings.push(Finding::in_file(&format!("crates/{krate}"), failed.to_string())),
        }
    }
    findings
}

/// Names in `[dependencies]` and in `[dependencies.name]`, also those of one target or of the build.
fn dependencies(manifest: &str) -> impl Iterator<Item = &str> {
    let mut inside = false;
    manifest.lines().filter_map(move |line| {
        let line = line.trim();
        if let Some(header) = line.strip_prefix('[') {
            let header = header.trim_end_matches(']');
            inside = header.ends_with("dependencies") && !header.ends_with("dev-dependencies");
            return header
                .split_once("dependencies.")
                .filter(|(before, _)| !before.ends_with("dev-"))
                .map(|(_, name)| name);
        }
        let name =
            line.split(['.', ' ', '=']).next().filter(|name| !name.is_empty() && !name.starts_with('#'));
        name.filter(|_| inside)
    })
}

fn links(root: &Path, krate: &str) -> Result<Vec<String>, process::Failed> {
    let args = ["tree", "-e", "normal", "--prefix", "none", "--format", "{p}", "-p", krate];
    let out = process::output(root, &process::cargo(), &args)?;
    Ok(out.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "# A\n\n| crate | may import | never links |\n|---|---|---|\n| mark | | tokio, hyper |\n| ledger | mark | |\n\nMore.\n";

    fn check(ledger: &str, found: usize) {
        let tree = Tree::of(&[
            ("ARCHITECTURE.md", TABLE),
            ("crates/mark/Cargo.toml", "[dependencies]\n"),
            ("crates/ledger/Cargo.toml", ledger),
        ]);
        let findings = manifests(&tree);
        assert_eq!(findings.len(), found, "{ledger}: {findings:?}");
    }

    #[test]
    fn an_import_needs_its_row() {
        check("[dependencies]\nmark.workspace = true\n", 0);
        check("[dependencies]\nserde.workspace = true\n", 0);
        check("[dev-dependencies]\nledger.workspace = true\n[dev-dependencies.ledger]\n", 0);
        check("[dependencies]\nledger = { path = \"../ledger\" }\n", 1);
        check("[dependencies.ledger]\nworkspace = true\n", 1);
        check("[target.'cfg(unix)'.dependencies]\nledger.workspace = true\n", 1);
        check("[build-dependencies]\nledger.workspace = true\n", 1);
    }

    #[test]
    fn the_table_and_the_tree_have_the_same_crates() {
        let tree = Tree::of(&[
            ("ARCHITECTURE.md", TABLE),
            ("crates/flow/Cargo.toml", ""),
            ("crates/mark/Cargo.toml", ""),
        ]);
        let says: Vec<_> = manifests(&tree).into_iter().map(|finding| finding.says).collect();
        assert!(says.iter().any(|says| says.contains("`flow` has no row")), "{says:?}");
        assert!(says.iter().any(|says| says.contains("`ledger`, which is not there")), "{says:?}");
    }

    #[test]
    fn a_row_is_read() {
        let row = &table(&Tree::of(&[("ARCHITECTURE.md", TABLE)]))["mark"];
        assert_eq!(row, &Row { may_import: vec![], never_links: vec!["tokio".into(), "hyper".into()] });
    }
}
