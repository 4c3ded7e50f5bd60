//! Streams that are unzipped within bounds, and what becomes of one that breaks off.

use std::{
    cell::{Cell, RefCell},
    io::{self, Read},
    rc::Rc,
};

/// Most bytes that one zipped byte may become: exports of records stay far below a hundred.
pub(super) const RATIO_MAX: u64 = 300;
/// So much is unzipped before the ratio is looked at.
const RATIO_FREE_BYTES: u64 = 1 << 20;
/// Most bytes that a file may unzip to.
const UNZIPPED_BYTES_MAX: u64 = 64 << 30;

/// Counts what is read.
pub(super) struct Counted<R> {
    pub(super) source: R,
    pub(super) count: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.source.read(buffer)?;
        self.count.set(self.count.get() + length as u64);
        Ok(length)
    }
}

/// What was unzipped, until it is out of proportion to what it was unzipped from.
pub(super) struct Unzipped<R> {
    pub(super) stream: R,
    /// How many zipped bytes there were so far.
    pub(super) zipped: Rc<Cell<u64>>,
    /// How many bytes they became.
    pub(super) count: Rc<Cell<u64>>,
}

impl<R: Read> Read for Unzipped<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.stream.read(buffer)?;
        self.count.set(self.count.get() + length as u64);
        let bound = RATIO_FREE_BYTES.max(self.zipped.get().saturating_mul(RATIO_MAX)).min(UNZIPPED_BYTES_MAX);
        if self.count.get() > bound {
            return Err(io::Error::other(format!(
                "it unzips to more than {RATIO_MAX} times its size, or past {UNZIPPED_BYTES_MAX} bytes; unzip it \
                 first if it can be trusted"
            )));
        }
        Ok(length)
    }
}

/// Why a stream ended before its end, once it has.
pub(crate) type Breakage = Rc<RefCell<Option<io::Error>>>;

/// A stream that ends where it breaks off, after its last whole line; the reason is kept aside.
///
/// So what was read before a truncated gzip ends can be judged, and a record that was cut in two is not judged as if
/// it were whole.
///
/// Bounds: [`LINE_BYTES_MAX`] are held back; a longer line is given as it comes.
pub(super) struct UpTo<R> {
    source: R,
    // What was read and not given yet: whole lines first, then the beginning of one.
    held: Vec<u8>,
    given: usize,
    whole: usize,
    // A document on one line has none.
    has_lines: bool,
    is_over: bool,
    breakage: Breakage,
}

const LINE_BYTES_MAX: usize = 1 << 20;
const BLOCK_BYTES: usize = 64 << 10;

impl<R: Read> UpTo<R> {
    pub(super) fn new(source: R, breakage: Breakage) -> Self {
        Self { source, held: Vec::new(), given: 0, whole: 0, has_lines: false, is_over: false, breakage }
    }

    /// Reads until there is a whole line to give, or nothing more.
    fn fill(&mut self) {
        self.held.drain(..self.given);
        self.given = 0;
        self.whole = 0;
        while self.whole == 0 && !self.is_over {
            let before = self.held.len();
            let read = self.source.by_ref().take(BLOCK_BYTES as u64).read_to_end(&mut self.held);
            let fresh = self.held.get(before..).unwrap_or_default();
            if let Some(at) = fresh.iter().rposition(|byte| *byte == b'\n') {
                self.whole = before + at + 1;
                self.has_lines = true;
            }
            match read {
                Ok(0) => {
                    self.is_over = true;
                    self.whole = self.held.len();
                }
                Ok(_) if self.held.len() > LINE_BYTES_MAX => self.whole = self.held.len(),
                Ok(_) => {}
                Err(error) => {
                    self.is_over = true;
                    // What has no line is one document: that it ends early is for its reader to say.
                    if !self.has_lines {
                        self.whole = self.held.len();
                    }
                    *self.breakage.borrow_mut() = Some(error);
                }
            }
        }
    }
}

impl<R: Read> Read for UpTo<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.given == self.whole && !self.is_over {
            self.fill();
        }
        let ready = self.held.get(self.given..self.whole).unwrap_or_default();
        let length = ready.len().min(buffer.len());
        let (to, from) = (buffer.get_mut(..length), ready.get(..length));
        if let (Some(to), Some(from)) = (to, from) {
            to.copy_from_slice(from);
        }
        self.given += length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Breaking<'a>(&'a [u8]);

    impl Read for Breaking<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let length = self.0.len().min(buffer.len()).min(3);
            buffer[..length].copy_from_slice(&self.0[..length]);
            self.0 = &self.0[length..];
            Ok(length)
        }
    }

    #[test]
    fn a_stream_that_breaks_off_ends_after_its_last_whole_line() {
        let check = |bytes: &[u8], want: &[u8]| {
            let breakage = Breakage::default();
            let mut got = Vec::new();
            UpTo::new(Breaking(bytes), Rc::clone(&breakage)).take(1 << 30).read_to_end(&mut got).unwrap();
            assert_eq!(got, want);
            assert!(breakage.borrow().is_some());
            let whole = Breakage::default();
            got.clear();
            UpTo::new(bytes, Rc::clone(&whole)).take(1 << 30).read_to_end(&mut got).unwrap();
            assert_eq!(got, bytes);
            assert!(whole.borrow().is_none());
        };
        check(b"a,b\n1,2\n3,", b"a,b\n1,2\n");
        check(b"a,b\n", b"a,b\n");
        check(b"{\"resourceType\":", b"{\"resourceType\":");
        check(b"", b"");
        let long = [b"x\n".as_slice(), &vec![b'y'; 3 * BLOCK_BYTES], b"\nz"].concat();
        check(&long, &long[..long.len() - 1]);
    }
}
