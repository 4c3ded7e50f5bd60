//! GraphQL: the document parsed, the operation chosen, the variables put in; what is left are rows to be written.

use std::collections::{BTreeMap, BTreeSet};

use apollo_parser::{
    Parser,
    cst::{self, Definition, Selection},
};
use mark::{
    Unreadable,
    json::{self, Json, Members},
};
use serde_json::json;

use super::{
    answer::answer,
    door::is_name,
    plan::{envelope, take},
    record::shape,
    ui::plain,
};
use crate::{Action, Answer, Refusal};

/// What a GraphQL request does.
#[derive(Debug)]
pub(super) struct Asked {
    /// Read for a query; else the most that one of its mutations does.
    pub(super) action: Action,
    /// The rows that it writes, in the document's order; what is only removed is none.
    pub(super) rows: Vec<Row>,
}

/// One row that a mutation writes.
#[derive(Debug)]
pub(super) struct Row {
    /// The name that its answer has.
    pub(super) alias: String,
    /// Its object and fields, or why they cannot be known.
    pub(super) content: Result<(String, Members<'static>), Unreadable>,
}

/// Deepest nesting, as in JSON.
const DEPTH_MAX: usize = 64;
/// Most words and signs of a document.
const TOKENS_MAX: usize = 200_000;

/// What the body of a GraphQL request asks for.
///
/// Shape:  `{"query","variables","operationName"}` -> its rows.
/// Bounds: nesting of 64, 200,000 tokens; the caller bounds the body.
/// Errors: a sentence: a document that is none, several operations of which none or no single one is named, a
///         subscription, a fragment where a mutation could hide, a mutation that is not one of a record.
/// Source: GraphQL specification (September 2025) sections 2 and 6.1; spec/carriers.md section 2.11.
pub(super) fn asked(body: Json<'_>) -> Result<Asked, Unreadable> {
    let mut envelope = envelope(body)?;
    let Some(Json::Text(text)) = take(&mut envelope, "query") else {
        return Err(shape("has no GraphQL document in `query`"));
    };
    let name = match take(&mut envelope, "operationName") {
        None | Some(Json::Null) => None,
        Some(Json::Text(name)) => Some(name.into_owned()),
        Some(_) => return Err(shape("has an `operationName` that is no name")),
    };
    let given = match take(&mut envelope, "variables") {
        None | Some(Json::Null) => Vec::new(),
        Some(Json::Object(given)) => given,
        Some(_) => return Err(shape("has `variables` that are no object")),
    };
    if envelope.iter().any(|(name, value)| name != "extensions" || *value != Json::Null) {
        return Err(shape("has a member beside `query`, `variables` and `operationName`"));
    }
    let tree = Parser::new(&text).recursion_limit(DEPTH_MAX).token_limit(TOKENS_MAX).parse();
    if tree.errors().next().is_some() {
        return Err(shape("holds a GraphQL document that cannot be read"));
    }
    let operation = chosen(&tree.document(), name.as_deref())?;
    let kind = operation.operation_type();
    if kind.as_ref().is_some_and(|kind| kind.subscription_token().is_some()) {
        return Err(shape("subscribes, which is not read here"));
    }
    if kind.is_none_or(|kind| kind.mutation_token().is_none()) {
        return Ok(Asked { action: Action::Read, rows: Vec::new() });
    }
    let variables = Variables::of(&operation, given)?;
    let mut asked = Asked { action: Action::Delete, rows: Vec::new() };
    for root in fields(operation.selection_set())? {
        match name_of(root.name())?.as_str() {
            "__typename" => {}
            "uiapi" => {
                for field in fields(root.selection_set())? {
                    asked.mutation(&field, &variables)?;
                }
            }
            _ => return Err(shape("mutates something else than `uiapi`")),
        }
    }
    Ok(asked)
}

/// The operation that is carried out.
#[expect(clippy::wildcard_enum_match_arm, reason = "whatever else a document may define, a request does not")]
fn chosen(document: &cst::Document, name: Option<&str>) -> Result<cst::OperationDefinition, Unreadable> {
    let mut operations = Vec::new();
    let mut names = BTreeSet::new();
    for definition in document.definitions() {
        match definition {
            Definition::OperationDefinition(operation) => {
                let own = operation.name().map(|name| name.text().to_string());
                if !names.insert(own.clone()) {
                    return Err(shape("has two operations of one name"));
                }
                operations.push((own, operation));
            }
            Definition::FragmentDefinition(_) => {}
            _ => return Err(shape("defines types, which a request does not")),
        }
    }
    let several = operations.len() > 1;
    let mut fitting = operations.into_iter().filter(|(own, _)| match name {
        Some(name) => own.as_deref() == Some(name),
        None => true,
    });
    match (fitting.next(), fitting.next()) {
        (Some((own, operation)), None) if !several || own.is_some() => Ok(operation),
        (None, _) => Err(shape("names an operation that is not there")),
        _ => Err(shape("has several operations and does not name one")),
    }
}

impl Asked {
    fn mutation(&mut self, field: &cst::Field, variables: &Variables) -> Result<(), Unreadable> {
        let name = name_of(field.name())?;
        if name == "__typename" {
            return Ok(());
        }
        let verbs = [("Create", Action::Create), ("Update", Action::Update), ("Delete", Action::Delete)];
        let found = verbs.into_iter().find_map(|(verb, action)| Some((name.strip_suffix(verb)?, action)));
        let Some((object, action)) = found.filter(|(object, _)| is_name(object)) else {
            return Err(shape("has a mutation that creates, updates or deletes no record"));
        };
        // INVARIANT: the order of actions is create, update, delete: what comes first could do more.
        self.action = self.action.min(action);
        if action == Action::Delete {
            return Ok(());
        }
        let alias = field.alias().and_then(|alias| alias.name());
        let alias = alias.map_or_else(|| name.clone(), |alias| alias.text().to_string());
        let content = row(field, object, variables).map(|fields| (object.to_owned(), fields));
        self.rows.push(Row { alias, content });
        Ok(())
    }
}

/// The fields of the row in a mutation's `input`.
fn row(field: &cst::Field, object: &str, variables: &Variables) -> Result<Members<'static>, Unreadable> {
    let arguments: Vec<cst::Argument> =
        field.arguments().map(|arguments| arguments.arguments().collect()).unwrap_or_default();
    let [argument] = arguments.as_slice() else { return Err(shape("has no single `input`")) };
    if name_of(argument.name())? != "input" {
        return Err(shape("has no single `input`"));
    }
    let Json::Object(input) = variables.value(argument.value())? else {
        return Err(shape("has an `input` that is no object"));
    };
    let mut row = None;
    for (name, value) in input {
        match value {
            Json::Object(fields) if name == object => row = Some(fields),
            // The id of what is updated, and flags such as `allowSaveOnDuplicate`.
            Json::Text(_) if name == "Id" => {}
            Json::Bool(_) => {}
            Json::Null | Json::Number(_) | Json::Text(_) | Json::Array(_) | Json::Object(_) => {
                return Err(shape("has something else in its `input` than its record"));
            }
        }
    }
    plain(row.ok_or_else(|| shape("has no record in its `input`"))?)
}

/// The fields selected directly.
///
/// Errors: a fragment: what it selects stands elsewhere, and could depend on a type.
fn fields(set: Option<cst::SelectionSet>) -> Result<Vec<cst::Field>, Unreadable> {
    let set = set.ok_or_else(|| shape("selects nothing"))?;
    let selected = set.selections().map(|selection| match selection {
        Selection::Field(field) => Ok(field),
        Selection::FragmentSpread(_) | Selection::InlineFragment(_) => {
            Err(shape("has a fragment where its mutations stand; write them out"))
        }
    });
    selected.collect()
}

fn name_of(name: Option<cst::Name>) -> Result<String, Unreadable> {
    name.map(|name| name.text().to_string()).ok_or_else(|| shape("lacks a name"))
}

/// The variables of an operation: what was given, or else their defaults.
struct Variables(BTreeMap<String, Option<Json<'static>>>);

impl Variables {
    fn of(operation: &cst::OperationDefinition, given: Members<'_>) -> Result<Self, Unreadable> {
        let mut variables = Self(BTreeMap::new());
        let mut given: BTreeMap<String, Json<'_>> =
            given.into_iter().map(|(name, value)| (name.into_owned(), value)).collect();
        let definitions = operation.variable_definitions();
        for definition in definitions.iter().flat_map(cst::VariableDefinitions::variable_definitions) {
            let name = name_of(definition.variable().and_then(|variable| variable.name()))?;
            let value = match (given.remove(&name), definition.default_value()) {
                (Some(value), _) => Some(super::files::owned_json(value)),
                (None, Some(default)) => Some(Self(BTreeMap::new()).value(default.value())?),
                (None, None) => None,
            };
            if variables.0.insert(name, value).is_some() {
                return Err(shape("defines a variable twice"));
            }
        }
        Ok(variables)
    }

    /// A value with its variables put in.
    fn value(&self, value: Option<cst::Value>) -> Result<Json<'static>, Unreadable> {
        Ok(match value.ok_or_else(|| shape("lacks a value"))? {
            cst::Value::Variable(variable) => {
                let name = name_of(variable.name())?;
                let known = self.0.get(&name).cloned().flatten();
                known.ok_or_else(|| shape("uses a variable that has no value"))?
            }
            cst::Value::StringValue(text) => Json::Text(String::from(&text).into()),
            cst::Value::IntValue(number) => self::number(number.int_token())?,
            cst::Value::FloatValue(number) => self::number(number.float_token())?,
            cst::Value::BooleanValue(truth) => Json::Bool(truth.true_token().is_some()),
            cst::Value::NullValue(_) => Json::Null,
            cst::Value::EnumValue(word) => Json::Text(name_of(word.name())?.into()),
            cst::Value::ListValue(list) => {
                Json::Array(list.values().map(|item| self.value(Some(item))).collect::<Result<_, _>>()?)
            }
            cst::Value::ObjectValue(object) => {
                let mut members: Members<'static> = Vec::new();
                for field in object.object_fields() {
                    let name = name_of(field.name())?;
                    if members.iter().any(|(known, _)| *known == name) {
                        return Err(shape("names a field twice"));
                    }
                    members.push((name.into(), self.value(field.value())?));
                }
                Json::Object(members)
            }
        })
    }
}

/// A number, as JSON has it: every spelling in GraphQL is one in JSON.
fn number(token: Option<apollo_parser::SyntaxToken>) -> Result<Json<'static>, Unreadable> {
    let token = token.ok_or_else(|| shape("lacks a number"))?;
    match json::parse(token.text().as_bytes())? {
        Json::Number(number) => Ok(Json::Number(number)),
        Json::Null | Json::Bool(_) | Json::Text(_) | Json::Array(_) | Json::Object(_) => {
            Err(shape("lacks a number"))
        }
    }
}

/// The answer to a request of which something was refused: nothing of it was done.
///
/// Shape:  200 with `data` and `errors`, as Salesforce answers to mutations that fail; clients print `message`.
pub(super) fn refuse(body: &[u8], refusals: &[(usize, &Refusal)]) -> Answer {
    let rows = json::parse(body).ok().and_then(|body| asked(body).ok()).map(|asked| asked.rows);
    let error = |position: usize, refusal: &Refusal| {
        let alias = rows.as_ref().and_then(|rows| rows.get(position)).map(|row| row.alias.as_str());
        error(refusal, alias)
    };
    let errors: Vec<_> = refusals.iter().map(|(position, refusal)| error(*position, refusal)).collect();
    answer(200, &json!({ "data": null, "errors": errors }))
}

/// The answer to a query that is not asked.
///
/// Shape:  as the refusal of a mutation.
pub fn graphql_error(refusal: &Refusal) -> Answer {
    answer(200, &json!({ "data": null, "errors": [error(refusal, None)] }))
}

fn error(refusal: &Refusal, alias: Option<&str>) -> serde_json::Value {
    let path: Vec<&str> = ["uiapi"].into_iter().chain(alias).collect();
    json!({
        "message": refusal.message,
        "locations": [],
        "path": path,
        "extensions": { "ErrorType": "DataFetchingException", "errorCode": refusal.code },
    })
}

#[cfg(test)]
mod tests;
