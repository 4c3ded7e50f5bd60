//! What a user sees of the org: objects and fields by permission, rows by sharing.
//!
//! An administrator sees everything. Another user has the standard objects, and of what was added to the org only what
//! an assigned permission set gives: `ObjectPermissions` and `FieldPermissions`, as rows. Rows of an object whose deployed
//! `sharingModel` is `Private` or `Read` are shared by owner, role and deployed sharing rules; parents do not control
//! their children here.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::deploy::Deployments;
use crate::schema::{Access, Object, Schema};
use crate::sharing::{self, Model, Rule};
use crate::store::{Row, Store, is_deleted};

/// A user who does not see everything.
#[derive(Debug, Clone)]
pub(crate) struct Viewer {
    /// Objects by canonical name.
    rights: BTreeMap<String, Rights>,
    /// `Object.Field` of custom fields in lower case, and whether they may be written.
    fields: BTreeMap<String, bool>,
    /// The user, and everybody below in the role hierarchy.
    owners: BTreeSet<String>,
    models: BTreeMap<String, Model>,
    rules: BTreeMap<String, Vec<Rule>>,
}

/// What a user may do with the records of an object.
#[expect(clippy::struct_excessive_bools, reason = "these are the members of Salesforce's ObjectPermissions")]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Rights {
    pub(crate) read: bool,
    pub(crate) create: bool,
    pub(crate) edit: bool,
    pub(crate) delete: bool,
    pub(crate) view_all: bool,
    pub(crate) modify_all: bool,
}

/// How far a row is open to a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    None,
    Read,
    Edit,
}

impl Viewer {
    /// The user's view; nothing for an administrator, who needs none.
    pub(crate) fn of(store: &Store, deployments: &Deployments, user: &str) -> Option<Self> {
        let row = store.live("User", user)?;
        let profile = text(row, "ProfileId");
        let profile = store.live("Profile", profile).map_or("", |profile| text(profile, "Name"));
        if profile == ADMINISTRATOR {
            return None;
        }
        let sets: BTreeSet<&str> = live(store, "PermissionSetAssignment")
            .filter(|row| text(row, "AssigneeId") == user)
            .map(|row| text(row, "PermissionSetId"))
            .collect();
        let given = |object: &'static str| {
            let sets = sets.clone();
            live(store, object).filter(move |row| sets.contains(text(row, "ParentId")))
        };
        let mut rights: BTreeMap<String, Rights> =
            store.schema.objects().map(|object| (object.name.clone(), standard(object))).collect();
        for row in given("ObjectPermissions") {
            if let Some(object) = store.schema.object(text(row, "SobjectType")) {
                rights.entry(object.name.clone()).or_default().add(row);
            }
        }
        let mut fields = BTreeMap::new();
        for row in given("FieldPermissions").filter(|row| yes(row, "PermissionsRead")) {
            let writes = fields.entry(text(row, "Field").to_ascii_lowercase()).or_insert(false);
            *writes |= yes(row, "PermissionsEdit");
        }
        let shared = sharing::Shared::of(store, deployments, user);
        Some(Self { rights, fields, owners: shared.owners, models: shared.models, rules: shared.rules })
    }

    pub(crate) fn rights(&self, object: &str) -> Rights {
        self.rights.get(object).copied().unwrap_or_default()
    }

    /// How far a row is open.
    pub(crate) fn level(&self, object: &str, row: &Row) -> Level {
        let rights = self.rights(object);
        if rights.modify_all {
            return Level::Edit;
        }
        let least = match self.models.get(object) {
            None => return Level::Edit,
            Some(Model::Read) => Level::Read,
            Some(Model::Private) if rights.view_all => Level::Read,
            Some(Model::Private) => Level::None,
        };
        if self.owners.contains(text(row, "OwnerId")) {
            return Level::Edit;
        }
        let rules = self.rules.get(object).into_iter().flatten().filter(|rule| rule.takes(row));
        rules.map(|rule| rule.level).max().unwrap_or(least).max(least)
    }

    /// The schema as this user may know it.
    pub(crate) fn schema(&self, whole: &Schema) -> Schema {
        whole.seen(
            |object| self.rights(&object.name).read,
            |object, field| {
                if !field.custom || field.required {
                    return Some(field.access);
                }
                let name = format!("{}.{}", object.name, field.name).to_ascii_lowercase();
                // Fields of custom metadata and the name of a custom object have no permissions of their own.
                match self.fields.get(&name) {
                    Some(true) => Some(field.access),
                    Some(false) => Some(Access::ReadOnly),
                    None => None,
                }
            },
        )
    }
}

impl Rights {
    fn add(&mut self, row: &Row) {
        self.read |= yes(row, "PermissionsRead");
        self.create |= yes(row, "PermissionsCreate");
        self.edit |= yes(row, "PermissionsEdit");
        self.delete |= yes(row, "PermissionsDelete");
        self.view_all |= yes(row, "PermissionsViewAllRecords") || yes(row, "PermissionsModifyAllRecords");
        self.modify_all |= yes(row, "PermissionsModifyAllRecords");
    }
}

/// What the standard profile gives.
fn standard(object: &Object) -> Rights {
    let name = object.name.as_str();
    if object.custom || FOR_ADMINISTRATORS.contains(&name) {
        return Rights::default();
    }
    let write = !READ_ONLY.contains(&name);
    Rights { read: true, create: write, edit: write, delete: write, ..Rights::default() }
}

fn live<'a>(store: &'a Store, object: &str) -> impl Iterator<Item = &'a Row> {
    store.rows(object).map(|(_, row)| row).filter(|row| !is_deleted(row))
}

fn text<'a>(row: &'a Row, name: &str) -> &'a str {
    row.get(name).and_then(Value::as_str).unwrap_or("")
}

fn yes(row: &Row, name: &str) -> bool {
    row.get(name) == Some(&Value::Bool(true))
}

/// The profile that sees and changes everything.
pub(crate) const ADMINISTRATOR: &str = "System Administrator";

/// What only those who may see the setup can read.
const FOR_ADMINISTRATORS: [&str; 9] = [
    "ApexClass",
    "ApexTrigger",
    "DebugLevel",
    "EventLogFile",
    "FieldPermissions",
    "ObjectPermissions",
    "PermissionSetAssignment",
    "PushTopic",
    "SetupAuditTrail",
];

/// What everybody reads and administrators change.
const READ_ONLY: [&str; 11] = [
    "BusinessHours",
    "Group",
    "GroupMember",
    "Organization",
    "PermissionSet",
    "Profile",
    "RecordType",
    "StaticResource",
    "StreamingChannel",
    "User",
    "UserRole",
];
