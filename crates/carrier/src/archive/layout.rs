//! Whether an archive in a file is the same to who reads its directory and to who reads it from its beginning.

use std::{
    collections::BTreeSet,
    io::{self, BufReader, Read, Seek, SeekFrom},
};

use super::{
    ArchiveFault,
    directory::{END, END_ZIP64, ENTRY, FIELD_BYTES_MAX, LOCATOR_ZIP64},
    header::{ELSEWHERE, ENCRYPTED, LENGTHS_BEHIND, LOCAL, ZIP64, descriptor_bytes},
    number,
};

/// Looks at an archive that is read by its directory, and says how many entries every reader finds.
///
/// Shape:  an archive of one part. Each entry of the directory has its own name and one header, which says the same of
///         it; headers and contents stand one behind the other from the first byte to the directory, and behind that
///         comes nothing but the archive's end.
/// Bounds: as many entries; holds their names. No content is read.
/// Errors: [`ArchiveFault`] in an `io::Error`, and those of the input.
/// Never:  says of a content that it ends where its entry does: who unpacks it sees that.
pub fn uniform_entries<R: Read + Seek>(archive: &mut R, entries_max: usize) -> io::Result<usize> {
    let mut archive = BufReader::new(archive);
    let directory = Directory::find(&mut archive)?;
    if directory.entries > entries_max as u64 {
        return Err(ArchiveFault::TooMany.into());
    }
    archive.seek(SeekFrom::Start(directory.begin))?;
    let (mut entries, mut names, mut at) = (Vec::new(), BTreeSet::new(), directory.begin);
    for _ in 0..directory.entries {
        let (entry, length) = Listed::read(&mut archive)?;
        at += length;
        if !names.insert(entry.name.clone()) {
            return Err(ArchiveFault::Twice.into());
        }
        entries.push(entry);
    }
    if at != directory.end {
        return Err(ArchiveFault::Directory.into());
    }
    entries.sort_by_key(|entry| entry.begin);
    let mut end = 0;
    for entry in &entries {
        if entry.begin != end {
            return Err(ArchiveFault::Directory.into());
        }
        end = entry.end(&mut archive)?;
    }
    if end == directory.begin { Ok(entries.len()) } else { Err(ArchiveFault::Directory.into()) }
}

/// Where the directory is, as the archive's end says.
struct Directory {
    begin: u64,
    end: u64,
    entries: u64,
}

const END_BYTES: u64 = 22;
const LOCATOR_BYTES: u64 = 20;
const END_ZIP64_BYTES: u64 = 56;

impl Directory {
    fn find<R: Read + Seek>(archive: &mut R) -> io::Result<Self> {
        let length = archive.seek(SeekFrom::End(0))?;
        let tail_begin = length.saturating_sub(END_BYTES + FIELD_BYTES_MAX);
        let tail = bytes_at(archive, tail_begin, length - tail_begin)?;
        // The last place that looks like an end is where a reader from behind begins.
        let is_end = |at: &usize| number(&tail, *at, 4) == END;
        let at = (0..tail.len().saturating_sub(21)).rev().find(is_end).ok_or(ArchiveFault::Shape)?;
        let end = tail.get(at..).unwrap_or_default();
        let place = tail_begin + at as u64;
        if END_BYTES + number(end, 20, 2) != end.len() as u64 || number(end, 4, 4) != 0 {
            return Err(ArchiveFault::Shape.into());
        }
        let told = [number(end, 8, 2), number(end, 10, 2), number(end, 12, 4), number(end, 16, 4)];
        let before = place.checked_sub(LOCATOR_BYTES);
        let locator = before.map(|at| bytes_at(archive, at, LOCATOR_BYTES)).transpose()?.unwrap_or_default();
        let (found, end) = if number(&locator, 0, 4) == LOCATOR_ZIP64 {
            let at = number(&locator, 8, 8);
            let wide = bytes_at(archive, at, END_ZIP64_BYTES)?;
            let whole = at.checked_add(12).and_then(|at| at.checked_add(number(&wide, 4, 8)));
            let is_alone = number(&locator, 4, 4) == 0 && number(&wide, 16, 8) == 0;
            if number(&wide, 0, 4) != END_ZIP64 || whole != before || !is_alone {
                return Err(ArchiveFault::Shape.into());
            }
            let found = [24, 32, 40, 48].map(|at| number(&wide, at, 8));
            let agrees = |(told, (found, most)): (&u64, (&u64, u64))| told == found || *told == most;
            let mosts = [0xffff, 0xffff, ELSEWHERE, ELSEWHERE];
            if !told.iter().zip(found.iter().zip(mosts)).all(agrees) {
                return Err(ArchiveFault::Shape.into());
            }
            (found, at)
        } else {
            (told, place)
        };
        let [here, entries, length, begin] = found;
        if here != entries || begin.checked_add(length) != Some(end) {
            return Err(ArchiveFault::Shape.into());
        }
        Ok(Self { begin, end, entries })
    }
}

/// An entry as the directory has it.
struct Listed {
    name: Vec<u8>,
    flags: u64,
    method: u64,
    checksum: u64,
    packed: u64,
    unpacked: u64,
    begin: u64,
}

impl Listed {
    /// Reads one, and how long it is in the directory.
    fn read<R: Read>(archive: &mut R) -> io::Result<(Self, u64)> {
        let fixed = bytes(archive, 46)?;
        if number(&fixed, 0, 4) != ENTRY {
            return Err(ArchiveFault::Directory.into());
        }
        let lengths = [28, 30, 32].map(|at| number(&fixed, at, 2));
        let [name, extra, comment] = lengths;
        let (name, extra) = (bytes(archive, name)?, bytes(archive, extra)?);
        bytes(archive, comment)?;
        if renames(&extra, &name) {
            return Err(ArchiveFault::Directory.into());
        }
        let told = [number(&fixed, 24, 4), number(&fixed, 20, 4), number(&fixed, 42, 4)];
        let [unpacked, packed, begin] = wide(told, &extra).ok_or(ArchiveFault::Shape)?;
        if !matches!(number(&fixed, 34, 2), 0) {
            return Err(ArchiveFault::Shape.into());
        }
        let (flags, method) = (number(&fixed, 8, 2), number(&fixed, 10, 2));
        let entry = Self { name, flags, method, checksum: number(&fixed, 16, 4), packed, unpacked, begin };
        Ok((entry, 46 + lengths.iter().sum::<u64>()))
    }

    /// Where it ends, if the header in front of it says the same.
    fn end<R: Read + Seek>(&self, archive: &mut R) -> io::Result<u64> {
        archive.seek(SeekFrom::Start(self.begin))?;
        let fixed = bytes(archive, 30)?;
        let (flags, method) = (number(&fixed, 6, 2), number(&fixed, 8, 2));
        let [name_bytes, extra_bytes] = [26, 28].map(|at| number(&fixed, at, 2));
        let (name, extra) = (bytes(archive, name_bytes)?, bytes(archive, extra_bytes)?);
        let is_same = fixed.starts_with(&LOCAL)
            && name == self.name
            && !renames(&extra, &name)
            && method == self.method
            && flags & ENCRYPTED == self.flags & ENCRYPTED;
        let told = [number(&fixed, 22, 4), number(&fixed, 18, 4), 0];
        let [unpacked, packed, _] = wide(told, &extra).ok_or(ArchiveFault::Shape)?;
        let told = [number(&fixed, 14, 4), packed, unpacked];
        let want = [self.checksum, self.packed, self.unpacked];
        let is_behind = flags & LENGTHS_BEHIND != 0;
        let agrees = |(told, want): (&u64, &u64)| told == want || (is_behind && *told == 0);
        if !is_same || !told.iter().zip(&want).all(agrees) {
            return Err(ArchiveFault::Directory.into());
        }
        if is_behind && method == 0 && self.packed > 0 {
            return Err(ArchiveFault::Method.into());
        }
        let end = (self.begin + 30 + name_bytes + extra_bytes).checked_add(self.packed);
        let end = end.ok_or(ArchiveFault::Shape)?;
        if !is_behind {
            return Ok(end);
        }
        archive.seek(SeekFrom::Start(end))?;
        let mut behind = Vec::new();
        archive.by_ref().take(24).read_to_end(&mut behind)?;
        let length = descriptor_bytes(&behind, want).ok_or(ArchiveFault::Directory)?;
        Ok(end + length as u64)
    }
}

/// Numbers of four bytes, of which those that do not fit stand in the extra field, in the same order.
fn wide(told: [u64; 3], extra: &[u8]) -> Option<[u64; 3]> {
    if !told.contains(&ELSEWHERE) {
        return Some(told);
    }
    let (_, body) = fields(extra).find(|(kind, _)| *kind == ZIP64)?;
    let mut numbers = body.chunks_exact(8).map(|eight| number(eight, 0, 8));
    let [first, second, third] = told.map(|told| if told == ELSEWHERE { numbers.next() } else { Some(told) });
    Some([first?, second?, third?])
}

/// The fields of an extra field, each with its kind, as far as they can be told apart.
fn fields(extra: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    let mut rest = extra;
    std::iter::from_fn(move || {
        let body = rest.get(4..4 + usize::try_from(number(rest, 2, 2)).ok()?)?;
        let kind = number(rest, 0, 2);
        rest = rest.get(4 + body.len()..)?;
        Some((kind, body))
    })
}

/// Whether an extra field gives its entry another name, which some readers take and others do not.
fn renames(extra: &[u8], name: &[u8]) -> bool {
    fields(extra).any(|(kind, body)| kind == UNICODE_PATH && body.get(5..) != Some(name))
}

/// Info-ZIP's name in UTF-8: a version, a checksum of the other name, and the name.
const UNICODE_PATH: u64 = 0x7075;

fn bytes_at<R: Read + Seek>(archive: &mut R, at: u64, length: u64) -> io::Result<Vec<u8>> {
    archive.seek(SeekFrom::Start(at))?;
    bytes(archive, length)
}

/// So many bytes; callers ask for 64 KiB and a little at most.
fn bytes<R: Read>(archive: &mut R, length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    archive.by_ref().take(length).read_to_end(&mut bytes)?;
    if bytes.len() as u64 == length { Ok(bytes) } else { Err(ArchiveFault::Truncated.into()) }
}
