//! Bodies: whole ones that were judged, and streams that pass through with a bound on silence.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use thiserror::Error;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    time::{Sleep, sleep, timeout},
};

use crate::{problem::Problem, spool::Spooled};

/// A body on its way: to the upstream or to the client.
#[derive(Debug)]
pub(crate) struct Body {
    /// Sent first.
    ready: VecDeque<Bytes>,
    /// Sent after that, as it arrives.
    rest: Option<Incoming>,
    /// Or as it is read from the disk, with how many bytes are still to come.
    spooled: Option<(mpsc::Receiver<Result<Bytes, Broken>>, u64)>,
    /// Or as it is made, to an end that nobody knows yet.
    piped: Option<mpsc::Receiver<Result<Bytes, Broken>>>,
    trailers: Trailers,
    idle: Duration,
    silence: Option<Pin<Box<Sleep>>>,
    progress: Option<Progress>,
    /// Why it ends early, until what came before that is on its way.
    broken: Option<Broken>,
}

/// What happens to trailer fields of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trailers {
    /// They go on.
    Keep,
    /// They are dropped: on the way in they could say what the head was not allowed to say.
    Drop,
}

/// Why a stream ended early.
#[derive(Debug, Error)]
pub(crate) enum Broken {
    /// No byte came for as long as is waited.
    #[error("the body was silent for too long")]
    Silent,
    /// The sender broke off.
    #[error("the body broke off")]
    Off(#[source] hyper::Error),
    /// It could not be filtered any further.
    #[error("the body could not be read to its end")]
    Filtered,
    /// A body that waited on disk could not be read again.
    #[error("the body cannot be read back")]
    Spool(#[source] std::io::Error),
}

/// Counts the pieces of a body that went on, so that a watcher can tell slow from stuck.
#[derive(Clone, Debug, Default)]
pub(crate) struct Progress(Arc<AtomicU64>);

/// A body read as far as it may be.
#[derive(Debug)]
pub(crate) struct Collected {
    /// What was read.
    pub(crate) received: Bytes,
    /// What was left unread because the body is longer than the limit.
    pub(crate) rest: Option<Incoming>,
    /// The whole body, where it waits on disk instead.
    pub(crate) spooled: Option<Arc<Spooled>>,
    /// The share of held bytes; given back when dropped.
    pub(crate) _held: Vec<OwnedSemaphorePermit>,
}

/// Bytes of one permit of held memory.
pub(crate) const PERMIT_BYTES: usize = 1024;
/// Whole bodies are sent in pieces of this size, so that progress shows.
const PIECE_BYTES: usize = 256 * 1024;

/// Reads a body up to `limit` bytes.
///
/// Bounds: `limit`; `idle` of silence; what `held` has left, in permits of 1 KiB.
/// Errors: a body that broke off, or no room to hold it.
pub(crate) async fn collect(
    mut body: Incoming,
    limit: usize,
    held: &Arc<Semaphore>,
    idle: Duration,
) -> Result<Collected, Problem> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > limit {
        return Ok(Collected { received: Bytes::new(), rest: Some(body), spooled: None, _held: Vec::new() });
    }
    let mut permits = Vec::new();
    let mut room = 0_usize;
    let mut first = Bytes::new();
    let mut whole = BytesMut::new();
    loop {
        let frame = timeout(idle, body.frame()).await.map_err(|_| Problem::BodyBroken)?;
        let Some(frame) = frame else { break };
        let frame = frame.map_err(|_| Problem::BodyBroken)?;
        let Ok(data) = frame.into_data() else { continue };
        if data.len() > room {
            let missing = (data.len() - room).div_ceil(PERMIT_BYTES);
            let count = u32::try_from(missing).map_err(|_| Problem::Busy)?;
            permits.push(Arc::clone(held).try_acquire_many_owned(count).map_err(|_| Problem::Busy)?);
            room += missing * PERMIT_BYTES;
        }
        room -= data.len();
        // Most bodies are one frame, which then need not be copied.
        if first.is_empty() && whole.is_empty() {
            first = data;
        } else {
            if whole.is_empty() {
                whole.reserve(announced.max(first.len() + data.len()));
                whole.extend_from_slice(&first);
            }
            whole.extend_from_slice(&data);
        }
        if first.len().max(whole.len()) > limit {
            let received = if whole.is_empty() { first } else { whole.freeze() };
            return Ok(Collected { received, rest: Some(body), spooled: None, _held: permits });
        }
    }
    let received = if whole.is_empty() { first } else { whole.freeze() };
    Ok(Collected { received, rest: None, spooled: None, _held: permits })
}

/// Reads the answer to a request of our own; nothing where it broke off, fell silent or is longer than `limit`.
///
/// Bounds: `limit` bytes, which nobody else waits for; `idle` of silence.
pub(crate) async fn whole_answer(body: Incoming, limit: usize, idle: Duration) -> Option<Bytes> {
    let room = Arc::new(Semaphore::new(limit / PERMIT_BYTES + 1));
    let collected = collect(body, limit, &room, idle).await.ok()?;
    collected.rest.is_none().then_some(collected.received)
}

/// Reads and forgets what a client still sends, so that it comes to read the answer.
///
/// Bounds: `limit` bytes; `idle` of silence.
pub(crate) async fn drain(mut body: Incoming, limit: usize, idle: Duration) {
    let mut read = 0_usize;
    while read <= limit {
        let Ok(Some(Ok(frame))) = timeout(idle, body.frame()).await else { return };
        read = read.saturating_add(frame.data_ref().map_or(0, Bytes::len));
    }
}

impl Body {
    /// A stream that ends with an error after `idle` without a byte.
    pub(crate) fn relay(rest: Incoming, idle: Duration, trailers: Trailers) -> Self {
        Self { rest: Some(rest), trailers, idle, ..Self::from(Bytes::new()) }
    }

    /// What is read back from the disk.
    pub(crate) fn spooled(frames: mpsc::Receiver<Result<Bytes, Broken>>, bytes: u64, idle: Duration) -> Self {
        Self { spooled: Some((frames, bytes)), idle, ..Self::from(Bytes::new()) }
    }

    /// What is made piece by piece.
    pub(crate) fn piped(pieces: mpsc::Receiver<Result<Bytes, Broken>>) -> Self {
        Self { piped: Some(pieces), ..Self::from(Bytes::new()) }
    }

    /// The same body with these bytes in front.
    pub(crate) fn after(mut self, ready: Bytes) -> Self {
        if !ready.is_empty() {
            self.ready.push_front(ready);
        }
        self
    }

    /// All of it, if it is here already and in one piece.
    pub(crate) fn whole(&self) -> Option<Bytes> {
        let one = self.rest.is_none() && self.piped.is_none() && self.ready.len() == 1;
        self.ready.front().filter(|_| one).cloned()
    }

    /// The same body, telling a watcher how it gets on.
    pub(crate) fn watched(mut self, progress: Progress) -> Self {
        self.progress = Some(progress);
        self
    }
}

impl Progress {
    /// Ends when nothing has moved for `patience`.
    pub(crate) async fn stalled(&self, patience: Duration) {
        let mut seen = self.0.load(Ordering::Relaxed);
        loop {
            sleep(patience).await;
            let now = self.0.load(Ordering::Relaxed);
            if now == seen {
                return;
            }
            seen = now;
        }
    }

    fn moved(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        let ready = if bytes.is_empty() { VecDeque::new() } else { VecDeque::from([bytes]) };
        Self {
            ready,
            rest: None,
            spooled: None,
            piped: None,
            trailers: Trailers::Drop,
            idle: Duration::MAX,
            silence: None,
            progress: None,
            broken: None,
        }
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Self::from(Bytes::from(text))
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Self::from(Bytes::from(bytes))
    }
}

impl Body {
    fn next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let this = self;
        if let Some(mut bytes) = this.ready.pop_front() {
            if let Some(progress) = &this.progress {
                progress.moved();
            }
            if bytes.len() > PIECE_BYTES {
                let piece = bytes.split_to(PIECE_BYTES);
                this.ready.push_front(bytes);
                bytes = piece;
            }
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        if let Some((frames, left)) = &mut this.spooled {
            return Poll::Ready(ready!(frames.poll_recv(context)).map(|frame| {
                if let Some(progress) = &this.progress {
                    progress.moved();
                }
                let bytes = frame?;
                *left = left.saturating_sub(bytes.len() as u64);
                Ok(Frame::data(bytes))
            }));
        }
        if let Some(pieces) = &mut this.piped {
            return Poll::Ready(ready!(pieces.poll_recv(context)).map(|piece| piece.map(Frame::data)));
        }
        let Some(rest) = &mut this.rest else { return Poll::Ready(None) };
        match Pin::new(rest).poll_frame(context) {
            Poll::Ready(frame) => {
                this.silence = None;
                if let Some(progress) = &this.progress {
                    progress.moved();
                }
                match frame {
                    Some(Ok(frame)) if frame.is_trailers() && this.trailers == Trailers::Drop => {
                        Poll::Ready(None)
                    }
                    Some(Ok(frame)) => Poll::Ready(Some(Ok(frame))),
                    Some(Err(error)) => Poll::Ready(Some(Err(Broken::Off(error)))),
                    None => Poll::Ready(None),
                }
            }
            Poll::Pending => {
                let idle = this.idle;
                let silence = this.silence.get_or_insert_with(|| Box::pin(sleep(idle)));
                ready!(silence.as_mut().poll(context));
                Poll::Ready(Some(Err(Broken::Silent)))
            }
        }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        if let Some(broken) = self.broken.take() {
            return Poll::Ready(Some(Err(broken)));
        }
        match self.next(context) {
            // A connection is dropped at an error with what is buffered for it, the head of the answer too. It is flushed
            // when a body has nothing to give, so an error waits for that once.
            Poll::Ready(Some(Err(broken))) => {
                self.broken = Some(broken);
                context.waker().wake_by_ref();
                Poll::Pending
            }
            next @ (Poll::Ready(None | Some(Ok(_))) | Poll::Pending) => next,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ready.is_empty()
            && self.broken.is_none()
            && self.piped.is_none()
            && self.rest.as_ref().is_none_or(Incoming::is_end_stream)
            && self.spooled.as_ref().is_none_or(|(_, left)| *left == 0)
    }

    fn size_hint(&self) -> SizeHint {
        let ready = self.ready.iter().map(|bytes| u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        let ready: u64 = ready.sum::<u64>() + self.spooled.as_ref().map_or(0, |(_, left)| *left);
        if self.piped.is_some() {
            return SizeHint::default();
        }
        let Some(rest) = &self.rest else { return SizeHint::with_exact(ready) };
        let rest = rest.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(ready.saturating_add(rest.lower()));
        if let Some(upper) = rest.upper() {
            hint.set_upper(ready.saturating_add(upper));
        }
        hint
    }
}
