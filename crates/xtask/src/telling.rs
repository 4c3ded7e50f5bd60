//! What of a long output is worth saying again at its end: the lines that say what is wrong, and the last ones.

use std::collections::VecDeque;

/// Lines that are kept at most because they, or one just before them, say that something is wrong.
const TELLING: usize = 24;
/// Lines kept after one that says so: where it is, and what was expected.
const AFTER: usize = 4;
/// Lines kept of the end, whatever they say.
const LAST: usize = 3;
/// Characters kept of a line.
const WIDTH: usize = 160;
/// How a line begins, or what it holds, that says that something is wrong.
const BEGINS: &[&str] = &["error", "warning: unused", "not ok", "FAILED", "Traceback", "FAIL "];
const HOLDS: &[&str] = &["panicked at", "... FAILED", "AssertionError", "Diff in "];

/// The telling lines of an output that is seen line by line.
///
/// Bounds: at most 27 lines of 160 characters, however long the output is. The first faults are kept, not the last:
/// what follows a fault is often its consequence.
#[derive(Debug, Default)]
pub struct Telling {
    told: Vec<String>,
    last: VecDeque<String>,
    follow: usize,
}

impl Telling {
    /// Sees one line.
    pub fn see(&mut self, line: &str) {
        let trimmed = line.trim_start();
        if BEGINS.iter().any(|word| trimmed.starts_with(word)) || HOLDS.iter().any(|word| line.contains(word))
        {
            self.follow = AFTER + 1;
        }
        let line: String = line.chars().take(WIDTH).collect();
        if self.follow > 0 && self.told.len() < TELLING {
            self.follow -= 1;
            self.told.push(line);
            return;
        }
        self.last.push_back(line);
        if self.last.len() > LAST {
            self.last.pop_front();
        }
    }

    /// Everything kept, in the order in which it was seen.
    #[must_use]
    pub fn lines(self) -> Vec<String> {
        self.told.into_iter().chain(self.last).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_in_the_middle_of_a_long_output_is_kept_with_what_follows_it() {
        let mut telling = Telling::default();
        for number in 0..5_000 {
            telling.see(&format!("test number {number} ... ok"));
            if number == 2_500 {
                telling.see("error: a lint that is told once");
                telling.see("   --> crates/a/b.rs:1:2");
            }
        }
        let lines = telling.lines();
        assert_eq!(lines.first().unwrap(), "error: a lint that is told once");
        assert_eq!(lines.get(1).unwrap(), "   --> crates/a/b.rs:1:2");
        assert_eq!(lines.last().unwrap(), "test number 4999 ... ok");
        assert!(lines.len() <= TELLING + LAST, "{}", lines.len());
    }

    #[test]
    fn an_output_of_faults_alone_is_bounded() {
        let mut telling = Telling::default();
        (0..10_000).for_each(|_| telling.see(&"error: x".repeat(1_000)));
        let lines = telling.lines();
        assert_eq!(lines.len(), TELLING + LAST);
        assert!(lines.iter().all(|line| line.chars().count() == WIDTH));
    }
}
