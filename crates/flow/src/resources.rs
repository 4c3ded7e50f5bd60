//! Whole resources that an answer shows: judged as on their way in, recognised where they carry no mark, and their
//! labels where a mark proves them.

use carrier::Labels;
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

pub(crate) fn hidden_by(reading: &Reading<'_>, decision: Decision, hidden: Hidden) -> Option<HiddenBy> {
    let labelled = reading.content.as_ref().is_ok_and(|record| label_hides(record.claim, hidden));
    match decision {
        Decision::Block => Some(HiddenBy::Policy),
        Decision::Pass | Decision::Warn => labelled.then_some(HiddenBy::Label),
    }
}

/// The labels of a mark that was proven. A claim proves none: it stays as it is.
pub(crate) fn proven_labels(reading: &Reading<'_>, verdict: &Verdict) -> Option<Labels> {
    verdict.proof()?;
    let text = reading.content.as_ref().ok()?.mark.as_deref()?;
    Some(Labels::of(&text.parse::<Mark>().ok()?))
}
