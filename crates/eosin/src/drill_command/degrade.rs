//! What happens to records on their way: values spelled otherwise, and all but a few left out.

use std::{borrow::Cow, collections::BTreeSet};

use mark::{Claim, Form, Record, json::Json};
use recognise::Person;

/// What is left of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    NameAndBirthDate,
    Email,
    Phone,
    Identifiers,
    Address,
}

/// How values are spelled otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spelling {
    /// Names and addresses in capitals, accents gone, or there where there were none.
    CaseAndAccents,
    /// Telephone numbers written in another country's way.
    Phone,
    /// A plus tag before the `@`, and capitals.
    Email,
    /// All of these.
    All,
}

/// A record with its values spelled otherwise, or nothing where it has none of them.
pub(super) fn spelled<'r>(
    record: &'r Record<'_>,
    person: &Person<'_>,
    spelling: Spelling,
) -> Option<Record<'r>> {
    let is = |one| spelling == one || spelling == Spelling::All;
    let mut words = if is(Spelling::CaseAndAccents) { names(person) } else { BTreeSet::new() };
    let mut addresses = BTreeSet::new();
    if is(Spelling::CaseAndAccents) {
        collect(
            person.addresses.iter().flat_map(|address| address.lines.iter().chain(&address.city)),
            &mut addresses,
        );
    }
    let (mut phones, mut emails) = (BTreeSet::new(), BTreeSet::new());
    if is(Spelling::Phone) {
        collect(person.phones.iter(), &mut phones);
    }
    if is(Spelling::Email) {
        collect(person.emails.iter(), &mut emails);
    }
    words.append(&mut addresses);
    if words.is_empty() && phones.is_empty() && emails.is_empty() {
        return None;
    }
    let change = |text: &str| {
        if words.contains(text) {
            Some(capitals(text))
        } else if phones.contains(text) {
            Some(otherwise(text))
        } else if emails.contains(text) {
            Some(tagged(text))
        } else {
            None
        }
    };
    let fields = record.fields.iter();
    let fields =
        fields.map(|(name, value)| (Cow::Borrowed(name.as_ref()), changed(value, record.form, &change)));
    Some(Record { fields: fields.collect(), ..bare(record) })
}

/// A record with all but these values left out, or nothing where it has none of them.
pub(super) fn only<'r>(record: &'r Record<'_>, person: &Person<'_>, kept: Kept) -> Option<Record<'r>> {
    let mut wanted = BTreeSet::new();
    match kept {
        Kept::NameAndBirthDate => {
            person.birth_date.as_ref()?;
            wanted = names(person);
            collect(&person.birth_date, &mut wanted);
        }
        Kept::Email => collect(person.emails.iter(), &mut wanted),
        Kept::Phone => collect(person.phones.iter(), &mut wanted),
        Kept::Identifiers => collect(person.identifiers.iter().map(|one| &one.value), &mut wanted),
        Kept::Address => {
            let parts = person.addresses.iter().flat_map(|address| {
                address.lines.iter().chain(&address.city).chain(&address.state).chain(&address.postal_code)
            });
            collect(parts, &mut wanted);
        }
    }
    if wanted.is_empty() || (kept == Kept::NameAndBirthDate && person.names.is_empty()) {
        return None;
    }
    let fields = record.fields.iter().filter_map(|(name, value)| {
        Some((Cow::Borrowed(name.as_ref()), pruned(value, record.form, &wanted)?))
    });
    Some(Record { fields: fields.collect(), ..bare(record) })
}

/// The record without mark and claim and, as yet, fields.
fn bare<'r>(record: &'r Record<'_>) -> Record<'r> {
    Record {
        form: record.form,
        object: Cow::Borrowed(record.object.as_ref()),
        fields: Vec::new(),
        mark: None,
        claim: Claim::None,
    }
}

fn names(person: &Person<'_>) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    let parts = person.names.iter().flat_map(|name| name.given.iter().chain(&name.family).chain(&name.whole));
    collect(parts, &mut words);
    words
}

fn collect<'c, 'v: 'c>(values: impl IntoIterator<Item = &'c Cow<'v, str>>, into: &mut BTreeSet<String>) {
    into.extend(values.into_iter().map(|value| value.trim().to_owned()));
}

/// What separates values within a text: HL7 v2 puts several into one field.
fn separators(form: Form) -> &'static [char] {
    match form {
        Form::Hl7v2 => &['^', '~', '&'],
        Form::Salesforce | Form::Fhir | Form::Table => &[],
    }
}

fn changed<'j>(value: &'j Json<'_>, form: Form, change: &dyn Fn(&str) -> Option<String>) -> Json<'j> {
    match value {
        Json::Text(text) => {
            let pieces = text.split_inclusive(separators(form)).map(|piece| {
                let word = piece.trim_end_matches(separators(form));
                let after = piece.strip_prefix(word).unwrap_or_default();
                change(word.trim()).map_or_else(|| piece.to_owned(), |other| other + after)
            });
            Json::Text(Cow::Owned(pieces.collect()))
        }
        Json::Array(items) => Json::Array(items.iter().map(|item| changed(item, form, change)).collect()),
        Json::Object(members) => {
            let members = members.iter();
            Json::Object(
                members
                    .map(|(name, value)| (Cow::Borrowed(name.as_ref()), changed(value, form, change)))
                    .collect(),
            )
        }
        Json::Null => Json::Null,
        Json::Bool(value) => Json::Bool(*value),
        Json::Number(value) => Json::Number(*value),
    }
}

/// The value with only what is wanted in it. Beside a wanted text its siblings stay: a telephone number's `system`.
fn pruned<'j>(value: &'j Json<'_>, form: Form, wanted: &BTreeSet<String>) -> Option<Json<'j>> {
    match value {
        Json::Text(text) => {
            let has = |part: &&str| part.split(separators(form)).any(|word| wanted.contains(word.trim()));
            let parts: Vec<&str> = match form {
                Form::Hl7v2 => text.split('~').filter(has).collect(),
                Form::Salesforce | Form::Fhir | Form::Table => {
                    Some(text.as_ref()).into_iter().filter(has).collect()
                }
            };
            (!parts.is_empty()).then(|| Json::Text(Cow::Owned(parts.join("~"))))
        }
        Json::Number(number) => wanted.contains(&number.to_string()).then_some(Json::Number(*number)),
        Json::Array(items) => {
            let items: Vec<Json<'_>> = items.iter().filter_map(|item| pruned(item, form, wanted)).collect();
            (!items.is_empty()).then_some(Json::Array(items))
        }
        Json::Object(members) => {
            let is_text = |value: &Json<'_>| matches!(value, Json::Text(_));
            let beside =
                members.iter().any(|(_, value)| is_text(value) && pruned(value, form, wanted).is_some());
            let left: Vec<_> = members
                .iter()
                .filter_map(|(name, value)| {
                    let kept = match pruned(value, form, wanted) {
                        None if beside && is_text(value) => value.clone(),
                        kept => kept?,
                    };
                    Some((Cow::Borrowed(name.as_ref()), kept))
                })
                .collect();
            left.iter().any(|(_, value)| pruned(value, form, wanted).is_some()).then_some(Json::Object(left))
        }
        Json::Null | Json::Bool(_) => None,
    }
}

/// In capitals, accents gone; where there were none, the first E, O or A gets one.
fn capitals(text: &str) -> String {
    let plain: String = text.chars().map(without_accent).collect();
    let capitals = plain.to_uppercase();
    if plain != text {
        return capitals;
    }
    for (letter, accented) in [('E', "É"), ('O', "Ó"), ('A', "Á")] {
        if capitals.contains(letter) {
            return capitals.replacen(letter, accented, 1);
        }
    }
    capitals
}

fn without_accent(letter: char) -> char {
    ACCENTS.iter().find(|(accented, _)| accented.contains(letter)).map_or(letter, |(_, plain)| *plain)
}

const ACCENTS: [(&str, char); 14] = [
    ("àáâãäå", 'a'),
    ("ÀÁÂÃÄÅ", 'A'),
    ("èéêë", 'e'),
    ("ÈÉÊË", 'E'),
    ("ìíîï", 'i'),
    ("ÌÍÎÏ", 'I'),
    ("òóôõö", 'o'),
    ("ÒÓÔÕÖ", 'O'),
    ("ùúûü", 'u'),
    ("ÙÚÛÜ", 'U'),
    ("ñ", 'n'),
    ("Ñ", 'N'),
    ("ç", 'c'),
    ("Ç", 'C'),
];

/// A telephone number as another system writes it: with country code and dots where it has ten digits, else dots alone.
fn otherwise(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let (number, extension) = match lower.find(['x', 'e', '#']) {
        Some(at) => (text.get(..at).unwrap_or(text), text.get(at..).unwrap_or_default()),
        None => (text, ""),
    };
    let extension: String = extension.chars().filter(char::is_ascii_digit).collect();
    let all: String = number.chars().filter(char::is_ascii_digit).collect();
    let national = match (all.len(), number.trim().starts_with('+')) {
        (13, false) => all.strip_prefix("001"),
        (11, _) => all.strip_prefix('1'),
        (10, false) => Some(all.as_str()),
        _ => None,
    };
    let mut written = match national.map(|digits| (digits.get(..3), digits.get(3..6), digits.get(6..))) {
        Some((Some(area), Some(exchange), Some(line))) => format!("+1 {area}.{exchange}.{line}"),
        _ if number.trim().starts_with('+') => format!("+{all}"),
        _ => number.replace(['-', ' ', '/'], "."),
    };
    if !extension.is_empty() {
        written.push_str(" ext. ");
        written.push_str(&extension);
    }
    written
}

/// An address as its owner might type it elsewhere.
fn tagged(text: &str) -> String {
    match text.rsplit_once('@') {
        Some((mailbox, domain)) => format!("{}+News@{}", mailbox.to_uppercase(), domain.to_uppercase()),
        None => text.to_uppercase(),
    }
}

#[cfg(test)]
mod tests {
    use mark::json::parse;

    use super::*;

    fn record(form: Form, object: &'static str, text: &'static str) -> Record<'static> {
        let Json::Object(fields) = parse(text.as_bytes()).unwrap() else { panic!("an object") };
        Record { form, object: object.into(), fields, mark: Some("m".into()), claim: Claim::Synthetic }
    }

    fn shown(record: &Record<'_>) -> String {
        assert!(record.mark.is_none() && record.claim == Claim::None);
        let value = Json::Object(record.fields.clone());
        String::from_utf8(mark::canonical::to_vec(&value)).unwrap()
    }

    const PATIENT: &str = r#"{"birthDate":"1984-02-29","gender":"female","name":[{"family":"Peña","given":["Ada"],"use":"official"}],"telecom":[{"system":"phone","value":"617-555-0142"},{"system":"email","value":"ada@example.org"}]}"#;

    #[test]
    fn of_a_resource_only_what_is_wanted_stays() {
        let record = record(Form::Fhir, "Patient", PATIENT);
        let person = Person::of(&record).unwrap();
        let check = |kept, want: &str| {
            let left = only(&record, &person, kept);
            assert_eq!(left.map_or_else(|| "nothing".to_owned(), |left| shown(&left)), want, "{kept:?}");
        };
        check(Kept::Email, r#"{"telecom":[{"system":"email","value":"ada@example.org"}]}"#);
        check(Kept::Phone, r#"{"telecom":[{"system":"phone","value":"617-555-0142"}]}"#);
        check(
            Kept::NameAndBirthDate,
            r#"{"birthDate":"1984-02-29","name":[{"family":"Peña","given":["Ada"],"use":"official"}]}"#,
        );
        check(Kept::Address, "nothing");
        let other = shown(&spelled(&record, &person, Spelling::All).unwrap());
        assert_eq!(
            other,
            r#"{"birthDate":"1984-02-29","gender":"female","name":[{"family":"PENA","given":["ÁDA"],"use":"official"}],"telecom":[{"system":"phone","value":"+1 617.555.0142"},{"system":"email","value":"ADA+News@EXAMPLE.ORG"}]}"#
        );
    }

    #[test]
    fn of_a_message_the_components_are_values() {
        let text = r#"{"PID-5":"Bell^Ada","PID-7":"19840229","PID-13":"617-555-0142~^NET^Internet^ada@example.org"}"#;
        let record = record(Form::Hl7v2, "ADT_A01", text);
        let person = Person::of(&record).unwrap();
        let left = only(&record, &person, Kept::Email).unwrap();
        assert_eq!(shown(&left), r#"{"PID-13":"^NET^Internet^ada@example.org"}"#);
        let other = spelled(&record, &person, Spelling::CaseAndAccents).unwrap();
        assert!(shown(&other).contains("BÉLL^ÁDA"), "{}", shown(&other));
    }

    #[test]
    fn telephone_numbers_keep_their_digits() {
        for (text, want) in [
            ("(617) 555-0142", "+1 617.555.0142"),
            ("1-617-555-0142", "+1 617.555.0142"),
            ("001-617-555-0142x77", "+1 617.555.0142 ext. 77"),
            ("+44 20 7946 0018", "+442079460018"),
            ("555-0142", "555.0142"),
        ] {
            assert_eq!(otherwise(text), want);
        }
    }
}
