//! One connection as frames: read within bounds and times, written whole.

use std::{io, sync::Arc, time::Duration};

use bytes::BytesMut;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use crate::{
    config::{Limits, Timeouts},
    framer::{Found, Framer, Waits},
};

/// Anything that bytes go through both ways.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// A connection that frames go through.
pub(crate) struct Wire {
    socket: Box<dyn Stream>,
    buffer: BytesMut,
    framer: Framer,
    timeouts: Timeouts,
    room: Arc<Semaphore>,
    // For what the buffer holds beyond [`FREE_BYTES`].
    held: Option<OwnedSemaphorePermit>,
}

/// What came.
#[derive(Debug)]
pub(crate) enum Heard {
    /// A frame, or what is wrong with it.
    Found(Found),
    /// Nothing more: the other side closed, or was silent for too long between frames.
    Ended,
    /// There is no room for a frame as long as this one.
    Crowded,
}

impl Wire {
    /// Frames over `socket`; `room` is what is left of the memory for long ones.
    pub(crate) fn new(
        socket: Box<dyn Stream>,
        limits: &Limits,
        timeouts: Timeouts,
        room: Arc<Semaphore>,
    ) -> Self {
        let framer = Framer::new(limits.frame_bytes);
        Self { socket, buffer: BytesMut::new(), framer, timeouts, room, held: None }
    }

    /// Waits for the next frame. Dropping the future loses nothing.
    ///
    /// Bounds: `timeouts.idle` between frames, `timeouts.frame` without a byte moving within one, `timeouts.end` for the
    ///         carriage return after it.
    pub(crate) async fn next(&mut self) -> Heard {
        loop {
            if let Some(found) = self.framer.next(&mut self.buffer) {
                return Heard::Found(found);
            }
            if !self.hold() {
                return Heard::Crowded;
            }
            let waits = self.framer.waits_for();
            let patience = match waits {
                Waits::Frame => self.timeouts.idle,
                Waits::More => self.timeouts.frame,
                Waits::CarriageReturn => self.timeouts.end,
            };
            self.buffer.reserve(READ_BYTES);
            match timeout(patience, self.socket.read_buf(&mut self.buffer)).await {
                Ok(Ok(1..)) => {}
                Ok(Ok(0) | Err(_)) => {
                    return self.framer.end(&mut self.buffer).map_or(Heard::Ended, Heard::Found);
                }
                Err(_) => {
                    let found = match waits {
                        Waits::Frame => None,
                        Waits::More => self.framer.end(&mut self.buffer),
                        Waits::CarriageReturn => self.framer.quiet(),
                    };
                    return found.map_or(Heard::Ended, Heard::Found);
                }
            }
        }
    }

    /// Lets go of the room for the last frame, which is done with.
    pub(crate) fn release(&mut self) {
        self.held = None;
    }

    /// Writes a frame.
    ///
    /// Bounds: `timeouts.frame` without progress.
    pub(crate) async fn write(&mut self, frame: &[u8]) -> io::Result<()> {
        if frame.len() <= WRITE_BYTES {
            let mut whole = Vec::with_capacity(frame.len() + 3);
            whole.push(0x0B);
            whole.extend_from_slice(frame);
            whole.extend_from_slice(b"\x1C\r");
            self.write_all(&whole).await?;
        } else {
            self.write_all(b"\x0B").await?;
            for chunk in frame.chunks(WRITE_BYTES) {
                self.write_all(chunk).await?;
            }
            self.write_all(b"\x1C\r").await?;
        }
        let patience = self.timeouts.frame;
        timeout(patience, self.socket.flush()).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    /// Says farewell, so that the last answer arrives.
    pub(crate) async fn close(mut self, patience: Duration) {
        if timeout(patience, self.socket.shutdown()).await.is_err() {
            return;
        }
        // What a sender still writes would reset the connection before it has read the answer.
        let mut rest = [0_u8; 1024];
        let drained = async {
            let mut left = LINGER_BYTES;
            while let Ok(count @ 1..) = self.socket.read(&mut rest).await {
                left = match left.checked_sub(count) {
                    Some(left) => left,
                    None => return,
                };
            }
        };
        let _ended = timeout(patience, drained).await;
    }

    async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let patience = self.timeouts.frame;
        timeout(patience, self.socket.write_all(bytes))
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    /// Takes room for what the buffer holds; false if there is none.
    fn hold(&mut self) -> bool {
        let wanted = self.buffer.len().saturating_sub(FREE_BYTES).div_ceil(PERMIT_BYTES);
        let held = self.held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let Some(more) = wanted.checked_sub(held).filter(|more| *more > 0) else { return true };
        // Taken ahead, so that a long frame asks seldom.
        let more = u32::try_from(more.max(held)).unwrap_or(u32::MAX);
        match (Arc::clone(&self.room).try_acquire_many_owned(more), &mut self.held) {
            (Ok(permit), Some(held)) => held.merge(permit),
            (Ok(permit), held @ None) => *held = Some(permit),
            (Err(_), _) => return false,
        }
        true
    }
}

/// The room of a boundary for long frames.
pub(crate) fn room(limits: &Limits) -> Arc<Semaphore> {
    Arc::new(Semaphore::new((limits.held_bytes / PERMIT_BYTES).min(Semaphore::MAX_PERMITS)))
}

const READ_BYTES: usize = 8 * 1024;
const WRITE_BYTES: usize = 64 * 1024;
/// What every connection may hold without asking.
const FREE_BYTES: usize = 64 * 1024;
const PERMIT_BYTES: usize = 64 * 1024;
/// So much is read and thrown away after the last answer.
const LINGER_BYTES: usize = 1 << 20;

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Wire({} bytes)", self.buffer.len())
    }
}
