//! Bytes to readings: one a resource, and one for each entry of a Bundle that carries a resource.

use std::borrow::Cow;

use mark::{
    Claim, Form, Place, Reading, Record, Unreadable,
    json::{self, Json, Members},
};

use super::{
    BRAND_SYSTEM, MARK_EXTENSION, SUBJECT_SYSTEM, TEST_CODE, TEST_SYSTEM,
    interaction::is_type_name,
    route::{self, Route},
};
use crate::{Door, Limits, Readings, Unit};

/// Reads what a judged request carries.
///
/// Shape:  body after content decoding -> one reading a resource, in the order of the body.
/// Bounds: `limits`; past them one reading that says so.
/// Errors: none; what cannot be read is itself a reading.
/// Never:  believes a label, or reads a media type other than FHIR's JSON.
/// Source: spec/carriers.md section 3.
pub fn read<'a>(route: &Route, content_type: Option<&str>, body: &'a [u8], limits: &Limits) -> Readings<'a> {
    let expected = match route {
        Route::Create { resource_type } | Route::Update { resource_type } => Expected::Type(resource_type),
        Route::Bundle => Expected::Bundle,
        Route::Operation { .. } => Expected::Anything,
        Route::Patch { .. } => return one(Err(shape("is a patch, which is not read"))),
        Route::Delete if body.is_empty() => return Readings { unit: Unit::Whole, records: Vec::new() },
        Route::Delete => return one(Err(shape("carries a body on a DELETE, which is not read"))),
    };
    if let Err(reason) = is_fhir_json(content_type) {
        return one(Err(reason));
    }
    read_expected(&expected, body, limits)
}

/// Reads a file: one resource of any type, or a Bundle of any type.
///
/// Shape:  one JSON text -> one reading a resource, in the order of the text.
/// Bounds: `limits`; past them one reading that says so.
/// Errors: none; what cannot be read is itself a reading.
pub fn read_document<'a>(body: &'a [u8], limits: &Limits) -> Readings<'a> {
    read_expected(&Expected::Anything, body, limits)
}

/// Reads a line of NDJSON: one resource, which is not a Bundle.
pub(crate) fn read_line<'a>(line: &'a [u8], limits: &Limits) -> Result<Record<'a>, Unreadable> {
    read_resource(parse(line, limits)?)
}

/// Reads a resource that stands beside others, and is not a Bundle.
pub(super) fn read_resource(members: Members<'_>) -> Result<Record<'_>, Unreadable> {
    match resource_type(&members)? {
        "Bundle" => Err(shape("is a Bundle in a line; give it as a file of its own")),
        _ => record(members),
    }
}

enum Expected<'r> {
    Type(&'r str),
    Bundle,
    Anything,
}

fn read_expected<'a>(expected: &Expected<'_>, body: &'a [u8], limits: &Limits) -> Readings<'a> {
    let members = match parse(body, limits) {
        Ok(members) => members,
        Err(reason) => return one(Err(reason)),
    };
    let found = match resource_type(&members) {
        Ok(found) => found,
        Err(reason) => return one(Err(reason)),
    };
    let fits = match expected {
        Expected::Type(wanted) => found == *wanted,
        Expected::Bundle => found == "Bundle",
        Expected::Anything => true,
    };
    if !fits {
        return one(Err(shape("has a resourceType that does not fit its address")));
    }
    if found != "Bundle" {
        return one(record(members));
    }
    // Only where a batch is carried out does each entry get an answer; a stored one is kept or refused.
    let unit = match expected {
        Expected::Bundle if is_batch(&members) => Unit::PerRecord,
        Expected::Bundle | Expected::Type(_) | Expected::Anything => Unit::Whole,
    };
    let mut records = Vec::new();
    for Entry { position, content } in entries(members) {
        if records.len() >= limits.records {
            return one(Err(Unreadable::TooMany { limit: limits.records }));
        }
        let reference = match &content {
            Ok(record) => format!("entry[{position}] {}", record.object),
            Err(_) => format!("entry[{position}]"),
        };
        records.push(Reading { place: Place { index: records.len(), reference }, content });
    }
    Readings { unit, records }
}

/// The members of the one JSON object that `body` is.
fn parse<'a>(body: &'a [u8], limits: &Limits) -> Result<Members<'a>, Unreadable> {
    if body.len() > limits.body_bytes {
        return Err(Unreadable::TooLong { limit: limits.body_bytes });
    }
    match json::parse(body)? {
        Json::Object(members) => Ok(members),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) | Json::Array(_) => {
            Err(shape("is not a JSON object"))
        }
    }
}

/// One entry of a Bundle that carries a record, or something that cannot be read as one.
pub(super) struct Entry<'a> {
    /// Zero-based position in `Bundle.entry`, which also counts entries that carry nothing.
    pub(super) position: usize,
    pub(super) content: Result<Record<'a>, Unreadable>,
}

/// The entries of a Bundle that carry something. An entry that only reads or deletes carries nothing.
pub(super) fn entries(bundle: Members<'_>) -> Vec<Entry<'_>> {
    let inherited = meta_claim(member(&bundle, "meta"));
    let entries = match bundle.into_iter().find(|(name, _)| name == "entry") {
        None | Some((_, Json::Null)) => Vec::new(),
        Some((_, Json::Array(entries))) => entries,
        Some((_, Json::Bool(_) | Json::Number(_) | Json::Text(_) | Json::Object(_))) => {
            return vec![Entry { position: 0, content: Err(shape("has an entry that is not an array")) }];
        }
    };
    let mut found = Vec::new();
    for (position, entry) in entries.into_iter().enumerate() {
        if let Some(mut content) = entry_content(entry) {
            if let Ok(record) = &mut content {
                record.claim = stronger(record.claim, inherited);
            }
            found.push(Entry { position, content });
        }
    }
    found
}

/// Whether a Bundle is a batch, whose entries stand alone.
pub(super) fn is_batch(bundle: &Members<'_>) -> bool {
    let says = |name, word| member(bundle, name).and_then(Json::text) == Some(word);
    says("resourceType", "Bundle") && says("type", "batch")
}

fn entry_content(entry: Json<'_>) -> Option<Result<Record<'_>, Unreadable>> {
    let Json::Object(mut members) = entry else {
        return Some(Err(shape("is not an object")));
    };
    let outcome = member(&members, "response").and_then(|response| response.get("outcome"));
    let hidden = outcome
        .is_some_and(|outcome| outcome.get("resourceType").and_then(Json::text) != Some("OperationOutcome"));
    if hidden {
        return Some(Err(shape("carries a resource in its response, which is not read")));
    }
    let resource =
        members.iter().position(|(name, _)| name == "resource").map(|at| members.swap_remove(at).1);
    let resource = match resource {
        None | Some(Json::Null) => None,
        Some(Json::Object(resource)) => Some(resource),
        Some(Json::Bool(_) | Json::Number(_) | Json::Text(_) | Json::Array(_)) => {
            return Some(Err(shape("has a resource that is not an object")));
        }
    };
    if let Some(request) = member(&members, "request")
        && let Err(reason) = fits_request(request, resource.as_ref())
    {
        return Some(Err(reason));
    }
    resource.map(record)
}

/// Whether an entry's request does with its resource what can be read: create or update it, or nothing at all.
fn fits_request(request: &Json<'_>, resource: Option<&Members<'_>>) -> Result<(), Unreadable> {
    let text = |name| request.get(name).and_then(Json::text);
    let (Some(method), Some(url)) = (text("method"), text("url")) else {
        return Err(shape("has a request without method and url"));
    };
    match (route::route(method, url, None, ""), resource) {
        (
            Door::Judged(Route::Create { resource_type: wanted } | Route::Update { resource_type: wanted }),
            Some(resource),
        ) => {
            if resource_type(resource)? == wanted {
                Ok(())
            } else {
                Err(shape("has a resourceType that does not fit its address"))
            }
        }
        (Door::Judged(Route::Create { .. } | Route::Update { .. } | Route::Delete), _)
        | (Door::Open, None) => Ok(()),
        (Door::Judged(Route::Bundle), _) => Err(shape("is a Bundle in a Bundle, which is not read")),
        (Door::Open, Some(_)) => Err(shape("carries a resource on a read")),
        (Door::Judged(Route::Patch { .. } | Route::Operation { .. }) | Door::Unknown, _) => {
            Err(shape("asks for a patch or an operation, which is not read"))
        }
    }
}

/// The resource type, if it can be the name of one.
fn resource_type<'m>(members: &'m Members<'_>) -> Result<&'m str, Unreadable> {
    let name =
        member(members, "resourceType").and_then(Json::text).ok_or_else(|| shape("has no resourceType"))?;
    if is_type_name(name) { Ok(name) } else { Err(shape("has a resourceType that is not a name")) }
}

/// The covered elements, the mark and the claim of one resource that is not a Bundle.
fn record(members: Members<'_>) -> Result<Record<'_>, Unreadable> {
    match resource_type(&members)? {
        "Bundle" => return Err(shape("is a Bundle in a Bundle, which is not read")),
        "Parameters" => return Err(shape("is a Parameters resource, whose parts are not read")),
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
    if branded || labelled { Claim::Synthetic } else { Claim::None }
}

fn is_brand(identifier: &Json<'_>) -> bool {
    identifier.get("system").and_then(Json::text) == Some(BRAND_SYSTEM)
}

fn meta_claim(meta: Option<&Json<'_>>) -> Claim {
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
fn stronger(one: Claim, other: Claim) -> Claim {
    match (one, other) {
        (Claim::Synthetic, _) | (_, Claim::Synthetic) => Claim::Synthetic,
        (Claim::Attested, _) | (_, Claim::Attested) => Claim::Attested,
        (Claim::None, Claim::None) => Claim::None,
    }
}

/// Whether the media type is FHIR's JSON, in UTF-8.
///
/// Source: RFC 9110 section 8.3.1; FHIR R4 "Content Types and encodings".
fn is_fhir_json(content_type: Option<&str>) -> Result<(), Unreadable> {
    let content_type =
        content_type.ok_or_else(|| shape("has no Content-Type; send application/fhir+json"))?;
    let mut parts = content_type.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    if !["application/fhir+json", "application/json"].iter().any(|known| essence.eq_ignore_ascii_case(known))
    {
        return Err(shape("is not in a media type that is read; send application/fhir+json"));
    }
    for parameter in parts {
        let Some((name, value)) = parameter.split_once('=') else { continue };
        let utf8 = value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8");
        if name.trim().eq_ignore_ascii_case("charset") && !utf8 {
            return Err(shape("is in a charset other than UTF-8"));
        }
    }
    Ok(())
}

fn member<'m, 'a>(members: &'m Members<'a>, name: &str) -> Option<&'m Json<'a>> {
    members.iter().find(|(key, _)| key == name).map(|(_, value)| value)
}

/// A whole reading of one record, or of why there is none.
fn one(content: Result<Record<'_>, Unreadable>) -> Readings<'_> {
    let reference = content.as_ref().map_or("body".into(), |record| record.object.clone().into_owned());
    Readings { unit: Unit::Whole, records: vec![Reading { place: Place { index: 0, reference }, content }] }
}

fn shape(sentence: &str) -> Unreadable {
    Unreadable::Shape(sentence.to_owned())
}
