//! Scenes: one sealed batch of three people, and everything that can happen to one of them.

use std::{borrow::Cow, collections::BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::{
    Authorship, BatchReceipt, DatasetFile, Draft, Form, Manifest, Method, Place, Salt, SealedBatch, Sealer,
    Source, Survey, checkpoint::Checkpoint, digest::Hash, json::Json, note::SignerKey, seal,
    tlog_proof::TlogProof,
};

const PEOPLE: [&str; 3] = [
    r#"{"FirstName":"Ada","LastName":"Bell","Birthdate":"1984-02-29","Phone":"555-0100","Score__c":1.50}"#,
    r#"{"FirstName":"Eve","LastName":"Ode","Birthdate":"1990-01-01","Phone":"555-0101","Score__c":2}"#,
    r#"{"FirstName":"Zed","LastName":"Pym","Birthdate":"1971-12-31","Phone":"555-0102","Score__c":3}"#,
];

fn record(json: &str) -> Record<'_> {
    let Ok(Json::Object(fields)) = crate::json::parse(json.as_bytes()) else {
        panic!("not an object: {json}")
    };
    Record {
        form: Form::Salesforce,
        object: Cow::Borrowed("Contact"),
        fields,
        mark: None,
        claim: Claim::None,
    }
}

fn manifest(subject: Subject, source: Source) -> Manifest {
    let mut survey = Survey::default();
    for person in PEOPLE {
        survey.observe(&record(person));
    }
    let identity = |_: &str, _: &[&str]| ["FirstName", "LastName", "Birthdate"].map(str::to_owned).to_vec();
    Manifest {
        name: "three people".to_owned(),
        source,
        subject,
        authorship: Authorship::Algorithm,
        method: Method::RuleBased,
        purposes: vec!["staging-testing".to_owned()],
        jurisdictions: Vec::new(),
        generated_at: None,
        retain_until: None,
        operator: None,
        parameters_digest: None,
        seed_commitment: None,
        salt: Salt([7; 16]),
        objects: survey.field_lists(identity).unwrap(),
    }
}

fn generator() -> Source {
    Source::Generator { name: "hand".to_owned(), version: None }
}

/// Logs the batch alone in a log of one entry.
fn receipt(sealed: &SealedBatch, signer: &SignerKey) -> BatchReceipt {
    let entry = sealed.entry.to_bytes();
    let leaf = merkle::leaf_hash(&entry);
    let note = Checkpoint::new(signer.name(), 1, leaf).unwrap().sign(signer).unwrap();
    BatchReceipt {
        entry: String::from_utf8(entry).unwrap(),
        proof: TlogProof::new(0, Vec::new(), note).to_string(),
    }
}

struct Scene {
    marks: Vec<Mark>,
    file: DatasetFile,
    signer: SignerKey,
    trust: TrustStore,
}

fn scene_of(subject: Subject, source: Source, vouches: &[Subject]) -> Scene {
    let manifest = manifest(subject, source);
    let records = PEOPLE.map(record);
    let salt = (subject == Subject::Attested).then_some(Salt([8; 16]));
    let drafts: Vec<_> = records.iter().map(|record| Draft { salt, ..Draft::new(record) }).collect();
    let sealed = seal(&manifest, 0, &drafts, "2026-11-21T00:00:00Z").unwrap();
    let signer = SignerKey::generate("generator.example/log", [1; 32]).unwrap();
    let file = DatasetFile { manifest, receipts: vec![receipt(&sealed, &signer)] };
    let mut trust = TrustStore::default();
    trust.trust(signer.verifier().clone(), vouches.iter().copied().collect());
    trust.admit(&file).unwrap();
    Scene { marks: sealed.marks, file, signer, trust }
}

fn scene() -> Scene {
    scene_of(Subject::Synthetic, generator(), &[Subject::Synthetic])
}

fn judged(json: &str, mark: Option<&str>, trust: &TrustStore) -> String {
    let record = Record { mark: mark.map(Cow::Borrowed), ..record(json) };
    judge(&Reading { place: Place::default(), content: Ok(record) }, trust).to_string()
}

#[test]
fn what_happens_to_a_record_decides_its_verdict() {
    let Scene { marks, trust, .. } = scene();
    let [ada, eve, _] = PEOPLE;
    let text = marks[0].to_text();
    let check = |json: &str, mark: Option<&str>, want: &str| {
        assert_eq!(judged(json, mark, &trust), want, "{json}");
    };
    check(ada, Some(&text), "synthetic, intact");
    check(
        r#"{"score__c":"1.5","PHONE":" 555-0100","LastName":"Bell","FirstName":"Ada","Birthdate":"1984-02-29","X":1}"#,
        Some(&text),
        "synthetic, intact",
    );
    check(&ada.replace("555-0100", "555-0199"), Some(&text), "synthetic, modified since it was sealed");
    check(eve, Some(&text), "transplanted: the mark was made for another record");
    check(ada, None, "unproven: it carries no mark");
    check(ada, Some(" "), "unproven: it carries no mark");
    check(ada, Some("TRUST ME"), "forged: the text in the mark's place does not begin with `eosin1.`");
    check(
        ada,
        text.get(..text.len() - 9),
        "forged: the text in the mark's place is damaged: cut short or altered on its way",
    );
}

#[test]
fn one_flipped_bit_anywhere_is_never_believed() {
    let Scene { marks, trust, .. } = scene();
    let text = marks[1].to_text();
    let body = text.strip_prefix("eosin1.").unwrap();
    let bytes = data_encoding::BASE64URL_NOPAD.decode(body.as_bytes()).unwrap();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << bit;
            let text = format!("eosin1.{}", data_encoding::BASE64URL_NOPAD.encode(&flipped));
            let verdict = judged(PEOPLE[1], Some(&text), &trust);
            let want = if (2..22).contains(&at) { "untrusted" } else { "forged" };
            assert!(verdict.starts_with(want), "byte {at} bit {bit}: {verdict}");
        }
    }
}

#[test]
fn a_mark_moved_to_another_object_is_transplanted() {
    let Scene { marks, trust, .. } = scene();
    let lead = Record {
        object: Cow::Borrowed("Lead"),
        mark: Some(Cow::Owned(marks[0].to_text())),
        ..record(PEOPLE[0])
    };
    let verdict = judge(&Reading { place: Place::default(), content: Ok(lead) }, &trust);
    assert_eq!(verdict.name(), VerdictName::Transplanted);
}

#[test]
fn nobody_we_trust_vouches() {
    let Scene { marks, file, signer, .. } = scene();
    let text = marks[0].to_text();
    let nothing = TrustStore::default();
    assert!(judged(PEOPLE[0], Some(&text), &nothing).contains("is not known here; give its manifest"));

    let mut other = TrustStore::default();
    let rival = SignerKey::generate("rival.example/log", [2; 32]).unwrap();
    other.trust(rival.verifier().clone(), BTreeSet::from(Subject::ALL));
    assert!(matches!(other.admit(&file), Err(crate::AdmitError::UntrustedLog { .. })));
    assert_eq!(
        judged(PEOPLE[0], Some(&text), &other),
        "untrusted: its dataset is logged by `generator.example/log`, which is not trusted here"
    );

    // The same name with another key is an impostor, or we are.
    let impostor = SignerKey::generate("generator.example/log", [3; 32]).unwrap();
    let mut wrong = TrustStore::default();
    wrong.trust(impostor.verifier().clone(), BTreeSet::from(Subject::ALL));
    assert!(wrong.admit(&file).is_err());
    assert!(judged(PEOPLE[0], Some(&text), &wrong).starts_with("untrusted"));
    assert_ne!(signer.verifier(), impostor.verifier());
}

#[test]
fn a_manifest_that_was_changed_is_not_admitted() {
    let Scene { mut file, signer, .. } = scene();
    file.manifest.purposes = vec!["production".to_owned()];
    let mut trust = TrustStore::default();
    trust.trust(signer.verifier().clone(), BTreeSet::from(Subject::ALL));
    assert_eq!(trust.admit(&file), Err(crate::AdmitError::OtherManifest { position: 0 }));
}

#[test]
fn a_generator_cannot_attest_and_its_log_cannot_vouch_for_people() {
    let refused = seal(
        &manifest(Subject::Attested, generator()),
        0,
        &[Draft { salt: Some(Salt([1; 16])), ..Draft::new(&record(PEOPLE[0])) }],
        "",
    );
    assert_eq!(refused.unwrap_err(), crate::SealError::MayNotAttest);

    let ehr = || Source::SystemOfRecord { boundary: "ehr".to_owned() };
    let Scene { marks, trust, .. } = scene_of(Subject::Attested, ehr(), &[Subject::Attested]);
    let text = marks[0].to_text();
    assert_eq!(judged(PEOPLE[0], Some(&text), &trust), "attested, intact");
    let Scene { trust, .. } = scene_of(Subject::Attested, ehr(), &[Subject::Synthetic]);
    assert_eq!(
        judged(PEOPLE[0], Some(&text), &trust),
        "untrusted: its log is not trusted to vouch for attested records"
    );
}

#[test]
fn destroying_a_subjects_salt_leaves_digests_that_prove_nothing() {
    let ehr = Source::SystemOfRecord { boundary: "ehr".to_owned() };
    let Scene { mut marks, trust, .. } = scene_of(Subject::Attested, ehr, &[Subject::Attested]);
    marks[0].salt = None;
    let verdict = judged(PEOPLE[0], Some(&marks[0].to_text()), &trust);
    assert!(verdict.starts_with("transplanted"), "{verdict}");
}

fn proof(scene: &Scene, at: usize) -> Proof {
    let record = Record { mark: Some(Cow::Owned(scene.marks[at].to_text())), ..record(PEOPLE[at]) };
    let verdict = judge(&Reading { place: Place::default(), content: Ok(record) }, &scene.trust);
    verdict.proof().unwrap().clone()
}

#[test]
fn a_record_derived_from_both_kinds_is_mixed() {
    let synthetic = scene();
    let ehr = Source::SystemOfRecord { boundary: "ehr".to_owned() };
    let attested = scene_of(Subject::Attested, ehr, &[Subject::Attested]);
    let (one, two, three) = (proof(&synthetic, 0), proof(&synthetic, 1), proof(&attested, 2));
    let manifest = manifest(Subject::Mixed, Source::Derivation { tool: "merge".to_owned() });
    let merged = record(PEOPLE[0]);
    let salt = Some(Salt([5; 16]));
    let drafts = [
        Draft { parents: vec![&one, &two], salt, ..Draft::new(&merged) },
        Draft { parents: vec![&one, &three], salt, ..Draft::new(&merged) },
        Draft { parents: vec![&three], salt, ..Draft::new(&merged) },
    ];
    let sealed = seal(&manifest, 0, &drafts, "").unwrap();
    let subjects: Vec<_> = sealed.marks.iter().map(|mark| mark.subject).collect();
    assert_eq!(subjects, [Subject::Synthetic, Subject::Mixed, Subject::Attested]);
    assert_eq!(sealed.marks[1].parents, [one.mark(), three.mark()]);

    let orphan = [Draft { salt, ..Draft::new(&merged) }];
    assert_eq!(seal(&manifest, 0, &orphan, "").unwrap_err(), crate::SealError::NoParents { position: 0 });
}

#[test]
fn debug_and_display_hold_no_content() {
    let Scene { marks, trust, file, .. } = scene();
    let record = Record { mark: Some(Cow::Owned(marks[0].to_text())), ..record(PEOPLE[0]) };
    let reading = Reading { place: Place::default(), content: Ok(record) };
    let verdict = judge(&reading, &trust);
    let said = format!("{reading:?} {verdict:?} {verdict} {:?}", file.receipts);
    for secret in ["Ada", "Bell", "1984", "555-0100"] {
        assert!(!said.contains(secret), "{secret} in {said}");
    }
}

#[test]
fn a_batch_of_any_size_proves_each_of_its_records() {
    let manifest = manifest(Subject::Synthetic, generator());
    let record = record(PEOPLE[0]);
    for size in [1, 2, 3, 7, 8, 9, 255, 4096] {
        let drafts = vec![Draft::new(&record); size];
        let sealed = seal(&manifest, 3, &drafts, "").unwrap();
        for (index, mark) in sealed.marks.iter().enumerate() {
            let leaf = merkle::leaf_hash(&mark.leaf());
            let root = merkle::root_from_inclusion(&leaf, index as u64, size as u64, &mark.path);
            assert_eq!(root, Some(sealed.entry.root), "{index} of {size}");
        }
    }
    assert!(matches!(seal(&manifest, 0, &[], ""), Err(crate::SealError::Size { records: 0 })));
    let over = vec![Draft::new(&record); 4097];
    assert!(matches!(seal(&manifest, 0, &over, ""), Err(crate::SealError::Size { records: 4097 })));
}

#[test]
fn a_mark_is_named_as_soon_as_its_record_is_added() {
    let manifest = manifest(Subject::Synthetic, generator());
    let record = record(PEOPLE[0]);
    let mut sealer = Sealer::new(&manifest, 3);
    let ids: Vec<_> = (0..4096).map(|_| sealer.add(&Draft::new(&record)).unwrap()).collect();
    assert!(sealer.is_full());
    assert!(matches!(sealer.add(&Draft::new(&record)), Err(crate::SealError::Size { records: 4097 })));
    let batch = sealer.finish("").unwrap();
    let whole = seal(&manifest, 3, &vec![Draft::new(&record); 4096], "").unwrap();
    assert_eq!((&batch.marks, &batch.entry), (&whole.marks, &whole.entry));
    assert!(batch.marks.iter().map(Mark::id).eq(ids.iter().copied()) && batch.ids == ids);
}

proptest! {
    #[test]
    fn judge_is_total_and_never_believes_invented_text(text in "(eosin1\\.)?[A-Za-z0-9_-]{0,700}") {
        let verdict = judged(PEOPLE[0], Some(&text), &scene().trust);
        prop_assert!(!verdict.starts_with("synthetic") && !verdict.starts_with("attested"));
    }

    #[test]
    fn a_changed_digest_is_never_intact(at in 0_usize..32, bit in 0_u8..8, identity in any::<bool>()) {
        let Scene { mut marks, trust, .. } = scene();
        let digest = if identity { &mut marks[0].identity } else { &mut marks[0].content };
        let mut bytes = *digest.as_bytes();
        bytes[at] ^= 1 << bit;
        *digest = Hash::from_bytes(bytes);
        let verdict = judged(PEOPLE[0], Some(&marks[0].to_text()), &trust);
        prop_assert!(verdict.starts_with("forged"), "{}", verdict);
    }
}

#[test]
fn what_was_not_shown_is_neither_intact_nor_moved() {
    let scene = scene();
    let text = scene.marks[0].to_text();
    let check = |json: &str, want: &str| {
        let record = Record { mark: Some(Cow::Borrowed(&text)), ..record(json) };
        let reading = Reading { place: Place::default(), content: Ok(record) };
        assert_eq!(judge_shown(&reading, &scene.trust).to_string(), want, "{json}");
    };
    let unseen = "synthetic, by its receipt; not all of it was shown";
    check("{}", unseen);
    check(r#"{"Phone":"555-0199"}"#, unseen);
    check(r#"{"FirstName":"Eve","LastName":"Ode"}"#, unseen);
    check(r#"{"FirstName":null,"LastName":"","Birthdate":null}"#, unseen);
    check(r#"{"FirstName":"Ada","LastName":"Bell","Birthdate":"1984-02-29"}"#, unseen);
    check(
        r#"{"FirstName":"Eve","LastName":"Ode","Birthdate":"1990-01-01"}"#,
        "transplanted: the mark was made for another record",
    );
    check(PEOPLE[0], "synthetic, intact");
    check(PEOPLE[1], "transplanted: the mark was made for another record");
    check(&PEOPLE[0].replace("555-0100", "555-0199"), "synthetic, modified since it was sealed");
}

#[test]
fn every_known_dataset_is_named_once() {
    let scene = scene();
    let names: Vec<&str> = scene.trust.datasets().map(|dataset| dataset.manifest().name.as_str()).collect();
    assert_eq!(names, ["three people"]);
}
