//! The files that are certified: found, digested before and after they are judged, and known again by digest.

use std::{
    fs::{self, File},
    io::Read as _,
    path::{Path, PathBuf},
    time::SystemTime,
};

use aws_lc_rs::digest::{Context, SHA256};
use certificate::{SubjectDigest, is_of};
use data_encoding::HEXLOWER;
use miette::{IntoDiagnostic as _, WrapErr as _, miette};

use crate::input::{self, Reads, STANDARD_INPUT};

/// One file, and what its subject is called.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Source {
    /// Its path below the folder that was named, or its own name.
    pub(super) name: String,
    /// Where it is.
    pub(super) path: PathBuf,
}

/// The files of these paths; of a folder all files in it and below, in order of name.
///
/// Dataset files and certificates hold no records and are passed over, if that is what they are.
///
/// Bounds: [`FILES_MAX`] files, [`DEPTH_MAX`] folders deep.
/// Errors: a report: a path that cannot be read, no file, too many, a link, or a name that is not text.
pub(super) fn gather(paths: &[PathBuf]) -> miette::Result<Vec<Source>> {
    let mut sources = Vec::new();
    for path in paths {
        if path == Path::new(STANDARD_INPUT) {
            return Err(miette!(
                "what is certified is read twice, so it cannot be standard input; save it to a file"
            ));
        }
        let found = fs::metadata(path)
            .into_diagnostic()
            .wrap_err_with(|| format!("cannot read {}", path.display()))?;
        if found.is_dir() {
            below(path, "", DEPTH_MAX, &mut sources)?;
        } else {
            input::refuse_pipes(path, Reads::Again)?;
            sources.push(Source { name: name_of(path)?, path: path.clone() });
        }
    }
    if sources.is_empty() {
        return Err(miette!("there is no file to certify, so nothing can be said"));
    }
    Ok(sources)
}

/// Whether each file has a name of its own, under which a certificate can say how it was read.
///
/// Errors: a report that names two that have not.
pub(super) fn are_told_apart(sources: &[Source]) -> miette::Result<()> {
    let mut by_name: Vec<&Source> = sources.iter().collect();
    // With the slash behind a name, what is within a name follows it.
    by_name.sort_by_cached_key(|source| format!("{}/", source.name));
    let like = by_name.windows(2).find_map(|two| match two {
        [one, other] if is_of(&other.name, &one.name) => Some((one, other)),
        _ => None,
    });
    let Some((one, other)) = like else { return Ok(()) };
    Err(miette!(
        help = "certify each by itself, or the folder that holds them all",
        "{} and {} would be `{}` and `{}` in the certificate, which cannot be told apart",
        one.path.display(),
        other.path.display(),
        one.name,
        other.name
    ))
}

fn below(folder: &Path, prefix: &str, depth: usize, sources: &mut Vec<Source>) -> miette::Result<()> {
    let cannot = || format!("cannot list {}", folder.display());
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).into_diagnostic().wrap_err_with(cannot)? {
        names.push(name_of(&entry.into_diagnostic().wrap_err_with(cannot)?.path())?);
    }
    names.sort();
    for name in names {
        let path = folder.join(&name);
        let kind = fs::symlink_metadata(&path).into_diagnostic().wrap_err_with(cannot)?.file_type();
        let name = format!("{prefix}{name}");
        if kind.is_dir() {
            if depth == 0 {
                return Err(miette!("{} is more than {DEPTH_MAX} folders deep", path.display()));
            }
            below(&path, &format!("{name}/"), depth - 1, sources)?;
        } else if !kind.is_file() {
            return Err(miette!(
                help = "put the file itself there, or certify what the link leads to",
                "{} is a link or a device, and what it leads to may change",
                path.display()
            ));
        } else if !is_companion(&path) {
            if sources.len() == FILES_MAX {
                return Err(miette!("there are more than {FILES_MAX} files in {}", folder.display()));
            }
            sources.push(Source { name, path });
        }
    }
    Ok(())
}

/// Most files of one certificate.
const FILES_MAX: usize = 100_000;
/// Most folders below the one that was named.
const DEPTH_MAX: usize = 32;

/// A dataset file or a certificate, by its name and by what it holds.
fn is_companion(path: &Path) -> bool {
    File::open(path).is_ok_and(|mut file| input::is_signed(&path.to_string_lossy(), &mut file))
}

fn name_of(path: &Path) -> miette::Result<String> {
    path.file_name()
        .and_then(|name| name.to_str())
        .map(str::to_owned)
        .ok_or_else(|| miette!("{} has no name that can be written down", path.display()))
}

/// What a file was at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Look {
    length: u64,
    changed: Option<SystemTime>,
    pub(super) digest: SubjectDigest,
}

/// Looks at a file: reads all of it.
pub(super) fn look(path: &Path) -> miette::Result<Look> {
    let read = || {
        let mut file = File::open(path)?;
        let found = file.metadata()?;
        let mut context = Context::new(&SHA256);
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            let length = file.read(&mut buffer)?;
            if length == 0 {
                break;
            }
            context.update(buffer.get(..length).unwrap_or_default());
        }
        let sha256 = HEXLOWER.encode(context.finish().as_ref());
        Ok::<_, std::io::Error>(Look {
            length: found.len(),
            changed: found.modified().ok(),
            digest: SubjectDigest { sha256 },
        })
    };
    read().into_diagnostic().wrap_err_with(|| format!("cannot read {}", path.display()))
}

const BUFFER_BYTES: usize = 256 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn put(folder: &Path, name: &str, bytes: &[u8]) {
        fs::create_dir_all(folder.join(name).parent().unwrap()).unwrap();
        ledger::durable::replace(&folder.join(name), bytes).unwrap();
    }

    #[test]
    fn a_folder_is_its_files_in_order_without_companions() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        put(at, "b.csv", b"x");
        put(at, "a/z.csv", b"x");
        put(at, "c.dataset.json", b"{\"LastName\":\"not a dataset\"}");
        put(
            at,
            "d.certificate.json",
            br#"{"payload":"e30=","payloadType":"t","signatures":[{"sig":"e30="}]}"#,
        );
        let names = |paths: &[PathBuf]| -> Vec<String> {
            gather(paths).unwrap().into_iter().map(|source| source.name).collect()
        };
        assert_eq!(
            names(&[at.to_owned()]),
            ["a/z.csv", "b.csv", "c.dataset.json", "d.certificate.json"],
            "only what is a companion is passed over"
        );
        assert_eq!(names(&[at.join("b.csv")]), ["b.csv"]);
        let empty = tempfile::tempdir().unwrap();
        assert!(gather(&[empty.path().to_owned()]).is_err());
        assert!(gather(&["-".into()]).is_err());
        std::os::unix::fs::symlink(at.join("b.csv"), at.join("e.csv")).unwrap();
        assert!(gather(&[at.to_owned()]).unwrap_err().to_string().contains("link"));
    }

    #[test]
    fn names_that_cannot_be_told_apart_are_refused() {
        let source = |name: &&str| Source { name: (*name).to_owned(), path: PathBuf::from(name) };
        for (names, is_fine) in [
            (&["a.csv", "b.csv"][..], true),
            (&["b.csv", "a.csv", "b.csv"], false),
            (&["a/b.csv", "a-b.csv", "a"], false),
            (&["a", "a.csv", "ab/c.csv"], true),
        ] {
            let sources: Vec<Source> = names.iter().map(source).collect();
            assert_eq!(are_told_apart(&sources).is_ok(), is_fine, "{names:?}");
        }
    }

    #[test]
    fn a_look_tells_a_change() {
        let folder = tempfile::tempdir().unwrap();
        put(folder.path(), "a", b"abc");
        let before = look(&folder.path().join("a")).unwrap();
        assert_eq!(before.digest.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(before, look(&folder.path().join("a")).unwrap());
        put(folder.path(), "a", b"abd");
        assert_ne!(before, look(&folder.path().join("a")).unwrap());
    }
}
