//! The Merkle tree of RFC 9162: hashing, inclusion proofs, consistency proofs.
//!
//! Sizes and indexes are `u64`, as in a log; slices of leaves are for trees that fit in memory (a batch).
//! What a proof is made of is said once, as ranges of leaves ([`inclusion_ranges`], [`consistency_ranges`]):
//! a batch hashes them from its leaves, a log reads them from its tiles.

use std::ops::Range;

use crate::digest::{Hash, sha256};

/// The hash of one entry.
///
/// Source: RFC 9162 section 2.1.1, `HASH(0x00 || d)`.
pub fn leaf_hash(entry: &[u8]) -> Hash {
    sha256(&[&[0x00], entry])
}

/// The hash of two subtrees side by side.
///
/// Source: RFC 9162 section 2.1.1, `HASH(0x01 || left || right)`.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    sha256(&[&[0x01], left.as_bytes(), right.as_bytes()])
}

/// The root over these leaf hashes; with none, the SHA-256 of nothing.
///
/// Source: RFC 9162 section 2.1.1, `MTH`.
pub fn root(leaves: &[Hash]) -> Hash {
    let mut frontier = Frontier::default();
    for leaf in leaves {
        frontier.push(*leaf);
    }
    frontier.root()
}

/// The sibling hashes of one leaf, from its own sibling up to the root's child.
///
/// Shape:  leaf hashes and an index -> at most 64 hashes; `None` when the index is not in the tree.
/// Source: RFC 9162 section 2.1.3.1.
pub fn inclusion_path(leaves: &[Hash], index: usize) -> Option<Vec<Hash>> {
    let index = u64::try_from(index).ok()?;
    let size = u64::try_from(leaves.len()).ok()?;
    inclusion_ranges(index, size)?.into_iter().map(|range| range_root(leaves, &range)).collect()
}

/// The inclusion paths of all leaves, in leaf order.
///
/// Shape:  n leaf hashes -> n paths.
/// Bounds: n - 1 hashes computed in all, n log n copied.
pub fn all_inclusion_paths(leaves: &[Hash]) -> Vec<Vec<Hash>> {
    let tree = Tree::new(leaves.to_vec());
    (0..leaves.len()).filter_map(|index| tree.inclusion_path(index)).collect()
}

/// The root that this leaf and this path lead to.
///
/// The caller compares it with the root it trusts; a path of the wrong length leads nowhere.
///
/// Shape:  leaf hash, its index, the tree's size, the path -> the root, or `None` when the index is not in
///         the tree or the path has not the one length that fits.
/// Source: RFC 9162 section 2.1.3.2.
pub fn root_from_inclusion(leaf: &Hash, index: u64, size: u64, path: &[Hash]) -> Option<Hash> {
    if index >= size {
        return None;
    }
    let (mut node, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for sibling in path {
        if last == 0 {
            return None;
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            // A right edge without a sibling is carried up as it is.
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    (last == 0).then_some(hash)
}

/// What proves that the tree of the first `old_size` leaves is a prefix of the tree of all these.
///
/// Shape:  leaf hashes and the older size -> at most 64 hashes; empty when the sizes are equal; `None` when
///         the older size is 0 or past the leaves.
/// Source: RFC 9162 section 2.1.4.1.
pub fn consistency_path(leaves: &[Hash], old_size: usize) -> Option<Vec<Hash>> {
    let old = u64::try_from(old_size).ok()?;
    let new = u64::try_from(leaves.len()).ok()?;
    consistency_ranges(old, new)?.into_iter().map(|range| range_root(leaves, &range)).collect()
}

/// Whether the path proves that the older tree is a prefix of the newer.
///
/// An older tree of size 0 proves nothing and is refused: every tree starts with it.
///
/// Source: RFC 9162 section 2.1.4.2.
#[must_use]
pub fn verify_consistency(
    old_size: u64,
    old_root: &Hash,
    new_size: u64,
    new_root: &Hash,
    path: &[Hash],
) -> bool {
    if old_size == 0 || old_size > new_size {
        return false;
    }
    if old_size == new_size {
        return path.is_empty() && old_root == new_root;
    }
    // A whole older tree is itself the first node, and the path does not repeat it.
    let (first, rest) = if old_size.is_power_of_two() {
        (old_root, path)
    } else {
        match path.split_first() {
            Some((first, rest)) => (first, rest),
            None => return false,
        }
    };
    let (mut node, mut last) = (old_size - 1, new_size - 1);
    while node & 1 == 1 {
        node >>= 1;
        last >>= 1;
    }
    let (mut old, mut new) = (*first, *first);
    for hash in rest {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            old = node_hash(hash, &old);
            new = node_hash(hash, &new);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            new = node_hash(&new, hash);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && old == *old_root && new == *new_root
}

/// The subtrees whose roots are the inclusion path of a leaf, in path order.
///
/// Shape:  index and size -> ranges of leaves; each is one node of the tree (whole, or the ragged right
///         edge); `None` when the index is not in the tree.
/// Source: RFC 9162 section 2.1.3.1.
pub fn inclusion_ranges(index: u64, size: u64) -> Option<Vec<Range<u64>>> {
    if index >= size {
        return None;
    }
    // Walked from the root down, so the path comes out backwards.
    let mut ranges = Vec::new();
    let mut within = 0..size;
    while let Some(middle) = split(&within) {
        if index < middle {
            ranges.push(middle..within.end);
            within.end = middle;
        } else {
            ranges.push(within.start..middle);
            within.start = middle;
        }
    }
    ranges.reverse();
    Some(ranges)
}

/// The subtrees whose roots are the consistency path between two sizes, in path order.
///
/// Shape:  older and newer size -> ranges of leaves as in [`inclusion_ranges`]; empty when equal; `None`
///         when the older is 0 or greater than the newer.
/// Source: RFC 9162 section 2.1.4.1.
pub fn consistency_ranges(old_size: u64, new_size: u64) -> Option<Vec<Range<u64>>> {
    if old_size == 0 || old_size > new_size {
        return None;
    }
    let mut ranges = Vec::new();
    let mut within = 0..new_size;
    while old_size < within.end {
        let middle = split(&within)?;
        if old_size <= middle {
            ranges.push(middle..within.end);
            within.end = middle;
        } else {
            ranges.push(within.start..middle);
            within.start = middle;
        }
    }
    // The older tree's own last node, unless it is the whole older tree, which the verifier has.
    if within.start != 0 {
        ranges.push(within);
    }
    ranges.reverse();
    Some(ranges)
}

/// The whole subtrees (size a power of two, aligned to it) that make up a node, from left to right.
///
/// A log has the hashes of whole subtrees in its tiles; a ragged node folds from these with
/// [`fold_peaks`].
///
/// Shape:  a range as the two functions above give it -> `(height, index at that height)` pairs.
pub fn whole_subtrees(range: &Range<u64>) -> Vec<(u32, u64)> {
    let mut subtrees = Vec::new();
    let mut start = range.start;
    while start < range.end {
        let height = (range.end - start).ilog2().min(start.trailing_zeros());
        subtrees.push((height, start >> height));
        start += 1 << height;
    }
    subtrees
}

/// The root over whole subtrees of falling size, left to right; with none, the SHA-256 of nothing.
pub fn fold_peaks(peaks: &[Hash]) -> Hash {
    match peaks.split_last() {
        Some((last, rest)) => rest.iter().rev().fold(*last, |right, left| node_hash(left, &right)),
        None => sha256(&[]),
    }
}

/// The right edge of a growing tree: enough to add leaves and to know the root.
///
/// Bounds: at most 64 hashes, however many leaves; adding one costs two node hashes on average.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    /// INVARIANT: one hash for each bit set in `size`, largest subtree first.
    peaks: Vec<Hash>,
}

impl Frontier {
    /// The right edge of a tree of this size whose whole subtrees have these roots, largest first; `None`
    /// when their number does not fit the size.
    pub fn from_peaks(size: u64, peaks: Vec<Hash>) -> Option<Self> {
        (usize::try_from(size.count_ones()) == Ok(peaks.len())).then_some(Self { size, peaks })
    }

    /// Adds one leaf hash at the right.
    pub fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        // One merge for each trailing set bit, as in binary addition of one.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                hash = node_hash(&left, &hash);
            }
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    /// The number of leaves so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root over the leaves so far.
    pub fn root(&self) -> Hash {
        fold_peaks(&self.peaks)
    }
}

/// A whole tree in memory, for batches: all paths for n - 1 node hashes.
///
/// Bounds: 64 bytes a leaf.
#[derive(Debug, Clone)]
pub struct Tree {
    /// INVARIANT: the leaves, then each level above to the root; the odd one out is carried up as it is.
    levels: Vec<Vec<Hash>>,
}

impl Tree {
    /// The tree over these leaf hashes.
    pub fn new(leaves: Vec<Hash>) -> Self {
        let mut levels = vec![leaves];
        while let Some(below) = levels.last()
            && below.len() > 1
        {
            let above = below
                .chunks(2)
                .filter_map(|pair| match pair {
                    [left, right] => Some(node_hash(left, right)),
                    [alone] => Some(*alone),
                    _ => None,
                })
                .collect();
            levels.push(above);
        }
        Self { levels }
    }

    /// The leaf hashes.
    pub fn leaves(&self) -> &[Hash] {
        self.levels.first().map_or(&[], Vec::as_slice)
    }

    /// The root; of an empty tree, the SHA-256 of nothing.
    pub fn root(&self) -> Hash {
        self.levels.last().and_then(|top| top.first()).copied().unwrap_or_else(|| sha256(&[]))
    }

    /// The inclusion path of one leaf, or `None` when the index is not in the tree.
    ///
    /// Never: hashes; it copies.
    pub fn inclusion_path(&self, index: usize) -> Option<Vec<Hash>> {
        self.leaves().get(index)?;
        let siblings = self.levels.iter().enumerate().filter_map(|(height, level)| {
            // A node without a sibling is carried up and leaves nothing in the path.
            level.get((index >> height) ^ 1).copied()
        });
        Some(siblings.collect())
    }
}

/// Where a node of the tree splits: after the largest power of two smaller than its size.
fn split(within: &Range<u64>) -> Option<u64> {
    let size = within.end - within.start;
    (size > 1).then(|| within.start + (1 << (size - 1).ilog2()))
}

fn range_root(leaves: &[Hash], range: &Range<u64>) -> Option<Hash> {
    let start = usize::try_from(range.start).ok()?;
    let end = usize::try_from(range.end).ok()?;
    leaves.get(start..end).map(root)
}

#[cfg(test)]
mod tests;
