//! The exports of a manifest: their shape here, and read by the tools of those who made the formats where they are.

use std::{fs, path::Path, process::Command};

use serde_json::{Value, json};

use crate::{
    files::{fixture, set_up},
    mark_folders::marked,
};

fn read(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// A folder and a file, marked; all their exports.
fn exported(at: &Path) -> [[Value; 3]; 2] {
    fs::write(at.join("model.json"), "{}").unwrap();
    fs::write(at.join("people.csv"), "full name,dob,visits\nAda Bell,1984-02-29,3\n").unwrap();
    let asked = [
        "people.csv",
        "--out",
        "people marked.csv",
        "--dataset",
        "people",
        "--generator",
        "our model",
        "--method",
        "generative-model",
        "--operator",
        "test data team",
        "--jurisdiction",
        "US-AL",
        "--purpose",
        "staging-testing",
        "--purpose",
        "demo",
        "--parameters",
        "model.json",
        "--generated-at",
        "2026-11-01T08:00:00Z",
    ];
    marked(at, &asked, 0);
    fs::create_dir(at.join("from")).unwrap();
    fs::copy(fixture("fhir/patients.ndjson"), at.join("from/Patient.ndjson")).unwrap();
    fs::copy(fixture("fhir/transaction.json"), at.join("from/bundle.json")).unwrap();
    marked(at, &["from", "--out", "folder", "--dataset", "spring"], 0);
    ["people marked.csv", "folder"].map(|out| {
        ["croissant", "provenance", "prov"].map(|kind| read(&at.join(format!("{out}.{kind}.json"))))
    })
}

#[test]
fn exports_say_what_the_manifest_says_in_words_that_others_know() {
    let folder = set_up();
    let at = folder.path();
    let [[croissant, oasis, prov], [folder_croissant, folder_oasis, folder_prov]] = exported(at);
    let digest = mark::digest::sha256(&[&fs::read(at.join("people marked.csv")).unwrap()]).to_hex();

    assert_eq!(croissant["conformsTo"][0], "http://mlcommons.org/croissant/1.1");
    let file = &croissant["distribution"][0];
    assert_eq!(
        (file["contentUrl"].as_str(), file["sha256"].as_str()),
        (Some("people%20marked.csv"), Some(digest.as_str()))
    );
    let fields = croissant["recordSet"][0]["field"].as_array().unwrap();
    let types: Vec<_> = fields
        .iter()
        .map(|field| (field["name"].as_str().unwrap(), field["dataType"].as_str().unwrap()))
        .collect();
    assert_eq!(types, [("dob", "sc:Date"), ("full name", "sc:Text"), ("visits", "sc:Float")]);
    assert_eq!(croissant["rai:dataCollectionType"], "Synthetic data");
    assert_eq!(croissant["prov:wasGeneratedBy"]["prov:wasAssociatedWith"]["prov:label"], "our model");
    assert_eq!(folder_croissant["distribution"].as_array().unwrap().len(), 2);
    assert_eq!(folder_croissant["recordSet"].as_array().unwrap().len(), 1, "a Bundle has no columns");

    for document in [&oasis, &folder_oasis] {
        for part in ["set", "source", "provenance", "use"] {
            assert!(document[part].is_object(), "{part}");
        }
        let text = document.to_string();
        assert!(!text.contains("synthetic-data-generation"), "that is a purpose, and not this one");
    }
    assert_eq!(oasis["provenance"]["generation-method"][0]["code"], "machine-generated-ml-ops");
    assert_eq!(oasis["provenance"]["origin-geography"], json!([{"country": "US", "state": "US-AL"}]));
    assert_eq!(oasis["provenance"]["date"], "2026-11-01");
    assert_eq!(
        oasis["use"]["intended-purpose"],
        json!([
            {"code": "staging-testing", "long-description": "staging-testing"},
            {"code": "other", "long-description": "demo"},
        ])
    );
    assert_eq!(oasis["source"]["id"]["hashes"][0]["tree-hashes"][0]["value"], digest.as_str());
    assert_eq!(folder_oasis["provenance"]["generation-method"][0]["code"], "simulations");
    assert_eq!(folder_oasis["provenance"]["origin-geography"], json!([{"country": "ZZ"}]), "nobody said");

    let dataset = prov["entity"].as_object().unwrap().keys().find(|id| id.contains("dataset")).unwrap();
    assert_eq!(prov["wasGeneratedBy"]["_:generated"]["prov:entity"], dataset.as_str());
    assert_eq!(prov["agent"]["eosin:maker"]["prov:label"]["$"], "our model");
    assert_eq!(prov["actedOnBehalfOf"]["_:for"]["prov:responsible"], "eosin:operator");
    assert_eq!(prov["activity"]["eosin:run"]["prov:endTime"], "2026-11-01T08:00:00Z");
    assert_eq!(folder_prov["hadMember"].as_object().unwrap().len(), 2);
    assert!(folder_prov.get("actedOnBehalfOf").is_none());
    for export in [&croissant, &oasis, &prov, &folder_croissant, &folder_oasis, &folder_prov] {
        assert!(!export.to_string().contains("Ada"), "no content is exported");
    }
}

/// Reads the exports with the Python packages of those who know the formats; prints what it could not do.
const READ: &str = r#"
import json, sys
names = ["people marked.csv", "folder"]
try:
    import mlcroissant
    for name in names:
        found = mlcroissant.Dataset(jsonld=f"{name}.croissant.json").metadata
        assert not found.ctx.issues.errors, found.ctx.issues.report()
        assert str(found.conforms_to[0]).endswith("croissant/1.1") or "1_1" in str(found.conforms_to), found.conforms_to
    rows = list(mlcroissant.Dataset(jsonld="people marked.csv.croissant.json").records("people marked.csv#records".replace(" ", "%20")))
    assert len(rows) == 1 and any(b"Ada Bell" == value for value in rows[0].values()), rows
    print("read: croissant")
except ModuleNotFoundError as missing:
    print("skipped:", missing)
try:
    import prov.model
    for name in names:
        document = prov.model.ProvDocument.deserialize(f"{name}.prov.json", format="json")
        assert len(list(document.get_records(prov.model.ProvEntity))) >= 2
        again = json.loads(document.serialize(format="json"))
        assert again["entity"].keys() == json.load(open(f"{name}.prov.json"))["entity"].keys()
    print("read: prov")
except ModuleNotFoundError as missing:
    print("skipped:", missing)
"#;

#[test]
fn tools_that_are_not_ours_read_the_exports() {
    let folder = set_up();
    exported(folder.path());
    // mlcroissant takes the URL of a local file for its path as it is.
    let named = |name: &str| folder.path().join(name);
    fs::copy(named("people marked.csv"), named("people%20marked.csv")).unwrap();
    // EOSIN_PYTHON names a Python that has `mlcroissant` and `prov`.
    let python = std::env::var("EOSIN_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let output = match Command::new(python).args(["-c", READ]).current_dir(folder.path()).output() {
        Ok(output) => output,
        Err(error) => return println!("skipped: no Python: {error}"),
    };
    let (said, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{error}");
    println!("{said}");
}
