//! One endpoint of a consumer: a signed request, once, and whether it says that it has the events.

use std::{sync::Arc, time::Duration};

use carrier::webhook::{Class, Format, Outgoing, acknowledged};
use flow::{Outcome, Redelivery};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header, uri::PathAndQuery};
use signature::webhook::{WebhookKey, sign_webhook};
use tokio::time::timeout;

use super::{EndpointConfig, Webhooks};
use crate::{
    body::{Body, whole_answer},
    config::{BoundaryConfig, Timeouts},
    head::{AI_DISCLOSURE, PROVENANCE, via},
    problem::Problem,
    server::StartError,
    upstream::Upstream,
};

/// A way to an endpoint.
#[derive(Debug)]
pub(super) struct Endpoint {
    upstream: Upstream,
    target: String,
    keys: Arc<[WebhookKey]>,
    authorization: Option<HeaderValue>,
    patience: Duration,
}

/// How an attempt went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tried {
    /// What the ledger is told.
    pub(super) outcome: Outcome,
    /// Whether the consumer says that it has the events.
    pub(super) taken: bool,
}

/// Longest answer of a consumer that is looked at.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

impl Endpoint {
    /// A way to it; errors call it by `name`.
    pub(super) fn new(name: &str, config: &EndpointConfig, timeouts: &Timeouts) -> Result<Self, StartError> {
        let timeouts = Timeouts { upstream: config.patience, ..*timeouts };
        let target = config.url.path_and_query().map_or("/", PathAndQuery::as_str);
        Ok(Self {
            upstream: Upstream::to(name, &config.url, &config.roots, &timeouts)?,
            target: target.to_owned(),
            keys: Arc::clone(&config.keys),
            authorization: config.authorization.clone(),
            patience: config.patience,
        })
    }

    /// Posts events, once.
    ///
    /// Shape:  format, `webhook-id`, the time in seconds since 1970, what is sent, what it says of its records, if it is
    ///         about any.
    /// Bounds: the endpoint's patience in all; 64 KiB of its answer.
    pub(super) async fn send(
        &self,
        format: Format,
        id: &str,
        seconds: i64,
        outgoing: &Outgoing,
        said: Option<(&str, Option<&str>)>,
    ) -> Tried {
        let Some(headers) = self.headers(format, id, seconds, outgoing, said) else {
            return Tried { outcome: Outcome::NotSent, taken: false };
        };
        let body = Body::from(outgoing.body.clone());
        let sent = self.upstream.send(Method::POST, &self.target, headers, body);
        let answer = match timeout(self.patience, sent).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(Problem::UpstreamRefused)) => {
                return Tried { outcome: Outcome::NotSent, taken: false };
            }
            Ok(Err(_)) | Err(_) => return Tried { outcome: Outcome::Unknown, taken: false },
        };
        let outcome = Outcome::Answered(answer.status().as_u16());
        let is_success = answer.status().is_success();
        let read = whole_answer(answer.into_body(), ANSWER_BYTES_MAX, self.patience);
        let read = timeout(self.patience, read).await;
        let taken = match format {
            // A status says it; the rest of the answer nobody needs.
            Format::Json | Format::CloudEvents => is_success,
            Format::OutboundMessage => {
                is_success && read.ok().flatten().is_some_and(|answer| acknowledged(&answer))
            }
        };
        Tried { outcome, taken }
    }

    /// Posts a `CloudEvent` of our own, which is about no record, once.
    pub(super) async fn announce(&self, id: &str, seconds: i64, event: &str) -> Tried {
        let content_type = "application/cloudevents+json; charset=utf-8".to_owned();
        let outgoing = Outgoing { content_type, attributes: Vec::new(), body: event.into() };
        self.send(Format::CloudEvents, id, seconds, &outgoing, None).await
    }

    /// Everything a delivery says of itself; of what its sender said only what describes the body.
    fn headers(
        &self,
        format: Format,
        id: &str,
        seconds: i64,
        outgoing: &Outgoing,
        said: Option<(&str, Option<&str>)>,
    ) -> Option<HeaderMap> {
        let mut headers = HeaderMap::new();
        let mut add = |name: &str, value: &str| {
            let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
            headers.insert(name, HeaderValue::from_str(value).ok()?);
            Some(())
        };
        add("content-type", &outgoing.content_type)?;
        for (name, value) in &outgoing.attributes {
            add(&format!("ce-{name}"), value)?;
        }
        if format == Format::OutboundMessage {
            add("soapaction", "\"\"")?;
        }
        add("webhook-id", id)?;
        add("webhook-timestamp", &seconds.to_string())?;
        add("webhook-signature", &sign_webhook(&self.keys, id, seconds, &outgoing.body)?)?;
        if let Some((provenance, disclosure)) = said {
            add(PROVENANCE.as_str(), provenance)?;
            if let Some(disclosure) = disclosure {
                add(AI_DISCLOSURE.as_str(), disclosure)?;
            }
        }
        if let Some(authorization) = &self.authorization {
            headers.insert(header::AUTHORIZATION, authorization.clone());
        }
        via(&mut headers);
        Some(headers)
    }
}

/// A way to the endpoints of one boundary, for releases from the quarantine.
#[derive(Debug)]
pub struct WebhookCourier(Webhooks);

/// How a release went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WebhookDelivered {
    /// What the ledger and the store are told.
    pub outcome: Outcome,
    /// Whether the consumer says that it has the events.
    pub taken: bool,
}

impl WebhookCourier {
    /// A courier with connections of its own; nothing for a boundary that no events cross.
    ///
    /// Errors: as for a gateway's start; see [`StartError`].
    pub fn new(boundary: &BoundaryConfig, timeouts: &Timeouts) -> Result<Option<Self>, StartError> {
        Ok(Webhooks::of(boundary, timeouts)?.map(Self))
    }

    /// How the boundary's events are read and sorted.
    pub fn hook(&self) -> &flow::Webhook {
        self.0.hook()
    }

    /// Sends a released item to the endpoint that it belongs to, once.
    ///
    /// Bounds: the endpoint's patience.
    /// Errors: none; what went wrong is an outcome.
    pub async fn deliver(&self, redelivery: &Redelivery, seconds: i64) -> WebhookDelivered {
        let Tried { outcome, taken } = self.0.send_again(redelivery, seconds).await;
        WebhookDelivered { outcome, taken }
    }
}

impl Webhooks {
    pub(super) async fn send_again(&self, redelivery: &Redelivery, seconds: i64) -> Tried {
        let Redelivery { leaving, class, id, outgoing } = redelivery;
        let endpoint = match class {
            Class::Synthetic => &self.synthetic,
            Class::Attested => &self.attested,
        };
        let said = Some((leaving.provenance.as_str(), None));
        endpoint.send(self.hook().map.format, id, seconds, outgoing, said).await
    }
}
