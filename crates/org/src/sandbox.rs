//! Sandboxes: a copy of an org with an id of its own, and users who cannot be taken for those of production.
//!
//! Kept as it is: every id but the organization's, what was deployed, and the data that the kind of sandbox has; e-mail
//! addresses of contacts and leads too, as in a real refresh. Not copied: the recycle bin, the audit trail, the event log,
//! sessions and jobs. Source: Salesforce help, "Sandboxes: Staging Environments"; Tooling API, `SandboxInfo`.

pub(crate) mod host;
pub(crate) mod process;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use aws_lc_rs::digest;
use serde_json::Value;

use crate::apex::post_copy;
use crate::deploy::rules;
use crate::schema::{Access, Kind, Schema};
use crate::state::{State, Visit};
use crate::store::{Author, Row, is_deleted};
use crate::value::Source;
use crate::{Config, StartError, User, id, seed, snapshot};

/// A sandbox as it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sandbox {
    /// One to ten letters and digits; ends the usernames of its users.
    pub name: String,
    /// How much is copied.
    pub kind: SandboxKind,
    /// Objects whose records are copied, for a partial copy or a full one that has a template; none means all.
    pub objects: Vec<String>,
    /// An Apex class of the org that implements `SandboxPostCopy`, run once the copy is made.
    pub post_copy: Option<String>,
    /// Who asks: the one user whose e-mail address stays as it is.
    pub requested_by: Option<String>,
}

/// How much of an org a sandbox is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SandboxKind {
    /// What was set up, and no data.
    Developer,
    /// The same, with more room; there is no difference here.
    DeveloperPro,
    /// What was set up, and at most 10,000 records of each object of a template.
    Partial,
    /// Everything.
    Full,
}

/// An org that begins as a sandbox of the org that a snapshot holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SandboxOf {
    /// The snapshot of the org that is copied.
    pub snapshot: PathBuf,
    /// What is made of it.
    pub sandbox: Sandbox,
}

/// Why a sandbox cannot be made.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SandboxError {
    /// A name that Salesforce would not take.
    #[error("`{0}` is no name for a sandbox: it takes one to ten letters and digits")]
    Name(String),
    /// A partial copy of nothing in particular.
    #[error("a partial sandbox needs to be told whose records to copy")]
    NoObjects,
    /// An object that the org does not have.
    #[error("the org has no object `{0}` to copy")]
    NoObject(String),
    /// A class that the org does not have.
    #[error("the org has no Apex class `{0}` to run after the copy")]
    NoClass(String),
}

impl SandboxKind {
    /// Reads `full`, `partial`, `developer` or `developer_pro`, as `SandboxInfo.LicenseType` has them, in any case.
    pub fn read(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().replace('-', "_").as_str() {
            "developer" => Some(Self::Developer),
            "developer_pro" => Some(Self::DeveloperPro),
            "partial" => Some(Self::Partial),
            "full" => Some(Self::Full),
            _ => None,
        }
    }
}

impl Sandbox {
    /// Whether it can be made of an org of this schema.
    pub(crate) fn check(&self, source: &State) -> Result<(), SandboxError> {
        let plain = self.name.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !plain || !(1..=10).contains(&self.name.len()) {
            return Err(SandboxError::Name(self.name.clone()));
        }
        if self.kind == SandboxKind::Partial && self.objects.is_empty() {
            return Err(SandboxError::NoObjects);
        }
        let missing = self.objects.iter().find(|name| source.store.schema.object(name).is_none());
        if let Some(name) = missing {
            return Err(SandboxError::NoObject(name.clone()));
        }
        match &self.post_copy {
            Some(class) if post_copy::source(source, class).is_none() => {
                Err(SandboxError::NoClass(class.clone()))
            }
            _ => Ok(()),
        }
    }
}

/// Makes a sandbox of an org, runs what is to be run after the copy, and notes both in the sandbox's audit trail.
///
/// Errors: `SandboxError`. A class that fails afterwards is no error: the sandbox is there, as it would be at Salesforce,
/// and its audit trail says what happened.
pub(crate) fn made(
    source: &State,
    config: &Config,
    sandbox: &Sandbox,
    now_ms: i64,
) -> Result<State, SandboxError> {
    cloned(source, "", config, sandbox, now_ms)
}

/// Makes a sandbox of another of this name: its users lose that name before they are given the new one.
pub(crate) fn cloned(
    source: &State,
    of: &str,
    config: &Config,
    sandbox: &Sandbox,
    now_ms: i64,
) -> Result<State, SandboxError> {
    sandbox.check(source)?;
    let config = host::config(config, sandbox);
    let organization = organization(source, sandbox, now_ms);
    let mut state = seed::new_state(&config, &organization);
    let (serial, numbers) = source.store.counters();
    state.store.schema = source.store.schema.clone();
    state.store.restore_counters(serial, numbers);
    state.deployments.kept.clone_from(&source.deployments.kept);
    state.deployments.definitions.clone_from(&source.deployments.definitions);
    state.apex_rest.clone_from(&source.apex_rest);
    state.schema_ms = now_ms;
    copy_rows(source, of, &mut state, sandbox);
    rules::enforce(&mut state.store, &state.deployments);
    finish(&mut state, source, sandbox, now_ms);
    Ok(state)
}

/// What an org begins with: a new org, what its snapshot holds, or a copy of another org.
///
/// Errors: a snapshot cannot be read, or the sandbox cannot be made of it.
pub(crate) fn begun(config: &Config) -> Result<State, StartError> {
    let mut state = match &config.sandbox_of {
        None => {
            let mut state = seed::new_state(config, &id::make("00D", 1));
            if let Some(path) = &config.snapshot {
                snapshot::load(&mut state, path)?;
            }
            state
        }
        Some(SandboxOf { snapshot: path, sandbox }) => {
            let mut production = seed::new_state(config, &id::make("00D", 1));
            snapshot::load(&mut production, path)?;
            made(&production, config, sandbox, config.clock.now_ms())?
        }
    };
    for (name, objects) in &config.sandbox_templates {
        template(&mut state, name, objects)?;
    }
    Ok(state)
}

/// Makes a template known under the id of its row.
fn template(state: &mut State, name: &str, objects: &[String]) -> Result<(), SandboxError> {
    if let Some(missing) = objects.iter().find(|object| state.store.schema.object(object).is_none()) {
        return Err(SandboxError::NoObject(missing.clone()));
    }
    let named = |row: &Row| row.get("DeveloperName").and_then(Value::as_str) == Some(name);
    let known =
        state.store.rows("PartitionLevelScheme").find(|(_, row)| named(row)).map(|(id, _)| id.clone());
    let author = Author { user: String::new(), now_ms: state.schema_ms, source: Source::Json };
    let members = [("MasterLabel", Value::from(name)), ("DeveloperName", Value::from(name))];
    let id = known.or_else(|| state.store.record(&author, "PartitionLevelScheme", &members));
    state.sandbox_templates.insert(id.unwrap_or_default(), objects.to_vec());
    Ok(())
}

/// The sandbox's users as those who log in: names that end in its own, addresses that no mail reaches.
fn users(users: &[User], sandbox: &Sandbox) -> Vec<User> {
    let change = |user: &User| User {
        username: suffixed(&user.username, &sandbox.name),
        email: if sandbox.requested_by.as_deref() == Some(&user.username) {
            user.email.clone()
        } else {
            invalid(&user.email)
        },
        ..user.clone()
    };
    users.iter().map(change).collect()
}

fn suffixed(username: &str, name: &str) -> String {
    format!("{username}.{}", name.to_ascii_lowercase())
}

fn invalid(email: &str) -> String {
    if email.is_empty() || email.ends_with(".invalid") {
        email.to_owned()
    } else {
        format!("{email}.invalid")
    }
}

/// An id that no other org has, nor the same sandbox before its refresh.
fn organization(source: &State, sandbox: &Sandbox, now_ms: i64) -> String {
    let text = format!("{}/{}/{now_ms}", source.access.organization, sandbox.name.to_ascii_lowercase());
    let hash = digest::digest(&digest::SHA256, text.as_bytes());
    let serial = hash.as_ref().iter().take(6).fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
    id::make("00D", serial)
}

fn copy_rows(source: &State, of: &str, state: &mut State, sandbox: &Sandbox) {
    let schema = source.store.schema.clone();
    let wanted: BTreeSet<String> = sandbox.objects.iter().map(|name| name.to_ascii_lowercase()).collect();
    let mut copied: BTreeMap<String, BTreeMap<String, Row>> = BTreeMap::new();
    for object in schema.objects() {
        let most = most(&object.name, sandbox.kind, &wanted);
        let live = source.store.rows(&object.name).filter(|(_, row)| !is_deleted(row)).take(most);
        let rows: BTreeMap<String, Row> = live.map(|(id, row)| (id.clone(), row.clone())).collect();
        copied.insert(object.name.clone(), rows);
    }
    if sandbox.kind != SandboxKind::Full || !wanted.is_empty() {
        untie(&schema, &mut copied);
    }
    for (object, rows) in copied {
        for (id, row) in rows {
            let (id, row) = match object.as_str() {
                "Organization" => organization_row(state, &row),
                "User" => (id, user_row(&row, of, sandbox)),
                _ => (id, row),
            };
            state.store.restore(&object, &id, row);
        }
    }
}

/// How many records of an object are copied.
fn most(object: &str, kind: SandboxKind, wanted: &BTreeSet<String>) -> usize {
    if NEVER.contains(&object) {
        return 0;
    }
    if SETUP.contains(&object) || object.ends_with("__mdt") {
        return usize::MAX;
    }
    let chosen = wanted.contains(&object.to_ascii_lowercase());
    match kind {
        SandboxKind::Partial if chosen => PARTIAL_ROWS_MAX,
        SandboxKind::Full if chosen || wanted.is_empty() => usize::MAX,
        // Nothing of a developer sandbox, nor of what a template leaves out.
        SandboxKind::Developer | SandboxKind::DeveloperPro | SandboxKind::Partial | SandboxKind::Full => 0,
    }
}

/// Takes away references to records that stay behind.
fn untie(schema: &Schema, copied: &mut BTreeMap<String, BTreeMap<String, Row>>) {
    let ids: BTreeSet<String> = copied.values().flat_map(BTreeMap::keys).cloned().collect();
    for (name, rows) in copied {
        let Some(object) = schema.object(name) else { continue };
        let lookups = object.fields.iter().filter(|field| {
            field.kind == Kind::Reference && field.access != Access::ReadOnly && !field.reference.is_empty()
        });
        for field in lookups {
            for row in rows.values_mut() {
                let known = row.get(&field.name).and_then(Value::as_str).is_none_or(|id| ids.contains(id));
                // What an object outside the catalogue holds cannot be looked for.
                let known = known || field.reference.iter().all(|target| schema.object(target).is_none());
                if !known {
                    row.remove(&field.name);
                }
            }
        }
    }
}

/// The organization as the sandbox is: production's, but for what makes it a sandbox.
fn organization_row(state: &State, production: &Row) -> (String, Row) {
    let id = state.access.organization.clone();
    let mut row = production.clone();
    if let Some(own) = state.store.live("Organization", &id) {
        for name in ["Id", "InstanceName", "IsSandbox"] {
            row.insert(name.into(), own.get(name).cloned().unwrap_or(Value::Null));
        }
    }
    (id, row)
}

fn user_row(production: &Row, of: &str, sandbox: &Sandbox) -> Row {
    let mut row = production.clone();
    let text = |name: &str| production.get(name).and_then(Value::as_str).unwrap_or("");
    let ending = format!(".{}", of.to_ascii_lowercase());
    let plain = text("Username").strip_suffix(&ending).filter(|_| !of.is_empty()).unwrap_or(text("Username"));
    row.insert("Username".into(), Value::from(suffixed(plain, &sandbox.name)));
    if sandbox.requested_by.as_deref() != Some(plain) {
        row.insert("Email".into(), Value::from(invalid(text("Email"))));
    }
    row
}

/// Runs the class that is to be run after the copy, as the automated process that nobody can log in as.
fn finish(state: &mut State, source: &State, sandbox: &Sandbox, now_ms: i64) {
    let user = automated_process(state);
    let mut visit = Visit { state, user, now_ms, version: "v67.0".into(), base: "http://localhost".into() };
    let of = &source.access.organization;
    visit.audit("sandboxCopied", "Sandboxes", &format!("Copied sandbox {} from {of}", sandbox.name));
    let Some(class) = &sandbox.post_copy else { return };
    let Some((class, text)) = post_copy::source(source, class) else { return };
    let organization = visit.state.access.organization.clone();
    let context =
        post_copy::Context { organization: of.clone(), sandbox: organization, name: sandbox.name.clone() };
    let told = match post_copy::run(&mut visit, &text, context) {
        Ok(()) => format!("Ran SandboxPostCopy class {class}"),
        Err(problem) => format!("SandboxPostCopy class {class} failed: {problem}"),
    };
    visit.audit("ranSandboxPostCopy", "Sandboxes", &told);
}

/// The user as whom the platform does things itself.
fn automated_process(state: &mut State) -> String {
    let organization = state.access.organization.to_ascii_lowercase();
    let author = Author { user: String::new(), now_ms: state.schema_ms, source: Source::Json };
    let members = [
        ("Username", Value::from(format!("autoproc@{organization}"))),
        ("Name", Value::from("Automated Process")),
        ("FirstName", Value::from("Automated")),
        ("LastName", Value::from("Process")),
        ("Alias", Value::from("autoproc")),
        ("Email", Value::from("noreply@example.invalid")),
        ("IsActive", Value::from(true)),
        ("UserType", Value::from("AutomatedProcess")),
    ];
    let known = state.store.rows("User").find(|(_, row)| row.get("Alias") == Some(&Value::from("autoproc")));
    match known.map(|(id, _)| id.clone()) {
        Some(id) => {
            state.store.amend("User", &id, members.get(..1).unwrap_or_default());
            id
        }
        None => state.store.record(&author, "User", &members).unwrap_or_default(),
    }
}

/// What a sandbox never has of production.
const NEVER: [&str; 4] = ["EventLogFile", "SandboxInfo", "SandboxProcess", "SetupAuditTrail"];

/// What was set up rather than recorded: in every sandbox.
const SETUP: [&str; 19] = [
    "ApexClass",
    "ApexTrigger",
    "BusinessHours",
    "DebugLevel",
    "FieldPermissions",
    "Group",
    "GroupMember",
    "ObjectPermissions",
    "Organization",
    "PartitionLevelScheme",
    "PermissionSet",
    "PermissionSetAssignment",
    "Profile",
    "PushTopic",
    "RecordType",
    "Report",
    "StaticResource",
    "User",
    "UserRole",
];

const PARTIAL_ROWS_MAX: usize = 10_000;

#[cfg(test)]
mod tests;
