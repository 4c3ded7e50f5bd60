//! `/services/data/vNN.0/…`: which resource answers which request.

pub(crate) mod appearance;
pub(crate) mod batch;
pub(crate) mod bulk_ingest;
pub(crate) mod bulk_query;
pub(crate) mod collections;
pub(crate) mod composite;
pub(crate) mod discovery;
pub(crate) mod layouts;
pub(crate) mod limits;
pub(crate) mod list_views;
pub(crate) mod plan;
pub(crate) mod process;
pub(crate) mod query;
pub(crate) mod quick_actions;
pub(crate) mod related;
pub(crate) mod search;
mod set_up;
pub(crate) mod sobjects;
pub(crate) mod tree;
pub(crate) mod ui;

use crate::analytics;
use crate::apex;
use crate::call::{Call, Reply};
use crate::deploy;
use crate::failure::Failure;
use crate::graphql;
use crate::sandbox::process as sandboxes;
use crate::state::Visit;

/// Answers a request under a version: `segments` are those after `vNN.0`.
pub(crate) fn answer(visit: &mut Visit<'_>, call: &Call, segments: &[String]) -> Reply {
    match route(visit, call, segments) {
        Ok(reply) => reply,
        Err(failure) => Reply::failure(&failure),
    }
}

fn route(visit: &mut Visit<'_>, call: &Call, segments: &[String]) -> Result<Reply, Failure> {
    // A POST may stand for a method that a proxy would not pass.
    let overridden = call.parameter("_HttpMethod").filter(|_| call.method == "POST");
    let method = overridden.map_or_else(|| call.method.clone(), str::to_ascii_uppercase);
    let method = if method == "HEAD" { "GET".to_owned() } else { method };
    // Names go by any case; ids, which begin with a digit, keep theirs.
    let is_id = |segment: &str| segment.starts_with(|c: char| c.is_ascii_digit());
    let lowered: Vec<String> = segments
        .iter()
        .map(|segment| if is_id(segment) { segment.clone() } else { segment.to_ascii_lowercase() })
        .collect();
    let names: Vec<&str> = lowered.iter().map(String::as_str).collect();
    let raw = |at: usize| segments.get(at).map_or("", String::as_str);
    match (method.as_str(), names.as_slice()) {
        ("GET", []) => Ok(discovery::resources(visit)),
        ("GET", ["limits"]) => Ok(limits::limits(visit)),
        ("GET", ["limits", "recordcount"]) => Ok(limits::record_count(visit, call)),
        ("GET", ["tabs"]) => Ok(appearance::tabs(visit)),
        ("GET", ["theme"]) => Ok(appearance::theme(visit)),
        ("GET", ["appmenu", ..]) => Ok(appearance::menu()),
        (_, ["process", rest @ ..]) => process::route(visit, call, &method, rest),
        (_, ["quickactions", rest @ ..]) => {
            quick_actions::route(visit, call, &method, (rest, segments.get(1..).unwrap_or(&[])), None)
        }
        ("GET", ["recent"]) => Ok(limits::recent(visit, call)),
        ("GET", ["query" | "queryall"]) => {
            query::start(visit, call, names.first() == Some(&"queryall"), false)
        }
        ("GET", ["query" | "queryall", _]) => query::more(visit, raw(1)),
        ("DELETE", ["query", _]) => Ok(query::close(visit, raw(1))),
        (_, ["tooling", rest @ ..]) => {
            tooling(visit, call, (&method, rest), segments.get(1..).unwrap_or(&[]))
        }
        ("GET", ["sobjects"]) => Ok(discovery::objects(visit, call)),
        // They are written by the Tooling API only.
        ("POST" | "PATCH" | "DELETE", ["sobjects", "sandboxinfo" | "sandboxprocess", ..]) => {
            Err(Failure::not_found())
        }
        (_, ["analytics", rest @ ..]) => {
            analytics::route(visit, call, &method, rest, segments.get(1..).unwrap_or(&[]))
        }
        ("GET", ["search", "suggestions"]) => search::suggestions(visit, call),
        ("GET", ["search"]) => search::find(visit, call.parameter("q").unwrap_or("")),
        ("GET" | "POST", ["parameterizedsearch"]) => search::parameterized(visit, call),
        ("POST", ["graphql"]) => graphql::route(visit, call),
        (_, ["ui-api", rest @ ..]) => ui::route(visit, call, &method, rest, segments.get(1..).unwrap_or(&[])),
        (_, ["sobjects", rest @ ..]) => {
            sobjects::route(visit, call, &method, rest, segments.get(1..).unwrap_or(&[]))
        }
        ("GET" | "POST" | "PATCH" | "DELETE", ["composite", "sobjects", rest @ ..]) => {
            collections::route(visit, call, &method, rest, segments.get(2..).unwrap_or(&[]))
        }
        ("GET", ["composite"]) => Ok(discovery::composite(visit)),
        ("POST", ["composite"]) => composite::run(visit, call),
        ("POST", ["composite", "graph"]) => composite::graphs(visit, call),
        ("POST", ["composite", "batch"]) => batch::run(visit, call),
        ("POST", ["composite", "tree", object]) => tree::create(visit, call, object),
        (_, ["jobs", "ingest", rest @ ..]) => bulk_ingest::route(visit, call, &method, rest),
        (_, ["jobs", "query", rest @ ..]) => bulk_query::route(visit, call, &method, rest),
        (_, ["metadata", "deployrequest", rest @ ..]) => deploy::rest::route(visit, call, &method, rest),
        (_, ["query" | "queryall" | "limits" | "search" | "composite" | "recent" | "graphql"]) => {
            Err(Failure::method_not_allowed(&method))
        }
        _ => Err(Failure::not_found()),
    }
}

/// What comes after `/tooling/`.
fn tooling(
    visit: &mut Visit<'_>,
    call: &Call,
    (method, names): (&str, &[&str]),
    segments: &[String],
) -> Result<Reply, Failure> {
    match (method, names) {
        ("GET", ["executeanonymous"]) => {
            let source = call.parameter("anonymousBody").unwrap_or("");
            Ok(Reply::json(200, apex::execute(visit, source).json()))
        }
        ("GET", ["query"]) => query::start(visit, call, false, true),
        ("GET", ["sobjects"]) => Ok(discovery::objects(visit, call)),
        ("POST", ["sandboxauth"]) => sandboxes::authorize(visit, call),
        ("POST" | "PATCH" | "DELETE", ["sobjects", "sandboxinfo" | "sandboxprocess", ..]) => {
            let names = names.get(1..).unwrap_or(&[]);
            sandboxes::route(visit, call, method, names, segments.get(1..).unwrap_or(&[]))
        }
        (_, ["sobjects", rest @ ..]) => {
            let reply = sobjects::route(visit, call, method, rest, segments.get(1..).unwrap_or(&[]));
            // The Tooling API has no recycle bin.
            reply.map_err(
                |failure| if failure.code == "ENTITY_IS_DELETED" { Failure::not_found() } else { failure },
            )
        }
        _ => Err(Failure::not_found()),
    }
}
