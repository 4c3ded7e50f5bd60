//! Any bytes as FHIR's XML have a reading, and nothing in them is followed or expanded.
#![no_main]

use carrier::{
    Limits,
    fhir::{Media, read_document_in},
};

const LIMITS: Limits = Limits { body_bytes: 1 << 20, records: 1000 };

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let readings = read_document_in(Media::Xml, bytes, &LIMITS).records;
    assert!(readings.len() <= LIMITS.records);
    for record in readings.iter().filter_map(|reading| reading.content.as_ref().ok()) {
        // What was read can be spelled: a digest has an answer.
        for (_, value) in &record.fields {
            let spelled = mark::canonical::to_vec(value);
            assert!(!spelled.is_empty());
        }
    }
});
