//! Scenes: one row a signal, and whether it speaks for or against a generator.

use std::borrow::Cow;

use mark::{Claim, Form, Record, json, json::Json};

use super::Sign;
use crate::{Person, Recogniser, recogniser::CLASSES};

/// Columns and values of one row, the signal that is seen in it, and a generator that it speaks for (+) or against (-).
const SCENES: &[(&str, &str, &str)] = &[
    ("last_name=Bell;ssn=999-53-8547", "ssn-area-999", "+Synthea"),
    ("last_name=Bell;ssn=000-53-8547", "ssn-never-issued", "+Mimesis"),
    ("last_name=Bell;ssn=123-45-6789", "ssn-issuable", "-Synthea"),
    ("last_name=Bell;npi=9999992198", "provider-number-for-tests", "+Synthea"),
    ("last_name=Bell;npi=1588664007", "identifiers-ordinary", "-Synthea"),
    ("first_name=Abe604;last_name=Hintz995", "names-end-in-digits", "+Synthea"),
    ("first_name=Zzz;last_name=Bell", "name-is-a-placeholder", "+"),
    ("first_name=Testing;last_name=Build", "name-is-a-placeholder", "+"),
    ("first_name=Test;last_name=Patient", "name-is-a-placeholder", "+"),
    ("first_name=Ann;last_name=Test", "name-ordinary", "-Synthea"),
    ("first_name=GOB;last_name=Bluth", "name-from-a-snowfakery-recipe", "+Snowfakery"),
    ("first_name=Ann;last_name=Mosciski", "surname-rare-outside-faker-js", "+faker-js"),
    ("first_name=Ann;last_name=Bell", "surname-ordinary", "-faker-js"),
    (
        "full_name=Edward Smith;first_name=Nicole;last_name=Dunlap",
        "whole-name-and-its-parts-disagree",
        "+Faker",
    ),
    ("full_name=Ann Bell;first_name=Ann;last_name=Bell", "whole-name-and-its-parts-agree", "-Faker"),
    ("last_name=Bell;birth_date=1990-01-02", "born-1980-to-2023", "+Mimesis"),
    ("last_name=Bell;birth_date=2130-01-02", "born-otherwise", "-Mimesis"),
    ("last_name=Bell;birth_date=1871-01-02", "born-otherwise", "-Mimesis"),
    ("last_name=Bell;email=qq@example.org", "mail-at-an-example-domain", "+Faker"),
    ("last_name=Bell;email=qq@clinic.test", "mail-at-a-reserved-domain", "+"),
    ("last_name=Bell;email=qq@smith-jones.com", "mail-domain-is-surnames", "+Faker"),
    ("last_name=Bell;email=qq@duck.com", "mail-at-duck-live-outlook-protonmail-yandex", "+Mimesis"),
    ("last_name=Bell;email=qq@gmail.com", "mail-at-gmail-yahoo-hotmail", "-Snowfakery"),
    ("last_name=Bell;email=qq@delicious.com", "mail-at-a-famous-site", "+Mockaroo"),
    ("last_name=Bell;email=qq@cos.sm", "mail-domain-with-a-country-ending", "+chance"),
    ("last_name=Bell;email=qq@clinic.us", "mail-domain-ordinary", "-Faker"),
    ("first_name=Ann;last_name=Bell;email=ent1862@q.us", "mailbox-is-a-word-and-a-year", "+Mimesis"),
    ("first_name=Anna;last_name=Bell;email=An-Bell66@q.us", "mailbox-cuts-the-first-name", "+Snowfakery"),
    ("first_name=Bell;last_name=Anna;email=ABell9@q.us", "mailbox-cuts-the-first-name", "+Snowfakery"),
    (
        "first_name=Ann;last_name=Bell;email=Jules.Schumm9@q.us",
        "mailbox-capitalised-names-of-somebody-else",
        "+faker-js",
    ),
    (
        "first_name=Ann;last_name=O'Kon;email=Ann_OKon98@q.us",
        "mailbox-capitalised-own-name-and-digits",
        "+faker-js",
    ),
    (
        "first_name=Ann;last_name=Bell;email=Ann.Bell@q.us",
        "mailbox-capitalised-first-and-family-name",
        "+faker-js",
    ),
    ("first_name=Ann;last_name=Bell;email=thompsonwilliam@q.us", "mailbox-names-of-somebody-else", "+Faker"),
    (
        "first_name=Ann;last_name=Bell;email=dwalters@q.us",
        "mailbox-initial-and-surname-of-somebody-else",
        "+Faker",
    ),
    (
        "first_name=Ann;last_name=Bell;email=heather97@q.us",
        "mailbox-first-name-of-somebody-else-and-two-digits",
        "+Faker",
    ),
    ("first_name=Ann;last_name=Bell;email=abell1k@q.us", "mailbox-initial-surname-and-counter", "+Mockaroo"),
    ("first_name=Ann;last_name=Bell;email=ann.bell@q.us", "mailbox-of-the-same-name", "-Faker"),
    ("first_name=Ann;last_name=Bell;email=office@q.us", "mailbox-ordinary", "-Faker"),
    ("last_name=Bell;phone=212-555-0143", "phone-555-01xx", "+"),
    ("last_name=Bell;phone=555-806-9773", "phone-area-code-555", "+Synthea"),
    ("last_name=Bell;phone=(967) 984-1310", "phone-area-code-unassigned", "+faker-js"),
    ("last_name=Bell;phone=212-011-2345", "phone-exchange-impossible", "+Mimesis"),
    ("last_name=Bell;phone=212-555-2345", "phone-assignable", "-Synthea"),
    ("last_name=Bell;phone=212-555-2345x598", "phone-extension-after-x", "+Faker"),
    ("last_name=Bell;phone=001-212-555-2345", "phone-begins-with-001", "+Faker"),
    ("last_name=Bell;phone=(212)555-2345", "phone-no-space-after-parentheses", "-Mimesis"),
    ("last_name=Bell;phone=+12125552345", "phone-plus-one", "+Mimesis"),
    ("last_name=Bell;phone=212.555.2345", "phone-with-dots", "-Mimesis"),
    ("last_name=Bell;phone=212-555-2345", "phone-written-ordinarily", "-Mimesis"),
    ("last_name=Bell;phone=212-555-2345;city=Reno;state=TX", "state-and-area-code-disagree", "+Faker"),
    ("last_name=Bell;phone=212-555-2345;city=Reno;state=New York", "state-and-area-code-agree", "-Faker"),
    ("last_name=Bell;street=Discover deal away market lead.", "street-is-a-sentence", "+Snowfakery"),
    ("last_name=Bell;street=USNS Smith", "street-is-a-ship-named-for-a-surname", "+Faker"),
    ("last_name=Bell;street=PSC 6423, Box 0385", "street-is-a-military-box", "-Mimesis"),
    ("last_name=Bell;street=1843 Bryant Shore", "street-is-a-name-and-an-unusual-ending", "+Faker"),
    ("last_name=Bell;street=1050 Cotter Bayou", "street-is-a-word-and-an-unusual-ending", "+Mimesis"),
    ("last_name=Bell;street=211 Parker Street", "street-is-a-name-and-a-usual-ending", "+Faker"),
    ("last_name=Bell;street=211 W Parker St", "street-ordinary", "-Faker"),
    ("last_name=Bell;street=05044 Lance Highway", "house-number-begins-with-zero", "+Faker"),
    ("last_name=Bell;street=32558 Lambert Mews", "house-number-of-five-digits", "+Faker"),
    ("last_name=Bell;street=355 Lambert Mews", "house-number-of-three-or-four-digits", "+Synthea"),
    ("last_name=Bell;street=35 Lambert Mews", "house-number-of-one-or-two-digits", "-Faker"),
    ("last_name=Bell;street=355 Lambert Mews Apt. 752", "unit-of-three-digits", "+Faker"),
    ("last_name=Bell;street=355 Lambert Mews Unit 46", "unit-as-synthea-writes-it", "+Synthea"),
    ("last_name=Bell;street=355 Lambert Mews", "unit-ordinary", "-Faker"),
    ("last_name=Bell;city=South Katherinefurt", "city-of-direction-name-and-ending", "+Faker"),
    ("last_name=Bell;city=Rogershire", "city-of-name-and-rare-ending", "+Faker"),
    ("last_name=Bell;city=Lake Peggy", "city-of-direction-and-first-name", "+Faker"),
    ("last_name=Bell;city=Jacksonville", "city-of-name-and-common-ending", "-Mimesis"),
    ("last_name=Bell;city=Boston", "city-ordinary", "-Faker"),
    ("last_name=Bell;state=KS;zip=00000", "postal-code-of-zeros", "+Synthea"),
    ("last_name=Bell;state=AS;zip=89030", "state-and-postal-code-disagree", "+Faker"),
    ("last_name=Bell;state=Nevada;zip=89030-1234", "state-and-postal-code-agree", "-Faker"),
    (
        "last_name=Bell;address=301 Barnes Garden\nNew Rogershire, DE 29761",
        "state-and-postal-code-disagree",
        "+Faker",
    ),
    ("last_name=Bell;address=USCGC Sanders\nFPO AA 14071", "state-and-postal-code-disagree", "+Faker"),
    (
        "last_name=Bell;city=Reno;state=Wyoming;country=Mayotte",
        "state-of-the-us-in-another-country",
        "+Snowfakery",
    ),
    ("last_name=Bell;city=Reno;state=Wyoming;country=USA", "state-and-country-agree", "-Snowfakery"),
    ("last_name=Bell;company=Parker, Rodriguez and Torres", "company-of-three-surnames", "+Faker"),
    ("last_name=Bell;company=Martin-Peterson", "company-of-two-surnames", "+Faker"),
    ("last_name=Bell;company=Rollins Ltd", "company-of-one-surname", "+Faker"),
    ("last_name=Bell;company=Kaiser Permanente", "company-ordinary", "-Faker"),
];

/// FHIR resources, as the same.
const RESOURCES: &[(&str, &str, &str)] = &[
    (
        r#"{"text":{"div":"Generated by <a href=\"https://github.com/synthetichealth/synthea\">Synthea</a>"},"name":[{"family":"Bell"}]}"#,
        "text-says-synthea",
        "+Synthea",
    ),
    (
        r#"{"extension":[{"url":"http://synthetichealth.github.io/synthea/quality-adjusted-life-years"}],"name":[{"family":"Bell"}]}"#,
        "text-says-synthea",
        "+Synthea",
    ),
    (
        r#"{"identifier":[{"system":"https://github.com/synthetichealth/synthea","value":"1"}]}"#,
        "identifier-system-of-synthea",
        "+Synthea",
    ),
    (
        r#"{"identifier":[{"system":"urn:oid:2.16.840.1.113883.4.3.25","value":"S99917151"}]}"#,
        "licence-s999-or-passport-x-to-x",
        "+Synthea",
    ),
    (r#"{"identifier":[{"system":"card","value":"4111 1111 1111 1111"}]}"#, "card-number-for-tests", "+"),
];

/// What is wrong with a scene, if anything is.
fn check(record: &Record<'_>, signal: &str, expected: &str) -> Option<String> {
    let recogniser = Recogniser::built_in();
    let person = Person::of(record);
    let seen = recogniser.observe(record, person.as_ref());
    if !seen.contains(&signal) {
        return Some(format!("{signal} is not among {seen:?}"));
    }
    let sign = Sign::ALL.iter().find(|sign| sign.name() == signal).unwrap();
    let (direction, generator) = expected.split_at(1);
    let class = CLASSES.iter().position(|class| class.unwrap_or_default() == generator).unwrap();
    let weight = recogniser.weights.of(*sign)[class];
    ((weight > 0) != (direction == "+")).then(|| format!("{signal} weighs {weight} for {generator}"))
}

#[test]
fn every_scene_shows_its_signal_and_its_direction() {
    let mut wrong = Vec::new();
    for (row, signal, expected) in SCENES {
        let fields = row
            .split(';')
            .map(|cell| cell.split_once('=').unwrap())
            .map(|(name, value)| (Cow::Borrowed(name), Json::Text(Cow::Borrowed(value))))
            .collect();
        let record =
            Record { form: Form::Table, object: "row".into(), fields, mark: None, claim: Claim::None };
        wrong.extend(check(&record, signal, expected).map(|what| format!("{row}: {what}")));
    }
    for (resource, signal, expected) in RESOURCES {
        let Json::Object(fields) = json::parse(resource.as_bytes()).unwrap() else { panic!("an object") };
        let record =
            Record { form: Form::Fhir, object: "Patient".into(), fields, mark: None, claim: Claim::None };
        wrong.extend(check(&record, signal, expected).map(|what| format!("{resource}: {what}")));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_signal_has_a_scene() {
    for (name, sentence) in Recogniser::signals() {
        let shown = SCENES.iter().chain(RESOURCES).any(|(_, signal, _)| *signal == name);
        assert!(shown, "{name} has no scene");
        assert!(sentence.ends_with('.') && Recogniser::explain(name) == sentence);
    }
    assert!(Recogniser::explain("nonsense").contains("No signal"));
}

#[test]
fn names_are_said_once_and_are_words_with_dashes() {
    let mut names: Vec<&str> = Recogniser::signals().map(|(name, _)| name).collect();
    assert!(
        names
            .iter()
            .all(|name| name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'))
    );
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Sign::ALL.len());
}
