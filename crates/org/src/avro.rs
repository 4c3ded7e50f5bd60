//! Avro as far as events need it: a schema made of an object's fields, rows into payloads, payloads into members.

use data_encoding::BASE64URL_NOPAD;
use serde_json::{Map, Value, json};

use crate::datetime;
use crate::schema::{Field, Kind, Object};
use crate::store::Row;

/// What a payload of one schema is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shape {
    /// The record's name.
    pub(crate) name: String,
    /// Whether it begins with the header of a change event.
    pub(crate) is_change: bool,
    pub(crate) parts: Vec<Part>,
}

/// One field of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    /// Its name in the schema.
    pub(crate) name: String,
    /// The field of the row that it is; of a record within the record, the compound field.
    pub(crate) source: String,
    pub(crate) form: Form,
    /// Whether it may be null.
    pub(crate) optional: bool,
    doc: String,
}

/// What a value looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Form {
    Boolean,
    Int,
    /// Milliseconds since 1970, of a date or a moment.
    Moment,
    Double,
    Text,
    /// Fields within a compound field.
    Within(Vec<Part>),
}

/// The header that every change event begins with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ChangeHeader {
    pub(crate) entity_name: String,
    pub(crate) record_ids: Vec<String>,
    /// A place in [`CHANGE_TYPES`].
    pub(crate) change_type: usize,
    pub(crate) transaction_key: String,
    pub(crate) sequence_number: i64,
    pub(crate) commit_timestamp: i64,
    pub(crate) commit_number: i64,
    pub(crate) commit_user: String,
    pub(crate) nulled_fields: Vec<String>,
    pub(crate) changed_fields: Vec<String>,
}

/// The kinds of change; this org makes the first four.
pub(crate) const CHANGE_TYPES: [&str; 10] = [
    "CREATE",
    "UPDATE",
    "DELETE",
    "UNDELETE",
    "GAP_CREATE",
    "GAP_UPDATE",
    "GAP_DELETE",
    "GAP_UNDELETE",
    "GAP_OVERFLOW",
    "SNAPSHOT",
];

impl Shape {
    /// A platform event's.
    pub(crate) fn of_event(object: &Object) -> Self {
        let fixed = |name: &str, form, doc: &str| Part {
            name: name.to_owned(),
            source: name.to_owned(),
            form,
            optional: false,
            doc: doc.to_owned(),
        };
        let mut parts = vec![
            fixed("CreatedDate", Form::Moment, "CreatedDate:DateTime"),
            fixed("CreatedById", Form::Text, "CreatedBy:EntityId"),
        ];
        parts.extend(object.fields.iter().filter(|field| field.custom).filter_map(part));
        Self { name: object.name.clone(), is_change: false, parts }
    }

    /// A change event's: every field that can change, those of a compound field within it.
    pub(crate) fn of_change(object: &Object, name: &str) -> Self {
        let mut parts: Vec<Part> = Vec::new();
        for field in &object.fields {
            let hidden = ["Id", "IsDeleted", "SystemModstamp"].contains(&field.name.as_str());
            let parent = field.compound.as_deref().filter(|parent| *parent != field.name);
            match (part(field), parent) {
                _ if hidden || field.formula.is_some() => {}
                (Some(mut part), Some(parent)) => {
                    let prefix = parent.strip_suffix("Address").unwrap_or_default();
                    if let Some(short) = part.name.strip_prefix(prefix) {
                        part.name = short.into();
                    }
                    within(&mut parts, parent, part);
                }
                (Some(part), None) if !parts.iter().any(|known| known.name == part.name) => parts.push(part),
                _ => {}
            }
        }
        Self { name: name.to_owned(), is_change: true, parts }
    }

    /// The schema, as JSON.
    pub(crate) fn json(&self) -> String {
        let mut named: Vec<(String, Vec<Part>)> = Vec::new();
        let mut fields = Vec::new();
        if self.is_change {
            fields.push(change_header());
        }
        fields.extend(self.parts.iter().map(|part| schema_of(part, &mut named)));
        json!({
            "type": "record",
            "name": self.name,
            "namespace": "com.sforce.eventbus",
            "fields": fields,
        })
        .to_string()
    }

    /// A row's payload: those of its fields that are wanted, with the header of a change.
    pub(crate) fn encode(
        &self,
        header: Option<&ChangeHeader>,
        row: &Row,
        wanted: impl Fn(&str) -> bool,
    ) -> Vec<u8> {
        let mut out = Vec::new();
        if let Some(header) = header {
            header.write(&mut out);
        }
        for part in &self.parts {
            put_part(&mut out, part, row, &wanted);
        }
        out
    }

    /// The members of a payload by the fields that they are; nothing where another schema wrote it.
    pub(crate) fn decode(&self, payload: &[u8]) -> Option<Map<String, Value>> {
        let mut rest = payload;
        let mut members = Map::new();
        for part in &self.parts {
            take_part(&mut rest, part, &mut members)?;
        }
        rest.is_empty().then_some(members)
    }

    /// The bitmaps that name these fields: one over the record's own, one for each record within it.
    pub(crate) fn bitmaps(&self, fields: &[&str]) -> Vec<String> {
        let has = |source: &str| fields.contains(&source);
        let first = usize::from(self.is_change);
        let is_own = |part: &Part| has(&part.source) && !matches!(part.form, Form::Within(_));
        let own = self.parts.iter().enumerate().filter(|(_, part)| is_own(part)).map(|(at, _)| at + first);
        let mut bitmaps: Vec<String> = bitmap(own).into_iter().collect();
        for (at, part) in self.parts.iter().enumerate() {
            let Form::Within(parts) = &part.form else { continue };
            let inner = parts.iter().enumerate().filter(|(_, part)| has(&part.source)).map(|(at, _)| at);
            bitmaps.extend(bitmap(inner).map(|inner| format!("{}-{inner}", at + first)));
        }
        bitmaps
    }
}

/// The name of a schema: the same for the same text.
pub(crate) fn fingerprint(schema: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, schema.as_bytes());
    BASE64URL_NOPAD.encode(digest.as_ref().get(..16).unwrap_or_default())
}

fn within(parts: &mut Vec<Part>, parent: &str, inner: Part) {
    let place = parts.iter().position(|part| part.source == parent);
    let at = place.unwrap_or_else(|| {
        parts.push(Part {
            name: parent.to_owned(),
            source: parent.to_owned(),
            form: Form::Within(Vec::new()),
            optional: true,
            doc: format!("Data:{}", if parent == "Name" { "PersonName" } else { "Address" }),
        });
        parts.len() - 1
    });
    let Some(part) = parts.get_mut(at) else { return };
    if !matches!(part.form, Form::Within(_)) {
        part.form = Form::Within(Vec::new());
    }
    if let Form::Within(inside) = &mut part.form {
        inside.push(inner);
    }
}

/// A field that rides in events; compound fields are made of the fields within.
fn part(field: &Field) -> Option<Part> {
    let (form, kind) = match field.kind {
        Kind::Boolean => (Form::Boolean, "Boolean"),
        Kind::Int => (Form::Int, "Integer"),
        Kind::Double | Kind::Currency | Kind::Percent => (Form::Double, "Double"),
        Kind::Date => (Form::Moment, "DateOnly"),
        Kind::DateTime => (Form::Moment, "DateTime"),
        Kind::Id | Kind::Reference => (Form::Text, "EntityId"),
        Kind::String
        | Kind::TextArea
        | Kind::Email
        | Kind::Phone
        | Kind::Url
        | Kind::Picklist
        | Kind::MultiPicklist
        | Kind::ComboBox
        | Kind::Time => (Form::Text, "Text"),
        Kind::EncryptedString | Kind::Address | Kind::Location | Kind::Base64 => return None,
    };
    Some(Part {
        name: field.name.clone(),
        source: field.name.clone(),
        form,
        optional: true,
        doc: format!("Data:{kind}"),
    })
}

fn schema_of(part: &Part, named: &mut Vec<(String, Vec<Part>)>) -> Value {
    let plain = match &part.form {
        Form::Boolean => json!("boolean"),
        Form::Int => json!("int"),
        Form::Moment => json!("long"),
        Form::Double => json!("double"),
        Form::Text => json!("string"),
        Form::Within(inner) => {
            let usual = if part.name == "Name" { "PersonName" } else { "Address" };
            let shape = |parts: &[Part]| -> Vec<(String, Form)> {
                parts.iter().map(|part| (part.name.clone(), part.form.clone())).collect()
            };
            match named.iter().find(|(name, _)| name == usual) {
                // A name is defined once; from then on it is enough.
                Some((_, known)) if shape(known) == shape(inner) => json!(usual),
                known => {
                    let name = known.map_or(usual, |_| part.name.as_str()).to_owned();
                    named.push((name.clone(), inner.clone()));
                    let fields: Vec<Value> = inner.iter().map(|part| schema_of(part, named)).collect();
                    json!({"type": "record", "name": name, "fields": fields})
                }
            }
        }
    };
    if part.optional {
        json!({"name": part.name, "type": ["null", plain], "doc": part.doc, "default": null})
    } else {
        json!({"name": part.name, "type": plain, "doc": part.doc})
    }
}

fn change_header() -> Value {
    let texts = || json!({"type": "array", "items": "string"});
    let kinds = json!({"type": "enum", "name": "ChangeType", "symbols": CHANGE_TYPES});
    let member = |name: &str, kind: Value| json!({"name": name, "type": kind});
    let fields = [
        member("entityName", json!("string")),
        member("recordIds", texts()),
        member("changeType", kinds),
        member("changeOrigin", json!("string")),
        member("transactionKey", json!("string")),
        member("sequenceNumber", json!("int")),
        member("commitTimestamp", json!("long")),
        member("commitNumber", json!("long")),
        member("commitUser", json!("string")),
        member("nulledFields", texts()),
        member("diffFields", texts()),
        member("changedFields", texts()),
    ];
    member(
        "ChangeEventHeader",
        json!({"type": "record", "name": "ChangeEventHeader", "namespace": "com.sforce.eventbus", "fields": fields}),
    )
}

impl ChangeHeader {
    fn write(&self, out: &mut Vec<u8>) {
        put_text(out, &self.entity_name);
        put_texts(out, &self.record_ids);
        put_count(out, self.change_type);
        put_text(out, "");
        put_text(out, &self.transaction_key);
        put_whole(out, self.sequence_number);
        put_whole(out, self.commit_timestamp);
        put_whole(out, self.commit_number);
        put_text(out, &self.commit_user);
        put_texts(out, &self.nulled_fields);
        put_texts(out, &[]);
        put_texts(out, &self.changed_fields);
    }
}

fn put_part(out: &mut Vec<u8>, part: &Part, row: &Row, wanted: &impl Fn(&str) -> bool) {
    if let Form::Within(parts) = &part.form {
        let any = parts.iter().any(|part| wanted(&part.source) && row.contains_key(&part.source));
        put_whole(out, i64::from(any));
        if any {
            for part in parts {
                put_part(out, part, row, wanted);
            }
        }
        return;
    }
    let value = row.get(&part.source).filter(|_| wanted(&part.source));
    let mut written = Vec::new();
    let fits = value.is_some_and(|value| put_value(&mut written, &part.form, value).is_some());
    if part.optional {
        put_whole(out, i64::from(fits));
    }
    if fits {
        out.extend(written);
    } else if !part.optional {
        // What has to be there and is not: zero, or no letter.
        put_whole(out, 0);
    }
}

fn put_value(out: &mut Vec<u8>, form: &Form, value: &Value) -> Option<()> {
    match form {
        Form::Boolean => out.push(u8::from(value.as_bool()?)),
        Form::Int => put_whole(out, value.as_i64()?),
        Form::Moment => {
            let text = value.as_str()?;
            let date = || datetime::read_date(text).map(|days| days * 86_400_000);
            put_whole(out, datetime::read_date_time(text).or_else(date)?);
        }
        Form::Double => out.extend(value.as_f64()?.to_le_bytes()),
        Form::Text => put_text(out, value.as_str()?),
        Form::Within(_) => return None,
    }
    Some(())
}

fn take_part(rest: &mut &[u8], part: &Part, members: &mut Map<String, Value>) -> Option<()> {
    if part.optional {
        match take_whole(rest)? {
            0 => return Some(()),
            1 => {}
            _ => return None,
        }
    }
    let value = match &part.form {
        Form::Boolean => match take(rest, 1)? {
            [0] => Value::Bool(false),
            [1] => Value::Bool(true),
            _ => return None,
        },
        Form::Int => Value::from(take_whole(rest)?),
        Form::Moment if part.doc.ends_with("DateOnly") => {
            Value::from(datetime::spell_date(take_whole(rest)?.div_euclid(86_400_000)))
        }
        Form::Moment => Value::from(datetime::spell_date_time(take_whole(rest)?)),
        Form::Double => Value::from(f64::from_le_bytes(take(rest, 8)?.try_into().ok()?)),
        Form::Text => {
            let length = usize::try_from(take_whole(rest)?).ok()?;
            Value::from(std::str::from_utf8(take(rest, length)?).ok()?)
        }
        Form::Within(parts) => {
            return parts.iter().try_for_each(|part| take_part(rest, part, members));
        }
    };
    members.insert(part.source.clone(), value);
    Some(())
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, after) = rest.split_at_checked(count)?;
    *rest = after;
    Some(taken)
}

fn take_whole(rest: &mut &[u8]) -> Option<i64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let &[byte] = take(rest, 1)? else { return None };
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            let half = i64::try_from(value >> 1).ok()?;
            return Some(if value & 1 == 0 { half } else { -half - 1 });
        }
    }
    None
}

/// A zigzag varint.
fn put_whole(out: &mut Vec<u8>, value: i64) {
    let mut left = ((value << 1) ^ (value >> 63)).cast_unsigned();
    while left >= 0x80 {
        out.push(u8::try_from(left & 0x7f).unwrap_or(0) | 0x80);
        left >>= 7;
    }
    out.push(u8::try_from(left).unwrap_or(0));
}

fn put_count(out: &mut Vec<u8>, count: usize) {
    put_whole(out, i64::try_from(count).unwrap_or(i64::MAX));
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_count(out, text.len());
    out.extend(text.as_bytes());
}

fn put_texts(out: &mut Vec<u8>, texts: &[String]) {
    if !texts.is_empty() {
        put_count(out, texts.len());
        for text in texts {
            put_text(out, text);
        }
    }
    put_whole(out, 0);
}

/// Bits from the right, in hexadecimal; nothing if none is set.
fn bitmap(places: impl Iterator<Item = usize>) -> Option<String> {
    let mut digits: Vec<u32> = Vec::new();
    for place in places {
        let at = place / 4;
        if digits.len() <= at {
            digits.resize(at + 1, 0);
        }
        if let Some(digit) = digits.get_mut(at) {
            *digit |= 1 << (place % 4);
        }
    }
    let text: String = digits
        .iter()
        .rev()
        .filter_map(|digit| char::from_digit(*digit, 16))
        .collect::<String>()
        .to_uppercase();
    (!text.is_empty()).then(|| format!("0x{text}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Schema;

    #[test]
    fn bits_are_counted_from_the_right() {
        assert_eq!(bitmap([0, 5, 9].into_iter()).as_deref(), Some("0x221"));
        assert_eq!(bitmap(std::iter::empty()), None);
    }

    #[test]
    fn whole_numbers_are_zigzags() {
        for (value, want) in [(0, vec![0]), (-1, vec![1]), (1, vec![2]), (64, vec![0x80, 1])] {
            let mut out = Vec::new();
            put_whole(&mut out, value);
            assert_eq!(out, want);
            assert_eq!(take_whole(&mut out.as_slice()), Some(value));
        }
        for value in [i64::MIN, i64::MAX] {
            let mut out = Vec::new();
            put_whole(&mut out, value);
            assert_eq!(take_whole(&mut out.as_slice()), Some(value));
        }
    }

    #[test]
    fn a_contact_has_a_name_and_addresses_within() {
        let schema = Schema::shipped();
        let shape = Shape::of_change(schema.object("Contact").unwrap(), "ContactChangeEvent");
        let json: Value = serde_json::from_str(&shape.json()).unwrap();
        let names: Vec<&str> =
            json["fields"].as_array().unwrap().iter().map(|field| field["name"].as_str().unwrap()).collect();
        assert_eq!(names[0], "ChangeEventHeader");
        assert!(names.contains(&"MailingAddress") && !names.contains(&"MailingCity"), "{names:?}");
        assert!(names.contains(&"Name") && !names.contains(&"FirstName"), "{names:?}");
        // The second address is of the type that the first defined.
        assert!(shape.json().matches(r#"["null","Address"]"#).count() >= 1);
        let bits = shape.bitmaps(&["Email", "MailingCity"]);
        assert_eq!(bits.len(), 2);
        assert!(bits[0].starts_with("0x") && bits[1].contains("-0x"), "{bits:?}");
    }
}
