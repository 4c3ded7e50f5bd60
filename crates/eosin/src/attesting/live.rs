//! What a running gateway attests, as dataset files within a second or two: the gateways that share the folder take them up.
//!
//! A file beside each attester's receipts grows while it is short; full ones are joined, so that there are never many. What is
//! made here is made of the receipts, which stay until the next start: nothing is lost if it is not made.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    fs::{self, File},
    io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
};

use ledger::durable;
use mark::{BatchReceipt, DATASET_FILE_BYTES_MAX, DatasetFile, Manifest};
use miette::{IntoDiagnostic as _, WrapErr as _};

use super::{FILE_RECEIPTS_MAX, LINE_BYTES_MAX, MANIFEST, RECEIPTS, manifests};
use crate::keys;

/// Between an attester's name and a number: a file that still grows, or will be joined with others.
pub(super) const LIVE: &str = "-live-";
/// Receipts in one of those, which is written again with every turn: some 400 KiB.
const LIVE_RECEIPTS_MAX: usize = 500;

/// The attesters of this gateway, and how far their receipts are published.
#[derive(Debug)]
pub(crate) struct Published {
    folder: PathBuf,
    own: String,
    attesters: BTreeMap<PathBuf, Attested>,
}

#[derive(Debug)]
struct Attested {
    stem: String,
    manifest: Manifest,
    /// How many bytes of the receipts were read.
    read: u64,
    /// Receipts since the last joined file.
    receipts: Vec<BatchReceipt>,
    /// How many of them are in files that grow, and how many files those are.
    published: usize,
    growing: usize,
    joined: usize,
}

impl Published {
    /// Publishes what attesters of this log write in this folder.
    pub(super) fn of(folder: &Path, own: String) -> Self {
        Self { folder: folder.to_owned(), own, attesters: BTreeMap::new() }
    }

    /// Makes dataset files of the receipts that are new. Returns the files that were written.
    ///
    /// Errors: a report; what could not be written is written with the next turn.
    pub(crate) fn turn(&mut self) -> miette::Result<Vec<PathBuf>> {
        for path in manifests(&self.folder, &self.own)? {
            if let Entry::Vacant(place) = self.attesters.entry(path.clone()) {
                place.insert(Attested::open(&path)?);
            }
        }
        let mut written = Vec::new();
        for attested in self.attesters.values_mut() {
            attested.turn(&mut written)?;
        }
        Ok(written)
    }
}

impl Attested {
    fn open(path: &Path) -> miette::Result<Self> {
        let name = path.to_string_lossy();
        let stem = name.strip_suffix(MANIFEST).unwrap_or(&name).to_owned();
        let text = keys::file(path, DATASET_FILE_BYTES_MAX as u64)?;
        let dataset = DatasetFile::parse(text.as_bytes())
            .into_diagnostic()
            .wrap_err_with(|| format!("{} is not what an attesting gateway writes", path.display()))?;
        Ok(Self {
            stem,
            manifest: dataset.manifest,
            read: 0,
            receipts: Vec::new(),
            published: 0,
            growing: 0,
            joined: 0,
        })
    }

    fn turn(&mut self, written: &mut Vec<PathBuf>) -> miette::Result<()> {
        self.read_on()?;
        while let Some(full) = self.receipts.get(..FILE_RECEIPTS_MAX) {
            // The next start makes the same file of the same receipts.
            written.push(self.write(&format!("-{}", self.joined), full)?);
            self.receipts.drain(..FILE_RECEIPTS_MAX);
            self.joined += 1;
            self.published = 0;
        }
        if self.published < self.receipts.len() {
            let changed = self.published / LIVE_RECEIPTS_MAX;
            for (number, part) in self.receipts.chunks(LIVE_RECEIPTS_MAX).enumerate().skip(changed) {
                written.push(self.write(&format!("{LIVE}{number}"), part)?);
            }
            self.published = self.receipts.len();
        }
        let needed = self.receipts.len().div_ceil(LIVE_RECEIPTS_MAX);
        for number in needed..self.growing {
            let gone = self.file(&format!("{LIVE}{number}"));
            if gone.exists() {
                fs::remove_file(&gone).into_diagnostic()?;
            }
        }
        self.growing = needed;
        Ok(())
    }

    fn file(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("{}{name}.dataset.json", self.stem))
    }

    /// Writes the file of this name, and says where it is.
    fn write(&self, name: &str, receipts: &[BatchReceipt]) -> miette::Result<PathBuf> {
        let file = DatasetFile { manifest: self.manifest.clone(), receipts: receipts.to_vec() };
        let to = self.file(name);
        durable::replace(&to, file.to_json().as_bytes()).into_diagnostic()?;
        Ok(to)
    }

    /// Reads the whole lines that are new. A line that is not whole yet is read with the next turn.
    ///
    /// Bounds: twice a joined file's receipts; the rest waits for the next turn.
    fn read_on(&mut self) -> miette::Result<()> {
        let path = PathBuf::from(format!("{}{RECEIPTS}", self.stem));
        let wrong = || format!("cannot read {}", path.display());
        let mut file = File::open(&path).into_diagnostic().wrap_err_with(wrong)?;
        file.seek(SeekFrom::Start(self.read)).into_diagnostic().wrap_err_with(wrong)?;
        let mut reader = BufReader::new(file);
        while self.receipts.len() < 2 * FILE_RECEIPTS_MAX {
            let mut line = Vec::new();
            let read = (&mut reader)
                .take(LINE_BYTES_MAX)
                .read_until(b'\n', &mut line)
                .into_diagnostic()
                .wrap_err_with(wrong)?;
            if line.last() != Some(&b'\n') {
                break;
            }
            self.read += read as u64;
            // A line that is none is told at the next start, which sees it too.
            self.receipts.extend(serde_json::from_slice::<BatchReceipt>(&line).ok());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_attested_now_is_in_dataset_files_a_turn_later() {
        let (folder, _, sealed) = super::super::tests::attested();
        let file = |name: &str| folder.path().join(name);
        let line = serde_json::to_string(&sealed.dataset.receipts[0]).unwrap() + "\n";
        let receipts = |count: usize, torn: &str| {
            durable::replace(
                &file("attested-ehr-00.receipts.ndjson"),
                (line.repeat(count) + torn).as_bytes(),
            )
            .unwrap();
        };
        let names = || {
            let mut names: Vec<String> = fs::read_dir(folder.path())
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .filter(|name| name.ends_with(".dataset.json"))
                .map(|name| name.replace("attested-ehr-00", ""))
                .collect();
            names.sort();
            names
        };
        let count = |name: &str| {
            let text =
                keys::file(&file(&format!("attested-ehr-00{name}")), DATASET_FILE_BYTES_MAX as u64).unwrap();
            DatasetFile::parse(text.as_bytes()).unwrap().receipts.len()
        };
        let mut published = Published::of(folder.path(), "attested-ehr".to_owned());
        receipts(0, "");
        assert_eq!(published.turn().unwrap().len(), 0);
        receipts(2, "{\"ent");
        assert_eq!(published.turn().unwrap().len(), 1);
        assert_eq!((names(), count("-live-0.dataset.json")), (vec!["-live-0.dataset.json".to_owned()], 2));
        assert_eq!(published.turn().unwrap().len(), 0, "nothing new, nothing written");
        // What cannot be written now is written with the next turn.
        fs::create_dir(file("attested-ehr-00-live-1.dataset.json")).unwrap();
        receipts(501, "");
        assert!(published.turn().is_err());
        fs::remove_dir(file("attested-ehr-00-live-1.dataset.json")).unwrap();
        assert_eq!(published.turn().unwrap().len(), 2);
        assert_eq!((count("-live-0.dataset.json"), count("-live-1.dataset.json")), (500, 1));
        receipts(FILE_RECEIPTS_MAX + 3, "");
        published.turn().unwrap();
        assert_eq!(names(), ["-0.dataset.json", "-live-0.dataset.json"]);
        assert_eq!((count("-0.dataset.json"), count("-live-0.dataset.json")), (FILE_RECEIPTS_MAX, 3));

        // The next start makes the same of them.
        super::super::fold_one(&file("attested-ehr-00.attesting.json")).unwrap();
        assert_eq!(names(), ["-0.dataset.json", "-1.dataset.json"]);
        assert_eq!(count("-1.dataset.json"), 3);
    }
}
