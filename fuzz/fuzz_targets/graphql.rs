//! A GraphQL request of any text: it is read or refused, its refusal is an answer, and a mutation is no read.
#![no_main]

use std::collections::BTreeMap;

use carrier::{Action, Door, Limits, Refusal, salesforce};

const LIMITS: Limits = Limits { body_bytes: 1 << 20, records: 1000 };

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Door::Judged(route) = salesforce::route("POST", "/services/data/v67.0/graphql", None) else {
        unreachable!("a judged route")
    };
    let readings = salesforce::read(&route, None, bytes, &LIMITS);
    let no = Refusal { code: "EOSIN_BLOCKED".to_owned(), message: "no".to_owned() };
    let refusals: BTreeMap<usize, Refusal> = [(0, no)].into();
    let answer = salesforce::refuse(&route, bytes, &refusals);
    assert!(std::str::from_utf8(&answer.body).is_ok());
    if salesforce::action(&route, bytes, &readings) == Action::Read {
        assert!(readings.records.is_empty(), "a query writes nothing");
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let hidden = serde_json::json!({ "query": format!("mutation {{ uiapi {{ {text} }} }}") }).to_string();
        let readings = salesforce::read(&route, None, hidden.as_bytes(), &LIMITS);
        assert_ne!(salesforce::action(&route, hidden.as_bytes(), &readings), Action::Read);
    }
});
