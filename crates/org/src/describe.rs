//! Describe results: every member a real describe has, for objects and for fields.

use serde_json::{Map, Value, json};

use crate::schema::{Access, Child, Field, Kind, Object};

/// The members that the list of objects gives of each.
pub(crate) fn summary(object: &Object, version: &str) -> Value {
    let at = format!("/services/data/{version}/sobjects/{}", object.name);
    json!({
        "activateable": false,
        "associateEntityType": null,
        "associateParentEntity": null,
        "createable": true,
        "custom": object.custom,
        "customSetting": false,
        "deepCloneable": false,
        "deletable": true,
        "deprecatedAndHidden": false,
        "feedEnabled": false,
        "hasSubtypes": false,
        "isInterface": false,
        "isSubtype": false,
        "keyPrefix": object.prefix,
        "label": object.label,
        "labelPlural": object.plural,
        "layoutable": true,
        "mergeable": matches!(object.name.as_str(), "Account" | "Case" | "Contact" | "Lead"),
        "mruEnabled": true,
        "name": object.name,
        "queryable": true,
        "replicateable": true,
        "retrieveable": true,
        "searchable": true,
        "triggerable": true,
        "undeletable": true,
        "updateable": true,
        "urls": {
            "rowTemplate": format!("{at}/{{ID}}"),
            "describe": format!("{at}/describe"),
            "sobject": at,
        },
    })
}

/// The whole describe of an object.
pub(crate) fn full(object: &Object, version: &str) -> Value {
    let Value::Object(mut map) = summary(object, version) else { return Value::Null };
    let fields: Vec<Value> = object.fields.iter().map(describe_field).collect();
    let children: Vec<Value> = object.children.iter().map(child).collect();
    for (name, value) in [
        ("actionOverrides", json!([])),
        ("childRelationships", json!(children)),
        ("compactLayoutable", json!(true)),
        ("defaultImplementation", Value::Null),
        ("extendedBy", Value::Null),
        ("extendsInterfaces", Value::Null),
        ("fields", json!(fields)),
        ("implementedBy", Value::Null),
        ("implementsInterfaces", Value::Null),
        ("listviewable", Value::Null),
        ("lookupLayoutable", Value::Null),
        ("namedLayoutInfos", json!([])),
        ("networkScopeFieldName", Value::Null),
        (
            "recordTypeInfos",
            json!([{
                "active": true, "available": true, "defaultRecordTypeMapping": true, "developerName": "Master",
                "master": true, "name": "Master", "recordTypeId": "012000000000000AAA",
                "urls": {"layout": format!("/services/data/{version}/sobjects/{}/describe/layouts/012000000000000AAA", object.name)},
            }]),
        ),
        ("searchLayoutable", json!(true)),
        ("sobjectDescribeOption", json!("FULL")),
        (
            "supportedScopes",
            json!([{"label": format!("All {}", object.plural.to_lowercase()), "name": "everything"}]),
        ),
    ] {
        map.insert(name.into(), value);
    }
    Value::Object(map)
}

fn child(child: &Child) -> Value {
    json!({
        "cascadeDelete": child.cascade,
        "childSObject": child.object,
        "deprecatedAndHidden": false,
        "field": child.field,
        "junctionIdListNames": [],
        "junctionReferenceTo": [],
        "relationshipName": child.name,
        "restrictedDelete": false,
    })
}

fn describe_field(field: &Field) -> Value {
    let picked = matches!(field.kind, Kind::Picklist | Kind::MultiPicklist);
    let values: Vec<Value> = field
        .values
        .iter()
        .map(|value| {
            let default = field.default.as_deref() == Some(value.as_str());
            json!({"active": true, "defaultValue": default, "label": value, "validFor": null, "value": value})
        })
        .collect();
    let mut map = Map::new();
    for (name, value) in flags(field) {
        map.insert(name.into(), Value::Bool(value));
    }
    for (name, value) in shape(field) {
        map.insert(name.into(), value);
    }
    map.insert("picklistValues".into(), json!(if picked { values } else { Vec::new() }));
    map.sort_keys();
    Value::Object(map)
}

/// The members that are yes or no.
fn flags(field: &Field) -> [(&'static str, bool); 33] {
    let kind = field.kind;
    let is_compound = matches!(kind, Kind::Address | Kind::Location);
    let plain = field.filterable() && !is_compound;
    let long = kind == Kind::TextArea && field.length > 255;
    let system = SYSTEM.contains(&field.name.as_str());
    // What the platform fills in when a client does not.
    let defaulted = kind == Kind::Boolean
        || system
        || field.name == "OwnerId"
        || field.default.is_some()
        || field.auto_number;
    let nillable =
        !(field.required || defaulted && field.default.is_none() || field.name_field && field.name == "Name");
    [
        ("aggregatable", plain && kind != Kind::Boolean && kind != Kind::MultiPicklist),
        ("aiPredictionField", false),
        ("autoNumber", field.auto_number),
        ("calculated", field.formula.is_some()),
        ("cascadeDelete", field.cascade && field.custom),
        ("caseSensitive", field.case_sensitive),
        ("createable", field.access != Access::ReadOnly),
        ("custom", field.custom),
        ("defaultedOnCreate", defaulted),
        ("dependentPicklist", false),
        ("deprecatedAndHidden", false),
        ("displayLocationInDecimal", false),
        ("encrypted", kind == Kind::EncryptedString),
        ("externalId", field.external_id),
        ("filterable", field.filterable()),
        ("formulaTreatNullNumberAsZero", false),
        (
            "groupable",
            plain
                && !matches!(
                    kind,
                    Kind::DateTime | Kind::Double | Kind::Currency | Kind::Percent | Kind::MultiPicklist
                ),
        ),
        ("highScaleNumber", false),
        ("htmlFormatted", false),
        ("idLookup", field.finds_rows()),
        ("nameField", field.name_field),
        ("namePointing", field.reference.len() > 1),
        ("nillable", nillable),
        ("permissionable", permissionable(field, system)),
        ("polymorphicForeignKey", field.reference.len() > 1),
        ("queryByDistance", is_compound),
        ("restrictedDelete", false),
        ("restrictedPicklist", field.restricted),
        (
            "searchPrefilterable",
            kind == Kind::Reference && field.access == Access::Write && field.name != "OwnerId",
        ),
        ("sortable", plain && kind != Kind::MultiPicklist && !long),
        ("unique", field.unique),
        ("updateable", field.access == Access::Write),
        ("writeRequiresMasterRead", false),
    ]
}

/// Whether a permission set can take the field away: not what the platform needs or fills in itself.
fn permissionable(field: &Field, system: bool) -> bool {
    let needed = system || field.required || field.name_field || field.kind == Kind::Id;
    let part_of_name = field.compound.as_deref() == Some("Name");
    let computed = field.access == Access::ReadOnly && field.kind != Kind::Address && !field.custom;
    !(needed || part_of_name || computed || field.name == "OwnerId")
}

/// The members that are text, numbers or lists.
fn shape(field: &Field) -> [(&'static str, Value); 23] {
    let kind = field.kind;
    let length = if kind.is_text() || matches!(kind, Kind::Id | Kind::Reference) { field.length } else { 0 };
    let bytes = if kind.is_text() { length.saturating_mul(3) } else { length };
    let digits = if kind == Kind::Int { 8 } else { 0 };
    let number = kind.is_number() && kind != Kind::Int;
    let soap = match kind {
        Kind::Id | Kind::Reference => "tns:ID",
        Kind::Boolean => "xsd:boolean",
        Kind::Int => "xsd:int",
        Kind::Double | Kind::Currency | Kind::Percent => "xsd:double",
        Kind::Date => "xsd:date",
        Kind::DateTime => "xsd:dateTime",
        Kind::Time => "xsd:time",
        Kind::Address => "urn:address",
        Kind::Location => "urn:location",
        Kind::Base64 => "xsd:base64Binary",
        Kind::String
        | Kind::TextArea
        | Kind::Email
        | Kind::Phone
        | Kind::Url
        | Kind::Picklist
        | Kind::MultiPicklist
        | Kind::ComboBox
        | Kind::EncryptedString => "xsd:string",
    };
    let extra = match field.name.as_str() {
        _ if kind == Kind::TextArea => Some("plaintextarea"),
        _ if field.compound.as_deref() == Some("Name") => Some("personname"),
        "PhotoUrl" => Some("imageurl"),
        _ => None,
    };
    let default = match (kind, field.default.as_deref()) {
        (Kind::Boolean, default) => json!(default == Some("true")),
        (Kind::Picklist, default) => json!(default),
        _ => Value::Null,
    };
    [
        ("byteLength", json!(bytes)),
        ("calculatedFormula", json!(field.formula)),
        ("compoundFieldName", json!(field.compound)),
        ("controllerName", Value::Null),
        ("defaultValue", default),
        ("defaultValueFormula", Value::Null),
        ("digits", json!(digits)),
        ("extraTypeInfo", json!(extra)),
        ("filteredLookupInfo", Value::Null),
        ("inlineHelpText", json!(field.help)),
        ("label", json!(field.label)),
        ("length", json!(length)),
        ("mask", Value::Null),
        ("maskType", Value::Null),
        ("name", json!(field.name)),
        ("precision", json!(if number { field.precision } else { 0 })),
        ("referenceTargetField", Value::Null),
        ("referenceTo", json!(field.reference)),
        ("relationshipName", json!(field.relationship)),
        ("relationshipOrder", json!((field.cascade && field.custom).then_some(0))),
        ("scale", json!(if number { field.scale } else { 0 })),
        ("soapType", json!(soap)),
        ("type", json!(kind.name())),
    ]
}

const SYSTEM: [&str; 7] = [
    "Id",
    "IsDeleted",
    "CreatedDate",
    "CreatedById",
    "LastModifiedDate",
    "LastModifiedById",
    "SystemModstamp",
];
