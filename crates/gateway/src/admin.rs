//! Health and metrics for those who run the gateway, on a listener of their own.

use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use flow::Flow;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
    task::JoinSet,
    time::sleep,
};

use crate::{ledger_state, metrics::Metrics};

/// Connections open at one time: probes and a scraper.
const CONNECTIONS_MAX: usize = 64;
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);

pub(crate) async fn serve(
    listener: TcpListener,
    metrics: Arc<Metrics>,
    flow: Arc<Flow>,
    mut stop: watch::Receiver<bool>,
) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    // Dropped when the loop ends: probes need no farewell.
    let mut tasks = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            _ = stop.changed() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((socket, _)) = accepted else {
            sleep(Duration::from_millis(50)).await;
            continue;
        };
        while tasks.try_join_next().is_some() {}
        let Ok(permit) = Arc::clone(&room).try_acquire_owned() else { continue };
        let (metrics, flow) = (Arc::clone(&metrics), Arc::clone(&flow));
        let service = service_fn(move |request: Request<Incoming>| {
            let response = answer(&request, &metrics, &flow);
            async move { Ok::<_, Infallible>(response) }
        });
        tasks.spawn(async move {
            let _permit = permit;
            let mut http = http1::Builder::new();
            http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
            // A probe that breaks off is no news.
            let _served = http.serve_connection(TokioIo::new(socket), service).await;
        });
    }
}

fn answer(request: &Request<Incoming>, metrics: &Metrics, flow: &Flow) -> Response<Full<Bytes>> {
    let (status, text) = match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, "/healthz") => (StatusCode::OK, "alive\n".to_owned()),
        (&Method::GET | &Method::HEAD, "/readyz") => ledger_state::ready(flow),
        (&Method::GET | &Method::HEAD, "/metrics") => {
            (StatusCode::OK, metrics.text() + &metrics.text_of_others() + &ledger_state::metrics_text(flow))
        }
        _ => (StatusCode::NOT_FOUND, "try /healthz, /readyz or /metrics\n".to_owned()),
    };
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
