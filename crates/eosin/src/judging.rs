//! Whole inputs judged: every record of files, folders and archives, on every core, told in order.
//!
//! What `judge`, `certify` and `filter` say of a record comes from here, so they cannot disagree.

use std::{io, path::PathBuf, sync::Arc};

use flow::Recognition;
use mark::{Form, Reading, TrustStore, Verdict, judge as judge_reading};
use recognise::{Batch, Evidence, Recogniser, SUSPECTED_FROM_DECIBITS};

use crate::{
    column_maps::ColumnMaps,
    config::Config,
    input::{
        Skipped, Sources,
        reading::{self, Event, Part, Rows},
    },
    judge_command::TrustedKey,
    pipeline,
    printer::Printer,
    progress::Progress,
    trust,
};

/// What records are judged with. The same for all of them.
pub(crate) struct Judge {
    /// Logs and datasets.
    pub(crate) trust: TrustStore,
    /// The registry and the recognisers.
    pub(crate) recognition: Recognition,
    /// What columns hold, where somebody said.
    pub(crate) columns: ColumnMaps,
}

/// What a command line says of how to judge.
pub(crate) struct Asked<'a> {
    /// Keys of logs.
    pub(crate) trusted: &'a [TrustedKey],
    /// Files of datasets.
    pub(crate) datasets: &'a [PathBuf],
    /// A map of columns.
    pub(crate) map: Option<&'a PathBuf>,
    /// Whether records without a mark are looked at further.
    pub(crate) recognise: bool,
}

impl Judge {
    /// Judging as the configuration and the command line say.
    ///
    /// Without a configuration the recognisers are asked, which need none, and no registry.
    ///
    /// Errors: a report for what was named and cannot be read.
    pub(crate) fn new(config: Option<&Config>, asked: &Asked<'_>, printer: &Printer) -> miette::Result<Self> {
        let (trust, notes) = trust::gather(config, asked.trusted, asked.datasets)?;
        for note in &notes {
            printer.note(note);
        }
        let recognition = match config {
            _ if !asked.recognise => Recognition::off(),
            Some(config) => config.recognition()?,
            None => Recognition::new(Some(Recogniser::built_in()), None, SUSPECTED_FROM_DECIBITS),
        };
        let columns = ColumnMaps::asked(asked.map.map(PathBuf::as_path))?;
        Ok(Self { trust, recognition, columns })
    }

    /// The one answer about a record.
    ///
    /// Shape:  `may_be_other` where nobody said what the rows of a table are.
    pub(crate) fn verdict(&self, reading: &Reading<'_>, may_be_other: bool) -> Verdict {
        self.look(reading, may_be_other).0
    }

    /// The verdict, and what the recognisers saw in a record without a mark.
    fn look(&self, reading: &Reading<'_>, may_be_other: bool) -> (Verdict, Option<Evidence>) {
        let verdict = judge_reading(reading, &self.trust);
        let verdict = if may_be_other { as_its_dataset_says(reading, verdict, &self.trust) } else { verdict };
        let columns = reading.content.as_ref().ok().and_then(|record| self.columns.of(record));
        self.recognition.look(verdict, reading, columns)
    }
}

/// Some records to be judged.
pub(crate) struct Judging<'c> {
    judge: &'c Judge,
    /// The file, or the entry of an archive, that they stand in.
    pub(crate) part: &'c Part,
    rows: &'c Rows,
}

impl Judging<'_> {
    /// Judges one after the other, in order; what the recognisers saw in those without a mark.
    pub(crate) fn each(&self, mut take: impl FnMut(&Reading<'_>, &Verdict)) -> Batch {
        let mut batch = Batch::default();
        for reading in self.rows.readings() {
            let (verdict, evidence) = self.judge.look(&reading, self.part.may_be_other);
            if let Some(evidence) = evidence {
                batch.observe(&evidence);
            }
            take(&reading, &verdict);
        }
        batch
    }

    /// The bytes of each, where it has some of its own: a line, a row, a message.
    pub(crate) fn bytes(&self) -> Option<Vec<&[u8]>> {
        self.rows.record_bytes()
    }
}

/// What is told of an input, in its order.
pub(crate) enum Told<T> {
    /// What was made of a chunk.
    Chunk(Arc<Part>, T),
    /// A part's end; what broke it off, if it ended early.
    End(Arc<Part>, Option<io::Error>),
    /// Something that was found and holds no records.
    Skipped(Skipped),
    /// Something that should be read and cannot be.
    Refused(miette::Report),
}

/// Judges every record of the sources.
///
/// Shape:  `work` judges each chunk and makes something of it, on any thread; `tell` gets it, in order, on the caller's.
/// Bounds: a few chunks in memory for each core.
/// Errors: none; what cannot be read is told, and the rest is judged.
pub(crate) fn each<T: Send>(
    sources: &Sources,
    object: &(dyn Fn(usize) -> Option<String> + Sync),
    judge: &Judge,
    printer: &Printer,
    work: impl Fn(&Judging<'_>) -> T + Sync,
    mut tell: impl FnMut(Told<T>),
) {
    let progress = Progress::new("judging", sources.bytes(), printer);
    let update = |consumed| progress.update(consumed);
    let done: Result<(), std::convert::Infallible> = pipeline::in_order(
        |give| {
            reading::read(sources, object, &update, give);
            Ok(())
        },
        |event| {
            Ok(match event {
                Event::Rows(part, rows) => {
                    let made = work(&Judging { judge, part: &part, rows: &rows });
                    Told::Chunk(part, made)
                }
                Event::End(part, broken) => Told::End(part, broken),
                Event::Skipped(skipped) => Told::Skipped(skipped),
                Event::Refused(report) => Told::Refused(report),
            })
        },
        |told| {
            tell(told);
            Ok(())
        },
    );
    let Ok(()) = done;
    progress.finish();
}

/// A table's name is not in the table: where a mark seems to be another record's only because the file was renamed,
/// the names that the mark's own dataset gives are tried.
pub(crate) fn as_its_dataset_says(reading: &Reading<'_>, verdict: Verdict, trust: &TrustStore) -> Verdict {
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
