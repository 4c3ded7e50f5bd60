//! The five steps for answers: the rows that an answer shows are read, judged and decided, and the ruling is durable
//! before a byte of the answer leaves.

use std::sync::{Arc, PoisonError};

use bytes::Bytes;
use carrier::{Refusal, provenance::Provenance};
use ledger::Logged;
use mark::{Claim, Reading, Verdict, VerdictName, judge_shown};
use policy::{Action, Boundary, Decision, Hidden, Request, Ruling, Scope, decide};

use crate::{
    crossing::{Claims, Crossing, Protocol},
    effect::{Unavailable, error_answer},
    entry::{Entry, Facts},
    listed::Named,
    pass::RETRY_AFTER_SECONDS,
    proof::Weighed,
    watch::Watched,
    world::Flow,
};

/// Who reads where.
#[derive(Clone, Debug)]
pub struct Reader {
    /// The boundary.
    pub boundary: Arc<Boundary>,
    /// The language spoken there.
    pub protocol: Protocol,
    /// The client as it names itself.
    pub client: String,
    /// What policy hides from this client here; see [`Flow::hidden`].
    pub hidden: Hidden,
}

/// One row that was looked at, and what became of it.
#[derive(Clone, Debug)]
pub struct Seen {
    verdict: Verdict,
    named: Named,
    by: Option<HiddenBy>,
}

/// Why a row is hidden.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HiddenBy {
    Policy,
    /// Its labels say what is hidden. A query can ask for nothing else, and the ways to a row must agree.
    Label,
}

impl Seen {
    /// A row and why it is hidden, if it is.
    pub(crate) fn of(verdict: &Verdict, reading: &Reading<'_>, by: Option<HiddenBy>) -> Self {
        Self { verdict: verdict.clone(), named: Self::named(reading, by), by }
    }

    /// How the ledger names a row.
    pub(crate) fn named(reading: &Reading<'_>, by: Option<HiddenBy>) -> Named {
        let mut named = Named::of(reading);
        if by == Some(HiddenBy::Label) {
            named.reference.push_str(", hidden by its label");
        }
        named
    }

    /// What it was judged to be.
    pub(crate) fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// Why the reader is not shown it, if so.
    pub(crate) fn hidden_by(&self) -> Option<HiddenBy> {
        self.by
    }

    /// Whether the reader is not shown it.
    pub fn is_hidden(&self) -> bool {
        self.by.is_some()
    }
}

/// A ruling on an answer that is in the ledger: the answer may leave.
#[derive(Debug)]
pub struct Shown {
    /// The `Eosin-Provenance` value for the answer: of what is shown, and without the ruling's place, which would tell
    /// that there was something to rule on.
    pub provenance: String,
}

impl Flow {
    /// What policy hides from a client at a boundary.
    ///
    /// Bounds: one lookup for each kind of record, remembered with the policies; as many more as known datasets differ.
    pub fn hidden(&self, boundary: &Boundary, client: &str) -> Hidden {
        let trust = self.trust();
        let request = Request { client: client.into(), action: Action::Read, boundary, route: "read" };
        let policies = self.policies();
        let key = (policies.standing().to_owned(), boundary.name.clone(), client.to_owned());
        let batches = trust.batch_count();
        let mut known = self.hidden.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, hidden)) = known.get(&key)
            && *of == batches
        {
            return *hidden;
        }
        let hidden = policy::hidden(&policies, &request, trust.datasets().map(mark::Dataset::manifest));
        // Whoever invents client names to fill it only makes it start afresh.
        if known.len() >= READERS_MAX {
            known.clear();
        }
        known.insert(key, (batches, hidden));
        hidden
    }

    /// Judges rows and decides which of them the reader is shown.
    ///
    /// Shape:  what an answer shows of each row -> one [`Seen`] each, same order.
    /// Source: spec/carriers.md section 2.9.
    pub fn look_at(&self, reader: &Reader, readings: &[Reading<'_>]) -> Vec<Seen> {
        let trust = self.trust();
        let verdicts: Vec<Verdict> = readings.iter().map(|reading| judge_shown(reading, &trust)).collect();
        let ruling = self.decide_read(reader, "read", verdicts);
        let rows = readings.iter().zip(ruling.verdicts()).zip(ruling.decisions());
        rows.map(|((reading, verdict), decision)| {
            let labelled =
                reading.content.as_ref().is_ok_and(|record| label_hides(record.claim, reader.hidden));
            let by = match decision {
                Decision::Block => Some(HiddenBy::Policy),
                Decision::Pass | Decision::Warn => labelled.then_some(HiddenBy::Label),
            };
            Seen::of(verdict, reading, by)
        })
        .collect()
    }

    /// Rules on an answer as a whole; it may leave once this returns.
    ///
    /// Shape:  every row that was looked at for it -> the ruling, durable.
    /// Errors: the ledger cannot write, so nothing may be shown. At a boundary with `continuity = "care"` an answer of
    ///         attested rows alone is shown nevertheless, as a write would pass, and the gap is recorded later.
    pub async fn show(&self, reader: &Reader, route: &str, seen: Vec<Seen>) -> Result<Shown, Unavailable> {
        let moment = self.clock.now();
        let provenance = provenance(&seen);
        let (verdicts, references): (Vec<Verdict>, Vec<Named>) =
            seen.into_iter().map(|seen| (seen.verdict, seen.named)).unzip();
        let ruling = self.decide_read(reader, route, verdicts);
        let leave = crate::continuity::leave(&ruling, reader.boundary.continuity);
        let facts = Facts {
            objects: &[],
            weakens: &[],
            action: carrier::Action::Read.as_str(),
            route,
            claim: "none",
            proof: &Weighed::default(),
            ai_disclosure: None,
            references: &references,
            recognised_by: None,
            kept: None,
            told: None,
        };
        let entry = Entry::ruling(&ruling, &reader.crossing(), &facts, &moment);
        match self.commit(ruling, entry, &moment).await {
            Ok(logged) => Ok(shown(&logged, provenance)),
            Err(reason) => match leave {
                Some(leave) => {
                    self.gaps.count(leave, &moment.at);
                    Ok(Shown { provenance })
                }
                None => Err(unavailable(reader, &reason.to_string())),
            },
        }
    }

    pub(crate) fn decide_read(&self, reader: &Reader, route: &str, verdicts: Vec<Verdict>) -> Ruling {
        let request = Request {
            client: reader.client.as_str().into(),
            action: Action::Read,
            boundary: &reader.boundary,
            route,
        };
        decide(&self.policies(), &request, Scope::PerRecord, verdicts)
    }
}

impl Reader {
    /// Itself as the ledger knows crossings.
    pub(crate) fn crossing(&self) -> Crossing {
        Crossing {
            boundary: Arc::clone(&self.boundary),
            protocol: self.protocol.clone(),
            client: self.client.clone(),
            method: "GET".to_owned(),
            target: String::new(),
            method_override: None,
            content_type: None,
            provenance: Vec::new(),
            claims: Claims::default(),
            body: Ok(Bytes::new()),
            watched: Watched::default(),
        }
    }
}

/// What a ruling in the ledger lets leave.
fn shown(_ruling: &Logged<Ruling>, provenance: String) -> Shown {
    Shown { provenance }
}

fn unavailable(reader: &Reader, reason: &str) -> Unavailable {
    let refusal = Refusal {
        code: "EOSIN_UNAVAILABLE".to_owned(),
        message: format!(
            "Eosin cannot record its ruling and so nothing is shown: {reason}. Try again later."
        ),
    };
    let answer = error_answer(&reader.protocol, 503, &refusal);
    Unavailable { answer, retry_after_seconds: RETRY_AFTER_SECONDS }
}

/// The counts of what is shown, as if there were nothing else.
fn provenance(seen: &[Seen]) -> String {
    let shown = |name: VerdictName| {
        let count = seen.iter().filter(|seen| !seen.is_hidden() && seen.verdict.name() == name).count();
        u64::try_from(count).unwrap_or(u64::MAX)
    };
    let counts = VerdictName::ALL.into_iter().map(|name| (name, shown(name))).filter(|(_, count)| *count > 0);
    Provenance { counts: counts.collect(), ruling: None, ledger: None, is_partial: false }.to_header()
}

/// Whether what a row says of itself is hidden, proven or not.
pub(crate) fn label_hides(claim: Claim, hidden: Hidden) -> bool {
    match claim {
        Claim::None => false,
        Claim::Synthetic => hidden.hides(VerdictName::Synthetic),
        Claim::Attested => hidden.hides(VerdictName::Attested),
    }
}

/// Most readers whose hidden kinds are remembered.
const READERS_MAX: usize = 1024;
