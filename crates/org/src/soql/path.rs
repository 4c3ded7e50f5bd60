//! Field paths such as `Account.Name`, checked against the schema and followed through rows.

use std::sync::Arc;

use serde_json::Value;

use crate::failure::Failure;
use crate::read;
use crate::schema::{Field, Kind, Object};
use crate::store::{Row, Store};

/// A path whose every step exists.
#[derive(Debug, Clone)]
pub(super) struct Path {
    /// Reference field and canonical relationship name of each step up.
    pub(super) hops: Vec<(String, String)>,
    /// The field at the end. For a polymorphic parent: as the first object that has it says.
    pub(super) field: Field,
    /// The object that has it.
    pub(super) object: String,
}

impl Path {
    /// Finds every step of a path as written: any case, the object's own name or alias in front allowed.
    pub(super) fn find(
        store: &Store,
        object: &Arc<Object>,
        alias: Option<&str>,
        written: &str,
    ) -> Result<Self, Failure> {
        let mut steps: Vec<&str> = written.split('.').collect();
        let own = |step: &str| {
            step.eq_ignore_ascii_case(&object.name)
                || alias.is_some_and(|alias| alias.eq_ignore_ascii_case(step))
        };
        if steps.len() > 1 && steps.first().is_some_and(|step| own(step) && object.parent(step).is_none()) {
            steps.remove(0);
        }
        let Some(last) = steps.pop() else { return Err(Failure::no_such_column(written, &object.name)) };
        if steps.len() > HOPS_MAX {
            return Err(Failure::request(
                400,
                "MALFORMED_QUERY",
                format!("too many relationship levels: {written}"),
            ));
        }
        let mut candidates = vec![Arc::clone(object)];
        let mut hops = Vec::new();
        for step in steps {
            let Some(reference) = candidates.iter().find_map(|object| object.parent(step)) else {
                let message = format!(
                    "Didn't understand relationship '{step}' in field path. If you are attempting to use a custom relationship, be sure to append the '__r' after the custom relationship name. Please reference your WSDL or the describe call for the appropriate names."
                );
                return Err(Failure::request(400, "INVALID_FIELD", message));
            };
            hops.push((reference.name.clone(), reference.relationship.clone().unwrap_or_default()));
            candidates =
                reference.reference.iter().filter_map(|name| store.schema.object(name).cloned()).collect();
        }
        let polymorphic_type = !hops.is_empty() && last.eq_ignore_ascii_case("Type");
        for candidate in &candidates {
            if let Some(field) = candidate.field(last) {
                return Ok(Self { hops, field: field.clone(), object: candidate.name.clone() });
            }
        }
        match candidates.first() {
            Some(first) if polymorphic_type => {
                Ok(Self { hops, field: Field::new("Type", Kind::String), object: first.name.clone() })
            }
            Some(first) => Err(Failure::no_such_column(last, &first.name)),
            None => Err(Failure::no_such_column(last, "Name")),
        }
    }

    /// The value at the end of the path for one row; null where a step is empty.
    pub(super) fn value(&self, store: &Store, object: &Object, row: &Row, version: &str) -> Value {
        if self.hops.is_empty() {
            return object
                .field(&self.field.name)
                .map_or(Value::Null, |f| read::value(object, row, f, version));
        }
        let mut at: Option<(Arc<Object>, &Row)> = None;
        for (reference, _) in &self.hops {
            let from = at.as_ref().map_or(row, |(_, row)| *row);
            let Some(next) = follow(store, from, reference) else { return Value::Null };
            at = Some(next);
        }
        let Some((parent, row)) = at else { return Value::Null };
        match parent.field(&self.field.name) {
            Some(field) => read::value(&parent, row, field, version),
            None if self.field.name == "Type" => Value::String(parent.name.clone()),
            None => Value::Null,
        }
    }
}

/// The record a reference of this row points at.
pub(super) fn follow<'a>(store: &'a Store, row: &Row, reference: &str) -> Option<(Arc<Object>, &'a Row)> {
    let id = row.get(reference)?.as_str()?;
    let object = store.schema.object_of_id(id)?;
    Some((Arc::clone(object), store.live(&object.name, id)?))
}

const HOPS_MAX: usize = 5;
