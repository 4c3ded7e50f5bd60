//! The way to an org and to its Pub/Sub API: TLS, two pooled clients, answers within bounds.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, pem::PemObject},
};
use tokio::time::timeout;

/// A client that gRPC rides on.
pub(crate) type Streams = Client<HttpsConnector<HttpConnector>, tonic::body::Body>;

/// Why an org could not be asked. Holds nothing of any record.
#[derive(Debug, thiserror::Error)]
pub enum ReachError {
    /// An address or a certificate cannot be used.
    #[error("an address, or a certificate in PEM form, cannot be used")]
    Settings,
    /// No connection, or it broke.
    #[error("the org cannot be reached, or broke off")]
    Broken,
    /// Too slow.
    #[error("the org did not answer in time")]
    Slow,
    /// More than is read.
    #[error("the org answered with more than is read")]
    TooLong,
}

/// A client for REST.
#[derive(Clone, Debug)]
pub(crate) struct Reach {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// How long a connection or a single answer may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// Longest answer.
const ANSWER_BYTES_MAX: usize = 8 << 20;

impl Reach {
    /// Errors: [`ReachError::Settings`].
    pub(crate) fn new(roots: &[String]) -> Result<Self, ReachError> {
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls(roots)?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector());
        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .build(connector);
        Ok(Self { client })
    }

    /// Asks once.
    ///
    /// Shape:  a method, an address, the value of `Authorization`, a form -> status and body.
    /// Bounds: 30 seconds, 8 MiB.
    pub(crate) async fn ask(
        &self,
        method: Method,
        uri: &Uri,
        authorization: Option<&str>,
        form: Option<String>,
    ) -> Result<(u16, Bytes), ReachError> {
        let mut request = Request::new(Full::new(Bytes::from(form.clone().unwrap_or_default())));
        *request.method_mut() = method;
        *request.uri_mut() = uri.clone();
        if form.is_some() {
            let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
            request.headers_mut().insert(header::CONTENT_TYPE, kind);
        }
        if let Some(value) = authorization {
            let mut value = HeaderValue::from_str(value).map_err(|_| ReachError::Settings)?;
            value.set_sensitive(true);
            request.headers_mut().insert(header::AUTHORIZATION, value);
        }
        let exchange = async {
            let answer = self.client.request(request).await.map_err(|_| ReachError::Broken)?;
            let status = answer.status().as_u16();
            let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
            Ok((status, body.map_err(|_| ReachError::TooLong)?.to_bytes()))
        };
        timeout(PATIENCE, exchange).await.map_err(|_| ReachError::Slow)?
    }
}

/// A client for gRPC: HTTP/2 and nothing else, which says when the other side is dead.
pub(crate) fn streams(roots: &[String]) -> Result<Streams, ReachError> {
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(tls(roots)?)
        .https_or_http()
        .enable_http2()
        .wrap_connector(connector());
    Ok(Client::builder(TokioExecutor::new())
        .http2_only(true)
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .http2_keep_alive_interval(Some(PATIENCE))
        .build(connector))
}

fn connector() -> HttpConnector {
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    http.set_nodelay(true);
    http.set_connect_timeout(Some(PATIENCE));
    http
}

fn tls(more_roots: &[String]) -> Result<ClientConfig, ReachError> {
    let mut roots = RootCertStore::empty();
    for pem in more_roots {
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            let certificate = certificate.map_err(|_| ReachError::Settings)?;
            roots.add(certificate).map_err(|_| ReachError::Settings)?;
        }
    }
    // Those that cannot be read are passed over: a missing one shows as a certificate nobody vouches for.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|_| ReachError::Settings)?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
