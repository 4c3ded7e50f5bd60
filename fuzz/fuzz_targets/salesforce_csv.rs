//! A Bulk upload: any bytes are rows or unreadable, and what labels are placed into is read back with them.
#![no_main]

use carrier::{Door, Labels, Limits, salesforce};

const LIMITS: Limits = Limits { body_bytes: 1 << 20, records: 1000 };

libfuzzer_sys::fuzz_target!(|body: &[u8]| {
    let target = "/services/data/v67.0/jobs/ingest/750000000000001AAA/batches";
    let Door::Judged(route) = salesforce::route("PUT", target, None) else { unreachable!("{target}") };
    let created = br#"{"id":"750000000000001AAA","operation":"insert","object":"Contact"}"#;
    let job = salesforce::job_created(created).expect("a job");
    let rows = salesforce::read(&route, Some(&job), body, &LIMITS).records;
    if rows.is_empty() || rows.iter().any(|row| row.content.is_err()) {
        return;
    }
    let labels = (0..rows.len()).map(|n| Labels {
        mark_text: format!("eosin1.{n}"),
        mark_id: n.to_string(),
        subject: mark::Subject::Synthetic,
        authorship: mark::Authorship::Algorithm,
        dataset: None,
    });
    let mut placed = Vec::new();
    // The csv crate, which places, splits lines at a lone carriage return too; then the counts differ and it says so.
    if salesforce::place_csv(body, &mut placed, labels).is_ok() {
        for (n, row) in salesforce::read(&route, Some(&job), &placed, &LIMITS).records.iter().enumerate() {
            let record = row.content.as_ref().expect("what was placed can be read");
            assert_eq!(record.mark.as_deref(), Some(format!("eosin1.{n}").as_str()));
        }
    }
});
