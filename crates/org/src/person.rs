//! Names of people: the compound `Name`, and accounts that are persons.

use serde_json::Value;

use crate::schema::Object;
use crate::store::Row;

/// Works out the fields that follow from others: `Name` of a person, `IsPersonAccount`.
pub(crate) fn complete(object: &Object, row: &mut Row) {
    let named_by_parts = match object.name.as_str() {
        "Contact" | "Lead" | "User" | "Individual" => true,
        "Account" => row.contains_key("LastName"),
        _ => false,
    };
    if !named_by_parts {
        return;
    }
    let parts = ["FirstName", "MiddleName", "LastName", "Suffix"];
    let name = parts.iter().filter_map(|part| row.get(*part)?.as_str()).collect::<Vec<_>>().join(" ");
    if object.name == "Account" {
        row.insert("IsPersonAccount".into(), Value::Bool(true));
    }
    if name.is_empty() {
        row.remove("Name");
    } else {
        row.insert("Name".into(), Value::String(name));
    }
}

/// Whether a row is an account that stands for a person.
pub(crate) fn is_person(object: &Object, row: &Row) -> bool {
    object.name == "Account" && row.get("IsPersonAccount") == Some(&Value::Bool(true))
}
