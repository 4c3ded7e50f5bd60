//! A ruling on a whole file: what was decided about each of its records, gathered a chunk at a time.
//!
//! A file is one ruling with the root of its rows, not one entry a record, and it is in memory a chunk at a time.

use std::collections::{BTreeMap, BTreeSet};

use mark::{
    digest::Hash,
    merkle::{self, Frontier},
};
use policy::{Counts, Decision, Request, Ruling};
use serde::Serialize;

use crate::{
    entry::{Entry, EntryKind, FINDINGS_MAX, row_text},
    listed::{Described, FindingBody, Listing, Named},
    recognition::RecognisedBy,
};

/// What was decided about the records of a file so far.
#[derive(Debug)]
pub struct FileTally {
    boundary: policy::Boundary,
    action: policy::Action,
    counts: Counts,
    rows: Frontier,
    listing: Listing,
    findings_all: u64,
    decision: Decision,
    policies: BTreeSet<String>,
    version: String,
    would_block: u64,
}

impl FileTally {
    /// Nothing was decided yet.
    pub fn begin(request: &Request<'_>, policy_version: &str) -> Self {
        Self {
            boundary: request.boundary.clone(),
            action: request.action,
            counts: Counts::default(),
            rows: Frontier::default(),
            listing: Listing::default(),
            findings_all: 0,
            decision: Decision::Pass,
            policies: BTreeSet::new(),
            version: policy_version.to_owned(),
            would_block: 0,
        }
    }

    /// Adds the ruling on some records, in order, with their names.
    ///
    /// Bounds: keeps [`FINDINGS_MAX`] findings.
    pub fn add(&mut self, ruling: &Ruling, names: &[Named]) {
        self.counts.add_all(ruling.counts());
        if !ruling.verdicts().is_empty() {
            self.decision = self.decision.max(ruling.decision());
            self.policies.extend(ruling.determining_policies().into_iter().map(str::to_owned));
        }
        self.would_block += ruling.would_block() as u64;
        let rows = ruling.verdicts().iter().zip(ruling.decisions()).zip(names);
        for ((verdict, decision), named) in rows {
            self.rows
                .push(merkle::leaf_hash(row_text(&named.reference, verdict.name(), *decision).as_bytes()));
            if verdict.proof().is_some() && *decision == Decision::Pass {
                continue;
            }
            self.findings_all += 1;
            if self.listing.len() < FINDINGS_MAX {
                self.listing.add(named, verdict, *decision);
            }
        }
    }

    /// How many records of each verdict.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// The ruling, with what will become of the file's bytes.
    pub fn rule(self, split: Split, recognised_by: RecognisedBy) -> FileRuling {
        FileRuling { tally: self, split, recognised_by }
    }
}

/// How a file is split. Names are left out: a file can be named after a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// SHA-256 of the source as it was read.
    pub source_sha256: Hash,
    /// What passes.
    pub kept: SplitPart,
    /// What does not.
    pub withheld: SplitPart,
}

/// One part of a file that is split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SplitPart {
    /// How many records it holds.
    pub records: u64,
    /// The RFC 9162 root over its records' bytes.
    pub root: Hash,
    /// SHA-256 of the part.
    pub sha256: Hash,
}

/// The ruling on a file: to be committed before either part appears.
#[derive(Debug)]
pub struct FileRuling {
    tally: FileTally,
    split: Split,
    recognised_by: RecognisedBy,
}

impl FileRuling {
    /// How many records of each verdict.
    pub fn counts(&self) -> &Counts {
        &self.tally.counts
    }

    /// How the file is split.
    pub fn split(&self) -> &Split {
        &self.split
    }

    /// The version of the policies that decided.
    pub fn version(&self) -> &str {
        &self.tally.version
    }

    /// What recognised records without a mark.
    pub fn recognised_by(&self) -> &RecognisedBy {
        &self.recognised_by
    }

    /// The boundary's name.
    pub fn boundary(&self) -> &str {
        &self.tally.boundary.name
    }

    /// The policies that took part in the worst decisions.
    pub fn policies(&self) -> impl Iterator<Item = &str> {
        self.tally.policies.iter().map(String::as_str)
    }

    /// Its entry for the ledger.
    ///
    /// Source: spec/manifest.md section 3.
    pub fn entry(&self, at: &str) -> Entry {
        let FileTally { boundary, listing, .. } = &self.tally;
        let findings = listing.findings();
        let body = FileBody {
            action: self.tally.action.as_str(),
            at,
            boundary: &boundary.name,
            counts: &self.tally.counts,
            datasets: listing.datasets(),
            decision: self.tally.decision.as_str(),
            environment: boundary.environment.as_str(),
            eosin: EntryKind::FileRuling.as_str(),
            findings_omitted: self.tally.findings_all - findings.len() as u64,
            findings,
            kept: PartBody::of(&self.split.kept),
            mode: boundary.mode.as_str(),
            policies: &self.tally.policies,
            policy: &self.tally.version,
            recogniser: self.recognised_by.recogniser.as_deref(),
            registry: self.recognised_by.registry.as_deref(),
            rows: self.tally.rows.root().to_hex(),
            source: self.split.source_sha256.to_hex(),
            withheld: PartBody::of(&self.split.withheld),
            would_block: self.tally.would_block,
        };
        Entry::new(EntryKind::FileRuling, &body)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FileBody<'a> {
    action: &'static str,
    at: &'a str,
    boundary: &'a str,
    counts: &'a Counts,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    datasets: &'a BTreeMap<String, Described>,
    decision: &'static str,
    environment: &'static str,
    eosin: &'static str,
    findings: Vec<FindingBody<'a>>,
    findings_omitted: u64,
    kept: PartBody,
    mode: &'static str,
    policies: &'a BTreeSet<String>,
    policy: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    recogniser: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    registry: Option<&'a str>,
    rows: String,
    source: String,
    withheld: PartBody,
    would_block: u64,
}

#[derive(Serialize)]
struct PartBody {
    records: u64,
    root: String,
    sha256: String,
}

impl PartBody {
    fn of(part: &SplitPart) -> Self {
        Self { records: part.records, root: part.root.to_hex(), sha256: part.sha256.to_hex() }
    }
}
