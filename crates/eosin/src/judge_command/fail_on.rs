//! From which verdict on `eosin judge` says no.

use clap::ValueEnum;
use mark::VerdictName;

/// From which verdict on the exit code is 1. Each level includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum FailOn {
    /// Synthetic or mixed ones, marks that are not theirs, what cannot be read.
    Synthetic,
    /// Suspected ones too, and marks that nobody we trust vouches for.
    Suspected,
    /// Everything that is not attested.
    Unproven,
}

impl FailOn {
    /// Whether one record of this verdict is enough.
    pub(crate) fn counts(self, verdict: VerdictName) -> bool {
        let level = match verdict {
            // What cannot be read could be anything, and a mark in the wrong place was put there by somebody.
            VerdictName::Synthetic
            | VerdictName::Mixed
            | VerdictName::Transplanted
            | VerdictName::Forged
            | VerdictName::Unreadable => Self::Synthetic,
            VerdictName::Suspected | VerdictName::Untrusted => Self::Suspected,
            VerdictName::Unproven => Self::Unproven,
            VerdictName::Attested => return false,
        };
        level <= self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_level_includes_those_before_it() {
        let counted = |level: FailOn| {
            let names = VerdictName::ALL.into_iter().filter(|name| level.counts(*name));
            names.map(VerdictName::as_str).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(counted(FailOn::Synthetic), "synthetic mixed transplanted forged unreadable");
        assert_eq!(
            counted(FailOn::Suspected),
            "synthetic mixed suspected transplanted forged untrusted unreadable"
        );
        assert_eq!(
            counted(FailOn::Unproven),
            "synthetic mixed unproven suspected transplanted forged untrusted unreadable"
        );
    }
}
