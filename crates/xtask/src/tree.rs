//! The checkout as tidy sees it: every file that is or would be committed, and its text.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use crate::process;

/// A file longer than this is data: it is weighed, not read.
const TEXT_BYTES_MAX: u64 = 2 << 20;

/// The files of one checkout, or of a scene in a test.
#[derive(Debug, Default)]
pub struct Tree {
    files: BTreeMap<String, Entry>,
}

/// One file: its length, and its text when it is text.
#[derive(Debug)]
pub struct Entry {
    /// Length in bytes on disk.
    pub bytes: u64,
    /// The text, or `None` where the file is not UTF-8 or is longer than tidy reads.
    pub text: Option<String>,
}

/// Whether a path has this extension, given without its dot.
pub fn is_kind(path: &str, extension: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, found)| found == extension)
}

/// The root of the checkout this program was built from.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

impl Tree {
    /// Reads the checkout: what git tracks and what it would track.
    ///
    /// Without git (a source archive) every file is taken except build folders.
    ///
    /// Errors: a file that cannot be read, with its path.
    pub fn read(root: &Path) -> io::Result<Self> {
        let args = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
        let paths: Vec<String> = match process::output(root, "git", &args) {
            Ok(list) => list.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect(),
            Err(_) => walk(root)?,
        };
        let mut files = BTreeMap::new();
        for path in paths {
            let full = root.join(&path);
            // A tracked file may be deleted in the work tree; a submodule or link is not ours to read.
            if fs::symlink_metadata(&full).is_ok_and(|found| found.is_file()) {
                files.insert(path, Entry::read(&full)?);
            }
        }
        Ok(Self { files })
    }

    /// A checkout made of the given files, for scenes.
    pub fn of(files: &[(&str, &str)]) -> Self {
        let entry = |text: &str| Entry { bytes: text.len() as u64, text: Some(text.to_owned()) };
        Self { files: files.iter().map(|(path, text)| ((*path).to_owned(), entry(text))).collect() }
    }

    /// Every file with its path, in order of path.
    pub fn files(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.files.iter().map(|(path, entry)| (path.as_str(), entry))
    }

    /// Every readable file with its text.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files().filter_map(|(path, entry)| Some((path, entry.text.as_deref()?)))
    }

    /// The text of one file.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path)?.text.as_deref()
    }

    /// Whether a file, or a folder with files in it, is there.
    pub fn has(&self, path: &str) -> bool {
        let folder = format!("{}/", path.trim_end_matches('/'));
        self.files.contains_key(path)
            || self.files.range(folder.clone()..).next().is_some_and(|(next, _)| next.starts_with(&folder))
    }

    /// The names of the workspace's crates, from their folders.
    pub fn crates(&self) -> Vec<&str> {
        let manifests =
            self.files.keys().filter_map(|path| path.strip_prefix("crates/")?.strip_suffix("/Cargo.toml"));
        manifests.filter(|name| !name.contains('/')).collect()
    }
}

impl Entry {
    fn read(path: &Path) -> io::Result<Self> {
        let bytes = fs::metadata(path)?.len();
        Ok(Self { bytes, text: if bytes > TEXT_BYTES_MAX { None } else { read_text(path)? } })
    }
}

/// Reads a text file of the checkout.
///
/// Bounds: 2 MiB; a longer file, like one that is not UTF-8, is `None`.
/// Errors: the file cannot be read; the message names it.
pub fn read_text(path: &Path) -> io::Result<Option<String>> {
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    let mut bytes = Vec::new();
    File::open(path).map_err(named)?.take(TEXT_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(named)?;
    Ok(if bytes.len() as u64 > TEXT_BYTES_MAX { None } else { String::from_utf8(bytes).ok() })
}

/// Writes a generated file of the checkout, with its folders.
///
/// Errors: the file cannot be written; the message names it.
pub fn write_text(path: &Path, text: &str) -> io::Result<()> {
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(named)?;
    }
    File::create(path).and_then(|mut file| file.write_all(text.as_bytes())).map_err(named)
}

fn walk(root: &Path) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if path.is_dir() && !path.is_symlink() {
                if !["target", ".git", ".cache", "node_modules"].contains(&name) {
                    folders.push(path);
                }
            } else if let Some(relative) = path.strip_prefix(root).ok().and_then(Path::to_str) {
                found.push(relative.to_owned());
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_there_when_a_file_is_in_it() {
        let tree = Tree::of(&[("docs/a.md", ""), ("docs-old/b.md", "")]);
        for (path, there) in
            [("docs", true), ("docs/", true), ("docs/a.md", true), ("doc", false), ("docs/b.md", false)]
        {
            assert_eq!(tree.has(path), there, "{path}");
        }
    }

    #[test]
    fn without_git_the_walk_finds_the_same_sources() {
        let walked = walk(&root().join("crates/xtask")).unwrap();
        assert!(walked.contains(&"src/tree.rs".to_owned()), "{walked:?}");
    }
}
