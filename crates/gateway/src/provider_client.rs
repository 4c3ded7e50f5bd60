//! Asks a provider of sign-ins for its documents and exchanges codes: few calls, each bounded, none of them followed elsewhere.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use tokio::time::timeout;

use crate::{
    body::{Body, whole_answer},
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
        let asked = async {
            let sent = upstream.send(method, target, headers, Body::from(Bytes::from(body))).await;
            let answer = sent.map_err(|_| away())?;
            if answer.status() != StatusCode::OK {
                // At once: what stands behind it may never end, and says nothing more.
                return Err(ProviderError::Status(name.clone(), answer.status().as_u16()));
            }
            whole_answer(answer.into_body(), PROVIDER_ANSWER_BYTES_MAX, PATIENCE).await.ok_or_else(away)
        };
        timeout(PATIENCE, asked).await.unwrap_or_else(|_| Err(away()))
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    #[tokio::test]
    async fn a_refusal_is_told_before_what_stands_behind_it_has_arrived() {
        for status in [401, 503] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("http://{}/keys", listener.local_addr().unwrap());
            let provider = async {
                let (mut connection, _) = listener.accept().await.unwrap();
                connection.read_u8().await.unwrap();
                let head = format!("HTTP/1.1 {status} No\r\ncontent-length: 9\r\n\r\n{{");
                connection.write_all(head.as_bytes()).await.unwrap();
                connection
            };
            let client = ProviderClient::new(Vec::new());
            let (_stalls, answer) = tokio::join!(provider, client.get(&url));
            assert_eq!(answer, Err(ProviderError::Status("127.0.0.1".to_owned(), status)));
        }
    }
}
