//! One finding: a place, its verdict and why. Nothing of the record's content.

use mark::{Integrity, Reading, Strength, Suspicion, Verdict};
use serde::Serialize;

use crate::printer::steers;

/// What is told about one record that is not attested and intact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    pub(super) file: String,
    pub(super) place: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) object: Option<String>,
    pub(super) verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) integrity: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) dataset: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mark: Option<String>,
    pub(super) why: String,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub(super) suspicion: Option<Grounds>,
}

/// What a suspicion rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Grounds {
    pub(super) strength: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) registered: Option<&'static str>,
    pub(super) decibits: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) generator: Option<&'static str>,
    pub(super) signals: Vec<Signal>,
}

/// One thing that speaks for it, or against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Signal {
    pub(super) name: &'static str,
    pub(super) decibits: i32,
}

impl Grounds {
    fn of(suspicion: &Suspicion) -> Self {
        let signal = |signal: &mark::Signal| Signal { name: signal.name, decibits: signal.decibits };
        Self {
            strength: suspicion.strength.as_str(),
            registered: suspicion.registered.map(Strength::as_str),
            decibits: suspicion.decibits,
            generator: suspicion.generator,
            signals: suspicion.signals.iter().map(signal).collect(),
        }
    }
}

impl Finding {
    /// The finding about a record, or none if it is attested and as it was sealed.
    pub(super) fn of(file: &str, reading: &Reading<'_>, verdict: &Verdict) -> Option<Self> {
        let (integrity, dataset, mark) = match verdict {
            Verdict::Attested(proof) if proof.integrity() == Integrity::Intact => return None,
            Verdict::Synthetic(proof) | Verdict::Attested(proof) | Verdict::Mixed(proof) => {
                (Some(word(proof.integrity())), Some(proof.dataset().id()), Some(proof.mark()))
            }
            Verdict::Transplanted(found) => (None, Some(found.dataset().id()), Some(found.mark())),
            Verdict::Unproven(_)
            | Verdict::Suspected(_)
            | Verdict::Forged(_)
            | Verdict::Untrusted(_)
            | Verdict::Unreadable(_) => (None, None, None),
        };
        Some(Self {
            file: file.to_owned(),
            place: plain(&reading.place.reference),
            object: reading.content.as_ref().ok().map(|record| plain(&record.object)),
            verdict: verdict.name().as_str(),
            integrity,
            dataset: dataset.map(|id| id.to_string()),
            mark: mark.map(|id| id.to_string()),
            why: plain(&why(verdict)),
            suspicion: verdict.suspicion().map(Grounds::of),
        })
    }
}

fn why(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Synthetic(proof) | Verdict::Attested(proof) | Verdict::Mixed(proof) => {
            let name = &proof.dataset().manifest().name;
            match proof.integrity() {
                Integrity::Intact => format!("as it was sealed in `{name}`"),
                Integrity::Modified => {
                    format!("changed since it was sealed in `{name}`; whom it is about did not change")
                }
                Integrity::Unseen => format!("by its receipt in `{name}`; not all of it was shown"),
            }
        }
        Verdict::Unproven(_)
        | Verdict::Suspected(_)
        | Verdict::Transplanted(_)
        | Verdict::Forged(_)
        | Verdict::Untrusted(_)
        | Verdict::Unreadable(_) => {
            let said = verdict.to_string();
            said.split_once(": ").map_or_else(|| said.clone(), |(_, why)| why.to_owned())
        }
    }
}

/// The word for integrity in reports.
pub(super) fn word(integrity: Integrity) -> &'static str {
    match integrity {
        Integrity::Intact => "intact",
        Integrity::Modified => "modified",
        Integrity::Unseen => "unseen",
    }
}

/// The text without what could move a terminal's cursor: names of logs and datasets are others' words.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(|c| if steers(c) { '\u{FFFD}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_others_cannot_steer_a_terminal() {
        assert_eq!(plain("log\x1b[2J\nname"), "log\u{FFFD}[2J\u{FFFD}name");
    }
}
