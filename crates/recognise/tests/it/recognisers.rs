//! What generators' files weigh, what public contacts weigh, and how much of a mixed batch is found.

use std::{collections::BTreeMap, fs::File, path::Path};

use mark::Form;
use recognise::{Batch, Evidence, Habits, Person, Recogniser, SUSPECTED_FROM_DECIBITS};

use crate::{
    identity::{each_record, shared},
    rows,
};

/// Records with three identity fields or more in each half of a file, and how many of them are suspected.
#[derive(Default)]
struct Halves {
    records: [usize; 2],
    suspected: [usize; 2],
}

impl Halves {
    fn add(&mut self, half: usize, evidence: &Evidence) {
        self.records[half] += 1;
        self.suspected[half] += usize::from(evidence.decibits >= SUSPECTED_FROM_DECIBITS);
    }

    fn shares(&self) -> [f64; 2] {
        [0, 1].map(|half| self.suspected[half] as f64 / self.records[half].max(1) as f64)
    }
}

/// Weighs a file of the shared data: even records are the half that was fitted, odd ones the half that was not.
fn halves(file: &str, object: Option<&str>, least_fields: usize) -> Option<Halves> {
    let path = shared(file)?;
    let recogniser = Recogniser::built_in();
    let mut halves = Halves::default();
    let mut index = 0;
    each_record(&path, object, |record| {
        let person = Person::of(record);
        if rows::identity_fields(person.as_ref()) >= least_fields {
            halves.add(index % 2, &recogniser.weigh(record, person.as_ref()));
            index += 1;
        }
    });
    println!("{file}: {:?} records, suspected {:?}", halves.records, halves.shares());
    Some(halves)
}

#[test]
fn generators_are_suspected_in_both_halves() {
    for (file, object, least) in [
        ("generators/faker/contacts_10k.csv.gz", None, 4900),
        ("generators/mimesis/contacts_10k.csv.gz", None, 4900),
        ("generators/snowfakery/Contact.csv.gz", Some("Contact"), 1600),
        ("synthea/bulk-fhir-1000/Patient.ndjson.gz", None, 570),
    ] {
        let Some(halves) = halves(file, object, 3) else { return };
        assert!(halves.records.iter().all(|records| *records >= least), "{file}: {:?}", halves.records);
        assert!(halves.shares().iter().all(|share| *share >= 0.99), "{file}: {:?}", halves.shares());
    }
}

#[test]
fn public_contacts_are_not_suspected_in_either_half() {
    let Some(halves) = halves("real-people/public_officials.csv.gz", None, 1) else { return };
    assert!(halves.records.iter().all(|records| *records > 2400), "{:?}", halves.records);
    assert!(halves.shares().iter().all(|share| *share <= 0.001), "{:?}", halves.shares());
}

/// Office-holders have offices' mail. That must not be what acquits them: other people have none.
#[test]
fn public_contacts_are_not_suspected_without_their_offices_mail() {
    let Some(path) = shared("real-people/public_officials.csv.gz") else { return };
    let recogniser = Recogniser::built_in();
    let [mut without, mut free, mut bare] = [Halves::default(), Halves::default(), Halves::default()];
    let mut index = 0;
    each_record(&path, None, |record| {
        let Some(mut person) = Person::of(record) else { return };
        let half = index % 2;
        index += 1;
        for email in &mut person.emails {
            let mailbox = email.split('@').next().unwrap_or_default();
            *email = format!("{mailbox}@gmail.com").into();
        }
        free.add(half, &recogniser.weigh(record, Some(&person)));
        person.emails.clear();
        without.add(half, &recogniser.weigh(record, Some(&person)));
        person.names.clear();
        person.birth_date = None;
        bare.add(half, &recogniser.weigh(record, Some(&person)));
    });
    for (what, halves) in [("no mail", without), ("free mail", free), ("phone and address only", bare)] {
        println!("public contacts, {what}: {:?}", halves.shares());
        assert!(halves.shares().iter().all(|share| *share <= 0.001), "{what}: {:?}", halves.shares());
    }
}

/// A hospital or clinic that Synthea copies is a place like any other.
#[test]
fn places_are_not_suspected() {
    for file in ["real-places/hospitals.csv.gz", "real-places/va_facilities.csv.gz"] {
        let Some(halves) = halves(file, None, 0) else { return };
        assert!(halves.shares().iter().all(|share| *share <= 0.001), "{:?}", halves.shares());
    }
}

/// Synthea names with the digits taken off, and nothing else that says Synthea, in a plain table.
#[test]
fn synthea_without_digits_is_suspected_in_a_plain_table() {
    let Some(path) = shared("synthea/bulk-fhir-1000/Patient.ndjson.gz") else { return };
    let recogniser = Recogniser::built_in();
    let mut halves = Halves::default();
    let mut index = 0;
    each_record(&path, None, |record| {
        let Some(person) = Person::of(record) else { return };
        let mut bare = person.clone();
        bare.identifiers.clear();
        for name in &mut bare.names {
            let letters =
                |word: &mut std::borrow::Cow<'_, str>| word.to_mut().retain(|c| !c.is_ascii_digit());
            name.given.iter_mut().for_each(letters);
            name.family.iter_mut().for_each(letters);
        }
        let table = mark::Record {
            form: Form::Table,
            object: "row".into(),
            fields: Vec::new(),
            mark: None,
            claim: mark::Claim::None,
        };
        halves.add(index % 2, &recogniser.weigh(&table, Some(&bare)));
        index += 1;
    });
    println!("Synthea without digits, identifiers and text: {:?}", halves.shares());
    assert!(halves.shares().iter().all(|share| *share >= 0.99), "{:?}", halves.shares());
}

fn fixture(name: &str) -> Vec<Evidence> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/recognise").join(name);
    let recogniser = Recogniser::built_in();
    let mut all = Vec::new();
    rows::each_row(File::open(path).unwrap(), "Contact", |record, person| {
        all.push(recogniser.weigh(record, person));
    });
    all
}

#[test]
fn rows_of_every_generator_are_suspected_and_named() {
    let mut found = BTreeMap::new();
    for (file, generator) in [
        ("faker.csv", "Faker"),
        ("faker-js.csv", "faker-js"),
        ("mimesis.csv", "Mimesis"),
        ("snowfakery.csv", "Snowfakery"),
        ("synthea.csv", "Synthea"),
        ("chance.csv", "chance"),
    ] {
        let all = fixture(file);
        let suspected = all.iter().filter(|one| one.decibits >= SUSPECTED_FROM_DECIBITS).count();
        let named = all.iter().filter(|one| one.generator == Some(generator)).count();
        found.insert(generator, (all.len(), suspected, named));
    }
    println!("{found:?}");
    for (generator, (all, suspected, named)) in found {
        assert_eq!(all, 30, "{generator}");
        let (least_suspected, least_named) = if generator == "chance" { (27, 27) } else { (29, 27) };
        assert!(suspected >= least_suspected && named >= least_named, "{generator}: {suspected} {named}");
    }
}

#[test]
fn people_who_exist_nowhere_and_look_ordinary_are_not_suspected() {
    let suspected: Vec<Evidence> =
        fixture("background.csv").into_iter().filter(|one| one.decibits >= SUSPECTED_FROM_DECIBITS).collect();
    assert_eq!(suspected, []);
}

/// 10,000 records, a known share of them Faker's, in and out of both lists from their beginnings.
fn estimated(faker: &[Evidence], others: &[Evidence], percent: usize) -> f64 {
    let mut batch = Batch::default();
    faker.iter().cycle().take(100 * percent).for_each(|one| batch.observe(one));
    others.iter().cycle().take(100 * (100 - percent)).for_each(|one| batch.observe(one));
    assert_eq!(batch.records(), 10_000);
    let share = batch.estimate().into_iter().find(|one| one.generator == Some("Faker")).unwrap();
    println!(
        "{percent} % planted: {:.2} % ({:.2} to {:.2})",
        share.share * 100.0,
        share.low * 100.0,
        share.high * 100.0
    );
    assert!(share.low <= share.share && share.share <= share.high);
    share.share * 100.0
}

#[test]
fn a_planted_share_of_faker_is_found_within_three_points() {
    let (faker, others) = (fixture("faker.csv"), fixture("background.csv"));
    for percent in [0, 5, 20, 37, 60, 100] {
        let found = estimated(&faker, &others, percent);
        assert!((found - percent as f64).abs() <= 3.0, "{percent}: {found}");
    }
}

#[test]
fn a_planted_share_of_faker_among_public_contacts_is_found_within_three_points() {
    let recogniser = Recogniser::built_in();
    let weigh = |file| {
        let mut all = Vec::new();
        each_record(&shared(file)?, None, |record| {
            all.push(recogniser.weigh(record, Person::of(record).as_ref()));
        });
        Some(all)
    };
    let Some(others) = weigh("real-people/public_officials.csv.gz") else { return };
    let Some(faker) = weigh("generators/faker/contacts_10k.csv.gz") else { return };
    for percent in [0, 5, 20, 37, 60] {
        let found = estimated(&faker, &others, percent);
        assert!((found - percent as f64).abs() <= 3.0, "{percent}: {found}");
    }
}

#[test]
fn only_generators_batches_are_too_even() {
    for (file, expected) in [
        (
            "generators/mimesis/contacts_10k.csv.gz",
            &["mail-domains-in-equal-shares", "birth-years-in-equal-shares", "family-names-equally-frequent"]
                [..],
        ),
        ("generators/faker/contacts_10k.csv.gz", &["mail-domains-in-equal-shares"][..]),
        ("real-people/public_officials.csv.gz", &[][..]),
    ] {
        let Some(path) = shared(file) else { return };
        let mut habits = Habits::default();
        each_record(&path, None, |record| {
            if let Some(person) = Person::of(record) {
                habits.observe(&person);
            }
        });
        let found: Vec<&str> = habits.found().iter().map(|habit| habit.name).collect();
        println!("{file}: {found:?}");
        for name in expected {
            assert!(found.contains(name), "{file}: {found:?}");
        }
        assert!(!expected.is_empty() || found.is_empty(), "{file}: {found:?}");
    }
}
