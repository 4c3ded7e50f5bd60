//! `/quickActions`: log a call, make a task, an event, a contact and other records, from another record.

use serde_json::{Map, Value, json};

use crate::call::{Call, Reply};
use crate::failure::Failure;
use crate::schema::{Access, Field, Kind, Object};
use crate::state::Visit;
use crate::value::Source;

/// Answers what comes after `/quickActions`, or after `/sobjects/X/quickActions`.
pub(crate) fn route(
    visit: &mut Visit<'_>,
    call: &Call,
    method: &str,
    (names, raw): (&[&str], &[String]),
    of: Option<&Object>,
) -> Result<Reply, Failure> {
    let found = names.first().map(|name| {
        let last = name.rsplit('.').next().unwrap_or(name);
        ACTIONS.iter().find(|action| action.name.eq_ignore_ascii_case(last)).ok_or_else(Failure::not_found)
    });
    let Some(action) = found.transpose()? else {
        let all: Vec<Value> = ACTIONS.iter().map(|action| summary(visit, action, of)).collect();
        return Ok(Reply::json(200, Value::Array(all)));
    };
    let rest = names.get(1..).unwrap_or(&[]);
    let object = visit.state.store.object(action.target)?;
    match (method, rest) {
        ("GET", []) => Ok(Reply::json(200, summary(visit, action, of))),
        ("GET", ["describe"]) => Ok(Reply::json(200, described(visit, action, &object, of))),
        ("GET", ["defaultvalues"]) => Ok(Reply::json(200, defaults(visit, action, &object, None)?)),
        ("GET", ["defaultvalues", _]) => {
            let context = raw.get(2).map(String::as_str);
            Ok(Reply::json(200, defaults(visit, action, &object, context)?))
        }
        ("POST", []) => execute(visit, call, action, &object),
        (_, [] | ["describe"]) => Err(Failure::method_not_allowed(method)),
        _ => Err(Failure::not_found()),
    }
}

/// One action: the object that it makes, and what the fields say before the user does.
struct Action {
    name: &'static str,
    label: &'static str,
    kind: &'static str,
    target: &'static str,
    fields: &'static [&'static str],
    given: &'static [(&'static str, &'static str)],
}

fn summary(visit: &Visit<'_>, action: &Action, of: Option<&Object>) -> Value {
    let at = match of {
        Some(object) => visit.path(&format!("sobjects/{}/quickActions/{}", object.name, action.name)),
        None => visit.path(&format!("quickActions/{}", action.name)),
    };
    json!({
        "actionEnumOrId": action.name, "label": action.label, "name": action.name, "type": action.kind,
        "urls": {
            "defaultValues": format!("{at}/defaultValues"),
            "defaultValuesTemplate": format!("{at}/defaultValues/{{ID}}"),
            "describe": format!("{at}/describe"),
            "quickAction": at,
        },
    })
}

fn described(visit: &Visit<'_>, action: &Action, object: &Object, of: Option<&Object>) -> Value {
    let Value::Object(mut map) = summary(visit, action, of) else { return Value::Null };
    let fields = || action.fields.iter().filter_map(|name| object.field(name));
    let rows: Vec<Value> = fields().map(layout_row).collect();
    let layout = json!({
        "id": null,
        "layoutRows": rows,
        "name": action.name,
    });
    let defaults: Vec<Value> = action
        .given
        .iter()
        .map(|(field, value)| json!({"defaultValue": format!("\"{value}\""), "field": field}))
        .collect();
    for (name, value) in [
        ("accessLevelRequired", Value::Null),
        ("canvasApplicationId", Value::Null),
        ("canvasApplicationName", Value::Null),
        ("colors", json!([])),
        ("contextSobjectType", json!(of.map(|object| &object.name))),
        ("defaultValues", json!(defaults)),
        ("flowDevName", Value::Null),
        ("flowRecordIdVar", Value::Null),
        ("height", Value::Null),
        ("iconName", Value::Null),
        ("iconUrl", Value::Null),
        ("icons", json!([])),
        ("layout", layout),
        ("lightningComponentBundleId", Value::Null),
        ("lightningComponentBundleName", Value::Null),
        ("lightningComponentQualifiedName", Value::Null),
        ("miniIconUrl", Value::Null),
        ("showQuickActionLcHeader", json!(false)),
        ("showQuickActionVfHeader", json!(false)),
        ("targetParentField", json!("WhatId")),
        ("targetRecordTypeId", Value::Null),
        ("targetSobjectType", json!(object.name)),
        ("visualforcePageName", Value::Null),
        ("visualforcePageUrl", Value::Null),
        ("width", Value::Null),
    ] {
        map.insert(name.into(), value);
    }
    Value::Object(map)
}

fn layout_row(field: &Field) -> Value {
    let part = json!({"details": {"name": field.name, "label": field.label, "type": field.kind.name()}, "displayLines": 1,
                      "tabOrder": 1, "type": "Field", "value": field.name});
    json!({
        "layoutItems": [{
            "editableForNew": field.access == Access::Write, "editableForUpdate": field.access == Access::Write, "label": field.label,
            "layoutComponents": [part], "placeholder": false, "required": field.required,
        }],
        "numItems": 1,
    })
}

/// What the form holds at first: the action's own values, and the record that it is opened on.
fn defaults(
    visit: &Visit<'_>,
    action: &Action,
    object: &Object,
    context: Option<&str>,
) -> Result<Value, Failure> {
    let mut map = Map::new();
    map.insert("attributes".into(), json!({"type": object.name}));
    for field in action.fields.iter().filter_map(|name| object.field(name)) {
        let given = action.given.iter().find(|(name, _)| *name == field.name);
        map.insert(field.name.clone(), given.map_or(Value::Null, |(_, value)| json!(value)));
    }
    if let Some((name, id)) = context.map(|id| linked(visit, object, id)).transpose()?.flatten() {
        map.insert(name, json!(id));
    }
    Ok(Value::Object(map))
}

/// The field of the new record that points at the record the action is opened on.
fn linked(visit: &Visit<'_>, object: &Object, context: &str) -> Result<Option<(String, String)>, Failure> {
    let unknown = || Failure::row("INVALID_ID_FIELD", format!("invalid context id {context}"), &[]);
    let id = crate::id::widen(context).ok_or_else(unknown)?;
    let parent = visit.state.store.schema.object_of_id(&id).ok_or_else(unknown)?;
    visit.state.store.live(&parent.name, &id).ok_or_else(unknown)?;
    let points = |field: &&Field| field.kind == Kind::Reference && field.reference.contains(&parent.name);
    let wanted = ["WhatId", "WhoId", "AccountId", "ContactId", "ParentId"];
    let field = wanted.iter().filter_map(|name| object.field(name)).find(points);
    Ok(field.map(|field| (field.name.clone(), id)))
}

fn execute(visit: &mut Visit<'_>, call: &Call, action: &Action, object: &Object) -> Result<Reply, Failure> {
    let body = call.object()?;
    let context = body.get("contextId").and_then(Value::as_str).filter(|id| !id.is_empty());
    let mut record: Map<String, Value> =
        action.given.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    if let Some((name, id)) = context.map(|id| linked(visit, object, id)).transpose()?.flatten() {
        record.insert(name, json!(id));
    }
    let given = body.get("record").and_then(Value::as_object).cloned().unwrap_or_default();
    record.extend(given);
    let author = visit.author(Source::Json);
    let id = visit.state.store.attempt(|store| store.insert(&author, &object.name, &record))?;
    visit.touched(&object.name, &id);
    let body = json!({
        "contextId": context, "created": true, "errors": [], "feedItemIds": [], "id": id, "success": true,
        "successMessage": format!("{} was created.", object.label),
    });
    Ok(Reply::json(201, body))
}

const ACTIVITY: &[&str] =
    &["Subject", "Description", "WhoId", "WhatId", "ActivityDate", "Status", "Priority"];
const ACTIONS: &[Action] = &[
    Action {
        name: "LogACall",
        label: "Log a Call",
        kind: "LogACall",
        target: "Task",
        fields: &["Subject", "Description", "WhoId", "WhatId"],
        given: &[("Subject", "Call"), ("Status", "Completed"), ("TaskSubtype", "Call")],
    },
    Action {
        name: "NewTask",
        label: "New Task",
        kind: "Create",
        target: "Task",
        fields: ACTIVITY,
        given: &[],
    },
    Action {
        name: "NewEvent",
        label: "New Event",
        kind: "Create",
        target: "Event",
        fields: &["Subject", "Description", "WhoId", "WhatId", "StartDateTime", "EndDateTime"],
        given: &[],
    },
    Action {
        name: "NewContact",
        label: "New Contact",
        kind: "Create",
        target: "Contact",
        fields: &["FirstName", "LastName", "Email", "Phone", "AccountId"],
        given: &[],
    },
    Action {
        name: "NewCase",
        label: "New Case",
        kind: "Create",
        target: "Case",
        fields: &["ContactId", "AccountId", "Subject", "Description", "Status"],
        given: &[],
    },
    Action {
        name: "NewOpportunity",
        label: "New Opportunity",
        kind: "Create",
        target: "Opportunity",
        fields: &["Name", "AccountId", "CloseDate", "StageName", "Amount"],
        given: &[],
    },
    Action {
        name: "NewLead",
        label: "New Lead",
        kind: "Create",
        target: "Lead",
        fields: &["FirstName", "LastName", "Company", "Email", "Phone"],
        given: &[],
    },
];
