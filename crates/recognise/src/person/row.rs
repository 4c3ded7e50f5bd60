//! Rows: Salesforce records, and tables whose columns are guessed or mapped.

use std::borrow::Cow;

use mark::Record;

use crate::normalise::is_uuid;

use super::{
    Address, ColumnMap, Identifier, NAMES_MAX, Name, Person, VALUES_MAX, push,
    spelling::{self, Field, Part},
    text,
};

/// The person of a Salesforce row.
///
/// Source: spec/identity.md section 1.2.
pub(super) fn salesforce<'a>(record: &'a Record<'_>) -> Option<Person<'a>> {
    let is = |name: &str| record.object.eq_ignore_ascii_case(name);
    if ["Contact", "Lead", "User", "Individual"].into_iter().any(is) {
        return Some(gather(record, spelling::field).person);
    }
    let is_custom = record.object.len() > 3
        && record.object.get(record.object.len() - 3..).is_some_and(|end| end.eq_ignore_ascii_case("__c"));
    if is("Account") || is("PersonAccount") || is_custom {
        let gathered = gather(record, spelling::field);
        return gathered.is_about_a_person.then_some(gathered.person);
    }
    None
}

/// The person of a row whose columns' names are all there is to go by.
///
/// Source: spec/identity.md section 1.3.
pub(super) fn guessed<'a>(record: &'a Record<'_>) -> Option<Person<'a>> {
    let gathered = gather(record, spelling::field);
    gathered.is_about_a_person.then_some(gathered.person)
}

/// The person of a row whose columns' roles are given.
pub(super) fn mapped<'a>(record: &'a Record<'_>, columns: &'a ColumnMap) -> Person<'a> {
    gather(record, |name| columns.role(name)?.field()).person
}

struct Gathered<'a> {
    person: Person<'a>,
    /// Whether something was there that organisations and places do not have: `name`, `phone` and `city` do not do.
    is_about_a_person: bool,
}

fn gather<'a, 's: 'a>(record: &'a Record<'_>, field: impl Fn(&str) -> Option<Field<'s>>) -> Gathered<'a> {
    let mut person = Person::default();
    let mut name = Name::default();
    let mut middle = None;
    let mut addresses = Addresses::default();
    let mut is_about_a_person = false;
    for (column, value) in &record.fields {
        let Some(field) = field(column) else { continue };
        let value = text(value);
        if let Field::At(part) = field {
            addresses.make_room(part, &mut person);
        }
        let Some(value) = value else { continue };
        is_about_a_person |=
            matches!(field, Field::Given | Field::Family | Field::Whole | Field::BirthDate | Field::Email)
                || matches!(field, Field::Identifier(system) if system != "uuid" && system != "npi");
        match field {
            Field::Given => push(&mut name.given, VALUES_MAX, value),
            Field::Middle => middle = middle.or(Some(value)),
            Field::Family => name.family = name.family.or(Some(value)),
            Field::Whole => name.whole = Some(value),
            Field::PlainName => name.whole = name.whole.or(Some(value)),
            Field::Prefix => name.prefix = name.prefix.or(Some(value)),
            Field::Suffix => name.suffix = name.suffix.or(Some(value)),
            Field::BirthDate => person.birth_date = person.birth_date.or(Some(value)),
            Field::Email => push(&mut person.emails, VALUES_MAX, value),
            Field::Phone => push(&mut person.phones, VALUES_MAX, value),
            Field::Identifier("uuid") if !is_uuid(&value) => {}
            Field::Identifier(system) => {
                push(
                    &mut person.identifiers,
                    VALUES_MAX,
                    Identifier { system: Cow::Borrowed(system), value },
                );
            }
            Field::At(part) => addresses.put(part, value),
        }
    }
    addresses.close(&mut person);
    if let Some(middle) = middle {
        push(&mut name.given, VALUES_MAX, middle);
    }
    if !name.given.is_empty() || name.family.is_some() || name.whole.is_some() {
        push(&mut person.names, NAMES_MAX, name);
    }
    Gathered { person, is_about_a_person }
}

/// Collects columns into addresses: a part that the present address already has a column for begins the next one.
#[derive(Default)]
struct Addresses<'a> {
    present: Address<'a>,
    seen: u8,
}

impl<'a> Addresses<'a> {
    /// Called for empty values too: a column that is empty in this row still belongs to its address.
    fn make_room(&mut self, part: Part, person: &mut Person<'a>) {
        let bit = match part {
            // A further line belongs to the address that has begun.
            Part::FurtherLine => return,
            Part::Line => 1,
            Part::City => 2,
            Part::State => 4,
            Part::PostalCode => 8,
            Part::Country => 16,
        };
        if self.seen & bit != 0 {
            self.close(person);
        }
        self.seen |= bit;
    }

    fn put(&mut self, part: Part, value: Cow<'a, str>) {
        let slot = match part {
            Part::City => &mut self.present.city,
            Part::State => &mut self.present.state,
            Part::PostalCode => &mut self.present.postal_code,
            Part::Country => &mut self.present.country,
            Part::Line | Part::FurtherLine => return push(&mut self.present.lines, VALUES_MAX, value),
        };
        *slot = Some(value);
    }

    fn close(&mut self, person: &mut Person<'a>) {
        self.seen = 0;
        let address = std::mem::take(&mut self.present);
        if !address.lines.is_empty() || address.city.is_some() || address.postal_code.is_some() {
            push(&mut person.addresses, VALUES_MAX, address);
        }
    }
}
