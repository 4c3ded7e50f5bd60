//! The header in front of an entry, and what may stand behind its content.

use std::io::{self, Read};

use super::{ArchiveBounds, ArchiveFault, Source, number};

pub(super) const LOCAL: [u8; 4] = *b"PK\x03\x04";
const DESCRIPTOR: u64 = 0x0807_4b50;

pub(super) const ENCRYPTED: u64 = 1 | (1 << 6) | (1 << 13);
pub(super) const LENGTHS_BEHIND: u64 = 1 << 3;
const PATCHED: u64 = 1 << 5;
/// Stands for a number of eight bytes in the extra field.
pub(super) const ELSEWHERE: u64 = 0xffff_ffff;
pub(super) const ZIP64: u64 = 1;

/// What a header says.
#[derive(Debug)]
pub(super) struct Local {
    pub(super) name: String,
    pub(super) is_deflated: bool,
    /// How long it is in the archive, where that is known before it is read.
    pub(super) packed: Option<u64>,
    unpacked: u64,
    checksum: u64,
    lengths_behind: bool,
}

impl Local {
    /// Reads a header.
    pub(super) fn read<R: Read>(source: &mut Source<R>, bounds: &ArchiveBounds) -> io::Result<Self> {
        let fixed = source.take(30)?;
        let (flags, method) = (number(&fixed, 6, 2), number(&fixed, 8, 2));
        let length = |at| usize::try_from(number(&fixed, at, 2)).unwrap_or(usize::MAX);
        if length(26) > bounds.name_bytes {
            return Err(ArchiveFault::Name.into());
        }
        let name = plain_name(source.take(length(26))?)?;
        let extra = source.take(length(28))?;
        if flags & ENCRYPTED != 0 {
            return Err(ArchiveFault::Encrypted.into());
        }
        let lengths_behind = flags & LENGTHS_BEHIND != 0;
        let is_deflated = match method {
            8 => true,
            // Where its end is stands behind it.
            0 if lengths_behind => return Err(ArchiveFault::Method.into()),
            0 => false,
            _ => return Err(ArchiveFault::Method.into()),
        };
        if flags & PATCHED != 0 {
            return Err(ArchiveFault::Method.into());
        }
        let (packed, unpacked) = lengths(&fixed, &extra)?;
        // Some write lengths in both places; those in front count if there are any.
        let is_known = !lengths_behind || packed != 0;
        let packed = is_known.then_some(packed);
        Ok(Self { name, is_deflated, packed, unpacked, checksum: number(&fixed, 14, 4), lengths_behind })
    }

    /// Compares what was read of an entry with what is said of it, in front or behind; that is taken.
    pub(super) fn check<R: Read>(
        &self,
        source: &mut Source<R>,
        packed: u64,
        unpacked: u64,
        checksum: u32,
    ) -> io::Result<()> {
        let found = [u64::from(checksum), packed, unpacked];
        if self.lengths_behind {
            if self.packed.is_some_and(|told| told != packed) {
                return Err(ArchiveFault::Damaged.into());
            }
            return behind(source, found);
        }
        let told = [self.checksum, self.packed.unwrap_or_default(), self.unpacked];
        if told == found { Ok(()) } else { Err(ArchiveFault::Damaged.into()) }
    }
}

/// Lengths in the archive and out of it.
fn lengths(fixed: &[u8], extra: &[u8]) -> io::Result<(u64, u64)> {
    let (packed, unpacked) = (number(fixed, 18, 4), number(fixed, 22, 4));
    if packed != ELSEWHERE && unpacked != ELSEWHERE {
        return Ok((packed, unpacked));
    }
    let mut rest = extra;
    while rest.len() >= 4 {
        let length = usize::try_from(number(rest, 2, 2)).unwrap_or(usize::MAX);
        let (kind, body) = (number(rest, 0, 2), rest.get(4..4 + length).ok_or(ArchiveFault::Shape)?);
        // In front of an entry both numbers are there, the one out of the archive first.
        if kind == ZIP64 && length >= 16 {
            return Ok((number(body, 8, 8), number(body, 0, 8)));
        }
        rest = rest.get(4 + length..).unwrap_or_default();
    }
    Err(ArchiveFault::Shape.into())
}

/// Takes what stands behind an entry.
fn behind<R: Read>(source: &mut Source<R>, found: [u64; 3]) -> io::Result<()> {
    let ahead = source.ahead(24)?;
    let is_cut = ahead.len() < 24;
    match descriptor_bytes(ahead, found) {
        Some(length) => {
            source.consume(length);
            Ok(())
        }
        None => Err(if is_cut { ArchiveFault::Truncated } else { ArchiveFault::Damaged }.into()),
    }
}

/// How long is what stands behind an entry: a checksum and two lengths of four or eight bytes, with a signature or
/// without; nothing if it does not say what was found.
///
/// Only one of the four ways can agree with what was read and leave a header behind it.
pub(super) fn descriptor_bytes(ahead: &[u8], found: [u64; 3]) -> Option<usize> {
    [(4, 8), (4, 4), (0, 8), (0, 4)].into_iter().find_map(|(start, wide)| {
        let signed = start == 0 || number(ahead, 0, 4) == DESCRIPTOR;
        let told =
            [number(ahead, start, 4), number(ahead, start + 4, wide), number(ahead, start + 4 + wide, wide)];
        let length = start + 4 + 2 * wide;
        (signed && ahead.len() >= length && told == found).then_some(length)
    })
}

/// A name that leads nowhere but into the archive.
fn plain_name(bytes: Vec<u8>) -> io::Result<String> {
    let name = String::from_utf8(bytes).map_err(|_| ArchiveFault::Name)?;
    let folder = name.strip_suffix('/').unwrap_or(&name);
    let is_plain = |part: &str| !matches!(part, "" | "." | "..");
    let is_taken = !name.chars().any(|c| c.is_control() || matches!(c, '\\' | ':'));
    if is_taken && folder.split('/').all(is_plain) { Ok(name) } else { Err(ArchiveFault::Name.into()) }
}
