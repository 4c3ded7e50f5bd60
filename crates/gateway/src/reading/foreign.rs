//! References by another field than the id, in rows that are written: they lead to rows that the client may see, or nowhere.

use std::collections::{BTreeMap, BTreeSet};

use carrier::salesforce::{self, Foreign, Foreigns, Place, RecordId, Scalar};
use serde_json::Value;
use soql::Marks;

use super::{
    LookedUp, PAGES_MAX, Turned,
    org::Org,
    statement::{describe, isolated},
};
use crate::{head::Head, key::Key, problem::Problem, request::content_type};

/// Values that are asked for at once, and what they are long together: with them a target stays under what Salesforce takes.
const VALUES_MAX: usize = 50;
const VALUES_BYTES_MAX: usize = 4 * 1024;

/// Different references in one request.
const REFERENCES_MAX: usize = 1_000;

/// Refuses what points by a value at a row that the client may not see, and no otherwise what points at none; the body in
/// which the others point by id, where the org could find more rows than the client sees.
///
/// The org would link to a hidden row, or say that there are several. One answer to all tells nothing.
///
/// Bounds: one description of each object, and one question for each 50 values of a field; [`REFERENCES_MAX`].
pub(super) async fn resolved(org: &Org<'_>, head: &Head, body: &[u8]) -> Result<Option<Vec<u8>>, Turned> {
    let kind = content_type(head);
    let (method, other) = (head.method.as_str(), head.method_override.as_deref());
    let found = salesforce::foreign(method, &head.target, other, kind.as_deref(), body);
    if found.asked.is_empty() {
        return Ok(None);
    }
    if found.is_over || found.asked.len() > REFERENCES_MAX {
        return Err(Problem::Request(ROWS).into());
    }
    let keys = by_key(org, &found).await?;
    let mut others = Vec::new();
    for ((target, field), asked) in &keys {
        let key = org.key(target, field).await?.ok_or(Problem::Closed(UNSEEN))?;
        let wanted = Wanted { target, field, key };
        let ids = seen(org, &found, &wanted, asked).await?;
        for Asked { value, lookup, is_only, places } in asked {
            let Some(id) = ids.get(&key.plain(value.text())) else { continue };
            // A value that is there once names no other row.
            if key.is_unique && *is_only {
                continue;
            }
            for place in *places {
                if place.is_beside(lookup) {
                    return Err(Problem::Closed(UNSEEN).into());
                }
                others.push((place, lookup.as_str(), *id));
            }
        }
    }
    Ok((!others.is_empty()).then(|| salesforce::with_ids(body, &others)))
}

/// One value that rows point by, and where they do.
struct Asked<'f> {
    value: &'f Scalar,
    /// The field that holds the id of the row.
    lookup: String,
    /// Whether the relationship leads to one object.
    is_only: bool,
    places: &'f [Place],
}

/// A field by which rows of an object are named.
struct Wanted<'w> {
    target: &'w str,
    field: &'w str,
    key: Key,
}

type ByKey<'f> = BTreeMap<(String, String), Vec<Asked<'f>>>;

/// The references that could lead to hidden rows, by object and field.
///
/// Errors: one that is by no one field, or whose row does not say what it is.
async fn by_key<'f>(org: &Org<'_>, found: &'f Foreigns) -> Result<ByKey<'f>, Turned> {
    let objects: BTreeSet<String> = found.asked.keys().map(|one| one.object.clone()).collect();
    if objects.contains("") {
        return Err(Problem::Closed(UNSEEN).into());
    }
    describe(org, &objects, "").await?;
    let mut targets = BTreeMap::new();
    let mut keys = ByKey::new();
    for (one, places) in &found.asked {
        let way = (&one.object, &one.way, &one.kind);
        let target = match targets.get(&way) {
            Some(target) => target,
            None => targets.entry(way).or_insert(target(org, one).await?),
        };
        let Some((target, is_only)) = target else { continue };
        let field = one.field.as_ref().ok_or(Problem::Closed(UNSEEN))?;
        let known = org.isolation.known();
        let lookup = known.lookup(&one.object, &one.way).ok_or(Problem::Closed(UNSEEN))?.to_owned();
        let key = (target.to_ascii_lowercase(), field.to_ascii_lowercase());
        keys.entry(key).or_default().push(Asked { value: &one.value, lookup, is_only: *is_only, places });
    }
    Ok(keys)
}

/// The object that a reference leads to, if rows of any that it could lead to could be hidden, and whether there is no other.
///
/// What it says of it chooses among several, and nothing else: an org may go by the relationship alone.
///
/// Errors: it is none of them, or could be several and does not say which.
async fn target(org: &Org<'_>, one: &Foreign) -> Result<Option<(String, bool)>, Turned> {
    let way = one.way.to_ascii_lowercase();
    if org.isolation.known().targets(&one.object, &way).is_none() {
        // It may have come since.
        org.describe(&one.object).await?;
    }
    let Some(targets) = org.isolation.known().targets(&one.object, &way) else {
        // There is no such relationship: the org says so.
        return Ok(None);
    };
    let mut hides = false;
    for target in &targets {
        hides |= !org.isolation.is_dataset(target) && !org.hides_none_of(target).await?;
    }
    if !hides {
        return Ok(None);
    }
    let is_only = targets.len() == 1;
    let target = match &one.kind {
        Some(kind) => targets.into_iter().find(|target| kind.eq_ignore_ascii_case(target)),
        None => targets.into_iter().next().filter(|_| is_only),
    };
    Ok(Some((target.ok_or(Problem::Closed(UNSEEN))?, is_only)))
}

/// The rows that the client may see and that have these values, each of them one; those that it makes itself have none yet.
async fn seen(
    org: &Org<'_>,
    found: &Foreigns,
    wanted: &Wanted<'_>,
    asked: &[Asked<'_>],
) -> Result<BTreeMap<String, RecordId>, Turned> {
    let Wanted { target, field, key } = *wanted;
    let values: BTreeMap<String, &Scalar> =
        asked.iter().map(|one| (key.plain(one.value.text()), one.value)).collect();
    let mut seen = BTreeMap::new();
    let mut missing = BTreeMap::new();
    for some in chunks(key, &values)? {
        let statement = statement(target, field, &some);
        let statement = isolated(org, &statement, Marks::Asked).await?;
        let shown = rows(org, wanted, &statement.text).await?;
        for (value, literal) in some {
            match shown.get(&value).map(|ids| ids.iter().collect::<Vec<_>>()).as_deref() {
                Some([id]) => {
                    seen.insert(value, **id);
                }
                Some(_) => return Err(Problem::Closed(UNSEEN).into()),
                None => {
                    missing.insert(value, literal);
                }
            }
        }
    }
    if missing.is_empty() {
        return Ok(seen);
    }
    // A row of the same request may be meant. Where hidden rows may have its value too, none can be told from the other.
    let made = found.made.get(&(target.to_owned(), field.to_owned()));
    let made: BTreeSet<String> = made.into_iter().flatten().map(|value| key.plain(value)).collect();
    if !key.is_unique || !missing.keys().all(|value| made.contains(value)) {
        return Err(Problem::Closed(UNSEEN).into());
    }
    let missing: Vec<(String, String)> = missing.into_iter().collect();
    for some in missing.chunks(VALUES_MAX) {
        if !org.found(&statement(target, field, some)).await?.is_empty() {
            return Err(Problem::Closed(UNSEEN).into());
        }
    }
    Ok(seen)
}

/// The values and how a statement writes them, as many at once as one may hold.
fn chunks(key: Key, values: &BTreeMap<String, &Scalar>) -> Result<Vec<Vec<(String, String)>>, Problem> {
    let mut chunks: Vec<Vec<(String, String)>> = Vec::new();
    let mut bytes = 0;
    for (plain, value) in values {
        let literal = key.literal(value).ok_or(Problem::Closed(UNSEEN))?;
        bytes += literal.len();
        let last = chunks.last_mut().filter(|last| last.len() < VALUES_MAX && bytes <= VALUES_BYTES_MAX);
        if let Some(last) = last {
            last.push((plain.clone(), literal));
        } else {
            bytes = literal.len();
            chunks.push(vec![(plain.clone(), literal)]);
        }
    }
    Ok(chunks)
}

fn statement(target: &str, field: &str, some: &[(String, String)]) -> String {
    let list: Vec<&str> = some.iter().map(|(_, literal)| literal.as_str()).collect();
    format!("SELECT Id, {field} FROM {target} WHERE {field} IN ({})", list.join(","))
}

/// The rows that a statement finds, by the values of the field; without those that their marks hide.
///
/// Bounds: [`PAGES_MAX`] pages.
async fn rows(
    org: &Org<'_>,
    wanted: &Wanted<'_>,
    statement: &str,
) -> Result<BTreeMap<String, BTreeSet<RecordId>>, Turned> {
    let mut found = BTreeMap::<String, BTreeSet<RecordId>>::new();
    let mut target = salesforce::query_target(&org.version, "query", statement);
    for _ in 0..PAGES_MAX {
        let (status, answer) = org.get(&target).await?;
        if !status.is_success() {
            return Err(Problem::Closed(UNSEEN).into());
        }
        let mut looked = LookedUp::default();
        if org.isolation.is_marked(wanted.target) {
            org.judge_page(&answer, &mut looked)?;
        }
        let page: Value = serde_json::from_slice(&answer).map_err(|_| Problem::ShownUnreadable)?;
        let rows = page.get("records").and_then(Value::as_array).into_iter().flatten();
        for row in rows.filter_map(Value::as_object) {
            let own = |name: &str| {
                row.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value)
            };
            let id = own("Id").and_then(Value::as_str).and_then(RecordId::parse);
            let value = own(wanted.field).ok_or(Problem::ShownUnreadable)?;
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let id = id.ok_or(Problem::ShownUnreadable)?;
            if !looked.hidden.contains(&id) {
                found.entry(wanted.key.plain(&value)).or_default().insert(id);
            }
        }
        match salesforce::told_member(&answer, "nextRecordsUrl") {
            Some(next) => target = next,
            None => return Ok(found),
        }
    }
    Err(Problem::AnswerTooLarge.into())
}

const UNSEEN: &str = "reads are isolated here: what points at a record by another field than its id must point at one that you may see, and only at one; give its id (`@{…}` in a composite), or, by a field that is unique, send that record in the same request";

const ROWS: &str = "the request holds more rows than an org takes, or more references by value than are looked up here: 200 rows, 1,000 references; send fewer";
