//! `/composite` and `/composite/graph`: requests that may use each other's results.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::call::{Call, Reply};
use crate::failure::Failure;
use crate::state::Visit;

/// `POST …/composite`: up to 25 sub-requests in order.
pub(crate) fn run(visit: &mut Visit<'_>, call: &Call) -> Result<Reply, Failure> {
    let body = call.object()?;
    let all_or_none = body.get("allOrNone").and_then(Value::as_bool).unwrap_or(false);
    let parts = parts(&body, visit.state.limits.composite_requests)?;
    let (answers, _) = sequence(visit, call, &parts, all_or_none);
    Ok(Reply::json(200, json!({"compositeResponse": answers})))
}

/// `POST …/composite/graph`: each graph happens whole or not at all.
pub(crate) fn graphs(visit: &mut Visit<'_>, call: &Call) -> Result<Reply, Failure> {
    let body = call.object()?;
    let graphs = body.get("graphs").and_then(Value::as_array);
    let graphs = graphs.ok_or_else(|| Failure::request(400, "INVALID_INPUT", "graphs must be an array"))?;
    if graphs.len() > GRAPHS_MAX {
        return Err(Failure::exceeded(format!("a composite graph request may hold {GRAPHS_MAX} graphs")));
    }
    let mut all = Vec::with_capacity(graphs.len());
    let mut left = NODES_MAX;
    for graph in graphs {
        let Value::Object(graph) = graph else {
            return Err(Failure::request(400, "INVALID_INPUT", "each graph must be an object"));
        };
        let parts = parts(graph, left)?;
        left -= parts.len();
        let (answers, kept) = sequence(visit, call, &parts, true);
        all.push(json!({
            "graphId": graph.get("graphId").cloned().unwrap_or(Value::Null),
            "graphResponse": {"compositeResponse": answers},
            "isSuccessful": kept,
        }));
    }
    Ok(Reply::json(200, json!({"graphs": all})))
}

/// One sub-request as written.
struct Part {
    method: String,
    url: String,
    reference: String,
    body: Value,
    headers: Vec<(String, String)>,
}

fn parts(body: &Map<String, Value>, max: usize) -> Result<Vec<Part>, Failure> {
    let invalid = |message: &str| Failure::request(400, "INVALID_INPUT", message);
    let list = body.get("compositeRequest").and_then(Value::as_array);
    let list = list.ok_or_else(|| invalid("compositeRequest must be an array of requests"))?;
    if list.len() > max {
        return Err(Failure::exceeded(format!("The number of subrequests is over the limit of {max}")));
    }
    let mut seen = std::collections::BTreeSet::new();
    list.iter()
        .map(|one| {
            let text = |name: &str| one.get(name).and_then(Value::as_str).map(str::to_owned);
            let headers = one.get("httpHeaders").and_then(Value::as_object).into_iter().flatten();
            let part = Part {
                method: text("method").ok_or_else(|| invalid("each request needs a method"))?,
                url: text("url").ok_or_else(|| invalid("each request needs a url"))?,
                reference: text("referenceId").ok_or_else(|| invalid("each request needs a referenceId"))?,
                body: one.get("body").cloned().unwrap_or(Value::Null),
                headers: headers
                    .filter_map(|(name, value)| Some((name.to_ascii_lowercase(), value.as_str()?.to_owned())))
                    .collect(),
            };
            if seen.insert(part.reference.clone()) {
                Ok(part)
            } else {
                Err(invalid(&format!("Duplicate reference id {}", part.reference)))
            }
        })
        .collect()
}

/// Runs the parts in order; gives the answers, and whether what they wrote was kept.
fn sequence(visit: &mut Visit<'_>, outer: &Call, parts: &[Part], all_or_none: bool) -> (Vec<Value>, bool) {
    let mark = visit.state.store.begin();
    let mut known: BTreeMap<String, Value> = BTreeMap::new();
    let mut answers: Vec<Value> = Vec::with_capacity(parts.len());
    let mut failed_at = None;
    for (at, part) in parts.iter().enumerate() {
        let reply = one(visit, outer, part, &known);
        let mut headers = Map::new();
        for (name, shown) in SHOWN {
            if let Some((_, value)) = reply.headers.iter().find(|(known, _)| *known == name) {
                headers.insert(shown.into(), json!(value));
            }
        }
        let headers = Value::Object(headers);
        let status = reply.status;
        let body = reply.into_value();
        if status < 300 {
            known.insert(part.reference.clone(), body.clone());
        }
        answers.push(answer(&body, &headers, status, &part.reference));
        if status >= 300 && all_or_none {
            failed_at = Some(at);
            break;
        }
    }
    let keep = failed_at.is_none();
    visit.state.store.end(mark, keep);
    if let Some(failed) = failed_at {
        let halted = json!([{
            "errorCode": "PROCESSING_HALTED",
            "message": "The transaction was rolled back since another operation in the same transaction failed.",
        }]);
        let kept = answers.into_iter().nth(failed);
        answers = parts.iter().map(|part| answer(&halted, &json!({}), 400, &part.reference)).collect();
        if let (Some(slot), Some(kept)) = (answers.get_mut(failed), kept) {
            *slot = kept;
        }
    }
    (answers, keep)
}

fn answer(body: &Value, headers: &Value, status: u16, reference: &str) -> Value {
    json!({"body": body, "httpHeaders": headers, "httpStatusCode": status, "referenceId": reference})
}

fn one(visit: &mut Visit<'_>, outer: &Call, part: &Part, known: &BTreeMap<String, Value>) -> Reply {
    let prepared = substitute(&part.url, known).and_then(|url| {
        let body = substitute_all(&part.body, known)?;
        Ok((url, body))
    });
    let (url, body) = match prepared {
        Ok(prepared) => prepared,
        Err(missing) => {
            let message =
                format!("Invalid reference specified. No value for {missing} found in the results so far");
            return Reply::failure(&Failure::request(400, "PROCESSING_HALTED", message));
        }
    };
    let mut call = Call::new(&part.method, &url, &outer.base);
    let data = call.segments.first().is_some_and(|s| s.eq_ignore_ascii_case("services"))
        && call.segments.get(1).is_some_and(|s| s.eq_ignore_ascii_case("data"));
    let inner: Vec<String> = call.segments.get(3..).unwrap_or(&[]).to_vec();
    let kind = inner.first().map(|name| name.to_ascii_lowercase());
    let nested = inner.get(1).map(|name| name.to_ascii_lowercase());
    let allowed = match kind.as_deref() {
        Some("sobjects" | "query" | "queryall") => true,
        Some("composite") => nested.as_deref() == Some("sobjects"),
        _ => false,
    };
    if !data || !allowed {
        let message = format!("The URL '{}' is not supported in a composite request", part.url);
        return Reply::failure(&Failure::request(400, "INVALID_INPUT", message));
    }
    if !body.is_null() {
        call.body = Bytes::from(body.to_string());
    }
    call.headers.clone_from(&part.headers);
    super::answer(visit, &call, &inner)
}

/// Puts results in place of every `@{reference.path}` in a JSON value.
fn substitute_all(value: &Value, known: &BTreeMap<String, Value>) -> Result<Value, String> {
    Ok(match value {
        Value::String(text) => Value::String(substitute(text, known)?),
        Value::Array(items) => {
            Value::Array(items.iter().map(|item| substitute_all(item, known)).collect::<Result<_, _>>()?)
        }
        Value::Object(map) => {
            let members = map.iter().map(|(name, item)| Ok((name.clone(), substitute_all(item, known)?)));
            Value::Object(members.collect::<Result<_, String>>()?)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    })
}

/// Puts results in place of every `@{reference.path}`; the error is the one that has none.
pub(super) fn substitute(text: &str, known: &BTreeMap<String, Value>) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("@{") {
        let Some((path, left)) = after.split_once('}') else { break };
        let found = look_up(path, known).ok_or_else(|| path.to_owned())?;
        out.push_str(before);
        out.push_str(&crate::value::spell(found));
        rest = left;
    }
    out.push_str(rest);
    Ok(out)
}

/// Follows `ref.records[0].Id`; member names in any case, as Salesforce has it.
fn look_up<'a>(path: &str, known: &'a BTreeMap<String, Value>) -> Option<&'a Value> {
    let mut steps = path.split('.');
    let mut at = indexed(steps.next()?, |name| known.get(name))?;
    for step in steps {
        let from = at;
        at = indexed(step, |name| {
            from.as_object()?.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
        })?;
    }
    Some(at)
}

fn indexed<'a>(step: &str, find: impl Fn(&str) -> Option<&'a Value>) -> Option<&'a Value> {
    let (name, places) = step.split_once('[').unwrap_or((step, ""));
    let mut at = find(name)?;
    for place in places.split('[').filter(|place| !place.is_empty()) {
        at = at.get(place.strip_suffix(']')?.parse::<usize>().ok()?)?;
    }
    Some(at)
}

const GRAPHS_MAX: usize = 75;
const NODES_MAX: usize = 500;

/// Headers of an answer that stand in a composite one, and how they are spelled there.
const SHOWN: [(&str, &str); 3] =
    [("location", "Location"), ("etag", "ETag"), ("last-modified", "Last-Modified")];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_replaced_where_they_stand() {
        let known = BTreeMap::from([
            ("a".to_owned(), json!({"id": "001"})),
            ("q".to_owned(), json!({"records": [{"Id": "003"}], "totalSize": 1})),
            ("list".to_owned(), json!([{"id": "005"}])),
        ]);
        let table = [
            ("/x/@{a.id}/y", Ok("/x/001/y")),
            ("@{a.Id}@{a.id}", Ok("001001")),
            ("@{q.records[0].Id}", Ok("003")),
            ("@{list[0].id}", Ok("005")),
            ("@{q.totalSize}", Ok("1")),
            ("@{open", Ok("@{open")),
            ("@{b.id}", Err("b.id")),
            ("@{q.records[3].Id}", Err("q.records[3].Id")),
        ];
        for (text, expected) in table {
            assert_eq!(
                substitute(text, &known),
                expected.map(str::to_owned).map_err(str::to_owned),
                "{text}"
            );
        }
    }
}
