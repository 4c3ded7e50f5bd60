//! The tests that a run of cargo said have failed, by name, so that they can be played once more by themselves.

use std::collections::BTreeSet;

/// Most tests that are played once more: where more fail, something is wrong with all of it.
const FEW: usize = 8;

/// Names of tests that failed, seen line by line.
#[derive(Debug, Default)]
pub struct Failures {
    names: BTreeSet<String>,
    lines: usize,
}

impl Failures {
    /// Sees one line.
    ///
    /// Shape: `test some::name ... FAILED`; of a test that prints, or that others print into, the name is not known.
    pub fn see(&mut self, line: &str) {
        let failed = line.strip_prefix("test ").and_then(|rest| rest.strip_suffix(" ... FAILED"));
        if let Some(name) = failed {
            self.lines += 1;
            self.names.insert(name.trim_end_matches(" - should panic").to_owned());
        }
    }

    /// All that failed, if they are few and every one of `counted` is known by name.
    #[must_use]
    pub fn few(&self, counted: u32) -> Option<Vec<String>> {
        let is_all = usize::try_from(counted).is_ok_and(|counted| counted == self.lines);
        let is_few = (1..=FEW).contains(&self.names.len()) && self.names.len() == self.lines;
        (is_all && is_few).then(|| self.names.iter().cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(lines: &[&str]) -> Failures {
        let mut failures = Failures::default();
        for line in lines {
            failures.see(line);
        }
        failures
    }

    #[test]
    fn few_that_are_all_known_are_named() {
        let lines = ["test a::b ... FAILED", "test c ... ok", "test d - should panic ... FAILED", "    a::b"];
        assert_eq!(seen(&lines).few(2).unwrap(), ["a::b", "d"]);
        assert_eq!(seen(&lines).few(3), None, "one more failed than is known by name");
        assert_eq!(seen(&["test c ... ok"]).few(0), None, "what failed was no test");
        assert_eq!(seen(&["test a ... FAILED", "test a ... FAILED"]).few(2), None, "two tests of one name");
        let many: Vec<String> = (0..9).map(|number| format!("test t{number} ... FAILED")).collect();
        assert_eq!(seen(&many.iter().map(String::as_str).collect::<Vec<_>>()).few(9), None);
    }
}
