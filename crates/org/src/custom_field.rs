//! Custom fields that a test or a demo adds by hand.

use crate::catalogue;
use crate::schema::{Field, Kind, Schema};

/// A custom field to add to an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomField {
    /// API name, ending in `__c`.
    pub name: String,
    /// Label for people.
    pub label: String,
    /// Its type.
    pub kind: CustomKind,
    /// Whether records may be found by it in upserts.
    pub external_id: bool,
    /// Whether no two records may have the same value.
    pub unique: bool,
    /// Whether it may not be empty.
    pub required: bool,
}

/// The type of a custom field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CustomKind {
    /// Text of at most so many characters, up to 255.
    Text(u32),
    /// Long text of at most so many characters, up to 131,072.
    LongText(u32),
    /// True or false.
    Checkbox,
    /// A whole or decimal number.
    Number,
    /// A date.
    Date,
    /// A moment.
    DateTime,
    /// One of some values; others are refused when `restricted`.
    Picklist {
        /// The values.
        values: Vec<String>,
        /// Whether others are refused.
        restricted: bool,
    },
    /// A reference to a record of this object.
    Lookup(String),
}

/// Why a custom field was not added.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// The object it belongs to, or refers to, is not there.
    #[error("the org has no object `{0}`")]
    NoObject(String),
    /// Custom fields end in `__c`.
    #[error("the name of a custom field ends in __c: `{0}`")]
    Name(String),
}

impl CustomField {
    /// A text field that records may be found by.
    pub fn external_id(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            label: catalogue::label(name),
            kind: CustomKind::Text(255),
            external_id: true,
            unique: false,
            required: false,
        }
    }

    /// A field of some type with nothing special about it.
    pub fn plain(name: &str, kind: CustomKind) -> Self {
        Self { kind, external_id: false, ..Self::external_id(name) }
    }

    pub(crate) fn made(&self, schema: &Schema) -> Result<Field, FieldError> {
        if !self.name.ends_with("__c") {
            return Err(FieldError::Name(self.name.clone()));
        }
        let mut field = Field::new(&self.name, Kind::String);
        field.label.clone_from(&self.label);
        (field.external_id, field.unique, field.required) = (self.external_id, self.unique, self.required);
        match &self.kind {
            CustomKind::Text(length) => field.length = *length,
            CustomKind::LongText(length) => (field.kind, field.length) = (Kind::TextArea, *length),
            CustomKind::Checkbox => field.kind = Kind::Boolean,
            CustomKind::Number => (field.kind, field.precision, field.scale) = (Kind::Double, 18, 2),
            CustomKind::Date => field.kind = Kind::Date,
            CustomKind::DateTime => field.kind = Kind::DateTime,
            CustomKind::Picklist { values, restricted } => {
                (field.kind, field.length, field.restricted) = (Kind::Picklist, 255, *restricted);
                field.values.clone_from(values);
            }
            CustomKind::Lookup(target) => {
                let target = schema.object(target).ok_or_else(|| FieldError::NoObject(target.clone()))?;
                (field.kind, field.length) = (Kind::Reference, 18);
                field.reference = vec![target.name.clone()];
                field.relationship = self.name.strip_suffix("__c").map(|stem| format!("{stem}__r"));
            }
        }
        Ok(field)
    }
}
