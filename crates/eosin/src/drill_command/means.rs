//! The three ways to recognise, and a dataset, a log and a registry that are made for a drill and then forgotten.

use std::{
    cell::Cell,
    path::{Path, PathBuf},
    sync::Arc,
};

use carrier::table::Chunk;
use flow::{Known, Recognition};
use mark::{
    Authorship, BATCH_RECORDS_MAX, BatchReceipt, DatasetFile, Draft, Manifest, Mark, Method, Reading, Record,
    Salt, Source, Strength, Subject, Survey, TrustStore, checkpoint::Checkpoint, judge, merkle::leaf_hash,
    note::SignerKey, seal, tlog_proof::TlogProof,
};
use miette::{IntoDiagnostic as _, WrapErr as _, miette};
use recognise::{PersonTag, Recogniser, RegistryKey, SUSPECTED_FROM_DECIBITS, fingerprints};
use registry::{Additions, Registry};

use crate::{column_maps::ColumnMaps, judging::as_its_dataset_says, keys};

/// What records are asked about.
pub(super) struct Means {
    pub(super) trust: TrustStore,
    pub(super) recognition: Recognition,
    /// What columns hold, where somebody said.
    pub(super) columns: ColumnMaps,
    /// Whether nobody said what the rows of a table are.
    pub(super) may_be_other: bool,
}

/// Which of the three ways recognised a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) mark: bool,
    pub(super) registry: Option<Strength>,
    pub(super) recogniser: bool,
    /// Proof, or a strong suspicion of both other ways together.
    pub(super) is_found: bool,
}

impl Means {
    /// Asks all three ways, whatever the others say.
    ///
    /// Errors: a report: the registry cannot be read.
    pub(super) fn ask(&self, reading: &Reading<'_>) -> miette::Result<Seen> {
        let verdict = judge(reading, &self.trust);
        let verdict =
            if self.may_be_other { as_its_dataset_says(reading, verdict, &self.trust) } else { verdict };
        let mark = verdict.proof().is_some();
        let Ok(record) = &reading.content else {
            return Ok(Seen { mark, is_found: mark, ..Seen::default() });
        };
        let suspicion = self.recognition.weigh(record, self.columns.of(record)).into_diagnostic()?;
        let threshold = self.recognition.suspected_from_decibits();
        Ok(Seen {
            mark,
            registry: suspicion.as_ref().and_then(|found| found.registered),
            recogniser: suspicion.as_ref().is_some_and(|found| threshold > 0 && found.decibits >= threshold),
            is_found: mark || suspicion.is_some_and(|found| found.strength == Strength::Strong),
        })
    }
}

/// A folder that is removed at the end.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn make() -> miette::Result<Self> {
        let random: [u8; 6] = keys::random()?;
        let name = format!("eosin-drill-{}", data_encoding::HEXLOWER.encode(&random));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path)
            .into_diagnostic()
            .wrap_err_with(|| format!("cannot make {}", path.display()))?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A temporary folder that stays behind is untidy, not wrong.
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// What marks and registers records for a drill alone.
pub(super) struct Rehearsal {
    signer: SignerKey,
    salt: Salt,
    trust: TrustStore,
    key: RegistryKey,
    columns: ColumnMaps,
    additions: Additions,
    folder: Folder,
    batches: u64,
}

impl Rehearsal {
    /// Begins with keys that nobody else has, and an empty registry.
    pub(super) fn begin(columns: ColumnMaps) -> miette::Result<Self> {
        let folder = Folder::make()?;
        let signer = keys::new_signer("drill.invalid")?;
        let key: [u8; 32] = keys::random()?;
        let key = RegistryKey::new(&key).ok_or_else(|| miette!("a registry key has 32 bytes"))?;
        let additions = Additions::begin(&folder.path().join("registry"), key.id()).into_diagnostic()?;
        let mut trust = TrustStore::default();
        trust.trust(signer.verifier().clone(), [Subject::Synthetic].into());
        Ok(Self { signer, salt: keys::salt()?, trust, key, columns, additions, folder, batches: 0 })
    }

    /// Marks the records of a chunk, as they are marked again by [`Rehearsed::marks`], and registers whom they are about.
    pub(super) fn take(&mut self, chunk: &Chunk) -> miette::Result<()> {
        let readings = chunk.read().records;
        let records: Vec<&Record<'_>> =
            readings.iter().filter_map(|reading| reading.content.as_ref().ok()).collect();
        for batch in records.chunks(BATCH_RECORDS_MAX) {
            let (manifest, marks, entry) = sealed(batch, self.batches, self.salt)?;
            self.batches += 1;
            self.trust.admit(&logged(manifest, &entry, &self.signer)?).into_diagnostic()?;
            for (record, mark) in batch.iter().zip(&marks) {
                let Some(person) = self.columns.person(record) else { continue };
                for (_, fingerprint) in fingerprints(&person, &self.key) {
                    self.additions.add(fingerprint, PersonTag::of(mark.id())).into_diagnostic()?;
                }
            }
        }
        Ok(())
    }

    /// Everything is taken: the registry gets its snapshot.
    pub(super) fn finish(self) -> miette::Result<(Means, Rehearsed)> {
        self.additions.commit().into_diagnostic()?;
        let registry = Registry::open(&self.folder.path().join("registry"))
            .into_diagnostic()?
            .ok_or_else(|| miette!("no record identifies anybody, so there is nothing to recognise"))?;
        let known = Known { registry: Arc::new(registry), key: self.key };
        let recognition =
            Recognition::new(Some(Recogniser::built_in()), Some(known), SUSPECTED_FROM_DECIBITS);
        Ok((
            Means { trust: self.trust, recognition, columns: self.columns, may_be_other: false },
            Rehearsed { salt: self.salt, batches: Cell::new(0), _folder: self.folder },
        ))
    }
}

/// What a rehearsal left: enough to mark the same records in the same way.
pub(super) struct Rehearsed {
    salt: Salt,
    // How many batches were marked again so far.
    batches: Cell<u64>,
    _folder: Folder,
}

impl Rehearsed {
    /// The marks of these records: those of a chunk that can be read, and of the chunks in their order.
    pub(super) fn marks(&self, records: &[&Record<'_>]) -> miette::Result<Vec<String>> {
        let mut texts = Vec::with_capacity(records.len());
        for batch in records.chunks(BATCH_RECORDS_MAX) {
            let number = self.batches.replace(self.batches.get() + 1);
            texts.extend(sealed(batch, number, self.salt)?.1.iter().map(Mark::to_text));
        }
        Ok(texts)
    }
}

/// The same records give the same dataset: nothing here is drawn or asked of a clock. Each batch is a dataset of its own.
fn sealed(
    records: &[&Record<'_>],
    number: u64,
    salt: Salt,
) -> miette::Result<(Manifest, Vec<Mark>, mark::BatchEntry)> {
    let mut survey = Survey::default();
    for record in records {
        survey.observe(record);
    }
    let objects = survey.field_lists(|_, _| Vec::new()).map_err(|error| miette!("{error}"))?;
    let manifest = Manifest {
        name: format!("drill {number}"),
        source: Source::Generator { name: "drill".to_owned(), version: None },
        subject: Subject::Synthetic,
        authorship: Authorship::Unknown,
        method: Method::RuleBased,
        purposes: Vec::new(),
        jurisdictions: Vec::new(),
        generated_at: None,
        retain_until: None,
        operator: None,
        parameters_digest: None,
        seed_commitment: None,
        salt,
        objects,
    };
    let drafts: Vec<Draft<'_, '_>> = records.iter().map(|record| Draft::new(record)).collect();
    let batch = seal(&manifest, 0, &drafts, "2026-01-01T00:00:00Z").into_diagnostic()?;
    Ok((manifest, batch.marks, batch.entry))
}

/// A log of this entry alone.
fn logged(manifest: Manifest, entry: &mark::BatchEntry, signer: &SignerKey) -> miette::Result<DatasetFile> {
    let entry = entry.to_bytes();
    let checkpoint = Checkpoint::new(signer.name(), 1, leaf_hash(&entry)).into_diagnostic()?;
    let proof = TlogProof::new(0, Vec::new(), checkpoint.sign(signer).into_diagnostic()?);
    let entry = String::from_utf8(entry).into_diagnostic()?;
    Ok(DatasetFile { manifest, receipts: vec![BatchReceipt { entry, proof: proof.to_string() }] })
}
