//! The shipped catalogue of standard objects: `catalogue.json`, one line a field.
//!
//! A field line is `Name type[:length] [readonly|createonly|required|name|lookup|cascade|restricted|auto|@Compound|=Default]…
//! [>Target,Target:Relationship/ChildRelationship] [| value,value]`.
//! Names and types are those of platform API v65 (sobject-types, BSD-3-Clause); lengths, required fields
//! and picklist values of common fields follow describe results of public test recordings (`CumulusCI`, BSD-3-Clause).

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::schema::{Access, Field, Kind, Object};

/// Reads the shipped catalogue; lines that cannot be read are left out, and a test says there are none.
pub(crate) fn objects() -> Vec<Object> {
    let listed: BTreeMap<String, Listed> = serde_json::from_str(CATALOGUE).unwrap_or_default();
    listed
        .iter()
        .map(|(name, listed)| {
            let fields = listed.fields.iter().filter_map(|line| field(line)).collect();
            Object::new(name, &listed.label, &listed.plural, &listed.prefix, fields)
        })
        .collect()
}

/// A new custom object with the fields every custom object has.
pub(crate) fn custom_object(name: &str, label: &str, plural: &str, prefix: &str) -> Object {
    let fields = [
        "Id id readonly",
        "Name string:80 name",
        "OwnerId reference >Group,User:Owner",
        "IsDeleted boolean readonly",
        "CreatedDate datetime readonly",
        "CreatedById reference readonly >User:CreatedBy",
        "LastModifiedDate datetime readonly",
        "LastModifiedById reference readonly >User:LastModifiedBy",
        "SystemModstamp datetime readonly",
        "LastViewedDate datetime readonly",
        "LastReferencedDate datetime readonly",
    ];
    let event = [
        "ReplayId string:255 readonly",
        "EventUuid string:36 readonly",
        "CreatedDate datetime readonly",
        "CreatedById reference readonly >User:CreatedBy",
    ];
    let lines = if name.ends_with("__e") { &event[..] } else { &fields[..] };
    Object::new(name, label, plural, prefix, lines.iter().filter_map(|line| field(line)).collect())
}

/// The label of a field that has none of its own: its name, in words.
pub(crate) fn label(name: &str) -> String {
    let base = name.strip_suffix("__c").unwrap_or(name).replace('_', " ");
    let mut label = String::with_capacity(base.len() + 4);
    let mut before = ' ';
    for c in base.chars() {
        if c.is_ascii_uppercase() && before.is_ascii_lowercase() {
            label.push(' ');
        }
        label.push(c);
        before = c;
    }
    if let Some(stem) = label.strip_suffix(" Id") { format!("{stem} ID") } else { label }
}

fn field(line: &str) -> Option<Field> {
    let (words, values) = line.split_once(" | ").unwrap_or((line, ""));
    let mut words = words.split(' ');
    let name = words.next()?;
    let kind = words.next()?;
    let (kind, length) = kind.split_once(':').unwrap_or((kind, "0"));
    let mut field = Field::new(name, Kind::from_name(kind)?);
    field.length = length.parse().ok()?;
    for word in words {
        match word {
            "readonly" => field.access = Access::ReadOnly,
            "createonly" => field.access = Access::CreateOnly,
            "required" => field.required = true,
            "name" => field.name_field = true,
            "lookup" => field.lookup = true,
            "cascade" => field.cascade = true,
            "restricted" => field.restricted = true,
            "auto" => (field.auto_number, field.access) = (true, Access::ReadOnly),
            _ => mark(&mut field, word)?,
        }
    }
    field.values = values.split(',').filter(|value| !value.is_empty()).map(str::to_owned).collect();
    match field.kind {
        Kind::Int => field.length = 9,
        Kind::Double | Kind::Currency => (field.precision, field.scale) = (18, 2),
        Kind::Percent => (field.precision, field.scale) = (3, 0),
        Kind::Id | Kind::Reference => field.length = 18,
        Kind::String
        | Kind::TextArea
        | Kind::Email
        | Kind::Phone
        | Kind::Url
        | Kind::Picklist
        | Kind::MultiPicklist
        | Kind::ComboBox
        | Kind::EncryptedString
        | Kind::Boolean
        | Kind::Date
        | Kind::DateTime
        | Kind::Time
        | Kind::Address
        | Kind::Location
        | Kind::Base64 => {}
    }
    if field.name.ends_with("Latitude") || field.name.ends_with("Longitude") {
        field.scale = 15;
    }
    Some(field)
}

fn mark(field: &mut Field, word: &str) -> Option<()> {
    if let Some(compound) = word.strip_prefix('@') {
        field.compound = Some(compound.to_owned());
    } else if let Some(default) = word.strip_prefix('=') {
        field.default = Some(default.replace('_', " "));
    } else {
        let reference = word.strip_prefix('>')?;
        let (targets, names) = reference.split_once(':').unwrap_or((reference, ""));
        field.reference =
            targets.split('/').next()?.split(',').filter(|t| !t.is_empty()).map(str::to_owned).collect();
        let (parent, child) = names.split_once('/').unwrap_or((names, ""));
        field.relationship = Some(parent).filter(|name| !name.is_empty()).map(str::to_owned);
        field.child_relationship = Some(child).filter(|name| !name.is_empty()).map(str::to_owned);
    }
    Some(())
}

/// One object of the file.
#[derive(Debug, Deserialize)]
struct Listed {
    prefix: String,
    label: String,
    plural: String,
    fields: Vec<String>,
}

const CATALOGUE: &str = include_str!("../catalogue.json");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Schema;

    #[test]
    fn every_line_of_the_catalogue_is_read() {
        let listed: BTreeMap<String, Listed> = serde_json::from_str(CATALOGUE).unwrap();
        assert!(listed.len() > 100);
        for (name, object) in &listed {
            assert_eq!(object.prefix.len(), 3, "{name}");
            for line in &object.fields {
                assert!(field(line).is_some(), "{name}: {line}");
            }
        }
    }

    #[test]
    fn common_fields_say_what_the_platform_says() {
        let schema = Schema::shipped();
        let contact = schema.object("contact").unwrap();
        assert_eq!(contact.prefix, "003");
        assert_eq!(contact.field("lastname").unwrap().length, 80);
        assert!(contact.field("LastName").unwrap().required);
        assert_eq!(contact.parent("account").unwrap().name, "AccountId");
        assert_eq!(contact.field("Name").unwrap().access, Access::ReadOnly);
        let account = schema.object("Account").unwrap();
        assert!(
            account.children.iter().any(|c| c.name.as_deref() == Some("Contacts") && c.object == "Contact")
        );
    }

    #[test]
    fn prefixes_are_unique() {
        let schema = Schema::shipped();
        for object in schema.objects() {
            assert_eq!(schema.object_of_id(&crate::id::make(&object.prefix, 1)).unwrap().name, object.name);
        }
    }

    #[test]
    fn labels_are_words() {
        assert_eq!(label("Eosin_Mark__c"), "Eosin Mark");
        assert_eq!(label("AccountId"), "Account ID");
        assert_eq!(label("MailingPostalCode"), "Mailing Postal Code");
    }
}
