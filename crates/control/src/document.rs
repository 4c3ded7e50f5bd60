//! The document of `OpenAPI`, made of the routes and of the types that they take and answer.
//!
//! Source: `OpenAPI` 3.1.1.

use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use crate::{
    BASE,
    cursor::CURSOR_MAX,
    list::{LIMIT, LIMIT_MAX, MOMENT, TEXT_MAX, schema},
    lists::{Condition, LISTS, List, Test, camel},
    problem::{MEDIA_TYPE, Problem},
    route::{Call, ENTRY_MAX, Route, routes},
};

const SAYS: &str = "What `eosin console` shows and does, for programs. Every answer is JSON; every problem is one of RFC 9457. \
    A token of `eosin token make` asks in `Authorization: Bearer`. A page of the console itself asks with its cookie, and says \
    its form's word in `X-Eosin-Word`. Texts are never content of records: references, counts and names only.";

/// The document, as `/api/v1/openapi.json` has it.
pub fn document() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut generator = settings.into_generator();
    let problem = generator.subschema_for::<Problem>().to_value();
    let mut paths: Map<String, Value> = Map::new();
    for route in routes() {
        let described = operation(route, &mut generator);
        let path = paths.entry(format!("{BASE}{}", route.path)).or_insert_with(|| json!({}));
        if let Some(methods) = path.as_object_mut() {
            methods.insert(route.method.to_ascii_lowercase(), described);
        }
    }
    let mut schemas = generator.take_definitions(true);
    for list in LISTS {
        schemas.insert(list.row.to_owned(), row(list));
    }
    json!({
        "openapi": "3.1.1",
        "info": {
            "title": "Eosin control API",
            "version": "1",
            "summary": "Read the ledgers' index, and act: quarantine, policies, emergencies.",
            "description": SAYS,
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "security": [{ "token": [] }, { "session": [], "word": [] }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": problems(&problem),
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer", "description": "A token of `eosin token make`." },
                "session": { "type": "apiKey", "in": "cookie", "name": "eosin_console", "description": "A session of the console." },
                "word": { "type": "apiKey", "in": "header", "name": "X-Eosin-Word", "description": "The word of its forms; only what acts needs it." },
            },
        },
    })
}

/// The statuses of problems that are described once.
const PROBLEMS: &[(u16, &str)] = &[
    (400, "The request is not as described."),
    (401, "No token and no session, or one that is good for nothing."),
    (403, "Whoever asks may not, or who signed may not."),
    (404, "There is nothing of this name."),
    (409, "It does not fit what is so now."),
    (412, "It was changed since it was looked at."),
    (413, "The body is longer than 1 MiB."),
    (415, "The body is not `application/json`."),
    (
        422,
        "The policies, the query or the dataset in it cannot be understood or believed: the detail says why.",
    ),
    (428, "`If-Match` is missing: say which version was looked at."),
    (429, "Too many requests; `Retry-After` says how long to wait."),
    (503, "The index, a folder or the log of operators cannot be used now, or is busy, or took too long."),
];

fn problems(problem: &Value) -> Value {
    let one = |(status, says): &(u16, &str)| {
        let mut response = json!({
            "description": says,
            "content": { MEDIA_TYPE: { "schema": problem } },
        });
        let header = match status {
            401 => Some(("WWW-Authenticate", "The scheme that is asked for.")),
            429 => Some(("Retry-After", "Seconds.")),
            _ => None,
        };
        if let (Some((name, says)), Some(members)) = (header, response.as_object_mut()) {
            members.insert(
                "headers".to_owned(),
                json!({ name: { "description": says, "schema": { "type": "string" } } }),
            );
        }
        (format!("Problem{status}"), response)
    };
    Value::Object(PROBLEMS.iter().map(one).collect())
}

/// The statuses that a route answers with where it does not do what is asked.
fn statuses(route: &Route) -> Vec<u16> {
    let is_written = route.method == "POST";
    let is_named = route.path.contains('{') || route.query.contains(&"after");
    PROBLEMS
        .iter()
        .map(|(status, _)| *status)
        .filter(|status| match status {
            401 | 429 | 503 => !route.is_open,
            403 => route.needs.is_some(),
            404 => is_named || matches!(route.tag, "quarantine" | "emergencies" | "policies" | "datasets"),
            422 => route.body.is_some() && matches!(route.tag, "policies" | "index" | "datasets"),
            428 => route.matches && route.tag == "policies",
            409 => is_written && route.tag != "index",
            413 | 415 => is_written,
            412 => route.matches,
            _ => true,
        })
        .collect()
}

fn operation(route: &Route, generator: &mut SchemaGenerator) -> Value {
    let answer = match (route.call, route.answer) {
        (Call::List(list), _) => page(list),
        (Call::Transaction, _) => transaction(),
        (_, Some(describe)) => describe(generator).to_value(),
        (_, None) => json!({ "type": "object" }),
    };
    let mut told = json!({
        "description": "As asked.",
        "content": { "application/json": { "schema": answer } },
    });
    if route.method == "GET"
        && let Some(members) = told.as_object_mut()
    {
        let tag =
            json!({ "ETag": { "description": "Names this state of it.", "schema": { "type": "string" } } });
        members.insert("headers".to_owned(), tag);
    }
    let mut responses = Map::from_iter([("200".to_owned(), told)]);
    if route.method == "GET" {
        responses.insert("304".to_owned(), json!({ "description": "It is as `If-None-Match` says." }));
    }
    for status in statuses(route) {
        let name = format!("#/components/responses/Problem{status}");
        responses.insert(status.to_string(), json!({ "$ref": name }));
    }
    let needs = route.needs.map_or_else(
        || {
            if route.is_open {
                "Nobody needs to be known.".to_owned()
            } else {
                "Whoever is known may.".to_owned()
            }
        },
        |action| format!("Takes `{action}`."),
    );
    let mut described = json!({
        "operationId": route.id,
        "tags": [route.tag],
        "summary": route.says,
        "description": needs,
        "parameters": parameters(route),
        "responses": responses,
    });
    let Some(members) = described.as_object_mut() else { return described };
    if route.is_open {
        members.insert("security".to_owned(), json!([]));
    } else if route.method == "GET" {
        members.insert("security".to_owned(), json!([{ "token": [] }, { "session": [] }]));
    }
    if let Some(describe) = route.body {
        let schema = describe(generator).to_value();
        let body = json!({ "required": true, "content": { "application/json": { "schema": schema } } });
        members.insert("requestBody".to_owned(), body);
    }
    described
}

fn parameters(route: &Route) -> Vec<Value> {
    let mut all = Vec::new();
    for segment in route.path.split('/') {
        let Some(name) = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else { continue };
        let (says, schema) = match name {
            "entry" => {
                ("The number of the entry.", json!({ "type": "integer", "minimum": 0, "maximum": ENTRY_MAX }))
            }
            "item" => ("The name of the item.", json!({ "type": "string", "pattern": "^[a-z2-7]{16}$" })),
            _ => (
                "The name of the ledger, with `/` as `%2F`.",
                json!({ "type": "string", "minLength": 1, "maxLength": TEXT_MAX }),
            ),
        };
        all.push(
            json!({ "name": name, "in": "path", "required": true, "description": says, "schema": schema }),
        );
    }
    if let Call::List(list) = route.call {
        all.extend(list.conditions.iter().map(condition));
        let limit = json!({ "type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT });
        all.push(
            json!({ "name": "limit", "in": "query", "description": "Most rows of a page.", "schema": limit }),
        );
        let after = json!({ "type": "string", "minLength": 1, "maxLength": CURSOR_MAX });
        all.push(json!({ "name": "after", "in": "query", "description": "The `next` of the page before.", "schema": after }));
    }
    if matches!(route.call, Call::Quarantine) {
        let boundary = json!({ "type": "string", "minLength": 1, "maxLength": TEXT_MAX });
        all.push(json!({ "name": "boundary", "in": "query", "description": "Only of this boundary.", "schema": boundary }));
        let every = json!({ "type": "boolean", "default": false });
        all.push(json!({ "name": "all", "in": "query", "description": "Also what was released, rejected or has expired.", "schema": every }));
    }
    if route.matches {
        let schema = json!({ "type": "string", "pattern": r#"^(\*|"[0-9a-f]{32}")$"# });
        all.push(json!({ "name": "If-Match", "in": "header", "description": "The `ETag` that was looked at: with another one nothing is done.", "schema": schema }));
    }
    all
}

fn condition(condition: &Condition) -> Value {
    let schema = match condition.sql {
        Test::Is(_) => json!({ "type": "string", "minLength": 1, "maxLength": TEXT_MAX }),
        Test::OneOf(_, words) | Test::Counts(words) => json!({ "type": "string", "enum": words }),
        Test::From(_) | Test::Before(_) => json!({ "type": "string", "pattern": MOMENT }),
    };
    json!({ "name": condition.name, "in": "query", "description": condition.says, "schema": schema })
}

/// A page of a list.
fn page(list: &List) -> Value {
    let row = format!("#/components/schemas/{}", list.row);
    json!({
        "type": "object",
        "required": ["items", "next", "behind"],
        "properties": {
            "items": { "type": "array", "maxItems": LIMIT_MAX, "items": { "$ref": row } },
            "next": { "type": ["string", "null"], "description": "What `after` is for the page that follows, if one does." },
            "behind": { "type": "integer", "minimum": 0, "description": "Entries that are published and not yet in the index." },
        },
    })
}

fn transaction() -> Value {
    json!({
        "allOf": [
            { "$ref": "#/components/schemas/Transaction" },
            {
                "type": "object",
                "required": ["policies"],
                "properties": { "policies": { "type": "array", "items": { "type": "string" }, "description": "The policies that decided." } },
            },
        ],
    })
}

/// A row of a list: as the index has it.
fn row(list: &List) -> Value {
    let mut properties: Map<String, Value> =
        list.columns().map(|(_, column)| (camel(column.name), schema(column.kind))).collect();
    if properties.contains_key("origin") && properties.contains_key("entry") {
        let says = "The entry: `origin#entry`.";
        properties.insert("place".to_owned(), json!({ "type": "string", "description": says }));
    }
    let required: Vec<&String> = properties.keys().collect();
    json!({ "type": "object", "description": list.says, "required": required, "properties": properties })
}
