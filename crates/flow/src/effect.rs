//! The last step: what a ruling in the ledger does to the bytes.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use carrier::{
    Answer, Refusal, Unit, ai_disclosure, fhir,
    provenance::{Provenance, RulingReference},
    salesforce::{self, WithheldRows},
};
use ledger::Logged;
use mark::{Authorship, VerdictName};
use policy::{Decision, Ruling};

use crate::{
    crossing::{Crossing, Protocol, Route},
    keep::Told,
    processing::{Misplaced, misplaced},
    settle::Settlement,
};

/// What the shell does next.
#[derive(Debug)]
pub enum Passage {
    /// Send it on, then settle.
    Forward(Forward),
    /// Answer it here; the ruling is already settled by being a refusal.
    Refuse(Refused),
    /// Answer it here: the ledger cannot write, so nothing may be done.
    Unavailable(Unavailable),
}

/// A request to be sent on.
#[derive(Debug)]
pub struct Forward {
    /// The body without what was withheld; the bytes as received where it is absent.
    pub body: Option<Bytes>,
    /// The `Eosin-Provenance` value for the answer.
    pub provenance: String,
    /// Where the ruling stands: `origin#index`. Absent for an unlogged care passage.
    pub ruling: Option<String>,
    /// The same for the request upstream: it says so where records were withheld from the body.
    pub sent_provenance: String,
    /// The `AI-Disclosure` value for the request upstream and for the answer, where an AI made what they are about.
    pub ai_disclosure: Option<String>,
    /// A sentence for the client where the boundary only warns.
    pub warning: Option<String>,
    /// What to put back into the upstream's answer, where records were withheld.
    pub merge: Option<Merge>,
    /// To be given to [`crate::Flow::settle`] once the outcome is known. Absent for an unlogged care passage.
    pub settlement: Option<Settlement>,
}

/// An answer of our own.
#[derive(Debug)]
pub struct Refused {
    /// In the upstream's own error shape.
    pub answer: Answer,
    /// The `Eosin-Provenance` value for the answer.
    pub provenance: String,
    /// Where the ruling stands: `origin#index`.
    pub ruling: String,
    /// The policies that decided, in order.
    pub policies: Vec<String>,
    /// The quarantine's item, if it was kept.
    pub item: Option<String>,
}

/// The ledger cannot write.
#[derive(Debug)]
pub struct Unavailable {
    /// 503 in the upstream's own error shape.
    pub answer: Answer,
    /// Seconds for `Retry-After`.
    pub retry_after_seconds: u32,
}

/// What was withheld from a request of many records, to be answered in its place.
pub struct Merge {
    withheld: Withheld,
    // What it is called where gateways tell each other, while nobody knows of which batch it is.
    begun: OnceLock<String>,
}

enum Withheld {
    Salesforce {
        route: salesforce::Route,
        body: Bytes,
        refusals: BTreeMap<usize, Refusal>,
    },
    Fhir(fhir::Withheld),
    /// Results of a Bulk v1 batch.
    Results(Arc<WithheldRows>),
    /// Counts of Bulk v1 batches and jobs, by id.
    Counts(BTreeMap<String, usize>),
    /// Results of a Bulk v1 batch, which may be one of those that these rows were withheld from.
    Doubt(Vec<Arc<WithheldRows>>),
}

impl Merge {
    fn new(withheld: Withheld) -> Self {
        Self { withheld, begun: OnceLock::new() }
    }

    /// The upstream's answer with the refusals at their records' places.
    ///
    /// Shape:  the answer's body, decoded -> the merged body; absent if it is not an answer one can merge into,
    ///         such as an error about the whole request, which then stands as it is.
    pub fn apply(&self, upstream: &[u8]) -> Option<Vec<u8>> {
        match &self.withheld {
            Withheld::Salesforce { route: salesforce::Route::BulkV1(_), .. } => {
                let (_, batch, withheld) = self.batch(upstream)?;
                let count = |id: &str| if id == batch { withheld.len() } else { 0 };
                salesforce::count_refused(upstream, count)
            }
            Withheld::Salesforce { route, body, refusals } => {
                salesforce::merge(route, body, upstream, refusals)
            }
            Withheld::Fhir(withheld) => fhir::merge(withheld, Some(upstream)).ok().map(|answer| answer.body),
            Withheld::Results(withheld) => withheld.in_results(upstream),
            Withheld::Counts(counts) => {
                salesforce::count_refused(upstream, |id| counts.get(id).copied().unwrap_or(0))
            }
            Withheld::Doubt(_) => None,
        }
    }

    /// Whether it is known what was withheld, and so that rows came through here.
    pub fn is_known(&self) -> bool {
        !matches!(self.withheld, Withheld::Doubt(_))
    }

    /// Whether this answer may lack lines that nobody can put back: it has as many as a batch of which nobody knows which it is.
    pub(crate) fn is_in_doubt(&self, upstream: &[u8]) -> bool {
        let Withheld::Doubt(open) = &self.withheld else { return false };
        open.iter().any(|rows| rows.in_results(upstream).is_some())
    }

    /// Whether the answer has to be JSON, for only there can refusals be put back.
    pub fn wants_json(&self) -> bool {
        match &self.withheld {
            Withheld::Salesforce { route, .. } => {
                !matches!(route, salesforce::Route::BulkV1(_) | salesforce::Route::Soap(_))
            }
            Withheld::Fhir(_) => true,
            Withheld::Results(_) | Withheld::Counts(_) | Withheld::Doubt(_) => false,
        }
    }

    /// The job and the id of the batch that this answer tells of, and what was withheld from it.
    pub(crate) fn batch(&self, upstream: &[u8]) -> Option<(String, String, WithheldRows)> {
        let withheld = self.of_batch()?;
        let (batch, job) = salesforce::batch_created(upstream)?;
        Some((job, batch, withheld))
    }

    /// What is withheld from a batch, if one is sent on.
    pub(crate) fn of_batch(&self) -> Option<WithheldRows> {
        let Withheld::Salesforce { route, body, refusals } = &self.withheld else { return None };
        WithheldRows::of(route, body, refusals)
    }

    /// The job of the batch that is sent on, if one is.
    pub(crate) fn job(&self) -> Option<&str> {
        let Withheld::Salesforce { route: salesforce::Route::BulkV1(route), .. } = &self.withheld else {
            return None;
        };
        if let salesforce::BulkV1::Rows(job) = route { Some(&job.id) } else { None }
    }

    /// What it was called before it was sent on.
    pub(crate) fn begun(&self) -> &OnceLock<String> {
        &self.begun
    }

    pub(crate) fn into_results(withheld: Arc<WithheldRows>) -> Self {
        Self::new(Withheld::Results(withheld))
    }

    pub(crate) fn into_counts(counts: BTreeMap<String, usize>) -> Self {
        Self::new(Withheld::Counts(counts))
    }

    pub(crate) fn into_doubt(open: Vec<Arc<WithheldRows>>) -> Self {
        Self::new(Withheld::Doubt(open))
    }
}

impl fmt::Debug for Merge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.withheld {
            Withheld::Salesforce { .. } => "Merge(salesforce)",
            Withheld::Fhir(_) => "Merge(fhir)",
            Withheld::Results(_) => "Merge(results)",
            Withheld::Counts(_) => "Merge(counts)",
            Withheld::Doubt(_) => "Merge(doubt)",
        })
    }
}

/// Says what a ruling in the ledger does to the bytes of its crossing.
///
/// Shape:  a logged ruling, the crossing it is about, how it was read -> what the shell does next.
/// Never:  takes a ruling that is not in the ledger.
///
/// ```
/// fn logged(ruling: &ledger::Logged<policy::Ruling>, crossing: &flow::Crossing, read: flow::Applied) -> flow::Passage {
///     flow::apply(ruling, crossing, read)
/// }
/// ```
/// ```compile_fail
/// fn unlogged(ruling: policy::Ruling, crossing: &flow::Crossing, read: flow::Applied) -> flow::Passage {
///     flow::apply(&ruling, crossing, read)
/// }
/// ```
pub fn apply(ruling: &Logged<Ruling>, crossing: &Crossing, read: Applied) -> Passage {
    let place = RulingReference { origin: ruling.origin().to_owned(), index: ruling.index() };
    let provenance = provenance(ruling.item(), Some(&place));
    let header = provenance.to_header();
    let forward = |body: Option<Bytes>, merge| {
        // What is withheld is counted and not in the body: whoever reads the counts next must know.
        let partial = || Provenance { is_partial: true, ..provenance.clone() }.to_header();
        Passage::Forward(Forward {
            sent_provenance: if body.is_some() { partial() } else { header.clone() },
            body,
            provenance: header.clone(),
            ruling: Some(place.to_string()),
            ai_disclosure: ai_disclosure(ruling.item()),
            warning: warning(ruling.item(), &place),
            merge,
            settlement: Some(Settlement::of(ruling)),
        })
    };
    if ruling.item().decision() != Decision::Block {
        return forward(None, None);
    }
    let refusals = refusals(ruling.item(), crossing, &place, &read);
    let told = (ruling.item().determining_policies(), read.kept.item());
    let refuse = |answer| {
        Passage::Refuse(Refused {
            answer,
            provenance: header.clone(),
            ruling: place.to_string(),
            policies: told.0.iter().map(|policy| (*policy).to_owned()).collect(),
            item: told.1.clone(),
        })
    };
    match (read.unit, &crossing.body, read.route) {
        (Unit::PerRecord, Ok(body), Some(Route::Salesforce(route))) => {
            let refusals = salesforce::complete(&route, body, &refusals);
            match salesforce::withhold(&route, body, &refusals) {
                Some(kept) => {
                    let withheld = Withheld::Salesforce { route, body: body.clone(), refusals };
                    forward(Some(kept.into()), Some(Merge::new(withheld)))
                }
                None => refuse(salesforce::refuse(&route, body, &refusals)),
            }
        }
        (Unit::PerRecord, Ok(body), Some(Route::Fhir(_))) => {
            let refusals: Vec<(usize, Refusal)> = refusals.into_iter().collect();
            match fhir::withhold(body, &refusals) {
                Ok(mut withheld) => {
                    if let Some(kept) = withheld.body.take() {
                        forward(Some(kept.into()), Some(Merge::new(Withheld::Fhir(withheld))))
                    } else {
                        let answer = fhir::merge(&withheld, None);
                        refuse(answer.unwrap_or_else(|_| fhir::refuse(&refusals)))
                    }
                }
                Err(_) => refuse(fhir::refuse(&refusals)),
            }
        }
        (Unit::Whole, Ok(body), Some(Route::Salesforce(route))) => {
            refuse(salesforce::refuse(&route, body, &refusals))
        }
        (Unit::PerRecord | Unit::Whole, _, _) => refuse(error_at(crossing, 403, first(&refusals))),
    }
}

/// How a crossing was read, as far as applying needs to know.
#[derive(Debug)]
pub struct Applied {
    pub(crate) route: Option<Route>,
    pub(crate) unit: Unit,
    /// Where each judged record stands among the records of the body: dataset rows are not judged.
    pub(crate) positions: Vec<usize>,
    /// Whether an inbound header claimed something that was found to be otherwise.
    pub(crate) disbelieved: bool,
    /// Whether what is refused was kept.
    pub(crate) kept: Told,
    /// What a change of metadata would take away from what Eosin rests on.
    pub(crate) weakens: Vec<String>,
}

/// An error about a whole request, in the shape that clients of this protocol read.
///
/// Shape:  Salesforce: `[{"message","errorCode","fields"}]`; FHIR: `OperationOutcome`; HL7 v2: the sentence alone.
/// Source: spec/http.md section 2.
pub fn error_answer(protocol: &Protocol, status: u16, refusal: &Refusal) -> Answer {
    match protocol {
        Protocol::Salesforce => Answer { status, ..salesforce::refuse_request(refusal) },
        Protocol::Fhir { .. } => fhir::outcome(status, refusal),
        // The shell knows how the sender wants to hear it, and the time.
        Protocol::Hl7v2 => {
            let body = refusal.message.clone().into_bytes();
            Answer { status, content_type: "text/plain; charset=utf-8", body }
        }
        Protocol::Webhook => carrier::problem::problem(status, "Not taken by Eosin", refusal),
    }
}

/// An error about a whole request, in the shape of the API that its target belongs to.
pub(crate) fn error_at(crossing: &Crossing, status: u16, refusal: &Refusal) -> Answer {
    match &crossing.protocol {
        Protocol::Salesforce => {
            salesforce::error_at(&crossing.target, crossing.content_type.as_deref(), status, refusal)
        }
        Protocol::Fhir { .. } | Protocol::Hl7v2 | Protocol::Webhook => {
            error_answer(&crossing.protocol, status, refusal)
        }
    }
}

/// What is said of each refused record, by its position among the records of the body.
fn refusals(
    ruling: &Ruling,
    crossing: &Crossing,
    place: &RulingReference,
    read: &Applied,
) -> BTreeMap<usize, Refusal> {
    let boundary = &ruling.request().boundary;
    let header = if read.disbelieved {
        " The Eosin-Provenance header said otherwise and was not believed."
    } else {
        ""
    };
    let kept = read.kept.sentence();
    let processing: String =
        misplaced(crossing, ruling.verdicts()).into_iter().map(Misplaced::sentence).collect();
    let change = match read.weakens.join("; it ") {
        none if none.is_empty() => none,
        some => format!("; it {some}"),
    };
    let refusal = |reason: &str| Refusal {
        code: BLOCKED.to_owned(),
        message: format!(
            "Blocked by Eosin at boundary `{boundary}`: {reason}{change}.{header}{processing} Ruling {place}.{kept}"
        ),
    };
    let rows = ruling.decisions().iter().zip(&read.positions).enumerate();
    let mut refusals: BTreeMap<usize, Refusal> = rows
        .filter(|(_, (decision, _))| **decision == Decision::Block)
        .map(|(row, (_, position))| {
            (*position, refusal(&ruling.reason(row).unwrap_or_else(|| ruling.summary())))
        })
        .collect();
    if refusals.is_empty() {
        refusals.insert(0, refusal(&ruling.summary()));
    }
    refusals
}

/// The error code of every refusal.
pub const BLOCKED: &str = "EOSIN_BLOCKED";

fn first(refusals: &BTreeMap<usize, Refusal>) -> &Refusal {
    static NOTHING: Refusal = Refusal { code: String::new(), message: String::new() };
    // INVARIANT: `refusals` makes at least one.
    refusals.values().next().unwrap_or(&NOTHING)
}

/// What the header says of a ruling.
pub(crate) fn provenance(ruling: &Ruling, place: Option<&RulingReference>) -> Provenance {
    let counted = VerdictName::ALL.into_iter().map(|name| (name, ruling.counts().of(name)));
    Provenance {
        counts: counted.filter(|(_, count)| *count > 0).collect(),
        ruling: place.cloned(),
        ledger: place.map(|place| place.origin.clone()),
        is_partial: false,
    }
}

/// What the header says of who made the judged records, by their marks; nothing where no AI did.
pub(crate) fn ai_disclosure(ruling: &Ruling) -> Option<String> {
    let made = |wanted: &[Authorship]| {
        let proofs = ruling.verdicts().iter().filter_map(mark::Verdict::proof);
        proofs.filter(|proof| wanted.contains(&proof.authorship())).count()
    };
    let (alone, reviewed) = (made(&[Authorship::Ai]), made(&[Authorship::AiReviewed]));
    let word = if alone + reviewed == 0 {
        return None;
    } else if alone + reviewed < ruling.verdicts().len() {
        ai_disclosure::Mode::AiModified
    } else if reviewed > 0 {
        ai_disclosure::Mode::AiOriginated
    } else {
        ai_disclosure::Mode::MachineGenerated
    };
    Some(word.to_header())
}

/// The sentence for a client at a boundary that only warns.
fn warning(ruling: &Ruling, place: &RulingReference) -> Option<String> {
    (ruling.decision() == Decision::Warn).then(|| format!("{} (ruling {place})", ruling.summary()))
}
