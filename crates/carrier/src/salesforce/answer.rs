//! How a refusal looks to a Salesforce client: every shape is one that its libraries already print.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    api::Api,
    batch,
    door::Route,
    fate::{BATCH_HALTED, Fates, HALTED, ROLLED_BACK, UNBOUNDED, fates, rolled_back},
    graphql,
    plan::{Plan, plan},
    soap, soap_rows, span,
};
use crate::{Answer, Refusal, route::Target};

/// The field that a refusal points at; what only fell with it points at none.
fn fields(refusal: &Refusal) -> &'static [&'static str] {
    if status(refusal) == 403 && refusal.code != ROLLED_BACK { &["Eosin_Mark__c"] } else { &[] }
}

/// Refuses a request as one: a write that nobody can read, a removal, an upload.
///
/// The status is 403: clients repeat 5xx and 429 by themselves, and this would not change.
///
/// Shape:  an array with one error, as Salesforce answers about one record.
/// Source: spec/carriers.md section 2.5.
pub fn refuse_request(refusal: &Refusal) -> Answer {
    answer(403, &json!([request_error(refusal)]))
}

/// An error about a whole request, in the shape of the API that its target belongs to.
///
/// Shape:  SOAP: a fault, 500 instead of any 4xx; Bulk v1: an `error` element, or its JSON where `content_type` says
///         that the request is in JSON; else as [`refuse_request`]. A target that cannot be read counts by its words.
/// Source: spec/carriers.md sections 2.5, 2.6 and 2.8.
pub fn error_at(target: &str, content_type: Option<&str>, status: u16, refusal: &Refusal) -> Answer {
    let shaped = in_xml_shape(target, content_type, status, refusal);
    shaped.unwrap_or_else(|| Answer { status, ..refuse_request(refusal) })
}

/// What went wrong before any record was read, in the shape of the API that its target belongs to.
///
/// Shape:  as [`error_at`], but that an error of the REST API points at no field.
/// Source: spec/http.md section 2.
pub fn problem_at(target: &str, content_type: Option<&str>, status: u16, problem: &Refusal) -> Answer {
    in_xml_shape(target, content_type, status, problem).unwrap_or_else(|| {
        answer(status, &json!([{ "message": problem.message, "errorCode": problem.code }]))
    })
}

/// An error at an endpoint that has a shape of its own.
fn in_xml_shape(target: &str, content_type: Option<&str>, status: u16, refusal: &Refusal) -> Option<Answer> {
    let (is_soap, is_batch) = if let Some(target) = Target::parse(target) {
        (soap::is_endpoint(&target), batch::is_endpoint(&target))
    } else {
        let lower = target.to_ascii_lowercase();
        (lower.contains("/services/soap/"), lower.contains("/services/async/"))
    };
    let is_json = content_type.is_some_and(|kind| kind.to_ascii_lowercase().contains("json"));
    match (is_soap, is_batch) {
        (true, _) => Some(soap_rows::fault(status, refusal)),
        (false, true) if is_json => Some(batch::in_json_error(status, refusal)),
        (false, true) => Some(batch::error(status, refusal)),
        (false, false) => None,
    }
}

/// Refuses a judged request: nothing of it is sent on.
///
/// Records without a refusal of their own are said to have been rolled back.
///
/// Shape:  one answer a record or subrequest, in the request's order, as Salesforce has it for the route.
/// Never:  repeats anything of a record; a client's `referenceId` and `graphId` come back to it.
/// Source: spec/carriers.md section 2.5.
pub fn refuse(route: &Route, body: &[u8], refusals: &BTreeMap<usize, Refusal>) -> Answer {
    let first = refusals.values().next().cloned().unwrap_or_else(|| rolled_back(route));
    if let Route::BulkV1(rows) = route {
        return batch::refuse(rows, &first);
    }
    if let Route::Soap(call) = route {
        return soap_rows::refuse(*call, body, refusals);
    }
    if matches!(route, Route::Api(Api::GraphQl)) {
        let mut said: Vec<(usize, &Refusal)> = refusals.iter().map(|(at, refusal)| (*at, refusal)).collect();
        if said.is_empty() {
            said.push((0, &first));
        }
        return graphql::refuse(body, &said);
    }
    let plan = plan(route, body, &UNBOUNDED);
    if plan.groups.is_empty() {
        return refuse_request(&first);
    }
    match route {
        Route::CreateMany | Route::UpdateMany | Route::UpsertMany { .. } => {
            answer(200, &Value::Array(parts(route, &plan, refusals).concat()))
        }
        Route::Composite => {
            answer(200, &json!({ "compositeResponse": parts(route, &plan, refusals).concat() }))
        }
        Route::Batch => {
            answer(200, &json!({ "hasErrors": true, "results": parts(route, &plan, refusals).concat() }))
        }
        Route::Graph => {
            let graphs = parts(route, &plan, refusals);
            let graphs = graphs.into_iter().zip(graph_ids(body)).map(|(parts, id)| graph(&parts, &id));
            answer(200, &json!({ "graphs": graphs.collect::<Vec<_>>() }))
        }
        Route::Tree { .. } => {
            // A tree names only what is wrong; that the rest was rolled back is understood.
            let halted = rolled_back(route).code;
            let named = refusals.iter().filter(|(_, refusal)| refusal.code != halted);
            let results = named.filter_map(|(position, refusal)| {
                let reference = plan.references.get(*position)?;
                Some(json!({ "referenceId": reference, "errors": [record_error(refusal)] }))
            });
            answer(400, &json!({ "hasErrors": true, "results": results.collect::<Vec<_>>() }))
        }
        Route::Create { .. }
        | Route::Update { .. }
        | Route::Upsert { .. }
        | Route::Delete { .. }
        | Route::DeleteMany
        | Route::BulkJob
        | Route::BulkUpload { .. }
        | Route::BulkV1(_)
        | Route::Soap(_)
        | Route::Api(_) => refuse_request(&first),
    }
}

/// What is said about each part, where nothing is sent on.
fn parts(route: &Route, plan: &Plan<'_>, refusals: &BTreeMap<usize, Refusal>) -> Vec<Vec<Value>> {
    let said = fates(route, plan, refusals);
    let whole = said.into_iter().map(|group| {
        group.into_iter().map(|fate| Some(fate.unwrap_or_else(|| rolled_back(route)))).collect()
    });
    rendered(route, plan, &whole.collect())
        .into_iter()
        .map(|group| group.into_iter().flatten().collect())
        .collect()
}

/// What is said about each refused part, and a gap for each that is sent on.
pub(super) fn rendered(route: &Route, plan: &Plan<'_>, fates: &Fates) -> Vec<Vec<Option<Value>>> {
    let groups = plan.groups.iter().zip(fates).map(|(parts, fates)| {
        let parts = parts.iter().zip(fates).map(|(part, fate)| {
            fate.as_ref().map(|refusal| part_error(route, part.reference.as_deref(), refusal))
        });
        parts.collect()
    });
    groups.collect()
}

fn part_error(route: &Route, reference: Option<&str>, refusal: &Refusal) -> Value {
    match route {
        Route::Composite | Route::Graph => json!({
            "body": [request_error(refusal)],
            "httpHeaders": {},
            "httpStatusCode": status(refusal),
            "referenceId": reference,
        }),
        Route::Batch => json!({ "statusCode": status(refusal), "result": [request_error(refusal)] }),
        Route::UpsertMany { .. } => {
            json!({ "success": false, "created": false, "errors": [record_error(refusal)] })
        }
        Route::Create { .. }
        | Route::Update { .. }
        | Route::Upsert { .. }
        | Route::Delete { .. }
        | Route::CreateMany
        | Route::UpdateMany
        | Route::DeleteMany
        | Route::Tree { .. }
        | Route::BulkJob
        | Route::BulkUpload { .. }
        | Route::BulkV1(_)
        | Route::Soap(_)
        | Route::Api(_) => json!({ "success": false, "errors": [record_error(refusal)] }),
    }
}

/// A graph that was not carried out.
pub(super) fn graph(parts: &[Value], id: &Value) -> Value {
    json!({ "graphId": id, "graphResponse": { "compositeResponse": parts }, "isSuccessful": false })
}

/// The `graphId` of each graph, null where it has none.
pub(super) fn graph_ids(body: &[u8]) -> Vec<Value> {
    let graphs = span::whole(body)
        .and_then(|whole| span::member(body, &whole, "graphs"))
        .and_then(|graphs| span::items(body, &graphs))
        .unwrap_or_default();
    let id = |graph| span::member(body, graph, "graphId").and_then(|id| span::unescaped(body, &id));
    graphs.iter().map(|graph| id(graph).map_or(Value::Null, Value::String)).collect()
}

/// 403 for what we refuse, 400 for what falls with it, 412 where a batch halts.
fn status(refusal: &Refusal) -> u16 {
    match refusal.code.as_str() {
        HALTED => 400,
        BATCH_HALTED => 412,
        _ => 403,
    }
}

/// An error as single requests and subrequests have it.
fn request_error(refusal: &Refusal) -> Value {
    json!({ "message": refusal.message, "errorCode": refusal.code, "fields": fields(refusal) })
}

/// An error as collections and trees have it.
fn record_error(refusal: &Refusal) -> Value {
    json!({ "statusCode": refusal.code, "message": refusal.message, "fields": fields(refusal) })
}

pub(super) fn answer(status: u16, body: &Value) -> Answer {
    Answer { status, content_type: "application/json;charset=UTF-8", body: body.to_string().into_bytes() }
}
