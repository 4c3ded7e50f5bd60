//! The changelog keeps the shape that people and programs expect (Keep a Changelog 1.1).

use super::Finding;
use crate::tree::Tree;

const PAGE: &str = "CHANGELOG.md";
const KINDS: &[&str] = &["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"];

/// `CHANGELOG.md` is there and has the shape.
pub fn shape(tree: &Tree) -> Vec<Finding> {
    let Some(text) = tree.text(PAGE) else {
        return vec![Finding::in_file(PAGE, "is missing; see Keep a Changelog for its shape")];
    };
    let mut findings = Vec::new();
    if text.lines().next() != Some("# Changelog") {
        findings.push(Finding::at(PAGE, 0, "opens with `# Changelog`"));
    }
    if !text.lines().any(|line| line.starts_with("## ")) {
        findings.push(Finding::in_file(PAGE, "has no version; the first is `## [Unreleased]`"));
    }
    let mut version = None;
    let mut kind = None;
    for (index, line) in text.lines().enumerate() {
        if let Some(name) = line.strip_prefix("## ") {
            if !is_version(name) {
                findings.push(Finding::at(
                    PAGE,
                    index,
                    "a version is `## [Unreleased]` or `## [1.2.3] - 2026-01-31`",
                ));
            }
            version = Some(name);
            kind = None;
        } else if let Some(name) = line.strip_prefix("### ") {
            if !KINDS.contains(&name) {
                findings.push(Finding::at(PAGE, index, format!("`{name}` is none of {}", KINDS.join(", "))));
            }
            if version.is_none() {
                findings.push(Finding::at(PAGE, index, "stands before the first version"));
            }
            kind = Some(name);
        } else if line.starts_with("- ") && version.is_some() && kind.is_none() {
            findings.push(Finding::at(PAGE, index, "a change stands under a kind, as `### Added`"));
        }
    }
    findings
}

fn is_version(name: &str) -> bool {
    if name == "[Unreleased]" {
        return true;
    }
    let Some((version, date)) = name.strip_prefix('[').and_then(|rest| rest.split_once("] - ")) else {
        return false;
    };
    let numbers = |text: &str, at: char, lengths: &[usize]| {
        let parts: Vec<_> = text.split(at).collect();
        parts.len() == lengths.len()
            && parts.iter().zip(lengths).all(|(part, length)| {
                part.chars().all(|c| c.is_ascii_digit())
                    && !part.is_empty()
                    && (*length == 0 || part.len() == *length)
            })
    };
    numbers(version, '.', &[0, 0, 0]) && numbers(date, '-', &[4, 2, 2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shape_is_kept() {
        for (page, found) in [
            ("# Changelog\n\n## [Unreleased]\n\n### Added\n\n- A thing.\n\n## [1.0.0] - 2026-11-21\n", 0),
            ("# Changes\n\n## [Unreleased]\n", 1),
            ("# Changelog\n", 1),
            ("# Changelog\n\n## 1.0.0\n", 1),
            ("# Changelog\n\n## [1.0] - 2026-11-21\n", 1),
            ("# Changelog\n\n## [1.0.0] - 21.11.2026\n", 1),
            ("# Changelog\n\n## [Unreleased]\n\n- A thing.\n", 1),
            ("# Changelog\n\n## [Unreleased]\n\n### New\n\n- A thing.\n", 1),
        ] {
            let findings = shape(&Tree::of(&[(PAGE, page)]));
            assert_eq!(findings.len(), found, "{page}: {findings:?}");
        }
        assert_eq!(shape(&Tree::of(&[])).len(), 1);
    }
}
