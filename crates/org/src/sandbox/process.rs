//! `SandboxInfo` and `SandboxProcess` of the Tooling API: a sandbox asked for, refreshed, activated, given up.
//!
//! Writing a `SandboxInfo` queues a [`Wish`], which `host.rs` fulfils before the answer is sent: here a copy takes no time,
//! and the first look at its `SandboxProcess` shows it done.

use serde_json::{Map, Value, json};

use super::{Sandbox, SandboxKind};
use crate::auth::code::CLI;
use crate::call::{Call, Reply};
use crate::failure::Failure;
use crate::state::{State, Visit};
use crate::store::{Row, is_deleted};
use crate::value::Source;

/// What is to be done about a sandbox once the request that asked for it is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Make the copy of this process.
    Copy(String),
    /// Put the copy of this process in the place of the sandbox, or throw it away.
    Activate(String, bool),
    /// End the sandbox of this name.
    End(String),
}

/// Answers a write to `…/tooling/sobjects/SandboxInfo` or `SandboxProcess`; `names` in lower case, `raw` as written.
pub(crate) fn route(
    visit: &mut Visit<'_>,
    call: &Call,
    method: &str,
    names: &[&str],
    raw: &[String],
) -> Result<Reply, Failure> {
    if !visit.state.store.is_whole() {
        return Err(Failure::row("INSUFFICIENT_ACCESS_OR_READONLY", "Manage Sandboxes is required", &[]));
    }
    if is_sandbox(visit.state) {
        return Err(Failure::row("INSUFFICIENT_ACCESS_OR_READONLY", "a sandbox has no sandboxes", &[]));
    }
    let id = raw.get(1).map_or("", String::as_str);
    match (method, names) {
        ("POST", ["sandboxinfo"]) => create(visit, call),
        ("PATCH", ["sandboxinfo", _]) => refresh(visit, call, id),
        ("DELETE", ["sandboxinfo", _]) => end(visit, id),
        ("PATCH", ["sandboxprocess", _]) => decide(visit, call, id),
        _ => Err(Failure::method_not_allowed(method)),
    }
}

fn create(visit: &mut Visit<'_>, call: &Call) -> Result<Reply, Failure> {
    let given = given(call)?;
    let name = given.get("SandboxName").and_then(Value::as_str).unwrap_or("");
    let known = visit.state.store.rows("SandboxInfo").any(|(_, row)| !is_deleted(row) && named(row, name));
    if known {
        let message = format!("a sandbox named {name} already exists");
        return Err(Failure::row("DUPLICATE_VALUE", message, &["SandboxName"]));
    }
    let author = visit.author(Source::Json);
    let id = visit.state.store.attempt(|store| store.insert(&author, "SandboxInfo", &given))?;
    if let Err(failure) = begin(visit, &id) {
        visit.state.store.forget("SandboxInfo", &id);
        return Err(failure);
    }
    visit.audit("sandboxCreated", "Sandboxes", &format!("Asked for sandbox {name}"));
    let location = visit.path(&format!("tooling/sobjects/SandboxInfo/{id}"));
    Ok(Reply::json(201, json!({"id": id, "success": true, "errors": [], "warnings": [], "infos": []}))
        .with("location", location))
}

/// A change of a `SandboxInfo` is a refresh of the sandbox.
fn refresh(visit: &mut Visit<'_>, call: &Call, id: &str) -> Result<Reply, Failure> {
    let mut given = given(call)?;
    let id = crate::id::widen(id).ok_or_else(Failure::not_found)?;
    let row = visit.state.store.live("SandboxInfo", &id).cloned().ok_or_else(Failure::not_found)?;
    if given.get("SandboxName").is_some_and(|name| !name.as_str().is_some_and(|name| named(&row, name))) {
        return Err(Failure::row("INVALID_FIELD", "a sandbox keeps its name", &["SandboxName"]));
    }
    // Clients send the whole record back; what it says about itself is not theirs to change.
    given.retain(|name, _| name != "Id" && !STAMPS.contains(&name.as_str()));
    let author = visit.author(Source::Json);
    visit.state.store.attempt(|store| store.update(&author, "SandboxInfo", &id, &given))?;
    begin(visit, &id)?;
    let name = text(&row, "SandboxName");
    visit.audit("sandboxRefreshed", "Sandboxes", &format!("Asked for a refresh of sandbox {name}"));
    Ok(Reply::empty(204))
}

fn end(visit: &mut Visit<'_>, id: &str) -> Result<Reply, Failure> {
    let id = crate::id::widen(id).ok_or_else(Failure::not_found)?;
    let row = visit.state.store.live("SandboxInfo", &id).cloned().ok_or_else(Failure::not_found)?;
    visit.state.store.forget("SandboxInfo", &id);
    let of = |row: &Row| text(row, "SandboxInfoId") == id;
    let processes: Vec<String> = visit
        .state
        .store
        .rows("SandboxProcess")
        .filter(|(_, row)| of(row))
        .map(|(id, _)| id.clone())
        .collect();
    for process in processes {
        visit.state.store.amend("SandboxProcess", &process, &[("Status", json!("Deleted"))]);
    }
    let name = text(&row, "SandboxName").to_owned();
    visit.audit("sandboxDeleted", "Sandboxes", &format!("Deleted sandbox {name}"));
    visit.state.wishes.push(Wish::End(name));
    Ok(Reply::empty(204))
}

/// `RefreshAction`: whether a refreshed copy takes the sandbox's place.
fn decide(visit: &mut Visit<'_>, call: &Call, id: &str) -> Result<Reply, Failure> {
    let given = call.object()?;
    let id = crate::id::widen(id).ok_or_else(Failure::not_found)?;
    let row = visit.state.store.live("SandboxProcess", &id).ok_or_else(Failure::not_found)?;
    if text(row, "Status") != WAITING {
        let message = "the sandbox is not pending activation";
        return Err(Failure::row("INVALID_STATUS", message, &["RefreshAction"]));
    }
    let activate = match given.get("RefreshAction").and_then(Value::as_str) {
        Some("ACTIVATE") => true,
        Some("DISCARD") => false,
        _ => {
            let message = "RefreshAction is ACTIVATE or DISCARD";
            return Err(Failure::row("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, &["RefreshAction"]));
        }
    };
    visit.state.wishes.push(Wish::Activate(id, activate));
    Ok(Reply::empty(204))
}

/// Notes the process of a copy, and that it is to be made.
fn begin(visit: &mut Visit<'_>, info: &str) -> Result<(), Failure> {
    let row = visit.state.store.live("SandboxInfo", info).cloned().ok_or_else(Failure::not_found)?;
    let asked = asked(visit.state, &row, None)?;
    let refused = |error: super::SandboxError| {
        Failure::row("FIELD_INTEGRITY_EXCEPTION", error.to_string(), &["SandboxName"])
    };
    // A clone is of another sandbox, which may have other objects: whether they are there is seen when it is made.
    if text(&row, "SourceId").is_empty() {
        asked.check(visit.state).map_err(refused)?;
    }
    let now = visit.now();
    let mut members: Vec<(&str, Value)> =
        CHOSEN.iter().filter_map(|name| Some((*name, row.get(*name)?.clone()))).collect();
    members.push(("SandboxInfoId", json!(info)));
    members.push(("Status", json!("Pending")));
    members.push(("CopyProgress", json!(0)));
    members.push(("StartDate", json!(now)));
    let author = visit.author(Source::Json);
    let process = visit.state.store.record(&author, "SandboxProcess", &members).unwrap_or_default();
    visit.state.wishes.push(Wish::Copy(process));
    Ok(())
}

/// The sandbox that a `SandboxInfo` or a `SandboxProcess` asks for.
pub(crate) fn asked(state: &State, row: &Row, user: Option<&str>) -> Result<Sandbox, Failure> {
    let license = text(row, "LicenseType");
    let kind =
        SandboxKind::read(if license.is_empty() { "developer" } else { license }).ok_or_else(|| {
            let message = format!("bad value for restricted picklist field: {license}");
            Failure::row("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, &["LicenseType"])
        })?;
    let template = text(row, "TemplateId");
    let objects = state.sandbox_templates.get(template).cloned();
    if objects.is_none() && !template.is_empty() {
        let message = "the template is none of this org's";
        return Err(Failure::row("INVALID_CROSS_REFERENCE_KEY", message, &["TemplateId"]));
    }
    let class = text(row, "ApexClassId");
    let username =
        user.and_then(|user| state.store.live("User", user)).map(|row| text(row, "Username").to_owned());
    Ok(Sandbox {
        name: text(row, "SandboxName").to_owned(),
        kind,
        objects: objects.unwrap_or_default(),
        post_copy: (!class.is_empty()).then(|| class.to_owned()),
        requested_by: username,
    })
}

/// `…/tooling/sandboxAuth`: a code with which who made a sandbox logs in to it.
pub(crate) fn authorize(visit: &mut Visit<'_>, call: &Call) -> Result<Reply, Failure> {
    let given = call.object()?;
    let text_of = |name: &str| given.get(name).and_then(Value::as_str).unwrap_or("").to_owned();
    let not_ready = || Failure::request(400, "INVALID_STATUS", "the sandbox is not ready");
    let user = visit.state.store.live("User", &visit.user).map(|row| text(row, "Username").to_owned());
    let username = super::suffixed(&user.unwrap_or_default(), &text_of("sandboxName"));
    let key = text_of("sandboxName").to_ascii_lowercase();
    let open = visit.state.sandboxes.get(&key).ok_or_else(not_ready)?;
    let url = open.url(visit.base.starts_with("https:")).ok_or_else(not_ready)?;
    // The CLI leaves it out when it was given a session rather than a login.
    let client = Some(text_of("clientId")).filter(|id| !id.is_empty()).unwrap_or_else(|| CLI.to_owned());
    let code = open.code(&username, &client).ok_or_else(not_ready)?;
    let body = json!({"authCode": code, "authUserName": username, "instanceUrl": url, "loginUrl": url});
    Ok(Reply::json(200, body))
}

/// The members of a request, with the kind of sandbox as the platform spells it.
fn given(call: &Call) -> Result<Map<String, Value>, Failure> {
    let mut given = call.object()?;
    if let Some(Value::String(license)) = given.get_mut("LicenseType") {
        *license = license.to_ascii_uppercase();
    }
    Ok(given)
}

fn is_sandbox(state: &State) -> bool {
    let row = state.store.live("Organization", &state.access.organization);
    row.and_then(|row| row.get("IsSandbox")) == Some(&Value::Bool(true))
}

fn named(row: &Row, name: &str) -> bool {
    text(row, "SandboxName").eq_ignore_ascii_case(name)
}

pub(crate) fn text<'a>(row: &'a Row, name: &str) -> &'a str {
    row.get(name).and_then(Value::as_str).unwrap_or("")
}

/// The status of a refreshed copy that waits to be activated.
pub(crate) const WAITING: &str = "Pending Activation";

/// What a process has from the record that asked for it.
const CHOSEN: [&str; 12] = [
    "ActivationUserGroupId",
    "ApexClassId",
    "AutoActivate",
    "CopyArchivedActivities",
    "CopyChatter",
    "Description",
    "Features",
    "HistoryDays",
    "LicenseType",
    "SandboxName",
    "SourceId",
    "TemplateId",
];

const STAMPS: [&str; 7] = [
    "CreatedById",
    "CreatedDate",
    "IsDeleted",
    "LastModifiedById",
    "LastModifiedDate",
    "SystemModstamp",
    "attributes",
];
