//! Health and metrics for those who run the gateway, on a listener of their own.

use std::sync::Arc;

use bytes::Bytes;
use flow::Flow;
use http::{HeaderValue, Method, Request, Response, StatusCode, header, request::Parts};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::{
    net::TcpListener,
    sync::watch,
    task::{JoinError, spawn_blocking},
};

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
    // Which client takes which export is told on this machine alone: what listens elsewhere has neither TLS nor accounts.
    let is_here = listener.local_addr().is_ok_and(|address| address.ip().is_loopback());
    let answer = move |request: Request<Incoming>| {
        let (metrics, flow, files) = (Arc::clone(&metrics), Arc::clone(&flow), Arc::clone(&files));
        async move {
            let (head, _unread) = request.into_parts();
            answer(&head, &metrics, &flow, is_here.then_some(files)).await
        }
    };
    side::serve(listener, CONNECTIONS_MAX, stop, answer).await;
}

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
const JSON: &str = "application/json";

async fn answer(
    head: &Parts,
    metrics: &Metrics,
    flow: &Flow,
    files: Option<Arc<UnderWay>>,
) -> Response<Full<Bytes>> {
    let is_read = matches!(head.method, Method::GET | Method::HEAD);
    let (status, kind, text) = match head.uri.path() {
        "/healthz" if is_read => (StatusCode::OK, TEXT, "alive\n".to_owned()),
        "/readyz" if is_read => {
            let (status, text) = ledger_state::ready(flow);
            (status, TEXT, text)
        }
        "/metrics" if is_read => {
            let text = metrics.text() + &metrics.text_of_others() + &ledger_state::metrics_text(flow);
            (StatusCode::OK, TEXT, text)
        }
        "/deliveries" if is_read => match files {
            Some(files) => {
                let now = flow.seconds();
                // Those of other gateways are on disk.
                deliveries(spawn_blocking(move || files.text(now)).await)
            }
            None => {
                (StatusCode::FORBIDDEN, TEXT, "told only where `[admin]` listens on loopback\n".to_owned())
            }
        },
        _ => (StatusCode::NOT_FOUND, TEXT, "try /healthz, /readyz, /metrics or /deliveries\n".to_owned()),
    };
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// The files that leave just now: status, media type and text of the answer.
fn deliveries(told: Result<String, JoinError>) -> (StatusCode, &'static str, String) {
    told.map_or_else(
        |_| {
            let text = "what leaves just now could not be told: standard error says why\n".to_owned();
            (StatusCode::INTERNAL_SERVER_ERROR, TEXT, text)
        },
        |text| (StatusCode::OK, JSON, text),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_thread_that_broke_is_not_a_page_that_is_missing() {
        let told = deliveries(spawn_blocking(|| "{}".to_owned()).await);
        assert_eq!(told, (StatusCode::OK, JSON, "{}".to_owned()));
        let broken = spawn_blocking(|| "".parse::<u8>().unwrap().to_string()).await;
        assert_eq!(deliveries(broken).0, StatusCode::INTERNAL_SERVER_ERROR);
    }
}
