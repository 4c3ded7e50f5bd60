//! Names, birth date and identifiers; and what a record says of itself.

use mark::{Form, Record, json::Json};

use super::{Facts, Seen, Sign, facts::Lower};
use crate::person::{Identifier, Name, Person};

/// What the record says outside the person's values: FHIR's narrative and extensions.
pub(super) fn look_at_record(record: &Record<'_>, seen: &mut Seen) {
    if record.form != Form::Fhir {
        return;
    }
    for (name, value) in &record.fields {
        let says = match name.as_ref() {
            "text" => value.get("div").and_then(Json::text).is_some_and(of_synthea),
            "extension" => value
                .items()
                .iter()
                .take(EXTENSIONS_MAX)
                .any(|one| one.get("url").and_then(Json::text).is_some_and(of_synthea)),
            _ => false,
        };
        if says {
            seen.add(Sign::TextSaysSynthea);
        }
    }
}

/// Most extensions of one record that are looked at.
const EXTENSIONS_MAX: usize = 64;

/// Text is searched this far: Synthea says so within 120 bytes.
const TEXT_BYTES_MAX: usize = 400;

fn of_synthea(text: &str) -> bool {
    let head = text.as_bytes().get(..TEXT_BYTES_MAX).unwrap_or(text.as_bytes());
    head.windows(WORD.len()).any(|window| window == WORD)
}

/// Part of every address of Synthea's own.
const WORD: &[u8] = b"synthetichealth";

/// Names, birth date and identifiers.
pub(super) fn look(facts: &Facts, person: &Person<'_>, seen: &mut Seen) {
    for name in &person.names {
        look_at_name(name, seen);
    }
    if let Some(family) = family_of(person) {
        let known = Lower::word(family.trim_end_matches(|c: char| c.is_ascii_digit()))
            .is_some_and(|word| facts.is_family_name_of_faker_js(word.as_bytes()));
        seen.add(if known { Sign::SurnameOfGenerator } else { Sign::SurnameOrdinary });
    }
    whole_name(person, seen);
    if let Some(year) = person.birth_date.as_deref().and_then(year) {
        seen.add(if (1980..=2023).contains(&year) { Sign::BornSince1980 } else { Sign::BornOtherwise });
    }
    for identifier in &person.identifiers {
        look_at_identifier(identifier, seen);
    }
}

fn look_at_name(name: &Name<'_>, seen: &mut Seen) {
    let given = name.given.first().map(AsRef::as_ref);
    let family = name.family.as_deref();
    let whole = || name.whole.as_deref().unwrap_or_default().split_whitespace();
    let (first, last) = match (given, family) {
        (Some(given), Some(family)) => (given, family),
        (Some(only), None) | (None, Some(only)) => (only, only),
        (None, None) => match (whole().next(), whole().next_back()) {
            (Some(first), Some(last)) => (first, last),
            _ => return,
        },
    };
    if numbered(first) && numbered(last) {
        seen.add(Sign::NamesEndInDigits);
    }
    if placeholder(first, last) {
        seen.add(Sign::NameReserved);
    }
    if LITERALS.iter().any(|(given, family)| first == *given && last == *family) {
        seen.add(Sign::NameLiteral);
    }
    seen.add(Sign::NameOrdinary);
}

/// Letters, then one to three digits.
fn numbered(word: &str) -> bool {
    let letters = word.trim_end_matches(|c: char| c.is_ascii_digit());
    let digits = word.len() - letters.len();
    (1..=3).contains(&digits) && letters.chars().count() >= 2 && !letters.bytes().any(|b| b.is_ascii_digit())
}

/// Both words are placeholders, or one is that nobody is called. `Test` alone is a surname that people have.
fn placeholder(first: &str, last: &str) -> bool {
    let listed = |words: &[&str], word: &str| words.iter().any(|one| one.eq_ignore_ascii_case(word));
    let never = |word: &str| listed(&NEVER_NAMES, word) || repeated(word);
    never(first) || never(last) || (listed(&OFTEN_PLACEHOLDERS, first) && listed(&OFTEN_PLACEHOLDERS, last))
}

/// One letter three times or more, as in Zzz and xxx.
fn repeated(word: &str) -> bool {
    let bytes = word.as_bytes();
    bytes.len() >= 3
        && bytes.first().is_some_and(|first| {
            first.is_ascii_alphabetic() && bytes.iter().all(|byte| byte.eq_ignore_ascii_case(first))
        })
}

/// Words that nobody has as a name and people type into test records.
const NEVER_NAMES: [&str; 14] = [
    "dummy",
    "asdf",
    "qwerty",
    "zztest",
    "zzztest",
    "testpatient",
    "testing",
    "testuser",
    "test1",
    "test2",
    "foobar",
    "donotuse",
    "anonymous",
    "unknown",
];

/// Words that people have as names and also type into test records; two of them together are none.
const OFTEN_PLACEHOLDERS: [&str; 12] =
    ["test", "tester", "sample", "example", "patient", "demo", "fake", "build", "foo", "bar", "user", "mock"];

/// Names in the example recipes of Snowfakery 4.2.1.
const LITERALS: [(&str, &str); 3] = [("GOB", "Bluth"), ("Michael", "Bluth"), ("Da", "Boss")];

fn family_of<'p>(person: &'p Person<'_>) -> Option<&'p str> {
    let name = person.names.first()?;
    name.family
        .as_deref()
        .or_else(|| name.whole.as_deref().and_then(|whole| whole.split_whitespace().next_back()))
}

/// Whether a whole name and separate parts, wherever they stand in the record, are of one person.
fn whole_name(person: &Person<'_>, seen: &mut Seen) {
    let whole = person.names.iter().find_map(|name| name.whole.as_deref());
    let parts = person.names.iter().find(|name| name.family.is_some() && !name.given.is_empty());
    let (Some(whole), Some(parts)) = (whole, parts) else { return };
    let mut words = parts.given.iter().map(AsRef::as_ref).chain(parts.family.as_deref());
    let shared = words
        .any(|part: &str| part.split([' ', '-', '\'']).any(|piece| piece.len() > 1 && holds(whole, piece)));
    seen.add(if shared { Sign::WholeNameAgrees } else { Sign::WholeNameDisagrees });
}

/// Whether `text` has `piece` in it, in any ASCII case.
pub(super) fn holds(text: &str, piece: &str) -> bool {
    !piece.is_empty()
        && text.as_bytes().windows(piece.len()).any(|window| window.eq_ignore_ascii_case(piece.as_bytes()))
}

/// The year of a date: its four digits at the beginning or the end.
pub(crate) fn year(date: &str) -> Option<u16> {
    let date = date.trim();
    let leading = date.get(..4).filter(|_| date.as_bytes().get(4).is_none_or(|b| !b.is_ascii_digit()));
    let compact = date.get(..4).filter(|_| date.len() == 8 && date.bytes().all(|b| b.is_ascii_digit()));
    let trailing = date
        .len()
        .checked_sub(4)
        .and_then(|at| date.get(at..))
        .filter(|_| date.len() >= 6 && date.contains(['/', '.', '-']));
    [leading, compact, trailing]
        .into_iter()
        .flatten()
        .find_map(|text| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten())
}

fn look_at_identifier(identifier: &Identifier<'_>, seen: &mut Seen) {
    let (system, value) = (identifier.system.as_ref(), identifier.value.trim());
    if of_synthea(system) {
        seen.add(Sign::SystemOfSynthea);
    }
    if holds(system, "ssn") || holds(system, "social") || system == "2.16.840.1.113883.4.1" {
        seen.add(ssn(value));
        return;
    }
    let sign = if holds(system, "npi") || system.ends_with("2.16.840.1.113883.4.6") {
        if issued_npi(value) { Sign::IdentifierOrdinary } else { Sign::ProviderNumberForTests }
    } else if licence_of_synthea(value) || passport_of_synthea(value) {
        Sign::LicenceS999
    } else if CARDS.iter().any(|card| same_digits(card, value)) {
        Sign::CardNumberForTests
    } else {
        Sign::IdentifierOrdinary
    };
    seen.add(sign);
}

/// Source: Social Security Administration, numbers that are never assigned; IRS, ranges of taxpayer numbers.
fn ssn(value: &str) -> Sign {
    let digits: Vec<u8> = value.bytes().filter(|b| *b != b'-' && *b != b' ').take(10).collect();
    if digits.len() != 9 || !digits.iter().all(u8::is_ascii_digit) {
        return Sign::SsnOrdinary;
    }
    let Some((area, rest)) = digits.split_at_checked(3) else { return Sign::SsnOrdinary };
    let Some((group, serial)) = rest.split_at_checked(2) else { return Sign::SsnOrdinary };
    let taxpayer =
        matches!(group, [b'5' | b'7' | b'8', _] | [b'6', b'0'..=b'5'] | [b'9', b'0'..=b'2' | b'4'..=b'9']);
    match area {
        b"999" => Sign::SsnArea999,
        b"000" | b"666" => Sign::SsnNeverIssued,
        [b'9', ..] if !taxpayer => Sign::SsnNeverIssued,
        _ if group == b"00" || serial == b"0000" => Sign::SsnNeverIssued,
        _ => Sign::SsnOrdinary,
    }
}

/// Ten digits, the first 1 or 2, with the check digit of ISO 7812 over the prefix 80840.
fn issued_npi(value: &str) -> bool {
    value.len() != 10
        || !value.bytes().all(|b| b.is_ascii_digit())
        || (value.starts_with(['1', '2']) && luhn(value.bytes(), 24))
}

fn luhn(digits: impl DoubleEndedIterator<Item = u8>, start: u32) -> bool {
    let sum = digits.rev().enumerate().fold(start, |sum, (at, digit)| {
        let digit = u32::from(digit - b'0');
        let doubled = digit * 2;
        sum + if at % 2 == 0 { digit } else { doubled / 10 + doubled % 10 }
    });
    sum % 10 == 0
}

fn licence_of_synthea(value: &str) -> bool {
    value.len() == 9 && value.starts_with("S999") && value.bytes().skip(1).all(|b| b.is_ascii_digit())
}

fn passport_of_synthea(value: &str) -> bool {
    value.len() == 10
        && value.starts_with('X')
        && value.ends_with('X')
        && value.bytes().skip(1).take(8).all(|b| b.is_ascii_digit())
}

fn same_digits(card: &str, value: &str) -> bool {
    (card.len()..=card.len() + 4).contains(&value.len())
        && value.bytes().filter(|b| *b != b' ' && *b != b'-').eq(card.bytes())
}

/// Card numbers that processors publish for tests.
const CARDS: [&str; 9] = [
    "4111111111111111",
    "4242424242424242",
    "4012888888881881",
    "4000056655665556",
    "5555555555554444",
    "5105105105105100",
    "378282246310005",
    "371449635398431",
    "6011111111111117",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_year_is_found_at_either_end() {
        let years = [
            ("1980-02-29", Some(1980)),
            ("19800229", Some(1980)),
            ("02/29/1980", Some(1980)),
            ("29.02.1980", Some(1980)),
            ("1980", Some(1980)),
            ("", None),
            ("29 Feb", None),
            ("é980-01-01", None),
        ];
        for (text, expected) in years {
            assert_eq!(year(text), expected, "{text}");
        }
    }

    #[test]
    fn only_numbers_that_are_never_issued_stand_out() {
        for (value, expected) in [
            ("999-53-8547", Sign::SsnArea999),
            ("000-12-3456", Sign::SsnNeverIssued),
            ("666123456", Sign::SsnNeverIssued),
            ("912-34-5678", Sign::SsnNeverIssued),
            ("912-70-5678", Sign::SsnOrdinary),
            ("123-00-4567", Sign::SsnNeverIssued),
            ("123-45-0000", Sign::SsnNeverIssued),
            ("123-45-6789", Sign::SsnOrdinary),
            ("xxx-xx-6789", Sign::SsnOrdinary),
        ] {
            assert_eq!(ssn(value), expected, "{value}");
        }
        assert!(issued_npi("1588664007") && !issued_npi("9999992198") && !issued_npi("1588664008"));
    }
}
