//! What the fast road answers, and the law that the slow road would have said the same.

use mark::Claim;
use proptest::prelude::*;

use super::*;
use crate::fhir::{read_delivered, read_line};

const LIMITS: Limits = Limits { body_bytes: 1 << 20, records: 1000 };

/// What is asked of the fast road, checked against the slow one.
fn check(line: &str, want: Option<&str>) {
    assert_eq!(plain_type(line.as_bytes(), &LIMITS), want, "{line}");
    agrees(line.as_bytes());
}

/// Where the fast road answers, the slow road finds the same: one record, without mark and claim, of that name.
fn agrees(line: &[u8]) {
    let Some(name) = plain_type(line, &LIMITS) else { return };
    let read = read_delivered(line, &LIMITS);
    let [only] = read.records.as_slice() else { panic!("{} readings", read.records.len()) };
    let record = only.content.as_ref().unwrap();
    assert_eq!((record.object.as_ref(), record.mark.as_deref(), record.claim), (name, None, Claim::None));
    assert_eq!(only.place.reference, name);
    assert_eq!(only.place.index, 0);
    assert!(read.is_one && read_line(line, &LIMITS).is_ok());
}

/// A line that is delivered as one record is one for whoever reads the file, and a resource that nobody there can read is none.
fn is_read_alike(line: &[u8]) {
    let (delivered, read) = (read_delivered(line, &LIMITS), read_line(line, &LIMITS));
    assert!(
        !delivered.is_one || read.as_ref() == delivered.records[0].content.as_ref(),
        "{delivered:?} {read:?}"
    );
    let is_one_reading =
        delivered.records.len() == 1 && delivered.records[0].place.reference != "Binary file record 1";
    assert!(read.is_err() || delivered.is_one || !is_one_reading, "{delivered:?}");
}

/// What a mark looks like in a text.
fn mark_text() -> String {
    format!("eosin1.{}", "Ab3_".repeat(40))
}

#[test]
fn a_line_that_is_delivered_is_read_as_a_line_of_a_file() {
    let mark = mark_text();
    let own = format!(r#""extension":[{{"url":"{}","valueString":"{mark}"}}]"#, crate::fhir::MARK_EXTENSION);
    let patient = format!(r#"{{"resourceType":"Patient",{own}}}"#);
    let within = serde_json::Value::from(patient.as_str());
    let file = data_encoding::BASE64.encode(patient.as_bytes());
    let plain_file = data_encoding::BASE64.encode(br#"{"resourceType":"Patient"}"#);
    let attached = |data: &str| {
        format!(
            r#"{{"resourceType":"DocumentReference","content":[{{"attachment":{{"contentType":"application/fhir+json","data":"{data}"}}}}]}}"#
        )
    };
    for (line, is_one, is_unreadable) in [
        (patient.clone(), true, false),
        (r#"{"resourceType":"Patient","name":[{"text":"see eosin1. and no more"}]}"#.to_owned(), true, false),
        (
            format!(r#"{{"resourceType":"Communication","payload":[{{"contentString":{within}}}]}}"#),
            false,
            true,
        ),
        (format!(r#"{{"resourceType":"Task","input":[{{"valueString":"{mark}"}}]}}"#), false, true),
        (
            format!(
                r#"{{"resourceType":"Task","input":[{{"valueString":"{}"}}]}}"#,
                mark.replace("eosin", "EOSIN")
            ),
            false,
            true,
        ),
        (
            format!(
                r#"{{"resourceType":"Task","input":[{{"valueString":"{}"}}]}}"#,
                mark.replace("eosin", "Eosin")
            ),
            false,
            true,
        ),
        (
            format!(
                r#"{{"resourceType":"Task","input":[{{"valueString":"{}"}}]}}"#,
                mark.replace("1.", "1.AAAA=\r\n ")
            ),
            false,
            true,
        ),
        (format!(r#"{{"resourceType":"Patient","name":[{{{own}}}]}}"#), false, true),
        (format!(r#"{{"resourceType":"Group","contained":[{patient}]}}"#), false, true),
        (format!(r#"{{"resourceType":"Bundle","entry":[{{"resource":{patient}}}]}}"#), false, false),
        (format!(r#"{{"resourceType":"Bundle","link":[{{"url":"{mark}"}}]}}"#), false, true),
        (format!(r#"{{"resourceType":"Bundle","entry":[{{"fullUrl":"{mark}"}}]}}"#), false, true),
        (
            format!(
                r#"{{"resourceType":"Bundle","entry":[{{"resource":{{"resourceType":"Task","input":"{mark}"}}}}]}}"#
            ),
            false,
            true,
        ),
        (format!(r#"{{"resourceType":"Parameters","parameter":[{{"valueString":"{mark}"}}]}}"#), false, true),
        (format!(r#"{{"resourceType":"Parameters","parameter":[{{"resource":{patient}}}]}}"#), false, false),
        (attached(&file), false, false),
        (attached(&plain_file), true, false),
    ] {
        let delivered = read_delivered(line.as_bytes(), &LIMITS);
        let found = delivered.records.iter().any(|reading| reading.content.is_err());
        assert_eq!((delivered.is_one, found), (is_one, is_unreadable), "{line}");
        is_read_alike(line.as_bytes());
        check(&line, plain_type(line.as_bytes(), &LIMITS).filter(|_| is_one));
    }
}

#[test]
fn a_plain_line_is_known_and_anything_else_is_read() {
    check(
        r#"{"resourceType":"Patient","id":"1","name":[{"family":"Bell","given":["A","B"]}]}"#,
        Some("Patient"),
    );
    check(
        r#"{ "a" : [ ] , "b" : { } , "resourceType" : "Observation" , "value" : -1.50 }"#,
        Some("Observation"),
    );
    check(r#"{"resourceType":"Patient","text":{"div":"<div xmlns=\"x\">\n</div>"}}"#, Some("Patient"));
    check(
        r#"{"resourceType":"Patient","a":true,"b":false,"c":null,"d":0,"e":123456789012345}"#,
        Some("Patient"),
    );
    check(r#"{"resourceType":"Patient","name":[{"family":"Bäll"}]}"#, Some("Patient"));
    let long = "1".repeat(64);
    for number in
        ["-71.08166438123456789", "0.00000000000000000000000001", "999999999999999.9999999999999999999"]
    {
        check(&format!(r#"{{"resourceType":"Patient","a":{number}}}"#), Some("Patient"));
    }
    check(&format!(r#"{{"resourceType":"Patient","a":123456789012345.{long}}}"#), Some("Patient"));
    check(&format!(r#"{{"resourceType":"Patient","a":0.{long}1}}"#), None);
    check(r#"{"resourceType":"Claim","contained":[{"resourceType":"Patient","id":"c"}]}"#, Some("Claim"));
    for read in [
        r#"{"resourceType":"Patient","meta":{"tag":[{"system":"https://eosin.example/fhir/subject"}]}}"#,
        r#"{"resourceType":"Patient","meta":{"security":[{"code":"HTEST"}]}}"#,
        r#"{"resourceType":"Patient","meta":{"security":[{"code":"HTES\u0054"}]}}"#,
        r#"{"resourceType":"Patient","a":"\u0065osin"}"#,
        r#"{"resourceType":"Patient","a":"https:\/\/x"}"#,
        r#"{"resourceType":"Bundle","entry":[]}"#,
        r#"{"resourceType":"Parameters"}"#,
        r#"{"resourceType":"Binary"}"#,
        r#"{"resourceType":"DocumentReference","content":[{"attachment":{"data":"e30="}}]}"#,
        r#"{"resourceType":"Patient","a":1,"a":2}"#,
        r#"{"resourceType":"Patient","b":{"a":1,"a":2}}"#,
        r#"{"resourceType":"Patient","resourceType":"Patient"}"#,
        r#"{"resource\u0054ype":"Patient"}"#,
        r#"{"resourceType":"patient"}"#,
        r#"{"resourceType":7}"#,
        r#"{"a":{"resourceType":"Patient"}}"#,
        r#"{"resourceType":"Patient","a":01}"#,
        r#"{"resourceType":"Patient","a":1e5}"#,
        r#"{"resourceType":"Patient","a":1.5E5}"#,
        r#"{"resourceType":"Patient","a":1.}"#,
        r#"{"resourceType":"Patient","a":-}"#,
        r#"{"resourceType":"Patient","a":1234567890123456}"#,
        r#"{"resourceType":"Patient","a":tru}"#,
        r#"{"resourceType":"Patient","a":}"#,
        r#"{"resourceType":"Patient",}"#,
        r#"{"resourceType":"Patient" "a":1}"#,
        r#"{"resourceType":"Patient","a":[1,]}"#,
        r#"{"resourceType":"Patient","a":[1}"#,
        r#"{"resourceType":"Patient"]"#,
        r#"{"resourceType":"Patient"}x"#,
        r#"{"resourceType":"Patient"}{}"#,
        r#"{"resourceType":"Patient""#,
        "{\"resourceType\":\"Patient\",\"a\":\"\u{1}\"}",
        "{\"resourceType\":\"Patient\",\"a\":\"long enough for a word \u{1f}\"}",
        "[]",
        "\"resourceType\"",
        "",
    ] {
        check(read, None);
    }
    assert_eq!(plain_type(b"{\"resourceType\":\"Patient\",\"a\":\"\xFF\"}", &LIMITS), None);
    let deep = format!(r#"{{"resourceType":"Patient","a":{}{}}}"#, "[".repeat(40), "]".repeat(40));
    check(&deep, None);
    let many = (0..70).fold(String::new(), |many, at| many + &format!(r#","a{at}":1"#));
    check(&format!(r#"{{"resourceType":"Patient"{many}}}"#), None);
}

/// Words and pieces of JSON that lead close to every rule.
fn pieces() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\",
        "\"resourceType\"",
        "\"Patient\"",
        "\"Bundle\"",
        "\"meta\"",
        "\"tag\"",
        "\"system\"",
        "\"code\"",
        "\"HTEST\"",
        "\"https://eosin.example/fhir/subject\"",
        "\"synthetic\"",
        "\"identifier\"",
        "\"https://eosin.example/synthetic-patient\"",
        "\"extension\"",
        "\"url\"",
        "\"valueString\"",
        "\"https://eosin.example/fhir/StructureDefinition/mark\"",
        "\"data\"",
        "\"contentType\"",
        "\"contained\"",
        "\\u0065",
        "\\/",
        "\\n",
        "true",
        "null",
        "0",
        "-1",
        "1.5",
        "1e3",
        "01",
        " ",
        "\t",
        "ä",
        "\u{0}",
    ]);
    prop::collection::vec(words, 0..40).prop_map(|words| words.concat())
}

/// Texts that hold a mark.
const MARKED: [&str; 3] = [
    "eosin1.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "see EOSIN1.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "Eosin1.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n",
];

/// A JSON value with the names and texts that marks and claims are made of.
fn value(depth: u32) -> BoxedStrategy<serde_json::Value> {
    use serde_json::Value;
    let text = prop::sample::select(vec![
        "Patient",
        "HTEST",
        "synthetic",
        "attested",
        "https://eosin.example/fhir/subject",
        "a\"b\\c\nd",
        "e/f",
        "http://terminology.hl7.org/CodeSystem/v3-ActReason",
        "https://eosin.example/synthetic-patient",
        "",
        MARKED[0],
        MARKED[1],
        MARKED[2],
        "https://eosin.example/fhir/StructureDefinition/mark",
        "plain text that is longer than a word",
        "ö",
    ]);
    let leaf = prop_oneof![
        3 => text.prop_map(|text| Value::String(text.to_owned())),
        1 => any::<bool>().prop_map(Value::Bool),
        1 => any::<i64>().prop_map(Value::from),
        1 => (-1000..1000_i32).prop_map(Value::from),
        1 => any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(Value::from),
        1 => Just(Value::Null),
    ];
    let name = prop::sample::select(vec![
        "resourceType",
        "meta",
        "tag",
        "security",
        "system",
        "code",
        "identifier",
        "extension",
        "url",
        "valueString",
        "contained",
        "data",
        "title",
        "name",
        "text",
    ]);
    leaf.prop_recursive(depth, 40, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::vec((name.clone(), inner), 0..5).prop_map(|members| {
                Value::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
            }),
        ]
    })
    .boxed()
}

proptest! {
    #[test]
    fn both_roads_lead_to_the_same_answer(inner in value(5), more in value(3), escapes in any::<bool>()) {
        let whole = serde_json::json!({ "resourceType": "Patient", "meta": more, "name": inner });
        let text = whole.to_string();
        let text = if escapes { text.replace('/', "\\/").replace("HT", "\\u0048T") } else { text };
        agrees(text.as_bytes());
        is_read_alike(text.as_bytes());
    }

    #[test]
    fn pieces_of_json_are_read_alike(text in pieces(), inside in any::<bool>()) {
        let text = if inside { format!("{{\"resourceType\":\"Patient\",\"a\":{text}}}") } else { text };
        agrees(text.trim_ascii().as_bytes());
    }

    #[test]
    fn any_bytes_are_read_alike(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        agrees(bytes.trim_ascii());
    }

    #[test]
    fn a_changed_byte_is_read_alike(inner in value(4), place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let whole = serde_json::json!({ "resourceType": "Patient", "name": inner });
        let mut text = whole.to_string().into_bytes();
        let place = place.index(text.len());
        text[place] = byte;
        agrees(text.trim_ascii());
    }
}
