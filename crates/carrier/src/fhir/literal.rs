//! References that name what they lead to by its type and id, such as `Patient/17`: found, wherever they stand.

use std::{collections::BTreeSet, fmt};

use mark::json::Json;

use super::{
    answer::Key,
    interaction::{is_id, is_type_name},
    references::{LEVELS_MAX, is_by_search, walk},
    xml,
};
use crate::route::unescaped;

/// What a reference leads to on a server. Debug shows its type only.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Led {
    /// The resource.
    pub key: Key,
    /// Its version, where one is named.
    pub version: Option<String>,
}

/// The references of a resource that may name another by its id, as they are written.
///
/// Shape:  one resource as JSON text; those by search, to `#` something within and by `urn:` are none.
/// Bounds: the caller bounds the text; as many levels as a Bundle may have.
/// Errors: nothing where it cannot be read.
pub fn references_by_id(resource: &str) -> Option<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    walk(resource, LEVELS_MAX, &mut |name, text| {
        if name == "reference" && is_by_id(text) {
            found.insert(text.to_owned());
        }
        None
    })
    .ok()?;
    Some(found)
}

/// The same of a resource in XML.
///
/// Bounds: as of any resource in XML.
pub fn references_by_id_in_xml(body: &[u8]) -> Option<BTreeSet<String>> {
    let members = xml::parse(body).ok()?;
    let mut found = BTreeSet::new();
    for (name, value) in &members {
        collect(name, value, &mut found);
    }
    Some(found)
}

/// Every text of a patch in JSON: any of them could become a reference.
///
/// Bounds: as above.
/// Errors: nothing where it cannot be read.
pub fn patch_texts(patch: &str) -> Option<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    walk(patch, LEVELS_MAX, &mut |_, text| {
        found.insert(text.to_owned());
        None
    })
    .ok()?;
    Some(found)
}

/// What a reference leads to on the server with one of these addresses; nothing if it leads to another server, or nowhere that
/// has an id.
///
/// Shape:  `origins` as `https://host:port`; schemes are not compared.
pub fn led_by_id(reference: &str, origins: &[&str]) -> Option<Led> {
    let plain: String = reference.chars().filter(|one| !one.is_ascii_control()).collect();
    let plain = unescaped(plain.trim()).unwrap_or(plain);
    let plain = plain.trim().split(['#', '?']).next().unwrap_or_default();
    let path = match authority(plain) {
        Some((host, path)) => {
            let is_own =
                |origin: &&str| authority(origin).is_some_and(|(own, _)| own.eq_ignore_ascii_case(host));
            origins.iter().any(is_own).then_some(path)?
        }
        None => plain,
    };
    let words: Vec<&str> = path.split(['/', '\\']).filter(|word| !word.is_empty()).collect();
    let (resource_type, id, version) = match words.as_slice() {
        [.., kind, id, history, version] if *history == "_history" => (kind, id, Some((*version).to_owned())),
        [.., kind, id] => (kind, id, None),
        _ => return None,
    };
    let key = Key { resource_type: (*resource_type).to_owned(), id: (*id).to_owned() };
    (is_type_name(resource_type) && is_id(id)).then_some(Led { key, version })
}

/// The authority of an address and what stands behind it, with a scheme or without one.
fn authority(address: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = address.split_once("//")?;
    let is_scheme = |word: &str| {
        word.is_empty()
            || word
                .strip_suffix(':')
                .is_some_and(|word| word.bytes().all(|byte| byte.is_ascii_alphanumeric()))
    };
    is_scheme(scheme).then(|| rest.split_at(rest.find('/').unwrap_or(rest.len())))
}

fn is_by_id(reference: &str) -> bool {
    let bare = reference.trim_start();
    !bare.is_empty() && !bare.starts_with('#') && !bare.starts_with("urn:uuid:") && !is_by_search(reference)
}

fn collect(name: &str, value: &Json<'_>, found: &mut BTreeSet<String>) {
    match value {
        Json::Object(members) => members.iter().for_each(|(name, value)| collect(name, value, found)),
        Json::Array(items) => items.iter().for_each(|item| collect(name, item, found)),
        Json::Text(text) if name == "reference" && is_by_id(text) => drop(found.insert(text.to_string())),
        Json::Text(_) | Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

impl fmt::Debug for Led {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Led").field("resource_type", &self.key.resource_type).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_may_take_for_its_own_resource_is_one() {
        let origins = ["https://ehr.example.org", "http://gateway.example:8080"];
        let led = |reference: &str| {
            led_by_id(reference, &origins)
                .map(|led| (format!("{}/{}", led.key.resource_type, led.key.id), led.version))
        };
        for own in [
            "Patient/17",
            " Patient/17",
            "/Patient/17",
            "fhir/Patient/17/",
            "Patient/17#part",
            "Patient/17?x",
            "Pat\tient/17",
            "Patient/%317",
            "Patient%2F17",
            "https://ehr.example.org/fhir/Patient/17",
            "http://EHR.example.org/fhir/Patient/17",
            "//gateway.example:8080/Patient/17",
        ] {
            assert_eq!(led(own), Some(("Patient/17".to_owned(), None)), "{own}");
        }
        assert_eq!(led("Patient/17/_history/2"), Some(("Patient/17".to_owned(), Some("2".to_owned()))));
        for other in
            ["https://other.example/fhir/Patient/17", "Patient", "17", "patient/17", "", "urn:oid:1.2"]
        {
            assert_eq!(led(other), None, "{other}");
        }
    }

    #[test]
    fn references_are_found_wherever_they_stand_and_in_either_form() {
        let text = r##"{"a":{"reference":"Patient/1"},"b":[{"\u0072eference":"Patient\/2"}],"note":"Patient/3",
            "c":{"reference":"#in"},"d":{"reference":"urn:uuid:7"},"e":{"reference":"Patient?name=a"}}"##;
        let found: Vec<String> = references_by_id(text).unwrap().into_iter().collect();
        assert_eq!(found, ["Patient/1", "Patient/2"]);
        let xml = r#"<Observation xmlns="http://hl7.org/fhir"><status value="final"/><code><text value="x"/></code><subject><reference value="Patient&#47;1"/></subject></Observation>"#;
        assert!(references_by_id_in_xml(xml.as_bytes()).unwrap().contains("Patient/1"));
        assert_eq!(references_by_id_in_xml(b"<Observation"), None);
        assert!(
            patch_texts(r#"[{"op":"add","path":"/a","value":"Patient/1"}]"#).unwrap().contains("Patient/1")
        );
    }
}
