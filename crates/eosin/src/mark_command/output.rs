//! What is written: everything in `NAME.new/` beside its place, moved there whole at the end or not at all.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use columnar::Writer;
use mark::Manifest;
use miette::{IntoDiagnostic as _, WrapErr as _, miette};

use super::{
    content::Written,
    exports::beside,
    growing::{Growing, Grown},
    sources::{Source, Sources},
    survey::Fate,
};
use crate::appearing::{Placed, Unfinished, no_wider_than};

/// OUT and, where something was rejected, `OUT.rejected`, on their way.
#[derive(Debug)]
pub(super) struct Outputs {
    marked: Output,
    rejected: Option<Output>,
}

impl Outputs {
    /// Begins both.
    ///
    /// Shape:  one file each where one file was given, else a folder each with the names of IN.
    pub(super) fn begin(
        out: &Path,
        sources: &Sources,
        fates: &[Fate],
        manifest: &Manifest,
    ) -> miette::Result<Self> {
        let rejects = fates.iter().any(Fate::rejects);
        let mut both = Self {
            marked: Output::begin(out, sources, Some(manifest.id().to_string()))?,
            rejected: rejects.then(|| Output::begin(&beside(out, ".rejected"), sources, None)).transpose()?,
        };
        for (Source { path, name, .. }, fate) in sources.files.iter().zip(fates) {
            match (fate, &mut both.rejected) {
                (Fate::Marked { rejected, .. }, other) => {
                    both.marked.files.push(Some(both.marked.file_for(name)));
                    if let Some(output) = other {
                        output.files.push((*rejected > 0).then(|| output.file_for(name)));
                    }
                }
                (Fate::Copied, _) => both.marked.copy(path, name)?,
                (Fate::Rejected, Some(output)) => output.copy(path, name)?,
                (Fate::Rejected, None) => {}
            }
            both.marked.pad();
            both.rejected.iter_mut().for_each(Output::pad);
        }
        for name in &sources.others {
            both.marked.copy(&sources.root.join(name), name)?;
        }
        Ok(both)
    }

    /// Appends to a file of both.
    pub(super) fn write(&mut self, file: usize, written: &Written) -> miette::Result<()> {
        self.marked.write(file, written)?;
        match &mut self.rejected {
            Some(output) => output.write(file, written),
            None => Ok(()),
        }
    }

    /// Makes both durable, still beside their places; what was marked, file by file.
    pub(super) fn sync(&mut self) -> miette::Result<BTreeMap<usize, Grown>> {
        if let Some(output) = &mut self.rejected {
            output.sync()?;
        }
        self.marked.sync()
    }

    /// What has its name before OUT, which is the last.
    pub(super) fn placing(&self) -> Placed {
        Placed::before(&self.marked.begun)
    }

    /// Puts both in their places, the rejected records first.
    pub(super) fn finish(self, placed: &mut Placed) -> miette::Result<()> {
        if let Some(output) = self.rejected {
            placed.finish(output.begun)?;
        }
        placed.finish(self.marked.begun)
    }
}

/// A file or a folder that appears whole.
#[derive(Debug)]
struct Output {
    begun: Unfinished,
    is_folder: bool,
    // What is read.
    root: PathBuf,
    // One a source: where it is written, if it is.
    files: Vec<Option<PathBuf>>,
    // The sources.
    from: Vec<PathBuf>,
    growing: Option<(usize, Growth)>,
    // Whose labels are written; none where what is rejected is.
    dataset: Option<String>,
    grown: BTreeMap<usize, Grown>,
    opened: usize,
}

/// A file being written.
#[derive(Debug)]
enum Growth {
    Text(Box<Growing>),
    Rows(Box<Writer<Growing>>),
}

impl Output {
    fn begin(place: &Path, sources: &Sources, dataset: Option<String>) -> miette::Result<Self> {
        let begun = Unfinished::begin(place)?;
        let (path, is_folder) = (begun.path(), sources.is_folder);
        let made = if is_folder { fs::create_dir(&path) } else { File::create_new(&path).map(drop) };
        made.and_then(|()| no_wider_than(&path, &sources.root))
            .into_diagnostic()
            .wrap_err_with(|| wrong(&path))?;
        Ok(Self {
            begun,
            is_folder,
            root: sources.root.clone(),
            from: sources.files.iter().map(|source| source.path.clone()).collect(),
            files: Vec::new(),
            growing: None,
            dataset,
            grown: BTreeMap::new(),
            opened: 0,
        })
    }

    fn file_for(&self, name: &Path) -> PathBuf {
        if self.is_folder { self.begun.path().join(name) } else { self.begun.path() }
    }

    /// Says of the source at hand, if nothing was said yet, that it is not written.
    fn pad(&mut self) {
        self.opened += 1;
        self.files.resize(self.opened, None);
    }

    /// Makes the folders within OUT that a file is in, each with no more rights than that of IN.
    fn with_folder(&self, file: &Path) -> io::Result<()> {
        let root = self.begun.path();
        let Some(within) = file.parent().and_then(|folder| folder.strip_prefix(&root).ok()) else {
            return Ok(());
        };
        let mut made = PathBuf::new();
        for name in within {
            made.push(name);
            let folder = root.join(&made);
            if !folder.exists() {
                fs::create_dir(&folder)?;
                no_wider_than(&folder, &self.root.join(&made))?;
            }
        }
        Ok(())
    }

    fn copy(&self, from: &Path, name: &Path) -> miette::Result<()> {
        let to = self.file_for(name);
        self.with_folder(&to)
            .and_then(|()| fs::copy(from, &to).map(drop))
            .and_then(|()| File::open(&to)?.sync_all())
            .into_diagnostic()
            .wrap_err_with(|| wrong(&to))
    }

    fn write(&mut self, file: usize, written: &Written) -> miette::Result<()> {
        let Some(path) = self.files.get(file).and_then(Clone::clone) else { return Ok(()) };
        if self.growing.as_ref().is_none_or(|(at_hand, _)| *at_hand != file) {
            let begun = self
                .with_folder(&path)
                .and_then(|()| Growing::begin(&path, ends_in_gz(&path)))
                .into_diagnostic()
                .wrap_err_with(|| wrong(&path))?;
            let growth = match written {
                Written::Text { .. } => Growth::Text(Box::new(begun)),
                Written::Rows { source, .. } => {
                    let writer = Writer::begin(begun, source, self.dataset.as_deref());
                    Growth::Rows(Box::new(writer.into_diagnostic().wrap_err_with(|| wrong(&path))?))
                }
            };
            self.end()?;
            self.growing = Some((file, growth));
        }
        let is_marked = self.dataset.is_some();
        let done = match (self.growing.as_mut().map(|(_, growth)| growth), written) {
            (Some(Growth::Text(growing)), Written::Text { marked, rejected }) => {
                growing.write_all(if is_marked { marked } else { rejected }).into_diagnostic()
            }
            (Some(Growth::Rows(writer)), Written::Rows { chunk, labels, .. }) if is_marked => {
                writer.place(chunk, labels).into_diagnostic()
            }
            (Some(Growth::Rows(writer)), Written::Rows { chunk, labels, .. }) => {
                let unfit: Vec<bool> = labels.iter().map(Option::is_none).collect();
                writer.select(chunk, &unfit).into_diagnostic()
            }
            _ => Err(miette!("a file cannot be text and Parquet")),
        };
        done.wrap_err_with(|| wrong(&path))
    }

    fn end(&mut self) -> miette::Result<()> {
        let Some((file, growth)) = self.growing.take() else { return Ok(()) };
        let growing = match growth {
            Growth::Text(growing) => Ok(*growing),
            Growth::Rows(writer) => writer.finish().into_diagnostic(),
        };
        let grown = growing
            .and_then(|growing| growing.end().into_diagnostic())
            .wrap_err_with(|| wrong(&self.begun.path()))?;
        if let (Some(Some(path)), Some(from)) = (self.files.get(file), self.from.get(file)) {
            no_wider_than(path, from).into_diagnostic().wrap_err_with(|| wrong(path))?;
        }
        self.grown.insert(file, grown);
        Ok(())
    }

    fn sync(&mut self) -> miette::Result<BTreeMap<usize, Grown>> {
        self.end()?;
        if self.is_folder {
            let path = self.begun.path();
            let synced = File::open(&path).and_then(|folder| folder.sync_all());
            synced.into_diagnostic().wrap_err_with(|| wrong(&path))?;
        }
        Ok(std::mem::take(&mut self.grown))
    }
}

/// Whether a file is to be zipped, by its name: in a folder its own, else OUT's.
fn ends_in_gz(path: &Path) -> bool {
    let is = |path: &Path, end: &str| path.extension().is_some_and(|found| found == end);
    if is(path, "rejected") { is(&path.with_extension(""), "gz") } else { is(path, "gz") }
}

fn wrong(path: &Path) -> String {
    format!("cannot write {}", path.display())
}

#[cfg(test)]
mod tests;
