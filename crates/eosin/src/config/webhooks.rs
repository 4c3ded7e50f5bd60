//! A boundary of events as its configuration says it: files not yet opened, everything else understood.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use carrier::webhook::EventMap;
use flow::{Extent, Webhook};
use gateway::{EndpointConfig, WebhookConfig};
use miette::{IntoDiagnostic as _, WrapErr as _};
use signature::webhook::WebhookKey;

use crate::keys;

/// How events are taken and where they go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WebhookFiles {
    /// The path at which they are posted.
    pub(crate) path: String,
    /// Where events are in a message.
    pub(crate) map: Arc<EventMap>,
    /// How much of a record they show.
    pub(crate) extent: Extent,
    /// Files with the keys of senders; where there is none, nobody has to sign.
    pub(crate) senders: Vec<PathBuf>,
    /// Where synthetic events go.
    pub(crate) synthetic: EndpointFiles,
    /// Where attested events go.
    pub(crate) attested: EndpointFiles,
    /// How long is waited before each further attempt.
    pub(crate) retries: Vec<Duration>,
}

/// One endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EndpointFiles {
    /// The boundary as it is in front of it.
    pub(crate) boundary: policy::Boundary,
    /// Who takes the events.
    pub(crate) consumer: ConsumerFiles,
}

/// Somebody who takes signed events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConsumerFiles {
    /// Where events are posted.
    pub(crate) url: http::Uri,
    /// A certificate authority that it is trusted by, beside the system's.
    pub(crate) url_ca: Option<PathBuf>,
    /// Files with the keys that sign for it.
    pub(crate) keys: Vec<PathBuf>,
    /// A file with the value of `Authorization`.
    pub(crate) authorization: Option<PathBuf>,
    /// How long it may take to answer.
    pub(crate) patience: Duration,
}

impl WebhookFiles {
    /// Scheme and authority of the consumer of attested events: what is behind the boundary.
    pub(crate) fn origin(&self) -> Option<http::Uri> {
        let mut parts = self.attested.consumer.url.clone().into_parts();
        parts.path_and_query = Some(http::uri::PathAndQuery::from_static("/"));
        http::Uri::from_parts(parts).ok()
    }

    /// Opens the files.
    ///
    /// Errors: a report that names the file.
    pub(crate) fn open(&self, here: &policy::Boundary) -> miette::Result<WebhookConfig> {
        let senders: Vec<WebhookKey> =
            self.senders.iter().map(|file| webhook_key(file)).collect::<Result<_, _>>()?;
        Ok(WebhookConfig {
            path: self.path.clone(),
            hook: Webhook {
                map: Arc::clone(&self.map),
                extent: self.extent,
                boundary: Arc::new(here.clone()),
                synthetic: Arc::new(self.synthetic.boundary.clone()),
                attested: Arc::new(self.attested.boundary.clone()),
            },
            senders: (!senders.is_empty()).then(|| senders.into()),
            synthetic: self.synthetic.consumer.open()?,
            attested: self.attested.consumer.open()?,
            retries: self.retries.clone(),
        })
    }
}

impl ConsumerFiles {
    /// Opens the files.
    ///
    /// Errors: a report that names the file.
    pub(crate) fn open(&self) -> miette::Result<EndpointConfig> {
        let keys: Vec<WebhookKey> =
            self.keys.iter().map(|file| webhook_key(file)).collect::<Result<_, _>>()?;
        Ok(EndpointConfig {
            url: self.url.clone(),
            roots: keys::authorities(self.url_ca.as_ref())?,
            keys: keys.into(),
            authorization: keys::authorization(self.authorization.as_ref())?,
            patience: self.patience,
        })
    }
}

fn webhook_key(file: &Path) -> miette::Result<WebhookKey> {
    WebhookKey::parse(&keys::small_file(file)?)
        .into_diagnostic()
        .wrap_err_with(|| format!("{} is no key for webhooks", file.display()))
}
