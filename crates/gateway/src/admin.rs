//! Health and metrics for those who run the gateway, on a listener of their own.

use std::sync::Arc;

use bytes::Bytes;
use flow::Flow;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::{net::TcpListener, sync::watch, task::spawn_blocking};

use crate::{delivery::UnderWay, ledger_state, metrics::Metrics, side};

/// Connections open at one time: probes and a scraper.
const CONNECTIONS_MAX: usize = 64;

pub(crate) async fn serve(
    listener: TcpListener,
    metrics: Arc<Metrics>,
    flow: Arc<Flow>,
    files: Arc<UnderWay>,
    stop: watch::Receiver<bool>,
) {
    let answer = move |request: Request<Incoming>| {
        let (metrics, flow, files) = (Arc::clone(&metrics), Arc::clone(&flow), Arc::clone(&files));
        async move {
            let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
            let leaving = if is_read && request.uri().path() == DELIVERIES {
                // Those of other gateways are on disk.
                let now = flow.seconds();
                spawn_blocking(move || files.text(now)).await.ok()
            } else {
                None
            };
            answer(&request, &metrics, &flow, leaving)
        }
    };
    side::serve(listener, CONNECTIONS_MAX, stop, answer).await;
}

/// Where the files that leave just now are told of.
const DELIVERIES: &str = "/deliveries";

fn answer(
    request: &Request<Incoming>,
    metrics: &Metrics,
    flow: &Flow,
    leaving: Option<String>,
) -> Response<Full<Bytes>> {
    let is_json = leaving.is_some();
    let (status, text) = match (request.method(), request.uri().path()) {
        _ if is_json => (StatusCode::OK, leaving.unwrap_or_default()),
        (&Method::GET | &Method::HEAD, "/healthz") => (StatusCode::OK, "alive\n".to_owned()),
        (&Method::GET | &Method::HEAD, "/readyz") => ledger_state::ready(flow),
        (&Method::GET | &Method::HEAD, "/metrics") => {
            (StatusCode::OK, metrics.text() + &metrics.text_of_others() + &ledger_state::metrics_text(flow))
        }
        _ => (StatusCode::NOT_FOUND, "try /healthz, /readyz, /metrics or /deliveries\n".to_owned()),
    };
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    let text = "text/plain; version=0.0.4; charset=utf-8";
    let kind = HeaderValue::from_static(if is_json { "application/json" } else { text });
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
