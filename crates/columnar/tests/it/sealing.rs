//! Seals records in a log of its own, so that a story can judge what it reads back.

use carrier::{Labels, table::identity_columns};
use mark::{
    Authorship, BatchReceipt, DatasetFile, Draft, Manifest, Method, Record, Salt, Source, Subject, Survey,
    TrustStore, checkpoint::Checkpoint, merkle, note::SignerKey, seal, tlog_proof::TlogProof,
};

/// Labels for each record, and a trust store that knows their dataset.
pub(crate) fn sealed(records: &[&Record<'_>]) -> (Vec<Labels>, TrustStore) {
    let mut survey = Survey::default();
    for record in records {
        survey.observe(record);
    }
    let manifest = Manifest {
        name: "a story".to_owned(),
        source: Source::Generator { name: "Invented".to_owned(), version: None },
        subject: Subject::Synthetic,
        authorship: Authorship::Algorithm,
        method: Method::RuleBased,
        purposes: Vec::new(),
        jurisdictions: Vec::new(),
        generated_at: None,
        retain_until: None,
        operator: None,
        parameters_digest: None,
        seed_commitment: None,
        salt: Salt([7; 16]),
        objects: survey.field_lists(identity_columns).unwrap(),
    };
    let drafts: Vec<_> = records.iter().map(|record| Draft::new(record)).collect();
    let batch = seal(&manifest, 0, &drafts, "2026-11-21T00:00:00Z").unwrap();
    let signer = SignerKey::generate("generator.example/log", [7; 32]).unwrap();
    let entry = batch.entry.to_bytes();
    let checkpoint = Checkpoint::new("generator.example/log", 1, merkle::leaf_hash(&entry)).unwrap();
    let proof = TlogProof::new(0, Vec::new(), checkpoint.sign(&signer).unwrap()).to_string();
    let receipt = BatchReceipt { entry: String::from_utf8(entry).unwrap(), proof };
    let mut trust = TrustStore::default();
    trust.trust(signer.verifier().clone(), [Subject::Synthetic].into());
    trust.admit(&DatasetFile { manifest, receipts: vec![receipt] }).unwrap();
    (batch.marks.iter().map(Labels::of).collect(), trust)
}
