//! Seals records in a log of its own, so that a story can judge what it reads back.

use std::path::Path;

use carrier::Labels;
use mark::{
    Authorship, BatchReceipt, DatasetFile, Draft, Manifest, Method, Record, Salt, Source, Subject, Survey,
    TrustStore, checkpoint::Checkpoint, merkle, note::SignerKey, seal, tlog_proof::TlogProof,
};

/// A file of `fixtures/`.
pub(crate) fn fixture(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(name);
    #[expect(clippy::disallowed_methods, reason = "our own small fixture")]
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Labels for each record, and a trust store that knows their dataset.
pub(crate) fn sealed(
    records: &[&Record<'_>],
    identity: impl Fn(&str, &[&str]) -> Vec<String>,
) -> (Vec<Labels>, TrustStore) {
    let mut survey = Survey::default();
    for record in records {
        survey.observe(record);
    }
    let manifest = Manifest {
        name: "a story".to_owned(),
        source: Source::Generator { name: "Snowfakery".to_owned(), version: Some("4.2.1".to_owned()) },
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
        objects: survey.field_lists(identity).unwrap(),
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
