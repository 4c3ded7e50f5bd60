//! Resources that a server names in what it says of a write: found, so that none is told that may not be seen.

use std::collections::BTreeSet;

use super::{
    answer::Key,
    elements::of_resource,
    interaction::is_id,
    raw::{self, RawObject, quote},
    references::{LEVELS_MAX, Unread, walk},
};

/// The resources that a text names: a type of R4, then an id, as in `Patient/17`, `Patient:17` or `Patient (17`.
///
/// Bounds: the caller bounds the text, which is gone through once.
/// Errors: none; an id that a full stop ends may be one with it or without, and is both.
pub fn named(text: &str) -> BTreeSet<Key> {
    let mut found = BTreeSet::new();
    let mut rest = text;
    while let Some(start) = rest.find(|one: char| one.is_ascii_uppercase()) {
        let before = rest.get(..start).and_then(|before| before.chars().next_back());
        let word = rest.get(start..).unwrap_or_default();
        let end = word.find(|one: char| !one.is_ascii_alphanumeric()).unwrap_or(word.len());
        let (kind, behind) = word.split_at(end);
        rest = behind;
        let is_whole = before.is_none_or(|one| !one.is_ascii_alphanumeric());
        let id = behind.trim_start_matches([' ', '/', ':', '#', '(', '[', '=', '|', '\'', '"', '`', '\\']);
        let is_apart = (1..=SEPARATORS_MAX).contains(&(behind.len() - id.len()));
        if !is_whole || !is_apart || behind.starts_with(' ') || of_resource(kind).is_none() {
            continue;
        }
        let end = id.find(|one: char| !one.is_ascii_alphanumeric() && one != '-' && one != '.');
        let id = id.get(..end.unwrap_or(id.len())).unwrap_or_default();
        // A full stop may end the sentence.
        for id in [id, id.trim_end_matches('.')] {
            if is_id(id) {
                found.insert(Key { resource_type: kind.to_owned(), id: id.to_owned() });
            }
        }
    }
    found
}

/// The resources that the outcomes in an answer name.
///
/// Shape:  an `OperationOutcome`, or a Bundle with some, as JSON text.
/// Bounds: the caller bounds the text; Bundles within Bundles sixteen deep.
/// Errors: nothing where it cannot be taken apart.
pub fn outcomes_name(answer: &str) -> Option<BTreeSet<Key>> {
    let mut found = BTreeSet::new();
    if answer.contains("OperationOutcome") || answer.contains("\\u") {
        outcomes(answer, OUTCOME_LEVELS_MAX, &mut |outcome| {
            found.append(&mut within(outcome));
            None
        })
        .ok()?;
    }
    Some(found)
}

/// The answer, its outcomes without what they say of these resources.
///
/// Shape:  the kind of each issue stays; an outcome whose issues are no list has none. Nothing where no outcome names one.
/// Bounds: as [`outcomes_name`], which has read it before.
pub fn without_named(answer: &str, hidden: &BTreeSet<Key>) -> Option<String> {
    let names = |text: &str| !within(text).is_disjoint(hidden);
    let issue = |text: &str| {
        if !names(text) {
            return text.to_owned();
        }
        let whole = RawObject::parse(text);
        let kind = ["severity", "code"].into_iter().filter_map(|name| {
            let value = whole.as_ref()?.get(name).filter(|value| !names(value))?;
            Some(format!("{}:{value},", quote(name)))
        });
        format!("{{{}{}:{}}}", kind.collect::<String>(), quote("diagnostics"), quote(UNSAID))
    };
    outcomes(answer, OUTCOME_LEVELS_MAX, &mut |outcome| {
        let whole = RawObject::parse(outcome).filter(|_| names(outcome))?;
        let issues = whole.get("issue").and_then(raw::items).unwrap_or_default();
        let issues: Vec<String> = issues.into_iter().map(issue).collect();
        Some(format!(r#"{{"resourceType":"OperationOutcome","issue":{}}}"#, raw::array(&issues)))
    })
    .ok()?
}

/// What stands between a type and an id, at most.
const SEPARATORS_MAX: usize = 3;
/// A Bundle in an entry of a Bundle, with an outcome in an entry of it, is not half as deep.
const OUTCOME_LEVELS_MAX: u32 = 16;
const UNSAID: &str = "what was said here names what is not shown";

/// The resources that any text in a value names.
fn within(value: &str) -> BTreeSet<Key> {
    let mut found = BTreeSet::new();
    let read = walk(value, LEVELS_MAX, &mut |_, text| {
        found.append(&mut named(text));
        None
    });
    // What cannot be taken apart is read as it is written.
    if read.is_err() {
        found.append(&mut named(value));
    }
    found
}

/// Every outcome in an answer, and the answer with those that become another.
fn outcomes(
    value: &str,
    levels: u32,
    change: &mut impl FnMut(&str) -> Option<String>,
) -> Result<Option<String>, Unread> {
    let levels = levels.checked_sub(1).ok_or(Unread)?;
    match value.trim_start().as_bytes().first() {
        Some(b'{') => {
            let mut object = RawObject::parse(value).ok_or(Unread)?;
            let kind = object.get("resourceType").and_then(|kind| serde_json::from_str::<String>(kind).ok());
            match kind.as_deref() {
                Some("OperationOutcome") => return Ok(change(value)),
                Some("Bundle") | None => {}
                Some(_) => return Ok(None),
            }
            let is_other = object.change(|name, inner| match name {
                "entry" | "response" | "outcome" | "resource" => outcomes(inner, levels, change),
                _ => Ok(None),
            })?;
            Ok(is_other.then(|| object.to_text()))
        }
        Some(b'[') => {
            let mut is_other = false;
            let mut items = Vec::new();
            for item in raw::items(value).ok_or(Unread)? {
                let other = outcomes(item, levels, change)?;
                is_other |= other.is_some();
                items.push(other.unwrap_or_else(|| item.to_owned()));
            }
            Ok(is_other.then(|| raw::array(&items)))
        }
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Vec<String> {
        named(text).into_iter().map(|key| format!("{}/{}", key.resource_type, key.id)).collect()
    }

    #[test]
    fn a_resource_is_known_however_a_server_names_it() {
        for (text, want) in [
            (
                "reference found was resource Observation/hob1 in path Observation.subject",
                &["Observation/hob1"][..],
            ),
            ("[Observation/a/_history/2, Patient/b.]", &["Observation/a", "Patient/b", "Patient/b."]),
            ("duplicate of Patient:17, or Patient ('18')", &["Patient/17"]),
            ("http://ehr.example.org/fhir/Patient/3", &["Patient/3"]),
            ("no Patient was found; HTTP/1.1 and MyPatient/4", &[]),
        ] {
            assert_eq!(keys(text), want, "{text}");
        }
    }

    #[test]
    fn an_outcome_loses_what_it_says_of_the_hidden_and_keeps_the_rest() {
        let answer = r#"{"resourceType":"Bundle","type":"batch-response","entry":[{"response":{"status":"409","outcome":{"resourceType":"OperationOutcome",
            "text":{"div":"Observation/2"},"issue":[{"severity":"error","code":"conflict","diagnostics":"first is Observation\/2"},
            {"severity":"error","code":"processing","diagnostics":"Patient/1"}]}}}]}"#;
        let found = outcomes_name(answer).unwrap();
        let hidden: BTreeSet<Key> = found.into_iter().filter(|key| key.id == "2").collect();
        assert_eq!(hidden.len(), 1);
        let shown = without_named(answer, &hidden).unwrap();
        assert!(
            !shown.contains("Observation") && shown.contains("Patient/1") && shown.contains("conflict"),
            "{shown}"
        );
        assert_eq!(without_named(answer, &BTreeSet::new()), None);
        // Issues that are no list are nobody's to read, and go.
        let odd = r#"{"resourceType":"OperationOutcome","issue":{"diagnostics":"Observation/2"}}"#;
        assert_eq!(
            without_named(odd, &hidden).as_deref(),
            Some(r#"{"resourceType":"OperationOutcome","issue":[]}"#)
        );
    }
}
