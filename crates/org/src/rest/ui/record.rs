//! A record as the User Interface API gives it: values with how to show them.

use std::sync::Arc;

use aws_lc_rs::digest;
use data_encoding::HEXLOWER;
use serde_json::{Map, Value, json};

use crate::call::Call;
use crate::failure::Failure;
use crate::schema::{Field, Kind, Object};
use crate::soql::{Comparison, Condition, Item, Literal, Operand, Query, evaluate};
use crate::state::Visit;
use crate::{datetime, id, value};

/// Which fields to give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fields {
    /// Paths such as `Account.Owner.Name`, which must exist.
    needed: Vec<String>,
    /// Paths that may not.
    optional: Vec<String>,
    layout: Option<Layout>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    Full,
    Compact,
}

impl Fields {
    pub(crate) fn all() -> Self {
        Self { needed: Vec::new(), optional: Vec::new(), layout: Some(Layout::Full) }
    }

    pub(crate) fn compact() -> Self {
        Self { layout: Some(Layout::Compact), ..Self::all() }
    }

    /// What the parameters ask for.
    pub(crate) fn asked(call: &Call) -> Result<Self, Failure> {
        let list = |name: &str| -> Vec<String> {
            let text = call.parameter(name).unwrap_or("");
            text.split(',').map(str::trim).filter(|path| !path.is_empty()).map(str::to_owned).collect()
        };
        let layout = match call.parameter("layoutTypes") {
            Some(text) if text.contains("Full") => Some(Layout::Full),
            Some(_) => Some(Layout::Compact),
            None => None,
        };
        let fields = Self { needed: list("fields"), optional: list("optionalFields"), layout };
        if fields.needed.is_empty() && fields.optional.is_empty() && layout.is_none() {
            let message = "At least one of fields, optionalFields or layoutTypes must be specified";
            return Err(Failure::request(400, "ILLEGAL_QUERY_PARAMETER_VALUE", message));
        }
        Ok(fields)
    }

    /// Paths of one object, its own name in front left out.
    fn of(&self, visit: &Visit<'_>, object: &Arc<Object>) -> Result<Vec<String>, Failure> {
        let own = |path: &str| {
            let (first, rest) = path.split_once('.').unwrap_or(("", path));
            if first.eq_ignore_ascii_case(&object.name) { rest.to_owned() } else { path.to_owned() }
        };
        let mut paths: Vec<String> = match self.layout {
            Some(Layout::Full) => shown(object).map(|field| field.name.clone()).collect(),
            Some(Layout::Compact) => {
                let name = object.name_field().into_iter();
                name.chain(shown(object).take(5)).map(|field| field.name.clone()).collect()
            }
            None => Vec::new(),
        };
        paths.extend(self.needed.iter().map(|path| own(path)));
        let optional = self.optional.iter().map(|path| own(path));
        paths.extend(optional.filter(|path| {
            evaluate::find(&visit.lens(false), &query(object, std::slice::from_ref(path), "")).is_ok()
        }));
        let mut seen = std::collections::BTreeSet::new();
        paths.retain(|path| seen.insert(path.to_ascii_lowercase()));
        if paths.len() > PATHS_MAX {
            return Err(Failure::exceeded(format!("a request may name at most {PATHS_MAX} fields")));
        }
        Ok(paths)
    }
}

/// The object that an id belongs to.
pub(crate) fn object_of(visit: &Visit<'_>, given: &str) -> Result<Arc<Object>, Failure> {
    let wide = id::widen(given);
    let object = wide.and_then(|id| visit.state.store.schema.object_of_id(&id).cloned());
    object.ok_or_else(|| Failure::request(400, "INVALID_ID", format!("The ID {given} is not valid")))
}

/// One record with the fields that were asked for.
pub(crate) fn get(visit: &Visit<'_>, given: &str, fields: &Fields) -> Result<Value, Failure> {
    let object = object_of(visit, given)?;
    let id = id::widen(given).unwrap_or_default();
    let query = query(&object, &fields.of(visit, &object)?, &id);
    let lens = visit.lens(false);
    let found = evaluate::find(&lens, &query)?;
    let page = evaluate::page(&lens, &query, &found, 0, 1)?;
    let record = page.first().and_then(Value::as_object).ok_or_else(Failure::not_found)?;
    Ok(dressed(visit, record))
}

/// A hash of what is shown, by which a client knows that it has changed.
pub(crate) fn tag(shown: &Value) -> String {
    let hash = digest::digest(&digest::SHA256, shown.to_string().as_bytes());
    HEXLOWER.encode(hash.as_ref().get(..16).unwrap_or(&[]))
}

fn query(object: &Object, paths: &[String], id: &str) -> Query {
    let value = |path: &String| Item::Value { operand: Operand::Field(path.clone()), alias: None };
    Query {
        select: paths.iter().map(value).collect(),
        from: object.name.clone(),
        alias: None,
        scope: None,
        filter: Some(Condition::Compare(
            Operand::Field("Id".into()),
            Comparison::Equal,
            Literal::Text(id.to_owned()),
        )),
        security: None,
        group: Vec::new(),
        having: None,
        order: Vec::new(),
        limit: Some(1),
        offset: None,
        purpose: None,
        all_rows: false,
    }
}

/// The fields that a form shows: neither blobs nor compounds.
fn shown(object: &Object) -> impl Iterator<Item = &Field> {
    object
        .fields
        .iter()
        .filter(|field| !matches!(field.kind, Kind::Base64 | Kind::Address | Kind::Location | Kind::Id))
}

/// A record of a query in the form of the User Interface API; parents too.
pub(crate) fn dressed(visit: &Visit<'_>, record: &Map<String, Value>) -> Value {
    let attributes = record.get("attributes");
    let text =
        |name: &str| attributes.and_then(|found| found.get(name)).and_then(Value::as_str).unwrap_or("");
    let id = text("url").rsplit('/').next().unwrap_or("");
    let object = visit.state.store.schema.object(text("type"));
    let row = object.and_then(|object| visit.state.store.row(&object.name, id));
    let stamp = |name: &str| row.and_then(|row| row.get(name)).cloned().unwrap_or(Value::Null);
    let moment = |name: &str| match stamp(name).as_str() {
        Some(text) => json!(text.replace("+0000", "Z")),
        None => Value::Null,
    };
    let changed = stamp("SystemModstamp").as_str().and_then(datetime::read_date_time).unwrap_or(0);
    let mut fields = Map::new();
    for (name, found) in record.iter().filter(|(name, _)| *name != "attributes") {
        let parent = found.as_object().filter(|parent| parent.contains_key("attributes"));
        let value = if let Some(parent) = parent {
            let name = parent.get("Name").cloned().unwrap_or(Value::Null);
            json!({"displayValue": name, "value": dressed(visit, parent)})
        } else {
            json!({"displayValue": display(object.and_then(|o| o.field(name)), found), "value": found})
        };
        fields.insert(name.clone(), value);
    }
    let kind = stamp("RecordTypeId");
    json!({
        "apiName": text("type"),
        "childRelationships": {},
        "eTag": tag(&Value::Object(fields.clone())),
        "fields": fields,
        "id": id,
        "lastModifiedById": stamp("LastModifiedById"),
        "lastModifiedDate": moment("LastModifiedDate"),
        "recordTypeId": if kind.is_null() { json!("012000000000000AAA") } else { kind },
        "recordTypeInfo": null,
        "systemModstamp": moment("SystemModstamp"),
        "weakEtag": changed,
    })
}

/// How a value is shown, where that differs from the value.
fn display(field: Option<&Field>, found: &Value) -> Value {
    let Some(kind) = field.map(|field| field.kind).filter(|_| !found.is_null()) else { return Value::Null };
    let spelled = matches!(kind, Kind::Picklist | Kind::MultiPicklist | Kind::Date | Kind::DateTime);
    if spelled || kind.is_number() { json!(value::spell(found)) } else { Value::Null }
}

const PATHS_MAX: usize = 1_000;
