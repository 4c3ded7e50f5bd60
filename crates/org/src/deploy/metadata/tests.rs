//! Fields and objects as packages define them.

use super::*;

fn made(definition: &str) -> Result<Field, String> {
    let schema = Schema::shipped();
    let spec = xml::read(&format!("<fields><fullName>F__c</fullName><label>F</label>{definition}</fields>"))
        .unwrap();
    field(&schema, schema.object("Contact").unwrap(), "F__c", &spec)
}

#[test]
fn every_type_of_field_becomes_its_kind() {
    let table = [
        ("<type>Text</type><length>80</length><externalId>true</externalId>", Kind::String, 80),
        ("<type>TextArea</type>", Kind::TextArea, 255),
        ("<type>LongTextArea</type><length>32768</length>", Kind::TextArea, 32_768),
        ("<type>Html</type><length>32768</length>", Kind::TextArea, 32_768),
        ("<type>Checkbox</type><defaultValue>false</defaultValue>", Kind::Boolean, 0),
        ("<type>Number</type><precision>18</precision><scale>2</scale>", Kind::Double, 0),
        ("<type>Number</type><precision>9</precision><scale>0</scale>", Kind::Int, 0),
        ("<type>Date</type>", Kind::Date, 0),
        ("<type>DateTime</type>", Kind::DateTime, 0),
        ("<type>Email</type>", Kind::Email, 80),
        (
            "<type>Lookup</type><referenceTo>Account</referenceTo><relationshipName>Fs</relationshipName>",
            Kind::Reference,
            18,
        ),
        (
            "<type>Picklist</type><valueSet><restricted>true</restricted><valueSetDefinition><value><fullName>A</fullName></value></valueSetDefinition></valueSet>",
            Kind::Picklist,
            255,
        ),
    ];
    for (definition, kind, length) in table {
        let field = made(definition).unwrap();
        assert_eq!((field.kind, field.length), (kind, length), "{definition}");
    }
    let lookup =
        made("<type>Lookup</type><referenceTo>Account</referenceTo><relationshipName>Fs</relationshipName>")
            .unwrap();
    assert_eq!(lookup.relationship.as_deref(), Some("F__r"));
    assert_eq!(lookup.child_relationship.as_deref(), Some("Fs__r"));
    assert_eq!(made("<type>Text</type><formula>1</formula>").unwrap().access, Access::ReadOnly);
}

#[test]
fn definitions_that_cannot_be_say_why() {
    let table = [
        ("", "type"),
        ("<type>Wobble</type>", "Wobble"),
        ("<type>Text</type>", "length"),
        ("<type>Text</type><length>256</length>", "length"),
        ("<type>LongTextArea</type><length>131073</length>", "length"),
        ("<type>LongTextArea</type><length>300</length><externalId>true</externalId>", "externalId"),
        ("<type>Lookup</type>", "referenceTo"),
        ("<type>Lookup</type><referenceTo>Nope__c</referenceTo>", "Nope__c"),
        ("<type>Number</type><precision>x</precision>", "precision"),
    ];
    for (definition, near) in table {
        let message = made(definition).unwrap_err();
        assert!(message.contains(near), "{definition}: {message}");
    }
}
