//! A SOAP body: any bytes have a door, and of a call that writes every row is sent on or refused.
#![no_main]

use std::collections::BTreeMap;

use carrier::{Door, Limits, Refusal, salesforce};

const LIMITS: Limits = Limits { body_bytes: 1 << 20, records: 1000 };
const ENVELOPE: &str = r#"<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns="urn:partner.soap.sforce.com" xmlns:e="urn:enterprise.soap.sforce.com" xmlns:o="urn:sobject.enterprise.soap.sforce.com" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><s:Body>"#;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((pick, inner)) = bytes.split_first() else { return };
    let target =
        ["/services/Soap/u/67.0", "/services/Soap/c/67.0", "/services/Soap/m/67.0"][usize::from(*pick) % 3];
    // An odd first byte gives the bytes as they are, an even one puts them into an envelope, where more is reached.
    let wrapped = [ENVELOPE.as_bytes(), inner, b"</s:Body></s:Envelope>"].concat();
    let body = if pick % 2 == 1 { inner } else { wrapped.as_slice() };
    let door = salesforce::route_by_body("POST", target, body);
    assert_eq!(door, salesforce::route_by_body("post", target, body));
    let Door::Judged(route) = door else { return };
    let rows = salesforce::read(&route, None, body, &LIMITS).records;
    let no = Refusal { code: "EOSIN_BLOCKED".to_owned(), message: "no".to_owned() };
    let refusals: BTreeMap<usize, Refusal> = (0..rows.len()).step_by(2).map(|at| (at, no.clone())).collect();
    let answer = salesforce::refuse(&route, body, &refusals);
    assert!(matches!(answer.status, 200 | 500));
    if let Some(sent) = salesforce::withhold(&route, body, &refusals).filter(|_| !refusals.is_empty()) {
        assert_eq!(salesforce::route_by_body("POST", target, &sent), Door::Judged(route.clone()));
        let kept = salesforce::read(&route, None, &sent, &LIMITS).records;
        assert_eq!(kept.len() + refusals.len(), rows.len(), "every row is either sent on or refused");
        for (after, before) in kept.iter().zip(rows.iter().skip(1).step_by(2)) {
            assert_eq!(after.content, before.content, "what is sent on is what was judged");
        }
    }
    let _ = salesforce::merge(&route, body, inner, &refusals);
});
