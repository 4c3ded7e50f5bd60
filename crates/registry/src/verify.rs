//! Computes a registry again from its entries.

use crate::filter::Filter;
use crate::layout::TREE_LEVELS;
use crate::snapshot::Snapshot;
use crate::table::{ReadError, Table};
use crate::tree::{TILE_WIDTH, TreeBuilder};

/// See [`crate::Registry::verify`].
pub(crate) fn verify(table: &Table, filter: &Filter) -> Result<Snapshot, ReadError> {
    let mut tree = TreeBuilder::default();
    let mut scan = table.scan();
    let mut entries = 0;
    while let Some(entry) = scan.next()? {
        if !filter.may_hold(entry.fingerprint) {
            return Err(table.damaged("its filter does not know one of its entries"));
        }
        tree.push(entry.leaf());
        entries += 1;
    }
    let snapshot = table.header.snapshot;
    let (root, levels) = tree.finish();
    if entries != snapshot.entries || root != snapshot.root {
        return Err(table.damaged("its entries do not have the root that its header says"));
    }
    for (level, hashes) in (1..=TREE_LEVELS).zip(levels) {
        for (number, tile) in (0..).zip(hashes.chunks(usize::try_from(TILE_WIDTH).unwrap_or(usize::MAX))) {
            if table.tile(level, number)? != tile {
                return Err(table.damaged("its stored tree is not that of its entries"));
            }
        }
    }
    Ok(snapshot)
}
