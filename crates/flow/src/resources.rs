//! Whole resources that an answer shows: judged as on their way in, recognised where they carry no mark, and their
//! labels where a mark proves them.

use carrier::{Labels, fhir};
use mark::{Mark, Reading, Verdict, judge};
use policy::{Decision, Hidden};

use crate::{
    reading::{HiddenBy, Reader, Seen, label_hides},
    world::Flow,
};

/// One resource that was looked at: what becomes of it, and what it has to be labelled with.
#[derive(Clone, Debug)]
pub struct Looked {
    /// What becomes of it.
    pub seen: Seen,
    /// The labels that its mark proves; a server may have dropped them.
    pub labels: Option<Labels>,
}

impl Flow {
    /// Judges whole resources and decides which of them the reader is shown.
    ///
    /// As [`Flow::look_at`], but what is not there is missing and not unasked, and what carries no mark is looked up
    /// in the registry and weighed by the recognisers, as on the way in.
    ///
    /// Shape:  readings -> one [`Looked`] each, same order.
    /// Source: spec/carriers.md section 3.9.
    pub fn look_at_resources(&self, reader: &Reader, readings: &[Reading<'_>]) -> Vec<Looked> {
        let trust = self.trust();
        let recognition = self.recognition();
        let verdict = |reading| recognition.verdict(judge(reading, &trust), reading, None);
        let verdicts: Vec<Verdict> = readings.iter().map(verdict).collect();
        let ruling = self.decide_read(reader, "read", verdicts);
        let looked = readings.iter().zip(ruling.verdicts()).zip(ruling.decisions());
        looked
            .map(|((reading, verdict), decision)| {
                let by = hidden_by(reading, *decision, reader.hidden);
                Looked { seen: Seen::of(verdict, reading, by), labels: proven_labels(reading, verdict) }
            })
            .collect()
    }
}

/// Lines of NDJSON without those that the reader is not shown.
#[derive(Clone, Debug, Default)]
pub struct ShownLines {
    /// The lines that are shown, with labels put back that a server had dropped.
    pub kept: Vec<u8>,
    /// What was looked at.
    pub seen: Vec<Seen>,
    /// How many lines are shown.
    pub shown: u64,
    /// How many are not.
    pub withheld: u64,
}

impl Flow {
    /// Takes out of whole lines of NDJSON those that the reader is not shown. A line that cannot be read is judged as
    /// that.
    ///
    /// Shape:  whole lines, one resource each -> the lines that are shown, in order; others verbatim.
    /// Bounds: linear in the lines; the caller bounds them.
    /// Source: spec/carriers.md section 3.9.
    pub fn show_lines(&self, reader: &Reader, lines: &[u8]) -> ShownLines {
        let lines: Vec<&[u8]> = lines
            .split(|byte| *byte == b'\n')
            .map(<[u8]>::trim_ascii)
            .filter(|line| !line.is_empty())
            .collect();
        // All of them are decided on in one ruling.
        let (mut readings, mut counts) = (Vec::with_capacity(lines.len()), Vec::with_capacity(lines.len()));
        for line in &lines {
            let found = fhir::read_document(line, &self.limits()).records;
            counts.push(found.len());
            readings.extend(found);
        }
        let mut looked = self.look_at_resources(reader, &readings).into_iter();
        let mut shown = ShownLines::default();
        for (line, count) in lines.into_iter().zip(counts) {
            let own: Vec<Looked> = looked.by_ref().take(count).collect();
            if own.iter().any(|one| one.seen.is_hidden()) {
                shown.withheld += 1;
            } else {
                let labels = own.first().filter(|_| count == 1).and_then(|one| one.labels.as_ref());
                let relabelled = labels
                    .zip(std::str::from_utf8(line).ok())
                    .and_then(|(labels, text)| fhir::relabelled(text, labels));
                shown.shown += 1;
                shown.kept.extend_from_slice(relabelled.as_deref().map_or(line, str::as_bytes));
                shown.kept.push(b'\n');
            }
            shown.seen.extend(own.into_iter().map(|one| one.seen));
        }
        shown
    }
}

fn hidden_by(reading: &Reading<'_>, decision: Decision, hidden: Hidden) -> Option<HiddenBy> {
    let labelled = reading.content.as_ref().is_ok_and(|record| label_hides(record.claim, hidden));
    match decision {
        Decision::Block => Some(HiddenBy::Policy),
        Decision::Pass | Decision::Warn => labelled.then_some(HiddenBy::Label),
    }
}

/// The labels of a mark that was proven. A claim proves none: it stays as it is.
fn proven_labels(reading: &Reading<'_>, verdict: &Verdict) -> Option<Labels> {
    verdict.proof()?;
    let text = reading.content.as_ref().ok()?.mark.as_deref()?;
    Some(Labels::of(&text.parse::<Mark>().ok()?))
}
