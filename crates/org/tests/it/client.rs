//! A small HTTP client: one connection a request, nothing hidden.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use org::{Config, Org, Running};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// A running org and a session to it.
pub(crate) struct Story {
    pub(crate) org: Running,
    pub(crate) token: String,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Starts an org that knows the token `tok`.
pub(crate) async fn start(change: impl FnOnce(&mut Config)) -> Story {
    let mut config = Config::default();
    config.credentials.tokens.push(("tok".into(), "admin@org.example".into()));
    change(&mut config);
    Story { org: Org::start(config).await.unwrap(), token: "tok".into() }
}

impl Story {
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, "").await
    }

    /// A REST call under v67.0 with a JSON body.
    pub(crate) async fn call(&self, method: &str, path: &str, body: impl ToString) -> Answer {
        self.typed(method, path, "application/json", body.to_string().into_bytes()).await
    }

    pub(crate) async fn typed(&self, method: &str, path: &str, kind: &str, body: Vec<u8>) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(format!("/services/data/v67.0/{path}"))
            .header("authorization", format!("Bearer {}", self.token))
            .header("content-type", kind);
        plain(&self.org, request.body(Full::new(Bytes::from(body))).unwrap()).await
    }

    /// A call to any path with these headers and no others.
    pub(crate) async fn raw(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
            request = request.header(*name, *value);
        }
        plain(&self.org, request.body(Full::new(Bytes::from(body))).unwrap()).await
    }

    pub(crate) async fn query(&self, text: &str) -> Value {
        let answer = self.get(&format!("query?q={}", encode(text))).await;
        assert_eq!(answer.status, 200, "{text}: {answer:?}");
        answer.json()
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The code of the first error.
    pub(crate) fn code(&self) -> String {
        self.json()[0]["errorCode"].as_str().unwrap_or("").to_owned()
    }
}

/// Sends a request over plain HTTP/1.1.
pub(crate) async fn plain(org: &Running, request: Request<Full<Bytes>>) -> Answer {
    let address = org.http_url().unwrap().replace("http://", "");
    let stream = TcpStream::connect(&address).await.unwrap();
    over_http1(TokioIo::new(stream), &address, request).await
}

/// Sends a request over plain HTTP/1.1 to any address.
pub(crate) async fn at(url: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let address = url.replace("http://", "");
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let stream = TcpStream::connect(&address).await.unwrap();
    let body = Full::new(Bytes::from(body.to_owned()));
    over_http1(TokioIo::new(stream), &address, request.body(body).unwrap()).await
}

/// Sends a request over TLS, with the protocol that ALPN settles on; gives that protocol too.
pub(crate) async fn secure(org: &Running, alpn: &[&str], request: Request<Full<Bytes>>) -> (Answer, String) {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(org.ca_pem().unwrap().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    let address = org.https_url().unwrap().replace("https://", "");
    let stream = TcpStream::connect(&address).await.unwrap();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    let chosen = stream.get_ref().1.alpn_protocol().map(|name| String::from_utf8(name.to_vec()).unwrap());
    let chosen = chosen.unwrap_or_default();
    if chosen != "h2" {
        return (over_http1(TokioIo::new(stream), &address, request).await, chosen);
    }
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let (mut parts, body) = request.into_parts();
    parts.uri = format!("https://{address}{}", parts.uri.path_and_query().unwrap()).parse().unwrap();
    (collect(sender.send_request(Request::from_parts(parts, body)).await.unwrap()).await, chosen)
}

/// Percent-encodes a query parameter.
pub(crate) fn encode(text: &str) -> String {
    text.bytes().fold(String::new(), |out, byte| {
        let plain = byte.is_ascii_alphanumeric();
        out + &if plain { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    })
}

async fn over_http1<I>(io: I, address: &str, mut request: Request<Full<Bytes>>) -> Answer
where
    I: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
    tokio::spawn(connection);
    if !request.headers().contains_key("host") {
        request.headers_mut().insert("host", address.parse().unwrap());
    }
    collect(sender.send_request(request).await.unwrap()).await
}

async fn collect(response: http::Response<hyper::body::Incoming>) -> Answer {
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answer { status: parts.status.as_u16(), headers: parts.headers, body }
}
