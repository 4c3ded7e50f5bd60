//! A stream cut into messages, within bounds. What stands between messages is kept: frames, batch envelopes, blank lines.

use std::{
    io::{self, BufRead, ErrorKind},
    ops::Range,
};

use mark::Unreadable;

/// What comes after a chunk's last message is in the chunk; the next begins with a message.
#[derive(Debug, Default)]
pub(crate) struct Cutter {
    // The line that begins the next chunk.
    pending: Vec<u8>,
    run: Run,
    is_batch: bool,
}

impl Cutter {
    /// Whether an envelope of a batch or file was seen, whose trailer may count the messages.
    pub(crate) fn is_batch(&self) -> bool {
        self.is_batch
    }

    /// Appends whole messages and what stands between them to `out`; nothing at the end of the stream.
    ///
    /// Bounds: at most `messages_max`, and no further one after `bytes_max`. Of a message, or of what stands between
    ///         two, longer than `limit` only so much is kept that [`pieces`] calls it too long.
    pub(crate) fn next(
        &mut self,
        input: &mut impl BufRead,
        out: &mut Vec<u8>,
        limit: usize,
        (messages_max, bytes_max): (usize, usize),
    ) -> io::Result<()> {
        let mut messages = 0;
        loop {
            if self.pending.is_empty() && !read_line(input, &mut self.pending, limit)? {
                return Ok(());
            }
            let kind = Line::of(&self.pending);
            let turn = self.run.turn(kind);
            self.is_batch |= kind == Line::Envelope;
            if turn == Turn::Opens && messages > 0 && (messages >= messages_max || out.len() >= bytes_max) {
                return Ok(());
            }
            messages += usize::from(turn == Turn::Opens);
            if turn != Turn::Stays || self.run.length <= limit {
                out.extend_from_slice(&self.pending);
            } else if out.last().is_some_and(|byte| !is_line_end(*byte) && !is_frame(*byte)) {
                // A line that only a framing byte ended: what comes next is not to be joined to it.
                out.extend(self.pending.first());
            }
            self.run.take(turn, self.pending.len());
            self.pending.clear();
        }
    }
}

/// Reads a line with its end into `line`; false at the end of the stream. A framing byte is a line.
///
/// Bounds: of a line longer than `limit`, and than [`TELLING_BYTES`], its beginning with one byte more, and its end.
fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>, limit: usize) -> io::Result<bool> {
    loop {
        let buffer = match input.fill_buf() {
            Ok(buffer) => buffer,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let Some(first) = buffer.first() else { return Ok(!line.is_empty()) };
        if is_frame(*first) {
            if line.is_empty() {
                line.push(*first);
                input.consume(1);
            }
            return Ok(true);
        }
        let stop = buffer.iter().position(|byte| is_line_end(*byte) || is_frame(*byte));
        let (text, end) = buffer.split_at(stop.unwrap_or(buffer.len()));
        let room = limit.max(TELLING_BYTES).saturating_add(1).saturating_sub(line.len());
        line.extend_from_slice(text.get(..room).unwrap_or(text));
        let end = end.first().copied().filter(|byte| is_line_end(*byte));
        line.extend(end);
        let used = text.len() + usize::from(end.is_some());
        input.consume(used);
        if end.is_some() {
            return Ok(true);
        }
    }
}

/// What a file's beginning says: whether messages or a batch of them stand here, be it in a line that cannot be read.
pub(crate) fn begins(text: &[u8]) -> bool {
    let text = after_mark(text).trim_ascii_start();
    let text = text.strip_prefix(b"\x0B").unwrap_or(text);
    // A table may have a column of such a name: what can stand between its cells separates no fields here.
    let separator = text.get(3);
    let names: [&[u8]; 5] = [b"MSH", b"FHS", b"BHS", b"BTS", b"FTS"];
    separator.is_some_and(|byte| byte.is_ascii_punctuation() && !matches!(byte, b',' | b';' | b'"'))
        && names.iter().any(|name| text.starts_with(name))
}

/// Whether these lines are a message, and not lines that belong to none.
pub(super) fn begins_message(text: &[u8]) -> bool {
    Line::of(text) == Line::Message
}

/// The messages in bytes that are all at hand, and lines that belong to none, one after the other.
///
/// Shape:  ranges in order that do not touch what stands between messages; a longer one than `limit` is an error.
/// Bounds: holds nothing: a frame can have a message in every fourth byte.
pub(super) fn pieces(
    bytes: &[u8],
    limit: usize,
) -> impl Iterator<Item = (Range<usize>, Option<Unreadable>)> + '_ {
    let (mut run, mut start, mut at, mut is_over) = (Run::default(), 0, 0, false);
    std::iter::from_fn(move || {
        loop {
            let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) else {
                let is_first = !std::mem::replace(&mut is_over, true);
                return if is_first { run.piece(start..bytes.len(), limit) } else { None };
            };
            let line = first_line(rest);
            let turn = run.turn(Line::of(line));
            let mut found = None;
            if turn != Turn::Stays {
                found = run.piece(start..at, limit);
                let mark = line.len() - after_mark(line).len();
                start = if turn == Turn::Opens { at + mark } else { at };
            }
            run.take(turn, line.len());
            at += line.len();
            if found.is_some() {
                return found;
            }
        }
    })
}

/// The first line of text that is not empty, cut as [`read_line`] cuts.
fn first_line(text: &[u8]) -> &[u8] {
    let stop = text.iter().position(|byte| is_line_end(*byte) || is_frame(*byte));
    let length = match stop {
        None => text.len(),
        Some(0) => 1,
        Some(at) if text.get(at).is_some_and(|byte| is_frame(*byte)) => at,
        Some(at) => at + 1,
    };
    text.get(..length).unwrap_or(text)
}

/// What a line is, by its first bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Line {
    /// The first segment of a message.
    Message,
    /// A batch's or file's header or trailer.
    Envelope,
    /// A framing byte of MLLP.
    Frame,
    Blank,
    Other,
}

impl Line {
    fn of(line: &[u8]) -> Self {
        let line = after_mark(line);
        let Some((name, rest)) = line.split_at_checked(3) else {
            return match line {
                [byte] if is_frame(*byte) => Self::Frame,
                _ if is_blank(line) => Self::Blank,
                _ => Self::Other,
            };
        };
        let is_whole = rest.first().is_none_or(|byte| !byte.is_ascii_alphanumeric());
        match name {
            b"MSH" if is_whole => Self::Message,
            b"FHS" | b"BHS" | b"BTS" | b"FTS" if is_whole && is_plain(line) => Self::Envelope,
            _ if is_blank(line) => Self::Blank,
            _ => Self::Other,
        }
    }
}

/// Whether an envelope's line is one to every reader, and no room for messages: nobody judges what it says.
fn is_plain(line: &[u8]) -> bool {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let is_cut_elsewhere = match std::str::from_utf8(line) {
        Ok(text) => text.contains(|found| matches!(found, '\u{80}'..='\u{9F}' | '\u{2028}' | '\u{2029}')),
        // In ISO 8859 those are single bytes.
        Err(_) => line.iter().any(|byte| (0x80..=0x9F).contains(byte)),
    };
    line.len() <= ENVELOPE_BYTES_MAX
        && !is_cut_elsewhere
        && !line.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t')
}

/// The header or trailer of a batch, with a comment.
const ENVELOPE_BYTES_MAX: usize = 1024;

/// So many bytes of a line say what it is: it is the same line when the rest of it is not kept.
const TELLING_BYTES: usize = 64;

fn is_blank(line: &[u8]) -> bool {
    line.len() < TELLING_BYTES - 3 && line.trim_ascii().is_empty()
}

/// What a line changes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// A message begins, or lines outside of one that have no business there.
    Opens,
    /// A message ended before it.
    Closes,
    Stays,
}

/// A message, or what stands between two.
#[derive(Debug, Default)]
struct Run {
    is_message: bool,
    length: usize,
}

impl Run {
    fn turn(&self, line: Line) -> Turn {
        match line {
            Line::Message => Turn::Opens,
            Line::Other if !self.is_message => Turn::Opens,
            Line::Envelope | Line::Frame if self.is_message => Turn::Closes,
            Line::Envelope | Line::Frame | Line::Blank | Line::Other => Turn::Stays,
        }
    }

    /// What it is, once it is over: a message, or too long, or nothing that is read.
    fn piece(&self, range: Range<usize>, limit: usize) -> Option<(Range<usize>, Option<Unreadable>)> {
        if self.length > limit {
            return Some((range, Some(Unreadable::TooLong { limit })));
        }
        self.is_message.then_some((range, None))
    }

    fn take(&mut self, turn: Turn, length: usize) {
        match turn {
            Turn::Opens => *self = Self { is_message: true, length },
            Turn::Closes => *self = Self { is_message: false, length },
            Turn::Stays => self.length += length,
        }
    }
}

/// The line without a byte-order mark in front, which files keep when they are joined.
fn after_mark(line: &[u8]) -> &[u8] {
    line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line)
}

fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

/// MLLP's bytes before and after a message.
fn is_frame(byte: u8) -> bool {
    matches!(byte, 0x0B | 0x1C)
}
