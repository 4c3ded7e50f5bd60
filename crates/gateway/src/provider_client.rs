//! Asks a provider of sign-ins for its documents and exchanges codes: few calls, each bounded, none of them followed elsewhere.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use tokio::time::timeout;

use crate::{
    config::Timeouts,
    upstream::{Upstream, is_confidential},
};

/// Bytes of an answer at most: a set of keys is some kilobytes.
pub const PROVIDER_ANSWER_BYTES_MAX: usize = 256 * 1024;
/// How long one call takes at most, whatever dribbles in.
const PATIENCE: Duration = Duration::from_secs(10);

/// The way to one provider.
#[derive(Clone, Debug)]
pub struct ProviderClient {
    more_roots: Vec<String>,
}

/// Why a provider was not asked, or gave no answer that can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    /// Whoever reads along could sign in.
    #[error("`{0}` is neither `https` nor on this machine: it is not asked")]
    Place(String),
    /// A certificate authority of the configuration.
    #[error("the certificate authorities of the provider cannot be read")]
    Roots,
    /// No answer, or one that is too long or too slow.
    #[error("`{0}` does not answer, or not in time")]
    Away(String),
    /// It answers otherwise than with 200.
    #[error("`{0}` answers with {1}")]
    Status(String, u16),
}

impl ProviderClient {
    /// A client that believes these certificate authorities too, in PEM, beside those of the system.
    pub fn new(more_roots: Vec<String>) -> Self {
        Self { more_roots }
    }

    /// Reads a document.
    ///
    /// Bounds: [`PROVIDER_ANSWER_BYTES_MAX`], ten seconds in all; a redirection is an error, for it may lead anywhere.
    /// Errors: [`ProviderError`].
    pub async fn get(&self, url: &str) -> Result<Bytes, ProviderError> {
        self.ask(url, Method::GET, HeaderMap::new(), String::new()).await
    }

    /// Posts a form, with an `Authorization` where there is one.
    ///
    /// Bounds: as [`ProviderClient::get`].
    /// Errors: [`ProviderError`].
    pub async fn post(
        &self,
        url: &str,
        form: String,
        authorization: Option<HeaderValue>,
    ) -> Result<Bytes, ProviderError> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        headers.extend(authorization.map(|value| (header::AUTHORIZATION, value)));
        self.ask(url, Method::POST, headers, form).await
    }

    async fn ask(
        &self,
        url: &str,
        method: Method,
        mut headers: HeaderMap,
        body: String,
    ) -> Result<Bytes, ProviderError> {
        let place: Uri = url.parse().map_err(|_| ProviderError::Place(url.to_owned()))?;
        if !is_confidential(&place) {
            return Err(ProviderError::Place(url.to_owned()));
        }
        let name = place.host().unwrap_or_default().to_owned();
        let timeouts = Timeouts { connect: PATIENCE, upstream: PATIENCE, ..Timeouts::SUGGESTED };
        let upstream = Upstream::to("the provider", &place, &self.more_roots, &timeouts)
            .map_err(|_| ProviderError::Roots)?;
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        let target = place.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let away = || ProviderError::Away(name.clone());
        let asked = upstream.ask(method, target, headers, body, PROVIDER_ANSWER_BYTES_MAX);
        match timeout(PATIENCE, asked).await {
            Ok(Ok((head, answer))) if head.status == StatusCode::OK => answer.ok_or_else(away),
            Ok(Ok((head, _))) => Err(ProviderError::Status(name.clone(), head.status.as_u16())),
            Ok(Err(_)) | Err(_) => Err(away()),
        }
    }
}
