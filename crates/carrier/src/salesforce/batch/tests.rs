//! Scenes and laws of Bulk API v1 batches.

use mark::{Claim, Record};
use proptest::prelude::*;

use super::*;
use crate::{
    Door,
    salesforce::{Route, complete, merge, read, refuse, withhold},
};

const LIMITS: Limits = Limits { body_bytes: 100_000, records: 4 };

fn job(operation: Operation, format: BatchFormat) -> BatchJob {
    BatchJob { id: "750000000000001".to_owned(), object: "Contact".to_owned(), operation, format }
}

/// The route of a batch of inserts.
fn rows_of(format: BatchFormat) -> Route {
    let target = "/services/async/67.0/job/750000000000001AAA/batch";
    let known = |id: &str| (id == "750000000000001").then(|| job(Operation::Insert, format));
    let Door::Judged(route) = route_by_job("POST", target, None, known) else { panic!("a batch") };
    route
}

fn shown(record: &Record<'_>) -> String {
    let fields = record.fields.iter().map(|(name, value)| {
        value.text().map_or_else(|| format!("{name}:{value:?}"), |text| format!("{name}={text}"))
    });
    let mark = record.mark.as_ref().map(|mark| format!(" mark {mark}")).unwrap_or_default();
    let claim = if record.claim == Claim::None { String::new() } else { format!(" {:?}", record.claim) };
    format!("{}{mark}{claim}", fields.collect::<Vec<_>>().join("|"))
}

fn check(format: BatchFormat, body: &str, want: &[&str]) {
    let readings = read(&rows_of(format), None, body.as_bytes(), &LIMITS);
    let got: Vec<String> = readings
        .records
        .iter()
        .map(|reading| match &reading.content {
            Ok(record) => format!("{}: {}", reading.place.reference, shown(record)),
            Err(reason) => format!("{}: {reason}", reading.place.reference),
        })
        .collect();
    assert_eq!(got, want, "{body}");
    let is_whole = readings.unit == Unit::Whole;
    assert!(
        !is_whole || got.iter().all(|row| row.starts_with("body")) || format == BatchFormat::Csv,
        "{body}"
    );
}

fn xml(inner: &str) -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?><sObjects xmlns="{BULK}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">{inner}</sObjects>"#
    )
}

#[test]
fn rows_in_xml_are_records() {
    let check = |inner: &str, want: &[&str]| check(BatchFormat::Xml, &xml(inner), want);
    check("", &[]);
    check("<!-- none --> ", &[]);
    check(
        "<sObject><LastName>Bell</LastName><Phone>1</Phone></sObject>\n<sObject><LastName>Ode</LastName></sObject>",
        &["sObject[0]: LastName=Bell|Phone=1", "sObject[1]: LastName=Ode"],
    );
    check(
        "<sObject><LastName><![CDATA[B<ll]]></LastName><Phone xsi:nil=\"true\"/><Fax/><Email xsi:nil='0'>a&amp;b</Email></sObject>",
        &["sObject[0]: LastName=B<ll|Phone:null|Email=a&b"],
    );
    check(
        "<sObject><Id>003</Id><LastName>Bell</LastName><Account><sObject><Ext__c>x</Ext__c></sObject></Account></sObject>",
        &["sObject[0]: LastName=Bell"],
    );
    check(
        "<sObject><LastName>Bell</LastName><Eosin_Mark__c>eosin1.x</Eosin_Mark__c><Eosin_Synthetic__c>true</Eosin_Synthetic__c></sObject>",
        &["sObject[0]: LastName=Bell mark eosin1.x Synthetic"],
    );
    check(
        "<sObject><acme__EOSIN_MARK__c><b>1</b></acme__EOSIN_MARK__c></sObject>",
        &["sObject[0]:  mark (not text)"],
    );
    check("<sObject><Description>#N/A</Description></sObject>", &["sObject[0]: Description=#N/A"]);
    check("<sObject/>", &["sObject[0]: "]);
}

#[test]
fn a_row_with_two_readings_is_none() {
    let row = |inner: &str, want: &str| {
        check(
            BatchFormat::Xml,
            &xml(&format!("<sObject>{inner}</sObject>")),
            &[&format!("sObject[0]: {want}")],
        );
    };
    let twice = "names a field twice, if upper and lower case are one";
    row("<LastName>a</LastName><LASTNAME>b</LASTNAME>", twice);
    row("<LastName>a</LastName><LastName/>", twice);
    row("<LastName>a</LastName><LastName xsi:nil='true'/>", twice);
    row(
        "<LastName>a</LastName><x:LastName xmlns:x='urn:x'>b</x:LastName>",
        "has a field in a namespace that is not Salesforce's",
    );
    row("<x:LastName xmlns:x='urn:x'>b</x:LastName>", "has a field in a namespace that is not Salesforce's");
    row("<LastName href='#1'>a</LastName>", "has a field with an attribute that is not read here");
    row("<LastName nil='true'>a</LastName>", "has a field with an attribute that is not read here");
    row("<LastName xml:space='preserve'>a</LastName>", "has a field with an attribute that is not read here");
    row("<LastName xsi:nil='true'>a</LastName>", "has a field that is both nil and not");
    row("<LastName xsi:nil='yes'>a</LastName>", "has a field that is neither nil nor not");
    row("<Last-Name>a</Last-Name>", "has a field whose name is none");
    row(
        "<LastName>a</LastName><Contacts><records><LastName>b</LastName></records></Contacts>",
        "holds rows within a row, which are not read here",
    );
    row("Bell", "has text where its fields should be");
    check(
        BatchFormat::Xml,
        &xml("<sObject a='b'><LastName>a</LastName></sObject>"),
        &["sObject[0]: has an attribute that is not read here"],
    );
}

#[test]
fn a_batch_with_two_readings_is_refused_whole() {
    let check = |body: &str, want: &str| check(BatchFormat::Xml, body, &[&format!("body: {want}")]);
    let named = "is not a list of rows: its root is not Bulk API's `sObjects`";
    check("<sObjects><sObject/></sObjects>", named);
    check(&xml("").replace("sObjects", "sobjects"), named);
    check(&xml("<sobject/>"), "has something else than an `sObject` among its rows");
    check(&xml("<x:sObject xmlns:x='urn:x'/>"), "has something else than an `sObject` among its rows");
    check(
        &xml("<sObject><LastName>a<!-- -->b</LastName></sObject>"),
        "has a comment within a value, which readers join differently",
    );
    check(&xml("<sObject><LastName>&e;</LastName></sObject>"), "has an entity of its own");
    check(&format!("<!DOCTYPE a>{}", xml("")), "has a document type");
    check(&xml("<sObject>").replace("</sObjects>", ""), "ends within an element");
    check(&xml(&"<sObject/>".repeat(5)), "holds more than 4 records");
    check("LastName\nBell", "has text beside elements");
    check("", "has no element");
    check(&"x".repeat(100_001), "is longer than 100000 bytes");
    check("PK\x03\x04", "is a zip archive, which is not read here; send the rows without it");
}

#[test]
fn rows_in_json_and_csv_are_the_same_records() {
    check(
        BatchFormat::Json,
        r#"[{"LastName":"Bell","Phone":null},{"attributes":{"type":"contact"},"LastName":"Ode","Account":{"Ext__c":"x"}}]"#,
        &["records[0]: LastName=Bell|Phone:null", "records[1]: LastName=Ode"],
    );
    check(
        BatchFormat::Json,
        r#"[{"attributes":{"type":"Lead"}}, 7]"#,
        &["records[0]: names another object than its job", "records[1]: is not an object"],
    );
    check(BatchFormat::Json, r#"{"LastName":"Bell"}"#, &["body: is not a list of rows"]);
    check(
        BatchFormat::Json,
        r#"[{"LastName":"a","LastName":"b"}]"#,
        &["body: names a member twice, at line 1 column 32"],
    );
    check(BatchFormat::Csv, "LastName,Phone\r\nBell,#N/A\r\n", &["line 2: LastName=Bell|Phone:null"]);
    check(
        BatchFormat::Csv,
        "LastName\n\"Bell\nOde",
        &["line 2: has a quote that is never closed", "line 3: LastName=Ode"],
    );
    check(
        BatchFormat::Zip,
        "request.txt",
        &["body: is a zip archive, which is not read here; send the rows without it"],
    );
}

#[test]
fn a_batch_that_deletes_is_read_though_it_has_no_records() {
    let read = |format, body: &str| {
        let route = Route::BulkV1(BulkV1::Rows(job(Operation::Delete, format)));
        let readings = read(&route, None, body.as_bytes(), &LIMITS).records;
        readings.first().map(|reading| reading.content.as_ref().unwrap_err().to_string())
    };
    let id = |text: &str| xml(&format!("<sObject><Id>{text}</Id></sObject>"));
    assert_eq!(read(BatchFormat::Xml, &id("500000000000001AAA")), None);
    assert_eq!(read(BatchFormat::Json, r#"[{"Id":"500000000000001AAA"}]"#), None);
    assert_eq!(read(BatchFormat::Csv, "Id\n500000000000001AAA\n"), None);
    for split in [
        id("500000<!-- x -->000000001AAA"),
        id("500000<![CDATA[000000001AAA]]>"),
        id("500000<?x y?>000000001AAA"),
        format!("<!DOCTYPE a [<!ENTITY i '000000001AAA'>]>{}", id("500000&i;")),
    ] {
        assert!(read(BatchFormat::Xml, &split).is_some(), "{split}");
    }
    let wide: String = "Id\n500000000000001AAA\n".chars().flat_map(|letter| ['\0', letter]).collect();
    assert!(read(BatchFormat::Csv, &wide).unwrap().contains("UTF-16"));
    assert!(read(BatchFormat::Csv, "Id\n\"500").is_some());
    assert!(read(BatchFormat::Json, r#"[{"Id":"500"},1]"#).is_some());
}

#[test]
fn what_a_batch_is_its_job_knows() {
    let batch = || BulkV1::Batch { job: "750000000000001".to_owned() };
    let readings =
        |batch: BulkV1, body: &str| read(&Route::BulkV1(batch), None, body.as_bytes(), &LIMITS).records.len();
    assert_eq!(readings(batch().of_job(|_| None), "LastName\nBell"), 1, "an unreadable one");
    let of = |operation| batch().of_job(|_| Some(job(operation, BatchFormat::Csv)));
    for (operation, label, action, records) in [
        (Operation::Insert, "bulk v1 rows", Action::Create, 1),
        (Operation::Update, "bulk v1 rows", Action::Update, 1),
        (Operation::Upsert, "bulk v1 rows", Action::Create, 1),
        (Operation::Delete, "bulk v1 rows", Action::Delete, 0),
        (Operation::Query, "bulk v1 query", Action::Export, 0),
    ] {
        let route = Route::BulkV1(of(operation));
        assert_eq!((route.label(), route.action(), route.object()), (label, action, Some("Contact")));
        assert_eq!(readings(of(operation), "LastName\nBell"), records, "{operation:?}");
    }
}

#[test]
fn a_batch_is_known_in_every_spelling_and_by_no_override() {
    for (method, target, header, judged) in [
        ("POST", "/services/async/40.0/job/750000000000001AAA/batch", None, true),
        ("post", "//d.salesforce.com/SERVICES/Async/40.0/x/../JOB/750000000000001/b%61tch/?x=y", None, true),
        ("PUT", "/services/async/40.0/job/750000000000001AAA/batch", None, false),
        ("POST", "/services/async/40.0/job/750000000000001AAA/batch", Some("POST"), false),
        ("POST", "/services/async/40.0/job/750000000000001AAA/batch?_HttpMethod=GET", None, false),
        ("POST", "/services/async/40.0/job/x/batch", None, false),
        ("POST", "/services/async/x/job/750000000000001AAA/batch", None, false),
        ("POST", "/services/async/40.0/job/750000000000001AAA/spec", None, false),
        ("POST", "/services/async/40.0/job/750000000000001AAA/batch/751000000000001AAA", None, false),
    ] {
        let door = route_by_job(method, target, header, |_| None);
        assert_eq!(
            matches!(door, Door::Judged(Route::BulkV1(BulkV1::Batch { .. }))),
            judged,
            "{method} {target}"
        );
        assert!(judged || door == Door::Unknown);
    }
}

#[test]
fn a_media_type_can_make_a_body_unreadable() {
    for (media, readable) in [
        (None, true),
        (Some("text/csv"), true),
        (Some("text/csv; charset=UTF-8"), true),
        (Some("application/xml;charset=\"utf-8\""), true),
        (Some("text/csv; charset=ISO-8859-1"), false),
        (Some("text/xml; charset=utf-7"), false),
        (Some("text/xml; charset=utf-8; CHARSET=utf-16"), false),
        (Some("zip/xml"), false),
        (Some("application/zip"), false),
        (Some("Multipart/Related; type=\"text/xml\""), false),
    ] {
        assert_eq!(unreadable_type(media).is_none(), readable, "{media:?}");
    }
}

fn no() -> Refusal {
    Refusal { code: "EOSIN_BLOCKED".to_owned(), message: "Blocked: \"a\" & <b>.".to_owned() }
}

fn without(format: BatchFormat, body: &str, refused: &[usize]) -> Option<String> {
    let refusals = refused.iter().map(|at| (*at, no())).collect();
    let route = rows_of(format);
    let refusals = complete(&route, body.as_bytes(), &refusals);
    assert_eq!(refusals.len(), refused.len(), "rows stand alone");
    withhold(&route, body.as_bytes(), &refusals).map(|kept| String::from_utf8(kept).unwrap())
}

#[test]
fn refused_rows_are_taken_out_and_the_rest_keeps_its_bytes() {
    let csv = "\u{feff}A,B\r\n1,\"x\ny\"\r\n\r\n2,b\r\n3,c";
    assert_eq!(without(BatchFormat::Csv, csv, &[0]).unwrap(), "\u{feff}A,B\r\n\r\n2,b\r\n3,c");
    assert_eq!(without(BatchFormat::Csv, csv, &[2]).unwrap(), "\u{feff}A,B\r\n1,\"x\ny\"\r\n\r\n2,b\r\n");
    assert_eq!(without(BatchFormat::Csv, csv, &[0, 1, 2]), None);
    assert_eq!(without(BatchFormat::Csv, "A\n\"1\n2", &[0]), None, "where the row ends is open");
    let json = r#" [ {"A":"1"} , {"A": "2"},{"A":"3"} ] "#;
    assert_eq!(without(BatchFormat::Json, json, &[1]).unwrap(), r#" [{"A":"1"},{"A":"3"}] "#);
    assert_eq!(without(BatchFormat::Json, json, &[0, 1, 2]), None);
    let body = xml("<sObject><A>1</A></sObject><!-- <sObject> --> <sObject><A>2</A></sObject>");
    assert_eq!(
        without(BatchFormat::Xml, &body, &[0]).unwrap(),
        xml("<!-- <sObject> --> <sObject><A>2</A></sObject>")
    );
    assert_eq!(without(BatchFormat::Xml, &body, &[0, 1]), None);
}

#[test]
fn a_refused_batch_has_the_error_that_clients_print() {
    let refusals: BTreeMap<usize, Refusal> = [(0, no())].into();
    let csv = refuse(&rows_of(BatchFormat::Csv), b"A\n1", &refusals);
    assert_eq!((csv.status, csv.content_type), (403, "application/xml;charset=UTF-8"));
    assert_eq!(
        String::from_utf8(csv.body).unwrap(),
        r#"<?xml version="1.0" encoding="UTF-8"?><error xmlns="http://www.force.com/2009/06/asyncapi/dataload"><exceptionCode>EOSIN_BLOCKED</exceptionCode><exceptionMessage>Blocked: &quot;a&quot; &amp; &lt;b&gt;.</exceptionMessage></error>"#
    );
    let json = refuse(&rows_of(BatchFormat::Json), b"[]", &refusals);
    assert_eq!(
        String::from_utf8(json.body).unwrap(),
        r#"{"exceptionCode":"EOSIN_BLOCKED","exceptionMessage":"Blocked: \"a\" & <b>."}"#
    );
    assert_eq!(merge(&rows_of(BatchFormat::Csv), b"A\n1", b"<batchInfo/>", &refusals), None);
}

/// Rows as names and values; an empty value is absent everywhere.
fn any_rows() -> impl Strategy<Value = Vec<Vec<(usize, Option<String>)>>> {
    let value = proptest::option::weighted(0.9, "[ -~é😀\n]{0,10}|true|eosin1\\.x");
    let row = proptest::collection::btree_map(0..NAMES.len(), value, 1..NAMES.len());
    proptest::collection::vec(row.prop_map(|row| row.into_iter().collect::<Vec<_>>()), 1..4)
}

const NAMES: [&str; 8] =
    ["LastName", "FirstName", "Phone", "Eosin_Mark__c", "Eosin_Synthetic__c", "Description", "Id", "Ext__c"];

fn in_three_formats(rows: &[Vec<(usize, Option<String>)>]) -> [String; 3] {
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let cell = |row: &Vec<(usize, Option<String>)>, at: usize| match row.iter().find(|(name, _)| *name == at)
    {
        Some((_, Some(text))) => quoted(text),
        Some((_, None)) => "#N/A".to_owned(),
        None => String::new(),
    };
    let line = |row| (0..NAMES.len()).map(|at| cell(row, at)).collect::<Vec<_>>().join(",") + "\n";
    let csv = format!("{}\n{}", NAMES.join(","), rows.iter().map(line).collect::<String>());
    let object = |row: &Vec<(usize, Option<String>)>| {
        let filled = row.iter().filter(|(_, value)| value.as_deref() != Some(""));
        let members = filled.map(|(at, value)| (NAMES[*at].to_owned(), json!(value)));
        serde_json::Value::Object(members.collect())
    };
    let json = serde_json::Value::Array(rows.iter().map(object).collect()).to_string();
    let field = |(at, value): &(usize, Option<String>)| match value {
        Some(text) => format!("<{0}>{1}</{0}>", NAMES[*at], escaped(text)),
        None => format!("<{} xsi:nil=\"true\"/>", NAMES[*at]),
    };
    let element = |row: &Vec<_>| format!("<sObject>{}</sObject>", row.iter().map(field).collect::<String>());
    [csv, json, xml(&rows.iter().map(element).collect::<String>())]
}

const FORMATS: [BatchFormat; 3] = [BatchFormat::Csv, BatchFormat::Json, BatchFormat::Xml];

proptest! {
    /// One row is one record, however it is written: so its digests are the same too.
    #[test]
    fn formats_agree(rows in any_rows()) {
        // In a table `#N/A` is null, and a cell of it cannot be text.
        prop_assume!(rows.iter().flatten().all(|(_, value)| value.as_deref() != Some("#N/A")));
        let bodies = in_three_formats(&rows);
        let mut found: Vec<Vec<Record<'_>>> = Vec::new();
        for (format, body) in FORMATS.into_iter().zip(&bodies) {
            let readings = read(&rows_of(format), None, body.as_bytes(), &LIMITS);
            prop_assert_eq!(readings.unit, Unit::PerRecord);
            let records = readings.records.into_iter().map(|reading| {
                let mut record = reading.content.unwrap();
                record.fields.sort_by(|one, other| one.0.cmp(&other.0));
                record
            });
            found.push(records.collect());
        }
        prop_assert_eq!(&found[0], &found[1]);
        prop_assert_eq!(&found[0], &found[2]);
    }

    /// What is sent on is what was not refused, and nothing else.
    #[test]
    fn every_row_is_sent_on_or_refused(rows in any_rows(), refused in proptest::collection::btree_set(0_usize..4, 0..4)) {
        for (format, body) in FORMATS.into_iter().zip(&in_three_formats(&rows)) {
            let route = rows_of(format);
            let before = read(&route, None, body.as_bytes(), &LIMITS).records;
            let refusals: BTreeMap<usize, Refusal> =
                refused.iter().filter(|at| **at < before.len()).map(|at| (*at, no())).collect();
            let kept: Vec<_> = before.into_iter().filter(|row| !refusals.contains_key(&row.place.index)).collect();
            match withhold(&route, body.as_bytes(), &refusals) {
                None => prop_assert!(kept.is_empty()),
                Some(sent) => {
                    let after = read(&route, None, &sent, &LIMITS).records;
                    let contents = |rows: &[Reading<'_>]| rows.iter().map(|row| format!("{:?}", row.content.as_ref().map(|record| &record.fields))).collect::<Vec<_>>();
                    prop_assert_eq!(contents(&after), contents(&kept));
                }
            }
        }
    }

    #[test]
    fn any_bytes_are_rows_or_unreadable(body in proptest::collection::vec(any::<u8>(), 0..60), inner in "[<>/a-zA-Z&;'\" =]{0,40}") {
        for format in FORMATS {
            let _ = read(&rows_of(format), None, &body, &LIMITS);
            let _ = read(&rows_of(format), None, xml(&inner).as_bytes(), &LIMITS);
        }
    }
}
