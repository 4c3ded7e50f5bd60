//! What fingerprints promise: the same in every spelling, another for another person, none for nobody.

use std::borrow::Cow;

use proptest::prelude::*;

use super::*;
use crate::person::{Address, Identifier, Name};

mod vectors;

fn key() -> RegistryKey {
    RegistryKey::new(b"a published key for tests, 32 by").unwrap()
}

#[expect(clippy::unnecessary_wraps, reason = "every place that takes it is optional")]
fn one<'a>(text: impl Into<Cow<'a, str>>) -> Option<Cow<'a, str>> {
    Some(text.into())
}

/// One value of each kind, in the spelling that is asked for.
fn person(spell: impl Fn(&str) -> String) -> Person<'static> {
    let owned = |text: &str| Cow::Owned(spell(text));
    Person {
        names: vec![Name { given: vec![owned("ada")], family: Some(owned("zelenková")), ..Name::default() }],
        birth_date: one("1984-02-29"),
        emails: vec![owned("ada.bell@example.org")],
        phones: vec![Cow::Borrowed("212-555-0143")],
        identifiers: vec![Identifier { system: Cow::Borrowed("ssn"), value: Cow::Borrowed("999-53-8547") }],
        addresses: vec![Address {
            lines: vec![owned("812 north kühn street apt 34")],
            city: Some(owned("haverhill")),
            ..Address::default()
        }],
    }
}

#[test]
fn each_kind_gives_one_fingerprint_and_none_twice() {
    let mut person = person(str::to_owned);
    let found = fingerprints(&person, &key());
    assert_eq!(found.iter().map(|(kind, _)| *kind).collect::<Vec<_>>(), FingerprintKind::ALL);
    person.emails.push(Cow::Borrowed("Ada.Bell+x@EXAMPLE.org"));
    person.names.push(Name { whole: one("Zelenkova, Ada X."), ..Name::default() });
    assert_eq!(fingerprints(&person, &key()), found);
    let other = RegistryKey::new(&[7; 32]).unwrap();
    assert!(fingerprints(&person, &other).iter().zip(&found).all(|(one, other)| one.1 != other.1));
}

#[test]
fn a_name_needs_a_birth_date() {
    let mut person = person(str::to_owned);
    person.birth_date = None;
    assert_eq!(fingerprints(&person, &key()).len(), 4);
    let only_name = Person { names: person.names.clone(), ..Person::default() };
    assert_eq!(fingerprints(&only_name, &key()), []);
    let only_date = Person { birth_date: one("1984-02-29"), ..Person::default() };
    assert_eq!(fingerprints(&only_date, &key()), []);
}

#[test]
fn there_are_never_more_than_forty() {
    let mut many = Person::default();
    for n in 0..1000 {
        many.names.push(Name { whole: one(format!("A{} Bell", "b".repeat(n % 300))), ..Name::default() });
        many.emails.push(format!("a{n}@example.org").into());
        many.phones.push(format!("212-555-{n:04}").into());
        many.identifiers
            .push(Identifier { system: "http://h.example.org".into(), value: format!("A{n:05}").into() });
        many.addresses.push(Address {
            lines: vec![format!("{n} Kuhn Rapid").into()],
            city: one("Haverhill"),
            ..Address::default()
        });
    }
    many.birth_date = one("1984-02-29");
    assert_eq!(fingerprints(&many, &key()).len(), FINGERPRINTS_MAX);
    assert_eq!(FINGERPRINTS_MAX, 40);
}

#[test]
fn a_short_key_is_no_key() {
    assert!(RegistryKey::new(&[1; REGISTRY_KEY_BYTES_MIN - 1]).is_none());
    assert!(!format!("{:?}", key()).contains("published"), "Debug hides the key");
}

/// A long value costs what a short one does: it is not looked at.
#[test]
fn long_values_are_left_out() {
    for text in ["a".repeat(100_000), "é ".repeat(50_000), "1".repeat(100_000), "@".repeat(100_000)] {
        let long = || Cow::Borrowed(text.as_str());
        let person = Person {
            names: vec![
                Name { whole: Some(long()), ..Name::default() },
                Name { given: vec![long(), long()], family: Some(long()), ..Name::default() },
            ],
            birth_date: one("1984-02-29"),
            emails: vec![long(); 16],
            phones: vec![long(); 16],
            identifiers: vec![Identifier { system: long(), value: long() }; 16],
            addresses: vec![
                Address {
                    lines: vec![long(); 16],
                    city: Some(long()),
                    country: Some(long()),
                    ..Address::default()
                };
                16
            ],
        };
        assert_eq!(fingerprints(&person, &key()), []);
    }
}

/// Any text, in every place.
fn anything(text: &str) -> Person<'_> {
    let text = || Some(Cow::Borrowed(text));
    Person {
        names: vec![
            Name {
                prefix: text(),
                given: vec![text().unwrap()],
                family: text(),
                suffix: text(),
                whole: text(),
            },
            Name { whole: text(), ..Name::default() },
        ],
        birth_date: text(),
        emails: vec![text().unwrap()],
        phones: vec![text().unwrap()],
        identifiers: vec![Identifier { system: text().unwrap(), value: text().unwrap() }],
        addresses: vec![Address {
            lines: vec![text().unwrap()],
            city: text(),
            state: text(),
            postal_code: text(),
            country: text(),
        }],
    }
}

proptest! {
    #[test]
    fn any_text_has_an_answer(text in "\\PC{0,60}|[0-9+() x#.-]{0,30}|[a-z@.+<>]{0,30}|.{0,60}") {
        let mut person = anything(&text);
        let found = fingerprints(&person, &key());
        prop_assert!(found.len() <= FINGERPRINTS_MAX);
        person.birth_date = one("1984-02-29");
        fingerprints(&person, &key());
    }

    #[test]
    fn case_spaces_and_accents_change_nothing(upper in any::<[bool; 40]>(), decomposed in any::<bool>()) {
        use unicode_normalization::UnicodeNormalization as _;
        let want = fingerprints(&person(str::to_owned), &key());
        let spell = |text: &str| {
            let cased: String = text.chars().zip(upper.iter().cycle()).flat_map(|(letter, upper)| {
                if *upper { letter.to_uppercase().collect::<Vec<_>>() } else { vec![letter] }
            }).collect();
            let cased: String = if decomposed { cased.nfd().collect() } else { cased };
            format!("  {cased}\t")
        };
        prop_assert_eq!(fingerprints(&person(spell), &key()), want.clone());
        prop_assert_eq!(fingerprints(&person(|text| text.replace('á', "a").replace('ü', "u")), &key()), want);
    }

    #[test]
    fn a_number_is_one_in_every_format(area in 212_u32..990, exchange in 200_u32..999, line in 1_u32..9999, extension in 1_u32..99999) {
        let line = format!("{line:04}");
        let of = |text: String| {
            let person = Person { phones: vec![Cow::Owned(text)], ..Person::default() };
            fingerprints(&person, &key())
        };
        let want = of(format!("{area}{exchange}{line}"));
        for text in [
            format!("({area}) {exchange}-{line}"),
            format!("{area}.{exchange}.{line}x{extension}"),
            format!("+1-{area}-{exchange}-{line} ext. {extension}"),
            format!("1 {area} {exchange} {line} #{extension}"),
            format!("001-{area}-{exchange}-{line}"),
            format!("tel:+1{area}{exchange}{line}"),
        ] {
            prop_assert_eq!(of(text), want.clone());
        }
    }

    #[test]
    fn a_tag_changes_nothing_and_another_mailbox_does(local in "[a-z]{6,20}", tag in "[a-zA-Z0-9]{0,10}", domain in "[a-z]{1,9}") {
        let of = |text: String| {
            let person = Person { emails: vec![Cow::Owned(text)], ..Person::default() };
            fingerprints(&person, &key())
        };
        let want = of(format!("{local}@{domain}.example"));
        prop_assert_eq!(of(format!("{}+{tag}@{domain}.EXAMPLE", local.to_uppercase())), want.clone());
        let another = of(format!("{local}s@{domain}.example"));
        prop_assert!(want.is_empty() || another != want);
    }
}
