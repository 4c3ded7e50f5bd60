//! An event of a topic as a `CloudEvent`: what `flow` reads, judges and sorts as any other.

use std::fmt;

use data_encoding::BASE64;
use jiff::{Timestamp, tz::Offset};
use serde_json::{Map, Value, json};

use crate::{
    avro::{Clock, Schema},
    message::ProducerEvent,
};

/// An event, ready to be taken: one `CloudEvent` in JSON.
///
/// Debug shows sizes only.
#[derive(Clone, PartialEq, Eq)]
pub struct Event {
    /// `application/cloudevents+json`; its data is `{"header": …, "change": …, "record": …}`.
    pub json: String,
}

/// The pointer to the record, or the array of records, in an event's data.
pub const RECORD: &str = "/record";

/// What the org's fields say of the class of a record.
const SUBJECT: &str = "Eosin_Subject__c";
const SYNTHETIC: &str = "Eosin_Synthetic__c";
const CHANGE_HEADER: &str = "ChangeEventHeader";

/// An event as it came, read as far as it can be.
#[derive(Clone)]
pub(crate) struct Came<'e> {
    source: String,
    sent: &'e ProducerEvent,
    replay_id: &'e [u8],
    /// Header and fields; nothing where no schema reads it.
    read: Option<(Map<String, Value>, Map<String, Value>)>,
}

impl<'e> Came<'e> {
    /// Reads an event by its schema.
    pub(crate) fn read(
        instance: &str,
        topic: &str,
        schema: Option<&Schema>,
        sent: &'e ProducerEvent,
        replay_id: &'e [u8],
    ) -> Self {
        let read = schema.and_then(|schema| {
            let Value::Object(fields) = schema.decode(&sent.payload).ok()? else { return None };
            Some(parted(schema, fields))
        });
        Self { source: format!("{}{topic}", instance.trim_end_matches('/')), sent, replay_id, read }
    }

    /// The records that it is about, if it is a change of this object.
    pub(crate) fn changed(&self, object: &str) -> Option<Vec<String>> {
        let (header, _) = self.read.as_ref()?;
        let is_of = header.get("entityName").and_then(Value::as_str) == Some(object);
        let ids = header.get("recordIds").and_then(Value::as_array).filter(|_| is_of)?;
        ids.iter().map(|id| id.as_str().map(str::to_owned)).collect()
    }

    /// The event with the records that it carries itself.
    pub(crate) fn alone(&self) -> Event {
        let Some((header, fields)) = &self.read else { return self.unread() };
        self.event(header, json!({ "header": header, "record": fields }), std::slice::from_ref(fields))
    }

    /// The event with the records as the org has them. What the org has no more is there as far as the event says it,
    /// so that nobody can take the others for all.
    pub(crate) fn with(&self, ids: &[String], mut records: Vec<Map<String, Value>>) -> Event {
        let Some((header, fields)) = &self.read else { return self.unread() };
        for id in ids {
            let is_it =
                |record: &Map<String, Value>| record.get("Id").and_then(Value::as_str) == Some(id.as_str());
            if !records.iter().any(is_it) {
                let mut record = fields.clone();
                record.insert("Id".to_owned(), id.as_str().into());
                records.push(record);
            }
        }
        let shown = match records.as_slice() {
            [one] => json!(one),
            several => json!(several),
        };
        self.event(header, json!({ "header": header, "change": fields, "record": shown }), &records)
    }

    /// The event as nobody can read it: its payload as it came, which is kept rather than lost.
    pub(crate) fn unread(&self) -> Event {
        let mut members = self.members("com.salesforce.event");
        members.insert("data_base64".to_owned(), BASE64.encode(&self.sent.payload).into());
        members.insert("datacontenttype".to_owned(), "avro/binary".into());
        let schema: String = self
            .sent
            .schema_id
            .chars()
            .filter(|letter| letter.is_ascii_alphanumeric() || "-_".contains(*letter))
            .collect();
        if !schema.is_empty() {
            members.insert("dataschema".to_owned(), schema.into());
        }
        Event { json: Value::Object(members).to_string() }
    }

    fn event(&self, header: &Map<String, Value>, data: Value, records: &[Map<String, Value>]) -> Event {
        let change = header.get("changeType").and_then(Value::as_str);
        let kind = change.map_or_else(
            || "com.salesforce.event".to_owned(),
            |change| format!("com.salesforce.change.{}", change.to_ascii_lowercase()),
        );
        let mut members = self.members(&kind);
        if let Some(class) = class(records) {
            members.insert("eosinclass".to_owned(), class.into());
        }
        members.insert("data".to_owned(), data);
        Event { json: Value::Object(members).to_string() }
    }

    fn members(&self, kind: &str) -> Map<String, Value> {
        let name = match self.sent.id.as_str() {
            "" => BASE64.encode(self.replay_id),
            id => id.to_owned(),
        };
        let mut members = Map::new();
        for (member, value) in
            [("specversion", "1.0"), ("id", name.as_str()), ("source", self.source.as_str()), ("type", kind)]
        {
            members.insert(member.to_owned(), value.into());
        }
        members
    }
}

/// The class that all records say of themselves; where they differ there is none.
fn class(records: &[Map<String, Value>]) -> Option<String> {
    let said = |record: &Map<String, Value>| {
        if record.get(SYNTHETIC) == Some(&Value::Bool(true)) {
            return Some("synthetic".to_owned());
        }
        record.get(SUBJECT).and_then(Value::as_str).map(str::to_ascii_lowercase)
    };
    let mut classes = records.iter().map(said);
    let first = classes.next()??;
    classes.all(|class| class.as_ref() == Some(&first)).then_some(first)
}

/// A change event's header and its fields; of any other event all of it is fields.
fn parted(schema: &Schema, mut fields: Map<String, Value>) -> (Map<String, Value>, Map<String, Value>) {
    for (name, value) in &mut fields {
        if let (Some(clock), Some(number)) = (schema.clock(name), value.as_i64()) {
            *value = told(clock, number).map_or(Value::Null, Value::String);
        }
    }
    let Some(Value::Object(mut header)) = fields.shift_remove(CHANGE_HEADER) else {
        return (Map::new(), flattened(fields, |_| true));
    };
    let list = |name: &str| header.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let changed = listed(schema, &list("changedFields"));
    let nulled = listed(schema, &list("nulledFields"));
    // What is null and did not become so was not sent.
    let is_told = |name: &str| nulled.iter().chain(&changed).any(|one| one == name);
    let mut record = flattened(fields, is_told);
    for name in &nulled {
        if !record.contains_key(name) {
            record.insert(name.clone(), Value::Null);
        }
    }
    // Bitmaps over a schema that the consumer has not: as names they say what they mean.
    for (name, names) in [("changedFields", changed), ("nulledFields", nulled)] {
        if header.contains_key(name) {
            header.insert(name.to_owned(), names.into());
        }
    }
    (header, record)
}

/// A day or a moment as rows of REST spell it.
fn told(clock: Clock, milliseconds: i64) -> Option<String> {
    let moment = Timestamp::from_millisecond(milliseconds).ok()?;
    let utc = Offset::UTC.to_datetime(moment);
    let shape = match clock {
        Clock::Day => "%Y-%m-%d",
        Clock::Moment => "%Y-%m-%dT%H:%M:%S%.3f+0000",
    };
    Some(utc.strftime(shape).to_string())
}

/// A record's fields as rows have them: `Name` of a person and addresses are records within the record.
fn flattened(fields: Map<String, Value>, is_told: impl Fn(&str) -> bool) -> Map<String, Value> {
    let mut record = Map::new();
    for (name, value) in fields {
        match value {
            Value::Null if !is_told(&name) => {}
            Value::Object(parts) => {
                let prefix = name.strip_suffix("Address").filter(|_| name != "Name").unwrap_or_default();
                for (part, value) in parts.into_iter().filter(|(_, value)| !value.is_null()) {
                    record.insert(format!("{prefix}{part}"), value);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                record.insert(name, value);
            }
        }
    }
    record
}

/// The names that a header's bitmaps mean: `0x…` over the record's fields, `3-0x…` over those within its fourth.
///
/// A bitmap that reaches beyond the schema means nothing there.
///
/// Source: Salesforce, "Event deserialization considerations": bits from the right, in hexadecimal.
fn listed(schema: &Schema, bitmaps: &[Value]) -> Vec<String> {
    let mut names = Vec::new();
    let fields = schema.fields();
    for bitmap in bitmaps.iter().filter_map(Value::as_str) {
        match bitmap.split_once('-') {
            None => names.extend(bits(bitmap).filter_map(|at| fields.get(at)).map(|name| (*name).to_owned())),
            Some((position, bitmap)) => {
                let Ok(position) = position.parse::<usize>() else { continue };
                let parent = fields.get(position).copied().unwrap_or_default();
                let prefix = parent.strip_suffix("Address").unwrap_or_default();
                let within = schema.fields_within(position);
                names.extend(
                    bits(bitmap).filter_map(|at| within.get(at)).map(|name| format!("{prefix}{name}")),
                );
            }
        }
    }
    names
}

/// The positions of the bits that are set, the last digit's lowest first.
fn bits(bitmap: &str) -> impl Iterator<Item = usize> {
    let digits = bitmap.strip_prefix("0x").unwrap_or_default();
    let digits: Vec<u32> =
        digits.chars().rev().map_while(|digit| digit.to_digit(16)).take(BITMAP_DIGITS_MAX).collect();
    digits
        .into_iter()
        .enumerate()
        .flat_map(|(at, digit)| (0..4).filter(move |bit| digit >> bit & 1 == 1).map(move |bit| at * 4 + bit))
}

/// An object has at most a thousand fields or so.
const BITMAP_DIGITS_MAX: usize = 1024;

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Event({} bytes)", self.json.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: &str = r#"{"type":"record","name":"ContactChangeEvent","fields":[
      {"name":"ChangeEventHeader","type":{"type":"record","name":"H","fields":[
        {"name":"changeType","type":"string"},
        {"name":"entityName","type":"string"},
        {"name":"recordIds","type":{"type":"array","items":"string"}},
        {"name":"changedFields","type":{"type":"array","items":"string"}},
        {"name":"nulledFields","type":{"type":"array","items":"string"}}]}},
      {"name":"Name","type":["null",{"type":"record","name":"N","fields":[
        {"name":"FirstName","type":["null","string"]},{"name":"LastName","type":["null","string"]}]}]},
      {"name":"Phone","type":["null","string"]},
      {"name":"Email","type":["null","string"]},
      {"name":"Eosin_Subject__c","type":["null","string"]}]}"#;

    fn text(text: &str) -> Vec<u8> {
        [vec![u8::try_from(text.len() * 2).unwrap()], text.as_bytes().to_vec()].concat()
    }

    fn sent(payload: Vec<u8>) -> ProducerEvent {
        ProducerEvent { id: "uuid".to_owned(), schema_id: "s".to_owned(), payload: payload.into() }
    }

    fn update() -> ProducerEvent {
        let header = [text("UPDATE"), text("Contact"), vec![2], text("003A"), vec![0]].concat();
        let bits = [vec![4], text("0x10"), text("1-0x2"), vec![0, 2], text("0x4"), vec![0]].concat();
        let name = [vec![2, 0, 2], text("Bell")].concat();
        let rest = [vec![0, 0, 2], text("synthetic")].concat();
        sent([header, bits, name, rest].concat())
    }

    #[test]
    fn a_change_event_is_the_record_as_far_as_it_changed() {
        let schema = Schema::parse(SCHEMA).unwrap();
        let sent = update();
        let came = Came::read("https://org.example/", "/data/ContactChangeEvent", Some(&schema), &sent, &[1]);
        let json: Value = serde_json::from_str(&came.alone().json).unwrap();
        assert_eq!(json["source"], "https://org.example/data/ContactChangeEvent");
        assert_eq!(
            (&json["type"], &json["eosinclass"]),
            (&"com.salesforce.change.update".into(), &"synthetic".into())
        );
        let own = json!({"LastName":"Bell","Phone":null,"Eosin_Subject__c":"synthetic"});
        assert_eq!(json["data"]["record"], own);
        assert_eq!(json["data"]["header"]["changedFields"], json!(["Eosin_Subject__c", "LastName"]));
        assert_eq!(json["data"]["header"]["nulledFields"], json!(["Phone"]));
        assert_eq!(came.changed("Lead"), None);
        let ids = came.changed("Contact").unwrap();
        assert_eq!(ids, ["003A"]);
        let row = |id: &str, class: &str| json!({"Id": id, SUBJECT: class}).as_object().unwrap().clone();
        let json: Value = serde_json::from_str(&came.with(&ids, vec![row("003A", "Attested")]).json).unwrap();
        assert_eq!((&json["eosinclass"], &json["data"]["change"]), (&"attested".into(), &own));
        assert_eq!(json["data"]["record"]["Id"], "003A");
        // Another record than the one that changed does not speak for it.
        let json: Value = serde_json::from_str(&came.with(&ids, vec![row("003B", "attested")]).json).unwrap();
        assert_eq!(
            (json.get("eosinclass"), json["data"]["record"].as_array().map(Vec::len)),
            (None, Some(2))
        );
    }

    #[test]
    fn what_no_schema_reads_is_handed_on_unread() {
        let schema = Schema::parse(SCHEMA).unwrap();
        let sent = sent(vec![0xff; 4]);
        for schema in [None, Some(&schema)] {
            let came = Came::read("https://org.example", "/event/A__e", schema, &sent, &[1]);
            for event in [came.alone(), came.with(&[], Vec::new()), came.unread()] {
                let json: Value = serde_json::from_str(&event.json).unwrap();
                assert_eq!((&json["data_base64"], &json["id"]), (&"/////w==".into(), &"uuid".into()));
                assert!(json.get("data").is_none() && json.get("eosinclass").is_none());
            }
        }
    }

    #[test]
    fn days_and_moments_are_spelled_as_rows_spell_them() {
        let schema = r#"{"type":"record","name":"V__e","fields":[
          {"name":"CreatedDate","type":"long","doc":"CreatedDate:DateTime"},
          {"name":"Day__c","type":["null","long"],"doc":"Data:DateOnly:00N"},
          {"name":"Count__c","type":"long","doc":"Data:Double"}]}"#;
        let schema = Schema::parse(schema).unwrap();
        let sent = sent(vec![0, 2, 1, 2]);
        let json: Value =
            serde_json::from_str(&Came::read("h", "/event/V__e", Some(&schema), &sent, &[]).alone().json)
                .unwrap();
        let want = json!({"CreatedDate":"1970-01-01T00:00:00.000+0000","Day__c":"1969-12-31","Count__c":1});
        assert_eq!(json["data"]["record"], want);
    }

    #[test]
    fn a_bitmap_beyond_its_schema_means_nothing() {
        let schema = Schema::parse(SCHEMA).unwrap();
        let listed = |bitmap: &str| listed(&schema, &[bitmap.into()]);
        assert_eq!(listed("0x6"), ["Name", "Phone"]);
        assert_eq!(listed("1-0x3"), ["FirstName", "LastName"]);
        for odd in ["", "0x", "x", "9-0xff", "-0x1", "0xfffffffffffffffff00", "1-", "1-0x80"] {
            assert!(listed(odd).is_empty(), "{odd}");
        }
    }
}
