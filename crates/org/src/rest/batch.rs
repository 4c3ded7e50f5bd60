//! `/composite/batch`: independent requests in one call.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::call::{Call, Reply};
use crate::failure::Failure;
use crate::state::Visit;

/// `POST …/composite/batch`: up to 25 sub-requests, none undone when another fails.
pub(crate) fn run(visit: &mut Visit<'_>, call: &Call) -> Result<Reply, Failure> {
    let body = call.object()?;
    let halt = body.get("haltOnError").and_then(Value::as_bool).unwrap_or(false);
    let list = body.get("batchRequests").and_then(Value::as_array);
    let list = list.ok_or_else(|| {
        Failure::request(400, "INVALID_INPUT", "batchRequests must be an array of requests")
    })?;
    if list.len() > visit.state.limits.composite_requests {
        return Err(Failure::exceeded(format!(
            "The number of subrequests is over the limit of {}",
            visit.state.limits.composite_requests
        )));
    }
    let mut results = Vec::with_capacity(list.len());
    let mut failed = false;
    for one in list {
        if failed && halt {
            let halted = json!([{"errorCode": "BATCH_PROCESSING_HALTED", "message": "Batch processing halted by request"}]);
            results.push(json!({"statusCode": 412, "result": halted}));
            continue;
        }
        let reply = sub_request(visit, call, one);
        failed |= reply.status >= 400;
        results.push(json!({"statusCode": reply.status, "result": reply.into_value()}));
    }
    Ok(Reply::json(200, json!({"hasErrors": failed, "results": results})))
}

fn sub_request(visit: &mut Visit<'_>, outer: &Call, one: &Value) -> Reply {
    let text = |name: &str| one.get(name).and_then(Value::as_str).unwrap_or("");
    // The url has no `/services/data`; some clients write it all the same.
    let url = text("url").trim_start_matches('/');
    let url = url.strip_prefix("services/data/").unwrap_or(url);
    let mut call = Call::new(text("method"), url, &outer.base);
    let version = call.segments.first().is_some_and(|segment| segment.starts_with(['v', 'V']));
    let kind = call.segments.get(1).map(|segment| segment.to_ascii_lowercase());
    let allowed =
        matches!(kind.as_deref(), Some("sobjects" | "query" | "queryall" | "search" | "limits" | "recent"));
    if !version || !allowed {
        let message = format!("The URL '{url}' is not supported in a batch request");
        return Reply::failure(&Failure::request(400, "INVALID_INPUT", message));
    }
    if let Some(body) = one.get("richInput").filter(|body| !body.is_null()) {
        call.body = Bytes::from(body.to_string());
    }
    let segments: Vec<String> = call.segments.get(1..).unwrap_or(&[]).to_vec();
    super::answer(visit, &call, &segments)
}
