//! A checkpoint's text: what is read is written the same, and can be signed and opened again.
#![no_main]

use mark::checkpoint::Checkpoint;
use mark::note::SignerKey;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let Ok(checkpoint) = Checkpoint::parse(text) else { return };
    assert_eq!(checkpoint.text(), text);
    let Ok(key) = SignerKey::generate(checkpoint.origin(), [1; 32]) else { return };
    let Ok(signed) = checkpoint.sign(&key) else { return };
    let opened = Checkpoint::open(&signed.to_string(), &[key.verifier().clone()]);
    assert_eq!(opened, Ok(checkpoint));
});
