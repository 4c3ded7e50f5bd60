//! The published vectors of registries: made again from their inputs, and checked from the file alone.

#![expect(clippy::indexing_slicing, reason = "vectors of which the shape is known")]

use std::fs;
use std::path::PathBuf;

use data_encoding::HEXLOWER;
use mark::digest::Hash;
use recognise::{Fingerprint, KeyId, PersonTag};
use registry::{Additions, Membership, Presence, Registry, Snapshot};
use serde_json::{Value, json};

const AT: &str = "2026-11-22T00:00:00Z";

fn bytes<const N: usize>(text: &Value) -> [u8; N] {
    HEXLOWER.decode(text.as_str().unwrap().as_bytes()).unwrap().try_into().unwrap()
}

/// The entries are the vector's own rule: SHA-256 of the number as 4 bytes, cut to 16; the tag is the number over 3.
fn inputs() -> Value {
    let entry = |number: u32| {
        let digest = mark::digest::sha256(&[&number.to_be_bytes()]);
        json!([
            HEXLOWER.encode(&digest.as_bytes()[..16]),
            HEXLOWER.encode(&u64::from(number / 3).to_be_bytes())
        ])
    };
    let mut entries: Vec<Value> = (0..300).map(entry).collect();
    // One fingerprint that two records share.
    entries.push(json!([entry(7)[0], "00000000000003e8"]));
    json!(entries)
}

fn made() -> Value {
    let folder = tempfile::tempdir().unwrap();
    let key = KeyId([0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7]);
    let mut additions = Additions::begin(folder.path(), key).unwrap();
    let entries = inputs();
    for entry in entries.as_array().unwrap() {
        additions.add(Fingerprint(bytes(&entry[0])), PersonTag(bytes(&entry[1]))).unwrap();
    }
    let snapshot = additions.commit().unwrap();
    let registry = Registry::open(folder.path()).unwrap().unwrap();
    let absent = HEXLOWER.encode(&mark::digest::sha256(&[b"absent"]).as_bytes()[..16]);
    let asked = [
        ("present once", entries[100][0].as_str().unwrap()),
        ("present for two records", entries[7][0].as_str().unwrap()),
        ("absent between two", absent.as_str()),
        ("absent before the first", "00000000000000000000000000000000"),
        ("absent after the last", "ffffffffffffffffffffffffffffffff"),
    ];
    let proofs = asked.map(|(name, asked)| {
        let proof = registry.prove(Fingerprint(bytes(&json!(asked)))).unwrap();
        json!({ "name": name, "fingerprint": asked, "proof": String::from_utf8(proof.to_json()).unwrap(),
            "tags": tags(&proof, &snapshot, asked) })
    });
    json!({
        "what": "entries of a registry as [fingerprint, tag] in any order, its root and ledger entry, and proofs \
                 with the tags that they prove (none: absent); spec/registry.md",
        "entries": entries,
        "snapshot": {
            "entries": snapshot.entries,
            "root": snapshot.root.to_hex(),
            "ledger_entry": String::from_utf8(snapshot.entry_bytes(AT)).unwrap(),
        },
        "proofs": proofs,
    })
}

fn tags(proof: &Presence, snapshot: &Snapshot, asked: &str) -> Vec<String> {
    match proof.verify(&snapshot.root, snapshot.entries, Fingerprint(bytes(&json!(asked)))).unwrap() {
        Membership::Present(tags) => tags.iter().map(|tag| HEXLOWER.encode(&tag.0)).collect(),
        Membership::Absent => Vec::new(),
    }
}

fn file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../spec/vectors/registry.json")
}

#[test]
fn the_published_vectors_are_made_again_from_their_inputs() {
    let text = format!("{}\n", serde_json::to_string_pretty(&made()).unwrap());
    expect_test::expect_file![file()].assert_eq(&text);
}

#[test]
fn the_published_proofs_prove_what_the_file_says() {
    let vectors: Value = serde_json::from_str(&fs::read_to_string(file()).unwrap()).unwrap();
    let told = &vectors["snapshot"];
    let (snapshot, at) = Snapshot::parse_entry(told["ledger_entry"].as_str().unwrap().as_bytes()).unwrap();
    assert_eq!((at.as_str(), Some(snapshot.entries)), (AT, told["entries"].as_u64()));
    assert_eq!(Hash::from_hex(told["root"].as_str().unwrap()), Some(snapshot.root));
    let proofs = vectors["proofs"].as_array().unwrap();
    assert_eq!(proofs.len(), 5);
    for vector in proofs {
        let proof = Presence::parse(vector["proof"].as_str().unwrap().as_bytes()).unwrap();
        let asked = vector["fingerprint"].as_str().unwrap();
        assert_eq!(json!(tags(&proof, &snapshot, asked)), vector["tags"], "{}", vector["name"]);
    }
}

/// What the checker in Python says; `None` where there is no Python.
fn python(arguments: &[&str]) -> Option<String> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/verifier/registry.py");
    let output = std::process::Command::new("python3").arg(script).args(arguments).output().ok()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn a_checker_that_shares_nothing_with_us_agrees() {
    let Some(said) = python(&["vectors", file().to_str().unwrap()]) else {
        println!("skipped: no python3");
        return;
    };
    assert_eq!(said, "5 proofs are as told\n");
    // The last has a second stored level of its tree.
    for count in [0_u64, 171, 66_000] {
        let folder = tempfile::tempdir().unwrap();
        let mut additions = Additions::begin(folder.path(), KeyId([3; 8])).unwrap();
        let fingerprint = |number: u64| {
            Fingerprint(*mark::digest::sha256(&[&number.to_be_bytes()]).as_bytes().first_chunk().unwrap())
        };
        for number in 0..count {
            additions.add(fingerprint(number), PersonTag(number.to_be_bytes())).unwrap();
        }
        let snapshot = additions.commit().unwrap();
        let said = python(&["table", folder.path().to_str().unwrap()]).unwrap();
        assert_eq!(said, format!("registry of {count} entries is whole, root {}\n", snapshot.root));
        let registry = Registry::open(folder.path()).unwrap().unwrap();
        assert_eq!(registry.verify().unwrap(), snapshot);
        for number in [0, 1, count / 2, count.saturating_sub(1), count, count + 1] {
            let proof = folder.path().join("proof.json");
            fs::write(&proof, registry.prove(fingerprint(number)).unwrap().to_json()).unwrap();
            let asked = HEXLOWER.encode(&fingerprint(number).0);
            let (root, size) = (snapshot.root.to_hex(), count.to_string());
            let said = python(&["proof", &root, &size, &asked, proof.to_str().unwrap()]).unwrap();
            let expected = match number {
                number if number < count => format!("present: {number:016x}\n"),
                _ => "absent\n".to_owned(),
            };
            assert_eq!(said, expected, "{number} of {count}");
        }
    }
}
