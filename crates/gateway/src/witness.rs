//! Witnesses over HTTP: serves one, and asks others to cosign what our ledger published.
//!
//! Source: c2sp.org/tlog-witness.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use ledger::{Declined, WITNESS_REQUEST_BYTES_MAX, Witness};
use tokio::{net::TcpListener, sync::watch, task::spawn_blocking, time::timeout};

use crate::{config::Timeouts, server::StartError, side, upstream::Upstream};

/// Connections open at one time: a log keeps one.
const CONNECTIONS_MAX: usize = 256;
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// A witness that is being served. Plain HTTP: all that crosses is signed, and public.
#[derive(Debug)]
pub struct WitnessServer {
    address: SocketAddr,
    stop: watch::Sender<bool>,
}

impl WitnessServer {
    /// Serves a witness at an address, until it is dropped.
    ///
    /// Shape:  `POST /add-checkpoint`, `GET /<hash of the origin>/checkpoint`; `now` gives POSIX seconds.
    /// Errors: the address cannot be listened at.
    pub async fn start(
        listen: SocketAddr,
        witness: Arc<Witness>,
        now: impl Fn() -> u64 + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let (stop, stopped) = watch::channel(false);
        let now: Now = Arc::new(now);
        let answer = move |request| answer(request, Arc::clone(&witness), Arc::clone(&now));
        tokio::spawn(side::serve(listener, CONNECTIONS_MAX, stopped, answer));
        Ok(Self { address, stop })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for WitnessServer {
    fn drop(&mut self) {
        // Nobody may be listening any more, and that is as well.
        let _told = self.stop.send(true);
    }
}

type Now = Arc<dyn Fn() -> u64 + Send + Sync>;

async fn answer(request: Request<Incoming>, witness: Arc<Witness>, now: Now) -> Response<Full<Bytes>> {
    let path = request.uri().path().to_owned();
    match (request.method(), path.as_str()) {
        (&Method::POST, "/add-checkpoint") => {}
        (_, "/add-checkpoint") => return said(StatusCode::METHOD_NOT_ALLOWED, "POST it\n"),
        (&Method::GET | &Method::HEAD, path) => {
            let hash = path.strip_prefix('/').and_then(|rest| rest.strip_suffix("/checkpoint"));
            return match hash.and_then(|hash| witness.latest(hash)) {
                Some(note) => said(StatusCode::OK, note),
                None => said(StatusCode::NOT_FOUND, "no checkpoint of such a log was cosigned here\n"),
            };
        }
        _ => return said(StatusCode::NOT_FOUND, "POST /add-checkpoint, GET /<hash>/checkpoint\n"),
    }
    let read = timeout(BODY_TIMEOUT, Limited::new(request.into_body(), WITNESS_REQUEST_BYTES_MAX).collect());
    let Ok(Ok(body)) = read.await else {
        return said(StatusCode::BAD_REQUEST, "the request is too long, or broke off\n");
    };
    let body = body.to_bytes();
    // It waits for the disk.
    let Ok(answered) = spawn_blocking(move || witness.add_checkpoint(&body, now())).await else {
        return said(StatusCode::INTERNAL_SERVER_ERROR, "the witness failed\n");
    };
    let declined = match answered {
        Ok(line) => return said(StatusCode::OK, line),
        Err(declined) => declined,
    };
    let status = match &declined {
        Declined::Malformed(_) => StatusCode::BAD_REQUEST,
        Declined::NotSigned => StatusCode::FORBIDDEN,
        Declined::UnknownLog => StatusCode::NOT_FOUND,
        Declined::Inconsistent => {
            tracing::error!(
                "a log asked for a cosignature on a checkpoint that does not continue the last one"
            );
            StatusCode::UNPROCESSABLE_ENTITY
        }
        Declined::Disk { .. } => {
            tracing::error!("{declined}");
            StatusCode::INTERNAL_SERVER_ERROR
        }
        Declined::OtherSize { known } => {
            let mut response = said(StatusCode::CONFLICT, format!("{known}\n"));
            let kind = HeaderValue::from_static(SIZE_TYPE);
            response.headers_mut().insert(header::CONTENT_TYPE, kind);
            return response;
        }
    };
    said(status, format!("{declined}\n"))
}

const SIZE_TYPE: &str = "text/x.tlog.size";

fn said(status: StatusCode, text: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(text.into()));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// A witness elsewhere.
#[derive(Clone, Debug)]
pub struct WitnessClient {
    upstream: Upstream,
    path: String,
}

/// What a witness answered; nothing of it is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WitnessAnswer {
    /// It cosigned: lines to be put behind the checkpoint.
    Cosigned(String),
    /// It knows another size: prove from there.
    KnowsSize(u64),
    /// It would not, with this status.
    Declined(u16),
    /// It could not be reached, or did not answer whole.
    Away,
}

impl WitnessClient {
    /// A client of the witness at this submission prefix.
    ///
    /// Errors: as for an upstream of a boundary; see [`StartError`].
    pub fn new(prefix: &Uri, timeouts: &Timeouts) -> Result<Self, StartError> {
        let path = format!("{}/add-checkpoint", prefix.path().trim_end_matches('/'));
        let upstream = Upstream::to(WITNESS, prefix, &[], timeouts)?;
        Ok(Self { upstream, path })
    }

    /// Asks for a cosignature, once.
    ///
    /// Shape:  what [`ledger::Reader::submission`] made.
    /// Bounds: an answer of 64 KiB; the usual times to connect and to wait.
    pub async fn ask(&self, submission: String) -> WitnessAnswer {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        let asked =
            self.upstream.ask(Method::POST, &self.path, headers, submission, WITNESS_REQUEST_BYTES_MAX);
        let Ok((head, Some(body))) = asked.await else { return WitnessAnswer::Away };
        let Ok(text) = std::str::from_utf8(&body) else { return WitnessAnswer::Away };
        match head.status {
            StatusCode::OK => WitnessAnswer::Cosigned(text.to_owned()),
            StatusCode::CONFLICT => match text.strip_suffix('\n').map(str::parse) {
                Some(Ok(size)) => WitnessAnswer::KnowsSize(size),
                _ => WitnessAnswer::Declined(head.status.as_u16()),
            },
            status => WitnessAnswer::Declined(status.as_u16()),
        }
    }
}

/// How errors name it where a boundary's name would stand.
const WITNESS: &str = "witness";
