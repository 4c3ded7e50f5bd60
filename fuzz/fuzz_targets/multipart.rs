//! A multipart body of any bytes: what is read of it stands in it, in order, and no part holds the boundary.
#![no_main]

use carrier::{
    Door, Limits,
    multipart::{Media, parts},
    salesforce,
};

const LIMITS: Limits = Limits { body_bytes: 1 << 20, records: 1000 };

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = std::str::from_utf8(bytes).map(|text| Media::of(Some(text)));
    if let Ok(parts) = parts("b", bytes) {
        let mut from = 0;
        for part in parts {
            let rest = bytes.get(from..).expect("parts stand in order");
            let at = rest.windows(part.content.len().max(1)).position(|window| window == part.content);
            assert!(part.content.is_empty() || at.is_some());
            from += at.unwrap_or(0);
            assert!(!part.content.windows(3).any(|window| window == b"--b"));
        }
    }
    let kind = Some("multipart/form-data; boundary=b");
    for target in ["sobjects/ContentVersion", "composite/sobjects", "jobs/ingest"] {
        let target = format!("/services/data/v67.0/{target}");
        let Door::Judged(route) = salesforce::route("POST", &target, None) else { unreachable!("{target}") };
        let _ = salesforce::read_typed(&route, None, kind, bytes, &LIMITS);
    }
});
