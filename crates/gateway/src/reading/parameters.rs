//! A search that comes as JSON: conditions are put to each of its objects, so that hidden rows take no place among those
//! that it finds.

use std::collections::BTreeSet;

use carrier::salesforce::{self, Look};
use http::Method;
use serde_json::Value;
use soql::{CannotIsolate, Marks};

use super::{Turned, org::Org, statement};
use crate::{head::Head, problem::Problem};

/// Rewrites the body of a `POST` to `parameterizedSearch`; nothing where it may stay as it is.
///
/// Shape:  what is found is looked up afterwards in any case. What bounds its number has to be rewritten or is refused: a
///         hidden row would take the place of another.
pub(super) async fn rewritten(org: &Org<'_>, head: &Head, body: &[u8]) -> Result<Option<Vec<u8>>, Turned> {
    if head.method != Method::POST {
        let bounds = salesforce::parameter_names(&head.target).iter().any(|name| is_bound(name));
        return if bounds { Err(Problem::Closed(BOUNDED).into()) } else { Ok(None) };
    }
    let asked: Value = serde_json::from_slice(body).map_err(|_| Problem::ReadClosed)?;
    let named = asked.get("sobjects").and_then(Value::as_array).into_iter().flatten();
    let is_name = |name: &&str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let objects: BTreeSet<String> =
        named.filter_map(|object| object.get("name")?.as_str()).filter(is_name).map(str::to_owned).collect();
    // As the org reads it: what is escaped in it names relationships too.
    statement::describe(org, &objects, &asked.to_string()).await?;
    let known = org.isolation.known();
    let hidden = org.isolation.hidden(org.reader, Marks::NotAsked);
    match soql::isolate_parameters(body, &hidden, &known.schema) {
        Ok(isolated) => Ok(Some(isolated.body.into_bytes())),
        Err(CannotIsolate::NoObjects)
            if !asked.as_object().is_some_and(|asked| asked.keys().any(|name| is_bound(name))) =>
        {
            Ok(None)
        }
        // Where in a member something is wrong says nothing of the body.
        Err(CannotIsolate::Unreadable(_)) => Err(statement::refused(org, "", CannotIsolate::Parameters)),
        Err(error) => Err(statement::refused(org, "", error)),
    }
}

/// Refuses a list whose parameters could choose or sort its rows by what is hidden.
///
/// Shape:  of lists that the org makes, those parameters alone are known that say which fields and how many rows are shown.
pub(super) fn allowed(look: &Look, target: &str) -> Result<(), Turned> {
    let is_list = matches!(look, Look::Related | Look::Suggestions | Look::SearchByWords)
        || (*look == Look::Recent && salesforce::is_ui_list(target));
    let is_known = |name: &str| {
        let lower = name.to_ascii_lowercase();
        PARAMETERS.contains(&lower.as_str()) || lower.ends_with(".fields") || is_bound(name)
    };
    if is_list && !salesforce::parameter_names(target).iter().all(|name| is_known(name)) {
        return Err(Problem::Closed(FILTERED).into());
    }
    Ok(())
}

/// What the parameters of a list may be, beside bounds, which have rules of their own. In lower case.
const PARAMETERS: [&str; 14] = [
    "dynamicfields",
    "fields",
    "ignoreunsupportedsobjects",
    "in",
    "layouttypes",
    "metadata",
    "modes",
    "optionalfields",
    "pagesize",
    "pagetoken",
    "q",
    "sobject",
    "spellcorrection",
    "type",
];

/// Why a list is refused that is filtered or sorted by its target.
const FILTERED: &str = "reads are isolated here: a list cannot be filtered or sorted by `where`, `sortBy` and the like, which could name what is hidden; ask by a query";

/// Whether a parameter bounds how many rows are found.
fn is_bound(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    lower.ends_with("limit") || lower.ends_with("offset")
}

/// Why a search by its target is refused.
const BOUNDED: &str = "reads are isolated here: send a search with a limit or an offset as JSON, by POST";
