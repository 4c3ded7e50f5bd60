//! Any patch of a resource makes a resource of the same type and id, or says why not.
#![no_main]

use carrier::{Limits, fhir};

const LIMITS: Limits = Limits { body_bytes: 1 << 16, records: 1000 };
const CURRENT: &str = r#"{"resourceType":"Patient","id":"7","active":true,"name":[{"use":"official","family":"Bell","given":["Ada"]}],"telecom":[{"system":"phone","value":"555-0100"}]}"#;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((pick, patch)) = bytes.split_first() else { return };
    let media = match pick % 3 {
        0 => "application/json-patch+json",
        1 => "application/fhir+json",
        _ => "application/fhir+xml",
    };
    if let Ok(made) = fhir::patched(Some(media), patch, CURRENT.as_bytes(), &LIMITS) {
        let readings = fhir::read_document(&made, &LIMITS).records;
        assert!(readings.len() <= LIMITS.records);
        let made = mark::json::parse(&made).expect("what a patch makes is JSON");
        assert_eq!(made.get("id").and_then(mark::json::Json::text), Some("7"));
    }
});
