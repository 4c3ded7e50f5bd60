//! Sealing: records and a manifest in, marks and one batch entry out.

use crate::{
    dataset::BatchEntry,
    digest::Hash,
    field::Digests,
    judge::Proof,
    manifest::{DatasetId, Manifest, Source},
    merkle,
    receipt::{Mark, MarkId, PARENTS_MAX, Salt},
    record::Record,
    subject::{Authorship, Subject},
};

/// Most records of one batch: their receipts then need at most twelve sibling hashes.
pub const BATCH_RECORDS_MAX: usize = 4096;

/// One record to be sealed.
#[derive(Clone, Debug)]
pub struct Draft<'r, 'a> {
    /// The record.
    pub record: &'r Record<'a>,
    /// The verified marks that it was derived from; only for a dataset whose source is a derivation.
    pub parents: Vec<&'r Proof>,
    /// Its own salt, 16 random bytes; required for attested records, so that a person can be erased.
    pub salt: Option<Salt>,
    /// Who made this record, where that differs from the manifest.
    pub authorship: Option<Authorship>,
}

impl<'r, 'a> Draft<'r, 'a> {
    /// A draft without parents or a salt of its own.
    pub fn new(record: &'r Record<'a>) -> Self {
        Self { record, parents: Vec::new(), salt: None, authorship: None }
    }
}

/// What sealing a batch gives.
#[derive(Clone, Debug)]
pub struct SealedBatch {
    /// One mark a record, in the order of the drafts.
    pub marks: Vec<Mark>,
    /// The short name of each, in the same order: sealing knows it, and [`Mark::id`] costs a hash.
    pub ids: Vec<MarkId>,
    /// What goes into the ledger, once.
    pub entry: BatchEntry,
}

/// Seals one batch of a dataset.
///
/// The marks prove nothing until the entry is in a ledger and its receipt is with the manifest.
///
/// Shape:  1 to [`BATCH_RECORDS_MAX`] drafts -> as many marks in the same order, and one entry.
/// Bounds: about 700 bytes a record beside the drafts.
/// Errors: see [`SealError`]; nothing was sealed.
/// Never:  reads a clock or draws randomness: `logged_at` and salts are given.
/// Source: spec/mark.md sections 2 to 5.
pub fn seal(
    manifest: &Manifest,
    batch: u32,
    drafts: &[Draft<'_, '_>],
    logged_at: &str,
) -> Result<SealedBatch, SealError> {
    // Said before anything is hashed, and of all of them.
    if drafts.len() > BATCH_RECORDS_MAX {
        return Err(SealError::Size { records: drafts.len() });
    }
    let mut sealer = Sealer::new(manifest, batch);
    for draft in drafts {
        sealer.add(draft)?;
    }
    sealer.finish(logged_at)
}

/// One batch while it is sealed, record by record: no record need be held until the others are there.
///
/// Bounds: as [`seal`].
#[derive(Debug)]
pub struct Sealer<'m> {
    manifest: &'m Manifest,
    digest: Hash,
    dataset: DatasetId,
    batch: u32,
    marks: Vec<Mark>,
    // INVARIANT: one for each mark, in the same order.
    leaves: Vec<Hash>,
}

impl<'m> Sealer<'m> {
    /// A batch of this dataset, with no records yet.
    pub fn new(manifest: &'m Manifest, batch: u32) -> Self {
        let digest = manifest.digest();
        let dataset = DatasetId::of_digest(&digest);
        Self { manifest, digest, dataset, batch, marks: Vec::new(), leaves: Vec::new() }
    }

    /// Whether it has as many records as a batch may have.
    pub fn is_full(&self) -> bool {
        self.marks.len() == BATCH_RECORDS_MAX
    }

    /// Adds a record; the short name that its mark will have.
    ///
    /// Errors: see [`SealError`], among them that it is full; the record was not added.
    pub fn add(&mut self, draft: &Draft<'_, '_>) -> Result<MarkId, SealError> {
        let position = self.marks.len();
        if position >= BATCH_RECORDS_MAX {
            return Err(SealError::Size { records: position + 1 });
        }
        let subject = subject(self.manifest, draft, position)?;
        let (object, list) =
            self.manifest.object(draft.record.form, &draft.record.object).ok_or_else(|| {
                SealError::Object { position, object: draft.record.object.clone().into_owned() }
            })?;
        let Digests { content, identity } =
            list.digests(object, draft.record, draft.salt.unwrap_or(self.manifest.salt));
        let mark = Mark {
            dataset: self.dataset,
            batch: self.batch,
            index: u16::try_from(position).unwrap_or(u16::MAX),
            subject,
            authorship: draft.authorship.unwrap_or(self.manifest.authorship),
            salt: draft.salt,
            content,
            identity,
            parents: draft.parents.iter().map(|proof| proof.mark()).collect(),
            path: Vec::new(),
        };
        let leaf = merkle::leaf_hash(&mark.leaf());
        self.marks.push(mark);
        self.leaves.push(leaf);
        Ok(MarkId::of_leaf(&leaf))
    }

    /// Ends the batch.
    ///
    /// Errors: [`SealError::Size`]: it has no records.
    pub fn finish(self, logged_at: &str) -> Result<SealedBatch, SealError> {
        let Self { manifest: _, digest, dataset, batch, mut marks, leaves } = self;
        if marks.is_empty() {
            return Err(SealError::Size { records: 0 });
        }
        let ids = leaves.iter().map(MarkId::of_leaf).collect();
        let tree = merkle::Tree::new(leaves);
        for (position, mark) in marks.iter_mut().enumerate() {
            mark.path = tree.inclusion_path(position).unwrap_or_default();
        }
        let count = |subject| marks.iter().filter(|mark| mark.subject == subject).count();
        let entry = BatchEntry {
            dataset,
            manifest: digest,
            batch,
            size: u16::try_from(marks.len()).unwrap_or(u16::MAX),
            root: tree.root(),
            subjects: Subject::ALL.map(|subject| (subject, count(subject))),
            logged_at: logged_at.to_owned(),
        };
        Ok(SealedBatch { marks, ids, entry })
    }
}

/// What a draft is about, or why it may not be sealed so.
fn subject(manifest: &Manifest, draft: &Draft<'_, '_>, position: usize) -> Result<Subject, SealError> {
    if draft.parents.len() > PARENTS_MAX {
        return Err(SealError::Parents { position, parents: draft.parents.len() });
    }
    let subject = match &manifest.source {
        Source::Derivation { .. } => {
            let mut subjects = draft.parents.iter().map(|proof| proof.subject());
            let first = subjects.next().ok_or(SealError::NoParents { position })?;
            subjects.fold(first, Subject::join)
        }
        Source::Generator { .. } | Source::SystemOfRecord { .. } if !draft.parents.is_empty() => {
            return Err(SealError::UnexpectedParents { position });
        }
        Source::Generator { .. } if manifest.subject != Subject::Synthetic => {
            return Err(SealError::MayNotAttest);
        }
        Source::SystemOfRecord { .. } if manifest.subject != Subject::Attested => {
            return Err(SealError::MustAttest);
        }
        Source::Generator { .. } | Source::SystemOfRecord { .. } => manifest.subject,
    };
    if subject != Subject::Synthetic && draft.salt.is_none() {
        return Err(SealError::NoSalt { position });
    }
    Ok(subject)
}

/// Why a batch was not sealed. Positions are zero-based.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Empty, or over the bound.
    #[error("a batch of {records} records; seal 1 to {BATCH_RECORDS_MAX} at once")]
    Size {
        /// How many were offered.
        records: usize,
    },
    /// The manifest has no field list for this object.
    #[error("record {position} is a `{object}`, which the manifest has no field list for")]
    Object {
        /// Which draft.
        position: usize,
        /// Its object.
        object: String,
    },
    /// A generator's dataset calls itself attested or mixed.
    #[error("a generator seals synthetic records only; attesting takes a system of record")]
    MayNotAttest,
    /// A system of record's dataset calls itself something else.
    #[error("a system of record seals attested records only")]
    MustAttest,
    /// A record that is about a person has no salt of its own.
    #[error("record {position} needs a salt of its own, so that its person can be erased")]
    NoSalt {
        /// Which draft.
        position: usize,
    },
    /// A derived record names no parents.
    #[error("record {position} is derived and names no parents")]
    NoParents {
        /// Which draft.
        position: usize,
    },
    /// More parents than a mark can name.
    #[error("record {position} names {parents} parents; at most {PARENTS_MAX}")]
    Parents {
        /// Which draft.
        position: usize,
        /// How many.
        parents: usize,
    },
    /// Only derivations have parents.
    #[error("record {position} names parents, but its dataset is not a derivation")]
    UnexpectedParents {
        /// Which draft.
        position: usize,
    },
}
