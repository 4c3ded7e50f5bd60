//! Records that leave their format: as CSV, as HL7 v2, as the lines that a page of a PDF gives; and come back.

use std::{borrow::Cow, fmt::Write as _, io::Cursor};

use carrier::table::{Chunks, Format};
use mark::{Claim, Form, Place, Reading, Record, json::Json};
use recognise::{Address, Identifier, Name, Person};

use crate::input::LIMITS;

/// Where records go, and what is left of a person there: one of each thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Csv,
    Hl7v2,
    Page,
}

/// Writes these persons that way, reads them back, and gives the readings in order.
///
/// CSV and HL7 v2 come back through the carriers; a page by the labels on it, as a clerk or a script would.
pub(super) fn there_and_back(
    persons: &[Person<'_>],
    way: Way,
    each: &mut dyn FnMut(&Reading<'_>) -> miette::Result<()>,
) -> miette::Result<()> {
    let (text, format) = match way {
        Way::Csv => (csv(persons), Format::Table { object: "export".to_owned(), delimiter: b',' }),
        Way::Hl7v2 => (hl7v2(persons), Format::Hl7v2),
        Way::Page => {
            for person in persons {
                each(&read_page(&page(person)))?;
            }
            return Ok(());
        }
    };
    let mut chunks = Chunks::new(Cursor::new(text.into_bytes()), format, LIMITS);
    // What is read from memory can be read.
    while let Ok(Some(chunk)) = chunks.next_chunk() {
        chunk.read().records.iter().try_for_each(&mut *each)?;
    }
    Ok(())
}

/// A person's values, one of each.
struct Line<'p> {
    given: &'p str,
    middle: &'p str,
    family: Cow<'p, str>,
    birth_date: &'p str,
    email: &'p str,
    phone: &'p str,
    street: Cow<'p, str>,
    city: &'p str,
    state: &'p str,
    postal_code: &'p str,
}

impl<'p> Line<'p> {
    fn of(person: &'p Person<'_>) -> Self {
        let text = |value: Option<&'p Cow<'_, str>>| value.map_or("", |value| value.as_ref());
        let (name, address) = (person.names.first(), person.addresses.first());
        let parts: Vec<&str> = name.map(given_and_family).unwrap_or_default();
        let (family, given) = parts.split_last().map_or(("", &[][..]), |(family, given)| (*family, given));
        Self {
            given: given.first().copied().unwrap_or_default(),
            middle: given.get(1).copied().unwrap_or_default(),
            family: family.into(),
            birth_date: text(person.birth_date.as_ref()),
            email: text(person.emails.first()),
            phone: text(person.phones.first()),
            street: address.map_or(Cow::Borrowed(""), |address| street(address).into()),
            city: text(address.and_then(|address| address.city.as_ref())),
            state: text(address.and_then(|address| address.state.as_ref())),
            postal_code: text(address.and_then(|address| address.postal_code.as_ref())),
        }
    }
}

fn given_and_family<'n>(name: &'n Name<'_>) -> Vec<&'n str> {
    match (&name.family, &name.whole) {
        (None, Some(whole)) => whole.split_whitespace().collect(),
        (family, _) => {
            let family = family.as_ref().map_or("", |family| family.as_ref());
            name.given.iter().map(Cow::as_ref).chain([family]).collect()
        }
    }
}

fn street(address: &Address<'_>) -> String {
    let lines: Vec<&str> = address.lines.iter().map(Cow::as_ref).collect();
    lines.join(" ").replace(['\n', '\r'], " ")
}

fn csv(persons: &[Person<'_>]) -> String {
    let mut text =
        "first_name,middle_name,last_name,date_of_birth,email,phone,street,city,state,postal_code\r\n"
            .to_owned();
    for person in persons {
        let line = Line::of(person);
        let cells = [
            line.given,
            line.middle,
            &line.family,
            line.birth_date,
            line.email,
            line.phone,
            &line.street,
            line.city,
            line.state,
            line.postal_code,
        ];
        let cells: Vec<String> =
            cells.iter().map(|cell| format!("\"{}\"", cell.replace('"', "\"\""))).collect();
        text.push_str(&cells.join(","));
        text.push_str("\r\n");
    }
    text
}

fn hl7v2(persons: &[Person<'_>]) -> String {
    let mut text = String::new();
    for (number, person) in persons.iter().enumerate() {
        let line = Line::of(person);
        let identifiers: Vec<String> = person.identifiers.iter().map(identifier).collect();
        let date: String = line.birth_date.chars().filter(|letter| *letter != '-').collect();
        let name = [&line.family, line.given, line.middle].map(escaped).join("^");
        let address = [&line.street, "", line.city, line.state, line.postal_code].map(escaped).join("^");
        let mut reached = vec![format!("{}^PRN^PH", escaped(line.phone))];
        if !line.email.is_empty() {
            reached.push(format!("^NET^Internet^{}", escaped(line.email)));
        }
        // Writing to a string cannot fail.
        write!(
            text,
            "MSH|^~\\&|EXPORT|SITE|||20260101000000||ADT^A04^ADT_A01|{number}|P|2.5.1|||||||UNICODE UTF-8\r\
             PID|1||{}||{name}||{}||||{address}||{}\r",
            identifiers.join("~"),
            escaped(&date),
            reached.join("~")
        )
        .ok();
    }
    text
}

fn identifier(identifier: &Identifier<'_>) -> String {
    let value = escaped(&identifier.value);
    match identifier.system.strip_prefix("urn:oid:") {
        Some(id) => format!("{value}^^^&{}&ISO", escaped(id)),
        None => format!("{value}^^^{}", escaped(&identifier.system)),
    }
}

/// Source: HL7 v2.5.1 chapter 2, "Use of escape sequences in text fields".
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\\' => out.push_str("\\E\\"),
            '|' => out.push_str("\\F\\"),
            '^' => out.push_str("\\S\\"),
            '&' => out.push_str("\\T\\"),
            '~' => out.push_str("\\R\\"),
            control if control.is_control() => out.push(' '),
            other => out.push(other),
        }
    }
    out
}

/// The lines that a page gives: labels and values, an American date, an address over two lines.
fn page(person: &Person<'_>) -> String {
    let line = Line::of(person);
    let name: Vec<&str> =
        [line.given, line.middle, &line.family].into_iter().filter(|part| !part.is_empty()).collect();
    let mut date = line.birth_date.splitn(3, '-');
    let date = match (date.next(), date.next(), date.next()) {
        (Some(year), Some(month), Some(day)) => format!("{month}/{day}/{year}"),
        _ => line.birth_date.to_owned(),
    };
    format!(
        "SUMMARY                                        Page 1 of 1\n\
         Name: {}\n\
         Date of birth: {date}\n\
         Address: {}\n\
         \x20        {}, {} {}\n\
         Phone: {}\n\
         E-mail: {}\n",
        name.join(" "),
        line.street,
        line.city,
        line.state,
        line.postal_code,
        line.phone,
        line.email
    )
}

/// A page read by its labels.
fn read_page(page: &str) -> Reading<'static> {
    let mut fields: Vec<(Cow<'static, str>, Json<'static>)> = Vec::new();
    let mut lines = page.lines();
    let mut put = |name: &'static str, value: &str| {
        if !value.trim().is_empty() {
            fields.push((name.into(), Json::Text(value.trim().to_owned().into())));
        }
    };
    while let Some(line) = lines.next() {
        let Some((label, value)) = line.split_once(':') else { continue };
        match label {
            "Name" => put("full_name", value),
            "Date of birth" => put("date_of_birth", value),
            "Phone" => put("phone", value),
            "E-mail" => put("email", value),
            "Address" => {
                put("street", value);
                let (city, rest) = lines.next().and_then(|next| next.rsplit_once(',')).unwrap_or_default();
                put("city", city);
                put("postal_code", rest.rsplit_once(' ').map_or("", |(_, code)| code));
            }
            _ => {}
        }
    }
    let record = Record { form: Form::Table, object: "page".into(), fields, mark: None, claim: Claim::None };
    Reading { place: Place::default(), content: Ok(record) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_comes_back_from_each_way() {
        let person = Person {
            names: vec![Name {
                given: vec!["Ada".into(), "Q".into()],
                family: Some("O'Bell|x".into()),
                ..Name::default()
            }],
            birth_date: Some("1984-02-29".into()),
            emails: vec!["ada@example.org".into()],
            phones: vec!["617-555-0142".into()],
            identifiers: vec![Identifier { system: "urn:oid:1.2.3".into(), value: "A&7".into() }],
            addresses: vec![Address {
                lines: vec!["7 \"Elm\" St, Apt 3".into()],
                city: Some("Salem".into()),
                state: Some("MA".into()),
                postal_code: Some("01970".into()),
                country: None,
            }],
        };
        for way in [Way::Csv, Way::Hl7v2, Way::Page] {
            let mut count = 0;
            there_and_back(&[person.clone(), person.clone()], way, &mut |reading| {
                count += 1;
                let record = reading.content.as_ref().unwrap();
                let back = Person::of(record).unwrap();
                assert_eq!(back.emails, person.emails, "{way:?}");
                assert_eq!(back.phones, person.phones, "{way:?}");
                assert_eq!(back.addresses[0].city, person.addresses[0].city, "{way:?}");
                assert_eq!(back.addresses[0].lines, person.addresses[0].lines, "{way:?}");
                assert_eq!(back.addresses[0].postal_code, person.addresses[0].postal_code, "{way:?}");
                match way {
                    Way::Page => assert_eq!(back.names[0].whole.as_deref(), Some("Ada Q O'Bell|x")),
                    Way::Csv => assert_eq!(back.names[0].family, person.names[0].family),
                    Way::Hl7v2 => {
                        assert_eq!(back.names[0].family, person.names[0].family);
                        assert_eq!(back.identifiers[0].system, "urn:oid:1.2.3");
                    }
                }
                Ok(())
            })
            .unwrap();
            assert_eq!(count, 2, "{way:?}");
        }
    }
}
