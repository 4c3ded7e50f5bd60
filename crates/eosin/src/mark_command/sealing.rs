//! The second reading: batch after batch sealed and written, and the entries kept for the ledger.

use carrier::Labels;
use jiff::Timestamp;
use mark::{BATCH_RECORDS_MAX, BatchEntry, Draft, Manifest, Reading, Record, Subject, seal};
use miette::{IntoDiagnostic as _, WrapErr as _, miette};

use super::{progress::Progress, writing::Writing};
use crate::{arguments::MarkArguments, input, keys, printer::Printer};

/// Seals the file into `out`, which is not in its place yet.
///
/// Shape:  one entry a batch, in order; a chunk of the file is one batch, or several if it is one long document.
/// Errors: a report: the file changed since it was surveyed, or it cannot be labelled.
pub(super) fn seal_file(
    arguments: &MarkArguments,
    manifest: &Manifest,
    expected: u64,
    out: &mut Writing,
    printer: &Printer,
) -> miette::Result<Vec<BatchEntry>> {
    let path = &arguments.input;
    let changed =
        || miette!(help = "mark it when nobody writes to it", "{} changed while it was read", path.display());
    let mut input = input::open(path, arguments.object.as_deref())?;
    let progress = Progress::new("sealing", path, &input, printer);
    let mut entries = Vec::new();
    let mut records = 0_u64;
    while let Some(chunk) = input
        .next_chunk()
        .into_diagnostic()
        .wrap_err_with(|| format!("cannot read {} to its end", path.display()))?
    {
        let readings = chunk.read().records;
        let found: Vec<&Record<'_>> = readings
            .iter()
            .map(|Reading { content, .. }| content.as_ref())
            .collect::<Result<_, _>>()
            .map_err(|_| changed())?;
        let mut labels = Vec::with_capacity(found.len());
        for batch in found.chunks(BATCH_RECORDS_MAX) {
            let number = u32::try_from(entries.len()).into_diagnostic().wrap_err("too many batches")?;
            let drafts: Vec<Draft<'_, '_>> =
                batch.iter().map(|record| draft(record, manifest.subject)).collect::<Result<_, _>>()?;
            let sealed = seal(manifest, number, &drafts, &moment())
                .map_err(|error| miette!("{error}; {}", changed()))?;
            labels.extend(sealed.marks.iter().map(|mark| Some(Labels::of(mark))));
            entries.push(sealed.entry);
        }
        records += labels.len() as u64;
        let placed = chunk
            .place(&labels)
            .into_diagnostic()
            .wrap_err_with(|| format!("the records of {} cannot be labelled", path.display()))?;
        out.write(&placed)?;
        progress.update(&input);
    }
    progress.finish();
    if records == expected { Ok(entries) } else { Err(changed()) }
}

/// A draft; a person's record gets a salt of its own, so that the person can be erased.
fn draft<'r, 'a>(record: &'r Record<'a>, subject: Subject) -> miette::Result<Draft<'r, 'a>> {
    let salt = if subject == Subject::Synthetic { None } else { Some(keys::salt()?) };
    Ok(Draft { salt, ..Draft::new(record) })
}

/// Now, to the second, in UTC.
fn moment() -> String {
    let now = Timestamp::now();
    Timestamp::from_second(now.as_second()).unwrap_or(now).to_string()
}
