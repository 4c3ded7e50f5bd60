//! The way to what is behind a boundary: one pooled client, nothing sent twice.

use std::{error::Error as _, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{
    HeaderMap, Method, Request, Response, Uri, Version, response, uri::Authority, uri::PathAndQuery,
    uri::Scheme,
};
use hyper::body::Incoming;
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

use crate::{
    body::{Body, Broken, Progress, whole_answer},
    config::{BoundaryConfig, Timeouts},
    problem::Problem,
    server::StartError,
};

/// A client for one upstream.
#[derive(Clone, Debug)]
pub(crate) struct Upstream {
    client: Client<HttpsConnector<HttpConnector>, Body>,
    scheme: Scheme,
    authority: Authority,
    patience: Duration,
}

/// Idle connections are closed before the usual server does it, so that a write seldom meets a closing one.
const POOL_IDLE: Duration = Duration::from_secs(20);

impl Upstream {
    pub(crate) fn new(config: &BoundaryConfig, timeouts: &Timeouts) -> Result<Self, StartError> {
        let name = &config.boundary.name;
        if config.upstream.path_and_query().is_some_and(|path| path != "/") {
            return Err(StartError::Upstream { boundary: name.clone() });
        }
        Self::to(name, &config.upstream, &config.upstream_roots, timeouts)
    }

    /// A client for what is at this place, whatever its path; errors call it by `name`.
    pub(crate) fn to(
        name: &str,
        place: &Uri,
        more_roots: &[String],
        timeouts: &Timeouts,
    ) -> Result<Self, StartError> {
        let wrong = || StartError::Upstream { boundary: name.to_owned() };
        let parts = place.clone().into_parts();
        let (Some(scheme), Some(authority)) = (parts.scheme, parts.authority) else { return Err(wrong()) };
        if authority.as_str().contains('@') {
            return Err(wrong());
        }
        if scheme != Scheme::HTTP && scheme != Scheme::HTTPS {
            return Err(wrong());
        }
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(timeouts.connect));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls(name, more_roots, scheme == Scheme::HTTPS)?)
            .https_or_http()
            .enable_http1()
            .enable_http2()
            .wrap_connector(http);
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(POOL_IDLE)
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            // Not a retry of a write: a request that met a closing idle connection before its first byte was
            // written goes out on another. Once a byte has left, nothing is sent again.
            .retry_canceled_requests(true)
            .build(connector);
        Ok(Self { client, scheme, authority, patience: timeouts.upstream })
    }

    /// `https://host:port` of the upstream.
    pub(crate) fn origin(&self) -> String {
        format!("{}://{}", self.scheme, self.authority)
    }

    /// Scheme and authority, as a request's target has them.
    pub(crate) fn place(&self) -> (String, String) {
        (self.scheme.to_string(), self.authority.to_string())
    }

    /// Sends a request, once.
    ///
    /// Bounds: `timeouts.connect` to connect; `timeouts.upstream` without progress until the answer's head.
    pub(crate) async fn send(
        &self,
        method: Method,
        target: &str,
        headers: HeaderMap,
        body: Body,
    ) -> Result<Response<Incoming>, Problem> {
        let progress = Progress::default();
        let mut request = Request::new(body.watched(progress.clone()));
        let path = PathAndQuery::try_from(target).map_err(|_| Problem::Internal)?;
        let uri = Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(path)
            .build()
            .map_err(|_| Problem::Internal)?;
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.version_mut() = Version::HTTP_11;
        *request.headers_mut() = headers;
        tokio::select! {
            answer = self.client.request(request) => answer.map_err(|error| blame(&error)),
            () = progress.stalled(self.patience) => Err(Problem::UpstreamSlow),
        }
    }

    /// Asks with a request of our own, once, and reads the answer to its end, so that the connection can be used again.
    ///
    /// Shape:  the answer's head, and its body; none where it broke off, fell silent or is longer than `limit`.
    /// Bounds: as [`Upstream::send`]; `limit` bytes, and `timeouts.upstream` of silence.
    /// Errors: [`Problem`]: there was no answer.
    pub(crate) async fn ask(
        &self,
        method: Method,
        target: &str,
        headers: HeaderMap,
        body: impl Into<Bytes>,
        limit: usize,
    ) -> Result<(response::Parts, Option<Bytes>), Problem> {
        let answer = self.send(method, target, headers, Body::from(body.into())).await?;
        let (parts, body) = answer.into_parts();
        Ok((parts, whole_answer(body, limit, self.patience).await))
    }
}

/// Whether nobody reads along on the way to an address: by `https`, or by `http` on this machine.
pub fn is_confidential(address: &Uri) -> bool {
    match address.scheme_str() {
        Some("https") => true,
        Some("http") => address.host().is_some_and(names_this_machine),
        _ => false,
    }
}

/// Whether this is a name of this machine; IPv6 in brackets.
pub(crate) fn names_this_machine(host: &str) -> bool {
    matches!(host, "localhost" | "127.0.0.1" | "[::1]")
}

/// Says whose fault a failed exchange was.
fn blame(error: &hyper_util::client::legacy::Error) -> Problem {
    if error.is_connect() {
        return Problem::UpstreamRefused;
    }
    let mut source = error.source();
    while let Some(cause) = source {
        if cause.is::<Broken>() {
            return Problem::BodyBroken;
        }
        source = cause.source();
    }
    Problem::UpstreamBroken
}

fn tls(name: &str, more_roots: &[String], with_system_roots: bool) -> Result<ClientConfig, StartError> {
    let mut roots = RootCertStore::empty();
    for pem in more_roots {
        let wrong = || StartError::UpstreamRoot { boundary: name.to_owned() };
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            roots.add(certificate.map_err(|_| wrong())?).map_err(|_| wrong())?;
        }
    }
    if with_system_roots {
        // Those that cannot be read are passed over: a missing one shows as a certificate nobody vouches for.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(StartError::Tls)?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
