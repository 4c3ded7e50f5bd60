//! `eosin judge`: what every record of a file is, with the proof behind it or the reason why there is none.

use std::path::{Path, PathBuf};

use carrier::table::Format;
use mark::{Form, Reading, TrustStore, Verdict, judge as judge_reading};
use miette::{IntoDiagnostic as _, WrapErr as _, miette};

use crate::{
    arguments::JudgeArguments,
    input::{self, Input, STANDARD_INPUT},
    outcome::{Done, Outcome},
    printer::Printer,
};

mod finding;
mod json;
mod report;
mod tally;
mod trust;

pub(crate) use trust::TrustedKey;

use finding::Finding;
use json::JsonReport;
use report::Report;
use tally::Tally;

/// Judges every record of the files, or of standard input.
///
/// Records are judged one after the other and forgotten; only counts and the findings that will be printed are kept.
///
/// Errors: a report, exit code 2: a file that cannot be read, holds no record, or none that can be read.
/// Never:  prints content of a record, only its place and the reason.
pub(crate) fn judge(arguments: &JudgeArguments, printer: &Printer) -> Done {
    let (mut trust, notes) = trust::gather(arguments)?;
    for note in &notes {
        printer.note(note);
    }
    let mut session = Session { tally: Tally::default(), report: Told::new(arguments.json, printer) };
    let standard_input = [PathBuf::from(STANDARD_INPUT)];
    let files = if arguments.files.is_empty() { &standard_input[..] } else { &arguments.files };
    let mut unread = Vec::new();
    for file in files {
        let done = file_objects(file, &mut trust, printer)
            .and_then(|objects| session.judge_file(file, arguments.object.as_deref(), &objects, &trust));
        // What is wrong with one file does not hide what is in the others.
        if let Err(report) = done {
            unread.push(report);
        }
    }
    let Session { tally, report } = session;
    let outcome = match (unread.is_empty(), tally.is_clean()) {
        (false, _) => Outcome::CouldNotTell,
        (true, true) => Outcome::Clean,
        (true, false) => Outcome::Findings,
    };
    report.finish(&tally, printer);
    for report in &unread {
        printer.report(report);
    }
    Ok(outcome)
}

/// Takes in the dataset that lies beside a file, and says which objects it has.
fn file_objects(file: &Path, trust: &mut TrustStore, printer: &Printer) -> miette::Result<Vec<String>> {
    let beside = input::dataset_beside(file);
    if file == Path::new(STANDARD_INPUT) || !beside.exists() {
        return Ok(Vec::new());
    }
    let dataset = crate::config::dataset_file(&beside)?;
    if let Err(error) = trust.admit(&dataset) {
        printer.note(&finding::plain(&format!("{}: {error}", beside.display())));
    }
    Ok(dataset.manifest.objects.into_keys().collect())
}

/// Where findings go as they are made.
enum Told {
    People(Report),
    Machines(JsonReport),
}

impl Told {
    fn new(json: bool, printer: &Printer) -> Self {
        if json { Self::Machines(JsonReport::begin(printer)) } else { Self::People(Report::new(printer)) }
    }

    fn add(&mut self, finding: Finding) {
        match self {
            Self::People(report) => report.add(finding),
            Self::Machines(report) => report.add(&finding),
        }
    }

    fn finish(self, tally: &Tally, printer: &Printer) {
        match self {
            Self::People(report) => report.finish(tally, printer),
            Self::Machines(report) => report.finish(tally),
        }
    }
}

struct Session {
    tally: Tally,
    report: Told,
}

impl Session {
    fn judge_file(
        &mut self,
        file: &Path,
        object: Option<&str>,
        known: &[String],
        trust: &TrustStore,
    ) -> miette::Result<()> {
        // A table does not say what its rows are; a dataset of one object that lies beside it does.
        let told = object.or(match known {
            [only] => Some(only.as_str()),
            _ => None,
        });
        let mut input: Input = input::open(file, told)?;
        let may_be_other = object.is_none() && matches!(input.format, Format::Table { .. });
        let (mut records, mut readable) = (0_usize, 0_usize);
        let name = if file == Path::new(STANDARD_INPUT) {
            STANDARD_INPUT.to_owned()
        } else {
            file.display().to_string()
        };
        while let Some(chunk) = input
            .chunks
            .next_chunk()
            .into_diagnostic()
            .wrap_err_with(|| format!("cannot read {} to its end", file.display()))?
        {
            for reading in chunk.read().records {
                let verdict = judge_reading(&reading, trust);
                let verdict =
                    if may_be_other { as_its_dataset_says(&reading, verdict, trust) } else { verdict };
                records += 1;
                readable += usize::from(reading.content.is_ok());
                self.tally.add(&verdict);
                if let Some(finding) = Finding::of(&name, &reading, &verdict) {
                    self.report.add(finding);
                }
            }
        }
        if records == 0 {
            return Err(miette!(
                "there are no records in {}, so nothing can be said about it",
                file.display()
            ));
        }
        if readable == 0 {
            return Err(miette!(
                help = "the findings say where and why",
                "no record of {} can be read, so nothing can be said about it",
                file.display()
            ));
        }
        Ok(())
    }
}

/// A table's name is not in the table: where a mark seems to be another record's only because the file was renamed,
/// the names that the mark's own dataset gives are tried.
fn as_its_dataset_says(reading: &Reading<'_>, verdict: Verdict, trust: &TrustStore) -> Verdict {
    let (Verdict::Transplanted(transplant), Ok(record)) = (&verdict, &reading.content) else {
        return verdict;
    };
    if record.form != Form::Table {
        return verdict;
    }
    let objects = transplant.dataset().manifest().objects.keys().take(OBJECTS_TRIED);
    let mut tried = objects.map(|object| {
        let mut record = record.clone();
        record.object = object.clone().into();
        judge_reading(&Reading { place: reading.place.clone(), content: Ok(record) }, trust)
    });
    tried.find(|verdict| verdict.proof().is_some()).unwrap_or(verdict)
}

/// Datasets of tables have one object, or a few.
const OBJECTS_TRIED: usize = 16;
