//! A proof file: what is read is written the same, and proves nothing under a key that did not sign it.
#![no_main]

use mark::merkle::leaf_hash;
use mark::note::SignerKey;
use mark::tlog_proof::TlogProof;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let Ok(proof) = TlogProof::parse(text) else { return };
    assert_eq!(proof.to_string(), text);
    assert!(proof.path().len() <= 64);
    let key = SignerKey::generate("fuzz.example/stranger", [0x5a; 32]).expect("a good name");
    assert!(proof.verify(&leaf_hash(b"entry"), &[key.verifier().clone()]).is_err());
});
