//! The filter in memory: says of nearly every absent fingerprint that it is absent, and never so of a present one.
//!
//! A binary fuse filter for each million entries, so that building one needs little memory however large the table.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use mark::digest::{Hash, sha256};
use recognise::Fingerprint;
use xorf::{BinaryFuse8, Filter as _};

use crate::entry::{Entry, filter_key};
use crate::layout::Fields;

/// How many blocks of the table one part covers: 1,044,480 entries.
pub(crate) const PART_BLOCKS: u64 = 6_144;

/// A filter over a whole table.
///
/// Bounds: 9 bits an entry, a little more below a million.
pub(crate) struct Filter {
    parts: Vec<Part>,
}

struct Part {
    /// Key of the first entry that this part covers; ascending.
    first: u64,
    fuse: BinaryFuse8,
}

impl Filter {
    /// False only if no entry has this fingerprint.
    pub(crate) fn may_hold(&self, fingerprint: Fingerprint) -> bool {
        let key = filter_key(fingerprint);
        // A key that goes on from one part into the next is in both, and the later one is asked.
        let after = self.parts.partition_point(|part| part.first <= key);
        let part = after.checked_sub(1).and_then(|at| self.parts.get(at));
        part.is_some_and(|part| part.fuse.contains(&key))
    }

    pub(crate) fn bytes(&self) -> usize {
        self.parts.iter().map(|part| part.fuse.fingerprints.len() + size_of::<Part>()).sum()
    }

    /// Puts finished parts together; `index` is the table's, whose every [`PART_BLOCKS`]th entry begins a part.
    pub(crate) fn from_parts(fuses: Vec<BinaryFuse8>, index: &[Entry]) -> Option<Self> {
        let firsts: Vec<u64> =
            index.iter().step_by(step()).map(|entry| filter_key(entry.fingerprint)).collect();
        (firsts.len() == fuses.len()).then(|| Self {
            parts: firsts.into_iter().zip(fuses).map(|(first, fuse)| Part { first, fuse }).collect(),
        })
    }

    /// Reads a filter's file: `None` when it is absent, not intact, or another table's.
    ///
    /// Never: fails, since a filter can be made again from its table.
    pub(crate) fn read(path: &Path, table: &Hash, index: &[Entry]) -> Option<Self> {
        let mut file = File::open(path).ok()?;
        let length = file.metadata().ok()?.len();
        let mut header = [0; HEADER_BYTES];
        file.read_exact(&mut header).ok()?;
        let header = Header::parse(&header)?;
        let parts = index.len().div_ceil(step());
        if header.table != *table || usize::try_from(header.parts) != Ok(parts) {
            return None;
        }
        let directory_bytes = header.parts.checked_mul(PART_LINE_BYTES as u64)?;
        file.seek(SeekFrom::Start(length.checked_sub(directory_bytes)?)).ok()?;
        let directory = read_bytes(&mut file, directory_bytes)?;
        if sha256(&[&directory]) != header.directory {
            return None;
        }
        let lines: Option<Vec<_>> =
            directory.as_chunks::<PART_LINE_BYTES>().0.iter().map(|line| PartLine::parse(line)).collect();
        file.seek(SeekFrom::Start(HEADER_BYTES as u64)).ok()?;
        let mut fuses = Vec::with_capacity(parts);
        for line in lines? {
            let fingerprints = read_bytes(&mut file, line.bytes()?)?;
            if sha256(&[&fingerprints]) != line.digest {
                return None;
            }
            fuses.push(line.fuse(fingerprints)?);
        }
        let ends_here = file.stream_position().ok()?.checked_add(directory_bytes)? == length;
        ends_here.then_some(())?;
        Self::from_parts(fuses, index)
    }
}

fn step() -> usize {
    usize::try_from(PART_BLOCKS).unwrap_or(usize::MAX)
}

/// Exactly this many bytes, asked for piece by piece so that a wrong length costs no memory.
fn read_bytes(file: &mut File, length: u64) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(length).read_to_end(&mut bytes).ok()?;
    (u64::try_from(bytes.len()) == Ok(length)).then_some(bytes)
}

/// Builds the parts one after the other, as the table's entries come.
///
/// Bounds: about 35 bytes for each key of one part, 36 MB.
#[derive(Default)]
pub(crate) struct FilterBuilder {
    /// INVARIANT: ascending and distinct, because entries come in order.
    keys: Vec<u64>,
}

impl FilterBuilder {
    pub(crate) fn push(&mut self, entry: Entry) {
        let key = filter_key(entry.fingerprint);
        if self.keys.last() != Some(&key) {
            self.keys.push(key);
        }
    }

    /// The part over the keys so far; the builder is empty again.
    pub(crate) fn finish_part(&mut self) -> io::Result<BinaryFuse8> {
        let fuse = BinaryFuse8::try_from(&self.keys).map_err(io::Error::other)?;
        self.keys.clear();
        Ok(fuse)
    }
}

/// Writes a filter's file part by part; the header, which needs the finished table, comes last.
pub(crate) struct FilterWriter {
    file: File,
    directory: Vec<u8>,
}

impl FilterWriter {
    pub(crate) fn begin(mut file: File) -> io::Result<Self> {
        file.write_all(&[0; HEADER_BYTES])?;
        Ok(Self { file, directory: Vec::new() })
    }

    pub(crate) fn part(&mut self, fuse: &BinaryFuse8) -> io::Result<()> {
        self.file.write_all(&fuse.fingerprints)?;
        PartLine::of(fuse).write(&mut self.directory);
        Ok(())
    }

    /// The file, ready to be synced.
    pub(crate) fn finish(mut self, table: Hash) -> io::Result<File> {
        self.file.write_all(&self.directory)?;
        let parts = u64::try_from(self.directory.len() / PART_LINE_BYTES).unwrap_or(u64::MAX);
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&Header { table, parts, directory: sha256(&[&self.directory]) }.to_bytes())?;
        Ok(self.file)
    }
}

struct Header {
    /// The check that ends the header of the table it belongs to.
    table: Hash,
    parts: u64,
    directory: Hash,
}

const MAGIC: [u8; 8] = *b"EOSINFLT";
const VERSION: u64 = 1;
const HEADER_BYTES: usize = 8 + 8 + 32 + 8 + 32 + 32;

impl Header {
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        bytes.extend(MAGIC);
        bytes.extend(VERSION.to_be_bytes());
        bytes.extend(self.table.as_bytes());
        bytes.extend(self.parts.to_be_bytes());
        bytes.extend(self.directory.as_bytes());
        let check = sha256(&[&bytes]);
        bytes.extend(check.as_bytes());
        bytes
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields(bytes);
        let (magic, version): ([u8; 8], u64) = (fields.take()?, fields.number()?);
        let header = Self { table: fields.hash()?, parts: fields.number()?, directory: fields.hash()? };
        (magic == MAGIC && version == VERSION && header.to_bytes() == bytes).then_some(header)
    }
}

/// What the directory says of one part.
struct PartLine {
    seed: u64,
    segment_length: u32,
    segment_count_length: u32,
    digest: Hash,
}

const PART_LINE_BYTES: usize = 8 + 4 + 4 + 32;

/// Longest segment that the library makes.
const SEGMENT_MAX: u32 = 1 << 18;

/// Longest part: far above what [`PART_BLOCKS`] can need.
const PART_BYTES_MAX: u64 = 1 << 26;

impl PartLine {
    fn of(fuse: &BinaryFuse8) -> Self {
        Self {
            seed: fuse.descriptor.seed,
            segment_length: fuse.descriptor.segment_length,
            segment_count_length: fuse.descriptor.segment_count_length,
            digest: sha256(&[&fuse.fingerprints]),
        }
    }

    fn write(&self, directory: &mut Vec<u8>) {
        directory.extend(self.seed.to_be_bytes());
        directory.extend(self.segment_length.to_be_bytes());
        directory.extend(self.segment_count_length.to_be_bytes());
        directory.extend(self.digest.as_bytes());
    }

    /// `None` for what the library would read past its end.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields(bytes);
        let line = Self {
            seed: fields.number()?,
            segment_length: u32::from_be_bytes(fields.take()?),
            segment_count_length: u32::from_be_bytes(fields.take()?),
            digest: fields.hash()?,
        };
        let fits = line.segment_length.is_power_of_two()
            && line.segment_length <= SEGMENT_MAX
            && line.segment_count_length > 0
            && line.segment_count_length.is_multiple_of(line.segment_length);
        fits.then_some(line)
    }

    /// How long the part is: its segments, and two more that the last one reaches into.
    fn bytes(&self) -> Option<u64> {
        let length = u64::from(self.segment_count_length) + 2 * u64::from(self.segment_length);
        (length <= PART_BYTES_MAX).then_some(length)
    }

    /// The part, from bytes of the length that [`Self::bytes`] says.
    fn fuse(&self, fingerprints: Vec<u8>) -> Option<BinaryFuse8> {
        // The library lets nobody make one from its parts, but lets the parts of one be replaced.
        let mut fuse = BinaryFuse8::try_from(&[0][..]).ok()?;
        fuse.descriptor.seed = self.seed;
        fuse.descriptor.segment_length = self.segment_length;
        fuse.descriptor.segment_length_mask = self.segment_length.checked_sub(1)?;
        fuse.descriptor.segment_count_length = self.segment_count_length;
        fuse.fingerprints = fingerprints.into_boxed_slice();
        Some(fuse)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn builder(keys: u64) -> FilterBuilder {
        let mut builder = FilterBuilder::default();
        for key in 0..keys {
            let mut fingerprint = [0; 16];
            fingerprint.split_at_mut(8).0.copy_from_slice(&(key << 40).to_be_bytes());
            let entry = Entry { fingerprint: Fingerprint(fingerprint), tag: recognise::PersonTag([1; 8]) };
            builder.push(entry);
            builder.push(entry);
        }
        builder
    }

    #[test]
    fn a_part_of_any_size_is_built_and_holds_its_keys() {
        for size in (1..70).chain([127, 128, 129, 1000, 4095, 4096, 4097]) {
            let mut builder = builder(size);
            assert_eq!(builder.keys.len() as u64, size, "each key once");
            let keys = builder.keys.clone();
            let fuse = builder.finish_part().unwrap();
            assert!(keys.iter().all(|key| fuse.contains(key)), "{size}");
            // Through the directory and back.
            let mut line = Vec::new();
            PartLine::of(&fuse).write(&mut line);
            let line = PartLine::parse(&line).unwrap();
            assert_eq!(line.bytes(), Some(fuse.fingerprints.len() as u64), "{size}");
            let again = line.fuse(fuse.fingerprints.to_vec()).unwrap();
            assert!(keys.iter().all(|key| again.contains(key)), "{size}");
            assert_eq!(again.descriptor, fuse.descriptor);
        }
    }

    proptest! {
        /// The library trusts its numbers; what is read from a disk is not let through to it otherwise.
        #[test]
        fn no_part_that_is_let_through_is_read_past_its_end(
            seed: u64,
            segment in prop_oneof![any::<u32>(), (0..20_u32).prop_map(|bits| 1 << bits)],
            segments in prop_oneof![any::<u32>(), 0..40_u32],
            raw: bool,
            keys in prop::collection::vec(any::<u64>(), 50),
        ) {
            let mut bytes = seed.to_be_bytes().to_vec();
            bytes.extend(segment.to_be_bytes());
            let count_length = if raw { segments } else { segments.wrapping_mul(segment) };
            bytes.extend(count_length.to_be_bytes());
            bytes.extend([0; 32]);
            if let Some(line) = PartLine::parse(&bytes)
                && let Some(length) = line.bytes().filter(|length| *length < 1 << 22)
            {
                let fuse = line.fuse(vec![0x5a; usize::try_from(length).unwrap()]).unwrap();
                for key in keys.iter().chain(&[0, u64::MAX]) {
                    _ = fuse.contains(key);
                }
            }
        }
    }
}
