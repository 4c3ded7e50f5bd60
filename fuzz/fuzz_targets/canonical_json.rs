//! JSON: what is read has one canonical spelling, and reading that gives it again.
#![no_main]

use mark::{canonical, json};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(value) = json::parse(bytes) else { return };
    let once = canonical::to_vec(&value);
    match json::parse(&once) {
        Ok(again) => assert_eq!(canonical::to_vec(&again), once),
        // A double past 2^53 may be spelled as an integer, which is then refused as one.
        Err(error) => assert!(matches!(error, json::JsonError::NumberTooLarge { .. }), "{error}"),
    }
});
