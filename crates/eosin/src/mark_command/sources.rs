//! What is to be marked: one file, or the files of a folder in the order of their names.

use std::{
    fs::{self, File},
    io::Read as _,
    path::{Path, PathBuf},
};

use columnar::describes_others;
use miette::{IntoDiagnostic as _, WrapErr as _, miette};

use crate::input::{self, Reads, Refused, reading::is_weak};

/// The files of one run.
#[derive(Debug)]
pub(super) struct Sources {
    /// What was given.
    pub(super) root: PathBuf,
    /// Whether it is a folder.
    pub(super) is_folder: bool,
    /// The files of records, in order of their names; of a folder also those that should be some and cannot be read.
    pub(super) files: Vec<Source>,
    /// Files that are not looked into, under their names in the folder: copied as they are.
    pub(super) others: Vec<PathBuf>,
    /// What is left out, under its name, and why: symbolic links, and what would describe the files as they were.
    pub(super) left_out: Vec<(PathBuf, &'static str)>,
}

/// One file of records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Source {
    /// Where it is.
    pub(super) path: PathBuf,
    /// Its name in the folder; its file name where no folder was given.
    pub(super) name: PathBuf,
    /// How long it is.
    pub(super) bytes: u64,
}

/// Most files of one folder.
const FILES_MAX: usize = 100_000;
/// Deepest nesting of folders that is followed.
const DEPTH_MAX: usize = 16;

impl Sources {
    /// Finds them.
    ///
    /// Bounds: [`FILES_MAX`] and [`DEPTH_MAX`].
    /// Errors: a report: nothing there, too many files, too deep.
    pub(super) fn find(root: &Path) -> miette::Result<Self> {
        let about = fs::metadata(root)
            .into_diagnostic()
            .wrap_err_with(|| format!("cannot open {}", root.display()))?;
        let mut found = Self {
            root: root.to_owned(),
            is_folder: about.is_dir(),
            files: Vec::new(),
            others: Vec::new(),
            left_out: Vec::new(),
        };
        if found.is_folder {
            found.walk(Path::new(""), 0)?;
            if found.files.is_empty() {
                return Err(miette!("there are no files of records in {}", root.display()));
            }
        } else {
            input::refuse_pipes(root, Reads::Again)?;
            let name = PathBuf::from(root.file_name().unwrap_or_default());
            found.files.push(Source { path: root.to_owned(), name, bytes: about.len() });
        }
        Ok(found)
    }

    fn walk(&mut self, below: &Path, depth: usize) -> miette::Result<()> {
        let folder = self.root.join(below);
        if depth > DEPTH_MAX {
            return Err(miette!("{} is more than {DEPTH_MAX} folders deep", folder.display()));
        }
        let listing = fs::read_dir(&folder).and_then(|entries| {
            entries.take(FILES_MAX + 1).map(|entry| Ok((entry?.file_name(), ()))).collect()
        });
        let mut names: Vec<_> =
            listing.into_diagnostic().wrap_err_with(|| format!("cannot list {}", folder.display()))?;
        names.sort();
        for (name, ()) in names {
            let name = below.join(name);
            let path = self.root.join(&name);
            let about = fs::symlink_metadata(&path)
                .into_diagnostic()
                .wrap_err_with(|| format!("cannot look at {}", path.display()))?;
            if about.is_dir() {
                self.walk(&name, depth + 1)?;
            } else if !about.is_file() {
                self.left_out.push((name, "is neither a file nor a folder"));
            } else if let Some(why) = of_what_was(&path) {
                self.left_out.push((name, why));
            } else if should_hold_records(&path, about.len()) {
                self.files.push(Source { path, name, bytes: about.len() });
            } else {
                self.others.push(name);
            }
            if self.files.len() + self.others.len() + self.left_out.len() > FILES_MAX {
                return Err(miette!(
                    help = "mark its folders one by one",
                    "there are more than {FILES_MAX} files in {}",
                    self.root.display()
                ));
            }
        }
        Ok(())
    }

    /// How many bytes there are to read.
    pub(super) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// The files in groups that are worked on together: a long file alone, short ones in company, so that a
    /// thousand files of one patient each are a few batches and not a thousand.
    pub(super) fn groups(&self) -> Vec<Vec<usize>> {
        let mut groups: Vec<Vec<usize>> = Vec::new();
        let mut room = 0;
        for (number, file) in self.files.iter().enumerate() {
            match groups.last_mut() {
                Some(group) if file.bytes <= room && group.len() < GROUP_FILES_MAX => {
                    room -= file.bytes;
                    group.push(number);
                }
                _ => {
                    room = GROUP_BYTES.saturating_sub(file.bytes);
                    groups.push(vec![number]);
                }
            }
        }
        groups
    }
}

/// Files are grouped up to this length.
const GROUP_BYTES: u64 = 1 << 20;
const GROUP_FILES_MAX: usize = 256;

/// Why a file would be untrue beside marked ones: Spark and Hadoop write such.
fn of_what_was(path: &Path) -> Option<&'static str> {
    let name = path.file_name()?.to_str()?;
    let file = || File::open(path).ok();
    if matches!(name, "_metadata" | "_common_metadata") {
        return describes_others(&file()?).then_some("describes the files as they were");
    }
    if name.starts_with('.') && path.extension().is_some_and(|end| end.eq_ignore_ascii_case("crc")) {
        let mut head = [0; CHECKSUMS.len()];
        file()?.read_exact(&mut head).ok()?;
        return (head == *CHECKSUMS).then_some("is a checksum of a file as it was");
    }
    None
}

/// How Hadoop's checksums begin.
const CHECKSUMS: &[u8; 4] = b"crc\0";

/// Whether a file of a folder should be one of records: by its name, or because it begins like one.
///
/// One that then cannot be read is rejected, never handed on as if it held nobody. Any text with a comma begins like a
/// table, so that alone says nothing.
fn should_hold_records(path: &Path, bytes: u64) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if bytes == 0 || input::described(path).is_some() || name.ends_with(".rejected") {
        return false;
    }
    if input::promises_records(&name) {
        return true;
    }
    match File::open(path).map(|file| input::begin(file, &name, None)) {
        Ok(Ok(opened)) => !is_weak(&opened.format),
        Ok(Err(refused)) => matches!(refused, Refused::Archive | Refused::Parquet),
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(bytes: u64) -> Source {
        Source { path: PathBuf::new(), name: PathBuf::new(), bytes }
    }

    #[test]
    fn short_files_go_together_and_long_ones_alone() {
        let sources = |lengths: &[u64]| Sources {
            root: PathBuf::new(),
            is_folder: true,
            files: lengths.iter().map(|bytes| file(*bytes)).collect(),
            others: Vec::new(),
            left_out: Vec::new(),
        };
        let mega = 1 << 20;
        assert_eq!(sources(&[10, 10, mega, 5, 5]).groups(), [vec![0, 1], vec![2], vec![3, 4]]);
        assert_eq!(sources(&[2 * mega, 2 * mega]).groups(), [vec![0], vec![1]]);
        assert_eq!(sources(&[1; 600]).groups().len(), 3);
        assert!(sources(&[]).groups().is_empty());
    }

    #[test]
    fn a_folder_is_walked_by_name_and_links_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        fs::create_dir_all(at.join("fhir")).unwrap();
        let put = |name: &str, text: &str| ledger::durable::replace(&at.join(name), text.as_bytes()).unwrap();
        put("fhir/b.json", "{\"resourceType\":\"Patient\"}");
        put("a.csv", "name,dob\nAda Bell,1984-02-29\n");
        put("csvw_metadata.json", r#"{"@context":"http://www.w3.org/ns/csvw","tables":[]}"#);
        put("empty.csv", "");
        put("read me.txt", "hello, all");
        put("feed.er7", "MSH|^~\\&|A|B|C|D|20260101||ADT^A01|1|P|2.5\rPID|1||7^^^H^MR||Bell^Ada\r");
        put("u16.csv", "\u{0}n\u{0}a\u{0}m\u{0}e\u{0},\u{0}d\u{0}o\u{0}b");
        put("export", "PK\u{3}\u{4}");
        put(".a.csv.crc", "crc\0\0\0\u{2}\0abcd");
        put(".other.crc", "hello");
        put("_SUCCESS", "");
        put("_metadata", "a note");
        std::os::unix::fs::symlink(at.join("a.csv"), at.join("link.csv")).unwrap();
        std::os::unix::fs::symlink(at, at.join("around")).unwrap();
        let found = Sources::find(at).unwrap();
        let names = |all: &[PathBuf]| all.iter().map(|name| name.display().to_string()).collect::<Vec<_>>();
        let files: Vec<PathBuf> = found.files.iter().map(|file| file.name.clone()).collect();
        assert_eq!(names(&files), ["a.csv", "export", "feed.er7", "fhir/b.json", "u16.csv"]);
        assert_eq!(
            names(&found.others),
            [".other.crc", "_SUCCESS", "_metadata", "csvw_metadata.json", "empty.csv", "read me.txt"]
        );
        let left_out: Vec<PathBuf> = found.left_out.into_iter().map(|(name, _)| name).collect();
        assert_eq!(names(&left_out), [".a.csv.crc", "around", "link.csv"]);
        assert!(Sources::find(&at.join("absent")).unwrap_err().to_string().contains("cannot open"));
    }
}
