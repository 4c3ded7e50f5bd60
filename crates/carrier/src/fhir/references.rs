//! References that name what they lead to by a search, such as `Patient?identifier=…`: found, and led to what it finds.

use std::collections::{BTreeMap, BTreeSet};

use mark::json::{DEPTH_MAX, Json};

use super::{
    interaction::is_type_name,
    raw::{self, RawObject, quote},
    xml,
};

/// The references of a resource that servers may follow by a search.
///
/// Shape:  one resource as JSON text -> their texts, wherever they stand.
/// Bounds: the caller bounds the text; twice [`DEPTH_MAX`] levels.
/// Errors: nothing where it cannot be read.
pub fn references_by_search(resource: &str) -> Option<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    // Neither plain nor escaped is there a question mark: most resources are not taken apart for this.
    if resource.contains('?') || resource.contains("\\u") {
        walk(resource, LEVELS_MAX, &mut |name, text| {
            if name == "reference" && is_by_search(text) {
                found.insert(text.to_owned());
            }
            None
        })
        .ok()?;
    }
    Some(found)
}

/// Whether a resource in XML has such references; one that cannot be read may.
///
/// Bounds: as of any resource in XML.
pub fn has_references_by_search(body: &[u8]) -> bool {
    xml::parse(body).map_or(true, |members| members.iter().any(|(name, value)| holds(name, value)))
}

fn holds(name: &str, value: &Json<'_>) -> bool {
    match value {
        Json::Object(members) => members.iter().any(|(name, value)| holds(name, value)),
        Json::Array(items) => items.iter().any(|item| holds(name, item)),
        Json::Text(text) => name == "reference" && is_by_search(text),
        Json::Null | Json::Bool(_) | Json::Number(_) => false,
    }
}

/// Whether a patch gives a reference by search: any text of it with a parameter could become one.
///
/// Shape:  a patch as JSON text; one that cannot be read does.
/// Bounds: as above.
pub fn patches_by_search(patch: &str) -> bool {
    let mut is_found = false;
    let read = walk(patch, LEVELS_MAX, &mut |_, text| {
        is_found |= is_by_search(text) && text.contains('=');
        None
    });
    is_found || read.is_err()
}

/// The type and the search of such a reference; nothing where it is not written from the base.
pub fn searched(reference: &str) -> Option<(&str, &str)> {
    reference.split_once('?').filter(|(path, _)| is_type_name(path))
}

/// The resource with other texts for some references, all else as it was written; nothing where that changes nothing.
pub fn with_references(resource: &str, others: &BTreeMap<String, String>) -> Option<String> {
    walk(resource, LEVELS_MAX, &mut |name, text| {
        others.get(text).filter(|_| name == "reference").map(|other| quote(other))
    })
    .ok()?
}

/// What is deeper no server of ours reads: a body has at most [`DEPTH_MAX`] levels, and a Bundle is around it.
pub(super) const LEVELS_MAX: u32 = 2 * DEPTH_MAX;

/// Whether a server may take this for a search, however it reads addresses: the last word of its path is a type.
pub(super) fn is_by_search(reference: &str) -> bool {
    let plain: String = reference.chars().filter(|one| !one.is_ascii_control()).collect();
    let Some((path, _)) = plain.trim().split_once('?') else { return false };
    let mut words =
        path.split(['/', '\\', ':', '#']).rev().filter(|word| !word.is_empty() && *word != "_search");
    words.next().is_some_and(is_type_name)
}

/// A value that cannot be taken apart, or is too deep.
#[derive(Debug)]
pub(super) struct Unread;

/// Every text in a value with the name of the member that holds it, and the value with those that become another.
pub(super) fn walk(
    value: &str,
    levels: u32,
    change: &mut impl FnMut(&str, &str) -> Option<String>,
) -> Result<Option<String>, Unread> {
    named("", value, levels, change)
}

fn named(
    name: &str,
    value: &str,
    levels: u32,
    change: &mut impl FnMut(&str, &str) -> Option<String>,
) -> Result<Option<String>, Unread> {
    let levels = levels.checked_sub(1).ok_or(Unread)?;
    match value.trim_start().as_bytes().first() {
        Some(b'{') => {
            let mut object = RawObject::parse(value).ok_or(Unread)?;
            let is_other = object.change(|name, inner| named(name, inner, levels, change))?;
            Ok(is_other.then(|| object.to_text()))
        }
        Some(b'[') => {
            let mut is_other = false;
            let mut items = Vec::new();
            for item in raw::items(value).ok_or(Unread)? {
                let other = named(name, item, levels, change)?;
                is_other |= other.is_some();
                items.push(other.unwrap_or_else(|| item.to_owned()));
            }
            Ok(is_other.then(|| raw::array(&items)))
        }
        Some(b'"') => {
            let text = serde_json::from_str::<String>(value).map_err(|_| Unread)?;
            Ok(change(name, &text))
        }
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_that_a_server_may_search_by_is_found() {
        for reference in [
            "Patient?identifier=a",
            "Patient?identifier=urn:a:b|1",
            "https://ehr.example.org/fhir/Patient?identifier=a",
            "/Patient?identifier=a",
            "urn:x/Patient?identifier=a",
            "urn:Patient?identifier=a",
            " Patient?identifier=a",
            "Pat\tient?identifier=a",
            "Patient/_search?identifier=a",
            "Patient/?identifier=a",
        ] {
            let resource =
                serde_json::json!({"resourceType": "Observation", "subject": {"reference": reference}});
            let found = references_by_search(&resource.to_string()).unwrap();
            assert_eq!(found.into_iter().collect::<Vec<_>>(), [reference]);
        }
        for other in ["Patient/17", "urn:uuid:1?a=b", "#inner?a", "https://a.example/doc?id=5", "patient?a=b"]
        {
            let resource = serde_json::json!({"subject": {"reference": other}, "note": "Patient?name=a"});
            assert_eq!(references_by_search(&resource.to_string()), Some(BTreeSet::new()), "{other}");
        }
        assert_eq!(searched("Patient?name=a?b"), Some(("Patient", "name=a?b")));
        assert_eq!(searched("https://ehr.example.org/fhir/Patient?name=a"), None);
    }

    #[test]
    fn a_reference_is_led_elsewhere_however_it_is_written() {
        let text = r#"{"value":1.50,"list":[{"reference":"Patient\u003fname=a"}, {"reference":"Patient/1"}],"note":"Patient?name=a"}"#;
        let others = BTreeMap::from([("Patient?name=a".to_owned(), "Patient/9".to_owned())]);
        assert_eq!(
            with_references(text, &others).unwrap(),
            r#"{"value":1.50,"list":[{"reference":"Patient/9"},{"reference":"Patient/1"}],"note":"Patient?name=a"}"#
        );
        assert_eq!(with_references(text, &BTreeMap::new()), None);
    }

    #[test]
    fn one_in_xml_is_found_too() {
        let of = |reference: &str| {
            let subject = format!(r#"<subject><reference value="{reference}"/></subject>"#);
            format!(
                r#"<Observation xmlns="http://hl7.org/fhir"><status value="final"/>{subject}</Observation>"#
            )
        };
        assert!(has_references_by_search(of("Patient&#63;name=a").as_bytes()));
        assert!(!has_references_by_search(of("Patient/1").as_bytes()));
        assert!(has_references_by_search(b"<Observation"));
    }

    #[test]
    fn what_is_too_deep_is_said_to_be_unread() {
        let deep = format!("{}\"?\"{}", "[".repeat(200), "]".repeat(200));
        assert_eq!(references_by_search(&deep), None);
        assert!(patches_by_search(&deep));
        assert!(patches_by_search(r#"[{"op":"add","path":"/subject/reference","value":"Patient?name=a"}]"#));
        assert!(!patches_by_search(
            r#"[{"op":"add","path":"/active","value":true},{"op":"add","path":"/note","value":"Pain? none"}]"#
        ));
    }
}
