//! Bytes to readings: one a resource, and one for each resource that a Bundle, parameters or a file hold.

use std::borrow::Cow;

use mark::{
    Claim, Form, Place, Reading, Record, Unreadable,
    json::{self, Json, Members},
};

use super::{
    BRAND_SYSTEM, MARK_EXTENSION, SUBJECT_SYSTEM, TEST_CODE, TEST_SYSTEM,
    file::records_of,
    held::{At, Files, Found, Held, apart},
    interaction::is_type_name,
    patch::PATCHED_TYPE,
    route::Route,
    xml,
};
use crate::{Limits, Readings, Unit, misplaced::bears_label};

/// Reads what a judged request carries.
///
/// Shape:  body after content decoding -> one reading a resource, in the order of the body.
/// Bounds: `limits`; past them one reading that says so.
/// Errors: none; what cannot be read is itself a reading.
/// Never:  believes a label, or reads a media type other than FHIR's JSON and XML, but for what a Binary is.
/// Source: spec/carriers.md section 3.
pub fn read<'a>(route: &Route, content_type: Option<&str>, body: &'a [u8], limits: &Limits) -> Readings<'a> {
    let media = media(content_type);
    let expected = match route {
        Route::Create { resource_type } | Route::Update { resource_type } => {
            if resource_type == "Binary" && matches!(media, Err(NotFhir::Other(_))) {
                return read_file(content_type.unwrap_or_default(), body, limits);
            }
            Expected::Type(resource_type)
        }
        Route::Bundle => Expected::Bundle,
        Route::Operation { .. } => Expected::Anything,
        // Only what it makes can be judged, and only the shell can know what is there.
        Route::Patch { resource_type, .. } if content_type == Some(PATCHED_TYPE) => {
            Expected::Type(resource_type)
        }
        Route::Patch { .. } => {
            return one(Err(shape(
                "is a patch of a resource that was not read, so what it makes is not known",
            )));
        }
        Route::Delete if body.is_empty() => return Readings { unit: Unit::Whole, records: Vec::new() },
        Route::Delete => return one(Err(shape("carries a body on a DELETE, which is not read"))),
    };
    match media {
        Ok(media) => read_expected(&expected, media, body, limits, Files::Read),
        Err(NotFhir::Other(reason) | NotFhir::Never(reason)) => one(Err(reason)),
    }
}

/// Reads a file: one resource of any type, or a Bundle of any type.
///
/// Shape:  one JSON text -> one reading a resource, in the order of the text.
/// Bounds: `limits`; past them one reading that says so.
/// Errors: none; what cannot be read is itself a reading.
pub fn read_document<'a>(body: &'a [u8], limits: &Limits) -> Readings<'a> {
    read_document_in(Media::Json, body, limits)
}

/// The same, in either of FHIR's formats: what an answer of a server holds.
pub fn read_document_in<'a>(media: Media, body: &'a [u8], limits: &Limits) -> Readings<'a> {
    read_expected(&Expected::Anything, media, body, limits, Files::Read)
}

/// The same of a file that may be marked: what is in a file inside it is content of what holds that.
pub(crate) fn read_to_mark<'a>(body: &'a [u8], limits: &Limits) -> Readings<'a> {
    read_expected(&Expected::Anything, Media::Json, body, limits, Files::Left)
}

/// A line of a file that is delivered.
#[derive(Debug)]
pub struct DeliveredLine<'a> {
    /// What is judged of it, as [`read_document`] tells; a mark away from its place makes a record unreadable, as in a file.
    pub records: Vec<Reading<'a>>,
    /// Whether whoever reads the file finds one record in it that can be read.
    pub is_one: bool,
}

/// Reads a line of a file on its way to a client.
///
/// Shape:  as [`read_document`]; where `is_one`, whoever reads the file has the first record, and no other is a labelled one.
/// Bounds: `limits`; past them one reading that says so.
/// Source: spec/carriers.md sections 3.9 and 4.1.
pub fn read_delivered<'a>(line: &'a [u8], limits: &Limits) -> DeliveredLine<'a> {
    let records = read_expected(&Expected::Anything, Media::Json, line, limits, Files::Delivered).records;
    let is_one = records.split_first().is_some_and(|(first, held)| {
        // What is inside another stands at a path, and is told with it.
        let is_resource = first.content.as_ref().is_ok_and(|record| first.place.reference == record.object);
        is_resource && !held.iter().any(|reading| bears_label(&reading.content))
    });
    DeliveredLine { records, is_one }
}

/// Reads a line of NDJSON: one resource, which is not a Bundle.
pub(crate) fn read_line<'a>(line: &'a [u8], limits: &Limits) -> Result<Record<'a>, Unreadable> {
    read_resource(parse(Media::Json, line, limits)?, limits)
}

/// Reads a resource that stands beside others, and is not a Bundle.
pub(super) fn read_resource<'a>(members: Members<'a>, limits: &Limits) -> Result<Record<'a>, Unreadable> {
    match resource_type(&members)? {
        "Bundle" => Err(shape("is a Bundle in a line; give it as a file of its own")),
        _ => apart(members, limits),
    }
}

/// How FHIR is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Media {
    /// `application/fhir+json`.
    Json,
    /// `application/fhir+xml`.
    Xml,
}

impl Media {
    /// What a media type says, if it is one of FHIR's, in UTF-8.
    pub fn of(content_type: &str) -> Option<Self> {
        media(Some(content_type)).ok()
    }
}

enum Expected<'r> {
    Type(&'r str),
    Bundle,
    Anything,
}

fn read_expected<'a>(
    expected: &Expected<'_>,
    media: Media,
    body: &'a [u8],
    limits: &Limits,
    files: Files,
) -> Readings<'a> {
    let members = match parse(media, body, limits) {
        Ok(members) => members,
        Err(reason) => return one(Err(reason)),
    };
    let found = match resource_type(&members) {
        Ok(found) => found,
        Err(reason) => return one(Err(reason)),
    };
    let fits = match expected {
        Expected::Type(wanted) => found == *wanted,
        // A server that notifies a subscriber posts one resource to the address that it was given.
        Expected::Bundle | Expected::Anything => true,
    };
    if !fits {
        return one(Err(shape("has a resourceType that does not fit its address")));
    }
    // Only where a batch is carried out does each entry get an answer; a stored one is kept or refused. What is taken
    // out of a batch in XML could not be put back into its answer.
    let unit = match (expected, media) {
        (Expected::Bundle, Media::Json) if is_batch(&members) => Unit::PerRecord,
        (Expected::Bundle | Expected::Type(_) | Expected::Anything, _) => Unit::Whole,
    };
    let mut found = Found::new(*limits, files);
    found.resource(members, &At::default());
    match found.within() {
        Ok(held) => Readings { unit, records: held.into_iter().enumerate().map(reading).collect() },
        Err(reason) => one(Err(reason)),
    }
}

fn reading((index, held): (usize, Held<'_>)) -> Reading<'_> {
    let Held { path, content, .. } = held;
    let reference = match (&content, path.is_empty()) {
        (Ok(record), true) => record.object.clone().into_owned(),
        (Ok(record), false) => format!("{path} {}", record.object),
        (Err(_), true) => "body".to_owned(),
        (Err(_), false) => path,
    };
    Reading { place: Place { index, reference }, content }
}

/// A Binary that is sent as what it is: its records, or a record of which nothing is known.
fn read_file<'a>(content_type: &str, body: &'a [u8], limits: &Limits) -> Readings<'a> {
    if body.len() > limits.body_bytes {
        return one(Err(Unreadable::TooLong { limit: limits.body_bytes }));
    }
    let held = records_of(content_type, "", body, limits);
    if held.is_empty() {
        let file = (Cow::Borrowed("contentType"), Json::Text(Cow::Owned(content_type.to_owned())));
        let object = Cow::Borrowed("Binary");
        return one(Ok(Record {
            form: Form::Fhir,
            object,
            fields: vec![file],
            mark: None,
            claim: Claim::None,
        }));
    }
    let records = held.into_iter().enumerate().map(|(index, content)| {
        let place = format!("Binary file record {}", index + 1);
        let reference = content.as_ref().map(|record| format!("{place} {}", record.object));
        let place = Place { index, reference: reference.unwrap_or(place) };
        Reading { place, content }
    });
    Readings { unit: Unit::Whole, records: records.collect() }
}

/// The members of the one object that `body` is.
pub(super) fn parse<'a>(media: Media, body: &'a [u8], limits: &Limits) -> Result<Members<'a>, Unreadable> {
    if body.len() > limits.body_bytes {
        return Err(Unreadable::TooLong { limit: limits.body_bytes });
    }
    if media == Media::Xml {
        return xml::parse(body);
    }
    match json::parse(body)? {
        Json::Object(members) => Ok(members),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) | Json::Array(_) => {
            Err(shape("is not a JSON object"))
        }
    }
}

/// What the entries of a Bundle carry, in order. An entry that only reads or deletes carries nothing.
pub(super) fn entries(bundle: Members<'_>, files: Files) -> Vec<Held<'_>> {
    let mut found = Found::new(Limits { body_bytes: usize::MAX, records: usize::MAX }, files);
    found.bundle(bundle, &At::default());
    found.list
}

/// Whether a Bundle is a batch, whose entries stand alone.
pub(super) fn is_batch(bundle: &Members<'_>) -> bool {
    let says = |name, word| member(bundle, name).and_then(Json::text) == Some(word);
    says("resourceType", "Bundle") && says("type", "batch")
}

/// The resource type, if it can be the name of one.
pub(super) fn resource_type<'m>(members: &'m Members<'_>) -> Result<&'m str, Unreadable> {
    let name =
        member(members, "resourceType").and_then(Json::text).ok_or_else(|| shape("has no resourceType"))?;
    if is_type_name(name) { Ok(name) } else { Err(shape("has a resourceType that is not a name")) }
}

/// The covered elements, the mark and the claim of one resource that is not a Bundle.
pub(super) fn record(members: Members<'_>) -> Result<Record<'_>, Unreadable> {
    match resource_type(&members)? {
        "Bundle" => return Err(shape("is a Bundle where one resource is read")),
        "Parameters" => return Err(shape("is a Parameters resource where one resource is read")),
        _ => {}
    }
    let mut object = Cow::Borrowed("");
    let mut fields = Vec::with_capacity(members.len());
    let mut mark = None;
    let mut claim = Claim::None;
    for (name, value) in members {
        match (name.as_ref(), value) {
            ("resourceType", Json::Text(text)) => object = text,
            ("meta", value) => claim = stronger(claim, meta_claim(Some(&value))),
            ("id" | "_id" | "implicitRules" | "_implicitRules" | "language" | "_language" | "text", _) => {}
            ("extension", Json::Array(items)) => {
                let kept = take_mark(items, &mut mark)?;
                fields.push((name, Json::Array(kept)));
            }
            ("identifier", Json::Array(mut items)) => {
                let before = items.len();
                items.retain(|item| !is_brand(item));
                if items.len() < before {
                    claim = Claim::Synthetic;
                }
                fields.push((name, Json::Array(items)));
            }
            ("contained", value) => {
                for inner in value.items() {
                    claim = stronger(claim, contained_claim(inner));
                }
                fields.push((name, value));
            }
            (_, value) => fields.push((name, value)),
        }
    }
    // An array that held nothing but our own labels was not there before they were placed.
    fields.retain(|(_, value)| !matches!(value, Json::Array(items) if items.is_empty()));
    Ok(Record { form: Form::Fhir, object, fields, mark, claim })
}

/// Takes the mark out of the extensions; the others stay, in their order.
fn take_mark<'a>(items: Vec<Json<'a>>, mark: &mut Option<Cow<'a, str>>) -> Result<Vec<Json<'a>>, Unreadable> {
    let mut kept = Vec::with_capacity(items.len());
    for item in items {
        if item.get("url").and_then(Json::text) != Some(MARK_EXTENSION) {
            kept.push(item);
            continue;
        }
        let Json::Object(members) = item else { continue };
        let value = members.into_iter().find(|(name, _)| name == "valueString").map(|(_, value)| value);
        let Some(Json::Text(text)) = value else {
            return Err(shape("has a mark that is not a valueString"));
        };
        if mark.replace(text).is_some() {
            return Err(shape("has more than one mark"));
        }
    }
    Ok(kept)
}

/// What a resource inside another says of itself: it makes the whole a claim, for it is part of the content.
fn contained_claim(resource: &Json<'_>) -> Claim {
    let branded = resource.get("identifier").is_some_and(|items| items.items().iter().any(is_brand));
    let labelled = meta_claim(resource.get("meta")) == Claim::Synthetic;
    // R4 has one level of them; what breaks that rule says no less.
    let deeper = resource.get("contained").map_or(&[][..], Json::items);
    let labelled = labelled || deeper.iter().any(|inner| contained_claim(inner) == Claim::Synthetic);
    if branded || labelled { Claim::Synthetic } else { Claim::None }
}

fn is_brand(identifier: &Json<'_>) -> bool {
    identifier.get("system").and_then(Json::text) == Some(BRAND_SYSTEM)
}

pub(super) fn meta_claim(meta: Option<&Json<'_>>) -> Claim {
    let codes = |list: &str, system: &str, code: &str| {
        let codings = meta.and_then(|meta| meta.get(list)).map_or(&[][..], Json::items);
        let text =
            |coding: &Json<'_>, name: &str, want: &str| coding.get(name).and_then(Json::text) == Some(want);
        codings.iter().any(|coding| text(coding, "system", system) && text(coding, "code", code))
    };
    if codes("security", TEST_SYSTEM, TEST_CODE)
        || codes("tag", SUBJECT_SYSTEM, "synthetic")
        || codes("tag", SUBJECT_SYSTEM, "mixed")
    {
        Claim::Synthetic
    } else if codes("tag", SUBJECT_SYSTEM, "attested") {
        Claim::Attested
    } else {
        Claim::None
    }
}

/// Of two claims the one that asks for more care: synthetic before attested before nothing.
pub(super) fn stronger(one: Claim, other: Claim) -> Claim {
    match (one, other) {
        (Claim::Synthetic, _) | (_, Claim::Synthetic) => Claim::Synthetic,
        (Claim::Attested, _) | (_, Claim::Attested) => Claim::Attested,
        (Claim::None, Claim::None) => Claim::None,
    }
}

/// Why a media type is not FHIR's.
enum NotFhir {
    /// It is that of something else, which only a Binary may be.
    Other(Unreadable),
    /// Nothing may be sent so.
    Never(Unreadable),
}

/// How a body of this media type is written: in FHIR's JSON or XML, in UTF-8.
///
/// Source: RFC 9110 section 8.3.1; FHIR R4 "Content Types and encodings".
fn media(content_type: Option<&str>) -> Result<Media, NotFhir> {
    let content_type = content_type
        .ok_or_else(|| NotFhir::Never(shape("has no Content-Type; send application/fhir+json")))?;
    let mut parts = content_type.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    let is = |known: [&str; 3]| known.iter().any(|known| essence.eq_ignore_ascii_case(known));
    let media = if is(["application/fhir+json", "application/json", "application/json+fhir"]) {
        Media::Json
    } else if is(["application/fhir+xml", "application/xml", "text/xml"]) {
        Media::Xml
    } else {
        let sentence = "is not in a media type that is read; send application/fhir+json";
        return Err(NotFhir::Other(shape(sentence)));
    };
    for parameter in parts {
        let Some((name, value)) = parameter.split_once('=') else { continue };
        let utf8 = value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8");
        if name.trim().eq_ignore_ascii_case("charset") && !utf8 {
            return Err(NotFhir::Never(shape("is in a charset other than UTF-8")));
        }
    }
    Ok(media)
}

pub(super) fn member<'m, 'a>(members: &'m Members<'a>, name: &str) -> Option<&'m Json<'a>> {
    members.iter().find(|(key, _)| key == name).map(|(_, value)| value)
}

/// A whole reading of one record, or of why there is none.
fn one(content: Result<Record<'_>, Unreadable>) -> Readings<'_> {
    let reference = content.as_ref().map_or("body".into(), |record| record.object.clone().into_owned());
    Readings { unit: Unit::Whole, records: vec![Reading { place: Place { index: 0, reference }, content }] }
}

pub(super) fn shape(sentence: &str) -> Unreadable {
    Unreadable::Shape(sentence.to_owned())
}
