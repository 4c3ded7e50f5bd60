//! `CloudEvents` 1.0 over HTTP: one event in JSON, a batch of them, or attributes in header fields and data in the body.
//!
//! Source: `CloudEvents` 1.0.2, its JSON format and its HTTP protocol binding; spec/webhooks.md section 2.2.

use std::borrow::Cow;

use mark::{
    Place, Reading, Unreadable,
    json::{Json, Members},
};

use super::{
    Cut, Event, EventMap, Events, Identity, Message, Said,
    json::{records, said},
    shape,
};
use crate::{Limits, span};

const STRUCTURED: &str = "application/cloudevents+json";
const BATCHED: &str = "application/cloudevents-batch+json";
/// The extension attribute that says the class, unless the map names another.
const CLASS: &str = "eosinclass";

const STANDARD: [&str; 10] = [
    "id",
    "source",
    "specversion",
    "type",
    "datacontenttype",
    "dataschema",
    "subject",
    "time",
    "data",
    "data_base64",
];

pub(super) fn read<'a>(
    map: &EventMap,
    message: &Message<'a>,
    limits: &Limits,
) -> Result<Events<'a>, Unreadable> {
    let body = message.body;
    let kind = message.content_type.map(essence).unwrap_or_default();
    if !kind.starts_with("application/cloudevents") {
        return binary(map, message, &kind, limits);
    }
    if !message.attributes.is_empty() {
        return Err(shape("has its attributes in header fields and in its body"));
    }
    let value = mark::json::parse(body)?;
    let at = span::whole(body).ok_or_else(|| shape("is no event"))?;
    match (kind.as_str(), value) {
        (STRUCTURED, Json::Object(members)) => {
            let list = vec![structured(map, members, 0, limits)?];
            Ok(Events { list, cut: Cut::One })
        }
        (BATCHED, Json::Array(values)) => {
            let items = span::items(body, &at).filter(|items| items.len() == values.len());
            let items = items.ok_or_else(|| shape("is no batch of events"))?;
            let list = values.into_iter().enumerate().map(|(position, value)| match value {
                Json::Object(members) => structured(map, members, position, limits),
                Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) | Json::Array(_) => {
                    Err(shape("has an event that is no object"))
                }
            });
            Ok(Events { list: list.collect::<Result<_, _>>()?, cut: Cut::List { at, items } })
        }
        (STRUCTURED | BATCHED, _) => Err(shape("is not what its content type says: one event or a batch")),
        _ => Err(shape("has events in a format that is not read here; send JSON")),
    }
}

/// An event in JSON.
fn structured<'a>(
    map: &EventMap,
    members: Members<'a>,
    position: usize,
    limits: &Limits,
) -> Result<Event<'a>, Unreadable> {
    let mut attributes: Vec<(&str, &Json<'_>)> = Vec::new();
    for (name, value) in &members {
        match (name.as_ref(), value) {
            ("data" | "data_base64", _) | (_, Json::Null) => {}
            (name, value) if is_attribute(name) => attributes.push((name, value)),
            _ => return Err(shape("has an attribute whose name is not small letters and digits")),
        }
    }
    let text = |wanted: &str| match attributes.iter().find(|(name, _)| *name == wanted) {
        Some((_, Json::Text(text))) => Ok(Some(text.as_ref())),
        Some(_) => Err(shape("has an attribute that should be text and is not")),
        None => Ok(None),
    };
    if attributes.iter().any(|(_, value)| matches!(value, Json::Array(_) | Json::Object(_))) {
        return Err(shape("has an attribute that is neither text, number nor truth"));
    }
    let checked = Attributes {
        specversion: text("specversion")?,
        id: text("id")?,
        source: text("source")?,
        kind: text("type")?,
        subject: text("subject")?,
        time: text("time")?,
    };
    let name = checked.check()?;
    let class = map.class.as_deref().unwrap_or(CLASS);
    let said = said(attributes.iter().find(|(name, _)| *name == class).map(|(_, value)| *value));
    let is_json = text("datacontenttype")?.is_none_or(|kind| is_json(&essence(kind)));
    let (mut data, mut encoded) = (None, false);
    for (name, value) in members {
        match name.as_ref() {
            "data" => data = Some(value),
            "data_base64" => encoded = value != Json::Null,
            _ => {}
        }
    }
    let records = match data {
        Some(_) if encoded => return Err(shape("has both `data` and `data_base64`")),
        _ if encoded => unread(position, "has its data in base64, which is not read here"),
        None => Vec::new(),
        Some(_) if !is_json => unread(position, "has data that is not JSON, which is not read here"),
        Some(data) => records(map, data, position, limits),
    };
    Ok(Event { identity: Identity::Named(name), said, records })
}

/// Attributes in header fields, data in the body.
fn binary<'a>(
    map: &EventMap,
    message: &Message<'a>,
    kind: &str,
    limits: &Limits,
) -> Result<Events<'a>, Unreadable> {
    let mut attributes: Vec<(&str, String)> = Vec::with_capacity(message.attributes.len());
    for (name, value) in message.attributes {
        let value = unescaped(value).ok_or_else(|| shape("has an attribute with a bad escape"))?;
        if !is_attribute(name) || attributes.iter().any(|(other, _)| other == name) {
            return Err(shape("has an attribute twice, or one whose name is not small letters and digits"));
        }
        attributes.push((name, value));
    }
    if attributes.is_empty() {
        return Err(shape("is no CloudEvent: it has neither its content type nor `ce-` header fields"));
    }
    let text =
        |wanted: &str| attributes.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.as_str());
    let checked = Attributes {
        specversion: text("specversion"),
        id: text("id"),
        source: text("source"),
        kind: text("type"),
        subject: text("subject"),
        time: text("time"),
    };
    let name = checked.check()?;
    let said = text(map.class.as_deref().unwrap_or(CLASS)).map_or(Said::Nothing, |word| match word.trim() {
        "" => Said::Nothing,
        word => Said::word(word),
    });
    let records = if message.body.is_empty() {
        Vec::new()
    } else if is_json(kind) {
        records(map, mark::json::parse(message.body)?, 0, limits)
    } else {
        unread(0, "has data that is not JSON, which is not read here")
    };
    let list = vec![Event { identity: Identity::Named(name), said, records }];
    Ok(Events { list, cut: Cut::One })
}

/// The attributes with a meaning of their own.
struct Attributes<'e> {
    specversion: Option<&'e str>,
    id: Option<&'e str>,
    source: Option<&'e str>,
    kind: Option<&'e str>,
    subject: Option<&'e str>,
    time: Option<&'e str>,
}

impl Attributes<'_> {
    /// What names the event: its source and its id together.
    fn check(&self) -> Result<String, Unreadable> {
        match self.specversion {
            Some("1.0") => {}
            Some(_) => return Err(shape("is of a version of CloudEvents that is not read here; send 1.0")),
            None => return Err(shape("has no `specversion`")),
        }
        let full = |value: Option<&str>| value.is_some_and(|value| !value.is_empty());
        if !full(self.id) || !full(self.source) || !full(self.kind) {
            return Err(shape("lacks one of the attributes `id`, `source` and `type`"));
        }
        if self.subject == Some("") {
            return Err(shape("has an empty subject"));
        }
        if self.time.is_some_and(|time| !is_moment(time)) {
            return Err(shape("has a time that is not one of RFC 3339"));
        }
        if self.source.is_some_and(|source| source.bytes().any(|byte| byte <= b' ' || byte == b'"')) {
            return Err(shape("has a source that is no URI"));
        }
        Ok(format!("{}\n{}", self.source.unwrap_or_default(), self.id.unwrap_or_default()))
    }
}

/// Whether this can be the name of an extension attribute.
pub(super) fn is_extension(name: &str) -> bool {
    name.len() <= 20 && is_attribute(name) && !STANDARD.contains(&name)
}

fn is_attribute(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

/// The media type without parameters, in small letters.
fn essence(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn is_json(kind: &str) -> bool {
    kind.rsplit_once('/').is_some_and(|(_, sub)| sub == "json" || sub.ends_with("+json"))
}

/// The shape of a moment; whether the day exists does not matter here.
fn is_moment(text: &str) -> bool {
    let Some((date, rest)) = text.split_once(['T', 't']) else { return false };
    let digits = |text: &str, shape: &str| {
        text.len() == shape.len()
            && text.bytes().zip(shape.bytes()).all(|(byte, wanted)| match wanted {
                b'0' => byte.is_ascii_digit(),
                other => byte == other,
            })
    };
    let Some((clock, zone)) = rest.split_at_checked(8) else { return false };
    let zone = match zone.strip_prefix('.') {
        Some(rest) => {
            let end = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
            if end == 0 {
                return false;
            }
            rest.get(end..).unwrap_or_default()
        }
        None => zone,
    };
    digits(date, "0000-00-00")
        && digits(clock, "00:00:00")
        && (zone.eq_ignore_ascii_case("z") || digits(zone, "+00:00") || digits(zone, "-00:00"))
}

/// A header field's value with its percent escapes resolved.
///
/// Source: `CloudEvents` HTTP protocol binding 1.0.2 section 3.1.3.2.
fn unescaped(value: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let high = char::from(rest.next()?).to_digit(16)?;
            let low = char::from(rest.next()?).to_digit(16)?;
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    let text = String::from_utf8(bytes).ok()?;
    let quoted = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    Some(quoted.map(Cow::from).unwrap_or(Cow::from(text.as_str())).into_owned())
}

fn unread<'a>(event: usize, why: &str) -> Vec<Reading<'a>> {
    vec![Reading {
        place: Place { index: 0, reference: format!("event[{event}]") },
        content: Err(shape(why)),
    }]
}
