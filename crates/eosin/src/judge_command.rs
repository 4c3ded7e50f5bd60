//! `eosin judge`: what every record of files and folders is, with the proof behind it or the reason why there is none.

use std::path::{Path, PathBuf};

use mark::TrustStore;
use miette::miette;
use recognise::Batch;

use crate::{
    arguments::JudgeArguments,
    config::Config,
    input::{self, STANDARD_INPUT, Sources},
    judging::{self, Asked, Judge, Judging, Told},
    outcome::{Done, Outcome},
    printer::Printer,
};

mod fail_on;
mod finding;
mod json;
mod report;
mod summary;
mod tally;

pub(crate) use crate::trust::TrustedKey;
pub(crate) use fail_on::FailOn;
pub(crate) use finding::plain;

use finding::Finding;
use json::JsonReport;
use report::Report;
use summary::Summary;
use tally::Tally;

/// Judges every record of the files and folders, or of standard input.
///
/// Records are judged a chunk at a time and forgotten; only counts and the findings that will be printed are kept.
///
/// Errors: a report, exit code 2: something that cannot be read, holds no record, or none that can be read.
/// Never:  prints content of a record, only its place and the reason.
pub(crate) fn judge(arguments: &JudgeArguments, printer: &Printer) -> Done {
    let config = arguments.config.as_deref().map(Config::load).transpose()?;
    let asked = Asked {
        trusted: &arguments.trust,
        datasets: &arguments.datasets,
        map: arguments.map.as_ref(),
        recognise: !arguments.no_recognise,
    };
    let mut judge = Judge::new(config.as_ref(), &asked, printer)?;
    let mut sources = Sources::find(&arguments.files);
    let beside = Beside::find(arguments, &mut sources, &mut judge.trust, printer);
    let mut output = Output::new(arguments.json, printer);
    let mut summary = Summary::begin(&mut sources, judge.recognition.recognised_by());
    let wanted = output.wanted();
    judging::each(
        &sources,
        &|source| beside.objects.get(source).cloned().flatten(),
        &judge,
        printer,
        |judging| Slice::of(judging, wanted),
        |told| match told {
            Told::Chunk(part, slice) => {
                summary.add(&part, &slice);
                slice.findings.into_iter().for_each(|finding| output.add(finding));
            }
            Told::End(part, broken) => summary.end(&part, broken),
            Told::Skipped(skipped) => summary.skipped.push(skipped),
            Told::Refused(refused) => summary.refused.push(refused),
        },
    );
    summary.refused.extend(judge.columns.unmatched());
    if summary.refused.is_empty() && summary.all.total() == 0 {
        summary.refused.push(miette!("there are no records in what was given, so nothing can be said"));
    }
    output.finish(&summary, printer);
    for refused in &summary.refused {
        printer.report(refused);
    }
    let level = arguments.fail_on.iter().copied().max();
    Ok(match (summary.is_whole(), summary.all.passes(level)) {
        (false, _) => Outcome::CouldNotTell,
        (true, true) => Outcome::Clean,
        (true, false) => Outcome::Findings,
    })
}

/// What is kept of a judged chunk.
#[derive(Default)]
struct Slice {
    tally: Tally,
    readable: u64,
    /// The place of the last record.
    last: String,
    /// As many as can be shown.
    findings: Vec<Finding>,
    /// What the recognisers saw.
    batch: Batch,
}

impl Slice {
    fn of(judging: &Judging<'_>, wanted: usize) -> Self {
        let mut slice = Self::default();
        let batch = judging.each(|reading, verdict| {
            slice.tally.add(verdict);
            slice.readable += u64::from(reading.content.is_ok());
            if slice.findings.len() < wanted {
                slice.findings.extend(Finding::of(&judging.part.name, reading, verdict));
            }
            slice.last.clone_from(&reading.place.reference);
        });
        slice.batch = batch;
        slice
    }
}

/// Datasets that lie beside what is judged.
struct Beside {
    /// Of each source, the object of its rows, where something said it.
    objects: Vec<Option<String>>,
}

impl Beside {
    /// Takes in the datasets beside files and folders.
    ///
    /// A table does not say what its rows are; a dataset of one object that lies beside it does.
    fn find(
        arguments: &JudgeArguments,
        sources: &mut Sources,
        trust: &mut TrustStore,
        printer: &Printer,
    ) -> Self {
        let mut admit = |path: &Path| -> miette::Result<Vec<String>> {
            let beside = input::dataset_beside(path);
            if path == Path::new(STANDARD_INPUT) || !beside.exists() {
                return Ok(Vec::new());
            }
            let dataset = crate::config::dataset_file(&beside)?;
            if let Err(error) = trust.admit(&dataset) {
                printer.note(&plain(&format!("{}: {error}", beside.display())));
            }
            Ok(dataset.manifest.objects.into_keys().collect())
        };
        let folders: Vec<&PathBuf> = arguments.files.iter().filter(|path| path.is_dir()).collect();
        for folder in folders {
            sources.refused.extend(admit(folder).err());
        }
        let mut objects = Vec::with_capacity(sources.files.len());
        for source in &sources.files {
            let known = admit(&source.path).unwrap_or_else(|report| {
                sources.refused.push(report);
                Vec::new()
            });
            objects.push(match (&arguments.object, known.as_slice()) {
                (Some(object), _) => Some(object.clone()),
                (None, [only]) => Some(only.clone()),
                (None, _) => None,
            });
        }
        Self { objects }
    }
}

/// Where findings go as they are made.
enum Output {
    People(Report),
    Machines(JsonReport),
}

impl Output {
    fn new(json: bool, printer: &Printer) -> Self {
        if json { Self::Machines(JsonReport::begin(printer)) } else { Self::People(Report::new(printer)) }
    }

    /// How many findings of a chunk can be told at most.
    fn wanted(&self) -> usize {
        match self {
            Self::People(report) => report.shown_max(),
            Self::Machines(_) => usize::MAX,
        }
    }

    fn add(&mut self, finding: Finding) {
        match self {
            Self::People(report) => report.add(finding),
            Self::Machines(report) => report.add(&finding),
        }
    }

    fn finish(self, summary: &Summary, printer: &Printer) {
        match self {
            Self::People(report) => report.finish(summary, printer),
            Self::Machines(report) => report.finish(summary),
        }
    }
}
