//! `/search` and `/parameterizedSearch`: a small FIND over text fields.

use serde_json::{Value, json};

use crate::call::{Call, Reply};
use crate::failure::Failure;
use crate::read;
use crate::state::Visit;
use crate::store::is_deleted;

/// `GET …/search?q=FIND {text} [IN … FIELDS] [RETURNING Object[(fields)], …]`.
pub(crate) fn find(visit: &Visit<'_>, text: &str) -> Result<Reply, Failure> {
    let malformed = || {
        Failure::request(
            400,
            "MALFORMED_SEARCH",
            "No search term found. The search term must be enclosed in braces.",
        )
    };
    let upper = text.trim_start().to_ascii_uppercase();
    if !upper.starts_with("FIND") {
        return Err(malformed());
    }
    let open = text.find('{').ok_or_else(malformed)?;
    let close = text.rfind('}').filter(|close| *close > open).ok_or_else(malformed)?;
    let term = text.get(open + 1..close).unwrap_or("");
    let after = text.get(close + 1..).unwrap_or("");
    let returning = after.to_ascii_uppercase().find("RETURNING").and_then(|at| after.get(at + 9..));
    search(visit, term, &returning.map(targets).unwrap_or_default())
}

/// `…/parameterizedSearch`: the same with parameters, or a JSON body.
pub(crate) fn parameterized(visit: &Visit<'_>, call: &Call) -> Result<Reply, Failure> {
    if call.method == "GET" {
        let objects = call
            .query
            .iter()
            .filter(|(name, _)| name == "sobject")
            .map(|(_, value)| (value.clone(), Vec::new()));
        return search(visit, call.parameter("q").unwrap_or(""), &objects.collect::<Vec<_>>());
    }
    let body = call.object()?;
    let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
    let names = |value: Option<&Value>| {
        value.and_then(Value::as_array).into_iter().flatten().map(text).collect::<Vec<_>>()
    };
    let objects = body.get("sobjects").and_then(Value::as_array).into_iter().flatten();
    let objects: Vec<_> = objects
        .map(|one| (one.get("name").map(text).unwrap_or_default(), names(one.get("fields"))))
        .collect();
    search(visit, body.get("q").and_then(Value::as_str).unwrap_or(""), &objects)
}

fn search(visit: &Visit<'_>, term: &str, targets: &[(String, Vec<String>)]) -> Result<Reply, Failure> {
    let words: Vec<String> = term
        .to_lowercase()
        .split(|c: char| c.is_whitespace() || matches!(c, '*' | '?' | '"' | '(' | ')'))
        .filter(|word| !word.is_empty() && *word != "and" && *word != "or")
        .map(|word| word.replace('\\', ""))
        .collect();
    if words.iter().map(|word| word.chars().count()).max().unwrap_or(0) < 2 {
        return Err(Failure::request(
            400,
            "MALFORMED_SEARCH",
            "search term must be longer than one character",
        ));
    }
    let store = &visit.state.store;
    let default = ["Account", "Contact", "Lead", "Opportunity", "Case", "User"]
        .map(|name| (name.to_owned(), Vec::new()));
    let targets = if targets.is_empty() { &default[..] } else { targets };
    let mut found = Vec::new();
    for (name, fields) in targets {
        let object = store.object(name)?;
        for (_, row) in store.rows(&object.name).filter(|(_, row)| !is_deleted(row)) {
            let texts: Vec<String> = object
                .fields
                .iter()
                .filter(|field| field.kind.is_text() && field.filterable())
                .filter_map(|field| Some(row.get(&field.name)?.as_str()?.to_lowercase()))
                .collect();
            if !words.iter().all(|word| texts.iter().any(|text| text.contains(word)))
                || found.len() >= FOUND_MAX
            {
                continue;
            }
            let mut record = serde_json::Map::new();
            record.insert("attributes".into(), read::attributes(&object, row, &visit.version));
            record.insert("Id".into(), row.get("Id").cloned().unwrap_or(Value::Null));
            for field in fields {
                let field =
                    object.field(field).ok_or_else(|| Failure::no_such_column(field, &object.name))?;
                record.insert(field.name.clone(), read::value(&object, row, field, &visit.version));
            }
            found.push(Value::Object(record));
        }
    }
    Ok(Reply::json(200, json!({"searchRecords": found})))
}

/// `…/search/suggestions?q=…&sobject=A,B`: records whose name holds what has been typed so far.
pub(crate) fn suggestions(visit: &Visit<'_>, call: &Call) -> Result<Reply, Failure> {
    let typed = call.parameter("q").unwrap_or("").to_lowercase();
    let limit = call.parameter("limit").and_then(|text| text.parse::<usize>().ok()).unwrap_or(5).min(200);
    if typed.chars().count() < 3 {
        return Ok(Reply::json(200, json!({"autoSuggestResults": [], "hasMoreResults": false})));
    }
    let store = &visit.state.store;
    let mut found = Vec::new();
    for name in call.parameter("sobject").unwrap_or("").split(',').map(str::trim) {
        let object = store.object(name)?;
        let Some(field) = object.name_field() else { continue };
        for (_, row) in store.rows(&object.name).filter(|(_, row)| !is_deleted(row)) {
            let name = row.get(&field.name).and_then(Value::as_str).unwrap_or("");
            if found.len() <= limit && name.to_lowercase().contains(&typed) {
                found.push(json!({
                    "attributes": read::attributes(&object, row, &visit.version), "Id": row.get("Id"), "Name": name,
                }));
            }
        }
    }
    let more = found.len() > limit;
    found.truncate(limit);
    Ok(Reply::json(200, json!({"autoSuggestResults": found, "hasMoreResults": more})))
}

/// Reads `Account(Id, Name), Contact` up to the next clause.
fn targets(text: &str) -> Vec<(String, Vec<String>)> {
    let mut out = Vec::new();
    let mut rest = text.trim_start();
    loop {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let (name, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        if name.is_empty() {
            return out;
        }
        let mut after = after.trim_start();
        let mut fields = Vec::new();
        if let Some((inside, left)) = after.strip_prefix('(').and_then(|after| after.split_once(')')) {
            let list = inside.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
            let words = list.split(',').filter_map(|part| part.trim().split(' ').next()).map(str::to_owned);
            fields = words.filter(|word| !word.is_empty()).collect();
            after = left.trim_start();
        }
        out.push((name.to_owned(), fields));
        match after.strip_prefix(',') {
            Some(next) => rest = next.trim_start(),
            None => return out,
        }
    }
}

const FOUND_MAX: usize = 2_000;
