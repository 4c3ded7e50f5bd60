//! Checking a whole ledger: every entry hashed, every tile recomputed, the root against the signature.

use std::fmt;
use std::path::Path;

use mark::checkpoint::{Checkpoint, OpenError as NotOpened};
use mark::digest::Hash;
use mark::merkle::{leaf_hash, root};
use mark::note::{VerifierKey, VerifyError};

use crate::commit::JOURNAL_READ_BYTES_MAX;
use crate::edge::Edge;
use crate::folder::Folder;
use crate::journal::{Tail, read_round};
use crate::layout::{
    BUNDLE_BYTES_MAX, CHECKPOINT, CHECKPOINT_BYTES_MAX, JOURNAL, TILE_WIDTH, Tile, TileKind, count_at,
    unpack_bundle,
};
use crate::store::Store;
use crate::tiles::{ReadError, read_hashes};

/// Checks everything in a ledger's folder against the key of its log.
///
/// It may run while another process writes.
///
/// Shape:  folder and key -> a report; [`VerifyReport::problem`] is the first thing found wrong.
/// Bounds: a few tiles and one journal in memory, however long the log; time is one hash of every byte.
/// Never:  writes, or stops at the first file it can read.
/// Source: spec/ledger.md section 6.
pub fn verify(folder: &Path, key: &VerifierKey) -> VerifyReport {
    verify_store(&Folder::look(folder), key)
}

/// What was checked, and the first thing wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyReport {
    /// The log's name, once its signature was checked.
    pub origin: Option<String>,
    /// How many entries the checkpoint covers.
    pub size: u64,
    /// The signed root.
    pub root: Option<Hash>,
    /// How many files were read and found right.
    pub files: u64,
    /// What the journal holds.
    pub journal: JournalReport,
    /// The leaves of the entries that are committed and not yet published, in order; as many as the journal has room for.
    pub committed: Vec<Hash>,
    /// The first file that is wrong, and what to do about it.
    pub problem: Option<Problem>,
}

impl VerifyReport {
    /// Whether everything is as it was written.
    pub fn is_intact(&self) -> bool {
        self.problem.is_none()
    }
}

/// What the journal holds beyond the checkpoint.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct JournalReport {
    /// Entries that are committed and not yet published.
    pub entries: u64,
    /// The last write is not whole: a writer is at work now, or a crash cut it short. Never acknowledged.
    pub is_torn: bool,
    /// A writer published while the journal was read; what it holds now was not checked.
    pub is_moving: bool,
}

/// One file that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file, relative to the ledger's folder.
    pub file: String,
    /// What is wrong and what to do.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.file, self.what)
    }
}

/// [`verify`] for any store.
pub fn verify_store(store: &dyn Store, key: &VerifierKey) -> VerifyReport {
    let mut report = VerifyReport {
        origin: None,
        size: 0,
        root: None,
        files: 0,
        journal: JournalReport::default(),
        committed: Vec::new(),
        problem: None,
    };
    report.problem = check_all(store, key, &mut report).err();
    report
}

fn check_all(store: &dyn Store, key: &VerifierKey, report: &mut VerifyReport) -> Result<(), Problem> {
    let (text, checkpoint) = check_checkpoint(store, key)?;
    report.origin = Some(checkpoint.origin().to_owned());
    report.size = checkpoint.size();
    report.root = Some(*checkpoint.root());
    report.files = 1;
    let tiles = Tiles { store, checkpoint: &checkpoint };
    let mut edge = tiles.check(&mut report.files)?;
    if edge.root() != *checkpoint.root() {
        let what = "its root is not that of the entries and tiles, which agree with each other: checkpoint and \
                    tiles are of different moments, restore the whole folder from one backup";
        return Err(problem(CHECKPOINT, what));
    }
    let mut committed = Vec::new();
    let outcome = check_journal(store, key, &checkpoint, &mut edge, &mut committed);
    // The writer moves the checkpoint before it writes over the journal: if it moved, what was read may be
    // of two rounds, and says nothing.
    let moved = check_checkpoint(store, key).is_ok_and(|(now, _)| now != text);
    report.journal = match outcome {
        _ if moved => JournalReport { is_moving: true, ..JournalReport::default() },
        Ok(journal) => {
            report.committed = committed;
            journal
        }
        Err(problem) => return Err(problem),
    };
    Ok(())
}

fn check_checkpoint(store: &dyn Store, key: &VerifierKey) -> Result<(String, Checkpoint), Problem> {
    let bytes = match store.read(CHECKPOINT, CHECKPOINT_BYTES_MAX) {
        Ok(bytes) => bytes,
        Err(error) => {
            return Err(problem(
                CHECKPOINT,
                &format!("it cannot be read ({error}): is this a ledger's folder?"),
            ));
        }
    };
    let text = String::from_utf8(bytes)
        .map_err(|_| problem(CHECKPOINT, "it is not text: restore it from a backup"))?;
    match Checkpoint::open(&text, std::slice::from_ref(key)) {
        Ok(checkpoint) => Ok((text, checkpoint)),
        Err(NotOpened::Signature(VerifyError::Untrusted)) => {
            let what =
                format!("the key {}+{} did not sign it: verify with the log's own key", key.name(), key.id());
            Err(problem(CHECKPOINT, &what))
        }
        Err(NotOpened::Signature(VerifyError::Forged { .. })) => Err(problem(
            CHECKPOINT,
            "its signature does not fit its text: it was changed, restore it from a backup",
        )),
        Err(NotOpened::Note(_) | NotOpened::Body(_)) => {
            Err(problem(CHECKPOINT, "it is not a signed checkpoint: restore it from a backup"))
        }
    }
}

/// The published files, and the checkpoint that they have to lead to.
struct Tiles<'a> {
    store: &'a dyn Store,
    checkpoint: &'a Checkpoint,
}

impl Tiles<'_> {
    /// Recomputes every tile from the entries and compares it with the file.
    fn check(&self, files: &mut u64) -> Result<Edge, Problem> {
        let size = self.checkpoint.size();
        let mut edge = Edge::default();
        for number in 0..size.div_ceil(TILE_WIDTH) {
            for entry in self.bundle(number)? {
                edge.grow(&entry, leaf_hash(&entry));
            }
            *files += 1;
            // Full tiles as they fill, from the leaves upwards, then forgotten: memory stays small.
            for (tile, _) in edge.files_since(edge.size()) {
                *files += self.compare(&edge, tile)?;
            }
            edge.forget_published(edge.size());
        }
        for (level, count) in (0..8).map(|level| (level, count_at(level, size))) {
            if !count.is_multiple_of(TILE_WIDTH) {
                *files += self.compare(&edge, Tile::of_hashes(level, count / TILE_WIDTH, size))?;
            }
        }
        Ok(edge)
    }

    fn bundle(&self, number: u64) -> Result<Vec<Vec<u8>>, Problem> {
        let tile = Tile::of_entries(number, self.checkpoint.size());
        let width = usize::try_from(tile.width).unwrap_or(usize::MAX);
        for file in [tile.path(), tile.full().path()] {
            match self.store.read(&file, BUNDLE_BYTES_MAX) {
                Ok(bytes) => {
                    let entries = unpack_bundle(&bytes).filter(|entries| entries.len() >= width);
                    let short = "it does not hold the entries that its name says: restore it from a backup";
                    let entries = entries.ok_or_else(|| problem(&file, short))?;
                    return Ok(entries.into_iter().take(width).map(<[u8]>::to_vec).collect());
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => {
                    return Err(problem(&file, &format!("it cannot be read ({error}): check the disk")));
                }
            }
        }
        Err(of_read(&ReadError::Missing { file: tile.path() }))
    }

    /// Compares one recomputed tile with its file, and finds which of the two is wrong.
    fn compare(&self, edge: &Edge, tile: Tile) -> Result<u64, Problem> {
        let TileKind::Hashes(level) = tile.kind else { return Ok(0) };
        let computed = edge.hashes(level, tile.number).unwrap_or_default();
        let found = read_hashes(self.store, tile).map_err(|error| of_read(&error))?;
        if found == computed {
            return Ok(1);
        }
        // Two files disagree. The one that leads to the signed root is right.
        if !self.leads_to_the_root(tile) {
            let what = "its hashes are not those of the entries, and do not lead to the signed root: restore this \
                        tile from a backup, or rebuild it from the entries";
            return Err(problem(&tile.path(), what));
        }
        let place = found.iter().zip(computed).take_while(|(found, computed)| found == computed).count();
        let number = if level == 0 { tile.number } else { first_bundle_below(tile, place) };
        let bundle = Tile::of_entries(number, self.checkpoint.size());
        let what = "its entries are not those that were signed: restore it from a backup; if no backup has them, \
                    somebody has changed the log";
        Err(problem(&bundle.path(), what))
    }

    fn leads_to_the_root(&self, tile: Tile) -> bool {
        let size = self.checkpoint.size();
        let mut tile = tile;
        while tile.is_full() {
            let TileKind::Hashes(level) = tile.kind else { return false };
            let above = Tile::of_hashes(level + 1, tile.number / TILE_WIDTH, size);
            let (Ok(hashes), Ok(parent)) = (read_hashes(self.store, tile), read_hashes(self.store, above))
            else {
                return false;
            };
            let place = usize::try_from(tile.number % TILE_WIDTH).unwrap_or(usize::MAX);
            if parent.get(place) != Some(&root(&hashes)) {
                return false;
            }
            tile = above;
        }
        let levels = (0..8).take_while(|level| count_at(*level, size) > 0).map(|level| {
            let count = count_at(level, size);
            if count.is_multiple_of(TILE_WIDTH) {
                return Ok(Vec::new());
            }
            read_hashes(self.store, Tile::of_hashes(level, count / TILE_WIDTH, size))
        });
        let edge = levels
            .collect::<Result<_, _>>()
            .ok()
            .and_then(|levels| Edge::from_tiles(size, levels, Vec::new()));
        edge.is_some_and(|edge| edge.root() == *self.checkpoint.root())
    }
}

/// The first bundle below a hash of an upper tile: bundle and tile there were changed together.
fn first_bundle_below(tile: Tile, place: usize) -> u64 {
    let TileKind::Hashes(level) = tile.kind else { return tile.number };
    let hash = tile.number * TILE_WIDTH + place as u64;
    hash << (8 * (level - 1))
}

fn check_journal(
    store: &dyn Store,
    key: &VerifierKey,
    checkpoint: &Checkpoint,
    edge: &mut Edge,
    committed: &mut Vec<Hash>,
) -> Result<JournalReport, Problem> {
    let bytes = match store.read(JOURNAL, JOURNAL_READ_BYTES_MAX) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let what = "it is missing, and may have held acknowledged entries: restore it from a backup; only if this \
                        is a copy of a ledger that was closed in order, make an empty file of that name";
            return Err(problem(JOURNAL, what));
        }
        Err(error) => return Err(problem(JOURNAL, &format!("it cannot be read ({error}): check the disk"))),
    };
    let published = checkpoint.size();
    let round = read_round(&bytes, published, key);
    if let Tail::Damaged(_) = round.tail {
        let what = format!(
            "it is damaged at byte {}, before the end: restore it from a backup, it holds acknowledged entries",
            round.length
        );
        return Err(problem(JOURNAL, &what));
    }
    for record in round.records.iter().filter(|record| record.end() > published) {
        for (index, entry) in (record.first..).zip(&record.entries) {
            if index >= published && record.base <= published {
                let leaf = leaf_hash(entry);
                edge.grow(entry, leaf);
                committed.push(leaf);
            }
        }
        let signed = Checkpoint::open(record.checkpoint, std::slice::from_ref(key));
        if !signed.is_ok_and(|signed| signed.size() == edge.size() && *signed.root() == edge.root()) {
            let what = format!(
                "its record from entry {} does not continue this log: journal and tiles are of different moments, \
                 restore the whole folder from one backup",
                record.first
            );
            return Err(problem(JOURNAL, &what));
        }
    }
    let is_torn = round.tail == Tail::Torn;
    Ok(JournalReport { entries: edge.size() - published, is_torn, is_moving: false })
}

fn problem(file: &str, what: &str) -> Problem {
    Problem { file: file.to_owned(), what: what.to_owned() }
}

fn of_read(error: &ReadError) -> Problem {
    match error {
        ReadError::Missing { file } => problem(
            file,
            "it is missing, though the checkpoint says it was published: restore it from a backup; a checkpoint \
             must never be newer than its tiles",
        ),
        ReadError::Damaged { file, what } => {
            problem(file, &format!("it is damaged ({what}): restore it from a backup"))
        }
        ReadError::Io { file, source } => {
            problem(file, &format!("it cannot be read ({source}): check the disk"))
        }
        ReadError::OutOfRange { .. } => problem(CHECKPOINT, &error.to_string()),
    }
}
