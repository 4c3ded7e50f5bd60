//! What was named on the command line, as a list of files: folders walked in order of name, within bounds.

use std::{
    fs,
    path::{Path, PathBuf},
};

use miette::{IntoDiagnostic as _, WrapErr as _, miette};

use super::{STANDARD_INPUT, companion::not_records};

/// Files to be read, in order.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    /// The files.
    pub(crate) files: Vec<Source>,
    /// What lies in a folder and is not read, each with a reason.
    pub(crate) skipped: Vec<Skipped>,
    /// What could not be walked.
    pub(crate) refused: Vec<miette::Report>,
}

/// One file to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    /// Where it is; `-` is standard input.
    pub(crate) path: PathBuf,
    /// The name that says what it holds, where that is not its own any more.
    pub(crate) called: Option<String>,
    /// Whether somebody named it, or it was found in a folder that somebody named.
    pub(crate) origin: Origin,
    /// How long it is, as far as is known.
    pub(crate) bytes: u64,
}

/// How a file came to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// It was named: that it holds no records is an error.
    Named,
    /// It was found in a folder or an archive: one that holds no records is skipped, and that is said.
    Found,
}

/// Something that was not read, and why.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Skipped {
    /// Its name.
    pub(crate) file: String,
    /// The rest of a sentence about it.
    pub(crate) why: String,
}

/// Most files of one run.
const FILES_MAX: usize = 100_000;
/// Deepest nesting of folders that is followed.
const DEPTH_MAX: usize = 32;

impl Sources {
    /// The files that were named; folders are walked in order of name, links in them are not followed.
    ///
    /// Shape:  nothing named is standard input.
    /// Bounds: [`FILES_MAX`] files, [`DEPTH_MAX`] folders inside each other.
    /// Errors: none; what cannot be walked is among the refused. A named file is not looked at yet.
    pub(crate) fn find(named: &[PathBuf]) -> Self {
        let mut found = Self::default();
        let standard_input = [PathBuf::from(STANDARD_INPUT)];
        for path in if named.is_empty() { &standard_input[..] } else { named } {
            match fs::metadata(path) {
                Ok(about) if about.is_dir() => {
                    if let Err(report) = found.walk(path, 0) {
                        found.refused.push(report);
                    }
                }
                about => {
                    let bytes = about.map_or(0, |about| about.len());
                    found.files.push(Source {
                        path: path.clone(),
                        called: None,
                        origin: Origin::Named,
                        bytes,
                    });
                }
            }
        }
        found
    }

    /// How many bytes there are to read.
    pub(crate) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    fn walk(&mut self, folder: &Path, depth: usize) -> miette::Result<()> {
        if depth > DEPTH_MAX {
            return Err(miette!(
                help = "name the folders in it one by one",
                "{} is more than {DEPTH_MAX} folders deep and was not looked into",
                folder.display()
            ));
        }
        let room = FILES_MAX.saturating_sub(self.files.len() + self.skipped.len());
        let names = fs::read_dir(folder)
            .and_then(|entries| entries.take(room + 1).map(|entry| Ok(entry?.file_name())).collect());
        let mut names: Vec<std::ffi::OsString> =
            names.into_diagnostic().wrap_err_with(|| format!("cannot list {}", folder.display()))?;
        if names.len() > room {
            return Err(miette!(
                help = "name the folders in it one by one",
                "there are more than {FILES_MAX} files, and {} was not looked into",
                folder.display()
            ));
        }
        names.sort();
        for name in names {
            let path = folder.join(name);
            let about = match fs::symlink_metadata(&path) {
                Ok(about) => about,
                Err(error) => {
                    self.refused.push(miette!("cannot look at {}: {error}", path.display()));
                    continue;
                }
            };
            if about.is_dir() {
                if let Err(report) = self.walk(&path, depth + 1) {
                    self.refused.push(report);
                }
            } else if about.is_file() {
                if let Some(why) = described(&path) {
                    self.skip(&path, why);
                } else {
                    let bytes = about.len();
                    self.files.push(Source { path, called: None, origin: Origin::Found, bytes });
                }
            } else {
                self.skip(&path, if about.is_symlink() { "is a link" } else { "is not a file" });
            }
        }
        Ok(())
    }

    fn skip(&mut self, path: &Path, why: &str) {
        self.skipped.push(Skipped { file: path.display().to_string(), why: why.to_owned() });
    }
}

/// Why a file that was found rather than named is not read as records.
pub(crate) fn described(path: &Path) -> Option<&'static str> {
    let mut content = fs::File::open(path).ok()?;
    not_records(&path.to_string_lossy(), &mut content, &mut Vec::new())
}

/// Whether a name says that it is one of a file of records: one that cannot be read then is not passed over.
pub(crate) fn promises_records(name: &str) -> bool {
    let name = last(name).to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    name.rsplit_once('.').is_some_and(|(_, extension)| RECORDS.contains(&extension))
}

/// What is read here, and after it what holds records and is not: that is said, and not passed over.
const RECORDS: [&str; 26] = [
    "csv", "tsv", "psv", "json", "ndjson", "jsonl", "hl7", "parquet", "zip", "gz", "7z", "avro", "bz2",
    "ods", "orc", "rar", "sql", "sqlite", "tar", "tgz", "xls", "xlsb", "xlsx", "xml", "xz", "zst",
];

/// The name without folders.
pub(super) fn last(name: &str) -> &str {
    name.rsplit(['/', '\\']).next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_walked_by_name_and_links_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        fs::create_dir_all(at.join("fhir/deep")).unwrap();
        for name in ["b.csv", "fhir/deep/c.json", "fhir/a.json", "z.txt", "b.csv.dataset.json"] {
            ledger::durable::replace(&at.join(name), b"x").unwrap();
        }
        ledger::durable::replace(&at.join(".DS_Store"), b"\0\0\0\x01Bud1 and so on").unwrap();
        ledger::durable::replace(&at.join("a.prov.json"), br#"{"prefix":{},"entity":{}}"#).unwrap();
        std::os::unix::fs::symlink(at.join("b.csv"), at.join("link.csv")).unwrap();
        std::os::unix::fs::symlink(at, at.join("around")).unwrap();
        let found = Sources::find(&[at.to_owned(), at.join("absent.csv")]);
        let shown = |path: &Path| path.strip_prefix(at).unwrap().display().to_string();
        let files: Vec<String> = found.files.iter().map(|file| shown(&file.path)).collect();
        assert_eq!(
            files,
            ["b.csv", "b.csv.dataset.json", "fhir/a.json", "fhir/deep/c.json", "z.txt", "absent.csv"]
        );
        let skipped: Vec<String> =
            found.skipped.iter().map(|one| format!("{} {}", shown(Path::new(&one.file)), one.why)).collect();
        assert_eq!(
            skipped,
            [
                ".DS_Store was added by a Macintosh",
                "a.prov.json describes the data beside it",
                "around is a link",
                "link.csv is a link"
            ]
        );
        assert!(found.refused.is_empty());
    }

    #[test]
    fn a_folder_without_a_floor_is_refused_and_the_rest_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let mut deep = folder.path().to_owned();
        ledger::durable::replace(&deep.join("a.csv"), b"x").unwrap();
        for _ in 0..DEPTH_MAX + 2 {
            deep.push("d");
        }
        fs::create_dir_all(&deep).unwrap();
        let found = Sources::find(&[folder.path().to_owned()]);
        assert_eq!((found.files.len(), found.refused.len()), (1, 1));
    }

    #[test]
    fn names_say_what_is_passed_over() {
        for (name, want) in [
            ("a.csv.gz", true),
            ("dir.csv/readme", false),
            ("A.NDJSON", true),
            ("people.csv.bz2", true),
            ("People.XLSX", true),
            ("ccda/1.xml", true),
            ("photo.png", false),
            ("x", false),
        ] {
            assert_eq!(promises_records(name), want, "{name}");
        }
    }
}
