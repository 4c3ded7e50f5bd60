//! The identifying values of one record, as they are written there: what both ways of recognising look at.
//!
//! Start at [`Person::of`]. A row's names are told by [`columns`]; each other format has a file of its own.

use std::{borrow::Cow, fmt};

use mark::{Form, Record, json::Json};

mod columns;
mod fhir;
mod hl7v2;
mod row;
mod spelling;

pub use columns::{ColumnMap, Role, UnknownRole};

/// Everything in a record that says who it is about, raw: spelling and format are evidence too.
///
/// Bounds: at most 8 names, 16 of each other kind; what is beyond is left out.
/// Debug shows counts only: the values can be a person's.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Person<'a> {
    /// Names, the most official first.
    pub names: Vec<Name<'a>>,
    /// The date of birth as it is written.
    pub birth_date: Option<Cow<'a, str>>,
    /// E-mail addresses.
    pub emails: Vec<Cow<'a, str>>,
    /// Telephone numbers.
    pub phones: Vec<Cow<'a, str>>,
    /// Identifiers with the system that issued them.
    pub identifiers: Vec<Identifier<'a>>,
    /// Postal addresses.
    pub addresses: Vec<Address<'a>>,
}

/// One name. Where the record has only a whole name, it is in `whole`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Name<'a> {
    /// Prefix such as `Dr.`.
    pub prefix: Option<Cow<'a, str>>,
    /// First and middle names, in order.
    pub given: Vec<Cow<'a, str>>,
    /// Family name.
    pub family: Option<Cow<'a, str>>,
    /// Suffix such as `Jr.`.
    pub suffix: Option<Cow<'a, str>>,
    /// The whole name as one text.
    pub whole: Option<Cow<'a, str>>,
}

/// One identifier.
#[derive(Clone, PartialEq, Eq)]
pub struct Identifier<'a> {
    /// Who issued it: a FHIR system, an HL7 assigning authority, or a word of ours such as `ssn`.
    pub system: Cow<'a, str>,
    /// Its value.
    pub value: Cow<'a, str>,
}

/// One postal address.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Address<'a> {
    /// Street lines.
    pub lines: Vec<Cow<'a, str>>,
    /// City.
    pub city: Option<Cow<'a, str>>,
    /// State or province.
    pub state: Option<Cow<'a, str>>,
    /// Postal code.
    pub postal_code: Option<Cow<'a, str>>,
    /// Country.
    pub country: Option<Cow<'a, str>>,
}

impl<'a> Person<'a> {
    /// The person that a record is about, or nothing where it identifies nobody.
    ///
    /// A work address of a practitioner is left out: it is a place where many work, and says nothing of one.
    ///
    /// Shape:  a Patient, Practitioner, `RelatedPerson` or Person; a Contact, Lead, User, Individual, person account or
    ///         custom object; a row whose columns are named for a person's values; the PID segment of an HL7 v2
    ///         message. Any other record is nothing.
    /// Bounds: linear in the record; a value of more than [`VALUE_BYTES_MAX`] bytes is left out.
    /// Source: spec/identity.md section 1.
    pub fn of(record: &'a Record<'_>) -> Option<Self> {
        let mut person = match record.form {
            Form::Fhir => fhir::person(record)?,
            Form::Hl7v2 => hl7v2::person(record)?,
            Form::Salesforce => row::salesforce(record)?,
            Form::Table => row::guessed(record)?,
        };
        person.addresses.retain(|address| *address != Address::default());
        person.identifies().then_some(person)
    }

    /// The same where the columns' roles are given: they decide alone, in tables and Salesforce rows.
    ///
    /// FHIR and HL7 v2 say themselves what their fields are: for them it is [`Person::of`].
    pub fn with(record: &'a Record<'_>, columns: &'a ColumnMap) -> Option<Self> {
        match record.form {
            Form::Fhir | Form::Hl7v2 => Self::of(record),
            Form::Salesforce | Form::Table => {
                let person = row::mapped(record, columns);
                person.identifies().then_some(person)
            }
        }
    }

    /// Whether anything here says who: a birth date alone does not.
    fn identifies(&self) -> bool {
        !(self.names.is_empty()
            && self.emails.is_empty()
            && self.phones.is_empty()
            && self.identifiers.is_empty()
            && self.addresses.is_empty())
    }
}

/// Longest value that is taken, in bytes: longer is a text, not a name, an address line or a number.
pub const VALUE_BYTES_MAX: usize = 400;
/// Most names of one person.
pub(crate) const NAMES_MAX: usize = 8;
/// Most values of each other kind.
pub(crate) const VALUES_MAX: usize = 16;

/// The value's text without white space around it; nothing if there is none, or more than [`VALUE_BYTES_MAX`] bytes.
fn text<'a>(value: &'a Json<'_>) -> Option<Cow<'a, str>> {
    match value {
        Json::Text(text) => bounded(text).map(Cow::Borrowed),
        // Digits that a writer took for a number: telephone numbers, `19840229`.
        Json::Number(number) => bounded(&number.to_string()).map(|text| Cow::Owned(text.to_owned())),
        Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => None,
    }
}

fn bounded(text: &str) -> Option<&str> {
    let text = text.trim();
    (!text.is_empty() && text.len() <= VALUE_BYTES_MAX).then_some(text)
}

/// Adds a value unless there are already as many as are kept.
fn push<T>(values: &mut Vec<T>, most: usize, value: T) {
    if values.len() < most {
        values.push(value);
    }
}

impl fmt::Debug for Person<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Person")
            .field("names", &self.names.len())
            .field("birth_date", &self.birth_date.is_some())
            .field("emails", &self.emails.len())
            .field("phones", &self.phones.len())
            .field("identifiers", &self.identifiers.len())
            .field("addresses", &self.addresses.len())
            .finish()
    }
}

/// Debug shows that there is one.
macro_rules! redacted {
    ($($name:ident),+) => {
        $(impl fmt::Debug for $name<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(hidden)"))
            }
        })+
    };
}
redacted!(Name, Identifier, Address);

#[cfg(test)]
mod tests;
