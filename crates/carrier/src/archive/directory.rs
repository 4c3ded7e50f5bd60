//! The directory behind the entries: whether it names all of them and nothing else, and whether the archive ends with it.

use std::{
    collections::BTreeSet,
    io::{self, Read},
};

use super::{ArchiveFault, Source, number};

pub(super) const ENTRY: u64 = 0x0201_4b50;
pub(super) const END: u64 = 0x0605_4b50;
pub(super) const END_ZIP64: u64 = 0x0606_4b50;
pub(super) const LOCATOR_ZIP64: u64 = 0x0706_4b50;

/// The longest comment or extra field; both have lengths of two bytes.
pub(super) const FIELD_BYTES_MAX: u64 = 0xffff;

/// Reads to the end of the archive.
///
/// Bounds: as many entries as there are names.
/// Errors: [`ArchiveFault::Directory`], [`ArchiveFault::Truncated`], and those of the input.
pub(super) fn read<R: Read>(source: &mut Source<R>, names: &BTreeSet<String>) -> io::Result<()> {
    let mut seen = BTreeSet::new();
    while number(source.peek(4)?, 0, 4) == ENTRY {
        let fixed = source.take(46)?;
        let length = |at| usize::try_from(number(&fixed, at, 2)).unwrap_or(usize::MAX);
        let name = String::from_utf8(source.take(length(28))?).map_err(|_| ArchiveFault::Directory)?;
        if !names.contains(&name) || !seen.insert(name) {
            return Err(ArchiveFault::Directory.into());
        }
        source.take(length(30))?;
        source.take(length(32))?;
    }
    if number(source.peek(4)?, 0, 4) == END_ZIP64 {
        let length = number(source.peek(12)?, 4, 8);
        if length > FIELD_BYTES_MAX {
            return Err(ArchiveFault::Shape.into());
        }
        source.take(12)?;
        source.take(usize::try_from(length).unwrap_or_default())?;
        if number(source.peek(4)?, 0, 4) != LOCATOR_ZIP64 {
            return Err(ArchiveFault::Shape.into());
        }
        source.take(20)?;
    }
    if number(source.peek(4)?, 0, 4) != END {
        return Err(ArchiveFault::Shape.into());
    }
    let end = source.take(22)?;
    source.take(usize::try_from(number(&end, 20, 2)).unwrap_or_default())?;
    if seen.len() != names.len() {
        return Err(ArchiveFault::Directory.into());
    }
    if source.ahead(1)?.is_empty() { Ok(()) } else { Err(ArchiveFault::Shape.into()) }
}
