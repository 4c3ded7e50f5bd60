//! `/search` and `/parameterizedSearch`: a small FIND over text fields.

use serde_json::{Value, json};

use crate::call::{Call, Reply};
use crate::failure::Failure;
use crate::read;
use crate::soql::evaluate;
use crate::state::Visit;
use crate::store::is_deleted;

/// One object of `RETURNING`: what is asked of it, and the clauses that choose among its rows, as SOQL has them.
#[derive(Clone, Debug, Default)]
struct Target {
    object: String,
    fields: Vec<String>,
    clauses: String,
}

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
            .map(|(_, value)| Target { object: value.clone(), ..Target::default() });
        return search(visit, call.parameter("q").unwrap_or(""), &objects.collect::<Vec<_>>());
    }
    let body = call.object()?;
    let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
    let names = |value: Option<&Value>| {
        value.and_then(Value::as_array).into_iter().flatten().map(text).collect::<Vec<_>>()
    };
    let objects = body.get("sobjects").and_then(Value::as_array).into_iter().flatten();
    let objects: Vec<_> = objects
        .map(|one| Target {
            object: one.get("name").map(text).unwrap_or_default(),
            fields: names(one.get("fields")),
            clauses: clauses(one),
        })
        .collect();
    search(visit, body.get("q").and_then(Value::as_str).unwrap_or(""), &objects)
}

/// What a JSON search says of one object, as SOQL has it.
fn clauses(one: &Value) -> String {
    let text = |name: &str, word: &str| {
        let said = one.get(name).and_then(Value::as_str);
        said.map(|said| format!("{word} {said} ")).unwrap_or_default()
    };
    let number = |name: &str, word: &str| {
        let said = one.get(name).and_then(Value::as_u64);
        said.map(|said| format!("{word} {said} ")).unwrap_or_default()
    };
    [
        text("where", "WHERE"),
        text("orderBy", "ORDER BY"),
        number("limit", "LIMIT"),
        number("offset", "OFFSET"),
    ]
    .concat()
}

fn search(visit: &Visit<'_>, term: &str, targets: &[Target]) -> Result<Reply, Failure> {
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
        .map(|name| Target { object: name.to_owned(), ..Target::default() });
    let targets = if targets.is_empty() { &default[..] } else { targets };
    let mut found = Vec::new();
    for Target { object, fields, clauses } in targets {
        let object = store.object(object)?;
        let mut query = super::query::parse(&format!("SELECT Id FROM {} {clauses}", object.name))?;
        // A limit is of what is found, not of what is looked through.
        let (limit, offset) = (query.limit.take(), query.offset.take());
        let evaluate::Found::Rows(ids) = evaluate::find(&visit.lens(false), &query)? else { continue };
        let rows = ids.iter().filter_map(|id| store.row(&object.name, id));
        let matching = rows.filter(|row| {
            let texts: Vec<String> = object
                .fields
                .iter()
                .filter(|field| field.kind.is_text() && field.filterable())
                .filter_map(|field| Some(row.get(&field.name)?.as_str()?.to_lowercase()))
                .collect();
            words.iter().all(|word| texts.iter().any(|text| text.contains(word)))
        });
        let count = |number: Option<u64>| number.map(|number| usize::try_from(number).unwrap_or(usize::MAX));
        let room = FOUND_MAX.saturating_sub(found.len()).min(count(limit).unwrap_or(FOUND_MAX));
        for row in matching.skip(count(offset).unwrap_or(0)).take(room) {
            let mut record = serde_json::Map::new();
            record.insert("attributes".into(), read::attributes(&object, row, &visit.version));
            if fields.is_empty() {
                record.insert("Id".into(), row.get("Id").cloned().unwrap_or(Value::Null));
            }
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

/// Reads `Account(Id, Name WHERE …), Contact` up to the next clause.
fn targets(text: &str) -> Vec<Target> {
    let mut out = Vec::new();
    let mut rest = text.trim_start();
    loop {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let (name, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        if name.is_empty() {
            return out;
        }
        let mut after = after.trim_start();
        let mut target = Target { object: name.to_owned(), ..Target::default() };
        if let Some((inside, left)) = bracketed(after) {
            let (list, clauses) = inside.split_at_checked(clauses_start(inside)).unwrap_or((inside, ""));
            let names = list.split(',').map(|part| part.trim().to_owned());
            target.fields = names.filter(|name| !name.is_empty()).collect();
            clauses.clone_into(&mut target.clauses);
            after = left.trim_start();
        }
        out.push(target);
        match after.strip_prefix(',') {
            Some(next) => rest = next.trim_start(),
            None => return out,
        }
    }
}

/// What stands in the brackets that a text begins with, and what follows them. Quoted text closes none.
fn bracketed(text: &str) -> Option<(&str, &str)> {
    let inside = text.strip_prefix('(')?;
    let (mut depth, mut quoted, mut escaped) = (1_usize, false, false);
    for (at, letter) in inside.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '\'' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some((inside.get(..at)?, inside.get(at + 1..)?));
        }
    }
    None
}

/// Where the fields end and the clauses begin.
fn clauses_start(inside: &str) -> usize {
    let is_clause = |word: &str| {
        ["WHERE", "ORDER", "LIMIT", "OFFSET"].iter().any(|one| word.trim().eq_ignore_ascii_case(one))
    };
    inside
        .split_inclusive(|c: char| c.is_ascii_whitespace())
        .take_while(|word| !is_clause(word))
        .map(str::len)
        .sum()
}

const FOUND_MAX: usize = 2_000;
