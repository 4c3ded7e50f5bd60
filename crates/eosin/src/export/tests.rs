//! Scenes of the exports: codes, words for people, columns.

use std::collections::BTreeMap;

use mark::{Authorship, Field, FieldList, Kind, Salt};

use super::*;

fn manifest(subject: Subject, source: Source, method: Method) -> Manifest {
    let field = |name: &str, kind| Field { name: name.to_owned(), kind, identity: false };
    let list = FieldList::new(vec![field("full name", Kind::Text), field("dob", Kind::Date)]).unwrap();
    Manifest {
        name: "spring".to_owned(),
        source,
        subject,
        authorship: Authorship::Algorithm,
        method,
        purposes: Vec::new(),
        jurisdictions: vec!["US-AL".to_owned(), "AT".to_owned()],
        generated_at: None,
        retain_until: None,
        operator: None,
        parameters_digest: None,
        seed_commitment: None,
        salt: Salt([7; 16]),
        objects: BTreeMap::from([("people".to_owned(), list)]),
    }
}

fn described(manifest: &Manifest, media_type: &'static str, check: impl Fn(&Described<'_>)) {
    let records = BTreeMap::from([("people".to_owned(), 2)]);
    let files = [DataFile {
        name: "out folder/people.csv".to_owned(),
        written_as: WrittenAs { media_type, object: Some("people".to_owned()) },
        bytes: 12,
        sha256: "00".repeat(32),
    }];
    check(&Described {
        manifest,
        records: &records,
        files: &files,
        at: "2026-11-01T08:00:00Z",
        sealed_at: "2026-11-22T02:00:00Z",
        log: "eosin.local/test",
        first: 4,
        last: 5,
        location: "out folder".to_owned(),
    });
}

fn generator() -> Source {
    Source::Generator { name: "Synthea".to_owned(), version: Some("3.3".to_owned()) }
}

#[test]
fn each_method_has_its_code_and_none_claims_the_purpose() {
    for (method, code) in [
        (Method::RuleBased, "simulations"),
        (Method::Statistical, "simulations"),
        (Method::GenerativeModel, "machine-generated-ml-ops"),
        (Method::Augmented, "data-augmentation"),
        (Method::Anonymised, "other"),
        (Method::Collected, "primary-user-source"),
    ] {
        let manifest = manifest(Subject::Synthetic, generator(), method);
        described(&manifest, "text/csv", |dataset| {
            let document = oasis(dataset);
            assert_eq!(document["provenance"]["generation-method"][0]["code"], code);
            assert_eq!(document["provenance"]["date"], "2026-11-01");
            assert_eq!(document["use"]["intended-purpose"][0]["code"], "other");
            assert_eq!(document["use"]["storage-allowed"][1]["country"], "AT");
            assert!(!document.to_string().contains("synthetic-data-generation"));
        });
    }
}

#[test]
fn people_are_never_called_synthetic() {
    let source = Source::SystemOfRecord { boundary: "clinic".to_owned() };
    let manifest = manifest(Subject::Attested, source, Method::Collected);
    described(&manifest, "text/csv", |dataset| {
        for document in [croissant(dataset), oasis(dataset), prov(dataset)] {
            assert!(!document.to_string().to_lowercase().contains("synthetic"), "{document}");
        }
        assert_eq!(oasis(dataset)["use"]["classification"][0]["regulation"]["code"], "phi");
        assert_eq!(prov(dataset)["agent"]["eosin:maker"]["prov:type"]["$"], "prov:Organization");
    });
}

#[test]
fn columns_are_taken_out_as_the_file_is_written() {
    let manifest = manifest(Subject::Synthetic, generator(), Method::RuleBased);
    for (media_type, want) in [
        ("text/csv", Some(serde_json::json!({"column": "full name"}))),
        ("application/x-parquet", Some(serde_json::json!({"column": "full name"}))),
        ("application/jsonlines", Some(serde_json::json!({"jsonPath": "$.full name"}))),
        ("application/json", None),
    ] {
        described(&manifest, media_type, |dataset| {
            let document = croissant(dataset);
            assert_eq!(document["distribution"][0]["@id"], "out%20folder/people.csv");
            let field = document["recordSet"][0].get("field").and_then(|fields| fields.get(1));
            assert_eq!(field.map(|field| field["source"]["extract"].clone()), want, "{media_type}");
        });
    }
}
