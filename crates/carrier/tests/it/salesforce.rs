//! Contacts are sealed, loaded every way Salesforce takes them, and read back from the org.

use carrier::{
    Door, Labels, Limits, Readings,
    salesforce::{self, Job, Operation, Route},
};
use mark::{Record, TrustStore, Verdict, judge};

use crate::sealing::{fixture, sealed};

const LIMITS: Limits = Limits { body_bytes: 1_000_000, records: 1_000 };

fn contacts() -> (Vec<u8>, Vec<Labels>, TrustStore) {
    let file = fixture("salesforce/contacts.csv");
    let readings = salesforce::read_file(&file, Some("Contact"), &LIMITS);
    let records: Vec<&Record<'_>> =
        readings.records.iter().map(|one| one.content.as_ref().unwrap()).collect();
    assert_eq!(records.len(), 11);
    let (labels, trust) = sealed(&records, salesforce::identity_fields);
    (file.clone(), labels, trust)
}

fn judged(method: &str, target: &str) -> Route {
    match salesforce::route(method, target, None) {
        Door::Judged(route) => route,
        door @ (Door::Open | Door::Unknown) => panic!("{target} is {door:?}"),
    }
}

fn verdicts(readings: &Readings<'_>, trust: &TrustStore) -> Vec<String> {
    readings.records.iter().map(|reading| judge(reading, trust).to_string()).collect()
}

fn check_intact(readings: &Readings<'_>, trust: &TrustStore) {
    assert_eq!(verdicts(readings, trust), vec!["synthetic, intact"; 11]);
}

#[test]
fn a_marked_table_is_intact_as_a_bulk_upload() {
    let (file, labels, trust) = contacts();
    let mut marked = Vec::new();
    assert_eq!(salesforce::place_csv(&file[..], &mut marked, labels).unwrap(), 11);
    let created =
        br#"{"id":"750000000000001AAA","operation":"insert","object":"Contact","columnDelimiter":"COMMA"}"#;
    let job = salesforce::job_created(created).unwrap();
    let upload = judged("PUT", "/services/data/v67.0/jobs/ingest/750000000000001AAA/batches");
    check_intact(&salesforce::read(&upload, Some(&job), &marked, &LIMITS), &trust);
    let unmarked = salesforce::read(&upload, Some(&job), &file, &LIMITS);
    assert_eq!(verdicts(&unmarked, &trust), vec!["unproven: it carries no mark"; 11]);
    let deletes = Job { operation: Operation::Delete, ..job };
    assert!(salesforce::read(&upload, Some(&deletes), &marked, &LIMITS).records.is_empty());
}

#[test]
fn what_an_org_gives_back_is_still_intact() {
    let (_, labels, trust) = contacts();
    let queried = String::from_utf8(fixture("salesforce/contacts-queried.json")).unwrap();
    let account = r#"{"attributes":{"type":"Account","url":"/services/data/v67.0/sobjects/Account/001000000000001AAA"},"Name":"The Account"}"#;
    let named = queried.replace(account, r#"{"Ext__c":"The Account"}"#);
    let marked = salesforce::place_file(named.as_bytes(), labels).unwrap();
    check_intact(&salesforce::read_file(&marked, None, &LIMITS), &trust);
    // An account whose fields were asked for along with a contact's is a record of its own, and nobody sealed it.
    let marked = String::from_utf8(marked).unwrap().replace(r#"{"Ext__c":"The Account"}"#, account);
    let both = verdicts(&salesforce::read_file(marked.as_bytes(), None, &LIMITS), &trust);
    let intact = both.iter().filter(|verdict| *verdict == "synthetic, intact").count();
    assert_eq!((intact, both.len()), (11, 11 + queried.matches(account).count()));
    // Written with it, the contacts are what they were.
    // Sent on as a collection, which is how clients copy rows from org to org.
    let collection = marked.replace(r#""done":true"#, r#""allOrNone":false"#);
    let many = judged("POST", "/services/data/v67.0/composite/sobjects/");
    check_intact(&salesforce::read(&many, None, collection.as_bytes(), &LIMITS), &trust);
}

#[test]
fn changed_moved_and_broken_marks_are_told_apart() {
    let (_, labels, trust) = contacts();
    let create = judged("POST", "/services/data/v67.0/sobjects/Contact");
    let verdict = |row: &str, labels: &Labels| {
        let marked = salesforce::place(row.as_bytes(), labels).unwrap();
        judge(&salesforce::read(&create, None, &marked, &LIMITS).records[0], &trust)
    };
    let row = r#"{"FirstName":"GOB","LastName":"Bluth"}"#;
    assert_eq!(verdict(row, &labels[1]).to_string(), "synthetic, intact");
    assert_eq!(
        verdict(
            r#"{"lastname":" Bluth ","FIRSTNAME":"GOB","Phone":"","AccountId":"001000000000001AAA"}"#,
            &labels[1]
        )
        .to_string(),
        "synthetic, intact"
    );
    assert_eq!(
        verdict(r#"{"FirstName":"GOB","LastName":"Bluth","Phone":"+1-202-555-0101"}"#, &labels[1])
            .to_string(),
        "synthetic, modified since it was sealed"
    );
    assert!(matches!(verdict(row, &labels[0]), Verdict::Transplanted(_)));
    let mut broken = labels[1].clone();
    broken.mark_text.pop();
    assert!(matches!(verdict(row, &broken), Verdict::Forged(_)));
}

/// What clients that we did not write send: nothing of it is unknown, and every record is read.
#[test]
fn requests_of_unmodified_clients_are_read() {
    let file = fixture("salesforce/requests.jsonl");
    let mut records = 0;
    for line in file.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let request: serde_json::Value = serde_json::from_slice(line).unwrap();
        let text = |name: &str| request[name].as_str().unwrap();
        let route = match salesforce::route(text("method"), text("target"), None) {
            Door::Judged(route) => route,
            Door::Open => continue,
            Door::Unknown => panic!("{request}"),
        };
        let job = request.get("job").and_then(|job| salesforce::job_created(job.to_string().as_bytes()));
        let readings = salesforce::read(&route, job.as_ref(), text("body").as_bytes(), &LIMITS);
        assert!(readings.records.iter().all(|one| one.content.is_ok()), "{request}");
        assert!(
            !readings.records.is_empty() || matches!(text("method"), "DELETE") || route == Route::BulkJob,
            "{request}"
        );
        records += readings.records.len();
    }
    assert_eq!(records, 36);
}
