//! Laws: what is placed is found, what a server does to a resource leaves it intact, any bytes have a reading.

use std::collections::BTreeSet;

use mark::{
    BatchReceipt, DatasetFile, Draft, Manifest, Mark, Method, Salt, Source, Survey, TrustStore,
    checkpoint::Checkpoint, judge, merkle, note::SignerKey, seal, tlog_proof::TlogProof,
};

use super::*;

const TRANSACTION: &str = include_str!("../../../../../fixtures/fhir/transaction.json");
const PATIENTS: &str = include_str!("../../../../../fixtures/fhir/patients.ndjson");
const RESOURCES: &str = include_str!("../../../../../fixtures/fhir/resources.ndjson");

fn documents() -> Vec<&'static str> {
    std::iter::once(TRANSACTION).chain(PATIENTS.lines()).chain(RESOURCES.lines()).collect()
}

fn covered<'r, 'a>(readings: &'r Readings<'a>) -> Vec<&'r [(std::borrow::Cow<'a, str>, json::Json<'a>)]> {
    readings.records.iter().map(|reading| reading.content.as_ref().unwrap().fields.as_slice()).collect()
}

/// Seals records as one dataset in a log of one entry that is trusted for it.
fn sealed(records: &[&Record<'_>]) -> (Vec<Mark>, TrustStore) {
    let mut survey = Survey::default();
    for record in records {
        survey.observe(record);
    }
    let manifest = Manifest {
        name: "fixtures".to_owned(),
        source: Source::Generator { name: "Synthea".to_owned(), version: None },
        subject: Subject::Synthetic,
        authorship: Authorship::Algorithm,
        method: Method::RuleBased,
        purposes: Vec::new(),
        jurisdictions: Vec::new(),
        generated_at: None,
        retain_until: None,
        operator: None,
        parameters_digest: None,
        seed_commitment: None,
        salt: Salt([7; 16]),
        objects: survey.field_lists(identity_elements).unwrap(),
    };
    let drafts: Vec<_> = records.iter().map(|record| Draft::new(record)).collect();
    let batch = seal(&manifest, 0, &drafts, "2026-11-21T00:00:00Z").unwrap();
    let signer = SignerKey::generate("generator.example/log", [1; 32]).unwrap();
    let entry = batch.entry.to_bytes();
    let note = Checkpoint::new(signer.name(), 1, merkle::leaf_hash(&entry)).unwrap().sign(&signer).unwrap();
    let receipt = BatchReceipt {
        entry: String::from_utf8(entry).unwrap(),
        proof: TlogProof::new(0, Vec::new(), note).to_string(),
    };
    let mut trust = TrustStore::default();
    trust.trust(signer.verifier().clone(), BTreeSet::from([Subject::Synthetic]));
    trust.admit(&DatasetFile { manifest, receipts: vec![receipt] }).unwrap();
    (batch.marks, trust)
}

/// The verdicts on a document, distinct and in order of their words.
fn verdicts(document: &[u8], trust: &TrustStore) -> BTreeSet<String> {
    let readings = read_document(document, &LIMITS);
    readings.records.iter().map(|reading| judge(reading, trust).to_string()).collect()
}

#[test]
fn place_then_read_gives_the_mark_and_the_same_covered_elements() {
    for document in documents() {
        let before = read_document(document.as_bytes(), &LIMITS);
        let labels: Vec<Labels> = (0..before.records.len())
            .map(|at| Labels { mark_text: format!("eosin1.{at}"), ..labels(Subject::Synthetic) })
            .collect();
        let placed = if document == TRANSACTION {
            place_bundle(document.as_bytes(), &labels).unwrap()
        } else {
            place(document.as_bytes(), &labels[0]).unwrap()
        };
        let after = read_document(&placed, &LIMITS);
        assert_eq!(covered(&after), covered(&before));
        for (at, reading) in after.records.iter().enumerate() {
            let record = reading.content.as_ref().unwrap();
            assert_eq!(record.mark.as_deref(), Some(format!("eosin1.{at}").as_str()));
            assert_eq!(record.claim, Claim::Synthetic);
        }
    }
}

#[test]
fn every_resource_of_a_bundle_stays_intact() {
    let before = read_document(TRANSACTION.as_bytes(), &LIMITS);
    let records: Vec<_> = before.records.iter().map(|reading| reading.content.as_ref().unwrap()).collect();
    let (marks, trust) = sealed(&records);
    let labels: Vec<_> = marks.iter().map(Labels::of).collect();
    let placed = place_bundle(TRANSACTION.as_bytes(), &labels).unwrap();
    assert_eq!(verdicts(&placed, &trust), BTreeSet::from(["synthetic, intact".to_owned()]));
    // A server that reads numbers as decimals and writes them again, and gives every resource another place.
    let value: serde_json::Value = serde_json::from_slice(&placed).unwrap();
    let moved = serde_json::to_string(&value).unwrap().replace("urn:uuid:", "Patient/");
    assert_eq!(verdicts(moved.as_bytes(), &trust), BTreeSet::from(["synthetic, intact".to_owned()]));
}

#[test]
fn what_a_server_does_to_a_resource_leaves_it_intact() {
    const SENT: &str = r#"{"resourceType":"Observation","id":"a","status":"final","code":{"text":"Weight"},
        "subject":{"reference":"urn:uuid:1","display":"Canary Zzyzx-7"},"valueQuantity":{"value":1.50,"unit":"kg"},
        "referenceRange":[{"low":{"value":1e1}}],"performer":[{"reference":"urn:uuid:2"}]}"#;
    let readings = read_document(SENT.as_bytes(), &LIMITS);
    let record = readings.records[0].content.as_ref().unwrap();
    let (marks, trust) = sealed(&[record]);
    let placed = String::from_utf8(place(SENT.as_bytes(), &Labels::of(&marks[0])).unwrap()).unwrap();
    let mark = marks[0].to_text();
    let check = |what: &str, text: String, want: &str| {
        assert!(json::parse(text.as_bytes()).is_ok(), "{what}: the scene is not JSON");
        assert_ne!(text, placed, "{what}: the scene changes nothing");
        let said = verdicts(text.as_bytes(), &trust).into_iter().collect::<Vec<_>>().join("; ");
        assert_eq!(said, want, "{what}");
    };
    let intact = "synthetic, intact";
    let meta = r#""meta":{"versionId":"3","lastUpdated":"2026-11-21T10:00:00.123+01:00","source":"#;
    check("adds to meta", placed.replace(r#""meta":{"#, &format!("{meta}\"#x\",")), intact);
    check("assigns an id", placed.replace(r#""id":"a""#, r#""id":"8f2c""#), intact);
    check("drops the id", placed.replace(r#""id":"a","#, ""), intact);
    check("rewrites references", placed.replace("urn:uuid:1", "Patient/77"), intact);
    check(
        "drops empty references",
        placed.replace(r#","performer":[{"reference":"urn:uuid:2"}]"#, ""),
        intact,
    );
    check("shortens decimals", placed.replace("1.50", "1.5"), intact);
    check("respells decimals", placed.replace("1e1", "10.0"), intact);
    check(
        "writes a narrative",
        placed.replace(r#""id":"a""#, r#""id":"a","text":{"status":"generated"}"#),
        intact,
    );
    check(
        "sets the language",
        placed.replace(r#""id":"a""#, r#""id":"a","language":"en","implicitRules":"x""#),
        intact,
    );
    check("writes nulls", placed.replace(r#""id":"a""#, r#""id":"a","note":null,"category":[]"#), intact);
    let sorted: serde_json::Value = serde_json::from_str(&placed).unwrap();
    check("reorders members", serde_json::to_string(&sorted).unwrap(), intact);
    check("indents", serde_json::to_string_pretty(&sorted).unwrap(), intact);
    let bundled =
        format!(r#"{{"resourceType":"Bundle","type":"searchset","entry":[{{"resource":{placed}}}]}}"#);
    check("wraps it in a search result", bundled, intact);
    check("drops the labels in meta", placed.replace("\"meta\"", "\"language\""), intact);

    let transplanted = "transplanted: the mark was made for another record";
    check("a value changes", placed.replace("1.50", "1.51"), transplanted);
    check("the display changes", placed.replace("Zzyzx-7", "Zzyzx-8"), transplanted);
    check(
        "the mark is cut",
        placed.replace(&mark, mark.get(..40).unwrap()),
        "forged: the text in the mark's place is damaged: cut short or altered on its way",
    );
    let stripped = placed.replace(MARK_EXTENSION, "https://example.org/x");
    check("the mark is stripped", stripped, "unproven: it says it is synthetic and carries no mark");
}

#[test]
fn a_person_with_another_name_has_a_transplanted_mark() {
    let patient = PATIENTS.lines().next().unwrap();
    let readings = read_document(patient.as_bytes(), &LIMITS);
    let (marks, trust) = sealed(&[readings.records[0].content.as_ref().unwrap()]);
    let placed = String::from_utf8(place(patient.as_bytes(), &Labels::of(&marks[0])).unwrap()).unwrap();
    let mut value: serde_json::Value = serde_json::from_str(&placed).unwrap();
    let mut said = |change: &dyn Fn(&mut serde_json::Value)| {
        change(&mut value);
        verdicts(value.to_string().as_bytes(), &trust).into_iter().next().unwrap()
    };
    assert_eq!(said(&|_| {}), "synthetic, intact");
    assert_eq!(
        said(&|value| value["telecom"][0]["value"] = "555-0199".into()),
        "synthetic, modified since it was sealed"
    );
    assert_eq!(
        said(&|value| value["name"][0]["family"] = "Zzyzx".into()),
        "transplanted: the mark was made for another record"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_have_a_reading(body in prop::collection::vec(any::<u8>(), 0..200)) {
        for route in [Route::Bundle, Route::Delete, create("Patient")] {
            let readings = read(&route, JSON, &body, &LIMITS);
            prop_assert!(readings.records.len() <= 1);
        }
    }

    #[test]
    fn a_changed_document_has_a_reading_and_places_or_says_why(
        which in 0_usize..37, at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>(),
    ) {
        let mut document = documents()[which].as_bytes().to_vec();
        let at = at.index(document.len());
        document[at] = byte;
        for body in [document.as_slice(), &document[..cut.index(document.len())]] {
            let readings = read_document(body, &LIMITS);
            prop_assert!(readings.records.iter().enumerate().all(|(index, reading)| reading.place.index == index));
            let labels = vec![labels(Subject::Synthetic); readings.records.len()];
            let readable = readings.records.iter().all(|reading| reading.content.is_ok());
            let placed = if readings.records.len() == 1 { place(body, &labels[0]) } else { place_bundle(body, &labels) };
            if let (true, Ok(placed)) = (readable, placed) {
                let again = read_document(&placed, &LIMITS);
                prop_assert_eq!(covered(&again), covered(&readings));
            }
        }
    }
}
