//! The way to the receiver: one connection for each sender's, so that order is kept; nothing is sent twice.

use std::{collections::VecDeque, io, sync::Arc, time::Duration};

use bytes::Bytes;
use carrier::hl7v2::{Answer, Asks, Awaited, Condition, Envelope};
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
    // Some of them stood in one frame with others: an answer that names nobody may be theirs.
    owes: bool,
}

/// What became of a message that was to go on.
#[derive(Debug)]
pub(crate) enum Sent {
    /// The receiver answered, and what MSA-1 means; nothing if it says nothing that is known, or not of every message.
    Answered(Vec<Bytes>, Option<u16>),
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
        Self { way, wire: None, carried: 0, closes_after_each: false, open: VecDeque::new(), owes: false }
    }

    /// Sends a frame, once, and waits for an answer to each of its messages. Further answers to earlier ones go to `late`.
    ///
    /// Bounds: `timeouts.connect`, then `timeouts.frame` without progress, then `timeouts.answer`; after the first answer of
    ///         several `timeouts.end` for each, and `limits.frame_bytes` for all of them.
    /// Never:  sends again what a byte of was sent; takes an answer to another message for one to this.
    pub(crate) async fn exchange(
        &mut self,
        envelope: &Envelope,
        frame: &[u8],
        late: &mut Vec<Bytes>,
    ) -> Sent {
        let mut awaited = Awaited::of(envelope, frame);
        let is_patient = awaited.asks().iter().copied().any(wants_more);
        let Some(mut wire) = self.fresh(late).await else { return Sent::Unreached };
        self.carried += 1;
        if wire.write(frame).await.is_err() {
            return Sent::Broke;
        }
        let is_expected = is_patient || !awaited.asks().iter().copied().all(wants_one);
        if is_expected {
            self.expect(&awaited);
        }
        awaited.waits_for(wants_one);
        let (mut answers, is_unasked) = (Vec::new(), awaited.is_over());
        let ended = self.answers(&mut wire, &mut awaited, &mut answers, late).await;
        let is_kept = match &ended {
            None if awaited.is_single() => !self.closes_after_each || is_patient || is_unasked,
            None => (is_patient || is_unasked) && awaited.is_told_apart(),
            Some(Sent::Slow) => {
                if !is_expected {
                    self.expect(&awaited);
                }
                !answers.is_empty() && awaited.is_told_apart() && awaited.unanswered().len() <= LATE_MAX
            }
            Some(_) => false,
        };
        self.owes |= !awaited.is_single();
        wire.release();
        self.wire = Some(wire).filter(|_| is_kept);
        match ended {
            None if is_unasked => Sent::Unasked,
            Some(ended) if answers.is_empty() => ended,
            _ => Sent::Answered(answers, awaited.status()),
        }
    }

    /// Takes answers until every message has one; else how it ended.
    async fn answers(
        &mut self,
        wire: &mut Wire,
        awaited: &mut Awaited,
        answers: &mut Vec<Bytes>,
        late: &mut Vec<Bytes>,
    ) -> Option<Sent> {
        let last = Instant::now() + self.way.timeouts.answer;
        let (mut deadline, mut room) = (last, self.way.limits.frame_bytes);
        while !awaited.is_over() {
            let Ok(heard) = timeout_at(deadline, wire.next()).await else { return Some(Sent::Slow) };
            let Heard::Found(Found::Frame(answer)) = heard else { return Some(Sent::Broke) };
            let said = Answer::of(&answer);
            if (said.is_named() || !self.owes) && awaited.take(&said) {
                let Some(left) = room.checked_sub(answer.len()) else { return Some(Sent::Foreign) };
                room = left;
                answers.push(answer);
                deadline = last.min(Instant::now() + self.way.timeouts.end);
            } else if self.is_open(&said) && late.len() < LATE_MAX {
                late.push(answer);
            } else {
                return Some(Sent::Foreign);
            }
        }
        None
    }

    /// Remembers the messages without an answer, for a late one.
    fn expect(&mut self, awaited: &Awaited) {
        self.open.extend(awaited.unanswered().map(<[u8]>::to_vec));
        let over = self.open.len().saturating_sub(OPEN_MAX);
        self.open.drain(..over);
    }

    /// Waits for what the receiver says unasked; for ever while there is no connection. Dropping it loses nothing.
    pub(crate) async fn late(&mut self) -> Late {
        let Some(wire) = &mut self.wire else { return std::future::pending().await };
        let heard = wire.next().await;
        let late = match heard {
            Heard::Found(Found::Frame(answer)) if self.is_open(&Answer::of(&answer)) => {
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
        self.owes = false;
        self.carried = 0;
        match self.way.connect().await {
            Ok(wire) => Some(wire),
            Err(error) => {
                tracing::info!(kind = ?error.kind(), "the receiver cannot be reached");
                None
            }
        }
    }

    fn is_open(&self, said: &Answer) -> bool {
        said.is_to(|named| self.open.iter().any(|id| id == named))
    }
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
