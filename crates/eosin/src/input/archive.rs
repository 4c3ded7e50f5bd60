//! A zip archive as a folder of files: its entries one after the other, within bounds.

use std::{
    cell::Cell,
    fs::File,
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom},
    rc::Rc,
};

use carrier::archive::{fault_of, uniform_entries};
use flate2::{Crc, bufread::DeflateDecoder};
use zip::{CompressionMethod, ZipArchive, result::ZipError};

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
    /// A folder, and nothing in it by that name: nothing to say.
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
    /// Errors: the rest of a sentence about the archive; also of one in which another reader could find other files.
    pub(super) fn open(file: File) -> Result<Self, String> {
        let length = file.metadata().map_err(|error| format!("cannot be read: {error}"))?.len();
        let mut again = file.try_clone().map_err(|error| format!("cannot be read: {error}"))?;
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
        let found = uniform_entries(&mut again, ENTRIES_MAX).map_err(|error| match fault_of(&error) {
            Some(fault) => format!("can be read in two ways, so it is not read: {fault}; {ANEW}"),
            None => format!("cannot be read: {error}"),
        })?;
        if found != zip.len() {
            return Err(format!(
                "can be read in two ways, so it is not read: two names in it are alike; {ANEW}"
            ));
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
        let unreadable =
            |reason: &str| Entry::Unreadable { name: fallback.clone(), reason: reason.to_owned() };
        let entry = match self.zip.by_index_raw(at) {
            Ok(entry) => entry,
            Err(error) => return unreadable(&format!("cannot be unzipped: {}", said(&error))),
        };
        if entry.encrypted() {
            return unreadable("is encrypted; decrypt it first");
        }
        if entry.is_symlink() {
            return unreadable("is a link; put the file itself into the archive");
        }
        let is_folder = entry.is_dir();
        // What an entry says of its size is believed only as far as the archive is long.
        let zipped = Rc::new(Cell::new(entry.compressed_size().min(self.length)));
        let (method, told) = (entry.compression(), (entry.crc32(), entry.size()));
        let Some(stream) = Unpacked::of(method, told, entry) else {
            return unreadable("cannot be unzipped: it is compressed in a way that is not read");
        };
        let alone = Unzipped { stream, zipped, count: Rc::default() };
        let zipped = Rc::new(Cell::new(self.length));
        let mut together = Unzipped { stream: alone, zipped, count: Rc::clone(&self.unzipped) };
        if is_folder {
            return match together.read(&mut [0]) {
                Ok(0) => Entry::Folder,
                Ok(_) => unreadable("is named as a folder and holds a file; name it as one"),
                Err(error) => unreadable(&format!("cannot be unzipped: {error}")),
            };
        }
        let breakage = Breakage::default();
        let bytes = Box::new(UpTo::new(together, Rc::clone(&breakage)));
        Entry::File { name: fallback, bytes, breakage }
    }
}

/// What to do about an archive that is not plain.
const ANEW: &str = "unzip it and give its files, or zip them anew";

/// The content of an entry: at its end it is what the entry says, and nothing is left of the entry's bytes, where
/// somebody who reads the archive from its beginning would find more.
struct Unpacked<R> {
    method: Method<R>,
    checksum: Crc,
    told: (u32, u64),
    length: u64,
}

enum Method<R> {
    Stored(BufReader<R>),
    Deflated(DeflateDecoder<BufReader<R>>),
}

impl<R: Read> Unpacked<R> {
    fn of(method: CompressionMethod, told: (u32, u64), packed: R) -> Option<Self> {
        let packed = BufReader::new(packed);
        let method = if method == CompressionMethod::Stored {
            Method::Stored(packed)
        } else if method == CompressionMethod::Deflated {
            Method::Deflated(DeflateDecoder::new(packed))
        } else {
            return None;
        };
        Some(Self { method, checksum: Crc::new(), told, length: 0 })
    }
}

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = match &mut self.method {
            Method::Stored(packed) => packed.read(buffer)?,
            Method::Deflated(packed) => packed.read(buffer)?,
        };
        self.checksum.update(buffer.get(..length).unwrap_or_default());
        self.length += length as u64;
        if length == 0 && !buffer.is_empty() {
            let rest = match &mut self.method {
                Method::Stored(packed) => packed.fill_buf()?,
                Method::Deflated(packed) => packed.get_mut().fill_buf()?,
            };
            if !rest.is_empty() || self.told != (self.checksum.sum(), self.length) {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "it is not what its archive says of it",
                ));
            }
        }
        Ok(length)
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
