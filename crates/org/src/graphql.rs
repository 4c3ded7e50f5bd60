//! GraphQL: `POST …/graphql`, records through `uiapi`.
//!
//! Source: Salesforce, "GraphQL API Developer Guide": query, aggregate and mutation of records.

mod answer;
mod condition;
mod lex;
mod mutate;
mod parse;

use serde_json::{Map, Value, json};

use crate::call::{Call, Reply};
use crate::failure::Failure;
use crate::state::Visit;
use parse::{Fault, Field};

/// Answers a document. What is wrong inside it is an answer with status 200, as GraphQL has it.
pub(crate) fn route(visit: &mut Visit<'_>, call: &Call) -> Result<Reply, Failure> {
    let body = call.object()?;
    let text = body.get("query").and_then(Value::as_str);
    let text = text.ok_or_else(|| Failure::bad_json("query must be a GraphQL document"))?;
    let none = Map::new();
    let variables = body.get("variables").and_then(Value::as_object).unwrap_or(&none);
    let name = body.get("operationName").and_then(Value::as_str);
    let operation = match parse::parse(text, name, variables) {
        Ok(operation) => operation,
        Err(fault) => return Ok(refused(&Wrong::syntax(fault))),
    };
    let mut errors = Vec::new();
    let mut data = Map::new();
    for field in &operation.fields {
        let done = match field.name.as_str() {
            "__typename" => Ok(json!(if operation.mutation { "Mutation" } else { "Query" })),
            "uiapi" if operation.mutation => mutate::run(visit, field, &mut errors),
            "uiapi" => answer::uiapi(visit, field),
            _ => Err(Wrong::undefined(field, "Query")),
        };
        match done {
            Ok(found) => data.insert(field.key.clone(), found),
            Err(wrong) => return Ok(refused(&wrong)),
        };
    }
    Ok(Reply::json(200, json!({"data": data, "errors": errors})))
}

fn refused(wrong: &Wrong) -> Reply {
    Reply::json(200, json!({"data": null, "errors": [wrong.body()]}))
}

/// One error of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wrong {
    message: String,
    place: (usize, usize),
    kind: &'static str,
    path: Vec<String>,
}

impl Wrong {
    fn syntax(fault: Fault) -> Self {
        Self {
            message: fault.message,
            place: (fault.line, fault.column),
            kind: "InvalidSyntax",
            path: Vec::new(),
        }
    }

    /// A field that its type does not have.
    fn undefined(field: &Field, of: &str) -> Self {
        let message = format!(
            "Validation error (FieldUndefined@[{name}]) : Field '{name}' in type '{of}' is undefined",
            name = field.name
        );
        Self { message, place: (field.line, field.column), kind: "ValidationError", path: Vec::new() }
    }

    /// What the records themselves refused.
    fn failed(field: &Field, failure: &Failure, path: &[&str]) -> Self {
        Self {
            message: failure.message.clone(),
            place: (field.line, field.column),
            kind: "DataFetchingException",
            path: path.iter().map(|step| (*step).to_owned()).collect(),
        }
    }

    fn body(&self) -> Value {
        let (line, column) = self.place;
        json!({
            "message": self.message,
            "paths": self.path,
            "locations": [{"line": line, "column": column}],
            "extensions": {"ErrorType": self.kind, "classification": self.kind},
        })
    }
}
