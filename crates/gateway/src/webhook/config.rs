//! What the gateway is told of a boundary that events cross.

use std::{fmt, sync::Arc, time::Duration};

use http::{HeaderValue, Uri};
use signature::webhook::WebhookKey;

/// A boundary of events: where they come in, how they are read, where they go.
#[derive(Clone)]
pub struct WebhookConfig {
    /// The path at which they are posted, such as `/events`.
    pub path: String,
    /// How they are read and sorted.
    pub hook: flow::Webhook,
    /// Keys of senders, one of which has to have signed a message; without them nobody has to.
    pub senders: Option<Arc<[WebhookKey]>>,
    /// Where synthetic events go.
    pub synthetic: EndpointConfig,
    /// Where attested events go.
    pub attested: EndpointConfig,
    /// How long is waited before each further attempt at what could not be delivered; after the last a person decides.
    pub retries: Vec<Duration>,
}

/// One endpoint of a consumer.
#[derive(Clone)]
pub struct EndpointConfig {
    /// Where events are posted.
    pub url: Uri,
    /// Certificates, in PEM, trusted for it beside those of the system.
    pub roots: Vec<String>,
    /// The keys that sign for it, all at once: two while one takes the other's place.
    pub keys: Arc<[WebhookKey]>,
    /// The value of `Authorization`, where it asks for one.
    pub authorization: Option<HeaderValue>,
    /// How long it may take to answer.
    pub patience: Duration,
}

/// The waits that Standard Webhooks suggests, three days in all.
pub const RETRY_SECONDS: [u64; 9] = [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400];

/// Debug shows no key and no credential.
impl fmt::Debug for EndpointConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EndpointConfig({} keys)", self.keys.len())
    }
}

impl fmt::Debug for WebhookConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookConfig")
            .field("path", &self.path)
            .field("hook", &self.hook)
            .finish_non_exhaustive()
    }
}
