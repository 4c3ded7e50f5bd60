//! The first byte picks a route, the rest is its body: reading, refusing and placing have an answer for any bytes.
#![no_main]

use std::collections::BTreeMap;

use carrier::{Door, Limits, Refusal, Unit, salesforce};

const LIMITS: Limits = Limits { body_bytes: 1 << 20, records: 1000 };
const TARGETS: [(&str, &str); 8] = [
    ("POST", "/services/data/v67.0/sobjects/Contact"),
    ("PATCH", "/services/data/v67.0/sobjects/Contact/Ext__c/1"),
    ("POST", "/services/data/v67.0/composite/sobjects"),
    ("PATCH", "/services/data/v67.0/composite/sobjects/Contact/Ext__c"),
    ("POST", "/services/data/v67.0/composite"),
    ("POST", "/services/data/v67.0/composite/graph"),
    ("POST", "/services/data/v67.0/composite/batch"),
    ("POST", "/services/data/v67.0/composite/tree/Account"),
];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((pick, body)) = bytes.split_first() else { return };
    let (method, target) = TARGETS[usize::from(*pick) % TARGETS.len()];
    let Door::Judged(route) = salesforce::route(method, target, None) else { unreachable!("{target}") };
    let readings = salesforce::read(&route, None, body, &LIMITS);
    let no = Refusal { code: "EOSIN_BLOCKED".to_owned(), message: "no".to_owned() };
    let refusals: BTreeMap<usize, Refusal> =
        (0..readings.records.len()).step_by(2).map(|at| (at, no.clone())).collect();
    let all = salesforce::complete(&route, body, &refusals);
    // What was not taken apart (too many records, all or nothing) is refused whole: nobody asks to withhold a part of it.
    if readings.unit == Unit::PerRecord
        && let Some(sent) = salesforce::withhold(&route, body, &all)
    {
        let kept = salesforce::read(&route, None, &sent, &LIMITS).records.len();
        assert_eq!(kept + all.len(), readings.records.len(), "every record is either sent on or refused");
    }
    let _ = (salesforce::merge(&route, body, body, &all), salesforce::refuse(&route, body, &all));
    let _ = (
        salesforce::read_file(body, Some("Contact"), &LIMITS),
        salesforce::route_by_body(method, "/services/Soap/u/67", body),
    );
});
