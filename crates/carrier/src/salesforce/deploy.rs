//! What a change of metadata would do to what Eosin rests on: its fields, its permission sets, its code.

use std::io::{Cursor, Read as _};

use mark::{
    Unreadable,
    json::{self, Json},
};
use quick_xml::{Reader, events::Event};

use super::{
    api::{Api, Change},
    door::Route,
    record::shape,
    soap,
};
use crate::{
    Limits,
    archive::{ArchiveFault, fault_of, uniform_entries},
    multipart::{Media, parts},
    route::Target,
};

mod components;

/// What a request would take away from what Eosin rests on.
///
/// Adding what is missing is none of it, nor is putting there what the package ships.
///
/// Shape:  route, media type and body -> a sentence each, with component names and nothing else; none for a request
///         that changes no metadata.
/// Bounds: 10,000 files, 16 MiB a file and 400 MiB together unzipped, of which only XML about Eosin is held.
/// Errors: a deployment that cannot be read: nobody knows what it would do.
/// Source: spec/carriers.md section 2.15.
pub fn weakens(
    route: &Route,
    content_type: Option<&str>,
    body: &[u8],
    limits: &Limits,
) -> Result<Vec<String>, Unreadable> {
    let Route::Api(api) = route else { return Ok(Vec::new()) };
    match api {
        Api::Deploy if body.len() > limits.body_bytes => {
            Err(Unreadable::TooLong { limit: limits.body_bytes })
        }
        Api::Deploy => match Media::of(content_type)? {
            Media::Multipart { boundary } => {
                let parts = parts(&boundary, body)?;
                let zip = parts.iter().find(|part| part.name == "file");
                in_zip(zip.ok_or_else(|| shape("deploys without a part `file`"))?.content)
            }
            Media::Text | Media::Form => Err(shape("deploys without parts")),
        },
        Api::Tooling { kind, change } => in_tooling(kind, *change, body),
        Api::UiCreate | Api::UiUpdate { .. } | Api::UiDelete | Api::UiBatch | Api::GraphQl | Api::Apex(_) => {
            Ok(Vec::new())
        }
    }
}

/// What a SOAP deployment would take away; see [`weakens`].
///
/// Shape:  nothing for a request that is no `deploy` at the Metadata API, and changes no component there by its name.
pub fn soap_weakens(target: &str, body: &[u8]) -> Result<Vec<String>, Unreadable> {
    let is_metadata = Target::parse(target).is_some_and(|target| {
        let lower: Vec<String> = target.segments().iter().map(|word| word.to_ascii_lowercase()).collect();
        let start = lower.iter().position(|word| word == "services").unwrap_or(lower.len());
        matches!(lower.get(start + 1..start + 3), Some([soap, m]) if soap == "soap" && m == "m")
    });
    if !is_metadata {
        return Ok(Vec::new());
    }
    if !soap::calls(body, "deploy") {
        return components::in_call(body);
    }
    let files = texts(body, &["Envelope", "Body", "deploy", "ZipFile"])?;
    let [file] = files.as_slice() else { return Err(shape("deploys no single `ZipFile`")) };
    let plain: Vec<u8> = file.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let zip = data_encoding::BASE64.decode(&plain);
    in_zip(&zip.map_err(|_| shape("deploys a `ZipFile` that is not base64"))?)
}

const FILES_MAX: usize = 10_000;
const FILE_BYTES_MAX: u64 = 16 << 20;
const ALL_BYTES_MAX: u64 = 400 << 20;
/// Most sentences; what comes after is counted.
const SENTENCES_MAX: usize = 20;

fn in_zip(zip: &[u8]) -> Result<Vec<String>, Unreadable> {
    // Another reader could take what this one does not see: of two files of one name the library shows the last.
    let broken = || shape("deploys an archive that cannot be read");
    let entries =
        uniform_entries(&mut Cursor::new(zip), FILES_MAX).map_err(|error| match fault_of(&error) {
            Some(ArchiveFault::TooMany) => Unreadable::TooMany { limit: FILES_MAX },
            _ => broken(),
        })?;
    let mut archive = zip::ZipArchive::new(Cursor::new(zip)).map_err(|_| broken())?;
    if archive.len() != entries {
        return Err(broken());
    }
    let (mut found, mut left) = (Vec::new(), ALL_BYTES_MAX);
    let mut seen = std::collections::BTreeSet::new();
    for at in 0..archive.len() {
        let mut file = archive.by_index(at).map_err(|_| broken())?;
        let name = file.name().map_err(|_| broken())?;
        let name = name.replace('\\', "/").to_ascii_lowercase();
        if !seen.insert(name.clone()) {
            return Err(shape("deploys an archive with two files of one name"));
        }
        if !concerns(&name) {
            continue;
        }
        let mut text = Vec::new();
        let bound = FILE_BYTES_MAX.min(left);
        let read = file.by_ref().take(bound + 1).read_to_end(&mut text);
        let read = read.map_err(|_| broken())? as u64;
        if read > bound {
            return Err(shape("deploys an archive that unzips to more than is read"));
        }
        left -= read;
        in_file(&name, &text, &mut found)?;
    }
    let more = found.len().saturating_sub(SENTENCES_MAX);
    found.truncate(SENTENCES_MAX);
    if more > 0 {
        found.push(format!("and {more} more"));
    }
    Ok(found)
}

/// Whether a file of an archive could touch what is ours. Names are in lower case.
fn concerns(name: &str) -> bool {
    let file = name.rsplit('/').next().unwrap_or(name);
    file.starts_with("destructivechanges")
        || [".object", ".permissionset", ".profile"].iter().any(|end| file.ends_with(end))
        || (is_ours(file) && is_code(file))
}

fn is_code(file: &str) -> bool {
    [".cls", ".trigger", ".flow", ".validationrule"].iter().any(|end| file.ends_with(end))
}

fn in_file(name: &str, text: &[u8], found: &mut Vec<String>) -> Result<(), Unreadable> {
    let file = name.rsplit('/').next().unwrap_or(name);
    let stem = file.split('.').next().unwrap_or(file);
    if is_ours(file) && is_code(file) {
        found.push(format!("replaces {}", told(file)));
    } else if file.starts_with("destructivechanges") {
        for member in texts(text, &["Package", "types", "members"])? {
            if member.split(['.', '-']).any(is_ours) {
                found.push(format!("removes {}", told(&member)));
            }
        }
    } else if file.ends_with(".object") {
        in_fields(stem, &elements(text, &["CustomObject", "fields"])?, found);
    } else {
        let mut rights = elements(text, &["PermissionSet", "fieldPermissions"])?;
        rights.extend(elements(text, &["Profile", "fieldPermissions"])?);
        in_rights(stem, file.ends_with(".permissionset"), &rights, found);
    }
    Ok(())
}

/// Fields of an object.
fn in_fields(object: &str, fields: &[Element], found: &mut Vec<String>) {
    for field in fields {
        let name = field.text("fullName");
        found.extend(weakened(field).map(|why| format!("{why} {}.{}", told(object), told(name))));
    }
}

/// The rights on fields of a permission set or a profile.
fn in_rights(holder: &str, is_set: bool, rights: &[Element], found: &mut Vec<String>) {
    let (holder, shown) = (holder.to_ascii_lowercase(), told(holder));
    let on_ours: Vec<&Element> =
        rights.iter().filter(|right| right.text("field").split('.').any(is_ours)).collect();
    for right in &on_ours {
        if right.text("readable") == "false" {
            found.push(format!("hides {} from {shown}", told(right.text("field"))));
        }
    }
    let ours = is_ours(&holder);
    // A permission set is replaced whole: without its rights it has none.
    if ours && is_set && on_ours.is_empty() {
        found.push(format!("empties the permission set {shown}"));
    }
    let writes = holder.starts_with("eosin_writer") || holder.starts_with("eosin_admin");
    if ours && writes && rights.iter().any(is_read_only_label) {
        found.push(format!("takes the right to write marks from {shown}"));
    }
}

/// A label that a set of rights to write no longer lets be written.
fn is_read_only_label(right: &Element) -> bool {
    let label = right.text("field").rsplit('.').next().unwrap_or_default();
    LABELS.iter().any(|(name, ..)| label.eq_ignore_ascii_case(name)) && right.text("editable") == "false"
}

/// The fields that a mark rides in: name, type, least length.
const LABELS: [(&str, &str, u32); 6] = [
    ("Eosin_Synthetic__c", "Checkbox", 0),
    ("Eosin_Subject__c", "Picklist", 0),
    ("Eosin_Authorship__c", "Picklist", 0),
    ("Eosin_Dataset__c", "Lookup", 0),
    ("Eosin_Mark_Id__c", "Text", 64),
    ("Eosin_Mark__c", "LongTextArea", 32_768),
];

/// Why a definition of one of the fields is weaker than the package's, if it is.
fn weakened(field: &Element) -> Option<&'static str> {
    let name = field.text("fullName");
    let (_, kind, length) = LABELS.iter().find(|(own, ..)| same_component(name, own))?;
    if !field.text("type").eq_ignore_ascii_case(kind) {
        return Some("changes the type of");
    }
    if *length > 0 && field.text("length").parse().is_ok_and(|given: u32| given < *length) {
        return Some("shortens");
    }
    if field.text("required") == "true" {
        return Some("requires");
    }
    if field.text("unique") == "true" {
        return Some("makes unique");
    }
    let is_external = field.text("externalId");
    (*length == 64 && is_external == "false").then_some("takes the external id from")
}

/// What a Tooling request would take away. A component that is named by its id could be ours: nobody here can tell.
fn in_tooling(kind: &str, change: Change, body: &[u8]) -> Result<Vec<String>, Unreadable> {
    const TOUCHING: [&str; 12] = [
        "apexclass",
        "apexclassmember",
        "apextrigger",
        "apextriggermember",
        "customfield",
        "customobject",
        "flow",
        "flowdefinition",
        "permissionset",
        "permissionsetgroup",
        "profile",
        "validationrule",
    ];
    if !TOUCHING.contains(&kind.to_ascii_lowercase().as_str()) {
        return Ok(Vec::new());
    }
    if change == Change::Delete {
        return Ok(vec![format!("removes a component of type {kind} by its id, which may be Eosin's")]);
    }
    let body = json::parse(body)?;
    let named = |name: &str| {
        let found = body.members().iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.and_then(|(_, value)| value.text()).unwrap_or_default().to_owned()
    };
    let refers = !named("ContentEntityId").is_empty();
    if change == Change::Update || refers {
        return Ok(vec![format!("changes a component of type {kind} by its id, which may be Eosin's")]);
    }
    let called = ["FullName", "Name", "DeveloperName"].map(named);
    let ours = called.iter().find(|name| name.split(['.', '-']).any(is_ours));
    let Some(name) = ours else { return Ok(Vec::new()) };
    if kind.eq_ignore_ascii_case("customfield") {
        let text = |name: &str| match body.get("Metadata").and_then(|metadata| metadata.get(name)) {
            Some(Json::Text(text)) => text.to_string(),
            Some(Json::Bool(truth)) => truth.to_string(),
            Some(Json::Number(number)) => number.to_string(),
            _ => String::new(),
        };
        let members = ["type", "length", "required", "unique", "externalId"];
        let mut field = Element(members.map(|name| (name.to_owned(), text(name))).into());
        let own = name.rsplit('.').next().unwrap_or(name);
        field.0.push(("fullName".to_owned(), own.to_owned()));
        return Ok(weakened(&field).map(|why| format!("{why} {}", told(name))).into_iter().collect());
    }
    Ok(vec![format!("puts another {kind} in the place of {}", told(name))])
}

/// Whether a component's name is one of ours: `Eosin_…`, perhaps in a namespace.
fn is_ours(name: &str) -> bool {
    let name = name.trim().to_ascii_lowercase();
    let local = match name.split_once("__") {
        Some((namespace, local)) if local.starts_with("eosin_") && !namespace.is_empty() => local,
        _ => name.as_str(),
    };
    local.starts_with("eosin_")
}

fn same_component(name: &str, own: &str) -> bool {
    let name = name.trim();
    let local = name.split_once("__").filter(|(_, local)| is_ours(local)).map_or(name, |(_, local)| local);
    local.eq_ignore_ascii_case(own)
}

/// A component's name as it may stand in a sentence.
fn told(name: &str) -> String {
    let plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    name.trim().chars().filter(plain).take(80).collect()
}

/// The children of an element that hold text only, by local name.
struct Element(Vec<(String, String)>);

impl Element {
    fn text(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map_or("", |(_, text)| text.trim())
    }
}

/// The texts at `path`.
fn texts(xml: &[u8], path: &[&str]) -> Result<Vec<String>, Unreadable> {
    let mut found = Vec::new();
    walk(xml, |at, text| {
        if at == path {
            found.push(text.to_owned());
        }
    })?;
    Ok(found)
}

/// The elements at `path`, each with the texts directly in it.
fn elements(xml: &[u8], path: &[&str]) -> Result<Vec<Element>, Unreadable> {
    let mut found: Vec<Element> = Vec::new();
    let mut open: Option<Element> = None;
    walk(xml, |at, text| {
        if at.len() == path.len() + 1 && at.starts_with(path) {
            let name = at.last().copied().unwrap_or_default().to_owned();
            open.get_or_insert(Element(Vec::new())).0.push((name, text.to_owned()));
        } else if at == path {
            found.extend(open.take());
        }
    })?;
    Ok(found)
}

/// Tells the path and the own text of every element, when it ends.
///
/// Errors: XML that is not well formed, or with a document type, an entity of its own, or nesting over 64.
fn walk(xml: &[u8], mut told: impl FnMut(&[&str], &str)) -> Result<(), Unreadable> {
    let broken = || shape("deploys XML that cannot be read");
    let xml = xml.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(xml);
    let mut reader = Reader::from_reader(xml);
    let mut open: Vec<(String, String)> = Vec::new();
    let mut end = |open: &mut Vec<(String, String)>| {
        let path: Vec<&str> = open.iter().map(|(name, _)| name.as_str()).collect();
        told(&path, open.last().map_or("", |(_, text)| text.as_str()));
        open.pop();
    };
    loop {
        match reader.read_event().map_err(|_| broken())? {
            Event::Start(start) => {
                if open.len() >= 64 {
                    return Err(broken());
                }
                open.push((start.local_name().as_ref().to_owned(), String::new()));
            }
            Event::Empty(start) => {
                open.push((start.local_name().as_ref().to_owned(), String::new()));
                end(&mut open);
            }
            Event::End(_) => end(&mut open),
            Event::Text(text) => {
                if let Some((_, own)) = open.last_mut() {
                    own.push_str(&text.xml10_content());
                }
            }
            Event::CData(text) => {
                if let Some((_, own)) = open.last_mut() {
                    own.push_str(&text.xml10_content());
                }
            }
            Event::GeneralRef(reference) => {
                let known = entity(&reference).ok_or_else(broken)?;
                if let Some((_, own)) = open.last_mut() {
                    own.push(known);
                }
            }
            Event::DocType(_) => return Err(broken()),
            Event::Eof => return if open.is_empty() { Ok(()) } else { Err(broken()) },
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
    }
}

/// The character of one of XML's own entities, or of a numeric one.
fn entity(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let digits = name.strip_prefix('#')?;
            let code = match digits.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => digits.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

#[cfg(test)]
mod tests;
