//! An anonymous block at work.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Outcome;
use super::parse::{Action, Step, Term};
use crate::change::Change;
use crate::failure::Failure;
use crate::soql::{Query, evaluate};
use crate::state::Visit;
use crate::store::Store;
use crate::value::{self, Source};

/// Runs the statements until one fails.
pub(super) fn run(visit: &mut Visit<'_>, steps: &[Step]) -> Outcome {
    let mut block = Block::default();
    let mut outcome = Outcome::default();
    block.steps(visit, steps, &mut outcome);
    outcome
}

/// What a variable holds. Records are held by place, as Apex holds them by reference.
#[derive(Debug, Clone)]
enum Held {
    Scalar(Value),
    Record(usize),
    List(Vec<usize>),
}

#[derive(Debug, Default)]
struct Block {
    names: BTreeMap<String, Held>,
    records: Vec<(String, Map<String, Value>)>,
    /// How many statements have run.
    ran: usize,
}

impl Block {
    /// Runs statements until one fails; false if one did.
    fn steps(&mut self, visit: &mut Visit<'_>, steps: &[Step], outcome: &mut Outcome) -> bool {
        steps.iter().all(|step| self.step(visit, step, outcome))
    }

    fn step(&mut self, visit: &mut Visit<'_>, (action, line, column): &Step, outcome: &mut Outcome) -> bool {
        self.ran += 1;
        let done = match action {
            _ if self.ran > STEPS_MAX => Err("System.LimitException: Apex CPU time limit exceeded".into()),
            Action::Debug(term) => self.term(visit, term).map(|found| {
                if outcome.log.len() < LOG_MAX {
                    outcome.log.push((*line, self.shown(&found)));
                }
            }),
            Action::Each(name, term, inner) => match self.term(visit, term) {
                Err(message) => Err(message),
                Ok(found) => {
                    let hidden = self.names.remove(name);
                    let went = places(&found).into_iter().all(|at| {
                        self.names.insert(name.clone(), Held::Record(at));
                        self.steps(visit, inner, outcome)
                    });
                    self.names.remove(name);
                    self.names.extend(hidden.map(|held| (name.clone(), held)));
                    if !went {
                        return false;
                    }
                    Ok(())
                }
            },
            Action::Declare(..) | Action::Set(..) | Action::Add(..) | Action::Write(..) => {
                self.act(visit, action)
            }
        };
        if let Err(message) = done {
            outcome.exception = Some(message);
            outcome.place = Some((*line, *column));
            return false;
        }
        true
    }

    fn act(&mut self, visit: &mut Visit<'_>, action: &Action) -> Result<(), String> {
        match action {
            Action::Debug(_) | Action::Each(..) => {}
            Action::Declare(name, term) => {
                let found = self.term(visit, term)?;
                self.names.insert(name.clone(), found);
            }
            Action::Set(name, field, term) => {
                let Held::Scalar(found) = self.term(visit, term)? else { return Err(MISMATCH.into()) };
                let at = self.one(name)?;
                if let Some((_, fields)) = self.records.get_mut(at) {
                    fields.insert(field.clone(), found);
                }
            }
            Action::Add(name, term) => {
                let found = self.term(visit, term)?;
                let more = places(&found);
                match self.names.get_mut(name) {
                    Some(Held::List(items)) => items.extend(more),
                    _ => return Err(MISMATCH.into()),
                }
            }
            Action::Write(verb, term) => {
                let found = self.term(visit, term)?;
                self.write(visit, verb, &places(&found))?;
            }
        }
        Ok(())
    }

    /// Writes records; the first refusal ends the block.
    fn write(&mut self, visit: &mut Visit<'_>, verb: &str, places: &[usize]) -> Result<(), String> {
        let author = visit.author(Source::Json);
        for (row, at) in places.iter().enumerate() {
            let Some((object, fields)) = self.records.get_mut(*at) else { continue };
            let has_id = fields.get("Id").is_some_and(|id| !id.is_null());
            let change = match verb {
                "insert" => Change::Insert,
                "upsert" if !has_id => Change::Insert,
                "update" | "upsert" => Change::Update,
                "delete" => Change::Delete,
                _ => Change::Undelete,
            };
            let store: &mut Store = &mut visit.state.store;
            let done =
                store.object(object).and_then(|object| change.apply(store, &author, &object, fields.clone()));
            match done {
                Ok(changed) => fields.insert("Id".into(), Value::String(changed.id)),
                Err(failure) => return Err(exception(verb, row, &failure)),
            };
        }
        Ok(())
    }

    fn term(&mut self, visit: &Visit<'_>, term: &Term) -> Result<Held, String> {
        Ok(match term {
            Term::Scalar(found) => Held::Scalar(found.clone()),
            Term::New(object, fields) => {
                let mut members = Map::new();
                for (name, term) in fields {
                    let Held::Scalar(found) = self.term(visit, term)? else { return Err(MISMATCH.into()) };
                    members.insert(name.clone(), found);
                }
                self.keep(object.clone(), members)?
            }
            Term::List(items) => {
                let mut all = Vec::new();
                for item in items {
                    all.extend(places(&self.term(visit, item)?));
                }
                Held::List(all)
            }
            Term::Rows(query) => self.rows(visit, query)?,
            Term::Name(name) => self.names.get(name).cloned().ok_or("variable without a value")?,
            Term::Member(name, field) => {
                let at = self.one(name)?;
                let found = self.records.get(at).and_then(|(_, fields)| fields.get(field));
                Held::Scalar(found.cloned().unwrap_or(Value::Null))
            }
            Term::Sum(parts) => {
                let mut out = String::new();
                for part in parts {
                    let found = self.term(visit, part)?;
                    out.push_str(&self.shown(&found));
                }
                Held::Scalar(Value::String(out))
            }
        })
    }

    fn rows(&mut self, visit: &Visit<'_>, query: &Query) -> Result<Held, String> {
        let lens = visit.lens(false);
        let wrong = |failure: Failure| format!("System.QueryException: {}", failure.message.trim());
        let found = evaluate::find(&lens, query).map_err(wrong)?;
        let page = evaluate::page(&lens, query, &found, 0, ROWS_MAX).map_err(wrong)?;
        let object = visit.state.store.object(&query.from).map_err(wrong)?.name.clone();
        let mut places = Vec::new();
        for record in page.iter().filter_map(Value::as_object) {
            let plain = record.iter().filter(|(name, value)| *name != "attributes" && !value.is_object());
            let fields = plain.map(|(name, value)| (name.clone(), value.clone())).collect();
            if let Held::Record(at) = self.keep(object.clone(), fields)? {
                places.push(at);
            }
        }
        Ok(Held::List(places))
    }

    fn keep(&mut self, object: String, fields: Map<String, Value>) -> Result<Held, String> {
        if self.records.len() >= ROWS_MAX {
            return Err("System.LimitException: Too many DML rows: 10001".into());
        }
        self.records.push((object, fields));
        Ok(Held::Record(self.records.len() - 1))
    }

    /// The record of a variable; of a list, its only one.
    fn one(&self, name: &str) -> Result<usize, String> {
        match self.names.get(name).map(places).unwrap_or_default().as_slice() {
            [one] => Ok(*one),
            [] => Err("System.QueryException: List has no rows for assignment to SObject".into()),
            _ => Err("System.QueryException: List has more than 1 row for assignment to SObject".into()),
        }
    }

    fn shown(&self, held: &Held) -> String {
        let record = |at: &usize| {
            let Some((object, fields)) = self.records.get(*at) else { return String::new() };
            let members = fields.iter().map(|(name, found)| format!("{name}={}", value::spell(found)));
            format!("{object}:{{{}}}", members.collect::<Vec<_>>().join(", "))
        };
        match held {
            Held::Scalar(Value::Null) => "null".into(),
            Held::Scalar(found) => value::spell(found),
            Held::Record(at) => record(at),
            Held::List(all) => format!("({})", all.iter().map(record).collect::<Vec<_>>().join(", ")),
        }
    }
}

fn places(held: &Held) -> Vec<usize> {
    match held {
        Held::Scalar(_) => Vec::new(),
        Held::Record(at) => vec![*at],
        Held::List(all) => all.clone(),
    }
}

/// What Apex says when a record is refused.
pub(super) fn exception(verb: &str, row: usize, failure: &Failure) -> String {
    let mut name: Vec<char> = verb.chars().collect();
    if let Some(first) = name.first_mut() {
        *first = first.to_ascii_uppercase();
    }
    let fields = failure.fields.clone().unwrap_or_default().join(", ");
    format!(
        "System.DmlException: {} failed. First exception on row {row}; first error: {}, {}: [{fields}]",
        name.into_iter().collect::<String>(),
        failure.code,
        failure.message
    )
}

const MISMATCH: &str = "System.TypeException: Illegal assignment";
const ROWS_MAX: usize = 10_000;
const LOG_MAX: usize = 10_000;
/// Statements of a block, those of loops each time.
const STEPS_MAX: usize = 200_000;
