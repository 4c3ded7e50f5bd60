//! A production FHIR feed, as small as one can be: it takes what reaches it and counts.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use miette::{IntoDiagnostic as _, WrapErr as _};
use tokio::{net::TcpListener, task::JoinHandle};

/// The feed, listening.
#[derive(Debug)]
pub(crate) struct Feed {
    address: SocketAddr,
    received: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Feed {
    /// Starts on a free loopback port.
    pub(crate) async fn start() -> miette::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.into_diagnostic().wrap_err("no free port")?;
        let address = listener.local_addr().into_diagnostic()?;
        let received = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&received);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let count = Arc::clone(&count);
                tokio::spawn(async move {
                    let service = service_fn(|request| take(request, Arc::clone(&count)));
                    let server = auto::Builder::new(TokioExecutor::new());
                    // A connection that breaks has nobody left to tell.
                    drop(server.serve_connection(TokioIo::new(stream), service).await);
                });
            }
        });
        Ok(Self { address, received, task })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many resources have arrived.
    pub(crate) fn received(&self) -> usize {
        self.received.load(Ordering::SeqCst)
    }

    /// Ends it.
    pub(crate) fn stop(&self) {
        self.task.abort();
    }
}

async fn take(
    request: Request<Incoming>,
    count: Arc<AtomicUsize>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let is_write = request.method() == http::Method::POST || request.method() == http::Method::PUT;
    let body =
        Limited::new(request.into_body(), 16 << 20).collect().await.map(http_body_util::Collected::to_bytes);
    let resource: serde_json::Value =
        body.ok().and_then(|body| serde_json::from_slice(&body).ok()).unwrap_or_default();
    let entries = resource.get("entry").and_then(serde_json::Value::as_array).map(Vec::len);
    let (status, answer) = if is_write {
        count.fetch_add(entries.unwrap_or(1), Ordering::SeqCst);
        match entries {
            Some(entries) => (200, transaction_response(entries)),
            None => (201, resource),
        }
    } else {
        (
            200,
            serde_json::json!({"resourceType": "Bundle", "type": "searchset", "total": count.load(Ordering::SeqCst)}),
        )
    };
    let response = Response::builder()
        .status(status)
        .header("content-type", "application/fhir+json")
        .body(Full::new(Bytes::from(answer.to_string())));
    Ok(response.unwrap_or_default())
}

fn transaction_response(entries: usize) -> serde_json::Value {
    let entry = vec![serde_json::json!({"response": {"status": "201 Created"}}); entries];
    serde_json::json!({"resourceType": "Bundle", "type": "transaction-response", "entry": entry})
}
