//! The second and third way to recognise: what the registry knows and what the recognisers weigh, as one suspicion.

use std::{fmt, sync::Arc};

use mark::{Reading, Record, Strength, Suspicion, Unreadable, Verdict};
use recognise::{ColumnMap, Evidence, Person, Recogniser, RegistryKey, fingerprints};
use registry::{FindError, Registry};

/// What is asked about a record that carries no mark.
///
/// Shape:  a verdict and its reading -> the same verdict, or [`Verdict::Suspected`] in the place of
///         [`Verdict::Unproven`]. Never [`Verdict::Synthetic`]: that takes a proof. A record that may be in a
///         registry which cannot be read is [`Verdict::Unreadable`].
/// Bounds: linear in the record; at most one table read a fingerprint.
#[derive(Default)]
pub struct Recognition {
    recogniser: Option<Recogniser>,
    registry: Option<Known>,
    suspected_from_decibits: i32,
}

/// A registry and the key that its fingerprints were made with.
#[derive(Debug)]
pub struct Known {
    /// The table of fingerprints.
    pub registry: Arc<Registry>,
    /// The organisation's key.
    pub key: RegistryKey,
}

impl Recognition {
    /// Recognition by these means; either may be absent.
    ///
    /// Shape:  evidence of `suspected_from_decibits` tenths of a bit or more is a strong suspicion by itself.
    pub fn new(
        recogniser: Option<Recogniser>,
        registry: Option<Known>,
        suspected_from_decibits: i32,
    ) -> Self {
        Self { recogniser, registry, suspected_from_decibits }
    }

    /// No recognition: what carries no mark stays unproven.
    pub fn off() -> Self {
        Self::default()
    }

    /// Whether nothing is asked: what carries no mark stays unproven.
    pub fn is_off(&self) -> bool {
        self.recogniser.is_none() && self.registry.is_none()
    }

    /// The registry that is asked, if there is one.
    pub fn registry(&self) -> Option<&Arc<Registry>> {
        self.registry.as_ref().map(|known| &known.registry)
    }

    /// The recognisers that are asked, if there are any.
    pub fn recogniser(&self) -> Option<&Recogniser> {
        self.recogniser.as_ref()
    }

    /// From how many tenths of a bit on evidence is a strong suspicion by itself.
    pub fn suspected_from_decibits(&self) -> i32 {
        self.suspected_from_decibits
    }

    /// The verdict, with what is known of a record without a mark. See [`Recognition::weigh`].
    pub fn verdict(&self, verdict: Verdict, reading: &Reading<'_>, columns: Option<&ColumnMap>) -> Verdict {
        self.look(verdict, reading, columns).0
    }

    /// As [`Recognition::verdict`], with what the recognisers saw in a record without a mark, suspected or not: what
    /// an estimate of a whole file is made of.
    pub fn look(
        &self,
        verdict: Verdict,
        reading: &Reading<'_>,
        columns: Option<&ColumnMap>,
    ) -> (Verdict, Option<Evidence>) {
        match (&verdict, &reading.content) {
            (Verdict::Unproven(_), Ok(record)) => match self.weigh_all(record, columns) {
                Ok((Some(suspicion), evidence)) => (Verdict::Suspected(suspicion), evidence),
                Ok((None, evidence)) => (verdict, evidence),
                Err(_) => (Verdict::Unreadable(Unreadable::Shape(UNASKED.to_owned())), None),
            },
            _ => (verdict, None),
        }
    }

    /// What speaks for a record being synthetic, if enough does.
    ///
    /// Strong is: two or more kinds of fingerprints of one marked record, or evidence above the threshold, or one
    /// fingerprint and evidence above half of it. One fingerprint alone is weak; evidence below the threshold alone
    /// is nothing.
    ///
    /// Errors: the registry cannot be read where it may know the record.
    pub fn weigh(
        &self,
        record: &Record<'_>,
        columns: Option<&ColumnMap>,
    ) -> Result<Option<Suspicion>, FindError> {
        Ok(self.weigh_all(record, columns)?.0)
    }

    fn weigh_all(
        &self,
        record: &Record<'_>,
        columns: Option<&ColumnMap>,
    ) -> Result<(Option<Suspicion>, Option<Evidence>), FindError> {
        let person = match columns {
            Some(columns) => Person::with(record, columns),
            None => Person::of(record),
        };
        let registered = self.registered(person.as_ref())?;
        let evidence = self.recogniser.as_ref().map(|recogniser| recogniser.weigh(record, person.as_ref()));
        let decibits = evidence.as_ref().map_or(0, |evidence| evidence.decibits);
        let Some(strength) = strength(registered, decibits, self.suspected_from_decibits) else {
            return Ok((None, evidence));
        };
        let (generator, signals) = evidence
            .as_ref()
            .map_or_else(|| (None, Vec::new()), |evidence| (evidence.generator, evidence.signals.clone()));
        let claim = record.claim;
        Ok((Some(Suspicion { claim, strength, registered, decibits, generator, signals }), evidence))
    }

    /// What a suspicion rests on, for the ledger: which recogniser, which snapshot of the registry.
    pub fn recognised_by(&self) -> RecognisedBy {
        RecognisedBy {
            recogniser: self.recogniser.as_ref().map(|recogniser| recogniser.version().to_owned()),
            registry: self.registry.as_ref().map(|known| known.registry.snapshot().root.to_hex()),
        }
    }

    fn registered(&self, person: Option<&Person<'_>>) -> Result<Option<Strength>, FindError> {
        let (Some(known), Some(person)) = (&self.registry, person) else { return Ok(None) };
        let found = known.registry.find(&fingerprints(person, &known.key))?;
        Ok(found.map(|found| found.strength))
    }
}

/// Which recogniser and which snapshot of the registry were asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecognisedBy {
    /// The recogniser's version.
    pub recogniser: Option<String>,
    /// The snapshot's root, in hex.
    pub registry: Option<String>,
}

/// What cannot be looked up where it should be is not known, and the unknown does not cross.
const UNASKED: &str = "cannot be looked up, for the registry of marked records cannot be read";

/// How strongly the two ways together speak; nothing if they do not.
fn strength(registered: Option<Strength>, decibits: i32, threshold: i32) -> Option<Strength> {
    let is_evident = threshold > 0 && decibits >= threshold;
    let is_half_evident = threshold > 0 && decibits >= threshold / 2;
    match registered {
        Some(Strength::Strong) => Some(Strength::Strong),
        Some(Strength::Weak) if is_half_evident => Some(Strength::Strong),
        Some(Strength::Weak) => Some(Strength::Weak),
        None => is_evident.then_some(Strength::Strong),
    }
}

impl fmt::Debug for Recognition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Recognition(recogniser: {}, registry: {})",
            self.recogniser.is_some(),
            self.registry.is_some()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_ways_together_are_stronger_than_each() {
        use Strength::{Strong, Weak};
        for (registered, decibits, want) in [
            (None, 0, None),
            (None, 99, None),
            (None, 100, Some(Strong)),
            (Some(Weak), -300, Some(Weak)),
            (Some(Weak), 49, Some(Weak)),
            (Some(Weak), 50, Some(Strong)),
            (Some(Strong), -300, Some(Strong)),
        ] {
            assert_eq!(strength(registered, decibits, 100), want, "{registered:?} {decibits}");
        }
        assert_eq!(strength(None, 1000, 0), None, "without a threshold evidence says nothing");
    }
}
