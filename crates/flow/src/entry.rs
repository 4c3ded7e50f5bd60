//! What the ledger is told: rulings, settlements, gaps and clock faults, as JSON without a word of any record.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use mark::{digest::Hash, merkle};
use policy::{Asked, Counts, Decision, Emergency, Ruling};
use serde::Serialize;

use crate::{
    clock::Moment,
    crossing::Crossing,
    listed::{Described, FindingBody, Listing, Named},
    processing::{Misplaced, misplaced},
    proof::Weighed,
    recognition::RecognisedBy,
    settle::Outcome,
};

/// Most findings that one entry lists; the row root commits to the others.
pub const FINDINGS_MAX: usize = 50;

/// The bytes of one entry.
///
/// Shape:  JSON with sorted members, one `eosin` member naming its kind and version.
/// Bounds: under 40 KiB: [`FINDINGS_MAX`] findings of at most 400 bytes, [`policy::CASES_MAX`] cases.
/// Never:  holds a value of a record, a target, a query or a header other than the client's plain name.
/// Source: spec/ledger.md, "Entries".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What kind of entry it is.
    pub kind: EntryKind,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// The kinds of entry that flow writes; sealing writes `batch@1` beside them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EntryKind {
    /// What was decided about a crossing, before anything was done.
    Ruling,
    /// What was decided about the records of a file, before its parts appear.
    FileRuling,
    /// What then happened.
    Settlement,
    /// Attested traffic that passed while the ledger could not write.
    Gap,
    /// The clock was found behind the last entry.
    ClockFault,
    /// A dataset became known at a boundary.
    Dataset,
    /// A withheld request was kept, or what became of it.
    Quarantine,
    /// A version of the policies was taken up.
    PolicyInForce,
    /// An emergency version was taken up, or ended.
    Emergency,
    /// A file was delivered to its end.
    Delivery,
    /// A subscription found that events are gone which it had not taken.
    Subscription,
    /// Somebody was told of a version, or could not be.
    Announcement,
}

impl EntryKind {
    /// The word in an entry's `eosin` member.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ruling => "ruling@1",
            Self::FileRuling => "file-ruling@1",
            Self::Settlement => "settlement@1",
            Self::Gap => "gap@1",
            Self::ClockFault => "clock-fault@1",
            Self::Dataset => "dataset-known@1",
            Self::Quarantine => "quarantine@1",
            Self::PolicyInForce => "policy-in-force@1",
            Self::Emergency => "emergency-in-force@1",
            Self::Delivery => "delivery@1",
            Self::Subscription => "subscription@1",
            Self::Announcement => "announcement@1",
        }
    }
}

/// The entry of a ruling on one record.
const ENTRY_BYTES_USUAL: usize = 1024;

impl Entry {
    pub(crate) fn new<B: Serialize>(kind: EntryKind, body: &B) -> Self {
        let mut bytes = Vec::with_capacity(ENTRY_BYTES_USUAL);
        // Text and numbers only: writing cannot fail.
        if serde_json::to_writer(&mut bytes, body).is_err() {
            bytes.clear();
        }
        Self { kind, bytes }
    }

    /// A ruling's entry.
    pub(crate) fn ruling(ruling: &Ruling, crossing: &Crossing, facts: &Facts<'_>, moment: &Moment) -> Self {
        let held;
        let told = if let Some(told) = &facts.told {
            told
        } else {
            held = Told::of(ruling, facts);
            &held
        };
        Self::new(
            EntryKind::Ruling,
            &RulingBody {
                action: facts.action,
                ai_disclosure: facts.ai_disclosure,
                asked: ruling.asked(),
                at: &moment.at,
                boundary: &crossing.boundary.name,
                claim: facts.claim,
                client: &crossing.client,
                contract: crossing.claims.contract,
                counts: ruling.counts(),
                datasets: told.listing.datasets(),
                decision: ruling.decision().as_str(),
                environment: crossing.boundary.environment.as_str(),
                eosin: EntryKind::Ruling.as_str(),
                findings: told.listing.findings(),
                findings_omitted: told.omitted,
                mode: crossing.boundary.mode.as_str(),
                objects: facts.objects,
                peer: facts.proof.peer(),
                policies: ruling.determining_policies(),
                policy: ruling.version(),
                processing: misplaced(crossing, ruling.verdicts())
                    .into_iter()
                    .map(Misplaced::as_str)
                    .collect(),
                proof: facts.proof.word(),
                protocol: crossing.protocol.as_str(),
                quarantine: facts.kept.as_ref(),
                recogniser: facts.recognised_by.as_ref().and_then(|by| by.recogniser.as_deref()),
                registry: facts.recognised_by.as_ref().and_then(|by| by.registry.as_deref()),
                route: facts.route,
                rows: told.rows.to_hex(),
                weakens: facts.weakens,
                would_block: told.would_block,
            },
        )
    }

    /// A settlement's entry.
    pub(crate) fn settlement(
        ruling: u64,
        outcome: Outcome,
        upstream_request: Option<&str>,
        moment: &Moment,
    ) -> Self {
        let body = SettlementBody {
            at: &moment.at,
            eosin: EntryKind::Settlement.as_str(),
            outcome: outcome.word(),
            ruling,
            status: outcome.status(),
            upstream_request,
        };
        Self::new(EntryKind::Settlement, &body)
    }

    /// The entry about attested traffic that passed unlogged.
    pub(crate) fn gap(boundary: &str, passed: u64, from: &str, moment: &Moment) -> Self {
        let body = GapBody { at: &moment.at, boundary, eosin: EntryKind::Gap.as_str(), from, passed };
        Self::new(EntryKind::Gap, &body)
    }

    /// The entry about events that are gone.
    pub(crate) fn subscription(lost: &LostEvents<'_>, moment: &Moment) -> Self {
        let LostEvents { boundary, subscription, topic, then } = *lost;
        let eosin = EntryKind::Subscription.as_str();
        let body =
            SubscriptionBody { at: &moment.at, boundary, eosin, event: "gone", subscription, then, topic };
        Self::new(EntryKind::Subscription, &body)
    }

    /// The entry about a clock that ran backwards.
    pub(crate) fn clock_fault(moment: &Moment) -> Self {
        let body = ClockBody {
            at: &moment.at,
            behind_seconds: moment.behind_seconds,
            eosin: EntryKind::ClockFault.as_str(),
        };
        Self::new(EntryKind::ClockFault, &body)
    }

    /// The entry about a step in the life of a kept request.
    pub(crate) fn quarantine(step: &Step<'_>, moment: &Moment) -> Self {
        let body = QuarantineBody { at: &moment.at, eosin: EntryKind::Quarantine.as_str(), step };
        Self::new(EntryKind::Quarantine, &body)
    }

    /// The entry about a version of the policies that is in force from now on.
    pub(crate) fn policy_in_force(version: &str, activation: &str, moment: &Moment) -> Self {
        let eosin = EntryKind::PolicyInForce.as_str();
        let body = PolicyBody { activation, at: &moment.at, eosin, event: "in-force", version };
        Self::new(EntryKind::PolicyInForce, &body)
    }

    /// The entry about an emergency version that is in force from now on, or no longer.
    pub(crate) fn emergency(event: &'static str, emergency: &Emergency, moment: &Moment) -> Self {
        let until = Timestamp::from_second(emergency.until).unwrap_or(Timestamp::MAX);
        let body = EmergencyBody {
            activation: &emergency.activation,
            at: &moment.at,
            eosin: EntryKind::Emergency.as_str(),
            event,
            scope: emergency.scope.to_string(),
            until: until.to_string(),
            version: emergency.policies.version(),
        };
        Self::new(EntryKind::Emergency, &body)
    }

    /// The entry about a dataset that became known.
    pub(crate) fn dataset(boundary: &str, dataset: &str, batches: usize, moment: &Moment) -> Self {
        let body =
            DatasetBody { at: &moment.at, batches, boundary, dataset, eosin: EntryKind::Dataset.as_str() };
        Self::new(EntryKind::Dataset, &body)
    }
}

/// What an entry says beside the ruling.
pub(crate) struct Facts<'a> {
    pub(crate) action: &'static str,
    pub(crate) route: &'a str,
    /// What the inbound header claimed, weighed against what was found.
    pub(crate) claim: &'static str,
    /// What a signature over that header proved.
    pub(crate) proof: &'a Weighed,
    /// The mode that an inbound `AI-Disclosure` names.
    pub(crate) ai_disclosure: Option<&'static str>,
    /// The objects that the records are of, where all can be told.
    pub(crate) objects: &'a [String],
    /// How the records are named, in order.
    pub(crate) references: &'a [Named],
    /// What a change of metadata would take away from what Eosin rests on.
    pub(crate) weakens: &'a [String],
    /// What recognised the suspected records, where there are any.
    pub(crate) recognised_by: Option<RecognisedBy>,
    /// What is kept of it, or why nothing is.
    pub(crate) kept: Option<KeptBody>,
    /// What is said of single records, where the ruling holds none.
    pub(crate) told: Option<Told>,
}

/// What an entry says of single records.
pub(crate) struct Told {
    /// The root of their rows.
    pub(crate) rows: Hash,
    /// The first of those worth listing.
    pub(crate) listing: Listing,
    /// How many more are worth listing.
    pub(crate) omitted: u64,
    /// How many pass only because the boundary does not enforce yet.
    pub(crate) would_block: u64,
}

impl Told {
    fn of(ruling: &Ruling, facts: &Facts<'_>) -> Self {
        let rows = rows(ruling, facts);
        let listing = listing(ruling, facts);
        let worth_listing = (0..rows.len()).filter(|row| !is_plain(ruling, *row)).count();
        Self {
            rows: merkle::root(&rows),
            omitted: (worth_listing - listing.len()) as u64,
            listing,
            would_block: ruling.would_block() as u64,
        }
    }
}

/// What a ruling says of the quarantine: the name of the item that is about to be kept, or why there is none.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct KeptBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) item: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) not_kept: Option<String>,
}

/// Events that a subscription had not taken, and that its source has no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LostEvents<'a> {
    /// The boundary that the subscription's events cross.
    pub boundary: &'a str,
    /// The subscription's name.
    pub subscription: &'a str,
    /// The topic.
    pub topic: &'a str,
    /// What it does now: `earliest`, `latest` or `stop`.
    pub then: &'a str,
}

#[derive(Serialize)]
struct SubscriptionBody<'a> {
    at: &'a str,
    boundary: &'a str,
    eosin: &'static str,
    event: &'static str,
    subscription: &'a str,
    then: &'a str,
    topic: &'a str,
}

/// One step in the life of a kept request.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Step<'a> {
    pub(crate) boundary: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) by: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) counts: Option<&'a Counts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) decision: Option<&'static str>,
    /// Whether a person said that it goes where it would not have gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) elsewhere: Option<bool>,
    /// What it is sent to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) environment: Option<&'a str>,
    pub(crate) event: &'static str,
    pub(crate) item: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) outcome: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) overruled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) policy: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<&'a str>,
    pub(crate) ruling: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sequence: Option<u64>,
    /// When it came about, where the entry is written long after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) since: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<u16>,
    /// Where it is sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) upstream: Option<&'a str>,
}

impl<'a> Step<'a> {
    pub(crate) fn of(item: &'a quarantine::Item, event: &'static str) -> Self {
        let sequence = Some(item.sequence);
        Self { sequence, ..Self::new(item.id.as_str(), &item.boundary, &item.ruling, event) }
    }

    pub(crate) fn new(item: &'a str, boundary: &'a str, ruling: &'a str, event: &'static str) -> Self {
        Self {
            boundary,
            by: None,
            counts: None,
            decision: None,
            elsewhere: None,
            environment: None,
            event,
            item,
            outcome: None,
            overruled: None,
            policy: None,
            reason: None,
            ruling,
            sequence: None,
            since: None,
            status: None,
            upstream: None,
        }
    }
}

fn is_plain(ruling: &Ruling, row: usize) -> bool {
    let proven = ruling.verdicts().get(row).is_some_and(|verdict| verdict.proof().is_some());
    proven && ruling.decisions().get(row) == Some(&Decision::Pass)
}

/// Everything but proven records that pass, up to the bound.
fn listing(ruling: &Ruling, facts: &Facts<'_>) -> Listing {
    let rows = ruling.verdicts().iter().zip(ruling.decisions()).zip(facts.references).enumerate();
    let mut listing = Listing::default();
    for (_, ((verdict, decision), named)) in
        rows.filter(|(row, _)| !is_plain(ruling, *row)).take(FINDINGS_MAX)
    {
        listing.add(named, verdict, *decision);
    }
    listing
}

/// One leaf a record: its reference, verdict and decision, so that any of them can be shown later.
fn rows(ruling: &Ruling, facts: &Facts<'_>) -> Vec<Hash> {
    let rows = ruling.verdicts().iter().zip(ruling.decisions()).zip(facts.references);
    rows.map(|((verdict, decision), named)| {
        merkle::leaf_hash(row_text(&named.reference, verdict.name(), *decision).as_bytes())
    })
    .collect()
}

/// What a row's leaf is made of.
pub(crate) fn row_text(reference: &str, verdict: mark::VerdictName, decision: Decision) -> String {
    format!("{reference}\n{verdict}\n{}\n", decision.as_str())
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RulingBody<'a> {
    action: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ai_disclosure: Option<&'static str>,
    asked: Asked,
    at: &'a str,
    boundary: &'a str,
    claim: &'static str,
    client: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    contract: Option<&'static str>,
    counts: &'a Counts,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    datasets: &'a BTreeMap<String, Described>,
    decision: &'static str,
    environment: &'static str,
    eosin: &'static str,
    findings: Vec<FindingBody<'a>>,
    findings_omitted: u64,
    mode: &'static str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    objects: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<&'a str>,
    policies: BTreeSet<&'a str>,
    policy: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    processing: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proof: Option<&'static str>,
    protocol: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    quarantine: Option<&'a KeptBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recogniser: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    registry: Option<&'a str>,
    route: &'a str,
    rows: String,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    weakens: &'a [String],
    would_block: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SettlementBody<'a> {
    at: &'a str,
    eosin: &'static str,
    outcome: &'static str,
    ruling: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream_request: Option<&'a str>,
}

#[derive(Serialize)]
struct GapBody<'a> {
    at: &'a str,
    boundary: &'a str,
    eosin: &'static str,
    from: &'a str,
    passed: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ClockBody<'a> {
    at: &'a str,
    behind_seconds: u64,
    eosin: &'static str,
}

#[derive(Serialize)]
struct QuarantineBody<'a> {
    at: &'a str,
    eosin: &'static str,
    #[serde(flatten)]
    step: &'a Step<'a>,
}

#[derive(Serialize)]
struct PolicyBody<'a> {
    activation: &'a str,
    at: &'a str,
    eosin: &'static str,
    event: &'static str,
    version: &'a str,
}

#[derive(Serialize)]
struct EmergencyBody<'a> {
    activation: &'a str,
    at: &'a str,
    eosin: &'static str,
    event: &'static str,
    scope: String,
    until: String,
    version: &'a str,
}

#[derive(Serialize)]
struct DatasetBody<'a> {
    at: &'a str,
    batches: usize,
    boundary: &'a str,
    dataset: &'a str,
    eosin: &'static str,
}
