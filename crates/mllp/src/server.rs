//! Listeners: accept, shake hands, serve, and stop without cutting anybody off.

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use flow::Flow;
use telemetry::Tracer;
use thiserror::Error;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;

use crate::{
    config::{Config, Limits, Timeouts},
    connection,
    metrics::Metrics,
    receiver::Way,
    tls,
    wire::{Stream, Wire, room},
};

/// Starts listeners.
#[derive(Clone, Copy, Debug)]
pub struct Mllp;

/// Listeners that serve until they are stopped.
#[derive(Debug)]
pub struct Running {
    addresses: BTreeMap<String, SocketAddr>,
    metrics: Arc<Metrics>,
    stop: watch::Sender<bool>,
    listeners: JoinSet<()>,
    /// Closes when the last message under way has ended.
    crossings: mpsc::Receiver<()>,
    drain: Duration,
}

/// How stopping went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// Every message under way was answered.
    Drained,
    /// Some were cut off when `timeouts.drain` ended. What they had begun shows as unsettled in the ledger.
    CutOff,
}

/// Why nothing was started.
#[derive(Debug, Error)]
pub enum StartError {
    /// Two boundaries have one name.
    #[error("two boundaries are called `{boundary}`; give each its own name")]
    SameName {
        /// The name.
        boundary: String,
    },
    /// Plain MLLP where others could listen.
    #[error(
        "`{boundary}` would speak plain MLLP on {listen}; give it a certificate, a loopback address, or `danger_plain`"
    )]
    Plain {
        /// The boundary.
        boundary: String,
        /// The address.
        listen: SocketAddr,
    },
    /// The receiver's name cannot be in a certificate.
    #[error(
        "the receiver of `{boundary}` is not named as a certificate would name it; give a host name or an address"
    )]
    Receiver {
        /// The boundary.
        boundary: String,
    },
    /// A root certificate cannot be read.
    #[error("a root for the receiver of `{boundary}` is not a certificate in PEM form")]
    ReceiverRoot {
        /// The boundary.
        boundary: String,
    },
    /// A root certificate cannot be read.
    #[error("a root for the senders of `{boundary}` is not a certificate in PEM form")]
    SenderRoot {
        /// The boundary.
        boundary: String,
    },
    /// The certificate or its key cannot be used.
    #[error("the certificate of `{boundary}` and its key are not a usable pair in PEM form")]
    Identity {
        /// The boundary.
        boundary: String,
    },
    /// The TLS library refused.
    #[error("TLS could not be set up")]
    Tls(#[source] rustls::Error),
    /// The address cannot be listened on.
    #[error("cannot listen on {listen} for `{name}`; is something else there?")]
    Listen {
        /// The boundary.
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
    pub(crate) way: Arc<Way>,
    pub(crate) limits: Limits,
    pub(crate) timeouts: Timeouts,
    pub(crate) flow: Arc<Flow>,
    pub(crate) metrics: Arc<Metrics>,
    /// Where traces begin, if they are recorded.
    pub(crate) tracer: Option<Arc<Tracer>>,
    /// What is left of the memory for long frames.
    pub(crate) room: Arc<Semaphore>,
    /// Held by each message until it has been answered.
    pub(crate) under_way: mpsc::Sender<()>,
    answers: AtomicU64,
}

impl Lane {
    /// A control id for an answer of ours, of at most 20 characters.
    pub(crate) fn next_id(&self, seconds: i64) -> String {
        let number = self.answers.fetch_add(1, Ordering::Relaxed) % 100_000_000;
        format!("E{seconds}.{number}")
    }
}

impl Mllp {
    /// Opens every listener, or none.
    ///
    /// Errors: see [`StartError`]; nothing is left running.
    pub async fn start(config: Config, flow: Arc<Flow>) -> Result<Running, StartError> {
        let Config { boundaries, limits, timeouts, tracer } = config;
        let metrics = Arc::new(Metrics::default());
        let (stop, stopped) = watch::channel(false);
        let (under_way, crossings) = mpsc::channel(1);
        let mut addresses = BTreeMap::new();
        let mut ready = Vec::new();
        for boundary in boundaries {
            let name = boundary.boundary.name.clone();
            if boundary.tls.is_none() && !boundary.listen.ip().is_loopback() && !boundary.danger_plain {
                return Err(StartError::Plain { boundary: name, listen: boundary.listen });
            }
            let tls = boundary.tls.as_ref().map(|identity| tls::acceptor(identity, &boundary)).transpose()?;
            let room = room(&limits);
            let way = Way::new(&boundary.receiver, &name, limits, timeouts, Arc::clone(&room))?;
            let failed = |source| StartError::Listen { name: name.clone(), listen: boundary.listen, source };
            let listener = TcpListener::bind(boundary.listen).await.map_err(failed)?;
            let address = listener.local_addr().map_err(failed)?;
            if addresses.insert(name.clone(), address).is_some() {
                return Err(StartError::SameName { boundary: name });
            }
            let lane = Lane {
                boundary: Arc::new(boundary.boundary),
                way: Arc::new(way),
                limits,
                timeouts,
                flow: Arc::clone(&flow),
                metrics: Arc::clone(&metrics),
                tracer: tracer.clone(),
                room,
                under_way: under_way.clone(),
                answers: AtomicU64::new(0),
            };
            ready.push((listener, Arc::new(lane), tls));
        }
        let mut listeners = JoinSet::new();
        for (listener, lane, tls) in ready {
            listeners.spawn(listen(listener, lane, tls, stopped.clone()));
        }
        Ok(Running { addresses, metrics, stop, listeners, crossings, drain: timeouts.drain })
    }
}

impl Running {
    /// Stops: no new connections; messages under way are finished within `timeouts.drain`, settled and answered. A frame
    /// that was not yet read has no answer, and its sender still has it.
    pub async fn stop(mut self) -> Stopped {
        // Nobody listens only if every listener has ended already.
        let _heard = self.stop.send(true);
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

    /// What gives the counters, as `/metrics` shows them, for as long as somebody asks.
    pub fn metrics(&self) -> impl Fn() -> String + Send + Sync + 'static {
        let metrics = Arc::clone(&self.metrics);
        move || metrics.text()
    }
}

/// Accepts until told to stop, then waits for the connections to finish their messages.
async fn listen(
    listener: TcpListener,
    lane: Arc<Lane>,
    tls: Option<TlsAcceptor>,
    mut stop: watch::Receiver<bool>,
) {
    let connections = Arc::new(Semaphore::new(lane.limits.connections));
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
        let (lane, tls, stop) = (Arc::clone(&lane), tls.clone(), stop.clone());
        tasks.spawn(async move {
            let _permit = permit;
            let Some(socket) = shaken(socket, tls, lane.timeouts.connect).await else {
                lane.metrics.fault(&lane.boundary.name, "no-handshake");
                return;
            };
            let wire = Wire::new(socket, &lane.limits, lane.timeouts, Arc::clone(&lane.room));
            connection::serve(lane, wire, peer.ip().to_string(), stop).await;
        });
    }
    drop(listener);
    while tasks.join_next().await.is_some() {}
}

/// The socket, after a handshake where there is one.
async fn shaken(socket: TcpStream, tls: Option<TlsAcceptor>, patience: Duration) -> Option<Box<dyn Stream>> {
    match tls {
        None => Some(Box::new(socket)),
        Some(tls) => match timeout(patience, tls.accept(socket)).await {
            Ok(Ok(socket)) => Some(Box::new(socket)),
            Ok(Err(_)) | Err(_) => None,
        },
    }
}

/// Waits for room, then for a sender. Nothing when the system refused, which passes.
async fn accept(
    listener: &TcpListener,
    connections: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let permit = Arc::clone(connections).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((socket, peer)) => {
            // Without it small answers may wait for the sender's acknowledgement; that is slow, not wrong.
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
