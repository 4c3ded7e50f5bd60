//! The one answer about a record. Total and pure: trusted logs and known batches come in as values.

use std::{borrow::Cow, fmt, sync::Arc};

use crate::{
    field::{Digests, Field, FieldList},
    json::Json,
    merkle,
    receipt::{Mark, MarkError, MarkId},
    record::{Claim, Reading, Record, Unreadable},
    subject::{Authorship, Subject},
    suspicion::Suspicion,
    trust::{Dataset, Known, TrustStore},
};

/// Judges what a carrier read against the logs and datasets we trust.
///
/// The order of the questions is the meaning: is there a mark, do we know its dataset and trust its log, does
/// the receipt prove what it says, is it about this record, has the record changed.
///
/// Shape:  one [`Reading`] -> exactly one [`Verdict`].
/// Bounds: linear in the record, plus at most 13 hashes for the receipt.
/// Errors: none; whatever is wrong is the verdict.
/// Never:  does I/O, reads a clock, draws randomness, or believes what a record says of itself.
/// Source: spec/mark.md section 6.
pub fn judge(reading: &Reading<'_>, trust: &TrustStore) -> Verdict {
    match &reading.content {
        Ok(record) => judge_record(record, trust, View::Whole),
        Err(reason) => Verdict::Unreadable(reason.clone()),
    }
}

/// Judges what an answer shows of a record, which may be less than there is: a field that is not there was not asked
/// for.
///
/// As [`judge`], but the mark is compared with the record only as far as the record was shown. Where not every
/// covered field is there, its integrity is [`Integrity::Unseen`]; where not every identity field is there, or all
/// of them are empty, the genuine receipt alone decides, and a moved mark cannot be told from its own.
///
/// Source: spec/mark.md section 6.1.
pub fn judge_shown(reading: &Reading<'_>, trust: &TrustStore) -> Verdict {
    match &reading.content {
        Ok(record) => judge_record(record, trust, View::Part),
        Err(reason) => Verdict::Unreadable(reason.clone()),
    }
}

/// How much of a record there is to compare with its mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum View {
    /// All of it: a field that is not there is empty.
    Whole,
    /// What an answer shows: a field that is not there was not asked for.
    Part,
}

/// What of a record's covered fields is there.
struct Seen {
    all: bool,
    identity: bool,
}

impl Seen {
    fn of(list: &FieldList, record: &Record<'_>, view: View) -> Self {
        if view == View::Whole {
            return Self { all: true, identity: true };
        }
        let shown = |field: &Field| {
            let same =
                |(name, _): &&(Cow<'_, str>, Json<'_>)| Record::same_name(record.form, name, &field.name);
            record.fields.iter().find(same).map(|(_, value)| value)
        };
        let all = list.fields().iter().all(|field| shown(field).is_some());
        let mut identities = list.fields().iter().filter(|field| field.identity).map(shown);
        let (mut each, mut any) = (true, false);
        identities.by_ref().for_each(|value| {
            each &= value.is_some();
            any |= value.is_some_and(|value| !is_empty(value));
        });
        Self { all, identity: all || (each && any) }
    }
}

/// Whether a record names somebody whom its dataset does not cover.
fn names_another(record: &Record<'_>, list: &FieldList) -> bool {
    let others = record.form.others();
    !others.is_empty()
        && record.fields.iter().any(|(name, value)| {
            others.contains(&name.as_ref())
                && !is_empty(value)
                && !list.fields().iter().any(|field| field.name == **name)
        })
}

fn is_empty(value: &Json<'_>) -> bool {
    matches!(value, Json::Null) || value.text().is_some_and(|text| text.trim().is_empty())
}

fn judge_record(record: &Record<'_>, trust: &TrustStore, view: View) -> Verdict {
    let Some(text) = record.mark.as_deref().filter(|text| !text.trim().is_empty()) else {
        return Verdict::Unproven(record.claim);
    };
    let mark: Mark = match text.parse() {
        Ok(mark) => mark,
        Err(error) => return Verdict::Forged(Forgery::Text(error)),
    };
    let known = match trust.batch(mark.dataset, mark.batch) {
        Known::Batch(known) => known,
        Known::UntrustedLog(log) => return Verdict::Untrusted(Distrust::Log(log.to_owned())),
        Known::Nothing => return Verdict::Untrusted(Distrust::Dataset(mark.dataset.to_string())),
    };
    let leaf = merkle::leaf_hash(&mark.leaf());
    let root = merkle::root_from_inclusion(&leaf, u64::from(mark.index), u64::from(known.size), &mark.path);
    if root != Some(known.root) {
        return Verdict::Forged(Forgery::Receipt);
    }
    // From here on the receipt is genuine: everything in `mark` was logged, except salt and path.
    if !known.vouches.contains(&mark.subject) {
        return Verdict::Untrusted(Distrust::Subject(mark.subject));
    }
    let manifest = known.dataset.manifest();
    let salt = mark.salt.unwrap_or(manifest.salt);
    let found = manifest
        .object(record.form, &record.object)
        .filter(|(_, list)| !names_another(record, list))
        .map(|(object, list)| (list.digests(object, record, salt), Seen::of(list, record, view)));
    let id = MarkId::of_leaf(&leaf);
    let belongs = |(found, seen): &(Digests, Seen)| found.identity == mark.identity || !seen.identity;
    let Some((Digests { content, identity: _ }, seen)) = found.filter(belongs) else {
        return Verdict::Transplanted(Transplant {
            mark: id,
            subject: mark.subject,
            dataset: known.dataset.clone(),
        });
    };
    let integrity = match (seen.all, content == mark.content) {
        (true, true) => Integrity::Intact,
        (true, false) => Integrity::Modified,
        (false, _) => Integrity::Unseen,
    };
    let subject = mark.subject;
    let proof = Proof {
        mark: id,
        subject,
        authorship: mark.authorship,
        integrity,
        batch: mark.batch,
        index: mark.index,
        parents: mark.parents,
        dataset: Arc::clone(&known.dataset),
    };
    match subject {
        Subject::Synthetic => Verdict::Synthetic(proof),
        Subject::Attested => Verdict::Attested(proof),
        Subject::Mixed => Verdict::Mixed(proof),
    }
}

/// The one answer about a record. Every `match` faces every verdict, for each must be thought about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Proven to be about nobody.
    Synthetic(Proof),
    /// Proven to be about a person whom a system of record vouches for.
    Attested(Proof),
    /// Proven to be derived from both kinds.
    Mixed(Proof),
    /// No mark. Says nothing about whom it is about; what it claims is only a claim.
    Unproven(Claim),
    /// No mark, but evidence that it is synthetic. [`judge`] never says so: recognisers turn [`Verdict::Unproven`]
    /// into it.
    Suspected(Suspicion),
    /// A genuine mark of another record. The dangerous one: it could hide a person from care.
    Transplanted(Transplant),
    /// A mark that does not prove what it says: damaged or invented.
    Forged(Forgery),
    /// A mark that nobody we trust vouches for.
    Untrusted(Distrust),
    /// Could not be read.
    Unreadable(Unreadable),
}

/// Evidence that [`judge`] verified a mark. Only [`judge`] can make one.
///
/// It does not come back from storage either: it is not `Deserialize`; a stored verdict is judged again.
///
/// ```
/// fn dataset(proof: &mark::Proof) -> String { proof.dataset().id().to_string() }
/// ```
/// ```compile_fail
/// fn forge(id: mark::MarkId, dataset: std::sync::Arc<mark::Dataset>) -> mark::Proof {
///     mark::Proof {
///         mark: id, subject: mark::Subject::Synthetic, authorship: mark::Authorship::Human,
///         integrity: mark::Integrity::Intact, batch: 0, index: 0, parents: Vec::new(), dataset,
///     }
/// }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Proof {
    mark: MarkId,
    subject: Subject,
    authorship: Authorship,
    integrity: Integrity,
    batch: u32,
    index: u16,
    parents: Vec<MarkId>,
    dataset: Arc<Dataset>,
}

impl Proof {
    /// The mark that was verified.
    pub fn mark(&self) -> MarkId {
        self.mark
    }

    /// Whom the record is about.
    pub fn subject(&self) -> Subject {
        self.subject
    }

    /// Who made it.
    pub fn authorship(&self) -> Authorship {
        self.authorship
    }

    /// Whether its covered content is as it was sealed.
    pub fn integrity(&self) -> Integrity {
        self.integrity
    }

    /// Batch and leaf within the dataset, zero-based.
    pub fn leaf(&self) -> (u32, u16) {
        (self.batch, self.index)
    }

    /// The marks it was derived from.
    pub fn parents(&self) -> &[MarkId] {
        &self.parents
    }

    /// The dataset it belongs to.
    pub fn dataset(&self) -> &Dataset {
        &self.dataset
    }
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proof({} {} {:?} of {})", self.mark, self.subject, self.integrity, self.dataset.id())
    }
}

/// Whether the covered content is as it was sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Integrity {
    /// Nothing that is covered changed.
    Intact,
    /// The content changed; whom it is about did not.
    Modified,
    /// Not all that is covered was shown, so nobody can tell. Only [`judge_shown`] says so.
    Unseen,
}

/// A genuine mark found on a record that it was not made for.
#[derive(Clone, PartialEq, Eq)]
pub struct Transplant {
    mark: MarkId,
    subject: Subject,
    dataset: Arc<Dataset>,
}

impl Transplant {
    /// The mark that was moved.
    pub fn mark(&self) -> MarkId {
        self.mark
    }

    /// Whom the record it was made for is about; of the record that carries it now, nothing is known.
    pub fn subject_of_origin(&self) -> Subject {
        self.subject
    }

    /// The dataset it was made in.
    pub fn dataset(&self) -> &Dataset {
        &self.dataset
    }
}

impl fmt::Debug for Transplant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Transplant({} of {})", self.mark, self.dataset.id())
    }
}

/// Why a mark proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Forgery {
    /// The text in the mark's place is not a mark.
    #[error("the text in the mark's place {0}")]
    Text(MarkError),
    /// The receipt does not lead to the batch's root in the ledger.
    #[error("the receipt does not lead to the logged batch")]
    Receipt,
}

/// Why nobody we trust vouches for a mark.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Distrust {
    /// The dataset's receipt is signed by a log that is not trusted here.
    #[error("its dataset is logged by `{0}`, which is not trusted here")]
    Log(String),
    /// No dataset of this id, or not this batch of it, is known here.
    #[error("its dataset `{0}` is not known here; give its manifest")]
    Dataset(String),
    /// The log is trusted, but not to vouch for this subject.
    #[error("its log is not trusted to vouch for {0} records")]
    Subject(Subject),
}

/// A verdict's name alone: for counts, reports, policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum VerdictName {
    /// See [`Verdict::Synthetic`].
    Synthetic,
    /// See [`Verdict::Attested`].
    Attested,
    /// See [`Verdict::Mixed`].
    Mixed,
    /// See [`Verdict::Unproven`].
    Unproven,
    /// See [`Verdict::Suspected`].
    Suspected,
    /// See [`Verdict::Transplanted`].
    Transplanted,
    /// See [`Verdict::Forged`].
    Forged,
    /// See [`Verdict::Untrusted`].
    Untrusted,
    /// See [`Verdict::Unreadable`].
    Unreadable,
}

impl VerdictName {
    /// Every name, in the order of reports.
    pub const ALL: [Self; 9] = [
        Self::Synthetic,
        Self::Attested,
        Self::Mixed,
        Self::Unproven,
        Self::Suspected,
        Self::Transplanted,
        Self::Forged,
        Self::Untrusted,
        Self::Unreadable,
    ];

    /// The word used in reports, policies and the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Synthetic => "synthetic",
            Self::Attested => "attested",
            Self::Mixed => "mixed",
            Self::Unproven => "unproven",
            Self::Suspected => "suspected",
            Self::Transplanted => "transplanted",
            Self::Forged => "forged",
            Self::Untrusted => "untrusted",
            Self::Unreadable => "unreadable",
        }
    }
}

impl fmt::Display for VerdictName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Verdict {
    /// The verdict's name.
    pub fn name(&self) -> VerdictName {
        match self {
            Self::Synthetic(_) => VerdictName::Synthetic,
            Self::Attested(_) => VerdictName::Attested,
            Self::Mixed(_) => VerdictName::Mixed,
            Self::Unproven(_) => VerdictName::Unproven,
            Self::Suspected(_) => VerdictName::Suspected,
            Self::Transplanted(_) => VerdictName::Transplanted,
            Self::Forged(_) => VerdictName::Forged,
            Self::Untrusted(_) => VerdictName::Untrusted,
            Self::Unreadable(_) => VerdictName::Unreadable,
        }
    }

    /// The proof, for the three verdicts that have one.
    pub fn proof(&self) -> Option<&Proof> {
        match self {
            Self::Synthetic(proof) | Self::Attested(proof) | Self::Mixed(proof) => Some(proof),
            Self::Unproven(_)
            | Self::Suspected(_)
            | Self::Transplanted(_)
            | Self::Forged(_)
            | Self::Untrusted(_)
            | Self::Unreadable(_) => None,
        }
    }

    /// What speaks for a generator, where a record without a mark is suspected.
    pub fn suspicion(&self) -> Option<&Suspicion> {
        if let Self::Suspected(suspicion) = self { Some(suspicion) } else { None }
    }
}

/// One sentence for a person, without content: what was found and why.
impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Synthetic(proof) | Self::Attested(proof) | Self::Mixed(proof) => match proof.integrity {
                Integrity::Intact => write!(f, "{}, intact", proof.subject),
                Integrity::Modified => write!(f, "{}, modified since it was sealed", proof.subject),
                Integrity::Unseen => write!(f, "{}, by its receipt; not all of it was shown", proof.subject),
            },
            Self::Unproven(Claim::None) => f.write_str("unproven: it carries no mark"),
            Self::Unproven(Claim::Synthetic) => {
                f.write_str("unproven: it says it is synthetic and carries no mark")
            }
            Self::Unproven(Claim::Attested) => {
                f.write_str("unproven: it says it is attested and carries no mark")
            }
            Self::Suspected(suspicion) => write!(f, "{suspicion}"),
            Self::Transplanted(_) => f.write_str("transplanted: the mark was made for another record"),
            Self::Forged(forgery) => write!(f, "forged: {forgery}"),
            Self::Untrusted(distrust) => write!(f, "untrusted: {distrust}"),
            Self::Unreadable(reason) => write!(f, "unreadable: {reason}"),
        }
    }
}

#[cfg(test)]
mod tests;
