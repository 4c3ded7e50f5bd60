//! `create`, `update`, `upsert`, `delete`, `undelete`, `merge`, `emptyRecycleBin`.

use serde_json::{Map, Value};

use super::{Asked, Fault};
use crate::change::{Change, Changed};
use crate::failure::Failure;
use crate::schema::Object;
use crate::state::Visit;
use crate::store::{Author, Store};
use crate::value::Source;
use crate::xml::{Element, text};

/// What became of one record.
type Outcome = Result<Changed, Failure>;

/// Answers a call that changes records, each on its own unless the header asks for all or none.
pub(super) fn answer(visit: &mut Visit<'_>, asked: Asked, body: &Element) -> Result<String, Fault> {
    let operation = body.name.as_str();
    let author = visit.author(Source::Csv);
    let limit = visit.state.limits.collection_records;
    let by_id = matches!(operation, "delete" | "undelete");
    let elements: Vec<&Element> = body.all(if by_id { "ids" } else { "sObjects" }).collect();
    if elements.len() > limit {
        let message = format!("record limit reached. cannot submit more than {limit} records into this call");
        return Err(Fault::new("EXCEEDED_ID_LIMIT", &message));
    }
    if !by_id {
        for element in &elements {
            check(&visit.state.store, element)?;
        }
    }
    let key = body.text_of("externalIDFieldName").unwrap_or("Id").to_owned();
    let change = match operation {
        "create" => Change::Insert,
        "update" => Change::Update,
        "upsert" => Change::Upsert(key),
        "undelete" => Change::Undelete,
        _ => Change::Delete,
    };
    let store = &mut visit.state.store;
    let mark = store.begin();
    let mut outcomes: Vec<Outcome> = Vec::with_capacity(elements.len());
    for element in elements {
        outcomes.push(if by_id {
            by_its_id(store, &author, &change, element.text.trim())
        } else {
            one(store, &author, &change, element)
        });
    }
    let keep = !asked.all_or_none || outcomes.iter().all(Result::is_ok);
    store.end(mark, keep);
    if !keep {
        for outcome in outcomes.iter_mut().filter(|outcome| outcome.is_ok()) {
            let message = "Record rolled back because not all records were valid and the request was using AllOrNone header";
            *outcome = Err(Failure::row("ALL_OR_NONE_OPERATION_ROLLED_BACK", message, &[]));
        }
    }
    Ok(response(operation, &outcomes, matches!(change, Change::Upsert(_))))
}

/// `merge`: the losers' children move to the master, the losers go to the recycle bin.
pub(super) fn merge(visit: &mut Visit<'_>, _asked: Asked, body: &Element) -> Result<String, Fault> {
    let author = visit.author(Source::Csv);
    // The WSDL says `request`; jsforce writes `mergeRequests`.
    let requests: Vec<&Element> = body.all("request").chain(body.all("mergeRequests")).collect();
    if requests.len() > visit.state.limits.collection_records {
        return Err(Fault::new("EXCEEDED_ID_LIMIT", "too many merge requests in this call"));
    }
    let store = &mut visit.state.store;
    let results = requests.into_iter().map(|request| {
        let mut out = String::from("<result>");
        match store.attempt(|store| merge_one(store, &author, request)) {
            Ok((master, merged, moved)) => {
                text(&mut out, "id", &master);
                for id in &merged {
                    text(&mut out, "mergedRecordIds", id);
                }
                text(&mut out, "success", "true");
                for id in &moved {
                    text(&mut out, "updatedRelatedIds", id);
                }
            }
            Err(failure) => write_failure(&mut out, &failure),
        }
        out + "</result>"
    });
    Ok(format!("<mergeResponse>{}</mergeResponse>", results.collect::<String>()))
}

/// Master, merged and moved records.
type Merged = (String, Vec<String>, Vec<String>);

fn merge_one(store: &mut Store, author: &Author, request: &Element) -> Result<Merged, Failure> {
    let invalid = |message: &str| Failure::row("INVALID_OPERATION", message, &[]);
    let master = request.child("masterRecord").ok_or_else(|| invalid("no master record"))?;
    let (object, mut given) = record(store, master)?;
    if !matches!(object.name.as_str(), "Account" | "Case" | "Contact" | "Lead") {
        return Err(invalid("entity type does not support merge"));
    }
    let id = given.shift_remove("Id").and_then(|id| crate::id::widen(id.as_str()?));
    let id =
        id.ok_or_else(|| Failure::row("MISSING_ARGUMENT", "Id not specified in a merge call", &["Id"]))?;
    store.update(author, &object.name, &id, &given)?;
    let (mut merged, mut moved) = (Vec::new(), Vec::new());
    for loser in request.all("recordToMergeIds").take(LOSERS_MAX) {
        let loser = crate::id::widen(loser.text.trim()).unwrap_or_default();
        if loser == id {
            return Err(invalid("the master record cannot be merged into itself"));
        }
        for child in object.children.clone() {
            let Ok(other) = store.object(&child.object) else { continue };
            let Some(field) = other.field(&child.field).filter(|field| Object::indexed(field)) else {
                continue;
            };
            for found in store.find(&other, field, &loser) {
                let change = Map::from_iter([(field.name.clone(), Value::String(id.clone()))]);
                store.update(author, &other.name, &found, &change)?;
                moved.push(found);
            }
        }
        store.delete(author, &object.name, &loser)?;
        merged.push(loser);
    }
    Ok((id, merged, moved))
}

/// `emptyRecycleBin`.
pub(super) fn empty_recycle_bin(visit: &mut Visit<'_>, body: &Element) -> Result<String, Fault> {
    let ids: Vec<&Element> = body.all("ids").collect();
    if ids.len() > visit.state.limits.collection_records {
        return Err(Fault::new("EXCEEDED_ID_LIMIT", "too many records in this call"));
    }
    let store = &mut visit.state.store;
    let outcomes: Vec<Outcome> = ids
        .into_iter()
        .map(|element| {
            let (object, id) = named(store, element.text.trim())?;
            if store.purge(&object.name, &id) {
                Ok(Changed { id, created: false })
            } else {
                Err(Failure::row("INVALID_ID_FIELD", "Entity is not in the recycle bin", &[]))
            }
        })
        .collect();
    Ok(response("emptyRecycleBin", &outcomes, false))
}

fn by_its_id(store: &mut Store, author: &Author, change: &Change, id: &str) -> Outcome {
    let (object, id) = named(store, id)?;
    change.apply(store, author, &object, Map::from_iter([("Id".to_owned(), Value::String(id))]))
}

fn one(store: &mut Store, author: &Author, change: &Change, element: &Element) -> Outcome {
    let (object, given) = record(store, element)?;
    change.apply(store, author, &object, given)
}

/// What the schema refuses, it refuses for the whole call: types and fields that are not there.
fn check(store: &Store, element: &Element) -> Result<(), Failure> {
    let (object, given) = record(store, element)?;
    let unknown = given.keys().find(|name| object.field(name).is_none() && object.parent(name).is_none());
    unknown.map_or(Ok(()), |name| Err(Failure::no_such_column(name, &object.name)))
}

/// The object that an id belongs to, and the id in full.
fn named(store: &Store, id: &str) -> Result<(std::sync::Arc<Object>, String), Failure> {
    let malformed = || Failure::row("MALFORMED_ID", format!("malformed id {id}"), &["Id"]);
    let wide = crate::id::widen(id).ok_or_else(malformed)?;
    let object = store.schema.object_of_id(&wide).cloned().ok_or_else(malformed)?;
    Ok((object, wide))
}

/// The object and members of an `sObject` element.
fn record(store: &Store, element: &Element) -> Result<(std::sync::Arc<Object>, Map<String, Value>), Failure> {
    // The enterprise door names the type in an attribute, the partner door in an element.
    let by_attribute = element.attribute("type").and_then(|kind| kind.rsplit(':').next());
    let by_attribute = by_attribute.filter(|kind| !kind.eq_ignore_ascii_case("sObject"));
    let kind = element.text_of("type").or(by_attribute);
    let kind = kind.ok_or_else(|| Failure::row("INVALID_TYPE", "sObject type is missing", &[]))?;
    Ok((store.object(kind)?, members(element)))
}

fn members(element: &Element) -> Map<String, Value> {
    let mut out = Map::new();
    for member in element.children.iter().filter(|member| member.name != "type") {
        if member.name == "fieldsToNull" {
            out.insert(member.text.trim().to_owned(), Value::Null);
        } else if !member.children.is_empty() {
            out.insert(member.name.clone(), Value::Object(members(member)));
        } else if !member.is_nil() && !member.text.is_empty() {
            out.insert(member.name.clone(), Value::String(member.text.clone()));
        }
    }
    out
}

fn response(operation: &str, outcomes: &[Outcome], upsert: bool) -> String {
    let mut out = format!("<{operation}Response>");
    for outcome in outcomes {
        out.push_str("<result>");
        match outcome {
            Ok(Changed { id, created }) => {
                if upsert {
                    text(&mut out, "created", &created.to_string());
                }
                text(&mut out, "id", id);
                text(&mut out, "success", "true");
            }
            Err(failure) => {
                if upsert {
                    text(&mut out, "created", "false");
                }
                write_failure(&mut out, failure);
            }
        }
        out.push_str("</result>");
    }
    out + &format!("</{operation}Response>")
}

pub(super) fn write_failure(out: &mut String, failure: &Failure) {
    out.push_str("<errors>");
    for field in failure.fields.iter().flatten() {
        text(out, "fields", field);
    }
    text(out, "message", &failure.message);
    text(out, "statusCode", failure.code);
    out.push_str("</errors><id xsi:nil=\"true\"/>");
    text(out, "success", "false");
}

/// A merge takes this many losers.
const LOSERS_MAX: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_read_as_both_doors_write_them() {
        let text = "<sObjects xmlns:xsi='x' xsi:type='urn:Contact'><type>Contact</type><fieldsToNull>Email</fieldsToNull>\
                    <LastName>Doe</LastName><Phone xsi:nil='true'/><Title/><Account><Ext__c>k</Ext__c></Account></sObjects>";
        let element = crate::xml::read(text).unwrap();
        let expected = serde_json::json!({"Email": null, "LastName": "Doe", "Account": {"Ext__c": "k"}});
        assert_eq!(Value::Object(members(&element)), expected);
    }
}
