//! A zip archive as a folder of files: its entries one after the other, within bounds.

use std::{
    cell::Cell,
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom},
    rc::Rc,
};

use zip::{ZipArchive, result::ZipError};

use super::unzip::{Breakage, Counted, Unzipped, UpTo};

/// Most entries of an archive.
pub(super) const ENTRIES_MAX: usize = 10_000;
/// Most bytes that are read to find an archive's entries: some hundred for each of them.
const DIRECTORY_BYTES_MAX: u64 = 8 << 20;
/// Longest name of an entry that is shown.
const NAME_CHARS_MAX: usize = 200;

/// An opened archive.
pub(super) struct Archive {
    zip: ZipArchive<BufReader<Metered>>,
    length: u64,
    // What all entries together became so far: entries that overlap are counted each.
    unzipped: Rc<Cell<u64>>,
    /// How many bytes of the archive were read.
    pub(super) consumed: Rc<Cell<u64>>,
}

/// One entry, or why it is not one to read.
pub(super) enum Entry<'a> {
    /// A folder: nothing to say.
    Folder,
    /// A file: its name and its bytes; the reason why they end early is kept aside.
    File { name: String, bytes: Box<dyn Read + 'a>, breakage: Breakage },
    /// What cannot be read.
    Unreadable { name: String, reason: String },
}

impl Archive {
    /// Opens an archive.
    ///
    /// Bounds: [`ENTRIES_MAX`] and [`DIRECTORY_BYTES_MAX`]: an archive's directory is held in memory.
    /// Errors: the rest of a sentence about the archive.
    pub(super) fn open(file: File) -> Result<Self, String> {
        let length = file.metadata().map_err(|error| format!("cannot be read: {error}"))?.len();
        let consumed = Rc::new(Cell::new(0));
        let left = Rc::new(Cell::new(DIRECTORY_BYTES_MAX));
        let file =
            Metered { file: Counted { source: file, count: Rc::clone(&consumed) }, left: Rc::clone(&left) };
        let zip = ZipArchive::new(BufReader::new(file)).map_err(|error| {
            if left.get() == 0 {
                format!("has a directory longer than {DIRECTORY_BYTES_MAX} bytes; unzip it first if it can be trusted")
            } else {
                format!("is not a whole zip archive: {}", said(&error))
            }
        })?;
        if zip.len() > ENTRIES_MAX {
            return Err(format!("holds {} files, more than {ENTRIES_MAX}; unzip it first", zip.len()));
        }
        left.set(u64::MAX);
        consumed.set(0);
        Ok(Self { zip, length, unzipped: Rc::default(), consumed })
    }

    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        self.zip.len()
    }

    /// The entry at `at`, in the order of the archive's directory.
    ///
    /// Bounds: a byte of an entry becomes at most [`super::unzip::RATIO_MAX`], and so does a byte of the archive
    ///         in all its entries.
    pub(super) fn entry(&mut self, at: usize) -> Entry<'_> {
        let fallback = self.zip.name_for_index(at).and_then(Result::ok).map(|name| shown(&name));
        let fallback = fallback.unwrap_or_else(|| format!("entry {}", at + 1));
        let entry = match self.zip.by_index(at) {
            Ok(entry) => entry,
            Err(ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED)) => {
                let reason = "is encrypted; decrypt it first".to_owned();
                return Entry::Unreadable { name: fallback, reason };
            }
            Err(error) => {
                return Entry::Unreadable {
                    name: fallback,
                    reason: format!("cannot be unzipped: {}", said(&error)),
                };
            }
        };
        if entry.is_dir() {
            return Entry::Folder;
        }
        if entry.is_symlink() {
            return Entry::Unreadable {
                name: fallback,
                reason: "is a link; put the file itself into the archive".to_owned(),
            };
        }
        // What an entry says of its size is believed only as far as the archive is long.
        let zipped = Rc::new(Cell::new(entry.compressed_size().min(self.length)));
        let alone = Unzipped { stream: entry, zipped, count: Rc::default() };
        let zipped = Rc::new(Cell::new(self.length));
        let together = Unzipped { stream: alone, zipped, count: Rc::clone(&self.unzipped) };
        let breakage = Breakage::default();
        let bytes = Box::new(UpTo::new(together, Rc::clone(&breakage)));
        Entry::File { name: fallback, bytes, breakage }
    }
}

/// What the library says, without quoting names.
fn said(error: &ZipError) -> String {
    if let ZipError::Io(error) = error {
        return error.kind().to_string();
    }
    if matches!(error, ZipError::CompressionMethodNotSupported(_)) {
        return "it is compressed in a way that is not read".to_owned();
    }
    error.to_string()
}

/// A name as a place: short, and nothing that could move a cursor.
fn shown(name: &str) -> String {
    name.chars().take(NAME_CHARS_MAX).map(|c| if c.is_control() { '\u{FFFD}' } else { c }).collect()
}

/// A file of which only so much may be read until somebody says otherwise.
struct Metered {
    file: Counted<File>,
    left: Rc<Cell<u64>>,
}

impl Read for Metered {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.left.get();
        if left == 0 {
            return Err(io::Error::other("its directory is too long"));
        }
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let length = self.file.read(buffer.get_mut(..most).unwrap_or_default())?;
        if left != u64::MAX {
            self.left.set(left - length as u64);
        }
        Ok(length)
    }
}

impl Seek for Metered {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.file.source.seek(position)
    }
}
