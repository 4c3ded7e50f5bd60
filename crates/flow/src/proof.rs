//! What a signed claim of another gateway changes: more caution, never less.
//!
//! A claim without proof changes nothing. With proof it can make a record without a mark *suspected*, and a request that
//! contradicts it unreadable. It never attests anybody: that takes a mark.
//! Source: spec/http.md section 7.

use carrier::provenance::Provenance;
use mark::{Signal, Strength, Subject, Suspicion, TrustStore, Unreadable, Verdict, VerdictName};

use crate::crossing::{Crossing, SignedClaim};

/// What a signed claim proved, in a word for the ledger, and of whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Weighed {
    word: Option<&'static str>,
    peer: Option<String>,
}

impl Weighed {
    /// The word of the entry's `proof`; nothing where there was no signature.
    pub(crate) fn word(&self) -> Option<&'static str> {
        self.word
    }

    /// The log that the signer may speak of.
    pub(crate) fn peer(&self) -> Option<&str> {
        self.peer.as_deref()
    }

    /// Whether the claim is proven and nothing found here contradicts it.
    pub(crate) fn is_proven(&self) -> bool {
        self.word == Some(PROVEN)
    }
}

const PROVEN: &str = "proven";

/// Weighs a signed claim against what was found.
///
/// Shape:  verdicts -> as many verdicts, none of them better than before.
pub(crate) fn weigh(
    crossing: &Crossing,
    verdicts: Vec<Verdict>,
    trust: &TrustStore,
) -> (Vec<Verdict>, Weighed) {
    let weighed = |word, log: &str| Weighed { word: Some(word), peer: Some(log.to_owned()) };
    let log = match &crossing.claims.signed {
        SignedClaim::None => return (verdicts, Weighed::default()),
        SignedClaim::Nothing(word) => return (verdicts, Weighed { word: Some(word), peer: None }),
        SignedClaim::OtherBody { log } => return (unreadable(verdicts, CHANGED), weighed("other-body", log)),
        SignedClaim::Proven { log } => log,
    };
    let lines: Vec<&str> = crossing.provenance.iter().map(String::as_str).collect();
    let claim = match Provenance::parse(&lines) {
        Ok(heard) if !heard.contradicts_itself => heard.provenance,
        Ok(_) | Err(_) => return (verdicts, weighed("malformed", log)),
    };
    let speaks_of_its_own = claim.ledger.as_ref() == Some(log)
        && claim.ruling.as_ref().is_some_and(|ruling| ruling.origin == *log);
    if !speaks_of_its_own {
        return (verdicts, weighed("other-log", log));
    }
    if claim.is_partial {
        // Its counts are of more records than came: they say nothing of these.
        return (verdicts, weighed(PROVEN, log));
    }
    let vouches = |subject| trust.logs().any(|(name, subjects)| name == log && subjects.contains(&subject));
    let said = |name: VerdictName| claim.counts.get(&name).copied().unwrap_or(0);
    let found = |name: VerdictName| {
        u64::try_from(verdicts.iter().filter(|verdict| verdict.name() == name).count()).unwrap_or(u64::MAX)
    };
    // What the peer could not tell may be anything.
    let open: u64 = VerdictName::ALL.into_iter().filter(|name| !PROVABLE.contains(name)).map(said).sum();
    if PROVABLE.into_iter().any(|name| found(name) > said(name).saturating_add(open)) {
        return (unreadable(verdicts, CONTRADICTED), weighed("contradicted", log));
    }
    let made_up = [VerdictName::Synthetic, VerdictName::Mixed];
    let (claimed, known): (u64, u64) = (made_up.map(said).iter().sum(), made_up.map(found).iter().sum());
    if claimed > known && vouches(Subject::Synthetic) {
        return (suspected(verdicts), weighed(PROVEN, log));
    }
    (verdicts, weighed(PROVEN, log))
}

/// The verdicts that take a proof.
const PROVABLE: [VerdictName; 3] = [VerdictName::Synthetic, VerdictName::Attested, VerdictName::Mixed];

const CHANGED: &str = "was changed on its way, after another gateway had signed it";
const CONTRADICTED: &str = "is not what another gateway has signed that it is";

/// Makes all unreadable but what is worse already.
fn unreadable(verdicts: Vec<Verdict>, why: &str) -> Vec<Verdict> {
    let worse = |verdict: Verdict| match verdict {
        Verdict::Transplanted(_) | Verdict::Forged(_) | Verdict::Unreadable(_) => verdict,
        Verdict::Synthetic(_)
        | Verdict::Attested(_)
        | Verdict::Mixed(_)
        | Verdict::Unproven(_)
        | Verdict::Suspected(_)
        | Verdict::Untrusted(_) => Verdict::Unreadable(Unreadable::Shape(why.to_owned())),
    };
    verdicts.into_iter().map(worse).collect()
}

/// A trusted gateway proves that some of these are about nobody, and which is not known: none without a mark is let off.
fn suspected(verdicts: Vec<Verdict>) -> Vec<Verdict> {
    let signal = Signal { name: "said-by-a-trusted-gateway", decibits: 0 };
    let suspect = |verdict: Verdict| match verdict {
        Verdict::Unproven(claim) => Verdict::Suspected(Suspicion {
            claim,
            strength: Strength::Strong,
            registered: None,
            decibits: 0,
            generator: None,
            signals: vec![signal],
        }),
        Verdict::Suspected(suspicion) => {
            Verdict::Suspected(Suspicion { strength: Strength::Strong, ..suspicion })
        }
        Verdict::Synthetic(_)
        | Verdict::Attested(_)
        | Verdict::Mixed(_)
        | Verdict::Transplanted(_)
        | Verdict::Forged(_)
        | Verdict::Untrusted(_)
        | Verdict::Unreadable(_) => verdict,
    };
    verdicts.into_iter().map(suspect).collect()
}
