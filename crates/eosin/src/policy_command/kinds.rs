//! One of each kind of record, as policies may see it: what is asked about where nothing has crossed.

use std::collections::BTreeSet;

use policy::{Action, Asked, AskedCase, Boundary, Finding, Recorded, Scope};

/// A kind of record.
pub(crate) struct Kind {
    /// What it is called.
    pub(crate) name: &'static str,
    verdict: &'static str,
    facts: &'static [&'static str],
}

const fn kind(name: &'static str, verdict: &'static str, facts: &'static [&'static str]) -> Kind {
    Kind { name, verdict, facts }
}

/// Every kind that policies can tell apart, purposes aside; and no record at all.
pub(crate) const KINDS: [Kind; 15] = [
    kind("no record", "", &[]),
    kind("synthetic", "synthetic", &[]),
    kind("synthetic, modified", "synthetic", &["modified"]),
    kind("attested", "attested", &[]),
    kind("attested, modified", "attested", &["modified"]),
    kind("attested, out of jurisdiction", "attested", &["out"]),
    kind("mixed", "mixed", &[]),
    kind("unproven", "unproven", &[]),
    kind("unproven, calls itself a test", "unproven", &["claimed"]),
    kind("suspected, weakly", "suspected", &[]),
    kind("suspected, strongly", "suspected", &["strongly"]),
    kind("untrusted", "untrusted", &[]),
    kind("transplanted", "transplanted", &[]),
    kind("forged", "forged", &[]),
    kind("unreadable", "unreadable", &[]),
];

/// A crossing of one record of a kind, as if it had been recorded.
pub(crate) fn recorded(boundary: &Boundary, client: &str, action: Action, kind: &Kind) -> Recorded {
    let Kind { verdict, facts, .. } = kind;
    let case = AskedCase {
        claimed: facts.contains(&"claimed"),
        finding: Finding::Permit,
        modified: facts.contains(&"modified"),
        out_of_jurisdiction: facts.contains(&"out"),
        purposes: BTreeSet::new(),
        records: 1,
        strongly_suspected: facts.contains(&"strongly"),
        verdict: (*verdict).to_owned(),
    };
    let is_empty = verdict.is_empty();
    Recorded {
        action,
        asked: Asked {
            cases: if is_empty { Vec::new() } else { vec![case] },
            continuity: boundary.continuity,
            jurisdiction: boundary.jurisdiction.clone(),
            more: false,
            scope: Scope::PerRecord,
            system_of_record: boundary.system_of_record,
            together: is_empty.then_some(Finding::Permit),
            unsorted: false,
            weakened: 0,
        },
        boundary: boundary.name.clone(),
        client: client.to_owned(),
        environment: boundary.environment,
        mode: boundary.mode,
    }
}
