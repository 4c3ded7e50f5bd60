//! What is said: the events of the log of versions as `CloudEvents` 1.0, in JSON.
//!
//! Source: spec/announcements.md section 2.

use std::fmt::Write as _;

use mark::{
    digest::{Hash, sha256},
    merkle::leaf_hash,
};
use serde_json::{Value, json};

use super::notes::Note;
use crate::{
    emergency_command::entries::{Activated, Entry, Event},
    policy_command::versions::Change,
};

/// What an entry of the log says to the world; nothing of most of them.
///
/// Whoever calls this believes the entry already.
pub(super) fn of(origin: &str, index: u64, bytes: &[u8]) -> Option<Note> {
    let about = format!("{origin}#{index}");
    let made = |kind: &str, at: &str, version: &str, data: &Value| {
        note((&about, &leaf_hash(bytes)), kind, at, version, data)
    };
    if let Some(change) = Change::of(bytes) {
        let data = json!({
            "activation": about, "by": change.by, "event": change.event, "previous": change.previous,
            "reason": change.reason, "version": change.version,
        });
        return Some(made("eosin.policy.activated", &change.at, &change.version, &data));
    }
    let entry = Entry::read(bytes)?;
    let kind = match entry.event {
        Event::Prepared => return None,
        Event::Asked => "eosin.emergency.asked",
        Event::Activated => "eosin.emergency.in-force",
        Event::StoodDown => "eosin.emergency.stood-down",
    };
    let mut data = json!({
        "by": entry.by, "reason": entry.reason, "version": entry.version,
        "activation": entry.activation.clone().unwrap_or_else(|| about.clone()),
    });
    if let Some(members) = data.as_object_mut() {
        let mut add = |name: &str, value: &Option<String>| {
            if let Some(value) = value {
                members.insert(name.to_owned(), value.as_str().into());
            }
        };
        add("approved", &entry.approved);
        add("scope", &entry.scope);
        add("until", &entry.until);
        if entry.event == Event::Asked {
            members.remove("activation");
        }
    }
    Some(made(kind, &entry.at, &entry.version, &data))
}

/// That an emergency version has ended by itself.
pub(super) fn expired(place: &str, one: &Activated) -> Note {
    let (entry, until) = (&one.entry, one.request.until.to_string());
    let data = json!({
        "activation": place, "by": entry.by, "approved": entry.approved, "reason": entry.reason,
        "scope": entry.scope, "until": until, "version": entry.version,
    });
    note((place, &one.leaf), "eosin.emergency.expired", &until, &entry.version, &data)
}

/// Named after the entry as well as its place: where an older copy of the log was put back, another entry comes to stand there.
fn note((about, leaf): (&str, &Hash), kind: &str, at: &str, version: &str, data: &Value) -> Note {
    let leaf = leaf.to_hex();
    let parts = [b"eosin-announcement@2", about.as_bytes(), kind.as_bytes(), leaf.as_bytes()];
    let name = sha256(&[&parts.join(&b'\n')]).to_hex();
    let id = format!("eosin_{}", name.get(..32).unwrap_or_default());
    let origin = about.rsplit_once('#').map_or(about, |(origin, _)| origin);
    let event = json!({
        "data": data, "datacontenttype": "application/json", "id": id, "source": source(origin),
        "specversion": "1.0", "subject": version, "time": at, "type": kind,
    });
    Note {
        about: about.to_owned(),
        attempts: 0,
        due: 0,
        event: event.to_string(),
        id,
        is_recorded: false,
        kind: kind.to_owned(),
        settled: None,
        status: None,
        version: version.to_owned(),
    }
}

/// A log's name as a reference without its scheme: `//eosin.example/policy`.
fn source(origin: &str) -> String {
    let mut source = "//".to_owned();
    for byte in origin.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/:".contains(&byte) {
            source.push(char::from(byte));
        } else {
            let _written = write!(source, "%{byte:02X}");
        }
    }
    source
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_thing_has_the_same_name_and_another_has_another() {
        let made = |about: &str, entry: &str, kind: &str| {
            let about = (about, &leaf_hash(entry.as_bytes()));
            note(about, kind, "2026-11-22T09:00:00Z", "stop@0123", &Value::Null)
        };
        let one = made("a.example/policy#3", "one", "eosin.emergency.in-force");
        assert_eq!(one, made("a.example/policy#3", "one", "eosin.emergency.in-force"));
        let others = [
            made("a.example/policy#4", "one", "eosin.emergency.in-force"),
            made("b.example/policy#3", "one", "eosin.emergency.in-force"),
            made("a.example/policy#3", "two", "eosin.emergency.in-force"),
            made("a.example/policy#3", "one", "eosin.emergency.expired"),
        ];
        assert!(others.iter().all(|other| other.id != one.id));
        assert!(!one.id.contains('.') && one.id.len() == 38, "{}", one.id);
        let event: Value = serde_json::from_str(&one.event).unwrap();
        assert_eq!((&event["specversion"], &event["source"]), (&"1.0".into(), &"//a.example/policy".into()));
        assert_eq!(event["id"], one.id);
        assert_eq!(source("a b"), "//a%20b");
    }
}
