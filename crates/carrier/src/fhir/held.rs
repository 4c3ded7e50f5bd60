//! What one resource holds that is judged by itself: entries of Bundles, parameters, files in base64.

use std::borrow::Cow;

use mark::{
    Claim, Record, Unreadable,
    json::{Json, Members},
};

use super::{
    MARK_EXTENSION,
    file::{binary_file, files_in},
    read::{member, meta_claim, record, resource_type, shape, stronger},
    request::fits_request,
};
use crate::{
    Limits,
    misplaced::{HOLDS_LABELLED, bears_label, holds_mark_text},
};

/// One record, or something that cannot be read as one.
pub(super) struct Held<'a> {
    /// Zero-based position in the outermost `Bundle.entry`, which also counts entries that carry nothing.
    pub(super) position: usize,
    /// Where it stands, in words that hold nothing of its content; empty for the outermost resource itself.
    pub(super) path: String,
    /// Whether it is the resource of its entry itself, rather than something in it.
    pub(super) is_whole: bool,
    pub(super) content: Result<Record<'a>, Unreadable>,
}

/// How deep Bundles and Parameters may hold each other.
const NESTED_MAX: usize = 8;

/// Whether what is in a file in base64 counts as records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Files {
    /// It does: it crosses with what holds it.
    Read,
    /// It does, and a mark elsewhere is seen as in a file: in lines that leave as one.
    Delivered,
    /// It is content of what holds it: in files that are marked, where nothing inside could be labelled.
    Left,
}

/// What is found, up to a bound.
pub(super) struct Found<'a> {
    pub(super) list: Vec<Held<'a>>,
    limits: Limits,
    reads: Files,
    is_past: bool,
}

impl<'a> Found<'a> {
    /// Nothing yet.
    pub(super) fn new(limits: Limits, reads: Files) -> Self {
        Self { list: Vec::new(), limits, reads, is_past: false }
    }

    /// What was found, unless there was more than the bound.
    pub(super) fn within(self) -> Result<Vec<Held<'a>>, Unreadable> {
        if self.is_past { Err(Unreadable::TooMany { limit: self.limits.records }) } else { Ok(self.list) }
    }

    fn push(&mut self, at: &At, is_whole: bool, content: Result<Record<'a>, Unreadable>) {
        if self.list.len() >= self.limits.records {
            self.is_past = true;
            return;
        }
        let content = content.map(|mut record| {
            record.claim = stronger(record.claim, at.claim);
            record
        });
        let (position, path) = (at.position, at.path.clone());
        self.list.push(Held { position, path, is_whole: is_whole && at.depth <= 1, content });
    }

    /// Everything in a resource that is judged by itself.
    pub(super) fn resource(&mut self, members: Members<'a>, at: &At) {
        if self.is_past {
            return;
        }
        let kind = match resource_type(&members) {
            Ok(kind) => kind,
            Err(reason) => return self.push(at, true, Err(reason)),
        };
        match kind {
            "Bundle" | "Parameters" if at.depth >= NESTED_MAX => {
                let sentence = format!("nests Bundles and Parameters deeper than {NESTED_MAX}");
                self.push(at, false, Err(Unreadable::Shape(sentence)));
            }
            "Bundle" | "Parameters" if self.reads == Files::Delivered && holds_mark_beside(&members) => {
                self.push(at, false, Err(shape(HIDES_MARK)));
            }
            "Bundle" => self.bundle(members, at),
            "Parameters" => self.parameters(members, at),
            "Binary" if self.reads != Files::Left => self.binary(members, at),
            _ => {
                let mut files = Vec::new();
                if self.reads != Files::Left {
                    for (name, value) in &members {
                        files_in(name, value, &mut files);
                    }
                }
                let read: Vec<_> = files.iter().flat_map(|file| file.records(&self.limits)).collect();
                let content = self.content(members);
                let claim = content.as_ref().map_or(Claim::None, |record| record.claim);
                self.push(at, true, content);
                self.files(read, &at.claiming(claim));
            }
        }
    }

    /// The record that a resource is.
    fn content(&self, members: Members<'a>) -> Result<Record<'a>, Unreadable> {
        match self.reads {
            Files::Read => record(members),
            Files::Delivered => unhidden(members),
            // In a file that is marked nobody judges what stands within a resource.
            Files::Left => apart(members, &self.limits),
        }
    }

    /// The files in a value that is no resource.
    fn value(&mut self, name: &str, value: &Json<'_>, at: &At) {
        if self.reads != Files::Left {
            let mut files = Vec::new();
            files_in(name, value, &mut files);
            let read: Vec<_> = files.iter().flat_map(|file| file.records(&self.limits)).collect();
            self.files(read, at);
        }
    }

    fn files(&mut self, read: Vec<Result<Record<'static>, Unreadable>>, at: &At) {
        for (number, content) in read.into_iter().enumerate() {
            self.push(&at.at(&format!("file record {}", number + 1)), false, content);
        }
    }

    /// The entries of a Bundle that carry something. An entry that only reads or deletes carries nothing.
    pub(super) fn bundle(&mut self, bundle: Members<'a>, at: &At) {
        let claim = meta_claim(member(&bundle, "meta"));
        let is_outermost = at.depth == 0;
        if bundle.iter().any(|(name, value)| name != "entry" && holds_resource(value)) {
            return self.push(at, false, Err(shape("is a Bundle with resources beside its entries")));
        }
        let entries = match bundle.into_iter().find(|(name, _)| name == "entry") {
            None | Some((_, Json::Null)) => return,
            Some((_, Json::Array(entries))) => entries,
            Some((_, Json::Bool(_) | Json::Number(_) | Json::Text(_) | Json::Object(_))) => {
                return self.push(at, false, Err(shape("has an entry that is not an array")));
            }
        };
        for (position, entry) in entries.into_iter().enumerate() {
            let mut at = at.inside(&format!("entry[{position}]"), claim);
            if is_outermost {
                at.position = position;
            }
            match entry_resource(entry) {
                Ok(None) => {}
                Ok(Some(resource)) => self.resource(resource, &at),
                Err(reason) => self.push(&at, false, Err(reason)),
            }
        }
    }

    /// The resources in parameters and their parts. Values that could be about somebody are a record of their own.
    fn parameters(&mut self, parameters: Members<'a>, at: &At) {
        let claim = meta_claim(member(&parameters, "meta"));
        let mut values = Vec::new();
        for (name, value) in parameters {
            match (name.as_ref(), value) {
                ("parameter", Json::Array(list)) => {
                    self.parts(list, "parameter", &at.inside("", claim), &mut values);
                }
                ("resourceType" | "id" | "_id" | "meta" | "implicitRules" | "language", _)
                | (_, Json::Null) => {}
                (name, value) => {
                    self.value(name, &value, at);
                    values.push(value);
                }
            }
        }
        if !values.is_empty() {
            let record = Record {
                form: mark::Form::Fhir,
                object: Cow::Borrowed("Parameters"),
                fields: vec![(Cow::Borrowed("parameter"), Json::Array(values))],
                mark: None,
                claim,
            };
            self.push(at, false, Ok(record));
        }
    }

    fn parts(&mut self, list: Vec<Json<'a>>, word: &str, at: &At, values: &mut Vec<Json<'a>>) {
        for (number, parameter) in list.into_iter().enumerate() {
            let at = at.at(&format!("{word}[{number}]"));
            let Json::Object(members) = parameter else {
                self.push(&at, false, Err(shape("has a parameter that is not an object")));
                continue;
            };
            for (name, value) in members {
                match (name.as_ref(), value) {
                    ("resource", Json::Object(resource)) => self.resource(resource, &at),
                    ("part", Json::Array(parts)) => self.parts(parts, "part", &at, values),
                    (name, value) => {
                        self.value(name, &value, &at);
                        let is_plain = PLAIN_VALUES.contains(&name.trim_start_matches('_'));
                        if !is_plain && !matches!(name, "name" | "id" | "_name") && value != Json::Null {
                            values.push(value);
                        }
                    }
                }
            }
        }
    }

    /// A Binary is what is in it, where that is read here; else it is a record like any other.
    fn binary(&mut self, members: Members<'a>, at: &At) {
        let read = match binary_file(&members) {
            Ok(Some(file)) => file.records(&self.limits),
            Ok(None) => Vec::new(),
            Err(reason) => return self.push(at, true, Err(reason)),
        };
        if read.is_empty() {
            let content = self.content(members);
            return self.push(at, true, content);
        }
        let claim = meta_claim(member(&members, "meta"));
        self.files(read, &at.at("Binary").claiming(claim));
    }
}

/// Values of parameters that say how something is done, and nothing about anybody.
const PLAIN_VALUES: [&str; 17] = [
    "valueBoolean",
    "valueInteger",
    "valueDecimal",
    "valueUnsignedInt",
    "valuePositiveInt",
    "valueCode",
    "valueUri",
    "valueUrl",
    "valueCanonical",
    "valueId",
    "valueOid",
    "valueUuid",
    "valueInstant",
    "valueDateTime",
    "valueDate",
    "valueTime",
    "valueReference",
];

/// A place in what is read.
#[derive(Clone, Debug, Default)]
pub(super) struct At {
    position: usize,
    path: String,
    depth: usize,
    claim: Claim,
}

impl At {
    fn at(&self, step: &str) -> Self {
        let path = if self.path.is_empty() { step.to_owned() } else { format!("{} {step}", self.path) };
        Self { path, ..self.clone() }
    }

    /// Inside a Bundle or Parameters, which may say of itself what then holds for all within.
    fn inside(&self, step: &str, claim: Claim) -> Self {
        let at = if step.is_empty() { self.clone() } else { self.at(step) };
        Self { depth: self.depth + 1, ..at.claiming(claim) }
    }

    fn claiming(&self, claim: Claim) -> Self {
        Self { claim: stronger(self.claim, claim), ..self.clone() }
    }
}

fn entry_resource(entry: Json<'_>) -> Result<Option<Members<'_>>, Unreadable> {
    let Json::Object(mut members) = entry else { return Err(shape("is not an object")) };
    let outcome = member(&members, "response").and_then(|response| response.get("outcome"));
    let hidden = outcome
        .is_some_and(|outcome| outcome.get("resourceType").and_then(Json::text) != Some("OperationOutcome"));
    if hidden {
        return Err(shape("carries a resource in its response, which is not read"));
    }
    let resource =
        members.iter().position(|(name, _)| name == "resource").map(|at| members.swap_remove(at).1);
    let resource = match resource {
        None | Some(Json::Null) => None,
        Some(Json::Object(resource)) => Some(resource),
        Some(Json::Bool(_) | Json::Number(_) | Json::Text(_) | Json::Array(_)) => {
            return Err(shape("has a resource that is not an object"));
        }
    };
    if members.iter().any(|(name, value)| name != "response" && holds_resource(value)) {
        return Err(shape("has resources beside its `resource`"));
    }
    if let Some(request) = member(&members, "request") {
        fits_request(request, resource.as_ref())?;
    }
    Ok(resource)
}

/// Whether a value is a resource, or holds one at any depth; an outcome says nothing of anybody.
fn holds_resource(value: &Json<'_>) -> bool {
    match value {
        Json::Object(members) => {
            let is_kind = |name: &str| name == "resourceType";
            let is_record = |value: &Json<'_>| value.text() != Some("OperationOutcome");
            members.iter().any(|(name, value)| (is_kind(name) && is_record(value)) || holds_resource(value))
        }
        Json::Array(items) => items.iter().any(holds_resource),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) => false,
    }
}

/// The record of a resource in a file, if nothing stands within it that says it is another.
pub(super) fn apart<'a>(resource: Members<'a>, limits: &Limits) -> Result<Record<'a>, Unreadable> {
    let mut files = Vec::new();
    if resource_type(&resource) == Ok("Binary") {
        files.extend(binary_file(&resource).ok().flatten());
    }
    for (name, value) in &resource {
        files_in(name, value, &mut files);
    }
    let holds_labelled = files.iter().any(|file| file.records(limits).iter().any(bears_label));
    let record = unhidden(resource)?;
    if holds_labelled { Err(shape(HOLDS_LABELLED)) } else { Ok(record) }
}

/// The record of a resource, if no mark stands in it away from its place.
fn unhidden(resource: Members<'_>) -> Result<Record<'_>, Unreadable> {
    if holds_mark(&resource) { Err(shape(HIDES_MARK)) } else { record(resource) }
}

/// Whether a mark stands within a resource, rather than in its own place: that of a contained resource, above all.
fn holds_mark(resource: &Members<'_>) -> bool {
    resource.iter().any(|(name, value)| match (name.as_ref(), value) {
        ("extension", Json::Array(items)) => items.iter().any(|item| {
            let is_own = item.get("url").and_then(Json::text) == Some(MARK_EXTENSION);
            !is_own && is_mark(item, |_| true)
        }),
        (_, value) => is_mark(value, |_| true),
    })
}

/// Whether a mark stands in what holds resources, rather than in one of them: those are looked at by themselves.
fn holds_mark_beside(holder: &Members<'_>) -> bool {
    let is_looked_at = |name: &str| name != "resource";
    holder.iter().any(|(name, value)| is_looked_at(name) && is_mark(value, is_looked_at))
}

/// Whether a mark stands anywhere in a value, in members whose names are looked at.
fn is_mark(value: &Json<'_>, is_looked_at: fn(&str) -> bool) -> bool {
    match value {
        Json::Object(members) => members.iter().any(|(name, value)| {
            (name == "url" && value.text() == Some(MARK_EXTENSION))
                || (is_looked_at(name) && is_mark(value, is_looked_at))
        }),
        Json::Array(items) => items.iter().any(|item| is_mark(item, is_looked_at)),
        Json::Text(text) => holds_mark_text(text.as_bytes()),
        Json::Null | Json::Bool(_) | Json::Number(_) => false,
    }
}

/// What is said of such a resource.
const HIDES_MARK: &str = "holds a mark outside the mark's place; give a marked resource as one of its own";
