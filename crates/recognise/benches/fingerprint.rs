//! What a person costs, from the record to the fingerprints, as a ratio to bare HMAC of the same texts, in one run.
//!
//! `cargo bench -p recognise --bench fingerprint`. Prints processor nanoseconds a person and people a second.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    reason = "a bench measures time, prints, and stops at the first surprise"
)]

use std::{borrow::Cow, hint::black_box, sync::LazyLock, time::Instant};

use mark::{
    Claim, Form, Record,
    digest::Key,
    json::{self, Json},
};
use recognise::{ColumnMap, Person, RegistryKey, fingerprints};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Nobody is called so. The digits 0143 are another person's in each record.
const ROW: &str = r#"{"Id":"001ea705-d3ba-5329-0b27-a7fbde2f0143","BIRTHDATE":"1984-02-29","DEATHDATE":"","SSN":"999-53-0143","DRIVERS":"S99910143","PASSPORT":"X3430143X","PREFIX":"Mrs.","FIRST":"Ada454","LAST":"Bell723","SUFFIX":"","MAIDEN":"","MARITAL":"M","RACE":"white","ETHNICITY":"nonhispanic","GENDER":"F","BIRTHPLACE":"Salem  Massachusetts  US","ADDRESS":"812 Kuhn Rapid Unit 34","CITY":"Haverhill","STATE":"Massachusetts","COUNTY":"Essex County","ZIP":"01830","LAT":"42.1","LON":"-71.1","HEALTHCARE_EXPENSES":"227761.06","HEALTHCARE_COVERAGE":"2546.04"}"#;
const ROW_TEXTS: [&str; 6] = [
    "name-and-birth-date\x00ada\x00bell\x001984-02-29",
    "identifier\x00uuid\x00001ea705d3ba53290b27a7fbde2f0143",
    "identifier\x00ssn\x00999530143",
    "identifier\x00driving-licence\x00s99910143",
    "identifier\x00passport\x00x3430143x",
    "address\x00812 kuhn rpd unit 34\x0001830",
];

const CONTACT: &str = r#"{"Salutation":"Mrs.","FirstName":"Ada","MiddleName":"Xenia","LastName":"Bell","Birthdate":"1984-02-29","Email":"ada.bell0143@example.com","Phone":"(212) 555-0143","MobilePhone":"212.777.0143x9","Title":"Patient","Department":"Cardiology","MailingStreet":"812 Kuhn Rapid\nUnit 34","MailingCity":"Haverhill","MailingState":"MA","MailingPostalCode":"01830","MailingCountry":"US","Description":"Prefers to be called in the morning.","LeadSource":"Referral","DoNotCall":false,"HasOptedOutOfEmail":true,"Score__c":12.5,"NextVisit__c":"2026-12-01T09:30:00.000+0000"}"#;
const CONTACT_TEXTS: [&str; 5] = [
    "name-and-birth-date\x00ada\x00bell\x001984-02-29",
    "email\x00ada.bell0143@example.com",
    "phone\x00+12125550143",
    "phone\x00+12127770143",
    "address\x00812 kuhn rpd unit 34\x0001830",
];

const PATIENT: &str = r#"{"extension":[{"url":"http://hl7.org/fhir/us/core/StructureDefinition/us-core-birthsex","valueCode":"F"}],"identifier":[{"system":"https://github.com/synthetichealth/synthea","value":"001ea705-d3ba-5329-0b27-a7fbde2f0143"},{"type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":"SS","display":"Social Security Number"}],"text":"Social Security Number"},"system":"http://hl7.org/fhir/sid/us-ssn","value":"999-53-0143"}],"name":[{"use":"official","family":"Bell723","given":["Ada454","Xenia801"],"prefix":["Mrs."]}],"telecom":[{"system":"phone","value":"212-555-0143","use":"home"}],"gender":"female","birthDate":"1984-02-29","address":[{"line":["812 Kuhn Rapid Unit 34"],"city":"Haverhill","state":"MA","postalCode":"01830","country":"US"}],"maritalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-MaritalStatus","code":"M","display":"Married"}],"text":"Married"},"multipleBirthBoolean":false}"#;
const PATIENT_TEXTS: [&str; 5] = [
    "name-and-birth-date\x00ada\x00bell\x001984-02-29",
    "phone\x00+12125550143",
    "identifier\x00uuid\x00001ea705d3ba53290b27a7fbde2f0143",
    "identifier\x00ssn\x00999530143",
    "address\x00812 kuhn rpd unit 34\x0001830",
];

const ROUNDS: usize = 31;
const PEOPLE: usize = 4096;
const KEY: [u8; 32] = [7; 32];

fn main() {
    println!(
        "| processor ns a person, least of {ROUNDS} rounds of {PEOPLE} | Synthea CSV | Contact | Patient |"
    );
    println!("|---|---|---|---|");
    let all = [
        measure(ROW, Form::Table, "patients", &ROW_TEXTS),
        measure(CONTACT, Form::Salesforce, "Contact", &CONTACT_TEXTS),
        measure(PATIENT, Form::Fhir, "Patient", &PATIENT_TEXTS),
    ];
    let rows: [Row; 7] = [
        ("fingerprints", |m| m.texts.to_string()),
        ("(a) bare HMAC-SHA-256 of the same texts", |m| format!("{:.0}", m.bare)),
        ("(b) Person::of", |m| format!("{:.0}", m.person)),
        ("(b') Person::with a column map", |m| format!("{:.0}", m.mapped)),
        ("(c) Person::of + fingerprints", |m| format!("{:.0}", m.whole)),
        ("people a second, one core", |m| format!("{:.0}", 1e9 / m.whole)),
        ("c/a", |m| format!("{:.2}", m.whole / m.bare)),
    ];
    for (name, show) in rows {
        let cells: Vec<String> = all.iter().map(show).collect();
        println!("| {name} | {} |", cells.join(" | "));
    }
}

/// A line of the table: its name, and what it shows.
type Row = (&'static str, fn(&Measured) -> String);

struct Measured {
    texts: usize,
    bare: f64,
    person: f64,
    mapped: f64,
    whole: f64,
}

fn measure(template: &str, form: Form, object: &'static str, texts: &[&str]) -> Measured {
    // Each record is another person: same length, other digits.
    let each = |text: &str| -> Vec<String> {
        (0..PEOPLE).map(|n| text.replace("0143", &format!("{:04}", n + 100))).collect()
    };
    let sources = each(template);
    let records: Vec<Record<'_>> = sources.iter().map(|source| record(form, object, source)).collect();
    let texts: Vec<Vec<String>> = texts.iter().map(|text| each(text)).collect();
    let (key, registry_key) = (Key::new(&KEY).unwrap(), RegistryKey::new(&KEY).unwrap());
    let names = records.first().unwrap().fields.iter().map(|(name, _)| name.as_ref());
    let columns = ColumnMap::guess(names);
    check(&records, &texts, &key, &registry_key);

    let mut bare = || {
        for at in 0..PEOPLE {
            for text in &texts {
                black_box(key.hmac(&[text.get(at).unwrap().as_bytes()]));
            }
        }
    };
    let mut person = || {
        for record in &records {
            black_box(Person::of(record).unwrap());
        }
    };
    let mut mapped = || {
        for record in &records {
            black_box(Person::with(record, &columns).unwrap());
        }
    };
    let mut whole = || {
        for record in &records {
            black_box(fingerprints(&Person::of(record).unwrap(), &registry_key));
        }
    };
    let [bare, person, mapped, whole] = least([&mut bare, &mut person, &mut mapped, &mut whole]);
    Measured { texts: texts.len(), bare, person, mapped, whole }
}

/// That both sides hash the same texts: otherwise the ratio says nothing.
fn check(records: &[Record<'_>], texts: &[Vec<String>], key: &Key, registry_key: &RegistryKey) {
    for (at, record) in records.iter().enumerate() {
        let found = fingerprints(&Person::of(record).unwrap(), registry_key);
        let found: Vec<&[u8]> = found.iter().map(|(_, one)| one.0.as_slice()).collect();
        let want: Vec<_> = texts.iter().map(|text| key.hmac(&[text.get(at).unwrap().as_bytes()])).collect();
        let want: Vec<&[u8]> = want.iter().map(|hash| hash.as_bytes().get(..16).unwrap()).collect();
        assert_eq!(found, want, "person {at}");
    }
}

/// Nanoseconds a person of the quickest round of each: what else the machine does only adds.
///
/// The rounds take turns, so that a slow moment is everybody's.
fn least<const N: usize>(mut rounds: [&mut dyn FnMut(); N]) -> [f64; N] {
    let mut least = [f64::INFINITY; N];
    for _ in 0..ROUNDS {
        for (round, least) in rounds.iter_mut().zip(&mut least) {
            let start = on_processor();
            round();
            *least = least.min((on_processor() - start) / PEOPLE as f64);
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

fn record<'a>(form: Form, object: &'static str, source: &'a str) -> Record<'a> {
    let Ok(Json::Object(fields)) = json::parse(source.as_bytes()) else { std::process::abort() };
    Record { form, object: Cow::Borrowed(object), fields, mark: None, claim: Claim::None }
}
