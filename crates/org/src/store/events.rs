//! Events: platform events published, changes captured; kept in order, read back by whoever owns the org.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Author, Row, Store, is_deleted};
use crate::avro::{CHANGE_TYPES, ChangeHeader};
use crate::bus::change_entity;
use crate::datetime;
use crate::schema::Object;

/// A change of a record whose object is selected for change events.
#[derive(Debug)]
pub(super) struct Noted {
    object: String,
    id: String,
    before: Option<Row>,
    after: Option<Row>,
}

impl Store {
    /// Takes an event in; unlike a record it stays, whatever becomes of the request.
    pub(super) fn enqueue(&mut self, author: &Author, object: &Object, id: &str, mut row: Row) {
        let replay = self.bus.next();
        row.insert("Id".into(), Value::from(id));
        row.insert("ReplayId".into(), Value::from(replay.to_string()));
        row.insert("EventUuid".into(), Value::from(uuid(replay)));
        row.insert("CreatedDate".into(), Value::from(datetime::spell_date_time(author.now_ms)));
        row.insert("CreatedById".into(), Value::from(author.user.as_str()));
        if self.events.len() >= EVENTS_MAX {
            self.events.pop_front();
        }
        let whole = self.whole_schema().object(&object.name).cloned();
        if let Some(whole) = whole {
            let (shape, schema) = self.bus.shape(&object.name, &whole);
            let payload = shape.encode(None, &row, |_| true);
            self.bus.publish(&object.name, uuid(replay), schema, payload, author.now_ms);
        }
        self.events.push_back((object.name.clone(), row));
    }

    /// Notes a change; it is published when everything that happens with it has happened.
    pub(super) fn note(&mut self, object: &str, id: &str, before: Option<&Row>, after: Option<&Row>) {
        if !self.bus.selects(object) {
            return;
        }
        self.noted.push(Noted {
            object: object.to_owned(),
            id: id.to_owned(),
            before: before.cloned(),
            after: after.cloned(),
        });
        if self.open == 0 {
            self.publish_changes();
        }
    }

    /// Takes back the note of a change that is taken back.
    pub(super) fn unnote(&mut self, object: &str) {
        if self.bus.selects(object) {
            self.noted.pop();
        }
    }

    /// Publishes what was noted, one event a record.
    pub(super) fn publish_changes(&mut self) {
        let mut changes: Vec<Noted> = Vec::new();
        for noted in std::mem::take(&mut self.noted) {
            match changes.iter_mut().find(|known| known.id == noted.id) {
                Some(known) => known.after = noted.after,
                None => changes.push(noted),
            }
        }
        if changes.is_empty() {
            return;
        }
        let commit = self.bus.commit();
        let mut sequence = 0;
        for noted in changes {
            sequence += i64::from(self.publish_change(&noted, commit, sequence + 1));
        }
    }

    fn publish_change(&mut self, noted: &Noted, commit: u64, sequence: i64) -> bool {
        let Some(object) = self.whole_schema().object(&noted.object).cloned() else { return false };
        let live = |row: &Option<Row>| row.as_ref().filter(|row| !is_deleted(row)).cloned();
        let (was, is) = (live(&noted.before), live(&noted.after));
        let kind = match (&was, &is) {
            (None, Some(_)) if noted.before.is_some() => "UNDELETE",
            (None, Some(_)) => "CREATE",
            (Some(_), Some(_)) => "UPDATE",
            (Some(_), None) => "DELETE",
            (None, None) => return false,
        };
        let (was, is) = (was.unwrap_or_default(), is.unwrap_or_default());
        let differs = |name: &&String| was.get(*name) != is.get(*name);
        let names: BTreeSet<&String> = was.keys().chain(is.keys()).filter(differs).collect();
        let names: Vec<&str> = names.into_iter().map(String::as_str).collect();
        let last = noted.after.as_ref().or(noted.before.as_ref());
        let text = |name: &str| last.and_then(|row| row.get(name)).and_then(Value::as_str);
        let at = text("LastModifiedDate").and_then(datetime::read_date_time).unwrap_or_default();
        let entity = change_entity(&object.name);
        let (shape, schema) = self.bus.shape(&entity, &object);
        let is_update = kind == "UPDATE";
        let nulled: Vec<&str> = names.iter().copied().filter(|name| !is.contains_key(*name)).collect();
        let bits = |names: &[&str]| if is_update { shape.bitmaps(names) } else { Vec::new() };
        let number = self.bus.next();
        let header = ChangeHeader {
            entity_name: object.name.clone(),
            record_ids: vec![noted.id.clone()],
            change_type: CHANGE_TYPES.iter().position(|known| *known == kind).unwrap_or_default(),
            transaction_key: format!("{commit:08x}-0000-4000-8000-000000000000"),
            sequence_number: sequence,
            commit_timestamp: at,
            commit_number: i64::try_from(commit).unwrap_or(i64::MAX),
            commit_user: text("LastModifiedById").unwrap_or_default().to_owned(),
            nulled_fields: bits(&nulled),
            changed_fields: bits(&names),
        };
        let payload = match kind {
            "DELETE" => shape.encode(Some(&header), &Row::new(), |_| false),
            "UPDATE" => shape.encode(Some(&header), &is, |name| names.contains(&name)),
            _ => shape.encode(Some(&header), &is, |_| true),
        };
        self.bus.publish(&entity, uuid(number), schema, payload, at);
        true
    }

    /// The events of a type that are still kept, oldest first.
    pub(crate) fn events(&self, object: &str) -> impl Iterator<Item = &Row> {
        self.events.iter().filter(move |(name, _)| name == object).map(|(_, row)| row)
    }
}

/// Whether records of an object are events.
pub(crate) fn is_event(object: &Object) -> bool {
    object.name.ends_with("__e")
}

/// The name of an event: its number, in the form that clients expect.
pub(crate) fn uuid(replay: u64) -> String {
    format!("00000000-0000-4000-8000-{replay:012x}")
}

/// The platform keeps events for three days; here the newest are kept.
const EVENTS_MAX: usize = 10_000;
