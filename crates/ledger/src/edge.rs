//! The right edge of the tiled tree: all that is needed to add entries, and the tiles not yet published.
//!
//! Commit and recovery grow the same edge with the same call, and publishing writes what it holds.

use std::collections::BTreeMap;
use std::sync::Arc;

use mark::digest::Hash;
use mark::merkle::{self, Frontier};

use crate::layout::{TILE_WIDTH, Tile, TileKind, count_at, pack_entry, pack_hashes};

/// The rightmost tile of each level, the rightmost bundle, and every full one since the last publication.
#[derive(Debug, Clone, Default)]
pub(crate) struct Edge {
    frontier: Frontier,
    /// INVARIANT: `levels[l]` holds the hashes of the partial tile at level l: `(size >> 8l) % 256` of them.
    levels: Vec<Vec<Hash>>,
    /// INVARIANT: the packed entries of the partial bundle: `size % 256` of them.
    bundle: Vec<u8>,
    /// Full tiles of hashes since the last publication, by level and number.
    full_hashes: BTreeMap<(u32, u64), Vec<Hash>>,
    /// Full bundles since the last publication, by number.
    full_bundles: BTreeMap<u64, Arc<Vec<u8>>>,
}

impl Edge {
    /// The edge of a published tree, from its partial tiles and its partial bundle.
    ///
    /// Errors: `None` when the widths do not fit the size, which callers have checked by reading exact tiles.
    pub(crate) fn from_tiles(size: u64, levels: Vec<Vec<Hash>>, bundle: Vec<u8>) -> Option<Self> {
        let mut peaks = Vec::new();
        for hashes in levels.iter().rev() {
            // A partial tile of width 0b101 holds a whole subtree of 4 hashes, then one of 1.
            let mut rest = hashes.as_slice();
            for bit in (0..8).rev().map(|bit| 1 << bit).filter(|bit| hashes.len() & bit != 0) {
                let (subtree, after) = rest.split_at_checked(bit)?;
                peaks.push(merkle::root(subtree));
                rest = after;
            }
        }
        let frontier = Frontier::from_peaks(size, peaks)?;
        Some(Self { frontier, levels, bundle, ..Self::default() })
    }

    /// Adds one entry with its leaf hash.
    pub(crate) fn grow(&mut self, entry: &[u8], leaf: Hash) {
        let number = self.size() / TILE_WIDTH;
        self.frontier.push(leaf);
        pack_entry(&mut self.bundle, entry);
        if self.size().is_multiple_of(TILE_WIDTH) {
            self.full_bundles.insert(number, Arc::new(std::mem::take(&mut self.bundle)));
        }
        let mut hash = leaf;
        for level in 0.. {
            let size = self.size();
            let Some(tile) = self.level_mut(level) else { break };
            tile.push(hash);
            if !tile.len().is_multiple_of(256) {
                break;
            }
            // A full tile becomes one hash of the level above.
            let tile = std::mem::take(tile);
            hash = merkle::root(&tile);
            self.full_hashes.insert((level, count_at(level, size) / TILE_WIDTH - 1), tile);
        }
    }

    pub(crate) fn size(&self) -> u64 {
        self.frontier.size()
    }

    pub(crate) fn root(&self) -> Hash {
        self.frontier.root()
    }

    pub(crate) fn frontier(&self) -> &Frontier {
        &self.frontier
    }

    /// The hashes of a tile that is at the edge or not yet published.
    pub(crate) fn hashes(&self, level: u32, number: u64) -> Option<&[Hash]> {
        if let Some(full) = self.full_hashes.get(&(level, number)) {
            return Some(full);
        }
        let at_edge = number == count_at(level, self.size()) / TILE_WIDTH;
        let partial = usize::try_from(level).ok().and_then(|level| self.levels.get(level));
        partial.filter(|_| at_edge).map(Vec::as_slice)
    }

    /// Every tile and bundle that a tree of the current size has and one of `published` entries had not.
    pub(crate) fn files_since(&self, published: u64) -> Vec<(Tile, Arc<Vec<u8>>)> {
        let mut files = Vec::new();
        for (&number, bundle) in &self.full_bundles {
            files.push((Tile { kind: TileKind::Entries, number, width: TILE_WIDTH }, Arc::clone(bundle)));
        }
        for (&(level, number), hashes) in &self.full_hashes {
            let tile = Tile { kind: TileKind::Hashes(level), number, width: TILE_WIDTH };
            files.push((tile, Arc::new(pack_hashes(hashes))));
        }
        if !self.bundle.is_empty() && self.size() != published {
            let tile = Tile::of_entries(self.size() / TILE_WIDTH, self.size());
            files.push((tile, Arc::new(self.bundle.clone())));
        }
        for (level, hashes) in (0..).zip(&self.levels) {
            let count = count_at(level, self.size());
            // Upper tiles often have not moved: what is published is never written again.
            if !hashes.is_empty() && count != count_at(level, published) {
                let tile = Tile::of_hashes(level, count / TILE_WIDTH, self.size());
                files.push((tile, Arc::new(pack_hashes(hashes))));
            }
        }
        files
    }

    /// Forgets the tiles that a tree of `published` entries has whole, for they are on the disk now.
    pub(crate) fn forget_published(&mut self, published: u64) {
        self.full_hashes.retain(|(level, number), _| *number >= count_at(*level, published) / TILE_WIDTH);
        self.full_bundles.retain(|number, _| *number >= published / TILE_WIDTH);
    }

    fn level_mut(&mut self, level: u32) -> Option<&mut Vec<Hash>> {
        let level = usize::try_from(level).ok()?;
        if level == self.levels.len() {
            self.levels.push(Vec::new());
        }
        self.levels.get_mut(level)
    }
}

#[cfg(test)]
mod tests {
    use mark::merkle::leaf_hash;

    use super::*;
    use crate::layout::{bundle_leaves, unpack_hashes};

    fn grown(size: u32) -> (Edge, Vec<Hash>) {
        let mut edge = Edge::default();
        let mut leaves = Vec::new();
        for n in 0..size {
            leaves.push(leaf_hash(&n.to_be_bytes()));
            edge.grow(&n.to_be_bytes(), leaves[n as usize]);
        }
        (edge, leaves)
    }

    #[test]
    fn tiles_are_those_of_the_specification() {
        let (edge, leaves) = grown(70_000);
        assert_eq!(edge.root(), merkle::root(&leaves));
        let files = edge.files_since(0);
        // 273 full and one partial tile at level 0, one each at level 1, one at level 2; 274 bundles.
        assert_eq!(files.len(), 274 + 2 + 1 + 274);
        for (tile, bytes) in files {
            let start = usize::try_from(tile.number * 256).unwrap();
            let width = usize::try_from(tile.width).unwrap();
            let of_level = |level: u32| {
                let span = 256_usize.pow(level);
                let roots = leaves[start * span..].chunks(span).take(width).map(merkle::root);
                roots.collect::<Vec<_>>()
            };
            match tile.kind {
                TileKind::Entries => assert_eq!(bundle_leaves(&bytes, tile.width).unwrap(), of_level(0)),
                TileKind::Hashes(level) => {
                    assert_eq!(
                        unpack_hashes(&bytes, tile.width).unwrap(),
                        of_level(level),
                        "{}",
                        tile.path()
                    );
                }
            }
        }
    }

    #[test]
    fn an_edge_read_from_tiles_grows_as_if_it_had_never_stopped() {
        for stop in [0, 1, 255, 256, 257, 511, 512, 1000, 65_535, 65_536, 65_793] {
            let (edge, _) = grown(stop);
            let again = Edge::from_tiles(u64::from(stop), edge.levels.clone(), edge.bundle.clone()).unwrap();
            assert_eq!(again.root(), edge.root(), "{stop}");
            let (mut whole, mut resumed) = (edge, again);
            whole.forget_published(u64::from(stop));
            for n in stop..stop + 300 {
                whole.grow(&n.to_be_bytes(), leaf_hash(&n.to_be_bytes()));
                resumed.grow(&n.to_be_bytes(), leaf_hash(&n.to_be_bytes()));
            }
            assert_eq!(resumed.root(), whole.root(), "{stop}");
            assert_eq!(resumed.files_since(u64::from(stop)), whole.files_since(u64::from(stop)), "{stop}");
        }
        assert!(Edge::from_tiles(3, vec![vec![leaf_hash(b"")]], Vec::new()).is_none());
    }
}
