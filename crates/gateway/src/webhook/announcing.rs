//! What the gateway itself has to say to a consumer of webhooks: an event that is about no record, signed like any other.
//!
//! Source: spec/announcements.md.

use flow::Outcome;

use super::{Endpoint, EndpointConfig, Tried};
use crate::{config::Timeouts, server::StartError};

/// A way to whoever is told.
#[derive(Debug)]
pub struct Announcer(Endpoint);

/// What became of an announcement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Announced {
    /// The consumer has it; with this status.
    Taken(u16),
    /// The consumer has gone for good, and says so with status 410: nothing more is sent.
    Gone,
    /// It can be sent again; the status, if there was an answer.
    NotTaken(Option<u16>),
}

const GONE: u16 = 410;

impl Announced {
    /// The status of the consumer's answer, if there was one.
    pub fn status(self) -> Option<u16> {
        match self {
            Self::Taken(status) => Some(status),
            Self::Gone => Some(GONE),
            Self::NotTaken(status) => status,
        }
    }
}

impl Announcer {
    /// A way to one consumer; errors call it by `name`.
    ///
    /// Errors: as for an upstream of a boundary; see [`StartError`].
    pub fn new(name: &str, config: &EndpointConfig, timeouts: &Timeouts) -> Result<Self, StartError> {
        Ok(Self(Endpoint::new(name, config, timeouts)?))
    }

    /// Posts one event, once.
    ///
    /// Shape:  the value of `webhook-id`, the time in seconds since 1970, a `CloudEvent` as JSON.
    /// Bounds: the endpoint's patience; 64 KiB of its answer.
    pub async fn announce(&self, id: &str, seconds: i64, event: &str) -> Announced {
        let Tried { outcome, taken } = self.0.announce(id, seconds, event).await;
        match outcome {
            Outcome::Answered(status) if taken => Announced::Taken(status),
            Outcome::Answered(GONE) => Announced::Gone,
            Outcome::Answered(status) => Announced::NotTaken(Some(status)),
            Outcome::NotSent | Outcome::Unknown => Announced::NotTaken(None),
        }
    }
}
