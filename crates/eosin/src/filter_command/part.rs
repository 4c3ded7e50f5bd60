//! One part of a file that is split: written beside its place, counted, hashed, and put there at the end.

use std::{
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
};

use aws_lc_rs::digest::{Context, SHA256};
use carrier::{hl7v2::Trailers, table::Chunk};
use flow::SplitPart;
use mark::{
    digest::Hash,
    merkle::{Frontier, leaf_hash},
};
use miette::{IntoDiagnostic as _, WrapErr as _};

use super::hashing::hash_of;
use crate::appearing::{Placed, Unfinished, no_wider_than};

/// A part on its way: in `NAME.new/` until it is finished.
pub(super) struct Part {
    file: File,
    begun: Unfinished,
    digest: Context,
    bytes: u64,
    records: u64,
    leaves: Frontier,
    positions: Vec<(u64, u64)>,
    // Of HL7 v2 batches.
    trailers: Trailers,
}

/// The manifest beside a part.
pub(super) fn manifest_beside(place: &Path) -> PathBuf {
    let mut name = place.file_name().unwrap_or_default().to_owned();
    name.push(".manifest.json");
    place.with_file_name(name)
}

impl Part {
    /// Begins a part of `source` that will stand at `place`, and who cannot read the source cannot read the part.
    pub(super) fn begin(place: &Path, source: &Path) -> miette::Result<Self> {
        let begun = Unfinished::begin(place)?;
        let file = File::create_new(begun.path())
            .and_then(|file| no_wider_than(&begun.path(), source).map(|()| file))
            .into_diagnostic()
            .wrap_err_with(|| format!("cannot write {}", begun.path().display()))?;
        Ok(Self {
            file,
            begun,
            digest: Context::new(&SHA256),
            bytes: 0,
            records: 0,
            leaves: Frontier::default(),
            positions: Vec::new(),
            trailers: Trailers::default(),
        })
    }

    /// Adds the chosen records of a chunk whose first is number `first` of the source.
    ///
    /// Errors: a report, also for a record whose bytes were over the bound and are not there to be written.
    pub(super) fn add(&mut self, first: u64, chunk: &Chunk, chosen: &[bool]) -> miette::Result<()> {
        let bytes = chunk
            .select_counting(chosen, &mut self.trailers)
            .into_diagnostic()
            .wrap_err_with(|| format!("{} cannot be written", self.begun.place().display()))?;
        self.file
            .write_all(&bytes)
            .into_diagnostic()
            .wrap_err_with(|| format!("cannot write {}", self.begun.path().display()))?;
        self.digest.update(&bytes);
        self.bytes += bytes.len() as u64;
        match chunk.record_bytes() {
            Some(records) => {
                for (record, _) in records.iter().zip(chosen).filter(|(_, is_chosen)| **is_chosen) {
                    self.leaves.push(leaf_hash(record));
                }
            }
            // A document's records do not stand apart: it is one leaf.
            None if bytes.is_empty() => {}
            None => self.leaves.push(leaf_hash(&bytes)),
        }
        for (at, _) in chosen.iter().enumerate().filter(|(_, is_chosen)| **is_chosen) {
            let position = first + at as u64;
            self.records += 1;
            match self.positions.last_mut() {
                Some((_, last)) if *last + 1 == position => *last = position,
                _ => self.positions.push((position, position)),
            }
        }
        Ok(())
    }

    /// Ends the part: durable, and still beside its place.
    pub(super) fn end(self) -> miette::Result<Written> {
        self.file
            .sync_all()
            .into_diagnostic()
            .wrap_err_with(|| format!("cannot sync {}", self.begun.path().display()))?;
        Ok(Written {
            begun: self.begun,
            sha256: hash_of(self.digest),
            bytes: self.bytes,
            records: self.records,
            root: self.leaves.root(),
            positions: self.positions,
        })
    }
}

/// A part that is whole and has not its name yet.
pub(super) struct Written {
    begun: Unfinished,
    pub(super) sha256: Hash,
    pub(super) bytes: u64,
    records: u64,
    root: Hash,
    /// Which records of the source it holds: first and last of each run, counted from 0.
    pub(super) positions: Vec<(u64, u64)>,
}

impl Written {
    /// Where it will stand.
    pub(super) fn place(&self) -> &Path {
        self.begun.place()
    }

    /// What the ruling says of it.
    pub(super) fn facts(&self) -> SplitPart {
        SplitPart { records: self.records, root: self.root, sha256: self.sha256 }
    }

    /// What has its name before this, which is the last.
    pub(super) fn placing(&self) -> Placed {
        Placed::before(&self.begun)
    }

    /// Gives it its name.
    pub(super) fn finish(self, placed: &mut Placed) -> miette::Result<()> {
        placed.finish(self.begun)
    }
}

#[cfg(test)]
mod tests {
    use carrier::{
        Limits,
        table::{Chunks, sniff},
    };
    use proptest::prelude::*;

    use super::*;

    /// The rows of a part, each with its place in the source.
    fn placed(text: &str, positions: &[(u64, u64)]) -> Vec<(u64, String)> {
        let rows = text.split_inclusive('\n').skip(1).map(str::to_owned);
        positions.iter().flat_map(|(first, last)| *first..=*last).zip(rows).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn the_two_parts_put_together_by_position_are_the_source(
            keep in prop::collection::vec(any::<bool>(), 1..300),
        ) {
            let rows: Vec<String> = (0..keep.len()).map(|at| format!("Ada {at},{}\n", at % 7)).collect();
            let rows = rows.concat();
            let source = format!("name,ward\n{rows}");
            let folder = tempfile::tempdir().unwrap();
            let format = sniff(source.as_bytes(), "people.csv", None).unwrap();
            let limits = Limits { body_bytes: 1 << 20, records: 1 << 20 };
            let mut chunks = Chunks::new(source.as_bytes(), format, limits);
            let places = ["kept.csv", "withheld.csv"].map(|name| folder.path().join(name));
            let mut parts = places.each_ref().map(|place| Part::begin(place, folder.path()).unwrap());
            let mut read = 0;
            while let Some(chunk) = chunks.next_chunk().unwrap() {
                let count = chunk.read().records.len();
                let chosen = &keep[read..read + count];
                let others: Vec<bool> = chosen.iter().map(|keep| !keep).collect();
                parts[0].add(read as u64, &chunk, chosen).unwrap();
                parts[1].add(read as u64, &chunk, &others).unwrap();
                read += count;
            }
            prop_assert_eq!(read, keep.len());
            let [kept, withheld] = parts.map(|part| part.end().unwrap());
            prop_assert_eq!(kept.records + withheld.records, read as u64);
            let mut all = Vec::new();
            for (part, place) in [kept, withheld].into_iter().zip(&places) {
                let (positions, sha256) = (part.positions.clone(), part.sha256);
                let root = part.root;
                let mut put = part.placing();
                part.finish(&mut put).unwrap();
                let text = std::io::read_to_string(File::open(place).unwrap()).unwrap();
                prop_assert_eq!(sha256, mark::digest::sha256(&[text.as_bytes()]));
                let leaves: Vec<Hash> = text.lines().skip(1).map(|row| leaf_hash(row.as_bytes())).collect();
                prop_assert_eq!(root, mark::merkle::root(&leaves));
                all.extend(placed(&text, &positions));
            }
            all.sort();
            let again: String = all.into_iter().map(|(_, row)| row).collect();
            prop_assert_eq!(format!("name,ward\n{again}"), source);
        }
    }

    #[test]
    fn a_part_that_is_not_finished_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let part = Part::begin(&folder.path().join("kept.csv"), Path::new("-")).unwrap();
        drop(part.end().unwrap());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
