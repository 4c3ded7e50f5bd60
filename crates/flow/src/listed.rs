//! What an entry says of single records: how each is called, what it is of, and what its mark or its signs say of its origin.

use std::collections::BTreeMap;

use mark::{Dataset, Form, Proof, Reading, Record, Source, Unreadable, Verdict};
use policy::Decision;
use serde::Serialize;

/// Datasets that one entry describes at most.
const DATASETS_MAX: usize = 8;
/// Purposes of a dataset that are told at most.
const PURPOSES_MAX: usize = 8;
/// Characters of a name: of an object, a purpose, a generator.
const NAME_CHARS: usize = 64;
/// How records come by an API, where objects have names of their own.
const WITH_NAMED_OBJECTS: [Form; 3] = [Form::Salesforce, Form::Fhir, Form::Hl7v2];

/// How an entry names a record: nothing of its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Its place or its id: `records[3]`, `Patient/17`.
    pub reference: String,
    /// The object or resource type, where it can be told.
    pub object: Option<String>,
}

impl Named {
    /// How a reading is named that came by an API, where objects have names of their own.
    ///
    /// Never:  tells what rows of a table are, for a table is called as its file, and a file can be named after a person.
    pub fn of(reading: &Reading<'_>) -> Self {
        Self::told(reading.place.reference.clone(), &reading.content, &WITH_NAMED_OBJECTS)
    }

    /// As [`Named::of`], of a reading that nobody needs any more.
    pub(crate) fn taken(reading: Reading<'_>) -> Self {
        Self::told(reading.place.reference, &reading.content, &WITH_NAMED_OBJECTS)
    }

    /// How a reading of a file is named.
    ///
    /// Never:  tells an object that its content does not name.
    pub fn in_file(reading: Reading<'_>) -> Self {
        Self::told(reading.place.reference, &reading.content, &[Form::Fhir, Form::Hl7v2])
    }

    fn told(reference: String, content: &Result<Record<'_>, Unreadable>, forms: &[Form]) -> Self {
        let record = content.as_ref().ok().filter(|record| forms.contains(&record.form));
        Self::new(reference, record.map(|record| record.object.as_ref()))
    }

    pub(crate) fn new(reference: String, object: Option<&str>) -> Self {
        Self { reference, object: object.filter(|name| is_plain(name)).map(str::to_owned) }
    }
}

/// Whether this is what objects and resource types are called: up to 64 letters, digits and `_`.
pub(crate) fn is_plain(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (1..=NAME_CHARS).contains(&name.len()) && name.bytes().all(plain)
}

/// The records that an entry lists, and the datasets that they are of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listing {
    findings: Vec<Listed>,
    datasets: BTreeMap<String, Described>,
}

#[derive(Clone, Debug)]
struct Listed {
    named: Named,
    verdict: &'static str,
    decision: Decision,
    dataset: Option<String>,
    generator: Option<&'static str>,
}

/// What a dataset's manifest says that a filter asks for.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Described {
    #[serde(skip_serializing_if = "Option::is_none")]
    generator: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    purposes: Vec<String>,
}

#[derive(Serialize)]
pub(crate) struct FindingBody<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    dataset: Option<&'a str>,
    decision: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    generator: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<&'a str>,
    reference: &'a str,
    verdict: &'static str,
}

impl Listing {
    /// Adds a record.
    ///
    /// Bounds: the caller bounds how many; the datasets are at most [`DATASETS_MAX`].
    pub(crate) fn add(&mut self, named: &Named, verdict: &Verdict, decision: Decision) {
        let dataset = dataset_of(verdict);
        let id = dataset.map(|dataset| dataset.id().to_string());
        if let (Some(dataset), Some(id)) = (dataset, &id)
            && self.datasets.len() < DATASETS_MAX
            && !self.datasets.contains_key(id)
        {
            self.datasets.insert(id.clone(), Described::of(dataset));
        }
        let generator = verdict.suspicion().and_then(|suspicion| suspicion.generator);
        let verdict = verdict.name().as_str();
        self.findings.push(Listed { named: named.clone(), verdict, decision, dataset: id, generator });
    }

    pub(crate) fn len(&self) -> usize {
        self.findings.len()
    }

    /// The same, all with this decision.
    pub(crate) fn decided(mut self, decision: Decision) -> Self {
        for finding in &mut self.findings {
            finding.decision = decision;
        }
        self
    }

    pub(crate) fn findings(&self) -> Vec<FindingBody<'_>> {
        self.findings.iter().map(Listed::body).collect()
    }

    pub(crate) fn datasets(&self) -> &BTreeMap<String, Described> {
        &self.datasets
    }
}

impl Listed {
    fn body(&self) -> FindingBody<'_> {
        FindingBody {
            dataset: self.dataset.as_deref(),
            decision: self.decision.as_str(),
            generator: self.generator,
            object: self.named.object.as_deref(),
            reference: &self.named.reference,
            verdict: self.verdict,
        }
    }
}

impl Described {
    fn of(dataset: &Dataset) -> Self {
        let manifest = dataset.manifest();
        let generator = match &manifest.source {
            Source::Generator { name, .. } => Some(name.chars().take(NAME_CHARS).collect()),
            Source::SystemOfRecord { .. } | Source::Derivation { .. } => None,
        };
        let purposes = manifest.purposes.iter().filter(|purpose| is_word(purpose));
        Self { generator, purposes: purposes.take(PURPOSES_MAX).cloned().collect() }
    }
}

/// Whether a purpose is a word as manifests have them, such as `staging-testing`.
fn is_word(purpose: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b':');
    (1..=NAME_CHARS).contains(&purpose.len()) && purpose.bytes().all(plain)
}

/// The dataset that a mark is of, where the mark is genuine.
fn dataset_of(verdict: &Verdict) -> Option<&Dataset> {
    // Of the record that it was made for: where the mark was taken from.
    if let Verdict::Transplanted(transplant) = verdict {
        return Some(transplant.dataset());
    }
    verdict.proof().map(Proof::dataset)
}

#[cfg(test)]
mod tests {
    use mark::{Claim, Place, Record};

    use super::*;

    #[test]
    fn what_a_file_may_be_called_after_is_not_told() {
        let reading = |form| Reading {
            place: Place { index: 0, reference: "line 3".to_owned() },
            content: Ok(Record {
                form,
                object: "people".into(),
                fields: Vec::new(),
                mark: None,
                claim: Claim::None,
            }),
        };
        for (form, came, in_file) in [
            (Form::Table, false, false),
            (Form::Salesforce, true, false),
            (Form::Fhir, true, true),
            (Form::Hl7v2, true, true),
        ] {
            let reading = reading(form);
            let told = (Named::of(&reading).object.is_some(), Named::in_file(reading).object.is_some());
            assert_eq!(told, (came, in_file), "{form:?}");
        }
    }

    #[test]
    fn names_are_plain_or_not_told() {
        for (name, is) in [("Contact", true), ("Visit__c", true), ("", false), ("a b", false), ("Zoë", false)]
        {
            assert_eq!(is_plain(name), is, "{name}");
            assert_eq!(Named::new("records[0]".to_owned(), Some(name)).object.is_some(), is, "{name}");
        }
        assert!(!is_plain(&"x".repeat(65)));
        for (purpose, is) in
            [("staging-testing", true), ("urn:x:1", true), ("two words", false), ("a,b", false)]
        {
            assert_eq!(is_word(purpose), is, "{purpose}");
        }
    }
}
