//! FHIR R4 resources that are about one person.

use std::borrow::Cow;

use mark::{Record, json::Json};

use super::{Address, Identifier, NAMES_MAX, Name, Person, VALUES_MAX, push, text};
use crate::normalise::known_system;

/// The person of a resource, or nothing where its type is not about one.
///
/// Source: spec/identity.md section 1.1.
pub(super) fn person<'a>(record: &'a Record<'_>) -> Option<Person<'a>> {
    if !["Patient", "Person", "Practitioner", "RelatedPerson"].contains(&record.object.as_ref()) {
        return None;
    }
    let is_at_work = record.object == "Practitioner";
    let mut person = Person::default();
    for (name, value) in &record.fields {
        match name.as_ref() {
            "name" => names(value, &mut person.names),
            "birthDate" => person.birth_date = text(value),
            "telecom" => value.items().iter().for_each(|item| telecom(item, is_at_work, &mut person)),
            "identifier" => {
                for found in value.items().iter().filter_map(identifier) {
                    push(&mut person.identifiers, VALUES_MAX, found);
                }
            }
            "address" => {
                for item in value.items() {
                    let place = item.get("use").and_then(Json::text);
                    if place == Some("work") || (is_at_work && place != Some("home")) {
                        continue;
                    }
                    push(&mut person.addresses, VALUES_MAX, address(item));
                }
            }
            _ => {}
        }
    }
    Some(person)
}

/// The names, the official one first and the others in their order.
fn names<'a>(value: &'a Json<'_>, names: &mut Vec<Name<'a>>) {
    let is_official = |item: &&Json<'_>| item.get("use").and_then(Json::text) == Some("official");
    let (official, others): (Vec<_>, Vec<_>) = value.items().iter().partition(is_official);
    for item in official.into_iter().chain(others) {
        let mut name = Name::default();
        for (member, value) in item.members() {
            match member.as_ref() {
                "family" => name.family = text(value),
                "given" => name.given = value.items().iter().filter_map(text).take(VALUES_MAX).collect(),
                "prefix" => name.prefix = value.items().iter().find_map(text),
                "suffix" => name.suffix = value.items().iter().find_map(text),
                "text" => name.whole = text(value),
                _ => {}
            }
        }
        if name != Name::default() {
            push(names, NAMES_MAX, name);
        }
    }
}

fn telecom<'a>(item: &'a Json<'_>, is_at_work: bool, person: &mut Person<'a>) {
    let Some(value) = item.get("value").and_then(text) else { return };
    let is_email = match item.get("system").and_then(Json::text) {
        Some("email") => true,
        Some("phone" | "sms" | "fax" | "pager") => false,
        Some("url") => return,
        _ => value.contains('@'),
    };
    if is_email {
        push(&mut person.emails, VALUES_MAX, value);
    } else if !(is_at_work && item.get("use").and_then(Json::text) == Some("work")) {
        push(&mut person.phones, VALUES_MAX, value);
    }
}

fn identifier<'a>(item: &'a Json<'_>) -> Option<Identifier<'a>> {
    let value = item.get("value").and_then(text)?;
    let system = item.get("system").and_then(text);
    let codings = item.get("type").and_then(|kind| kind.get("coding")).map_or(&[][..], Json::items);
    let code = codings.iter().find_map(|coding| coding.get("code").and_then(text));
    // A type of which a person has one, such as SS, says more than a system that nobody else knows.
    let is_known = |word: &Cow<'_, str>| known_system(word).is_some();
    let system = match (system, code) {
        (Some(system), Some(code)) if !is_known(&system) && is_known(&code) => code,
        (Some(system), _) => system,
        (None, code) => code.unwrap_or_default(),
    };
    Some(Identifier { system, value })
}

fn address<'a>(item: &'a Json<'_>) -> Address<'a> {
    let part = |name| item.get(name).and_then(text);
    let lines = item.get("line").map_or(&[][..], Json::items);
    let mut lines: Vec<_> = lines.iter().filter_map(text).take(VALUES_MAX).collect();
    if lines.is_empty() {
        lines.extend(part("text"));
    }
    Address {
        lines,
        city: part("city"),
        state: part("state"),
        postal_code: part("postalCode"),
        country: part("country"),
    }
}
