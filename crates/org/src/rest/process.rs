//! `/process`: workflow rules and approvals, as the deployed package defines them.
//!
//! An approval goes from step to step of the deployed process and is recorded as `ProcessInstance` and
//! `ProcessInstanceWorkitem`. Approvers are users related to the record; the actions of steps and rules, which are
//! formulas, are not run.

use serde_json::{Map, Value, json};

use crate::call::{Call, Reply};
use crate::failure::Failure;
use crate::id;
use crate::state::Visit;
use crate::store::Row;
use crate::value::Source;
use crate::xml::Element;

/// Answers what comes after `/process`.
pub(crate) fn route(
    visit: &mut Visit<'_>,
    call: &Call,
    method: &str,
    names: &[&str],
) -> Result<Reply, Failure> {
    match (method, names) {
        ("GET", ["rules", object @ ..]) => Ok(rules(visit, object.first().copied())),
        ("POST", ["rules", ..]) => trigger(visit, call),
        ("GET", ["approvals"]) => Ok(approvals(visit)),
        ("POST", ["approvals"]) => requests(visit, call),
        (_, ["rules" | "approvals", ..]) => Err(Failure::method_not_allowed(method)),
        _ => Err(Failure::not_found()),
    }
}

fn rules(visit: &Visit<'_>, of: Option<&str>) -> Reply {
    let mut all: Map<String, Value> = Map::new();
    for (at, (object, flow)) in visit.state.deployments.defined("Workflow").enumerate() {
        if of.is_some_and(|of| !of.eq_ignore_ascii_case(object)) {
            continue;
        }
        let one = |(step, rule): (usize, &Element)| {
            let actions = rule.all("actions").enumerate().map(|(place, action)| {
                json!({"id": serial("04Y", at * 10_000 + step * 100 + place), "name": text(action, "name"), "type": text(action, "type")})
            });
            json!({
                "actions": actions.collect::<Vec<_>>(), "description": rule.text_of("description"), "id": serial("01Q", at * 100 + step),
                "name": text(rule, "fullName"), "namespacePrefix": null, "object": object,
            })
        };
        all.insert(object.to_owned(), flow.all("rules").enumerate().map(one).collect());
    }
    Reply::json(200, json!({"rules": all}))
}

/// Which rules apply is not worked out here: that the records exist is all that is checked.
fn trigger(visit: &Visit<'_>, call: &Call) -> Result<Reply, Failure> {
    let body = call.object()?;
    let ids =
        body.get("contextIds").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    for id in ids {
        target(visit, id)?;
    }
    Ok(Reply::json(200, json!({"errors": null, "success": true})))
}

fn approvals(visit: &Visit<'_>) -> Reply {
    let mut all: Map<String, Value> = Map::new();
    for (at, (name, process)) in visit.state.deployments.defined("ApprovalProcess").enumerate() {
        let (object, short) = name.split_once('.').unwrap_or((name, name));
        let one = json!({
            "description": process.text_of("description"), "id": serial("04a", at), "name": process.text_of("label").unwrap_or(short),
            "object": object, "sortOrder": 1,
        });
        match all.get_mut(object).and_then(Value::as_array_mut) {
            Some(known) => known.push(one),
            None => {
                all.insert(object.to_owned(), json!([one]));
            }
        }
    }
    Reply::json(200, json!({"approvals": all}))
}

fn requests(visit: &mut Visit<'_>, call: &Call) -> Result<Reply, Failure> {
    let body = call.object()?;
    let wanted = body.get("requests").and_then(Value::as_array);
    let wanted = wanted.ok_or_else(|| Failure::request(400, "INVALID_INPUT", "requests must be an array"))?;
    let answers: Vec<Value> = wanted
        .iter()
        .map(|request| {
            one(visit, request).unwrap_or_else(|failure| {
                json!({"actorIds": null, "entityId": null, "errors": [failure.row_body()], "instanceId": null,
                       "instanceStatus": null, "newWorkitemIds": null, "success": false})
            })
        })
        .collect();
    Ok(Reply::json(200, Value::Array(answers)))
}

fn one(visit: &mut Visit<'_>, request: &Value) -> Result<Value, Failure> {
    let member = |name: &str| request.get(name).and_then(Value::as_str).unwrap_or("");
    let context = member("contextId");
    match member("actionType").to_ascii_lowercase().as_str() {
        "submit" => submit(visit, context, request),
        action @ ("approve" | "reject" | "removed") => decide(visit, context, action, request),
        other => Err(invalid(format!("invalid action type {other}"))),
    }
}

fn submit(visit: &mut Visit<'_>, context: &str, request: &Value) -> Result<Value, Failure> {
    let (object, id) = target(visit, context)?;
    let pending = visit
        .state
        .store
        .rows("ProcessInstance")
        .any(|(_, row)| said(row, "TargetObjectId") == id && said(row, "Status") == "Pending");
    if pending {
        return Err(Failure::row("ALREADY_IN_PROCESS", "Cannot submit object already in process.", &[]));
    }
    let known =
        visit.state.deployments.defined("ApprovalProcess").enumerate().find(|(_, (name, process))| {
            name.split_once('.').is_some_and(|(of, _)| of == object)
                && process.text_of("active") == Some("true")
        });
    let Some((at, _)) = known else {
        return Err(Failure::row("NO_APPLICABLE_PROCESS", "No applicable approval process was found.", &[]));
    };
    let author = visit.author(Source::Json);
    let members = [
        ("Status", json!("Pending")),
        ("TargetObjectId", json!(id)),
        ("SubmittedById", json!(author.user)),
        ("ProcessDefinitionId", json!(serial("04a", at))),
    ];
    let instance = visit.state.store.record(&author, "ProcessInstance", &members);
    let instance = instance.ok_or_else(|| invalid("approvals are not part of this org".into()))?;
    next(visit, &instance, at, 0, request)
}

fn decide(visit: &mut Visit<'_>, context: &str, action: &str, request: &Value) -> Result<Value, Failure> {
    let unknown = || Failure::row("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", &[]);
    let item = id::widen(context).ok_or_else(unknown)?;
    let row = visit.state.store.live("ProcessInstanceWorkitem", &item).ok_or_else(unknown)?;
    let instance = said(row, "ProcessInstanceId").to_owned();
    let held = visit.state.store.live("ProcessInstance", &instance).ok_or_else(unknown)?;
    let definition = said(held, "ProcessDefinitionId").to_owned();
    let at = (0..PROCESSES_MAX).find(|at| serial("04a", *at) == definition).ok_or_else(unknown)?;
    // A workitem that was decided is gone; how many are gone says which step this is.
    let gone = visit
        .state
        .store
        .rows("ProcessInstanceWorkitem")
        .filter(|(_, row)| said(row, "ProcessInstanceId") == instance && crate::store::is_deleted(row));
    let step = gone.count();
    visit.state.store.amend("ProcessInstanceWorkitem", &item, &[("IsDeleted", json!(true))]);
    let (now, user) = (json!(visit.now()), json!(visit.user));
    visit.state.store.amend("ProcessInstance", &instance, &[("LastActorId", user)]);
    if action == "approve" {
        return next(visit, &instance, at, step + 1, request);
    }
    let status = if action == "reject" { "Rejected" } else { "Removed" };
    visit.state.store.amend(
        "ProcessInstance",
        &instance,
        &[("Status", json!(status)), ("CompletedDate", now)],
    );
    Ok(answer(visit, &instance, None, None))
}

/// Asks the approver of a step, or ends the approval when there is no such step.
fn next(
    visit: &mut Visit<'_>,
    instance: &str,
    at: usize,
    step: usize,
    request: &Value,
) -> Result<Value, Failure> {
    let steps = visit.state.deployments.defined("ApprovalProcess").nth(at);
    let step = steps.and_then(|(_, process)| process.all("approvalStep").nth(step)).cloned();
    let Some(step) = step else {
        let members = [("Status", json!("Approved")), ("CompletedDate", json!(visit.now()))];
        visit.state.store.amend("ProcessInstance", instance, &members);
        return Ok(answer(visit, instance, None, None));
    };
    let actor = approver(visit, instance, &step, request)?;
    let author = visit.author(Source::Json);
    let members = [
        ("ProcessInstanceId", json!(instance)),
        ("ActorId", json!(actor)),
        ("OriginalActorId", json!(actor)),
    ];
    let item = visit.state.store.record(&author, "ProcessInstanceWorkitem", &members);
    Ok(answer(visit, instance, Some(actor), item))
}

fn approver(visit: &Visit<'_>, instance: &str, step: &Element, request: &Value) -> Result<String, Failure> {
    let chosen =
        request.get("nextApproverIds").and_then(Value::as_array).and_then(|ids| ids.first()?.as_str());
    if let Some(id) = chosen.and_then(id::widen) {
        return Ok(id);
    }
    let missing = || Failure::row("MANAGER_NOT_DEFINED", "no approver could be found for the next step", &[]);
    let approver = step.find("approver").ok_or_else(missing)?;
    let name = text(approver, "name");
    let store = &visit.state.store;
    let found = match approver.text_of("type") {
        Some("relatedUserField") => {
            let row = store.live("ProcessInstance", instance).ok_or_else(missing)?;
            let id = said(row, "TargetObjectId");
            let object = store.schema.object_of_id(id).ok_or_else(missing)?;
            let row = store.live(&object.name, id).ok_or_else(missing)?;
            Some(said(row, &format!("{name}Id")).to_owned())
        }
        Some("user") => {
            store.rows("User").find(|(_, row)| said(row, "Username") == name).map(|(id, _)| id.clone())
        }
        _ => Some(visit.user.clone()),
    };
    found.filter(|id| !id.is_empty()).ok_or_else(missing)
}

fn answer(visit: &Visit<'_>, instance: &str, actor: Option<String>, item: Option<String>) -> Value {
    let row = visit.state.store.live("ProcessInstance", instance);
    let member = |name: &str| row.map_or("", |row| said(row, name)).to_owned();
    json!({
        "actorIds": actor.map(|id| [id]), "entityId": member("TargetObjectId"), "errors": null, "instanceId": instance,
        "instanceStatus": member("Status"), "newWorkitemIds": item.into_iter().collect::<Vec<_>>(), "success": true,
    })
}

/// The object and the long id of a record that a request names.
fn target(visit: &Visit<'_>, given: &str) -> Result<(String, String), Failure> {
    let unknown = || Failure::row("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", &[]);
    let id = id::widen(given).ok_or_else(unknown)?;
    let object = visit.state.store.schema.object_of_id(&id).ok_or_else(unknown)?;
    visit.state.store.live(&object.name, &id).ok_or_else(unknown)?;
    Ok((object.name.clone(), id))
}

fn said<'a>(row: &'a Row, name: &str) -> &'a str {
    row.get(name).and_then(Value::as_str).unwrap_or("")
}

fn text<'a>(element: &'a Element, name: &str) -> &'a str {
    element.text_of(name).unwrap_or("")
}

/// Definitions have no rows: their ids follow from their place.
fn serial(prefix: &str, at: usize) -> String {
    id::make(prefix, u64::try_from(at).unwrap_or(0) + 1)
}

fn invalid(message: String) -> Failure {
    Failure::row("INVALID_ARGUMENT", message, &[])
}

const PROCESSES_MAX: usize = 10_000;
