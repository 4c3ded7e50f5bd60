//! Any record has a person or none, and few fingerprints, which white space around the values does not change.
#![no_main]

use std::borrow::Cow;

use mark::{
    Claim, Form, Record,
    json::{self, Json},
};
use recognise::{ColumnMap, FINGERPRINTS_MAX, Person, RegistryKey, fingerprints};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((pick, rest)) = bytes.split_first() else { return };
    let (form, object) = match pick % 8 {
        0 => (Form::Fhir, "Patient"),
        1 => (Form::Fhir, "Practitioner"),
        2 => (Form::Salesforce, "Contact"),
        3 => (Form::Salesforce, "Account"),
        4 => (Form::Hl7v2, "ADT^A01"),
        _ => (Form::Table, "patients"),
    };
    let fields = if form == Form::Table {
        cells(rest)
    } else {
        let Ok(Json::Object(fields)) = json::parse(rest) else { return };
        fields
    };
    let record = Record { form, object: Cow::Borrowed(object), fields, mark: None, claim: Claim::None };
    let key = RegistryKey::new(&[7; 32]).expect("is long enough");
    let columns = ColumnMap::guess(record.fields.iter().map(|(name, _)| name.as_ref()));
    if let Some(mapped) = Person::with(&record, &columns) {
        assert!(fingerprints(&mapped, &key).len() <= FINGERPRINTS_MAX);
    }
    let Some(person) = Person::of(&record) else { return };
    let found = fingerprints(&person, &key);
    assert!(found.len() <= FINGERPRINTS_MAX);
    let distinct: std::collections::BTreeSet<_> = found.iter().collect();
    assert_eq!(distinct.len(), found.len(), "none twice");
    if form == Form::Table || form == Form::Salesforce {
        let mut padded = record.clone();
        for (_, value) in &mut padded.fields {
            if let Json::Text(text) = value {
                *value = Json::Text(Cow::Owned(format!(" {text}\t")));
            }
        }
        let again = Person::of(&padded).map(|person| fingerprints(&person, &key));
        assert!(again.is_some_and(|again| again == found), "white space around a value is not part of it");
    }
});

/// A line of names and a line of values, cut at tabs.
fn cells(bytes: &[u8]) -> json::Members<'_> {
    let Ok(text) = std::str::from_utf8(bytes) else { return Vec::new() };
    let (names, values) = text.split_once('\n').unwrap_or((text, ""));
    let cells = names.split('\t').zip(values.split('\t'));
    cells.map(|(name, value)| (Cow::Borrowed(name), Json::Text(Cow::Borrowed(value)))).collect()
}
