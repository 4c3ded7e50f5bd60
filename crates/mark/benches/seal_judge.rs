//! What a mark costs a record, as ratios to reading and hashing the same bytes, in one run.
//!
//! `cargo bench -p mark --bench seal_judge`. Prints processor nanoseconds a record and the ratios.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    reason = "a bench measures time, prints, and stops at the first surprise"
)]

use std::{borrow::Cow, collections::BTreeSet, hint::black_box, sync::LazyLock, time::Instant};

use carrier::{Labels, Limits, fhir, salesforce};
use mark::{
    Authorship, BATCH_RECORDS_MAX, BatchReceipt, DatasetFile, Draft, Manifest, Method, Place, Reading,
    Record, Salt, Source, Subject, Survey, TrustStore, Verdict,
    checkpoint::Checkpoint,
    digest::sha256,
    json::{self, Json},
    judge, merkle,
    note::SignerKey,
    seal,
    tlog_proof::TlogProof,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A shape that Synthea gives, without its narrative and its rarer extensions; nobody is called so.
const PATIENT: &str = r#"{"resourceType":"Patient","id":"001ea705-d3ba-5329-0b27-a7fbde2f4007","extension":[{"url":"http://hl7.org/fhir/us/core/StructureDefinition/us-core-birthsex","valueCode":"F"},{"url":"http://hl7.org/fhir/StructureDefinition/patient-birthPlace","valueAddress":{"city":"Worcester","state":"Massachusetts","country":"US"}}],"identifier":[{"system":"https://github.com/synthetichealth/synthea","value":"001ea705-d3ba-5329-0b27-a7fbde2f4007"},{"type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":"MR","display":"Medical Record Number"}],"text":"Medical Record Number"},"system":"http://hospital.smarthealthit.org","value":"001ea705-d3ba-5329-0b27"}],"name":[{"use":"official","family":"Bell723","given":["Ada454","Xenia801"],"prefix":["Mrs."]}],"telecom":[{"system":"phone","value":"555-345-0100","use":"home"}],"gender":"female","birthDate":"1984-02-29","address":[{"line":["812 Kuhn Rapid Unit 34"],"city":"Haverhill","state":"MA","postalCode":"01830","country":"US"}],"maritalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-MaritalStatus","code":"M","display":"Married"}],"text":"Married"},"multipleBirthBoolean":false}"#;

const CONTACT: &str = r#"{"attributes":{"type":"Contact"},"Salutation":"Mrs.","FirstName":"Ada","MiddleName":"Xenia","LastName":"Bell","Birthdate":"1984-02-29","Email":"ada.bell@example.com","Phone":"(555) 555-0100","MobilePhone":"(555) 555-0101","Title":"Patient","Department":"Cardiology","MailingStreet":"812 Kuhn Rapid\nUnit 34","MailingCity":"Haverhill","MailingState":"MA","MailingPostalCode":"01830","MailingCountry":"US","Description":"Prefers to be called in the morning.","LeadSource":"Referral","DoNotCall":false,"HasOptedOutOfEmail":true,"Score__c":12.5,"NextVisit__c":"2026-12-01T09:30:00.000+0000"}"#;

const ROUNDS: usize = 31;
const LIMITS: Limits = Limits { body_bytes: 1 << 20, records: 10 };

fn main() {
    let fhir_read = |bytes: &[u8], then: &mut dyn FnMut(&Reading<'_>)| {
        fhir::read_document(bytes, &LIMITS).records.iter().for_each(then);
    };
    let salesforce_read = |bytes: &[u8], then: &mut dyn FnMut(&Reading<'_>)| {
        salesforce::read_file(bytes, Some("Contact"), &LIMITS).records.iter().for_each(then);
    };
    let fhir_place = |bytes: &[u8], labels: &Labels| fhir::place(bytes, labels).unwrap();
    let salesforce_place = |bytes: &[u8], labels: &Labels| salesforce::place(bytes, labels).unwrap();
    println!(
        "| ns a record, least of {ROUNDS} rounds of {BATCH_RECORDS_MAX} | FHIR Patient | Salesforce Contact |"
    );
    println!("|---|---|---|");
    let patient =
        measure(PATIENT, mark::Form::Fhir, "Patient", &["name", "birthDate"], &fhir_read, &fhir_place);
    let contact = measure(
        CONTACT,
        mark::Form::Salesforce,
        "Contact",
        &["FirstName", "MiddleName", "LastName", "Birthdate"],
        &salesforce_read,
        &salesforce_place,
    );
    let rows: [Row; 9] = [
        ("bytes unmarked", |m| m.bytes.to_string()),
        ("bytes marked", |m| m.marked_bytes.to_string()),
        ("(a) serde_json parse + SHA-256, unmarked", |m| format!("{:.0}", m.bare)),
        ("(a') the same of the marked bytes", |m| format!("{:.0}", m.bare_marked)),
        ("(b) parse + judge", |m| format!("{:.0}", m.judged)),
        ("(c) parse + seal", |m| format!("{:.0}", m.sealed)),
        ("(d) the carrier's read + judge", |m| format!("{:.0}", m.carried)),
        ("b/a', d/a'", |m| format!("{:.2}, {:.2}", m.judged / m.bare_marked, m.carried / m.bare_marked)),
        ("c/a, b/a", |m| format!("{:.2}, {:.2}", m.sealed / m.bare, m.judged / m.bare)),
    ];
    for (name, show) in rows {
        println!("| {name} | {} | {} |", show(&patient), show(&contact));
    }
}

struct Measured {
    bytes: usize,
    marked_bytes: usize,
    bare: f64,
    bare_marked: f64,
    judged: f64,
    sealed: f64,
    carried: f64,
}

/// A line of the table: its name, and what it shows.
type Row = (&'static str, fn(&Measured) -> String);
type Read<'f> = dyn Fn(&[u8], &mut dyn FnMut(&Reading<'_>)) + 'f;
type PlaceLabels<'f> = dyn Fn(&[u8], &Labels) -> Vec<u8> + 'f;

fn measure(
    template: &str,
    form: mark::Form,
    object: &'static str,
    identity: &[&str],
    read: &Read<'_>,
    place: &PlaceLabels<'_>,
) -> Measured {
    // Each record is another person: same length, other digests.
    let plain: Vec<Vec<u8>> = (0..BATCH_RECORDS_MAX)
        .map(|n| {
            template
                .replace("555-0100", &format!("555-{n:04}"))
                .replace("Bell", &format!("B{n:04}"))
                .into_bytes()
        })
        .collect();
    let parsed = |bytes: &'static [u8]| record(form, object, bytes);
    let plain: &'static [Vec<u8>] = plain.leak();

    let mut survey = Survey::default();
    for bytes in plain {
        survey.observe(&parsed(bytes));
    }
    let manifest = manifest(&survey, identity);
    let records: Vec<Record<'_>> = plain.iter().map(|bytes| parsed(bytes)).collect();
    let drafts: Vec<_> = records.iter().map(Draft::new).collect();
    let sealed = seal(&manifest, 0, &drafts, "2026-11-21T00:00:00Z").unwrap();
    let trust = trust(&manifest, &sealed.entry);
    let marked: Vec<Vec<u8>> =
        plain.iter().zip(&sealed.marks).map(|(bytes, mark)| place(bytes, &Labels::of(mark))).collect();
    let texts: Vec<String> = sealed.marks.iter().map(mark::Mark::to_text).collect();

    let bare = |bytes: &[u8]| {
        black_box(serde_json::from_slice::<serde_json::Value>(bytes).unwrap());
        black_box(sha256(&[bytes]));
    };
    let judge_synthetic = |reading: &Reading<'_>| {
        assert!(matches!(black_box(judge(reading, &trust)), Verdict::Synthetic(_)));
    };
    let mut bare_plain = || plain.iter().for_each(|bytes| bare(bytes));
    let mut bare_marked = || marked.iter().for_each(|bytes| bare(bytes));
    let mut judged = || {
        for (bytes, text) in plain.iter().zip(&texts) {
            let mut record = record(form, object, bytes);
            record.mark = Some(Cow::Borrowed(text));
            judge_synthetic(&Reading { place: Place::default(), content: Ok(record) });
        }
    };
    let mut seal_all = || {
        let records: Vec<Record<'_>> = plain.iter().map(|bytes| record(form, object, bytes)).collect();
        let drafts: Vec<_> = records.iter().map(Draft::new).collect();
        black_box(seal(&manifest, 0, &drafts, "2026-11-21T00:00:00Z").unwrap());
    };
    let mut carried = || marked.iter().for_each(|bytes| read(bytes, &mut |reading| judge_synthetic(reading)));
    let [bare, bare_marked, judged, sealed, carried] =
        least([&mut bare_plain, &mut bare_marked, &mut judged, &mut seal_all, &mut carried]);
    Measured {
        bytes: plain.first().unwrap().len(),
        marked_bytes: marked.first().unwrap().len(),
        bare,
        bare_marked,
        judged,
        sealed,
        carried,
    }
}

/// Nanoseconds a record of the quickest round of each: what else the machine does only adds.
///
/// The rounds take turns, so that a slow moment is everybody's.
fn least<const N: usize>(mut rounds: [&mut dyn FnMut(); N]) -> [f64; N] {
    let mut least = [f64::INFINITY; N];
    for _ in 0..ROUNDS {
        for (round, least) in rounds.iter_mut().zip(&mut least) {
            let start = on_processor();
            round();
            *least = least.min((on_processor() - start) / BATCH_RECORDS_MAX as f64);
        }
    }
    least
}

/// Nanoseconds this process was on a processor; where the system does not tell, nanoseconds that passed.
fn on_processor() -> f64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    // Off the processor for a moment: an idle machine brings its accounts up to date only at a switch or a tick.
    std::thread::sleep(std::time::Duration::from_nanos(1));
    let told = std::fs::read_to_string("/proc/self/schedstat").ok();
    let told = told.and_then(|text| text.split(' ').next().and_then(|word| word.parse().ok()));
    told.unwrap_or_else(|| START.elapsed().as_nanos() as f64)
}

fn record<'a>(form: mark::Form, object: &'static str, bytes: &'a [u8]) -> Record<'a> {
    let Ok(Json::Object(mut fields)) = json::parse(bytes) else { std::process::abort() };
    fields.retain(|(name, _)| name != "resourceType" && name != "id" && name != "attributes");
    Record { form, object: Cow::Borrowed(object), fields, mark: None, claim: mark::Claim::None }
}

fn manifest(survey: &Survey, identity: &[&str]) -> Manifest {
    let identity: Vec<String> = identity.iter().map(|name| (*name).to_owned()).collect();
    Manifest {
        name: "bench".to_owned(),
        source: Source::Generator { name: "bench".to_owned(), version: None },
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
        objects: survey.field_lists(|_, _| identity.clone()).unwrap(),
    }
}

fn trust(manifest: &Manifest, entry: &mark::BatchEntry) -> TrustStore {
    let signer = SignerKey::generate("bench.example/log", [1; 32]).unwrap();
    let entry = entry.to_bytes();
    let note = Checkpoint::new(signer.name(), 1, merkle::leaf_hash(&entry)).unwrap().sign(&signer).unwrap();
    let receipt = BatchReceipt {
        entry: String::from_utf8(entry).unwrap(),
        proof: TlogProof::new(0, Vec::new(), note).to_string(),
    };
    let mut trust = TrustStore::default();
    trust.trust(signer.verifier().clone(), BTreeSet::from([Subject::Synthetic]));
    trust.admit(&DatasetFile { manifest: manifest.clone(), receipts: vec![receipt] }).unwrap();
    trust
}
