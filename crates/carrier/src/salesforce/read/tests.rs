//! Scenes and laws of reading.

use proptest::prelude::*;

use super::*;
use crate::{Door, salesforce::route};

const LIMITS: Limits = Limits { body_bytes: 100_000, records: 50 };

fn judged(method: &str, target: &str) -> Route {
    match route(method, &format!("/services/data/v67.0{target}"), None) {
        Door::Judged(route) => route,
        door @ (Door::Open | Door::Unknown) => panic!("{target} is {door:?}"),
    }
}

/// Each record as `place: object fields`, or the sentence that refuses it.
fn shown(readings: &Readings<'_>) -> Vec<String> {
    readings
        .records
        .iter()
        .enumerate()
        .map(|(at, reading)| {
            assert_eq!(reading.place.index, at);
            let place = &reading.place.reference;
            match &reading.content {
                Ok(record) => {
                    let fields: Vec<&str> = record.fields.iter().map(|(name, _)| name.as_ref()).collect();
                    let marked = if record.mark.is_some() { " marked" } else { "" };
                    format!("{place}: {} {}{marked}", record.object, fields.join(","))
                }
                Err(reason) => format!("{place}: {reason}"),
            }
        })
        .collect()
}

fn check(route: &Route, body: &str, unit: Unit, want: &[&str]) {
    let readings = read(route, None, body.as_bytes(), &LIMITS);
    assert_eq!(shown(&readings), want, "{body}");
    assert_eq!(readings.unit, unit, "{body}");
}

#[test]
fn one_row_is_one_record() {
    let create = judged("POST", "/sobjects/Contact");
    check(
        &create,
        r#"{"LastName":"Bell","Eosin_Mark__c":"m"}"#,
        Unit::Whole,
        &["body: Contact LastName marked"],
    );
    check(
        &create,
        r#"{"attributes":{"type":"contact"},"LastName":"B"}"#,
        Unit::Whole,
        &["body: Contact LastName"],
    );
    check(
        &create,
        r#"{"attributes":{"type":"Lead"}}"#,
        Unit::Whole,
        &["body: names another object than its target"],
    );
    check(&create, "[]", Unit::Whole, &["body: is not an object"]);
    check(&create, "<Contact/>", Unit::Whole, &["body: is not JSON, at line 1 column 1"]);
    let upsert = judged("PATCH", "/sobjects/Contact/Ext__c/a%20b");
    check(&upsert, r#"{"LastName":"Bell"}"#, Unit::Whole, &["body: Contact LastName,Ext__c"]);
    check(&upsert, r#"{"ext__C":"a b"}"#, Unit::Whole, &["body: Contact ext__C"]);
    check(&judged("PATCH", "/sobjects/Contact/Eosin_Mark_Id__c/m"), "{}", Unit::Whole, &["body: Contact "]);
    check(&judged("DELETE", "/sobjects/Contact/003000000000001"), "", Unit::Whole, &[]);
}

#[test]
fn a_collection_is_refused_by_record_unless_it_is_all_or_none() {
    let create = judged("POST", "/composite/sobjects");
    let records = r#"[{"attributes":{"type":"Contact"},"LastName":"B"},{"LastName":"C"},7]"#;
    let want = [
        "records[0]: Contact LastName",
        "records[1]: does not say its object in `attributes.type`",
        "records[2]: is not an object",
    ];
    check(&create, &format!(r#"{{"records":{records}}}"#), Unit::PerRecord, &want);
    check(&create, &format!(r#"{{"records":{records},"allOrNone":false}}"#), Unit::PerRecord, &want);
    check(&create, &format!(r#"{{"records":{records},"allOrNone":true}}"#), Unit::Whole, &want);
    check(&create, &format!(r#"{{"records":{records},"ALLORNONE":"x"}}"#), Unit::Whole, &want);
    check(&create, r#"{"Records":[]}"#, Unit::Whole, &["body: has no array `records`"]);
    check(
        &create,
        r#"{"records":[],"Records":[]}"#,
        Unit::Whole,
        &["body: names a member twice, if upper and lower case are one"],
    );
    check(
        &judged("PATCH", "/composite/sobjects/Account/Ext__c"),
        r#"{"records":[{"attributes":{"type":"Contact"}}]}"#,
        Unit::PerRecord,
        &["records[0]: names another object than its target"],
    );
}

#[test]
fn more_records_than_the_limit_are_one_whole() {
    let many = |item: &dyn Fn(usize) -> String| (0..=LIMITS.records).map(item).collect::<Vec<_>>().join(",");
    let row = many(&|_| r#"{"attributes":{"type":"Contact"},"LastName":"B"}"#.to_owned());
    let part = many(&|at| {
        format!(
            r#"{{"method":"POST","url":"/services/data/v67.0/sobjects/Contact","referenceId":"r{at}","body":{{"LastName":"B"}}}}"#
        )
    });
    let root =
        many(&|at| format!(r#"{{"attributes":{{"type":"Account","referenceId":"r{at}"}},"Name":"B"}}"#));
    for (method, target, body) in [
        ("POST", "/composite/sobjects", format!(r#"{{"records":[{row}]}}"#)),
        ("PATCH", "/composite/sobjects/Contact/Ext__c", format!(r#"{{"records":[{row}]}}"#)),
        ("POST", "/composite", format!(r#"{{"compositeRequest":[{part}]}}"#)),
        (
            "POST",
            "/composite/graph",
            format!(r#"{{"graphs":[{{"graphId":"g","compositeRequest":[{part}]}}]}}"#),
        ),
        ("POST", "/composite/tree/Account", format!(r#"{{"records":[{root}]}}"#)),
    ] {
        // Whoever refuses one of them refuses all: nothing that nobody read is sent on.
        check(&judged(method, target), &body, Unit::Whole, &["body: holds more than 50 records"]);
    }
}

#[test]
fn subrequests_go_through_the_same_door() {
    let body = r#"{"allOrNone":false,"compositeRequest":[
        {"method":"GET","url":"/services/data/v67.0/query?q=x","referenceId":"q"},
        {"method":"POST","url":"/services/data/v67.0/sobjects/Account","referenceId":"acc","body":{"Name":"C"}},
        {"method":"PATCH","url":"https://h/services/data/v67.0/sobjects/Contact/@{acc.id}","referenceId":"Ada Bell","body":{"Phone":"1"}},
        {"method":"POST","url":"/services/data/v67.0/composite/sobjects","referenceId":"many","body":{"records":[{"attributes":{"type":"Lead"},"Company":"x"}]}},
        {"method":"POST","url":"/services/data/v67.0/sobjects/Contact/003000000000001AAA?_HttpMethod=PATCH","referenceId":"o","body":{"Phone":"1"}},
        {"method":"GET","url":"/services/data/v67.0/sobjects/Contact","httpHeaders":{"x-http-method-override":"POST"},"body":{"LastName":"B"}},
        {"method":"DELETE","url":"/services/data/v67.0/sobjects/Contact/003000000000001AAA","referenceId":"d"},
        {"method":"POST","url":"/services/data/v67.0/actions/custom/x","referenceId":"u","body":{}},
        {"method":"POST","url":"/services/data/v67.0/composite","referenceId":"n","body":{"compositeRequest":[]}},
        {"url":"/x"},
        7
    ]}"#;
    check(
        &judged("POST", "/composite"),
        body,
        Unit::PerRecord,
        &[
            "compositeRequest[1] (acc): Account Name",
            "compositeRequest[2]: Contact Phone",
            "compositeRequest[3] (many).records[0]: Lead Company",
            "compositeRequest[4] (o): Contact Phone",
            "compositeRequest[5]: Contact LastName",
            "compositeRequest[7] (u): is a write that is not read here",
            "compositeRequest[8] (n): is a request of many within a request of many",
            "compositeRequest[9]: has no method",
            "compositeRequest[10]: is not an object",
        ],
    );
}

#[test]
fn batches_graphs_and_trees_have_their_own_places() {
    check(
        &judged("POST", "/composite/batch"),
        r#"{"batchRequests":[{"method":"GET","url":"v67.0/limits"},
            {"method":"PATCH","url":"v67.0/sobjects/Contact/003000000000001AAA","richInput":{"Phone":"1"}}]}"#,
        Unit::PerRecord,
        &["batchRequests[1]: Contact Phone"],
    );
    check(
        &judged("POST", "/composite/batch"),
        r#"{"haltOnError":true,"batchRequests":[]}"#,
        Unit::Whole,
        &[],
    );
    check(
        &judged("POST", "/composite/graph"),
        r#"{"graphs":[{"graphId":"1","compositeRequest":[
            {"method":"POST","url":"/services/data/v67.0/sobjects/Account","referenceId":"a","body":{"Name":"C"}}]},
            {"graphId":"2"}]}"#,
        Unit::PerRecord,
        &["graphs[0].compositeRequest[0] (a): Account Name", "graphs[1]: has no array `compositeRequest`"],
    );
    check(
        &judged("POST", "/composite/tree/Account"),
        r#"{"records":[{"attributes":{"type":"Account","referenceId":"r1"},"Name":"C","Contacts":{"records":[
            {"attributes":{"type":"Contact","referenceId":"r 2"},"LastName":"B"}]}},
            {"attributes":{"type":"Contact","referenceId":"r3"}}]}"#,
        Unit::Whole,
        &[
            "records[0] (r1): Account Name",
            "records[0].Contacts.records[0]: Contact LastName",
            "records[1] (r3): names another object than its target",
        ],
    );
}

#[test]
fn a_bulk_upload_is_read_as_its_job_says() {
    let upload = judged("PUT", "/jobs/ingest/750000000000001AAA/batches");
    let job = |operation| Job {
        id: "750000000000001".to_owned(),
        object: "Contact".to_owned(),
        operation,
        delimiter: b';',
    };
    let rows = |job: Option<&Job>| shown(&read(&upload, job, b"LastName;Phone\nBell;1\n", &LIMITS));
    assert_eq!(rows(Some(&job(Operation::Insert))), ["line 2: Contact LastName,Phone"]);
    assert_eq!(rows(Some(&job(Operation::Delete))), [""; 0]);
    assert_eq!(rows(None), ["body: belongs to a job that was not made through here"]);
    let other = Job { id: "750000000000002".to_owned(), ..job(Operation::Insert) };
    assert_eq!(rows(Some(&other)), ["body: belongs to a job that was not made through here"]);
    check(&judged("POST", "/jobs/ingest"), r#"{"object":"Contact","operation":"insert"}"#, Unit::Whole, &[]);
    check(
        &judged("POST", "/jobs/ingest"),
        "--x\r\n",
        Unit::Whole,
        &["body: is not JSON, at line 1 column 2"],
    );
}

#[test]
fn what_is_too_much_is_one_unreadable_record() {
    let create = judged("POST", "/composite/sobjects");
    let row = r#"{"attributes":{"type":"Contact"}}"#;
    let body = format!(r#"{{"records":[{}]}}"#, vec![row; 51].join(","));
    check(&create, &body, Unit::Whole, &["body: holds more than 50 records"]);
    check(&create, &" ".repeat(100_001), Unit::Whole, &["body: is longer than 100000 bytes"]);
    check(
        &create,
        r#"{"records":[],"records":[]}"#,
        Unit::Whole,
        &["body: names a member twice, at line 1 column 27"],
    );
    check(
        &create,
        "\u{feff}{}",
        Unit::Whole,
        &["body: begins with a byte-order mark; send UTF-8 without one"],
    );
    check(&create, r#"{"records":["\ud800"]}"#, Unit::Whole, &["body: is not JSON, at line 1 column 20"]);
}

#[test]
fn files_are_rows_rows_in_rows_or_tables() {
    let check = |file: &str, object: Option<&str>, want: &[&str]| {
        assert_eq!(shown(&read_file(file.as_bytes(), object, &LIMITS)), want, "{file}");
    };
    let ada = r#"{"attributes":{"type":"Contact"},"LastName":"B"}"#;
    check(ada, None, &["record: Contact LastName"]);
    check(&format!("[{ada},{ada}]"), None, &["records[0]: Contact LastName", "records[1]: Contact LastName"]);
    check(
        &format!(
            r#"{{"totalSize":1,"done":true,"records":[{{"attributes":{{"type":"Account"}},"Name":"C",
            "Contacts":{{"totalSize":1,"done":true,"records":[{ada}]}}}}]}}"#
        ),
        None,
        &["records[0]: Account Name", "records[0].Contacts.records[0]: Contact LastName"],
    );
    check(r#"{"LastName":"B"}"#, Some("Contact"), &["record: Contact LastName"]);
    check(r#"{"LastName":"B"}"#, None, &["record: does not say its object in `attributes.type`"]);
    check("[7]", None, &["records[0]: is not an object"]);
    check("\"LastName\"\n\"Bell\"\n", Some("Contact"), &["line 2: Contact LastName"]);
    check(
        "LastName\nBell\n",
        None,
        &["file: is a table without the name of its object; give one, such as `Contact`"],
    );
}

#[test]
fn rows_that_a_row_points_at_are_records_of_their_own() {
    let check = |file: &str, object: Option<&str>, want: &[&str]| {
        assert_eq!(shown(&read_file(file.as_bytes(), object, &LIMITS)), want, "{file}");
    };
    let case = |more: &str| format!(r#"{{"attributes":{{"type":"Case"}},"Subject":"Refill",{more}}}"#);
    let contact = r#"{"attributes":{"type":"Contact"},"LastName":"B","Eosin_Mark__c":"eosin1.x"}"#;
    let both = ["records[0]: Case Subject", "records[0].Contact: Contact LastName marked"];
    check(&format!("[{}]", case(&format!(r#""Contact":{contact}"#))), None, &both);
    let account = r#"{"attributes":{"type":"Account"},"Name":"C"}"#;
    let deep = case(&format!(
        r#""Contact":{{"attributes":{{"type":"Contact"}},"LastName":"B","Account":{account}}}"#
    ));
    let want =
        ["record: Case Subject", "record.Contact: Contact LastName", "record.Contact.Account: Account Name"];
    check(&deep, None, &want);
    // Without its object it is of nobody knows what; with a label it is no mere way to another row.
    let labelled = case(r#""Contact":{"Ext__c":"x","Eosin_Synthetic__c":true}"#);
    let unknown = "record.Contact: does not say its object in `attributes.type`";
    check(&labelled, None, &["record: Case Subject", unknown]);
    for ordinary in [
        r#""Account":{"Ext__c":"x"}"#,
        r#""Account":{"Eosin_Mark_Id__c":"x"}"#,
        r#""Owner":{"attributes":{"type":"User","url":"/x"},"Id":"005"}"#,
        r#""Eosin_Dataset__r":{"Eosin_Dataset_Id__c":"d"}"#,
        r#""Eosin_Dataset__r":{"attributes":{"type":"Eosin_Dataset__c","url":"/x"},"Eosin_Dataset_Id__c":"d"}"#,
        r#""MailingAddress":{"city":"Linz","latitude":48.3,"geocodeAccuracy":null}"#,
        r#""Cases":{"totalSize":0,"done":true,"records":[]}"#,
    ] {
        check(&case(ordinary), None, &["record: Case Subject"]);
    }
}

#[test]
fn what_could_be_records_and_is_not_read_makes_its_row_or_the_file_unreadable() {
    let check = |file: &str, object: Option<&str>, want: &str| {
        assert_eq!(shown(&read_file(file.as_bytes(), object, &LIMITS)), [want], "{file}");
    };
    let contact = r#"{"attributes":{"type":"Contact"},"LastName":"B","Eosin_Mark__c":"eosin1.x"}"#;
    let unread =
        "record: holds something that could be other records and is not read; give those by themselves";
    for member in [
        format!(r#""Contacts__r":[{contact}]"#),
        format!(r#""result":{{"row":{contact}}}"#),
        r#""Eosin_Dataset__r":{"attributes":{"type":"Contact"},"LastName":"B"}"#.to_owned(),
        r#""Account":{"Note__c":"eosin1.x"}"#.to_owned(),
    ] {
        check(&format!(r#"{{"attributes":{{"type":"Case"}},"Subject":"x",{member}}}"#), None, unread);
    }
    for wrapper in [
        format!(r#"{{"data":[{contact}]}}"#),
        r#"{"data":{"uiapi":{"query":{"Contact":{"edges":[]}}}}}"#.to_owned(),
        r#"{"compositeResponse":[{"body":{"LastName":"B"},"httpStatusCode":200}]}"#.to_owned(),
        r#"{"fields":{"LastName":"B"}}"#.to_owned(),
    ] {
        check(&wrapper, Some("Contact"), unread);
    }
    let beside = "file: has something beside `records` that is not read; give each list by itself";
    let clean = r#"{"attributes":{"type":"Case"},"Subject":"x"}"#;
    check(&format!(r#"{{"records":[{clean}],"more":[{contact}]}}"#), None, beside);
    check(&format!(r#"{{"records":[{clean}],"LastName":"B"}}"#), None, beside);
    check(&format!(r#"{{"records":[{clean}],"Eosin_Synthetic__c":true}}"#), None, beside);
    check(
        r#"{"active":true,"id":"x","resourceType":"Patient"}"#,
        Some("Contact"),
        "record: is a FHIR resource, not a row of Salesforce",
    );
    let elsewhere = "record: holds a mark outside the mark's place; see whether its cells have shifted";
    check(r#"{"LastName":"B","Eosin_Mark_Id__c":"eosin1.x"}"#, Some("Contact"), elsewhere);
    check(r#"{"LastName":"B","Copy__c":"eosin1.x"}"#, Some("Contact"), elsewhere);
}

/// What `sf data create file` of CLI 2.146.3 sends, but for its boundary: the file comes before its row.
fn from_the_cli(file_name: &str, file: &str, row: &str) -> String {
    format!(
        "--b\r\nContent-Disposition: form-data; name=\"VersionData\"; filename=\"{file_name}\"\r\n\
         Content-Type: text/plain\r\n\r\n{file}\r\n\
         --b\r\nContent-Disposition: form-data; name=\"entity_content\"\r\n\
         Content-Type: application/json\r\n\r\n{row}\r\n--b--\r\n"
    )
}

#[test]
fn a_row_and_its_file_come_in_any_order() {
    let check = |body: &str, want: &[&str]| {
        let form = Some("multipart/form-data; boundary=b");
        let version = judged("POST", "/sobjects/ContentVersion");
        let readings = read_typed(&version, None, form, body.as_bytes(), &LIMITS);
        assert_eq!(shown(&readings), want, "{body}");
    };
    let row = r#"{"PathOnClient":"/x/note.txt","Title":"A note"}"#;
    let note = from_the_cli("A note", "nobody in it\n", row);
    check(&note, &["body: ContentVersion PathOnClient,Title,VersionData"]);
    let people = from_the_cli("people.csv", "first,last\nAda,Zyzzx\n", row);
    check(
        &people,
        &["body: ContentVersion PathOnClient,Title,VersionData", "file record 0: people first,last"],
    );
    let rowless = "does not have its row in one part `entity_…`";
    check(&note.replace("entity_content", "content"), &[&format!("body: {rowless}")]);
    let second = note.replace("\"VersionData\"", "\"entity_file\"");
    check(&second, &[&format!("body: {rowless}")]);
    let other = note.replace("\"VersionData\"", "\"Body\"");
    check(&other, &["body: has a part that is not the file of its row"]);
}

fn any_route() -> impl Strategy<Value = Route> {
    prop::sample::select(vec![
        ("POST", "/sobjects/Contact"),
        ("PATCH", "/sobjects/Contact/Ext__c/1"),
        ("POST", "/composite/sobjects"),
        ("PATCH", "/composite/sobjects/Contact/Ext__c"),
        ("POST", "/composite"),
        ("POST", "/composite/graph"),
        ("POST", "/composite/batch"),
        ("POST", "/composite/tree/Account"),
        ("POST", "/jobs/ingest"),
        ("PUT", "/jobs/ingest/750000000000001/batches"),
    ])
    .prop_map(|(method, target)| judged(method, target))
}

const SEEDS: [&str; 4] = [
    r#"{"allOrNone":false,"records":[{"attributes":{"type":"Contact","referenceId":"a"},"LastName":"B\u00e9","Eosin_Mark__c":"eosin1.AQ"}]}"#,
    r#"{"compositeRequest":[{"method":"POST","url":"/services/data/v67.0/sobjects/Contact","referenceId":"a","body":{"LastName":"@{b.id}"}}]}"#,
    r#"{"batchRequests":[{"method":"PATCH","url":"v67.0/sobjects/Contact/003000000000001","richInput":{"Phone":"1"}}]}"#,
    "LastName,Phone\r\n\"Be\"\"ll\",1\r\nOde,#N/A\r\n",
];

fn check_total(route: &Route, body: &[u8]) {
    let job = Job {
        id: "750000000000001".to_owned(),
        object: "Contact".to_owned(),
        operation: Operation::Insert,
        delimiter: b',',
    };
    for reading in read(route, Some(&job), body, &LIMITS).records {
        assert!(reading.place.reference.len() <= 200);
    }
    assert!(read_file(body, Some("Contact"), &LIMITS).records.len() <= LIMITS.records);
}

proptest! {
    #[test]
    fn any_bytes_are_read(route in any_route(), body in proptest::collection::vec(any::<u8>(), 0..200)) {
        check_total(&route, &body);
    }

    #[test]
    fn a_body_with_some_bytes_changed_is_read(
        route in any_route(),
        seed in prop::sample::select(SEEDS.to_vec()),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut body = seed.as_bytes().to_vec();
        for (at, byte) in changes {
            let at = at.index(body.len());
            body[at] = byte;
        }
        check_total(&route, &body);
        body.truncate(cut.index(body.len()));
        check_total(&route, &body);
    }
}
