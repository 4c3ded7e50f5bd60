//! The way to the receiver: one connection for each sender's, so that order is kept; nothing is sent twice.

use std::{collections::VecDeque, io, sync::Arc, time::Duration};

use bytes::Bytes;
use carrier::hl7v2::{Answered, Asks, Condition, Envelope, answered, status};
use rustls::pki_types::ServerName;
use tokio::{
    net::TcpStream,
    sync::Semaphore,
    time::{Instant, timeout, timeout_at},
};
use tokio_rustls::TlsConnector;

use crate::{
    config::{Limits, Receiver, Timeouts},
    framer::Found,
    server::StartError,
    tls,
    wire::{Heard, Stream, Wire},
};

/// Where a boundary's receiver is.
pub(crate) struct Way {
    address: (String, u16),
    tls: Option<(TlsConnector, ServerName<'static>)>,
    limits: Limits,
    timeouts: Timeouts,
    room: Arc<Semaphore>,
}

impl Way {
    pub(crate) fn new(
        receiver: &Receiver,
        boundary: &str,
        limits: Limits,
        timeouts: Timeouts,
        room: Arc<Semaphore>,
    ) -> Result<Self, StartError> {
        let tls = receiver.tls.then(|| tls::connector(receiver, boundary)).transpose()?;
        Ok(Self { address: (receiver.host.clone(), receiver.port), tls, limits, timeouts, room })
    }

    async fn connect(&self) -> io::Result<Wire> {
        let (host, port) = &self.address;
        let connected = async {
            let socket = TcpStream::connect((host.as_str(), *port)).await?;
            // Without it small frames may wait for an acknowledgement; that is slow, not wrong.
            let _set = socket.set_nodelay(true);
            let socket: Box<dyn Stream> = match &self.tls {
                None => Box::new(socket),
                Some((connector, name)) => Box::new(connector.connect(name.clone(), socket).await?),
            };
            Ok::<_, io::Error>(socket)
        };
        let socket = timeout(self.timeouts.connect, connected)
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?;
        Ok(Wire::new(socket, &self.limits, self.timeouts, Arc::clone(&self.room)))
    }
}

/// One sender's connection to the receiver, made when the first message goes on and again when it was closed.
pub(crate) struct Link {
    way: Arc<Way>,
    wire: Option<Wire>,
    // Messages that went over the connection at hand.
    carried: u64,
    // The receiver closes after each answer: a connection that it is about to close is not used again.
    closes_after_each: bool,
    // Control ids of messages that an answer may come to that nobody waits for.
    open: VecDeque<Vec<u8>>,
}

/// What became of a message that was to go on.
#[derive(Debug)]
pub(crate) enum Sent {
    /// The receiver answered, and what MSA-1 means; nothing if it says nothing that is known.
    Answered(Bytes, Option<u16>),
    /// It was sent, and nobody wants an answer.
    Unasked,
    /// The receiver could not be reached; nothing was sent.
    Unreached,
    /// The connection broke after the first byte was written.
    Broke,
    /// No answer came in time.
    Slow,
    /// An answer came that is to another message.
    Foreign,
}

/// What came from the receiver while nothing was asked of it.
pub(crate) enum Late {
    /// A further answer to a message whose sender wants more than one.
    Answer(Bytes),
    /// The receiver closed.
    Closed,
    /// Something that nobody asked for; the connection is given up.
    Unasked,
}

impl Link {
    pub(crate) fn new(way: Arc<Way>) -> Self {
        Self { way, wire: None, carried: 0, closes_after_each: false, open: VecDeque::new() }
    }

    /// Sends a message, once, and waits for its answer. Further answers to earlier ones go to `late`.
    ///
    /// Bounds: `timeouts.connect`, then `timeouts.frame` without progress, then `timeouts.answer`.
    /// Never:  sends again what a byte of was sent.
    pub(crate) async fn exchange(
        &mut self,
        envelope: &Envelope,
        frame: &[u8],
        late: &mut Vec<Bytes>,
    ) -> Sent {
        let Some(mut wire) = self.fresh(late).await else { return Sent::Unreached };
        self.carried += 1;
        if wire.write(frame).await.is_err() {
            return Sent::Broke;
        }
        let asks = envelope.asks();
        if wants_more(asks) || !wants_one(asks) {
            self.open.push_back(envelope.control_id().to_vec());
            if self.open.len() > OPEN_MAX {
                self.open.pop_front();
            }
        }
        if !wants_one(asks) {
            self.wire = Some(wire);
            return Sent::Unasked;
        }
        let deadline = Instant::now() + self.way.timeouts.answer;
        loop {
            let Ok(heard) = timeout_at(deadline, wire.next()).await else { return Sent::Slow };
            let Heard::Found(Found::Frame(answer)) = heard else { return Sent::Broke };
            let said = answered(&answer);
            if is_to(envelope, said.as_ref()) {
                wire.release();
                self.wire = Some(wire).filter(|_| !self.closes_after_each || wants_more(asks));
                let code = match (&said, &answer[..]) {
                    (Some(said), _) => status(&said.code),
                    // MLLP release 2: taken, or not.
                    (None, b"\x06") => Some(200),
                    (None, b"\x15") => Some(500),
                    (None, _) => None,
                };
                return Sent::Answered(answer, code);
            }
            if !self.is_open(said.as_ref()) || late.len() >= LATE_MAX {
                return Sent::Foreign;
            }
            late.push(answer);
        }
    }

    /// Waits for what the receiver says unasked; for ever while there is no connection. Dropping it loses nothing.
    pub(crate) async fn late(&mut self) -> Late {
        let Some(wire) = &mut self.wire else { return std::future::pending().await };
        let heard = wire.next().await;
        let late = match heard {
            Heard::Found(Found::Frame(answer)) if self.is_open(answered(&answer).as_ref()) => {
                return Late::Answer(answer);
            }
            Heard::Ended => {
                self.closes_after_each |= self.carried == 1;
                Late::Closed
            }
            Heard::Found(_) | Heard::Crowded => Late::Unasked,
        };
        self.wire = None;
        late
    }

    /// Says farewell to the receiver.
    pub(crate) async fn close(self, patience: Duration) {
        if let Some(wire) = self.wire {
            wire.close(patience).await;
        }
    }

    /// A connection that is open and has nothing unread.
    async fn fresh(&mut self, late: &mut Vec<Bytes>) -> Option<Wire> {
        while self.wire.is_some() {
            let said = tokio::select! {
                biased;
                said = self.late() => said,
                () = std::future::ready(()) => return self.wire.take(),
            };
            match said {
                Late::Answer(answer) if late.len() < LATE_MAX => late.push(answer),
                Late::Answer(_) => self.wire = None,
                Late::Closed | Late::Unasked => {}
            }
        }
        self.open.clear();
        self.carried = 0;
        match self.way.connect().await {
            Ok(wire) => Some(wire),
            Err(error) => {
                tracing::info!(kind = ?error.kind(), "the receiver cannot be reached");
                None
            }
        }
    }

    fn is_open(&self, said: Option<&Answered>) -> bool {
        said.is_some_and(|said| self.open.iter().any(|id| id.trim_ascii() == said.control_id))
    }
}

/// Whether this is the answer to the message that was sent: MSA-2 is its control id, or says nothing.
fn is_to(envelope: &Envelope, said: Option<&Answered>) -> bool {
    let Some(said) = said else { return true };
    let sent = envelope.control_id().trim_ascii();
    let is_named = envelope.messages() == 1 && !envelope.is_batch() && !sent.is_empty();
    !is_named || said.control_id.is_empty() || said.control_id == sent
}

/// Answers that come late and are passed on at one time.
const LATE_MAX: usize = 16;
/// Messages of one connection that a further answer is waited for.
const OPEN_MAX: usize = 64;

/// Whether an answer comes for certain.
fn wants_one(asks: Asks) -> bool {
    match asks {
        Asks::Original => true,
        Asks::Enhanced { accept, application } => {
            accept == Condition::Always || application == Condition::Always
        }
    }
}

/// Whether an answer may come beside the one that is waited for.
fn wants_more(asks: Asks) -> bool {
    match asks {
        Asks::Original => false,
        Asks::Enhanced { accept, application } => {
            let may = usize::from(accept != Condition::Never) + usize::from(application != Condition::Never);
            may > usize::from(wants_one(asks))
        }
    }
}

impl std::fmt::Debug for Way {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Way")
    }
}
