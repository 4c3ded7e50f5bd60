//! Sockets: HTTP/1.1 and h2, plain and TLS, bodies whole and within bounds.

use std::convert::Infallible;
use std::io::Read;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Either, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::call::{Call, Payload, Reply};
use crate::failure::Failure;
use crate::org::Core;
use crate::pubsub;
use crate::sandbox::host;

/// Serves connections until told to stop, then lets those under way finish.
pub(crate) async fn serve(
    core: Arc<Core>,
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    mut stop: watch::Receiver<bool>,
) {
    let graceful = GracefulShutdown::new();
    let scheme = if tls.is_some() { "https" } else { "http" };
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let Ok((stream, peer)) = accepted else {
            // Out of descriptors: wait for one to be free rather than spin.
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        tracing::trace!(%peer, "accepted");
        // Answers are small; waiting to fill a segment would only delay them.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "no TCP_NODELAY");
        }
        let (core, tls, watcher) = (Arc::clone(&core), tls.clone(), graceful.watcher());
        tokio::spawn(async move {
            if let Some(config) = tls {
                let shaken = tokio::time::timeout(HANDSHAKE, TlsAcceptor::from(config).accept(stream)).await;
                match shaken {
                    Ok(Ok(stream)) => connection(core, TokioIo::new(stream), scheme, watcher).await,
                    Ok(Err(error)) => tracing::debug!(%error, "no TLS"),
                    Err(_) => tracing::debug!("the TLS handshake took too long"),
                }
            } else {
                let stream: TcpStream = stream;
                connection(core, TokioIo::new(stream), scheme, watcher).await;
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(DRAIN, graceful.shutdown()).await.is_err() {
        tracing::debug!("connections left behind at stop");
    }
}

/// The same, as a task for an org that opens another: a future that holds itself needs a box around it.
pub(crate) fn serving(
    core: Arc<Core>,
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    stop: watch::Receiver<bool>,
) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(serve(core, listener, tls, stop))
}

/// Binds a listener, on a port of the system's choice when it is zero.
pub(crate) async fn bind(address: SocketAddr) -> std::io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

async fn connection<I>(
    core: Arc<Core>,
    io: I,
    scheme: &'static str,
    watcher: hyper_util::server::graceful::Watcher,
) where
    I: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let service = service_fn(move |request| {
        let core = Arc::clone(&core);
        async move {
            Ok::<_, Infallible>(if pubsub::is_here(request.uri().path()) {
                pubsub::answer(core, request).await.map(Either::Right)
            } else {
                respond(core, request, scheme).await.map(Either::Left)
            })
        }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADERS).max_buf_size(HEAD_BYTES);
    builder.http2().timer(TokioTimer::new()).max_header_list_size(HEAD_BYTES_H2);
    let connection = builder.serve_connection(io, service).into_owned();
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%error, "a connection ended early");
    }
}

async fn respond(core: Arc<Core>, request: Request<Incoming>, scheme: &str) -> Response<Full<Bytes>> {
    let call = match read(&core, request, scheme).await {
        Ok(call) => call,
        Err(failure) => return response(Reply::failure(&failure), None),
    };
    let reply = if call.body.len() > INLINE_BYTES {
        let core = Arc::clone(&core);
        match tokio::task::spawn_blocking(move || core.answer(&call)).await {
            Ok(reply) => reply,
            Err(_) => (
                Reply::failure(&Failure::request(500, "UNKNOWN_EXCEPTION", "An unexpected error occurred")),
                None,
            ),
        }
    } else {
        core.answer(&call)
    };
    if core.is_wished() {
        host::attend(&core).await;
    }
    response(reply.0, reply.1)
}

/// Reads a request whole: bounded, and unpacked if it says it is packed.
async fn read(core: &Core, request: Request<Incoming>, scheme: &str) -> Result<Call, Failure> {
    let (parts, body) = request.into_parts();
    let limit = core.body_limit(parts.uri.path());
    let too_large = || Failure::request(413, "REQUEST_LIMIT_EXCEEDED", "The request body is too large");
    let host = parts.headers.get(http::header::HOST).and_then(|host| host.to_str().ok());
    let host = host.map(str::to_owned).or_else(|| parts.uri.authority().map(ToString::to_string));
    let host = host.unwrap_or_else(|| "localhost".into());
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    let mut call = Call::new(parts.method.as_str(), target, &format!("{scheme}://{host}"));
    call.headers = parts
        .headers
        .iter()
        .map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect();
    let collected = Limited::new(body, limit).collect().await.map_err(|error| {
        if error.downcast_ref::<LengthLimitError>().is_some() {
            too_large()
        } else {
            Failure::request(400, "INVALID_REQUEST", "the request body ended early")
        }
    })?;
    let body = collected.to_bytes();
    call.body = match call.header("content-encoding").map(str::to_ascii_lowercase).as_deref() {
        None | Some("identity" | "") => body,
        Some("gzip" | "x-gzip") => {
            unpack(flate2::read::MultiGzDecoder::new(&body[..]), limit).ok_or_else(too_large)??
        }
        Some("deflate") => {
            unpack(flate2::read::ZlibDecoder::new(&body[..]), limit).ok_or_else(too_large)??
        }
        Some(other) => {
            let message = format!("content encoding {other} is not supported");
            return Err(Failure::request(415, "UNSUPPORTED_MEDIA_TYPE", message));
        }
    };
    Ok(call)
}

/// Unpacks a body; nothing when it grows past the limit.
fn unpack(decoder: impl Read, limit: usize) -> Option<Result<Bytes, Failure>> {
    let mut plain = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    match decoder.take(most).read_to_end(&mut plain) {
        Err(_) => {
            Some(Err(Failure::request(400, "INVALID_REQUEST", "the packed request body cannot be unpacked")))
        }
        Ok(_) if plain.len() > limit => None,
        Ok(_) => Some(Ok(Bytes::from(plain))),
    }
}

fn response(reply: Reply, usage: Option<String>) -> Response<Full<Bytes>> {
    let (kind, body) = match reply.body {
        Payload::Empty => (None, Bytes::new()),
        Payload::Json(value) => (Some("application/json;charset=UTF-8"), Bytes::from(value.to_string())),
        Payload::Raw(kind, bytes) => (Some(kind), Bytes::from(bytes)),
    };
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    let usage = usage.map(|usage| ("sforce-limit-info", usage));
    let fixed = [
        ("content-type", kind.unwrap_or("").to_owned()),
        ("cache-control", "no-cache,must-revalidate,max-age=0,no-store,private".to_owned()),
        ("x-sfdc-request-id", request_id(ANSWERED.fetch_add(1, Ordering::Relaxed))),
    ];
    for (name, value) in fixed.into_iter().chain(usage).chain(reply.headers) {
        if let (false, Ok(value)) = (value.is_empty(), HeaderValue::from_str(&value)) {
            headers.insert(name, value);
        }
    }
    response
}

/// How the event log names a request: 22 letters and digits, another each time.
fn request_id(count: u64) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    // Odd, so that no two counts come to the same; large, so that neighbours look nothing alike.
    let mut rest = u128::from(count + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    let mut id = String::with_capacity(22);
    for _ in 0..22 {
        let digit = usize::try_from(rest % 62).ok().and_then(|at| DIGITS.get(at)).copied().unwrap_or(b'0');
        id.push(char::from(digit));
        rest /= 62;
    }
    id
}

/// How many answers this process has given.
static ANSWERED: AtomicU64 = AtomicU64::new(0);

const HANDSHAKE: Duration = Duration::from_secs(10);
const HEADERS: Duration = Duration::from_secs(30);
const DRAIN: Duration = Duration::from_secs(5);
const HEAD_BYTES: usize = 128 * 1024;
const HEAD_BYTES_H2: u32 = 128 * 1024;
/// Above this, answering is moved off the threads that serve sockets.
const INLINE_BYTES: usize = 100 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_has_a_request_id_of_its_own() {
        let ids: std::collections::BTreeSet<String> = (0..1000).map(request_id).collect();
        assert_eq!(ids.len(), 1000);
        assert!(ids.iter().all(|id| id.len() == 22 && id.bytes().all(|byte| byte.is_ascii_alphanumeric())));
    }
}
