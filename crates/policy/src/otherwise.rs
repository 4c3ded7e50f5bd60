//! What policies do about a recorded crossing where its boundary is set otherwise: in mode, continuity, jurisdiction.
//!
//! It is for looking before a change: nothing can be let through with it. Where a dataset may be kept is not in the
//! ledger, so it is asked of the datasets known now; where they do not settle it, the answer is that nobody knows.

use std::collections::{BTreeMap, BTreeSet};

use mark::{Manifest, VerdictName};

use crate::{
    asked::{AskedCase, Recorded, Replayed},
    boundary::{Continuity, Mode},
    counts::may_be_kept,
    policies::Policies,
};

/// A boundary as it would be.
#[derive(Clone, Debug)]
pub struct Otherwise {
    mode: Mode,
    continuity: Continuity,
    jurisdiction: String,
    /// Whether datasets may be kept there, by their purposes: what a recorded case tells of its dataset.
    kept: BTreeMap<BTreeSet<String>, BTreeSet<bool>>,
}

impl Otherwise {
    /// Of how it would be set, and of the manifests of all datasets that are known.
    pub fn new<'m>(
        mode: Mode,
        continuity: Continuity,
        jurisdiction: &str,
        known: impl IntoIterator<Item = &'m Manifest>,
    ) -> Self {
        let mut kept = BTreeMap::<BTreeSet<String>, BTreeSet<bool>>::new();
        for manifest in known {
            let purposes = manifest.purposes.iter().cloned().collect();
            kept.entry(purposes).or_default().insert(may_be_kept(&manifest.jurisdictions, jurisdiction));
        }
        Self { mode, continuity, jurisdiction: jurisdiction.to_owned(), kept }
    }

    /// Whether records of this case would be out of their jurisdiction; nothing where that cannot be told.
    fn is_out(&self, case: &AskedCase, recorded: &str) -> Option<bool> {
        // Only what has a proof has a dataset.
        let proven = [VerdictName::Synthetic, VerdictName::Attested, VerdictName::Mixed];
        if is_one_place(&self.jurisdiction, recorded)
            || !proven.iter().any(|name| name.as_str() == case.verdict)
        {
            return Some(case.out_of_jurisdiction);
        }
        let kept = self.kept.get(&case.purposes)?;
        match (kept.contains(&true), kept.contains(&false)) {
            (true, false) => Some(false),
            (false, true) => Some(true),
            (true, true) | (false, false) => None,
        }
    }

    /// The crossing at such a boundary; where it cannot be told, records are taken to be out of their jurisdiction or not.
    fn applied_to(&self, recorded: &Recorded, unsettled: bool) -> Recorded {
        let mut other = recorded.clone();
        other.mode = self.mode;
        other.asked.continuity = self.continuity;
        for case in &mut other.asked.cases {
            case.out_of_jurisdiction = self.is_out(case, &recorded.asked.jurisdiction).unwrap_or(unsettled);
        }
        other.asked.jurisdiction.clone_from(&self.jurisdiction);
        other
    }
}

/// Whether both name one place, as [`may_be_kept`] reads them.
fn is_one_place(one: &str, other: &str) -> bool {
    one.trim().eq_ignore_ascii_case(other.trim())
}

impl Recorded {
    /// What policies do about it where its boundary is set otherwise, beside what they do where it is as it was then.
    ///
    /// Shape:  how it would be set, and policies -> whether anything would be otherwise. The same policies are asked twice,
    ///         so that what differs comes of the boundary alone.
    /// Bounds: three questions a case, and two of all together.
    /// Never:  lets anything through: what it gives is for reading.
    pub fn as_if(&self, other: &Otherwise, policies: &Policies) -> Replayed {
        let is_settled = |case: &AskedCase| other.is_out(case, &self.asked.jurisdiction).is_some();
        let settled = self.asked.cases.iter().all(is_settled);
        // Of all together only some may be out of it, and policies may count: what holds for none and for all of
        // them need not hold for some.
        if !settled && self.asked.together.is_some() {
            return Replayed::Unknown;
        }
        let inside = other.applied_to(self, false);
        let Some((was, is)) = self.findings(policies).zip(inside.findings(policies)) else {
            return Replayed::Unknown;
        };
        if !settled && other.applied_to(self, true).findings(policies).as_ref() != Some(&is) {
            return Replayed::Unknown;
        }
        self.compare(&was, &is, other.mode)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_spelling_of_a_place_is_the_same_place() {
        for (one, other, want) in
            [("US", "us", true), (" US-AL", "us-al ", true), ("", " ", true), ("US", "US-AL", false)]
        {
            assert_eq!(is_one_place(one, other), want, "{one:?} {other:?}");
        }
    }
}
