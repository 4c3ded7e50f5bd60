//! Scenes and laws of resources and Bundles.

use mark::{Authorship, Claim, Reading, Record, Subject, Unreadable, json};
use proptest::prelude::*;

use super::*;
use crate::{Answer, Labels, Limits, Readings, Refusal, Unit};

const LIMITS: Limits = Limits { body_bytes: 1 << 20, records: 1000 };
const JSON: Option<&str> = Some("application/fhir+json");

fn create(resource_type: &str) -> Route {
    Route::Create { resource_type: resource_type.to_owned() }
}

fn labels(subject: Subject) -> Labels {
    Labels {
        mark_text: "eosin1.AAAA".to_owned(),
        mark_id: "abc234".to_owned(),
        subject,
        authorship: Authorship::Algorithm,
        dataset: None,
    }
}

fn only<'r, 'a>(readings: &'r Readings<'a>) -> &'r Result<Record<'a>, Unreadable> {
    assert_eq!(readings.records.len(), 1);
    &readings.records[0].content
}

fn sentence(readings: &Readings<'_>) -> String {
    only(readings).as_ref().unwrap_err().to_string()
}

fn names(record: &Record<'_>) -> Vec<String> {
    record.fields.iter().map(|(name, _)| name.clone().into_owned()).collect()
}

const PATIENT: &str = r#"{"resourceType":"Patient","id":"7","meta":{"versionId":"1"},"text":{"status":"generated"},
    "implicitRules":"x","language":"en","extension":[{"url":"https://example.org/e","valueDecimal":1.50}],
    "identifier":[{"system":"https://example.org/mrn","value":"9"}],
    "name":[{"family":"Zzyzx","given":["Canary"]}],"birthDate":"1984-02-29","_birthDate":{"id":"b"}}"#;

#[test]
fn covered_elements_are_the_top_level_without_what_servers_own() {
    let readings = read(&create("Patient"), JSON, PATIENT.as_bytes(), &LIMITS);
    assert_eq!(readings.unit, Unit::Whole);
    let record = only(&readings).as_ref().unwrap();
    assert_eq!(record.object, "Patient");
    assert_eq!(names(record), ["extension", "identifier", "name", "birthDate", "_birthDate"]);
    assert_eq!((record.mark.as_deref(), record.claim), (None, Claim::None));
    assert_eq!(readings.records[0].place.reference, "Patient");
}

#[test]
fn what_cannot_be_read_says_where_and_never_what() {
    let patient = create("Patient");
    let deep = format!(r#"{{"resourceType":"Patient","a":{}{}}}"#, "[".repeat(70), "]".repeat(70));
    let check = |route: &Route, media: Option<&str>, body: &str, want: &str| {
        let said = sentence(&read(route, media, body.as_bytes(), &LIMITS));
        assert!(said.contains(want) && !said.contains("Zzyzx"), "{body}: {said}");
    };
    check(&patient, None, PATIENT, "no Content-Type");
    check(&patient, Some("application/pdf"), PATIENT, "media type");
    check(&patient, Some("application/json-patch+json"), PATIENT, "media type");
    check(&patient, Some("application/fhir+json; charset=iso-8859-1"), PATIENT, "charset");
    check(&create("Observation"), JSON, PATIENT, "does not fit");
    check(&patient, JSON, "", "ends early");
    check(&patient, JSON, "[]", "not a JSON object");
    check(&patient, JSON, "{}", "no resourceType");
    check(&patient, JSON, r#"{"resourceType":7}"#, "no resourceType");
    check(&patient, JSON, r#"{"resourceType":"Zzyzx <b>"}"#, "not a name");
    check(&patient, JSON, r#"{"resourceType":"Patient","id":"1","id":"Zzyzx"}"#, "twice");
    check(&patient, JSON, r#"{"resourceType":"Patient","n":9007199254740993}"#, "number");
    check(&patient, JSON, "\u{feff}{}", "byte-order mark");
    check(&patient, JSON, &deep, "nested deeper");
    check(&patient, JSON, r#"{"resourceType":"Patient","x":"\ud800"}"#, "not JSON");
    check(&Route::Delete, None, "Zzyzx", "DELETE");
    let mark = format!(r#"{{"url":"{MARK_EXTENSION}","valueString":"Zzyzx"}}"#);
    let two = format!(r#"{{"resourceType":"Patient","extension":[{mark},{mark}]}}"#);
    check(&patient, JSON, &two, "more than one mark");
    let coded = two.replace(&format!("{mark},{mark}"), &mark.replace("valueString", "valueCode"));
    check(&patient, JSON, &coded, "not a valueString");
    let short = Limits { body_bytes: 10, records: 1 };
    assert!(sentence(&read(&patient, JSON, PATIENT.as_bytes(), &short)).contains("longer than 10"));
}

#[test]
fn media_types_of_fhir_json_are_read() {
    for media in [
        "application/fhir+json",
        "application/json",
        "Application/FHIR+JSON;charset=UTF-8",
        "application/fhir+json; charset=\"utf-8\"; fhirVersion=4.0",
    ] {
        assert!(only(&read(&create("Patient"), Some(media), PATIENT.as_bytes(), &LIMITS)).is_ok(), "{media}");
    }
    assert_eq!(read(&Route::Delete, None, b"", &LIMITS).records, []);
}

#[test]
fn labels_are_claims_and_only_exact_ones_count() {
    let claim = |members: &str| {
        let text = format!(r#"{{"resourceType":"Appointment",{members}}}"#);
        let readings = read(&create("Appointment"), JSON, text.as_bytes(), &LIMITS);
        only(&readings).as_ref().unwrap().claim
    };
    let security = |system: &str, code: &str| {
        claim(&format!(r#""meta":{{"security":[{{"code":"x"}},{{"system":"{system}","code":"{code}"}}]}}"#))
    };
    assert_eq!(security(TEST_SYSTEM, "HTEST"), Claim::Synthetic);
    assert_eq!(security("http://hl7.org/fhir/v3/ActReason", "HTEST"), Claim::None);
    assert_eq!(security(TEST_SYSTEM, "htest"), Claim::None);
    assert_eq!(security(AI_SYSTEM, AI_CODE), Claim::None);
    let tag =
        |code: &str| claim(&format!(r#""meta":{{"tag":[{{"system":"{SUBJECT_SYSTEM}","code":"{code}"}}]}}"#));
    assert_eq!(tag("synthetic"), Claim::Synthetic);
    assert_eq!(tag("mixed"), Claim::Synthetic);
    assert_eq!(tag("attested"), Claim::Attested);
    assert_eq!(tag("other"), Claim::None);
    let training =
        r#""meta":{"tag":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0103","code":"T"}]}"#;
    assert_eq!(claim(training), Claim::None);
    assert_eq!(claim(&format!(r#""identifier":[{{"system":"{BRAND_SYSTEM}"}}]"#)), Claim::Synthetic);
    let inside = |patient: &str| claim(&format!(r#""contained":[{{"resourceType":"Patient",{patient}}}]"#));
    let test = format!(r#""meta":{{"security":[{{"system":"{TEST_SYSTEM}","code":"HTEST"}}]}}"#);
    assert_eq!(inside(&test), Claim::Synthetic);
    assert_eq!(inside(&format!(r#""contained":[{{"resourceType":"Patient",{test}}}]"#)), Claim::Synthetic);
    assert_eq!(inside(&format!(r#""identifier":[{{"system":"{BRAND_SYSTEM}"}}]"#)), Claim::Synthetic);
    assert_eq!(claim(r#""meta":"odd","contained":{}"#), Claim::None);
}

fn bundle(kind: &str, entries: &[&str]) -> String {
    format!(r#"{{"resourceType":"Bundle","type":"{kind}","entry":[{}]}}"#, entries.join(","))
}

fn entry(method: &str, url: &str, resource: &str) -> String {
    let resource = if resource.is_empty() { String::new() } else { format!(r#""resource":{resource},"#) };
    format!(r#"{{{resource}"request":{{"method":"{method}","url":"{url}"}}}}"#)
}

const SMALL: &str = r#"{"resourceType":"Patient","name":[{"family":"Zzyzx"}]}"#;

#[test]
fn every_entry_is_a_record_or_says_why_not() {
    for (entry, want) in [
        (entry("POST", "Patient", SMALL), Some(Ok("Patient"))),
        (entry("PUT", "Patient/7", SMALL), Some(Ok("Patient"))),
        (entry("PUT", "Patient?identifier=a%7C9", SMALL), Some(Ok("Patient"))),
        (entry("POST", "/Patient", SMALL), Some(Ok("Patient"))),
        (format!(r#"{{"resource":{SMALL}}}"#), Some(Ok("Patient"))),
        (entry("DELETE", "Patient/7", ""), None),
        (entry("GET", "Patient/7", ""), None),
        (entry("POST", "Patient", ""), None),
        (entry("POST", "Observation", SMALL), Some(Err("does not fit"))),
        (entry("PATCH", "Patient/7", r#"{"resourceType":"Binary","data":"W10="}"#), Some(Err("patch"))),
        (entry("PATCH", "Patient/7", ""), Some(Err("patch"))),
        (entry("POST", "$process-message", SMALL), Some(Ok("Patient"))),
        (entry("POST", "$expunge", SMALL), Some(Err("operation"))),
        (entry("POST", "http://elsewhere.example.org/fhir/Patient", SMALL), Some(Err("operation"))),
        (entry("GET", "Patient/7", SMALL), Some(Err("on a read"))),
        (entry("POST", "", &bundle("batch", &[])), Some(Err("transaction in a Bundle"))),
        (format!(r#"{{"resource":{}}}"#, bundle("batch", &[])), None),
        (r#"{"resource":{"resourceType":"Parameters"}}"#.to_owned(), None),
        (r#"{"resource":{}}"#.to_owned(), Some(Err("no resourceType"))),
        (r#"{"resource":[]}"#.to_owned(), Some(Err("not an object"))),
        (r#"{"resource":null}"#.to_owned(), None),
        (format!(r#"{{"resource":{SMALL},"request":{{}}}}"#), Some(Err("without method"))),
        (format!(r#"{{"response":{{"outcome":{SMALL}}}}}"#), Some(Err("in its response"))),
        (r#"{"response":{"status":"200","outcome":{"resourceType":"OperationOutcome"}}}"#.to_owned(), None),
        ("7".to_owned(), Some(Err("not an object"))),
    ] {
        let text = bundle("transaction", &[&entry]);
        let readings = read(&Route::Bundle, JSON, text.as_bytes(), &LIMITS);
        match (readings.records.as_slice(), want) {
            ([], None) => {}
            ([Reading { content: Ok(record), place }], Some(Ok(object))) => {
                assert_eq!((record.object.as_ref(), place.reference.as_str()), (object, "entry[0] Patient"));
            }
            ([Reading { content: Err(reason), .. }], Some(Err(words))) => {
                let said = reason.to_string();
                assert!(said.contains(words) && !said.contains("Zzyzx"), "{entry}: {said}");
            }
            (found, want) => panic!("{entry}: {found:?}, not {want:?}"),
        }
    }
}

#[test]
fn a_batch_is_per_record_and_everything_else_is_whole() {
    let two = [entry("DELETE", "Patient/1", ""), entry("POST", "Patient", SMALL)];
    let two: Vec<&str> = two.iter().map(String::as_str).collect();
    for (kind, unit) in
        [("batch", Unit::PerRecord), ("transaction", Unit::Whole), ("collection", Unit::Whole)]
    {
        let text = bundle(kind, &two);
        let readings = read(&Route::Bundle, JSON, text.as_bytes(), &LIMITS);
        assert_eq!((readings.unit, readings.records.len()), (unit, 1), "{kind}");
        assert_eq!(readings.records[0].place.index, 0);
        assert_eq!(readings.records[0].place.reference, "entry[1] Patient");
        for stored in
            [read(&create("Bundle"), JSON, text.as_bytes(), &LIMITS), read_document(text.as_bytes(), &LIMITS)]
        {
            assert_eq!((stored.unit, stored.records.len()), (Unit::Whole, 1), "{kind}");
        }
    }
    let odd = r#"{"resourceType":"Bundle","type":"batch","entry":{}}"#;
    assert!(sentence(&read(&Route::Bundle, JSON, odd.as_bytes(), &LIMITS)).contains("not an array"));
    let one = Limits { records: 1, ..LIMITS };
    let many = bundle("batch", &[&two[1..], &two[1..]].concat());
    assert!(sentence(&read(&Route::Bundle, JSON, many.as_bytes(), &one)).contains("more than 1 records"));
}

#[test]
fn what_a_bundle_says_of_itself_its_entries_say() {
    let label = format!(r#""meta":{{"security":[{{"system":"{TEST_SYSTEM}","code":"HTEST"}}]}},"type""#);
    let text = bundle("batch", &[&entry("POST", "Patient", SMALL)]).replace("\"type\"", &label);
    let readings = read(&Route::Bundle, JSON, text.as_bytes(), &LIMITS);
    assert_eq!(only(&readings).as_ref().unwrap().claim, Claim::Synthetic);
}

fn placed(resource: &str, labels: &Labels) -> String {
    String::from_utf8(place(resource.as_bytes(), labels).unwrap()).unwrap()
}

#[test]
fn placing_writes_labels_that_others_understand_and_keeps_the_rest() {
    let patient = r#"{"resourceType":"Patient","id":"7","meta":{"versionId":"1","tag":[{"system":"https://example.org","code":"x"}]},"multipleBirthInteger":2,"extension":[{"url":"https://example.org/e","valueDecimal":1.50}]}"#;
    let ai = Labels { authorship: Authorship::Ai, ..labels(Subject::Synthetic) };
    let want = expect_test::expect![[
        r#"{"resourceType":"Patient","id":"7","meta":{"versionId":"1","tag":[{"system":"https://example.org","code":"x"},{"system":"https://eosin.example/fhir/mark","code":"abc234"},{"system":"https://eosin.example/fhir/subject","code":"synthetic"}],"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActReason","code":"HTEST","display":"test health data"},{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"AIAST","display":"Artificial Intelligence asserted"}]},"multipleBirthInteger":2,"extension":[{"url":"https://example.org/e","valueDecimal":1.50},{"url":"https://eosin.example/fhir/StructureDefinition/mark","valueString":"eosin1.AAAA"}],"identifier":[{"system":"https://eosin.example/synthetic-patient","value":"abc234"}]}"#
    ]];
    want.assert_eq(&placed(patient, &ai));
    let want = expect_test::expect![[
        r#"{"resourceType":"Slot","meta":{"tag":[{"system":"https://eosin.example/fhir/mark","code":"abc234"},{"system":"https://eosin.example/fhir/subject","code":"attested"}]},"extension":[{"url":"https://eosin.example/fhir/StructureDefinition/mark","valueString":"eosin1.AAAA"}]}"#
    ]];
    want.assert_eq(&placed(r#"{"resourceType":"Slot","meta":null}"#, &labels(Subject::Attested)));
}

#[test]
fn a_second_mark_replaces_the_first() {
    let first = placed(PATIENT, &labels(Subject::Synthetic));
    assert_eq!(placed(&first, &labels(Subject::Synthetic)), first);
    let second = placed(
        &first,
        &Labels { mark_text: "eosin1.BBBB".into(), mark_id: "zzz".into(), ..labels(Subject::Attested) },
    );
    for gone in ["AAAA", "abc234", BRAND_SYSTEM, "\"synthetic\""] {
        assert!(!second.contains(gone), "{gone}");
    }
    assert_eq!(second.matches(MARK_EXTENSION).count(), 1);
}

#[test]
fn what_cannot_be_labelled_says_why() {
    let check = |resource: &str, want: &str| {
        let said = place(resource.as_bytes(), &labels(Subject::Synthetic)).unwrap_err().to_string();
        assert!(said.contains(want) && !said.contains("Zzyzx"), "{resource}: {said}");
    };
    check(&bundle("batch", &[]), "not a FHIR resource");
    check("{", "ends early");
    check(r#"{"resourceType":"Patient","meta":"Zzyzx"}"#, "not a FHIR resource");
    check(r#"{"resourceType":"Patient","meta":{"tag":{}}}"#, "not a FHIR resource");
    check(r#"{"resourceType":"Patient","extension":{}}"#, "not a FHIR resource");
    check(r#"{"resourceType":"Patient","identifier":"Zzyzx"}"#, "not a FHIR resource");
    let error =
        place_bundle(bundle("batch", &[&entry("POST", "Patient", SMALL)]).as_bytes(), &[]).unwrap_err();
    assert_eq!(error, PlaceError::Count { records: 1, labels: 0 });
    assert_eq!(place_bundle(SMALL.as_bytes(), &[]), Err(PlaceError::Shape));
}

#[test]
fn a_bundle_is_placed_entry_by_entry() {
    let marks = ["eosin1.one", "eosin1.two"]
        .map(|text| Labels { mark_text: text.into(), ..labels(Subject::Synthetic) });
    let patient = entry("POST", "Patient", SMALL);
    let text = bundle("transaction", &[&patient, &entry("DELETE", "Slot/1.50", ""), &patient]);
    let out = place_bundle(text.as_bytes(), &marks).unwrap();
    let readings = read(&Route::Bundle, JSON, &out, &LIMITS);
    let found: Vec<_> =
        readings.records.iter().map(|reading| reading.content.as_ref().unwrap().mark.clone()).collect();
    assert_eq!(found, [Some("eosin1.one".into()), Some("eosin1.two".into())]);
    assert!(String::from_utf8(out).unwrap().contains("Slot/1.50"));
    let empty = r#"{"resourceType":"Bundle","type":"batch"}"#;
    assert_eq!(place_bundle(empty.as_bytes(), &[]).unwrap(), empty.as_bytes());
}

fn refusal(message: &str) -> Refusal {
    Refusal { code: "EOSIN_BLOCKED".into(), message: message.into() }
}

#[test]
fn a_refusal_is_an_operation_outcome() {
    let said = refusal("no \"synthetic\" records here");
    let answer = refuse(&[(0, said.clone()), (2, said)]);
    assert_eq!((answer.status, answer.content_type), (403, CONTENT_TYPE));
    let want = expect_test::expect![[
        r#"{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"business-rule","details":{"coding":[{"system":"https://eosin.example/fhir/CodeSystem/refusal","code":"EOSIN_BLOCKED"}],"text":"2 resources"},"diagnostics":"no \"synthetic\" records here"}]}"#
    ]];
    want.assert_eq(std::str::from_utf8(&answer.body).unwrap());
    let issues = |answer: Answer| json::parse(&answer.body).unwrap().get("issue").unwrap().items().len();
    assert_eq!(issues(refuse(&[])), 1);
    let many: Vec<_> = (0..100).map(|at| (at, refusal(&format!("no {at}")))).collect();
    assert_eq!(issues(refuse(&many)), ISSUES_MAX);
    let unavailable = outcome(503, &refusal("the ledger cannot write"));
    assert_eq!(unavailable.status, 503);
    assert!(String::from_utf8(unavailable.body).unwrap().contains("transient"));
}

fn statuses(answer: &Answer) -> Vec<String> {
    let merged = json::parse(&answer.body).unwrap();
    let entries = merged.get("entry").unwrap().items().iter();
    entries
        .map(|entry| entry.get("response").unwrap().get("status").unwrap().text().unwrap().to_owned())
        .collect()
}

#[test]
fn a_batch_is_answered_in_the_clients_order() {
    let numbered =
        |n: usize| entry("PUT", &format!("Patient/{n}"), &SMALL.replace("Zzyzx", &format!("Number{n}.50")));
    let entries = [numbered(0), entry("GET", "Patient/9", ""), numbered(2), numbered(3)];
    let entries: Vec<&str> = entries.iter().map(String::as_str).collect();
    let text = bundle("batch", &entries);
    // Records 0, 1 and 2 are entries 0, 2 and 3.
    let withheld = withhold(text.as_bytes(), &[(1, refusal("not this one"))]).unwrap();
    let kept = String::from_utf8(withheld.body.clone().unwrap()).unwrap();
    assert_eq!(kept, bundle("batch", &[entries[0], entries[1], entries[3]]));
    let said = |status: &str| format!(r#"{{"response":{{"status":"{status}"}}}}"#);
    let upstream = bundle("batch-response", &[&said("201"), &said("200"), &said("204")]);
    let merged = merge(&withheld, Some(upstream.as_bytes())).unwrap();
    assert_eq!(statuses(&merged), ["201", "200", "403 Forbidden", "204"]);
    assert!(!format!("{withheld:?} {merged:?}").contains("Number"));

    let short = bundle("batch-response", &[&said("201")]);
    let long = bundle("batch-response", &[&said("201"), &said("201"), &said("201"), &said("201")]);
    for upstream in [short.as_str(), &long, r#"{"resourceType":"OperationOutcome"}"#, ""] {
        assert_eq!(merge(&withheld, Some(upstream.as_bytes())), Err(MergeError::Response), "{upstream}");
    }
}

#[test]
fn a_batch_of_which_nothing_is_left_is_answered_here() {
    let text = bundle("batch", &[&entry("POST", "Patient", SMALL)]);
    let withheld = withhold(text.as_bytes(), &[(0, refusal("no"))]).unwrap();
    assert_eq!(withheld.body, None);
    assert_eq!(statuses(&merge(&withheld, None).unwrap()), ["403 Forbidden"]);
    assert_eq!(withhold(text.as_bytes(), &[(1, refusal("no"))]), Err(MergeError::NoSuchRecord));
    let transaction = text.replace("batch", "transaction");
    assert_eq!(withhold(transaction.as_bytes(), &[(0, refusal("no"))]), Err(MergeError::NotABatch));
}

mod held;
mod laws;
mod patch;
mod vectors;
mod xml;
