//! The entries of a Bundle that is carried out: what each asks, and how it is asked otherwise.

use super::{
    answer::Entry,
    raw::{RawObject, quote},
};

/// What an entry asks of the server.
///
/// Debug shows the method only: addresses can hold names.
#[derive(Clone, PartialEq, Eq)]
pub struct Step {
    /// The method.
    pub method: String,
    /// The address, below the base.
    pub url: String,
    /// The search that must find nothing for a resource to be made.
    pub if_none_exist: Option<String>,
}

impl Entry {
    /// What this entry asks; nothing if it asks nothing, or in a way that cannot be read.
    pub fn step(&self) -> Option<Step> {
        let entry = RawObject::parse(&self.text)?;
        let request = RawObject::parse(entry.get("request")?)?;
        let text = |name| request.get(name).and_then(|value| serde_json::from_str::<String>(value).ok());
        Some(Step { method: text("method")?, url: text("url")?, if_none_exist: text("ifNoneExist") })
    }

    /// The same entry, asking this instead, perhaps with another resource.
    pub fn asking(&self, step: &Step, resource: Option<String>) -> Option<Self> {
        let mut entry = RawObject::parse(&self.text)?;
        let request_text = entry.get("request")?.to_owned();
        let mut request = RawObject::parse(&request_text)?;
        request.set("url", quote(&step.url));
        match &step.if_none_exist {
            Some(search) => request.set("ifNoneExist", quote(search)),
            None => request.remove("ifNoneExist"),
        }
        let request = request.to_text();
        entry.set("request", request);
        if let Some(resource) = &resource {
            entry.set("resource", resource.clone());
        }
        let resource = resource.or_else(|| self.resource.clone());
        Some(Self { text: entry.to_text(), resource, ..self.clone() })
    }

    /// The entry as it is written.
    pub fn as_written(&self) -> &str {
        &self.text
    }

    /// The same entry without its resource.
    pub fn without_resource(&self) -> String {
        let Some(mut entry) = RawObject::parse(&self.text) else { return "{}".to_owned() };
        entry.remove("resource");
        entry.to_text()
    }

    /// The same entry, its resource with this text.
    #[must_use]
    pub fn carrying(&self, resource: String) -> Self {
        let Some(mut entry) = RawObject::parse(&self.text) else { return self.clone() };
        entry.set("resource", resource.clone());
        Self { text: entry.to_text(), resource: Some(resource), ..self.clone() }
    }
}

/// A resource without its id; nothing if it has none.
pub fn without_id(resource: &str) -> Option<String> {
    let mut whole = RawObject::parse(resource)?;
    whole.get("id")?;
    for name in ["id", "_id"] {
        whole.remove(name);
    }
    Some(whole.to_text())
}

impl std::fmt::Debug for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Step({})", self.method)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::{answer::Page, references::with_references};
    use super::*;
    use crate::Limits;

    #[test]
    fn an_entry_can_ask_otherwise() {
        let text = r#"{"resourceType":"Bundle","type":"transaction","entry":[{"fullUrl":"urn:uuid:1",
            "resource":{"resourceType":"Observation","subject":{"reference":"Patient?name=a"},"valueQuantity":{"value":1.50}},
            "request":{"method":"POST","url":"Observation","ifNoneExist":"code=1"}},{"request":{"method":"GET"}}]}"#;
        let page = Page::read(text.as_bytes(), &Limits { body_bytes: 1 << 20, records: 9 }).unwrap();
        let entry = &page.entries[0];
        let step = entry.step().unwrap();
        assert_eq!((step.method.as_str(), step.if_none_exist.as_deref()), ("POST", Some("code=1")));
        let other = Step { if_none_exist: Some("_id=2".to_owned()), ..step };
        let found = BTreeMap::from([("Patient?name=a".to_owned(), "Patient/9".to_owned())]);
        let resource = with_references(entry.resource.as_deref().unwrap(), &found);
        let asked = entry.asking(&other, resource).unwrap();
        assert!(asked.as_written().contains(r#""ifNoneExist":"_id=2""#), "{}", asked.as_written());
        assert!(asked.as_written().contains(r#""reference":"Patient/9""#), "{}", asked.as_written());
        assert!(asked.as_written().contains("1.50") && asked.as_written().contains("urn:uuid:1"));
        assert!(page.entries[1].step().is_none());
        let bare = without_id(r#"{"resourceType":"Patient","id":"7","multipleBirthInteger":1.0}"#).unwrap();
        assert_eq!(bare, r#"{"resourceType":"Patient","multipleBirthInteger":1.0}"#);
        assert_eq!(without_id(&bare), None);
        assert!(
            entry.carrying(bare.clone()).as_written().contains(&format!(r#""resource":{bare},"request""#))
        );
        assert!(!entry.without_resource().contains("Observation\",\"subject"));
    }
}
