//! Which known generator probably made a record without a mark, in tenths of a bit, and why.

use mark::{Record, Signal};

use crate::{
    person::Person,
    signal::{Facts, Seen, Sign},
    weights::Weights,
};

/// Least weight at which a record is suspected if nobody chose another, in tenths of a bit.
///
/// Source: docs/recognisers.md, "The threshold".
pub const SUSPECTED_FROM_DECIBITS: i32 = 80;

/// Most signals that one [`Evidence`] names: one of each group.
pub const EVIDENCE_SIGNALS_MAX: usize = mark::SIGNALS_MAX;

/// Weighs what a record looks like. Make one and keep it: its tables are parsed when it is made.
#[derive(Debug)]
pub struct Recogniser {
    facts: Facts,
    pub(crate) weights: Weights,
}

/// What a record's looks say about where it is from. Suspicion, never proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The generator that fits best, where a known one does and the weight is above nothing.
    pub generator: Option<&'static str>,
    /// Log-likelihood ratio to base 2 of that generator against everything that is not synthetic, in tenths of a bit.
    pub decibits: i32,
    /// What it is the sum of, strongest first; signals of no weight are left out.
    pub signals: Vec<Signal>,
    pub(crate) ratios: Ratios,
}

/// The weight of each of [`CLASSES`], in tenths of a bit.
pub(crate) type Ratios = [i32; CLASSES.len()];

/// The generators that have weights, then the one that is unknown, which is made of the known ones' halves and quarters.
pub(crate) const CLASSES: [Option<&str>; 8] = [
    Some("Synthea"),
    Some("Faker"),
    Some("faker-js"),
    Some("Mimesis"),
    Some("Snowfakery"),
    Some("Mockaroo"),
    Some("chance"),
    None,
];

impl Recogniser {
    /// The recogniser with the weights and tables of facts that are built in.
    pub fn built_in() -> Self {
        Self { facts: Facts::built_in(), weights: Weights::built_in() }
    }

    /// Names the weights: other weights, another version. A certificate says which it was judged with.
    ///
    /// Shape: year and month of the fit, `/`, the first 8 hex digits of the SHA-256 of the weights' file.
    pub fn version(&self) -> &str {
        self.weights.version()
    }

    /// Weighs one record. `person` is what [`Person::of`] read from it; without one, the record is read for
    /// telephones and addresses only.
    ///
    /// Bounds: time grows with the record's values, of which [`Person`] bounds the number.
    /// Never: a value of the record is not in the answer.
    /// Source: docs/recognisers.md.
    pub fn weigh(&self, record: &Record<'_>, person: Option<&Person<'_>>) -> Evidence {
        let seen = Seen::of(&self.facts, record, person);
        let mut ratios = Ratios::default();
        for sign in seen.signs() {
            for (sum, weight) in ratios.iter_mut().zip(self.weights.of(sign)) {
                *sum += weight;
            }
        }
        let best = (0..CLASSES.len()).rev().max_by_key(|class| ratios.get(*class)).unwrap_or_default();
        let decibits = ratios.get(best).copied().unwrap_or_default();
        let weigh = |sign: Sign| self.weights.of(sign).get(best).copied().unwrap_or_default();
        let mut signals: Vec<Signal> = seen
            .signs()
            .map(|sign| Signal { name: sign.name(), decibits: weigh(sign) })
            .filter(|signal| signal.decibits != 0)
            .collect();
        signals.sort_by_key(|signal| -signal.decibits.abs());
        signals.truncate(EVIDENCE_SIGNALS_MAX);
        let generator = CLASSES.get(best).copied().flatten().filter(|_| decibits > 0);
        Evidence { generator, decibits, signals, ratios }
    }

    /// The names of everything that was seen in a record, of weight or not: what weights are fitted to.
    pub fn observe(&self, record: &Record<'_>, person: Option<&Person<'_>>) -> Vec<&'static str> {
        Seen::of(&self.facts, record, person).signs().map(Sign::name).collect()
    }

    /// Every signal that there is: its name and one sentence that says what it is.
    pub fn signals() -> impl Iterator<Item = (&'static str, &'static str)> {
        Sign::ALL.iter().map(|sign| (sign.name(), sign.sentence()))
    }

    /// Every signal and its group: of one group a record shows at most one.
    pub fn signals_with_groups() -> impl Iterator<Item = (&'static str, &'static str)> {
        Sign::ALL.iter().map(|sign| (sign.name(), sign.group().name()))
    }

    /// One plain sentence on a signal; for a name that is none, a sentence that says so.
    pub fn explain(name: &str) -> &'static str {
        Self::signals()
            .find_map(|(known, sentence)| (known == name).then_some(sentence))
            .unwrap_or("No signal has this name in this version.")
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use mark::{Claim, Form, json::Json};
    use proptest::prelude::*;

    use super::*;

    /// Changes with the weights, on purpose: put the new one here, and say in the changelog what moved.
    #[test]
    fn the_version_is_that_of_the_reviewed_weights() {
        assert_eq!(Recogniser::built_in().version(), "2026-11/6bff83ca");
    }

    proptest! {
        /// Any values at all: no panic, the weight is the sum of its signals, no more signals than there are groups.
        #[test]
        fn any_row_is_weighed(values in proptest::collection::vec("\\PC{0,24}", 12)) {
            let columns = [
                "first_name", "last_name", "birth_date", "email", "phone", "street", "city", "state", "zip", "ssn",
                "company", "country",
            ];
            let fields = columns
                .iter()
                .zip(&values)
                .map(|(name, value)| (Cow::Borrowed(*name), Json::Text(Cow::Borrowed(value.as_str()))))
                .collect();
            let record = Record { form: Form::Table, object: "row".into(), fields, mark: None, claim: Claim::None };
            let recogniser = Recogniser::built_in();
            let evidence = recogniser.weigh(&record, Person::of(&record).as_ref());
            prop_assert!(evidence.signals.len() <= EVIDENCE_SIGNALS_MAX);
            let sum: i32 = evidence.signals.iter().map(|signal| signal.decibits).sum();
            if evidence.signals.len() < EVIDENCE_SIGNALS_MAX {
                prop_assert_eq!(sum, evidence.decibits);
            }
            prop_assert_eq!(&evidence, &recogniser.weigh(&record, Person::of(&record).as_ref()));
        }
    }
}
