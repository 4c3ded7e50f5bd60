//! Every record of the files judged, counted, and put into the content root; what stands against a certificate kept.

use std::collections::BTreeMap;

use certificate::{FileRead, Rule, Suspected, bytes_leaf, is_of, leaf};
use mark::{Reading, Salt, Strength, Verdict, VerdictName, digest::Hash, merkle::Frontier};
use miette::{IntoDiagnostic as _, WrapErr as _, miette};

use super::sources::Source;
use crate::{
    column_maps::ColumnMaps,
    input::{
        Sources,
        reading::{Origin, Part},
    },
    judging::{self, Judge, Told},
    printer::Printer,
};

/// What judging all files gave.
#[derive(Debug)]
pub(super) struct Judged {
    /// Records by verdict, all nine words.
    pub(super) counts: BTreeMap<String, u64>,
    pub(super) suspected: Suspected,
    pub(super) files: Vec<FileRead>,
    /// The root over all records; of no meaning if one was unreadable.
    pub(super) content_root: Hash,
    /// What stands against a certificate, in order, at most [`FINDINGS_MAX`].
    pub(super) findings: Vec<Finding>,
    /// How many records stand against it.
    pub(super) against: u64,
}

/// A record that stands against a certificate. Nothing of its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    /// Zero-based place in the files that were read.
    pub(super) file: usize,
    /// Where it stands in the file.
    pub(super) reference: String,
    pub(super) verdict: VerdictName,
    /// Why, in a sentence.
    pub(super) why: String,
}

/// Most findings that are kept; the counts count all.
const FINDINGS_MAX: usize = 10_000;

impl Judged {
    /// How many records there are.
    pub(super) fn records(&self) -> u64 {
        self.files.iter().map(|file| file.records).sum()
    }
}

/// By what records are judged.
pub(super) struct Judges {
    pub(super) judge: Judge,
    pub(super) rule: Rule,
    pub(super) salt: Salt,
    pub(super) leaves: Leaves,
}

/// What the leaves of a content root are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leaves {
    /// What was read of a record.
    Read,
    /// Its bytes.
    Bytes,
}

/// Judges every record of the files, in order.
///
/// Shape:  `objects` names, for each source, the object of a table's rows where somebody knows it.
/// Bounds: a few chunks of records for each core, [`FINDINGS_MAX`] findings.
/// Errors: a report: the first file that cannot be opened, is nothing we know, or cannot be read to its end.
/// Never:  keeps a value of a record.
pub(super) fn judge_all(
    sources: &[Source],
    objects: &[Option<String>],
    judges: &Judges,
    printer: &Printer,
) -> miette::Result<Judged> {
    let paths: Vec<_> = sources.iter().map(|source| source.path.clone()).collect();
    let mut found = Sources::find(&paths);
    // A certified file may have another name now, which must not say that it holds something else.
    let named = found.files.iter_mut().zip(sources).filter(|(file, source)| file.path == source.path);
    named.for_each(|(file, source)| file.called = Some(source.name.clone()));
    let mut progress = Progress::new(sources, &judges.judge.columns);
    judging::each(
        &found,
        &|source| objects.get(source).cloned().flatten(),
        &judges.judge,
        printer,
        |judging| Slice::of(judging, judges),
        |told| match told {
            Told::Chunk(_, slice) => progress.chunk(slice),
            Told::End(part, None) => progress.end(&part),
            Told::End(part, Some(error)) => {
                let failed = Err::<(), _>(error).into_diagnostic();
                progress.fail(failed.wrap_err_with(|| format!("cannot read {} to its end", part.name)).err());
            }
            Told::Skipped(skipped) => progress.fail(Some(miette!(
                help = "take it out, or give it a name that says what it is",
                "{} {}, so nothing can be said about it",
                skipped.file,
                skipped.why
            ))),
            Told::Refused(report) => progress.fail(Some(report)),
        },
    );
    progress.finish()
}

/// The files as they are read, in order.
struct Progress<'s> {
    sources: &'s [Source],
    columns: &'s ColumnMaps,
    /// The source that the next part belongs to.
    at: usize,
    /// Records of the part that is being read.
    records: u64,
    frontier: Frontier,
    judged: Judged,
    failed: Option<miette::Report>,
}

impl<'s> Progress<'s> {
    fn new(sources: &'s [Source], columns: &'s ColumnMaps) -> Self {
        let judged = Judged {
            counts: VerdictName::ALL.iter().map(|name| (name.as_str().to_owned(), 0)).collect(),
            suspected: Suspected::default(),
            files: Vec::with_capacity(sources.len()),
            content_root: Frontier::default().root(),
            findings: Vec::new(),
            against: 0,
        };
        Self { sources, columns, at: 0, records: 0, frontier: Frontier::default(), judged, failed: None }
    }

    fn chunk(&mut self, slice: Slice) {
        self.records += slice.records;
        slice.leaves.into_iter().for_each(|leaf| self.frontier.push(leaf));
        let judged = &mut self.judged;
        for (name, count) in slice.counts {
            if let Some(all) = judged.counts.get_mut(name.as_str()) {
                *all += count;
            }
        }
        judged.suspected.strong += slice.suspected.strong;
        judged.suspected.weak += slice.suspected.weak;
        judged.against += slice.against;
        let file = judged.files.len();
        let room = FINDINGS_MAX.saturating_sub(judged.findings.len());
        let findings = slice.findings.into_iter().take(room);
        judged.findings.extend(findings.map(|finding| Finding { file, ..finding }));
    }

    fn end(&mut self, part: &Part) {
        let path = |source: &Source| source.path.display().to_string();
        let rest = self.sources.iter().enumerate().skip(self.at);
        let Some((at, source)) = rest.into_iter().find(|(_, source)| is_of(&part.name, &path(source))) else {
            self.fail(Some(miette!("{} was read and not asked for", part.name)));
            return;
        };
        let within = part.name.strip_prefix(&path(source)).unwrap_or_default();
        // A named file is one part; of an archive, others may follow.
        self.at = if part.origin == Origin::Named { at + 1 } else { at };
        self.judged.files.push(FileRead {
            columns: part.object.as_deref().map(|table| self.columns.said(table)).unwrap_or_default(),
            format: part.format.to_owned(),
            name: format!("{}{within}", source.name),
            object: part.object.clone(),
            records: std::mem::take(&mut self.records),
        });
    }

    /// The first failure is told; nothing is certified after it.
    fn fail(&mut self, report: Option<miette::Report>) {
        self.failed = self.failed.take().or(report);
    }

    fn finish(mut self) -> miette::Result<Judged> {
        self.judged.content_root = self.frontier.root();
        self.failed.map_or(Ok(self.judged), Err)
    }
}

/// What is kept of a judged chunk.
#[derive(Default)]
struct Slice {
    records: u64,
    leaves: Vec<Hash>,
    counts: BTreeMap<VerdictName, u64>,
    suspected: Suspected,
    findings: Vec<Finding>,
    against: u64,
}

impl Slice {
    fn of(judging: &judging::Judging<'_>, by: &Judges) -> Self {
        let mut slice = Self::default();
        let bytes = match by.leaves {
            Leaves::Read => None,
            Leaves::Bytes => judging.bytes(),
        };
        let mut bytes = bytes.into_iter().flatten();
        judging.each(|reading, verdict| {
            slice.records += 1;
            let of_it = bytes.next();
            let content = reading.content.as_ref().ok();
            slice.leaves.extend(content.and_then(|record| match by.leaves {
                Leaves::Read => Some(leaf(record, by.salt)),
                // Of what has no lines or rows there is none, and the root will be another.
                Leaves::Bytes => of_it.map(|bytes| bytes_leaf(bytes, by.salt)),
            }));
            slice.add(reading, verdict, by.rule);
        });
        slice
    }

    fn add(&mut self, reading: &Reading<'_>, verdict: &Verdict, rule: Rule) {
        *self.counts.entry(verdict.name()).or_default() += 1;
        if let Verdict::Suspected(suspicion) = verdict {
            match suspicion.strength {
                Strength::Strong => self.suspected.strong += 1,
                Strength::Weak => self.suspected.weak += 1,
            }
        }
        let Some(why) = rule.against(verdict) else { return };
        self.against += 1;
        let reference = reading.place.reference.clone();
        self.findings.push(Finding { file: 0, reference, verdict: verdict.name(), why });
    }
}
