//! Reading tiles and bundles, and the proofs that are folded from them.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;

use mark::digest::Hash;
use mark::merkle::{self, fold_peaks, whole_subtrees};

use crate::layout::{
    BUNDLE_BYTES_MAX, CHECKPOINT, TILE_BYTES_MAX, TILE_WIDTH, Tile, TileKind, bundle_leaves, unpack_bundle,
    unpack_hashes,
};
use crate::store::Store;

/// The hashes of a tile, exactly as many as its width says.
pub(crate) fn read_hashes(store: &dyn Store, tile: Tile) -> Result<Vec<Hash>, ReadError> {
    let (bytes, file) = read_tile(store, tile, TILE_BYTES_MAX)?;
    let found = bytes.len() / 32;
    let mut hashes = unpack_hashes(&bytes, u64::try_from(found).unwrap_or(u64::MAX)).unwrap_or_default();
    let width = usize::try_from(tile.width).unwrap_or(usize::MAX);
    if hashes.len() < width || (!tile.is_full() && file == tile.path() && hashes.len() != width) {
        return Err(ReadError::Damaged { file, what: "it is not as long as its name says" });
    }
    hashes.truncate(width);
    Ok(hashes)
}

/// The packed entries of a bundle, exactly as many as its width says, each a leaf of its tile.
pub(crate) fn read_bundle(store: &dyn Store, number: u64, size: u64) -> Result<Vec<u8>, ReadError> {
    let tile = Tile::of_entries(number, size);
    let (mut bytes, file) = read_tile(store, tile, BUNDLE_BYTES_MAX)?;
    let damaged = |what| ReadError::Damaged { file: file.clone(), what };
    let entries = unpack_bundle(&bytes).ok_or_else(|| damaged("its entries do not end where it ends"))?;
    let width = usize::try_from(tile.width).unwrap_or(usize::MAX);
    if entries.len() < width || (file == tile.path() && entries.len() != width) {
        return Err(damaged("it does not hold as many entries as its name says"));
    }
    // A full bundle may stand in for a partial one.
    let length = entries.iter().take(width).map(|entry| entry.len() + 2).sum();
    bytes.truncate(length);
    let leaves = bundle_leaves(&bytes, tile.width).unwrap_or_default();
    if leaves != read_hashes(store, Tile::of_hashes(0, number, size))? {
        return Err(damaged("its entries are not those that its tile has hashed"));
    }
    Ok(bytes)
}

/// The bytes of a tile and the name of the file that had them.
fn read_tile(store: &dyn Store, tile: Tile, limit: usize) -> Result<(Vec<u8>, String), ReadError> {
    // A partial tile may be deleted once the full one is there, which then holds its hashes too.
    for file in [tile.path(), tile.full().path()] {
        match store.read(&file, limit) {
            Ok(bytes) => return Ok((bytes, file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
                return Err(ReadError::Damaged { file, what: "it is longer than any file of its kind" });
            }
            Err(source) => return Err(ReadError::Io { file, source }),
        }
    }
    Err(ReadError::Missing { file: tile.path() })
}

/// The roots of these nodes of the tree, in order, from the hashes that `lookup` finds for a level and tile.
///
/// Bounds: each tile is looked up once; a proof touches about two a level.
pub(crate) fn node_roots(
    ranges: &[Range<u64>],
    lookup: &mut dyn FnMut(u32, u64) -> Result<Vec<Hash>, ReadError>,
) -> Result<Vec<Hash>, ReadError> {
    let mut tiles: BTreeMap<(u32, u64), Vec<Hash>> = BTreeMap::new();
    let mut roots = Vec::with_capacity(ranges.len());
    for range in ranges {
        let mut peaks = Vec::new();
        for (height, index) in whole_subtrees(range) {
            // A subtree of height 8l + h is the root over 2^h hashes of level l, all in one tile.
            let (level, within) = (height / 8, height % 8);
            let first = index << within;
            let (number, from) = (first / TILE_WIDTH, first % TILE_WIDTH);
            if let std::collections::btree_map::Entry::Vacant(vacant) = tiles.entry((level, number)) {
                vacant.insert(lookup(level, number)?);
            }
            let hashes = tiles.get(&(level, number)).map_or(&[][..], Vec::as_slice);
            let from = usize::try_from(from).unwrap_or(usize::MAX);
            let part = from.checked_add(1 << within).and_then(|to| hashes.get(from..to));
            let tile = Tile { kind: TileKind::Hashes(level), number, width: TILE_WIDTH };
            let part = part.ok_or_else(|| ReadError::Damaged {
                file: tile.path(),
                what: "it ends before a hash that the checkpoint's size needs",
            })?;
            peaks.push(merkle::root(part));
        }
        roots.push(fold_peaks(&peaks));
    }
    Ok(roots)
}

fn missing(file: &str) -> String {
    if file == CHECKPOINT {
        return format!("`{file}` is missing: this is no ledger's folder, or it was not published to yet");
    }
    format!(
        "`{file}` is missing, though the checkpoint says it was published: restore the ledger's folder from a \
         backup; a checkpoint must never be newer than its tiles"
    )
}

/// Why something published cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The ledger is not that long.
    #[error("there is no entry {index}: the ledger has {size} entries")]
    OutOfRange {
        /// The index or size that was asked for.
        index: u64,
        /// How many entries there are.
        size: u64,
    },
    /// A file that the checkpoint's size needs is not there.
    #[error("{}", missing(file))]
    Missing {
        /// The file, relative to the ledger's folder.
        file: String,
    },
    /// A file is not what was written.
    #[error(
        "`{file}` is damaged ({what}): restore this file from a backup; what was published never changes"
    )]
    Damaged {
        /// The file, relative to the ledger's folder.
        file: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The disk would not give it.
    #[error("cannot read `{file}`: check the disk and the folder's permissions")]
    Io {
        /// The file, relative to the ledger's folder.
        file: String,
        /// Why it failed.
        source: io::Error,
    },
}
