//! Bytes to readings: one a message.

use std::{borrow::Cow, collections::BTreeMap};

use mark::{Claim, Form, Mark, Place, Reading, Record, Subject, Unreadable, json::Json};

use super::{
    BRAND_AUTHORITY, BRAND_NAMESPACE, MARK_SEGMENT, ORDER_FIELD, SECURITY_PREFIX, encapsulated,
    envelope::Envelope,
    message::{Message, Segment},
    shape,
    split::pieces,
    value::canonical,
};
use crate::{
    Limits, Readings, Unit,
    misplaced::{MISPLACED, holds_mark_text},
};

/// Reads the messages that `bytes` hold: bare, framed for MLLP, in batch envelopes, or mixed.
///
/// Shape:  one reading a message, in order; lines that belong to no message are one reading that says so.
/// Bounds: `limits.body_bytes` a message; past `limits.records`, 10,000 messages or 1,000,000 fields one reading that says
///         so. About a hundred bytes a field beside three times the text.
/// Errors: none; what cannot be read is itself a reading.
/// Source: spec/hl7v2.md.
pub fn read<'a>(bytes: &'a [u8], limits: &Limits) -> Readings<'a> {
    let most = limits.records.min(MESSAGES_MAX);
    let (mut records, mut fields) = (Vec::new(), 0);
    for reading in each(bytes, 0, limits) {
        fields += reading.content.as_ref().map_or(0, |record| record.fields.len());
        records.push(reading);
        let says = if records.len() > most {
            Unreadable::TooMany { limit: most }
        } else if fields > FIELDS_MAX {
            shape("holds more than 1,000,000 fields")
        } else {
            continue;
        };
        let place = Place { index: 0, reference: "body".to_owned() };
        return Readings { unit: Unit::Whole, records: vec![Reading { place, content: Err(says) }] };
    }
    Readings { unit: Unit::Whole, records }
}

/// What is read at once is held at once, and a message of thirty bytes takes four thousand.
pub(super) const MESSAGES_MAX: usize = 10_000;
const FIELDS_MAX: usize = 1_000_000;
/// A message of more was made by nobody who has something to say.
const MESSAGE_FIELDS_MAX: usize = 100_000;

/// Reads what stands in one frame: it goes on as a whole or not at all, and one without a message or a batch is unreadable.
///
/// Shape, bounds and errors are those of [`read()`].
/// Source: spec/mllp.md section 3.
pub fn read_frame<'a>(frame: &'a [u8], limits: &Limits) -> Readings<'a> {
    let mut readings = read(frame, limits);
    if readings.records.is_empty() && !Envelope::of(frame).is_batch() {
        let place = place_of(0);
        readings.records.push(Reading { place, content: Err(shape("is a frame without a message")) });
    }
    readings
}

/// The readings of a chunk whose first message is number `first` of its file, from 0.
pub(crate) fn readings<'a>(bytes: &'a [u8], first: usize, limits: &Limits) -> Vec<Reading<'a>> {
    each(bytes, first, limits).collect()
}

fn each<'a>(bytes: &'a [u8], first: usize, limits: &Limits) -> impl Iterator<Item = Reading<'a>> {
    pieces(bytes, limits.body_bytes).enumerate().map(move |(at, (range, reason))| {
        let message = bytes.get(range).unwrap_or_default();
        let content = reason.map_or_else(|| read_message(message, limits), Err);
        Reading { place: place_of(first + at), content }
    })
}

/// The place of the message that is number `index` of its file, from 0.
pub(crate) fn place_of(index: usize) -> Place {
    Place { index, reference: format!("message {}", index + 1) }
}

/// How many readings these bytes give.
pub(crate) fn count(bytes: &[u8], message_bytes_max: usize) -> usize {
    pieces(bytes, message_bytes_max).count()
}

/// The bytes of each reading's message.
pub(crate) fn message_bytes(bytes: &[u8], message_bytes_max: usize) -> Vec<&[u8]> {
    pieces(bytes, message_bytes_max).map(|(range, _)| bytes.get(range).unwrap_or_default()).collect()
}

/// Reads one message, as it stands between MLLP's framing bytes.
///
/// MSH is not covered, for every router rewrites it, but for the message's type and event: they say what happened.
///
/// Shape:  one message -> one record; values in canonical separators whatever the message uses.
/// Bounds: `limits.body_bytes`; memory of about three times the message.
/// Errors: why it cannot be read, with a segment's number at most.
/// Never:  believes a label, a count or a length that the message names.
/// Source: spec/hl7v2.md.
pub fn read_message<'a>(message: &'a [u8], limits: &Limits) -> Result<Record<'a>, Unreadable> {
    if message.len() > limits.body_bytes {
        return Err(Unreadable::TooLong { limit: limits.body_bytes });
    }
    let message = Message::parse(message)?;
    let event = value(&message, message.header(9))?;
    let mut parts = event.split('^');
    let object = parts.next().unwrap_or_default().trim().to_owned();
    if object.is_empty() {
        return Err(shape("names no message type in MSH-9"));
    }
    if !is_code(object.as_bytes()) {
        return Err(shape("names a message type in MSH-9 that is not three capitals or digits"));
    }
    let event = match parts.next() {
        Some(trigger) if !trigger.is_empty() => format!("{object}^{trigger}"),
        _ => object.clone(),
    };
    let mut covered = Covered { fields: Vec::with_capacity(64), ..Covered::new(*limits) };
    covered.fields.push((Cow::Borrowed("MSH-9"), Json::Text(Cow::Owned(event))));
    let (mut mark, mut claim) = (None, header_claim(&message)?);
    let mut is_marked = false;
    for segment in message.segments.iter().skip(1) {
        if segment.name == MARK_SEGMENT.as_bytes() {
            if is_marked {
                return Err(shape("carries more than one ZEO segment"));
            }
            is_marked = true;
            claim = mark_claim(&message, segment, claim)?;
            mark = Some(value(&message, nth(&message, segment, 6))?).filter(|text| !text.trim().is_empty());
        } else if [b"MSH", b"FHS", b"BHS", b"BTS", b"FTS"].iter().any(|name| segment.name == *name) {
            return Err(shape("holds another message, or the envelope of a batch"));
        } else {
            covered.add(&message, segment)?;
        }
    }
    let others = message.segments.iter().filter(|segment| segment.name != MARK_SEGMENT.as_bytes());
    if others.map(|segment| segment.body).any(holds_mark_text) {
        return Err(shape(MISPLACED));
    }
    if covered.is_branded {
        claim = Claim::Synthetic;
        if mark.as_deref().and_then(subject_of) == Some(Subject::Attested) {
            return Err(shape(
                "bears the mark of a person, and in PID-3 an identifier of a synthetic patient",
            ));
        }
    }
    Ok(Record { form: Form::Hl7v2, object: Cow::Owned(object), fields: covered.done(), mark, claim })
}

/// Whether this is a message type or an event: the ledger shows them, and anything else could be somebody's name.
pub(super) fn is_code(name: &[u8]) -> bool {
    name.len() == 3 && name.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

/// What a mark says of itself, whoever made it.
fn subject_of(text: &str) -> Option<Subject> {
    text.parse().ok().map(|mark: Mark| mark.subject)
}

/// The covered values, collected segment by segment.
struct Covered<'a> {
    limits: Limits,
    fields: Vec<(Cow<'a, str>, Json<'a>)>,
    order: String,
    // What stands in the second and further segments of a name; none yet for a name seen once.
    further: BTreeMap<&'a [u8], Option<String>>,
    is_branded: bool,
}

impl<'a> Covered<'a> {
    fn new(limits: Limits) -> Self {
        let (fields, order, further) = (Vec::new(), String::new(), BTreeMap::new());
        Self { limits, fields, order, further, is_branded: false }
    }

    fn add(&mut self, message: &Message<'a>, segment: &Segment<'a>) -> Result<(), Unreadable> {
        let name = std::str::from_utf8(segment.name).map_err(|_| shape("names a segment that is no name"))?;
        if !name.starts_with('Z') {
            if !self.order.is_empty() {
                self.order.push(' ');
            }
            self.order.push_str(name);
        }
        let values = segment.fields(message.separators).enumerate().skip(1);
        match self.further.get_mut(segment.name) {
            None => {
                self.further.insert(segment.name, None);
                for (number, field) in values.filter(|(_, field)| !field.is_empty()) {
                    let value = covered(message, name, number, field, &mut self.is_branded)?;
                    encapsulated::without_labelled(&value, &self.limits)?;
                    if self.fields.len() >= MESSAGE_FIELDS_MAX {
                        return Err(shape("holds more than 100,000 fields"));
                    }
                    if !value.is_empty() {
                        self.fields.push((Cow::Owned(field_name(name, number)), Json::Text(value)));
                    }
                }
            }
            Some(text) => {
                let text = match text {
                    Some(text) => {
                        text.push('\n');
                        text
                    }
                    None => text.insert(String::new()),
                };
                // Separators of empty fields are written when a value comes after them.
                let mut skipped = 0;
                for (number, field) in values {
                    let value = covered(message, name, number, field, &mut self.is_branded)?;
                    encapsulated::without_labelled(&value, &self.limits)?;
                    if value.is_empty() {
                        skipped += 1;
                    } else {
                        text.extend(std::iter::repeat_n('|', skipped + 1));
                        text.push_str(&value);
                        skipped = 0;
                    }
                }
            }
        }
        Ok(())
    }

    fn done(mut self) -> Vec<(Cow<'a, str>, Json<'a>)> {
        for (name, text) in self.further {
            if let Some(text) = text {
                let name = format!("{}[2..]", String::from_utf8_lossy(name));
                self.fields.push((Cow::Owned(name), Json::Text(Cow::Owned(text))));
            }
        }
        if !self.order.is_empty() {
            self.fields.push((Cow::Borrowed(ORDER_FIELD), Json::Text(Cow::Owned(self.order))));
        }
        self.fields
    }
}

fn field_name(segment: &str, number: usize) -> String {
    let mut name = String::with_capacity(segment.len() + 4);
    name.push_str(segment);
    name.push('-');
    name.push_str(&number.to_string());
    name
}

fn nth<'a>(message: &Message<'a>, segment: &Segment<'a>, number: usize) -> &'a [u8] {
    segment.fields(message.separators).nth(number).unwrap_or_default()
}

fn value<'a>(message: &Message<'a>, field: &'a [u8]) -> Result<Cow<'a, str>, Unreadable> {
    Ok(canonical(message.text(field)?, message.separators))
}

/// A covered value: PID-3 without our repetitions.
fn covered<'a>(
    message: &Message<'a>,
    segment: &str,
    number: usize,
    field: &'a [u8],
    is_branded: &mut bool,
) -> Result<Cow<'a, str>, Unreadable> {
    let value = value(message, field)?;
    if segment != "PID" || number != 3 || !value.split('~').any(is_brand) {
        return Ok(value);
    }
    *is_branded = true;
    let others: Vec<&str> = value.split('~').filter(|repetition| !is_brand(repetition)).collect();
    Ok(Cow::Owned(others.join("~").trim_end_matches('~').to_owned()))
}

/// Whether a canonical repetition of PID-3 was issued by our authority: by its universal id, or by its namespace alone.
pub(super) fn is_brand(repetition: &str) -> bool {
    let authority = repetition.split('^').nth(3).unwrap_or_default();
    let mut parts = authority.split('&');
    let (namespace, universal) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    universal == BRAND_AUTHORITY || (universal.is_empty() && namespace == BRAND_NAMESPACE)
}

fn header_claim(message: &Message<'_>) -> Result<Claim, Unreadable> {
    let security = value(message, message.header(8))?;
    let processing = value(message, message.header(11))?;
    let processing = processing.split('^').next().unwrap_or_default().trim();
    if security.starts_with(SECURITY_PREFIX) || matches!(processing, "T" | "N" | "D") {
        return Ok(Claim::Synthetic);
    }
    Ok(Claim::None)
}

fn mark_claim<'a>(message: &Message<'a>, segment: &Segment<'a>, header: Claim) -> Result<Claim, Unreadable> {
    let subject = value(message, nth(message, segment, 2))?;
    match (subject.as_ref(), header) {
        ("attested", Claim::None | Claim::Attested) => Ok(Claim::Attested),
        _ => Ok(Claim::Synthetic),
    }
}
