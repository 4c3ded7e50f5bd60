//! What comes from a system of record is attested on the way in, and nothing that says or shows otherwise is.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU8, Ordering},
};

use carrier::{Limits, fhir};
use flow::{Attester, AttesterError, Crossing, Passage, Protocol};
use mark::{BatchReceipt, DatasetFile, DatasetId, Salt, Subject, TrustStore, judge, note::SignerKey};
use policy::{Boundary, Continuity, Environment, Mode};

use crate::world::World;

const LIMITS: Limits = Limits { body_bytes: 1 << 20, records: 1_000 };
const PATIENT: &str = r#"{"resourceType":"Patient","name":[{"family":"Zzyzx"}],"birthDate":"1984-02-29"}"#;
const TEST_PATIENT: &str = r#"{"resourceType":"Patient","meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActReason","code":"HTEST"}]},"name":[{"family":"Zzyzx"}]}"#;

type Kept = Arc<Mutex<Vec<(DatasetId, BatchReceipt)>>>;

fn attester(types: &[&str]) -> Result<(Attester, Kept), AttesterError> {
    let kept = Kept::default();
    let (keeping, count) = (Arc::clone(&kept), AtomicU8::new(0));
    let types: Vec<String> = types.iter().map(|name| (*name).to_owned()).collect();
    let attester = Attester::new(
        "crm",
        &types,
        Box::new(move || Some(Salt([count.fetch_add(1, Ordering::Relaxed); 16]))),
        Box::new(move |id, receipt| keeping.lock().unwrap().push((id, receipt.clone()))),
    )?;
    Ok((attester, kept))
}

/// A world whose own log may attest.
fn world(attester: Attester) -> (World, TrustStore) {
    let world = World::new();
    let own = SignerKey::generate("gateway.example/log", [9; 32]).unwrap();
    let mut trust = (*world.flow.trust()).clone();
    trust.trust(own.verifier().clone(), [Subject::Synthetic, Subject::Attested].into());
    let appender = world.flow.into_appender();
    let flow = World::flow(appender, policy::Policies::default_set().unwrap(), trust.clone(), &world.seconds);
    (World { flow: flow.with_attester("crm", attester), ..world }, trust)
}

fn crossing(target: &str, media: &str, body: &str, system_of_record: bool) -> Crossing {
    Crossing {
        boundary: Arc::new(Boundary {
            name: "crm".to_owned(),
            environment: Environment::Production,
            jurisdiction: "US".to_owned(),
            mode: Mode::Enforce,
            continuity: Continuity::Strict,
            system_of_record,
        }),
        protocol: Protocol::Fhir { base: "/fhir".to_owned() },
        client: "tests".to_owned(),
        method: "POST".to_owned(),
        target: target.to_owned(),
        method_override: None,
        content_type: Some(media.to_owned()),
        provenance: Vec::new(),
        claims: flow::Claims::default(),
        body: Ok(body.to_owned().into()),
        watched: flow::Watched::default(),
    }
}

fn bundle(kind: &str, resources: &[&str]) -> String {
    let entry = |resource: &&str| {
        format!(r#"{{"resource":{resource},"request":{{"method":"POST","url":"Patient"}}}}"#)
    };
    let entries: Vec<String> = resources.iter().map(entry).collect();
    format!(r#"{{"resourceType":"Bundle","type":"{kind}","entry":[{}]}}"#, entries.join(","))
}

#[test]
fn an_unmarked_patient_of_a_system_of_record_is_attested_and_sealed_before_it_is_ruled_on() {
    let (attester, kept) = attester(&["Patient"]).unwrap();
    let manifest = attester.manifest().clone();
    let (world, mut trust) = world(attester);
    for number in 0..2 {
        let passage = world.pass(crossing("/fhir/Patient", "application/fhir+json", PATIENT, true));
        let Passage::Forward(forward) = passage else { panic!("{passage:?}") };
        assert!(forward.provenance.contains("attested=1"), "{}", forward.provenance);
        // Anybody who has the manifest and the receipt can prove it again.
        let (id, receipt) = kept.lock().unwrap()[number].clone();
        assert_eq!(id, manifest.id());
        trust.admit(&DatasetFile { manifest: manifest.clone(), receipts: vec![receipt] }).unwrap();
        let sent = forward.body.unwrap();
        let readings = fhir::read_document(&sent, &LIMITS);
        assert_eq!(judge(&readings.records[0], &trust).to_string(), "attested, intact");
    }
    let entries = world.entries();
    let kinds: Vec<&str> = entries.iter().map(|entry| entry["eosin"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["batch@1", "ruling@1", "batch@1", "ruling@1"]);
    assert_eq!((&entries[0]["subjects"]["attested"], &entries[2]["batch"]), (&1.into(), &1.into()));
    assert!(!entries.iter().any(|entry| entry.to_string().contains("Zzyzx")));
}

#[test]
fn what_says_or_shows_otherwise_is_never_attested() {
    let marked = {
        let labels = carrier::Labels {
            mark_text: "eosin1.AAAA".to_owned(),
            mark_id: "abc".to_owned(),
            subject: Subject::Synthetic,
            authorship: mark::Authorship::Algorithm,
            dataset: None,
        };
        String::from_utf8(fhir::place(PATIENT.as_bytes(), &labels).unwrap()).unwrap()
    };
    let observation = r#"{"resourceType":"Observation","status":"final"}"#;
    for (target, media, body, system_of_record) in [
        ("/fhir/Patient", "application/fhir+json", TEST_PATIENT, true),
        ("/fhir/Patient", "application/fhir+json", marked.as_str(), true),
        ("/fhir/Patient", "application/fhir+json", PATIENT, false),
        ("/fhir/Patient", "application/fhir+xml", r#"<Patient xmlns="http://hl7.org/fhir"/>"#, true),
        ("/fhir/Observation", "application/fhir+json", observation, true),
        ("/fhir/$submit", "application/fhir+json", PATIENT, true),
    ] {
        let (attester, kept) = attester(&["Patient"]).unwrap();
        let (world, _) = world(attester);
        let passage = world.pass(crossing(target, media, body, system_of_record));
        assert!(matches!(passage, Passage::Refuse(_)), "{target} {media}: {passage:?}");
        assert!(kept.lock().unwrap().is_empty(), "{target} {media} {body}");
        assert_eq!(world.entries().len(), 1);
    }
}

#[test]
fn in_a_bundle_each_patient_is_attested_by_itself() {
    let (attester, kept) = attester(&["Patient"]).unwrap();
    let (world, _) = world(attester);
    let batch = bundle("batch", &[PATIENT, TEST_PATIENT, PATIENT]);
    let Passage::Forward(forward) = world.pass(crossing("/fhir", "application/fhir+json", &batch, true))
    else {
        panic!("was refused")
    };
    let sent = String::from_utf8(forward.body.unwrap().to_vec()).unwrap();
    assert_eq!((sent.matches("valueString").count(), sent.matches("HTEST").count()), (2, 0), "{sent}");
    assert_eq!(kept.lock().unwrap().len(), 1);
    assert!(forward.sent_provenance.contains("attested=2"), "{}", forward.sent_provenance);
}

#[test]
fn types_are_those_of_r4() {
    assert_eq!(attester(&["Patiens"]).err(), Some(AttesterError::Type("Patiens".to_owned())));
    let (attester, _) = attester(&["Patient", "Observation", "Appointment", "Encounter"]).unwrap();
    assert!(attester.manifest().objects["Patient"].fields().len() > 20);
}
