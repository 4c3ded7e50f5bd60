//! Frames out of bytes: `0x0B`, a message, `0x1C 0x0D`. Pure; every byte is in one frame, in one fault, or says nothing.

use bytes::{Buf, Bytes, BytesMut};
use memchr::memchr2;

const START: u8 = 0x0B;
const END: u8 = 0x1C;
const CARRIAGE_RETURN: u8 = b'\r';

/// Cuts a stream into frames.
///
/// The end of a frame is `0x1C` with a carriage return after it. Without one it ends too, if the next frame begins there,
/// if the stream ends, or if nothing comes ([`Framer::quiet`]). Anything else after it is a fault: a message that was
/// cut in two would be worse than one that was not sent.
///
/// Bounds: keeps `limit` bytes, and of a longer frame its first 4 KiB.
/// Never:  gives out a frame with a framing byte in it, for its reader could cut it otherwise.
/// Source: spec/mllp.md section 2.
#[derive(Debug)]
pub struct Framer {
    state: State,
    limit: usize,
}

#[derive(Debug)]
enum State {
    Between,
    /// So many bytes of the buffer hold no framing byte.
    Within(usize),
    /// The frame has ended, if what comes next says so.
    Ended(Bytes),
    /// A frame that is too long: its beginning, and how many bytes of it were thrown away.
    Skipping(Bytes, usize),
    /// After a fault nothing can be told any more.
    Broken,
}

/// What comes of looking at the buffer once.
enum Step {
    On,
    Wait,
    Give(Found),
}

/// What was found in the stream.
#[derive(Clone, PartialEq, Eq)]
pub enum Found {
    /// What stands in a frame.
    Frame(Bytes),
    /// A frame that is longer than it may be, passed over whole: its beginning.
    TooLong(Bytes),
    /// The stream cannot be read on; with the beginning of the frame that it happened in.
    Fault(Fault, Bytes),
}

/// What is wrong with a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// Bytes that stand in no frame.
    Outside,
    /// A frame begins within a frame.
    BeganAgain,
    /// A frame's end is followed by something else than its carriage return.
    EndInText,
    /// The stream ended, or nothing came any more, in the midst of a frame.
    BrokeOff,
    /// A frame has no end.
    Endless,
}

impl Fault {
    /// A word for counters and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Outside => "outside-a-frame",
            Self::BeganAgain => "began-again",
            Self::EndInText => "end-in-text",
            Self::BrokeOff => "broke-off",
            Self::Endless => "endless",
        }
    }

    /// A sentence for the sender.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Outside => {
                "bytes came outside a frame; each message begins with 0x0B and ends with 0x1C 0x0D"
            }
            Self::BeganAgain => "a frame began (0x0B) before the one before it had ended (0x1C 0x0D)",
            Self::EndInText => {
                "a frame's end (0x1C) was followed by something else than a carriage return (0x0D)"
            }
            Self::BrokeOff => "the frame broke off before its end (0x1C 0x0D)",
            Self::Endless => "the frame is far longer than may be and has no end (0x1C 0x0D)",
        }
    }
}

impl Framer {
    /// A framer for frames of at most `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self { state: State::Between, limit }
    }

    /// Takes the next frame or fault out of the buffer; nothing if more bytes are wanted.
    pub fn next(&mut self, buffer: &mut BytesMut) -> Option<Found> {
        loop {
            let step = match std::mem::replace(&mut self.state, State::Broken) {
                State::Between => self.between(buffer),
                State::Within(scanned) => self.within(scanned, buffer),
                State::Ended(frame) => self.ended(frame, buffer),
                State::Skipping(first, skipped) => self.skipping(first, skipped, buffer),
                State::Broken => {
                    buffer.clear();
                    Step::Wait
                }
            };
            match step {
                Step::On => {}
                Step::Wait => return None,
                Step::Give(found) => return Some(found),
            }
        }
    }

    fn between(&mut self, buffer: &mut BytesMut) -> Step {
        let first = buffer.iter().position(|byte| !says_nothing(*byte)).unwrap_or(buffer.len());
        buffer.advance(first);
        match buffer.first() {
            None => self.wait(State::Between),
            Some(&START) => {
                buffer.advance(1);
                self.go_on(State::Within(0))
            }
            Some(_) => Step::Give(self.fault(Fault::Outside, buffer)),
        }
    }

    /// Within a frame of which so many bytes hold no framing byte.
    fn within(&mut self, scanned: usize, buffer: &mut BytesMut) -> Step {
        let found = memchr2(START, END, buffer.get(scanned..).unwrap_or_default());
        let Some(at) = found.map(|at| scanned + at) else {
            if buffer.len() <= self.limit {
                return self.wait(State::Within(buffer.len()));
            }
            let skipping = State::Skipping(beginning(buffer), buffer.len());
            buffer.clear();
            return self.wait(skipping);
        };
        if buffer.get(at) == Some(&START) {
            return Step::Give(self.fault(Fault::BeganAgain, buffer));
        }
        if at > self.limit {
            let beginning = beginning(buffer);
            buffer.advance(at + 1);
            self.state = State::Between;
            return Step::Give(Found::TooLong(beginning));
        }
        let frame = buffer.split_to(at).freeze();
        buffer.advance(1);
        self.go_on(State::Ended(frame))
    }

    fn ended(&mut self, frame: Bytes, buffer: &mut BytesMut) -> Step {
        match buffer.first() {
            None => return self.wait(State::Ended(frame)),
            Some(&CARRIAGE_RETURN) => buffer.advance(1),
            Some(&START) => {}
            Some(_) => {
                buffer.clear();
                return Step::Give(Found::Fault(Fault::EndInText, beginning(&frame)));
            }
        }
        self.state = State::Between;
        Step::Give(Found::Frame(frame))
    }

    fn skipping(&mut self, first: Bytes, skipped: usize, buffer: &mut BytesMut) -> Step {
        if let Some(at) = memchr::memchr(END, buffer) {
            buffer.advance(at + 1);
            self.state = State::Between;
            return Step::Give(Found::TooLong(first));
        }
        let skipped = skipped.saturating_add(buffer.len());
        buffer.clear();
        if skipped > self.limit.saturating_mul(SKIPPED_FRAMES_MAX) {
            return Step::Give(Found::Fault(Fault::Endless, first));
        }
        self.wait(State::Skipping(first, skipped))
    }

    fn wait(&mut self, state: State) -> Step {
        self.state = state;
        Step::Wait
    }

    fn go_on(&mut self, state: State) -> Step {
        self.state = state;
        Step::On
    }

    /// Nothing has come for a while: a frame that waits only for its carriage return has ended without.
    pub fn quiet(&mut self) -> Option<Found> {
        let State::Ended(frame) = &mut self.state else { return None };
        let frame = std::mem::take(frame);
        self.state = State::Between;
        Some(Found::Frame(frame))
    }

    /// The stream has ended, or nothing has come for too long: what was begun is a fault.
    pub fn end(&mut self, buffer: &mut BytesMut) -> Option<Found> {
        match &self.state {
            State::Ended(_) => self.quiet(),
            State::Within(_) => Some(self.fault(Fault::BrokeOff, buffer)),
            State::Skipping(first, _) => {
                let first = first.clone();
                self.state = State::Broken;
                Some(Found::Fault(Fault::BrokeOff, first))
            }
            State::Between | State::Broken => None,
        }
    }

    /// What the stream is in the midst of.
    pub(crate) fn waits_for(&self) -> Waits {
        match self.state {
            State::Between | State::Broken => Waits::Frame,
            State::Within(_) | State::Skipping(..) => Waits::More,
            State::Ended(_) => Waits::CarriageReturn,
        }
    }

    fn fault(&mut self, fault: Fault, buffer: &mut BytesMut) -> Found {
        let beginning = if fault == Fault::Outside { Bytes::new() } else { beginning(buffer) };
        buffer.clear();
        self.state = State::Broken;
        Found::Fault(fault, beginning)
    }
}

/// What a stream waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waits {
    /// The next frame.
    Frame,
    /// The rest of one.
    More,
    /// The carriage return after one.
    CarriageReturn,
}

/// A frame of more than so many limits is not waited for.
const SKIPPED_FRAMES_MAX: usize = 16;
/// So much of a frame says who sent it.
const BEGINNING_BYTES: usize = 4096;

fn beginning(frame: &[u8]) -> Bytes {
    let cut = memchr2(START, END, frame).unwrap_or(frame.len()).min(BEGINNING_BYTES);
    Bytes::copy_from_slice(frame.get(..cut).unwrap_or_default())
}

/// What may stand between two frames: line ends, blanks, and the zeros that some senders keep a connection alive with.
fn says_nothing(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n' | b' ' | b'\t' | 0)
}

/// Debug shows sizes only.
impl std::fmt::Debug for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Frame(frame) => write!(f, "Frame({} bytes)", frame.len()),
            Self::TooLong(_) => f.write_str("TooLong"),
            Self::Fault(fault, _) => write!(f, "Fault({})", fault.as_str()),
        }
    }
}

#[cfg(test)]
mod tests;
