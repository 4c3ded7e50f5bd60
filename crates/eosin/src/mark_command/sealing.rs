//! The second reading: piece after piece sealed on all cores and written in order, the entries kept for the ledger.

use carrier::Labels;
use jiff::Timestamp;
use mark::{BATCH_RECORDS_MAX, BatchEntry, Draft, Manifest, MarkId, Record, SealedBatch, Sealer, Subject};
use miette::{IntoDiagnostic as _, WrapErr as _, miette};
use recognise::{Fingerprint, PersonTag};

use super::{
    content::Written,
    fitness::{Fit, Fitness},
    output::Outputs,
    reading::{Part, Reader, Work},
    registering::Fingerprinter,
    survey::Surveyed,
};
use crate::{keys, pipeline, printer::Printer, progress::Progress};

/// What sealing needs to know.
#[derive(Debug)]
pub(super) struct Sealing<'s> {
    /// Who reads the files, again.
    pub(super) reader: Reader<'s>,
    /// What is fit to be marked, as before.
    pub(super) fitness: Fitness<'s>,
    /// What the first reading found.
    pub(super) surveyed: &'s Surveyed,
    /// The manifest.
    pub(super) manifest: &'s Manifest,
    /// Who makes fingerprints, if there is a registry.
    pub(super) fingerprinter: Option<&'s Fingerprinter>,
    /// What every entry says of its time.
    pub(super) at: &'s str,
}

/// A fingerprint of a marked record.
pub(super) type Found = (Fingerprint, PersonTag);

/// A sealed piece of work.
struct Sealed {
    entries: Vec<BatchEntry>,
    fingerprints: Vec<Found>,
    parts: Vec<SealedPart>,
}

/// What is written of one chunk.
struct SealedPart {
    file: usize,
    written: Written,
}

impl Sealing<'_> {
    /// Seals everything into `out`, which is not in its place yet; `register` takes the fingerprints.
    ///
    /// Shape:  one entry a batch, in order; a piece of work is one batch, or several if it is one long document.
    /// Errors: a report: a file changed since it was surveyed, or it cannot be labelled or written.
    pub(super) fn run(
        &self,
        out: &mut Outputs,
        mut register: impl FnMut(Vec<Found>) -> miette::Result<()>,
        printer: &Printer,
    ) -> miette::Result<Vec<BatchEntry>> {
        let progress = Progress::new("sealing", self.reader.sources.bytes(), printer);
        let firsts = self.first_batches()?;
        let mut entries = Vec::new();
        pipeline::in_order(
            |give| {
                self.reader.read(&progress, give);
                Ok(())
            },
            |work| self.seal_work(work, &firsts),
            |sealed: Sealed| {
                for part in sealed.parts {
                    out.write(part.file, &part.written)?;
                }
                register(sealed.fingerprints)?;
                entries.extend(sealed.entries);
                Ok(())
            },
        )?;
        progress.finish();
        let expected: usize =
            self.surveyed.expected.iter().flatten().map(|records| records.div_ceil(BATCH_RECORDS_MAX)).sum();
        if entries.len() == expected { Ok(entries) } else { Err(self.changed()) }
    }

    fn changed(&self) -> miette::Report {
        let root = self.reader.sources.root.display();
        miette!(help = "mark it when nobody writes to it", "{root} changed while it was read")
    }

    /// The number of the first batch of each piece of work, by group.
    fn first_batches(&self) -> miette::Result<Vec<Vec<u32>>> {
        let mut next = 0_u32;
        let mut take = |records: usize| {
            let first = next;
            let batches = u32::try_from(records.div_ceil(BATCH_RECORDS_MAX)).ok();
            next = batches
                .and_then(|batches| next.checked_add(batches))
                .ok_or_else(|| miette!("too many batches"))?;
            Ok(first)
        };
        let group = |pieces: &Vec<usize>| pieces.iter().map(|records| take(*records)).collect();
        self.surveyed.expected.iter().map(group).collect()
    }

    fn seal_work(&self, work: Work, firsts: &[Vec<u32>]) -> miette::Result<Sealed> {
        let at = |pieces: &[Vec<_>]| pieces.get(work.group)?.get(work.piece).copied();
        let first = at(firsts).ok_or_else(|| self.changed())?;
        let expected = self.surveyed.expected.get(work.group).and_then(|pieces| pieces.get(work.piece));
        let mut batches = Batches { sealing: self, next: first, open: None, done: Vec::new() };
        let mut fingerprints = Vec::new();
        // Of each part, which of its records are marked.
        let mut fits: Vec<Vec<bool>> = Vec::with_capacity(work.parts.len());
        for part in &work.parts {
            let mut fits_of_part = Vec::new();
            for reading in part.chunk.readings() {
                let fit = self.fitness.of(&reading, &|| reading.place.reference.clone())?;
                if let Fit::Fits(record) = fit {
                    let id = batches.add(record)?;
                    if let Some(fingerprinter) = self.fingerprinter {
                        fingerprinter.add(record, PersonTag::of(id), &mut fingerprints);
                    }
                }
                fits_of_part.push(matches!(fit, Fit::Fits(_)));
            }
            fits.push(fits_of_part);
        }
        let (entries, labels) = batches.finish()?;
        if !work.broken.is_empty() || expected != Some(&labels.len()) {
            return Err(self.changed());
        }
        let mut labels = labels.into_iter();
        let mut parts = Vec::with_capacity(work.parts.len());
        for (part, fits) in work.parts.into_iter().zip(fits) {
            let labels = fits.into_iter().map(|fits| if fits { labels.next() } else { None });
            parts.push(self.place(part, labels.collect())?);
        }
        Ok(Sealed { entries, fingerprints, parts })
    }

    fn place(&self, part: Part, labels: Vec<Option<Labels>>) -> miette::Result<SealedPart> {
        let rejects = self.surveyed.has_rejected(part.file);
        let written =
            part.chunk.place(labels, rejects).into_diagnostic().wrap_err_with(|| {
                format!("the records of {} cannot be labelled", self.reader.name(part.file))
            })?;
        Ok(SealedPart { file: part.file, written })
    }
}

/// The batches of one piece of work: mostly one.
struct Batches<'s> {
    sealing: &'s Sealing<'s>,
    // The number of the next.
    next: u32,
    // The one that takes records.
    open: Option<Sealer<'s>>,
    done: Vec<SealedBatch>,
}

impl Batches<'_> {
    /// Adds a record; the short name that its mark will have.
    fn add(&mut self, record: &Record<'_>) -> miette::Result<MarkId> {
        let sealing = self.sealing;
        if self.open.as_ref().is_some_and(Sealer::is_full) {
            self.end()?;
        }
        let open = match &mut self.open {
            Some(open) => open,
            none => {
                let sealer = Sealer::new(sealing.manifest, self.next);
                self.next = self.next.checked_add(1).ok_or_else(|| sealing.changed())?;
                none.insert(sealer)
            }
        };
        let draft = draft(record, sealing.manifest.subject)?;
        open.add(&draft).map_err(|error| miette!("{error}; {}", sealing.changed()))
    }

    fn end(&mut self) -> miette::Result<()> {
        let Some(sealer) = self.open.take() else { return Ok(()) };
        let batch =
            sealer.finish(self.sealing.at).map_err(|error| miette!("{error}; {}", self.sealing.changed()))?;
        self.done.push(batch);
        Ok(())
    }

    /// What goes into the ledger, and the labels of all records, in order.
    fn finish(mut self) -> miette::Result<(Vec<BatchEntry>, Vec<Labels>)> {
        self.end()?;
        let (mut entries, mut labels) = (Vec::new(), Vec::new());
        for batch in self.done {
            labels.extend(Labels::of_batch(&batch));
            entries.push(batch.entry);
        }
        Ok((entries, labels))
    }
}

/// A draft; a person's record gets a salt of its own, so that the person can be erased.
fn draft<'r, 'a>(record: &'r Record<'a>, subject: Subject) -> miette::Result<Draft<'r, 'a>> {
    let salt = if subject == Subject::Synthetic { None } else { Some(keys::salt()?) };
    Ok(Draft { salt, ..Draft::new(record) })
}

/// Now, to the second, in UTC.
pub(super) fn moment() -> String {
    let now = Timestamp::now();
    Timestamp::from_second(now.as_second()).unwrap_or(now).to_string()
}
