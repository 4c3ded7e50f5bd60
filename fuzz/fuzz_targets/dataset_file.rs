//! A dataset file: nothing that a stranger wrote is admitted, and what is read is written to mean the same.
#![no_main]

use mark::{BatchEntry, DatasetFile, Subject, TrustStore, note::SignerKey};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(entry) = BatchEntry::parse(bytes) {
        assert_eq!(BatchEntry::parse(&entry.to_bytes()).as_ref(), Ok(&entry));
    }
    let Ok(file) = DatasetFile::parse(bytes) else { return };
    let again = DatasetFile::parse(file.to_json().as_bytes()).expect("what was written is read");
    assert_eq!(again.manifest.id(), file.manifest.id());
    let signer = SignerKey::generate("fuzz.example/log", [0x5a; 32]).expect("a good name");
    let mut trust = TrustStore::default();
    trust.trust(signer.verifier().clone(), Subject::ALL.into());
    assert!(!matches!(trust.admit(&file), Ok(1..)));
});
