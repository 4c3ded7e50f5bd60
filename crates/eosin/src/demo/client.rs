//! A small HTTP client for the story: what any integration would send.

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use miette::{IntoDiagnostic as _, WrapErr as _, miette};

/// Sends requests to one origin, with one set of headers.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    client: Client<HttpConnector, Full<Bytes>>,
    origin: String,
    headers: Vec<(&'static str, String)>,
}

/// What came back.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    /// The status.
    pub(crate) status: StatusCode,
    /// The body as text, at most 1 MiB.
    pub(crate) body: String,
    /// The `Eosin-Provenance` of the answer, if there was one.
    pub(crate) provenance: Option<String>,
}

impl Caller {
    /// A caller of `origin`, such as `http://127.0.0.1:8080`.
    pub(crate) fn new(origin: &str) -> Self {
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self {
            client,
            origin: origin.to_owned(),
            headers: vec![("user-agent", "nightly-sync/1.0".to_owned())],
        }
    }

    /// The same caller with one more header on every request.
    #[must_use]
    pub(crate) fn with(&self, name: &'static str, value: &str) -> Self {
        let mut caller = self.clone();
        caller.headers.push((name, value.to_owned()));
        caller
    }

    /// Sends one request and reads the answer.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        kind: &str,
        body: &str,
    ) -> miette::Result<Reply> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.origin));
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        if !body.is_empty() {
            request = request.header("content-type", kind);
        }
        let request = request.body(Full::new(Bytes::copy_from_slice(body.as_bytes()))).into_diagnostic()?;
        let response = self
            .client
            .request(request)
            .await
            .into_diagnostic()
            .wrap_err_with(|| format!("{} did not answer", self.origin))?;
        let status = response.status();
        let provenance = response.headers().get("eosin-provenance");
        let provenance = provenance.and_then(|value| value.to_str().ok()).map(str::to_owned);
        let body = Limited::new(response.into_body(), 1 << 20).collect().await;
        let body = body.map_err(|_| miette!("an answer of {} was cut short", self.origin))?.to_bytes();
        Ok(Reply { status, body: String::from_utf8_lossy(&body).into_owned(), provenance })
    }

    /// POST of JSON.
    pub(crate) async fn post(&self, path: &str, body: &str) -> miette::Result<Reply> {
        self.send(Method::POST, path, "application/json", body).await
    }

    /// GET.
    pub(crate) async fn get(&self, path: &str) -> miette::Result<Reply> {
        self.send(Method::GET, path, "", "").await
    }
}

impl Reply {
    /// The value at a JSON pointer of the body, as text.
    pub(crate) fn at(&self, pointer: &str) -> Option<String> {
        let body: serde_json::Value = serde_json::from_str(&self.body).ok()?;
        let value = body.pointer(pointer)?;
        Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    }
}
