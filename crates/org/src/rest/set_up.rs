//! Rows that describe the org itself: `CustomField` of the Tooling API, and what the user may do, `UserPermissionAccess`.
//!
//! They are computed, not kept; conditions are equality and `IN`, joined by `AND`.

use serde_json::{Map, Value, json};

use crate::failure::Failure;
use crate::soql::{Comparison, Condition, Item, Literal, Membership, Operand, Query};
use crate::state::Visit;

/// The answer to a query of one of these objects; nothing for any other.
pub(crate) fn answer(visit: &Visit<'_>, query: &Query, tooling: bool) -> Option<Result<Value, Failure>> {
    let is = |name: &str| query.from.eq_ignore_ascii_case(name);
    let rows = match tooling {
        true if is("CustomField") => custom_fields(visit),
        false if is("UserPermissionAccess") => Ok(vec![may(visit)]),
        _ => return None,
    };
    Some(rows.and_then(|rows| chosen(query, rows)))
}

/// What the user may do: an administrator everything, anybody else nothing of what is asked here.
fn may(visit: &Visit<'_>) -> Row {
    let all = json!(visit.state.store.is_whole());
    let names = ["PermissionsViewSetup", "PermissionsModifyAllData", "PermissionsViewAllData"];
    Row { object: "UserPermissionAccess", values: names.map(|name| (name, all.clone())).to_vec() }
}

/// The fields that were added to the org, for whoever may see its set-up.
fn custom_fields(visit: &Visit<'_>) -> Result<Vec<Row>, Failure> {
    if !visit.state.store.is_whole() {
        return Err(Failure::request(400, "INVALID_TYPE", "sObject type 'CustomField' is not supported."));
    }
    let fields = visit.state.store.schema.objects().flat_map(|object| {
        object
            .fields
            .iter()
            .filter(|field| field.custom)
            .map(|field| (object.name.clone(), field.name.clone()))
    });
    Ok(fields
        .enumerate()
        .map(|(at, (object, name))| {
            let stem = name.strip_suffix("__c").unwrap_or(&name).to_owned();
            Row {
                object: "CustomField",
                values: vec![
                    ("Id", json!(format!("00N{at:012}AAA"))),
                    ("DeveloperName", json!(stem)),
                    ("TableEnumOrId", json!(object)),
                ],
            }
        })
        .collect())
}

struct Row {
    object: &'static str,
    values: Vec<(&'static str, Value)>,
}

impl Row {
    fn value(&self, field: &str) -> Result<&(&'static str, Value), Failure> {
        self.values.iter().find(|(name, _)| name.eq_ignore_ascii_case(field)).ok_or_else(|| {
            let message = format!("No such column '{field}' on entity '{}'.", self.object);
            Failure::request(400, "INVALID_FIELD", message)
        })
    }

    fn meets(&self, condition: &Condition) -> Result<bool, Failure> {
        let is = |field: &str, literals: &[&Literal]| {
            let (_, value) = self.value(field)?;
            let same = |literal: &&Literal| {
                matches!(literal, Literal::Text(text) if value.as_str().is_some_and(|value| value.eq_ignore_ascii_case(text)))
                    || matches!(literal, Literal::Boolean(truth) if value.as_bool() == Some(*truth))
            };
            Ok(literals.iter().any(same))
        };
        if let Condition::Compare(Operand::Field(field), Comparison::Equal, literal) = condition {
            is(field, &[literal])
        } else if let Condition::Among(Operand::Field(field), Membership::In, literals) = condition {
            is(field, &literals.iter().collect::<Vec<_>>())
        } else if let Condition::And(parts) = condition {
            parts.iter().try_fold(true, |all, part| Ok(self.meets(part)? && all))
        } else {
            let message = "Implementation restriction: this object takes `=`, `IN` and `AND` only here";
            Err(Failure::request(400, "MALFORMED_QUERY", message))
        }
    }
}

fn chosen(query: &Query, rows: Vec<Row>) -> Result<Value, Failure> {
    let mut found = Vec::new();
    for row in rows {
        if query.filter.as_ref().map_or(Ok(true), |filter| row.meets(filter))? {
            found.push(row);
        }
    }
    found.truncate(query.limit.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX));
    let counts = matches!(query.select.as_slice(),
        [Item::Value { operand: Operand::Call { function, argument: None }, .. }] if function.eq_ignore_ascii_case("COUNT"));
    let total = found.len();
    let mut records = Vec::new();
    for row in found.iter().filter(|_| !counts) {
        let mut record = Map::new();
        record.insert("attributes".into(), json!({ "type": row.object }));
        for item in &query.select {
            let Item::Value { operand: Operand::Field(field), .. } = item else {
                return Err(Failure::request(
                    400,
                    "MALFORMED_QUERY",
                    "this object gives plain fields only here",
                ));
            };
            let (name, value) = row.value(field)?;
            record.insert((*name).to_owned(), value.clone());
        }
        records.push(Value::Object(record));
    }
    Ok(json!({ "totalSize": total, "done": true, "records": records }))
}
