//! Whose pattern a slot and an appointment were made from, and the labels that say so.
//!
//! Source: spec/carriers.md section 3.12.

use std::borrow::Cow;

use mark::{
    Authorship,
    json::{self, Json},
};

use super::{
    AI_CODE, AI_DISPLAY, AI_SYSTEM, AUTHORSHIP_SYSTEM, MADE_FROM_SYSTEM,
    interaction::{LogicalId, is_type_name},
    raw::{self, RawObject, quote},
};
use crate::span::{self, Edit, edited};

/// A slot or an appointment on its way in, and what it says it was made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Making {
    /// Its entry in the Bundle; nothing where it is the body.
    pub entry: Option<usize>,
    /// What it was made from: resources on the server.
    pub stored: Vec<(String, LogicalId)>,
    /// And resources in the same Bundle, by their entry.
    pub beside: Vec<usize>,
}

/// Who made what something else was made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authored {
    /// Who made it.
    pub authorship: Authorship,
    /// The short name of the mark that says so; nothing where a label does.
    pub mark_id: Option<String>,
}

/// The slots and appointments in a body, with what they were made from.
///
/// Shape:  one resource or a Bundle, in JSON -> those that refer to a schedule or to slots; none if it cannot be read.
/// Bounds: [`MAKINGS_MAX`] of them, [`REFERENCES_MAX`] references each; what is beyond them carries nothing.
pub fn makings(body: &[u8]) -> Vec<Making> {
    let Ok(document) = json::parse(body) else { return Vec::new() };
    if document.get("resourceType").and_then(Json::text) != Some("Bundle") {
        return making(&document, None, &[]).into_iter().collect();
    }
    let entries = document.get("entry").map_or(&[][..], Json::items);
    let urls: Vec<Option<&str>> =
        entries.iter().map(|entry| entry.get("fullUrl").and_then(Json::text)).collect();
    let found = entries.iter().enumerate();
    found
        .filter_map(|(at, entry)| making(entry.get("resource")?, Some(at), &urls))
        .take(MAKINGS_MAX)
        .collect()
}

/// Most slots and appointments of one body.
pub const MAKINGS_MAX: usize = 1_000;
/// Most references of one of them.
pub const REFERENCES_MAX: usize = 8;

fn making(resource: &Json<'_>, entry: Option<usize>, urls: &[Option<&str>]) -> Option<Making> {
    let references = references(resource)?;
    let mut making = Making { entry, stored: Vec::new(), beside: Vec::new() };
    for reference in references {
        if let Some(at) = urls.iter().position(|url| *url == Some(reference)) {
            making.beside.push(at);
        } else if let Some(stored) = stored(reference) {
            making.stored.push(stored);
        }
    }
    (!making.stored.is_empty() || !making.beside.is_empty()).then_some(making)
}

/// What a slot or an appointment refers to as its pattern.
fn references<'r>(resource: &'r Json<'_>) -> Option<Vec<&'r str>> {
    let of = |value: &'r Json<'_>| value.get("reference").and_then(Json::text);
    match resource.get("resourceType").and_then(Json::text)? {
        "Slot" => Some(resource.get("schedule").and_then(of).into_iter().collect()),
        "Appointment" => {
            let slots = resource.get("slot").map_or(&[][..], Json::items);
            Some(slots.iter().filter_map(of).take(REFERENCES_MAX).collect())
        }
        _ => None,
    }
}

/// A relative reference to one resource. One to another server, or to what is contained, leads nowhere here.
fn stored(reference: &str) -> Option<(String, LogicalId)> {
    let (name, id) = reference.split_once('/')?;
    let id = id.split_once("/_history/").map_or(id, |(id, _)| id);
    let is_pattern = is_type_name(name) && matches!(name, "Schedule" | "Slot");
    Some((name.to_owned(), LogicalId::parse(id).filter(|_| is_pattern)?))
}

/// Where a slot that says nothing itself leads on to.
pub fn leads_to(resource: &[u8]) -> Option<(String, LogicalId)> {
    let resource = json::parse(resource).ok()?;
    references(&resource)?.into_iter().find_map(stored)
}

/// The resource of an entry, as it is written.
pub fn resource_of_entry(bundle: &[u8], entry: usize) -> Option<&[u8]> {
    let top = span::whole(bundle)?;
    let items = span::items(bundle, &span::member(bundle, &top, "entry")?)?;
    bundle.get(span::member(bundle, items.get(entry)?, "resource")?)
}

/// What the labels of a resource say of who made its pattern.
pub fn labelled_authorship(resource: &[u8]) -> Option<Authored> {
    let resource = json::parse(resource).ok()?;
    let tags = resource.get("meta")?.get("tag").map_or(&[][..], Json::items);
    let code = |system: &str| {
        let tag = tags.iter().find(|tag| tag.get("system").and_then(Json::text) == Some(system))?;
        tag.get("code").and_then(Json::text)
    };
    let authorship = code(AUTHORSHIP_SYSTEM)?.parse().ok().filter(|found| is_made(*found))?;
    Some(Authored { authorship, mark_id: code(MADE_FROM_SYSTEM).map(str::to_owned) })
}

/// Whether something other than a person made it.
pub fn is_made(authorship: Authorship) -> bool {
    match authorship {
        Authorship::Ai | Authorship::AiReviewed | Authorship::Algorithm => true,
        Authorship::Human | Authorship::Unknown => false,
    }
}

/// Of several makers the one that is said first: an AI before an AI whose work was reviewed before an algorithm.
pub fn foremost(found: Vec<Authored>) -> Option<Authored> {
    let rank = |authored: &Authored| match authored.authorship {
        Authorship::Ai => 0,
        Authorship::AiReviewed => 1,
        Authorship::Algorithm => 2,
        Authorship::Human | Authorship::Unknown => 3,
    };
    found.into_iter().min_by_key(rank)
}

/// Writes who made the pattern into slots and appointments. Other bytes stay, and so do marks: `meta` is not covered.
///
/// Shape:  the body, and for some of its [`Making`]s who made what they were made from -> the labelled body.
/// Errors: nothing, where a label has no place to go.
pub fn with_authorship(body: &[u8], labels: &[(Option<usize>, Authored)]) -> Option<Vec<u8>> {
    let top = span::whole(body)?;
    if let [(None, authored)] = labels {
        return Some(labelled(body, authored)?.into_bytes());
    }
    let items = span::items(body, &span::member(body, &top, "entry")?)?;
    let mut edits = Vec::with_capacity(labels.len());
    for (entry, authored) in labels {
        let at = span::member(body, items.get((*entry)?)?, "resource")?;
        let with = labelled(body.get(at.clone())?, authored)?.into_bytes();
        edits.push(Edit { at, with });
    }
    Some(edited(body, edits))
}

fn labelled(resource: &[u8], authored: &Authored) -> Option<String> {
    let mut whole = RawObject::parse(std::str::from_utf8(resource).ok()?)?;
    let mut meta = RawObject::parse(whole.get("meta").unwrap_or("{}"))?;
    let mut tags =
        vec![format!(r#"{{"system":"{AUTHORSHIP_SYSTEM}","code":{}}}"#, quote(authored.authorship.as_str()))];
    if let Some(mark) = &authored.mark_id {
        tags.push(format!(r#"{{"system":"{MADE_FROM_SYSTEM}","code":{}}}"#, quote(mark)));
    }
    let ours = |item: &str| {
        let system = json::parse(item.as_bytes()).ok();
        let system = system.as_ref().and_then(|item| item.get("system")).and_then(Json::text);
        system.is_some_and(|system| system == AUTHORSHIP_SYSTEM || system == MADE_FROM_SYSTEM)
    };
    let standing = raw::items(meta.get("tag").unwrap_or("[]"))?;
    let kept = standing.into_iter().filter(|item| !ours(item)).map(Cow::Borrowed);
    let tags: Vec<Cow<'_, str>> = kept.chain(tags.into_iter().map(Cow::Owned)).collect();
    let tags = raw::array(&tags);
    let standing = raw::items(meta.get("security").unwrap_or("[]"))?;
    let has_label = standing.iter().any(|item| {
        let item = json::parse(item.as_bytes()).ok();
        let is = |name: &str, want: &str| {
            item.as_ref().and_then(|item| item.get(name)).and_then(Json::text) == Some(want)
        };
        is("system", AI_SYSTEM) && is("code", AI_CODE)
    });
    let security = (authored.authorship.is_ai() && !has_label).then(|| {
        let label = format!(r#"{{"system":"{AI_SYSTEM}","code":"{AI_CODE}","display":"{AI_DISPLAY}"}}"#);
        let labels: Vec<Cow<'_, str>> =
            standing.into_iter().map(Cow::Borrowed).chain([Cow::Owned(label)]).collect();
        raw::array(&labels)
    });
    meta.set("tag", tags);
    if let Some(security) = security {
        meta.set("security", security);
    }
    let meta = meta.to_text();
    whole.set("meta", meta);
    Some(whole.to_text())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ai() -> Authored {
        Authored { authorship: Authorship::Ai, mark_id: Some("abc".to_owned()) }
    }

    #[test]
    fn slots_and_appointments_name_what_they_were_made_from() {
        let check = |body: &str, want: &[(Option<usize>, usize, usize)]| {
            let found = makings(body.as_bytes());
            let shown: Vec<_> =
                found.iter().map(|one| (one.entry, one.stored.len(), one.beside.len())).collect();
            assert_eq!(shown, want, "{body}");
        };
        check(r#"{"resourceType":"Slot","schedule":{"reference":"Schedule/7"}}"#, &[(None, 1, 0)]);
        check(r#"{"resourceType":"Slot","schedule":{"reference":"https://x.example.org/Schedule/7"}}"#, &[]);
        check(r#"{"resourceType":"Slot","schedule":{"reference":"Patient/7"}}"#, &[]);
        check(
            r#"{"resourceType":"Appointment","slot":[{"reference":"Slot/1"},{"reference":"Slot/2/_history/1"}]}"#,
            &[(None, 2, 0)],
        );
        check(r#"{"resourceType":"Patient"}"#, &[]);
        check("{", &[]);
        check(
            r#"{"resourceType":"Bundle","entry":[{"fullUrl":"urn:uuid:s","resource":{"resourceType":"Schedule"}},
            {"resource":{"resourceType":"Slot","schedule":{"reference":"urn:uuid:s"}}}]}"#,
            &[(Some(1), 0, 1)],
        );
        let slot = br#"{"resourceType":"Slot","schedule":{"reference":"Schedule/7"}}"#;
        assert_eq!(leads_to(slot).map(|(name, _)| name), Some("Schedule".to_owned()));
    }

    #[test]
    fn labels_are_written_once_and_found_again() {
        let slot = r#"{"resourceType":"Slot","meta":{"tag":[{"system":"https://example.org","code":"x"}]},"comment":"1.50","n":1.50}"#;
        let once = with_authorship(slot.as_bytes(), &[(None, ai())]).unwrap();
        let want = expect_test::expect![[
            r#"{"resourceType":"Slot","meta":{"tag":[{"system":"https://example.org","code":"x"},{"system":"https://eosin.example/fhir/authorship","code":"ai"},{"system":"https://eosin.example/fhir/made-from","code":"abc"}],"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"AIAST","display":"Artificial Intelligence asserted"}]},"comment":"1.50","n":1.50}"#
        ]];
        want.assert_eq(std::str::from_utf8(&once).unwrap());
        assert_eq!(with_authorship(&once, &[(None, ai())]).unwrap(), once);
        assert_eq!(labelled_authorship(&once), Some(ai()));
        let rules = Authored { authorship: Authorship::Algorithm, mark_id: None };
        let other = with_authorship(slot.as_bytes(), &[(None, rules.clone())]).unwrap();
        assert!(!std::str::from_utf8(&other).unwrap().contains("AIAST"));
        assert_eq!(labelled_authorship(&other), Some(rules.clone()));
        assert_eq!(foremost(vec![rules, ai()]), Some(ai()));
        let bundle = format!(r#"{{"resourceType":"Bundle","entry":[{{}},{{"resource":{slot}}}]}}"#);
        let labelled = with_authorship(bundle.as_bytes(), &[(Some(1), ai())]).unwrap();
        assert_eq!(resource_of_entry(&labelled, 1).map(<[u8]>::to_vec), Some(once));
        assert_eq!(with_authorship(b"[]", &[(None, ai())]), None);
    }
}
