//! After the effect: what became of it, as a short entry that rides in the next batch.

use ledger::Logged;
use policy::Ruling;

/// The ruling that an outcome will be settled against. Only made from a logged ruling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "an effect that is never settled shows as unsettled for ever"]
pub struct Settlement {
    pub(crate) ruling: u64,
}

impl Settlement {
    pub(crate) fn of(ruling: &Logged<Ruling>) -> Self {
        Self { ruling: ruling.index() }
    }

    /// The index of the ruling's entry.
    pub fn ruling(self) -> u64 {
        self.ruling
    }
}

/// What became of a forwarded request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The upstream answered with this status; what it means is the upstream's business.
    Answered(u16),
    /// It was never sent: the connection could not be made.
    NotSent,
    /// It may have arrived: the connection broke, or no answer came in time. Nobody retries it.
    Unknown,
}

impl Outcome {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Answered(_) => "answered",
            Self::NotSent => "not-sent",
            Self::Unknown => "unknown",
        }
    }

    pub(crate) fn status(self) -> Option<u16> {
        match self {
            Self::Answered(status) => Some(status),
            Self::NotSent | Self::Unknown => None,
        }
    }
}
