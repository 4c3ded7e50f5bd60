//! A GraphQL document, each of its lists given the conditions that a query in SOQL would have, or one that writes, with what
//! it may show of the rows that it writes.

use std::collections::BTreeSet;

use carrier::{
    Refusal,
    salesforce::{self, RecordId, Renamed, graphql_error},
};
use serde_json::{Map, Value};
use soql::{CannotIsolate, Marks};

use super::{Turned, org::Org, statement};
use crate::problem::{Problem, respond_made};

/// Rewrites the document in a request's body, and says whether it changes records. Its rows are chosen by their labels.
pub(super) async fn rewritten(org: &Org<'_>, body: &[u8]) -> Result<(Vec<u8>, bool), Turned> {
    let text = salesforce::text_member(body, "query").ok_or(Problem::ReadClosed)?;
    let asked: Value = serde_json::from_slice(body).map_err(|_| Problem::ReadClosed)?;
    let operation = asked.get("operationName").and_then(Value::as_str);
    let nothing = Map::new();
    let variables = asked.get("variables").and_then(Value::as_object).unwrap_or(&nothing);
    let refused = |error: &CannotIsolate| refused(org, error);
    let writes = soql::graphql_writes(&text, operation).map_err(|error| refused(&error))?;
    // An id that is spelled otherwise would not be found in it.
    if writes && text.contains("\\u") {
        return Err(Problem::ReadClosed.into());
    }
    let objects = soql::graphql_objects(&text, operation).map_err(|error| refused(&error))?;
    // Relationships are named in the document and in its variables.
    let names = format!("{text} {}", Value::Object(variables.clone()));
    statement::describe(org, &objects, &names).await?;
    let known = org.isolation.known();
    let hidden = org.isolation.hidden(org.reader, Marks::NotAsked);
    let document = soql::isolate_graphql(&text, operation, variables, &hidden, &known.schema)
        .map_err(|error| refused(&error))?;
    if writes {
        return Ok((body.to_vec(), true));
    }
    Ok((salesforce::with_text_member(body, "query", &document).ok_or(Problem::ReadClosed)?, false))
}

/// The ids that the document of a mutation names.
pub(super) fn named(body: &[u8]) -> BTreeSet<RecordId> {
    let text = salesforce::text_member(body, "query").unwrap_or_default();
    salesforce::named_in_text(&text)
}

/// The body with other ids in its document; nothing where nothing changes.
pub(super) fn renamed(body: &[u8], renamed: &Renamed) -> Option<Vec<u8>> {
    let text = salesforce::text_member(body, "query")?;
    let other = salesforce::reworded(text.as_bytes(), |id| renamed.get(&id).copied())?;
    salesforce::with_text_member(body, "query", std::str::from_utf8(&other).ok()?)
}

/// A refusal as GraphQL's clients read it.
fn refused(org: &Org<'_>, error: &CannotIsolate) -> Turned {
    let refusal = Refusal {
        code: "EOSIN_QUERY_NOT_ISOLATED".to_owned(),
        message: format!(
            "Reads are isolated at boundary `{}`, and this document cannot be: {error}.",
            org.reader.boundary.name
        ),
    };
    Turned::Answer(Box::new(respond_made(graphql_error(&refusal))))
}
