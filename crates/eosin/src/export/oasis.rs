//! OASIS Data Provenance Metadata 1.0, committee specification draft 02 of 19 July 2026.

use mark::{Method, Source, Subject};
use serde_json::{Value, json};

use super::Described;

/// The dataset as an OASIS data-provenance document.
///
/// There is no code for «synthetic»: the generation method says how it was made, and the text that it is about nobody.
/// The purpose `synthetic-data-generation` is not it: that is for data from which synthetic data is to be made.
///
/// Source: spec/dataset-exports.md section 2.
pub(crate) fn oasis(dataset: &Described<'_>) -> Value {
    let manifest = dataset.manifest;
    let maker = manifest.operator.clone().unwrap_or_else(|| dataset.maker());
    let hashes: Vec<Value> = dataset
        .files
        .iter()
        .map(
            |file| json!({"path": file.name, "tree-hashes": [{"algorithm": "sha256", "value": file.sha256}]}),
        )
        .collect();
    let mut id = json!({
        "uris": [dataset.urn()],
        "custom-ids": [{"method": "eosin-manifest-sha256", "value": manifest.digest().to_hex()}],
    });
    let mut provenance = json!({
        "origin-geography": geography(&manifest.jurisdictions),
        "date": dataset.day(),
        "generation-method": [{"code": method(manifest.method), "long-description": dataset.how()}],
    });
    let mut intended_use = json!({ "intended-purpose": purposes(&manifest.purposes), "classification": classification(manifest.subject) });
    let set = |value: &mut Value, name: &str, member: Value| {
        if let Some(members) = value.as_object_mut() {
            members.insert(name.to_owned(), member);
        }
    };
    if !hashes.is_empty() {
        set(&mut id, "hashes", json!(hashes));
    }
    if !manifest.jurisdictions.is_empty() {
        set(&mut intended_use, "storage-allowed", geography(&manifest.jurisdictions));
    }
    let mut formats: Vec<&str> = dataset.files.iter().map(|file| file.written_as.media_type).collect();
    formats.sort_unstable();
    formats.dedup();
    if !formats.is_empty() {
        set(&mut provenance, "format", json!(formats));
    }
    if let Source::Generator { .. } = manifest.source {
        set(&mut provenance, "origin", json!([{"legal-name": dataset.maker()}]));
    }
    json!({
        "$schema": "https://docs.oasis-open.org/dps/prov-meta/v1.0/schema/data-provenance.json",
        "set": document(dataset, &maker),
        "source": {
            "about": {
                "content": dataset.about(),
                "purpose": purpose_text(&manifest.purposes),
                "scope": dataset.receipts(),
            },
            "id": id,
            "issuer": [{"legal-name": maker}],
            "location": dataset.location,
            "name": manifest.name,
            "data-version": "1",
        },
        "provenance": provenance,
        "use": intended_use,
    })
}

/// What the document says of itself.
fn document(dataset: &Described<'_>, publisher: &str) -> Value {
    json!({
        "category": "dp_base",
        "schema-version": "1.0",
        "publisher": {"name": publisher, "namespace": "https://eosin.example"},
        "label": dataset.manifest.name,
        "tracking": {
            "id": dataset.manifest.id().to_string(),
            "status": "final",
            "version": "1",
            "initial-release-date": dataset.sealed_at,
            "current-release-date": dataset.sealed_at,
            "revision-history": [
                {"date": dataset.sealed_at, "number": "1", "summary": "Sealed and logged."}
            ],
        },
    })
}

fn method(method: Method) -> &'static str {
    match method {
        Method::RuleBased | Method::Statistical => "simulations",
        Method::GenerativeModel => "machine-generated-ml-ops",
        Method::Augmented => "data-augmentation",
        Method::Collected => "primary-user-source",
        Method::Anonymised => "other",
    }
}

/// Whether it holds health data of people, and that somebody looked at that.
fn classification(subject: Subject) -> Value {
    let regulation = match subject {
        Subject::Synthetic => json!({"code": "other", "long-description": "synthetic: about nobody"}),
        Subject::Attested | Subject::Mixed => json!({"code": "phi"}),
    };
    json!([{"regulation": regulation, "evaluated": true}])
}

/// The member is required: where nobody said a country it is `ZZ`, which ISO 3166 leaves to its users and which
/// commonly means that it is not known.
fn geography(jurisdictions: &[String]) -> Value {
    let region = |code: &String| match code.split_once('-') {
        Some((country, _)) => json!({"country": country, "state": code}),
        None => json!({"country": code}),
    };
    let mut regions: Vec<Value> = jurisdictions.iter().map(region).collect();
    regions.dedup();
    if regions.is_empty() { json!([{"country": "ZZ"}]) } else { json!(regions) }
}

/// Purposes that the standard has a code for keep it; any other is `other`, in its own words.
fn purposes(purposes: &[String]) -> Value {
    let coded = |purpose: &String| {
        let known = CODES.contains(&purpose.as_str());
        json!({"code": if known { purpose.as_str() } else { "other" }, "long-description": purpose})
    };
    let mut all: Vec<Value> = purposes.iter().map(coded).collect();
    all.dedup();
    if all.is_empty() { json!([{"code": "other", "long-description": "not said"}]) } else { json!(all) }
}

const CODES: [&str; 9] = [
    "alignment",
    "evaluation",
    "other",
    "pre-training",
    "production",
    "quality-assurance",
    "research",
    "staging-testing",
    "synthetic-data-generation",
];

fn purpose_text(purposes: &[String]) -> String {
    if purposes.is_empty() { "Not said.".to_owned() } else { purposes.join(", ") }
}
