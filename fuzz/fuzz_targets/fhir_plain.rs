//! The fast road and the slow one: whatever the bytes, where the fast one answers the slow one finds the same.
#![no_main]

use carrier::{Limits, fhir};
use mark::Claim;

const LIMITS: Limits = Limits { body_bytes: 1 << 20, records: 1000 };

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let line = bytes.trim_ascii();
    let Some(name) = fhir::plain_type(line, &LIMITS) else { return };
    let read = fhir::read_document(line, &LIMITS).records;
    let [only] = read.as_slice() else { panic!("{} readings", read.len()) };
    let Ok(record) = &only.content else { panic!("cannot be read") };
    assert_eq!((record.object.as_ref(), record.mark.as_deref(), record.claim), (name, None, Claim::None));
    assert_eq!(only.place.reference, name);
});
