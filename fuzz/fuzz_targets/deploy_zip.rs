//! A deployment of any bytes, by SOAP and as parts: it is read or refused, within its bounds.
#![no_main]

use carrier::{Door, Limits, salesforce};

const LIMITS: Limits = Limits { body_bytes: 1 << 20, records: 1000 };

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Door::Judged(route) = salesforce::route("POST", "/services/data/v67.0/metadata/deployRequest", None)
    else {
        unreachable!("a judged route")
    };
    let head = b"--bound\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n".as_slice();
    let body = [head, bytes, b"\r\n--bound--"].concat();
    let kind = Some("multipart/form-data; boundary=bound");
    let found = salesforce::weakens(&route, kind, &body, &LIMITS).unwrap_or_default();
    assert!(found.len() <= 21 && found.iter().all(|sentence| sentence.len() < 400));
    let _ = salesforce::soap_weakens("/services/Soap/m/67.0", bytes);
});
