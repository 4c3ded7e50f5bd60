//! The answer to a query: which rows, in what order, with which members.

use std::cmp::Ordering;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::filter::{self, Test};
use super::path::{Path, follow};
use super::subject::{Subject, order};
use super::{FieldSet, Item, Operand, Order, Query};
use crate::failure::Failure;
use crate::read;
use crate::schema::Object;
use crate::store::{Row, Store, is_deleted};

/// The view a query has of the org.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lens<'a> {
    pub(crate) store: &'a Store,
    pub(crate) now_ms: i64,
    /// `v67.0`, for the addresses of records.
    pub(crate) version: &'a str,
    /// Whether rows in the recycle bin are seen.
    pub(crate) deleted: bool,
}

/// What a query found, before anybody looks at it: rows are kept by id, and shown page by page.
#[derive(Debug)]
pub(crate) enum Found {
    /// The answer to a bare `COUNT()`.
    Count(usize),
    /// The rows of an aggregate query.
    Groups(Vec<Value>),
    /// The ids of records, in order.
    Rows(Vec<String>),
}

impl Found {
    /// What `totalSize` says.
    pub(crate) fn total(&self) -> usize {
        match self {
            Self::Count(count) => *count,
            Self::Groups(_) | Self::Rows(_) => self.len(),
        }
    }

    /// How many records the pages hold together.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Count(_) => 0,
            Self::Groups(records) => records.len(),
            Self::Rows(ids) => ids.len(),
        }
    }
}

/// Finds the rows of a query.
///
/// Bounds: at most the rows of one object; aggregates give at most 2,000 groups.
pub(crate) fn find(lens: &Lens<'_>, query: &Query) -> Result<Found, Failure> {
    let object =
        lens.store.schema.object(&query.from).cloned().ok_or_else(|| Failure::invalid_type(&query.from))?;
    let lens = Lens { deleted: lens.deleted || query.all_rows, ..*lens };
    let rows = Rows::prepare(&lens, &object, query)?.fetch(&lens, query);
    if is_bare_count(query) {
        return Ok(Found::Count(rows.len()));
    }
    if is_grouped(query) {
        return groups(&lens, &object, query, &rows).map(Found::Groups);
    }
    // Said here, so that a mistake in the select list is an error even without rows.
    members(&lens, &object, query, &[])?;
    Ok(Found::Rows(rows.iter().filter_map(|row| row.get("Id")?.as_str().map(str::to_owned)).collect()))
}

/// Shows some of what a query found.
pub(crate) fn page(
    lens: &Lens<'_>,
    query: &Query,
    found: &Found,
    from: usize,
    size: usize,
) -> Result<Vec<Value>, Failure> {
    match found {
        Found::Count(_) => Ok(Vec::new()),
        Found::Groups(records) => Ok(records.iter().skip(from).take(size).cloned().collect()),
        Found::Rows(ids) => {
            let object = lens.store.object(&query.from)?;
            let rows = ids.iter().skip(from).take(size).filter_map(|id| lens.store.row(&object.name, id));
            members(lens, &object, query, &rows.collect::<Vec<_>>())
        }
    }
}

/// The values of the one column of a sub-select.
pub(super) fn column(lens: &Lens<'_>, query: &Query) -> Result<Vec<Value>, Failure> {
    let [Item::Value { operand: Operand::Field(path), .. }] = query.select.as_slice() else {
        return Err(malformed("a semi join sub-select must select exactly one field"));
    };
    let object =
        lens.store.schema.object(&query.from).cloned().ok_or_else(|| Failure::invalid_type(&query.from))?;
    let path = Path::find(lens.store, &object, query.alias.as_deref(), path)?;
    let rows = Rows::prepare(lens, &object, query)?.fetch(lens, query);
    let values = rows.iter().map(|row| path.value(lens.store, &object, row, lens.version));
    Ok(values.filter(|value| !value.is_null()).collect())
}

/// A query's rows, before its members.
struct Rows {
    object: Arc<Object>,
    test: Option<Test>,
    keys: Vec<(Subject, Order)>,
}

impl Rows {
    fn prepare(lens: &Lens<'_>, object: &Arc<Object>, query: &Query) -> Result<Self, Failure> {
        let alias = query.alias.as_deref();
        let bind = |operand: &Operand| match Subject::find(lens, object, alias, operand)? {
            Subject::Total(..) => Err(malformed("aggregate functions are not allowed in WHERE")),
            subject @ (Subject::Path(_) | Subject::Part(..)) => Ok(subject),
        };
        let test =
            query.filter.as_ref().map(|condition| filter::check(lens, condition, &bind)).transpose()?;
        let grouped = is_grouped(query);
        let keys = if grouped { &[][..] } else { &query.order[..] };
        let keys =
            keys.iter().map(|key| Ok((bind(&key.by)?, key.clone()))).collect::<Result<_, Failure>>()?;
        if query.offset.is_some_and(|offset| offset > OFFSET_MAX) {
            return Err(Failure::request(
                400,
                "NUMBER_OUTSIDE_VALID_RANGE",
                "Maximum SOQL offset allowed is 2000",
            ));
        }
        Ok(Self { object: Arc::clone(object), test, keys })
    }

    fn fetch<'a>(&self, lens: &Lens<'a>, query: &Query) -> Vec<&'a Row> {
        let seen = |row: &Row| lens.deleted || !is_deleted(row);
        let holds = |row: &Row| {
            let value = |subject: &Subject| subject.of_row(lens, &self.object, row);
            self.test.as_ref().is_none_or(|test| test.holds(&value))
        };
        let candidates =
            self.test.as_ref().filter(|_| !lens.deleted).and_then(|test| test.candidates(lens, &self.object));
        let mut rows: Vec<&Row> = match candidates {
            Some(ids) => ids
                .iter()
                .filter_map(|id| lens.store.row(&self.object.name, id))
                .filter(|row| holds(row))
                .collect(),
            None => lens
                .store
                .rows(&self.object.name)
                .map(|(_, row)| row)
                .filter(|row| seen(row) && holds(row))
                .collect(),
        };
        if !self.keys.is_empty() {
            let mut keyed: Vec<(Vec<Value>, &Row)> = rows
                .into_iter()
                .map(|row| {
                    (
                        self.keys
                            .iter()
                            .map(|(subject, _)| subject.of_row(lens, &self.object, row))
                            .collect(),
                        row,
                    )
                })
                .collect();
            let keys: Vec<&Order> = self.keys.iter().map(|(_, key)| key).collect();
            keyed.sort_by(|(a, _), (b, _)| by_keys(&keys, a, b));
            rows = keyed.into_iter().map(|(_, row)| row).collect();
        }
        if is_grouped(query) {
            return rows;
        }
        window(rows, query)
    }
}

/// One member of the record to give back.
enum Member {
    Field(Path),
    Shown(String, Subject),
    Children(String, Box<Query>, String, Arc<Object>),
    TypeOf(String, String, Vec<(String, Vec<String>)>, Vec<String>),
}

fn members(
    lens: &Lens<'_>,
    object: &Arc<Object>,
    query: &Query,
    rows: &[&Row],
) -> Result<Vec<Value>, Failure> {
    let mut plan = Vec::new();
    for item in &query.select {
        plan_item(lens, object, query, item, &mut plan)?;
    }
    rows.iter()
        .map(|row| {
            let mut record = Map::new();
            record.insert("attributes".into(), read::attributes(object, row, lens.version));
            for member in &plan {
                fill(lens, object, row, member, &mut record)?;
            }
            Ok(Value::Object(record))
        })
        .collect()
}

fn plan_item(
    lens: &Lens<'_>,
    object: &Arc<Object>,
    query: &Query,
    item: &Item,
    plan: &mut Vec<Member>,
) -> Result<(), Failure> {
    let alias = query.alias.as_deref();
    match item {
        Item::Value { operand, alias: named } => {
            let subject = Subject::find(lens, object, alias, operand)?;
            plan.push(match subject {
                Subject::Path(path) => Member::Field(path),
                other @ (Subject::Part(..) | Subject::Total(..)) => {
                    let name = named.clone().or_else(|| other.field().map(|field| field.name.clone()));
                    Member::Shown(name.unwrap_or_else(|| "expr0".into()), other)
                }
            });
        }
        Item::Fields(set) => {
            if *set != FieldSet::Standard && query.limit.is_none_or(|limit| limit > 200) {
                return Err(malformed("The SOQL FIELDS function must have a LIMIT of at most 200"));
            }
            let wanted = object.fields.iter().filter(|field| match set {
                FieldSet::All => true,
                FieldSet::Standard => !field.custom,
                FieldSet::Custom => field.custom,
            });
            plan.extend(wanted.map(|field| {
                Member::Field(Path { hops: Vec::new(), field: field.clone(), object: object.name.clone() })
            }));
        }
        Item::Children(inner) => {
            let named = |child: &&crate::schema::Child| {
                child.name.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(&inner.from))
            };
            let Some(child) = object.children.iter().find(named) else {
                let message = format!(
                    "Didn't understand relationship '{}' in FROM part of query call. If you are attempting to use a custom relationship, be sure to append the '__r' after the custom relationship name. Please reference your WSDL or the describe call for the appropriate names.",
                    inner.from
                );
                return Err(Failure::request(400, "INVALID_TYPE", message));
            };
            let other = lens.store.object(&child.object)?;
            let name = child.name.clone().unwrap_or_default();
            // Said here once, so that a mistake in the sub-select is an error even without rows.
            Rows::prepare(lens, &other, inner)?;
            members(lens, &other, inner, &[])?;
            plan.push(Member::Children(name, inner.clone(), child.field.clone(), other));
        }
        Item::TypeOf { relationship, whens, otherwise } => {
            let field = object
                .parent(relationship)
                .ok_or_else(|| Failure::no_such_column(relationship, &object.name))?;
            let name = field.relationship.clone().unwrap_or_default();
            plan.push(Member::TypeOf(name, field.name.clone(), whens.clone(), otherwise.clone()));
        }
    }
    Ok(())
}

fn fill(
    lens: &Lens<'_>,
    object: &Arc<Object>,
    row: &Row,
    member: &Member,
    record: &mut Map<String, Value>,
) -> Result<(), Failure> {
    match member {
        Member::Field(path) => {
            let value = path.value(lens.store, object, row, lens.version);
            place(lens, row, path, value, record);
        }
        Member::Shown(name, subject) => {
            record.insert(name.clone(), subject.of_row(lens, object, row));
        }
        Member::Children(name, query, field, other) => {
            let id = row.get("Id").and_then(Value::as_str).unwrap_or("");
            let mut all = Vec::new();
            if let Some(reference) = other.field(field) {
                let prepared = Rows::prepare(lens, other, query)?;
                let mut found: Vec<&Row> = lens
                    .store
                    .find(other, reference, id)
                    .iter()
                    .filter_map(|child| lens.store.live(&other.name, child))
                    .filter(|row| {
                        let value = |subject: &Subject| subject.of_row(lens, other, row);
                        prepared.test.as_ref().is_none_or(|test| test.holds(&value))
                    })
                    .collect();
                let keys: Vec<&Order> = prepared.keys.iter().map(|(_, key)| key).collect();
                let key = |row: &Row| {
                    prepared.keys.iter().map(|(s, _)| s.of_row(lens, other, row)).collect::<Vec<_>>()
                };
                found.sort_by(|a, b| by_keys(&keys, &key(a), &key(b)));
                all = members(lens, other, query, &window(found, query))?;
            }
            let children = json!({"totalSize": all.len(), "done": true, "records": all});
            record.insert(name.clone(), if all.is_empty() { Value::Null } else { children });
        }
        Member::TypeOf(name, reference, whens, otherwise) => {
            let value = match follow(lens.store, row, reference) {
                None => Value::Null,
                Some((parent, row)) => {
                    let fields = whens.iter().find(|(object, _)| object.eq_ignore_ascii_case(&parent.name));
                    let fields = fields.map_or(otherwise, |(_, fields)| fields);
                    let mut out = Map::new();
                    out.insert("attributes".into(), read::attributes(&parent, row, lens.version));
                    for field in fields {
                        let path = Path::find(lens.store, &parent, None, field)?;
                        let value = path.value(lens.store, &parent, row, lens.version);
                        place(lens, row, &path, value, &mut out);
                    }
                    Value::Object(out)
                }
            };
            record.insert(name.clone(), value);
        }
    }
    Ok(())
}

/// Puts a value under the nested parents its path names; an empty parent is null.
fn place(lens: &Lens<'_>, row: &Row, path: &Path, value: Value, record: &mut Map<String, Value>) {
    let Some(((reference, name), rest)) = path.hops.split_first() else {
        record.insert(path.field.name.clone(), value);
        return;
    };
    let Some((parent, parent_row)) = follow(lens.store, row, reference) else {
        record.entry(name.clone()).or_insert(Value::Null);
        return;
    };
    let inner = record
        .entry(name.clone())
        .or_insert_with(|| json!({"attributes": read::attributes(&parent, parent_row, lens.version)}));
    if let Value::Object(inner) = inner {
        let shorter = Path { hops: rest.to_vec(), field: path.field.clone(), object: path.object.clone() };
        place(lens, parent_row, &shorter, value, inner);
    }
}

/// Whether a query gives a count or groups of rows instead of rows.
pub(crate) fn is_aggregate(query: &Query) -> bool {
    is_bare_count(query) || is_grouped(query)
}

fn is_bare_count(query: &Query) -> bool {
    match query.select.as_slice() {
        [Item::Value { operand: Operand::Call { function, argument: None }, alias: None }] => {
            function.eq_ignore_ascii_case("COUNT") && query.group.is_empty()
        }
        _ => false,
    }
}

fn is_grouped(query: &Query) -> bool {
    let aggregate = |item: &Item| match item {
        Item::Value { operand: Operand::Call { function, argument }, .. } => {
            let name = function.to_ascii_uppercase();
            matches!(name.as_str(), "COUNT_DISTINCT" | "SUM" | "AVG" | "MIN" | "MAX")
                || name == "COUNT" && (argument.is_some() || query.select.len() > 1)
        }
        Item::Value { .. } | Item::Fields(_) | Item::Children(_) | Item::TypeOf { .. } => false,
    };
    !query.group.is_empty() || query.select.iter().any(aggregate)
}

fn groups(
    lens: &Lens<'_>,
    object: &Arc<Object>,
    query: &Query,
    rows: &[&Row],
) -> Result<Vec<Value>, Failure> {
    let alias = query.alias.as_deref();
    let bind = |operand: &Operand| Subject::find(lens, object, alias, operand);
    let keys = query.group.iter().map(bind).collect::<Result<Vec<_>, _>>()?;
    let mut groups: std::collections::BTreeMap<Vec<String>, Vec<&Row>> = std::collections::BTreeMap::new();
    if keys.is_empty() {
        groups.insert(Vec::new(), rows.to_vec());
    } else {
        for row in rows {
            let key =
                keys.iter().map(|key| filter::fold(key.kind(), &key.of_row(lens, object, row))).collect();
            groups.entry(key).or_default().push(row);
        }
    }
    let shown = shown_members(query, &bind)?;
    let having = query.having.as_ref().map(|condition| filter::check(lens, condition, &bind)).transpose()?;
    let order =
        query.order.iter().map(|key| Ok((bind(&key.by)?, key))).collect::<Result<Vec<_>, Failure>>()?;
    let mut out: Vec<(Vec<Value>, Value)> = Vec::new();
    for rows in groups.values() {
        let value = |subject: &Subject| subject.of_group(lens, object, rows);
        if !having.as_ref().is_none_or(|test| test.holds(&value)) {
            continue;
        }
        let mut record = Map::new();
        record.insert("attributes".into(), json!({"type": "AggregateResult"}));
        for (name, subject) in &shown {
            record.insert(name.clone(), value(subject));
        }
        out.push((order.iter().map(|(subject, _)| value(subject)).collect(), Value::Object(record)));
    }
    let order: Vec<&Order> = order.iter().map(|(_, key)| *key).collect();
    out.sort_by(|(a, _), (b, _)| by_keys(&order, a, b));
    let records = window(out.into_iter().map(|(_, record)| record).collect(), query);
    if records.len() > GROUPS_MAX {
        return Err(Failure::request(
            400,
            "EXCEEDED_ID_LIMIT",
            "Aggregate query has too many rows for direct assignment",
        ));
    }
    Ok(records)
}

/// The members of an aggregate row: every one must be grouped by or be an aggregate.
fn shown_members(
    query: &Query,
    bind: &dyn Fn(&Operand) -> Result<Subject, Failure>,
) -> Result<Vec<(String, Subject)>, Failure> {
    let mut shown = Vec::new();
    let mut unnamed = 0;
    for item in &query.select {
        let Item::Value { operand, alias } = item else {
            return Err(malformed(
                "Grouped query cannot use child relationships or FIELDS in the SELECT list",
            ));
        };
        let subject = bind(operand)?;
        let grouped = query.group.iter().any(|key| same(key, operand));
        if let (Subject::Path(path), false) = (&subject, grouped) {
            return Err(malformed(format!("Field must be grouped or aggregated: {}", path.field.name)));
        }
        let name = alias.clone().unwrap_or_else(|| match &subject {
            Subject::Path(path) => path.field.name.clone(),
            Subject::Part(..) | Subject::Total(..) => {
                unnamed += 1;
                format!("expr{}", unnamed - 1)
            }
        });
        shown.push((name, subject));
    }
    Ok(shown)
}

fn same(a: &Operand, b: &Operand) -> bool {
    a.to_string().eq_ignore_ascii_case(&b.to_string())
}

fn window<T>(rows: Vec<T>, query: &Query) -> Vec<T> {
    let whole =
        |n: Option<u64>, default: usize| n.map_or(default, |n| usize::try_from(n).unwrap_or(usize::MAX));
    rows.into_iter().skip(whole(query.offset, 0)).take(whole(query.limit, usize::MAX)).collect()
}

fn by_keys(keys: &[&Order], a: &[Value], b: &[Value]) -> Ordering {
    for (key, (a, b)) in keys.iter().zip(a.iter().zip(b)) {
        let nulls_last = key.nulls_last.unwrap_or(key.descending);
        let found = match (a.is_null(), b.is_null()) {
            (true, true) => Ordering::Equal,
            (true, false) => {
                if nulls_last {
                    Ordering::Greater
                } else {
                    Ordering::Less
                }
            }
            (false, true) => {
                if nulls_last {
                    Ordering::Less
                } else {
                    Ordering::Greater
                }
            }
            (false, false) if key.descending => order(b, a),
            (false, false) => order(a, b),
        };
        if found != Ordering::Equal {
            return found;
        }
    }
    Ordering::Equal
}

pub(super) fn malformed(message: impl Into<String>) -> Failure {
    Failure::request(400, "MALFORMED_QUERY", message)
}

const OFFSET_MAX: u64 = 2_000;
const GROUPS_MAX: usize = 2_000;

#[cfg(test)]
mod tests;
