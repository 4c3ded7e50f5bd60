//! Words that do not land: unfinished business, this machine's paths, registries' addresses, and one false promise.

use super::Finding;
use crate::tree::{Tree, is_kind};

/// What is refused, and what to do instead. In pieces, so that this page passes itself.
const BANNED: &[(&str, &str)] = &[
    (concat!("dbg", "!("), "print nothing, or log through tracing"),
    (STAND_IN, "finish it or leave it out"),
    (concat!("unimplemen", "ted!("), "finish it or leave it out"),
    (concat!("FIX", "ME"), "fix it before it lands"),
    (concat!("/", "work/"), "a path of one machine; take it from the settings or the checkout"),
    (concat!("/", "root/"), "a path of one machine; take it from the settings or the checkout"),
    (concat!("/", "tmp/bash"), "a path of one machine; use a temporary folder"),
    (concat!("crates", ".io"), "no registry hosts; name the package"),
    (concat!("docs", ".rs"), "no registry hosts; name the package"),
    (concat!("pypi", ".org"), "no registry hosts; name the package"),
    (concat!("python", "hosted.org"), "no registry hosts; name the package"),
    (concat!("npm", "js.org"), "no registry hosts; name the package"),
    (concat!("npm", "js.com"), "no registry hosts; name the package"),
    (concat!("deb.", "debian.org"), "no registry hosts; name the package"),
];

const STAND_IN: &str = concat!("to", "do!(");

/// Three capital X, as a word: somebody meant to come back.
const COME_BACK: &str = concat!("X", "XX");

/// How a person or record would be called real.
const GLOSSES: &[&str] = &["real patient", "real person", "real people", "real record", "genuine patient"];

/// What may never be glossed so: our verdicts say what is proved, and nothing proves that somebody is real.
const VERDICTS: &[&str] = &["unproven", "unmarked", "attested", "verdict"];

/// Words by which a sentence denies the gloss instead of making it.
const DENIALS: &[&str] = &["never", " not ", "nobody", "n't ", " no ", "false"];

/// No banned word in any source or page.
pub fn banned(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.texts().filter(|(path, _)| is_read(path)) {
        for (index, line) in text.lines().enumerate() {
            for (needle, instead) in BANNED {
                // A documentation test may stand in for a value that it is about not having.
                let stands_in = *needle == STAND_IN && line.trim_start().starts_with("//");
                if line.contains(needle) && !stands_in {
                    findings.push(Finding::at(path, index, format!("`{needle}`: {instead}")));
                }
            }
            if has_word(line, COME_BACK) {
                findings.push(Finding::at(path, index, format!("`{COME_BACK}`: come back to it now")));
            }
        }
    }
    findings
}

/// No verdict is explained as a real person.
///
/// Unproven means that we cannot tell; attested means that somebody vouches. A line that says otherwise would teach
/// its reader to trust a record because nobody marked it.
pub fn glosses(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.texts().filter(|(path, _)| is_read(path) && !path.ends_with("tidy/words.rs")) {
        for (index, line) in text.lines().enumerate() {
            let line = line.to_lowercase();
            let says = |words: &[&str]| words.iter().any(|word| line.contains(word));
            if says(GLOSSES) && says(VERDICTS) && !says(DENIALS) {
                findings.push(Finding::at(
                    path,
                    index,
                    "a verdict is never a real person: say attested by whom, or unproven",
                ));
            }
        }
    }
    findings
}

/// Sources and pages; not data, not lock files.
fn is_read(path: &str) -> bool {
    let data = path.starts_with("fixtures/") || path.starts_with("spec/vectors/");
    let lock = is_kind(path, "lock");
    !data && !lock
}

fn has_word(line: &str, word: &str) -> bool {
    line.split(|c: char| !c.is_alphanumeric()).any(|found| found == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(of: fn(&Tree) -> Vec<Finding>, line: &str, found: usize) {
        assert_eq!(of(&Tree::of(&[("docs/page.md", line)])).len(), found, "{line}");
    }

    #[test]
    fn every_banned_word_is_found_wherever_it_stands() {
        for (needle, _) in BANNED {
            check(banned, &format!("see {needle} there"), 1);
        }
        check(banned, &format!("// {COME_BACK}: later"), 1);
        check(banned, &format!("/// let ruling: Ruling = {STAND_IN});"), 0);
        check(banned, &format!("555-01{COME_BACK} and the Z{COME_BACK} segment"), 0);
        let data = Tree::of(&[("fixtures/a.json", BANNED[0].0)]);
        assert_eq!(banned(&data), []);
    }

    #[test]
    fn a_verdict_is_not_a_person() {
        check(glosses, "unproven: probably a real patient", 1);
        check(glosses, "Verdict::Attested => \"real person\"", 1);
        check(glosses, "unproven never means a real patient", 0);
        check(glosses, "This is a test record. It is not about a real patient.", 0);
    }
}
