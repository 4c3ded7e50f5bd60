//! Exit codes: 0 clean, 1 findings, 2 could not tell.

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Done, and nothing to report.
    Clean,
    /// Done, and there are findings.
    Findings,
    /// Not done, or not all of it: no answer can be given.
    CouldNotTell,
}

/// What every command returns. The error is for a person: what happened, what to do.
pub(crate) type Done = miette::Result<Outcome>;

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Clean => Self::SUCCESS,
            Outcome::Findings => Self::from(1),
            Outcome::CouldNotTell => Self::from(2),
        }
    }
}
