//! `/query?columns=true`: what the columns of a query's answer are, without its rows.

use serde_json::{Value, json};

use super::evaluate::Lens;
use super::subject::Subject;
use super::{FieldSet, Item, Operand, Query};
use crate::failure::Failure;
use crate::schema::{Field, Kind};

/// Describes the columns of a query.
pub(crate) fn describe(lens: &Lens<'_>, query: &Query) -> Result<Value, Failure> {
    let object =
        lens.store.schema.object(&query.from).cloned().ok_or_else(|| Failure::invalid_type(&query.from))?;
    let mut columns = Vec::new();
    let mut id_selected = false;
    for item in &query.select {
        match item {
            Item::Value { operand, alias } => {
                let subject = Subject::find(lens, &object, query.alias.as_deref(), operand)?;
                let name = column_name(operand, alias.as_deref(), &subject, columns.len());
                id_selected |= name == "Id";
                columns.push(column(&name, subject.field(), subject.kind(), !subject.is_plain(), &[]));
            }
            Item::Fields(set) => {
                let wanted = |field: &&Field| match set {
                    FieldSet::All => true,
                    FieldSet::Standard => !field.custom,
                    FieldSet::Custom => field.custom,
                };
                id_selected |= *set != FieldSet::Custom;
                columns.extend(
                    object.fields.iter().filter(wanted).map(|f| column(&f.name, Some(f), f.kind, false, &[])),
                );
            }
            Item::Children(inner) => {
                let found = object.children.iter().find(|child| {
                    child.name.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(&inner.from))
                });
                let child = found.ok_or_else(|| Failure::invalid_type(&inner.from))?;
                let mut inner_query = Query::clone(inner);
                inner_query.from.clone_from(&child.object);
                let described = describe(lens, &inner_query)?;
                let joined =
                    described.get("columnMetadata").and_then(Value::as_array).cloned().unwrap_or_default();
                columns.push(column(child.name.as_deref().unwrap_or(""), None, Kind::String, false, &joined));
            }
            Item::TypeOf { relationship, .. } => {
                columns.push(column(relationship, None, Kind::String, false, &[]));
            }
        }
    }
    Ok(json!({
        "columnMetadata": columns,
        "entityName": object.name,
        "groupBy": !query.group.is_empty(),
        "idSelected": id_selected,
        "keyPrefix": object.prefix,
    }))
}

fn column_name(operand: &Operand, alias: Option<&str>, subject: &Subject, at: usize) -> String {
    match (alias, operand, subject) {
        (Some(alias), _, _) => alias.to_owned(),
        (None, Operand::Field(_), Subject::Path(path)) => {
            let hops = path.hops.iter().map(|(_, name)| name.as_str());
            hops.chain([path.field.name.as_str()]).collect::<Vec<_>>().join(".")
        }
        _ => format!("expr{at}"),
    }
}

fn column(name: &str, field: Option<&Field>, kind: Kind, aggregate: bool, joined: &[Value]) -> Value {
    let apex = match kind {
        Kind::Id | Kind::Reference => "Id",
        Kind::Boolean => "Boolean",
        Kind::Int => "Integer",
        Kind::Double | Kind::Currency | Kind::Percent => "Double",
        Kind::Date => "Date",
        Kind::DateTime => "Datetime",
        Kind::Time => "Time",
        Kind::Address => "Address",
        Kind::Location => "Location",
        Kind::Base64 => "Blob",
        Kind::String
        | Kind::TextArea
        | Kind::Email
        | Kind::Phone
        | Kind::Url
        | Kind::Picklist
        | Kind::MultiPicklist
        | Kind::ComboBox
        | Kind::EncryptedString => "String",
    };
    json!({
        "aggregate": aggregate,
        "apexType": apex,
        "booleanType": kind == Kind::Boolean,
        "columnName": name,
        "custom": field.is_some_and(|field| field.custom),
        "displayName": name,
        "foreignKeyName": field.and_then(|field| field.relationship.clone()),
        "insertable": field.is_some_and(|field| field.access != crate::schema::Access::ReadOnly),
        "joinColumns": joined,
        "numberType": kind.is_number(),
        "textType": kind.is_text() || matches!(kind, Kind::Id | Kind::Reference),
        "updatable": field.is_some_and(|field| field.access == crate::schema::Access::Write),
    })
}
