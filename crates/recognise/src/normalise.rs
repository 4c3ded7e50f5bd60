//! A person's values in the one spelling that is fingerprinted. `spec/identity.md` is the contract.

use crate::{
    fingerprint::FingerprintKind,
    person::{Person, VALUE_BYTES_MAX},
};

mod address;
mod date;
mod email;
mod fold;
mod identifier;
mod name;
mod phone;

pub(crate) use identifier::{is_uuid, known_system};

/// Gives each text that is fingerprinted: the kind's word, then its parts, a NUL in front of each.
///
/// Shape:  kinds in the order of [`FingerprintKind::ALL`]; a text can be given twice.
/// Bounds: at most [`PER_KIND_MAX`] texts of a kind. Time is linear in the values, of which none over 400 bytes is looked
///         at.
/// Source: spec/identity.md sections 3 to 9.
pub(crate) fn texts(person: &Person<'_>, mut emit: impl FnMut(FingerprintKind, &str)) {
    let mut text = String::with_capacity(128);
    if let Some(date) = person.birth_date.as_deref().and_then(date::birth_date) {
        let date = date.to_string();
        let mut count = 0;
        for one in &person.names {
            name::pairs(one, |first, second| {
                count += 1;
                if count <= PER_KIND_MAX {
                    begin(FingerprintKind::NameAndBirthDate, &mut text);
                    for part in [first, "\0", second, "\0", &date] {
                        text.push_str(part);
                    }
                    emit(FingerprintKind::NameAndBirthDate, &text);
                }
            });
        }
    }
    let mut count = 0;
    for email in &person.emails {
        begin(FingerprintKind::Email, &mut text);
        if count < PER_KIND_MAX && email::email(email, &mut text) {
            count += 1;
            emit(FingerprintKind::Email, &text);
        }
    }
    let country = person.addresses.iter().find_map(|address| address.country.as_deref());
    let plan = country.and_then(phone::Plan::of);
    let mut count = 0;
    for number in person.phones.iter().filter(|number| number.len() <= VALUE_BYTES_MAX) {
        phone::phone(number, plan, |number| {
            count += 1;
            if count <= PER_KIND_MAX {
                begin(FingerprintKind::Phone, &mut text);
                text.push_str(number);
                emit(FingerprintKind::Phone, &text);
            }
        });
    }
    let mut count = 0;
    for found in &person.identifiers {
        begin(FingerprintKind::Identifier, &mut text);
        if count < PER_KIND_MAX && identifier::identifier(&found.system, &found.value, &mut text) {
            count += 1;
            emit(FingerprintKind::Identifier, &text);
        }
    }
    let mut count = 0;
    for found in &person.addresses {
        begin(FingerprintKind::Address, &mut text);
        if count < PER_KIND_MAX && address::address(found, &mut text) {
            count += 1;
            emit(FingerprintKind::Address, &text);
        }
    }
}

/// Most texts of one kind: a fifth of what a person may have.
pub(crate) const PER_KIND_MAX: usize = 8;

fn begin(kind: FingerprintKind, text: &mut String) {
    text.clear();
    text.push_str(kind.as_str());
    text.push('\0');
}
