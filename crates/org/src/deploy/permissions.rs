//! Deployed permission sets, as the rows that say what they permit.

use serde_json::{Value, json};

use crate::state::Visit;
use crate::store::is_deleted;
use crate::value::Source;
use crate::xml::Element;

/// Puts a permission set in the place of the one of this name.
pub(super) fn deploy(visit: &mut Visit<'_>, name: &str, root: &Element) {
    let author = visit.author(Source::Json);
    let store = &mut visit.state.store;
    let members = [
        ("Name", json!(name)),
        ("Label", json!(root.text_of("label").unwrap_or(name))),
        ("Description", json!(root.text_of("description"))),
        ("IsCustom", json!(true)),
        ("Type", json!("Regular")),
    ];
    let known = store
        .rows("PermissionSet")
        .find(|(_, row)| row.get("Name") == Some(&json!(name)) && !is_deleted(row));
    let set = match known.map(|(id, _)| id.clone()) {
        Some(id) => {
            store.amend("PermissionSet", &id, &members);
            id
        }
        None => match store.record(&author, "PermissionSet", &members) {
            Some(id) => id,
            None => return,
        },
    };
    for object in ["ObjectPermissions", "FieldPermissions"] {
        let old = store.rows(object).filter(|(_, row)| row.get("ParentId") == Some(&json!(set)));
        let old: Vec<String> = old.map(|(id, _)| id.clone()).collect();
        for id in old {
            store.amend(object, &id, &[("IsDeleted", json!(true))]);
        }
    }
    for given in root.all("objectPermissions") {
        let mut members = vec![("ParentId", json!(set)), ("SobjectType", json!(given.text_of("object")))];
        members.extend(OBJECT.map(|(tag, field)| (field, yes(given, tag))));
        store.record(&author, "ObjectPermissions", &members);
    }
    for given in root.all("fieldPermissions") {
        let field = given.text_of("field").unwrap_or("");
        let object = field.split('.').next().unwrap_or("");
        let members = [
            ("ParentId", json!(set)),
            ("SobjectType", json!(object)),
            ("Field", json!(field)),
            ("PermissionsRead", yes(given, "readable")),
            ("PermissionsEdit", yes(given, "editable")),
        ];
        store.record(&author, "FieldPermissions", &members);
    }
}

fn yes(given: &Element, tag: &str) -> Value {
    json!(given.text_of(tag) == Some("true"))
}

/// Members of the metadata, and the fields that they become.
const OBJECT: [(&str, &str); 6] = [
    ("allowCreate", "PermissionsCreate"),
    ("allowDelete", "PermissionsDelete"),
    ("allowEdit", "PermissionsEdit"),
    ("allowRead", "PermissionsRead"),
    ("modifyAllRecords", "PermissionsModifyAllRecords"),
    ("viewAllRecords", "PermissionsViewAllRecords"),
];
