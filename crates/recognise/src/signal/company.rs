//! A company's name, and the contact data of records that are no person, such as Salesforce accounts.

use std::borrow::Cow;

use mark::{Form, Record};

use super::{Facts, Seen, Sign, facts::Lower};
use crate::person::{Address, Person};

pub(super) fn look(facts: &Facts, record: &Record<'_>, seen: &mut Seen) {
    if !matches!(record.form, Form::Salesforce | Form::Table) {
        return;
    }
    let account = record.object.eq_ignore_ascii_case("Account");
    for (name, value) in &record.fields {
        let holds_company =
            name.eq_ignore_ascii_case("company") || (account && name.eq_ignore_ascii_case("name"));
        if holds_company && let Some(text) = value.text().filter(|text| !text.trim().is_empty()) {
            seen.add(company_sign(facts, text.trim()));
        }
    }
}

fn company_sign(facts: &Facts, company: &str) -> Sign {
    let surname = |word: &str| Lower::word(word).is_some_and(|word| facts.is_family_name(word.as_bytes()));
    if let Some((first, rest)) = company.split_once(", ")
        && let Some((second, third)) = rest.split_once(" and ")
    {
        let all = surname(first) && surname(second) && surname(third);
        return if all { Sign::CompanyThree } else { Sign::CompanyOrdinary };
    }
    if let Some((first, second)) = company.split_once('-') {
        return if surname(first) && surname(second) { Sign::CompanyTwo } else { Sign::CompanyOrdinary };
    }
    match company.split_once(' ') {
        Some((first, "Inc" | "LLC" | "Ltd" | "PLC" | "Group" | "and Sons")) if surname(first) => {
            Sign::CompanyOne
        }
        _ => Sign::CompanyOrdinary,
    }
}

/// Phones and addresses of a Salesforce record or row that is not read as a person.
///
/// Bounds: 8 phones, one address a prefix (`Billing`, `Shipping`, none).
pub(super) fn contact_data<'a>(record: &'a Record<'_>) -> Person<'a> {
    let mut person = Person::default();
    if !matches!(record.form, Form::Salesforce | Form::Table) {
        return person;
    }
    for prefix in ["Billing", "Shipping", ""] {
        let mut address = Address::default();
        for (name, value) in &record.fields {
            let Some(text) = value.text().filter(|text| !text.is_empty()) else { continue };
            let Some(part) = name
                .get(prefix.len()..)
                .filter(|_| name.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix)))
            else {
                continue;
            };
            let is = |one: &str| part.eq_ignore_ascii_case(one);
            let text = Cow::Borrowed(text);
            if is("Street") {
                address.lines = vec![text];
            } else if is("City") {
                address.city = Some(text);
            } else if is("State") {
                address.state = Some(text);
            } else if is("PostalCode") || is("Postal_Code") {
                address.postal_code = Some(text);
            } else if is("Country") {
                address.country = Some(text);
            } else if prefix.is_empty() && (is("Phone") || is("Fax")) && person.phones.len() < 8 {
                person.phones.push(text);
            }
        }
        if address != Address::default() {
            person.addresses.push(address);
        }
    }
    person
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn companies_of_surnames_are_told_apart() {
        let facts = Facts::built_in();
        for (company, expected) in [
            ("Parker, Rodriguez and Torres", Sign::CompanyThree),
            ("Mercy, Health and Hospital", Sign::CompanyOrdinary),
            ("Martin-Peterson", Sign::CompanyTwo),
            ("Rollins Ltd", Sign::CompanyOne),
            ("Zqx Group", Sign::CompanyOrdinary),
            ("", Sign::CompanyOrdinary),
        ] {
            assert_eq!(company_sign(&facts, company), expected, "{company}");
        }
    }
}
