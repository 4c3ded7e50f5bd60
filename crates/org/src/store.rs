//! The records: tables, indexes, and the log that takes a failed request back.

pub(crate) mod events;
mod files;
mod recycle;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::bus::Bus;
use crate::failure::Failure;
use crate::formula::{self, Facts, Rule};
use crate::schema::{Access, Field, Kind, Object, Schema};
use crate::value::{self, Source};
use crate::{datetime, id, person};

/// A record as it is kept: canonical field name to value, nulls left out.
pub(crate) type Row = BTreeMap<String, Value>;

/// The tables of the org.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) schema: Schema,
    // INVARIANT: keys are canonical object names.
    tables: BTreeMap<String, Table>,
    serial: u64,
    numbers: BTreeMap<String, u64>,
    undo: Vec<(String, String, Option<Row>)>,
    open: u32,
    rows: usize,
    rows_max: usize,
    view: Option<view::View>,
    /// Validation rules by object.
    pub(crate) rules: BTreeMap<String, Vec<Rule>>,
    // INVARIANT: at most `EVENTS_MAX`.
    events: VecDeque<(String, Row)>,
    pub(crate) bus: Bus,
    /// Changes to publish once nothing can take them back.
    noted: Vec<events::Noted>,
}

/// The records of one object.
#[derive(Debug, Default)]
struct Table {
    rows: BTreeMap<String, Row>,
    /// Field, then folded value, then the ids of live rows that hold it.
    index: BTreeMap<String, BTreeMap<String, BTreeSet<String>>>,
}

/// Who writes, when, and how the values travelled.
#[derive(Debug, Clone)]
pub(crate) struct Author {
    pub(crate) user: String,
    pub(crate) now_ms: i64,
    pub(crate) source: Source,
}

/// How an upsert ended.
#[derive(Debug)]
pub(crate) enum Upserted {
    Created(String),
    Updated(String),
    Many(Vec<String>),
}

impl Store {
    pub(crate) fn new(schema: Schema, rows_max: usize) -> Self {
        Self {
            schema,
            tables: BTreeMap::new(),
            serial: 0,
            numbers: BTreeMap::new(),
            undo: Vec::new(),
            open: 0,
            rows: 0,
            rows_max,
            events: VecDeque::new(),
            bus: Bus::new(EVENTS_KEPT),
            noted: Vec::new(),
            view: None,
            rules: BTreeMap::new(),
        }
    }

    /// Runs some writes that all happen or none of them.
    pub(crate) fn attempt<T, E>(&mut self, writes: impl FnOnce(&mut Self) -> Result<T, E>) -> Result<T, E> {
        let mark = self.begin();
        let ended = writes(self);
        self.end(mark, ended.is_ok());
        ended
    }

    /// Opens a stretch of writes that `end` keeps or takes back.
    pub(crate) fn begin(&mut self) -> usize {
        self.open += 1;
        self.undo.len()
    }

    /// Closes the stretch that began at `mark`: keeps its writes, or takes them back, latest first.
    pub(crate) fn end(&mut self, mark: usize, keep: bool) {
        while !keep && self.undo.len() > mark {
            if let Some((object, id, row)) = self.undo.pop() {
                self.unnote(&object);
                self.put(&object, &id, row);
            }
        }
        self.open = self.open.saturating_sub(1);
        if self.open == 0 {
            self.undo.clear();
            self.publish_changes();
        }
    }

    pub(crate) fn object(&self, name: &str) -> Result<Arc<Object>, Failure> {
        self.schema.object(name).cloned().ok_or_else(|| Failure::invalid_type(name))
    }

    /// An object with all its fields, whoever looks.
    pub(crate) fn whole_object(&self, name: &str) -> Option<Arc<Object>> {
        self.whole_schema().object(name).cloned()
    }

    /// The live or deleted row with this id.
    pub(crate) fn row(&self, object: &str, id: &str) -> Option<&Row> {
        self.any_row(object, id).filter(|row| self.shows(object, row))
    }

    /// The row with this id, whoever looks.
    fn any_row(&self, object: &str, id: &str) -> Option<&Row> {
        self.tables.get(object)?.rows.get(id)
    }

    /// The live row with this id.
    pub(crate) fn live(&self, object: &str, id: &str) -> Option<&Row> {
        self.row(object, id).filter(|row| !is_deleted(row))
    }

    /// All rows of an object in order of creation, deleted ones too.
    pub(crate) fn rows(&self, object: &str) -> impl Iterator<Item = (&String, &Row)> {
        let all = self.tables.get_key_value(object).into_iter();
        all.flat_map(|(name, table)| table.rows.iter().filter(|(_, row)| self.shows(name, row)))
    }

    /// How many live rows an object has.
    pub(crate) fn count(&self, object: &str) -> usize {
        self.rows(object).filter(|(_, row)| !is_deleted(row)).count()
    }

    /// The ids of live rows whose indexed field holds this value, compared as Salesforce does.
    pub(crate) fn find(&self, object: &Object, field: &Field, value: &str) -> Vec<String> {
        if field.kind == Kind::Id {
            return id::widen(value).filter(|id| self.live(&object.name, id).is_some()).into_iter().collect();
        }
        let found = self.found(object, field, value);
        found.filter(|id| self.row(&object.name, id).is_some()).cloned().collect()
    }

    /// The ids of live rows whose indexed field holds this value, whoever looks.
    fn found(&self, object: &Object, field: &Field, value: &str) -> impl Iterator<Item = &String> {
        let ids =
            self.tables.get(&object.name).and_then(|t| t.index.get(&field.name)?.get(&fold(field, value)));
        ids.into_iter().flatten()
    }

    /// Creates a record.
    pub(crate) fn insert(
        &mut self,
        author: &Author,
        object: &str,
        given: &Map<String, Value>,
    ) -> Result<String, Failure> {
        let object = self.object(object)?;
        self.allow(&object, None, |rights| rights.create)?;
        if self.rows >= self.rows_max {
            return Err(Failure::row("STORAGE_LIMIT_EXCEEDED", "storage limit exceeded", &[]));
        }
        let changes = self.changes(author, &object, given, Writing::Create)?;
        self.serial += 1;
        let new = id::make(&object.prefix, self.serial);
        let mut row: Row = changes.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        for field in &object.fields {
            if let Some(default) = default_of(field).filter(|_| !row.contains_key(&field.name)) {
                row.insert(field.name.clone(), default);
            }
            if field.auto_number {
                let number = self.next_number(&object.name, field);
                row.insert(field.name.clone(), Value::String(number));
            }
        }
        if events::is_event(&object) {
            require(&object, &row)?;
            self.enqueue(author, &object, &new, row);
            return Ok(new);
        }
        stamp(author, &object, &new, &mut row);
        person::complete(&object, &mut row);
        files::complete(&object, &mut row);
        let named = object.field("Name").is_none_or(|name| !name.name_field || row.contains_key("Name"));
        if object.custom && !named {
            row.insert("Name".into(), Value::String(new.clone()));
        }
        require(&object, &row)?;
        self.validate(author, &object, &row, None)?;
        self.check_unique(&object, &new, &row)?;
        self.set(&object.name, &new, Some(row));
        self.publish(author, &object, &new)?;
        Ok(new)
    }

    /// Changes some fields of a record.
    pub(crate) fn update(
        &mut self,
        author: &Author,
        object: &str,
        id: &str,
        given: &Map<String, Value>,
    ) -> Result<(), Failure> {
        let object = self.object(object)?;
        let id = self.existing(&object, id)?;
        self.allow(&object, self.row(&object.name, &id), |rights| rights.edit)?;
        let changes = self.changes(author, &object, given, Writing::Update)?;
        let mut row = self.row(&object.name, &id).cloned().unwrap_or_default();
        for (name, value) in changes {
            match value {
                Some(value) => row.insert(name, value),
                None => row.remove(&name),
            };
        }
        person::complete(&object, &mut row);
        files::measure(&object, &mut row);
        require(&object, &row)?;
        self.validate(author, &object, &row, self.any_row(&object.name, &id))?;
        self.check_unique(&object, &id, &row)?;
        let now = Value::String(datetime::spell_date_time(author.now_ms));
        for (name, value) in [
            ("LastModifiedDate", now.clone()),
            ("SystemModstamp", now),
            ("LastModifiedById", Value::String(author.user.clone())),
        ] {
            if object.field(name).is_some() {
                row.insert(name.into(), value);
            }
        }
        self.set(&object.name, &id, Some(row));
        Ok(())
    }

    /// Creates or changes the record whose field holds this value.
    pub(crate) fn upsert(
        &mut self,
        author: &Author,
        object: &str,
        (field, key): (&str, &str),
        given: &Map<String, Value>,
    ) -> Result<Upserted, Failure> {
        let object = self.object(object)?;
        let field = upsert_field(&object, field)?;
        let found = self.find(&object, field, key.trim());
        match found.as_slice() {
            [] if field.kind == Kind::Id => {
                Err(Failure::missing_row("NOT_FOUND", "The requested resource does not exist"))
            }
            [] => {
                let mut given = given.clone();
                given.retain(|name, _| !name.eq_ignore_ascii_case(&field.name));
                given.insert(field.name.clone(), Value::String(key.to_owned()));
                self.insert(author, &object.name, &given).map(Upserted::Created)
            }
            [one] => {
                let mut given = given.clone();
                given.retain(|name, _| !name.eq_ignore_ascii_case(&field.name));
                self.update(author, &object.name, one, &given)?;
                Ok(Upserted::Updated(one.clone()))
            }
            many => Ok(Upserted::Many(many.to_vec())),
        }
    }

    /// Moves a record, and what belongs to it, to the recycle bin.
    pub(crate) fn delete(&mut self, author: &Author, object: &str, id: &str) -> Result<(), Failure> {
        let object = self.object(object)?;
        let id = self.existing(&object, id)?;
        self.allow(&object, self.row(&object.name, &id), |rights| rights.delete)?;
        self.bury(author, &object, &id, 0);
        Ok(())
    }

    /// Puts a row where a snapshot says it was.
    pub(crate) fn restore(&mut self, object: &str, id: &str, row: Row) {
        self.put(object, id, Some(row));
    }

    /// The counters that make ids and automatic numbers.
    pub(crate) fn counters(&self) -> (u64, BTreeMap<String, u64>) {
        (self.serial, self.numbers.clone())
    }

    pub(crate) fn restore_counters(&mut self, serial: u64, numbers: BTreeMap<String, u64>) {
        (self.serial, self.numbers) = (serial, numbers);
    }

    /// Builds the indexes of an object anew, after its fields changed.
    pub(crate) fn reindex(&mut self, object: &str) {
        let Some(table) = self.tables.remove(object) else { return };
        self.rows -= table.rows.len();
        for (id, row) in table.rows {
            self.put(object, &id, Some(row));
        }
    }

    fn existing(&self, object: &Object, given: &str) -> Result<String, Failure> {
        let Some(id) = id::widen(given) else {
            return Err(Failure::row("MALFORMED_ID", format!("malformed id {given}"), &["Id"]));
        };
        if id::prefix(&id) != object.prefix {
            let message = format!("{} ID: id value of incorrect type: {given}", object.label);
            return Err(Failure::row("MALFORMED_ID", message, &["Id"]));
        }
        match self.row(&object.name, &id) {
            None => Err(Failure::missing_row("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")),
            Some(row) if is_deleted(row) => {
                Err(Failure::missing_row("ENTITY_IS_DELETED", "entity is deleted"))
            }
            Some(_) => Ok(id),
        }
    }

    /// What the given members mean for the row; a value of nothing clears the field.
    fn changes(
        &self,
        author: &Author,
        object: &Object,
        given: &Map<String, Value>,
        writing: Writing,
    ) -> Result<BTreeMap<String, Option<Value>>, Failure> {
        let mut changes = BTreeMap::new();
        for (name, given) in given {
            if name == "attributes" {
                continue;
            }
            if let (Value::Object(target), Some(field)) = (given, object.parent(name)) {
                changes.insert(field.name.clone(), Some(Value::String(self.by_key(field, name, target)?)));
                continue;
            }
            let field = object.field(name).ok_or_else(|| Failure::no_such_column(name, &object.name))?;
            if field.kind == Kind::Id {
                return Err(id_given(writing));
            }
            let locked = match writing {
                Writing::Create => field.access == Access::ReadOnly,
                Writing::Update => field.access != Access::Write,
            };
            if locked || field.formula.is_some() {
                return Err(value::read_only(field));
            }
            let value = value::accept(field, given, author.source)?;
            let value = match value {
                Some(Value::String(id)) if field.kind == Kind::Reference => self.referred(field, id)?,
                other => other,
            };
            changes.insert(field.name.clone(), value);
        }
        Ok(changes)
    }

    /// The id of the record that a nested `{"Ext__c": "key"}` names.
    fn by_key(&self, field: &Field, name: &str, target: &Map<String, Value>) -> Result<String, Failure> {
        let mut keys = target.iter().filter(|(key, _)| *key != "attributes");
        let (Some((key, wanted)), None) = (keys.next(), keys.next()) else {
            let message =
                format!("The relationship {name} must name its record by exactly one external id field");
            return Err(Failure::row("INVALID_FIELD", message, &[name]));
        };
        let wanted = value::spell(wanted);
        for target in &field.reference {
            let Some(object) = self.schema.object(target) else { continue };
            let Some(key_field) = object.field(key).filter(|f| f.finds_rows()) else { continue };
            match self.find(object, key_field, &wanted).as_slice() {
                [] => {}
                [one] => return Ok(one.clone()),
                _ => {
                    let message = format!("more than one record found for external id field: {key}");
                    return Err(Failure::row("INVALID_FIELD", message, &[]));
                }
            }
        }
        let targets = field.reference.join(", ");
        let message =
            format!("Foreign key external ID: {wanted} not found for field {key} in entity {targets}");
        Err(Failure::row("INVALID_FIELD", message, &[]))
    }

    /// Whether a reference may hold this id.
    fn referred(&self, field: &Field, id: String) -> Result<Option<Value>, Failure> {
        if id.starts_with("012000000000000") {
            return Ok(None);
        }
        // A reference to an object outside the catalogue cannot be checked, and is taken as it is.
        let known = field.reference.iter().any(|target| self.schema.object(target).is_some());
        if !known {
            return Ok(Some(Value::String(id)));
        }
        // Files are linked to anything, objects added to the org too.
        let anything = field.name == "LinkedEntityId";
        let target =
            self.schema.object_of_id(&id).filter(|object| anything || field.reference.contains(&object.name));
        let Some(target) = target else {
            let message = format!("{}: id value of incorrect type: {id}", field.label);
            return Err(Failure::row("MALFORMED_ID", message, &[&field.name]));
        };
        if self.live(&target.name, &id).is_none() {
            return Err(Failure::row(
                "INVALID_CROSS_REFERENCE_KEY",
                "invalid cross reference id",
                &[&field.name],
            ));
        }
        Ok(Some(Value::String(id)))
    }

    fn next_number(&mut self, object: &str, field: &Field) -> String {
        let number = self.numbers.entry(format!("{object}.{}", field.name)).or_insert(0);
        *number += 1;
        let format = field.default.as_deref().unwrap_or("{00000000}");
        match (format.find('{'), format.find('}')) {
            (Some(open), Some(close)) if open < close => {
                let width = close - open - 1;
                let before = format.get(..open).unwrap_or("");
                let after = format.get(close + 1..).unwrap_or("");
                format!("{before}{number:0width$}{after}")
            }
            _ => format!("{format}{number}"),
        }
    }

    /// Refuses a record that breaks a validation rule.
    fn validate(
        &self,
        author: &Author,
        object: &Object,
        row: &Row,
        before: Option<&Row>,
    ) -> Result<(), Failure> {
        let Some(whole) = self.whole_schema().object(&object.name) else { return Ok(()) };
        let facts = Facts { object: whole, row, before, now_ms: author.now_ms };
        let mut rules = self.rules.get(&object.name).into_iter().flatten();
        match rules.find(|rule| formula::holds(&rule.condition, &facts)) {
            None => Ok(()),
            Some(rule) => {
                let fields: Vec<&str> = rule.field.iter().map(String::as_str).collect();
                Err(Failure::row("FIELD_CUSTOM_VALIDATION_EXCEPTION", rule.message.clone(), &fields))
            }
        }
    }

    fn check_unique(&self, object: &Object, id: &str, row: &Row) -> Result<(), Failure> {
        for field in object.fields.iter().filter(|field| field.unique) {
            let Some(value) = row.get(&field.name) else { continue };
            let text = value::spell(value);
            if let Some(other) = self.found(object, field, &text).find(|found| *found != id) {
                // That there is such a record is said; which one it is, only to those who see it.
                let known = self.row(&object.name, other).map_or("<unknown>", |_| other);
                let message = format!(
                    "duplicate value found: {} duplicates value on record with id: {known}",
                    field.name
                );
                return Err(Failure::row("DUPLICATE_VALUE", message, &[]));
            }
        }
        Ok(())
    }

    fn bury(&mut self, author: &Author, object: &Object, id: &str, depth: u32) {
        let alive = |row: &&Row| !is_deleted(row);
        let Some(mut row) = self.any_row(&object.name, id).filter(alive).cloned() else { return };
        row.insert("IsDeleted".into(), Value::Bool(true));
        let now = Value::String(datetime::spell_date_time(author.now_ms));
        for name in ["LastModifiedDate", "SystemModstamp"] {
            row.insert(name.into(), now.clone());
        }
        self.set(&object.name, id, Some(row));
        for child in &object.children {
            let Some(other) = self.whole_schema().object(&child.object).cloned() else { continue };
            let Some(field) = other.field(&child.field).filter(|field| Object::indexed(field)) else {
                continue;
            };
            for found in self.found(&other, field, id).cloned().collect::<Vec<_>>() {
                if child.cascade && depth < DEPTH_MAX {
                    self.bury(author, &other, &found, depth + 1);
                } else if let Some(mut row) = self.any_row(&other.name, &found).filter(alive).cloned() {
                    row.remove(&field.name);
                    self.set(&other.name, &found, Some(row));
                }
            }
        }
    }

    fn set(&mut self, object: &str, id: &str, row: Option<Row>) {
        let before = self.any_row(object, id).cloned();
        self.note(object, id, before.as_ref(), row.as_ref());
        if self.open > 0 {
            self.undo.push((object.to_owned(), id.to_owned(), before));
        }
        self.put(object, id, row);
    }

    /// Puts, replaces or removes a row and keeps the indexes right.
    fn put(&mut self, object: &str, id: &str, row: Option<Row>) {
        let Some(known) = self.whole_schema().object(object).cloned() else { return };
        let table = self.tables.entry(object.to_owned()).or_default();
        let before = table.rows.remove(id);
        self.rows = self.rows + usize::from(row.is_some()) - usize::from(before.is_some());
        for field in known.fields.iter().filter(|field| Object::indexed(field)) {
            let old = before.as_ref().filter(|row| !is_deleted(row)).and_then(|row| row.get(&field.name));
            let new = row.as_ref().filter(|row| !is_deleted(row)).and_then(|row| row.get(&field.name));
            if old == new {
                continue;
            }
            let index = table.index.entry(field.name.clone()).or_default();
            if let Some(old) = old {
                let key = fold(field, &value::spell(old));
                if let Some(ids) = index.get_mut(&key) {
                    ids.remove(id);
                    if ids.is_empty() {
                        index.remove(&key);
                    }
                }
            }
            if let Some(new) = new {
                index.entry(fold(field, &value::spell(new))).or_default().insert(id.to_owned());
            }
        }
        if let Some(row) = row {
            table.rows.insert(id.to_owned(), row);
        }
    }
}

/// Whether a row is in the recycle bin.
pub(crate) fn is_deleted(row: &Row) -> bool {
    row.get("IsDeleted") == Some(&Value::Bool(true))
}

/// How a value is compared: text without case unless the field minds it, ids in their long form.
fn fold(field: &Field, value: &str) -> String {
    if field.kind == Kind::Reference {
        id::widen(value).unwrap_or_else(|| value.to_owned())
    } else if field.kind.is_number() {
        value.parse::<f64>().map_or_else(|_| value.to_owned(), |n| n.to_string())
    } else if field.case_sensitive {
        value.to_owned()
    } else {
        value.to_lowercase()
    }
}

/// The field an upsert may go by.
pub(crate) fn upsert_field<'a>(object: &'a Object, name: &str) -> Result<&'a Field, Failure> {
    object.field(name).filter(|field| field.finds_rows()).ok_or_else(|| {
        Failure::request(
            404,
            "NOT_FOUND",
            format!("Provided external ID field does not exist or is not accessible: {name}"),
        )
    })
}

fn stamp(author: &Author, object: &Object, id: &str, row: &mut Row) {
    let now = Value::String(datetime::spell_date_time(author.now_ms));
    let user = Value::String(author.user.clone());
    row.insert("Id".into(), Value::String(id.to_owned()));
    for (name, value) in [
        ("CreatedDate", &now),
        ("LastModifiedDate", &now),
        ("SystemModstamp", &now),
        ("CreatedById", &user),
        ("LastModifiedById", &user),
        ("OwnerId", &user),
    ] {
        if object.field(name).is_some() && !(name == "OwnerId" && row.contains_key(name)) {
            row.insert(name.into(), value.clone());
        }
    }
}

fn default_of(field: &Field) -> Option<Value> {
    let default = field.default.as_deref().filter(|_| !field.auto_number && field.access == Access::Write)?;
    let text = Value::String(default.trim_matches(['"', '\'']).to_owned());
    value::accept(field, &text, Source::Csv).ok().flatten()
}

fn require(object: &Object, row: &Row) -> Result<(), Failure> {
    let person = person::is_person(object, row);
    let missing: Vec<&str> = object
        .fields
        .iter()
        .filter(|field| field.required && !row.contains_key(&field.name) && !(person && field.name == "Name"))
        .map(|field| field.name.as_str())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let message = format!("Required fields are missing: [{}]", missing.join(", "));
    Err(Failure::row("REQUIRED_FIELD_MISSING", message, &missing))
}

fn id_given(writing: Writing) -> Failure {
    match writing {
        Writing::Create => {
            Failure::row("INVALID_FIELD_FOR_INSERT_UPDATE", "cannot specify Id in an insert call", &["Id"])
        }
        Writing::Update => Failure::request(
            400,
            "INVALID_FIELD",
            "The Id field should not be specified in the sobject data.",
        ),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writing {
    Create,
    Update,
}

/// How many events are kept unless the org's owner says another number.
pub(crate) const EVENTS_KEPT: usize = 10_000;
/// How deep a deletion follows what belongs to what it deletes.
const DEPTH_MAX: u32 = 5;

mod platform;
mod view;

#[cfg(test)]
mod tests;
