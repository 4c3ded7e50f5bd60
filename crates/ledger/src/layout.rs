//! Where things lie in a ledger's folder, and how entries are packed into bundles.
//!
//! Source: c2sp.org/tlog-tiles, "Merkle Tree" and "Log entries"; spec/ledger.md section 1.

use mark::digest::Hash;
use mark::merkle::leaf_hash;

/// The largest entry: a bundle spells lengths in 16 bits.
pub const ENTRY_BYTES_MAX: usize = 65_535;
/// How many hashes a full tile holds, and how many entries a full bundle.
pub const TILE_WIDTH: u64 = 256;

/// The signed size and root of what is published.
pub(crate) const CHECKPOINT: &str = "checkpoint";
/// The last checkpoint that enough witnesses have cosigned, beside `checkpoint`.
pub const COSIGNED: &str = "checkpoint.cosigned";
/// What is committed and not yet published.
pub(crate) const JOURNAL: &str = "journal";
/// Where a record that a crash cut short is kept for whoever investigates.
pub(crate) const JOURNAL_TORN: &str = "journal.torn";
/// Held by the one writer.
pub(crate) const LOCK: &str = "lock";
/// The longest checkpoint that is read.
pub(crate) const CHECKPOINT_BYTES_MAX: usize = mark::note::NOTE_BYTES_MAX;
/// A full bundle of the largest entries.
pub(crate) const BUNDLE_BYTES_MAX: usize = 256 * (ENTRY_BYTES_MAX + 2);
/// A full tile.
pub(crate) const TILE_BYTES_MAX: usize = 256 * 32;

/// A tile or a bundle: which one, and how much of it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Tile {
    /// Hashes of a level, or entries.
    pub(crate) kind: TileKind,
    /// Which one, from the left.
    pub(crate) number: u64,
    /// 1 to 256; 256 is full.
    pub(crate) width: u64,
}

/// What a tile holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TileKind {
    /// Entries themselves.
    Entries,
    /// Hashes of whole subtrees of 256^level leaves.
    Hashes(u32),
}

impl Tile {
    /// The bundle with this entry, in a tree of this size.
    pub(crate) fn of_entries(number: u64, size: u64) -> Self {
        Self { kind: TileKind::Entries, number, width: (size - number * TILE_WIDTH).min(TILE_WIDTH) }
    }

    /// The tile with this number at this level, in a tree of this size.
    pub(crate) fn of_hashes(level: u32, number: u64, size: u64) -> Self {
        let hashes = count_at(level, size);
        Self { kind: TileKind::Hashes(level), number, width: (hashes - number * TILE_WIDTH).min(TILE_WIDTH) }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.width == TILE_WIDTH
    }

    /// The same tile once it is full.
    pub(crate) fn full(&self) -> Self {
        Self { width: TILE_WIDTH, ..*self }
    }

    /// `tile/0/x001/x234/067` or, when partial, `tile/0/x001/x234/067.p/44`.
    pub(crate) fn path(&self) -> String {
        let path = self.full_path();
        if self.is_full() { path } else { format!("{path}.p/{}", self.width) }
    }

    /// The folder that holds all partial widths of this tile.
    pub(crate) fn partial_folder(&self) -> String {
        format!("{}.p", self.full_path())
    }

    fn full_path(&self) -> String {
        let mut name = format!("{:03}", self.number % 1000);
        let mut rest = self.number / 1000;
        while rest > 0 {
            name = format!("x{:03}/{name}", rest % 1000);
            rest /= 1000;
        }
        match self.kind {
            TileKind::Entries => format!("tile/entries/{name}"),
            TileKind::Hashes(level) => format!("tile/{level}/{name}"),
        }
    }
}

/// How many hashes level `level` has in a tree of this size; levels past the eighth have none.
pub(crate) fn count_at(level: u32, size: u64) -> u64 {
    size.checked_shr(level * 8).unwrap_or(0)
}

/// Puts one entry at the end of a bundle.
///
/// INVARIANT: the caller has checked the length against [`ENTRY_BYTES_MAX`].
pub(crate) fn pack_entry(bundle: &mut Vec<u8>, entry: &[u8]) {
    let length = u16::try_from(entry.len()).unwrap_or(u16::MAX);
    bundle.extend_from_slice(&length.to_be_bytes());
    bundle.extend_from_slice(entry);
}

/// Reads the entries of a bundle.
///
/// Shape:  `(u16 big-endian length, bytes)*` -> the entries, borrowed.
/// Bounds: allocates one slice an entry; never trusts a length past the bytes that are there.
/// Errors: `None` when the bytes end inside an entry, or an entry is empty (this ledger writes none).
/// Source: c2sp.org/tlog-tiles, "Log entries".
pub fn unpack_bundle(mut bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let mut entries = Vec::new();
    while !bytes.is_empty() {
        let (length, rest) = bytes.split_first_chunk::<2>()?;
        let (entry, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        if entry.is_empty() {
            return None;
        }
        entries.push(entry);
        bytes = rest;
    }
    Some(entries)
}

/// The leaf hashes of a bundle, or `None` when it is not a bundle of this many entries.
pub(crate) fn bundle_leaves(bytes: &[u8], width: u64) -> Option<Vec<Hash>> {
    let entries = unpack_bundle(bytes)?;
    let fits = u64::try_from(entries.len()) == Ok(width);
    fits.then(|| entries.into_iter().map(leaf_hash).collect())
}

/// The bytes of a tile of hashes.
pub(crate) fn pack_hashes(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
}

/// The hashes of a tile, or `None` when there are not exactly this many.
pub(crate) fn unpack_hashes(bytes: &[u8], width: u64) -> Option<Vec<Hash>> {
    let (hashes, rest) = bytes.as_chunks::<32>();
    let fits = rest.is_empty() && u64::try_from(hashes.len()) == Ok(width);
    fits.then(|| hashes.iter().map(|hash| Hash::from_bytes(*hash)).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_of_the_specification() {
        let tile = |kind, number, width| Tile { kind, number, width }.path();
        assert_eq!(tile(TileKind::Hashes(0), 1_234_067, 256), "tile/0/x001/x234/067");
        assert_eq!(tile(TileKind::Hashes(1), 0, 17), "tile/1/000.p/17");
        assert_eq!(tile(TileKind::Entries, 999, 256), "tile/entries/999");
        assert_eq!(tile(TileKind::Entries, 1000, 1), "tile/entries/x001/000.p/1");
        assert_eq!(tile(TileKind::Entries, 1_000_000, 256), "tile/entries/x001/x000/000");
    }

    #[test]
    fn widths_of_the_specification() {
        // Its example: 70,000 entries are 273 full tiles and one of 112, then 1 and 17, then 1.
        let width = |level, number| Tile::of_hashes(level, number, 70_000).width;
        assert_eq!(
            [width(0, 272), width(0, 273), width(1, 0), width(1, 1), width(2, 0)],
            [256, 112, 256, 17, 1]
        );
        assert_eq!(Tile::of_hashes(1, 0, 256).width, 1);
        assert_eq!(count_at(8, u64::MAX), 0);
    }

    #[test]
    fn bundles_that_are_not() {
        let rows: [&[u8]; 4] = [b"\x00", b"\x00\x02a", b"\x00\x00", b"\x00\x01a\x00"];
        for bytes in rows {
            assert_eq!(unpack_bundle(bytes), None, "{bytes:?}");
        }
        assert_eq!(unpack_bundle(b""), Some(vec![]));
        assert_eq!(bundle_leaves(b"\x00\x01a", 2), None);
        assert_eq!(unpack_hashes(&[0; 33], 1), None);
        assert_eq!(unpack_hashes(&[0; 64], 1), None);
    }

    proptest! {
        #[test]
        fn what_is_packed_unpacks(entries in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..300), 0..20)) {
            let mut bundle = Vec::new();
            for entry in &entries {
                pack_entry(&mut bundle, entry);
            }
            let unpacked = unpack_bundle(&bundle).unwrap();
            prop_assert_eq!(unpacked, entries.iter().map(Vec::as_slice).collect::<Vec<_>>());
        }

        #[test]
        fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Some(entries) = unpack_bundle(&bytes) {
                let mut again = Vec::new();
                for entry in entries {
                    pack_entry(&mut again, entry);
                }
                prop_assert_eq!(again, bytes);
            }
        }
    }
}
