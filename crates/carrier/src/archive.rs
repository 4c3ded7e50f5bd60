//! Zip archives that are read from their beginning as they come, and written the same way.
//!
//! Opens nothing and seeks nowhere: each entry is known by the header in front of it, and the directory at the end only
//! says whether all of them came. The library that reads archives elsewhere wants to seek, and without that refuses
//! entries whose lengths stand behind them, which is how they are written by who streams. Of what it reads by the
//! directory, [`uniform_entries`] says whether who reads from the beginning finds the same.
//! Source: spec/deliveries.md section 7.

use std::{
    collections::BTreeSet,
    io::{self, Read},
};

use flate2::{Crc, Decompress, FlushDecompress, Status};

pub use layout::uniform_entries;
pub use writer::{ArchiveWriter, WriteFault};

mod directory;
mod header;
mod layout;
mod writer;

#[cfg(test)]
mod tests;

/// How much is read before an archive is refused.
#[derive(Clone, Copy, Debug)]
pub struct ArchiveBounds {
    /// Most entries.
    pub entries: usize,
    /// Longest name of an entry, in bytes.
    pub name_bytes: usize,
    /// Most bytes of all names together: they are held.
    pub names_bytes: usize,
    /// Most bytes that one entry may become.
    pub entry_bytes: u64,
    /// Most bytes that one byte of an entry may become, above `ratio_free_bytes`.
    pub ratio: u64,
    /// So much of an entry is read before the ratio is looked at.
    pub ratio_free_bytes: u64,
}

impl ArchiveBounds {
    /// Those of a data export: 512 MB of zip, some hundred thousand attachments.
    pub const SUGGESTED: Self = Self {
        entries: 200_000,
        name_bytes: 512,
        names_bytes: 16 << 20,
        entry_bytes: 64 << 30,
        ratio: 300,
        ratio_free_bytes: 1 << 20,
    };
}

/// Why an archive cannot be read on. Says nothing of what is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveFault {
    /// It ends too early.
    #[error("the archive ends before its end")]
    Truncated,
    /// What stands where a header should be is none.
    #[error("the archive is not one, or is damaged")]
    Shape,
    /// An entry is encrypted.
    #[error("an entry of the archive is encrypted")]
    Encrypted,
    /// An entry is compressed in a way that is not read, or its end cannot be found.
    #[error("an entry of the archive is written in a way that is not read as it comes")]
    Method,
    /// A name is empty, too long, no text, absolute, or leads elsewhere.
    #[error("an entry of the archive has a name that is not taken")]
    Name,
    /// Two entries have one name.
    #[error("two entries of the archive have one name")]
    Twice,
    /// It has too many entries, or their names are too long.
    #[error("the archive has more entries than are read")]
    TooMany,
    /// It becomes too long, or too long for what it is.
    #[error("an entry of the archive becomes longer than is read")]
    Bomb,
    /// The bytes are not those that were put in.
    #[error("an entry of the archive is damaged")]
    Damaged,
    /// What its directory says is not what came.
    #[error("the directory of the archive does not name what is in it")]
    Directory,
}

impl From<ArchiveFault> for io::Error {
    fn from(fault: ArchiveFault) -> Self {
        Self::new(io::ErrorKind::InvalidData, fault)
    }
}

/// The fault behind an error of a reader of this module, if it is one.
pub fn fault_of(error: &io::Error) -> Option<ArchiveFault> {
    error.get_ref()?.downcast_ref().copied()
}

/// An entry, as the header in front of it says.
#[derive(Clone, PartialEq, Eq)]
pub struct EntryHead {
    /// Its name: text, relative, with slashes.
    pub name: String,
    /// Whether it is a folder.
    pub is_folder: bool,
}

/// Debug shows no name: a file can be named after a person.
impl std::fmt::Debug for EntryHead {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "EntryHead({} bytes of name)", self.name.len())
    }
}

/// The entries of an archive, in the order in which they come.
#[derive(Debug)]
pub struct Entries<R> {
    source: Source<R>,
    bounds: ArchiveBounds,
    names: BTreeSet<String>,
    names_bytes: usize,
    /// The entry that is being read.
    open: Option<Open>,
    is_over: bool,
}

/// An entry on its way.
#[derive(Debug)]
struct Open {
    head: header::Local,
    /// None for what is stored as it is.
    inflating: Option<Decompress>,
    checksum: Crc,
    /// Bytes of the archive that were read of it.
    packed: u64,
    /// Bytes that they became.
    unpacked: u64,
    is_over: bool,
}

impl<R: Read> Entries<R> {
    /// The entries of what `input` gives from its beginning.
    pub fn new(input: R, bounds: ArchiveBounds) -> Self {
        let source = Source { input, held: Vec::new(), at: 0 };
        Self { source, bounds, names: BTreeSet::new(), names_bytes: 0, open: None, is_over: false }
    }

    /// The next entry; what of the one before it was not read is read over, and checked. Nothing at the end, once the
    /// directory named every entry and nothing came behind it.
    ///
    /// Bounds: those it was made with.
    /// Errors: those of the input, and [`ArchiveFault`] in an `io::Error`; then there is no next.
    pub fn next_entry(&mut self) -> io::Result<Option<EntryHead>> {
        let mut rest = [0; 16 << 10];
        while self.open.is_some() && self.read_open(&mut rest)? > 0 {}
        self.open = None;
        if self.is_over {
            return Ok(None);
        }
        if self.source.peek(4)? != header::LOCAL {
            directory::read(&mut self.source, &self.names)?;
            self.is_over = true;
            return Ok(None);
        }
        let head = header::Local::read(&mut self.source, &self.bounds)?;
        let name = head.name.clone();
        self.names_bytes += name.len();
        if self.names.len() >= self.bounds.entries || self.names_bytes > self.bounds.names_bytes {
            return Err(ArchiveFault::TooMany.into());
        }
        if !self.names.insert(name.clone()) {
            return Err(ArchiveFault::Twice.into());
        }
        let is_folder = name.ends_with('/');
        let inflating = head.is_deflated.then(|| Decompress::new(false));
        let open = Open { head, inflating, checksum: Crc::new(), packed: 0, unpacked: 0, is_over: false };
        self.open = Some(open);
        Ok(Some(EntryHead { name, is_folder }))
    }

    /// The content of the entry that [`Self::next_entry`] gave last: at its end it is what its checksum says.
    ///
    /// Errors: as there.
    pub fn content(&mut self) -> Content<'_, R> {
        Content(self)
    }

    fn read_open(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(open) = self.open.as_mut().filter(|open| !open.is_over && !buffer.is_empty()) else {
            return Ok(0);
        };
        loop {
            let left = open.head.packed.map(|packed| packed.saturating_sub(open.packed));
            let ready = if left == Some(0) { &[][..] } else { self.source.fill()? };
            let most = usize::try_from(left.unwrap_or(u64::MAX)).unwrap_or(usize::MAX).min(ready.len());
            let ready = ready.get(..most).unwrap_or_default();
            let (taken, given, ended) = match &mut open.inflating {
                None => {
                    let length = ready.len().min(buffer.len());
                    if let (Some(to), Some(from)) = (buffer.get_mut(..length), ready.get(..length)) {
                        to.copy_from_slice(from);
                    }
                    (length, length, left == Some(length as u64))
                }
                Some(inflating) => {
                    let (before_in, before_out) = (inflating.total_in(), inflating.total_out());
                    let status = inflating
                        .decompress(ready, buffer, FlushDecompress::None)
                        .map_err(|_| ArchiveFault::Damaged)?;
                    let taken = usize::try_from(inflating.total_in() - before_in).unwrap_or(usize::MAX);
                    let given = usize::try_from(inflating.total_out() - before_out).unwrap_or(usize::MAX);
                    (taken, given, status == Status::StreamEnd)
                }
            };
            let is_dry = ready.is_empty();
            self.source.consume(taken);
            open.packed += taken as u64;
            open.unpacked += given as u64;
            open.checksum.update(buffer.get(..given).unwrap_or_default());
            let bound = self.bounds.ratio_free_bytes.max(open.packed.saturating_mul(self.bounds.ratio));
            if open.unpacked > bound.min(self.bounds.entry_bytes) {
                return Err(ArchiveFault::Bomb.into());
            }
            if ended {
                open.is_over = true;
                open.head.check(&mut self.source, open.packed, open.unpacked, open.checksum.sum())?;
                return Ok(given);
            }
            if given > 0 {
                return Ok(given);
            }
            if is_dry && taken == 0 {
                let cut = left != Some(0);
                return Err(if cut { ArchiveFault::Truncated } else { ArchiveFault::Damaged }.into());
            }
        }
    }
}

/// The content of an entry.
#[derive(Debug)]
pub struct Content<'e, R>(&'e mut Entries<R>);

impl<R: Read> Read for Content<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read_open(buffer)
    }
}

/// What comes, with a little of it held.
#[derive(Debug)]
struct Source<R> {
    input: R,
    held: Vec<u8>,
    at: usize,
}

const BLOCK_BYTES: usize = 32 << 10;

impl<R: Read> Source<R> {
    /// What is held, at least one byte unless the input is over.
    fn fill(&mut self) -> io::Result<&[u8]> {
        if self.at == self.held.len() {
            self.more()?;
        }
        Ok(self.held.get(self.at..).unwrap_or_default())
    }

    /// Reads one block to what is held; whether there was any.
    fn more(&mut self) -> io::Result<bool> {
        self.held.drain(..self.at.min(self.held.len()));
        self.at = 0;
        let before = self.held.len();
        self.held.resize(before + BLOCK_BYTES, 0);
        let read = loop {
            match self.input.read(self.held.get_mut(before..).unwrap_or_default()) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        self.held.truncate(before + read.as_ref().map_or(0, |length| *length));
        read.map(|length| length > 0)
    }

    /// The next bytes, at most so many; fewer only where the input is over.
    fn ahead(&mut self, length: usize) -> io::Result<&[u8]> {
        while self.held.len() - self.at < length && self.more()? {}
        let end = self.held.len().min(self.at + length);
        Ok(self.held.get(self.at..end).unwrap_or_default())
    }

    /// The next bytes, which stay.
    ///
    /// Errors: [`ArchiveFault::Truncated`].
    fn peek(&mut self, length: usize) -> io::Result<&[u8]> {
        let ahead = self.ahead(length)?;
        if ahead.len() < length { Err(ArchiveFault::Truncated.into()) } else { Ok(ahead) }
    }

    /// The next bytes, taken.
    fn take(&mut self, length: usize) -> io::Result<Vec<u8>> {
        let bytes = self.peek(length)?.to_vec();
        self.consume(length);
        Ok(bytes)
    }

    fn consume(&mut self, length: usize) {
        self.at = self.held.len().min(self.at + length);
    }
}

/// A number of two, four or eight bytes at a place; 0 where there are none.
fn number(bytes: &[u8], at: usize, length: usize) -> u64 {
    let bytes = bytes.get(at..at + length).unwrap_or_default();
    bytes.iter().rev().fold(0, |number, byte| (number << 8) | u64::from(*byte))
}
