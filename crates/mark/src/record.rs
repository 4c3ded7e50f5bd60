//! What a carrier hands over: one record, or the reason there is none. Nothing here is believed yet.

use std::{borrow::Cow, fmt};

use crate::json::{Json, JsonError};

/// What a carrier saw at one place.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading<'a> {
    /// Where in the transaction or file it stands.
    pub place: Place,
    /// The record, or why it could not be read.
    pub content: Result<Record<'a>, Unreadable>,
}

/// One record's covered values and what it carries about itself.
///
/// Debug shows the object and counts only: the fields can be a person.
#[derive(Clone, PartialEq)]
pub struct Record<'a> {
    /// How the format treats names and values.
    pub form: Form,
    /// The object, resource type or table: `Contact`, `Patient`.
    pub object: Cow<'a, str>,
    /// Field names and values, carriers' own fields removed; order does not matter.
    pub fields: Vec<(Cow<'a, str>, Json<'a>)>,
    /// The text in the mark's place, if there is any.
    pub mark: Option<Cow<'a, str>>,
    /// What the record says of itself without proof.
    pub claim: Claim,
}

/// How a format treats names and values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// Salesforce rows in JSON or CSV: names ignore ASCII case, values may come back normalised.
    Salesforce,
    /// FHIR elements: names are exact, values are JSON.
    Fhir,
    /// Rows of a table of text: names are exact.
    Table,
    /// Fields of an HL7 v2 message, named `PID-5`, or `OBX[2..]` for further segments: names are exact.
    Hl7v2,
}

impl Form {
    /// Fields that name somebody beside whom a record was made for. One that the record's dataset does not cover has been
    /// added, so that the record is not the one that was marked, however few of its other fields changed.
    ///
    /// Source: spec/hl7v2.md section 5.
    pub fn others(self) -> &'static [&'static str] {
        match self {
            // A further patient of a message; whom a merge ends.
            Self::Hl7v2 => &["PID[2..]", "MRG-1", "MRG-7", "MRG[2..]"],
            Self::Salesforce | Self::Fhir | Self::Table => &[],
        }
    }
}

/// What a record says of itself without proof: labels such as HTEST or a ticked checkbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Claim {
    /// Nothing.
    #[default]
    None,
    /// That it is synthetic or a test.
    Synthetic,
    /// That it is about an attested person.
    Attested,
}

/// Where a record stands in what was read: enough to find it again, nothing of its content.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Zero-based order of reading.
    pub index: usize,
    /// A reference that holds no content, at most 200 bytes: `records[3]`, `line 7`, `Contact/003…AAA`.
    pub reference: String,
}

/// Why there is no record to judge.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// The text is not one unambiguous JSON value.
    #[error("{0}")]
    Json(#[from] JsonError),
    /// It is longer than the reader's bound.
    #[error("is longer than {limit} bytes")]
    TooLong {
        /// The bound, in bytes.
        limit: usize,
    },
    /// There are more records than the reader's bound.
    #[error("holds more than {limit} records")]
    TooMany {
        /// The bound.
        limit: usize,
    },
    /// The format's own shape is broken; the sentence says where, never what.
    #[error("{0}")]
    Shape(String),
}

impl Record<'_> {
    /// Whether `name` and `other` are the same field in this record's format.
    pub fn same_name(form: Form, name: &str, other: &str) -> bool {
        match form {
            Form::Salesforce => name.eq_ignore_ascii_case(other),
            Form::Fhir | Form::Table | Form::Hl7v2 => name == other,
        }
    }
}

impl fmt::Debug for Record<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("form", &self.form)
            .field("object", &self.object)
            .field("fields", &self.fields.len())
            .field("marked", &self.mark.is_some())
            .field("claim", &self.claim)
            .finish()
    }
}
