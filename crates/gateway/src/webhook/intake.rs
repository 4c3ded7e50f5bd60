//! Events that nobody posts: a subscription hands them in, and they go the way of all others.

use std::sync::Arc;

use bytes::Bytes;
use flow::Arrived;
use tokio::sync::watch;

use super::{Webhooks, together::together};
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

    /// Takes `CloudEvent`s in JSON the whole way, in their order, to their end whether or not anybody waits.
    ///
    /// Their rulings are committed together. At each endpoint they are delivered one after the other; after one that could be
    /// neither delivered nor kept, and once `stop` says so, no other is sent.
    ///
    /// Shape:  who hands them in, as the ledger is to name it; the events -> what became of each, from the first on, up to the
    ///         first that is not done. Those behind it have to come again, under the same names.
    /// Bounds: the caller bounds the events.
    /// Errors: none; what went wrong is an [`EventTaken`].
    /// Never:  says that one is done before its ruling is durable, and it is delivered or kept.
    pub async fn take(
        &self,
        client: &str,
        events: Vec<String>,
        stop: watch::Receiver<bool>,
    ) -> Vec<EventTaken> {
        let arrived = |event: String| Arrived {
            client: client.to_owned(),
            content_type: Some("application/cloudevents+json".to_owned()),
            attributes: Vec::new(),
            body: Ok(Bytes::from(event)),
            contract: None,
            watched: flow::Watched::default(),
        };
        let arrived: Vec<Arrived> = events.into_iter().map(arrived).collect();
        let crossing = tokio::spawn(together(Arc::clone(&self.lane), Arc::clone(&self.hooks), arrived, stop));
        let Ok(fates) = crossing.await else {
            return vec![EventTaken::NotNow("something broke on the way".to_owned())];
        };
        let mut all = Vec::with_capacity(fates.len());
        for fate in fates {
            let Some(fate) = fate else {
                all.push(EventTaken::NotNow("the subscription is stopping".to_owned()));
                break;
            };
            let taken = match fate.why_unkept() {
                Some(why) => EventTaken::NotNow(why.to_owned()),
                None if fate.is_unreadable() => EventTaken::Unreadable,
                None => EventTaken::Done,
            };
            let status = if taken == EventTaken::Done { 200 } else { 503 };
            let boundary = &self.lane.boundary.name;
            self.lane.metrics.request(boundary, "subscription", fate.outcome(), status);
            let is_done = taken == EventTaken::Done;
            all.push(taken);
            if !is_done {
                break;
            }
        }
        all
    }
}
