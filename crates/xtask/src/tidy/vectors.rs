//! A published test vector is never edited: others run it against us, and a changed question hides a changed answer.

use std::collections::BTreeMap;
use std::path::Path;

use super::Finding;
use crate::process::{self, Failed};
use crate::tree::{Tree, is_kind};

const FOLDER: &str = "spec/vectors";
/// Names vectors that were wrong, one a line: `- name.json: why`. Saying so is the only way to take one back.
const WITHDRAWN: &str = "spec/vectors/WITHDRAWN.md";

/// Each vector is as the commit that added it has it.
///
/// A shallow clone, an archive or an uncommitted file has no history to compare with, and passes.
pub fn unedited(root: &Path, tree: &Tree) -> Vec<Finding> {
    let withdrawn = tree.text(WITHDRAWN).unwrap_or_default();
    let Ok(first) = first_versions(root) else { return Vec::new() };
    let kept = first.iter().filter(|(path, _)| !withdrawn.contains(&format!("- {}:", name(path))));
    let mut findings = Vec::new();
    for (path, blob) in kept {
        let now = process::output(root, "git", &["hash-object", "--", path]);
        let says = match now {
            Ok(now) if now.trim() == blob => continue,
            Ok(_) => "was edited after it was added",
            Err(_) => "was removed",
        };
        let instead = format!(
            "restore it (git show {blob} > {path}) and put what is new into a new file; \
             if it was wrong, say so in {WITHDRAWN} as `- {}: why`",
            name(path)
        );
        findings.push(Finding::in_file(path, format!("{says}; {instead}")));
    }
    findings
}

fn name(path: &str) -> &str {
    path.strip_prefix(FOLDER).map_or(path, |name| name.trim_start_matches('/'))
}

/// Every vector that was ever added, with the blob that its first commit gave it.
fn first_versions(root: &Path) -> Result<BTreeMap<String, String>, Failed> {
    let args = [
        "log",
        "--reverse",
        "--no-renames",
        "--diff-filter=A",
        "--raw",
        "--no-abbrev",
        "--format=",
        "--",
        FOLDER,
    ];
    let log = process::output(root, "git", &args)?;
    let mut first = BTreeMap::new();
    for line in log.lines() {
        // ":000000 100644 0000… <blob> A\t<path>"
        let Some((meta, path)) = line.split_once('\t') else { continue };
        let Some(blob) = meta.split(' ').nth(3) else { continue };
        if !is_kind(path, "md") {
            first.entry(path.to_owned()).or_insert_with(|| blob.to_owned());
        }
    }
    Ok(first)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::tree::write_text;

    fn git(root: &Path, args: &[&str]) {
        let who = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"];
        let args: Vec<_> = who.iter().chain(args).copied().collect();
        process::output(root, "git", &args).unwrap();
    }

    #[test]
    fn a_vector_may_be_added_but_not_changed() {
        let root = std::env::temp_dir().join(format!("eosin-tidy-vectors-{}", std::process::id()));
        let vector = root.join("spec/vectors/a.json");
        let says = || {
            let tree = Tree::read(&root).unwrap();
            unedited(&root, &tree).into_iter().map(|finding| finding.says).collect::<Vec<_>>().join("\n")
        };
        write_text(&vector, "1\n").unwrap();
        git(&root, &["init", "-q"]);
        assert_eq!(says(), "", "no history, nothing to compare with");
        git(&root, &["add", "."]);
        git(&root, &["commit", "-q", "-m", "one"]);
        assert_eq!(says(), "");

        write_text(&vector, "2\n").unwrap();
        assert!(says().contains("was edited"), "also before the edit is committed");
        git(&root, &["commit", "-q", "-a", "-m", "two"]);
        assert!(says().contains("was edited"));

        fs::remove_file(&vector).unwrap();
        assert!(says().contains("was removed"));
        write_text(&root.join(WITHDRAWN), "- a.json: the expected digest was wrong\n").unwrap();
        assert_eq!(says(), "");

        fs::remove_file(root.join(WITHDRAWN)).unwrap();
        write_text(&vector, "1\n").unwrap();
        assert_eq!(says(), "", "restored");
        fs::remove_dir_all(&root).unwrap();
    }
}
