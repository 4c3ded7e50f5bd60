//! Fingerprints of whole files: how many people have how many kinds, who shares one, and the same person elsewhere.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{BufRead, BufReader, Read as _},
    path::{Path, PathBuf},
};

use carrier::{
    Limits,
    table::{Chunks, HEAD_BYTES, sniff},
};
use mark::{Claim, Form, Record, json::Json};
use recognise::{FINGERPRINTS_MAX, Fingerprint, FingerprintKind, Person, RegistryKey, fingerprints};

type Found = Vec<(FingerprintKind, Fingerprint)>;

fn key() -> RegistryKey {
    RegistryKey::new(b"a published key for tests, 32 by").unwrap()
}

/// The shared data, or nothing where it is not there.
pub(crate) fn shared(file: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let path = std::env::var_os("EOSIN_DATA").map_or(beside, PathBuf::from).join(file);
    if !path.exists() {
        println!("skipped: no shared data");
        return None;
    }
    Some(path)
}

/// Each record of a file, whatever it is.
pub(crate) fn each_record(path: &Path, object: Option<&str>, mut take: impl FnMut(&Record<'_>)) {
    let file = File::open(path).unwrap();
    let name = path.file_name().unwrap().to_str().unwrap();
    let (mut input, name): (Box<dyn BufRead>, &str) = match name.strip_suffix(".gz") {
        Some(name) => (Box::new(BufReader::new(flate2::read::MultiGzDecoder::new(file))), name),
        None => (Box::new(BufReader::new(file)), name),
    };
    let mut head = Vec::new();
    (&mut input).take(HEAD_BYTES as u64).read_to_end(&mut head).unwrap();
    let format = sniff(&head, name, object).unwrap();
    let whole = head.as_slice().chain(input);
    let mut chunks =
        Chunks::new(BufReader::new(whole), format, Limits { body_bytes: 64 << 20, records: 1 << 20 });
    while let Some(chunk) = chunks.next_chunk().unwrap() {
        for reading in chunk.read().records {
            take(&reading.content.unwrap());
        }
    }
}

/// What a file's people have: how many there are, and of them with one, two and three kinds of fingerprints.
struct Counted {
    people: usize,
    with_kinds: [usize; 3],
    /// For each fingerprint, how many records have it.
    holders: BTreeMap<(FingerprintKind, Fingerprint), usize>,
}

impl Counted {
    fn of(file: &str, object: Option<&str>) -> Option<Self> {
        let path = shared(file)?;
        let mut counted = Self { people: 0, with_kinds: [0; 3], holders: BTreeMap::new() };
        each_record(&path, object, |record| {
            let Some(person) = Person::of(record) else { return };
            counted.people += 1;
            let found = fingerprints(&person, &key());
            let kinds: BTreeSet<FingerprintKind> = found.iter().map(|(kind, _)| *kind).collect();
            for (count, slot) in counted.with_kinds.iter_mut().enumerate() {
                *slot += usize::from(kinds.len() > count);
            }
            for one in found {
                *counted.holders.entry(one).or_default() += 1;
            }
        });
        Some(counted)
    }

    /// Fingerprints of a kind, and those of them that more than one record has.
    fn shared_of(&self, wanted: FingerprintKind) -> (usize, usize) {
        let of_kind = || self.holders.iter().filter(|((kind, _), _)| *kind == wanted);
        (of_kind().count(), of_kind().filter(|(_, count)| **count > 1).count())
    }

    fn report(&self, file: &str) {
        let [one, two, three] = self.with_kinds;
        let shared: Vec<String> = FingerprintKind::ALL
            .iter()
            .map(|kind| {
                let (all, shared) = self.shared_of(*kind);
                format!("{kind} {all} ({shared} shared)")
            })
            .collect();
        println!(
            "{file}: {} people; 1+ kinds {one}, 2+ {two}, 3+ {three}; {}",
            self.people,
            shared.join(", ")
        );
    }
}

/// Files of generators, and how many of their people have at least one, two and three kinds.
const GENERATED: [(&str, Option<&str>, usize, [usize; 3]); 7] = [
    ("synthea/bulk-fhir-1000/Patient.ndjson.gz", None, 1144, [1144, 1144, 1144]),
    ("synthea/bulk-fhir-1000/Practitioner.ndjson.gz", None, 835, [835, 828, 0]),
    ("synthea/csv-27/patients.csv.gz", None, 27, [27, 27, 27]),
    ("generators/faker/contacts_10k.csv.gz", None, 10_000, [10_000, 10_000, 10_000]),
    ("generators/mimesis/contacts_10k.csv.gz", None, 10_000, [10_000, 10_000, 10_000]),
    // 403 people in so many messages.
    ("hl7v2/simhospital_messages.out.gz", None, 1013, [1013, 1013, 1013]),
    // Two of three have a literal name and nothing else.
    ("generators/snowfakery/Contact.csv.gz", Some("Contact"), 10_000, [3333, 3333, 3331]),
];

#[test]
fn people_of_generators_have_several_kinds_and_nobody_elses() {
    let officials = Counted::of("real-people/public_officials.csv.gz", None);
    for (file, object, people, with_kinds) in GENERATED {
        let Some(counted) = Counted::of(file, object) else { return };
        counted.report(file);
        assert_eq!(counted.people, people, "{file}");
        assert_eq!(counted.with_kinds, with_kinds, "{file}");
        let names_shared = counted.shared_of(FingerprintKind::NameAndBirthDate).1;
        assert!(
            names_shared == 0 || file.starts_with("hl7v2"),
            "{file}: {names_shared} shared by two people"
        );
        let Some(officials) = &officials else { continue };
        let both = counted.holders.keys().filter(|one| officials.holders.contains_key(one)).count();
        assert_eq!(both, 0, "{file}: fingerprints that office-holders have too");
    }
    if let Some(officials) = officials {
        officials.report("public contacts");
    }
}

#[test]
fn places_and_events_are_nobody() {
    for file in [
        "synthea/csv-27/organizations.csv.gz",
        "synthea/csv-27/payers.csv.gz",
        "synthea/csv-27/providers.csv.gz",
        "synthea/csv-27/claims.csv.gz",
        "synthea/csv-27/encounters.csv.gz",
        "synthea/csv-27/payer_transitions.csv.gz",
        "synthea/bulk-fhir-1000/Organization.ndjson.gz",
        "synthea/bulk-fhir-1000/Location.ndjson.gz",
        "synthea/bulk-fhir-1000/PractitionerRole.ndjson.gz",
    ] {
        let Some(counted) = Counted::of(file, None) else { return };
        assert_eq!(counted.people, 0, "{file}");
    }
}

/// A row of Synthea's `patients.csv`, and fields of an HL7 v2 message, of what a FHIR patient says.
struct Elsewhere {
    row: BTreeMap<&'static str, String>,
    fields: Vec<(String, String)>,
}

/// Writes a patient of Synthea's as its CSV exporter and an HL7 v2 sender would.
fn elsewhere(patient: &Record<'_>) -> Elsewhere {
    let element = |name: &str| patient.fields.iter().find(|(key, _)| key == name).map(|(_, value)| value);
    let text = |value: Option<&Json<'_>>| value.and_then(Json::text).unwrap_or_default().to_owned();
    let name = element("name").unwrap().items().first().unwrap();
    let part = |of: &Json<'_>, name: &str| text(of.get(name).and_then(|list| list.items().first()));
    let address = element("address").unwrap().items().first().unwrap();
    let identifier = |code: &str| {
        let is_it = |one: &&Json<'_>| {
            let coding =
                one.get("type").and_then(|kind| kind.get("coding")).and_then(|list| list.items().first());
            coding.and_then(|coding| coding.get("code")).and_then(Json::text) == Some(code)
        };
        let found = element("identifier").unwrap().items().iter().find(is_it);
        text(found.and_then(|one| one.get("value")))
    };
    let (given, family, birth) = (part(name, "given"), text(name.get("family")), text(element("birthDate")));
    let (street, city, zip) =
        (part(address, "line"), text(address.get("city")), text(address.get("postalCode")));
    let (ssn, record_number) = (identifier("SS"), identifier("MR"));
    let phone = element("telecom").unwrap().items().first().unwrap();
    let phone = text(phone.get("value"));
    let (area, number) = phone.split_once('-').unwrap();
    let fields = [
        ("PID-3", format!("{record_number}^^^SMART^MR~{ssn}^^^USSSA^SS")),
        ("PID-5", format!("{}^{}^^^Mr.^^L", family.to_uppercase(), given.to_uppercase())),
        ("PID-7", format!("{}000000", birth.replace('-', ""))),
        ("PID-11", format!("{}^^{city}^MA^{zip}^USA^H", street.replace("Apt", "APARTMENT"))),
        ("PID-13", format!("^PRN^PH^^1^{area}^{}", number.replace('-', ""))),
        ("PID-19", ssn.replace('-', "")),
        ("PID-20", format!("{}^MA", identifier("DL"))),
    ];
    let row = [
        ("Id", record_number),
        ("BIRTHDATE", birth),
        ("SSN", ssn),
        ("DRIVERS", identifier("DL")),
        ("PASSPORT", identifier("PPN")),
        ("PREFIX", part(name, "prefix")),
        ("FIRST", given),
        ("LAST", family),
        ("ADDRESS", street),
        ("CITY", city),
        ("STATE", "Massachusetts".to_owned()),
        ("ZIP", if zip == "00000" { String::new() } else { zip }),
    ];
    Elsewhere { row: row.into(), fields: fields.map(|(name, value)| (name.to_owned(), value)).into() }
}

fn record<'a>(form: Form, object: &'a str, fields: impl Iterator<Item = (&'a str, &'a str)>) -> Record<'a> {
    let fields =
        fields.map(|(name, value)| (Cow::Borrowed(name), Json::Text(Cow::Borrowed(value)))).collect();
    Record { form, object: Cow::Borrowed(object), fields, mark: None, claim: Claim::None }
}

fn found(record: &Record<'_>) -> Found {
    fingerprints(&Person::of(record).unwrap(), &key())
}

/// Checks every patient of a file and says how many there were.
fn check_elsewhere(path: &Path) -> usize {
    let mut patients = 0;
    each_record(path, None, |patient| {
        patients += 1;
        let other = elsewhere(patient);
        let at_home = found(patient);
        let row =
            record(Form::Table, "patients", other.row.iter().map(|(name, value)| (*name, value.as_str())));
        let fields = other.fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let message = record(Form::Hl7v2, "ADT^A01", fields);
        for (format, there) in [("row", found(&row)), ("message", found(&message))] {
            let missing = there.iter().filter(|one| !at_home.contains(one)).count();
            assert_eq!(missing, 0, "patient {patients}: a {format} has fingerprints of its own");
            let kinds: BTreeSet<FingerprintKind> = there.iter().map(|(kind, _)| *kind).collect();
            let want = if format == "row" { 3 } else { 4 };
            assert_eq!(kinds.len(), want, "patient {patients} as a {format}: {kinds:?}");
        }
    });
    patients
}

#[test]
fn a_patient_is_the_same_in_fhir_a_table_and_hl7v2() {
    let excerpt = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/fhir/patients.ndjson");
    assert_eq!(check_elsewhere(&excerpt), 12);
    if let Some(path) = shared("synthea/bulk-fhir-1000/Patient.ndjson.gz") {
        assert_eq!(check_elsewhere(&path), 1144);
    }
}

/// Changes bytes of real shapes at random: whatever comes out has an answer, few fingerprints, and none twice.
#[test]
fn mutated_records_have_an_answer() {
    const SEEDS: [(Form, &str, &str); 4] = [
        (Form::Fhir, "Patient", PATIENT),
        (Form::Salesforce, "Contact", CONTACT),
        (Form::Hl7v2, "ADT^A01", MESSAGE),
        (Form::Table, "patients", CONTACT),
    ];
    const ODD: [&str; 24] = [
        "^",
        "&",
        "~",
        "\\\\",
        "@",
        "+",
        "(",
        ")",
        "#",
        "x",
        "0",
        "9",
        " ",
        "-",
        ".",
        "é",
        "ß",
        "\u{301}",
        "花",
        "\u{345}",
        "\u{1F469}",
        "İ",
        ",",
        "null",
    ];
    // SplitMix64: the same mutations in every run.
    let mut state = 20_261_122_u64;
    let mut random = |below: usize| {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % below as u64).unwrap()
    };
    let (mut read, mut people) = (0, 0);
    for round in 0..ROUNDS {
        let (form, object, seed) = *SEEDS.get(round % SEEDS.len()).unwrap();
        let mut letters: Vec<String> = seed.chars().map(String::from).collect();
        for _ in 0..=random(12) {
            let at = random(letters.len());
            match random(4) {
                0 => drop(letters.remove(at)),
                1 => letters.insert(at, (*ODD.get(random(ODD.len())).unwrap()).to_owned()),
                2 => *letters.get_mut(at).unwrap() = (*ODD.get(random(ODD.len())).unwrap()).to_owned(),
                _ => {
                    let length = random(40).min(letters.len() - at);
                    let piece: Vec<String> = letters.get(at..at + length).unwrap().to_vec();
                    letters.splice(at..at, piece);
                }
            }
        }
        let text = letters.concat();
        let Ok(Json::Object(fields)) = mark::json::parse(text.as_bytes()) else { continue };
        read += 1;
        let record = Record { form, object: Cow::Borrowed(object), fields, mark: None, claim: Claim::None };
        let Some(person) = Person::of(&record) else { continue };
        people += 1;
        let found = fingerprints(&person, &key());
        let distinct: BTreeSet<_> = found.iter().collect();
        assert!(found.len() <= FINGERPRINTS_MAX && distinct.len() == found.len(), "round {round}");
    }
    assert!(read > ROUNDS / 10 && people > ROUNDS / 10, "{read} could be read, {people} are people");
}

/// Mutations tried: a second or two where nothing is optimised. `fuzz/fuzz_targets/identity.rs` is the long way.
const ROUNDS: usize = 20_000;

const PATIENT: &str = r#"{"identifier":[{"type":{"coding":[{"code":"SS"}]},"system":"http://own.example.org","value":"999-53-8547"}],"name":[{"use":"official","family":"Bell","given":["Ada","X."]}],"telecom":[{"system":"phone","value":"(212) 555-0143 x9"},{"value":"ada@example.org"}],"birthDate":"1984-02-29","address":[{"line":["812 Kuhn","Apt 3"],"city":"Haverhill","postalCode":"01830","country":"US"}]}"#;

const CONTACT: &str = r#"{"FirstName":"Ada","LastName":"Bell","Birthdate":"2/29/1984","Email":"Ada <ada+x@gmail.com>","Phone":"+44 (0)20 7946 0143","MailingStreet":"812 North Kuhn Street #3\nSalem, MA 01830","SSN__c":"999-53-8547","MailingCountry":"GBR"}"#;

const MESSAGE: &str = r#"{"PID-3":"A17^^^HOSP&1.2.3&ISO^MR~999538547^^^USSSA^SS","PID-5":"Bell&van^Ada^X^Jr^Dr~Ode^Ada","PID-7":"19840229","PID-11":"812&Kuhn Rapid^Apt 3^Haverhill^MA^01830^US^H","PID-13":"(212)555-0143^PRN~^NET^Internet^a@example.org"}"#;
