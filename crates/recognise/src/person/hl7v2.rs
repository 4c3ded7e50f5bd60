//! The PID segment of an HL7 v2 message. Other persons in it, such as next of kin in NK1, are not whom it is about.

use std::borrow::Cow;

use mark::{Record, json::Json};

use super::{Address, Identifier, NAMES_MAX, Name, Person, VALUES_MAX, bounded, push};
use crate::normalise::known_system;

/// The person of a message, or nothing where it has no PID segment.
///
/// Shape:  fields named `PID-5`, or `PID-5[2]` for a repetition; repetitions apart by `~`, components by `^`,
///         subcomponents by `&`, and these as text escaped: as spec/carriers.md has them.
/// Source: spec/identity.md section 1.4; HL7 v2.5.1 chapters 2A and 3.
pub(super) fn person<'a>(record: &'a Record<'_>) -> Option<Person<'a>> {
    let mut person = Person::default();
    let mut has_segment = false;
    for (name, value) in &record.fields {
        let Some(field) = name.strip_prefix("PID-") else { continue };
        has_segment = true;
        let number = field.split_once('[').map_or(field, |(number, _)| number);
        let Some(value) = Json::text(value).filter(|value| value.len() <= FIELD_BYTES_MAX) else { continue };
        value.split('~').take(REPETITIONS_MAX).for_each(|value| take(number, value, &mut person));
    }
    has_segment.then_some(person)
}

/// Longest field that is looked at, in bytes, and most repetitions of it.
const FIELD_BYTES_MAX: usize = 8192;
const REPETITIONS_MAX: usize = 32;

/// One repetition of the field with this number.
fn take<'a>(number: &str, value: &'a str, person: &mut Person<'a>) {
    match number {
        "2" | "3" | "4" | "18" => {
            if let Some(found) = identifier(value) {
                push(&mut person.identifiers, VALUES_MAX, found);
            }
        }
        "19" => of_system("ssn", value, person),
        "20" => of_system("driving-licence", value, person),
        "5" => {
            let name = person_name(value);
            if name != Name::default() {
                push(&mut person.names, NAMES_MAX, name);
            }
        }
        "7" => person.birth_date = component(value, 1).map(leaf),
        "11" => push(&mut person.addresses, VALUES_MAX, address(value)),
        "13" | "14" | "40" => telecom(value, person),
        _ => {}
    }
}

/// XPN: family, given, further given, suffix, prefix.
fn person_name(value: &str) -> Name<'_> {
    let part = |at| component(value, at).map(leaf);
    let family = component(value, 1).and_then(|family| subcomponent(family, 1)).map(leaf);
    Name {
        prefix: part(5),
        given: part(2).into_iter().chain(part(3)).collect(),
        family,
        suffix: part(4),
        whole: None,
    }
}

/// CX: the id, and the system from its type (component 5) or its assigning authority (component 4).
fn identifier(field: &str) -> Option<Identifier<'_>> {
    let value = component(field, 1).and_then(|id| subcomponent(id, 1))?;
    let authority = component(field, 4).unwrap_or_default();
    let kind = component(field, 5).unwrap_or_default();
    // HD: a name, then an id that is unique in the world and its type.
    let (name, id, id_type) =
        (subcomponent(authority, 1), subcomponent(authority, 2), subcomponent(authority, 3));
    let is_known = |word: &&str| known_system(word).is_some();
    let system = [Some(kind), name].into_iter().flatten().find(is_known).map(Cow::Borrowed);
    let system = system.unwrap_or_else(|| match (name, id) {
        (_, Some(id)) if id_type.is_some_and(|id_type| id_type.eq_ignore_ascii_case("ISO")) => {
            Cow::Owned(format!("urn:oid:{id}"))
        }
        (Some(name), _) => Cow::Borrowed(name),
        (None, Some(id)) => Cow::Borrowed(id),
        (None, None) => Cow::Borrowed(kind),
    });
    Some(Identifier { system, value: leaf(value) })
}

fn of_system<'a>(system: &'static str, value: &'a str, person: &mut Person<'a>) {
    let Some(value) = component(value, 1).and_then(|value| subcomponent(value, 1)) else { return };
    let found = Identifier { system: Cow::Borrowed(system), value: leaf(value) };
    push(&mut person.identifiers, VALUES_MAX, found);
}

/// XAD: street (or street, name and number as subcomponents), further line, city, state, postal code, country.
fn address(value: &str) -> Address<'_> {
    let part = |at| component(value, at).map(leaf);
    let street = component(value, 1).map(|street| {
        if street.contains('&') {
            let parts: Vec<&str> = street.split('&').filter_map(bounded).collect();
            Cow::Owned(parts.into_iter().map(leaf).collect::<Vec<_>>().join(" "))
        } else {
            leaf(street)
        }
    });
    Address {
        lines: street.into_iter().chain(part(2)).collect(),
        city: part(3),
        state: part(4),
        postal_code: part(5),
        country: part(6),
    }
}

/// XTN: a number or address as text, or e-mail in component 4, country, area and number in 5 to 7.
fn telecom<'a>(value: &'a str, person: &mut Person<'a>) {
    let written = component(value, 1);
    for email in [component(value, 4), written].into_iter().flatten().filter(|text| text.contains('@')) {
        push(&mut person.emails, VALUES_MAX, leaf(email));
    }
    if let Some(number) = written {
        if !number.contains('@') {
            push(&mut person.phones, VALUES_MAX, leaf(number));
        }
        return;
    }
    let (country, area, local) = (component(value, 5), component(value, 6), component(value, 7));
    let Some(local) = local else { return };
    let number = match (country, area) {
        (Some(country), area) => {
            format!("+{} {} {local}", country.trim_start_matches('+'), area.unwrap_or_default())
        }
        (None, area) => format!("{} {local}", area.unwrap_or_default()),
    };
    push(&mut person.phones, VALUES_MAX, Cow::Owned(number));
}

/// The component at a one-based place, unless it is empty or the two quotes that delete a value.
fn component(value: &str, at: usize) -> Option<&str> {
    value.split('^').nth(at - 1).and_then(bounded).filter(|text| *text != "\"\"")
}

fn subcomponent(value: &str, at: usize) -> Option<&str> {
    value.split('&').nth(at - 1).and_then(bounded)
}

/// The text of a part, its escapes resolved: separators as themselves, line breaks and unknown ones as spaces.
fn leaf(part: &str) -> Cow<'_, str> {
    if !part.contains('\\') {
        return Cow::Borrowed(part);
    }
    let mut out = String::with_capacity(part.len());
    let mut rest = part;
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        let Some((sequence, next)) = after.split_once('\\') else {
            rest = after;
            break;
        };
        out.push(match sequence {
            "F" => '|',
            "S" => '^',
            "T" => '&',
            "R" => '~',
            "E" => '\\',
            _ => ' ',
        });
        rest = next;
    }
    out.push_str(rest);
    Cow::Owned(out)
}
