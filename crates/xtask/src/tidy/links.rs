//! Links between pages lead somewhere: the file is there, and so is the heading.

use super::Finding;
use crate::tree::{Tree, is_kind};

/// Every relative link of every page resolves.
pub fn relative(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.texts().filter(|(path, _)| is_kind(path, "md") && !path.starts_with("fixtures/"))
    {
        for (index, line) in prose(text) {
            for link in links(line) {
                if let Err(says) = resolve(tree, path, link) {
                    findings.push(Finding::at(path, index, says));
                }
            }
        }
    }
    findings
}

/// The lines outside code blocks.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut code = false;
    text.lines().enumerate().filter(move |(_, line)| {
        let fence = line.trim_start().starts_with("```");
        code ^= fence;
        !code && !fence
    })
}

/// The targets of `[text](target)` in one line, code spans left out.
fn links(line: &str) -> Vec<&str> {
    let outside = line.split('`').step_by(2);
    outside
        .flat_map(|part| part.split("](").skip(1))
        .filter_map(|rest| rest.split_once(')'))
        .map(|(target, _)| target.split(' ').next().unwrap_or(target))
        .collect()
}

fn resolve(tree: &Tree, page: &str, link: &str) -> Result<(), String> {
    if link.contains("://") || link.starts_with("mailto:") {
        return Ok(());
    }
    let (file, heading) = link.split_once('#').map_or((link, None), |(file, heading)| (file, Some(heading)));
    let target = if file.is_empty() { page.to_owned() } else { join(page, file) };
    if !tree.has(&target) {
        return Err(format!("`{link}` leads nowhere: there is no `{target}`"));
    }
    match (heading, tree.text(&target)) {
        (Some(heading), Some(text))
            if is_kind(&target, "md") && !headings(text).any(|found| found == heading) =>
        {
            Err(format!("`{link}` leads nowhere: `{target}` has no such heading"))
        }
        _ => Ok(()),
    }
}

/// The path of `file` as seen from `page`.
fn join(page: &str, file: &str) -> String {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in file.trim_end_matches('/').split('/') {
        match part {
            "." | "" => {}
            ".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    parts.join("/")
}

/// The names by which a page's headings can be linked: lower case, spaces as dashes, the rest dropped.
fn headings(text: &str) -> impl Iterator<Item = String> {
    prose(text).filter(|(_, line)| line.starts_with('#')).map(|(_, line)| {
        let words = line.trim_start_matches('#').trim().to_lowercase();
        words
            .chars()
            .filter_map(|c| match c {
                ' ' => Some('-'),
                c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
                _ => None,
            })
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_to_a_file_and_a_heading() {
        let target = ("docs/guide.md", "# Guide\n\n## First run, in three\n");
        for (link, found) in [
            ("[a](docs/guide.md)", 0),
            ("[a](./docs/guide.md#first-run-in-three)", 0),
            ("[a](docs/)", 0),
            ("[a](#here)", 0),
            ("[a](https://example.org/docs/none.md)", 0),
            ("`[a](docs/none.md)`", 0),
            ("[a](docs/none.md)", 1),
            ("[a](docs/guide.md#second-run)", 1),
            ("[a](docs/guide.md) and [b](none.md \"title\")", 1),
        ] {
            let page = format!("# Here\n\n{link}\n\n```text\n[a](docs/none.md)\n```\n");
            let findings = relative(&Tree::of(&[("README.md", &page), target]));
            assert_eq!(findings.len(), found, "{link}: {findings:?}");
        }
    }

    #[test]
    fn a_page_in_a_folder_links_from_there() {
        let tree = Tree::of(&[
            ("docs/a.md", "[up](../README.md) [beside](b.md)"),
            ("README.md", ""),
            ("docs/b.md", ""),
        ]);
        assert_eq!(relative(&tree), []);
    }
}
