//! What a server answered, taken apart: the entries of a Bundle, so that each can be judged, kept or left out.

use std::{collections::BTreeSet, fmt};

use mark::{
    Unreadable,
    json::{self, Json},
};

use super::{
    AI_CODE, AI_SYSTEM, BRAND_SYSTEM, MARK_SYSTEM, PERSONS, SUBJECT_SYSTEM, TEST_CODE, TEST_SYSTEM,
    interaction::is_type_name,
    place::place_text,
    query::referenced,
    raw::{self, RawObject, quote},
    read::member,
    xml,
};
use crate::{Labels, Limits};

/// A Bundle that a server answered. Debug shows counts only.
#[derive(Clone)]
pub struct Page {
    text: String,
    /// Its entries, in order.
    pub entries: Vec<Entry>,
    /// Where the server says that it goes on.
    pub next: Option<String>,
    /// How many matches the server says there are.
    pub total: Option<u64>,
}

/// One entry of a Bundle. Debug shows its type only.
#[derive(Clone)]
pub struct Entry {
    pub(super) text: String,
    /// What it carries, as the server wrote it.
    pub resource: Option<String>,
    /// What the resource is.
    pub key: Option<Key>,
    /// Why it is there.
    pub mode: Mode,
}

/// A resource by its type and its id.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// The type.
    pub resource_type: String,
    /// The id; empty where the resource has none.
    pub id: String,
}

/// Why an entry is in a Bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It was asked for.
    Match,
    /// Another that is there leads to it, or it to another.
    Include,
    /// It says how the search went.
    Outcome,
}

impl Page {
    /// Takes apart a Bundle that a client sends, and that has one reading as a whole.
    ///
    /// Shape:  one JSON text, a Bundle of any type.
    /// Bounds: `limits` on bytes and entries.
    /// Errors: it is no Bundle, cannot be read, or is too long.
    pub fn read(text: &[u8], limits: &Limits) -> Result<Self, Unreadable> {
        let parsed = checked(text, limits)?;
        let entries = parsed.get("entry").map_or(&[][..], Json::items);
        if entries.iter().any(|entry| !matches!(entry, Json::Object(_))) {
            return Err(shape("has an entry that is not an object"));
        }
        Self::answered(text, limits)
    }

    /// Takes apart a Bundle that a server answers, without looking into its entries: each is judged by itself, so one
    /// that cannot be read says nothing of the others.
    ///
    /// Shape:  one JSON text, a Bundle of any type; an entry that is no object, or that names a member twice, is itself
    ///         the resource that cannot be read.
    /// Bounds: `limits` on bytes and entries.
    /// Errors: it is no Bundle, names a member twice itself, or is too long.
    pub fn answered(text: &[u8], limits: &Limits) -> Result<Self, Unreadable> {
        if text.len() > limits.body_bytes {
            return Err(Unreadable::TooLong { limit: limits.body_bytes });
        }
        let text = std::str::from_utf8(text).map_err(|_| shape("is not UTF-8"))?;
        let whole = RawObject::with_distinct_names(text)
            .ok_or_else(|| shape("is not a JSON object whose members have names of their own"))?;
        if whole.get("resourceType").and_then(string).as_deref() != Some("Bundle") {
            return Err(shape("is not a Bundle"));
        }
        let next = next_of(&whole)?;
        let total = whole.get("total").and_then(|total| total.parse().ok());
        let listed = raw::items(whole.get("entry").unwrap_or("[]"))
            .ok_or_else(|| shape("has an entry that is not an array"))?;
        if listed.len() > limits.records {
            return Err(Unreadable::TooMany { limit: limits.records });
        }
        let entries = listed.into_iter().map(Entry::read).collect();
        Ok(Self { text: text.to_owned(), entries, next, total })
    }

    /// The same Bundle with other entries, another total and other links. A signature over it goes.
    pub fn with(&self, entries: &[String], total: Option<u64>, links: &[(&str, String)]) -> String {
        let Some(mut whole) = RawObject::parse(&self.text) else { return String::new() };
        whole.remove("signature");
        for (name, value) in [
            ("total", total.map(|total| total.to_string())),
            ("link", (!links.is_empty()).then(|| linked(links))),
            ("entry", (!entries.is_empty()).then(|| raw::array(entries))),
        ] {
            match value {
                Some(value) => whole.set(name, value),
                None => whole.remove(name),
            }
        }
        whole.to_text()
    }

    /// The same Bundle with these entries, all else as it was written.
    pub fn with_entries(&self, entries: &[String]) -> String {
        self.with_entries_and_total(entries, self.total)
    }

    /// The same Bundle with these entries and this total. Links to further pages go: they are not known here.
    pub fn with_entries_and_total(&self, entries: &[String], total: Option<u64>) -> String {
        let Some(mut whole) = RawObject::parse(&self.text) else { return String::new() };
        if self.next.is_some() {
            whole.remove("link");
        }
        if let Some(total) = total {
            whole.set("total", total.to_string());
        }
        if entries.is_empty() {
            whole.remove("entry");
        } else {
            whole.set("entry", raw::array(entries));
        }
        whole.to_text()
    }

    /// Whether this answers a batch or a transaction, entry by entry.
    pub fn is_response(&self) -> bool {
        matches!(self.kind().as_deref(), Some("batch-response" | "transaction-response"))
    }

    /// Whether this is what a search found.
    pub fn is_searchset(&self) -> bool {
        self.kind().as_deref() == Some("searchset")
    }

    fn kind(&self) -> Option<String> {
        RawObject::parse(&self.text)?.get("type").and_then(string)
    }

    /// Whether the server gave this Bundle links.
    pub fn has_links(&self) -> bool {
        RawObject::parse(&self.text).is_some_and(|whole| whole.get("link").is_some())
    }
}

fn linked(links: &[(&str, String)]) -> String {
    let link = |(relation, url): &(&str, String)| {
        format!(r#"{{"relation":{},"url":{}}}"#, quote(relation), quote(url))
    };
    raw::array(&links.iter().map(link).collect::<Vec<_>>())
}

/// Where a Bundle goes on, if it does.
///
/// The first link that names an address counts: one without does not hide the one behind it.
fn next_of(bundle: &RawObject<'_>) -> Result<Option<String>, Unreadable> {
    let unread = || shape("has a link that cannot be read");
    for link in raw::items(bundle.get("link").unwrap_or("[]")).ok_or_else(unread)? {
        let link = RawObject::with_distinct_names(link).ok_or_else(unread)?;
        if link.get("relation").and_then(string).as_deref() == Some("next")
            && let Some(url) = link.get("url").and_then(string)
        {
            return Ok(Some(url));
        }
    }
    Ok(None)
}

fn string(value: &str) -> Option<String> {
    serde_json::from_str(value).ok()
}

impl Entry {
    fn read(text: &str) -> Self {
        let Some(entry) = RawObject::with_distinct_names(text) else {
            return Self {
                text: text.to_owned(),
                resource: Some(text.to_owned()),
                key: None,
                mode: Mode::Match,
            };
        };
        let resource = entry.get("resource").map(str::to_owned);
        let key = resource.as_deref().and_then(Key::of);
        let mode = entry.get("search").and_then(RawObject::parse);
        let mode = mode.and_then(|search| search.get("mode").and_then(string));
        let is_outcome = key.as_ref().is_some_and(|key| key.resource_type == "OperationOutcome");
        let mode = match mode.as_deref() {
            _ if is_outcome => Mode::Outcome,
            Some("include") => Mode::Include,
            // Whatever else is said of it: it is looked at.
            _ => Mode::Match,
        };
        Self { text: text.to_owned(), resource, key, mode }
    }

    /// The entry as it goes to the client: with what stands in its place as a resource, and an address of ours.
    ///
    /// Shape:  `upstream` and `gateway` are origins, such as `https://ehr.example.org`.
    pub fn text(&self, resource: Option<&str>, upstream: &str, gateway: &str) -> String {
        let Some(mut entry) = RawObject::parse(&self.text) else { return self.text.clone() };
        let url = entry.get("fullUrl").and_then(string);
        let ours = url.as_deref().and_then(|url| url.strip_prefix(upstream));
        let ours = ours.filter(|rest| rest.starts_with('/')).map(|rest| quote(&format!("{gateway}{rest}")));
        if ours.is_none() && resource.is_none() {
            return self.text.clone();
        }
        if let Some(url) = ours {
            entry.set("fullUrl", url);
        }
        if let Some(resource) = resource {
            entry.set("resource", resource.to_owned());
        }
        entry.to_text()
    }

    /// What this entry's resource leads to: references to resources, and addresses of definitions.
    pub fn mentions(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let parsed = self.resource.as_deref().and_then(|text| json::parse(text.as_bytes()).ok());
        if let Some(parsed) = parsed {
            mentioned(&parsed, &mut found);
        }
        found
    }

    /// The names under which others may lead to this entry's resource.
    pub fn names(&self) -> BTreeSet<String> {
        let mut names: BTreeSet<String> = self.key.iter().map(Key::reference).collect();
        let parsed = self.resource.as_deref().and_then(|text| json::parse(text.as_bytes()).ok());
        names.extend(parsed.as_ref().and_then(|one| one.get("url")).and_then(Json::text).map(str::to_owned));
        let entry = RawObject::parse(&self.text);
        names.extend(entry.and_then(|entry| entry.get("fullUrl").and_then(string)));
        names
    }
}

fn mentioned(value: &Json<'_>, found: &mut BTreeSet<String>) {
    match value {
        Json::Object(members) => members.iter().for_each(|(_, inner)| mentioned(inner, found)),
        Json::Array(items) => items.iter().for_each(|inner| mentioned(inner, found)),
        Json::Text(text) if text.contains(['/', ':']) => {
            if let Some((resource_type, id)) = referenced(text) {
                found.insert(format!("{resource_type}/{id}"));
            }
            found.insert(text.split('|').next().unwrap_or_default().to_owned());
        }
        Json::Text(_) | Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

impl Key {
    /// What a resource is, as far as it says; nothing if it says anything twice.
    pub fn of(resource: &str) -> Option<Self> {
        let object = RawObject::with_distinct_names(resource)?;
        let text = |name| object.get(name).and_then(string);
        let resource_type = text("resourceType").filter(|name| is_type_name(name))?;
        Some(Self { resource_type, id: text("id").unwrap_or_default() })
    }

    /// The same of one in XML.
    pub fn of_xml(resource: &[u8]) -> Option<Self> {
        let members = xml::parse(resource).ok()?;
        let text = |name| member(&members, name).and_then(Json::text).map(str::to_owned);
        Some(Self { resource_type: text("resourceType")?, id: text("id").unwrap_or_default() })
    }

    /// As a reference: `Patient/17`.
    pub fn reference(&self) -> String {
        format!("{}/{}", self.resource_type, self.id)
    }
}

/// Which included entries may stay beside the entries that are kept: those to which a kept one leads, or that lead to
/// a kept one. What came only because of a hidden resource would tell that there is one.
///
/// Shape:  entries and whether each is kept so far -> whether each is kept.
pub fn connected(entries: &[&Entry], kept: &[bool]) -> Vec<bool> {
    let mut kept = kept.to_vec();
    // What leads where is read in every resource, and matters for what was included only.
    if entries.iter().all(|entry| entry.mode != Mode::Include) {
        return kept;
    }
    let links: Vec<(BTreeSet<String>, BTreeSet<String>)> =
        entries.iter().map(|entry| (entry.names(), entry.mentions())).collect();
    let mut reached: Vec<bool> =
        entries.iter().zip(&kept).map(|(entry, kept)| *kept && entry.mode == Mode::Match).collect();
    loop {
        let before = reached.clone();
        let (mut names, mut mentions) = (BTreeSet::new(), BTreeSet::new());
        for ((own, leads), _) in links.iter().zip(&before).filter(|(_, reached)| **reached) {
            names.extend(own);
            mentions.extend(leads);
        }
        for (at, (own, leads)) in links.iter().enumerate() {
            let joined = own.iter().any(|name| mentions.contains(name))
                || leads.iter().any(|name| names.contains(name));
            if let (Some(reached), Some(true)) = (reached.get_mut(at), kept.get(at)) {
                *reached |= joined;
            }
        }
        if reached == before {
            break;
        }
    }
    for ((kept, reached), entry) in kept.iter_mut().zip(&reached).zip(entries) {
        *kept &= *reached || entry.mode == Mode::Outcome;
    }
    kept
}

/// A resource with its labels put back, if some of them are not there; nothing if all are.
///
/// Shape:  a resource whose mark was proven, and the labels of that mark.
/// Source: spec/carriers.md section 3.9.
pub fn relabelled(resource: &str, labels: &Labels) -> Option<String> {
    let parsed = json::parse(resource.as_bytes()).ok()?;
    let kind = parsed.get("resourceType").and_then(Json::text).filter(|kind| *kind != "Bundle")?;
    let has = |list: &str, system: &str, code: &str| {
        let codings = parsed.get("meta").and_then(|meta| meta.get(list)).map_or(&[][..], Json::items);
        codings.iter().any(|coding| {
            coding.get("system").and_then(Json::text) == Some(system)
                && coding.get("code").and_then(Json::text) == Some(code)
        })
    };
    let synthetic = labels.subject == mark::Subject::Synthetic;
    let branded = parsed.get("identifier").map_or(&[][..], Json::items).iter().any(|one| {
        one.get("system").and_then(Json::text) == Some(BRAND_SYSTEM)
            && one.get("value").and_then(Json::text) == Some(&labels.mark_id)
    });
    let whole = (!synthetic || has("security", TEST_SYSTEM, TEST_CODE))
        && (!labels.authorship.is_ai() || has("security", AI_SYSTEM, AI_CODE))
        && has("tag", MARK_SYSTEM, &labels.mark_id)
        && has("tag", SUBJECT_SYSTEM, labels.subject.as_str())
        && (!synthetic || !PERSONS.contains(&kind) || branded);
    if whole { None } else { place_text(resource, kind, labels).ok() }
}

/// A JSON object, read once before it is taken apart: a name given twice has two readings.
pub(super) fn checked<'t>(text: &'t [u8], limits: &Limits) -> Result<Json<'t>, Unreadable> {
    if text.len() > limits.body_bytes {
        return Err(Unreadable::TooLong { limit: limits.body_bytes });
    }
    match json::parse(text)? {
        parsed @ Json::Object(_) => Ok(parsed),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) | Json::Array(_) => {
            Err(shape("is not a JSON object"))
        }
    }
}

fn shape(sentence: &str) -> Unreadable {
    Unreadable::Shape(sentence.to_owned())
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Page({} entries)", self.entries.len())
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Entry({})", self.key.as_ref().map_or("", |key| key.resource_type.as_str()))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.resource_type)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { body_bytes: 1 << 20, records: 100 };

    fn page() -> Page {
        let text = r#"{"resourceType":"Bundle","type":"searchset","total":2,
            "link":[{"relation":"self","url":"http://up/fhir/Observation"},{"relation":"next","url":"http://up/fhir?p=2"}],
            "entry":[
              {"fullUrl":"http://up/fhir/Observation/1","resource":{"resourceType":"Observation","id":"1","subject":{"reference":"Patient/a"},"valueQuantity":{"value":1.50}},"search":{"mode":"match"}},
              {"resource":{"resourceType":"Observation","id":"2","subject":{"reference":"http://up/fhir/Patient/b"}}},
              {"resource":{"resourceType":"Patient","id":"a","managingOrganization":{"reference":"Organization/o"}},"search":{"mode":"include"}},
              {"resource":{"resourceType":"Patient","id":"b"},"search":{"mode":"include"}},
              {"resource":{"resourceType":"Organization","id":"o"},"search":{"mode":"include"}},
              {"resource":{"resourceType":"Provenance","id":"p","target":[{"reference":"Observation/2"}]},"search":{"mode":"include"}},
              {"resource":{"resourceType":"OperationOutcome","issue":[]},"search":{"mode":"outcome"}}
            ]}"#;
        Page::read(text.as_bytes(), &LIMITS).unwrap()
    }

    #[test]
    fn a_bundle_is_taken_apart_and_put_together() {
        let page = page();
        assert_eq!((page.entries.len(), page.total), (7, Some(2)));
        assert_eq!(page.next.as_deref(), Some("http://up/fhir?p=2"));
        let first = page.entries[0].text(None, "http://up", "https://gate");
        assert!(first.contains(r#""fullUrl":"https://gate/fhir/Observation/1""#), "{first}");
        assert!(first.contains("1.50"), "{first}");
        let again = page.with(&[first], Some(1), &[("self", "https://gate/x".to_owned())]);
        let value: serde_json::Value = serde_json::from_str(&again).unwrap();
        assert_eq!((&value["total"], &value["link"][0]["url"]), (&1.into(), &"https://gate/x".into()));
        assert_eq!(value["entry"].as_array().unwrap().len(), 1);
        assert!(!page.with(&[], None, &[]).contains("entry"));
    }

    #[test]
    fn a_further_page_is_found_behind_a_link_that_names_none() {
        let text = r#"{"resourceType":"Bundle","link":[{"relation":"next"},{"relation":"next","url":"http://up/2"}],"entry":[]}"#;
        let page = Page::read(text.as_bytes(), &LIMITS).unwrap();
        assert_eq!(page.next.as_deref(), Some("http://up/2"));
        assert!(!page.with_entries(&[]).contains("http://up/2"));
    }

    #[test]
    fn what_came_with_a_hidden_one_goes_with_it() {
        let page = page();
        let entries: Vec<&Entry> = page.entries.iter().collect();
        let kept = |hidden: &[usize]| {
            let kept: Vec<bool> = (0..entries.len()).map(|at| !hidden.contains(&at)).collect();
            let kept = connected(&entries, &kept);
            (0..entries.len()).filter(|at| kept[*at]).collect::<Vec<_>>()
        };
        assert_eq!(kept(&[]), [0, 1, 2, 3, 4, 5, 6]);
        assert_eq!(kept(&[1]), [0, 2, 4, 6]);
        assert_eq!(kept(&[0]), [1, 3, 5, 6]);
        assert_eq!(kept(&[0, 1]), [6]);
        assert_eq!(kept(&[2]), [0, 1, 3, 5, 6], "an organisation that only a hidden patient names goes too");
    }

    #[test]
    fn an_entry_that_cannot_be_read_is_one_entry() {
        let deep = format!("{}{}", "[".repeat(90), "]".repeat(90));
        let text = format!(
            r#"{{"resourceType":"Bundle","type":"searchset","total":7,"link":[{{"relation":"next","url":"http://up/2"}}],"entry":[
              {{"resource":{{"resourceType":"Patient","id":"1"}}}},
              {{"resource":{{"resourceType":"Observation","id":"2","valueQuantity":{{"value":12345678901234567890}}}}}},
              {{"resource":{{"resourceType":"Patient","id":"3","extension":{deep}}}}},
              {{"resource":{{"resourceType":"OperationOutcome","id":"4","resourceType":"Patient"}}}},
              {{"resource":{{"resourceType":"Patient","id":"5"}},"resource":{{"resourceType":"Patient","id":"6"}}}},
              {{"resource":{{"resourceType":"Patient","id":"7"}},"search":{{"mode":"outcome"}}}},
              8
            ]}}"#
        );
        assert!(Page::read(text.as_bytes(), &LIMITS).is_err(), "a client's Bundle is read as a whole");
        let page = Page::answered(text.as_bytes(), &LIMITS).unwrap();
        assert_eq!((page.entries.len(), page.total, page.next.as_deref()), (7, Some(7), Some("http://up/2")));
        let ids: Vec<Option<&str>> =
            page.entries.iter().map(|entry| entry.key.as_ref().map(|key| key.id.as_str())).collect();
        assert_eq!(ids, [Some("1"), Some("2"), Some("3"), None, None, Some("7"), None]);
        assert!(page.entries.iter().all(|entry| entry.mode == Mode::Match && entry.resource.is_some()));
        assert!(page.entries[1].resource.as_deref().unwrap().contains("12345678901234567890"));
        assert!(page.entries[4].resource.as_deref().unwrap().contains("\"6\""), "both of them");
        assert_eq!(page.entries[6].without_resource(), "{}");
    }

    #[test]
    fn what_is_no_bundle_is_said_to_be_none() {
        for text in [
            "[]",
            r#"{"resourceType":"Patient"}"#,
            r#"{"resourceType":"Bundle","entry":{}}"#,
            r#"{"resourceType":"Bundle","entry":[1]}"#,
            r#"{"resourceType":"Bundle","entry":[],"entry":[]}"#,
            r#"{"resourceType":"Patient","entry":[],"resourceType":"Bundle"}"#,
            r#"{"resourceType":"Bundle","link":[{"relation":"self","url":"a","relation":"next"}]}"#,
        ] {
            assert!(Page::read(text.as_bytes(), &LIMITS).is_err(), "{text}");
            assert!(text.contains("[1]") || Page::answered(text.as_bytes(), &LIMITS).is_err(), "{text}");
        }
    }
}
