//! A signed note: what is read is written the same, and nobody unknown is believed.
#![no_main]

use mark::note::{SignedNote, SignerKey, VerifierKey};

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(key) = VerifierKey::parse(text) {
        assert_eq!(key.to_string(), text);
    }
    let Ok(note) = SignedNote::parse(text) else { return };
    assert_eq!(note.to_string(), text);
    let stranger = SignerKey::generate("fuzz.example/stranger", [0x5a; 32]).expect("a good name");
    assert!(note.verify(&[stranger.verifier().clone()]).is_err());
});
