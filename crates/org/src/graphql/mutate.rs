//! Mutations: `AccountCreate`, `AccountUpdate`, `AccountDelete`.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::Wrong;
use super::answer::{Stop, gather, node};
use super::condition::query;
use super::parse::Field;
use crate::change::{Change, Changed};
use crate::failure::Failure;
use crate::schema::Object;
use crate::soql::{Comparison, Condition, Literal, Operand, evaluate};
use crate::state::Visit;
use crate::value::Source;

/// Runs the mutations in order; what one refuses is an error beside the others, unless all or none are to happen.
pub(super) fn run(visit: &mut Visit<'_>, asked: &Field, errors: &mut Vec<Value>) -> Result<Value, Wrong> {
    let input = asked.arguments.get("input");
    let all_or_none = input.and_then(|input| input.get("allOrNone")).and_then(Value::as_bool).unwrap_or(true);
    if asked.fields.len() > MUTATIONS_MAX {
        let message = format!("a document may hold at most {MUTATIONS_MAX} mutations");
        return Err(Wrong::failed(asked, &Failure::exceeded(message), &["uiapi"]));
    }
    let planned = asked
        .fields
        .iter()
        .map(|field| plan(visit, field).ok_or_else(|| Wrong::undefined(field, "UIAPIMutations")));
    let planned = planned.collect::<Result<Vec<_>, _>>()?;
    let mark = visit.state.store.begin();
    let mut out = Map::new();
    for (field, (object, change)) in asked.fields.iter().zip(&planned) {
        match one(visit, object, change, field) {
            Ok(found) => out.insert(field.key.clone(), found),
            Err(stop) => {
                errors.push(stop.at(field, &["uiapi", &field.key]).body());
                out.insert(field.key.clone(), Value::Null)
            }
        };
    }
    let keep = !all_or_none || errors.is_empty();
    visit.state.store.end(mark, keep);
    if !keep {
        out.values_mut().for_each(|found| *found = Value::Null);
    }
    Ok(Value::Object(out))
}

/// The object and the change that a name such as `AccountCreate` stands for.
fn plan(visit: &Visit<'_>, field: &Field) -> Option<(Arc<Object>, Change)> {
    let kinds = [("Create", Change::Insert), ("Update", Change::Update), ("Delete", Change::Delete)];
    kinds.into_iter().find_map(|(ending, change)| {
        let name = field.name.strip_suffix(ending)?;
        // Deletions are of records, whatever their object.
        let named = if name == "Record" {
            visit.state.store.schema.object_of_id(input_id(field))
        } else {
            visit.state.store.schema.object(name)
        };
        Some((Arc::clone(named?), change))
    })
}

fn input_id(field: &Field) -> &str {
    let input = field.arguments.get("input");
    input.and_then(|input| input.get("Id")).and_then(Value::as_str).unwrap_or("")
}

fn one(visit: &mut Visit<'_>, object: &Arc<Object>, change: &Change, field: &Field) -> Result<Value, Stop> {
    let input = field.arguments.get("input").and_then(Value::as_object).cloned().unwrap_or_default();
    let mut given = input.get(&object.name).and_then(Value::as_object).cloned().unwrap_or_default();
    if *change != Change::Insert {
        given.insert("Id".into(), Value::from(input_id(field)));
    }
    let author = visit.author(Source::Json);
    let Changed { id, .. } = change.apply(&mut visit.state.store, &author, object, given)?;
    if *change != Change::Delete {
        visit.touched(&object.name, &id);
    }
    let mut out = Map::new();
    for wanted in &field.fields {
        let value = match wanted.name.as_str() {
            "Record" if *change != Change::Delete => record(visit, object, wanted, &id)?,
            "Id" => json!(id),
            "success" => json!(true),
            "__typename" => json!(format!("{}Payload", field.name)),
            _ => return Err(Stop::Wrong(Wrong::undefined(wanted, &format!("{}Payload", field.name)))),
        };
        out.insert(wanted.key.clone(), value);
    }
    Ok(Value::Object(out))
}

fn record(visit: &Visit<'_>, object: &Arc<Object>, asked: &Field, id: &str) -> Result<Value, Stop> {
    let mut paths = vec!["Id".to_owned()];
    gather(visit, object, asked, "", &mut paths)?;
    let by_id =
        Condition::Compare(Operand::Field("Id".into()), Comparison::Equal, Literal::Text(id.to_owned()));
    let query = query(&object.name, &paths, Some(by_id), Vec::new());
    let lens = visit.lens(false);
    let found = evaluate::find(&lens, &query)?;
    let page = evaluate::page(&lens, &query, &found, 0, 1)?;
    let mut left = CHILDREN_MAX;
    page.first().map_or(Ok(Value::Null), |one| node(visit, object, asked, one, &mut left))
}

const MUTATIONS_MAX: usize = 200;
const CHILDREN_MAX: usize = 2_000;
