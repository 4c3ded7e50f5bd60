//! What a resource holds that is judged by itself: Bundles in Bundles, parameters, files.

use super::*;

/// The place of each record, and why one cannot be read.
fn held(readings: &Readings<'_>) -> Vec<String> {
    let shown = |reading: &Reading<'_>| match &reading.content {
        Ok(_) => reading.place.reference.clone(),
        Err(reason) => format!("{}: {reason}", reading.place.reference),
    };
    readings.records.iter().map(shown).collect()
}

fn check(route: &Route, body: &str, want: &[&str]) {
    assert_eq!(held(&read(route, JSON, body.as_bytes(), &LIMITS)), want, "{body}");
}

fn operation() -> Route {
    Route::Operation { name: "submit".to_owned() }
}

fn base64(text: &str) -> String {
    data_encoding::BASE64.encode(text.as_bytes())
}

#[test]
fn bundles_in_bundles_are_read_and_their_number_is_bounded() {
    let inner = bundle("collection", &[&format!(r#"{{"resource":{SMALL}}}"#)]);
    let outer = bundle("batch", &[&entry("POST", "Bundle", &inner), &entry("POST", "Patient", SMALL)]);
    check(&Route::Bundle, &outer, &["entry[0] entry[0] Patient", "entry[1] Patient"]);
    // What stands inside an entry falls with it.
    let withheld = withhold(outer.as_bytes(), &[(0, refusal("no"))]).unwrap();
    assert_eq!(withheld.body.unwrap(), bundle("batch", &[&entry("POST", "Patient", SMALL)]).into_bytes());
    let deep = (0..10)
        .fold(SMALL.to_owned(), |inner, _| bundle("collection", &[&format!(r#"{{"resource":{inner}}}"#)]));
    let said = held(&read(&create("Bundle"), JSON, deep.as_bytes(), &LIMITS));
    assert!(said.len() == 1 && said[0].contains("nests Bundles and Parameters deeper than 8"), "{said:?}");

    let entry = entry("POST", "Patient", SMALL);
    let many = bundle("transaction", &vec![entry.as_str(); 50_000]);
    let limits = Limits { body_bytes: 100 << 20, records: 1_000_000 };
    assert_eq!(read(&Route::Bundle, JSON, many.as_bytes(), &limits).records.len(), 50_000);
    let fewer = Limits { records: 49_999, ..limits };
    assert!(
        sentence(&read(&Route::Bundle, JSON, many.as_bytes(), &fewer)).contains("more than 49999 records")
    );
}

#[test]
fn references_that_lead_in_a_circle_are_not_followed() {
    let circle = r##"{"resourceType":"Patient","contained":[
        {"resourceType":"Patient","id":"a","link":[{"other":{"reference":"#b"}}]},
        {"resourceType":"Patient","id":"b","link":[{"other":{"reference":"#a"}}]}],"link":[{"other":{"reference":"#a"}}]}"##;
    check(&create("Patient"), circle, &["Patient"]);
}

#[test]
fn parameters_are_the_resources_in_them_and_what_could_be_about_somebody() {
    let parameters = |list: &str| format!(r#"{{"resourceType":"Parameters","parameter":[{list}]}}"#);
    let resource = format!(r#"{{"name":"resource","resource":{SMALL}}}"#);
    check(&operation(), &parameters(&resource), &["parameter[0] Patient"]);
    check(&operation(), &parameters(r#"{"name":"mode","valueCode":"create"}"#), &[]);
    check(
        &operation(),
        &parameters(&format!(r#"{{"name":"a","part":[{{"name":"x","valueBoolean":true}},{resource}]}}"#)),
        &["parameter[0] part[1] Patient"],
    );
    check(
        &operation(),
        &parameters(r#"{"name":"name","valueHumanName":{"family":"Zzyzx"}}"#),
        &["Parameters"],
    );
    check(&operation(), SMALL, &["Patient"]);
    check(&operation(), &bundle("message", &[&format!(r#"{{"resource":{SMALL}}}"#)]), &["entry[0] Patient"]);
}

#[test]
fn a_binary_is_what_is_in_it() {
    let binary = |media: &str, text: &str| {
        format!(r#"{{"resourceType":"Binary","contentType":"{media}","data":"{}"}}"#, base64(text))
    };
    let message = "MSH|^~\\&|a|b|c|d|1||ADT^A01|1|P|2.5\rPID|1||2||Zzyzx^Ada\r";
    for (media, text, want) in [
        ("application/fhir+json", SMALL, "Binary file record 1 Patient"),
        ("application/fhir+xml", r#"<Patient xmlns="http://hl7.org/fhir"/>"#, "Binary file record 1 Patient"),
        ("application/fhir+ndjson", SMALL, "Binary file record 1 Patient"),
        ("x-application/hl7-v2+er7", message, "Binary file record 1 ADT"),
        ("text/csv", "first,last\nAda,Zzyzx\n", "Binary file record 1 file"),
        ("application/octet-stream", SMALL, "Binary file record 1 Patient"),
        ("application/pdf", "%PDF-1.7", "Binary"),
        ("text/plain", "Dear all, hello,\nwell, bye,\nso, on,", "Binary"),
        ("application/fhir+json", "{", "Binary file record 1: ends early, at line 1 column 1"),
        (
            "application/cda+xml",
            r#"<ClinicalDocument xmlns="urn:hl7-org:v3"/>"#,
            "Binary file record 1: holds a clinical document (C-CDA), which cannot carry a mark; send it as FHIR",
        ),
    ] {
        check(&create("Binary"), &binary(media, text), &[want]);
        let raw = read(&create("Binary"), Some(media), text.as_bytes(), &LIMITS);
        if !media.starts_with("application/fhir+") || media.ends_with("ndjson") {
            assert_eq!(held(&raw), [want], "{media}");
        }
    }
    let odd = r#"{"resourceType":"Binary","contentType":"text/csv","data":"*"}"#;
    check(&create("Binary"), odd, &["Binary file record 1: holds a file that is not base64"]);
}

#[test]
fn attachments_are_read_wherever_they_stand() {
    let reference = format!(
        r#"{{"resourceType":"DocumentReference","meta":{{"security":[{{"system":"{TEST_SYSTEM}","code":"HTEST"}}]}},
        "content":[{{"attachment":{{"contentType":"application/fhir+json","data":"{}"}}}},
        {{"attachment":{{"contentType":"image/png","data":"iVBORw0KGgo="}}}}]}}"#,
        base64(SMALL)
    );
    let readings = read(&create("DocumentReference"), JSON, reference.as_bytes(), &LIMITS);
    assert_eq!(held(&readings), ["DocumentReference", "file record 1 Patient"]);
    // In a file that is marked it is content: there is no place for a label in it.
    assert_eq!(read_to_mark(reference.as_bytes(), &LIMITS).records.len(), 1);
    assert!(place(reference.as_bytes(), &labels(Subject::Synthetic)).is_ok());
    // What the reference says of itself its file says too.
    assert_eq!(readings.records[1].content.as_ref().unwrap().claim, Claim::Synthetic);
}

#[test]
fn what_stands_inside_another_is_not_labelled() {
    let inner = bundle("collection", &[&format!(r#"{{"resource":{SMALL}}}"#)]);
    let outer = bundle("batch", &[&entry("POST", "Bundle", &inner)]);
    assert_eq!(place_bundle(outer.as_bytes(), &[labels(Subject::Synthetic)]), Err(PlaceError::Inside));
}
