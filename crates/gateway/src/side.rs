//! Plain HTTP beside the boundaries, for a few connections at a time: probes, a scraper, logs that ask a witness.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
    task::JoinSet,
    time::sleep,
};

const HEAD_TIMEOUT: Duration = Duration::from_secs(5);

/// Who is at the other end of a request's connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// Answers until told to stop; connections that are open then are dropped, for nobody here needs a farewell.
///
/// Bounds: `connections_max` at one time, one more is closed unread; five seconds for a head.
pub(crate) async fn serve<A>(
    listener: TcpListener,
    connections_max: usize,
    mut stop: watch::Receiver<bool>,
    answer: impl Fn(Request<Incoming>) -> A + Clone + Send + Sync + 'static,
) where
    A: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let room = Arc::new(Semaphore::new(connections_max));
    let mut tasks = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            _ = stop.changed() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((socket, peer)) = accepted else {
            sleep(Duration::from_millis(50)).await;
            continue;
        };
        while tasks.try_join_next().is_some() {}
        let Ok(permit) = Arc::clone(&room).try_acquire_owned() else { continue };
        let answer = answer.clone();
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(Peer(peer));
            let answered = answer(request);
            async move { Ok::<_, Infallible>(answered.await) }
        });
        tasks.spawn(async move {
            let _permit = permit;
            let mut http = http1::Builder::new();
            http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
            // Whoever breaks off asks again.
            let _served = http.serve_connection(TokioIo::new(socket), service).await;
        });
    }
}
