//! The vectors of `spec/identity.md`: a person's values, their normalised texts, and the fingerprints.

use std::borrow::Cow;

use mark::json::{self, Json};

use crate::{Address, Identifier, Name, Person, RegistryKey, fingerprints, normalise::texts};

#[test]
fn vectors() {
    let file = include_bytes!("../../../../../spec/vectors/identity.json");
    let file = json::parse(file).unwrap();
    let hex = |name: &str| data_encoding::HEXLOWER.decode(text(&file, name).unwrap().as_bytes()).unwrap();
    let key = RegistryKey::new(&hex("key")).unwrap();
    assert_eq!(key.id().0.as_slice(), hex("keyId"));
    let cases = file.get("cases").unwrap().items();
    assert!(cases.len() > 20);
    for case in cases {
        let about = text(case, "about").unwrap();
        let person = person(case.get("person").unwrap());
        let mut found: Vec<String> = Vec::new();
        texts(&person, |_, text| {
            if !found.iter().any(|other| other == text) {
                found.push(text.to_owned());
            }
        });
        let parts =
            |item: &Json<'_>| item.items().iter().filter_map(Json::text).collect::<Vec<_>>().join("\0");
        let want: Vec<String> = case.get("texts").unwrap().items().iter().map(parts).collect();
        assert_eq!(found, want, "{about}");
        let found: Vec<String> =
            fingerprints(&person, &key).iter().map(|(_, one)| format!("{one:?}")).collect();
        assert_eq!(found, strings(case, "fingerprints"), "{about}");
    }
}

fn person<'a>(value: &'a Json<'_>) -> Person<'a> {
    let each = |name: &str| value.get(name).map_or(&[][..], Json::items).iter();
    Person {
        names: each("names")
            .map(|name| Name {
                prefix: text(name, "prefix"),
                given: strings(name, "given"),
                family: text(name, "family"),
                suffix: text(name, "suffix"),
                whole: text(name, "whole"),
            })
            .collect(),
        birth_date: text(value, "birthDate"),
        emails: strings(value, "emails"),
        phones: strings(value, "phones"),
        identifiers: each("identifiers")
            .map(|one| Identifier {
                system: text(one, "system").unwrap(),
                value: text(one, "value").unwrap(),
            })
            .collect(),
        addresses: each("addresses")
            .map(|one| Address {
                lines: strings(one, "lines"),
                city: text(one, "city"),
                state: text(one, "state"),
                postal_code: text(one, "postalCode"),
                country: text(one, "country"),
            })
            .collect(),
    }
}

fn text<'a>(value: &'a Json<'_>, name: &str) -> Option<Cow<'a, str>> {
    value.get(name).and_then(Json::text).map(Cow::Borrowed)
}

fn strings<'a>(value: &'a Json<'_>, name: &str) -> Vec<Cow<'a, str>> {
    value.get(name).map_or(&[][..], Json::items).iter().filter_map(Json::text).map(Cow::Borrowed).collect()
}
