//! Object information: what a form needs to know of an object, and the values of its picklists.

use serde_json::{Map, Value, json};

use super::record::tag;
use crate::call::Reply;
use crate::describe;
use crate::failure::Failure;
use crate::rest::layouts::MASTER;
use crate::schema::{Field, Kind, Object};
use crate::state::Visit;

/// `…/object-info`.
pub(super) fn directory(visit: &Visit<'_>) -> Value {
    let objects = visit.state.store.schema.objects().map(|object| {
        let entry = json!({
            "apiName": object.name, "keyPrefix": object.prefix, "label": object.label, "labelPlural": object.plural,
            "nameFields": name_fields(object), "objectInfoUrl": visit.path(&format!("ui-api/object-info/{}", object.name)),
        });
        (object.name.clone(), entry)
    });
    let objects: Map<String, Value> = objects.collect();
    json!({"eTag": tag(&json!(objects.len())), "objects": objects})
}

/// `…/object-info/<name>`.
pub(super) fn named(visit: &Visit<'_>, name: &str) -> Result<Value, Failure> {
    let object = visit.state.store.schema.object(name).ok_or_else(|| Failure::invalid_type(name))?;
    Ok(of(visit, object))
}

/// What a form needs to know of an object.
pub(super) fn of(visit: &Visit<'_>, object: &Object) -> Value {
    let described = describe::full(object, &visit.version);
    let from = |name: &str| described.get(name).cloned().unwrap_or(Value::Null);
    let mut fields = Map::new();
    for (field, found) in object.fields.iter().zip(from("fields").as_array().into_iter().flatten()) {
        fields.insert(field.name.clone(), field_info(visit, object, field, found));
    }
    let children = object.children.iter().filter(|child| child.name.is_some()).map(|child| {
        json!({
            "childObjectApiName": child.object, "fieldName": child.field, "junctionIdListNames": [],
            "junctionReferenceTo": [], "relationshipName": child.name,
        })
    });
    let mut info = json!({
        "apiName": object.name,
        "childRelationships": children.collect::<Vec<_>>(),
        "defaultRecordTypeId": MASTER,
        "dependentFields": {},
        "nameFields": name_fields(object),
        "recordTypeInfos": {MASTER: {
            "available": true, "defaultRecordTypeMapping": true, "master": true, "name": "Master", "recordTypeId": MASTER,
        }},
        "themeInfo": {"color": "7F8DE1", "iconUrl": ""},
        "fields": fields,
    });
    for name in [
        "associateEntityType",
        "associateParentEntity",
        "compactLayoutable",
        "createable",
        "custom",
        "feedEnabled",
        "keyPrefix",
        "label",
        "labelPlural",
        "layoutable",
        "mruEnabled",
        "queryable",
        "searchLayoutable",
        "searchable",
        "updateable",
    ] {
        if let Some(map) = info.as_object_mut() {
            map.insert(name.into(), from(name));
        }
    }
    if let Some(map) = info.as_object_mut() {
        map.insert("deleteable".into(), from("deletable"));
        let hash = tag(&Value::Object(map.clone()));
        map.insert("eTag".into(), json!(hash));
    }
    info
}

fn field_info(visit: &Visit<'_>, object: &Object, field: &Field, described: &Value) -> Value {
    let mut info = Map::new();
    for name in [
        "calculated",
        "compoundFieldName",
        "controllerName",
        "createable",
        "custom",
        "extraTypeInfo",
        "filterable",
        "filteredLookupInfo",
        "highScaleNumber",
        "htmlFormatted",
        "inlineHelpText",
        "label",
        "length",
        "maskType",
        "nameField",
        "polymorphicForeignKey",
        "precision",
        "referenceTargetField",
        "relationshipName",
        "scale",
        "searchPrefilterable",
        "sortable",
        "unique",
        "updateable",
    ] {
        info.insert(name.into(), described.get(name).cloned().unwrap_or(Value::Null));
    }
    let parts = object.fields.iter().any(|part| part.compound.as_deref() == Some(&field.name));
    let targets = field.reference.iter().map(|target| {
        let names = visit.state.store.schema.object(target).map(|object| name_fields(object));
        json!({"apiName": target, "nameFields": names.unwrap_or_default()})
    });
    for (name, value) in [
        ("apiName", json!(field.name)),
        ("compound", json!(parts)),
        ("compoundComponentName", json!(field.compound.as_ref().map(|_| &field.name))),
        ("controllingFields", json!([])),
        ("dataType", json!(data_type(field.kind))),
        ("reference", json!(field.kind == Kind::Reference)),
        ("referenceToInfos", json!(targets.collect::<Vec<_>>())),
        ("required", json!(field.required)),
    ] {
        info.insert(name.into(), value);
    }
    info.sort_keys();
    Value::Object(info)
}

fn name_fields(object: &Object) -> Vec<String> {
    let parts = object.fields.iter().filter(|field| field.compound.as_deref() == Some("Name"));
    object.name_field().into_iter().chain(parts).map(|field| field.name.clone()).collect()
}

fn data_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Id | Kind::Reference => "Reference",
        Kind::String => "String",
        Kind::TextArea => "TextArea",
        Kind::Email => "Email",
        Kind::Phone => "Phone",
        Kind::Url => "Url",
        Kind::Picklist => "Picklist",
        Kind::MultiPicklist => "MultiPicklist",
        Kind::ComboBox => "ComboBox",
        Kind::EncryptedString => "EncryptedString",
        Kind::Boolean => "Boolean",
        Kind::Int => "Int",
        Kind::Double => "Double",
        Kind::Currency => "Currency",
        Kind::Percent => "Percent",
        Kind::Date => "Date",
        Kind::DateTime => "DateTime",
        Kind::Time => "Time",
        Kind::Address => "Address",
        Kind::Location => "Location",
        Kind::Base64 => "Base64",
    }
}

/// `…/picklist-values/<record type>`.
pub(super) fn picklists(visit: &Visit<'_>, object: &str) -> Result<Reply, Failure> {
    let object = visit.state.store.object(object)?;
    let picked =
        object.fields.iter().filter(|field| matches!(field.kind, Kind::Picklist | Kind::MultiPicklist));
    let values: Map<String, Value> =
        picked.map(|field| (field.name.clone(), values(visit, &object, field))).collect();
    Ok(Reply::json(200, json!({"eTag": tag(&json!(object.name)), "picklistFieldValues": values})))
}

/// `…/picklist-values/<record type>/<field>`.
pub(super) fn picklist(visit: &Visit<'_>, object: &str, field: &str) -> Result<Reply, Failure> {
    let object = visit.state.store.object(object)?;
    let field = object.field(field).ok_or_else(|| Failure::no_such_column(field, &object.name))?;
    Ok(Reply::json(200, values(visit, &object, field)))
}

fn values(visit: &Visit<'_>, object: &Object, field: &Field) -> Value {
    let list = field
        .values
        .iter()
        .map(|value| json!({"attributes": null, "label": value, "validFor": [], "value": value}));
    let url = format!("ui-api/object-info/{}/picklist-values/{MASTER}/{}", object.name, field.name);
    json!({
        "controllerValues": {}, "defaultValue": null, "eTag": tag(&json!(field.values)), "url": visit.path(&url),
        "values": list.collect::<Vec<_>>(),
    })
}
