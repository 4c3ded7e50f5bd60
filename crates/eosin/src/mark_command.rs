//! `eosin mark`: seals the records of a file or a folder as one dataset, logs it, and writes what is marked.
//!
//! Everything is read twice, a piece at a time: first to see which fields there are, then to seal. The registry and
//! the ledger come before the result: what is written under OUT was logged, and OUT is there whole or not at all.

use std::path::{Path, PathBuf};

use mark::{DatasetFile, MANIFEST_BYTES_MAX, Manifest};
use miette::{WrapErr as _, miette};

use crate::{
    appearing,
    arguments::MarkArguments,
    config::Config,
    input::{self, STANDARD_INPUT},
    keys,
    outcome::{Done, Outcome},
    printer::Printer,
};

mod columns;
mod content;
mod description;
mod exports;
mod fitness;
mod growing;
pub(crate) mod logging;
mod output;
mod plan;
mod reading;
mod recognised;
pub(crate) mod registering;
mod sealing;
mod sources;
mod summary;
mod survey;

pub(crate) use exports::Export;

use description::Description;
use fitness::Fitness;
use output::Outputs;
use plan::Plan;
use reading::Reader;
use registering::Registering;
use sealing::Sealing;
use sources::Sources;
use summary::Summary;
use survey::{Fate, Surveyed};

/// Marks a file or a folder.
///
/// Errors: a report, exit code 2, and nothing is there under OUT nor beside it.
pub(crate) fn mark(arguments: &MarkArguments, printer: &Printer) -> Done {
    let config = Config::load(&arguments.config)?;
    let plan = Plan::of(Description::of(arguments)?, &config)?;
    let asked = plan.description();
    let places = Places::of(&arguments.out, &asked.exports);
    places.are_free(&arguments.input)?;
    let sources = Sources::find(&arguments.input)?;

    let fitness = Fitness { subject: plan.subject, columns: &asked.columns };
    let surveyed = survey::survey(&sources, &fitness, asked.object.as_deref(), printer)?;
    if arguments.strict && surveyed.rejected.count > 0 {
        return Err(summary::refused(&surveyed));
    }
    let source = plan.source(surveyed.recognised.as_ref())?;
    let manifest = plan.manifest(source, surveyed.objects.clone(), keys::salt()?);
    is_short(&manifest)?;

    // Ledger and registry are opened before sealing: that somebody else is writing to them is known early.
    let mut ledger = logging::open(&config)?;
    let mut registering = Registering::begin(plan.subject, &config, &asked.columns)?;
    let mut out = Outputs::begin(&arguments.out, &sources, &surveyed.files, &manifest)?;
    let at = sealing::moment();
    let reader = Reader { sources: &sources, object: asked.object.as_deref(), skipped: skipped(&surveyed) };
    let fingerprinter = registering.as_ref().map(Registering::fingerprinter);
    let sealing = Sealing {
        reader,
        fitness,
        surveyed: &surveyed,
        manifest: &manifest,
        fingerprinter: fingerprinter.as_deref(),
        at: &at,
    };
    let register = |found| registering.as_mut().map_or(Ok(()), |registering| registering.add(found));
    let sealed = sealing.run(&mut out, register, printer)?;
    let grown = out.sync()?;

    let registered = registering.map(Registering::commit).transpose()?.flatten();
    let logged = logging::log(&mut ledger, &sealed)?;
    let snapshot = registered.as_ref().map(|registered| registered.log(&mut ledger)).transpose()?;
    let unpublished = ledger.publish().err().map(|error| error.to_string());
    let file = DatasetFile { manifest, receipts: logged.receipts };
    let summary = Summary {
        manifest: &file.manifest,
        surveyed: &surveyed,
        sources: &sources,
        contradicted: plan.contradiction(surveyed.recognised.as_ref()),
        batches: sealed.len(),
        origin: ledger.origin(),
        first: logged.first,
        last: logged.last,
        registered: registered.as_ref(),
        snapshot,
        places: &places,
        config: &config,
        config_as_given: &arguments.config,
    };
    let exported = exports::write_all(&asked.exports, &summary, &grown, &at);
    places.put(file.to_json().as_bytes(), &exported, out).wrap_err_with(|| {
        format!(
            "the dataset is logged at {} to {} of `{}`, but {} is not there; mend the cause and mark again",
            logged.first,
            logged.last,
            ledger.origin(),
            arguments.out.display()
        )
    })?;
    summary.tell(arguments.json, printer);
    if let Some(cause) = unpublished {
        printer.note(&format!("The ledger holds the dataset and could not publish it yet: {cause}"));
    }
    Ok(if surveyed.rejected.count == 0 { Outcome::Clean } else { Outcome::Findings })
}

fn is_short(manifest: &Manifest) -> miette::Result<()> {
    let length = manifest.to_canonical().len();
    if length <= MANIFEST_BYTES_MAX {
        return Ok(());
    }
    let objects = manifest.objects.len();
    Err(miette!(
        help = "if the files are parts of one table, say `--object NAME`; else mark them in several runs",
        "the manifest would have {length} bytes, more than {MANIFEST_BYTES_MAX}: it names the fields of {objects} objects, one for each \
         name of a file where nobody says what its rows are"
    ))
}

/// The files that are not read a second time.
fn skipped(surveyed: &Surveyed) -> std::collections::BTreeSet<usize> {
    let is_marked = |fate: &Fate| matches!(fate, Fate::Marked { .. });
    surveyed.files.iter().enumerate().filter(|(_, fate)| !is_marked(fate)).map(|(file, _)| file).collect()
}

/// Where everything is put.
#[derive(Debug)]
pub(crate) struct Places {
    out: PathBuf,
    rejected: PathBuf,
    dataset: PathBuf,
    exports: Vec<PathBuf>,
}

impl Places {
    fn of(out: &Path, exports: &[Export]) -> Self {
        Self {
            // Without the slash that a shell puts behind a folder.
            out: out.components().collect(),
            rejected: exports::beside(out, ".rejected"),
            dataset: input::dataset_beside(out),
            exports: exports.iter().filter_map(|export| export.beside(out)).collect(),
        }
    }

    /// What OUT is called.
    pub(crate) fn out_name(&self) -> String {
        self.out.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Whether the results have places: nothing is overwritten, least of all what is read.
    fn are_free(&self, from: &Path) -> miette::Result<()> {
        if from == Path::new(STANDARD_INPUT) {
            return Err(miette!("IN is read twice, so it cannot be standard input; save it to a file first"));
        }
        let real = |path: &Path| std::fs::canonicalize(path).ok();
        let (root, out) = (real(from), real(&self.out));
        if root.is_some() && root == out {
            return Err(miette!(help = "name another one with `--out`", "OUT is IN: {}", self.out.display()));
        }
        let parent =
            self.out.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if let (Some(root), Some(parent)) = (root, real(parent))
            && parent.starts_with(&root)
        {
            return Err(miette!(
                help = "name a place outside of it with `--out`",
                "OUT would be in IN: {}",
                self.out.display()
            ));
        }
        let places = [&self.out, &self.rejected, &self.dataset].into_iter().chain(&self.exports);
        appearing::make_free(&places.cloned().collect::<Vec<_>>(), from)
    }

    /// Puts what lies beside OUT, and OUT at last: all of it or nothing, for a dataset file without its records would only
    /// confuse.
    fn put(&self, dataset: &[u8], exported: &[Vec<u8>], out: Outputs) -> miette::Result<()> {
        let mut done = out.placing();
        let beside = done.put(&self.dataset, dataset).and_then(|()| {
            self.exports.iter().zip(exported).try_for_each(|(path, bytes)| done.put(path, bytes))
        });
        let put = beside.and_then(|()| out.finish(&mut done));
        if put.is_err() {
            done.undo();
        }
        put
    }
}

/// What to call a file in a command that a person copies.
fn shown(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte));
    if plain { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use ledger::durable;

    use super::*;

    #[test]
    fn nothing_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let from = folder.path().join("in.csv");
        durable::replace(&from, b"a,b\n1,2\n").unwrap();
        let check = |from: &Path, out: &str| {
            let places = Places::of(&folder.path().join(out), &Export::ALL);
            places.are_free(from).err().map(|report| report.to_string()).unwrap_or_default()
        };
        assert_eq!(check(&from, "out.csv"), "");
        assert!(check(&from, "./in.csv").starts_with("OUT is IN"));
        assert!(check(folder.path(), "out").starts_with("OUT would be in IN"));
        for taken in ["a.csv.dataset.json", "b.csv.prov.json", "c.csv.rejected", "d.csv"] {
            durable::replace(&folder.path().join(taken), b"x").unwrap();
        }
        for out in ["a.csv", "b.csv", "c.csv", "d.csv"] {
            assert!(check(&from, out).contains("nothing is overwritten"), "{out}");
        }
        assert!(check(Path::new(STANDARD_INPUT), "out.csv").contains("read twice"));
    }

    #[test]
    fn a_shown_path_can_be_pasted() {
        assert_eq!(shown(Path::new("a/b-c.csv")), "a/b-c.csv");
        assert_eq!(shown(Path::new("it's here.csv")), r"'it'\''s here.csv'");
    }
}
