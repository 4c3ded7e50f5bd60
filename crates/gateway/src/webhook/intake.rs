//! Events that nobody posts: a subscription hands them in, and they go the way of all others.

use std::sync::Arc;

use bytes::Bytes;
use flow::Arrived;

use super::{Webhooks, cross};
use crate::server::Lane;

/// The way into a boundary of events, for a subscription.
#[derive(Clone, Debug)]
pub struct Intake {
    lane: Arc<Lane>,
    hooks: Arc<Webhooks>,
}

/// What became of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventTaken {
    /// It is delivered, or kept, or waits for its consumer: it need not come again.
    Done,
    /// It is nowhere, for the reason said, and has to come again.
    NotNow(String),
    /// It cannot be read as a message of this boundary, and is nowhere.
    Unreadable,
}

impl Intake {
    pub(crate) fn of(lane: &Arc<Lane>) -> Option<Self> {
        let hooks = Arc::clone(lane.webhooks.as_ref()?);
        Some(Self { lane: Arc::clone(lane), hooks })
    }

    /// Takes one `CloudEvent` in JSON the whole way, to its end whether or not anybody waits.
    ///
    /// Shape:  who hands it in, as the ledger is to name it; the event.
    /// Errors: none; what went wrong is an [`EventTaken`].
    /// Never:  says that it is done before its ruling is durable, and it is delivered or kept.
    pub async fn take(&self, client: &str, event: String) -> EventTaken {
        let boundary = &self.lane.boundary.name;
        let arrived = Arrived {
            client: client.to_owned(),
            content_type: Some("application/cloudevents+json".to_owned()),
            attributes: Vec::new(),
            body: Ok(Bytes::from(event)),
        };
        let crossing = tokio::spawn(cross(Arc::clone(&self.lane), Arc::clone(&self.hooks), arrived));
        let (outcome, taken) = match crossing.await {
            Err(_) => ("unavailable", EventTaken::NotNow("something broke on the way".to_owned())),
            Ok(fate) => {
                let taken = match fate.why_unkept() {
                    Some(why) => EventTaken::NotNow(why.to_owned()),
                    None if fate.is_unreadable() => EventTaken::Unreadable,
                    None => EventTaken::Done,
                };
                (fate.outcome(), taken)
            }
        };
        let status = if taken == EventTaken::Done { 200 } else { 503 };
        self.lane.metrics.request(boundary, "subscription", outcome, status);
        taken
    }
}
