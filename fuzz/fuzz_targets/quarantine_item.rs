//! The files of a quarantined item: nothing that was not written with the key is believed, and what is sealed comes back.
#![no_main]

use std::sync::LazyLock;

use quarantine::{ItemId, KeyEncryptionKey, SealedFile, StateFile};

static KEY: LazyLock<KeyEncryptionKey> = LazyLock::new(|| KeyEncryptionKey::new(&[7; 32]));

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let id = ItemId::of([1; 10]);
    // No fuzzer makes an HMAC: whatever is believed was written by us.
    assert!(StateFile::read(bytes, &id, &KEY).is_err());
    if let Some(withheld) = SealedFile::withheld(bytes) {
        assert_eq!(SealedFile::withheld(&SealedFile::plaintext(&withheld)), Some(withheld));
    }
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(id) = text.parse::<ItemId>()
    {
        assert_eq!(id.as_str(), text);
    }
});
