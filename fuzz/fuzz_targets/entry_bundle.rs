//! An entry bundle: the entries are all of the bytes, each with its length before it.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some(entries) = ledger::unpack_bundle(bytes) else { return };
    let mut again = Vec::new();
    for entry in entries {
        let length = u16::try_from(entry.len()).expect("a length of 16 bits");
        again.extend_from_slice(&length.to_be_bytes());
        again.extend_from_slice(entry);
    }
    assert_eq!(again, bytes);
});
