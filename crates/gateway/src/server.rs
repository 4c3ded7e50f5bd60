//! Listeners: accept, shake hands, serve, and stop without cutting anybody off.

use std::{collections::BTreeMap, convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use flow::{Flow, Protocol};
use hyper::service::service_fn;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
};
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use telemetry::Tracer;
use thiserror::Error;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;

use crate::{
    admin,
    body::PERMIT_BYTES,
    config::{BoundaryConfig, Config, Limits, Timeouts, TlsIdentity},
    contract::Contracts,
    delivery::{Archive, Deliveries, UnderWay},
    fhir_reading::{FhirReads, Links},
    head::{Door, Head},
    isolation::Isolation,
    metrics::Metrics,
    request,
    rewrite::Addresses,
    signing::{Signatures, Signing},
    spool::Room,
    upstream::Upstream,
    webhook::{Intake, Webhooks, retry},
    wire::{Suspicion, Wire},
};

/// Starts gateways.
#[derive(Clone, Copy, Debug)]
pub struct Gateway;

/// A gateway that serves until it is stopped.
#[derive(Debug)]
pub struct Running {
    addresses: BTreeMap<String, SocketAddr>,
    /// The ways in for subscriptions, by boundary.
    intakes: BTreeMap<String, Intake>,
    admin: Option<SocketAddr>,
    metrics: Arc<Metrics>,
    stop: watch::Sender<bool>,
    listeners: JoinSet<()>,
    /// Closes when the last crossing under way has ended.
    crossings: mpsc::Receiver<()>,
    drain: Duration,
}

/// How stopping went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// Every request under way was answered.
    Drained,
    /// Some were cut off when `timeouts.drain` ended. What they had begun shows as unsettled in the ledger.
    CutOff,
}

/// Why a gateway did not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// Two boundaries have one name.
    #[error("two boundaries are called `{boundary}`; give each its own name")]
    SameName {
        /// The name.
        boundary: String,
    },
    /// Plain HTTP where others could listen.
    #[error(
        "`{boundary}` would speak plain HTTP on {listen}; give it a certificate, a loopback address, or `danger_plain_http`"
    )]
    PlainHttp {
        /// The boundary.
        boundary: String,
        /// The address.
        listen: SocketAddr,
    },
    /// The upstream is not an origin.
    #[error("the upstream of `{boundary}` is not of the form https://host or https://host:port")]
    Upstream {
        /// The boundary.
        boundary: String,
    },
    /// A root certificate cannot be read.
    #[error("an upstream root of `{boundary}` is not a certificate in PEM form")]
    UpstreamRoot {
        /// The boundary.
        boundary: String,
    },
    /// The certificate or its key cannot be used.
    #[error("the certificate of `{boundary}` and its key are not a usable pair in PEM form")]
    Identity {
        /// The boundary.
        boundary: String,
    },
    /// The namespace of Eosin's fields is none.
    #[error(
        "the namespace in `reads` of `{boundary}` is not one: 1 to 15 letters, digits and single underscores"
    )]
    Namespace {
        /// The boundary.
        boundary: String,
    },
    /// The system gives no random bytes.
    #[error("the system gave no random bytes; try again")]
    Randomness,
    /// The TLS library refused.
    #[error("TLS could not be set up")]
    Tls(#[source] rustls::Error),
    /// The address cannot be listened on.
    #[error("cannot listen on {listen} for `{name}`; is something else there?")]
    Listen {
        /// The boundary, or `admin`.
        name: String,
        /// The address.
        listen: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// One boundary's listener with all it needs.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) boundary: Arc<policy::Boundary>,
    pub(crate) protocol: Protocol,
    pub(crate) upstream: Upstream,
    pub(crate) limits: Limits,
    pub(crate) timeouts: Timeouts,
    pub(crate) flow: Arc<Flow>,
    pub(crate) signing: Arc<Signing>,
    /// Which contract version each client has.
    pub(crate) contracts: Arc<Contracts>,
    /// How reads are isolated, where they are.
    pub(crate) isolation: Option<Isolation>,
    /// The same for FHIR.
    pub(crate) fhir: Option<FhirReads>,
    /// The files that are delivered, and what is told of those that were.
    pub(crate) deliveries: Deliveries,
    pub(crate) metrics: Arc<Metrics>,
    /// Where traces begin, if they are recorded.
    pub(crate) tracer: Option<Arc<Tracer>>,
    /// What is left of the memory for judged bodies.
    pub(crate) held: Arc<Semaphore>,
    /// Room on disk for bodies that are longer than is held.
    pub(crate) spool: Option<Room>,
    /// How events are taken, where the boundary is one that events cross.
    pub(crate) webhooks: Option<Arc<Webhooks>>,
    /// Held by each crossing until it has ended.
    pub(crate) under_way: mpsc::Sender<()>,
}

impl Lane {
    /// The upstream's address and ours, as this client addressed us.
    pub(crate) fn addresses(&self, head: &Head) -> Addresses {
        Addresses { upstream: self.upstream.origin(), gateway: head.origin.clone() }
    }
}

impl Gateway {
    /// Opens every listener, or none. Signs nothing and believes no signature.
    ///
    /// Errors: see [`StartError`]; nothing is left running.
    pub async fn start(config: Config, flow: Arc<Flow>) -> Result<Running, StartError> {
        Self::start_signing(config, flow, Signatures::off()).await
    }

    /// As [`Gateway::start`], and signs what it sends on and what it answers.
    ///
    /// Errors: see [`StartError`]; nothing is left running.
    pub async fn start_signing(
        config: Config,
        flow: Arc<Flow>,
        signatures: Signatures,
    ) -> Result<Running, StartError> {
        let signing = Arc::new(Signing::new(signatures, flow.seconds()));
        let metrics = Arc::new(Metrics::default());
        let ((stop, stopped), (under_way, crossings)) = (watch::channel(false), mpsc::channel(1));
        let (mut addresses, mut ready) = (BTreeMap::new(), Vec::new());
        let contracts = Arc::new(config.contracts);
        let links = Links::new(config.link_key.as_ref()).ok_or(StartError::Randomness)?;
        let archive = config.archive.as_ref().map(|archive| Arc::new(Archive::of(archive, &flow)));
        let files = Arc::new(UnderWay::new(archive.clone()));
        for boundary in config.boundaries {
            let name = boundary.boundary.name.clone();
            plain_http_allowed(&boundary)?;
            let tls = boundary.tls.as_ref().map(|identity| acceptor(identity, &name)).transpose()?;
            let upstream = Upstream::new(&boundary, &config.timeouts)?;
            let (listener, address) = listen(boundary.listen, &name).await?;
            if addresses.insert(name.clone(), address).is_some() {
                return Err(StartError::SameName { boundary: name });
            }
            let isolation = Isolation::of(&boundary)?;
            let fhir = FhirReads::of(&boundary, &links);
            let webhooks = Webhooks::of(&boundary, &config.timeouts)?.map(Arc::new);
            let lane = Lane {
                isolation,
                fhir,
                deliveries: Deliveries::of(&boundary, archive.as_ref(), &files),
                boundary: Arc::new(boundary.boundary),
                protocol: boundary.protocol,
                upstream,
                limits: config.limits,
                timeouts: config.timeouts,
                flow: Arc::clone(&flow),
                signing: Arc::clone(&signing),
                contracts: Arc::clone(&contracts),
                metrics: Arc::clone(&metrics),
                tracer: config.tracer.clone(),
                held: Arc::new(Semaphore::new(config.limits.held_bytes / PERMIT_BYTES)),
                spool: config.spool.as_ref().map(Room::new),
                webhooks,
                under_way: under_way.clone(),
            };
            ready.push((listener, Arc::new(lane), tls));
        }
        let mut listeners = JoinSet::new();
        let admin = match config.admin {
            Some(address) => {
                let (listener, address) = listen(address, "admin").await?;
                listeners.spawn(admin::serve(listener, Arc::clone(&metrics), flow, files, stopped.clone()));
                Some(address)
            }
            None => None,
        };
        let mut intakes = BTreeMap::new();
        for (listener, lane, tls) in ready {
            intakes.extend(Intake::of(&lane).map(|intake| (lane.boundary.name.clone(), intake)));
            if let Some(webhooks) = &lane.webhooks {
                listeners.spawn(retry(Arc::clone(&lane), Arc::clone(webhooks), stopped.clone()));
            }
            listeners.spawn(serve(listener, lane, tls, stopped.clone()));
        }
        Ok(Running {
            addresses,
            intakes,
            admin,
            metrics,
            stop,
            listeners,
            crossings,
            drain: config.timeouts.drain,
        })
    }
}

impl Running {
    /// Stops: no new connections, requests under way are finished within `timeouts.drain`, crossings settled.
    pub async fn stop(mut self) -> Stopped {
        // Nobody listens only if every listener has ended already.
        let _heard = self.stop.send(true);
        self.intakes.clear();
        let all = async {
            while self.listeners.join_next().await.is_some() {}
            // Ends when the last sender is dropped: nothing is ever sent.
            let _closed = self.crossings.recv().await;
        };
        match timeout(self.drain, all).await {
            Ok(()) => Stopped::Drained,
            Err(_) => Stopped::CutOff,
        }
    }

    /// Where a boundary is listening.
    pub fn address(&self, boundary: &str) -> Option<SocketAddr> {
        self.addresses.get(boundary).copied()
    }

    /// The way in for a subscription, where the boundary is one that events cross.
    pub fn intake(&self, boundary: &str) -> Option<Intake> {
        self.intakes.get(boundary).cloned()
    }

    /// Where the health and metrics pages are.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin
    }

    /// Shows what another shell of this process counts, in the same format, on `/metrics` too.
    pub fn also_tell(&self, text: impl Fn() -> String + Send + Sync + 'static) {
        self.metrics.also_tell(text);
    }

    /// The counters, as `/metrics` shows them.
    pub fn metrics_text(&self) -> String {
        self.metrics.text()
    }
}

/// Accepts until told to stop, then waits for the connections to finish their requests.
async fn serve(
    listener: TcpListener,
    lane: Arc<Lane>,
    tls: Option<TlsAcceptor>,
    mut stop: watch::Receiver<bool>,
) {
    let connections = Arc::new(Semaphore::new(lane.limits.connections));
    let graceful = GracefulShutdown::new();
    let http = http(&lane);
    let mut tasks = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            _ = stop.changed() => break,
            accepted = accept(&listener, &connections) => accepted,
        };
        let Some((socket, peer, permit)) = accepted else { continue };
        // Done tasks are forgotten here, or the set would grow for ever.
        while tasks.try_join_next().is_some() {}
        lane.metrics.connection(&lane.boundary.name);
        let scheme = if tls.is_some() { "https" } else { "http" };
        let connection = Connection {
            lane: Arc::clone(&lane),
            door: Door { scheme, peer },
            http: http.clone(),
            watcher: graceful.watcher(),
            _permit: permit,
        };
        let tls = tls.clone();
        tasks.spawn(async move {
            // In boxes of their own: a connection is only one of these, and thousands of them are idle.
            let Some(tls) = tls else { return Box::pin(connection.serve(socket)).await };
            let shaken = Box::pin(timeout(connection.lane.timeouts.head, tls.accept(socket))).await;
            if let Ok(Ok(socket)) = shaken {
                Box::pin(connection.serve(socket)).await;
            } else {
                tracing::debug!(boundary = %connection.lane.boundary.name, "no TLS handshake");
            }
        });
    }
    drop(listener);
    graceful.shutdown().await;
    while tasks.join_next().await.is_some() {}
}

/// Waits for room, then for a client. Nothing when the system refused, which passes.
async fn accept(
    listener: &TcpListener,
    connections: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let permit = Arc::clone(connections).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((socket, peer)) => {
            // Without it small answers may wait for the client's acknowledgement; that is slow, not wrong.
            let _set = socket.set_nodelay(true);
            Some((socket, peer, permit))
        }
        Err(error) => {
            tracing::warn!(kind = ?error.kind(), "cannot accept a connection");
            // Out of file descriptors: trying again at once would only spin.
            sleep(Duration::from_millis(50)).await;
            None
        }
    }
}

struct Connection {
    lane: Arc<Lane>,
    door: Door,
    http: auto::Builder<TokioExecutor>,
    watcher: hyper_util::server::graceful::Watcher,
    _permit: OwnedSemaphorePermit,
}

impl Connection {
    async fn serve(self, socket: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let Self { lane, door, http, watcher, _permit } = self;
        let boundary = Arc::clone(&lane.boundary);
        let suspicion = Suspicion::default();
        let wire = Wire::new(socket, lane.timeouts.head, lane.timeouts.idle, suspicion.clone());
        let service = service_fn(move |request| {
            let lane = Arc::clone(&lane);
            let two_framings = suspicion.arose();
            // hyper keeps room for this future as long as the connection lives; a box is there during a request.
            Box::pin(
                async move { Ok::<_, Infallible>(request::answer(lane, door, two_framings, request).await) },
            )
        });
        let served = watcher.watch(http.serve_connection(TokioIo::new(wire), service).into_owned()).await;
        if served.is_err() {
            tracing::debug!(boundary = %boundary.name, "connection broke off");
        }
    }
}

/// The protocol's limits, every one set by hand.
fn http(lane: &Lane) -> auto::Builder<TokioExecutor> {
    let Lane { limits, timeouts, .. } = lane;
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http1()
        .timer(TokioTimer::new())
        .header_read_timeout(timeouts.head)
        .max_headers(limits.header_count)
        .max_buf_size(limits.header_bytes.max(8192))
        .half_close(false);
    http.http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams)
        .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
        .max_pending_accept_reset_streams(20)
        .max_local_error_reset_streams(100)
        .initial_stream_window_size(256 * 1024)
        .initial_connection_window_size(1024 * 1024)
        .max_frame_size(16 * 1024)
        .max_send_buf_size(256 * 1024)
        .keep_alive_interval(timeouts.idle)
        .keep_alive_timeout(timeouts.head);
    http
}

fn plain_http_allowed(config: &BoundaryConfig) -> Result<(), StartError> {
    if config.tls.is_some() || config.listen.ip().is_loopback() || config.danger_plain_http {
        return Ok(());
    }
    Err(StartError::PlainHttp { boundary: config.boundary.name.clone(), listen: config.listen })
}

async fn listen(address: SocketAddr, name: &str) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |source| StartError::Listen { name: name.to_owned(), listen: address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

fn acceptor(identity: &TlsIdentity, boundary: &str) -> Result<TlsAcceptor, StartError> {
    let wrong = || StartError::Identity { boundary: boundary.to_owned() };
    let chain: Result<Vec<_>, _> =
        CertificateDer::pem_slice_iter(identity.certificates_pem.as_bytes()).collect();
    let key = PrivateKeyDer::from_pem_slice(identity.key_pem.as_bytes()).map_err(|_| wrong())?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(StartError::Tls)?
        .with_no_client_auth()
        .with_single_cert(chain.map_err(|_| wrong())?, key)
        .map_err(|_| wrong())?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
