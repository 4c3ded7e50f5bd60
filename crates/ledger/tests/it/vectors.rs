//! The contract in `spec/vectors/ledger.json`: what we write today is what was written there, and reads as it says.

use expect_test::expect_file;
use ledger::Ledger;
use mark::checkpoint::OpenError;
use mark::merkle::leaf_hash;
use mark::note::{SignerKey, VerifierKey, VerifyError};
use mark::tlog_proof::{ProofVerifyError, TlogProof};
use serde_json::{Value, json};

use crate::disk::FailingDisk;
use crate::{entry, key};

const SIZE: u64 = 300;

#[test]
fn what_we_write_is_what_the_vectors_hold() {
    let mut ledger = Ledger::create_in(Box::new(FailingDisk::default()), key()).unwrap();
    drop(ledger.commit((0..SIZE).map(entry).collect(), Vec::clone).unwrap());
    let mut receipts = Vec::new();
    let mut add = |name: &str, entry: &[u8], proof: &str, expected: &str| {
        let entry = str::from_utf8(entry).unwrap();
        receipts.push(json!({ "name": name, "entry": entry, "proof": proof, "expected": expected }));
    };
    for index in [0, 255, 256, 299] {
        let proof = ledger.prove(index).unwrap().to_string();
        add(&format!("entry {index}"), &entry(index), &proof, "included");
    }
    let good = ledger.prove(256).unwrap().to_string();
    let hash = good.lines().nth(2).unwrap();
    let stranger = SignerKey::generate("ledger.example/it", [8; 32]).unwrap();
    let mut theirs = Ledger::create_in(Box::new(FailingDisk::default()), stranger).unwrap();
    drop(theirs.commit((0..SIZE).map(entry).collect(), Vec::clone).unwrap());
    let rows = [
        ("another entry", entry(255), good.clone(), "not included"),
        ("another index", entry(256), good.replace("index 256", "index 257"), "not included"),
        ("an index past the end", entry(256), good.replace("index 256", "index 300"), "not included"),
        ("a hash missing", entry(256), good.replace(&format!("{hash}\n"), ""), "not included"),
        ("a hash twice", entry(256), good.replace(hash, &format!("{hash}\n{hash}")), "not included"),
        ("a changed size", entry(256), good.replace("\n300\n", "\n301\n"), "forged"),
        (
            "a stranger's log of the same name",
            entry(256),
            theirs.prove(256).unwrap().to_string(),
            "untrusted",
        ),
        (
            "extra data, which proves nothing",
            entry(256),
            good.replace("index", "extra AAAA\nindex"),
            "included",
        ),
        ("a leading zero", entry(256), good.replace("index 256", "index 0256"), "unreadable"),
        ("another version", entry(256), good.replace("@v1", "@v2"), "unreadable"),
        ("cut short", entry(256), good.trim_end().to_owned(), "unreadable"),
        ("Windows line ends", entry(256), good.replace('\n', "\r\n"), "unreadable"),
    ];
    for (name, entry, proof, expected) in &rows {
        add(name, entry, proof, expected);
    }
    let mut vectors = json!({
        "what": "Receipts of spec/ledger.md section 7, for a log whose entries are UTF-8 text.",
        "vkey": key().verifier().to_string(),
        "receipts": receipts,
    });
    vectors.sort_all_objects();
    let written = format!("{}\n", serde_json::to_string_pretty(&vectors).unwrap());
    expect_file!["../../../../spec/vectors/ledger.json"].assert_eq(&written);
}

#[test]
fn every_vector_reads_as_it_says() {
    let vectors: Value = serde_json::from_str(include_str!("../../../../spec/vectors/ledger.json")).unwrap();
    let trusted = [VerifierKey::parse(vectors["vkey"].as_str().unwrap()).unwrap()];
    let receipts = vectors["receipts"].as_array().unwrap();
    for receipt in receipts {
        let [name, entry, proof, expected] =
            ["name", "entry", "proof", "expected"].map(|field| receipt[field].as_str().unwrap());
        let leaf = leaf_hash(entry.as_bytes());
        let answer = TlogProof::parse(proof).map(|proof| proof.verify(&leaf, &trusted));
        let told = match answer {
            Err(_) => "unreadable",
            Ok(Ok(_)) => "included",
            Ok(Err(ProofVerifyError::NotIncluded)) => "not included",
            Ok(Err(ProofVerifyError::Checkpoint(OpenError::Signature(VerifyError::Untrusted)))) => {
                "untrusted"
            }
            Ok(Err(ProofVerifyError::Checkpoint(_))) => "forged",
        };
        assert_eq!(told, expected, "{name}");
    }
    assert_eq!(receipts.len(), 16);
}
