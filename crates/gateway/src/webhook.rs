//! A boundary that events cross: taken from their sender, sorted by `flow`, delivered or kept, and then answered for.
//!
//! Source: spec/webhooks.md.

mod announcing;
mod answer;
mod config;
mod endpoint;
mod intake;
mod retry;
mod together;

use std::sync::Arc;

use carrier::webhook::Class;
use flow::{Arrived, Delivery, Part, Webhook};
use http::{Method, Response};
use hyper::body::Incoming;
use mark::Unreadable;
use signature::webhook::verify_webhook;
use tokio::task::JoinSet;

use crate::{
    body::{Body, Collected, collect},
    coding::{coding, decode},
    config::{BoundaryConfig, Timeouts},
    head::Head,
    problem::Problem,
    request::Story,
    server::{Lane, StartError},
};
pub use announcing::{Announced, Announcer};
use answer::{Fate, answered, refused};
pub use config::{EndpointConfig, RETRY_SECONDS, WebhookConfig};
use endpoint::{Endpoint, Tried};
pub use endpoint::{WebhookCourier, WebhookDelivered};
pub use intake::{EventTaken, Intake};
pub(crate) use retry::retry;

/// What a boundary of events is made of.
#[derive(Debug)]
pub(crate) struct Webhooks {
    config: WebhookConfig,
    synthetic: Endpoint,
    attested: Endpoint,
}

impl Webhooks {
    /// Of the boundary's configuration, if events cross it.
    ///
    /// Errors: as for a gateway's start; see [`StartError`].
    pub(crate) fn of(boundary: &BoundaryConfig, timeouts: &Timeouts) -> Result<Option<Self>, StartError> {
        let Some(config) = boundary.webhook.clone() else { return Ok(None) };
        let name = &boundary.boundary.name;
        let endpoint = |config: &EndpointConfig| Endpoint::new(name, config, timeouts);
        let (synthetic, attested) = (endpoint(&config.synthetic)?, endpoint(&config.attested)?);
        Ok(Some(Self { config, synthetic, attested }))
    }

    pub(crate) fn hook(&self) -> &Webhook {
        &self.config.hook
    }

    fn endpoint(&self, class: Class) -> &Endpoint {
        match class {
            Class::Synthetic => &self.synthetic,
            Class::Attested => &self.attested,
        }
    }
}

/// Takes one message of events, to its end whether or not its sender waits.
pub(crate) async fn take(
    lane: &Arc<Lane>,
    hooks: &Arc<Webhooks>,
    head: Head,
    body: Incoming,
    story: &mut Story,
) -> Result<Response<Body>, Problem> {
    story.entrance = "event";
    story.outcome = "refused";
    if head.method != Method::POST {
        return Err(Problem::Method);
    }
    let format = hooks.config.hook.map.format;
    if head.target.split('?').next() != Some(hooks.config.path.as_str()) {
        let sentence = "no events are taken at this path; `path` in `[boundary.events]` says at which";
        return Ok(refused(format, 404, "EOSIN_NO_SUCH_PATH", sentence));
    }
    let collected = collect(body, lane.limits.body_bytes, &lane.held, lane.timeouts.idle).await?;
    if !is_from_sender(lane, hooks, &head, &collected) {
        let sentence = "the message is not signed with a key that this boundary takes events with";
        return Ok(refused(format, 401, "EOSIN_UNKNOWN_SENDER", sentence));
    }
    let (lane, hooks) = (Arc::clone(lane), Arc::clone(hooks));
    let arrived = arrived(&lane, &head, &collected);
    let taken = tokio::spawn(cross(lane, hooks, arrived)).await.map_err(|_| Problem::Internal)?;
    crate::traced::refused(&head);
    story.outcome = taken.outcome();
    story.ruling = taken.first_ruling();
    Ok(answered(format, &taken))
}

/// Whether the sender has signed the message as it came, where it has to.
fn is_from_sender(lane: &Lane, hooks: &Webhooks, head: &Head, collected: &Collected) -> bool {
    let Some(keys) = &hooks.config.senders else { return true };
    let field = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
    let (Some(id), Some(timestamp), Some(signatures)) =
        (field("webhook-id"), field("webhook-timestamp"), field("webhook-signature"))
    else {
        return false;
    };
    let now = lane.flow.seconds();
    let heads = (id, timestamp, signatures);
    collected.rest.is_none() && verify_webhook(keys, heads, &collected.received, now, TOLERANCE_SECONDS)
}

/// How far a sender's clock may be from ours, as Standard Webhooks suggests.
const TOLERANCE_SECONDS: u32 = 300;

/// A message after its body arrived: ruled on, delivered, and what could not be is kept.
async fn cross(lane: Arc<Lane>, hooks: Arc<Webhooks>, arrived: Arrived) -> Fate {
    let _under_way = lane.under_way.clone();
    let parts = lane.flow.sort(&hooks.config.hook, &arrived).await;
    let mut fate = Fate::default();
    let mut going = JoinSet::new();
    for part in parts {
        match part {
            Part::Deliver(delivery) => {
                going.spawn(deliver(Arc::clone(&lane), Arc::clone(&hooks), delivery));
            }
            Part::Kept { item, place } => fate.kept(item, place),
            Part::NotKept { place, why } => fate.not_kept(place, &why),
            Part::Unreadable { place, why } => fate.unreadable(place, why),
            Part::Unavailable => fate.unavailable(),
        }
    }
    while let Some(done) = going.join_next().await {
        match done {
            Ok(Sent::Delivered(events, place)) => fate.delivered(events, place),
            Ok(Sent::Waiting(events, item, place)) => fate.waiting(events, item, place),
            Ok(Sent::Neither(place, why)) => fate.not_kept(place, &why),
            Err(_) => fate.unavailable(),
        }
    }
    fate
}

/// What became of a delivery.
enum Sent {
    Delivered(usize, String),
    Waiting(usize, String, String),
    Neither(String, String),
}

/// Sends events to their endpoint, settles, and keeps them if they did not arrive.
async fn deliver(lane: Arc<Lane>, hooks: Arc<Webhooks>, delivery: Box<Delivery>) -> Sent {
    let endpoint = hooks.endpoint(delivery.class);
    let format = hooks.config.hook.map.format;
    let said = Some((delivery.provenance.as_str(), delivery.ai_disclosure.as_deref()));
    let now = lane.flow.seconds();
    let Tried { outcome, taken } = endpoint.send(format, &delivery.id, now, &delivery.outgoing, said).await;
    lane.flow.settle(delivery.settlement(), outcome);
    let (events, place) = (delivery.events, delivery.place.clone());
    if taken {
        return Sent::Delivered(events, place);
    }
    match lane.flow.wait(&delivery).await {
        Ok(item) => Sent::Waiting(events, item.to_string(), place),
        Err(why) => Sent::Neither(place, why),
    }
}

/// What came, as `flow` takes it.
fn arrived(lane: &Lane, head: &Head, collected: &Collected) -> Arrived {
    let attributes = head.headers.iter().filter_map(|(name, value)| {
        let name = name.as_str().strip_prefix("ce-")?;
        Some((name.to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
    });
    let body = if collected.rest.is_some() {
        Err(Unreadable::TooLong { limit: lane.limits.body_bytes })
    } else {
        decode(coding(&head.headers), &collected.received, &lane.limits)
    };
    Arrived {
        client: head.client.clone(),
        content_type: crate::request::content_type(head),
        attributes: attributes.collect(),
        body,
        contract: head.contract.pinned(),
        watched: crate::traced::watched(head.traced.as_ref()),
    }
}
