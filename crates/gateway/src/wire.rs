//! A client's socket, watched: for two framings in one request, for a client that says nothing or stops reading.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

/// Says that a connection carried a request with both `Content-Length` and `Transfer-Encoding`.
///
/// hyper reads such a request as chunked and drops the length before anybody sees it. That is allowed, and nothing
/// is smuggled through us, but only somebody who is trying something sends both.
#[derive(Clone, Debug, Default)]
pub(crate) struct Suspicion(Arc<AtomicBool>);

impl Suspicion {
    pub(crate) fn arose(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A socket that is watched.
#[derive(Debug)]
pub(crate) struct Wire<S> {
    socket: S,
    framing: Framing,
    suspicion: Suspicion,
    opening: Option<Opening>,
    /// How long a client may leave what we write unread.
    idle: Duration,
    stuck: Option<Pin<Box<Sleep>>>,
}

impl<S> Wire<S> {
    /// A client has `head` to show which version of HTTP it speaks, and `idle` to take what is written.
    pub(crate) fn new(socket: S, head: Duration, idle: Duration, suspicion: Suspicion) -> Self {
        let opening = Some(Opening { matched: 0, deadline: Box::pin(sleep(head)) });
        Self { socket, framing: Framing::default(), suspicion, opening, idle, stuck: None }
    }

    /// Ends a write that has been waiting for too long.
    fn patient<T>(
        &mut self,
        context: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut S>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>>
    where
        S: Unpin,
    {
        let done = write(Pin::new(&mut self.socket), context);
        if done.is_ready() {
            self.stuck = None;
            return done;
        }
        let idle = self.idle;
        let stuck = self.stuck.get_or_insert_with(|| Box::pin(sleep(idle)));
        match stuck.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let done = Pin::new(&mut self.socket).poll_read(context, buffer);
        let this = &mut *self;
        if let Some(new) = buffer.filled().get(before..) {
            if this.framing.read(new) {
                this.suspicion.0.store(true, Ordering::Relaxed);
            }
            this.opening.take_if(|opening| opening.is_over(new));
        }
        if done.is_pending()
            && let Some(opening) = &mut this.opening
            && opening.deadline.as_mut().poll(context).is_ready()
        {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        done
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.patient(context, |socket, context| socket.poll_write(context, bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.patient(context, |socket, context| socket.poll_write_vectored(context, pieces))
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.patient(context, AsyncWrite::poll_flush)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.patient(context, AsyncWrite::poll_shutdown)
    }
}

/// The time before it is known which version of HTTP a client speaks; hyper's own clocks start only then.
#[derive(Debug)]
struct Opening {
    /// How much of HTTP/2's first words was heard.
    matched: usize,
    deadline: Pin<Box<Sleep>>,
}

impl Opening {
    fn is_over(&mut self, new: &[u8]) -> bool {
        let awaited = H2_PREFACE.get(self.matched..).unwrap_or(&[]);
        let heard = new.len().min(awaited.len());
        self.matched += heard;
        self.matched == H2_PREFACE.len() || new.get(..heard) != awaited.get(..heard)
    }
}

/// Source: RFC 9113 section 3.4.
const H2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Follows an HTTP/1.1 stream from head to head, as far as that is needed to see two framings in one head.
///
/// It only ever accuses. Where it loses its way it stops watching: hyper's own reading decides what a request is.
#[derive(Debug, Default)]
struct Framing {
    state: State,
    /// The current line, without its end, as far as it is needed.
    line: Vec<u8>,
    length: Option<u64>,
    chunked: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// In a head; the first line is still to come.
    #[default]
    First,
    /// In a head's fields.
    Fields,
    /// So many bytes of a body of known length.
    Body(u64),
    /// In a chunk's size line.
    Size,
    /// So many bytes of a chunk, with its line end.
    Chunk(u64),
    /// In the trailers.
    Trailers,
    /// Not HTTP/1.1, or not understood.
    Lost,
}

/// Only the start of a line matters here; a field's name is short.
const LINE_BYTES_KEPT: usize = 128;

impl Framing {
    /// Whether a head with two framings has just ended.
    fn read(&mut self, mut bytes: &[u8]) -> bool {
        let mut both = false;
        while !bytes.is_empty() && self.state != State::Lost {
            match self.state {
                State::Body(left) => bytes = self.skip(bytes, left, State::Body, State::First),
                State::Chunk(left) => bytes = self.skip(bytes, left, State::Chunk, State::Size),
                State::First | State::Fields | State::Size | State::Trailers => {
                    let end = bytes.iter().position(|byte| *byte == b'\n');
                    let (now, later) = bytes.split_at(end.map_or(bytes.len(), |end| end + 1));
                    let room = LINE_BYTES_KEPT.saturating_sub(self.line.len());
                    self.line.extend_from_slice(now.get(..room.min(now.len())).unwrap_or(now));
                    bytes = later;
                    if end.is_some() {
                        both |= self.end_of_line();
                    }
                }
                State::Lost => {}
            }
        }
        both
    }

    fn skip<'a>(&mut self, bytes: &'a [u8], left: u64, more: fn(u64) -> State, done: State) -> &'a [u8] {
        let count = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        let left = left.saturating_sub(u64::try_from(count).unwrap_or(u64::MAX));
        self.state = if left == 0 { done } else { more(left) };
        bytes.get(count..).unwrap_or(&[])
    }

    fn end_of_line(&mut self) -> bool {
        let line = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&line);
        let line = line.trim();
        match self.state {
            State::First if line.starts_with("PRI * HTTP/2") => self.state = State::Lost,
            State::First if line.is_empty() => {}
            State::First => {
                self.state = State::Fields;
                (self.length, self.chunked) = (None, false);
            }
            State::Fields if line.is_empty() => {
                let both = self.chunked && self.length.is_some();
                self.state = match (self.chunked, self.length) {
                    (true, _) => State::Size,
                    (false, Some(length)) if length > 0 => State::Body(length),
                    (false, _) => State::First,
                };
                return both;
            }
            State::Fields => self.field(line),
            State::Size => {
                let digits = line.split(';').next().unwrap_or("").trim();
                self.state = match u64::from_str_radix(digits, 16) {
                    Ok(0) => State::Trailers,
                    // With the line end that follows the chunk.
                    Ok(size) => State::Chunk(size.saturating_add(2)),
                    Err(_) => State::Lost,
                };
            }
            State::Trailers if line.is_empty() => self.state = State::First,
            State::Trailers | State::Body(_) | State::Chunk(_) | State::Lost => {}
        }
        false
    }

    fn field(&mut self, line: &str) {
        let Some((name, value)) = line.split_once(':') else { return };
        if name.eq_ignore_ascii_case("transfer-encoding") {
            self.chunked = true;
        } else if name.eq_ignore_ascii_case("content-length") {
            match value.trim().parse() {
                Ok(length) => self.length = Some(length),
                Err(_) => self.state = State::Lost,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: &str = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n";
    const OTHER_WAY: &str =
        "POST / HTTP/1.1\r\ncontent-length: 4\r\nTRANSFER-ENCODING: chunked\r\n\r\n0\r\n\r\n";
    const SIZED: &str = "POST / HTTP/1.1\r\nContent-Length: 51\r\n\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n\r\n";
    const CHUNKED: &str = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n13;x=y\r\nContent-Length: 4\r\n\r\n0\r\nA: b\r\n\r\n";
    const EMPTY: &str = "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n";

    /// The answer is the same however the bytes are cut.
    fn check(stream: &str, expected: bool) {
        for size in [1, 2, 3, 7, 64, 10_000] {
            let mut framing = Framing::default();
            let mut both = false;
            for piece in stream.as_bytes().chunks(size) {
                both |= framing.read(piece);
            }
            assert_eq!(both, expected, "in pieces of {size}: {stream}");
        }
    }

    #[test]
    fn two_framings_are_seen_wherever_they_stand() {
        for start in ["", EMPTY, SIZED, CHUNKED] {
            check(&format!("{start}{BOTH}"), true);
            check(&format!("{start}{OTHER_WAY}"), true);
            check(&format!("{start}{EMPTY}"), false);
        }
        check(&[EMPTY, SIZED, CHUNKED, SIZED, EMPTY].concat(), false);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_followed_the_same_however_they_are_cut(
            pieces in proptest::collection::vec(proptest::sample::select(&PIECES[..]), 0..12),
            size in 1_usize..40,
        ) {
            let stream = pieces.concat();
            let whole = Framing::default().read(stream.as_bytes());
            let mut cut = Framing::default();
            let found = stream.as_bytes().chunks(size).fold(false, |found, piece| found | cut.read(piece));
            proptest::prop_assert_eq!(found, whole);
        }
    }

    const PIECES: [&str; 12] = [
        BOTH,
        OTHER_WAY,
        SIZED,
        CHUNKED,
        EMPTY,
        "\r\n",
        "\n",
        "0\r\n",
        "Content-Length: 3",
        "Transfer-Encoding: x\r\n",
        ": ",
        "PRI * HTTP/2.0",
    ];

    #[test]
    fn what_is_not_understood_is_not_accused() {
        check(&format!("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{BOTH}"), false);
        check(&format!("POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n{BOTH}"), false);
        check(&format!("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{BOTH}"), false);
    }
}
