//! Reads rows as records with the person in them. For the fit, the stories and the bench.

use std::borrow::Cow;

use mark::{Claim, Form, Record, json::Json};
use recognise::Person;

/// Calls `then` with every row of a CSV text with a header.
pub(crate) fn each_row(
    text: impl std::io::Read,
    object: &str,
    mut then: impl FnMut(&Record<'_>, Option<&Person<'_>>),
) {
    let mut reader = csv::Reader::from_reader(text);
    let header = reader.headers().unwrap().clone();
    let salesforce = header.iter().any(|name| ["LastName", "BillingCity"].contains(&name));
    let form = if salesforce { Form::Salesforce } else { Form::Table };
    for row in reader.records() {
        let row = row.unwrap();
        let fields = header
            .iter()
            .zip(row.iter())
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| (Cow::Borrowed(name), Json::Text(Cow::Borrowed(value))))
            .collect();
        let record = Record { form, object: Cow::Borrowed(object), fields, mark: None, claim: Claim::None };
        let person = Person::of(&record);
        then(&record, person.as_ref());
    }
}

/// How many kinds of identity a person has: name, birth date, mail, telephone, identifier, address.
pub(crate) fn identity_fields(person: Option<&Person<'_>>) -> usize {
    person.map_or(0, |person| {
        [
            !person.names.is_empty(),
            person.birth_date.is_some(),
            !person.emails.is_empty(),
            !person.phones.is_empty(),
            !person.identifiers.is_empty(),
            !person.addresses.is_empty(),
        ]
        .iter()
        .filter(|there| **there)
        .count()
    })
}
