//! W3C PROV-JSON: the dataset and its files are entities, the run is an activity, who made it are agents.

use mark::Source;
use serde_json::{Map, Value, json};

use super::Described;

/// The dataset as PROV-JSON.
///
/// Source: spec/dataset-exports.md section 3; the PROV-JSON member submission of 2013.
pub(crate) fn prov(dataset: &Described<'_>) -> Value {
    let manifest = dataset.manifest;
    let id = format!("eosin:dataset/{}", manifest.id());
    let (run, maker) = ("eosin:run", "eosin:maker");
    let mut entities = Map::from_iter([(id.clone(), entity(dataset))]);
    let mut members = Map::new();
    for (number, file) in dataset.files.iter().enumerate() {
        let name = format!("eosin:file/{number}");
        entities.insert(
            name.clone(),
            json!({
                "prov:type": {"$": "eosin:file", "type": "prov:QUALIFIED_NAME"},
                "prov:label": text(&file.name),
                "eosin:sha256": text(&file.sha256),
                "eosin:mediaType": text(file.written_as.media_type),
            }),
        );
        members.insert(format!("_:member{number}"), json!({"prov:collection": id, "prov:entity": name}));
    }
    let kind = match manifest.source {
        Source::Generator { .. } | Source::Derivation { .. } => "prov:SoftwareAgent",
        Source::SystemOfRecord { .. } => "prov:Organization",
    };
    let mut agents = Map::new();
    agents.insert(
        maker.to_owned(),
        json!({"prov:type": {"$": kind, "type": "prov:QUALIFIED_NAME"}, "prov:label": text(&dataset.maker())}),
    );
    let mut associated = Map::new();
    associated.insert("_:associated0".to_owned(), json!({"prov:activity": run, "prov:agent": maker}));
    let mut whole = Map::new();
    if let Some(operator) = &manifest.operator {
        agents.insert("eosin:operator".to_owned(), json!({"prov:label": text(operator)}));
        associated.insert(
            "_:associated1".to_owned(),
            json!({"prov:activity": run, "prov:agent": "eosin:operator"}),
        );
        whole.insert(
            "actedOnBehalfOf".to_owned(),
            json!({"_:for": {"prov:delegate": maker, "prov:responsible": "eosin:operator", "prov:activity": run}}),
        );
    }
    let mut activity = json!({ "prov:label": text(dataset.how()) });
    if let (Some(members), Some(at)) = (activity.as_object_mut(), &manifest.generated_at) {
        members.insert("prov:endTime".to_owned(), json!(at));
    }
    let rest = [
        (
            "prefix",
            json!({"eosin": "https://eosin.example/ns/prov#", "xsd": "http://www.w3.org/2001/XMLSchema#"}),
        ),
        ("entity", Value::Object(entities)),
        ("activity", json!({run: activity})),
        ("agent", Value::Object(agents)),
        ("wasGeneratedBy", json!({"_:generated": {"prov:entity": id, "prov:activity": run}})),
        ("wasAttributedTo", json!({"_:attributed": {"prov:entity": id, "prov:agent": maker}})),
        ("wasAssociatedWith", Value::Object(associated)),
    ];
    whole.extend(rest.map(|(name, value)| (name.to_owned(), value)));
    if !members.is_empty() {
        whole.insert("hadMember".to_owned(), Value::Object(members));
    }
    Value::Object(whole)
}

/// What the manifest says of the dataset.
fn entity(dataset: &Described<'_>) -> Value {
    let manifest = dataset.manifest;
    let mut about = json!({
        "prov:type": {"$": format!("eosin:{}-dataset", manifest.subject), "type": "prov:QUALIFIED_NAME"},
        "prov:label": text(&manifest.name),
        "eosin:manifest": text(&manifest.digest().to_hex()),
        "eosin:authorship": text(manifest.authorship.as_str()),
        "eosin:method": text(dataset.how()),
        "eosin:records": {"$": dataset.count().to_string(), "type": "xsd:long"},
        "eosin:log": text(dataset.log),
        "eosin:logEntries": text(&format!("{}-{}", dataset.first, dataset.last)),
    });
    if let Some(members) = about.as_object_mut() {
        let known = [
            ("eosin:parameters", &manifest.parameters_digest),
            ("eosin:seedCommitment", &manifest.seed_commitment),
        ];
        for (name, value) in known {
            members.extend(value.as_deref().map(|value| (name.to_owned(), text(value))));
        }
    }
    about
}

fn text(text: &str) -> Value {
    json!({"$": text, "type": "xsd:string"})
}
