//! What a request carries, counted: the only thing about records that policies see.

use std::collections::BTreeSet;

use mark::{Claim, Integrity, Strength, Suspicion, Verdict, VerdictName};
use serde::Serialize;

use crate::vocabulary::words;

/// How many records of each verdict a request carries.
///
/// Shape:  the nine verdicts add up to `records`; `modified`, `claimed`, `strongly_suspected` and
///         `out_of_jurisdiction` are of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// All records.
    pub records: u64,
    /// Proven to be about nobody.
    pub synthetic: u64,
    /// Proven to be about a person whom a system of record vouches for.
    pub attested: u64,
    /// Proven to be derived from both kinds.
    pub mixed: u64,
    /// Without a mark.
    pub unproven: u64,
    /// Without a mark, but with evidence that they are synthetic.
    #[serde(skip_serializing_if = "is_zero")]
    pub suspected: u64,
    /// With a genuine mark of another record.
    pub transplanted: u64,
    /// With a mark that proves nothing.
    pub forged: u64,
    /// With a mark that nobody we trust vouches for.
    pub untrusted: u64,
    /// That could not be read.
    pub unreadable: u64,
    /// Of the proven ones: changed since they were sealed.
    pub modified: u64,
    /// Of the unproven and the suspected ones: calling themselves synthetic or a test.
    pub claimed: u64,
    /// Of the suspected ones: on independent grounds, or above the threshold.
    #[serde(skip_serializing_if = "is_zero")]
    pub strongly_suspected: u64,
    /// Of the proven ones: of a dataset that may not be kept where the boundary is.
    pub out_of_jurisdiction: u64,
    /// Not records: changes of metadata that would take away from what Eosin rests on.
    #[serde(skip_serializing_if = "is_zero")]
    pub weakened: u64,
}

impl Counts {
    /// The number with this verdict.
    pub fn of(&self, name: VerdictName) -> u64 {
        match name {
            VerdictName::Synthetic => self.synthetic,
            VerdictName::Attested => self.attested,
            VerdictName::Mixed => self.mixed,
            VerdictName::Unproven => self.unproven,
            VerdictName::Suspected => self.suspected,
            VerdictName::Transplanted => self.transplanted,
            VerdictName::Forged => self.forged,
            VerdictName::Untrusted => self.untrusted,
            VerdictName::Unreadable => self.unreadable,
        }
    }

    /// Adds the counts of other records.
    pub fn add_all(&mut self, other: &Self) {
        let Self {
            records,
            synthetic,
            attested,
            mixed,
            unproven,
            suspected,
            transplanted,
            forged,
            untrusted,
            unreadable,
            modified,
            claimed,
            strongly_suspected,
            out_of_jurisdiction,
            weakened,
        } = other;
        self.records += records;
        self.synthetic += synthetic;
        self.attested += attested;
        self.mixed += mixed;
        self.unproven += unproven;
        self.suspected += suspected;
        self.transplanted += transplanted;
        self.forged += forged;
        self.untrusted += untrusted;
        self.unreadable += unreadable;
        self.modified += modified;
        self.claimed += claimed;
        self.strongly_suspected += strongly_suspected;
        self.out_of_jurisdiction += out_of_jurisdiction;
        self.weakened += weakened;
    }

    /// How whole the marks of the counted records are, together.
    pub fn marks(&self) -> Marks {
        let proven = self.synthetic + self.attested + self.mixed;
        if self.transplanted + self.forged + self.untrusted + self.unreadable > 0 {
            Marks::Broken
        } else if proven == 0 {
            Marks::None
        } else if proven < self.records {
            Marks::Partial
        } else if self.modified > 0 {
            Marks::Modified
        } else {
            Marks::Intact
        }
    }

    /// The names that policies use for the counts, in the order of the schema.
    pub(crate) fn named(&self) -> [(&'static str, u64); 15] {
        [
            ("records", self.records),
            ("synthetic", self.synthetic),
            ("attested", self.attested),
            ("mixed", self.mixed),
            ("unproven", self.unproven),
            ("suspected", self.suspected),
            ("transplanted", self.transplanted),
            ("forged", self.forged),
            ("untrusted", self.untrusted),
            ("unreadable", self.unreadable),
            ("modified", self.modified),
            ("claimed", self.claimed),
            ("stronglySuspected", self.strongly_suspected),
            ("outOfJurisdiction", self.out_of_jurisdiction),
            ("weakened", self.weakened),
        ]
    }

    pub(crate) fn add(&mut self, case: &Case) {
        self.add_times(case, 1);
    }

    /// Adds so many records of one case.
    pub(crate) fn add_times(&mut self, case: &Case, times: u64) {
        self.records += times;
        let count = match case.name {
            VerdictName::Synthetic => &mut self.synthetic,
            VerdictName::Attested => &mut self.attested,
            VerdictName::Mixed => &mut self.mixed,
            VerdictName::Unproven => &mut self.unproven,
            VerdictName::Suspected => &mut self.suspected,
            VerdictName::Transplanted => &mut self.transplanted,
            VerdictName::Forged => &mut self.forged,
            VerdictName::Untrusted => &mut self.untrusted,
            VerdictName::Unreadable => &mut self.unreadable,
        };
        *count += times;
        let if_so = |is: bool| if is { times } else { 0 };
        self.modified += if_so(case.modified);
        self.claimed += if_so(case.claimed);
        self.strongly_suspected += if_so(case.strongly_suspected);
        self.out_of_jurisdiction += if_so(case.out_of_jurisdiction);
    }
}

/// A kind that is rare is left out of entries, so that those without it read as before there was that kind.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// How whole the marks of a request's records are, together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Marks {
    /// No record has a mark; or there is no record.
    None,
    /// Every record is proven and unchanged.
    Intact,
    /// Every record is proven, some have changed.
    Modified,
    /// Some records are proven, some have no mark.
    Partial,
    /// Some mark is moved, false or not trusted, or could not be read.
    Broken,
}

words!(Marks, "state of marks",
    None => "none", Intact => "intact", Modified => "modified", Partial => "partial", Broken => "broken");

/// Everything that policies can tell apart about one record. Records of one case share one decision.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own that policies may ask for")]
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Case {
    pub(crate) name: VerdictName,
    pub(crate) modified: bool,
    pub(crate) claimed: bool,
    pub(crate) strongly_suspected: bool,
    pub(crate) out_of_jurisdiction: bool,
    pub(crate) purposes: BTreeSet<String>,
}

impl Case {
    /// What policies may know of a record with this verdict at a boundary in `jurisdiction`.
    pub(crate) fn of(verdict: &Verdict, jurisdiction: &str) -> Self {
        let proof = verdict.proof();
        let manifest = proof.map(|proof| proof.dataset().manifest());
        Self {
            name: verdict.name(),
            modified: proof.is_some_and(|proof| proof.integrity() == Integrity::Modified),
            claimed: is_claimed(verdict),
            strongly_suspected: is_strongly_suspected(verdict),
            out_of_jurisdiction: manifest
                .is_some_and(|manifest| !may_be_kept(&manifest.jurisdictions, jurisdiction)),
            purposes: manifest
                .map(|manifest| manifest.purposes.iter().cloned().collect())
                .unwrap_or_default(),
        }
    }

    pub(crate) fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        counts.add(self);
        counts
    }
}

/// Whether a record without a mark says of itself that it is synthetic.
pub(crate) fn is_claimed(verdict: &Verdict) -> bool {
    matches!(
        verdict,
        Verdict::Unproven(Claim::Synthetic) | Verdict::Suspected(Suspicion { claim: Claim::Synthetic, .. })
    )
}

/// Whether a record without a mark is suspected on independent grounds, or above the threshold.
pub(crate) fn is_strongly_suspected(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Suspected(Suspicion { strength: Strength::Strong, .. }))
}

/// Whether a dataset that names `allowed` may be kept in `jurisdiction`: a country admits its parts, not the reverse.
///
/// A dataset that names none may be kept anywhere; one that names some may not be kept at a boundary that names none.
pub(crate) fn may_be_kept(allowed: &[String], jurisdiction: &str) -> bool {
    allowed.is_empty()
        || allowed.iter().any(|allowed| {
            let (whole, part) = (allowed.trim().as_bytes(), jurisdiction.trim().as_bytes());
            let (head, tail) = part.split_at_checked(whole.len()).unwrap_or((part, &[]));
            !whole.is_empty() && head.eq_ignore_ascii_case(whole) && matches!(tail.first(), None | Some(b'-'))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_country_admits_its_parts_and_not_the_reverse() {
        let check = |allowed: &[&str], jurisdiction: &str, want: bool| {
            let allowed: Vec<String> = allowed.iter().map(|&code| code.to_owned()).collect();
            assert_eq!(may_be_kept(&allowed, jurisdiction), want, "{allowed:?} at {jurisdiction:?}");
        };
        check(&[], "US", true);
        check(&[], "", true);
        check(&["US"], "US", true);
        check(&["US"], "us-al", true);
        check(&["AT", "US"], " US ", true);
        check(&["US-AL"], "US-AL", true);
        check(&["US-AL"], "US", false);
        check(&["US"], "USX", false);
        check(&["US"], "U", false);
        check(&["US"], "", false);
        check(&[""], "", false);
        check(&[""], "US", false);
    }

    #[test]
    fn the_state_of_marks_names_the_worst() {
        let check = |counts: Counts, want: Marks| assert_eq!(counts.marks(), want, "{counts:?}");
        check(Counts::default(), Marks::None);
        check(Counts { records: 2, unproven: 2, ..Counts::default() }, Marks::None);
        check(Counts { records: 2, synthetic: 1, attested: 1, ..Counts::default() }, Marks::Intact);
        check(Counts { records: 1, mixed: 1, modified: 1, ..Counts::default() }, Marks::Modified);
        check(
            Counts { records: 2, synthetic: 1, modified: 1, unproven: 1, ..Counts::default() },
            Marks::Partial,
        );
        check(Counts { records: 2, synthetic: 1, untrusted: 1, ..Counts::default() }, Marks::Broken);
        check(Counts { records: 1, unreadable: 1, ..Counts::default() }, Marks::Broken);
    }
}
