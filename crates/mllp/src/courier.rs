//! Delivers what left the quarantine: one message to what is behind a boundary, once, as its sender wrote it.

use std::sync::Arc;

use bytes::Bytes;
use carrier::hl7v2::Envelope;
use flow::{Leaving, Outcome};

use crate::{
    config::{BoundaryConfig, Limits, Timeouts},
    message::outcome,
    receiver::{Link, Sent, Way},
    server::StartError,
    wire::room,
};

/// A way to what is behind one boundary, for releases from the quarantine.
#[derive(Clone, Debug)]
pub struct Courier {
    way: Arc<Way>,
    patience: std::time::Duration,
}

/// How a delivery went.
#[derive(Debug)]
pub struct Delivered {
    /// What the ledger and the store are told.
    pub outcome: Outcome,
    /// The receiver's first answer, if one came.
    pub answer: Option<Bytes>,
}

impl Courier {
    /// A courier with connections of its own.
    ///
    /// Errors: as for a start; see [`StartError`].
    pub fn new(boundary: &BoundaryConfig, limits: &Limits, timeouts: &Timeouts) -> Result<Self, StartError> {
        let name = &boundary.boundary.name;
        let way = Way::new(&boundary.receiver, name, *limits, *timeouts, room(limits))?;
        Ok(Self { way: Arc::new(way), patience: timeouts.end })
    }

    /// Sends an item, once. Its moment, control id and sequence number (MSH-7, 10, 13) are the sender's own.
    ///
    /// Bounds: `timeouts.connect`, `timeouts.frame` without progress, `timeouts.answer`.
    /// Errors: none; what went wrong is an outcome.
    /// Source: spec/mllp.md section 7.
    pub async fn deliver(&self, leaving: &Leaving) -> Delivered {
        let body = &leaving.sending.withheld.body;
        let mut link = Link::new(Arc::clone(&self.way));
        // Nobody is there to hear a further answer.
        let mut late = Vec::new();
        let sent = link.exchange(&Envelope::of(body), body, &mut late).await;
        link.close(self.patience).await;
        let outcome = outcome(&sent);
        let answer = match sent {
            Sent::Answered(answers, _) => answers.into_iter().next(),
            Sent::Unasked | Sent::Unreached | Sent::Broke | Sent::Slow | Sent::Foreign => None,
        };
        Delivered { outcome, answer }
    }
}
