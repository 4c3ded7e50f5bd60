//! A boundary: a named crossing, what is behind it, and how strictly it is kept.

use crate::vocabulary::words;

/// A named crossing that records make.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Boundary {
    /// Its name, as the configuration spells it.
    pub name: String,
    /// What is behind it.
    pub environment: Environment,
    /// Where that is, as an ISO 3166 code: `US`, `US-AL`, `AT`. Empty if nobody said.
    pub jurisdiction: String,
    /// What a policy's refusal does here.
    pub mode: Mode,
    /// What must not happen to care when Eosin itself is in trouble.
    pub continuity: Continuity,
    /// Whether it vouches for the people in it.
    pub system_of_record: bool,
}

/// What is behind a boundary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Environment {
    /// People act on what it shows.
    Production,
    /// A rehearsal of production, kept like it.
    Staging,
    /// A copy to build and train in.
    Sandbox,
    /// For automated tests.
    Test,
}

/// What a policy's refusal does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// It is recorded; everything passes. How an organisation begins.
    Observe,
    /// It is recorded and told; everything passes.
    Warn,
    /// It blocks.
    Enforce,
}

/// What must not happen to care.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Continuity {
    /// Stopping harms nobody: refuse when in doubt.
    Strict,
    /// Stopping could harm somebody: what is attested passes even when the ledger cannot write.
    Care,
}

words!(Environment, "environment",
    Production => "production", Staging => "staging", Sandbox => "sandbox", Test => "test");
words!(Mode, "mode", Observe => "observe", Warn => "warn", Enforce => "enforce");
words!(Continuity, "continuity", Strict => "strict", Care => "care");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back_and_others_are_named_with_the_known_ones() {
        for environment in Environment::ALL {
            assert_eq!(environment.as_str().parse(), Ok(*environment));
        }
        for mode in Mode::ALL {
            assert_eq!(mode.as_str().parse(), Ok(*mode));
        }
        for continuity in Continuity::ALL {
            assert_eq!(continuity.as_str().parse(), Ok(*continuity));
        }
        let error = "prod".parse::<Environment>().unwrap_err().to_string();
        assert_eq!(error, "environment `prod` is not one of: production, staging, sandbox, test");
    }
}
