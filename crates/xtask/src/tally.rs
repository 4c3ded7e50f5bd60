//! Adding up what test runs say about themselves.

use std::fmt;

/// How many tests passed, failed and were skipped.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// Tests that passed.
    pub passed: u32,
    /// Tests that failed.
    pub failed: u32,
    /// Tests that could not run here and said why.
    pub skipped: u32,
}

impl Tally {
    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
            skipped: self.skipped + other.skipped,
        }
    }

    /// Adds what one line of output says, if it is the closing line of a test run.
    ///
    /// Shape: cargo's `test result: ok. 3 passed; 0 failed; 1 ignored; …`, or our own `3 passed, 0 failed, 1 skipped`.
    pub fn see(&mut self, line: &str) {
        let line = line.trim();
        let body = match line.strip_prefix("test result: ") {
            Some(result) => result.split_once(". ").map_or("", |(_, counts)| counts),
            None if is_plain(line) => line,
            None => return,
        };
        for part in body.split([';', ',']) {
            let mut words = part.split_whitespace();
            let Some(count) = words.next().and_then(|word| word.parse::<u32>().ok()) else { continue };
            match words.next() {
                Some("passed") => self.passed += count,
                Some("failed") => self.failed += count,
                Some("ignored" | "skipped") => self.skipped += count,
                _ => {}
            }
        }
    }
}

/// `N passed, N failed, N skipped` and nothing else.
fn is_plain(line: &str) -> bool {
    let words: Vec<_> = line.split_whitespace().collect();
    matches!(words.as_slice(), [a, "passed,", b, "failed,", c, "skipped"]
        if [a, b, c].iter().all(|count| count.parse::<u32>().is_ok()))
}

impl fmt::Display for Tally {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_are_counted_and_nothing_else_is() {
        let mut tally = Tally::default();
        for line in [
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.10s",
            "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 7 filtered out; finished in 0.10s",
            "  4 passed, 1 failed, 2 skipped",
            "story: 9 passed, 9 failed, 9 skipped",
            "test it_says_5_passed ... ok",
            "9 passed, all is well",
        ] {
            tally.see(line);
        }
        assert_eq!(tally, Tally { passed: 19, failed: 3, skipped: 3 });
        assert_eq!(tally.to_string(), "19 passed, 3 failed, 3 skipped");
    }
}
