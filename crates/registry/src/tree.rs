//! The Merkle tree over a table's entries, of which every eighth level is stored.

use std::collections::BTreeMap;
use std::ops::Range;

use mark::digest::Hash;
use mark::merkle::{self, Frontier, fold_peaks, whole_subtrees};

use crate::layout::TREE_LEVELS;

/// How many hashes make one of the next stored level.
pub(crate) const TILE_WIDTH: u64 = 256;

/// Grows a tree leaf by leaf, and keeps what a table stores of it.
///
/// Bounds: 32 bytes for every 256 leaves, and 8 hashes.
#[derive(Debug, Default)]
pub(crate) struct TreeBuilder {
    /// Roots of whole subtrees of 256 leaves.
    tiles: Vec<Hash>,
    /// The leaves since the last of them.
    rest: Frontier,
}

impl TreeBuilder {
    pub(crate) fn push(&mut self, leaf: Hash) {
        self.rest.push(leaf);
        if self.rest.size() == TILE_WIDTH {
            self.tiles.push(self.rest.root());
            self.rest = Frontier::default();
        }
    }

    /// The root, and the stored levels from the lowest up.
    pub(crate) fn finish(self) -> (Hash, Vec<Vec<Hash>>) {
        let mut levels = vec![self.tiles];
        for _ in 1..TREE_LEVELS {
            let below = levels.last().map_or(&[][..], Vec::as_slice);
            let above = below.as_chunks::<256>().0.iter().map(|tile| merkle::root(tile)).collect();
            levels.push(above);
        }
        let tiles = levels.first().map_or(&[][..], Vec::as_slice);
        // Whole subtrees from left to right, then the ragged rest as the last of them.
        let mut peaks = Vec::new();
        let mut left = tiles;
        while let Some(height) = left.len().checked_ilog2() {
            let (peak, after) = left.split_at(1 << height);
            peaks.push(merkle::root(peak));
            left = after;
        }
        if self.rest.size() > 0 {
            peaks.push(self.rest.root());
        }
        (fold_peaks(&peaks), levels)
    }
}

/// The hashes of a tile: level 0 are leaves, level 1 are subtrees of 256 leaves, and so on.
pub(crate) type Lookup<'a, E> = dyn FnMut(u32, u64) -> Result<Vec<Hash>, E> + 'a;

/// The roots of these nodes of the tree, in order; `None` when a tile is shorter than the tree needs.
///
/// Bounds: each tile is looked up once; a path touches about two a level.
pub(crate) fn node_roots<E>(
    ranges: &[Range<u64>],
    tiles: &mut BTreeMap<(u32, u64), Vec<Hash>>,
    lookup: &mut Lookup<'_, E>,
) -> Result<Option<Vec<Hash>>, E> {
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
            let Some(part) = part else { return Ok(None) };
            peaks.push(merkle::root(part));
        }
        roots.push(fold_peaks(&peaks));
    }
    Ok(Some(roots))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_is_that_of_the_whole_tree_at_every_size() {
        let leaves: Vec<Hash> = (0..3_000_u32).map(|n| merkle::leaf_hash(&n.to_be_bytes())).collect();
        let sizes = (0..600).chain([767, 768, 769, 1023, 1024, 1025, 2047, 2048, 2999, 3000]);
        for size in sizes {
            let mut tree = TreeBuilder::default();
            leaves[..size].iter().for_each(|leaf| tree.push(*leaf));
            let (root, levels) = tree.finish();
            assert_eq!(root, merkle::root(&leaves[..size]), "{size}");
            assert_eq!(levels[0].len(), size / 256);
        }
    }
}
