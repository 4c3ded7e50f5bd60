//! `@{…}` in a composite: what a later request takes out of the answer to an earlier one.
//!
//! What it stands for is put in by the org, when nobody reads it any more. So only ids are taken: they say nothing about
//! anybody, and the rows that they lead to were read, or are made, by a request that was judged.

use std::collections::{BTreeMap, BTreeSet};

use mark::json::Json;
use serde_json::Value;

use super::{
    door::{Route, is_id_shaped, route},
    look::{Look, look},
};
use crate::{Door, route::Target};

/// Whether a write takes anything but ids out of other answers: what arrives would be another row than was judged.
///
/// Shape:  the body of a request in a composite -> whether a text holds `@{`, and is not one id in a place for ids.
/// Source: spec/carriers.md section 2.3.
pub(super) fn takes_more_than_ids(body: &Json<'_>) -> bool {
    taken("", body)
}

fn taken(name: &str, value: &Json<'_>) -> bool {
    match value {
        Json::Text(text) => {
            let lower = name.to_ascii_lowercase();
            let holds_ids = lower.ends_with("id") || lower.ends_with("ids") || lower.ends_with("__c");
            text.contains("@{") && !(holds_ids && is_one(text))
        }
        Json::Array(items) => items.iter().any(|item| taken(name, item)),
        Json::Object(members) => {
            members.iter().any(|(name, value)| name.contains("@{") || taken(name, value))
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => false,
    }
}

/// Whether a text is one reference to an id and nothing else.
fn is_one(text: &str) -> bool {
    let inner = text.strip_prefix("@{").and_then(|rest| rest.strip_suffix('}'));
    inner.and_then(id_of).is_some()
}

/// Where an id is taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum From {
    /// `one.id`, `one[0].id`.
    Row,
    /// `one.records[0].Id`.
    Rows,
}

/// The reference and the place of the id that a path leads to; nothing if it leads to anything else.
fn id_of(path: &str) -> Option<(&str, From)> {
    let names: Vec<&str> = path.split(['.', '[', ']']).filter(|name| !name.is_empty()).collect();
    let is_number = |name: &str| name.bytes().all(|byte| byte.is_ascii_digit());
    let (reference, last, from) = match names.as_slice() {
        [reference, last] => (reference, last, From::Row),
        [reference, at, last] if is_number(at) => (reference, last, From::Row),
        [reference, records, at, last] if *records == "records" && is_number(at) => {
            (reference, last, From::Rows)
        }
        _ => return None,
    };
    last.eq_ignore_ascii_case("id").then_some((*reference, from))
}

/// Whether a composite takes out of an answer what could lead to rows that its client may not see.
///
/// Ids of rows that an earlier request writes, reads by their ids or finds are safe: those are looked up, or chosen,
/// before anything is sent. A lookup of a row is not, nor is any other value: it could be of a row that is hidden.
///
/// Shape:  the body of a composite or graph -> whether some `@{…}` is anything else; false for what has none.
pub fn takes_unseen(body: &[u8]) -> bool {
    // However an `@` is spelled, in JSON or in a target.
    let has = |word: &[u8]| memchr::memmem::find(body, word).is_some();
    if !has(b"@") && !has(b"%40") && !has(b"\\u") {
        return false;
    }
    let Ok(body) = serde_json::from_slice::<Value>(body) else { return false };
    let graphs = body.get("graphs").and_then(Value::as_array).into_iter().flatten();
    std::iter::once(&body).chain(graphs).any(|one| {
        let requests = one.get("compositeRequest").and_then(Value::as_array);
        requests.is_some_and(|requests| astray(requests))
    })
}

/// The requests of a composite of which others take the rows that they find.
///
/// Shape:  the body of what [`takes_unseen`] says no to -> names; those of all graphs together.
pub fn rows_taken(body: &[u8]) -> BTreeSet<String> {
    let Ok(body) = serde_json::from_slice::<Value>(body) else { return BTreeSet::new() };
    let paths = mentions(&body).unwrap_or_default();
    let rows = paths.iter().filter_map(|path| id_of(path)).filter(|(_, from)| *from == From::Rows);
    rows.map(|(reference, _)| reference.to_owned()).collect()
}

/// The target with its `@{…}` as they are written: an org finds them before it decodes a target.
pub fn with_references(target: &str) -> String {
    let mut out = String::with_capacity(target.len());
    let mut rest = target;
    while let Some((before, after)) = rest.split_once("@%7B") {
        let Some((path, later)) = after.split_once("%7D") else { break };
        out.extend([before, "@{", &path.replace("%5B", "[").replace("%5D", "]"), "}"]);
        rest = later;
    }
    out + rest
}

fn astray(requests: &[Value]) -> bool {
    let mut known: BTreeMap<&str, Option<From>> = BTreeMap::new();
    for request in requests {
        if mentions(request).is_none_or(|paths| {
            paths.iter().any(|path| {
                let safe = id_of(path).filter(|(reference, from)| known.get(reference) == Some(&Some(*from)));
                safe.is_none()
            })
        }) {
            return true;
        }
        if let Some(reference) = request.get("referenceId").and_then(Value::as_str) {
            known.insert(reference, gives(request));
        }
    }
    false
}

/// What stands in every `@{…}` of a request; nothing where one is not closed, or is spelled so that it may be another.
fn mentions(value: &Value) -> Option<Vec<String>> {
    let mut found = Vec::new();
    let mut left = vec![value];
    while let Some(value) = left.pop() {
        match value {
            Value::String(text) => {
                let decoded = text.to_ascii_lowercase().replace("%40", "@").replace("%7b", "{");
                if decoded.matches("@{").count() != text.matches("@{").count() {
                    return None;
                }
                for after in text.split("@{").skip(1) {
                    found.push(after.split_once('}')?.0.to_owned());
                }
            }
            Value::Array(items) => left.extend(items),
            Value::Object(members) => left.extend(members.values()),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    Some(found)
}

/// Which ids of an answer are safe to take.
fn gives(request: &Value) -> Option<From> {
    let text = |name| request.get(name).and_then(Value::as_str).unwrap_or_default();
    let (method, url) = (text("method"), text("url"));
    if let Door::Judged(route) = route(method, url, None) {
        return matches!(
            route,
            Route::Create { .. }
                | Route::Update { .. }
                | Route::Upsert { .. }
                | Route::CreateMany
                | Route::UpdateMany
                | Route::UpsertMany { .. }
        )
        .then_some(From::Row);
    }
    let target = Target::parse(url)?;
    let look = look(method, url, None);
    if look == Look::Record {
        let is_row = |id: &String| is_id_shaped(id) || id.starts_with("@{");
        return (target.segments().len() == 6 && target.segments().last().is_some_and(is_row))
            .then_some(From::Row);
    }
    // A column that is computed can be called `Id` and be another's.
    if look == Look::Query {
        let statement: String = target.query("q").next()?.split_whitespace().collect();
        let statement = statement.to_ascii_lowercase();
        let (columns, rest) = statement.split_once("from")?;
        return (!columns.contains('(') && !rest.contains("groupby")).then_some(From::Rows);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(requests: &str, unseen: bool) {
        let body = format!(r#"{{"compositeRequest":[{requests}]}}"#);
        assert_eq!(takes_unseen(body.as_bytes()), unseen, "{body}");
        let graph = format!(r#"{{"graphs":[{{"graphId":"g","compositeRequest":[{requests}]}}]}}"#);
        assert_eq!(takes_unseen(graph.as_bytes()), unseen, "{graph}");
    }

    fn two(first: &str, taken: &str) -> String {
        let (method, url) = first.split_once(' ').unwrap();
        format!(
            r#"{{"method":"{method}","url":"/services/data/v67.0{url}","referenceId":"one"}},
               {{"method":"GET","url":"/services/data/v67.0/sobjects/Account/{taken}","referenceId":"two"}}"#
        )
    }

    #[test]
    fn references_stay_as_they_are_written() {
        let check = |target: &str, want: &str| assert_eq!(with_references(target), want);
        check("/query?q=a%20%3D%20%27@%7Bone%5B0%5D.id%7D%27&x", "/query?q=a%20%3D%20%27@{one[0].id}%27&x");
        check("/query?q=@%7Ba.id%7D@%7Bb.id%7D", "/query?q=@{a.id}@{b.id}");
        check("/query?q=@%7Ba", "/query?q=@%7Ba");
        check("/query?q=a%40b", "/query?q=a%40b");
    }

    #[test]
    fn ids_of_rows_that_were_read_or_made_may_be_taken_and_nothing_else() {
        check(&two("POST /sobjects/Account", "@{one.id}"), false);
        check(&two("POST /composite/sobjects", "@{one[0].id}"), false);
        check(&two("GET /sobjects/Account/001000000000001AAA", "@{one.Id}"), false);
        check(&two("GET /query?q=SELECT+Id,Name+FROM+Account", "@{one.records[0].Id}"), false);
        check(&two("GET /sobjects/Contact/003000000000001AAA", "@{one.AccountId}"), true);
        check(&two("GET /sobjects/Contact/003000000000001AAA/Account", "@{one.Id}"), true);
        check(&two("GET /query?q=SELECT+Account.Id+FROM+Contact", "@{one.records[0].Account.Id}"), true);
        check(
            &two("GET /query?q=SELECT+AccountId+Id+FROM+Contact+GROUP+BY+AccountId", "@{one.records[0].Id}"),
            true,
        );
        check(&two("GET /query?q=SELECT+MAX(AccountId)+Id+FROM+Contact", "@{one.records[0].Id}"), true);
        check(&two("GET /query?q=SELECT+Id+FROM+Account", "@{one.id}"), true);
        check(&two("POST /sobjects/Account", "@{two.id}"), true);
        check(&two("POST /sobjects/Account", "@{one.id"), true);
        check(&two("POST /sobjects/Account", "%40%7Bone.Name%7D"), true);
        check(&two("GET /query?q=SELECT+Id+FROM+Account+WHERE+Name='a%40b'", "@{one.records[0].Id}"), false);
        check(&two("POST /sobjects/Account", "001000000000001AAA"), false);
        check(&two("POST /sobjects/Account", "\\u0040{one.Name}"), true);
        assert!(!takes_unseen(b"{"));
    }

    #[test]
    fn a_write_takes_ids_only() {
        let check = |body: &str, more: bool| {
            assert_eq!(takes_more_than_ids(&mark::json::parse(body.as_bytes()).unwrap()), more, "{body}");
        };
        check(r#"{"LastName":"Zyzzx","AccountId":"@{one.id}"}"#, false);
        check(r#"{"records":[{"Ward__c":"@{one[0].id}"}]}"#, false);
        check(r#"{"LastName":"@{one.LastName}"}"#, true);
        check(r#"{"LastName":"@{one.id}"}"#, true);
        check(r#"{"AccountId":"@{one.Name}"}"#, true);
        check(r#"{"AccountId":"x@{one.id}"}"#, true);
        check(r#"{"@{one.id}":"x"}"#, true);
    }
}
