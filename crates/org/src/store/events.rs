//! Platform events: published, kept in order, read back by whoever owns the org.

use serde_json::Value;

use super::{Author, Row, Store};
use crate::datetime;
use crate::schema::Object;

impl Store {
    /// Takes an event in; unlike a record it stays, whatever becomes of the request.
    pub(super) fn enqueue(&mut self, author: &Author, object: &Object, id: &str, mut row: Row) {
        let replay = self.events_seen + 1;
        self.events_seen = replay;
        row.insert("Id".into(), Value::from(id));
        row.insert("ReplayId".into(), Value::from(replay.to_string()));
        row.insert("EventUuid".into(), Value::from(uuid(replay)));
        row.insert("CreatedDate".into(), Value::from(datetime::spell_date_time(author.now_ms)));
        row.insert("CreatedById".into(), Value::from(author.user.as_str()));
        if self.events.len() >= EVENTS_MAX {
            self.events.pop_front();
        }
        self.events.push_back((object.name.clone(), row));
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
