//! The identifying values of one record, as they are written there: what both ways of recognising look at.

use std::{borrow::Cow, fmt};

use mark::Record;

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
    pub fn of(_record: &'a Record<'_>) -> Option<Self> {
        None
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
