//! Labels into resources: the mark, its tags, and the security labels that other systems understand.

use mark::{Reading, Subject, Unreadable, json};

use super::{
    AI_CODE, AI_DISPLAY, AI_SYSTEM, BRAND_SYSTEM, MARK_EXTENSION, MARK_SYSTEM, PERSONS, SUBJECT_SYSTEM,
    TEST_CODE, TEST_DISPLAY, TEST_SYSTEM,
    choose::choose_bundle,
    held::Files,
    raw::{self, RawObject, quote},
    read::read_to_mark,
};
use crate::{Labels, Limits, choice::Choice};

/// Writes labels into one resource.
///
/// A mark that was there is replaced; labels that others wrote stay. Every other value stays as it was written,
/// so that `1.50` is not made into `1.5`.
///
/// Shape:  one resource, not a Bundle -> the same resource, labelled.
/// Bounds: about three times the resource in memory; the caller bounds the resource.
/// Errors: see [`PlaceError`]; nothing was written.
/// Source: spec/carriers.md section 3.3.
pub fn place(resource: &[u8], labels: &Labels) -> Result<Vec<u8>, PlaceError> {
    let readings = read_to_mark(resource, &UNBOUNDED);
    match readings.records.as_slice() {
        [Reading { content: Ok(record), place }] if place.reference == record.object => {
            let text = std::str::from_utf8(resource).map_err(|_| PlaceError::Shape)?;
            Ok(place_text(text, &record.object, labels)?.into_bytes())
        }
        [Reading { content: Err(reason), .. }] => Err(PlaceError::Unreadable(reason.clone())),
        _ => Err(PlaceError::Shape),
    }
}

/// Writes labels into the resources of a Bundle.
///
/// A signature over the Bundle no longer fits afterwards: labelled content is other content.
///
/// Shape:  one Bundle, and the labels of its records in the order in which [`super::read_document`] gave them.
/// Bounds: about four times the Bundle in memory; the caller bounds the Bundle.
/// Errors: see [`PlaceError`]; nothing was written.
pub fn place_bundle(bundle: &[u8], labels: &[Labels]) -> Result<Vec<u8>, PlaceError> {
    choose_bundle(bundle, &labels.iter().map(Choice::Label).collect::<Vec<_>>(), Files::Read)
}

/// Writes labels into some of the records of a resource or a Bundle, and leaves the others as they are.
///
/// Shape:  one choice a record, as [`super::read_document`] gives them; a record inside another takes no labels.
/// Errors: see [`PlaceError`]; nothing was written.
pub fn place_some(document: &[u8], labels: &[Option<Labels>]) -> Result<Vec<u8>, PlaceError> {
    let choices: Vec<Choice<'_>> =
        labels.iter().map(|labels| labels.as_ref().map_or(Choice::Keep, Choice::Label)).collect();
    match (choose_bundle(document, &choices, Files::Read), labels) {
        (Err(PlaceError::Shape), [Some(labels)]) => place(document, labels),
        (placed, _) => placed,
    }
}

/// The caller has bounded what it holds; nothing is bounded twice.
const UNBOUNDED: Limits = Limits { body_bytes: usize::MAX, records: usize::MAX };

/// Why labels were not written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// What should be labelled cannot be read.
    #[error("cannot be labelled: {0}")]
    Unreadable(#[from] Unreadable),
    /// Something that labels go into is not what FHIR says it is.
    #[error(
        "cannot be labelled: it is not a FHIR resource whose `meta`, `extension` and `identifier` are as R4 has them"
    )]
    Shape,
    /// A record stands in another: in a Bundle in a Bundle, in parameters, in a file.
    #[error("cannot be labelled: a record stands inside another one; take it out and label it by itself")]
    Inside,
    /// A Bundle needs one set of labels a record.
    #[error("holds {records} records, and labels were given for {labels}")]
    Count {
        /// Records in the Bundle.
        records: usize,
        /// Labels given.
        labels: usize,
    },
}

pub(super) fn place_text(resource: &str, resource_type: &str, labels: &Labels) -> Result<String, PlaceError> {
    let mut whole = RawObject::parse(resource).ok_or(PlaceError::Shape)?;
    let synthetic = labels.subject == Subject::Synthetic;

    let mut meta = RawObject::parse(whole.get("meta").unwrap_or("{}")).ok_or(PlaceError::Shape)?;
    let mut security = Vec::new();
    if synthetic {
        security.push((TEST_SYSTEM, TEST_CODE, Some(TEST_DISPLAY)));
    }
    if labels.authorship.is_ai() {
        security.push((AI_SYSTEM, AI_CODE, Some(AI_DISPLAY)));
    }
    // A label that is there already is not written twice, whoever wrote it.
    let standing = meta.get("security").and_then(|list| json::parse(list.as_bytes()).ok());
    let stands = |system: &str, code: &str| {
        let items = standing.as_ref().map_or(&[][..], json::Json::items);
        items.iter().any(|item| is(item, "system", system) && is(item, "code", code))
    };
    security.retain(|(system, code, _)| !stands(system, code));
    add(&mut meta, "security", &[], |_| false, &codings(&security))?;
    let tags =
        codings(&[(MARK_SYSTEM, &labels.mark_id, None), (SUBJECT_SYSTEM, labels.subject.as_str(), None)]);
    add(
        &mut meta,
        "tag",
        &[MARK_SYSTEM, SUBJECT_SYSTEM],
        |item| is(item, "system", MARK_SYSTEM) || is(item, "system", SUBJECT_SYSTEM),
        &tags,
    )?;
    whole.set("meta", meta.to_text());

    let mark = format!(r#"{{"url":"{MARK_EXTENSION}","valueString":{}}}"#, quote(&labels.mark_text));
    add(&mut whole, "extension", &[MARK_EXTENSION], |item| is(item, "url", MARK_EXTENSION), &[mark])?;
    if PERSONS.contains(&resource_type) {
        let brand = format!(r#"{{"system":"{BRAND_SYSTEM}","value":{}}}"#, quote(&labels.mark_id));
        let brand = if synthetic { vec![brand] } else { Vec::new() };
        add(&mut whole, "identifier", &[BRAND_SYSTEM], |item| is(item, "system", BRAND_SYSTEM), &brand)?;
    }
    Ok(whole.to_text())
}

/// Adds items to an array member, after taking out those that `ours` finds; an empty array goes away.
///
/// An item is taken apart only if it could be ours: if one of `words`, or an escape that could hide one, is in it.
fn add(
    object: &mut RawObject<'_>,
    name: &str,
    words: &[&str],
    ours: impl Fn(&json::Json<'_>) -> bool,
    new: &[String],
) -> Result<(), PlaceError> {
    let old = object.get(name).unwrap_or("[]");
    let items = raw::items(old).ok_or(PlaceError::Shape)?;
    let mut kept = Vec::with_capacity(items.len() + new.len());
    for item in items {
        let may_be_ours = item.contains('\\') || words.iter().any(|word| item.contains(word));
        if !may_be_ours || !ours(&json::parse(item.as_bytes()).map_err(Unreadable::from)?) {
            kept.push(item.to_owned());
        }
    }
    kept.extend_from_slice(new);
    if kept.is_empty() {
        object.remove(name);
    } else {
        object.set(name, raw::array(&kept));
    }
    Ok(())
}

fn codings(codes: &[(&str, &str, Option<&str>)]) -> Vec<String> {
    let coding = |&(system, code, display): &(&str, &str, Option<&str>)| {
        let display = display.map(|display| format!(r#","display":{}"#, quote(display))).unwrap_or_default();
        format!(r#"{{"system":"{system}","code":{}{display}}}"#, quote(code))
    };
    codes.iter().map(coding).collect()
}

fn is(item: &json::Json<'_>, name: &str, want: &str) -> bool {
    item.get(name).and_then(json::Json::text) == Some(want)
}
