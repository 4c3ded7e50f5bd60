//! What a query of records answers: connections, nodes, values.

use std::sync::Arc;

use data_encoding::BASE64;
use serde_json::{Map, Value, json};

use super::Wrong;
use super::condition::{condition, order, query};
use super::parse::Field;
use crate::failure::Failure;
use crate::schema::{Child, Object};
use crate::soql::{Comparison, Condition, Item, Literal, Operand, evaluate};
use crate::state::Visit;
use crate::value;

/// `uiapi { query { … } aggregate { … } }`.
pub(super) fn uiapi(visit: &Visit<'_>, asked: &Field) -> Result<Value, Wrong> {
    let mut left = NODES_MAX;
    let mut out = Map::new();
    for part in &asked.fields {
        let mut inner = Map::new();
        for field in &part.fields {
            let object = visit.state.store.schema.object(&field.name).cloned();
            let object = object.ok_or_else(|| Wrong::undefined(field, "RecordQuery"))?;
            let found = match part.name.as_str() {
                "query" => connection(visit, &object, field, None, &mut left),
                "aggregate" => aggregate(visit, &object, field),
                _ => return Err(Wrong::undefined(part, "UIAPI")),
            };
            let found = found.map_err(|stop| stop.at(field, &["uiapi", &part.name, &field.name]))?;
            inner.insert(field.key.clone(), found);
        }
        out.insert(part.key.clone(), Value::Object(inner));
    }
    Ok(Value::Object(out))
}

/// Why a part of an answer could not be given.
pub(super) enum Stop {
    Wrong(Wrong),
    Failure(Failure),
}

impl Stop {
    pub(super) fn at(self, field: &Field, path: &[&str]) -> Wrong {
        match self {
            Self::Wrong(wrong) => wrong,
            Self::Failure(failure) => Wrong::failed(field, &failure, path),
        }
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

/// The records of an object that the arguments ask for; of a parent, those that point at it.
fn connection(
    visit: &Visit<'_>,
    object: &Arc<Object>,
    asked: &Field,
    of: Option<(&Child, &str)>,
    left: &mut usize,
) -> Result<Value, Stop> {
    let store = &visit.state.store;
    let argument = |name: &str| asked.arguments.get(name).unwrap_or(&Value::Null);
    let mut filter = condition(store, object, argument("where"))?;
    if let Some((child, id)) = of {
        let id = Literal::Text(id.to_owned());
        let pointing = Condition::Compare(Operand::Field(child.field.clone()), Comparison::Equal, id);
        filter = Some(filter.map_or(pointing.clone(), |other| Condition::And(vec![pointing, other])));
    }
    let node = asked.fields.iter().find(|field| field.name == "edges");
    let node = node.and_then(|edges| edges.fields.iter().find(|field| field.name == "node"));
    let mut paths = vec!["Id".to_owned()];
    if let Some(node) = node {
        gather(visit, object, node, "", &mut paths)?;
    }
    let query = query(&object.name, &paths, filter, order(argument("orderBy")));
    let lens = visit.lens(false);
    let found = evaluate::find(&lens, &query)?;
    let size = argument("first").as_u64().and_then(|size| usize::try_from(size).ok()).unwrap_or(FIRST);
    let size = size.clamp(1, FIRST_MAX);
    let after = argument("after");
    let bad = || Failure::request(400, "INVALID_CURSOR", "the cursor is not one of this query");
    let from = if after.is_null() { 0 } else { place(after).ok_or_else(bad)? };
    let records = evaluate::page(&lens, &query, &found, from, size)?;
    *left = left
        .checked_sub(records.len())
        .ok_or_else(|| Failure::exceeded(format!("an answer may hold at most {NODES_MAX} records")))?;
    let shown = Shown { from, total: found.len(), count: records.len() };
    let mut out = Map::new();
    for field in &asked.fields {
        let value = match field.name.as_str() {
            "edges" => {
                let edges = records
                    .iter()
                    .zip(from..)
                    .map(|(record, at)| edge(visit, object, field, (record, at), left));
                Value::Array(edges.collect::<Result<_, _>>()?)
            }
            "pageInfo" => shown.info(field),
            "totalCount" => json!(shown.total),
            "pageResultCount" => json!(shown.count),
            "__typename" => json!(format!("{}Connection", object.name)),
            _ => return Err(Stop::Wrong(Wrong::undefined(field, &format!("{}Connection", object.name)))),
        };
        out.insert(field.key.clone(), value);
    }
    Ok(Value::Object(out))
}

/// Which part of what was found is on the page.
struct Shown {
    from: usize,
    total: usize,
    count: usize,
}

impl Shown {
    fn info(&self, asked: &Field) -> Value {
        let end = self.from + self.count;
        let mark = |at: usize| if self.count == 0 { Value::Null } else { json!(cursor(at)) };
        let members = asked.fields.iter().map(|field| {
            let value = match field.name.as_str() {
                "hasNextPage" => json!(end < self.total),
                "hasPreviousPage" => json!(self.from > 0),
                "startCursor" => mark(self.from),
                "endCursor" => mark(end.saturating_sub(1)),
                _ => Value::Null,
            };
            (field.key.clone(), value)
        });
        Value::Object(members.collect())
    }
}

fn edge(
    visit: &Visit<'_>,
    object: &Arc<Object>,
    asked: &Field,
    (record, at): (&Value, usize),
    left: &mut usize,
) -> Result<Value, Stop> {
    let mut out = Map::new();
    for field in &asked.fields {
        let value = match field.name.as_str() {
            "node" => node(visit, object, field, record, left)?,
            "cursor" => json!(cursor(at)),
            "__typename" => json!(format!("{}Edge", object.name)),
            _ => return Err(Stop::Wrong(Wrong::undefined(field, &format!("{}Edge", object.name)))),
        };
        out.insert(field.key.clone(), value);
    }
    Ok(Value::Object(out))
}

/// One record: its fields, its parents, its children.
pub(super) fn node(
    visit: &Visit<'_>,
    object: &Arc<Object>,
    asked: &Field,
    record: &Value,
    left: &mut usize,
) -> Result<Value, Stop> {
    let member = |name: &str| record.get(name).unwrap_or(&Value::Null);
    let mut out = Map::new();
    for field in &asked.fields {
        let name = field.name.as_str();
        let value = if let Some(known) = object.field(name) {
            if known.name == "Id" { member("Id").clone() } else { leaf(field, member(&known.name)) }
        } else if let Some(reference) = object.parent(name) {
            let parent = reference.relationship.as_deref().map_or(&Value::Null, member);
            match parent_of(visit, reference) {
                Some(target) if parent.is_object() => node(visit, target, field, parent, left)?,
                _ => Value::Null,
            }
        } else if let Some(child) = child_of(object, name) {
            let other = visit.state.store.object(&child.object)?;
            connection(visit, &other, field, Some((child, member("Id").as_str().unwrap_or(""))), left)?
        } else {
            match name {
                "ApiName" | "__typename" => json!(object.name),
                "WeakEtag" => json!(0),
                _ => return Err(Stop::Wrong(Wrong::undefined(field, &object.name))),
            }
        };
        out.insert(field.key.clone(), value);
    }
    Ok(Value::Object(out))
}

/// The paths that a node asks for, so that one query brings them all.
pub(super) fn gather(
    visit: &Visit<'_>,
    object: &Arc<Object>,
    asked: &Field,
    prefix: &str,
    paths: &mut Vec<String>,
) -> Result<(), Stop> {
    for field in &asked.fields {
        if let Some(known) = object.field(&field.name) {
            let path = format!("{prefix}{}", known.name);
            if !paths.contains(&path) {
                paths.push(path);
            }
        } else if let Some(reference) = object.parent(&field.name) {
            let prefix = format!("{prefix}{}.", reference.relationship.as_deref().unwrap_or(""));
            let target = parent_of(visit, reference).ok_or_else(|| Wrong::undefined(field, &object.name));
            gather(visit, target.map_err(Stop::Wrong)?, field, &prefix, paths)?;
        }
    }
    Ok(())
}

fn parent_of<'a>(visit: &'a Visit<'_>, reference: &crate::schema::Field) -> Option<&'a Arc<Object>> {
    // Of several kinds of parents the last one is the most common: owners are groups or users.
    reference.reference.iter().rev().find_map(|target| visit.state.store.schema.object(target))
}

fn child_of<'a>(object: &'a Object, name: &str) -> Option<&'a Child> {
    object
        .children
        .iter()
        .find(|child| child.name.as_deref().is_some_and(|known| known.eq_ignore_ascii_case(name)))
}

/// `{ value displayValue label }` of a field.
fn leaf(asked: &Field, found: &Value) -> Value {
    if asked.fields.is_empty() {
        return found.clone();
    }
    let members = asked.fields.iter().map(|field| {
        let value = match field.name.as_str() {
            "value" => found.clone(),
            "displayValue" | "label" | "format" if found.is_null() || found.is_string() => Value::Null,
            "displayValue" | "label" | "format" => json!(value::spell(found)),
            _ => Value::Null,
        };
        (field.key.clone(), value)
    });
    Value::Object(members.collect())
}

/// `aggregate { Account { edges { node { aggregate { Id { count { value } } } } } totalCount } }`, without groups
/// or by the fields of `groupBy`.
fn aggregate(visit: &Visit<'_>, object: &Arc<Object>, asked: &Field) -> Result<Value, Stop> {
    let argument = |name: &str| asked.arguments.get(name).unwrap_or(&Value::Null);
    let filter = condition(&visit.state.store, object, argument("where"))?;
    let step = |field: &Field, name: &str| field.fields.iter().find(|inner| inner.name == name).cloned();
    let wanted =
        step(asked, "edges").and_then(|edges| step(&edges, "node")).and_then(|node| step(&node, "aggregate"));
    let wanted = wanted.map(|aggregate| aggregate.fields).unwrap_or_default();
    let groups: Vec<String> =
        argument("groupBy").as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect();
    let mut query = query(&object.name, &[], filter, Vec::new());
    query.group = groups.iter().map(|name| Operand::Field(name.clone())).collect();
    for field in &wanted {
        if groups.contains(&field.name) {
            query.select.push(Item::Value {
                operand: Operand::Field(field.name.clone()),
                alias: Some(field.key.clone()),
            });
        }
        for function in field.fields.iter().filter(|inner| FUNCTIONS.contains(&inner.name.as_str())) {
            let name = if function.name == "countDistinct" {
                "COUNT_DISTINCT".into()
            } else {
                function.name.to_uppercase()
            };
            let operand = Operand::Call { function: name, argument: Some(field.name.clone()) };
            query
                .select
                .push(Item::Value { operand, alias: Some(format!("{}_{}", field.key, function.name)) });
        }
    }
    if query.select.is_empty() {
        return Err(Failure::request(
            400,
            "INVALID_INPUT",
            "an aggregate query must ask for a function of a field",
        )
        .into());
    }
    let lens = visit.lens(false);
    let found = evaluate::find(&lens, &query)?;
    let rows = evaluate::page(&lens, &query, &found, 0, FIRST_MAX)?;
    let shape = |row: &Value| {
        let fields = wanted.iter().map(|field| {
            let members = field.fields.iter().map(|inner| {
                let alias = format!("{}_{}", field.key, inner.name);
                let value = match inner.name.as_str() {
                    "value" => row.get(&field.key).cloned().unwrap_or(Value::Null),
                    _ => json!({"value": row.get(&alias).cloned().unwrap_or(Value::Null)}),
                };
                (inner.key.clone(), value)
            });
            (field.key.clone(), Value::Object(members.collect()))
        });
        json!({"node": {"aggregate": Value::Object(fields.collect())}})
    };
    let edges: Vec<Value> = rows.iter().map(shape).collect();
    let members = asked.fields.iter().map(|field| {
        let value = if field.name == "edges" { json!(edges) } else { json!(found.len()) };
        (field.key.clone(), value)
    });
    Ok(Value::Object(members.collect()))
}

fn cursor(at: usize) -> String {
    BASE64.encode(format!("{{\"v\":\"1\",\"n\":{at}}}").as_bytes())
}

/// The place after a cursor.
fn place(cursor: &Value) -> Option<usize> {
    let bytes = BASE64.decode(cursor.as_str()?.as_bytes()).ok()?;
    let found: Value = serde_json::from_slice(&bytes).ok()?;
    usize::try_from(found.get("n")?.as_u64()?).ok()?.checked_add(1)
}

const FIRST: usize = 10;
const FIRST_MAX: usize = 2_000;
const NODES_MAX: usize = 20_000;
const FUNCTIONS: [&str; 6] = ["count", "countDistinct", "min", "max", "sum", "avg"];
