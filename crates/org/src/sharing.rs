//! Which rows are shared with whom: defaults of the org, roles, and deployed sharing rules.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::deploy::Deployments;
use crate::store::{Row, Store, is_deleted};
use crate::viewer::Level;
use crate::xml::Element;

/// The default of an object whose rows are not open to everybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Model {
    /// Owners and those above them.
    Private,
    /// Everybody reads.
    Read,
}

/// A rule that opens more rows to somebody.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) level: Level,
    takes: Takes,
}

#[derive(Debug, Clone)]
enum Takes {
    /// Every criterion holds: field, operation, value.
    Criteria(Vec<(String, String, String)>),
    /// The row belongs to one of these users.
    Owners(BTreeSet<String>),
}

/// What sharing means for one user.
#[derive(Debug)]
pub(crate) struct Shared {
    /// The user, and everybody below in the role hierarchy.
    pub(crate) owners: BTreeSet<String>,
    pub(crate) models: BTreeMap<String, Model>,
    pub(crate) rules: BTreeMap<String, Vec<Rule>>,
}

impl Shared {
    pub(crate) fn of(store: &Store, deployments: &Deployments, user: &str) -> Self {
        let role = store.live("User", user).map_or("", |row| said(row, "UserRoleId"));
        let mut owners = with_roles(store, &below(store, role));
        owners.insert(user.to_owned());
        let mut models = BTreeMap::new();
        for (name, root) in deployments.defined("SharingModel") {
            let model = match root.text.as_str() {
                "Private" => Model::Private,
                "Read" => Model::Read,
                _ => continue,
            };
            models.insert(name.to_owned(), model);
        }
        let mut rules: BTreeMap<String, Vec<Rule>> = BTreeMap::new();
        for (name, root) in deployments.defined("SharingRules") {
            let object =
                store.schema.object(name).map_or_else(|| name.to_owned(), |object| object.name.clone());
            let known = rules.entry(object).or_default();
            known.extend(root.children.iter().filter_map(|rule| rule_for(store, rule, user)));
        }
        Self { owners, models, rules }
    }
}

impl Rule {
    /// Whether the rule is about this row.
    pub(crate) fn takes(&self, row: &Row) -> bool {
        match &self.takes {
            Takes::Owners(users) => users.contains(said(row, "OwnerId")),
            Takes::Criteria(all) => {
                all.iter().all(|(field, operation, value)| holds(row.get(field), operation, value))
            }
        }
    }
}

/// A deployed rule, if it shares with this user.
fn rule_for(store: &Store, rule: &Element, user: &str) -> Option<Rule> {
    if !members(store, rule.child("sharedTo")?).contains(user) {
        return None;
    }
    let level = if rule.text_of("accessLevel") == Some("Edit") { Level::Edit } else { Level::Read };
    let takes = match rule.name.as_str() {
        "sharingOwnerRules" => Takes::Owners(members(store, rule.child("sharedFrom")?)),
        "sharingCriteriaRules" => Takes::Criteria(rule.all("criteriaItems").map(criterion).collect()),
        _ => return None,
    };
    Some(Rule { level, takes })
}

fn criterion(item: &Element) -> (String, String, String) {
    let part = |name: &str| item.text_of(name).unwrap_or("").to_owned();
    (part("field"), part("operation"), part("value"))
}

/// The users that `sharedTo` or `sharedFrom` stands for.
fn members(store: &Store, who: &Element) -> BTreeSet<String> {
    let mut users = BTreeSet::new();
    for part in &who.children {
        let named = |object: &str| {
            store
                .rows(object)
                .find(|(_, row)| !is_deleted(row) && said(row, "DeveloperName") == part.text.trim())
                .map(|(id, _)| id.clone())
        };
        match part.name.as_str() {
            "allInternalUsers" => users.extend(store.rows("User").map(|(id, _)| id.clone())),
            "role" => users.extend(with_roles(store, &named("UserRole").into_iter().collect())),
            "roleAndSubordinates" | "roleAndSubordinatesInternal" => {
                if let Some(role) = named("UserRole") {
                    let mut roles = below(store, &role);
                    roles.insert(role);
                    users.extend(with_roles(store, &roles));
                }
            }
            "group" => {
                let Some(group) = named("Group") else { continue };
                let found = store
                    .rows("GroupMember")
                    .filter(|(_, row)| !is_deleted(row) && said(row, "GroupId") == group);
                users.extend(found.map(|(_, row)| said(row, "UserOrGroupId").to_owned()));
            }
            _ => {}
        }
    }
    users
}

fn with_roles(store: &Store, roles: &BTreeSet<String>) -> BTreeSet<String> {
    let held = store.rows("User").filter(|(_, row)| roles.contains(said(row, "UserRoleId")));
    held.map(|(id, _)| id.clone()).collect()
}

/// The roles under a role, all the way down.
fn below(store: &Store, role: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open = vec![role.to_owned()];
    while let Some(parent) = open.pop().filter(|parent| !parent.is_empty()) {
        for (id, row) in store.rows("UserRole") {
            if said(row, "ParentRoleId") == parent && !is_deleted(row) && found.insert(id.clone()) {
                open.push(id.clone());
            }
        }
    }
    found
}

fn holds(value: Option<&Value>, operation: &str, wanted: &str) -> bool {
    let text = match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.to_lowercase(),
        Some(other) => other.to_string(),
    };
    // A checkbox that was never set is false.
    let same = |one: &str| {
        one == text || text.is_empty() && matches!(one, "false" | "0") || text == "true" && one == "1"
    };
    let wanted = wanted.to_lowercase();
    let any = || wanted.split(',').any(|one| same(one.trim()));
    let number = || Some((text.parse::<f64>().ok()?, wanted.parse::<f64>().ok()?));
    match operation {
        "equals" => any(),
        "notEqual" => !any(),
        "startsWith" => text.starts_with(&wanted),
        "contains" => text.contains(&wanted),
        "notContain" => !text.contains(&wanted),
        "lessThan" => number().is_some_and(|(one, two)| one < two),
        "greaterThan" => number().is_some_and(|(one, two)| one > two),
        "lessOrEqual" => number().is_some_and(|(one, two)| one <= two),
        "greaterOrEqual" => number().is_some_and(|(one, two)| one >= two),
        _ => false,
    }
}

fn said<'a>(row: &'a Row, name: &str) -> &'a str {
    row.get(name).and_then(Value::as_str).unwrap_or("")
}
