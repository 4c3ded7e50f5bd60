//! A Bulk v1 batch: the first byte picks a format, the rest is its body. Every row is sent on or refused, and results
//! are as many as rows.
#![no_main]

use std::collections::BTreeMap;

use carrier::{Door, Limits, Refusal, salesforce};

const LIMITS: Limits = Limits { body_bytes: 1 << 20, records: 1000 };
const FORMATS: [&str; 3] = ["CSV", "JSON", "XML"];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((pick, body)) = bytes.split_first() else { return };
    let format = FORMATS[usize::from(*pick) % FORMATS.len()];
    let made = format!(
        r#"{{"id":"750000000000001AAA","operation":"insert","object":"Contact","contentType":"{format}"}}"#
    );
    let job = salesforce::batch_job_created(made.as_bytes());
    let target = "/services/async/67.0/job/750000000000001AAA/batch";
    let Door::Judged(route) = salesforce::route_by_job("POST", target, None, |_| job) else {
        unreachable!("{target}")
    };
    let rows = salesforce::read(&route, None, body, &LIMITS).records;
    let no = Refusal { code: "EOSIN_BLOCKED".to_owned(), message: "no".to_owned() };
    let refusals: BTreeMap<usize, Refusal> = (0..rows.len()).step_by(2).map(|at| (at, no.clone())).collect();
    if let Some(sent) = salesforce::withhold(&route, body, &refusals).filter(|_| !refusals.is_empty()) {
        let kept = salesforce::read(&route, None, &sent, &LIMITS).records;
        assert_eq!(kept.len() + refusals.len(), rows.len(), "every row is either sent on or refused");
        for (after, before) in kept.iter().zip(rows.iter().skip(1).step_by(2)) {
            assert_eq!(after.content, before.content, "what is sent on is what was judged");
        }
        let withheld = salesforce::WithheldRows::of(&route, body, &refusals).expect("rows");
        let results = "\"Id\",\"Success\",\"Created\",\"Error\"\n".to_owned()
            + &"\"1\",\"true\",\"true\",\"\"\n".repeat(kept.len());
        let whole = withheld.in_results(results.as_bytes()).expect("results");
        let lines = salesforce::read_file(&whole, Some("Result__c"), &LIMITS).records.len();
        assert_eq!(lines, rows.len(), "a result a row");
    }
    // The same bytes as an answer, and as what tells of a job or a batch.
    let (rows, refusals) = (b"A\n1\n2\n".as_slice(), [(0, no)].into());
    if let Some(withheld) = salesforce::WithheldRows::of(&route, rows, &refusals) {
        let _ = withheld.in_results(body);
    }
    let _ = (salesforce::batch_job_created(body), salesforce::batch_created(body));
    let _ = (salesforce::count_refused(body, |_| 1), salesforce::refuse(&route, body, &refusals));
});
