//! Components one by one: created, read, changed, renamed, deleted, listed, without a zip.
//!
//! Each change goes the way of a deployment, so that both mean the same. Source: Salesforce, "Metadata API Developer
//! Guide", CRUD-based calls.

use std::collections::BTreeMap;

use super::super::{Fault, METADATA, envelope};
use crate::call::Reply;
use crate::deploy::{Options, TYPES, metadata};
use crate::schema::{Field, Kind, Object};
use crate::state::Visit;
use crate::xml::{Element, escape};

/// How a change may end: whether the component was there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    Create,
    Update,
    Upsert,
}

/// Answers a call on components; nothing if the call is none.
pub(super) fn answer(visit: &mut Visit<'_>, body: &Element) -> Option<Result<Reply, Fault>> {
    let call = body.name.as_str();
    let results = match call {
        "createMetadata" => written(visit, body, Manner::Create),
        "updateMetadata" => written(visit, body, Manner::Update),
        "upsertMetadata" => written(visit, body, Manner::Upsert),
        "deleteMetadata" => named(body).map(|(kind, names)| {
            names.iter().map(|name| saved(name, None, delete(visit, kind, name))).collect()
        }),
        "renameMetadata" => rename(visit, body),
        "readMetadata" => named(body).map(|(kind, names)| {
            let records: String = names.iter().map(|name| read(visit, kind, name)).collect();
            format!("<result>{records}</result>")
        }),
        "listMetadata" => Ok(listed(visit, body)),
        _ => return None,
    };
    Some(results.map(|inner| envelope(METADATA, "", &format!("<{call}Response>{inner}</{call}Response>"))))
}

fn written(visit: &mut Visit<'_>, body: &Element, manner: Manner) -> Result<String, Fault> {
    allowed(visit)?;
    let given: Vec<&Element> = body.children.iter().filter(|child| child.name == "metadata").collect();
    if given.len() > CALL_MAX {
        return Err(Fault::new("LIMIT_EXCEEDED", "at most 10 components a call"));
    }
    let mut out = String::new();
    for component in given {
        let kind = component.attributes.iter().find(|(name, _)| name == "type").map_or("", |(_, kind)| kind);
        let kind = kind.rsplit(':').next().unwrap_or(kind);
        let name = component.text_of("fullName").unwrap_or("").to_owned();
        let there = exists(visit, kind, &name);
        let done = match (manner, there) {
            (Manner::Create, true) => {
                Err(("DUPLICATE_DEVELOPER_NAME", format!("This name is already in use: {name}")))
            }
            (Manner::Update, false) => {
                Err(("INVALID_CROSS_REFERENCE_KEY", format!("no {kind} named {name} found")))
            }
            _ => {
                apply(visit, kind, &name, component).map_err(|message| ("FIELD_INTEGRITY_EXCEPTION", message))
            }
        };
        out += &saved(&name, (manner == Manner::Upsert).then_some(!there), done);
    }
    Ok(out)
}

/// Puts a component to the org as a deployment of its file would.
fn apply(visit: &mut Visit<'_>, kind: &str, name: &str, component: &Element) -> Result<(), String> {
    let mut root = component.clone();
    root.attributes.clear();
    root.children.retain(|child| child.name != "fullName");
    let (path, text) = if kind == "CustomField" {
        let (object, field) = name.split_once('.').ok_or("a field is named Object.Field__c")?;
        root.name = "fields".into();
        root.children
            .insert(0, Element { name: "fullName".into(), text: field.into(), ..Element::default() });
        let file =
            Element { name: "CustomObject".into(), children: vec![root.clone()], ..Element::default() };
        (format!("objects/{object}.object"), spelled(&file))
    } else {
        let known = TYPES.iter().find(|(_, known, _)| *known == kind);
        let (folder, _, suffix) = known.ok_or_else(|| format!("{kind} cannot be written here"))?;
        kind.clone_into(&mut root.name);
        (format!("{folder}/{name}.{suffix}"), spelled(&root))
    };
    let files = BTreeMap::from([(path, text.into_bytes())]);
    let done = metadata::apply(visit, &files, Options { rollback_on_error: true, ..Options::default() });
    if let Some(problem) = done.into_iter().find_map(|one| one.problem) {
        return Err(problem.message);
    }
    if kind == "CustomObject" {
        if let (Some(label), Some(mut object)) =
            (root.text_of("label"), visit.state.store.schema.object(name).cloned())
        {
            let whole = std::sync::Arc::make_mut(&mut object);
            label.clone_into(&mut whole.label);
            root.text_of("pluralLabel").unwrap_or(label).clone_into(&mut whole.plural);
            visit.state.store.schema.replace(whole.clone());
        }
        visit.state.deployments.definitions.insert((kind.to_owned(), name.to_owned()), root);
    }
    Ok(())
}

fn delete(visit: &mut Visit<'_>, kind: &str, name: &str) -> Result<(), (&'static str, String)> {
    let missing = || ("INVALID_CROSS_REFERENCE_KEY", format!("no {kind} named {name} found"));
    if allowed(visit).is_err() {
        return Err(("INSUFFICIENT_ACCESS", "deleting components needs ModifyMetadata".into()));
    }
    if !exists(visit, kind, name) {
        return Err(missing());
    }
    let schema = &mut visit.state.store.schema;
    match (kind, name.split_once('.')) {
        ("CustomObject", _) if name.ends_with("__c") => schema.remove_object(name),
        ("CustomField", Some((object, field))) if field.ends_with("__c") => {
            schema.remove_field(object, field);
        }
        ("CustomObject" | "CustomField", _) => {
            return Err(("INSUFFICIENT_ACCESS", format!("{name} is not custom")));
        }
        _ => {}
    }
    let key = (kind.to_owned(), name.to_owned());
    visit.state.deployments.kept.remove(&key);
    visit.state.deployments.definitions.remove(&key);
    visit.state.schema_ms = visit.now_ms;
    visit.audit("deletedMetadata", "Customize Objects", &format!("Deleted {kind} {name}"));
    Ok(())
}

fn rename(visit: &mut Visit<'_>, body: &Element) -> Result<String, Fault> {
    allowed(visit)?;
    let part = |name: &str| body.text_of(name).unwrap_or("").to_owned();
    let (kind, old, new) = (part("type"), part("oldFullName"), part("newFullName"));
    let known = visit.state.store.schema.object(&old).filter(|object| object.custom).cloned();
    let done = match known {
        Some(_) if kind != "CustomObject" => Err(("INVALID_TYPE", format!("{kind} cannot be renamed here"))),
        Some(_) if !new.ends_with("__c") || exists(visit, "CustomObject", &new) => {
            Err(("DUPLICATE_DEVELOPER_NAME", format!("This name cannot be used: {new}")))
        }
        Some(object) => {
            visit.state.store.rename(&object.name, &new);
            let definitions = &mut visit.state.deployments.definitions;
            if let Some(root) = definitions.remove(&("CustomObject".to_owned(), object.name.clone())) {
                definitions.insert(("CustomObject".to_owned(), new.clone()), root);
            }
            visit.state.schema_ms = visit.now_ms;
            Ok(())
        }
        None => Err(("INVALID_CROSS_REFERENCE_KEY", format!("no {kind} named {old} found"))),
    };
    Ok(saved(&old, None, done))
}

/// One `SaveResult`, `UpsertResult` or `DeleteResult`.
fn saved(name: &str, created: Option<bool>, done: Result<(), (&'static str, String)>) -> String {
    let success = done.is_ok();
    let errors = done.err().map_or_else(String::new, |(code, message)| {
        format!("<errors><message>{}</message><statusCode>{code}</statusCode></errors>", escape(&message))
    });
    let created =
        created.map_or_else(String::new, |created| format!("<created>{}</created>", created && success));
    format!(
        "<result>{created}{errors}<fullName>{}</fullName><success>{success}</success></result>",
        escape(name)
    )
}

/// The type and the names of a call that goes by them.
fn named(body: &Element) -> Result<(&str, Vec<&str>), Fault> {
    let kind = body.text_of("type").or_else(|| body.text_of("metadataType")).unwrap_or("");
    let names = body.children.iter().filter(|child| child.name == "fullNames");
    let names: Vec<&str> = names.map(|child| child.text.trim()).collect();
    if names.len() > CALL_MAX {
        return Err(Fault::new("LIMIT_EXCEEDED", "at most 10 components a call"));
    }
    Ok((kind, names))
}

fn exists(visit: &Visit<'_>, kind: &str, name: &str) -> bool {
    let schema = &visit.state.store.schema;
    match (kind, name.split_once('.')) {
        ("CustomObject", _) => schema.object(name).is_some(),
        ("CustomField", Some((object, field))) => {
            schema.object(object).is_some_and(|object| object.field(field).is_some())
        }
        _ => visit.state.deployments.kept.contains_key(&(kind.to_owned(), name.to_owned())),
    }
}

/// A component as `readMetadata` shows it; one that is not there is nil.
fn read(visit: &Visit<'_>, kind: &str, name: &str) -> String {
    let state = &visit.state;
    let inner = match (kind, name.split_once('.')) {
        ("CustomObject", _) => state.store.schema.object(name).map(|object| {
            let kept = state.deployments.definitions.get(&(kind.to_owned(), object.name.clone()));
            object_shown(object, kept)
        }),
        ("CustomField", Some((object, field))) => state
            .store
            .schema
            .object(object)
            .and_then(|object| Some(field_shown(object, object.field(field)?))),
        _ => {
            let kept = state.deployments.definitions.get(&(kind.to_owned(), name.to_owned()));
            kept.map(|root| {
                let inner: String = root.children.iter().map(spelled).collect();
                format!("<fullName>{}</fullName>{inner}", escape(name))
            })
        }
    };
    match inner {
        Some(inner) => format!("<records xsi:type=\"{}\">{inner}</records>", escape(kind)),
        None => "<records xsi:nil=\"true\"/>".into(),
    }
}

/// What was said of the object, and what the schema knows of it.
fn object_shown(object: &Object, kept: Option<&Element>) -> String {
    let said = |name: &str| kept.is_some_and(|root| root.child(name).is_some());
    let mut out = vec![format!("<fullName>{}</fullName>", escape(&object.name))];
    for field in object.fields.iter().filter(|field| field.custom) {
        out.push(format!("<fields>{}</fields>", field_shown_as(&field.name, field)));
    }
    for child in kept.into_iter().flat_map(|root| &root.children).filter(|child| child.name != "fields") {
        out.push(spelled(child));
    }
    if !said("label") {
        out.push(format!("<label>{}</label>", escape(&object.label)));
    }
    if !said("nameField")
        && let Some(field) = object.name_field().filter(|_| object.custom)
    {
        let kind = if field.auto_number { "AutoNumber" } else { "Text" };
        out.push(format!(
            "<nameField><label>{}</label><type>{kind}</type></nameField>",
            escape(&field.label)
        ));
    }
    if !said("pluralLabel") {
        out.push(format!("<pluralLabel>{}</pluralLabel>", escape(&object.plural)));
    }
    out.concat()
}

fn field_shown(object: &Object, field: &Field) -> String {
    field_shown_as(&format!("{}.{}", object.name, field.name), field)
}

fn field_shown_as(name: &str, field: &Field) -> String {
    let mut out =
        vec![format!("<fullName>{}</fullName><label>{}</label>", escape(name), escape(&field.label))];
    if field.external_id {
        out.push("<externalId>true</externalId>".into());
    }
    if field.length > 0 && field.kind.is_text() {
        out.push(format!("<length>{}</length>", field.length));
    }
    if !field.values.is_empty() {
        // Of the statuses of a lead, the last closed one is what a converted lead has.
        let converted = |value: &str| value == "Closed - Converted";
        let values = field.values.iter().map(|value| {
            let more =
                if converted(value) { "<converted>true</converted>" } else { "<converted>false</converted>" };
            let more = if field.name == "Status" { more } else { "" };
            format!(
                "<picklistValues><fullName>{}</fullName><default>false</default>{more}</picklistValues>",
                escape(value)
            )
        });
        out.push(format!("<picklist>{}<sorted>false</sorted></picklist>", values.collect::<String>()));
    }
    out.push(format!("<type>{}</type>", kind_name(field)));
    out.concat()
}

/// How the Metadata API names the type of a field.
fn kind_name(field: &Field) -> &'static str {
    match field.kind {
        Kind::Id | Kind::String if field.auto_number => "AutoNumber",
        Kind::Id | Kind::String | Kind::ComboBox | Kind::Base64 => "Text",
        Kind::TextArea if field.length > 255 => "LongTextArea",
        Kind::TextArea => "TextArea",
        Kind::Email => "Email",
        Kind::Phone => "Phone",
        Kind::Url => "Url",
        Kind::Picklist => "Picklist",
        Kind::MultiPicklist => "MultiselectPicklist",
        Kind::EncryptedString => "EncryptedText",
        Kind::Boolean => "Checkbox",
        Kind::Int | Kind::Double => "Number",
        Kind::Currency => "Currency",
        Kind::Percent => "Percent",
        Kind::Date => "Date",
        Kind::DateTime => "DateTime",
        Kind::Time => "Time",
        Kind::Reference if field.cascade => "MasterDetail",
        Kind::Reference => "Lookup",
        Kind::Address => "Address",
        Kind::Location => "Location",
    }
}

/// `listMetadata`: what there is of each type that is asked for.
fn listed(visit: &Visit<'_>, body: &Element) -> String {
    let now = escape(&super::super::moment(visit.state.schema_ms));
    let user = visit.state.store.live("User", &visit.user);
    let by = user.and_then(|row| row.get("Name")?.as_str()).map(escape).unwrap_or_default();
    let mut out = Vec::new();
    for query in body.children.iter().filter(|child| child.name == "queries") {
        let kind = query.text_of("type").unwrap_or("");
        let known = TYPES.iter().find(|(_, known, _)| *known == kind);
        let (folder, suffix) = known.map_or(("objects", "object"), |(folder, _, suffix)| (folder, suffix));
        let schema = &visit.state.store.schema;
        let names: Vec<String> = match kind {
            "CustomObject" => schema.objects().map(|object| object.name.clone()).collect(),
            "CustomField" => schema
                .objects()
                .flat_map(|object| object.fields.iter().map(move |field| (object, field)))
                .filter(|(_, field)| field.custom)
                .map(|(object, field)| format!("{}.{}", object.name, field.name))
                .collect(),
            _ => {
                let of = visit.state.deployments.kept.keys().filter(|(known, _)| known == kind);
                of.map(|(_, name)| name.clone()).collect()
            }
        };
        for (at, name) in names.iter().enumerate() {
            let id = crate::id::make(
                if kind == "CustomField" { "00N" } else { "01I" },
                u64::try_from(at).unwrap_or(0),
            );
            let (name, user) = (escape(name), escape(&visit.user));
            out.push(format!(
                "<result><createdById>{user}</createdById><createdByName>{by}</createdByName><createdDate>{now}</createdDate>\
                 <fileName>{folder}/{name}.{suffix}</fileName><fullName>{name}</fullName><id>{id}</id>\
                 <lastModifiedById>{user}</lastModifiedById><lastModifiedByName>{by}</lastModifiedByName>\
                 <lastModifiedDate>{now}</lastModifiedDate><namespacePrefix/><type>{}</type></result>",
                escape(kind)
            ));
        }
    }
    out.concat()
}

fn allowed(visit: &Visit<'_>) -> Result<(), Fault> {
    if visit.state.store.is_whole() {
        return Ok(());
    }
    let message =
        "use of the Metadata API requires a user with the ModifyAllData or ModifyMetadata permissions";
    Err(Fault::new("INSUFFICIENT_ACCESS", message))
}

/// An element as text.
pub(super) fn spelled(element: &Element) -> String {
    let Element { name, text, children, attributes } = element;
    if attributes.iter().any(|(name, value)| name == "nil" && value == "true") {
        return String::new();
    }
    let inner: String = children.iter().map(spelled).collect();
    format!("<{name}>{}{inner}</{name}>", if inner.is_empty() { escape(text) } else { String::new() })
}

/// How many components a call may have.
const CALL_MAX: usize = 10;
