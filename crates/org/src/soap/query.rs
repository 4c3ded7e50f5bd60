//! `query`, `queryAll`, `queryMore`, `search`, `retrieve`.

use serde_json::{Map, Value};

use super::record;
use super::{Asked, Fault, result};
use crate::read;
use crate::rest;
use crate::soql::evaluate;
use crate::state::{Cursor, Visit};
use crate::store::is_deleted;
use crate::xml::{Element, text};

/// Runs a query and gives its first page.
pub(super) fn start(visit: &mut Visit<'_>, asked: Asked, body: &Element) -> Result<String, Fault> {
    let deleted = body.name == "queryAll";
    let query = rest::query::parse(body.text_of("queryString").unwrap_or(""))?;
    let found = evaluate::find(&visit.lens(deleted), &query)?;
    let most = visit.state.batch_rows;
    let size = asked.batch_size.map_or(most, |size| size.max(1).min(most));
    let cursor = Cursor { id: visit.state.ticket("01g"), query, found, deleted, size };
    let answer = page(visit, asked, &body.name, &cursor, 0)?;
    if cursor.found.len() > size {
        visit.state.cursors.open(cursor);
    }
    Ok(answer)
}

/// Gives a later page.
pub(super) fn more(visit: &Visit<'_>, asked: Asked, body: &Element) -> Result<String, Fault> {
    let gone = || Fault::new("INVALID_QUERY_LOCATOR", "invalid query locator");
    let locator = body.text_of("queryLocator").unwrap_or("");
    let (id, from) = locator.rsplit_once('-').ok_or_else(gone)?;
    let from: usize = from.parse().map_err(|_| gone())?;
    let cursor = visit.state.cursors.get(id).filter(|cursor| from < cursor.found.len()).ok_or_else(gone)?;
    page(visit, asked, &body.name, cursor, from)
}

fn page(
    visit: &Visit<'_>,
    asked: Asked,
    operation: &str,
    cursor: &Cursor,
    from: usize,
) -> Result<String, Fault> {
    let Cursor { id, query, found, deleted, size } = cursor;
    let records = evaluate::page(&visit.lens(*deleted), query, found, from, *size)?;
    let next = from + size;
    let mut out = format!("<{operation}Response><result xsi:type=\"QueryResult\">");
    text(&mut out, "done", &(next >= found.len()).to_string());
    if next < found.len() {
        text(&mut out, "queryLocator", &format!("{id}-{next}"));
    } else {
        out.push_str("<queryLocator xsi:nil=\"true\"/>");
    }
    for one in records.iter().filter_map(Value::as_object) {
        record::write(&mut out, &visit.state.store, "records", one, asked.dialect);
    }
    text(&mut out, "size", &found.total().to_string());
    Ok(out + &format!("</result></{operation}Response>"))
}

/// `search`: SOSL.
pub(super) fn search(visit: &Visit<'_>, asked: Asked, body: &Element) -> Result<String, Fault> {
    let found = rest::search::find(visit, body.text_of("searchString").unwrap_or(""))?.into_value();
    let records = found.get("searchRecords").and_then(Value::as_array);
    let mut out = String::new();
    for one in records.into_iter().flatten().filter_map(Value::as_object) {
        out.push_str("<searchRecords>");
        record::write(&mut out, &visit.state.store, "record", one, asked.dialect);
        out.push_str("</searchRecords>");
    }
    Ok(result("search", &out))
}

/// `retrieve`: some fields of the records with these ids, nil where there is none.
pub(super) fn retrieve(visit: &Visit<'_>, asked: Asked, body: &Element) -> Result<String, Fault> {
    let store = &visit.state.store;
    let object = store.object(body.text_of("sObjectType").unwrap_or(""))?;
    let mut fields = Vec::new();
    for name in body.text_of("fieldList").unwrap_or("").split(',').map(str::trim) {
        let known = object.field(name);
        fields.push(known.ok_or_else(|| crate::failure::Failure::no_such_column(name, &object.name))?);
    }
    let ids: Vec<&Element> = body.all("ids").collect();
    if ids.len() > RETRIEVE_MAX {
        return Err(Fault::new("EXCEEDED_ID_LIMIT", "retrieve takes at most 2000 ids"));
    }
    let mut out = String::from("<retrieveResponse>");
    for id in ids {
        let id = crate::id::widen(id.text.trim())
            .ok_or_else(|| Fault::new("MALFORMED_ID", &format!("malformed id {}", id.text.trim())))?;
        let Some(row) = store.row(&object.name, &id).filter(|row| !is_deleted(row)) else {
            out.push_str("<result xsi:nil=\"true\"/>");
            continue;
        };
        let mut found = Map::new();
        found.insert("attributes".into(), read::attributes(&object, row, &visit.version));
        found.insert("Id".into(), Value::String(id));
        for field in &fields {
            found.insert(field.name.clone(), read::value(&object, row, field, &visit.version));
        }
        record::write(&mut out, store, "result", &found, asked.dialect);
    }
    Ok(out + "</retrieveResponse>")
}

const RETRIEVE_MAX: usize = 2_000;
