//! Lines of the header: any of them mean something or nothing, and what they mean is written and read back.
#![no_main]

use carrier::provenance::{Provenance, VALUE_BYTES_MAX};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let lines: Vec<&str> = text.split('\n').collect();
    let Ok(heard) = Provenance::parse(&lines) else { return };
    let written = heard.provenance.to_header();
    assert!(written.is_ascii() && !written.contains(['\r', '\n']));
    // A name beyond ASCII takes three times its bytes when it is written.
    if written.len() <= VALUE_BYTES_MAX {
        assert_eq!(Provenance::parse(&[&written]).map(|heard| heard.provenance), Ok(heard.provenance));
    }
});
